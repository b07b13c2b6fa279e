package collector

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/exposition"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

func textLogger(out *safeBuffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// TestSelfChanges does everything that changes the exporter's own metrics: each
// is counted, since they are not looked at before it is.
func TestSelfChanges(t *testing.T) {
	s := NewSelf(prometheus.NewRegistry(), false, nil)
	for name, change := range map[string]func(){
		"request": func() { s.Requested(Request{Service: "ses", Operation: "GetAccount"}) }, "billed": func() { s.Billed(1) },
		"rule": func() { s.RuleFailed("odd", 0) }, "reload": func() { s.Reloaded(true) }, "known": func() { s.knowAccount("1") },
		"failed": func() { s.publishFailed("1") }, "forgotten": func() { s.forgetAccount("1") },
	} {
		before := s.Changes()
		if change(); s.Changes() == before {
			t.Errorf("%s: the change is not counted", name)
		}
	}
}

func TestSelf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		s := NewSelf(registry, true, map[string][]string{"ses": {"GetAccount"}})
		s.Requested(Request{Service: "ses", Operation: "GetAccount", Waited: 2 * time.Second, Took: 62500 * time.Microsecond})
		s.Requested(Request{Service: "ses", Operation: "GetAccount", Class: inventory.Denied, Took: time.Second})
		s.Requested(Request{Service: "ses", Operation: "GetAccount", Class: inventory.Throttled, Halved: true, Took: time.Second})
		s.Billed(3)
		s.RuleFailed("odd", 2)
		s.Reloaded(true)
		time.Sleep(1500 * time.Millisecond)
		s.Reloaded(false)
		families, err := expositionFamilies(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := served(t, func() *exposition.Exposition { return families.Join(nil, nil) }, registry)
		for series, want := range map[string]string{
			`cognito_ses_exporter_aws_requests_total{operation="GetAccount",service="ses"}`:                            "3",
			`cognito_ses_exporter_aws_request_failures_total{class="denied",operation="GetAccount",service="ses"}`:     "1",
			`cognito_ses_exporter_aws_request_failures_total{class="timeout",operation="GetAccount",service="ses"}`:    "0",
			`cognito_ses_exporter_aws_request_failures_total{class="",operation="GetAccount",service="ses"}`:           "",
			`cognito_ses_exporter_aws_request_duration_seconds_bucket{operation="GetAccount",service="ses",le="0.05"}`: "0",
			`cognito_ses_exporter_aws_request_duration_seconds_bucket{operation="GetAccount",service="ses",le="0.1"}`:  "1",
			`cognito_ses_exporter_aws_request_duration_seconds_sum{operation="GetAccount",service="ses"}`:              "2.0625",
			`cognito_ses_exporter_aws_request_budget_wait_seconds_bucket{service="ses",le="1"}`:                        "2",
			`cognito_ses_exporter_aws_request_budget_wait_seconds_sum{service="ses"}`:                                  "2",
			`cognito_ses_exporter_aws_request_budget_halvings_total{service="ses"}`:                                    "1",
			`cognito_ses_exporter_aws_billable_metrics_total`:                                                          "3",
			`cognito_ses_rule_errors_total{rule="odd"}`:                                                                "2",
			`cognito_ses_exporter_config_last_reload_successful`:                                                       "0",
			`cognito_ses_exporter_config_last_reload_success_timestamp_seconds`:                                        "9.466848e+08",
		} {
			if v := value(got, series); v != want {
				t.Errorf("%s is %q, want %q", series, v, want)
			}
		}
	})
}

