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

// atMost bounds from above how many e-mails went out through the built-in sender.
type atMost struct {
	known Tri       // Yes: n holds; No: no source can say; Unknown: none was read
	n     float64   // e-mails
	asOf  time.Time // up to when n counts
}

// and returns the bound of both together.
func (a atMost) and(b atMost) atMost {
	sum := atMost{known: a.known.And(b.known), n: a.n + b.n, asOf: a.asOf}
	if b.asOf.Before(sum.asOf) {
		sum.asOf = b.asOf
	}
	return sum
}

// or returns the better bound of two of the same e-mails.
func (a atMost) or(b atMost) atMost {
	better := b.known == Yes && (a.known != Yes || b.n < a.n)
	if better || a.known == Unknown && b.known == No {
		return b
	}
	return a
}

// use is what one pool sent through the built-in sender in the current day.
type use struct {
	trail, signUps []Point // what is certain, by source, sorted by time
	listed         float64 // sign-ups that CloudWatch counts, certain or not
	maybe          float64 // events of CloudTrail that may have sent something, with the certain ones
	haveTrail      bool    // CloudTrail has been read for the whole day
	haveSignUps    bool    // likewise CloudWatch
	failures       map[FailureReason]int
	refused        refusals
	sent           time.Time // when CloudTrail last saw an e-mail go out for certain
	most           atMost
}

// refusals are when AWS first and last refused an e-mail because of the quota;
// zero when it did not.
type refusals struct{ first, last time.Time }

// add takes note of others.
func (r *refusals) add(o refusals) {
	if r.first.IsZero() || !o.first.IsZero() && o.first.Before(r.first) {
		r.first = o.first
	}
	if o.last.After(r.last) {
		r.last = o.last
	}
}

// certain returns the greater of the counts of what is certain, and whether
// one of them is of the whole day.
func (u *use) certain() (sent []Point, whole bool) {
	sent = u.trail
	if total(u.signUps) > total(u.trail) {
		sent = u.signUps
	}
	return sent, u.haveTrail || u.haveSignUps
}

// sharers names the pools that share one default quota.
type sharers struct {
	Key
	poolID string // with ScopePool
}

// group is what the sharers of one quota sent together.
type group struct {
	shared    *Key // what the quota is of; nil with ScopePool
	pools     bool // there is a pool that uses the built-in sender now
	unknown   bool // not all of the pools and their counts are known
	unclear   bool // a pool may use the built-in sender, by a mode that is not known
	sent      []Point
	most      atMost
	refused   refusals
	trailSent float64   // e-mails that CloudTrail saw go out for certain
	trailLast time.Time // the last of them
	doubt     bool      // AWS refused an e-mail of which it is not known whether it was of these pools
}

// refusalSlack is how long after a refusal AWS may still let an e-mail through
// that was under way already.
const refusalSlack = 10 * time.Second

// contradicted reports whether AWS sent what it should have refused, were this
// the pools that share a quota.
func (g *group) contradicted(limit float64) bool {
	return g.trailSent > limit || !g.refused.first.IsZero() && g.trailLast.After(g.refused.first.Add(refusalSlack))
}

// ledger holds what the pools of one account sent through the built-in sender
// in the current day, and the quotas that they draw on.
type ledger struct {
	policy       Policy
	at           time.Time
	start, end   time.Time // of the day
	uses         map[PoolKey]*use
	groups       map[sharers]*group
	unattributed map[Key]float64
	undecided    map[Key]float64
}

