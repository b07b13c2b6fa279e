package propose

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// pool is a user pool in the region with an e-mail configuration.
func pool(region string, e inventory.EmailConfiguration) Described {
	key := inventory.Key{AccountID: account, Region: region}
	p, err := Parse([]byte(`{"UserPool": {` + strings.ReplaceAll(arn, "eu-west-1", region) + `, "EmailConfiguration": ` + line(emailConfiguration(nil, e)) + `}}`))
	if err != nil {
		panic(err)
	}
	settings := &inventory.Settings{Described: now, Sender: inventory.NewSender(key, e)}
	return Described{Pool: p, UserPool: inventory.UserPool{ID: p.Key.ID, Settings: settings, Confirmed: now}, Target: inventory.Target{AccountID: account, Region: region}}
}

// region is a reading of SES with production access and identities that are
// verified, but for those that begin with an exclamation mark.
func region(name string, identities ...string) inventory.Reading {
	r := inventory.Reading{
		Target: inventory.Target{AccountID: account, Region: name, SESOnly: true}, IdentitiesListed: now,
		SES: &inventory.SESState{Confirmed: now, Sandbox: inventory.No, SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Quota: inventory.SendQuota(50000, 100)},
	}
	for _, i := range identities {
		id := inventory.Identity{Name: i, Confirmed: now, Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.Yes, Details: &inventory.IdentityDetails{}, Detailed: now}
		if name, pending := strings.CutPrefix(i, "!"); pending {
			id.Name, id.Status, id.Verified = name, "PENDING", inventory.No
		}
		r.Identities = append(r.Identities, id)
	}
	return r
}

func identity(region, name string) string {
	return "arn:aws:ses:" + region + ":" + account + ":identity/" + name
}

func with(r inventory.Reading, change func(*inventory.Reading)) inventory.Reading {
	change(&r)
	return r
}

var builtin = inventory.EmailConfiguration{Mode: inventory.ModeDefault}

