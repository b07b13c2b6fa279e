package yamlfile

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Kind says what a [Node] is.
type Kind uint8

// The kinds of nodes.
const (
	Null Kind = iota // no value; see [Format.Nulls]
	Scalar
	List
	Mapping
	Broken // a mistake in it was reported; nothing else of it is set but its position
)

// Node is a value in a file, with aliases followed and merge keys applied. It
// does not change. The zero Node is Null and in no file.
type Node struct {
	Kind  Kind
	Text  string  // of a scalar or key, as it is written but for quotes and escapes
	Tag   string  // of a scalar: what YAML takes it for, such as !!str or !!int
	Items []*Node // of a list; none is Null
	Pairs []Pair  // of a mapping, in the order of the file; the keys are unique

	line, column int
	style        yaml.Style
	source       *source
}

// Pair is a key with its value.
type Pair struct{ Key, Value *Node }

// source is the file that nodes are from.
type source struct {
	name  string
	lines []string
}

// At returns where the node begins. Of what an alias stands for, that is the
// alias. A nil Node and the zero Node are nowhere.
func (n *Node) At() Position {
	if n == nil || n.source == nil {
		return Position{}
	}
	return Position{n.source.name, n.line, n.column}
}

// Int returns the value of a whole number of at most 64 bits.
func (n *Node) Int() (v int64, ok bool) {
	ok = n.Tag == "!!int" && n.decode(&v)
	return v, ok
}

// Float returns the value of a finite number.
func (n *Node) Float() (v float64, ok bool) {
	ok = (n.Tag == "!!int" || n.Tag == "!!float") && n.decode(&v) && !math.IsNaN(v) && !math.IsInf(v, 0)
	return v, ok
}

// Bool returns the value of true or false.
func (n *Node) Bool() (v, ok bool) {
	ok = n.Tag == "!!bool" && n.decode(&v)
	return v, ok
}

func (n *Node) decode(v any) bool {
	y := yaml.Node{Kind: yaml.ScalarNode, Tag: n.Tag, Value: n.Text}
	return y.Decode(v) == nil
}

// describe says what was written.
func (n *Node) describe() string {
	switch n.Kind {
	case Mapping:
		return "a mapping"
	case List:
		return "a list"
	default:
		return Quote(n.Text)
	}
}

// Inside returns where in the file a character of the node's text is, by its
// line, from 1, and column, from 0, in the text. Where YAML folds or escapes
// the text, it is where the node begins.
func (n *Node) Inside(line, column int) Position {
	at := n.At()
	switch n.style {
	case yaml.LiteralStyle:
		i := n.line + line - 1 // of the line, from 0; the text begins in the line below the bar
		content := strings.Split(n.Text, "\n")
		if line > len(content) || i >= len(n.source.lines) {
			return at
		}
		if indent, ok := strings.CutSuffix(strings.TrimSuffix(n.source.lines[i], "\r"), content[line-1]); ok && strings.TrimSpace(indent) == "" {
			at.Line, at.Column = i+1, utf8.RuneCountInString(indent)+column+1
		}
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		if n.written(n.column) {
			at.Column += 1 + column
		}
	case 0:
		if n.written(n.column - 1) {
			at.Column += column
		}
	default:
	}
	return at
}

// written reports whether the text is in its line as it is, after that many characters.
func (n *Node) written(after int) bool {
	if n.line > len(n.source.lines) {
		return false
	}
	line := []rune(n.source.lines[n.line-1])
	return after <= len(line) && strings.HasPrefix(string(line[after:]), n.Text)
}

// MarshalYAML returns the node for [Marshal], without aliases, keys sorted.
func (n *Node) MarshalYAML() (any, error) {
	switch n.Kind {
	case List:
		return n.Items, nil
	case Mapping:
		m := map[string]*Node{}
		for _, p := range n.Pairs {
			m[p.Key.Text] = p.Value
		}
		return m, nil
	default:
		y := &yaml.Node{Kind: yaml.ScalarNode, Tag: n.Tag, Value: n.Text}
		if strings.ContainsFunc(n.Text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			y.Style = yaml.DoubleQuotedStyle // In the other styles package yaml loses some line breaks.
		}
		return y, nil
	}
}

// Marshal returns v as YAML. It panics if v has types that YAML cannot show.
func Marshal(v any) string {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(v), e.Close()); err != nil {
		panic(err)
	}
	return b.String()
}
