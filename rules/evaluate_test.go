package rules

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types/ref"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fleet returns a snapshot of n pools, a hundred in each account: half of them
// on COGNITO_DEFAULT, with a finding for about one pool in ten and unknown
// facts for about one in fifty.
func fleet(n int) *inventory.Snapshot {
	var readings []inventory.Reading
	for n > 0 {
		account := fmt.Sprintf("%012d", len(readings))
		r := inventory.Reading{
			Target: inventory.Target{AccountID: account, AccountName: "team " + account, Region: "eu-west-1"}, Start: now, End: now,
			SES: &inventory.SESState{
				Confirmed: now, Sandbox: inventory.No, SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Review: "GRANTED",
				Quota: inventory.SendQuota(50000, 100), RateKnown: true, MaxSendRate: 14,
			},
			SignUps:          &inventory.SignUps{WindowStart: dayStart, Confirmed: now},
			CallCounts:       &inventory.CallCounts{WindowStart: dayStart, Confirmed: now},
			Identities:       []inventory.Identity{{Name: "example.com", Confirmed: now, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes}},
			IdentitiesListed: now,
		}
		for i := range min(n, 100) {
			email := inventory.EmailConfiguration{Mode: inventory.ModeDefault}
			if i%2 == 1 {
				email = inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:" + account + ":identity/example.com", From: "Shop <noreply@example.com>"}
			}
			s := settings(account, email)
			s.Tier, s.Tags = "ESSENTIALS", map[string]string{"env": "dev", "team": "shop"}
			if i%20 == 0 {
				s.Tags["env"] = "prod"
			}
			if i%50 == 49 {
				s = nil
			}
			up := inventory.UserPool{ID: fmt.Sprintf("eu-west-1_%09d", i), Name: "shop", Listed: now, Settings: s, Confirmed: now}
			r.Pools = append(r.Pools, up)
			signUps(r.SignUps, up.ID, float64(i%45), dayStart)
		}
		n -= len(r.Pools)
		readings = append(readings, r)
	}
	snap := inventory.New(now, readings, policy)
	for p := range snap.Pools() {
		if p.Mode() == inventory.ModeDefault {
			p.Failures = map[inventory.FailureReason]int{}
		}
	}
	return snap
}

// policy gives every pool a default quota of its own.
var (
	policy      = inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopePool, Reset: 8 * time.Hour}
	dayStart, _ = policy.Window(now)
)

func settings(account string, e inventory.EmailConfiguration) *inventory.Settings {
	return &inventory.Settings{Described: now, Modified: dayStart.Add(-time.Hour), AutoVerified: []string{"email"}, Sender: inventory.NewSender(inventory.Key{AccountID: account, Region: "eu-west-1"}, e)}
}

// signUps adds users who signed up in the pool.
func signUps(s *inventory.SignUps, pool string, n float64, at time.Time) {
	s.Pools = append(s.Pools, pool)
	s.Series = append(s.Series, inventory.SignUpSeries{PoolID: pool, ClientID: "web", Through: now, Points: []inventory.Point{{At: at, N: n}}})
}

// BenchmarkEvaluate judges 100,000 pools in 1,000 accounts by the built-in rules.
func BenchmarkEvaluate(b *testing.B) {
	s, snap := loadBuiltin(b), fleet(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if j := s.Judge(snap); len(j.Findings()) == 0 || len(failed(j)) > 0 {
			b.Fatal(len(j.Findings()), failed(j))
		}
	}
}

// countsOf returns a count of each rule, by its id, but for zeros.
func countsOf(j *Judgement, get func(Count) int) map[string]int {
	counts := map[string]int{}
	for i, rule := range j.Rules.Rules() {
		if n := get(j.Total[i]); n > 0 {
			counts[rule.ID] = n
		}
	}
	return counts
}

func failed(j *Judgement) map[string]int {
	return countsOf(j, func(c Count) int { return c.Errors })
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		loadBuiltin(b)
	}
}

