package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

const evil = `<script>alert("name")</script>`

// world has a pool that is blocked, one that is ready, one with the built-in
// sender and one that was not described.
func world() *inventory.Snapshot {
	now := time.Now()
	const arn = "arn:aws:ses:eu-west-1:111122223333:identity/"
	own := inventory.Key{AccountID: "111122223333", Region: "eu-west-1"}
	pool := func(id, name string, e *inventory.EmailConfiguration) inventory.UserPool {
		var s *inventory.Settings
		if e != nil {
			s = &inventory.Settings{
				Described: now, Sender: inventory.NewSender(own, *e),
				Tier: "ESSENTIALS", Tags: map[string]string{"team": evil}, AutoVerified: []string{"email"},
				Recovery: "verified_email,<b>", EmailOTP: id == "own", MFA: inventory.No,
			}
		}
		up := inventory.UserPool{ID: "eu-west-1_" + id, Name: name, Listed: now, LastModified: now, Settings: s, Confirmed: now}
		yes, no := inventory.Detail{Value: inventory.Yes, Read: now}, inventory.Detail{Value: inventory.No, Read: now}
		switch id {
		case "missing":
			s.MFA = inventory.Yes
			up.Details = &inventory.Details{EmailMFA: yes, NotificationLog: no}
		case "own":
			up.Details = &inventory.Details{NotificationLog: yes}
		}
		return up
	}
	policy := inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopePool, Reset: 9 * time.Hour}
	start, _ := policy.Window(now)
	bounce := 0.012
	return inventory.New(now, []inventory.Reading{{
		Target:   inventory.Target{AccountID: "111122223333", AccountName: evil, Region: "eu-west-1"},
		Start:    now,
		End:      now.Add(time.Second),
		Calls:    7,
		Next:     now.Add(time.Minute),
		Outcomes: []inventory.Outcome{{API: "cognito-idp", LastSuccess: now}, {API: "ses", Class: inventory.Denied, Message: `<img src=x onerror=alert(1)>`}},
		Pools: []inventory.UserPool{
			pool("default", "forum", &inventory.EmailConfiguration{Mode: inventory.ModeDefault}),
			pool("missing", evil, &inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: arn + "gone.example", From: "a@gone.example"}),
			pool("own", "customers", &inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: arn + "example.com", From: "a@example.com"}),
			pool("undescribed", "undescribed", nil),
		},
		SES: &inventory.SESState{
			Confirmed: now, Sandbox: inventory.No, SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Review: "GRANTED", ReviewCase: "<u>1",
			Quota: inventory.SendQuota(50000, 12500), RateKnown: true, MaxSendRate: 14,
		},
		Reputation:       &inventory.Reputation{Confirmed: now, BounceRatio: &bounce},
		Statistics:       &inventory.SendStatistics{Confirmed: now, Attempts: 12500, Bounces: 31, Complaints: 1},
		IdentitiesListed: now,
		Identities: []inventory.Identity{{Name: "example.com", Confirmed: now, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes, Detailed: now, Details: &inventory.IdentityDetails{
			ConfigurationSet: "login", DKIM: inventory.DKIM{Status: "PENDING", Records: []inventory.DNSRecord{{Name: "<b>._domainkey.example.com", Type: "CNAME", Value: "t.dkim.amazonses.com"}}},
			MailFrom: inventory.MailFrom{Domain: "<i>.example.com", Status: "FAILED", RejectOnFailure: inventory.No},
		}}},
		ConfigurationSets: []inventory.ConfigurationSet{{Name: "login", SendingEnabled: inventory.Yes, Confirmed: now}},
		SignUps: &inventory.SignUps{
			WindowStart: start, Confirmed: now, Pools: []string{"eu-west-1_default"},
			Series: []inventory.SignUpSeries{{PoolID: "eu-west-1_default", ClientID: "web", Points: []inventory.Point{{At: start, N: 42}}}},
		},
		CallCounts: &inventory.CallCounts{WindowStart: start, Confirmed: now, Listed: true, N: 1044},
		Changes: inventory.Changes{Began: now.Add(-time.Hour), List: []inventory.Change{
			{
				Subject: inventory.Cause{Kind: inventory.CausePool, Region: "eu-west-1", Name: "eu-west-1_default"}, Name: evil, Field: inventory.FieldMode,
				From: "DEVELOPER", To: "COGNITO_DEFAULT", After: now.Add(-50 * time.Minute), By: now.Add(-45 * time.Minute), Naming: inventory.Named,
				Actor: &inventory.Actor{
					EventID: evil, EventName: "UpdateUserPool", At: now.Add(-48 * time.Minute), Principal: "arn:aws:iam::111122223333:user/" + evil, SourceIP: "198.51.100.7", UserAgent: evil,
				},
			},
			{
				Subject: inventory.Cause{Kind: inventory.CauseIdentity, Region: "eu-west-1", Name: "example.com"}, Field: inventory.FieldMailFrom,
				From: evil, To: "FAILED", After: now.Add(-40 * time.Minute), By: now.Add(-35 * time.Minute), Naming: inventory.NamePending,
			},
			{
				Subject: inventory.Cause{Kind: inventory.CausePool, Region: "eu-west-1", Name: "eu-west-1_gone"}, Field: inventory.FieldExists,
				FromUnknown: true, To: "no", By: now.Add(-30 * time.Minute), Naming: inventory.NameDenied,
			},
			{
				Subject: inventory.Cause{Kind: inventory.CauseSESAccount, Region: "eu-west-1"}, Field: inventory.FieldSendingEnabled,
				From: "no", To: "yes", After: now.Add(-22 * time.Minute), By: now.Add(-20 * time.Minute), Naming: inventory.NameOff,
			},
		}},
	}}, policy)
}

