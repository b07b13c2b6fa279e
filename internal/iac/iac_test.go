package iac

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

var update = flag.Bool("update", false, "write the golden files")

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const account = "111122223333"

// ses are the SES accounts that plans are judged with: production in eu-west-1,
// the sandbox in us-east-1 and us-west-1.
func ses() []inventory.Reading {
	var all []inventory.Reading
	for _, region := range []string{"eu-west-1", "us-east-1", "us-west-1"} {
		r := inventory.Reading{
			Target: inventory.Target{AccountID: account, Region: region, SESOnly: true}, IdentitiesListed: now,
			SES: &inventory.SESState{
				Confirmed: now, Sandbox: inventory.Known(region != "eu-west-1"), SendingEnabled: inventory.Yes, Enforcement: "HEALTHY", Review: "NONE",
				Quota: inventory.SendQuota(50000, 100),
			},
			ConfigurationSets: []inventory.ConfigurationSet{{Name: "login", SendingEnabled: inventory.Yes, Confirmed: now}},
		}
		for name, verified := range map[string]inventory.Tri{"example.com": inventory.Yes, "unverified.example": inventory.No} {
			r.Identities = append(r.Identities, inventory.Identity{
				Name: name, Confirmed: now, Status: "SUCCESS", Verified: verified, SendingEnabled: verified, Detailed: now,
				Details: &inventory.IdentityDetails{DKIM: inventory.DKIM{Status: "SUCCESS"}},
			})
		}
		slices.SortFunc(r.Identities, func(a, b inventory.Identity) int { return strings.Compare(a.Name, b.Name) })
		all = append(all, r)
	}
	return all
}

var builtin = sync.OnceValues(func() (*rules.Set, error) { return rules.Load(rules.Options{}, rules.Builtin()...) })

func unknown(s string) string { return cmp.Or(s, "?") }

// judged shows what the rules say of a plan.
func judged(t *testing.T, p *Plan, live []inventory.Reading) string {
	t.Helper()
	set, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	j := set.Judge(inventory.New(now, p.Join(now, live), inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion}))
	var b strings.Builder
	for pool := range j.Pools() {
		at := pool.Planned
		fmt.Fprintf(&b, "\n%s %s at %s:%d\n", at.Action, at.Resource, filepath.ToSlash(at.File), at.Line)
		id := ""
		if pool.ID != at.Resource {
			id = " " + pool.ID
		}
		s := pool.Settings
		fmt.Fprintf(&b, "  in %s %s%s: %s %s", unknown(pool.Target.AccountID), unknown(pool.Target.Region), id, pool.Mode(), s.ModeSource())
		if pool.Identity != "" {
			fmt.Fprintf(&b, " as %s in %s", pool.Identity, unknown(pool.IdentityRegion))
		}
		fmt.Fprintf(&b, ", ready %s\n", pool.Ready)
		if names := s.Pending.Names(); names != nil {
			fmt.Fprintf(&b, "  open: %s\n", strings.Join(names, " "))
		}
		if len(pool.Blocked()) > 0 {
			fmt.Fprintf(&b, "  blocked: %v\n", pool.Blocked())
		}
		if len(pool.Undecided()) > 0 {
			fmt.Fprintf(&b, "  undecided: %v\n", pool.Undecided())
		}
	}
	b.WriteString("\n")
	for _, f := range j.Findings() {
		fmt.Fprintf(&b, "%s %s %s:%d: %s\n", f.Severity, f.Rule, f.Resource, f.Line, f.Message)
	}
	for i, c := range j.Total {
		if c.Errors > 0 {
			t.Errorf("rule %s failed: %s", j.Rules.Rules()[i].ID, c.FirstError)
		}
	}
	return b.String()
}

// TestGolden judges plans and templates offline, and with SES as it is: the
// findings are those of the golden file beside each, and no others.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/tf-*.json")
	if err != nil {
		t.Fatal(err)
	}
	templates, err := filepath.Glob("testdata/c[fd][nk]*")
	if err != nil {
		t.Fatal(err)
	}
	templates = slices.DeleteFunc(templates, func(name string) bool { return strings.HasSuffix(name, ".golden") })
	if len(files) != 12 || len(templates) != 6 {
		t.Fatalf("%d plans and %d templates", len(files), len(templates))
	}
	for _, file := range append(files, templates...) {
		d, err := Open(file)
		if err != nil {
			t.Error(err)
			continue
		}
		offline := d.Plan(inventory.Key{})
		notes := ""
		if len(offline.Notes) > 0 {
			notes = "note: " + strings.Join(offline.Notes, "\nnote: ") + "\n"
		}
		got := string(d.Format) + "\n" + notes + "\n# offline\n" + judged(t, offline, nil) + "\n# with SES of " + account + ", by default in eu-west-1\n" + judged(t, d.Plan(inventory.Key{AccountID: account, Region: "eu-west-1"}), ses())
		if strings.Contains(got, "secret") {
			t.Errorf("%s: something sensitive is shown:\n%s", file, got)
		}
		golden := file + ".golden"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(golden); err != nil || string(want) != got {
			t.Errorf("%s: got\n%s\nwant\n%s%v", file, got, want, err)
		}
	}
}
