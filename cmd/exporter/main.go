// Command exporter serves the state of Cognito user pools' e-mail senders to
// Prometheus.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/docs"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/exposition"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/fleet"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/httpserver"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/report"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/web"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

const (
	name            = "cognito-ses-exporter"
	shutdownTimeout = 5 * time.Second // for the requests under way
)

// The exit codes.
const (
	exitOK       = 0
	exitFailure  = 1 // configuration, listening or serving failed
	exitFindings = 1 // check: at least one finding is severe enough; propose: a check failed, nothing fits, or the pool is not as proposed
	exitUnjudged = 2 // check, propose: what has to be known could not be read
	exitUsage    = 3 // wrong flags; check, propose: wrong configuration or files
)

func main() {
	collectOften()
	if version.Version == "" { // Not built by scripts/build.
		version.Version = "devel"
	}
	// Whoever read what is written may go away: a write then fails, and that is all.
	signal.Ignore(syscall.SIGPIPE)
	kingpin.ManPageTemplate = manTemplate
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, hup)
	stop()
	os.Exit(code)
}

// flags are the command line.
type flags struct {
	configFile  string
	configCheck bool
	demo        bool
	shard       fleet.Shard
	lifecycle   bool
	profiles    bool
	memoryShare float64 // of the container's memory limit for Go; 0 leaves it alone
	telemetry   string
	addresses   addresses
	runbook     string // that is to be printed
	command     string
	check       checkFlags
	propose     proposeFlags
	estimate    estimateFlags
	web         toolkit.FlagConfig
	log         promslog.Config
	terminal    io.Writer // where progress is shown
}

var telemetryPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

// checkFlags are those of the command check.
type checkFlags struct {
	outputs  []string // FORMAT or FORMAT=FILE
	failOn   string
	rules    []string
	accounts []string // IDs or names; empty for all
	regions  []string // empty for all
	baseline string   // a file, or empty
	plan     planFlags
}

