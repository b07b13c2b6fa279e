package inventory

import (
	"testing"
	"time"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

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

func TestRunout(t *testing.T) {
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
		{"several at once", []Point{{at(now).Add(-time.Hour), 30}}, 50, now, "2026-11-24T17:00:00Z"},
	} {
		q := Quota{Limit: tt.limit, Used: total(tt.sent)}
		got := exhaustion(tt.sent, q, at(start), at(end), at(tt.now))
		if tt.want == "" != got.IsZero() || !got.IsZero() && !got.Equal(at(tt.want)) {
			t.Errorf("%s: %s, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNoActionCountsTwice(t *testing.T) {
	const pool, client = "eu-west-1_a", "web"
	noon := at("2026-11-24T12:00:00Z")
	event := func(id string, after time.Duration, page bool) MailEvent {
		return MailEvent{ID: id, At: noon.Add(after), Operation: "SignUp", Page: page, PoolID: pool, ClientID: client, Sent: true}
	}
	other := event("other", 0, false)
	other.ClientID = "app"
	for _, tt := range []struct {
		name   string
		events []MailEvent
		want   int
	}{
		{"a call", []MailEvent{event("1", 0, false)}, 1},
		{"a page", []MailEvent{event("1", 0, true)}, 1},
		{"a page and its call", []MailEvent{event("1", 0, true), event("2", time.Second, false)}, 1},
		{"the call first", []MailEvent{event("1", 0, false), event("2", time.Second, true)}, 1},
		{"a call long after", []MailEvent{event("1", 0, true), event("2", time.Minute, false)}, 2},
		{"two pages and one call", []MailEvent{event("1", 0, true), event("2", 0, true), event("3", 0, false)}, 2},
		{"another client's call", []MailEvent{event("1", 0, true), other}, 2},
	} {
		if got := len((&Trail{Events: tt.events}).Single()); got != tt.want {
			t.Errorf("%s: %d actions, want %d", tt.name, got, tt.want)
		}
	}
}

// usageRegion has two pools with the built-in sender, which sent 3 and 4
// e-mails, one with SES and one whose Lambda sends.
func usageRegion(account, region string, now time.Time) Reading {
	policy := Policy{Reset: 9 * time.Hour}
	start, _ := policy.Window(now)
	pool := func(id string, s Settings) UserPool {
		s.Described, s.Confirmed, s.AutoVerified = now, now, []string{"email"}
		return UserPool{ID: region + "_" + id, Listed: now, Settings: &s}
	}
	series := func(id, client string, n float64) SignUpSeries {
		return SignUpSeries{PoolID: region + "_" + id, ClientID: client, Points: []Point{{start, n}}}
	}
	return Reading{
		Target: Target{AccountID: account, Region: region}, Start: now, End: now, PoolsListed: now,
		Pools: []UserPool{
			pool("a", Settings{Mode: ModeDefault}), pool("b", Settings{Mode: ModeDefault}),
			pool("lambda", Settings{Mode: ModeDefault, CustomSender: true}), pool("ses", Settings{Mode: ModeDeveloper}),
		},
		SignUps: &SignUps{
			WindowStart: start, Confirmed: now, Pools: []string{region + "_a", region + "_b"},
			Series: []SignUpSeries{series("a", "web", 2), series("a", AdminClient, 1), series("b", "web", 4)},
		},
	}
}

func TestScopes(t *testing.T) {
	now := at("2026-11-24T12:00:00Z")
	readings := []Reading{usageRegion("111122223333", "eu-west-1", now), usageRegion("111122223333", "us-east-1", now), usageRegion("444455556666", "eu-west-1", now)}
	for _, tt := range []struct {
		scope  Scope
		used   []float64 // of the pools a and b in the first region
		groups int
		first  float64 // of the first group; below 0 for no quota
	}{
		{ScopeAccountRegion, []float64{7, 7}, 3, 7},
		{ScopeAccount, []float64{14, 14}, 2, 14},
		{ScopePool, []float64{3, 4}, 3, -1},
	} {
		s := New(now, readings, Policy{Enabled: true, Limit: 50, Scope: tt.scope, Reset: 9 * time.Hour})
		for i, want := range tt.used {
			if q := s.Pools[i].DefaultQuota; q == nil || q.Used != want || q.Limit != 50 {
				t.Errorf("%s: %s has the quota %v, want %v used", tt.scope, s.Pools[i].ID, q, want)
			}
		}
		for _, i := range []int{2, 3} {
			if s.Pools[i].DefaultQuota != nil || s.Pools[i].SentCloudWatch != nil {
				t.Errorf("%s: %s does not use the built-in sender and has a quota", tt.scope, s.Pools[i].ID)
			}
		}
		if len(s.DefaultQuotas) != tt.groups {
			t.Errorf("%s: %d groups, want %d", tt.scope, len(s.DefaultQuotas), tt.groups)
			continue
		}
		q := s.DefaultQuotas[0]
		if (q.Quota == nil) != (tt.first < 0) || q.Quota != nil && q.Quota.Used != tt.first || !q.Reset.Equal(at("2026-11-25T09:00:00Z")) {
			t.Errorf("%s: %+v", tt.scope, q)
		}
	}
}

// TestUnknownUse checks that a sum of which a part is unknown is not published.
func TestUnknownUse(t *testing.T) {
	now := at("2026-11-24T12:00:00Z")
	policy := Policy{Enabled: true, Limit: 50, Scope: ScopeAccountRegion, Reset: 9 * time.Hour}
	for name, change := range map[string]func(*Reading){
		"no source":               func(r *Reading) { r.SignUps = nil },
		"a pool is not described": func(r *Reading) { r.Pools[1].Settings = nil },
		"a pool was not counted":  func(r *Reading) { r.SignUps.Pools = r.SignUps.Pools[:1] },
		"a list with gaps":        func(r *Reading) { r.PoolsListed = time.Time{} },
		"a trail with gaps":       func(r *Reading) { r.SignUps, r.Trail = nil, &Trail{WindowStart: r.SignUps.WindowStart} },
	} {
		r := usageRegion("111122223333", "eu-west-1", now)
		change(&r)
		p := New(now, []Reading{r}, policy).Pools[0]
		if p.DefaultQuota != nil || p.Ready != Unknown || len(p.Blocked) > 0 {
			t.Errorf("%s: %v, ready %s", name, p.DefaultQuota, p.Ready)
		}
	}
	r := usageRegion("111122223333", "eu-west-1", now)
	r.SignUps = nil
	if p := New(now, []Reading{r}, Policy{}).Pools[0]; p.Ready != Yes {
		t.Errorf("without a policy the verdict waits for a quota: %s", p.Ready)
	}
	r = usageRegion("111122223333", "eu-west-1", now)
	r.Trail = &Trail{WindowStart: r.SignUps.WindowStart, Complete: true, Events: []MailEvent{{ID: "1", At: now, PoolID: "eu-west-1_a", Sent: true}}}
	if q := New(now, []Reading{r}, policy).Pools[0].DefaultQuota; q == nil || q.Used != 1 {
		t.Errorf("CloudTrail does not go before CloudWatch: %v", q)
	}
}

// TestWhatIsGoneStillCounts checks that a pool that leaves the built-in sender,
// or is deleted, does not take with it what AWS has counted.
func TestWhatIsGoneStillCounts(t *testing.T) {
	now := at("2026-11-24T12:00:00Z")
	policy := Policy{Enabled: true, Limit: 50, Scope: ScopeAccountRegion, Reset: 9 * time.Hour}
	used := func(r Reading) any {
		q := New(now, []Reading{r}, policy).Pools[0].DefaultQuota
		if q == nil {
			return nil
		}
		return q.Used
	}
	for name, change := range map[string]func(*Reading){
		"moved":   func(r *Reading) { r.Pools[1].Settings.Mode = ModeDeveloper },
		"deleted": func(r *Reading) { r.Pools = append(r.Pools[:1:1], r.Pools[2:]...) },
	} {
		r := usageRegion("111122223333", "eu-west-1", now)
		change(&r)
		if got := used(r); got != 7.0 {
			t.Errorf("%s, by CloudWatch: %v used, want 7", name, got)
		}
		start := r.SignUps.WindowStart
		r.Trail = &Trail{WindowStart: start, Complete: true, Events: []MailEvent{
			{ID: "1", At: start, PoolID: "eu-west-1_a", Sent: true, Default: true},
			{ID: "2", At: start, PoolID: "eu-west-1_b", Sent: true, Default: true},
			{ID: "3", At: start, PoolID: "eu-west-1_ses", Sent: true},
		}}
		if got := used(r); got != 2.0 {
			t.Errorf("%s, by CloudTrail: %v used, want 2", name, got)
		}
	}
}

// TestAllRegionsCount checks that a quota that regions share waits for all of them.
func TestAllRegionsCount(t *testing.T) {
	now := at("2026-11-24T12:00:00Z")
	policy := Policy{Enabled: true, Limit: 50, Scope: ScopeAccount, Reset: 9 * time.Hour}
	first := usageRegion("111122223333", "eu-west-1", now)
	unread := Reading{Unread: true, Target: Target{AccountID: "111122223333", Region: "us-east-1"}}
	s := New(now, []Reading{first, unread}, policy)
	if s.Pools[0].DefaultQuota != nil || len(s.Readings) != 1 {
		t.Errorf("with a region still to be read: %v, %d readings", s.Pools[0].DefaultQuota, len(s.Readings))
	}
	off := unread
	off.Unread, off.Outcomes = false, []Outcome{{API: APICognito, Class: RegionDisabled}}
	if q := New(now, []Reading{first, off}, policy).Pools[0].DefaultQuota; q == nil || q.Used != 7 {
		t.Errorf("with a region that is off: %v", q)
	}
}

// TestReset checks that at the reset nothing is left over and nothing missing.
func TestReset(t *testing.T) {
	before := at("2026-11-25T08:58:00Z")
	r := usageRegion("111122223333", "eu-west-1", before)
	r.Trail = &Trail{
		WindowStart: r.SignUps.WindowStart, Confirmed: before, Complete: true,
		Events: []MailEvent{{ID: "1", At: before, PoolID: "eu-west-1_a", Sent: true}, {ID: "2", At: before, PoolID: "eu-west-1_a", Failure: FailedDailyLimit}},
	}
	policy := Policy{Enabled: true, Limit: 1, Scope: ScopeAccountRegion, Reset: 9 * time.Hour}
	for _, tt := range []struct {
		at       string
		used     float64
		ready    Tri
		failures int
	}{
		{"2026-11-25T08:59:59Z", 1, No, 1},
		{"2026-11-25T09:00:00Z", 0, Yes, 0},
	} {
		p := New(at(tt.at), []Reading{r}, policy).Pools[0]
		if p.DefaultQuota == nil || p.DefaultQuota.Used != tt.used || p.Ready != tt.ready || p.Failures["daily_limit"] != tt.failures {
			t.Errorf("%s: %v, ready %s, failures %v", tt.at, p.DefaultQuota, p.Ready, p.Failures)
		}
		if n, ok := (&r).Unattributed(policy, at(tt.at)); !ok || n != 0 {
			t.Errorf("%s: unattributed %v %v", tt.at, n, ok)
		}
	}
}
