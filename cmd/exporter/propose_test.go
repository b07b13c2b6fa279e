package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
)

const proposeFleet = `
accounts:
- id: "100000000001"
  regions:
    eu-west-1:
      ses: {production_access: true}
      identities: [{name: example.com}, {name: pending.example.com, status: PENDING}]
      pools:
      - {id: eu-west-1_Plain0001, name: plain, settings: {DeviceConfiguration: {ChallengeRequiredOnNewDevice: true}, NewSetting: {On: true}}}
      - {id: eu-west-1_Twice0001, name: replicated, tier: PLUS}
      - {id: eu-west-1_Same00001, name: same}
    eu-central-1:
      pools: [{id: eu-west-1_Twice0001}]
    eu-north-1:
      identities: [{name: example.com}]
      pools: [{id: eu-north-1_Sandbox01, name: sandbox}]
- id: "100000000002"
  external_id: demo
  regions:
    eu-west-1: {pools: [{id: eu-west-1_Same00001, name: same}]}
`

const proposeConfig = `
regions: [eu-west-1, eu-central-1, eu-north-1, me-south-1]
accounts: [{id: "100000000001"}, {id: "100000000002", role_arn: "arn:aws:iam::100000000002:role/r", external_id: demo}]
request_budgets: {cognito-idp: 15, ses: 1}
`

// proposing is the program on a simulated AWS in which pools can be updated.
type proposing struct {
	*awssim.Server
}

func newProposing(t *testing.T) *proposing {
	t.Helper()
	return newProposingOn(t, proposeFleet)
}

func newProposingOn(t *testing.T, fleet string) *proposing {
	t.Helper()
	f, err := awssim.ParseFleet([]byte(fleet))
	if err != nil {
		t.Fatal(err)
	}
	sim, err := awssim.New(awssim.Options{Fleet: f, NoQuotas: true, NoDelays: true, Updates: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	for key, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-west-1"} {
		t.Setenv(key, value)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("config.yaml", []byte(proposeConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	return &proposing{sim}
}

// run runs a command of the program.
func (p *proposing) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append(args, "--config.file=config.yaml"), &out, &errs, nil)
	return code, out.String(), errs.String()
}

// apply does what aws cognito-idp update-user-pool does with the document.
func (p *proposing) apply(t *testing.T, region, file string) {
	t.Helper()
	document, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", bytes.NewReader(document))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.UpdateUserPool")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260301/"+region+"/cognito-idp/aws4_request, SignedHeaders=host, Signature=00")
	w := httptest.NewRecorder()
	if p.ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Fatalf("%s: %s", file, w.Body)
	}
}

// updates returns how often pools were updated.
func (p *proposing) updates() (n int) {
	for _, c := range p.Calls() {
		if !slices.Contains([]string{"AssumeRole", "GetCallerIdentity"}, c.Operation) && !strings.HasPrefix(c.Operation, "List") &&
			!strings.HasPrefix(c.Operation, "Get") && !strings.HasPrefix(c.Operation, "Describe") && !strings.HasPrefix(c.Operation, "Lookup") {
			n += c.Calls
		}
	}
	return n
}

