package inventory

import (
	"slices"
	"testing"
)

func TestCoveringIdentities(t *testing.T) {
	for name, want := range map[string][]string{
		"Example.COM":           {"example.com"},
		"a.b.Example.com":       {"a.b.example.com", "b.example.com", "example.com"},
		"User@Mail.Example.com": {"User@Mail.Example.com", "mail.example.com", "example.com"},
		"user+x+y@example.com":  {"user+x+y@example.com", "user@example.com", "example.com"},
		"user+x@EXAMPLE.com":    {"user+x@EXAMPLE.com", "user@EXAMPLE.com", "example.com"},
		"+x@example.com":        {"+x@example.com", "example.com"},
		"localhost":             {"localhost"},
		"a@b@example.com":       {"a@b@example.com", "example.com"},
		"@example.com":          {"@example.com"},
		"user@":                 {"user@"},
		"u@e.com":               {"u@e.com", "e.com"},
		"u@c":                   {"u@c", "c"},
	} {
		if got := CoveringIdentities(name); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, tt := range []struct {
		identity, from string
		want           bool
	}{
		{"example.com", "a@example.com", true},
		{"EXAMPLE.com", "a@example.COM", true},
		{"example.com", "Acme <a@mail.example.com>", true},
		{"mail.example.com", "a@example.com", false},
		{"a@example.com", "b@example.com", false},
		{"a@example.com", "A@example.com", false},
		{"a@example.com", "a@EXAMPLE.com", false},
		{"a@EXAMPLE.com", "Acme <a@EXAMPLE.com>", true},
		{"a@EXAMPLE.com", "a+x@EXAMPLE.com", true},
		{"a@example.com", "a+x@example.com", true},
		{"example.com", "example.com", false},
		{"example.com", "", false},
	} {
		if got := Covers(tt.identity, tt.from); got != tt.want {
			t.Errorf("%s covers %q: %v", tt.identity, tt.from, got)
		}
	}
}

func TestAddress(t *testing.T) {
	for from, want := range map[string]string{
		"a@example.com":              "a@example.com",
		" a@example.com ":            "a@example.com",
		"Acme, Inc. <a@example.com>": "a@example.com",
		"< a@example.com >":          "a@example.com",
		"<a@example.com>":            "a@example.com",
		"a <b> <c@example.com>":      "c@example.com",
		"c@example.com>":             "c@example.com>",
		"<c@example.com":             "<c@example.com",
		"":                           "",
	} {
		if got := Address(from); got != want {
			t.Errorf("%q: %q, want %q", from, got, want)
		}
	}
}
