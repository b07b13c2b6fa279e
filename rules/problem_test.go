package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const problemRules = `
rules:
  - {id: sandbox, severity: critical, for_each: pool, cause: sandbox, summary: Sandbox, remedy: Fix, when: pool.blocked_by.sandbox, message: '"in " + pool.identity_region'}
  - {id: any, severity: warning, for_each: pool, cause: blocked, summary: Any, remedy: Fix, when: pool.name == "a" || pool.name == "c"}
  - {id: own, severity: warning, for_each: pool, summary: Own, remedy: Fix, when: pool.name == "b"}
  - {id: near, severity: warning, for_each: pool, cause: default_quota, summary: Near, remedy: Fix, when: pool.mode == "COGNITO_DEFAULT", message: pool.name}
  - {id: stale, severity: warning, for_each: pool, cause: target, summary: Stale, remedy: Fix, when: pool.mode != ""}
  - {id: paused, severity: critical, for_each: account, summary: Paused, remedy: Fix, when: account.sandbox}
  - {id: pending, severity: warning, for_each: identity, summary: Pending, remedy: Fix, when: '!identity.verified'}
`

// region returns what is read of a region: an SES account in the sandbox, an
// identity that is not verified, and a pool for each mode.
func region(modes ...inventory.Mode) inventory.Reading {
	const account = "111122223333"
	r := inventory.Reading{
		Target: inventory.Target{AccountID: account, AccountName: "main", Region: "eu-west-1"}, PoolsListed: now, IdentitiesListed: now,
		SES:        &inventory.SESState{Confirmed: now, Sandbox: inventory.Yes},
		Identities: []inventory.Identity{{Name: "Example.com", Confirmed: now, Verified: inventory.No}},
	}
	for i, mode := range modes {
		e := inventory.EmailConfiguration{Mode: mode}
		if mode == inventory.ModeDeveloper {
			e.SourceARN, e.From = "arn:aws:ses:eu-west-1:"+account+":identity/example.com", "a@example.com"
		}
		s := settings(account, e)
		s.Tags = map[string]string{"team": "shop"}
		r.Pools = append(r.Pools, inventory.UserPool{ID: fmt.Sprint("eu-west-1_", i), Name: string(rune('a' + i)), Listed: now, Confirmed: now, Settings: s})
	}
	return r
}

func judged(t *testing.T, s *Set, readings ...inventory.Reading) (*inventory.Account, []Finding) {
	t.Helper()
	a := inventory.Judge(now, readings, inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion})
	return a, s.Evaluate(a).Findings
}

// listed says which problems there are, with the pools behind each.
func listed(problems []Problem) string {
	var all []string
	for _, p := range problems {
		var pools []string
		for _, b := range p.Behind {
			pools = append(pools, b.Name+b.Tags["team"])
		}
		line := fmt.Sprintf("%s %s: %s (%s)", p.Rule, p.Cause, p.Message, strings.Join(pools, " "))
		if p.LastKnown {
			line += " last known"
		}
		all = append(all, line)
	}
	return strings.Join(all, "\n")
}

func refs(findings []Finding) []*Finding {
	var all []*Finding
	for i := range findings {
		all = append(all, &findings[i])
	}
	return all
}

