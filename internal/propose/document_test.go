package propose

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// members returns the paths of an SDK's struct.
func members(t reflect.Type, path string) (paths []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() == "time" {
		return nil
	}
	for f := range t.Fields() {
		if f.IsExported() {
			paths = append(paths, path+f.Name)
			paths = append(paths, members(f.Type, path+f.Name+".")...)
		}
	}
	return paths
}

// TestFields holds the lists of fields against the SDK's types: a field that is
// new there has to be put in one of the lists.
func TestFields(t *testing.T) {
	var want []string
	for _, path := range members(reflect.TypeFor[cognitoidentityprovider.UpdateUserPoolInput](), "") {
		if path != "UserPoolId" && path != "PoolName" {
			want = append(want, path)
		}
	}
	var have []string
	for path := range settable {
		have = append(have, path)
	}
	slices.Sort(want)
	slices.Sort(have)
	if !slices.Equal(have, want) {
		t.Errorf("settable are\n%v\nUpdateUserPool has\n%v", have, want)
	}
	for f := range reflect.TypeFor[types.UserPoolType]().Fields() {
		lists := 0
		for _, has := range []bool{settable[f.Name], renamed[f.Name] != "", slices.Contains(describedOnly, f.Name)} {
			if has {
				lists++
			}
		}
		if f.IsExported() && lists != 1 {
			t.Errorf("%s of a description is in %d lists", f.Name, lists)
		}
	}
	for _, name := range moving {
		if !slices.Contains(describedOnly, name) {
			t.Errorf("%s is not of the description only", name)
		}
	}
}

const arn = `"Id": "eu-west-1_A", "Arn": "arn:aws:cognito-idp:eu-west-1:100000000001:userpool/eu-west-1_A", "UserPoolTier": "LITE"`

