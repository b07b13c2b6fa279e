package awsread_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// randomFleet makes up pools whose traffic CloudTrail tells apart: a pool's
// users come by API or by pages, and what goes by SMS says so.
func randomFleet(r *rand.Rand, scope inventory.Scope) *awssim.Fleet {
	region := &awssim.Region{SES: awssim.SES{ProductionAccess: true, SendingEnabled: true, Enforcement: "HEALTHY", Max24HourSend: 50000, MaxSendRate: 14}}
	for i := range 1 + r.IntN(4) {
		p := awssim.Pool{Name: fmt.Sprintf("pool-%d", i), AutoVerified: []string{"email"}, Clients: []awssim.Client{{Name: "web"}, {Name: "app"}}}
		rate := func() float64 { return 4 * r.Float64() * r.Float64() }
		p.Traffic.PerHour = map[string]float64{"AdminCreateUser": rate()}
		p.Traffic.Suppressed = 0.5 * r.Float64()
		if r.IntN(3) > 0 {
			p.Traffic.PerHour["SignUp"], p.Traffic.PerHour["ForgotPassword"], p.Traffic.PerHour["ResendConfirmationCode"] = rate(), rate(), rate()
			p.Traffic.SMS = 0.3 * r.Float64()
		} else {
			p.Traffic.PerHour["Signup_POST"], p.Traffic.PerHour["forgotPassword_POST"], p.Traffic.PerHour["AdminResetUserPassword"] = rate(), rate(), rate()
			p.Traffic.PagesAlsoCall = r.IntN(2) == 0
		}
		switch r.IntN(8) {
		case 0:
			p.Mode, p.SourceARN, p.From = "DEVELOPER", "arn:aws:ses:eu-west-1:"+hub+":identity/example.com", "a@example.com"
		case 1:
			p.CustomSender = "arn:aws:lambda:eu-west-1:" + hub + ":function:sender"
		}
		region.Pools = append(region.Pools, p)
	}
	return &awssim.Fleet{
		DefaultQuota: awssim.DefaultQuota{Limit: 10 + r.IntN(41), Scope: string(scope)},
		Accounts:     []awssim.Account{{ID: hub, Regions: map[string]*awssim.Region{"eu-west-1": region}}},
	}
}

// oracle answers what was really sent, at any time.
type oracle struct {
	sim *awssim.Server
	at  time.Time
}

func newOracle(t *testing.T, f *awssim.Fleet, seed uint64) *oracle {
	t.Helper()
	o := &oracle{at: time.Now()}
	var err error
	o.sim, err = awssim.New(awssim.Options{Fleet: f, Seed: seed, Now: func() time.Time { return o.at }})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// truth returns what was sent from the start of the day up to at, by pool.
func (o *oracle) truth(at, start time.Time) map[string]awssim.PoolTruth {
	o.at = at
	all := map[string]awssim.PoolTruth{}
	if at.Before(start) {
		return all
	}
	for _, p := range o.sim.Truth() {
		all[p.UserPoolID] = p
	}
	return all
}

var fleets = flag.Int("fleets", 6, "how many random fleets TestUsageIsTheTruth follows for ten days each")

// TestUsageIsTheTruth follows random streams over random days, with passes at
// random times, restarts and refusals, and holds every count against what was
// really sent.
func TestUsageIsTheTruth(t *testing.T) {
	t.Parallel()
	const daysPerFleet = 10
	var checks, mails atomic.Int64
	t.Run("fleet", func(t *testing.T) {
		for seed := range uint64(*fleets) {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 3))
					c := &checker{t: t, r: r, seed: seed, exact: r.IntN(2) == 0}
					c.run(daysPerFleet)
					checks.Add(int64(c.checks))
					mails.Add(int64(c.mails))
				})
			})
		}
	})
	days := int64(*fleets * daysPerFleet)
	t.Logf("%d days, %d counts of pools checked, %v e-mails in them", days, checks.Load(), mails.Load())
	if checks.Load() < 5*days || mails.Load() < checks.Load() {
		t.Errorf("only %d checks and %v e-mails in %d days", checks.Load(), mails.Load(), days)
	}
}

type checker struct {
	t      *testing.T
	r      *rand.Rand
	seed   uint64
	exact  bool // CloudWatch and CloudTrail show everything at once
	policy inventory.Policy
	fleet  *awssim.Fleet
	oracle *oracle
	checks int
	mails  float64
}

