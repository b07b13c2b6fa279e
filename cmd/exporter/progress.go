package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// progressEvery is how often the line on the terminal is written anew.
const progressEvery = 200 * time.Millisecond

// progress shows on a terminal how far check is. It is safe for concurrent use.
type progress struct {
	stop    chan struct{}
	stopped sync.WaitGroup

	mu       sync.Mutex
	read, of int // targets
	calls    int
	outlook  outlook
}

func newProgress() *progress {
	return &progress{stop: make(chan struct{}), outlook: outlook{shares: map[inventory.Key]share{}}}
}

// show writes the progress of reading so many targets to w until end, if w is a
// terminal.
func (p *progress) show(w io.Writer, targets int) {
	p.finished(0, targets)
	file, ok := w.(*os.File)
	if !ok {
		return
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return
	}
	p.stopped.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			_, _ = fmt.Fprintf(w, "\r\033[K%s", p.line(time.Now()))
			select {
			case <-tick.C:
			case <-p.stop:
				_, _ = fmt.Fprint(w, "\r\033[K")
				return
			}
		}
	})
}

// end removes the line.
func (p *progress) end() {
	close(p.stop)
	p.stopped.Wait()
}

// called counts a request.
func (p *progress) called() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
}

// finished takes note of how many targets are read.
func (p *progress) finished(read, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read, p.of = read, of
}

// described takes note of how many of a target's pools are described.
func (p *progress) described(t inventory.Target, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outlook.described(t.Key(), done, total, time.Now())
}

// watched tells the progress when a target is read.
type watched struct {
	collector.Reader
	progress *progress
}

func (w watched) Read(ctx context.Context, t inventory.Target, prev *inventory.Reading) inventory.Reading {
	r := w.Reader.Read(ctx, t, prev)
	w.progress.mu.Lock()
	defer w.progress.mu.Unlock()
	w.progress.outlook.ended(r.Target.Key())
	return r
}

func (p *progress) line(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := fmt.Sprintf("targets read: %d of %d, ", p.read, p.of)
	if done, total := p.outlook.pools(); total > 0 {
		line += fmt.Sprintf("pools: %d of %d, ", done, total)
	}
	line += fmt.Sprintf("calls: %d", p.calls)
	if left := p.outlook.left(now, p.of); left > 0 {
		line += fmt.Sprintf(", about %s left", max(left.Round(time.Second), time.Second))
	}
	return line
}

// outlook tells how long describing pools will take. Targets are read side by
// side, each at its own pace, so that the slowest one decides.
type outlook struct{ shares map[inventory.Key]share }

// share is how far one target is.
type share struct {
	first, last time.Time // of its reports
	before      int       // pools that were described at the first one
	done, total int
}

func (e *outlook) described(target inventory.Key, done, total int, at time.Time) {
	s, ok := e.shares[target]
	if !ok || total != s.total { // The second round of check has a count of its own.
		s = share{first: at, before: done, total: total}
	}
	if done > s.done { // Reports may overtake each other.
		s.done, s.last = done, at
	}
	e.shares[target] = s
}

// ended takes note of a target that is read, also one whose pools could not be listed.
func (e *outlook) ended(target inventory.Key) {
	s := e.shares[target]
	s.done = s.total
	e.shares[target] = s
}

// pools returns how many pools are described, of those that are listed.
func (e *outlook) pools() (done, total int) {
	for _, s := range e.shares {
		done, total = done+s.done, total+s.total
	}
	return done, total
}

// left returns how long describing will still take; 0 while it is not known how
// many pools each of the targets has and at what pace they are described, and
// at the end.
func (e *outlook) left(now time.Time, targets int) time.Duration {
	if len(e.shares) < targets {
		return 0
	}
	var left time.Duration
	for _, s := range e.shares {
		if s.done == s.total {
			continue
		}
		if s.done <= s.before {
			return 0
		}
		// Since the last report, time went by without progress: when that is
		// longer than usual, the pace is slower than it was.
		each := s.last.Sub(s.first) / time.Duration(s.done-s.before)
		if paused := now.Sub(s.last); paused > each {
			each = now.Sub(s.first) / time.Duration(s.done-s.before)
		}
		left = max(left, each*time.Duration(s.total-s.done)-min(now.Sub(s.last), each))
	}
	return left
}
