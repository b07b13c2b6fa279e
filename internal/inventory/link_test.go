package inventory

import (
	"slices"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	account = "111122223333"
	arnBase = "arn:aws:ses:eu-west-1:" + account + ":identity/"
)

func goodSES() *SESState {
	return &SESState{
		Confirmed: now, Sandbox: No, SendingEnabled: Yes, Enforcement: "HEALTHY", Review: "GRANTED",
		Quota: &SendQuota{Limit: 50000, Used: 100, Rate: 14},
	}
}

func verified(name string) Identity {
	return Identity{Name: name, Confirmed: now, Status: "SUCCESS", Verified: Yes, SendingEnabled: Yes}
}

func pending(name string) Identity {
	return Identity{Name: name, Confirmed: now, Status: "PENDING", Verified: No, SendingEnabled: No}
}

// one returns a snapshot of a single pool in region, with SES facts in eu-west-1.
func one(region string, s *Settings, ses *SESState, listed bool, ids ...Identity) Pool {
	pool := Reading{
		Target: Target{AccountID: account, Region: region},
		Pools:  []UserPool{{ID: region + "_1", Listed: now, Settings: s}},
	}
	facts := Reading{Target: Target{AccountID: account, Region: "eu-west-1"}, SES: ses, Identities: ids}
	if listed {
		facts.IdentitiesListed = now
	}
	if region == "eu-west-1" {
		facts.Pools = pool.Pools
		return New(now, []Reading{facts}, Policy{}).Pools[0]
	}
	return New(now, []Reading{pool, facts}, Policy{}).Pools[0]
}

func developer(identity, from string) *Settings {
	return &Settings{Confirmed: now, Mode: ModeDeveloper, SourceARN: arnBase + identity, From: from}
}

