package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// check reads every target once, writes what the rules find to stdout and what
// could not be read to stderr, and returns the exit code.
func check(ctx context.Context, f *flags, load func() (*settings, error), logger *slog.Logger, stdout, stderr io.Writer) int {
	fail := func(code int, err error) int {
		_, _ = fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return code
	}
	s, err := load()
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return exitUsage
	}
	for _, id := range f.check.rules {
		if !slices.ContainsFunc(s.rules.Rules(), func(r rules.Rule) bool { return r.ID == id && r.Enabled }) {
			return fail(exitUsage, fmt.Errorf("--rule: no enabled rule %q exists", id))
		}
	}
	a := newApp(load, logger, prometheus.NewRegistry(), f.demo)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if f.demo {
		if a.endpoint, err = startDemo(ctx); err != nil {
			return fail(exitUnjudged, err)
		}
	}
	p := newProgress()
	a.called, a.described = p.called, p.described
	if _, err := a.configure(ctx, s); err != nil {
		return fail(exitUsage, err)
	}
	plan, err := a.find(ctx, s)
	if err != nil {
		return fail(exitUnjudged, err)
	}
	p.show(f.terminal, len(plan.Targets))
	readings := collector.ReadOnce(ctx, watched{a.reader, p}, plan, p.finished)
	p.end()
	if ctx.Err() != nil {
		return fail(exitUnjudged, ctx.Err())
	}
	r := newReport(s.rules.Judge(inventory.New(time.Now(), readings, plan.Quota)), f)
	r.Unreadable = withNotFound(r.Unreadable, plan.Fleet.Members)
	for _, u := range r.Unreadable {
		_, _ = fmt.Fprintf(stderr, "%s: not read: %s\n", name, printable.Text(u.Message))
	}
	if err := r.write(stdout, f.check.output); err != nil {
		return fail(exitUnjudged, err)
	}
	switch {
	case len(r.Unreadable) > 0 || len(r.Errors) > 0:
		return exitUnjudged
	case r.fails(rules.Severity(f.check.failOn)):
		return exitFindings
	default:
		return exitOK
	}
}

// unreadable is an API of a target that could not be read.
type unreadable struct {
	AccountID   string `json:"account_id"`
	AccountName string `json:"account_name,omitempty"`
	Region      string `json:"region"`
	API         string `json:"api"`
	Class       string `json:"class"`
	Message     string `json:"message"`
}

// withNotFound adds the accounts whose regions could not all be found, unless
// what was read of them has failed for the same cause.
func withNotFound(all []unreadable, members []inventory.Member) []unreadable {
	for _, m := range members {
		if m.Failure == nil {
			continue
		}
		u := unreadable{AccountID: m.ID, AccountName: m.Name, API: "account", Class: string(m.Failure.Class), Message: strings.TrimSpace(m.Failure.Message)}
		if !slices.ContainsFunc(all, func(o unreadable) bool { return o.AccountID == u.AccountID && o.Message == u.Message }) {
			all = append(all, u)
		}
	}
	return all
}

// notRead lists what could not be read, each common cause once. A region that
// is disabled for its account, or does not have the service, is omitted.
func notRead(s *inventory.Snapshot) []unreadable {
	all := []unreadable{}
	for r := range s.Readings() {
		said := map[string]bool{}
		for _, o := range r.Outcomes {
			if !o.Class.Failed() || said[o.Message] {
				continue
			}
			said[o.Message] = true
			all = append(all, unreadable{
				AccountID: r.Target.AccountID, AccountName: r.Target.AccountName, Region: r.Target.Region,
				API: o.API, Class: string(o.Class), Message: strings.TrimSpace(o.Message),
			})
		}
	}
	return all
}
