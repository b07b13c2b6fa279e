package rules

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxProblems bounds what is reported of files that are something else altogether.
const maxProblems = 100

// position is a place in a file. Mistakes with the file as a whole have line 0.
type position struct {
	order     int // of the file
	file      string
	line, col int
}

func (p position) String() string {
	if p.line == 0 {
		return p.file
	}
	return p.file + ":" + strconv.Itoa(p.line) + ":" + strconv.Itoa(p.col)
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.order, q.order), cmp.Compare(p.line, q.line), cmp.Compare(p.col, q.col))
}

type problem struct {
	at   position
	text string
}

// problems collects mistakes.
type problems struct {
	found []problem
	more  bool
}

func (p *problems) add(at position, format string, args ...any) {
	if len(p.found) == maxProblems {
		p.more = true
		return
	}
	p.found = append(p.found, problem{at, fmt.Sprintf(format, args...)})
}

// err returns nil without problems, else an error with a paragraph for each in
// the order of the files.
func (p *problems) err() error {
	if len(p.found) == 0 {
		return nil
	}
	slices.SortStableFunc(p.found, func(a, b problem) int { return a.at.compare(b.at) })
	var texts []string
	for _, q := range p.found {
		texts = append(texts, q.at.String()+": "+q.text)
	}
	if p.more {
		texts = append(texts, fmt.Sprintf("more mistakes follow; these are %d of them", maxProblems))
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

// list joins words for a sentence, the last one by the conjunction.
func list(words []string, conjunction string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}
