package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

func shop() *inventory.OrganizationAccount {
	return &inventory.OrganizationAccount{
		ID: "111122223333", Name: "shop-prod", State: "ACTIVE", Tags: map[string]string{"team": "shop", "empty": ""},
		Units: []inventory.Unit{{ID: "r-abcd", Name: "Root"}, {ID: "ou-abcd-11111111", Name: "Workloads"}, {ID: "ou-abcd-22222222", Name: "Prod"}},
	}
}

func named(names ...string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

func TestFilters(t *testing.T) {
	ids := func(ids ...string) Filter { return Filter{IDs: ids} }
	units := func(units ...string) Filter { return Filter{Units: units} }
	tags := func(tags ...string) Filter { return Filter{Tags: tags} }
	none := Filter{}
	for _, tt := range []struct {
		name             string
		include, exclude Filter
		want             string
	}{
		{"none", none, none, ""},
		{"its id", ids("1", "111122223333"), none, ""},
		{"another id", ids("444455556666"), none, "organization.include.ids does not have it"},
		{"its name", Filter{Names: named("shop-prod")}, none, ""},
		{"another name", Filter{Names: named("shop")}, none, "organization.include.names does not have it"},
		{"its unit's ID", units("ou-abcd-22222222"), none, ""},
		{"a unit's above", units("ou-abcd-11111111"), none, ""},
		{"the root's", units("r-abcd"), none, ""},
		{"its unit's path", units("Workloads/Prod"), none, ""},
		{"a path above", units("Workloads"), none, ""},
		{"half a name", units("Work"), none, "organization.include.ous does not have it"},
		{"the unit's name alone", units("Prod"), none, "organization.include.ous does not have it"},
		{"a path below", units("Workloads/Prod/EU"), none, "organization.include.ous does not have it"},
		{"the root's name", units("Root"), none, "organization.include.ous does not have it"},
		{"a tag", tags("team"), none, ""},
		{"a tag's value", tags("x", "team=shop"), none, ""},
		{"another value", tags("team=forum"), none, "organization.include.tags does not have it"},
		{"an empty value", tags("empty="), none, ""},
		{"no such tag", tags("owner"), none, "organization.include.tags does not have it"},
		{"no such tag, empty", tags("owner="), none, "organization.include.tags does not have it"},
		{"every kind", Filter{IDs: []string{"111122223333"}, Units: []string{"Workloads"}, Tags: []string{"team=shop"}}, none, ""},
		{"all but one kind", Filter{IDs: []string{"111122223333"}, Units: []string{"Sandbox"}, Tags: []string{"team=shop"}}, none, "organization.include.ous does not have it"},
		{"excluded by one kind", none, Filter{IDs: []string{"1"}, Tags: []string{"team"}}, "organization.exclude.tags has it"},
		{"excluded by id", none, ids("111122223333"), "organization.exclude.ids has it"},
		{"excluded by name", none, Filter{Names: named("shop-prod")}, "organization.exclude.names has it"},
		{"excluded by unit", none, units("Workloads"), "organization.exclude.ous has it"},
		{"others are excluded", none, Filter{IDs: []string{"1"}, Names: named("x"), Units: []string{"x"}, Tags: []string{"x"}}, ""},
		{"excluded although included", ids("111122223333"), ids("111122223333"), "organization.exclude.ids has it"},
	} {
		if got := excluded(shop(), &tt.include, &tt.exclude); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNeeds(t *testing.T) {
	for _, tt := range []struct {
		o           Organization
		units, tags bool
	}{
		{Organization{}, false, false},
		{Organization{Include: Filter{IDs: []string{"1"}, Names: named("x")}}, false, false},
		{Organization{Units: true}, true, false},
		{Organization{Include: Filter{Units: []string{"x"}}}, true, false},
		{Organization{Exclude: Filter{Units: []string{"x"}}}, true, false},
		{Organization{Tags: []string{"x"}}, false, true},
		{Organization{Include: Filter{Tags: []string{"x"}}}, false, true},
		{Organization{Exclude: Filter{Tags: []string{"x"}}}, false, true},
	} {
		if units, tags := tt.o.needs(); units != tt.units || tags != tt.tags {
			t.Errorf("%+v needs units %v, tags %v", tt.o, units, tags)
		}
	}
}

func TestRetry(t *testing.T) {
	var got []time.Duration
	for n := range 6 {
		got = append(got, retry(n+1, time.Hour))
	}
	if want := "[5m0s 10m0s 20m0s 40m0s 1h0m0s 1h0m0s]"; fmt.Sprint(got) != want || retry(1000, 24*time.Hour) != 24*time.Hour || retry(1, time.Minute) != time.Minute {
		t.Errorf("%v, want %s", got, want)
	}
}

func TestPartition(t *testing.T) {
	for arn, want := range map[string]string{"arn:aws-us-gov:iam::111122223333:role/r": "aws-us-gov", "arn:aws:iam::1:role/r": "aws", "nonsense": "aws"} {
		if got := Partition(arn); got != want {
			t.Errorf("%s: %s, want %s", arn, got, want)
		}
	}
}

// world is a Source of which a test says what there is.
type world struct {
	mu       sync.Mutex
	accounts []inventory.OrganizationAccount
	err      error
	on       map[string][]string // regions that are on, by account; those of no other can be listed
	partial  map[string][]string // those that come with an error, by account
	pools    map[inventory.Key]bool
	broken   map[inventory.Key]error // what looking for pools fails with
	asked    map[string]int
	roles    map[string]string // by account, that it was asked for with
	took     time.Duration     // that a listing takes
}

func (w *world) Organization(ctx context.Context, _, _ bool) ([]inventory.OrganizationAccount, error) {
	w.count("list")
	w.mu.Lock()
	took := w.took
	w.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.accounts), w.err
}

func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked == nil {
		w.asked = map[string]int{}
	}
	w.asked[what]++
}

func (w *world) Regions(_ context.Context, t inventory.Target) ([]string, error) {
	w.count("regions " + t.AccountID)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.roles == nil {
		w.roles = map[string]string{}
	}
	w.roles[t.AccountID] = t.Role + " " + t.Region
	on := w.on[t.AccountID]
	if partial := w.partial[t.AccountID]; partial != nil {
		return partial, &inventory.Failure{Class: inventory.Denied, Message: "no permission in " + t.AccountID}
	}
	if on == nil {
		return nil, &inventory.Failure{Class: inventory.Denied, Message: "no role in " + t.AccountID}
	}
	return on, nil
}

func (w *world) HasPools(_ context.Context, t inventory.Target) (bool, error) {
	w.count("pools " + t.AccountID + " " + t.Region)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.broken[t.Key()]; err != nil {
		return false, err
	}
	return w.pools[t.Key()], nil
}

func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) calls(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[what]
}

