package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/config"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/estimate"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// estimated is a fleet of the simulation, with the flags that describe what the
// number of its pools does not.
type estimated struct {
	name   string
	config string
	flags  estimateFlags
	fleet  *awssim.Fleet
}

// somewhere is a region with pools: half of them on the built-in sender, of
// which the first ones have sign-ups, and so many of all with MFA.
func somewhere(account, region string, pools, signUps, mfa int) *awssim.Region {
	r := &awssim.Region{
		SES:        awssim.SES{ProductionAccess: true, SendingEnabled: true, Enforcement: "HEALTHY", Max24HourSend: 50000, MaxSendRate: 14},
		Identities: []awssim.Identity{{Name: "example.com", Status: "SUCCESS", Verified: true, SendingEnabled: true}},
	}
	for i := range pools {
		p := awssim.Pool{Name: fmt.Sprintf("pool-%d", i), AutoVerified: []string{"email"}}
		if i%2 == 1 {
			p.Mode, p.SourceARN, p.From = "DEVELOPER", "arn:aws:ses:"+region+":"+account+":identity/example.com", "no-reply@example.com"
		} else if signUps > 0 {
			p.Traffic.PerHour = map[string]float64{"SignUp": 4, "ForgotPassword": 4}
			signUps--
		}
		if i < mfa {
			p.MFA = "ON"
		}
		r.Pools = append(r.Pools, p)
	}
	return r
}

func accountID(n int) string { return fmt.Sprintf("1000000000%02d", n) }

// estimatedFleets are one account, some that are listed, organizations with each
// way of finding regions, and the other sources of usage. Their slow clocks are
// faster than by default, so that a few hours show each of them more than once.
func estimatedFleets() []estimated {
	const quota = "default_quota: {limit: 1000000}\ndescribe_max_age: 115m\nidle_interval: 2h\n"
	one := estimated{
		name: "one account", config: "regions: [eu-west-1]\n" + quota, flags: estimateFlags{builtIn: 0.5, signUp: 0.1, clients: 1, mfa: 0.1, identities: 1},
		fleet: &awssim.Fleet{Accounts: []awssim.Account{{ID: accountID(1), Regions: map[string]*awssim.Region{"eu-west-1": somewhere(accountID(1), "eu-west-1", 80, 4, 8)}}}},
	}
	listed := estimated{
		name: "listed accounts", config: "regions: [eu-west-1, us-east-1]\ninterval: 15m\n" + quota + "accounts:\n",
		flags: estimateFlags{builtIn: 0.5, signUp: 1.0 / 3, clients: 1, mfa: 0.5, identities: 1}, fleet: &awssim.Fleet{},
	}
	for i := range 4 {
		id := accountID(i + 1)
		listed.config += fmt.Sprintf("- {id: %q, role_arn: \"arn:aws:iam::%s:role/reader\"}\n", id, id)
		listed.fleet.Accounts = append(listed.fleet.Accounts, awssim.Account{ID: id, Regions: map[string]*awssim.Region{
			"eu-west-1": somewhere(id, "eu-west-1", 6, 1, 3), "us-east-1": somewhere(id, "us-east-1", 6, 1, 3),
		}})
	}
	company := estimated{
		name: "organization", config: "regions: auto\n" + quota + "organization: {member_role_name: reader, ous: true, tags: [team]}\n",
		flags: estimateFlags{builtIn: 0.5, signUp: 0, clients: 1, mfa: 0, identities: 1}, fleet: &awssim.Fleet{},
	}
	for i := range 12 {
		a := awssim.Account{ID: accountID(i + 1), Unit: []string{"", "Workloads/Prod", "Workloads/Test"}[i%3], Regions: map[string]*awssim.Region{}}
		if i%4 == 0 {
			a.Regions["eu-west-1"] = somewhere(a.ID, "eu-west-1", 4, 0, 0)
		}
		company.fleet.Accounts = append(company.fleet.Accounts, a)
	}
	everywhere := estimated{
		name: "all regions", config: "regions: all\ninterval: 15m\ncloudtrail: {enabled: true}\n" + quota + "organization: {member_role_name: reader}\n",
		flags: estimateFlags{builtIn: 0.5, signUp: 0.5, clients: 1, mfa: 0.25, identities: 1},
		fleet: &awssim.Fleet{Accounts: []awssim.Account{{ID: accountID(1), Regions: map[string]*awssim.Region{"eu-west-1": somewhere(accountID(1), "eu-west-1", 4, 1, 1)}}}},
	}
	trail := estimated{
		name: "CloudTrail", config: "regions: [eu-west-1]\ncloudwatch: {enabled: false}\ncloudtrail: {enabled: true}\n" + quota,
		flags: estimateFlags{builtIn: 0.5, signUp: 0.5, clients: 1, mfa: 0, identities: 1},
		fleet: &awssim.Fleet{Accounts: []awssim.Account{{ID: accountID(1), Regions: map[string]*awssim.Region{"eu-west-1": somewhere(accountID(1), "eu-west-1", 8, 2, 0)}}}},
	}
	return []estimated{one, listed, company, everywhere, trail}
}

