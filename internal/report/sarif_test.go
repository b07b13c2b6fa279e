package report

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
)

// log is what GitHub reads of a SARIF file, by its page "SARIF support for code
// scanning".
type log struct {
	Schema  string `json:"$schema"`
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name  string
				Rules []struct {
					ID                                      string
					ShortDescription, FullDescription, Help struct{ Text, Markdown string }
				}
			}
		}
		Results     []result
		Invocations []struct {
			ToolExecutionNotifications []struct{ Message struct{ Text string } }
		}
	}
}

type result struct {
	RuleID    string
	RuleIndex int
	Level     string
	Message   struct{ Text string }
	Locations []struct {
		PhysicalLocation struct {
			ArtifactLocation struct{ URI string }
			Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
		}
	}
	PartialFingerprints map[string]string
	BaselineState       string
}

var lineHash = regexp.MustCompile(`^[0-9a-f]{16,}:[0-9]+$`)

// demandsOfGitHub lists what GitHub would refuse a file for, or not show.
func demandsOfGitHub(data string) (l log, broken []string) {
	if err := json.Unmarshal([]byte(data), &l); err != nil {
		return l, []string{err.Error()}
	}
	must := func(ok bool, format string, args ...any) {
		if !ok {
			broken = append(broken, fmt.Sprintf(format, args...))
		}
	}
	must(l.Schema != "" && l.Version == "2.1.0" && len(l.Runs) > 0 && len(l.Runs) <= 20, "the log: %s, %s, %d runs", l.Schema, l.Version, len(l.Runs))
	for _, run := range l.Runs {
		all := run.Tool.Driver.Rules
		must(run.Tool.Driver.Name != "" && len(all) > 0 && len(all) <= 25_000 && run.Results != nil && len(run.Results) <= 25_000, "%d rules, %d results", len(all), len(run.Results))
		for _, r := range all {
			for _, text := range []string{r.ShortDescription.Text, r.FullDescription.Text} {
				must(text != "" && utf8.RuneCountInString(text) <= 1024, "rule %s: a description of %d characters", r.ID, utf8.RuneCountInString(text))
			}
			must(r.ID != "" && r.Help.Text != "", "rule %s: no ID or help", r.ID)
		}
		hashes := map[string]string{}
		for i, r := range run.Results {
			must(r.Message.Text != "" && slices.Contains([]string{"note", "warning", "error"}, r.Level), "result %d: message %q, level %q", i, r.Message.Text, r.Level)
			must(r.RuleIndex < len(all) && all[r.RuleIndex].ID == r.RuleID, "result %d: rule %d is not %s", i, r.RuleIndex, r.RuleID)
			must(len(r.Locations) == 1, "result %d: %d locations", i, len(r.Locations))
			for _, l := range r.Locations {
				at := l.PhysicalLocation
				u, err := url.Parse(at.ArtifactLocation.URI)
				must(err == nil && u.Path != "" && !strings.HasPrefix(u.Path, "../"), "result %d: URI %q", i, at.ArtifactLocation.URI)
				must(at.Region.StartLine > 0 && at.Region.StartColumn > 0 && at.Region.EndLine >= at.Region.StartLine && at.Region.EndColumn > at.Region.StartColumn, "result %d: region %+v", i, at.Region)
			}
			hash := r.PartialFingerprints["primaryLocationLineHash"]
			must(lineHash.MatchString(hash), "result %d: hash %q", i, hash)
			must(hashes[hash] == "", "result %d has the hash of %s", i, hashes[hash])
			hashes[hash] = r.PartialFingerprints["finding/v1"]
		}
	}
	return l, broken
}

