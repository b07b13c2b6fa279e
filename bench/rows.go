package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/bench/internal/stand"
)

// row is something that can be measured by itself.
type row struct {
	name    string
	measure func(ctx context.Context, l *lab) ([]figure, error)
}

// The estates. Half of their pools send through the built-in sender.
var (
	// pools2k is small enough that only the request budgets make it wait.
	pools2k   = setting{stand.Fleet{Accounts: 10, Regions: 1, Pools: 200}, time.Minute}
	pools3k   = setting{stand.Fleet{Accounts: 50, Regions: 3, Pools: 20}, time.Minute}
	pools30k  = setting{stand.Fleet{Accounts: 50, Regions: 3, Pools: 200}, time.Minute}
	pools100k = setting{stand.Fleet{Accounts: 50, Regions: 3, Pools: 667}, time.Minute}
	// series100k has about 100,000 series and nothing to do but to answer scrapes.
	series100k = setting{stand.Fleet{Accounts: 40, Regions: 1, Pools: 200}, time.Hour}
)

// rows are in an order in which those about one estate follow each other, and
// memory comes before what else is done with it.
var rows = []row{
	{"first-pass", firstPass(pools2k, 1.1)},
	{"first-pass-30k", firstPass(pools30k, 0)},
	{"memory-30k", memory30k},
	{"cpu-30k", cpu("CPU a minute, nothing changes", pools30k, 1.2, 0.6)},
	{"cpu-3k", cpu("CPU a minute, nothing changes", pools3k, 0.5, 0.3)},
	{"freshness", freshness},
	{"check-30k", check30k},
	{"scrape-ratio", scrapeRatio},
	{"memory-100k", memory100k},
	{"scrape-100k", scrape100k},
	{"change-100k", change100k},
	{"page-100k", page100k},
	{"organization", organization},
	{"growth-1000", growth(5)},
	{"growth-10000", growth(50)},
	{"growth-100000", growth(500)},
}

func pools(what string, s setting) string { return fmt.Sprintf("%s, %d pools", what, s.Size()) }

// firstPass compares the slowest first pass with what the budget allows.
func firstPass(s setting, bar float64) func(context.Context, *lab) ([]figure, error) {
	return func(ctx context.Context, l *lab) ([]figure, error) {
		b, err := l.at(ctx, s)
		if err != nil {
			return nil, err
		}
		all := slices.Sorted(maps.Values(b.passes))
		slowest, least := all[len(all)-1], b.firstPass()
		return []figure{{
			What:  fmt.Sprintf("first pass, %d targets of %d pools, budget 15/s, slowest / %s", len(all), b.Pools, least.Round(100*time.Millisecond)),
			Value: slowest.Seconds() / least.Seconds(), Bar: bar,
			Detail: fmt.Sprintf("slowest %.1f s, median %.1f s", slowest.Seconds(), median(all).Seconds()),
		}}, nil
	}
}

// memory is the figure of a steady state's resident memory.
func memory(what string, u *steady, bar, aim float64) figure {
	return figure{
		What: what, Value: float64(u.resident) / megabyte, Unit: "MB", Bar: bar, Aim: aim,
		Detail: fmt.Sprintf("peak since the start %s MB, CPU %s s a minute", short(float64(u.peak)/megabyte), short(u.perMinute.Seconds())),
	}
}

func memory30k(ctx context.Context, l *lab) ([]figure, error) {
	u, err := l.steadyState(ctx, pools30k)
	if err != nil {
		return nil, err
	}
	return []figure{memory(pools("resident memory", l.now.setting), u, 150, 100)}, nil
}

func cpu(what string, s setting, bar, aim float64) func(context.Context, *lab) ([]figure, error) {
	return func(ctx context.Context, l *lab) ([]figure, error) {
		u, err := l.steadyState(ctx, s)
		if err != nil {
			return nil, err
		}
		return []figure{{
			What: pools(what, l.now.setting), Value: u.perMinute.Seconds(), Unit: "s", Bar: bar, Aim: aim,
			Detail: fmt.Sprintf("interval %s, resident memory %s MB", l.now.interval, short(float64(u.resident)/megabyte)),
		}}, nil
	}
}

func memory100k(ctx context.Context, l *lab) ([]figure, error) {
	x, err := l.scrape(ctx, pools100k)
	if err != nil {
		return nil, err
	}
	return []figure{memory(pools("resident memory, 3 scrapers", l.now.setting), x.steady, 450, 300)}, nil
}

