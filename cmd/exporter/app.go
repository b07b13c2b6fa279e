package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/config"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// app runs one generation, which is everything that is built from one
// configuration. During a reload it runs two.
type app struct {
	load   func() (*settings, error)
	logger *slog.Logger

	endpoint string // of the simulated AWS, empty without demo
	called   func() // after every HTTP attempt; may be nil

	self *collector.Self

	reloading sync.Mutex                 // one reload at a time
	serving   atomic.Pointer[generation] // what is shown
	newest    *generation                // started last, maybe not shown yet; guarded by reloading
}

type generation struct {
	config    *config.Config
	collector *collector.Collector
	cancel    context.CancelFunc
	done      chan struct{}
}

func newApp(load func() (*settings, error), logger *slog.Logger, registry *prometheus.Registry, demo bool) *app {
	return &app{load: load, logger: logger, self: collector.NewSelf(registry, demo, awsread.Operations())}
}

func (a *app) observe(t awsread.Attempt) {
	a.self.Requested(t.Service, t.Operation, t.Class)
	if a.called != nil {
		a.called()
	}
}

// reload builds a new generation and starts it. The old one is shown
// until the new one has read every target once. If anything fails, it stays.
func (a *app) reload(ctx context.Context) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	next, err := a.build(ctx)
	a.self.Reloaded(err == nil)
	if err != nil {
		if a.newest != nil {
			a.logger.Error("Reloading the configuration failed; the old one stays active", "err", err)
		}
		return err
	}
	runCtx, cancel := context.WithCancel(ctx)
	next.cancel, next.done = cancel, make(chan struct{})
	go func() {
		defer close(next.done)
		_ = next.collector.Run(runCtx) // It returns only when its context ends.
	}()
	previous, shown := a.newest, a.serving.Load()
	a.newest = next
	switch {
	case previous == nil:
		a.serving.Store(next)
		return nil
	case previous != shown:
		previous.cancel() // It will never be shown.
	}
	shown.collector.Retire() // Its facts are shown until they are stale.
	go func() {
		select {
		case <-next.collector.Done():
			a.reloading.Lock()
			defer a.reloading.Unlock()
			if a.newest == next { // Otherwise another reload has ended it.
				a.serving.Swap(next).cancel()
				a.logger.Info("The new configuration is being served")
			}
		case <-runCtx.Done():
		}
	}()
	return nil
}

// build makes a generation from the current settings without starting it.
func (a *app) build(ctx context.Context) (*generation, error) {
	s, err := a.load()
	if err != nil {
		return nil, err
	}
	reader, o, err := a.reader(ctx, s)
	if err != nil {
		return nil, err
	}
	return &generation{config: s.config, collector: collector.New(reader, o)}, nil
}

// reader returns a reader of AWS with the settings, and the collector's options.
func (a *app) reader(ctx context.Context, s *settings) (*awsread.Reader, collector.Options, error) {
	c := s.config
	accounts := make([]awsread.Account, 0, len(c.Accounts))
	for _, account := range c.Accounts {
		accounts = append(accounts, awsread.Account{ID: account.ID, RoleARN: account.RoleARN, ExternalID: string(account.ExternalID)})
	}
	opts := awsread.Options{
		Accounts: accounts, STSRegion: c.STSRegion, Observe: a.observe,
		Panicked: func(call string, stack []byte) {
			a.logger.Error("An AWS call panicked", "err", call, "stack", string(stack))
		},
		Budgets: map[string]float64{
			inventory.APICognito: c.RequestBudgets.Cognito, inventory.APISES: c.RequestBudgets.SES,
			inventory.APICloudWatch: c.RequestBudgets.CloudWatch, inventory.APICloudTrail: c.RequestBudgets.CloudTrail,
		},
		Quota: c.Policy(), CloudWatch: c.CloudWatch.Enabled, CloudTrail: c.CloudTrail.Enabled, Billed: a.self.Billed,
		DescribeMaxAge: time.Duration(c.DescribeMaxAge), RequestTimeout: time.Duration(c.RequestTimeout),
	}
	if a.endpoint != "" {
		opts.Endpoint, opts.AccessKeyID, opts.SecretAccessKey = a.endpoint, "AKIADEMO", "demo"
		opts.Budgets = nil
	}
	reader, err := awsread.New(ctx, opts)
	if err != nil {
		return nil, collector.Options{}, err
	}
	targets := s.shard.targets(c.Targets())
	for i := range targets {
		if targets[i].Region == "" {
			targets[i].Region = reader.Region()
		}
		if targets[i].Region == "" {
			return nil, collector.Options{}, errors.New("no region: set AWS_REGION, or set regions in the file of --config.file")
		}
	}
	tags := make([]collector.TagLabel, 0, len(c.Tags))
	for _, t := range c.TagLabels() {
		tags = append(tags, collector.TagLabel(t))
	}
	for _, r := range s.rules.Rules() {
		if r.Enabled {
			a.self.RuleFailed(r.ID, 0)
		}
	}
	return reader, collector.Options{
		Targets: targets, Interval: time.Duration(c.Interval), Timeout: time.Duration(c.Timeout),
		StaleAfter: time.Duration(c.StaleAfter), Tags: tags, Quota: c.Policy(), Rules: s.rules, RuleFailed: a.self.RuleFailed,
		AllIdentities: c.Identities.Show == config.ShowAll, ShowIdentity: c.Identities.Matches,
		MaxIdentities: c.Identities.Max, Logger: a.logger,
	}, nil
}

// stop ends the running generation and waits for it.
func (a *app) stop() {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	for _, g := range []*generation{a.newest, a.serving.Load()} {
		g.cancel()
		<-g.done
	}
}

// Gather implements prometheus.Gatherer with what is shown.
func (a *app) Gather() ([]*dto.MetricFamily, error) { return a.serving.Load().collector.Gather() }

func (a *app) view() *rules.Judgement { return a.serving.Load().collector.View() }
func (a *app) ready() bool            { return a.serving.Load().collector.Ready() }
func (a *app) config() string         { return a.serving.Load().config.Redacted() }
