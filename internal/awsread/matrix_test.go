package awsread_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// matrixYAML has in an account something for every operation: a pool that is
// replicated, an identity whose status the list does not decide, a configuration
// set, sign-ups and their events.
const matrixYAML = `
accounts:
  - id: "100000000001"
    regions: &regions
      eu-west-1:
        ses: {production_access: true, sent_last_24_hours: 0}
        identities:
          - {name: example.com, configuration_set: login}
          - {name: shaky.example, status: TEMPORARY_FAILURE, verified: true}
        configuration_sets: [{name: login}]
        pools:
          - {id: eu-west-1_mail, name: mail, mode: DEVELOPER, source_arn: "arn:aws:ses:eu-west-1:100000000002:identity/example.com", mfa: OPTIONAL, email_mfa: true, log_delivery: [userNotification]}
          - {id: eu-west-1_shaky, name: shaky, mode: DEVELOPER, source_arn: "arn:aws:ses:eu-west-1:100000000002:identity/shaky.example"}
          - {id: eu-west-1_own, name: built-in, mfa: OPTIONAL, clients: [{id: app, name: app}], traffic: {sent_today: 20}}
      eu-central-1:
        pools:
          - {id: eu-west-1_mail, name: mail}
  - {id: "100000000002", unit: Workloads, tags: {team: shop}, external_id: correct-horse-battery-staple, regions: *regions}
`

// kindOfFailure is a way in which AWS, or what is between, fails.
type kindOfFailure struct {
	class  inventory.Class
	fault  string // of the simulation; empty with spoil
	status int
	answer string
}

// kindsOfFailure are the rows of the matrix.
var kindsOfFailure = map[string]kindOfFailure{
	"throttle": {class: inventory.Throttled, fault: "throttle"},
	"deny":     {class: inventory.Denied, fault: "deny"},
	"expired":  {class: inventory.Denied, fault: "expired_token"},
	"error500": {class: inventory.Unavailable, fault: "error500"},
	"timeout":  {class: inventory.Timeout, fault: "timeout"},
	"reset":    {class: inventory.Unavailable, fault: "reset"},
	"truncate": {class: inventory.Unavailable, fault: "truncate"},
	"garbage":  {class: inventory.Invalid, fault: "garbage"},
	// What a proxy says, or an endpoint that lacks the operation: no error of AWS.
	"404":     {class: inventory.Invalid, status: http.StatusNotFound, answer: `{"message": "Not Found"}`},
	"endless": {class: inventory.Invalid, status: http.StatusOK, answer: `{"NextToken": "` + strings.Repeat("a", 20<<20)},
}

// matrixFacts are what a reading knows, by the operation that tells it, without
// times.
func matrixFacts(r inventory.Reading) map[string]any {
	facts := map[string]any{}
	for _, p := range r.Pools {
		facts["ListUserPools"] = append(strings.Fields(fmt.Sprint(facts["ListUserPools"])), p.ID)
		if p.Settings != nil {
			facts["DescribeUserPool"] = append(strings.Fields(fmt.Sprint(facts["DescribeUserPool"])), p.ID, string(p.Settings.Mode))
		}
		if p.Replica.Role != "" {
			facts["ListUserPoolReplicas"] = p.Replica.Role
		}
		if d := p.Details; d != nil && d.EmailMFA.Value != inventory.Unknown {
			facts["GetUserPoolMfaConfig"] = fmt.Sprint(facts["GetUserPoolMfaConfig"], p.ID, d.EmailMFA.Value)
		}
		if d := p.Details; d != nil && d.NotificationLog.Value != inventory.Unknown {
			facts["GetLogDeliveryConfiguration"] = fmt.Sprint(facts["GetLogDeliveryConfiguration"], p.ID, d.NotificationLog.Value)
		}
	}
	if s := r.SES; s != nil {
		facts["GetAccount"] = *s
		s := *s
		s.Confirmed = time.Time{}
		facts["GetAccount"] = s
	}
	if !r.IdentitiesListed.IsZero() {
		facts["ListEmailIdentities"] = len(r.Identities)
	}
	for _, i := range r.Identities {
		if i.Details != nil {
			facts["GetEmailIdentity"] = fmt.Sprint(facts["GetEmailIdentity"], i.Name, i.Verified, i.Details.ConfigurationSet)
		}
	}
	for _, s := range r.ConfigurationSets {
		facts["GetConfigurationSet"] = fmt.Sprint(s.Name, s.Missing, s.SendingEnabled)
	}
	if r.Statistics != nil {
		facts["GetSendStatistics"] = r.Statistics.Attempts
	}
	if r.SignUps != nil {
		facts["ListMetrics"] = len(r.SignUps.Series)
	}
	if r.CallCounts != nil {
		facts["GetMetricData"] = len(r.CallCounts.ByMetric)
	}
	if r.Reputation != nil {
		facts["reputation"] = true
	}
	if r.Trail != nil && r.Trail.Complete {
		facts["LookupEvents"] = len(r.Trail.Events) > 0
	}
	return facts
}