// members are an account that is read, one that is denied, and one that is suspended.
var members = []inventory.MemberStatus{
	{Member: inventory.Member{ID: "111122223333", Name: evil, Unit: "Workloads/" + evil, Tags: map[string]string{evil: evil}, Coverage: inventory.CoverageRead}, Regions: 2},
	{Member: inventory.Member{ID: "222222222222", Name: "old", Coverage: inventory.CoverageSuspended, Why: "its state in the organization is SUSPENDED"}},
	{Member: inventory.Member{ID: "333333333333", Coverage: inventory.CoverageDenied, Why: "AssumeRole: " + evil}, Regions: 1},
}

func options(t testing.TB) Options {
	t.Helper()
	set, err := rules.Load(rules.Options{}, rules.Builtin()...)
	if err != nil {
		t.Fatal(err)
	}
	judged := set.Judge(world())
	return Options{
		Version: "v0", TelemetryPath: "/metrics", Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "metrics")
		}),
		View:     func() *rules.Judgement { return judged },
		Coverage: func() []inventory.MemberStatus { return members },
		Ready:    func() bool { return true },
		Config:   func() string { return "regions: []\n" },
		Tags:     func() []string { return []string{"team"} },
	}
}

// unread returns options with the details of no identity.
func unread(t testing.TB) Options {
	t.Helper()
	o := options(t)
	var readings []inventory.Reading
	for r := range world().Readings() {
		unknown := *r
		unknown.Identities = slices.Clone(r.Identities)
		for i := range unknown.Identities {
			unknown.Identities[i].Details = nil
		}
		readings = append(readings, unknown)
	}
	judged := o.View().Rules.Judge(inventory.New(time.Now(), readings, inventory.Policy{}))
	o.View = func() *rules.Judgement { return judged }
	return o
}

func ask(t testing.TB, o Options, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(o).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w
}

