package inventory

import (
	"math"
	"time"
)

// QuotaKind says which quota applies to a pool's e-mail.
type QuotaKind string

// The kinds of quota.
const (
	QuotaUnknown QuotaKind = ""        // the pool's mode is not known
	QuotaDefault QuotaKind = "default" // the built-in sender's, of a fixed day
	QuotaSend    QuotaKind = "send"    // of an SES account, over a rolling 24 hours
	QuotaNone    QuotaKind = "none"    // a Lambda function sends the e-mail, or nothing does: a replica that is not active
)

// Quota is a limit on e-mails and how much of it is used. The zero value knows
// nothing.
type Quota struct {
	Kind  QuotaKind
	Known bool    // whether Limit and Used are
	Limit float64 // e-mails; infinite when unlimited
	Used  float64 // e-mails, at least

	// Bounded says whether AtMost holds: No when nothing that AWS shows bounds
	// the use from above, Unknown when it could not be read.
	Bounded Tri
	AtMost  float64   // e-mails; how many are used at most, never less than Used
	AsOf    time.Time // up to when AtMost counts; zero for now

	// For the default quota: when it resets, and when it was used up or will be
	// at the present pace. Zero when unknown; Exhaustion also when the quota
	// lasts until the reset.
	Reset, Exhaustion time.Time
	// Contradicted says that pools which are taken to share the default quota
	// sent e-mails after AWS had refused one, or more than the limit.
	Contradicted bool
}

// SendQuota returns the send quota of an SES account, from GetAccount's
// Max24HourSend and SentLast24Hours. SES writes unlimited as -1.
func SendQuota(limit, used float64) Quota {
	if limit < 0 {
		limit = math.Inf(1)
	}
	return Quota{Kind: QuotaSend, Known: true, Limit: limit, Used: used, Bounded: Yes, AtMost: used}
}

// Unlimited reports whether the quota is known to have no limit.
func (q *Quota) Unlimited() bool { return q.Known && math.IsInf(q.Limit, 1) }

// Finite reports whether the quota is known and has a limit.
func (q *Quota) Finite() bool { return q.Known && !math.IsInf(q.Limit, 1) }

// Headroom is how many e-mails are left at most, never less than none; infinite when unlimited.
func (q *Quota) Headroom() float64 { return max(0, q.Limit-q.Used) }

// UsedRatio is the part of the limit that is used at least, 0 when unlimited and
// at least 1 when nothing may be sent.
func (q *Quota) UsedRatio() float64 {
	if q.Limit <= 0 {
		return 1
	}
	return q.Used / q.Limit
}

// Reached reports whether nothing is left; Unknown between the bounds, and when
// too little is known of the quota. Without any way to an upper bound it counts
// as not reached: a source that AWS lacks is no reason to doubt every quota.
func (q *Quota) Reached() Tri {
	if q.Known && q.Used >= q.Limit {
		return Yes
	}
	if q.Bounded == Yes && q.AtMost < q.Limit || q.Bounded == No && q.Known {
		return No
	}
	return Unknown
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
