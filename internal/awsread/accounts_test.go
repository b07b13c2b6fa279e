package awsread_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// manama is a region that must be switched on, and is not.
const manama = "me-south-1"

func in(account, region string) inventory.Target {
	return inventory.Target{AccountID: account, Region: region}
}

func TestKnownRegionsOutliveAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		reader := sim.reader(t, nil)
		check := func(when string, calls int) {
			t.Helper()
			r := reader.Read(t.Context(), in(hub, manama), nil)
			if got := class(t, r, inventory.APICognito); got != inventory.RegionDisabled {
				t.Errorf("%s: class %q, want region_disabled: %+v", when, got, r.Outcomes)
			}
			if n := sim.calls(hub, "ListRegions"); n != calls {
				t.Errorf("%s: ListRegions was called %d times, want %d", when, n, calls)
			}
		}
		check("at first", 1)
		time.Sleep(time.Hour + time.Second)
		sim.fault(t, awssim.Fault{Kind: "error500", Service: "account"})
		check("when the list cannot be renewed", 1+3)
		sim.fault(t)
		time.Sleep(4 * time.Minute)
		check("soon after that", 1+3)
		time.Sleep(2 * time.Minute)
		check("once it is tried again", 1+3+1)
		time.Sleep(time.Hour - time.Minute)
		check("within the hour after that", 1+3+1)
	})
}

// TestLateExpiry has a call that fails only after the credentials that it was
// made with have been replaced.
func TestLateExpiry(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		sim.hold = func(operation, region string) time.Duration {
			if region != "eu-central-1" {
				return 0
			}
			// Both are asked before the first one fails.
			return map[string]time.Duration{"ListUserPools": time.Millisecond, "GetAccount": 5 * time.Second}[operation]
		}
		reader := sim.reader(t, nil)
		allOK(t, reader.Read(t.Context(), target(staging), nil))
		sim.fault(t, awssim.Fault{Kind: "expired_token", Region: "eu-central-1", Count: 2})
		var wg sync.WaitGroup
		wg.Go(func() { // ListUserPools fails soon, GetAccount late.
			reader.Read(t.Context(), in(staging, "eu-central-1"), nil)
		})
		time.Sleep(time.Second)
		if n := sim.calls(staging, "AssumeRole"); n != 1 {
			t.Fatalf("AssumeRole was called %d times, want once so far", n)
		}
		allOK(t, reader.Read(t.Context(), target(staging), nil))
		wg.Wait()
		allOK(t, reader.Read(t.Context(), target(staging), nil))
		if n := sim.calls(staging, "AssumeRole"); n != 2 {
			t.Errorf("AssumeRole was called %d times, want once more", n)
		}
	})
}

// TestOthersWaitForThemselves has calls that several passes need the answer
// of. A pass that cannot wait for it does not keep it from the others.
func TestOthersWaitForThemselves(t *testing.T) {
	for _, operation := range []string{"GetCallerIdentity", "ListRegions", "AssumeRole"} {
		t.Run(operation, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				sim.hold = func(o, _ string) time.Duration {
					if o == operation {
						return 8 * time.Second
					}
					return 0
				}
				account := hub
				if operation == "AssumeRole" {
					account = staging
				}
				reader := sim.reader(t, nil)
				read := func(timeout time.Duration) (inventory.Class, time.Duration) {
					ctx, cancel := context.WithTimeout(t.Context(), timeout)
					defer cancel()
					r := reader.Read(ctx, in(account, manama), nil)
					return class(t, r, inventory.APICognito), r.End.Sub(r.Start)
				}
				var wg sync.WaitGroup
				hasty := func() {
					if class, took := read(2 * time.Second); class == inventory.RegionDisabled || took != 2*time.Second {
						t.Errorf("the hasty pass took %s: %s", took, class)
					}
				}
				wg.Go(hasty)
				time.Sleep(time.Second)
				wg.Go(func() {
					if class, took := read(time.Minute); class != inventory.RegionDisabled || took != 7*time.Second {
						t.Errorf("the patient pass took %s: %q, want region_disabled", took, class)
					}
				})
				time.Sleep(time.Second)
				wg.Go(hasty)
				wg.Wait()
				if n := sim.calls(account, operation); n != 1 {
					t.Errorf("%s was called %d times", operation, n)
				}
			})
		})
	}
}

// TestNobodyWaits has a pass that gives up on a call that no other waits for:
// the call ends, and the next pass makes it anew.
func TestNobodyWaits(t *testing.T) {
	for _, operation := range []string{"GetCallerIdentity", "ListRegions"} {
		t.Run(operation, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				sim.hold = func(o, _ string) time.Duration {
					if o == operation {
						return 8 * time.Second
					}
					return 0
				}
				var attempts atomic.Int64
				reader := sim.reader(t, func(o *awsread.Options) {
					o.Observe = func(a awsread.Attempt) {
						if a.Operation == operation {
							attempts.Add(1)
						}
					}
				})
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				if r := reader.Read(ctx, in(hub, manama), nil); class(t, r, inventory.APICognito) == inventory.RegionDisabled {
					t.Errorf("%+v", r.Outcomes)
				}
				if synctest.Wait(); attempts.Load() != 1 {
					t.Errorf("%d attempts have ended, want 1", attempts.Load())
				}
				if r := reader.Read(t.Context(), in(hub, manama), nil); class(t, r, inventory.APICognito) != inventory.RegionDisabled || r.End.Sub(r.Start) != 8*time.Second {
					t.Errorf("after %s: %+v", r.End.Sub(r.Start), r.Outcomes)
				}
			})
		})
	}
}

