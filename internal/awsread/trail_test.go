package awsread_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// lookUp is a request to LookupEvents.
type lookUp struct {
	StartTime, EndTime float64
	NextToken          string
	LookupAttributes   []struct{ AttributeValue string }
}

// span says of when the request asks, as hours and minutes.
func (l lookUp) span() string {
	clock := func(seconds float64) string { return time.Unix(int64(seconds), 0).UTC().Format("15:04:05") }
	return clock(l.StartTime) + " to " + clock(l.EndTime)
}

// trail is a CloudTrail that says what it is told to, and what it was asked.
type trail struct {
	*simulation
	t      *testing.T
	answer func(l lookUp, name string) (status int, events string) // no events, if it says 0
	asked  map[string][]string                                     // spans by event name
}

func newTrail(t *testing.T) *trail {
	t.Helper()
	c := &trail{simulation: simulate(t, awssim.Options{NoQuotas: true}), t: t, asked: map[string][]string{}}
	c.spoilt(func(operation string, body []byte, _ func() []byte) (int, string) {
		if operation != "LookupEvents" {
			return 0, ""
		}
		var l lookUp
		if err := json.Unmarshal(body, &l); err != nil {
			t.Error(err)
		}
		name := l.LookupAttributes[0].AttributeValue
		c.asked[name] = append(c.asked[name], l.span())
		status, answer := 0, ""
		if c.answer != nil {
			status, answer = c.answer(l, name)
		}
		if status == 0 {
			return http.StatusOK, `{"Events": []}`
		}
		return status, answer
	})
	time.Sleep(15 * time.Hour) // The day began at 9.
	return c
}

func (c *trail) reader() *awsread.Reader {
	return c.simulation.reader(c.t, func(o *awsread.Options) { o.CloudTrail, o.Quota.Reset = true, 9*time.Hour })
}

// read reads, and forgets what was asked before.
func (c *trail) read(r *awsread.Reader, prev *inventory.Reading) *inventory.Reading {
	clear(c.asked)
	reading := r.Read(c.t.Context(), target(hub), prev)
	return &reading
}

func (c *trail) wantAsked(name string, spans ...string) {
	c.t.Helper()
	if got := c.asked[name]; !slices.Equal(got, spans) {
		c.t.Errorf("%s was looked up from %q, want %q", name, got, spans)
	}
}

// event is an event as CloudTrail lists it.
func event(id string, at time.Time, record string) string {
	return fmt.Sprintf(`{"EventId": %q, "EventTime": %d, "CloudTrailEvent": %q}`, id, at.Unix(), record)
}

func eventIDs(r *inventory.Reading) (ids []string) {
	if r.Trail != nil {
		for _, e := range r.Trail.Events {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

func TestTrailGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newTrail(t)
		reader := c.reader()
		r := c.read(reader, nil)
		c.wantAsked("SignUp", "09:00:00 to 15:00:00")
		if len(c.asked) != 13 || r.Trail == nil || !r.Trail.Complete || !r.Trail.Confirmed.Equal(r.Start) {
			t.Errorf("%d names were looked up: %+v", len(c.asked), r.Trail)
		}
		time.Sleep(5 * time.Minute)
		r = c.read(reader, r)
		c.wantAsked("SignUp", "14:45:00 to 15:05:00")
		time.Sleep(17*time.Hour + 55*time.Minute) // 09:00, and another day.
		r = c.read(reader, r)
		c.wantAsked("SignUp", "09:00:00 to 09:00:00")
		time.Sleep(5 * time.Minute)
		r = c.read(reader, r)
		c.wantAsked("SignUp", "09:00:00 to 09:05:00")
		if !r.Trail.Complete || !r.Trail.Confirmed.Equal(r.Start) {
			t.Errorf("%+v", r.Trail)
		}
	})
}

