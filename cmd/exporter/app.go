package main

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/config"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/fleet"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/web"
)

// app is one reader and one collector for the life of the process. A reload
// gives them a new configuration.
type app struct {
	load   func() (*settings, error)
	logger *slog.Logger
	self   *collector.Self

	external string             // URL of the pages, for links
	endpoint string             // of the simulated AWS, empty without demo
	client   awsread.HTTPClient // of a test; nil is the SDK's own
	budgeted bool               // of a test: the budgets count for the simulated AWS as well
	called   func()             // after every HTTP attempt; may be nil

	described func(t inventory.Target, done, total int) // see [awsread.Options]; may be nil

	config atomic.Pointer[config.Config] // in force; nil before the first load

	modesMu sync.Mutex      // guards what follows
	modes   map[string]bool // unknown ones that were logged

	reloading sync.Mutex      // one reload at a time; guards what follows
	reader    *awsread.Reader // nil before the first load, as what follows
	fleet     *fleet.Fleet
	collector *collector.Collector
	running   sync.WaitGroup // the collector and the fleet
}

func newApp(load func() (*settings, error), logger *slog.Logger, registry *prometheus.Registry, demo bool) *app {
	return &app{load: load, logger: logger, self: collector.NewSelf(registry, demo, awsread.Operations())}
}

func (a *app) observe(t awsread.Attempt) {
	a.self.Requested(collector.Request(t))
	if a.called != nil {
		a.called()
	}
}

// reload loads the configuration and puts it into force; the first time it
// starts the collector, which runs until ctx ends. When anything fails, what is
// in force stays.
func (a *app) reload(ctx context.Context) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	err := a.apply(ctx)
	a.self.Reloaded(err == nil)
	if err != nil && a.collector != nil {
		a.logger.Error("Reloading the configuration failed; the old one stays active", "err", err)
	}
	return err
}

func (a *app) apply(ctx context.Context) error {
	s, err := a.load()
	if err != nil {
		return err
	}
	plan, err := a.configure(ctx, s)
	if err != nil {
		return err
	}
	if a.collector == nil {
		c, err := collector.New(collector.Options{Reader: a.reader, Logger: a.logger, Self: a.self}, plan)
		if err != nil {
			return err
		}
		a.collector = c
		a.running.Go(func() { _ = c.Run(ctx) }) // It ends only with its context.
		a.running.Go(func() { a.fleet.Run(ctx) })
	} else {
		if err := a.collector.Apply(plan); err != nil {
			return err
		}
		a.logger.Info("The new configuration is active")
	}
	a.announce(s.config)
	for _, r := range s.rules.Rules() {
		if r.Enabled {
			a.self.RuleFailed(r.ID, 0)
		}
	}
	a.config.Store(s.config)
	return nil
}

// plan returns what is to be collected by the settings, as far as the accounts
// and regions are known.
func (a *app) plan(s *settings) collector.Plan {
	c, view := s.config, a.fleet.View()
	return collector.Plan{
		Targets: view.Targets, Fleet: fleetOf(c, view), Interval: time.Duration(c.Interval), Timeout: time.Duration(c.Timeout),
		Clocks: clocks(c), Links: a.links(s), BlindRatio: c.Alerts.BlindRatio,
		StaleAfter: time.Duration(c.StaleAfter), ReadyAfter: time.Duration(c.ReadyAfter), Tags: tagLabels(c.TagLabels()), Quota: c.Policy(), Rules: s.rules,
		AllIdentities: c.Identities.Show == config.ShowAll, ShowIdentity: c.Identities.Matches, MaxIdentities: c.Identities.Max,
	}
}

// links lead to the exporter's pages and to what the configuration names.
func (a *app) links(s *settings) collector.Links {
	l := web.Links{External: a.external, Runbooks: s.config.Alerts.Runbooks, Dashboards: s.config.Alerts.Dashboards}
	own := map[string]string{}
	for _, r := range s.rules.Rules() {
		own[r.ID] = r.Runbook
	}
	return collector.Links{
		Page: l.Page, Dashboard: l.Dashboard,
		Runbook: func(id string) string { return l.Runbook(id, own[id]) },
	}
}

