// Package collector reads targets on a schedule, keeps their facts until they
// are stale, renders them as Prometheus metrics once per publish and serves
// the result by swapping one pointer.
//
// It must not know AWS, the configuration file or HTTP: a Reader brings
// readings, and whoever serves asks Gather or Snapshot.
package collector

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// Reader reads a target once; see package awsread.
type Reader interface {
	Read(ctx context.Context, t inventory.Target, prev *inventory.Reading) inventory.Reading
}

// TagLabel names a pool tag and the label that shows it.
type TagLabel struct{ Tag, Label string }

// Options configure a Collector.
type Options struct {
	Targets    []inventory.Target
	Interval   time.Duration // between two passes over a target
	Timeout    time.Duration // of one pass
	StaleAfter time.Duration // how long facts outlive their last confirmation
	Tags       []TagLabel
	Quota      inventory.Policy // of the built-in sender
	Rules      *rules.Set       // nil judges nothing
	// RuleFailed is called with how often a rule failed in one publish; may be nil.
	RuleFailed func(rule string, times int)

	AllIdentities bool              // show also those that no pool uses
	ShowIdentity  func(string) bool // by name; nil shows all
	MaxIdentities int               // to show, for each account and region

	Logger *slog.Logger
}

const (
	startSpread    = 50 * time.Millisecond  // between the first passes of neighbouring targets
	publishPause   = 200 * time.Millisecond // finished targets within it share one publish
	publishShare   = 9                      // pauses for each part of time spent publishing, where targets never stop finishing
	staleCheckMost = time.Minute            // facts end at most this much after they are stale
)

// Collector reads, keeps and publishes. Make one with New; call Run once.
type Collector struct {
	opts   Options
	reader Reader

	published atomic.Pointer[publication] // never nil
	dirty     chan struct{}               // at least one reading is new
	retire    sync.Once
	retired   chan struct{} // closed by Retire

	mu       sync.Mutex
	readings map[inventory.Key]*inventory.Reading // by target as configured
	pending  int                                  // configured targets that were not read yet
	ready    chan struct{}                        // closed when pending is none
	extra    map[inventory.Key]bool               // regions read for SES only
}

// publication is what is served; it does not change.
type publication struct {
	*rules.Judgement
	families []*dto.MetricFamily
}

// New returns a collector that has not read anything.
func New(reader Reader, opts Options) *Collector {
	c := &Collector{
		opts: opts, reader: reader,
		dirty:    make(chan struct{}, 1),
		retired:  make(chan struct{}),
		readings: map[inventory.Key]*inventory.Reading{},
		pending:  len(opts.Targets),
		ready:    make(chan struct{}),
		extra:    map[inventory.Key]bool{},
	}
	if c.opts.Rules == nil {
		c.opts.Rules = &rules.Set{}
	}
	c.published.Store(&publication{Judgement: c.opts.Rules.Judge(inventory.New(time.Now(), nil, opts.Quota))})
	return c
}

// View returns what is published. It is shared and must not be changed.
func (c *Collector) View() *rules.Judgement { return c.published.Load().Judgement }

// Gather returns the published metric families; it never calls AWS.
func (c *Collector) Gather() ([]*dto.MetricFamily, error) { return c.published.Load().families, nil }

// Ready reports whether every configured target has been read, well or badly,
// and the result is published.
func (c *Collector) Ready() bool {
	select {
	case <-c.ready:
		return true
	default:
		return false
	}
}

// Done is closed when Ready becomes true.
func (c *Collector) Done() <-chan struct{} { return c.ready }

// Run reads and publishes until ctx ends, then waits for passes in progress.
func (c *Collector) Run(ctx context.Context) error {
	if len(c.opts.Targets) == 0 {
		c.dirty <- struct{}{} // Nothing will come that could be waited for.
	}
	var group sync.WaitGroup
	derived := make(chan inventory.Target)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	for i, t := range c.opts.Targets {
		group.Go(func() { c.schedule(reading, t, i, derived) })
	}
	group.Go(func() { c.publishLoop(ctx) })
	group.Go(func() {
		defer stop()
		for n := len(c.opts.Targets); ; n++ {
			select {
			case t := <-derived:
				group.Go(func() { c.schedule(reading, t, n, derived) })
			case <-c.retired:
				return
			case <-ctx.Done():
				return
			}
		}
	})
	group.Wait()
	return ctx.Err()
}