// TestTrailBreaksOff has a second page that is denied.
func TestTrailBreaksOff(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newTrail(t)
		reader := c.reader()
		at := func(clock string) time.Time {
			d, err := time.Parse("15:04:05", clock)
			if err != nil {
				t.Fatal(err)
			}
			return time.Date(2000, 1, 1, d.Hour(), d.Minute(), d.Second(), 0, time.UTC)
		}
		c.answer = func(l lookUp, name string) (int, string) {
			switch {
			case name != "SignUp":
				return 0, ""
			case l.NextToken != "":
				return http.StatusBadRequest, `{"__type": "AccessDeniedException", "message": "no"}`
			}
			return http.StatusOK, `{"NextToken": "more", "Events": [` + event("late", at("14:00:00"), `{}`) + "," + event("early", at("12:30:00"), `{}`) + `]}`
		}
		r := c.read(reader, nil)
		if class(t, *r, inventory.APICloudTrail) != inventory.Denied || r.Trail.Complete || !slices.Equal(eventIDs(r), []string{"early", "late"}) {
			t.Errorf("%+v: %+v", r.Outcomes, r.Trail)
		}
		c.wantAsked("UpdateUserAttributes") // It comes after SignUp.
		if !r.Trail.Confirmed.Equal(r.Start) {
			t.Errorf("confirmed up to %s, want %s", r.Trail.Confirmed, r.Start)
		}

		// The next pass reads what is missing, and what is new; it fails at
		// once, so that nothing is won.
		c.answer = func(_ lookUp, name string) (int, string) {
			if name == "SignUp" {
				return http.StatusBadRequest, `{"__type": "AccessDeniedException", "message": "no"}`
			}
			return 0, ""
		}
		time.Sleep(20 * time.Minute)
		r = c.read(reader, r)
		c.wantAsked("SignUp", "09:00:00 to 12:30:01")
		c.wantAsked("signup_POST") // Also after it.
		if r.Trail.Complete || r.Trail.Confirmed.Equal(r.Start) || len(r.Trail.Events) != 2 {
			t.Errorf("%+v", r.Trail)
		}
		c.answer = nil
		time.Sleep(20 * time.Minute)
		r = c.read(reader, r)
		c.wantAsked("SignUp", "09:00:00 to 12:30:01", "14:45:00 to 15:40:00")
		c.wantAsked("AdminCreateUser", "15:05:00 to 15:40:00")
		if !r.Trail.Complete || !r.Trail.Confirmed.Equal(r.Start) || !slices.Equal(eventIDs(r), []string{"early", "late"}) {
			t.Errorf("%+v", r.Trail)
		}

		// On the next day, the day before is kept until the first success.
		time.Sleep(24 * time.Hour)
		c.answer = func(lookUp, string) (int, string) {
			return http.StatusBadRequest, `{"__type": "AccessDeniedException", "message": "no"}`
		}
		kept := c.read(reader, r)
		if kept.Trail != r.Trail {
			t.Errorf("%+v", kept.Trail)
		}
	})
}

// TestEventsThatCount has events of each kind, some of them odd.
func TestEventsThatCount(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newTrail(t)
		ids := map[string]string{}
		for _, p := range c.Fleet().Accounts[0].Regions["eu-west-1"].Pools {
			ids[p.Name] = p.ID
		}
		at := time.Now().Add(-time.Hour)
		of := func(pool, rest string) string {
			return `{"requestParameters": {"userPoolId": "` + ids[pool] + `", "desiredDeliveryMediums": ["EMAIL"]}` + rest + `}`
		}
		c.answer = func(_ lookUp, name string) (int, string) {
			if name != "AdminCreateUser" {
				return 0, ""
			}
			return http.StatusOK, `{"Events": [` + strings.Join([]string{
				event("built-in", at, of("built-in", "")),
				event("ses", at, of("customers", "")),
				event("ses-failed", at, of("customers", `, "errorCode": "TooManyRequestsException"`)),
				event("no-pool", at, `{}`),
				event("", at, of("built-in", "")),
				event("", at, of("built-in", "")),
				event("odd", at, `<html>`),
				event("yesterday", at.Add(-6*time.Hour), of("built-in", "")),
				fmt.Sprintf(`{"EventId": "no-time", "CloudTrailEvent": %q}`, of("built-in", "")),
			}, ",") + `]}`
		}
		var odd []string
		reader := c.simulation.reader(t, func(o *awsread.Options) {
			everything(o)
			o.Odd = func(shape string) { odd = append(odd, shape) }
		})
		r := c.read(reader, nil)
		allOK(t, *r)
		var fates strings.Builder
		for _, e := range r.Trail.Events {
			id := e.ID
			if len(id) == 64 {
				id = "no-id"
			}
			fmt.Fprintf(&fates, " %s=%d%s", id, e.Fate, e.Failure)
			if e.Page || e.Operation != "AdminCreateUser" || (e.PoolID == "") != (id == "no-pool" || id == "odd") {
				t.Errorf("%+v", e)
			}
		}
		if want := " no-time=3 no-id=1 built-in=1 no-pool=3 odd=3 ses-failed=0throttled"; fates.String() != want {
			t.Errorf("events%s, want%s", fates.String(), want)
		}
		// Each kind of oddness is reported once.
		c.read(reader, r)
		if want := []string{"AdminCreateUser: the record is not a JSON object"}; !slices.Equal(odd, want) {
			t.Errorf("odd are %q, want %q", odd, want)
		}
	})
}

