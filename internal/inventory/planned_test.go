package inventory

import (
	"slices"
	"testing"
)

// planned judges a pool of a plan in eu-west-1, whose SES is known.
func planned(account string, pending PendingSettings, s Sender) Pool {
	up := UserPool{ID: "aws_cognito_user_pool.main", Listed: now, Confirmed: now, Settings: &Settings{Sender: s, Pending: pending, MFA: No}}
	return Judge(now, []Reading{{
		Target: Target{AccountID: account, Region: "eu-west-1"}, Pools: []UserPool{up}, PoolsListed: now,
		SES: goodSES(), Identities: []Identity{verified("example.com"), {Name: "new.example", Verified: Unknown}}, IdentitiesListed: now,
		ConfigurationSets: []ConfigurationSet{{Name: "login", SendingEnabled: Yes}},
	}}, Policy{}).Pools[0]
}

// What a plan leaves open is never counted for or against a pool.
func TestPending(t *testing.T) {
	key := Key{account, "eu-west-1"}
	good := developer("example.com", "a@example.com")
	other := *good
	other.From = "a@example.org"
	named := *good
	named.ConfigurationSet = "login"
	for _, tt := range []struct {
		name      string
		pool      Pool
		ready     Tri
		blocked   []Reason
		undecided []Reason
	}{
		{"all known", planned(account, 0, NewSender(key, *good)), Yes, nil, nil},
		{"From open", planned(account, PendingFrom, NewSender(key, other)), Unknown, nil, []Reason{FromMismatch}},
		{"From known", planned(account, 0, NewSender(key, other)), No, []Reason{FromMismatch}, nil},
		{
			"SourceArn open", planned(account, PendingSourceARN, NewSender(key, EmailConfiguration{Mode: ModeDeveloper, From: "a@example.com"})), Unknown, nil,
			[]Reason{
				IdentityMissing, IdentityUnverified, CrossAccountIdentity, UnsupportedRegion, FromMismatch, SendingPolicyMissing, MailFromRejects,
				ConfigurationSetMissing, ConfigurationSetDisabled, Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached,
			},
		},
		{"no SourceArn", planned(account, 0, NewSender(key, EmailConfiguration{Mode: ModeDeveloper})), No, []Reason{IdentityMissing}, []Reason{Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached}},
		{
			"SourceArn open, its identity known", planned(account, PendingSourceARN, SenderAs(key, EmailConfiguration{Mode: ModeDeveloper, From: "a@example.org"}, IdentityRef{"aws", "eu-west-1", account, "example.com"})),
			No,
			[]Reason{FromMismatch},
			nil,
		},
		{
			"identity that is created with it", planned(account, 0, NewSender(key, *developer("new.example", "a@new.example"))), Unknown, nil,
			[]Reason{IdentityUnverified, SendingPolicyMissing, MailFromRejects, ConfigurationSetMissing, ConfigurationSetDisabled},
		},
		{"set open", planned(account, PendingConfigurationSet, NewSender(key, *good)), Unknown, nil, []Reason{ConfigurationSetMissing, ConfigurationSetDisabled}},
		{"set known", planned(account, 0, NewSender(key, named)), Yes, nil, nil},
		{"account of both unknown", planned("", 0, SenderAs(Key{"", "eu-west-1"}, *good, IdentityRef{"aws", "eu-west-1", "", "example.com"})), Yes, nil, nil},
		{"account of the pool unknown", planned("", 0, NewSender(Key{"", "eu-west-1"}, *good)), Unknown, nil, []Reason{CrossAccountIdentity}},
		{"account of the identity unknown", planned(account, 0, SenderAs(key, *good, IdentityRef{"aws", "eu-west-1", "", "example.com"})), Unknown, nil, []Reason{CrossAccountIdentity}},
		{"other account", planned("444455556666", 0, NewSender(Key{"444455556666", "eu-west-1"}, *good)), No, []Reason{CrossAccountIdentity}, []Reason{
			IdentityMissing, IdentityUnverified, UnsupportedRegion, SendingPolicyMissing, MailFromRejects,
			ConfigurationSetMissing, ConfigurationSetDisabled, Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached,
		}},
		{"Lambda function open", planned(account, PendingCustomSender, NewSender(key, other)), Unknown, nil, []Reason{FromMismatch}},
	} {
		if p := tt.pool; p.Ready != tt.ready || !slices.Equal(p.Blocked(), tt.blocked) || !slices.Equal(p.Undecided(), tt.undecided) {
			t.Errorf("%s: ready %s, blocked by %v, undecided %v, want %s, %v, %v", tt.name, p.Ready, p.Blocked(), p.Undecided(), tt.ready, tt.blocked, tt.undecided)
		}
	}
}

func TestPendingFacts(t *testing.T) {
	s := Settings{EmailOTP: true, MFA: No, Sender: Sender{EmailConfiguration: EmailConfiguration{CustomSender: true}}}
	up := UserPool{Settings: &s}
	p := Pool{UserPool: &up}
	if up.SignInEmail() != Yes || p.CustomSender() != Yes {
		t.Error("known settings are not")
	}
	s.Pending = PendingFirstFactors
	if up.SignInEmail() != Unknown || p.CustomSender() != Yes {
		t.Error("open first factors are known, or more is open")
	}
	s.Pending = PendingCustomSender
	if up.SignInEmail() != Yes || p.CustomSender() != Unknown {
		t.Error("an open Lambda function is known, or more is open")
	}
	if got := planned(account, PendingCustomSender, NewSender(Key{account, "eu-west-1"}, *developer("example.com", ""))).Quota.Kind; got != QuotaUnknown {
		t.Errorf("the quota is %q while it is open who sends", got)
	}
}

func TestFieldNames(t *testing.T) {
	all := PendingSettings(1<<len(pendingNames) - 1)
	if got := all.Names(); !slices.Equal(got, pendingNames) || PendingMFA<<1 != all+1 {
		t.Errorf("the names are %v", got)
	}
	if got := (PendingFrom | PendingMFA).Names(); !slices.Equal(got, []string{"From", "MfaConfiguration"}) {
		t.Errorf("the names are %v", got)
	}
	if PendingSettings(0).Names() != nil || PendingEmail.Has(PendingCustomSender) || !PendingEmail.Has(PendingConfigurationSet) {
		t.Error("the set has other fields")
	}
}
