package inventory

import (
	"slices"
	"testing"
)

func TestHolds(t *testing.T) {
	domain := developer("example.com", "a@example.com")
	other := &EmailConfiguration{Mode: ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:444455556666:identity/example.com", From: "a@example.com"}
	unheard := &SESState{Enforcement: "UNKNOWN"}
	tests := map[string]struct {
		region   string
		settings *EmailConfiguration
		ses      *SESState
		unlisted bool
		ids      []Identity
		yes      []Reason
		unknown  []Reason
	}{
		"nothing":          {settings: domain, ses: goodSES(), ids: []Identity{verified("example.com")}},
		"settings unknown": {unknown: Reasons()},
		"a Lambda sends":   {settings: &EmailConfiguration{Mode: ModeDefault, CustomSender: true}},
		"mode unknown": {
			settings: &EmailConfiguration{Mode: ModeUnknown},
			unknown:  []Reason{IdentityMissing, Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached, DefaultQuotaReached},
		},
		"default sender": {settings: &EmailConfiguration{Mode: ModeDefault}, unknown: []Reason{DefaultQuotaReached}},
		"no SourceArn": {
			settings: &EmailConfiguration{Mode: ModeDeveloper}, ses: goodSES(), yes: []Reason{IdentityMissing},
			unknown: []Reason{Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached},
		},
		"missing":    {settings: domain, ses: goodSES(), yes: []Reason{IdentityMissing}},
		"unverified": {settings: domain, ses: goodSES(), ids: []Identity{pending("example.com")}, yes: []Reason{IdentityUnverified}},
		"identities unknown": {
			settings: domain, ses: goodSES(), unlisted: true, unknown: slices.Concat([]Reason{IdentityMissing, IdentityUnverified}, ofDetails),
		},
		"SourceArn that makes no sense": {
			settings: &EmailConfiguration{Mode: ModeDefault, SourceARN: "example.com"},
			unknown:  slices.Concat([]Reason{IdentityMissing, IdentityUnverified, CrossAccountIdentity, UnsupportedRegion, FromMismatch, DefaultQuotaReached}, ofDetails),
		},
		"another account": {
			settings: other, ses: goodSES(), yes: []Reason{CrossAccountIdentity},
			unknown: slices.Concat([]Reason{IdentityMissing, IdentityUnverified, UnsupportedRegion, Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached}, ofDetails),
		},
		"From outside": {settings: developer("example.com", "a@example.org"), ses: goodSES(), ids: []Identity{verified("example.com")}, yes: []Reason{FromMismatch}},
		"wrong region": {region: "eu-west-3", settings: domain, ses: goodSES(), ids: []Identity{verified("example.com")}, yes: []Reason{UnsupportedRegion}},
		"region without a row": {
			region: "eusc-de-east-1", settings: domain, ses: goodSES(), ids: []Identity{verified("example.com")}, unknown: []Reason{UnsupportedRegion},
		},
		"SES unknown": {
			settings: domain, ids: []Identity{verified("example.com")},
			unknown: []Reason{Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached},
		},
		"SES says nothing": {
			settings: domain, ses: unheard, ids: []Identity{verified("example.com")},
			unknown: []Reason{Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached},
		},
		"SES says no": {
			settings: domain, ids: []Identity{verified("example.com")},
			ses: &SESState{Sandbox: Yes, SendingEnabled: No, Enforcement: "SHUTDOWN", Quota: SendQuota(1, 1)},
			yes: []Reason{Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			region := test.region
			if region == "" {
				region = "eu-west-1"
			}
			p := one(region, test.settings, test.ses, !test.unlisted, test.ids...)
			if undecided := p.Undecided(); len(undecided) != len(test.unknown) {
				t.Errorf("undecided %v, want %v", undecided, test.unknown)
			}
			want := map[Reason]Tri{}
			for _, r := range test.yes {
				want[r] = Yes
			}
			for _, r := range test.unknown {
				want[r] = Unknown
			}
			for _, r := range Reasons() {
				w, ok := want[r]
				if !ok {
					w = No
				}
				if got := p.Holds(r); got != w {
					t.Errorf("%s: %v, want %v", r, got, w)
				}
			}
		})
	}
}
