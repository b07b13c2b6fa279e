//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the lab shortens: a minute of the alerts is two seconds, and facts end
// after half a minute. Interval is as short as it may be.
const labConfig = `
regions: [eu-west-1, eu-central-1, eu-west-2]
accounts:
  - {id: "100000000001", name: shop}
  - {id: "100000000002", name: web, role_arn: "arn:aws:iam::100000000002:role/cognito-ses-exporter"}
  - {id: "100000000003", name: lab, role_arn: "arn:aws:iam::100000000003:role/cognito-ses-exporter"}
interval: 10s
timeout: 10s
stale_after: 30s
tags: [team]
cloudwatch: {enabled: false}
request_budgets: {cognito-idp: 15, ses: 1}
`

const labPrometheus = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["rules-recording.yaml", "rules-findings.yaml", "rules-exporter.yaml"]
alerting: {alertmanagers: [{static_configs: [{targets: ["%[1]s"]}]}]}
scrape_configs: [{job_name: exporter, static_configs: [{targets: ["%[2]s"]}]}]
`

// labFleet has three accounts in three regions with 70 pools each, all well.
// The pools of an account send through its SES in Ireland and have one team.
func labFleet() string {
	var b strings.Builder
	b.WriteString("accounts:\n")
	for i, team := range []string{"shop", "web", "lab"} {
		id := strconv.Itoa(100000000001 + i)
		fmt.Fprintf(&b, "  - id: %q\n    regions:\n", id)
		for _, region := range []string{"eu-west-1", "eu-central-1", "eu-west-2"} {
			fmt.Fprintf(&b, "      %s:\n        ses: {production_access: true}\n", region)
			if region == "eu-west-1" {
				b.WriteString("        identities: [{name: example.com}]\n")
			}
			b.WriteString("        pools:\n")
			for n := range 70 {
				fmt.Fprintf(&b, "          - {name: %s-%s-%d, mode: DEVELOPER, source_arn: %q, from: no-reply@example.com, tags: {team: %s}}\n",
					team, region, n, "arn:aws:ses:eu-west-1:"+id+":identity/example.com", team)
			}
		}
	}
	return b.String()
}

// labAlertmanager is the example that users get, with the webhook in its
// receivers and shorter waits.
func labAlertmanager(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../deploy/compose/alertmanager.yml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for from, to := range map[string]string{"group_wait: 30s": "group_wait: 2s", "group_interval: 5m": "group_interval: 5s"} {
		if !strings.Contains(text, from) {
			t.Fatalf("the example has no %s", from)
		}
		text = strings.Replace(text, from, to, 1)
	}
	for _, receiver := range []string{"platform", "team-shop", "team-identity"} {
		text = strings.Replace(text, "  - name: "+receiver+"\n", "  - name: "+receiver+"\n    webhook_configs: [{url: \"WEBHOOK/"+receiver+"\", send_resolved: true}]\n", 1)
	}
	return text
}

// since returns the notifications after the first n, and what they say.
func (w *webhook) since(n int) (got []message, firing, resolved []alert, bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	got = append(got, w.messages[n:]...)
	for _, m := range got {
		bytes += m.bytes
		for _, a := range m.Alerts {
			if a.Status == "firing" {
				firing = append(firing, a)
			} else {
				resolved = append(resolved, a)
			}
		}
	}
	return got, firing, resolved, bytes
}

func (w *webhook) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.messages)
}

// TestLab takes SES away from 210 of 630 pools, restarts the exporter, reloads
// it, denies it the account and then all, and repairs everything.
func TestLab(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	ctx, s := start(ctx, t, setup{fleet: labFleet(), exporter: labConfig, prometheus: labPrometheus, alertmanager: labAlertmanager(t), minute: 2 * time.Second})
	wait := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			t.Fatal(context.Cause(ctx))
		}
	}
	// stage says what arrived since the last one.
	before := 0
	stage := func(what string) (got []message, firing, resolved []alert) {
		got, firing, resolved, bytes := s.hook.since(before)
		before = s.hook.count()
		alerts, err := s.query(ctx, `ALERTS{alertstate="firing"}`)
		if err != nil && !errors.Is(err, errEmpty) {
			t.Fatal(err)
		}
		t.Logf("%s: %d notifications, %d bytes, %d firing and %d resolved in them; %d alerts in Prometheus", what, len(got), bytes, len(firing), len(resolved), len(alerts))
		return got, firing, resolved
	}
	const ready = `count(cognito_ses_pool_ready == 1) == 630`
	await(ctx, t, "630 pools are ready", func() error {
		_, err := s.query(ctx, ready)
		return err
	})
	stage("all is well")

	ses := func(change object) {
		s.drive(ctx, t, http.MethodPatch, "/_fleet", fleet("100000000001", "eu-west-1", object{"ses": change}))
	}
	ses(object{"enforcement": "SHUTDOWN", "sending_enabled": false})
	s.hook.await(ctx, t, "firing", map[string]string{"rule": "enforcement-shutdown"})
	wait(25 * time.Second)
	got, firing, resolved := stage("SES paused under 210 pools")
	if len(got) != 1 || len(firing) > 2 || len(resolved) != 0 || got[0].bytes > 10_000 || got[0].path != "/team-shop" {
		t.Errorf("the storm: %d notifications, %d alerts, to %s", len(got), len(firing), got[0].path)
	}
	for _, a := range firing {
		if a.Labels["tag_team"] != "shop" || a.Labels["account_id"] != "100000000001" || a.Labels["cause"] != "ses_account/eu-west-1" || a.Labels["pool_name"] != "" || a.Labels["instance"] != "" {
			t.Errorf("labels %v", a.Labels)
		}
		for _, name := range []string{"summary", "description", "message", "remedy", "pools", "account_name"} {
			if a.Annotations[name] == "" {
				t.Errorf("%s has no %s", a.Labels["rule"], name)
			}
		}
		if !strings.Contains(a.Annotations["description"], "210 pools: ") || !strings.Contains(a.Annotations["pools"], " and 205 more") {
			t.Errorf("it says %s", a.Annotations["description"])
		}
		for _, link := range []string{"page_url", "runbook_url"} {
			if err := call(ctx, http.MethodGet, a.Annotations[link], nil, nil); err != nil {
				t.Errorf("%s: %v", link, err)
			}
		}
	}

	s.halt()
	wait(5 * time.Second)
	s.halt = s.export(ctx, t)
	wait(35 * time.Second)
	if got, _, _ := stage("the exporter restarted"); len(got) != 0 {
		t.Errorf("a restart: %v", got)
	}
	if err := call(ctx, http.MethodPost, "http://"+s.exporter+"/-/reload", nil, nil); err != nil {
		t.Error(err)
	}
	wait(15 * time.Second)
	if got, _, _ := stage("the exporter reloaded"); len(got) != 0 {
		t.Errorf("a reload: %v", got)
	}

	s.drive(ctx, t, http.MethodPut, "/_faults", []object{{"kind": "deny", "account": "100000000001"}})
	s.hook.await(ctx, t, "firing", map[string]string{"alertname": "CognitoSESExporterAccountFailing", "account_id": "100000000001", "severity": "warning"})
	wait(60 * time.Second) // Longer than facts stay.
	if found, err := s.query(ctx, `cognito_ses_problem_info{last_known="true"}`); err != nil || len(found) == 0 {
		t.Errorf("%d problems are only known from earlier, %v", len(found), err)
	}
	if _, firing, resolved := stage("the account is denied"); len(firing) != 1 || len(resolved) != 0 {
		t.Errorf("the outage: firing %v, resolved %v", firing, resolved)
	}

	s.drive(ctx, t, http.MethodPut, "/_faults", []object{{"kind": "deny"}})
	began := time.Now()
	s.hook.await(ctx, t, "firing", map[string]string{"alertname": "CognitoSESExporterBlind", "severity": "critical"})
	if took := time.Since(began); took > 15*2*time.Second+30*time.Second { // A pass, and the groups' waits.
		t.Errorf("the alert came after %s", took)
	}
	wait(60 * time.Second)
	if _, firing, resolved := stage("everything is denied"); len(firing) != 1 || len(resolved) != 0 {
		t.Errorf("blindness: firing %v, resolved %v", firing, resolved)
	}

	ses(object{"enforcement": "HEALTHY", "sending_enabled": true})
	s.drive(ctx, t, http.MethodPut, "/_faults", []object{})
	for _, a := range []map[string]string{{"rule": "enforcement-shutdown"}, {"rule": "sending-disabled"}, {"alertname": "CognitoSESExporterBlind"}, {"alertname": "CognitoSESExporterAccountFailing", "account_id": "100000000001"}} {
		s.hook.await(ctx, t, "resolved", a)
	}
	wait(10 * time.Second)
	stage("all is repaired")
	if left, err := s.query(ctx, `ALERTS{alertstate="firing"}`); !errors.Is(err, errEmpty) {
		t.Errorf("there still is %v, %v", left, err)
	}
}
