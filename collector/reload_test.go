package collector

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// denied is a pass in which AWS refused everything: what was known stays, with
// the time of its confirmation.
func denied(prev *inventory.Reading) func(context.Context, *inventory.Reading) {
	return func(_ context.Context, r *inventory.Reading) {
		kept := *prev
		kept.Start, kept.End = r.Start, r.End
		kept.Outcomes = []inventory.Outcome{{API: inventory.APICognito, Class: inventory.Denied, Message: "AccessDenied"}}
		*r = kept
	}
}

// reading returns what is known of the account's only target.
func reading(c *Collector, account string) *inventory.Reading {
	for r := range c.View().Readings() {
		if r.Target.AccountID == account {
			return r
		}
	}
	return nil
}

func readySeries(account string) string {
	return fmt.Sprintf(`cognito_ses_pool_ready{account_id=%q,region="eu-west-1",user_pool_id="eu-west-1_own"}`, account)
}

// TestReloadDuringAnOutage checks that facts of an account that cannot be read
// outlive reloads, and no longer than without them.
func TestReloadDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const account = "100000000002"
		w, p := &world{}, accounts(5)
		c := start(t, w, p)
		<-c.Done()
		time.Sleep(30 * time.Second) // Every target has reached its time in the interval.
		last := reading(c, account)
		confirmed := last.SES.Confirmed
		w.with(account, denied(last))
		for time.Since(confirmed) < p.StaleAfter-time.Second {
			time.Sleep(20 * time.Second)
			if time.Since(confirmed) >= p.StaleAfter {
				break
			}
			if err := c.Apply(p); err != nil {
				t.Fatal(err)
			}
			time.Sleep(publishPause + time.Millisecond)
			if got := scrape(t, c); value(got, readySeries(account)) != "1" {
				t.Fatalf("the facts ended %s after their confirmation", time.Since(confirmed))
			}
		}
		time.Sleep(time.Until(confirmed.Add(p.StaleAfter + time.Second)))
		if got := scrape(t, c); value(got, readySeries(account)) != "" || value(got, readySeries("100000000001")) != "1" {
			t.Errorf("when they are stale: ready %q, of another account %q", value(got, readySeries(account)), value(got, readySeries("100000000001")))
		}
	})
}

// TestReloadChangesAccounts takes an account out and puts another one in.
func TestReloadChangesAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const out, in, stays = "100000000001", "100000000004", "100000000002"
		w, all := &world{}, accounts(5)
		p := all
		p.Targets = all.Targets[:4]
		c := start(t, w, p)
		<-c.Done()
		time.Sleep(46 * time.Second) // Every target has reached its time in the interval; none is due soon.
		before := map[string]int{}
		for _, target := range all.Targets {
			before[target.AccountID] = w.passes(target.AccountID)
		}
		p.Targets = []inventory.Target{all.Targets[0], all.Targets[2], all.Targets[3], all.Targets[4]}
		if err := c.Apply(p); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		got := scrape(t, c)
		if strings.Contains(got, out) {
			t.Errorf("series of the account that is gone: %s", got)
		}
		if value(got, readySeries(in)) != "1" || value(got, readySeries(stays)) != "1" {
			t.Errorf("ready: of the new account %q, of another one %q", value(got, readySeries(in)), value(got, readySeries(stays)))
		}
		for _, target := range all.Targets {
			want := 0
			if target.AccountID == in {
				want = 1
			}
			if n := w.passes(target.AccountID) - before[target.AccountID]; n != want {
				t.Errorf("%s was read %d times for the reload, want %d", target.AccountID, n, want)
			}
		}
		time.Sleep(2 * time.Minute)
		if n := w.passes(out) - before[out]; n != 0 {
			t.Errorf("the account that is gone was read %d times", n)
		}
		if n := w.passes(stays) - before[stays]; n != 2 {
			t.Errorf("an account that stays was read %d times in two intervals", n)
		}
	})
}

// TestReloadsWhileAnAccountHangs reloads every three seconds.
func TestReloadsWhileAnAccountHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(5)
		p.Interval, p.Timeout, p.StaleAfter = 10*time.Second, 10*time.Second, 30*time.Second
		c := start(t, w, p)
		<-c.Done()
		w.with("100000000004", hang)
		before := w.passes("100000000001")
		for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(3 * time.Second) {
			if err := c.Apply(p); err != nil {
				t.Fatal(err)
			}
			for _, wait := range []time.Duration{0, publishPause + time.Millisecond} {
				time.Sleep(wait)
				got := scrape(t, c)
				for _, account := range []string{"100000000000", "100000000001", "100000000002", "100000000003"} {
					if value(got, readySeries(account)) != "1" {
						t.Fatalf("%s after the first reload, the facts of %s are gone", time.Since(began), account)
					}
				}
			}
		}
		if n := w.passes("100000000001") - before; n < 5 || n > 7 {
			t.Errorf("another account was read %d times in a minute of reloads, at an interval of %s", n, p.Interval)
		}
	})
}