func TestRoutes(t *testing.T) {
	notReady, reloads, fails, profiles := options(t), options(t), options(t), options(t)
	notReady.Ready = func() bool { return false }
	reloads.Reload = func(context.Context) error { return nil }
	fails.Reload = func(context.Context) error { return errors.New("config.yaml:3: no") }
	profiles.Profiles = true
	below := profiles
	below.RoutePrefix, below.Prefix = "/exporter", "/exporter"
	for _, tt := range []struct {
		o            Options
		method, path string
		status       int
		body         string
	}{
		{options(t), "GET", "/metrics", 200, "metrics"},
		{options(t), "GET", "/", 200, "<b>4</b> pools"},
		{options(t), "GET", own + "eu-west-1_missing", 200, "Why it is blocked"},
		{options(t), "GET", own + "eu-west-1_own", 200, `DKIM</dt><dd>PENDING. Records to publish in DNS:<br><code>&lt;b&gt;._domainkey.example.com CNAME t.dkim.amazonses.com</code></dd>`},
		{options(t), "GET", own + "eu-west-1_own", 200, `MAIL FROM</dt><dd><code>&lt;i&gt;.example.com</code> <span class="warning">FAILED</span>, <code>USE_DEFAULT_VALUE</code>`},
		{options(t), "GET", own + "eu-west-1_own", 200, `Default configuration set</dt><dd><code>login</code>`},
		{options(t), "GET", own + "eu-west-1_own", 200, `production access GRANTED (case <code>&lt;u&gt;1</code>)`},
		{options(t), "GET", own + "eu-west-1_missing", 200, `default configuration set</dt><dd>not known`},
		{options(t), "GET", "/identities/111122223333/eu-west-1/example.com", 200, `Default configuration set</dt><dd><code>login</code>`},
		{options(t), "GET", "/api/v1/identities/111122223333/eu-west-1/example.com", 200, `"configuration_set":"login","dkim_status":"PENDING","mail_from":{"domain":"\u003ci\u003e.example.com","status":"FAILED","on_failure":"USE_DEFAULT_VALUE"}`},
		{options(t), "GET", "/api/v1" + own + "eu-west-1_own", 200, `"active_configuration_set":"login","dkim_status":"PENDING","mail_from":{"domain"`},
		{options(t), "GET", "/api/v1" + own + "eu-west-1_own", 200, `"review_case":"\u003cu\u003e1"`},
		{unread(t), "GET", own + "eu-west-1_own", 200, `<code class="reason">sending_policy_missing</code>`},
		{unread(t), "GET", own + "eu-west-1_own", 200, `What is not known`},
		{unread(t), "GET", "/api/v1" + own + "eu-west-1_own", 200, `"undecided":["sending_policy_missing","mail_from_rejects","configuration_set_missing","configuration_set_disabled"]`},
		{options(t), "GET", own + "eu-west-1_own", 200, `Codes by e-mail at sign-in</dt><dd>yes: <code>EMAIL_OTP</code></dd>`},
		{options(t), "GET", own + "eu-west-1_own", 200, `in the last 24 hours: 31 bounces, 1 complaint, 0 rejects.`},
		{options(t), "GET", "/api/v1" + own + "eu-west-1_own", 200, `"last_24_hours":{"delivery_attempts":12500,"bounces":31,"complaints":1,"rejects":0}`},
		{options(t), "GET", own + "eu-west-1_missing", 200, `Codes by e-mail at sign-in</dt><dd>yes: e-mail MFA</dd>`},
		{options(t), "GET", own + "eu-west-1_missing", 200, `could not be sent</dt><dd>off</dd>`},
		{options(t), "GET", own + "eu-west-1_own", 200, `could not be sent</dt><dd>on</dd>`},
		{options(t), "GET", own + "eu-west-1_default", 200, `could not be sent</dt><dd>not known</dd>`},
		{options(t), "GET", "/api/v1" + own + "eu-west-1_missing", 200, `"notification_log":false`},
		{options(t), "GET", own + "eu-west-1_default", 200, `Codes by e-mail at sign-in</dt><dd>no</dd>`},
		{options(t), "GET", own + "eu-west-1_default", 200, `Recovery of a forgotten password</dt><dd>verified_email &lt;b&gt; </dd>`},
		{options(t), "GET", "/api/v1" + own + "eu-west-1_own", 200, `"recovery":["verified_email","\u003cb\u003e"],"sign_in_email":true`},
		{options(t), "GET", "/api/v1" + own + "eu-west-1_default", 200, `"sign_in_email":false`},
		{options(t), "GET", own + "eu-west-1_default", 200, "42 to 1,044 <small>of 50 e-mails, at most 8 left"},
		{options(t), "GET", own + "eu-west-1_undescribed", 200, "could not be described"},
		{options(t), "GET", own + "eu-west-1_nothing", 404, "No user pool"},
		{options(t), "GET", "/pools/eu-west-1_own", 302, own + "eu-west-1_own"},
		{options(t), "GET", "/pools/eu-west-1_nothing", 404, "No user pool"},
		{options(t), "GET", "/accounts/111122223333/eu-west-1", 200, "12,500 <small>of 50,000 e-mails, 37,500 left"},
		{options(t), "GET", "/accounts/111122223333/eu-west-2", 404, "No account with this ID"},
		{options(t), "GET", "/accounts/999999999999/eu-west-1", 404, "No account with this ID"},
		{options(t), "GET", "/identities/111122223333/eu-west-1/example.com", 200, "1 user pool that can send now goes silent."},
		{options(t), "GET", "/identities/111122223333/eu-west-1/EXAMPLE.com", 200, "<h1>example.com</h1>"},
		{options(t), "GET", "/identities/111122223333/eu-west-1/gone.example", 200, "SES has no identity of that name here"},
		{options(t), "GET", "/identities/111122223333/eu-west-1/other.example", 404, "No SES identity"},
		{options(t), "GET", "/identities/111122223333/eu-west-2/example.com", 404, "No SES identity"},
		{options(t), "GET", "/identities/111122223333/eu-west-1/%3Cscript%3E%2F..%2F", 404, "No SES identity"},
		{options(t), "GET", "/targets", 200, "denied"},
		{options(t), "GET", "/plan", 200, "Create and verify"},
		{options(t), "GET", "/plan?account=111122223333", 200, `<a href="/plan">All accounts</a>`},
		{options(t), "GET", "/plan?account=999999999999", 200, "Nothing has to be done."},
		{options(t), "GET", "/api/v1/plan?account=999999999999", 200, `{"blocked":0,"fixes":[],"total":0,"unblocked":0}`},
		{options(t), "GET", "/accounts", 200, "its state in the organization is SUSPENDED"},
		{options(t), "GET", "/accounts?limit=1", 200, "1 to 1 of 3"},
		{options(t), "GET", "/rules", 200, "identity-missing"},
		{options(t), "GET", "/static/style.css", 200, ":root"},
		{options(t), "GET", "/static/page.js", 200, "use strict"},
		{options(t), "GET", "/elsewhere", 404, "There is no such page"},
		{options(t), "GET", "/config", 200, "regions: []"},
		{options(t), "GET", "/-/healthy", 200, "Healthy"},
		{options(t), "GET", "/-/ready", 200, "Ready"},
		{notReady, "GET", "/-/ready", 503, "first pass"},
		{notReady, "GET", "/-/healthy", 200, "Healthy"},
		{options(t), "POST", "/-/reload", 403, "--web.enable-lifecycle"},
		{reloads, "GET", "/-/reload", 405, "POST"},
		{reloads, "POST", "/-/reload", 200, "Reloaded"},
		{fails, "POST", "/-/reload", 500, "config.yaml:3: no"},
		{options(t), "GET", "/debug/pprof/", 403, "--web.enable-pprof"},
		{options(t), "GET", "/debug/pprof/heap", 403, "--web.enable-pprof"},
		{options(t), "GET", "/debug/pprof/profile", 403, "--web.enable-pprof"},
		{profiles, "GET", "/debug/pprof/", 200, "goroutine"},
		{profiles, "GET", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile: total"},
		{profiles, "GET", "/debug/pprof/cmdline", 200, "web.test"},
		{profiles, "GET", "/debug/pprof/symbol", 200, "num_symbols: 1"},
		{profiles, "GET", "/debug/pprof/trace?seconds=0.01", 200, "go 1."},
		{below, "GET", "/exporter/debug/pprof/goroutine?debug=1", 200, "goroutine profile: total"},
	} {
		w := ask(t, tt.o, tt.method, tt.path)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s %s: %d %s, want %d with %q", tt.method, tt.path, w.Code, w.Body, tt.status, tt.body)
		}
	}
}

