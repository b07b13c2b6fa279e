package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestPlanOfSomeRules checks that with --rule, what else a pool needs is named,
// although it is no part of the plan.
func TestPlanOfSomeRules(t *testing.T) {
	all := readings()
	all[0].SES.Sandbox = inventory.Yes
	all[0].Pools = slices.Clone(all[0].Pools[1:2])
	all[0].Identities[0].Verified = inventory.No
	all[1].Pools = nil
	o := options()
	o.Rules = []string{"identity-unverified"}
	out := write(t, Of(judge(t, all), o), "plan")
	for _, want := range []string{
		"1. Verify example.com in SES in eu-west-1 of production & more: 1 pool needs it and more\n",
		"   Needed by, with more: plain (eu-west-1_2), which also needs: Ask for production access to SES in eu-west-1 of production & more\n",
		"\n1 fix; of 1 blocked pool, 0 can send after one of them. ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestPlanOfPlanned checks that what no pool of Terraform's plan needs is not in
// the plan of fixes either.
func TestPlanOfPlanned(t *testing.T) {
	all := readings()
	all[0].Pools, all[1].Pools = all[0].Pools[2:], nil // The built-in sender needs no SES.
	all[0].Pools[0].Planned = &inventory.Planned{Resource: all[0].Pools[0].ID}
	o := options()
	o.Plan = &PlanOptions{}
	out := write(t, Of(judge(t, all), o), "plan")
	if strings.Contains(out, "concerns no pool") || !strings.Contains(out, "concerns 1 pool") {
		t.Errorf("the plan is\n%s", out)
	}
}
