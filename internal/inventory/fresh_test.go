package inventory

import (
	"testing"
	"time"
)

// TestFresh checks that every fact ends when it was not confirmed since oldest,
// and not a moment earlier.
func TestFresh(t *testing.T) {
	oldest := now.Add(-time.Hour)
	whole := func(confirmed time.Time) Reading {
		return Reading{
			Pools:       []UserPool{{ID: "a", Listed: confirmed, Confirmed: confirmed, Settings: &Settings{}}},
			PoolsListed: confirmed, SES: &SESState{Confirmed: confirmed},
			Identities:       []Identity{{Name: "a", Confirmed: confirmed, Verified: Yes}},
			IdentitiesListed: confirmed,
			SignUps:          &SignUps{Confirmed: confirmed}, CallCounts: &CallCounts{Confirmed: confirmed},
			Trail: &Trail{Confirmed: confirmed, Complete: true}, Reputation: &Reputation{Confirmed: confirmed},
		}
	}
	r := whole(oldest)
	f := r.Fresh(oldest)
	if len(f.Pools) != 1 || f.Pools[0].Settings == nil || f.PoolsListed.IsZero() || f.SES == nil || len(f.Identities) != 1 ||
		f.IdentitiesListed.IsZero() || f.SignUps.Ended || f.CallCounts == nil || !f.Trail.Complete || f.Reputation == nil {
		t.Errorf("facts confirmed at %s ended: %+v", oldest, f)
	}
	old := oldest.Add(-time.Nanosecond)
	r = whole(old)
	f = r.Fresh(oldest)
	if len(f.Pools) != 0 || !f.PoolsListed.IsZero() || f.SES != nil || len(f.Identities) != 0 || !f.IdentitiesListed.IsZero() || !f.SignUps.Ended || f.CallCounts != nil || f.Trail.Complete ||
		len(f.Gone) != 1 || f.Gone[0].Settings != nil || len(f.Gone[0].Past) != 1 || !f.Gone[0].Past[0].Until.Equal(old) {
		t.Errorf("facts outlived their time: %+v", f)
	}
	if f.Reputation == nil {
		t.Error("the reputation, which is read less often, ended with the others")
	}
	if len(r.Pools) != 1 || r.SES == nil || len(r.Identities) != 1 || r.PoolsListed.IsZero() || r.SignUps.Ended || !r.Trail.Complete || len(r.Gone) != 0 {
		t.Error("Fresh changed its receiver")
	}
	if r := whole(oldest.Add(-ReputationInterval)); r.Fresh(oldest).Reputation == nil {
		t.Error("the reputation ended early")
	}
	if r := whole(oldest.Add(-ReputationInterval - 1)); r.Fresh(oldest).Reputation != nil {
		t.Error("the reputation outlived its time")
	}
	for late, kept := range map[time.Duration]bool{0: true, 1: false} {
		r := Reading{Statistics: &SendStatistics{Confirmed: oldest.Add(-StatisticsInterval - late)}}
		if got := r.Fresh(oldest); (got.Statistics != nil) != kept || r.Statistics == nil {
			t.Errorf("statistics that are %d ns late: %+v", late, got.Statistics)
		}
	}
	r = Reading{
		Pools: []UserPool{{ID: "listed", Listed: now, Confirmed: old, Settings: &Settings{}}},
		Identities: []Identity{
			{Name: "asked", Confirmed: now, Asked: old, Verified: Yes},
			{Name: "asked in time", Confirmed: now, Asked: oldest, Verified: Yes},
			{Name: "listed", Confirmed: now, Verified: Yes},
		},
	}
	f = r.Fresh(oldest)
	if len(f.Pools) != 1 || f.Pools[0].Settings != nil || len(f.Pools[0].Past) != 1 || r.Pools[0].Settings == nil {
		t.Errorf("pools %+v of %+v", f.Pools, r.Pools)
	}
	for i, want := range []Tri{Unknown, Yes, Yes} {
		if got := f.Identities[i]; got.Verified != want || r.Identities[i].Verified != Yes {
			t.Errorf("%s: verified %s, want %s", got.Name, got.Verified, want)
		}
	}
}

