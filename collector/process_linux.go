package collector

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// process is what every exporter tells of its process. The collector of
// client_golang reads five files for it in each scrape, two of which are about
// the whole machine: that is half of what a scrape costs beside the bytes that
// it sends.
type process struct {
	cpu, openFDs, maxFDs, virtual, virtualMax, resident, start *prometheus.Desc

	started float64
}

func newProcessCollector() prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc("process_"+name, help, nil, nil) }
	return &process{
		cpu:        desc("cpu_seconds_total", "Total user and system CPU time spent in seconds."),
		openFDs:    desc("open_fds", "Number of open file descriptors."),
		maxFDs:     desc("max_fds", "Maximum number of open file descriptors."),
		virtual:    desc("virtual_memory_bytes", "Virtual memory size in bytes."),
		virtualMax: desc("virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes."),
		resident:   desc("resident_memory_bytes", "Resident memory size in bytes."),
		start:      desc("start_time_seconds", "Start time of the process since unix epoch in seconds."),
		started:    started(),
	}
}

// Describe implements [prometheus.Collector].
func (p *process) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(p, to) }

// Collect implements [prometheus.Collector]. What cannot be read is absent.
func (p *process) Collect(to chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, t prometheus.ValueType, value float64) {
		to <- prometheus.MustNewConstMetric(d, t, value)
	}
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) == nil {
		send(p.cpu, prometheus.CounterValue, time.Duration(use.Utime.Nano()+use.Stime.Nano()).Seconds())
	}
	if n, ok := openFiles(); ok {
		send(p.openFDs, prometheus.GaugeValue, float64(n))
	}
	for resource, d := range map[int]*prometheus.Desc{syscall.RLIMIT_NOFILE: p.maxFDs, syscall.RLIMIT_AS: p.virtualMax} {
		var limit syscall.Rlimit
		if syscall.Getrlimit(resource, &limit) == nil {
			send(d, prometheus.GaugeValue, float64(limit.Cur))
		}
	}
	if pages := numbers("/proc/self/statm"); len(pages) > 1 {
		send(p.virtual, prometheus.GaugeValue, pages[0]*float64(os.Getpagesize()))
		send(p.resident, prometheus.GaugeValue, pages[1]*float64(os.Getpagesize()))
	}
	if p.started > 0 {
		send(p.start, prometheus.GaugeValue, p.started)
	}
}

// openFiles counts the open file descriptors.
func openFiles() (n int, ok bool) {
	const path = "/proc/self/fd"
	if dir, err := os.Stat(path); err == nil && dir.Size() > 0 { // Since Linux 6.2.
		return int(dir.Size()), true
	}
	open, err := os.ReadDir(path)
	return len(open) - 1, err == nil // One of them reads the directory.
}

// started returns when the process started, as Unix time; 0 when unknown.
func started() float64 {
	const ticks = 100 // a second, on all platforms that Go knows
	stat, err := os.ReadFile("/proc/self/stat")
	uptime := numbers("/proc/uptime")
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // The program's name may have spaces.
	if err != nil || len(uptime) == 0 || len(fields) < 20 {
		return 0
	}
	since, err := strconv.ParseFloat(string(fields[19]), 64)
	if err != nil {
		return 0
	}
	boot := float64(time.Now().UnixMilli())/1000 - uptime[0]
	return boot + since/ticks
}

// numbers returns the numbers that a file begins with.
func numbers(path string) (all []float64) {
	text, _ := os.ReadFile(path)
	for field := range bytes.FieldsSeq(text) {
		n, err := strconv.ParseFloat(string(field), 64)
		if err != nil {
			break
		}
		all = append(all, n)
	}
	return all
}