// TestEstimate holds the estimate against what the simulation counts: the calls
// of the first pass and of some hours after that within 5 %, the dollars within
// 10 %, the time of the start within 25 %.
func TestEstimate(t *testing.T) {
	for _, e := range estimatedFleets() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			atNoon(t, e.hold)
		})
	}
}

func (e *estimated) hold(t *testing.T) {
	org := newReading(t, e.config, awssim.Options{Fleet: e.fleet, NoQuotas: true, NoDelays: true, Latency: 20 * time.Millisecond})
	s, err := org.load()
	if err != nil {
		t.Fatal(err)
	}

	before := newApp(org.load, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), false)
	before.client, before.endpoint = org.client, org.endpoint
	if _, err := before.configure(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	in := estimateInput(s.config)
	in.Latency = 20 * time.Millisecond
	if missing, err := before.measure(t.Context(), &in, s, e.flags.mix()); err != nil || len(missing) > 0 {
		t.Fatal(missing, err)
	}
	figures := estimate.Of(in)

	org.sim.ResetCalls()
	org.run(t)
	start := time.Now()
	<-org.collector.Done()
	near(t, "seconds until everything is read", figures.Times[len(figures.Times)-1].Seconds, time.Since(start).Seconds(), 0.25)
	time.Sleep(5 * time.Second) // Before the second pass of any target.
	near(t, "calls of the first pass", figures.First, org.counted(t), 0.05)
	time.Sleep(3 * time.Duration(s.config.Interval))
	org.sim.ResetCalls()
	billed := org.billed(t)
	const span = 4 * time.Hour // Twice the clock of descriptions and of searches.
	time.Sleep(span)
	per := float64(span) / float64(s.config.Interval)
	near(t, "calls after that", figures.PerInterval*per, org.counted(t), 0.05)
	if counted := org.counted(nil); counted == 0 || (figures.USD == 0) == s.config.CloudWatch.Enabled {
		t.Errorf("%v calls, %v USD", counted, figures.USD)
	}
	near(t, "USD", figures.USD, (org.billed(t)-billed)*float64(estimate.Month)/float64(span)*in.MetricPrice/1000, 0.10)
	for _, c := range figures.Calls {
		t.Logf("%s %s: %.1f first, %.1f after that, for %s", c.API, c.Operation, c.First, c.Interval*per, c.Driver)
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	t.Logf("%s: estimated %.2f, counted %.2f", what, got, want)
	if math.Abs(got-want) > tolerance*want {
		t.Errorf("%s: estimated %.2f, counted %.2f", what, got, want)
	}
}

// reading is an exporter that reads a simulated fleet.
type reading struct {
	*app
	sim      *simulated
	registry *prometheus.Registry
}

func newReading(t *testing.T, file string, o awssim.Options) *reading {
	t.Helper()
	load := func() (*settings, error) {
		c, err := config.Parse("config.yaml", []byte(file))
		if err != nil {
			return nil, err
		}
		set, err := rules.Load(rules.Options{}, rules.Builtin()...)
		return &settings{config: c, rules: set}, err
	}
	r := &reading{sim: simulate(t, o), registry: prometheus.NewRegistry()}
	r.app = newApp(load, slog.New(slog.DiscardHandler), r.registry, false)
	r.client, r.endpoint, r.budgeted = r.sim, "http://aws.invalid", true
	return r
}

// run reads until the test ends.
func (r *reading) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	if err := r.reload(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		r.stop()
	})
}

