package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/bench/internal/stand"
)

const (
	warmUp     = 5               // passes before anything is measured
	windows    = 2               // intervals that a steady state is measured for
	sampleRSS  = 2 * time.Second // between two looks at the memory
	changing   = 5               // pools that change
	lookEvery  = 100 * time.Millisecond
	probes     = 10               // scrapes that the price of one is taken from
	probeMost  = 20 * time.Second // or as many as this leaves time for
	seed       = 1
	megabyte   = 1e6
	setUpMost  = 20 * time.Minute // for every target to be read once
	changeMost = 10 * time.Minute // for changes to be seen
)

// setting is an estate and how often it is read.
type setting struct {
	stand.Fleet
	interval time.Duration
}

// smaller is the setting of a smoke test.
func (s setting) smaller() setting {
	s.Accounts, s.Pools = max(2, s.Accounts/3), max(1, s.Pools/10)
	s.interval = 10 * time.Second // The shortest that the exporter takes.
	return s
}

// firstPass is the shortest time in which AWS's quota lets a target be read.
func (s setting) firstPass() time.Duration {
	const (
		perSecond = 15 // ListUserPools and DescribeUserPool together
		page      = 60 // pools of an answer to ListUserPools
	)
	requests := s.Pools + (s.Pools+page-1)/page
	return time.Duration(requests) * time.Second / perSecond
}

// lab holds the exporter that is measured. Rows about the same setting share
// it, so that it has to be set up only once.
type lab struct {
	dir   string
	bin   stand.Binaries
	quick bool
	say   func(string, ...any)
	now   *subject // nil when nothing runs
}

// subject is an exporter with its simulated AWS, and what was measured of it
// already: each of the pointers is nil before.
type subject struct {
	setting
	sim      *stand.Sim
	exporter *stand.Exporter
	passes   map[stand.Target]time.Duration // the first ones
	warm     bool
	steady   *steady
	scrapes  *scrapes
	changes  *changed
}

// clear ends what runs.
func (l *lab) clear() {
	if l.now != nil {
		l.now.exporter.Stop()
		l.now.sim.Stop()
		l.now = nil
	}
}

// scale returns the setting to measure.
func (l *lab) scale(s setting) setting {
	if l.quick {
		return s.smaller()
	}
	return s
}

// at returns an exporter of that setting that has read every target at least once.
func (l *lab) at(ctx context.Context, s setting) (*subject, error) {
	s = l.scale(s)
	if l.now != nil && l.now.setting == s {
		return l.now, l.now.exporter.Failed()
	}
	l.clear()
	l.say("  starting with %d pools, %d targets", s.Size(), s.Targets())
	sim, err := stand.StartSim(ctx, l.dir, l.bin.Sim, s.Fleet, seed)
	if err != nil {
		return nil, err
	}
	config := stand.Config{Accounts: s.AllAccounts(), Regions: s.RegionNames(), Interval: s.interval}
	e, err := stand.StartExporter(ctx, l.dir, l.bin.Exporter, sim, s.Fleet, config)
	if err != nil {
		sim.Stop()
		return nil, err
	}
	l.now = &subject{setting: s, sim: sim, exporter: e}
	setUp, cancel := context.WithTimeout(ctx, setUpMost)
	defer cancel()
	l.now.passes, err = e.ReadAll(setUp, s.Targets(), time.Time{})
	return l.now, err
}

// steadyAt returns an exporter of that setting after the passes of warmUp.
func (l *lab) steadyAt(ctx context.Context, s setting) (*subject, error) {
	b, err := l.at(ctx, s)
	if err != nil || b.warm {
		return b, err
	}
	passes := warmUp
	if l.quick {
		passes = 2
	}
	l.say("  warming up for %d intervals of %s", passes, b.interval)
	b.warm = true
	return b, b.exporter.Pause(ctx, time.Duration(passes)*b.interval)
}

// steady is what the exporter costs when nothing changes.
type steady struct {
	perMinute      time.Duration // processor time
	resident, peak int64         // bytes: the largest that was seen, and the largest since the start
}

func (l *lab) steadyState(ctx context.Context, s setting) (*steady, error) {
	b, err := l.steadyAt(ctx, s)
	if err != nil || b.steady != nil {
		return b.steady, err
	}
	l.say("  measuring %d intervals in which nothing changes", windows)
	u, err := b.watch(ctx, windows*b.interval)
	b.steady = u
	return u, err
}

// watch measures the exporter for so long.
func (b *subject) watch(ctx context.Context, d time.Duration) (*steady, error) {
	start := time.Now()
	before, err := b.exporter.CPU()
	if err != nil {
		return nil, err
	}
	u := &steady{}
	for time.Since(start) < d {
		m, err := b.exporter.Memory()
		if err != nil {
			return nil, err
		}
		u.resident, u.peak = max(u.resident, m.Resident), m.Peak
		if err := b.exporter.Pause(ctx, min(sampleRSS, max(0, d-time.Since(start)))); err != nil {
			return nil, err
		}
	}
	after, err := b.exporter.CPU()
	u.perMinute = time.Duration(float64(after-before) / time.Since(start).Minutes())
	return u, err
}

