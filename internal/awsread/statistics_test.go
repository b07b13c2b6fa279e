package awsread_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const askStatistics = "GetSendStatistics"

// counting is a simulation of an account that pools send through, in one of
// two regions, and a reader of it.
func counting(t *testing.T) (*simulation, *awsread.Reader) {
	t.Helper()
	sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: parseFleet(t, `
accounts:
  - id: "100000000001"
    regions:
      eu-west-1:
        ses: {production_access: true, sent_last_24_hours: 1200, bounces: 70, complaints: 5, rejects: 2}
        identities: [{name: example.com}]
        pools: [{name: own, mode: DEVELOPER, source_arn: "arn:aws:ses:eu-west-1:100000000001:identity/example.com", from: a@example.com}]
      eu-central-1:
        ses: {production_access: true, sent_last_24_hours: 9}
        pools: [{name: built-in}]
`)})
	return sim, sim.reader(t, func(o *awsread.Options) { o.Statistics = true })
}

// TestStatistics reads the statistics every 15 minutes, where pools send
// through the account.
func TestStatistics(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim, reader := counting(t)
		r := reader.Read(t.Context(), target(hub), nil)
		for pass := range 7 {
			s := r.Statistics
			if s == nil {
				t.Fatalf("%+v", r.Outcomes)
			}
			if want := (inventory.SendStatistics{Confirmed: s.Confirmed, Attempts: 1200, Bounces: 70, Complaints: 5, Rejects: 2}); *s != want {
				t.Errorf("%+v, want %+v", *s, want)
			}
			if n := sim.calls("", askStatistics); n != pass/3+1 {
				t.Errorf("%d calls after pass %d", n, pass)
			}
			allOK(t, r)
			if class(t, r, inventory.APIStatistics) != inventory.OK || s.Confirmed.Add(inventory.StatisticsInterval).Before(r.Start) {
				t.Errorf("%+v, confirmed %s before the pass", r.Outcomes, r.Start.Sub(s.Confirmed))
			}
			time.Sleep(5 * time.Minute)
			r = reader.Read(t.Context(), target(hub), &r)
		}
		elsewhere := reader.Read(t.Context(), in(hub, "eu-central-1"), nil)
		if _, asked := elsewhere.Outcome(inventory.APIStatistics); asked || elsewhere.Statistics != nil {
			t.Errorf("where no pool sends through: %+v", elsewhere.Outcomes)
		}
		reader.Update(awsread.Options{DescribeMaxAge: time.Hour})
		if off := reader.Read(t.Context(), target(hub), &r); off.Statistics != nil {
			t.Errorf("switched off: %+v", off.Statistics)
		}
		sim.patch(t, map[string]any{"accounts": []any{map[string]any{"id": hub, "regions": map[string]any{"eu-west-1": map[string]any{"pools": nil}}}}})
		if none := reader.Read(t.Context(), target(hub), &r); none.Statistics != nil {
			t.Errorf("without pools: %+v", none.Statistics)
		}
	})
}

// TestStatisticsFail has the call fail: only it is to blame, and what was known
// ends as other facts do.
func TestStatisticsFail(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim, reader := counting(t)
		known := reader.Read(t.Context(), target(hub), nil)
		sim.fault(t, awssim.Fault{Kind: "deny", Operation: askStatistics})
		time.Sleep(inventory.StatisticsInterval)
		r := reader.Read(t.Context(), target(hub), &known)
		allOK(t, r)
		o, _ := r.Outcome(inventory.APIStatistics)
		if want := "allow ses:GetSendStatistics as in deploy/aws/iam-policy.json, or set send_statistics.enabled to false"; o.Class != inventory.Denied || !strings.HasSuffix(o.Message, want) {
			t.Errorf("%+v", o)
		}
		end := known.Statistics.Confirmed.Add(inventory.StatisticsInterval)
		if r.Statistics == nil || r.Fresh(end).Statistics == nil || r.Fresh(end.Add(1)).Statistics != nil {
			t.Errorf("%+v", r.Statistics)
		}
		if only := (inventory.Reading{Statistics: r.Statistics}); !only.OldestAfter(time.Time{}).Equal(end) {
			t.Errorf("the oldest fact ends by %s, want %s", only.OldestAfter(time.Time{}), end)
		}
		sim.fault(t)
		if r = reader.Read(t.Context(), target(hub), &r); class(t, r, inventory.APIStatistics) != inventory.OK || !r.Statistics.Confirmed.After(end) && !r.Statistics.Confirmed.Equal(end) {
			t.Errorf("once it succeeds: %+v", r.Outcomes)
		}
	})
}

// TestStatisticsPoints checks which points count, and which make no sense.
func TestStatisticsPoints(t *testing.T) {
	for name, tt := range map[string]struct {
		points string // AT is an hour ago, DAY a second more than 24 hours, NEXT two hours ahead
		want   string // attempts, bounces, complaints, rejects; empty is unknown
	}{
		"none":          {"", "0 0 0 0"},
		"two":           {point("AT", "5", "1") + point("AT", "7", "2"), "12 3 0 0"},
		"old":           {point("DAY", "5", "1") + point("AT", "7", "2"), "7 2 0 0"},
		"negative":      {point("AT", "5", "-1"), ""},
		"absurd":        {point("AT", "9000000000000000000", "0"), ""},
		"of the future": {point("NEXT", "5", "1"), ""},
		"without time":  {"<member><DeliveryAttempts>5</DeliveryAttempts></member>", ""},
		"no number":     {point("AT", "many", "1"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim, reader := counting(t)
				sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
					if operation != askStatistics {
						return 0, ""
					}
					stamp := func(ago time.Duration) string { return time.Now().Add(-ago).UTC().Format(time.RFC3339) }
					points := strings.NewReplacer("AT", stamp(time.Hour), "DAY", stamp(24*time.Hour+time.Second), "NEXT", stamp(-2*time.Hour)).Replace(tt.points)
					return http.StatusOK, "<GetSendStatisticsResponse><GetSendStatisticsResult><SendDataPoints>" + points +
						"</SendDataPoints></GetSendStatisticsResult></GetSendStatisticsResponse>"
				})
				r := reader.Read(t.Context(), target(hub), nil)
				allOK(t, r)
				got, class := "", class(t, r, inventory.APIStatistics)
				if s := r.Statistics; s != nil {
					got = fmt.Sprint(s.Attempts, s.Bounces, s.Complaints, s.Rejects)
				}
				if got != tt.want || (class == inventory.OK) != (tt.want != "") || tt.want == "" && class != inventory.Invalid {
					t.Errorf("%q, class %q, want %q", got, class, tt.want)
				}
			})
		})
	}
}

func point(at, attempts, bounces string) string {
	return "<member><Timestamp>" + at + "</Timestamp><DeliveryAttempts>" + attempts + "</DeliveryAttempts><Bounces>" + bounces + "</Bounces></member>"
}
