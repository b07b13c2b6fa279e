package web

import (
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

func TestDrawDay(t *testing.T) {
	start := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	at := func(hours float64) time.Time { return start.Add(time.Duration(hours * float64(time.Hour))) }
	own := []inventory.Point{{At: at(2), N: 5}, {At: at(4), N: 5}, {At: at(4).Add(time.Second), N: 5}}
	shared := []inventory.Point{{At: at(0), N: 10}, {At: at(2), N: 5}, {At: at(4), N: 5}, {At: at(4).Add(time.Second), N: 5}}
	// A unit is two minutes wide; 100 e-mails are 120 / 1.1 units high.
	for _, tt := range []struct {
		name string
		day  inventory.Day
		q    inventory.Quota
		want curve
	}{
		{
			"a quota of the pool's own",
			inventory.Day{Own: own},
			inventory.Quota{Limit: 100},
			curve{
				Sum: "M0 120H60V115H120V104H180", Area: "M0 120H60V115H120V104H180V120H0Z", Limit: "M0 11H720",
				Words: "E-mails since 09:00 UTC: 0 by 10:00, 5 by 11:00, 5 by 12:00, 10 by 13:00, 15 by 14:00, 15 now, of 100.",
			},
		},
		{
			"a shared one that will run out",
			inventory.Day{Own: own, Shared: shared},
			inventory.Quota{Limit: 50, Exhaustion: at(12)},
			curve{
				Sum: "M0 120V99H60V88H120V66H180", Area: "M0 120V99H60V88H120V66H180V120H0Z", Own: "M0 120H60V110H120V88H180", Limit: "M0 11H720", Forecast: "M180 66L360 11",
				Words: "E-mails since 09:00 UTC: 10 by 10:00, 15 by 11:00, 15 by 12:00, 20 by 13:00, 25 by 14:00, 25 now, of 50. 15 of them are of this pool. At the present pace the quota runs out at 21:00 UTC.",
			},
		},
		{
			"more than the limit",
			inventory.Day{Own: own},
			inventory.Quota{Limit: 10, Exhaustion: at(4)},
			curve{
				Sum: "M0 120H60V84H120V11H180", Area: "M0 120H60V84H120V11H180V120H0Z", Limit: "M0 48H720",
				Words: "E-mails since 09:00 UTC: 0 by 10:00, 5 by 11:00, 5 by 12:00, 10 by 13:00, 15 by 14:00, 15 now, of 10.",
			},
		},
	} {
		tt.day.Start, tt.day.End = start, start.Add(24*time.Hour)
		got := *drawDay(tt.day, &tt.q, at(6))
		tt.want.Start, tt.want.End, tt.want.Width, tt.want.Height = "09:00 UTC", "09:00 UTC", 720, 120
		if got != tt.want {
			t.Errorf("%s:\n%+v, want\n%+v", tt.name, got, tt.want)
		}
	}
}

// TestCurve checks which pools have a curve, and that its text is there.
func TestCurve(t *testing.T) {
	body := ask(t, options(t), "GET", own+"eu-west-1_default").Body.String()
	for _, text := range []string{`role="img" aria-labelledby="curve"><title id="curve">E-mails since 09:00 UTC: `, "42 now, of 50.", `<path class="sum" d="M0 120V`, ">e-mails that certainly went out<"} {
		if !strings.Contains(body, text) {
			t.Errorf("no %s in\n%s", text, body)
		}
	}
	for _, id := range []string{"own", "missing", "undescribed"} {
		if body := ask(t, options(t), "GET", own+"eu-west-1_"+id).Body.String(); strings.Contains(body, "<svg viewBox=\"0 0 720") {
			t.Errorf("%s has a curve", id)
		}
	}
}
