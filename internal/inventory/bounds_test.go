package inventory

import (
	"strconv"
	"testing"
	"time"
)

// trailDay is usageRegion at noon with CloudTrail in place of CloudWatch.
func trailDay(events ...MailEvent) Reading {
	noon := at("2026-11-24T12:00:00Z")
	r := usageRegion("111122223333", "eu-west-1", noon)
	r.Trail = &Trail{WindowStart: r.SignUps.WindowStart, Confirmed: noon, Complete: true}
	for i, e := range events {
		e.ID = strconv.Itoa(i)
		if e.PoolID != "" {
			e.PoolID = "eu-west-1_" + e.PoolID
		}
		r.Trail.Events = append(r.Trail.Events, e)
	}
	r.SignUps, r.CallCounts = nil, nil
	return r
}

func eventAt(clock, pool string, fate Fate, failure FailureReason) MailEvent {
	return MailEvent{At: at("2026-11-24T" + clock + "Z"), PoolID: pool, Fate: fate, Failure: failure}
}

// verdict is what is said of the quota of a pool.
type quotaVerdict struct {
	known        bool
	used         float64
	bounded      Tri
	atMost       float64
	reached      Tri
	contradicted bool
}

func verdictOf(q Quota) quotaVerdict {
	v := quotaVerdict{q.Known, q.Used, q.Bounded, q.AtMost, q.Reached(), q.Contradicted}
	if q.Bounded != Yes {
		v.atMost = 0
	}
	return v
}

