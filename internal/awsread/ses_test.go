package awsread

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestWanted checks which identities are asked for one by one, and in which
// order.
func TestWanted(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	before, now := start.Add(-time.Minute), start.Add(time.Second)
	identity := func(name, status string, confirmed time.Time) inventory.Identity {
		return inventory.Identity{Name: name, Status: status, Confirmed: confirmed}
	}
	missing := identity("a@d.example", "", now)
	missing.Missing = true
	for _, tt := range []struct {
		name     string
		used     []string
		facts    []inventory.Identity
		earlier  []inventory.Identity // of the pass before, where they are not the facts
		complete bool
		want     []string
	}{
		{"nothing is used", nil, []inventory.Identity{identity("d.example", "TEMPORARY_FAILURE", now)}, nil, true, nil},
		{"not on a whole list", []string{"a@d.example"}, nil, nil, true, nil},
		{"not on part of a list", []string{"a@d.example"}, nil, nil, false, []string{"a@d.example", "d.example"}},
		{"final words of the list", []string{"a.example", "b.example", "c.example", "d.example"}, []inventory.Identity{
			identity("a.example", "SUCCESS", now), identity("b.example", "PENDING", now), identity("c.example", "FAILED", now), identity("d.example", "NOT_STARTED", now),
		}, nil, true, nil},
		{"no final words", []string{"a.example", "b.example"}, []inventory.Identity{
			identity("a.example", "TEMPORARY_FAILURE", now), identity("b.example", "UNKNOWN", now),
		}, nil, true, []string{"a.example", "b.example"}},
		{"the address is verified", []string{"a@d.example"}, []inventory.Identity{
			identity("a@d.example", "SUCCESS", now), identity("d.example", "TEMPORARY_FAILURE", now),
		}, nil, true, nil},
		{"the address is not verified, but the domain may be", []string{"a@d.example"}, []inventory.Identity{
			identity("a@d.example", "PENDING", now), identity("d.example", "TEMPORARY_FAILURE", now),
		}, nil, true, []string{"d.example"}},
		{"the address was missing", []string{"a@d.example"}, []inventory.Identity{missing}, nil, false, []string{"d.example", "a@d.example"}},
		{"verified by part of a list", []string{"a@d.example"}, []inventory.Identity{identity("a@d.example", "SUCCESS", now)}, nil, false, nil},
		{"verified in the pass before", []string{"a@d.example"}, []inventory.Identity{identity("a@d.example", "SUCCESS", before)}, nil, false, []string{"d.example", "a@d.example"}},
		{"the oldest answer first", []string{"a.example", "b.example", "c.example"}, []inventory.Identity{
			identity("a.example", "TEMPORARY_FAILURE", now), identity("b.example", "TEMPORARY_FAILURE", now), identity("c.example", "TEMPORARY_FAILURE", now),
		}, []inventory.Identity{
			identity("A.example", "TEMPORARY_FAILURE", before), identity("b.example", "TEMPORARY_FAILURE", before.Add(-time.Second)), identity("c.example", "TEMPORARY_FAILURE", before),
		}, true, []string{"b.example", "a.example", "c.example"}},
		{"named twice", []string{"a@d.example", "b@d.example", "d.example"}, []inventory.Identity{identity("d.example", "UNKNOWN", now)}, nil, true, []string{"d.example"}},
	} {
		if tt.earlier == nil {
			tt.earlier = tt.facts
		}
		facts := map[string]inventory.Identity{}
		for _, i := range tt.facts {
			facts[i.Name] = i
		}
		p := &pass{reading: inventory.Reading{Start: start, Identities: tt.earlier}}
		if got := p.wanted(facts, tt.complete, tt.used); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestListedIdentity(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	for status, want := range map[string]inventory.Identity{
		"SUCCESS":           {Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes},
		"PENDING":           {Status: "PENDING", Verified: inventory.No, SendingEnabled: inventory.Yes},
		"FAILED":            {Status: "FAILED", Verified: inventory.No, SendingEnabled: inventory.Yes},
		"NOT_STARTED":       {Status: "NOT_STARTED", Verified: inventory.No, SendingEnabled: inventory.Yes},
		"TEMPORARY_FAILURE": {Status: "TEMPORARY_FAILURE", SendingEnabled: inventory.Yes},
		"":                  {Status: "UNKNOWN"},
		"NOVEL":             {Status: "UNKNOWN"},
	} {
		want.Name, want.Confirmed = "d.example", now
		got := identityOf(types.IdentityInfo{IdentityName: aws.String("d.example"), SendingEnabled: true, VerificationStatus: types.VerificationStatus(status)}, now)
		if got != want {
			t.Errorf("%q: %+v, want %+v", status, got, want)
		}
	}
}
