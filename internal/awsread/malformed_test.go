package awsread_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
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
		"GetConfigurationSet": append([]string{`{"ConfigurationSetName": "other", "SendingOptions": {"SendingEnabled": true}}`, `{"SendingOptions": {"SendingEnabled": true}}`}, json...),
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
				everything := func(o *awsread.Options) { o.DescribeMaxAge, o.IdentityDetailsEvery = time.Nanosecond, time.Nanosecond }
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
				return http.StatusOK, `{"EnforcementStatus": "ON_FIRE", "ProductionAccessEnabled": true, "SendingEnabled": true, "Details": {"ReviewDetails": {"Status": "LOST"}}}`
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

// TestNumbers has numbers that count nothing, and what is null. Only that is
// unknown.
func TestNumbers(t *testing.T) {
	unknown := inventory.Quota{Kind: inventory.QuotaSend}
	known := inventory.SendQuota(50000, 1200) // as in the fleet, with 14 per second
	for _, tt := range []struct {
		field   string
		value   any
		refused bool
		want    inventory.Quota
		rate    float64 // NaN is unknown
	}{
		{"Max24HourSend", 0, false, inventory.SendQuota(0, 1200), 14},
		{"Max24HourSend", -1, false, inventory.SendQuota(-1, 1200), 14},
		{"Max24HourSend", -2, true, unknown, 14},
		{"Max24HourSend", "NaN", true, unknown, 14},
		{"Max24HourSend", "Infinity", true, unknown, 14},
		{"Max24HourSend", nil, true, unknown, 14},
		{"SentLast24Hours", -1, true, unknown, 14},
		{"SentLast24Hours", "-Infinity", true, unknown, 14},
		{"SentLast24Hours", nil, true, unknown, 14},
		{"MaxSendRate", 0, false, known, 0},
		{"MaxSendRate", -1, false, known, -1},
		{"MaxSendRate", -3, true, known, math.NaN()},
		{"MaxSendRate", "NaN", true, known, math.NaN()},
		{"MaxSendRate", nil, true, known, math.NaN()},
		{"ProductionAccessEnabled", nil, true, known, 14},
		{"SendingEnabled", nil, true, known, 14},
		{"SendQuota", nil, false, unknown, math.NaN()},
	} {
		t.Run(fmt.Sprintf("%s %v", tt.field, tt.value), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				sim.fault(t, awssim.Fault{Kind: "replace", Operation: "GetAccount", Field: tt.field, Value: tt.value})
				r := sim.reader(t, nil).Read(t.Context(), target(hub), nil)
				o, _ := r.Outcome(inventory.APISES)
				if refused := o.Class == inventory.Invalid; refused != tt.refused || !refused && o.Class != inventory.OK || tt.refused && !strings.Contains(o.Message, tt.field+" is ") {
					t.Errorf("%+v", o)
				}
				sandbox, sending := inventory.No, inventory.Yes
				switch tt.field {
				case "ProductionAccessEnabled":
					sandbox = inventory.Unknown
				case "SendingEnabled":
					sending = inventory.Unknown
				}
				s := r.SES
				if s == nil || s.Sandbox != sandbox || s.SendingEnabled != sending || s.Enforcement != "HEALTHY" || s.Review != "GRANTED" || s.Quota != tt.want {
					t.Errorf("SES %+v with quota %+v, want %+v", s, s.Quota, tt.want)
				}
				if s.RateKnown == math.IsNaN(tt.rate) || s.RateKnown && s.MaxSendRate != tt.rate {
					t.Errorf("rate %v, known %v; want %v", s.MaxSendRate, s.RateKnown, tt.rate)
				}
				if len(r.Identities) != 3 || class(t, r, inventory.APICognito) != inventory.OK {
					t.Errorf("identities %+v, %+v", r.Identities, r.Outcomes)
				}
			})
		})
	}
}

// TestDates has dates of one pool that cannot be. It is described in every pass,
// since nothing else tells whether its settings are current.
func TestDates(t *testing.T) {
	for _, tt := range []struct {
		value   any // Unix seconds
		refused bool
	}{
		{-62135596800, true},
		{-1, true},
		{253402300800, true},
		{9223372036854775807, true},
		{1e300, true},
		{"Infinity", true},
		{"-Infinity", true},
		{946684799, true},
		{946684800, false},
		{4102444799, false},
		{4102444800, true},
		{nil, false},
	} {
		t.Run(fmt.Sprint(tt.value), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				sim := simulate(t, awssim.Options{NoQuotas: true})
				sim.spoilt(func(operation string, _ []byte, ask func() []byte) (int, string) {
					if operation != "ListUserPools" {
						return 0, ""
					}
					date, err := json.Marshal(tt.value)
					if err != nil {
						t.Error(err)
					}
					var answer struct{ UserPools []map[string]any }
					if err := json.Unmarshal(ask(), &answer); err != nil {
						t.Error(err)
					}
					answer.UserPools[0]["LastModifiedDate"] = json.RawMessage(date)
					body, err := json.Marshal(answer)
					if err != nil {
						t.Error(err)
					}
					return http.StatusOK, string(body)
				})
				reader := sim.reader(t, nil)
				first := reader.Read(t.Context(), target(hub), nil)
				before := sim.calls(hub, "DescribeUserPool")
				time.Sleep(time.Minute)
				r := reader.Read(t.Context(), target(hub), &first)
				id := sim.Fleet().Accounts[0].Regions["eu-west-1"].Pools[0].ID
				o, _ := r.Outcome(inventory.APICognito)
				if refused := o.Class == inventory.Invalid; refused != tt.refused || !refused && o.Class != inventory.OK || refused && !strings.Contains(o.Message, "LastModifiedDate of user pool "+id+" is ") {
					t.Errorf("%+v", o)
				}
				for _, up := range r.Pools {
					unknown := up.ID == id && (tt.refused || tt.value == nil)
					if up.LastModified.IsZero() != unknown || up.Settings == nil || up.Confirmed.Before(r.Start) {
						t.Errorf("pool %+v", up)
					}
				}
				again := 0
				if tt.refused || tt.value == nil {
					again = 1
				}
				if n := sim.calls(hub, "DescribeUserPool") - before; n != again {
					t.Errorf("%d pools were described again, want %d", n, again)
				}
				if !r.PoolsListed.Equal(r.End) || class(t, r, inventory.APISES) != inventory.OK {
					t.Errorf("listed %s, %+v", r.PoolsListed, r.Outcomes)
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
