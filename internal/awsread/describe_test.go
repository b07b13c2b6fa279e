package awsread_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestThrottlingCostsLittle has AWS throttle 30 % of the describes. They count
// towards the budget as well, so that 1/0.7 = 1.43 times as long is the least.
func TestThrottlingCostsLittle(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const pools, budget = 200, 15
		fleet := generated(t, pools, "healthy")
		first := func(seed uint64, faults ...awssim.Fault) time.Duration {
			sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: fleet, Seed: seed, Faults: faults})
			var now, most atomic.Int64 // describes in flight
			sim.hold = func(operation, _ string) time.Duration {
				if operation == "DescribeUserPool" {
					if n := now.Add(1); n > most.Load() {
						most.Store(n)
					}
					time.Sleep(100 * time.Millisecond)
					now.Add(-1)
				}
				return 0
			}
			var seen attempts
			r := sim.reader(t, func(o *awsread.Options) {
				o.Observe, o.Budgets = seen.observe, map[string]float64{inventory.APICognito: budget}
			}).Read(t.Context(), target(hub), nil)
			allOK(t, r)
			if len(r.Pools) != pools || slices.ContainsFunc(r.Pools, func(p inventory.UserPool) bool { return p.Settings == nil }) {
				t.Errorf("seed %d: %d pools, or one without settings", seed, len(r.Pools))
			}
			all, throttled := seen.count("DescribeUserPool")
			if all-throttled != pools || (throttled > 0) != (len(faults) > 0) {
				t.Errorf("seed %d: %d calls succeeded and %d were throttled, want %d to succeed", seed, all-throttled, throttled, pools)
			}
			if most.Load() != 4 {
				t.Errorf("seed %d: %d describes were in flight, want 4", seed, most.Load())
			}
			return r.End.Sub(r.Start)
		}
		bound := first(0)
		const seeds = 5
		var mean float64
		for seed := range uint64(seeds) {
			took := first(seed, awssim.Fault{Kind: "throttle", Operation: "DescribeUserPool", Rate: 0.3})
			mean += float64(took) / float64(bound) / seeds
		}
		t.Logf("%s without throttling, %.2f times as long with it", bound, mean)
		if mean > 1.7 {
			t.Errorf("30 %% of throttling costs %.2f times as long", mean)
		}
	})
}

// TestThrottledForGood has one pool whose describes AWS always throttles.
func TestThrottledForGood(t *testing.T) {
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		calls   int // 0 where the deadline ends them
	}{{"attempts", time.Hour, 10}, {"deadline", 2 * time.Second, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				const pools = 20
				sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: generated(t, pools, "healthy")})
				bad := sim.Fleet().Accounts[0].Regions["eu-west-1"].Pools[3].ID
				calls := 0
				sim.spoilt(func(operation string, body []byte, _ func() []byte) (int, string) {
					if operation != "DescribeUserPool" || !strings.Contains(string(body), bad) {
						return 0, ""
					}
					calls++
					return http.StatusBadRequest, `{"__type": "TooManyRequestsException", "message": "Slow down, please"}`
				})
				ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
				defer cancel()
				r := sim.reader(t, nil).Read(ctx, target(hub), nil)
				o, _ := r.Outcome(inventory.APICognito)
				if o.Class != inventory.Throttled || !strings.Contains(o.Message, "DescribeUserPool") || !strings.Contains(o.Message, "Slow down, please") {
					t.Errorf("%+v", o)
				}
				if tt.calls > 0 && calls != tt.calls || tt.calls == 0 && (calls < 2 || r.End.Sub(r.Start) != tt.timeout) {
					t.Errorf("%d calls in %s", calls, r.End.Sub(r.Start))
				}
				if len(r.Pools) != pools {
					t.Errorf("%d pools", len(r.Pools))
				}
				for _, p := range r.Pools {
					if p.ID == bad != (p.Settings == nil) || p.Confirmed.After(r.Start.Add(time.Second)) {
						t.Errorf("%s: settings %+v, confirmed after %s; nothing is to wait for the one that is throttled", p.ID, p.Settings, p.Confirmed.Sub(r.Start))
					}
				}
			})
		})
	}
}

// TestProgress reads two targets at once, with throttling and a pool that is
// gone when it is described: what is reported counts up one by one.
func TestProgress(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const pools = 40
		sim := simulate(t, awssim.Options{
			NoQuotas: true, Fleet: generated(t, pools, "healthy", "eu-central-1"), Latency: time.Millisecond,
			Faults: []awssim.Fault{{Kind: "throttle", Operation: "DescribeUserPool", Rate: 0.3}},
		})
		gone := sim.Fleet().Accounts[0].Regions["eu-west-1"].Pools[0].ID
		sim.spoilt(func(operation string, body []byte, _ func() []byte) (int, string) {
			if operation == "DescribeUserPool" && strings.Contains(string(body), gone) {
				return http.StatusBadRequest, `{"__type": "ResourceNotFoundException", "message": "User pool does not exist."}`
			}
			return 0, ""
		})
		var mu sync.Mutex // guards reports
		reports := map[inventory.Key][]int{}
		reader := sim.reader(t, func(o *awsread.Options) {
			o.Progress = func(at inventory.Target, done, total int) {
				mu.Lock()
				defer mu.Unlock()
				if total != pools && (done != 0 || total > 1) {
					t.Errorf("%s: %d of %d, of %d pools", at.Region, done, total, pools)
				}
				reports[at.Key()] = append(reports[at.Key()], done)
			}
		})
		reported := func(k inventory.Key) []int { // since it was asked before
			mu.Lock()
			defer mu.Unlock()
			got := reports[k]
			delete(reports, k)
			return got
		}
		var whole []int
		for n := range pools + 1 {
			whole = append(whole, n)
		}
		var wg sync.WaitGroup
		for _, region := range []string{"eu-central-1", "eu-west-1"} {
			wg.Go(func() {
				at := in(hub, region)
				first := reader.Read(t.Context(), at, nil)
				if got := reported(at.Key()); !slices.Equal(got, whole) {
					t.Errorf("%s: %v, want every number up to %d", region, got, pools)
				}
				if region == "eu-west-1" {
					return // Here one pool is left to describe.
				}
				reader.Read(t.Context(), at, &first)
				if got := reported(at.Key()); !slices.Equal(got, []int{0}) {
					t.Errorf("%s, with nothing to describe: %v", region, got)
				}
			})
		}
		wg.Wait()
	})
}
