//go:build e2e

// Package e2e_test runs the exporter with a real Prometheus and a real
// Alertmanager on the simulated AWS: alerts arrive and resolve, and every
// query of the dashboards finds something.
package e2e_test

import (
	"context"
	"maps"
	"net/http"
	"testing"
	"time"
)

type object = map[string]any

// TestEndToEnd breaks and repairs the simulated AWS of the demo. Much of what
// it waits for is the exporter's interval of ten seconds.
func TestEndToEnd(t *testing.T) {
	deadline, ok := t.Deadline()
	if !ok {
		deadline = time.Now().Add(6 * time.Minute)
	}
	ctx, cancel := context.WithDeadline(t.Context(), deadline.Add(-15*time.Second)) // for the processes to end
	defer cancel()
	ctx, s := start(ctx, t, demo())

	customers := s.pool(ctx, t, "staging", "customers")
	trial := s.pool(ctx, t, "sandbox", "trial")
	scratch := s.pool(ctx, t, "sandbox", "scratch")
	caused := func(account, cause, alert string, more ...string) map[string]string {
		return with(map[string]string{"alertname": alert, "account_id": account, "cause": cause, "severity": "critical"}, more...)
	}
	alerts := []map[string]string{
		caused("100000000002", "ses_account/eu-west-1", "CognitoSESPoolsBlocked", "reason", "sandbox"),
		caused("100000000003", "default_quota/eu-west-1", "CognitoSESPoolsBlocked", "reason", "default_quota_reached"),
		{"alertname": "CognitoSESExporterAccountFailing", "account_id": "100000000002", "severity": "warning"},
		caused("100000000002", "ses_account/eu-west-1", "CognitoSESFinding", "rule", "developer-in-sandbox"),
		caused("100000000003", "default_quota/eu-west-1", "CognitoSESFinding", "rule", "default-quota-reached"),
	}

	await(ctx, t, "Prometheus knows a mode from before", func() error {
		_, err := s.query(ctx, "cognito_ses_pool_mode offset "+period.String())
		return err
	})
	s.drive(ctx, t, http.MethodPut, "/_faults", []object{{"kind": "deny", "account": "100000000002", "region": "us-east-1"}})
	identity := "arn:aws:ses:eu-central-1:100000000003:identity/example.dev"
	s.drive(ctx, t, http.MethodPatch, "/_fleet", fleet("100000000003", "eu-central-1", object{
		"pools": []object{{"id": scratch["user_pool_id"], "mode": "DEVELOPER", "source_arn": identity, "from": "no-reply@example.dev"}},
	}))
	s.checkDashboards(ctx, t, []string{
		customers["user_pool_id"], scratch["user_pool_id"],
		s.pool(ctx, t, "production", "customers")["user_pool_id"], s.pool(ctx, t, "production", "news")["user_pool_id"],
		s.pool(ctx, t, "sandbox", "launch")["user_pool_id"],
	})
	for _, a := range alerts {
		s.hook.await(ctx, t, "firing", a)
	}

	s.drive(ctx, t, http.MethodPut, "/_faults", []object{})
	s.drive(ctx, t, http.MethodPatch, "/_fleet", fleet("100000000002", "eu-west-1", object{"ses": object{"production_access": true, "review": "GRANTED"}}))
	s.drive(ctx, t, http.MethodPatch, "/_fleet", fleet("100000000003", "eu-west-1", object{
		"ses":        object{"production_access": true, "review": "GRANTED"},
		"identities": []object{{"name": "trial.example.dev"}},
		"pools": []object{{
			"id": trial["user_pool_id"], "mode": "DEVELOPER",
			"source_arn": "arn:aws:ses:eu-west-1:100000000003:identity/trial.example.dev", "from": "no-reply@trial.example.dev",
		}},
	}))
	for _, a := range alerts {
		s.hook.await(ctx, t, "resolved", a)
	}
}

// fleet is a part of a fleet to merge into the simulated one.
func fleet(account, region string, changes object) object {
	return object{"accounts": []object{{"id": account, "regions": object{region: changes}}}}
}

func with(labels map[string]string, more ...string) map[string]string {
	all := maps.Clone(labels)
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

// pool returns the labels that an alert on the pool has.
func (s *stack) pool(ctx context.Context, t *testing.T, account, name string) map[string]string {
	t.Helper()
	var found []map[string]string
	await(ctx, t, "Prometheus knows pool "+name+" of "+account, func() (err error) {
		found, err = s.query(ctx, `max by (account_id, region, user_pool_id, pool_name, account_name) (cognito_ses_pool_info{account_name="`+account+`", pool_name="`+name+`"})`)
		return err
	})
	if len(found) != 1 {
		t.Fatalf("%d pools %s in %s", len(found), name, account)
	}
	return found[0]
}
