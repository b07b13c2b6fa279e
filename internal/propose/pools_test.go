package propose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const account = "100000000001"

// inProcess answers requests without a connection.
type inProcess struct{ http.Handler }

func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result(), nil
}

// aws is a simulated AWS that updates user pools, and its reader.
type aws struct {
	*awssim.Server
	*awsread.Reader
}

func simulate(t *testing.T, fleet *awssim.Fleet) aws {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Fleet: fleet, NoQuotas: true, NoDelays: true, Updates: true})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := awsread.New(t.Context(), awsread.Options{HTTPClient: inProcess{sim}, Endpoint: "http://awssim", AccessKeyID: "AKIATEST", SecretAccessKey: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return aws{sim, reader}
}

func (a aws) describe(t *testing.T, region, id string) Described {
	t.Helper()
	d, o := a.DescribePool(t.Context(), inventory.Target{AccountID: account, Region: region}, id)
	if o.Class != inventory.OK {
		t.Fatal(o.Message)
	}
	p, err := Parse(d.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Described{Pool: p, UserPool: d.Pool, Target: d.Target}
}

// ses reads the SES regions.
func (a aws) ses(t *testing.T, regions ...string) (readings []inventory.Reading) {
	t.Helper()
	for _, region := range regions {
		r := a.Read(t.Context(), inventory.Target{AccountID: account, Region: region, SESOnly: true, Identities: []string{"example.com"}, ConfigurationSets: []string{"login"}}, nil)
		for _, o := range r.Outcomes {
			if o.Class != inventory.OK {
				t.Fatal(o.Message)
			}
		}
		readings = append(readings, r)
	}
	return readings
}

// update applies a document.
func (a aws) update(t *testing.T, region string, document []byte) (status int, answer string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", bytes.NewReader(document))
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.UpdateUserPool")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260301/"+region+"/cognito-idp/aws4_request, SignedHeaders=host, Signature=00")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// described is what a description says, by field.
func described(t *testing.T, d Described) map[string]any {
	t.Helper()
	var answer struct{ UserPool map[string]any }
	if err := json.Unmarshal(d.body, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.UserPool
}

// generator makes user pools in which every setting occurs with every value, as
// far as they go together.
type generator struct{ *rand.Rand }

func (g generator) maybe() bool { return g.IntN(2) == 0 }

func pick[T any](g generator, values ...T) T { return values[g.IntN(len(values))] }

func some[T any](g generator, values ...T) []T {
	return slices.DeleteFunc(values, func(T) bool { return g.maybe() })
}

func (g generator) lambda(name string) string {
	return fmt.Sprintf("arn:aws:lambda:eu-west-1:%s:function:%s-%d", account, name, g.IntN(100))
}

// text has what is hard to carry.
func (g generator) text(placeholder string) string {
	return pick(g, "Your code is ", `Quotes " and \ <b>&amp;</b> `, "Zeilen\nund\tTabs ", "日本語 \u2028 🙂 ", "$"+"{code} %{if} ") + placeholder
}

func (g generator) pool(i int) awssim.Pool {
	p := awssim.Pool{
		ID: fmt.Sprintf("eu-west-1_Pool%05d", i), Name: fmt.Sprintf("pool-%d %s", i, pick(g, "a", "b+c=d", "e@f")),
		Mode: pick(g, "COGNITO_DEFAULT", "DEVELOPER", "ABSENT"), Tier: pick(g, "LITE", "ESSENTIALS", "PLUS"), MFA: pick(g, "OFF", "ON", "OPTIONAL"),
		AutoVerified: some(g, "email", "phone_number"), Recovery: some(g, "verified_email", "verified_phone_number"),
		Tags: map[string]string{}, Settings: map[string]any{},
	}
	if p.Mode == "DEVELOPER" {
		p.SourceARN, p.From = "arn:aws:ses:eu-west-1:"+account+":identity/example.com", "no-reply@example.com"
		p.ReplyTo, p.ConfigurationSet = pick(g, "", "help@example.com"), pick(g, "", "login")
		p.FirstFactors = append([]string{"PASSWORD"}, some(g, "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN")...)
	}
	for _, key := range some(g, "env", "a.b/c", "Größe") {
		p.Tags[key] = pick(g, "", "prod", `"x"`)
	}
	s := p.Settings
	set := func(name string, value any) {
		if g.maybe() {
			s[name] = value
		}
	}
	set("AliasAttributes", some(g, "email", "preferred_username"))
	set("UsernameAttributes", []string{"email"})
	set("UsernameConfiguration", map[string]any{"CaseSensitive": g.maybe()})
	set("Domain", "login")
	set("CustomDomain", "login.example.com")
	set("Status", "Enabled")
	set("DeletionProtection", "ACTIVE")
	set("DeviceConfiguration", map[string]any{"ChallengeRequiredOnNewDevice": g.maybe(), "DeviceOnlyRememberedOnUserPrompt": g.maybe()})
	set("IssuerConfiguration", map[string]any{"Type": "UPDATED"})
	set("KeyConfiguration", map[string]any{"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": "arn:aws:kms:eu-west-1:" + account + ":key/mrk-1"})
	set("SmsAuthenticationMessage", g.text("{####}"))
	set("UserPoolAddOns", map[string]any{"AdvancedSecurityMode": pick(g, "OFF", "AUDIT", "ENFORCED"), "AdvancedSecurityAdditionalFlows": map[string]any{"CustomAuthMode": "AUDIT"}})
	set("UserAttributeUpdateSettings", map[string]any{"AttributesRequireVerificationBeforeUpdate": some(g, p.AutoVerified...)})
	if g.maybe() {
		s["SmsConfiguration"] = pick(g, map[string]any{"SnsCallerArn": "arn:aws:iam::" + account + ":role/sms", "ExternalId": "secret", "SnsRegion": "eu-west-1"},
			map[string]any{"EumsSms": map[string]any{"CallerArn": "arn:aws:iam::" + account + ":role/sms", "Region": "eu-west-1", "OriginationIdentity": "+4912345678"}})
	}
	days, symbols := 1+g.IntN(90), g.maybe()
	policy := map[string]any{"MinimumLength": 6 + g.IntN(90), "RequireLowercase": g.maybe(), "RequireNumbers": g.maybe(), "RequireSymbols": symbols, "RequireUppercase": g.maybe()}
	if g.maybe() {
		policy["TemporaryPasswordValidityDays"] = days
	}
	if g.maybe() {
		policy["PasswordHistorySize"] = g.IntN(25)
	}
	s["Policies"] = map[string]any{"PasswordPolicy": policy, "SignInPolicy": map[string]any{"AllowedFirstAuthFactors": append([]string{"PASSWORD"}, p.FirstFactors[min(1, len(p.FirstFactors)):]...)}}
	invite := map[string]any{"EmailMessage": g.text("{username} {####}"), "EmailSubject": g.text(""), "SMSMessage": "{username} {####}"}
	s["AdminCreateUserConfig"] = map[string]any{"AllowAdminCreateUserOnly": g.maybe(), "UnusedAccountValidityDays": days}
	if g.maybe() {
		s["AdminCreateUserConfig"].(map[string]any)["InviteMessageTemplate"] = invite
	}
	switch g.IntN(4) {
	case 0:
		code := g.text("{####}")
		s["VerificationMessageTemplate"] = map[string]any{"DefaultEmailOption": "CONFIRM_WITH_CODE", "EmailMessage": code, "EmailSubject": "Code", "SmsMessage": "{####}"}
		set("EmailVerificationMessage", code)
		set("EmailVerificationSubject", "Code")
		set("SmsVerificationMessage", "{####}")
	case 1:
		s["VerificationMessageTemplate"] = map[string]any{"DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessageByLink": g.text("{##Click##}"), "EmailSubjectByLink": "Link"}
	case 2:
		set("EmailVerificationMessage", g.text("{####}"))
	}
	lambdas := map[string]any{}
	for _, name := range some(g, "CreateAuthChallenge", "CustomMessage", "DefineAuthChallenge", "PostAuthentication", "PostConfirmation", "PreAuthentication", "PreSignUp", "UserMigration", "VerifyAuthChallengeResponse") {
		lambdas[name] = g.lambda(name)
	}
	if g.maybe() {
		arn := g.lambda("token")
		lambdas["PreTokenGeneration"], lambdas["PreTokenGenerationConfig"] = arn, map[string]any{"LambdaArn": arn, "LambdaVersion": pick(g, "V1_0", "V2_0", "V3_0")}
	}
	for _, name := range some(g, "CustomEmailSender", "CustomSMSSender") {
		lambdas[name], lambdas["KMSKeyID"] = map[string]any{"LambdaArn": g.lambda(name), "LambdaVersion": "V1_0"}, "arn:aws:kms:eu-west-1:"+account+":key/1"
	}
	if g.maybe() {
		lambdas["InboundFederation"] = map[string]any{"LambdaArn": g.lambda("federation"), "LambdaVersion": "V1_0"}
	}
	s["LambdaConfig"] = lambdas
	return p
}

func generated(t *testing.T, pools int) *awssim.Fleet {
	t.Helper()
	g := generator{rand.New(rand.NewPCG(15, 1))}
	region := &awssim.Region{
		SES:               awssim.SES{ProductionAccess: true, SendingEnabled: true, Enforcement: "HEALTHY", Review: "GRANTED", Max24HourSend: 50000, MaxSendRate: 14},
		Identities:        []awssim.Identity{{Name: "example.com", Status: "SUCCESS", Verified: true, SendingEnabled: true}},
		ConfigurationSets: []awssim.ConfigurationSet{{Name: "login", SendingEnabled: true}},
	}
	for i := range pools {
		region.Pools = append(region.Pools, g.pool(i))
	}
	return &awssim.Fleet{Accounts: []awssim.Account{{ID: account, Regions: map[string]*awssim.Region{"eu-west-1": region}}}}
}

// TestOnlyTheEmailConfigurationChanges applies the documents of 500 pools, whose
// settings are all set in some way, in a simulated AWS that resets what it is
// not given.
func TestOnlyTheEmailConfigurationChanges(t *testing.T) {
	const pools = 500
	a := simulate(t, generated(t, pools))
	readings := a.ses(t, "eu-west-1")
	wishes := []Wish{
		{Mode: inventory.ModeDeveloper, From: "Acme <login@example.com>"},
		{Mode: inventory.ModeDeveloper, Identity: "arn:aws:ses:eu-west-1:" + account + ":identity/example.com", From: "a@example.com", ConfigurationSet: new("login")},
		{Mode: inventory.ModeDefault},
	}
	seen := map[string]bool{}
	dir := t.TempDir()
	for i := range pools {
		id := fmt.Sprintf("eu-west-1_Pool%05d", i)
		before := a.describe(t, "eu-west-1", id)
		wish := wishes[i%len(wishes)]
		if before.Settings.EmailOTP { // Which only DEVELOPER has.
			wish = wishes[i%2]
		}
		p, err := wish.Choose(time.Now(), before, readings, inventory.Policy{})
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		document := p.Files()[FileUpdate]
		strict := json.NewDecoder(bytes.NewReader(document))
		strict.DisallowUnknownFields()
		var input cognitoidentityprovider.UpdateUserPoolInput
		if err := strict.Decode(&input); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if status, answer := a.update(t, "eu-west-1", document); status != http.StatusOK {
			t.Fatalf("%s: %d %s\n%s", id, status, answer, document)
		}
		after := a.describe(t, "eu-west-1", id)
		was, is := described(t, before), described(t, after)
		if !after.LastModified.After(before.LastModified) {
			t.Errorf("%s was not modified", id)
		}
		want := map[string]any{}
		for name, value := range map[string]string{
			"EmailSendingAccount": string(p.Email.Mode), "SourceArn": p.Email.SourceARN, "From": p.Email.From, "ConfigurationSet": p.Email.ConfigurationSet, "ReplyToEmailAddress": before.Settings.ReplyTo,
		} {
			if value != "" {
				want[name] = value
			}
		}
		if !reflect.DeepEqual(is["EmailConfiguration"], want) {
			t.Errorf("%s: e-mail configuration %v, want %v", id, is["EmailConfiguration"], want)
		}
		for _, name := range []string{"EmailConfiguration", "LastModifiedDate"} {
			delete(was, name)
			delete(is, name)
		}
		for name := range was {
			if seen[name] = true; !reflect.DeepEqual(was[name], is[name]) {
				t.Errorf("%s: %s changed\nfrom %v\nto   %v", id, name, was[name], is[name])
			}
			delete(is, name)
		}
		if len(is) > 0 {
			t.Errorf("%s: new fields %v", id, is)
		}
		for _, d := range p.Changes {
			if !strings.HasPrefix(d.Path, "EmailConfiguration.") {
				t.Errorf("%s: the proposal says that it changes %s", id, d)
			}
		}
		if differences, err := Verify(before.Pool, document, after.Pool); err != nil || len(differences) > 0 {
			t.Errorf("%s: %v %v", id, differences, err)
		}
		if err := os.WriteFile(filepath.Join(dir, id+".json"), document, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path := range settable {
		if !strings.Contains(path, ".") && !seen[path] && path != "EmailConfiguration" {
			t.Errorf("no pool has %s", path)
		}
	}
	awsCLIAccepts(t, dir)
}

// awsCLIAccepts has aws-cli's own validation look at documents, where it is
// installed.
func awsCLIAccepts(t *testing.T, dir string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil || exec.CommandContext(t.Context(), python, "-c", "import botocore").Run() != nil {
		t.Log("aws-cli's validation is not installed here; only the SDK's types were held against the documents")
		return
	}
	out, err := exec.CommandContext(t.Context(), python, "testdata/validate.py", dir).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("aws-cli refuses a document: %v", err)
	}
}
