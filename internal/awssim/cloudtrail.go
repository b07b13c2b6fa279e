package awssim

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	maxEvents      = 50
	trailRetention = 90 * day
	trailFastest   = 20 * time.Second
	trailSpread    = 5 * time.Minute
	eventSource    = "cognito-idp.amazonaws.com"
	hidden         = "HIDDEN_DUE_TO_SECURITY_REASONS"

	// The messages that users report.
	dailyLimit   = "Exceeded daily email limit for the operation or the account. If a higher limit is required, please configure your user pool to use your own Amazon SES configuration for sending email."
	notVerified  = "Cognito received the following error from Amazon SES when attempting to send email: Email address is not verified. The following identities failed the check in region "
	failedToUser = "user@example.net"
)

// trailDelay is how long after the event CloudTrail shows it, which is not the
// same for all, so that they come out of order.
func trailDelay(e *event) time.Duration {
	return trailFastest + time.Duration(binary.LittleEndian.Uint64(digest(e.id))%uint64(trailSpread))
}

var lookupKeys = []string{"EventId", "EventName", "ReadOnly", "Username", "ResourceType", "ResourceName", "EventSource", "AccessKeyId"}

func lookupEvents(c *call) (object, error) {
	from, ok := c.params.time("StartTime")
	if !ok || from.Before(c.now.Add(-trailRetention)) {
		from = c.now.Add(-trailRetention)
	}
	to, ok := c.params.time("EndTime")
	if !ok || to.After(c.now) {
		to = c.now
	}
	if to.Before(from) {
		return nil, badRequest("InvalidTimeRangeException", "The start time is after the end time.")
	}
	attributes := c.params.objects("LookupAttributes")
	key, value := "", ""
	switch {
	case len(attributes) > 1:
		return nil, badRequest("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
	case len(attributes) == 1:
		key, value = attributes[0].text("AttributeKey"), attributes[0].text("AttributeValue")
		if !slices.Contains(lookupKeys, key) || value == "" {
			return nil, badRequest("InvalidLookupAttributesException", "The lookup attribute %q with the value %q is not valid.", key, value)
		}
	}
	category := c.params.text("EventCategory")
	if category != "" && category != "insight" {
		return nil, badRequest("InvalidEventCategoryException", "The event category %s is not valid.", category)
	}
	var events []event
	if category == "" { // No Insights events are simulated.
		if _, drawn := eventNames[value]; drawn || key != "EventName" { // Else there is no need to draw what happened in three months.
			events = c.visible(from, to.Add(time.Millisecond), trailDelay)
		}
		for _, e := range c.actsDone() {
			if c.shows(&e, from, to.Add(time.Millisecond), trailDelay) {
				events = append(events, e)
			}
		}
		slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	}
	events = slices.DeleteFunc(events, func(e event) bool { return e.attribute(key) != value })
	slices.Reverse(events)
	return listing[event]{
		key: "Events", items: events, name: func(e event) string { return e.id }, bound: fmt.Sprint(key, value, c.params["StartTime"], c.params["EndTime"]), min: 1, max: maxEvents, fallback: maxEvents,
		show: func(e event) any {
			o := object{
				"EventId": e.id, "EventName": e.name, "EventSource": e.source(), "EventTime": stamp(e.at.Truncate(time.Second)),
				"ReadOnly": "false", "Resources": []any{}, "CloudTrailEvent": e.strange(c.record(&e)),
			}
			set(o, "Username", e.username())
			return o
		},
	}.page(c)
}

// oddKinds is how many ways there are for a record to be odd.
const oddKinds = 7

// strange returns the record as JSON, odd if the event is.
func (e *event) strange(record object) string {
	switch e.odd {
	case 1:
		return "The record is not available."
	case 2:
		record["responseElements"] = hidden
	case 3:
		record["additionalEventData"] = hidden
	case 4:
		delete(record, "responseElements")
	case 5:
		record["requestParameters"] = hidden
	case 6:
		delete(record, "additionalEventData")
		delete(record, "responseElements")
	case oddKinds:
		record["responseElements"] = object{"codeDeliveryDetails": []any{hidden}}
	}
	return string(mustJSON(record))
}

func (e *event) isAdmin() bool { return strings.HasPrefix(e.name, "Admin") }

// username is the IAM user who made the call, empty for users of the pool.
func (e *event) username() string {
	if e.act != nil {
		return e.act.username()
	}
	if e.isAdmin() {
		return "administrator"
	}
	return ""
}

// attribute returns what the event has of one of lookupKeys, empty for nothing.
func (e *event) attribute(key string) string {
	switch key {
	case "EventId":
		return e.id
	case "EventName":
		return e.name
	case "EventSource":
		return e.source()
	case "ReadOnly":
		return "false"
	case "Username":
		return e.username()
	default:
		return ""
	}
}

// source is the service that the event is of.
func (e *event) source() string {
	if e.act != nil {
		return source(e.name)
	}
	return eventSource
}

// record is the event as CloudTrail keeps it.
func (c *call) record(e *event) object {
	o := object{
		"eventVersion": "1.11", "eventTime": e.at.UTC().Format(time.RFC3339), "eventSource": e.source(),
		"eventName": e.name, "awsRegion": c.region, "sourceIPAddress": "192.0.2.10", "userAgent": "example/1.0",
		"requestID": e.sub, "eventID": e.id, "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true,
		"recipientAccountId": c.account, "eventCategory": "Management",
		"userIdentity": object{"type": "Unknown", "principalId": "Anonymous"},
	}
	if eventNames[e.name] != "" {
		return c.page(e, o)
	}
	host, _, _ := strings.Cut(e.source(), ".")
	if e.source() == sesSource {
		host = "email"
	}
	o["tlsDetails"] = object{
		"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": host + "." + c.region + ".amazonaws.com",
	}
	if e.act != nil {
		return e.act.record(o, partition(c.region))
	}
	request := object{"username": hidden}
	if e.isAdmin() {
		o["userIdentity"] = object{
			"type": "IAMUser", "principalId": "AIDAEXAMPLE", "accountId": c.account, "userName": e.username(),
			"arn": "arn:" + partition(c.region) + ":iam::" + c.account + ":user/" + e.username(),
		}
		request["userPoolId"] = e.pool.ID
	} else {
		request["clientId"] = e.client
	}
	switch e.name {
	case "SignUp":
		request["password"], request["userAttributes"] = hidden, hidden
	case "AdminCreateUser":
		request["temporaryPassword"], request["userAttributes"], request["forceAliasCreation"] = hidden, hidden, false
		switch {
		case !e.sms:
			request["desiredDeliveryMediums"] = e.shown([]any{"EMAIL"})
		case e.id[0] < '8': // Else it is left to AWS, which sends SMS.
			request["desiredDeliveryMediums"] = e.shown([]any{"SMS"})
		}
		if e.suppress {
			request["messageAction"] = "SUPPRESS"
		}
	case "AdminUpdateUserAttributes":
		request["userAttributes"] = hidden
	case "UpdateUserAttributes":
		request = object{"accessToken": hidden, "userAttributes": hidden}
	case "GetUserAttributeVerificationCode":
		request = object{"accessToken": hidden, "attributeName": "email"}
	}
	o["requestParameters"] = request
	switch *e.outcome {
	case overLimit:
		o["errorCode"], o["errorMessage"], o["responseElements"] = "LimitExceededException", dailyLimit, nil
		return o
	case unverified:
		o["errorCode"], o["responseElements"] = "CodeDeliveryFailureException", nil
		o["errorMessage"] = notVerified + strings.ToUpper(identityRegion(e.pool.SourceARN)) + ": " + failedToUser
		return o
	case mailed, noMail:
	}
	if !e.stranger {
		o["additionalEventData"] = object{"sub": e.sub}
	}
	o["responseElements"] = e.response()
	return o
}

// shown is a list or object about the delivery, unless the pool's events hide it.
func (e *event) shown(v any) any {
	if e.pool.Traffic.HideDelivery {
		return hidden
	}
	return v
}

// response is responseElements of a call that succeeded.
func (e *event) response() object {
	delivery := object{"destination": hidden, "deliveryMedium": "EMAIL", "attributeName": "email"}
	if e.sms || e.name == "ResendConfirmationCode" && !slices.Contains(e.pool.AutoVerified, "email") {
		delivery["deliveryMedium"], delivery["attributeName"] = "SMS", "phone_number"
	}
	switch e.name {
	case "AdminCreateUser":
		at := e.at.UTC().Format("Jan 2, 2006, 3:04:05 PM")
		return object{"user": object{
			"username": hidden, "attributes": hidden, "enabled": true, "userStatus": "FORCE_CHANGE_PASSWORD",
			"userCreateDate": at, "userLastModifiedDate": at,
		}}
	case "AdminResetUserPassword", "AdminUpdateUserAttributes":
		return object{}
	case "UpdateUserAttributes":
		return object{"codeDeliveryDetailsList": e.shown([]any{delivery})}
	case "SignUp":
		o := object{"userConfirmed": false, "userSub": e.sub}
		if slices.Contains(e.pool.AutoVerified, "email") || e.sms {
			o["codeDeliveryDetails"] = e.shown(delivery)
		}
		return o
	default:
		return object{"codeDeliveryDetails": e.shown(delivery)}
	}
}

// page is the record of a request to a hosted page.
func (c *call) page(e *event, o object) object {
	status := "302"
	if *e.outcome > noMail {
		status = "400"
	}
	if e.pool.Traffic.FloatStatus {
		status += ".0"
	}
	o["eventType"], o["userIdentity"] = "AwsServiceEvent", object{"accountId": c.account}
	o["requestParameters"], o["responseElements"] = nil, nil
	o["additionalEventData"] = object{
		"responseParameters": object{"status": json.Number(status)}, "userPoolId": e.pool.ID,
		"userPoolDomain":    "awssim." + c.region + ".amazoncognito.com",
		"requestParameters": object{"client_id": []any{e.client}, "username": []any{hidden}},
	}
	o["serviceEventDetails"] = object{"serviceAccountId": "111122223333"}
	return o
}
