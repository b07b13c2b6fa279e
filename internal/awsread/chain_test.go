package awsread_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// set returns the reading's configuration set of that name.
func set(r inventory.Reading, name string) inventory.ConfigurationSet {
	i := slices.IndexFunc(r.ConfigurationSets, func(s inventory.ConfigurationSet) bool { return s.Name == name })
	if i < 0 {
		return inventory.ConfigurationSet{}
	}
	return r.ConfigurationSets[i]
}

// TestIdentityDetails reads what SES tells of identities, and of the sets that they and
// pools name.
func TestIdentityDetails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: parseFleet(t, `
accounts:
  - id: "100000000001"
    regions:
      eu-west-1:
        identities:
          - name: Example.com
            configuration_set: login
            dkim: PENDING
            mail_from: {domain: mail.example.com, status: FAILED, on_failure: REJECT_MESSAGE}
            policies:
              cognito: '{"Statement": {"Effect": "Allow", "Principal": {"Service": "email.cognito-idp.amazonaws.com"}, "Action": "ses:*", "Resource": "*"}}'
          - {name: a@example.com, mail_from: {domain: m.example.com}}
          - {name: b@example.org}
          - {name: unused.example, configuration_set: unused}
        configuration_sets: [{name: login}, {name: paused, sending_enabled: false}, {name: unused}]
        pools:
          - {name: domain, source_arn: "arn:aws:ses:eu-west-1:100000000001:identity/example.com", mode: DEVELOPER, configuration_set: paused}
          - {name: address, source_arn: "arn:aws:ses:eu-west-1:100000000001:identity/a@example.com", mode: DEVELOPER, configuration_set: gone}
          - {name: plain, source_arn: "arn:aws:ses:eu-west-1:100000000001:identity/b@example.org", mode: DEVELOPER}
          - {name: by domain, source_arn: "arn:aws:ses:eu-west-1:100000000001:identity/c@example.com", mode: DEVELOPER}
`)})
		at := target(hub)
		at.ConfigurationSets = []string{"from-elsewhere"}
		r := sim.reader(t, nil).Read(t.Context(), at, nil)
		allOK(t, r)
		domain := identity(r, "Example.com").Details
		if domain == nil || domain.ConfigurationSet != "login" || domain.DKIM.Status != "PENDING" ||
			domain.MailFrom != (inventory.MailFrom{Domain: "mail.example.com", Status: "FAILED", RejectOnFailure: inventory.Yes}) {
			t.Fatalf("details of the domain: %+v", domain)
		}
		for _, r := range domain.DKIM.Records {
			token := r.Value[:32]
			if want := (inventory.DNSRecord{Name: token + "._domainkey.example.com", Type: "CNAME", Value: token + ".dkim.amazonses.com"}); r != want {
				t.Errorf("record %+v, want %+v", r, want)
			}
		}
		if len(domain.DKIM.Records) != 3 {
			t.Errorf("records %+v", domain.DKIM.Records)
		}
		request := inventory.SendRequest{IdentityARN: "arn:aws:ses:eu-west-1:100000000001:identity/example.com", AccountID: hub, Service: "email.cognito-idp.amazonaws.com"}
		if domain.Policies.Permits(request) != inventory.Yes {
			t.Errorf("policies %+v", domain.Policies)
		}
		address := identity(r, "a@example.com").Details
		if address == nil || address.MailFrom != (inventory.MailFrom{Domain: "m.example.com", Status: "SUCCESS", RejectOnFailure: inventory.No}) || address.DKIM.Status != "NOT_STARTED" || address.DKIM.Records != nil {
			t.Errorf("details of the address: %+v", address)
		}
		plain := identity(r, "b@example.org").Details
		if plain == nil || plain.MailFrom != (inventory.MailFrom{}) || plain.ConfigurationSet != "" || plain.Policies.Permits(request) != inventory.No {
			t.Errorf("details of the plain address: %+v", plain)
		}
		if identity(r, "unused.example").Details != nil {
			t.Error("details of an identity that is not in use")
		}
		var sets []string
		for _, s := range r.ConfigurationSets {
			sets = append(sets, s.Name)
			want := inventory.ConfigurationSet{Name: s.Name, Confirmed: s.Confirmed}
			switch s.Name {
			case "login":
				want.SendingEnabled = inventory.Yes
			case "paused":
				want.SendingEnabled = inventory.No
			default:
				want.Missing = true
			}
			if s != want || s.Confirmed.Before(r.Start) {
				t.Errorf("%+v, want %+v", s, want)
			}
		}
		if want := []string{"from-elsewhere", "gone", "login", "paused"}; !slices.Equal(sets, want) {
			t.Errorf("sets %v, want %v", sets, want)
		}
		if n := sim.calls("", "GetEmailIdentity"); n != 3 {
			t.Errorf("GetEmailIdentity was called %d times, want 3", n)
		}
	})
}

