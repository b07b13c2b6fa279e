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

// usageRegion has two pools with the built-in sender, which sent 2 and 4
// e-mails, and perhaps one more to a user that an administrator created; one
// with SES and one whose Lambda sends. Nothing bounds them from above.
func usageRegion(account, region string, now time.Time) Reading {
	policy := Policy{Reset: 9 * time.Hour}
	start, _ := policy.Window(now)
	pool := func(id string, e EmailConfiguration) UserPool {
		s := &Settings{Described: now, Sender: NewSender(Key{account, region}, e), AutoVerified: []string{"email"}}
		return UserPool{ID: region + "_" + id, Listed: now, Confirmed: now, Settings: s}
	}
	series := func(id, client string, n float64) SignUpSeries {
		return SignUpSeries{PoolID: region + "_" + id, ClientID: client, Points: []Point{{start, n}}}
	}
	return Reading{
		Target: Target{AccountID: account, Region: region}, Start: now, End: now, PoolsListed: now,
		Pools: []UserPool{
			pool("a", EmailConfiguration{Mode: ModeDefault}), pool("b", EmailConfiguration{Mode: ModeDefault}),
			pool("lambda", EmailConfiguration{Mode: ModeDefault, CustomSender: true}), pool("ses", EmailConfiguration{Mode: ModeDeveloper}),
		},
		SignUps: &SignUps{
			WindowStart: start, Confirmed: now, Pools: []string{region + "_a", region + "_b"},
			Series: []SignUpSeries{series("a", "web", 2), series("a", AdminClient, 1), series("b", "web", 4)},
		},
		CallCounts: &CallCounts{WindowStart: start, Confirmed: now},
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
		{ScopeAccountRegion, []float64{6, 6}, 3, 6},
		{ScopeAccount, []float64{12, 12}, 2, 12},
		{ScopePool, []float64{2, 4}, 3, -1},
	} {
		s := New(now, readings, Policy{Enabled: true, Limit: 50, Scope: tt.scope, Reset: 9 * time.Hour})
		pools := s.Accounts[0].Pools
		var shared []SharedQuota
		for _, a := range s.Accounts {
			shared = append(shared, a.DefaultQuotas...)
		}
		for i, want := range tt.used {
			if q := pools[i].Quota; !q.Known || q.Bounded != No || q.Reached() != No || q.Kind != QuotaDefault || q.Used != want || q.Limit != 50 {
				t.Errorf("%s: %s has the quota %v, want %v used", tt.scope, pools[i].ID, q, want)
			}
		}
		for _, i := range []int{2, 3} {
			if pools[i].Quota.Kind == QuotaDefault || pools[i].SentCloudWatch != nil {
				t.Errorf("%s: %s does not use the built-in sender and has a quota", tt.scope, pools[i].ID)
			}
		}
		if len(shared) != tt.groups {
			t.Errorf("%s: %d groups, want %d", tt.scope, len(shared), tt.groups)
			continue
		}
		q := shared[0]
		if q.Known == (tt.first < 0) || q.Known && q.Used != tt.first || !q.Reset.Equal(at("2026-11-25T09:00:00Z")) {
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
		p := Judge(now, []Reading{r}, policy).Pools[0]
		if p.Quota.Known || p.Ready != Unknown || len(p.Blocked()) > 0 {
			t.Errorf("%s: %v, ready %s", name, p.Quota, p.Ready)
		}
	}
	r := usageRegion("111122223333", "eu-west-1", now)
	r.SignUps = nil
	if p := Judge(now, []Reading{r}, Policy{}).Pools[0]; p.Ready != Yes {
		t.Errorf("without a policy the verdict waits for a quota: %s", p.Ready)
	}
	r = usageRegion("111122223333", "eu-west-1", now)
	r.SignUps, r.Trail = nil, &Trail{WindowStart: r.SignUps.WindowStart, Confirmed: now, Complete: true, Events: []MailEvent{{ID: "1", At: now.Add(-time.Minute), PoolID: "eu-west-1_a", Fate: Sent}}}
	if q := Judge(now, []Reading{r}, policy).Pools[0].Quota; q.Used != 1 || q.AtMost != 1 || q.Bounded != Yes {
		t.Errorf("CloudTrail alone: %+v", q)
	}
}

// TestUnknownMode has a pool whose mode is not known beside others. Only that
// pool is unknown where something bounds what all of them sent.
func TestUnknownMode(t *testing.T) {
	now := at("2026-11-24T12:00:00Z")
	start := at("2026-11-24T09:00:00Z")
	trail := func(sent, possible int) *Trail {
		tr := &Trail{WindowStart: start, Confirmed: now, Complete: true}
		for i := range sent + possible {
			e := MailEvent{ID: string(rune('A' + i)), At: now.Add(-time.Minute), PoolID: "eu-west-1_a", Fate: Sent}
			if i >= sent {
				e.PoolID = "eu-west-1_ses"
			}
			tr.Events = append(tr.Events, e)
		}
		return tr
	}
	calls := func(n float64) *CallCounts {
		return &CallCounts{WindowStart: start, Confirmed: now, Listed: true, N: n}
	}
	for name, tt := range map[string]struct {
		trail        *Trail
		calls        *CallCounts
		lambda       bool // a Lambda function sends for the pool
		scope        Scope
		used, atMost float64
		bounded      Tri
		ready        Tri
	}{
		"the trail bounds it":            {trail: trail(3, 2), used: 3, atMost: 5, bounded: Yes, ready: Yes},
		"the trail widens":               {trail: trail(3, 7), used: 3, atMost: 10, bounded: Yes, ready: Unknown},
		"the trail proves it reached":    {trail: trail(10, 2), used: 10, atMost: 12, bounded: Yes, ready: No},
		"the calls bound it":             {calls: calls(9), used: 6, atMost: 9, bounded: Yes, ready: Yes},
		"the calls do not decide":        {calls: calls(10), used: 6, atMost: 10, bounded: Yes, ready: Unknown},
		"nothing bounds it":              {calls: &CallCounts{WindowStart: start, Confirmed: now}, used: 6, atMost: 6, bounded: Unknown, ready: Unknown},
		"nothing has to":                 {calls: &CallCounts{WindowStart: start, Confirmed: now}, lambda: true, used: 6, atMost: 6, bounded: No, ready: Yes},
		"nothing was read":               {used: 6, atMost: 6, bounded: Unknown, ready: Unknown},
		"a quota of each pool":           {calls: calls(9), scope: ScopePool, used: 2, atMost: 9, bounded: Yes, ready: Yes},
		"a quota of each, without bound": {calls: &CallCounts{WindowStart: start, Confirmed: now}, scope: ScopePool, used: 2, atMost: 2, bounded: No, ready: Yes},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.scope == "" {
				tt.scope = ScopeAccountRegion
			}
			r := usageRegion("111122223333", "eu-west-1", now)
			for i := range r.Pools {
				r.Pools[i].Settings.Modified = start
			}
			if tt.trail != nil {
				r.SignUps.Series = nil
			}
			odd := *r.Pools[3].Settings
			odd.Mode, odd.UnknownMode, odd.CustomSender = ModeUnknown, "PIGEON", tt.lambda
			r.Pools[3].Settings, r.Trail, r.CallCounts = &odd, tt.trail, tt.calls
			a := Judge(now, []Reading{r}, Policy{Enabled: true, Limit: 10, Scope: tt.scope, Reset: 9 * time.Hour})
			p := a.Pools[0]
			if q := p.Quota; !q.Known || q.Used != tt.used || q.AtMost != tt.atMost || q.Bounded != tt.bounded || p.Ready != tt.ready {
				t.Errorf("%+v, ready %s, want %+v", q, p.Ready, tt)
			}
			if own := a.Pools[3]; own.Mode() != ModeUnknown || own.Ready == No || own.Ready == Yes && !tt.lambda || !a.Incomplete {
				t.Errorf("the pool itself: ready %s", own.Ready)
			}
		})
	}
}

