package awsread_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// remedies are what a message has to say to the person who reads it.
var remedies = map[inventory.Class]string{
	inventory.Throttled:      "lower request_budgets",
	inventory.Denied:         "check the credentials",
	inventory.Timeout:        "raise timeout and request_timeout",
	inventory.Unavailable:    "check the network path",
	inventory.Invalid:        "check for a proxy",
	inventory.RegionDisabled: "enable the region",
}

// TestFaults reads with every kind of fault at every place where it can be,
// with and without an earlier reading.
func TestFaults(t *testing.T) {
	t.Parallel()
	classes := map[string]inventory.Class{
		"throttle": inventory.Throttled, "deny": inventory.Denied, "error500": inventory.Unavailable,
		"timeout": inventory.Timeout, "reset": inventory.Unavailable, "truncate": inventory.Unavailable,
		"garbage": inventory.Invalid, "slow": inventory.Timeout, "expired_token": inventory.Denied,
		"region_disabled": inventory.Denied, // The region is one that cannot be off.
	}
	if kinds := awssim.FaultKinds(); len(kinds) != len(classes)+1 { // TestRepeatedTokens has the other one.
		t.Fatalf("there are %d kinds of faults, and classes for %d", len(kinds), len(classes))
	}
	for kind := range classes {
		for _, place := range []struct {
			account, service, operation, first string
		}{
			{hub, "sts", "", "GetCallerIdentity"},
			{staging, "sts", "", "AssumeRole"},
			{staging, "cognito-idp", "", "ListUserPools"},
			{staging, "cognito-idp", "DescribeUserPool", "DescribeUserPool"},
			{staging, "ses", "", "GetAccount"},
			{staging, "ses", "GetAccount", "GetAccount"},
			{staging, "ses", "ListEmailIdentities", "ListEmailIdentities"},
			{staging, "ses", "GetEmailIdentity", "GetEmailIdentity"},
			{staging, "ses", "GetConfigurationSet", "GetConfigurationSet"},
		} {
			want := classes[kind]
			if place.service == "sts" && kind == "region_disabled" {
				want = inventory.RegionDisabled
			}
			t.Run(kind+"/"+place.account+"/"+place.service+"/"+place.operation, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					sim := simulate(t, awssim.Options{NoQuotas: true})
					at := target(place.account, "shaky.example")
					good := sim.reader(t, nil).Read(t.Context(), at, nil)
					allOK(t, good)
					complete(t, good)
					time.Sleep(time.Minute)
					sim.fault(t, awssim.Fault{Kind: kind, Service: place.service, Operation: place.operation})

					var fresh, kept inventory.Reading
					var wg sync.WaitGroup
					wg.Go(func() { fresh = readAnew(t, sim, at, nil) })
					wg.Go(func() { kept = readAnew(t, sim, at, &good) })
					wg.Wait()
					for _, r := range []inventory.Reading{fresh, kept} {
						for _, api := range []string{inventory.APISTS, inventory.APICognito, inventory.APISES} {
							hit := api == place.service || place.service == "sts"
							o, _ := r.Outcome(api)
							switch {
							case !hit && (o.Class != inventory.OK || o.Message != "" || !o.LastSuccess.Equal(r.End)):
								t.Errorf("%s is not at fault: %+v", api, o)
							case hit && o.Class != want:
								t.Errorf("%s: class %s, want %s: %s", api, o.Class, want, o.Message)
							case hit:
								for _, text := range []string{place.first + " in", "account " + place.account, "region eu-west-1", remedies[want]} {
									if !strings.Contains(o.Message, text) {
										t.Errorf("%s: %q does not say %q", api, o.Message, text)
									}
								}
							}
						}
					}
					hit := func(operation string) bool {
						s := "ses"
						if operation == "ListUserPools" || operation == "DescribeUserPool" {
							s = "cognito-idp"
						}
						return place.service == "sts" || place.service == s && (place.operation == "" || place.operation == operation)
					}
					judgeFresh(t, fresh, hit)
					judgeKept(t, kept, good, hit)
					for _, api := range []string{inventory.APISTS, inventory.APICognito, inventory.APISES} {
						o, _ := kept.Outcome(api)
						before, _ := good.Outcome(api)
						if o.Class != inventory.OK && !o.LastSuccess.Equal(before.LastSuccess) {
							t.Errorf("%s: last success %s, want the earlier one, %s", api, o.LastSuccess, before.LastSuccess)
						}
					}
				})
			})
		}
	}
}

