package collector

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// noon is when the golden files are of: three hours after the reset.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const familyRules = `
rules:
  - {id: not-ready, severity: critical, for_each: pool, summary: Not ready, remedy: Fix it., when: '!pool.ready', params: {x: 1}}
  - {id: off, severity: info, for_each: pool, summary: Is off, remedy: Fix it., when: 'true'}
  - {id: probation, severity: warning, for_each: account, summary: On probation, remedy: Fix it., when: account.enforcement == "PROBATION", critical_when: account.pools > 0}
  - {id: unverified, severity: info, for_each: identity, summary: Unverified, remedy: Fix it., when: '!identity.verified'}
exemptions:
  - {rule: not-ready, when: pool.name == "exempted", reason: Known., until: 2026-11-24}
  - {rule: not-ready, when: pool.name == "nobody", reason: Unused.}
  - {rule: probation, reason: It was., until: 2026-11-01}
`

// familyWorld has everything that a family can say, and what it must not say.
func familyWorld(t *testing.T) *rules.Judgement {
	t.Helper()
	off := false
	set, err := rules.Load(rules.Options{Overrides: map[string]rules.Override{"off": {Enabled: &off}}}, rules.File{Name: "test.yaml", Data: []byte(familyRules)})
	if err != nil {
		t.Fatal(err)
	}
	policy := inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: 9 * time.Hour}
	start, _ := policy.Window(noon)
	const main, other = "111122223333", "444455556666"
	pool := func(region, id, name string, e *inventory.EmailConfiguration) inventory.UserPool {
		up := inventory.UserPool{ID: region + "_" + id, Name: name, Listed: noon, Confirmed: noon}
		if e != nil {
			up.Settings = &inventory.Settings{
				Described: noon, Sender: inventory.NewSender(inventory.Key{AccountID: main, Region: region}, *e),
				Tier: "PLUS", Tags: map[string]string{"env": "prod", "hidden": "x"}, AutoVerified: []string{"phone_number", "email"},
				Recovery: "verified_email", EmailOTP: id == "own",
			}
			if id == "own" {
				up.Replica = inventory.Replica{Replicated: true, Role: inventory.Secondary, Status: inventory.ReplicaActive, Confirmed: noon}
			}
			switch id {
			case "lambda": // Of an MFA whose factors are not known.
				up.Settings.MFA = inventory.Yes
				up.Details = &inventory.Details{NotificationLog: inventory.Detail{Value: inventory.No, Read: noon}}
			case "mode":
				up.Settings.MFA = inventory.Yes
				up.Details = &inventory.Details{EmailMFA: inventory.Detail{Value: inventory.Yes, Read: noon}, NotificationLog: inventory.Detail{Value: inventory.Yes, Read: noon}}
			case "exempted":
				up.Settings.AutoVerified, up.Settings.MFA = nil, inventory.No
			default:
				up.Settings.MFA = inventory.No
			}
		}
		return up
	}
	developer := func(identity, from string) *inventory.EmailConfiguration {
		return &inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:" + main + ":identity/" + identity, From: from}
	}
	builtin := &inventory.EmailConfiguration{Mode: inventory.ModeDefault}
	bounce, complaint := 0.05, 0.001
	ireland := inventory.Reading{
		Target: inventory.Target{AccountID: main, AccountName: "main", Region: "eu-west-1"}, Start: noon.Add(-1500 * time.Millisecond), End: noon, PoolsListed: noon,
		Outcomes: []inventory.Outcome{
			{API: inventory.APICognito, LastSuccess: noon},
			{API: inventory.APISES, Class: inventory.Throttled, Message: "slow", LastSuccess: noon.Add(-time.Minute)},
			{API: inventory.APISTS, Class: inventory.Denied, Message: "no"},
		},
		Pools: []inventory.UserPool{
			pool("eu-west-1", "builtin", "built-in", builtin),
			pool("eu-west-1", "exempted", "exempted", developer("pending.example", "a@pending.example")),
			pool("eu-west-1", "lambda", `quotes " and \ <script>`, &inventory.EmailConfiguration{Mode: inventory.ModeDefault, ModeAbsent: true, CustomSender: true}),
			pool("eu-west-1", "mode", "a mode of the future", &inventory.EmailConfiguration{Mode: inventory.ModeUnknown}),
			pool("eu-west-1", "own", "own", developer("example.com", "a@example.com")),
			pool("eu-west-1", "undescribed", "", nil),
		},
		SES: &inventory.SESState{
			Confirmed: noon, Sandbox: inventory.Yes, SendingEnabled: inventory.Yes, Enforcement: "PROBATION", Review: "PENDING", ReviewCase: "1234",
			Quota: inventory.SendQuota(200, 150), RateKnown: true, MaxSendRate: 1,
		},
		Reputation: &inventory.Reputation{Confirmed: noon, BounceRatio: &bounce, ComplaintRatio: &complaint},
		Statistics: &inventory.SendStatistics{Confirmed: noon, Attempts: 150, Bounces: 7, Complaints: 2, Rejects: 1},
		Identities: []inventory.Identity{
			{
				Name: "example.com", Confirmed: noon, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes, Detailed: noon,
				Details: &inventory.IdentityDetails{
					ConfigurationSet: "login", DKIM: inventory.DKIM{Status: "FAILED"},
					MailFrom: inventory.MailFrom{Domain: "mail.example.com", Status: "PENDING", RejectOnFailure: inventory.Yes},
				},
			},
			{Name: "pending.example", Confirmed: noon, Status: "PENDING", Verified: inventory.No, SendingEnabled: inventory.No, Detailed: noon, Details: plain},
			{Name: "unsettled.example", Confirmed: noon, Status: "TEMPORARY_FAILURE"},
			{Name: "missing.example", Confirmed: noon, Missing: true},
		},
		IdentitiesListed: noon,
		Changes: inventory.Changes{Began: noon.Add(-time.Hour), List: []inventory.Change{
			{
				Subject: inventory.Cause{Kind: inventory.CausePool, Region: "eu-west-1", Name: "eu-west-1_builtin"}, Field: inventory.FieldMode, From: "DEVELOPER", To: "COGNITO_DEFAULT",
				After: noon.Add(-40 * time.Minute), By: noon.Add(-30 * time.Minute), Naming: inventory.Named, Actor: &inventory.Actor{At: noon.Add(-35 * time.Minute)},
			},
			{
				Subject: inventory.Cause{Kind: inventory.CauseIdentity, Region: "eu-west-1", Name: "example.com"}, Field: inventory.FieldMailFrom, To: "PENDING REJECT_MESSAGE",
				After: noon.Add(-20 * time.Minute), By: noon.Add(-10 * time.Minute), Naming: inventory.NamePending,
			},
		}},
	}
	// Virginia knows its use from both sources, and is unlimited.
	virginia := inventory.Reading{
		Target: inventory.Target{AccountID: main, AccountName: "main", Region: "us-east-1"}, Start: noon, End: noon.Add(time.Second), PoolsListed: noon,
		Outcomes: []inventory.Outcome{{API: inventory.APICognito, LastSuccess: noon}, {API: inventory.APISES, Class: inventory.NotOffered, Message: "no host"}, {API: inventory.APICloudWatch, Class: inventory.NotAsked, Message: "no time", LastSuccess: noon.Add(-time.Hour)}},
		Pools:    []inventory.UserPool{pool("us-east-1", "shop", "shop", builtin)},
		SES:      &inventory.SESState{Confirmed: noon, Sandbox: inventory.No, SendingEnabled: inventory.No, Enforcement: "SHUTDOWN", Review: "NONE", Quota: inventory.SendQuota(-1, 9), RateKnown: true, MaxSendRate: -1},
		SignUps: &inventory.SignUps{WindowStart: start, Confirmed: noon, Pools: []string{"us-east-1_shop"}, Series: []inventory.SignUpSeries{
			{PoolID: "us-east-1_shop", ClientID: "web", Points: []inventory.Point{{At: start, N: 20}}},
		}},
		CallCounts: &inventory.CallCounts{WindowStart: start, Confirmed: noon, Listed: true, N: 70},
		Trail: &inventory.Trail{WindowStart: start, Confirmed: noon, Complete: true, Events: []inventory.MailEvent{
			{ID: "1", At: noon.Add(-time.Hour), PoolID: "us-east-1_shop", Fate: inventory.Sent},
			{ID: "2", At: noon.Add(-time.Minute), PoolID: "us-east-1_shop", Failure: inventory.FailedThrottled},
			{ID: "3", At: noon.Add(-time.Minute), Fate: inventory.Sent},
			{ID: "4", At: noon.Add(-time.Minute), PoolID: "us-east-1_shop", Fate: inventory.Undecided},
		}},
	}
	// What SES says nothing of has no series; a limit of 0 is used up.
	silent := inventory.Reading{
		Target: inventory.Target{AccountID: other, Region: "eu-west-1"}, Start: noon, End: noon,
		SES: &inventory.SESState{Confirmed: noon, Enforcement: "UNKNOWN"}, Reputation: &inventory.Reputation{Confirmed: noon},
		Identities: []inventory.Identity{{Name: "example.com", Confirmed: noon, Status: "SUCCESS", Verified: inventory.Yes}},
	}
	nothing := inventory.Reading{
		Target: inventory.Target{AccountID: other, Region: "eu-west-2"}, Start: noon, End: noon,
		SES: &inventory.SESState{Confirmed: noon, Sandbox: inventory.No, SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Quota: inventory.SendQuota(0, 0), RateKnown: true},
	}
	// A source that has seen nothing yet today counts 0; soon is used up at this pace.
	frankfurt := inventory.Reading{
		Target: inventory.Target{AccountID: main, AccountName: "main", Region: "eu-central-1"}, Start: noon, End: noon, PoolsListed: noon,
		Pools: []inventory.UserPool{pool("eu-central-1", "soon", "soon", builtin)},
		SignUps: &inventory.SignUps{WindowStart: start, Confirmed: noon, Pools: []string{"eu-central-1_soon"}, Series: []inventory.SignUpSeries{
			{PoolID: "eu-central-1_soon", ClientID: "web", Points: []inventory.Point{{At: noon.Add(-time.Hour), N: 40}}},
		}},
		CallCounts: &inventory.CallCounts{WindowStart: start, Confirmed: noon},
	}
	// Where only addresses are verified, each sign-up sends an e-mail.
	for _, r := range []inventory.Reading{virginia, frankfurt} {
		r.Pools[0].Settings.AutoVerified = []string{"email"}
	}
	// Only where every pool is known are those of an identity counted.
	const whole = "777788889999"
	complete := inventory.Reading{
		Target: inventory.Target{AccountID: whole, Region: "eu-west-1"}, Start: noon, End: noon, PoolsListed: noon, IdentitiesListed: noon,
		Pools: []inventory.UserPool{{ID: "eu-west-1_only", Listed: noon, Settings: &inventory.Settings{
			Sender: inventory.NewSender(inventory.Key{AccountID: whole, Region: "eu-west-1"}, inventory.EmailConfiguration{
				Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:" + whole + ":identity/example.com", From: "a@example.com",
			}),
		}}},
		Identities: []inventory.Identity{
			{Name: "a.example", Confirmed: noon, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes},
			{Name: "b.example", Confirmed: noon, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes},
			{Name: "example.com", Confirmed: noon, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes},
		},
	}
	return set.Judge(inventory.New(noon, []inventory.Reading{ireland, virginia, silent, nothing, frankfurt, complete}, policy))
}