// run runs a fleet of the world with the configuration.
func run(t *testing.T, w *world, c Config) *Fleet {
	t.Helper()
	return logged(t, w, c, slog.DiscardHandler)
}

// messages is a log of which the messages are counted.
type messages struct {
	slog.Handler
	mu sync.Mutex
	n  map[string]int
}

func (m *messages) Enabled(context.Context, slog.Level) bool { return true }

func (m *messages) Handle(_ context.Context, r slog.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n[r.Message]++
	return nil
}

func (m *messages) count(part string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for message, times := range m.n {
		if strings.Contains(message, part) {
			n += times
		}
	}
	return n
}

// logged does as run, with a log.
func logged(t *testing.T, w *world, c Config, log slog.Handler) *Fleet {
	t.Helper()
	var f *Fleet
	f = New(Options{Source: w, Logger: slog.New(log), Changed: func() { f.Announced() }})
	f.Configure(c)
	f.Announced()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return f
}

// targets lists the targets of a view as account/region.
func targets(v *View) string {
	all := make([]string, 0, len(v.Targets))
	for _, t := range v.Targets {
		all = append(all, t.AccountID+"/"+t.Region)
	}
	return strings.Join(all, " ")
}

// covered lists the members of a view with their coverage before any reading.
func covered(v *View) string {
	all := make([]string, 0, len(v.Members))
	for _, m := range v.Members {
		text := m.ID + ":" + string(m.Coverage)
		if m.Failure != nil {
			text += "!" + string(m.Failure.Class)
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

func active(ids ...string) []inventory.OrganizationAccount {
	var all []inventory.OrganizationAccount
	for _, id := range ids {
		all = append(all, inventory.OrganizationAccount{ID: id, Name: "name " + id, State: inventory.AccountActive})
	}
	return all
}

func organization(regions Regions) *Organization {
	return &Organization{Partition: "aws", MemberRole: "path/reader", Regions: regions, Refresh: time.Hour}
}

func expect(t *testing.T, when string, f *Fleet, wantTargets, wantCovered string) {
	t.Helper()
	v := f.View()
	if got := targets(v); got != wantTargets {
		t.Errorf("%s: targets %s, want %s", when, got, wantTargets)
	}
	if got := covered(v); got != wantCovered {
		t.Errorf("%s: members %s, want %s", when, got, wantCovered)
	}
}

// TestListedRegions asks nothing where everything is configured.
func TestListedRegions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		f := run(t, w, Config{Accounts: []Account{
			{ID: "2", Name: "b", Role: "arn:aws:iam::2:role/r", Regions: Regions{Listed: []string{"us-east-1", "eu-west-1"}}}, {ID: "1", Regions: Regions{Listed: []string{"eu-west-1"}}},
		}})
		time.Sleep(24 * time.Hour)
		expect(t, "listed", f, "1/eu-west-1 2/eu-west-1 2/us-east-1", "1: 2:")
		if v := f.View(); v.Pending || v.Organization != nil || len(v.Discovered) > 0 || v.Targets[1].Role != "arn:aws:iam::2:role/r" || v.Targets[1].AccountName != "b" {
			t.Errorf("%+v", v)
		}
		if v := f.View(); v.All != 2 || v.Shard != (Shard{}) {
			t.Errorf("%d accounts of all shards, in %+v", v.All, v.Shard)
		}
		if len(w.asked) > 0 {
			t.Errorf("asked for %v", w.asked)
		}
	})
}

