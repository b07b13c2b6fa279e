package inventory

import (
	"testing"
	"time"
)

func TestExhaustion(t *testing.T) {
	const start, end, now = "2026-11-24T09:00:00Z", "2026-11-25T09:00:00Z", "2026-11-24T15:00:00Z"
	points := func(times ...string) (all []Point) {
		for _, s := range times {
			all = append(all, Point{at("2026-11-24T" + s + "Z"), 1})
		}
		return all
	}
	for _, tt := range []struct {
		name  string
		sent  []Point
		limit float64
		now   string
		want  string
	}{
		{"nothing sent", nil, 50, now, ""},
		{"nothing lately", points("09:10:00", "11:59:59"), 50, now, ""},
		{"used up", points("09:10:00", "10:00:00", "11:00:00"), 2, now, "2026-11-24T10:00:00Z"},
		{"three in three hours, two left", points("12:00:00", "13:00:00", "14:00:00"), 5, now, "2026-11-24T17:00:00Z"},
		{"lasts until the reset", points("12:00:00", "13:00:00", "14:00:00"), 21, now, ""},
		{"just before the reset", points("12:00:00", "13:00:00", "14:00:00"), 20, now, "2026-11-25T08:00:00Z"},
		{"two within the first minutes", points("09:01:00", "09:02:00"), 4, "2026-11-24T09:03:00Z", "2026-11-24T09:33:00Z"},
		{"just within the last hours", points("12:00:00"), 2, now, "2026-11-24T18:00:00Z"},
		{"just before the last hours", points("11:59:59"), 2, now, ""},
		{"to the reset exactly", points("12:00:00", "13:00:00", "14:00:00"), 21, now, ""},
		{"of a limit that is reached exactly", points("12:00:00", "13:00:00"), 2, now, "2026-11-24T13:00:00Z"},
		{"since the start of the day", points("09:00:00"), 2, "2026-11-24T11:00:00Z", "2026-11-24T13:00:00Z"},
		{"several at once", []Point{{at(now).Add(-time.Hour), 30}}, 50, now, "2026-11-24T17:00:00Z"},
	} {
		q := Quota{Known: true, Limit: tt.limit, Used: total(tt.sent), Reset: at(end)}
		got := exhaustion(tt.sent, q, at(start), at(tt.now))
		if tt.want == "" != got.IsZero() || !got.IsZero() && !got.Equal(at(tt.want)) {
			t.Errorf("%s: %s, want %q", tt.name, got, tt.want)
		}
	}
}
