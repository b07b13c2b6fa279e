package awsread_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestMalformed has answers with status 200 that lack what AWS always sends, as
// from a captive portal or somebody else's API. None may become a fact, nor
// end one.
func TestMalformed(t *testing.T) {
	t.Parallel()
	json := []string{`{}`, ``, `[]`, `"ok"`, `{"status": "ok"}`, `{"message": null}`, `<html></html>`, "\x00\xff"}
	xml := []string{
		``, `{}`, `<html/>`, `<html></html>`, `<ErrorResponse/>`, "\x00\xff", `<a><b>`,
		`<R><GetCallerIdentityResult></GetCallerIdentityResult></R>`,
		`<R><AssumeRoleResult></AssumeRoleResult></R>`,
	}
	for operation, answers := range map[string][]string{
		"ListUserPools":       append([]string{`{"UserPools": null}`, `{"UserPools": [{}]}`, `{"UserPools": {}}`, `{"NextToken": "x"}`}, json...),
		"DescribeUserPool":    append([]string{`{"UserPool": null}`, `{"UserPool": {}}`, `{"UserPool": {"Id": "eu-west-1_other", "Name": "other"}}`}, json...),
		"GetAccount":          json,
		"ListEmailIdentities": append([]string{`{"EmailIdentities": null}`, `{"EmailIdentities": [{}]}`, `{"EmailIdentities": [{"SendingEnabled": true}]}`}, json...),
		"GetEmailIdentity":    json,
		"GetCallerIdentity":   xml,
		"AssumeRole":          xml,
	} {
		t.Run(operation, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				account, api := hub, inventory.APISES
				switch operation {
				case "AssumeRole":
					account, api = staging, inventory.APISTS
				case "GetCallerIdentity":
					api = inventory.APISTS
				case "ListUserPools", "DescribeUserPool":
					api = inventory.APICognito
				}
				at := target(account, "shaky.example")
				everything := func(o *awsread.Options) { o.DescribeMaxAge = time.Nanosecond }
				good := sim.reader(t, everything).Read(t.Context(), at, nil)
				complete(t, good)
				time.Sleep(time.Minute)
				for _, answer := range answers {
					sim.spoilt(func(o string, _ []byte, _ func() []byte) (int, string) {
						if o != operation {
							return 0, ""
						}
						return http.StatusOK, answer
					})
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					fresh := sim.reader(t, everything).Read(ctx, at, nil)
					kept := sim.reader(t, everything).Read(ctx, at, &good)
					cancel()
					for _, r := range []inventory.Reading{fresh, kept} {
						if got := class(t, r, api); got != inventory.Invalid {
							t.Errorf("%q: class %q, want invalid: %+v", answer, got, r.Outcomes)
						}
					}
					hit := func(o string) bool { return o == operation || api == inventory.APISTS }
					judgeFresh(t, fresh, func(o string) bool { return hit(o) || o == "DescribeUserPool" && operation == "ListUserPools" })
					judgeKept(t, kept, good, func(o string) bool { return hit(o) || o == "DescribeUserPool" && operation == "ListUserPools" })
					if t.Failed() {
						t.Fatalf("after the answer %q", answer)
					}
				}
			})
		})
	}
}

// TestUnknownValues has answers with values that this program does not know.
func TestUnknownValues(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
			switch operation {
			case "GetAccount":
				return http.StatusOK, `{"EnforcementStatus": "ON_FIRE", "ProductionAccessEnabled": true, "Details": {"ReviewDetails": {"Status": "LOST"}}}`
			case "ListEmailIdentities":
				return http.StatusOK, `{"EmailIdentities": [{"IdentityName": "example.com", "VerificationStatus": "ODD", "SendingEnabled": true}, {"IdentityName": "example.org"}]}`
			case "GetEmailIdentity":
				return http.StatusOK, `{"IdentityType": "DOMAIN", "VerificationStatus": "ODD", "VerifiedForSendingStatus": true}`
			case "DescribeUserPool":
				return http.StatusOK, `{"UserPool": {"Id": "` + sim.Fleet().Accounts[0].Regions["eu-west-1"].Pools[0].ID + `", "EmailConfiguration": {"EmailSendingAccount": "PIGEON"}}}`
			}
			return 0, ""
		})
		r := sim.reader(t, nil).Read(t.Context(), target(hub, "example.com"), nil)
		if class(t, r, inventory.APISES) != inventory.OK || r.SES.Enforcement != "UNKNOWN" || r.SES.Review != "" || r.SES.Quota.Known {
			t.Errorf("SES %+v", r.SES)
		}
		if s := pool(t, r, "customers").Settings; s.Mode != inventory.ModeUnknown {
			t.Errorf("settings %+v", s)
		}
		if got := identity(r, "example.com"); got.Status != "UNKNOWN" || got.Verified != inventory.Yes {
			t.Errorf("%+v", got)
		}
		if got := identity(r, "example.org"); got.Status != "UNKNOWN" || got.Verified != inventory.Unknown || got.SendingEnabled != inventory.Unknown {
			t.Errorf("%+v", got)
		}
	})
}