// toldBy are the operations without which another one is not asked, or its facts
// are not known, in a first pass.
var toldBy = map[string][]string{
	"ListUserPools": {
		"DescribeUserPool", "ListUserPoolReplicas", "GetUserPoolMfaConfig", "GetLogDeliveryConfiguration", "GetEmailIdentity", "GetConfigurationSet",
		"GetSendStatistics", "ListMetrics", "GetMetricData", "LookupEvents",
	},
	"DescribeUserPool": {
		"GetUserPoolMfaConfig", "GetLogDeliveryConfiguration", "GetEmailIdentity", "GetConfigurationSet", "GetSendStatistics", "ListMetrics", "GetMetricData",
	},
	"GetEmailIdentity":    {"GetConfigurationSet"},
	"ListEmailIdentities": {"GetEmailIdentity", "GetConfigurationSet"},
	"ListMetrics":         {"GetMetricData"},
	"GetMetricData":       {"ListMetrics"},
}

func apiOf(t *testing.T, operation string) string {
	t.Helper()
	switch operation {
	case "GetUserPoolMfaConfig", "GetLogDeliveryConfiguration":
		return inventory.APIDetails
	case "GetSendStatistics":
		return inventory.APIStatistics
	}
	for api, operations := range awsread.Operations() {
		if slices.Contains(operations, operation) {
			return api
		}
	}
	t.Fatalf("no API has %s", operation)
	return ""
}

// matrixPass is how long a pass may take, and matrixInterval how far apart they
// are.
const (
	matrixPass     = 20 * time.Second
	matrixInterval = 5 * time.Minute
)

// TestMatrix has every operation fail in every way, in the first pass and in a
// later one. The API of the operation is to blame and no other, what is known
// stays, and the pass after the failure is as if nothing had been.
func TestMatrix(t *testing.T) {
	t.Parallel()
	good := map[string]inventory.Reading{} // by account, without a failure
	for _, account := range []string{hub, staging} {
		synctest.Test(t, func(t *testing.T) {
			m := newMatrix(t, account)
			m.reader = m.anew()
			good[account] = m.read(nil)
			for api, operations := range awsread.Operations() {
				for _, operation := range operations {
					if inMatrix(api, operation) && account == accountOf(operation) && m.calls("", operation) == 0 {
						t.Errorf("%s is not called", operation)
					}
				}
			}
			time.Sleep(time.Hour)
		})
	}
	for api, operations := range awsread.Operations() {
		for _, operation := range operations {
			account := accountOf(operation)
			for name, kind := range kindsOfFailure {
				if inMatrix(api, operation) {
					t.Run(operation+"/"+name, func(t *testing.T) {
						inBubble(t, func(t *testing.T) { newMatrix(t, account).cell(operation, kind, good[account]) })
					})
				}
			}
		}
	}
}

// accountOf returns the account that is entered by the operation, if it is one
// of those that enter accounts.
func accountOf(operation string) string {
	if operation == "GetCallerIdentity" {
		return hub
	}
	return staging
}

