package inventory

import (
	"cmp"
	"slices"
	"time"
)

// ReputationInterval is how often an SES account's reputation, which moves
// slowly and costs money to read, is read anew.
const ReputationInterval = time.Hour

// Reputation is how an SES account's mail fares, over the representative
// volume that SES computes it from.
type Reputation struct {
	Confirmed      time.Time
	BounceRatio    *float64 // 0..1; nil when CloudWatch has no value
	ComplaintRatio *float64 // likewise
}

// Scope says which user pools share one default quota. AWS's own pages disagree.
type Scope string

// The scopes.
const (
	ScopeAccountRegion Scope = "account_region"
	ScopeAccount       Scope = "account"
	ScopePool          Scope = "user_pool"
)

// Scopes lists every scope.
func Scopes() []Scope { return []Scope{ScopeAccountRegion, ScopeAccount, ScopePool} }

// Policy is how Cognito limits its built-in sender: so many e-mails in a fixed
// day. The zero Policy knows of no limit and judges no pool by it.
type Policy struct {
	Enabled bool
	Limit   float64       // e-mails a day
	Scope   Scope         // what shares the limit
	Reset   time.Duration // when the day begins, since midnight UTC
}

// Window returns the start and end of the day of the quota that t is in.
func (p Policy) Window(t time.Time) (start, end time.Time) {
	t = t.UTC()
	start = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Add(p.Reset)
	if start.After(t) {
		start = start.Add(-24 * time.Hour)
	}
	return start, start.Add(24 * time.Hour)
}

// AdminClient is the client under which CloudWatch counts the users that an
// administrator created.
const AdminClient = "Admin"

// SendsDefault reports whether the pool's e-mail goes through Cognito's
// built-in sender, and so counts against the default quota.
func (s *Settings) SendsDefault() bool { return s.Mode == ModeDefault && !s.CustomSender }

// Mails reports whether the sign-ups that CloudWatch counts for the client may
// each have sent an e-mail.
func (s *Settings) Mails(client string) bool {
	return s.SendsDefault() && (client == AdminClient || slices.Contains(s.AutoVerified, "email"))
}

// Point is a number of e-mails that were sent at a time.
type Point struct {
	At time.Time
	N  float64
}

// SignUps is what CloudWatch counted since a day of the default quota began
// (AWS/Cognito SignUpSuccesses).
type SignUps struct {
	WindowStart time.Time
	Confirmed   time.Time // when everything was last read up to then
	Pools       []string  // IDs of the pools that it is about, sorted: those without series had no sign-ups
	Series      []SignUpSeries
}

// SignUpSeries is one metric of CloudWatch.
type SignUpSeries struct {
	PoolID, ClientID string
	Through          time.Time // how far it was read
	Points           []Point   // in periods of five minutes, sorted by time
}

// FailureReason says why Cognito did not send an e-mail, as far as CloudTrail tells.
type FailureReason string

// The reasons.
const (
	FailedDailyLimit          FailureReason = "daily_limit"
	FailedRecipientUnverified FailureReason = "recipient_unverified"
	FailedDelivery            FailureReason = "delivery_failure"
	FailedRoleOrPolicy        FailureReason = "role_or_policy"
	FailedThrottled           FailureReason = "throttled"
)

// FailureReasons lists every reason.
func FailureReasons() []FailureReason {
	return []FailureReason{FailedDailyLimit, FailedRecipientUnverified, FailedDelivery, FailedRoleOrPolicy, FailedThrottled}
}

// Trail is what CloudTrail recorded since a day of the default quota began.
type Trail struct {
	WindowStart time.Time
	Confirmed   time.Time            // up to when every event name has been looked up
	Complete    bool                 // every event name has been read from WindowStart on
	Through     map[string]time.Time // by event name, up to when it was looked up
	Gaps        map[string][]Span    // by event name, what of that could not be read yet
	Events      []MailEvent          // sorted by time, then ID
}

// Span is a time from From to To.
type Span struct{ From, To time.Time }

// MailEvent is an event that may have sent an e-mail, or should have.
type MailEvent struct {
	ID        string
	At        time.Time
	Operation string // the API operation, also for a hosted page that leads to it
	Page      bool   // a request to a hosted page
	PoolID    string // empty when the event does not tell
	ClientID  string
	Sent      bool
	Default   bool          // through the built-in sender, when it was read
	Failure   FailureReason // empty when it did not fail, or for another reason
}

// twinGap is how far apart CloudTrail may date a page's event and the event of
// the operation that the page called.
const twinGap = 2 * time.Second