func TestProblems(t *testing.T) {
	const d, b = inventory.ModeDeveloper, inventory.ModeDefault
	_, findings := judged(t, mustLoad(t, Options{}, problemRules), region(d, d, b, b, d))
	want := strings.Join([]string{
		"any identity/eu-west-1/example.com: Any (ashop)",
		"any pool/eu-west-1/eu-west-1_2: Any (cshop)",
		"near default_quota/eu-west-1: Near (cshop dshop)",
		"own pool/eu-west-1/eu-west-1_1: Own (bshop)",
		"paused ses_account/eu-west-1: Paused (ashop bshop eshop)",
		"pending identity/eu-west-1/example.com: Pending (ashop bshop eshop)",
		"sandbox ses_account/eu-west-1: in eu-west-1 (ashop bshop eshop)",
		"stale target/eu-west-1: Stale (ashop bshop cshop dshop eshop)",
	}, "\n")
	if got := listed(Problems(refs(findings), nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// What some pools are known to have, and others had, is one problem.
	var now []*Finding
	var earlier []Seen
	for i, f := range findings {
		switch {
		case f.Rule == "sandbox" && f.PoolName != "e":
			now = append(now, &findings[i])
		case f.Rule == "sandbox" || f.Rule == "own":
			earlier = append(earlier, Seen{Finding: f})
		}
	}
	earlier = append(earlier, Seen{Finding: *now[0]})
	want = "own pool/eu-west-1/eu-west-1_1: Own (bshop) last known\nsandbox ses_account/eu-west-1: in eu-west-1 (ashop bshop eshop)"
	if got := listed(Problems(now, earlier)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// Reasons are problems of their own.
	a, _ := judged(t, loadBuiltin(t), region(d, d))
	var reasons []string
	for _, p := range Problems(Blocked(a), nil) {
		reasons = append(reasons, fmt.Sprint(p.Reason, " ", p.Severity, " ", p.Cause, " ", len(p.Behind)))
	}
	if got, want := strings.Join(reasons, "\n"), "identity_unverified critical identity/eu-west-1/example.com 2\nsandbox critical ses_account/eu-west-1 2"; got != want {
		t.Errorf("reasons\n%s\nwant\n%s", got, want)
	}
	if len(now[0].Behind) != 1 {
		t.Errorf("the finding's own pools have changed to %v", now[0].Behind)
	}
}

func TestRemember(t *testing.T) {
	all := "any near own paused pending sandbox"
	set := mustLoad(t, Options{}, problemRules)
	before := region(inventory.ModeDeveloper, inventory.ModeDeveloper, inventory.ModeDefault)
	_, findings := judged(t, set, before)
	seen := make([]Seen, 0, len(findings))
	for _, f := range findings {
		seen = append(seen, Seen{f, now.Add(-time.Hour)})
	}
	off := false
	for name, tt := range map[string]struct {
		set    *Set
		change func(*inventory.Reading)
		want   string
	}{
		"still found":      {change: func(*inventory.Reading) {}},
		"nothing is read":  {change: func(r *inventory.Reading) { *r = inventory.Reading{Target: r.Target} }, want: all},
		"still to be read": {change: func(r *inventory.Reading) { *r = inventory.Reading{Target: r.Target, Unread: true} }, want: all},
		"another region": {change: func(r *inventory.Reading) {
			*r = inventory.Reading{Target: inventory.Target{AccountID: r.Target.AccountID, Region: "us-east-1"}}
		}},
		"switched off": {change: func(r *inventory.Reading) {
			*r = inventory.Reading{Target: r.Target, Outcomes: []inventory.Outcome{{API: inventory.APICognito, Class: inventory.RegionDisabled}}}
		}},
		"all pools deleted":      {change: func(r *inventory.Reading) { r.Pools = nil }},
		"pools not listed":       {change: func(r *inventory.Reading) { r.Pools, r.PoolsListed = nil, time.Time{} }, want: "any near own sandbox"},
		"pools not described":    {change: func(r *inventory.Reading) { r.Pools[0].Settings, r.Pools[2].Settings = nil, nil }, want: "near sandbox"},
		"SES not known":          {change: func(r *inventory.Reading) { r.SES = nil }, want: "paused sandbox"},
		"SES out of the sandbox": {change: func(r *inventory.Reading) { s := *r.SES; s.Sandbox = inventory.No; r.SES = &s }},
		"identity deleted":       {change: func(r *inventory.Reading) { r.Identities = nil }},
		"identities not listed":  {change: func(r *inventory.Reading) { r.Identities, r.IdentitiesListed = nil, time.Time{} }, want: "pending"},
		"rule off": {
			set:    mustLoad(t, Options{Overrides: map[string]Override{"sandbox": {Enabled: &off}}}, problemRules),
			change: func(r *inventory.Reading) { *r = inventory.Reading{Target: r.Target} }, want: "any near own paused pending",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := before, set
			r.Pools = slices.Clone(r.Pools)
			tt.change(&r)
			if tt.set != nil {
				s = tt.set
			}
			a, now := judged(t, s, r)
			open := s.Remember(a, refs(now), append(slices.Clone(seen), seen...))
			var ids []string
			for _, o := range open {
				ids = append(ids, o.Rule)
				if o.At != seen[0].At {
					t.Errorf("%s was seen at %v", o.Rule, o.At)
				}
			}
			slices.Sort(ids)
			if got := strings.Join(slices.Compact(ids), " "); got != tt.want {
				t.Errorf("remembers %q, want %q", got, tt.want)
			}
			if len(open) > len(seen) {
				t.Errorf("remembers %d findings of %d", len(open), len(seen))
			}
		})
	}
}

func TestCauseWord(t *testing.T) {
	_, err := Load(Options{}, File{"test.yaml", []byte(strings.Replace(problemRules, "cause: sandbox", "cause: account", 1))})
	if err == nil || !strings.Contains(err.Error(), "cause must be blocked, pool, ") || !strings.Contains(err.Error(), ", sandbox, ") || !strings.Contains(err.Error(), `, not "account"`) {
		t.Errorf("%v", err)
	}
}
