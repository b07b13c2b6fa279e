package awsread

import (
	"maps"
	"reflect"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

func TestTagSets(t *testing.T) {
	t.Parallel()
	before := map[string]string{"env": "prod", "team": "shop"}
	s := tagSets{known: []inventory.UserPool{{ID: "new"}, {Settings: &inventory.Settings{}}, {Settings: &inventory.Settings{Tags: before}}}}
	one := func(m map[string]string) uintptr { return reflect.ValueOf(m).Pointer() }
	if got := s.share(map[string]string{"team": "shop", "env": "prod"}); one(got) != one(before) {
		t.Error("the tags of a pool of before are kept twice")
	}
	var kept []map[string]string
	for _, tags := range []map[string]string{
		{"env": "prod"},
		{"env": "prod", "team": ""},
		{"env": "dev", "team": "shop"},
		{"env\x00": "prod"},
		{"env": "\x00prod"},
		{`"`: "a"},
		{"a": `"`},
		{`a""b`: "c"},
		{"a": "b", "c": ""},
	} {
		got := s.share(maps.Clone(tags))
		if !maps.Equal(got, tags) {
			t.Errorf("%q became %q", tags, got)
		}
		if again := s.share(tags); one(again) != one(got) {
			t.Errorf("%q are kept twice", tags)
		}
		kept = append(kept, got)
	}
	for i, a := range kept {
		for j, b := range kept {
			if i != j && one(a) == one(b) {
				t.Errorf("%q and %q are one", a, b)
			}
		}
	}
	if s.share(nil) != nil || s.share(map[string]string{}) != nil {
		t.Error("no tags have a map")
	}
}