// clocks are the times by which the exporter works, as alerts measure it by them.
func clocks(c *config.Config) []collector.Clock {
	return []collector.Clock{
		{Name: "interval", Time: time.Duration(c.Interval)},
		{Name: "timeout", Time: time.Duration(c.Timeout)},
		{Name: "stale_after", Time: time.Duration(c.StaleAfter)},
		{Name: "ready_after", Time: time.Duration(c.ReadyAfter)},
		{Name: "describe_max_age", Time: time.Duration(c.DescribeMaxAge)},
		{Name: "request_timeout", Time: time.Duration(c.RequestTimeout)},
		{Name: "identities.list_interval", Time: time.Duration(c.Identities.ListInterval)},
		{Name: "cloudwatch.list_interval", Time: time.Duration(c.CloudWatch.ListInterval)},
		{Name: "reputation", Time: inventory.ReputationInterval},
	}
}

// readerOptions says how to read by the configuration, with the roles of
// accounts that were discovered, by ID.
func (a *app) readerOptions(c *config.Config, discovered map[string]string) awsread.Options {
	accounts := make([]awsread.Account, 0, len(c.Accounts)+len(discovered))
	for _, account := range c.Accounts {
		accounts = append(accounts, awsread.Account{ID: account.ID, RoleARN: account.RoleARN, ExternalID: string(account.ExternalID)})
	}
	o := &c.Organization
	for id, role := range discovered {
		accounts = append(accounts, awsread.Account{ID: id, RoleARN: role, ExternalID: string(o.ExternalID)})
	}
	opts := awsread.Options{
		Accounts: accounts, Organization: awsread.Account{RoleARN: o.RoleARN, ExternalID: string(o.ExternalID)}, STSRegion: c.STSRegion, Observe: a.observe, Progress: a.described, HTTPClient: a.client,
		Panicked: func(call string, stack []byte) {
			a.logger.Error("An AWS call panicked", "err", call, "stack", string(stack))
		},
		UnknownMode: a.unknownMode,
		Odd: func(shape string) {
			a.logger.Warn("An event of CloudTrail is not as expected and may have sent an e-mail", "event", shape)
		},
		Budgets: budgets(c),
		Quota:   c.Policy(), CloudWatch: c.CloudWatch.Enabled, CloudTrail: c.CloudTrail.Enabled, Details: c.PoolDetails.Enabled, Statistics: c.SendStatistics.Enabled, Billed: a.self.Billed,
		ChangeHistory: c.ChangeHistory(), ChangeTrail: c.Changes.CloudTrail,
		DescribeMaxAge: time.Duration(c.DescribeMaxAge), RequestTimeout: time.Duration(c.RequestTimeout),
		IdentitiesEvery: time.Duration(c.Identities.ListInterval), MetricsEvery: time.Duration(c.CloudWatch.ListInterval),
		IdentityDetailsEvery: time.Duration(c.Identities.DetailsMaxAge),
	}
	if a.endpoint != "" {
		opts.Endpoint, opts.AccessKeyID, opts.SecretAccessKey = a.endpoint, "AKIADEMO", "demo"
		if !a.budgeted {
			opts.Budgets = nil
		}
	}
	return opts
}

// budgets are the request budgets by API.
func budgets(c *config.Config) map[string]float64 {
	return map[string]float64{
		inventory.APICognito: c.RequestBudgets.Cognito, inventory.APISES: c.RequestBudgets.SES,
		inventory.APICloudWatch: c.RequestBudgets.CloudWatch, inventory.APICloudTrail: c.RequestBudgets.CloudTrail,
	}
}

// mostModes is how many unknown modes are logged: whatever answers in place of
// AWS may make up any number of them.
const mostModes = 20

// unknownMode logs a mode that this version does not know, once.
func (a *app) unknownMode(t inventory.Target, poolID, mode string) {
	mode = printable.Cut(mode, 100)
	a.modesMu.Lock()
	defer a.modesMu.Unlock()
	if a.modes[mode] || len(a.modes) >= mostModes {
		return
	}
	if a.modes == nil {
		a.modes = map[string]bool{}
	}
	a.modes[mode] = true
	a.logger.Warn("A user pool has a mode that this version does not know; how it sends e-mail is unknown",
		"mode", mode, "account_id", t.AccountID, "region", t.Region, "user_pool_id", poolID)
}

// stop waits until all has ended, after its context has.
func (a *app) stop() { a.running.Wait() }

// redacted is the configuration in force without its secrets.
func (a *app) redacted() string { return a.config.Load().Redacted() }

// tags are the configured names of pools' tags.
func (a *app) tags() []string { return a.config.Load().Tags }
