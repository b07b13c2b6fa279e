package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

const (
	// version is raised when the JSON changes in a way that could break a consumer.
	version = 1

	tool    = "cognito-ses-exporter"
	website = "https://github.com/cognito-ses-exporter/cognito-ses-exporter"
)

// Options say what is reported of a judgement, and what the formats need to know.
type Options struct {
	Demo       bool     // the data are simulated
	Rules      []string // report on these rules only; empty for all
	Regions    []string // that the judgement was cut to; empty for all
	ConfigFile string   // path of the configuration; empty without one
	Dir        string   // absolute path of the directory that the paths in reports start from
	Version    string   // of the program
	// Runbook returns the Markdown of a rule's runbook, or its address; empty
	// without one. Nil is none at all.
	Runbook  func(rules.Rule) string
	Baseline *Baseline    // to compare with; nil without one
	Plan     *PlanOptions // nil unless the pools are those of a plan
	Tags     []string     // that say whose a pool is
}

// Report is what check found. Its JSON is described by docs/check.schema.json.
type Report struct {
	Version      int                  `json:"version"`
	GeneratedAt  time.Time            `json:"generated_at"`
	Demo         bool                 `json:"demo,omitempty"`
	Targets      int                  `json:"targets"`
	Pools        int                  `json:"pools"`
	Findings     []Finding            `json:"findings"`
	Plan         *Plan                `json:"plan,omitempty"`     // nil unless the pools are those of a plan
	Baseline     *Comparison          `json:"baseline,omitempty"` // nil without one
	Exempted     map[string]int       `json:"exempted"`           // by rule
	Undetermined map[string]int       `json:"undetermined"`       // by rule
	Errors       map[string]RuleError `json:"rule_errors"`
	Unreadable   []Unreadable         `json:"unreadable"`

	o         Options
	rules     []rules.Rule     // that judged
	judgement *rules.Judgement // of which the plan is made
}

// Finding is a rule's finding with what tells it apart from all others.
type Finding struct {
	rules.Finding
	// Fingerprint is the same in every run that finds this.
	Fingerprint string `json:"fingerprint"`
	State       State  `json:"state,omitempty"` // empty without a baseline
}

// RuleError counts how often a rule failed, and has its first error.
type RuleError struct {
	Count int    `json:"count"`
	First string `json:"first"`
}

// Unreadable is an API of a target that could not be read.
type Unreadable struct {
	AccountID   string `json:"account_id"`
	AccountName string `json:"account_name,omitempty"`
	Region      string `json:"region"`
	API         string `json:"api"`
	Class       string `json:"class"`
	Message     string `json:"message"`
}

// Of reports on a judgement.
func Of(j *rules.Judgement, o Options) *Report {
	r := &Report{
		Version: version, GeneratedAt: j.At.UTC().Truncate(time.Second), Demo: o.Demo,
		Pools: j.PoolCount(), Findings: []Finding{},
		Exempted: map[string]int{}, Undetermined: map[string]int{}, Errors: map[string]RuleError{},
		Unreadable: unreadable(j.Snapshot), o: o, judgement: j,
	}
	for range j.Readings() {
		r.Targets++
	}
	for i, rule := range j.Rules.Rules() {
		if !rule.Enabled || len(o.Rules) > 0 && !slices.Contains(o.Rules, rule.ID) {
			continue
		}
		r.rules = append(r.rules, rule)
		c := j.Total[i]
		if c.Exempted > 0 {
			r.Exempted[rule.ID] = c.Exempted
		}
		if c.Undetermined > 0 {
			r.Undetermined[rule.ID] = c.Undetermined
		}
		if c.Errors > 0 {
			r.Errors[rule.ID] = RuleError{c.Errors, c.FirstError}
		}
	}
	for _, f := range j.Findings() {
		if r.judgedBy(f.Rule) {
			r.Findings = append(r.Findings, Finding{Finding: f, Fingerprint: fingerprint(&f)})
		}
	}
	if o.Plan != nil {
		r.Plan = planOf(j, o.Plan)
		r.ofPlan(j)
	}
	if o.Baseline != nil {
		r.compare(o.Baseline, j)
	}
	return r
}

// judgedBy reports whether the rule with the ID has judged.
func (r *Report) judgedBy(id string) bool {
	return slices.ContainsFunc(r.rules, func(rule rules.Rule) bool { return rule.ID == id })
}

// AddMembers adds the accounts whose regions could not all be found, unless
// what was read of them has failed for the same cause.
func (r *Report) AddMembers(members []inventory.Member) {
	for _, m := range members {
		if m.Failure == nil {
			continue
		}
		u := Unreadable{AccountID: m.ID, AccountName: m.Name, API: "account", Class: string(m.Failure.Class), Message: strings.TrimSpace(m.Failure.Message)}
		if !slices.ContainsFunc(r.Unreadable, func(o Unreadable) bool { return o.AccountID == u.AccountID && o.Message == u.Message }) {
			r.Unreadable = append(r.Unreadable, u)
		}
	}
}

