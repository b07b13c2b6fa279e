package yamlfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// ParseJSON is [Parse] for a file that is one JSON document, which need not be
// valid YAML: YAML lacks some of its escapes.
func ParseJSON(p *Problems, f Format, name string, data []byte) *Node {
	whole := Position{File: name}
	if len(data) > maxSize {
		p.Add(whole, "%v", errTooLarge)
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	r := jsonReader{
		builder: builder{Problems: p, format: f, source: &source{name, strings.Split(string(data), "\n")}}, Decoder: d, data: data, line: 1,
	}
	root, err := r.node(1)
	if err == nil {
		if _, after := d.Token(); !errors.Is(after, io.EOF) {
			p.Add(Position{name, r.line, 0}, "something follows the JSON document; a %s is one document", f.Name)
		}
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			if len(bytes.TrimSpace(data)) == 0 {
				p.Add(whole, "the %s is empty; a minimal one is: %s", f.Name, f.Minimal)
				return nil
			}
			err = io.ErrUnexpectedEOF
		}
		r.move(d.InputOffset())
		p.Add(Position{name, r.line, 0}, "not valid JSON: %v", err)
		return nil
	}
	if root.Kind == Null {
		p.Add(whole, "the %s is empty; a minimal one is: %s", f.Name, f.Minimal)
		return nil
	}
	return root
}

// jsonReader makes nodes of JSON's tokens.
type jsonReader struct {
	builder
	*json.Decoder
	data []byte

	offset, start int // in data: how far line counts, and where that line starts
	line          int // from 1
}

// move counts lines up to an offset, which never goes back.
func (r *jsonReader) move(offset int64) {
	for to := int(offset); r.offset < to; r.offset++ {
		if r.data[r.offset] == '\n' {
			r.line++
			r.start = r.offset + 1
		}
	}
}

// token returns the next token with a node that is where it begins.
func (r *jsonReader) token() (json.Token, *Node, error) {
	begin := r.InputOffset()
	for begin < int64(len(r.data)) && strings.IndexByte(" \t\r\n,:", r.data[begin]) >= 0 {
		begin++
	}
	t, err := r.Token()
	r.move(begin)
	return t, &Node{Kind: Scalar, line: r.line, column: 1 + utf8.RuneCount(r.data[r.start:r.offset]), source: r.source}, err
}

// node makes the next node, which is so deep in the document.
func (r *jsonReader) node(depth int) (*Node, error) {
	t, n, err := r.token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		r.Add(n.At(), "more than %d values are nested in each other here", maxDepth)
		return nil, errors.New("it is nested too deeply")
	}
	switch t := t.(type) {
	case json.Delim:
		return n, r.inside(n, t, depth)
	case string:
		n.Text, n.Tag = t, "!!str"
	case json.Number:
		n.Text, n.Tag = t.String(), "!!int"
		if strings.ContainsAny(n.Text, ".eE") {
			n.Tag = "!!float"
		}
	case bool:
		n.Text, n.Tag = map[bool]string{true: "true", false: "false"}[t], "!!bool"
	default:
		n.Kind, n.Text, n.Tag = Null, "null", "!!null"
	}
	return n, nil
}

// inside makes what is in a list or a mapping.
func (r *jsonReader) inside(n *Node, begin json.Delim, depth int) error {
	n.Kind = List
	if begin == '{' {
		n.Kind = Mapping
	}
	first := map[string]*Node{}
	for r.More() {
		if n.Kind == List {
			item, err := r.node(depth + 1)
			if err != nil {
				return err
			}
			n.Items = append(n.Items, r.item(item))
			continue
		}
		key, err := r.node(depth + 1) // The decoder gives a string.
		if err != nil {
			return err
		}
		value, err := r.node(depth + 1)
		if err != nil {
			return err
		}
		if earlier := first[key.Text]; earlier != nil {
			r.duplicate(key, earlier)
			continue
		}
		r.valued(key, value)
		first[key.Text] = key
		n.Pairs = append(n.Pairs, Pair{key, value})
	}
	_, err := r.Token()
	return err
}
