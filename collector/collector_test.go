package collector

import (
	"bytes"
	"context"
	"flag"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// exposition renders what is published in the text format.
func exposition(t *testing.T, g prometheus.Gatherer) string {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return asText(t, families)
}

// familiesText renders the families of what is judged in the text format.
func familiesText(t *testing.T, o Options, j *rules.Judgement, families []Family) string {
	t.Helper()
	rendered, err := o.render(j, families)
	if err != nil {
		t.Fatal(err)
	}
	return asText(t, rendered)
}

func asText(t *testing.T, families []*dto.MetricFamily) string {
	t.Helper()
	var b bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// source is a Reader that brings facts, or a failure while it is down.
type source struct {
	down  atomic.Bool
	facts func(now time.Time) inventory.Reading
}

func (s *source) Read(_ context.Context, t inventory.Target, prev *inventory.Reading) inventory.Reading {
	now := time.Now()
	if !s.down.Load() {
		r := s.facts(now)
		r.Target, r.Start, r.End = t, now, now.Add(time.Second)
		r.Outcomes = []inventory.Outcome{{API: inventory.APICognito, LastSuccess: now}}
		return r
	}
	r := inventory.Reading{Target: t, Start: now, End: now}
	o := inventory.Outcome{API: inventory.APICognito, Class: inventory.Unavailable, Message: "gone"}
	if prev != nil {
		r.Pools, r.SES, r.Identities, r.IdentitiesListed = prev.Pools, prev.SES, prev.Identities, prev.IdentitiesListed
		before, _ := prev.Outcome(inventory.APICognito)
		o.LastSuccess = before.LastSuccess
	}
	r.Outcomes = []inventory.Outcome{o}
	return r
}

var own = inventory.Key{AccountID: "111122223333", Region: "eu-west-1"}

func facts(now time.Time) inventory.Reading {
	settings := func(e inventory.EmailConfiguration) *inventory.Settings {
		return &inventory.Settings{Described: now, Confirmed: now, Sender: inventory.NewSender(own, e), Tier: "ESSENTIALS", Tags: map[string]string{"env": "prod\xff"}}
	}
	const arn = "arn:aws:ses:eu-west-1:111122223333:identity/"
	return inventory.Reading{
		Pools: []inventory.UserPool{
			{ID: "eu-west-1_default", Name: `quotes " and \ <script>`, Listed: now, Settings: settings(inventory.EmailConfiguration{Mode: inventory.ModeDefault})},
			{ID: "eu-west-1_lambda", Name: "lambda", Listed: now, Settings: settings(inventory.EmailConfiguration{Mode: inventory.ModeDefault, CustomSender: true})},
			{ID: "eu-west-1_own", Name: "own", Listed: now, Settings: settings(inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: arn + "example.com", From: "a@example.com"})},
			{ID: "eu-west-1_pending", Name: "pending", Listed: now, Settings: settings(inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: arn + "a@example.org"})},
			{ID: "eu-west-1_undescribed", Name: "undescribed", Listed: now},
		},
		SES: &inventory.SESState{
			Confirmed: now, Sandbox: inventory.No, SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Review: "GRANTED",
			Quota: inventory.SendQuota(50000, 12500), MaxSendRate: 14,
		},
		PoolsListed:      now,
		IdentitiesListed: now,
		Identities: []inventory.Identity{
			{Name: "a@example.org", Confirmed: now, Status: "PENDING", Verified: inventory.No, SendingEnabled: inventory.No},
			{Name: "example.com", Confirmed: now, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes},
			{Name: "unused.example", Confirmed: now, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes},
		},
	}
}

func options() Options {
	return Options{
		Targets:  []inventory.Target{{AccountID: "111122223333", AccountName: "production", Region: "eu-west-1"}},
		Interval: time.Minute, Timeout: time.Minute, StaleAfter: 3 * time.Minute,
		Tags: []TagLabel{{Tag: "env", Label: "tag_env"}}, MaxIdentities: 1000,
		Logger: slog.New(slog.DiscardHandler),
	}
}

func TestExposition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := New(&source{facts: facts}, options())
		go func() { _ = c.Run(ctx) }()
		if c.Ready() {
			t.Error("ready before the first pass")
		}
		<-c.Done()
		got := exposition(t, c)
		cancel()
		synctest.Wait()

		const golden = "testdata/exposition.prom"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("the exposition differs from %s (rewrite with -update):\n%s", golden, got)
		}
		problems, err := promlint.New(strings.NewReader(got)).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("lint: %v %v", problems, err)
		}
	})
}

func TestFactsOutliveAWSUntilTheyAreStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &source{facts: facts}
		c := New(s, options())
		go func() { _ = c.Run(ctx) }()
		<-c.Done()
		const (
			ready = `cognito_ses_pool_ready{account_id="111122223333",region="eu-west-1",user_pool_id="eu-west-1_own"} 1`
			up    = `cognito_ses_exporter_target_up{account_id="111122223333",api="cognito-idp",region="eu-west-1"} `
		)
		check := func(when string, facts bool, isUp string) {
			t.Helper()
			got := exposition(t, c)
			if strings.Contains(got, ready) != facts {
				t.Errorf("%s: facts shown: %v, want %v", when, !facts, facts)
			}
			if strings.Contains(got, `user_pool_id="eu-west-1_own"} 0`) && !facts {
				t.Errorf("%s: a fact turned 0 for lack of AWS", when)
			}
			if !strings.Contains(got, up+isUp) {
				t.Errorf("%s: target_up is not %s", when, isUp)
			}
		}
		check("at first", true, "1")
		s.down.Store(true)
		time.Sleep(90 * time.Second)
		check("just gone", true, "0")
		time.Sleep(4 * time.Minute)
		check("long gone", false, "0")
		s.down.Store(false)
		time.Sleep(90 * time.Second)
		check("back", true, "1")
		cancel()
		synctest.Wait()
	})
}

func TestSESRegionThatIsNoTargetIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := options()
		o.Targets[0].Region = "eu-central-1"
		c := New(readerFunc(func(t inventory.Target) inventory.Reading {
			now := time.Now()
			r := facts(now)
			if t.SESOnly {
				r.Pools = nil
			} else {
				r.SES, r.Identities, r.IdentitiesListed = nil, nil, time.Time{}
			}
			r.Target, r.Start, r.End = t, now, now
			return r
		}), o)
		go func() { _ = c.Run(ctx) }()
		time.Sleep(10 * time.Second)
		got := exposition(t, c)
		want := `cognito_ses_pool_ready{account_id="111122223333",region="eu-central-1",user_pool_id="eu-west-1_own"} 1`
		if !strings.Contains(got, want) {
			t.Errorf("no verdict through the SES region:\n%s", got)
		}
		cancel()
		synctest.Wait()
	})
}

// TestUseEndsAtTheReset checks that the default quota begins anew to the
// second, although no target is read then.
func TestUseEndsAtTheReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := options()
		o.Interval, o.Timeout, o.StaleAfter = 5*time.Hour, time.Minute, 10*time.Hour
		o.Quota = inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: 9 * time.Hour}
		time.Sleep(8 * time.Hour)
		c := New(readerFunc(func(t inventory.Target) inventory.Reading {
			now := time.Now()
			r := facts(now)
			r.Target, r.Start, r.End = t, now, now
			r.Pools = slices.DeleteFunc(r.Pools, func(p inventory.UserPool) bool { return p.Settings == nil })
			r.Pools[0].Settings.AutoVerified, r.PoolsListed = []string{"email"}, now
			start, _ := o.Quota.Window(now)
			r.SignUps = &inventory.SignUps{
				WindowStart: start, Confirmed: now, Pools: []string{"eu-west-1_default"},
				Series: []inventory.SignUpSeries{{PoolID: "eu-west-1_default", ClientID: "web", Points: []inventory.Point{{At: start, N: 42}}}},
			}
			return r
		}), o)
		go func() { _ = c.Run(ctx) }()
		<-c.Done()
		used := func() string {
			for line := range strings.SplitSeq(exposition(t, c), "\n") {
				if strings.HasPrefix(line, "cognito_ses_default_quota_used{") {
					return line
				}
			}
			return ""
		}
		const series = `cognito_ses_default_quota_used{account_id="111122223333",region="eu-west-1"} `
		time.Sleep(time.Until(time.Date(2000, 1, 1, 8, 59, 59, 0, time.UTC)))
		if got := used(); got != series+"42" {
			t.Errorf("a second before the reset: %q", got)
		}
		time.Sleep(time.Second + time.Millisecond)
		if got := used(); got != series+"0" {
			t.Errorf("at the reset: %q", got)
		}
		cancel()
		synctest.Wait()
	})
}

type readerFunc func(inventory.Target) inventory.Reading

func (f readerFunc) Read(_ context.Context, t inventory.Target, _ *inventory.Reading) inventory.Reading {
	return f(t)
}

// TestRetired checks that what is still shown after its reading ended goes on
// ageing, and that nothing is counted that is not known.
func TestRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &source{facts: facts}
		c := New(s, options())
		go func() { _ = c.Run(ctx) }()
		<-c.Done()
		c.Retire()
		c.Retire()
		s.facts = func(time.Time) inventory.Reading {
			t.Error("it still reads")
			return inventory.Reading{}
		}
		time.Sleep(2 * time.Minute)
		if got := exposition(t, c); !strings.Contains(got, "cognito_ses_exporter_pools 5") {
			t.Errorf("the facts ended before they were stale:\n%s", got)
		}
		time.Sleep(3 * time.Minute)
		got := exposition(t, c)
		for _, name := range []string{"cognito_ses_pool_info", "cognito_ses_exporter_pools", "cognito_ses_findings"} {
			if strings.Contains(got, "\n"+name) {
				t.Errorf("%s is still shown", name)
			}
		}
		cancel()
		synctest.Wait()
	})
}

func TestNoTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := options()
		o.Targets = nil
		c := New(nil, o)
		go func() { _ = c.Run(ctx) }()
		time.Sleep(time.Second)
		if !c.Ready() || !strings.Contains(exposition(t, c), "cognito_ses_exporter_targets 0") {
			t.Error("without targets it does not become ready")
		}
		cancel()
		synctest.Wait()
	})
}

func TestIdentityCap(t *testing.T) {
	o := options()
	o.AllIdentities, o.MaxIdentities = true, 2
	all := []inventory.UsedIdentity{{Identity: inventory.Identity{Name: "a"}}, {Identity: inventory.Identity{Name: "b"}}, {Identity: inventory.Identity{Name: "c"}, Pools: 1}}
	shown, dropped := o.shown(all)
	if len(shown) != 2 || shown[0].Name != "c" || dropped[inventory.Key{}] != 1 {
		t.Errorf("shown %v, dropped %v", shown, dropped)
	}
}