// mustLoad loads one file.
func mustLoad(t *testing.T, o Options, data string) *Set {
	t.Helper()
	s, err := Load(o, File{"test.yaml", []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// onePool is a rule about pools with the condition and the message.
func onePool(when, message string) string {
	return "rules:\n  - id: it\n    severity: info\n    for_each: pool\n    summary: It\n    remedy: Fix it.\n" +
		"    when: >-\n      " + when + "\n    message: >-\n      " + message + "\n"
}

// judge returns what the rule it says of the first pool: a message, nothing,
// undetermined or the error.
func judge(t *testing.T, snap *inventory.Snapshot, when, message string) string {
	t.Helper()
	res := mustLoad(t, Options{}, onePool(when, message)).Judge(snap)
	var said []string
	for _, f := range res.Findings() {
		said = append(said, f.Message)
	}
	for range res.Total[0].Undetermined {
		said = append(said, "undetermined")
	}
	if c := res.Total[0]; c.Errors > 0 {
		said = append(said, c.FirstError)
	}
	return strings.Join(said, "; ")
}

func TestFacts(t *testing.T) {
	const account = "111122223333"
	arn := "arn:aws:ses:eu-west-1:" + account + ":identity/example.com"
	ses := func() *inventory.SESState {
		return &inventory.SESState{
			Confirmed: now.Add(-time.Minute), Sandbox: inventory.Yes, SendingEnabled: inventory.Yes, Enforcement: "PROBATION", Review: "PENDING",
			Quota: inventory.SendQuota(200, 50),
		}
	}
	developer := settings(account, inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: arn, From: "a@example.com", ReplyTo: "help@example.com", ConfigurationSet: "login"})
	developer.Tier, developer.Tags, developer.AutoVerified = "LITE", map[string]string{"env": "prod"}, []string{"email"}
	developer.Recovery, developer.EmailOTP = inventory.LegacyRecovery, true
	standard := settings(account, inventory.EmailConfiguration{Mode: inventory.ModeDefault})
	lambda := settings(account, inventory.EmailConfiguration{Mode: inventory.ModeDefault, CustomSender: true})
	unlimited := ses()
	unlimited.Quota = inventory.SendQuota(-1, 70)
	unheard := ses()
	unheard.Enforcement, unheard.Quota, unheard.Sandbox, unheard.Review = "UNKNOWN", inventory.Quota{}, inventory.Unknown, ""

	tests := map[string]struct {
		settings *inventory.Settings
		ses      *inventory.SESState
		used     float64 // of the default quota; below 0 is unknown
		change   func(p *inventory.Pool)
		facts    map[string]string // by expression, its text or "undetermined"
	}{
		"DEVELOPER": {settings: developer, ses: ses(), facts: map[string]string{
			"pool.id": "eu-west-1_1", "pool.name": "shop", "pool.account_id": account, "pool.account_name": "main", "pool.region": "eu-west-1",
			"pool.mode": "DEVELOPER", "pool.tier": "LITE", "string(pool.custom_sender)": "false", "pool.source_arn": arn, "pool.from": "a@example.com",
			"pool.reply_to": "help@example.com", "pool.configuration_set": "login", "pool.auto_verified.join()": "email", "pool.recovery.join('+')": "verified_phone_number+verified_email", "string(pool.sign_in_email)": "true", "string(pool.notification_log)": "undetermined",
			"pool.identity_error": "SERVICE_ERROR",
			"pool.identity":       "example.com", "pool.identity_region": "eu-west-1", "string(pool.identity_verified)": "true", "string(pool.ready)": "false",
			"pool.blocked.join()": "sandbox", "string('sandbox' in pool.blocked)": "true", "pool.tags.env": "prod", "pool.tags['team']": "",
			"string('team' in pool.tags)": "false", "string(pool.tags.all(k, pool.tags[k] == 'prod'))": "true", "string(size(pool.tags))": "1",
			"pool.quota.kind": "send", "string(pool.quota.limit)": "200", "string(pool.quota.used)": "50", "string(pool.quota.headroom)": "150",
			"string(pool.quota.used_ratio)": "0.25", "string(pool.quota.unlimited)": "false", "string(pool.quota_exhaustion)": "undetermined",
			"string(pool.runs_out_before_reset)": "false", "string(pool.failures.throttled)": "undetermined", "string(pool.ses.sandbox)": "true",
			"string(pool.ses.sending_enabled)": "true", "pool.ses.enforcement": "PROBATION", "pool.ses.review": "PENDING",
			"string(pool.ses.bounce_ratio)": "undetermined", "string(pool.ses.rejects)": "undetermined", "string(pool.facts_age_seconds)": "60",
			"string(pool.blocked_by.sandbox)": "true", "string(pool.blocked_by.identity_missing)": "false", "string(pool.blocked_by.unsupported_region)": "false",
			"string(pool.blocked_by.default_quota_reached)": "false", "string(pool.blocked_by.send_quota_reached)": "false",
			"string(pool == pool)": "true", "string(has(pool.ses.sandbox) && !has(pool.ses.bounce_ratio))": "true", "string(has(pool.quota) && has(pool.tags))": "true",
		}},
		"COGNITO_DEFAULT": {settings: standard, ses: ses(), used: 42, change: func(p *inventory.Pool) {
			p.Failures = map[inventory.FailureReason]int{"daily_limit": 3}
			p.Details = &inventory.Details{NotificationLog: inventory.Detail{Value: inventory.Yes}}
		}, facts: map[string]string{
			"string(pool.notification_log)": "true", "pool.tier": "undetermined", "pool.identity": "", "string(pool.sign_in_email)": "undetermined", "string(size(pool.recovery))": "undetermined", "string(pool.identity_verified)": "undetermined", "string(pool.ready)": "true",
			"pool.quota.kind": "default", "string(pool.quota.used_ratio)": "0.84", "string(pool.runs_out_before_reset)": "true",
			"string(pool.quota_exhaustion)": "2026-11-23T12:34:17Z", "string(pool.failures.daily_limit)": "3", "string(pool.failures.throttled)": "0",
			"string(pool.ses.sandbox)": "undetermined", "string(pool.blocked_by.sandbox)": "false", "string(pool.blocked_by.identity_unverified)": "false",
			"string(pool.facts_age_seconds)": "0", "string(pool.blocked_by.default_quota_reached)": "false",
		}},
		"COGNITO_DEFAULT, usage unknown": {settings: standard, used: -1, facts: map[string]string{
			"pool.quota.kind": "default", "string(pool.quota.used_ratio)": "undetermined", "string(pool.runs_out_before_reset)": "undetermined",
			"string(pool.blocked_by.default_quota_reached)": "undetermined",
		}},
		"a Lambda sends": {settings: lambda, facts: map[string]string{
			"pool.quota.kind": "none", "string(pool.quota.used_ratio)": "0", "string(pool.quota.limit)": "+Inf", "string(pool.quota.unlimited)": "true",
			"string(pool.ready)": "undetermined", "string(pool.blocked_by.default_quota_reached)": "false", "string(pool.runs_out_before_reset)": "false",
		}},
		"unlimited": {settings: developer, ses: unlimited, facts: map[string]string{
			"string(pool.quota.used_ratio)": "0", "string(pool.quota.used)": "70", "string(pool.quota.headroom)": "+Inf", "string(pool.quota.unlimited)": "true",
		}},
		"reputation": {settings: developer, ses: ses(), change: func(p *inventory.Pool) {
			p.Reputation = &inventory.Reputation{BounceRatio: new(0.01)}
			p.Statistics = &inventory.SendStatistics{Attempts: 40, Bounces: 3, Complaints: 2, Rejects: 1}
		}, facts: map[string]string{
			"string(pool.ses.delivery_attempts)": "40", "string(pool.ses.bounces)": "3", "string(pool.ses.complaints)": "2", "string(pool.ses.rejects)": "1",
			"string(pool.ses.bounce_ratio)": "0.01", "string(pool.ses.complaint_ratio)": "undetermined",
		}},
		"SES half known": {settings: developer, ses: unheard, facts: map[string]string{
			"pool.ses.enforcement": "undetermined", "pool.ses.review": "undetermined", "string(pool.ses.sandbox)": "undetermined", "string(pool.quota.limit)": "undetermined",
			"string(pool.blocked_by.account_shutdown)": "undetermined", "string(pool.blocked_by.send_quota_reached)": "undetermined", "pool.quota.kind": "send",
		}},
		"SES unknown": {settings: developer, facts: map[string]string{
			"pool.quota.kind": "send", "string(pool.quota.used)": "undetermined", "string(pool.blocked_by.sandbox)": "undetermined",
			"pool.blocked.join()": "", "string(pool.facts_age_seconds)": "0",
		}},
		"settings unknown": {facts: map[string]string{
			"pool.id": "eu-west-1_1", "pool.mode": "undetermined", "pool.identity": "undetermined", "pool.tags.env": "undetermined", "pool.from": "undetermined",
			"pool.quota.kind": "undetermined", "string(pool.quota.used_ratio)": "undetermined", "pool.blocked.join()": "undetermined",
			"string(pool.blocked_by.sandbox)": "undetermined", "string(pool.runs_out_before_reset)": "undetermined", "string(pool.custom_sender)": "undetermined",
			"string(pool.facts_age_seconds)": "undetermined", "string(pool.tags.exists(k, k == 'env'))": "undetermined", "string(has(pool.tags))": "false",
			"string('env' in pool.tags)": "undetermined",
		}},
	}
	for name, test := range tests {
		r := inventory.Reading{
			Target: inventory.Target{AccountID: account, AccountName: "main", Region: "eu-west-1"}, SES: test.ses,
			Pools:      []inventory.UserPool{{ID: "eu-west-1_1", Name: "shop", Settings: test.settings, Confirmed: now}},
			Identities: []inventory.Identity{{Name: "example.com", Verified: inventory.Yes, SendingEnabled: inventory.Yes, ErrorType: "SERVICE_ERROR"}}, IdentitiesListed: now,
		}
		if test.used >= 0 {
			r.SignUps = &inventory.SignUps{WindowStart: dayStart, Confirmed: now}
			r.CallCounts = &inventory.CallCounts{WindowStart: dayStart, Confirmed: now, Listed: true, N: test.used}
			signUps(r.SignUps, "eu-west-1_1", test.used, now.Add(-time.Hour))
		}
		snap := inventory.New(now, []inventory.Reading{r}, policy)
		if test.change != nil {
			test.change(&snap.Accounts[0].Pools[0])
		}
		for _, expr := range slices.Sorted(maps.Keys(test.facts)) {
			// Equal to itself is true, and unknown of what is unknown.
			if got := judge(t, snap, expr+" == "+expr, expr); got != test.facts[expr] {
				t.Errorf("%s: %s is %q, want %q", name, expr, got, test.facts[expr])
			}
		}
	}
}

func TestKleene(t *testing.T) {
	snap := inventory.New(now, []inventory.Reading{{
		Target: inventory.Target{AccountID: "111122223333", Region: "eu-west-1"},
		Pools:  []inventory.UserPool{{ID: "eu-west-1_1", Settings: settings("111122223333", inventory.EmailConfiguration{Mode: inventory.ModeDefault})}},
	}}, inventory.Policy{})
	const unknown, fails = "pool.quota.used > 1.0", `int(pool.name + "x") > 1`
	tests := map[string]string{
		"false && " + unknown:                                   "",
		unknown + " && false":                                   "",
		"true && " + unknown:                                    "undetermined",
		unknown + " || true":                                    "yes",
		unknown + " || false":                                   "undetermined",
		"!(" + unknown + ")":                                    "undetermined",
		unknown + " ? true : true":                              "undetermined",
		fails + " && false":                                     "",
		fails + " && " + unknown:                                "undetermined",
		fails:                                                   "type conversion error from 'string' to 'int'",
		"[1, 2].exists(i, i == 2 || " + unknown + ")":           "yes",
		"[1, 2].all(i, i == 2 && " + unknown + ")":              "",
		"[1, 2].exists(i, i == 3 || " + unknown + ")":           "undetermined",
		"pool.mode in ['DEVELOPER', 'COGNITO_DEFAULT']":         "yes",
		"pool.ses.review in ['DENIED']":                         "undetermined",
		"pool.name.matches('^$') && pool.mode.startsWith('CO')": "yes",
	}
	for when, want := range tests {
		if got := judge(t, snap, when, `"yes"`); got != want {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	for message, want := range map[string]string{
		"pool.from + string(pool.quota.used)":  "It", // what is unknown has no text
		`"x".substring(2)`:                     "It; message: index out of range: 2",
		`"` + strings.Repeat("é", 700) + `"`:   strings.Repeat("é", 512) + "…",
		`"ab` + strings.Repeat("€", 700) + `"`: "ab" + strings.Repeat("€", 340) + "…",
	} {
		if got := judge(t, snap, "true", message); got != want {
			t.Errorf("message %s: %q, want %q", message, got, want)
		}
	}
}

const about = `
rules:
  - {id: b-pools, severity: warning, for_each: pool, summary: Pools, remedy: Fix, when: 'pool.region == "eu-west-1"', message: pool.id}
  - {id: a-pools, severity: warning, for_each: pool, summary: Pools, remedy: Fix, when: 'pool.name == "b"'}
  - {id: accounts, severity: critical, for_each: account, summary: Accounts, remedy: Fix, when: account.sandbox, message: 'account.account_name + " " + string(account.pools) + " " + account.region'}
  - {id: identities, severity: info, for_each: identity, summary: Identities, remedy: Fix, when: '!identity.verified && identity.status == "PENDING"', message: 'identity.name + " " + string(identity.pools)'}
`

func world() *inventory.Snapshot {
	arn := "arn:aws:ses:eu-west-1:111122223333:identity/example.com"
	return inventory.New(now, []inventory.Reading{
		{
			Target: inventory.Target{AccountID: "111122223333", AccountName: "main", Region: "eu-west-1"},
			SES:    &inventory.SESState{Confirmed: now, Sandbox: inventory.Yes},
			Pools: []inventory.UserPool{
				{ID: "eu-west-1_2", Name: "a", Settings: settings("111122223333", inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: arn, From: "a@example.com"})},
				{ID: "eu-west-1_1", Name: "b", Settings: settings("111122223333", inventory.EmailConfiguration{Mode: inventory.ModeDefault})},
			},
			Identities: []inventory.Identity{{Name: "example.com", Status: "PENDING", Verified: inventory.No}, {Name: "example.org", Verified: inventory.Yes}},
		},
		{
			Target: inventory.Target{AccountID: "111122223333", AccountName: "main", Region: "eu-west-2"},
			SES:    &inventory.SESState{Confirmed: now},
		},
	}, inventory.Policy{})
}

func TestEvaluate(t *testing.T) {
	res := mustLoad(t, Options{}, about).Judge(world())
	base := Finding{AccountID: "111122223333", AccountName: "main", Region: "eu-west-1", Remedy: "Fix"}
	a, b := []PoolRef{{Region: "eu-west-1", ID: "eu-west-1_2", Name: "a"}}, []PoolRef{{Region: "eu-west-1", ID: "eu-west-1_1", Name: "b"}}
	caused := func(text string) (c inventory.Cause) {
		if err := c.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	finding := func(change func(*Finding)) Finding {
		f := base
		change(&f)
		return f
	}
	want := []Finding{
		finding(func(f *Finding) {
			f.Rule, f.Severity, f.ForEach, f.Summary, f.Message = "accounts", Critical, ForAccount, "Accounts", "main 1 eu-west-1"
			f.Cause, f.Behind = caused("ses_account/eu-west-1"), a
		}),
		finding(func(f *Finding) {
			f.Rule, f.Severity, f.ForEach, f.Summary, f.Message, f.PoolID, f.PoolName = "a-pools", Warning, ForPool, "Pools", "Pools", "eu-west-1_1", "b"
			f.Cause, f.Behind = caused("pool/eu-west-1/eu-west-1_1"), b
		}),
		finding(func(f *Finding) {
			f.Rule, f.Severity, f.ForEach, f.Summary, f.Message, f.PoolID, f.PoolName = "b-pools", Warning, ForPool, "Pools", "eu-west-1_1", "eu-west-1_1", "b"
			f.Cause, f.Behind = caused("pool/eu-west-1/eu-west-1_1"), b
		}),
		finding(func(f *Finding) {
			f.Rule, f.Severity, f.ForEach, f.Summary, f.Message, f.PoolID, f.PoolName, f.Identity = "b-pools", Warning, ForPool, "Pools", "eu-west-1_2", "eu-west-1_2", "a", "example.com"
			f.Cause, f.Behind = caused("pool/eu-west-1/eu-west-1_2"), a
		}),
		finding(func(f *Finding) {
			f.Rule, f.Severity, f.ForEach, f.Summary, f.Message, f.Identity = "identities", Info, ForIdentity, "Identities", "example.com 1", "example.com"
			f.Cause, f.Behind = caused("identity/eu-west-1/example.com"), a
		}),
	}
	if got := res.Findings(); !reflect.DeepEqual(got, want) {
		t.Errorf("findings\n%+v\nwant\n%+v", got, want)
	}
	if want := []Count{{Findings: 2}, {Findings: 1}, {Findings: 1, Undetermined: 1}, {Findings: 1}}; !reflect.DeepEqual(res.Total, want) {
		t.Errorf("counts %+v, want %+v", res.Total, want)
	}
}

func TestExemptions(t *testing.T) {
	const exemptions = `
exemptions:
  - {rule: b-pools, when: 'pool.name == "b"', reason: known, until: 2026-11-23}
  - {rule: b-pools, when: 'pool.name == "a"', reason: it was, until: 2026-11-22}
  - {rule: b-pools, when: 'pool.name == "c"', reason: there is none}
  - {rule: b-pools, when: 'pool.quota.used > 0.0', reason: unknown is no exemption}
  - {rule: accounts, reason: always}
  - {rule: identities, when: 'int(identity.name) > 1', reason: an error is no exemption}
  - {rule: a-pools, when: 'pool.name == "b"', reason: of a rule that is not enabled}
`
	off := false
	s := mustLoad(t, Options{Overrides: map[string]Override{"a-pools": {Enabled: &off}}}, about+exemptions)
	res := s.Judge(world())
	var got []string
	for _, f := range res.Findings() {
		got = append(got, f.Rule+" "+f.PoolID)
	}
	if want := []string{"b-pools eu-west-1_2", "identities "}; !slices.Equal(got, want) {
		t.Errorf("findings %q, want %q", got, want)
	}
	exempted := countsOf(res, func(c Count) int { return c.Exempted })
	if want := map[string]int{"b-pools": 1, "accounts": 1}; !reflect.DeepEqual(exempted, want) {
		t.Errorf("exempted %v, want %v", exempted, want)
	}
	reasons := func(infos []Exemption) string {
		var s []string
		for _, i := range infos {
			s = append(s, i.Reason)
		}
		return strings.Join(s, ", ")
	}
	if got, want := reasons(res.ExpiredExemptions()), "it was"; got != want {
		t.Errorf("expired %q, want %q", got, want)
	}
	if got, want := reasons(res.UnusedExemptions()), "there is none, unknown is no exemption, an error is no exemption"; got != want {
		t.Errorf("unused %q, want %q", got, want)
	}
	if c := res.Total[3]; c.Errors != 1 || !strings.HasPrefix(c.FirstError, "exemption at test.yaml:14:5: ") {
		t.Errorf("errors %+v", c)
	}
	if got := s.Exemptions()[1]; got.Until != "2026-11-22" || got.Where != "test.yaml:10:5" || got.Rule != "b-pools" {
		t.Errorf("exemption %+v", got)
	}
	// The last day ends with the day in UTC.
	later := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	if got, want := reasons(s.Judge(inventory.New(later, nil, policy)).ExpiredExemptions()), "known, it was"; got != want {
		t.Errorf("expired a day later %q, want %q", got, want)
	}
}

// panicking is a program that does what none should.
type panicking struct{ cel.Program }

func (panicking) Eval(any) (ref.Val, *cel.EvalDetails, error) { panic("no") }

func TestErrorsStopNothing(t *testing.T) {
	s := loadBuiltin(t)
	s.rules[0].when = panicking{}
	snap := fleet(2000)
	res := s.Judge(snap)
	if c := res.Total[0]; c.Errors != 2000 || c.FirstError != "internal error: no" {
		t.Errorf("errors %+v", c)
	}
	if failed := failed(res); len(failed) != 1 || len(res.Findings()) == 0 {
		t.Errorf("%d findings, errors %v", len(res.Findings()), failed)
	}
}

// TestTypes checks what CEL's functions of types make of the objects that rules see.
func TestTypes(t *testing.T) {
	for when, want := range map[string]string{
		`type(pool) == type(pool) && type(pool) != type(pool.quota)`: "It",
		`string(dyn(pool.quota)) == ""`:                              "no such overload: string(facts.pool.quota)",
	} {
		if got := judge(t, fleet(1), when, `"It"`); got != want {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
}

// TestLongMessages checks that a message is cut between two characters, and
// only when it is too long.
func TestLongMessages(t *testing.T) {
	for name, tt := range map[string]struct{ message, want string }{
		"just fits":             {strings.Repeat("a", maxMessage), strings.Repeat("a", maxMessage)},
		"a byte too long":       {strings.Repeat("a", maxMessage+1), strings.Repeat("a", maxMessage) + "…"},
		"cut within the last ä": {strings.Repeat("a", maxMessage-1) + "ä", strings.Repeat("a", maxMessage-1) + "…"},
	} {
		if got := judge(t, fleet(1), "true", `"`+tt.message+`"`); got != tt.want {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(tt.want))
		}
	}
}

func TestConcurrent(t *testing.T) {
	s, snap := loadBuiltin(t), fleet(3000)
	want := s.Judge(snap)
	t.Run("group", func(t *testing.T) {
		for range 4 {
			t.Run("evaluate", func(t *testing.T) {
				t.Parallel()
				if got := s.Judge(snap); !reflect.DeepEqual(got.Each, want.Each) || !reflect.DeepEqual(got.Total, want.Total) {
					t.Error("two evaluations of the same snapshot differ")
				}
				if err := s.Test(); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

func TestEmpty(t *testing.T) {
	for name, s := range map[string]*Set{"no rules": mustLoad(t, Options{}, "rules: []"), "no pools": loadBuiltin(t)} {
		snap := fleet(10)
		if name == "no pools" {
			snap = inventory.New(now, nil, inventory.Policy{})
		}
		if res := s.Judge(snap); len(res.Findings())+len(countsOf(res, func(c Count) int { return c.Undetermined })) > 0 {
			t.Errorf("%s: %+v", name, res)
		}
	}
}
