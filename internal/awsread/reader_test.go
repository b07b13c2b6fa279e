package awsread_test

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

func TestFacts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: parseFleet(t, `
accounts:
  - id: "100000000001"
    regions:
      eu-west-1:
        ses: {review: DENIED, enforcement: PROBATION, sending_enabled: false, max_24_hour_send: -1, max_send_rate: 3, sent_last_24_hours: 7}
        identities:
          - {name: Example.COM, sending_enabled: false}
          - {name: pending.example.com, status: PENDING}
          - {name: failed.example.com, status: FAILED, error_type: HOST_NOT_FOUND}
        pools:
          - id: eu-west-1_b
            name: all
            mode: DEVELOPER
            source_arn: arn:aws:ses:eu-west-1:100000000001:identity/example.com
            from: Acme <a@example.com>
            reply_to: help@example.com
            configuration_set: login
            custom_sender: arn:aws:lambda:eu-west-1:100000000001:function:sender
            tier: PLUS
            auto_verified: [email, phone_number]
            recovery: [verified_phone_number, admin_only]
            first_factors: [PASSWORD, EMAIL_OTP]
            mfa: OPTIONAL
            tags: {env: prod}
            modified: 2026-02-01T08:30:00Z
          - {id: eu-west-1_a, name: built-in, recovery: []}
`)})
		r := sim.reader(t, nil).Read(t.Context(), target(hub, "failed.example.com"), nil)
		allOK(t, r)
		if len(r.Pools) != 2 || r.Pools[0].ID != "eu-west-1_a" {
			t.Fatalf("pools are not sorted by ID: %+v", r.Pools)
		}
		s := pool(t, r, "all").Settings
		want := inventory.Settings{
			Described: s.Described, Modified: time.Date(2026, 2, 1, 8, 30, 0, 0, time.UTC),
			Sender: inventory.NewSender(r.Target.Key(), inventory.EmailConfiguration{
				Mode: inventory.ModeDeveloper, SourceARN: "arn:aws:ses:eu-west-1:100000000001:identity/example.com",
				From: "Acme <a@example.com>", ReplyTo: "help@example.com", ConfigurationSet: "login", CustomSender: true,
			}),
			Tier: "PLUS", Tags: map[string]string{"env": "prod"}, AutoVerified: []string{"email", "phone_number"},
			Recovery: "verified_phone_number,admin_only", EmailOTP: true, MFA: inventory.Yes,
		}
		if !reflect.DeepEqual(*s, want) || s.Described.Before(r.Start) || s.Described.After(r.End) {
			t.Errorf("settings %+v,\nwant %+v", *s, want)
		}
		if s := pool(t, r, "built-in").Settings; s.Mode != inventory.ModeDefault || s.SourceARN != "" || s.CustomSender ||
			s.Recovery != inventory.LegacyRecovery || s.EmailOTP || s.MFA != inventory.No {
			t.Errorf("built-in %+v", s)
		}
		account := inventory.SESState{
			Confirmed: r.SES.Confirmed, Sandbox: inventory.Yes, SendingEnabled: inventory.No, Enforcement: "PROBATION", Review: "DENIED", ReviewCase: "000000000000",
			Quota: inventory.SendQuota(-1, 7), RateKnown: true, MaxSendRate: 3,
		}
		if !reflect.DeepEqual(*r.SES, account) {
			t.Errorf("SES %+v, want %+v", *r.SES, account)
		}
		for name, want := range map[string]inventory.Identity{
			"Example.COM":         {Status: "SUCCESS", Verified: inventory.Yes, SendingEnabled: inventory.No},
			"pending.example.com": {Status: "PENDING", Verified: inventory.No, SendingEnabled: inventory.No},
			"failed.example.com":  {Status: "FAILED", Verified: inventory.No, SendingEnabled: inventory.No, ErrorType: "HOST_NOT_FOUND"},
		} {
			got := identity(r, name)
			want.Name, want.Confirmed = name, got.Confirmed
			if used := name != "pending.example.com"; (got.Details != nil) != used || got.Detailed.Before(r.Start) == used {
				t.Errorf("%s: details %+v of %s", name, got.Details, got.Detailed)
			}
			want.Details, want.Detailed = got.Details, got.Detailed
			if got != want || got.Confirmed.Before(r.Start) {
				t.Errorf("identity %+v, want %+v", got, want)
			}
		}
	})
}

func TestDeniedAccountLeavesOthersAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		sim.fault(t, awssim.Fault{Kind: "deny", Account: staging})
		r := sim.reader(t, nil)
		for _, id := range []string{hub, sandbox} {
			reading := r.Read(t.Context(), target(id), nil)
			allOK(t, reading)
			complete(t, reading)
		}
		denied := r.Read(t.Context(), target(staging), nil)
		for _, api := range []string{inventory.APISTS, inventory.APICognito, inventory.APISES} {
			if class(t, denied, api) != inventory.Denied {
				t.Errorf("%s: %+v", api, denied.Outcomes)
			}
		}
		if len(denied.Pools) > 0 || denied.SES != nil || len(denied.Identities) > 0 || !denied.IdentitiesListed.IsZero() {
			t.Errorf("facts of a denied account: %+v", denied)
		}

		sim.fault(t)
		again := r.Read(t.Context(), target(staging), &denied)
		allOK(t, again)
		complete(t, again)

		// Denied once more, now with credentials at hand.
		sim.fault(t, awssim.Fault{Kind: "deny", Account: staging})
		kept := r.Read(t.Context(), target(staging), &again)
		if class(t, kept, inventory.APICognito) != inventory.Denied || class(t, kept, inventory.APISES) != inventory.Denied {
			t.Errorf("outcomes %+v", kept.Outcomes)
		}
		sameFacts(t, kept, again)
	})
}

// sameFacts checks that nothing was learnt and nothing forgotten.
func sameFacts(t *testing.T, have, want inventory.Reading) {
	t.Helper()
	samePools(t, have, want)
	sameSES(t, have, want)
	sameIdentities(t, have, want)
}

func samePools(t *testing.T, have, want inventory.Reading) {
	t.Helper()
	if len(have.Pools)+len(want.Pools) > 0 && !reflect.DeepEqual(have.Pools, want.Pools) {
		t.Errorf("pools %+v,\nwant %+v", have.Pools, want.Pools)
	}
}

func sameSES(t *testing.T, have, want inventory.Reading) {
	t.Helper()
	if !reflect.DeepEqual(have.SES, want.SES) {
		t.Errorf("SES %+v,\nwant %+v", have.SES, want.SES)
	}
}

func sameIdentities(t *testing.T, have, want inventory.Reading) {
	t.Helper()
	if len(have.Identities)+len(want.Identities) > 0 && !reflect.DeepEqual(have.Identities, want.Identities) || !have.IdentitiesListed.Equal(want.IdentitiesListed) {
		t.Errorf("identities %+v,\nwant %+v", have.Identities, want.Identities)
	}
}

func TestUnchangedFleetIsNotDescribedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: generated(t, 130, "mixed")})
		reader := sim.reader(t, nil)
		first := reader.Read(t.Context(), target(hub), nil)
		allOK(t, first)
		if len(first.Pools) != 130 || sim.calls("", "ListUserPools") != 3 || sim.calls("", "DescribeUserPool") != 130 {
			t.Errorf("%d pools, calls %+v", len(first.Pools), sim.Calls())
		}

		sim.ResetCalls()
		time.Sleep(time.Minute)
		second := reader.Read(t.Context(), target(hub), &first)
		allOK(t, second)
		if len(second.Pools) != 130 || sim.calls("", "ListUserPools") != 3 || sim.calls("", "DescribeUserPool") != 0 {
			t.Errorf("%d pools, calls %+v", len(second.Pools), sim.Calls())
		}
		for i, p := range second.Pools {
			before := first.Pools[i]
			if p.Listed.Before(second.Start) || p.Confirmed.Before(second.Start) || p.Settings != before.Settings {
				t.Errorf("%s was not confirmed, or described: %+v", p.Name, p.Settings)
			}
			if !before.Confirmed.Before(second.Start) {
				t.Errorf("%s: the earlier reading was changed", p.Name)
			}
		}

		sim.ResetCalls()
		time.Sleep(time.Minute)
		changed := second.Pools[70]
		sim.patch(t, map[string]any{"accounts": []any{map[string]any{"id": hub, "regions": map[string]any{"eu-west-1": map[string]any{
			"pools": []any{map[string]any{"id": changed.ID, "reply_to": "new@example.com"}},
		}}}}})
		third := reader.Read(t.Context(), target(hub), &second)
		allOK(t, third)
		if sim.calls("", "ListUserPools") != 3 || sim.calls("", "DescribeUserPool") != 1 {
			t.Errorf("calls %+v", sim.Calls())
		}
		for i, p := range third.Pools {
			if described := !p.Settings.Described.Before(third.Start); described != (p.ID == changed.ID) || p.ID != second.Pools[i].ID {
				t.Errorf("%s: described %v", p.Name, described)
			}
		}
		if s := pool(t, third, changed.Name).Settings; s.ReplyTo != "new@example.com" || s.Modified.Equal(changed.LastModified) {
			t.Errorf("settings %+v", s)
		}
	})
}

func TestOldSettingsAreDescribedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		reader := sim.reader(t, func(o *awsread.Options) { o.DescribeMaxAge = time.Hour })
		r := reader.Read(t.Context(), target(hub), nil)
		for _, tt := range []struct {
			pause time.Duration
			want  int
		}{{time.Hour - time.Nanosecond, 0}, {time.Nanosecond, 3}} {
			time.Sleep(tt.pause)
			sim.ResetCalls()
			r = reader.Read(t.Context(), target(hub), &r)
			if n := sim.calls("", "DescribeUserPool"); n != tt.want {
				t.Errorf("%d pools were described after another %s, want %d", n, tt.pause, tt.want)
			}
			complete(t, r)
		}
	})
}

func TestDeletedPools(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		reader := sim.reader(t, nil)
		first := reader.Read(t.Context(), target(hub), nil)

		// Deleted between list and description.
		gone := pool(t, first, "shaky").ID
		sim.spoilt(func(operation string, body []byte, _ func() []byte) (int, string) {
			if operation == "DescribeUserPool" && strings.Contains(string(body), gone) {
				return http.StatusBadRequest, `{"__type": "ResourceNotFoundException", "message": "User pool does not exist."}`
			}
			return 0, ""
		})
		racing := sim.reader(t, nil).Read(t.Context(), target(hub), nil)
		allOK(t, racing)
		if pool(t, racing, "shaky").Settings != nil || pool(t, racing, "customers").Settings == nil {
			t.Errorf("pools %+v", racing.Pools)
		}
		sim.spoilt(nil)

		// Not listed any more.
		f := fleet(t)
		here := f.Accounts[0].Regions["eu-west-1"]
		here.Pools = here.Pools[:1]
		if err := sim.SetFleet(f); err != nil {
			t.Fatal(err)
		}
		second := reader.Read(t.Context(), target(hub), &first)
		allOK(t, second)
		if len(second.Pools) != 1 || second.Pools[0].Name != "customers" {
			t.Errorf("pools %+v", second.Pools)
		}
	})
}

func TestExpiredSessionIsRenewed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		now := time.Now()
		var mu sync.Mutex
		sim := simulate(t, awssim.Options{NoQuotas: true, Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}})
		reader := sim.reader(t, nil)
		first := reader.Read(t.Context(), target(staging), nil)
		allOK(t, first)
		second := reader.Read(t.Context(), target(staging), &first)
		allOK(t, second)
		if n := sim.calls(staging, "AssumeRole"); n != 1 {
			t.Errorf("AssumeRole was called %d times for two passes", n)
		}
		mu.Lock()
		now = now.Add(2 * time.Hour) // AWS's clock; the reader takes its credentials for good.
		mu.Unlock()
		expired := reader.Read(t.Context(), target(staging), &second)
		if got := class(t, expired, inventory.APICognito); got != inventory.Denied && class(t, expired, inventory.APISES) != inventory.Denied {
			t.Errorf("with expired credentials: %+v", expired.Outcomes)
		}
		renewed := reader.Read(t.Context(), target(staging), &expired)
		allOK(t, renewed)
		complete(t, renewed)
		if n := sim.calls(staging, "AssumeRole"); n != 2 {
			t.Errorf("AssumeRole was called %d times, want once more", n)
		}
	})
}

