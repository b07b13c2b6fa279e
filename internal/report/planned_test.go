package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// plannedReport is of a pool that is to be created in eu-west-1, beside which
// the readings have nothing but SES.
func plannedReport(t *testing.T, format string, change func(*inventory.UserPool)) *Report {
	t.Helper()
	all := readings()
	for i := range all {
		all[i].Pools = nil
	}
	const resource = "aws_cognito_user_pool.main"
	e := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:100000000001:identity/example.com", From: "a@example.com"}
	up := inventory.UserPool{
		ID: resource, Listed: now, Confirmed: now, Planned: &inventory.Planned{Resource: resource, Action: "create", File: "main.tf", Line: 7},
		Settings: &inventory.Settings{Described: now, Sender: inventory.NewSender(all[0].Target.Key(), e)},
	}
	if change != nil {
		change(&up)
	}
	all[0].Pools = []inventory.UserPool{up}
	o := options()
	o.Plan = &PlanOptions{Path: "plan.json", Format: format, Quota: inventory.Policy{Enabled: true, Limit: 50}, Notes: []string{"x is not judged"}}
	return Of(judge(t, all), o)
}

// TestOfPlan keeps what is about the plan's pools, and places it there.
func TestOfPlan(t *testing.T) {
	r := plannedReport(t, "terraform", nil)
	var got []string
	for _, f := range r.Findings {
		got = append(got, strings.TrimSpace(f.Rule+" "+f.Region+" "+f.Resource+f.PoolID))
		if f.File != "main.tf" || f.Line != 7 {
			t.Errorf("%s is at %s:%d", f.Rule, f.File, f.Line)
		}
	}
	// Those of eu-central-1, which no pool of the plan needs, are not there.
	if want := []string{
		"any-pool eu-west-1 aws_cognito_user_pool.main", "any-account eu-west-1", "any-identity eu-west-1",
	}; !slices.Equal(got, want) {
		t.Errorf("the findings are %q, want %q", got, want)
	}
	p := r.Plan.Pools
	if len(p) != 1 || p[0].PoolID != "" || p[0].Ready != nil || len(r.Plan.Notes) != 1 {
		t.Errorf("the plan is %+v", r.Plan)
	}
	if got := r.scope(); got != "1 pool of plan.json" {
		t.Errorf("scope %q", got)
	}
}

// TestSender says who sends, and of the built-in sender why.
func TestSender(t *testing.T) {
	set := func(e inventory.EmailConfiguration, pending inventory.PendingSettings) func(*inventory.UserPool) {
		return func(up *inventory.UserPool) {
			up.Settings = &inventory.Settings{Pending: pending, Sender: inventory.NewSender(inventory.Key{AccountID: "100000000001", Region: "eu-west-1"}, e)}
		}
	}
	absent := inventory.EmailConfiguration{Mode: inventory.ModeDefault, ModeAbsent: true}
	partly := absent
	partly.ReplyTo = "a@example.com"
	for _, tt := range []struct {
		format string
		change func(*inventory.UserPool)
		want   string
	}{
		{"terraform", nil, "DEVELOPER as example.com in eu-west-1"},
		{"terraform", set(absent, 0), "COGNITO_DEFAULT with 50 e-mails a day, since it has no email_configuration"},
		{"cdk", set(absent, 0), "COGNITO_DEFAULT with 50 e-mails a day, since it has no EmailConfiguration"},
		{"cloudformation", set(partly, 0), "COGNITO_DEFAULT with 50 e-mails a day, since it has no EmailSendingAccount"},
		{"cloudformation", set(absent, inventory.PendingFrom), "COGNITO_DEFAULT with 50 e-mails a day, since it has no EmailSendingAccount"},
		{"terraform", set(inventory.EmailConfiguration{Mode: inventory.ModeDefault}, 0), "COGNITO_DEFAULT with 50 e-mails a day"},
		{"terraform", set(inventory.EmailConfiguration{Mode: inventory.ModeUnknown}, inventory.PendingMode), "known after apply"},
		{"terraform", set(inventory.EmailConfiguration{Mode: inventory.ModeUnknown, UnknownMode: "NEW"}, 0), "EmailSendingAccount NEW, which this version does not know"},
		{"terraform", set(inventory.EmailConfiguration{Mode: inventory.ModeDefault, CustomSender: true}, 0), "a CustomEmailSender Lambda function"},
		{"terraform", set(inventory.EmailConfiguration{Mode: inventory.ModeDeveloper}, inventory.PendingSourceARN), "DEVELOPER"},
	} {
		r := plannedReport(t, tt.format, tt.change)
		if got := r.Plan.Pools[0].Sender; got != tt.want {
			t.Errorf("%s: %s, want %s", tt.format, got, tt.want)
		}
	}
}

// TestPlanTable shows text of others as text.
func TestPlanTable(t *testing.T) {
	r := plannedReport(t, "terraform", func(up *inventory.UserPool) {
		up.Planned = &inventory.Planned{Resource: evil, Action: "update", File: evil}
		up.ID, up.Name = "eu-west-1_AbCdEf123", ""
	})
	var b strings.Builder
	if _, err := r.Write(&b, "table"); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("the table has characters of others:\n%q", b.String())
	}
	if !strings.Contains(b.String(), "POOL ") || !strings.Contains(b.String(), "  update  ") {
		t.Errorf("the table is\n%s", b.String())
	}
	for _, format := range []string{"markdown", "html"} {
		b.Reset()
		if _, err := r.Write(&b, format); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"Pools of the plan", "update", "example.com in eu-west-1", "x is not judged"} {
			if !strings.Contains(strings.ReplaceAll(b.String(), "\\", ""), text) {
				t.Errorf("%s has no %q:\n%s", format, text, b.String())
			}
		}
		if strings.Contains(b.String(), "<script>") || strings.ContainsAny(b.String(), "\x1b\u202e") {
			t.Errorf("%s has markup of others:\n%q", format, b.String())
		}
	}
	if got := r.Plan.Pools[0].PoolID; got != "eu-west-1_AbCdEf123" {
		t.Errorf("the pool's ID is %q", got)
	}
}