// TestEventTimes has an event whose time cannot be. It may have sent an e-mail,
// and its kind is looked up as if it had no time.
func TestEventTimes(t *testing.T) {
	for _, tt := range []struct {
		value   any // Unix seconds
		refused bool
	}{{0, true}, {-1, true}, {4e9, true}, {1e300, true}, {nil, false}} {
		t.Run(fmt.Sprint(tt.value), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := parseFleet(t, `accounts: [{id: "`+hub+`", regions: {eu-west-1: {pools: [{name: built-in, auto_verified: [email], traffic: {per_hour: {SignUp: 2}}}]}}}]`)
				sim := simulate(t, awssim.Options{Fleet: f, NoQuotas: true, NoDelays: true})
				time.Sleep(15 * time.Hour)
				options := func(o *awsread.Options) { o.CloudTrail, o.Quota.Reset = true, 9*time.Hour }
				good := sim.reader(t, options).Read(t.Context(), target(hub), nil)
				allOK(t, good)
				sim.fault(t, awssim.Fault{Kind: "replace", Operation: "LookupEvents", Field: "EventTime", Value: tt.value})
				r := sim.reader(t, options).Read(t.Context(), target(hub), nil)
				o, _ := r.Outcome(inventory.APICloudTrail)
				if refused := o.Class == inventory.Invalid; refused != tt.refused || !refused && o.Class != inventory.OK || refused && !strings.Contains(o.Message, "the EventTime of event ") {
					t.Errorf("%+v", o)
				}
				if len(good.Trail.Events) < 3 || len(r.Trail.Events) != len(good.Trail.Events) || !r.Trail.Complete {
					t.Errorf("%d events instead of %d", len(r.Trail.Events), len(good.Trail.Events))
				}
				for _, e := range r.Trail.Events {
					if e.Fate == inventory.Sent || !e.At.Equal(r.Trail.WindowStart) {
						t.Errorf("%+v", e)
					}
				}
			})
		})
	}
}

// TestOddTimesReachNowhere has the listing of a kind of event break off after an
// event whose time cannot be: all of the time is looked up again.
func TestOddTimesReachNowhere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newTrail(t)
		c.answer = func(l lookUp, name string) (int, string) {
			switch {
			case name != "SignUp":
				return 0, ""
			case l.NextToken != "":
				return http.StatusBadRequest, `{"__type": "InvalidNextTokenException"}`
			}
			return http.StatusOK, `{"Events": [` + event("odd", time.Unix(0, 0), `{}`) + `], "NextToken": "more"}`
		}
		reader := c.reader()
		r := c.read(reader, nil)
		c.answer = nil
		r = c.read(reader, r)
		c.wantAsked("SignUp", "09:00:00 to 15:00:00", "14:45:00 to 15:00:00")
		if !r.Trail.Complete || !slices.Equal(eventIDs(r), []string{"odd"}) {
			t.Errorf("%+v", r.Trail)
		}
	})
}

