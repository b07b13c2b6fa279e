package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// evil is what somebody may call a pool who wants more than a name.
const evil = "=1+1|`x`<script>alert(1)</script> @team #1 [a](https://b.example) &amp; \x1b[2J\u202e"

const teamRules = `# Line 1
rules:
  - id: any-pool
    severity: warning
    for_each: pool
    summary: There is a pool
    when: 'true'
    critical_when: pool.mode == "COGNITO_DEFAULT"
    message: '"the pool " + pool.name + " is there"'
    remedy: Delete it.
    runbook: "# Any pool\n\nWhy pools are."
  - {id: any-account, severity: info, for_each: account, summary: There is an account, when: 'true', remedy: Close it., runbook: "https://wiki.example/any"}
  - {id: any-identity, severity: info, for_each: identity, summary: There is an identity, when: 'true', remedy: Delete it.}
  - {id: tier, severity: info, for_each: pool, summary: The tier is LITE, when: pool.tier == "LITE", remedy: Pay more.}
`

// readings are of an account with three pools in eu-west-1 and one in eu-central-1 that sends
// through eu-west-1.
func readings() []inventory.Reading {
	const account = "100000000001"
	pool := func(region, id, name string, e inventory.EmailConfiguration) inventory.UserPool {
		s := &inventory.Settings{Described: now, Tier: "PLUS", Sender: inventory.NewSender(inventory.Key{AccountID: account, Region: region}, e)}
		if id == "1" { // What a built-in rule finds.
			s.MFA, s.Recovery = inventory.No, inventory.RecoveryEmail
		}
		return inventory.UserPool{ID: region + "_" + id, Name: name, Listed: now, Settings: s, Confirmed: now}
	}
	own := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:" + account + ":identity/example.com", From: "a@example.com"}
	byDefault := inventory.EmailConfiguration{Mode: inventory.ModeDefault}
	reading := func(region string, pools ...inventory.UserPool) inventory.Reading {
		return inventory.Reading{
			Target: inventory.Target{AccountID: account, AccountName: "production & more", Region: region}, Start: now, End: now, Pools: pools, PoolsListed: now,
			SES:              &inventory.SESState{Confirmed: now, Sandbox: inventory.No, SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Quota: inventory.SendQuota(50000, 100)},
			Identities:       []inventory.Identity{{Name: "example.com", Confirmed: now, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes}},
			IdentitiesListed: now, Outcomes: []inventory.Outcome{{API: "cognito-idp"}, {API: "ses"}},
		}
	}
	return []inventory.Reading{
		reading("eu-west-1", pool("eu-west-1", "1", evil, own), pool("eu-west-1", "2", "plain", own), pool("eu-west-1", "3", "built-in", byDefault)),
		reading("eu-central-1", pool("eu-central-1", "4", "afar", own)),
	}
}

var loaded = sync.OnceValues(func() (*rules.Set, error) {
	return rules.Load(rules.Options{}, append(rules.Builtin(), rules.File{Name: "team/my rules.yaml", Data: []byte(teamRules)})...)
})

// judge judges readings by the rules of the team and, as the program does, by
// those that are built in.
func judge(t *testing.T, all []inventory.Reading) *rules.Judgement {
	t.Helper()
	set, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return set.Judge(inventory.New(now, all, inventory.Policy{}))
}

// options name everything that a format may show.
func options() Options {
	return Options{Dir: "/repo", Version: "1.2.3", Runbook: func(r rules.Rule) string { return r.Runbook }}
}

// full is a report with all that there can be: findings of every kind and
// severity, of a planned pool as well, in every state; some that are gone, some
// that cannot be judged again; and something that could not be read.
func full(t *testing.T) *Report {
	t.Helper()
	all := readings()
	all = append(all, inventory.Reading{
		Target:   inventory.Target{AccountID: "100000000002", AccountName: evil, Region: "us-east-1"},
		Outcomes: []inventory.Outcome{{API: "ses", Class: inventory.Denied, Message: "Reading ses failed: " + evil}},
	})
	j := judge(t, all)
	j.Each[0].Findings = append(j.Each[0].Findings, rules.Finding{
		Rule: "any-pool", Severity: rules.Warning, ForEach: rules.ForPool, AccountID: "100000000001", Region: "eu-west-1", PoolName: "planned",
		Resource: `module.a["b"].aws_cognito_user_pool.main`, File: "infra/main.tf", Line: 7, Summary: "There is a pool", Message: "planned", Remedy: "Delete it.",
	})
	before := func(rule, region, pool string) rules.Finding {
		return rules.Finding{
			Rule: rule, Severity: rules.Warning, ForEach: rules.ForPool, AccountID: "100000000001", Region: region, PoolID: pool, PoolName: evil,
			Summary: "There was a pool", Message: "it was " + evil, Remedy: "Delete it.",
		}
	}
	o := options()
	o.Baseline = baseline(
		t,
		before("any-pool", "eu-west-1", "eu-west-1_1"), // known
		before("any-pool", "eu-west-1", "eu-west-1_3"), // worse
		before("any-pool", "eu-west-1", "eu-west-1_9"), // gone
		before("any-pool", "us-east-1", "us-east-1_9"), // not judged: the region is not read
		before("no-such-rule", "eu-west-1", "eu-west-1_1"),
	)
	return Of(j, o)
}