func scrape100k(ctx context.Context, l *lab) ([]figure, error) {
	x, err := l.scrape(ctx, pools100k)
	if err != nil {
		return nil, err
	}
	return []figure{{
		What:  fmt.Sprintf("gzip scrape, %d series, 3 at once, slowest", x.series),
		Value: x.took[len(x.took)-1].Seconds(), Unit: "s", Bar: 0.5, Aim: 0.1,
		Detail: fmt.Sprintf("median %s s of %d, %s MB each", short(median(x.took).Seconds()), len(x.took), short(float64(x.bytes)/megabyte)),
	}}, nil
}

// changeFigure is the figure of what changes cost.
func changeFigure(s setting, c *changed, bar, aim float64) figure {
	return figure{
		What: pools("one pool changes, CPU from reading to visible", s), Value: median(c.cpu).Seconds(), Unit: "s", Bar: bar, Aim: aim,
		Detail: fmt.Sprintf("median of %d, %s to %s s; %s s with the steady state; visible after %s s", len(c.cpu), short(c.cpu[0].Seconds()),
			short(c.cpu[len(c.cpu)-1].Seconds()), short(median(c.gross).Seconds()), short(median(c.visible).Seconds())),
	}
}

func change100k(ctx context.Context, l *lab) ([]figure, error) {
	c, err := l.change(ctx, pools100k)
	if err != nil {
		return nil, err
	}
	return []figure{changeFigure(l.now.setting, c, 0.1, 0.05)}, nil
}

func page100k(ctx context.Context, l *lab) ([]figure, error) {
	c, err := l.change(ctx, pools100k)
	if err != nil {
		return nil, err
	}
	allocated := "what it allocates is lost in what is allocated beside it"
	if bytes := median(c.allocated); bytes > 0 {
		allocated = short(bytes/megabyte) + " MB allocated"
	}
	return []figure{{
		What: pools("first view of the page after a publish", l.now.setting), Value: float64(median(c.page).Microseconds()) / 1000, Unit: "ms", Bar: 30,
		Detail: fmt.Sprintf("median of %d, slowest %d ms; %s", len(c.page), c.page[len(c.page)-1].Milliseconds(), allocated),
	}}, nil
}

// growth measures an estate of so many accounts with one region of 200 pools.
func growth(accounts int) func(context.Context, *lab) ([]figure, error) {
	s := setting{stand.Fleet{Accounts: accounts, Regions: 1, Pools: 200}, time.Minute}
	return func(ctx context.Context, l *lab) ([]figure, error) {
		u, err := l.steadyState(ctx, s)
		if err != nil {
			return nil, err
		}
		here := l.now.setting
		figures := []figure{
			memory(pools("resident memory", here), u, 0, 0),
			{What: pools("CPU a minute, nothing changes", here), Value: u.perMinute.Seconds(), Unit: "s"},
		}
		c, err := l.change(ctx, s)
		if err != nil {
			return figures, err
		}
		return append(figures, changeFigure(here, c, 0, 0)), nil
	}
}

// freshness compares how old the facts of all accounts but one get, without
// and with that one's calls never being answered.
func freshness(ctx context.Context, l *lab) ([]figure, error) {
	b, err := l.steadyAt(ctx, pools3k)
	if err != nil {
		return nil, err
	}
	hanging := b.Account(b.Accounts / 2)
	l.say("  watching the age of facts, then with account %s hanging", hanging)
	without, err := b.oldest(ctx, hanging)
	if err != nil {
		return nil, err
	}
	if err := b.sim.Faults(ctx, stand.Fault{Kind: "timeout", Account: hanging}); err != nil {
		return nil, err
	}
	if err := b.exporter.Pause(ctx, b.interval); err != nil {
		return nil, err
	}
	with, err := b.oldest(ctx, hanging)
	if err != nil {
		return nil, err
	}
	return []figure{{
		What: fmt.Sprintf("facts of %d other accounts beside one that hangs, oldest / without", b.Accounts-1), Value: with.Seconds() / without.Seconds(), Bar: 1.1,
		Detail: fmt.Sprintf("%s s with, %s s without, interval %s", short(with.Seconds()), short(without.Seconds()), b.interval),
	}}, b.sim.Faults(ctx)
}

// oldest returns the largest age that a target's last success reaches in three
// intervals, in all accounts but one.
func (b *subject) oldest(ctx context.Context, but string) (time.Duration, error) {
	var oldest time.Duration
	for start := time.Now(); time.Since(start) < 3*b.interval; {
		newest := map[stand.Target]float64{}
		err := b.exporter.Series(ctx, func(s stand.Series, _ string) {
			if t := (stand.Target{Account: s.Label("account_id"), Region: s.Label("region")}); t.Account != but {
				newest[t] = max(newest[t], s.Float())
			}
		}, stand.LastSuccess)
		if err != nil {
			return 0, err
		}
		if want := b.Targets() - b.Regions; len(newest) != want {
			return 0, fmt.Errorf("%d targets have a last success, not %d", len(newest), want)
		}
		for _, at := range newest {
			oldest = max(oldest, time.Since(time.UnixMilli(int64(at*1000))))
		}
		if err := b.exporter.Pause(ctx, time.Second); err != nil {
			return 0, err
		}
	}
	return oldest, nil
}