// TestUnknownIdentityDetails has answers with values that this program does not know,
// without what AWS always sends, and with keys that are not SES's.
func TestUnknownIdentityDetails(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		answer := ""
		sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
			switch operation {
			case "GetEmailIdentity":
				return http.StatusOK, `{"IdentityType": "DOMAIN", "VerificationStatus": "SUCCESS", "ConfigurationSetName": "login"` + answer + `}`
			case "GetConfigurationSet":
				return http.StatusOK, `{"ConfigurationSetName": "login"}`
			}
			return 0, ""
		})
		record := func(name, value string) []inventory.DNSRecord {
			return []inventory.DNSRecord{{Name: name + "._domainkey.example.com", Type: "CNAME", Value: value}}
		}
		for _, tt := range []struct {
			answer string
			want   inventory.IdentityDetails
		}{
			{``, inventory.IdentityDetails{DKIM: inventory.DKIM{Status: "UNKNOWN"}}},
			{`, "DkimAttributes": {"Status": "ODD"}, "MailFromAttributes": {}`, inventory.IdentityDetails{DKIM: inventory.DKIM{Status: "UNKNOWN"}}},
			{
				`, "DkimAttributes": {"Status": "PENDING", "SigningAttributesOrigin": "EXTERNAL", "Tokens": ["selector"]}`,
				inventory.IdentityDetails{DKIM: inventory.DKIM{Status: "PENDING"}},
			},
			{
				`, "DkimAttributes": {"Status": "PENDING", "SigningAttributesOrigin": "AWS_SES_US_EAST_1", "Tokens": ["a"], "SigningHostedZone": "x.dkim.amazonses.com"}`,
				inventory.IdentityDetails{DKIM: inventory.DKIM{Status: "PENDING", Records: record("a", "a.x.dkim.amazonses.com")}},
			},
			{
				`, "MailFromAttributes": {"MailFromDomain": "m.example.com", "MailFromDomainStatus": "ODD", "BehaviorOnMxFailure": "SHRUG"}`,
				inventory.IdentityDetails{DKIM: inventory.DKIM{Status: "UNKNOWN"}, MailFrom: inventory.MailFrom{Domain: "m.example.com", Status: "UNKNOWN"}},
			},
		} {
			answer = tt.answer
			r := sim.reader(t, nil).Read(t.Context(), target(hub), nil)
			allOK(t, r)
			tt.want.ConfigurationSet = "login"
			if got := identity(r, "example.com").Details; got == nil || !got.Equal(&tt.want) {
				t.Errorf("%s: %+v, want %+v", tt.answer, got, tt.want)
			}
			if s := set(r, "login"); s.Missing || s.SendingEnabled != inventory.Unknown || s.Confirmed.IsZero() {
				t.Errorf("%+v", s)
			}
		}
	})
}

// TestIdentityDetailsClock reads details when they are old, or keep a pool from sending.
func TestIdentityDetailsClock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := quiet(t, awssim.Options{})
		step := func(what string, identities, sets int) {
			t.Helper()
			before := p.sim.calls("", "GetConfigurationSet")
			if n := p.next("GetEmailIdentity"); n != identities {
				t.Errorf("%s: GetEmailIdentity was called %d times, want %d", what, n, identities)
			}
			if n := p.sim.calls("", "GetConfigurationSet") - before; n != sets {
				t.Errorf("%s: GetConfigurationSet was called %d times, want %d", what, n, sets)
			}
			allOK(t, p.last)
		}
		details := identity(p.last, "example.com").Details
		for range detailsEvery/interval - 1 {
			step("they are recent", 0, 0)
		}
		step("they are old", 1, 1)
		if got := identity(p.last, "example.com"); got.Details != details || got.Detailed.Before(p.last.Start) {
			t.Errorf("the same details are others: %+v", got)
		}

		p.region(map[string]any{"configuration_sets": []any{map[string]any{"name": "login", "sending_enabled": false}}})
		for range detailsEvery/interval - 1 {
			step("a set is switched off", 0, 0)
		}
		step("they are old again", 1, 1)
		for range 3 {
			step("a set is known to be off", 0, 1)
		}
		p.region(map[string]any{"configuration_sets": []any{map[string]any{"name": "login", "sending_enabled": true}}})
		step("it was off in the pass before", 0, 1)
		step("it is on", 0, 0)

		at := p.last.Target
		at.Watched = []string{"Example.com"}
		for range 2 {
			time.Sleep(interval)
			before := p.sim.calls("", "GetEmailIdentity")
			p.last = p.reader.Read(t.Context(), at, &p.last)
			if n := p.sim.calls("", "GetEmailIdentity") - before; n != 1 {
				t.Errorf("watched: GetEmailIdentity was called %d times, want once", n)
			}
		}

		p.region(map[string]any{"pools": []any{map[string]any{
			"id": "eu-west-1_a", "source_arn": "arn:aws:ses:eu-west-1:" + hub + ":identity/unused.example", "from": "a@unused.example", "configuration_set": "gone",
		}}})
		step("a pool has another identity, and a set", 1, 1)
		if identity(p.last, "example.com").Details != nil || identity(p.last, "unused.example").Details == nil {
			t.Errorf("%+v", p.last.Identities)
		}
		if len(p.last.ConfigurationSets) != 1 || !set(p.last, "gone").Missing {
			t.Errorf("%+v", p.last.ConfigurationSets)
		}
		step("the set is missing", 0, 1)
	})
}

