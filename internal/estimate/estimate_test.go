package estimate

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// defaults are the clocks and budgets of an empty configuration file.
func defaults() Input {
	return Input{
		Accounts: 1, Interval: 5 * time.Minute, Timeout: 5 * time.Minute, Idle: 24 * time.Hour, Refresh: time.Hour, DescribeAge: 6 * time.Hour,
		IdentityList: 30 * time.Minute, IdentityAge: 2 * time.Hour, MetricList: 15 * time.Minute,
		Budgets: map[string]float64{inventory.APICognito: 5, inventory.APISES: 0.33, inventory.APICloudWatch: 8, inventory.APICloudTrail: 0.66},
		Latency: 50 * time.Millisecond, MetricPrice: 0.01, PriceDate: "2026-11",
	}
}

func with(change func(*Input)) Input {
	in := defaults()
	change(&in)
	return in
}

// calls returns the first pass's calls of an operation and how many follow in an
// hour.
func calls(f Figures, operation string) string {
	first, hour := 0.0, 0.0
	for _, c := range f.Calls {
		if c.Operation == operation {
			first += c.First
			hour += c.Interval * 3600 / f.Interval
		}
	}
	return fmt.Sprintf("%.4g %.4g", first, hour)
}

func TestCalls(t *testing.T) {
	target := func(change func(*Places)) Input {
		p := Places{N: 2, SES: true, Pools: 10}
		change(&p)
		return with(func(in *Input) {
			in.CloudWatch, in.Details, in.Statistics, in.Places = true, true, true, []Places{p}
		})
	}
	plain := target(func(*Places) {})
	for _, tt := range []struct {
		name, operation string
		in              Input
		want            string
	}{
		{"each interval", "GetAccount", plain, "2 24"},
		{"no SES in the region", "GetAccount", target(func(p *Places) { p.SES = false }), "0 0"},
		{"a page", "ListUserPools", target(func(p *Places) { p.Pools = 60 }), "2 24"},
		{"two pages", "ListUserPools", target(func(p *Places) { p.Pools = 61 }), "4 48"},
		{"an empty page", "ListUserPools", target(func(p *Places) { p.Pools = 0 }), "2 24"},
		{"no pools of its own", "ListUserPools", target(func(p *Places) { p.SESOnly = true }), "0 0"},
		{"every 6h5m", "DescribeUserPool", plain, "20 3.288"},
		{"details", "GetLogDeliveryConfiguration", plain, "20 3.288"},
		{"details switched off", "GetLogDeliveryConfiguration", func() Input { in := plain; in.Details = false; return in }(), "0 0"},
		{"details that the first pass has no time for", "GetLogDeliveryConfiguration", target(func(p *Places) { p.Pools = 100 }), "0 32.88"},
		{"details of which it comes to some", "GetLogDeliveryConfiguration", target(func(p *Places) { p.Pools = 20 }), "28 6.575"},
		{"MFA", "GetUserPoolMfaConfig", target(func(p *Places) { p.MFA = 3 }), "6 0.9863"},
		{"replicas", "ListUserPoolReplicas", target(func(p *Places) { p.Replicated = 2 }), "4 48"},
		{"identities, every 35m", "ListEmailIdentities", plain, "2 3.429"},
		{"identities by the thousand", "ListEmailIdentities", target(func(p *Places) { p.AllIdentities = 1001 }), "4 6.857"},
		{"identities in trouble", "ListEmailIdentities", target(func(p *Places) { p.Identities, p.Troubled = 1, 1 }), "2 24"},
		{"in trouble, each interval", "GetEmailIdentity", target(func(p *Places) { p.Identities, p.Troubled = 3, 1 }), "6 25.92"},
		{"in use, every 2h5m", "GetEmailIdentity", target(func(p *Places) { p.Identities = 3 }), "6 2.88"},
		{"sets, every 2h5m", "GetConfigurationSet", target(func(p *Places) { p.ConfigurationSets = 1 }), "2 0.96"},
		{"statistics", "GetSendStatistics", target(func(p *Places) { p.Identities = 1 }), "2 8"},
		{"statistics without a sender", "GetSendStatistics", plain, "0 0"},
		{"reputation", "GetMetricData", target(func(p *Places) { p.Identities = 1 }), "2 2"},
		{"sign-ups and calls", "GetMetricData", target(func(p *Places) { p.BuiltIn, p.SignUpMetrics, p.CallMetrics = 1, 501, 2 }), "6 50"},
		{"lists with sign-ups", "ListMetrics", target(func(p *Places) { p.BuiltIn, p.SignUpMetrics, p.CallMetrics = 1, 1, 2 }), "4 26"},
		{"lists without, every 20m and 2h, and a day", "ListMetrics", target(func(p *Places) { p.BuiltIn = 1 }), "4 7.042"},
		{"no built-in sender", "ListMetrics", plain, "0 0"},
		{"earlier changes of pools", "LookupEvents", func() Input { in := plain; in.Changes = true; return in }(), "6 0"},
		{"and of SES", "LookupEvents", func() Input { in := target(func(p *Places) { p.Identities = 1 }); in.Changes = true; return in }(), "22 0"},
		{"of SES alone", "LookupEvents", func() Input {
			in := target(func(p *Places) { p.Identities, p.Pools, p.SESOnly = 1, 0, true })
			in.Changes = true
			return in
		}(), "16 0"},
		{"CloudTrail", "LookupEvents", func() Input { in := plain; in.CloudTrail = true; return in }(), "26 312"},
		{"CloudTrail without sign-ups", "ListUserPoolClients", func() Input { in := plain; in.CloudTrail = true; return in }(), "0 0"},
		{"CloudTrail with sign-ups", "ListUserPoolClients", func() Input {
			in := target(func(p *Places) { p.SignUpMetrics = 1 })
			in.CloudTrail = true
			return in
		}(), "20 0"},
		{"sign-ups without CloudTrail", "ListUserPoolClients", target(func(p *Places) { p.SignUpMetrics = 1 }), "0 0"},
		{"ambient", "GetCallerIdentity", plain, "1 0"},
		{"roles, every 15m", "AssumeRole", with(func(in *Input) { in.Roles = 1 }), "1 4"},
		{"roles without a target", "AssumeRole", with(func(in *Input) { in.Accounts, in.IdleRoles = 2, 1 }), "1 1"},
		{"regions", "ListRegions", with(func(in *Input) { in.RegionsAsked = 3 }), "3 3"},
		{"searches", "ListUserPools", with(func(in *Input) { in.Searched = 48 }), "48 2"},
		{"accounts", "ListAccounts", with(func(in *Input) { in.Organization = &Organization{Accounts: 21} }), "2 2"},
		{"accounts with a role", "AssumeRole", with(func(in *Input) { in.Organization = &Organization{Accounts: 21, Role: true} }), "1 1"},
		{"units", "ListAccountsForParent", with(func(in *Input) { in.Organization = &Organization{Units: 3} }), "3 3"},
		{"below units", "ListOrganizationalUnitsForParent", with(func(in *Input) { in.Organization = &Organization{Units: 3} }), "3 3"},
		{"roots", "ListRoots", with(func(in *Input) { in.Organization = &Organization{Units: 3} }), "1 1"},
		{"no units", "ListRoots", with(func(in *Input) { in.Organization = &Organization{} }), "0 0"},
		{"tags", "ListTagsForResource", with(func(in *Input) { in.Organization = &Organization{Active: 7, Tags: true} }), "7 7"},
	} {
		f := Of(tt.in)
		if got := calls(f, tt.operation); got != tt.want {
			t.Errorf("%s: %s %s, want %s", tt.name, tt.operation, got, tt.want)
		}
		first, interval := 0.0, 0.0
		for _, c := range f.Calls {
			first, interval = first+c.First, interval+c.Interval
		}
		if math.Abs(first-f.First) > 1e-9 || math.Abs(interval-f.PerInterval) > 1e-9 {
			t.Errorf("%s: the sums are %v and %v, want %v and %v", tt.name, f.First, f.PerInterval, first, interval)
		}
	}
}

