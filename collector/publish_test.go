package collector

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

const (
	lastSuccess = `cognito_ses_exporter_target_last_success_timestamp_seconds{account_id="111122223333",api="cognito-idp",region="eu-west-1"}`
	ownInternal = `cognito_ses_exporter_target_error{account_id="111122223333",api="exporter",class="internal",region="eu-west-1"}`
)

// TestQuietPassKeepsTheFacts checks that a pass with the same facts renews only
// what is said of the pass, and that any other renews both.
func TestQuietPassKeepsTheFacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same := quiet()
		var change atomic.Pointer[func(*inventory.Reading)]
		c := start(t, readerFunc(func(target inventory.Target) inventory.Reading {
			now := time.Now()
			r := same(now)
			r.Target, r.Start, r.End = target, now, now
			r.Outcomes = []inventory.Outcome{{API: inventory.APICognito, LastSuccess: now}}
			if f := change.Load(); f != nil {
				(*f)(&r)
			}
			return r
		}), thePlan())
		<-c.Done()
		before, success := pieceOf(c, own.AccountID), value(scrape(t, c), lastSuccess)
		time.Sleep(time.Minute + time.Second)
		after := pieceOf(c, own.AccountID)
		if after.facts != before.facts || after.result != before.result {
			t.Error("the same facts were judged and rendered anew")
		}
		if now := value(scrape(t, c), lastSuccess); after.passes == before.passes || now == success || now == "" {
			t.Errorf("the last success is still %s, before %s", now, success)
		}
		for name, f := range map[string]func(*inventory.Reading){
			"a fact":    func(r *inventory.Reading) { r.SES.MaxSendRate = 7 },
			"a failure": func(r *inventory.Reading) { r.Outcomes[0].Class = inventory.Denied },
		} {
			change.Store(nil)
			time.Sleep(time.Minute)
			before = pieceOf(c, own.AccountID)
			change.Store(&f)
			time.Sleep(time.Minute)
			if after = pieceOf(c, own.AccountID); after.facts == before.facts {
				t.Errorf("%s changed, and nothing was judged anew", name)
			}
		}
	})
}

// TestOnlyMomentsPublish counts the publications of two hours in which no
// target is read: the quota's reset and the end of the facts, to the second.
func TestOnlyMomentsPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := thePlan()
		p.Interval, p.StaleAfter, p.ReadyAfter = 10*time.Hour, 90*time.Minute, 30*time.Minute
		p.Quota = inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: 9 * time.Hour}
		time.Sleep(8 * time.Hour)
		var confirmed time.Time
		s := &source{facts: func(now time.Time) inventory.Reading {
			confirmed = now
			return facts(now)
		}}
		c := start(t, s, p)
		<-c.Done()
		time.Sleep(time.Minute) // The target has reached its time in the interval.
		want := []time.Time{time.Date(2000, 1, 1, 9, 0, 0, 0, time.UTC), confirmed.Add(p.StaleAfter)}
		got := publications(c, 2*time.Hour)
		if len(got) != len(want) {
			t.Fatalf("published at %v, want %v", got, want)
		}
		for i, at := range got {
			if late := at.Sub(want[i]); late < 0 || late > time.Second {
				t.Errorf("published at %s, want %s", at, want[i])
			}
		}
	})
}

// TestFactsEndToTheSecond checks the moment at which facts are stale, although
// no target is read then.
func TestFactsEndToTheSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := thePlan()
		p.Interval, p.StaleAfter = 10*time.Hour, 7*time.Minute
		var confirmed time.Time
		c := start(t, &source{facts: func(now time.Time) inventory.Reading {
			confirmed = now
			return facts(now)
		}}, p)
		<-c.Done()
		time.Sleep(time.Until(confirmed.Add(p.StaleAfter)))
		if got := value(scrape(t, c), readySeries(own.AccountID)); got != "1" {
			t.Errorf("ready is %q when the facts are as old as they may be", got)
		}
		time.Sleep(time.Second)
		if got := value(scrape(t, c), readySeries(own.AccountID)); got != "" {
			t.Errorf("ready is %q a second later", got)
		}
	})
}

