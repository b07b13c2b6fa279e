package inventory

import (
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
