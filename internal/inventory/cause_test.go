package inventory

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

func TestReasonCauses(t *testing.T) {
	for _, r := range Reasons() {
		if kind, runbook := ReasonCause(r); !slices.Contains(CauseKinds(), kind) || runbook == "" {
			t.Errorf("%s belongs to %q and has the runbook %q", r, kind, runbook)
		}
	}
	if n := len(reasonCauses); n != len(reasons) {
		t.Errorf("%d reasons have a cause, of %d", n, len(reasons))
	}
}

// caused judges three pools: one that sends through its own SES, one with the
// built-in sender, and one that could not be described.
func caused(scope Scope, change func(e *EmailConfiguration, ses *SESState)) []Pool {
	e, ses := developer("Example.com", "a@example.com"), goodSES()
	e.ConfigurationSet = "mail"
	if change != nil {
		change(e, ses)
	}
	settings := func(e EmailConfiguration) *Settings {
		return &Settings{Sender: NewSender(Key{account, "eu-west-2"}, e)}
	}
	pools := Reading{
		Target: Target{AccountID: account, Region: "eu-west-2"},
		Pools: []UserPool{
			{ID: "eu-west-2_1", Settings: settings(*e)},
			{ID: "eu-west-2_2", Settings: settings(EmailConfiguration{Mode: ModeDefault})},
			{ID: "eu-west-2_3"},
		},
	}
	facts := Reading{Target: Target{AccountID: account, Region: "eu-west-1"}, SES: ses, Identities: []Identity{verified("example.com")}, IdentitiesListed: now}
	return Judge(now, []Reading{pools, facts}, Policy{Enabled: true, Limit: 50, Scope: scope}).Pools
}

