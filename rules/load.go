package rules

import (
	"embed"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
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
	Enabled  *bool
	Severity string
	Params   map[string]any // values as package yaml decodes them
	Where    string         // file:line:col of the override for errors, may be empty
}

// Set is rules that were loaded, and their exemptions. It does not change; any
// number of goroutines may use it.
type Set struct {
	rules      []*rule
	exemptions []*exemption
}

// rule is a compiled rule.
type rule struct {
	RuleInfo
	index   int
	text    *ruleText
	when    cel.Program
	message cel.Program // nil: the summary

	exemptions []*exemption
}

// exemption is a compiled exemption.
type exemption struct {
	ExemptionInfo
	index   int
	through time.Time   // it applies before; zero is always
	when    cel.Program // nil is always true
}

// RuleInfo describes a rule.
type RuleInfo struct {
	ID       string
	Severity Severity
	ForEach  ForEach
	Summary  string
	Remedy   string
	When     string // the condition, in CEL
	Params   map[string]any
	Enabled  bool
	File     string // that it comes from
}

// ExemptionInfo describes an exemption.
type ExemptionInfo struct {
	Rule   string
	When   string // empty is always
	Reason string
	Until  string // the last day that it applies, such as 2027-03-31; may be empty
	Where  string // file:line:col
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
// mistake: file:line:col, what is wrong, what is allowed, and for an expression
// the line with a caret below the mistake.
func Load(o Options, files ...File) (*Set, error) {
	l := loader{problems: &problems{}, byID: map[string]*rule{}}
	var read []*file
	for i, src := range files {
		f := &file{problems: l.problems, name: src.Name, order: i}
		f.decode(src.Data)
		read = append(read, f)
	}
	for _, f := range read {
		for i := range f.rules {
			l.rule(f, &f.rules[i], o.Overrides)
		}
	}
	l.overrides(o.Overrides, len(files))
	for _, f := range read {
		for i := range f.exemptions {
			l.exemption(&f.exemptions[i])
		}
	}
	if err := l.err(); err != nil {
		return nil, err
	}
	return &l.set, nil
}

// loader compiles what the files say.
type loader struct {
	*problems
	set  Set
	byID map[string]*rule
}

func (l *loader) rule(f *file, t *ruleText, overrides map[string]Override) {
	if !t.id.given() {
		return
	}
	id := t.id.value
	if first, ok := l.byID[id]; ok {
		l.add(t.id.at, "there already is a rule %s, at %s; give this one another id", quote(id), first.text.id.at)
		return
	}
	r := &rule{text: t, index: len(l.set.rules), RuleInfo: RuleInfo{
		ID: id, Severity: Severity(t.severity.value), ForEach: ForEach(t.forEach.value),
		Summary: strings.TrimSpace(t.summary.value), Remedy: strings.TrimSpace(t.remedy.value),
		When: strings.TrimSpace(t.when.value), Enabled: true, File: f.name,
	}}
	l.byID[id] = r
	l.set.rules = append(l.set.rules, r)
	o := overrides[id]
	if o.Enabled != nil {
		r.Enabled = *o.Enabled
	}
	if o.Severity != "" {
		r.Severity = Severity(o.Severity)
	}
	params := map[string]param{}
	r.Params = map[string]any{}
	for name, p := range t.params {
		if value, ok := o.Params[name]; ok {
			if v, err := convert(value, p.value); err == nil { // Else overrides says so.
				p.value = v
			}
		}
		params[name], r.Params[name] = p, p.value
	}
	if rootTypes[r.ForEach] == nil {
		return // Without, there is nothing to compile against.
	}
	r.when, r.message = t.compile(l.problems, params)
	l.tests(t)
}

// compile compiles the rule's expressions with the params.
func (t *ruleText) compile(p *problems, params map[string]param) (when, message cel.Program) {
	s, err := newScope(ForEach(t.forEach.value), params, t.paramNames)
	if err != nil {
		p.add(t.id.at, "the params cannot be used: %v", err)
		return nil, nil
	}
	if t.when.given() {
		when = s.compile(p, "when", t.when, cel.BoolType)
	}
	if t.message.given() {
		message = s.compile(p, "message", t.message, cel.StringType)
	}
	return when, message
}

// tests checks what can be wrong with the tests before they run.
func (l *loader) tests(t *ruleText) {
	for i := range t.tests {
		test := &t.tests[i]
		switch {
		case test.facts == nil:
			l.add(test.at, "a test must have the key %s with the facts", t.forEach.value)
		case test.about.value != t.forEach.value:
			l.add(test.about.at, "the rule is for each %s; its tests must give the facts of one, not of one %s", t.forEach.value, test.about.value)
		default:
			test.root = test.about.file.object(rootTypes[ForEach(t.forEach.value)], test.facts)
		}
	}
}

// overrides checks the overrides of all rules.
func (l *loader) overrides(overrides map[string]Override, files int) {
	for _, id := range sortedKeys(overrides) {
		o := overrides[id]
		at := position{order: files, file: o.Where}
		if o.Where == "" {
			at.file = "overrides"
		}
		r, ok := l.byID[id]
		if !ok {
			l.add(at, "there is no rule %s to override", quote(id))
			continue
		}
		if o.Severity != "" && !slices.Contains(Severities(), Severity(o.Severity)) {
			l.add(at, "severity of rule %s must be %s, not %s", id, list(names(Severities()), "or"), quote(o.Severity))
		}
		for _, name := range sortedKeys(o.Params) {
			p, ok := r.text.params[name]
			if !ok {
				l.add(at, "rule %s has no param %s; %s", id, quote(name), r.text.allowedParams())
				continue
			}
			if _, err := convert(o.Params[name], p.value); err != nil {
				l.add(at, "param %s of rule %s %v", name, id, err)
			}
		}
	}
}

func (t *ruleText) allowedParams() string {
	if len(t.params) == 0 {
		return "it has none"
	}
	return "it has " + list(t.paramNames, "and")
}

func (l *loader) exemption(t *exemptionText) {
	if !t.rule.given() {
		return
	}
	r, ok := l.byID[t.rule.value]
	if !ok {
		l.add(t.rule.at, "there is no rule %s to be exempted from", quote(t.rule.value))
		return
	}
	e := &exemption{index: len(l.set.exemptions), through: t.through, ExemptionInfo: ExemptionInfo{
		Rule: r.ID, When: strings.TrimSpace(t.when.value), Reason: strings.TrimSpace(t.reason.value),
		Until: t.until.value, Where: t.at.String(),
	}}
	if t.when.given() && rootTypes[r.ForEach] != nil {
		s := scope{Env: environments[r.ForEach], about: r.ForEach}
		e.when = s.compile(l.problems, "when", t.when, cel.BoolType)
	}
	l.set.exemptions = append(l.set.exemptions, e)
	r.exemptions = append(r.exemptions, e)
}

// Rules describes every rule, in the order of the files.
func (s *Set) Rules() []RuleInfo {
	var infos []RuleInfo
	for _, r := range s.rules {
		infos = append(infos, r.RuleInfo)
	}
	return infos
}

// Exemptions describes every exemption, in the order of the files.
func (s *Set) Exemptions() []ExemptionInfo {
	var infos []ExemptionInfo
	for _, e := range s.exemptions {
		infos = append(infos, e.ExemptionInfo)
	}
	return infos
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
