package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/bench/internal/stand"
)

// wholeOrganization is a thousand accounts that are found, of whose regions one
// in twenty has pools. The interval is the default.
var wholeOrganization = setting{stand.Fleet{Accounts: 1000, Regions: 17, Pools: 20, Share: 0.05, Latency: 20 * time.Millisecond, Quotas: true}, 5 * time.Minute}

// organization measures how long it takes until everything of an organization
// is read for the first time, and what it costs after that.
func organization(ctx context.Context, l *lab) ([]figure, error) {
	l.clear() // Another exporter would slow it down.
	s := l.scale(wholeOrganization)
	s.interval = wholeOrganization.interval // It is the exporter's default, in a smoke test as well.
	sim, err := stand.StartSim(ctx, l.dir, l.bin.Sim, s.Fleet, seed)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	e, err := stand.StartExporter(ctx, l.dir, l.bin.Exporter, sim, s.Fleet, stand.Config{Found: true})
	if err != nil {
		sim.Stop()
		return nil, err
	}
	l.now = &subject{setting: s, sim: sim, exporter: e} // Ended by the next clear.
	defer l.clear()
	setUp, cancel := context.WithTimeout(ctx, setUpMost)
	defer cancel()
	ready, complete, err := l.now.firstView(setUp, start)
	if err != nil {
		return nil, err
	}
	began, err := e.CPU()
	if err != nil {
		return nil, err
	}
	l.say("  ready after %s s, complete after %s s", short(ready.Seconds()), short(complete.Seconds()))
	settle, window := s.interval, windows*s.interval
	if l.quick {
		settle, window = 0, time.Minute
	}
	if err := e.Pause(ctx, settle); err != nil {
		return nil, err
	}
	steady, err := l.now.watch(ctx, window)
	if err != nil {
		return nil, err
	}
	searches, others, err := l.now.idleCalls(ctx)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%d accounts × %d regions found, %d with %d pools", s.Accounts, s.Regions, s.Targets(), s.Pools)
	empty := float64(s.Places() - s.Targets())
	return []figure{
		{What: what + ", until everything was read", Value: complete.Seconds(), Unit: "s", Bar: 600, Detail: fmt.Sprintf("CPU %s s", short(began.Seconds()))},
		{What: what + ", until ready", Value: ready.Seconds(), Unit: "s"},
		{
			What: "calls of an empty region in its first day", Value: float64(searches) / empty, Bar: 1,
			Detail: fmt.Sprintf("all of them until everything was read; and %s calls for each account's role and list of regions in %s", short(float64(others)/float64(s.Accounts)), time.Since(start).Round(time.Minute)),
		},
		memory(what+", resident memory", steady, 200, 0),
		{What: what + ", CPU a minute, nothing changes", Value: steady.perMinute.Seconds(), Unit: "s", Bar: 2, Detail: fmt.Sprintf("interval %s, the defaults", s.interval)},
	}, nil
}

// firstView returns how long after a start the exporter was ready, and how long
// until every target was read.
func (b *subject) firstView(ctx context.Context, start time.Time) (ready, complete time.Duration, err error) {
	for {
		if _, err := b.exporter.Get(ctx, "/-/ready", io.Discard); err == nil && ready == 0 {
			ready = time.Since(start)
		}
		states := map[string]float64{}
		err := b.exporter.Series(ctx, func(s stand.Series, _ string) { states[s.Name+" "+s.Label("state")] = s.Float() },
			"cognito_ses_exporter_accounts", "cognito_ses_exporter_targets")
		const accounts, targets = "cognito_ses_exporter_accounts ", "cognito_ses_exporter_targets "
		if err == nil && ready > 0 && states[accounts+"read"] == float64(b.Accounts) && states[targets+"read"] == float64(b.Targets()) {
			return ready, time.Since(start), nil
		}
		if err := b.exporter.Pause(ctx, time.Second); err != nil {
			return 0, 0, fmt.Errorf("%v: %w", states, err)
		}
	}
}

// idleCalls returns how often a region without pools was called, and how often
// AWS was asked for roles and regions.
func (b *subject) idleCalls(ctx context.Context) (regions, accounts int, err error) {
	calls, err := b.sim.Calls(ctx)
	if err != nil {
		return 0, 0, err
	}
	populated := map[stand.Target]bool{}
	for _, c := range calls {
		if c.Operation == "DescribeUserPool" {
			populated[stand.Target{Account: c.Account, Region: c.Region}] = true
		}
	}
	for _, c := range calls {
		switch {
		case c.Service == "organizations":
		case c.Service == "sts" || c.Service == "account":
			accounts += c.Calls
		case !populated[stand.Target{Account: c.Account, Region: c.Region}]:
			regions += c.Calls
		}
	}
	return regions, accounts, nil
}
