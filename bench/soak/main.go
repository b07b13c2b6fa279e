// Command soak disturbs a running exporter with faults of AWS, reloads and
// changes, lets it recover, and compares every series with a fresh exporter's
// on the same fleet. It fails when one differs, or when goroutines,
// descriptors or memory have grown; see docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/bench/internal/stand"
)

const (
	interval   = 10 * time.Second // the shortest that the exporter takes
	setUpMost  = 5 * time.Minute  // for every target to be read
	looks      = 3                // at the differences, an interval apart; what differs in all of them counts
	watchEvery = 3 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	exporter string
	duration time.Duration
	seed     uint64
	quiet    int
	config   string
	fleet    stand.Fleet
}

func parse(args []string) (options, error) {
	o := options{fleet: stand.Fleet{Regions: 2}}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.StringVar(&o.exporter, "exporter", "", "an exporter that is built already; by default it is built from this source")
	flags.DurationVar(&o.duration, "duration", 10*time.Minute, "how long the exporter is disturbed")
	flags.Uint64Var(&o.seed, "seed", 0, "seed of what happens; 0 takes one from the clock")
	flags.IntVar(&o.quiet, "quiet", 2, "passes over every target between the end of the disturbances and the comparison")
	flags.StringVar(&o.config, "config", "", "further top-level keys of the configuration, as YAML")
	flags.IntVar(&o.fleet.Accounts, "accounts", 30, "accounts, of two regions each; at least 6")
	flags.IntVar(&o.fleet.Pools, "pools", 50, "user pools in each account and region")
	flags.Float64Var(&o.fleet.Active, "active", 0, "share of the pools with traffic")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.fleet.Accounts < 6 || o.fleet.Pools < 1 || flags.NArg() > 0 {
		return o, errors.New("at least 6 accounts, at least 1 pool and no further arguments; see -help")
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano()) // Any number will do.
	}
	return o, nil
}

func say(format string, args ...any) {
	fmt.Printf(time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	say("seed %d, %s of disturbances", o.seed, o.duration)
	ctx, cancel := context.WithTimeout(ctx, o.duration+30*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // Files that stay behind are harmless.
	bin, err := stand.Build(ctx, dir, o.exporter)
	if err != nil {
		return err
	}
	sim, err := stand.StartSim(ctx, dir, bin.Sim, o.fleet, o.seed)
	if err != nil {
		return err
	}
	defer sim.Stop()
	config := stand.Config{
		Accounts: o.fleet.AllAccounts(), Regions: o.fleet.RegionNames(), Interval: interval,
		Extra: "request_timeout: 3s\n" + o.config,
	}
	start := func() (*stand.Exporter, error) {
		e, err := stand.StartExporter(ctx, dir, bin.Exporter, sim, o.fleet, config, "--web.external-url=http://exporter.example") // Links are compared, too.
		if err != nil {
			return nil, err
		}
		if err := passes(ctx, e, o.fleet, o.quiet); err != nil {
			e.Stop()
			return nil, err
		}
		return e, nil
	}
	e, err := start()
	if err != nil {
		return err
	}
	defer e.Stop()
	before, err := usageOf(ctx, e)
	if err != nil {
		return err
	}
	say("before: %s", before)

	c := &chaos{
		random: rand.New(rand.NewPCG(o.seed, 1)), fleet: o.fleet, config: config, sim: sim, exporter: e,
		pools: map[stand.Target][]string{}, say: say,
	}
	err = e.Series(ctx, func(s stand.Series, _ string) {
		t := stand.Target{Account: s.Label("account_id"), Region: s.Label("region")}
		c.pools[t] = append(c.pools[t], s.Label("user_pool_id"))
	}, stand.PoolInfo)
	if err != nil {
		return err
	}
	if len(c.pools) != o.fleet.Targets() {
		return fmt.Errorf("%d targets have pools, not %d", len(c.pools), o.fleet.Targets())
	}
	if err := c.watched(ctx, o.duration); err != nil {
		return err
	}
	say("%d changes of the faults, %d reloads, %d changes of the fleet; now recovering", c.faults, c.reloads, c.changes)
	if err := c.end(ctx); err != nil {
		return err
	}
	if err := passes(ctx, e, o.fleet, o.quiet); err != nil {
		return err
	}
	grown := settle(ctx, e, before)
	fresh, err := start()
	if err != nil {
		return err
	}
	defer fresh.Stop()
	return errors.Join(grown, compare(ctx, e, fresh))
}

// passes waits until every target was read so many times more.
func passes(ctx context.Context, e *stand.Exporter, f stand.Fleet, n int) error {
	ctx, cancel := context.WithTimeout(ctx, setUpMost)
	defer cancel()
	for range n {
		if _, err := e.ReadAll(ctx, f.Targets(), time.Now()); err != nil {
			return err
		}
	}
	return e.Pause(ctx, interval) // What was read last has to be published as well.
}

// watched disturbs the exporter while it is scraped; every scrape has to be good.
func (c *chaos) watched(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for c.exporter.Pause(ctx, watchEvery) == nil {
			if _, err := show(ctx, c.exporter); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("a scrape during the disturbances: %w", err))
			}
		}
	}()
	err := c.run(ctx, d)
	cause := context.Cause(ctx)
	cancel(nil)
	<-ended
	if cause != nil {
		return cause
	}
	return err
}

// compare fails when the two exporters disagree in all of some looks at them.
func compare(ctx context.Context, old, fresh *stand.Exporter) error {
	var left map[string]string
	series := 0
	for look := range looks {
		a, err := show(ctx, old)
		if err != nil {
			return err
		}
		b, err := show(ctx, fresh)
		if err != nil {
			return err
		}
		now := differences(a, b)
		say("%d series in the disturbed exporter, %d in the fresh one, %d differ", len(a), len(b), len(now))
		if look == 0 {
			left = now
		} else {
			left = lasting(left, now)
		}
		if len(left) == 0 {
			return nil
		}
		series = len(b)
		if err := old.Pause(ctx, interval); err != nil {
			return err
		}
	}
	return fmt.Errorf("%d of %d series differ from a fresh exporter's:\n%s", len(left), series, list(left))
}
