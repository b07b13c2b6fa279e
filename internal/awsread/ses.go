package awsread

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const identitiesPerPage = 1000 // the most that ListEmailIdentities gives

// readAccount reads the account's state.
func (p *pass) readAccount(ctx context.Context) {
	var body bytes.Buffer
	out, err := p.place.ses.GetAccount(ctx, nil, func(o *sesv2.Options) { o.APIOptions = append(o.APIOptions, keepBody(&body)) })
	if err == nil && out.SendQuota == nil && out.EnforcementStatus == nil {
		err = errMalformed // Its booleans would read as sandbox and disabled.
	}
	var given accountBody
	if err == nil {
		err = json.NewDecoder(&body).Decode(&given)
	}
	if err != nil {
		p.fail(ctx, inventory.APISES, "GetAccount", err)
		return
	}
	if p.reading.SES, err = accountOf(out, &given, time.Now()); err != nil {
		p.fail(ctx, inventory.APISES, "GetAccount", err)
	}
}

// accountBody has what an answer of GetAccount gives; nil is null or absent.
type accountBody struct {
	ProductionAccessEnabled, SendingEnabled *bool
	SendQuota                               struct {
		Max24HourSend, MaxSendRate, SentLast24Hours *json.RawMessage
	}
}

// used returns the names of the identities in this region that pools of the
// account send as, as far as they are known.
func (p *pass) used(pools []inventory.UserPool) []string {
	names := slices.Clone(p.reading.Target.Identities)
	for _, n := range inventory.Needs(inventory.Reading{Target: p.reading.Target, Pools: pools}) {
		if n.Key == p.reading.Target.Key() {
			names = append(names, n.Identities...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// accountOf takes over what makes sense. The error names the first value that
// does not, which is unknown.
func accountOf(out *sesv2.GetAccountOutput, given *accountBody, now time.Time) (*inventory.SESState, error) {
	s := &inventory.SESState{
		Confirmed:   now,
		Enforcement: known(inventory.EnforcementStatuses(), aws.ToString(out.EnforcementStatus), "UNKNOWN"),
		Review:      "NONE",
		Quota:       inventory.Quota{Kind: inventory.QuotaSend},
	}
	if d := out.Details; d != nil && d.ReviewDetails != nil {
		s.Review = known(inventory.ReviewStatuses(), string(d.ReviewDetails.Status), "")
	}
	var wrong error
	refuse := func(field string, value any) {
		if wrong == nil {
			wrong = fmt.Errorf("%w: %s is %v", errValue, field, value)
		}
	}
	if yes := given.ProductionAccessEnabled; yes != nil {
		s.Sandbox = inventory.Known(!*yes)
	} else {
		refuse("ProductionAccessEnabled", nil)
	}
	if yes := given.SendingEnabled; yes != nil {
		s.SendingEnabled = inventory.Known(*yes)
	} else {
		refuse("SendingEnabled", nil)
	}
	q := out.SendQuota
	if q == nil {
		return s, wrong
	}
	// number reports whether AWS gives the number, and it counts something, or is -1 where that is no limit.
	number := func(field string, raw *json.RawMessage, n float64, unlimited bool) bool {
		switch {
		case raw == nil:
			refuse("SendQuota."+field, nil)
		case counts(n), unlimited && n == -1:
			return true
		default:
			refuse("SendQuota."+field, n)
		}
		return false
	}
	limit := number("Max24HourSend", given.SendQuota.Max24HourSend, q.Max24HourSend, true)
	if used := number("SentLast24Hours", given.SendQuota.SentLast24Hours, q.SentLast24Hours, false); limit && used {
		s.Quota = inventory.SendQuota(q.Max24HourSend, q.SentLast24Hours)
	}
	if number("MaxSendRate", given.SendQuota.MaxSendRate, q.MaxSendRate, true) {
		s.RateKnown, s.MaxSendRate = true, q.MaxSendRate
	}
	return s, wrong
}

// known returns value if it is one of the values, else otherwise.
func known(values []string, value, otherwise string) string {
	if slices.Contains(values, value) {
		return value
	}
	return otherwise
}

// identitiesKnown reports whether the last list of the identities is recent
// enough to do while every identity in use is verified.
func (p *pass) identitiesKnown() bool {
	at := p.reading.IdentitiesListed
	return !at.IsZero() && p.reading.Start.Sub(at) < p.opts.IdentitiesEvery
}

// listIdentities returns what is known of the identities by canonical name,
// and whether they are all there are. With recent, which takes the pools to be
// read, the list of before is the answer unless an identity in use is not
// verified by it: that may have changed, or it is a new one.
func (p *pass) listIdentities(ctx context.Context, recent bool) (facts map[string]inventory.Identity, complete bool) {
	facts = make(map[string]inventory.Identity, len(p.reading.Identities))
	listed := map[string]inventory.Identity{}
	for _, i := range p.reading.Identities {
		facts[inventory.CanonicalIdentity(i.Name)] = i
	}
	if recent && (ctx.Err() != nil || verified(facts, p.used(p.reading.Pools))) { // When Cognito took all the time, SES is not to blame.
		return facts, true
	}
	complete = true
	token, start := "", time.Now()
	pages := sesv2.NewListEmailIdentitiesPaginator(p.place.ses,
		&sesv2.ListEmailIdentitiesInput{PageSize: aws.Int32(identitiesPerPage)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err == nil && (page.EmailIdentities == nil || repeats(page.NextToken, &token) ||
			slices.ContainsFunc(page.EmailIdentities, func(i types.IdentityInfo) bool { return aws.ToString(i.IdentityName) == "" })) {
			err = errMalformed
		}
		if err != nil {
			p.fail(ctx, inventory.APISES, "ListEmailIdentities", err)
			complete = false
			break
		}
		now := time.Now()
		for _, i := range page.EmailIdentities {
			id := identityOf(i, now)
			if before, ok := facts[inventory.CanonicalIdentity(id.Name)]; ok && id.Verified == inventory.Unknown && before.Status == id.Status {
				id.Verified, id.ErrorType, id.Asked = before.Verified, before.ErrorType, before.Asked
			}
			listed[inventory.CanonicalIdentity(id.Name)] = id
		}
	}
	if complete {
		facts = listed
		p.reading.IdentitiesListed = start // Not later than any identity's, or one would go stale before its list and count as missing.
	} else {
		maps.Copy(facts, listed)
	}
	return facts, complete
}

// verified reports whether each of the names is covered by an identity that is
// verified.
func verified(facts map[string]inventory.Identity, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		return !slices.ContainsFunc(inventory.CoveringIdentities(name), func(name string) bool {
			return !facts[name].Missing && facts[name].Status == "SUCCESS"
		})
	})
}

// readIdentities asks one by one for the identities in use that the list has
// no final word on: whose status is not SUCCESS, or all of them when there is
// no list.
func (p *pass) readIdentities(ctx context.Context, facts map[string]inventory.Identity, complete bool, used []string) {
	for _, name := range p.wanted(facts, complete, used) {
		out, err := p.place.ses.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: aws.String(name)})
		now := time.Now()
		if classOf(err) == inventory.NotFound {
			facts[name] = inventory.Identity{Name: name, Missing: true, Confirmed: now}
			continue
		}
		if err == nil && out.IdentityType == "" && out.VerificationStatus == "" {
			err = errMalformed
		}
		if err != nil {
			p.fail(ctx, inventory.APISES, "GetEmailIdentity", err)
			continue
		}
		i := inventory.Identity{
			Name: cmp.Or(facts[name].Name, name), SendingEnabled: facts[name].SendingEnabled, Confirmed: now, Asked: now,
			Verified: inventory.Known(out.VerifiedForSendingStatus),
			Status:   known(inventory.VerificationStatuses(), string(out.VerificationStatus), "UNKNOWN"),
		}
		if out.VerificationInfo != nil {
			i.ErrorType = string(out.VerificationInfo.ErrorType)
		}
		facts[name] = i
	}
	identities := make([]inventory.Identity, 0, len(facts))
	for _, i := range facts {
		identities = append(identities, i)
	}
	slices.SortFunc(identities, func(a, b inventory.Identity) int { return cmp.Compare(a.Name, b.Name) })
	p.reading.Identities = identities
}

// identityOf takes over one entry of the list. A temporary failure may or may
// not stop the sending, which only GetEmailIdentity tells.
func identityOf(i types.IdentityInfo, now time.Time) inventory.Identity {
	id := inventory.Identity{
		Name: sharedText(i.IdentityName), Confirmed: now,
		Status: known(inventory.VerificationStatuses(), string(i.VerificationStatus), "UNKNOWN"),
	}
	if id.Status != "UNKNOWN" {
		id.SendingEnabled = inventory.Known(i.SendingEnabled)
	}
	switch id.Status {
	case "SUCCESS":
		id.Verified = inventory.Yes
	case "PENDING", "FAILED", "NOT_STARTED":
		id.Verified = inventory.No
	}
	return id
}

// listSays are the statuses with which the list says all about an identity.
var listSays = []string{"SUCCESS", "PENDING", "FAILED", "NOT_STARTED"}

// wanted returns the canonical names to ask for one by one, those with the
// oldest answer first so that a short budget starves none.
func (p *pass) wanted(facts map[string]inventory.Identity, complete bool, used []string) []string {
	var names []string
	for _, one := range used {
		for _, name := range inventory.CoveringIdentities(one) {
			i, ok := facts[name]
			if ok && !i.Missing && i.Status == "SUCCESS" && (complete || i.Confirmed.After(p.reading.Start)) {
				break // Verified; what is less specific does not matter.
			}
			if ok && !slices.Contains(listSays, i.Status) || !complete {
				names = append(names, name)
			}
		}
	}
	asked := map[string]time.Time{}
	for _, i := range p.reading.Identities { // Still those of the pass before.
		asked[inventory.CanonicalIdentity(i.Name)] = i.Confirmed
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(asked[a].Compare(asked[b]), cmp.Compare(a, b)) })
	return slices.Compact(names)
}
