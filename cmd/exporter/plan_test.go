package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
)

// planned is a template with a pool that can send in production's eu-west-1, one
// with an identity that is missing there, one in the sandbox of us-east-1, and
// one that nobody has told who sends.
const planned = `Resources:
  Good: {Type: AWS::Cognito::UserPool, Properties: {EmailConfiguration: {EmailSendingAccount: DEVELOPER, From: private-address@example.com,
    SourceArn: "arn:aws:ses:eu-west-1:100000000001:identity/example.com"}, AutoVerifiedAttributes: [email]}}
  Missing: {Type: AWS::Cognito::UserPool, Properties: {EmailConfiguration: {EmailSendingAccount: DEVELOPER, From: a@missing.example,
    SourceArn: !Sub "arn:aws:ses:${AWS::Region}:${AWS::AccountId}:identity/missing.example"}, AutoVerifiedAttributes: [email]}}
  Default: {Type: AWS::Cognito::UserPool, Properties: {AutoVerifiedAttributes: [email], UserPoolTags: {env: prod}}}
`

// runPlan runs check on a plan, with production's credentials of the simulated
// AWS unless the environment has others, and returns the AWS calls as well.
func runPlan(t *testing.T, data string, faults []awssim.Fault, args ...string) (code int, stdout, stderr string, calls []string) {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Fleet: awssim.Demo(), Faults: faults, NoQuotas: true, NoDelays: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		if strings.Contains(body.String()+r.URL.String(), "private") {
			t.Errorf("AWS is told of the plan: %s %s", r.URL, body.String())
		}
		r.Body = http.NoBody
		if body.Len() > 0 {
			r.Body = readCloser{&body}
		}
		sim.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
	} {
		t.Setenv(name, value)
	}
	file := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(args) == 0 || !strings.HasPrefix(args[0], "--plan=") {
		args = append([]string{"--plan=" + file}, args...)
	}
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"check"}, args...), &out, &errs, nil)
	for _, c := range sim.Calls() {
		calls = append(calls, c.Operation)
	}
	slices.Sort(calls)
	return code, out.String(), errs.String(), slices.Compact(calls)
}

type readCloser struct{ *bytes.Buffer }

func (readCloser) Close() error { return nil }

// credentials are production's.
func credentials(t *testing.T) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_REGION", "eu-west-1")
}

func without(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
}

