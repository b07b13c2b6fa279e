package awssim_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
)

const updatableID = "eu-west-1_Full00001"

const updatable = `
accounts:
- id: "100000000001"
  regions:
    eu-west-1:
      identities: [{name: example.com}, {name: pending.example.com, status: PENDING}]
      pools:
      - id: eu-west-1_Full00001
        name: full
        tier: PLUS
        tags: {env: prod}
        custom_sender: arn:aws:lambda:eu-west-1:100000000001:function:sender
        settings:
          DeviceConfiguration: {ChallengeRequiredOnNewDevice: true}
          SmsAuthenticationMessage: Your code is {####}
          AliasAttributes: [email]
          NewSetting: {On: true}
          IssuerConfiguration: null
    eu-central-1:
      pools: [{id: eu-west-1_Full00001, tags: {env: dr}, settings: {SmsConfiguration: {SnsCallerArn: "arn:aws:iam::100000000001:role/sms"}}}]
`

// describe returns the pool as DescribeUserPool answers it.
func describe(t *testing.T, sim *awssim.Server, region string) map[string]any {
	t.Helper()
	status, body := ask(t, sim, region, "DescribeUserPool", map[string]any{"UserPoolId": updatableID})
	pool, ok := body["UserPool"].(map[string]any)
	if status != 200 || !ok {
		t.Fatalf("DescribeUserPool: %d %v", status, body)
	}
	return pool
}

// ask makes a call of Cognito in account 100000000001.
func ask(t *testing.T, sim *awssim.Server, region, operation string, in any) (status int, out map[string]any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	w := postIn(t, sim, region, "cognito-idp", "/", "AWSCognitoIdentityProviderService."+operation, string(body))
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s: %s", operation, w.Body)
	}
	return w.Code, out
}

// keep is the update that changes nothing: what DescribeUserPool answers, under
// UpdateUserPool's names.
func keep(pool map[string]any) map[string]any {
	in := maps.Clone(pool)
	in["UserPoolId"], in["PoolName"] = in["Id"], in["Name"]
	config := maps.Clone(in["AdminCreateUserConfig"].(map[string]any))
	delete(config, "UnusedAccountValidityDays")
	in["AdminCreateUserConfig"] = config
	return in
}

