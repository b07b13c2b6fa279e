package config

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with the file, or rewrites the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not as in %s\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

// files returns the test files whose names begin with prefix.
func files(t testing.TB, prefix string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("testdata", prefix+"*.yaml"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no test files %s*.yaml: %v", prefix, err)
	}
	return found
}

// Each invalid-NAME.yaml holds one mistake, and invalid-NAME.err what is said of it.
func TestInvalidFiles(t *testing.T) {
	for _, file := range files(t, "invalid-") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, err := Load(file)
			if err == nil {
				t.Fatalf("loaded as\n%s", c.Redacted())
			}
			if c != nil {
				t.Error("a configuration came with the error")
			}
			if strings.Contains(err.Error(), "to-be-printed") {
				t.Error("the error shows a secret")
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".err", err.Error()+"\n")
		})
	}
}

// Each valid-NAME.yaml has its effective configuration in valid-NAME.golden.
func TestValidFiles(t *testing.T) {
	for _, file := range files(t, "valid-") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			got := c.Redacted()
			if strings.Contains(got, "to-be-printed") {
				t.Error("the effective configuration shows a secret")
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", got)
		})
	}
}

func TestDefault(t *testing.T) {
	c, err := Parse("empty.yaml", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := Default().Redacted(), c.Redacted(); got != want {
		t.Errorf("Default() is\n%s\nwant that of an empty file:\n%s", got, want)
	}
}

// A default that follows from another value must not be in its way.
func TestDerivedDefaults(t *testing.T) {
	for _, tt := range []struct {
		file                                          string
		timeout, staleAfter, describe, requestTimeout string
	}{
		{"{}", "5m", "15m", "6h", "15s"},
		{"interval: 10s", "10s", "30s", "6h", "10s"},
		{"interval: 12h", "12h", "1d12h", "12h", "15s"},
		{"interval: 90d", "90d", "270d", "90d", "15s"},
		{"timeout: 5s", "5s", "15m", "6h", "5s"},
		{"{interval: 1m, stale_after: 2m, describe_max_age: 1m}", "1m", "2m", "1m", "15s"},
		{"interval:", "5m", "15m", "6h", "15s"},
	} {
		c, err := Parse("x", []byte(tt.file))
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		got := []model.Duration{c.Timeout, c.StaleAfter, c.DescribeMaxAge, c.RequestTimeout}
		for i, want := range []string{tt.timeout, tt.staleAfter, tt.describe, tt.requestTimeout} {
			if got[i].String() != want {
				t.Errorf("%q: timeout, stale_after, describe_max_age, request_timeout are %v; number %d should be %s", tt.file, got, i+1, want)
			}
		}
	}
}

func TestLoadUnreadable(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.yaml")
	for path, want := range map[string]string{
		missing: missing + ": the file cannot be read: no such file or directory",
		dir:     dir + ": the file cannot be read: it must be a regular file, not a directory",
	} {
		if c, err := Load(path); c != nil || err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// The rules of a file with mistakes come with the error, so that the rule files
// can be checked as well.
func TestInvalidRules(t *testing.T) {
	_, err := Parse("x", []byte(`{interval: 1s, rules: {builtin: false, files: [a.yaml, "", [b]], overrides: {c: {enabled: false}}}}`))
	var invalid *Invalid
	if !errors.As(err, &invalid) {
		t.Fatalf("error %v is no *Invalid", err)
	}
	if r := invalid.Rules; r.Builtin || !slices.Equal(r.Files, []string{"a.yaml"}) || *r.Overrides["c"].Enabled || r.Overrides["c"].At.String() != "x:1:78" {
		t.Errorf("the rules are %+v", r)
	}
}

// targets are the listed accounts in their regions, sorted.
func targets(c *Config) []inventory.Target {
	var all []inventory.Target
	for _, a := range c.Listed() {
		for _, r := range a.Regions {
			all = append(all, inventory.Target{AccountID: a.ID, AccountName: a.Name, Region: r})
		}
	}
	slices.SortFunc(all, func(a, b inventory.Target) int { return a.Key().Compare(b.Key()) })
	return all
}

func TestListed(t *testing.T) {
	type target = inventory.Target
	const role = "role_arn: arn:aws:iam::%s:role/r"
	account := func(id, more string) string {
		return fmt.Sprintf("{id: %q, "+role+", %s}", id, id, more)
	}
	for _, tt := range []struct {
		name, file string
		want       []target
	}{
		{"nothing", "{}", []target{{}}},
		{"ambient account", "regions: [us-east-1, eu-west-1]", []target{{Region: "eu-west-1"}, {Region: "us-east-1"}}},
		{
			"ambient account by its id", `{regions: [eu-west-1], accounts: [{id: "111122223333", name: a}]}`,
			[]target{{AccountID: "111122223333", AccountName: "a", Region: "eu-west-1"}},
		},
		{
			"sorted by account and region",
			"regions: [us-east-1, eu-west-1]\naccounts: [" + account("222222222222", "name: b") + ", " + account("111111111111", "name: a") + "]",
			[]target{
				{AccountID: "111111111111", AccountName: "a", Region: "eu-west-1"},
				{AccountID: "111111111111", AccountName: "a", Region: "us-east-1"},
				{AccountID: "222222222222", AccountName: "b", Region: "eu-west-1"},
				{AccountID: "222222222222", AccountName: "b", Region: "us-east-1"},
			},
		},
		{
			"own regions replace the global ones",
			"regions: [us-east-1]\naccounts: [" + account("111111111111", "regions: [eu-west-1]") + ", " + account("222222222222", "regions: []") + "]",
			[]target{{AccountID: "111111111111", Region: "eu-west-1"}, {AccountID: "222222222222", Region: "us-east-1"}},
		},
		{"no ambient account beside an organization", "{regions: auto, organization: {member_role_name: r}}", nil},
		{
			"accounts beside an organization", "{regions: auto, organization: {member_role_name: r}, accounts: [{id: 111122223333}]}",
			[]target{{AccountID: "111122223333", Region: "auto"}},
		},
		{
			"own regions only", "accounts: [" + account("111111111111", "regions: [eu-west-1]") + "]",
			[]target{{AccountID: "111111111111", Region: "eu-west-1"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse("x", []byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			same := func(a, b target) bool {
				return a.Key() == b.Key() && a.AccountName == b.AccountName && !a.SESOnly && a.Identities == nil
			}
			if got := targets(c); !slices.EqualFunc(got, tt.want, same) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestTagLabels(t *testing.T) {
	c, err := Parse("x", []byte(`tags: [team, Cost-Center, "aws:cloudformation:stack-name", "größe 1"]`))
	if err != nil {
		t.Fatal(err)
	}
	want := []TagLabel{
		{"team", "tag_team"},
		{"Cost-Center", "tag_cost_center"},
		{"aws:cloudformation:stack-name", "tag_aws_cloudformation_stack_name"},
		{"größe 1", "tag_gr__e_1"},
	}
	if got := c.TagLabels(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestIdentitiesMatches(t *testing.T) {
	for _, tt := range []struct{ identities, matching, other string }{
		{`{}`, "example.com", ""},
		{`{include: ['example\.com']}`, "example.com", "mail.example.com"},
		{`{include: [a, b]}`, "b", "ab"},
		{`{include: ['a|b']}`, "b", "bc"}, // The anchors bind all alternatives.
		{`{exclude: ['.*@example\.com']}`, "example.com", "noreply@example.com"},
		{`{include: ['.*\.com'], exclude: ['b.*']}`, "a.com", "b.com"},
	} {
		c, err := Parse("x", []byte("identities: "+tt.identities))
		if err != nil {
			t.Fatal(err)
		}
		if !c.Identities.Matches(tt.matching) {
			t.Errorf("%s does not match %s", tt.identities, tt.matching)
		}
		if tt.other != "" && c.Identities.Matches(tt.other) {
			t.Errorf("%s matches %s", tt.identities, tt.other)
		}
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	const text = "not-to-be-printed"
	c, err := Parse("x", []byte(`{regions: [eu-west-1], accounts: [{id: "111122223333", role_arn: "arn:aws:iam::111122223333:role/r", external_id: `+text+`}]}`))
	if err != nil {
		t.Fatal(err)
	}
	a := c.Accounts[0]
	if string(a.ExternalID) != text {
		t.Fatalf("the secret itself is %s", string(a.ExternalID))
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("Account", "secret", a.ExternalID)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("Account", "secret", a.ExternalID, "account", a)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{c.Redacted(), a.ExternalID.String(), log.String(), string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, a.ExternalID), fmt.Sprintf(verb, a), fmt.Sprintf(verb, c))
	}
	for _, s := range shown {
		if strings.Contains(s, text) || strings.Contains(s, hex.EncodeToString([]byte(text))) {
			t.Errorf("the secret is shown in %s", s)
		}
	}
	if want := "external_id: <secret>\n"; !strings.Contains(shown[0], want) {
		t.Errorf("the effective configuration does not say %q:\n%s", want, shown[0])
	}
}

// Small files that stand for very large ones are refused, and soon.
func TestBombs(t *testing.T) {
	const line = "abcdefghijklmnopqrstuvwxyz-0123456789-abcdefghijklmnopqr"
	repeat := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	// Ten references each to what the line before stands for.
	tenfold := func(first string, n int, format string) string {
		var b strings.Builder
		b.WriteString(first)
		for i := range n {
			fmt.Fprintf(&b, format, i+1, strings.Repeat(fmt.Sprintf("*l%d, ", i), 10))
		}
		return b.String()
	}
	laughs := tenfold("regions: &l0 [lol]\n", 30, "x: &l%d [%s]\n")
	merges := tenfold("accounts:\n- &l0 {id: 1}\n", 15, "- &l%d {<<: [%s]}\n")
	for _, tt := range []struct{ name, file, want string }{
		{"laughs", laughs, "aliases make the file larger than 8388608 bytes"},
		{"merges", merges, "aliases make the file larger than 8388608 bytes"},
		{"merging itself", "identities: &a {<<: [*a, *a, *a]}\n", "alias a contains itself"},
		{"list of itself", "regions: &a [*a]\n", "alias a contains itself"},
		{"accounts by regions", "regions: &r [" + repeat(20_000, "r%d, ") + "]\naccounts:\n" + strings.Repeat("- {regions: *r}\n", 5_000), "aliases make the file larger than"},
		{"long text, often", "tags: [&t " + strings.Repeat("x", 1<<19) + strings.Repeat(", *t", 50_000) + "]\n", "aliases make the file larger than"},
		{"unknown regions", "regions: [" + repeat(10_000, "%d-"+line+", ") + "]\n", "more mistakes were found; 100 are listed"},
		{"near regions", "regions: [" + repeat(50_000, "eu-west-%d, ") + "]\n", "more mistakes were found; 100 are listed"},
		{"unknown keys", repeat(50_000, "intervall%d: 1\n"), "more mistakes were found; 100 are listed"},
		{"deep", "regions: " + strings.Repeat("[", 100_000), "not valid YAML"},
		{"too large", strings.Repeat("# padding\n", 1<<20/10+1), "x.yaml: the file is larger than 1048576 bytes, the most that is allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := Parse("x.yaml", []byte(tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %.300v, want %s", err, tt.want)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range append(files(f, ""), "../../config.example.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("interval: 200d"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("x.yaml", data)
		if (c == nil) == (err == nil) {
			t.Fatalf("configuration %v with error %v", c, err)
		}
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "x.yaml:") {
					t.Errorf("an error does not begin with the file: %q", line)
				}
			}
			return
		}
		targets := targets(c)
		seen := map[inventory.Key]bool{}
		for _, target := range targets {
			if seen[target.Key()] {
				t.Errorf("target %v is there twice", target)
			}
			seen[target.Key()] = true
		}
		if len(targets) == 0 && !c.Organization.Enabled() {
			t.Error("no targets")
		}
		if c.Organization.ExternalID != "" || slices.ContainsFunc(c.Accounts, func(a Account) bool { return a.ExternalID != "" }) {
			return // What hides a secret cannot be read again.
		}
		shown := c.Redacted()
		again, err := Parse("again.yaml", []byte(shown))
		if err != nil {
			t.Fatalf("%v, for the effective configuration\n%s", err, shown)
		}
		if got := again.Redacted(); got != shown {
			t.Errorf("read again, the effective configuration is\n%s\nwant\n%s", got, shown)
		}
	})
}
