package inventory

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Account is what is known of one AWS account at one time, linked and judged.
// It does not change after [Judge] returned it, so that any number of readers
// may share it.
type Account struct {
	ID, Name string
	At       time.Time

	Targets  int       // configured, read or not
	Readings []Reading // sorted by region; without those that are still to be read
	Pending  []string  // the regions that are still to be read
	Others   []Reading // sorted by region; of regions that are no part of it, see [Snapshot.In]

	Pools         []Pool          // sorted by region and ID
	SES           []SESAccount    // sorted by region
	Identities    []UsedIdentity  // that exist, sorted by region and name
	DefaultQuotas []SharedQuota   // sorted by region
	Unattributed  map[Key]float64 // e-mails of the day whose CloudTrail events do not tell the pool; absent when unknown
	Undecided     map[Key]float64 // e-mails of the day that may have been sent, or not; likewise

	// PoolsUnknown says that there are targets whose pools should be known, and
	// none are: a count of pools or findings would be made up.
	PoolsUnknown bool
	// Incomplete says that not every pool of the account is known with its mode.
	Incomplete bool

	policy  Policy // that it was judged by
	leaving bool   // a pool left SES of its own lately, or may have
}

// Moves reports whether the verdicts or forecasts of the account depend on the
// time, although no fact changes: what was sent, or changed, becomes older.
func (a *Account) Moves() bool {
	moves := func(q *Quota) bool { return q.Used > 0 || q.AtMost > 0 }
	return slices.ContainsFunc(a.DefaultQuotas, func(q SharedQuota) bool { return moves(&q.Quota) }) ||
		slices.ContainsFunc(a.Pools, func(p Pool) bool { return p.Quota.Kind == QuotaDefault && moves(p.Quota) }) || a.leaving
}

// Reading returns the reading of the region; nil while the region is still to be
// read. ok is false when nobody reads it.
func (a *Account) Reading(region string) (r *Reading, ok bool) {
	for i := range a.Readings {
		if a.Readings[i].Target.Region == region {
			return &a.Readings[i], true
		}
	}
	return nil, slices.Contains(a.Pending, region)
}

// Readable reports whether the last passes brought anything of the account home
// from Cognito or SES; Unknown before the first of them has ended. A region that
// is switched off says enough, and of an API that there was no time to ask for
// everything, what was asked came home.
func (a *Account) Readable() Tri {
	if len(a.Readings) == 0 {
		return Unknown
	}
	return Known(slices.ContainsFunc(a.Readings, func(r Reading) bool {
		return slices.ContainsFunc(r.Outcomes, func(o Outcome) bool {
			return (o.API == APICognito || o.API == APISES) && (o.Class == OK || o.Class == RegionDisabled || o.Class == NotAsked)
		})
	}))
}

// Pool returns the pool with the ID in the region; nil without one.
func (a *Account) Pool(region, id string) *Pool {
	i, ok := slices.BinarySearchFunc(a.Pools, id, func(p Pool, id string) int {
		return cmp.Or(cmp.Compare(p.Target.Region, region), cmp.Compare(p.ID, id))
	})
	if !ok {
		return nil
	}
	return &a.Pools[i]
}

// Watched returns the identities in an SES region whose details keep a pool
// from sending.
func (a *Account) Watched(region string) []string {
	var watched []string
	for i := range a.Pools {
		p := &a.Pools[i]
		held := slices.ContainsFunc(ofDetails, func(r Reason) bool { return p.Holds(r) == Yes })
		if held && slices.Contains(p.Settings.Regions, region) {
			watched = append(watched, p.Identity)
		}
	}
	slices.Sort(watched)
	return slices.Compact(watched)
}

// Confirmed returns when the settings of one of the account's pools were last
// known to be current, which later readings of the same facts renew.
func (a *Account) Confirmed(p *Pool) time.Time {
	if r, _ := a.Reading(p.Target.Region); r != nil {
		if i, ok := slices.BinarySearchFunc(r.Pools, p.ID, func(up UserPool, id string) int { return cmp.Compare(up.ID, id) }); ok {
			return r.Pools[i].Confirmed
		}
	}
	return p.Confirmed
}