func (c *checker) run(days int) {
	c.policy = inventory.Policy{Enabled: true, Scope: inventory.Scopes()[c.r.IntN(3)], Reset: 9 * time.Hour}
	c.fleet = randomFleet(c.r, c.policy.Scope)
	c.policy.Limit = float64(c.fleet.DefaultQuota.Limit)
	sim := simulate(c.t, awssim.Options{Fleet: c.fleet, NoQuotas: true, NoDelays: c.exact, Seed: c.seed})
	c.oracle = newOracle(c.t, c.fleet, c.seed)
	options := awsread.Options{Quota: c.policy, CloudWatch: true, CloudTrail: true, DescribeMaxAge: 6 * time.Hour, RequestTimeout: time.Minute}
	time.Sleep(time.Duration(c.r.Int64N(int64(48 * time.Hour)))) // Started at any hour.
	reader := sim.readerWith(c.t, options)
	var prev *inventory.Reading
	at := target(hub)
	for end := time.Now().AddDate(0, 0, days); time.Now().Before(end); {
		switch c.r.IntN(12) {
		case 0: // A restart forgets everything.
			reader, prev = sim.readerWith(c.t, options), nil
		case 1: // A pass in which AWS refuses leaves the next one to make up for it.
			service := []string{"cloudwatch", "cloudtrail"}[c.r.IntN(2)]
			sim.fault(c.t, awssim.Fault{Kind: "deny", Service: service, Rate: 0.5})
			reading := reader.Read(c.t.Context(), at, prev)
			prev = &reading
			sim.fault(c.t)
			time.Sleep(time.Duration(c.r.Int64N(int64(time.Hour))))
		}
		reading := reader.Read(c.t.Context(), at, prev)
		for _, o := range reading.Outcomes {
			if o.Class != inventory.OK {
				c.t.Fatalf("%s: %s", o.API, o.Message)
			}
		}
		prev = &reading
		c.check(reading)
		time.Sleep(time.Duration(c.r.Int64N(int64(6*time.Hour))) + time.Second)
	}
	fresh := sim.readerWith(c.t, options).Read(c.t.Context(), at, nil)
	last := reader.Read(c.t.Context(), at, prev)
	c.same(fresh, last)
}

// check holds a reading against the truth.
func (c *checker) check(reading inventory.Reading) {
	now := time.Now()
	start, _ := c.policy.Window(now)
	s := inventory.Judge(now, []inventory.Reading{reading}, c.policy)
	most := c.oracle.truth(now, start)
	leastTrail, leastWatch := most, most
	if !c.exact {
		leastTrail = c.oracle.truth(now.Add(-6*time.Minute), start)
		leastWatch = c.oracle.truth(now.Add(-2*time.Minute-time.Second), start)
	}
	used := map[string]float64{}
	for _, p := range s.Pools {
		if !p.Settings.SendsDefault() {
			if p.SentCloudTrail != nil || p.SentCloudWatch != nil || p.Quota.Kind == inventory.QuotaDefault {
				c.t.Errorf("%s does not use the built-in sender and has counts", p.Name)
			}
			continue
		}
		within := func(source string, got *float64, least, most int) {
			c.checks++
			if got == nil || *got < float64(least) || *got > float64(most) {
				c.t.Errorf("%s at %s: %s counts %v, want %d to %d", p.Name, now, source, deref(got), least, most)
				return
			}
			c.mails += *got
		}
		within("CloudTrail", p.SentCloudTrail, leastTrail[p.ID].Sent, most[p.ID].Sent)
		within("CloudWatch", p.SentCloudWatch, leastWatch[p.ID].SignUps, most[p.ID].SignUps)
		group := ""
		if c.policy.Scope == inventory.ScopePool {
			group = p.ID
		}
		if p.SentCloudTrail != nil {
			used[group] += *p.SentCloudTrail
		}
	}
	for _, p := range s.Pools {
		if !p.Settings.SendsDefault() {
			continue
		}
		group := ""
		if c.policy.Scope == inventory.ScopePool {
			group = p.ID
		}
		switch {
		case !p.Quota.Known || p.Quota.Used != used[group]:
			c.t.Errorf("%s: the quota %v is not the sum %v of those that share it", p.Name, p.Quota, used[group])
		case p.Quota.Used > p.Quota.Limit:
			c.t.Errorf("%s: %v used of %v, which AWS enforces", p.Name, p.Quota.Used, p.Quota.Limit)
		case p.Ready != p.Quota.Reached().Not():
			c.t.Errorf("%s: ready is %s with %v", p.Name, p.Ready, p.Quota)
		}
	}
}

// same checks that a restart changes no count.
func (c *checker) same(a, b inventory.Reading) {
	now := time.Now()
	first, second := inventory.Judge(now, []inventory.Reading{a}, c.policy), inventory.Judge(now, []inventory.Reading{b}, c.policy)
	for i, p := range first.Pools {
		q := second.Pools[i]
		if deref(p.SentCloudTrail) != deref(q.SentCloudTrail) || deref(p.SentCloudWatch) != deref(q.SentCloudWatch) || !p.Quota.Exhaustion.Equal(q.Quota.Exhaustion) {
			c.t.Errorf("%s: just started %v %v %s, run through %v %v %s", p.Name, deref(p.SentCloudTrail), deref(p.SentCloudWatch), p.Quota.Exhaustion,
				deref(q.SentCloudTrail), deref(q.SentCloudWatch), q.Quota.Exhaustion)
		}
		for reason, n := range p.Failures {
			if q.Failures[reason] != n {
				c.t.Errorf("%s: just started %d %s, run through %d", p.Name, n, reason, q.Failures[reason])
			}
		}
	}
}