// TestFamilies compares what each family makes of the world with a golden file
// of its subject. A family that the files do not show fails.
func TestFamilies(t *testing.T) {
	p := thePlan()
	p.AllIdentities, p.MaxIdentities, p.BlindRatio = true, 2, 0.5
	p.Clocks = []Clock{{"interval", p.Interval}, {"stale_after", p.StaleAfter}}
	p.Links = Links{
		Page: func(account string, c inventory.Cause) string {
			return "https://exporter/" + account + "/" + c.String()
		},
		Dashboard: func(account string, c inventory.Cause) string {
			return "https://dashboard/" + account + "/" + c.String()
		},
		Runbook: func(id string) string { return "https://exporter/runbooks/" + id },
	}
	world := familyWorld(t)
	const why = `role "cognito" is missing`
	p.Fleet = Fleet{
		Members: []inventory.Member{
			{ID: "111122223333", Name: `main "<b>"`, Unit: "Workloads/Prod", Tags: map[string]string{"env": "prod", "hidden": "x"}},
			{ID: "222222222222", Name: "old", Coverage: inventory.CoverageSuspended},
			{ID: "333333333333", Coverage: inventory.CoverageExcluded},
			{ID: "444455556666", Name: "other", Failure: &inventory.Failure{Class: inventory.Denied, Message: why}},
			{ID: "", Coverage: inventory.CoveragePending},
		},
		Tags:           []TagLabel{{"env", "tag_env"}},
		Shard:          Shard{1, 3},
		All:            7,
		Organization:   &inventory.Outcome{Class: inventory.Throttled, Message: "slow", LastSuccess: noon.Add(-time.Hour)},
		UnknownRegions: map[string]int{"eu-new-9": 2},
	}
	var covered []inventory.MemberStatus
	for _, m := range p.Fleet.Members {
		covered = append(covered, m.Cover(nil))
	}
	for subject, families := range map[string][]Family{
		"pools": poolFamilies, "pool-quotas": poolQuotaFamilies, "accounts": accountFamilies, "default-quotas": defaultQuotaFamilies,
		"identities": identityFamilies, "findings": findingFamilies, "problems": problemFamilies, "targets": targetFamilies, "clocks": clockFamilies, "fleet": fleetFamilies,
	} {
		got := familiesText(t, p, world, targetCounts{read: 4, failing: 2, pending: 1, coverage: covered}, families)
		for _, f := range families {
			if name := namespace + "_" + f.Name; !strings.Contains(got, "\n"+name+"{") && !strings.Contains(got, "\n"+name+" ") {
				t.Errorf("%s has no sample", name)
			}
		}
		golden := filepath.Join("testdata", subject+".prom")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("the families differ from %s (rewrite with -update):\n%s", golden, got)
		}
	}
}

