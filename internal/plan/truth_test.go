package plan

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/propose"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const account = "111122223333"

var policy = inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: 9 * time.Hour}

// random makes accounts in which everything goes wrong that can.
type random struct{ *rand.Rand }

// one returns one of the values.
func one[T any](r random, values ...T) T { return values[r.IntN(len(values))] }

// rarely is true once in n times.
func (r random) rarely(n int) bool { return r.IntN(n) == 0 }

// tri is mostly the value, sometimes the opposite and now and then unknown.
func (r random) tri(mostly inventory.Tri) inventory.Tri {
	return one(r, mostly, mostly, mostly, mostly, mostly, mostly.Not(), inventory.Unknown)
}

var randomRegions = []string{"eu-west-1", "eu-central-1", "us-east-1", "ca-west-1", "ca-central-1", "us-west-1"}

func (r random) account() []inventory.Reading {
	var all []inventory.Reading
	for _, region := range randomRegions {
		reading := inventory.Reading{
			Target: inventory.Target{AccountID: account, AccountName: "main", Region: region}, End: now, PoolsListed: now,
			Outcomes: []inventory.Outcome{{API: inventory.APICognito}, {API: inventory.APISES}},
		}
		if !r.rarely(8) {
			reading.IdentitiesListed = now
		}
		if !r.rarely(8) {
			limit := one(r, 200.0, 50000, -1)
			reading.SES = &inventory.SESState{
				Confirmed: now, Sandbox: r.tri(inventory.No), SendingEnabled: r.tri(inventory.Yes), Enforcement: one(r, "HEALTHY", "HEALTHY", "PROBATION", "SHUTDOWN", "UNKNOWN"),
				Review: one(r, "", "PENDING", "DENIED", "NONE"), Quota: inventory.SendQuota(limit, one(r, 10.0, 10, 50000)),
			}
		}
		for _, name := range []string{"a@example.com", "example.com", "sub.example.com", "example.org"} {
			if r.rarely(3) {
				continue
			}
			i := inventory.Identity{Name: name, Confirmed: now, Verified: r.tri(inventory.Yes), SendingEnabled: r.tri(inventory.Yes), Status: "PENDING"}
			if !r.rarely(8) {
				i.Details = &inventory.IdentityDetails{
					ConfigurationSet: one(r, "", "", "", "gone", "off"), Policies: r.policies(region, name),
					MailFrom: one(r, inventory.MailFrom{}, inventory.MailFrom{Domain: "m." + name, Status: "FAILED", RejectOnFailure: r.tri(inventory.No)}),
				}
			}
			reading.Identities = append(reading.Identities, i)
		}
		slices.SortFunc(reading.Identities, func(a, b inventory.Identity) int { return strings.Compare(a.Name, b.Name) })
		reading.ConfigurationSets = []inventory.ConfigurationSet{{Name: "gone", Missing: true}, {Name: "off", SendingEnabled: inventory.No}, {Name: "on", SendingEnabled: inventory.Yes}}
		for n := range r.IntN(8) {
			reading.Pools = append(reading.Pools, r.pool(region, n))
		}
		all = append(all, reading)
	}
	return all
}

func (r random) policies(region, name string) inventory.SendingPolicies {
	effect := one(r, "", "Allow", "Allow", "Deny")
	if effect == "" {
		return inventory.ParseSendingPolicies(nil)
	}
	return inventory.ParseSendingPolicies(map[string]string{"p": fmt.Sprintf(`{"Statement": [{"Effect": %q, "Principal": "*", "Action": "ses:*", "Resource": "arn:aws:ses:%s:%s:identity/%s"}]}`, effect, region, account, name)})
}

