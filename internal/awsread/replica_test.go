package awsread_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestReplicas reads a pool in both of its regions.
func TestReplicas(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const id = "eu-west-1_main"
		sim := simulate(t, awssim.Options{NoQuotas: true, Fleet: parseFleet(t, `accounts: [{id: "`+hub+`", regions: {
			eu-west-1: {pools: [{id: `+id+`}, {id: eu-west-1_other}]}, eu-central-1: {pools: [{id: `+id+`, replica_status: INACTIVE}]}}}]`)})
		reader := sim.reader(t, nil)
		there := target(hub)
		there.Region = "eu-central-1"
		replica := func(r inventory.Reading) inventory.Replica {
			t.Helper()
			for _, up := range r.Pools {
				if up.ID == id {
					return up.Replica
				}
			}
			t.Fatalf("no pool in %+v", r.Pools)
			return inventory.Replica{}
		}
		primary, secondary := reader.Read(t.Context(), target(hub), nil), reader.Read(t.Context(), there, nil)
		allOK(t, primary)
		allOK(t, secondary)
		if got := replica(primary); !got.Replicated || got.Role != inventory.Primary || got.Status != inventory.ReplicaActive || got.Confirmed.Before(primary.Start) {
			t.Errorf("primary %+v", got)
		}
		if got := replica(secondary); !got.Replicated || got.Role != inventory.Secondary || got.Status != inventory.ReplicaInactive {
			t.Errorf("secondary %+v", got)
		}
		if other := primary.Pools[1]; other.ID != "eu-west-1_other" || other.Replica != (inventory.Replica{}) {
			t.Errorf("another pool: %+v", other)
		}
		if n := sim.calls(hub, "ListUserPoolReplicas"); n != 2 {
			t.Errorf("%d calls, want one for each replica", n)
		}

		// It is asked in every pass, since it changes without a new LastModifiedDate.
		time.Sleep(time.Minute)
		sim.fault(t, awssim.Fault{Kind: "replace", Operation: "ListUserPoolReplicas", Field: "Status", Value: "ACTIVE"})
		active := reader.Read(t.Context(), there, &secondary)
		if got := replica(active); got.Status != inventory.ReplicaActive || !got.Confirmed.After(replica(secondary).Confirmed) {
			t.Errorf("activated: %+v", got)
		}
		sim.fault(t, awssim.Fault{Kind: "replace", Operation: "ListUserPoolReplicas", Field: "Status", Value: "DREAMING"})
		if got := replica(reader.Read(t.Context(), there, &active)); got.Status != "" || got.Role != inventory.Secondary {
			t.Errorf("a status of the future: %+v", got)
		}

		// What could not be asked stays as it was.
		time.Sleep(time.Minute)
		sim.fault(t, awssim.Fault{Kind: "deny", Operation: "ListUserPoolReplicas"})
		for prev, want := range map[*inventory.Reading]inventory.Replica{&active: replica(active), nil: {Replicated: true}} {
			r := reader.Read(t.Context(), there, prev)
			o, _ := r.Outcome(inventory.APICognito)
			if got := replica(r); got != want || o.Class != inventory.Denied || !strings.Contains(o.Message, "ListUserPoolReplicas in account "+hub+", region eu-central-1") || r.Pools[0].Settings == nil {
				t.Errorf("denied: %+v, want %+v; %+v", got, want, o)
			}
		}
		sim.fault(t)
		for answer, want := range map[string]inventory.Class{
			`{}`: inventory.Invalid,
			`{"UserPoolReplicas": [{"RegionName": "eu-west-1", "Role": "PRIMARY", "Status": "ACTIVE"}]}`:                            inventory.Invalid,
			`{"UserPoolReplicas": [], "NextToken": "again"}`:                                                                        inventory.Invalid,
			`{"UserPoolReplicas": [{"RegionName": "eu-central-1", "Role": "SECONDARY", "Status": "ACTIVE"}], "NextToken": "again"}`: inventory.OK,
		} {
			sim.spoilt(func(operation string, _ []byte, _ func() []byte) (int, string) {
				if operation == "ListUserPoolReplicas" {
					return http.StatusOK, answer
				}
				return 0, ""
			})
			if r := reader.Read(t.Context(), there, nil); class(t, r, inventory.APICognito) != want {
				t.Errorf("%s: %+v", answer, r.Outcomes)
			}
		}

		// No longer replicated.
		sim.spoilt(nil)
		sim.fault(t, awssim.Fault{Kind: "replace", Operation: "ListUserPools", Field: "ReplicaRegions", Value: nil})
		if got := replica(reader.Read(t.Context(), there, &active)); got != (inventory.Replica{}) {
			t.Errorf("no longer replicated: %+v", got)
		}
	})
}
