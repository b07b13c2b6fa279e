package collector

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// world is a Reader of many accounts: in each target the same facts, but for
// the send quota, of which one e-mail more is used with every pass.
type world struct {
	mu     sync.Mutex
	reads  map[inventory.Key][]time.Time // when each pass began
	change map[string]func(context.Context, *inventory.Reading)
}

// with changes how an account is read, nil not at all.
func (w *world) with(account string, change func(context.Context, *inventory.Reading)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.change == nil {
		w.change = map[string]func(context.Context, *inventory.Reading){}
	}
	w.change[account] = change
}

// passes returns how often the account's target was read.
func (w *world) passes(account string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.reads[inventory.Key{AccountID: account, Region: "eu-west-1"}])
}

// first returns when the first pass over the target after t began.
func (w *world) first(target inventory.Target, t time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, began := range w.reads[target.Key()] {
		if began.After(t) {
			return began
		}
	}
	return time.Time{}
}

func (w *world) Read(ctx context.Context, t inventory.Target, _ *inventory.Reading) inventory.Reading {
	now := time.Now()
	w.mu.Lock()
	if w.reads == nil {
		w.reads = map[inventory.Key][]time.Time{}
	}
	w.reads[t.Key()] = append(w.reads[t.Key()], now)
	used, change := len(w.reads[t.Key()]), w.change[t.AccountID]
	w.mu.Unlock()

	r := facts(now)
	for i := range r.Pools {
		if s := r.Pools[i].Settings; s != nil {
			s.Sender = inventory.NewSender(t.Key(), inventory.EmailConfiguration{
				Mode: s.Mode, From: s.From, CustomSender: s.CustomSender,
				SourceARN: strings.NewReplacer("111122223333", t.AccountID, "eu-west-1", t.Region).Replace(s.SourceARN),
			})
		}
	}
	r.SES.Quota = inventory.SendQuota(50000, float64(used))
	r.Target, r.Start, r.End = t, now, now
	r.Outcomes = []inventory.Outcome{{API: inventory.APICognito, LastSuccess: now}}
	if change != nil {
		change(ctx, &r)
	}
	return r
}

// accounts returns a plan of n accounts in eu-west-1.
func accounts(n int) Plan {
	p := thePlan()
	p.Targets = nil
	for i := range n {
		p.Targets = append(p.Targets, inventory.Target{AccountID: fmt.Sprintf("10000000000%d", i), AccountName: fmt.Sprint("account ", i), Region: "eu-west-1"})
	}
	return p
}

// value returns the value of the only series that begins with the text, empty
// when there is none.
func value(exposition, series string) string {
	for line := range strings.SplitSeq(exposition, "\n") {
		if rest, ok := strings.CutPrefix(line, series); ok {
			return rest[strings.LastIndexByte(rest, ' ')+1:]
		}
	}
	return ""
}

