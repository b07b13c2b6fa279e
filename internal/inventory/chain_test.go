package inventory

import (
	"reflect"
	"slices"
	"testing"
)

// TestReasonsOfDetails has one thing at a time between the identity and the
// mailbox. All else is well.
func TestReasonsOfDetails(t *testing.T) {
	const own = "login"
	details := func(change func(*IdentityDetails)) *IdentityDetails {
		d := *plain
		if change != nil {
			change(&d)
		}
		return &d
	}
	mailFrom := func(status string, reject Tri) *IdentityDetails {
		return details(func(d *IdentityDetails) {
			d.MailFrom = MailFrom{Domain: "mail.example.com", Status: status, RejectOnFailure: reject}
		})
	}
	policies := func(documents ...string) *IdentityDetails {
		return details(func(d *IdentityDetails) { d.Policies = parsed(documents...) })
	}
	byDefault := details(func(d *IdentityDetails) { d.ConfigurationSet = own })
	allow := func(service string) string {
		return policy("Principal", `{"Service": "`+service+`"}`, "Resource", `"*"`)
	}
	builtin := allow("email.cognito-idp.amazonaws.com")
	set := func(sending Tri) []ConfigurationSet {
		return []ConfigurationSet{{Name: own, SendingEnabled: sending, Confirmed: now}}
	}
	gone := []ConfigurationSet{{Name: own, Missing: true, Confirmed: now}}
	denied := policy("Effect", `"Deny"`, "Principal", `"*"`, "Resource", `"*"`)
	for name, tt := range map[string]struct {
		region   string // eu-west-1
		mode     Mode   // ModeDeveloper
		set      string // that the pool names
		details  *IdentityDetails
		sets     []ConfigurationSet
		yes      []Reason
		unknown  []Reason
		inEffect string
	}{
		"nothing":                {details: plain},
		"details unknown":        {unknown: ofDetails},
		"details unknown, set":   {set: own, sets: set(Yes), unknown: []Reason{SendingPolicyMissing, MailFromRejects}, inEffect: own},
		"own set":                {details: plain, set: own, sets: set(Yes), inEffect: own},
		"own set is off":         {details: plain, set: own, sets: set(No), yes: []Reason{ConfigurationSetDisabled}, inEffect: own},
		"own set, sending?":      {details: plain, set: own, sets: set(Unknown), unknown: []Reason{ConfigurationSetDisabled}, inEffect: own},
		"own set is gone":        {details: plain, set: own, sets: gone, yes: []Reason{ConfigurationSetMissing}, inEffect: own},
		"own set unread":         {details: plain, set: own, unknown: []Reason{ConfigurationSetMissing, ConfigurationSetDisabled}, inEffect: own},
		"default set":            {details: byDefault, sets: set(Yes), inEffect: own},
		"default set is off":     {details: byDefault, sets: set(No), yes: []Reason{ConfigurationSetDisabled}, inEffect: own},
		"default set is gone":    {details: byDefault, sets: gone, yes: []Reason{ConfigurationSetMissing}, inEffect: own},
		"default set unread":     {details: byDefault, unknown: []Reason{ConfigurationSetMissing, ConfigurationSetDisabled}, inEffect: own},
		"own before default":     {details: byDefault, set: "other", sets: append(slices.Clone(gone), ConfigurationSet{Name: "other", SendingEnabled: Yes}), inEffect: "other"},
		"set of the built-in":    {mode: ModeDefault, details: policies(builtin), set: own, sets: gone, unknown: []Reason{ConfigurationSetMissing}, inEffect: own},
		"set of it is well":      {mode: ModeDefault, details: policies(builtin), set: own, sets: set(Yes), inEffect: own},
		"set of it is off":       {mode: ModeDefault, details: policies(builtin), set: own, sets: set(No), unknown: []Reason{ConfigurationSetDisabled}, inEffect: own},
		"MAIL FROM":              {details: mailFrom("SUCCESS", Yes)},
		"MAIL FROM failed":       {details: mailFrom("FAILED", Yes), yes: []Reason{MailFromRejects}},
		"MAIL FROM pending":      {details: mailFrom("PENDING", Yes), yes: []Reason{MailFromRejects}},
		"MAIL FROM temporarily":  {details: mailFrom("TEMPORARY_FAILURE", Yes), yes: []Reason{MailFromRejects}},
		"MAIL FROM, falls back":  {details: mailFrom("FAILED", No)},
		"MAIL FROM, either":      {details: mailFrom("FAILED", Unknown), unknown: []Reason{MailFromRejects}},
		"MAIL FROM unheard of":   {details: mailFrom("UNKNOWN", Yes), unknown: []Reason{MailFromRejects}},
		"unheard of, falls back": {details: mailFrom("UNKNOWN", No)},
		"denied":                 {details: policies(denied), yes: []Reason{SendingPolicyMissing}},
		"unreadable":             {details: policies("{"), unknown: []Reason{SendingPolicyMissing}},
		"others are denied":      {details: policies(policy("Effect", `"Deny"`, "Principal", `{"AWS": "444455556666"}`, "Resource", `"*"`))},
		"backwards":              {region: "eu-central-1", details: plain},
		"own FROM":               {mode: ModeDefault, details: policies(builtin)},
		"own FROM, no policy":    {mode: ModeDefault, details: plain, yes: []Reason{SendingPolicyMissing}},
		"own FROM, other one":    {mode: ModeDefault, details: policies(allow("cognito-idp.eu-west-1.amazonaws.com")), yes: []Reason{SendingPolicyMissing}},
		"own FROM, denied":       {mode: ModeDefault, details: policies(builtin, denied), yes: []Reason{SendingPolicyMissing}},
		"own FROM, unreadable":   {mode: ModeDefault, details: policies("{"), unknown: []Reason{SendingPolicyMissing}},
		"own FROM of this pool":  {mode: ModeDefault, details: policies(policy("Resource", `"`+arnBase+`example.com"`, "Condition", `{"ArnEquals": {"aws:SourceArn": "arn:aws:cognito-idp:eu-west-1:`+account+`:userpool/eu-west-1_1"}}`))},
		"alternate":              {region: "eu-south-2", mode: ModeDeveloper, details: policies(allow("cognito-idp.eu-south-2.amazonaws.com")), yes: []Reason{UnsupportedRegion}},
		"mode unknown": {
			mode: ModeUnknown, details: policies(denied), set: own, sets: gone, inEffect: own,
			unknown: []Reason{SendingPolicyMissing, ConfigurationSetMissing, Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached, DefaultQuotaReached},
		},
		"a Lambda sends": {mode: "lambda", details: policies(denied), set: own, sets: gone, inEffect: own},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.region == "" {
				tt.region = "eu-west-1"
			}
			e := EmailConfiguration{Mode: tt.mode, SourceARN: arnBase + "example.com", From: "a@example.com", ConfigurationSet: tt.set}
			if e.CustomSender = tt.mode == "lambda"; e.CustomSender || tt.mode == "" {
				e.Mode = ModeDeveloper
			}
			id := verified("example.com")
			id.Details = tt.details
			p := chain(tt.region, e, tt.sets, id)
			if !slices.Equal(p.Blocked(), tt.yes) || p.ConfigurationSet != tt.inEffect {
				t.Errorf("blocked %v by set %q, want %v and %q", p.Blocked(), p.ConfigurationSet, tt.yes, tt.inEffect)
			}
			undecided := slices.DeleteFunc(p.Undecided(), func(r Reason) bool { return e.Mode == ModeDefault && r == DefaultQuotaReached })
			if !slices.Equal(undecided, tt.unknown) {
				t.Errorf("undecided %v, want %v", undecided, tt.unknown)
			}
			ready := Yes
			switch {
			case len(tt.yes) > 0:
				ready = No
			case len(tt.unknown) > 0 || e.CustomSender:
				ready = Unknown
			}
			if p.Ready != ready || p.IdentityDetails != tt.details {
				t.Errorf("ready %v, details %+v", p.Ready, p.IdentityDetails)
			}
		})
	}
}

