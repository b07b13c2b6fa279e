package collector

import "github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"

func eachIdentity(f func(*accountView, *inventory.UsedIdentity, Emit)) func(*accountView, Emit) {
	return func(v *accountView, emit Emit) {
		for i := range v.identities {
			f(v, &v.identities[i], emit)
		}
	}
}

func identityValues(i *inventory.UsedIdentity) []string {
	return append(accountValues(i.Target), i.Name)
}

// identityFamilies are the metrics of the SES identities that are shown.
var identityFamilies = []Family{
	{
		Name: "identity_verified", Labels: identityLabels,
		Help: "Whether SES may send as the identity. From SES ListEmailIdentities, VerificationStatus, or GetEmailIdentity, VerifiedForSendingStatus.",
		Samples: eachIdentity(func(_ *accountView, i *inventory.UsedIdentity, emit Emit) {
			emitTri(emit, i.Verified, identityValues(i)...)
		}),
	},
	{
		Name: "identity_sending_enabled", Labels: identityLabels,
		Help: "Whether sending is enabled for the identity. From SES ListEmailIdentities, SendingEnabled.",
		Samples: eachIdentity(func(_ *accountView, i *inventory.UsedIdentity, emit Emit) {
			emitTri(emit, i.SendingEnabled, identityValues(i)...)
		}),
	},
	{
		Name: "identity_verification_status", Labels: with(identityLabels, "status"),
		Help: "1 for the identity's verification status. From SES ListEmailIdentities and GetEmailIdentity, VerificationStatus.",
		Samples: eachIdentity(func(_ *accountView, i *inventory.UsedIdentity, emit Emit) {
			stateSet(emit, inventory.VerificationStatuses(), i.Status, identityValues(i))
		}),
	},
	{
		Name: "identity_info", Labels: with(identityLabels, "configuration_set", "mail_from_domain", "mail_from_on_failure"),
		Help: "Facts about an identity that user pools send as that rarely change; always 1. configuration_set is its default configuration set, mail_from_domain its own MAIL FROM domain and mail_from_on_failure what SES does while that is not set up: REJECT_MESSAGE or USE_DEFAULT_VALUE. From SES GetEmailIdentity, ConfigurationSetName and MailFromAttributes.",
		Samples: eachIdentity(func(_ *accountView, i *inventory.UsedIdentity, emit Emit) {
			if d := i.Details; d != nil {
				emit(1, append(identityValues(i), d.ConfigurationSet, d.MailFrom.Domain, d.MailFrom.OnFailure())...)
			}
		}),
	},
	{
		Name: "identity_dkim_status", Labels: with(identityLabels, "status"),
		Help: "1 for the status of the DKIM records of an identity that user pools send as. From SES GetEmailIdentity, DkimAttributes.Status.",
		Samples: eachIdentity(func(_ *accountView, i *inventory.UsedIdentity, emit Emit) {
			if d := i.Details; d != nil {
				stateSet(emit, inventory.VerificationStatuses(), d.DKIM.Status, identityValues(i))
			}
		}),
	},
	{
		Name: "identity_mail_from_status", Labels: with(identityLabels, "status"),
		Help: "1 for the status of the MAIL FROM domain of an identity that user pools send as. From SES GetEmailIdentity, MailFromAttributes.MailFromDomainStatus. Absent without a MAIL FROM domain of its own.",
		Samples: eachIdentity(func(_ *accountView, i *inventory.UsedIdentity, emit Emit) {
			if d := i.Details; d != nil && d.MailFrom.Status != "" {
				stateSet(emit, inventory.MailFromStatuses(), d.MailFrom.Status, identityValues(i))
			}
		}),
	},
	{
		Name: "identity_pools", Labels: identityLabels, Unit: "pools",
		Help: "How many user pools send as the identity. From the SourceArn of Cognito DescribeUserPool. Absent when the pools of the account are not all known.",
		Samples: eachIdentity(func(v *accountView, i *inventory.UsedIdentity, emit Emit) {
			if !v.Incomplete {
				emit(float64(i.Pools), identityValues(i)...)
			}
		}),
	},
}
