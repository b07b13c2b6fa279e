package awsread_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const (
	askMFA = "GetUserPoolMfaConfig"
	askLog = "GetLogDeliveryConfiguration"
)

// detailed is a simulation of pools with every kind of details, and a reader of
// them; change may be nil.
func detailed(t *testing.T, change func(*awsread.Options)) (*simulation, *awsread.Reader) {
	t.Helper()
	sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: parseFleet(t, `
accounts:
  - id: "100000000001"
    regions:
      eu-west-1:
        pools:
          - {id: eu-west-1_a, name: mail, mfa: ON, email_mfa: true, log_delivery: [userAuthEvents, userNotification]}
          - {id: eu-west-1_b, name: app, mfa: OPTIONAL, log_delivery: [userAuthEvents]}
          - {id: eu-west-1_c, name: template, email_mfa: true}
          - {id: eu-west-1_d, name: otp, first_factors: [PASSWORD, EMAIL_OTP]}
`)})
	return sim, sim.reader(t, func(o *awsread.Options) {
		o.Details, o.DescribeMaxAge = true, 6*time.Hour
		if change != nil {
			change(o)
		}
	})
}

// details says of every pool whether sign-in needs e-mail, and whether
// notifications are logged.
func details(r inventory.Reading) string {
	var all []string
	for _, up := range r.Pools {
		all = append(all, fmt.Sprintf("%s %s %s", up.Name, up.SignInEmail(), up.NotificationLog()))
	}
	return strings.Join(all, ", ")
}

const (
	allDetails  = "mail yes yes, app no no, template no no, otp yes no"
	withoutMFA  = "mail unknown yes, app unknown no, template no no, otp yes no"
	withoutLog  = "mail yes unknown, app no unknown, template no unknown, otp yes unknown"
	withoutBoth = "mail unknown unknown, app unknown unknown, template no unknown, otp yes unknown"
)

// TestDetails reads the details once for each description of a pool.
func TestDetails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim, reader := detailed(t, nil)
		r := reader.Read(t.Context(), target(hub), nil)
		step := func(what string, mfa, logs int, want string) {
			t.Helper()
			if m, l := sim.calls("", askMFA), sim.calls("", askLog); m != mfa || l != logs {
				t.Errorf("%s: %d and %d calls until now, want %d and %d", what, m, l, mfa, logs)
			}
			if got := details(r); got != want {
				t.Errorf("%s:\n%s, want\n%s", what, got, want)
			}
			allOK(t, r)
			if o, ok := r.Outcome(inventory.APIDetails); !ok || o.Class != inventory.OK || !o.LastSuccess.Equal(r.End) {
				t.Errorf("%s: %+v", what, o)
			}
		}
		step("at first", 2, 4, allDetails)
		again := func() {
			time.Sleep(5 * time.Minute)
			r = reader.Read(t.Context(), target(hub), &r)
		}
		again()
		step("then", 2, 4, allDetails)
		sim.patch(t, map[string]any{"accounts": []any{map[string]any{"id": hub, "regions": map[string]any{"eu-west-1": map[string]any{
			"pools": []any{map[string]any{"id": "eu-west-1_a", "email_mfa": false, "log_delivery": nil}},
		}}}}})
		again()
		step("a pool has changed", 3, 5, strings.Replace(allDetails, "mail yes yes", "mail no no", 1))
		time.Sleep(6 * time.Hour)
		again()
		step("the descriptions are old", 5, 9, strings.Replace(allDetails, "mail yes yes", "mail no no", 1))

		was := r
		o := awsread.Options{DescribeMaxAge: 6 * time.Hour}
		reader.Update(o)
		again()
		if _, asked := r.Outcome(inventory.APIDetails); asked || details(r) != withoutBoth {
			t.Errorf("switched off: %s, asked %v", details(r), asked)
		}
		if was.Pools[0].Details == nil {
			t.Error("the reading of before was changed")
		}
	})
}