// TestModes has pools whose mode AWS leaves out in one way or another, and one
// with a mode that AWS has added since.
func TestModes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const absent, empty, gone, pigeon, developer = "eu-west-1_absent", "eu-west-1_empty", "eu-west-1_gone", "eu-west-1_pigeon", "eu-west-1_own"
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: parseFleet(t, `accounts: [{id: "`+hub+`", regions: {eu-west-1: {pools: [
			{id: `+absent+`, mode: ABSENT}, {id: `+empty+`}, {id: `+gone+`, mode: DEVELOPER}, {id: `+pigeon+`}, {id: `+developer+`, mode: DEVELOPER}]}}}]`)})
		sim.fault(t,
			awssim.Fault{Kind: "replace", Resource: empty, Field: "EmailSendingAccount", Value: ""},
			awssim.Fault{Kind: "replace", Resource: gone, Field: "EmailConfiguration", Value: nil},
			awssim.Fault{Kind: "replace", Resource: pigeon, Field: "EmailSendingAccount", Value: "PIGEON"})
		var told []string
		r := sim.reader(t, func(o *awsread.Options) {
			o.UnknownMode = func(at inventory.Target, poolID, mode string) {
				told = append(told, at.AccountID+" "+at.Region+" "+poolID+" "+mode)
			}
		}).Read(t.Context(), target(hub), nil)
		allOK(t, r)
		if want := hub + " eu-west-1 " + pigeon + " PIGEON"; len(told) != 1 || told[0] != want {
			t.Errorf("told of %q, want %q", told, want)
		}
		for _, up := range r.Pools {
			mode, source, unknown := inventory.ModeDefault, inventory.ModeAbsent, ""
			switch up.ID {
			case pigeon:
				mode, source, unknown = inventory.ModeUnknown, inventory.ModeStated, "PIGEON"
			case developer:
				mode, source = inventory.ModeDeveloper, inventory.ModeStated
			}
			if s := up.Settings; s == nil || s.Mode != mode || s.ModeSource() != source || s.UnknownMode != unknown {
				t.Errorf("%s: %+v, want %s, %s, %q", up.ID, s, mode, source, unknown)
			}
		}
	})
}

// TestForeignPool has an answer about a pool of another account.
func TestForeignPool(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		sim := simulate(t, awssim.Options{NoQuotas: true})
		always := func(o *awsread.Options) { o.DescribeMaxAge = time.Nanosecond }
		good := sim.reader(t, always).Read(t.Context(), target(hub), nil)
		complete(t, good)
		id := pool(t, good, "customers").ID
		time.Sleep(time.Minute)
		for arn, want := range map[any]inventory.Class{
			"arn:aws:cognito-idp:eu-west-1:" + staging + ":userpool/" + id:        inventory.Invalid,
			"arn:aws-us-gov:cognito-idp:eu-west-1:" + sandbox + ":userpool/" + id: inventory.Invalid,
			"arn:aws:cognito-idp:eu-west-1:" + hub + ":userpool/" + id:            inventory.OK,
			nil: inventory.OK,
		} {
			sim.fault(t, awssim.Fault{Kind: "replace", Resource: id, Field: "Arn", Value: arn})
			fresh, kept := sim.reader(t, always).Read(t.Context(), target(hub), nil), sim.reader(t, always).Read(t.Context(), target(hub), &good)
			for _, r := range []inventory.Reading{fresh, kept} {
				o, _ := r.Outcome(inventory.APICognito)
				if o.Class != want || class(t, r, inventory.APISES) != inventory.OK {
					t.Errorf("%v: %+v", arn, r.Outcomes)
				}
				text, _ := arn.(string)
				other := strings.Split(text+"::::", ":")[4]
				if want == inventory.Invalid && !strings.Contains(o.Message, "user pool "+id+" belongs to account "+other+" by its Arn, but account "+hub+" was asked") {
					t.Errorf("%v: %q", arn, o.Message)
				}
				if pool(t, r, "built-in").Settings == nil {
					t.Errorf("%v: another pool is lost", arn)
				}
			}
			if s := pool(t, fresh, "customers").Settings; (s == nil) != (want == inventory.Invalid) {
				t.Errorf("%v: settings %+v", arn, s)
			}
			if s, before := pool(t, kept, "customers"), pool(t, good, "customers"); s.Settings == nil || s.Confirmed.Equal(before.Confirmed) != (want == inventory.Invalid) {
				t.Errorf("%v: kept %+v", arn, s)
			}
		}
	})
}

