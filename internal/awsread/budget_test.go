package awsread

import (
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// spend counts the requests that the budget has room for until d has passed.
func spend(t *testing.T, b *budget, d time.Duration) (n int) {
	t.Helper()
	end := time.Now().Add(d)
	for {
		if _, err := b.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			return n
		}
		n++
	}
}

// TestBudgetThatIsThrottled halves a budget of 20 a second, which then grows
// back to it: in 5 seconds, and more slowly when that happens again soon.
func TestBudgetThatIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(20, 1)
		rateNow := func() rate.Limit {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.grow(time.Now())
			return b.bucket.Limit()
		}
		for i, tt := range []struct {
			after     time.Duration
			throttled bool
			halves    bool
			want      rate.Limit
		}{
			{0, false, false, 20},
			{time.Second, true, true, 10},
			{time.Second, false, false, 12},
			{0, true, false, 12}, // For the same cause.
			{4 * time.Second, false, false, 20},
			{25*time.Second - 1, true, false, 20}, // Too soon after.
			{1, true, true, 10},
			{5 * time.Second, false, false, 15},
			{5 * time.Second, false, false, 20},
			{20 * time.Second, true, true, 10},
			{10 * time.Second, false, false, 15},
			{20 * time.Second, true, true, 10},
			{20 * time.Second, false, false, 15},
			{15 * time.Second, true, false, 18.75}, // It has not grown back yet.
			{5 * time.Second, true, true, 10},
			{40 * time.Second, false, false, 15},
			{40 * time.Second, true, true, 10},
			{40 * time.Second, false, false, 15}, // 80 seconds are the most.
			{40 * time.Second, true, true, 10},
			{2*time.Minute - 1, true, true, 10},
			{40 * time.Second, false, false, 15},
			{80 * time.Second, true, true, 10}, // After two quiet minutes it begins anew.
			{2500 * time.Millisecond, false, false, 15},
			{time.Hour, false, false, 20},
		} {
			time.Sleep(tt.after)
			if tt.throttled {
				if got := b.throttled(); got != tt.halves {
					t.Errorf("%d, after %s more: halved is %v", i, tt.after, got)
				}
			}
			if got := rateNow(); got < tt.want-0.001 || got > tt.want+0.001 {
				t.Errorf("%d, after %s more, throttled %v: %v a second, want %v", i, tt.after, tt.throttled, got, tt.want)
			}
		}
		b.throttled()
		b.set(40, 1)
		if got := rateNow(); got != 20 {
			t.Errorf("halved, then doubled: %v a second", got)
		}
		b.set(rate.Inf, 1)
		if got := b.throttled(); got || rateNow() != rate.Inf {
			t.Errorf("without a rate: halved is %v, %v a second", got, rateNow())
		}
	})
}

// TestBudgetPace counts the requests of a minute that begins with a throttled one.
func TestBudgetPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(20, 1)
		if n := spend(t, b, time.Minute); n < 1199 || n > 1201 {
			t.Errorf("%d requests in a minute, want 20 a second", n)
		}
		b.throttled()
		if n := spend(t, b, time.Minute); n < 1173 || n > 1177 {
			t.Errorf("%d requests in a minute that begins with a throttled one, want 25 less", n)
		}
		b = newBudget(1, 1)
		if waited, err := b.wait(t.Context()); waited != 0 || err != nil {
			t.Errorf("the first request waited %s, %v", waited, err)
		}
		if waited, err := b.wait(t.Context()); waited != time.Second || err != nil {
			t.Errorf("the second request waited %s, %v", waited, err)
		}
	})
}

// TestBudgetsByCategory checks which operations AWS counts together.
func TestBudgetsByCategory(t *testing.T) {
	all := newBudgets(map[string]float64{inventory.APICognito: 5, inventory.APISES: 0.5})
	for _, tt := range []struct {
		a, b   string
		shared bool
	}{
		{"DescribeUserPool", "ListUserPools", true},
		{"DescribeUserPool", "ListUserPoolClients", false},
		{"DescribeUserPool", "GetUserPoolMfaConfig", false},
		{"GetLogDeliveryConfiguration", "GetUserPoolMfaConfig", true},
		{"GetAccount", "GetEmailIdentity", false},
		{"GetMetricData", "ListMetrics", true},
		{"GetMetricData", "LookupEvents", false},
	} {
		if got := all[tt.a] == all[tt.b]; got != tt.shared || all[tt.a] == nil {
			t.Errorf("%s and %s share a budget: %v", tt.a, tt.b, got)
		}
	}
	for operation, want := range map[string]rate.Limit{"DescribeUserPool": 5, "GetAccount": 0.5, "GetMetricData": rate.Inf} {
		if got := all[operation].bucket.Limit(); got != want {
			t.Errorf("%s: %v a second, want %v", operation, got, want)
		}
	}
	if got := all["DescribeUserPool"].bucket.Burst(); got != 5 {
		t.Errorf("a budget of 5 a second holds %d", got)
	}
	if got := all["GetAccount"].bucket.Burst(); got != 1 {
		t.Errorf("a budget of 0.5 a second holds %d", got)
	}
}
