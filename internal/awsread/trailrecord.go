package awsread

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// hidden is what AWS writes in place of values that it does not show: of texts,
// but also of whole lists and objects.
const hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"

// seen says what was made of a part of a record.
type seen int8

const (
	absent  seen = iota // it is not there, or null
	legible             // it is what was expected
	other               // it is hidden, or of another kind
)

// trailRecord is the part of an event of CloudTrail that matters here. AWS
// describes these records by samples only, so what is not as expected is taken
// note of, and the rest used.
type trailRecord struct {
	fields map[string]any
	odd    []string // what was not as expected, such as "responseElements.user is a string"
}

// parseRecord reads a record. One that is no JSON object has nothing legible.
func parseRecord(text string) *trailRecord {
	r := &trailRecord{}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&r.fields); err != nil || r.fields == nil {
		r.fields, r.odd = nil, []string{"the record is not a JSON object"}
	}
	return r
}

// part returns what the record has at the path. What is on the way there and is
// no object is odd.
func (r *trailRecord) part(path ...string) (any, seen) {
	if r.fields == nil {
		return nil, other
	}
	var at any = r.fields
	for i, key := range path {
		object, ok := at.(map[string]any)
		if !ok {
			return nil, r.strange(at, path[:i]...)
		}
		if at = object[key]; at == nil {
			return nil, absent
		}
	}
	return at, legible
}

// strange takes note of a value that is not as expected.
func (r *trailRecord) strange(value any, path ...string) seen {
	kind := "an object"
	switch v := value.(type) {
	case nil:
		kind = "missing"
	case string:
		kind = "a text"
		if v == hidden {
			kind = "hidden"
		}
	case json.Number:
		kind = "a number"
	case bool:
		kind = "a bool"
	case []any:
		kind = "a list"
	}
	if shape := strings.Join(path, ".") + " is " + kind; !slices.Contains(r.odd, shape) {
		r.odd = append(r.odd, shape)
	}
	return other
}

// text returns a text, empty unless it is legible.
func (r *trailRecord) text(path ...string) (string, seen) {
	v, how := r.part(path...)
	if how != legible {
		return "", how
	}
	s, ok := v.(string)
	switch {
	case !ok:
		return "", r.strange(v, path...)
	case s == hidden:
		return "", other // Of a text, AWS's documents announce it.
	default:
		return s, legible
	}
}

// texts returns a list of texts, those that are legible.
func (r *trailRecord) texts(path ...string) (all []string, how seen) {
	v, how := r.part(path...)
	if how != legible {
		return nil, how
	}
	list, ok := v.([]any)
	if !ok {
		return nil, r.strange(v, path...)
	}
	for _, item := range list {
		if s, ok := item.(string); ok && s != hidden {
			all = append(all, s)
			continue
		}
		how = r.strange(item, append(slices.Clone(path), "[]")...)
	}
	return all, how
}

func (r *trailRecord) pool() string {
	for _, path := range [][]string{{"requestParameters", "userPoolId"}, {"additionalEventData", "userPoolId"}} {
		if s, how := r.text(path...); how == legible {
			return s
		}
	}
	return ""
}

func (r *trailRecord) client() string {
	if ids, _ := r.texts("additionalEventData", "requestParameters", "client_id"); len(ids) > 0 {
		return ids[0]
	}
	s, _ := r.text("requestParameters", "clientId")
	return s
}

// medium says how a code was delivered: EMAIL or SMS, or that an object or list
// of the answer does not tell. Several are as the one by e-mail.
func (r *trailRecord) medium() (medium string, how seen) {
	deliveries, path := []any(nil), []string{"responseElements", "codeDeliveryDetails"}
	one, how := r.part(path...)
	if how == absent {
		path = []string{"responseElements", "codeDeliveryDetailsList"}
		var list any
		list, how = r.part(path...)
		if how == legible {
			var ok bool
			if deliveries, ok = list.([]any); !ok {
				return "", r.strange(list, path...)
			}
		}
	} else {
		deliveries = []any{one}
	}
	if how != legible {
		return "", how
	}
	for _, d := range deliveries {
		object, ok := d.(map[string]any)
		if !ok {
			how = r.strange(d, path...)
			continue
		}
		switch m := object["deliveryMedium"]; m {
		case "EMAIL":
			return "EMAIL", legible
		case "SMS":
			medium = "SMS"
		default:
			how = r.strange(m, append(slices.Clone(path), "deliveryMedium")...)
		}
	}
	if how != legible {
		return "", how
	}
	return medium, legible
}

// status returns the status of a page's answer, 0 when it is not legible. AWS
// writes it as 302 or 200.0.
func (r *trailRecord) status() float64 {
	path := []string{"additionalEventData", "responseParameters", "status"}
	v, how := r.part(path...)
	if how != legible {
		return 0
	}
	var n json.Number
	switch v := v.(type) {
	case json.Number:
		n = v
	case string:
		n = json.Number(v)
	}
	f, err := n.Float64()
	if err != nil || !within(f, 999) {
		r.strange(v, path...)
		return 0
	}
	return f
}