// scrapes is what three scrapers at once see, and what they cost.
type scrapes struct {
	*steady
	took   []time.Duration // sorted
	series int
	bytes  int64
}

func (l *lab) scrape(ctx context.Context, s setting) (*scrapes, error) {
	const scrapers = 3
	every, rounds := 15*time.Second, 12
	if l.quick {
		every, rounds = 3*time.Second, 3
	}
	b, err := l.steadyAt(ctx, s)
	if err != nil || b.scrapes != nil {
		return b.scrapes, err
	}
	l.say("  %d scrapers, every %s, %d times", scrapers, every, rounds)
	var (
		out    scrapes
		mu     sync.Mutex // guards out.took and failed
		failed error
		group  sync.WaitGroup
	)
	for range scrapers {
		group.Go(func() {
			tick := time.NewTicker(every) // It drops what a slow scrape leaves no time for.
			defer tick.Stop()
			for range rounds {
				start := time.Now()
				_, err := b.exporter.Get(ctx, stand.Metrics(), io.Discard)
				mu.Lock()
				out.took, failed = append(out.took, time.Since(start)), errors.Join(failed, err)
				mu.Unlock()
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	out.steady, err = b.watch(ctx, every*time.Duration(rounds))
	group.Wait()
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	slices.Sort(out.took)
	if err := b.exporter.Series(ctx, func(stand.Series, string) { out.series++ }); err != nil {
		return nil, err
	}
	if out.bytes, err = b.exporter.Get(ctx, stand.Metrics(), io.Discard); err != nil {
		return nil, err
	}
	b.scrapes = &out
	return b.scrapes, nil
}

// changed is what a change of one pool costs, for each of some pools.
type changed struct {
	cpu       []time.Duration // from the reading to the metrics, beyond the steady state; sorted
	gross     []time.Duration // the same with the steady state; sorted
	visible   []time.Duration // how long that took; sorted
	page      []time.Duration // of the first view of the page after it; sorted
	allocated []float64       // bytes of that view; sorted
}

// change renames some pools of different accounts at once. The exporter reads
// each of them in the pass of its own target, and each is measured by itself.
func (l *lab) change(ctx context.Context, s setting) (*changed, error) {
	normal, err := l.steadyState(ctx, s)
	if err != nil {
		return nil, err
	}
	b := l.now
	if b.changes != nil {
		return b.changes, nil
	}
	ctx, cancel := context.WithTimeout(ctx, changeMost)
	defer cancel()
	pools, err := b.onePoolEach(ctx, changing)
	if err != nil {
		return nil, err
	}
	l.say("  changing %d pools", len(pools))
	m := &meter{subject: b, idle: float64(normal.perMinute) / float64(time.Minute)}
	if err := m.calibrate(ctx); err != nil {
		return nil, err
	}
	before, err := b.describes(ctx)
	if err != nil {
		return nil, err
	}
	var changes []stand.Change
	for t, id := range pools {
		changes = append(changes, stand.Change{Target: t, To: map[string]any{"pools": []any{map[string]any{"id": id, "name": renamed(id)}}}})
	}
	if err := b.sim.Patch(ctx, changes...); err != nil {
		return nil, err
	}
	out, err := m.follow(ctx, pools, before)
	b.changes = out
	return out, err
}

func renamed(id string) string { return "renamed-" + id }

// onePoolEach returns one pool of each of n targets, of different accounts.
func (b *subject) onePoolEach(ctx context.Context, n int) (map[stand.Target]string, error) {
	n = min(n, b.Accounts)
	pools := map[stand.Target]string{}
	for i := range n {
		pools[stand.Target{Account: b.Account(i * b.Accounts / n), Region: b.RegionNames()[i%b.Regions]}] = ""
	}
	err := b.exporter.Series(ctx, func(s stand.Series, _ string) {
		t := stand.Target{Account: s.Label("account_id"), Region: s.Label("region")}
		if id, ok := pools[t]; ok && id == "" {
			pools[t] = s.Label("user_pool_id")
		}
	}, stand.PoolInfo)
	for t, id := range pools {
		if id == "" {
			err = errors.Join(err, fmt.Errorf("no pool of account %s in %s is in the metrics", t.Account, t.Region))
		}
	}
	return pools, err
}

// describes returns how often a pool was described, by target.
func (b *subject) describes(ctx context.Context) (map[stand.Target]int, error) {
	calls, err := b.sim.Calls(ctx)
	counts := map[stand.Target]int{}
	for _, c := range calls {
		if c.Operation == "DescribeUserPool" {
			counts[stand.Target{Account: c.Account, Region: c.Region}] = c.Calls
		}
	}
	return counts, err
}

// meter measures the exporter around changes. The cost of its own requests and
// of what runs anyway is subtracted.
type meter struct {
	*subject
	idle  float64       // processor time per time
	probe time.Duration // processor time of one look at the metrics of pools
	alloc float64       // bytes allocated by one look at the bytes allocated
}

func (m *meter) calibrate(ctx context.Context) error {
	start := time.Now()
	before, err := m.exporter.CPU()
	if err != nil {
		return err
	}
	n := 0
	for ; n < probes && (n == 0 || time.Since(start) < probeMost); n++ {
		if _, err := m.exporter.Get(ctx, stand.Metrics(stand.PoolInfo), io.Discard); err != nil {
			return err
		}
	}
	after, err := m.exporter.CPU()
	if err != nil {
		return err
	}
	m.probe = max(0, after-before-time.Duration(m.idle*float64(time.Since(start)))) / time.Duration(n)
	var each []float64
	for range changing {
		a, err := m.allocated(ctx)
		if err != nil {
			return err
		}
		b, err := m.allocated(ctx)
		if err != nil {
			return err
		}
		each = append(each, b-a)
	}
	slices.Sort(each)
	m.alloc = median(each)
	return nil
}

// allocated returns the bytes that the exporter has allocated since its start.
func (m *meter) allocated(ctx context.Context) (bytes float64, err error) {
	const name = "go_memstats_alloc_bytes_total"
	err = m.exporter.Series(ctx, func(s stand.Series, _ string) {
		if s.Name == name {
			bytes = s.Float()
		}
	}, name)
	if err == nil && bytes == 0 {
		err = errors.New("the exporter does not serve " + name)
	}
	return bytes, err
}

// follow waits until each of the pools was read and measures until its new
// name is in the metrics, then the page. A pool that was read while another
// one was being measured is left out.
func (m *meter) follow(ctx context.Context, pools map[stand.Target]string, before map[stand.Target]int) (*changed, error) {
	out := &changed{}
	at, cpu := time.Now(), time.Duration(0)
	for fresh := false; len(pools) > 0; {
		now, err := m.describes(ctx)
		if err != nil {
			return nil, err
		}
		for t, id := range pools {
			if now[t] == before[t] {
				continue
			}
			delete(pools, t)
			if !fresh {
				continue
			}
			if err := m.until(ctx, id, at, cpu, out); err != nil {
				return nil, err
			}
			fresh = false
			break
		}
		if !fresh { // It is not known when the others were read that were read by now.
			now, err := m.describes(ctx)
			if err != nil {
				return nil, err
			}
			for t := range pools {
				if now[t] != before[t] {
					delete(pools, t)
				}
			}
		}
		at, fresh = time.Now(), true
		if cpu, err = m.exporter.CPU(); err != nil {
			return nil, err
		}
		if err := m.exporter.Pause(ctx, lookEvery); err != nil {
			return nil, err
		}
	}
	if len(out.cpu) == 0 {
		return nil, errors.New("no change could be measured by itself: all were read at once")
	}
	slices.Sort(out.cpu)
	slices.Sort(out.gross)
	slices.Sort(out.visible)
	slices.Sort(out.page)
	slices.Sort(out.allocated)
	return out, nil
}

// until measures from a time and the processor time of then until the pool's
// new name is in the metrics, and the first view of the page after that.
func (m *meter) until(ctx context.Context, id string, since time.Time, cpu time.Duration, out *changed) error {
	looks := 0
	for seen := false; !seen; looks++ {
		if looks > 0 {
			if err := m.exporter.Pause(ctx, lookEvery); err != nil {
				return err
			}
		}
		err := m.exporter.Series(ctx, func(s stand.Series, _ string) {
			seen = seen || strings.Contains(s.Labels, strconv.Quote(renamed(id)))
		}, stand.PoolInfo)
		if err != nil {
			return err
		}
	}
	took := time.Since(since)
	after, err := m.exporter.CPU()
	if err != nil {
		return err
	}
	gross := after - cpu - time.Duration(looks)*m.probe
	out.gross = append(out.gross, gross)
	out.cpu = append(out.cpu, gross-time.Duration(m.idle*float64(took)))
	out.visible = append(out.visible, took)

	a, err := m.allocated(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	if _, err := m.exporter.Get(ctx, "/", io.Discard); err != nil {
		return err
	}
	out.page = append(out.page, time.Since(start))
	b, err := m.allocated(ctx)
	out.allocated = append(out.allocated, b-a-m.alloc)
	return err
}

// median returns the middle of a sorted list that is not empty.
func median[T any](sorted []T) T { return sorted[len(sorted)/2] }