// Renewed returns the account with newer readings of the same facts.
func (a *Account) Renewed(readings []Reading) *Account {
	renewed := *a
	renewed.Readings = readings
	return &renewed
}

// SESAccount is the SES state of one account in one region.
type SESAccount struct {
	Target Target
	SESState
	Reputation *Reputation     // nil when unknown
	Statistics *SendStatistics // likewise
	Pools      int             // DEVELOPER pools that send through it, of those that could be described
	// SignInPools is how many of Pools are known to send codes by e-mail when
	// users sign in.
	SignInPools int
}

// UsedIdentity is an identity that exists, and how many pools send as it.
type UsedIdentity struct {
	Identity
	Target Target
	Pools  int // of those that could be described
}

// Pool is a user pool linked to what its e-mail depends on.
type Pool struct {
	*UserPool         // shared with the reading, unless the pool lacks tags that its account has: here it has them
	Target    *Target // shared by the pools of a reading

	// Identity is the name of the identity that the pool sends as: the most
	// specific one that exists and covers the SourceArn's, or the SourceArn's
	// own when none does or it is not known. Empty without SourceArn.
	Identity       string
	IdentityRegion string // "*" for an own FROM in all alternate regions
	Verified       Tri    // of the identity, itself or through its domain
	IdentityError  string // why SES could not verify it; empty without an error

	// IdentityDetails are those in the first region that the mail leaves from; nil
	// without an identity or when unknown.
	IdentityDetails *IdentityDetails
	// ConfigurationSet is the one that the pool's mail passes: its own or else the
	// identity's default one. Empty without one or when unknown.
	ConfigurationSet string

	SES        *SESState       // that a DEVELOPER pool sends through; nil for others or when unknown
	Reputation *Reputation     // of that SES account; nil for others or when unknown
	Statistics *SendStatistics // likewise
	Quota      *Quota          // that applies to the pool's e-mail; never nil, and shared by the pools with the same one

	// Primary and Secondary are the other replicas of the pool, if it has any and
	// they are read; neither is the pool itself.
	Primary, Secondary *Pool

	// What a pool with the built-in sender sent since the quota's day began, by
	// source: the sign-ups that CloudWatch counts, and the e-mails that
	// CloudTrail is certain of. Nil when unknown.
	SentCloudWatch, SentCloudTrail *float64
	Failures                       map[FailureReason]int // e-mails that were not sent, of the day; nil when unknown

	// Changes are those of the pool and of what its e-mail passes, the oldest
	// first, in a list that pools share; LeftSES says whether it ceased to send through SES of its own within
	// [ChangeRecent], and uses the built-in sender.
	Changes []*Change
	LeftSES Tri

	shares *Key // what its default quota is of, with others; nil for a quota of its own, or none

	Verdict
}

// Key returns the pool's key.
func (p *Pool) Key() PoolKey { return PoolKey{p.Target.Key(), p.ID} }

// Mode returns the pool's mode, ModeUnknown without settings.
func (p *Pool) Mode() Mode {
	if p.Settings == nil {
		return ModeUnknown
	}
	return p.Settings.Mode
}

// CustomSender reports whether a Lambda function takes over the pool's sending.
func (p *Pool) CustomSender() Tri {
	if p.Settings == nil {
		return Unknown
	}
	return p.Settings.unless(PendingCustomSender, Known(p.Settings.CustomSender))
}

// Unjudged returns an account of which nothing is known but its readings.
func Unjudged(at time.Time, readings []Reading) *Account {
	a := &Account{At: at, Incomplete: true}
	for _, r := range readings {
		a.ID, a.Name = r.Target.AccountID, cmp.Or(a.Name, r.Target.AccountName)
		if !r.Target.SESOnly {
			a.Targets++
		}
	}
	a.PoolsUnknown = a.Targets > 0
	return a
}