// chain judges a pool whose identity and configuration sets are in eu-west-1.
func chain(region string, e EmailConfiguration, sets []ConfigurationSet, id Identity) Pool {
	ses := Reading{
		Target: Target{AccountID: account, Region: "eu-west-1"}, SES: goodSES(), Identities: []Identity{id}, IdentitiesListed: now, ConfigurationSets: sets,
	}
	pool := Reading{Target: Target{AccountID: account, Region: region}, Pools: []UserPool{{ID: region + "_1", Settings: &Settings{Sender: NewSender(Key{account, region}, e)}}}}
	if region == "eu-west-1" {
		ses.Pools = pool.Pools
		return Judge(now, []Reading{ses}, Policy{}).Pools[0]
	}
	return Judge(now, []Reading{pool, ses}, Policy{}).Pools[0]
}

// TestDetailsOfTheRightIdentity has an address whose domain is verified, too.
func TestDetailsOfTheRightIdentity(t *testing.T) {
	domain, address := verified("example.com"), verified("a@example.com")
	domain.Details = &IdentityDetails{ConfigurationSet: "of-domain"}
	address.Details = &IdentityDetails{ConfigurationSet: "of-address"}
	for name, tt := range map[string]struct {
		listed bool
		ids    []Identity
		want   string
	}{
		"both":                  {true, []Identity{domain, address}, "of-address"},
		"the domain":            {true, []Identity{domain}, "of-domain"},
		"there may be a better": {false, []Identity{domain}, ""},
		"the best is there":     {false, []Identity{address}, "of-address"},
		"the better has none":   {false, []Identity{domain, {Name: "a@example.com", Missing: true}}, "of-domain"},
	} {
		p := one("eu-west-1", developer("a@example.com", ""), goodSES(), tt.listed, tt.ids...)
		if p.ConfigurationSet != tt.want || (p.IdentityDetails == nil) != (tt.want == "") {
			t.Errorf("%s: set %q, details %+v; want %q", name, p.ConfigurationSet, p.IdentityDetails, tt.want)
		}
	}
}

