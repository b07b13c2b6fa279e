package inventory

import (
	"cmp"
	"slices"
	"strings"
)

// CauseKind is a kind of thing that a trouble can belong to.
type CauseKind string

// The kinds of causes: the pool alone, or what many pools share.
const (
	CausePool             CauseKind = "pool"
	CauseIdentity         CauseKind = "identity"
	CauseConfigurationSet CauseKind = "configuration_set"
	CauseSESAccount       CauseKind = "ses_account"
	CauseDefaultQuota     CauseKind = "default_quota"
	CauseTarget           CauseKind = "target" // the account in a region, as far as it can be read
)

// CauseKinds lists every kind.
func CauseKinds() []CauseKind {
	return []CauseKind{CausePool, CauseIdentity, CauseConfigurationSet, CauseSESAccount, CauseDefaultQuota, CauseTarget}
}

// Cause is the thing in an account that a trouble belongs to. Troubles with the
// same cause end together.
type Cause struct {
	Kind   CauseKind
	Region string // empty for a default quota that the whole account shares
	Name   string // the pool's ID, or the name of the identity or configuration set; empty for the others
}

// String joins what tells causes of an account apart, such as
// identity/eu-west-1/example.com.
func (c Cause) String() string {
	parts := slices.DeleteFunc([]string{string(c.Kind), c.Region, c.Name}, func(s string) bool { return s == "" })
	return strings.Join(parts, "/")
}

// MarshalText returns the cause as [Cause.String] does.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText takes apart what [Cause.String] has joined.
func (c *Cause) UnmarshalText(text []byte) error {
	parts := append(strings.SplitN(string(text), "/", 3), "", "")
	*c = Cause{CauseKind(parts[0]), parts[1], parts[2]}
	return nil
}

// Compare orders causes by kind, region and name.
func (c Cause) Compare(o Cause) int {
	return cmp.Or(cmp.Compare(c.Kind, o.Kind), cmp.Compare(c.Region, o.Region), cmp.Compare(c.Name, o.Name))
}

// ReasonCause returns what the reason belongs to, and the rule whose runbook is
// about it; empty for a reason that does not exist.
func ReasonCause(r Reason) (kind CauseKind, runbook string) {
	c := reasonCauses[r]
	return c.kind, c.runbook
}

// Cause returns the thing of the kind that the pool depends on. It is the pool
// itself where the pool has no such thing of its own account's.
func (p *Pool) Cause(kind CauseKind) Cause {
	own := Cause{CausePool, p.Target.Region, p.ID}
	if kind == CauseTarget {
		return Cause{kind, p.Target.Region, ""}
	}
	if p.Settings == nil {
		return own
	}
	if kind == CauseDefaultQuota && p.shares != nil {
		return Cause{kind, p.shares.Region, ""}
	}
	if len(p.Settings.Regions) == 0 {
		return own
	}
	region := p.Settings.Regions[0]
	if kind == CauseSESAccount {
		return Cause{kind, region, ""}
	}
	if kind == CauseIdentity {
		return Cause{kind, region, CanonicalIdentity(p.Identity)}
	}
	if kind == CauseConfigurationSet && p.ConfigurationSet != "" {
		return Cause{kind, region, p.ConfigurationSet}
	}
	return own
}

// CauseOf returns what keeps the pool from sending, when the reason holds.
func (p *Pool) CauseOf(r Reason) Cause {
	kind := reasonCauses[r].kind
	// It is disabled for the account, where that is known, or for the identity.
	if r == SendingDisabled && (p.SES == nil || p.SES.SendingEnabled != No) {
		kind = CauseIdentity
	}
	return p.Cause(kind)
}

// DependsOn reports whether the pool's e-mail needs the thing. An own FROM
// address needs its identity in several regions.
func (p *Pool) DependsOn(c Cause) bool {
	if c.Kind == CauseIdentity && p.CustomSender() == No {
		return slices.Contains(p.Settings.Regions, c.Region) && CanonicalIdentity(p.Identity) == c.Name
	}
	if c.Kind == CauseSESAccount && p.SES == nil {
		return false
	}
	return p.Cause(c.Kind) == c
}
