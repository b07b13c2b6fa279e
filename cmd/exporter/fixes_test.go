package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/plan"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/report"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// readAndJudge reads what the demo reads, of another fleet and of one account or
// all: what pools depend on does not cross an account.
func readAndJudge(t *testing.T, s *settings, fleet *awssim.Fleet, account string) *rules.Judgement {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := newApp(func() (*settings, error) { return s, nil }, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), true)
	a.client = simulate(t, awssim.Options{Fleet: fleet, NoQuotas: true, NoDelays: true, Seed: 1})
	a.endpoint = "http://aws.invalid"
	if _, err := a.configure(ctx, s); err != nil {
		t.Fatal(err)
	}
	p, err := a.find(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	p.Targets = slices.DeleteFunc(p.Targets, func(t inventory.Target) bool { return account != "" && t.AccountID != account })
	j := s.rules.Judge(inventory.New(time.Now(), collector.ReadOnce(ctx, a.reader, p, nil), p.Quota))
	if unread := report.Of(j, report.Options{}).Unreadable; len(unread) > 0 {
		t.Fatalf("not read: %v", unread)
	}
	return j
}

// readyPools returns the pools that can send, as account/region/ID, sorted.
func readyPools(j *rules.Judgement) (ready []string) {
	for p := range j.Pools() {
		if p.Ready == inventory.Yes {
			ready = append(ready, nameOfPool(p))
		}
	}
	slices.Sort(ready)
	return ready
}

func nameOfPool(p *inventory.Pool) string {
	return p.Target.AccountID + "/" + p.Target.Region + "/" + p.ID
}

// simRegion is what the simulated account of a fix has in its region.
func simRegion(fleet *awssim.Fleet, account, region string) *awssim.Region {
	for _, a := range fleet.Accounts {
		if a.ID == account {
			return a.Regions[region]
		}
	}
	return nil
}

func named[T any](list []T, name func(*T) string, want string) *T {
	for i := range list {
		if name(&list[i]) == want {
			return &list[i]
		}
	}
	return nil
}

var policyOption = regexp.MustCompile(`--policy '([^']*)'`)

// fixIt does to the fleet what the fix says. proposals have the documents that
// its commands write.
func fixIt(t *testing.T, fleet *awssim.Fleet, f *plan.Fix, proposals map[string]awssim.Pool) {
	t.Helper()
	r := simRegion(fleet, f.AccountID, f.Region)
	identity := named(r.Identities, func(i *awssim.Identity) string { return i.Name }, f.Name)
	set := named(r.ConfigurationSets, func(c *awssim.ConfigurationSet) string { return c.Name }, f.Name)
	switch f.Kind {
	case plan.ProductionAccess:
		r.SES.ProductionAccess, r.SES.Review, r.SES.Max24HourSend = true, "GRANTED", 50000
	case plan.ResumeSending:
		r.SES.Enforcement, r.SES.SendingEnabled = "HEALTHY", true
	case plan.EnableSending:
		r.SES.SendingEnabled = true
	case plan.SendQuota:
		r.SES.Max24HourSend *= 2
	case plan.CreateIdentity:
		r.Identities = append(r.Identities, awssim.Identity{Name: f.Name, Status: "SUCCESS", Verified: true, SendingEnabled: true})
	case plan.VerifyIdentity:
		identity.Status, identity.Verified, identity.SendingEnabled, identity.ErrorType = "SUCCESS", true, true, ""
	case plan.AllowCognito:
		for _, s := range f.Steps() {
			if m := policyOption.FindStringSubmatch(s.Command); m != nil {
				identity.Policies = map[string]string{"new": m[1]}
			}
		}
	case plan.MailFrom:
		identity.MailFrom.OnFailure = "USE_DEFAULT_VALUE"
	case plan.CreateSet:
		r.ConfigurationSets = append(r.ConfigurationSets, awssim.ConfigurationSet{Name: f.Name, SendingEnabled: true})
	case plan.EnableSet:
		set.SendingEnabled = true
	case plan.ChangeSender, plan.LeaveDefault:
		for _, p := range f.Unblocks {
			to, ok := proposals[p.ID]
			if !ok {
				t.Fatalf("%s: there is no proposal for %s", f.ID(), p.ID)
			}
			pool := named(simRegion(fleet, p.Target.AccountID, p.Target.Region).Pools, func(p *awssim.Pool) string { return p.ID }, p.ID)
			pool.Mode, pool.SourceARN, pool.From, pool.ConfigurationSet = to.Mode, to.SourceARN, to.From, to.ConfigurationSet
		}
	default:
		t.Fatalf("nobody knows how to do %s", f.ID())
	}
}

