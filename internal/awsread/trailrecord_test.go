package awsread

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

func TestPoolAndClientOfARecord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ record, pool, client string }{
		{`{}`, "", ""},
		{`{"requestParameters": null, "responseElements": null, "additionalEventData": null}`, "", ""},
		{`{"requestParameters": {"userPoolId": "p"}}`, "p", ""},
		{`{"requestParameters": {"clientId": "c"}, "additionalEventData": {"sub": "s"}}`, "", "c"},
		{`{"additionalEventData": {"userPoolId": "p", "requestParameters": {"client_id": ["c", "d"]}}}`, "p", "c"},
		{`{"additionalEventData": {"userPoolId": "p", "requestParameters": {"client_id": []}}, "requestParameters": {"clientId": "e"}}`, "p", "e"},
		{`{"additionalEventData": {"userPoolId": "p"}, "requestParameters": {"userPoolId": "q"}}`, "q", ""},

		// What AWS hides, or writes otherwise.
		{`{"requestParameters": "HIDDEN_DUE_TO_SECURITY_REASONS", "additionalEventData": {"userPoolId": "p"}}`, "p", ""},
		{`{"requestParameters": {"userPoolId": "HIDDEN_DUE_TO_SECURITY_REASONS", "clientId": 7}, "additionalEventData": {"userPoolId": "p"}}`, "p", ""},
		{`{"additionalEventData": {"requestParameters": {"client_id": "HIDDEN_DUE_TO_SECURITY_REASONS"}}, "requestParameters": {"clientId": "e"}}`, "", "e"},
		{`{"additionalEventData": {"requestParameters": {"client_id": [{}, "d"]}}}`, "", "d"},
		{`[]`, "", ""},
		{`<html>`, "", ""},
	} {
		r := parseRecord(tt.record)
		if pool, client := r.pool(), r.client(); pool != tt.pool || client != tt.client {
			t.Errorf("%s: pool %q and client %q, want %q and %q", tt.record, pool, client, tt.pool, tt.client)
		}
	}
}

// The words in which Cognito reports what SES refused.
const (
	limitReached = "Exceeded daily email limit for the operation or the account. If a higher limit is required, please configure your user pool to use your own Amazon SES configuration for sending email."
	limitOther   = "Exceeded daily email limit for the operation or account. Number of allowed operation has exceeded."
	unverified   = "Cognito received the following error from Amazon SES when attempting to send email: Email address is not verified. The following identities failed the check in region EU-WEST-1: "
)

func TestFailureOfARecord(t *testing.T) {
	t.Parallel()
	own := &inventory.Settings{Sender: inventory.NewSender(inventory.Key{AccountID: "111122223333", Region: "eu-west-1"}, inventory.EmailConfiguration{
		Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:111122223333:identity/example.com", From: "Shop <no-reply@mail.example.com>",
	})}
	for _, tt := range []struct {
		code, message string
		settings      *inventory.Settings
		want          inventory.FailureReason
	}{
		{"", "", nil, ""},
		{"LimitExceededException", limitReached, nil, inventory.FailedDailyLimit},
		{"LimitExceededException", limitOther, nil, inventory.FailedDailyLimit},
		{"LimitExceededException", "Attempt limit exceeded, please try after some time.", nil, ""},
		{"SomethingElse", limitReached, nil, ""},
		{"CodeDeliveryFailureException", unverified + "user@example.net", own, inventory.FailedRecipientUnverified},
		{"InvalidParameterException", unverified + "user@example.net, other@example.net.", own, inventory.FailedRecipientUnverified},
		{"CodeDeliveryFailureException", unverified + "user@example.net", nil, inventory.FailedIdentityUnverified},
		{"CodeDeliveryFailureException", unverified + "no-reply@mail.example.com", own, inventory.FailedIdentityUnverified},
		{"CodeDeliveryFailureException", unverified + "user@example.net, Shop <no-reply@mail.EXAMPLE.com>", own, inventory.FailedIdentityUnverified},
		{"CodeDeliveryFailureException", unverified + "example.com", own, inventory.FailedIdentityUnverified},
		{"CodeDeliveryFailureException", unverified + "arn:aws:ses:eu-west-1:111122223333:identity/example.com", own, inventory.FailedIdentityUnverified},
		{"CodeDeliveryFailureException", unverified + hidden, own, inventory.FailedIdentityUnverified},
		{"CodeDeliveryFailureException", unverified, own, inventory.FailedIdentityUnverified},
		{"CodeDeliveryFailureException", "Email address is not verified.", own, inventory.FailedIdentityUnverified},
		{"CodeDeliveryFailureException", "x", nil, inventory.FailedDelivery},
		{"InvalidEmailRoleAccessPolicyException", "x", nil, inventory.FailedRoleOrPolicy},
		{"TooManyRequestsException", "x", nil, inventory.FailedThrottled},
		{"UsernameExistsException", "x", nil, ""},
		{hidden, hidden, nil, ""},
	} {
		text, err := json.Marshal(map[string]string{"errorCode": tt.code, "errorMessage": tt.message})
		if err != nil {
			t.Fatal(err)
		}
		if got := parseRecord(string(text)).failure(tt.settings); got != tt.want {
			t.Errorf("%s: %s: %q, want %q", tt.code, tt.message, got, tt.want)
		}
	}
}

