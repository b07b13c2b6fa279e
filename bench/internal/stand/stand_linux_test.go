package stand

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"
)

// These need /proc, in which the kernel of Linux tells the memory and processor time of
// a process.

// A process's own figures are those of the kernel.
func TestProcess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	// The shell computes, then waits for the signal.
	p, err := Start(ctx, t.TempDir(), "/bin/sh", []string{"WORD=word"}, "-c", "echo $WORD $HOME.; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo ready; while :; do sleep 0.1; done")
	if err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(p.Log(), "ready") {
		if err := p.Pause(ctx, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.HasPrefix(p.Log(), "word .\n") {
		t.Errorf("the environment is not only what was given: %q", p.Log())
	}
	cpu, err := p.CPU()
	if err != nil || cpu < 20*time.Millisecond || cpu > time.Minute {
		t.Errorf("CPU = %s, %v; want what 300,000 rounds of a shell take", cpu, err)
	}
	m, err := p.Memory()
	if err != nil || m.Resident < 100<<10 || m.Resident > 100<<20 || m.Peak < m.Resident/2 {
		t.Errorf("Memory = %+v, %v; want a shell's", m, err)
	}
	if err := p.Failed(); err != nil {
		t.Errorf("it has ended: %v", err)
	}
	cancel()
	<-p.Ended()
	if err := p.Failed(); err == nil || !strings.Contains(err.Error(), "ready") {
		t.Errorf("Failed = %v, want an error with the log", err)
	}
	if _, err := p.CPU(); err == nil {
		t.Error("the processor time of a process that has ended is known")
	}
	p.Stop() // It may be called again.
}

// The exporter takes the configuration, and the simulated AWS the fleet.
func TestStand(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	bin, err := Build(ctx, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	f := Fleet{Accounts: 2, Regions: 2, Pools: 2}
	sim, err := StartSim(ctx, dir, bin.Sim, f, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Stop()
	c := Config{Accounts: f.AllAccounts(), Regions: f.RegionNames(), Interval: time.Minute, Extra: "describe_max_age: 2h"}
	e, err := StartExporter(ctx, dir, bin.Exporter, sim, f, c)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	passes, err := e.ReadAll(ctx, f.Targets(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for target, d := range passes {
		if d <= 0 || d > time.Minute {
			t.Errorf("the first pass over %v took %s", target, d)
		}
	}
	pools := map[Target]int{}
	if err := e.Series(ctx, func(s Series, _ string) { pools[Target{s.Label("account_id"), s.Label("region")}]++ }, PoolInfo); err != nil {
		t.Fatal(err)
	}
	want := map[Target]int{}
	for _, account := range f.AllAccounts() {
		for _, region := range f.RegionNames() {
			want[Target{account, region}] = f.Pools
		}
	}
	if !reflect.DeepEqual(pools, want) {
		t.Errorf("pools %v, want %v", pools, want)
	}
	calls, err := sim.Calls(ctx)
	if err != nil {
		t.Fatal(err)
	}
	described := 0
	for _, c := range calls {
		if c.Operation == "DescribeUserPool" {
			described += c.Calls
		}
	}
	if described != f.Size() {
		t.Errorf("%d pools were described, want %d", described, f.Size())
	}
	at := Target{f.Account(1), f.RegionNames()[1]}
	if err := sim.Patch(ctx, Change{at, map[string]any{"identities": []any{map[string]any{"name": "new.example.com"}}}}); err != nil {
		t.Error(err)
	}
	if err := sim.Faults(ctx, Fault{Kind: "unheard of"}); err == nil {
		t.Error("the refusal of a fault is no error")
	}
}
