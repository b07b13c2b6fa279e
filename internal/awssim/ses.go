package awssim

import (
	"encoding/base32"
	"strconv"
	"strings"
	"time"
)

// maxIdentities is the most that SES lists at once.
const maxIdentities = 1000

func getAccount(c *call) (object, error) {
	s := c.here().SES
	out := object{
		"DedicatedIpAutoWarmupEnabled": true, "EnforcementStatus": s.Enforcement,
		"ProductionAccessEnabled": s.ProductionAccess, "SendingEnabled": s.SendingEnabled,
		"SendQuota":             object{"Max24HourSend": double(s.Max24HourSend), "MaxSendRate": double(s.MaxSendRate), "SentLast24Hours": double(s.SentLast24Hours)},
		"SuppressionAttributes": object{"SuppressedReasons": []any{"BOUNCE", "COMPLAINT"}},
		"PricingAttributes":     object{"CurrentPlan": "NONE"},
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
	if len(c.params.object("Filter")) > 0 {
		return nil, badRequest(c.service.invalid, "The parameter Filter is not simulated.")
	}
	return listing[Identity]{
		key: "EmailIdentities", items: c.here().Identities, name: func(i Identity) string { return i.Name }, max: maxIdentities, fallback: maxIdentities,
		show: func(i Identity) any {
			return object{
				"IdentityName": i.Name, "IdentityType": identityType(i.Name),
				"SendingEnabled": i.SendingEnabled, "VerificationStatus": i.Status,
			}
		},
	}.page(c)
}

// identity finds an identity. SES compares domains without regard to case,
// addresses with.
func (r *Region) identity(name string) *Identity {
	return find(r.Identities, func(i *Identity) bool {
		return i.Name == name || identityType(name) == "DOMAIN" && strings.EqualFold(i.Name, name)
	})
}

func getEmailIdentity(c *call) (object, error) {
	name := c.params.text("EmailIdentity")
	i := c.here().identity(name)
	if i == nil {
		return nil, notFound("NotFoundException", "Email identity %s does not exist.", name)
	}
	mailFrom := object{"BehaviorOnMxFailure": i.MailFrom.OnFailure}
	set(mailFrom, "MailFromDomain", i.MailFrom.Domain)
	set(mailFrom, "MailFromDomainStatus", i.MailFrom.Status)
	out := object{
		"IdentityType": identityType(i.Name), "FeedbackForwardingStatus": true,
		"VerificationStatus": i.Status, "VerifiedForSendingStatus": i.Verified,
		"DkimAttributes": i.dkim(c), "MailFromAttributes": mailFrom, "Policies": i.Policies, "Tags": tagList(i.Tags),
	}
	set(out, "ConfigurationSetName", i.ConfigurationSet)
	if i.DKIM != "NOT_STARTED" || i.ErrorType != "" { // A domain that is verified by its DKIM records.
		checked := stamp(c.now.Truncate(time.Hour))
		info := object{"LastCheckedTimestamp": checked}
		set(info, "ErrorType", i.ErrorType)
		if i.Status == "SUCCESS" {
			info["LastSuccessTimestamp"] = checked
		}
		out["VerificationInfo"] = info
	}
	return out, nil
}

// dkim is DkimAttributes, with the keys of Easy DKIM where it was set up.
func (i *Identity) dkim(c *call) object {
	o := object{
		"SigningEnabled": i.DKIM != "NOT_STARTED", "Status": i.DKIM, "SigningAttributesOrigin": "AWS_SES", "NextSigningKeyLength": "RSA_1024_BIT",
	}
	if i.DKIM == "NOT_STARTED" {
		return o
	}
	tokens := []any{}
	for n := range 3 {
		sum := digest(c.account, c.region, strings.ToLower(i.Name), strconv.Itoa(n))
		tokens = append(tokens, strings.ToLower(base32.StdEncoding.EncodeToString(sum)[:32]))
	}
	o["Tokens"], o["LastKeyGenerationTimestamp"] = tokens, stamp(epoch)
	o["NextSigningKeyLength"], o["CurrentSigningKeyLength"] = "RSA_2048_BIT", "RSA_2048_BIT"
	return o
}

func getConfigurationSet(c *call) (object, error) {
	name := c.params.text("ConfigurationSetName")
	set := find(c.here().ConfigurationSets, func(s *ConfigurationSet) bool { return s.Name == name })
	if set == nil {
		return nil, notFound("NotFoundException", "Configuration set <%s> does not exist.", name)
	}
	return object{
		"ConfigurationSetName": name, "SendingOptions": object{"SendingEnabled": set.SendingEnabled}, "Tags": []any{},
		"DeliveryOptions": object{"TlsPolicy": "OPTIONAL"}, "ReputationOptions": object{"ReputationMetricsEnabled": false},
	}, nil
}

const (
	statisticsSlot = 15 * time.Minute
	slotsOfDay     = int(24 * time.Hour / statisticsSlot)
	statisticsDays = 14
)

// getSendStatistics answers two weeks of days that are all like the last 24
// hours. Times in which nothing was sent have no point, and the newest comes
// first.
func getSendStatistics(c *call) (object, error) {
	s, points := c.here().SES, []any{}
	for n := range statisticsDays * slotsOfDay {
		at := c.now.Truncate(statisticsSlot).Add(-time.Duration(n) * statisticsSlot)
		slot := int(at.Unix()/int64(statisticsSlot/time.Second)) % slotsOfDay
		part := func(ofDay float64) int { return int(ofDay)*(slot+1)/slotsOfDay - int(ofDay)*slot/slotsOfDay }
		point := object{
			"DeliveryAttempts": part(s.SentLast24Hours), "Bounces": part(s.Bounces), "Complaints": part(s.Complaints), "Rejects": part(s.Rejects),
		}
		for _, n := range point {
			if n != 0 {
				point["Timestamp"] = stamp(at)
			}
		}
		if point["Timestamp"] != nil {
			points = append(points, point)
		}
	}
	return object{"SendDataPoints": points}, nil
}
