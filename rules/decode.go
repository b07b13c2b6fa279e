package rules

import (
	"bytes"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

const (
	// maxSize of a file is that of a Kubernetes ConfigMap.
	maxSize = 1 << 20
	// maxRules and maxTests bound what loading and testing a file can take.
	maxRules = 500
	maxTests = 5000
)

// ruleText is a rule as it is written. What is missing has line 0.
type ruleText struct {
	id, severity, forEach    scalar
	summary, message, remedy scalar
	when                     scalar
	params                   map[string]param
	paramNames               []string // in the order of the file
	tests                    []testText
}

// testText is one of a rule's tests as it is written.
type testText struct {
	at             position
	name           scalar
	about          scalar // pool, account or identity
	facts          *yaml.Node
	root           *object // the facts, once they were checked
	fires, message scalar
}

// exemptionText is an exemption as it is written.
type exemptionText struct {
	at                 position
	rule, when, reason scalar
	until              scalar
	through            time.Time // the end of the day until, zero without one
}

// param is a rule's parameter.
type param struct {
	at    position
	value any // int64, float64, string, bool or a list of one of them
}

// scalar is a text in a file.
type scalar struct {
	value string
	at    position
	file  *file
	node  *yaml.Node
}

func (s scalar) given() bool { return s.node != nil }

// file is a rule file being read.
type file struct {
	*problems
	name  string
	order int
	lines []string
	tests int

	rules      []ruleText
	exemptions []exemptionText
}

func (f *file) at(n *yaml.Node) position { return position{f.order, f.name, n.Line, n.Column} }

func (f *file) whole() position { return position{order: f.order, file: f.name} }

func (f *file) fail(n *yaml.Node, format string, args ...any) { f.add(f.at(n), format, args...) }

// decode reads the file. Package yaml only parses it: what it decodes to Go
// types itself has no columns, and ends at the first mistake of some kinds.
func (f *file) decode(data []byte) {
	if len(data) > maxSize {
		f.add(f.whole(), "the file is larger than %d bytes, which is the most that is read", maxSize)
		return
	}
	f.lines = strings.Split(string(data), "\n")
	if i := notText(data); i >= 0 {
		before := string(data[:i])
		at := f.whole()
		at.line, at.col = 1+strings.Count(before, "\n"), 1+utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
		f.add(at, "byte 0x%02x is no text; the file must be YAML in UTF-8", data[i])
		return
	}
	stream := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := stream.Decode(&doc); errors.Is(err, io.EOF) {
		return
	} else if err != nil {
		f.syntax(err)
		return
	}
	if err := stream.Decode(&second); err == nil {
		f.fail(&second, "a second YAML document begins here; a rule file is one document")
	} else if !errors.Is(err, io.EOF) {
		f.syntax(err)
	}
	f.mapping(
		doc.Content[0], "the file",
		key{name: "rules", decode: func(n *yaml.Node) { f.list(n, "rules", f.rule) }},
		key{name: "exemptions", decode: func(n *yaml.Node) { f.list(n, "exemptions", f.exemption) }},
	)
	if len(f.rules) > maxRules {
		f.add(f.whole(), "the file has %d rules; %d are the most that are read", len(f.rules), maxRules)
		f.rules = nil
	}
	if f.tests > maxTests {
		f.add(f.whole(), "the file has %d tests; %d are the most that are read", f.tests, maxTests)
	}
}

// notText returns the index of the first byte that YAML does not allow in a
// file, -1 without one.
func notText(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 || unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\u0085", r) {
			return i
		}
		i += size
	}
	return -1
}

var (
	yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	// parserError are the errors whose line package yaml counts from 0.
	parserError = regexp.MustCompile(`^did not find expected (node content|key|'-' indicator|',' or .*|<.*>)$`)
)

// syntax takes note of package yaml's error, which knows the line at most.
func (f *file) syntax(err error) {
	at, text := f.whole(), err.Error()
	if m := yamlError.FindStringSubmatch(text); m != nil {
		text = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			at.line, at.col = n, 1
			if parserError.MatchString(text) {
				at.line++
			}
		}
	}
	f.add(at, "not valid YAML near here: %s", text)
}

// key is one that a mapping may have.
type key struct {
	name   string
	must   bool
	decode func(n *yaml.Node)
}

