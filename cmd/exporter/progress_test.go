package main

import (
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestEstimate describes the pools of several targets at their own pace and
// asks, from the first tenth of the time on, how long the rest takes.
func TestOutlook(t *testing.T) {
	type work struct {
		pools  int
		listed time.Duration
		each   func(n int) time.Duration // from pool n to the next one
	}
	key := func(i int) inventory.Key { return inventory.Key{AccountID: string(rune('a' + i))} }
	every := func(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }
	for name, targets := range map[string][]work{
		"one":          {{100, time.Second, every(200 * time.Millisecond)}},
		"even":         {{200, time.Second, every(100 * time.Millisecond)}, {200, time.Second, every(100 * time.Millisecond)}},
		"one is large": {{20, 0, every(200 * time.Millisecond)}, {1000, time.Second, every(200 * time.Millisecond)}, {10, 0, every(200 * time.Millisecond)}},
		"unequal": {
			{150, 0, every(200 * time.Millisecond)},
			{60, 0, every(200 * time.Millisecond)},
			{200, 0, every(200 * time.Millisecond)},
			{90, 0, every(200 * time.Millisecond)},
		},
		"listed late": {{200, 0, every(200 * time.Millisecond)}, {1000, 35 * time.Second, every(200 * time.Millisecond)}},
		"one is slow": {{200, 0, every(10 * time.Millisecond)}, {200, time.Second, every(time.Second)}},
		"throttled": {{300, 0, func(n int) time.Duration { // every third one waits
			if n%3 == 0 {
				return 500 * time.Millisecond
			}
			return 50 * time.Millisecond
		}}},
		"a burst first": {{200, 0, func(n int) time.Duration {
			if n < 5 {
				return time.Millisecond
			}
			return 200 * time.Millisecond
		}}},
	} {
		e, began := outlook{shares: map[inventory.Key]share{}}, time.Unix(0, 0)
		done, next := make([]int, len(targets)), make([]time.Duration, len(targets))
		var whole time.Duration
		for i, w := range targets {
			next[i] = w.listed + w.each(0)
			end := w.listed
			for n := range w.pools {
				end += w.each(n)
			}
			whole = max(whole, end)
		}
		estimates, ticks := 0, 0
		for now := time.Duration(0); now < whole*95/100; now += 10 * time.Millisecond {
			for i, w := range targets {
				if _, ok := e.shares[key(i)]; !ok && now >= w.listed {
					e.described(key(i), 0, w.pools, began.Add(now))
				}
				for done[i] < w.pools && next[i] <= now {
					done[i]++
					e.described(key(i), done[i], w.pools, began.Add(next[i]))
					next[i] += w.each(done[i])
				}
			}
			if now < whole/10 {
				continue
			}
			got, want := e.left(began.Add(now), len(targets)), whole-now
			ticks++
			if got == 0 {
				continue // A target has not been listed, or nothing of it described.
			}
			estimates++
			if got < want/2-time.Second || got > 2*want+time.Second {
				t.Errorf("%s: after %s of %s: %s left", name, now, whole, got)
				break
			}
		}
		if estimates < ticks*9/10 {
			t.Errorf("%s: there is an estimate at %d of %d times", name, estimates, ticks)
		}
	}
}

func TestOutlookKnowsNothingAtFirst(t *testing.T) {
	e, now := outlook{shares: map[inventory.Key]share{}}, time.Unix(0, 0)
	k := inventory.Key{AccountID: "a"}
	if got := e.left(now, 0); got != 0 {
		t.Errorf("without a target: %s", got)
	}
	e.described(k, 1, 100, now)
	if got := e.left(now.Add(time.Second), 1); got != 0 {
		t.Errorf("after one pool: %s", got)
	}
	e.described(k, 3, 100, now.Add(2*time.Second))
	e.described(k, 2, 100, now.Add(2*time.Second)) // It was overtaken.
	if done, total := e.pools(); done != 3 || total != 100 {
		t.Errorf("%d of %d pools", done, total)
	}
	if got := e.left(now.Add(2*time.Second), 1); got != 97*time.Second {
		t.Errorf("at one a second: %s", got)
	}
	if got := e.left(now.Add(22*time.Second), 1); got < 900*time.Second {
		t.Errorf("after a long pause: %s", got)
	}
	if got := e.left(now.Add(2*time.Second), 2); got != 0 {
		t.Errorf("while another target is not listed: %s", got)
	}
	e.ended(inventory.Key{AccountID: "b"}) // Its pools could not be listed.
	if got := e.left(now.Add(2*time.Second), 2); got != 97*time.Second {
		t.Errorf("when it has ended: %s", got)
	}
	e.described(k, 100, 100, now.Add(30*time.Second))
	if got := e.left(now.Add(30*time.Second), 1); got != 0 {
		t.Errorf("at the end: %s", got)
	}
}

func TestProgressLine(t *testing.T) {
	p, target := newProgress(), inventory.Target{AccountID: "a", Region: "b"}
	var b strings.Builder
	p.show(&b, 3)
	if got, want := p.line(time.Now()), "targets read: 0 of 3, calls: 0"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.called()
	p.finished(1, 4)
	p.described(target, 1, 2)
	if got, want := p.line(time.Now()), "targets read: 1 of 4, pools: 1 of 2, calls: 1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.finished(0, 1)
	p.outlook.described(target.Key(), 0, 100, time.Unix(0, 0))
	p.outlook.described(target.Key(), 10, 100, time.Unix(10, 0))
	if got, want := p.line(time.Unix(10, 0)), "targets read: 0 of 1, pools: 10 of 100, calls: 1, about 1m30s left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.end()
	if b.Len() > 0 {
		t.Errorf("%q was written to what is no terminal", b.String())
	}
}