// counted is how many calls the simulation has counted. With t it logs them.
func (r *reading) counted(t *testing.T) float64 {
	all, by := 0, map[string]int{}
	for _, c := range r.sim.Calls() {
		all += c.Calls
		by[c.Operation] += c.Calls
	}
	if t != nil {
		t.Log(by)
	}
	return float64(all)
}

// billed is how many metrics the exporter says that AWS bills.
func (r *reading) billed(t *testing.T) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "cognito_ses_exporter_aws_billable_metrics_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatal("no counter of billed metrics")
	return 0
}

// TestEstimateMissing counts what can be found, and says what cannot.
func TestEstimateMissing(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		e := estimatedFleets()[2]
		r := newReading(t, e.config, awssim.Options{Fleet: e.fleet, NoQuotas: true})
		if err := r.sim.SetFaults([]awssim.Fault{{Kind: "deny", Account: accountID(5)}}); err != nil {
			t.Fatal(err)
		}
		s, err := r.load()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.configure(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		in := estimateInput(s.config)
		missing, err := r.measure(t.Context(), &in, s, e.flags.mix())
		if err != nil || len(missing) == 0 || !strings.Contains(missing[0], accountID(5)) {
			t.Errorf("missing %q, %v", missing, err)
		}
		// Its one target is where all of an account's failures are shown.
		if f := estimate.Of(in); f.Accounts != 12 || in.Roles != 3 || in.IdleRoles != 9 || f.Targets != 3 || f.Pools != 8 {
			t.Errorf("%d accounts, %d with a role and %d idle, %d targets, %v pools", f.Accounts, in.Roles, in.IdleRoles, f.Targets, f.Pools)
		}
		denied := newReading(t, e.config, awssim.Options{Fleet: e.fleet, Faults: []awssim.Fault{{Kind: "deny", Service: "organizations"}}})
		if _, err := denied.configure(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if _, err := denied.measure(t.Context(), &in, s, e.flags.mix()); err == nil || !strings.Contains(err.Error(), "ListAccounts") {
			t.Errorf("no accounts: %v", err)
		}
	})
}

// TestEstimateFlags checks that the page lists the flags with their defaults.
func TestEstimateFlags(t *testing.T) {
	page, err := os.ReadFile("../../docs/estimate.md")
	if err != nil {
		t.Fatal(err)
	}
	app := kingpin.New(name, "")
	new(estimateFlags).add(app)
	flags := app.Model().Commands[0].Flags
	if len(flags) != strings.Count(string(page), "\n| `--") {
		t.Errorf("the page does not have %d flags", len(flags))
	}
	for _, f := range flags {
		row := fmt.Sprintf("\n| `--%s` | ", f.Name)
		if len(f.Default) > 0 {
			row += "`" + f.Default[0] + "` |"
		}
		if !strings.Contains(string(page), row) {
			t.Errorf("the page lacks %s", row)
		}
	}
}

