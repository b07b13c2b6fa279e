package awsread

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const (
	// organizationsRate is how many requests per second a listing makes. AWS
	// throttles, and does not say from which rate on.
	organizationsRate = 8
	maxUnits          = 5000 // five times of what AWS allows
	maxName           = 256  // more than AWS allows
)

var (
	accountID    = regexp.MustCompile(`^[0-9]{12}$`)
	unitID       = regexp.MustCompile(`^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$`)
	accountState = regexp.MustCompile(`^[A-Z_]{1,40}$`)
)

// hub is what lists the organization; of its account it needs the credentials.
type hub struct {
	account *account
	client  *organizations.Client
}

// organizationHub returns what lists the organization, made at its first use. Another role,
// external ID or region of STS makes it anew.
func (r *Reader) organizationHub() *hub {
	conf := r.opts.Load().Organization
	region := inventory.Home(inventory.Partition(r.base.Region))
	if part := strings.SplitN(conf.RoleARN, ":", 3); len(part) == 3 {
		region = inventory.Home(part[1])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hub != nil && r.hub.account.conf == conf && r.hub.account.region == r.stsRegion(region) {
		return r.hub
	}
	pace, own := newBudget(organizationsRate, organizationsRate), budgets{}
	for _, operation := range Operations()[inventory.APIOrganizations] {
		own[operation] = pace
	}
	a := r.newAccount(conf, region)
	r.hub = &hub{a, organizations.NewFromConfig(a.config(inventory.APIOrganizations, region, own))}
	return r.hub
}

// Organization lists every account of the organization that
// [Options.Organization] is in, sorted by ID; units and tags say whether their
// organizational units and tags are asked for, too, of those that are active.
// It is all or nothing: an error is an [*inventory.Failure].
func (r *Reader) Organization(ctx context.Context, units, tags bool) ([]inventory.OrganizationAccount, error) {
	h := r.organizationHub()
	l := &organizationListing{client: h.client, byID: map[string]*inventory.OrganizationAccount{}, units: map[string][]inventory.Unit{}}
	err := l.run(ctx, h.account, units, tags)
	if err != nil {
		return nil, r.organizationFailure(h.account.conf, l.operation, err)
	}
	all := make([]inventory.OrganizationAccount, 0, len(l.byID))
	for _, a := range l.byID {
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b inventory.OrganizationAccount) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

// organizationFailure words an error of the listing.
func (r *Reader) organizationFailure(conf Account, operation string, err error) *inventory.Failure {
	class := classOf(err)
	who := "with the ambient credentials"
	if conf.RoleARN != "" {
		who = "with role " + conf.RoleARN
	}
	what := remedy(class)
	switch own, ok := errors.AsType[*ownError](err); {
	case ok:
		what = own.remedy
	case class == inventory.Denied:
		what = "use a role of the management account or of a delegated administrator, with the permissions of deploy/aws/discovery-policy.json"
	case codeOf(err) == "AWSOrganizationsNotInUseException":
		what = "check that organization.role_arn is a role of the organization's management account"
	case class == inventory.Throttled:
		what = "lengthen organization.refresh_interval if it goes on"
	}
	f := &inventory.Failure{Class: class, Message: fmt.Sprintf("%s of the organization %s: %s; %s", operation, who, cause(err), what)}
	r.opts.Load().reportPanic(f.Message, err)
	return f
}

// organizationListing is one listing in progress.
type organizationListing struct {
	client    *organizations.Client
	operation string // the last one that was called
	byID      map[string]*inventory.OrganizationAccount
	units     map[string][]inventory.Unit // by the last one's ID, the units from the root down
}

func (l *organizationListing) run(ctx context.Context, a *account, units, tags bool) error {
	if a.session != nil { // Else the operation that fails is not the one that is told of.
		l.operation = "AssumeRole"
		if err := a.session.enter(ctx); err != nil {
			return err
		}
	}
	if err := l.accounts(ctx); err != nil {
		return err
	}
	if units {
		if err := l.roots(ctx); err != nil {
			return err
		}
	}
	for _, a := range l.byID {
		if a.State != inventory.AccountActive {
			continue
		}
		if units && a.Units == nil {
			if err := l.parent(ctx, a); err != nil {
				return err
			}
		}
		if tags {
			if err := l.tags(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *organizationListing) accounts(ctx context.Context) error {
	l.operation = "ListAccounts"
	err := pages(func(token *string) (*string, error) {
		out, err := l.client.ListAccounts(ctx, &organizations.ListAccountsInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, a := range out.Accounts {
			id := aws.ToString(a.Id)
			if !accountID.MatchString(id) || l.byID[id] != nil {
				return nil, errMalformed
			}
			state := cmp.Or(string(a.State), string(a.Status)) // The older field is what older endpoints have.
			if !accountState.MatchString(state) {
				state = "UNKNOWN"
			}
			l.byID[id] = &inventory.OrganizationAccount{ID: id, Name: clean(a.Name), State: state}
		}
		return out.NextToken, nil
	})
	if err == nil && len(l.byID) == 0 {
		err = errMalformed // The account that asks is in it, at least.
	}
	return err
}

// roots walks the organizational units from the roots down.
func (l *organizationListing) roots(ctx context.Context) error {
	l.operation = "ListRoots"
	var roots []types.Root
	err := pages(func(token *string) (*string, error) {
		out, err := l.client.ListRoots(ctx, &organizations.ListRootsInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		roots = append(roots, out.Roots...)
		return out.NextToken, nil
	})
	for _, root := range roots {
		if err == nil {
			err = l.walk(ctx, nil, inventory.Unit{ID: aws.ToString(root.Id), Name: clean(root.Name)})
		}
	}
	return err
}

// walk takes note of the accounts in a unit and walks the units below it.
func (l *organizationListing) walk(ctx context.Context, above []inventory.Unit, unit inventory.Unit) error {
	if !unitID.MatchString(unit.ID) || l.units[unit.ID] != nil || len(l.units) == maxUnits {
		return errMalformed
	}
	path := append(slices.Clip(above), unit)
	l.units[unit.ID] = path
	l.operation = "ListAccountsForParent"
	err := pages(func(token *string) (*string, error) {
		out, err := l.client.ListAccountsForParent(ctx, &organizations.ListAccountsForParentInput{ParentId: &unit.ID, NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, a := range out.Accounts {
			if known := l.byID[aws.ToString(a.Id)]; known != nil { // Else it joined after the accounts were listed.
				known.Units = path
			}
		}
		return out.NextToken, nil
	})
	if err != nil {
		return err
	}
	l.operation = "ListOrganizationalUnitsForParent"
	var below []inventory.Unit
	err = pages(func(token *string) (*string, error) {
		out, err := l.client.ListOrganizationalUnitsForParent(ctx, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &unit.ID, NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, u := range out.OrganizationalUnits {
			below = append(below, inventory.Unit{ID: aws.ToString(u.Id), Name: clean(u.Name)})
		}
		return out.NextToken, nil
	})
	for _, u := range below {
		if err == nil {
			err = l.walk(ctx, path, u)
		}
	}
	return err
}

// parent asks for the unit of an account that was in none when its unit was
// listed, since it moved meanwhile.
func (l *organizationListing) parent(ctx context.Context, a *inventory.OrganizationAccount) error {
	l.operation = "ListParents"
	out, err := l.client.ListParents(ctx, &organizations.ListParentsInput{ChildId: &a.ID})
	if err != nil {
		return err
	}
	if len(out.Parents) != 1 {
		return errMalformed
	}
	if a.Units = l.units[aws.ToString(out.Parents[0].Id)]; a.Units == nil {
		return &ownError{
			inventory.Other, "account " + a.ID + " is in an organizational unit that was not there when they were listed",
			"the organization is listed again soon",
		}
	}
	return nil
}

func (l *organizationListing) tags(ctx context.Context, a *inventory.OrganizationAccount) error {
	l.operation = "ListTagsForResource"
	a.Tags = map[string]string{}
	return pages(func(token *string) (*string, error) {
		out, err := l.client.ListTagsForResource(ctx, &organizations.ListTagsForResourceInput{ResourceId: &a.ID, NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, tag := range out.Tags {
			a.Tags[clean(tag.Key)] = clean(tag.Value)
		}
		return out.NextToken, nil
	})
}

// clean returns text of AWS that is no longer than it should be.
func clean(s *string) string {
	text := strings.ToValidUTF8(aws.ToString(s), "")
	if runes := []rune(text); len(runes) > maxName {
		return string(runes[:maxName])
	}
	return text
}

const maxPages = 10000

// pages asks for page after page, each with the token of the one before, until
// there is none. A token that comes a second time is an error: what is missing
// then must not be taken for gone.
func pages(ask func(token *string) (next *string, err error)) error {
	seen := map[string]bool{}
	var token *string
	for {
		next, err := ask(token)
		if err != nil || aws.ToString(next) == "" {
			return err
		}
		if seen[*next] || len(seen) == maxPages {
			return &ownError{inventory.Invalid, "the list is cut off: a page leads back to one before, or there is no end of them", remedy(inventory.Invalid)}
		}
		seen[*next], token = true, next
	}
}
