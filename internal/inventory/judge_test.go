package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"
	"unsafe"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	account = "111122223333"
	arnBase = "arn:aws:ses:eu-west-1:" + account + ":identity/"
)

// plain are the details of an identity of which nothing but DKIM was set up.
var plain = &IdentityDetails{DKIM: DKIM{Status: "SUCCESS"}}

func goodSES() *SESState {
	return &SESState{
		Confirmed: now, Sandbox: No, SendingEnabled: Yes, Enforcement: "HEALTHY", Review: "GRANTED",
		Quota: SendQuota(50000, 100), RateKnown: true, MaxSendRate: 14,
	}
}

func verified(name string) Identity {
	return Identity{Name: name, Confirmed: now, Status: "SUCCESS", Verified: Yes, SendingEnabled: Yes, Details: plain, Detailed: now}
}

func pending(name string) Identity {
	return Identity{Name: name, Confirmed: now, Status: "PENDING", Verified: No, SendingEnabled: No, Details: plain, Detailed: now}
}

// one judges a single pool in region, with SES facts in eu-west-1.
func one(region string, e *EmailConfiguration, ses *SESState, listed bool, ids ...Identity) Pool {
	var s *Settings
	if e != nil {
		s = &Settings{Sender: NewSender(Key{account, region}, *e)}
	}
	pool := Reading{
		Target: Target{AccountID: account, Region: region},
		Pools:  []UserPool{{ID: region + "_1", Listed: now, Settings: s}},
	}
	facts := Reading{Target: Target{AccountID: account, Region: "eu-west-1"}, SES: ses, Identities: ids}
	if listed {
		facts.IdentitiesListed = now
	}
	if region == "eu-west-1" {
		facts.Pools = pool.Pools
		return Judge(now, []Reading{facts}, Policy{}).Pools[0]
	}
	return Judge(now, []Reading{pool, facts}, Policy{}).Pools[0]
}

func developer(identity, from string) *EmailConfiguration {
	return &EmailConfiguration{Mode: ModeDeveloper, SourceARN: arnBase + identity, From: from}
}

