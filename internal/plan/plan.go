package plan

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// Kind is a kind of fix.
type Kind string

// The kinds of fixes.
const (
	ProductionAccess Kind = "production_access" // an SES account leaves the sandbox
	ResumeSending    Kind = "resume_sending"    // AWS ends its pause of an SES account
	EnableSending    Kind = "enable_sending"    // somebody disabled the sending of an SES account
	SendQuota        Kind = "send_quota"        // an SES account gets a higher one
	Reputation       Kind = "reputation"        // an SES account's bounces and complaints fall

	CreateIdentity Kind = "create_identity"
	VerifyIdentity Kind = "verify_identity"
	EnableIdentity Kind = "enable_identity" // SES does not send as a verified identity
	AllowCognito   Kind = "allow_cognito"   // the identity's policies let Cognito send
	MailFrom       Kind = "mail_from"
	DKIM           Kind = "dkim"

	CreateSet Kind = "create_configuration_set"
	EnableSet Kind = "enable_configuration_set"

	LeaveDefault Kind = "leave_default_sender" // pools send through SES instead
	ChangeSender Kind = "change_sender"        // one pool's own e-mail configuration
	FollowRule   Kind = "follow_rule"          // what a rule asks for that is none of these
)

// kinds lists every kind.
func kinds() []Kind {
	return []Kind{
		ProductionAccess, ResumeSending, EnableSending, SendQuota, Reputation,
		CreateIdentity, VerifyIdentity, EnableIdentity, AllowCognito, MailFrom, DKIM, CreateSet, EnableSet,
		LeaveDefault, ChangeSender, FollowRule,
	}
}

// changesPool reports whether the fix gives each pool another sender, whatever
// keeps the present one from working.
func (k Kind) changesPool() bool { return k == LeaveDefault || k == ChangeSender }

// ofIdentity reports whether the fix is about an SES identity.
func (k Kind) ofIdentity() bool {
	return slices.Contains([]Kind{CreateIdentity, VerifyIdentity, EnableIdentity, AllowCognito, MailFrom, DKIM}, k)
}

// key tells the fixes of an account apart.
type key struct {
	kind   Kind
	region string // of the thing; empty for a default quota of the whole account, and for FollowRule
	name   string // of the identity, lower case where SES ignores it, or configuration set, ID of the pool or rule; empty for the others
}

// Fix is what a person can do about one cause. It does not change.
type Fix struct {
	Kind        Kind
	AccountID   string
	AccountName string         // may be empty
	Region      string         // of the thing that is to change; empty where it is in several
	Name        string         // of the identity or configuration set, ID of the pool or rule; empty for the others
	Severity    rules.Severity // the worst
	Rules       []string       // whose runbooks are about it, the main one first

	// Unblocks are the blocked pools that can send once this is done, and
	// nothing else. Each list is sorted by region and ID.
	Unblocks []Pool
	Maybe    []Pool // blocked pools of which it is not known whether more is in the way
	Partly   []Pool // blocked pools that need other fixes as well
	Concerns []Pool // pools that are not blocked by it, and that a finding is about

	key     key
	weight  int                     // see weigh
	ses     *inventory.SESAccount   // that is to change, or that the identity is in; nil when unknown
	used    *inventory.UsedIdentity // that is to change; nil when unknown or missing
	denied  bool                    // a policy of the identity denies what pools ask
	nothing bool                    // no identity of the account is known to fit every pool that is to change
	finding *rules.Finding          // of FollowRule
}

// Pool is a user pool, as far as it concerns a fix.
type Pool struct {
	*inventory.Pool
	Also []*Fix // the other fixes that it needs, sorted by [Fix.ID]
}

// ID tells fixes apart. It is the same as long as the cause is.
func (f *Fix) ID() string {
	parts := slices.DeleteFunc([]string{string(f.Kind), f.AccountID, f.key.region, f.key.name}, func(s string) bool { return s == "" })
	return strings.Join(parts, "/")
}

// List are pools that the fix concerns in the same way.
type List struct {
	What  string // it has to do with them
	Pools []Pool
}

// Lists returns the pools that the fix is for: those that it unblocks, those that
// it may unblock, those that need more, then the others. Lists may be empty.
func (f *Fix) Lists() []List {
	return []List{
		{"Unblocks", f.Unblocks},
		{"May unblock; not everything about them is known", f.Maybe},
		{"Needed by, with more", f.Partly},
		{"About", f.Concerns},
	}
}

// Unblocked counts the pools that can send after one of the fixes.
func Unblocked(fixes []*Fix) int {
	pools := map[inventory.PoolKey]bool{}
	for _, f := range fixes {
		for _, p := range f.Unblocks {
			pools[p.Key()] = true
		}
	}
	return len(pools)
}

