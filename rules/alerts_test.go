package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// alertRule is a rule of Prometheus.
type alertRule struct {
	Alert, Expr string
	KeepFiring  string `yaml:"keep_firing_for"`
	Labels      map[string]string
	Annotations map[string]string
}

// readAll decodes every file that matches.
func readAll[T any](t *testing.T, pattern string) map[string]T {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(names), err)
	}
	all := map[string]T{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var into T
		if err := yaml.Unmarshal(data, &into); err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".yaml")] = into
	}
	return all
}

// TestAlerts checks what promtool does not: that runbooks exist, that names that
// may change are no labels, and that every alert is tested firing and not firing.
func TestAlerts(t *testing.T) {
	firing, silent := map[string]int{}, map[string]int{}
	for _, file := range readAll[struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string
				ExpAlerts []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}](t, "prometheus/tests/*.yaml") {
		for _, test := range file.Tests {
			for _, a := range test.AlertRuleTest {
				if len(a.ExpAlerts) > 0 {
					firing[a.Alertname]++
				} else {
					silent[a.Alertname]++
				}
			}
		}
	}
	anchor := regexp.MustCompile(`Labels\.runbook_url \}\}#([a-z-]+)\{\{ end`)
	page := regexp.MustCompile(`reReplaceAll "exporter\$" "([a-z-]+)"`)
	files := readAll[struct{ Groups []struct{ Rules []alertRule } }](t, "prometheus/*.yaml")
	for _, name := range []string{"recording", "findings", "pools-without-rules", "exporter"} {
		if len(files[name].Groups) != 1 {
			t.Errorf("%s has %d groups", name, len(files[name].Groups))
		}
	}
	for file, content := range files {
		for _, r := range content.Groups[0].Rules {
			if r.Alert == "" {
				continue
			}
			if firing[r.Alert] < 1 || silent[r.Alert] < 2 {
				t.Errorf("%s is tested firing %d times and not firing %d times, want once before and once after it fires", r.Alert, firing[r.Alert], silent[r.Alert])
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s has no summary or no description", r.Alert)
			}
			runbook := r.Annotations["runbook_url"]
			switch m, p := anchor.FindStringSubmatch(runbook), page.FindStringSubmatch(runbook); {
			case r.Alert == "CognitoSESExporterAbsent": // There is nobody who could serve it.
			case m != nil:
				checkAnchor(t, r.Alert, m[1])
			case p != nil:
				if _, err := os.Stat("../docs/runbooks/" + p[1] + ".md"); err != nil {
					t.Errorf("%s: %v", r.Alert, err)
				}
			case runbook != "{{ $labels.runbook_url }}":
				t.Errorf("%s has the runbook %q", r.Alert, runbook)
			}
			if strings.Contains(strings.Join([]string{runbook, r.Annotations["description"], r.Annotations["page_url"]}, " "), "://") {
				t.Errorf("%s leads to an address that may not exist", r.Alert)
			}
			if (file == "findings" || file == "pools-without-rules") && r.Alert != "CognitoSESRuleErrors" && r.KeepFiring == "" {
				t.Errorf("%s ends with a restart of the exporter", r.Alert)
			}
			if !strings.Contains(r.Expr, "group_left") {
				continue
			}
			_, list, _ := strings.Cut(r.Expr, "group_left (")
			list, _, _ = strings.Cut(list, ")")
			for _, label := range append(strings.Split(list, ", "), "job", "instance", "pod") {
				if value, ok := r.Labels[label]; !ok || value != "" {
					t.Errorf("%s has the label %s", r.Alert, label)
				}
			}
		}
	}
}

func checkAnchor(t *testing.T, alert, anchor string) {
	t.Helper()
	data, err := os.ReadFile("../docs/runbooks/exporter.md")
	if err != nil {
		t.Fatal(err)
	}
	var anchors []string
	for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(string(data), -1) {
		anchors = append(anchors, strings.ToLower(strings.ReplaceAll(m[1], " ", "-")))
	}
	if !slices.Contains(anchors, anchor) {
		t.Errorf("the runbook of %s is to have the section %s and has %v", alert, anchor, anchors)
	}
}