// own is where the pages of the world's pools are.
const own = "/pools/111122223333/eu-west-1/"

// TestReplica checks that a replicated pool, which has one ID in two regions,
// is two pools everywhere.
func TestReplica(t *testing.T) {
	now := time.Now()
	const id, account = "eu-west-1_replica", "111122223333"
	reading := func(region, identity string) inventory.Reading {
		return inventory.Reading{
			Target: inventory.Target{AccountID: account, Region: region}, PoolsListed: now, IdentitiesListed: now,
			Pools: []inventory.UserPool{{ID: id, Name: "replica", Listed: now, Settings: &inventory.Settings{
				Described: now, Sender: inventory.NewSender(inventory.Key{AccountID: account, Region: region}, inventory.EmailConfiguration{
					Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:" + region + ":" + account + ":identity/" + identity, From: "a@" + identity,
				}),
			}}},
		}
	}
	o := options(t)
	judged := o.View().Rules.Judge(inventory.New(now, []inventory.Reading{reading("eu-central-1", "zweite.example"), reading("eu-west-1", "first.example")}, inventory.Policy{}))
	o.View = func() *rules.Judgement { return judged }
	for path, want := range map[string][]string{
		"/":                                      {"/pools/111122223333/eu-west-1/" + id, "/pools/111122223333/eu-central-1/" + id},
		"/pools/111122223333/eu-west-1/" + id:    {"first.example", "/api/v1/pools/111122223333/eu-west-1/" + id},
		"/pools/111122223333/eu-central-1/" + id: {"zweite.example"},
		"/api/v1/pools/111122223333/eu-central-1/" + id: {`"region":"eu-central-1"`, `"identity":"zweite.example"`, `"rule":"identity-missing"`},
		"/api/v1/pools/" + id:                           {`"region":"eu-west-1"`, `"identity":"first.example"`, `"rule":"identity-missing"`},
		"/api/v1/pools":                                 {`"total":2`, `"identity":"zweite.example"`, `"identity":"first.example"`},
	} {
		body := ask(t, o, "GET", path).Body.String()
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %q in\n%s", path, text, body)
			}
		}
	}
	if to := ask(t, o, "GET", "/pools/"+id).Header().Get("Location"); to != "/pools/111122223333/eu-west-1/"+id {
		t.Errorf("the ID alone leads to %q", to)
	}
	var answer struct {
		Data struct {
			Findings []rules.Finding `json:"findings"`
		} `json:"data"`
	}
	if err := json.Unmarshal(ask(t, o, "GET", "/api/v1/pools/111122223333/eu-central-1/"+id).Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	for _, f := range answer.Data.Findings {
		if f.Region != "eu-central-1" || f.Identity != "zweite.example" {
			t.Errorf("the replica in eu-central-1 has the finding %+v", f)
		}
	}
}

