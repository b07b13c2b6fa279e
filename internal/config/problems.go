package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxProblems bounds what is reported of a file that is something else altogether.
const maxProblems = 1000

// problem is a mistake in the file; those with the file as a whole have line 0.
type problem struct {
	line int
	text string
}

// problems collects mistakes. What an alias repeats is reported once.
type problems struct {
	found map[problem]struct{}
	more  bool
}

// full reports whether no more problems are taken.
func (p *problems) full() bool { return len(p.found) == maxProblems }

func (p *problems) add(line int, format string, args ...any) {
	if p.full() {
		p.more = true
		return
	}
	p.found[problem{line, fmt.Sprintf(format, args...)}] = struct{}{}
}

// nearest is the function of that name, which takes time, for problems that are still taken.
func (p *problems) nearest(word string, words []string) []string {
	if p.full() {
		return nil
	}
	return nearest(word, words)
}

// err returns nil without problems, else an error with a line of text for each
// in the order of the file: prefix, line number, what is wrong.
func (p *problems) err(prefix string) error {
	if len(p.found) == 0 {
		return nil
	}
	sorted := make([]problem, 0, len(p.found))
	for q := range p.found {
		sorted = append(sorted, q)
	}
	slices.SortFunc(sorted, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.text, b.text))
	})
	var texts []string
	for _, q := range sorted {
		if q.line > 0 {
			q.text = strconv.Itoa(q.line) + ": " + q.text
		} else {
			q.text = " " + q.text
		}
		texts = append(texts, prefix+q.text)
	}
	if p.more {
		texts = append(texts, fmt.Sprintf("%s more mistakes follow; these are %d of them", prefix, maxProblems))
	}
	return errors.New(strings.Join(texts, "\n"))
}

// quote shows a user's text in an error, the beginning of it if it is long.
func quote(s string) string {
	const longest = 64
	if r := []rune(s); len(r) > longest {
		return strconv.Quote(string(r[:longest])) + "…"
	}
	return strconv.Quote(s)
}
