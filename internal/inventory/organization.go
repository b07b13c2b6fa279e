package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// OrganizationAccount is an account as AWS Organizations lists it.
type OrganizationAccount struct {
	ID    string // 12 digits
	Name  string
	State string // ACTIVE, or why it cannot be read, for example SUSPENDED
	// Units are the root and the organizational units that the account is in,
	// from the root down; nil when they were not asked for.
	Units []Unit
	Tags  map[string]string // nil when they were not asked for
}

// Unit is the root or an organizational unit of an organization.
type Unit struct{ ID, Name string }

// UnitPath returns the names of the units below the root, with / between. It is
// empty for an account in the root, or when the units were not asked for.
func (a *OrganizationAccount) UnitPath() string {
	var names []string
	for i, u := range a.Units {
		if i > 0 {
			names = append(names, u.Name)
		}
	}
	return strings.Join(names, "/")
}

// Within reports whether the account is in the unit, or below it, that has the
// ID or the path.
func (a *OrganizationAccount) Within(unit string) bool {
	path := a.UnitPath()
	return path == unit || strings.HasPrefix(path, unit+"/") || slices.ContainsFunc(a.Units, func(u Unit) bool { return u.ID == unit })
}

// AccountActive is the state of accounts that can be read.
const AccountActive = "ACTIVE"

// Failure is an error of AWS, or of asking it.
type Failure struct {
	Class   Class
	Message string // what failed, for whom, and what to do
}

func (f *Failure) Error() string { return f.Message }

// Coverage says whether an account is read, and if not, why.
type Coverage string

// The states of coverage.
const (
	CoverageRead      Coverage = "read"      // every call of the last passes succeeded
	CoverageDenied    Coverage = "denied"    // AWS refuses the role, or a permission is missing
	CoverageFailing   Coverage = "failing"   // calls fail for another reason
	CoveragePending   Coverage = "pending"   // it is still to be read for the first time
	CoverageExcluded  Coverage = "excluded"  // by the configuration
	CoverageSuspended Coverage = "suspended" // not active in the organization
)

// Member is an account that is to be read, or is known and not to be.
type Member struct {
	ID   string // empty for the ambient account while its ID is not known
	Name string // a person's name for the account, may be empty
	Unit string // path of its organizational unit, names with / between; empty when unknown, or in the root
	Tags map[string]string

	// Coverage is CoverageExcluded or CoverageSuspended for accounts that are
	// not to be read, and CoveragePending while the account's regions are still
	// to be asked for. Otherwise it is empty, and follows from what is read.
	Coverage Coverage
	// Failure is why the regions in which the account is to be read could not be
	// found, or not all of them; nil when they were.
	Failure *Failure
	Why     string // it is excluded or suspended
}

// MemberStatus is a member with how it is covered.
type MemberStatus struct {
	Member
	Regions int // in which it is read
}

// Cover works out how a member is covered from the readings of its targets,
// which are nil for a target that is still to be read.
func (m Member) Cover(readings []*Reading) MemberStatus {
	s := MemberStatus{Member: m, Regions: len(readings)}
	if m.Coverage == CoverageExcluded || m.Coverage == CoverageSuspended {
		return s
	}
	see := func(class Class, why string) {
		if !class.Failed() || s.Coverage == CoverageDenied {
			return
		}
		if class == Denied {
			s.Coverage, s.Why = CoverageDenied, why
		} else if s.Coverage != CoverageFailing {
			s.Coverage, s.Why = CoverageFailing, why
		}
	}
	if m.Failure != nil {
		see(m.Failure.Class, m.Failure.Message)
	}
	pending := 0
	for _, r := range readings {
		if r == nil {
			pending++
			continue
		}
		for _, o := range r.Outcomes {
			see(o.Class, o.Message)
		}
	}
	if s.Coverage != "" { // Also one whose regions are still to be asked for.
		return s
	}
	s.Coverage = CoverageRead
	if pending > 0 {
		s.Coverage, s.Why = CoveragePending, fmt.Sprintf("%d of %d regions are still to be read for the first time", pending, len(readings))
	}
	return s
}
