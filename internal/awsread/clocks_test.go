package awsread_test

import (
	"context"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// The clocks of the tests are the defaults.
const (
	interval        = 5 * time.Minute
	staleAfter      = 3 * interval
	identitiesEvery = 6 * interval
	metricsEvery    = 3 * interval
	detailsEvery    = 2 * time.Hour
)

// passes are passes over one target, interval apart.
type passes struct {
	t      *testing.T
	sim    *simulation
	reader *awsread.Reader
	last   inventory.Reading
}

// quiet begins with a first pass over a region in which all is well: a pool
// sends as example.com, another one with the built-in sender.
func quiet(t *testing.T, o awssim.Options) *passes {
	t.Helper()
	o.NoQuotas, o.NoDelays = true, true
	o.Fleet = parseFleet(t, `
accounts:
  - id: "100000000001"
    regions:
      eu-west-1:
        identities: [{name: example.com, configuration_set: login}, {name: unused.example}]
        configuration_sets: [{name: login}]
        pools:
          - {id: eu-west-1_a, name: customers, mode: DEVELOPER, source_arn: "arn:aws:ses:eu-west-1:100000000001:identity/example.com", from: a@example.com}
          - {id: eu-west-1_b, name: built-in, auto_verified: [email]}
`)
	sim := simulate(t, o)
	p := &passes{t: t, sim: sim, reader: sim.reader(t, func(o *awsread.Options) {
		o.CloudWatch, o.Quota.Reset, o.DescribeMaxAge = true, 9*time.Hour, 6*time.Hour
		o.IdentitiesEvery, o.MetricsEvery, o.IdentityDetailsEvery = identitiesEvery, metricsEvery, detailsEvery
	})}
	time.Sleep(12 * time.Hour)
	p.last = p.reader.Read(t.Context(), target(hub), nil)
	allOK(t, p.last)
	return p
}

// next waits for the next pass, and returns how often it called the operation.
func (p *passes) next(operation string) int {
	p.t.Helper()
	time.Sleep(time.Until(p.last.Start.Add(interval)))
	before := p.sim.calls("", operation)
	p.last = p.reader.Read(p.t.Context(), target(hub), &p.last)
	return p.sim.calls("", operation) - before
}

// region changes eu-west-1.
func (p *passes) region(change map[string]any) {
	p.t.Helper()
	p.sim.patch(p.t, map[string]any{"accounts": []any{map[string]any{"id": hub, "regions": map[string]any{"eu-west-1": change}}}})
}

// TestCallsOfAQuietRegion counts the calls of half a day in which nothing
// happens, with answers that take a while, as AWS's do. What is due for each
// pool once in DescribeMaxAge, and the reputation, which AWS bills, have limits
// of their own.
func TestCallsOfAQuietRegion(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := quiet(t, awssim.Options{Latency: 50 * time.Millisecond})
		p.sim.ResetCalls()
		const n = int(12 * time.Hour / interval)
		counted := 0
		for range n {
			p.next("")
			allOK(t, p.last)
			counted += p.last.Calls
		}
		all := 0
		for _, c := range p.sim.Calls() {
			all += c.Calls
		}
		usual := all - p.sim.calls("", "DescribeUserPool") - p.sim.calls("", "GetMetricData")
		t.Logf("%.3f calls in a pass, %.3f with those of pools and reputation: %+v", float64(usual)/float64(n), float64(all)/float64(n), p.sim.Calls())
		if usual > n*5/2 || counted != all {
			t.Errorf("%d passes made %d calls, and %d by their own count, want at most 2.5 each", n, usual, counted)
		}
		for operation, want := range map[string][2]int{
			"ListUserPools": {n, n}, "GetAccount": {n, n}, "ListEmailIdentities": {n/7 - 1, n/7 + 1}, "ListMetrics": {n/4 + 4, n/4 + 8}, // Those of calls every two hours.
			"GetMetricData": {11, 13}, "DescribeUserPool": {2, 4}, "GetEmailIdentity": {5, 6}, "GetConfigurationSet": {5, 6},
		} {
			if got := p.sim.calls("", operation); got < want[0] || got > want[1] {
				t.Errorf("%s was called %d times in %d passes, want %d to %d", operation, got, n, want[0], want[1])
			}
		}
	})
}

// TestIdentitiesClock lists the identities when the list is old enough, or an
// identity in use is not verified.
func TestIdentitiesClock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := quiet(t, awssim.Options{})
		step := func(what string, lists int) {
			t.Helper()
			if n := p.next("ListEmailIdentities"); n != lists {
				t.Errorf("%s: ListEmailIdentities was called %d times, want %d", what, n, lists)
			}
			allOK(t, p.last)
		}
		for range identitiesEvery/interval - 1 {
			step("the list is recent", 0)
		}
		step("the list is old", 1)

		p.region(map[string]any{"identities": []any{map[string]any{"name": "unused.example", "status": "FAILED", "verified": false}}})
		step("what is not in use fails", 0)
		p.region(map[string]any{
			"identities": []any{map[string]any{"name": "new.example", "status": "PENDING", "verified": false}},
			"pools": []any{map[string]any{
				"id": "eu-west-1_a", "source_arn": "arn:aws:ses:eu-west-1:" + hub + ":identity/new.example", "from": "a@new.example",
			}},
		})
		step("a pool sends as an identity that is not on the list", 1)
		if got := identity(p.last, "new.example"); got.Status != "PENDING" || got.Verified != inventory.No {
			t.Errorf("the new identity is %+v", got)
		}
		for range 3 {
			step("it is not verified", 1)
		}
		p.region(map[string]any{"identities": []any{map[string]any{"name": "new.example", "status": "SUCCESS", "verified": true}}})
		step("it was not verified in the pass before", 1)
		if got := identity(p.last, "new.example"); got.Verified != inventory.Yes {
			t.Errorf("once verified, the new identity is %+v", got)
		}
		step("it is verified", 0)

		p.region(map[string]any{"pools": []any{map[string]any{
			"id": "eu-west-1_a", "source_arn": "arn:aws:ses:eu-west-1:" + hub + ":identity/gone.example", "from": "a@gone.example",
		}}})
		for range 2 {
			step("a pool sends as an identity that does not exist", 1)
		}
	})
}

