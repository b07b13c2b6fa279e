package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"regexp"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/fleet"
)

var (
	weekDays = flag.Int("week.days", 1, "how many days TestWeek lasts")
	weekSeed = flag.Uint64("week.seed", 1, "seed of what happens in TestWeek")
)

const weekConfig = `
regions: auto
interval: 30m
stale_after: 90m
organization: {member_role_name: reader, refresh_interval: 30m, exclude: {ous: [Sandbox]}}
`

// The states of an account of the simulated week.
const (
	gone     = "gone"
	active   = "active"
	roleless = "without its role"
	closed   = "suspended"
)

// weekTroubles are what the listing of the accounts meets, and the class that it
// then has, which is empty where it succeeds all the same. Two of the troubles
// begin with the second page.
var weekTroubles = []struct {
	name, class string
	faults      []awssim.Fault
	cut         bool
}{
	{name: "none"},
	{name: "none, which is more frequent"},
	{name: "slow", faults: []awssim.Fault{{Kind: "slow", Service: "organizations"}}},
	{name: "denied", class: "denied", faults: []awssim.Fault{{Kind: "deny", Service: "organizations"}}},
	{name: "throttled", class: "throttled", faults: []awssim.Fault{{Kind: "throttle", Service: "organizations"}}},
	{name: "never answered", class: "timeout", faults: []awssim.Fault{{Kind: "timeout", Service: "organizations"}}},
	{name: "garbage", class: "invalid", faults: []awssim.Fault{{Kind: "garbage", Service: "organizations"}}},
	{name: "empty", class: "invalid", faults: []awssim.Fault{{Kind: "replace", Operation: "ListAccounts", Field: "Accounts"}}},
	{name: "cut off in the middle of paging", class: "unavailable", cut: true},
}

// week is a simulated week, with what is to be seen of it.
type week struct {
	*organization
	random *rand.Rand
	actual map[string]string // the accounts' states, by ID
	known  map[string]string // those of the last listing that succeeded
	before int               // accounts of the one before
	event  string            // what happened last
}

const (
	manager   = "100000000001"
	sandboxes = 21 // accounts that are excluded; with them there are two pages
	live      = 8  // accounts to which something happens
)

// fleet is what there is: each account that is not gone has pools in one
// region, but for those that have none.
func (w *week) fleet() *awssim.Fleet {
	f := &awssim.Fleet{Accounts: []awssim.Account{{ID: manager, Name: "management"}}}
	for i := range sandboxes {
		f.Accounts = append(f.Accounts, awssim.Account{ID: strconv.Itoa(200000000001 + i), Unit: "Sandbox"})
	}
	for i, id := range slices.Sorted(maps.Keys(w.actual)) {
		region := []string{"eu-west-1", "us-east-1", "sa-east-1"}[i%3]
		a := awssim.Account{ID: id, Name: "live-" + id[11:], Regions: map[string]*awssim.Region{region: somewhere(id, region, 2, 0, 0)}}
		if poolless(id) {
			a.Regions = nil
		}
		switch w.actual[id] {
		case gone:
			continue
		case closed:
			a.State = "SUSPENDED"
		}
		f.Accounts = append(f.Accounts, a)
	}
	return f
}

// happen has something happen to some accounts, and to the listing. It returns
// the class that the listing then has.
func (w *week) happen(t *testing.T, trouble int) (class string) {
	t.Helper()
	var events []string
	ids := slices.Sorted(maps.Keys(w.actual))
	for range w.random.IntN(3) {
		id := ids[w.random.IntN(len(ids))]
		w.actual[id] = []string{gone, active, active, roleless, closed}[w.random.IntN(5)]
		events = append(events, id+" is "+w.actual[id])
	}
	w.event = fmt.Sprintf("listing: %s; %s", weekTroubles[trouble].name, strings.Join(events, ", "))
	return w.put(t, trouble)
}

