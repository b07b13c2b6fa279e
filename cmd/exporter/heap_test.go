package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/config"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// BenchmarkEmptyTargets measures the heap of 60 accounts without user pools in
// 17 regions each, by account and region: as targets that are read, and found
// empty.
func BenchmarkEmptyTargets(b *testing.B) {
	const accounts, each = 60, 17
	for _, regions := range []string{config.RegionsAll, config.RegionsAuto} {
		b.Run(regions, func(b *testing.B) {
			for b.Loop() {
				f, err := awssim.Generate(awssim.GenerateOptions{Accounts: accounts, Regions: []string{"eu-west-1"}, Mix: "healthy"})
				if err != nil {
					b.Fatal(err)
				}
				sim, err := awssim.New(awssim.Options{Fleet: f, NoQuotas: true})
				if err != nil {
					b.Fatal(err)
				}
				load := func() (*settings, error) {
					c, err := config.Parse("x", fmt.Appendf(nil, "{regions: %s, interval: 20s, organization: {member_role_name: reader}}", regions))
					return &settings{config: c, rules: &rules.Set{}}, err
				}
				a := newApp(load, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), false)
				a.client, a.endpoint = &simulated{Server: sim}, "http://aws.invalid"
				before := heap()
				ctx, cancel := context.WithCancel(b.Context())
				if err := a.reload(ctx); err != nil {
					b.Fatal(err)
				}
				for {
					time.Sleep(time.Second)
					n := map[string]int{}
					for _, m := range a.collector.Coverage() {
						n[string(m.Coverage)]++
					}
					if n["read"] == accounts {
						break
					}
				}
				b.ReportMetric((heap()-before)/(accounts*each), "heap-B/target")
				cancel()
				a.stop()
				runtime.KeepAlive(sim)
			}
		})
	}
}

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