// parse returns a pool with the fields besides its names.
func parse(t *testing.T, fields string) *Pool {
	t.Helper()
	p, err := Parse([]byte(`{"UserPool": {` + strings.TrimSuffix(arn+", "+fields, ", ") + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	p, err := Parse([]byte(`{"UserPool": {"Name": "a", ` + arn + `, "Domain": null, "Policies": {"SignInPolicy": null}}, "Other": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	want := inventory.PoolKey{Key: inventory.Key{AccountID: "100000000001", Region: "eu-west-1"}, ID: "eu-west-1_A"}
	if p.Key != want || p.Name != "a" {
		t.Errorf("%+v %q", p.Key, p.Name)
	}
	if _, ok := p.fields["Domain"]; ok || len(in(p.fields, "Policies")) != 0 {
		t.Errorf("null is kept: %v", p.fields)
	}
	for body, want := range map[string]string{
		"": "EOF", "null": "is null", "[]": "JSON object", "{} {}": "more behind", "{}": "no UserPool", `{"UserPool": []}`: "no UserPool",
		`{"UserPool": {}}`: "do not name a user pool",
		`{"UserPool": {"Id": "a", "Arn": "arn:aws:cognito-idp:eu-west-1:1:userpool/b"}}`: "do not name a user pool",
		`{"UserPool": {"Id": "a", "Arn": "arn:aws:cognito-idp::1:userpool/a"}}`:          "do not name a user pool",
		`{"UserPool": {"Id": "a", "Arn": "arn:aws:cognito-idp:eu-west-1::userpool/a"}}`:  "do not name a user pool",
		`{"UserPool": {"Id": "a", "Arn": "arn:aws:ses:eu-west-1:1:userpool/a"}}`:         "do not name a user pool",
		`{"UserPool": {"Id": "", "Arn": "arn:aws:cognito-idp:eu-west-1:1:userpool/"}}`:   "do not name a user pool",
	} {
		if _, err := Parse([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

var developer = inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:100000000001:identity/example.com", From: "a@example.com"}

// TestTraps has one thing at a time that UpdateUserPool takes in another way than
// DescribeUserPool gives it.
func TestTraps(t *testing.T) {
	const changed = `EmailConfiguration.EmailSendingAccount EmailConfiguration.From EmailConfiguration.SourceArn`
	builtin := inventory.EmailConfiguration{Mode: inventory.ModeDefault}
	for name, tt := range map[string]struct {
		fields  string
		email   inventory.EmailConfiguration
		want    string // members of the document, as JSON; without the three of every document
		checks  string // name: state of the checks
		changes string // paths
	}{
		"nothing":      {``, developer, `{}`, "", changed},
		"renamed":      {`"Name": "a"`, developer, `{"PoolName": "a"}`, "", changed},
		"read only":    {`"SchemaAttributes": [{"Name": "sub"}], "CreationDate": 1.5, "Status": "Enabled", "EstimatedNumberOfUsers": 7`, developer, `{}`, "", changed},
		"numbers":      {`"Policies": {"PasswordPolicy": {"MinimumLength": 8, "RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": true, "RequireUppercase": false}}`, developer, `{"Policies": {"PasswordPolicy": {"MinimumLength": 8, "RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": true, "RequireUppercase": false}}}`, "", changed},
		"false":        {`"Policies": {"PasswordPolicy": {"MinimumLength": 8}}, "AdminCreateUserConfig": {}`, developer, `{"Policies": {"PasswordPolicy": {"MinimumLength": 8, "RequireLowercase": false, "RequireNumbers": false, "RequireSymbols": false, "RequireUppercase": false}}, "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": false}}`, "", changed},
		"sign-in":      {`"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}}`, developer, `{"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}}}`, "", changed},
		"validity":     {`"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true, "UnusedAccountValidityDays": 7}, "Policies": {"PasswordPolicy": {"RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": true, "RequireUppercase": true, "TemporaryPasswordValidityDays": 3}}`, developer, `{"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true}, "Policies": {"PasswordPolicy": {"RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": true, "RequireUppercase": true, "TemporaryPasswordValidityDays": 3}}}`, "", changed},
		"old pool":     {`"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true, "UnusedAccountValidityDays": 30}`, developer, `{"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true, "UnusedAccountValidityDays": 30}}`, "", changed},
		"2017":         {`"EmailConfiguration": {}`, developer, `{}`, "", changed},
		"reply to":     {`"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "ReplyToEmailAddress": "b@example.com", "ConfigurationSet": "login"}`, inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: developer.SourceARN, From: developer.From, ReplyTo: "b@example.com"}, `{"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:eu-west-1:100000000001:identity/example.com", "From": "a@example.com", "ReplyToEmailAddress": "b@example.com"}}`, "", "EmailConfiguration.ConfigurationSet EmailConfiguration.From EmailConfiguration.SourceArn"},
		"attributes":   {`"AutoVerifiedAttributes": ["email"], "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}`, developer, `{"AutoVerifiedAttributes": ["email"], "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]}}`, "", changed},
		"no such":      {`"AutoVerifiedAttributes": ["email"], "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["phone_number"]}`, developer, `{"AutoVerifiedAttributes": ["email"], "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["phone_number"]}}`, "Attributes verified before an update are verified automatically: failed", changed},
		"both texts":   {`"VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE", "EmailMessage": "a", "EmailMessageByLink": "b"}`, developer, `{"VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE", "EmailMessage": "a"}}`, "All texts are kept: failed", changed + " VerificationMessageTemplate.EmailMessageByLink"},
		"link, legacy": {`"EmailVerificationMessage": "a", "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessageByLink": "b"}`, developer, `{"EmailVerificationMessage": "a", "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessageByLink": "b"}}`, "", changed},
		"by link":      {`"EmailVerificationMessage": "a", "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessage": "a", "EmailMessageByLink": "b"}`, developer, `{"VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_LINK", "EmailMessageByLink": "b"}}`, "All texts are kept: failed", changed + " EmailVerificationMessage VerificationMessageTemplate.EmailMessage"},
		"legacy":       {`"EmailVerificationMessage": "a", "EmailVerificationSubject": "s", "SmsVerificationMessage": "m"`, developer, `{"EmailVerificationMessage": "a", "EmailVerificationSubject": "s", "SmsVerificationMessage": "m"}`, "", changed},
		"legacy same":  {`"SmsVerificationMessage": "m", "VerificationMessageTemplate": {"SmsMessage": "m"}`, developer, `{"SmsVerificationMessage": "m", "VerificationMessageTemplate": {"SmsMessage": "m"}}`, "", changed},
		"legacy else":  {`"SmsVerificationMessage": "m", "VerificationMessageTemplate": {"SmsMessage": "n"}`, developer, `{"VerificationMessageTemplate": {"SmsMessage": "n"}}`, "All texts are kept: failed", changed + " SmsVerificationMessage"},
		"functions":    {`"LambdaConfig": {"PreTokenGeneration": "a", "PreTokenGenerationConfig": {"LambdaArn": "b"}}`, developer, `{"LambdaConfig": {"PreTokenGeneration": "a", "PreTokenGenerationConfig": {"LambdaArn": "b"}}}`, "PreTokenGeneration and PreTokenGenerationConfig name the same function: failed", changed},
		"one function": {`"LambdaConfig": {"PreTokenGeneration": "a", "PreTokenGenerationConfig": {"LambdaArn": "a"}}`, developer, `{"LambdaConfig": {"PreTokenGeneration": "a", "PreTokenGenerationConfig": {"LambdaArn": "a"}}}`, "", changed},
		"no key":       {`"LambdaConfig": {"CustomSMSSender": {"LambdaArn": "a"}}`, developer, `{"LambdaConfig": {"CustomSMSSender": {"LambdaArn": "a"}}}`, "Custom senders have a key: failed", changed},
		"key":          {`"LambdaConfig": {"CustomSMSSender": {"LambdaArn": "a"}, "KMSKeyID": "k"}`, developer, `{"LambdaConfig": {"CustomSMSSender": {"LambdaArn": "a"}, "KMSKeyID": "k"}}`, "", changed},
		"Lambda sends": {`"LambdaConfig": {"CustomEmailSender": {"LambdaArn": "a"}, "KMSKeyID": "k"}`, developer, `{"LambdaConfig": {"CustomEmailSender": {"LambdaArn": "a"}, "KMSKeyID": "k"}}`, "Cognito sends the e-mail: unknown", changed},
		"no tier":      {`"UserPoolTier": null`, developer, `{}`, "The feature plan is kept: failed", changed},
		"AWS's tags":   {`"UserPoolTags": {"env": "prod", "aws:a": "b"}`, developer, `{"UserPoolTags": {"env": "prod"}}`, "AWS's own tags stay: unknown", changed},
		"tags":         {`"UserPoolTags": {"env": "prod"}`, developer, `{"UserPoolTags": {"env": "prod"}}`, "", changed},
		"MFA":          {`"MfaConfiguration": "ON"`, developer, `{"MfaConfiguration": "ON"}`, "MFA without SMS stays: unknown", changed},
		"MFA by SMS":   {`"MfaConfiguration": "ON", "SmsConfiguration": {"SnsCallerArn": "a"}`, developer, `{"MfaConfiguration": "ON", "SmsConfiguration": {"SnsCallerArn": "a"}}`, "", changed},
		"no MFA":       {`"MfaConfiguration": "OFF"`, developer, `{"MfaConfiguration": "OFF"}`, "", changed},
		"devices":      {`"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": false}`, developer, `{"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": false}}`, "", changed},
		"codes":        {`"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["EMAIL_OTP"]}}`, builtin, `{"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["EMAIL_OTP"]}}, "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"}}`, "No sign-in by e-mail code: failed", "EmailConfiguration.EmailSendingAccount"},
		"own texts":    {`"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true, "InviteMessageTemplate": {"EmailSubject": "s"}}`, builtin, `{"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true, "InviteMessageTemplate": {"EmailSubject": "s"}}, "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"}}`, "No own texts of e-mails: unknown", "EmailConfiguration.EmailSendingAccount"},
		"to built-in":  {`"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": "x"}`, builtin, `{"EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"}}`, "", "EmailConfiguration.EmailSendingAccount EmailConfiguration.SourceArn"},
		"a new setting": {`"NewSetting": {"On": true}, "EmailConfiguration": {"NewAddress": "x"}, "LambdaConfig": {"NewTrigger": "f"}, "AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "n", "NewMember": 1.50}]}`, developer, `{"NewSetting": {"On": true}, "LambdaConfig": {"NewTrigger": "f"}, "AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "n", "NewMember": 1.50}]},
			"EmailConfiguration": {"NewAddress": "x", "EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:eu-west-1:100000000001:identity/example.com", "From": "a@example.com"}}`, "Fields that this program does not know are in the document: unknown", changed},
	} {
		t.Run(name, func(t *testing.T) {
			p := parse(t, tt.fields)
			var original object
			if err := json.Unmarshal(p.body, &original); err != nil {
				t.Fatal(err)
			}
			input, checks := p.update(tt.email)
			var want object
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			want["UserPoolId"] = "eu-west-1_A"
			if name != "no tier" {
				want["UserPoolTier"] = "LITE"
			}
			if want["EmailConfiguration"] == nil {
				want["EmailConfiguration"] = object{"EmailSendingAccount": "DEVELOPER", "SourceArn": developer.SourceARN, "From": developer.From}
			}
			var have object
			if err := json.Unmarshal(encoded(input, "  "), &have); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(have, want) {
				t.Errorf("the document is\n%s\nwant\n%s", line(have), line(want))
			}
			var said []string
			for _, c := range checks {
				said = append(said, c.Name+": "+string(c.State))
				if c.Text == "" {
					t.Errorf("%s says nothing", c.Name)
				}
			}
			if got := strings.Join(said, "; "); got != tt.checks {
				t.Errorf("checks %q, want %q", got, tt.checks)
			}
			var paths []string
			for _, d := range differences(p.fields, expected(p.fields, input)) {
				paths = append(paths, d.Path)
			}
			if got := strings.Join(paths, " "); got != tt.changes {
				t.Errorf("changes %q, want %q", got, tt.changes)
			}
		})
	}
}

