package inventory

import (
	"fmt"
	"testing"
)

func TestSnapshot(t *testing.T) {
	reading := func(account, region string, pools ...string) Reading {
		r := Reading{Target: Target{AccountID: account, Region: region}, PoolsListed: now}
		for _, id := range pools {
			r.Pools = append(r.Pools, UserPool{ID: id})
		}
		return r
	}
	s := New(now, []Reading{reading("2", "a", "x"), reading("1", "b", "y", "z"), reading("1", "a", "w"), reading("3", "a")}, Policy{})
	var got []string
	for p := range s.Pools() {
		got = append(got, p.Target.AccountID+p.Target.Region+p.ID)
	}
	for r := range s.Readings() {
		got = append(got, r.Target.AccountID+r.Target.Region)
	}
	if want := "[1aw 1by 1bz 2ax 1a 1b 2a 3a]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	if n := s.PoolCount(); n != 4 {
		t.Errorf("%d pools", n)
	}
	// Who stops early gets no more.
	for range s.Pools() {
		break
	}
	for range s.Readings() {
		break
	}
}

func TestPoolsUnknown(t *testing.T) {
	target := func(account string) Reading { return Reading{Target: Target{AccountID: account, Region: "a"}} }
	listed, empty, unread, sesOnly, partly := target("1"), target("2"), target("3"), target("4"), target("5")
	listed.PoolsListed = now
	unread.Unread = true
	sesOnly.Target.SESOnly = true
	partly.Pools = []UserPool{{ID: "a"}}
	for name, tt := range map[string]struct {
		readings []Reading
		want     bool
	}{
		"nothing configured":     {nil, false},
		"listed":                 {[]Reading{listed}, false},
		"a part is known":        {[]Reading{partly}, false},
		"denied":                 {[]Reading{empty}, true},
		"not read yet":           {[]Reading{unread}, true},
		"one of two":             {[]Reading{empty, listed}, false},
		"neither":                {[]Reading{empty, unread}, true},
		"SES only says nothing":  {[]Reading{sesOnly}, false},
		"denied beside SES only": {[]Reading{empty, sesOnly}, true},
	} {
		if got := New(now, tt.readings, Policy{}).PoolsUnknown; got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