// readAnew reads with a reader that has no credentials yet and describes every
// pool, and that a slow answer keeps waiting too long.
func readAnew(t *testing.T, sim *simulation, at inventory.Target, prev *inventory.Reading) inventory.Reading {
	return sim.reader(t, func(o *awsread.Options) {
		o.DescribeMaxAge, o.IdentityDetailsEvery, o.RequestTimeout = time.Nanosecond, time.Nanosecond, 5*time.Second
	}).Read(t.Context(), at, prev)
}

// judgeFresh checks that what was hit is unknown, without an earlier reading.
func judgeFresh(t *testing.T, r inventory.Reading, hit func(string) bool) {
	t.Helper()
	if known := len(r.Pools); known != 0 == hit("ListUserPools") {
		t.Errorf("%d pools", known)
	}
	for _, p := range r.Pools {
		if p.Settings != nil == hit("DescribeUserPool") {
			t.Errorf("settings %+v", p.Settings)
		}
	}
	if r.SES != nil == hit("GetAccount") {
		t.Errorf("SES %+v", r.SES)
	}
	if r.IdentitiesListed.IsZero() != hit("ListEmailIdentities") {
		t.Errorf("identities listed %s", r.IdentitiesListed)
	}
	shaky := identity(r, "shaky.example")
	if shaky.Verified == inventory.Unknown != hit("GetEmailIdentity") {
		t.Errorf("identity %+v", shaky)
	}
	if hit("ListEmailIdentities") && hit("GetEmailIdentity") && len(r.Identities) > 0 {
		t.Errorf("identities %+v", r.Identities)
	}
	unused := hit("ListUserPools") || hit("DescribeUserPool") // Then nobody is known to use it.
	if (identity(r, "example.com").Details == nil) != (unused || hit("GetEmailIdentity")) {
		t.Errorf("details %+v", identity(r, "example.com"))
	}
	if (len(r.ConfigurationSets) == 0) != (unused || hit("GetEmailIdentity") || hit("GetConfigurationSet")) {
		t.Errorf("configuration sets %+v", r.ConfigurationSets)
	}
}

// judgeKept checks that what was hit is as before, and the rest confirmed.
func judgeKept(t *testing.T, r, good inventory.Reading, hit func(string) bool) {
	t.Helper()
	if hit("ListUserPools") {
		samePools(t, r, good)
	}
	if len(r.Pools) != 3 {
		t.Errorf("%d pools", len(r.Pools))
	}
	for i, p := range r.Pools {
		if p.Listed.Before(r.Start) != hit("ListUserPools") || p.Settings == nil ||
			p.Confirmed.Before(r.Start) != hit("DescribeUserPool") ||
			hit("DescribeUserPool") && !p.Confirmed.Equal(good.Pools[i].Confirmed) {
			t.Errorf("pool %+v, settings %+v", p, p.Settings)
		}
	}
	if hit("GetAccount") {
		sameSES(t, r, good)
	} else if r.SES.Confirmed.Before(r.Start) {
		t.Errorf("SES %+v", r.SES)
	}
	switch {
	case hit("ListEmailIdentities") && hit("GetEmailIdentity"):
		sameIdentities(t, r, good)
	case hit("ListEmailIdentities"):
		if got := identity(r, "noreply@example.org"); !r.IdentitiesListed.Equal(good.IdentitiesListed) || got != identity(good, "noreply@example.org") {
			t.Errorf("listed %s, %+v", r.IdentitiesListed, got)
		}
	default:
		if got := identity(r, "noreply@example.org"); r.IdentitiesListed.Before(r.Start) || got.Confirmed.Before(r.Start) {
			t.Errorf("listed %s, %+v", r.IdentitiesListed, got)
		}
	}
	if got := identity(r, "shaky.example"); len(existing(r)) != 3 || got.Verified != inventory.Yes {
		t.Errorf("identities %+v", r.Identities)
	}
	got, before := identity(r, "example.com"), identity(good, "example.com")
	if got.Details != before.Details || got.Detailed.Before(r.Start) != hit("GetEmailIdentity") {
		t.Errorf("details %+v, were %+v", got, before)
	}
	if s := r.ConfigurationSets; len(s) != 1 || !s[0].Well() || s[0].Confirmed.Before(r.Start) != hit("GetConfigurationSet") {
		t.Errorf("configuration sets %+v", s)
	}
}

// withoutHosts has no answer for some operations, since their host does not exist.
type withoutHosts struct {
	*simulation
	missing func(operation string) string // the host, empty if it exists
}

