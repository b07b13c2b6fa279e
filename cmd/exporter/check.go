package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/report"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// failOnNone is the value of --fail-on with which findings do not change the
// exit code.
const failOnNone = "none"

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
	outputs, err := parseOutputs(f.check.outputs)
	if err == nil {
		err = writable(outputs)
	}
	if err != nil {
		return fail(exitUsage, err)
	}
	baseline, err := readBaseline(f.check.baseline)
	if err == nil {
		err = f.check.plan.validate()
	}
	if err != nil {
		return fail(exitUsage, err)
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
	read := a.readTargets
	if f.check.plan.path != "" {
		read = a.readPlan
	}
	found, code, err := read(ctx, s, f, p)
	if err == nil && ctx.Err() != nil {
		code, err = exitUnjudged, ctx.Err()
	}
	if err != nil {
		return fail(code, err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return fail(exitUnjudged, err)
	}
	r := report.Of(s.rules.Judge(found.Snapshot), report.Options{
		Demo: f.demo, Rules: f.check.rules, Regions: found.regions, ConfigFile: f.configFile, Dir: dir, Version: version.Version, Runbook: runbookOf, Baseline: baseline, Plan: found.plan,
		Tags: s.config.Tags,
	})
	r.AddMembers(found.members)
	for _, u := range r.Unreadable {
		_, _ = fmt.Fprintf(stderr, "%s: not read: %s\n", name, printable.Text(u.Message))
	}
	note := func(s string) { _, _ = fmt.Fprintf(stderr, "%s: %s\n", name, s) }
	if r.Plan != nil {
		for _, n := range r.Plan.Notes {
			note(printable.Text(n))
		}
	}
	if err := writeOutputs(r, outputs, stdout, note); err != nil {
		return fail(exitUnjudged, err)
	}
	switch {
	case !r.Complete():
		return exitUnjudged
	case f.check.failOn != failOnNone && r.Fails(rules.Severity(f.check.failOn)):
		return exitFindings
	default:
		return exitOK
	}
}

// inAWS is what is to be judged.
type inAWS struct {
	*inventory.Snapshot
	members []inventory.Member  // whose failures are part of the report
	regions []string            // that it is of; empty for all
	plan    *report.PlanOptions // nil unless the pools are those of a plan
}

// readTargets reads the wanted accounts and regions. With an error it returns
// the exit code.
func (a *app) readTargets(ctx context.Context, s *settings, f *flags, p *progress) (inAWS, int, error) {
	if _, err := a.configure(ctx, s); err != nil {
		return inAWS{}, exitUsage, err
	}
	plan, err := a.find(ctx, s)
	if err != nil {
		return inAWS{}, exitUnjudged, err
	}
	scope, err := narrow(&plan, f.check.accounts, f.check.regions)
	if err != nil {
		return inAWS{}, exitUsage, err
	}
	p.show(f.terminal, len(plan.Targets))
	readings := collector.ReadOnce(ctx, watched{a.reader, p}, plan, p.finished)
	p.end()
	if ctx.Err() != nil {
		return inAWS{}, exitUnjudged, ctx.Err()
	}
	if readings, err = scope.keep(readings); err != nil {
		return inAWS{}, exitUsage, err
	}
	snapshot := inventory.New(time.Now(), readings, plan.Quota)
	if len(f.check.regions) > 0 {
		snapshot = snapshot.In(f.check.regions...)
	}
	return inAWS{snapshot, plan.Fleet.Members, f.check.regions, nil}, exitOK, nil
}

// readBaseline reads the file of --baseline; nil without one.
func readBaseline(path string) (*report.Baseline, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("--baseline: there is no file %s; write one with %s check --output=json=%s", path, name, path)
	}
	if err != nil {
		return nil, fmt.Errorf("--baseline: %w", err)
	}
	defer file.Close() //nolint:errcheck // Nothing was written.
	b, err := report.ReadBaseline(file)
	if err != nil {
		return nil, fmt.Errorf("--baseline: %s: %w", path, err)
	}
	return b, nil
}

// accountScope is which accounts --account wants.
type accountScope struct {
	wanted []string // by ID or name; empty for all
	others []string // what there is, for the error
}

// narrow has the plan read the wanted accounts only, all of each: what is said
// of a pool depends on the other regions of its account. It refuses filters that
// match nothing.
func narrow(p *collector.Plan, accounts, regions []string) (accountScope, error) {
	scope := accountScope{wanted: accounts}
	unknown := false // The ID of the ambient account may be, until it is read.
	var kept []string
	for _, t := range p.Targets {
		unknown = unknown || t.AccountID == ""
		scope.others = append(scope.others, accountLabel(t))
	}
	if err := missing("--account", accounts, func(wanted string) bool {
		return unknown || slices.ContainsFunc(p.Targets, func(t inventory.Target) bool { return isAccount(t, wanted) })
	}, scope.others); err != nil {
		return scope, err
	}
	p.Targets = slices.DeleteFunc(slices.Clone(p.Targets), func(t inventory.Target) bool { return !scope.has(t) && t.AccountID != "" })
	p.Fleet.Members = slices.DeleteFunc(slices.Clone(p.Fleet.Members), func(m inventory.Member) bool {
		return !scope.has(inventory.Target{AccountID: m.ID, AccountName: m.Name}) && m.ID != ""
	})
	for _, t := range p.Targets {
		kept = append(kept, t.Region)
	}
	return scope, missing("--region", regions, func(wanted string) bool { return slices.Contains(kept, wanted) }, kept)
}

// keep removes what was read to learn whose it is, and is not wanted.
func (s *accountScope) keep(readings []inventory.Reading) ([]inventory.Reading, error) {
	for _, r := range readings {
		s.others = append(s.others, accountLabel(r.Target))
	}
	err := missing("--account", s.wanted, func(wanted string) bool {
		return slices.ContainsFunc(readings, func(r inventory.Reading) bool { return isAccount(r.Target, wanted) })
	}, s.others)
	return slices.DeleteFunc(readings, func(r inventory.Reading) bool { return !s.has(r.Target) }), err
}

func (s *accountScope) has(t inventory.Target) bool {
	return len(s.wanted) == 0 || slices.ContainsFunc(s.wanted, func(wanted string) bool { return isAccount(t, wanted) })
}

func isAccount(t inventory.Target, wanted string) bool {
	return t.AccountID == wanted || t.AccountName == wanted
}

func accountLabel(t inventory.Target) string {
	if t.AccountName == "" {
		return t.AccountID
	}
	return t.AccountID + " (" + t.AccountName + ")"
}

// mostNamed is how many of the accounts or regions that there are an error names.
const mostNamed = 20

// missing returns the error about the first wanted value that there is not.
func missing(flag string, wanted []string, exists func(string) bool, there []string) error {
	i := slices.IndexFunc(wanted, func(w string) bool { return w == "" || !exists(w) })
	if i < 0 {
		return nil
	}
	there = slices.DeleteFunc(slices.Clone(there), func(s string) bool { return s == "" })
	slices.Sort(there)
	there = slices.Compact(there)
	more := ""
	if n := len(there) - mostNamed; n > 0 {
		there, more = there[:mostNamed], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("%s: there is no %q, only %s%s", flag, wanted[i], strings.Join(there, ", "), more)
}