// TestFreshOnSlowerClocks checks that what is read less often than the rest
// outlives its confirmation by as much, and no longer.
func TestFreshOnSlowerClocks(t *testing.T) {
	oldest, every := now.Add(-time.Hour), time.Minute
	for _, late := range []time.Duration{0, 1} {
		confirmed := oldest.Add(-every - late)
		r := Reading{
			Identities: []Identity{
				{Name: "a", Confirmed: confirmed},
				{Name: "b", Confirmed: now, Verified: Yes, Details: plain, Detailed: confirmed.Add(-every)},
				{Name: "c", Confirmed: now, Details: plain, Detailed: now},
			}, IdentitiesListed: confirmed, IdentitiesEvery: every,
			ConfigurationSets: []ConfigurationSet{{Name: "a", Confirmed: confirmed.Add(-every)}, {Name: "b", Confirmed: now}}, IdentityDetailsEvery: 2 * every,
			SignUps: &SignUps{Confirmed: confirmed, Every: every},
		}
		f := r.Fresh(oldest)
		kept := late == 0
		if (len(f.Identities) == 3) != kept || f.IdentitiesListed.IsZero() == kept || f.SignUps.Ended == kept || (len(f.ConfigurationSets) == 2) != kept {
			t.Errorf("%d ns late: %+v", late, f)
		}
		if last := len(f.Identities) - 1; last < 1 || f.Identities[last].Name != "c" || f.Identities[last].Details != plain || len(r.ConfigurationSets) != 2 {
			t.Errorf("%d ns late: identities %+v", late, f.Identities)
		} else if b := f.Identities[last-1]; (b.Details != nil) != kept || b.Detailed.IsZero() == kept || b.Verified != Yes || r.Identities[1].Details == nil {
			t.Errorf("%d ns late: %+v", late, b)
		}
		if last := f.ConfigurationSets[len(f.ConfigurationSets)-1]; last.Name != "b" {
			t.Errorf("%d ns late: sets %+v", late, f.ConfigurationSets)
		}
	}
}

// TestOldestAfter confirms one fact after the other long before the rest.
func TestOldestAfter(t *testing.T) {
	const every = time.Minute
	early, late := now.Add(-2*time.Hour), now.Add(-time.Hour)
	whole := func() Reading {
		return Reading{
			Pools: []UserPool{{Listed: late, Confirmed: late}}, PoolsListed: late, SES: &SESState{Confirmed: late},
			Identities: []Identity{{Confirmed: late, Asked: late, Details: plain, Detailed: late}}, IdentitiesListed: late, IdentitiesEvery: every,
			ConfigurationSets: []ConfigurationSet{{Confirmed: late}}, IdentityDetailsEvery: 2 * every,
			SignUps: &SignUps{Confirmed: late, Every: every}, CallCounts: &CallCounts{Confirmed: late, Every: every}, Trail: &Trail{Confirmed: late}, Reputation: &Reputation{Confirmed: late},
			Statistics: &SendStatistics{Confirmed: late},
		}
	}
	for name, tt := range map[string]struct {
		change func(*Reading)
		want   time.Time
	}{
		"nothing":           {func(*Reading) {}, late},
		"a pool":            {func(r *Reading) { r.Pools[0].Listed = early }, early},
		"its settings":      {func(r *Reading) { r.Pools[0].Confirmed = early }, early},
		"the list of pools": {func(r *Reading) { r.PoolsListed = early }, early},
		"SES":               {func(r *Reading) { r.SES.Confirmed = early }, early},
		"an identity":       {func(r *Reading) { r.Identities[0].Confirmed = early }, early.Add(every)},
		"asked alone":       {func(r *Reading) { r.Identities[0].Asked = early }, early},
		"details":           {func(r *Reading) { r.Identities[0].Detailed = early }, early.Add(2 * every)},
		"details of nobody": {func(r *Reading) { r.Identities[0].Details, r.Identities[0].Detailed = nil, early }, late},
		"a set":             {func(r *Reading) { r.ConfigurationSets[0].Confirmed = early }, early.Add(2 * every)},
		"the identities":    {func(r *Reading) { r.IdentitiesListed = early }, early.Add(every)},
		"sign-ups":          {func(r *Reading) { r.SignUps.Confirmed = early }, early.Add(every)},
		"the calls":         {func(r *Reading) { r.CallCounts.Confirmed = early }, early.Add(every)},
		"the trail":         {func(r *Reading) { r.Trail.Confirmed = early }, early},
		"the statistics":    {func(r *Reading) { r.Statistics.Confirmed = early }, early.Add(StatisticsInterval)},
		"the reputation":    {func(r *Reading) { r.Reputation.Confirmed = early.Add(-30 * time.Minute) }, early.Add(30 * time.Minute)},
	} {
		r := whole()
		tt.change(&r)
		if got := r.OldestAfter(now.Add(-4 * time.Hour)); !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
		// What has ended already is not what ends next.
		if got := r.OldestAfter(tt.want); !got.IsZero() && !got.After(tt.want) {
			t.Errorf("%s: after %s comes %s", name, tt.want, got)
		}
	}
	if got := (&Reading{IdentitiesEvery: every}).OldestAfter(time.Time{}); !got.IsZero() {
		t.Errorf("nothing is known since %s", got)
	}
}