// Judge links and judges the readings of one account. It keeps them and must
// not see them change.
func Judge(at time.Time, readings []Reading, policy Policy) *Account {
	readings = slices.Clone(readings)
	slices.SortStableFunc(readings, func(a, b Reading) int { return a.Target.Key().Compare(b.Target.Key()) })
	a := &Account{At: at, policy: policy}
	listed := false
	for i := range readings {
		r := &readings[i]
		a.ID, a.Name = r.Target.AccountID, cmp.Or(a.Name, r.Target.AccountName)
		a.Incomplete = a.Incomplete || !r.PoolsKnown()
		if !r.Target.SESOnly {
			a.Targets++
			listed = listed || !r.PoolsListed.IsZero() || len(r.Pools) > 0
		}
	}
	a.PoolsUnknown = a.Targets > 0 && !listed
	l := linker{policy: policy, ledger: newLedger(at, readings, policy), ses: map[string]sesFacts{}, quotas: map[Quota]*Quota{}}
	a.DefaultQuotas, a.Unattributed, a.Undecided = l.ledger.shared(), l.ledger.unattributed, l.ledger.undecided
	a.Readings = slices.DeleteFunc(readings, func(r Reading) bool {
		if r.Unread {
			a.Pending = append(a.Pending, r.Target.Region)
		}
		return r.Unread
	})
	pools := 0
	for i := range a.Readings {
		l.index(&a.Readings[i])
		pools += len(a.Readings[i].Pools)
	}
	a.Pools = make([]Pool, 0, pools)
	type identityKey struct{ region, name string }
	sendAs, sendThrough, signIn := map[identityKey]int{}, map[string]int{}, map[string]int{}
	for n := range a.Readings {
		r := &a.Readings[n]
		for i := range r.Pools {
			p := l.link(&r.Target, &r.Pools[i])
			a.Pools = append(a.Pools, p)
			if p.SES != nil {
				sendThrough[p.Settings.SESRegion()]++
				if p.SignInEmail() == Yes {
					signIn[p.Settings.SESRegion()]++
				}
			}
			if p.CustomSender() == No {
				for _, region := range p.Settings.Regions {
					sendAs[identityKey{region, CanonicalIdentity(p.Identity)}]++
				}
			}
		}
	}
	linkReplicas(a.Pools)
	a.linkChanges()
	for _, r := range a.Readings {
		if r.SES != nil {
			a.SES = append(a.SES, SESAccount{Target: r.Target, SESState: *r.SES, Reputation: r.Reputation, Statistics: r.Statistics, Pools: sendThrough[r.Target.Region], SignInPools: signIn[r.Target.Region]})
		}
		for _, i := range r.Identities {
			if !i.Missing {
				a.Identities = append(a.Identities, UsedIdentity{Identity: i, Target: r.Target, Pools: sendAs[identityKey{r.Target.Region, CanonicalIdentity(i.Name)}]})
			}
		}
	}
	return a
}

// linker finds what the e-mail of an account's pools depends on.
type linker struct {
	policy Policy
	ledger *ledger
	ses    map[string]sesFacts // by region
	quotas map[Quota]*Quota    // of the pools, each once
}

// share returns where the quota is kept for all pools that have it.
func (l *linker) share(q Quota) *Quota {
	kept := l.quotas[q]
	if kept == nil {
		kept = &q
		l.quotas[q] = kept
	}
	return kept
}

type sesFacts struct {
	state      *SESState
	reputation *Reputation
	statistics *SendStatistics
	identities map[string]Identity         // by canonical name
	complete   bool                        // a name that is not in identities does not exist
	sets       map[string]ConfigurationSet // by name, those that are known
	notOffered bool                        // the region has no SES
}

func (l *linker) index(r *Reading) {
	f := sesFacts{
		state: r.SES, reputation: r.Reputation, statistics: r.Statistics, identities: make(map[string]Identity, len(r.Identities)), complete: !r.IdentitiesListed.IsZero(),
		sets: make(map[string]ConfigurationSet, len(r.ConfigurationSets)), notOffered: r.lacksSES(),
	}
	for _, i := range r.Identities {
		f.identities[CanonicalIdentity(i.Name)] = i
	}
	for _, s := range r.ConfigurationSets {
		f.sets[s.Name] = s
	}
	l.ses[r.Target.Region] = f
}