// TestAppClients has events that only name an app client.
func TestAppClients(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newTrail(t)
		f := fleet(t)
		pools := f.Accounts[0].Regions["eu-west-1"].Pools
		for i := range pools {
			pools[i].Clients = []awssim.Client{{Name: "web"}}
		}
		if err := c.SetFleet(f); err != nil {
			t.Fatal(err)
		}
		pools = c.Fleet().Accounts[0].Regions["eu-west-1"].Pools
		builtIn := pools[slices.IndexFunc(pools, func(p awssim.Pool) bool { return p.Name == "built-in" })]
		client := builtIn.Clients[0].ID
		c.answer = func(_ lookUp, name string) (int, string) {
			if name != "SignUp" {
				return 0, ""
			}
			return http.StatusOK, `{"Events": [` + event(client+time.Now().String(), time.Now(), `{"requestParameters": {"clientId": "`+client+`"}}`) + `]}`
		}
		listed := func() int {
			n := c.calls(hub, "ListUserPoolClients")
			c.ResetCalls()
			return n
		}
		reader := c.reader()

		// They cannot be listed: the event has to be read again.
		c.fault(t, awssim.Fault{Kind: "deny", Operation: "ListUserPoolClients"})
		r := c.read(reader, nil)
		o, _ := r.Outcome(inventory.APICognito)
		if o.Class != inventory.Denied || !strings.Contains(o.Message, "ListUserPoolClients in") || class(t, *r, inventory.APICloudTrail) != inventory.Other {
			t.Errorf("%+v", r.Outcomes)
		}
		if len(r.Trail.Events) != 0 || listed() != 1 {
			t.Errorf("%+v", r.Trail)
		}

		// One of the pools was just deleted.
		gone := pools[slices.IndexFunc(pools, func(p awssim.Pool) bool { return p.Name == "shaky" })].ID
		spoil := *c.spoil.Load()
		c.spoilt(func(operation string, body []byte, ask func() []byte) (int, string) {
			if operation == "ListUserPoolClients" && strings.Contains(string(body), gone) {
				return http.StatusBadRequest, `{"__type": "ResourceNotFoundException", "message": "User pool does not exist."}`
			}
			return spoil(operation, body, ask)
		})
		c.fault(t)
		r = c.read(reader, r)
		if allOK(t, *r); len(r.Trail.Events) != 1 || r.Trail.Events[0].PoolID != builtIn.ID || r.Trail.Events[0].Fate != inventory.Undecided {
			t.Errorf("%+v", r.Trail)
		}
		if n := listed(); n != 2 {
			t.Errorf("the clients of %d pools were listed, want 2", n)
		}

		// Known ones are not listed again, unknown ones once an hour.
		time.Sleep(2 * time.Hour)
		r = c.read(reader, r)
		if n := listed(); n != 0 || len(r.Trail.Events) != 2 {
			t.Errorf("the clients of %d pools were listed for one that is known: %+v", n, r.Trail)
		}
		client = "unknown"
		for _, tt := range []struct {
			pause time.Duration
			want  int
		}{{0, 2}, {time.Hour - time.Second, 0}, {time.Second, 2}} {
			time.Sleep(tt.pause)
			r = c.read(reader, r)
			if got := listed(); got != tt.want {
				t.Errorf("after another %s the clients of %d pools were listed, want %d", tt.pause, got, tt.want)
			}
		}
		last := r.Trail.Events[len(r.Trail.Events)-1]
		if last.PoolID != "" || last.Fate != inventory.Undecided || last.ClientID != "unknown" {
			t.Errorf("%+v", last)
		}
	})
}

// everything has CloudWatch and CloudTrail read as well.
func everything(o *awsread.Options) {
	o.CloudWatch, o.CloudTrail, o.Quota.Reset = true, true, 9*time.Hour
}

// TestNoTimeLeft has a Cognito that takes all the time of the pass: the others
// are not to blame but said not to have been asked, and what was known of them
// stands, an earlier failure too.
func TestNoTimeLeft(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		sim.hold = func(operation, _ string) time.Duration {
			if operation == "DescribeUserPool" && time.Now().Hour() == 16 {
				return 5 * time.Second
			}
			return 0
		}
		time.Sleep(15 * time.Hour)
		reader := sim.reader(t, func(o *awsread.Options) { everything(o); o.DescribeMaxAge = time.Hour })
		sim.fault(t, awssim.Fault{Kind: "deny", Service: "cloudwatch"})
		first := reader.Read(t.Context(), target(hub), nil)
		sim.fault(t)
		time.Sleep(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		late := reader.Read(ctx, target(hub), &first)
		if class(t, late, inventory.APICognito) != inventory.Timeout || class(t, late, inventory.APISES) != inventory.NotAsked {
			t.Errorf("%+v", late.Outcomes)
		}
		before, _ := first.Outcome(inventory.APICloudWatch)
		if after, _ := late.Outcome(inventory.APICloudWatch); after != before || after.Class != inventory.Denied {
			t.Errorf("%+v, want that of the pass before, %+v", after, before)
		}
		before, _ = first.Outcome(inventory.APICloudTrail)
		if after, _ := late.Outcome(inventory.APICloudTrail); after.Class != inventory.NotAsked || !after.LastSuccess.Equal(before.LastSuccess) ||
			!strings.HasSuffix(after.Message, "the time of the pass was over before; see what cognito-idp failed with") {
			t.Errorf("%+v, before %+v", after, before)
		}
		if late.Trail != first.Trail || late.SignUps != first.SignUps {
			t.Errorf("%+v, %+v", late.Trail, late.SignUps)
		}
	})
}

