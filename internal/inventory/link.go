package inventory

import (
	"cmp"
	"slices"
	"time"
)

// Reason says what keeps a pool from mailing a person outside.
type Reason string

// The reasons, in the order in which a person would look at them.
const (
	IdentityMissing      Reason = "identity_missing"
	IdentityUnverified   Reason = "identity_unverified"
	CrossAccountIdentity Reason = "cross_account_identity"
	UnsupportedRegion    Reason = "unsupported_region"
	FromMismatch         Reason = "from_mismatch"
	Sandbox              Reason = "sandbox"
	SendingDisabled      Reason = "sending_disabled"
	AccountShutdown      Reason = "account_shutdown"
	SendQuotaReached     Reason = "send_quota_reached"
	DefaultQuotaReached  Reason = "default_quota_reached"
)

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{
		IdentityMissing, IdentityUnverified, CrossAccountIdentity, UnsupportedRegion, FromMismatch,
		Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached, DefaultQuotaReached,
	}
}

// Quota is a limit on e-mails and how much of it is used.
type Quota struct {
	Limit float64
	Used  float64
}

// Headroom is how many e-mails are left, never less than none.
func (q Quota) Headroom() float64 { return max(0, q.Limit-q.Used) }

// UsedRatio is the used part of the limit; ok is false for a limit of zero.
func (q Quota) UsedRatio() (ratio float64, ok bool) {
	if q.Limit <= 0 {
		return 0, false
	}
	return q.Used / q.Limit, true
}

// Reached reports whether nothing is left.
func (q Quota) Reached() bool { return q.Used >= q.Limit }

// Finite returns the quota as limit and use, or nil when it is unlimited or unknown.
func (q *SendQuota) Finite() *Quota {
	if q == nil || q.Unlimited {
		return nil
	}
	return &Quota{Limit: q.Limit, Used: q.Used}
}

// Pool is a user pool linked to what its e-mail depends on.
type Pool struct {
	UserPool
	Target Target

	// Identity is the name of the identity that the pool sends as: the most
	// specific one that exists and covers the SourceArn's, or the SourceArn's
	// own when none does or it is not known. Empty without SourceArn.
	Identity       string
	IdentityRegion string // "*" for an own FROM in all alternate regions
	Verified       Tri    // of the identity, itself or through its domain

	SES   *SESState // that a DEVELOPER pool sends through; nil for others or when unknown
	Quota *Quota    // the send quota of that account; nil when unlimited or unknown

	// What the pool sent since QuotaReset's day began, by source, for a pool
	// with the built-in sender; nil when unknown.
	SentCloudWatch, SentCloudTrail *float64

	DefaultQuota *Quota         // the built-in sender's quota that applies; nil for others or when unknown
	QuotaReset   time.Time      // when that quota begins anew; zero for others
	Exhaustion   time.Time      // when it is, or was, used up; zero when it lasts until the reset or is unknown
	Failures     map[string]int // mails that were not sent, by [FailureReason], of the day; nil when unknown
	Reputation   *Reputation    // of the SES account that it sends through; nil when unknown

	Ready   Tri      // can it mail a person outside?
	Blocked []Reason // each reason that is known to hold
}

// Mode returns the pool's mode, ModeUnknown without settings.
func (p *Pool) Mode() Mode {
	if p.Settings == nil {
		return ModeUnknown
	}
	return p.Settings.Mode
}

// CustomSender reports whether a Lambda takes over the pool's sending.
func (p *Pool) CustomSender() Tri {
	if p.Settings == nil {
		return Unknown
	}
	return Known(p.Settings.CustomSender)
}

// sesIndex finds SES facts by account and region.
type sesIndex map[Key]sesFacts

type sesFacts struct {
	account    *SESState
	reputation *Reputation
	identities map[string]Identity // by canonical name
	complete   bool                // a name that is not in identities does not exist
}

func indexSES(readings []Reading) sesIndex {
	idx := make(sesIndex, len(readings))
	for _, r := range readings {
		f := sesFacts{account: r.SES, reputation: r.Reputation, identities: make(map[string]Identity, len(r.Identities)), complete: !r.IdentitiesListed.IsZero()}
		for _, i := range r.Identities {
			f.identities[CanonicalIdentity(i.Name)] = i
		}
		idx[r.Target.Key()] = f
	}
	return idx
}

// resolve returns the most specific existing identity that covers name, and
// whether any one exists and any one is verified.
func (f sesFacts) resolve(name string) (wins Identity, exists, verified Tri) {
	exists, verified = No, No
	for _, candidate := range CoveringIdentities(name) {
		i, ok := f.identities[candidate]
		switch {
		case !ok && !f.complete:
			exists, verified = exists.Or(Unknown), verified.Or(Unknown)
		case !ok || i.Missing:
		default:
			if wins.Name == "" {
				wins = i
			}
			exists, verified = Yes, verified.Or(i.Verified)
		}
	}
	return wins, exists, verified
}

