package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/common/version"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// reportVersion is raised when the JSON changes in a way that could break a consumer.
const reportVersion = 1

const website = "https://github.com/cognito-ses-exporter/cognito-ses-exporter"

// report is what check found. Its JSON is described by docs/check.schema.json.
type report struct {
	Version      int                    `json:"version"`
	GeneratedAt  time.Time              `json:"generated_at"`
	Demo         bool                   `json:"demo,omitempty"`
	Targets      int                    `json:"targets"`
	Pools        int                    `json:"pools"`
	Findings     []rules.Finding        `json:"findings"`
	Exempted     map[string]int         `json:"exempted"`     // by rule
	Undetermined map[string]int         `json:"undetermined"` // by rule
	Errors       map[string]ruleError   `json:"rule_errors"`
	Unreadable   []unreadable           `json:"unreadable"`
	rules        []rules.Rule           // that judged
	bySeverity   map[rules.Severity]int // findings
}

// ruleError counts how often a rule failed, and has its first error.
type ruleError struct {
	Count int    `json:"count"`
	First string `json:"first"`
}

// where names what the finding is about. The name is stable between runs.
func where(f *rules.Finding) string {
	return strings.TrimSuffix(f.AccountID+"/"+f.Region+"/"+cmp.Or(f.PoolID, f.Identity), "/")
}

func newReport(j *rules.Judgement, f *flags) *report {
	targets := 0
	for range j.Readings() {
		targets++
	}
	r := &report{
		Version: reportVersion, GeneratedAt: j.At.UTC().Truncate(time.Second), Demo: f.demo,
		Targets: targets, Pools: j.PoolCount(), Findings: []rules.Finding{},
		Exempted: map[string]int{}, Undetermined: map[string]int{}, Errors: map[string]ruleError{},
		Unreadable: notRead(j.Snapshot), bySeverity: map[rules.Severity]int{},
	}
	judging := map[string]bool{}
	for i, rule := range j.Rules.Rules() {
		if !rule.Enabled || len(f.check.rules) > 0 && !slices.Contains(f.check.rules, rule.ID) {
			continue
		}
		judging[rule.ID], r.rules = true, append(r.rules, rule)
		c := j.Total[i]
		if c.Exempted > 0 {
			r.Exempted[rule.ID] = c.Exempted
		}
		if c.Undetermined > 0 {
			r.Undetermined[rule.ID] = c.Undetermined
		}
		if c.Errors > 0 {
			r.Errors[rule.ID] = ruleError{c.Errors, c.FirstError}
		}
	}
	for _, found := range j.Findings() {
		if judging[found.Rule] {
			r.bySeverity[found.Severity]++
			r.Findings = append(r.Findings, found)
		}
	}
	return r
}

// fails reports whether a finding is as severe as least, or more.
func (r *report) fails(least rules.Severity) bool {
	for severity := range r.bySeverity {
		if severity.AtLeast(least) {
			return true
		}
	}
	return false
}

// writers are the formats of --output.
var writers = map[string]func(*report, io.Writer) error{
	"table": (*report).table, "json": (*report).json, "sarif": (*report).sarif, "junit": (*report).junit, "csv": (*report).csv,
}

func formats() []string { return slices.Sorted(maps.Keys(writers)) }

func (r *report) write(w io.Writer, format string) error { return writers[format](r, w) }

// cell is text of others in a table: one line, and no wider than a name of AWS is.
func cell(s string) string { return printable.Cut(printable.Text(s), widest) }

// widest is how many characters of a name are shown in a table.
const widest = 128

func (r *report) table(w io.Writer) error {
	if len(r.Findings) > 0 {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(t, "SEVERITY\tACCOUNT\tREGION\tWHAT\tRULE\tMESSAGE") // Errors come with Flush.
		for _, f := range r.Findings {
			what := cell(cmp.Or(f.PoolName, f.Identity, "SES account"))
			if f.PoolID != "" {
				what += " (" + cell(f.PoolID) + ")"
			}
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", f.Severity, cell(cmp.Or(f.AccountName, f.AccountID)), f.Region, what, f.Rule, printable.Text(f.Message))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(w)
		remedies := map[string]string{}
		for _, f := range r.Findings {
			remedies[f.Rule] = f.Remedy
		}
		for _, rule := range slices.Sorted(maps.Keys(remedies)) {
			_, _ = fmt.Fprintf(w, "%s: %s\n", rule, printable.Text(remedies[rule]))
		}
		_, _ = fmt.Fprintf(w, "\nMore on a rule: %s runbook RULE\n\n", name)
	}
	sum := func(counts map[string]int) (n int) {
		for _, c := range counts {
			n += c
		}
		return n
	}
	_, err := fmt.Fprintf(w, "%s on %s: %d critical, %d warning, %d info; %d exempted, %d undetermined; %d not read\n",
		count(r.Pools, "pool"), count(r.Targets, "target"), r.bySeverity[rules.Critical], r.bySeverity[rules.Warning], r.bySeverity[rules.Info],
		sum(r.Exempted), sum(r.Undetermined), len(r.Unreadable))
	return err
}

// count is a number with its noun, whose plural ends in s.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func (r *report) json(w io.Writer) error { return encode(w, r) }

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (r *report) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"severity", "rule", "account_id", "account_name", "region", "user_pool_id", "pool_name", "identity", "message", "remedy"})
	for _, f := range r.Findings {
		row := []string{string(f.Severity), f.Rule, f.AccountID, f.AccountName, f.Region, f.PoolID, f.PoolName, f.Identity, f.Message, f.Remedy}
		for i := range row {
			row[i] = printable.Cell(row[i])
		}
		_ = c.Write(row) // Errors come with Flush.
	}
	c.Flush()
	return c.Error()
}