// check30k runs the command check.
func check30k(ctx context.Context, l *lab) ([]figure, error) {
	l.clear() // Another exporter would slow it down.
	s := l.scale(pools30k)
	sim, err := stand.StartSim(ctx, l.dir, l.bin.Sim, s.Fleet, seed)
	if err != nil {
		return nil, err
	}
	defer sim.Stop()
	file := filepath.Join(l.dir, "check.yaml")
	if err := (stand.Config{Accounts: s.AllAccounts(), Regions: s.RegionNames(), Interval: s.interval}).Write(file, s.Fleet); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, setUpMost)
	defer cancel()
	start := time.Now()
	p, err := stand.Start(ctx, l.dir, l.bin.Exporter, stand.Environment(sim), "--config.file="+file, "check", "--output=csv")
	if err != nil {
		return nil, err
	}
	select {
	case <-p.Ended():
	case <-ctx.Done():
		p.Stop()
		return nil, ctx.Err()
	}
	took := time.Since(start)
	// The fleet has findings, so that 1 is what a complete reading ends with.
	if code := p.ExitCode(); code != 1 {
		return nil, fmt.Errorf("check ended with exit code %d, not 1\n%s", code, p.Log())
	}
	least := s.firstPass()
	return []figure{{
		What: fmt.Sprintf("check, %d pools, budget 15/s, / %s", s.Size(), least.Round(100*time.Millisecond)), Value: took.Seconds() / least.Seconds(), Bar: 1.4, Aim: 1.2,
		Detail: fmt.Sprintf("%.1f s, %d targets", took.Seconds(), s.Targets()),
	}}, nil
}

// scrapeRatio compares the processor time of a scrape with that of the same
// bytes from a file server, in turns.
func scrapeRatio(ctx context.Context, l *lab) ([]figure, error) {
	b, err := l.at(ctx, series100k)
	if err != nil {
		return nil, err
	}
	series := 0
	if err := b.exporter.Series(ctx, func(stand.Series, string) { series++ }); err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(l.dir, "scrape.gz"))
	if err != nil {
		return nil, err
	}
	size, err := b.exporter.Get(ctx, stand.Metrics(), file)
	if err := file.Close(); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	static, address, err := l.startStatic(ctx, file.Name())
	if err != nil {
		return nil, err
	}
	defer static.Stop()
	client := stand.NewClient()
	var own, other cost
	l.say("  scraping %d series in turns with the file server", series)
	for range 3 {
		err := own.of(b.exporter.Process, func() error {
			_, err := b.exporter.Get(ctx, stand.Metrics(), io.Discard)
			return err
		})
		if err != nil {
			return nil, err
		}
		err = other.of(static, func() error {
			_, err := stand.Get(ctx, client, address, io.Discard)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return []figure{{
		What:  fmt.Sprintf("gzip scrape, %d series, CPU / the same bytes from net/http", series),
		Value: own.each() / other.each(), Bar: 4, Aim: 2,
		Detail: fmt.Sprintf("%s ms against %s ms, %s MB; %d and %d scrapes", short(own.each()*1000), short(other.each()*1000), short(float64(size)/megabyte), own.n, other.n),
	}}, nil
}

// startStatic starts this program as a file server and returns its URL.
func (l *lab) startStatic(ctx context.Context, file string) (*stand.Process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	address, err := stand.FreeAddress(ctx)
	if err != nil {
		return nil, "", err
	}
	p, err := stand.Start(ctx, l.dir, self, []string{"GOMAXPROCS=2"}, "-static="+file, "-listen="+address)
	if err != nil {
		return nil, "", err
	}
	for {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return p, "http://" + address, conn.Close()
		}
		if err := p.Pause(ctx, lookEvery); err != nil {
			p.Stop()
			return nil, "", err
		}
	}
}

// cost is the processor time of a process that did something n times.
type cost struct {
	cpu time.Duration
	n   int
}

// each returns seconds of processor time.
func (c cost) each() float64 { return c.cpu.Seconds() / float64(c.n) }

// of does something until it has cost enough to be measured in units of 10 ms,
// or for ten seconds.
func (c *cost) of(p *stand.Process, do func() error) error {
	const enough, most = time.Second, 10 * time.Second
	start := time.Now()
	before, err := p.CPU()
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		if err := do(); err != nil {
			return err
		}
		now, err := p.CPU()
		if err != nil {
			return err
		}
		if now-before >= enough || time.Since(start) >= most {
			c.cpu, c.n = c.cpu+now-before, c.n+n
			return nil
		}
	}
}
