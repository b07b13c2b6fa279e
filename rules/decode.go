package rules

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// maxRules and maxTests bound what loading and testing a file can take.
const (
	maxRules = 500
	maxTests = 5000
)

// format is that of a rule file.
var format = yamlfile.Format{Name: "rule file", Minimal: "rules: [" +
	`{id: not-ready, severity: warning, for_each: pool, summary: The pool cannot send, when: "!pool.ready", remedy: See its page}]`}

// ruleText is a rule as it is written. What is missing is the zero Node.
type ruleText struct {
	id, severity, forEach    yamlfile.Node
	summary, message, remedy yamlfile.Node
	cause, runbook           yamlfile.Node
	when, critical           yamlfile.Node
	params                   []param // in the order of the file
	tests                    []testText
}

// testText is one of a rule's tests as it is written.
type testText struct {
	at             yamlfile.Position
	name           yamlfile.Node
	about          ForEach        // what the facts are given of
	facts          *yamlfile.Node // nil if they are not given
	root           *object        // the facts, once they were checked
	fires, message yamlfile.Node
	severity       yamlfile.Node
}

// exemptionText is an exemption as it is written.
type exemptionText struct {
	at                        yamlfile.Position
	rule, when, reason, until yamlfile.Node
	through                   time.Time // the end of the day until, zero without one
}

// param is a rule's parameter.
type param struct {
	name  string
	typ   *cel.Type // an empty list has one, too
	value ref.Val
}

// file is a rule file being read.
type file struct {
	*yamlfile.Problems
	name       string
	rules      []ruleText
	exemptions []exemptionText
	tests      int
}

func (f *file) decode(data []byte) {
	root := yamlfile.Parse(f.Problems, format, f.name, data)
	if root == nil {
		return
	}
	f.Mapping(
		root, "the file",
		yamlfile.Field{Name: "rules", Decode: func(n *yamlfile.Node) { f.Each(n, "rules", f.rule) }},
		yamlfile.Field{Name: "exemptions", Decode: func(n *yamlfile.Node) { f.Each(n, "exemptions", f.exemption) }},
	)
	if len(f.rules) > maxRules {
		f.Add(yamlfile.Position{File: f.name}, "the file has %d rules; at most %d are allowed", len(f.rules), maxRules)
		f.rules = nil
	}
	if f.tests > maxTests {
		f.Add(yamlfile.Position{File: f.name}, "the file has %d tests; at most %d are allowed", f.tests, maxTests)
	}
}

// text is a field of a string that is not empty, whatever YAML takes it for.
func (f *file) text(name string, required bool, to *yamlfile.Node) yamlfile.Field {
	return yamlfile.Field{Name: name, Required: required, Decode: func(n *yamlfile.Node) {
		switch {
		case !f.Is(n, yamlfile.Scalar, name, "a string"):
		case strings.TrimSpace(n.Text) == "":
			f.Add(n.At(), "%s is empty", name)
		default:
			*to = *n
		}
	}}
}

// oneOf checks that n, if it is given, is one of the words.
func oneOf[S ~string](p *yamlfile.Problems, n *yamlfile.Node, name string, words []S) {
	if n.Kind == yamlfile.Scalar && !slices.Contains(words, S(n.Text)) {
		p.Wrong(n, name, yamlfile.Join(words, "or"))
	}
}

var ruleID = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func (f *file) rule(n *yamlfile.Node) {
	var r ruleText
	f.Mapping(
		n, "a rule",
		f.text("id", true, &r.id),
		f.text("severity", true, &r.severity),
		f.text("for_each", true, &r.forEach),
		f.text("cause", false, &r.cause),
		f.text("summary", true, &r.summary),
		yamlfile.Field{Name: "params", Decode: func(n *yamlfile.Node) { f.params(n, &r) }},
		f.text("when", true, &r.when),
		f.text("critical_when", false, &r.critical),
		f.text("message", false, &r.message),
		f.text("remedy", true, &r.remedy),
		f.text("runbook", false, &r.runbook),
		yamlfile.Field{Name: "tests", Decode: func(n *yamlfile.Node) { f.Each(n, "tests", func(n *yamlfile.Node) { f.test(n, &r) }) }},
	)
	if id := r.id.Text; id != "" && (!ruleID.MatchString(id) || len(id) > 64) {
		f.Wrong(&r.id, "id", "up to 64 lower-case letters, digits and single dashes, such as quota-near-limit")
	}
	oneOf(f.Problems, &r.severity, "severity", Severities())
	if r.critical.Text != "" && r.severity.Text == string(Critical) {
		f.Add(r.critical.At(), "critical_when is only for rules with another severity than critical")
	}
	oneOf(f.Problems, &r.forEach, "for_each", ForEachs())
	if r.forEach.Text != "" && r.forEach.Text != string(ForPool) && r.cause.Text != "" {
		f.Add(r.cause.At(), "cause is only for rules with for_each: %s; the cause of others is the %s itself", ForPool, r.forEach.Text)
	} else {
		oneOf(f.Problems, &r.cause, "cause", causes())
	}
	f.rules = append(f.rules, r)
}

// causes are the words that a rule's cause may be: a kind of thing, or a reason
// whose thing it is.
func causes() []string {
	words := []string{causeBlocked}
	for _, k := range inventory.CauseKinds() {
		words = append(words, string(k))
	}
	for _, r := range inventory.Reasons() {
		words = append(words, string(r))
	}
	return words
}