// TestDiscovery follows an organization over a few listings.
func TestDiscovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{accounts: active("2", "1", "3"), took: 10 * time.Second}
		w.accounts[0].State = "SUSPENDED"
		w.accounts[2].Tags = map[string]string{"team": "shop", "hidden": "x"}
		o := organization(Regions{Listed: []string{"eu-west-1"}})
		o.Tags = []string{"team", "owner"}
		f := run(t, w, Config{Organization: o, Accounts: []Account{{ID: "1", Role: "own", Regions: Regions{Listed: []string{"us-east-1"}}}}})
		synctest.Wait()
		expect(t, "before the first listing", f, "1/us-east-1", "1:")
		if v := f.View(); !v.Pending || v.Organization != nil {
			t.Errorf("%+v", v)
		}
		time.Sleep(11 * time.Second)
		expect(t, "listed", f, "1/us-east-1 3/eu-west-1", "1: 2:suspended 3:")
		v := f.View()
		if v.Pending || v.Organization == nil || v.Organization.Class != inventory.OK || v.Organization.LastSuccess.IsZero() {
			t.Errorf("%+v", v)
		}
		if v.Targets[0].Role != "own" || v.Targets[0].AccountName != "name 1" || v.Targets[1].Role != "arn:aws:iam::3:role/path/reader" {
			t.Errorf("%+v", v.Targets)
		}
		if fmt.Sprint(v.Discovered) != "map[3:arn:aws:iam::3:role/path/reader]" || fmt.Sprint(v.Targets[1].AccountTags, v.Members[2].Tags) != "map[team:shop] map[team:shop]" {
			t.Errorf("%v, %v", v.Discovered, v.Targets[1].AccountTags)
		}

		w.change(func() { w.err = &inventory.Failure{Class: inventory.Throttled, Message: "slow down"} })
		time.Sleep(time.Hour + 30*time.Second)
		expect(t, "after a failure", f, "1/us-east-1 3/eu-west-1", "1: 2:suspended 3:")
		if o := f.View().Organization; o.Class != inventory.Throttled || o.Message != "slow down" || !o.LastSuccess.Equal(v.Organization.LastSuccess) {
			t.Errorf("%+v", o)
		}
		lists := w.calls("list")
		w.change(func() { w.accounts, w.err = nil, nil })
		time.Sleep(5*time.Minute + 20*time.Second)
		if n := w.calls("list") - lists; n != 1 {
			t.Errorf("listed %d times in the five minutes after a failure", n)
		}
		expect(t, "an empty list", f, "1/us-east-1 3/eu-west-1", "1: 2:suspended 3:")
		if o := f.View().Organization; o.Class != inventory.Invalid {
			t.Errorf("%+v", o)
		}
		w.change(func() { w.err = errors.New("no class") })
		time.Sleep(5*time.Minute + 20*time.Second)
		if o := f.View().Organization; o.Class != inventory.Other || o.Message != "no class" {
			t.Errorf("%+v", o)
		}
		w.change(func() { w.accounts, w.err = active("3", "4"), nil })
		time.Sleep(6 * time.Minute)
		expect(t, "one left, one joined", f, "1/us-east-1 3/eu-west-1 4/eu-west-1", "1: 3: 4:")
	})
}