func TestRefusedTokenIsRenewed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		reader := sim.reader(t, nil)
		first := reader.Read(t.Context(), target(staging), nil)
		for _, service := range []string{"cognito-idp", "ses"} {
			sim.ResetCalls()
			sim.fault(t, awssim.Fault{Kind: "expired_token", Service: service, Count: 1})
			if second := reader.Read(t.Context(), target(staging), &first); class(t, second, service) != inventory.Denied {
				t.Errorf("%s: %+v", service, second.Outcomes)
			}
			allOK(t, reader.Read(t.Context(), target(staging), &first))
			if n := sim.calls(staging, "AssumeRole"); n != 1 {
				t.Errorf("%s: AssumeRole was called %d times", service, n)
			}
		}
	})
}

func TestRegionThatIsOff(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		read := func(r *awsread.Reader, account, region string) inventory.Reading {
			return r.Read(t.Context(), inventory.Target{AccountID: account, Region: region}, nil)
		}
		both := func(r inventory.Reading, want inventory.Class) {
			t.Helper()
			for _, api := range []string{inventory.APICognito, inventory.APISES} {
				if got := class(t, r, api); got != want {
					t.Errorf("%s %s is %q, want %q: %+v", r.Target.Region, api, got, want, r.Outcomes)
				}
			}
			if class(t, r, inventory.APISTS) != inventory.OK || len(r.Pools) > 0 || r.SES != nil || !r.IdentitiesListed.IsZero() {
				t.Errorf("%s: %+v", r.Target.Region, r)
			}
		}

		// An opt-in region that is off, as ListRegions confirms, asked once an hour.
		reader := sim.reader(t, nil)
		for range 2 {
			both(read(reader, hub, "me-south-1"), inventory.RegionDisabled)
		}
		both(read(reader, staging, "af-south-1"), inventory.RegionDisabled)
		if a, b := sim.calls(hub, "ListRegions"), sim.calls(staging, "ListRegions"); a != 1 || b != 1 {
			t.Errorf("ListRegions was called %d and %d times, want once for each account", a, b)
		}

		// Credentials that are refused in a region that cannot be off.
		sim.fault(t, awssim.Fault{Kind: "region_disabled", Service: "cognito-idp"}, awssim.Fault{Kind: "region_disabled", Service: "ses"})
		sim.ResetCalls()
		reader = sim.reader(t, nil)
		both(read(reader, hub, "eu-west-1"), inventory.Denied)
		both(read(reader, staging, "eu-west-1"), inventory.Denied)
		if n := sim.calls("", "ListRegions"); n != 0 {
			t.Errorf("ListRegions was called %d times for a region that cannot be off", n)
		}

		// The same in an opt-in region that is on.
		f := fleet(t)
		f.Accounts[0].Regions["eu-south-1"] = f.Accounts[0].Regions["eu-west-1"]
		f.Accounts[0].Regions["eu-south-1"].Pools = nil
		if err := sim.SetFleet(f); err != nil {
			t.Fatal(err)
		}
		both(read(sim.reader(t, nil), hub, "eu-south-1"), inventory.Denied)

		// Without the permission to ask, an opt-in region is taken to be off.
		sim.fault(t, awssim.Fault{Kind: "deny", Service: "account"})
		reader = sim.reader(t, nil)
		both(read(reader, hub, "me-south-1"), inventory.RegionDisabled)
		sim.fault(t,
			awssim.Fault{Kind: "deny", Service: "account"},
			awssim.Fault{Kind: "region_disabled", Service: "cognito-idp"}, awssim.Fault{Kind: "region_disabled", Service: "ses"})
		both(read(reader, hub, "eu-west-1"), inventory.Denied)

		// Credentials that are refused everywhere say nothing about the region.
		sim.fault(t,
			awssim.Fault{Kind: "region_disabled", Service: "account"},
			awssim.Fault{Kind: "region_disabled", Service: "cognito-idp"}, awssim.Fault{Kind: "region_disabled", Service: "ses"})
		both(read(sim.reader(t, nil), hub, "eu-south-1"), inventory.Denied)
	})
}

