// Package exposition joins what Prometheus scrapes from finished pieces.
//
// A piece holds the sample lines of one owner, rendered and deflated when they
// change. A scrape sends the pieces of all owners one after another, as they
// are: it costs little more than a static file, and a change costs as much as
// the piece that it is in.
//
// The package knows metric families, labels and samples. It must not know
// what they are about, nor when and why pieces change.
package exposition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Family is a metric without its samples.
type Family struct {
	Name    string // as exposed; that of a counter ends in _total
	Help    string
	Unit    string   // the end of Name before _total, shown in OpenMetrics only; may be empty
	Counter bool     // the others are gauges
	Labels  []string // of each sample, in the order in which [Emit] takes their values
}

// Families is an ordered list of metric families that pieces are built for
// and joined by. It is immutable. Make one with [NewFamilies].
type Families struct {
	list []family
	// taken holds the names of all families in all formats.
	taken map[string]bool
	// key has the names and types. Pieces of lists with the same key can be joined.
	key string
}

type family struct {
	Family
	byName []int          // the positions of the labels in the order of their names
	header [formats]block // the HELP, TYPE and UNIT lines
}

// format is one of the formats in which a header differs. Samples do not:
// gauges and counters are valid OpenMetrics as the text format writes them.
type format int

const (
	text format = iota
	openMetrics
	formats
)

// NewFamilies returns an error for a name, unit or label that one of the
// formats does not allow, and for two families that have the same name in one
// of them.
func NewFamilies(list []Family) (*Families, error) {
	fs := &Families{taken: map[string]bool{}}
	var key strings.Builder
	for _, f := range list {
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("metric family %q: %w", f.Name, err)
		}
		names := exposedNames(f.Name, f.Counter)
		for _, name := range names {
			if fs.taken[name] {
				return nil, fmt.Errorf("metric family %q: another family is named %s", f.Name, name)
			}
		}
		for _, name := range names {
			fs.taken[name] = true
		}
		f.Labels = slices.Clone(f.Labels)
		entry := family{Family: f, byName: make([]int, len(f.Labels))}
		for i := range f.Labels {
			entry.byName[i] = i
		}
		slices.SortFunc(entry.byName, func(a, b int) int { return strings.Compare(f.Labels[a], f.Labels[b]) })
		for i := range formats {
			entry.header[i] = deflate(f.header(i))
		}
		fs.list = append(fs.list, entry)
		fmt.Fprintf(&key, "%s %t\n", f.Name, f.Counter)
	}
	fs.key = key.String()
	return fs, nil
}

func (f *Family) check() error {
	if !model.LegacyValidation.IsValidMetricName(f.Name) {
		return errors.New("the name may contain only letters, digits, _ and :, and must not begin with a digit")
	}
	names := exposedNames(f.Name, f.Counter)
	if f.Counter && len(names) == 1 {
		return errors.New("the name of a counter must end in _total")
	}
	if f.Unit != "" && !strings.HasSuffix(names[len(names)-1], "_"+f.Unit) {
		return fmt.Errorf("the name must end in its unit, _%s", f.Unit)
	}
	for i, l := range f.Labels {
		if !model.LegacyValidation.IsValidLabelName(l) || strings.HasPrefix(l, model.ReservedLabelPrefix) {
			return fmt.Errorf("label %q: a label name may contain only letters, digits and _, and must not begin with a digit or __", l)
		}
		if slices.Contains(f.Labels[:i], l) {
			return fmt.Errorf("duplicate label %q", l)
		}
	}
	return nil
}

// exposedNames returns the name of a family and, if OpenMetrics has another
// one, that: a counter's without the suffix of its samples.
func exposedNames(name string, counter bool) []string {
	if base, ok := strings.CutSuffix(name, "_total"); ok && counter {
		return []string{name, base}
	}
	return []string{name}
}

// has reports whether one of the families has a name of mf.
func (fs *Families) has(mf *dto.MetricFamily) bool {
	return slices.ContainsFunc(exposedNames(mf.GetName(), mf.GetType() == dto.MetricType_COUNTER), func(name string) bool { return fs.taken[name] })
}

// header renders the lines that precede the samples.
func (f *Family) header(as format) []byte {
	mf, _ := f.metricFamily()
	mf.Help = new(strings.ToValidUTF8(f.Help, "\uFFFD"))
	if f.Unit != "" {
		mf.Unit = &f.Unit
	}
	render := expfmt.MetricFamilyToText
	if as == openMetrics {
		render = func(w io.Writer, mf *dto.MetricFamily) (int, error) { return expfmt.MetricFamilyToOpenMetrics(w, mf) }
	}
	var out bytes.Buffer
	_, _ = render(&out, mf) // It has a name and a sample, and a buffer takes everything.
	sample := bytes.LastIndexByte(bytes.TrimSuffix(out.Bytes(), []byte("\n")), '\n') + 1
	return out.Bytes()[:sample]
}

// metricFamily returns the family with one sample without labels, and where
// that sample has its value.
func (f *Family) metricFamily() (*dto.MetricFamily, *float64) {
	value := new(float64)
	mf := &dto.MetricFamily{Name: &f.Name, Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: value}}}}
	if f.Counter {
		mf.Type = dto.MetricType_COUNTER.Enum()
		mf.Metric[0] = &dto.Metric{Counter: &dto.Counter{Value: value}}
	}
	return mf, value
}