// resolve returns the most specific existing identity that covers name, without
// details if there may be a more specific one, and whether any one exists and
// any one is verified.
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
				if wins = i; exists == Unknown {
					wins.Details = nil
				}
			}
			exists, verified = Yes, verified.Or(i.Verified)
		}
	}
	return wins, exists, verified
}

// link finds out what the pool's e-mail depends on and judges it.
func (l *linker) link(t *Target, up *UserPool) Pool {
	p := Pool{UserPool: up.withTags(t.AccountTags), Target: t}
	var q Quota
	if up.Settings == nil {
		p.Quota = l.share(q)
		return p
	}
	p.clear()
	l.identity(&p)
	if l.account(&p); p.SES != nil {
		q = p.SES.Quota
	}
	l.ledger.apply(&p, &q)
	idle := up.Replica.Idle()
	if p.Settings.CustomSender || idle == Yes { // It sends by means that are not visible from here, or not at all.
		p.Quota = l.share(Quota{Kind: QuotaNone, Known: true, Limit: math.Inf(1), Bounded: Yes})
		p.clear()
		return p
	}
	switch p.Settings.Mode {
	case ModeDefault:
		q.Kind = QuotaDefault
		p.add(DefaultQuotaReached, q.Reached())
	case ModeDeveloper:
		q.Kind = QuotaSend
		p.add(SendQuotaReached, q.Reached())
	default:
		p.addAll(Unknown, SendQuotaReached, DefaultQuotaReached)
	}
	p.Quota = l.share(q)
	p.conclude(l.policy)
	p.Ready = p.Ready.And(idle.Not())
	if p.CustomSender() == Unknown { // With one, no reason would hold and nothing be known of the rest.
		p.weaken()
		p.Quota = l.share(Quota{})
	}
	return p
}

// ReadyWithout reports whether a blocked pool of the account could send if the
// reasons did not hold, and nothing else changed.
func (a *Account) ReadyWithout(p *Pool, gone ...Reason) Tri {
	v := p.Verdict
	for _, r := range gone {
		v.holds[slices.Index(reasons[:], r)] = No
	}
	v.conclude(a.policy)
	return v.Ready.And(p.Replica.Idle().Not())
}

// identity follows the SourceArn.
func (l *linker) identity(p *Pool) {
	s := &p.Settings.Sender
	p.Identity, p.IdentityRegion = s.Identity.Name, s.Identity.Region
	pending := p.Settings.Pending
	if s.SourceARN == "" && s.Identity.Name == "" && !pending.Has(PendingSourceARN) {
		if s.Mode != ModeDefault {
			p.add(IdentityMissing, p.sendsBySES())
		}
		return
	}
	if s.Identity.Name == "" { // It is not the ARN of an identity.
		p.addAll(Unknown, IdentityMissing, IdentityUnverified, CrossAccountIdentity, UnsupportedRegion, FromMismatch)
		p.addAll(Unknown, ofDetails...)
		return
	}
	p.add(FromMismatch, p.Settings.unless(PendingFrom, Known(!s.fromMatches())))
	if s.Identity.AccountID != p.Target.AccountID && !s.CrossAccount {
		p.add(CrossAccountIdentity, Unknown)
	}
	if s.CrossAccount {
		p.add(CrossAccountIdentity, Yes)
		p.addAll(Unknown, IdentityMissing, IdentityUnverified, UnsupportedRegion) // The other account is not looked at.
		p.addAll(Unknown, ofDetails...)
		return
	}
	p.Verified = Yes
	for i, region := range s.Regions {
		supported := mayUse(p.Target.Region, region, s.Mode, s.Identity.Region == "*").And(Known(!l.ses[region].notOffered))
		p.add(UnsupportedRegion, supported.Not())
		identity, exists, verified := l.ses[region].resolve(s.Identity.Name)
		p.Identity = cmp.Or(identity.Name, p.Identity)
		p.IdentityError = cmp.Or(p.IdentityError, identity.ErrorType)
		p.add(IdentityMissing, exists.Not())
		if exists != No {
			p.add(IdentityUnverified, verified.Not())
			// What is not verified cannot send for that reason alone.
			p.add(SendingDisabled, Known(identity.Verified == Yes && identity.SendingEnabled == No))
			l.details(p, region, &identity, supported)
		}
		p.Verified = p.Verified.And(verified)
		if i == 0 {
			p.IdentityDetails = identity.Details
		}
	}
}

