package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/config"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/fleet"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// company is an organization with pools in two accounts, one that is suspended
// and one that the configuration below excludes.
const company = `
accounts:
- {id: "100000000001", name: management}
- id: "100000000002"
  name: shop
  unit: Workloads/Prod
  tags: {team: shop, cost-center: "7"}
  regions:
    eu-west-1: {pools: [{name: customers, tags: {team: checkout}}, {name: partners}]}
    us-east-1: {}
- id: "100000000003"
  name: forum
  unit: Workloads/Test
  regions: {us-east-1: {pools: [{name: forum}]}}
- {id: "100000000004", name: old, state: SUSPENDED}
- {id: "100000000005", name: sandbox-1, unit: Sandbox}
`

const companyConfig = `
regions: auto
interval: 1m
tags: [team]
organization:
  member_role_name: reader
  refresh_interval: 10m
  ous: true
  tags: [team]
  exclude: {ous: [Sandbox]}
`

// lockedBuffer is a log that a test reads while others write it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// organization is an exporter that reads a simulated organization.
type organization struct {
	*app
	sim  *simulated
	log  *lockedBuffer
	file string
}

// newOrganization starts an exporter with the configuration.
func newOrganization(t *testing.T, file string, shard fleet.Shard, o awssim.Options) *organization {
	t.Helper()
	if o.Fleet == nil {
		var err error
		if o.Fleet, err = awssim.ParseFleet([]byte(company)); err != nil {
			t.Fatal(err)
		}
	}
	org := &organization{sim: simulate(t, o), log: &lockedBuffer{}, file: file}
	load := func() (*settings, error) {
		c, err := config.Parse("config.yaml", []byte(org.file))
		if err != nil {
			return nil, err
		}
		set, err := rules.Load(rules.Options{}, rules.Builtin()...)
		return &settings{config: c, rules: set, shard: shard}, err
	}
	org.app = newApp(load, slog.New(slog.NewTextHandler(org.log, nil)), prometheus.NewRegistry(), false)
	org.client, org.endpoint = org.sim, "http://aws.invalid"
	ctx, cancel := context.WithCancel(t.Context())
	if err := org.reload(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		org.stop()
	})
	return org
}