// put has the simulation be as the week has it.
func (w *week) put(t *testing.T, trouble int) (class string) {
	t.Helper()
	met := weekTroubles[trouble]
	faults := slices.Clone(met.faults)
	for id, state := range w.actual {
		if state == roleless {
			faults = append(faults, awssim.Fault{Kind: "deny", Operation: "AssumeRole", Account: id})
		}
	}
	if err := w.sim.SetFleet(w.fleet()); err != nil {
		t.Fatal(err)
	}
	w.fault(t, faults...)
	w.sim.cut.Store(met.cut)
	w.before = w.listed()
	if met.class == "" {
		w.known = maps.Clone(w.actual)
	}
	return met.class
}

// poolless reports whether an account has no user pools, so that it is searched
// for some and not read.
func poolless(id string) bool { return id >= "100000000017" }

// listed is how many accounts the last listing has.
func (w *week) listed() int {
	n := 1 + sandboxes
	for _, state := range w.known {
		if state != gone {
			n++
		}
	}
	return n
}

// accountIn finds the account in the labels of a series.
var accountIn = regexp.MustCompile(`[{,]account_id="(\d*)"`)

// number is the value of a series.
func number(all map[string]string, name string) int {
	n, err := strconv.Atoi(all[name])
	if err != nil {
		return -1
	}
	return n
}

// hold checks what is right at every moment.
func (w *week) hold(t *testing.T) map[string]string {
	t.Helper()
	all := series(t, w.collector)
	state := func(name string) int { return number(all, `cognito_ses_exporter_accounts{state="`+name+`"}`) }
	expected, sum := state("expected"), state("read")+state("denied")+state("failing")+state("pending")
	if n := expected + state("excluded") + state("suspended"); expected != sum || n != w.before && n != w.listed() {
		t.Errorf("%s: %d accounts are expected, which are %d by state, of %d; %d are listed, before it were %d", w.event, expected, sum, n, w.listed(), w.before)
	}
	infos := ofName(all, "cognito_ses_exporter_account_info")
	if n := number(all, `cognito_ses_exporter_fleet_accounts{shard="0",shards="1"}`); len(infos) != expected || n != expected {
		t.Errorf("%s: %d accounts are expected, %d have names, the fleet has %d", w.event, expected, len(infos), n)
	}
	ids := map[string]bool{}
	for name := range infos {
		ids[accountIn.FindStringSubmatch(name)[1]] = true
	}
	for name := range all {
		if m := accountIn.FindStringSubmatch(name); m != nil && !ids[m[1]] {
			t.Errorf("%s: left over: %s", w.event, name)
		}
	}
	return all
}

// settled checks what is seen when all clocks have come round.
func (w *week) settled(t *testing.T, class string, stale bool) {
	t.Helper()
	all := w.hold(t)
	read, denied, suspended := 1, 0, 0
	for id, state := range w.known {
		facts := len(facts(of(all, id)))
		switch {
		case state == gone:
		case state == closed:
			suspended++
		case w.actual[id] == active:
			if read++; (facts == 0) != poolless(id) {
				t.Errorf("%s: account %s has %d facts", w.event, id, facts)
			}
			continue
		default: // It is to be read, but cannot be.
			denied++
			if all[`cognito_ses_exporter_account_search_error{account_id="`+id+`",class="denied"}`] != "1" {
				t.Errorf("%s: nothing says that account %s cannot be entered", w.event, id)
			}
			if !stale {
				continue
			}
		}
		if facts > 0 {
			t.Errorf("%s: there are facts of account %s", w.event, id)
		}
	}
	want := fmt.Sprintf("%d %d %d 0 %d %d", read+denied, read, denied, sandboxes, suspended)
	if got := w.coverage(t); got != want {
		t.Errorf("%s: the accounts are %s, want %s\n%s", w.event, got, want, text(ofName(all, "cognito_ses_exporter_target_error")))
	}
	if n := len(ofName(all, "cognito_ses_exporter_account_search_error")); n != denied {
		t.Errorf("%s: %d accounts cannot be searched, want %d", w.event, n, denied)
	}
	up, failing := all["cognito_ses_exporter_discovery_up"], ofName(all, "cognito_ses_exporter_discovery_error")
	if (up == "1") != (class == "") || len(failing) > 1 || class != "" && failing[`cognito_ses_exporter_discovery_error{class="`+class+`"}`] != "1" {
		t.Errorf("%s: discovery is up %s, %v, want class %q", w.event, up, failing, class)
	}
}