// TestReplicaStatus checks what is said of a primary and its idle secondary.
func TestReplicaStatus(t *testing.T) {
	now := time.Now()
	const id, account = "eu-west-1_replica", "111122223333"
	reading := func(region, role, status string, mode inventory.Mode) inventory.Reading {
		return inventory.Reading{
			Target: inventory.Target{AccountID: account, Region: region}, PoolsListed: now,
			Pools: []inventory.UserPool{{
				ID: id, Name: "replica", Listed: now, Replica: inventory.Replica{Replicated: true, Role: role, Status: status, Confirmed: now},
				Settings: &inventory.Settings{Described: now, Sender: inventory.NewSender(inventory.Key{AccountID: account, Region: region}, inventory.EmailConfiguration{Mode: mode})},
			}},
		}
	}
	o := options(t)
	judged := o.View().Rules.Judge(inventory.New(now, []inventory.Reading{
		reading("eu-central-1", inventory.Secondary, inventory.ReplicaInactive, inventory.ModeDefault),
		reading("eu-west-1", inventory.Primary, inventory.ReplicaActive, inventory.ModeDeveloper),
		reading("eu-west-2", "", "", inventory.ModeDefault),
	}, inventory.Policy{}))
	o.View = func() *rules.Judgement { return judged }
	for path, want := range map[string][]string{
		"/pools/" + account + "/eu-central-1/" + id: {
			"SECONDARY, INACTIVE: it sends no e-mail, and has no verdict", `the primary is <a href="/pools/` + account + `/eu-west-1/` + id + `">in eu-west-1</a>`,
			"Its mode or identity is behind", "not known", "replica-behind-primary", "mode COGNITO_DEFAULT without an identity; the primary in eu-west-1 has mode DEVELOPER",
		},
		"/pools/" + account + "/eu-west-1/" + id:           {"PRIMARY, ACTIVE", `the secondary is <a href="/pools/` + account + `/eu-central-1/` + id + `">in eu-central-1</a>`},
		"/pools/" + account + "/eu-west-2/" + id:           {"role not known, status not known"},
		"/api/v1/pools/" + account + "/eu-central-1/" + id: {`"replica_role":"SECONDARY","replica_status":"INACTIVE","behind_primary":true`, `"blocked":[]`},
		"/api/v1/pools/" + account + "/eu-west-1/" + id:    {`"replica_role":"PRIMARY","replica_status":"ACTIVE","behind_primary":false`, `"ready":false`},
	} {
		body := ask(t, o, "GET", path).Body.String()
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %q in\n%s", path, text, body)
			}
		}
		if strings.Contains(path, "central") && strings.Contains(body, `"ready"`) {
			t.Errorf("%s has a verdict: %s", path, body)
		}
	}
}

