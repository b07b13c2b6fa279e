package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/config"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/estimate"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
)

// estimateVersion is raised when the JSON changes in a way that could break a consumer.
const estimateVersion = 1

// countedAtOnce is in how many targets pools are counted at the same time.
const countedAtOnce = 16

// estimateFlags are those of the command estimate.
type estimateFlags struct {
	output          string
	accounts        int // 0: they are found
	regions, pools  int
	active          part
	units           int
	builtIn, signUp part
	clients         int
	mfa             part
	identities      int
	latency         time.Duration
}

// part is a share of a whole that is written as 5% or 0.05.
type part float64

// String implements [kingpin.Value].
func (s *part) String() string { return strconv.FormatFloat(100*float64(*s), 'g', -1, 64) + "%" }

// Set implements [kingpin.Value].
func (s *part) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if percent {
		n /= 100
	}
	if err != nil || !(n >= 0 && n <= 1) {
		return fmt.Errorf("%q is not a share such as 5%% or 0.05", text)
	}
	*s = part(n)
	return nil
}

// add adds the command and its flags.
func (e *estimateFlags) add(app *kingpin.Application) {
	c := app.Command("estimate", "Say what reading will cost: targets, calls, time, money and memory, and what each comes from. With --accounts nothing is asked of AWS; without it, "+
		"accounts, regions and the number of user pools are found. Exit code 0: estimated; 2: something could not be found, and is missing in the figures; 3: wrong flags or configuration.")
	c.Flag("output", "Format: table or json.").Short('o').Default("table").EnumVar(&e.output, "table", "json")
	c.Flag("accounts", "Number of accounts, to ask nothing of AWS.").IntVar(&e.accounts)
	c.Flag("regions", "With --accounts: regions that are enabled in each account.").Default("1").IntVar(&e.regions)
	c.Flag("pools", "With --accounts: user pools in each account and region that has any.").Default("1").IntVar(&e.pools)
	e.active = 1
	c.Flag("active", "With --accounts: share of the accounts × regions that have user pools.").Default("100%").SetValue(&e.active)
	c.Flag("units", "With --accounts: organizational units of the organization, with its root.").Default("1").IntVar(&e.units)
	c.Flag("built-in", "Share of the user pools on the built-in sender.").Default("50%").SetValue(&e.builtIn)
	c.Flag("sign-ups", "Of these, share that has had sign-ups in the last three hours.").Default("10%").SetValue(&e.signUp)
	c.Flag("clients", "App clients with sign-ups of each of these pools.").Default("1").IntVar(&e.clients)
	c.Flag("mfa", "Share of the user pools with MFA.").Default("10%").SetValue(&e.mfa)
	c.Flag("identities", "SES identities in use in each account and region with user pools that are not on the built-in sender.").Default("1").IntVar(&e.identities)
	c.Flag("latency", "How long AWS takes for a call.").Default("50ms").DurationVar(&e.latency)
}

// check returns what is wrong with the flags.
func (e *estimateFlags) check() error {
	for _, n := range []struct {
		flag        string
		value, most int
	}{
		{"accounts", e.accounts, 1_000_000},
		{"regions", e.regions, 100},
		{"pools", e.pools, 1_000_000},
		{"units", e.units, 1_000_000},
		{"clients", e.clients, 1_000_000},
		{"identities", e.identities, 1_000_000},
	} {
		if n.value < 0 || n.value > n.most {
			return fmt.Errorf("--%s must be 0 to %d, not %d", n.flag, n.most, n.value)
		}
	}
	if e.latency < 0 || e.latency > time.Minute {
		return fmt.Errorf("--latency must be 0s to 1m, not %s", e.latency)
	}
	return nil
}

func (e *estimateFlags) mix() estimate.Mix {
	return estimate.Mix{
		BuiltIn: float64(e.builtIn), SignUps: float64(e.signUp), Clients: float64(max(1, e.clients)), MFA: float64(e.mfa), Identities: float64(e.identities),
	}
}