var paramName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (f *file) params(n *yamlfile.Node, r *ruleText) {
	f.Is(n, yamlfile.Mapping, "params", "a mapping of names to values")
	for _, pair := range n.Pairs {
		name := pair.Key.Text
		if !paramName.MatchString(name) {
			f.Wrong(pair.Key, "the name of a param", "lower-case letters, digits and underscores")
			continue
		}
		if t := f.infer(pair.Value, name); t != nil {
			if v := decode(f.Problems, pair.Value, name, t); v != nil {
				r.params = append(r.params, param{name, t, v})
			}
		}
	}
}

// plainTypes are those of scalars that are no strings, by YAML tag.
var plainTypes = map[string]*cel.Type{"!!int": cel.IntType, "!!float": cel.DoubleType, "!!bool": cel.BoolType}

// infer returns the type of a param by what is written, nil without one. An
// empty list is one of strings.
func (f *file) infer(n *yamlfile.Node, name string) *cel.Type {
	items := n.Items
	if n.Kind != yamlfile.List {
		items = []*yamlfile.Node{n}
	}
	t := cel.StringType
	for i, item := range items {
		if !f.Is(item, yamlfile.Scalar, name, "a string, a number, true or false, or a list of one of them") {
			return nil
		}
		own := cmp.Or(plainTypes[item.Tag], cel.StringType)
		if i > 0 && own != t {
			f.Add(item.At(), "the items of %s must have one type, but the first one is of type %s and this one of type %s", name, t, own)
			return nil
		}
		t = own
	}
	if n.Kind == yamlfile.List {
		return cel.ListType(t)
	}
	return t
}

// wanted says what can be written for a value.
var wanted = map[types.Kind]string{
	types.StringKind: "a string", types.BoolKind: "true or false", types.IntKind: "a whole number of at most 64 bits",
	types.DoubleKind: "a finite number", types.TimestampKind: "a time such as 2026-11-23T12:00:00Z",
}

// decode returns n as a value of type t, nil if it is none, which p is told. A
// string may be anything that YAML takes for a scalar: "no" is one, and so is
// an account's id without quotes.
func decode(p *yamlfile.Problems, n *yamlfile.Node, name string, t *cel.Type) ref.Val {
	if t.Kind() == types.ListKind {
		items, sound := []ref.Val{}, p.Is(n, yamlfile.List, name, "a list")
		for _, item := range n.Items {
			v := decode(p, item, "an item of "+name, t.Parameters()[0])
			items, sound = append(items, v), sound && v != nil
		}
		if !sound {
			return nil
		}
		return types.NewRefValList(types.DefaultTypeAdapter, items)
	}
	if t.Kind() == types.MapKind {
		m := map[string]string{}
		p.Is(n, yamlfile.Mapping, name, "a mapping of strings to strings")
		for _, pair := range n.Pairs {
			if p.Is(pair.Value, yamlfile.Scalar, name+"."+pair.Key.Text, "a string") {
				m[pair.Key.Text] = pair.Value.Text
			}
		}
		return newTags(m)
	}
	var v any
	var ok bool
	switch t.Kind() {
	case types.BoolKind:
		v, ok = n.Bool()
	case types.IntKind:
		v, ok = n.Int()
	case types.DoubleKind:
		v, ok = n.Float()
	case types.TimestampKind:
		at, err := time.Parse(time.RFC3339, n.Text)
		v, ok = at, err == nil
	default:
		v, ok = n.Text, n.Kind == yamlfile.Scalar
	}
	if !ok {
		p.Wrong(n, name, wanted[t.Kind()])
		return nil
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}

func (f *file) test(n *yamlfile.Node, r *ruleText) {
	f.tests++
	t := testText{at: n.At()}
	fields := []yamlfile.Field{f.text("name", true, &t.name), f.text("fires", true, &t.fires), f.text("message", false, &t.message), f.text("severity", false, &t.severity)}
	for _, e := range ForEachs() {
		fields = append(fields, yamlfile.Field{Name: string(e), Decode: func(n *yamlfile.Node) { t.about, t.facts = e, n }})
	}
	f.Mapping(n, "a test", fields...)
	oneOf(f.Problems, &t.fires, "fires", []string{"true", "false", "undetermined"})
	oneOf(f.Problems, &t.severity, "severity", Severities())
	if t.severity.Text != "" && t.fires.Text != "true" {
		f.Add(t.severity.At(), "severity is only for tests with fires: true")
	}
	r.tests = append(r.tests, t)
}

func (f *file) exemption(n *yamlfile.Node) {
	e := exemptionText{at: n.At()}
	f.Mapping(
		n, "an exemption",
		f.text("rule", true, &e.rule),
		f.text("when", false, &e.when),
		f.text("reason", true, &e.reason),
		f.text("until", false, &e.until),
	)
	if e.until.Text != "" {
		day, err := time.Parse(time.DateOnly, e.until.Text)
		if err != nil {
			f.Wrong(&e.until, "until", "a date such as 2027-03-31")
		}
		e.through = day.AddDate(0, 0, 1)
	}
	f.exemptions = append(f.exemptions, e)
}