// Retire ends the reading. What is published goes on ageing: facts still end
// when they are stale. Run goes on until its context ends.
func (c *Collector) Retire() { c.retire.Do(func() { close(c.retired) }) }

// schedule reads one target: soon after the start, then at its own offset in
// every interval, so that the targets are spread over it.
func (c *Collector) schedule(ctx context.Context, t inventory.Target, i int, derived chan<- inventory.Target) {
	n := max(1, len(c.opts.Targets))
	slot := c.opts.Interval / time.Duration(n) * time.Duration(i%n)
	first := min(time.Duration(i)*startSpread, slot)
	if t.SESOnly {
		first = 0
	}
	start := time.Now()
	if !sleep(ctx, first) {
		return
	}
	next := func() time.Time {
		passed := time.Since(start.Add(slot))
		if passed < 0 {
			return start.Add(slot)
		}
		return start.Add(slot + passed.Truncate(c.opts.Interval) + c.opts.Interval)
	}
	for {
		c.readOnce(ctx, t, next, derived)
		if !sleep(ctx, time.Until(next())) {
			return
		}
	}
}

// sleep waits; false means that the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (c *Collector) readOnce(ctx context.Context, t inventory.Target, next func() time.Time, derived chan<- inventory.Target) {
	k := t.Key()
	c.mu.Lock()
	prev := c.readings[k]
	id := k.AccountID
	if id == "" && prev != nil {
		id = prev.Target.AccountID
	}
	for _, n := range inventory.Needs(c.of(id)...) {
		if n.Region == t.Region {
			t.Identities = n.Identities
		}
	}
	c.mu.Unlock()

	passCtx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	reading := c.reader.Read(passCtx, t, prev)
	cancel()
	if ctx.Err() != nil {
		return // What a shutdown cut off is not a failure of AWS.
	}
	reading.Next = next()
	c.log(prev, &reading)

	c.mu.Lock()
	if c.readings[k] == nil && !t.SESOnly {
		c.pending--
	}
	c.readings[k] = &reading
	more := c.newTargets(reading.Target.AccountID)
	c.mu.Unlock()
	select {
	case c.dirty <- struct{}{}:
	default:
	}
	for _, d := range more {
		select {
		case derived <- d:
		case <-ctx.Done():
		}
	}
}

// newTargets returns a target for each SES region that pools of the account
// send through and that nothing reads yet. The caller holds the lock.
func (c *Collector) newTargets(account string) []inventory.Target {
	more := slices.DeleteFunc(inventory.SESOnlyTargets(inventory.Needs(c.of(account)...), c.opts.Targets), func(t inventory.Target) bool {
		return c.extra[t.Key()]
	})
	for _, t := range more {
		c.extra[t.Key()] = true
	}
	return more
}

// of returns the readings of the account. The caller holds the lock.
func (c *Collector) of(account string) []inventory.Reading {
	var own []inventory.Reading
	for _, r := range c.readings {
		if r.Target.AccountID == account {
			own = append(own, *r)
		}
	}
	return own
}

// log says once that an API began or ceased to fail, and once for the APIs
// that failed for one common cause.
func (c *Collector) log(prev, now *inventory.Reading) {
	said := map[string]bool{}
	for _, o := range now.Outcomes {
		var before inventory.Outcome
		if prev != nil {
			before, _ = prev.Outcome(o.API)
		}
		attrs := []any{"account_id", now.Target.AccountID, "region", now.Target.Region, "api", o.API}
		switch {
		case o.Class == before.Class, o.Message != "" && said[o.Message]:
		case o.Class == inventory.OK:
			c.opts.Logger.Info("Target recovered", attrs...)
		case o.Class == inventory.RegionDisabled:
			c.opts.Logger.Info("Region is switched off", append(attrs, "class", string(o.Class))...)
		default:
			c.opts.Logger.Warn("Target could not be read", append(attrs, "class", string(o.Class), "err", o.Message)...)
		}
		said[o.Message] = true
	}
}

