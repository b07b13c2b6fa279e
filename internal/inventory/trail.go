package inventory

import "time"

// FailureReason says why Cognito did not send an e-mail, as far as CloudTrail tells.
type FailureReason string

// The reasons.
const (
	FailedDailyLimit          FailureReason = "daily_limit"
	FailedRecipientUnverified FailureReason = "recipient_unverified"
	FailedIdentityUnverified  FailureReason = "identity_unverified_at_send"
	FailedDelivery            FailureReason = "delivery_failure"
	FailedRoleOrPolicy        FailureReason = "role_or_policy"
	FailedThrottled           FailureReason = "throttled"
)

// FailureReasons lists every reason.
func FailureReasons() []FailureReason {
	return []FailureReason{FailedDailyLimit, FailedRecipientUnverified, FailedIdentityUnverified, FailedDelivery, FailedRoleOrPolicy, FailedThrottled}
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

// Fate says whether an event sent an e-mail, as far as it tells.
type Fate int8

// The fates.
const (
	NotSent   Fate = iota
	Sent           // for certain
	Simulated      // AWS answered as if there were such a user, and probably sent nothing
	Undecided      // what the event says can be read either way
)

// MailEvent is an event that may have sent an e-mail, or should have. By which
// sender is for the pool's settings to say.
type MailEvent struct {
	ID        string
	At        time.Time
	Operation string // the API operation, also for a hosted page that leads to it
	Page      bool   // a request to a hosted page
	PoolID    string // empty when the event does not tell
	ClientID  string
	Fate      Fate
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