// TestLog says everything once: when it begins, and when it is over.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &messages{Handler: slog.DiscardHandler, n: map[string]int{}}
		w := &world{
			accounts: active("1", "2"), on: map[string][]string{"1": {"eu-west-1", "eu-new-9"}, "2": {"eu-new-9", "eu-west-1"}},
			broken: map[inventory.Key]error{{AccountID: "1", Region: "eu-west-1"}: errors.New("no")},
		}
		f := logged(t, w, Config{Organization: organization(Regions{Auto: true}), IdleInterval: time.Hour}, log)
		check := func(when string, want map[string]int) {
			t.Helper()
			for part, n := range want {
				if got := log.count(part); got != n {
					t.Errorf("%s: the log says %q %d times, want %d", when, part, got, n)
				}
			}
		}
		time.Sleep(3 * time.Hour)
		check("at first", map[string]int{"have changed": 0, "failed": 0, "does not know": 1, "could not be searched": 1})
		w.change(func() { w.err, w.on["1"], w.broken = errors.New("no"), nil, nil })
		time.Sleep(3 * time.Hour)
		check("broken", map[string]int{"organization failed": 1, "works again": 0, "could not be listed": 1, "listed again": 0, "could not be searched": 1})
		w.change(func() { w.err, w.on["1"], w.accounts = nil, []string{"eu-west-1"}, active("1", "2", "3") })
		time.Sleep(3 * time.Hour)
		check("works", map[string]int{"organization failed": 1, "works again": 1, "could not be listed": 2, "listed again": 1, "have changed": 1, "does not know": 1})
		if v := f.View(); len(v.Members) != 3 {
			t.Errorf("%+v", v.Members)
		}
	})
}

// TestOverrides reads a listed account whatever the organization says of it,
// and no account of it that is not active.
func TestOverrides(t *testing.T) {
	o := organization(Regions{Listed: []string{"eu-west-1"}})
	o.Exclude.IDs = []string{"3"}
	c := Config{Organization: o}
	var discovered []inventory.OrganizationAccount
	for i, state := range []string{"ACTIVE", "SUSPENDED", "ACTIVE", "PENDING_ACTIVATION", "PENDING_CLOSURE", "CLOSED", "UNKNOWN"} {
		a := active(strconv.Itoa(i + 1))[0]
		a.State = state
		discovered = append(discovered, a)
	}
	coverage := func() string {
		var all []string
		for _, e := range c.entries(discovered) {
			all = append(all, e.ID+":"+string(e.member.Coverage)+e.member.Why)
		}
		return strings.Join(all, " ")
	}
	const others = "4:suspendedits state in the organization is PENDING_ACTIVATION 5:suspendedits state in the organization is PENDING_CLOSURE " +
		"6:suspendedits state in the organization is CLOSED 7:suspendedits state in the organization is UNKNOWN"
	if got, want := coverage(), "1: 2:suspendedits state in the organization is SUSPENDED 3:excludedorganization.exclude.ids has it "+others; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	c.Accounts = []Account{{ID: "2"}, {ID: "3"}, {ID: "8"}}
	if got, want := coverage(), "1: 2: 3: "+others+" 8:"; got != want {
		t.Errorf("listed: %s\nwant\n%s", got, want)
	}
	shards := 0
	for i := range 3 {
		c.Shard = Shard{i, 3}
		shards += len(c.entries(discovered))
	}
	if shards != 8 {
		t.Errorf("%d accounts in three shards, want 8", shards)
	}
	// Each shard knows how many all of them are to read. The ambient account does
	// not count before its ID is known.
	c.Accounts = append(c.Accounts, Account{})
	f := New(Options{})
	f.conf, f.accounts = c, discovered
	if v := f.View(); v.All != 4 || v.Shard != (Shard{2, 3}) || len(v.Members) >= 8 {
		t.Errorf("%d of all shards are to be read, %d accounts are in %+v; want 4 to be read", v.All, len(v.Members), v.Shard)
	}
}