// baseline is the one with the findings, by way of its JSON.
func baseline(t *testing.T, findings ...rules.Finding) *Baseline {
	t.Helper()
	data, err := json.Marshal(map[string]any{"version": 1, "generated_at": now.Add(-24 * time.Hour), "findings": findings})
	if err != nil {
		t.Fatal(err)
	}
	b, err := ReadBaseline(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, r *Report, format string) string {
	t.Helper()
	var b strings.Builder
	if _, err := r.Write(&b, format); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// many is a report with n findings, the first of which is critical.
func many(n int) *Report {
	r := &Report{GeneratedAt: now, o: options(), rules: []rules.Rule{{ID: "any-pool", Severity: rules.Warning, Summary: "There is a pool", Remedy: "Delete it.", File: "team.yaml", Line: 3}}}
	for i := range n {
		f := rules.Finding{
			Rule: "any-pool", Severity: rules.Warning, ForEach: rules.ForPool, AccountID: "100000000001", Region: "eu-west-1",
			PoolID: fmt.Sprintf("eu-west-1_%06d", i), PoolName: "pool", Summary: "There is a pool", Message: "a pool", Remedy: "Delete it.",
		}
		if i == 0 {
			f.Severity = rules.Critical
		}
		r.Findings = append(r.Findings, Finding{Finding: f, Fingerprint: fingerprint(&f)})
	}
	return r
}

func TestFingerprints(t *testing.T) {
	r := full(t)
	prints := map[string]bool{}
	for _, f := range r.Findings {
		prints[f.Fingerprint] = true
	}
	if len(prints) != len(r.Findings) {
		t.Errorf("%d findings have %d fingerprints", len(r.Findings), len(prints))
	}
	for _, want := range []string{
		"any-pool/100000000001/eu-west-1/eu-west-1_1", "any-account/100000000001/eu-west-1", "any-identity/100000000001/eu-west-1/example.com",
		`any-pool/100000000001/eu-west-1/module.a["b"].aws_cognito_user_pool.main`,
	} {
		if !prints[want] {
			t.Errorf("no %s in %q", want, slices.Sorted(maps.Keys(prints)))
		}
	}
}

func TestReportOnSomeRules(t *testing.T) {
	o := options()
	o.Rules = []string{"any-account", "tier"}
	all := readings()
	all[0].Pools[0].Settings = nil
	r := Of(judge(t, all), o)
	if len(r.Findings) != 2 || r.Findings[0].Rule != "any-account" || r.Undetermined["tier"] != 1 || len(r.Undetermined) != 1 {
		t.Errorf("%d findings, undetermined %v", len(r.Findings), r.Undetermined)
	}
	if r.Fails(rules.Warning) || !r.Fails(rules.Info) || !r.Complete() {
		t.Error("two findings that are info, and everything read")
	}
}

func TestTable(t *testing.T) {
	out := write(t, full(t), "table")
	if strings.ContainsAny(out, "\x1b\u202e") {
		t.Errorf("what moves the cursor in\n%q", out)
	}
	for _, want := range []string{
		"BASELINE  SEVERITY", "\nworse     critical  production & more  eu-west-1", "\nany-pool: Delete it.\n", "Gone since the baseline:\nwarning  100000000001  eu-west-1",
		"baseline of 2026-11-23 12:00 UTC: ", " 1 worse, 1 known, 1 gone; 2 of the baseline not judged again\n4 pools on 3 targets: 1 critical, ", "; 1 not read\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out := write(t, Of(judge(t, readings()), options()), "table"); !strings.HasPrefix(out, "SEVERITY") || strings.Contains(out, "baseline") {
		t.Errorf("without a baseline:\n%s", out)
	}
}

func TestCSV(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(write(t, full(t), "csv"))).ReadAll()
	if err != nil || len(rows) < 8 || rows[0][0] != "severity" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
	if first := rows[1]; first[10] != "any-pool/100000000001/eu-west-1/eu-west-1_3" || first[11] != "worse" {
		t.Errorf("the first is %q", first)
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 pools", 1: "1 pool", 2: "2 pools"} {
		if got := count(n, "pool"); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestJSON checks all that there can be against the documented schema.
func TestJSON(t *testing.T) {
	if err := validate(compile(t, "../../docs/check.schema.json"), write(t, full(t), "json")); err != nil {
		t.Error(err)
	}
}
