package awssim

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

const actsFleet = `
changed_by: assumed-role/deploy/ci
accounts:
  - id: "111122223333"
    regions:
      eu-west-1:
        ses: {production_access: true}
        identities: [{name: example.com, policies: {one: "{}", two: "{}"}}, {name: gone.example}]
        configuration_sets: [{name: login}, {name: gone}]
        pools:
          - {name: shop, mode: DEVELOPER, source_arn: "arn:aws:ses:eu-west-1:111122223333:identity/example.com", from: a@example.com, custom_sender: "arn:aws:lambda:eu-west-1:111122223333:function:f"}
          - {name: same}
          - {name: gone}
        history:
          - {ago: 3h, call: UpdateUserPool, pool: shop, by: root, from: 192.0.2.1, agent: console}
          - {ago: 2h, call: CreateUserPool, pool: same, error: AccessDenied}
      eu-west-2:
        pools: [{name: elsewhere}]
`

func actsOf(t *testing.T, s *Server, name string, at time.Time) []event {
	t.Helper()
	f := s.Fleet()
	c := &call{server: s, fleet: f, now: at, account: "111122223333", scope: scope{region: "eu-west-1"}}
	return slices.DeleteFunc(c.actsDone(), func(e event) bool { return e.name != name })
}

func plainRecord(t *testing.T, s *Server, e event) map[string]any {
	t.Helper()
	c := &call{server: s, fleet: s.Fleet(), account: "111122223333", scope: scope{region: e.region}}
	var record map[string]any
	if err := json.Unmarshal(mustJSON(c.record(&e)), &record); err != nil {
		t.Fatal(err)
	}
	return record
}

// TestActs changes everything that a call can, and looks for the calls.
func TestActs(t *testing.T) {
	f, err := ParseFleet([]byte(actsFleet))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s, err := New(Options{Fleet: f, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	shop := s.Fleet().Accounts[0].Regions["eu-west-1"].Pools[0]
	if !shop.Modified.Equal(now.Add(-3 * time.Hour)) {
		t.Errorf("the pool was modified at %s", shop.Modified)
	}
	past := actsOf(t, s, "UpdateUserPool", now)
	if len(past) != 1 || !past[0].at.Equal(now.Add(-3*time.Hour)) {
		t.Fatalf("%+v", past)
	}
	record := plainRecord(t, s, past[0])
	who, request := record["userIdentity"].(map[string]any), record["requestParameters"].(map[string]any)
	if who["type"] != "Root" || who["arn"] != "arn:aws:iam::111122223333:root" || record["sourceIPAddress"] != "192.0.2.1" || record["userAgent"] != "console" ||
		request["userPoolId"] != shop.ID || request["emailConfiguration"].(map[string]any)["sourceArn"] != shop.SourceARN || request["lambdaConfig"].(map[string]any)["customEmailSender"] == nil {
		t.Errorf("%v", record)
	}
	if refused := plainRecord(t, s, actsOf(t, s, "CreateUserPool", now)[0]); refused["errorCode"] != "AccessDenied" || refused["responseElements"] != nil {
		t.Errorf("%v", refused)
	}

	now = now.Add(time.Hour)
	text := strings.NewReplacer(
		"production_access: true", "production_access: true, sending_enabled: false",
		`{name: example.com, policies: {one: "{}", two: "{}"}}, {name: gone.example}`, `{name: example.com, configuration_set: login, mail_from: {domain: m.example.com}, policies: {one: "{ }", three: "{}"}}, {name: new.example}`,
		"{name: login}, {name: gone}", "{name: login, sending_enabled: false}, {name: new}",
		"{name: gone}\n", "{name: new}\n", "mode: DEVELOPER", "mode: COGNITO_DEFAULT",
	).Replace(actsFleet)
	next, err := ParseFleet([]byte(text))
	if err == nil {
		err = s.SetFleet(next)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"UpdateUserPool", "CreateUserPool", "DeleteUserPool", "PutAccountSendingAttributes", "CreateEmailIdentity", "DeleteEmailIdentity",
		"PutEmailIdentityConfigurationSetAttributes", "PutEmailIdentityMailFromAttributes", "CreateEmailIdentityPolicy", "UpdateEmailIdentityPolicy",
		"DeleteEmailIdentityPolicy", "CreateConfigurationSet", "PutConfigurationSetSendingOptions", "DeleteConfigurationSet",
	} {
		found := actsOf(t, s, name, now)
		last := found[len(found)-1]
		record := plainRecord(t, s, last)
		if !last.at.Equal(now) || record["eventSource"] != source(name) || record["userIdentity"].(map[string]any)["arn"] != "arn:aws:sts::111122223333:assumed-role/deploy/ci" {
			t.Errorf("%s: %v", name, record)
		}
		if slices.ContainsFunc(found[:len(found)-1], func(e event) bool { return e.at.Equal(now) }) {
			t.Errorf("%s was called more than once", name)
		}
	}
	if found := actsOf(t, s, "PutAccountDetails", now); len(found) > 0 {
		t.Errorf("nobody asked for production access: %+v", found)
	}
	made := plainRecord(t, s, actsOf(t, s, "CreateUserPool", now)[1])
	if made["responseElements"].(map[string]any)["userPool"].(map[string]any)["id"] == "" || made["requestParameters"].(map[string]any)["userPoolId"] != nil {
		t.Errorf("%v", made)
	}
	now = now.Add(trailRetention)
	if err := s.SetFleet(next); err != nil {
		t.Fatal(err)
	}
	if found := actsOf(t, s, "UpdateUserPool", now); len(found) != 1 {
		t.Errorf("after three months there are %d", len(found))
	}
}

func TestHistoryIsChecked(t *testing.T) {
	for line, want := range map[string]string{
		"{ago: 3h}":                                     "has no name",
		"{call: UpdateUserPool}":                        "allowed is up to",
		"{ago: 2200h, call: UpdateUserPool}":            "allowed is up to",
		"{ago: 3h, call: UpdateUserPool, pool: nobody}": `there is no user pool "nobody"`,
	} {
		_, err := ParseFleet([]byte("accounts: [{id: '111122223333', regions: {eu-west-1: {history: [" + line + "]}}}]"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}
