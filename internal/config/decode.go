package config

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"
)

const (
	// maxSize of a file is that of a Kubernetes ConfigMap, room for some 5,000 accounts.
	maxSize = 1 << 20
	// maxExpanded bounds a file after its aliases are followed, which a small
	// file can make as large as it likes. It counts nodeSize bytes for every
	// value, and its text.
	maxExpanded = 8 * maxSize
	nodeSize    = 16
	// maxMerges ends merges of mappings into each other, which may go in a circle.
	maxMerges = 20
)

// decoder turns YAML into a [Config], strictly. Unlike package yaml it goes on
// after any mistake and says what it wants in a user's words, and it remembers
// where each value was written, for checks that come later. It is used once.
type decoder struct {
	problems
	line   map[any]int      // where a value was written, by the pointer to it
	broken map[any]struct{} // values that have a problem, by the pointer to them
	left   int              // of maxExpanded
}

func newDecoder() *decoder {
	return &decoder{
		problems: problems{found: map[problem]struct{}{}},
		line:     map[any]int{},
		broken:   map[any]struct{}{},
		left:     maxExpanded,
	}
}

// fail takes note of a mistake in the value at p.
func (d *decoder) fail(p any, format string, args ...any) {
	d.broken[p] = struct{}{}
	d.add(d.line[p], format, args...)
}

// sound reports whether none of the values has a problem so far; to compare
// one that has would only give a second, confusing complaint.
func (d *decoder) sound(values ...any) bool {
	return !slices.ContainsFunc(values, func(p any) bool { _, ok := d.broken[p]; return ok })
}

// set reports whether the value at p stands in the file.
func (d *decoder) set(p any) bool { return d.line[p] > 0 }

// parse returns the value of the only document, nil when there is none.
func (d *decoder) parse(data []byte) *yaml.Node {
	if len(data) > maxSize {
		d.add(0, "the file is larger than %d bytes, which is the most that is read", maxSize)
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if i := notText(data); i >= 0 {
		d.add(1+bytes.Count(data[:i], []byte("\n")), "byte 0x%02x is no text; the file must be YAML in UTF-8", data[i])
		return nil
	}
	stream := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := stream.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		d.syntax(data, err)
		return nil
	}
	if err := stream.Decode(&second); err == nil {
		d.add(second.Line, "a second YAML document begins here; a configuration file is one document")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(data, err)
	}
	return doc.Content[0]
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
	yamlError     = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.+)' referenced$`)
	// parserError are the errors whose line package yaml counts from 0; it
	// counts from 1 in the others, and leaves out the first line in both.
	parserError = regexp.MustCompile(`^did not find expected (node content|key|'-' indicator|',' or .*|<.*>)$`)
)

// syntax takes note of package yaml's error.
func (d *decoder) syntax(data []byte, err error) {
	line, text := 1, err.Error()
	if m := yamlError.FindStringSubmatch(text); m != nil {
		text = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
			if parserError.MatchString(text) {
				line++
			}
		}
	}
	if m := unknownAnchor.FindStringSubmatch(text); m != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+m[1]))
		line = 1 + bytes.Count(before, []byte("\n"))
	}
	d.add(line, "not valid YAML: %s", text)
}

// config decodes and checks a whole configuration. It is only valid if there
// are no problems afterwards.
func (d *decoder) config(n *yaml.Node) *Config {
	c := defaults()
	if n != nil {
		d.value(n, reflect.ValueOf(c).Elem(), "the file")
	}
	c.derive(d.set)
	if d.left >= 0 {
		d.check(c)
	}
	return c
}

// spend charges a node to the budget for expanded files.
func (d *decoder) spend(n *yaml.Node) bool {
	if d.left < 0 {
		return false
	}
	d.left -= nodeSize + len(n.Value)
	if d.left < 0 {
		d.add(n.Line, "aliases make the file larger than %d bytes, which is the most that is read", maxExpanded)
		return false
	}
	return true
}

// value decodes n into v, a field of a [Config] or an item of one. name is
// its key, for errors.
func (d *decoder) value(n *yaml.Node, v reflect.Value, name string) {
	p, line := v.Addr().Interface(), n.Line
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	tag := n.ShortTag()
	if !d.spend(n) || tag == "!!null" {
		return // A key without a value keeps its default.
	}
	d.line[p] = line
	wrong := func(why string) { d.fail(p, "%s must be %s, not %s%s", name, wanted(v), described(n), why) }
	switch {
	case !slices.Contains(plainTags, tag):
		d.fail(p, "%s has the YAML tag %s, which is not supported; leave it out", name, quote(n.Tag))
	case n.Kind == yaml.ScalarNode && v.Kind() != reflect.Pointer:
		if why, ok := scalar(n.Value, v); !ok {
			wrong(why)
		}
	case n.Kind == yaml.MappingNode && v.Type() == reflect.TypeFor[map[string]any]():
		var m map[string]any
		if err := n.Decode(&m); err != nil {
			d.fail(p, "%s must be a mapping of names to values", name)
		}
		v.Set(reflect.ValueOf(m))
	case n.Kind == yaml.MappingNode && v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		d.pairs(n, map[string]pair{}, 0, func(key, value *yaml.Node) {
			item := reflect.New(v.Type().Elem().Elem())
			d.value(value, item.Elem(), key.Value)
			d.line[item.Interface()] = key.Line
			v.SetMapIndex(reflect.ValueOf(key.Value), item)
		})
	case n.Kind == yaml.ScalarNode && v.Kind() == reflect.Pointer:
		item := reflect.New(v.Type().Elem())
		d.value(n, item.Elem(), name)
		v.Set(item)
	case n.Kind == yaml.MappingNode && v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[Regexp]():
		d.mapping(n, v)
	case n.Kind == yaml.SequenceNode && v.Kind() == reflect.Slice:
		// The items stay where they are from here on, since line keeps their pointers.
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			d.item(item, v.Index(i), name)
		}
	default:
		wrong("")
	}
}