// TestFailingRule checks that every failure of a rule is counted, and that its
// beginning is logged once for each version of the rules.
func TestFailingRule(t *testing.T) {
	load := func(text string) *rules.Set {
		set, err := rules.Load(rules.Options{}, rules.File{Name: "odd.yaml", Data: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	const rule = `rules: [{id: odd, for_each: pool, severity: info, summary: Odd, remedy: r, when: %q, message: '"m"'}]`
	odd, even := load(fmt.Sprintf(rule, `int(pool.name) == 1`)), load(fmt.Sprintf(rule, `pool.name == ""`))
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		var log safeBuffer
		w, p := &world{}, accounts(1)
		p.Rules = even
		c := run(t, Options{Reader: w, Self: NewSelf(registry, false, nil), Logger: textLogger(&log)}, p)
		<-c.Done()
		count := func() string {
			return value(served(t, c.Exposition, registry), `cognito_ses_rule_errors_total{rule="odd"}`)
		}
		logged := func() int { return strings.Count(log.String(), `msg="A rule fails"`) }
		if n := count(); n != "" || logged() != 0 {
			t.Errorf("%q errors of a rule that works, logged %d times", n, logged())
		}
		p.Rules = odd
		apply(t, c, p)
		first := count()
		if first == "" || first == "0" || logged() != 1 {
			t.Errorf("%q errors, logged %d times: %s", first, logged(), log.String())
		}
		w.with("100000000000", func(_ context.Context, r *inventory.Reading) { r.SES.MaxSendRate++ })
		time.Sleep(2 * time.Minute)
		if n := count(); n == first || logged() != 1 {
			t.Errorf("%q errors after %s, logged %d times: %s", n, first, logged(), log.String())
		}
		p.Rules = even
		apply(t, c, p)
		p.Rules = odd
		apply(t, c, p)
		if logged() != 2 {
			t.Errorf("the rule fails anew, and that is logged %d times: %s", logged(), log.String())
		}
	})
}

// TestLog checks what is said of a target, and what is not said again.
func TestLog(t *testing.T) {
	failed := func(api string, class inventory.Class, message string) inventory.Outcome {
		return inventory.Outcome{API: api, Class: class, Message: message}
	}
	ok := func(api string) inventory.Outcome { return inventory.Outcome{API: api} }
	for name, tt := range map[string]struct {
		before, now []inventory.Outcome
		want        string
	}{
		"all is well":            {nil, []inventory.Outcome{ok("ses")}, ""},
		"it begins":              {[]inventory.Outcome{ok("ses")}, []inventory.Outcome{failed("ses", inventory.Denied, "no")}, "level=WARN msg=\"Target could not be read\" account_id=1 region=r api=ses class=denied err=no\n"},
		"it goes on":             {[]inventory.Outcome{failed("ses", inventory.Denied, "no")}, []inventory.Outcome{failed("ses", inventory.Denied, "again no")}, ""},
		"another kind":           {[]inventory.Outcome{failed("ses", inventory.Denied, "no")}, []inventory.Outcome{failed("ses", inventory.Timeout, "late")}, "level=WARN msg=\"Target could not be read\" account_id=1 region=r api=ses class=timeout err=late\n"},
		"it ends":                {[]inventory.Outcome{failed("ses", inventory.Denied, "no")}, []inventory.Outcome{ok("ses")}, "level=INFO msg=\"Target recovered\" account_id=1 region=r api=ses\n"},
		"all ends":               {[]inventory.Outcome{failed("cognito-idp", inventory.Denied, "no"), failed("ses", inventory.Denied, "no")}, []inventory.Outcome{ok("cognito-idp"), ok("ses")}, "level=INFO msg=\"Target recovered\" account_id=1 region=r api=cognito-idp\nlevel=INFO msg=\"Target recovered\" account_id=1 region=r api=ses\n"},
		"one cause for two":      {nil, []inventory.Outcome{failed("cognito-idp", inventory.Denied, "no"), failed("ses", inventory.Denied, "no")}, "level=WARN msg=\"Target could not be read\" account_id=1 region=r api=cognito-idp class=denied err=no\n"},
		"switched off":           {nil, []inventory.Outcome{failed("ses", inventory.RegionDisabled, "off")}, "level=INFO msg=\"Region is switched off\" account_id=1 region=r api=ses class=region_disabled\n"},
		"the exporter's failure": {nil, []inventory.Outcome{failed(inventory.APIExporter, inventory.Internal, "mine")}, ""},
	} {
		var log safeBuffer
		c := &Collector{logger: textLogger(&log)}
		c.log(&inventory.Reading{Outcomes: tt.before}, &inventory.Reading{Target: inventory.Target{AccountID: "1", Region: "r"}, Outcomes: tt.now})
		if log.String() != tt.want {
			t.Errorf("%s: %s, want %s", name, log.String(), tt.want)
		}
	}
}

// TestOneFailureOfItsOwn checks that the exporter's outcome takes the place of
// the one before, and leaves the others and its argument alone.
func TestOneFailureOfItsOwn(t *testing.T) {
	before := []inventory.Outcome{{API: "ses"}, {API: inventory.APIExporter, Class: inventory.Internal, Message: "first"}, {API: "sts"}}
	got := withFailure(before, "second")
	want := []inventory.Outcome{{API: "ses"}, {API: "sts"}, {API: inventory.APIExporter, Class: inventory.Internal, Message: "second"}}
	if !slices.Equal(got, want) || before[1].Message != "first" {
		t.Errorf("%v, want %v; given %v", got, want, before)
	}
}

// TestFactThatIsExactlyAsOldAsItMayBe publishes at the very moment after which
// the facts end: they are still there, and end all the same.
func TestFactThatIsExactlyAsOldAsItMayBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := thePlan()
		p.Interval, p.StaleAfter = 10*time.Hour, 7*time.Minute
		var confirmed time.Time
		c := start(t, &source{facts: func(now time.Time) inventory.Reading {
			confirmed = now
			return facts(now)
		}}, p)
		<-c.Done()
		time.Sleep(time.Until(confirmed.Add(p.StaleAfter - publishPause)))
		if err := c.Apply(p); err != nil {
			t.Fatal(err)
		}
		before := c.published.Load()
		time.Sleep(publishPause)
		synctest.Wait()
		if c.published.Load() == before {
			t.Fatal("nothing was published at that moment")
		}
		if got := value(scrape(t, c), readySeries(own.AccountID)); got != "1" {
			t.Errorf("ready is %q at that moment", got)
		}
		time.Sleep(time.Second)
		if got := value(scrape(t, c), readySeries(own.AccountID)); got != "" {
			t.Errorf("ready is %q a second later", got)
		}
	})
}

