package rules

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// loadBuiltin returns the built-in rules.
func loadBuiltin(t testing.TB) *Set {
	t.Helper()
	s, err := Load(Options{}, Builtin()...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBuiltin(t *testing.T) {
	s := loadBuiltin(t)
	if err := s.Test(); err != nil {
		t.Error(err)
	}
	for _, r := range s.rules {
		var fires []string
		for _, test := range r.text.tests {
			fires = append(fires, test.fires.Text)
		}
		for _, want := range []string{"true", "false", "undetermined"} {
			// Unknown facts are what facts-stale fires for.
			if !slices.Contains(fires, want) && (r.ID != "facts-stale" || want != "undetermined") {
				t.Errorf("no test of rule %s has fires: %s", r.ID, want)
			}
		}
		if strings.Contains(r.Remedy, "runbook") {
			t.Errorf("the remedy of rule %s names a runbook; pages, alerts and check say where it is", r.ID)
		}
	}
}

// runbooks that are not a rule's.
var otherRunbooks = []string{"exporter"}

func TestRunbooks(t *testing.T) {
	files, err := filepath.Glob("../docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		id := strings.TrimSuffix(filepath.Base(f), ".md")
		found[id] = true
		if !strings.HasPrefix(string(data), "# ") {
			t.Errorf("%s does not begin with a title", f)
		}
		if slices.Contains(otherRunbooks, id) {
			continue
		}
		for _, heading := range []string{"What it means", "How users notice", "How to check", "How to fix"} {
			if !strings.Contains(string(data), "\n## "+heading+"\n") {
				t.Errorf("%s has no section %s", f, heading)
			}
		}
	}
	for _, r := range loadBuiltin(t).Rules() {
		if !found[r.ID] {
			t.Errorf("rule %s has no runbook", r.ID)
		}
		delete(found, r.ID)
	}
	for _, id := range otherRunbooks {
		delete(found, id)
	}
	for id := range found {
		t.Errorf("docs/runbooks/%s.md has no rule", id)
	}
}
