package awsread_test

import (
	"flag"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

var costAccounts = flag.Int("cost-accounts", 1, "how many accounts TestCallsAndDollars reads for a day; docs/performance.md has the bars for 50")

// TestCallsAndDollars counts what a day of passes costs at the default clocks,
// after the first pass: the requests of a pass, and what AWS bills for CloudWatch.
// The bar of docs/performance.md, 0.35 USD, is for 50 accounts, which take a
// quarter of an hour; a few of them may have more pools with sign-ups than that.
func TestCallsAndDollars(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		regions := []string{"eu-west-1", "eu-central-1", "us-east-1"}
		f, err := awssim.Generate(awssim.GenerateOptions{Accounts: *costAccounts, Regions: regions, Pools: 20, Seed: 7, Mix: "mixed", Active: 0.05})
		if err != nil {
			t.Fatal(err)
		}
		sim := simulate(t, awssim.Options{Fleet: f, NoQuotas: true, Seed: 7})
		var billed atomic.Int64
		o := awsread.Options{
			Quota:      inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: 9 * time.Hour},
			CloudWatch: true, Details: true, Statistics: true, DescribeMaxAge: 6 * time.Hour, IdentitiesEvery: identitiesEvery, MetricsEvery: metricsEvery, IdentityDetailsEvery: detailsEvery,
			RequestTimeout: time.Minute, Billed: func(n int) { billed.Add(int64(n)) },
		}
		for _, a := range f.Accounts[1:] {
			o.Accounts = append(o.Accounts, awsread.Account{ID: a.ID, RoleARN: "arn:aws:iam::" + a.ID + ":role/r"})
		}
		reader := sim.readerWith(t, o)
		type key struct{ account, region string }
		last := map[key]*inventory.Reading{}
		passes := 0
		pass := func() {
			for _, a := range f.Accounts {
				for _, region := range regions {
					k := key{a.ID, region}
					r := reader.Read(t.Context(), inventory.Target{AccountID: a.ID, Region: region}, last[k])
					for _, outcome := range r.Outcomes {
						if outcome.Class != inventory.OK {
							t.Fatal(outcome.Message)
						}
					}
					last[k] = &r
					passes++
				}
			}
		}
		time.Sleep(15 * time.Hour)
		pass()
		sim.ResetCalls()
		billed.Store(0)
		passes = 0
		for began := time.Now(); time.Since(began) < 24*time.Hour-interval; {
			time.Sleep(interval)
			pass()
		}
		calls, all := map[string]int{}, 0
		for _, c := range sim.Calls() {
			calls[c.Operation] += c.Calls
			all += c.Calls
		}
		for _, operation := range slices.Sorted(maps.Keys(calls)) {
			t.Logf("%s: %.3f a pass", operation, float64(calls[operation])/float64(passes))
		}
		// AWS takes 0.01 USD for 1,000 metrics.
		dollars, bar := float64(billed.Load())/100_000*50/float64(*costAccounts), 0.35
		if *costAccounts < 50 {
			bar = 0.4
		}
		each := float64(all) / float64(passes)
		t.Logf("%d passes of %.2f requests, %d metrics billed: %.3f USD a day for 50 accounts", passes, each, billed.Load(), dollars)
		if dollars > bar || dollars < bar/2 || each > 5.5 || calls["ListUserPools"] != passes || calls["GetAccount"] != passes {
			t.Errorf("a pass is %.2f requests, a day %.3f USD for 50 accounts", each, dollars)
		}
	})
}
