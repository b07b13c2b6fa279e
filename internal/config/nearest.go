package config

import "strings"

// nearest returns the words that word is most likely a slip of, those that
// differ in the fewest letters, if that is few.
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

// distance returns how many letters have to be put in, taken out or replaced
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

// list joins words for a sentence, the last one by the conjunction.
func list(words []string, conjunction string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}
