package inventory

import (
	"slices"
	"testing"
)

func TestSignInEmail(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings *Settings
		want     Tri
	}{
		{"not described", nil, Unknown},
		{"without MFA", &Settings{MFA: No}, No},
		{"one-time passwords", &Settings{MFA: No, EmailOTP: true}, Yes},
		{"one-time passwords, factors not known", &Settings{MFA: Yes, EmailOTP: true}, Yes},
		{"MFA, factors not known", &Settings{MFA: Yes}, Unknown},
		{"nothing known of MFA", &Settings{}, Unknown},
	} {
		up := UserPool{Settings: tt.settings}
		if got := up.SignInEmail(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestRecoveryMechanisms(t *testing.T) {
	for recovery, want := range map[string][]string{
		"": {}, "admin_only": {"admin_only"}, LegacyRecovery: {"verified_phone_number", "verified_email"},
	} {
		if got := (&Settings{Recovery: recovery}).RecoveryMechanisms(); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", recovery, got, want)
		}
	}
}