func parse(args []string, stdout io.Writer) (f *flags, done bool, err error) {
	f = &flags{log: promslog.Config{Writer: os.Stderr}}
	app := kingpin.New(name, "Shows for every Amazon Cognito user pool who sends its e-mail and whether that sender works. Strictly read-only.")
	app.UsageWriter(stdout).ErrorWriter(stdout).UsageTemplate(helpTemplate).UsageFuncs(helpFuncs)
	app.Terminate(func(int) { done = true })
	app.HelpFlag.Short('h').Help("Show this help, or that of a command.")
	app.Version(version.Print(name)).VersionFlag.Short('V')
	app.Flag("config.file", "Configuration file. By default, the account and region of the ambient credentials are read.").StringVar(&f.configFile)
	app.Flag("config.check", "Check the configuration file and exit: 0 if it is valid, 1 if not.").BoolVar(&f.configCheck)
	share := app.Flag("shard", "Read only a share of the accounts: INDEX/COUNT, with an index from 0. Several exporters can share the accounts of one configuration.").String()
	app.Flag("demo", "Read a simulated AWS with examples of every mode, state and finding. Needs no AWS account, configuration or network.").BoolVar(&f.demo)
	serve := app.Command("serve", "Serve the metrics. This is the default command.")
	if !completesCommand(args) {
		serve.Default()
	}
	serve.Flag("web.enable-lifecycle", "Allow POST /-/reload.").BoolVar(&f.lifecycle)
	serve.Flag("web.enable-pprof", "Serve profiles of the exporter itself at /debug/pprof/, for go tool pprof.").BoolVar(&f.profiles)
	follow := serve.Flag("auto-gomemlimit", "Keep Go's memory below a share of the container's limit, unless GOMEMLIMIT is set.").Default("true").Bool()
	memory := serve.Flag("auto-gomemlimit.ratio", "The share: above 0, at most 1.").PlaceHolder("RATIO").Default("0.9").Float64()
	serve.Flag("web.telemetry-path", "Path of the metrics.").Default("/metrics").StringVar(&f.telemetry)
	external := serve.Flag("web.external-url", "The URL under which others reach the exporter, for links in alerts. Its path is that of all pages. By default, the host's name and the port.").PlaceHolder("URL").String()
	prefix := serve.Flag("web.route-prefix", "The path of everything that is served. By default the path of --web.external-url; / where a proxy removes that.").PlaceHolder("PATH").String()
	f.web.WebListenAddresses = serve.Flag("web.listen-address", "Address to listen on; may be repeated.").Default(":10057").Strings()
	f.web.WebConfigFile = serve.Flag("web.config.file", "File with TLS and basic-auth settings, as in every Prometheus exporter.").Default("").String()
	system := false
	f.web.WebSystemdSocket = &system
	check := app.Command("check", "Read every target once and judge it by the rules. Exit code 0: no findings of the severity of --fail-on; 1: findings; 2: a target could not be read; 3: wrong flags or configuration.")
	check.Flag("output", "Format of the findings, and the file that it is written to: FORMAT or FORMAT=FILE; may be repeated. Without a file, or with -, it goes to standard output. Formats: "+strings.Join(report.Formats(), ", ")+".").
		Short('o').PlaceHolder("table").HintOptions(report.Formats()...).StringsVar(&f.check.outputs)
	check.Flag("fail-on", "The lowest severity that makes the exit code 1: info, warning or critical; none: findings do not.").Default("warning").EnumVar(&f.check.failOn, "info", "warning", "critical", failOnNone)
	check.Flag("rule", "Judge by this rule only; may be repeated.").StringsVar(&f.check.rules)
	check.Flag("account", "Read this account only, by its ID or name; may be repeated.").StringsVar(&f.check.accounts)
	check.Flag("region", "Report on the pools of this region only; may be repeated. The other regions are read, since verdicts depend on them.").StringsVar(&f.check.regions)
	check.Flag("baseline", "An earlier JSON output of check: findings that it has, and that have not become more severe, do not make the exit code 1.").PlaceHolder("FILE").StringVar(&f.check.baseline)
	f.check.plan.add(check)
	app.Command("runbook", "Print the runbook of a rule, or of the alerts on the exporter (exporter), as Markdown.").
		Arg("rule", "The rule's id.").HintAction(docs.Runbooks).Required().StringVar(&f.runbook)
	f.propose.add(app)
	f.estimate.add(app)
	promslogflag.AddFlags(app, &f.log)
	if f.command, err = app.Parse(args); err == nil {
		f.shard, err = fleet.ParseShard(*share)
	}
	if *follow {
		f.memoryShare = *memory
	}
	if err == nil && !done && f.command == "serve" && (*memory <= 0 || *memory > 1) {
		err = fmt.Errorf("--auto-gomemlimit.ratio must be above 0 and at most 1, not %v", *memory)
	}
	if err == nil && !done && f.command == "serve" {
		f.addresses, err = parseAddresses(*external, *prefix, (*f.web.WebListenAddresses)[0])
	}
	return f, done, err
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, hup <-chan os.Signal) int {
	terminal := stderr
	stdout, stderr = printable.NewWriter(stdout), printable.NewWriter(stderr)
	f, done, err := parse(args, stdout)
	switch {
	case done:
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "%s: %v; see --help\n", name, err)
		return exitUsage
	case f.command == "serve" && (!telemetryPath.MatchString(f.telemetry) || web.Reserved(f.telemetry)):
		_, _ = fmt.Fprintf(stderr, "%s: --web.telemetry-path must be a path of letters, digits and -._~/ that is not the path of a page\n", name)
		return exitUsage
	}
	if f.demo && f.configFile != "" {
		_, _ = fmt.Fprintf(stderr, "%s: --demo has its own configuration; omit --config.file\n", name)
		return exitUsage
	}
	f.log.Writer, f.terminal = stderr, terminal
	logger := promslog.New(&f.log)
	load := loader(f)
	if f.configCheck {
		if _, err := load(); err != nil {
			_, _ = fmt.Fprintln(stderr, err)
			return exitFailure
		}
		_, _ = fmt.Fprintln(stdout, "The configuration is valid.")
		return exitOK
	}
	switch f.command {
	case "runbook":
		return runbook(f.runbook, load, stdout, stderr)
	case "check":
		return check(ctx, f, load, logger, stdout, stderr)
	case "propose":
		return runPropose(ctx, f, load, logger, stdout, stderr)
	case "estimate":
		return runEstimate(ctx, f, load, logger, stdout, stderr)
	}
	if err := serve(ctx, f, load, logger, hup); err != nil {
		_, _ = fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return exitFailure
	}
	return exitOK
}

