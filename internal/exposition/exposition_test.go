package exposition

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sample is one call of Emit.
type sample struct {
	family int
	value  float64
	labels []string
}

func families(t testing.TB, list ...Family) *Families {
	t.Helper()
	fs, err := NewFamilies(list)
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func build(t testing.TB, fs *Families, samples ...sample) *Piece {
	t.Helper()
	p, err := fs.Build(emitting(samples...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func emitting(samples ...sample) func(int, Emit) {
	return func(family int, emit Emit) {
		for _, s := range samples {
			if s.family == family {
				emit(s.value, s.labels...)
			}
		}
	}
}

// rendered is what client_golang makes of all samples at once.
func rendered(t testing.TB, fs *Families, as expfmt.Format, samples []sample) string {
	t.Helper()
	var out bytes.Buffer
	enc := expfmt.NewEncoder(&out, as)
	for i, f := range fs.list {
		help, kind, valueType := f.Help, dto.MetricType_GAUGE, prometheus.GaugeValue
		if f.Counter {
			kind, valueType = dto.MetricType_COUNTER, prometheus.CounterValue
		}
		mf := &dto.MetricFamily{Name: &f.Name, Help: &help, Type: &kind}
		if f.Unit != "" {
			mf.Unit = &f.Unit
		}
		desc := prometheus.NewDesc(f.Name, f.Help, f.Labels, nil)
		for _, s := range samples {
			if s.family == i {
				m := &dto.Metric{}
				if err := prometheus.MustNewConstMetric(desc, valueType, s.value, s.labels...).Write(m); err != nil {
					t.Fatal(err)
				}
				mf.Metric = append(mf.Metric, m)
			}
		}
		if len(mf.Metric) > 0 {
			if err := enc.Encode(mf); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out.String()
}

var demo = []Family{
	{Name: "demo_pool_info", Help: `Pools, "quoted", with \ and` + "\na second line.", Labels: []string{"pool", "account_id", "name"}},
	{Name: "demo_pool_used_ratio", Help: "Used part.", Unit: "ratio", Labels: []string{"account_id", "pool"}},
	{Name: "demo_nobody", Help: "Without samples.", Labels: []string{"account_id"}},
	{Name: "demo_failures_total", Help: "Failures.", Counter: true, Labels: []string{"account_id"}},
	{Name: "demo_pools", Help: ""},
}

func demoPieces(t testing.TB, fs *Families) []*Piece {
	return []*Piece{
		build(t, fs,
			sample{0, 1, []string{"p1", "1", `with "quotes", \ and` + "\na line"}},
			sample{0, 1, []string{"p2", "1", "not UTF-8: \xff\xfe."}},
			sample{1, 0.25, []string{"1", "p1"}},
			sample{1, 0, []string{"1", "p2"}},
			sample{3, 3, []string{"1"}},
		),
		build(t, fs),
		build(t, fs,
			sample{0, 1, []string{"p1", "2", "{} # =,"}},
			sample{1, 1e21, []string{"2", "p1"}},
			sample{3, 1234567, []string{"2"}},
			sample{4, -17.5, nil},
		),
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (rewrite with -update):\n%s", file, got)
	}
}

func TestNewFamilies(t *testing.T) {
	for _, tt := range []struct {
		list []Family
		want string
	}{
		{[]Family{{Name: "a"}, {Name: "a:b_1", Labels: []string{"_a", "B2"}}, {Name: "a_seconds", Unit: "seconds"}, {Name: "b_bytes_total", Unit: "bytes", Counter: true}, {Name: "c_total"}}, ""},
		{[]Family{{Name: ""}}, `metric family "": the name may contain only letters, digits, _ and :, and must not begin with a digit`},
		{[]Family{{Name: "a.b"}}, `metric family "a.b": the name may contain only letters, digits, _ and :, and must not begin with a digit`},
		{[]Family{{Name: "a", Counter: true}}, `metric family "a": the name of a counter must end in _total`},
		{[]Family{{Name: "a_seconds", Unit: "bytes"}}, `metric family "a_seconds": the name must end in its unit, _bytes`},
		{[]Family{{Name: "bytes", Unit: "bytes"}}, `metric family "bytes": the name must end in its unit, _bytes`},
		{[]Family{{Name: "a_bytes_total", Unit: "bytes"}}, `metric family "a_bytes_total": the name must end in its unit, _bytes`},
		{[]Family{{Name: "a", Labels: []string{"b-c"}}}, `metric family "a": label "b-c": a label name may contain only letters, digits and _, and must not begin with a digit or __`},
		{[]Family{{Name: "a", Labels: []string{"b:c"}}}, `metric family "a": label "b:c": a label name may contain only letters, digits and _, and must not begin with a digit or __`},
		{[]Family{{Name: "a", Labels: []string{"__name__"}}}, `metric family "a": label "__name__": a label name may contain only letters, digits and _, and must not begin with a digit or __`},
		{[]Family{{Name: "a", Labels: []string{"b", "c", "b"}}}, `metric family "a": duplicate label "b"`},
		{[]Family{{Name: "a"}, {Name: "a"}}, `metric family "a": another family is named a`},
		{[]Family{{Name: "a"}, {Name: "a_total", Counter: true}}, `metric family "a_total": another family is named a`},
		{[]Family{{Name: "a_total", Counter: true}, {Name: "a"}}, `metric family "a": another family is named a`},
	} {
		_, err := NewFamilies(tt.list)
		if got := errorText(err); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.list, got, tt.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestBuildRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	fs := families(t, Family{Name: "a", Labels: []string{"z", "b"}}, Family{Name: "b_total", Counter: true, Labels: []string{"c"}}, Family{Name: "d"})
	for _, tt := range []struct {
		samples []sample
		want    string
	}{
		{[]sample{{0, 1, []string{"1", "2"}}, {0, 1, []string{"2", "1"}}, {0, inf, []string{"1", "1"}}, {0, -inf, []string{"", ""}}, {1, 0, []string{"1"}}, {2, 1, nil}}, ""},
		{[]sample{{0, 1, []string{"1"}}}, `metric family a: label values ["1"] do not match the labels ["z" "b"]`},
		{[]sample{{2, 1, []string{"1"}}}, `metric family d: label values ["1"] do not match the labels []`},
		{[]sample{{0, nan, []string{"1", "2"}}}, `metric family a: value NaN of a{b="2",z="1"}`},
		{[]sample{{1, -1, []string{"x"}}}, `metric family b_total: value -1 of b_total{c="x"}`},
		{[]sample{{1, 1, []string{"x y"}}, {1, 2, []string{"x y"}}}, `metric family b_total: duplicate series: b_total{c="x y"}`},
		{[]sample{{2, 1, nil}, {2, 1, nil}}, `metric family d: duplicate series: d`},
		{[]sample{{1, 1, []string{"\xff"}}, {1, 1, []string{"\xfe"}}}, `metric family b_total: duplicate series: b_total{c="` + "\uFFFD" + `"}`},
		// The first of several.
		{[]sample{{0, nan, []string{"1", "2"}}, {0, 1, nil}}, `metric family a: value NaN of a{b="2",z="1"}`},
	} {
		p, err := fs.Build(emitting(tt.samples...))
		if got := errorText(err); got != tt.want || (p == nil) != (err != nil) {
			t.Errorf("%v: %v and %q, want %q", tt.samples, p, got, tt.want)
		}
		// What a failed build leaves behind changes no other one.
		want := sample{0, 7, []string{"1", "2"}}
		if got := get(t, fs.Join(nil, []*Piece{build(t, fs, want)}), nil, nil).body; got != rendered(t, fs, expfmt.FmtText, []sample{want}) {
			t.Errorf("after %v: %s", tt.samples, got)
		}
	}
}

func TestBuildNothing(t *testing.T) {
	if p := build(t, families(t, demo...)); len(p.data) > 0 {
		t.Errorf("a piece without samples has %d bytes", len(p.data))
	}
}

func TestBuildPanics(t *testing.T) {
	fs := families(t, Family{Name: "a"})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of the samples is lost")
			}
		}()
		_, _ = fs.Build(func(_ int, emit Emit) {
			emit(1)
			panic("a bug")
		})
	}()
	if got, want := get(t, fs.Join(nil, []*Piece{build(t, fs, sample{0, 2, nil})}), nil, nil).body, "# HELP a \n# TYPE a gauge\na 2\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestJoinOtherFamilies(t *testing.T) {
	fs := families(t, Family{Name: "a", Labels: []string{"b"}})
	p := build(t, fs, sample{0, 1, []string{"x"}})
	// Other labels and help join: a reload may add a label.
	other := families(t, Family{Name: "a", Help: "New.", Labels: []string{"b", "c"}})
	x := other.Join(fs.Join(nil, []*Piece{p}), []*Piece{p, build(t, other, sample{0, 1, []string{"y", "z"}})})
	if got, want := get(t, x, nil, nil).body, "# HELP a New.\n# TYPE a gauge\na{b=\"x\"} 1\na{b=\"y\",c=\"z\"} 1\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, list := range [][]Family{{{Name: "b"}}, {}, {{Name: "a"}, {Name: "b"}}, {{Name: "a_total"}}, {{Name: "a_total", Counter: true}}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v takes a piece of other families", list)
				}
			}()
			families(t, list...).Join(nil, []*Piece{p})
		}()
	}
}