// mapping decodes n, which may have the keys and no others.
func (f *file) mapping(n *yaml.Node, what string, keys ...key) {
	if !f.is(n, yaml.MappingNode, what, "a mapping of keys to values") {
		return
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	seen := f.pairs(n, what, func(name string, k, v *yaml.Node) {
		if i := slices.Index(names, name); i >= 0 {
			keys[i].decode(v)
			return
		}
		f.fail(k, "unknown key %s in %s; allowed here are %s", quote(name), what, list(names, "and"))
	})
	for _, k := range keys {
		if _, ok := seen[k.name]; k.must && !ok {
			f.fail(n, "%s must have the key %s", what, k.name)
		}
	}
}

// pairs calls use for every key of a mapping that has a value, and returns the keys.
func (f *file) pairs(n *yaml.Node, what string, use func(name string, k, v *yaml.Node)) map[string]struct{} {
	seen := map[string]struct{}{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if !f.is(k, yaml.ScalarNode, "a key of "+what, "text") {
			continue
		}
		if _, ok := seen[k.Value]; ok {
			f.fail(k, "key %s is there twice in %s; keep one", quote(k.Value), what)
			continue
		}
		seen[k.Value] = struct{}{}
		if v.ShortTag() == "!!null" {
			f.fail(k, "%s has no value; give it one or take it out", k.Value)
			continue
		}
		use(k.Value, k, v)
	}
	return seen
}

func (f *file) list(n *yaml.Node, what string, item func(n *yaml.Node)) {
	if !f.is(n, yaml.SequenceNode, what, "a list") {
		return
	}
	for _, i := range n.Content {
		item(i)
	}
}

// is reports whether the node is of that kind, and takes note if it is not.
func (f *file) is(n *yaml.Node, kind yaml.Kind, what, wanted string) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		// Aliases could make a small file as large as they like.
		f.fail(n, "anchors and aliases are not supported in rule files; write it out")
		return false
	case n.Tag == "!!merge":
		f.fail(n, "<< is not supported in rule files; write it out")
		return false
	case !slices.Contains([]string{"!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!null"}, n.ShortTag()):
		f.fail(n, "%s has the YAML tag %s, which is not supported; leave it out", what, quote(n.Tag))
		return false
	case n.Kind != kind:
		f.fail(n, "%s must be %s, not %s", what, wanted, described(n))
		return false
	}
	return true
}

// described says what was written.
func described(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		return quote(n.Value)
	}
}

// text decodes into s whatever YAML takes the text for.
func (f *file) text(what string, s *scalar) func(n *yaml.Node) {
	return func(n *yaml.Node) {
		if !f.is(n, yaml.ScalarNode, what, "text") {
			return
		}
		if strings.TrimSpace(n.Value) == "" {
			f.fail(n, "%s is empty", what)
			return
		}
		*s = scalar{n.Value, f.at(n), f, n}
	}
}

var ruleID = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

func (f *file) rule(n *yaml.Node) {
	var r ruleText
	f.mapping(
		n, "a rule",
		key{"id", true, f.text("id", &r.id)},
		key{"severity", true, f.text("severity", &r.severity)},
		key{"for_each", true, f.text("for_each", &r.forEach)},
		key{"summary", true, f.text("summary", &r.summary)},
		key{"params", false, func(n *yaml.Node) { f.params(n, &r) }},
		key{"when", true, f.text("when", &r.when)},
		key{"message", false, f.text("message", &r.message)},
		key{"remedy", true, f.text("remedy", &r.remedy)},
		key{"tests", false, func(n *yaml.Node) { f.list(n, "tests", func(n *yaml.Node) { f.test(n, &r) }) }},
	)
	if r.id.given() && (!ruleID.MatchString(r.id.value) || len(r.id.value) > 64) {
		f.add(r.id.at, "id must be up to 64 lower-case letters, digits and single dashes, such as quota-near-limit, not %s", quote(r.id.value))
	}
	if s := Severity(r.severity.value); r.severity.given() && !slices.Contains(Severities(), s) {
		f.add(r.severity.at, "severity must be %s, not %s", list(names(Severities()), "or"), quote(r.severity.value))
	}
	if e := ForEach(r.forEach.value); r.forEach.given() && rootTypes[e] == nil {
		f.add(r.forEach.at, "for_each must be %s, not %s", list(names(ForEachs()), "or"), quote(r.forEach.value))
	}
	f.rules = append(f.rules, r)
}

func names[S ~string](words []S) []string {
	var s []string
	for _, w := range words {
		s = append(s, string(w))
	}
	return s
}

var paramName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (f *file) params(n *yaml.Node, r *ruleText) {
	if !f.is(n, yaml.MappingNode, "params", "a mapping of names to values") {
		return
	}
	r.params = map[string]param{}
	f.pairs(n, "params", func(name string, k, v *yaml.Node) {
		if !paramName.MatchString(name) {
			f.fail(k, "the name of a param must be lower-case letters, digits and underscores, not %s", quote(name))
			return
		}
		if value, ok := f.paramValue(v, name); ok {
			r.params[name] = param{f.at(v), value}
			r.paramNames = append(r.paramNames, name)
		}
	})
}

func (f *file) paramValue(n *yaml.Node, name string) (any, bool) {
	if n.Kind != yaml.SequenceNode {
		if !f.is(n, yaml.ScalarNode, name, "text, a number, a boolean or a list of one of them") {
			return nil, false
		}
		return f.literal(n, name)
	}
	items := []any{}
	sound := f.is(n, yaml.SequenceNode, name, "a list")
	for _, i := range n.Content {
		v, ok := f.paramItem(i, name)
		sound = sound && ok
		items = append(items, v)
	}
	if !sound {
		return nil, false
	}
	value, ok := sameType(items)
	if !ok {
		f.fail(n, "the items of %s must all be text, whole numbers, numbers with a decimal point or booleans", name)
	}
	return value, ok
}

