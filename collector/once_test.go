package collector

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestReadOnce checks what is read, in which order and how often: the planned
// targets at the same time, then what their pools lead to.
func TestReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{Reader: passReader(func(ctx context.Context, target inventory.Target, prev *inventory.Reading) inventory.Reading {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != time.Minute {
				t.Errorf("%s may take until %s, want a minute", target.Region, deadline)
			}
			if (prev != nil) != (len(target.Identities) > 0 && !target.SESOnly) {
				t.Errorf("%s is read with the reading before: %v", target.Region, prev != nil)
			}
			time.Sleep(10 * time.Second)
			now := time.Now()
			r := inventory.Reading{Target: target, Start: now, End: now, PoolsListed: now, IdentitiesListed: now}
			lead := func(id, arn string) {
				e := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:" + arn, From: "a@example.com"}
				r.Pools = append(r.Pools, inventory.UserPool{ID: id, Listed: now, Settings: &inventory.Settings{Sender: inventory.NewSender(target.Key(), e)}})
			}
			switch target.Region {
			case "eu-central-1": // It leads to a region that is planned, and to one that is not.
				lead("1", "eu-west-1:111122223333:identity/mail.example.com")
				lead("2", "us-east-1:111122223333:identity/example.com")
			case "eu-west-1":
				verified := inventory.Unknown
				if len(target.Identities) > 0 {
					verified = inventory.Yes
				}
				r.Identities = []inventory.Identity{{Name: "Example.com", Verified: verified, Details: plain}}
			}
			return r
		})}
		p := throughPlan("", "eu-central-1", "eu-west-1", "eu-west-2")
		began := time.Now()
		var progress []string
		all := ReadOnce(t.Context(), rec, p, func(done, total int) { progress = append(progress, fmt.Sprint(done, "/", total)) })
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("it took %s, want two rounds of 10s", took)
		}
		if want := "[1/3 2/3 3/3 4/5 5/5]"; fmt.Sprint(progress) != want {
			t.Errorf("progress %v, want %s", progress, want)
		}
		var read []string
		for _, r := range all {
			read = append(read, fmt.Sprintf("%s %t %v", r.Target.Region, r.Target.SESOnly, r.Target.Identities))
		}
		slices.Sort(read)
		if want := "[eu-central-1 false [] eu-west-1 false [mail.example.com] eu-west-2 false [] us-east-1 true [example.com]]"; fmt.Sprint(read) != want {
			t.Errorf("read %v, want %s", read, want)
		}
		if n := len(rec.reads(func(inventory.Target) bool { return true })); n != 5 {
			t.Errorf("%d passes, want 5", n)
		}
	})
}

// TestReadOnceLooksOnlyOnce checks that a target whose identities are settled,
// or are not those that pools use, is not read twice, and that nobody has to
// follow the progress.
func TestReadOnceLooksOnlyOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		identities []inventory.Identity
		sets       []inventory.ConfigurationSet // of "login", which the pool names; nil if it names none
		reads      int
	}{
		"verified":              {[]inventory.Identity{{Name: "example.com", Verified: inventory.Yes, Details: plain}}, nil, 1},
		"unverified":            {[]inventory.Identity{{Name: "example.com", Verified: inventory.No, Details: plain}}, nil, 1},
		"another":               {[]inventory.Identity{{Name: "other.example"}}, nil, 1},
		"none":                  {nil, nil, 1},
		"a set":                 {nil, []inventory.ConfigurationSet{{Name: "login"}}, 1},
		"another set":           {nil, []inventory.ConfigurationSet{{Name: "other"}}, 2},
		"without details":       {[]inventory.Identity{{Name: "example.com", Verified: inventory.Yes}}, nil, 2},
		"missing":               {[]inventory.Identity{{Name: "example.com", Missing: true}}, nil, 1},
		"unknown":               {[]inventory.Identity{{Name: "example.com", Details: plain}}, nil, 2},
		"unknown, parent":       {[]inventory.Identity{{Name: "mail.example.com", Verified: inventory.Yes, Details: plain}, {Name: "example.com"}}, nil, 2},
		"details of the parent": {[]inventory.Identity{{Name: "mail.example.com", Verified: inventory.Yes, Details: plain}, {Name: "example.com", Verified: inventory.Yes}}, nil, 1},
	} {
		rec := &recorder{Reader: readerFunc(func(target inventory.Target) inventory.Reading {
			e := inventory.EmailConfiguration{Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:111122223333:identity/mail.example.com", From: "a@mail.example.com"}
			if tt.sets != nil {
				e.ConfigurationSet = "login"
			}
			return inventory.Reading{
				Target: target, Identities: tt.identities, ConfigurationSets: tt.sets,
				Pools: []inventory.UserPool{{ID: "1", Settings: &inventory.Settings{Sender: inventory.NewSender(target.Key(), e)}}},
			}
		})}
		all := ReadOnce(t.Context(), rec, throughPlan("", "eu-west-1"), nil)
		if n := len(rec.reads(inIreland)); n != tt.reads || len(all) != 1 {
			t.Errorf("%s: %d passes, %d readings, want %d passes", name, n, len(all), tt.reads)
		}
	}
}