// TestJoin changes some pieces again and again: what is joined, with or
// without a previous exposition, in each format and encoding is what rendering
// all samples at once brings.
func TestJoin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	fs := families(t, demo...)
	type owner struct {
		samples []sample
		piece   *Piece
	}
	var owners []owner
	next := 0
	newOwner := func() owner {
		next++
		id := strconv.Itoa(next)
		var o owner
		for f, family := range demo {
			n := r.IntN(6)
			if len(family.Labels) == 1 {
				n = r.IntN(2)
			}
			if len(family.Labels) == 0 || f == 2 && next < 200 {
				n = 0
			}
			for i := range n {
				labels := make([]string, len(family.Labels))
				for j, l := range family.Labels {
					labels[j] = strings.Repeat(string(rune(r.IntN(0x3000))), r.IntN(4))
					if l == "pool" {
						labels[j] = strconv.Itoa(i)
					}
					if l == "account_id" {
						labels[j] = id
					}
				}
				o.samples = append(o.samples, sample{f, float64(r.IntN(1<<30)) / float64(int(1)<<r.IntN(20)), labels})
			}
		}
		o.piece = build(t, fs, o.samples...)
		return o
	}
	var previous *Exposition
	for round := range 40 {
		for range r.IntN(30) {
			switch {
			case len(owners) < 3 || r.IntN(3) < 2:
				owners = slices.Insert(owners, r.IntN(len(owners)+1), newOwner())
			case r.IntN(4) > 0:
				owners[r.IntN(len(owners))] = newOwner()
			default:
				i := r.IntN(len(owners))
				owners = slices.Delete(owners, i, i+1)
			}
		}
		var samples []sample
		var pieces []*Piece
		for _, o := range owners {
			samples, pieces = append(samples, o.samples...), append(pieces, o.piece)
		}
		x := fs.Join(previous, pieces)
		previous = x
		clear(pieces) // Join keeps nothing of the slice.
		// The text format writes whole numbers shorter than expfmt's OpenMetrics.
		text := rendered(t, fs, expfmt.FmtText, samples)
		for _, encoding := range []string{"identity", "gzip"} {
			if got := get(t, x, nil, []string{"Accept-Encoding", encoding}).body; got != text {
				t.Fatalf("round %d, %s:\n%s\nwant\n%s", round, encoding, got, text)
			}
			got := get(t, x, nil, []string{"Accept-Encoding", encoding, "Accept", openMetricsType}).body
			if want := rendered(t, fs, expfmt.FmtOpenMetrics_1_0_0, samples) + "# EOF\n"; numbers(got) != numbers(want) {
				t.Fatalf("round %d, OpenMetrics, %s:\n%s\nwant\n%s", round, encoding, got, want)
			}
		}
	}
	if len(previous.chunks) < 3 {
		t.Errorf("%d pieces in %d chunks test too little", len(owners), len(previous.chunks))
	}
}