// TestNewFieldsAreNamed checks that a field which no SDK knows is told, wherever it is.
func TestNewFieldsAreNamed(t *testing.T) {
	p := parse(t, `"NewSetting": {"On": {"a": 1}}, "EmailConfiguration": {"NewAddress": "x", "From": "a@b.c"}, "LambdaConfig": {"CustomSMSSender": {"New": 1}},
		"AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "n"}, {"New": 1}, {"New": 2}]}, "UserPoolTags": {"New": "tag"}, "SchemaAttributes": [{"New": 1}], "Odd\u001b[2J": 1`)
	want := []string{"AccountRecoverySetting.RecoveryMechanisms.New", "EmailConfiguration.NewAddress", "LambdaConfig.CustomSMSSender.New", "NewSetting", "Odd\x1b[2J"}
	if got := newer(p.fields); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	_, checks := p.update(developer)
	if text := checks[0].Text; !strings.Contains(text, `NewSetting, "Odd\u001b[2J": kept`) || !strings.Contains(text, "update aws-cli") {
		t.Errorf("%q", text)
	}
}

func TestDifferences(t *testing.T) {
	for name, tt := range map[string]struct{ before, after, want string }{
		"same":     {`"A": {"b": [1, {"c": 2}]}`, `"A": {"b": [1, {"c": 2}]}`, ""},
		"moving":   {`"LastModifiedDate": 1, "EstimatedNumberOfUsers": 1`, `"LastModifiedDate": 2, "EmailConfigurationFailure": "x", "SmsConfigurationFailure": "y"`, ""},
		"false":    {`"AdminCreateUserConfig": {}`, `"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": false}`, ""},
		"true":     {`"AdminCreateUserConfig": {}`, `"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true}`, "AdminCreateUserConfig.AllowAdminCreateUserOnly: false -> true"},
		"list":     {`"AutoVerifiedAttributes": ["email"]`, `"AutoVerifiedAttributes": ["email", "x"]`, `AutoVerifiedAttributes: ["email"] -> ["email","x"]`},
		"gone":     {`"LambdaConfig": {"PreSignUp": "f", "CustomMessage": "g"}`, `"LambdaConfig": {}`, `LambdaConfig.CustomMessage: "g" -> absent; LambdaConfig.PreSignUp: "f" -> absent`},
		"all gone": {`"LambdaConfig": {"PreSignUp": "f"}`, ``, `LambdaConfig.PreSignUp: "f" -> absent`},
		"empty":    {`"LambdaConfig": {}`, ``, `LambdaConfig: {} -> absent`},
		"kind":     {`"A": {"b": 1}`, `"A": "x"`, `A: {"b":1} -> "x"`},
		"number":   {`"A": 1`, `"A": 1.0`, `A: 1 -> 1.0`},
		"key":      {`"UserPoolTags": {"a.b": "1"}`, `"UserPoolTags": {"a.b": "2"}`, `UserPoolTags."a.b": "1" -> "2"`},
		"escapes":  {`"A": "\u001b[2J\u202e<é🙂"`, `"A": "\udb40\udc01"`, `A: "\u001b[2J\u202e<é🙂" -> "\udb40\udc01"`},
		"validity": {`"Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}}, "AdminCreateUserConfig": {"UnusedAccountValidityDays": 7}`, `"Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}}, "AdminCreateUserConfig": {"UnusedAccountValidityDays": 3}`, ""},
		"old days": {`"AdminCreateUserConfig": {"UnusedAccountValidityDays": 7}`, `"AdminCreateUserConfig": {"UnusedAccountValidityDays": 3}`, "AdminCreateUserConfig.UnusedAccountValidityDays: 7 -> 3"},
	} {
		var all []string
		for _, d := range differences(parse(t, tt.before).fields, parse(t, tt.after).fields) {
			all = append(all, d.String())
		}
		if got := strings.Join(all, "; "); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestFragments(t *testing.T) {
	e := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:x", From: "\"${a}\" %{if} \\ <a@example.com>", ReplyTo: "b@example.com", ConfigurationSet: "login"}
	want := `email_configuration {
  email_sending_account  = "DEVELOPER"
  source_arn             = "arn:x"
  from_email_address     = "\"$${a}\" %%{if} \\ <a@example.com>"
  reply_to_email_address = "b@example.com"
  configuration_set      = "login"
}
`
	if got := terraform(e); got != want {
		t.Errorf("%s", got)
	}
	if got := terraform(inventory.EmailConfiguration{Mode: inventory.ModeDefault}); got != "email_configuration {\n  email_sending_account  = \"COGNITO_DEFAULT\"\n}\n" {
		t.Errorf("%s", got)
	}
}

func TestVerify(t *testing.T) {
	before := parse(t, `"Name": "a", "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"}, "LambdaConfig": {"PreSignUp": "f"}, "UserPoolTags": {"aws:a": "b"}`)
	input, _ := before.update(developer)
	document := encoded(input, "")
	applied := parse(t, `"Name": "a", "EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": "`+developer.SourceARN+`", "From": "a@example.com"}, "LambdaConfig": {"PreSignUp": "f"}, "UserPoolTags": {"aws:a": "b"}`)
	if got, err := Verify(before, document, applied); err != nil || len(got) > 0 {
		t.Errorf("%v %v", got, err)
	}
	if got, err := Verify(before, document, before); err != nil || len(got) != 3 {
		t.Errorf("not applied: %v %v", got, err)
	}
	reset := parse(t, `"Name": "a", "EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": "`+developer.SourceARN+`", "From": "a@example.com"}, "LambdaConfig": {}`)
	got, err := Verify(before, document, reset)
	if err != nil || len(got) != 2 || got[0].String() != `LambdaConfig.PreSignUp: "f" -> absent` || got[1].String() != `UserPoolTags."aws:a": "b" -> absent` && got[1].String() != `UserPoolTags.aws:a: "b" -> absent` {
		t.Errorf("reset: %v %v", got, err)
	}
	other, err := Parse([]byte(strings.ReplaceAll(string(before.body), "eu-west-1_A", "eu-west-1_B")))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		before   *Pool
		document string
		now      *Pool
		want     string
	}{
		"document":     {before, "{", before, "update-user-pool.json: "},
		"its pool":     {other, string(document), before, "another user pool than before.json"},
		"now":          {before, string(document), other, "the description is of another user pool"},
		"other region": {before, string(document), &Pool{Key: inventory.PoolKey{Key: inventory.Key{AccountID: "100000000001", Region: "eu-west-2"}, ID: "eu-west-1_A"}}, "the description is of another user pool"},
	} {
		if _, err := Verify(tt.before, []byte(tt.document), tt.now); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"UserPool": {` + arn + `, "LambdaConfig": {"PreSignUp": null}, "UserPoolTags": {"aws:a": 1}, "Policies": {"PasswordPolicy": {}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := Parse(body)
		if err != nil {
			return
		}
		input, _ := p.update(developer)
		if input["UserPoolId"] != p.Key.ID {
			t.Errorf("document of %v", input["UserPoolId"])
		}
		if _, err := parseObject(encoded(input, "  ")); err != nil {
			t.Errorf("the document is not JSON: %v", err)
		}
		if d := differences(p.fields, p.fields); len(d) > 0 {
			t.Errorf("it differs from itself: %v", d)
		}
	})
}