// inMatrix reports whether every pass calls the operation. The app clients of
// pools are listed only where an event names one that is not known, and regions
// and accounts beside the passes.
func inMatrix(api, operation string) bool {
	return api != inventory.APIOrganizations && api != "account" && operation != "ListUserPoolClients"
}

func (s *simulation) fail(t *testing.T, operation string, kind kindOfFailure) {
	t.Helper()
	switch {
	case kind.fault != "":
		s.fault(t, awssim.Fault{Kind: kind.fault, Operation: operation})
	default:
		s.spoilt(func(o string, _ []byte, _ func() []byte) (int, string) {
			if o != operation {
				return 0, ""
			}
			return kind.status, kind.answer
		})
	}
}

func (s *simulation) well(t *testing.T) {
	t.Helper()
	s.fault(t)
	s.spoilt(nil)
}

// matrix is a simulation of which an account is read.
type matrix struct {
	*simulation
	t      *testing.T
	at     inventory.Target
	reader *awsread.Reader
}

// newMatrix begins three hours after the reset of the default quota.
func newMatrix(t *testing.T, account string) *matrix {
	t.Helper()
	time.Sleep(12 * time.Hour)
	sim := simulate(t, awssim.Options{NoQuotas: true, NoDelays: true, Fleet: parseFleet(t, matrixYAML)})
	time.Sleep(30 * time.Minute)
	return &matrix{simulation: sim, t: t, at: target(account)}
}

// anew returns a reader without credentials. In every pass it asks everything
// that has no clock of its own.
func (m *matrix) anew() *awsread.Reader {
	return m.simulation.reader(m.t, func(o *awsread.Options) {
		o.Accounts = []awsread.Account{role(staging)}
		o.Quota = inventory.Policy{Enabled: true, Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: 9 * time.Hour}
		o.Details, o.Statistics, o.CloudWatch, o.CloudTrail = true, true, true, true
		o.DescribeMaxAge, o.IdentityDetailsEvery, o.RequestTimeout = time.Nanosecond, time.Nanosecond, 5*time.Second
	})
}

// read makes one pass and waits for the next.
func (m *matrix) read(prev *inventory.Reading) inventory.Reading {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), matrixPass)
	defer cancel()
	began := time.Now()
	r := m.reader.Read(ctx, m.at, prev)
	if took := time.Since(began); took > matrixPass+time.Second {
		m.t.Errorf("the pass took %s", took)
	}
	time.Sleep(matrixInterval)
	return r
}

// cell has the operation fail in the first pass and in a later one.
func (m *matrix) cell(operation string, kind kindOfFailure, good inventory.Reading) {
	t, api, want := m.t, apiOf(m.t, operation), matrixFacts(good)
	for _, o := range good.Outcomes {
		if o.Class != inventory.OK {
			t.Fatalf("without a failure: %+v", o)
		}
	}
	m.fail(t, operation, kind)
	m.reader = m.anew()
	first := m.read(nil)
	blamed(t, "first pass", operation, api, kind.class, first, good, nil)
	for of, fact := range matrixFacts(first) {
		if !reflect.DeepEqual(fact, want[of]) && of != operation && !slices.Contains(toldBy[operation], of) {
			t.Errorf("first pass, %s: %v, want %v", of, fact, want[of])
		}
	}
	m.well(t)
	before := m.read(&first)
	recovered(t, "after the first pass", before, want)

	time.Sleep(2 * time.Hour) // Then what has slow clocks is due.
	if api == inventory.APISTS {
		m.reader = m.anew() // Else the credentials last.
	}
	m.fail(t, operation, kind)
	later := m.read(&before)
	blamed(t, "later pass", operation, api, kind.class, later, good, &before)
	if got := matrixFacts(later); !reflect.DeepEqual(got, want) {
		t.Errorf("later pass: %v\nwant %v", got, want)
	}
	m.well(t)
	recovered(t, "after a later pass", m.read(&later), want)
}