// TestManyReloads checks that they leave nothing behind.
func TestManyReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, all := &world{}, accounts(2)
		c := start(t, w, all)
		<-c.Done()
		few := all
		few.Targets = all.Targets[:1]
		after := func() (goroutines, series int) {
			if err := c.Apply(all); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			return runtime.NumGoroutine(), strings.Count(scrape(t, c), "\n")
		}
		goroutines, series := after()
		for range 100 {
			for _, p := range []Plan{few, all} {
				if err := c.Apply(p); err != nil {
					t.Fatal(err)
				}
				time.Sleep(300 * time.Millisecond)
			}
		}
		// A few of the runtime and of other tests come and go; what reloads leave would be one for each.
		if g, s := after(); g > goroutines+20 || s != series {
			t.Errorf("after 200 reloads: %d goroutines and %d lines, before %d and %d", g, s, goroutines, series)
		}
	})
}

// TestNewRulesJudgeWhatIsKnown has a reload bring rules while nothing is read.
func TestNewRulesJudgeWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(1)
		c := start(t, w, p)
		<-c.Done()
		if got := scrape(t, c); strings.Contains(got, "cognito_ses_finding{") {
			t.Fatalf("findings without rules: %s", got)
		}
		passes := w.passes("100000000000")
		set, err := rules.Load(rules.Options{}, rules.Builtin()...)
		if err != nil {
			t.Fatal(err)
		}
		p.Rules = set
		if err := c.Apply(p); err != nil {
			t.Fatal(err)
		}
		time.Sleep(publishPause + time.Millisecond)
		if got := scrape(t, c); !strings.Contains(got, "cognito_ses_finding{") {
			t.Errorf("no findings by the new rules: %s", got)
		}
		if n := w.passes("100000000000"); n != passes {
			t.Errorf("the target was read %d times for new rules", n-passes)
		}
	})
}

// TestReloadEndsCounts checks that an account that is taken out leaves no count
// of its failures, and that one that comes later begins with 0.
func TestReloadEndsCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		all := accounts(3)
		p := all
		p.Targets = all.Targets[:2]
		c := run(t, Options{Reader: &world{}, Self: NewSelf(registry, false, nil), Logger: slog.New(slog.DiscardHandler)}, p)
		<-c.Done()
		counts := func() string {
			return lines(served(t, c.Exposition, registry), "publish_failures_total")
		}
		const series = `cognito_ses_exporter_publish_failures_total{account_id=%q} 0` + "\n"
		if got, want := counts(), fmt.Sprintf(series+series, "100000000000", "100000000001"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		p.Targets = all.Targets[1:]
		apply(t, c, p)
		if got, want := counts(), fmt.Sprintf(series+series, "100000000001", "100000000002"); got != want {
			t.Errorf("after the reload: %s, want %s", got, want)
		}
	})
}

// TestReloadChangesTheInterval checks when targets are read that the plans
// before and after have in common.
func TestReloadChangesTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(2)
		p.Interval, p.StaleAfter = 10*time.Minute, time.Hour
		c := start(t, w, p)
		<-c.Done()
		time.Sleep(6 * time.Minute) // Both have reached their time in the interval.
		last := map[string]time.Time{}
		for _, target := range p.Targets {
			last[target.AccountID] = reading(c, target.AccountID).Start
		}
		passes := func() string { return fmt.Sprint(w.passes(p.Targets[0].AccountID), w.passes(p.Targets[1].AccountID)) }
		if got := passes(); got != "1 2" {
			t.Fatalf("passes over the two: %s", got)
		}
		p.Interval = 8 * time.Minute
		apply(t, c, p)
		if got := passes(); got != "1 2" {
			t.Errorf("passes over the two right after the reload: %s", got)
		}
		time.Sleep(12 * time.Minute)
		for _, target := range p.Targets {
			if got := w.first(target, last[target.AccountID]).Sub(last[target.AccountID]); got != p.Interval {
				t.Errorf("account %s was read %s after the pass before the reload, want %s", target.AccountID, got, p.Interval)
			}
		}
		// What should have been read before is read at once, and once.
		before := w.passes(p.Targets[0].AccountID)
		p.Interval = 10 * time.Second
		apply(t, c, p)
		if n := w.passes(p.Targets[0].AccountID) - before; n != 1 {
			t.Errorf("%d passes at once, want 1", n)
		}
		time.Sleep(time.Minute)
		n := w.passes(p.Targets[0].AccountID)
		time.Sleep(time.Minute)
		if n = w.passes(p.Targets[0].AccountID) - n; n != 6 {
			t.Errorf("%d passes in a minute, want 6", n)
		}
	})
}

