package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestLapses checks which pools are said to go silent if an identity, the
// account's sending or a configuration set lapses, and that those which cannot
// send now are not among them.
func TestLapses(t *testing.T) {
	w := newWorld("eu-west-1")
	w.Identities = slices.Insert(w.Identities, 0, inventory.Identity{Name: "a@example.com", Verified: inventory.Yes, SendingEnabled: inventory.Yes, Details: &inventory.IdentityDetails{}})
	w.ConfigurationSets = append(w.ConfigurationSets, inventory.ConfigurationSet{Name: "off", SendingEnabled: inventory.No})
	w.Pools = nil
	developer := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: w.arn("example.com"), From: "x@example.com"}
	with := func(change func(*inventory.EmailConfiguration)) inventory.EmailConfiguration {
		e := developer
		change(&e)
		return e
	}
	w.pool("address", "a", with(func(e *inventory.EmailConfiguration) { e.SourceARN, e.From = w.arn("a@example.com"), "" }))
	w.pool("addressoff", "a", with(func(e *inventory.EmailConfiguration) {
		e.SourceARN, e.From, e.ConfigurationSet = w.arn("a@example.com"), "", "off"
	}))
	w.pool("builtin", "a", inventory.EmailConfiguration{Mode: inventory.ModeDefault})
	w.pool("domain", "a", developer)
	w.pool("lambda", "a", with(func(e *inventory.EmailConfiguration) { e.CustomSender, e.ConfigurationSet = true, "login" }))
	w.pool("login", "b", with(func(e *inventory.EmailConfiguration) { e.ConfigurationSet = "login" }))
	w.pool("mismatch", "b", with(func(e *inventory.EmailConfiguration) { e.From, e.ConfigurationSet = "x@elsewhere.example", "login" }))
	w.pool("off", "b", with(func(e *inventory.EmailConfiguration) { e.ConfigurationSet = "off" }))
	w.pool("org", "b", with(func(e *inventory.EmailConfiguration) { e.SourceARN, e.From = w.arn("example.org"), "x@example.org" }))
	w.pool("ownfrom", "b", with(func(e *inventory.EmailConfiguration) { e.Mode, e.ConfigurationSet = inventory.ModeDefault, "login" }))
	w.pool("unread", "b", with(func(e *inventory.EmailConfiguration) { e.ConfigurationSet = "unread" }))
	w.Pools = append(w.Pools, inventory.UserPool{ID: "eu-west-1_zzz"})
	a := inventory.Judge(now, []inventory.Reading{w.Reading}, policy)
	say := func(l *Lapse) string {
		var words []string
		for _, list := range []struct {
			what  string
			pools []*inventory.Pool
		}{{"silent", l.Silent}, {"unsure", l.Unsure}, {"blocked", l.Blocked}, {"on", l.GoOn}} {
			for _, p := range list.pools {
				words = append(words, list.what+":"+p.Name)
			}
		}
		return strings.Join(words, " ")
	}
	got := map[string]string{
		"sending":           say(WithoutSending(a, "eu-west-1")),
		"sending elsewhere": say(WithoutSending(a, "us-east-1")),
	}
	for _, name := range []string{"a@example.com", "example.com", "example.org"} {
		got[name] = say(WithoutIdentity(a.Dependents("eu-west-1", name)))
	}
	for set, l := range WithoutSets(a, "eu-west-1") {
		got["set "+set] = say(l)
	}
	for set := range WithoutSets(a, "us-east-1") {
		t.Errorf("set %s is in another region", set)
	}
	want := map[string]string{
		"sending":           "silent:address silent:domain silent:login silent:org unsure:unread blocked:addressoff blocked:mismatch blocked:off",
		"sending elsewhere": "",
		"a@example.com":     "blocked:addressoff on:address",
		"example.com":       "silent:domain silent:login unsure:unread blocked:addressoff blocked:mismatch blocked:off blocked:ownfrom on:address",
		"example.org":       "silent:org",
		"set login":         "silent:login blocked:mismatch",
		"set off":           "blocked:addressoff blocked:off",
		"set unread":        "unsure:unread",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if owners := WithoutSending(a, "eu-west-1").Owners([]string{"team"}); !slices.Equal(owners, []Owner{{"team", "a", 2}, {"team", "b", 2}}) {
		t.Errorf("the owners are %v", owners)
	}
}
