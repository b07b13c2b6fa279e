package config

import (
	"strings"
	"testing"
)

func TestTexts(t *testing.T) {
	long := func(n int) string { return strings.Repeat("ü", n) }
	for _, tt := range []struct {
		what  string
		valid func(string) bool
		text  string
		want  bool
	}{
		{"tag name", isTagName, "cost center", true},
		{"tag name", isTagName, "", false},
		{"tag name", isTagName, "a;b", false},
		{"tag name", isTagName, long(128), true},
		{"tag name", isTagName, long(129), false},
		{"tag match", isTagMatch, "team", true},
		{"tag match", isTagMatch, "team=", true},
		{"tag match", isTagMatch, "team=a=b", true},
		{"tag match", isTagMatch, "=shop", false},
		{"tag match", isTagMatch, "", false},
		{"tag match", isTagMatch, "team=a;b", false},
		{"tag match", isTagMatch, long(128) + "=" + long(256), true},
		{"tag match", isTagMatch, long(129) + "=", false},
		{"tag match", isTagMatch, "team=" + long(257), false},
		{"unit", isUnit, "r-ab12", true},
		{"unit", isUnit, "Workloads/Prod", true},
		{"unit", isUnit, "1/2/3/4/5", true},
		{"unit", isUnit, "1/2/3/4/5/6", false},
		{"unit", isUnit, "", false},
		{"unit", isUnit, "a//b", false},
		{"unit", isUnit, "/a", false},
		{"unit", isUnit, long(128), true},
		{"unit", isUnit, "a/" + long(129), false},
	} {
		if got := tt.valid(tt.text); got != tt.want {
			t.Errorf("%s %q: %v", tt.what, tt.text, got)
		}
	}
}