// publishLoop publishes what is new, and from time to time without news so
// that stale facts end.
func (c *Collector) publishLoop(ctx context.Context) {
	tick := time.NewTicker(min(staleCheckMost, c.opts.Interval))
	defer tick.Stop()
	pause := publishPause
	for {
		_, end := c.opts.Quota.Window(time.Now())
		reset := time.NewTimer(time.Until(end)) // The default quota begins anew to the second.
		select {
		case <-c.dirty:
			sleep(ctx, min(pause, time.Until(end)))
			select {
			case <-c.dirty:
			default:
			}
		case <-tick.C:
		case <-reset.C:
		case <-ctx.Done():
		}
		reset.Stop()
		if ctx.Err() != nil {
			return
		}
		start := time.Now()
		c.publish(start)
		pause = max(publishPause, min(publishShare*time.Since(start), c.opts.Interval/4))
	}
}

// publish renders what is fresh and replaces what is published, unless the
// result is inconsistent: then the last one goes on serving.
func (c *Collector) publish(now time.Time) {
	c.mu.Lock()
	readings := make([]inventory.Reading, 0, len(c.readings))
	for _, r := range c.readings {
		readings = append(readings, r.Fresh(now.Add(-c.opts.StaleAfter)))
	}
	for _, t := range c.opts.Targets {
		if c.readings[t.Key()] == nil {
			readings = append(readings, inventory.Reading{Target: t, Unread: true})
		}
	}
	pending := c.pending
	c.mu.Unlock()

	judged := c.opts.Rules.Judge(inventory.New(now, readings, c.opts.Quota))
	c.logRules(judged)
	families, err := c.opts.render(judged, Families)
	if err != nil {
		c.opts.Logger.Error("Publishing failed; the last metrics are still served", "err", err)
		return
	}
	c.published.Store(&publication{judged, families})
	if pending == 0 && !c.Ready() {
		close(c.ready)
	}
}

// logRules says once that a rule began to fail, and that an exemption ceased to apply.
func (c *Collector) logRules(now *rules.Judgement) {
	before := c.View()
	for i, r := range now.Rules.Rules() {
		count := now.Result.Rules[i]
		if count.Errors == 0 {
			continue
		}
		if c.opts.RuleFailed != nil {
			c.opts.RuleFailed(r.ID, count.Errors)
		}
		if before.Result.Rules[i].Errors == 0 {
			c.opts.Logger.Error("A rule fails", "rule", r.ID, "err", count.FirstError)
		}
	}
	expired := before.Rules.ExpiredExemptions(before.At)
	for _, e := range now.Rules.ExpiredExemptions(now.At) {
		if !slices.Contains(expired, e) {
			c.opts.Logger.Warn("An exemption has expired and no longer applies", "rule", e.Rule, "until", e.Until, "where", e.Where)
		}
	}
}

// render turns what is judged into the families, checked by a pedantic registry.
func (o *Options) render(j *rules.Judgement, families []Family) ([]*dto.MetricFamily, error) {
	views := make([]*accountView, 0, len(j.Accounts))
	for i, a := range j.Accounts {
		v := &accountView{Account: a, findings: j.Each[i].Findings, tags: o.Tags}
		v.identities, v.dropped = o.shown(a.Identities)
		views = append(views, v)
	}
	total := &totals{j, len(o.Targets)}
	r := &rendered{}
	for i := range families {
		f := &families[i]
		emit := r.family(f, o.Tags)
		if f.Total != nil {
			f.Total(total, emit)
			continue
		}
		for _, v := range views {
			f.Samples(v, emit)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(r); err != nil {
		return nil, err
	}
	return registry.Gather()
}

// family returns what takes the family's samples.
func (r *rendered) family(f *Family, tags []TagLabel) Emit {
	labels := f.Labels
	if f.Name == "pool_info" {
		for _, t := range tags {
			labels = with(labels, t.Label)
		}
	}
	desc := prometheus.NewDesc(namespace+"_"+f.Name, f.Help, labels, nil)
	r.descs = append(r.descs, desc)
	return func(value float64, values ...string) {
		for i := range values {
			values[i] = strings.ToValidUTF8(values[i], "\uFFFD")
		}
		m, err := prometheus.NewConstMetric(desc, prometheus.GaugeValue, value, values...)
		r.err = errors.Join(r.err, err)
		r.metrics = append(r.metrics, m)
	}
}

// rendered is a collector of finished metrics.
type rendered struct {
	descs   []*prometheus.Desc
	metrics []prometheus.Metric
	err     error
}

func (r *rendered) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range r.descs {
		ch <- d
	}
}

func (r *rendered) Collect(ch chan<- prometheus.Metric) {
	for _, m := range r.metrics {
		ch <- m
	}
}