// result is what the JSON output says of the pools and findings.
func result(t *testing.T, out string) (pools, findings string) {
	t.Helper()
	var r struct {
		Findings []struct{ Rule, Resource string }
		Plan     struct {
			Pools []struct {
				Resource string
				Mode     string
				Ready    *bool
				Region   string
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v, of\n%s", err, out)
	}
	var p, f []string
	for _, pool := range r.Plan.Pools {
		ready := "unknown"
		if pool.Ready != nil {
			ready = map[bool]string{true: "ready", false: "not ready"}[*pool.Ready]
		}
		p = append(p, pool.Resource+" "+ready)
	}
	for _, finding := range r.Findings {
		f = append(f, finding.Rule+" "+finding.Resource)
	}
	return strings.Join(p, ", "), strings.Join(f, ", ")
}

// TestPlanWithSES reads of AWS what the plan's pools need, and no pools.
func TestPlanWithSES(t *testing.T) {
	credentials(t)
	code, out, errs, calls := runPlan(t, planned, nil, "--output=json")
	pools, findings := result(t, out)
	if code != exitFindings || errs != "" || pools != "Default unknown, Good ready, Missing not ready" || findings != "identity-missing Missing, production-on-default-sender Default" {
		t.Errorf("exit code %d, %s\n%s\n%s", code, errs, pools, findings)
	}
	for _, call := range calls {
		if !slices.Contains([]string{"GetCallerIdentity", "GetAccount", "ListEmailIdentities", "GetEmailIdentity", "GetConfigurationSet"}, call) {
			t.Errorf("the call %s is not needed", call)
		}
	}
	if !slices.Contains(calls, "GetAccount") || !strings.Contains(out, `"ses_read": true`) {
		t.Errorf("SES was not read: %q", calls)
	}
	// What has changed before, which CloudTrail tells, says nothing of what is to come.
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte("cloudtrail: {enabled: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, again, _, with := runPlan(t, planned, nil, "--output=json", "--config.file="+config); !slices.Equal(with, calls) {
		t.Errorf("with CloudTrail the calls are %q, want %q\n%s", with, calls, again)
	}
	// In us-east-1, where SES is in the sandbox, and with no default quota.
	code, out, _, _ = runPlan(t, strings.ReplaceAll(planned, "eu-west-1", "us-west-2"), nil, "--output=json", "--fail-on=none")
	if _, findings := result(t, out); code != exitOK || !strings.Contains(findings, "identity-missing Good") {
		t.Errorf("exit code %d, %s", code, findings)
	}
}

// TestPlanOffline asks AWS nothing, and takes for certain only what the plan says.
func TestPlanOffline(t *testing.T) {
	for name, set := range map[string]func(*testing.T){"with credentials": credentials, "without": without} {
		t.Run(name, func(t *testing.T) {
			set(t)
			code, out, errs, calls := runPlan(t, planned, nil, "--plan-offline", "--output=json", "--region=eu-west-3")
			pools, findings := result(t, out)
			if code != exitFindings || errs != "" || len(calls) > 0 || pools != "Default unknown, Good not ready, Missing unknown" ||
				findings != "identity-region-unsupported Good, production-on-default-sender Default" || !strings.Contains(out, `"ses_read": false`) {
				t.Errorf("exit code %d, %s, calls %q\n%s\n%s", code, errs, calls, pools, findings)
			}
		})
	}
}

// TestPlanWithoutCredentials goes on, and says so.
func TestPlanWithoutCredentials(t *testing.T) {
	without(t)
	code, out, errs, calls := runPlan(t, planned, nil, "--rule=identity-missing", "--account=100000000001")
	if code != exitOK || len(calls) > 0 || errs != "cognito-ses-exporter: no AWS credentials were found, so that SES is not read; what depends on it is undetermined\n" ||
		!strings.Contains(out, "COGNITO_DEFAULT with 50 e-mails a day, since it has no EmailConfiguration") || !strings.Contains(out, "3 pools of ") {
		t.Errorf("exit code %d, %s, calls %q\n%s", code, errs, calls, out)
	}
}

// TestPlanUnreadable fails where AWS refuses, with the findings that need it not.
func TestPlanUnreadable(t *testing.T) {
	credentials(t)
	code, out, errs, _ := runPlan(t, planned, []awssim.Fault{{Kind: "deny", Account: "100000000001", Service: "ses"}}, "--output=json")
	if _, findings := result(t, out); code != exitUnjudged || !strings.Contains(errs, "not read: ") || findings != "production-on-default-sender Default" {
		t.Errorf("SES denied: exit code %d, %s\n%s", code, errs, findings)
	}
	code, out, errs, _ = runPlan(t, planned, []awssim.Fault{{Kind: "deny", Service: "sts"}}, "--output=json")
	if _, findings := result(t, out); code != exitUnjudged || !strings.Contains(errs, "not read: GetCallerIdentity") || findings != "production-on-default-sender Default" {
		t.Errorf("STS denied: exit code %d, %s\n%s", code, errs, findings)
	}
}

// TestPlanFormats writes every format, and places each finding.
func TestPlanFormats(t *testing.T) {
	credentials(t)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("../../docs/check.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	_, out, _, _ := runPlan(t, planned, nil, "--plan-offline", "--output=json") // Neither account nor region is known.
	valid(t, schema, out)
	dir := t.TempDir()
	args := []string{"--fail-on=none"}
	for _, format := range []string{"json", "sarif", "junit", "csv"} {
		args = append(args, "--output="+format+"="+filepath.Join(dir, format))
	}
	if code, _, errs, _ := runPlan(t, planned, nil, args...); code != exitOK || errs != "" {
		t.Fatalf("exit code %d, %s", code, errs)
	}
	file := func(format string) string {
		data, err := os.ReadFile(filepath.Join(dir, format))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	valid(t, schema, file("json"))
	r, err := sarif.FromString(file("sarif"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
	for format, texts := range map[string][]string{
		"sarif": {"/template.yaml", `"startLine": 4`, `"name": "Missing"`},
		"junit": {`name="100000000001/eu-west-1/Missing"`},
		"csv":   {"identity-missing/100000000001/eu-west-1/Missing"},
	} {
		for _, text := range texts {
			if !strings.Contains(file(format), text) {
				t.Errorf("%s has no %s:\n%s", format, text, file(format))
			}
		}
	}
}

// valid holds an output against the schema.
func valid(t *testing.T, schema *jsonschema.Schema, out string) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Error(err)
	}
}

// TestPlanOfOthers reads the accounts of a configuration by their roles, and an
// organization's by the role that its members have.
func TestPlanOfOthers(t *testing.T) {
	credentials(t)
	for name, config := range map[string]string{
		"listed":       threeAccounts,
		"organization": "regions: [eu-west-1]\norganization: {member_role_name: r, external_id: demo}\n",
	} {
		file := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"--output=json", "--config.file=" + file, "--account=100000000003", "--fail-on=none"}
		code, out, errs, calls := runPlan(t, strings.ReplaceAll(planned, "100000000001", "100000000003"), nil, args...)
		if code != exitOK || errs != "" || !slices.Contains(calls, "AssumeRole") || slices.Contains(calls, "ListAccounts") || !strings.Contains(out, `"ses_read": true`) {
			t.Errorf("%s: exit code %d, %s, calls %q", name, code, errs, calls)
		}
		if named := strings.Contains(out, `"account_name": "sandbox"`); named != (name == "listed") {
			t.Errorf("%s: the account has its name: %v", name, named)
		}
	}
}

func TestPlanUsage(t *testing.T) {
	without(t)
	for _, tt := range []struct{ args, want string }{
		{"--account=x", `--account: "x" is neither the ID of an account nor the name of a configured one`},
		{"--region=mars", `--region: "mars" is not a region with Cognito user pools`},
		{"--region=eu-west-1 --region=eu-west-3", "with --plan, give at most one --account and one --region"},
		{"--plan=none.yaml", "none.yaml: the file cannot be read: no such file or directory"},
		{"--plan= --plan-offline", "--plan-offline needs --plan"},
		{"--plan= --plan-source=.", "--plan-source needs --plan"},
	} {
		code, out, errs, _ := runPlan(t, planned, nil, strings.Fields(tt.args)...)
		if code != exitUsage || !strings.Contains(errs, tt.want) || out != "" {
			t.Errorf("%s: exit code %d, %q, want %d with %q", tt.args, code, errs, exitUsage, tt.want)
		}
	}
}

// TestPlanDocs checks that every command of the page is run by the script.
func TestPlanDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/check-plan.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/script/plan.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(page)) {
		_, arguments, ok := strings.Cut(line, "cognito-ses-exporter check --plan")
		if !ok {
			continue
		}
		n++
		if !strings.Contains(string(script), "exec cognito-ses-exporter check --plan"+arguments) {
			t.Errorf("no test runs check --plan%s", arguments)
		}
	}
	if n != 4 {
		t.Errorf("the page has %d commands", n)
	}
}
