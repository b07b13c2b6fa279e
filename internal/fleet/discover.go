package fleet

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const (
	listTimeout = 10 * time.Minute // of a listing of the organization, which can take some thousand calls
	askTimeout  = time.Minute      // of one question about a region or an account's regions
	retryAfter  = 5 * time.Minute  // after a failure, or sooner where the clock is faster
	regionsAge  = time.Hour        // between two lists of an account's regions
	asking      = 16               // accounts whose regions are asked for at the same time
	changePause = time.Second      // joins what is found shortly after each other in one change
	maxNamed    = 20               // accounts that a log line names
)

// Source says which accounts and regions there are; see package awsread. Its
// errors are [*inventory.Failure], unless the context ended it.
type Source interface {
	// Organization lists every account of the organization, at least one. The
	// organizational units and tags of accounts take more calls.
	Organization(ctx context.Context, units, tags bool) ([]inventory.OrganizationAccount, error)
	// Regions lists the regions that are on in the target's account. With an
	// error it lists those that cannot be off, or none when the account cannot
	// be entered.
	Regions(ctx context.Context, t inventory.Target) ([]string, error)
	// HasPools reports whether the target has a user pool.
	HasPools(ctx context.Context, t inventory.Target) (bool, error)
}

// Options are what a Fleet works with all its life.
type Options struct {
	Source Source
	Logger *slog.Logger
	// Changed is called when [Fleet.View] has become another, by one goroutine
	// at a time, which goes on when it returns. As after Configure, the caller
	// looks at the view and calls Announced.
	Changed func()
}

// Fleet finds accounts and regions. It lives as long as the process and is safe
// for concurrent use. Make one with New.
type Fleet struct {
	o       Options
	list    chan struct{} // a listing may be due
	look    chan struct{} // regions may have to be asked for
	changed chan struct{} // the view has become another

	telling sync.Mutex // held while Changed is called

	mu        sync.Mutex // guards what follows
	conf      Config
	accounts  []inventory.OrganizationAccount // of the last listing; nil before the first one
	outcome   inventory.Outcome               // of the listing
	asked     bool                            // a listing has ended
	listDue   time.Time
	announced []entry           // the accounts that Changed has told of
	places    map[string]*place // by account
	named     map[string]bool   // unknown regions that the log has named
}

// place is what is known of an account's regions.
type place struct {
	asked   bool
	on      []string // those that are on and known, sorted; nil before they were listed
	unknown []string // those that are on and that this version does not know
	failure *inventory.Failure
	// failures are those in a row; each makes the next question wait longer.
	failures int
	due      time.Time
	looks    map[string]*look // by region
}

// look is the last search of a region for user pools.
type look struct {
	pools    bool
	failure  *inventory.Failure
	failures int // in a row
	due      time.Time
}

// New returns a fleet that has not asked anything. What is configured is set
// with Configure.
func New(o Options) *Fleet {
	signal := func() chan struct{} { return make(chan struct{}, 1) }
	return &Fleet{o: o, list: signal(), look: signal(), changed: signal(), places: map[string]*place{}, named: map[string]bool{}}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Configure sets what is wanted. What is known stays as far as it is still
// wanted, and the organization is listed again soon. The caller looks at the
// view after it, and calls Announced when whoever reads AWS knows of it.
func (f *Fleet) Configure(c Config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conf = c
	f.listDue = time.Time{}
	if c.Organization == nil {
		f.accounts, f.asked, f.outcome = nil, false, inventory.Outcome{}
	}
	latest := time.Now().Add(c.IdleInterval)
	for _, p := range f.places {
		for _, l := range p.looks {
			if latest.Before(l.due) {
				l.due = latest
			}
		}
	}
}

// View returns what is to be read, as far as it is known.
func (f *Fleet) View() *View {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.view()
}

// Announced says that whoever reads knows of the accounts of the present view,
// whose regions can be asked for now.
func (f *Fleet) Announced() {
	f.mu.Lock()
	f.announced = f.conf.entries(f.accounts)
	f.forget(f.announced)
	f.mu.Unlock()
	wake(f.list)
	wake(f.look)
}

// tell tells of a change.
func (f *Fleet) tell() {
	f.telling.Lock()
	defer f.telling.Unlock()
	f.o.Changed()
}

// Run finds accounts and regions until ctx ends.
func (f *Fleet) Run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { repeat(ctx, f.list, func() time.Time { return f.listIfDue(ctx) }) })
	loops.Go(func() { repeat(ctx, f.look, func() time.Time { return f.askIfDue(ctx) }) })
	loops.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-f.changed:
				f.tell()
				sleep(ctx, changePause)
			}
		}
	})
	loops.Wait()
}