func TestChoose(t *testing.T) {
	sandbox := func(r *inventory.Reading) { r.SES.Sandbox = inventory.Yes }
	used := func(used float64) func(*inventory.Reading) {
		return func(r *inventory.Reading) { r.SES.Quota = inventory.SendQuota(50000, used) }
	}
	present := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: identity("eu-west-1", "example.org"), From: "Login <a@example.org>", ReplyTo: "r@example.org", ConfigurationSet: "login"}
	withSet := func(r *inventory.Reading) {
		r.ConfigurationSets = []inventory.ConfigurationSet{{Name: "login", SendingEnabled: inventory.Yes, Confirmed: now}}
	}
	for name, tt := range map[string]struct {
		pool     Described
		wish     Wish
		readings []inventory.Reading
		arn      string // empty: nothing fits
		from     string
		set      string
		reasons  string // why nothing fits
	}{
		"own region":       {pool("eu-central-1", builtin), Wish{}, []inventory.Reading{region("eu-west-1", "a.example"), region("eu-central-1", "z.example")}, identity("eu-central-1", "z.example"), "no-reply@z.example", "", ""},
		"elsewhere":        {pool("eu-central-1", builtin), Wish{}, []inventory.Reading{region("eu-west-1", "a.example"), region("eu-central-1", "!z.example")}, identity("eu-west-1", "a.example"), "no-reply@a.example", "", ""},
		"domain first":     {pool("eu-west-1", builtin), Wish{}, []inventory.Reading{region("eu-west-1", "a@example.com", "z.example")}, identity("eu-west-1", "z.example"), "no-reply@z.example", "", ""},
		"short first":      {pool("eu-west-1", builtin), Wish{}, []inventory.Reading{region("eu-west-1", "a.mail.example", "z.example")}, identity("eu-west-1", "z.example"), "no-reply@z.example", "", ""},
		"address":          {pool("eu-west-1", builtin), Wish{}, []inventory.Reading{region("eu-west-1", "a@example.com")}, identity("eu-west-1", "a@example.com"), "", "", ""},
		"what it has":      {pool("eu-west-1", present), Wish{}, []inventory.Reading{with(region("eu-west-1", "a.example", "example.org"), withSet)}, identity("eu-west-1", "example.org"), "Login <a@example.org>", "login", ""},
		"other set":        {pool("eu-west-1", present), Wish{ConfigurationSet: new("")}, []inventory.Reading{region("eu-west-1", "a.example", "example.org")}, identity("eu-west-1", "example.org"), "Login <a@example.org>", "", ""},
		"set is unknown":   {pool("eu-west-1", present), Wish{}, []inventory.Reading{region("eu-west-1", "example.org")}, "", "", "", "eu-west-1: identity \"example.org\": configuration_set_missing unknown, configuration_set_disabled unknown"},
		"set of a region":  {pool("eu-central-1", present), Wish{}, []inventory.Reading{region("eu-central-1", "example.org"), with(region("eu-west-1", "example.org"), sandbox)}, identity("eu-central-1", "example.org"), "Login <a@example.org>", "", ""},
		"From stays":       {pool("eu-west-1", inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: identity("eu-west-1", "gone.example"), From: "a@b.example"}), Wish{}, []inventory.Reading{region("eu-west-1", "a.example", "b.example")}, identity("eu-west-1", "b.example"), "a@b.example", "", ""},
		"wished From":      {pool("eu-west-1", builtin), Wish{From: "X <x@z.example>"}, []inventory.Reading{region("eu-west-1", "a.example", "z.example")}, identity("eu-west-1", "z.example"), "X <x@z.example>", "", ""},
		"From of nobody":   {pool("eu-west-1", builtin), Wish{From: "x@y.example"}, []inventory.Reading{region("eu-west-1", "a.example")}, "", "", "", `eu-west-1: no identity covers the From address "x@y.example"`},
		"sandbox":          {pool("eu-central-1", builtin), Wish{}, []inventory.Reading{with(region("eu-central-1", "a.example"), sandbox), region("eu-west-1", "z.example")}, identity("eu-west-1", "z.example"), "no-reply@z.example", "", ""},
		"quota left":       {pool("eu-central-1", builtin), Wish{}, []inventory.Reading{with(region("eu-central-1", "a.example"), used(49980)), region("eu-west-1", "z.example")}, identity("eu-west-1", "z.example"), "no-reply@z.example", "", ""},
		"quota just left":  {pool("eu-central-1", builtin), Wish{}, []inventory.Reading{with(region("eu-central-1", "a.example"), used(49950)), region("eu-west-1", "z.example")}, identity("eu-central-1", "a.example"), "no-reply@a.example", "", ""},
		"little quota":     {pool("eu-west-3", builtin), Wish{}, []inventory.Reading{with(region("eu-west-3", "a.example"), used(49980))}, identity("eu-west-3", "a.example"), "no-reply@a.example", "", ""},
		"no quota":         {pool("eu-west-3", builtin), Wish{}, []inventory.Reading{with(region("eu-west-3", "a.example"), used(50000))}, "", "", "", `eu-west-3: identity "a.example": send_quota_reached`},
		"forbidden region": {pool("eu-west-3", builtin), Wish{}, []inventory.Reading{region("eu-west-1", "a.example"), region("eu-west-3")}, "", "", "", "eu-west-3: no identities"},
		"unread": {
			pool("eu-west-3", builtin),
			Wish{},
			[]inventory.Reading{{Target: inventory.Target{AccountID: account, Region: "eu-west-3", SESOnly: true}}},
			"", "", "",
			"eu-west-3: the identities could not be read",
		},
		"unknown region": {pool("us-gov-west-1", builtin), Wish{}, nil, "", "", "", "AWS does not say through which SES regions pools of us-gov-west-1 can send; give --identity"},
		"unverified":     {pool("eu-west-3", builtin), Wish{}, []inventory.Reading{region("eu-west-3", "!a.example")}, "", "", "", `eu-west-3: identity "a.example": identity_unverified`},
		"decided":        {pool("eu-west-1", builtin), Wish{Identity: identity("eu-west-1", "a.example")}, []inventory.Reading{region("eu-west-1", "!a.example", "z.example")}, identity("eu-west-1", "a.example"), "no-reply@a.example", "", ""},
		"built-in":       {pool("eu-west-1", present), Wish{Mode: inventory.ModeDefault}, nil, "", "", "", ""},
		"own FROM":       {pool("eu-west-1", present), Wish{Mode: inventory.ModeDefault, Identity: identity("eu-west-1", "example.org")}, nil, identity("eu-west-1", "example.org"), "Login <a@example.org>", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.wish.Mode == "" {
				tt.wish.Mode = inventory.ModeDeveloper
			}
			p, err := tt.wish.Choose(now, tt.pool, tt.readings, inventory.Policy{Enabled: true, Limit: 50})
			if tt.reasons != "" {
				nothing, ok := errors.AsType[*NothingFits](err)
				if !ok || strings.Join(nothing.Reasons, "; ") != tt.reasons || !strings.Contains(err.Error(), tt.pool.ID+" in "+tt.pool.Target.Region) {
					t.Errorf("%v %v, want %s", p, err, tt.reasons)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := inventory.EmailConfiguration{Mode: tt.wish.Mode, SourceARN: tt.arn, From: tt.from, ReplyTo: tt.pool.Settings.ReplyTo, ConfigurationSet: tt.set}
			if p.Email != want {
				t.Errorf("%+v\nwant %+v", p.Email, want)
			}
		})
	}
}

