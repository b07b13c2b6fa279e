// Package collector reads targets on a schedule, keeps what was read until it
// is stale, and publishes it account by account: each account's readings are
// linked, judged and rendered by themselves into a finished piece, and what is
// served is the set of pieces behind one pointer.
//
// It must not know AWS, the configuration file or HTTP: a Reader brings
// readings, and whoever serves asks Exposition or View.
package collector

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/exposition"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// Reader reads a target once; see package awsread. At most one Read per target
// runs at a time.
type Reader interface {
	Read(ctx context.Context, t inventory.Target, prev *inventory.Reading) inventory.Reading
}

// TagLabel names a pool tag and the label that shows it.
type TagLabel struct{ Tag, Label string }

// Clock is a time by which the exporter works.
type Clock struct {
	Name string // its key in the configuration
	Time time.Duration
}

// Links are the addresses that alerts lead to; those that are nil lead nowhere.
type Links struct {
	Page      func(account string, c inventory.Cause) string // of the exporter
	Dashboard func(account string, c inventory.Cause) string
	Runbook   func(id string) string // a rule's, or that of a page on the exporter itself
}

// Plan is what to read, how often, and how to judge and show it.
type Plan struct {
	Targets    []inventory.Target // each account and region once
	Interval   time.Duration      // between two passes over a target
	Timeout    time.Duration      // of one pass
	StaleAfter time.Duration      // how long facts outlive their last confirmation
	ReadyAfter time.Duration      // after which the collector is ready although targets are still to be read; 0 waits for all
	Tags       []TagLabel
	Fleet      Fleet            // the accounts that the targets are of
	Quota      inventory.Policy // of the built-in sender
	Rules      *rules.Set       // nil judges nothing

	Clocks []Clock // that the exporter says it works by
	Links  Links   // that alerts lead to
	// BlindRatio is the part of the accounts of which more than that many cannot
	// be read when the exporter counts as blind.
	BlindRatio float64

	AllIdentities bool              // show also those that no pool uses
	ShowIdentity  func(string) bool // by name; nil shows all
	MaxIdentities int               // to show, for each account and region
}

// Options are what a Collector works with all its life.
type Options struct {
	Reader Reader
	Logger *slog.Logger
	Self   *Self // counts failures by account; may be nil
}

// Collector reads, keeps and publishes. It lives as long as the process: a new
// plan changes what it does, not what it knows. Make one with New.
type Collector struct {
	reader Reader
	logger *slog.Logger
	self   *Self

	published atomic.Pointer[publication] // never nil
	ready     chan struct{}               // closed once, see Ready
	wake      chan struct{}               // something is to be published

	mu       sync.Mutex // guards what follows
	plan     *plan
	running  context.Context // nil before Run
	passes   sync.WaitGroup  // the targets' goroutines; added to under the mutex
	began    time.Time       // when Run did
	targets  map[targetKey]*target
	index    map[string][]*target // the targets by AccountID as it is planned, sorted
	accounts map[string]*account  // by ID; empty for the ambient account while that is not known
	ambient  string               // the ID of the ambient account, once it is known
	// passing holds, for each account and region that was ever read, what a pass
	// over it takes: there is one at a time.
	passing map[inventory.Key]chan struct{}
}

// plan is a Plan and what follows from it.
type plan struct {
	Plan
	families *exposition.Families
	members  *exposition.Piece // what is known of the accounts
}

// New returns a collector that has not read anything.
func New(o Options, p Plan) (*Collector, error) {
	c := &Collector{
		reader: o.Reader, logger: o.Logger, self: o.Self,
		ready: make(chan struct{}), wake: make(chan struct{}, 1),
		targets: map[targetKey]*target{}, index: map[string][]*target{}, accounts: map[string]*account{}, passing: map[inventory.Key]chan struct{}{},
	}
	if err := c.Apply(p); err != nil {
		return nil, err
	}
	c.published.Store(c.plan.join(nil, time.Now(), nil, c.count()))
	return c, nil
}

// Apply replaces the plan. Targets that are in both go on undisturbed: what is
// known of them stays, and they are read when they would have been. Those that
// have left end at once, and new ones are read soon. What is known is judged
// anew at once. An error leaves the old plan in force.
func (c *Collector) Apply(next Plan) error {
	if next.Rules == nil {
		next.Rules = &rules.Set{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.plan
	if before != nil && slices.Equal(before.Tags, next.Tags) && slices.Equal(before.Fleet.Tags, next.Fleet.Tags) {
		c.plan = &plan{Plan: next, families: before.families}
	} else {
		families, err := expositionFamilies(next.Tags, next.Fleet.Tags)
		if err != nil {
			return err
		}
		c.plan = &plan{Plan: next, families: families}
	}
	if err := c.plan.complete(c.ambient); err != nil {
		c.plan = before
		return err
	}
	c.retarget()
	for _, a := range c.accounts {
		a.dirty = true
	}
	c.signal()
	return nil
}

// Retarget replaces the targets and what is known of their accounts, and leaves
// the rest of the plan as it is: accounts that stay as they were are not judged
// anew.
func (c *Collector) Retarget(targets []inventory.Target, f Fleet) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.plan
	f.Tags = c.plan.Fleet.Tags
	next.Targets, next.Fleet = targets, f
	if err := next.complete(c.ambient); err != nil {
		return err
	}
	c.plan = &next
	c.retarget()
	c.signal()
	return nil
}

// View returns what is published. It is shared and must not be changed.
func (c *Collector) View() *rules.Judgement { return c.published.Load().Judgement }

// Exposition returns the published metrics.
func (c *Collector) Exposition() *exposition.Exposition { return c.published.Load().exposition }

// Ready reports whether every target has been read, well or badly, and the
// result is published, or ReadyAfter has passed. Once ready it stays so.
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
// It is called once.
func (c *Collector) Run(ctx context.Context) error {
	c.mu.Lock()
	c.running, c.began = ctx, time.Now()
	for _, t := range c.targets {
		c.start(t)
	}
	c.mu.Unlock()
	c.signal()
	c.publishLoop(ctx)
	c.mu.Lock() // Nothing is started any more.
	c.running = nil
	c.mu.Unlock()
	c.passes.Wait()
	return ctx.Err()
}

// signal wakes the publisher.
func (c *Collector) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
