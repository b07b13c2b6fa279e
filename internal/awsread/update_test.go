package awsread_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestUpdateOfAccounts counts how often credentials are asked for: again only
// for an account whose role, external ID or region of STS is another.
func TestUpdateOfAccounts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		renamed, wrong := role(staging), role(staging)
		renamed.RoleARN += "-2"
		wrong.ExternalID = "s3cret-but-wrong"
		base := awsread.Options{DescribeMaxAge: time.Hour, RequestTimeout: 10 * time.Second}
		with := func(o awsread.Options, staging ...awsread.Account) awsread.Options {
			o.Accounts = slices.Concat([]awsread.Account{{ID: hub}, role(sandbox)}, staging)
			return o
		}
		elsewhere := base
		elsewhere.STSRegion = "eu-west-2"
		changed := base
		changed.Budgets, changed.Quota.Limit, changed.CloudWatch = map[string]float64{inventory.APISES: 100}, 50, true
		reader := sim.readerWith(t, with(base, role(staging)))
		for _, tt := range []struct {
			name  string
			opts  awsread.Options
			calls [3]int // of GetCallerIdentity for hub, and AssumeRole for staging and sandbox
			class inventory.Class
		}{
			{"as before", with(base, role(staging)), [3]int{1, 1, 1}, inventory.OK},
			{"the same again", with(base, role(staging)), [3]int{}, inventory.OK},
			{"others first", awsread.Options{Accounts: []awsread.Account{role(staging), role(sandbox), {ID: hub}}}, [3]int{}, inventory.OK},
			{"other budgets, quota and sources", with(changed, role(staging)), [3]int{}, inventory.OK},
			{"another role", with(base, renamed), [3]int{0, 1, 0}, inventory.OK},
			{"the first role", with(base, role(staging)), [3]int{0, 1, 0}, inventory.OK},
			{"another external ID", with(base, wrong), [3]int{0, 1, 0}, inventory.Denied},
			{"the right one", with(base, role(staging)), [3]int{0, 1, 0}, inventory.OK},
			{"no role", with(base, awsread.Account{ID: staging}), [3]int{}, inventory.Invalid},
			{"a role again", with(base, role(staging)), [3]int{0, 1, 0}, inventory.OK},
			{"not configured", with(base), [3]int{}, inventory.Invalid},
			{"STS elsewhere", with(elsewhere, role(staging)), [3]int{1, 1, 1}, inventory.OK},
		} {
			reader.Update(tt.opts)
			sim.ResetCalls()
			for _, id := range []string{hub, staging, sandbox} {
				r := reader.Read(t.Context(), target(id), nil)
				want := inventory.OK
				if id == staging {
					want = tt.class
				}
				if got := class(t, r, inventory.APISTS); got != want {
					t.Errorf("%s, %s: class %q, want %q: %+v", tt.name, id, got, want, r.Outcomes)
				}
				if want == inventory.OK {
					complete(t, r)
				}
			}
			got := [3]int{sim.calls("", "GetCallerIdentity"), sim.calls(staging, "AssumeRole"), sim.calls(sandbox, "AssumeRole")}
			if got != tt.calls {
				t.Errorf("%s: credentials were asked for %v times, want %v", tt.name, got, tt.calls)
			}
		}
	})
}

// TestUpdateOfBudgets reads 59 pools, which are 60 requests, again and again.
func TestUpdateOfBudgets(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: generated(t, 59, "healthy")})
		opts := awsread.Options{DescribeMaxAge: time.Hour, RequestTimeout: 10 * time.Second}
		opts.Budgets = map[string]float64{inventory.APICognito: 20}
		reader := sim.readerWith(t, opts)
		for _, tt := range []struct {
			name   string
			budget float64 // 0 is none
			pause  time.Duration
			want   time.Duration
		}{
			{"20 at once, then 20 a second", 20, 0, 2 * time.Second},
			{"what was asked lately counts", 20, 0, 3 * time.Second},
			{"a lower budget", 10, 0, 6 * time.Second},
			{"a lower budget after a pause", 10, time.Minute, 5 * time.Second},
			{"a higher budget", 30, 0, 2 * time.Second},
			{"a higher budget after a pause", 30, time.Minute, time.Second},
			{"no budget", 0, 0, 0},
			{"a budget again", 20, 0, 3 * time.Second}, // Nothing is at hand.
		} {
			opts.Budgets = map[string]float64{inventory.APICognito: tt.budget}
			if tt.budget == 0 {
				opts.Budgets = nil
			}
			reader.Update(opts)
			time.Sleep(tt.pause)
			r := reader.Read(t.Context(), target(hub), nil)
			allOK(t, r)
			if took := r.End.Sub(r.Start).Round(time.Millisecond); took != tt.want {
				t.Errorf("%s: %s, want %s", tt.name, took, tt.want)
			}
		}
	})
}

