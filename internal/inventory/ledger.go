package inventory

import (
	"slices"
	"time"
)

// SharedQuota is the built-in sender's quota of the pools that share it. With
// [ScopePool] each pool has a quota of its own, and only the reset is known here.
type SharedQuota struct {
	Key // the region is empty with [ScopeAccount]
	Quota
}

// use is what one pool sent in the current day, source by source.
type use struct {
	signUps, trail []Point // sorted by time
	haveSignUps    bool
	haveTrail      bool
	failures       map[FailureReason]int // nil without a trail
}

// best returns the better count of those that there are.
func (u *use) best() (sent []Point, ok bool) {
	if u.haveTrail {
		return u.trail, true
	}
	return u.signUps, u.haveSignUps
}

// sharers names the pools that share one default quota.
type sharers struct {
	Key
	poolID string // with ScopePool
}

// ledger holds what the pools of one account sent through the built-in sender
// in the current day, and the quotas that they draw on.
type ledger struct {
	policy       Policy
	start, end   time.Time // of the day
	uses         map[PoolKey]*use
	quotas       map[sharers]Quota
	unattributed map[Key]float64
}

// newLedger counts what the pools of one account sent. A quota of which not
// all pools, their modes and their counts are known is unknown, since the sum
// would be made up.
func newLedger(at time.Time, readings []Reading, p Policy) *ledger {
	l := &ledger{policy: p, uses: map[PoolKey]*use{}, quotas: map[sharers]Quota{}, unattributed: map[Key]float64{}}
	if !p.Enabled {
		return l
	}
	l.start, l.end = p.Window(at)
	sent, unknown := map[sharers][]Point{}, map[sharers]bool{}
	for i := range readings {
		r := &readings[i]
		departed := l.count(r)
		if p.Scope != ScopePool {
			shared := l.sharers(PoolKey{Key: r.Target.Key()})
			unknown[shared] = unknown[shared] || !r.PoolsKnown()
			sent[shared] = append(sent[shared], departed...)
		}
		for _, up := range r.Pools {
			if up.Settings == nil || !up.Settings.SendsDefault() {
				continue
			}
			k := PoolKey{r.Target.Key(), up.ID}
			s := l.sharers(k)
			points, ok := l.uses[k].best()
			sent[s] = append(sent[s], points...)
			unknown[s] = unknown[s] || !ok
			l.quotas[s] = Quota{Kind: QuotaDefault, Reset: l.end}
		}
	}
	for s, q := range l.quotas {
		if unknown[s] {
			continue
		}
		slices.SortFunc(sent[s], comparePoints)
		q.Known, q.Limit, q.Used = true, p.Limit, total(sent[s])
		q.Exhaustion = exhaustion(sent[s], q, l.start, at)
		l.quotas[s] = q
	}
	return l
}

// sharers returns what shares the pool's default quota.
func (l *ledger) sharers(k PoolKey) sharers {
	switch l.policy.Scope {
	case ScopeAccount:
		return sharers{Key: Key{AccountID: k.AccountID}}
	case ScopePool:
		return sharers{k.Key, k.ID}
	default:
		return sharers{Key: k.Key}
	}
}

// count works out what each pool of the reading sent in the current day, and
// what pools sent that have departed: they use the built-in sender no longer or
// are deleted, and AWS has counted their e-mails all the same.
func (l *ledger) count(r *Reading) (departed []Point) {
	signUps, trail := r.current(l.start)
	uses, settings := make(map[string]*use, len(r.Pools)), make(map[string]*Settings, len(r.Pools))
	for _, up := range r.Pools {
		u := &use{haveTrail: trail != nil}
		if signUps != nil {
			_, u.haveSignUps = slices.BinarySearch(signUps.Pools, up.ID)
		}
		if trail != nil {
			u.failures = map[FailureReason]int{}
		}
		uses[up.ID], settings[up.ID], l.uses[PoolKey{r.Target.Key(), up.ID}] = u, up.Settings, u
	}
	sendsDefault := func(id string) bool { s := settings[id]; return s != nil && s.SendsDefault() }
	if signUps != nil {
		for _, s := range signUps.Series {
			switch {
			case sendsDefault(s.PoolID):
				if settings[s.PoolID].CountsSignUps(s.ClientID) {
					uses[s.PoolID].signUps = append(uses[s.PoolID].signUps, s.Points...)
				}
			case trail == nil:
				departed = append(departed, s.Points...)
			}
		}
	}
	if trail != nil {
		l.unattributed[r.Target.Key()] = 0
		for _, e := range trail.Single() {
			u := uses[e.PoolID]
			if e.Sent && e.Default && !sendsDefault(e.PoolID) {
				departed = append(departed, Point{e.At, 1})
			}
			switch {
			case e.Sent && e.PoolID == "":
				l.unattributed[r.Target.Key()]++
			case u == nil:
			case e.Sent:
				u.trail = append(u.trail, Point{e.At, 1})
			case e.Failure != "":
				u.failures[e.Failure]++
			}
		}
	}
	for _, u := range uses {
		slices.SortFunc(u.signUps, comparePoints)
	}
	return departed
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

// shared returns the quotas by account and region, sorted.
func (l *ledger) shared() []SharedQuota {
	found := map[Key]Quota{}
	for s, q := range l.quotas {
		if l.policy.Scope == ScopePool {
			q = Quota{Kind: q.Kind, Reset: q.Reset}
		}
		found[s.Key] = q
	}
	all := make([]SharedQuota, 0, len(found))
	for k, q := range found {
		all = append(all, SharedQuota{k, q})
	}
	slices.SortFunc(all, func(a, b SharedQuota) int { return a.Compare(b.Key) })
	return all
}

// apply gives a pool what the ledger knows of it.
func (l *ledger) apply(p *Pool) {
	u := l.uses[p.Key()]
	if u == nil || p.Settings == nil {
		return
	}
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
	s := l.sharers(p.Key())
	p.Quota = l.quotas[s]
	if s.poolID == "" {
		p.shares = &s.Key
	}
}
