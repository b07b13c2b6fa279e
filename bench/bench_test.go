package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/bench/internal/stand"
)

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		value, bar, aim float64
		quick           bool
		want            string
	}{
		{0.5, 1, 0.5, false, aimed},
		{0.6, 1, 0.5, false, passed},
		{1, 1, 0, false, passed},
		{1.01, 1, 0.5, false, miss},
		{9, 0, 0, false, unjudged},
		{9, 1, 0.5, true, unjudged},
	} {
		if got := (figure{Value: c.value, Bar: c.bar, Aim: c.aim}).verdict(c.quick); got != c.want {
			t.Errorf("%+v: %s, want %s", c, got, c.want)
		}
	}
}

func TestShort(t *testing.T) {
	for n, want := range map[float64]string{0.036524: "0.0365", 4.107: "4.11", 99.96: "100", 1180.4: "1180", -209.6: "-210", 0: "0"} {
		if got := short(n); got != want {
			t.Errorf("short(%v) = %s, want %s", n, got, want)
		}
	}
}

func TestSetting(t *testing.T) {
	if got, want := pools30k.firstPass(), 13600*time.Millisecond; got != want {
		t.Errorf("the first pass over 200 pools takes at least %s, want %s", got, want)
	}
	if got := pools100k.Size(); got != 100050 {
		t.Errorf("%d pools", got)
	}
	if got, want := pools30k.smaller(), (setting{stand.Fleet{Accounts: 16, Regions: 3, Pools: 20}, 10 * time.Second}); got != want {
		t.Errorf("the smoke test's setting is %+v, want %+v", got, want)
	}
}

// Rows about one estate follow each other, and -run finds each by its name.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.name] {
			t.Errorf("duplicate row %s", r.name)
		}
		seen[r.name] = true
		var out bytes.Buffer
		if err := run(t.Context(), []string{"-list", "-run", "^" + r.name + "$"}, &out, &out); err != nil || out.String() != r.name+"\n" {
			t.Errorf("-run %s lists %q, %v", r.name, out.String(), err)
		}
	}
}

// Every row is explained in docs/performance.md.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if !strings.Contains(string(data), "| `"+r.name+"` |") {
			t.Errorf("docs/performance.md has no line on %s", r.name)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-run", "no such row"}, {"-run", "("}, {"memory-30k"}, {"-no-such-flag"}} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out, &out); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestReport(t *testing.T) {
	r := &report{Quick: true, Figures: []figure{
		{Row: "memory-30k", What: "resident memory", Value: 104.6, Unit: "MB", Bar: 150, Aim: 100, Verdict: passed, Detail: "peak"},
		{Row: "growth-1000", What: "CPU a minute", Value: 0.5, Unit: "s", Verdict: unjudged},
	}}
	var out bytes.Buffer
	r.print(&out)
	const want = `row          work             measured  bar     aim     verdict  detail
memory-30k   resident memory  105 MB    <= 150  <= 100  pass     peak
growth-1000  CPU a minute     0.5 s     -       -       -        
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	path := filepath.Join(t.TempDir(), "new", "bench.json")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(data, &back); err != nil || len(back.Figures) != 2 || back.Figures[0] != r.Figures[0] || !back.Quick {
		t.Errorf("read back as %+v, %v", back, err)
	}
}
