package inventory

import (
	"reflect"
	"testing"
)

func TestNeeds(t *testing.T) {
	pool := func(e *EmailConfiguration) UserPool {
		return UserPool{Settings: &Settings{Sender: NewSender(Key{account, "eu-central-1"}, *e)}}
	}
	with := func(e *EmailConfiguration, set string) *EmailConfiguration {
		e.ConfigurationSet = set
		return e
	}
	reading := Reading{
		Target: Target{AccountID: account, AccountName: "main", Region: "eu-central-1"},
		Pools: []UserPool{
			pool(with(developer("example.com", ""), "login")), pool(developer("a.example", "")), pool(with(developer("example.com", ""), "login")),
			pool(with(developer("example.com", ""), "by-pool")), pool(&EmailConfiguration{Mode: ModeDefault, ConfigurationSet: "unused"}),
			{},
			pool(&EmailConfiguration{SourceARN: "arn:aws:ses:us-west-2:999999999999:identity/x.com"}),
			pool(&EmailConfiguration{SourceARN: "arn:aws:ses:ap-east-1:" + account + ":identity/without-ses.com"}),
			pool(&EmailConfiguration{SourceARN: "arn:aws:ses:us-gov-west-1:" + account + ":identity/other-partition.com"}),
			pool(&EmailConfiguration{SourceARN: "arn:aws:ses:eu-central-1:" + account + ":identity/example.com"}),
		},
	}
	own, ireland := Key{account, "eu-central-1"}, Key{account, "eu-west-1"}
	needs := Needs(reading)
	if want := []Need{{own, "main", []string{"example.com"}, nil}, {ireland, "main", []string{"a.example", "example.com"}, []string{"by-pool", "login"}}}; !reflect.DeepEqual(needs, want) {
		t.Errorf("needs %+v, want %+v", needs, want)
	}
	only := []Target{{AccountID: account, AccountName: "main", Region: "eu-west-1", SESOnly: true, Identities: []string{"a.example", "example.com"}, ConfigurationSets: []string{"by-pool", "login"}}}
	for name, tt := range map[string]struct{ configured, want []Target }{
		"not covered":        {[]Target{{AccountID: account, Region: "eu-central-1"}}, only},
		"covered":            {[]Target{{AccountID: account, Region: "eu-central-1"}, {AccountID: account, Region: "eu-west-1"}}, nil},
		"ambient account":    {[]Target{{Region: "eu-central-1"}, {Region: "eu-west-1"}}, nil},
		"of another account": {[]Target{{AccountID: account, Region: "eu-central-1"}, {AccountID: "444455556666", Region: "eu-west-1"}}, only},
	} {
		if got := SESOnlyTargets(needs, tt.configured); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestNewSender(t *testing.T) {
	pool := Key{account, "ca-west-1"}
	ref := func(region, account, name string) IdentityRef {
		return IdentityRef{Partition: "aws", Region: region, AccountID: account, Name: name}
	}
	for arn, want := range map[string]Sender{
		"": {},
		"arn:aws:ses:eu-west-1:" + account + ":identity/example.com":    {Identity: ref("eu-west-1", account, "example.com"), Regions: []string{"eu-west-1"}},
		"arn:aws:ses:*:" + account + ":identity/a@example.com":          {Identity: ref("*", account, "a@example.com"), Regions: []string{"ca-central-1", "us-west-1"}},
		"arn:aws:ses:eu-west-1:999999999999:identity/example.com":       {Identity: ref("eu-west-1", "999999999999", "example.com"), CrossAccount: true},
		"arn:aws:ses:*:999999999999:identity/example.com":               {Identity: ref("*", "999999999999", "example.com"), CrossAccount: true},
		"arn:aws:ses:eu-west-1:" + account + ":identity/a/b:c.example":  {Identity: ref("eu-west-1", account, "a/b:c.example"), Regions: []string{"eu-west-1"}},
		"arn:aws:ses:eu-west-1:" + account + ":identity/":               {},
		"arn:aws:ses:eu-west-1:" + account + ":configuration-set/login": {},
		"arn:aws:ses:eu-west-1::identity/example.com":                   {},
		"arn:aws:ses::" + account + ":identity/example.com":             {},
		"arn:aws:sns:eu-west-1:" + account + ":identity/example.com":    {},
		"urn:aws:ses:eu-west-1:" + account + ":identity/example.com":    {},
		"arn:aws:ses:eu-west-1:" + account:                              {},
		"example.com":                                                   {},
	} {
		want.SourceARN = arn
		if got := NewSender(pool, EmailConfiguration{SourceARN: arn}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", arn, got, want)
		}
	}
}

func TestSendsDefault(t *testing.T) {
	for _, tt := range []struct {
		mode         Mode
		lambda, want bool
	}{{ModeDefault, false, true}, {ModeDefault, true, false}, {ModeDeveloper, false, false}, {ModeUnknown, false, false}} {
		s := NewSender(Key{}, EmailConfiguration{Mode: tt.mode, CustomSender: tt.lambda})
		if got := s.SendsDefault(); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestCountsSignUps(t *testing.T) {
	for _, tt := range []struct {
		mode   Mode
		auto   []string
		client string
		want   bool
	}{
		{ModeDefault, []string{"phone_number", "email"}, "web", true},
		{ModeDefault, []string{"phone_number"}, "web", false},
		{ModeDefault, nil, "web", false},
		{ModeDefault, nil, AdminClient, true},
		{ModeDeveloper, []string{"email"}, "web", false},
		{ModeDeveloper, nil, AdminClient, false},
	} {
		s := &Settings{Sender: NewSender(Key{}, EmailConfiguration{Mode: tt.mode}), AutoVerified: tt.auto}
		if got := s.CountsSignUps(tt.client); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}
