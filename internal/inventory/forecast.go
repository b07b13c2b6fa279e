package inventory

import "time"

const (
	paceWindow = 3 * time.Hour    // the pace of a forecast is that of the last hours
	paceLeast  = 30 * time.Minute // and of no less, so that two e-mails shortly after each other are no trend
)

// exhaustion says when the quota, whose day begins at start and resets at
// q.Reset, was used up by what was sent, or will be at the pace of the last
// hours. Zero when it lasts until the reset. sent is sorted by time.
func exhaustion(sent []Point, q Quota, start, at time.Time) time.Time {
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
	until := q.Headroom() * perMail
	if until >= float64(q.Reset.Sub(at)) {
		return time.Time{}
	}
	return at.Add(time.Duration(until)).Truncate(time.Second)
}