// TestFamiliesSayNothingOfNothing checks that without any reading no family
// makes a number up, but for what is configured.
func TestFamiliesSayNothingOfNothing(t *testing.T) {
	unread := inventory.Reading{Target: inventory.Target{AccountID: "111122223333", Region: "eu-west-1"}, Unread: true}
	judged := familyWorld(t).Rules.Judge(inventory.New(noon, []inventory.Reading{unread}, inventory.Policy{}))
	for line := range strings.Lines(familiesText(t, thePlan(), judged, targetCounts{pending: 1}, Families)) {
		configured := slices.ContainsFunc([]string{"targets{", "accounts{", "fleet_accounts{", "clock_seconds{", "blind_ratio ", "web_info{"}, func(name string) bool {
			return strings.HasPrefix(line, "cognito_ses_exporter_"+name)
		})
		if !strings.HasPrefix(line, "#") && !configured {
			t.Errorf("made up: %s", line)
		}
	}
}

// TestFindingsOfHiddenIdentities checks that a finding about an identity is
// shown where that identity is, whatever other identities are.
func TestFindingsOfHiddenIdentities(t *testing.T) {
	world := familyWorld(t)
	for name, tt := range map[string]struct {
		show func(string) bool
		want string
	}{
		"all":            {nil, "1"},
		"it alone":       {func(name string) bool { return name == "pending.example" }, "1"},
		"all others":     {func(name string) bool { return name != "pending.example" }, ""},
		"none":           {func(string) bool { return false }, ""},
		"it, elsewhere":  {nil, ""},
		"it, everywhere": {nil, "1"},
	} {
		p, j := thePlan(), world
		p.AllIdentities, p.ShowIdentity = true, tt.show
		if strings.HasPrefix(name, "it, ") {
			// The same identity is fine in another region, and not there in this one.
			a := *world.Accounts[0]
			a.Identities = slices.Clone(a.Identities)
			for i := range a.Identities {
				if id := &a.Identities[i]; id.Name == "pending.example" && name == "it, elsewhere" {
					id.Target.Region = "eu-west-2"
				}
			}
			judged := *world
			judged.Snapshot = inventory.Join(noon, append([]*inventory.Account{&a}, world.Accounts[1:]...))
			j = &judged
		}
		const finding = `cognito_ses_finding{account_id="111122223333",cause="identity/eu-west-1/pending.example",identity="pending.example",region="eu-west-1",rule="unverified"`
		if got := value(familiesText(t, p, j, targetCounts{}, findingFamilies), finding); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
