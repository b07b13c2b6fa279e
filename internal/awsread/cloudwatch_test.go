package awsread_test

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// series is one result of GetMetricData.
type series struct {
	id, status string
	at         []time.Time
	values     []float64
}

func metricData(all ...series) string {
	var results cbor.List
	for _, s := range all {
		var times, values cbor.List
		for _, at := range s.at {
			times = append(times, &cbor.Tag{ID: 1, Value: cbor.Float64(at.Unix())})
		}
		for _, v := range s.values {
			values = append(values, cbor.Float64(v))
		}
		results = append(results, cbor.Map{"Id": cbor.String(s.id), "StatusCode": cbor.String(s.status), "Timestamps": times, "Values": values})
	}
	return string(cbor.Encode(cbor.Map{"MetricDataResults": results}))
}

// TestMetricData has answers of GetMetricData for the bounce and complaint
// rate. What is odd about one of them makes it unknown, and leaves the other; an
// answer about other queries makes both unknown.
func TestMetricData(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	one := func(id string, values ...float64) series {
		s := series{id: id, status: "Complete", values: values}
		for i := range values {
			s.at = append(s.at, now.Add(time.Duration(i-len(values))*time.Hour))
		}
		return s
	}
	partial, odd, uneven := one("complaint", 0.25), one("complaint", 0.25), one("complaint", 0.25, 0.5)
	partial.status, odd.status, uneven.values = "PartialData", "InternalError", uneven.values[:1]
	unsorted := one("bounce", 0.1, 0.2, 0.3)
	unsorted.at[1], unsorted.at[2] = unsorted.at[2], unsorted.at[1]
	ancient, early, ahead, soon := one("bounce", 0.1), one("bounce", 0.1), one("complaint", 0.1), one("complaint", 0.1)
	ancient.at[0], early.at[0] = now.Add(-25*time.Hour-time.Second), now.Add(-25*time.Hour)
	ahead.at[0], soon.at[0] = now.Add(time.Hour+time.Second), now.Add(time.Hour)
	const lost, bounces, complaints = "lost", "metric AWS/SES Reputation.BounceRate: ", "metric AWS/SES Reputation.ComplaintRate: "
	for name, tt := range map[string]struct {
		answer            []series
		bounce, complaint any
		message           string // a part of it; empty is a success
	}{
		"no points":         {[]series{one("bounce"), one("complaint")}, "nothing", "nothing", ""},
		"the last counts":   {[]series{one("bounce", 0.1, 0.2), one("complaint", 0.3)}, 0.2, 0.3, ""},
		"in any order":      {[]series{unsorted, one("complaint", 0)}, 0.2, 0.0, ""},
		"in parts":          {[]series{one("bounce", 1), partial}, 1.0, 0.25, ""},
		"early and soon":    {[]series{early, soon}, 0.1, 0.1, ""},
		"a query too few":   {[]series{one("bounce", 0.1)}, lost, lost, "malformed"},
		"another query":     {[]series{one("bounce", 0.1), one("complaint", 0.1), one("delivery", 0.1)}, lost, lost, "malformed"},
		"a failed query":    {[]series{one("bounce", 0.1), odd}, 0.1, "nothing", complaints},
		"fewer values":      {[]series{one("bounce", 0.1), uneven}, 0.1, "nothing", complaints},
		"NaN":               {[]series{one("bounce", 0.1), one("complaint", math.NaN())}, 0.1, "nothing", complaints},
		"infinite":          {[]series{one("bounce", math.Inf(1)), one("complaint", 0.1)}, "nothing", 0.1, bounces},
		"less than nothing": {[]series{one("bounce", -0.1), one("complaint", 0.1)}, "nothing", 0.1, bounces},
		"more than all":     {[]series{one("bounce", 1.01), one("complaint", 0.1)}, "nothing", 0.1, bounces},
		"odd in one part":   {[]series{one("bounce", 1.01), one("bounce", 0.1), one("complaint", 0.1)}, "nothing", 0.1, bounces},
		"long ago":          {[]series{ancient, one("complaint", 0.1)}, "nothing", 0.1, bounces},
		"ahead":             {[]series{one("bounce", 0.1), ahead}, 0.1, "nothing", complaints},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
					if operation != "GetMetricData" {
						return 0, ""
					}
					return http.StatusOK, metricData(tt.answer...)
				})
				r := sim.reader(t, func(o *awsread.Options) { o.CloudWatch, o.Quota.Reset = true, 9*time.Hour }).Read(t.Context(), target(hub), nil)
				want := inventory.OK
				if tt.message != "" {
					want = inventory.Invalid
				}
				if o, _ := r.Outcome(inventory.APICloudWatch); o.Class != want || !strings.Contains(o.Message, tt.message) {
					t.Errorf("outcome %+v, want %q with %q", o, want, tt.message)
				}
				switch got := r.Reputation; {
				case tt.bounce == lost:
					if got != nil {
						t.Errorf("%+v", got)
					}
				case got == nil || deref(got.BounceRatio) != tt.bounce || deref(got.ComplaintRatio) != tt.complaint:
					t.Errorf("%+v, want %v and %v", got, tt.bounce, tt.complaint)
				}
			})
		})
	}
}

