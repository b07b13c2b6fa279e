package inventory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	changeKey = Key{"111122223333", "eu-west-1"}
	then      = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	later     = then.Add(5 * time.Minute)
)

// readingAt returns a reading of two pools, one of which needs an identity with
// a configuration set.
func readingAt(at time.Time) *Reading {
	pool := func(id string, e EmailConfiguration) UserPool {
		return UserPool{ID: id, Name: "name of " + id, Listed: at, Confirmed: at, Settings: &Settings{Modified: at.Add(-48 * time.Hour), Sender: NewSender(changeKey, e)}}
	}
	return &Reading{
		Target: Target{AccountID: changeKey.AccountID, Region: changeKey.Region}, PoolsListed: at, IdentitiesListed: at,
		Pools: []UserPool{
			pool("eu-west-1_a", EmailConfiguration{Mode: ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:111122223333:identity/a@example.com", From: "a@example.com", ConfigurationSet: "login"}),
			pool("eu-west-1_b", EmailConfiguration{Mode: ModeDefault, ModeAbsent: true}),
		},
		SES: &SESState{Confirmed: at, Sandbox: No, SendingEnabled: Yes, Enforcement: "HEALTHY"},
		Identities: []Identity{
			{Name: "example.com", Confirmed: at, Status: "SUCCESS", Verified: Yes, SendingEnabled: Yes, Detailed: at, Details: &IdentityDetails{}},
			{Name: "other.example", Confirmed: at, Status: "SUCCESS", Verified: Yes, SendingEnabled: Yes},
		},
		ConfigurationSets: []ConfigurationSet{{Name: "login", SendingEnabled: Yes, Confirmed: at}},
	}
}

func (c *Change) brief() string {
	from := c.From
	if c.FromUnknown {
		from = "?"
	}
	return fmt.Sprintf("%s %s: %s -> %s", c.Subject, c.Field, from, c.To)
}

func briefs(list []Change) (texts []string) {
	for i := range list {
		texts = append(texts, list[i].brief())
	}
	return texts
}

func TestDiff(t *testing.T) {
	mode := func(i int, change func(*EmailConfiguration)) func(a, b *Reading) {
		return func(_, b *Reading) {
			e := b.Pools[i].Settings.EmailConfiguration
			change(&e)
			b.Pools[i].Settings.Sender = NewSender(changeKey, e)
		}
	}
	details := func(d IdentityDetails) func(a, b *Reading) {
		return func(_, b *Reading) { b.Identities[0].Details = &d }
	}
	for name, tt := range map[string]struct {
		change func(a, b *Reading)
		want   []string
	}{
		"nothing": {func(_, _ *Reading) {}, nil},
		"mode": {mode(0, func(e *EmailConfiguration) { *e = EmailConfiguration{Mode: ModeDefault} }), []string{
			"pool/eu-west-1/eu-west-1_a configuration_set: login -> ", "pool/eu-west-1/eu-west-1_a email_sending_account: DEVELOPER -> COGNITO_DEFAULT",
			"pool/eu-west-1/eu-west-1_a from: a@example.com -> ", "pool/eu-west-1/eu-west-1_a source_arn: arn:aws:ses:eu-west-1:111122223333:identity/a@example.com -> ",
		}},
		"the same mode, stated":       {mode(1, func(e *EmailConfiguration) { e.ModeAbsent = false }), nil},
		"a mode that is not known":    {mode(1, func(e *EmailConfiguration) { e.Mode = ModeUnknown }), nil},
		"a mode of the future":        {mode(1, func(e *EmailConfiguration) { e.Mode, e.UnknownMode = ModeUnknown, "PIGEON" }), []string{"pool/eu-west-1/eu-west-1_b email_sending_account: COGNITO_DEFAULT -> PIGEON"}},
		"a Lambda function":           {mode(1, func(e *EmailConfiguration) { e.CustomSender = true }), []string{"pool/eu-west-1/eu-west-1_b custom_sender: no -> yes"}},
		"a reply address":             {mode(1, func(e *EmailConfiguration) { e.ReplyTo = "x@example.com" }), nil},
		"not described any more":      {func(_, b *Reading) { b.Pools[0].Settings = nil }, nil},
		"described at last":           {func(a, _ *Reading) { a.Pools[0].Settings = nil }, nil},
		"a new pool":                  {func(a, _ *Reading) { a.Pools = a.Pools[:1] }, []string{"pool/eu-west-1/eu-west-1_b exists: no -> yes"}},
		"a new pool on a broken list": {func(a, b *Reading) { a.Pools, b.PoolsListed = a.Pools[:1], a.PoolsListed }, []string{"pool/eu-west-1/eu-west-1_b exists: no -> yes"}},
		"a deleted pool":              {func(_, b *Reading) { b.Pools = b.Pools[1:] }, []string{"pool/eu-west-1/eu-west-1_a exists: yes -> no"}},
		"pools of the first list":     {func(a, _ *Reading) { a.Pools, a.PoolsListed = nil, time.Time{} }, nil},
		"pools of a broken list":      {func(a, b *Reading) { b.Pools, b.PoolsListed = b.Pools[1:], a.PoolsListed }, nil},
		"the sandbox":                 {func(_, b *Reading) { b.SES.Sandbox = Yes }, []string{"ses_account/eu-west-1 production_access: yes -> no"}},
		"the sandbox is not known":    {func(_, b *Reading) { b.SES.Sandbox = Unknown }, nil},
		"SES is not known":            {func(_, b *Reading) { b.SES = nil }, nil},
		"SES was not known":           {func(a, _ *Reading) { a.SES = nil }, nil},
		"sending":                     {func(_, b *Reading) { b.SES.SendingEnabled = No }, []string{"ses_account/eu-west-1 sending_enabled: yes -> no"}},
		"enforcement":                 {func(_, b *Reading) { b.SES.Enforcement = "SHUTDOWN" }, []string{"ses_account/eu-west-1 enforcement_status: HEALTHY -> SHUTDOWN"}},
		"enforcement is not known":    {func(_, b *Reading) { b.SES.Enforcement = "UNKNOWN" }, nil},
		"enforcement was not known":   {func(a, _ *Reading) { a.SES.Enforcement = "UNKNOWN" }, nil},
		"the identity is gone":        {func(_, b *Reading) { b.Identities = b.Identities[1:] }, []string{"identity/eu-west-1/a@example.com exists: yes -> no"}},
		"it is said to be gone":       {func(_, b *Reading) { b.Identities[0].Missing = true }, []string{"identity/eu-west-1/a@example.com exists: yes -> no"}},
		"no list says that it exists": {func(_, b *Reading) { b.Identities, b.IdentitiesListed = nil, time.Time{} }, nil},
		"it is gone by an answer about it, and the list is older": {func(_, b *Reading) {
			b.IdentitiesListed, b.Identities[0].Missing = then, true
		}, []string{"identity/eu-west-1/a@example.com exists: yes -> no"}},
		"it was not there by answers about it, without any list": {func(a, b *Reading) {
			a.IdentitiesListed, b.IdentitiesListed = time.Time{}, time.Time{}
			a.Identities = []Identity{{Name: "a@example.com", Missing: true, Confirmed: later}, {Name: "example.com", Missing: true, Confirmed: then}}
		}, []string{"identity/eu-west-1/a@example.com exists: no -> yes"}},
		"it was not there":         {func(a, _ *Reading) { a.Identities = a.Identities[1:] }, []string{"identity/eu-west-1/a@example.com exists: no -> yes"}},
		"another identity is gone": {func(_, b *Reading) { b.Identities = b.Identities[:1] }, nil},
		"verification is lost": {
			func(_, b *Reading) {
				b.Identities[0].Verified, b.Identities[0].SendingEnabled = No, No
			},
			[]string{"identity/eu-west-1/a@example.com verified: yes -> no"},
		},
		"sending as the identity": {func(_, b *Reading) { b.Identities[0].SendingEnabled = No }, []string{"identity/eu-west-1/a@example.com sending_enabled: yes -> no"}},
		"an identity of its own": {func(_, b *Reading) {
			b.Identities = slices.Insert(b.Identities, 0, Identity{Name: "a@example.com", Confirmed: later, Verified: Yes, SendingEnabled: No})
		}, nil},
		"details":                {details(IdentityDetails{ConfigurationSet: "x"}), []string{"identity/eu-west-1/a@example.com configuration_set:  -> x"}},
		"details of the same":    {details(IdentityDetails{DKIM: DKIM{Status: "FAILED"}}), nil},
		"details are not known":  {func(_, b *Reading) { b.Identities[0].Details = nil }, nil},
		"details were not known": {func(a, _ *Reading) { a.Identities[0].Details = nil }, nil},
		"MAIL FROM": {
			details(IdentityDetails{MailFrom: MailFrom{Domain: "m.example.com", Status: "FAILED", RejectOnFailure: Yes}}),
			[]string{"identity/eu-west-1/a@example.com mail_from_status:  -> FAILED REJECT_MESSAGE"},
		},
		"policies": {
			details(IdentityDetails{Policies: ParseSendingPolicies(map[string]string{"one": "{}", "two": "{}"})}),
			[]string{"identity/eu-west-1/a@example.com sending_policy:  -> 2 policies, hash 88d73a71"},
		},
		"the set is disabled": {func(_, b *Reading) { b.ConfigurationSets[0].SendingEnabled = No }, []string{"configuration_set/eu-west-1/login sending_enabled: yes -> no"}},
		"the set is gone": {func(_, b *Reading) {
			b.ConfigurationSets[0] = ConfigurationSet{Name: "login", Missing: true, SendingEnabled: No, Confirmed: later}
		}, []string{"configuration_set/eu-west-1/login exists: yes -> no"}},
		"a set that was not read": {func(a, _ *Reading) { a.ConfigurationSets = nil }, nil},
	} {
		a, b := readingAt(then), readingAt(later)
		tt.change(a, b)
		got := Diff(a, b, Need{Identities: []string{"a@example.com"}})
		if !slices.Equal(briefs(got), tt.want) {
			t.Errorf("%s: %q, want %q", name, briefs(got), tt.want)
		}
		for _, c := range got {
			if !c.After.Equal(then) || !c.By.Equal(later) {
				t.Errorf("%s: between %s and %s", name, c.After, c.By)
			}
			if c.Subject.Kind == CausePool && c.Name != "name of "+c.Subject.Name {
				t.Errorf("%s: the name is %q", name, c.Name)
			}
		}
	}
}

// TestDiffOfWhatNobodyNeeds has changes of an SES that no pool sends through.
func TestDiffOfWhatNobodyNeeds(t *testing.T) {
	a, b := readingAt(then), readingAt(later)
	b.SES.Sandbox, b.Identities, b.ConfigurationSets[0].SendingEnabled = Yes, nil, No
	if got := Diff(a, b, Need{}); got != nil {
		t.Errorf("%q", briefs(got))
	}
}

func TestReplay(t *testing.T) {
	pool := Cause{CausePool, "eu-west-1", "eu-west-1_a"}
	account := Cause{CauseSESAccount, "eu-west-1", ""}
	set := func(c Cause, f Field, value string) Set { return Set{Subject: c, Field: f, Value: value} }
	hidden := func(c Cause, f Field) Set { return Set{Subject: c, Field: f, Hidden: true} }
	act := func(hours int, sets ...Set) Act {
		return Act{Actor{At: then.Add(time.Duration(hours) * time.Hour)}, sets}
	}
	developer, builtIn := set(pool, FieldMode, "DEVELOPER"), set(pool, FieldMode, "COGNITO_DEFAULT")
	for name, tt := range map[string]struct {
		acts []Act
		want []string
	}{
		"nothing before it":                       {[]Act{act(1, builtIn, set(pool, FieldFrom, ""))}, []string{"pool/eu-west-1/eu-west-1_a email_sending_account: ? -> COGNITO_DEFAULT"}},
		"nothing before, and the first is hidden": {[]Act{act(1, hidden(pool, FieldMode), set(pool, FieldFrom, "a"))}, nil},
		"made with settings":                      {[]Act{act(1, set(pool, FieldExists, "yes"), developer), act(2, builtIn)}, []string{"pool/eu-west-1/eu-west-1_a exists: no -> yes", "pool/eu-west-1/eu-west-1_a email_sending_account: DEVELOPER -> COGNITO_DEFAULT"}},
		"what was before":                         {[]Act{act(-9, developer), act(1, builtIn)}, []string{"pool/eu-west-1/eu-west-1_a email_sending_account: DEVELOPER -> COGNITO_DEFAULT"}},
		"the same as before":                      {[]Act{act(-9, developer), act(1, developer)}, nil},
		"too long ago":                            {[]Act{act(-9, developer), act(-8, builtIn)}, nil},
		"just in time":                            {[]Act{act(-9, developer), act(0, builtIn)}, []string{"pool/eu-west-1/eu-west-1_a email_sending_account: DEVELOPER -> COGNITO_DEFAULT"}},
		"it is hidden":                            {[]Act{act(-9, developer), act(1, hidden(pool, FieldMode))}, nil},
		"it was hidden":                           {[]Act{act(-9, developer), act(-8, hidden(pool, FieldMode)), act(1, builtIn)}, []string{"pool/eu-west-1/eu-west-1_a email_sending_account: ? -> COGNITO_DEFAULT"}},
		"there and back":                          {[]Act{act(-9, developer), act(1, builtIn), act(2, developer)}, []string{"pool/eu-west-1/eu-west-1_a email_sending_account: DEVELOPER -> COGNITO_DEFAULT", "pool/eu-west-1/eu-west-1_a email_sending_account: COGNITO_DEFAULT -> DEVELOPER"}},
		"made":                                    {[]Act{act(1, set(pool, FieldExists, "yes"))}, []string{"pool/eu-west-1/eu-west-1_a exists: no -> yes"}},
		"deleted, and never made":                 {[]Act{act(1, set(pool, FieldExists, "no"))}, []string{"pool/eu-west-1/eu-west-1_a exists: yes -> no"}},
		"another subject":                         {[]Act{act(-9, set(account, FieldSendingEnabled, "yes")), act(1, set(account, FieldSendingEnabled, "no"))}, []string{"ses_account/eu-west-1 sending_enabled: yes -> no"}},
		"what another one was set":                {[]Act{act(-9, developer), act(1, set(Cause{CausePool, "eu-west-1", "eu-west-1_b"}, FieldMode, "COGNITO_DEFAULT"))}, []string{"pool/eu-west-1/eu-west-1_b email_sending_account: ? -> COGNITO_DEFAULT"}},
	} {
		got := Replay(tt.acts, then)
		if !slices.Equal(briefs(got), tt.want) {
			t.Errorf("%s: %q, want %q", name, briefs(got), tt.want)
		}
		for _, c := range got {
			if c.Naming != Named || c.Actor == nil || !c.At().Equal(c.By) || !c.After.IsZero() {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
}

func TestMade(t *testing.T) {
	about := func(kind CauseKind, name string, f Field, value string, hidden bool) *Act {
		return &Act{Sets: []Set{{Subject: Cause{kind, "eu-west-1", name}, Field: f, Value: value, Hidden: hidden}}}
	}
	long := strings.Repeat("x", 2*clipped)
	mode := &Change{Subject: Cause{CausePool, "eu-west-1", "p"}, Field: FieldMode, To: "COGNITO_DEFAULT"}
	gone := &Change{Subject: Cause{CauseIdentity, "eu-west-1", "a@example.com"}, Field: FieldExists, To: "no"}
	for name, tt := range map[string]struct {
		act    *Act
		change *Change
		want   Tri
	}{
		"it":                        {about(CausePool, "p", FieldMode, "COGNITO_DEFAULT", false), mode, Yes},
		"another value":             {about(CausePool, "p", FieldMode, "DEVELOPER", false), mode, No},
		"a hidden value":            {about(CausePool, "p", FieldMode, "", true), mode, Yes},
		"another pool":              {about(CausePool, "q", FieldMode, "COGNITO_DEFAULT", false), mode, Unknown},
		"another field":             {about(CausePool, "p", FieldFrom, "COGNITO_DEFAULT", false), mode, Unknown},
		"the domain of the address": {about(CauseIdentity, "example.com", FieldExists, "no", false), gone, Yes},
		"the address":               {about(CauseIdentity, "a@example.com", FieldExists, "no", false), gone, Yes},
		"another domain":            {about(CauseIdentity, "example.org", FieldExists, "no", false), gone, Unknown},
		"a long value":              {about(CausePool, "p", FieldFrom, long, false), &Change{Subject: mode.Subject, Field: FieldFrom, To: Clip(long)}, Yes},
	} {
		if got := tt.act.made(tt.change); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestMadeBy has several calls between two readings.
func TestMadeBy(t *testing.T) {
	c := &Change{Subject: Cause{CausePool, "eu-west-1", "p"}, Field: FieldMode, To: "COGNITO_DEFAULT"}
	act := func(second int, value string) Act {
		return Act{Actor{At: then.Add(time.Duration(second) * time.Second), EventID: strconv.Itoa(second)}, []Set{{Subject: c.Subject, Field: FieldMode, Value: value}}}
	}
	const builtIn, developer = "COGNITO_DEFAULT", "DEVELOPER"
	for name, tt := range map[string]struct {
		acts []Act
		want string
	}{
		"none":                      {nil, ""},
		"one":                       {[]Act{act(20, builtIn)}, "20"},
		"another one set the same":  {[]Act{act(20, builtIn), act(30, builtIn)}, "20"},
		"there, back, and there":    {[]Act{act(20, builtIn), act(30, developer), act(40, builtIn), act(50, builtIn)}, "40"},
		"the last one undid it":     {[]Act{act(20, builtIn), act(30, developer)}, ""},
		"too early":                 {[]Act{act(9, builtIn)}, ""},
		"just early enough":         {[]Act{act(10, builtIn)}, "10"},
		"just in time":              {[]Act{act(60, builtIn)}, "60"},
		"too late, and undone then": {[]Act{act(20, builtIn), act(61, developer)}, "20"},
	} {
		got := ""
		if a := c.MadeBy(tt.acts, then.Add(10*time.Second), then.Add(time.Minute)); a != nil {
			got = a.EventID
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestClip(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"arn:aws:iam::1:user/ü":            "arn:aws:iam::1:user/ü",
		"a\nb\x00c\x7fd\u2028e":            "a b c d e",
		"\xff":                             "\uFFFD",
		strings.Repeat("ü", clipped):       strings.Repeat("ü", clipped),
		strings.Repeat("ü", clipped) + "x": strings.Repeat("ü", clipped) + "…",
	} {
		if got := Clip(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestChangeText(t *testing.T) {
	c := Change{Field: FieldMode, From: "DEVELOPER", To: "COGNITO_DEFAULT", After: then, By: later, Naming: NameDenied}
	const between = "email_sending_account changed from DEVELOPER to COGNITO_DEFAULT between 2026-11-24 12:00:00 UTC and 2026-11-24 12:05:00 UTC; by whom is not known: CloudTrail may not be read"
	if got := c.Text(); got != between {
		t.Error(got)
	}
	c.FromUnknown, c.To, c.Actor = true, "", &Actor{At: then.Add(time.Minute)}
	if got := c.Text(); got != "email_sending_account changed from an unknown value to none at 2026-11-24 12:01:00 UTC by none" {
		t.Error(got)
	}
	said := map[string]bool{}
	for _, n := range Namings() {
		if said[n.Text()] {
			t.Errorf("%s is as another one: %s", n, n.Text())
		}
		said[n.Text()] = true
	}
}

func TestNewsOfChanges(t *testing.T) {
	change := func(minute int, actor *Actor) Change {
		return Change{Field: FieldMode, After: then, By: then.Add(time.Duration(minute) * time.Minute), Actor: actor}
	}
	told := change(3, nil)
	told.After = time.Time{}
	before := &Changes{List: []Change{change(1, nil), change(2, nil)}}
	now := &Changes{List: []Change{change(1, nil), change(2, &Actor{EventID: "e"}), told, change(4, nil)}}
	seen, named := now.News(before)
	if len(seen) != 1 || seen[0] != &now.List[3] || len(named) != 1 || named[0] != &now.List[1] {
		t.Errorf("%v, %v", seen, named)
	}
	if seen, named = now.News(nil); len(seen) != 3 || named != nil {
		t.Errorf("without one before: %v, %v", seen, named)
	}
	kept := &Changes{List: before.List[1:]}
	if got := now.Without(before, kept); len(got) != 3 || !got[0].By.Equal(now.List[1].By) || len(now.List) != 4 {
		t.Errorf("without what was dropped: %v", got)
	}
	if got := now.Without(before, before); len(got) != 4 {
		t.Errorf("nothing was dropped: %v", got)
	}
}

func TestMergeAndTrim(t *testing.T) {
	change := func(minute int, field Field, actor *Actor) Change {
		return Change{Field: field, By: then.Add(time.Duration(minute) * time.Minute), Actor: actor}
	}
	event := func(id string, minute int) *Actor {
		return &Actor{EventID: id, At: then.Add(time.Duration(minute) * time.Minute)}
	}
	a := []Change{change(1, FieldMode, nil), change(5, FieldMode, event("x", 4))}
	b := []Change{change(1, FieldMode, nil), change(4, FieldMode, event("x", 4)), change(4, FieldFrom, event("x", 4)), change(3, FieldMode, nil)}
	merged := Merge(a, b)
	var got []string
	for _, c := range merged {
		got = append(got, fmt.Sprint(c.Field, c.At().Sub(then).Minutes()))
	}
	if want := []string{"email_sending_account1", "email_sending_account3", "email_sending_account4", "from4"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	one, two := merged[:2:2], merged[2:]
	if n := Trim([]*[]Change{&one, &two}, 4); n != 0 || len(one)+len(two) != 4 {
		t.Errorf("%d were dropped of no more than there may be", n)
	}
	if n := Trim([]*[]Change{&two, &one}, 1); n != 3 || len(one) != 0 || len(two) != 1 || two[0].Field != FieldFrom {
		t.Errorf("%d were dropped: %v, %v", n, one, two)
	}
	if len(merged) != 4 || merged[0].Field != FieldMode {
		t.Error("the lists have changed")
	}
}

func TestLeftSES(t *testing.T) {
	const id = "eu-west-1_b"
	change := func(hours int, f Field, from, to string) Change {
		return Change{Subject: Cause{CausePool, "eu-west-1", id}, Field: f, From: from, To: to, By: later.Add(time.Duration(-hours) * time.Hour)}
	}
	left := change(3, FieldMode, "DEVELOPER", "COGNITO_DEFAULT")
	unknown := left
	unknown.FromUnknown = true
	old := left
	old.By = later.Add(-25 * time.Hour)
	other := left
	other.Subject.Name = "eu-west-1_a"
	lately := func(r *Reading) { r.Pools[1].Settings.Modified = later.Add(-time.Hour) }
	for name, tt := range map[string]struct {
		change func(*Reading)
		list   []Change
		want   Tri
	}{
		"no change, not modified for two days": {nil, nil, No},
		"it left":                              {lately, []Change{left}, Yes},
		"perhaps":                              {lately, []Change{unknown}, Unknown},
		"more than a day ago":                  {nil, []Change{old}, No},
		"another pool":                         {nil, []Change{other}, No},
		"another field":                        {nil, []Change{change(3, FieldFrom, "a", "")}, No},
		"from another mode":                    {lately, []Change{change(3, FieldMode, "PIGEON", "COGNITO_DEFAULT")}, No},
		"it was made":                          {lately, []Change{change(3, FieldExists, "no", "yes")}, No},
		"it came back":                         {func(r *Reading) { r.Pools[1].Settings.Mode = ModeDeveloper }, []Change{left}, No},
		"a function sends":                     {func(r *Reading) { r.Pools[1].Settings.CustomSender = true }, []Change{left}, No},
		"not described":                        {func(r *Reading) { r.Pools[1].Settings = nil }, []Change{left}, Unknown},
		"modified, and nothing is known":       {lately, nil, Unknown},
		"compared for less than a day": {func(r *Reading) {
			lately(r)
			r.Changes.Began = later.Add(-23 * time.Hour)
		}, nil, Unknown},
		"compared for a day": {func(r *Reading) {
			lately(r)
			r.Changes.Began = later.Add(-24 * time.Hour)
		}, nil, No},
		"CloudTrail told of a day": {func(r *Reading) {
			lately(r)
			r.Changes.Began, r.Changes.Since = later, later.Add(-24*time.Hour)
		}, nil, No},
	} {
		r := readingAt(later)
		r.Changes.List = tt.list
		if tt.change != nil {
			tt.change(r)
		}
		a := Judge(later, []Reading{*r}, Policy{})
		p := a.Pool("eu-west-1", id)
		if p.LeftSES != tt.want {
			t.Errorf("%s: %s", name, p.LeftSES)
		}
		if moves := tt.want != No && p.Settings != nil; a.Moves() != moves {
			t.Errorf("%s: that it moves is %v", name, a.Moves())
		}
		if (p.ModeChange() != nil) != (len(tt.list) > 0 && tt.list[0].Field == FieldMode && tt.list[0].Subject.Name == id) {
			t.Errorf("%s: %v", name, p.ModeChange())
		}
	}
}

// TestChangesOfAPool says which changes are a pool's.
func TestChangesOfAPool(t *testing.T) {
	r := readingAt(later)
	for i, c := range []Cause{
		{CausePool, "eu-west-1", "eu-west-1_a"},
		{CausePool, "eu-west-1", "eu-west-1_b"},
		{CauseIdentity, "eu-west-1", "example.com"},
		{CauseIdentity, "eu-west-1", "a@example.com"},
		{CauseIdentity, "eu-west-1", "other.example"},
		{CauseIdentity, "eu-west-2", "example.com"},
		{CauseSESAccount, "eu-west-1", ""},
		{CauseConfigurationSet, "eu-west-1", "login"},
		{CauseConfigurationSet, "eu-west-1", "other"},
	} {
		r.Changes.List = append(r.Changes.List, Change{Subject: c, By: then.Add(time.Duration(i) * time.Second)})
	}
	a := Judge(later, []Reading{*r}, Policy{})
	for id, want := range map[string]string{
		"eu-west-1_a": "pool/eu-west-1/eu-west-1_a identity/eu-west-1/example.com identity/eu-west-1/a@example.com ses_account/eu-west-1 configuration_set/eu-west-1/login",
		"eu-west-1_b": "pool/eu-west-1/eu-west-1_b",
	} {
		p := a.Pool("eu-west-1", id)
		var got []string
		for _, c := range p.Changes {
			got = append(got, c.Subject.String())
		}
		if strings.Join(got, " ") != want || p.LastChange().Subject != p.Changes[len(p.Changes)-1].Subject {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	r.Changes = Changes{}
	if p := Judge(later, []Reading{*r}, Policy{}).Pools[0]; p.LastChange() != nil || p.Changes != nil {
		t.Errorf("without changes: %v", p.Changes)
	}
}

// TestPoolsShareChanges has many pools with the same sender, which changes all
// the time: what they have in common is kept once.
func TestPoolsShareChanges(t *testing.T) {
	r := readingAt(later)
	for _, id := range []string{"eu-west-1_c", "eu-west-1_d", "eu-west-1_e"} {
		up := r.Pools[0]
		up.ID = id
		if id == "eu-west-1_e" {
			up.Settings = &Settings{Sender: NewSender(changeKey, EmailConfiguration{Mode: ModeDefault, SourceARN: up.Settings.SourceARN})}
		}
		r.Pools = append(r.Pools, up)
	}
	add := func(c Cause, minutes int) {
		r.Changes.List = append(r.Changes.List, Change{Subject: c, By: then.Add(time.Duration(minutes) * time.Minute)})
	}
	add(Cause{CauseIdentity, "eu-west-1", "example.com"}, 1)
	add(Cause{CausePool, "eu-west-1", "eu-west-1_d"}, 2)
	add(Cause{CauseSESAccount, "eu-west-1", ""}, 3)
	a := Judge(later, []Reading{*r}, Policy{})
	of := func(id string) []*Change { return a.Pool("eu-west-1", id).Changes }
	if one, other := of("eu-west-1_a"), of("eu-west-1_c"); len(one) != 2 || len(other) != 2 || &one[0] != &other[0] {
		t.Errorf("%v and %v, want the same list of two", one, other)
	}
	for id, want := range map[string]string{"eu-west-1_d": "identity pool ses_account", "eu-west-1_e": "identity", "eu-west-1_b": ""} {
		var got []string
		for _, c := range of(id) {
			got = append(got, string(c.Subject.Kind))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}
