package collector

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metricsPage is docs/metrics.md, made from the tables.
func metricsPage() string {
	var b strings.Builder
	b.WriteString(`# Metrics

<!-- Made from the tables in collector; write it anew with "make docs". -->

Every metric of the exporter. All gauges are of the last publish: a scrape never calls AWS. What is unknown has no series,
never 0; facts that AWS did not confirm for ` + "`stale_after`" + ` end. ` + "`account_id`" + ` is the 12-digit AWS account, ` + "`region`" + ` the
region of what the series is about, ` + "`user_pool_id`" + ` the pool. Names and tags are on ` + "`cognito_ses_pool_info`" + `, to be joined:

` + "```promql" + `
cognito_ses_pool_ready == 0
  and on (account_id, region, user_pool_id) cognito_ses_pool_mode{mode="DEVELOPER"} == 1

cognito_ses_pool_quota_used_ratio{quota="send"} > 0.8
  and on (account_id, region, user_pool_id) cognito_ses_pool_info{tag_env="prod"}

cognito_ses_pool_blocked
  * on (account_id, region, user_pool_id) group_left (pool_name, account_name) cognito_ses_pool_info
` + "```" + `

Besides these there are the usual metrics of the Go runtime (` + "`go_*`" + `) and of the process (` + "`process_*`" + `).
`)
	section := func(title string, families []Family) {
		fmt.Fprintf(&b, "\n## %s\n\n| metric | labels | unit | meaning |\n|---|---|---|---|\n", title)
		for _, f := range families {
			kind := f.Unit
			if f.Counter {
				kind += ", counter"
			}
			if f.Buckets != nil {
				kind += ", histogram"
			}
			labels := make([]string, 0, len(f.Labels))
			for _, l := range f.Labels {
				labels = append(labels, "`"+l+"`")
			}
			if f.Tagged {
				labels = append(labels, "`tag_*`")
			}
			fmt.Fprintf(&b, "| `%s_%s` | %s | %s | %s |\n", namespace, f.Name, strings.Join(labels, " "), kind, strings.ReplaceAll(f.Help, "|", `\|`))
		}
	}
	of := func(prefix string) []Family {
		return slices.DeleteFunc(slices.Clone(Families), func(f Family) bool { return !strings.HasPrefix(f.Name, prefix) })
	}
	section("User pools", of("pool_"))
	section("SES accounts", of("account_"))
	section("The default quota", of("default_quota_"))
	section("SES identities", of("identity_"))
	section("Findings of the rules", append(append(of("finding"), of("rule_")...), ruleErrorsTotal))
	section("Problems", of("problem_"))
	section("The exporter", append(of("exporter_"), slices.DeleteFunc(SelfFamilies(), func(f Family) bool { return f.Name == ruleErrorsTotal.Name })...))
	return b.String()
}

func TestDocs(t *testing.T) {
	const page = "../docs/metrics.md"
	want := metricsPage()
	for _, f := range append(slices.Clone(Families), SelfFamilies()...) {
		if !strings.Contains(want, "| `"+namespace+"_"+f.Name+"` |") {
			t.Errorf("%s is in no section", f.Name)
		}
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("%s is not as the tables say (rewrite with make docs): %v", page, err)
	}
}

var (
	metricToken = regexp.MustCompile(`(?:[a-z_]*:)?cognito_ses_[a-z0-9_]*(?::[a-z0-9_]+)?`)
	recorded    = regexp.MustCompile(`record: (\S+)`)
	selector    = regexp.MustCompile(`(cognito_ses_[a-z0-9_]+)\{([^}]*)\}`)
	matcher     = regexp.MustCompile(`([a-z_][a-z0-9_]*)\s*(?:=~|!~|!=|=)`)
)

// TestNamesInFiles takes every metric out of what users read or run and fails
// on a name, or a label in a selector, that no family has.
func TestNamesInFiles(t *testing.T) {
	labels := map[string][]string{}
	for _, f := range append(slices.Clone(Families), SelfFamilies()...) {
		labels[namespace+"_"+f.Name] = f.Labels
		if f.Buckets != nil {
			labels[namespace+"_"+f.Name+"_bucket"] = append(slices.Clone(f.Labels), "le")
		}
	}
	alerts, err := os.ReadFile("../rules/prometheus/recording.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range recorded.FindAllStringSubmatch(string(alerts), -1) {
		labels[m[1]] = nil
	}
	found := 0
	for _, name := range files(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(data), `\"`, `"`)
		for _, token := range metricToken.FindAllString(text, -1) {
			found++
			if !known(labels, token) {
				t.Errorf("%s: there is no metric %s", name, token)
			}
		}
		for _, s := range selector.FindAllStringSubmatch(text, -1) {
			for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
				ours := !strings.HasPrefix(m[1], "tag_") && m[1] != "instance" && m[1] != "job"
				if known := labels[s[1]]; known != nil && ours && !slices.Contains(known, m[1]) {
					t.Errorf("%s: %s has no label %s", name, s[1], m[1])
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d metric names found in the files", found)
	}
}

// known reports whether a token is a metric, a common beginning of several
// that is written with an ending underscore, or one of the module's own names.
func known(labels map[string][]string, token string) bool {
	if _, ok := labels[token]; ok || token == namespace+"_" || token == namespace+"_exporter" {
		return true
	}
	if !strings.HasSuffix(token, "_") {
		return false
	}
	for name := range labels {
		if strings.HasPrefix(name, token) {
			return true
		}
	}
	return false
}

// files lists what names metrics.
func files(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"../*.md", "../*.yaml", "../docs/*.md", "../docs/*/*.md", "../dashboards/*.json", "../rules/*.yaml", "../rules/prometheus/*.yaml", "../deploy/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	return names
}
