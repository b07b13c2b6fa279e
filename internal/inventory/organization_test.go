package inventory

import (
	"fmt"
	"maps"
	"strconv"
	"testing"
)

func TestWithin(t *testing.T) {
	a := OrganizationAccount{Units: []Unit{{"r-abcd", "Root"}, {"ou-abcd-11111111", "Workloads"}, {"ou-abcd-22222222", "Prod"}}}
	if got := a.UnitPath(); got != "Workloads/Prod" {
		t.Errorf("path %s", got)
	}
	for unit, want := range map[string]bool{
		"r-abcd": true, "ou-abcd-11111111": true, "ou-abcd-22222222": true, "Workloads": true, "Workloads/Prod": true,
		"Root": false, "Work": false, "Prod": false, "Workloads/Pro": false, "Workloads/Prod/EU": false, "ou-abcd-33333333": false,
	} {
		if got := a.Within(unit); got != want {
			t.Errorf("within %s: %v", unit, got)
		}
	}
	if root := (&OrganizationAccount{Units: a.Units[:1]}); root.UnitPath() != "" || !root.Within("r-abcd") || root.Within("Workloads") {
		t.Error("an account in the root is elsewhere")
	}
}

func TestCover(t *testing.T) {
	reading := func(classes ...Class) *Reading {
		r := &Reading{}
		for i, class := range classes {
			o := Outcome{API: strconv.Itoa(i), Class: class}
			if class != OK {
				o.Message = "message of " + string(class)
			}
			r.Outcomes = append(r.Outcomes, o)
		}
		return r
	}
	denied, slow := &Failure{Denied, "no role"}, &Failure{Timeout, "no answer"}
	for _, tt := range []struct {
		name     string
		member   Member
		readings []*Reading
		want     Coverage
		why      string
	}{
		{"no region with pools", Member{}, nil, CoverageRead, ""},
		{"read", Member{}, []*Reading{reading(OK, OK), reading(OK)}, CoverageRead, ""},
		{"a region that is off", Member{}, []*Reading{reading(RegionDisabled, NotOffered), reading(OK)}, CoverageRead, ""},
		{"one region pending", Member{}, []*Reading{reading(OK), nil}, CoveragePending, "1 of 2 regions are still to be read for the first time"},
		{"denied", Member{}, []*Reading{reading(OK, Denied)}, CoverageDenied, "message of denied"},
		{"failing", Member{}, []*Reading{reading(Throttled, Timeout)}, CoverageFailing, "message of throttled"},
		{"failing and denied", Member{}, []*Reading{reading(Throttled), reading(Denied), reading(Internal)}, CoverageDenied, "message of denied"},
		{"denied and pending", Member{}, []*Reading{nil, reading(Denied)}, CoverageDenied, "message of denied"},
		{"regions denied", Member{Failure: denied}, []*Reading{reading(OK)}, CoverageDenied, "no role"},
		{"regions slow", Member{Failure: slow}, []*Reading{reading(OK)}, CoverageFailing, "no answer"},
		{"regions slow, the only one denied", Member{Failure: slow}, []*Reading{reading(Denied)}, CoverageDenied, "message of denied"},
		{"regions not asked for", Member{Coverage: CoveragePending, Why: "soon"}, nil, CoveragePending, "soon"},
		{"not all searched, and one denied", Member{Coverage: CoveragePending, Why: "soon"}, []*Reading{reading(Denied)}, CoverageDenied, "message of denied"},
		{"excluded", Member{Coverage: CoverageExcluded, Why: "a filter"}, nil, CoverageExcluded, "a filter"},
		{"suspended", Member{Coverage: CoverageSuspended, Why: "its state", Failure: denied}, nil, CoverageSuspended, "its state"},
	} {
		if got := tt.member.Cover(tt.readings); got.Coverage != tt.want || got.Why != tt.why || got.Regions != len(tt.readings) {
			t.Errorf("%s: %s in %d regions, %q", tt.name, got.Coverage, got.Regions, got.Why)
		}
	}
}

func TestAccountTags(t *testing.T) {
	account := map[string]string{"team": "shop", "env": "prod"}
	undescribed, full := &UserPool{ID: "a"}, &UserPool{ID: "b", Settings: &Settings{Tags: map[string]string{"team": "", "env": "test"}}}
	for _, up := range []*UserPool{undescribed, full} {
		if got := up.withTags(account); got != up {
			t.Errorf("%s has become %+v", up.ID, got)
		}
	}
	own := &UserPool{ID: "c", Settings: &Settings{Tier: "PLUS", Tags: map[string]string{"team": "forum", "x": "y"}}}
	if got := own.withTags(nil); got != own {
		t.Error("without tags of the account, it is another")
	}
	got := own.withTags(account)
	if want := map[string]string{"team": "forum", "x": "y", "env": "prod"}; !maps.Equal(got.Settings.Tags, want) || got.ID != "c" || got.Settings.Tier != "PLUS" {
		t.Errorf("%+v", got.Settings)
	}
	if len(own.Settings.Tags) != 2 || len(account) != 2 {
		t.Error("what is shared was changed")
	}
	p := Judge(now, []Reading{{Target: Target{AccountID: "1", Region: "eu-west-1", AccountTags: account}, Pools: []UserPool{*own}}}, Policy{}).Pools[0]
	if p.Settings.Tags["env"] != "prod" {
		t.Errorf("the judged pool has the tags %v", p.Settings.Tags)
	}
}

func TestPartitions(t *testing.T) {
	for partition, home := range map[string]string{"aws": "us-east-1", "aws-us-gov": "us-gov-west-1", "aws-eusc": "eusc-de-east-1", "aws-cn": "cn-northwest-1"} {
		if got := Home(partition); got != home || Partition(got) != partition {
			t.Errorf("%s is at home in %s", partition, got)
		}
	}
	if n := len(AlwaysOn("aws")); n != 17 {
		t.Errorf("%d regions cannot be off", n)
	}
	if got := fmt.Sprint(RegionsOf("aws-us-gov"), AlwaysOn("aws-eusc")); got != "[us-gov-east-1 us-gov-west-1] [eusc-de-east-1]" {
		t.Error(got)
	}
}