// TestPassesThatCannotBeShown has a reading say two things of one API: the
// account keeps its facts and what was said of its passes before.
func TestPassesThatCannotBeShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bad = "100000000001"
		w := &world{}
		c := start(t, w, accounts(2))
		<-c.Done()
		before := pieceOf(c, bad).passes
		w.with(bad, func(_ context.Context, r *inventory.Reading) {
			r.Outcomes = append(r.Outcomes, r.Outcomes[0])
			r.SES.MaxSendRate = 7
		})
		time.Sleep(70 * time.Second)
		got, rate := scrape(t, c), fmt.Sprintf(`cognito_ses_account_send_rate_limit{account_id=%q,region="eu-west-1"}`, bad)
		if pieceOf(c, bad).passes != before || value(got, rate) != "7" {
			t.Errorf("passes as before: %v, send rate %q", pieceOf(c, bad).passes == before, value(got, rate))
		}
	})
}

// TestTheRegionThatCameLastIsBlamed has one of an account's two regions bring
// what cannot be published.
func TestTheRegionThatCameLastIsBlamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const account = "100000000000"
		w, p := &world{}, accounts(1)
		other := p.Targets[0]
		other.Region = "us-east-1"
		p.Targets = append(p.Targets, other)
		c := start(t, w, p)
		<-c.Done()
		var last atomic.Pointer[string] // the region that came last
		w.with(account, func(_ context.Context, r *inventory.Reading) {
			last.Store(&r.Target.Region)
			r.Pools = append(r.Pools, r.Pools[len(r.Pools)-1])
		})
		time.Sleep(70 * time.Second)
		seen := map[string]bool{}
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
			region := *last.Load()
			time.Sleep(2 * publishPause)
			if *last.Load() != region {
				continue
			}
			seen[region] = true
			if got := lines(scrape(t, c), `class="internal"`); strings.Count(got, "\n") != 1 || !strings.Contains(got, region) {
				t.Fatalf("%s came last: %s", region, got)
			}
		}
		if len(seen) != 2 {
			t.Errorf("only %v came last", seen)
		}
	})
}

// TestResetLeavesOthersAlone checks that the reset of the default quota judges
// an account anew only if its pools draw on it.
func TestResetLeavesOthersAlone(t *testing.T) {
	for mode, judged := range map[inventory.Mode]bool{inventory.ModeDefault: true, inventory.ModeDeveloper: false} {
		synctest.Test(t, func(t *testing.T) {
			p := thePlan()
			p.Interval, p.StaleAfter = 40*time.Hour, 40*time.Hour
			p.Quota = inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: 9 * time.Hour}
			time.Sleep(8 * time.Hour)
			same := quiet()
			c := start(t, &source{facts: func(now time.Time) inventory.Reading {
				r := same(now)
				r.Pools = slices.DeleteFunc(r.Pools, func(up inventory.UserPool) bool { return up.Settings == nil || up.Settings.Mode != mode })
				return r
			}}, p)
			<-c.Done()
			before := pieceOf(c, own.AccountID).facts
			time.Sleep(90 * time.Minute)
			if after := pieceOf(c, own.AccountID).facts; (after != before) != judged {
				t.Errorf("%s: judged anew at the reset is %v, want %v", mode, after != before, judged)
			}
		})
	}
}

// TestIdentitiesInUseAreAskedFor checks that a target is read for the
// identities that pools use in its own region, and only for these.
func TestIdentitiesInUseAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{Reader: &source{facts: func(now time.Time) inventory.Reading {
			r := facts(now)
			e := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:us-east-1:111122223333:identity/elsewhere.example", From: "a@elsewhere.example"}
			r.Pools = append(r.Pools, inventory.UserPool{ID: "eu-west-1_through", Listed: now, Confirmed: now, Settings: &inventory.Settings{Sender: inventory.NewSender(own, e)}})
			return r
		}}}
		c := start(t, rec, thePlan())
		<-c.Done()
		time.Sleep(3 * time.Minute)
		reads := rec.reads(func(t inventory.Target) bool { return t.Region == own.Region })
		if got, want := reads[len(reads)-1].Identities, []string{"a@example.org", "example.com"}; !slices.Equal(got, want) {
			t.Errorf("asked for %q, want %q", got, want)
		}
	})
}