func TestVerdict(t *testing.T) {
	change := func(f func(*SESState)) *SESState {
		s := goodSES()
		f(s)
		return s
	}
	domain := developer("example.com", "Example <noreply@example.com>")
	tests := map[string]struct {
		region   string
		settings *EmailConfiguration
		ses      *SESState
		unlisted bool
		ids      []Identity
		ready    Tri
		verified Tri
		blocked  []Reason
	}{
		"default sender":                        {settings: &EmailConfiguration{Mode: ModeDefault}, ready: Yes},
		"settings unknown":                      {settings: nil, ready: Unknown},
		"mode unknown":                          {settings: &EmailConfiguration{Mode: ModeUnknown}, ready: Unknown},
		"domain verified":                       {settings: domain, ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"domain in another case":                {settings: developer("Example.COM", "a@EXAMPLE.com"), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"parent domain verified":                {settings: developer("mail.example.com", "a@mail.example.com"), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"address by its domain":                 {settings: developer("a@example.com", ""), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"address with a label":                  {settings: developer("a+x@example.com", ""), ses: goodSES(), ids: []Identity{verified("a@example.com")}, ready: Yes, verified: Yes},
		"address in another case":               {settings: developer("A@example.com", ""), ses: goodSES(), ids: []Identity{verified("a@example.com")}, ready: No, verified: No, blocked: []Reason{IdentityMissing}},
		"address of a domain in another case":   {settings: developer("a@EXAMPLE.com", ""), ses: goodSES(), ids: []Identity{verified("a@example.com")}, ready: No, verified: No, blocked: []Reason{IdentityMissing}},
		"address by its domain in another case": {settings: developer("a@EXAMPLE.com", ""), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"missing":                               {settings: domain, ses: goodSES(), ready: No, verified: No, blocked: []Reason{IdentityMissing}},
		"no SourceArn":                          {settings: &EmailConfiguration{Mode: ModeDeveloper}, ses: goodSES(), ready: No, blocked: []Reason{IdentityMissing}},
		"unverified":                            {settings: domain, ses: goodSES(), ids: []Identity{pending("example.com")}, ready: No, verified: No, blocked: []Reason{IdentityUnverified}},
		"identities unknown":                    {settings: domain, ses: goodSES(), unlisted: true, ready: Unknown},
		"account unknown":                       {settings: domain, ids: []Identity{verified("example.com")}, ready: Unknown, verified: Yes},
		"known block beats unknown": {
			settings: domain, ids: []Identity{pending("example.com")},
			ready: No, verified: No, blocked: []Reason{IdentityUnverified},
		},
		"From elsewhere":          {settings: developer("example.com", "a@example.org"), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{FromMismatch}},
		"From missing on domain":  {settings: developer("example.com", ""), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{FromMismatch}},
		"From in a suffix domain": {settings: developer("example.com", "a@notexample.com"), ses: goodSES(), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{FromMismatch}},
		"sandbox":                 {settings: domain, ses: change(func(s *SESState) { s.Sandbox = Yes }), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{Sandbox}},
		"sending disabled":        {settings: domain, ses: change(func(s *SESState) { s.SendingEnabled = No }), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{SendingDisabled}},
		"shut down":               {settings: domain, ses: change(func(s *SESState) { s.Enforcement = "SHUTDOWN" }), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{AccountShutdown}},
		"probation":               {settings: domain, ses: change(func(s *SESState) { s.Enforcement = "PROBATION" }), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"quota reached":           {settings: domain, ses: change(func(s *SESState) { s.Quota.Used = 50000 }), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{SendQuotaReached}},
		"quota unlimited":         {settings: domain, ses: change(func(s *SESState) { s.Quota = SendQuota(-1, 9) }), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"region backwards":        {region: "eu-central-1", settings: domain, ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Yes, verified: Yes},
		"region not allowed":      {region: "eu-north-1", settings: domain, ses: goodSES(), ids: []Identity{verified("example.com")}, ready: No, verified: Yes, blocked: []Reason{UnsupportedRegion}},
		"region not in the table": {region: "ap-southeast-6", settings: domain, ses: goodSES(), ids: []Identity{verified("example.com")}, ready: Unknown, verified: Yes},
		"own FROM, alternate region alone": {
			region: "me-central-1", settings: &EmailConfiguration{Mode: ModeDefault, SourceARN: "arn:aws:ses:eu-central-1:" + account + ":identity/example.com", From: "a@example.com"},
			ready: No, blocked: []Reason{UnsupportedRegion},
		},
		"DEVELOPER, alternate region alone": {
			region: "me-central-1", settings: &EmailConfiguration{Mode: ModeDeveloper, SourceARN: "arn:aws:ses:eu-central-1:" + account + ":identity/example.com", From: "a@example.com"},
			ready: Unknown,
		},
		"other account": {
			settings: &EmailConfiguration{Mode: ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:999999999999:identity/example.com", From: "a@example.com"},
			ses:      goodSES(), ids: []Identity{verified("example.com")}, ready: No, blocked: []Reason{CrossAccountIdentity},
		},
		"own FROM, unverified": {
			settings: &EmailConfiguration{Mode: ModeDefault, SourceARN: arnBase + "example.com", From: "a@example.com"},
			ids:      []Identity{pending("example.com")}, ready: No, verified: No, blocked: []Reason{IdentityUnverified, SendingPolicyMissing},
		},
		"custom sender": {
			settings: &EmailConfiguration{Mode: ModeDeveloper, SourceARN: arnBase + "example.com", From: "a@example.com", CustomSender: true},
			ses:      goodSES(), ready: Unknown, verified: No,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.region == "" {
				tt.region = "eu-west-1"
			}
			p := one(tt.region, tt.settings, tt.ses, !tt.unlisted, tt.ids...)
			if p.Ready != tt.ready || p.Verified != tt.verified || !slices.Equal(p.Blocked(), tt.blocked) {
				t.Errorf("ready %v, verified %v, blocked %v; want %v, %v, %v", p.Ready, p.Verified, p.Blocked(), tt.ready, tt.verified, tt.blocked)
			}
		})
	}
}

// TestNotOffered checks a pool that sends through a region without SES.
func TestNotOffered(t *testing.T) {
	for class, want := range map[Class]Tri{NotOffered: Yes, Unavailable: No, OK: No} {
		r := Reading{
			Target: Target{AccountID: account, Region: "eu-west-1"}, Outcomes: []Outcome{{API: APISES, Class: class}},
			Pools: []UserPool{{ID: "eu-west-1_1", Settings: &Settings{Sender: NewSender(Key{account, "eu-west-1"}, *developer("example.com", "a@example.com"))}}},
		}
		p := Judge(now, []Reading{r}, Policy{}).Pools[0]
		ready := Unknown
		if want == Yes {
			ready = No
		}
		if p.Holds(UnsupportedRegion) != want || p.Ready != ready {
			t.Errorf("%q: %v, ready %v", class, p.Holds(UnsupportedRegion), p.Ready)
		}
	}
}

func TestMostSpecificIdentityWins(t *testing.T) {
	p := one("eu-west-1", developer("a@mail.example.com", ""), goodSES(), true, verified("example.com"), pending("mail.example.com"))
	if p.Identity != "mail.example.com" || p.Verified != Yes {
		t.Errorf("identity %q verified %v; want mail.example.com, yes through its parent", p.Identity, p.Verified)
	}
}

// TestCounts checks what is counted over the pools of an account.
func TestCounts(t *testing.T) {
	pool := func(region, id string, e *EmailConfiguration) UserPool {
		return UserPool{ID: id, Settings: &Settings{Sender: NewSender(Key{account, region}, *e)}}
	}
	lambda := developer("example.com", "a@example.com")
	lambda.CustomSender = true
	missing := Identity{Name: "missing.example", Missing: true}
	failed := pending("failed.example")
	failed.ErrorType = "HOST_NOT_FOUND"
	off := verified("off.example")
	off.SendingEnabled = No
	ireland := Reading{
		Target: Target{AccountID: account, AccountName: "main", Region: "eu-west-1"}, PoolsListed: now, SES: goodSES(), Reputation: &Reputation{Confirmed: now},
		Pools: []UserPool{
			pool("eu-west-1", "1", developer("example.com", "a@example.com")),
			pool("eu-west-1", "2", developer("a@mail.example.com", "")),
			pool("eu-west-1", "3", lambda),
			pool("eu-west-1", "4", &EmailConfiguration{Mode: ModeDefault, SourceARN: arnBase + "failed.example", From: "a@failed.example"}),
			pool("eu-west-1", "5", developer("off.example", "a@off.example")),
		},
		Identities: []Identity{verified("example.com"), failed, missing, off, verified("unused.example")}, IdentitiesListed: now,
	}
	for _, i := range []int{0, 2, 3} { // A Lambda function and the built-in sender send for two of them.
		ireland.Pools[i].Settings.EmailOTP = true
	}
	ireland.Pools[1].Settings.MFA = Yes // Its factors are not known.
	frankfurt := Reading{Target: Target{AccountID: account, Region: "eu-central-1"}, PoolsListed: now, Pools: []UserPool{
		pool("eu-central-1", "1", developer("example.com", "a@example.com")),
	}, SES: goodSES()}
	unread := Reading{Target: Target{AccountID: account, Region: "us-east-1"}, Unread: true}
	a := Judge(now, []Reading{ireland, frankfurt}, Policy{})
	if a.ID != account || a.Name != "main" || a.Targets != 2 || a.Incomplete || a.PoolsUnknown || len(a.Readings) != 2 || !a.At.Equal(now) {
		t.Errorf("account %s %s, %d targets, incomplete %v, unknown %v", a.ID, a.Name, a.Targets, a.Incomplete, a.PoolsUnknown)
	}
	if len(a.SES) != 2 || a.SES[0].Target.Region != "eu-central-1" || a.SES[0].Pools != 0 || a.SES[1].Pools != 4 || a.SES[0].SignInPools != 0 || a.SES[1].SignInPools != 1 || a.SES[1].Reputation == nil {
		t.Errorf("SES %+v", a.SES)
	}
	var used []string
	for _, i := range a.Identities {
		used = append(used, fmt.Sprint(i.Name, i.Pools))
	}
	if want := "[example.com3 failed.example1 off.example1 unused.example0]"; fmt.Sprint(used) != want {
		t.Errorf("identities %v, want %s", used, want)
	}
	pools := map[string]*Pool{}
	for i := range a.Pools {
		pools[a.Pools[i].Target.Region+a.Pools[i].ID] = &a.Pools[i]
	}
	if p := pools["eu-west-14"]; p.IdentityError != "HOST_NOT_FOUND" || p.Holds(IdentityUnverified) != Yes || p.Holds(SendingDisabled) != No {
		t.Errorf("failed identity: %+v", p)
	}
	if p := pools["eu-west-15"]; p.Holds(SendingDisabled) != Yes || p.Verified != Yes || p.IdentityError != "" {
		t.Errorf("identity that is off: %+v", p)
	}
	if p := pools["eu-west-13"]; p.Quota.Kind != QuotaNone || !p.Quota.Unlimited() || p.SES != nil || p.CustomSender() != Yes {
		t.Errorf("custom sender: %+v", p)
	}
	if p := pools["eu-central-11"]; p.SES == nil || p.Reputation == nil || p.Quota.Kind != QuotaSend || p.Quota.Used != 100 || p.IdentityRegion != "eu-west-1" || p.Key() != (PoolKey{Key{account, "eu-central-1"}, "1"}) {
		t.Errorf("through another region: %+v", p)
	}
	a = Judge(now, []Reading{ireland, unread}, Policy{})
	if !a.Incomplete || a.Targets != 2 || a.PoolsUnknown || len(a.Readings) != 1 {
		t.Errorf("with a region to be read: incomplete %v, %d targets, unknown %v, %d readings", a.Incomplete, a.Targets, a.PoolsUnknown, len(a.Readings))
	}
	ireland.Pools = append(ireland.Pools, UserPool{ID: "6"})
	a = Judge(now, []Reading{ireland}, Policy{})
	if p := a.Pools[5]; !a.Incomplete || p.Mode() != ModeUnknown || p.CustomSender() != Unknown || p.Quota.Kind != QuotaUnknown {
		t.Errorf("not described: incomplete %v, %+v", a.Incomplete, p)
	}
}

// TestMemory looks at what is kept of each of tens of thousands of pools.
func TestMemory(t *testing.T) {
	if size := unsafe.Sizeof(Pool{}); size > 224 {
		t.Errorf("a pool takes %d bytes", size)
	}
	r := Reading{Target: Target{AccountID: account, Region: "eu-west-1"}, PoolsListed: now, SES: &SESState{Confirmed: now, Quota: SendQuota(100, 7)}}
	for i := range 100 {
		e := EmailConfiguration{Mode: ModeDefault}
		if i%2 == 0 {
			e = *developer("example.com", "a@example.com")
		}
		r.Pools = append(r.Pools, UserPool{ID: fmt.Sprintf("eu-west-1_%03d", i), Listed: now, Confirmed: now, Settings: &Settings{Described: now, Sender: NewSender(r.Target.Key(), e)}})
	}
	quotas, shared := map[*Quota]int{}, map[*Key]int{}
	a := Judge(now, []Reading{r}, Policy{Enabled: true, Limit: 50, Scope: ScopeAccountRegion})
	for i := range a.Pools {
		quotas[a.Pools[i].Quota]++
		shared[a.Pools[i].shares]++
	}
	if len(quotas) != 2 || len(shared) != 2 {
		t.Errorf("pools with two quotas have %d, and share %d", len(quotas), len(shared))
	}
}

func TestMoves(t *testing.T) {
	for name, tt := range map[string]struct {
		a    Account
		want bool
	}{
		"nothing was sent":     {Account{DefaultQuotas: []SharedQuota{{}}, Pools: []Pool{{Quota: &Quota{Kind: QuotaDefault}}}}, false},
		"by sharers":           {Account{DefaultQuotas: []SharedQuota{{}, {Quota: Quota{Used: 1}}}}, true},
		"by a pool":            {Account{Pools: []Pool{{Quota: &Quota{}}, {Quota: &Quota{Kind: QuotaDefault, Used: 1}}}}, true},
		"through SES, by fact": {Account{Pools: []Pool{{Quota: &Quota{Kind: QuotaSend, Used: 1}}}}, false},
	} {
		if got := tt.a.Moves(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestRenewed checks that an account that is not judged anew tells when its
// pools were last confirmed all the same.
func TestRenewed(t *testing.T) {
	reading := func(region string, confirmed time.Time) Reading {
		pool := func(id string) UserPool { return UserPool{ID: id, Confirmed: confirmed, Settings: &Settings{}} }
		return Reading{Target: Target{AccountID: account, Region: region}, Pools: []UserPool{pool("a"), pool("b")}}
	}
	a := Judge(now, []Reading{reading("eu-west-1", now), reading("eu-west-2", now)}, Policy{})
	later := now.Add(time.Minute)
	renewed := a.Renewed([]Reading{reading("eu-west-1", now), reading("eu-west-2", later)})
	for i := range a.Pools {
		p := &a.Pools[i]
		want := now
		if p.Target.Region == "eu-west-2" {
			want = later
		}
		if got := renewed.Confirmed(p); !got.Equal(want) || !a.Confirmed(p).Equal(now) {
			t.Errorf("%s in %s: %s, want %s", p.ID, p.Target.Region, got, want)
		}
	}
	gone := Pool{UserPool: &UserPool{ID: "c", Confirmed: now}, Target: &Target{AccountID: account, Region: "eu-west-2"}}
	if got := renewed.Confirmed(&gone); !got.Equal(now) {
		t.Errorf("a pool that is gone: %s", got)
	}
}

func TestUnjudged(t *testing.T) {
	regular := Reading{Target: Target{AccountID: account, AccountName: "main", Region: "eu-west-1"}, PoolsListed: now}
	sesOnly := Reading{Target: Target{AccountID: account, Region: "eu-west-2", SESOnly: true}}
	if a := Unjudged(now, []Reading{sesOnly, regular, regular}); a.ID != account || a.Name != "main" || a.Targets != 2 || !a.PoolsUnknown || !a.Incomplete || a.Pools != nil || !a.At.Equal(now) {
		t.Errorf("%+v", a)
	}
	if a := Unjudged(now, []Reading{sesOnly}); a.Targets != 0 || a.PoolsUnknown {
		t.Errorf("only SES: %+v", a)
	}
	if a := Judge(now, []Reading{sesOnly}, Policy{}); a.Targets != 0 || a.PoolsUnknown || a.Incomplete {
		t.Errorf("only SES, judged: %+v", a)
	}
}

// TestSplitRegions checks a pool whose e-mail leaves from two regions: both
// have to be right, and the first one's quota counts.
func TestSplitRegions(t *testing.T) {
	own := &EmailConfiguration{Mode: ModeDefault, SourceARN: "arn:aws:ses:*:" + account + ":identity/example.com", From: "a@example.com"}
	permitted := verified("example.com")
	permitted.Details = &IdentityDetails{Policies: parsed(policy("Principal", `{"Service": "cognito-idp.ca-west-1.amazonaws.com"}`, "Resource", `"*"`))}
	in := func(region string, id Identity) Reading {
		return Reading{Target: Target{AccountID: account, Region: region, SESOnly: true}, Identities: []Identity{id}, IdentitiesListed: now}
	}
	pool := Reading{
		Target: Target{AccountID: account, Region: "ca-west-1"}, PoolsListed: now,
		Pools: []UserPool{{ID: "1", Settings: &Settings{Sender: NewSender(Key{account, "ca-west-1"}, *own)}}},
	}
	for name, tt := range map[string]struct {
		first, second Identity
		ready         Tri
		blocked       []Reason
	}{
		"both":   {permitted, permitted, Yes, nil},
		"first":  {permitted, pending("example.com"), No, []Reason{IdentityUnverified, SendingPolicyMissing}},
		"second": {verified("other.example"), permitted, No, []Reason{IdentityMissing}},
	} {
		p := Judge(now, []Reading{pool, in("ca-central-1", tt.first), in("us-west-1", tt.second)}, Policy{}).Pools[0]
		if p.Ready != tt.ready || !slices.Equal(p.Blocked(), tt.blocked) || p.Verified != tt.ready || p.IdentityDetails != tt.first.Details && name != "second" {
			t.Errorf("%s: ready %s, blocked %v, verified %s, details %+v", name, p.Ready, p.Blocked(), p.Verified, p.IdentityDetails)
		}
	}
}

func TestReadyWithout(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	judged := func(e *EmailConfiguration, ses *SESState, replica Replica, policy Policy) (*Account, *Pool) {
		k := Key{"111122223333", "eu-west-1"}
		a := Judge(now, []Reading{{
			Target: Target{AccountID: k.AccountID, Region: k.Region}, SES: ses, IdentitiesListed: now,
			Identities: []Identity{{Name: "example.com", Verified: No, Details: &IdentityDetails{}}},
			Pools:      []UserPool{{ID: "p", Replica: replica, Settings: &Settings{Described: now, Sender: NewSender(k, *e)}}},
		}}, policy)
		return a, &a.Pools[0]
	}
	sandbox, unknown := goodSES(), goodSES()
	sandbox.Sandbox, unknown.Sandbox = Yes, Unknown
	own := &EmailConfiguration{Mode: ModeDefault, SourceARN: "arn:aws:ses:eu-west-1:111122223333:identity/example.com", From: "a@example.com"}
	for name, tt := range map[string]struct {
		email   *EmailConfiguration
		ses     *SESState
		replica Replica
		policy  Policy
		gone    []Reason
		want    Tri
	}{
		"nothing":             {email: developer("example.com", "a@example.com"), ses: goodSES(), want: No},
		"the only one":        {email: developer("example.com", "a@example.com"), ses: goodSES(), gone: []Reason{IdentityUnverified}, want: Yes},
		"another one":         {email: developer("example.com", "a@example.com"), ses: goodSES(), gone: []Reason{Sandbox}, want: No},
		"one of two":          {email: developer("example.com", "a@example.com"), ses: sandbox, gone: []Reason{IdentityUnverified}, want: No},
		"both":                {email: developer("example.com", "a@example.com"), ses: sandbox, gone: []Reason{Sandbox, IdentityUnverified}, want: Yes},
		"one is unknown":      {email: developer("example.com", "a@example.com"), ses: unknown, gone: []Reason{IdentityUnverified}, want: Unknown},
		"role unknown":        {email: developer("example.com", "a@example.com"), ses: goodSES(), replica: Replica{Replicated: true}, gone: []Reason{IdentityUnverified}, want: Unknown},
		"quota unknown":       {email: own, policy: Policy{Enabled: true, Limit: 50}, gone: []Reason{IdentityUnverified, SendingPolicyMissing}, want: Unknown},
		"quota of no concern": {email: own, gone: []Reason{IdentityUnverified, SendingPolicyMissing}, want: Yes},
	} {
		a, p := judged(tt.email, tt.ses, tt.replica, tt.policy)
		before := p.Verdict
		if got := a.ReadyWithout(p, tt.gone...); got != tt.want || p.Verdict != before {
			t.Errorf("%s: ready: %s, want %s; now %v, %v", name, got, tt.want, p.Blocked(), p.Undecided())
		}
	}
	_, p := judged(own, nil, Replica{}, Policy{})
	if r := p.SendRequest("eu-west-1"); r.Service != "email.cognito-idp.amazonaws.com" || r.IdentityARN != own.SourceARN || r.PoolARN != "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/p" {
		t.Errorf("the pool asks %+v", r)
	}
}