func (s *withoutHosts) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	if host := s.missing(operationOf(r, body)); host != "" {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Name: host, Err: "no such host", IsNotFound: true}}
	}
	return s.simulation.RoundTrip(r)
}

// TestNotOffered has regions in which AWS's host of a service does not exist.
func TestNotOffered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var gone []string // operations whose host does not exist
		at := &withoutHosts{simulate(t, awssim.Options{NoQuotas: true}), func(operation string) string {
			if slices.Contains(gone, operation) {
				return "service.eu-west-1.amazonaws.com"
			}
			return ""
		}}
		reader := newReader(t, awsread.Options{
			HTTPClient: &http.Client{Transport: at}, Endpoint: "http://aws.example", AccessKeyID: "AKIATEST", SecretAccessKey: "x", DescribeMaxAge: time.Hour,
		})
		gone = []string{"GetAccount", "ListEmailIdentities", "GetEmailIdentity"}
		r := reader.Read(t.Context(), target(hub), nil)
		o, _ := r.Outcome(inventory.APISES)
		if o.Class != inventory.NotOffered || !o.LastSuccess.IsZero() || !strings.Contains(o.Message, "GetAccount in account "+hub+", region eu-west-1") || !strings.Contains(o.Message, "AWS does not offer the service in the region") {
			t.Errorf("%+v", o)
		}
		if class(t, r, inventory.APICognito) != inventory.OK || len(r.Pools) != 3 || r.SES != nil {
			t.Errorf("pools %+v, SES %+v", r.Pools, r.SES)
		}
		gone = nil
		time.Sleep(time.Minute)
		r = reader.Read(t.Context(), target(hub), &r)
		allOK(t, r)

		// What was there does not cease to be: then it is the DNS.
		gone = []string{"GetAccount", "ListUserPools"}
		time.Sleep(time.Minute)
		blind := reader.Read(t.Context(), target(hub), &r)
		if class(t, blind, inventory.APISES) != inventory.Unavailable || class(t, blind, inventory.APICognito) != inventory.Unavailable {
			t.Errorf("%+v", blind.Outcomes)
		}
		fresh := reader.Read(t.Context(), target(hub), nil)
		if class(t, fresh, inventory.APICognito) != inventory.NotOffered || !fresh.PoolsKnown() || fresh.Pools != nil {
			t.Errorf("pools %+v, %+v", fresh.Pools, fresh.Outcomes)
		}
		again := reader.Read(t.Context(), target(hub), &fresh)
		if class(t, again, inventory.APICognito) != inventory.NotOffered {
			t.Errorf("%+v", again.Outcomes)
		}
	})
}

// TestGone has a whole AWS that ceases to exist, and comes back.
func TestGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		reader := sim.reader(t, nil)
		good := reader.Read(t.Context(), target(hub), nil)
		sim.fault(t, awssim.Fault{Kind: "reset"})
		time.Sleep(time.Minute)
		gone := reader.Read(t.Context(), target(hub), &good)
		for _, api := range []string{inventory.APICognito, inventory.APISES} {
			if class(t, gone, api) != inventory.Unavailable {
				t.Errorf("%+v", gone.Outcomes)
			}
		}
		sameFacts(t, gone, good)
		sim.fault(t)
		back := reader.Read(t.Context(), target(hub), &gone)
		allOK(t, back)
		complete(t, back)
	})
}

// attempts counts what Observe is told.
type attempts struct {
	mu sync.Mutex
	n  map[awsread.Attempt]int
}

func (a *attempts) observe(t awsread.Attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.n == nil {
		a.n = map[awsread.Attempt]int{}
	}
	a.n[t]++
}

// count adds up the attempts of an operation, those that failed separately.
func (a *attempts) count(operation string) (all, failed int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for t, n := range a.n {
		if t.Operation == operation {
			all += n
			if t.Class != inventory.OK {
				failed += n
			}
		}
	}
	return all, failed
}

// agree checks that the attempts are those that the simulation counted.
func (a *attempts) agree(t *testing.T, sim *simulation) {
	t.Helper()
	have, want := map[string]string{}, map[string]string{}
	for _, c := range sim.Calls() {
		if c.Calls > 0 {
			want[c.Operation] = ""
		}
	}
	a.mu.Lock()
	for k := range a.n {
		have[k.Operation] = ""
	}
	a.mu.Unlock()
	for operation := range want {
		calls, errors := 0, 0
		for _, c := range sim.Calls() {
			if c.Operation == operation {
				calls, errors = calls+c.Calls, errors+c.Errors
			}
		}
		all, failed := a.count(operation)
		have[operation], want[operation] = fmt.Sprint(all, failed), fmt.Sprint(calls, errors)
	}
	if len(want) == 0 || !maps.Equal(have, want) {
		t.Errorf("attempts and failures that were observed %v, and that the simulation counted %v", have, want)
	}
}