// TestClocks counts how often is asked: for an account's regions every hour, and
// into an empty region as configured.
func TestClocks(t *testing.T) {
	for _, tt := range []struct {
		regions      Regions
		lists, looks int
	}{{Regions{}, 5, 0}, {Regions{Auto: true}, 5, 9}} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{on: map[string][]string{"1": {"eu-west-1"}}}
			run(t, w, Config{Accounts: []Account{{ID: "1", Regions: tt.regions}}, IdleInterval: 30 * time.Minute})
			time.Sleep(4*time.Hour + time.Minute)
			if lists, looks := w.calls("regions 1"), w.calls("pools 1 eu-west-1"); lists != tt.lists || looks != tt.looks {
				t.Errorf("%+v: %d lists, %d searches, want %d and %d", tt.regions, lists, looks, tt.lists, tt.looks)
			}
		})
	}
}

// TestPartialRegions takes the regions that come with an error as long as it
// knows nothing better.
func TestPartialRegions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			on: map[string][]string{"2": {"eu-west-1", "sa-east-1"}}, partial: map[string][]string{"1": {"us-east-1"}},
			broken: map[inventory.Key]error{{AccountID: "1", Region: "us-east-1"}: &inventory.Failure{Class: inventory.Timeout, Message: "slow"}},
		}
		auto := Regions{Auto: true}
		f := run(t, w, Config{Accounts: []Account{{ID: "1", Regions: auto}, {ID: "2"}}, IdleInterval: time.Hour})
		time.Sleep(time.Minute)
		expect(t, "at first", f, "2/eu-west-1 2/sa-east-1", "1:!denied 2:")
		w.change(func() { w.partial["2"], w.broken = []string{"us-east-1"}, nil })
		time.Sleep(2 * time.Hour)
		expect(t, "later", f, "2/eu-west-1 2/sa-east-1", "1:!denied 2:!denied")
		f.Configure(Config{Accounts: []Account{{ID: "2", Regions: Regions{Listed: []string{"eu-west-1"}}}}})
		f.Announced()
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.places) > 0 {
			t.Errorf("what is known of the regions of %d accounts is kept", len(f.places))
		}
	})
}

// TestBackOff waits longer after every failure, and begins anew after a success.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p, e := New(Options{Logger: slog.New(slog.DiscardHandler)}), &place{}, &entry{Account: Account{ID: "1"}}
		denied := &inventory.Failure{Class: inventory.Denied}
		var waits []time.Duration
		for _, failure := range []*inventory.Failure{denied, denied, denied, nil, denied} {
			f.found(p, e, []string{"eu-west-1"}, failure)
			waits = append(waits, time.Until(p.due))
		}
		if got := fmt.Sprint(waits); got != "[5m0s 10m0s 20m0s 1h0m0s 5m0s]" {
			t.Errorf("waits %s", got)
		}
	})
}

// TestPartlySearched is pending until every region was searched.
func TestPartlySearched(t *testing.T) {
	f := New(Options{})
	f.conf = Config{Accounts: []Account{{ID: "1", Regions: Regions{Auto: true}}}}
	f.places["1"] = &place{asked: true, on: []string{"eu-west-1", "us-east-1"}, looks: map[string]*look{"eu-west-1": {pools: true}}}
	if v := f.View(); !v.Pending || targets(v) != "1/eu-west-1" || covered(v) != "1:pending" {
		t.Errorf("%+v", v)
	}
	f.places["1"].looks["us-east-1"] = &look{}
	if v := f.View(); v.Pending || targets(v) != "1/eu-west-1" || covered(v) != "1:" {
		t.Errorf("%+v", v)
	}
}

// TestHangingListing gives up a listing that hangs, and the program's end ends
// it at once.
func TestHangingListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{accounts: active("1"), took: 1000 * time.Hour}
		f := run(t, w, Config{Organization: organization(Regions{Listed: []string{"eu-west-1"}})})
		time.Sleep(listTimeout + time.Second)
		if v := f.View(); v.Organization == nil || v.Organization.Class == inventory.OK || v.Pending {
			t.Errorf("%+v", v)
		}
		time.Sleep(retryAfter)
		if n := w.calls("list"); n != 2 {
			t.Errorf("listed %d times", n)
		}
	})
}