func (r random) pool(region string, n int) inventory.UserPool {
	e := inventory.EmailConfiguration{
		Mode:             one(r, inventory.ModeDefault, inventory.ModeDeveloper, inventory.ModeDeveloper, inventory.ModeDeveloper, inventory.ModeUnknown),
		ConfigurationSet: one(r, "", "", "", "on", "off", "gone"), CustomSender: r.rarely(20),
	}
	if !r.rarely(6) {
		name := one(r, "a@example.com", "example.com", "b@example.com", "sub.example.com", "c@sub.example.com", "example.org", "missing.example.net", "x@missing.example.net")
		where := one(r, region, region, region, one(r, randomRegions...), "*")
		e.SourceARN = "arn:aws:ses:" + where + ":" + one(r, account, account, account, account, account, "444455556666") + ":identity/" + name
		e.From = one(r, name, name, "someone@elsewhere.example")
		if !strings.Contains(e.From, "@") {
			e.From = "no-reply@" + name
		}
	}
	return inventory.UserPool{ID: fmt.Sprintf("%s_%d", region, n), Name: fmt.Sprint("pool", n), Listed: now, Confirmed: now, Settings: &inventory.Settings{
		Described: now, Sender: inventory.NewSender(inventory.Key{AccountID: account, Region: region}, e), EmailOTP: r.rarely(3),
		Tags: map[string]string{"team": one(r, "a", "b", "c")},
	}}
}

var policyOf = regexp.MustCompile(`--policy '([^']*)'`)

// follow returns the facts once somebody did what the fix says, nil when nobody
// knows how.
func follow(f *Fix, readings []inventory.Reading) []inventory.Reading {
	readings = slices.Clone(readings)
	i := max(0, slices.IndexFunc(readings, func(r inventory.Reading) bool { return r.Target.Region == f.Region }))
	r := &readings[i]
	r.Identities, r.ConfigurationSets, r.Pools = slices.Clone(r.Identities), slices.Clone(r.ConfigurationSets), slices.Clone(r.Pools)
	ses := inventory.SESState{}
	if r.SES != nil {
		ses = *r.SES
	}
	identity, details := &inventory.Identity{}, inventory.IdentityDetails{}
	if at := slices.IndexFunc(r.Identities, func(id inventory.Identity) bool { return id.Name == f.Name }); at >= 0 {
		identity = &r.Identities[at]
		if identity.Details != nil {
			details = *identity.Details
		}
	}
	var policies map[string]string
	for _, s := range f.Steps() {
		if m := policyOf.FindStringSubmatch(s.Command); m != nil {
			policies = map[string]string{"new": m[1]}
		}
	}
	switch f.Kind {
	case ProductionAccess:
		ses.Sandbox, ses.Quota = inventory.No, inventory.SendQuota(-1, 0)
		r.SES = &ses
	case ResumeSending:
		if ses.Enforcement = "HEALTHY"; ses.SendingEnabled == inventory.No { // What is not known stays so.
			ses.SendingEnabled = inventory.Yes
		}
		r.SES = &ses
	case EnableSending:
		ses.SendingEnabled = inventory.Yes
		r.SES = &ses
	case SendQuota:
		ses.Quota = inventory.SendQuota(-1, 0)
		r.SES = &ses
	case CreateIdentity:
		r.Identities = append(r.Identities, inventory.Identity{Name: f.Name, Confirmed: now, Verified: inventory.Yes, SendingEnabled: inventory.Yes, Details: &inventory.IdentityDetails{Policies: inventory.ParseSendingPolicies(policies)}})
		slices.SortFunc(r.Identities, func(a, b inventory.Identity) int { return strings.Compare(a.Name, b.Name) })
	case VerifyIdentity:
		identity.Verified, identity.SendingEnabled = inventory.Yes, inventory.Yes
	case EnableIdentity:
		identity.SendingEnabled = inventory.Yes
	case AllowCognito:
		details.Policies = inventory.ParseSendingPolicies(policies)
		identity.Details = &details
	case MailFrom:
		details.MailFrom.RejectOnFailure = inventory.No
		identity.Details = &details
	case CreateSet, EnableSet:
		for i := range r.ConfigurationSets {
			if c := &r.ConfigurationSets[i]; c.Name == f.Name {
				c.Missing, c.SendingEnabled = false, inventory.Yes
			}
		}
	case LeaveDefault, ChangeSender:
		for _, p := range f.Unblocks {
			d := propose.Described{UserPool: *p.UserPool, Target: *p.Target}
			for _, e := range (propose.Wish{Mode: inventory.ModeDeveloper}).Candidates(d, readings) {
				if d.Try(now, e, readings, policy).Ready == inventory.Yes {
					settings := *p.Settings
					settings.Sender = inventory.NewSender(p.Key().Key, e)
					for i := range readings {
						for j := range readings[i].Pools {
							if up := &readings[i].Pools[j]; readings[i].Target.Region == p.Target.Region && up.ID == p.ID {
								readings[i].Pools = slices.Clone(readings[i].Pools)
								readings[i].Pools[j].Settings = &settings
							}
						}
					}
					break
				}
			}
		}
	default:
		return nil
	}
	return readings
}