// repeat does something at the times that it returns, which are zero for none,
// and when it is woken.
func repeat(ctx context.Context, woken <-chan struct{}, do func() time.Time) {
	for ctx.Err() == nil {
		next := do()
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = time.After(time.Until(next))
		}
		select {
		case <-ctx.Done():
		case <-woken:
		case <-timer:
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// Once lists the organization and asks for all regions, once. The error is that
// of the listing; what is wrong with an account is in its member.
func (f *Fleet) Once(ctx context.Context) error {
	f.listIfDue(ctx)
	f.mu.Lock()
	failed := f.outcome.Class != inventory.OK
	message := f.outcome.Message
	f.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failed:
		return errors.New(message)
	}
	f.askIfDue(ctx)
	return ctx.Err()
}

// listIfDue lists the organization if it is time, and returns when it will be.
func (f *Fleet) listIfDue(ctx context.Context) time.Time {
	f.mu.Lock()
	o, due := f.conf.Organization, f.listDue
	f.mu.Unlock()
	if o == nil {
		return time.Time{}
	}
	if time.Now().Before(due) {
		return due
	}
	units, tags := o.needs()
	within, cancel := context.WithTimeout(ctx, listTimeout)
	accounts, err := f.o.Source.Organization(within, units, tags)
	cancel()
	if ctx.Err() != nil {
		return time.Time{}
	}

	f.mu.Lock()
	if f.conf.Organization != o {
		f.mu.Unlock()
		return time.Now() // It was configured anew meanwhile.
	}
	f.listed(accounts, failureOf(err))
	due = f.listDue
	f.mu.Unlock()
	f.tell()
	return due
}

// failureOf returns the failure that err is; nil for nil.
func failureOf(err error) *inventory.Failure {
	if err == nil {
		return nil
	}
	if failure, ok := errors.AsType[*inventory.Failure](err); ok {
		return failure
	}
	return &inventory.Failure{Class: inventory.Other, Message: err.Error()}
}

// listed takes over a listing. A failure leaves the accounts as they were. The
// caller holds the lock.
func (f *Fleet) listed(accounts []inventory.OrganizationAccount, failure *inventory.Failure) {
	now, refresh, before := time.Now(), f.conf.Organization.Refresh, f.outcome
	if failure == nil && len(accounts) == 0 {
		failure = &inventory.Failure{Class: inventory.Invalid, Message: "the organization has no account, which cannot be; the last list stays"}
	}
	first := !f.asked
	f.asked = true
	if failure != nil {
		f.listDue = now.Add(min(refresh, retryAfter))
		f.outcome = inventory.Outcome{API: inventory.APIOrganizations, Class: failure.Class, Message: failure.Message, LastSuccess: before.LastSuccess}
		if before.Class != failure.Class {
			f.o.Logger.Error("Listing the accounts of the organization failed; the last list stays", "class", string(failure.Class), "err", failure.Message, "accounts", len(f.accounts))
		}
		return
	}
	f.listDue = now.Add(refresh)
	f.outcome = inventory.Outcome{API: inventory.APIOrganizations, LastSuccess: now}
	if before.Class != inventory.OK {
		f.o.Logger.Info("Listing the accounts of the organization works again")
	}
	joined, left := difference(f.accounts, accounts), difference(accounts, f.accounts)
	if len(joined)+len(left) > 0 && !first {
		f.o.Logger.Info("Accounts of the organization have changed", "accounts", len(accounts), "joined", names(joined), "left", names(left))
	}
	f.accounts = accounts
}

// difference returns the IDs of the accounts that only the second list has.
func difference(before, now []inventory.OrganizationAccount) []string {
	known := map[string]bool{}
	for _, a := range before {
		known[a.ID] = true
	}
	var more []string
	for _, a := range now {
		if !known[a.ID] {
			more = append(more, a.ID)
		}
	}
	return more
}

func names(ids []string) string {
	if len(ids) > maxNamed {
		return strings.Join(ids[:maxNamed], " ") + " …"
	}
	return strings.Join(ids, " ")
}

// askIfDue asks for the regions of all accounts for which it is time, and
// returns when it will be again.
func (f *Fleet) askIfDue(ctx context.Context) time.Time {
	f.mu.Lock()
	c, entries := f.conf, f.announced
	f.mu.Unlock()
	var workers sync.WaitGroup
	work := make(chan *entry)
	for range min(asking, len(entries)) {
		workers.Go(func() {
			for e := range work {
				f.ask(ctx, &c, e)
			}
		})
	}
	for i := range entries {
		if e := &entries[i]; e.wanted() && e.Regions.find() && ctx.Err() == nil {
			work <- e
		}
	}
	close(work)
	workers.Wait()
	return f.nextAsk(entries)
}

// nextAsk returns when regions have to be asked for again.
func (f *Fleet) nextAsk(entries []entry) (next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	see := func(due time.Time) {
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	for i := range entries {
		e := &entries[i]
		p := f.places[e.ID]
		if p == nil || !p.asked {
			continue
		}
		see(p.due)
		for _, region := range p.on {
			if l := p.looks[region]; l != nil && e.Regions.Auto {
				see(l.due)
			}
		}
	}
	return next
}

// ask asks for an account's regions, and in which of them there are user pools,
// where it is time.
func (f *Fleet) ask(ctx context.Context, c *Config, e *entry) {
	home := c.home(e)
	f.mu.Lock()
	p := f.places[e.ID]
	if p == nil {
		p = &place{looks: map[string]*look{}}
		f.places[e.ID] = p
	}
	due := !time.Now().Before(p.due)
	f.mu.Unlock()
	if due {
		within, cancel := context.WithTimeout(ctx, askTimeout)
		on, err := f.o.Source.Regions(within, home)
		cancel()
		if ctx.Err() != nil {
			return
		}
		f.mu.Lock()
		f.found(p, e, on, failureOf(err))
		f.mu.Unlock()
		wake(f.changed)
	}
	if !e.Regions.Auto {
		return
	}
	f.mu.Lock()
	regions := slices.Clone(p.on)
	f.mu.Unlock()
	for _, region := range regions {
		if !f.search(ctx, c, e, p, region) {
			return
		}
	}
}

// found takes over an account's list of regions. A failure leaves the list as
// it was; without one, it makes the regions those that cannot be off. The
// caller holds the lock.
func (f *Fleet) found(p *place, e *entry, on []string, failure *inventory.Failure) {
	before := p.failure
	p.asked, p.failure, p.due = true, failure, time.Now().Add(regionsAge)
	if failure == nil {
		p.failures = 0
		if before != nil { // What kept it from being searched as well has ended, too.
			for _, l := range p.looks {
				if l.failure != nil {
					l.due = time.Now()
				}
			}
		}
	} else {
		p.failures++
		p.due = time.Now().Add(retry(p.failures, regionsAge))
		if before == nil || before.Class != failure.Class {
			f.o.Logger.Warn("The regions of an account could not be listed", "account_id", e.ID, "class", string(failure.Class), "err", failure.Message)
		}
	}
	if failure == nil && before != nil {
		f.o.Logger.Info("The regions of an account can be listed again", "account_id", e.ID)
	}
	if len(on) == 0 || failure != nil && p.on != nil {
		return
	}
	known := inventory.KnownRegions()
	p.on, p.unknown = nil, nil
	for _, region := range slices.Sorted(slices.Values(on)) {
		switch {
		case slices.Contains(known, region):
			p.on = append(p.on, region)
		default:
			p.unknown = append(p.unknown, region)
			if !f.named[region] {
				f.named[region] = true
				f.o.Logger.Warn("This version does not know a region that is enabled; it is not read", "account_id", e.ID, "region", region)
			}
		}
	}
}

// search looks for user pools in a region if it is time. It reports whether to
// go on with the next region.
func (f *Fleet) search(ctx context.Context, c *Config, e *entry, p *place, region string) bool {
	f.mu.Lock()
	l := p.looks[region]
	due := l == nil || !time.Now().Before(l.due)
	f.mu.Unlock()
	if !due {
		return true
	}
	within, cancel := context.WithTimeout(ctx, askTimeout)
	pools, err := f.o.Source.HasPools(within, c.target(e, region))
	cancel()
	if ctx.Err() != nil {
		return false
	}
	failure := failureOf(err)
	f.mu.Lock()
	defer f.mu.Unlock()
	next := &look{pools: pools, failure: failure, due: time.Now().Add(c.IdleInterval)}
	if failure != nil {
		next.failures = 1
		if l != nil {
			next.pools, next.failures = l.pools, l.failures+1
		}
		next.due = time.Now().Add(retry(next.failures, c.IdleInterval))
		if l == nil || l.failure == nil || l.failure.Class != failure.Class {
			f.o.Logger.Warn("A region could not be searched for user pools", "account_id", e.ID, "region", region, "class", string(failure.Class), "err", failure.Message)
		}
	}
	p.looks[region] = next
	wake(f.changed)
	return true
}

// retry is how long to wait after that many failures in a row: twice as long
// after each, up to the clock of what does not fail.
func retry(failures int, clock time.Duration) time.Duration {
	return min(clock, retryAfter<<min(failures-1, 16))
}

// Partition is the partition of a role's ARN.
func Partition(arn string) string {
	parts := strings.SplitN(arn, ":", 3)
	if len(parts) < 3 {
		return "aws"
	}
	return parts[1]
}