// TestFindingRegions asks for the regions of accounts: all, or those with pools.
func TestFindingRegions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := func(account, region string) inventory.Key { return inventory.Key{AccountID: account, Region: region} }
		w := &world{
			accounts: active("1", "2", "3"),
			on:       map[string][]string{"1": {"us-east-1", "eu-west-1", "eu-new-9"}, "2": {"eu-west-1", "us-east-1"}, "4": {"us-gov-east-1", "us-gov-west-1"}},
			pools:    map[inventory.Key]bool{key("1", "eu-west-1"): true},
			broken:   map[inventory.Key]error{key("2", "us-east-1"): &inventory.Failure{Class: inventory.Denied, Message: "no"}},
		}
		f := run(t, w, Config{
			Organization: organization(Regions{Auto: true}), IdleInterval: 24 * time.Hour, Region: "us-gov-west-1",
			Accounts: []Account{{ID: "4"}, {ID: "1", Role: "arn:aws:iam::1:role/own", Regions: Regions{Auto: true}}},
		})
		time.Sleep(time.Minute)
		const found = "1/eu-west-1 3/us-east-1 4/us-gov-east-1 4/us-gov-west-1"
		expect(t, "found", f, found, "1: 2:!denied 3:!denied 4:")
		v := f.View()
		if v.Pending || fmt.Sprint(v.UnknownRegions) != "map[eu-new-9:1]" || v.Members[2].Failure.Message != "no role in 3" {
			t.Errorf("%+v", v)
		}
		if got, want := fmt.Sprint(w.roles), "map[1:arn:aws:iam::1:role/own us-east-1 2:arn:aws:iam::2:role/path/reader us-east-1 3:arn:aws:iam::3:role/path/reader us-east-1 4: us-gov-west-1]"; got != want {
			t.Errorf("asked with the roles and in the regions\n%s, want\n%s", got, want)
		}
		if n := w.calls("pools 4 us-gov-east-1"); n != 0 {
			t.Errorf("looked for pools %d times, where all regions are read", n)
		}

		w.change(func() {
			w.on["1"] = nil // The role is gone; what is known stays.
			w.pools = map[inventory.Key]bool{key("2", "eu-west-1"): true}
			w.on["3"] = []string{"eu-west-1"}
			delete(w.on, "4")
		})
		time.Sleep(2 * time.Hour)
		expect(t, "an hour later", f, "1/eu-west-1 4/us-gov-east-1 4/us-gov-west-1", "1:!denied 2:!denied 3: 4:!denied")
		if n := w.calls("pools 1 us-east-1"); n != 1 {
			t.Errorf("looked %d times into an empty region", n)
		}
		w.change(func() {
			w.on["1"], w.on["4"] = []string{"us-east-1", "eu-west-1"}, []string{"us-gov-west-1"}
			w.broken = nil
		})
		time.Sleep(23 * time.Hour)
		expect(t, "a day later", f, "2/eu-west-1 4/us-gov-west-1", "1: 2: 3: 4:")
		if n := w.calls("pools 1 us-east-1"); n != 2 {
			t.Errorf("looked %d times into an empty region in a day", n)
		}
		if n := w.calls("pools 2 us-east-1"); n > 12 {
			t.Errorf("looked %d times into a region that was denied", n)
		}

		// A search that fails does not take a region away.
		w.change(func() {
			w.broken = map[inventory.Key]error{key("2", "eu-west-1"): &inventory.Failure{Class: inventory.Timeout, Message: "slow"}}
		})
		time.Sleep(24 * time.Hour)
		expect(t, "a failing search", f, "2/eu-west-1 4/us-gov-west-1", "1: 2:!timeout 3: 4:")

		w.change(func() { w.accounts = active("3") })
		time.Sleep(2 * time.Hour)
		f.mu.Lock()
		kept := len(f.places)
		f.mu.Unlock()
		if kept != 3 {
			t.Errorf("what is known of %d accounts is kept, want those of 1, 3 and 4", kept)
		}
	})
}