// TestModes checks what is said of a pool whose mode AWS leaves out, and of one
// whose mode is new.
func TestModes(t *testing.T) {
	now := time.Now()
	target := inventory.Target{AccountID: "111122223333", Region: "eu-west-1"}
	pool := func(id string, e inventory.EmailConfiguration) inventory.UserPool {
		return inventory.UserPool{ID: "eu-west-1_" + id, Listed: now, Settings: &inventory.Settings{Described: now, Sender: inventory.NewSender(target.Key(), e)}}
	}
	o := options(t)
	judged := o.View().Rules.Judge(inventory.New(now, []inventory.Reading{{Target: target, PoolsListed: now, Pools: []inventory.UserPool{
		pool("absent", inventory.EmailConfiguration{Mode: inventory.ModeDefault, ModeAbsent: true}),
		pool("new", inventory.EmailConfiguration{Mode: inventory.ModeUnknown, UnknownMode: "<PIGEON>"}),
		pool("stated", inventory.EmailConfiguration{Mode: inventory.ModeDefault}),
	}}}, inventory.Policy{}))
	o.View = func() *rules.Judgement { return judged }
	for path, want := range map[string][]string{
		own + "eu-west-1_absent": {"<b>COGNITO_DEFAULT</b>: Cognito&#39;s built-in sender, since AWS states no EmailSendingAccount."},
		own + "eu-west-1_new":    {"<b>UNKNOWN</b>: AWS states <code>&lt;PIGEON&gt;</code>, which this version does not know."},
		own + "eu-west-1_stated": {"<b>COGNITO_DEFAULT</b>: Cognito&#39;s built-in sender."},

		"/api/v1" + own + "eu-west-1_absent": {`"mode":"COGNITO_DEFAULT"`, `"mode_source":"absent"`, `"ready":true`},
		"/api/v1" + own + "eu-west-1_new":    {`"mode":"UNKNOWN"`, `"mode_source":"stated"`, `"unknown_mode":"\u003cPIGEON\u003e"`},
		"/api/v1" + own + "eu-west-1_stated": {`"mode":"COGNITO_DEFAULT"`, `"mode_source":"stated"`, `"ready":true`},
	} {
		body := strings.ReplaceAll(ask(t, o, "GET", path).Body.String(), "Cognito's", "Cognito&#39;s")
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %q in\n%s", path, text, body)
			}
		}
		if strings.Contains(body, "unknown_mode") && !strings.HasSuffix(path, "_new") {
			t.Errorf("%s has an unknown mode: %s", path, body)
		}
	}
}

// TestNotOffered checks that an API that AWS does not offer in a region, or that
// there was no time for, is neither up nor failing.
func TestNotOffered(t *testing.T) {
	now := time.Now()
	o := options(t)
	judged := o.View().Rules.Judge(inventory.New(now, []inventory.Reading{{
		Target:   inventory.Target{AccountID: "111122223333", Region: "ap-east-2"},
		Outcomes: []inventory.Outcome{{API: "cognito-idp", Class: inventory.NotOffered, Message: "no host"}, {API: "cloudwatch", Class: inventory.NotAsked, Message: "no time"}, {API: "ses", LastSuccess: now}, {API: "sts", Class: inventory.Denied}},
	}}, inventory.Policy{}))
	o.View = func() *rules.Judgement { return judged }
	for path, want := range map[string][]string{
		"/api/v1/targets": {`{"api":"cognito-idp","class":"not_offered","message":"no host"}`, `{"api":"cloudwatch","class":"not_asked","message":"no time"}`, `{"api":"ses","up":true,"last_success":`, `{"api":"sts","up":false,"class":"denied"}`},
		"/targets":        {`<details class="api off"><summary>cognito-idp not_offered</summary>`, `<details class="api off"><summary>cloudwatch not_asked</summary><p>no time</p>`, `<details class="api failing"><summary>sts`},
		"/":               {"AWS does not offer user pools in the region"},
	} {
		body := ask(t, o, "GET", path).Body.String()
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %s in\n%s", path, text, body)
			}
		}
	}
}

