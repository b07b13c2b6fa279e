package collector

import (
	"context"
	"flag"
	"log/slog"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/exposition"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// scrape returns what is published in the text format.
func scrape(t *testing.T, c *Collector) string {
	t.Helper()
	return served(t, c.Exposition, prometheus.NewRegistry())
}

func served(t *testing.T, current func() *exposition.Exposition, own prometheus.Gatherer) string {
	t.Helper()
	w := httptest.NewRecorder()
	failed := func(err error) { t.Error(err) }
	exposition.Handler(current, nil, own, failed).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	return w.Body.String()
}

// familiesText renders the families of what is judged in the text format.
func familiesText(t *testing.T, p Plan, j *rules.Judgement, counts targetCounts, families []Family) string {
	t.Helper()
	all := make([]exposition.Family, 0, len(families))
	for _, f := range families {
		labels := f.Labels
		if f.Tagged {
			labels = with(labels, "tag_env")
		}
		all = append(all, exposition.Family{Name: namespace + "_" + f.Name, Help: f.Help, Labels: labels})
	}
	fs, err := exposition.NewFamilies(all)
	if err != nil {
		t.Fatal(err)
	}
	piece, err := fs.Build(func(i int, emit exposition.Emit) {
		if f := families[i]; f.Total != nil {
			f.Total(&totals{j, counts, &p}, Emit(emit))
		} else if f.Members != nil {
			f.Members(&p.Fleet, Emit(emit))
		} else {
			for n, a := range j.Accounts {
				v := p.view(a, j.Each[n])
				found := rules.Blocked(a)
				for i := range v.findings {
					found = append(found, &v.findings[i])
				}
				v.problems = rules.Problems(found, nil)
				f.Samples(v, Emit(emit))
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return served(t, func() *exposition.Exposition { return fs.Join(nil, []*exposition.Piece{piece}) }, prometheus.NewRegistry())
}

// start runs a collector of the plan until the test ends.
func start(t *testing.T, r Reader, p Plan) *Collector {
	t.Helper()
	return run(t, Options{Reader: r, Logger: slog.New(slog.DiscardHandler)}, p)
}

func run(t *testing.T, o Options, p Plan) *Collector {
	t.Helper()
	c, err := New(o, p)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx) // It ends only with its context.
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return c
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

// plain are the details of an identity of which nothing was set up.
var plain = &inventory.IdentityDetails{DKIM: inventory.DKIM{Status: "NOT_STARTED"}}

func facts(now time.Time) inventory.Reading {
	settings := func(e inventory.EmailConfiguration) *inventory.Settings {
		return &inventory.Settings{Described: now, Sender: inventory.NewSender(own, e), Tier: "ESSENTIALS", Tags: map[string]string{"env": "prod\xff"}}
	}
	const arn = "arn:aws:ses:eu-west-1:111122223333:identity/"
	return inventory.Reading{
		Pools: []inventory.UserPool{
			{ID: "eu-west-1_default", Name: `quotes " and \ <script>`, Listed: now, Confirmed: now, Settings: settings(inventory.EmailConfiguration{Mode: inventory.ModeDefault})},
			{ID: "eu-west-1_lambda", Name: "lambda", Listed: now, Confirmed: now, Settings: settings(inventory.EmailConfiguration{Mode: inventory.ModeDefault, CustomSender: true})},
			{ID: "eu-west-1_own", Name: "own", Listed: now, Confirmed: now, Settings: settings(inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: arn + "example.com", From: "a@example.com"})},
			{ID: "eu-west-1_pending", Name: "pending", Listed: now, Confirmed: now, Settings: settings(inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: arn + "a@example.org"})},
			{ID: "eu-west-1_undescribed", Name: "undescribed", Listed: now},
		},
		SES: &inventory.SESState{
			Confirmed: now, Sandbox: inventory.No, SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Review: "GRANTED",
			Quota: inventory.SendQuota(50000, 12500), RateKnown: true, MaxSendRate: 14,
		},
		PoolsListed:      now,
		IdentitiesListed: now,
		Identities: []inventory.Identity{
			{Name: "a@example.org", Confirmed: now, Status: "PENDING", Verified: inventory.No, SendingEnabled: inventory.No, Details: plain, Detailed: now},
			{Name: "example.com", Confirmed: now, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes, Details: plain, Detailed: now},
			{Name: "unused.example", Confirmed: now, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes},
		},
	}
}

func thePlan() Plan {
	return Plan{
		Targets:  []inventory.Target{{AccountID: "111122223333", AccountName: "production", Region: "eu-west-1"}},
		Interval: time.Minute, Timeout: time.Minute, StaleAfter: 3 * time.Minute,
		Tags: []TagLabel{{Tag: "env", Label: "tag_env"}}, MaxIdentities: 1000,
	}
}

func TestExposition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &source{facts: facts}, thePlan())
		if c.Ready() {
			t.Error("ready before the first pass")
		}
		<-c.Done()
		got := scrape(t, c)

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
		s := &source{facts: facts}
		c := start(t, s, thePlan())
		<-c.Done()
		const (
			ready = `cognito_ses_pool_ready{account_id="111122223333",region="eu-west-1",user_pool_id="eu-west-1_own"} 1`
			up    = `cognito_ses_exporter_target_up{account_id="111122223333",api="cognito-idp",region="eu-west-1"} `
		)
		check := func(when string, facts bool, isUp string) {
			t.Helper()
			got := scrape(t, c)
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
	})
}

func TestSESRegionThatIsNoTargetIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moved atomic.Bool // to the built-in sender
		o := thePlan()
		o.Targets[0].Region = "eu-central-1"
		c := start(t, readerFunc(func(t inventory.Target) inventory.Reading {
			now := time.Now()
			r := facts(now)
			switch {
			case t.SESOnly:
				r.Pools = nil
			case moved.Load():
				r.Pools, r.SES, r.Identities, r.IdentitiesListed = r.Pools[:2], nil, nil, time.Time{}
			default:
				r.SES, r.Identities, r.IdentitiesListed = nil, nil, time.Time{}
			}
			r.Target, r.Start, r.End = t, now, now
			return r
		}), o)
		time.Sleep(10 * time.Second)
		got := scrape(t, c)
		want := `cognito_ses_pool_ready{account_id="111122223333",region="eu-central-1",user_pool_id="eu-west-1_own"} 1`
		if !strings.Contains(got, want) {
			t.Errorf("no verdict through the SES region:\n%s", got)
		}
		if n := strings.Count(got, `region="eu-west-1"`); n == 0 {
			t.Error("no series of the SES region")
		}
		moved.Store(true)
		time.Sleep(o.Interval + time.Second)
		if got := scrape(t, c); strings.Contains(got, `region="eu-west-1"`) {
			t.Errorf("no pool sends through the SES region any more, and it is still read:\n%s", got)
		}
	})
}

// TestUseEndsAtTheReset checks that the use of the default quota ends to the
// second, although no target is read then: nothing is known of the new day.
func TestUseEndsAtTheReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := thePlan()
		o.Interval, o.Timeout, o.StaleAfter = 5*time.Hour, time.Minute, 10*time.Hour
		o.Quota = inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: 9 * time.Hour}
		time.Sleep(8 * time.Hour)
		c := start(t, readerFunc(func(t inventory.Target) inventory.Reading {
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
		<-c.Done()
		used := func() string {
			for line := range strings.SplitSeq(scrape(t, c), "\n") {
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
		if got := used(); got != "" {
			t.Errorf("at the reset: %q", got)
		}
	})
}

type readerFunc func(inventory.Target) inventory.Reading

func (f readerFunc) Read(_ context.Context, t inventory.Target, _ *inventory.Reading) inventory.Reading {
	return f(t)
}

func TestNoTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := thePlan()
		o.Targets = nil
		c := start(t, nil, o)
		time.Sleep(time.Second)
		if !c.Ready() || !strings.Contains(scrape(t, c), "cognito_ses_exporter_targets{state=\"read\"} 0") {
			t.Error("without targets it does not become ready")
		}
	})
}

func TestIdentityCap(t *testing.T) {
	o := thePlan()
	o.AllIdentities, o.MaxIdentities = true, 2
	all := []inventory.UsedIdentity{{Identity: inventory.Identity{Name: "a"}}, {Identity: inventory.Identity{Name: "b"}}, {Identity: inventory.Identity{Name: "c"}, Pools: 1}}
	shown, dropped := o.shown(all)
	if len(shown) != 2 || shown[0].Name != "c" || dropped[inventory.Key{}] != 1 {
		t.Errorf("shown %v, dropped %v", shown, dropped)
	}
}