// TestBounds has days of two pools, a and b, with the built-in sender.
func TestBounds(t *testing.T) {
	noon := at("2026-11-24T12:00:00Z")
	sent := func(clock, pool string) MailEvent { return eventAt(clock, pool, Sent, "") }
	refused := func(clock, pool string) MailEvent { return eventAt(clock, pool, NotSent, FailedDailyLimit) }
	for _, tt := range []struct {
		name    string
		reading Reading
		change  func(*Reading)
		scope   Scope
		a, b    quotaVerdict
	}{
		{
			"every event is decided", trailDay(sent("10:00:00", "a"), sent("10:01:00", "b"), eventAt("10:02:00", "a", NotSent, "")), nil, ScopeAccountRegion,
			quotaVerdict{true, 2, Yes, 2, No, false},
			quotaVerdict{true, 2, Yes, 2, No, false},
		},
		{
			"some are not", trailDay(sent("10:00:00", "a"), eventAt("10:01:00", "b", Undecided, ""), eventAt("10:02:00", "a", Simulated, "")), nil, ScopeAccountRegion,
			quotaVerdict{true, 1, Yes, 3, Unknown, false},
			quotaVerdict{true, 1, Yes, 3, Unknown, false},
		},
		{
			"by pool", trailDay(sent("10:00:00", "a"), eventAt("10:01:00", "b", Undecided, ""), eventAt("10:02:00", "", Sent, "")), nil, ScopePool,
			quotaVerdict{true, 1, Yes, 2, No, false},
			quotaVerdict{true, 0, Yes, 2, No, false},
		},
		{
			"a pool that is not known", trailDay(sent("10:00:00", "a"), sent("10:01:00", "deleted")), nil, ScopeAccountRegion,
			quotaVerdict{true, 1, Yes, 2, No, false},
			quotaVerdict{true, 1, Yes, 2, No, false},
		},
		{
			"a pool with SES, for certain", trailDay(sent("10:00:00", "ses"), sent("10:01:00", "lambda")), nil, ScopeAccountRegion,
			quotaVerdict{true, 0, Yes, 0, No, false},
			quotaVerdict{true, 0, Yes, 0, No, false},
		},
		{
			"a pool with SES since later", trailDay(sent("10:00:00", "ses"), sent("11:00:00", "ses")), func(r *Reading) { r.Pools[3].Settings.Modified = at("2026-11-24T10:30:00Z") }, ScopeAccountRegion,
			quotaVerdict{true, 0, Yes, 1, No, false},
			quotaVerdict{true, 0, Yes, 1, No, false},
		},
		{
			"the built-in sender since later", trailDay(sent("10:29:59", "a"), sent("10:30:00", "a")), func(r *Reading) { r.Pools[0].Settings.Modified = at("2026-11-24T10:30:00Z") }, ScopeAccountRegion,
			quotaVerdict{true, 1, Yes, 2, No, false},
			quotaVerdict{true, 1, Yes, 2, No, false},
		},
		{
			"since the settings were confirmed", trailDay(sent("10:59:59", "a"), sent("11:00:00", "a")), func(r *Reading) { r.Pools[0].Confirmed = at("2026-11-24T11:00:00Z") }, ScopeAccountRegion,
			quotaVerdict{true, 1, Yes, 2, No, false},
			quotaVerdict{true, 1, Yes, 2, No, false},
		},
		{
			"refused while the count is low", trailDay(sent("10:00:00", "a"), refused("10:01:00", "b")), nil, ScopeAccountRegion,
			quotaVerdict{true, 3, Yes, 3, Yes, false},
			quotaVerdict{true, 3, Yes, 3, Yes, false},
		},
		{
			"refused, of no pool", trailDay(sent("10:00:00", "a"), refused("10:01:00", "")), nil, ScopeAccountRegion,
			quotaVerdict{true, 3, Yes, 3, Yes, false},
			quotaVerdict{true, 3, Yes, 3, Yes, false},
		},
		{
			"refused, of a pool that is not known", trailDay(refused("10:01:00", "deleted")), nil, ScopeAccount,
			quotaVerdict{true, 3, Yes, 3, Yes, false},
			quotaVerdict{true, 3, Yes, 3, Yes, false},
		},
		{
			"refused, by pool", trailDay(sent("10:00:00", "a"), refused("10:01:00", "b")), nil, ScopePool,
			quotaVerdict{true, 1, Yes, 1, No, false},
			quotaVerdict{true, 3, Yes, 3, Yes, false},
		},
		{
			"refused for another reason", trailDay(eventAt("10:01:00", "b", NotSent, FailedThrottled)), nil, ScopeAccountRegion,
			quotaVerdict{true, 0, Yes, 0, No, false},
			quotaVerdict{true, 0, Yes, 0, No, false},
		},
		{
			"refused, in a trail with gaps", trailDay(sent("10:00:00", "a"), refused("10:01:00", "b")), func(r *Reading) { r.Trail.Complete = false }, ScopeAccountRegion,
			quotaVerdict{true, 3, Unknown, 0, Yes, false},
			quotaVerdict{true, 3, Unknown, 0, Yes, false},
		},
		{
			"used up, in a trail with gaps", trailDay(sent("10:00:00", "a"), sent("10:01:00", "b"), sent("10:02:00", "b")), func(r *Reading) { r.Trail.Complete = false }, ScopeAccountRegion,
			quotaVerdict{true, 3, Unknown, 0, Yes, false},
			quotaVerdict{true, 3, Unknown, 0, Yes, false},
		},
		{
			"a trail with gaps", trailDay(sent("10:00:00", "a"), sent("10:01:00", "b")), func(r *Reading) { r.Trail.Complete = false }, ScopeAccountRegion,
			quotaVerdict{false, 0, Unknown, 0, Unknown, false},
			quotaVerdict{false, 0, Unknown, 0, Unknown, false},
		},
		{
			"sent just after another's refusal", trailDay(refused("10:00:00", "a"), sent("10:00:10", "b")), nil, ScopeAccountRegion,
			quotaVerdict{true, 3, Yes, 3, Yes, false},
			quotaVerdict{true, 3, Yes, 3, Yes, false},
		},
		{
			"sent after another's refusal", trailDay(refused("10:00:00", "a"), sent("10:00:11", "b")), nil, ScopeAccountRegion,
			quotaVerdict{true, 3, Yes, 3, Yes, true},
			quotaVerdict{true, 1, Yes, 1, No, true},
		},
		{
			"between two refusals", trailDay(refused("10:00:00", "a"), sent("10:30:00", "b"), refused("11:00:00", "a")), nil, ScopeAccountRegion,
			quotaVerdict{true, 3, Yes, 3, Yes, true},
			quotaVerdict{true, 1, Yes, 1, No, true},
		},
		{
			"sent after its own refusal", trailDay(refused("10:00:00", "a"), sent("10:30:00", "a")), nil, ScopePool,
			quotaVerdict{true, 1, Yes, 1, No, true},
			quotaVerdict{true, 0, Yes, 0, No, false},
		},
		{
			"more than the limit", trailDay(sent("10:00:00", "a"), sent("10:01:00", "a"), sent("10:02:00", "b"), sent("10:03:00", "b")), nil, ScopeAccountRegion,
			quotaVerdict{true, 2, Yes, 4, Unknown, true},
			quotaVerdict{true, 2, Yes, 4, Unknown, true},
		},
		{
			"a refusal of no pool, by pool", trailDay(sent("10:00:00", "a"), refused("10:01:00", "")), func(r *Reading) {
				r.Trail.Complete = false
				r.SignUps = &SignUps{WindowStart: r.Trail.WindowStart, Confirmed: noon, Pools: []string{"eu-west-1_a", "eu-west-1_b"}}
				r.CallCounts = &CallCounts{WindowStart: r.Trail.WindowStart, Confirmed: noon}
			}, ScopePool,
			quotaVerdict{true, 1, Unknown, 0, Unknown, false},
			quotaVerdict{true, 0, Unknown, 0, Unknown, false},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.change != nil {
				tt.change(&tt.reading)
			}
			pools := Judge(noon, []Reading{tt.reading}, Policy{Enabled: true, Limit: 3, Scope: tt.scope, Reset: 9 * time.Hour}).Pools
			for i, want := range []quotaVerdict{tt.a, tt.b} {
				if got := verdictOf(*pools[i].Quota); got != want {
					t.Errorf("%s: %+v, want %+v", pools[i].ID, got, want)
				}
				if pools[i].Ready != want.reached.Not() || pools[i].Holds(DefaultQuotaReached) != want.reached {
					t.Errorf("%s: ready %s", pools[i].ID, pools[i].Ready)
				}
			}
		})
	}
}

