package main

import (
	"runtime/metrics"
	"testing"
)

func TestPercent(t *testing.T) {
	for inUse, want := range map[uint64]int{0: 100, 4 << 20: 100, 16 << 20: 100, 32 << 20: 50, 40 << 20: 40, 56 << 20: 30, 1 << 30: 30} {
		if got := percent(inUse); got != want {
			t.Errorf("%d MiB: %d, want %d", inUse>>20, got, want)
		}
	}
	// Go gives it as what tuneGC takes it for.
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	if metrics.Read(live); live[0].Value.Kind() != metrics.KindUint64 {
		t.Errorf("what is in use is of kind %v", live[0].Value.Kind())
	}
}