// TestUpdateOfSources switches CloudWatch and CloudTrail off, moves the reset of
// the quota and switches them on again: what is known of usage follows at once.
func TestUpdateOfSources(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, NoDelays: true})
		time.Sleep(12 * time.Hour)
		opts := awsread.Options{DescribeMaxAge: time.Hour, RequestTimeout: 10 * time.Second, MetricsEvery: time.Hour}
		on := opts
		on.CloudWatch, on.CloudTrail, on.Quota.Reset = true, true, 9*time.Hour
		reader := sim.readerWith(t, on)
		first := reader.Read(t.Context(), target(hub), nil)
		known := func(r inventory.Reading, start time.Time) {
			t.Helper()
			if r.SignUps == nil || r.Trail == nil || r.Reputation == nil || !r.SignUps.WindowStart.Equal(start) || !r.Trail.WindowStart.Equal(start) {
				t.Errorf("sign-ups %+v, trail %+v, reputation %+v, want a day that began at %s", r.SignUps, r.Trail, r.Reputation, start)
			}
		}
		day := time.Now().Truncate(24 * time.Hour)
		known(first, day.Add(9*time.Hour))

		later := on
		later.Quota.Reset = 10 * time.Hour
		reader.Update(later)
		known(reader.Read(t.Context(), target(hub), &first), day.Add(10*time.Hour))

		reader.Update(opts)
		unknown := func(r inventory.Reading) {
			t.Helper()
			if r.SignUps != nil || r.Trail != nil || r.Reputation != nil {
				t.Errorf("while they are off: sign-ups %+v, trail %+v, reputation %+v", r.SignUps, r.Trail, r.Reputation)
			}
			for _, api := range []string{inventory.APICloudWatch, inventory.APICloudTrail} {
				if o, ok := r.Outcome(api); ok {
					t.Errorf("while it is off: %+v", o)
				}
			}
		}
		sim.ResetCalls()
		off := reader.Read(t.Context(), target(hub), &first)
		allOK(t, off)
		unknown(off)
		for _, c := range sim.Calls() {
			if c.Service == "cloudwatch" || c.Service == "cloudtrail" {
				t.Errorf("while it is off: %+v", c)
			}
		}
		reader.Update(on)
		again := reader.Read(t.Context(), target(hub), &off)
		known(again, day.Add(9*time.Hour))
		if class(t, again, inventory.APICloudWatch) != inventory.OK || class(t, again, inventory.APICloudTrail) != inventory.OK {
			t.Errorf("%+v", again.Outcomes)
		}

		// Without credentials nothing can be asked.
		at, keys := target(sandbox), []string{inventory.APICloudWatch, inventory.APICloudTrail}
		on.Accounts = []awsread.Account{role(sandbox)}
		reader.Update(on)
		before := reader.Read(t.Context(), at, nil)
		on.Accounts = nil // So that they are another account's.
		reader.Update(on)
		for _, api := range keys {
			if r := reader.Read(t.Context(), at, &before); class(t, r, api) != inventory.Invalid {
				t.Errorf("%+v", r.Outcomes)
			}
		}
		reader.Update(opts)
		unknown(reader.Read(t.Context(), at, &before))
	})
}