// patch merges JSON into the fleet.
func (o *organization) patch(t *testing.T, change string) {
	t.Helper()
	w := httptest.NewRecorder()
	o.sim.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPatch, "/_fleet", strings.NewReader(change)))
	if w.Code != http.StatusNoContent {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// leave removes an account from the organization.
func (o *organization) leave(t *testing.T, id string) {
	t.Helper()
	w := httptest.NewRecorder()
	o.sim.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/_fleet", nil))
	var fleet map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &fleet); err != nil {
		t.Fatal(err)
	}
	fleet["accounts"] = slices.DeleteFunc(fleet["accounts"].([]any), func(a any) bool { return a.(map[string]any)["id"] == id })
	data, err := json.Marshal(fleet)
	if err != nil {
		t.Fatal(err)
	}
	f, err := awssim.ParseFleet(data)
	if err == nil {
		err = o.sim.SetFleet(f)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (o *organization) fault(t *testing.T, faults ...awssim.Fault) {
	t.Helper()
	if err := o.sim.SetFaults(faults); err != nil {
		t.Fatal(err)
	}
}

var coverageStates = []string{"expected", "read", "denied", "failing", "excluded", "suspended"}

// coverage is what cognito_ses_exporter_accounts says, in the order of the states.
func (o *organization) coverage(t *testing.T) string {
	t.Helper()
	all := series(t, o.collector)
	var counts []string
	for _, state := range coverageStates {
		counts = append(counts, all[`cognito_ses_exporter_accounts{state="`+state+`"}`])
	}
	return strings.Join(counts, " ")
}

// of returns the series with that account.
func (o *organization) of(t *testing.T, account string) map[string]string {
	t.Helper()
	return of(series(t, o.collector), account)
}

// pools returns the names of the known pools.
func (o *organization) pools(t *testing.T) string {
	t.Helper()
	var names []string
	for _, p := range pools(t, o.collector) {
		if p.name != "" {
			names = append(names, p.name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestOrganization has accounts join, leave, be suspended and lose their role,
// and holds the coverage and the series against it all the time.
func TestOrganization(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		o := newOrganization(t, companyConfig, fleet.Shard{}, awssim.Options{})
		if o.collector.Ready() {
			t.Error("ready before the accounts are known")
		}
		<-o.collector.Done()
		time.Sleep(10 * time.Second)
		check := func(when, coverage, pools string) {
			t.Helper()
			if got := o.coverage(t); got != coverage {
				t.Errorf("%s: the accounts are %s, want %s: %v", when, got, coverage, coverageStates)
			}
			if got := o.pools(t); got != pools {
				t.Errorf("%s: pools %s, want %s", when, got, pools)
			}
		}
		const both = "forum/us-east-1/forum shop/eu-west-1/customers shop/eu-west-1/partners"
		check("at first", "3 3 0 0 1 1", both)
		all := series(t, o.collector)
		for _, want := range []string{
			`cognito_ses_exporter_account_info{account_id="100000000001",account_name="management",ou="",shard="0",shards="1",tag_team=""}`,
			`cognito_ses_exporter_account_info{account_id="100000000002",account_name="shop",ou="Workloads/Prod",shard="0",shards="1",tag_team="shop"}`,
			`cognito_ses_exporter_account_info{account_id="100000000003",account_name="forum",ou="Workloads/Test",shard="0",shards="1",tag_team=""}`,
			`cognito_ses_exporter_discovery_up`,
		} {
			if all[want] != "1" {
				t.Errorf("%s is %q", want, all[want])
			}
		}
		// The pool's own tag comes first, its account's stands in for it.
		tags := map[string]string{}
		for name := range all {
			if strings.HasPrefix(name, "cognito_ses_pool_info{") {
				_, pool, _ := strings.Cut(name, `pool_name="`)
				_, tag, _ := strings.Cut(name, `tag_team="`)
				pool, _, _ = strings.Cut(pool, `"`)
				tags[pool], _, _ = strings.Cut(tag, `"`)
			}
		}
		if want := map[string]string{"customers": "checkout", "partners": "shop", "forum": ""}; !maps.Equal(tags, want) {
			t.Errorf("the pools' teams are %v, want %v", tags, want)
		}
		for _, id := range []string{"100000000004", "100000000005"} {
			if got := o.of(t, id); len(got) > 0 {
				t.Errorf("of an account that is not read: %v", got)
			}
		}

		forum := facts(o.of(t, "100000000003"))
		o.patch(t, `{"accounts": [{"id": "100000000006", "name": "news", "regions": {"eu-central-1": {"pools": [{"name": "readers", "mode": "DEVELOPER", "source_arn": "arn:aws:ses:eu-central-1:100000000006:identity/gone.example"}]}}}]}`)
		time.Sleep(10*time.Minute + 30*time.Second)
		check("one joined", "4 4 0 0 1 1", both[:len("forum/us-east-1/forum")]+" news/eu-central-1/readers"+both[len("forum/us-east-1/forum"):])
		if len(ofName(o.of(t, "100000000006"), "cognito_ses_problem")) == 0 {
			t.Error("the new account has no problem, although an identity is missing")
		}
		if now := facts(o.of(t, "100000000003")); !maps.Equal(now, forum) {
			t.Errorf("another account's facts have changed:\n%s", difference(text(forum), text(now)))
		}

		o.patch(t, `{"accounts": [{"id": "100000000006", "state": "SUSPENDED"}]}`)
		time.Sleep(10*time.Minute + 30*time.Second)
		check("it is suspended", "3 3 0 0 1 2", both)
		if left := o.of(t, "100000000006"); len(left) > 0 {
			t.Errorf("of the suspended account there is still %s", text(left))
		}

		o.leave(t, "100000000006")
		time.Sleep(10*time.Minute + 30*time.Second)
		check("it has left", "3 3 0 0 1 1", both)

		o.fault(t, awssim.Fault{Kind: "deny", Account: "100000000002"})
		time.Sleep(16 * time.Minute) // The credentials last for fifteen.
		if got := o.coverage(t); got != "3 2 1 0 1 1" {
			t.Errorf("an account has lost its role: %s", got)
		}
		o.fault(t)
		time.Sleep(2 * time.Minute)
		check("it has the role again", "3 3 0 0 1 1", both)

		// A pool appears in a region that had none.
		o.patch(t, `{"accounts": [{"id": "100000000003", "regions": {"sa-east-1": {"pools": [{"name": "late"}]}}}]}`)
		time.Sleep(24*time.Hour + time.Minute)
		check("a pool in an empty region", "3 3 0 0 1 1", "forum/sa-east-1/late "+both)
		o.patch(t, `{"accounts": [{"id": "100000000003", "regions": {"sa-east-1": null}}]}`)
		time.Sleep(24*time.Hour + time.Minute)
		check("and is deleted", "3 3 0 0 1 1", both)
		if left := o.of(t, "100000000003"); strings.Contains(text(left), "sa-east-1") {
			t.Error("of the region that is empty again there still are series")
		}
	})
}

// TestOrganizationTrouble has the listing of accounts fail in every way: the
// last list stays, the class shows, the log says so once, and it recovers.
func TestOrganizationTrouble(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		o := newOrganization(t, companyConfig, fleet.Shard{}, awssim.Options{})
		<-o.collector.Done()
		time.Sleep(30 * time.Second)
		before := facts(series(t, o.collector))
		members := o.coverage(t)
		notInUse := o.sim.Fleet()
		for _, tt := range []struct {
			name  string
			fault awssim.Fault
			fleet string // another one meanwhile
			class string
		}{
			{"denied", awssim.Fault{Kind: "deny", Service: "organizations"}, "", "denied"},
			{"throttled", awssim.Fault{Kind: "throttle", Service: "organizations"}, "", "throttled"},
			{"no answer", awssim.Fault{Kind: "error500", Operation: "ListAccounts"}, "", "unavailable"},
			{"no tags", awssim.Fault{Kind: "deny", Operation: "ListTagsForResource"}, "", "denied"},
			{"garbage", awssim.Fault{Kind: "garbage", Operation: "ListOrganizationalUnitsForParent"}, "", "invalid"},
			{"not in use", awssim.Fault{}, "organization:\n  not_in_use: true\n", "not_found"},
		} {
			said := strings.Count(o.log.String(), "Listing the accounts of the organization failed")
			if tt.fleet != "" {
				f, err := awssim.ParseFleet([]byte(company + tt.fleet))
				if err == nil {
					err = o.sim.SetFleet(f)
				}
				if err != nil {
					t.Fatal(err)
				}
			} else {
				o.fault(t, tt.fault)
			}
			time.Sleep(25 * time.Minute)
			all := series(t, o.collector)
			if all[`cognito_ses_exporter_discovery_up`] != "0" || all[`cognito_ses_exporter_discovery_error{class="`+tt.class+`"}`] != "1" {
				t.Errorf("%s: up %q, errors %v", tt.name, all[`cognito_ses_exporter_discovery_up`], ofName(all, "cognito_ses_exporter_discovery_error"))
			}
			if got := o.coverage(t); got != members {
				t.Errorf("%s: the accounts are %s, want %s", tt.name, got, members)
			}
			if now := facts(all); !maps.Equal(now, before) {
				t.Errorf("%s: facts have changed:\n%s", tt.name, difference(text(before), text(now)))
			}
			if now := strings.Count(o.log.String(), "Listing the accounts of the organization failed"); now != said+1 {
				t.Errorf("%s: the log says so %d times", tt.name, now-said)
			}
			o.fault(t)
			if tt.fleet != "" {
				if err := o.sim.SetFleet(notInUse); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(6 * time.Minute)
			if all := series(t, o.collector); all[`cognito_ses_exporter_discovery_up`] != "1" || len(ofName(all, "cognito_ses_exporter_discovery_error")) > 0 {
				t.Errorf("after %s: up %q", tt.name, all[`cognito_ses_exporter_discovery_up`])
			}
		}
	})
}

// ofName returns the series of a metric.
func ofName(all map[string]string, name string) map[string]string {
	all = maps.Clone(all)
	maps.DeleteFunc(all, func(s, _ string) bool { return !strings.HasPrefix(s, name) })
	return all
}

// TestOrganizationFailsAtFirst is ready with what is listed, while the accounts
// of the organization cannot be found out.
func TestOrganizationFailsAtFirst(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		const file = companyConfig + "accounts: [{id: 100000000001, name: own, regions: [eu-west-1]}]\n"
		o := newOrganization(t, file, fleet.Shard{}, awssim.Options{Faults: []awssim.Fault{{Kind: "deny", Service: "organizations"}}})
		<-o.collector.Done()
		if got := o.coverage(t); got != "1 1 0 0 0 0" {
			t.Errorf("the accounts are %s", got)
		}
		all := series(t, o.collector)
		if all[`cognito_ses_exporter_discovery_up`] != "0" || len(ofName(all, "cognito_ses_exporter_discovery_last_success")) != 0 {
			t.Errorf("up is %q", all[`cognito_ses_exporter_discovery_up`])
		}
		o.fault(t)
		time.Sleep(6 * time.Minute)
		if got := o.coverage(t); got != "3 3 0 0 1 1" {
			t.Errorf("after it recovered the accounts are %s", got)
		}
		if info := series(t, o.collector)[`cognito_ses_exporter_account_info{account_id="100000000001",account_name="own",ou="",shard="0",shards="1",tag_team=""}`]; info != "1" {
			t.Error("the listed account does not have the name that the file gives it")
		}
	})
}

// TestOrganizationWithoutRole has an account without the role and one in which
// the regions may not be listed.
func TestOrganizationWithoutRole(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		o := newOrganization(t, companyConfig, fleet.Shard{}, awssim.Options{Faults: []awssim.Fault{
			{Kind: "deny", Operation: "AssumeRole", Account: "100000000002"}, {Kind: "deny", Operation: "ListRegions", Account: "100000000003"},
		}})
		<-o.collector.Done()
		time.Sleep(30 * time.Second)
		if got := o.coverage(t); got != "3 1 2 0 1 1" {
			t.Errorf("the accounts are %s", got)
		}
		if got := o.pools(t); got != "forum/us-east-1/forum" {
			t.Errorf("pools %s, want those in the regions that cannot be off", got)
		}
		all := series(t, o.collector)
		if got := all[`cognito_ses_exporter_target_error{account_id="100000000002",api="sts",class="denied",region="us-east-1"}`]; got != "1" {
			t.Errorf("the account without the role shows as %q", got)
		}
		o.fault(t)
		time.Sleep(time.Hour + time.Minute)
		if got := o.coverage(t); got != "3 3 0 0 1 1" {
			t.Errorf("later the accounts are %s", got)
		}
		if left := text(o.of(t, "100000000002")); strings.Contains(left, `"us-east-1"`) {
			t.Errorf("it is still read in the region that stood for all:\n%s", left)
		}
	})
}

