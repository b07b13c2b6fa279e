package collector

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestReadyMeansPublished has a target be read for the first time while the
// others are rendered: the collector is not ready before it is shown too.
func TestReadyMeansPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(2)
		last := p.Targets[1].AccountID
		w.with(last, func(context.Context, *inventory.Reading) { time.Sleep(publishPause) })
		p.ShowIdentity = func(string) bool {
			time.Sleep(100 * time.Millisecond)
			return true
		}
		c := start(t, w, p)
		<-c.Done()
		if got := scrape(t, c); value(got, readySeries(last)) != "1" || value(got, `cognito_ses_exporter_targets{state="pending"}`) != "0" {
			t.Errorf("ready without account %s: %s", last, lines(got, last))
		}
	})
}

// TestReadyWaitsForAll checks that without ReadyAfter a target that hangs is
// waited for, and that it is not waited for longer than its time-out.
func TestReadyWaitsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(3)
		p.Timeout = 40 * time.Second
		w.with(p.Targets[2].AccountID, hang)
		began := time.Now()
		c := start(t, w, p)
		<-c.Done()
		if waited := time.Since(began); waited < p.Timeout || waited > p.Timeout+time.Second {
			t.Errorf("ready after %s, want %s", waited, p.Timeout)
		}
	})
}

// TestEachTargetKeepsToItsSlot checks that the passes over targets are spread
// over the interval, also when they take longer than that.
func TestEachTargetKeepsToItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(4)
		w.with(p.Targets[3].AccountID, func(context.Context, *inventory.Reading) { time.Sleep(70 * time.Second) })
		p.Timeout = 2 * time.Minute
		began := time.Now()
		start(t, w, p)
		time.Sleep(5*time.Minute + time.Second)
		at := func(account int) (all []time.Duration) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, pass := range w.reads[p.Targets[account].Key()] {
				all = append(all, pass.Sub(began))
			}
			return all
		}
		const s = time.Second
		for account, want := range [][]time.Duration{
			{0, 60 * s, 120 * s, 180 * s, 240 * s, 300 * s},
			{s / 20, 15 * s, 75 * s, 135 * s, 195 * s, 255 * s},
			{s / 10, 30 * s, 90 * s, 150 * s, 210 * s, 270 * s},
			{3 * s / 20, 105 * s, 225 * s},
		} {
			if got := at(account); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("account %d was read at %v, want %v", account, got, want)
			}
		}
	})
}

// TestNextIsWhenItIsReadNext checks what a reading says of the next one.
func TestNextIsWhenItIsReadNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(1)
		c := start(t, w, p)
		<-c.Done()
		next := reading(c, p.Targets[0].AccountID).Next
		time.Sleep(time.Until(next.Add(time.Second)))
		if r := reading(c, p.Targets[0].AccountID); !r.Start.Equal(next) {
			t.Errorf("read at %s, want %s", r.Start, next)
		}
	})
}

// TestCutOffPassIsNoFailure takes targets out while they are read. What the
// passes bring is nobody's, and none is begun again.
func TestCutOffPassIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(9)
		for _, target := range p.Targets {
			w.with(target.AccountID, hang)
		}
		var log safeBuffer
		c := run(t, Options{Reader: w, Logger: slog.New(slog.NewTextHandler(&log, nil))}, p)
		time.Sleep(10 * time.Second)
		few := p
		few.Targets = p.Targets[:1]
		apply(t, c, few)
		time.Sleep(10 * time.Minute)
		for _, target := range p.Targets[1:] {
			if n := w.passes(target.AccountID); n != 1 {
				t.Errorf("account %s was read %d times", target.AccountID, n)
			}
			if strings.Contains(log.String(), target.AccountID) || strings.Contains(scrape(t, c), target.AccountID) {
				t.Errorf("account %s is in the log or the exposition: %s", target.AccountID, log.String())
			}
		}
	})
}

// TestOneReadPerTarget takes a target out while it is read, and puts it back
// before that has ended.
func TestOneReadPerTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most, reads atomic.Int32
		w := &world{}
		slow := passReader(func(ctx context.Context, target inventory.Target, prev *inventory.Reading) inventory.Reading {
			reads.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			time.Sleep(5 * time.Second) // It does not look at its context.
			return w.Read(ctx, target, prev)
		})
		p := accounts(1)
		c := start(t, slow, p)
		time.Sleep(time.Second)
		none := p
		none.Targets = nil
		apply(t, c, none)
		apply(t, c, p)
		time.Sleep(time.Second)
		apply(t, c, none)
		apply(t, c, p)
		time.Sleep(15 * time.Second)
		if most.Load() != 1 || reads.Load() != 2 {
			t.Errorf("%d passes over one target at the same time, %d in all", most.Load(), reads.Load())
		}
		if got := scrape(t, c); value(got, readySeries(p.Targets[0].AccountID)) != "1" {
			t.Errorf("the target that came back is not read: %s", lines(got, "exporter_target"))
		}
	})
}

