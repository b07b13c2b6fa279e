package awsread_test

import (
	"context"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// FuzzAnswers has one operation answer anything, to a reader that knows
// everything already and to one that knows nothing. A pass ends in its time and
// says how each API fared, only the SDK may panic, and no number is what no
// number can be.
func FuzzAnswers(f *testing.F) {
	everything := func(o *awsread.Options) {
		o.DescribeMaxAge, o.IdentityDetailsEvery = time.Nanosecond, time.Nanosecond
		o.Details, o.Statistics, o.CloudWatch, o.CloudTrail = true, true, true, true
		o.Quota = inventory.Policy{Limit: 50, Reset: 9 * time.Hour}
	}
	// One pool will do: a fuzz target is as good as it is fast.
	small := strings.NewReplacer("ACCOUNT", hub).Replace(`accounts:
  - id: "` + hub + `"
    regions:
      eu-west-1:
        ses: {production_access: true, sent_last_24_hours: 1200}
        identities: [{name: example.com, configuration_set: login}]
        configuration_sets: [{name: login}]
        pools:
          - {name: customers, mode: DEVELOPER, source_arn: "arn:aws:ses:eu-west-1:ACCOUNT:identity/example.com", from: no-reply@example.com}
          - {name: built-in}
`)
	at := target(hub, "example.com")
	at.ConfigurationSets = []string{"login"}
	var (
		mu    sync.Mutex
		truth = map[string][]byte{} // by operation
	)
	sim := simulate(f, awssim.Options{NoQuotas: true, Fleet: parseFleet(f, small)})
	sim.spoilt(func(operation string, _ []byte, ask func() []byte) (int, string) {
		answer := ask()
		mu.Lock()
		defer mu.Unlock()
		truth[operation] = answer
		return http.StatusOK, string(answer)
	})
	sim.reader(f, everything).Read(f.Context(), at, nil)
	operations := slices.Sorted(maps.Keys(truth))
	if len(operations) < 12 {
		f.Fatalf("only %v are read", operations)
	}
	for i, o := range operations {
		f.Add(uint8(i), uint16(http.StatusOK), truth[o])
	}
	f.Add(uint8(0), uint16(http.StatusBadRequest), []byte(`{"__type": "ThrottlingException", "message": "Rate exceeded"}`))
	var (
		once  sync.Once
		known inventory.Reading
	)
	f.Fuzz(func(t *testing.T, which uint8, status uint16, answer []byte) {
		operation := operations[int(which)%len(operations)]
		if status < 200 || status > 599 {
			return // net/http refuses it.
		}
		synctest.Test(t, func(t *testing.T) {
			defer time.Sleep(time.Hour) // What goes on after the test ends before the clock stops.
			sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: parseFleet(t, small)})
			options := func(o *awsread.Options) {
				everything(o)
				o.Panicked = func(call string, stack []byte) {
					if !strings.Contains(string(stack), "/deserializers.go") {
						t.Errorf("%s panicked:\n%s", call, stack)
					}
				}
			}
			// Every bubble begins at the same time, so what one has read another may know.
			once.Do(func() { known = sim.reader(t, options).Read(t.Context(), at, nil) })
			time.Sleep(time.Minute)
			sim.spoilt(func(o string, _ []byte, _ func() []byte) (int, string) {
				if o != operation {
					return 0, ""
				}
				return int(status), string(answer)
			})
			for _, before := range []*inventory.Reading{nil, &known} {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				begin := time.Now()
				r := sim.reader(t, options).Read(ctx, at, before)
				cancel()
				if took := time.Since(begin); took > 31*time.Second {
					t.Errorf("the pass took %s", took)
				}
				for _, o := range r.Outcomes {
					if (o.Class == inventory.OK) != (o.Message == "") {
						t.Errorf("outcome %+v", o)
					}
				}
				sane(t, r)
			}
		})
	})
}

// sane checks the numbers of a reading, which come from outside.
func sane(t *testing.T, r inventory.Reading) {
	t.Helper()
	if s := r.SES; s != nil {
		q := s.Quota
		if q.Known && !(q.Limit >= 0 && q.Used >= 0) || math.IsInf(q.Used, 0) || s.RateKnown && math.IsNaN(s.MaxSendRate) {
			t.Errorf("quota %+v, rate %v", q, s.MaxSendRate)
		}
	}
	for _, p := range r.Pools {
		if p.ID == "" {
			t.Errorf("a pool without an ID: %+v", p)
		}
	}
	for _, i := range r.Identities {
		if i.Name == "" {
			t.Errorf("an identity without a name: %+v", i)
		}
	}
}