// TestCalls bounds the day of sign-ups by CloudWatch's count of calls.
func TestCalls(t *testing.T) {
	noon := at("2026-11-24T12:00:00Z")
	start := at("2026-11-24T09:00:00Z")
	for _, tt := range []struct {
		name    string
		calls   *CallCounts
		limit   float64
		bounded Tri
		atMost  float64
		reached Tri
	}{
		{"not read", nil, 50, Unknown, 0, Unknown},
		{"no such metrics", &CallCounts{WindowStart: start, Confirmed: noon}, 50, No, 0, No},
		{"of the day before", &CallCounts{WindowStart: start.AddDate(0, 0, -1), Confirmed: noon, Listed: true, N: 9}, 50, Unknown, 0, Unknown},
		{"more calls", &CallCounts{WindowStart: start, Confirmed: noon, Listed: true, N: 9}, 50, Yes, 9, No},
		{"as many as the limit", &CallCounts{WindowStart: start, Confirmed: noon, Listed: true, N: 9}, 9, Yes, 9, Unknown},
		{"fewer than the limit by one", &CallCounts{WindowStart: start, Confirmed: noon, Listed: true, N: 8}, 9, Yes, 8, No},
		{"of more sign-ups than calls", &CallCounts{WindowStart: start, Confirmed: noon, Listed: true, N: 5}, 50, No, 0, No},
		{"of sign-ups since", &CallCounts{WindowStart: start, Confirmed: start.Add(19*time.Minute + 59*time.Second), Listed: true, N: 5}, 50, Yes, 6, No},
		{"of sign-ups by then", &CallCounts{WindowStart: start, Confirmed: start.Add(20 * time.Minute), Listed: true, N: 5}, 50, No, 0, No},
	} {
		r := usageRegion("111122223333", "eu-west-1", noon)
		r.CallCounts = tt.calls
		q := Judge(noon, []Reading{r}, Policy{Enabled: true, Limit: tt.limit, Scope: ScopeAccountRegion, Reset: 9 * time.Hour}).Pools[0].Quota
		if !q.Known || q.Used != 6 || q.Bounded != tt.bounded || q.Bounded == Yes && q.AtMost != tt.atMost || q.Reached() != tt.reached {
			t.Errorf("%s: %+v, reached %s", tt.name, q, q.Reached())
		}
		if tt.bounded == Yes && !q.AsOf.Equal(since(tt.calls.Confirmed, start)) {
			t.Errorf("%s: as of %s", tt.name, q.AsOf)
		}
	}
	// The better one of two bounds counts, and says as of when.
	r := usageRegion("111122223333", "eu-west-1", noon)
	r.CallCounts = &CallCounts{WindowStart: start, Confirmed: noon.Add(-time.Hour), Listed: true, N: 7}
	r.Trail = &Trail{WindowStart: start, Confirmed: noon, Complete: true}
	for i := range 9 {
		r.Trail.Events = append(r.Trail.Events, MailEvent{ID: strconv.Itoa(i), At: start, PoolID: "eu-west-1_a", Fate: Undecided})
	}
	policy := Policy{Enabled: true, Limit: 8, Scope: ScopeAccountRegion, Reset: 9 * time.Hour}
	if q := Judge(noon, []Reading{r}, policy).Pools[0].Quota; q.AtMost != 7 || !q.AsOf.Equal(noon.Add(-75*time.Minute)) || q.Reached() != No {
		t.Errorf("calls: %+v", q)
	}
	r.CallCounts.N = 10
	if q := Judge(noon, []Reading{r}, policy).Pools[0].Quota; q.AtMost != 9 || !q.AsOf.Equal(noon.Add(-15*time.Minute)) || q.Reached() != Unknown {
		t.Errorf("events: %+v", q)
	}
}

