package main

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

func TestLimitMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	none := func(err error) memlimit.Provider { return func() (uint64, error) { return 0, err } }
	for name, tt := range map[string]struct {
		share float64
		limit memlimit.Provider
		env   string
		want  int64
		log   string
	}{
		"a container":          {0.5, memlimit.Limit(1 << 30), "", 1 << 29, "bytes=536870912"},
		"switched off":         {0, memlimit.Limit(1 << 30), "", math.MaxInt64, ""},
		"GOMEMLIMIT":           {0.5, memlimit.Limit(1 << 30), "1GiB", math.MaxInt64, ""},
		"no limit":             {0.5, none(memlimit.ErrNoLimit), "", math.MaxInt64, ""},
		"no container":         {0.5, none(memlimit.ErrNoCgroup), "", math.MaxInt64, ""},
		"another system":       {0.5, none(memlimit.ErrCgroupsNotSupported), "", math.MaxInt64, ""},
		"what cannot be read":  {0.5, none(errors.New("broken")), "", math.MaxInt64, "level=WARN"},
		"GOMEMLIMIT, no limit": {0.5, none(memlimit.ErrNoLimit), "1GiB", math.MaxInt64, ""},
	} {
		t.Setenv("GOMEMLIMIT", tt.env)
		if tt.env == "" {
			_ = os.Unsetenv("GOMEMLIMIT") // It never fails.
		}
		debug.SetMemoryLimit(math.MaxInt64)
		var log bytes.Buffer
		limitMemory(tt.share, tt.limit, slog.New(slog.NewTextHandler(&log, nil)))
		if got := debug.SetMemoryLimit(-1); got != tt.want || (tt.log == "") != (log.Len() == 0) || !strings.Contains(log.String(), tt.log) {
			t.Errorf("%s: limit %d, want %d; log %q", name, got, tt.want, log.String())
		}
	}
}
