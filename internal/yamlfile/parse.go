// Package yamlfile reads YAML and JSON files that people write. It reports every mistake
// at once, with file, line and column and with what is allowed, and bounds what
// a file can cost: its size, its depth, what its aliases stand for, and how
// many mistakes are listed.
//
// [Read] gets the content of a file, [Parse] or [ParseJSON] turns it into [Node]
// values, and the methods of [Problems] walk them. What a file means is for its callers.
//
// It must not know configurations, rules or anything else of ours. No other
// package but awssim imports package yaml, so that a swap is done in here.
package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

const (
	maxDepth = 100 // of values, aliases followed
	// maxExpanded bounds what aliases may stand for altogether, which a small
	// file can make as large as it likes. It counts nodeSize bytes for every
	// value, and its text. Some 5,000 accounts with an alias for their regions fit.
	maxExpanded = 8 * maxSize
	nodeSize    = 64
)

// Format is what files of a kind have in common.
type Format struct {
	Name    string // such as "configuration file"
	Minimal string // the least that such a file has, in one line
	Aliases bool   // anchors, aliases and merge keys (<<) are allowed
	Nulls   bool   // a key without a value is allowed, and left alone
	// Tags are the local tags that a value may have, such as !Ref. They are its
	// [Node.Tag], also that of a list or mapping.
	Tags []string
}

// Parse returns the only document of a file, nil if it has none or is no YAML.
// Mistakes are added to p; the document may then have [Broken] nodes.
func Parse(p *Problems, f Format, name string, data []byte) *Node {
	whole := Position{File: name}
	if len(data) > maxSize {
		p.Add(whole, "%v", errTooLarge)
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if i, why := notText(data); i >= 0 {
		p.Add(position(name, data[:i]), "%s; the file must be YAML in UTF-8", why)
		return nil
	}
	stream := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	err := stream.Decode(&first)
	if err == nil {
		if err = stream.Decode(&second); err == nil {
			p.Add(Position{name, second.Line, second.Column}, "a second YAML document begins here; a %s is one document", f.Name)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		at, text := syntaxError(name, data, err)
		p.Add(at, "not valid YAML: %s", text)
		return nil
	}
	if len(first.Content) == 0 || first.Content[0].ShortTag() == "!!null" {
		p.Add(whole, "the %s is empty; a minimal one is: %s", f.Name, f.Minimal)
		return nil
	}
	b := builder{Problems: p, format: f, source: &source{name, strings.Split(string(data), "\n")}, left: maxExpanded}
	root := b.node(first.Content[0], 1)
	if b.left < 0 {
		return nil // What was cut off would be reported as missing.
	}
	return root
}

// position returns the position behind the text.
func position(name string, before []byte) Position {
	return Position{name, 1 + bytes.Count(before, []byte("\n")), 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])}
}

// notText returns the index of the first character that YAML does not allow,
// and what is wrong with it; -1 without one.
func notText(data []byte) (int, string) {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return i, fmt.Sprintf("byte 0x%02x is not valid UTF-8 text", data[i])
		case unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\u0085", r), r == '\ufeff', r == '\ufffe', r == '\uffff':
			return i, fmt.Sprintf("character %U is not allowed", r)
		}
		i += size
	}
	return -1, ""
}

var (
	yamlError     = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.+)' referenced$`)
	// parserError are the errors whose line package yaml counts from 0; it
	// counts from 1 in the others, and omits the first line in both.
	parserError = regexp.MustCompile(`^did not find expected (node content|key|'-' indicator|',' or .*|<.*>)$`)
)

// syntaxError returns what package yaml's error says, and where as far as it
// says that.
func syntaxError(name string, data []byte, err error) (Position, string) {
	at, text := Position{File: name, Line: 1}, err.Error()
	if m := yamlError.FindStringSubmatch(text); m != nil {
		text = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			at.Line = n
			if parserError.MatchString(text) {
				at.Line++
			}
		}
	}
	if m := unknownAnchor.FindStringSubmatch(text); m != nil {
		if before, _, ok := bytes.Cut(data, []byte("*"+m[1])); ok {
			at = position(name, before)
		}
	}
	return at, text
}

// builder makes nodes of package yaml's.
type builder struct {
	*Problems
	format Format
	source *source
	within []*yaml.Node // what aliases stand for that are being followed right now
	left   int          // of maxExpanded
}

