package inventory

import (
	"math"
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	nine := Policy{Reset: 9 * time.Hour}
	for _, tt := range []struct {
		policy    Policy
		at, start string
	}{
		{nine, "2026-11-24T08:59:59Z", "2026-11-23T09:00:00Z"},
		{nine, "2026-11-24T09:00:00Z", "2026-11-24T09:00:00Z"},
		{nine, "2026-11-24T09:00:01Z", "2026-11-24T09:00:00Z"},
		{nine, "2026-11-24T00:00:00Z", "2026-11-23T09:00:00Z"},
		// The day is one of UTC: clocks that are changed do not move it.
		{nine, "2026-03-29T10:59:59+02:00", "2026-03-28T09:00:00Z"},
		{nine, "2026-03-29T11:00:00+02:00", "2026-03-29T09:00:00Z"},
		{nine, "2026-10-25T09:59:59+01:00", "2026-10-24T09:00:00Z"},
		{nine, "2026-10-25T10:00:00+01:00", "2026-10-25T09:00:00Z"},
		{nine, "2026-11-01T03:59:59-05:00", "2026-10-31T09:00:00Z"},
		{nine, "2027-01-01T08:59:59Z", "2026-12-31T09:00:00Z"},
		{Policy{}, "2026-11-24T00:00:00Z", "2026-11-24T00:00:00Z"},
		{Policy{Reset: 23*time.Hour + 55*time.Minute}, "2026-11-24T23:54:59Z", "2026-11-23T23:55:00Z"},
	} {
		start, end := tt.policy.Window(at(tt.at))
		if !start.Equal(at(tt.start)) || end.Sub(start) != 24*time.Hour {
			t.Errorf("%s is in the day from %s to %s, want from %s", tt.at, start, end, tt.start)
		}
	}
}

func TestQuota(t *testing.T) {
	infinite := math.Inf(1)
	for name, tt := range map[string]struct {
		quota             Quota
		unlimited, finite bool
		headroom, ratio   float64
		reached           Tri
	}{
		"unknown":         {Quota{Kind: QuotaDefault}, false, false, 0, 1, Unknown},
		"unused":          {SendQuota(200, 0), false, true, 200, 0, No},
		"half used":       {SendQuota(200, 100), false, true, 100, 0.5, No},
		"almost":          {SendQuota(200, 199), false, true, 1, 0.995, No},
		"used up":         {SendQuota(200, 200), false, true, 0, 1, Yes},
		"overdrawn":       {SendQuota(200, 250), false, true, 0, 1.25, Yes},
		"limit of 0":      {SendQuota(0, 0), false, true, 0, 1, Yes},
		"limit of 1":      {SendQuota(1, 0), false, true, 1, 0, No},
		"unlimited":       {SendQuota(-1, 9), true, false, infinite, 0, No},
		"surely less":     {Quota{Known: true, Limit: 50, Used: 7, Bounded: Yes, AtMost: 49}, false, true, 43, 0.14, No},
		"perhaps as much": {Quota{Known: true, Limit: 50, Used: 7, Bounded: Yes, AtMost: 50}, false, true, 43, 0.14, Unknown},
		"surely as much":  {Quota{Known: true, Limit: 50, Used: 50, Bounded: Yes, AtMost: 60}, false, true, 0, 1, Yes},
		"no bound":        {Quota{Known: true, Limit: 50, Used: 7, Bounded: No}, false, true, 43, 0.14, No},
		"no bound needed": {Quota{Known: true, Limit: 50, Used: 50, Bounded: No}, false, true, 0, 1, Yes},
		"bound not read":  {Quota{Known: true, Limit: 50, Used: 7}, false, true, 43, 0.14, Unknown},
		"only a bound":    {Quota{Limit: 50, Bounded: Yes, AtMost: 49}, false, false, 50, 0, No},
		"only a wide one": {Quota{Limit: 50, Bounded: Yes, AtMost: 50}, false, false, 50, 0, Unknown},
		"neither nor":     {Quota{Limit: 50, Bounded: No}, false, false, 50, 0, Unknown},
	} {
		q := &tt.quota
		if q.Unlimited() != tt.unlimited || q.Finite() != tt.finite || q.Headroom() != tt.headroom || q.UsedRatio() != tt.ratio || q.Reached() != tt.reached {
			t.Errorf("%s: unlimited %v, finite %v, headroom %v, ratio %v, reached %v", name, q.Unlimited(), q.Finite(), q.Headroom(), q.UsedRatio(), q.Reached())
		}
	}
}