// TestShorterIntervalBeforeTheFirstSlot has a reload shorten the interval while
// a target waits for its time in the longer one.
func TestShorterIntervalBeforeTheFirstSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(2)
		p.Interval, p.Timeout = 10*time.Hour, time.Hour
		second := p.Targets[1].AccountID
		w.with(second, func(context.Context, *inventory.Reading) { time.Sleep(time.Minute) })
		c := start(t, w, p)
		time.Sleep(30 * time.Second)
		p.Interval = 5 * time.Minute
		apply(t, c, p) // The first pass over the second target is not over.
		time.Sleep(7 * time.Minute)
		if n := w.passes(second); n != 2 {
			t.Errorf("%d passes in 7 minutes, want 2", n)
		}
	})
}

// TestReloadChangesTheRole checks that a target is read anew with another role,
// and that nothing of the old reading stays until then.
func TestReloadChangesTheRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(2)
		rec := &recorder{Reader: w}
		c := start(t, rec, p)
		<-c.Done()
		time.Sleep(40 * time.Second)
		account, other := p.Targets[0].AccountID, p.Targets[1].AccountID
		w.with(account, hang)
		p.Targets = slices.Clone(p.Targets)
		p.Targets[0].Role = "arn:aws:iam::100000000000:role/other"
		passes := w.passes(other)
		apply(t, c, p)
		for line := range strings.Lines(lines(scrape(t, c), account)) {
			// An alert does not end for that, and the account is still to be read.
			if !strings.HasPrefix(line, "cognito_ses_problem_") && !strings.HasPrefix(line, "cognito_ses_exporter_account_info{") {
				t.Errorf("of the old reading there is %s", line)
			}
		}
		w.with(account, nil)
		time.Sleep(p.Timeout + p.Interval)
		if got := value(scrape(t, c), readySeries(account)); got != "1" {
			t.Errorf("ready is %q after it was read with the other role", got)
		}
		reads := rec.reads(func(target inventory.Target) bool { return target.AccountID == account })
		if n := len(reads); n < 2 || reads[n-1].Role != p.Targets[0].Role {
			t.Errorf("read as %+v", reads)
		}
		if n := w.passes(other) - passes; n > 2 {
			t.Errorf("the other account was read %d times", n)
		}
	})
}

// TestReloadChangesLabels checks that new labels and names are there at once,
// and that labels that cannot be leave the plan in force.
func TestReloadChangesLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := &world{}, accounts(1)
		c := start(t, w, p)
		<-c.Done()
		passes := w.passes(p.Targets[0].AccountID)
		info := func() string {
			return lines(scrape(t, c), `cognito_ses_pool_info{account_id="100000000000",account_name=`)
		}
		if got := info(); !strings.Contains(got, `tag_env="prod`) || !strings.Contains(got, `"account 0"`) {
			t.Fatalf("%s", got)
		}
		p.Targets = slices.Clone(p.Targets)
		p.Tags, p.Targets[0].AccountName = []TagLabel{{Tag: "env", Label: "tag_stage"}}, "renamed"
		apply(t, c, p)
		if got := info(); !strings.Contains(got, `tag_stage="prod`) || strings.Contains(got, "tag_env") || !strings.Contains(got, `"renamed"`) || strings.Contains(got, `"account 0"`) {
			t.Errorf("after the reload: %s", got)
		}
		if n := w.passes(p.Targets[0].AccountID); n != passes {
			t.Errorf("the target was read %d times for new labels", n-passes)
		}
		before := c.published.Load()
		for name, tags := range map[string][]TagLabel{
			"a duplicate":   {{Tag: "a", Label: "tag_a"}, {Tag: "b", Label: "tag_a"}},
			"a label taken": {{Tag: "a", Label: "region"}},
			"no label name": {{Tag: "a", Label: "tag-a"}},
		} {
			bad := accounts(3)
			bad.Tags = tags
			if err := c.Apply(bad); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		time.Sleep(10 * time.Second)
		if c.published.Load() != before {
			t.Errorf("a reload that failed was published: %s", info())
		}
		time.Sleep(time.Minute)
		if got := info(); !strings.Contains(got, `tag_stage="prod`) || w.passes("100000000001") != 0 {
			t.Errorf("the old plan is not in force: %s", got)
		}
	})
}