// TestDetailsOutliveFailures checks that details stay between their readings,
// and end when they cannot be read any more.
func TestDetailsOutliveFailures(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := quiet(t, awssim.Options{})
		shown := func() (bool, bool) {
			r := p.last.Fresh(time.Now().Add(-staleAfter))
			return identity(r, "example.com").Details != nil, set(r, "login").Well()
		}
		for range 2 * detailsEvery / interval {
			p.next("")
			time.Sleep(interval - time.Nanosecond) // They are oldest just before the next pass.
			if details, sets := shown(); !details || !sets {
				t.Fatalf("details %v, sets %v", details, sets)
			}
		}
		p.sim.fault(t, awssim.Fault{Kind: "deny", Operation: "GetEmailIdentity"}, awssim.Fault{Kind: "deny", Operation: "GetConfigurationSet"})
		end := identity(p.last, "example.com").Detailed.Add(detailsEvery + staleAfter)
		for time.Now().Before(end.Add(interval)) {
			p.next("")
			known := !time.Now().After(end)
			if details, sets := shown(); details != known || sets != known {
				t.Errorf("%s before the end: details %v, sets %v", time.Until(end), details, sets)
			}
			if identity(p.last, "example.com").Verified != inventory.Yes {
				t.Error("what the list says was forgotten")
			}
		}
		if o, _ := p.last.Outcome(inventory.APISES); o.Class != inventory.Denied {
			t.Errorf("%+v", o)
		}
	})
}

// TestRenewalsLeaveTime has more identities than fit into a pass: what is known
// waits for the next one instead of failing this one, and nothing starves.
func TestRenewalsLeaveTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const n = 60
		var names []string
		f := parseFleet(t, `accounts: [{id: "100000000001", regions: {eu-west-1: {}}}]`)
		region := f.Accounts[0].Regions["eu-west-1"]
		for i := range n {
			name := string(rune('a'+i/26)) + string(rune('a'+i%26)) + ".example"
			names = append(names, name)
			region.Identities = append(region.Identities, awssim.Identity{Name: name, Status: "SUCCESS", Verified: true, SendingEnabled: true, ConfigurationSet: name[:2]})
			region.ConfigurationSets = append(region.ConfigurationSets, awssim.ConfigurationSet{Name: name[:2], SendingEnabled: true})
		}
		sim := simulate(t, awssim.Options{Fleet: f})
		reader := sim.reader(t, func(o *awsread.Options) {
			o.IdentityDetailsEvery, o.Budgets = 30*time.Minute, map[string]float64{inventory.APISES: 0.33}
		})
		read := func(prev *inventory.Reading) inventory.Reading {
			ctx, cancel := context.WithTimeout(t.Context(), interval)
			defer cancel()
			r := reader.Read(ctx, target(hub, names...), prev)
			time.Sleep(time.Until(r.Start.Add(interval)))
			return r
		}
		last := read(nil)
		for range 2 { // The sets take a time of their own.
			last = read(&last)
		}
		slowest := time.Duration(0)
		for range 24 {
			last = read(&last)
			allOK(t, last)
			slowest = max(slowest, last.End.Sub(last.Start))
			for _, i := range last.Identities {
				if age := last.End.Sub(i.Detailed); i.Details == nil || age > 30*time.Minute+staleAfter {
					t.Fatalf("%s: details are %s old", i.Name, age)
				}
			}
			if len(last.ConfigurationSets) != n {
				t.Fatalf("%d sets", len(last.ConfigurationSets))
			}
		}
		if slowest > interval*3/4 {
			t.Errorf("the slowest pass took %s", slowest)
		}
	})
}

// TestDetailsAreReadBesideThePools has pools that take a while to describe: the
// identities that are known by then do not wait for the others.
func TestDetailsAreReadBesideThePools(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: generated(t, 200, "healthy")})
		reader := sim.reader(t, func(o *awsread.Options) {
			o.Budgets = map[string]float64{inventory.APICognito: 15, inventory.APISES: 1}
		})
		r := reader.Read(t.Context(), target(hub, "noreply@example.org"), nil)
		allOK(t, r)
		if took, bar := r.End.Sub(r.Start), 204*time.Second/15*11/10; took > bar {
			t.Errorf("the pass took %s, at most %s is right", took, bar)
		}
		for _, name := range []string{"example.com", "noreply@example.org"} {
			if identity(r, name).Details == nil {
				t.Errorf("no details of %s", name)
			}
		}
	})
}
