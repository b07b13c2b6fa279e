package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// builtin are the rules that come with the program.
func builtin(t testing.TB) *rules.Set {
	t.Helper()
	set, err := rules.Load(rules.Options{}, rules.Builtin()...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// world is an account in one region in which all is well, to be spoilt.
type world struct {
	inventory.Reading
	other []inventory.Reading
}

func newWorld(region string) *world {
	identity := func(name string) inventory.Identity {
		return inventory.Identity{Name: name, Confirmed: now, Verified: inventory.Yes, SendingEnabled: inventory.Yes, Status: "SUCCESS", Details: &inventory.IdentityDetails{DKIM: inventory.DKIM{Status: "SUCCESS"}}}
	}
	w := &world{Reading: inventory.Reading{
		Target: inventory.Target{AccountID: account, AccountName: "main", Region: region}, End: now, PoolsListed: now, IdentitiesListed: now,
		SES:               &inventory.SESState{Confirmed: now, Sandbox: inventory.No, SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Review: "GRANTED", Quota: inventory.SendQuota(50000, 10)},
		Identities:        []inventory.Identity{identity("example.com"), identity("example.org")},
		ConfigurationSets: []inventory.ConfigurationSet{{Name: "login", SendingEnabled: inventory.Yes, Confirmed: now}},
	}}
	w.pool("one", "a", inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: w.arn("example.com"), From: "a@example.com", ConfigurationSet: "login"})
	return w
}

func (w *world) arn(identity string) string {
	return "arn:" + inventory.Partition(w.Target.Region) + ":ses:" + w.Target.Region + ":" + account + ":identity/" + identity
}

func (w *world) pool(name, team string, e inventory.EmailConfiguration) *inventory.Settings {
	id := w.Target.Region + "_" + name
	s := &inventory.Settings{Described: now, Sender: inventory.NewSender(w.Target.Key(), e), Tags: map[string]string{"env": "prod", "team": team}, Recovery: "admin_only"}
	w.Pools = append(w.Pools, inventory.UserPool{ID: id, Name: name, Listed: now, Confirmed: now, Settings: s})
	return s
}

// change gives the first pool another e-mail configuration.
func (w *world) change(change func(*inventory.EmailConfiguration)) {
	e := w.Pools[0].Settings.EmailConfiguration
	change(&e)
	w.Pools[0].Settings.Sender = inventory.NewSender(w.Target.Key(), e)
}

func (w *world) plan(set *rules.Set) []*Fix {
	a := inventory.Judge(now, append(w.other, w.Reading), policy)
	return Account(a, set.Evaluate(a).Findings)
}

// TestCauses checks, cause by cause, what the plan says. Each line of want is the
// title of a fix or, indented, something in its steps, commands and links.
func TestCauses(t *testing.T) {
	set := builtin(t)
	for _, tt := range []struct {
		name, region string
		spoil        func(*world)
		want         string
	}{
		{"all is well", "eu-west-1", func(*world) {}, ""},
		{"sandbox", "eu-west-1", func(w *world) { w.SES.Sandbox, w.SES.Review = inventory.Yes, "NONE" }, `
			Ask for production access to SES in eu-west-1 of main: unblocks 1 pool of team a
			  aws sesv2 put-account-details --production-access-enabled --mail-type TRANSACTIONAL --website-url URL --region eu-west-1
			  https://eu-west-1.console.aws.amazon.com/ses/home?region=eu-west-1#/account
			  runbook developer-in-sandbox`},
		{"sandbox, asked", "us-gov-west-1", func(w *world) { w.SES.Sandbox, w.SES.Review, w.SES.ReviewCase = inventory.Yes, "PENDING", "123" }, `
			Follow up the request for production access to SES in us-gov-west-1 of main: may unblock 1 pool of team a
			  Answer AWS's questions in the support case 123.
			  https://us-gov-west-1.console.amazonaws-us-gov.com/support/home#/case/?displayId=123`},
		{"sandbox, denied", "eu-west-1", func(w *world) { w.SES.Sandbox, w.SES.Review = inventory.Yes, "DENIED" }, `
			Ask again for production access to SES in eu-west-1 of main: unblocks 1 pool of team a
			  why the request was denied
			  runbook production-access-denied`},
		{"sandbox, failed", "eu-west-1", func(w *world) { w.SES.Sandbox, w.SES.Review = inventory.Yes, "FAILED" }, `
			Ask again for production access to SES in eu-west-1 of main: unblocks 1 pool of team a
			  why the request was failed`},
		{"sandbox and its quota", "eu-west-1", func(w *world) { w.SES.Sandbox, w.SES.Quota = inventory.Yes, inventory.SendQuota(200, 200) }, `
			Ask for production access to SES in eu-west-1 of main: unblocks 1 pool of team a
			  runbook send-quota-reached`},
		{"sandbox and nearly its quota", "eu-west-1", func(w *world) { w.SES.Sandbox, w.SES.Quota = inventory.Yes, inventory.SendQuota(200, 190) }, `
			Ask for production access to SES in eu-west-1 of main: unblocks 1 pool of team a
			  runbook send-quota-near-limit`},
		{"paused by AWS", "eusc-de-east-1", func(w *world) { w.SES.Enforcement, w.SES.SendingEnabled = "SHUTDOWN", inventory.No }, `
			Have AWS resume SES sending in eusc-de-east-1 of main: may unblock 1 pool of team a
			  https://eusc-de-east-1.console.amazonaws-eusc.eu/ses/home?region=eusc-de-east-1#/account
			  runbook enforcement-shutdown`},
		{"disabled", "eu-west-1", func(w *world) { w.SES.SendingEnabled = inventory.No }, `
			Enable SES sending in eu-west-1 of main: unblocks 1 pool of team a
			  AttributeValue=PutAccountSendingAttributes
			  aws sesv2 put-account-sending-attributes --sending-enabled --region eu-west-1`},
		{"disabled, and the identity too", "eu-west-1", func(w *world) {
			w.SES.SendingEnabled, w.Identities[0].SendingEnabled = inventory.No, inventory.No
		}, `
			Enable SES sending in eu-west-1 of main: 1 pool of team a needs it and more
			Find out why SES does not send as example.com in eu-west-1 of main: 1 pool of team a needs it and more
			  runbook sending-disabled, critical`},
		{"quota used up", "eu-west-1", func(w *world) { w.SES.Quota = inventory.SendQuota(200, 200) }, `
			Raise the send quota of SES in eu-west-1 of main: unblocks 1 pool of team a
			  aws service-quotas request-service-quota-increase --service-code ses --quota-code L-804C8AE8 --desired-value 400 --region eu-west-1
			  https://eu-west-1.console.aws.amazon.com/servicequotas/home/services/ses/quotas?region=eu-west-1`},
		{"quota nearly used up, on probation", "eu-west-1", func(w *world) {
			w.SES.Enforcement, w.SES.Quota = "PROBATION", inventory.SendQuota(200, 190)
		}, `
			Raise the send quota of SES in eu-west-1 of main: concerns 1 pool of team a
			Reduce the bounces and complaints of SES in eu-west-1 of main: concerns 1 pool of team a
			  runbook enforcement-probation`},
		{"quota nearly used up, and a sandbox elsewhere", "eu-west-1", func(w *world) {
			w.SES.Quota = inventory.SendQuota(200, 190)
			w.other = []inventory.Reading{{Target: inventory.Target{AccountID: account, Region: "us-east-1"}, End: now, SES: &inventory.SESState{Sandbox: inventory.Yes}}}
		}, `
			Raise the send quota of SES in eu-west-1 of main: concerns 1 pool of team a`},
		{"disabled, and the identity not verified", "eu-west-1", func(w *world) {
			w.SES.SendingEnabled, w.Identities[0].SendingEnabled, w.Identities[0].Verified = inventory.No, inventory.No, inventory.No
		}, `
			Enable SES sending in eu-west-1 of main: 1 pool of team a needs it and more
			Verify example.com in SES in eu-west-1 of main: 1 pool of team a needs it and more`},
		{"identity missing", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { e.SourceARN, e.From = w.arn("example.net"), "a@example.net" })
		}, `
			Create and verify example.net in SES in eu-west-1 of main: unblocks 1 pool of team a
			  aws sesv2 create-email-identity --email-identity example.net --region eu-west-1
			  Publish the DKIM records
			  cognito-ses-exporter propose eu-west-1_one --account 111122223333 --region eu-west-1`},
		{"identity missing, and the set", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { e.SourceARN, e.From = w.arn("example.net"), "a@example.net" })
			w.ConfigurationSets[0].Missing = true
		}, `
			Create and verify example.net in SES in eu-west-1 of main: 1 pool of team a needs it and more
			Create the configuration set login in SES in eu-west-1 of main: 1 pool of team a needs it and more
			  runbook configuration-set-missing, critical`},
		{"identity missing, and the set disabled", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { e.SourceARN, e.From = w.arn("example.net"), "a@example.net" })
			w.ConfigurationSets[0].SendingEnabled = inventory.No
		}, `
			Create and verify example.net in SES in eu-west-1 of main: 1 pool of team a needs it and more
			Enable sending of the configuration set login in SES in eu-west-1 of main: 1 pool of team a needs it and more
			  runbook configuration-set-disabled, critical`},
		{"no identity", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { e.SourceARN, e.From = "", "" })
		}, `
			Give pool one (eu-west-1 of main) an identity to send as: unblocks 1 pool of team a
			  cognito-ses-exporter propose eu-west-1_one --account 111122223333 --region eu-west-1`},
		{"address not verified", "eu-west-1", func(w *world) {
			w.Identities[0] = inventory.Identity{Name: "a@example.com", Verified: inventory.No, SendingEnabled: inventory.No, ErrorType: "DNS_SERVER_ERROR", Details: &inventory.IdentityDetails{DKIM: inventory.DKIM{Records: []inventory.DNSRecord{{Name: "k"}}}}}
			w.change(func(e *inventory.EmailConfiguration) { e.SourceARN = w.arn("a@example.com") })
		}, `
			Verify a@example.com in SES in eu-west-1 of main: unblocks 1 pool of team a
			  SES reports DNS_SERVER_ERROR.
			  Follow the link in the e-mail that SES sends to the address.`},
		{"domain not verified", "eu-west-1", func(w *world) {
			w.Identities[0].Verified = inventory.No
			w.Identities[0].Details = &inventory.IdentityDetails{DKIM: inventory.DKIM{Records: []inventory.DNSRecord{{Name: "k._domainkey.example.com", Type: "CNAME", Value: "k.dkim.amazonses.com"}}}}
		}, `
			Verify example.com in SES in eu-west-1 of main: unblocks 1 pool of team a
			  Publish these records in DNS: k._domainkey.example.com CNAME k.dkim.amazonses.com.
			  https://eu-west-1.console.aws.amazon.com/ses/home?region=eu-west-1#/identities/example.com`},
		{"domain of an address not verified", "eu-west-1", func(w *world) {
			w.Identities = []inventory.Identity{{Name: "a@example.com", Verified: inventory.No, Details: &inventory.IdentityDetails{}}, {Name: "example.com", Verified: inventory.No, Details: &inventory.IdentityDetails{}}}
			w.pool("two", "b", inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: w.arn("a@example.com")})
		}, `
			Verify example.com in SES in eu-west-1 of main: unblocks 2 pools of team a, b
			Verify a@example.com in SES in eu-west-1 of main: unblocks 1 pool of team b`},
		{"identity disabled", "eu-west-1", func(w *world) { w.Identities[0].SendingEnabled = inventory.No }, `
			Find out why SES does not send as example.com in eu-west-1 of main: unblocks 1 pool of team a
			  aws sesv2 get-email-identity --email-identity example.com --region eu-west-1`},
		{"built-in sender with its own FROM", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { e.Mode, e.ConfigurationSet = inventory.ModeDefault, "" })
			w.Pools[0].Settings.Tags["env"] = "dev"
		}, `
			Let Cognito send as example.com in SES in eu-west-1 of main: may unblock 1 pool of team a
			  "Principal":{"Service":"email.cognito-idp.amazonaws.com"},"Action":["ses:SendEmail","ses:SendRawEmail"],"Resource":"arn:aws:ses:eu-west-1:111122223333:identity/example.com"
			  "aws:SourceArn":["arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_one"]`},
		{"a policy denies it", "eu-west-1", func(w *world) {
			w.Identities[0].Details.Policies = inventory.ParseSendingPolicies(map[string]string{"p": `{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "ses:*", "Resource": "*"}}`})
		}, `
			Let Cognito send as example.com in SES in eu-west-1 of main: unblocks 1 pool of team a
			  A statement with the effect Deny applies to pools here.`},
		{"MAIL FROM", "eu-west-1", func(w *world) {
			w.Identities[0].Details.MailFrom = inventory.MailFrom{Domain: "m.example.com", Status: "FAILED", RejectOnFailure: inventory.Yes}
		}, `
			Repair the MAIL FROM domain of example.com in SES in eu-west-1 of main: unblocks 1 pool of team a
			  aws sesv2 put-email-identity-mail-from-attributes --email-identity example.com --mail-from-domain m.example.com --behavior-on-mx-failure USE_DEFAULT_VALUE --region eu-west-1
			  10 feedback-smtp.eu-west-1.amazonses.com`},
		{"DKIM", "eu-west-1", func(w *world) { w.Identities[0].Details.DKIM.Status = "FAILED" }, `
			Repair the DKIM records of example.com in SES in eu-west-1 of main: concerns 1 pool of team a`},
		{"set missing", "eu-west-1", func(w *world) { w.ConfigurationSets[0].Missing = true }, `
			Create the configuration set login in SES in eu-west-1 of main: unblocks 1 pool of team a
			  aws sesv2 create-configuration-set --configuration-set-name login --region eu-west-1
			  cognito-ses-exporter propose eu-west-1_one --account 111122223333 --configuration-set '' --region eu-west-1`},
		{"set of the identity missing", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { e.ConfigurationSet = "" })
			w.Identities[0].Details.ConfigurationSet, w.ConfigurationSets[0].Missing = "login", true
		}, `
			Create the configuration set login in SES in eu-west-1 of main: unblocks 1 pool of team a
			  aws sesv2 put-email-identity-configuration-set-attributes --email-identity example.com --region eu-west-1`},
		{"set disabled", "eu-west-1", func(w *world) { w.ConfigurationSets[0].SendingEnabled = inventory.No }, `
			Enable sending of the configuration set login in SES in eu-west-1 of main: unblocks 1 pool of team a
			  AttributeValue=PutConfigurationSetSendingOptions
			  https://eu-west-1.console.aws.amazon.com/ses/home?region=eu-west-1#/configuration-sets/login`},
		{"identity of another account", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) {
				e.SourceARN = "arn:aws:ses:eu-west-1:444455556666:identity/example.com"
			})
		}, `
			Let pool one (eu-west-1 of main) send as an identity of its own account: unblocks 1 pool of team a
			  https://eu-west-1.console.aws.amazon.com/cognito/v2/idp/user-pools/eu-west-1_one?region=eu-west-1`},
		{"wrong region", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) {
				e.SourceARN = "arn:aws:ses:sa-east-1:" + account + ":identity/example.com"
			})
			w.other = []inventory.Reading{{Target: inventory.Target{AccountID: account, Region: "sa-east-1", SESOnly: true}, End: now, SES: w.SES, Identities: w.Identities, IdentitiesListed: now, ConfigurationSets: w.ConfigurationSets}}
		}, `
			Let pool one (eu-west-1 of main) send through an SES region that it may use: unblocks 1 pool of team a`},
		{"From of another domain", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { e.From = "a@elsewhere.example" })
		}, `
			Give pool one (eu-west-1 of main) a From address of its identity: unblocks 1 pool of team a`},
		{"From of another domain, and nothing to send as", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { e.From = "a@elsewhere.example" })
			w.SES.Sandbox = inventory.Yes
		}, `
			Ask for production access to SES in eu-west-1 of main: 1 pool of team a needs it and more
			Give pool one (eu-west-1 of main) a From address of its identity: 1 pool of team a needs it and more
			  Create and verify an identity in an SES region that the pools may use, and ask for production access there`},
		{"production on the built-in sender", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { *e = inventory.EmailConfiguration{Mode: inventory.ModeDefault} })
			w.pool("two", "b", inventory.EmailConfiguration{Mode: inventory.ModeDefault}).EmailOTP = true
		}, `
			Move pools in eu-west-1 of main from Cognito's built-in sender to SES: concerns 2 pools of team a, b
			  Likewise for pool two.
			  runbook production-on-default-sender
			  runbook sign-in-on-default-sender`},
		{"default quota used up", "eu-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { *e = inventory.EmailConfiguration{Mode: inventory.ModeDefault} })
			w.pool("two", "b", inventory.EmailConfiguration{Mode: inventory.ModeDefault})
			w.Pools[0].Settings.AutoVerified = []string{"email"}
			w.SignUps = signUps("eu-west-1_one", 55)
		}, `
			Move pools in eu-west-1 of main from Cognito's built-in sender to SES: unblocks 2 pools of team a, b
			  cognito-ses-exporter propose eu-west-1_one --account 111122223333 --region eu-west-1
			  runbook default-quota-reached`},
		{"an own rule", "eu-west-1", func(w *world) { w.Pools[0].Settings.Recovery = "verified_phone_number" }, `
			Add verified_email to the pool's AccountRecoverySetting if users expect an e-mail (main): concerns 1 pool of team a
			Let sign-up verify the address, or verify it in the application (main): concerns 1 pool of team a`},
		{"sign-in", "eu-west-1", func(w *world) {
			w.SES.SendingEnabled = inventory.No
			w.Pools[0].Settings.EmailOTP = true
		}, `
			Enable SES sending in eu-west-1 of main: unblocks 1 pool of team a
			  runbook sign-in-blocked`},
		{"both regions of an alternate one", "ca-west-1", func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) {
				e.Mode, e.SourceARN, e.ConfigurationSet = inventory.ModeDefault, "arn:aws:ses:*:"+account+":identity/example.com", ""
			})
			w.Pools[0].Settings.Tags["env"] = "dev"
			for _, region := range []string{"ca-central-1", "us-west-1"} {
				there := w.Reading
				there.Pools, there.Target = nil, inventory.Target{AccountID: account, AccountName: "main", Region: region, SESOnly: true}
				there.Identities = slices.Clone(there.Identities)
				there.Identities[0].Details = &inventory.IdentityDetails{Policies: anyone}
				w.other = append(w.other, there)
			}
			w.other[1].Identities[0].Verified = inventory.No
		}, `
			Verify example.com in SES in us-west-1 of main: may unblock 1 pool of team a`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(tt.region)
			tt.spoil(w)
			fixes := w.plan(set)
			var titles, details []string
			for _, f := range fixes {
				titles = append(titles, f.Title([]string{"env", "team"}))
				details = append(details, said(f))
			}
			at := -1
			var want []string
			for line := range strings.Lines(strings.TrimSpace(strings.ReplaceAll(tt.want, "\t", ""))) {
				line = strings.TrimSuffix(line, "\n")
				if text, ok := strings.CutPrefix(line, "  "); !ok {
					at, want = at+1, append(want, line)
				} else if at < len(details) && !strings.Contains(details[at], text) {
					t.Errorf("nothing says %q in\n%s", text, details[at])
				}
			}
			if !slices.Equal(titles, want) {
				t.Errorf("the plan is\n%s\nwant\n%s", strings.Join(titles, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// said is everything that a fix says but its title.
func said(f *Fix) string {
	var b strings.Builder
	for _, s := range f.Steps() {
		fmt.Fprintln(&b, s.Text)
		fmt.Fprintln(&b, s.Command)
	}
	for _, l := range f.Links() {
		fmt.Fprintln(&b, l.Title, l.URL)
	}
	for _, r := range f.Rules {
		fmt.Fprintf(&b, "runbook %s, %s\n", r, f.Severity)
	}
	return b.String()
}

// signUps are n users who signed up in the pool since the default quota was reset.
func signUps(pool string, n float64) *inventory.SignUps {
	start, _ := policy.Window(now)
	return &inventory.SignUps{
		WindowStart: start, Confirmed: now, Pools: []string{pool},
		Series: []inventory.SignUpSeries{{PoolID: pool, ClientID: "web", Through: now, Points: []inventory.Point{{At: start, N: n}}}},
	}
}

// TestRuleKinds checks that every rule that comes with the program is either
// about a kind of fix, or meant to be followed by its own remedy.
func TestRuleKinds(t *testing.T) {
	own := []string{"facts-stale", "rejects-last-day", "recovery-by-sms-only", "recovery-unverified", "default-quota-scope-contradicted"}
	for _, r := range builtin(t).Rules() {
		if _, ok := ruleKinds[r.ID]; ok == slices.Contains(own, r.ID) {
			t.Errorf("rule %s: has a kind of fix: %t", r.ID, ok)
		}
	}
	for _, r := range inventory.Reasons() {
		if kind := reasonKinds[r]; !slices.Contains(kinds(), kind) {
			t.Errorf("reason %s has the kind %q", r, kind)
		}
	}
}

// TestRank checks what comes first: what unblocks the most pools, those that
// users sign in with counted twice, then what is worst.
func TestRank(t *testing.T) {
	pools := func(n int, otp bool) []Pool {
		var all []Pool
		for range n {
			up := &inventory.UserPool{ID: "p", Settings: &inventory.Settings{EmailOTP: otp}}
			all = append(all, Pool{Pool: &inventory.Pool{UserPool: up, Target: &inventory.Target{}}})
		}
		return all
	}
	want := []*Fix{
		{Severity: rules.Critical, Unblocks: pools(2, true)},
		{Severity: rules.Critical, Unblocks: pools(3, false)},
		{Severity: rules.Critical, Unblocks: pools(1, true), Kind: SendQuota},
		{Severity: rules.Critical, Unblocks: pools(2, false), Kind: CreateSet},
		{Severity: rules.Critical, Maybe: pools(2, false)},
		{Severity: rules.Critical, Maybe: pools(1, false), Partly: pools(9, false)},
		{Severity: rules.Critical, Partly: pools(2, false)},
		{Severity: rules.Critical, Concerns: pools(2, true)},
		{Severity: rules.Warning, Maybe: pools(5, true)},
		{Severity: rules.Warning, Concerns: pools(2, true), AccountID: "1"},
		{Severity: rules.Warning, Concerns: pools(2, true), AccountID: "2", key: key{region: "a"}},
		{Severity: rules.Warning, Concerns: pools(2, true), AccountID: "2", key: key{region: "b", name: "a"}},
		{Severity: rules.Warning, Concerns: pools(2, true), AccountID: "2", key: key{region: "b", name: "b"}},
		{Severity: rules.Info},
	}
	for _, f := range want {
		f.weigh()
	}
	shuffled := slices.Clone(want)
	slices.Reverse(shuffled)
	if got := Join(shuffled[:5], shuffled[5:]); !slices.Equal(got, want) {
		for i := range got {
			t.Errorf("%d: place %d", i, slices.Index(want, got[i]))
		}
	}
}

// TestForeignText checks that names of others are arguments of commands, and
// nothing else.
func TestForeignText(t *testing.T) {
	for _, tt := range []struct{ word, want string }{
		{"example.com", "--x example.com"},
		{"a+b@example.com", "--x a+b@example.com"},
		{"", "--x ''"},
		{"a b", "--x 'a b'"},
		{"$(rm -r .)", "--x '$(rm -r .)'"},
		{"it's", `--x 'it'\''s'`},
		{"-v", "--x=-v"},
		{"--x;y", "--x='--x;y'"},
		{"`id`\n", "--x '`id`\n'"},
	} {
		if got := option("--x", tt.word); got != tt.want {
			t.Errorf("%q becomes %s, want %s", tt.word, got, tt.want)
		}
	}
	w := newWorld("eu-west-1")
	w.Identities[0].Name = `-?#/'"@example.com`
	w.Identities[0].Verified = inventory.No
	w.change(func(e *inventory.EmailConfiguration) { e.SourceARN, e.From = w.arn(w.Identities[0].Name), "" })
	slices.SortFunc(w.Identities, func(a, b inventory.Identity) int { return strings.Compare(a.Name, b.Name) })
	got := said(w.plan(builtin(t))[0])
	for _, text := range []string{` --email-identity='-?#/'\''"@example.com' `, "#/identities/-%3F%23%2F%27%22@example.com\n"} {
		if !strings.Contains(got, text) {
			t.Errorf("no %s in\n%s", text, got)
		}
	}
}

// TestMany checks that many pools behind one fix are counted and not all named.
func TestMany(t *testing.T) {
	w := newWorld("eu-west-1")
	w.Pools = nil
	for n := range 12 {
		w.pool(fmt.Sprintf("p%02d", n), fmt.Sprintf("team%02d", n%8), inventory.EmailConfiguration{Mode: inventory.ModeDefault, SourceARN: w.arn("example.com"), From: "a@example.com"})
	}
	w.pool("p99", "", inventory.EmailConfiguration{Mode: inventory.ModeDefault})
	set := builtin(t)
	fixes := w.plan(set)
	if got, want := fixes[0].Effect([]string{"env", "team"}), "may unblock 12 pools of team team00, team01, team02, team03, team04 and 3 more"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !slices.Equal(fixes[0].Rules, []string{"sending-policy-missing"}) {
		t.Errorf("the runbooks are %v", fixes[0].Rules)
	}
	if got := said(fixes[0]); !strings.Contains(got, `"arn:aws:cognito-idp:eu-west-1:111122223333:userpool/*"`) || strings.Contains(got, "p00") {
		t.Errorf("the policy is for\n%s", got)
	}
	last := fixes[len(fixes)-1]
	if got := said(last); last.Kind != LeaveDefault || !strings.Contains(got, "Likewise for 8 more.") || strings.Count(got, "propose") != 5 {
		t.Errorf("%s says\n%s", last.ID(), got)
	}
	if got := last.Owners([]string{"env", "team"}); len(got) != 1+9 || got[0] != (Owner{"env", "prod", 13}) || got[1] != (Owner{"team", "team00", 2}) || got[5] != (Owner{"team", "", 1}) {
		t.Errorf("the owners are %v", got)
	}
	for tags, want := range map[string]string{"": "13 pools", "env": "13 pools of env prod", "none": "13 pools", "env Team": "13 pools", "cost-owner team": "13 pools of team"} {
		if got := pools(last.Concerns, strings.Fields(tags)); got != want && !strings.HasPrefix(got, want+" team00") {
			t.Errorf("with the tags %q, %s; want %s", tags, got, want)
		}
	}
}

// BenchmarkAccount plans for an account with 3,000 pools, of which every second
// is blocked for a reason of its own.
func BenchmarkAccount(b *testing.B) {
	w := newWorld("eu-west-1")
	for n := range 3000 {
		e := w.Pools[0].Settings.EmailConfiguration
		if n%2 == 0 {
			e.From = "a@elsewhere.example"
		}
		w.pool(fmt.Sprintf("z%04d", n), "a", e)
	}
	set := builtin(b)
	a := inventory.Judge(now, append(w.other, w.Reading), policy)
	findings := set.Evaluate(a).Findings
	for b.Loop() {
		if n := len(Account(a, findings)); n != 1500 {
			b.Fatal(n)
		}
	}
}

// TestNeeds checks what is not in titles: the order of runbooks, that a pool
// which a fix unblocks alone needs no others, and what shares a default quota.
func TestNeeds(t *testing.T) {
	set := builtin(t)
	paused := newWorld("eu-west-1")
	paused.SES.Enforcement, paused.SES.SendingEnabled, paused.SES.ReviewCase = "SHUTDOWN", inventory.No, "123"
	fixes := paused.plan(set)
	if !slices.Equal(fixes[0].Rules, []string{"enforcement-shutdown", "sending-disabled"}) || strings.Contains(said(fixes[0]), "support/home") {
		t.Errorf("the fix of a paused account says\n%s", said(fixes[0]))
	}

	two := newWorld("eu-west-1")
	two.Identities[0].Verified = inventory.No
	two.change(func(e *inventory.EmailConfiguration) { e.From = "a@elsewhere.example" })
	fixes = two.plan(set)
	if len(fixes) != 2 || fixes[0].Kind != ChangeSender || len(fixes[0].Unblocks) != 1 || fixes[0].Unblocks[0].Also != nil ||
		len(fixes[1].Partly) != 1 || !slices.Equal(fixes[1].Partly[0].Also, fixes[:1]) {
		t.Errorf("the fixes are %+v", fixes)
	}

	var readings []inventory.Reading
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		w := newWorld(region)
		w.change(func(e *inventory.EmailConfiguration) { *e = inventory.EmailConfiguration{Mode: inventory.ModeDefault} })
		readings = append(readings, w.Reading)
	}
	for scope, want := range map[inventory.Scope]string{
		inventory.ScopeAccount:       "Move pools in main from Cognito's built-in sender to SES: concerns 2 pools",
		inventory.ScopeAccountRegion: "Move pools in eu-west-1 of main from Cognito's built-in sender to SES: concerns 1 pool|Move pools in us-east-1 of main from Cognito's built-in sender to SES: concerns 1 pool",
		inventory.ScopePool:          "Move pools in eu-west-1 of main from Cognito's built-in sender to SES: concerns 1 pool|Move pools in us-east-1 of main from Cognito's built-in sender to SES: concerns 1 pool",
	} {
		own := policy
		own.Scope = scope
		a := inventory.Judge(now, readings, own)
		var titles []string
		for _, f := range Account(a, set.Evaluate(a).Findings) {
			titles = append(titles, f.Title(nil))
		}
		if got := strings.Join(titles, "|"); got != want {
			t.Errorf("%s: %s, want %s", scope, got, want)
		}
	}
}

// TestSomeRegions checks that the plan of some regions says of their pools what
// the whole one does, also where they can change to an identity in another.
func TestSomeRegions(t *testing.T) {
	set := builtin(t)
	w, other := newWorld("eu-central-1"), newWorld("eu-west-1")
	w.change(func(e *inventory.EmailConfiguration) { e.From = "a@elsewhere.example" })
	w.SES.Sandbox = inventory.Yes
	s := inventory.New(now, []inventory.Reading{w.Reading, other.Reading}, policy)
	say := func(s *inventory.Snapshot) string {
		var all strings.Builder
		for _, f := range Of(set.Judge(s)) {
			fmt.Fprintln(&all, f.Title(nil))
			all.WriteString(said(f))
		}
		return all.String()
	}
	const want = "Give pool one (eu-central-1 of main) a From address of its identity: unblocks 1 pool\n"
	if whole, some := say(s), say(s.In("eu-central-1")); some != whole || !strings.HasPrefix(some, want) {
		t.Errorf("the plan of eu-central-1 is\n%s\nof the whole\n%s", some, whole)
	}
}

// TestPlanned checks that of pools that are still to be deployed, steps say where
// they are written: they have neither a page nor anything to propose for, and no
// ARN. What a plan does not tell is no empty word.
func TestPlanned(t *testing.T) {
	set := builtin(t)
	spoil := func(spoil func(*world)) string {
		w := newWorld("eu-west-1")
		up := &w.Pools[0]
		up.Planned = &inventory.Planned{Resource: "aws_cognito_user_pool.main", Action: "create", File: "main.tf", Line: 7}
		up.ID = up.Planned.Resource
		spoil(w)
		var all strings.Builder
		for _, f := range w.plan(set) {
			fmt.Fprintln(&all, f.Title(nil))
			all.WriteString(said(f))
		}
		if got := all.String(); strings.Contains(got, "propose") || strings.Contains(got, "/user-pools/aws_") || strings.Contains(got, "userpool/aws_") {
			t.Errorf("what is planned is taken for what is there:\n%s", got)
		}
		return all.String()
	}
	for want, got := range map[string]string{
		"Change the e-mail configuration of aws_cognito_user_pool.main (main.tf:7).": spoil(func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { e.From = "a@elsewhere.example" })
		}),
		"To take it from a pool instead, change the e-mail configuration of aws_cognito_user_pool.main.": spoil(func(w *world) {
			w.ConfigurationSets[0].Missing, w.Pools[0].Planned.File, w.Pools[0].Planned.Line = true, "", 0
		}),
		`"aws:SourceArn":["arn:aws:cognito-idp:eu-west-1:111122223333:userpool/*"]`: spoil(func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { e.Mode, e.ConfigurationSet = inventory.ModeDefault, "" })
		}),
		"Move pools in eu-west-1 of main from Cognito's built-in sender to SES: concerns 1 pool\n": spoil(func(w *world) {
			w.change(func(e *inventory.EmailConfiguration) { *e = inventory.EmailConfiguration{Mode: inventory.ModeDefault} })
		}),
		"https://eu-west-1.console.aws.amazon.com/cognito/v2/idp/user-pools/eu-west-1_one?region=eu-west-1": spoil(func(w *world) {
			w.Pools[0].ID = "eu-west-1_one"
			w.change(func(e *inventory.EmailConfiguration) { e.From = "a@elsewhere.example" })
		}),
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%s is not there once:\n%s", want, got)
		}
	}
	unknown := &Fix{Kind: EnableIdentity, Name: "example.com"}
	if got, want := unknown.Title(nil)+"\n"+said(unknown), "Find out why SES does not send as example.com in an account that is not known: concerns no pool now\n"+
		"Look at what SES says of the identity.\naws sesv2 get-email-identity --email-identity example.com --region REGION\nVerify it again, or ask AWS support why it cannot send.\n\n"; got != want {
		t.Errorf("of an unknown account and region:\n%s\nwant\n%s", got, want)
	}
}