// TestOrganizationShards reads an organization with three exporters: each
// account is in exactly one.
func TestOrganizationShards(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		f, err := awssim.Generate(awssim.GenerateOptions{Accounts: 30, Regions: []string{"eu-west-1"}, Pools: 1, Mix: "healthy"})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for i := range 3 {
			o := newOrganization(t, "regions: [eu-west-1]\norganization: {member_role_name: reader}\n", fleet.Shard{Index: i, Count: 3}, awssim.Options{Fleet: f, NoQuotas: true})
			<-o.collector.Done()
			time.Sleep(10 * time.Second)
			all := series(t, o.collector)
			infos := ofName(all, "cognito_ses_exporter_account_info")
			if n := all[fmt.Sprintf(`cognito_ses_exporter_fleet_accounts{shard="%d",shards="3"}`, i)]; n != "30" {
				t.Errorf("shard %d knows of %q accounts", i, n)
			}
			for name := range infos {
				_, id, _ := strings.Cut(name, `account_id="`)
				seen[id[:12]]++
				if !strings.Contains(name, fmt.Sprintf(`shard="%d",shards="3"`, i)) {
					t.Errorf("shard %d: %s", i, name)
				}
			}
			if got := o.coverage(t); got != fmt.Sprintf("%d %d 0 0 0 0", len(infos), len(infos)) || len(infos) == 0 {
				t.Errorf("shard %d: the accounts are %s, %d have names", i, got, len(infos))
			}
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("account %s is in %d shards", id, n)
			}
		}
		if len(seen) != 30 {
			t.Errorf("%d of 30 accounts are in a shard", len(seen))
		}
	})
}

