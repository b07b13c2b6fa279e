package yamlfile

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	lax    = Format{Name: "lax file", Minimal: "a: 1", Aliases: true, Nulls: true}
	strict = Format{Name: "strict file", Minimal: "a: 1"}
)

// show returns a document in one line, with its positions, tags and kinds.
func show(n *Node) string {
	at := fmt.Sprintf("%d:%d", n.At().Line, n.At().Column)
	var parts []string
	switch n.Kind {
	case Mapping:
		for _, p := range n.Pairs {
			parts = append(parts, p.Key.Text+": "+show(p.Value))
		}
		return at + "{" + strings.Join(parts, ", ") + "}"
	case List:
		for _, item := range n.Items {
			parts = append(parts, show(item))
		}
		return at + "[" + strings.Join(parts, ", ") + "]"
	case Scalar:
		return at + " " + n.Tag + " " + n.Text
	case Null:
		return at + " null"
	default:
		return at + " broken"
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format Format
		file   string
		want   string
	}{
		{"types", strict, "a: x\nb: [1, 2.5, true, 2027-03-31, '1']\n", "1:1{a: 1:4 !!str x, b: 2:4[2:5 !!int 1, 2:8 !!float 2.5, 2:13 !!bool true, 2:19 !!timestamp 2027-03-31, 2:31 !!str 1]}"},
		{"columns in characters", strict, "ü: [日本, x]\n", "1:1{ü: 1:4[1:5 !!str 日本, 1:9 !!str x]}"},
		{"byte order mark", strict, "\ufeffa: x\n", "1:1{a: 1:4 !!str x}"},
		{"no value", lax, "a:\nb: ~\n", "1:1{a: 1:3 null, b: 2:4 null}"},
		{"written tag", strict, "a: !!str 1\n", "1:1{a: 1:4 !!str 1}"},
		{"alias", lax, "a: &x [1]\nb: *x\n", "1:1{a: 1:4[1:8 !!int 1], b: 2:4[1:8 !!int 1]}"},
		{"alias as a key", lax, "a: &x k\n*x : 1\n", "1:1{a: 1:4 !!str k, k: 2:6 !!int 1}"},
		{"merge", lax, "a: &x {k: 1, l: 2}\nb: {l: 3, <<: *x}\n", "1:1{a: 1:4{k: 1:11 !!int 1, l: 1:17 !!int 2}, b: 2:4{l: 2:8 !!int 3, k: 1:11 !!int 1}}"},
		{
			"the first of several merges counts", lax, "a: &x {k: 1}\nb: &y {k: 2, l: 2}\nc: {<<: [*x, *y, {m: 3}]}\n",
			"1:1{a: 1:4{k: 1:11 !!int 1}, b: 2:4{k: 2:11 !!int 2, l: 2:17 !!int 2}, c: 3:4{k: 1:11 !!int 1, l: 2:17 !!int 2, m: 3:22 !!int 3}}",
		},
		{"quoted merge key", strict, "'<<': 1\n", "1:1{<<: 1:7 !!int 1}"},
		{"merge key as a value", strict, "a: <<\n", "1:1{a: 1:4 !!merge <<}"},
		{"as deep as allowed", strict, strings.Repeat("[", maxDepth-1) + "x" + strings.Repeat("]", maxDepth-1), ""},
	} {
		var p Problems
		n := Parse(&p, tt.format, "x.yaml", []byte(tt.file))
		if err := p.Err(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if got := show(n); tt.want != "" && got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format Format
		file   string
		want   string // without the file's name
	}{
		{"empty", lax, "", ": the lax file is empty; a minimal one is: a: 1"},
		{"only a comment", lax, "# a: 1\n", ": the lax file is empty; a minimal one is: a: 1"},
		{"null document", strict, "---\n~\n", ": the strict file is empty; a minimal one is: a: 1"},
		{"too large", lax, "a: " + strings.Repeat(" ", maxSize), ": the file is larger than 1048576 bytes, the most that is allowed"},
		{"not UTF-8", lax, "a: 1\nü: \xfc", ":2:4: byte 0xfc is not valid UTF-8 text; the file must be YAML in UTF-8"},
		{"control character", lax, "a: \x07", ":1:4: character U+0007 is not allowed; the file must be YAML in UTF-8"},
		{"no character", lax, "a: \uffff", ":1:4: character U+FFFF is not allowed; the file must be YAML in UTF-8"},
		{"byte order mark inside", lax, "a: \ufeff", ":1:4: character U+FEFF is not allowed; the file must be YAML in UTF-8"},
		{"no YAML in the first line", lax, "a: b: c\n", ":1: not valid YAML: mapping values are not allowed in this context"},
		{"no YAML by the scanner", lax, "a: 1\n\tb: 1\n", ":2: not valid YAML: found a tab character that violates indentation"},
		{"no YAML by the parser", lax, "a: 1\n- b\n", ":2: not valid YAML: did not find expected key"},
		{"no YAML in a second document", lax, "a: 1\n---\na: b: c\n", ":3: not valid YAML: mapping values are not allowed in this context"},
		{"unknown anchor", lax, "a: 1\nb: *c\n", ":2:4: not valid YAML: unknown anchor 'c' referenced"},
		{"second document", strict, "a: 1\n---\nb: 1\n", ":2:1: a second YAML document begins here; a strict file is one document"},
		{"anchor", strict, "a: &x 1\n", ":1:4: anchors and aliases are not supported in a strict file; write the value out"},
		{"merge", strict, "a: {<<: {b: 1}}\n", ":1:5: << is not supported in a strict file; write the keys out"},
		{"no mapping to merge", lax, "a:\n  <<: [x, {}, [y]]\n", ":2:8: << must be a mapping or a list of mappings, not \"x\"\n:2:15: << must be a mapping or a list of mappings, not a list"},
		{"alias of itself", lax, "a: &x [1, *x, *x]\n", ":1:11: alias x contains itself\n:1:15: alias x contains itself"},
		{"aliases of each other", lax, "a: &x {b: &y [*x]}\nc: *y\n", ":1:15: alias x contains itself"},
		{"mapping of itself", lax, "a: &x {<<: *x}\n", ":1:12: alias x contains itself"},
		{"deep", lax, strings.Repeat("[", 200) + strings.Repeat("]", 200), ":1:101: more than 100 values are nested in each other here"},
		{"deep by aliases", lax, "a: &x " + strings.Repeat("[", 60) + strings.Repeat("]", 60) + "\nb: " + strings.Repeat("[", 60) + "*x" + strings.Repeat("]", 60), ":1:46: more than 100 values are nested in each other here"},
		{"deep key", lax, "? " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "\n: 1\n", ":1:3: a key must be a string, not a list\n:1:102: more than 100 values are nested in each other here"},
		{"too deep for the parser", lax, strings.Repeat("[", 20_000), ":1: not valid YAML: exceeded max depth of 10000"},
		{"tag", lax, "a: !env x\n", ":1:4: the YAML tag \"!env\" is not supported; omit it"},
		{"key that is a list", lax, "? [a]\n: 1\n", ":1:3: a key must be a string, not a list"},
		{"duplicate keys", lax, "a: 1\nb: 2\na: 3\na: 4\n", ":3:1: duplicate key \"a\", first on line 1; keep one\n:4:1: duplicate key \"a\", first on line 1; keep one"},
		{"one mistake, repeated by aliases", lax, "a: &x {b: 1, b: 2}\nc: [*x, *x]\nd: {<<: *x}\n", ":1:14: duplicate key \"b\", first on line 1; keep one"},
		{"no value", strict, "a:\nb: ~\n", ":1:1: key \"a\" has no value; give it one or remove it\n:2:1: key \"b\" has no value; give it one or remove it"},
		{"item without value", lax, "a: [1, ~]\n", ":1:8: an item of a list has no value; give it one or remove it"},
	} {
		var p Problems
		Parse(&p, tt.format, "x.yaml", []byte(tt.file))
		want := "x.yaml" + strings.ReplaceAll(tt.want, "\n", "\nx.yaml")
		if err := p.Err(); err == nil || err.Error() != want {
			t.Errorf("%s: error\n%v\nwant\n%s", tt.name, err, want)
		}
	}
}

// What has a mistake is broken afterwards, so that there is no second one.
func TestBroken(t *testing.T) {
	var p Problems
	n := Parse(&p, strict, "x.yaml", []byte("a:\nb: [1, ~, &x 2]\nc: !env x\nc: d\n[e]: f\n"))
	if got, want := show(n), "1:1{a: 1:3 broken, b: 2:4[2:5 !!int 1, 2:8 broken, 2:11 broken], c: 3:4 broken}"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	before := p.Err().Error()
	p.Wrong(n.Pairs[0].Value, "a", "a string")
	if p.Is(n.Pairs[0].Value, Scalar, "a", "a string") || p.Err().Error() != before {
		t.Errorf("a second mistake is reported:\n%v", p.Err())
	}
}

// A small file that stands for a large one is refused, and no document comes
// with that; a file that is large by itself is not.
func TestExpansion(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 9 {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 10))
	}
	text := strings.Repeat("x", 64)
	const enough = maxExpanded / (nodeSize + 64) // aliases of it, without a rest
	for _, tt := range []struct {
		name, file string
		refused    bool
	}{
		{"laughs", laughs.String(), true},
		{"long text", "a: &a " + strings.Repeat("x", 1000) + "\nb: [" + strings.Repeat("*a, ", 10_000) + "]", true},
		{"just too many", "a: &a " + text + "\nb: [" + strings.Repeat("*a, ", enough+1) + "]", true},
		{"just not too many", "a: &a " + text + "\nb: [" + strings.Repeat("*a, ", enough) + "]", false},
		{"no aliases", "a: [" + strings.Repeat("x,", maxSize/2-10) + "]", false},
	} {
		var p Problems
		start := time.Now()
		n := Parse(&p, lax, "x.yaml", []byte(tt.file))
		err := p.Err()
		refused := err != nil && strings.Contains(err.Error(), ": aliases make the file larger than 8388608 bytes, the most that is allowed")
		if refused != tt.refused || (n == nil) != refused || !refused && err != nil {
			t.Errorf("%s: document %v with error %v", tt.name, n != nil, err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s took %s", tt.name, took)
		}
	}
}

