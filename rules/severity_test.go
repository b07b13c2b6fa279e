package rules

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestCriticalWhen checks how bad findings are, and that they are counted so.
func TestCriticalWhen(t *testing.T) {
	const rule = `
rules:
  - {id: it, severity: warning, for_each: pool, cause: ses_account, summary: It, remedy: Fix it., when: pool.mode != "", params: {name: b}, critical_when: '%s'}
`
	for name, tt := range map[string]struct {
		critical string
		override Override
		want     string // by pool
		raised   int
		errors   int
	}{
		"some":              {critical: `pool.name == params.name`, want: "b critical, a warning, c warning", raised: 1},
		"by the override":   {critical: `pool.name == params.name`, override: Override{Params: params(t, "{name: c}")}, want: "c critical, a warning, b warning", raised: 1},
		"none":              {critical: `pool.name == "x"`, want: "a warning, b warning, c warning"},
		"unknown":           {critical: `pool.failures.throttled > 0`, want: "a warning, b warning, c warning"},
		"an error":          {critical: `int(pool.name) > 1`, want: "a warning, b warning, c warning", errors: 3},
		"switched off":      {critical: `true`, override: Override{Severity: Info}, want: "a info, b info, c info"},
		"switched off, too": {critical: `true`, override: Override{Severity: Warning}, want: "a warning, b warning, c warning"},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustLoad(t, Options{Overrides: map[string]Override{"it": tt.override}}, fmt.Sprintf(rule, tt.critical))
			if shown := s.Rules()[0].CriticalWhen; (shown == "") != (tt.override.Severity != "") || shown != "" && shown != tt.critical {
				t.Errorf("the rule shows %q", shown)
			}
			j := s.Judge(inventory.New(now, []inventory.Reading{region(inventory.ModeDeveloper, inventory.ModeDeveloper, inventory.ModeDeveloper)}, inventory.Policy{}))
			var found []string
			for _, f := range j.Findings() {
				found = append(found, f.PoolName+" "+string(f.Severity))
			}
			if got := strings.Join(found, ", "); got != tt.want {
				t.Errorf("findings %s, want %s", got, tt.want)
			}
			if c := j.Total[0]; c.Findings != 3 || c.Raised != tt.raised || c.Errors != tt.errors {
				t.Errorf("%+v", c)
			}
			// A problem is as bad as the worst of its findings, in any order.
			for _, findings := range [][]Finding{j.Findings(), reversed(j.Findings())} {
				worst := j.Findings()[0].Severity
				if p := Problems(refs(findings), nil); len(p) != 1 || p[0].Severity != worst || len(p[0].Behind) != 3 {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

func reversed(findings []Finding) (all []Finding) {
	for i := range findings {
		all = append(all, findings[len(findings)-1-i])
	}
	return all
}

// TestSeverityOfTests checks that a rule's tests are of the severity in its file.
func TestSeverityOfTests(t *testing.T) {
	const rule = `
rules:
  - id: it
    severity: info
    for_each: account
    summary: It
    when: account.pools > 0
    critical_when: account.sign_in_pools > 1
    remedy: Fix it.
    tests:
      - {name: one, account: {pools: 2, sign_in_pools: 1}, fires: true, severity: info}
      - {name: two, account: {pools: 2, sign_in_pools: 2}, fires: true, severity: critical}
      - {name: unknown, account: {pools: 2}, fires: true, severity: info}
`
	for _, o := range []Options{{}, {Overrides: map[string]Override{"it": {Severity: Warning}}}} {
		if err := mustLoad(t, o, rule).Test(); err != nil {
			t.Error(err)
		}
	}
}

// TestBuiltinRise checks that every warning of the built-in rules that rises has
// tests of both severities.
func TestBuiltinRise(t *testing.T) {
	rise := 0
	for _, r := range loadBuiltin(t).rules {
		if r.CriticalWhen == "" {
			continue
		}
		rise++
		seen := map[string]bool{}
		for _, test := range r.text.tests {
			seen[test.severity.Text] = true
		}
		delete(seen, "")
		if want := map[string]bool{"critical": true, string(r.Severity): true}; !reflect.DeepEqual(seen, want) {
			t.Errorf("rule %s has tests of the severities %v", r.ID, seen)
		}
	}
	if rise < 5 {
		t.Errorf("%d rules rise", rise)
	}
}
