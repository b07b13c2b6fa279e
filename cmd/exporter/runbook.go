package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/docs"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// runbook writes the runbook with the ID, which a rule of the configuration or
// the program itself has.
func runbook(id string, load func() (*settings, error), stdout, stderr io.Writer) int {
	s, err := load()
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return exitUsage
	}
	all := s.rules.Rules()
	text, ok := docs.Runbook(id)
	if i := slices.IndexFunc(all, func(r rules.Rule) bool { return r.ID == id }); i >= 0 {
		text, ok = cmp.Or(runbookOf(all[i]), all[i].Summary+"\n\n"+all[i].Remedy), true
	}
	if !ok {
		known := docs.Runbooks()
		for _, r := range all {
			known = append(known, r.ID)
		}
		slices.Sort(known)
		_, _ = fmt.Fprintf(stderr, "%s: there is no runbook %q; there are %s\n", name, id, strings.Join(slices.Compact(known), ", "))
		return exitUsage
	}
	_, _ = fmt.Fprintln(stdout, strings.TrimSpace(text))
	return exitOK
}

// runbookOf returns the rule's runbook as Markdown; empty without one.
func runbookOf(r rules.Rule) string {
	builtin, _ := docs.Runbook(r.ID)
	return cmp.Or(r.Runbook, builtin)
}
