package inventory

import (
	"slices"
	"time"
)

// Past is settings that a pool had, and until when they are known to have been
// in force.
type Past struct {
	*Settings
	Until time.Time
}

// eventPeriod is how exactly CloudTrail dates events.
const eventPeriod = time.Second

// during returns the settings that are known to have been in force in all of
// the time, nil when none are. The receiver may be nil.
func (up *UserPool) during(from, to time.Time) *Settings {
	if up == nil {
		return nil
	}
	if s := up.Settings; s != nil && !from.Before(s.Modified) && !to.After(up.Confirmed) {
		return s
	}
	for _, past := range up.Past {
		if !from.Before(past.Modified) && !to.After(past.Until) {
			return past.Settings
		}
	}
	return nil
}

// At returns the settings that were in force at the time of an event, nil when
// they are not known. The receiver may be nil.
func (up *UserPool) At(event time.Time) *Settings { return up.during(event, event.Add(eventPeriod)) }

// sentByDefault reports whether what the pool sent at the time of events, of which
// these are the first and the last one, went through the built-in sender. The
// receiver may be nil.
func (up *UserPool) sentByDefault(first, last time.Time) Tri {
	s := up.during(first, last.Add(eventPeriod))
	if s == nil || s.mayDefault() && !s.SendsDefault() {
		return Unknown
	}
	return Known(s.SendsDefault())
}

// mayDefault reports whether what the pool sends may go through the built-in sender.
func (s *Settings) mayDefault() bool {
	return s.SendsDefault() || s.Mode == ModeUnknown && !s.CustomSender
}

// usedDefault reports whether the pool may have used the built-in sender since
// start, as far as is known.
func (up *UserPool) usedDefault(start time.Time) bool {
	since := time.Time{}
	see := func(modified time.Time) {
		if since.IsZero() || modified.Before(since) {
			since = modified
		}
	}
	if up.Settings != nil {
		if up.Settings.mayDefault() {
			return true
		}
		see(up.Settings.Modified)
	}
	for _, p := range up.Past {
		if p.mayDefault() {
			return true
		}
		see(p.Modified)
	}
	return up.Settings == nil && len(up.Past) == 0 || since.After(start)
}

// UsedDefault reports whether a pool of the target may have used the built-in
// sender since start.
func (r *Reading) UsedDefault(start time.Time) bool {
	used := func(up UserPool) bool { return up.usedDefault(start) }
	return slices.ContainsFunc(r.Pools, used) || slices.ContainsFunc(r.Gone, used)
}

// Replaced returns the pool with its present settings among those of the past,
// and without those that ended before oldest.
func (up UserPool) Replaced(oldest time.Time) UserPool {
	past := slices.DeleteFunc(slices.Clone(up.Past), func(p Past) bool { return p.Until.Before(oldest) })
	if up.Settings != nil && !up.Confirmed.Before(oldest) {
		past = append(past, Past{up.Settings, up.Confirmed})
	}
	up.Past, up.Settings, up.Confirmed = past, nil, time.Time{}
	return up
}
