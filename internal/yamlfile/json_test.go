package yamlfile

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseJSON(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"types", "{\"a\": \"x\",\n \"b\": [1, 2.5, 1e3, true, false, \"1\"]}", "1:1{a: 1:7 !!str x, b: 2:7[2:8 !!int 1, 2:11 !!float 2.5, 2:16 !!float 1e3, 2:21 !!bool true, 2:27 !!bool false, 2:34 !!str 1]}"},
		{"columns in characters", `{"ü":["日本","x"]}`, "1:1{ü: 1:6[1:7 !!str 日本, 1:12 !!str x]}"},
		{"what YAML does not have", "{\t\"a\": \"\\ud83d\\ude00\\/\",\r\n\t\"b\":{}}", "1:1{a: 1:8 !!str 😀/, b: 2:6{}}"},
		{"byte order mark", "\ufeff[\"x\"]", "1:1[1:2 !!str x]"},
		{"as deep as allowed", strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), ""},
	} {
		var p Problems
		n := ParseJSON(&p, strict, "x.json", []byte(tt.file))
		if err := p.Err(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if got := show(n); tt.want != "" && got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	var p Problems
	if got := show(ParseJSON(&p, lax, "x.json", []byte(`{"a": null}`))); got != "1:1{a: 1:7 null}" || p.Err() != nil {
		t.Errorf("got %s and %v", got, p.Err())
	}
}

func TestJSONMistakes(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"empty", " \n", ": the strict file is empty; a minimal one is: a: 1"},
		{"null", "null", ": the strict file is empty; a minimal one is: a: 1"},
		{"too large", strings.Repeat(" ", maxSize) + "1", ": the file is larger than 1048576 bytes, the most that is allowed"},
		{"no JSON", "{\"a\":\n x}", ":2: not valid JSON: invalid character 'x' looking for beginning of value"},
		{"ends early", "{\"a\":\n [1", ":2: not valid JSON: unexpected EOF"},
		{"no key", "{1: 2}", ":1: not valid JSON: "},
		{"two documents", "{}\n\n{}", ":1: something follows the JSON document; a strict file is one document"},
		{"an end too many", "{}\n}", ":1: something follows the JSON document; a strict file is one document"},
		{"deep", strings.Repeat("[", 20_000), ":1:101: more than 100 values are nested in each other here"},
		{"duplicate keys", "{\"a\": 1,\n \"b\": 2, \"a\": 3}", ":2:10: duplicate key \"a\", first on line 1; keep one"},
		{"no value", `{"a": null}`, `:1:2: key "a" has no value; give it one or remove it`},
		{"item without value", `[1, null]`, ":1:5: an item of a list has no value; give it one or remove it"},
	} {
		var p Problems
		ParseJSON(&p, strict, "x.json", []byte(tt.file))
		if err := p.Err(); err == nil || !strings.Contains(err.Error()+"\n", "x.json"+tt.want) {
			t.Errorf("%s: error\n%v\nwant\nx.json%s", tt.name, err, tt.want)
		}
	}
}

func TestLocalTags(t *testing.T) {
	f := lax
	f.Tags = []string{"!Ref", "!Join"}
	var p Problems
	n := Parse(&p, f, "x.yaml", []byte("a: !Ref b\nc: !Join ['', [x]]\nd: !Join {e: f}\ng: !Sub h\n"))
	if got, want := p.Err(), `x.yaml:4:4: the YAML tag "!Sub" is not supported; omit it`; got == nil || got.Error() != want {
		t.Errorf("error %v, want %s", got, want)
	}
	var tags []string
	for _, pair := range n.Pairs {
		tags = append(tags, pair.Value.Tag)
	}
	if got := strings.Join(tags, " "); got != "!Ref !Join !Join " {
		t.Errorf("the tags are %q", got)
	}
}

func TestReadUpTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadUpTo(path, 5); err != nil || string(data) != "12345" {
		t.Errorf("%q with error %v", data, err)
	}
	want := path + ": the file cannot be read: the file is larger than 4 bytes, the most that is allowed"
	if data, err := ReadUpTo(path, 4); data != nil || err == nil || err.Error() != want {
		t.Errorf("%q with error %v, want %s", data, err, want)
	}
	if data, err := AllOf(strings.NewReader("12345"), 4); data != nil || err == nil {
		t.Errorf("%q with error %v", data, err)
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, file := range []string{`{"a": [1, "2", 3.5, true, null], "b": {"c": "d"}}`, `{"a": 1, "a": 2}`, "[]{}", "\ufeff{\n\"a\":\t\"\\u0000\\ud800\"}", "[[[", `{"a"`, " ", "null"} {
		f.Add([]byte(file), true)
		f.Add([]byte(file), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, relaxed bool) {
		format := strict
		if relaxed {
			format = lax
		}
		var p Problems
		n := ParseJSON(&p, format, "x.json", data)
		lines := 1 + strings.Count(string(data), "\n")
		for q := range p.found {
			if q.at.File != "x.json" || q.at.Line < 0 || q.at.Line > lines {
				t.Errorf("a mistake is at %v", q.at)
			}
		}
		if p.Err() != nil {
			return
		}
		if n == nil || !json.Valid(bytes.TrimPrefix(data, []byte("\ufeff"))) {
			t.Fatal("there is no document, or it is no JSON, and no mistake")
		}
		check(t, n, lines, relaxed)
	})
}
