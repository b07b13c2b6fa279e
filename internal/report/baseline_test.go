package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

func TestBaseline(t *testing.T) {
	r := full(t)
	states := map[State]int{}
	for _, f := range r.Findings {
		states[f.State]++
	}
	c := r.Baseline
	if c.Known != 1 || c.Worse != 1 || c.New != len(r.Findings)-2 || c.NotJudged != 2 || states[Known] != 1 || states[Worse] != 1 || states[New] != c.New {
		t.Errorf("%+v; states %v", c, states)
	}
	if len(c.Gone) != 1 || c.Gone[0].Fingerprint != "any-pool/100000000001/eu-west-1/eu-west-1_9" || c.Gone[0].State != "" {
		t.Errorf("gone: %+v", c.Gone)
	}
}

// TestBaselineOfTheSame compares a report with itself, through its JSON.
func TestBaselineOfTheSame(t *testing.T) {
	before := Of(judge(t, readings()), options())
	b, err := ReadBaseline(strings.NewReader(write(t, before, "json")))
	if err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Baseline = b
	after := Of(judge(t, readings()), o)
	if c := after.Baseline; c.Known != len(before.Findings) || c.New+c.Worse+len(c.Gone)+c.NotJudged != 0 || !c.GeneratedAt.Equal(now) {
		t.Errorf("%+v, want %d known", c, len(before.Findings))
	}
	if !before.Fails(rules.Critical) || after.Fails(rules.Info) {
		t.Error("what is known makes check fail, or what is not known does not")
	}
}

// TestGone checks that nothing is called gone that nobody could have found.
func TestGone(t *testing.T) {
	finding := rules.Finding{Rule: "tier", Severity: rules.Info, AccountID: "100000000001", Region: "eu-west-1", PoolID: "eu-west-1_9"}
	for name, tt := range map[string]struct {
		change func([]inventory.Reading, *Options, *rules.Finding)
		gone   int
	}{
		"judged":                       {func([]inventory.Reading, *Options, *rules.Finding) {}, 1},
		"undetermined":                 {func(r []inventory.Reading, _ *Options, _ *rules.Finding) { r[0].Pools[1].Settings = nil }, 0},
		"by another rule":              {func(_ []inventory.Reading, o *Options, _ *rules.Finding) { o.Rules = []string{"any-pool"} }, 0},
		"in another region":            {func(_ []inventory.Reading, _ *Options, f *rules.Finding) { f.Region = "us-east-1" }, 0},
		"in the only region":           {func(_ []inventory.Reading, o *Options, _ *rules.Finding) { o.Regions = []string{"eu-west-1"} }, 1},
		"in a region that others need": {func(_ []inventory.Reading, o *Options, _ *rules.Finding) { o.Regions = []string{"eu-central-1"} }, 0},
		"in another account":           {func(_ []inventory.Reading, _ *Options, f *rules.Finding) { f.AccountID = "100000000002" }, 0},
		"not read": {func(r []inventory.Reading, _ *Options, _ *rules.Finding) {
			r[0].Outcomes[1] = inventory.Outcome{API: "ses", Class: inventory.Denied, Message: "denied"}
		}, 0},
	} {
		all, o, f := readings(), options(), finding
		tt.change(all, &o, &f)
		o.Baseline = baseline(t, f)
		c := Of(judge(t, all), o).Baseline
		if len(c.Gone) != tt.gone || c.NotJudged != 1-tt.gone {
			t.Errorf("%s: %d gone, %d not judged; want %d gone", name, len(c.Gone), c.NotJudged, tt.gone)
		}
	}
}

func TestReadBaseline(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "it is not the JSON of check: EOF",
		"[]":                              "it is not the JSON of check: json: cannot unmarshal",
		"{}":                              "it has no findings",
		`{"version": 2, "findings": []}`:  "it has version 2; this program reads version 1",
		`{"version":1,"findings":[]} x`:   "something follows it",
		`{"version":1,"findings":[{}]}`:   "finding 1 has no rule, or a severity that does not exist",
		`{"$schema":"sarif","runs":[{}]}`: "it has no findings",
		`{"version":1,"findings":[{"rule":"a","severity":"worst"}]}`: "finding 1 has no rule, or a severity",
		`{"version":1,"findings":[]}`:                                "",
	} {
		_, err := ReadBaseline(strings.NewReader(in))
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %q", in, got, want)
		}
	}
}

// FuzzReadBaseline checks that any file is refused or can be compared with.
func FuzzReadBaseline(f *testing.F) {
	f.Add(`{"version":1,"findings":[{"rule":"tier","severity":"info","cause":"pool/a/b","account_id":"1"}]}`)
	f.Fuzz(func(t *testing.T, in string) {
		b, err := ReadBaseline(strings.NewReader(in))
		if err != nil {
			return
		}
		o := options()
		o.Baseline = b
		r := Of((&rules.Set{}).Judge(inventory.New(now, nil, inventory.Policy{})), o)
		if r.Baseline.NotJudged != len(b.findings) || !json.Valid([]byte(write(t, r, "json"))) {
			t.Errorf("%d of %d are not judged", r.Baseline.NotJudged, len(b.findings))
		}
	})
}