// TestOrganizationReload changes filters, regions and the role, and ends the
// organization, without asking again for what is known.
func TestOrganizationReload(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		o := newOrganization(t, companyConfig, fleet.Shard{}, awssim.Options{})
		<-o.collector.Done()
		time.Sleep(30 * time.Second)
		for _, tt := range []struct{ name, file, coverage, pools string }{
			{"a filter by OU", companyConfig + "  include: {ous: [Workloads/Prod]}\n", "1 1 0 0 3 1", "shop/eu-west-1/customers shop/eu-west-1/partners"},
			{"a filter by tag", companyConfig + "  include: {tags: [team=shop, env]}\n", "1 1 0 0 3 1", "shop/eu-west-1/customers shop/eu-west-1/partners"},
			{"a filter by name", companyConfig + "  include: {names: ['.*u.*']}\n", "1 1 0 0 3 1", "forum/us-east-1/forum"},
			{"an excluded account that is listed", companyConfig + "accounts: [{id: 100000000005, role_arn: 'arn:aws:iam::100000000005:role/own'}]\n", "4 4 0 0 0 1", "forum/us-east-1/forum shop/eu-west-1/customers shop/eu-west-1/partners"},
			{"one region", strings.Replace(companyConfig, "auto", "[eu-west-1]", 1), "3 3 0 0 1 1", "shop/eu-west-1/customers shop/eu-west-1/partners"},
			{"no organization", "regions: [us-east-1]\naccounts: [{id: 100000000003, name: forum, role_arn: 'arn:aws:iam::100000000003:role/reader'}]\n", "1 1 0 0 0 0", "forum/us-east-1/forum"},
			{"as at first", companyConfig, "3 3 0 0 1 1", "forum/us-east-1/forum shop/eu-west-1/customers shop/eu-west-1/partners"},
		} {
			o.file = tt.file
			if err := o.reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(90 * time.Second)
			if got := o.coverage(t); got != tt.coverage {
				t.Errorf("%s: the accounts are %s, want %s", tt.name, got, tt.coverage)
			}
			if got := o.pools(t); got != tt.pools {
				t.Errorf("%s: pools %s, want %s", tt.name, got, tt.pools)
			}
		}
	})
}

