package collector

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// recorder is a Reader that notes what it is asked to read.
type recorder struct {
	Reader
	mu   sync.Mutex
	seen []inventory.Target
}

func (r *recorder) Read(ctx context.Context, t inventory.Target, prev *inventory.Reading) inventory.Reading {
	r.mu.Lock()
	r.seen = append(r.seen, t)
	r.mu.Unlock()
	return r.Reader.Read(ctx, t, prev)
}

// reads returns what was read that want accepts, in order.
func (r *recorder) reads(want func(inventory.Target) bool) []inventory.Target {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []inventory.Target
	for _, t := range r.seen {
		if want(t) {
			found = append(found, t)
		}
	}
	return found
}

// passReader is a Reader of one function.
type passReader func(context.Context, inventory.Target, *inventory.Reading) inventory.Reading

func (f passReader) Read(ctx context.Context, t inventory.Target, prev *inventory.Reading) inventory.Reading {
	return f(ctx, t, prev)
}

// quiet returns facts that stay the same but for their times, as those of a
// Reader that describes no pool again that has not changed.
func quiet() func(time.Time) inventory.Reading {
	settings := map[string]*inventory.Settings{}
	for _, p := range facts(time.Now()).Pools {
		settings[p.ID] = p.Settings
	}
	return func(now time.Time) inventory.Reading {
		r := facts(now)
		for i := range r.Pools {
			r.Pools[i].Settings = settings[r.Pools[i].ID]
		}
		return r
	}
}

// pieceOf returns what is published of the account.
func pieceOf(c *Collector, account string) piece {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.accounts[account].piece
}

// publications returns when something was published in the next d, to 10 ms.
func publications(c *Collector, d time.Duration) (at []time.Time) {
	last := c.published.Load()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if now := c.published.Load(); now != last {
			last, at = now, append(at, time.Now())
		}
	}
	return at
}

// apply replaces the plan, and waits until it is published.
func apply(t *testing.T, c *Collector, p Plan) {
	t.Helper()
	if err := c.Apply(p); err != nil {
		t.Fatal(err)
	}
	time.Sleep(publishPause + time.Millisecond)
}

// lines returns the sample lines that contain the text.
func lines(exposition, text string) string {
	var found strings.Builder
	for line := range strings.Lines(exposition) {
		if !strings.HasPrefix(line, "#") && strings.Contains(line, text) {
			found.WriteString(line)
		}
	}
	return found.String()
}

// hang is a pass that takes all its time, and ends with nothing.
func hang(ctx context.Context, r *inventory.Reading) {
	<-ctx.Done()
	*r = inventory.Reading{
		Target: r.Target, Start: r.Start, End: time.Now(),
		Outcomes: []inventory.Outcome{{API: inventory.APICognito, Class: inventory.Timeout, Message: "hangs"}},
	}
}
