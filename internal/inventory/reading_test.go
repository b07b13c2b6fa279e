package inventory

import (
	"slices"
	"testing"
	"time"
)

func TestCompareKeys(t *testing.T) {
	keys := []Key{{"2", "a"}, {"1", "b"}, {"1", "a"}}
	slices.SortFunc(keys, Key.Compare)
	if want := []Key{{"1", "a"}, {"1", "b"}, {"2", "a"}}; !slices.Equal(keys, want) {
		t.Errorf("%v, want %v", keys, want)
	}
	if target := (Target{AccountID: "1", Region: "a"}); target.Key() != keys[0] {
		t.Errorf("key %v", target.Key())
	}
}

func TestOutcome(t *testing.T) {
	r := &Reading{Outcomes: []Outcome{{API: APICognito, Class: Denied}, {API: APISES}}}
	if o, ok := r.Outcome(APISES); !ok || o.API != APISES || o.Class != OK {
		t.Errorf("%+v %v", o, ok)
	}
	if o, ok := r.Outcome(APICognito); !ok || o.Class != Denied {
		t.Errorf("%+v %v", o, ok)
	}
	if _, ok := r.Outcome(APISTS); ok {
		t.Error("there is an outcome of an API that was not called")
	}
	if _, ok := (*Reading)(nil).Outcome(APISES); ok {
		t.Error("there is an outcome of no reading")
	}
}

func TestPoolsKnown(t *testing.T) {
	described := UserPool{Settings: &Settings{Sender: Sender{EmailConfiguration: EmailConfiguration{Mode: ModeDefault}}}}
	unknown := UserPool{Settings: &Settings{Sender: Sender{EmailConfiguration: EmailConfiguration{Mode: ModeUnknown}}}}
	for name, tt := range map[string]struct {
		r    Reading
		want bool
	}{
		"listed":             {Reading{PoolsListed: now}, true},
		"described":          {Reading{PoolsListed: now, Pools: []UserPool{described}}, true},
		"not listed":         {Reading{Pools: []UserPool{described}}, false},
		"not described":      {Reading{PoolsListed: now, Pools: []UserPool{described, {}}}, false},
		"mode unknown":       {Reading{PoolsListed: now, Pools: []UserPool{unknown}}, false},
		"SES only":           {Reading{Target: Target{SESOnly: true}}, true},
		"region off":         {Reading{Outcomes: []Outcome{{API: APICognito, Class: RegionDisabled}}}, true},
		"denied":             {Reading{Outcomes: []Outcome{{API: APICognito, Class: Denied}}}, false},
		"another API is off": {Reading{Outcomes: []Outcome{{API: APISES, Class: RegionDisabled}}}, false},
	} {
		if got := tt.r.PoolsKnown(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestFresh checks that every fact ends when it was not confirmed since oldest,
// and not a moment earlier.
func TestFresh(t *testing.T) {
	oldest := now.Add(-time.Hour)
	whole := func(confirmed time.Time) Reading {
		return Reading{
			Pools:       []UserPool{{ID: "a", Listed: confirmed, Confirmed: confirmed, Settings: &Settings{}}},
			PoolsListed: confirmed, SES: &SESState{Confirmed: confirmed},
			Identities:       []Identity{{Name: "a", Confirmed: confirmed, Verified: Yes}},
			IdentitiesListed: confirmed,
			SignUps:          &SignUps{Confirmed: confirmed}, Trail: &Trail{Confirmed: confirmed}, Reputation: &Reputation{Confirmed: confirmed},
		}
	}
	r := whole(oldest)
	f := r.Fresh(oldest)
	if len(f.Pools) != 1 || f.Pools[0].Settings == nil || f.PoolsListed.IsZero() || f.SES == nil || len(f.Identities) != 1 ||
		f.IdentitiesListed.IsZero() || f.SignUps == nil || f.Trail == nil || f.Reputation == nil {
		t.Errorf("facts confirmed at %s ended: %+v", oldest, f)
	}
	old := oldest.Add(-time.Nanosecond)
	r = whole(old)
	f = r.Fresh(oldest)
	if len(f.Pools) != 0 || !f.PoolsListed.IsZero() || f.SES != nil || len(f.Identities) != 0 || !f.IdentitiesListed.IsZero() || f.SignUps != nil || f.Trail != nil {
		t.Errorf("facts outlived their time: %+v", f)
	}
	if f.Reputation == nil {
		t.Error("the reputation, which is read less often, ended with the others")
	}
	if len(r.Pools) != 1 || r.SES == nil || len(r.Identities) != 1 || r.PoolsListed.IsZero() {
		t.Error("Fresh changed its receiver")
	}
	if r := whole(oldest.Add(-ReputationInterval)); r.Fresh(oldest).Reputation == nil {
		t.Error("the reputation ended early")
	}
	if r := whole(oldest.Add(-ReputationInterval - 1)); r.Fresh(oldest).Reputation != nil {
		t.Error("the reputation outlived its time")
	}
	r = Reading{
		Pools: []UserPool{{ID: "listed", Listed: now, Confirmed: old, Settings: &Settings{}}},
		Identities: []Identity{
			{Name: "asked", Confirmed: now, Asked: old, Verified: Yes},
			{Name: "asked in time", Confirmed: now, Asked: oldest, Verified: Yes},
			{Name: "listed", Confirmed: now, Verified: Yes},
		},
	}
	f = r.Fresh(oldest)
	if len(f.Pools) != 1 || f.Pools[0].Settings != nil || r.Pools[0].Settings == nil {
		t.Errorf("pools %+v of %+v", f.Pools, r.Pools)
	}
	for i, want := range []Tri{Unknown, Yes, Yes} {
		if got := f.Identities[i]; got.Verified != want || r.Identities[i].Verified != Yes {
			t.Errorf("%s: verified %s, want %s", got.Name, got.Verified, want)
		}
	}
}