// TestDetailsFail has calls for details fail: the rest of what Cognito says
// stays, and only they are to blame.
func TestDetailsFail(t *testing.T) {
	for name, tt := range map[string]struct {
		fault awssim.Fault
		want  string
		class inventory.Class
		calls int // of the operation, in a pass
		says  string
	}{
		"MFA denied": {awssim.Fault{Kind: "deny", Operation: askMFA}, withoutMFA, inventory.Denied, 1, "allow cognito-idp:GetUserPoolMfaConfig as in deploy/aws/iam-policy.json, or set pool_details.enabled to false"},
		"log denied": {awssim.Fault{Kind: "deny", Operation: askLog}, withoutLog, inventory.Denied, 1, "allow cognito-idp:GetLogDeliveryConfiguration as in"},
		"throttled":  {awssim.Fault{Kind: "throttle", Operation: askLog}, withoutLog, inventory.Throttled, 1, "lower request_budgets"},
		"broken":     {awssim.Fault{Kind: "error500", Operation: askLog}, withoutLog, inventory.Unavailable, 12, "health dashboard"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim, reader := detailed(t, nil)
				sim.hold = func(string, string) time.Duration { return time.Millisecond } // So that a pass takes time.
				sim.fault(t, tt.fault)
				r := reader.Read(t.Context(), target(hub), nil)
				for range 2 {
					allOK(t, r)
					o, _ := r.Outcome(inventory.APIDetails)
					if o.Class != tt.class || !o.LastSuccess.IsZero() || !strings.Contains(o.Message, tt.fault.Operation+" in account "+hub+", region eu-west-1") || !strings.Contains(o.Message, tt.says) {
						t.Errorf("%+v", o)
					}
					if got := details(r); got != tt.want {
						t.Errorf("%s, want\n%s", got, tt.want)
					}
					before := sim.calls("", tt.fault.Operation)
					r = reader.Read(t.Context(), target(hub), &r)
					if n := sim.calls("", tt.fault.Operation) - before; n < tt.calls || n > tt.calls+3 { // Those in flight are not called back.
						t.Errorf("%d calls in the next pass, want about %d", n, tt.calls)
					}
				}
				sim.fault(t)
				if r = reader.Read(t.Context(), target(hub), &r); details(r) != allDetails || class(t, r, inventory.APIDetails) != inventory.OK {
					t.Errorf("once it succeeds: %s, %+v", details(r), r.Outcomes)
				}
				// What was known stays as long as other facts of its clock.
				sim.fault(t, tt.fault)
				known := time.Now()
				time.Sleep(6*time.Hour + time.Minute)
				r = reader.Read(t.Context(), target(hub), &r)
				if got := details(r.Fresh(known.Add(6*time.Hour - time.Minute))); got != allDetails {
					t.Errorf("a while after the details are old: %s", got)
				}
				if got := details(r.Fresh(r.Start)); got != tt.want {
					t.Errorf("when they have ended: %s, want\n%s", got, tt.want)
				}
			})
		})
	}
}

// TestDetailsOfOnePoolFail has one pool that answers nonsense: it does not keep
// the exporter from asking for the others, also with little time.
func TestDetailsOfOnePoolFail(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim, reader := detailed(t, func(o *awsread.Options) { o.Budgets = map[string]float64{inventory.APICognito: 1} })
		sim.spoilt(func(operation string, body []byte, _ func() []byte) (int, string) {
			if (operation == askMFA || operation == askLog) && strings.Contains(string(body), "eu-west-1_a") {
				return http.StatusOK, `{"MfaConfiguration": 7, "LogDeliveryConfiguration": 7}`
			}
			return 0, ""
		})
		r := reader.Read(t.Context(), target(hub), nil)
		for range 6 {
			r = reader.Read(t.Context(), target(hub), &r)
		}
		if got, want := details(r), strings.Replace(allDetails, "mail yes yes", "mail unknown unknown", 1); got != want || class(t, r, inventory.APIDetails) == inventory.OK {
			t.Errorf("%s, want\n%s; %+v", got, want, r.Outcomes)
		}
	})
}

