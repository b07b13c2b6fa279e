package rules

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

var update = flag.Bool("update", false, "write the expected errors of testdata anew")

// TestBadFiles loads a directory of files with a mistake each; what is said of
// them, by Load or by Test, stands beside them.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Load(Options{}, File{filepath.Base(name), data})
			if err == nil {
				err = s.Test()
			}
			if err == nil {
				t.Fatal("no error")
			}
			beside := strings.TrimSuffix(name, ".yaml") + ".err"
			if *update {
				if err := os.WriteFile(beside, []byte(err.Error()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, readErr := os.ReadFile(beside)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if got := err.Error() + "\n"; got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

const withParams = `
rules:
  - id: it
    severity: warning
    for_each: pool
    summary: It
    remedy: Fix it.
    params: {ratio: 0.5, count: 3, word: x, flag: true, words: [a, b], counts: [1, 2], ratios: [0.5], flags: [true], none: []}
    when: >-
      pool.quota.used_ratio >= params.ratio && pool.failures.throttled < params.count && pool.name != params.word &&
      params.flag && pool.name in params.words && params.counts.exists(c, c == params.count) == false &&
      params.ratios[0] < 1.0 && params.flags[0] && !(pool.name in params.none)
    tests:
      - {name: with the params above, pool: {name: b, quota: {used: 5, limit: 10}, failures: {throttled: 2}}, fires: true}
      - {name: unlimited, pool: {name: b, quota: {used: 5, unlimited: true}, failures: {throttled: 2}}, fires: false}
`

// params parses the params of an override.
func params(t *testing.T, text string) *yamlfile.Node {
	t.Helper()
	var p yamlfile.Problems
	n := yamlfile.Parse(&p, yamlfile.Format{Nulls: true, Aliases: true}, "config.yaml", []byte(text))
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOverrides(t *testing.T) {
	off := false
	s := mustLoad(t, Options{Overrides: map[string]Override{"it": {Enabled: &off, Severity: "critical", Params: params(t,
		"{ratio: 1, count: 4, word: 12, flag: , words: [c], counts: [7], ratios: [0.25, 1], flags: [], none: [z]}",
	)}}}, withParams)
	if err := s.Test(); err != nil {
		t.Error(err) // The tests are those of the file's own params.
	}
	got, err := json.Marshal(s.Rules()[0])
	if err != nil {
		t.Fatal(err)
	}
	when, err := json.Marshal(s.Rules()[0].When)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"rule":"it","severity":"critical","for_each":"pool","cause":"pool","summary":"It","remedy":"Fix it.","when":` + string(when) +
		`,"params":{"count":4,"counts":[7],"flag":true,"flags":[],"none":["z"],"ratio":1,"ratios":[0.25,1],"word":"12","words":["c"]},"enabled":false,"file":"test.yaml"}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestOverrideTypes checks that a param keeps its type, whatever is written for it.
func TestOverrideTypes(t *testing.T) {
	s := mustLoad(t, Options{Overrides: map[string]Override{"it": {Params: params(t, "{ratio: 1, word: 12, ratios: [1], flags: []}")}}}, withParams)
	for name, want := range map[string]any{
		"ratio": 1.0, "word": "12", "ratios": []ref.Val{types.Double(1)}, "flags": []ref.Val{}, "count": int64(3), "none": []ref.Val{},
	} {
		if got := s.Rules()[0].Params[name]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v, want %#v", name, got, want)
		}
	}
}

func TestWrongOverrides(t *testing.T) {
	at := yamlfile.Position{File: "config.yaml", Line: 7, Column: 3}
	const allowed = `; allowed here: ratio, count, word, flag, words, counts, ratios, flags and none`
	tests := map[string]struct {
		override Override
		err      string
	}{
		"severity":    {Override{Severity: "bad", At: at}, `config.yaml:7:3: severity of rule it must be info, warning or critical, not "bad"`},
		"no param":    {Override{Params: params(t, "{rate: 1}")}, `config.yaml:1:2: unknown key "rate" in the params of rule it (did you mean ratio?)` + allowed},
		"number":      {Override{Params: params(t, "{ratio: '1'}")}, `config.yaml:1:9: param ratio of rule it must be a finite number, not "1"`},
		"infinite":    {Override{Params: params(t, "{ratio: .inf}")}, `config.yaml:1:9: param ratio of rule it must be a finite number, not ".inf"`},
		"whole":       {Override{Params: params(t, "{count: 1.5}")}, `config.yaml:1:9: param count of rule it must be a whole number of at most 64 bits, not "1.5"`},
		"string":      {Override{Params: params(t, "{word: [a]}")}, `config.yaml:1:8: param word of rule it must be a string, not a list`},
		"boolean":     {Override{Params: params(t, "{flag: yes}")}, `config.yaml:1:8: param flag of rule it must be true or false, not "yes"`},
		"no list":     {Override{Params: params(t, "{words: a}")}, `config.yaml:1:9: param words of rule it must be a list, not "a"`},
		"an item":     {Override{Params: params(t, "{counts: [1, a]}")}, `config.yaml:1:14: an item of param counts of rule it must be a whole number of at most 64 bits, not "a"`},
		"numbers":     {Override{Params: params(t, "{ratios: [true]}")}, `config.yaml:1:11: an item of param ratios of rule it must be a finite number, not "true"`},
		"booleans":    {Override{Params: params(t, "{flags: [1]}")}, `config.yaml:1:10: an item of param flags of rule it must be true or false, not "1"`},
		"a mapping":   {Override{Params: params(t, "{word: {}}")}, `config.yaml:1:8: param word of rule it must be a string, not a mapping`},
		"in the list": {Override{Params: params(t, "{words: [[a]]}")}, `config.yaml:1:10: an item of param words of rule it must be a string, not a list`},
		"no mapping":  {Override{Params: params(t, "[a]")}, `config.yaml:1:1: the params of rule it must be a mapping of keys to values, not a list`},
	}
	for name, test := range tests {
		_, err := Load(Options{Overrides: map[string]Override{"it": test.override}}, File{"test.yaml", []byte(withParams)})
		if err == nil || err.Error() != test.err {
			t.Errorf("%s: error\n%v\nwant\n%v", name, err, test.err)
		}
	}
	_, err := Load(Options{Overrides: map[string]Override{"that": {At: at}}}, Builtin()...)
	if want := `config.yaml:7:3: unknown rule "that" in overrides`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	_, err = Load(Options{Overrides: map[string]Override{"it": {Params: params(t, "{a: 1}")}}}, File{"test.yaml", []byte(onePool("true", `"it"`))})
	if want := `config.yaml:1:2: unknown key "a" in the params of rule it; no key is allowed here`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestMinimal checks that the rule file which the error of an empty one shows is right.
func TestMinimal(t *testing.T) {
	if s := mustLoad(t, Options{}, format.Minimal); len(s.Rules()) != 1 {
		t.Errorf("%d rules", len(s.Rules()))
	}
}

func TestSeverity(t *testing.T) {
	for _, s := range Severities() {
		if got, want := s.AtLeast(Warning), s != Info; got != want {
			t.Errorf("%s is at least a warning: %v", s, got)
		}
	}
}

// TestFiles checks that files see each other's rules.
func TestFiles(t *testing.T) {
	rule := File{"a.yaml", []byte(onePool("true", `"yes"`))}
	if _, err := Load(Options{}, File{"b.yaml", []byte("exemptions: [{rule: it, reason: why not}]")}, rule); err != nil {
		t.Error(err)
	}
	_, err := Load(Options{}, rule, File{"b.yaml", rule.Data})
	if want := `b.yaml:2:9: duplicate rule id "it", first at a.yaml:2:9; give this rule another id`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestBombs checks that what could take for ever is refused or ends.
func TestBombs(t *testing.T) {
	nest := func(depth int) string {
		expr := "1"
		for range depth {
			expr = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(x, " + expr + ")"
		}
		return "size(" + expr + ") > 0"
	}
	long := strings.Repeat("x", 300)
	tests := map[string]struct{ when, err string }{
		"nested comprehensions":   {nest(6), "may cost up to"},
		"deeply nested":           {strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000), "recursion"},
		"nodes":                   {strings.Repeat("true && ", 500) + "[1,2,3].all(x, x > 0)" + strings.Repeat(" && true", 4), "exceeds limit of 1000"},
		"long":                    {`"` + strings.Repeat("a", 5000) + `" != ""`, "at most 4096 are allowed"},
		"format":                  {`"%.999999999f".format([1.0]) != ""`, "precision"},
		"regular expression":      {`pool.name.matches("((a{100}){100}){100}")`, "invalid matches argument"},
		"large expression":        {`pool.name.matches("(a{1000}){2}")`, "invalid matches argument"},
		"replace":                 {`pool.name.replace("", "` + long + `").replace("", "` + long + `").replace("", "` + long + `") != ""`, "may cost up to"},
		"join":                    {`[1,2,3,4,5,6,7,8,9,10].map(x, [1,2,3,4,5,6,7,8,9,10].map(y, [1,2,3,4,5,6,7,8,9,10].map(z, pool.from).join()).join()).join() != ""`, "may cost up to"},
		"regex of a fact, nested": {`pool.tags.all(a, pool.tags.all(b, pool.tags[a].matches(pool.tags[b])))`, "may cost up to"},
	}
	for name, test := range tests {
		_, err := Load(Options{}, File{"bomb.yaml", []byte(onePool(test.when, `"it"`))})
		if err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %.300v, want %q in it", name, err, test.err)
		}
	}
}

// TestCostLimit checks that facts which are larger than AWS allows do not make
// an expression costlier than it may be.
func TestCostLimit(t *testing.T) {
	snap := fleet(1)
	tags := map[string]string{}
	for i := range 1000 {
		tags[strconv.Itoa(i)] = strings.Repeat("v", 10_000)
	}
	snap.Accounts[0].Pools[0].Settings.Tags = tags
	if got := judge(t, snap, costly, `"it"`); got != "operation cancelled: actual cost limit exceeded" {
		t.Errorf("got %q", got)
	}
}

func TestLimits(t *testing.T) {
	rule := strings.TrimPrefix(onePool("true", `"it"`), "rules:\n")
	for want, data := range map[string]string{
		"big.yaml: the file is larger than 1048576 bytes, the most that is allowed": "rules: []\n#" + strings.Repeat(" ", 1<<20),
		"big.yaml: the file has 501 rules; at most 500 are allowed":                 "rules:\n" + strings.Repeat(rule, 501),
		"big.yaml: the file has 5001 tests; at most 5000 are allowed":               "rules:\n" + rule + "    tests:\n" + strings.Repeat("      - {name: a, pool: {}, fires: true}\n", 5001),
		"big.yaml:7:11: when has 4104 characters; at most 4096 are allowed":         onePool(strings.Repeat("1 == 1 && ", 410)+"true", `"it"`),
	} {
		if _, err := Load(Options{}, File{"big.yaml", []byte(data)}); err == nil || err.Error() != want {
			t.Errorf("error\n%.300v\nwant\n%s", err, want)
		}
	}
}

// TestAtLimits checks that what is just allowed is allowed.
func TestAtLimits(t *testing.T) {
	rule := strings.TrimPrefix(onePool("true", `"it"`), "rules:\n")
	var many strings.Builder
	many.WriteString("rules:\n")
	for i := range 500 {
		many.WriteString(strings.Replace(rule, "id: it", "id: it-"+strconv.Itoa(i), 1))
	}
	for name, data := range map[string]string{
		"rules":      many.String(),
		"tests":      "rules:\n" + rule + "    tests:\n" + strings.Repeat("      - {name: a, pool: {}, fires: true}\n", 5000),
		"characters": onePool(`pool.name != "`+strings.Repeat("a", 4096-15)+`"`, `"it"`),
		"id":         strings.Replace(onePool("true", `"it"`), "id: it", "id: "+strings.Repeat("i", 64), 1),
	} {
		if _, err := Load(Options{}, File{"big.yaml", []byte(data)}); err != nil {
			t.Errorf("%s: %.300v", name, err)
		}
	}
	long := strings.Replace(onePool("true", `"it"`), "id: it", "id: "+strings.Repeat("i", 65), 1)
	if _, err := Load(Options{}, File{"big.yaml", []byte(long)}); err == nil {
		t.Error("an id of 65 letters is allowed")
	}
}

// TestParamCost checks that the cost of an expression is estimated by how large its params are.
func TestParamCost(t *testing.T) {
	word := func(n int) string { return strings.Repeat("w", n) }
	for _, tt := range []struct {
		params, when string
		refused      bool
	}{
		{"{a: " + word(2) + "}", "pool.tags.all(t, t.contains(params.a))", false},
		{"{a: " + word(2000) + "}", "pool.tags.all(t, t.contains(params.a))", true},
		{"{a: [" + word(2) + "]}", "pool.tags.all(t, params.a.exists(w, t.contains(w)))", false},
		{"{a: [" + word(2000) + ", x]}", "pool.tags.all(t, params.a.exists(w, t.contains(w)))", true},
		{"{a: [" + word(300) + "]}", "params.a.exists(v, params.a.exists(w, v.contains(w)))", false},
		{"{a: [x" + strings.Repeat(", x", 300) + "]}", "pool.tags.all(t, params.a.exists(w, t.contains(w)))", true},
	} {
		data := strings.Replace(onePool(tt.when, `"it"`), "    when:", "    params: "+tt.params+"\n    when:", 1)
		if _, err := Load(Options{}, File{"x.yaml", []byte(data)}); (err != nil) != tt.refused || err != nil && !strings.Contains(err.Error(), "may cost up to") {
			t.Errorf("%.30s, %s: error %v", tt.params, tt.when, err)
		}
	}
}

// costly is about the costliest condition that is allowed.
const costly = `pool.tags.all(a, pool.tags[a].matches("^(x|v)*$"))`

// BenchmarkCostliest judges a pool with 50 tags by a costly condition.
func BenchmarkCostliest(b *testing.B) {
	data := onePool(costly, `"it"`)
	s, err := Load(Options{}, File{"test.yaml", []byte(data)})
	if err != nil {
		b.Fatal(err)
	}
	snap := fleet(1)
	tags := map[string]string{}
	for i := range 50 {
		tags[strings.Repeat("k", 100)+string(rune('A'+i))] = strings.Repeat("v", 256)
	}
	snap.Accounts[0].Pools[0].Settings.Tags = tags
	for b.Loop() {
		if c := s.Judge(snap).Total[0]; c.Errors > 0 {
			b.Fatal(c.FirstError)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, file := range Builtin() {
		f.Add(file.Data)
	}
	bad, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range bad {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	snap := world()
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Load(Options{}, File{"fuzz.yaml", data})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "fuzz.yaml") {
				t.Errorf("the error does not name the file: %v", err)
			}
			return
		}
		_ = s.Test() // Whether they pass does not matter.
		for i, c := range s.Judge(snap).Total {
			if strings.Contains(c.FirstError, "internal error") {
				t.Errorf("rule %s: %s", s.Rules()[i].ID, c.FirstError)
			}
		}
	})
}

// TestRulesAllocate asks for the rules as every publish does.
func TestRulesAllocate(t *testing.T) {
	s := loadBuiltin(t)
	if n := testing.AllocsPerRun(10, func() { s.Rules() }); n > 0 || len(s.Rules()) == 0 {
		t.Errorf("%v allocations for %d rules", n, len(s.Rules()))
	}
}
