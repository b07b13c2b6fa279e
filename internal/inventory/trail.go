package inventory

import (
	"slices"
	"time"
)

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
	Counts      []TrailCount         // of earlier events, see [Trail.Settle]; sorted by slot
}

// TrailCount is how many events were alike within five minutes, each action
// counted once.
type TrailCount struct {
	Slot        time.Time // when the five minutes begin
	First, Last time.Time // of the events
	Operation   string
	PoolID      string // empty when the events do not tell
	Fate        Fate
	Failure     FailureReason
	N           int
}

// trailSlot is how much of the time a count is of.
const trailSlot = 5 * time.Minute

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
	Twin      bool          // the event of its page is counted with it already
}

// twinGap is how far apart CloudTrail may date a page's event and the event of
// the operation that the page called.
const twinGap = 2 * time.Second

// Single returns the events without those of pages whose operation has an
// event of its own, so that no action counts twice.
func (t *Trail) Single() []MailEvent {
	twins := t.twins()
	single := make([]MailEvent, 0, len(t.Events))
	for i, e := range t.Events {
		if _, ok := twins[i]; !ok {
			single = append(single, e)
		}
	}
	return single
}

// twins returns for each event of a page that has one, by index of Events, that
// of the operation's own event.
func (t *Trail) twins() map[int]int {
	type action struct{ operation, pool, client string }
	calls := map[action][]int{} // sorted, as Events are
	for i, e := range t.Events {
		if !e.Page && !e.Twin {
			k := action{e.Operation, e.PoolID, e.ClientID}
			calls[k] = append(calls[k], i)
		}
	}
	twins := map[int]int{}
	for i, e := range t.Events {
		if !e.Page {
			continue
		}
		k := action{e.Operation, e.PoolID, e.ClientID}
		near := calls[k]
		for len(near) > 0 && e.At.Sub(t.Events[near[0]].At) > twinGap {
			near = near[1:]
		}
		calls[k] = near
		if len(near) > 0 && t.Events[near[0]].At.Sub(e.At) <= twinGap {
			twins[i], calls[k] = near[0], near[1:]
		}
	}
	return twins
}

// TwinMargin is how long before a time all events have to be known for those
// before that time to have no more twins.
const TwinMargin = 2 * twinGap

// Settle replaces the events that are settled by their counts: no event within
// [TwinMargin] of them may come any more. settings returns what was in force in a
// pool, which keeps events apart that count differently. Events and Counts are new
// slices.
func (t *Trail) Settle(settled func(MailEvent) bool, settings func(poolID string, at time.Time) *Settings) {
	type key struct {
		slot            time.Time
		operation, pool string
		fate            Fate
		failure         FailureReason
		settings        *Settings
	}
	counts := slices.Clone(t.Counts)
	index := make(map[key]int, len(counts))
	for i, c := range counts {
		index[key{c.Slot, c.Operation, c.PoolID, c.Fate, c.Failure, settings(c.PoolID, c.First)}] = i
	}
	twins := t.twins()
	twin := make(map[int]bool, len(twins)) // operations' own events of which the page's is counted with them
	for page, call := range twins {
		twin[call] = settled(t.Events[page]) || settled(t.Events[call])
	}
	var left []MailEvent
	for i, e := range t.Events {
		if call, ok := twins[i]; ok && twin[call] {
			continue
		}
		if !settled(e) {
			e.Twin = e.Twin || twin[i]
			left = append(left, e)
			continue
		}
		slot := e.At.Truncate(trailSlot)
		k := key{slot, e.Operation, e.PoolID, e.Fate, e.Failure, settings(e.PoolID, e.At)}
		at, ok := index[k]
		if !ok {
			at = len(counts)
			index[k] = at
			counts = append(counts, TrailCount{slot, e.At, e.At, e.Operation, e.PoolID, e.Fate, e.Failure, 0})
		}
		c := &counts[at]
		c.N++
		if e.At.Before(c.First) {
			c.First = e.At
		}
		if e.At.After(c.Last) {
			c.Last = e.At
		}
	}
	slices.SortStableFunc(counts, func(a, b TrailCount) int { return a.Slot.Compare(b.Slot) })
	t.Events, t.Counts = left, counts
}

// All returns counts of everything, also of the events that are not settled.
func (t *Trail) All() []TrailCount {
	all := slices.Clone(t.Counts)
	for _, e := range t.Single() {
		all = append(all, TrailCount{e.At, e.At, e.At, e.Operation, e.PoolID, e.Fate, e.Failure, 1})
	}
	return all
}
