package main

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
)

// oldAWSCLI has the fields that an aws-cli of before 2026 does not know removed,
// since that may be the one that is installed.
const roadFleet = `
accounts:
- id: "100000000001"
  regions:
    eu-west-1:
      pools:
      - id: eu-west-1_Abc123xyz
        name: customers
        tier: PLUS
        mfa: OPTIONAL
        settings:
          IssuerConfiguration: null
          KeyConfiguration: null
          SmsConfiguration: {SnsCallerArn: "arn:aws:iam::100000000001:role/sms", ExternalId: x}
          LambdaConfig: {PreSignUp: "arn:aws:lambda:eu-west-1:100000000001:function:check"}
`

// commandsOf returns the commands of the sh blocks of a page, which are a line each.
func commandsOf(t *testing.T, file string) (commands []string) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(string(page), -1) {
		commands = append(commands, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	return commands
}

// step is a command of a page, and what comes of it.
type step struct {
	command string // how it begins
	code    int
	out     string // in its output, or empty
	then    string // what others do to AWS then, as a change of the fleet; may be empty
}

// TestTheRoad follows docs/own-ses-identity.md from COGNITO_DEFAULT to the own
// identity and back, command by command. Those of aws-cli are run by it where it
// is installed, or only parsed by it where the simulated AWS has no such operation.
func TestTheRoad(t *testing.T) {
	commands := commandsOf(t, "../../docs/own-ses-identity.md")
	inRegion := func(change string) string {
		return `{"accounts": [{"id": "100000000001", "regions": {"eu-west-1": {` + change + `}}}]}`
	}
	steps := []step{
		{"export POOL=eu-west-1_Abc123xyz ", 0, "", ""},
		{"cognito-ses-exporter propose $POOL", 1, "eu-west-1: no identities", ""},
		{"aws sesv2 create-email-identity ", 0, "", inRegion(`"identities": [{"name": "example.com", "status": "PENDING"}]`)},
		{"aws sesv2 get-email-identity ", 0, "", inRegion(`"identities": [{"name": "example.com", "status": "SUCCESS", "verified": true, "sending_enabled": true}]`)},
		{"aws sesv2 get-email-identity ", 0, "true", ""},
		{"aws sesv2 put-account-details ", 0, "", inRegion(`"ses": {"production_access": true, "max_24_hour_send": 50000}`)},
		{"aws sesv2 get-account ", 0, "true", ""},
		{"cognito-ses-exporter propose $POOL --from ", 0, "No check failed; look at 1 check", ""},
		{"aws cognito-idp get-user-pool-mfa-config ", 0, "", ""},
		{"aws cognito-idp describe-risk-configuration ", 0, "", ""},
		{"aws cognito-idp get-log-delivery-configuration ", 0, "", ""},
		{"cognito-ses-exporter propose --verify ", 1, "EmailConfiguration.From", ""},
		{"aws cognito-idp update-user-pool ", 0, "", ""},
		{"cognito-ses-exporter propose --verify ", 0, "eu-west-1_Abc123xyz in eu-west-1: as proposed", ""},
		{"aws cognito-idp get-user-pool-mfa-config ", 0, "", ""},
		{"aws cognito-idp describe-risk-configuration ", 0, "", ""},
		{"aws cognito-idp get-log-delivery-configuration ", 0, "", ""},
		{"cognito-ses-exporter check ", 0, "0 critical", ""},
		{"cognito-ses-exporter propose $POOL --mode COGNITO_DEFAULT ", 0, "Written to back-eu-west-1_Abc123xyz", ""},
	}
	if len(commands) != len(steps) {
		t.Fatalf("the page has %d commands, want %d: %q", len(commands), len(steps), commands)
	}
	r := newRoad(t)
	before := r.pool().Settings
	for i, s := range steps {
		if !strings.HasPrefix(commands[i], s.command) {
			t.Fatalf("command %d is %q, want %q", i+1, commands[i], s.command)
		}
		r.follow(t, commands[i], s)
	}
	p := r.pool()
	if p.Mode != "DEVELOPER" || p.From != "Example <no-reply@example.com>" || p.Tier != "PLUS" || p.MFA != "OPTIONAL" || len(p.Settings) != len(before) {
		t.Errorf("the pool is %+v", p)
	}

	// The proposal's own page has commands, too.
	t.Chdir("back-eu-west-1_Abc123xyz")
	commands = commandsOf(t, "README.md")
	steps = []step{
		{"cognito-ses-exporter propose --verify .", 1, "EmailConfiguration.From", ""},
		{"aws cognito-idp update-user-pool ", 0, "", ""},
		{"cognito-ses-exporter propose --verify .", 0, "as proposed", ""},
		{"aws cognito-idp get-user-pool-mfa-config ", 0, "", ""},
		{"aws cognito-idp describe-risk-configuration ", 0, "", ""},
		{"aws cognito-idp get-log-delivery-configuration ", 0, "", ""},
	}
	if len(commands) != len(steps) {
		t.Fatalf("README.md has %q", commands)
	}
	for i, s := range steps {
		if !strings.HasPrefix(commands[i], s.command) {
			t.Fatalf("command %d is %q, want %q", i+1, commands[i], s.command)
		}
		r.follow(t, commands[i], s)
	}
	if p := r.pool(); p.Mode != "COGNITO_DEFAULT" || p.From != "" || p.SourceARN != "" {
		t.Errorf("back: %+v", p)
	}
}

// road is somebody who follows a page.
type road struct {
	*proposing
	cli bool // aws-cli is installed
}

func newRoad(t *testing.T) *road {
	t.Helper()
	r := &road{proposing: newProposingOn(t, roadFleet)}
	_, err := exec.LookPath("aws")
	if r.cli = err == nil; !r.cli {
		t.Log("aws-cli is not installed here: its commands are not run")
	}
	for key, value := range map[string]string{"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": ""} {
		t.Setenv(key, value)
	}
	return r
}

func (r *road) pool() *awssim.Pool { return &r.Fleet().Accounts[0].Regions["eu-west-1"].Pools[0] }

// answeredByAWS are the commands of aws-cli that the simulated AWS answers.
var answeredByAWS = []string{
	"sesv2 get-email-identity", "sesv2 get-account", "cognito-idp update-user-pool", "cognito-idp get-user-pool-mfa-config",
	"cognito-idp describe-risk-configuration", "cognito-idp get-log-delivery-configuration",
}

// follow runs a command as a person would.
func (r *road) follow(t *testing.T, command string, s step) {
	t.Helper()
	if names, ok := strings.CutPrefix(command, "export "); ok {
		for pair := range strings.FieldsSeq(names) {
			key, value, _ := strings.Cut(pair, "=")
			t.Setenv(key, value)
		}
		return
	}
	run := true
	if words := strings.Fields(command); words[0] == "aws" {
		run = r.cli
		if !slices.Contains(answeredByAWS, words[1]+" "+words[2]) {
			command += " --generate-cli-skeleton output" // It checks the parameters and calls nothing.
		}
		if words[2] == "update-user-pool" && !r.cli {
			file, _, _ := strings.Cut(command[strings.Index(command, "file://")+len("file://"):], " ")
			r.apply(t, "eu-west-1", os.ExpandEnv(file))
		}
	}
	if run {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		exit, ok := errors.AsType[*exec.ExitError](err)
		code := 0
		if ok {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != s.code || !strings.Contains(out.String(), s.out) {
			t.Fatalf("%s\nexit code %d, want %d with %q\n%s", command, code, s.code, s.out, out.String())
		}
	}
	if s.then != "" {
		w := httptest.NewRecorder()
		if r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "PATCH", "/_fleet", strings.NewReader(s.then))); w.Code >= 300 {
			t.Fatalf("%s", w.Body)
		}
	}
}
