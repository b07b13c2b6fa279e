package awsread

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestHeapOfATarget measures what stays of an account in a region between two
// passes, of which there may be some ten thousand. With its clients it was more
// than 10 KiB.
func TestHeapOfATarget(t *testing.T) {
	const targets, most = 1000, 4 << 10
	r, err := New(t.Context(), Options{Endpoint: "http://aws.example", AccessKeyID: "AKIATEST", SecretAccessKey: "test"})
	if err != nil {
		t.Fatal(err)
	}
	a := r.account(inventory.Target{Region: "eu-west-1"})
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	a.in("the first one may make what all share")
	before := heap()
	for i := range targets {
		a.in(strconv.Itoa(i))
	}
	if each := (int64(heap()) - int64(before)) / targets; each > most {
		t.Errorf("%d bytes, want at most %d", each, most)
	}
	if len(a.places) != targets+1 {
		t.Errorf("%d places are known", len(a.places))
	}
}
