package exposition

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const openMetricsType = "application/openmetrics-text; version=1.0.0"

// response is an answer whose body is decoded.
type response struct {
	header http.Header
	status int
	body   string
}

// get scrapes with the headers; own may be nil.
func get(t testing.TB, x *Exposition, own prometheus.Gatherer, headers []string, names ...string) response {
	t.Helper()
	if own == nil {
		own = prometheus.NewRegistry()
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	query := r.URL.Query()
	for _, name := range names {
		query.Add("name[]", name)
	}
	r.URL.RawQuery = query.Encode()
	return answer(t, Handler(func() *Exposition { return x }, nil, own, func(err error) { t.Error(err) }), r)
}

func answer(t testing.TB, h http.Handler, r *http.Request) response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if got, want := w.Header().Get("Content-Length"), strconv.Itoa(w.Body.Len()); r.Method != http.MethodHead && got != want {
		t.Errorf("Content-Length is %s, and %s bytes come", got, want)
	}
	body := w.Body.Bytes()
	if w.Header().Get("Content-Encoding") == "gzip" && r.Method != http.MethodHead {
		body = gunzip(t, body)
	}
	return response{w.Header(), w.Code, string(body)}
}

// gunzip reads exactly one member, as the strictest clients do.
func gunzip(t testing.TB, data []byte) []byte {
	t.Helper()
	source := bufio.NewReader(bytes.NewReader(data))
	z, err := gzip.NewReader(source)
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	out, err := io.ReadAll(z) // It compares the CRC and the length.
	if err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(source); len(rest) > 0 {
		t.Fatalf("%d bytes after the gzip member", len(rest))
	}
	return out
}

func parse(text string) (map[string]*dto.MetricFamily, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return parser.TextToMetricFamilies(strings.NewReader(text))
}

// ownRegistry is that of an exporter.
func ownRegistry() *prometheus.Registry {
	own := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "own_requests_total", Help: `Requests, "all".`}, []string{"class"})
	duration := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "own_duration_seconds", Help: "Durations.", Buckets: []float64{1, 2.5}})
	own.MustRegister(requests, duration)
	requests.WithLabelValues("ok").Add(5)
	duration.Observe(2)
	return own
}

