package rules

import (
	"os"
	"strings"
	"testing"
)

// factTables returns the tables of all facts, for docs/rules.md.
func factTables() string {
	var b strings.Builder
	for _, e := range ForEachs() {
		rootTypes[e].all(func(t *objectType) {
			b.WriteString("\n### `" + t.path + "`\n\n| fact | type | meaning | unknown when |\n|---|---|---|---|\n")
			for _, f := range t.facts {
				typ, not := strings.ReplaceAll(f.typ.String(), "google.protobuf.Timestamp", "timestamp"), f.not
				if f.of != nil {
					typ, not = "see below", "each fact by itself"
				} else if not == "" {
					not = "never"
				}
				b.WriteString("| `" + f.name + "` | " + typ + " | " + f.doc + " | " + not + " |\n")
			}
		})
	}
	return b.String()
}

func TestDocs(t *testing.T) {
	const file, begin, end = "../docs/rules.md", "<!-- facts: written by go test ./rules -run TestDocs -update -->\n", "\n<!-- end of facts -->"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the facts", file)
	}
	want := head + begin + factTables() + end + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(data) {
		t.Errorf("%s is not up to date; run go test ./rules -run TestDocs -update", file)
	}
	// The examples are rules that load and pass.
	for _, page := range []string{file, "../docs/adding-a-rule.md"} {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(string(data), "```yaml\n")[1:]
		loaded := 0
		for _, p := range parts {
			p, _, _ = strings.Cut(p, "```")
			if !strings.HasPrefix(strings.TrimSpace(p), "rules:\n") || strings.Contains(p, "overrides:") {
				continue
			}
			loaded++
			s, err := Load(Options{}, File{page, []byte(p)})
			if err != nil {
				t.Error(err)
			} else if err := s.Test(); err != nil {
				t.Error(err)
			}
		}
		if loaded != 1 {
			t.Errorf("%s has %d examples of rule files, want 1", page, loaded)
		}
	}
	for _, limit := range []string{"1 MiB", "4,096", "25,000"} {
		if !strings.Contains(string(data), limit) {
			t.Errorf("%s does not speak of the limit %s", file, limit)
		}
	}
}
