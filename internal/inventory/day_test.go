package inventory

import (
	"fmt"
	"testing"
	"time"
)

func TestDay(t *testing.T) {
	now := at("2026-11-24T12:30:00Z")
	series := func(id string, clocks ...string) SignUpSeries {
		s := SignUpSeries{PoolID: "eu-west-1_" + id, ClientID: "web"}
		for _, clock := range clocks {
			s.Points = append(s.Points, Point{at("2026-11-24T" + clock + ":00:00Z"), 1})
		}
		return s
	}
	both := []SignUpSeries{series("a", "10", "12"), series("b", "11")}
	shared, own := Policy{true, 50, ScopeAccountRegion, 9 * time.Hour}, Policy{true, 50, ScopePool, 9 * time.Hour}
	for _, tt := range []struct {
		name   string
		series []SignUpSeries
		policy Policy
		want   map[string]string
	}{
		{"a shared quota", both, shared, map[string]string{"a": "[10 12] of [10 11 12]", "b": "[11] of [10 11 12]"}},
		{"each its own", both, own, map[string]string{"a": "[10 12] of []", "b": "[11] of []"}},
		{"only one sends", both[:1], shared, map[string]string{"a": "[10 12] of [10 12]", "b": "[] of [10 12]"}},
		{"only one sends, each its own", both[:1], own, map[string]string{"a": "[10 12] of []"}},
		{"nobody sends", nil, shared, map[string]string{}},
		{"no quota", both, Policy{}, map[string]string{}},
	} {
		r := usageRegion("111122223333", "eu-west-1", now)
		r.SignUps.Series = tt.series
		a := Judge(now, []Reading{r}, tt.policy)
		got := map[string]string{}
		for i := range a.Pools {
			d, ok := a.Day(&a.Pools[i])
			if !ok {
				continue
			}
			if !d.Start.Equal(at("2026-11-24T09:00:00Z")) || !d.End.Equal(at("2026-11-25T09:00:00Z")) {
				t.Errorf("%s: the day is from %v to %v", tt.name, d.Start, d.End)
			}
			hours := func(points []Point) (all []int) {
				for _, p := range points {
					all = append(all, p.At.Hour())
				}
				return all
			}
			got[a.Pools[i].ID[len("eu-west-1_"):]] = fmt.Sprint(hours(d.Own), " of ", hours(d.Shared))
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestDayNotShared has pools of which one sends after AWS has refused another
// one's e-mail: the quota is not theirs together.
func TestDayNotShared(t *testing.T) {
	r := trailDay(eventAt("10:00:00", "a", Sent, ""), eventAt("10:30:00", "a", NotSent, FailedDailyLimit), eventAt("11:00:00", "b", Sent, ""))
	a := Judge(at("2026-11-24T12:00:00Z"), []Reading{r}, Policy{true, 50, ScopeAccountRegion, 9 * time.Hour})
	for i, hour := range []int{10, 11} {
		d, ok := a.Day(&a.Pools[i])
		if !ok || d.Shared != nil || len(d.Own) != 1 || d.Own[0].At.Hour() != hour {
			t.Errorf("%s: %+v, want one e-mail at %d", a.Pools[i].ID, d, hour)
		}
	}
}
