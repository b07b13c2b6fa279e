package rules

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestAlerts checks what promtool does not: that metrics exist, that runbooks
// do, and that every alert is tested firing and not firing.
func TestAlerts(t *testing.T) {
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	var tests struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string
				ExpAlerts []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	for file, into := range map[string]any{"prometheus/alerts.yaml": &alerts, "prometheus/tests.yaml": &tests} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	firing, silent := map[string]int{}, map[string]int{}
	for _, test := range tests.Tests {
		for _, a := range test.AlertRuleTest {
			if len(a.ExpAlerts) > 0 {
				firing[a.Alertname]++
			} else {
				silent[a.Alertname]++
			}
		}
	}
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			if firing[r.Alert] < 1 || silent[r.Alert] < 2 {
				t.Errorf("%s is tested firing %d times and not firing %d times, want once before and once after it fires", r.Alert, firing[r.Alert], silent[r.Alert])
			}
			if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s has no summary or no description", r.Alert)
			}
			checkRunbook(t, r.Alert, r.Annotations["runbook_url"])
		}
	}
}

func checkRunbook(t *testing.T, alert, url string) {
	t.Helper()
	_, page, ok := strings.Cut(url, "https://github.com/cognito-ses-exporter/cognito-ses-exporter/")
	page = strings.TrimPrefix(strings.TrimPrefix(page, "blob/main/"), "tree/main/")
	if page == "docs/runbooks/{{ $labels.rule }}.md" {
		return // TestRunbooks sees to them.
	}
	page, anchor, _ := strings.Cut(page, "#")
	if _, err := os.Stat("../" + page); !ok || err != nil {
		t.Errorf("%s has the runbook %s: %v", alert, url, err)
		return
	}
	if anchor == "" {
		return
	}
	data, err := os.ReadFile("../" + page)
	if err != nil {
		t.Fatal(err)
	}
	var anchors []string
	for _, m := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(string(data), -1) {
		anchors = append(anchors, strings.ToLower(strings.ReplaceAll(m[1], " ", "-")))
	}
	if !slices.Contains(anchors, anchor) {
		t.Errorf("%s has the runbook %s, which has %v", alert, url, anchors)
	}
}