// TestLateListOfIdentities has a pass whose time Cognito takes up: SES, which
// had no time to list the identities, is not to blame.
func TestLateListOfIdentities(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := quiet(t, awssim.Options{})
		p.region(map[string]any{"identities": []any{map[string]any{"name": "example.com", "status": "PENDING", "verified": false}}})
		time.Sleep(identitiesEvery)
		p.next("")
		p.sim.fault(t, awssim.Fault{Kind: "throttle", Operation: "ListUserPools"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := p.reader.Read(ctx, target(hub), &p.last)
		if class(t, r, inventory.APICognito) != inventory.Throttled || class(t, r, inventory.APISES) != inventory.OK {
			t.Errorf("%+v", r.Outcomes)
		}
		if identity(r, "example.com").Status != "PENDING" {
			t.Errorf("%+v", r.Identities)
		}
		sameIdentities(t, r, p.last)
	})
}

// TestSignUpsClock lists the metrics of sign-ups in every pass where there are
// sign-ups, else when the list is old enough or does not fit any more.
func TestSignUpsClock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := quiet(t, awssim.Options{})
		step := func(what string, lists int) {
			t.Helper()
			n := p.next("ListMetrics")
			if p.last.CallCounts.Confirmed.Equal(p.last.Start) {
				n-- // Those of calls have a clock of their own.
			}
			if n != lists {
				t.Errorf("%s: ListMetrics was called %d times, want %d", what, n, lists)
			}
			allOK(t, p.last)
			if class(t, p.last, inventory.APICloudWatch) != inventory.OK || p.last.SignUps == nil || p.last.SignUps.Confirmed.Equal(p.last.Start) != (lists > 0) {
				t.Errorf("%s: %+v, %+v", what, p.last.Outcomes, p.last.SignUps)
			}
		}
		for range 2 {
			for range metricsEvery/interval - 1 {
				step("there are no sign-ups", 0)
			}
			step("the list is old", 1)
		}
		p.region(map[string]any{"pools": []any{map[string]any{"id": "eu-west-1_c", "name": "another", "auto_verified": []any{"email"}}}})
		step("another pool has the built-in sender", 1)
		step("the pools are the same", 0)
		for time.Until(p.last.SignUps.WindowStart.Add(24*time.Hour)) > interval {
			p.next("")
		}
		step("the day of the quota begins", 1)
		p.region(map[string]any{"pools": []any{map[string]any{"id": "eu-west-1_b", "traffic": map[string]any{"per_hour": map[string]any{"SignUp": 60}}}}})
		for p.last.SignUps.Every > 0 {
			if p.next(""); time.Since(p.last.SignUps.WindowStart) > time.Hour {
				t.Fatal("no sign-up was seen")
			}
		}
		for range 4 {
			step("there are sign-ups", 1)
		}
	})
}

// TestFactsOfSlowClocks checks that facts from lists of their own clocks are
// shown between the lists, and end when the lists fail.
func TestFactsOfSlowClocks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := quiet(t, awssim.Options{})
		shown := func() inventory.Reading { return p.last.Fresh(time.Now().Add(-staleAfter)) }
		for range 3 * identitiesEvery / interval {
			p.next("")
			time.Sleep(interval - time.Nanosecond) // It is oldest just before the next pass.
			if r := shown(); r.IdentitiesListed.IsZero() || len(r.Identities) != 2 || r.SignUps.Ended {
				t.Fatalf("listed %s ago, and sign-ups %s ago: %+v", time.Since(p.last.IdentitiesListed), time.Since(p.last.SignUps.Confirmed), r)
			}
		}
		p.sim.fault(t, awssim.Fault{Kind: "deny", Operation: "ListEmailIdentities"}, awssim.Fault{Kind: "deny", Operation: "ListMetrics"})
		identities, signUps := p.last.IdentitiesListed.Add(identitiesEvery+staleAfter), p.last.SignUps.Confirmed.Add(metricsEvery+staleAfter)
		for time.Now().Before(identities.Add(interval)) {
			p.next("")
			now, r := time.Now(), shown()
			if listed := !now.After(identities); !r.IdentitiesListed.IsZero() != listed || (identity(r, "unused.example").Name != "") != listed {
				t.Errorf("%s before the list ends: listed %s, %+v", identities.Sub(now), r.IdentitiesListed, r.Identities)
			}
			if known := !now.After(signUps); r.SignUps.Ended == known {
				t.Errorf("%s before the sign-ups end: %+v", signUps.Sub(now), r.SignUps)
			}
			if identity(r, "example.com").Verified != inventory.Yes {
				t.Errorf("%s before the list ends, the identity in use is %+v", identities.Sub(now), identity(r, "example.com"))
			}
		}
		if class(t, p.last, inventory.APISES) != inventory.Denied || class(t, p.last, inventory.APICloudWatch) != inventory.Denied {
			t.Errorf("%+v", p.last.Outcomes)
		}
	})
}
