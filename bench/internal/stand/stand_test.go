package stand

import (
	"bytes"
	"compress/gzip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	const stat = "4711 (odd) name) S 1 4711 4711 0 -1 4194560 5000 0 3 0 123 45 7 8 20 0 11 0 100 1000000 2000 18446744073709551615"
	got, err := parseCPU(stat)
	if want := 1680 * time.Millisecond; err != nil || got != want {
		t.Errorf("parseCPU = %s, %v; want %s, which is 123 + 45 ticks", got, err, want)
	}
	for _, bad := range []string{"", "1 (x) S 1 2 3", strings.Replace(stat, " 123 ", " x ", 1), strings.Replace(stat, " 45 ", " x ", 1)} {
		if got, err := parseCPU(bad); err == nil {
			t.Errorf("parseCPU(%q) = %s, want an error", bad, got)
		}
	}
}

func TestParseMemory(t *testing.T) {
	got, err := parseMemory("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t9\n")
	if want := (Memory{Resident: 1 << 20, Peak: 2 << 20}); err != nil || got != want {
		t.Errorf("parseMemory = %v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"", "VmRSS: 1 kB\n", "VmHWM: 1 kB\n", "VmRSS: x kB\nVmHWM: 1 kB\n"} {
		if got, err := parseMemory(bad); err == nil {
			t.Errorf("parseMemory(%q) = %v, want an error", bad, got)
		}
	}
}

func TestShareOfFleet(t *testing.T) {
	f := Fleet{Accounts: 1000, Regions: 17, Pools: 20, Share: 0.05}
	if f.Places() != 17000 || f.Targets() != 850 || f.Size() != 17000 || len(f.RegionNames()) != 17 {
		t.Errorf("%d places, %d targets, %d pools, regions %v", f.Places(), f.Targets(), f.Size(), f.RegionNames())
	}
	if got := (Config{Found: true, Accounts: []string{"1"}}).YAML("1"); got != "regions: auto\norganization: {member_role_name: cognito-ses-exporter}\n" {
		t.Errorf("the configuration is\n%s", got)
	}
}

func TestStartUnknown(t *testing.T) {
	if _, err := Start(t.Context(), t.TempDir(), "/no/such/program", nil); err == nil {
		t.Error("no error")
	}
}

func compressed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadSeries(t *testing.T) {
	const text = `# HELP a_total Counts.
# TYPE a_total counter
a_total 3
# TYPE b gauge
b{x="1 } 2",account_id="7",y="say \"hi\""} 1e+06
b{sub_account_id="8"} NaN
# EOF
`
	type line struct {
		Series
		kind string
	}
	var got []line
	body := compressed(t, text)
	if err := ReadSeries(bytes.NewReader(body), func(s Series, kind string) { got = append(got, line{s, kind}) }); err != nil {
		t.Fatal(err)
	}
	want := []line{
		{Series{"a_total", "", "3"}, "counter"},
		{Series{"b", `{x="1 } 2",account_id="7",y="say \"hi\""}`, "1e+06"}, "gauge"},
		{Series{"b", `{sub_account_id="8"}`, "NaN"}, "gauge"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %q\nwant %q", got, want)
	}
	if v := got[1].Float(); v != 1e6 {
		t.Errorf("Float = %v", v)
	}
	for _, c := range []struct {
		series      Series
		label, want string
	}{{got[1].Series, "x", "1 } 2"}, {got[1].Series, "account_id", "7"}, {got[2].Series, "account_id", ""}, {got[0].Series, "x", ""}} {
		if v := c.series.Label(c.label); v != c.want {
			t.Errorf("label %s of %v is %q, want %q", c.label, c.series, v, c.want)
		}
	}

	flipped := bytes.Clone(body)
	flipped[len(flipped)-5] ^= 1 // the length
	for name, bad := range map[string][]byte{
		"not compressed": []byte(text), "two members": append(bytes.Clone(body), body...), "cut off": body[:len(body)-9], "wrong length": flipped,
		"no value": compressed(t, "alone\n"), "no number": compressed(t, "a one\n"),
	} {
		if err := ReadSeries(bytes.NewReader(bad), func(Series, string) {}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFleet(t *testing.T) {
	f := Fleet{Accounts: 3, Regions: 2, Pools: 10}
	if f.Targets() != 6 || f.Size() != 60 || len(f.RegionNames()) != 2 {
		t.Errorf("%d targets, %d pools, regions %v", f.Targets(), f.Size(), f.RegionNames())
	}
	if got, want := f.AllAccounts(), []string{"100000000001", "100000000002", "100000000003"}; !reflect.DeepEqual(got, want) {
		t.Errorf("accounts %v, want %v", got, want)
	}
}