// TestWatched checks which identities are to be looked at in every pass.
func TestWatched(t *testing.T) {
	rejecting := verified("rejects.example")
	rejecting.Details = &IdentityDetails{MailFrom: MailFrom{Domain: "m.rejects.example", Status: "FAILED", RejectOnFailure: Yes}}
	paused := verified("paused.example")
	paused.Details = &IdentityDetails{ConfigurationSet: "paused"}
	unread := verified("unread.example")
	unread.Details = nil
	var pools []UserPool
	for _, name := range []string{"rejects.example", "paused.example", "b.paused.example", "unread.example", "pending.example", "gone.example", "well.example"} {
		pools = append(pools, UserPool{ID: name, Settings: &Settings{Sender: NewSender(Key{account, "eu-central-1"}, *developer(name, "a@"+name))}})
	}
	lambda := developer("rejects.example", "a@rejects.example")
	lambda.CustomSender = true
	pools = append(pools, UserPool{ID: "lambda", Settings: &Settings{Sender: NewSender(Key{account, "eu-central-1"}, *lambda)}}, UserPool{ID: "undescribed"})
	a := Judge(now, []Reading{
		{Target: Target{AccountID: account, Region: "eu-central-1"}, Pools: pools},
		{
			Target: Target{AccountID: account, Region: "eu-west-1"}, SES: goodSES(), IdentitiesListed: now,
			Identities:        []Identity{rejecting, paused, unread, pending("pending.example"), verified("well.example")},
			ConfigurationSets: []ConfigurationSet{{Name: "paused", SendingEnabled: No}},
		},
	}, Policy{})
	if got, want := a.Watched("eu-west-1"), []string{"paused.example", "rejects.example"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := a.Watched("eu-central-1"); got != nil {
		t.Errorf("where no identity is: %v", got)
	}
}

func TestWellSets(t *testing.T) {
	for _, tt := range []struct {
		set  ConfigurationSet
		want bool
	}{{ConfigurationSet{SendingEnabled: Yes}, true}, {ConfigurationSet{SendingEnabled: No}, false}, {ConfigurationSet{}, false}, {ConfigurationSet{SendingEnabled: Yes, Missing: true}, false}} {
		if got := tt.set.Well(); got != tt.want {
			t.Errorf("%+v: %v", tt.set, got)
		}
	}
}

// TestEqualDetails changes one thing at a time.
func TestEqualDetails(t *testing.T) {
	document := policy()
	whole := func() IdentityDetails {
		return IdentityDetails{
			ConfigurationSet: "login", DKIM: DKIM{Status: "PENDING", Records: []DNSRecord{{"a._domainkey.example.com", "CNAME", "a.dkim.amazonses.com"}}},
			MailFrom: MailFrom{Domain: "mail.example.com", Status: "SUCCESS", RejectOnFailure: Yes}, Policies: parsed(document),
		}
	}
	a := whole()
	for name, change := range map[string]func(*IdentityDetails){
		"set": func(d *IdentityDetails) { d.ConfigurationSet = "" }, "DKIM": func(d *IdentityDetails) { d.DKIM.Status = "SUCCESS" },
		"records": func(d *IdentityDetails) { d.DKIM.Records = nil }, "MAIL FROM": func(d *IdentityDetails) { d.MailFrom.RejectOnFailure = No },
		"policies": func(d *IdentityDetails) { d.Policies = parsed() },
	} {
		b := whole()
		if !a.Equal(&b) {
			t.Error("the same differ")
		}
		if change(&b); a.Equal(&b) {
			t.Errorf("%s: no difference", name)
		}
	}
}