// item decodes n into v, an item of the list name. It must have a value.
func (d *decoder) item(n *yaml.Node, v reflect.Value, name string) {
	d.value(n, v, "an item of "+name)
	if p := v.Addr().Interface(); d.left >= 0 && !d.set(p) {
		d.broken[p] = struct{}{}
		d.add(n.Line, "an item of %s is empty; give it a value or take it out", name)
	}
}

// plainTags are the YAML tags that a value may have, written or implied.
var plainTags = []string{"!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!merge"}

// scalar decodes text into v, or says why it cannot if there is more to say
// than what is wanted. What YAML takes the text for does not matter: an account
// id stays the digits that were written, and no is a word.
func scalar(text string, v reflect.Value) (why string, ok bool) {
	var err error
	switch p := v.Addr().Interface().(type) {
	case *model.Duration:
		*p, err = model.ParseDuration(text)
	case *int:
		*p, err = strconv.Atoi(text)
	case *float64:
		*p, err = strconv.ParseFloat(text, 64)
	case *bool:
		*p, err = text == "true", nil
		if text != "true" && text != "false" {
			return "", false
		}
	case *Regexp:
		if *p, err = newRegexp(text); err != nil {
			why = ": " + err.Error()
		}
	default:
		if v.Kind() != reflect.String {
			return "", false
		}
		v.SetString(text)
	}
	return why, err == nil
}

// wanted says what can be written for v.
func wanted(v reflect.Value) string {
	switch v.Interface().(type) {
	case model.Duration:
		return "a duration such as 30s, 5m, 1h30m or 1d"
	case int:
		return "a whole number"
	case float64:
		return "a number"
	case bool:
		return "true or false"
	case Regexp:
		return "a regular expression in RE2 syntax"
	}
	switch v.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a mapping of keys to values"
	default:
		return "text"
	}
}

// described says what was written. Secrets are text, which is never wrong.
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

// mapping decodes n into the fields of v, a struct.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value) {
	fields := map[string]int{}
	var keys []string
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if key == "-" {
			continue
		}
		fields[key] = i
		keys = append(keys, key)
	}
	d.pairs(n, map[string]pair{}, 0, func(key, value *yaml.Node) {
		i, ok := fields[key.Value]
		if !ok {
			d.unknown(key, keys)
			return
		}
		d.value(value, v.Field(i), key.Value)
	})
}

// unknown takes note of a key that is none of keys.
func (d *decoder) unknown(key *yaml.Node, keys []string) {
	hint := ""
	if near := d.nearest(key.Value, keys); len(near) > 0 {
		hint = " (did you mean " + list(near, "or") + "?)"
	}
	d.add(key.Line, "unknown key %s%s; allowed here are %s", quote(key.Value), hint, list(keys, "and"))
}

// pair is a key that was seen, and the mapping that it is written in.
type pair struct{ mapping, key *yaml.Node }

// pairs calls use for each key of the mapping and then for the keys that it
// merges (<<) from others and does not have itself. depth is how many mappings
// it is being merged into.
func (d *decoder) pairs(n *yaml.Node, seen map[string]pair, depth int, use func(key, value *yaml.Node)) {
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		line := key.Line
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if !d.spend(key) {
			return
		}
		first, again := seen[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			d.add(line, "a key must be text, not %s", described(key))
		case key.ShortTag() == "!!merge" && value.Kind == yaml.SequenceNode:
			merged = append(merged, value.Content...)
		case key.ShortTag() == "!!merge":
			merged = append(merged, value)
		case !again:
			seen[key.Value] = pair{n, key}
			use(key, value)
		case first.mapping == n && first.key != key:
			d.add(line, "key %s is there twice, first on line %d; keep one", quote(key.Value), first.key.Line)
		}
	}
	for _, m := range merged {
		line := m.Line
		if m.Kind == yaml.AliasNode {
			m = m.Alias
		}
		switch {
		case !d.spend(m):
			return
		case m.Kind != yaml.MappingNode:
			d.add(line, "<< must be a mapping or a list of mappings, not %s", described(m))
		case depth == maxMerges:
			d.add(line, "<< leads through more than %d mappings, or in a circle; merge fewer", maxMerges)
		default:
			d.pairs(m, seen, depth+1, use)
		}
	}
}
