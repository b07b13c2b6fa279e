package awsread_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const sourceARN = "arn:aws:ses:eu-west-1:" + hub + ":identity/example.com"

// randomFleet makes up pools whose traffic is of every kind, and is recorded in
// every way.
func randomFleet(r *rand.Rand, scope inventory.Scope) *awssim.Fleet {
	region := &awssim.Region{
		SES:     awssim.SES{ProductionAccess: true, SendingEnabled: true, Enforcement: "HEALTHY", Max24HourSend: 50000, MaxSendRate: 14},
		NoUsage: r.IntN(6) == 0,
	}
	for i := range 1 + r.IntN(4) {
		p := awssim.Pool{
			Name: fmt.Sprintf("pool-%d", i), AutoVerified: []string{"email"}, Clients: []awssim.Client{{Name: "web"}, {Name: "app"}},
		}
		rate := func() float64 { return 4 * r.Float64() * r.Float64() }
		p.Traffic.PerHour = map[string]float64{"AdminCreateUser": rate()}
		p.Traffic.Suppressed = 0.5 * r.Float64()
		if r.IntN(3) > 0 {
			p.Traffic.PerHour["SignUp"], p.Traffic.PerHour["ForgotPassword"], p.Traffic.PerHour["ResendConfirmationCode"] = rate(), rate(), rate()
			if r.IntN(2) == 0 { // A phone number is verified before the address.
				p.Traffic.SMS, p.AutoVerified = 0.3*r.Float64(), []string{"email", "phone_number"}
			}
		} else {
			p.Traffic.PerHour["Signup_POST"], p.Traffic.PerHour["forgotPassword_POST"], p.Traffic.PerHour["AdminResetUserPassword"] = rate(), rate(), rate()
			p.Traffic.PagesAlsoCall, p.Traffic.FloatStatus = r.IntN(2) == 0, r.IntN(2) == 0
		}
		if r.IntN(3) == 0 {
			for _, name := range []string{"UpdateUserAttributes", "AdminUpdateUserAttributes", "GetUserAttributeVerificationCode"} {
				p.Traffic.PerHour[name] = rate() / 4
			}
		}
		if r.IntN(3) == 0 {
			p.Traffic.Strangers, p.Traffic.Odd, p.Traffic.HideDelivery = 0.3*r.Float64(), 0.2*r.Float64(), r.IntN(4) == 0
		}
		switch r.IntN(8) {
		case 0:
			p.Mode, p.SourceARN, p.From = "DEVELOPER", sourceARN, "a@example.com"
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
	sim *simulation
	at  time.Time
}

func newOracle(t *testing.T, f *awssim.Fleet, seed uint64) *oracle {
	t.Helper()
	o := &oracle{at: time.Now()}
	o.sim = simulate(t, awssim.Options{Fleet: f, Seed: seed, Now: func() time.Time { return o.at }})
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

var fleets = flag.Int("fleets", 4, "how many random fleets TestBoundsHoldTheTruth follows for ten days each")

const daysPerFleet = 10

// TestBoundsHoldTheTruth follows random streams over random days, with passes at
// random times, restarts, pools that change their sender, events that cannot be
// decoded, refusals and sources that fail for hours. It holds every bound and
// every verdict against what was really sent.
func TestBoundsHoldTheTruth(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex // guards what follows
	checks, widths := 0, map[string]*width{}
	t.Run("fleet", func(t *testing.T) {
		for seed := range uint64(*fleets) {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 3))
					c := &checker{t: t, r: r, seed: seed, exact: r.IntN(2) == 0, widths: map[string]*width{}}
					c.run(daysPerFleet)
					mu.Lock()
					defer mu.Unlock()
					checks += c.checks
					for source, w := range c.widths {
						if widths[source] == nil {
							widths[source] = &width{}
						}
						widths[source].add(w)
					}
				})
			})
		}
	})
	days := *fleets * daysPerFleet
	t.Logf("%d days, %d verdicts checked", days, checks)
	for _, source := range slices.Sorted(maps.Keys(widths)) {
		w := widths[source]
		n := float64(max(w.n, 1))
		t.Logf("%s: %d verdicts, %.0f %% bounded, mean width %.1f of %.1f e-mails; %.0f %% ready, %.0f %% blocked, %.0f %% unknown",
			source, w.n, 100*float64(w.bounded)/n, w.sum/float64(max(w.bounded, 1)), w.limit/n, 100*float64(w.ready)/n, 100*float64(w.blocked)/n,
			100*float64(w.n-w.ready-w.blocked)/n)
	}
	if days > 0 && checks < 5*days {
		t.Errorf("only %d checks in %d days", checks, days)
	}
}

