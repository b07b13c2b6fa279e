package collector

import (
	"math"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
)

// TestProcess compares the metrics of the process with client_golang's, which
// it reads at another moment.
func TestProcess(t *testing.T) {
	gather := func(c prometheus.Collector) map[string]*dto.MetricFamily {
		registry := prometheus.NewRegistry()
		registry.MustRegister(c)
		all, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		byName := map[string]*dto.MetricFamily{}
		for _, f := range all {
			byName[f.GetName()] = f
		}
		return byName
	}
	value := func(f *dto.MetricFamily) float64 {
		return f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
	}
	want := gather(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	got := gather(newProcessCollector())
	for name, tolerance := range map[string]float64{
		"process_cpu_seconds_total": 1, "process_open_fds": 20, "process_max_fds": 0, "process_start_time_seconds": 2,
		"process_virtual_memory_bytes": 1e9, "process_virtual_memory_max_bytes": 0, "process_resident_memory_bytes": 1e8,
	} {
		g, w := got[name], want[name]
		if g == nil || w == nil {
			t.Fatalf("%s: %v, want %v", name, g, w)
		}
		if g.GetHelp() != w.GetHelp() || g.GetType() != w.GetType() {
			t.Errorf("%s: %v, want %v", name, g, w)
		}
		if v := value(g); math.Abs(v-value(w)) > tolerance || v <= 0 {
			t.Errorf("%s is %v, and %v by client_golang", name, v, value(w))
		}
	}
	if len(got) != 7 {
		t.Errorf("%d metrics, want 7: %v", len(got), got)
	}
}
