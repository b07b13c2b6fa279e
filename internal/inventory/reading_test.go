package inventory

import (
	"slices"
	"testing"
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

func TestFailed(t *testing.T) {
	for _, class := range append(Classes(), OK, NotAsked) {
		want := class != OK && class != RegionDisabled && class != NotOffered && class != NotAsked
		if class.Failed() != want {
			t.Errorf("%q failed: %v", class, !want)
		}
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
		"no Cognito there":   {Reading{Outcomes: []Outcome{{API: APICognito, Class: NotOffered}}}, true},
		"denied":             {Reading{Outcomes: []Outcome{{API: APICognito, Class: Denied}}}, false},
		"another API is off": {Reading{Outcomes: []Outcome{{API: APISES, Class: RegionDisabled}}}, false},
	} {
		if got := tt.r.PoolsKnown(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