// TestEmptyRegions counts what an account without pools costs: one ListUserPools
// in each region and day.
func TestEmptyRegions(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		o := newOrganization(t, companyConfig, fleet.Shard{}, awssim.Options{})
		<-o.collector.Done()
		time.Sleep(time.Minute)
		o.sim.ResetCalls()
		time.Sleep(24 * time.Hour)
		got := map[string]int{}
		for _, c := range o.sim.Calls() {
			if c.Account == "100000000001" && c.Service != "organizations" && c.Service != "sts" {
				got[c.Operation] += c.Calls
			}
		}
		if want := map[string]int{"ListUserPools": 17, "ListRegions": 24}; !maps.Equal(got, want) {
			t.Errorf("an account without pools takes %v in a day, want %v", got, want)
		}
	})
}

// TestNewRegion counts and names a region that this version does not know.
func TestNewRegion(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		f, err := awssim.ParseFleet([]byte(strings.Replace(company, "name: forum\n", "name: forum\n  new_regions: [eu-new-9]\n", 1)))
		if err != nil {
			t.Fatal(err)
		}
		o := newOrganization(t, strings.Replace(companyConfig, "auto", "all", 1), fleet.Shard{}, awssim.Options{Fleet: f})
		<-o.collector.Done()
		time.Sleep(2 * time.Minute)
		all := series(t, o.collector)
		if got := all[`cognito_ses_exporter_unknown_region_accounts{region="eu-new-9"}`]; got != "1" {
			t.Errorf("the region is on in %q accounts", got)
		}
		if n := strings.Count(o.log.String(), "region=eu-new-9"); n != 1 {
			t.Errorf("the log names it %d times", n)
		}
		if got := all[`cognito_ses_exporter_targets{state="read"}`]; got != "51" {
			t.Errorf("%s targets are read, want 3 accounts in 17 regions", got)
		}
	})
}

// TestCheckOrganization finds the accounts once, and fails clearly when it
// cannot.
func TestCheckOrganization(t *testing.T) {
	f, err := awssim.ParseFleet([]byte(company))
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := runCheck(t, f, nil, companyConfig)
	if code != exitFindings && code != exitOK || errs != "" || !strings.HasPrefix(out, "3 pools on 2 targets") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	code, _, errs = runCheck(t, f, []awssim.Fault{{Kind: "deny", Service: "organizations"}}, companyConfig)
	if code != exitUnjudged || !strings.Contains(errs, "ListAccounts of the organization with the ambient credentials: AccessDenied") || !strings.Contains(errs, "discovery-policy.json") {
		t.Errorf("denied: exit code %d, %s", code, errs)
	}
	code, _, errs = runCheck(t, f, []awssim.Fault{{Kind: "deny", Operation: "ListRegions", Account: "100000000002"}}, companyConfig)
	if code != exitUnjudged || !strings.Contains(errs, "not read: ListRegions in account 100000000002") {
		t.Errorf("regions denied: exit code %d, %s", code, errs)
	}
	code, _, errs = runCheck(t, f, []awssim.Fault{{Kind: "deny", Operation: "AssumeRole", Account: "100000000002"}}, companyConfig)
	if code != exitUnjudged || strings.Count(errs, "not read: AssumeRole in account 100000000002") != 1 {
		t.Errorf("without the role: exit code %d, %s", code, errs)
	}
}