// TestManyIdentities checks that many identities neither hide those of other
// regions nor are all looked at, and that those which are verified come first.
func TestManyIdentities(t *testing.T) {
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("!a%03d.example", i))
	}
	many := region("eu-central-1", append(slices.Clone(names), "z.example")...)
	wish, d := Wish{Mode: inventory.ModeDeveloper}, pool("eu-central-1", builtin)
	p, err := wish.Choose(now, d, []inventory.Reading{many}, inventory.Policy{})
	if err != nil || p.Email.SourceARN != identity("eu-central-1", "z.example") {
		t.Errorf("%v %v", p, err)
	}
	_, err = wish.Choose(now, d, []inventory.Reading{region("eu-central-1", names...), region("eu-west-1", "!other.example")}, inventory.Policy{})
	nothing, ok := errors.AsType[*NothingFits](err)
	if !ok || len(nothing.Reasons) != maxReasons+1 || nothing.Reasons[maxReasons] != fmt.Sprintf("and %d more", maxCandidates+1-maxReasons) {
		t.Errorf("%v", err)
	}
	_, err = wish.Choose(now, d, []inventory.Reading{region("eu-central-1", names[:maxReasons]...)}, inventory.Policy{})
	if nothing, ok := errors.AsType[*NothingFits](err); !ok || len(nothing.Reasons) != maxReasons {
		t.Errorf("%v", err)
	}
	for i, name := range names {
		names[i] = name[1:]
	}
	needs := wish.Needs(now, d, []inventory.Reading{region("eu-central-1", names...)}, inventory.Policy{})
	if len(needs) != 1 || len(needs[0].Identities) != maxDetailed || needs[0].Identities[0] != "a000.example" {
		t.Errorf("%+v", needs)
	}
	needs = wish.Needs(now, d, []inventory.Reading{region("eu-central-1", "!pending.example", "well.example")}, inventory.Policy{})
	if len(needs) != 1 || !slices.Equal(needs[0].Identities, []string{"well.example"}) {
		t.Errorf("%+v", needs)
	}
	wish.Identity = identity("eu-west-1", "pending.example")
	needs = wish.Needs(now, d, []inventory.Reading{region("eu-west-1", "!pending.example")}, inventory.Policy{})
	if len(needs) != 1 || needs[0].Region != "eu-west-1" || !slices.Equal(needs[0].Identities, []string{"pending.example"}) {
		t.Errorf("%+v", needs)
	}
}