// width adds up how far apart the bounds are.
type width struct {
	n, bounded, ready, blocked int
	sum, limit                 float64
}

func (w *width) add(o *width) {
	w.n, w.bounded, w.ready, w.blocked = w.n+o.n, w.bounded+o.bounded, w.ready+o.ready, w.blocked+o.blocked
	w.sum, w.limit = w.sum+o.sum, w.limit+o.limit
}

type checker struct {
	t      *testing.T
	r      *rand.Rand
	seed   uint64
	exact  bool // CloudWatch and CloudTrail show everything at once
	policy inventory.Policy
	fleet  *awssim.Fleet
	sim    *simulation
	oracle *oracle
	checks int
	widths map[string]*width
}

func (c *checker) run(days int) {
	c.policy = inventory.Policy{Enabled: true, Scope: inventory.Scopes()[c.r.IntN(3)], Reset: 9 * time.Hour}
	c.fleet = randomFleet(c.r, c.policy.Scope)
	c.policy.Limit = float64(c.fleet.DefaultQuota.Limit)
	c.sim = simulate(c.t, awssim.Options{Fleet: c.fleet, NoQuotas: true, NoDelays: c.exact, Seed: c.seed})
	c.oracle = newOracle(c.t, c.fleet, c.seed)
	options := awsread.Options{Quota: c.policy, CloudWatch: true, CloudTrail: c.r.IntN(3) > 0, DescribeMaxAge: 6 * time.Hour, RequestTimeout: 10 * time.Second}
	options.MailEvents = int(c.seed % 2)                         // With 1, all but the latest events are only counted.
	time.Sleep(time.Duration(c.r.Int64N(int64(48 * time.Hour)))) // Started at any hour.
	reader := c.sim.readerWith(c.t, options)
	var prev *inventory.Reading
	read := func() {
		ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Minute)
		defer cancel()
		reading := reader.Read(ctx, target(hub), prev)
		prev = &reading
	}
	wait := func(most time.Duration) { time.Sleep(time.Duration(c.r.Int64N(int64(most))) + time.Second) }
	for end := time.Now().AddDate(0, 0, days); time.Now().Before(end); {
		switch c.r.IntN(14) {
		case 0: // A restart forgets everything.
			reader, prev = c.sim.readerWith(c.t, options), nil
		case 1, 2: // A source fails for hours.
			kind := []string{"deny", "throttle", "timeout", "repeat", "garbage"}[c.r.IntN(5)]
			f := awssim.Fault{Kind: kind, Service: []string{"cloudwatch", "cloudtrail"}[c.r.IntN(2)], Rate: []float64{0, 0.5}[c.r.IntN(2)]}
			c.sim.fault(c.t, f)
			for range 1 + c.r.IntN(4) {
				read()
				c.check(*prev, kind)
				wait(time.Hour)
			}
			c.sim.fault(c.t)
		case 3, 4: // A pool changes its sender.
			c.change()
			if c.r.IntN(2) == 0 {
				wait(time.Hour)
			}
		case 5: // A pool changes to a sender that this program does not know.
			c.sim.fault(c.t, awssim.Fault{Kind: "replace", Operation: "DescribeUserPool", Resource: c.change(), Field: "EmailSendingAccount", Value: "PIGEON"})
			read()
			c.check(*prev, "")
			wait(4 * time.Hour)
			c.check(*prev, "some time ago")
			c.sim.fault(c.t)
		}
		read()
		for _, o := range prev.Outcomes {
			if o.Class != inventory.OK {
				c.t.Fatalf("%s: %s", o.API, o.Message)
			}
		}
		c.check(*prev, "")
		wait(40 * time.Minute) // Meanwhile facts become stale.
		c.check(*prev, "some time ago")
		wait(5 * time.Hour)
	}
	reader, prev = c.sim.readerWith(c.t, options), nil
	read()
	c.check(*prev, "after a restart")
}