// TestBoundsOfSeveralRegions adds the bounds of regions that share a quota.
func TestBoundsOfSeveralRegions(t *testing.T) {
	noon := at("2026-11-24T12:00:00Z")
	policy := Policy{Enabled: true, Limit: 50, Scope: ScopeAccount, Reset: 9 * time.Hour}
	counted := func(region string, n float64) Reading {
		r := usageRegion("111122223333", region, noon)
		r.CallCounts.Listed, r.CallCounts.N = true, n
		return r
	}
	own := counted("us-west-2", 1000) // Calls of pools that do not use the built-in sender.
	own.Pools = own.Pools[2:]
	own.SignUps.Series = nil
	for _, tt := range []struct {
		name    string
		other   Reading
		bounded Tri
		atMost  float64
	}{
		{"both bounded", counted("us-east-1", 20), Yes, 30},
		{"one without a bound", usageRegion("111122223333", "us-east-1", noon), No, 0},
		{"one that is to be read", Reading{Unread: true, Target: Target{AccountID: "111122223333", Region: "us-east-1"}}, Unknown, 0},
		{"one that is off", Reading{Target: Target{AccountID: "111122223333", Region: "us-east-1"}, Outcomes: []Outcome{{API: APICognito, Class: RegionDisabled}}}, Yes, 10},
		{"one only of SES", Reading{Target: Target{AccountID: "111122223333", Region: "us-east-1", SESOnly: true}}, Yes, 10},
		{"one on SES", own, Yes, 10},
	} {
		q := Judge(noon, []Reading{counted("eu-west-1", 10), tt.other}, policy).Pools[0].Quota
		if q.Bounded != tt.bounded || q.Bounded == Yes && q.AtMost != tt.atMost {
			t.Errorf("%s: %+v", tt.name, q)
		}
	}
}

// TestCertainSignUps checks which sign-ups count below.
func TestCertainSignUps(t *testing.T) {
	noon := at("2026-11-24T12:00:00Z")
	policy := Policy{Enabled: true, Limit: 50, Scope: ScopePool, Reset: 9 * time.Hour}
	for name, tt := range map[string]struct {
		change func(*Reading)
		used   float64
		known  bool
	}{
		"as they are":           {func(*Reading) {}, 2, true},
		"SMS comes first":       {func(r *Reading) { r.Pools[0].Settings.AutoVerified = []string{"email", "phone_number"} }, 0, true},
		"Lambda may confirm":    {func(r *Reading) { r.Pools[0].Settings.PreSignUp = true }, 0, true},
		"changed since":         {func(r *Reading) { r.Pools[0].Settings.Modified = at("2026-11-24T09:00:01Z") }, 0, true},
		"changed before":        {func(r *Reading) { r.Pools[0].Settings.Modified = at("2026-11-24T09:00:00Z") }, 2, true},
		"confirmed long enough": {func(r *Reading) { r.Pools[0].Confirmed = at("2026-11-24T09:05:00Z") }, 2, true},
		"not long enough":       {func(r *Reading) { r.Pools[0].Confirmed = at("2026-11-24T09:04:59Z") }, 0, true},
		"all that is shown": {func(r *Reading) {
			r.Pools[0].Confirmed, r.SignUps.Confirmed = at("2026-11-24T09:03:00Z"), at("2026-11-24T09:04:00Z")
		}, 2, true},
		"more than is shown": {func(r *Reading) {
			r.Pools[0].Confirmed, r.SignUps.Confirmed = at("2026-11-24T09:03:00Z"), at("2026-11-24T09:04:01Z")
		}, 0, true},
		"too old": {func(r *Reading) { r.SignUps.Ended = true }, 0, false},
	} {
		r := usageRegion("111122223333", "eu-west-1", noon)
		tt.change(&r)
		if q := Judge(noon, []Reading{r}, policy).Pools[0].Quota; q.Known != tt.known || q.Used != tt.used {
			t.Errorf("%s: %+v", name, q)
		}
	}
}

