package rules

import (
	"os"
	"path/filepath"
	"regexp"
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
			fires = append(fires, test.fires.value)
		}
		for _, want := range []string{"true", "false", "undetermined"} {
			// Unknown facts are what facts-stale fires for.
			if !slices.Contains(fires, want) && (r.ID != "facts-stale" || want != "undetermined") {
				t.Errorf("no test of rule %s has fires: %s", r.ID, want)
			}
		}
		if !strings.HasSuffix(r.Remedy, " (docs/runbooks/"+r.ID+".md).") {
			t.Errorf("the remedy of rule %s does not end by naming its runbook", r.ID)
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
	metric := regexp.MustCompile(`cognito_ses_[a-z0-9_]+`)
	known := knownMetrics(t)
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
		for _, m := range metric.FindAllString(string(data), -1) {
			if !known[m] {
				t.Errorf("%s speaks of %s, which is no metric", f, m)
			}
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

// knownMetrics has the metrics of the collector's table, which this package
// must not import, and those that are to come by contract.
func knownMetrics(t *testing.T) map[string]bool {
	t.Helper()
	table, err := os.ReadFile("../collector/families.go")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`Name:\s+"([a-z0-9_]+)"`).FindAllStringSubmatch(string(table), -1) {
		known["cognito_ses_"+m[1]] = true
	}
	for _, name := range []string{"limit", "used", "headroom", "used_ratio"} {
		for _, quota := range []string{"pool_quota_", "account_send_quota_", "default_quota_"} {
			known["cognito_ses_"+quota+name] = true
		}
	}
	for _, name := range []string{
		"finding", "findings", "findings_exempted", "findings_undetermined", "rule_info", "rule_errors_total",
		"pool_emails_sent", "pool_email_failures", "account_bounce_ratio", "account_complaint_ratio",
		"default_quota_reset_timestamp_seconds", "default_quota_exhaustion_timestamp_seconds",
		"exporter_build_info", "exporter_config_last_reload_successful", "exporter_config_last_reload_success_timestamp_seconds",
	} {
		known["cognito_ses_"+name] = true
	}
	return known
}
