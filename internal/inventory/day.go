package inventory

import (
	"slices"
	"time"
)

// Day is what certainly went out through the built-in sender in the current day
// of a pool's default quota.
type Day struct {
	Start, End time.Time
	Own        []Point // of the pool, sorted by time
	// Shared is of all pools that draw on the same quota, sorted by time; nil when
	// the quota is the pool's own, or is not known to be shared after all.
	Shared []Point
}

// Day returns the pool's day. ok is false for a pool that does not use the
// built-in sender, and when nothing was counted.
func (a *Account) Day(p *Pool) (d Day, ok bool) {
	if p.Quota.Kind != QuotaDefault || p.Quota.Reset.IsZero() {
		return Day{}, false
	}
	l := newLedger(a.At, a.Readings, a.policy)
	u := l.uses[p.Key()]
	if u == nil {
		return Day{}, false
	}
	own, _ := u.certain()
	d = Day{Start: l.start, End: l.end, Own: slices.Clone(own)}
	if p.shares != nil && !p.Quota.Contradicted {
		d.Shared = slices.Clone(l.group(p.Key()).sent)
	}
	return d, len(d.Own)+len(d.Shared) > 0
}