// failures are the error codes of what keeps an e-mail from being sent.
var failures = map[string]inventory.FailureReason{
	"CodeDeliveryFailureException":          inventory.FailedDelivery,
	"InvalidEmailRoleAccessPolicyException": inventory.FailedRoleOrPolicy,
	"TooManyRequestsException":              inventory.FailedThrottled,
}

// failure classifies an error that kept an e-mail from being sent. The settings
// are those of the pool at the time, nil when they are not known.
func (r *trailRecord) failure(settings *inventory.Settings) inventory.FailureReason {
	code, _ := r.text("errorCode")
	message, _ := r.text("errorMessage")
	switch {
	case code == "LimitExceededException" && strings.HasPrefix(message, "Exceeded daily email limit"):
		return inventory.FailedDailyLimit // Others of that code limit a single user.
	case !strings.Contains(message, "Email address is not verified"):
		return failures[code]
	case settings != nil && onlyRecipients(message, &settings.Sender):
		return inventory.FailedRecipientUnverified
	default:
		return inventory.FailedIdentityUnverified
	}
}

// onlyRecipients reports whether none of the identities that SES says are not
// verified can be the sender's own.
func onlyRecipients(message string, s *inventory.Sender) bool {
	_, list, _ := strings.Cut(message, "failed the check in region ")
	_, list, ok := strings.Cut(list, ":")
	if !ok {
		return false
	}
	own := append(inventory.CoveringIdentities(inventory.Address(s.From)), inventory.CoveringIdentities(s.Identity.Name)...)
	for name := range strings.SplitSeq(list, ",") {
		address := inventory.Address(strings.TrimSuffix(strings.TrimSpace(name), "."))
		if _, domain, ok := strings.Cut(address, "@"); !ok || domain == "" || slices.ContainsFunc(own, func(s string) bool { return strings.EqualFold(s, address) }) {
			return false
		}
	}
	return true
}

// fate judges whether the event of an operation, or of a page that leads to it,
// sent an e-mail. The settings are those of the pool at the time, nil when they
// are not known.
func (r *trailRecord) fate(operation string, page bool, settings *inventory.Settings) inventory.Fate {
	if _, how := r.text("errorCode"); how != absent {
		if how == legible {
			return inventory.NotSent
		}
		return inventory.Undecided
	}
	neverMails := settings != nil && !slices.Contains(settings.AutoVerified, "email") && verifies[operation]
	if page { // Only the status is known, and a redirection may lead to an error.
		if neverMails || r.status() >= http.StatusBadRequest {
			return inventory.NotSent
		}
		return inventory.Undecided
	}
	medium, how := r.medium()
	_, user := r.part("additionalEventData", "sub")
	switch {
	case medium == "SMS", medium == "" && neverMails:
		return inventory.NotSent
	case simulates[operation] && user == absent:
		return inventory.Simulated
	case simulates[operation] && user == other:
		return inventory.Undecided
	case medium == "EMAIL":
		return inventory.Sent
	}
	byEmail := settings != nil && slices.Equal(settings.AutoVerified, []string{"email"}) // And not by SMS.
	switch operation {
	case "SignUp":
		confirmed, said := r.part("responseElements", "userConfirmed")
		switch confirmed {
		case true:
			return inventory.NotSent
		case false:
			if byEmail {
				return inventory.Sent
			}
		default:
			if said == legible {
				r.strange(confirmed, "responseElements", "userConfirmed")
			}
		}
	case "ResendConfirmationCode":
		if byEmail {
			return inventory.Sent
		}
	case "AdminCreateUser":
		return r.invitation()
	case "UpdateUserAttributes":
		if _, said := r.part("responseElements"); said == legible && how != other {
			return inventory.NotSent // It answered, and nothing was delivered.
		}
	case "GetUserAttributeVerificationCode":
		if name, said := r.text("requestParameters", "attributeName"); said == legible && name != "email" {
			return inventory.NotSent
		}
	}
	return inventory.Undecided
}

// verifies are the operations that send an e-mail only where the pool verifies
// addresses.
var verifies = map[string]bool{"SignUp": true, "ResendConfirmationCode": true, "AdminUpdateUserAttributes": true}

// simulates are the operations whose success the pool's PreventUserExistenceErrors
// fakes for users who do not exist. CloudTrail names the others by their sub.
var simulates = map[string]bool{"ForgotPassword": true, "ResendConfirmationCode": true}

// invitation judges AdminCreateUser, which sends SMS unless it is told to send
// e-mail.
func (r *trailRecord) invitation() inventory.Fate {
	action, said := r.text("requestParameters", "messageAction")
	if action == "SUPPRESS" {
		return inventory.NotSent
	}
	media, how := r.texts("requestParameters", "desiredDeliveryMediums")
	_, requested := r.part("requestParameters")
	switch {
	case said == other, requested != legible:
		return inventory.Undecided
	case slices.Contains(media, "EMAIL"):
		return inventory.Sent
	case how == other:
		return inventory.Undecided
	default:
		return inventory.NotSent
	}
}

// shapes says what was not as expected, for the log.
func (r *trailRecord) shapes(name string) []string {
	all := make([]string, 0, len(r.odd))
	for _, odd := range r.odd {
		all = append(all, fmt.Sprintf("%s: %s", name, odd))
	}
	return all
}
