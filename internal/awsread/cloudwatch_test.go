package awsread_test

import (
	"fmt"
	"math"
	"net/http"
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
// rate. What is odd about one of them makes both unknown.
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
	for name, tt := range map[string]struct {
		answer            []series
		bounce, complaint any
		class             inventory.Class
	}{
		"no points":         {[]series{one("bounce"), one("complaint")}, "nothing", "nothing", inventory.OK},
		"the last counts":   {[]series{one("bounce", 0.1, 0.2), one("complaint", 0.3)}, 0.2, 0.3, inventory.OK},
		"in any order":      {[]series{unsorted, one("complaint", 0)}, 0.2, 0.0, inventory.OK},
		"in parts":          {[]series{one("bounce", 1), partial}, 1.0, 0.25, inventory.OK},
		"a failed query":    {[]series{one("bounce", 0.1), odd}, nil, nil, inventory.Invalid},
		"a query too few":   {[]series{one("bounce", 0.1)}, nil, nil, inventory.Invalid},
		"another query":     {[]series{one("bounce", 0.1), one("complaint", 0.1), one("delivery", 0.1)}, nil, nil, inventory.Invalid},
		"fewer values":      {[]series{one("bounce", 0.1), uneven}, nil, nil, inventory.Invalid},
		"NaN":               {[]series{one("bounce", 0.1), one("complaint", math.NaN())}, nil, nil, inventory.Invalid},
		"less than nothing": {[]series{one("bounce", -0.1), one("complaint", 0.1)}, nil, nil, inventory.Invalid},
		"more than all":     {[]series{one("bounce", 1.01), one("complaint", 0.1)}, nil, nil, inventory.Invalid},
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
				if got := class(t, r, inventory.APICloudWatch); got != tt.class {
					t.Errorf("class %q, want %q: %+v", got, tt.class, r.Outcomes)
				}
				switch got := r.Reputation; {
				case tt.class != inventory.OK:
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

// TestSignUpsThatCountNothing has points that are no number of sign-ups.
func TestSignUpsThatCountNothing(t *testing.T) {
	for _, value := range []float64{math.NaN(), math.Inf(1), -1} {
		t.Run(fmt.Sprint(value), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f, err := awssim.Generate(awssim.GenerateOptions{Accounts: 1, Regions: []string{"eu-west-1"}, Pools: 5, Mix: "mixed", Active: 1})
				if err != nil {
					t.Fatal(err)
				}
				sim := simulate(t, awssim.Options{Fleet: f, NoQuotas: true, NoDelays: true})
				time.Sleep(15 * time.Hour)
				options := func(o *awsread.Options) { o.CloudWatch, o.Quota.Reset = true, 9*time.Hour }
				good := sim.reader(t, options).Read(t.Context(), target(hub), nil)
				if good.SignUps == nil || len(good.SignUps.Series) == 0 {
					t.Fatalf("%+v, %+v", good.SignUps, good.Outcomes)
				}
				var spoilt []series
				for i := range good.SignUps.Series {
					spoilt = append(spoilt, series{id: fmt.Sprintf("m%d", i), status: "Complete", at: []time.Time{time.Now()}, values: []float64{value}})
				}
				sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
					if operation != "GetMetricData" {
						return 0, ""
					}
					return http.StatusOK, metricData(spoilt...)
				})
				r := sim.reader(t, options).Read(t.Context(), target(hub), &good)
				if class(t, r, inventory.APICloudWatch) != inventory.Invalid || r.SignUps != good.SignUps {
					t.Errorf("%+v, %+v", r.Outcomes, r.SignUps)
				}
			})
		})
	}
}
