package exposition

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// TestCounted scrapes metrics that tell when they change, beside those of each
// request: what is served is always as if all of them were gathered.
func TestCounted(t *testing.T) {
	fs := families(t, Family{Name: "a", Labels: []string{"b"}})
	x := fs.Join(nil, []*Piece{build(t, fs, manySamples(100)...)})
	registry, fresh := prometheus.NewRegistry(), ownRegistry()
	n := prometheus.NewCounter(prometheus.CounterOpts{Name: "counted_total", Help: "Counts."})
	registry.MustRegister(n)
	gathered, changes, failure := 0, uint64(0), error(nil)
	counted := NewCounted(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		gathered++
		all, err := registry.Gather()
		return all, errors.Join(err, failure)
	}), func() uint64 { return changes })
	h := Handler(func() *Exposition { return x }, counted, fresh, nil)
	scrape := func(what, query string, headers ...string) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+query, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		got := answer(t, h, r).body
		want := answer(t, Handler(func() *Exposition { return x }, nil, prometheus.Gatherers{registry, fresh}, nil), r).body
		sorted := func(text string) []string { return slices.Sorted(strings.Lines(text)) }
		if !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("%s: %s\nwant\n%s", what, got, want)
		}
		if strings.HasSuffix(want, "# EOF\n") != strings.HasSuffix(got, "# EOF\n") {
			t.Errorf("%s: the end is %q", what, got[len(got)-20:])
		}
	}
	for i, tt := range []struct {
		what, query string
		headers     []string
		gathered    int // so often, by then
		change      bool
	}{
		{what: "first", gathered: 1},
		{what: "again", gathered: 1},
		{what: "in gzip", headers: []string{"Accept-Encoding", "gzip"}, gathered: 1},
		{what: "in another format", headers: []string{"Accept", openMetricsType}, gathered: 2},
		{what: "again in that format, in gzip", headers: []string{"Accept", openMetricsType, "Accept-Encoding", "gzip"}, gathered: 2},
		{what: "some of them", query: "?name[]=counted_total&name[]=a", gathered: 3},
		{what: "after a change", change: true, gathered: 4},
		{what: "in the other format", headers: []string{"Accept", openMetricsType}, gathered: 5},
		{what: "in the first format again", gathered: 5},
	} {
		if tt.change {
			n.Inc()
			changes++
		}
		if scrape(tt.what, tt.query, tt.headers...); gathered != tt.gathered {
			t.Errorf("%d, %s: gathered %d times, want %d", i, tt.what, gathered, tt.gathered)
		}
	}
	// What is not complete is not kept.
	failure = errors.New("no /proc")
	changes++
	scrape("incomplete", "")
	scrape("incomplete again", "")
	if gathered != 7 {
		t.Errorf("gathered %d times, want 7", gathered)
	}
}

// TestCountedWhileTheyChange has a metric change while it is gathered: the next
// scrape shows it.
func TestCountedWhileTheyChange(t *testing.T) {
	fs := families(t, Family{Name: "a"})
	x := fs.Join(nil, nil)
	n, changes := prometheus.NewGauge(prometheus.GaugeOpts{Name: "own_changes", Help: "Changes."}), uint64(0)
	registry := prometheus.NewRegistry()
	registry.MustRegister(n)
	counted := NewCounted(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		all, err := registry.Gather()
		if changes == 0 {
			n.Set(1)
			changes++
		}
		return all, err
	}), func() uint64 { return changes })
	h := Handler(func() *Exposition { return x }, counted, prometheus.NewRegistry(), func(err error) { t.Error(err) })
	for _, want := range []string{"own_changes 0\n", "own_changes 1\n"} {
		got := answer(t, h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)).body
		if !strings.HasSuffix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestScrapeAllocates counts the allocations of a scrape without the metrics
// that are gathered for each: they do not depend on how much is served.
func TestScrapeAllocates(t *testing.T) {
	fs := families(t, Family{Name: "a", Labels: []string{"b"}})
	x := fs.Join(nil, []*Piece{build(t, fs, manySamples(20_000)...)})
	counted := NewCounted(ownRegistry(), func() uint64 { return 0 })
	h := Handler(func() *Exposition { return x }, counted, prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return nil, nil }), nil)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := &discard{header: http.Header{}}
	if n := testing.AllocsPerRun(100, func() { clear(w.header); h.ServeHTTP(w, r) }); n > 60 {
		t.Errorf("%v allocations", n)
	}
}

// discard is a client that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}
