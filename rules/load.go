package rules

import (
	"cmp"
	"embed"
	"maps"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// Severity says how bad it is that a rule fires.
type Severity string

// The severities.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Severities lists them, the mildest first.
func Severities() []Severity { return []Severity{Info, Warning, Critical} }

// AtLeast reports whether s is as severe as least, or more.
func (s Severity) AtLeast(least Severity) bool {
	return slices.Index(Severities(), s) >= slices.Index(Severities(), least)
}

// File is a rule file.
type File struct {
	Name string // for errors and pages
	Data []byte
}

// Options changes rules without changing their files.
type Options struct {
	Overrides map[string]Override // by the rule's id
}

// Override changes one rule. What is not set stays as it is.
type Override struct {
	Enabled  *bool             `yaml:"enabled,omitempty"`
	Severity Severity          `yaml:"severity,omitempty"`
	Params   *yamlfile.Node    `yaml:"params,omitempty"` // a mapping
	At       yamlfile.Position `yaml:"-"`                // of the override itself, for errors
}

// Set is rules that were loaded, and their exemptions. It does not change; any
// number of goroutines may use it.
type Set struct {
	rules      []*compiledRule
	exemptions []*compiledExemption
	infos      []Rule // of rules
}

// compiledRule is a rule that can be evaluated.
type compiledRule struct {
	Rule
	programs
	index int
	text  *ruleText

	exemptions []*compiledExemption
}

// programs are the expressions of a rule. A nil message is the summary, and with
// a nil critical the severity is always the rule's own.
type programs struct{ when, message, critical cel.Program }

// compiledExemption is an exemption that can be evaluated.
type compiledExemption struct {
	Exemption
	index   int
	through time.Time   // it applies before; zero is always
	when    cel.Program // nil is always true
}

// Rule describes a rule, as the JSON of /api/v1/rules does.
type Rule struct {
	ID       string   `json:"rule"`
	Severity Severity `json:"severity"`
	ForEach  ForEach  `json:"for_each"`
	Cause    string   `json:"cause"` // what the findings belong to: a kind of thing, or a reason whose thing it is
	Summary  string   `json:"summary"`
	Remedy   string   `json:"remedy,omitempty"`
	Runbook  string   `json:"runbook,omitempty"` // of a rule of the user's: Markdown, or the address of a page
	When     string   `json:"when"`              // the condition, in CEL
	// CriticalWhen is the condition, in CEL, with which a finding is critical whatever
	// the Severity; empty without one, or where an override sets the severity.
	CriticalWhen string         `json:"critical_when,omitempty"`
	Params       map[string]any `json:"params,omitempty"` // numbers, strings, booleans or lists of them; overrides applied
	Enabled      bool           `json:"enabled"`
	File         string         `json:"file"` // that it comes from
	Line         int            `json:"-"`    // of its ID there
}

// Exemption describes an exemption.
type Exemption struct {
	Rule   string `json:"rule"`
	When   string `json:"when,omitempty"` // empty is always
	Reason string `json:"reason"`
	Until  string `json:"until,omitempty"` // the last day that it applies, such as 2027-03-31; may be empty
	Where  string `json:"where"`           // file:line:column
}

//go:embed *.yaml
var builtin embed.FS

// Builtin returns the files of the built-in rules.
func Builtin() []File {
	entries, err := builtin.ReadDir(".")
	if err != nil {
		panic(err) // They are part of the program.
	}
	var files []File
	for _, e := range entries {
		data, err := builtin.ReadFile(e.Name())
		if err != nil {
			panic(err) // As above.
		}
		files = append(files, File{Name: "builtin/" + e.Name(), Data: data})
	}
	return files
}

// Load compiles the rules of all files. Its error has a paragraph for each
// mistake: file:line:column, what is wrong, what is allowed, and for an
// expression the line with a caret below the mistake.
func Load(o Options, files ...File) (*Set, error) {
	l := loader{Problems: &yamlfile.Problems{}, byID: map[string]*compiledRule{}}
	read := make([]file, len(files))
	for i, src := range files {
		read[i] = file{Problems: l.Problems, name: src.Name}
		read[i].decode(src.Data)
	}
	for _, f := range read {
		for i := range f.rules {
			l.rule(f.name, &f.rules[i], o.Overrides)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(o.Overrides)) {
		if l.byID[id] == nil {
			l.Add(o.Overrides[id].At, "unknown rule %s in overrides", yamlfile.Quote(id))
		}
	}
	for _, f := range read {
		for i := range f.exemptions {
			l.exemption(&f.exemptions[i])
		}
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	for _, r := range l.set.rules {
		l.set.infos = append(l.set.infos, r.Rule)
	}
	return &l.set, nil
}

// loader compiles what the files say.
type loader struct {
	*yamlfile.Problems
	set  Set
	byID map[string]*compiledRule
}

func (l *loader) rule(file string, t *ruleText, overrides map[string]Override) {
	id := t.id.Text
	if id == "" {
		return
	}
	if first, ok := l.byID[id]; ok {
		l.Add(t.id.At(), "duplicate rule id %s, first at %s; give this rule another id", yamlfile.Quote(id), first.text.id.At())
		return
	}
	r := &compiledRule{text: t, index: len(l.set.rules), Rule: Rule{
		ID: id, Severity: Severity(t.severity.Text), ForEach: ForEach(t.forEach.Text),
		Cause:   cmp.Or(t.cause.Text, string(ownCauses[ForEach(t.forEach.Text)])),
		Summary: strings.TrimSpace(t.summary.Text), Remedy: strings.TrimSpace(t.remedy.Text), Runbook: strings.TrimSpace(t.runbook.Text),
		When: strings.TrimSpace(t.when.Text), CriticalWhen: strings.TrimSpace(t.critical.Text), Enabled: true, File: file, Line: t.id.At().Line,
	}}
	l.byID[id] = r
	l.set.rules = append(l.set.rules, r)
	params := l.override(r, overrides[id])
	r.Params = map[string]any{}
	for _, p := range params {
		r.Params[p.name] = p.value.Value()
	}
	if rootTypes[r.ForEach] == nil {
		return // Without, there is nothing to compile against.
	}
	if r.programs = t.compile(l.Problems, params); r.CriticalWhen == "" {
		r.critical = nil
	}
	l.tests(t)
}

// ownCauses are what the findings of a rule belong to that does not say it.
var ownCauses = map[ForEach]inventory.CauseKind{
	ForPool: inventory.CausePool, ForAccount: inventory.CauseSESAccount, ForIdentity: inventory.CauseIdentity,
}

// override applies o to the rule, and returns the rule's params with those of o.
func (l *loader) override(r *compiledRule, o Override) []param {
	if o.Enabled != nil {
		r.Enabled = *o.Enabled
	}
	if o.Severity != "" {
		r.Severity, r.CriticalWhen = o.Severity, ""
		if !slices.Contains(Severities(), o.Severity) {
			l.Add(o.At, "severity of rule %s must be %s, not %s", r.ID, yamlfile.Join(Severities(), "or"), yamlfile.Quote(string(o.Severity)))
		}
	}
	params := slices.Clone(r.text.params)
	if o.Params == nil {
		return params
	}
	fields := make([]yamlfile.Field, len(params))
	for i := range params {
		p := &params[i]
		fields[i] = yamlfile.Field{Name: p.name, Decode: func(n *yamlfile.Node) {
			if v := decode(l.Problems, n, "param "+p.name+" of rule "+r.ID, p.typ); v != nil {
				p.value = v
			}
		}}
	}
	l.Mapping(o.Params, "the params of rule "+r.ID, fields...)
	return params
}

// compile compiles the rule's expressions with the params.
func (t *ruleText) compile(p *yamlfile.Problems, params []param) (c programs) {
	s, err := newScope(ForEach(t.forEach.Text), params)
	if err != nil {
		p.Add(t.id.At(), "the params cannot be used: %v", err)
		return c
	}
	if t.when.Text != "" {
		c.when = s.compile(p, "when", &t.when, cel.BoolType)
	}
	if t.message.Text != "" {
		c.message = s.compile(p, "message", &t.message, cel.StringType)
	}
	if t.critical.Text != "" {
		c.critical = s.compile(p, "critical_when", &t.critical, cel.BoolType)
	}
	return c
}

// tests checks what can be wrong with the tests before they run.
func (l *loader) tests(t *ruleText) {
	want := ForEach(t.forEach.Text)
	for i := range t.tests {
		test := &t.tests[i]
		switch {
		case test.facts == nil:
			l.Add(test.at, "a test must have the key %s with the facts", want)
		case test.about != want:
			l.Add(test.facts.At(), "a test of a rule with for_each: %s must have its facts under the key %s, not %s", want, want, test.about)
		default:
			test.root = l.object(rootTypes[want], test.facts)
		}
	}
}

func (l *loader) exemption(t *exemptionText) {
	if t.rule.Text == "" {
		return
	}
	r, ok := l.byID[t.rule.Text]
	if !ok {
		l.Add(t.rule.At(), "unknown rule %s in an exemption", yamlfile.Quote(t.rule.Text))
		return
	}
	e := &compiledExemption{index: len(l.set.exemptions), through: t.through, Exemption: Exemption{
		Rule: r.ID, When: strings.TrimSpace(t.when.Text), Reason: strings.TrimSpace(t.reason.Text),
		Until: t.until.Text, Where: t.at.String(),
	}}
	if t.when.Text != "" && rootTypes[r.ForEach] != nil {
		s := scope{Env: environments[r.ForEach], about: r.ForEach}
		e.when = s.compile(l.Problems, "when", &t.when, cel.BoolType)
	}
	l.set.exemptions = append(l.set.exemptions, e)
	r.exemptions = append(r.exemptions, e)
}

// Rules describes every rule, in the order of the files. The slice must not be
// changed: it is the same each time.
func (s *Set) Rules() []Rule { return s.infos }

// Exemptions describes every exemption, in the order of the files.
func (s *Set) Exemptions() []Exemption {
	var infos []Exemption
	for _, e := range s.exemptions {
		infos = append(infos, e.Exemption)
	}
	return infos
}
