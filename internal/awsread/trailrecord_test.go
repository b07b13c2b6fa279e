package awsread

import (
	"encoding/json"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

func record(t *testing.T, text string) *trailRecord {
	t.Helper()
	r := &trailRecord{}
	if err := json.Unmarshal([]byte(text), r); err != nil {
		t.Fatal(err)
	}
	return r
}

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
	} {
		r := record(t, tt.record)
		if pool, client := r.pool(), r.client(); pool != tt.pool || client != tt.client {
			t.Errorf("%s: pool %q and client %q, want %q and %q", tt.record, pool, client, tt.pool, tt.client)
		}
	}
}

func TestFailureOfARecord(t *testing.T) {
	t.Parallel()
	const (
		limit      = "Exceeded daily email limit for the operation or the account."
		unverified = "Cognito received the following error from Amazon SES when attempting to send email: Email address is not verified."
	)
	for _, tt := range []struct {
		code, message string
		want          inventory.FailureReason
	}{
		{"", "", ""},
		{"LimitExceededException", limit, inventory.FailedDailyLimit},
		{"LimitExceededException", "Attempt limit exceeded, please try after some time.", ""},
		{"SomethingElse", limit, ""},
		{"CodeDeliveryFailureException", unverified, inventory.FailedRecipientUnverified},
		{"InvalidParameterException", unverified, inventory.FailedRecipientUnverified},
		{"CodeDeliveryFailureException", "x", inventory.FailedDelivery},
		{"InvalidEmailRoleAccessPolicyException", "x", inventory.FailedRoleOrPolicy},
		{"TooManyRequestsException", "x", inventory.FailedThrottled},
		{"UsernameExistsException", "x", ""},
	} {
		if got := (&trailRecord{ErrorCode: tt.code, ErrorMessage: tt.message}).failure(); got != tt.want {
			t.Errorf("%s: %s: %q, want %q", tt.code, tt.message, got, tt.want)
		}
	}
}

func TestSentByARecord(t *testing.T) {
	t.Parallel()
	email, none := &inventory.Settings{AutoVerified: []string{"phone_number", "email"}}, &inventory.Settings{AutoVerified: []string{"phone_number"}}
	for _, tt := range []struct {
		operation, record string
		settings          *inventory.Settings
		want              bool
	}{
		{"SignUp", `{"errorCode": "UsernameExistsException"}`, email, false},
		{"AdminResetUserPassword", `{"errorCode": "LimitExceededException"}`, nil, false},

		// What the answer says of the delivery decides.
		{"SignUp", `{"responseElements": {"codeDeliveryDetails": {"deliveryMedium": "EMAIL"}, "userConfirmed": true}}`, none, true},
		{"SignUp", `{"responseElements": {"codeDeliveryDetails": {"deliveryMedium": "SMS"}}}`, email, false},
		{"ForgotPassword", `{"responseElements": {"codeDeliveryDetails": {"deliveryMedium": "EMAIL"}}}`, none, true},
		{"GetUserAttributeVerificationCode", `{"responseElements": {"codeDeliveryDetails": {"deliveryMedium": "SMS"}}}`, nil, false},

		// Else what Cognito does.
		{"SignUp", `{"responseElements": {"userConfirmed": false}}`, email, true},
		{"SignUp", `{"responseElements": {"userConfirmed": true}}`, email, false},
		{"SignUp", `{"responseElements": {"userConfirmed": false}}`, none, false},
		{"SignUp", `{}`, nil, true},
		{"ResendConfirmationCode", `{}`, email, true},
		{"ResendConfirmationCode", `{}`, none, false},
		{"ForgotPassword", `{"additionalEventData": {"sub": "s"}}`, none, true},
		{"ForgotPassword", `{"additionalEventData": {}}`, email, false},
		{"AdminCreateUser", `{"requestParameters": {}}`, none, true},
		{"AdminCreateUser", `{"requestParameters": {"messageAction": "SUPPRESS"}}`, email, false},
		{"AdminCreateUser", `{"requestParameters": {"messageAction": "RESEND", "desiredDeliveryMediums": ["SMS", "EMAIL"]}}`, email, true},
		{"AdminCreateUser", `{"requestParameters": {"desiredDeliveryMediums": ["SMS"]}}`, email, false},
		{"UpdateUserAttributes", `{"responseElements": {"codeDeliveryDetailsList": [{"deliveryMedium": "SMS"}, {"deliveryMedium": "EMAIL"}]}}`, none, true},
		{"UpdateUserAttributes", `{"responseElements": {"codeDeliveryDetailsList": [{"deliveryMedium": "SMS"}]}}`, email, false},
		{"UpdateUserAttributes", `{}`, email, false},
		{"AdminResetUserPassword", `{}`, none, true},

		// Of a page, only the status is known.
		{"Signup_POST", `{"additionalEventData": {"responseParameters": {"status": 302}}}`, email, true},
		{"Signup_POST", `{"additionalEventData": {"responseParameters": {"status": 399}}}`, nil, true},
		{"Signup_POST", `{"additionalEventData": {"responseParameters": {"status": 400}}}`, email, false},
		{"signup_POST", `{"additionalEventData": {"responseParameters": {"status": 302}}}`, none, false},
		{"ResendCode_POST", `{"additionalEventData": {"responseParameters": {"status": 200}}}`, none, false},
		{"forgotPassword_POST", `{"additionalEventData": {"responseParameters": {"status": 200}}}`, none, true},
		{"ForgotPassword_POST", `{"additionalEventData": {"responseParameters": {"status": 500}}}`, none, false},
	} {
		operation, ok := mailEvents[tt.operation]
		if !ok {
			t.Errorf("%s is not looked up", tt.operation)
		}
		e := inventory.MailEvent{Operation: operation, Page: operation != tt.operation}
		if got := record(t, tt.record).sent(e, tt.settings); got != tt.want {
			t.Errorf("%s %s, verifying %v: sent %v", tt.operation, tt.record, tt.settings, got)
		}
	}
}