// newLedger counts what the pools of one account sent.
func newLedger(at time.Time, readings []Reading, p Policy) *ledger {
	l := &ledger{
		policy: p, at: at, uses: map[PoolKey]*use{}, groups: map[sharers]*group{}, unattributed: map[Key]float64{}, undecided: map[Key]float64{},
	}
	if !p.Enabled {
		return l
	}
	l.start, l.end = p.Window(at)
	for i := range readings {
		l.count(&readings[i])
	}
	for _, g := range l.groups {
		slices.SortFunc(g.sent, comparePoints)
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

// group returns that of the pool.
func (l *ledger) group(k PoolKey) *group {
	s := l.sharers(k)
	g := l.groups[s]
	if g == nil {
		g = &group{most: atMost{known: Yes, asOf: l.at}}
		if s.poolID == "" {
			g.shared = &Key{s.AccountID, s.Region}
		}
		l.groups[s] = g
	}
	return g
}

// day is what the sources say of one target's current day.
type day struct {
	*Reading
	key   Key
	start time.Time
	pools map[string]*UserPool // also those that are gone
	uses  map[string]*use
	orphan,
	loose use // of events that name no pool, and a pool that is not known
}

// count works out what each pool of the reading sent in the current day.
func (l *ledger) count(r *Reading) {
	d := &day{Reading: r, key: r.Target.Key(), start: l.start, pools: map[string]*UserPool{}, uses: map[string]*use{}}
	for _, list := range [][]UserPool{r.Gone, r.Pools} {
		for i := range list {
			d.pools[list[i].ID], d.uses[list[i].ID] = &list[i], &use{}
		}
	}
	d.countSignUps()
	whole := d.countTrail()
	if whole {
		l.unattributed[d.key] = d.orphan.maybe
		l.undecided[d.key] = d.orphan.maybe + d.loose.maybe
		for _, u := range d.uses {
			l.undecided[d.key] += u.maybe - total(u.trail)
		}
	}
	most := d.most(whole, l.at)
	shared := l.policy.Scope != ScopePool
	if shared && !r.Target.SESOnly {
		g := l.group(PoolKey{Key: d.key})
		g.unknown = g.unknown || !r.poolsDescribed()
		g.unclear = g.unclear || slices.ContainsFunc(r.Pools, func(up UserPool) bool {
			return up.Settings != nil && up.Settings.mayDefault() && !up.Settings.SendsDefault()
		})
		g.most = g.most.and(most)
		g.refused.add(d.orphan.refused)
		g.refused.add(d.loose.refused)
	}
	for id, u := range d.uses {
		k := PoolKey{d.key, id}
		g := l.group(k)
		sent, ok := u.certain()
		g.sent = append(g.sent, sent...)
		g.trailSent += total(u.trail)
		if u.sent.After(g.trailLast) {
			g.trailLast = u.sent
		}
		g.refused.add(u.refused)
		u.most = most
		if whole {
			u.most = most.or(atMost{known: Yes, n: max(u.maybe+d.orphan.maybe, total(sent)), asOf: d.Trail.asOf(d.start)})
		}
		if !shared {
			g.most, g.doubt = u.most, !d.orphan.refused.first.IsZero()
		}
		if s := d.pools[id].Settings; s != nil && s.SendsDefault() {
			g.pools = true
			g.unknown = g.unknown || !ok
		}
		l.uses[k] = u
	}
}

// countSignUps counts CloudWatch's sign-ups, if they are of the current day.
func (d *day) countSignUps() {
	s := d.SignUps
	if s == nil || !s.WindowStart.Equal(d.start) {
		return
	}
	for id, u := range d.uses {
		_, u.haveSignUps = slices.BinarySearch(s.Pools, id)
		u.haveSignUps = u.haveSignUps && !s.Ended
	}
	for _, series := range s.Series {
		u := d.uses[series.PoolID]
		if u == nil {
			continue
		}
		up := d.pools[series.PoolID]
		if up.Settings != nil && up.Settings.CountsSignUps(series.ClientID) {
			u.listed += total(series.Points)
		}
		for _, p := range series.Points {
			// What comes within the minute is not shown by CloudWatch.
			until := p.At.Add(signUpPeriod)
			if shown := s.Confirmed.Add(-time.Minute); shown.Before(until) {
				until = shown
			}
			if settings := up.during(p.At, until); settings != nil && settings.mailsSignUps(series.ClientID) {
				u.signUps = append(u.signUps, p)
			}
		}
	}
	for _, u := range d.uses {
		slices.SortFunc(u.signUps, comparePoints)
	}
}

// countTrail counts CloudTrail's events, if they are of the current day, and
// reports whether they are those of all of it.
func (d *day) countTrail() (whole bool) {
	if d.Trail == nil || !d.Trail.WindowStart.Equal(d.start) {
		return false
	}
	whole = d.Trail.Complete
	if whole {
		for _, u := range d.uses {
			u.haveTrail, u.failures = true, map[FailureReason]int{}
		}
	}
	for _, e := range d.Trail.All() {
		u := d.uses[e.PoolID]
		if e.PoolID == "" {
			u = &d.orphan
		} else if u == nil {
			u = &d.loose
		}
		if e.Failure != "" {
			if u.failures != nil {
				u.failures[e.Failure] += e.N
			}
			if e.Failure == FailedDailyLimit {
				u.refused.add(refusals{e.First, e.Last})
			}
			continue
		}
		viaDefault := d.pools[e.PoolID].sentByDefault(e.First, e.Last)
		if e.Fate == NotSent || viaDefault == No {
			continue
		}
		u.maybe += float64(e.N)
		if e.Fate == Sent && viaDefault == Yes {
			u.trail = append(u.trail, Point{e.First, float64(e.N)})
			if e.Last.After(u.sent) {
				u.sent = e.Last
			}
		}
	}
	for _, u := range d.uses {
		slices.SortFunc(u.trail, comparePoints)
	}
	return whole
}

// most returns how many e-mails at most went out in the target.
func (d *day) most(wholeTrail bool, at time.Time) atMost {
	if d.Target.SESOnly || d.poolsDescribed() && !d.UsedDefault(d.start) {
		return atMost{known: Yes, asOf: at}
	}
	var most atMost
	certain := 0.0
	for _, u := range d.uses {
		sent, _ := u.certain()
		certain += total(sent)
	}
	if wholeTrail {
		n := d.orphan.maybe + d.loose.maybe
		for _, u := range d.uses {
			n += u.maybe
		}
		most = atMost{Yes, max(n, certain), d.Trail.asOf(d.start)}
	}
	if c := d.CallCounts; c != nil && c.WindowStart.Equal(d.start) {
		most = most.or(c.most(d.certainBy(c.asOf()), certain))
	}
	return most
}

// certainBy returns how many e-mails of the target certainly went out by then.
func (d *day) certainBy(then time.Time) (n float64) {
	for _, u := range d.uses {
		sent, _ := u.certain()
		for _, p := range sent {
			if !p.At.Add(signUpPeriod).After(then) {
				n += p.N
			}
		}
	}
	return n
}

// quota returns that of the pool, or with an empty ID that of those which share it.
func (l *ledger) quota(k PoolKey) Quota {
	g := l.group(k)
	q := Quota{Kind: QuotaDefault, Reset: l.end, Limit: l.policy.Limit, Bounded: g.most.known, AtMost: g.most.n, AsOf: g.most.asOf}
	sent, known, refused := g.sent, !g.unknown, g.refused.first
	if g.contradicted(l.policy.Limit) {
		q.Contradicted = true
		if u := l.uses[k]; u != nil { // What others did says nothing of the pool.
			sent, known = u.certain()
			if refused = u.refused.first; u.sent.After(u.refused.last.Add(refusalSlack)) {
				refused = time.Time{}
			}
		} else {
			refused = time.Time{}
		}
	}
	if (q.Contradicted || g.doubt || g.unclear) && q.Bounded == No {
		q.Bounded = Unknown // There is something to doubt.
	}
	if n := total(sent); known || n >= q.Limit || !refused.IsZero() {
		q.Known, q.Used = true, n
		q.Exhaustion = exhaustion(sent, q, l.start, l.at)
	}
	if !refused.IsZero() {
		q.Used = max(q.Used, q.Limit)
		if q.Exhaustion.IsZero() || refused.Before(q.Exhaustion) {
			q.Exhaustion = refused
		}
	}
	q.AtMost = max(q.AtMost, q.Used)
	return q
}

// shared returns the quotas by account and region, sorted.
func (l *ledger) shared() []SharedQuota {
	found := map[Key]Quota{}
	for s, g := range l.groups {
		if !g.pools {
			continue
		}
		if l.policy.Scope == ScopePool {
			found[s.Key] = Quota{Kind: QuotaDefault, Reset: l.end}
		} else {
			found[s.Key] = l.quota(PoolKey{Key: s.Key})
		}
	}
	all := make([]SharedQuota, 0, len(found))
	for k, q := range found {
		all = append(all, SharedQuota{k, q})
	}
	slices.SortFunc(all, func(a, b SharedQuota) int { return a.Compare(b.Key) })
	return all
}

// apply gives a pool, and the quota that is to be its own, what the ledger knows
// of it.
func (l *ledger) apply(p *Pool, q *Quota) {
	u := l.uses[p.Key()]
	if u == nil || p.Settings == nil {
		return
	}
	p.Failures = u.failures
	if !p.Settings.SendsDefault() {
		return
	}
	if u.haveSignUps {
		n := u.listed // And not all of the use, which nobody needs any more.
		p.SentCloudWatch = &n
	}
	if u.haveTrail {
		n := total(u.trail)
		p.SentCloudTrail = &n
	}
	*q = l.quota(p.Key())
	p.shares = l.group(p.Key()).shared
}