// TestCountsThatCountNothing has points that are no number of sign-ups, or of
// calls, and times that cannot be.
func TestCountsThatCountNothing(t *testing.T) {
	for _, tt := range []struct {
		field string
		value any
	}{{"Values", "NaN"}, {"Values", "Infinity"}, {"Values", -1}, {"Values", 1e13}, {"Timestamps", 0}, {"Timestamps", 4e9}, {"Timestamps", 1e300}, {"Timestamps", "-Infinity"}} {
		t.Run(fmt.Sprint(tt.field, " ", tt.value), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, err := awssim.Generate(awssim.GenerateOptions{Accounts: 1, Regions: []string{"eu-west-1"}, Pools: 5, Mix: "mixed", Active: 1})
				if err != nil {
					t.Fatal(err)
				}
				sim := simulate(t, awssim.Options{Fleet: f, NoQuotas: true, NoDelays: true})
				time.Sleep(15 * time.Hour)
				options := func(o *awsread.Options) { o.CloudWatch, o.Quota.Reset = true, 9*time.Hour }
				good := sim.reader(t, options).Read(t.Context(), target(hub), nil)
				allOK(t, good)
				if good.SignUps == nil || len(good.SignUps.Series) < 3 || good.CallCounts == nil || good.CallCounts.N == 0 {
					t.Fatalf("%+v, %+v, %+v", good.SignUps, good.CallCounts, good.Outcomes)
				}
				time.Sleep(2 * time.Hour)
				sim.fault(t, awssim.Fault{Kind: "replace", Operation: "GetMetricData", Field: tt.field, Value: tt.value})
				bad := sim.reader(t, options).Read(t.Context(), target(hub), &good)
				if o, _ := bad.Outcome(inventory.APICloudWatch); o.Class != inventory.Invalid || !strings.Contains(o.Message, ": metric AWS/") {
					t.Errorf("%+v", o)
				}
				if bad.CallCounts != good.CallCounts || len(bad.SignUps.Pools) >= len(good.SignUps.Pools) || !slices.EqualFunc(bad.SignUps.Series, good.SignUps.Series, sameSeries) {
					t.Errorf("%+v, %+v", bad.CallCounts, bad.SignUps)
				}
				sim.fault(t)
				if r := sim.reader(t, options).Read(t.Context(), target(hub), &bad); len(r.SignUps.Pools) != len(good.SignUps.Pools) || r.CallCounts.N <= good.CallCounts.N {
					t.Errorf("afterwards %+v, %+v", r.CallCounts, r.SignUps)
				}
			})
		})
	}
}

func sameSeries(a, b inventory.SignUpSeries) bool {
	return a.PoolID == b.PoolID && a.ClientID == b.ClientID && a.Through.Equal(b.Through) && slices.Equal(a.Points, b.Points)
}

// TestOneSeriesCountsNothing has one series of sign-ups that cannot be. The
// others are counted.
func TestOneSeriesCountsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWatch(t)
		f := fleet(t)
		here := f.Accounts[0].Regions["eu-west-1"]
		here.Pools = append(here.Pools, awssim.Pool{Name: "another", AutoVerified: []string{"email"}})
		if err := w.SetFleet(f); err != nil {
			t.Fatal(err)
		}
		reader := w.reader(t, func(o *awsread.Options) { o.CloudWatch, o.Quota.Reset = true, 9*time.Hour })
		time.Sleep(15 * time.Hour)
		w.odd = "m0"
		r := reader.Read(t.Context(), target(hub), nil)
		if len(r.SignUps.Series) != 2 {
			t.Fatalf("%+v", r.SignUps)
		}
		odd, sound := r.SignUps.Series[0], r.SignUps.Series[1]
		o, _ := r.Outcome(inventory.APICloudWatch)
		if o.Class != inventory.Invalid || !strings.Contains(o.Message, odd.PoolID) || strings.Contains(o.Message, sound.PoolID) {
			t.Errorf("%+v", o)
		}
		if len(odd.Points) != 0 || !odd.Through.Equal(r.SignUps.WindowStart) || len(sound.Points) != 2 || !sound.Through.Equal(r.Start) || !slices.Equal(r.SignUps.Pools, []string{sound.PoolID}) {
			t.Errorf("%+v", r.SignUps)
		}
		if r.Reputation == nil || r.Reputation.BounceRatio == nil {
			t.Errorf("the reputation is lost: %+v", r.Reputation)
		}
	})
}