func TestThrottling(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const pools = 16
		f := generated(t, pools, "mixed")
		f.Accounts[0].Regions["eu-west-1"].Identities = append(f.Accounts[0].Regions["eu-west-1"].Identities,
			awssim.Identity{Name: "shaky.example", Status: "TEMPORARY_FAILURE", Verified: true})
		sim := simulate(t, awssim.Options{Fleet: f, NoQuotas: true, Seed: 3, Faults: []awssim.Fault{{Kind: "throttle", Rate: 0.3}}})
		var seen attempts
		reader := sim.reader(t, func(o *awsread.Options) {
			o.Accounts = []awsread.Account{role(hub)}
			o.Observe = seen.observe
		})
		r := reader.Read(t.Context(), target(hub, "shaky.example", "pending.example.net", "failed.example.net"), nil)
		allOK(t, r)
		if len(r.Pools) != pools || len(r.Identities) != 5 || identity(r, "shaky.example").Verified != inventory.Yes {
			t.Errorf("%d pools, identities %+v", len(r.Pools), r.Identities)
		}
		for _, p := range r.Pools {
			if p.Settings == nil {
				t.Errorf("%s has no settings", p.Name)
			}
		}
		seen.agree(t, sim)
		if _, throttled := seen.count("DescribeUserPool"); throttled == 0 {
			t.Error("nothing was throttled")
		}
		for a := range seen.n {
			if a.Class != inventory.OK && a.Class != inventory.Throttled {
				t.Errorf("attempt %+v", a)
			}
		}
	})
}

func TestThrottlingOfAssumeRole(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Faults: []awssim.Fault{{Kind: "throttle", Service: "sts", Count: 2}}})
		var seen attempts
		r := sim.reader(t, func(o *awsread.Options) { o.Observe = seen.observe }).Read(t.Context(), target(staging), nil)
		allOK(t, r)
		complete(t, r)
		seen.agree(t, sim)
		if all, failed := seen.count("AssumeRole"); all != 3 || failed != 2 {
			t.Errorf("%d attempts, %d failed, want 3 and 2", all, failed)
		}
	})
}

// TestQuotas meets AWS's own quota for pools.
func TestQuotas(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const pools = 17 // The quota lets 15 calls at once through.
		sim := simulate(t, awssim.Options{Fleet: generated(t, pools, "healthy")})
		var seen attempts
		r := sim.reader(t, func(o *awsread.Options) { o.Observe = seen.observe }).Read(t.Context(), target(hub), nil)
		allOK(t, r)
		if len(r.Pools) != pools || slices.ContainsFunc(r.Pools, func(p inventory.UserPool) bool { return p.Settings == nil }) {
			t.Errorf("%d pools, or one without settings", len(r.Pools))
		}
		seen.agree(t, sim)
		if _, throttled := seen.count("DescribeUserPool"); throttled == 0 {
			t.Error("nothing was throttled")
		}
	})
}

// TestAttempts checks how often which failure is tried again.
func TestAttempts(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]int{"deny": 1, "expired_token": 1, "error500": 3, "reset": 3, "throttle": 10} {
		t.Run(kind, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				sim.fault(t, awssim.Fault{Kind: kind, Service: "ses", Operation: "GetAccount", Count: 9})
				var seen attempts
				r := sim.reader(t, func(o *awsread.Options) { o.Observe = seen.observe }).Read(t.Context(), target(hub), nil)
				if all, _ := seen.count("GetAccount"); all != want {
					t.Errorf("%d attempts, want %d", all, want)
				}
				if ok := class(t, r, inventory.APISES) == inventory.OK; ok != (kind == "throttle") {
					t.Errorf("%+v", r.Outcomes)
				}
				seen.agree(t, sim)
			})
		})
	}
}