func TestRegions(t *testing.T) {
	own := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: identity("eu-north-1", "a.example")}
	for name, tt := range map[string]struct {
		pool Described
		wish Wish
		want []string
	}{
		"all":           {pool("eu-central-1", builtin), Wish{}, []string{"eu-central-1", "eu-west-1", "us-east-1", "us-west-2"}},
		"present too":   {pool("eu-west-3", own), Wish{}, []string{"eu-north-1", "eu-west-3"}},
		"without SES":   {pool("ap-east-1", builtin), Wish{}, []string{"ap-southeast-1"}},
		"not there":     {pool("ap-east-1", builtin), Wish{Identity: identity("ap-east-1", "a.example")}, []string{}},
		"one":           {pool("eu-central-1", builtin), Wish{Identity: identity("eu-west-1", "a.example")}, []string{"eu-west-1"}},
		"other account": {pool("eu-central-1", builtin), Wish{Identity: "arn:aws:ses:eu-west-1:100000000009:identity/a.example"}, []string{}},
		"built-in":      {pool("eu-central-1", builtin), Wish{Mode: inventory.ModeDefault}, []string{}},
		"split":         {pool("ca-west-1", builtin), Wish{Mode: inventory.ModeDefault, Identity: identity("*", "a.example")}, []string{"ca-central-1", "us-west-1"}},
	} {
		if tt.wish.Mode == "" {
			tt.wish.Mode = inventory.ModeDeveloper
		}
		if got := tt.wish.Regions(tt.pool); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestValidate(t *testing.T) {
	for want, w := range map[string]Wish{
		"":                        {Mode: inventory.ModeDeveloper, Identity: identity("eu-west-1", "a.example"), From: "A <a@a.example>"},
		"--identity must be":      {Identity: "a.example"},
		"--from must be":          {From: "a.example"},
		"--from needs --identity": {Mode: inventory.ModeDefault, From: "a@a.example"},
		`not "a\u001b[2J"`:        {Identity: "a\x1b[2J"},
	} {
		if err := w.Validate(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %s", w, err, want)
		}
	}
}

func TestValidWishes(t *testing.T) {
	for _, w := range []Wish{
		{},
		{Mode: inventory.ModeDefault},
		{Mode: inventory.ModeDeveloper, From: "a@a.example"},
		{Mode: inventory.ModeDefault, From: "a@a.example", Identity: identity("eu-west-1", "a.example")},
	} {
		if err := w.Validate(); err != nil {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

// TestAllChecks lists the checks of a pool that passes them, without and with a
// configuration set.
func TestAllChecks(t *testing.T) {
	set := func(r *inventory.Reading) {
		r.ConfigurationSets = []inventory.ConfigurationSet{{Name: "s", SendingEnabled: inventory.Yes, Confirmed: now}}
	}
	const sets = "The configuration set exists; The configuration set is enabled for sending; "
	for configurationSet, want := range map[string]string{"": "", "s": sets} {
		wish := Wish{Mode: inventory.ModeDeveloper, ConfigurationSet: &configurationSet}
		p, err := wish.Choose(now, pool("eu-west-1", inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: identity("eu-west-1", "b.example"), From: "x@b.example"}),
			[]inventory.Reading{with(region("eu-west-1", "a.example"), set)}, inventory.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range p.Checks {
			names = append(names, c.Name)
		}
		want = "The identity exists; The identity is verified; The identity belongs to the pool's account; The pool may send through the identity's region; " +
			"The From address belongs to the identity; The identity's sending policies let Cognito send; The identity's MAIL FROM domain works; " + want +
			"SES has production access; Sending is enabled in SES; AWS has not shut down sending in SES; The send quota is not used up; " +
			"The send quota is enough for the pool's e-mail; The service-linked role AWSServiceRoleForAmazonCognitoIdpEmailService exists"
		if got := strings.Join(names, "; "); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

// TestVolumeOfTheBuiltInSender compares the send quota with the default quota,
// where its limit is known.
func TestVolumeOfTheBuiltInSender(t *testing.T) {
	for limit, want := range map[float64]State{0: Unknown, 50: Passed, 49901: Unknown} {
		p, err := Wish{Mode: inventory.ModeDeveloper}.Choose(now, pool("eu-west-1", builtin), []inventory.Reading{region("eu-west-1", "a.example")}, inventory.Policy{Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(p.Checks, func(c Check) bool { return c.Name == "The send quota is enough for the pool's e-mail" })
		if p.Checks[i].State != want {
			t.Errorf("limit %v: %+v, want %s", limit, p.Checks[i], want)
		}
	}
}

// TestChecks has one thing at a time that keeps a proposal from being applied.
func TestChecks(t *testing.T) {
	arn := identity("eu-west-1", "a.example")
	own := pool("eu-west-1", inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: identity("eu-central-1", "a.example"), From: "x@a.example"})
	const role, volume = "The service-linked role AWSServiceRoleForAmazonCognitoIdpEmailService exists", "The send quota is enough for the pool's e-mail"
	for name, tt := range map[string]struct {
		pool     Described
		wish     Wish
		readings []inventory.Reading
		want     []string // the checks that did not pass
	}{
		"well":    {own, Wish{Identity: arn}, []inventory.Reading{region("eu-west-1", "a.example"), region("eu-central-1", "a.example")}, nil},
		"role":    {pool("eu-west-1", builtin), Wish{Identity: arn}, []inventory.Reading{region("eu-west-1", "a.example")}, []string{"unknown " + role}},
		"sandbox": {own, Wish{Identity: arn}, []inventory.Reading{with(region("eu-west-1", "a.example"), func(r *inventory.Reading) { r.SES.Sandbox = inventory.Yes }), region("eu-central-1")}, []string{"failed SES has production access"}},
		"no SES": {
			own,
			Wish{Identity: arn},
			[]inventory.Reading{with(region("eu-west-1", "a.example"), func(r *inventory.Reading) { r.SES = nil })},
			[]string{"unknown SES has production access", "unknown Sending is enabled in SES", "unknown AWS has not shut down sending in SES", "unknown The send quota is not used up", "unknown " + volume},
		},
		"covered": {own, Wish{Identity: identity("eu-west-1", "x@a.example")}, []inventory.Reading{region("eu-west-1", "a.example"), region("eu-central-1")}, []string{"failed The SourceArn names an identity of its own"}},
		"volume": {
			own,
			Wish{Identity: arn},
			[]inventory.Reading{region("eu-west-1", "a.example"), with(region("eu-central-1"), func(r *inventory.Reading) { r.SES.Quota = inventory.SendQuota(100000, 49901) })},
			[]string{"unknown " + volume},
		},
		"volume unknown": {own, Wish{Identity: arn}, []inventory.Reading{region("eu-west-1", "a.example")}, []string{"unknown " + volume}},
		"unlimited":      {own, Wish{Identity: arn}, []inventory.Reading{with(region("eu-west-1", "a.example"), func(r *inventory.Reading) { r.SES.Quota = inventory.SendQuota(-1, 7) })}, nil},
		"same region": {
			pool("eu-west-1", inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: identity("eu-west-1", "b.example"), From: "x@b.example"}),
			Wish{Identity: arn},
			[]inventory.Reading{with(region("eu-west-1", "a.example"), func(r *inventory.Reading) { r.SES.Quota = inventory.SendQuota(100, 90) })},
			nil,
		},
		"other account": {
			own,
			Wish{Identity: "arn:aws:ses:eu-west-1:100000000009:identity/a.example"},
			[]inventory.Reading{region("eu-central-1")},
			[]string{
				"failed The identity belongs to the pool's account", "unknown The identity exists", "unknown The identity is verified", "unknown The pool may send through the identity's region",
				"unknown The identity's sending policies let Cognito send", "unknown The identity's MAIL FROM domain works", "unknown The configuration set exists", "unknown The configuration set is enabled for sending",
				"unknown SES has production access", "unknown Sending is enabled in SES", "unknown AWS has not shut down sending in SES", "unknown The send quota is not used up", "unknown " + volume,
			},
		},
		"no set": {own, Wish{Identity: arn, ConfigurationSet: new("s")}, []inventory.Reading{with(region("eu-west-1", "a.example"), func(r *inventory.Reading) {
			r.ConfigurationSets = []inventory.ConfigurationSet{{Name: "s", Missing: true, Confirmed: now}}
		}), region("eu-central-1")}, []string{"failed The configuration set exists"}},
		"built-in": {own, Wish{Mode: inventory.ModeDefault}, nil, []string{"unknown The default quota is not used up"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.wish.Mode == "" {
				tt.wish.Mode = inventory.ModeDeveloper
			}
			p, err := tt.wish.Choose(now, tt.pool, tt.readings, inventory.Policy{Enabled: true, Limit: 50})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range p.Checks {
				if c.State != Passed {
					got = append(got, string(c.State)+" "+c.Name)
					if c.Text == "" {
						t.Errorf("%s says nothing", c.Name)
					}
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q\nwant %q", got, tt.want)
			}
			summary := p.Summary()
			switch {
			case len(got) == 0 && !strings.HasSuffix(summary, "Every check passed."),
				len(got) > 0 && strings.HasPrefix(got[0], "failed") && !strings.Contains(summary, "Do not apply it yet: 1 check failed."),
				len(got) == 1 && strings.HasPrefix(got[0], "unknown") && !strings.Contains(summary, "No check failed; look at 1 check that could not be decided."):
				t.Errorf("%v: %s", got, summary)
			}
		})
	}
}

// TestReasonsHaveWords checks that each reason of a verdict has a check.
func TestReasonsHaveWords(t *testing.T) {
	for _, r := range inventory.Reasons() {
		if words := reasonChecks[r]; words.name == "" || words.remedy == "" {
			t.Errorf("%s has no words", r)
		}
	}
	if len(reasonChecks) != len(inventory.Reasons()) {
		t.Errorf("%d words for %d reasons", len(reasonChecks), len(inventory.Reasons()))
	}
}

func TestReplicas(t *testing.T) {
	wish := Wish{Mode: inventory.ModeDeveloper}
	make2 := func(second string) []*Proposal {
		var all []*Proposal
		for name, fields := range map[string]string{"eu-west-1": `"DeletionProtection": "ACTIVE", "KeyConfiguration": {"KmsKeyArn": "a"}, "Policies": {"PasswordPolicy": {}}`, "eu-central-1": second} {
			d := pool(name, builtin)
			p := parse(t, fields)
			d.fields, d.body = p.fields, p.body
			proposal, err := wish.Choose(now, d, []inventory.Reading{region(name, "a.example")}, inventory.Policy{})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, proposal)
		}
		Replicas(all)
		return all
	}
	const name = "The settings of the pool's regions agree"
	for second, want := range map[string]State{
		`"DeletionProtection": "ACTIVE", "Policies": {"PasswordPolicy": {"RequireSymbols": false}}, "KeyConfiguration": {"KmsKeyArn": "b"}, "LambdaConfig": {"PreSignUp": "f"}, "SmsConfiguration": {}, "UserPoolTags": {"a": "b"}`: Passed,
		`"DeletionProtection": "INACTIVE", "Policies": {"PasswordPolicy": {}}`: Failed,
		`"DeletionProtection": "ACTIVE"`:                                       Failed,
	} {
		for _, p := range make2(second) {
			i := slices.IndexFunc(p.Checks, func(c Check) bool { return c.Name == name })
			if i < 0 || p.Checks[i].State != want || (want == Failed) != (i == 0) {
				t.Errorf("%s: %+v", second, p.Checks)
			}
		}
	}
	alone := make2(`"DeletionProtection": "ACTIVE"`)[:1]
	before := len(alone[0].Checks)
	if Replicas(alone); len(alone[0].Checks) != before {
		t.Error("one region is compared with itself")
	}
}

// TestFiles checks what a person reads, with text from outside that wants to be
// more than text.
func TestFiles(t *testing.T) {
	d := pool("eu-west-1", builtin)
	p := parse(t, `"Name": "a`+"`"+`<script>\u001b[2J", "UserPoolTags": {"`+"`"+`x": "\u001b"}, "SmsConfiguration": {"SnsCallerArn": "x", "ExternalId": "secret-id"}, "Domain": "login", "EstimatedNumberOfUsers": 1`)
	d.fields, d.body, d.Pool.Name = p.fields, p.body, p.Name
	wish := Wish{Mode: inventory.ModeDeveloper, From: "`*<b>[a](b)_ <no-reply@a.example>"}
	proposal, err := wish.Choose(now, d, []inventory.Reading{region("eu-west-1", "a.example")}, inventory.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	files := proposal.Files()
	for name, data := range files {
		if strings.Contains(string(data), "\x1b") {
			t.Errorf("%s has an escape sequence", name)
		}
		if strings.Contains(string(data), "secret-id") != (name == FileBefore || name == FileUpdate) {
			t.Errorf("%s: the external ID", name)
		}
	}
	readme := string(files[FileReadme])
	for _, want := range []string{
		"# E-mail configuration of user pool `a\\u0060<script>\\u001b[2J`\n", "in account 100000000001, eu-west-1, as it was described at 2026-03-01 12:00:00 UTC.",
		"- [ ] " + "The service-linked role AWSServiceRoleForAmazonCognitoIdpEmailService exists: **unknown**. Cognito creates it", "- [x] The identity is verified: **passed**.",
		"aws cognito-idp update-user-pool --region eu-west-1 --cli-input-json file://update-user-pool.json\n", "neither takes nor changes them: Arn, Domain.",
		"EmailConfiguration.From: absent -> \"\\u0060*<b>[a](b)_ <no-reply@a.example>\"\n", `from "&#96;&#42;&lt;b>&#91;a](b)\_ &lt;no-reply@a.example>".`,
	} {
		if !strings.Contains(readme, want) {
			t.Errorf("no %q in\n%s", want, readme)
		}
	}
	before, err := Parse(files[FileBefore])
	if err != nil || !strings.Contains(line(before.fields), line(d.fields)) {
		t.Errorf("before.json is not what was described: %v", err)
	}
	if got := string(files[FileCloudFormation]); got != `{
  "EmailConfiguration": {
    "EmailSendingAccount": "DEVELOPER",
    "From": "`+"`"+`*<b>[a](b)_ <no-reply@a.example>",
    "SourceArn": "arn:aws:ses:eu-west-1:100000000001:identity/a.example"
  }
}
` {
		t.Errorf("%s", got)
	}
	d = pool("eu-west-1", inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: identity("eu-west-1", "a@b.example")})
	proposal, err = Wish{Mode: inventory.ModeDeveloper}.Choose(now, d, []inventory.Reading{region("eu-west-1", "a@b.example")}, inventory.Policy{})
	if err != nil || proposal.changes() != "nothing\n" || !strings.Contains(proposal.Summary(), `The pool sends as "arn:aws:ses:eu-west-1:100000000001:identity/a@b.example". `) {
		t.Errorf("%v %s %s", err, proposal.changes(), proposal.Summary())
	}
}
