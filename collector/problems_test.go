package collector

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

const unverifiedRules = `
rules:
  - {id: unverified, severity: critical, for_each: pool, cause: identity_unverified, summary: It is not verified, remedy: Verify it., when: pool.blocked_by.identity_unverified, message: '"not verified: " + pool.identity'}
`

// TestLastKnown follows a problem while nothing can be read, over a reload, and
// until it is too old or known to be over.
func TestLastKnown(t *testing.T) {
	const (
		problem = `cognito_ses_problem_pools{account_id="111122223333",cause="identity/eu-west-1/a@example.org",reason="",region="eu-west-1",rule="unverified"`
		blocked = `cognito_ses_problem_pools{account_id="111122223333",cause="identity/eu-west-1/a@example.org",reason="identity_unverified"`
	)
	// say tells the finding, the problem, the reason and what is marked.
	say := func(t *testing.T, c *Collector) string {
		t.Helper()
		got := scrape(t, c)
		marks := lines(got, "cognito_ses_problem_info{")
		return strings.Join([]string{
			value(got, `cognito_ses_finding{`), value(got, problem), value(got, blocked),
			strings.Repeat("f", strings.Count(marks, `last_known="false"`)) + strings.Repeat("t", strings.Count(marks, `last_known="true"`)),
		}, " ")
	}
	load := func(t *testing.T, text string) *rules.Set {
		t.Helper()
		set, err := rules.Load(rules.Options{}, rules.File{Name: "test.yaml", Data: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	type world struct {
		*Collector
		source *source
		fixed  atomic.Bool
		plan   Plan
	}
	for name, then := range map[string]func(t *testing.T, w *world){
		"it ends after a day": func(t *testing.T, w *world) {
			time.Sleep(LastKnownFor - 10*time.Minute)
			if got := say(t, w.Collector); got != " 1 1 tt" {
				t.Errorf("before the day has passed there is %q", got)
			}
			time.Sleep(10 * time.Minute)
			if got := say(t, w.Collector); got != "   " {
				t.Errorf("after a day there is %q", got)
			}
		},
		"it is there again": func(t *testing.T, w *world) {
			w.source.down.Store(false)
			time.Sleep(2 * time.Minute)
			if got := say(t, w.Collector); got != "1 1 1 ff" {
				t.Errorf("found again, there is %q", got)
			}
		},
		"it is over": func(t *testing.T, w *world) {
			w.fixed.Store(true)
			w.source.down.Store(false)
			time.Sleep(2 * time.Minute)
			if got := say(t, w.Collector); got != "   " {
				t.Errorf("fixed, there is %q", got)
			}
		},
		"it stays over a reload": func(t *testing.T, w *world) {
			p := w.plan
			p.Interval, p.Rules = 2*time.Minute, load(t, unverifiedRules)
			apply(t, w.Collector, p)
			if got := say(t, w.Collector); got != " 1 1 tt" {
				t.Errorf("after a reload there is %q", got)
			}
		},
		"a reload without the rule ends it": func(t *testing.T, w *world) {
			p := w.plan
			p.Rules = nil
			apply(t, w.Collector, p)
			if got := say(t, w.Collector); got != "  1 t" {
				t.Errorf("without the rule there is %q", got)
			}
		},
		"a reload without the region ends it": func(t *testing.T, w *world) {
			p := w.plan
			p.Targets = []inventory.Target{{AccountID: own.AccountID, Region: "eu-central-1"}}
			apply(t, w.Collector, p)
			if got := say(t, w.Collector); got != "   " {
				t.Errorf("without the region there is %q", got)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{plan: thePlan()}
				w.plan.Rules = load(t, unverifiedRules)
				w.source = &source{facts: func(now time.Time) inventory.Reading {
					r := facts(now)
					if w.fixed.Load() {
						r.Identities[0] = inventory.Identity{Name: "a@example.org", Confirmed: now, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes}
					}
					return r
				}}
				w.Collector = start(t, w.source, w.plan)
				<-w.Done()
				if got := say(t, w.Collector); got != "1 1 1 ff" {
					t.Fatalf("found, there is %q", got)
				}
				w.source.down.Store(true)
				time.Sleep(10 * time.Minute)
				if got := say(t, w.Collector); got != " 1 1 tt" {
					t.Fatalf("while nothing is read there is %q", got)
				}
				then(t, w)
			})
		})
	}
}

// TestProblemsOutliveAFailure checks that a problem stays when the account can
// no longer be judged.
func TestProblemsOutliveAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bad atomic.Bool
		c := start(t, &source{facts: func(now time.Time) inventory.Reading {
			r := facts(now)
			if bad.Load() {
				r.Pools = append(r.Pools, r.Pools[0]) // The same series twice.
			}
			return r
		}}, thePlan())
		<-c.Done()
		bad.Store(true)
		time.Sleep(time.Hour)
		got := scrape(t, c)
		if n := strings.Count(got, "\ncognito_ses_pool_info{"); n != 0 {
			t.Fatalf("%d pools are still shown", n)
		}
		if info := lines(got, "cognito_ses_problem_info{"); !strings.Contains(info, `last_known="true"`) || strings.Count(info, "\n") != 1 {
			t.Errorf("the problems are %s", info)
		}
	})
}

func TestNames(t *testing.T) {
	pool := func(name string) rules.PoolRef { return rules.PoolRef{ID: "id", Name: name} }
	five := []rules.PoolRef{pool("a"), pool(""), pool("c"), pool("d"), pool("e")}
	for _, tt := range []struct {
		pools []rules.PoolRef
		want  string
	}{
		{nil, ""},
		{five[:1], "a"},
		{five, "a, id, c, d, e"},
		{append(five, pool("f")), "a, id, c, d, e and 1 more"},
	} {
		if got := names(tt.pools); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestBounded(t *testing.T) {
	for in, want := range map[string]string{
		strings.Repeat("a", maxLabel):            strings.Repeat("a", maxLabel),
		strings.Repeat("a", maxLabel) + "b":      strings.Repeat("a", maxLabel) + "…",
		"a" + strings.Repeat("é", maxLabel/2):    "a" + strings.Repeat("é", maxLabel/2-1) + "…",
		strings.Repeat("é", maxLabel/2) + "more": strings.Repeat("é", maxLabel/2) + "…",
	} {
		if got := bounded(in); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAppendTags(t *testing.T) {
	v := &accountView{plan: &Plan{Tags: []TagLabel{{Tag: "env"}, {Tag: "team"}}}}
	pool := func(env, team string) rules.PoolRef {
		return rules.PoolRef{Tags: map[string]string{"env": env, "team": team}}
	}
	for want, pools := range map[string][]rules.PoolRef{
		"x,,":         nil,
		"x,prod,shop": {pool("prod", "shop")},
		"x,prod,":     {pool("prod", "shop"), pool("prod", "web"), pool("prod", "shop")},
		"x,,shop":     {{Tags: map[string]string{"team": "shop"}}, pool("prod", "shop")},
		"x,dev,shop":  {pool("dev", "shop"), pool("dev", "shop")},
	} {
		if got := strings.Join(v.appendTags([]string{"x"}, pools), ","); got != want {
			t.Errorf("%v: %s, want %s", pools, got, want)
		}
	}
	if got := strings.Join(v.appendTags(nil, []rules.PoolRef{pool("prod", "shop"), {}}), ","); got != "," {
		t.Errorf("with an unknown pool: %s", got)
	}
}
