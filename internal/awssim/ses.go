package awssim

import (
	"net/http"
	"slices"
	"strings"
)

const (
	maxIdentities        = 1000 // a page of ListEmailIdentities
	maxConfigurationSets = 1000
)

func getAccount(c *call) (object, error) {
	s := c.here().SES
	out := object{
		"DedicatedIpAutoWarmupEnabled": true, "EnforcementStatus": s.Enforcement,
		"ProductionAccessEnabled": s.ProductionAccess, "SendingEnabled": s.SendingEnabled,
		"SendQuota":             object{"Max24HourSend": s.Max24HourSend, "MaxSendRate": s.MaxSendRate, "SentLast24Hours": s.SentLast24Hours},
		"SuppressionAttributes": object{"SuppressedReasons": []any{"BOUNCE", "COMPLAINT"}},
		"VdmAttributes":         object{"VdmEnabled": "DISABLED"},
	}
	if s.Review != "" {
		out["Details"] = object{
			"MailType": "TRANSACTIONAL", "WebsiteURL": "https://example.com", "ContactLanguage": "EN",
			"ReviewDetails": object{"Status": s.Review, "CaseId": "000000000000"},
		}
	}
	return out, nil
}

func identityType(name string) string {
	if strings.Contains(name, "@") {
		return "EMAIL_ADDRESS"
	}
	return "DOMAIN"
}

func listEmailIdentities(c *call) (object, error) {
	size, ok := c.params.number("PageSize")
	switch {
	case !ok:
		size = maxIdentities
	case size < 0 || size > maxIdentities:
		return nil, badRequest("BadRequestException", "1 validation error detected: Value at 'pageSize' failed to satisfy constraint: Member must have value between 0 and 1000")
	case size == 0:
		size = maxIdentities
	}
	identities, next, ok := page(c, c.here().Identities, size, c.params.text("NextToken"), func(i Identity) string { return i.Name })
	if !ok {
		return nil, badRequest("BadRequestException", "The NextToken is invalid.")
	}
	out := object{"EmailIdentities": list(identities, func(i Identity) any {
		return object{
			"IdentityName": i.Name, "IdentityType": identityType(i.Name),
			"SendingEnabled": i.SendingEnabled, "VerificationStatus": i.Status,
		}
	})}
	set(out, "NextToken", next)
	return out, nil
}

// identity finds an identity: SES compares domains without regard to case.
func (r *Region) identity(name string) *Identity {
	i := slices.IndexFunc(r.Identities, func(i Identity) bool {
		if identityType(name) == "DOMAIN" {
			return strings.EqualFold(i.Name, name)
		}
		local, domain, _ := strings.Cut(name, "@")
		l, d, _ := strings.Cut(i.Name, "@")
		return l == local && strings.EqualFold(d, domain)
	})
	if i < 0 {
		return nil
	}
	return &r.Identities[i]
}

func getEmailIdentity(c *call) (object, error) {
	name := c.params.text("EmailIdentity")
	i := c.here().identity(name)
	if i == nil {
		return nil, &awsError{code: "NotFoundException", status: http.StatusNotFound, message: "Email identity " + name + " does not exist."}
	}
	out := object{
		"IdentityType": identityType(i.Name), "FeedbackForwardingStatus": true,
		"VerificationStatus": i.Status, "VerifiedForSendingStatus": i.Verified,
		"DkimAttributes":     object{"SigningEnabled": true, "Status": i.Status, "SigningAttributesOrigin": "AWS_SES"},
		"MailFromAttributes": object{"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"},
		"Policies":           object{}, "Tags": []any{},
	}
	if identityType(i.Name) == "EMAIL_ADDRESS" {
		out["DkimAttributes"] = object{"SigningEnabled": false, "Status": "NOT_STARTED", "SigningAttributesOrigin": "AWS_SES"}
	}
	set(out, "ConfigurationSetName", i.ConfigurationSet)
	if i.Status != "SUCCESS" {
		info := object{"LastCheckedTimestamp": c.now}
		set(info, "ErrorType", i.ErrorType)
		out["VerificationInfo"] = info
	}
	return out, nil
}

func listConfigurationSets(c *call) (object, error) {
	size, ok := c.params.number("PageSize")
	if !ok || size < 1 || size > maxConfigurationSets {
		size = maxConfigurationSets
	}
	sets, next, ok := page(c, c.here().ConfigurationSets, size, c.params.text("NextToken"), func(s string) string { return s })
	if !ok {
		return nil, badRequest("BadRequestException", "The NextToken is invalid.")
	}
	out := object{"ConfigurationSets": list(sets, func(s string) any { return s })}
	set(out, "NextToken", next)
	return out, nil
}

func (c *call) configurationSet() (string, error) {
	name := c.params.text("ConfigurationSetName")
	if !slices.Contains(c.here().ConfigurationSets, name) {
		return "", &awsError{code: "NotFoundException", status: http.StatusNotFound, message: "Configuration set <" + name + "> does not exist."}
	}
	return name, nil
}

func getConfigurationSet(c *call) (object, error) {
	name, err := c.configurationSet()
	if err != nil {
		return nil, err
	}
	return object{"ConfigurationSetName": name, "SendingOptions": object{"SendingEnabled": true}, "Tags": []any{}}, nil
}

func getConfigurationSetEventDestinations(c *call) (object, error) {
	if _, err := c.configurationSet(); err != nil {
		return nil, err
	}
	return object{"EventDestinations": []any{}}, nil
}

func getSendQuota(c *call) (object, error) {
	s := c.here().SES
	return object{"Max24HourSend": s.Max24HourSend, "MaxSendRate": s.MaxSendRate, "SentLast24Hours": s.SentLast24Hours}, nil
}

func getAccountSendingEnabled(c *call) (object, error) {
	return object{"Enabled": c.here().SES.SendingEnabled}, nil
}

func listIdentities(c *call) (object, error) {
	var identities []Identity
	for _, i := range c.here().Identities {
		want := c.params.text("IdentityType")
		if want == "" || want == "EmailAddress" == (identityType(i.Name) == "EMAIL_ADDRESS") {
			identities = append(identities, i)
		}
	}
	size, ok := c.params.number("MaxItems")
	if !ok || size < 1 || size > maxIdentities {
		size = maxIdentities
	}
	part, next, ok := page(c, identities, size, c.params.text("NextToken"), func(i Identity) string { return i.Name })
	if !ok {
		return nil, badRequest("InvalidParameterValue", "The NextToken is invalid.")
	}
	out := object{"Identities": list(part, func(i Identity) any { return i.Name })}
	set(out, "NextToken", next)
	return out, nil
}

func getIdentityVerificationAttributes(c *call) (object, error) {
	names := map[string]string{
		"SUCCESS": "Success", "PENDING": "Pending", "FAILED": "Failed", "TEMPORARY_FAILURE": "TemporaryFailure", "NOT_STARTED": "NotStarted",
	}
	var entries []any
	for _, name := range c.params.texts("Identities") {
		if i := c.here().identity(name); i != nil {
			entries = append(entries, object{"key": name, "value": object{"VerificationStatus": names[i.Status]}})
		}
	}
	return object{"VerificationAttributes": entry(entries)}, nil
}

// entry is a map in the Query protocol, which repeats entry, not member.
func entry(entries []any) object {
	if len(entries) == 0 {
		return object{}
	}
	return object{"entry": repeated(entries)}
}

// repeated is a list without an element around it.
type repeated []any