// safeBuffer is a buffer that goroutines may share.
type safeBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// TestAnAccountInTroubleIsAlone has one account of five bring what cannot be
// published, or panic.
func TestAnAccountInTroubleIsAlone(t *testing.T) {
	const (
		bad  = "100000000004"
		good = "100000000001"
	)
	for name, tt := range map[string]struct {
		change func(context.Context, *inventory.Reading)
		says   string // in the log
		step   string // likewise
		counts string // failures to publish; a pass that panics brings nothing to publish
	}{
		"a pool twice": {func(_ context.Context, r *inventory.Reading) { r.Pools = append(r.Pools, r.Pools[len(r.Pools)-1]) }, "cognito_ses_pool_", "step=render", "1"},
		"no number":    {func(_ context.Context, r *inventory.Reading) { r.SES.Quota.Used = math.NaN() }, "NaN", "step=render", "1"},
		"a panic":      {func(context.Context, *inventory.Reading) { panic("out of range") }, "out of range", "step=read", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, registry := &world{}, prometheus.NewRegistry()
				self := NewSelf(registry, false, nil)
				var log safeBuffer
				c := run(t, Options{Reader: w, Self: self, Logger: slog.New(slog.NewTextHandler(&log, nil))}, accounts(5))
				<-c.Done()
				failures := func(account string) string {
					return value(served(t, c.Exposition, registry), fmt.Sprintf("cognito_ses_exporter_publish_failures_total{account_id=%q}", account))
				}
				if n := failures(bad); n != "0" {
					t.Errorf("%q failures before any trouble", n)
				}
				w.with(bad, tt.change)
				last := time.Now() // of the confirmation of the bad account's facts, or a little later
				time.Sleep(70 * time.Second)

				ready := func(account string) string {
					return fmt.Sprintf(`cognito_ses_pool_ready{account_id=%q,region="eu-west-1",user_pool_id="eu-west-1_own"}`, account)
				}
				used := fmt.Sprintf(`cognito_ses_account_send_quota_used{account_id=%q,region="eu-west-1"}`, good)
				internal := func(account string) string {
					return fmt.Sprintf(`cognito_ses_exporter_target_error{account_id=%q,api="exporter",class="internal",region="eu-west-1"}`, account)
				}
				got := scrape(t, c)
				if !c.Ready() || value(got, used) != "2" || value(got, ready(good)) != "1" || value(got, internal(good)) != "" {
					t.Errorf("another account: used %q, ready %q, internal %q", value(got, used), value(got, ready(good)), value(got, internal(good)))
				}
				if value(got, ready(bad)) != "1" || value(got, internal(bad)) != "1" {
					t.Errorf("the account: ready %q, internal %q", value(got, ready(bad)), value(got, internal(bad)))
				}
				for _, part := range []string{tt.says, "account_id=" + bad, "region=eu-west-1", tt.step} {
					if !strings.Contains(log.String(), part) {
						t.Errorf("the log lacks %q: %s", part, log.String())
					}
				}
				if n := strings.Count(log.String(), "\n"); n != 1 || strings.Contains(log.String(), "account_id="+good) {
					t.Errorf("the log has %d lines: %s", n, log.String())
				}
				if stack := strings.Contains(log.String(), "stack="); stack != (name == "a panic") {
					t.Errorf("the log has a stack: %v", stack)
				}
				if n := failures(bad); n != tt.counts {
					t.Errorf("%q failures to publish, want %s", n, tt.counts)
				}
				if n := failures(good); n != "0" {
					t.Errorf("%q failures of another account", n)
				}

				time.Sleep(time.Until(last.Add(3*time.Minute - 5*time.Second)))
				if value(scrape(t, c), ready(bad)) != "1" {
					t.Error("the last facts ended before they were stale")
				}
				time.Sleep(12 * time.Second)
				if got = scrape(t, c); value(got, ready(bad)) != "" || value(got, internal(bad)) != "1" || value(got, ready(good)) != "1" {
					t.Errorf("when they are stale: ready %q, internal %q; another account's ready %q", value(got, ready(bad)), value(got, internal(bad)), value(got, ready(good)))
				}
				lines := strings.Count(log.String(), "\n")
				time.Sleep(5 * time.Minute)
				if more := strings.Count(log.String(), "\n") - lines; more > 0 {
					t.Errorf("the same trouble is logged %d times more", more)
				}

				w.with(bad, nil)
				time.Sleep(70 * time.Second)
				if got = scrape(t, c); value(got, ready(bad)) != "1" || value(got, internal(bad)) != "" {
					t.Errorf("afterwards: ready %q, internal %q", value(got, ready(bad)), value(got, internal(bad)))
				}
			})
		})
	}
}

// TestHangingTargetHoldsNobodyUp has one of five accounts hang from the start.
func TestHangingTargetHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(5)
		p.ReadyAfter = 20 * time.Second
		w.with("100000000004", hang)
		began := time.Now()
		c := start(t, w, p)
		<-c.Done()
		if waited := time.Since(began); waited < p.ReadyAfter || waited > p.ReadyAfter+time.Second {
			t.Errorf("ready after %s, want %s", waited, p.ReadyAfter)
		}
		states := func() string {
			got := scrape(t, c)
			of := func(state string) string {
				return value(got, fmt.Sprintf("cognito_ses_exporter_targets{state=%q}", state))
			}
			return of("read") + " " + of("pending") + " " + of("failing")
		}
		if got := states(); got != "4 1 0" {
			t.Errorf("read, pending, failing: %s", got)
		}
		time.Sleep(p.Timeout)
		if got := states(); got != "4 0 1" {
			t.Errorf("after its time-out: read, pending, failing: %s", got)
		}
		// One as soon as possible, one to reach its own time in the interval, one an interval later.
		if n := w.passes("100000000001"); n != 3 {
			t.Errorf("another account was read %d times in %s", n, time.Since(began))
		}
	})
}

// TestNothingNewPublishesNothing counts the publications of a quiet estate:
// after a pass comes one that shows its time, and none besides.
func TestNothingNewPublishesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &source{facts: facts}, thePlan())
		<-c.Done()
		seen, last := 0, c.published.Load()
		for end := time.Now().Add(10*time.Minute + time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if now := c.published.Load(); now != last {
				seen, last = seen+1, now
			}
		}
		if seen != 10 {
			t.Errorf("%d publications in 10 intervals", seen)
		}
	})
}
