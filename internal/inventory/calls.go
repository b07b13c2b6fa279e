package inventory

import "time"

// CallCounts is how many calls Cognito counted since a day of the default quota
// began, of the operations among which are all that send e-mail (AWS/Usage
// CallCount, the categories UserCreation, UserAccountRecovery,
// UserResourceRead and UserUpdate). Each may have sent one e-mail.
type CallCounts struct {
	WindowStart time.Time
	Confirmed   time.Time // when they were last read
	// Every is how far apart they are read. What they say outlives its
	// confirmation by as much.
	Every time.Duration
	// Listed says that CloudWatch has such metrics of Cognito. AWS's documents
	// do not give their dimensions with certainty; without, nothing is known.
	Listed bool
	N      float64 // calls, those of ByMetric together
	// ByMetric has the calls that each metric counts, by its dimensions. It does
	// not change once it is made.
	ByMetric map[string]float64
}

// published is how late AWS may publish points and events. It does not say.
const published = 15 * time.Minute

// since returns the time by which what AWS had to tell at confirmed was
// complete, in the day that begins at start.
func since(confirmed, start time.Time) time.Time {
	if t := confirmed.Add(-published); t.After(start) {
		return t
	}
	return start
}

func (c *CallCounts) asOf() time.Time { return since(c.Confirmed, c.WindowStart) }

// most bounds the e-mails by the calls, unless there were more of them by then:
// then the calls are not those that count. So far is what went out until now.
func (c *CallCounts) most(byThen, soFar float64) atMost {
	if !c.Listed || c.N < byThen {
		return atMost{known: No}
	}
	return atMost{Yes, max(c.N, soFar), c.asOf()}
}

// asOf returns up to when a trail of the day that begins at start is complete.
func (t *Trail) asOf(start time.Time) time.Time { return since(t.Confirmed, start) }
