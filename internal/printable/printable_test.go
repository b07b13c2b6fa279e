package printable_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
)

func TestText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "",
		"plain \\ \"text\"":            "plain \\ \"text\"",
		"Müller 東京 عربي 🙂 e\u0301":     "Müller 東京 عربي 🙂 e\u0301",
		"wide\u3000and\u00a0narrow":    "wide\u3000and\u00a0narrow",
		"a\x1b[31mb\x07\x7f":           `a\u001b[31mb\u0007\u007f`,
		"c1 \u0085\u009b":              `c1 \u0085\u009b`,
		"bidi \u202e\u2066\u200f":      `bidi \u202e\u2066\u200f`,
		"bom \ufeff zero \u200b":       `bom \ufeff zero \u200b`,
		"lines\r\n\u2028\tend":         `lines\u000d\u000a\u2028\u0009end`,
		"tag \U000e0041":               `tag \udb40\udc41`,
		"private \ue000 \U0010ffff":    `private \ue000 \udbff\udfff`,
		"broken \xff\xc3":              `broken \ufffd\ufffd`,
		"surrogate \xed\xa0\x80":       `surrogate \ufffd\ufffd\ufffd`,
		"replaced \ufffd before":       "replaced \ufffd before",
		"replaced \ufffd, broken \x80": "replaced \ufffd, broken " + `\ufffd`,
	} {
		if got := printable.Text(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	same := []byte("one\n\ttwo Müller\n")
	if got := printable.Lines(same); &got[0] != &same[0] {
		t.Errorf("%q was copied", got)
	}
	if got := printable.Lines([]byte("one\n\t\x1b\r\u202e\xff\n")); string(got) != "one\n\t"+`\u001b\u000d\u202e\ufffd`+"\n" {
		t.Errorf("%q", got)
	}
}

// FuzzText checks that what comes out can be printed, and that JSON means the
// same afterwards.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "a\x1b\u202e", "\xff\xfe", "\U000e0041\"\\", "=1", "\u200b=1", "\n=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := printable.Text(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			t.Errorf("%q is not printable", got)
		}
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		if err := errors.Join(json.Unmarshal(encoded, &before), json.Unmarshal(printable.Lines(encoded), &after)); err != nil || before != after {
			t.Errorf("%v: %q became %q", err, before, after)
		}
		if cut := printable.Cut(text, 3); utf8.RuneCountInString(cut) > 3 {
			t.Errorf("%q is cut to %q", text, cut)
		}
	})
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		most int
		want string
	}{
		{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"äöü", 3, "äöü"}, {"äöüß", 3, "äö…"}, {"🙂🙂🙂🙂", 3, "🙂🙂…"}, {"ab", 1, "…"}, {"\xff\xff\xff\xff", 3, "\xff\xff…"},
	} {
		if got := printable.Cut(tt.text, tt.most); got != tt.want {
			t.Errorf("%q to %d: %q, want %q", tt.text, tt.most, got, tt.want)
		}
	}
}

func TestCell(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "  =1", " \n -1", "\u00a0=1", "\u3000@x", "\u200b=1", "\ufeff+1", "\x00=1", "\xff=1",
		"＝1", "＋1", "－1", "＠x", "\tplain", "\rplain", "\nplain",
	} {
		if got := printable.Cell(text); got != "'"+text {
			t.Errorf("%q: %q", text, got)
		}
	}
	for _, text := range []string{"", " ", "plain", "a=1", " plain", "1-2", "'=1", "\xffplain"} {
		if got := printable.Cell(text); got != text {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestWriter(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	text := []byte("a\x1bb\n")
	if n, err := printable.NewWriter(&b).Write(text); n != len(text) || err != nil || b.String() != `a\u001bb`+"\n" {
		t.Errorf("%d, %v, %q", n, err, b.String())
	}
	if n, err := printable.NewWriter(iotest.TruncateWriter(&b, 0)).Write(text); n != len(text) || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := printable.NewWriter(dead{}).Write(text); n != 0 || !errors.Is(err, errDead) {
		t.Errorf("%d, %v", n, err)
	}
}

var errDead = errors.New("dead")

// dead cannot be written to.
type dead struct{}

func (dead) Write([]byte) (int, error) { return 0, errDead }
