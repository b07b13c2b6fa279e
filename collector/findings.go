package collector

import (
	"slices"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// eachRule emits a value for each of the rules in use, unless nothing is known
// to judge.
func eachRule(f func(t *totals, r *rules.Rule, c rules.Count, emit Emit)) func(*totals, Emit) {
	return func(t *totals, emit Emit) {
		if t.PoolsUnknown {
			return
		}
		for i, r := range t.Rules.Rules() {
			if r.Enabled {
				f(t, &r, t.Total[i], emit)
			}
		}
	}
}

// shows reports whether the finding is not about an identity that is not shown.
func (v *accountView) shows(f *rules.Finding) bool {
	return f.ForEach != rules.ForIdentity || slices.ContainsFunc(v.identities, func(i inventory.UsedIdentity) bool {
		return i.Name == f.Identity && i.Target.Region == f.Region
	})
}

// findingFamilies are the metrics of what the rules say.
var findingFamilies = []Family{
	{
		Name: "finding", Tagged: true, Labels: []string{"rule", "severity", "account_id", "region", "user_pool_id", "identity", "cause"},
		Help: "1 for each pool, SES account or identity for which a rule fires. severity is that of the finding. user_pool_id is empty for rules about accounts and identities, identity for all but those about identities. cause is the thing that the finding belongs to: what findings of a rule with the same cause have in common. Configured tags are labels tag_*, of each tag the value that all pools concerned have. Identities that are not shown (see identities in the configuration) are omitted.",
		Samples: func(v *accountView, emit Emit) {
			for i := range v.findings {
				f := &v.findings[i]
				if !v.shows(f) {
					continue
				}
				identity := ""
				if f.ForEach == rules.ForIdentity {
					identity = f.Identity
				}
				emit(1, v.appendTags([]string{f.Rule, string(f.Severity), f.AccountID, f.Region, f.PoolID, identity, f.Cause.String()}, f.Behind)...)
			}
		},
	},
	{
		Name: "findings", Labels: []string{"rule", "severity"}, Unit: "findings",
		Help: "How many pools, SES accounts or identities for which a rule fires, by the severity of the finding; 0 included. A rule with critical_when has two series: its own severity, and critical.",
		Total: eachRule(func(_ *totals, r *rules.Rule, c rules.Count, emit Emit) {
			emit(float64(c.Findings-c.Raised), r.ID, string(r.Severity))
			if r.CriticalWhen != "" {
				emit(float64(c.Raised), r.ID, string(rules.Critical))
			}
		}),
	},
	{
		Name: "findings_exempted", Labels: []string{"rule"}, Unit: "findings",
		Help: "How many findings of a rule an exemption covers; other metrics do not count them.",
		Total: eachRule(func(_ *totals, r *rules.Rule, c rules.Count, emit Emit) {
			emit(float64(c.Exempted), r.ID)
		}),
	},
	{
		Name: "findings_undetermined", Labels: []string{"rule"}, Unit: "pools, accounts or identities",
		Help: "How many pools, SES accounts or identities a rule could not judge because of unknown facts.",
		Total: eachRule(func(_ *totals, r *rules.Rule, c rules.Count, emit Emit) {
			emit(float64(c.Undetermined), r.ID)
		}),
	},
	{
		Name: "rule_info", Labels: []string{"rule", "severity", "summary"},
		Help: "A rule that is in use, and what it is about; always 1. severity is the rule's own: a finding of a rule with critical_when may be critical.",
		Total: eachRule(func(_ *totals, r *rules.Rule, _ rules.Count, emit Emit) {
			emit(1, r.ID, string(r.Severity), r.Summary)
		}),
	},
	{
		Name: "rule_exemptions", Labels: []string{"rule", "state"}, Unit: "exemptions",
		Help: "How many exemptions of a rule have expired and no longer apply (state=expired), or apply to no finding (state=unused).",
		Total: eachRule(func(t *totals, r *rules.Rule, _ rules.Count, emit Emit) {
			of := func(all []rules.Exemption) (n float64) {
				for _, e := range all {
					n += number(e.Rule == r.ID)
				}
				return n
			}
			emit(of(t.ExpiredExemptions()), r.ID, "expired")
			emit(of(t.UnusedExemptions()), r.ID, "unused")
		}),
	},
}