// TestReserved checks that no page's path can be given to the metrics.
func TestReserved(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/-/x": true, "/api": true, "/changes": true, "/config": true, "/pools/x": true, "/rules": true, "/static": true, "/targets": true,
		"/metrics": false, "/targets-of-mine": false, "/a/targets": false,
	} {
		if got := Reserved(path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

// TestPagesEscape checks that foreign text stays text on every page.
func TestPagesEscape(t *testing.T) {
	for path, shown := range map[string]string{
		"/":                                "&lt;script&gt;alert(&#34;name&#34;)&lt;/script&gt;",
		own + "eu-west-1_missing":          "&lt;script&gt;",
		"/targets":                         "&lt;img src=x onerror=alert(1)&gt;",
		"/rules":                           "",
		"/accounts/111122223333/eu-west-1": "&lt;script&gt;",
		"/identities/111122223333/eu-west-1/gone.example": "&lt;script&gt;",
		"/?q=%22%3E%3Cscript%3E":                          "&#34;&gt;&lt;script&gt;",
		"/?account=%22%3E%3Cscript%3E":                    "&lt;script&gt;",
		"/?%3Cscript%3E=1":                                "&lt;script&gt;",
		"/%3Cscript%3E":                                   "",
	} {
		w := ask(t, options(t), "GET", path)
		body := w.Body.String()
		if strings.Contains(strings.Replace(body, `<script src="/static/page.js" defer></script>`, "", 1), "<script") || strings.Contains(strings.Replace(body, `<img src="/static/icon.svg"`, "", 1), "<img") {
			t.Errorf("%s: foreign text became HTML:\n%s", path, body)
		}
		if !strings.Contains(body, shown) {
			t.Errorf("%s: no %q in\n%s", path, shown, body)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy %q", path, csp)
		}
	}
}

func TestDemoIsMarked(t *testing.T) {
	o := options(t)
	o.Demo = true
	for _, path := range []string{"/", "/accounts", "/targets", "/rules", "/changes", own + "eu-west-1_own", "/accounts/111122223333/eu-west-1", "/identities/111122223333/eu-west-1/example.com", "/nowhere"} {
		if body := ask(t, o, "GET", path).Body.String(); !strings.Contains(body, "demo: simulated AWS") {
			t.Errorf("%s does not say that it is a demo", path)
		}
	}
}

func TestFilterAndSort(t *testing.T) {
	for query, want := range map[string]string{
		"":                              "missing default undescribed own",
		"?state=blocked":                "missing",
		"?state=ready&mode=DEVELOPER":   "own",
		"?mode=COGNITO_DEFAULT":         "default",
		"?severity=critical":            "missing",
		"?severity=info":                "missing default undescribed",
		"?q=CUSTOMERS":                  "own",
		"?q=example.com":                "own",
		"?region=us-east-1":             "",
		"?account=111122223333&q=forum": "default",
		"?sort=name&mode=DEVELOPER":     "missing own",
		"?sort=-name&mode=DEVELOPER":    "own missing",
		"?sort=-quota&limit=1":          "default",
		"?limit=2&offset=2":             "undescribed own",
		"?offset=99":                    "",
		"?q=un&state=&sort=":            "undescribed",
	} {
		w := ask(t, options(t), "GET", "/api/v1/pools"+query)
		var answer struct {
			Data struct {
				Pools []struct {
					ID string `json:"user_pool_id"`
				}
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range answer.Data.Pools {
			got = append(got, strings.TrimPrefix(p.ID, "eu-west-1_"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %s, want %s", query, strings.Join(got, " "), want)
		}
	}
}

// TestAPI holds every answer against the documented schema.
func TestAPI(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for path, schema := range map[string]string{
		"/api/v1/pools":                                           "pools",
		"/api/v1/pools/eu-west-1_missing":                         "pool",
		"/api/v1/pools/eu-west-1_default":                         "pool",
		"/api/v1/pools/eu-west-1_nothing":                         "error",
		"/api/v1/pools?severity=nonsense":                         "error",
		"/api/v1/nowhere":                                         "error",
		"/api/v1/accounts":                                        "accounts",
		"/api/v1/accounts?limit=1&offset=9":                       "accounts",
		"/api/v1/accounts/111122223333/eu-west-1":                 "account",
		"/api/v1/accounts/111122223333/eu-west-2":                 "error",
		"/api/v1/identities/111122223333/eu-west-1/example.com":   "identity",
		"/api/v1/identities/111122223333/eu-west-1/gone.example":  "identity",
		"/api/v1/identities/111122223333/eu-west-1/other.example": "error",
		"/api/v1/plan":                                            "plan",
		"/api/v1/plan?account=999999999999":                       "plan",
		"/api/v1/plan?severity=info":                              "error",
		"/api/v1/targets":                                         "targets",
		"/api/v1/findings":                                        "findings",
		"/api/v1/rules":                                           "rules",
		"/api/v1/changes":                                         "changes",
		"/api/v1/changes?field=exists":                            "changes",
		"/api/v1/summary":                                         "summary",
	} {
		s, err := c.Compile("../../docs/api.schema.json#/$defs/" + schema + "_answer")
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(ask(t, options(t), "GET", path).Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestNotEncodable has a number and a time that JSON cannot express in the facts
// of one account.
func TestNotEncodable(t *testing.T) {
	now := time.Now()
	broken := inventory.Reading{
		Target: inventory.Target{AccountID: "999999999999", Region: "eu-west-1"}, End: now, PoolsListed: now,
		Outcomes: []inventory.Outcome{{API: "cognito-idp", LastSuccess: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)}},
		Pools:    []inventory.UserPool{{ID: "eu-west-1_far", Name: "far", LastModified: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)}},
	}
	readings := []inventory.Reading{broken}
	for r := range world().Readings() {
		readings = append(readings, *r)
	}
	o := options(t)
	judged := o.View().Rules.Judge(inventory.New(now, readings, inventory.Policy{}))
	o.View = func() *rules.Judgement { return judged }
	var log strings.Builder
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	for path, want := range map[string]struct {
		status  int
		has     []string
		warning string
		logged  string
	}{
		"/api/v1/pools": {
			200,
			[]string{`"total":5`, `"user_pool_id":"eu-west-1_own"`, `"user_pool_id":"eu-west-1_undescribed"`},
			"user pool eu-west-1_far in account 999999999999, region eu-west-1 is omitted", "A part of an answer could not be encoded",
		},
		"/api/v1/targets": {200, []string{`"account_id":"111122223333"`}, "account 999999999999, region eu-west-1 is omitted", "A part of an answer could not be encoded"},
		"/api/v1/pools/999999999999/eu-west-1/eu-west-1_far":                  {500, []string{`"status":"error"`, `"errorType":"internal"`}, "", "An answer could not be encoded"},
		"/api/v1/pools" + strings.TrimPrefix(own, "/pools") + "eu-west-1_own": {200, []string{`"status":"success"`}, "", ""},
	} {
		log.Reset()
		w := ask(t, o, "GET", path)
		var answer struct {
			Warnings []string `json:"warnings"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if w.Code != want.status || len(answer.Warnings) > 1 || !strings.Contains(strings.Join(answer.Warnings, ""), want.warning) || want.warning == "" && answer.Warnings != nil {
			t.Errorf("%s: %d with the warnings %q, want %d with %q", path, w.Code, answer.Warnings, want.status, want.warning)
		}
		for _, text := range want.has {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s: no %s in %s", path, text, w.Body)
			}
		}
		if got := log.String(); !strings.Contains(got, want.logged) || want.logged == "" && got != "" {
			t.Errorf("%s: the log has %s", path, got)
		}
	}
}

// many is a snapshot of so many accounts, each with so many pools in each of
// the regions.
func many(accounts, pools int, regions ...string) *inventory.Snapshot {
	now := time.Now()
	var readings []inventory.Reading
	for a := range accounts {
		for _, region := range regions {
			r := inventory.Reading{Target: inventory.Target{AccountID: fmt.Sprintf("%012d", a), AccountName: fmt.Sprintf("account-%d", a), Region: region}, PoolsListed: now}
			for i := range pools {
				r.Pools = append(r.Pools, inventory.UserPool{
					ID: fmt.Sprintf("%s_%dx%d", region, a, i), Name: fmt.Sprintf("pool-%d", i), Listed: now,
					Settings: &inventory.Settings{Described: now, Sender: inventory.NewSender(r.Target.Key(), inventory.EmailConfiguration{Mode: inventory.ModeDefault})},
				})
			}
			readings = append(readings, r)
		}
	}
	return inventory.New(now, readings, inventory.Policy{})
}

// BenchmarkPage shows pages of 100,000 pools in 50 accounts and three regions:
// the first one after an account has changed, and others.
func BenchmarkPage(b *testing.B) {
	o := options(b)
	s := many(50, 667, "eu-central-1", "eu-west-1", "us-east-1")
	set := &rules.Set{}
	judged := set.Judge(s)
	o.View = func() *rules.Judgement { return judged }
	h := Handler(o)
	show := func(b *testing.B, path string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), "GET", path, nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Code, path)
		}
	}
	b.Run("first", func(b *testing.B) {
		show(b, "/")
		for b.Loop() {
			each := slices.Clone(judged.Each)
			each[7] = set.Evaluate(s.Accounts[7])
			judged = set.Join(s, each)
			show(b, "/")
		}
	})
	for _, path := range []string{
		"/", "/?q=pool-77&account=000000000023", "/?sort=-name", "/targets", "/plan", "/api/v1/plan?offset=100", "/pools/000000000049/us-east-1/us-east-1_49x600", "/accounts/000000000049/us-east-1",
	} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				show(b, path)
			}
		})
	}
}

// TestUsedSaysWhatIsKnown checks the words for the bounds of a quota.
func TestUsedSaysWhatIsKnown(t *testing.T) {
	for want, q := range map[string]inventory.Quota{
		"7 or more":  {Known: true, Used: 7, Bounded: inventory.No},
		"8 or more":  {Known: true, Used: 8, AtMost: 9},
		"at most 9":  {Bounded: inventory.Yes, AtMost: 9},
		"7 to 1,000": {Known: true, Used: 7, Bounded: inventory.Yes, AtMost: 1000},
		"10":         inventory.SendQuota(50, 10),
	} {
		if got := used(q); got != want {
			t.Errorf("%+v: %q, want %q", q, got, want)
		}
	}
}