// TestSameFacts changes one thing at a time.
func TestSameFacts(t *testing.T) {
	settings, ratio := &Settings{}, func(f float64) *float64 { return &f }
	whole := func() Reading {
		return Reading{
			Target: Target{AccountName: "main"},
			Pools:  []UserPool{{ID: "a", Name: "login", Settings: settings, Listed: now, Confirmed: now}}, PoolsListed: now,
			SES:        &SESState{Confirmed: now, Sandbox: No},
			Identities: []Identity{{Name: "a", Confirmed: now, Asked: now, Verified: Yes, Details: plain, Detailed: now}}, IdentitiesListed: now,
			ConfigurationSets: []ConfigurationSet{{Name: "login", SendingEnabled: Yes, Confirmed: now}},
			SignUps:           &SignUps{WindowStart: now, Confirmed: now, Pools: []string{"a"}, Series: []SignUpSeries{{PoolID: "a", ClientID: "c", Points: []Point{{now, 1}}}}},
			CallCounts:        &CallCounts{WindowStart: now, Confirmed: now, Listed: true, N: 3},
			Trail:             &Trail{WindowStart: now, Confirmed: now, Complete: true, Events: []MailEvent{{ID: "e"}}},
			Reputation:        &Reputation{Confirmed: now, BounceRatio: ratio(0.1)},
		}
	}
	later := now.Add(time.Minute)
	for name, tt := range map[string]struct {
		change func(*Reading)
		same   bool
	}{
		"nothing": {func(*Reading) {}, true},
		"the times": {func(r *Reading) {
			r.Start, r.End, r.Next, r.Calls, r.Outcomes = later, later, later, 7, []Outcome{{API: APISES, Class: Denied}}
			r.Pools[0].Listed, r.Pools[0].Confirmed, r.PoolsListed, r.SES.Confirmed = later, later, later, later
			r.Identities[0].Confirmed, r.Identities[0].Asked, r.IdentitiesListed = later, later, later
			r.Identities[0].Detailed, r.ConfigurationSets[0].Confirmed = later, later
			r.SignUps.Confirmed, r.SignUps.Series[0].Through, r.Trail.Confirmed, r.Reputation.Confirmed = later, later, later, later
			r.CallCounts.Confirmed = later
		}, true},
		"the account's name": {func(r *Reading) { r.Target.AccountName = "other" }, false},
		"the list of pools":  {func(r *Reading) { r.PoolsListed = time.Time{} }, false},
		"whether pools are": {func(r *Reading) {
			r.Outcomes = []Outcome{{API: APICognito, Class: RegionDisabled}}
			r.Pools[0].Settings = nil
		}, false},
		"whether SES is there":   {func(r *Reading) { r.Outcomes = []Outcome{{API: APISES, Class: NotOffered}} }, false},
		"the list of identities": {func(r *Reading) { r.IdentitiesListed = time.Time{} }, false},
		"a pool's ID":            {func(r *Reading) { r.Pools[0].ID = "b" }, false},
		"a pool's name":          {func(r *Reading) { r.Pools[0].Name = "other" }, false},
		"a pool's settings":      {func(r *Reading) { r.Pools[0].Settings = &Settings{} }, false},
		"a pool's change":        {func(r *Reading) { r.Pools[0].LastModified = later }, false},
		"a pool more":            {func(r *Reading) { r.Pools = append(r.Pools, r.Pools[0]) }, false},
		"an identity":            {func(r *Reading) { r.Identities[0].Verified = No }, false},
		"its details":            {func(r *Reading) { r.Identities[0].Details = &IdentityDetails{} }, false},
		"a set":                  {func(r *Reading) { r.ConfigurationSets[0].SendingEnabled = No }, false},
		"no sets":                {func(r *Reading) { r.ConfigurationSets = nil }, false},
		"no SES":                 {func(r *Reading) { r.SES = nil }, false},
		"the sandbox":            {func(r *Reading) { r.SES.Sandbox = Yes }, false},
		"no sign-ups":            {func(r *Reading) { r.SignUps = nil }, false},
		"the sign-ups' day":      {func(r *Reading) { r.SignUps.WindowStart = later }, false},
		"the sign-ups' pools":    {func(r *Reading) { r.SignUps.Pools = nil }, false},
		"a series' pool":         {func(r *Reading) { r.SignUps.Series[0].PoolID = "b" }, false},
		"a series' client":       {func(r *Reading) { r.SignUps.Series[0].ClientID = "d" }, false},
		"a sign-up more":         {func(r *Reading) { r.SignUps.Series[0].Points[0].N++ }, false},
		"no calls":               {func(r *Reading) { r.CallCounts = nil }, false},
		"the calls' day":         {func(r *Reading) { r.CallCounts.WindowStart = later }, false},
		"whether calls count":    {func(r *Reading) { r.CallCounts.Listed = false }, false},
		"a call more":            {func(r *Reading) { r.CallCounts.N++ }, false},
		"sign-ups that ended":    {func(r *Reading) { r.SignUps.Ended = true }, false},
		"settings of the past":   {func(r *Reading) { r.Pools[0].Past = []Past{{}} }, false},
		"a pool that is gone":    {func(r *Reading) { r.Gone = []UserPool{{}} }, false},
		"no trail":               {func(r *Reading) { r.Trail = nil }, false},
		"the trail's day":        {func(r *Reading) { r.Trail.WindowStart = later }, false},
		"a hole in the trail":    {func(r *Reading) { r.Trail.Complete = false }, false},
		"an event":               {func(r *Reading) { r.Trail.Events[0].Fate = Sent }, false},
		"no reputation":          {func(r *Reading) { r.Reputation = nil }, false},
		"bounces":                {func(r *Reading) { r.Reputation.BounceRatio = ratio(0.2) }, false},
		"as many bounces":        {func(r *Reading) { r.Reputation.BounceRatio = ratio(0.1) }, true},
		"bounces are unknown":    {func(r *Reading) { r.Reputation.BounceRatio = nil }, false},
		"complaints":             {func(r *Reading) { r.Reputation.ComplaintRatio = ratio(0.2) }, false},
	} {
		a, b := whole(), whole()
		tt.change(&b)
		if a.SameFacts(&b) != tt.same || b.SameFacts(&a) != tt.same {
			t.Errorf("%s: %v, %v", name, a.SameFacts(&b), b.SameFacts(&a))
		}
	}
	if !new(Reading).SameFacts(new(Reading)) {
		t.Error("two readings that know nothing differ")
	}
}