// TestProofOutlivesItsSource checks that a quota that is reached stays so until
// the reset when AWS cannot be read any more, and a count does not.
func TestProofOutlivesItsSource(t *testing.T) {
	noon := at("2026-11-24T12:00:00Z")
	later := at("2026-11-24T18:00:00Z")
	for name, tt := range map[string]struct {
		reading Reading
		limit   float64
		reached Tri
	}{
		"refused":            {trailDay(eventAt("10:00:00", "a", NotSent, FailedDailyLimit)), 50, Yes},
		"used up, by events": {trailDay(eventAt("10:00:00", "a", Sent, ""), eventAt("10:00:00", "b", Sent, "")), 2, Yes},
		"used, by events":    {trailDay(eventAt("10:00:00", "a", Sent, ""), eventAt("10:00:00", "b", Sent, "")), 3, Unknown},
		"used up, sign-ups":  {usageRegion("111122223333", "eu-west-1", noon), 6, Yes},
		"used, by sign-ups":  {usageRegion("111122223333", "eu-west-1", noon), 7, Unknown},
	} {
		r := tt.reading
		policy := Policy{Enabled: true, Limit: tt.limit, Scope: ScopeAccountRegion, Reset: 9 * time.Hour}
		stale := r.Fresh(later.Add(-time.Hour))
		stale.Pools, stale.PoolsListed, stale.Gone = r.Pools, later, nil // Cognito can still be read.
		p := Judge(later, []Reading{stale}, policy).Pools[0]
		if p.Quota.Reached() != tt.reached || p.Quota.Known != (tt.reached == Yes) || p.SentCloudTrail != nil || p.SentCloudWatch != nil {
			t.Errorf("%s: %+v", name, p.Quota)
		}
		if a := Judge(at("2026-11-25T09:00:00Z"), []Reading{stale}, policy); a.Pools[0].Quota.Reached() != Unknown {
			t.Errorf("%s: after the reset %+v", name, a.Pools[0].Quota)
		}
	}
}

// TestWhenItWasUsedUp checks that a refusal dates the exhaustion.
func TestWhenItWasUsedUp(t *testing.T) {
	noon := at("2026-11-24T12:00:00Z")
	r := trailDay(eventAt("10:00:00", "a", Sent, ""), eventAt("10:30:00", "a", NotSent, FailedDailyLimit), eventAt("11:00:00", "b", NotSent, FailedDailyLimit))
	policy := Policy{Enabled: true, Limit: 50, Scope: ScopeAccountRegion, Reset: 9 * time.Hour}
	if q := Judge(noon, []Reading{r}, policy).DefaultQuotas[0]; !q.Exhaustion.Equal(at("2026-11-24T10:30:00Z")) || q.Used != 50 || q.Headroom() != 0 {
		t.Errorf("%+v", q)
	}
	policy.Limit = 1
	if q := Judge(noon, []Reading{r}, policy).DefaultQuotas[0]; !q.Exhaustion.Equal(at("2026-11-24T10:00:00Z")) || q.Used != 1 {
		t.Errorf("%+v", q)
	}
}

// TestReplaced checks what is kept of settings that are no longer in force.
func TestReplaced(t *testing.T) {
	day := at("2026-11-24T09:00:00Z")
	first, second := &Settings{}, &Settings{Modified: day.Add(time.Hour)}
	up := UserPool{Settings: first, Confirmed: day}
	up = up.Replaced(day)
	if len(up.Past) != 1 || up.Settings != nil || up.At(day.Add(-time.Second)) != first || up.At(day) != nil {
		t.Errorf("%+v", up)
	}
	up.Settings, up.Confirmed = second, day.Add(2*time.Hour)
	if up.At(day.Add(-time.Second)) != first || up.At(day.Add(time.Hour-1)) != nil || up.At(day.Add(time.Hour)) != second {
		t.Errorf("%+v", up)
	}
	if later := up.Replaced(day.Add(1)); len(later.Past) != 1 || later.Past[0].Settings != second || len(up.Past) != 1 {
		t.Errorf("%+v, %+v", later, up)
	}
	if later := up.Replaced(day.AddDate(0, 0, 1)); len(later.Past) != 0 {
		t.Errorf("%+v", later)
	}
	if (*UserPool)(nil).At(day) != nil {
		t.Error("a pool that is not known has settings")
	}
}