// numbers removes the .0 that expfmt's OpenMetrics appends to whole numbers.
func numbers(text string) string { return strings.ReplaceAll(text, ".0\n", "\n") }

func TestJoinShares(t *testing.T) {
	fs := families(t, Family{Name: "a", Labels: []string{"b"}})
	var pieces []*Piece
	for i := range 3*chunkSize + 1 {
		pieces = append(pieces, build(t, fs, sample{0, 1, []string{strconv.Itoa(i)}}))
	}
	x := fs.Join(nil, pieces)
	pieces[chunkSize] = build(t, fs, sample{0, 2, []string{"x"}})
	y := fs.Join(x, pieces)
	for i, shared := range []bool{true, false, true, true} {
		if (x.chunks[i] == y.chunks[i]) != shared {
			t.Errorf("chunk %d is shared: %t", i, !shared)
		}
	}
}

func FuzzLabel(f *testing.F) {
	f.Add("plain", 1.5)
	f.Add("\\ \" \n \r \x00 \u2028 {a=\"b\"} # EOF", 0.0)
	f.Add("\xff\xc0\x80", 1e300)
	f.Add("\\n\\\\", 1.0)
	f.Add("plain", math.NaN())
	fs := families(f, Family{Name: "a", Labels: []string{"z", "b"}})
	f.Fuzz(func(t *testing.T, label string, value float64) {
		if math.IsNaN(value) {
			if _, err := fs.Build(emitting(sample{0, value, []string{label, "fixed"}})); err == nil {
				t.Errorf("%q: NaN is taken", label)
			}
			return
		}
		body := get(t, fs.Join(nil, []*Piece{build(t, fs, sample{0, value, []string{label, "fixed"}})}), nil, nil).body
		got, err := parse(body)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		m := got["a"].GetMetric()
		if len(m) != 1 || m[0].GetGauge().GetValue() != value || len(m[0].Label) != 2 ||
			m[0].Label[0].GetName() != "b" || m[0].Label[0].GetValue() != "fixed" ||
			m[0].Label[1].GetName() != "z" || m[0].Label[1].GetValue() != strings.ToValidUTF8(label, "\uFFFD") {
			t.Errorf("%q is read as %v", body, m)
		}
	})
}

// TestBuildAllocates builds a piece of few of many families: those that have no
// samples cost nothing.
func TestBuildAllocates(t *testing.T) {
	list := make([]Family, 200)
	for i := range list {
		list[i] = Family{Name: fmt.Sprintf("f%d", i), Labels: []string{"a", "b"}}
	}
	fs := families(t, list...)
	n := testing.AllocsPerRun(20, func() {
		if _, err := fs.Build(func(family int, emit Emit) {
			if family == 7 {
				emit(1, "x", "y")
			}
		}); err != nil {
			t.Error(err)
		}
	})
	if n > 60 {
		t.Errorf("%v allocations", n)
	}
}
