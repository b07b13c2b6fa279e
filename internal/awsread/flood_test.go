package awsread

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestFlood has 33 sign-ups a second for a day, on five pools. What is kept of
// them does not grow with them, and counts them all.
func TestFlood(t *testing.T) {
	t.Parallel()
	const perSecond, mostBytes = 33, 16 << 20
	start := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	r := &trailReading{pass: &pass{opts: &Options{}}}
	trail := &inventory.Trail{WindowStart: start, Through: map[string]time.Time{}, Gaps: map[string][]inventory.Span{}}
	n, most := 0, 0
	pools := []string{"eu-west-1_a", "eu-west-1_b", "eu-west-1_c", "eu-west-1_d", "eu-west-1_e"}
	id := strings.Repeat("x", 36)
	for now := start; now.Before(start.Add(24 * time.Hour)); {
		next := now.Add(20 * time.Minute)
		for ; now.Before(next); now = now.Add(time.Second) {
			for range perSecond {
				n++
				trail.Events = append(trail.Events, inventory.MailEvent{ID: id, At: now, Operation: "SignUp", PoolID: pools[n%5], ClientID: "1example23456789", Fate: inventory.Sent})
			}
		}
		for name := range mailEvents {
			trail.Through[name] = now
		}
		r.bound(trail)
		most = max(most, len(trail.Events)*(int(unsafe.Sizeof(inventory.MailEvent{}))+len(id))+len(trail.Counts)*int(unsafe.Sizeof(inventory.TrailCount{})))
	}
	counted := 0
	for _, c := range trail.All() {
		counted += c.N
	}
	if counted != n || n != 33*86400 {
		t.Errorf("%d of %d are counted", counted, n)
	}
	t.Logf("%d events took at most %d bytes; one by one they would take %d", n, most, n*(int(unsafe.Sizeof(inventory.MailEvent{}))+len(id)))
	if most > mostBytes {
		t.Errorf("they took %d bytes, at most %d are allowed", most, mostBytes)
	}
	if len(trail.Counts) > 5*24*12 {
		t.Errorf("there are %d counts", len(trail.Counts))
	}
}

// TestBound checks what is settled: not what other names of the operation may
// still bring a twin of, nor what lies in a gap.
func TestBound(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	trail := func() *inventory.Trail {
		t := &inventory.Trail{Through: map[string]time.Time{}, Gaps: map[string][]inventory.Span{}}
		for name := range mailEvents {
			t.Through[name] = now
		}
		for _, e := range []struct {
			id, operation string
			before        time.Duration
		}{
			{"old", "SignUp", 2 * time.Hour},
			{"old too", "ForgotPassword", 2 * time.Hour},
			{"settled", "SignUp", trailOverlap + inventory.TwinMargin + time.Second},
			{"unsettled", "SignUp", trailOverlap + inventory.TwinMargin},
			{"new", "SignUp", 0},
		} {
			t.Events = append(t.Events, inventory.MailEvent{ID: e.id, At: ago(e.before), Operation: e.operation})
		}
		return t
	}
	for name, tt := range map[string]struct {
		most   int
		change func(*inventory.Trail)
		left   []string
	}{
		"few":                    {5, func(*inventory.Trail) {}, []string{"old", "old too", "settled", "unsettled", "new"}},
		"many":                   {4, func(*inventory.Trail) {}, []string{"unsettled", "new"}},
		"a page is behind":       {4, func(t *inventory.Trail) { t.Through["Signup_POST"] = ago(3 * time.Hour) }, []string{"old", "settled", "unsettled", "new"}},
		"another operation's is": {4, func(t *inventory.Trail) { t.Through["ResendCode_POST"] = ago(3 * time.Hour) }, []string{"unsettled", "new"}},
		"in a gap of a page": {4, func(t *inventory.Trail) {
			t.Gaps["signup_POST"] = []inventory.Span{{From: ago(2 * time.Hour), To: ago(time.Hour)}}
		}, []string{"old", "unsettled", "new"}},
		"just before a gap": {4, func(t *inventory.Trail) {
			t.Gaps["SignUp"] = []inventory.Span{{From: ago(2*time.Hour - inventory.TwinMargin), To: ago(time.Hour)}}
		}, []string{"old", "unsettled", "new"}},
		"longer before a gap": {4, func(t *inventory.Trail) {
			t.Gaps["SignUp"] = []inventory.Span{{From: ago(2*time.Hour - inventory.TwinMargin - 1), To: ago(time.Hour)}}
		}, []string{"unsettled", "new"}},
		"a gap of another operation": {4, func(t *inventory.Trail) {
			t.Gaps["ForgotPassword"] = []inventory.Span{{From: ago(2 * time.Hour), To: ago(time.Hour)}}
		}, []string{"old too", "unsettled", "new"}},
	} {
		got := trail()
		tt.change(got)
		r := &trailReading{pass: &pass{opts: &Options{MailEvents: tt.most}}}
		r.bound(got)
		var left []string
		for _, e := range got.Events {
			left = append(left, e.ID)
		}
		if counted := len(left) + len(got.Counts); !slices.Equal(left, tt.left) || counted != 5 {
			t.Errorf("%s: left %v, want %v; counts %v", name, left, tt.left, got.Counts)
		}
	}
	// Of more than can be kept, what will be read again is left out.
	stuck := &inventory.Trail{Through: map[string]time.Time{}}
	for name := range mailEvents {
		stuck.Through[name] = ago(time.Hour)
	}
	for i := range mostEvents + 1 {
		stuck.Events = append(stuck.Events, inventory.MailEvent{ID: strconv.Itoa(i), At: ago(time.Hour + time.Second), Operation: "SignUp"})
	}
	stuck.Events[mostEvents].At = now
	if (&trailReading{pass: &pass{opts: &Options{}}}).bound(stuck); len(stuck.Events) != mostEvents {
		t.Errorf("%d events are kept", len(stuck.Events))
	}
}