func TestGolden(t *testing.T) {
	fs := families(t, demo...)
	x := fs.Join(nil, demoPieces(t, fs))
	server := httptest.NewServer(Handler(func() *Exposition { return x }, nil, ownRegistry(), func(err error) { t.Error(err) }))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	for _, tt := range []struct{ accept, encoding, file, contentType string }{
		{"text/plain", "identity", "text.prom", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"},
		{"text/plain", "gzip", "text.prom", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"},
		{openMetricsType, "identity", "openmetrics.prom", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"},
		{openMetricsType, "gzip", "openmetrics.prom", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"},
	} {
		t.Run(tt.file+" "+tt.encoding, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
				request, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Accept", tt.accept)
				request.Header.Set("Accept-Encoding", tt.encoding)
				answer, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(answer.Body)
				_ = answer.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				if got := answer.Header.Get("Content-Type"); got != tt.contentType {
					t.Errorf("Content-Type is %q, want %q", got, tt.contentType)
				}
				if got, want := answer.Header.Get("Content-Encoding"), strings.TrimPrefix(tt.encoding, "identity"); got != want {
					t.Errorf("Content-Encoding is %q, want %q", got, want)
				}
				if got := answer.Header.Values("Vary"); !slices.Equal(got, []string{"Accept", "Accept-Encoding"}) {
					t.Errorf("Vary is %q", got)
				}
				if answer.ContentLength <= 0 || answer.StatusCode != http.StatusOK {
					t.Errorf("Content-Length is %d, status %d", answer.ContentLength, answer.StatusCode)
				}
				if method == http.MethodHead {
					if len(body) > 0 {
						t.Errorf("HEAD is answered with %q", body)
					}
					continue
				}
				if tt.encoding == "gzip" {
					body = gunzip(t, body)
				}
				golden(t, tt.file, string(body))
			}
		})
	}
}

func TestEmpty(t *testing.T) {
	for _, encoding := range []string{"gzip", "identity"} {
		x := families(t, demo...).Join(nil, nil)
		if got := get(t, x, nil, []string{"Accept-Encoding", encoding}).body; got != "" {
			t.Errorf("%q, want nothing", got)
		}
		if got := get(t, x, nil, []string{"Accept-Encoding", encoding, "Accept", openMetricsType}).body; got != "# EOF\n" {
			t.Errorf("%q, want only the end", got)
		}
	}
}

func TestNames(t *testing.T) {
	fs := families(t, demo...)
	x := fs.Join(nil, demoPieces(t, fs))
	for _, tt := range []struct{ names, want []string }{
		{[]string{"demo_pools"}, []string{"demo_pools"}},
		{[]string{"demo_pools", "demo_failures_total", "own_requests_total", "unknown"}, []string{"demo_failures_total", "demo_pools", "own_requests_total"}},
		{[]string{"own_duration_seconds"}, []string{"own_duration_seconds"}},
		{[]string{"demo_failures"}, nil},
		{[]string{""}, nil},
	} {
		for _, encoding := range []string{"gzip", "identity"} {
			var got []string
			for line := range strings.Lines(get(t, x, ownRegistry(), []string{"Accept-Encoding", encoding}, tt.names...).body) {
				if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
					got = append(got, strings.Fields(name)[0])
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q: %q, want %q", tt.names, got, tt.want)
			}
		}
	}
}

func TestNegotiation(t *testing.T) {
	x := families(t, demo...).Join(nil, nil)
	const text, om = "text/plain; version=0.0.4; charset=utf-8; escaping=", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping="
	for _, tt := range []struct{ accept, want string }{
		{"", text + "underscores"},
		{"*/*", text + "underscores"},
		{"text/html, application/xhtml+xml", text + "underscores"},
		{"application/json", text + "underscores"},
		{"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", om + "underscores"},
		{"application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.5", text + "underscores"},
		{"application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.75", "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping=underscores"},
		// Prometheus 3, also with native histograms: protobuf is not offered.
		{"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", om + "allow-utf-8"},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.1", om + "allow-utf-8"},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", text + "underscores"},
	} {
		if got := get(t, x, nil, []string{"Accept", tt.accept}).header.Get("Content-Type"); got != tt.want {
			t.Errorf("%q gets %q, want %q", tt.accept, got, tt.want)
		}
	}
	for _, tt := range []struct {
		accept []string
		want   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"gzip"}, true},
		{[]string{"GZip;Q=0.5"}, true},
		{[]string{"deflate, gzip, br"}, true},
		{[]string{"deflate", "br, gzip;q=0.1"}, true},
		{[]string{"deflate, br"}, false},
		{[]string{"*"}, true},
		{[]string{"*;q=0"}, false},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip; q=0.000, *"}, false},
		{[]string{"identity, gzip"}, true},
		{[]string{"identity;q=0.5, gzip;q=0.4"}, false},
		{[]string{"identity;q=0.4, gzip ; q=0.5"}, true},
		{[]string{"identity, *;q=0"}, false},
		{[]string{"gzip;q=x"}, false},
		{[]string{"gzip;;q, br"}, false},
		{[]string{"identity;q=0"}, false},
	} {
		headers := []string{}
		for _, a := range tt.accept {
			headers = append(headers, "Accept-Encoding", a)
		}
		if got := get(t, x, nil, headers).header.Get("Content-Encoding") == "gzip"; got != tt.want {
			t.Errorf("%q gets gzip: %t", tt.accept, got)
		}
	}
}