// TestAmbientAccountIsOne reads the ambient account by no ID and by its own.
func TestAmbientAccountIsOne(t *testing.T) {
	for name, accounts := range map[string][]awsread.Account{
		"not configured": nil, "configured without ID": {{}}, "configured": {{ID: hub}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				reader := sim.reader(t, func(o *awsread.Options) { o.Accounts = slices.Concat(accounts, []awsread.Account{role(staging)}) })
				for _, id := range []string{hub, "", hub} {
					r := reader.Read(t.Context(), in(id, manama), nil)
					if class(t, r, inventory.APISTS) != inventory.OK || class(t, r, inventory.APISES) != inventory.RegionDisabled || r.Target.AccountID != hub {
						t.Errorf("%q: %+v", id, r)
					}
				}
				for _, operation := range []string{"GetCallerIdentity", "ListRegions"} {
					if n := sim.calls("", operation); n != 1 {
						t.Errorf("%s was called %d times, want once", operation, n)
					}
				}
			})
		})
	}
}

// TestCallsAreThoseOfThePass has another pass that assumes the role anew
// meanwhile, in the region that this one reads.
func TestCallsAreThoseOfThePass(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		sim.hold = func(operation, region string) time.Duration {
			if operation == "GetAccount" && region == "us-east-1" {
				return 5 * time.Second
			}
			return 0
		}
		reader := sim.reader(t, func(o *awsread.Options) { o.STSRegion = "us-east-1" })
		first := reader.Read(t.Context(), target(staging), nil)
		if first.Calls != 9 {
			t.Errorf("%d calls, want 9: of ListUserPools, 3 of DescribeUserPool, GetAccount, ListEmailIdentities, 2 of GetEmailIdentity, GetConfigurationSet", first.Calls)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if r := reader.Read(t.Context(), in(staging, "us-east-1"), nil); r.Calls != 3 {
				t.Errorf("%d calls, want 3: of ListUserPools, GetAccount, ListEmailIdentities", r.Calls)
			}
		})
		time.Sleep(time.Second)
		sim.fault(t, awssim.Fault{Kind: "expired_token", Region: "eu-west-1", Count: 1})
		for range 2 {
			reader.Read(t.Context(), target(staging), nil)
		}
		wg.Wait()
		if n := sim.calls(staging, "AssumeRole"); n != 2 {
			t.Errorf("AssumeRole was called %d times, want 2", n)
		}
	})
}

// TestSTSInThePartition has an environment whose region is in a partition that
// the target is not in.
func TestSTSInThePartition(t *testing.T) {
	for _, tt := range []struct{ ambient, configured, target, want string }{
		{"eu-west-1", "", "us-gov-west-1", "us-gov-west-1"},
		{"eu-west-1", "", "eusc-de-east-1", "eusc-de-east-1"},
		{"us-gov-west-1", "", "eu-west-1", "us-east-1"},
		{"us-gov-west-1", "", "af-south-1", "us-east-1"},
		{"us-gov-west-1", "", "us-gov-east-1", "us-gov-west-1"},
		{"eu-central-1", "", "eu-west-1", "eu-central-1"},
		{"af-south-1", "", "eu-west-1", "us-east-1"},
		{"eu-central-1", "eu-west-2", "eu-west-1", "eu-west-2"},
		{"eu-central-1", "af-south-1", "eu-west-1", "af-south-1"},
		{"eu-central-1", "eu-west-2", "us-gov-east-1", "us-gov-east-1"},
	} {
		for _, account := range []string{hub, staging} {
			sim := simulate(t, awssim.Options{NoQuotas: true})
			isolate(t, "http://aws.example")
			t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
			t.Setenv("AWS_REGION", tt.ambient)
			reader := newReader(t, awsread.Options{
				Accounts: []awsread.Account{role(staging)}, STSRegion: tt.configured, HTTPClient: &http.Client{Transport: sim},
			})
			if got := reader.Region(); got != tt.ambient {
				t.Errorf("the ambient region is %q, want %q", got, tt.ambient)
			}
			reader.Read(t.Context(), in(account, tt.target), nil)
			asked := map[string]bool{}
			for _, c := range sim.Calls() {
				if c.Service == "sts" {
					asked[c.Region] = true
				}
			}
			if len(asked) != 1 || !asked[tt.want] {
				t.Errorf("%+v: account %s, STS was asked in %v", tt, account, asked)
			}
		}
	}
}

// TestNoRegionsIsNoAnswer has an answer to ListRegions that is not AWS's.
func TestNoRegionsIsNoAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
			if operation == "ListRegions" {
				return http.StatusOK, `{"Regions": []}`
			}
			return 0, ""
		})
		r := sim.reader(t, nil).Read(t.Context(), in(hub, manama), nil)
		if class(t, r, inventory.APICognito) != inventory.Denied || class(t, r, inventory.APISES) != inventory.Denied {
			t.Errorf("%+v", r.Outcomes)
		}
	})
}