// kept is how much the reader and the fleet remember, of which metrics say
// nothing: accounts, regions with their budgets, and what is known of regions.
func kept(a *app) [3]int {
	synctest.Wait() // Then nobody writes.
	accounts := reflect.ValueOf(a.reader).Elem().FieldByName("accounts")
	n := [3]int{accounts.Len(), 0, reflect.ValueOf(a.fleet).Elem().FieldByName("places").Len()}
	for all := accounts.MapRange(); all.Next(); {
		n[1] += all.Value().Elem().FieldByName("places").Len()
	}
	return n
}

// labelled is a record of goroutines with the label of TestWeek.
var labelled = regexp.MustCompile(`(?m)^(\d+) @ .*\n# labels: \{"test":"week"\}$`)

// goroutines is how many have the label of TestWeek.
func goroutines(t *testing.T) (n int) {
	t.Helper()
	synctest.Wait()
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		t.Fatal(err)
	}
	for _, m := range labelled.FindAllStringSubmatch(b.String(), -1) {
		count, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		n += count
	}
	if n == 0 {
		t.Fatal("no goroutine has the label")
	}
	return n
}

// TestWeek follows an organization through a week in which accounts join, leave, are
// suspended and lose their role, and the listing of the accounts fails in every
// way: the coverage is right at every moment, and at the end nothing is left
// over. Only its first day is part of every run of the tests: -week.days=7 is the
// whole of it, -week.seed another one.
func TestWeek(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		pprof.SetGoroutineLabels(pprof.WithLabels(t.Context(), pprof.Labels("test", "week")))
		w := &week{random: rand.New(rand.NewPCG(*weekSeed, 1)), actual: map[string]string{}}
		for i := range live {
			w.actual[strconv.Itoa(100000000011+i)] = active
		}
		w.known, w.event = maps.Clone(w.actual), "at first"
		w.before = w.listed()
		w.organization = newOrganization(t, weekConfig, fleet.Shard{}, awssim.Options{Fleet: w.fleet()})
		w.sim.wait.Store(int64(15 * time.Second))
		<-w.collector.Done()
		time.Sleep(time.Minute)
		w.settled(t, "", false)
		routines, memory := goroutines(t), kept(w.app)
		const step = 3 * time.Hour
		for i := range *weekDays * int(24*time.Hour/step) {
			trouble := w.random.IntN(len(weekTroubles))
			if i < len(weekTroubles) {
				trouble = len(weekTroubles) - 1 - i // Each comes up.
			}
			class := w.happen(t, trouble)
			for range 5 {
				time.Sleep(20 * time.Minute)
				w.hold(t)
			}
			w.settled(t, class, false)
			time.Sleep(step - 100*time.Minute)
			w.settled(t, class, true)
		}
		// All accounts are there again, and an exporter that starts now sees the same.
		for id := range w.actual {
			w.actual[id] = active
		}
		w.event = "at the end"
		w.put(t, 0)
		time.Sleep(step)
		w.settled(t, "", true)
		if now := goroutines(t); now > routines+2 {
			t.Errorf("%d goroutines, %d at first", now, routines)
		}
		// An account that was read without its role has been read in one more region, and for one that had just left
		// the ambient credentials may have been asked for.
		if now := kept(w.app); now[0] > memory[0]+1 || now[1] > memory[1]+live || now[2] != memory[2] {
			t.Errorf("%v accounts, regions and accounts with regions are kept, %v at first", now, memory)
		}
		all := series(t, w.collector)
		fresh := newOrganization(t, weekConfig, fleet.Shard{}, awssim.Options{Fleet: w.fleet()})
		<-fresh.collector.Done()
		time.Sleep(time.Minute)
		now := series(t, fresh.collector)
		if !maps.Equal(facts(all), facts(now)) {
			t.Errorf("facts of a fresh exporter:\n%s", difference(text(facts(all)), text(facts(now))))
		}
		if have, want := slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(now)); !slices.Equal(have, want) {
			t.Errorf("series of a fresh exporter:\n%s", difference(strings.Join(have, "\n"), strings.Join(want, "\n")))
		}
	})
}