// changed lists the fields of two descriptions that differ.
func changed(a, b map[string]any) (names []string) {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for name := range all {
		if !reflect.DeepEqual(a[name], b[name]) && name != "LastModifiedDate" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func updates(t *testing.T, allowed bool) *awssim.Server {
	t.Helper()
	sim, _ := start(t, awssim.Options{Fleet: parse(t, updatable), NoQuotas: true, Updates: allowed, Now: func() time.Time { return noon }})
	return sim
}

func TestUpdateUserPoolIsRefused(t *testing.T) {
	sim := updates(t, false)
	before := describe(t, sim, "eu-west-1")
	if status, out := ask(t, sim, "eu-west-1", "UpdateUserPool", keep(before)); status == 200 || out["__type"] != "UnknownOperationException" {
		t.Errorf("%d %v", status, out)
	}
	if after := describe(t, sim, "eu-west-1"); !reflect.DeepEqual(after, before) {
		t.Errorf("%v", changed(before, after))
	}
}

// TestUpdateUserPoolResets checks that what is not given gets its default, and
// that what is given stays.
func TestUpdateUserPoolResets(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(in map[string]any)
		want   []string // the fields that differ afterwards
		field  string
		value  any
	}{
		"all given":      {func(map[string]any) {}, nil, "NewSetting", map[string]any{"On": true}},
		"tier":           {func(in map[string]any) { delete(in, "UserPoolTier") }, []string{"UserPoolTier"}, "UserPoolTier", "ESSENTIALS"},
		"triggers":       {func(in map[string]any) { delete(in, "LambdaConfig") }, []string{"LambdaConfig"}, "LambdaConfig", map[string]any{}},
		"devices":        {func(in map[string]any) { delete(in, "DeviceConfiguration") }, []string{"DeviceConfiguration"}, "DeviceConfiguration", nil},
		"recovery":       {func(in map[string]any) { delete(in, "AccountRecoverySetting") }, []string{"AccountRecoverySetting"}, "AccountRecoverySetting", nil},
		"an unheard one": {func(in map[string]any) { delete(in, "NewSetting") }, []string{"NewSetting"}, "NewSetting", nil},
		"tags":           {func(in map[string]any) { delete(in, "UserPoolTags") }, nil, "UserPoolTags", map[string]any{"env": "prod"}},
		"not there yet":  {func(map[string]any) {}, nil, "IssuerConfiguration", nil},
		"name":           {func(in map[string]any) { delete(in, "PoolName") }, nil, "Name", "full"},
		"new name":       {func(in map[string]any) { in["PoolName"] = "other" }, []string{"Name"}, "Name", "other"},
		"read only":      {func(in map[string]any) { delete(in, "AliasAttributes"); in["Status"] = "Enabled" }, nil, "AliasAttributes", []any{"email"}},
		"sender": {
			func(in map[string]any) {
				in["EmailConfiguration"] = map[string]any{"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:eu-west-1:100000000001:identity/example.com", "From": "a@example.com"}
			},
			[]string{"EmailConfiguration"},
			"EmailConfiguration",
			map[string]any{"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:eu-west-1:100000000001:identity/example.com", "From": "a@example.com"},
		},
		"symbols": {
			func(in map[string]any) {
				in["Policies"] = map[string]any{"PasswordPolicy": map[string]any{"MinimumLength": 8}}
			},
			[]string{"Policies"},
			"Policies",
			map[string]any{
				"PasswordPolicy": map[string]any{"MinimumLength": 8.0, "RequireLowercase": false, "RequireNumbers": false, "RequireSymbols": false, "RequireUppercase": false},
				"SignInPolicy":   map[string]any{"AllowedFirstAuthFactors": []any{"PASSWORD"}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			sim := updates(t, true)
			before := describe(t, sim, "eu-west-1")
			replica := describe(t, sim, "eu-central-1")
			in := keep(before)
			tt.change(in)
			if status, out := ask(t, sim, "eu-west-1", "UpdateUserPool", in); status != 200 {
				t.Fatalf("%d %v", status, out)
			}
			after := describe(t, sim, "eu-west-1")
			if got := changed(before, after); !slices.Equal(got, tt.want) || !reflect.DeepEqual(after[tt.field], tt.value) {
				t.Errorf("%v changed, want %v; %s is %v", got, tt.want, tt.field, after[tt.field])
			}
			if after["LastModifiedDate"] != float64(noon.Unix()) {
				t.Errorf("modified %v", after["LastModifiedDate"])
			}
			for _, own := range changed(replica, describe(t, sim, "eu-central-1")) {
				if slices.Contains([]string{"EmailConfiguration", "LambdaConfig", "SmsConfiguration", "UserPoolTags"}, own) || !slices.Contains(tt.want, own) {
					t.Errorf("%s of the replica changed", own)
				}
			}
		})
	}
}

func TestUpdateUserPoolRefuses(t *testing.T) {
	email := func(arn string) map[string]any {
		return map[string]any{"EmailSendingAccount": "DEVELOPER", "SourceArn": arn, "From": "a@example.com"}
	}
	for name, tt := range map[string]struct {
		region string
		field  string
		value  any
		want   string
	}{
		"both validities":     {"eu-west-1", "AdminCreateUserConfig", map[string]any{"UnusedAccountValidityDays": 7}, "Please use TemporaryPasswordValidityDays"},
		"not auto-verified":   {"eu-west-1", "UserAttributeUpdateSettings", map[string]any{"AttributesRequireVerificationBeforeUpdate": []string{"phone_number"}}, "phone_number, which is not in AutoVerifiedAttributes"},
		"both texts":          {"eu-west-1", "VerificationMessageTemplate", map[string]any{"EmailMessage": "{####}", "EmailMessageByLink": "{##a##}"}, "cannot be given together"},
		"two functions":       {"eu-west-1", "LambdaConfig", map[string]any{"PreTokenGeneration": "a", "PreTokenGenerationConfig": map[string]any{"LambdaArn": "b"}}, "do not name the same function"},
		"no key":              {"eu-west-1", "LambdaConfig", map[string]any{"CustomEmailSender": map[string]any{"LambdaArn": "a"}}, "KMSKeyID is required"},
		"a tag of AWS":        {"eu-west-1", "UserPoolTags", map[string]any{"aws:cloudformation:stack-name": "a"}, "aws:"},
		"MFA":                 {"eu-west-1", "MfaConfiguration", "ON", "MFA cannot be turned on"},
		"codes by built-in":   {"eu-west-1", "Policies", map[string]any{"SignInPolicy": map[string]any{"AllowedFirstAuthFactors": []string{"PASSWORD", "EMAIL_OTP"}}}, "EMAIL_OTP needs"},
		"unverified":          {"eu-west-1", "EmailConfiguration", email("arn:aws:ses:eu-west-1:100000000001:identity/pending.example.com"), "Email address is not verified"},
		"in no region":        {"eu-west-1", "EmailConfiguration", email("arn:aws:ses:eu-west-2:100000000001:identity/example.com"), "Email address is not verified"},
		"of another account":  {"eu-west-1", "EmailConfiguration", email("arn:aws:ses:eu-west-1:100000000002:identity/example.com"), "Email address is not verified"},
		"tier of a replica":   {"eu-central-1", "UserPoolTier", "LITE", "UserPoolTier cannot be changed in a secondary Region"},
		"device of a replica": {"eu-central-1", "DeviceConfiguration", nil, "DeviceConfiguration cannot be changed in a secondary Region"},
		"e-mail of a replica": {"eu-central-1", "EmailConfiguration", email("arn:aws:ses:eu-west-1:100000000001:identity/example.com"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			sim := updates(t, true)
			before := describe(t, sim, tt.region)
			in := keep(before)
			if in[tt.field] = tt.value; tt.value == nil {
				delete(in, tt.field)
			}
			status, out := ask(t, sim, tt.region, "UpdateUserPool", in)
			if message, _ := out["message"].(string); (status == 200) != (tt.want == "") || !strings.Contains(message, tt.want) {
				t.Errorf("%d %v, want %q", status, out, tt.want)
			}
			if got := changed(before, describe(t, sim, tt.region)); (len(got) > 0) != (tt.want == "") {
				t.Errorf("changed: %v", got)
			}
		})
	}
}
