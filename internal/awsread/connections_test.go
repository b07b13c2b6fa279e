package awsread_test

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// firstFailure reads the hub account over HTTP, and gives up after the first
// attempt of the operation that fails. It returns the class of that attempt.
func firstFailure(t *testing.T, endpoint, operation string, requestTimeout time.Duration) (inventory.Class, inventory.Reading) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var first atomic.Value
	r := newReader(t, awsread.Options{
		DescribeMaxAge: time.Hour, RequestTimeout: requestTimeout,
		Endpoint: endpoint, AccessKeyID: "AKIATEST", SecretAccessKey: "test",
		Observe: func(a awsread.Attempt) {
			if a.Operation == operation && a.Class != inventory.OK {
				first.CompareAndSwap(nil, a.Class)
				cancel()
			}
		},
	}).Read(ctx, target(hub), nil)
	class, ok := first.Load().(inventory.Class)
	if !ok {
		t.Fatalf("%s did not fail: %+v", operation, r.Outcomes)
	}
	return class, r
}

// TestConnections has real connections that break or stall. The other tests
// have what a RoundTripper makes of them.
func TestConnections(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]inventory.Class{
		"reset": inventory.Unavailable, "truncate": inventory.Unavailable, "timeout": inventory.Timeout, "slow": inventory.Timeout,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			sim := simulate(t, awssim.Options{NoQuotas: true})
			sim.fault(t, awssim.Fault{Kind: kind, Service: "ses", Operation: "GetAccount"})
			timeout := time.Minute
			if want == inventory.Timeout {
				timeout = time.Second
			}
			got, r := firstFailure(t, sim.serve(t).URL, "GetAccount", timeout)
			if got != want || class(t, r, inventory.APISES) != want || r.SES != nil {
				t.Errorf("class %q, want %q; %+v", got, want, r.Outcomes)
			}
		})
	}
}

// TestStalledBody has an answer of which the first half comes at once.
func TestStalledBody(t *testing.T) {
	t.Parallel()
	sim := simulate(t, awssim.Options{NoQuotas: true})
	stalled := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/email/account" {
			sim.ServeHTTP(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"SendQuota": {`) // A client that left is its own business.
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	got, r := firstFailure(t, serve(t, stalled).URL, "GetAccount", time.Second)
	if got != inventory.Timeout || class(t, r, inventory.APISES) != inventory.Timeout || r.SES != nil {
		t.Errorf("class %q: %+v, %+v", got, r.Outcomes, r.SES)
	}
}

// TestNobodyListens asks at the port at which nothing can listen.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	got, r := firstFailure(t, "http://127.0.0.1:0", "GetCallerIdentity", time.Minute)
	if got != inventory.Unavailable || r.SES != nil || len(r.Pools) > 0 {
		t.Errorf("class %q: %+v", got, r.Outcomes)
	}
}
