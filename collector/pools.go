package collector

import (
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

func eachPool(f func(*inventory.Pool, Emit)) func(*accountView, Emit) {
	return func(v *accountView, emit Emit) {
		for i := range v.Pools {
			f(&v.Pools[i], emit)
		}
	}
}

// verifies is the value of the label of that name: empty when it is not known.
func verifies(s *inventory.Settings) string {
	switch {
	case s == nil:
		return ""
	case len(s.AutoVerified) == 0:
		return "none"
	default:
		return strings.Join(slices.Sorted(slices.Values(s.AutoVerified)), ",")
	}
}

// poolFamilies are the metrics of user pools.
var poolFamilies = []Family{
	{
		Name: "pool_info", Tagged: true, Labels: with(poolLabels, "pool_name", "account_name", "tier", "identity", "identity_region", "mode_source", "replica_role", "replica_status", "verifies", "recovery", "configuration_set"),
		Help: "Facts about a user pool that rarely change; always 1. From Cognito DescribeUserPool; identity is the SES identity it sends as, from EmailConfiguration.SourceArn; mode_source is absent where AWS leaves EmailConfiguration.EmailSendingAccount out, which means COGNITO_DEFAULT, and stated otherwise; replica_role and replica_status are of a pool with replicas, from ListUserPoolReplicas; verifies is what sign-up verifies, none if nothing, from AutoVerifiedAttributes; recovery is how users recover a forgotten password, by priority, from AccountRecoverySetting; configuration_set is the SES configuration set that its e-mail passes, from EmailConfiguration.ConfigurationSet or else SES GetEmailIdentity, ConfigurationSetName. Configured pool tags are labels tag_*.",
		Samples: func(v *accountView, emit Emit) {
			for i := range v.Pools {
				p := &v.Pools[i]
				settings, modeSource := p.Settings, ""
				if settings == nil {
					settings = &inventory.Settings{}
				} else {
					modeSource = string(settings.ModeSource())
				}
				emit(1, v.appendOwnTags(append(poolValues(p), p.Name, p.Target.AccountName, settings.Tier, p.Identity, p.IdentityRegion, modeSource, p.Replica.Role, p.Replica.Status, verifies(p.Settings), settings.Recovery, p.ConfigurationSet), p)...)
			}
		},
	},
	{
		Name: "pool_mode", Labels: with(poolLabels, "mode"),
		Help: "1 for the mode the pool is in: who sends its e-mail. From Cognito DescribeUserPool, EmailConfiguration.EmailSendingAccount, COGNITO_DEFAULT if AWS leaves it out; UNKNOWN when it could not be read or is a value this version does not know.",
		Samples: eachPool(func(p *inventory.Pool, emit Emit) {
			for _, m := range inventory.Modes() {
				emit(number(p.Mode() == m), append(poolValues(p), string(m))...)
			}
		}),
	},
	{
		Name: "pool_custom_sender", Labels: poolLabels,
		Help:    "Whether a CustomEmailSender Lambda function sends the pool's e-mail. How it sends is not visible here. From Cognito DescribeUserPool, LambdaConfig.CustomEmailSender.",
		Samples: eachPool(func(p *inventory.Pool, emit Emit) { emitTri(emit, p.CustomSender(), poolValues(p)...) }),
	},
	{
		Name: "pool_sign_in_email", Labels: poolLabels,
		Help:    "Whether users can be sent a code by e-mail when they sign in, as first factor (EMAIL_OTP) or as second one (e-mail MFA). From Cognito DescribeUserPool, Policies.SignInPolicy.AllowedFirstAuthFactors and MfaConfiguration, and GetUserPoolMfaConfig, EmailMfaConfiguration. Absent when unknown.",
		Samples: eachPool(func(p *inventory.Pool, emit Emit) { emitTri(emit, p.SignInEmail(), poolValues(p)...) }),
	},
	{
		Name: "pool_notification_log", Labels: poolLabels,
		Help:    "Whether Cognito logs the errors of e-mails and SMS that it could not send. From Cognito GetLogDeliveryConfiguration, EventSource userNotification. Absent when unknown.",
		Samples: eachPool(func(p *inventory.Pool, emit Emit) { emitTri(emit, p.NotificationLog(), poolValues(p)...) }),
	},
	{
		Name: "pool_identity_verified", Labels: poolLabels,
		Help:    "Whether the identity in the pool's SourceArn is verified, itself or through its domain. From SES ListEmailIdentities and GetEmailIdentity, VerificationStatus and VerifiedForSendingStatus. Absent without identity or when unknown.",
		Samples: eachPool(func(p *inventory.Pool, emit Emit) { emitTri(emit, p.Verified, poolValues(p)...) }),
	},
	{
		Name: "pool_sandbox", Labels: poolLabels,
		Help: "Whether the SES account that a DEVELOPER pool sends through is in the sandbox. From SES GetAccount, ProductionAccessEnabled, in the identity's region. Absent for other pools or when unknown.",
		Samples: eachPool(func(p *inventory.Pool, emit Emit) {
			if p.SES != nil {
				emitTri(emit, p.SES.Sandbox, poolValues(p)...)
			}
		}),
	},
	{
		Name: "pool_ready", Labels: poolLabels,
		Help:    "Whether the pool can send to any external recipient right now, judged from Cognito DescribeUserPool and SES GetAccount, ListEmailIdentities, GetEmailIdentity and GetConfigurationSet. Absent when a fact that could decide is unknown, with a CustomEmailSender Lambda function, or for a replica that is not active.",
		Samples: eachPool(func(p *inventory.Pool, emit Emit) { emitTri(emit, p.Ready, poolValues(p)...) }),
	},
	{
		Name: "pool_blocked", Tagged: true, Labels: with(poolLabels, "reason", "cause"),
		Help: "1 for each reason why the pool cannot send to any external recipient, judged as for cognito_ses_pool_ready. cause is the thing that the reason belongs to: the pool, or an identity, configuration set, SES account or default quota that it shares with others. Configured pool tags are labels tag_*.",
		Samples: func(v *accountView, emit Emit) {
			for i := range v.Pools {
				p := &v.Pools[i]
				for _, r := range p.Blocked() {
					emit(1, v.appendOwnTags(append(poolValues(p), string(r), p.CauseOf(r).String()), p)...)
				}
			}
		},
	},
	{
		Name: "pool_email_config_changed_timestamp_seconds", Labels: poolLabels, Unit: "seconds",
		Help: "When anything last changed that the pool's verdict depends on, as Unix time: the pool's EmailConfiguration or CustomEmailSender, or the identity, configuration set or SES account that it sends through. From CloudTrail LookupEvents, or else when two readings of Cognito or SES first differed. Absent when no change is remembered.",
		Samples: eachPool(func(p *inventory.Pool, emit Emit) {
			if c := p.LastChange(); c != nil {
				emit(float64(c.At().Unix()), poolValues(p)...)
			}
		}),
	},
	{
		Name: "pool_emails_sent", Labels: with(poolLabels, "source"), Unit: "e-mails",
		Help: "How many e-mails a COGNITO_DEFAULT pool sent since the last reset of the default quota, by source. source=cloudwatch is AWS/Cognito SignUpSuccesses, sign-ups and users created by administrators: too low by resets and resends, too high by e-mails that were suppressed or sent by SMS instead. source=cloudtrail is LookupEvents, the e-mails that its events are certain of: too low by those that events do not decide, or do not name the pool of. Absent when unknown.",
		Samples: eachPool(func(p *inventory.Pool, emit Emit) {
			if p.SentCloudTrail != nil {
				emit(*p.SentCloudTrail, append(poolValues(p), "cloudtrail")...)
			}
			if p.SentCloudWatch != nil {
				emit(*p.SentCloudWatch, append(poolValues(p), "cloudwatch")...)
			}
		}),
	},
	{
		Name: "pool_email_failures", Labels: with(poolLabels, "reason"), Unit: "e-mails",
		Help: "How many e-mails Cognito did not send since the last reset of the default quota, by reason. From CloudTrail LookupEvents, errorCode and errorMessage. Absent when unknown.",
		Samples: eachPool(func(p *inventory.Pool, emit Emit) {
			if p.Failures == nil {
				return
			}
			for _, r := range inventory.FailureReasons() {
				emit(float64(p.Failures[r]), append(poolValues(p), string(r))...)
			}
		}),
	},
}