// TestEachFixIsTrue does in the facts what each fix of random accounts says: the
// pools that it unblocks can send then, those that need more cannot, of those
// that it may unblock it is not known, and no other blocked pool changes.
func TestEachFixIsTrue(t *testing.T) {
	const accounts = 120
	seen := map[Kind]int{}
	unblocked, partly, maybe := 0, 0, 0
	for seed := range uint64(accounts) {
		r := random{rand.New(rand.NewPCG(seed, 1))}
		readings := r.account()
		a := inventory.Judge(now, readings, policy)
		planned := map[inventory.PoolKey]bool{} // in any fix
		fixes := Account(a, nil)
		for _, f := range fixes {
			after := follow(f, readings)
			if after == nil {
				t.Fatalf("nobody knows how to do %s", f.ID())
			}
			seen[f.Kind]++
			for _, p := range f.Pools() {
				planned[p.Key()] = true
			}
			want := map[inventory.PoolKey]inventory.Tri{}
			for _, p := range f.Unblocks {
				want[p.Key()] = inventory.Yes
			}
			for _, p := range f.Maybe {
				want[p.Key()] = inventory.Unknown
			}
			for _, p := range f.Partly {
				want[p.Key()] = inventory.No
				if len(p.Also) == 0 && !f.Kind.changesPool() {
					t.Errorf("seed %d: %s needs more than %s, but nothing says what", seed, p.ID, f.ID())
				}
			}
			if f.Kind.changesPool() {
				for _, p := range f.Maybe {
					delete(want, p.Key())
				}
			}
			unblocked, partly, maybe = unblocked+len(f.Unblocks), partly+len(f.Partly), maybe+len(f.Maybe)
			now := inventory.Judge(now, after, policy)
			for i := range a.Pools {
				p := &a.Pools[i]
				expected, ok := want[p.Key()]
				if !ok {
					expected = p.Ready
				}
				if got := now.Pools[i]; got.Ready != expected && (ok || p.Ready != inventory.Unknown || got.Ready != inventory.Yes) { // What was not known may turn out well.
					t.Errorf("seed %d: after %s, %s is ready: %s (%v, %v), want %s; before, %v", seed, f.ID(), p.ID, got.Ready, got.Blocked(), got.Undecided(), expected, p.Blocked())
				}
			}
		}
		for i := range a.Pools {
			if p := &a.Pools[i]; p.Ready == inventory.No && !planned[p.Key()] {
				t.Errorf("seed %d: %s is blocked by %v, and there is no fix", seed, p.ID, p.Blocked())
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	for _, k := range []Kind{ProductionAccess, ResumeSending, EnableSending, SendQuota, CreateIdentity, VerifyIdentity, EnableIdentity, AllowCognito, MailFrom, CreateSet, EnableSet, ChangeSender} {
		if seen[k] < 10 {
			t.Errorf("%d fixes of the kind %s", seen[k], k)
		}
	}
	if unblocked < 250 || partly < 500 || maybe < 50 {
		t.Errorf("%d pools were unblocked, %d needed more, and of %d it was not known", unblocked, partly, maybe)
	}
}
