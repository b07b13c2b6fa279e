package yamlfile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxProblems bounds what is reported of files that are something else altogether.
const maxProblems = 100

// Position is a place in a file. Lines and columns count from 1, columns in
// characters. Line 0 is the file as a whole, column 0 the line as a whole.
type Position struct {
	File         string
	Line, Column int
}

// String returns file:line:column, without what is 0.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return p.File + ":" + strconv.Itoa(p.Line)
	default:
		return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
	}
}

type problem struct {
	at   Position
	text string
}

// Problems collects the mistakes in files, at most 100 of them. What is added
// twice, because an alias repeats it, counts once. The zero value is empty and
// ready to use, by one goroutine at a time.
type Problems struct {
	found map[problem]struct{}
	more  string // the file in which the first mistake is that no longer fit
}

// Add takes note of a mistake. The text says what is wrong and what is allowed.
func (p *Problems) Add(at Position, format string, args ...any) {
	if p.full() {
		p.more = cmp.Or(p.more, at.File)
		return
	}
	if p.found == nil {
		p.found = map[problem]struct{}{}
	}
	p.found[problem{at, fmt.Sprintf(format, args...)}] = struct{}{}
}

func (p *Problems) full() bool { return len(p.found) == maxProblems }

// Err returns nil without mistakes, else an error that lists them by file, line
// and column, each with its [Position] in front.
func (p *Problems) Err() error {
	if len(p.found) == 0 {
		return nil
	}
	sorted := slices.SortedFunc(maps.Keys(p.found), func(a, b problem) int {
		return cmp.Or(
			cmp.Compare(a.at.File, b.at.File), cmp.Compare(a.at.Line, b.at.Line), cmp.Compare(a.at.Column, b.at.Column),
			cmp.Compare(a.text, b.text),
		)
	})
	var texts []string
	for _, q := range sorted {
		texts = append(texts, q.at.String()+": "+q.text)
	}
	if p.more != "" {
		texts = append(texts, fmt.Sprintf("%s: more mistakes were found; %d are listed", p.more, maxProblems))
	}
	return errors.New(strings.Join(texts, "\n"))
}

// Wrong takes note that n, which errors call what, is not what is wanted,
// unless a mistake in it is known already.
func (p *Problems) Wrong(n *Node, what, wanted string) {
	if n.Kind != Broken {
		p.Add(n.At(), "%s must be %s, not %s", what, wanted, n.describe())
	}
}

// Is reports whether n is of the kind. If not, the mistake is noted as by [Problems.Wrong].
func (p *Problems) Is(n *Node, kind Kind, what, wanted string) bool {
	if n.Kind != kind {
		p.Wrong(n, what, wanted)
	}
	return n.Kind == kind
}

// Field is a key that a mapping may have.
type Field struct {
	Name     string
	Required bool
	Decode   func(value *Node) // is not called for a value that is [Null]
}

// Mapping decodes n, which errors call what: a mapping with the fields and no
// other keys.
func (p *Problems) Mapping(n *Node, what string, fields ...Field) {
	if !p.Is(n, Mapping, what, "a mapping of keys to values") {
		return
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	seen := make([]bool, len(fields))
	for _, pair := range n.Pairs {
		i := slices.Index(names, pair.Key.Text)
		if i < 0 {
			p.unknown(pair.Key, what, names)
			continue
		}
		seen[i] = true
		if pair.Value.Kind != Null {
			fields[i].Decode(pair.Value)
		}
	}
	for i, f := range fields {
		if f.Required && !seen[i] {
			p.Add(n.At(), "%s must have the key %s", what, f.Name)
		}
	}
}

func (p *Problems) unknown(key *Node, what string, names []string) {
	hint, allowed := "", "no key is allowed here"
	if near := p.Nearest(key.Text, names); near != "" {
		hint = " (did you mean " + near + "?)"
	}
	if len(names) > 0 {
		allowed = "allowed here: " + Join(names, "and")
	}
	p.Add(key.At(), "unknown key %s in %s%s; %s", Quote(key.Text), what, hint, allowed)
}

// Each calls decode for every item of n, which errors call what: a list.
func (p *Problems) Each(n *Node, what string, decode func(item *Node)) {
	if p.Is(n, List, what, "a list") {
		for _, item := range n.Items {
			decode(item)
		}
	}
}

// Nearest returns those of the words that word is most likely a misspelling
// of, joined by or; often none. It takes time, so it returns none for a mistake
// that would no longer be listed.
func (p *Problems) Nearest(word string, words []string) string {
	if p.full() {
		return ""
	}
	return Join(nearest(word, words), "or")
}
