package main

import (
	"maps"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/bench/internal/stand"
)

func TestComparable(t *testing.T) {
	for _, c := range []struct{ name, kind, want string }{
		{"cognito_ses_pool_ready", "gauge", "5"},
		{"cognito_ses_exporter_aws_requests_total", "counter", ""},
		{"cognito_ses_pool_email_config_changed_timestamp_seconds", "gauge", ""},
		{"go_goroutines", "gauge", ""},
		{"process_open_fds", "gauge", ""},
		{"promhttp_metric_handler_requests_in_flight", "gauge", ""},
		{"cognito_ses_exporter_target_last_success_timestamp_seconds", "gauge", present},
		{"cognito_ses_exporter_target_duration_seconds", "gauge", present},
		{"cognito_ses_default_quota_exhaustion_timestamp_seconds", "gauge", present},
		{"cognito_ses_default_quota_reset_timestamp_seconds", "gauge", "5"},
	} {
		if got := comparable(stand.Series{Name: c.name, Value: "5"}, c.kind); got != c.want {
			t.Errorf("%s is compared as %q, want %q", c.name, got, c.want)
		}
	}
}

func TestDifferences(t *testing.T) {
	old := shown{"same": "1", "other": "1", "gone": "1"}
	fresh := shown{"same": "1", "other": "2", "new": "3"}
	want := map[string]string{"other": "1, in the fresh exporter 2", "gone": "1 only in the disturbed exporter", "new": "3 only in the fresh exporter"}
	got := differences(old, fresh)
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	left := lasting(got, map[string]string{"other": "", "gone": "", "another": ""})
	if len(left) != 2 || left["other"] == "" || left["gone"] == "" {
		t.Errorf("what lasts is %v, want other and gone", left)
	}
	if text := list(left); text != "  gone: 1 only in the disturbed exporter\n  other: 1, in the fresh exporter 2\n" {
		t.Errorf("listed as %q", text)
	}
}

func TestGrown(t *testing.T) {
	before := usage{goroutines: 100, descriptors: 30, memory: 80_000_000}
	if err := (usage{120, 50, 120_000_000}).grown(before); err != nil {
		t.Errorf("within the tolerances: %v", err)
	}
	for what, u := range map[string]usage{"goroutines": {121, 30, 0}, "descriptors": {100, 51, 0}, "memory": {100, 30, 120_000_001}} {
		if err := u.grown(before); err == nil || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-seed=7"})
	if err != nil || o.seed != 7 || o.fleet.Size() != 3000 {
		t.Errorf("%+v, %v; want seed 7 and 3,000 pools", o, err)
	}
	if a, err := parse(nil); err != nil || a.seed == 0 {
		t.Errorf("without a seed, it is %d, %v", a.seed, err)
	}
	for _, args := range [][]string{{"-accounts=5"}, {"-pools=0"}, {"more"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
