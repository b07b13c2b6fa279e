package exposition

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// gzipHeader says: deflated; no file name, no time, unknown operating system.
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

const gzipTrailer = 8 // bytes: the CRC-32 of the text and its length

// inflater is used by one request at a time.
type inflater interface {
	io.Reader
	flate.Resetter
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil).(inflater) }}

// Handler serves the current exposition, followed by the exporter's own metrics:
// those of counted, which may be nil, and those of own, which are gathered for
// each request.
//
// It answers as promhttp does: in the text format or OpenMetrics, with or
// without gzip, with all metrics or those in the parameters name[]. It does not
// offer protobuf.
//
// current is called once for each request. It must not block or return nil.
// failed is called when metrics of the exporter itself are missing in an answer;
// it may be nil.
func Handler(current func() *Exposition, counted *Counted, own prometheus.Gatherer, failed func(error)) http.Handler {
	if failed == nil {
		failed = func(error) {}
	}
	return &handler{current, counted, own, failed}
}

type handler struct {
	current func() *Exposition
	counted *Counted
	own     prometheus.Gatherer
	failed  func(error)
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := h.current()
	keep := func(string) bool { return true }
	names := r.URL.Query()["name[]"]
	if len(names) > 0 {
		keep = func(name string) bool { return slices.Contains(names, name) }
	}
	contentType := negotiate(r.Header)
	out := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(out)
	out.Reset()
	s := &stream{x: x, families: x.wanted(keep)}
	if contentType.FormatType() == expfmt.TypeOpenMetrics {
		s.as = openMetrics
	}
	total := x.sum(s.families, s.as)
	var counted block
	if len(names) == 0 {
		counted = h.counted.block(contentType, func(out *bytes.Buffer, g prometheus.Gatherer) bool { return h.render(out, g, x, keep, contentType) })
	} else if h.counted != nil {
		h.render(out, h.counted.gatherer, x, keep, contentType)
	}
	total = total.add(counted.sum)
	h.render(out, h.own, x, keep, contentType)
	own := h.end(out, contentType)

	w.Header().Set("Content-Type", string(contentType))
	w.Header().Add("Vary", "Accept")
	w.Header().Add("Vary", "Accept-Encoding")
	var body io.Reader
	var length int64
	if gzipAccepted(r.Header) {
		w.Header().Set("Content-Encoding", "gzip")
		s.head = gzipHeader
		s.tail = append(s.tail, counted.data)
		s.tail, total = store(s.tail, own, total)
		trailer := binary.LittleEndian.AppendUint32(nil, total.crc)
		s.tail = append(s.tail, binary.LittleEndian.AppendUint32(trailer, uint32(total.length))) //nolint:gosec // Modulo 2^32, as RFC 1952 says.
		body, length = s, int64(len(gzipHeader))+total.deflated+gzipTrailer
	} else {
		s.tail = [][]byte{counted.data}
		published := inflaters.Get().(inflater)
		defer inflaters.Put(published)
		_ = published.Reset(s, nil) // It always succeeds.
		// The deflated stream has no final block, but its length is known.
		body = io.MultiReader(io.LimitReader(published, total.length), bytes.NewReader(own))
		length = total.length + int64(len(own))
	}
	w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	if r.Method != http.MethodHead {
		chunk := chunks.Get().(*[copySize]byte)
		defer chunks.Put(chunk)
		// Without the buffer of ReadFrom, which is made anew for every answer.
		_, _ = io.CopyBuffer(struct{ io.Writer }{w}, body, chunk[:]) // It fails only when the client has gone.
	}
}

const copySize = 128 << 10

// What answers are made in, kept from one to the next.
var (
	buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	chunks  = sync.Pool{New: func() any { return new([copySize]byte) }}
)

// render appends metrics of the exporter itself, and reports whether none is
// missing.
func (h *handler) render(out *bytes.Buffer, from prometheus.Gatherer, x *Exposition, keep func(string) bool, as expfmt.Format) (complete bool) {
	gathered, err := from.Gather()
	if complete = err == nil; !complete {
		h.failed(fmt.Errorf("gathering the exporter's own metrics: %w", err))
	}
	encoder := expfmt.NewEncoder(out, as)
	for _, mf := range gathered {
		if !keep(mf.GetName()) {
			continue
		}
		if x.families.has(mf) {
			complete = false
			h.failed(fmt.Errorf("metric %s of the exporter itself is omitted: a published metric has its name", mf.GetName()))
			continue
		}
		before := out.Len()
		if err := encoder.Encode(mf); err != nil {
			complete = false
			h.failed(fmt.Errorf("rendering metric %s of the exporter itself: %w", mf.GetName(), err))
			out.Truncate(before)
		}
	}
	return complete
}

// end appends the end of the exposition and returns what out holds.
func (h *handler) end(out *bytes.Buffer, as expfmt.Format) []byte {
	_ = expfmt.NewEncoder(out, as).(expfmt.Closer).Close() // It writes into memory.
	return out.Bytes()
}

// negotiate returns the format that the client prefers. None of its escaping
// schemes changes the names of families, which need no escaping.
func negotiate(h http.Header) expfmt.Format {
	return expfmt.NegotiateAccept(h, expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtOpenMetrics_0_0_1, expfmt.FmtText)
}

// gzipAccepted reports whether the client accepts gzip and does not prefer identity.
func gzipAccepted(h http.Header) bool {
	weights := map[string]float64{}
	for accept := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		coding, params, err := mime.ParseMediaType(accept)
		if err != nil {
			continue
		}
		weights[coding] = 1
		if q, ok := params["q"]; ok {
			weights[coding], _ = strconv.ParseFloat(q, 64) // What is not a number counts as 0, not acceptable.
		}
	}
	weight := func(coding string) float64 {
		if w, ok := weights[coding]; ok {
			return w
		}
		return weights["*"]
	}
	return weight("gzip") > 0 && weight("gzip") >= weight("identity")
}
