package main

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// runCheck runs the command on a simulated AWS and returns what it wrote.
func runCheck(t *testing.T, fleet *awssim.Fleet, faults []awssim.Fault, config string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Fleet: fleet, Faults: faults, NoQuotas: true, NoDelays: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_REGION", "eu-west-1")
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"check", "--config.file=" + file}, args...), &out, &errs, nil)
	return code, out.String(), errs.String()
}

const threeAccounts = `
regions: [eu-west-1, eu-central-1, us-east-1]
accounts:
  - {id: "100000000001", name: production}
  - {id: "100000000002", name: staging, role_arn: "arn:aws:iam::100000000002:role/r", external_id: demo}
  - {id: "100000000003", name: sandbox, role_arn: "arn:aws:iam::100000000003:role/r", external_id: demo}
request_budgets: {cognito-idp: 15, ses: 1, cloudwatch: 25, cloudtrail: 2}
request_timeout: 5s
`

func checkDemo(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"check", "--demo"}, args...), &out, &errs, nil)
	return code, out.String(), errs.String()
}

func TestCheckDemo(t *testing.T) {
	t.Parallel()
	code, out, errs := checkDemo(t)
	if code != exitFindings || errs != "" {
		t.Errorf("exit code %d, want %d; stderr %q", code, exitFindings, errs)
	}
	for _, want := range []string{"SEVERITY", "developer-in-sandbox", "\nMore on a rule: cognito-ses-exporter runbook RULE\n", "35 pools on 12 targets", "0 not read", `Quotes " and \ <script>`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if code, _, _ := checkDemo(t, "--rule=complaint-rate-high", "--fail-on=critical"); code != exitOK {
		t.Errorf("exit code %d for warnings below --fail-on, want 0", code)
	}
	// The finding is critical where codes are sent at sign-in, whatever the rule.
	if code, _, _ := checkDemo(t, "--rule=bounce-rate-high", "--fail-on=critical"); code != exitFindings {
		t.Errorf("exit code %d for a warning that is critical here, want %d", code, exitFindings)
	}
}

// TestEveryRuleHasItsDemoPool checks that the demo shows what each rule is about.
func TestEveryRuleHasItsDemoPool(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		a := demoApp(t)
		s, err := a.load()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.configure(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		plan, err := a.find(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		readings := collector.ReadOnce(t.Context(), a.reader, plan, nil)
		judged := s.rules.Judge(inventory.New(time.Now(), readings, plan.Quota))
		// AWS has to be gone for a while for these, which a fleet cannot show.
		never := []string{"facts-stale"}
		for i, rule := range s.rules.Rules() {
			if fires := judged.Total[i].Findings > 0; fires == slices.Contains(never, rule.ID) {
				t.Errorf("rule %s fires on the demo: %v", rule.ID, fires)
			}
		}
	})
}

func TestCheckHealthy(t *testing.T) {
	fleet, err := awssim.Generate(awssim.GenerateOptions{Accounts: 1, Regions: []string{"eu-west-1", "us-east-1"}, Pools: 5, Seed: 1, Mix: "healthy"})
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := runCheck(t, fleet, nil, "regions: [eu-west-1, us-east-1]\n", "--fail-on=info")
	if code != exitOK || errs != "" || !strings.HasPrefix(out, "10 pools on 2 targets: 0 critical, 0 warning, 0 info") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

// TestCheckUnreadable reads the demo's accounts, of which one is denied, within
// SES's budget and so but once, for several formats.
func TestCheckUnreadable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "check.")
	code, out, errs := runCheck(t, awssim.Demo(), []awssim.Fault{{Kind: "deny", Account: "100000000002"}}, threeAccounts, "-o", "table", "-o", "json="+file+"json", "-o", "junit="+file+"xml")
	if code != exitUnjudged {
		t.Errorf("exit code %d, want %d", code, exitUnjudged)
	}
	if !strings.Contains(errs, "AssumeRole in account 100000000002, region eu-west-1: AccessDenied") || !strings.Contains(errs, "trust policy") {
		t.Errorf("stderr does not name what was not read:\n%s", errs)
	}
	if !strings.Contains(out, "identity-missing") || strings.Contains(out, "staging") {
		t.Errorf("the findings of the others are not printed:\n%s", out)
	}
	data, err := os.ReadFile(file + "json")
	if err != nil {
		t.Fatal(err)
	}
	fitsSchema(t, data)
	if f := parseCheck(t, string(data)); len(f.Unreadable) != 3 || len(f.Findings) == 0 {
		t.Errorf("the JSON has %d findings, and not read are %v", len(f.Findings), f.Unreadable)
	}
	if data, err = os.ReadFile(file + "xml"); err != nil {
		t.Fatal(err)
	}
	countsCases(t, data)
}