// TestNoTimeAfterSTS has a pass of which STS takes nearly all the time: what AWS
// then has no time to answer is not to blame, and a region that was off still is.
func TestNoTimeAfterSTS(t *testing.T) {
	for region, want := range map[string]inventory.Class{
		"eu-west-1": inventory.NotAsked,
		manama:      inventory.RegionDisabled,
	} {
		t.Run(region, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				var slow atomic.Bool
				sim.hold = func(operation, _ string) time.Duration {
					switch {
					case !slow.Load():
						return 0
					case operation == "GetCallerIdentity":
						return 8 * time.Second
					default:
						return time.Minute
					}
				}
				first := sim.reader(t, nil).Read(t.Context(), in(hub, region), nil)
				slow.Store(true)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				late := sim.reader(t, nil).Read(ctx, in(hub, region), &first)
				for _, api := range []string{inventory.APICognito, inventory.APISES} {
					before, _ := first.Outcome(api)
					if after, _ := late.Outcome(api); after.Class != want || !after.LastSuccess.Equal(before.LastSuccess) {
						t.Errorf("%+v became %+v", before, after)
					}
				}
				if late.Disabled() != first.Disabled() || !late.PoolsKnown() {
					t.Errorf("%+v", late)
				}
			})
		})
	}
}

func TestRegionWithoutSES(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: generated(t, 1, "healthy", "ap-east-1")})
		at := inventory.Target{AccountID: hub, Region: "ap-east-1"}
		r := sim.reader(t, nil).Read(t.Context(), at, nil)
		if _, called := r.Outcome(inventory.APISES); called || len(r.Pools) != 1 || class(t, r, inventory.APICognito) != inventory.OK {
			t.Errorf("%+v", r)
		}
		sim.fault(t, awssim.Fault{Kind: "deny"})
		r = sim.reader(t, nil).Read(t.Context(), at, &r)
		if _, called := r.Outcome(inventory.APISES); called || class(t, r, inventory.APISTS) != inventory.Denied || class(t, r, inventory.APICognito) != inventory.Denied {
			t.Errorf("without credentials: %+v", r.Outcomes)
		}
	})
}

func TestTargetForSESOnly(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		at := target(staging, "example.com")
		at.SESOnly = true
		r := sim.reader(t, nil).Read(t.Context(), at, nil)
		if _, called := r.Outcome(inventory.APICognito); called || r.SES == nil || len(r.Identities) != 3 {
			t.Errorf("%+v", r)
		}
		sim.fault(t, awssim.Fault{Kind: "deny"})
		r = sim.reader(t, nil).Read(t.Context(), at, nil)
		if _, called := r.Outcome(inventory.APICognito); called || class(t, r, inventory.APISES) != inventory.Denied {
			t.Errorf("%+v", r.Outcomes)
		}
		if n := sim.calls("", "ListUserPools") + sim.calls("", "DescribeUserPool"); n != 0 {
			t.Errorf("Cognito was called %d times", n)
		}
	})
}

