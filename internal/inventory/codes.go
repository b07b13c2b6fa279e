package inventory

import (
	"slices"
	"strings"
	"time"
)

// The recovery mechanisms of Cognito's AccountRecoverySetting that send a code.
// There is also admin_only.
const (
	RecoveryEmail = "verified_email"
	RecoveryPhone = "verified_phone_number"
)

// LegacyRecovery is the Settings.Recovery of a pool that has no
// AccountRecoverySetting: SMS to users who have a phone number, else e-mail.
const LegacyRecovery = RecoveryPhone + "," + RecoveryEmail

// RecoveryMechanisms returns the mechanisms by priority.
func (s *Settings) RecoveryMechanisms() []string {
	return strings.FieldsFunc(s.Recovery, func(r rune) bool { return r == ',' })
}

// SignInEmail reports whether users can be sent a code by e-mail when they sign
// in, as first factor or as second one.
func (up *UserPool) SignInEmail() Tri {
	if up.Settings == nil {
		return Unknown
	}
	return up.Settings.unless(PendingFirstFactors, Known(up.Settings.EmailOTP)).Or(up.EmailMFA())
}

// EmailMFA reports whether a code by e-mail is a second factor. Without MFA
// there is none, whatever template the pool has for such e-mails.
func (up *UserPool) EmailMFA() Tri {
	if up.Settings == nil {
		return Unknown
	}
	if up.Details == nil {
		return up.Settings.MFA.And(Unknown)
	}
	return up.Settings.MFA.And(up.Details.EmailMFA.Value)
}

// Details are facts about a user pool that take calls of their own, and so are
// read less often than its settings. They do not change once they are made.
type Details struct {
	EmailMFA        Detail // GetUserPoolMfaConfig: MFA is not off, and there is an EmailMfaConfiguration
	NotificationLog Detail // GetLogDeliveryConfiguration: userNotification is logged
}

// Detail is one of them.
type Detail struct {
	Value Tri
	Read  time.Time // zero when it was not
}

// fresh returns the details without those that are stale, nil without any.
func (d *Details) fresh(stale func(read time.Time) bool) *Details {
	if d == nil || !d.any(stale) {
		return d
	}
	rest := *d
	for _, detail := range []*Detail{&rest.EmailMFA, &rest.NotificationLog} {
		if stale(detail.Read) {
			*detail = Detail{}
		}
	}
	if rest == (Details{}) {
		return nil
	}
	return &rest
}

// any reports whether f is true of when one of the details was read.
func (d *Details) any(f func(read time.Time) bool) bool {
	return slices.ContainsFunc([]Detail{d.EmailMFA, d.NotificationLog}, func(d Detail) bool { return !d.Read.IsZero() && f(d.Read) })
}

// NotificationLog reports whether Cognito logs the errors of e-mails and SMS
// that it could not send.
func (up *UserPool) NotificationLog() Tri {
	if up.Details == nil {
		return Unknown
	}
	return up.Details.NotificationLog.Value
}