// unlessDone returns what f does, or nil when ctx ends before. Some of what is
// read, such as the files of the AWS SDK, may never come to an end.
func unlessDone(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return nil
	}
}

// serve runs until ctx ends or listening fails.
func serve(ctx context.Context, f *flags, load func() (*settings, error), logger *slog.Logger, hup <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if file := *f.web.WebConfigFile; file != "" {
		if _, err := yamlfile.Read(file); err != nil { // It is read for every request, which must not hang.
			return fmt.Errorf("--web.config.file: %w", err)
		}
	}
	limitMemory(f.memoryShare, memlimit.FromCgroup, logger)
	registry := prometheus.NewRegistry()
	a := newApp(load, logger, registry, f.demo)
	a.external = f.addresses.external
	if f.demo {
		endpoint, err := startDemo(ctx)
		if err != nil {
			return err
		}
		a.endpoint = endpoint
		logger.Warn("This is a demo with simulated data", "address", demoURL(f))
	}
	if err := unlessDone(ctx, func() error { return a.reload(ctx) }); err != nil || ctx.Err() != nil {
		return err
	}
	defer a.stop()
	defer cancel() // Before it waits for the collector.
	a.running.Go(func() { tuneGC(ctx, a.collector.Done()) })

	o := web.Options{
		Demo: f.demo, Version: version.Info(), Prefix: f.addresses.links, RoutePrefix: f.addresses.routes, TelemetryPath: f.telemetry, Logger: logger,
		Metrics: exposition.Handler(a.collector.Exposition, exposition.NewCounted(registry, a.self.Changes), collector.Runtime(), func(err error) { logger.Error("The exporter's own metrics are not complete", "err", err) }),
		View:    a.collector.View, Coverage: a.collector.Coverage, Ready: a.collector.Ready, Config: a.redacted, Tags: a.tags,
		Profiles: f.profiles,
	}
	// A reload outlives the request that asked for it.
	reload := func(context.Context) error { return a.reload(ctx) }
	if f.lifecycle {
		o.Reload = reload
	}
	bounds := httpserver.Defaults(httpserver.OpenFiles())
	for _, path := range []string{f.telemetry, "/-/healthy", "/-/ready"} {
		bounds.Always = append(bounds.Always, f.addresses.routes+path)
	}
	server := httpserver.New(web.Handler(o), bounds)
	server.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelWarn)
	failed := make(chan error, 1)
	go func() { failed <- toolkit.ListenAndServe(server, &f.web, logger) }()
	go func() { // Beside what follows: whatever a reload waits for, the exporter can be stopped.
		for {
			select {
			case <-hup:
				_ = reload(ctx) // reload logs and counts its failure.
			case <-ctx.Done():
				return
			}
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		logger.Info("Stopping")
		return httpserver.Shutdown(server, shutdownTimeout)
	}
}

// demoURL is the address of the demo's pages.
func demoURL(f *flags) string {
	address := (*f.web.WebListenAddresses)[0]
	if strings.HasPrefix(address, ":") {
		address = "localhost" + address
	}
	return "http://" + address
}
