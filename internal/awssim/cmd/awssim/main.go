// Command awssim serves a simulated AWS for anything that can be pointed at it
// with AWS_ENDPOINT_URL. Its documentation is docs/awssim.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "awssim:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	app := kingpin.New("awssim", "A simulated AWS: Cognito user pools, SES and what they need.")
	app.HelpFlag.Short('h')
	var (
		listen   = app.Flag("listen", "Address to listen on.").Default("127.0.0.1:4566").String()
		file     = app.Flag("fleet", "YAML file with the fleet; without it and without --accounts, the demo's.").ExistingFile()
		accounts = app.Flag("accounts", "Generate a fleet with this number of accounts.").Int()
		regions  = app.Flag("regions", "Regions of every generated account, separated by commas.").Default("eu-west-1").String()
		pools    = app.Flag("pools", "User pools in each generated account and region.").Default("10").Int()
		seed     = app.Flag("seed", "Seed of everything random.").Default("1").Uint64()
		mix      = app.Flag("mix", "mixed: half COGNITO_DEFAULT and every state somewhere; healthy: nothing to report.").Default("mixed").Enum("mixed", "healthy")
		active   = app.Flag("active", "Share of the generated pools that have traffic, 0 to 1.").Default("0").Float64()
		share    = app.Flag("share", "Share of the generated accounts × regions that have pools, above 0 to 1; the others are empty.").Default("1").Float64()
		latency  = app.Flag("latency", "How long every answer takes.").Default("0s").Duration()
		noQuotas = app.Flag("no-quotas", "Answer everything, however much is asked.").Bool()
		noDelays = app.Flag("no-delays", "Show events in CloudWatch and CloudTrail at once.").Bool()
		faults   = app.Flag("fault", "A fault, such as kind=deny,account=100000000002; may be repeated.").Strings()
	)
	if _, err := app.Parse(args); err != nil {
		return err
	}
	fleet, err := load(*file, *accounts, awssim.GenerateOptions{
		Accounts: *accounts, Regions: strings.Split(*regions, ","), Pools: *pools, Seed: *seed, Mix: *mix, Active: *active, Share: *share,
	})
	if err != nil {
		return err
	}
	o := awssim.Options{Fleet: fleet, Latency: *latency, NoQuotas: *noQuotas, NoDelays: *noDelays, Seed: *seed}
	for _, text := range *faults {
		f, err := awssim.ParseFault(text)
		if err != nil {
			return err
		}
		o.Faults = append(o.Faults, f)
	}
	sim, err := awssim.New(o)
	if err != nil {
		return err
	}
	return serve(sim, *listen, len(fleet.Accounts))
}

// load returns the fleet that the flags ask for.
func load(file string, accounts int, o awssim.GenerateOptions) (*awssim.Fleet, error) {
	switch {
	case file != "" && accounts != 0:
		return nil, errors.New("use either --fleet or --accounts, not both")
	case file != "":
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		return awssim.ParseFleet(data)
	case accounts != 0:
		return awssim.Generate(o)
	default:
		return awssim.Demo(), nil
	}
}

func serve(sim *awssim.Server, listen string, accounts int) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("awssim: %d accounts on http://%s\n", accounts, l.Addr())
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close() // Serve returns the error.
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