// verdict collects the inputs of one pool's verdict.
type verdict struct {
	blocked []Reason
	unknown bool
}

// block takes note of whether the reason holds.
func (v *verdict) block(r Reason, holds Tri) {
	switch holds {
	case Yes:
		if !slices.Contains(v.blocked, r) {
			v.blocked = append(v.blocked, r)
		}
	case Unknown:
		v.unknown = true
	case No:
	}
}

// ready is No as soon as one reason is known to hold, whatever is unknown.
func (v *verdict) ready() Tri {
	switch {
	case len(v.blocked) > 0:
		return No
	case v.unknown:
		return Unknown
	default:
		return Yes
	}
}

// link finds out what the pool's e-mail depends on and judges it.
func (idx sesIndex) link(t Target, up UserPool, quotas *tally) Pool {
	p := Pool{UserPool: up, Target: t}
	if up.Settings == nil {
		return p
	}
	var v verdict
	if up.Settings.SourceARN != "" {
		idx.linkIdentity(&p, &v)
	}
	switch up.Settings.Mode {
	case ModeDefault:
	case ModeDeveloper:
		v.block(IdentityMissing, Known(up.Settings.SourceARN == ""))
		if !up.Settings.CustomSender {
			idx.linkAccount(&p, &v)
		}
	default:
		v.unknown = true
	}
	quotas.apply(&p, &v)
	if up.Settings.CustomSender {
		return p // It sends by means that are not visible from here.
	}
	slices.SortFunc(v.blocked, func(a, b Reason) int {
		return cmp.Compare(slices.Index(Reasons(), a), slices.Index(Reasons(), b))
	})
	p.Ready, p.Blocked = v.ready(), v.blocked
	return p
}

// linkIdentity follows the SourceArn.
func (idx sesIndex) linkIdentity(p *Pool, v *verdict) {
	ref, ok := ParseSourceARN(p.Settings.SourceARN)
	if !ok {
		v.unknown = true
		return
	}
	p.Identity, p.IdentityRegion = ref.Name, ref.Region
	v.block(FromMismatch, Known(!fromFits(p.Settings.From, ref.Name)))
	if ref.AccountID != p.Target.AccountID {
		v.block(CrossAccountIdentity, Yes)
		return
	}
	p.Verified = Yes
	for _, region := range identityRegions(p.Target.Region, ref.Region) {
		v.block(UnsupportedRegion, mayUse(p.Target.Region, region, p.Settings.Mode).Not())
		identity, exists, verified := idx[Key{p.Target.AccountID, region}].resolve(ref.Name)
		if identity.Name != "" {
			p.Identity = identity.Name
		}
		v.block(IdentityMissing, exists.Not())
		if exists != No {
			v.block(IdentityUnverified, verified.Not())
			// What is not verified cannot send for that reason alone.
			v.block(SendingDisabled, Known(identity.Verified == Yes && identity.SendingEnabled == No))
		}
		p.Verified = p.Verified.And(verified)
	}
}

// fromFits reports whether the From value belongs to the identity. Without one
// an address identity stands for itself; a domain identity needs one.
func fromFits(from, identity string) bool {
	if from == "" {
		_, _, isAddress := cutAddress(identity)
		return isAddress
	}
	return Covers(identity, from)
}

// identityRegions returns the SES regions that a SourceArn's region stands for.
func identityRegions(poolRegion, arnRegion string) []string {
	if arnRegion == "*" {
		return splitRegions(poolRegion)
	}
	return []string{arnRegion}
}

// linkAccount finds the SES account that a DEVELOPER pool sends through.
func (idx sesIndex) linkAccount(p *Pool, v *verdict) {
	ref, ok := ParseSourceARN(p.Settings.SourceARN)
	if !ok || ref.AccountID != p.Target.AccountID {
		return // There is none; the identity's reasons say why.
	}
	facts := idx[Key{p.Target.AccountID, identityRegions(p.Target.Region, ref.Region)[0]}]
	ses := facts.account
	p.Reputation = facts.reputation
	if ses == nil {
		v.unknown = true
		return
	}
	p.SES, p.Quota = ses, ses.Quota.Finite()
	v.block(Sandbox, ses.Sandbox)
	v.block(SendingDisabled, ses.SendingEnabled.Not())
	switch ses.Enforcement {
	case "HEALTHY", "PROBATION":
	case "SHUTDOWN":
		v.block(AccountShutdown, Yes)
	default:
		v.unknown = true
	}
	switch {
	case ses.Quota == nil:
		v.unknown = true
	case p.Quota != nil:
		v.block(SendQuotaReached, Known(p.Quota.Reached()))
	}
}