// TestCosts checks the table of docs/operations.md.
func TestCosts(t *testing.T) {
	for _, tt := range []struct {
		metrics  float64
		interval time.Duration
		want     string
	}{{10, 5 * time.Minute, "0.86"}, {100, 5 * time.Minute, "8.64"}, {100, 15 * time.Minute, "2.88"}, {1000, 5 * time.Minute, "86.40"}, {1000, 15 * time.Minute, "28.80"}} {
		f := Of(with(func(in *Input) {
			in.CloudWatch, in.Interval, in.Places = true, tt.interval, []Places{{N: 1, SES: true, Pools: 1, BuiltIn: 1, SignUpMetrics: tt.metrics}}
		}))
		if got := fmt.Sprintf("%.2f", f.USD); got != tt.want || len(f.Costs) != 1 {
			t.Errorf("%v metrics each %s: %s USD, want %s: %+v", tt.metrics, tt.interval, got, tt.want, f.Costs)
		}
	}
	f := Of(with(func(in *Input) {
		in.CloudWatch, in.Places = true, []Places{{N: 1, SES: true, Pools: 2, BuiltIn: 1, Identities: 1, SignUpMetrics: 1, CallMetrics: 1}}
	}))
	var got []string
	for _, c := range f.Costs {
		got = append(got, fmt.Sprintf("%.4f %s", c.USD, c.Driver))
	}
	want := []string{"0.0864 sign-ups, each interval", "0.0144 reputation of targets that pools send through, each hour", "0.0072 calls that send e-mail, each hour"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if f := Of(with(func(in *Input) {
		in.Places = []Places{{N: 1, SES: true, Pools: 2, BuiltIn: 1, Identities: 1, SignUpMetrics: 1}}
	})); f.USD != 0 || len(f.Costs) > 0 {
		t.Errorf("without CloudWatch: %+v", f.Costs)
	}
}

func TestTimes(t *testing.T) {
	organization := with(func(in *Input) {
		in.Places, in.Organization = []Places{{N: 850, SES: true, Pools: 20}}, &Organization{Accounts: 1000}
		in.RegionsAsked, in.Searched = 1000, 17000
	})
	for _, tt := range []struct {
		name string
		in   Input
		want []string
	}{
		{"1,000 pools", with(func(in *Input) { in.Places = []Places{{N: 1, SES: true, Pools: 1000}} }), []string{
			"0.05 begin the first passes, targets", "202.45 longest first pass, the target with the most pools", "2.45 longest later pass, the target with the most pools", "202.50 everything read once, all of these",
		}},
		{"details", with(func(in *Input) {
			in.Details, in.CloudWatch, in.Places = true, true, []Places{{N: 1, SES: true, Pools: 14, BuiltIn: 1}}
		}), []string{
			"0.05 begin the first passes, targets", "3.85 longest first pass, the target with the most pools", "0.20 longest later pass, the target with the most pools", "3.90 everything read once, all of these",
		}},
		{"30 identities", with(func(in *Input) { in.Places = []Places{{N: 1, SES: true, Pools: 1, Identities: 30}} }), []string{
			"0.05 begin the first passes, targets", "87.93 longest first pass, the target with the most identities", "0.10 longest later pass, the target with the most pools", "87.98 everything read once, all of these",
		}},
		{"an organization", organization, []string{
			"6.25 list the accounts, accounts and organizational units", "59.85 find the regions, accounts × regions that are searched",
			"42.50 begin the first passes, targets", "3.25 longest first pass, the target with the most pools", "0.10 longest later pass, the target with the most pools", "111.85 everything read once, all of these",
		}},
	} {
		var got []string
		for _, x := range Of(tt.in).Times {
			got = append(got, fmt.Sprintf("%.2f %s, %s", x.Seconds, x.What, x.Driver))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n%q, want\n%q", tt.name, got, tt.want)
		}
	}
}

// TestMemory compares with what was measured, which docs/operations.md and
// docs/performance.md say.
func TestMemory(t *testing.T) {
	for _, tt := range []struct {
		targets int
		pools   float64 // of each
		idle    int     // searched regions
		want    float64
	}{{1, 1000, 0, 54e6}, {200, 2, 0, 64e6}, {200, 20, 0, 85e6}, {150, 200, 0, 149e6}, {150, 667, 0, 351e6}} {
		f := Of(with(func(in *Input) { in.Places, in.Searched = []Places{{N: tt.targets, Pools: tt.pools}}, tt.idle }))
		if math.Abs(f.Bytes-tt.want) > 0.2*tt.want {
			t.Errorf("%d × %v: %.0f MB, measured %.0f MB", tt.targets, tt.pools, f.Bytes/1e6, tt.want/1e6)
		}
	}
	f := Of(with(func(in *Input) { in.Places, in.Searched = []Places{{N: 10}, {N: 0, Pools: 5}}, 17000 }))
	if want := 48e6 + 10*12e3 + 17000*1.3e3; f.Bytes != want || f.Targets != 10 || f.Pools != 0 || f.Memory[0].Driver != "the program" {
		t.Errorf("%v bytes, want %v: %+v", f.Bytes, want, f.Memory)
	}
}

func TestSpread(t *testing.T) {
	mix := Mix{BuiltIn: 0.5, SignUps: 0.1, Clients: 2, MFA: 0.25, Identities: 3}
	show := func(all []Places) (texts []string) {
		for _, p := range all {
			texts = append(texts, fmt.Sprintf("%d: %v pools, %v built-in, %v metrics, %v calls, %v MFA, %v identities", p.N, p.Pools, p.BuiltIn, p.SignUpMetrics, p.CallMetrics, p.MFA, p.Identities))
		}
		return texts
	}
	for _, tt := range []struct {
		name  string
		mix   Mix
		n     int
		pools float64
		ses   bool
		want  []string
	}{
		{"some of each", mix, 10, 100, true, []string{"10: 100 pools, 50 built-in, 10 metrics, 2 calls, 25 MFA, 3 identities"}},
		{"one pool each", mix, 100, 1, true, []string{
			"50: 1 pools, 0 built-in, 0 metrics, 0 calls, 0.25 MFA, 3 identities",
			"45: 1 pools, 1 built-in, 0 metrics, 0 calls, 0.25 MFA, 0 identities", "5: 1 pools, 1 built-in, 2 metrics, 2 calls, 0.25 MFA, 0 identities",
		}},
		{"sign-ups in some", mix, 10, 4, true, []string{
			"8: 4 pools, 2 built-in, 0 metrics, 0 calls, 1 MFA, 3 identities", "2: 4 pools, 2 built-in, 2 metrics, 2 calls, 1 MFA, 3 identities",
		}},
		{"none", mix, 3, 0, true, []string{"3: 0 pools, 0 built-in, 0 metrics, 0 calls, 0 MFA, 0 identities"}},
		{"no SES", mix, 1, 20, false, []string{"1: 20 pools, 10 built-in, 2 metrics, 2 calls, 5 MFA, 0 identities"}},
		{"no places", mix, 0, 20, true, nil},
	} {
		if got := show(tt.mix.Spread(tt.n, tt.pools, tt.ses)); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n%q, want\n%q", tt.name, got, tt.want)
		}
	}
}