// TestUpdateOfClocks has lists of a while ago that a shorter clock ends.
func TestUpdateOfClocks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := quiet(t, awssim.Options{})
		if n := p.next("ListEmailIdentities") + p.next("ListMetrics"); n != 0 || p.last.IdentitiesEvery != identitiesEvery {
			t.Errorf("%d lists, identities are listed every %s", n, p.last.IdentitiesEvery)
		}
		p.reader.Update(awsread.Options{CloudWatch: true, DescribeMaxAge: time.Minute, RequestTimeout: time.Minute})
		if n := p.next("ListEmailIdentities"); n != 1 || p.last.IdentitiesEvery != 0 {
			t.Errorf("%d lists, identities are listed every %s", n, p.last.IdentitiesEvery)
		}
		if n := p.next("DescribeUserPool"); n != 2 {
			t.Errorf("%d pools were described anew", n)
		}
	})
}

// TestUpdateDuringPasses has the newest external ID win, whatever passes begin
// meanwhile.
func TestUpdateDuringPasses(t *testing.T) {
	t.Parallel()
	sim := simulate(t, awssim.Options{NoQuotas: true})
	good, bad := role(staging), role(staging)
	bad.ExternalID = "s3cret-but-wrong"
	opts := awsread.Options{Accounts: []awsread.Account{bad}, DescribeMaxAge: time.Hour}
	reader := sim.readerWith(t, opts)
	for range 100 {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				at := target(staging)
				at.SESOnly = true
				reader.Read(t.Context(), at, nil)
			})
		}
		opts.Accounts = []awsread.Account{good}
		reader.Update(opts)
		wg.Wait()
		if r := reader.Read(t.Context(), target(staging), nil); class(t, r, inventory.APISTS) != inventory.OK {
			t.Fatalf("%+v", r.Outcomes)
		}
		opts.Accounts = []awsread.Account{bad}
		reader.Update(opts)
	}
}

// TestUpdateOfConnections has real connections: they stay over an update, and
// the time-out of a request becomes another one.
func TestUpdateOfConnections(t *testing.T) {
	t.Parallel()
	sim := simulate(t, awssim.Options{NoQuotas: true})
	var stall, opened atomic.Int64 // nanoseconds before GetAccount's answer; connections
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/email/account" {
			select {
			case <-time.After(time.Duration(stall.Load())):
			case <-r.Context().Done():
			}
		}
		sim.ServeHTTP(w, r)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	first, giveUp := make(chan inventory.Class, 1), func() {}
	var mu sync.Mutex // guards giveUp
	opts := awsread.Options{
		DescribeMaxAge: time.Hour, RequestTimeout: time.Minute,
		Endpoint: server.URL, AccessKeyID: "AKIATEST", SecretAccessKey: "test",
		Observe: func(a awsread.Attempt) {
			if a.Operation == "GetAccount" {
				select {
				case first <- a.Class:
				default:
				}
				if a.Class != inventory.OK {
					mu.Lock()
					defer mu.Unlock()
					giveUp()
				}
			}
		},
	}
	reader := newReader(t, opts)
	read := func(prev *inventory.Reading, want inventory.Class) inventory.Reading {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		mu.Lock()
		giveUp = cancel
		mu.Unlock()
		r := reader.Read(ctx, target(hub), prev)
		if got := <-first; got != want {
			t.Errorf("with a time-out of %s, GetAccount's class is %q, want %q", opts.RequestTimeout, got, want)
		}
		return r
	}
	r := read(nil, inventory.OK)
	before := opened.Load()
	opts.Budgets, opts.Quota.Limit = map[string]float64{inventory.APISES: 100}, 50
	opts.Endpoint, opts.AccessKeyID = "http://127.0.0.1:1", "AKIAOTHER" // They do not change.
	reader.Update(opts)
	r = read(&r, inventory.OK)
	if n := opened.Load() - before; n != 0 {
		t.Errorf("%d connections were opened after the update, want none", n)
	}
	stall.Store(int64(2 * time.Second))
	opts.RequestTimeout = time.Second
	reader.Update(opts)
	read(&r, inventory.Timeout)
	opts.RequestTimeout = time.Minute
	reader.Update(opts)
	read(&r, inventory.OK)
}
