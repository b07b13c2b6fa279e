package iac

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestJoin shows SES as it will be once a plan is applied.
func TestJoin(t *testing.T) {
	key := inventory.Key{AccountID: account, Region: "eu-west-1"}
	identity := func(name string, gone bool) thing { return thing{Key: key, name: name, gone: gone} }
	set := func(name string, gone bool, sending inventory.Tri) thing {
		return thing{Key: key, name: name, set: true, gone: gone, sending: sending}
	}
	for _, tt := range []struct {
		name   string
		things []thing
		want   string
	}{
		{"nothing", nil, "example.com yes, unverified.example no; login yes"},
		{"a new identity", []thing{identity("a.example", false)}, "a.example unknown, example.com yes, unverified.example no; login yes"},
		{"one that is there already", []thing{identity("EXAMPLE.com", false)}, "example.com yes, unverified.example no; login yes"},
		{"one that is removed", []thing{identity("example.com", true)}, "example.com missing, unverified.example no; login yes"},
		{"one that moves", []thing{identity("example.com", false), identity("example.com", true)}, "example.com unknown, unverified.example no; login yes"},
		{"a new set", []thing{set("a", false, inventory.Unknown)}, "example.com yes, unverified.example no; a unknown, login yes"},
		{"a set that is there already", []thing{set("login", false, inventory.Unknown)}, "example.com yes, unverified.example no; login yes"},
		{"a set that is disabled", []thing{set("login", false, inventory.No)}, "example.com yes, unverified.example no; login no"},
		{"a set that is removed", []thing{set("login", true, inventory.Unknown)}, "example.com yes, unverified.example no; login missing"},
	} {
		live := ses()
		before := fmt.Sprint(live)
		var parts []string
		for _, r := range (&Plan{things: tt.things}).Join(now, live) {
			if r.Target.Key() != key {
				continue
			}
			for _, i := range r.Identities {
				parts = append(parts, i.Name+" "+says(i.Missing, i.Verified))
			}
			parts = append(parts, ";")
			for _, s := range r.ConfigurationSets {
				parts = append(parts, s.Name+" "+says(s.Missing, s.SendingEnabled))
			}
		}
		if got := strings.NewReplacer(", ;, ", "; ").Replace(strings.Join(parts, ", ")); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		if fmt.Sprint(live) != before {
			t.Errorf("%s: what was read has changed", tt.name)
		}
	}
	// Without a reading, nothing but what is planned is known.
	joined := (&Plan{things: []thing{identity("a.example", false)}}).Join(now, nil)
	if len(joined) != 1 || !joined[0].Target.SESOnly || !joined[0].IdentitiesListed.IsZero() || joined[0].SES != nil || len(joined[0].Identities) != 1 {
		t.Errorf("the readings are %+v", joined)
	}
}

func says(missing bool, t inventory.Tri) string {
	if missing {
		return "missing"
	}
	return t.String()
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		address, bare, parent, call string
		names                       []string
	}{
		{"", "", "", "", nil},
		{"module.a", "module.a", "", "a", []string{"a"}},
		{`module.a["x.y\"]"].module.b[0]`, "module.a.module.b", `module.a["x.y\"]"]`, "b", []string{"a", "b"}},
	} {
		parent, call := parentModule(tt.address)
		if got := withoutIndexes(tt.address); got != tt.bare || parent != tt.parent || call != tt.call || !slices.Equal(moduleNames(tt.address), tt.names) {
			t.Errorf("%s: %s, %q, %q, %q", tt.address, got, parent, call, moduleNames(tt.address))
		}
	}
	for s, want := range map[string]reference{
		"aws_ses_domain_identity.a":            {"aws_ses_domain_identity.a", "", ""},
		"aws_ses_domain_identity.a.arn":        {"aws_ses_domain_identity.a", "", "arn"},
		`aws_ses_domain_identity.a["x.y"].arn`: {"aws_ses_domain_identity.a", `["x.y"]`, "arn"},
		"module.ses.arn":                       {"module.ses", "", "arn"},
		"module.ses[0].arn":                    {"module.ses", "[0]", "arn"},
		"var.identity":                         {"var.identity", "", ""},
		"var.identity.arn":                     {"var.identity", "", "arn"},
		"aws_ses_domain_identity.a[0":          {"aws_ses_domain_identity.a", "", "[0"},
		"each.key":                             {"each.key", "", ""},
		"data.aws_ses_domain_identity.a.arn":   {"data.aws_ses_domain_identity", "", "a"},
		"aws_ses_domain_identity.a.arn.x":      {"aws_ses_domain_identity.a", "", "arn"},
		"aws_sesv2_email_identity.this[1].arn": {"aws_sesv2_email_identity.this", "[1]", "arn"},
	} {
		if got := parseReference(s); got != want {
			t.Errorf("%s: %+v, want %+v", s, got, want)
		}
	}
}