// TestStopWaitsForPasses checks that Run returns only when no pass runs.
func TestStopWaitsForPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		c, err := New(Options{Logger: slog.New(slog.DiscardHandler), Reader: passReader(func(ctx context.Context, target inventory.Target, _ *inventory.Reading) inventory.Reading {
			running.Add(1)
			defer running.Add(-1)
			<-ctx.Done()
			time.Sleep(time.Second)
			return inventory.Reading{Target: target}
		})}, accounts(3))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		if err := c.Run(ctx); err == nil || running.Load() != 0 || time.Since(began) != 11*time.Second {
			t.Errorf("returned %v after %s, with %d passes running", err, time.Since(began), running.Load())
		}
		// A reload that comes too late starts nothing.
		if err := c.Apply(accounts(5)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := running.Load(); n != 0 {
			t.Errorf("%d passes after the end", n)
		}
	})
}

// through is a Reader of an account with a pool in eu-central-1, Ireland its SES
// region, and none in us-east-1. home says where the identity is; without it
// the pool uses the built-in sender.
type through struct {
	mu   sync.Mutex
	home string
}

func (r *through) lead(region string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.home = region
}

func (r *through) Read(_ context.Context, t inventory.Target, _ *inventory.Reading) inventory.Reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	f := facts(now)
	out := inventory.Reading{Target: t, Start: now, End: now, SES: f.SES, Identities: f.Identities, IdentitiesListed: now, Outcomes: []inventory.Outcome{{API: inventory.APISES, LastSuccess: now}}}
	if t.SESOnly {
		return out
	}
	out.PoolsListed = now
	if t.Region == "eu-central-1" {
		e := inventory.EmailConfiguration{Mode: inventory.ModeDefault}
		if r.home != "" {
			e = inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:" + r.home + ":" + t.AccountID + ":identity/example.com", From: "a@example.com"}
		}
		out.Pools = []inventory.UserPool{{
			ID: "eu-central-1_own", Name: "own", Listed: now, Confirmed: now,
			Settings: &inventory.Settings{Described: now, Sender: inventory.NewSender(t.Key(), e)},
		}}
	}
	return out
}

func throughPlan(role string, regions ...string) Plan {
	p := thePlan()
	p.Targets = nil
	for _, region := range regions {
		p.Targets = append(p.Targets, inventory.Target{AccountID: own.AccountID, AccountName: "production", Region: region, Role: role})
	}
	return p
}

const (
	throughReady = `cognito_ses_pool_ready{account_id="111122223333",region="eu-central-1"`
	irelandName  = `cognito_ses_account_sandbox{account_id="111122223333",account_name=%q,region="eu-west-1"}`
)

func inIreland(t inventory.Target) bool { return t.Region == "eu-west-1" }