func (f *file) paramItem(n *yaml.Node, name string) (any, bool) {
	if !f.is(n, yaml.ScalarNode, "an item of "+name, "text, a number or a boolean") {
		return nil, false
	}
	return f.literal(n, "an item of "+name)
}

// literal returns the value that YAML takes a scalar for.
func (f *file) literal(n *yaml.Node, name string) (any, bool) {
	switch n.ShortTag() {
	case "!!int":
		var i int64
		if n.Decode(&i) != nil {
			f.fail(n, "%s is too large a number", name)
			return nil, false
		}
		return i, true
	case "!!float":
		var d float64
		if n.Decode(&d) != nil || math.IsNaN(d) || math.IsInf(d, 0) {
			f.fail(n, "%s must be a finite number, not %s", name, quote(n.Value))
			return nil, false
		}
		return d, true
	case "!!bool":
		var b bool
		if n.Decode(&b) != nil {
			f.fail(n, "%s must be true or false, not %s", name, quote(n.Value))
			return nil, false
		}
		return b, true
	case "!!null":
		f.fail(n, "%s has no value; give it one or take it out", name)
		return nil, false
	default:
		return n.Value, true
	}
}

// sameType turns items into a list of their type. An empty list is one of texts.
func sameType(items []any) (any, bool) {
	if len(items) == 0 {
		return []string{}, true
	}
	switch items[0].(type) {
	case string:
		return each[string](items)
	case int64:
		return each[int64](items)
	case float64:
		return each[float64](items)
	case bool:
		return each[bool](items)
	default:
		return nil, false
	}
}

func each[T any](items []any) (any, bool) {
	var s []T
	for _, i := range items {
		v, ok := i.(T)
		if !ok {
			return nil, false
		}
		s = append(s, v)
	}
	return s, true
}

func (f *file) test(n *yaml.Node, r *ruleText) {
	f.tests++
	t := testText{at: f.at(n)}
	keys := []key{
		{"name", true, f.text("name", &t.name)},
		{"fires", true, f.text("fires", &t.fires)},
		{"message", false, f.text("message", &t.message)},
	}
	for _, e := range ForEachs() {
		keys = append(keys, key{string(e), false, func(n *yaml.Node) {
			t.about, t.facts = scalar{string(e), f.at(n), f, n}, n
		}})
	}
	f.mapping(n, "a test", keys...)
	if fires := []string{"true", "false", "undetermined"}; t.fires.given() && !slices.Contains(fires, t.fires.value) {
		f.add(t.fires.at, "fires must be %s, not %s", list(fires, "or"), quote(t.fires.value))
	}
	r.tests = append(r.tests, t)
}

func (f *file) exemption(n *yaml.Node) {
	e := exemptionText{at: f.at(n)}
	f.mapping(
		n, "an exemption",
		key{"rule", true, f.text("rule", &e.rule)},
		key{"when", false, f.text("when", &e.when)},
		key{"reason", true, f.text("reason", &e.reason)},
		key{"until", false, f.text("until", &e.until)},
	)
	if e.until.given() {
		day, err := time.Parse(time.DateOnly, e.until.value)
		if err != nil {
			f.add(e.until.at, "until must be a date such as 2027-03-31, not %s", quote(e.until.value))
		}
		e.through = day.AddDate(0, 0, 1)
	}
	f.exemptions = append(f.exemptions, e)
}

// inside returns where in the file the character of a text is, by its line and
// column in the text, both from 1 and 0 as CEL counts them. Where YAML folds or
// escapes text it is where the text begins.
func (s scalar) inside(line, col int) position {
	at, n := s.at, s.node
	switch n.Style {
	case yaml.LiteralStyle:
		i := n.Line + line - 1 // of the line, from 0; the text begins below the bar
		content := strings.Split(s.value, "\n")
		if line > len(content) || i >= len(s.file.lines) {
			return at
		}
		if indent, ok := strings.CutSuffix(strings.TrimSuffix(s.file.lines[i], "\r"), content[line-1]); ok && strings.TrimSpace(indent) == "" {
			at.line, at.col = i+1, utf8.RuneCountInString(indent)+col+1
		}
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		if s.written(n.Column) {
			at.col += 1 + col
		}
	case 0:
		if s.written(n.Column - 1) {
			at.col += col
		}
	default:
	}
	return at
}

// written reports whether the text stands in its line as it is, behind as many characters.
func (s scalar) written(behind int) bool {
	if s.node.Line > len(s.file.lines) {
		return false
	}
	line := []rune(s.file.lines[s.node.Line-1])
	return behind <= len(line) && strings.HasPrefix(string(line[behind:]), s.value)
}
