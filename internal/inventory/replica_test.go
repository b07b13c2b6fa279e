package inventory

import (
	"testing"
	"time"
)

// replicated is a pool of Ireland, sent through eu-west-1, and its replica in
// Frankfurt, which sends through eu-central-1.
func replicated(primary, secondary EmailConfiguration, status string, ids ...Identity) (first, second *Pool) {
	reading := func(region, role, status string, e EmailConfiguration, ids ...Identity) Reading {
		return Reading{
			Target: Target{AccountID: account, Region: region}, PoolsListed: now, SES: goodSES(), Identities: ids, IdentitiesListed: now,
			Pools: []UserPool{
				{ID: "eu-west-1_1", Listed: now, Confirmed: now, Settings: &Settings{Sender: NewSender(Key{account, region}, e)}, Replica: Replica{Replicated: true, Role: role, Status: status, Confirmed: now}},
				{ID: region + "_other", Listed: now, Confirmed: now, Settings: &Settings{Sender: NewSender(Key{account, region}, e)}},
			},
		}
	}
	a := Judge(now, []Reading{
		reading("eu-central-1", Secondary, status, secondary, ids...),
		reading("eu-west-1", Primary, ReplicaActive, primary, verified("example.com"), verified("example.org")),
	}, Policy{})
	return &a.Pools[2], &a.Pools[0]
}

func through(region, identity string) EmailConfiguration {
	return EmailConfiguration{Mode: ModeDeveloper, SourceARN: "arn:aws:ses:" + region + ":" + account + ":identity/" + identity, From: "a@" + identity}
}

