package collector

import (
	"slices"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// Family is one metric: all that is to be known about it, in one place.
// docs/metrics.md is generated from the table.
type Family struct {
	Name   string // without the prefix cognito_ses_
	Help   string // says which AWS API and field the value comes from
	Unit   string // e-mails, seconds, ratio, …; empty for a state
	Labels []string
	// Counter marks a metric that only rises; Buckets, in the unit, one that is a
	// histogram. The others are gauges.
	Counter bool
	Buckets []float64

	// Samples emits the samples of one account, label values in the order of
	// Labels, with those of the tags behind them if the family is Tagged.
	Samples func(v *accountView, emit Emit)
	// Tagged says that the configured tags are labels, too.
	Tagged bool
	// Problem says that the samples are about problems, those that are only known
	// from earlier included.
	Problem bool
	// Pass says that the samples are about how the account is read, and change
	// with every pass.
	Pass bool
	// Total emits the samples over all accounts. A family has one of the two,
	// or none when [Self] counts it.
	Total func(t *totals, emit Emit)
	// Members emits what is known of the accounts, whether they are read or not.
	Members func(f *Fleet, emit Emit)
}

// Emit takes one sample.
type Emit func(value float64, labels ...string)

// accountView is what a family may render of one account.
type accountView struct {
	*inventory.Account
	plan       *Plan
	findings   []rules.Finding
	problems   []rules.Problem
	identities []inventory.UsedIdentity // those that are to be shown
	dropped    map[inventory.Key]int    // how many identities only the cap keeps out
}

// totals is what a family may render over all accounts.
type totals struct {
	*rules.Judgement
	targetCounts
	plan *Plan
}

// Families is the registry of the metrics of a publication, in the order of documentation.
var Families = slices.Concat(poolFamilies, poolQuotaFamilies, accountFamilies, defaultQuotaFamilies, identityFamilies, findingFamilies, problemFamilies, targetFamilies, clockFamilies, fleetFamilies)

var (
	accountLabels  = []string{"account_id", "region"}
	poolLabels     = []string{"account_id", "region", "user_pool_id"}
	identityLabels = []string{"account_id", "region", "identity"}
)

func with(labels []string, more ...string) []string { return slices.Concat(labels, more) }

func poolValues(p *inventory.Pool) []string {
	return append(accountValues(*p.Target), p.ID)
}

func accountValues(t inventory.Target) []string {
	return append(make([]string, 0, 10), t.AccountID, t.Region)
}

// appendTags appends the values of the configured tags as labels: of a tag, the
// value that all pools have.
func (v *accountView) appendTags(labels []string, pools []rules.PoolRef) []string {
	for _, t := range v.plan.Tags {
		var value string
		for i, p := range pools {
			if i > 0 && p.Tags[t.Tag] != value {
				value = ""
				break
			}
			value = p.Tags[t.Tag]
		}
		labels = append(labels, value)
	}
	return labels
}

// appendOwnTags appends the pool's values of the configured tags as labels.
func (v *accountView) appendOwnTags(labels []string, p *inventory.Pool) []string {
	for _, t := range v.plan.Tags {
		value := ""
		if p.Settings != nil {
			value = p.Settings.Tags[t.Tag]
		}
		labels = append(labels, value)
	}
	return labels
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// emitTri emits 1 or 0, and nothing for what is unknown.
func emitTri(emit Emit, t inventory.Tri, labels ...string) {
	if t != inventory.Unknown {
		emit(number(t == inventory.Yes), labels...)
	}
}

func stateSet(emit Emit, states []string, state string, labels []string) {
	for _, s := range states {
		emit(number(s == state), with(labels, s)...)
	}
}

// amount is a number that a quota gives; ok is false where it has none.
type amount func(q *inventory.Quota) (n float64, ok bool)

// The amounts of a quota. What is unlimited has only a use.
var (
	limitOf    amount = func(q *inventory.Quota) (float64, bool) { return q.Limit, q.Finite() }
	usedOf     amount = func(q *inventory.Quota) (float64, bool) { return q.Used, q.Known }
	atMostOf   amount = func(q *inventory.Quota) (float64, bool) { return q.AtMost, q.Bounded == inventory.Yes }
	headroomOf amount = func(q *inventory.Quota) (float64, bool) { return q.Headroom(), q.Finite() }
	ratioOf    amount = func(q *inventory.Quota) (float64, bool) { return q.UsedRatio(), q.Finite() }
)