// watch is a CloudWatch with one metric of sign-ups for each pool, which notes
// what it is asked.
type watch struct {
	*simulation
	listed []string // by ListMetrics, how recently active
	read   []string // by GetMetricData, when
	odd    string   // the query whose points cannot be
}

func newWatch(t *testing.T) *watch {
	t.Helper()
	w := &watch{simulation: simulate(t, awssim.Options{NoQuotas: true})}
	w.spoilt(func(operation string, body []byte, _ func() []byte) (int, string) {
		if operation != "ListMetrics" && operation != "GetMetricData" {
			return 0, ""
		}
		value, err := cbor.Decode(body)
		in, ok := value.(cbor.Map)
		if err != nil || !ok {
			t.Errorf("%v, %v", value, err)
			return http.StatusBadRequest, ""
		}
		if in["Namespace"] == cbor.String("AWS/Usage") {
			return 0, "" // The calls are no concern of this one.
		}
		if operation == "ListMetrics" {
			recent, _ := in["RecentlyActive"].(cbor.String)
			w.listed = append(w.listed, string(recent))
			var metrics cbor.List
			for _, p := range w.Fleet().Accounts[0].Regions["eu-west-1"].Pools {
				metrics = append(metrics, cbor.Map{"Dimensions": cbor.List{
					cbor.Map{"Name": cbor.String("UserPool"), "Value": cbor.String(p.ID)},
					cbor.Map{"Name": cbor.String("UserPoolClient"), "Value": cbor.String("client")},
				}}, cbor.Map{"Dimensions": cbor.List{cbor.Map{"Name": cbor.String("UserPool"), "Value": cbor.String(p.ID)}}})
			}
			return http.StatusOK, string(cbor.Encode(cbor.Map{"Metrics": metrics}))
		}
		clock := func(key string) string {
			tag, _ := in[key].(*cbor.Tag)
			if tag == nil {
				return "never"
			}
			switch seconds := tag.Value.(type) {
			case cbor.Float64:
				return time.Unix(int64(seconds), 0).UTC().Format("15:04:05")
			case cbor.Uint:
				return time.Unix(int64(seconds), 0).UTC().Format("15:04:05")
			}
			return fmt.Sprintf("%T", tag.Value)
		}
		queries, _ := in["MetricDataQueries"].(cbor.List)
		var all []series
		for _, q := range queries {
			id, _ := q.(cbor.Map)["Id"].(cbor.String)
			if id == "bounce" || id == "c0" {
				return 0, "" // Nor is the reputation.
			}
			first := 1.0
			if string(id) == w.odd {
				first = -1
			}
			all = append(all, series{
				id: string(id), status: "Complete", values: []float64{first, 0, 1}, // 0 is no point worth keeping.
				at: []time.Time{time.Now().Add(-20 * time.Minute), time.Now().Add(-19 * time.Minute), time.Now().Add(-time.Minute)},
			})
		}
		w.read = append(w.read, fmt.Sprintf("%d from %s to %s", len(queries), clock("StartTime"), clock("EndTime")))
		return http.StatusOK, metricData(all...)
	})
	return w
}