// TestExemptionExpiresAtMidnight checks that the finding is there to the
// second, although no target is read then.
func TestExemptionExpiresAtMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, err := rules.Load(rules.Options{}, rules.File{Name: "test.yaml", Data: []byte(`
rules:
  - {id: any, severity: info, for_each: pool, summary: A pool, remedy: None., when: pool.name == "own"}
exemptions:
  - {rule: any, reason: For now., until: 2000-01-01}
`)})
		if err != nil {
			t.Fatal(err)
		}
		p := thePlan()
		p.Interval, p.StaleAfter, p.Rules = 50*time.Hour, 50*time.Hour, set
		p.Quota.Reset = 5 * time.Hour // not at midnight
		var log safeBuffer
		c := run(t, Options{Reader: &source{facts: facts}, Logger: slog.New(slog.NewTextHandler(&log, nil))}, p)
		const (
			finding = `cognito_ses_finding{account_id="111122223333",cause="pool/eu-west-1/eu-west-1_own",identity="",region="eu-west-1",rule="any"`
			expired = `cognito_ses_rule_exemptions{rule="any",state="expired"}`
			notice  = "An exemption has expired"
		)
		time.Sleep(24*time.Hour - time.Second)
		if got := scrape(t, c); value(got, finding) != "" || value(got, expired) != "0" || strings.Contains(log.String(), notice) {
			t.Errorf("a second before: finding %q, expired %q, log %s", value(got, finding), value(got, expired), log.String())
		}
		time.Sleep(time.Second + time.Millisecond)
		if got := scrape(t, c); value(got, finding) != "1" || value(got, expired) != "1" {
			t.Errorf("at midnight: finding %q, expired %q", value(got, finding), value(got, expired))
		}
		time.Sleep(40 * time.Hour)
		if n := strings.Count(log.String(), notice); n != 1 {
			t.Errorf("the log says %d times that it has expired: %s", n, log.String())
		}
	})
}

// TestTroubleAfterQuiet checks that the last facts of an account that has not
// changed for an hour stay as long as those of one that has.
func TestTroubleAfterQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		same := quiet()
		var trouble atomic.Bool
		var good atomic.Pointer[time.Time] // when the last right facts were confirmed
		s := &source{facts: func(now time.Time) inventory.Reading {
			r := same(now)
			if trouble.Load() {
				r.SES.Quota.Used = math.NaN()
			} else {
				good.Store(&now)
			}
			return r
		}}
		p := thePlan()
		c := start(t, s, p)
		time.Sleep(time.Hour + time.Second)
		trouble.Store(true)
		time.Sleep(time.Until(good.Load().Add(p.StaleAfter)))
		if got := scrape(t, c); value(got, readySeries(own.AccountID)) != "1" || value(got, ownInternal) != "1" {
			t.Errorf("%s after the last right facts: ready %q, internal %q", time.Since(*good.Load()), value(got, readySeries(own.AccountID)), value(got, ownInternal))
		}
		time.Sleep(time.Second)
		if got := scrape(t, c); value(got, readySeries(own.AccountID)) != "" || value(got, ownInternal) != "1" {
			t.Errorf("%s after the last right facts: ready %q, internal %q", time.Since(*good.Load()), value(got, readySeries(own.AccountID)), value(got, ownInternal))
		}
	})
}

// TestFilterThatPanics has a function of the plan panic for one of five
// accounts, while it is rendered.
func TestFilterThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bad, good = "100000000004", "100000000001"
		registry := prometheus.NewRegistry()
		var log safeBuffer
		w, p := &world{}, accounts(5)
		p.AllIdentities = true
		w.with(bad, func(_ context.Context, r *inventory.Reading) {
			r.Identities = append(r.Identities, inventory.Identity{Name: "zzz.example", Confirmed: r.Start})
		})
		c := run(t, Options{Reader: w, Self: NewSelf(registry, false, nil), Logger: slog.New(slog.NewTextHandler(&log, nil))}, p)
		<-c.Done()
		broken := p
		broken.ShowIdentity = func(name string) bool {
			if name == "zzz.example" {
				panic("the filter of " + name)
			}
			return true
		}
		apply(t, c, broken)
		got := served(t, c.Exposition, registry)
		internal := func(account string) string {
			return value(got, fmt.Sprintf(`cognito_ses_exporter_target_error{account_id=%q,api="exporter",class="internal",region="eu-west-1"}`, account))
		}
		failures := func(account string) string {
			return value(got, fmt.Sprintf("cognito_ses_exporter_publish_failures_total{account_id=%q}", account))
		}
		if value(got, readySeries(bad)) != "1" || internal(bad) != "1" || failures(bad) != "1" {
			t.Errorf("ready %q, internal %q, failures %q", value(got, readySeries(bad)), internal(bad), failures(bad))
		}
		if internal(good) != "" || failures(good) != "0" {
			t.Errorf("another account: internal %q, failures %q", internal(good), failures(good))
		}
		for _, part := range []string{"account_id=" + bad, "region=eu-west-1", "step=render", "the filter of", "stack=", "shown("} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("the log lacks %q: %s", part, log.String())
			}
		}
		apply(t, c, p)
		if got = served(t, c.Exposition, registry); value(got, readySeries(bad)) != "1" || internal(bad) != "" || failures(bad) != "1" {
			t.Errorf("afterwards: ready %q, internal %q, failures %q", value(got, readySeries(bad)), internal(bad), failures(bad))
		}
	})
}