func TestCause(t *testing.T) {
	without := func(e *EmailConfiguration, _ *SESState) { e.SourceARN, e.ConfigurationSet = "", "" }
	foreign := func(e *EmailConfiguration, _ *SESState) {
		e.SourceARN = "arn:aws:ses:eu-west-1:444455556666:identity/example.com"
	}
	for name, tt := range map[string]struct {
		scope  Scope
		change func(*EmailConfiguration, *SESState)
		pool   int
		kind   CauseKind
		want   string
	}{
		"the pool":                  {kind: CausePool, want: "pool/eu-west-2/eu-west-2_1"},
		"its SES account":           {kind: CauseSESAccount, want: "ses_account/eu-west-1"},
		"its identity":              {kind: CauseIdentity, want: "identity/eu-west-1/example.com"},
		"its configuration set":     {kind: CauseConfigurationSet, want: "configuration_set/eu-west-1/mail"},
		"its target":                {kind: CauseTarget, want: "target/eu-west-2"},
		"no default quota":          {kind: CauseDefaultQuota, want: "pool/eu-west-2/eu-west-2_1"},
		"no identity":               {change: without, kind: CauseIdentity, want: "pool/eu-west-2/eu-west-2_1"},
		"no configuration set":      {change: func(e *EmailConfiguration, _ *SESState) { e.ConfigurationSet = "" }, kind: CauseConfigurationSet, want: "pool/eu-west-2/eu-west-2_1"},
		"no SES account":            {change: without, kind: CauseSESAccount, want: "pool/eu-west-2/eu-west-2_1"},
		"another account's":         {change: foreign, kind: CauseIdentity, want: "pool/eu-west-2/eu-west-2_1"},
		"quota of the region":       {pool: 1, scope: ScopeAccountRegion, kind: CauseDefaultQuota, want: "default_quota/eu-west-2"},
		"quota of the account":      {pool: 1, scope: ScopeAccount, kind: CauseDefaultQuota, want: "default_quota"},
		"quota of its own":          {pool: 1, scope: ScopePool, kind: CauseDefaultQuota, want: "pool/eu-west-2/eu-west-2_2"},
		"built-in, no SES account":  {pool: 1, kind: CauseSESAccount, want: "pool/eu-west-2/eu-west-2_2"},
		"not described, its target": {pool: 2, kind: CauseTarget, want: "target/eu-west-2"},
		"not described, its SES":    {pool: 2, kind: CauseSESAccount, want: "pool/eu-west-2/eu-west-2_3"},
	} {
		t.Run(name, func(t *testing.T) {
			pools := caused(tt.scope, tt.change)
			if got := pools[tt.pool].Cause(tt.kind); got.String() != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestCauseOf(t *testing.T) {
	for name, tt := range map[string]struct {
		ses    func(*SESState)
		reason Reason
		want   string
	}{
		"sandbox":                  {reason: Sandbox, want: "ses_account/eu-west-1"},
		"unverified":               {reason: IdentityUnverified, want: "identity/eu-west-1/example.com"},
		"From outside":             {reason: FromMismatch, want: "pool/eu-west-2/eu-west-2_1"},
		"disabled in the account":  {ses: func(s *SESState) { s.SendingEnabled = No }, reason: SendingDisabled, want: "ses_account/eu-west-1"},
		"disabled in the identity": {reason: SendingDisabled, want: "identity/eu-west-1/example.com"},
	} {
		pools := caused(ScopeAccount, func(_ *EmailConfiguration, s *SESState) {
			if tt.ses != nil {
				tt.ses(s)
			}
		})
		if got := pools[0].CauseOf(tt.reason); got.String() != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	// Without a known SES account, it is the identity that is disabled.
	paused := verified("example.com")
	paused.SendingEnabled = No
	for name, mode := range map[string]Mode{"built-in sender with its own FROM": ModeDefault, "SES could not be read": ModeDeveloper} {
		e := developer("example.com", "a@example.com")
		e.Mode = mode
		p := one("eu-west-1", e, nil, true, paused)
		if got := p.CauseOf(SendingDisabled); p.Holds(SendingDisabled) != Yes || got.String() != "identity/eu-west-1/example.com" || !p.DependsOn(got) {
			t.Errorf("%s: %s, of %v", name, got, p.Blocked())
		}
	}
}

// splitting returns a region whose pools send through two.
func splitting() string {
	regions := slices.Sorted(maps.Keys(sesRegionTable))
	return regions[slices.IndexFunc(regions, func(r string) bool { return len(splitRegions(r)) > 1 })]
}

func TestDependsOn(t *testing.T) {
	pools := caused(ScopeAccountRegion, nil)
	split := one(splitting(), &EmailConfiguration{Mode: ModeDefault, SourceARN: "arn:aws:ses:*:" + account + ":identity/example.com", From: "a@example.com"}, nil, false)
	last := split.Settings.Regions[len(split.Settings.Regions)-1]
	for name, tt := range map[string]struct {
		pool  *Pool
		cause Cause
		want  bool
	}{
		"its SES account":      {&pools[0], Cause{CauseSESAccount, "eu-west-1", ""}, true},
		"another region's":     {&pools[0], Cause{CauseSESAccount, "eu-west-2", ""}, false},
		"its identity":         {&pools[0], Cause{CauseIdentity, "eu-west-1", "example.com"}, true},
		"another identity":     {&pools[0], Cause{CauseIdentity, "eu-west-1", "example.org"}, false},
		"of the last region":   {&split, Cause{CauseIdentity, last, "example.com"}, true},
		"SES by an own FROM":   {&split, Cause{CauseSESAccount, split.Settings.Regions[0], ""}, false},
		"built-in":             {&pools[1], Cause{CauseIdentity, "eu-west-1", "example.com"}, false},
		"its quota":            {&pools[1], Cause{CauseDefaultQuota, "eu-west-2", ""}, true},
		"not described":        {&pools[2], Cause{CauseIdentity, "eu-west-1", "example.com"}, false},
		"not described, alone": {&pools[2], Cause{CausePool, "eu-west-2", "eu-west-2_3"}, true},
	} {
		if got := tt.pool.DependsOn(tt.cause); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCauseText(t *testing.T) {
	text, err := json.Marshal(Cause{CauseIdentity, "eu-west-1", "a@example.com"})
	if err != nil || string(text) != `"identity/eu-west-1/a@example.com"` {
		t.Errorf("%s, %v", text, err)
	}
	for _, want := range []Cause{{CauseIdentity, "eu-west-1", "a/b@example.com"}, {CauseSESAccount, "eu-west-1", ""}, {CauseDefaultQuota, "", ""}} {
		var got Cause
		if err := got.UnmarshalText([]byte(want.String())); err != nil || got != want {
			t.Errorf("%s is read as %+v, %v", want, got, err)
		}
	}
	causes := []Cause{{CausePool, "eu-west-1", "b"}, {CausePool, "eu-west-1", "a"}, {CausePool, "eu-central-1", "c"}, {CauseIdentity, "us-east-1", "x"}}
	slices.SortFunc(causes, Cause.Compare)
	if causes[0].Name != "x" || causes[1].Name != "c" || causes[2].Name != "a" {
		t.Errorf("sorted to %v", causes)
	}
}

func TestReadable(t *testing.T) {
	reading := func(outcomes ...Outcome) Reading {
		return Reading{Target: Target{AccountID: account, Region: "eu-west-1"}, Outcomes: outcomes}
	}
	for name, tt := range map[string]struct {
		reading Reading
		want    Tri
	}{
		"not read yet":     {Reading{Unread: true}, Unknown},
		"nothing asked":    {reading(), No},
		"credentials only": {reading(Outcome{API: APISTS}, Outcome{API: APICognito, Class: Denied}, Outcome{API: APISES, Class: Denied}), No},
		"Cognito":          {reading(Outcome{API: APICognito}, Outcome{API: APISES, Class: Denied}), Yes},
		"SES":              {reading(Outcome{API: APICognito, Class: Denied}, Outcome{API: APISES}), Yes},
		"no time for all":  {reading(Outcome{API: APICognito, Class: Timeout}, Outcome{API: APISES, Class: NotAsked}), Yes},
		"switched off":     {reading(Outcome{API: APICognito, Class: RegionDisabled}), Yes},
	} {
		if got := Judge(now, []Reading{tt.reading}, Policy{}).Readable(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