// Single returns the events without those of pages whose operation has an
// event of its own, so that no action counts twice.
func (t *Trail) Single() []MailEvent {
	type action struct{ operation, pool, client string }
	calls := map[action][]time.Time{} // sorted, as Events are
	for _, e := range t.Events {
		if !e.Page {
			k := action{e.Operation, e.PoolID, e.ClientID}
			calls[k] = append(calls[k], e.At)
		}
	}
	single := make([]MailEvent, 0, len(t.Events))
	for _, e := range t.Events {
		if e.Page {
			k := action{e.Operation, e.PoolID, e.ClientID}
			near := calls[k]
			for len(near) > 0 && e.At.Sub(near[0]) > twinGap {
				near = near[1:]
			}
			calls[k] = near
			if len(near) > 0 && near[0].Sub(e.At) <= twinGap {
				calls[k] = near[1:]
				continue
			}
		}
		single = append(single, e)
	}
	return single
}

// current returns the sources' counts if they are about the day that begins at
// start. One that was complete for the day before has seen nothing yet of
// this one, which is what an empty one says.
func (r *Reading) current(start time.Time) (*SignUps, *Trail) {
	signUps, trail := r.SignUps, r.Trail
	if signUps != nil && signUps.WindowStart.Before(start) {
		signUps = &SignUps{WindowStart: start, Confirmed: signUps.Confirmed, Pools: signUps.Pools}
	}
	if trail != nil && trail.WindowStart.Before(start) {
		trail = &Trail{WindowStart: start, Confirmed: trail.Confirmed, Complete: trail.Complete}
	}
	if trail != nil && !trail.Complete {
		trail = nil
	}
	return signUps, trail
}

// usage is what one pool sent in the current day, source by source.
type usage struct {
	signUps, trail []Point // sorted by time
	haveSignUps    bool
	haveTrail      bool
	failures       map[string]int
}

// best returns the better count of those that there are.
func (u usage) best() ([]Point, bool) {
	if u.haveTrail {
		return u.trail, true
	}
	return u.signUps, u.haveSignUps
}

func total(points []Point) (n float64) {
	for _, p := range points {
		n += p.N
	}
	return n
}

// usages works out what each pool of the region sent since start, by pool ID,
// and what pools sent that no longer use the built-in sender, or are gone: AWS
// has counted that.
func (r *Reading) usages(start time.Time) (all map[string]usage, left []Point) {
	signUps, trail := r.current(start)
	defaults := map[string]bool{}
	for _, up := range r.Pools {
		defaults[up.ID] = up.Settings != nil && up.Settings.SendsDefault()
	}
	all = make(map[string]usage, len(r.Pools))
	for _, up := range r.Pools {
		u := usage{}
		if signUps != nil {
			_, u.haveSignUps = slices.BinarySearch(signUps.Pools, up.ID)
		}
		if trail != nil {
			u.haveTrail, u.failures = true, map[string]int{}
		}
		all[up.ID] = u
	}
	if signUps != nil && trail == nil {
		for _, s := range signUps.Series {
			if !defaults[s.PoolID] {
				left = append(left, s.Points...)
			}
		}
	}
	if signUps != nil {
		settings := make(map[string]*Settings, len(r.Pools))
		for _, up := range r.Pools {
			settings[up.ID] = up.Settings
		}
		for _, s := range signUps.Series {
			if u, ok := all[s.PoolID]; ok && settings[s.PoolID] != nil && settings[s.PoolID].Mails(s.ClientID) {
				u.signUps = append(u.signUps, s.Points...)
				all[s.PoolID] = u
			}
		}
	}
	if trail != nil {
		for _, e := range trail.Single() {
			u, ok := all[e.PoolID]
			if e.Sent && e.Default && !defaults[e.PoolID] {
				left = append(left, Point{e.At, 1})
			}
			switch {
			case !ok:
				continue
			case e.Sent:
				u.trail = append(u.trail, Point{e.At, 1})
			case e.Failure != "":
				u.failures[string(e.Failure)]++
			}
			all[e.PoolID] = u
		}
	}
	for _, u := range all {
		slices.SortFunc(u.signUps, comparePoints)
	}
	return all, left
}

func comparePoints(a, b Point) int { return a.At.Compare(b.At) }

// Unattributed returns how many e-mails CloudTrail recorded in the current day
// whose events do not tell the pool; ok is false when that is unknown.
func (r *Reading) Unattributed(p Policy, at time.Time) (n float64, ok bool) {
	start, _ := p.Window(at)
	_, trail := r.current(start)
	if trail == nil {
		return 0, false
	}
	for _, e := range trail.Single() {
		if e.PoolID == "" && e.Sent {
			n++
		}
	}
	return n, true
}