// TestNumbers has numbers that count nothing. Only they are unknown.
func TestNumbers(t *testing.T) {
	for _, tt := range []struct {
		quota string
		class inventory.Class
		want  inventory.Quota
		rate  float64
	}{
		{`{"Max24HourSend": 200, "MaxSendRate": 1, "SentLast24Hours": 0}`, inventory.OK, inventory.SendQuota(200, 0), 1},
		{`{"Max24HourSend": 0, "MaxSendRate": 0, "SentLast24Hours": 3}`, inventory.OK, inventory.SendQuota(0, 3), 0},
		{`{"Max24HourSend": -1, "MaxSendRate": -1, "SentLast24Hours": 5}`, inventory.OK, inventory.SendQuota(-1, 5), -1},
		{`{"Max24HourSend": -2, "MaxSendRate": 1, "SentLast24Hours": 5}`, inventory.Invalid, inventory.Quota{Kind: inventory.QuotaSend}, 0},
		{`{"Max24HourSend": "NaN", "MaxSendRate": 1, "SentLast24Hours": 5}`, inventory.Invalid, inventory.Quota{Kind: inventory.QuotaSend}, 0},
		{`{"Max24HourSend": "Infinity", "MaxSendRate": 1, "SentLast24Hours": 5}`, inventory.Invalid, inventory.Quota{Kind: inventory.QuotaSend}, 0},
		{`{"Max24HourSend": 200, "MaxSendRate": "NaN", "SentLast24Hours": 5}`, inventory.Invalid, inventory.Quota{Kind: inventory.QuotaSend}, 0},
		{`{"Max24HourSend": 200, "MaxSendRate": -3, "SentLast24Hours": 5}`, inventory.Invalid, inventory.Quota{Kind: inventory.QuotaSend}, 0},
		{`{"Max24HourSend": 200, "MaxSendRate": 1, "SentLast24Hours": -1}`, inventory.Invalid, inventory.Quota{Kind: inventory.QuotaSend}, 0},
		{`{"Max24HourSend": 200, "MaxSendRate": 1, "SentLast24Hours": "-Infinity"}`, inventory.Invalid, inventory.Quota{Kind: inventory.QuotaSend}, 0},
	} {
		t.Run(tt.quota, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
					if operation == "GetAccount" {
						return http.StatusOK, `{"SendQuota": ` + tt.quota + `, "ProductionAccessEnabled": true, "EnforcementStatus": "HEALTHY"}`
					}
					return 0, ""
				})
				r := sim.reader(t, nil).Read(t.Context(), target(hub), nil)
				if o, _ := r.Outcome(inventory.APISES); o.Class != tt.class || (o.Message == "") != (tt.class == inventory.OK) {
					t.Errorf("%+v", o)
				}
				if r.SES == nil || r.SES.Sandbox != inventory.No || r.SES.Quota != tt.want || r.SES.MaxSendRate != tt.rate {
					t.Errorf("SES %+v with quota %+v, want %+v", r.SES, r.SES.Quota, tt.want)
				}
			})
		})
	}
}

// TestPanicsOfTheSDK has answers that make the SDK's decoders panic. Each is
// the failure of one call, not the end of the program.
func TestPanicsOfTheSDK(t *testing.T) {
	for operation, answer := range map[string]string{
		"ListUserPools":    `{"UserPools": [{"Id": "eu-west-1_a", "Name": "a", "LastModifiedDate": "NaN"}]}`,
		"DescribeUserPool": `{"UserPool": {"Id": "eu-west-1_a", "CreationDate": "NaN"}}`,
	} {
		t.Run(operation, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				reader := sim.reader(t, nil)
				good := reader.Read(t.Context(), target(hub), nil)
				time.Sleep(time.Minute)
				sim.spoilt(func(o string, _ []byte, _ func() []byte) (int, string) {
					if o != operation {
						return 0, ""
					}
					return http.StatusOK, answer
				})
				var told atomic.Int64
				fresh := sim.reader(t, func(o *awsread.Options) {
					o.Panicked = func(call string, stack []byte) {
						if told.Add(1); !strings.Contains(call, operation+" in account "+hub) || !strings.Contains(string(stack), "awsread.recovered") {
							t.Errorf("%q with the stack %s", call, stack)
						}
					}
				})
				r := fresh.Read(t.Context(), target(hub), nil)
				if told.Load() == 0 {
					t.Error("nobody was told of a panic")
				}
				o, _ := r.Outcome(inventory.APICognito)
				if o.Class != inventory.Internal || !strings.Contains(o.Message, operation+" in account "+hub) || !strings.Contains(o.Message, "NaN") {
					t.Errorf("%+v", o)
				}
				if class(t, r, inventory.APISES) != inventory.OK || r.SES == nil {
					t.Errorf("SES %+v: %+v", r.SES, r.Outcomes)
				}
				if kept := reader.Read(t.Context(), target(hub), &good); len(kept.Pools) != 3 || kept.Pools[0].Settings == nil {
					t.Errorf("pools %+v", kept.Pools)
				}
			})
		})
	}
}