// TestCognitoBudget reads two regions at once, each with its own budget.
func TestCognitoBudget(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const (
			budget = 20 // and as many at once
			pools  = 59 // and one call that lists them
		)
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: generated(t, pools, "healthy", "eu-central-1")})
		reader := sim.reader(t, func(o *awsread.Options) { o.Budgets = map[string]float64{inventory.APICognito: budget} })
		start := time.Now()
		var wg sync.WaitGroup
		for _, region := range []string{"eu-central-1", "eu-west-1"} {
			wg.Go(func() {
				r := reader.Read(t.Context(), inventory.Target{AccountID: hub, Region: region}, nil)
				allOK(t, r)
				if len(r.Pools) != pools || slices.ContainsFunc(r.Pools, func(p inventory.UserPool) bool { return p.Settings == nil }) {
					t.Errorf("%s: %d pools, or one without settings", region, len(r.Pools))
				}
				// One budget for both would take five seconds.
				if took := time.Since(start).Round(time.Millisecond); took != 2*time.Second {
					t.Errorf("%s took %s, want two seconds", region, took)
				}
			})
		}
		time.Sleep(time.Second + time.Millisecond)
		if n := sim.calls("", "ListUserPools") + sim.calls("", "DescribeUserPool"); n != 2*2*budget {
			t.Errorf("%d calls within a second, want those at once and those of the second, in both regions", n)
		}
		wg.Wait()
		if n := sim.calls("", "ListUserPools") + sim.calls("", "DescribeUserPool"); n != 2*(pools+1) {
			t.Errorf("%d calls, want %d", n, 2*(pools+1))
		}
	})
}

// TestBudgetsAreSeparate has budgets of one request in ten seconds, and looks
// at which request was the one.
func TestBudgetsAreSeparate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		var seen attempts
		reader := sim.reader(t, func(o *awsread.Options) {
			o.Observe = seen.observe
			o.Budgets = map[string]float64{inventory.APICognito: 0.1, inventory.APISES: 0.1}
		})
		for _, at := range []inventory.Target{target(hub, "shaky.example", "gone.example.net"), target(staging, "shaky.example"), {AccountID: hub, Region: "eu-central-1"}} {
			sim.ResetCalls()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			r := reader.Read(ctx, at, nil)
			cancel()
			calls := map[string]int{}
			for _, c := range sim.Calls() {
				calls[c.Operation] = c.Calls
			}
			delete(calls, "AssumeRole")
			delete(calls, "GetCallerIdentity")
			want := map[string]int{"ListUserPools": 1, "GetAccount": 1, "ListEmailIdentities": 1}
			cognito := inventory.OK
			if at.Region == "eu-west-1" { // There are pools to describe, and an identity to ask for.
				want["GetEmailIdentity"] = 1
				cognito = inventory.Throttled
			}
			if !maps.Equal(calls, want) {
				t.Errorf("%s %s: calls %v, want %v", at.AccountID, at.Region, calls, want)
			}
			o, _ := r.Outcome(inventory.APICognito)
			if o.Class != cognito || class(t, r, inventory.APISES) != inventory.OK || class(t, r, inventory.APISTS) != inventory.OK {
				t.Errorf("%s %s: %+v", at.AccountID, at.Region, r.Outcomes)
			}
			if cognito != inventory.OK && (!strings.Contains(o.Message, "DescribeUserPool") || !strings.Contains(o.Message, "raise request_budgets")) {
				t.Errorf("message %q", o.Message)
			}
			if time.Since(r.Start) > 5*time.Second {
				t.Error("a budget without room is waited for")
			}
		}

		// The next pass has no room for anything.
		sim.ResetCalls()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r := reader.Read(ctx, target(hub, "shaky.example"), nil)
		if class(t, r, inventory.APICognito) != inventory.Throttled || class(t, r, inventory.APISES) != inventory.Throttled || len(r.Pools) > 0 || r.SES != nil {
			t.Errorf("%+v", r)
		}
		if len(sim.Calls()) > 0 {
			t.Errorf("calls %+v", sim.Calls())
		}
		if n, _ := seen.count("GetAccount"); n != 3 {
			t.Errorf("%d attempts of GetAccount were observed, want 3", n)
		}
	})
}

// TestDeadlineWhileThrottled ends a pass while the SDK waits to try again: what
// AWS said is the reason, not the deadline.
func TestDeadlineWhileThrottled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
			switch operation {
			case "ListUserPools":
				return http.StatusBadRequest, `{"__type": "TooManyRequestsException", "message": "Too many requests"}`
			case "GetAccount":
				return http.StatusServiceUnavailable, `{"message": "later"}`
			}
			return 0, ""
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		r := sim.reader(t, nil).Read(ctx, target(hub), nil)
		if class(t, r, inventory.APICognito) != inventory.Throttled || class(t, r, inventory.APISES) != inventory.Unavailable {
			t.Errorf("%+v", r.Outcomes)
		}
	})
}