// TestOwn has a gatherer that fails, a metric that is broken and some whose
// names the exposition has.
func TestOwn(t *testing.T) {
	fs := families(t, demo...)
	x := fs.Join(nil, demoPieces(t, fs))
	gauge := func(name string) *dto.MetricFamily {
		return &dto.MetricFamily{Name: &name, Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: new(1.0)}}}}
	}
	// OpenMetrics names a counter without its suffix.
	counter := &dto.MetricFamily{Name: new("demo_pools_total"), Type: dto.MetricType_COUNTER.Enum(), Metric: []*dto.Metric{{Counter: &dto.Counter{Value: new(1.0)}}}}
	broken := gauge("own_broken")
	broken.Metric[0].Gauge = nil
	var failures []string
	h := Handler(func() *Exposition { return x }, nil, prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		return []*dto.MetricFamily{gauge("demo_pools"), gauge("demo_failures"), counter, broken, gauge("demo_nobody_total")}, errors.New("no /proc")
	}), func(err error) { failures = append(failures, err.Error()) })
	got := answer(t, h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)).body
	if want := get(t, x, nil, nil).body + "# TYPE demo_nobody_total gauge\ndemo_nobody_total 1\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	want := []string{
		"gathering the exporter's own metrics: no /proc",
		"metric demo_pools of the exporter itself is omitted: a published metric has its name",
		"metric demo_failures of the exporter itself is omitted: a published metric has its name",
		"metric demo_pools_total of the exporter itself is omitted: a published metric has its name",
		"rendering metric own_broken of the exporter itself: expected gauge in metric own_broken ",
	}
	if !slices.Equal(failures, want) {
		t.Errorf("%q, want %q", failures, want)
	}
	// Nobody has to listen, and a metric that is not asked for does not fail.
	failures = nil
	answer(t, h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?name[]=demo_nobody_total", nil))
	if !slices.Equal(failures, want[:1]) {
		t.Errorf("%q, want %q", failures, want[:1])
	}
	h.(*handler).failed = Handler(nil, nil, nil, nil).(*handler).failed
	answer(t, h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
}

// gone is a client that leaves after some bytes.
type gone struct {
	*httptest.ResponseRecorder
	left int
}

func (g *gone) Write(p []byte) (int, error) {
	if g.left -= len(p); g.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return g.ResponseRecorder.Write(p)
}

func TestClientGone(t *testing.T) {
	fs := families(t, Family{Name: "a", Labels: []string{"b"}})
	x := fs.Join(nil, []*Piece{build(t, fs, manySamples(10_000)...)})
	want := get(t, x, nil, nil).body
	for _, encoding := range []string{"gzip", "identity"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", encoding)
		w := &gone{httptest.NewRecorder(), 100}
		Handler(func() *Exposition { return x }, nil, prometheus.NewRegistry(), nil).ServeHTTP(w, r)
		if w.Body.Len() > 100 {
			t.Errorf("%d bytes reached a client that left after 100", w.Body.Len())
		}
		// What it left behind in the pools changes no other answer.
		if got := get(t, x, nil, []string{"Accept-Encoding", encoding}).body; got != want {
			t.Errorf("%s: the next answer is wrong", encoding)
		}
	}
}

func manySamples(n int) []sample {
	var all []sample
	for i := range n {
		all = append(all, sample{0, float64(i), []string{strconv.Itoa(i)}})
	}
	return all
}

// TestConcurrent scrapes while pieces are built and joined: each answer is
// one exposition, whole.
func TestConcurrent(t *testing.T) {
	fs := families(t, Family{Name: "a", Labels: []string{"owner"}}, Family{Name: "b", Labels: []string{"owner"}})
	var current atomic.Pointer[Exposition]
	publish := func(version int) {
		pieces := make([]*Piece, 2*chunkSize)
		for i := range pieces {
			id := []string{strconv.Itoa(i)}
			pieces[i] = build(t, fs, sample{0, float64(version), id}, sample{1, float64(version), id})
		}
		current.Store(fs.Join(current.Load(), pieces))
	}
	publish(0)
	h := Handler(current.Load, nil, ownRegistry(), nil)
	done := make(chan struct{})
	for i := range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?name[]=a&name[]=b", nil)
			r.Header.Set("Accept-Encoding", []string{"gzip", "identity"}[i%2])
			for range 20 {
				values := map[string]bool{}
				n := 0
				for line := range strings.Lines(answer(t, h, r).body) {
					if !strings.HasPrefix(line, "#") {
						n++
						values[strings.Fields(line)[1]] = true
					}
				}
				if n != 4*chunkSize || len(values) != 1 {
					t.Errorf("%d samples of %d versions in one answer", n, len(values))
				}
			}
		}()
	}
	for version := range 10 {
		publish(version)
	}
	for range 4 {
		<-done
	}
}