// TestOutcomesStay has a pass in which something else takes the time for all
// that has a clock of its own: what was known stays, and so does that it is read.
func TestOutcomesStay(t *testing.T) {
	const pools = `
accounts:
  - id: "100000000001"
    regions:
      eu-west-1:
        ses: {production_access: true}
        identities: [{name: example.com}]
        pools:
          - {name: one, mode: DEVELOPER, source_arn: "arn:aws:ses:eu-west-1:100000000001:identity/example.com", from: a@example.com}
          - {name: other, mode: DEVELOPER, source_arn: "arn:aws:ses:eu-west-1:100000000001:identity/example.com", from: b@example.com}
`
	sesOnly := target(hub, "example.com")
	sesOnly.SESOnly = true
	for name, tt := range map[string]struct {
		at   inventory.Target
		slow string // the operation that takes the time, but for the first call
		want []string
	}{
		"of Cognito": {target(hub), "DescribeUserPool", []string{inventory.APICloudTrail, inventory.APICloudWatch, inventory.APIDetails, inventory.APISES, inventory.APIStatistics}},
		"of SES":     {sesOnly, "ListEmailIdentities", []string{inventory.APICloudWatch, inventory.APIStatistics}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: parseFleet(t, pools)})
				var slow atomic.Bool
				var calls atomic.Int32
				sim.hold = func(operation, _ string) time.Duration {
					if operation == tt.slow && slow.Load() && (operation != "DescribeUserPool" || calls.Add(1) > 1) {
						return time.Minute
					}
					return 0
				}
				reader := sim.reader(t, func(o *awsread.Options) {
					everything(o)
					o.Details, o.Statistics, o.DescribeMaxAge = true, true, time.Hour
				})
				first := reader.Read(t.Context(), tt.at, nil)
				time.Sleep(2 * time.Hour)
				slow.Store(true)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				late := reader.Read(ctx, tt.at, &first)
				var notAsked []string
				for _, before := range first.Outcomes {
					after, _ := late.Outcome(before.API)
					if before.Class != inventory.OK || after.API == "" {
						t.Errorf("%+v became %+v", before, after)
					}
					if after.Class == inventory.NotAsked && after.LastSuccess.Equal(first.End) {
						notAsked = append(notAsked, after.API)
					}
				}
				if !slices.Equal(notAsked, tt.want) || late.Statistics == nil || late.Statistics != first.Statistics || late.Reputation == nil || late.Reputation != first.Reputation {
					t.Errorf("%q were not asked, want %q: %+v", notAsked, tt.want, late.Outcomes)
				}
				slow.Store(false)
				for _, o := range reader.Read(t.Context(), tt.at, &late).Outcomes {
					if o.Class != inventory.OK || !o.LastSuccess.After(late.End) && !o.LastSuccess.Equal(late.End) {
						t.Errorf("afterwards: %+v", o)
					}
				}
			})
		})
	}
}

// TestNothingToCount has a target without pools, and then one without credentials.
func TestNothingToCount(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		reader := sim.reader(t, everything)
		first := reader.Read(t.Context(), target(staging), nil)
		if first.SignUps == nil || first.Trail == nil || first.Reputation == nil {
			t.Errorf("%+v", first)
		}
		sim.fault(t, awssim.Fault{Kind: "deny", Account: staging, Service: "sts"})
		denied := sim.reader(t, everything).Read(t.Context(), target(staging), &first)
		for _, o := range denied.Outcomes {
			if o.Class != inventory.Denied || !o.LastSuccess.Equal(first.End) || !strings.HasPrefix(o.Message, "AssumeRole in") {
				t.Errorf("%+v", o)
			}
		}
		if len(denied.Outcomes) != 5 || denied.SignUps != first.SignUps || denied.Trail != first.Trail {
			t.Errorf("%+v", denied)
		}
		sim.fault(t)
		f := fleet(t)
		f.Accounts[1].Regions["eu-west-1"].Pools = nil
		if err := sim.SetFleet(f); err != nil {
			t.Fatal(err)
		}
		// What was sent by a pool that is gone still counts, until the reset.
		empty := reader.Read(t.Context(), target(staging), &denied)
		if allOK(t, empty); len(empty.Outcomes) != 4 || empty.SignUps != nil || empty.Trail != nil || empty.Reputation != nil || empty.CallCounts == nil {
			t.Errorf("%+v", empty)
		}
		time.Sleep(24 * time.Hour)
		if empty = reader.Read(t.Context(), target(staging), &empty); len(empty.Outcomes) != 3 || len(empty.Gone) != 0 || empty.CallCounts != nil {
			t.Errorf("%+v", empty)
		}
	})
}

