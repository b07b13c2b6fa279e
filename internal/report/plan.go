package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/plan"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
)

// The plan names so many fixes, and of each so many pools of a kind.
const (
	mostFixes    = 100
	mostFixPools = 10
)

// plan writes what can be done about what keeps pools from sending and about
// the findings, the most useful first. With --rule, what is about these rules.
func (r *Report) plan(w io.Writer) error {
	all := plan.Of(r.judgement)
	p := &planText{tags: r.o.Tags}
	if r.Plan != nil { // As with findings, nothing that no pool of it needs.
		all = slices.DeleteFunc(all, func(f *plan.Fix) bool { return len(f.Pools()) == 0 })
	}
	if len(r.o.Rules) > 0 {
		all = slices.DeleteFunc(all, func(f *plan.Fix) bool {
			return !slices.ContainsFunc(f.Rules, func(rule string) bool { return slices.Contains(r.o.Rules, rule) })
		})
	}
	for i, f := range all[:min(len(all), mostFixes)] {
		p.fix(i+1, f)
	}
	if more := len(all) - mostFixes; more > 0 {
		p.line("And %s more.\n", fixes(more))
	}
	blocked := 0
	for pool := range r.judgement.Pools() {
		if pool.Ready == inventory.No {
			blocked++
		}
	}
	p.line("%s; of %s, %d can send after one of them. Nothing was changed: this program only reads.", fixes(len(all)), count(blocked, "blocked pool"), plan.Unblocked(all))
	_, err := io.WriteString(w, p.String())
	return err
}

func fixes(n int) string {
	if n == 1 {
		return "1 fix"
	}
	return strconv.Itoa(n) + " fixes"
}

// planText is a plan for the terminal.
type planText struct {
	strings.Builder
	tags []string
}

func (p *planText) line(format string, args ...any) {
	p.WriteString(printable.Text(fmt.Sprintf(format, args...)) + "\n")
}

func (p *planText) fix(n int, f *plan.Fix) {
	p.line("%d. %s", n, f.Title(p.tags))
	p.line("   %s, account %s", f.Severity, cmp.Or(f.AccountID, "unknown"))
	for _, list := range f.Lists() {
		p.pools(list.What, list.Pools)
	}
	for i, s := range f.Steps() {
		p.line("   %c) %s", 'a'+rune(i), s.Text)
		if s.Command != "" {
			p.line("      $ %s", s.Command)
		}
	}
	for _, l := range f.Links() {
		p.line("   %s: %s", l.Title, l.URL)
	}
	if len(f.Rules) > 0 {
		also := ""
		if more := f.Rules[1:]; len(more) > 0 {
			also = "; also " + strings.Join(more, ", ")
		}
		p.line("   Runbook: %s runbook %s%s", tool, f.Rules[0], also)
	}
	p.line("")
}

func (p *planText) pools(what string, pools []plan.Pool) {
	var words []string
	for _, pool := range pools[:min(len(pools), mostFixPools)] {
		word := fmt.Sprintf("%s (%s)", cmp.Or(pool.Name, pool.ID), pool.ID)
		var also []string
		for _, f := range pool.Also {
			also = append(also, f.Action())
		}
		if len(also) > 0 {
			word += ", which also needs: " + strings.Join(also, "; ")
		}
		words = append(words, word)
	}
	if more := len(pools) - mostFixPools; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	if len(words) > 0 {
		p.line("   %s: %s", what, strings.Join(words, "; "))
	}
}