func TestCheckUsage(t *testing.T) {
	for _, tt := range []struct{ config, arg, want string }{
		{"{}", "--output=xml", `--output: unknown format "xml"; use asff, csv, `},
		{"{}", "--rule=nope", `no enabled rule "nope"`},
		{"", "--output=json", "config.yaml: the configuration file is empty"},
		{"regionz: [eu-west-1]", "--output=json", "config.yaml:1:1: unknown key"},
		{"rules: {files: [missing.yaml]}", "--output=json", "missing.yaml: there is no such file"},
		{"rules: {overrides: {nope: {enabled: false}}}", "--output=json", `config.yaml:1:21: unknown rule "nope"`},
	} {
		code, out, errs := runCheck(t, awssim.Demo(), nil, tt.config, tt.arg)
		if code != exitUsage || !strings.Contains(errs, tt.want) || out != "" {
			t.Errorf("%s %s: exit code %d, %q, want %d with %q", tt.config, tt.arg, code, errs, exitUsage, tt.want)
		}
	}
}

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	_, out, _ := checkDemo(t, "--output=json")
	fitsSchema(t, []byte(out))
}

// fitsSchema checks JSON of check by its schema.
func fitsSchema(t *testing.T, data []byte) {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("../../docs/check.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Error(err)
	}
}

func TestCheckSARIF(t *testing.T) {
	_, out, _ := checkDemo(t, "--output=sarif")
	if !strings.Contains(out, `"markdown": "# `) || strings.Contains(out, "helpUri") {
		t.Error("the rules do not bring their runbooks")
	}
	r, err := sarif.FromBytes([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Validate(); err != nil {
		t.Errorf("not as the schema of SARIF 2.1.0 says: %v", err)
	}
	if n := len(r.Runs[0].Results); n < 20 {
		t.Errorf("only %d results", n)
	}
}

// countsCases checks what JUnit's XML says of itself, with an account's three
// regions that could not be read.
func countsCases(t *testing.T, data []byte) {
	t.Helper()
	var suites struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Cases    []struct {
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(data, &suites); err != nil {
		t.Fatal(err)
	}
	s := suites.Suites[0]
	failures, errs := 0, 0
	for _, c := range s.Cases {
		if c.Failure != nil {
			failures++
		}
		if c.Error != nil {
			errs++
		}
	}
	if s.Tests != len(s.Cases) || s.Failures != failures || s.Errors != errs || failures == 0 || errs != 3 {
		t.Errorf("%d tests, %d failures, %d errors; counted %d, %d, %d", s.Tests, s.Failures, s.Errors, len(s.Cases), failures, errs)
	}
}

func TestCheckCSV(t *testing.T) {
	t.Parallel()
	_, out, _ := checkDemo(t, "--output=csv")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) < 20 || rows[0][0] != "severity" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// TestForeignTextStaysText checks that a pool's name can neither move a
// terminal's cursor nor become a formula.
func TestForeignTextStaysText(t *testing.T) {
	fleet, err := awssim.ParseFleet([]byte(`{"accounts": [{"id": "100000000001", "regions": {"eu-west-1": {"pools": [
		{"name": "=HYPERLINK(1)\u001b[2J", "mode": "DEVELOPER"}]}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, out, _ := runCheck(t, fleet, nil, "{}", "--output=table")
	if strings.Contains(out, "\x1b") {
		t.Errorf("an escape sequence in\n%q", out)
	}
	_, out, _ = runCheck(t, fleet, nil, "{}", "--output=csv")
	if strings.Contains(out, ",=HYPERLINK") || strings.Contains(out, `,"=HYPERLINK`) {
		t.Errorf("a formula in\n%s", out)
	}
}