// plainTags are the YAML tags that a value may have, written or implied.
var plainTags = []string{"!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!merge", "!!null"}

// node makes a node of n, which is so deep in the document.
func (b *builder) node(n *yaml.Node, depth int) *Node {
	out := &Node{Kind: Broken, line: n.Line, column: n.Column, source: b.source}
	if len(b.within) > 0 && b.left >= 0 {
		b.left -= nodeSize + len(n.Value)
		if b.left < 0 {
			b.Add(out.At(), "aliases make the file larger than %d bytes, the most that is allowed", maxExpanded)
		}
	}
	tag := n.ShortTag()
	switch {
	case b.left < 0:
		return out
	case (n.Kind == yaml.AliasNode || n.Anchor != "") && !b.format.Aliases:
		b.Add(out.At(), "anchors and aliases are not supported in a %s; write the value out", b.format.Name)
		return out
	case depth > maxDepth:
		b.Add(out.At(), "more than %d values are nested in each other here", maxDepth)
		return out
	case slices.Contains(b.within, n.Alias):
		b.Add(out.At(), "alias %s contains itself", n.Value)
		return out
	case n.Kind == yaml.AliasNode:
		b.within = append(b.within, n.Alias)
		out = b.node(n.Alias, depth)
		b.within = b.within[:len(b.within)-1]
		out.line, out.column = n.Line, n.Column
		return out
	case !slices.Contains(plainTags, tag) && !slices.Contains(b.format.Tags, tag):
		b.Add(out.At(), "the YAML tag %s is not supported; omit it", Quote(n.Tag))
		return out
	}
	if slices.Contains(b.format.Tags, tag) {
		out.Tag = tag
	}
	switch n.Kind {
	case yaml.SequenceNode:
		out.Kind = List
		for _, y := range n.Content {
			out.Items = append(out.Items, b.item(b.node(y, depth+1)))
		}
	case yaml.MappingNode:
		out.Kind = Mapping
		out.Pairs = b.pairs(n, depth)
	default:
		out.Kind, out.Text, out.Tag, out.style = Scalar, n.Value, tag, n.Style
		if tag == "!!null" {
			out.Kind = Null
		}
	}
	return out
}

// duplicate takes note of a key that a mapping has already.
func (b *builder) duplicate(key, earlier *Node) {
	b.Add(key.At(), "duplicate key %s, first on line %d; keep one", Quote(key.Text), earlier.line)
}

// valued takes note of a key without a value, unless that is allowed.
func (b *builder) valued(key, value *Node) {
	if value.Kind == Null && !b.format.Nulls {
		b.Add(key.At(), "key %s has no value; give it one or remove it", Quote(key.Text))
		value.Kind = Broken
	}
}

// item returns an item of a list, which must have a value.
func (b *builder) item(item *Node) *Node {
	if item.Kind == Null {
		b.Add(item.At(), "an item of a list has no value; give it one or remove it")
		item.Kind = Broken
	}
	return item
}

// pairs returns the pairs of a mapping and then those that it merges (<<) from
// others and whose keys it does not have itself.
func (b *builder) pairs(n *yaml.Node, depth int) []Pair {
	var pairs []Pair
	first := map[string]*Node{}
	var merged []*Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], b.node(n.Content[i+1], depth+1)
		if k.ShortTag() == "!!merge" && b.format.Aliases {
			merged = append(merged, value)
			continue
		}
		key := b.node(k, depth+1)
		earlier, again := first[key.Text]
		switch {
		case key.Kind == Broken:
		case k.ShortTag() == "!!merge":
			b.Add(key.At(), "<< is not supported in a %s; write the keys out", b.format.Name)
		case key.Kind == List, key.Kind == Mapping:
			b.Add(key.At(), "a key must be a string, not %s", key.describe())
		case again:
			b.duplicate(key, earlier)
		default:
			b.valued(key, value)
			first[key.Text] = key
			pairs = append(pairs, Pair{key, value})
		}
	}
	for _, m := range merged {
		sources := m.Items
		if m.Kind != List {
			sources = []*Node{m}
		}
		for _, s := range sources {
			b.Is(s, Mapping, "<<", "a mapping or a list of mappings")
			for _, pair := range s.Pairs {
				if _, ok := first[pair.Key.Text]; !ok {
					first[pair.Key.Text] = pair.Key
					pairs = append(pairs, pair)
				}
			}
		}
	}
	return pairs
}