func TestCredentials(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		wrong := sim.reader(t, func(o *awsread.Options) {
			o.Accounts = []awsread.Account{{ID: staging, RoleARN: role(staging).RoleARN, ExternalID: "s3cret-but-wrong"}, {ID: sandbox}}
		})
		for _, tt := range []struct {
			name, account string
			class         inventory.Class
			says          []string
		}{
			{"wrong external id", staging, inventory.Denied, []string{"AssumeRole", staging, "eu-west-1", "trust policy"}},
			{"ambient credentials of another account", sandbox, inventory.Invalid, []string{"GetCallerIdentity", sandbox, "eu-west-1", "belong to account " + hub, "role_arn"}},
		} {
			r := wrong.Read(t.Context(), target(tt.account), nil)
			for _, api := range []string{inventory.APISTS, inventory.APICognito, inventory.APISES} {
				o, _ := r.Outcome(api)
				if o.Class != tt.class || !o.LastSuccess.IsZero() {
					t.Errorf("%s, %s: %+v", tt.name, api, o)
				}
				for _, text := range tt.says {
					if !strings.Contains(o.Message, text) {
						t.Errorf("%s, %s: %q does not say %s", tt.name, api, o.Message, text)
					}
				}
				for _, secret := range []string{"s3cret-but-wrong", "wJalrXUtnFEMI"} {
					if strings.Contains(o.Message, secret) {
						t.Errorf("%s, %s: %q gives a secret away", tt.name, api, o.Message)
					}
				}
			}
			if o, _ := r.Outcome(inventory.APISTS); tt.class == inventory.Invalid && strings.Contains(o.Message, "proxy") {
				t.Errorf("%s: %q blames a proxy", tt.name, o.Message)
			}
			if len(r.Pools) > 0 || r.SES != nil || r.Target.AccountID != tt.account {
				t.Errorf("%s: %+v", tt.name, r)
			}
		}
		if n := sim.calls("", "ListUserPools") + sim.calls("", "GetAccount"); n != 0 {
			t.Errorf("%d calls without the right credentials", n)
		}

		// An account without ID is the ambient credentials' own.
		r := sim.reader(t, nil).Read(t.Context(), inventory.Target{Region: "eu-west-1"}, nil)
		allOK(t, r)
		complete(t, r)
		if r.Target.AccountID != hub {
			t.Errorf("the ambient account is %q, want %s", r.Target.AccountID, hub)
		}
	})
}

func TestSTSRegion(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := fleet(t)
		f.Accounts[1].Regions["af-south-1"] = &awssim.Region{}
		f.Accounts[1].Regions["af-south-1"].SES = f.Accounts[1].Regions["eu-west-1"].SES
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: f})
		for _, tt := range []struct{ configured, want string }{{"", "us-east-1"}, {"eu-west-2", "eu-west-2"}} {
			sim.ResetCalls()
			reader := sim.reader(t, func(o *awsread.Options) { o.STSRegion = tt.configured })
			allOK(t, reader.Read(t.Context(), inventory.Target{AccountID: staging, Region: "af-south-1"}, nil))
			allOK(t, reader.Read(t.Context(), target(hub), nil))
			n := 0
			for _, c := range sim.Calls() {
				if c.Service == "sts" {
					n += c.Calls
					if c.Region != tt.want {
						t.Errorf("with sts_region %q, %s was asked in %s", tt.configured, c.Operation, c.Region)
					}
				}
			}
			if n != 2 {
				t.Errorf("%d calls of STS, want 2", n)
			}
		}
	})
}

func TestPages(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := generated(t, 130, "mixed")
		here := f.Accounts[0].Regions["eu-west-1"]
		here.Identities = nil
		for i := range 2500 {
			here.Identities = append(here.Identities, awssim.Identity{Name: "d" + strconv.Itoa(i) + ".example", Status: "SUCCESS", Verified: true, SendingEnabled: true})
		}
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: f, Latency: 20 * time.Millisecond})
		reader := sim.reader(t, nil)
		first := reader.Read(t.Context(), target(hub), nil)
		allOK(t, first)
		if len(first.Pools) != 130 || len(first.Identities) != 2500 {
			t.Errorf("%d pools and %d identities, want 130 and 2500", len(first.Pools), len(first.Identities))
		}
		if l, i := sim.calls("", "ListUserPools"), sim.calls("", "ListEmailIdentities"); l != 3 || i != 3 {
			t.Errorf("%d pages of pools and %d of identities, want 3 and 3", l, i)
		}
		for _, i := range first.Identities {
			if i.Confirmed.Before(first.IdentitiesListed) {
				// Between the two times the identity would count as missing.
				t.Fatalf("%s is stale before the list that it is on", i.Name)
			}
		}

		// The second page fails: what it held stays as it was.
		sim.spoilt(func(operation string, body []byte, _ func() []byte) (int, string) {
			if strings.HasPrefix(operation, "List") && strings.Contains(string(body), "NextToken") {
				return http.StatusBadRequest, `{"__type": "AccessDeniedException", "message": "no"}`
			}
			return 0, ""
		})
		second := reader.Read(t.Context(), target(hub), &first)
		if class(t, second, inventory.APICognito) != inventory.Denied || class(t, second, inventory.APISES) != inventory.Denied {
			t.Errorf("outcomes %+v", second.Outcomes)
		}
		if len(second.Pools) != 130 || len(existing(second)) != 2500 || !second.IdentitiesListed.Equal(first.IdentitiesListed) {
			t.Fatalf("%d pools and %d identities, want 130 and 2500", len(second.Pools), len(existing(second)))
		}
		confirmed := 0
		for i, p := range second.Pools {
			switch {
			case !p.Listed.Before(second.Start):
				confirmed++
			case !reflect.DeepEqual(p, first.Pools[i]):
				t.Errorf("%+v,\nwant %+v", p, first.Pools[i])
			}
		}
		if confirmed != 60 {
			t.Errorf("%d pools are confirmed, want those of one page", confirmed)
		}
		confirmed = 0
		for _, i := range existing(second) {
			if !i.Confirmed.Before(second.Start) {
				confirmed++
			}
		}
		if confirmed != 1000 {
			t.Errorf("%d identities are confirmed, want those of one page", confirmed)
		}

		// Without an earlier reading there is one page of pools, and no word on
		// identities that are on another one.
		third := sim.reader(t, nil).Read(t.Context(), target(hub), nil)
		if len(third.Pools) != 60 || len(existing(third)) != 1000 || !third.IdentitiesListed.IsZero() {
			t.Errorf("%d pools, %d identities, listed %s", len(third.Pools), len(existing(third)), third.IdentitiesListed)
		}
	})
}