// TestWhatIsGoneStillCounts checks that a pool that leaves the built-in sender,
// or is deleted, does not take with it what AWS has counted.
func TestWhatIsGoneStillCounts(t *testing.T) {
	now := at("2026-11-24T12:00:00Z")
	policy := Policy{Enabled: true, Limit: 50, Scope: ScopeAccountRegion, Reset: 9 * time.Hour}
	used := func(r Reading) any {
		q := Judge(now, []Reading{r}, policy).Pools[0].Quota
		if !q.Known {
			return nil
		}
		return q.Used
	}
	for name, change := range map[string]func(*Reading){
		"moved": func(r *Reading) {
			own := *r.Pools[1].Settings
			own.Mode, own.Modified = ModeDeveloper, now
			up := r.Pools[1].Replaced(now.Add(-time.Hour))
			up.Settings, up.Confirmed = &own, now
			r.Pools[1] = up
		},
		"deleted": func(r *Reading) {
			r.Gone = []UserPool{r.Pools[1].Replaced(now.Add(-time.Hour))}
			r.Pools = append(r.Pools[:1:1], r.Pools[2:]...)
		},
	} {
		r := usageRegion("111122223333", "eu-west-1", now)
		change(&r)
		if got := used(r); got != 6.0 {
			t.Errorf("%s, by CloudWatch: %v used, want 6", name, got)
		}
		r.SignUps.Series = nil
		start := r.SignUps.WindowStart
		r.Trail = &Trail{WindowStart: start, Complete: true, Events: []MailEvent{
			{ID: "1", At: start, PoolID: "eu-west-1_a", Fate: Sent},
			{ID: "2", At: start, PoolID: "eu-west-1_b", Fate: Sent},
			{ID: "3", At: start, PoolID: "eu-west-1_ses", Fate: Sent},
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
	s := Judge(now, []Reading{first, unread}, policy)
	if s.Pools[0].Quota.Known || len(s.Readings) != 1 {
		t.Errorf("with a region still to be read: %v, %d readings", s.Pools[0].Quota, len(s.Readings))
	}
	off := unread
	off.Unread, off.Outcomes = false, []Outcome{{API: APICognito, Class: RegionDisabled}}
	if q := Judge(now, []Reading{first, off}, policy).Pools[0].Quota; !q.Known || q.Used != 6 || q.Bounded != No {
		t.Errorf("with a region that is off: %v", q)
	}
}

// TestReset checks that at the reset nothing is left over, and that it takes an
// answer of the new day to know anything of it.
func TestReset(t *testing.T) {
	before := at("2026-11-25T08:58:00Z")
	r := usageRegion("111122223333", "eu-west-1", before)
	r.Trail = &Trail{
		WindowStart: r.SignUps.WindowStart, Confirmed: before, Complete: true,
		Events: []MailEvent{{ID: "1", At: before.Add(-time.Minute), PoolID: "eu-west-1_a", Fate: Sent}, {ID: "2", At: before, PoolID: "eu-west-1_a", Failure: FailedDailyLimit}},
	}
	policy := Policy{Enabled: true, Limit: 1, Scope: ScopeAccountRegion, Reset: 9 * time.Hour}
	for _, tt := range []struct {
		at       string
		answered bool // since the reset
		known    bool
		used     float64
		ready    Tri
		failures int
	}{
		{"2026-11-25T08:59:59Z", false, true, 6, No, 1},
		{"2026-11-25T09:00:00Z", false, false, 0, Unknown, 0},
		{"2026-11-25T09:00:00Z", true, true, 0, Yes, 0},
	} {
		now := r
		if tt.answered {
			now.SignUps = &SignUps{WindowStart: at(tt.at), Confirmed: at(tt.at), Pools: r.SignUps.Pools}
			now.Trail = &Trail{WindowStart: at(tt.at), Confirmed: at(tt.at), Complete: true}
		}
		a := Judge(at(tt.at), []Reading{now}, policy)
		p := a.Pools[0]
		if p.Quota.Known != tt.known || p.Quota.Used != tt.used || p.Ready != tt.ready || p.Failures["daily_limit"] != tt.failures {
			t.Errorf("%s, answered %v: %v, ready %s, failures %v", tt.at, tt.answered, p.Quota, p.Ready, p.Failures)
		}
		if n, ok := a.Unattributed[r.Target.Key()]; ok != tt.known || n != 0 {
			t.Errorf("%s, answered %v: unattributed %v %v", tt.at, tt.answered, n, ok)
		}
	}
}

// TestTrailCounts checks what the events of a day count as.
func TestTrailCounts(t *testing.T) {
	noon := at("2026-11-24T12:00:00Z")
	policy := Policy{Enabled: true, Limit: 50, Scope: ScopeAccountRegion, Reset: 9 * time.Hour}
	start, _ := policy.Window(noon)
	r := usageRegion("111122223333", "eu-west-1", noon)
	event := func(id, pool string, sent bool, failure FailureReason) MailEvent {
		e := MailEvent{ID: id, At: noon.Add(-time.Minute), PoolID: pool, Failure: failure}
		if sent {
			e.Fate = Sent
		}
		return e
	}
	r.Trail = &Trail{WindowStart: start, Confirmed: noon, Complete: true, Events: []MailEvent{
		event("1", "eu-west-1_a", true, ""), event("2", "eu-west-1_a", true, ""), event("3", "eu-west-1_a", false, FailedDailyLimit),
		event("4", "eu-west-1_a", false, FailedDailyLimit), event("5", "eu-west-1_a", false, ""), event("6", "", true, ""), event("7", "", true, ""),
		event("8", "", false, FailedDelivery), event("9", "eu-west-1_deleted", true, ""), event("10", "eu-west-1_ses", false, FailedRecipientUnverified),
	}}
	a := Judge(noon, []Reading{r}, policy)
	key := r.Target.Key()
	if n := a.Unattributed[key]; n != 2 {
		t.Errorf("%v unattributed, want 2", n)
	}
	if n := a.Undecided[key]; n != 3 {
		t.Errorf("%v undecided, want those and the one of a pool that is not known", n)
	}
	p := a.Pools[0]
	if *p.SentCloudTrail != 2 || *p.SentCloudWatch != 3 || p.Quota.Used != 50 || p.Failures[FailedDailyLimit] != 2 || len(p.Failures) != 1 {
		t.Errorf("CloudTrail %v, CloudWatch %v, used %v, failures %v", *p.SentCloudTrail, *p.SentCloudWatch, p.Quota.Used, p.Failures)
	}
	if ses := a.Pools[3]; ses.Failures[FailedRecipientUnverified] != 1 || ses.SentCloudTrail != nil {
		t.Errorf("failures of a DEVELOPER pool %v, sent %v", ses.Failures, ses.SentCloudTrail)
	}
	r.Trail = nil
	a = Judge(noon, []Reading{r}, policy)
	if _, ok := a.Unattributed[key]; ok || a.Pools[0].Failures != nil || a.Pools[0].SentCloudTrail != nil {
		t.Errorf("without a trail: %v, %v", a.Unattributed, a.Pools[0].Failures)
	}
	// Clients whose sign-ups send no e-mail do not count.
	r.Pools[0].Settings.AutoVerified = nil
	if p := Judge(noon, []Reading{r}, policy).Pools[0]; *p.SentCloudWatch != 1 {
		t.Errorf("%v sign-ups of a pool that verifies nothing, want the administrator's 1", *p.SentCloudWatch)
	}
	if a := Judge(noon, []Reading{r}, Policy{}); len(a.DefaultQuotas) != 0 || a.Pools[0].SentCloudWatch != nil || a.Pools[0].Quota.Kind != QuotaDefault || a.Pools[0].Quota.Known {
		t.Errorf("without a policy: %+v, %+v", a.DefaultQuotas, a.Pools[0].Quota)
	}
}

// TestSharedQuotasAreSorted checks the order and the forecast of shared quotas.
func TestSharedQuotasAreSorted(t *testing.T) {
	noon := at("2026-11-24T12:00:00Z")
	r := usageRegion("111122223333", "us-east-1", noon)
	other := usageRegion("111122223333", "eu-west-1", noon)
	a := Judge(noon, []Reading{r, other}, Policy{Enabled: true, Limit: 6, Scope: ScopeAccountRegion, Reset: 9 * time.Hour})
	if len(a.DefaultQuotas) != 2 || a.DefaultQuotas[0].Region != "eu-west-1" || a.DefaultQuotas[1].Region != "us-east-1" {
		t.Fatalf("%+v", a.DefaultQuotas)
	}
	if q := a.DefaultQuotas[0]; q.Kind != QuotaDefault || !q.Exhaustion.Equal(at("2026-11-24T09:00:00Z")) || q.Reached() != Yes {
		t.Errorf("%+v", q)
	}
}
