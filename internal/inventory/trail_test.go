package inventory

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestNoActionCountsTwice(t *testing.T) {
	const pool, client = "eu-west-1_a", "web"
	noon := at("2026-11-24T12:00:00Z")
	event := func(id string, after time.Duration, page bool) MailEvent {
		return MailEvent{ID: id, At: noon.Add(after), Operation: "SignUp", Page: page, PoolID: pool, ClientID: client, Fate: Sent}
	}
	other := event("other", 0, false)
	other.ClientID = "app"
	for _, tt := range []struct {
		name   string
		events []MailEvent
		want   int
	}{
		{"a call", []MailEvent{event("1", 0, false)}, 1},
		{"a page", []MailEvent{event("1", 0, true)}, 1},
		{"a page and its call", []MailEvent{event("1", 0, true), event("2", time.Second, false)}, 1},
		{"the call first", []MailEvent{event("1", 0, false), event("2", time.Second, true)}, 1},
		{"a call long after", []MailEvent{event("1", 0, true), event("2", time.Minute, false)}, 2},
		{"two pages and one call", []MailEvent{event("1", 0, true), event("2", 0, true), event("3", 0, false)}, 2},
		{"a call after just as long as allowed", []MailEvent{event("1", 0, true), event("2", twinGap, false)}, 1},
		{"a call after a little longer", []MailEvent{event("1", 0, true), event("2", twinGap+1, false)}, 2},
		{"a call before just as long as allowed", []MailEvent{event("1", 0, false), event("2", twinGap, true)}, 1},
		{"a call before a little longer", []MailEvent{event("1", 0, false), event("2", twinGap+1, true)}, 2},
		{"two pages and two calls", []MailEvent{event("1", 0, true), event("2", 0, false), event("3", time.Second, true), event("4", time.Second, false)}, 2},
		{"another client's call", []MailEvent{event("1", 0, true), other}, 2},
	} {
		if got := len((&Trail{Events: tt.events}).Single()); got != tt.want {
			t.Errorf("%s: %d actions, want %d", tt.name, got, tt.want)
		}
	}
}

// TestSettle has random events of pages and calls settle step by step: nothing
// is counted twice or lost, however they are cut.
func TestSettle(t *testing.T) {
	t.Parallel()
	start := at("2026-11-24T09:00:00Z")
	changed := start.Add(7 * time.Minute)
	before, after := &Settings{}, &Settings{Tier: "PLUS"}
	settings := func(_ string, at time.Time) *Settings {
		if at.Before(changed) {
			return before
		}
		return after
	}
	type kind struct {
		pool      string
		operation string
		fate      Fate
		failure   FailureReason
		late      bool // after the settings changed
	}
	sum := func(all []TrailCount) map[kind]int {
		n := map[kind]int{}
		for _, c := range all {
			if c.First.After(c.Last) || c.Last.Sub(c.First) > trailSlot || settings("", c.First) != settings("", c.Last) {
				t.Errorf("from %s to %s", c.First, c.Last)
			}
			n[kind{c.PoolID, c.Operation, c.Fate, c.Failure, !c.First.Before(changed)}] += c.N
		}
		return n
	}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		whole := &Trail{}
		for i := range 300 {
			e := MailEvent{
				ID: strconv.Itoa(i), At: start.Add(time.Duration(r.IntN(900)) * time.Second), Operation: "SignUp", Page: r.IntN(2) == 0,
				PoolID: []string{"", "eu-west-1_a", "eu-west-1_b"}[r.IntN(3)], ClientID: "web", Fate: Fate(r.IntN(4)),
			}
			if e.Fate == NotSent && r.IntN(2) == 0 {
				e.Failure = FailedDailyLimit
			}
			whole.Events = append(whole.Events, e)
		}
		slices.SortFunc(whole.Events, func(a, b MailEvent) int { return a.At.Compare(b.At) })
		cut := &Trail{}
		for i, e := range whole.Events {
			cut.Events = append(cut.Events, e)
			if r.IntN(20) == 0 || i == len(whole.Events)-1 {
				until := e.At.Add(-TwinMargin)
				cut.Settle(func(e MailEvent) bool { return e.At.Before(until) }, settings)
				for _, e := range cut.Events {
					if e.At.Before(until) {
						t.Fatalf("seed %d: an event of %s is left", seed, e.At)
					}
				}
			}
		}
		if got, want := sum(cut.All()), sum(whole.All()); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: %v, want %v", seed, got, want)
		}
		if len(cut.Counts) == 0 || !slices.IsSortedFunc(cut.Counts, func(a, b TrailCount) int { return a.Slot.Compare(b.Slot) }) {
			t.Errorf("seed %d: counts %v", seed, cut.Counts)
		}
	}
}
