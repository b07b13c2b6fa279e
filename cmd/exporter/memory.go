package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// limitMemory sets Go's memory limit to a share of what limit returns, so that
// the garbage collector works harder before the kernel ends the process. It
// leaves Go's limit alone if GOMEMLIMIT is set, or limit knows of none.
func limitMemory(share float64, limit memlimit.Provider, logger *slog.Logger) {
	if share == 0 {
		return
	}
	before := debug.SetMemoryLimit(-1)
	set, err := memlimit.Set(memlimit.WithProvider(limit), memlimit.WithRatio(share))
	switch {
	case errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, memlimit.ErrCgroupsNotSupported), errors.Is(err, fs.ErrNotExist):
	case err != nil:
		logger.Warn("Go's memory limit could not be set to a share of the container's; set GOMEMLIMIT", "err", err)
	case set != before:
		logger.Info("Go's memory limit is a share of the container's", "bytes", set)
	}
}
