package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// What is known of the pools is most of the memory, and little processor time is
// used between passes: so a large heap is collected more often than Go would. A
// small one may have some garbage beside it, or it would be collected every few
// seconds for nothing.
const (
	gcPercent  = 30  // of what is in use may be garbage
	gcDefault  = 100 // the most, and what Go takes
	gcRoom     = 16 << 20
	gcInterval = time.Minute // how often is looked at what is in use
)

// percent returns how much garbage there may be, in percent of what is in use.
func percent(inUse uint64) int {
	return int(min(gcDefault, max(gcPercent, gcRoom*100/max(1, inUse)))) //nolint:gosec // It is at most gcDefault.
}

// collectOften sets the pace of the garbage collector for the first passes and
// for commands that end, unless the environment does.
func collectOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// tuneGC follows what is in use once everything was read, until ctx ends.
func tuneGC(ctx context.Context, read <-chan struct{}) {
	select {
	case <-read:
	case <-ctx.Done():
		return
	}
	debug.FreeOSMemory() // The first pass needs much that later ones do not.
	if os.Getenv("GOGC") != "" {
		return
	}
	tick := time.NewTicker(gcInterval)
	defer tick.Stop()
	inUse := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for now := 0; ; {
		metrics.Read(inUse)
		if wanted := percent(inUse[0].Value.Uint64()); wanted != now {
			debug.SetGCPercent(wanted)
			now = wanted
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