// planOf is the plan as check writes it.
func planOf(t *testing.T, j *rules.Judgement) string {
	t.Helper()
	r := report.Of(j, report.Options{Demo: true, Tags: []string{"env", "team"}})
	var b strings.Builder
	if _, err := r.Write(&b, "plan"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func checkGolden(t *testing.T, file, got string) {
	t.Helper()
	if *updateDemo {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("it differs from %s (rewrite with -update):\n%s", file, difference(string(want), got))
	}
}

// proposeOnDemo runs the commands of the fixes that change pools, on the demo, and
// returns the senders in their documents by the pool's ID.
func proposeOnDemo(t *testing.T, fixes []*plan.Fix) map[string]awssim.Pool {
	t.Helper()
	t.Chdir(t.TempDir())
	all := map[string]awssim.Pool{}
	for _, f := range fixes {
		if f.Kind != plan.ChangeSender && f.Kind != plan.LeaveDefault || len(f.Unblocks) == 0 {
			continue
		}
		for _, s := range f.Steps() {
			if s.Command == "" {
				continue
			}
			words := strings.Fields(s.Command)
			if words[0] != name {
				t.Fatalf("%s: the command is %q", f.ID(), s.Command)
			}
			var out strings.Builder
			if code := run(t.Context(), append(words[1:], "--demo"), &out, &out, nil); code != exitOK {
				t.Fatalf("%s: exit code %d\n%s", s.Command, code, &out)
			}
			document, err := os.ReadFile(filepath.Join("proposal-"+words[2], "update-user-pool.json"))
			if err != nil {
				t.Fatal(err)
			}
			var update struct {
				UserPoolID         string `json:"UserPoolId"`
				EmailConfiguration struct{ EmailSendingAccount, SourceArn, From, ConfigurationSet string }
			}
			if err := json.Unmarshal(document, &update); err != nil {
				t.Fatal(err)
			}
			e := update.EmailConfiguration
			all[update.UserPoolID] = awssim.Pool{Mode: e.EmailSendingAccount, SourceARN: e.SourceArn, From: e.From, ConfigurationSet: e.ConfigurationSet}
		}
	}
	return all
}

// TestThePlanIsTrue does what each fix of the demo's plan says, one at a time,
// and reads again: the pools that it is said to unblock can send, and no others.
func TestThePlanIsTrue(t *testing.T) {
	s, err := loader(&flags{demo: true})()
	if err != nil {
		t.Fatal(err)
	}
	var fixes []*plan.Fix
	var before []string
	atNoon(t, func(t *testing.T) {
		j := readAndJudge(t, s, awssim.Demo(), "")
		fixes, before = plan.Of(j), readyPools(j)
		checkGolden(t, "testdata/plan.txt", planOf(t, j))
	})
	fixes = slices.DeleteFunc(fixes, func(f *plan.Fix) bool {
		return len(f.Unblocks)+len(f.Partly)+len(f.Maybe) == 0 || f.Kind == plan.LeaveDefault && len(f.Unblocks) == 0
	})
	proposals := proposeOnDemo(t, fixes)
	seen := map[plan.Kind]bool{}
	atNoon(t, func(t *testing.T) {
		for _, f := range fixes {
			seen[f.Kind] = true
			fleet := awssim.Demo()
			fixIt(t, fleet, f, proposals)
			want := slices.DeleteFunc(slices.Clone(before), func(pool string) bool { return !strings.HasPrefix(pool, f.AccountID) })
			for _, p := range f.Unblocks {
				want = append(want, nameOfPool(p.Pool))
			}
			slices.Sort(want)
			if got := readyPools(readAndJudge(t, s, fleet, f.AccountID)); !slices.Equal(got, want) {
				t.Errorf("%s: after it, others can send than it says:\n%s", f.ID(), difference(strings.Join(want, "\n"), strings.Join(got, "\n")))
			}
		}
	})
	for _, k := range []plan.Kind{
		plan.ProductionAccess, plan.ResumeSending, plan.EnableSending, plan.SendQuota, plan.CreateIdentity, plan.VerifyIdentity,
		plan.AllowCognito, plan.MailFrom, plan.CreateSet, plan.EnableSet, plan.ChangeSender,
	} {
		if !seen[k] {
			t.Errorf("the demo's plan has no fix of the kind %s", k)
		}
	}
	if len(before) == 0 || len(fixes) < 15 {
		t.Error(fmt.Sprint("the demo has ", len(before), " pools that can send and ", len(fixes), " fixes"))
	}
}

// lapse is something that many pools may share, how it lapses, and what the
// pages say of it.
type lapse struct {
	what    string
	account string
	does    func(*awssim.Region)
	region  string
	*plan.Lapse
}

// lapsesOf returns everything of the accounts that can lapse.
func lapsesOf(j *rules.Judgement) (all []lapse) {
	for _, a := range j.Accounts {
		for _, i := range a.Identities {
			all = append(all, lapse{"identity " + i.Name, a.ID, func(r *awssim.Region) {
				id := named(r.Identities, func(i *awssim.Identity) string { return i.Name }, i.Name)
				id.Status, id.Verified, id.SendingEnabled = "FAILED", false, false
			}, i.Target.Region, plan.WithoutIdentity(a.Dependents(i.Target.Region, i.Name))})
		}
		for _, r := range a.Readings {
			region := r.Target.Region
			all = append(all, lapse{"sending", a.ID, func(r *awssim.Region) { r.SES.SendingEnabled = false }, region, plan.WithoutSending(a, region)})
			for set, l := range plan.WithoutSets(a, region) {
				all = append(all, lapse{"set " + set, a.ID, func(r *awssim.Region) {
					r.ConfigurationSets = slices.DeleteFunc(r.ConfigurationSets, func(c awssim.ConfigurationSet) bool { return c.Name == set })
				}, region, l})
			}
		}
	}
	return all
}

// TestTheWhatIfsAreTrue lets everything of the demo lapse that pools which can
// send need, one at a time, and reads again: those that are said to go silent
// cannot send any more, all others can.
func TestTheWhatIfsAreTrue(t *testing.T) {
	s, err := loader(&flags{demo: true})()
	if err != nil {
		t.Fatal(err)
	}
	atNoon(t, func(t *testing.T) {
		j := readAndJudge(t, s, awssim.Demo(), "")
		before, silent := readyPools(j), map[string]int{}
		for _, l := range lapsesOf(j) {
			fleet := awssim.Demo()
			r := simRegion(fleet, l.account, l.region)
			if len(l.Silent)+len(l.GoOn) == 0 || r == nil {
				continue
			}
			l.does(r)
			kind, _, _ := strings.Cut(l.what, " ")
			silent[kind] += len(l.Silent)
			want := slices.DeleteFunc(slices.Clone(before), func(pool string) bool {
				return !strings.HasPrefix(pool, l.account) || slices.ContainsFunc(l.Silent, func(p *inventory.Pool) bool { return nameOfPool(p) == pool })
			})
			if got := readyPools(readAndJudge(t, s, fleet, l.account)); !slices.Equal(got, want) {
				t.Errorf("%s in %s of %s: without it, others can send than it says:\n%s", l.what, l.region, l.account, difference(strings.Join(want, "\n"), strings.Join(got, "\n")))
			}
		}
		if silent["identity"] < 7 || silent["sending"] < 8 || silent["set"] < 1 {
			t.Errorf("so many pools went silent: %v", silent)
		}
	})
}