// runEstimate prints an estimate and returns the exit code.
func runEstimate(ctx context.Context, f *flags, load func() (*settings, error), logger *slog.Logger, stdout, stderr io.Writer) int {
	fail := func(code int, err error) int {
		_, _ = fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return code
	}
	if err := f.estimate.check(); err != nil {
		return fail(exitUsage, err)
	}
	s, err := load()
	if err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return exitUsage
	}
	in := estimateInput(s.config)
	in.Latency = f.estimate.latency
	code := exitOK
	if f.estimate.accounts > 0 {
		assumed(&in, s.config, &f.estimate)
	} else {
		a := newApp(load, logger, prometheus.NewRegistry(), f.demo)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if f.demo {
			if a.endpoint, err = startDemo(ctx); err != nil {
				return fail(exitUnjudged, err)
			}
		}
		if _, err := a.configure(ctx, s); err != nil {
			return fail(exitUsage, err)
		}
		missing, err := a.measure(ctx, &in, s, f.estimate.mix())
		if err != nil {
			return fail(exitUnjudged, err)
		}
		for _, message := range missing {
			_, _ = fmt.Fprintf(stderr, "%s: not counted: %s\n", name, printable.Text(message))
			code = exitUnjudged
		}
	}
	if err := writeEstimate(stdout, estimate.Of(in), f.estimate.output); err != nil {
		return fail(exitUnjudged, err)
	}
	return code
}

// estimateInput is what the configuration says of an estimate.
func estimateInput(c *config.Config) estimate.Input {
	return estimate.Input{
		Interval: time.Duration(c.Interval), Timeout: time.Duration(c.Timeout), Idle: time.Duration(c.IdleInterval), Refresh: time.Duration(c.Organization.RefreshInterval),
		DescribeAge: time.Duration(c.DescribeMaxAge), IdentityList: time.Duration(c.Identities.ListInterval), IdentityAge: time.Duration(c.Identities.DetailsMaxAge),
		MetricList: time.Duration(c.CloudWatch.ListInterval),
		CloudWatch: c.CloudWatch.Enabled, CloudTrail: c.CloudTrail.Enabled, Details: c.PoolDetails.Enabled, Statistics: c.SendStatistics.Enabled,
		Changes: c.ChangeHistory() > 0 && c.Changes.CloudTrail,
		Budgets: budgets(c), MetricPrice: c.Prices.CloudWatchMetrics, PriceDate: c.Prices.Date,
	}
}

// assumed fills in the accounts that the flags describe.
func assumed(in *estimate.Input, c *config.Config, e *estimateFlags) {
	places := e.accounts * e.regions
	withPools := int(math.Round(float64(places) * float64(e.active)))
	in.Accounts, in.Roles = e.accounts, e.accounts
	if e.accounts == 1 && len(c.Accounts) == 0 && !c.Organization.Enabled() {
		in.Roles = 0 // It is that of the ambient credentials.
	}
	found, auto := c.Regions.Found()
	if len(c.Regions) == 0 && e.active < 1 {
		found, auto = true, true // Nobody reads what is empty for nothing.
	}
	if found {
		in.RegionsAsked = e.accounts
	}
	switch {
	case auto:
		in.Searched = places
		idle := int(math.Round(float64(e.accounts) * math.Pow(1-float64(e.active), float64(e.regions))))
		in.IdleRoles = min(idle, in.Roles)
		in.Roles -= in.IdleRoles
	case withPools < places:
		in.Places = append(in.Places, estimate.Places{N: places - withPools, SES: true})
	}
	in.Places = append(in.Places, e.mix().Spread(withPools, float64(e.pools), true)...)
	if o := &c.Organization; o.Enabled() {
		in.Organization = &estimate.Organization{
			Accounts: e.accounts, Active: e.accounts, Role: o.RoleARN != "",
			Tags: len(o.Tags)+len(o.Include.Tags)+len(o.Exclude.Tags) > 0,
		}
		if o.OUs || len(o.Include.OUs)+len(o.Exclude.OUs) > 0 {
			in.Organization.Units = e.units
		}
	}
}