func TestPoolsOnTwoPages(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: generated(t, 70, "healthy")})
		sim.spoilt(func(operation string, body []byte, ask func() []byte) (int, string) {
			if operation != "ListUserPools" || !strings.Contains(string(body), "NextToken") {
				return 0, ""
			}
			// A pool of the first page again, as when pools are made meanwhile.
			p := sim.Fleet().Accounts[0].Regions["eu-west-1"].Pools[0]
			return http.StatusOK, strings.Replace(string(ask()), `"UserPools":[`, `"UserPools":[{"Id":"`+p.ID+`","Name":"`+p.Name+`"},`, 1)
		})
		r := sim.reader(t, nil).Read(t.Context(), target(hub), nil)
		allOK(t, r)
		if len(r.Pools) != 70 || sim.calls("", "DescribeUserPool") != 70 {
			t.Errorf("%d pools after %d descriptions, want 70", len(r.Pools), sim.calls("", "DescribeUserPool"))
		}
	})
}

func TestPageThatLeadsToItself(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: generated(t, 130, "healthy")})
		reader := sim.reader(t, nil)
		first := reader.Read(t.Context(), target(hub), nil)
		sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
			switch operation {
			case "ListUserPools":
				p := sim.Fleet().Accounts[0].Regions["eu-west-1"].Pools[0]
				return http.StatusOK, `{"NextToken": "again", "UserPools": [{"Id": "` + p.ID + `", "Name": "` + p.Name + `", "LastModifiedDate": 1}]}`
			case "ListEmailIdentities":
				return http.StatusOK, `{"NextToken": "again", "EmailIdentities": []}`
			}
			return 0, ""
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		second := reader.Read(ctx, target(hub), &first)
		if class(t, second, inventory.APICognito) != inventory.Invalid || class(t, second, inventory.APISES) != inventory.Invalid {
			t.Errorf("outcomes %+v", second.Outcomes)
		}
		if len(second.Pools) != 130 || len(second.Identities) != len(first.Identities) || !second.IdentitiesListed.Equal(first.IdentitiesListed) {
			t.Errorf("%d pools, %d identities", len(second.Pools), len(second.Identities))
		}
	})
}

func TestIdentitiesAskedForOneByOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: parseFleet(t, `
accounts:
  - id: "100000000001"
    regions:
      eu-west-1:
        identities:
          - {name: example.com}
          - {name: unused.example.org, status: TEMPORARY_FAILURE, verified: true}
          - {name: shaky.example.net, status: TEMPORARY_FAILURE, verified: true}
          - {name: broken.example.net, status: TEMPORARY_FAILURE, verified: false, error_type: DNS_SERVER_ERROR}
          - {name: pending.example.net, status: PENDING}
`)})
		for _, tt := range []struct {
			name  string
			used  []string
			calls int
		}{
			{"nothing is used", nil, 0},
			{"verified", []string{"example.com"}, 1},
			{"verified through the domain", []string{"login@example.com", "a+b@Sub.Example.com"}, 1},
			{"not there", []string{"gone.example"}, 0},
			{"temporary failures", []string{"shaky.example.net", "Broken.example.net"}, 2},
			{"an address of a domain with a temporary failure", []string{"a@shaky.example.net"}, 1},
			{"a temporary failure, named twice", []string{"a@shaky.example.net", "shaky.example.net"}, 1},
			{"pending", []string{"a@pending.example.net", "pending.example.net"}, 1},
		} {
			sim.ResetCalls()
			r := sim.reader(t, nil).Read(t.Context(), target(hub, tt.used...), nil)
			allOK(t, r)
			if n := sim.calls("", "GetEmailIdentity"); n != tt.calls {
				t.Errorf("%s: GetEmailIdentity was called %d times, want %d", tt.name, n, tt.calls)
			}
		}

		r := sim.reader(t, nil).Read(t.Context(), target(hub, "shaky.example.net", "broken.example.net"), nil)
		for name, want := range map[string]inventory.Tri{
			"shaky.example.net": inventory.Yes, "broken.example.net": inventory.No, "unused.example.org": inventory.Unknown, "example.com": inventory.Yes,
		} {
			if got := identity(r, name); got.Verified != want {
				t.Errorf("%s: verified %s, want %s", name, got.Verified, want)
			}
		}
		if got := identity(r, "broken.example.net").ErrorType; got != "DNS_SERVER_ERROR" {
			t.Errorf("error type %q", got)
		}

		// What GetEmailIdentity once said holds as long as the listed status does.
		sim.fault(t, awssim.Fault{Kind: "deny", Operation: "GetEmailIdentity"})
		r = sim.reader(t, nil).Read(t.Context(), target(hub, "shaky.example.net"), &r)
		if class(t, r, inventory.APISES) != inventory.Denied || identity(r, "shaky.example.net").Verified != inventory.Yes {
			t.Errorf("%+v", identity(r, "shaky.example.net"))
		}
		sim.patch(t, map[string]any{"accounts": []any{map[string]any{"id": hub, "regions": map[string]any{"eu-west-1": map[string]any{
			"identities": []any{map[string]any{"name": "shaky.example.net", "status": "FAILED", "verified": false}},
		}}}}})
		r = sim.reader(t, nil).Read(t.Context(), target(hub, "shaky.example.net"), &r)
		if got := identity(r, "shaky.example.net"); got.Verified != inventory.No || got.Status != "FAILED" {
			t.Errorf("after the failure became final: %+v", got)
		}
	})
}

func TestIdentitiesWithoutList(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		sim.fault(t, awssim.Fault{Kind: "deny", Operation: "ListEmailIdentities"})
		at := target(hub, "a@example.com", "gone.example", "shaky.example")
		r := sim.reader(t, nil).Read(t.Context(), at, nil)
		o, _ := r.Outcome(inventory.APISES)
		if o.Class != inventory.Denied || !strings.Contains(o.Message, "ListEmailIdentities") || r.SES == nil || !r.IdentitiesListed.IsZero() {
			t.Errorf("%+v", r)
		}
		for name, want := range map[string]inventory.Identity{
			"example.com":   {Status: "SUCCESS", Verified: inventory.Yes},
			"shaky.example": {Status: "TEMPORARY_FAILURE", Verified: inventory.Yes},
			"a@example.com": {Missing: true},
			"gone.example":  {Missing: true},
		} {
			got := identity(r, name)
			if got.Status != want.Status || got.Verified != want.Verified || got.Missing != want.Missing || got.Confirmed.Before(r.Start) {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
		}
	})
}

func TestOptionsOfTheSDK(t *testing.T) {
	// Not parallel: it changes the environment.
	isolate(t, "http://127.0.0.1:1")
	t.Setenv("AWS_PROFILE", "none-of-that-name")
	if _, err := awsread.New(t.Context(), awsread.Options{}); err == nil || !strings.Contains(err.Error(), "none-of-that-name") {
		t.Errorf("a profile that does not exist: %v", err)
	}
}