// TestSESRegionsComeAndGo checks that an SES region is read, with the account's
// role, as long as a pool leads there, and leaves nothing behind.
func TestSESRegionsComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &through{}
		rec := &recorder{Reader: r}
		p := throughPlan("arn:aws:iam::111122223333:role/reader", "eu-central-1", "us-east-1")
		c := start(t, rec, p)
		<-c.Done()
		time.Sleep(time.Minute)
		if n := len(rec.reads(inIreland)); n != 0 || strings.Contains(scrape(t, c), "eu-west-1") {
			t.Fatalf("Ireland was read %d times without need", n)
		}
		goroutines := bubbleGoroutines(t)

		r.lead("eu-west-1")
		time.Sleep(time.Minute + 30*time.Second)
		got := scrape(t, c)
		if value(got, throughReady) != "1" || value(got, fmt.Sprintf(irelandName, "production")) != "0" {
			t.Errorf("the verdict through Ireland is %q: %s", value(got, throughReady), lines(got, "eu-west-1"))
		}
		if n := value(got, `cognito_ses_exporter_targets{state="read"}`); n != "2" {
			t.Errorf("%s targets, want those that are planned", n)
		}
		for _, read := range rec.reads(inIreland) {
			if !read.SESOnly || read.Role != p.Targets[0].Role || fmt.Sprint(read.Identities) != "[example.com]" || read.AccountName != "production" {
				t.Errorf("read as %+v", read)
			}
		}
		if n := bubbleGoroutines(t); n != goroutines+1 {
			t.Errorf("%d goroutines, %d before a pool led to Ireland", n, goroutines)
		}

		r.lead("us-east-1")
		time.Sleep(time.Minute + 30*time.Second)
		before := len(rec.reads(inIreland))
		if got = scrape(t, c); strings.Contains(got, "eu-west-1") || value(got, throughReady) != "1" {
			t.Errorf("ready %q, although no pool leads to Ireland any more there is %s", value(got, throughReady), lines(got, "eu-west-1"))
		}
		time.Sleep(3 * time.Minute)
		if n := len(rec.reads(inIreland)); n != before || before == 0 {
			t.Errorf("Ireland was read %d times without need", n-before)
		}
		if n := bubbleGoroutines(t); n != goroutines {
			t.Errorf("%d goroutines, %d before a pool led to Ireland", n, goroutines)
		}
	})
}

// TestSESRegionIsReadAgainAtOnce has a pool send through a configured region that
// was read before that was known, in a start in which everything is read for the
// first time.
func TestSESRegionIsReadAgainAtOnce(t *testing.T) {
	const s = time.Second
	for name, tt := range map[string]struct {
		first    time.Duration // how long the first pass over Ireland takes
		known    bool          // the list says all of the identity
		never    bool          // it is not even known once it was asked for
		panics   bool          // of the pass that was asked for it
		set      bool          // it is a configuration set that is to be known
		own      bool          // it is a pool of Ireland that leads there
		want     []time.Duration
		verified string // the pool's verdict after 20 seconds
	}{
		"read before":               {want: []time.Duration{0, 10*s + s/20, 60 * s, 120 * s}, verified: "1"},
		"still being read":          {first: 15 * s, want: []time.Duration{0, 15 * s, 60 * s, 120 * s}, verified: "1"},
		"a set":                     {set: true, want: []time.Duration{0, 10*s + s/20, 60 * s, 120 * s}},
		"known from the list":       {known: true, want: []time.Duration{0, 60 * s, 120 * s}, verified: "1"},
		"never known":               {never: true, want: []time.Duration{0, 10*s + s/20, 60 * s, 120 * s}},
		"panics":                    {panics: true, want: []time.Duration{0, 10*s + s/20, 60 * s, 120 * s}},
		"only its own pool asks it": {own: true, never: true, want: []time.Duration{0, 60 * s, 120 * s}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var mu sync.Mutex
				var reads []time.Duration
				c := start(t, passReader(func(_ context.Context, in inventory.Target, prev *inventory.Reading) inventory.Reading {
					now := time.Now()
					r := inventory.Reading{Target: in, Start: now, PoolsListed: now, IdentitiesListed: now, SES: facts(now).SES}
					home := "eu-central-1"
					if tt.own {
						home = "eu-west-1"
					}
					if in.Region == home {
						e := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:" + in.AccountID + ":identity/example.com", From: "a@example.com"}
						if tt.set {
							e.ConfigurationSet = "login"
						}
						r.Pools = []inventory.UserPool{{ID: home + "_own", Name: "own", Listed: now, Confirmed: now, Settings: &inventory.Settings{Described: now, Sender: inventory.NewSender(in.Key(), e)}}}
					}
					if in.Region == "eu-central-1" {
						time.Sleep(10 * time.Second)
					} else {
						mu.Lock()
						reads = append(reads, now.Sub(began))
						mu.Unlock()
						asked := len(in.Identities) > 0
						if asked && tt.panics {
							panic("no")
						}
						if prev == nil {
							time.Sleep(tt.first)
						}
						i := inventory.Identity{Name: "example.com", Confirmed: now, SendingEnabled: inventory.Yes, Details: plain, Detailed: now}
						if tt.known || tt.set || asked && !tt.never {
							i.Verified = inventory.Yes
						}
						r.Identities = []inventory.Identity{i}
					}
					r.End = time.Now()
					return r
				}), throughPlan("", "eu-west-1", "eu-central-1"))
				time.Sleep(20 * time.Second)
				if got := value(scrape(t, c), throughReady); got != tt.verified {
					t.Errorf("ready %q after 20s, want %q", got, tt.verified)
				}
				time.Sleep(101 * time.Second)
				mu.Lock()
				defer mu.Unlock()
				if fmt.Sprint(reads) != fmt.Sprint(tt.want) {
					t.Errorf("Ireland was read at %v, want %v", reads, tt.want)
				}
			})
		})
	}
}

