// Package printable makes text that others wrote fit to be shown: names, tags
// and messages of AWS may have characters that move a terminal's cursor, turn
// the direction of the text around them, hide, or begin a formula in a
// spreadsheet.
//
// What it escapes are the characters that are neither a letter, a mark, a
// number, punctuation, a symbol nor a space (unicode.IsGraphic), and bytes that
// are not UTF-8. They become \u and four digits, as JSON has it, so that JSON
// means the same with them as without.
//
// It must not know what the text is of.
package printable

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns a text in one line: line breaks and tabs are escaped as well.
func Text(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsGraphic(r) }) {
		return s
	}
	return string(escaped(nil, []byte(s), ""))
}

// Lines returns a text that may have several lines and tabs, such as a page or
// JSON. It may be the data itself.
func Lines(data []byte) []byte {
	const kept = "\n\t"
	if !bytes.ContainsFunc(data, func(r rune) bool {
		return r == utf8.RuneError || !unicode.IsGraphic(r) && !strings.ContainsRune(kept, r)
	}) {
		return data
	}
	return escaped(make([]byte, 0, len(data)+len(data)/8), data, kept)
}

// escaped appends the data to b, escaped but for what is kept.
func escaped(b, data []byte, kept string) []byte {
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		broken := r == utf8.RuneError && size == 1
		switch {
		case !broken && (unicode.IsGraphic(r) || strings.ContainsRune(kept, r)):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = unit(unit(b, high), low)
		default: // A byte that is not UTF-8 becomes U+FFFD, as it does in Go's JSON.
			b = unit(b, r)
		}
		data = data[size:]
	}
	return b
}

// unit appends a character of at most 16 bits, escaped.
func unit(b []byte, r rune) []byte {
	return hex.AppendEncode(append(b, `\u`...), []byte{byte(r >> 8), byte(r)}) //nolint:gosec // The lower 16 bits.
}

// Cut returns a text that is at most so many characters long; the last one is …
// where something is missing.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := 0
	end := 0 // of all but the last character
	for i := range s {
		if n++; n == most {
			end = i
		}
		if n > most {
			return s[:end] + "…"
		}
	}
	return s
}

// formula are the characters with which spreadsheets begin a formula, the wide
// ones too.
const formula = "=+-@＝＋－＠"

// Cell returns the text of a cell of CSV that no spreadsheet takes for a
// formula, whatever space it removes in front.
func Cell(s string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(s, func(r rune) bool {
		return r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsGraphic(r)
	}))
	if s != "" && (strings.ContainsRune(formula, first) || strings.ContainsRune("\t\r\n", rune(s[0]))) {
		return "'" + s
	}
	return s
}

// Writer escapes what is written through it as [Lines] does. Like what it
// writes to, it is for one goroutine at a time unless that is for many and each
// text is written whole.
type Writer struct{ w io.Writer }

// NewWriter returns a writer to w.
func NewWriter(w io.Writer) Writer { return Writer{w} }

// Write implements [io.Writer].
func (w Writer) Write(p []byte) (int, error) {
	if _, err := w.w.Write(Lines(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