// TestDetailsOfNoPool has passes that find no pool to ask about: that is no
// success.
func TestDetailsOfNoPool(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim, reader := detailed(t, nil)
		sim.fault(t, awssim.Fault{Kind: "deny", Operation: "DescribeUserPool"})
		r := reader.Read(t.Context(), target(hub), nil)
		if o, asked := r.Outcome(inventory.APIDetails); asked || details(r) == "" {
			t.Errorf("no settings: %s, %+v", details(r), o)
		}
		sim.fault(t, awssim.Fault{Kind: "deny", Operation: askLog})
		denied := reader.Read(t.Context(), target(hub), &r)
		want, _ := denied.Outcome(inventory.APIDetails)
		sim.fault(t, awssim.Fault{Kind: "deny", Operation: "ListUserPools"})
		time.Sleep(time.Minute)
		unlisted := reader.Read(t.Context(), target(hub), &denied)
		if o, _ := unlisted.Outcome(inventory.APIDetails); want.Class != inventory.Denied || o != want {
			t.Errorf("no list: %+v, want %+v", o, want)
		}
		sim.fault(t)
		sim.patch(t, map[string]any{"accounts": []any{map[string]any{"id": hub, "regions": map[string]any{"eu-west-1": map[string]any{"pools": nil}}}}})
		empty := reader.Read(t.Context(), target(hub), &denied)
		if o, asked := empty.Outcome(inventory.APIDetails); asked || len(empty.Pools) > 0 {
			t.Errorf("no pools: %+v, %+v", empty.Pools, o)
		}
	})
}

// TestMalformedDetails checks answers without what AWS always sends.
func TestMalformedDetails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim, reader := detailed(t, nil)
		sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
			if operation == askMFA || operation == askLog {
				return http.StatusOK, `{}`
			}
			return 0, ""
		})
		r := reader.Read(t.Context(), target(hub), nil)
		if got := details(r); got != withoutBoth || class(t, r, inventory.APIDetails) != inventory.Invalid {
			t.Errorf("%s, %+v", got, r.Outcomes)
		}
	})
}

// TestDetailsWait has so many pools that describing them takes more than a few
// seconds: the first pass makes no call for details and takes no longer, later
// ones make as many as fit in a tenth of their time.
func TestDetailsWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const pools, budget, timeout = 100, 5, 2 * time.Minute
		read := func(with bool) (first inventory.Reading, passes []int) {
			sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: generated(t, pools, "healthy")})
			reader := sim.reader(t, func(o *awsread.Options) {
				o.Details, o.DescribeMaxAge, o.Budgets = with, 6*time.Hour, map[string]float64{inventory.APICognito: budget}
			})
			var prev *inventory.Reading
			for range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				r := reader.Read(ctx, target(hub), prev)
				cancel()
				allOK(t, r)
				if prev == nil {
					first = r
				}
				prev, passes = &r, append(passes, sim.calls("", askLog))
				if took := r.End.Sub(r.Start); len(passes) > 1 && took > timeout/10+time.Second {
					t.Errorf("pass %d took %s", len(passes), took)
				}
				time.Sleep(timeout)
			}
			return first, passes
		}
		without, _ := read(false)
		with, passes := read(true)
		if a, b := without.End.Sub(without.Start), with.End.Sub(with.Start); a != b {
			t.Errorf("the first pass takes %s with details, %s without", b, a)
		}
		if _, asked := with.Outcome(inventory.APIDetails); asked {
			t.Errorf("the first pass has an outcome of what it did not ask: %+v", with.Outcomes)
		}
		most := budget*int(timeout/10/time.Second) + budget + 4 // And those that wait when the time is over.
		if passes[0] != 0 || passes[1] < most-12 || passes[1] > most || passes[2] != pools || passes[4] != pools {
			t.Errorf("%v calls for details after each pass, at most %d in one", passes, most)
		}
	})
}

// TestDetailsBeside has a few pools: their details are read in the first pass.
func TestDetailsBeside(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, reader := detailed(t, func(o *awsread.Options) { o.Budgets = map[string]float64{inventory.APICognito: 1} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		r := reader.Read(ctx, target(hub), nil)
		if took := r.End.Sub(r.Start); took > 9*time.Second {
			t.Errorf("the first pass took %s", took)
		}
		if got := details(r); !strings.HasPrefix(got, "mail yes") { // That which decides most comes first.
			t.Errorf("%s", got)
		}
	})
}
