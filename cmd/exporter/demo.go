package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/config"
)

// demoConfig reads everything that the simulated AWS of the demo has, and a
// region that is disabled.
const demoConfig = `
regions: [eu-west-1, eu-central-1, us-east-1]
accounts:
  - {id: "100000000001", name: production}
  - {id: "100000000002", name: staging, role_arn: "arn:aws:iam::100000000002:role/cognito-ses-exporter", external_id: demo}
  - id: "100000000003"
    name: sandbox
    role_arn: arn:aws:iam::100000000003:role/cognito-ses-exporter
    external_id: demo
    regions: [eu-west-1, eu-central-1, us-east-1, me-south-1]
interval: 30s
tags: [env, team]
cloudtrail: {enabled: true}
`

func loadDemo() (*config.Config, error) { return config.Parse("demo", []byte(demoConfig)) }

// startDemo serves the simulated AWS on a loopback address until ctx ends and
// returns its URL.
func startDemo(ctx context.Context) (string, error) {
	sim, err := awssim.New(awssim.Options{Fleet: awssim.Demo(), NoQuotas: true, NoDelays: true, Seed: 1})
	if err != nil {
		return "", err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() }) // Serve returns then.
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // A loopback listener does not fail while it is open.
		}
	}()
	return "http://" + l.Addr().String(), nil
}
