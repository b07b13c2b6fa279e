// Command bench measures what the exporter costs: memory, processor time,
// scrapes and freshness, against the simulated AWS in a process of its own. It
// prints a table and writes JSON. It judges by the bars of docs/performance.md
// and fails because of them only with -strict; see there for how it measures.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/bench/internal/stand"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	run      *regexp.Regexp
	exporter string
	out      string
	quick    bool
	strict   bool
	list     bool
	limit    time.Duration
	static   string
	listen   string
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	pattern := flags.String("run", "", "regular expression that the names of the rows to measure contain; all of them by default")
	flags.StringVar(&o.exporter, "exporter", "", "an exporter that is built already; by default it is built from this source")
	flags.StringVar(&o.out, "json", "bin/bench.json", "file that the figures are written to; empty for none")
	flags.BoolVar(&o.quick, "quick", false, "a thirtieth of the pools and short intervals: shows that the benchmark works, and judges nothing")
	flags.BoolVar(&o.strict, "strict", false, "fail when a figure misses its bar")
	flags.BoolVar(&o.list, "list", false, "list the rows and exit")
	flags.DurationVar(&o.limit, "limit", 3*time.Hour, "how long everything may take")
	flags.StringVar(&o.static, "static", "", "serve this file in gzip instead, which the benchmark compares scrapes with")
	flags.StringVar(&o.listen, "listen", "127.0.0.1:0", "address for -static")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; see -help", flags.Arg(0))
	}
	var err error
	o.run, err = regexp.Compile(*pattern)
	return o, err
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case o.static != "":
		return serveStatic(ctx, o.static, o.listen)
	}
	var chosen []row
	for _, r := range rows {
		if o.run.MatchString(r.name) {
			chosen = append(chosen, r)
		}
	}
	switch {
	case len(chosen) == 0:
		return fmt.Errorf("no row's name matches %q; -list lists them", o.run)
	case o.list:
		for _, r := range chosen {
			_, _ = fmt.Fprintln(stdout, r.name)
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	return measure(ctx, o, chosen, stdout, stderr)
}

// measure measures the rows one after the other. A row that cannot be measured
// does not keep the others from it.
func measure(ctx context.Context, o options, chosen []row, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // Files that stay behind are harmless.
	say := func(format string, args ...any) {
		_, _ = fmt.Fprintf(stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
	}
	say("building")
	bin, err := stand.Build(ctx, dir, o.exporter)
	if err != nil {
		return err
	}
	l := &lab{dir: dir, bin: bin, quick: o.quick, say: say}
	defer l.clear()
	report := newReport(ctx, o, bin.Exporter)
	var failed []error
	for _, r := range chosen {
		say("%s", r.name)
		start := time.Now()
		figures, err := r.measure(ctx, l)
		if err != nil {
			l.clear() // The next row starts with a new exporter.
			failed = append(failed, fmt.Errorf("%s: %w", r.name, err))
			say("%s could not be measured: %v", r.name, err)
		}
		for _, f := range figures {
			f.Row, f.Seconds = r.name, time.Since(start).Round(time.Second).Seconds()
			f.Verdict = f.verdict(o.quick)
			report.Figures = append(report.Figures, f)
		}
		if ctx.Err() != nil {
			break
		}
	}
	report.print(stdout)
	if err := report.write(o.out); err != nil {
		failed = append(failed, err)
	}
	for _, f := range report.Figures {
		if o.strict && f.Verdict == miss {
			failed = append(failed, fmt.Errorf("%s: %s misses the bar", f.Row, f.What))
		}
	}
	return errors.Join(failed...)
}

// The verdicts.
const (
	aimed    = "aim"
	passed   = "pass"
	miss     = "miss"
	unjudged = "-"
)

// figure is one thing that was measured. Less is better in all of them.
type figure struct {
	Row     string  `json:"row"`
	What    string  `json:"what"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Bar     float64 `json:"bar,omitempty"` // what must be reached; 0 if nothing must
	Aim     float64 `json:"aim,omitempty"` // what is wished for; 0 if nothing more than the bar is
	Verdict string  `json:"verdict"`
	Detail  string  `json:"detail,omitempty"`
	Seconds float64 `json:"seconds"` // how long measuring the row took
}

func (f figure) verdict(quick bool) string {
	switch {
	case quick || f.Bar == 0:
		return unjudged
	case f.Aim != 0 && f.Value <= f.Aim:
		return aimed
	case f.Value <= f.Bar:
		return passed
	default:
		return miss
	}
}

// report is what is written as JSON.
type report struct {
	Time     time.Time `json:"time"`
	Exporter string    `json:"exporter"` // the path of a binary, or the commit it was built from
	Version  string    `json:"version"`
	Go       string    `json:"go"`
	CPUs     int       `json:"cpus"` // of the machine; the exporter uses two
	Platform string    `json:"platform"`
	Quick    bool      `json:"quick"`
	Figures  []figure  `json:"figures"`
}

func newReport(ctx context.Context, o options, binary string) *report {
	r := &report{
		Time: time.Now().UTC().Truncate(time.Second), Exporter: o.exporter, Go: runtime.Version(), CPUs: runtime.NumCPU(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Quick: o.quick, Figures: []figure{},
	}
	// Both are for the reader only: a source without git, or a binary without --version, is measured as well.
	if commit, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil && o.exporter == "" {
		r.Exporter = "commit " + strings.TrimSpace(string(commit))
	}
	if text, err := exec.CommandContext(ctx, binary, "--version").Output(); err == nil {
		r.Version, _, _ = strings.Cut(string(text), "\n")
	}
	return r
}

func (r *report) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "row\twork\tmeasured\tbar\taim\tverdict\tdetail")
	limit := func(n float64) string {
		if n == 0 {
			return "-"
		}
		return "<= " + short(n)
	}
	for _, f := range r.Figures {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Row, f.What, strings.TrimSpace(short(f.Value)+" "+f.Unit), limit(f.Bar), limit(f.Aim), f.Verdict, f.Detail)
	}
	_ = t.Flush() // Standard output that is gone is noticed by its reader.
}

// short writes a number with three significant digits, and no fewer than its whole part has.
func short(n float64) string {
	if n >= 100 || n <= -100 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strconv.FormatFloat(n, 'g', 3, 64)
}

func (r *report) write(path string) error {
	if path == "" {
		return nil
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