// set reports whether the configuration set of the name does not exist, and
// whether it has sending switched off. Without a name there is none, or, unless
// certain, it is not known which one it is.
func (l *linker) set(region, name string, certain bool) (missing, disabled Tri) {
	if name == "" && certain {
		return No, No
	}
	c, known := l.ses[region].sets[name]
	if !known {
		return Unknown, Unknown
	}
	if c.Missing {
		return Yes, No
	}
	return No, c.SendingEnabled.Not()
}

// details judges what the mail meets in a region once the identity is found.
func (l *linker) details(p *Pool, region string, identity *Identity, supported Tri) {
	s := &p.Settings.Sender
	set, d := s.ConfigurationSet, identity.Details
	pending := p.Settings.Pending.Has(PendingConfigurationSet)
	if d == nil {
		p.addAll(Unknown, SendingPolicyMissing, MailFromRejects)
	} else {
		if !pending {
			set = cmp.Or(set, d.ConfigurationSet)
		}
		p.add(MailFromRejects, d.MailFrom.rejects())
		if supported != No { // Else nobody would send there.
			p.add(SendingPolicyMissing, refused(p, region, identity))
		}
	}
	p.ConfigurationSet = cmp.Or(p.ConfigurationSet, set)
	missing, disabled := l.set(region, set, d != nil && !pending)
	if s.Mode != ModeDeveloper { // Whether mail of the built-in sender passes the set is not documented.
		missing, disabled = missing.And(Unknown), disabled.And(Unknown)
	}
	p.add(ConfigurationSetMissing, missing)
	p.add(ConfigurationSetDisabled, disabled)
}

// refused reports whether the identity's policies keep the pool from sending:
// one that has to allow a service does not, or one denies the account's role.
func refused(p *Pool, region string, identity *Identity) Tri {
	s := &p.Settings.Sender
	if s.Mode == ModeUnknown {
		return Unknown // So is who sends.
	}
	policies, r := &identity.Details.Policies, newSendRequest(p.Key(), s, region, identity.Name)
	if r.Service == "" {
		return policies.Forbids(r)
	}
	return policies.Permits(r).Not()
}

// account finds the SES account that a DEVELOPER pool sends through.
func (l *linker) account(p *Pool) {
	developer := p.sendsBySES()
	if region := p.Settings.SESRegion(); region != "" {
		facts := l.ses[region]
		p.SES, p.Reputation, p.Statistics = facts.state, facts.reputation, facts.statistics
	}
	if p.SES == nil {
		p.addAll(developer.And(Unknown), Sandbox, SendingDisabled, AccountShutdown)
		return
	}
	p.add(Sandbox, p.SES.Sandbox)
	p.add(SendingDisabled, p.SES.SendingEnabled.Not())
	p.add(AccountShutdown, p.SES.shutDown())
}

// sendsBySES reports whether the pool's mode is DEVELOPER.
func (p *Pool) sendsBySES() Tri {
	if p.Settings.Mode == ModeUnknown {
		return Unknown
	}
	return Known(p.Settings.Mode == ModeDeveloper)
}

// shutDown reports whether AWS has shut the account's sending down.
func (s *SESState) shutDown() Tri {
	switch s.Enforcement {
	case "SHUTDOWN":
		return Yes
	case "HEALTHY", "PROBATION":
		return No
	default:
		return Unknown
	}
}
