package yamlfile

import (
	"strconv"
	"strings"
)

// Quote shows a user's text in an error, only the beginning if it is long.
func Quote(s string) string {
	const longest = 64
	if r := []rune(s); len(r) > longest {
		return strconv.Quote(string(r[:longest])) + "…"
	}
	return strconv.Quote(s)
}

// Join lists words in a sentence, the last one after the conjunction.
func Join[S ~string](words []S, conjunction string) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i == 0:
		case i == len(words)-1:
			b.WriteString(" " + conjunction + " ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}

// nearest returns the words that differ from word in the fewest letters, if
// that is few.
func nearest(word string, words []string) []string {
	const longest, most = 64, 3
	if len(word) > longest {
		return nil
	}
	word = strings.ToLower(word)
	var found []string
	least := min(most, len(word)/2)
	for _, w := range words {
		switch d := distance(word, w); {
		case d < least:
			least, found = d, []string{w}
		case d == least:
			found = append(found, w)
		}
	}
	return found
}

// distance returns how many letters have to be inserted, deleted or replaced
// to turn a into b (Levenshtein's distance, in bytes).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // of a's prefix so far to each prefix of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
