package inventory

import (
	"slices"
	"testing"
	"time"
)

func TestSignInEmail(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings *Settings
		details  *Details
		want     Tri
	}{
		{"not described", nil, &Details{EmailMFA: Detail{Value: Yes}}, Unknown},
		{"without MFA", &Settings{MFA: No}, nil, No},
		{"without MFA, with its template", &Settings{MFA: No}, &Details{EmailMFA: Detail{Value: Yes}}, No},
		{"one-time passwords", &Settings{MFA: No, EmailOTP: true}, nil, Yes},
		{"one-time passwords, factors not known", &Settings{MFA: Yes, EmailOTP: true}, nil, Yes},
		{"MFA, factors not known", &Settings{MFA: Yes}, nil, Unknown},
		{"MFA, another detail known", &Settings{MFA: Yes}, &Details{NotificationLog: Detail{Value: Yes}}, Unknown},
		{"MFA by e-mail", &Settings{MFA: Yes}, &Details{EmailMFA: Detail{Value: Yes}}, Yes},
		{"MFA otherwise", &Settings{MFA: Yes}, &Details{EmailMFA: Detail{Value: No}}, No},
		{"nothing known of MFA", &Settings{}, nil, Unknown},
	} {
		up := UserPool{Settings: tt.settings, Details: tt.details}
		if got := up.SignInEmail(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestRecoveryMechanisms(t *testing.T) {
	for recovery, want := range map[string][]string{
		"": {}, "admin_only": {"admin_only"}, LegacyRecovery: {"verified_phone_number", "verified_email"},
	} {
		if got := (&Settings{Recovery: recovery}).RecoveryMechanisms(); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", recovery, got, want)
		}
	}
}

// TestDetailsEnd has details end each by itself, DetailsEvery later than other
// facts.
func TestDetailsEnd(t *testing.T) {
	read, later, every := time.Unix(1e9, 0), time.Unix(1e9+60, 0), time.Hour
	r := Reading{DetailsEvery: every, Pools: []UserPool{
		{ID: "both", Listed: later.Add(every), Details: &Details{EmailMFA: Detail{Yes, read}, NotificationLog: Detail{No, later}}},
		{ID: "one", Listed: later.Add(every), Details: &Details{NotificationLog: Detail{Yes, read}}},
		{ID: "none", Listed: later.Add(every)},
	}}
	if got := r.OldestAfter(time.Time{}); !got.Equal(read.Add(every)) {
		t.Errorf("the oldest fact ends by %s, want %s", got, read.Add(every))
	}
	if got := r.OldestAfter(read.Add(every)); !got.Equal(later.Add(every)) {
		t.Errorf("the next one ends by %s, want %s", got, later.Add(every))
	}
	all := r.Fresh(read.Add(every))
	if &all.Pools[0] != &r.Pools[0] {
		t.Error("pools of which nothing is stale are not shared")
	}
	some := r.Fresh(read.Add(every + 1))
	if got := some.Pools[0].Details; got == nil || *got != (Details{NotificationLog: Detail{No, later}}) {
		t.Errorf("of both are left %+v", got)
	}
	if some.Pools[1].Details != nil || r.Pools[1].Details == nil || r.Pools[0].Details.EmailMFA.Value != Yes {
		t.Errorf("left is %+v, of %+v", some.Pools, r.Pools)
	}
	if none := r.Fresh(later.Add(every)); none.Pools[0].Details == nil || len(none.Pools) != 3 {
		t.Errorf("left is %+v", none.Pools)
	}

	for name, change := range map[string]func(*UserPool){
		"MFA": func(p *UserPool) {
			p.Details = &Details{EmailMFA: Detail{No, read}, NotificationLog: Detail{No, later}}
		},
		"log": func(p *UserPool) {
			p.Details = &Details{EmailMFA: Detail{Yes, read}, NotificationLog: Detail{Yes, later}}
		},
	} {
		a, b := r, r
		a.Pools, b.Pools = slices.Clone(r.Pools[:1]), slices.Clone(r.Pools[:1])
		a.Pools[0].Settings = &Settings{MFA: Yes}
		b.Pools[0].Settings = a.Pools[0].Settings
		b.Pools[0].Details = &Details{EmailMFA: Detail{Yes, later}, NotificationLog: Detail{No, read}}
		if !a.SameFacts(&b) {
			t.Error("details that were only read again are other facts")
		}
		if change(&b.Pools[0]); a.SameFacts(&b) {
			t.Errorf("another %s is the same facts", name)
		}
	}
}