// TestSignUpsArePlanned checks which metrics are listed and from when their
// points are read.
func TestSignUpsArePlanned(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWatch(t)
		reader := w.reader(t, func(o *awsread.Options) { o.CloudWatch, o.Quota.Reset = true, 9*time.Hour })
		const all, recent = "", "PT3H"
		var prev *inventory.Reading
		step := func(what string, pause time.Duration, list, read string) {
			t.Helper()
			time.Sleep(pause)
			w.listed, w.read = nil, nil
			r := reader.Read(t.Context(), target(hub), prev)
			if prev = &r; class(t, r, inventory.APICloudWatch) != inventory.OK || r.SignUps == nil || !r.SignUps.Confirmed.Equal(r.Start) {
				t.Errorf("%s: %+v, %+v", what, r.Outcomes, r.SignUps)
			}
			var reads []string
			if read != "" {
				reads = []string{read}
			}
			if !slices.Equal(w.listed, []string{list}) || !slices.Equal(w.read, reads) {
				t.Errorf("%s: listed %q and read %q, want %q and %q", what, w.listed, w.read, list, read)
			}
		}
		points := func() (n int) {
			for _, s := range prev.SignUps.Series {
				n += len(s.Points)
			}
			return n
		}
		step("at first", 15*time.Hour, all, "1 from 09:00:00 to 15:00:00")
		step("soon after", 7*time.Minute, recent, "1 from 14:45:00 to 15:07:00")
		if points() != 3 {
			t.Errorf("%d points, want 3, since the last quarter of an hour is read anew", points())
		}
		step("after a pause", 2*time.Hour-time.Second, recent, "1 from 14:50:00 to 17:06:59")
		if points() != 4 {
			t.Errorf("%d points, want 4", points())
		}
		step("after a longer pause", 2*time.Hour, all, "1 from 16:50:00 to 19:06:59")

		f := fleet(t)
		here := f.Accounts[0].Regions["eu-west-1"]
		here.Pools = append(here.Pools, awssim.Pool{Name: "another", AutoVerified: []string{"email"}})
		if err := w.SetFleet(f); err != nil {
			t.Fatal(err)
		}
		step("with another pool", time.Minute, all, "2 from 09:00:00 to 19:07:59")
		step("the day has just begun", 13*time.Hour+52*time.Minute+time.Second, recent, "")
		if points() != 0 {
			t.Errorf("%d points of the day before", points())
		}
		step("after that", 5*time.Minute, recent, "2 from 09:00:00 to 09:05:00")
		step("without an earlier reading, late", 2*time.Hour-5*time.Minute-time.Second, recent, "2 from 09:00:00 to 10:59:59")
		prev = nil
		step("later", time.Second, all, "2 from 09:00:00 to 11:00:00")
	})
}

// TestManyMetrics has more metrics than one call takes.
func TestManyMetrics(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWatch(t)
		f := fleet(t)
		for i := range 500 {
			f.Accounts[0].Regions["eu-west-1"].Pools = append(f.Accounts[0].Regions["eu-west-1"].Pools, awssim.Pool{Name: fmt.Sprint("pool-", i), AutoVerified: []string{"email"}})
		}
		if err := w.SetFleet(f); err != nil {
			t.Fatal(err)
		}
		billed := 0
		reader := w.reader(t, func(o *awsread.Options) {
			o.CloudWatch, o.Quota.Reset, o.Billed = true, 9*time.Hour, func(n int) { billed += n }
		})
		time.Sleep(10 * time.Hour)
		at := target(hub)
		r := reader.Read(t.Context(), at, nil)
		if len(r.SignUps.Series) != 501 || !slices.Equal(w.read, []string{"500 from 09:00:00 to 10:00:00", "1 from 09:00:00 to 10:00:00"}) {
			t.Errorf("%d series, read %q", len(r.SignUps.Series), w.read)
		}
		if billed != 501+2 {
			t.Errorf("%d metrics are billed, want 501 and two of the reputation", billed)
		}
	})
}

// TestReputationIsReadNowAndThen reads no more often than the points come, and
// keeps the last outcome meanwhile.
func TestReputationIsReadNowAndThen(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		at := target(hub, "example.com")
		at.SESOnly = true // So that there are no sign-ups to ask CloudWatch for.
		billed := 0
		reader := sim.reader(t, func(o *awsread.Options) { o.CloudWatch, o.Billed = true, func(n int) { billed += n } })
		r := reader.Read(t.Context(), at, nil)
		first := r
		for _, tt := range []struct {
			pause time.Duration
			want  int
		}{{0, 2}, {inventory.ReputationInterval - time.Second, 2}, {time.Second, 4}} {
			time.Sleep(tt.pause)
			r = reader.Read(t.Context(), at, &r)
			if billed != tt.want || class(t, r, inventory.APICloudWatch) != inventory.OK || r.Reputation == nil {
				t.Errorf("after another %s, %d metrics are billed, want %d: %+v, %+v", tt.pause, billed, tt.want, r.Outcomes, r.Reputation)
			}
			before, _ := first.Outcome(inventory.APICloudWatch)
			if o, _ := r.Outcome(inventory.APICloudWatch); o.LastSuccess.Equal(before.LastSuccess) != (tt.want == 2) {
				t.Errorf("after another %s, the last success is of %s", tt.pause, o.LastSuccess)
			}
		}
	})
}