func deref(n *float64) any {
	if n == nil {
		return "nothing"
	}
	return *n
}

// costFleet is the fleet of the promise on cost: half of its pools are on the
// built-in sender, and one in twenty has traffic.
func costFleet(t testing.TB) (*awssim.Fleet, []inventory.Target) {
	t.Helper()
	regions := []string{"eu-west-1", "eu-central-1", "us-east-1"}
	f, err := awssim.Generate(awssim.GenerateOptions{Accounts: 50, Regions: regions, Pools: 20, Seed: 7, Mix: "mixed", Active: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	f.DefaultQuota.Limit = 1_000_000 // A sign-up that is refused is a point of 0, which is not kept.
	var targets []inventory.Target
	for _, a := range f.Accounts {
		for _, region := range regions {
			targets = append(targets, inventory.Target{AccountID: a.ID, Region: region})
		}
	}
	return f, targets
}

// billed reads the fleet twice, with a pause between, and returns what the
// second pass costs in metrics, and how many series were active in the three
// hours before it.
func billed(t testing.TB, pause func()) (metrics, active int) {
	t.Helper()
	f, targets := costFleet(t)
	var asked atomic.Int64 // One target is read in several goroutines.
	sim := simulate(t, awssim.Options{Fleet: f, NoQuotas: true, Seed: 7})
	o := awsread.Options{
		Quota:      inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: 9 * time.Hour},
		CloudWatch: true, DescribeMaxAge: 6 * time.Hour, RequestTimeout: time.Minute, Billed: func(n int) { asked.Add(int64(n)) },
	}
	for _, a := range f.Accounts[1:] {
		o.Accounts = append(o.Accounts, awsread.Account{ID: a.ID, RoleARN: "arn:aws:iam::" + a.ID + ":role/r"})
	}
	reader := sim.readerWith(t, o)
	pass := func(prev []inventory.Reading) (readings []inventory.Reading) {
		asked.Store(0)
		for i, target := range targets {
			var before *inventory.Reading
			if prev != nil {
				before = &prev[i]
			}
			r := reader.Read(t.Context(), target, before)
			for _, outcome := range r.Outcomes {
				if outcome.Class != inventory.OK {
					t.Fatal(outcome.Message)
				}
			}
			readings = append(readings, r)
		}
		return readings
	}
	first := pass(nil)
	t.Logf("the first pass asks for %d metrics", asked.Load())
	pause()
	now := time.Now()
	for _, r := range pass(first) {
		for _, s := range r.SignUps.Series {
			if n := len(s.Points); n > 0 && now.Sub(s.Points[n-1].At) < 3*time.Hour {
				active++
			}
		}
	}
	return int(asked.Load()), active
}

func TestIdlePoolsCostNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		time.Sleep(15 * time.Hour)
		metrics, active := billed(t, func() { time.Sleep(5 * time.Minute) })
		ratio := float64(metrics) / float64(active)
		t.Logf("50 accounts, 3 regions, 20 pools: a pass after the first asks for %d metrics, %d series are active: %.2f", metrics, active, ratio)
		if active < 30 || ratio > 1.1 {
			t.Errorf("a pass asks for %d metrics with %d active series", metrics, active)
		}
	})
}

// BenchmarkBillableMetrics prints what a pass after the first is billed, and how
// many series were active: 50 accounts, 3 regions, 20 pools in each.
func BenchmarkBillableMetrics(b *testing.B) {
	for b.Loop() {
		metrics, active := billed(b, func() {})
		b.ReportMetric(float64(metrics), "metrics/pass")
		b.ReportMetric(float64(active), "active-series")
	}
}