// TestRoleReturns has an account without its role when its regions are to be
// searched: once it has the role again, the searches that failed do not wait for
// their own clock, which is a day by then, and no other region is searched.
func TestRoleReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		home := inventory.Key{AccountID: "1", Region: "eu-west-1"}
		w := &world{on: map[string][]string{"1": {"eu-west-1", "us-east-1"}}, pools: map[inventory.Key]bool{home: true}}
		f := run(t, w, Config{Accounts: []Account{{ID: "1", Regions: Regions{Auto: true}}}, IdleInterval: 24 * time.Hour})
		time.Sleep(23*time.Hour + 30*time.Minute)
		w.change(func() {
			w.on["1"] = nil
			w.broken = map[inventory.Key]error{home: &inventory.Failure{Class: inventory.Denied, Message: "no role"}}
		})
		time.Sleep(6 * time.Hour)
		expect(t, "without its role", f, "1/eu-west-1", "1:!denied")
		w.change(func() {
			w.on["1"] = []string{"eu-west-1", "us-east-1"}
			w.broken = nil
		})
		time.Sleep(time.Hour + time.Minute)
		expect(t, "with its role", f, "1/eu-west-1", "1:")
		if n := w.calls("pools 1 us-east-1"); n != 2 {
			t.Errorf("an empty region was searched %d times in two days", n)
		}
	})
}

// TestPendingRegions says which accounts' regions are still to be asked for.
func TestPendingRegions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{on: map[string][]string{"1": {"eu-west-1"}}}
		f := New(Options{Source: w, Logger: slog.New(slog.DiscardHandler), Changed: func() {}})
		f.Configure(Config{Accounts: []Account{{ID: "1", Regions: Regions{Auto: true}}}, IdleInterval: time.Hour})
		expect(t, "configured", f, "", "1:pending")
		if !f.View().Pending {
			t.Error("nothing is pending")
		}
		// Nobody is asked before the reader knows the account.
		if err := f.Once(t.Context()); err != nil || w.calls("regions 1") != 0 {
			t.Errorf("%v, asked %d times", err, w.calls("regions 1"))
		}
		f.Announced()
		if err := f.Once(t.Context()); err != nil {
			t.Error(err)
		}
		expect(t, "asked", f, "", "1:")
		if f.View().Pending {
			t.Error("something is still pending")
		}
		// A shorter clock holds at once.
		f.Configure(Config{Accounts: []Account{{ID: "1", Regions: Regions{Auto: true}}}, IdleInterval: time.Minute})
		time.Sleep(time.Minute)
		_ = f.Once(t.Context())
		if n := w.calls("pools 1 eu-west-1"); n != 2 {
			t.Errorf("looked %d times", n)
		}
	})
}

// TestConfigureListsAgain lists the organization again at once, and does not
// use a listing that began before.
func TestConfigureListsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{accounts: active("1"), took: 10 * time.Second}
		f := run(t, w, Config{Organization: organization(Regions{Listed: []string{"eu-west-1"}})})
		time.Sleep(5 * time.Second)
		elsewhere := Config{Organization: organization(Regions{Listed: []string{"us-east-1"}})}
		f.Configure(elsewhere)
		f.Announced()
		time.Sleep(6 * time.Second)
		if v := f.View(); !v.Pending || len(v.Targets) > 0 {
			t.Errorf("what was listed for another configuration is used: %s", targets(v))
		}
		time.Sleep(10 * time.Second)
		expect(t, "listed", f, "1/us-east-1", "1:")
		if n := w.calls("list"); n != 2 {
			t.Errorf("listed %d times", n)
		}
		f.Configure(elsewhere)
		f.Announced()
		time.Sleep(time.Second)
		if n := w.calls("list"); n != 3 {
			t.Errorf("listed %d times after a reload", n)
		}
		expect(t, "while it is listed again", f, "1/us-east-1", "1:")
		f.Configure(Config{})
		f.Announced()
		time.Sleep(2 * time.Hour)
		expect(t, "without an organization", f, "", "")
		if v := f.View(); v.Organization != nil || v.Pending || w.calls("list") != 3 {
			t.Errorf("%+v, listed %d times", v, w.calls("list"))
		}
	})
}

// TestOnceFails returns why the organization cannot be listed.
func TestOnceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{err: &inventory.Failure{Class: inventory.Denied, Message: "not allowed"}}
		f := New(Options{Source: w, Logger: slog.New(slog.DiscardHandler), Changed: func() {}})
		f.Configure(Config{Organization: organization(Regions{Auto: true})})
		if err := f.Once(t.Context()); err == nil || err.Error() != "not allowed" {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.Once(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
