package exposition

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"sync"
	"unsafe"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Piece holds the finished samples of one owner. It is immutable.
//
// Build refuses duplicate series within a piece. Nothing looks for duplicates
// in different pieces, since that would cost as much as rendering all of them.
// The owners see to it: where two pieces have samples of the same family, these
// differ in the value of a label, for example the ID of the account.
type Piece struct {
	families *Families
	data     []byte // the deflated samples, family by family
	parts    []part // by family
}

// part is the sum of a family's samples. A large installation has a hundred
// thousand parts, so they are small; the text of a piece is limited to 4 GiB.
type part struct {
	end    uint32 // of its deflated form in data
	length uint32 // of its text
	crc    uint32
	shift  uint32
}

func (p *Piece) begin(family int) uint32 {
	if family == 0 {
		return 0
	}
	return p.parts[family-1].end
}

func (p *Piece) deflated(family int) []byte {
	return p.data[p.begin(family):p.parts[family].end]
}

func (p *Piece) sum(family int) sum {
	t := p.parts[family]
	return sum{length: int64(t.length), deflated: int64(t.end - p.begin(family)), crc: t.crc, shift: t.shift}
}

// Emit takes a sample: its value, and the values of its family's labels. It
// does not keep the slice. Bytes of a label value that are not valid UTF-8 are
// replaced by U+FFFD.
type Emit func(value float64, labels ...string)

// Build renders a piece. It calls samples for each family in order; samples
// emits all samples of that family before it returns. The error names the
// first series that no exposition may contain: its number of labels is wrong,
// its value is NaN or, of a counter, negative, or it is a duplicate.
func (fs *Families) Build(samples func(family int, emit Emit)) (*Piece, error) {
	r := renderers.Get().(*renderer)
	d := deflaters.Get().(*deflater)
	d.out.Reset()
	p := &Piece{families: fs, parts: make([]part, len(fs.list))}
	emit := r.emit // Once for all families.
	for i := range fs.list {
		f := &fs.list[i]
		r.begin(f)
		samples(i, emit)
		if err := r.end(); err != nil {
			return nil, fmt.Errorf("metric family %s: %w", f.Name, err)
		}
		if r.text.Len() > 0 {
			d.append(r.text.Bytes())
			s := sumOf(r.text.Bytes())
			p.parts[i] = part{length: uint32(s.length), crc: s.crc, shift: s.shift} //nolint:gosec // An account has less than 4 GiB.
		}
		p.parts[i].end = uint32(d.out.Len()) //nolint:gosec // As above.
	}
	p.data = bytes.Clone(d.out.Bytes())
	renderers.Put(r)
	deflaters.Put(d)
	return p, nil
}

// renderer writes the sample lines of one family after the other. expfmt
// knows the format; it is given one sample at a time and writes into memory,
// which does not fail.
type renderer struct {
	family *family
	dto    *dto.MetricFamily // with one sample, the one that is being rendered
	value  *float64          // of that sample
	values []string          // of its labels, by the labels' names
	line   bytes.Buffer      // the TYPE line, then the sample's
	text   bytes.Buffer      // the family's sample lines
	seen   map[string]struct{}
	err    error // the family's first
}

var renderers = sync.Pool{New: func() any { return &renderer{seen: map[string]struct{}{}} }}

func (r *renderer) begin(f *family) {
	r.family, r.dto, r.err = f, nil, nil
	r.text.Reset()
}

// prepare makes what a sample is put into. Most families of a piece have none.
func (r *renderer) prepare() {
	f := r.family
	r.dto, r.value = f.metricFamily()
	r.values = make([]string, len(f.Labels))
	for i, j := range f.byName {
		r.dto.Metric[0].Label = append(r.dto.Metric[0].Label, &dto.LabelPair{Name: &f.Labels[j], Value: &r.values[i]})
	}
}

func (r *renderer) emit(value float64, labels ...string) {
	if r.err != nil {
		return
	}
	if r.dto == nil {
		r.prepare()
	}
	if len(labels) != len(r.values) {
		r.err = fmt.Errorf("label values %q do not match the labels %q", labels, r.family.Labels)
		return
	}
	for i, j := range r.family.byName {
		r.values[i] = strings.ToValidUTF8(labels[j], "\uFFFD")
	}
	*r.value = value
	r.line.Reset()
	if _, err := expfmt.MetricFamilyToText(&r.line, r.dto); err != nil {
		r.err = err
		return
	}
	line := r.line.Bytes()[bytes.IndexByte(r.line.Bytes(), '\n')+1:]
	if math.IsNaN(value) || r.family.Counter && value < 0 {
		r.err = fmt.Errorf("value %v of %s", value, series(string(line)))
	}
	r.text.Write(line)
}

// end returns what was wrong with the family's samples.
func (r *renderer) end() error {
	if r.err != nil {
		return r.err
	}
	defer clear(r.seen) // Before the text changes, which the names are parts of.
	n := 0
	text := unsafe.String(unsafe.SliceData(r.text.Bytes()), r.text.Len()) //nolint:gosec // It does not change before the deferred clear.
	for line := range strings.Lines(text) {
		name := series(line)
		r.seen[name] = struct{}{}
		if n++; len(r.seen) < n {
			return fmt.Errorf("duplicate series: %s", strings.Clone(name))
		}
	}
	return nil
}

// series returns a sample line without its value.
func series(line string) string { return line[:strings.LastIndexByte(line, ' ')] }
