package inventory

import "strings"

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
	return Known(up.Settings.EmailOTP).Or(up.EmailMFA())
}

// EmailMFA reports whether a code by e-mail is a second factor. Without MFA
// there is none, whatever template the pool has for such e-mails.
func (up *UserPool) EmailMFA() Tri {
	if up.Settings == nil {
		return Unknown
	}
	return up.Settings.MFA.And(Unknown)
}