// DefaultQuota is the built-in sender's quota of what shares it.
type DefaultQuota struct {
	Key               // the region is empty with ScopeAccount
	Quota      *Quota // nil when unknown, and with ScopePool, where each pool has its own
	Reset      time.Time
	Exhaustion time.Time // when it is, or was, used up; zero when it lasts until the reset or is unknown
}

// group is what shares one default quota.
type group struct {
	Key
	poolID string // with ScopePool
}

// tally holds the default quotas of a snapshot.
type tally struct {
	Policy
	at     time.Time
	usages map[Key]map[string]usage
	quotas map[group]DefaultQuota
}

func (t *tally) group(k Key, poolID string) group {
	switch t.Scope {
	case ScopeAccount:
		return group{Key: Key{AccountID: k.AccountID}}
	case ScopePool:
		return group{Key: k, poolID: poolID}
	default:
		return group{Key: k}
	}
}

// newTally counts what the pools with the built-in sender sent. A group of
// which not all pools, their modes and their counts are known has no quota,
// since the sum would be made up.
func newTally(at time.Time, readings []Reading, p Policy) *tally {
	t := &tally{Policy: p, at: at, usages: map[Key]map[string]usage{}, quotas: map[group]DefaultQuota{}}
	if !p.Enabled {
		return t
	}
	start, end := p.Window(at)
	points, unknown := map[group][]Point{}, map[group]bool{}
	for i := range readings {
		r := &readings[i]
		k := r.Target.Key()
		usages, left := r.usages(start)
		t.usages[k] = usages
		if shared := t.group(k, ""); p.Scope != ScopePool {
			unknown[shared] = unknown[shared] || !r.PoolsKnown()
			points[shared] = append(points[shared], left...)
		}
		for _, up := range r.Pools {
			if up.Settings == nil || !up.Settings.SendsDefault() {
				continue
			}
			g := t.group(k, up.ID)
			sent, ok := usages[up.ID].best()
			points[g] = append(points[g], sent...)
			t.quotas[g] = DefaultQuota{Key: g.Key, Reset: end}
			unknown[g] = unknown[g] || !ok
		}
	}
	for g, q := range t.quotas {
		if unknown[g] {
			continue
		}
		slices.SortFunc(points[g], comparePoints)
		q.Quota = &Quota{Limit: p.Limit, Used: total(points[g])}
		q.Exhaustion = exhaustion(points[g], *q.Quota, start, end, at)
		t.quotas[g] = q
	}
	return t
}

const (
	paceWindow = 3 * time.Hour    // the pace of a forecast is that of the last hours
	paceLeast  = 30 * time.Minute // and of no less, lest two quick mails look like a flood
)

// exhaustion says when the quota was used up, or will be at the pace of the last hours.
func exhaustion(sent []Point, q Quota, start, end, at time.Time) time.Time {
	sum := 0.0
	for _, p := range sent {
		if sum += p.N; sum >= q.Limit {
			return p.At
		}
	}
	from := at.Add(-paceWindow)
	if from.Before(start) {
		from = start
	}
	recent := 0.0
	for _, p := range sent {
		if !p.At.Before(from) {
			recent += p.N
		}
	}
	if recent == 0 {
		return time.Time{}
	}
	perMail := float64(max(at.Sub(from), paceLeast)) / recent
	left := q.Headroom() * perMail
	if left >= float64(end.Sub(at)) {
		return time.Time{}
	}
	return at.Add(time.Duration(left)).Truncate(time.Second)
}

// list returns the quotas by account and region, sorted. With ScopePool there
// is none, but the reset is known.
func (t *tally) list() []DefaultQuota {
	found := map[Key]DefaultQuota{}
	for g, q := range t.quotas {
		if t.Scope == ScopePool {
			q.Quota, q.Exhaustion = nil, time.Time{}
		}
		found[g.Key] = q
	}
	all := make([]DefaultQuota, 0, len(found))
	for _, q := range found {
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b DefaultQuota) int {
		return cmp.Or(cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region))
	})
	return all
}

// apply gives the pool its part of the tally.
func (t *tally) apply(p *Pool, v *verdict) {
	if !t.Enabled || p.Settings == nil {
		return
	}
	u := t.usages[p.Target.Key()][p.ID]
	p.Failures = u.failures
	if !p.Settings.SendsDefault() {
		return
	}
	if u.haveSignUps {
		n := total(u.signUps)
		p.SentCloudWatch = &n
	}
	if u.haveTrail {
		n := total(u.trail)
		p.SentCloudTrail = &n
	}
	q := t.quotas[t.group(p.Target.Key(), p.ID)]
	p.DefaultQuota, p.Exhaustion, p.QuotaReset = q.Quota, q.Exhaustion, q.Reset
	if q.Quota == nil {
		v.unknown = true
		return
	}
	v.block(DefaultQuotaReached, Known(q.Quota.Reached()))
}
