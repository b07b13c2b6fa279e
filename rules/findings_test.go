package rules

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestFindings judges pools by the built-in rules, from what was read to what
// is found: the tests in the rule files only see facts that they made up.
func TestFindings(t *testing.T) {
	const account = "111122223333"
	healthy := func() *inventory.SESState {
		return &inventory.SESState{
			Confirmed: now, Sandbox: inventory.No, SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Review: "GRANTED",
			Quota: inventory.SendQuota(50000, 100),
		}
	}
	ses := func(change func(*inventory.SESState)) *inventory.SESState {
		a := healthy()
		change(a)
		return a
	}
	developer := func(arn, from string) *inventory.Settings {
		return settings(account, inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:" + arn, From: from})
	}
	own := developer("eu-west-1:"+account+":identity/example.com", "a@example.com")
	standard := func() *inventory.Settings {
		return settings(account, inventory.EmailConfiguration{Mode: inventory.ModeDefault})
	}
	production := standard()
	production.Tags = map[string]string{"env": "PROD"}
	ownFrom := settings(account, inventory.EmailConfiguration{Mode: inventory.ModeDefault, SourceARN: "arn:aws:ses:eu-west-1:" + account + ":identity/example.net", From: "a@example.net"})
	lambda := settings(account, inventory.EmailConfiguration{Mode: inventory.ModeDefault, CustomSender: true})
	lambda.Tags = production.Tags
	// codes changes what the pool sends codes for.
	codes := func(s *inventory.Settings, change func(*inventory.Settings)) *inventory.Settings {
		changed := *s
		changed.MFA, changed.Recovery, changed.AutoVerified = inventory.No, inventory.RecoveryEmail, []string{"email"}
		change(&changed)
		return &changed
	}
	emailOTP := func(s *inventory.Settings) { s.EmailOTP = true }
	// sent sets the use of the default quota.
	sent := func(used float64, at time.Time) func(*inventory.Reading) {
		return func(r *inventory.Reading) {
			r.SignUps = &inventory.SignUps{WindowStart: dayStart, Confirmed: now}
			r.CallCounts = &inventory.CallCounts{WindowStart: dayStart, Confirmed: now}
			signUps(r.SignUps, "eu-west-1_1", used, at)
		}
	}
	quota := func(used float64) func(*inventory.Reading) { return sent(used, dayStart) }
	reputation := func(bounce, complaint float64) func(*inventory.Reading) {
		return func(r *inventory.Reading) {
			r.Reputation = &inventory.Reputation{Confirmed: now, BounceRatio: &bounce, ComplaintRatio: &complaint}
		}
	}
	// details sets those of example.com, and has its configuration set send or not.
	details := func(sending inventory.Tri, d inventory.IdentityDetails) func(*inventory.Reading) {
		return func(r *inventory.Reading) {
			r.Identities[0].Details = &d
			r.ConfigurationSets = []inventory.ConfigurationSet{{Name: "paused", SendingEnabled: sending}, {Name: "gone", Missing: true}}
		}
	}
	policies := inventory.ParseSendingPolicies(map[string]string{
		"no": `{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "ses:*", "Resource": "*"}}`,
	})
	// replica makes the pool the secondary of one with its own SES.
	replica := func(status string) func(*inventory.Reading) {
		return func(r *inventory.Reading) {
			quota(0)(r)
			r.Pools[0].Replica = inventory.Replica{Replicated: true, Role: inventory.Secondary, Status: status, Confirmed: now}
		}
	}
	tests := map[string]struct {
		settings *inventory.Settings
		ses      *inventory.SESState // healthy without one
		change   func(*inventory.Reading)
		want     string
	}{
		"own SES":        {settings: own},
		"default sender": {settings: standard(), change: quota(10)},
		"84 percent":     {settings: standard(), change: quota(42), want: "default-quota-near-limit"},
		"used up":        {settings: standard(), change: quota(50), want: "default-quota-reached"},
		"production":     {settings: production, change: quota(0), want: "production-on-default-sender"},
		"left its own SES": {settings: production, change: func(r *inventory.Reading) {
			quota(0)(r)
			r.Changes.List = []inventory.Change{{
				Subject: inventory.Cause{Kind: inventory.CausePool, Region: "eu-west-1", Name: "eu-west-1_1"},
				Field:   inventory.FieldMode, From: string(inventory.ModeDeveloper), To: string(inventory.ModeDefault), After: now.Add(-2 * time.Hour), By: now.Add(-time.Hour),
			}}
		}, want: "production-left-own-ses production-on-default-sender"},
		"production, by a Lambda": {settings: lambda},
		"runs out":                {settings: standard(), change: sent(30, now.Add(-time.Hour)), want: "default-quota-runs-out"},
		"refused": {settings: standard(), change: func(r *inventory.Reading) {
			r.Trail = &inventory.Trail{WindowStart: dayStart, Confirmed: now, Complete: true, Events: []inventory.MailEvent{
				{ID: "1", At: now, PoolID: "eu-west-1_1", Failure: inventory.FailedDailyLimit},
			}}
		}, want: "default-quota-failures default-quota-reached"},
		"sent after a refusal": {settings: standard(), change: func(r *inventory.Reading) {
			r.Trail = &inventory.Trail{WindowStart: dayStart, Confirmed: now, Complete: true, Events: []inventory.MailEvent{
				{ID: "1", At: dayStart, PoolID: "eu-west-1_1", Failure: inventory.FailedDailyLimit},
				{ID: "2", At: dayStart.Add(time.Hour), PoolID: "eu-west-1_1", Fate: inventory.Sent},
			}}
		}, want: "default-quota-failures default-quota-scope-contradicted"},
		"sandbox":            {settings: own, ses: ses(func(a *inventory.SESState) { a.Sandbox = inventory.Yes }), want: "developer-in-sandbox"},
		"denied":             {settings: own, ses: ses(func(a *inventory.SESState) { a.Sandbox, a.Review = inventory.Yes, "DENIED" }), want: "developer-in-sandbox production-access-denied"},
		"missing":            {settings: developer("eu-west-1:"+account+":identity/example.org", "a@example.org"), want: "identity-missing"},
		"without SourceArn":  {settings: settings(account, inventory.EmailConfiguration{Mode: inventory.ModeDeveloper}), want: "identity-missing"},
		"unverified":         {settings: developer("eu-west-1:"+account+":identity/example.net", "a@example.net"), want: "identity-unverified"},
		"other account":      {settings: developer("eu-west-1:444455556666:identity/example.com", "a@example.com"), want: "identity-in-other-account"},
		"other region":       {settings: developer("eu-central-1:"+account+":identity/example.com", "a@example.com"), want: "identity-region-unsupported"},
		"From outside":       {settings: developer("eu-west-1:"+account+":identity/example.com", "a@example.org"), want: "from-outside-identity"},
		"own FROM":           {settings: ownFrom, change: quota(0), want: "default-sender-from-unverified"},
		"disabled":           {settings: own, ses: ses(func(a *inventory.SESState) { a.SendingEnabled = inventory.No }), want: "sending-disabled"},
		"send quota near":    {settings: own, ses: ses(func(a *inventory.SESState) { a.Quota.Used = 49000 }), want: "send-quota-near-limit"},
		"send quota reached": {settings: own, ses: ses(func(a *inventory.SESState) { a.Quota.Used = 50000 }), want: "send-quota-reached"},
		"unlimited":          {settings: own, ses: ses(func(a *inventory.SESState) { a.Quota = inventory.SendQuota(-1, 9e9) })},
		"probation":          {settings: own, ses: ses(func(a *inventory.SESState) { a.Enforcement = "PROBATION" }), want: "enforcement-probation"},
		"shutdown":           {settings: own, ses: ses(func(a *inventory.SESState) { a.Enforcement = "SHUTDOWN" }), want: "enforcement-shutdown"},
		"no pool of it":      {settings: standard(), ses: ses(func(a *inventory.SESState) { a.Enforcement = "SHUTDOWN" }), change: quota(0)},
		"bad reputation":     {settings: own, change: reputation(0.06, 0.002), want: "bounce-rate-high complaint-rate-high"},
		"worse reputation":   {settings: own, change: reputation(0.1, 0.005), want: "bounce-rate-critical complaint-rate-critical"},
		"old facts": {settings: standard(), change: func(r *inventory.Reading) {
			quota(0)(r)
			r.Pools[0].Confirmed = now.Add(-time.Hour)
		}, want: "facts-stale"},
		"denied by a policy": {settings: own, change: details(inventory.Yes, inventory.IdentityDetails{Policies: policies}), want: "sending-policy-missing"},
		"MAIL FROM rejects":  {settings: own, change: details(inventory.Yes, inventory.IdentityDetails{MailFrom: inventory.MailFrom{Domain: "m.example.com", Status: "FAILED", RejectOnFailure: inventory.Yes}}), want: "mail-from-rejects"},
		"set is missing":     {settings: own, change: details(inventory.Yes, inventory.IdentityDetails{ConfigurationSet: "gone"}), want: "configuration-set-missing"},
		"set is off":         {settings: own, change: details(inventory.No, inventory.IdentityDetails{ConfigurationSet: "paused"}), want: "configuration-set-disabled"},
		"set is on":          {settings: own, change: details(inventory.Yes, inventory.IdentityDetails{ConfigurationSet: "paused"})},
		"DKIM failed":        {settings: own, change: details(inventory.Yes, inventory.IdentityDetails{DKIM: inventory.DKIM{Status: "FAILED"}}), want: "dkim-failed"},
		"a bad day": {settings: own, change: func(r *inventory.Reading) {
			r.Statistics = &inventory.SendStatistics{Confirmed: now, Attempts: 1000, Bounces: 60, Complaints: 2, Rejects: 1}
		}, want: "bounces-last-day complaints-last-day rejects-last-day"},
		"a bad day in a bad time": {settings: own, change: func(r *inventory.Reading) {
			reputation(0.06, 0.002)(r)
			r.Statistics = &inventory.SendStatistics{Confirmed: now, Attempts: 1000, Bounces: 60, Complaints: 2}
		}, want: "bounce-rate-high complaint-rate-high"},
		"sign-in by e-mail":   {settings: codes(own, emailOTP)},
		"sign-in, sandbox":    {settings: codes(own, emailOTP), ses: ses(func(a *inventory.SESState) { a.Sandbox = inventory.Yes }), want: "developer-in-sandbox sign-in-blocked"},
		"sign-in, built-in":   {settings: codes(standard(), emailOTP), change: quota(0), want: "sign-in-on-default-sender"},
		"sign-in by password": {settings: codes(standard(), func(*inventory.Settings) {}), change: quota(0)},
		"recovery by phone": {settings: codes(own, func(s *inventory.Settings) {
			s.Recovery, s.AutoVerified = inventory.RecoveryPhone, []string{"phone_number"}
		}), want: "recovery-by-sms-only"},
		"recovery by nothing":    {settings: codes(own, func(s *inventory.Settings) { s.AutoVerified = nil }), want: "recovery-unverified"},
		"recovery by legacy way": {settings: codes(own, func(s *inventory.Settings) { s.Recovery = inventory.LegacyRecovery })},
		"replica":                {settings: own, change: replica(inventory.ReplicaActive)},
		"replica behind":         {settings: standard(), change: replica(inventory.ReplicaActive), want: "replica-behind-primary"},
		"standby behind":         {settings: production, change: replica(inventory.ReplicaInactive), want: "replica-behind-primary"},
		"standby that is broken": {settings: developer("eu-west-1:"+account+":identity/example.org", "a@example.org"), change: replica(inventory.ReplicaInactive), want: "replica-behind-primary"},
		"replica being made":     {settings: production, change: replica(inventory.ReplicaCreating)},
		"not described":          {want: "facts-stale"},
	}
	rules, all := loadBuiltin(t), map[string]bool{}
	for _, r := range rules.Rules() {
		all[r.ID] = true
	}
	for name, test := range tests {
		r := inventory.Reading{
			Target: inventory.Target{AccountID: account, Region: "eu-west-1"}, SES: test.ses,
			Pools: []inventory.UserPool{{ID: "eu-west-1_1", Settings: test.settings, Confirmed: now}},
			Identities: []inventory.Identity{
				{Name: "example.com", Verified: inventory.Yes, SendingEnabled: inventory.Yes},
				{Name: "example.net", Verified: inventory.No, SendingEnabled: inventory.No},
			},
			IdentitiesListed: now,
		}
		if r.SES == nil {
			r.SES = healthy()
		}
		elsewhere := inventory.Reading{Target: inventory.Target{AccountID: account, Region: "eu-central-1"}, SES: healthy(), Identities: r.Identities, IdentitiesListed: now}
		if test.change != nil {
			test.change(&r)
		}
		if r.Pools[0].Replica.Replicated {
			elsewhere.Pools = []inventory.UserPool{{
				ID: r.Pools[0].ID, Settings: own, Confirmed: now,
				Replica: inventory.Replica{Replicated: true, Role: inventory.Primary, Status: inventory.ReplicaActive, Confirmed: now},
			}}
		}
		snap := inventory.New(now, []inventory.Reading{r, elsewhere}, policy)
		found := map[string]bool{}
		res := rules.Judge(snap)
		for _, f := range res.Findings() {
			found[f.Rule] = true
			delete(all, f.Rule)
			if f.Message == f.Summary || f.Message == "" {
				t.Errorf("%s: finding of %s without its message", name, f.Rule)
			}
		}
		if got := strings.Join(slices.Sorted(maps.Keys(found)), " "); got != test.want {
			t.Errorf("%s: found %q, want %q", name, got, test.want)
		}
		if failed := failed(res); len(failed) > 0 {
			t.Errorf("%s: errors %v", name, failed)
		}
	}
	if len(all) > 0 {
		t.Errorf("not found: %v", all)
	}
}