func TestBehindPrimary(t *testing.T) {
	builtin, lambda := EmailConfiguration{Mode: ModeDefault}, EmailConfiguration{Mode: ModeDefault, CustomSender: true}
	there, here := through("eu-west-1", "example.com"), through("eu-central-1", "example.com")
	for name, tt := range map[string]struct {
		primary, secondary EmailConfiguration
		status             string
		identity           Identity
		want               Tri
	}{
		"in step":               {there, here, ReplicaActive, verified("example.com"), No},
		"in another case":       {there, through("eu-central-1", "Example.com"), ReplicaActive, verified("example.com"), No},
		"mode":                  {there, builtin, ReplicaActive, verified("example.com"), Yes},
		"mode, on standby":      {there, builtin, ReplicaInactive, verified("example.com"), Yes},
		"mode, being made":      {there, builtin, ReplicaCreating, verified("example.com"), No},
		"mode, being deleted":   {there, builtin, ReplicaDeleting, verified("example.com"), No},
		"mode, status unknown":  {there, builtin, "", verified("example.com"), Unknown},
		"ahead":                 {builtin, here, ReplicaActive, verified("example.com"), No},
		"both built-in":         {builtin, builtin, ReplicaActive, verified("example.com"), No},
		"a mode of the future":  {there, EmailConfiguration{Mode: ModeUnknown, SourceARN: here.SourceARN}, ReplicaActive, verified("example.com"), Unknown},
		"a Lambda function":     {there, lambda, ReplicaActive, verified("example.com"), No},
		"another identity":      {there, through("eu-central-1", "example.org"), ReplicaActive, verified("example.org"), Yes},
		"identity not verified": {there, here, ReplicaActive, pending("example.com"), Yes},
		"identity missing":      {there, here, ReplicaActive, verified("example.net"), Yes},
		"neither verified":      {through("eu-west-1", "example.net"), through("eu-central-1", "example.net"), ReplicaActive, pending("example.net"), No},
	} {
		primary, secondary := replicated(tt.primary, tt.secondary, tt.status, tt.identity)
		if got := secondary.BehindPrimary(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
		if primary.BehindPrimary() != No || primary.Secondary != secondary || secondary.Primary != primary || primary.Primary != nil || secondary.Secondary != nil {
			t.Errorf("%s: the primary has %+v", name, primary)
		}
	}
	_, secondary := replicated(there, builtin, ReplicaActive)
	for name, change := range map[string]func(*Pool){
		"role":     func(p *Pool) { p.Replica.Role = "" },
		"primary":  func(p *Pool) { p.Primary = nil },
		"settings": func(p *Pool) { p.Settings = nil },
		"its settings": func(p *Pool) {
			primary := *p.Primary
			up := *primary.UserPool
			up.Settings = nil
			primary.UserPool, p.Primary = &up, &primary
		},
	} {
		p := *secondary
		up := *p.UserPool
		p.UserPool = &up
		if change(&p); p.BehindPrimary() != Unknown {
			t.Errorf("without %s: %v", name, p.BehindPrimary())
		}
	}
	if p := (&Pool{UserPool: &UserPool{Replica: Replica{}}}); p.BehindPrimary() != No {
		t.Errorf("without replicas: %v", p.BehindPrimary())
	}
}

// TestIdle checks that only an active replica has a verdict.
func TestIdle(t *testing.T) {
	good, sandboxed := through("eu-central-1", "example.com"), through("eu-central-1", "example.org")
	for status, want := range map[string]struct {
		idle, good, bad Tri
		kind            QuotaKind
	}{
		ReplicaActive: {No, Yes, No, QuotaSend}, "": {Unknown, Unknown, No, QuotaSend},
		ReplicaInactive: {Yes, Unknown, Unknown, QuotaNone}, ReplicaCreating: {Yes, Unknown, Unknown, QuotaNone}, ReplicaDeleting: {Yes, Unknown, Unknown, QuotaNone},
	} {
		_, p := replicated(good, good, status, verified("example.com"))
		if p.Replica.Idle() != want.idle || p.Ready != want.good || p.Quota.Kind != want.kind || p.Blocked() != nil {
			t.Errorf("%q: idle %v, ready %v, quota %q, blocked %v", status, p.Replica.Idle(), p.Ready, p.Quota.Kind, p.Blocked())
		}
		_, p = replicated(good, sandboxed, status, verified("example.com"))
		if p.Ready != want.bad || (p.Holds(IdentityMissing) == Yes) != (want.bad == No) || want.bad != No && p.Holds(IdentityMissing) != No {
			t.Errorf("%q, blocked: ready %v, %v", status, p.Ready, p.Blocked())
		}
	}
	if r := (Replica{Status: ReplicaInactive}); r.Idle() != No {
		t.Errorf("without replicas: %v", r.Idle())
	}
}

// TestReplicaFresh checks that role and status end like other facts.
func TestReplicaFresh(t *testing.T) {
	r := Reading{Pools: []UserPool{{ID: "1", Listed: now.Add(time.Hour), Confirmed: now.Add(time.Hour), Replica: Replica{Replicated: true, Role: Primary, Status: ReplicaActive, Confirmed: now}}}}
	if got := r.Fresh(now).Pools[0].Replica; got != r.Pools[0].Replica {
		t.Errorf("%+v", got)
	}
	if got := r.Fresh(now.Add(1)).Pools[0].Replica; got != (Replica{Replicated: true}) {
		t.Errorf("stale: %+v", got)
	}
	if got := r.OldestAfter(time.Time{}); !got.Equal(now) {
		t.Errorf("oldest %s", got)
	}
	again := Reading{Pools: []UserPool{r.Pools[0]}}
	if again.Pools[0].Replica.Confirmed = now.Add(time.Minute); !r.SameFacts(&again) {
		t.Error("a later confirmation is another fact")
	}
	for _, change := range []func(*Replica){func(r *Replica) { r.Status = ReplicaInactive }, func(r *Replica) { r.Role = Secondary }, func(r *Replica) { *r = Replica{} }} {
		again.Pools[0].Replica = r.Pools[0].Replica
		if change(&again.Pools[0].Replica); r.SameFacts(&again) {
			t.Errorf("%+v is the same", again.Pools[0].Replica)
		}
	}
}