// TestSourcesFailAlone checks that without CloudWatch or CloudTrail everything
// else is whole, and that use is absent, not 0, once it is stale.
func TestSourcesFailAlone(t *testing.T) {
	for _, tt := range []struct{ kind, service, api string }{
		{"deny", "cloudwatch", "cloudwatch"},
		{"throttle", "cloudwatch", "cloudwatch"},
		{"garbage", "cloudwatch", "cloudwatch"},
		{"deny", "cloudtrail", "cloudtrail"},
		{"throttle", "cloudtrail", "cloudtrail"},
		{"error500", "cloudtrail", "cloudtrail"},
	} {
		t.Run(tt.kind+" of "+tt.service, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				policy := inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: 9 * time.Hour}
				sim := simulate(t, awssim.Options{Fleet: awssim.Demo(), NoQuotas: true, NoDelays: true})
				reader := sim.readerWith(t, awsread.Options{
					Quota: policy, CloudWatch: tt.service == "cloudwatch", CloudTrail: tt.service == "cloudtrail",
					DescribeMaxAge: 6 * time.Hour, RequestTimeout: time.Minute,
				})
				at := target(hub)
				good := reader.Read(t.Context(), at, nil)
				count := func(r inventory.Reading, staleAfter time.Duration) (pools, counted int) {
					now := time.Now()
					for _, p := range inventory.Judge(now, []inventory.Reading{r.Fresh(now.Add(-staleAfter))}, policy).Pools {
						pools++
						if p.Quota.Kind == inventory.QuotaDefault && p.Quota.Known {
							counted++
						}
					}
					return pools, counted
				}
				pools, counted := count(good, time.Hour)
				if pools != 12 || counted != 3 {
					t.Fatalf("%d pools, %d counted", pools, counted)
				}
				sim.fault(t, awssim.Fault{Kind: tt.kind, Service: tt.service})
				time.Sleep(10 * time.Minute)
				bad := reader.Read(t.Context(), at, &good)
				for _, o := range bad.Outcomes {
					if failed := o.Class != inventory.OK; failed != (o.API == tt.api) {
						t.Errorf("%s is %q", o.API, o.Message)
					}
				}
				if p, n := count(bad, 15*time.Minute); p != pools || n != counted {
					t.Errorf("at once %d pools and %d counted are left", p, n)
				}
				if p, n := count(bad, 5*time.Minute); p != pools || n != 0 {
					t.Errorf("once stale, %d pools and %d counted are left", p, n)
				}
			})
		})
	}
}

// TestBusyTrailIsCaughtUp checks that a day with more events than one pass can
// read is read over several, none of which keeps the other facts waiting.
func TestBusyTrailIsCaughtUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		region := &awssim.Region{SES: awssim.SES{ProductionAccess: true, SendingEnabled: true, Enforcement: "HEALTHY", Max24HourSend: -1, MaxSendRate: 100}}
		for i := range 4 {
			region.Pools = append(region.Pools, awssim.Pool{
				Name: fmt.Sprint("busy-", i), Mode: "DEVELOPER", AutoVerified: []string{"email"},
				SourceARN: "arn:aws:ses:eu-west-1:" + hub + ":identity/example.com", From: "a@example.com",
				Traffic: awssim.Traffic{PerHour: map[string]float64{"SignUp": 120}},
			})
		}
		region.Pools = append(region.Pools, awssim.Pool{Name: "quiet", AutoVerified: []string{"email"}, Traffic: awssim.Traffic{PerHour: map[string]float64{"ForgotPassword": 0.5}}})
		fleet := &awssim.Fleet{Accounts: []awssim.Account{{ID: hub, Regions: map[string]*awssim.Region{"eu-west-1": region}}}}
		sim := simulate(t, awssim.Options{Fleet: fleet, NoDelays: true, Seed: 3})
		o := newOracle(t, fleet, 3)
		policy := inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopePool, Reset: 9 * time.Hour}
		time.Sleep(27 * time.Hour) // 03:00, 18 hours into the day
		reader := sim.readerWith(t, awsread.Options{
			Quota: policy, CloudTrail: true, DescribeMaxAge: 6 * time.Hour, RequestTimeout: time.Minute,
			Budgets: map[string]float64{inventory.APICognito: 5, inventory.APISES: 0.33, inventory.APICloudTrail: 0.66},
		})
		var prev *inventory.Reading
		for pass := 1; ; pass++ {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			r := reader.Read(ctx, target(hub), prev)
			cancel()
			for _, outcome := range r.Outcomes {
				if outcome.Class != inventory.OK {
					t.Errorf("pass %d: %s", pass, outcome.Message)
				}
			}
			if took := time.Since(began); took > 3*time.Minute {
				t.Errorf("pass %d took %s", pass, took)
			}
			prev = &r
			if r.Trail.Complete {
				if pass == 1 {
					t.Error("one pass does for all")
				}
				break
			}
			if pass == 20 {
				t.Fatal("after 20 passes it is still not read")
			}
			time.Sleep(time.Until(began.Add(5 * time.Minute)))
		}
		now := time.Now()
		start, _ := policy.Window(now)
		for _, p := range inventory.Judge(now, []inventory.Reading{*prev}, policy).Pools {
			if p.Name == "quiet" {
				want := o.truth(prev.End, start)[p.ID].Sent
				if p.SentCloudTrail == nil || *p.SentCloudTrail != float64(want) {
					t.Errorf("%v e-mails counted, want %d", deref(p.SentCloudTrail), want)
				}
			}
		}
	})
}