// bubbleGoroutines counts the goroutines that run the collector.
func bubbleGoroutines(t *testing.T) int {
	t.Helper()
	synctest.Wait()
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return bytes.Count(stacks, []byte("(*Collector).schedule("))
}

// TestSESRegionFollowsTheAccount checks that the region is read with the role
// and shown with the name that a reload brings, and once only.
func TestSESRegionFollowsTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &through{home: "eu-west-1"}
		rec := &recorder{Reader: r}
		c := start(t, rec, throughPlan("old", "eu-central-1", "us-east-1"))
		time.Sleep(30 * time.Second)
		p := throughPlan("old", "eu-central-1", "us-east-1")
		p.Targets[1].Role = "new" // The one that the region's role is taken from.
		for i := range p.Targets {
			p.Targets[i].AccountName = "renamed"
		}
		apply(t, c, p)
		time.Sleep(time.Minute)
		got := scrape(t, c)
		if value(got, fmt.Sprintf(irelandName, "renamed")) != "0" || strings.Contains(got, `"production"`) || value(got, throughReady) != "1" || value(got, ownInternal) != "" {
			t.Errorf("after the reload: ready %q, %s", value(got, throughReady), lines(got, "account_name")+lines(got, "exporter_target_error"))
		}
		if n := bubbleGoroutines(t); n != 3 {
			t.Errorf("%d targets are read, want 3", n)
		}
		all := rec.reads(inIreland)
		if last := all[len(all)-1]; last.Role != "new" || !last.SESOnly {
			t.Errorf("read as %+v", last)
		}
	})
}

// TestSESRegionBecomesATarget has reloads configure the region, and take it out
// again.
func TestSESRegionBecomesATarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &through{home: "eu-west-1"}
		rec := &recorder{Reader: r}
		few, all := throughPlan("", "eu-central-1"), throughPlan("", "eu-central-1", "eu-west-1")
		c := start(t, rec, few)
		time.Sleep(30 * time.Second)
		for _, tt := range []struct {
			plan    Plan
			sesOnly bool
		}{{all, false}, {few, true}} {
			before := len(rec.reads(inIreland))
			apply(t, c, tt.plan)
			time.Sleep(time.Second)
			now := rec.reads(inIreland)[before:]
			if len(now) != 1 || now[0].SESOnly != tt.sesOnly {
				t.Errorf("with %d targets, Ireland was read as %+v", len(tt.plan.Targets), now)
			}
			got := scrape(t, c)
			if n := value(got, `cognito_ses_exporter_targets{state="read"}`); n != strconv.Itoa(len(tt.plan.Targets)) || value(got, throughReady) != "1" || value(got, ownInternal) != "" {
				t.Errorf("%s targets read, want %d; ready %q, %s", n, len(tt.plan.Targets), value(got, throughReady), lines(got, "exporter_target_error"))
			}
		}
		if n := bubbleGoroutines(t); n != 2 {
			t.Errorf("%d targets are read, want 2", n)
		}
	})
}

// TestWatchedIdentities has a pool that is kept from sending by the details of
// its identity: the next pass is told to look at them, until they are well.
func TestWatchedIdentities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rejects := &inventory.IdentityDetails{MailFrom: inventory.MailFrom{Domain: "m.example.com", Status: "FAILED", RejectOnFailure: inventory.Yes}}
		passes := 0
		rec := &recorder{Reader: passReader(func(_ context.Context, target inventory.Target, _ *inventory.Reading) inventory.Reading {
			r := facts(time.Now())
			r.Target, r.Start, r.End = target, time.Now(), time.Now()
			if passes++; passes < 3 {
				r.Identities[1].Details = rejects
			}
			return r
		})}
		start(t, rec, thePlan())
		time.Sleep(4*time.Minute + time.Second)
		var watched []string
		for _, read := range rec.reads(inIreland) {
			watched = append(watched, fmt.Sprint(read.Watched))
		}
		if want := []string{"[]", "[example.com]", "[example.com]", "[]", "[]"}; !slices.Equal(watched, want) {
			t.Errorf("watched %q, want %q", watched, want)
		}
	})
}