// sarif writes the Static Analysis Results Interchange Format 2.1.0.
func (r *report) sarif(w io.Writer) error {
	type object = map[string]any
	levels := map[rules.Severity]string{rules.Critical: "error", rules.Warning: "warning", rules.Info: "note"}
	described, results := []object{}, []object{}
	for _, rule := range r.rules {
		help := object{"text": cmp.Or(rule.Remedy, rule.Summary)}
		if runbook := runbookOf(rule); runbook != "" {
			help["markdown"] = runbook
		}
		described = append(described, object{
			"id": rule.ID, "shortDescription": object{"text": rule.Summary}, "help": help,
			"defaultConfiguration": object{"level": levels[rule.Severity]},
		})
	}
	for _, f := range r.Findings {
		results = append(results, object{
			"ruleId": f.Rule, "level": levels[f.Severity],
			"message": object{"text": fmt.Sprintf("%s: %s. %s", cmp.Or(f.PoolName, f.Identity, "SES account"), f.Message, f.Remedy)},
			"locations": []object{{"logicalLocations": []object{{
				"fullyQualifiedName": where(&f), "name": cmp.Or(f.PoolName, f.Identity, f.AccountID), "kind": "resource",
			}}}},
			"partialFingerprints": object{"finding/v1": f.Rule + "/" + where(&f)},
		})
	}
	notifications := []object{}
	for _, u := range r.Unreadable {
		notifications = append(notifications, object{"level": "error", "message": object{"text": u.Message}})
	}
	return encode(w, object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []object{{
			"tool": object{"driver": object{"name": name, "version": cmp.Or(version.Version, "0"), "informationUri": website, "rules": described, "language": "en-US"}},
			// These are the defaults; not every consumer knows them.
			"language": "en-US", "newlineSequences": []string{"\r\n", "\n"},
			"results": results,
			"invocations": []object{{
				"executionSuccessful": len(r.Unreadable) == 0, "toolExecutionNotifications": notifications,
			}},
		}},
	})
}

// junit writes a test suite with a case for each rule and each thing that it
// flags, and an error for each thing that could not be read.
func (r *report) junit(w io.Writer) error {
	type problem struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type testcase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Failure *problem `xml:"failure,omitempty"`
		Error   *problem `xml:"error,omitempty"`
	}
	type suite struct {
		Name      string     `xml:"name,attr"`
		Tests     int        `xml:"tests,attr"`
		Failures  int        `xml:"failures,attr"`
		Errors    int        `xml:"errors,attr"`
		Timestamp string     `xml:"timestamp,attr"`
		Cases     []testcase `xml:"testcase"`
	}
	type suites struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []suite  `xml:"testsuite"`
	}
	s := suite{Name: name, Timestamp: r.GeneratedAt.Format("2006-01-02T15:04:05"), Failures: len(r.Findings), Errors: len(r.Unreadable)}
	for _, f := range r.Findings {
		s.Cases = append(s.Cases, testcase{Class: f.Rule, Name: where(&f), Failure: &problem{
			Type: string(f.Severity), Message: f.Summary, Text: fmt.Sprintf("%s\n%s\n", f.Message, f.Remedy),
		}})
	}
	for _, rule := range r.rules {
		if !slices.ContainsFunc(r.Findings, func(f rules.Finding) bool { return f.Rule == rule.ID }) {
			s.Cases = append(s.Cases, testcase{Class: rule.ID, Name: rule.Summary})
		}
	}
	for _, u := range r.Unreadable {
		s.Cases = append(s.Cases, testcase{Class: "target", Name: u.AccountID + "/" + u.Region + "/" + u.API, Error: &problem{Type: u.Class, Message: u.Message}})
	}
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suites{Suites: []suite{s}}); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}
