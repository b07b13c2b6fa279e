package inventory

import (
	"fmt"
	"slices"
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

// TestIn keeps the pools of a region, and what they send through elsewhere.
func TestIn(t *testing.T) {
	reading := func(region string, pools ...UserPool) Reading {
		return Reading{
			Target: Target{AccountID: "1", Region: region}, Pools: pools, SES: &SESState{Confirmed: now}, IdentitiesListed: now,
			Identities: []Identity{{Name: "example.com", Confirmed: now}, {Name: "example.org", Confirmed: now}},
		}
	}
	pool := func(region, through, identity string) UserPool {
		e := EmailConfiguration{Mode: ModeDeveloper, SourceARN: "arn:aws:ses:" + through + ":1:identity/" + identity}
		return UserPool{ID: region + "_1", Confirmed: now, Settings: &Settings{Described: now, Sender: NewSender(Key{AccountID: "1", Region: region}, e)}}
	}
	whole := New(now, []Reading{
		reading("eu-central-1", pool("eu-central-1", "eu-west-1", "example.com")), reading("eu-west-1", pool("eu-west-1", "us-east-1", "example.org")),
		reading("us-east-1"),
		{Target: Target{AccountID: "2", Region: "us-east-1"}},
	}, Policy{})
	for _, tt := range []struct {
		regions                         []string
		pools, ses, identities, targets []string
	}{
		{
			[]string{"eu-central-1"},
			[]string{"eu-central-1_1"},
			[]string{"eu-central-1", "eu-west-1"},
			[]string{"eu-central-1 example.com", "eu-central-1 example.org", "eu-west-1 example.com"},
			[]string{"1 eu-central-1", "1 eu-west-1"},
		},
		{
			[]string{"us-east-1"},
			nil,
			[]string{"us-east-1"},
			[]string{"us-east-1 example.com", "us-east-1 example.org"},
			[]string{"1 us-east-1", "2 us-east-1"},
		},
		{[]string{"eu-north-1"}, nil, nil, nil, nil},
	} {
		s := whole.In(tt.regions...)
		var pools, ses, identities, targets []string
		for p := range s.Pools() {
			pools = append(pools, p.ID)
		}
		for r := range s.Readings() {
			targets = append(targets, r.Target.AccountID+" "+r.Target.Region)
		}
		for n, a := range s.Accounts {
			if len(a.Readings)+len(a.Others) != len(whole.Accounts[n].Readings) {
				t.Errorf("in %v: %d readings and %d beside them", tt.regions, len(a.Readings), len(a.Others))
			}
			for _, v := range a.SES {
				ses = append(ses, v.Target.Region)
			}
			for _, i := range a.Identities {
				identities = append(identities, i.Target.Region+" "+i.Name)
			}
		}
		if !slices.Equal(pools, tt.pools) || !slices.Equal(ses, tt.ses) || !slices.Equal(identities, tt.identities) || !slices.Equal(targets, tt.targets) {
			t.Errorf("in %v: pools %q, SES %q, identities %q, targets %q", tt.regions, pools, ses, identities, targets)
		}
	}
	if whole.PoolCount() != 2 || len(whole.Accounts[0].Readings) != 3 {
		t.Error("the whole snapshot has changed")
	}
}
