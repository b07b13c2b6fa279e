package exposition

import (
	"bytes"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// Counted are metrics of the exporter itself that tell when they change. They
// are rendered and compressed once for each change and format, and not for
// each scrape. Make one with [NewCounted]. It is safe for concurrent use.
type Counted struct {
	gatherer prometheus.Gatherer
	changes  func() uint64

	mu    sync.Mutex // guards what follows
	at    uint64     // the number of changes that known is of
	known map[expfmt.Format]block
}

// NewCounted returns the metrics of the gatherer. changes returns another
// number after every change of them; it must not block.
func NewCounted(g prometheus.Gatherer, changes func() uint64) *Counted {
	return &Counted{gatherer: g, changes: changes, known: map[expfmt.Format]block{}}
}

// block returns the metrics in the format, as render makes them. The receiver
// may be nil: it has none.
func (c *Counted) block(as expfmt.Format, render func(out *bytes.Buffer, g prometheus.Gatherer) (complete bool)) block {
	if c == nil {
		return block{}
	}
	at := c.changes() // Before they are gathered: what changes meanwhile is gathered again.
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at != at {
		clear(c.known)
		c.at = at
	}
	if b, ok := c.known[as]; ok {
		return b
	}
	out := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(out)
	out.Reset()
	complete := render(out, c.gatherer)
	b := deflate(out.Bytes())
	if complete {
		c.known[as] = b
	}
	return b
}