// weigh counts the pools that it unblocks, twice those that send codes by e-mail
// when users sign in.
func (f *Fix) weigh() {
	f.weight = len(f.Unblocks)
	for _, p := range f.Unblocks {
		if p.SignInEmail() == inventory.Yes {
			f.weight++
		}
	}
}

// compare puts first what unblocks the most pools, each that users sign in with
// by e-mail counted twice, then what is worst, and what may help the most.
func compare(a, b *Fix) int {
	most := func(n func(*Fix) int) int { return cmp.Compare(n(b), n(a)) }
	return cmp.Or(
		most(func(f *Fix) int { return f.weight }),
		most(func(f *Fix) int { return slices.Index(rules.Severities(), f.Severity) }),
		most(func(f *Fix) int { return len(f.Maybe) }),
		most(func(f *Fix) int { return len(f.Partly) }),
		most(func(f *Fix) int { return len(f.Concerns) }),
		cmp.Compare(slices.Index(kinds(), a.Kind), slices.Index(kinds(), b.Kind)),
		cmp.Compare(a.AccountID, b.AccountID),
		cmp.Compare(a.key.region, b.key.region),
		cmp.Compare(a.key.name, b.key.name),
	)
}

// Join returns the fixes of several accounts as one plan.
func Join(accounts ...[]*Fix) []*Fix {
	all := slices.Concat(accounts...)
	slices.SortFunc(all, compare)
	return all
}

// Of returns the plan of everything that is known.
func Of(j *rules.Judgement) []*Fix {
	each := make([][]*Fix, len(j.Accounts))
	for i, a := range j.Accounts {
		each[i] = Account(a, j.Each[i].Findings)
	}
	return Join(each...)
}

// Account returns the plan of one account.
func Account(a *inventory.Account, findings []rules.Finding) []*Fix {
	b := &builder{a: a, fixes: map[key]*Fix{}, has: map[key]map[inventory.PoolKey]bool{}, of: map[inventory.PoolKey][]*Fix{}, senders: map[string][]sender{}, identities: map[thing]*inventory.UsedIdentity{}}
	for i := range a.Identities {
		id := &a.Identities[i]
		b.identities[thing{id.Target.Region, inventory.CanonicalIdentity(id.Name)}] = id
	}
	for i := range a.Pools {
		if p := &a.Pools[i]; p.Ready == inventory.No {
			b.blocked(p)
		}
	}
	b.covering()
	for i := range findings {
		b.found(&findings[i])
	}
	all := slices.Collect(maps.Values(b.fixes))
	for _, f := range all {
		f.weigh()
		for _, list := range f.Lists() {
			slices.SortFunc(list.Pools, func(x, y Pool) int {
				return cmp.Or(x.Target.Key().Compare(y.Target.Key()), strings.Compare(x.ID, y.ID))
			})
		}
	}
	slices.SortFunc(all, compare)
	return all
}

// builder makes the plan of one account.
type builder struct {
	a       *inventory.Account
	fixes   map[key]*Fix
	has     map[key]map[inventory.PoolKey]bool // pools that the fixes have already
	of      map[inventory.PoolKey][]*Fix       // that a blocked pool needs
	covered []covered
	senders map[string][]sender // by the region of pools; see choices

	identities map[thing]*inventory.UsedIdentity
}

// thing is the canonical name of an identity in a region.
type thing struct{ region, name string }

// fix returns the fix with the key, which is new if need be. name is what people
// call the thing.
func (b *builder) fix(k key, name string) *Fix {
	f := b.fixes[k]
	if f != nil {
		return f
	}
	f = &Fix{Kind: k.kind, AccountID: b.a.ID, AccountName: b.a.Name, Region: k.region, Name: cmp.Or(name, k.name), Severity: rules.Info, key: k}
	for i := range b.a.SES {
		if b.a.SES[i].Target.Region == k.region {
			f.ses = &b.a.SES[i]
		}
	}
	if f.used = b.identities[thing{k.region, k.name}]; f.used != nil && k.kind.ofIdentity() {
		f.Name = f.used.Name
	}
	b.fixes[k], b.has[k] = f, map[inventory.PoolKey]bool{}
	return f
}

// about takes note of a reason that keeps pools from sending.
func (f *Fix) about(r inventory.Reason) {
	_, runbook := inventory.ReasonCause(r)
	f.by(runbook, rules.Critical)
}

// by takes note of a rule that the fix is about, and how bad it is.
func (f *Fix) by(rule string, severity rules.Severity) {
	if rule != "" && !slices.Contains(f.Rules, rule) {
		f.Rules = append(f.Rules, rule)
	}
	if severity.AtLeast(f.Severity) {
		f.Severity = severity
	}
}