// blamed checks that the API has the class, and that the others are up or, if it
// left them no time or nothing to ask, not said to have failed.
func blamed(t *testing.T, when, operation, api string, class inventory.Class, r, good inventory.Reading, before *inventory.Reading) {
	t.Helper()
	for _, o := range good.Outcomes {
		got, asked := r.Outcome(o.API)
		switch {
		case o.API == api || api == inventory.APISTS:
			if !asked && before == nil && o.API != api {
				continue // Without credentials, only what is always asked is said to fail.
			}
			if got.Class != class || !strings.Contains(got.Message, operation+" in account "+r.Target.AccountID) {
				t.Errorf("%s: %s is %q: %s; want %q", when, o.API, got.Class, got.Message, class)
			}
			if was, _ := before.Outcome(o.API); !got.LastSuccess.Equal(was.LastSuccess) {
				t.Errorf("%s: %s last succeeded at %s, before at %s", when, o.API, got.LastSuccess, was.LastSuccess)
			}
		case got.Class == inventory.NotAsked:
			if was, _ := before.Outcome(o.API); class != inventory.Timeout && class != inventory.Throttled || !got.LastSuccess.Equal(was.LastSuccess) || got.Message == "" {
				t.Errorf("%s: %+v", when, got)
			}
		case asked && got.Class != inventory.OK:
			t.Errorf("%s: %s is not to blame for %s: %s %s", when, o.API, operation, got.Class, got.Message)
		case !asked && before != nil:
			t.Errorf("%s: %s has no outcome", when, o.API)
		}
	}
}

func recovered(t *testing.T, when string, r inventory.Reading, want map[string]any) {
	t.Helper()
	for _, o := range r.Outcomes {
		if o.Class != inventory.OK || o.Message != "" || o.LastSuccess.Before(r.Start) && o.API != inventory.APICloudWatch && o.API != inventory.APIStatistics {
			t.Errorf("%s: %+v", when, o)
		}
	}
	got := matrixFacts(r)
	for of, fact := range want {
		if !reflect.DeepEqual(got[of], fact) {
			t.Errorf("%s, %s: %v, want %v", when, of, got[of], fact)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: facts of %v", when, slices.Sorted(maps.Keys(got)))
	}
}

// TestMatrixOfListings has every call of the listings of accounts and regions,
// which are beside the passes, fail in every way, the first time and later.
func TestMatrixOfListings(t *testing.T) {
	t.Parallel()
	for api, operations := range awsread.Operations() {
		if api != inventory.APIOrganizations && api != "account" {
			continue
		}
		for _, operation := range operations {
			if operation == "ListParents" {
				continue // It is asked only for an account that moves during the listing; see TestOrganizationFailures.
			}
			for name, kind := range kindsOfFailure {
				t.Run(operation+"/"+name, func(t *testing.T) {
					inBubble(t, func(t *testing.T) {
						sim := simulate(t, awssim.Options{NoQuotas: true, NoDelays: true, Fleet: parseFleet(t, matrixYAML)})
						r := sim.readerWith(t, awsread.Options{RequestTimeout: 5 * time.Second})
						list := func() (string, error) {
							defer time.Sleep(2 * time.Hour)
							ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
							defer cancel()
							if api == "account" {
								on, err := r.Regions(ctx, target(hub))
								return fmt.Sprint(on), err
							}
							all, err := r.Organization(ctx, true, true)
							return fmt.Sprint(all), err
						}
						sim.fail(t, operation, kind)
						for _, when := range []string{"first", "later"} {
							sim.fail(t, operation, kind)
							got, err := list()
							if f := failure(t, err); f.Class != kind.class || !strings.Contains(f.Message, operation) {
								t.Errorf("%s: %+v, want %s", when, f, kind.class)
							}
							if api != "account" && got != "[]" {
								t.Errorf("%s: a listing that failed has %s", when, got)
							}
							sim.well(t)
							if got, err := list(); err != nil || !strings.Contains(got, map[string]string{"account": "eu-west-1"}[api]) {
								t.Errorf("after the %s: %s, %v", when, got, err)
							}
						}
					})
				})
			}
		}
	}
}