// TestEstimateCommand runs the command with its flags, without AWS.
func TestEstimateCommand(t *testing.T) {
	run := func(args ...string) (stdout, stderr string, code int) {
		var o, e bytes.Buffer
		code = run(t.Context(), append([]string{"estimate"}, args...), &o, &e, nil)
		return o.String(), e.String(), code
	}
	out, _, code := run("--accounts=1000", "--regions=17", "--pools=20", "--active=5%", "--output=json")
	var f struct {
		Version int
		estimate.Figures
	}
	if err := json.Unmarshal([]byte(out), &f); err != nil || code != exitOK {
		t.Fatal(err, code, out)
	}
	if f.Version != 1 || f.Accounts != 1000 || f.Targets != 850 || f.Searched != 17000 || f.Pools != 17000 || f.PriceDate != "2026-11" {
		t.Errorf("%+v", f)
	}
	table, _, _ := run("--accounts=1000", "--regions=17", "--pools=20", "--active=0.05")
	for _, want := range []string{"targets", "850", fmt.Sprintf("%.2f USD", f.USD), "(2026-11)", "searched regions, each idle_interval", "everything read once", "pools, each describe_max_age"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	if demo, stderr, code := run("--demo"); code != exitOK || stderr != "" || !strings.Contains(demo, "LookupEvents") {
		t.Errorf("the demo: exit code %d, %s%s", code, stderr, demo)
	}
	for args, want := range map[string]string{
		"--accounts=-1": "--accounts must be 0 to 1000000, not -1", "--latency=2m": "--latency must be 0s to 1m, not 2m0s",
		"--active=nan%": "is not a share", "--active=101%": "is not a share", "--output=csv": "must be one of",
	} {
		if _, stderr, code := run(args); code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, %q, want %q", args, code, stderr, want)
		}
	}
}

// TestAssumed checks how flags and configuration make places.
func TestAssumed(t *testing.T) {
	for _, tt := range []struct {
		name, config string
		flags        estimateFlags
		want         string // accounts, roles, idle roles, asked, searched, targets
	}{
		{"one account", "{}", estimateFlags{accounts: 1, regions: 1, pools: 3, active: 1}, "1 0 0 0 0 1"},
		{"several", "{}", estimateFlags{accounts: 10, regions: 2, pools: 3, active: 1}, "10 10 0 0 0 20"},
		{"few with pools", "{}", estimateFlags{accounts: 100, regions: 2, pools: 3, active: 0.1}, "100 19 81 100 200 20"},
		{"all regions", "regions: all", estimateFlags{accounts: 100, regions: 2, pools: 3, active: 0.1}, "100 100 0 100 0 200"},
		{"listed regions", "regions: [eu-west-1]", estimateFlags{accounts: 10, regions: 1, pools: 3, active: 0.5}, "10 10 0 0 0 10"},
	} {
		c, err := config.Parse("config.yaml", []byte(tt.config))
		if err != nil {
			t.Fatal(err)
		}
		in := estimateInput(c)
		assumed(&in, c, &tt.flags)
		f := estimate.Of(in)
		if got := fmt.Sprint(in.Accounts, in.Roles, in.IdleRoles, in.RegionsAsked, in.Searched, f.Targets); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestAssumedOrganization checks what flags and configuration make of listing
// the accounts.
func TestAssumedOrganization(t *testing.T) {
	for text, want := range map[string]estimate.Organization{
		"{member_role_name: reader}": {Accounts: 40, Active: 40},
		"{member_role_name: reader, role_arn: \"arn:aws:iam::111122223333:role/list\"}":        {Accounts: 40, Active: 40, Role: true},
		"{member_role_name: reader, ous: true, tags: [team]}":                                  {Accounts: 40, Active: 40, Units: 7, Tags: true},
		"{member_role_name: reader, include: {ous: [Prod]}}":                                   {Accounts: 40, Active: 40, Units: 7},
		"{member_role_name: reader, exclude: {ous: [Prod], tags: [a]}}":                        {Accounts: 40, Active: 40, Units: 7, Tags: true},
		"{member_role_name: reader, include: {tags: [a]}, exclude: {ids: [\"111122223333\"]}}": {Accounts: 40, Active: 40, Tags: true},
	} {
		c, err := config.Parse("config.yaml", []byte("regions: auto\norganization: "+text))
		if err != nil {
			t.Fatal(err)
		}
		in := estimateInput(c)
		assumed(&in, c, &estimateFlags{accounts: 40, regions: 1, pools: 1, active: 1, units: 7})
		if in.Organization == nil || *in.Organization != want {
			t.Errorf("%s: %+v, want %+v", text, in.Organization, want)
		}
	}
}

// TestSeconds checks how durations are written.
func TestSeconds(t *testing.T) {
	for n, want := range map[float64]string{0.23: "200ms", 3.44: "3.4s", 75: "1m15s", 300: "5m", 3600: "1h", 3660: "1h1m", 600: "10m"} {
		if got := seconds(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
}
