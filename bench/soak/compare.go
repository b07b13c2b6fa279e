package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/bench/internal/stand"
)

// shown are the values of series by name and labels, as far as two exporters of
// the same fleet have to agree on them.
type shown map[string]string

// present stands for the value of a series that only has to be there.
const present = "present"

// show reads all series of an exporter.
func show(ctx context.Context, e *stand.Exporter) (shown, error) {
	all := shown{}
	var twice error
	err := e.Series(ctx, func(s stand.Series, kind string) {
		value := comparable(s, kind)
		if value == "" {
			return
		}
		key := s.Name + s.Labels
		if _, ok := all[key]; ok {
			twice = fmt.Errorf("duplicate series %s", key)
		}
		all[key] = value
	})
	if err == nil {
		err = twice
	}
	return all, err
}

// comparable returns the value of a series that two exporters have to agree on,
// or nothing: counters, what is about the process and which changes were seen
// depend on its past. Times of passes, of reloads and of a forecast differ, but are known or unknown in both.
func comparable(s stand.Series, kind string) string {
	switch {
	case kind != "gauge", s.Name == "cognito_ses_pool_email_config_changed_timestamp_seconds", strings.HasPrefix(s.Name, "go_"), strings.HasPrefix(s.Name, "process_"), strings.HasPrefix(s.Name, "promhttp_"):
		return ""
	case s.Name == "cognito_ses_default_quota_reset_timestamp_seconds":
		return s.Value
	case strings.HasSuffix(s.Name, "_timestamp_seconds"), strings.HasSuffix(s.Name, "_duration_seconds"):
		return present
	default:
		return s.Value
	}
}

// differences describes, by series, where two exporters disagree.
func differences(old, fresh shown) map[string]string {
	all := map[string]string{}
	for key, value := range old {
		if other, ok := fresh[key]; !ok {
			all[key] = value + " only in the disturbed exporter"
		} else if other != value {
			all[key] = value + ", in the fresh exporter " + other
		}
	}
	for key, value := range fresh {
		if _, ok := old[key]; !ok {
			all[key] = value + " only in the fresh exporter"
		}
	}
	return all
}

// lasting removes from all the series that agree now. The two exporters read at
// different moments, so a single look may fall between their passes.
func lasting(all, now map[string]string) map[string]string {
	maps.DeleteFunc(all, func(key, _ string) bool { _, ok := now[key]; return !ok })
	return all
}

// list writes the first of the differences.
func list(all map[string]string) string {
	const most = 40
	keys := slices.Sorted(maps.Keys(all))
	var b strings.Builder
	for _, key := range keys[:min(most, len(keys))] {
		fmt.Fprintf(&b, "  %s: %s\n", key, all[key])
	}
	if len(keys) > most {
		fmt.Fprintf(&b, "  and %d more\n", len(keys)-most)
	}
	return b.String()
}