func TestSARIF(t *testing.T) {
	out := write(t, full(t), "sarif")
	parsed, err := sarif.FromBytes([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.Validate(); err != nil {
		t.Errorf("not as the schema of SARIF 2.1.0 says: %v", err)
	}
	l, broken := demandsOfGitHub(out)
	for _, b := range broken {
		t.Error(b)
	}
	help := map[string]string{}
	for _, r := range l.Runs[0].Tool.Driver.Rules {
		help[r.ID] = r.Help.Markdown
	}
	if help["any-pool"] != "# Any pool\n\nWhy pools are." || help["any-account"] != "Close it.\n\n[Runbook](<https://wiki.example/any>)" || help["tier"] != "" {
		t.Errorf("help in Markdown: %q", help)
	}
	states := map[string]string{}
	for _, r := range l.Runs[0].Results {
		states[r.PartialFingerprints["finding/v1"]] = r.BaselineState
	}
	const pools = "any-pool/100000000001/eu-west-1/eu-west-1_"
	if states[pools+"1"] != "unchanged" || states[pools+"2"] != "new" || states[pools+"3"] != "updated" {
		t.Errorf("states %v", states)
	}
	if strings.Contains(write(t, Of(judge(t, readings()), options()), "sarif"), "baselineState") {
		t.Error("states without a baseline")
	}
}

// TestDemandsOfGitHub checks that the checker notices what is missing.
func TestDemandsOfGitHub(t *testing.T) {
	out := write(t, many(2), "sarif")
	if _, broken := demandsOfGitHub(out); len(broken) > 0 {
		t.Fatalf("%q", broken)
	}
	for _, lost := range []string{`"physicalLocation"`, `"uri"`, `"startLine"`, `"endColumn"`, `"primaryLocationLineHash"`, `"fullDescription"`, `"help"`, `"version": "2.1.0"`, `"ruleId"`, `"level": "warning"`} {
		broken := strings.ReplaceAll(out, lost, strings.Replace(lost, `"`, `"x`, 1))
		if _, found := demandsOfGitHub(broken); broken == out || len(found) == 0 {
			t.Errorf("nothing is said without %s", lost)
		}
	}
}

func TestPlaces(t *testing.T) {
	for _, tt := range []struct {
		finding string
		config  string
		uri     string
		line    int
	}{
		{"any-pool/100000000001/eu-west-1/eu-west-1_1", "", "team/my%20rules.yaml", 3},
		{"any-account/100000000001/eu-west-1", "config.yaml", "team/my%20rules.yaml", 12},
		{`any-pool/100000000001/eu-west-1/module.a["b"].aws_cognito_user_pool.main`, "config.yaml", "infra/main.tf", 7},
		{"recovery-unverified/100000000001/eu-west-1/eu-west-1_1", "", "rules/users.yaml", -1},
		{"recovery-unverified/100000000001/eu-west-1/eu-west-1_1", "config.yaml", "config.yaml", 1},
		{"recovery-unverified/100000000001/eu-west-1/eu-west-1_1", "../repo/a/config.yaml", "a/config.yaml", 1},
		{"recovery-unverified/100000000001/eu-west-1/eu-west-1_1", "/etc/a b.yaml", "file:///etc/a%20b.yaml", 1},
	} {
		r := full(t)
		r.o.ConfigFile = tt.config
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Fingerprint == tt.finding })
		if i < 0 {
			t.Fatalf("no finding %s in %v", tt.finding, r.Findings)
		}
		uri, line := r.place(&r.Findings[i].Finding)
		if uri != tt.uri || tt.line > 0 && line != tt.line || line < 1 || tt.line < 0 && line == 1 {
			t.Errorf("%s with %q: %s:%d, want %s:%d", tt.finding, tt.config, uri, line, tt.uri, tt.line)
		}
	}
}

func TestSARIFLimits(t *testing.T) {
	if maxResults != 25_000 {
		t.Error("GitHub's limit is 25,000 results")
	}
	var b strings.Builder
	cut, err := many(8).sarifUpTo(5, &b)
	const want = "the 3 mildest of 8 findings: GitHub takes 5 results"
	if err != nil || cut != want {
		t.Errorf("%q, %v", cut, err)
	}
	l, broken := demandsOfGitHub(b.String())
	if len(broken) > 0 || len(l.Runs[0].Results) != 5 || l.Runs[0].Results[0].Level != "error" {
		t.Errorf("%d results, first %s, %q", len(l.Runs[0].Results), l.Runs[0].Results[0].Level, broken)
	}
	if notes := l.Runs[0].Invocations[0].ToolExecutionNotifications; len(notes) != 1 || notes[0].Message.Text != "Left out are "+want {
		t.Errorf("notifications %v", notes)
	}
	if kept, cut := worst(many(2).Findings, 2); len(kept) != 2 || cut != "" {
		t.Errorf("%d of as many as there may be, %q", len(kept), cut)
	}
	r := many(1)
	r.rules[0].Summary, r.rules[0].Remedy = strings.Repeat("ä", 1025), strings.Repeat("ö", 2000)
	if _, broken := demandsOfGitHub(write(t, r, "sarif")); len(broken) > 0 {
		t.Errorf("%q", broken)
	}
}