// unreadable lists what could not be read, each common cause once. A region that
// is disabled for its account, or does not have the service, is omitted.
func unreadable(s *inventory.Snapshot) []Unreadable {
	all := []Unreadable{}
	for r := range s.Readings() {
		said := map[string]bool{}
		for _, o := range r.Outcomes {
			if !o.Class.Failed() || said[o.Message] {
				continue
			}
			said[o.Message] = true
			all = append(all, Unreadable{
				AccountID: r.Target.AccountID, AccountName: r.Target.AccountName, Region: r.Target.Region,
				API: o.API, Class: string(o.Class), Message: strings.TrimSpace(o.Message),
			})
		}
	}
	return all
}

// Complete reports whether everything could be read and judged.
func (r *Report) Complete() bool { return len(r.Unreadable) == 0 && len(r.Errors) == 0 }

// Fails reports whether a finding is as severe as least, or more. With a
// baseline, what is known from it does not count.
func (r *Report) Fails(least rules.Severity) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.State != Known && f.Severity.AtLeast(least) })
}

// writer writes a report. What it had to leave out of it, it says in cut.
type writer func(r *Report, w io.Writer) (cut string, err error)

// whole is the writer of a format without a limit.
func whole(write func(*Report, io.Writer) error) writer {
	return func(r *Report, w io.Writer) (string, error) { return "", write(r, w) }
}

// writers are the formats.
var writers = map[string]writer{
	"table":    whole((*Report).table),
	"json":     whole((*Report).json),
	"csv":      whole((*Report).csv),
	"markdown": (*Report).markdown,
	"html":     whole((*Report).html),
	"junit":    whole((*Report).junit),
	"sarif":    (*Report).sarif,
	"ocsf":     whole((*Report).ocsf),
	"asff":     (*Report).asff,
	"plan":     whole((*Report).plan),
}

// Formats lists the formats, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(writers)) }

// Write writes the report in one of the [Formats]. What had to be left out of
// it, because who reads the format has a limit, is said in cut.
func (r *Report) Write(w io.Writer, format string) (cut string, err error) {
	return writers[format](r, w)
}

func (r *Report) json(w io.Writer) error { return encode(w, r) }

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// where names what the finding is about. The name is stable between runs.
func where(f *rules.Finding) string {
	return strings.TrimSuffix(f.AccountID+"/"+f.Region+"/"+cmp.Or(f.PoolID, f.Resource, f.Identity), "/")
}

// fingerprint tells the finding apart from all others of a run.
func fingerprint(f *rules.Finding) string { return f.Rule + "/" + where(f) }

// what is a person's name for what the finding is about.
func what(f *rules.Finding) string { return cmp.Or(f.PoolName, f.Resource, f.Identity, "SES account") }

// id is what tells the pool apart that the finding is about; empty where its name
// in what already does, and for others.
func id(f *rules.Finding) string {
	if id := cmp.Or(f.Resource, f.PoolID); id != what(f) {
		return id
	}
	return ""
}

// account is a person's name for the finding's account.
func account(f *rules.Finding) string { return cmp.Or(f.AccountName, f.AccountID) }

// severities counts the findings.
func (r *Report) severities() map[rules.Severity]int {
	counts := map[rules.Severity]int{}
	for _, f := range r.Findings {
		counts[f.Severity]++
	}
	return counts
}

// counts says how many findings there are of each severity.
func (r *Report) counts() string {
	n := r.severities()
	return fmt.Sprintf("%d critical, %d warning, %d info", n[rules.Critical], n[rules.Warning], n[rules.Info])
}

// scope says how much was judged.
func (r *Report) scope() string {
	if r.Plan != nil {
		return count(r.Pools, "pool") + " of " + printable.Text(r.Plan.Path)
	}
	return count(r.Pools, "pool") + " on " + count(r.Targets, "target")
}

// rest says what the counts of findings do not.
func (r *Report) rest() string {
	sum := func(counts map[string]int) (n int) {
		for _, c := range counts {
			n += c
		}
		return n
	}
	return fmt.Sprintf("%d exempted, %d undetermined; %d not read", sum(r.Exempted), sum(r.Undetermined), len(r.Unreadable))
}

// remedies are those of the rules with findings, sorted by rule.
func (r *Report) remedies() []remedy {
	remedies := map[string]string{}
	for _, f := range r.Findings {
		remedies[f.Rule] = f.Remedy
	}
	all := []remedy{}
	for _, rule := range slices.Sorted(maps.Keys(remedies)) {
		all = append(all, remedy{rule, remedies[rule]})
	}
	return all
}

// remedy is what to do about a rule's findings.
type remedy struct{ Rule, Remedy string }

// runbook returns the Markdown of the rule's runbook, or its address.
func (r *Report) runbook(rule rules.Rule) string {
	if r.o.Runbook == nil {
		return ""
	}
	return r.o.Runbook(rule)
}

// count is a number with its noun, whose plural ends in s.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