// change gives a pool another sender, in the simulation and for the oracle. It
// returns the pool's ID.
func (c *checker) change() string {
	pools := c.sim.Fleet().Accounts[0].Regions["eu-west-1"].Pools
	p := pools[c.r.IntN(len(pools))]
	to := map[string]any{"id": p.ID, "mode": "DEVELOPER", "source_arn": sourceARN, "from": "a@example.com"}
	if p.Mode == "DEVELOPER" {
		to["mode"], to["source_arn"], to["from"] = "COGNITO_DEFAULT", nil, nil
	}
	time.Sleep(time.Duration(c.r.IntN(1000)) * time.Millisecond)
	c.oracle.at = time.Now()
	for _, s := range []*simulation{c.sim, c.oracle.sim} {
		s.patch(c.t, map[string]any{"accounts": []any{map[string]any{"id": hub, "regions": map[string]any{"eu-west-1": map[string]any{
			"pools": []any{to},
		}}}}})
	}
	return p.ID
}

// check holds a reading against the truth.
func (c *checker) check(reading inventory.Reading, when string) {
	now := time.Now()
	start, _ := c.policy.Window(now)
	fresh := reading.Fresh(now.Add(-staleAfter))
	a := inventory.Judge(now, []inventory.Reading{fresh}, c.policy)
	really := func(p *inventory.Pool, at time.Time) (n float64) {
		for id, sent := range c.oracle.truth(at, start) {
			if c.policy.Scope != inventory.ScopePool || id == p.ID {
				n += float64(sent.Default)
			}
		}
		return n
	}
	source := "CloudWatch"
	if t := fresh.Trail; t != nil && t.Complete && t.WindowStart.Equal(start) {
		source = "CloudTrail"
	}
	if when != "" {
		source += ", " + map[bool]string{true: "some time ago", false: "in trouble"}[when == "some time ago"]
	}
	for i := range a.Pools {
		p := &a.Pools[i]
		if p.Settings == nil || !p.Settings.SendsDefault() {
			continue
		}
		c.checks++
		q := p.Quota
		upTo := now
		if !q.AsOf.IsZero() && q.AsOf.Before(now) {
			upTo = q.AsOf
		}
		if t := fresh.Trail; c.exact && t != nil && t.Complete && t.Confirmed.Equal(q.AsOf.Add(15*time.Minute)) {
			upTo = t.Confirmed.Add(-time.Second) // CloudTrail shows everything at once, of seconds that are over.
		}
		sent, before := really(p, now), really(p, upTo)
		say := func(text string, args ...any) {
			c.t.Helper()
			c.t.Errorf("seed %d, %s, scope %s, %s at %s: %s: %+v, ready %s; %v sent, %v by %s", c.seed, when, c.policy.Scope, p.Name, now, fmt.Sprintf(text, args...), *q, p.Ready, sent, before, upTo)
		}
		if q.Known && q.Used > sent {
			say("the lower bound is too high")
		}
		if q.Bounded == inventory.Yes && q.AtMost < before {
			say("the upper bound is too low")
		}
		if p.Ready == inventory.No && sent < q.Limit {
			say("not ready, but AWS would send")
		}
		if p.Ready == inventory.Yes && q.Bounded == inventory.Yes && before >= q.Limit {
			say("ready, but AWS would refuse")
		}
		if q.Contradicted {
			say("the scope is contradicted, and is right")
		}
		if n := c.oracle.truth(now, start)[p.ID]; p.SentCloudTrail != nil && *p.SentCloudTrail > float64(n.Default) || p.SentCloudWatch != nil && *p.SentCloudWatch > float64(n.SignUps) {
			say("by source %v and %v, of %+v", deref(p.SentCloudTrail), deref(p.SentCloudWatch), n)
		}
		if w := c.widths[source]; w == nil {
			c.widths[source] = &width{}
		}
		w := c.widths[source]
		w.n++
		w.limit += q.Limit
		if q.Bounded == inventory.Yes {
			w.bounded++
			w.sum += q.AtMost - q.Used
		}
		switch p.Ready {
		case inventory.Yes:
			w.ready++
		case inventory.No:
			w.blocked++
		case inventory.Unknown:
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
		if c := r.CallCounts; c != nil && c.Confirmed.Equal(r.Start) {
			active += len(c.ByMetric)
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
