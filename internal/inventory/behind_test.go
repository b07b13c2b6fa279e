package inventory

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// fleet has pools that send as addresses and domains in two regions, in all the
// ways in which an identity can matter to them.
func fleet() *Account {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	pool := func(region, id string, e EmailConfiguration) UserPool {
		return UserPool{ID: id, Settings: &Settings{Described: now, Sender: NewSender(Key{"111122223333", region}, e)}}
	}
	arn := func(region, name string) string { return "arn:aws:ses:" + region + ":111122223333:identity/" + name }
	verified := func(name string, v Tri) Identity { return Identity{Name: name, Verified: v} }
	return Judge(now, []Reading{
		{
			Target: Target{AccountID: "111122223333", Region: "eu-west-1"}, IdentitiesListed: now,
			Identities: []Identity{verified("Example.com", Yes), verified("both@example.com", Yes), verified("pending@example.com", No), {Name: "gone.example", Missing: true}},
			Pools: []UserPool{
				pool("eu-west-1", "both", EmailConfiguration{Mode: ModeDeveloper, SourceARN: arn("eu-west-1", "both@example.com")}),
				pool("eu-west-1", "default", EmailConfiguration{Mode: ModeDefault, SourceARN: arn("eu-west-1", "example.com"), From: "a@example.com"}),
				pool("eu-west-1", "domain", EmailConfiguration{Mode: ModeDeveloper, SourceARN: arn("eu-west-1", "example.com"), From: "a@example.com"}),
				pool("eu-west-1", "gone", EmailConfiguration{Mode: ModeDeveloper, SourceARN: arn("eu-west-1", "gone.example"), From: "a@gone.example"}),
				pool("eu-west-1", "lambda", EmailConfiguration{Mode: ModeDeveloper, SourceARN: arn("eu-west-1", "example.com"), CustomSender: true}),
				pool("eu-west-1", "none", EmailConfiguration{Mode: ModeDefault}),
				pool("eu-west-1", "pending", EmailConfiguration{Mode: ModeDeveloper, SourceARN: arn("eu-west-1", "pending@example.com")}),
				{ID: "undescribed"},
			},
		},
		{
			Target: Target{AccountID: "111122223333", Region: "eu-central-1"}, IdentitiesListed: now,
			Identities: []Identity{verified("example.com", Yes)},
			Pools: []UserPool{
				pool("eu-central-1", "west", EmailConfiguration{Mode: ModeDeveloper, SourceARN: arn("eu-west-1", "example.com"), From: "a@example.com"}),
				pool("eu-central-1", "central", EmailConfiguration{Mode: ModeDeveloper, SourceARN: arn("eu-central-1", "example.com"), From: "a@example.com"}),
			},
		},
	}, Policy{})
}

func TestDependents(t *testing.T) {
	for identity, want := range map[string][]string{
		"eu-west-1 EXAMPLE.com":         {"west", "both instead both@example.com", "default", "domain", "pending"},
		"eu-west-1 both@example.com":    {"both instead Example.com"},
		"eu-west-1 pending@example.com": {"pending instead Example.com"},
		"eu-west-1 gone.example":        {"gone"},
		"eu-central-1 example.com":      {"central"},
		"us-east-1 example.com":         nil,
	} {
		region, name, _ := strings.Cut(identity, " ")
		var got []string
		for _, d := range fleet().Dependents(region, name) {
			line := d.ID
			if d.Instead != "" {
				line += " instead " + d.Instead
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", identity, got, want)
		}
	}
}

func TestSESRegion(t *testing.T) {
	want := map[string]string{"both": "eu-west-1", "domain": "eu-west-1", "gone": "eu-west-1", "pending": "eu-west-1", "west": "eu-west-1", "central": "eu-central-1"}
	a := fleet()
	for i := range a.Pools {
		p := &a.Pools[i]
		if p.Settings == nil {
			continue
		}
		if got := p.Settings.SESRegion(); got != want[p.ID] {
			t.Errorf("%s sends through SES in %q, want %q", p.ID, got, want[p.ID])
		}
	}
}