func TestFateOfARecord(t *testing.T) {
	t.Parallel()
	const no, sent, simulated, undecided = inventory.NotSent, inventory.Sent, inventory.Simulated, inventory.Undecided
	email, none := &inventory.Settings{AutoVerified: []string{"email"}}, &inventory.Settings{AutoVerified: []string{"phone_number"}}
	both := &inventory.Settings{AutoVerified: []string{"phone_number", "email"}}
	const sub = `"additionalEventData": {"sub": "s"}`
	for _, tt := range []struct {
		operation, record string
		settings          *inventory.Settings
		want              inventory.Fate
		odd               string
	}{
		{"SignUp", `{"errorCode": "UsernameExistsException"}`, email, no, ""},
		{"AdminResetUserPassword", `{"errorCode": "LimitExceededException"}`, nil, no, ""},
		{"AdminUpdateUserAttributes", `{"errorCode": "x"}`, nil, no, ""},
		{"SignUp", `{"errorCode": "HIDDEN_DUE_TO_SECURITY_REASONS"}`, email, undecided, ""},
		{"SignUp", `{"errorCode": 7}`, email, undecided, "errorCode is a number"},

		// What the answer says of the delivery decides.
		{"SignUp", `{"responseElements": {"codeDeliveryDetails": {"deliveryMedium": "EMAIL"}, "userConfirmed": true}}`, none, sent, ""},
		{"SignUp", `{"responseElements": {"codeDeliveryDetails": {"deliveryMedium": "SMS"}}}`, email, no, ""},
		{"ForgotPassword", `{` + sub + `, "responseElements": {"codeDeliveryDetails": {"deliveryMedium": "EMAIL"}}}`, none, sent, ""},
		{"ForgotPassword", `{` + sub + `, "responseElements": {"codeDeliveryDetails": {"deliveryMedium": "SMS"}}}`, none, no, ""},
		{"GetUserAttributeVerificationCode", `{"responseElements": {"codeDeliveryDetails": {"deliveryMedium": "SMS"}}}`, nil, no, ""},
		{"GetUserAttributeVerificationCode", `{"responseElements": {"codeDeliveryDetails": {"deliveryMedium": "EMAIL"}}}`, nil, sent, ""},
		{"UpdateUserAttributes", `{"responseElements": {"codeDeliveryDetailsList": [{"deliveryMedium": "SMS"}, {"deliveryMedium": "EMAIL"}]}}`, none, sent, ""},
		{"UpdateUserAttributes", `{"responseElements": {"codeDeliveryDetailsList": [{"deliveryMedium": "SMS"}]}}`, email, no, ""},
		{"UpdateUserAttributes", `{"responseElements": {"codeDeliveryDetailsList": []}}`, email, no, ""},
		{"UpdateUserAttributes", `{"responseElements": {}}`, email, no, ""},

		// For a user who does not exist, AWS only pretends.
		{"ForgotPassword", `{"responseElements": {"codeDeliveryDetails": {"deliveryMedium": "EMAIL"}}}`, email, simulated, ""},
		{"ForgotPassword", `{"additionalEventData": {"x": 1}, "responseElements": {"codeDeliveryDetails": {"deliveryMedium": "EMAIL"}}}`, email, simulated, ""},
		{"ForgotPassword", `{"additionalEventData": {}}`, email, simulated, ""},
		{"ResendConfirmationCode", `{"responseElements": {"codeDeliveryDetails": {"deliveryMedium": "EMAIL"}}}`, email, simulated, ""},
		{"ResendConfirmationCode", `{}`, email, simulated, ""},
		{"SignUp", `{"responseElements": {"codeDeliveryDetails": {"deliveryMedium": "EMAIL"}}}`, email, sent, ""},

		// What is hidden leaves to the rest what it says, and else to both bounds.
		{"ForgotPassword", `{` + sub + `, "responseElements": {"codeDeliveryDetails": "HIDDEN_DUE_TO_SECURITY_REASONS"}}`, email, undecided, ""},
		{"ForgotPassword", `{"additionalEventData": "HIDDEN_DUE_TO_SECURITY_REASONS", "responseElements": {"codeDeliveryDetails": {"deliveryMedium": "EMAIL"}}}`, email, undecided, "additionalEventData is hidden"},
		{"ResendConfirmationCode", `{"additionalEventData": "HIDDEN_DUE_TO_SECURITY_REASONS"}`, email, undecided, "additionalEventData is hidden"},
		{"ForgotPassword", `{"additionalEventData": {"sub": "HIDDEN_DUE_TO_SECURITY_REASONS"}, "responseElements": {"codeDeliveryDetails": {"deliveryMedium": "EMAIL"}}}`, email, sent, ""},
		{"ForgotPassword", `{"additionalEventData": "HIDDEN_DUE_TO_SECURITY_REASONS"}`, email, undecided, "additionalEventData is hidden"},
		{"ForgotPassword", `{` + sub + `, "responseElements": "HIDDEN_DUE_TO_SECURITY_REASONS"}`, email, undecided, "responseElements is hidden"},
		{"ForgotPassword", `{` + sub + `, "responseElements": {"codeDeliveryDetails": {"deliveryMedium": "HIDDEN_DUE_TO_SECURITY_REASONS"}}}`, email, undecided, "responseElements.codeDeliveryDetails.deliveryMedium is hidden"},
		{"ForgotPassword", `{` + sub + `, "responseElements": {"codeDeliveryDetails": {}}}`, email, undecided, "responseElements.codeDeliveryDetails.deliveryMedium is missing"},
		{"SignUp", `{"responseElements": {"userConfirmed": false, "codeDeliveryDetails": "HIDDEN_DUE_TO_SECURITY_REASONS"}}`, email, sent, "responseElements.codeDeliveryDetails is hidden"},
		{"SignUp", `{"responseElements": {"userConfirmed": false, "codeDeliveryDetails": "HIDDEN_DUE_TO_SECURITY_REASONS"}}`, both, undecided, "responseElements.codeDeliveryDetails is hidden"},
		{"SignUp", `{"responseElements": {"userConfirmed": 1}}`, email, undecided, "responseElements.userConfirmed is a number"},
		{"UpdateUserAttributes", `{"responseElements": {"codeDeliveryDetailsList": "HIDDEN_DUE_TO_SECURITY_REASONS"}}`, email, undecided, "responseElements.codeDeliveryDetailsList is hidden"},
		{"UpdateUserAttributes", `{"responseElements": {"codeDeliveryDetailsList": ["HIDDEN_DUE_TO_SECURITY_REASONS"]}}`, email, undecided, "responseElements.codeDeliveryDetailsList is hidden"},
		{"UpdateUserAttributes", `{"responseElements": {"codeDeliveryDetailsList": [{"deliveryMedium": "EMAIL"}, "x"]}}`, email, sent, ""},
		{"UpdateUserAttributes", `{"responseElements": null}`, email, undecided, ""},
		{"UpdateUserAttributes", `{}`, email, undecided, ""},
		{"SignUp", `<html>`, email, undecided, "the record is not a JSON object"},
		{"SignUp", `[1]`, none, undecided, "the record is not a JSON object"},
		{"SignUp", `null`, none, undecided, "the record is not a JSON object"},

		// Else what Cognito does.
		{"SignUp", `{"responseElements": {"userConfirmed": false}}`, email, sent, ""},
		{"SignUp", `{"responseElements": {"userConfirmed": false}}`, both, undecided, ""},
		{"SignUp", `{"responseElements": {"userConfirmed": true}}`, email, no, ""},
		{"SignUp", `{"responseElements": {"userConfirmed": false}}`, none, no, ""},
		{"SignUp", `{"responseElements": {"userConfirmed": false}}`, nil, undecided, ""},
		{"SignUp", `{}`, email, undecided, ""},
		{"ResendConfirmationCode", `{` + sub + `}`, email, sent, ""},
		{"ResendConfirmationCode", `{` + sub + `}`, both, undecided, ""},
		{"ResendConfirmationCode", `{}`, none, no, ""},
		{"ForgotPassword", `{` + sub + `}`, none, undecided, ""},
		{"AdminCreateUser", `{"requestParameters": {}}`, none, no, ""},
		{"AdminCreateUser", `{}`, none, undecided, ""},
		{"AdminCreateUser", `{"requestParameters": {"messageAction": "SUPPRESS", "desiredDeliveryMediums": ["EMAIL"]}}`, email, no, ""},
		{"AdminCreateUser", `{"requestParameters": {"messageAction": "SUPPRESS", "desiredDeliveryMediums": "HIDDEN_DUE_TO_SECURITY_REASONS"}}`, email, no, ""},
		{"AdminCreateUser", `{"requestParameters": {"messageAction": "RESEND", "desiredDeliveryMediums": ["SMS", "EMAIL"]}}`, email, sent, ""},
		{"AdminCreateUser", `{"requestParameters": {"desiredDeliveryMediums": ["SMS"]}}`, email, no, ""},
		{"AdminCreateUser", `{"requestParameters": {"desiredDeliveryMediums": "HIDDEN_DUE_TO_SECURITY_REASONS"}}`, email, undecided, "requestParameters.desiredDeliveryMediums is hidden"},
		{"AdminCreateUser", `{"requestParameters": {"desiredDeliveryMediums": ["SMS", 5]}}`, email, undecided, "requestParameters.desiredDeliveryMediums.[] is a number"},
		{"AdminCreateUser", `{"requestParameters": {"messageAction": "HIDDEN_DUE_TO_SECURITY_REASONS", "desiredDeliveryMediums": ["EMAIL"]}}`, email, undecided, ""},
		{"AdminCreateUser", `{"requestParameters": "HIDDEN_DUE_TO_SECURITY_REASONS"}`, email, undecided, "requestParameters is hidden"},
		{"AdminResetUserPassword", `{}`, none, undecided, ""},
		{"AdminUpdateUserAttributes", `{}`, email, undecided, ""},
		{"AdminUpdateUserAttributes", `{}`, none, no, ""},
		{"AdminUpdateUserAttributes", `{}`, nil, undecided, ""},
		{"GetUserAttributeVerificationCode", `{"requestParameters": {"attributeName": "phone_number"}}`, nil, no, ""},
		{"GetUserAttributeVerificationCode", `{"requestParameters": {"attributeName": "email"}}`, nil, undecided, ""},

		// Of a page, only the status is known, and how AWS writes it differs.
		{"Signup_POST", `{"additionalEventData": {"responseParameters": {"status": 302}}}`, email, undecided, ""},
		{"Signup_POST", `{"additionalEventData": {"responseParameters": {"status": 200.0}}}`, nil, undecided, ""},
		{"Signup_POST", `{"additionalEventData": {"responseParameters": {"status": 399}}}`, nil, undecided, ""},
		{"Signup_POST", `{"additionalEventData": {"responseParameters": {"status": 400}}}`, email, no, ""},
		{"Signup_POST", `{"additionalEventData": {"responseParameters": {"status": 400.0}}}`, email, no, ""},
		{"Signup_POST", `{"additionalEventData": {"responseParameters": {"status": "400"}}}`, email, no, ""},
		{"Signup_POST", `{"additionalEventData": {"responseParameters": {"status": 1e99}}}`, email, undecided, "additionalEventData.responseParameters.status is a number"},
		{"Signup_POST", `{"additionalEventData": {"responseParameters": {"status": []}}}`, email, undecided, "additionalEventData.responseParameters.status is a list"},
		{"Signup_POST", `{"additionalEventData": {"responseParameters": true}}`, email, undecided, "additionalEventData.responseParameters is a bool"},
		{"Signup_POST", `{}`, email, undecided, ""},
		{"signup_POST", `{"additionalEventData": {"responseParameters": {"status": 302}}}`, none, no, ""},
		{"ResendCode_POST", `{"additionalEventData": {"responseParameters": {"status": 200}}}`, none, no, ""},
		{"forgotPassword_POST", `{"additionalEventData": {"responseParameters": {"status": 200}}}`, none, undecided, ""},
		{"ForgotPassword_POST", `{"additionalEventData": {"responseParameters": {"status": 500}}}`, none, no, ""},
	} {
		operation, ok := mailEvents[tt.operation]
		if !ok {
			t.Errorf("%s is not looked up", tt.operation)
		}
		r := parseRecord(tt.record)
		if got := r.fate(operation, operation != tt.operation, tt.settings); got != tt.want {
			t.Errorf("%s %s, verifying %v: fate %d, want %d", tt.operation, tt.record, tt.settings, got, tt.want)
		}
		if tt.odd != "" && !slices.Equal(r.shapes(tt.operation), []string{tt.operation + ": " + tt.odd}) {
			t.Errorf("%s %s: %q is odd, want %q", tt.operation, tt.record, r.odd, tt.odd)
		}
	}
}

// FuzzTrailRecord checks that no record makes the reading fail, or an e-mail
// that is certain of what is not legible.
func FuzzTrailRecord(f *testing.F) {
	f.Add(`{"errorCode": null, "requestParameters": {"clientId": ["x"]}, "responseElements": [], "additionalEventData": 1}`)
	f.Add(`{"responseElements": {"codeDeliveryDetailsList": [null, 7, {"deliveryMedium": {}}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		for name, operation := range mailEvents {
			r := parseRecord(text)
			r.pool()
			r.client()
			fate := r.fate(operation, operation != name, nil)
			if r.fields == nil && (fate != inventory.Undecided || r.failure(nil) != "") {
				t.Errorf("%s: fate %d of %q", name, fate, text)
			}
			for _, shape := range r.shapes(name) {
				if len(shape) > 150 {
					t.Errorf("%q is not bounded", shape)
				}
			}
		}
	})
}
