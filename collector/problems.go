package collector

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// LastKnownFor is how long a problem is still shown that can no longer be looked
// at.
const LastKnownFor = 24 * time.Hour

const (
	maxLabel = 512 // bytes of a text that is a label
	maxNames = 5   // pools of a problem that are named
)

func eachProblem(f func(v *accountView, p *rules.Problem, emit Emit)) func(*accountView, Emit) {
	return func(v *accountView, emit Emit) {
		for i := range v.problems {
			f(v, &v.problems[i], emit)
		}
	}
}

// problemFamilies are the metrics that alerts are made of.
var problemFamilies = []Family{
	{
		Name: "problem_pools", Problem: true, Tagged: true, Unit: "pools",
		Labels: []string{"rule", "reason", "severity", "account_id", "region", "cause", "user_pool_id"},
		Help:   "How many pools a problem concerns: all findings of a rule with one cause, or all pools that are blocked for one reason with one cause. The other of rule and reason is empty. user_pool_id is the pool that is its own cause. A problem that can no longer be looked at, because AWS cannot be read, stays for up to 24 hours. Configured tags are labels tag_*, of each tag the value that all pools concerned have.",
		Samples: eachProblem(func(v *accountView, p *rules.Problem, emit Emit) {
			pool := ""
			if p.Cause.Kind == inventory.CausePool {
				pool = p.Cause.Name
			}
			emit(float64(len(p.Behind)), v.appendTags([]string{p.Rule, string(p.Reason), string(p.Severity), p.AccountID, p.Cause.Region, p.Cause.String(), pool}, p.Behind)...)
		}),
	},
	{
		Name: "problem_info", Problem: true,
		Labels: []string{"rule", "reason", "account_id", "cause", "account_name", "pools", "summary", "message", "remedy", "page_url", "dashboard_url", "runbook_url", "last_known"},
		Help:   "What is to be said of a problem of cognito_ses_problem_pools; always 1. pools has the names of up to five pools, message what is wrong if all findings agree, and the URLs lead to the exporter's page, the dashboard and the runbook. last_known is true while the problem can no longer be looked at.",
		Samples: eachProblem(func(v *accountView, p *rules.Problem, emit Emit) {
			links := &v.plan.Links
			at := p.Cause
			if p.LastKnown { // There may be no page of it any more.
				at = inventory.Cause{Kind: inventory.CauseTarget, Region: at.Region}
			}
			page, dashboard, runbook := "", "", ""
			if links.Page != nil {
				page = links.Page(p.AccountID, at)
			}
			if links.Dashboard != nil {
				dashboard = links.Dashboard(p.AccountID, at)
			}
			if links.Runbook != nil {
				id := p.Rule
				if p.Reason != "" {
					_, id = inventory.ReasonCause(p.Reason)
				}
				runbook = links.Runbook(id)
			}
			emit(1, p.Rule, string(p.Reason), p.AccountID, p.Cause.String(), bounded(p.AccountName), bounded(names(p.Behind)), bounded(p.Summary), bounded(p.Message),
				bounded(p.Remedy), page, dashboard, runbook, strconv.FormatBool(p.LastKnown))
		}),
	},
}

// names names some of the pools, and counts the others.
func names(pools []rules.PoolRef) string {
	var all []string
	for _, p := range pools[:min(len(pools), maxNames)] {
		if p.Name == "" {
			p.Name = p.ID
		}
		all = append(all, p.Name)
	}
	list := strings.Join(all, ", ")
	if more := len(pools) - len(all); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// bounded cuts off what is too long for a label.
func bounded(s string) string {
	if len(s) <= maxLabel {
		return s
	}
	end := maxLabel
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// clockFamilies are the metrics of what alerts measure the exporter by.
var clockFamilies = []Family{
	{
		Name: "exporter_clock_seconds", Labels: []string{"clock"}, Unit: "seconds",
		Help: "The times by which the exporter works, by their key in the configuration; reputation is how often CloudWatch is read for the reputation of SES accounts, last_known how long a problem is still shown that can no longer be looked at.",
		Total: func(t *totals, emit Emit) {
			for _, c := range t.plan.Clocks {
				emit(c.Time.Seconds(), c.Name)
			}
			emit(LastKnownFor.Seconds(), "last_known")
		},
	},
	{
		Name: "exporter_web_info", Labels: []string{"pages_url", "runbook_url"},
		Help: "Where the exporter's pages and its runbook are, for alerts to lead to; always 1.",
		Total: func(t *totals, emit Emit) {
			if l := &t.plan.Links; l.Page != nil && l.Runbook != nil {
				emit(1, l.Page("", inventory.Cause{}), l.Runbook("exporter"))
			}
		},
	},
	{
		Name: "exporter_account_readable", Pass: true, Labels: []string{"account_id"},
		Help:    "Whether the last passes over the account brought anything home from Cognito or SES, in any region. Absent before the first pass.",
		Samples: func(v *accountView, emit Emit) { emitTri(emit, v.Readable(), v.ID) },
	},
	{
		Name: "exporter_blind_ratio", Unit: "ratio",
		Help:  "Which part of the accounts may be unreadable before the exporter counts as blind: alerts.blind_ratio of the configuration.",
		Total: func(t *totals, emit Emit) { emit(t.plan.BlindRatio) },
	},
}