// TestNothingWaitsForPublishing has one account's rendering take a minute.
func TestNothingWaitsForPublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := accounts(2)
		c := start(t, &world{}, p)
		<-c.Done()
		slow := p
		slow.ShowIdentity = func(string) bool {
			time.Sleep(time.Minute)
			return true
		}
		if err := c.Apply(slow); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		began, before := time.Now(), c.Exposition()
		if got := scrape(t, c); value(got, readySeries(p.Targets[0].AccountID)) != "1" {
			t.Errorf("a scrape meanwhile lacks facts: %s", lines(got, "cognito_ses_pool_ready"))
		}
		if err := c.Apply(p); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited != 0 || c.Exposition() != before {
			t.Errorf("a scrape and a reload took %s", waited)
		}
	})
}

// TestScrapesBesidePublishing scrapes from many goroutines while every account
// is published anew many times. It is one for the race detector.
func TestScrapesBesidePublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := accounts(5)
		p.Interval = 300 * time.Millisecond
		c := start(t, &world{}, p)
		<-c.Done()
		before := c.published.Load()
		var scrapers sync.WaitGroup
		for i := range 4 {
			scrapers.Go(func() {
				for range 20 {
					time.Sleep(time.Duration(i+1) * 37 * time.Millisecond)
					got := scrape(t, c)
					for _, target := range p.Targets {
						if value(got, readySeries(target.AccountID)) != "1" {
							t.Errorf("a scrape lacks account %s", target.AccountID)
						}
					}
					for r := range c.View().Readings() {
						_ = r.Target
					}
				}
			})
		}
		scrapers.Wait()
		if c.published.Load() == before {
			t.Error("nothing was published meanwhile")
		}
	})
}

// TestFactsThatComeBackMeanwhile has a pass bring facts back while the account
// is published without them, since they have just ended.
func TestFactsThatComeBackMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ireland, virginia := &source{facts: quiet()}, &source{facts: quiet()}
		p := throughPlan("", "eu-west-1", "us-east-1")
		p.StaleAfter = 3*time.Minute - publishPause
		var slow, down atomic.Bool
		p.ShowIdentity = func(string) bool {
			if slow.Load() {
				time.Sleep(time.Second)
			}
			return true
		}
		p.AllIdentities = true
		c := start(t, passReader(func(ctx context.Context, target inventory.Target, prev *inventory.Reading) inventory.Reading {
			if target.Region == "us-east-1" {
				r := virginia.Read(ctx, target, prev)
				r.Pools = nil
				return r
			}
			r := ireland.Read(ctx, target, prev)
			if down.Load() {
				denied(prev)(ctx, &r)
			}
			return r
		}), p)
		time.Sleep(time.Minute + 30*time.Second)
		confirmed := reading(c, own.AccountID).PoolsListed
		down.Store(true)
		time.Sleep(time.Until(confirmed.Add(p.StaleAfter - time.Second)))
		down.Store(false)
		slow.Store(true) // The facts end, and the next pass is over before they are published so.
		time.Sleep(1100 * time.Millisecond)
		slow.Store(false)
		time.Sleep(2 * time.Second)
		if next := reading(c, own.AccountID); !next.Start.Equal(confirmed.Add(3 * time.Minute)) {
			t.Fatalf("the last pass was at %s", next.Start)
		}
		if got := value(scrape(t, c), readySeries(own.AccountID)); got != "1" {
			t.Errorf("ready is %q although the facts are back", got)
		}
	})
}