func TestPropose(t *testing.T) {
	p := newProposing(t)
	const dir = "proposal-eu-west-1_Plain0001"
	code, out, errs := p.run(t, "propose", "eu-west-1_Plain0001")
	if code != exitOK || errs != "" || !strings.Contains(out, `The pool sends as "arn:aws:ses:eu-west-1:100000000001:identity/example.com" from "no-reply@example.com". No check failed; look at 2 checks`) ||
		!strings.Contains(out, "  EmailConfiguration.EmailSendingAccount: \"COGNITO_DEFAULT\" -> \"DEVELOPER\"\n") || !strings.Contains(out, "[unknown] Fields that this program does not know are in the document. NewSetting: kept") ||
		!strings.Contains(out, "Written to "+dir+". README.md says how to apply it.") {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	var names []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if want := []string{"README.md", "before.json", "changes.txt", "cloudformation.json", "email_configuration.tf", "update-user-pool.json"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}

	code, out, errs = p.run(t, "propose", "--verify", dir)
	if code != exitFindings || errs != "" || strings.Count(out, "\n  EmailConfiguration.") != 3 || strings.Count(out, "\n") != 4 {
		t.Errorf("before: exit code %d\n%s%s", code, out, errs)
	}
	p.apply(t, "eu-west-1", dir+"/update-user-pool.json")
	code, out, errs = p.run(t, "propose", "--verify", dir)
	if code != exitOK || errs != "" || out != "eu-west-1_Plain0001 in eu-west-1: as proposed\n" {
		t.Errorf("after: exit code %d\n%s%s", code, out, errs)
	}
	if err := os.WriteFile("incomplete.json", []byte(`{"UserPoolId": "eu-west-1_Plain0001"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p.apply(t, "eu-west-1", "incomplete.json")
	code, out, _ = p.run(t, "propose", "--verify", dir)
	if code != exitFindings || !strings.Contains(out, "\n  DeviceConfiguration.ChallengeRequiredOnNewDevice: true -> absent\n") || !strings.Contains(out, "\n  NewSetting.On: true -> absent\n") {
		t.Errorf("after a reset: exit code %d\n%s", code, out)
	}

	// What is there is not replaced.
	code, _, errs = p.run(t, "propose", "eu-west-1_Plain0001", "--from=a@example.com")
	if code != exitUsage || !strings.Contains(errs, "exists; choose another --output-dir, or give --force") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	code, _, errs = p.run(t, "propose", "eu-west-1_Plain0001", "--from=a@example.com", "--force")
	if data, err := os.ReadFile(dir + "/changes.txt"); code != exitOK || err != nil || !strings.Contains(string(data), `absent -> "a@example.com"`) {
		t.Errorf("exit code %d, %s, %v\n%s", code, data, err, errs)
	}
}

func TestProposeReplicas(t *testing.T) {
	p := newProposing(t)
	code, out, errs := p.run(t, "propose", "eu-west-1_Twice0001", "--output-dir=both")
	if code != exitOK || errs != "" || strings.Count(out, "[passed] The settings of the pool's regions agree.") != 2 {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	for _, region := range []string{"eu-west-1", "eu-central-1"} {
		p.apply(t, region, filepath.Join("both", region, "update-user-pool.json"))
	}
	code, out, errs = p.run(t, "propose", "--verify=both")
	if code != exitOK || errs != "" || out != "eu-west-1_Twice0001 in eu-central-1: as proposed\neu-west-1_Twice0001 in eu-west-1: as proposed\n" {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	code, out, errs = p.run(t, "propose", "eu-west-1_Twice0001", "--region=eu-central-1", "--output-dir=one", "--mode=COGNITO_DEFAULT")
	if _, err := os.Stat("one/update-user-pool.json"); code != exitOK || err != nil || strings.Contains(out, "in eu-west-1,") {
		t.Errorf("exit code %d, %v\n%s%s", code, err, out, errs)
	}
}

func TestProposeRefuses(t *testing.T) {
	p := newProposing(t)
	if err := os.MkdirAll("bad", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("bad/before.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Nobody writes to it.
	if err := errors.Join(os.Mkdir("pipe", 0o700), syscall.Mkfifo("pipe/before.json", 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "give a user pool or --verify=DIR"},
		{[]string{"eu-west-1_Plain0001", "--verify=x"}, exitUsage, "give a user pool or --verify=DIR"},
		{[]string{"../x"}, exitUsage, `"../x" is not the ID of a user pool`},
		{[]string{"eu-west-1_Plain0001", "--identity=example.com"}, exitUsage, "--identity must be the ARN"},
		{[]string{"eu-west-1_Plain0001", "--mode=OTHER"}, exitUsage, "enum value must be one of"},
		{[]string{"eu-west-1_Plain0001", "--region=eu-west-9"}, exitUsage, "no such account and region"},
		{[]string{"eu-west-1_Plain0001", "--account=100000000009"}, exitUsage, "no such account and region"},
		{[]string{"eu-west-1_Plain0001", "--account=100000000002"}, exitUnjudged, `"eu-west-1_Plain0001" is in none of the configured accounts and regions`},
		{[]string{"eu-west-1_Other0001"}, exitUnjudged, `"eu-west-1_Other0001" is in none of the configured accounts and regions`},
		{[]string{"eu-west-1_Same00001"}, exitUsage, `accounts 100000000001 and 100000000002 have a user pool "eu-west-1_Same00001"; choose with --account`},
		{[]string{"eu-west-1_Same00001", "--account=100000000002"}, exitFindings, "eu-west-1: no identities"},
		{[]string{"eu-north-1_Sandbox01"}, exitFindings, `eu-north-1: identity "example.com": sandbox`},
		{[]string{"--verify=nothing"}, exitUsage, "nothing"},
		{[]string{"--verify=."}, exitUsage, "the description has no UserPool"},
		{[]string{"--verify=pipe"}, exitUsage, "pipe/before.json: the file cannot be read: it must be a regular file, not a named pipe"},
		{[]string{"--verify=bad"}, exitUsage, "bad/before.json: the description has no UserPool"},
	} {
		code, out, errs := p.run(t, append([]string{"propose"}, tt.args...)...)
		if code != tt.code || !strings.Contains(errs, tt.want) || out != "" {
			t.Errorf("%v: exit code %d, %q, want %d with %q", tt.args, code, errs, tt.code, tt.want)
		}
	}
	if dirs, err := filepath.Glob("proposal-*"); err != nil || len(dirs) > 0 {
		t.Errorf("written: %v %v", dirs, err)
	}

	// A person may decide otherwise, and is told.
	code, out, _ := p.run(t, "propose", "eu-north-1_Sandbox01", "--identity=arn:aws:ses:eu-north-1:100000000001:identity/example.com")
	if _, err := os.Stat("proposal-eu-north-1_Sandbox01/update-user-pool.json"); code != exitFindings || err != nil || !strings.Contains(out, "Do not apply it yet: 1 check failed.") ||
		!strings.Contains(out, "[failed] SES has production access. Ask for production access") {
		t.Errorf("exit code %d, %v\n%s", code, err, out)
	}

	// What cannot be read is told, and is no proof that a pool does not exist.
	if err := p.SetFaults([]awssim.Fault{{Kind: "deny", Region: "eu-west-1", Service: "cognito-idp"}}); err != nil {
		t.Fatal(err)
	}
	code, _, errs := p.run(t, "propose", "eu-west-1_Plain0001")
	if code != exitUnjudged || !strings.Contains(errs, "not read: DescribeUserPool in account 100000000001, region eu-west-1") || !strings.Contains(errs, "was not found where AWS could be read") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	if err := p.SetFaults([]awssim.Fault{{Kind: "deny", Service: "sesv2"}}); err != nil {
		t.Fatal(err)
	}
	code, _, errs = p.run(t, "propose", "eu-west-1_Plain0001")
	if code != exitFindings || !strings.Contains(errs, "not read: GetAccount in account 100000000001, region eu-west-1") || !strings.Contains(errs, "eu-west-1: the identities could not be read") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	if err := p.SetFaults([]awssim.Fault{{Kind: "deny", Operation: "DescribeUserPool"}}); err != nil {
		t.Fatal(err)
	}
	code, out, errs = p.run(t, "propose", "--verify=proposal-eu-north-1_Sandbox01")
	if code != exitUnjudged || out != "" || !strings.Contains(errs, "DescribeUserPool in account 100000000001, region eu-north-1: AccessDenied") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	if err := p.SetFaults(nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("config.yaml", []byte("regions: [eu-west-1]"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs = p.run(t, "propose", "eu-west-1_Plain0001", "--account=100000000002") // The credentials are of another one.
	if code != exitUnjudged || !strings.Contains(errs, "is in none of the configured accounts and regions") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	if n := p.updates(); n != 0 {
		t.Errorf("%d calls that do not read", n)
	}
}

// TestNothingIsUpdated has an AWS that would let itself be changed.
func TestNothingIsUpdated(t *testing.T) {
	p := newProposing(t)
	fleet := p.Fleet()
	for _, args := range [][]string{{"check"}, {"propose", "eu-west-1_Twice0001"}, {"propose", "eu-west-1_Plain0001"}, {"propose", "--verify=proposal-eu-west-1_Plain0001"}} {
		if code, out, errs := p.run(t, args...); out == "" || code == exitUsage {
			t.Errorf("%v: exit code %d\n%s%s", args, code, out, errs)
		}
	}
	if p.updates() != 0 || p.Fleet() != fleet {
		t.Errorf("%d updates, calls %v", p.updates(), p.Calls())
	}
	p.apply(t, "eu-west-1", "proposal-eu-west-1_Plain0001/update-user-pool.json")
	if p.updates() != 1 || p.Fleet() == fleet {
		t.Error("an update is not seen")
	}
}
