package main

import "testing"

func TestRoff(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a flag --a.b":  `a flag \-\-a.b`,
		`C:\n`:          `C:\en`,
		".TH":           `\&.TH`,
		"'em":           `\&'em`,
		"it's. no more": "it's. no more",
	} {
		if got := roff(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