func TestVerdict(t *testing.T) {
	change := func(f func(*SESState)) *SESState {
		s := goodSES()
		f(s)
		return s
	}
	domain := developer("example.com", "Example <noreply@example.com>")
	tests := map[string]struct {
		region   string
		settings *Settings
		ses      *SESState
		unlisted bool
		ids      []Identity
		ready    Tri
		verified Tri
		blocked  []Reason
	}{
		"default sender":          {settings: &Settings{Mode: ModeDefault}, ready: Yes},
		"settings unknown":        {settings: nil, ready: Unknown},
		"mode unknown":            {settings: &Settings{Mode: ModeUnknown}, ready: Unknown},
		"domain verified":         {settings: domain, ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"domain in another case":  {settings: developer("Example.COM", "a@EXAMPLE.com"), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"parent domain verified":  {settings: developer("mail.example.com", "a@mail.example.com"), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"address by its domain":   {settings: developer("a@example.com", ""), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"address with a label":    {settings: developer("a+x@example.com", ""), ses: goodSES(), ids: []Identity{verified("a@example.com")}, ready: Yes, verified: Yes},
		"address in another case": {settings: developer("A@example.com", ""), ses: goodSES(), ids: []Identity{verified("a@example.com")}, ready: No, verified: No, blocked: []Reason{IdentityMissing}},
		"missing":                 {settings: domain, ses: goodSES(), ready: No, verified: No, blocked: []Reason{IdentityMissing}},
		"no SourceArn":            {settings: &Settings{Mode: ModeDeveloper}, ses: goodSES(), ready: No, blocked: []Reason{IdentityMissing}},
		"unverified":              {settings: domain, ses: goodSES(), ids: []Identity{pending("example.com")}, ready: No, verified: No, blocked: []Reason{IdentityUnverified}},
		"identities unknown":      {settings: domain, ses: goodSES(), unlisted: true, ready: Unknown},
		"account unknown":         {settings: domain, ids: []Identity{verified("example.com")}, ready: Unknown, verified: Yes},
		"known block beats unknown": {
			settings: domain, ids: []Identity{pending("example.com")},
			ready: No, verified: No, blocked: []Reason{IdentityUnverified},
		},
		"From elsewhere":          {settings: developer("example.com", "a@example.org"), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{FromMismatch}},
		"From missing on domain":  {settings: developer("example.com", ""), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{FromMismatch}},
		"From in a suffix domain": {settings: developer("example.com", "a@notexample.com"), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{FromMismatch}},
		"sandbox":                 {settings: domain, ses: change(func(s *SESState) { s.Sandbox = Yes }), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{Sandbox}},
		"sending disabled":        {settings: domain, ses: change(func(s *SESState) { s.SendingEnabled = No }), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{SendingDisabled}},
		"shut down":               {settings: domain, ses: change(func(s *SESState) { s.Enforcement = "SHUTDOWN" }), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{AccountShutdown}},
		"probation":               {settings: domain, ses: change(func(s *SESState) { s.Enforcement = "PROBATION" }), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"quota reached":           {settings: domain, ses: change(func(s *SESState) { s.Quota.Used = 50000 }), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{SendQuotaReached}},
		"quota unlimited":         {settings: domain, ses: change(func(s *SESState) { s.Quota = &SendQuota{Limit: -1, Unlimited: true, Used: 9} }), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"region backwards":        {region: "eu-central-1", settings: domain, ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"region not allowed":      {region: "eu-north-1", settings: domain, ses: goodSES(), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{UnsupportedRegion}},
		"region not in the table": {region: "ap-southeast-6", settings: domain, ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Unknown, verified: Yes},
		"other account": {
			settings: &Settings{Mode: ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:999999999999:identity/example.com", From: "a@example.com"},
			ses:      goodSES(), ids: []Identity{verified("example.com")}, ready: No, blocked: []Reason{CrossAccountIdentity},
		},
		"own FROM, unverified": {
			settings: &Settings{Mode: ModeDefault, SourceARN: arnBase + "example.com", From: "a@example.com"},
			ids:      []Identity{pending("example.com")}, ready: No, verified: No, blocked: []Reason{IdentityUnverified},
		},
		"custom sender": {
			settings: &Settings{Mode: ModeDeveloper, SourceARN: arnBase + "example.com", From: "a@example.com", CustomSender: true},
			ses:      goodSES(), ready: Unknown, verified: No,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.region == "" {
				tt.region = "eu-west-1"
			}
			p := one(tt.region, tt.settings, tt.ses, !tt.unlisted, tt.ids...)
			if p.Ready != tt.ready || p.Verified != tt.verified || !slices.Equal(p.Blocked, tt.blocked) {
				t.Errorf("ready %v, verified %v, blocked %v; want %v, %v, %v", p.Ready, p.Verified, p.Blocked, tt.ready, tt.verified, tt.blocked)
			}
		})
	}
}

func TestMostSpecificIdentityWins(t *testing.T) {
	p := one("eu-west-1", developer("a@mail.example.com", ""), goodSES(), true, verified("example.com"), pending("mail.example.com"))
	if p.Identity != "mail.example.com" || p.Verified != Yes {
		t.Errorf("identity %q verified %v; want mail.example.com, yes through its parent", p.Identity, p.Verified)
	}
}

func TestFreshEndsOldFacts(t *testing.T) {
	old := now.Add(-time.Hour)
	r := Reading{
		Pools: []UserPool{
			{ID: "gone", Listed: old},
			{ID: "listed", Listed: now, Settings: &Settings{Confirmed: old}},
			{ID: "whole", Listed: now, Settings: &Settings{Confirmed: now}},
		},
		SES: &SESState{Confirmed: old}, Identities: []Identity{{Name: "a", Confirmed: old}, {Name: "b", Confirmed: now}},
		IdentitiesListed: old,
	}
	f := r.Fresh(now.Add(-time.Minute))
	if len(f.Pools) != 2 || f.Pools[0].Settings != nil || f.Pools[1].Settings == nil {
		t.Errorf("pools %+v", f.Pools)
	}
	if f.SES != nil || len(f.Identities) != 1 || !f.IdentitiesListed.IsZero() {
		t.Errorf("SES facts outlived their time: %+v", f)
	}
	if len(r.Pools) != 3 || r.SES == nil || len(r.Identities) != 2 || r.Identities[0].Name != "a" {
		t.Error("Fresh changed its receiver")
	}
}

func TestNeeds(t *testing.T) {
	readings := []Reading{{
		Target: Target{AccountID: account, Region: "eu-central-1"},
		Pools: []UserPool{
			{Settings: developer("example.com", "")},
			{Settings: developer("example.com", "")},
			{Settings: &Settings{SourceARN: "arn:aws:ses:us-west-2:999999999999:identity/x.com"}},
			{},
		},
	}}
	needs := Needs(readings)
	if len(needs) != 1 || needs[0].Region != "eu-west-1" || !slices.Equal(needs[0].Identities, []string{"example.com"}) {
		t.Errorf("needs %+v", needs)
	}
}