// TestAppClientsTakeTheirTime has app clients whose list does not fit into the
// time that CloudTrail may take in one pass.
func TestAppClientsTakeTheirTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newTrail(t)
		c.hold = func(operation, _ string) time.Duration {
			if operation == "ListUserPoolClients" {
				return 4 * time.Second
			}
			return 0
		}
		c.answer = func(l lookUp, name string) (int, string) {
			if name != "SignUp" || l.span()[:8] > "12:00:00" {
				return 0, ""
			}
			return http.StatusOK, `{"Events": [` + event("one", time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC), `{"requestParameters": {"clientId": "unknown"}}`) + `]}`
		}
		reader := c.reader()
		var prev *inventory.Reading
		for pass := 1; ; pass++ {
			ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second) // Half of which is time for one pool.
			r := reader.Read(ctx, target(hub), prev)
			cancel()
			allOK(t, r)
			if o, _ := r.Outcome(inventory.APICloudTrail); o.Class != inventory.OK || r.End.Sub(r.Start) > 6*time.Second {
				t.Errorf("pass %d took %s: %+v", pass, r.End.Sub(r.Start), o)
			}
			if prev = &r; r.Trail.Complete {
				if pass != 3 || !slices.Equal(eventIDs(prev), []string{"one"}) || c.calls(hub, "ListUserPoolClients") != 5 { // Two of them were cut off.
					t.Errorf("in pass %d, after %d calls: %+v", pass, c.calls(hub, "ListUserPoolClients"), r.Trail)
				}
				return
			}
			if pass == 5 {
				t.Fatalf("%+v", r.Trail)
			}
		}
	})
}

// TestRepeatedTokens checks that a page that leads to itself makes a count
// incomplete, and not 0.
func TestRepeatedTokens(t *testing.T) {
	for _, operation := range []string{"LookupEvents", "ListMetrics", "ListUserPoolClients"} {
		t.Run(operation, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := parseFleet(t, "accounts: [{id: '"+hub+"', regions: {eu-west-1: {pools: [{name: built-in, traffic: {per_hour: {SignUp: 3}}}]}}}]")
				sim := simulate(t, awssim.Options{Fleet: f, NoQuotas: true, NoDelays: true, Seed: 5})
				time.Sleep(15 * time.Hour)
				policy := inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: 9 * time.Hour}
				options := func(o *awsread.Options) {
					o.Quota, o.CloudTrail, o.CloudWatch = policy, operation != "ListMetrics", operation == "ListMetrics"
				}
				quota := func(broken bool) inventory.Quota {
					r := sim.reader(t, options).Read(t.Context(), target(hub), nil)
					for api, failed := range map[string]bool{
						inventory.APICloudTrail: operation != "ListMetrics", inventory.APICloudWatch: operation == "ListMetrics",
					} {
						if o, ok := r.Outcome(api); ok && broken && (o.Class != inventory.OK) != failed {
							t.Errorf("%+v", o)
						}
					}
					return *inventory.Judge(time.Now(), []inventory.Reading{r}, policy).Pools[0].Quota
				}
				if q := quota(false); !q.Known || q.Used == 0 {
					t.Fatalf("%+v", q)
				}
				sim.fault(t, awssim.Fault{Kind: "repeat", Operation: operation})
				if q := quota(true); q.Known || q.Used != 0 || q.Reached() != inventory.Unknown {
					t.Errorf("%+v", q)
				}
			})
		})
	}
}

// TestCloudTrailInTrouble checks that CloudTrail is not up when it hangs or
// throttles, also when the time of the pass is over first.
func TestCloudTrailInTrouble(t *testing.T) {
	for kind, want := range map[string]inventory.Class{"timeout": inventory.Timeout, "throttle": inventory.Throttled} {
		t.Run(kind, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				reader := sim.reader(t, func(o *awsread.Options) { everything(o); o.RequestTimeout = 10 * time.Second })
				sim.fault(t, awssim.Fault{Kind: kind, Operation: "LookupEvents"})
				time.Sleep(15 * time.Hour)
				ctx, cancel := context.WithTimeout(t.Context(), 18*time.Second) // CloudTrail may have half of it.
				defer cancel()
				r := reader.Read(ctx, target(hub), nil)
				if allOK(t, r); class(t, r, inventory.APICloudTrail) != want || r.Trail != nil && r.Trail.Complete {
					t.Errorf("%+v, %+v", r.Outcomes, r.Trail)
				}
			})
		})
	}
}