func TestValues(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"1", "int 1, float 1"},
		{"0x10", "int 16, float 16"},
		{"-9223372036854775808", "int -9223372036854775808, float -9.223372036854776e+18"},
		{"18446744073709551615", "float 1.8446744073709552e+19"},
		{"1.5", "float 1.5"},
		{"1.0", "float 1"},
		{".inf", ""},
		{".nan", ""},
		{"'1'", ""},
		{"true", "bool true"},
		{"False", "bool false"},
		{"yes", ""},
		{"!!int x", ""},
		{"!!bool x", ""},
		{"[1]", ""},
	} {
		var p Problems
		n := Parse(&p, strict, "x", []byte("a: "+tt.text)).Pairs[0].Value
		var got []string
		if v, ok := n.Int(); ok {
			got = append(got, fmt.Sprint("int ", v))
		}
		if v, ok := n.Float(); ok {
			got = append(got, fmt.Sprint("float ", v))
		}
		if v, ok := n.Bool(); ok {
			got = append(got, fmt.Sprint("bool ", v))
		}
		if got := strings.Join(got, ", "); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestMapping(t *testing.T) {
	for _, tt := range []struct{ file, got, err string }{
		{"{name: x, size: 1, kinds: [a, b]}", "name x, size 1, kinds a, kinds b", ""},
		{"{name: x, size: }", "name x", ""},
		{"{name: ~}", "", ""}, // It is given, so it is not missing.
		{"{size: 1}", "size 1", "x:1:1: it must have the key name"},
		{"{name: x, nme: y}", "name x", `x:1:11: unknown key "nme" in it (did you mean name?); allowed here: name, size and kinds`},
		{"{name: x, colour: y}", "name x", `x:1:11: unknown key "colour" in it; allowed here: name, size and kinds`},
		{"[x]", "", "x:1:1: it must be a mapping of keys to values, not a list"},
		{"x", "", `x:1:1: it must be a mapping of keys to values, not "x"`},
		{"{name: !env x, kinds: a}", "name ", "x:1:8: the YAML tag \"!env\" is not supported; omit it\nx:1:23: kinds must be a list, not \"a\""},
	} {
		var p Problems
		var got []string
		use := func(name string) func(*Node) {
			return func(n *Node) { got = append(got, name+" "+n.Text) }
		}
		p.Mapping(
			Parse(&p, lax, "x", []byte(tt.file)), "it",
			Field{Name: "name", Required: true, Decode: use("name")},
			Field{Name: "size", Decode: use("size")},
			Field{Name: "kinds", Decode: func(n *Node) { p.Each(n, "kinds", use("kinds")) }},
		)
		if got := strings.Join(got, ", "); got != tt.got {
			t.Errorf("%s: got %s, want %s", tt.file, got, tt.got)
		}
		if err := p.Err(); (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
			t.Errorf("%s: error\n%v\nwant\n%s", tt.file, err, tt.err)
		}
	}
	var p Problems
	p.Mapping(Parse(&p, lax, "x", []byte("{a: 1}")), "it")
	if want := `x:1:2: unknown key "a" in it; no key is allowed here`; p.Err() == nil || p.Err().Error() != want {
		t.Errorf("error %v, want %s", p.Err(), want)
	}
}

func TestProblems(t *testing.T) {
	var p Problems
	if err := p.Err(); err != nil {
		t.Errorf("error %v without mistakes", err)
	}
	for _, at := range []Position{{"b", 1, 1}, {"a", 10, 1}, {"a", 2, 10}, {"a", 2, 9}, {"a", 2, 0}, {File: "a"}, {"a", 2, 9}} {
		p.Add(at, "of %s", at.File)
	}
	p.Add(Position{"a", 2, 9}, "another")
	want := "a: of a\na:2: of a\na:2:9: another\na:2:9: of a\na:2:10: of a\na:10:1: of a\nb:1:1: of b"
	if err := p.Err(); err == nil || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
	near := p.Nearest("eu-west-11", []string{"eu-west-1", "us-east-1"})
	for i := range maxProblems {
		p.Add(Position{"c", i + 1, 1}, "of c")
	}
	lines := strings.Split(p.Err().Error(), "\n")
	if last := lines[len(lines)-1]; len(lines) != maxProblems+1 || last != "c: more mistakes were found; 100 are listed" {
		t.Errorf("%d lines, the last one is %s", len(lines), last)
	}
	if full := p.Nearest("eu-west-11", []string{"eu-west-1"}); near != "eu-west-1" || full != "" {
		t.Errorf("nearest is %q, and %q once no more mistakes are taken", near, full)
	}
	if at := (&Node{}).At(); at != (Position{}) {
		t.Errorf("the zero Node is at %v", at)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"eu-west-1", "eu-west-2", "us-west-1", "us-west-2", "ap-east-1"}
	for _, tt := range []struct{ word, want string }{
		{"eu-west-11", "eu-west-1"},
		{"euwest1", "eu-west-1"},
		{"EU-WEST-1", "eu-west-1"},
		{"us-west-3", "us-west-1 or us-west-2"},
		{"s-west-", "us-west-1 or us-west-2"},
		{"frankfurt", ""},
		{"", ""},
		{"x", ""},
		{strings.Repeat("eu-west-1", 10), ""},
	} {
		if got := new(Problems).Nearest(tt.word, words); got != tt.want {
			t.Errorf("nearest to %s: %s, want %s", tt.word, got, tt.want)
		}
	}
}

func TestWords(t *testing.T) {
	for want, words := range map[string][]string{"": nil, "a": {"a"}, "a or b": {"a", "b"}, "a, b or c": {"a", "b", "c"}} {
		if got := Join(words, "or"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, tt := range []struct{ text, want string }{
		{"a\n\"", `"a\n\""`},
		{strings.Repeat("ü", 64), `"` + strings.Repeat("ü", 64) + `"`},
		{strings.Repeat("ü", 65), `"` + strings.Repeat("ü", 64) + `"…`},
	} {
		if got := Quote(tt.text); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// A place inside a text is that of its character in the file, as far as YAML
// leaves the text as it is written.
func TestInside(t *testing.T) {
	for _, tt := range []struct {
		name, file   string
		line, column int
		want         string
	}{
		{"plain", "a: one two\n", 1, 4, "x:1:8"},
		{"plain, in two lines", "a: one\n  two\n", 1, 4, "x:1:4"},
		{"single quotes", "a: 'one two'\n", 1, 4, "x:1:9"},
		{"double quotes", "a: \"one two\"\n", 1, 4, "x:1:9"},
		{"escapes", "a: \"one\\x20two\"\n", 1, 4, "x:1:4"},
		{"wide letters", "ü: 日本 two\n", 1, 3, "x:1:7"},
		{"literal", "a: |\n  one\n    two\n", 2, 3, "x:3:6"},
		{"literal, stripped", "a: |-\n  one\n  two\n", 2, 1, "x:3:4"},
		{"literal, no line break at the end", "a: |\n  one", 2, 0, "x:1:4"},
		{"plain, no line break at the end", "a: one two", 1, 4, "x:1:8"},
		{"plain, behind a line break of YAML only", "# x\ra: one two", 1, 4, "x:2:4"},
		{"literal, carriage returns", "a: |\r\n  one\r\n  two\r\n", 2, 1, "x:3:4"},
		{"literal, behind its end", "a: |\n  one\n", 5, 0, "x:1:4"},
		{"folded", "a: >\n  one\n  two\n", 1, 4, "x:1:4"},
	} {
		var p Problems
		n := Parse(&p, strict, "x", []byte(tt.file)).Pairs[0].Value
		if got := n.Inside(tt.line, tt.column).String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestMarshal(t *testing.T) {
	var p Problems
	n := Parse(&p, lax, "x", []byte("{a: &x [1, '1', true, 'no: way', 2027-03-31], b: {<<: {c: *x}}, d: }"))
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	const list = "  - 1\n  - \"1\"\n  - true\n  - 'no: way'\n  - 2027-03-31\n"
	want := "a:\n" + list + "b:\n  c:\n" + strings.ReplaceAll("  "+strings.TrimSuffix(list, "\n"), "\n", "\n  ") + "\nd:\n"
	if got := Marshal(n); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, breaks := range []string{"\n", "one\r\r\ntwo\u2028"} {
		if again := Parse(&p, lax, "x", []byte(Marshal(&Node{Kind: Scalar, Tag: "!!str", Text: breaks}))); again.Text != breaks {
			t.Errorf("the line breaks of %q become those of %q", breaks, again.Text)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a function is no YAML, but was marshalled")
		}
	}()
	Marshal(func() {})
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, content string) {
		if err := os.WriteFile(path(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	write("file", "a: 1\n")
	write("largest", strings.Repeat("x", maxSize))
	write("large", strings.Repeat("x", maxSize+1))
	must(os.Truncate(path("large"), 1<<40)) // Sparse: it takes no room on the disk.
	must(syscall.Mkfifo(path("pipe"), 0o600))
	must(os.Symlink("file", path("link")))
	must(os.Symlink("pipe", path("link-to-pipe")))
	must(os.Symlink("nothing", path("dangling")))
	l, err := net.Listen("unix", path("socket")) //nolint:noctx // It is closed below.
	must(err)
	defer l.Close() //nolint:errcheck // Nothing was sent.

	const cannot, regular = ": the file cannot be read: ", "it must be a regular file, not "
	for _, tt := range []struct{ path, err string }{
		{path("file"), ""},
		{path("largest"), ""},
		{path("link"), ""},
		{"/proc/self/status", ""}, // It says that it is empty.
		{path("large"), "the file is larger than 1048576 bytes, the most that is allowed"},
		{path("pipe"), regular + "a named pipe"},
		{path("link-to-pipe"), regular + "a named pipe"},
		{path("socket"), regular + "a socket"},
		{path("dangling"), "no such file or directory"},
		{path("missing"), "no such file or directory"},
		{dir, regular + "a directory"},
		{"/dev/zero", regular + "a device"},
	} {
		if strings.HasPrefix(tt.path, "/proc") {
			if _, err := os.Stat(tt.path); err != nil {
				continue // Linux only.
			}
		}
		data, err := Read(tt.path)
		switch {
		case tt.err == "" && (err != nil || len(data) == 0 || tt.path == path("largest") && len(data) != maxSize):
			t.Errorf("%s: %d bytes with error %v", tt.path, len(data), err)
		case tt.err != "" && (err == nil || err.Error() != tt.path+cannot+tt.err):
			t.Errorf("%s: error %v, want %s", tt.path, err, tt.err)
		}
	}

	// Kubernetes renews a ConfigMap by swapping a link.
	write("new", "a: 2\n")
	must(os.Symlink("new", path("next")))
	must(os.Rename(path("next"), path("link")))
	if data, err := Read(path("link")); err != nil || string(data) != "a: 2\n" {
		t.Errorf("behind the swapped link is %q with error %v", data, err)
	}
}

// What was a regular file when it was looked at may be a named pipe when it is
// opened; that must not wait for a writer.
func TestReadSwapped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("a: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := read(path, func(path string) (fs.FileInfo, error) {
		info, err := os.Stat(path)
		return info, errors.Join(err, os.Remove(path), syscall.Mkfifo(path, 0o600))
	}, maxSize)
	if want := "it must be a regular file, not a named pipe"; data != nil || err == nil || err.Error() != want {
		t.Errorf("%q with error %v, want %s", data, err, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{
		"a: [1, '2', 3.5, true, ~]\nb: {c: |\n  text\n}", "a: &x {b: 1}\nc: {<<: [*x, {d: *x}]}\ne: *x\n", "&x [*x, [*x]]", "a: 1\na: 2\n? [b]\n: 3\n",
		"a: !env b", "--- a\n--- b", "\ufeffü: \"\\u00fc\"", "1: 0\n0: 0\n", "a: *b", "<<: {<<: 1}", "a: b: c", "'a': >-\n  folded\n  text\n",
	} {
		f.Add([]byte(file), true)
		f.Add([]byte(file), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, relaxed bool) {
		format := strict
		if relaxed {
			format = lax
		}
		var p Problems
		n := Parse(&p, format, "x.yaml", data)
		lines := 2 + strings.Count(string(data), "\n") // One more for what is missing at the end.
		for _, other := range []string{"\r", "\u0085", "\u2028", "\u2029"} {
			lines += strings.Count(string(data), other) // YAML takes them for line breaks as well.
		}
		for q := range p.found {
			if q.at.File != "x.yaml" || q.at.Line < 0 || q.at.Line > lines {
				t.Errorf("a mistake is at %v", q.at)
			}
		}
		if err := p.Err(); err != nil {
			return
		}
		if n == nil {
			t.Fatal("no document and no mistake")
		}
		check(t, n, lines, relaxed)
		shown := Marshal(n)
		if again := Parse(&p, lax, "again.yaml", []byte(shown)); p.Err() != nil {
			t.Fatalf("%v, of\n%s", p.Err(), shown)
		} else if !same(n, again) {
			t.Errorf("marshalled, it is another document:\n%s", shown)
		}
	})
}

// same reports whether two documents are the same but for their positions and
// the order of keys.
func same(a, b *Node) bool {
	byKey := func(p, q Pair) int { return strings.Compare(p.Key.Text, q.Key.Text) }
	slices.SortFunc(a.Pairs, byKey)
	slices.SortFunc(b.Pairs, byKey)
	return a.Kind == b.Kind && a.Tag == b.Tag && (a.Kind == Null || a.Text == b.Text) && slices.EqualFunc(a.Items, b.Items, same) &&
		slices.EqualFunc(a.Pairs, b.Pairs, func(p, q Pair) bool { return p.Key.Text == q.Key.Text && same(p.Value, q.Value) })
}

// check holds a document without mistakes against what is said of nodes.
func check(t *testing.T, n *Node, lines int, nulls bool) {
	at := n.At()
	if at.Line < 1 || at.Line > lines || at.Column < 1 {
		t.Errorf("a node is at %v", at)
	}
	if n.Kind == Broken || n.Kind == Null && !nulls {
		t.Errorf("the node at %v is of kind %d", at, n.Kind)
	}
	if n.Kind == Scalar {
		n.Inside(1, 0)
	}
	for _, item := range n.Items {
		if item.Kind == Null {
			t.Errorf("the item at %v is null", item.At())
		}
		check(t, item, lines, nulls)
	}
	seen := map[string]bool{}
	for _, p := range n.Pairs {
		if seen[p.Key.Text] {
			t.Errorf("the key at %v is duplicate", p.Key.At())
		}
		seen[p.Key.Text] = true
		check(t, p.Value, lines, nulls)
	}
}
