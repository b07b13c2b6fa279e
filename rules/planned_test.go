package rules

import (
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestPlanned has the facts that a plan leaves open unknown, and findings name
// where the pool is in the plan.
func TestPlanned(t *testing.T) {
	facts := map[string]inventory.PendingSettings{
		"source_arn": inventory.PendingSourceARN, "from": inventory.PendingFrom, "reply_to": inventory.PendingReplyTo, "configuration_set": inventory.PendingConfigurationSet,
		"active_configuration_set": inventory.PendingConfigurationSet, "auto_verified": inventory.PendingAutoVerified, "tags": inventory.PendingTags,
		"mode_source": inventory.PendingMode, "custom_sender": inventory.PendingCustomSender, "identity": inventory.PendingSourceARN, "identity_region": inventory.PendingSourceARN,
		"sign_in_email": inventory.PendingFirstFactors,
	}
	var file strings.Builder
	file.WriteString("rules:\n")
	for fact := range facts {
		file.WriteString("  - {id: " + strings.ReplaceAll(fact, "_", "-") + ", severity: info, for_each: pool, summary: x, remedy: y, when: has(pool." + fact + ")}\n")
	}
	for _, fact := range []string{"account_id", "region"} {
		file.WriteString("  - {id: place-" + strings.ReplaceAll(fact, "_", "-") + ", severity: info, for_each: pool, summary: x, remedy: y, when: has(pool." + fact + ")}\n")
	}
	set, err := Load(Options{}, File{"x.yaml", []byte(file.String())})
	if err != nil {
		t.Fatal(err)
	}
	evaluate := func(key inventory.Key, pending inventory.PendingSettings) map[string]Finding {
		s := settings(key.AccountID, inventory.EmailConfiguration{Mode: inventory.ModeDefault})
		s.Pending, s.MFA = pending, inventory.No
		r := inventory.Reading{Target: inventory.Target{AccountID: key.AccountID, Region: key.Region}, Pools: []inventory.UserPool{{
			ID: "aws_cognito_user_pool.main", Listed: now, Confirmed: now, Settings: s,
			Planned: &inventory.Planned{Resource: "aws_cognito_user_pool.main", File: "main.tf", Line: 7},
		}}}
		found := map[string]Finding{}
		for _, f := range set.Evaluate(inventory.Judge(now, []inventory.Reading{r}, policy)).Findings {
			found[f.Rule] = f
		}
		return found
	}
	key := inventory.Key{AccountID: "111122223333", Region: "eu-west-1"}
	all := evaluate(key, 0)
	if len(all) != len(facts)+2 {
		t.Errorf("%d of %d facts are known", len(all), len(facts)+2)
	}
	for rule, f := range all {
		if f.Resource != "aws_cognito_user_pool.main" || f.File != "main.tf" || f.Line != 7 {
			t.Errorf("%s is at %s, %s:%d", rule, f.Resource, f.File, f.Line)
		}
	}
	for fact, field := range facts {
		found := evaluate(key, field)
		for other, its := range facts {
			if _, known := found[strings.ReplaceAll(other, "_", "-")]; known == (its == field) {
				t.Errorf("while a plan leaves %v open, %s is known: %v", field.Names(), other, known)
			}
		}
		if len(found) == 0 {
			t.Errorf("while %s is open, nothing is known", fact)
		}
	}
	for _, rule := range []string{"place-account-id", "place-region"} {
		if _, known := evaluate(inventory.Key{}, 0)[rule]; known {
			t.Errorf("%s fires although the plan does not tell", rule)
		}
	}
}
