package awssim

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Organization is what the accounts of a fleet are members of. Its management
// account is the first one.
type Organization struct {
	NotInUse  bool     `yaml:"not_in_use,omitempty"` // there is none
	Delegated []string `yaml:"delegated,omitempty"`  // accounts that are delegated administrators
	Units     []string `yaml:"units,omitempty"`      // paths of organizational units in which there need not be an account
}

const (
	maxAccounts    = 20 // the most that Organizations lists at once
	maxUnitDepth   = 5
	organizationID = "o-awssim0000"
	rootID         = "r-awss"
	// organizationsRate is a guess: AWS says that it throttles, and not from which rate on.
	organizationsRate = 10
)

var (
	accountStates = []string{"PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"}
	parentID      = regexp.MustCompile(`^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$`)
	childID       = regexp.MustCompile(`^([0-9]{12}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$`)
)

// unitID is the ID of the organizational unit of that path. The empty path is
// the root.
func unitID(path string) string {
	if path == "" {
		return rootID
	}
	return "ou-awss-" + hex.EncodeToString(digest(path))[:8]
}

// parentPath is the path of the unit that the one of this path is in.
func parentPath(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

func checkUnit(path string) error {
	names := strings.Split(path, "/")
	if path != "" && (len(names) > maxUnitDepth || slices.ContainsFunc(names, func(name string) bool { return name == "" || len(name) > 128 })) {
		return fmt.Errorf("organizational unit %q is not names of 1 to 128 characters with / between, at most %d of them", path, maxUnitDepth)
	}
	return nil
}

// completeOrganization fills in what was not given and checks the rest.
func (f *Fleet) completeOrganization() error {
	for _, path := range f.Organization.Units {
		if err := checkUnit(path); err != nil {
			return err
		}
	}
	for _, id := range f.Organization.Delegated {
		if f.account(id) == nil {
			return fmt.Errorf("organization.delegated: there is no account %q", id)
		}
	}
	for i := range f.Accounts {
		a := &f.Accounts[i]
		assume(&a.State, "ACTIVE")
		if err := cmp.Or(oneOf("state", a.State, accountStates...), checkUnit(a.Unit)); err != nil {
			return fmt.Errorf("account %s: %w", a.ID, err)
		}
	}
	return nil
}

// units returns the paths of all organizational units, sorted.
func (f *Fleet) units() []string {
	paths := map[string]bool{}
	add := func(path string) {
		for ; path != ""; path = parentPath(path) {
			paths[path] = true
		}
	}
	for _, path := range f.Organization.Units {
		add(path)
	}
	for i := range f.Accounts {
		add(f.Accounts[i].Unit)
	}
	return slices.Sorted(maps.Keys(paths))
}

// inOrganization is an operation that only the management account and
// delegated administrators may call.
func inOrganization(handle func(*call) (object, error)) func(*call) (object, error) {
	return func(c *call) (object, error) {
		switch o := &c.fleet.Organization; {
		case o.NotInUse:
			return nil, badRequest("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
		case c.account != c.fleet.Accounts[0].ID && !slices.Contains(o.Delegated, c.account):
			return nil, badRequest("AccessDeniedException", "You don't have permissions to access this resource.")
		}
		return handle(c)
	}
}

func (c *call) organizationARN(what string) string {
	return "arn:" + partition(c.region) + ":organizations::" + c.fleet.Accounts[0].ID + ":" + what
}

func (c *call) accountPage(accounts []Account, bound string) (object, error) {
	return listing[Account]{
		key: "Accounts", items: accounts, name: func(a Account) string { return a.ID }, min: 1, max: maxAccounts, fallback: maxAccounts, bound: bound,
		show: func(a Account) any {
			status := a.State
			if status == "PENDING_ACTIVATION" || status == "CLOSED" { // The older field does not have them.
				status = "SUSPENDED"
			}
			return object{
				"Id": a.ID, "Name": cmp.Or(a.Name, a.ID), "Email": "aws+" + a.ID + "@example.com", "State": a.State, "Status": status,
				"Arn":          c.organizationARN("account/" + organizationID + "/" + a.ID),
				"JoinedMethod": "CREATED", "JoinedTimestamp": stamp(epoch),
			}
		},
	}.page(c)
}

func listAccounts(c *call) (object, error) { return c.accountPage(c.fleet.Accounts, "") }

func listRoots(c *call) (object, error) {
	return listing[string]{
		key: "Roots", items: []string{rootID}, name: same, min: 1, max: maxAccounts, fallback: maxAccounts,
		show: func(id string) any {
			return object{"Id": id, "Name": "Root", "Arn": c.organizationARN("root/" + organizationID + "/" + id), "PolicyTypes": []any{}}
		},
	}.page(c)
}

// ofParent is an operation on the root or organizational unit that the call names.
func ofParent(handle func(c *call, path string) (object, error)) func(*call) (object, error) {
	return func(c *call) (object, error) {
		id := c.params.text("ParentId")
		switch {
		case id == "":
			return nil, c.invalid("ParentId", nil, "not be null")
		case !parentID.MatchString(id):
			return nil, c.invalid("ParentId", id, "satisfy regular expression pattern: ^(r-[0-9a-z]{4,32})|(ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$")
		}
		for _, path := range append(c.fleet.units(), "") {
			if unitID(path) == id {
				return handle(c, path)
			}
		}
		return nil, badRequest("ParentNotFoundException", "You specified parent that doesn't exist.")
	}
}

func listAccountsForParent(c *call, path string) (object, error) {
	accounts := slices.DeleteFunc(slices.Clone(c.fleet.Accounts), func(a Account) bool { return a.Unit != path })
	return c.accountPage(accounts, path)
}

func listOrganizationalUnitsForParent(c *call, path string) (object, error) {
	units := slices.DeleteFunc(c.fleet.units(), func(p string) bool { return parentPath(p) != path })
	return listing[string]{
		key: "OrganizationalUnits", items: units, name: same, min: 1, max: maxAccounts, fallback: maxAccounts, bound: path,
		show: func(p string) any {
			return object{"Id": unitID(p), "Name": p[strings.LastIndexByte(p, '/')+1:], "Arn": c.organizationARN("ou/" + organizationID + "/" + unitID(p))}
		},
	}.page(c)
}

// child returns the account that a parameter names, nil without one, and the
// path of the organizational unit otherwise.
func (c *call) child(name string) (a *Account, path string, err error) {
	id := c.params.text(name)
	switch {
	case id == "":
		return nil, "", c.invalid(name, nil, "not be null")
	case !childID.MatchString(id):
		return nil, "", c.invalid(name, id, "satisfy regular expression pattern: ^(\\d{12})|(ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$")
	}
	if a = c.fleet.account(id); a != nil {
		return a, "", nil
	}
	for _, path := range c.fleet.units() {
		if unitID(path) == id {
			return nil, path, nil
		}
	}
	return nil, "", nil
}

func listParents(c *call) (object, error) {
	a, path, err := c.child("ChildId")
	if err != nil {
		return nil, err
	}
	var parent string
	switch {
	case a != nil:
		parent = a.Unit
	case path != "":
		parent = parentPath(path)
	default:
		return nil, badRequest("ChildNotFoundException", "You specified child that doesn't exist.")
	}
	kind := "ORGANIZATIONAL_UNIT"
	if parent == "" {
		kind = "ROOT"
	}
	return object{"Parents": []any{object{"Id": unitID(parent), "Type": kind}}}, nil
}

// listTagsForResource lists an account's tags. Organizational units have none
// here.
func listTagsForResource(c *call) (object, error) {
	a, path, err := c.child("ResourceId")
	switch {
	case err != nil:
		return nil, err
	case a == nil && path == "":
		return nil, badRequest("TargetNotFoundException", "You specified a target that doesn't exist.")
	case a == nil:
		return object{"Tags": []any{}}, nil
	}
	return object{"Tags": tagList(a.Tags)}, nil
}
