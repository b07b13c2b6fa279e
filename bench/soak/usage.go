package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/bench/internal/stand"
)

// The tolerances: connections that idle, a pass in progress, and the garbage
// of one more reading are no growth.
const (
	moreGoroutines  = 20
	moreDescriptors = 20
	moreMemory      = 20_000_000 // bytes, beyond a quarter of what it was
	settleMost      = 3 * time.Minute
)

// usage is the least that was in use within an interval.
type usage struct {
	goroutines, descriptors int
	memory                  int64 // resident, in bytes
}

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d MB resident", u.goroutines, u.descriptors, u.memory/1_000_000)
}

// usageOf watches an exporter for an interval.
func usageOf(ctx context.Context, e *stand.Exporter) (usage, error) {
	var least usage
	for start := time.Now(); time.Since(start) < interval; {
		now, err := usageNow(ctx, e)
		if err != nil {
			return least, err
		}
		if least == (usage{}) {
			least = now
		}
		least = usage{min(least.goroutines, now.goroutines), min(least.descriptors, now.descriptors), min(least.memory, now.memory)}
		if err := e.Pause(ctx, time.Second); err != nil {
			return least, err
		}
	}
	return least, nil
}

func usageNow(ctx context.Context, e *stand.Exporter) (usage, error) {
	const goroutines, descriptors = "go_goroutines", "process_open_fds"
	var u usage
	err := e.Series(ctx, func(s stand.Series, _ string) {
		switch s.Name {
		case goroutines:
			u.goroutines = int(s.Float())
		case descriptors:
			u.descriptors = int(s.Float())
		}
	}, goroutines, descriptors)
	if err == nil && (u.goroutines == 0 || u.descriptors == 0) {
		err = fmt.Errorf("the exporter does not serve %s and %s", goroutines, descriptors)
	}
	if err != nil {
		return u, err
	}
	m, err := e.Memory()
	u.memory = m.Resident
	return u, err
}

// grown says what is in use beyond the tolerances.
func (u usage) grown(before usage) error {
	var all []error
	if u.goroutines > before.goroutines+moreGoroutines {
		all = append(all, fmt.Errorf("goroutines have grown from %d to %d", before.goroutines, u.goroutines))
	}
	if u.descriptors > before.descriptors+moreDescriptors {
		all = append(all, fmt.Errorf("descriptors have grown from %d to %d", before.descriptors, u.descriptors))
	}
	if u.memory > before.memory+before.memory/4+moreMemory {
		all = append(all, fmt.Errorf("resident memory has grown from %d to %d MB", before.memory/1_000_000, u.memory/1_000_000))
	}
	return errors.Join(all...)
}

// settle waits until what is in use is as before within the tolerances.
// Connections that idle are closed after a minute and a half, and memory goes
// back to the system little by little.
func settle(ctx context.Context, e *stand.Exporter, before usage) error {
	for start := time.Now(); ; {
		now, err := usageOf(ctx, e)
		if err != nil {
			return err
		}
		say("after: %s", now)
		if err = now.grown(before); err == nil || time.Since(start) > settleMost {
			return err
		}
	}
}