// measure fills in the accounts and regions that there are, with as many pools
// as they have, after configure. It returns why some could not be counted, which
// are taken to have no pools.
func (a *app) measure(ctx context.Context, in *estimate.Input, s *settings, mix estimate.Mix) (missing []string, err error) {
	plan, err := a.find(ctx, s)
	if err != nil {
		return nil, err
	}
	counts, missing := a.countPools(ctx, plan.Targets)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, m := range plan.Fleet.Members {
		if m.Failure != nil && !slices.Contains(missing, m.Failure.Message) {
			missing = append(missing, m.Failure.Message)
		}
	}
	type kind struct {
		pools int
		ses   bool
	}
	kinds := map[kind]int{}
	reached := map[string]bool{} // accounts with targets
	for i, t := range plan.Targets {
		kinds[kind{counts[i], inventory.HasSES(t.Region)}]++
		if !reached[t.AccountID] {
			reached[t.AccountID] = true
			if t.Role != "" {
				in.Roles++
			}
		}
	}
	order := make([]kind, 0, len(kinds))
	for k := range kinds {
		order = append(order, k)
	}
	slices.SortFunc(order, func(a, b kind) int { return cmp.Compare(b.pools, a.pools) })
	for _, k := range order {
		in.Places = append(in.Places, mix.Spread(kinds[k], float64(k.pools), k.ses)...)
	}
	work, withRole := a.fleet.Work(), map[string]bool{}
	for id := range a.fleet.View().Discovered {
		withRole[id] = true
	}
	for _, listed := range s.config.Accounts {
		withRole[listed.ID] = listed.RoleARN != ""
	}
	in.RegionsAsked, in.Searched = work.Asked, work.Searched
	in.Accounts = len(reached)
	for _, m := range plan.Fleet.Members {
		if m.Coverage != "" || reached[m.ID] {
			continue
		}
		in.Accounts++
		if withRole[m.ID] {
			in.IdleRoles++
		}
	}
	if o := &s.config.Organization; o.Enabled() {
		in.Organization = &estimate.Organization{Accounts: work.Accounts, Active: work.Active, Units: work.Units, Tags: work.Tags, Role: o.RoleARN != ""}
	}
	return missing, nil
}

// countPools returns how many pools each of the targets has, and why some could
// not be counted, each cause once.
func (a *app) countPools(ctx context.Context, targets []inventory.Target) (counts []int, missing []string) {
	counts = make([]int, len(targets))
	errs := make([]error, len(targets))
	work := make(chan int)
	var workers sync.WaitGroup
	for range min(countedAtOnce, len(targets)) {
		workers.Go(func() {
			for i := range work {
				counts[i], errs[i] = a.reader.CountPools(ctx, targets[i])
			}
		})
	}
	for i := range targets {
		work <- i
	}
	close(work)
	workers.Wait()
	for _, err := range errs {
		if err != nil && !slices.Contains(missing, err.Error()) {
			missing = append(missing, err.Error())
		}
	}
	return counts, missing
}

// writeEstimate writes the figures as a table or JSON.
func writeEstimate(w io.Writer, f estimate.Figures, format string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(struct {
			Version int `json:"version"`
			estimate.Figures
		}{estimateVersion, f})
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(t, strings.Join(cells, "\t")) }
	line("accounts", strconv.Itoa(f.Accounts))
	line("targets", strconv.Itoa(f.Targets))
	line("regions searched", strconv.Itoa(f.Searched))
	line("user pools", amount(f.Pools))
	line("calls, first pass", amount(f.First))
	line(fmt.Sprintf("calls, every %s after that", seconds(f.Interval)), amount(f.PerInterval))
	line("CloudWatch, 30 days", fmt.Sprintf("%.2f USD", f.USD), fmt.Sprintf("at %g USD for 1,000 metrics (%s)", f.MetricPrice, printable.Text(f.PriceDate)))
	line("memory", megabytes(f.Bytes))
	line()
	line("CALLS", "OPERATION", "FIRST PASS", "EVERY "+strings.ToUpper(seconds(f.Interval)), "FOR")
	for _, c := range f.Calls {
		line(c.API, c.Operation, amount(c.First), amount(c.Interval), c.Driver)
	}
	line()
	line("TIME", "", "", "", "FOR")
	for _, x := range f.Times {
		line(seconds(x.Seconds), x.What, "", "", x.Driver)
	}
	line()
	line("USD, 30 DAYS", "METRICS", "", "", "FOR")
	for _, c := range f.Costs {
		line(fmt.Sprintf("%.2f", c.USD), amount(c.Metrics), "", "", c.Driver)
	}
	line()
	line("MEMORY", "", "", "", "FOR")
	for _, m := range f.Memory {
		line(megabytes(m.Bytes), "", "", "", m.Driver)
	}
	return t.Flush()
}

// amount writes a number with as many digits as matter.
func amount(n float64) string {
	if n < 10 && n != math.Trunc(n) {
		return strconv.FormatFloat(n, 'g', 2, 64)
	}
	return strconv.FormatFloat(math.Round(n), 'f', -1, 64)
}

func megabytes(n float64) string { return strconv.FormatFloat(math.Ceil(n/1e6), 'f', -1, 64) + " MB" }

// seconds writes a duration as people write it.
func seconds(n float64) string {
	d := time.Duration(n * float64(time.Second))
	switch {
	case d >= time.Minute:
		text := d.Round(time.Second).String()
		text = strings.TrimSuffix(text, "0s")
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		return text
	default:
		return d.Round(100 * time.Millisecond).String()
	}
}
