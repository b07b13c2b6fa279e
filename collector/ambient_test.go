package collector

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// TestAmbientAccount reads an account whose ID is not known at first: neither
// region tells it, then one does. There is one account all the time, no series
// is there twice, and what was of the unknown account ends.
func TestAmbientAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		through := &through{home: "eu-west-1"}
		var known atomic.Bool
		rec := &recorder{Reader: passReader(func(ctx context.Context, target inventory.Target, prev *inventory.Reading) inventory.Reading {
			if target.AccountID == "" && (!known.Load() || target.Region == "us-east-1") {
				now := time.Now()
				return inventory.Reading{Target: target, Start: now, End: now, Outcomes: []inventory.Outcome{{API: inventory.APISTS, Class: inventory.Timeout, Message: "no answer"}}}
			}
			target.AccountID = own.AccountID
			return through.Read(ctx, target, prev)
		})}
		p := throughPlan("", "eu-central-1", "us-east-1")
		for i := range p.Targets {
			p.Targets[i].AccountID, p.Targets[i].AccountName = "", ""
		}
		registry := prometheus.NewRegistry()
		c := run(t, Options{Reader: rec, Self: NewSelf(registry, false, nil), Logger: slog.New(slog.DiscardHandler)}, p)
		<-c.Done()
		failures := func(got string) string { return lines(got, "publish_failures_total") }
		const (
			counts    = `cognito_ses_exporter_publish_failures_total{account_id=%q} 0` + "\n"
			central   = `cognito_ses_exporter_target_up{account_id=%q,api="sts",region="eu-central-1"}`
			virginia  = `cognito_ses_exporter_target_up{account_id=%q,api="sts",region="us-east-1"}`
			unknown   = `account_id=""`
			sandboxes = `cognito_ses_account_sandbox{`
		)
		got := served(t, c.Exposition, registry)
		if failures(got) != fmt.Sprintf(counts, "") || value(got, fmt.Sprintf(central, "")) != "0" || len(c.View().Accounts) != 1 {
			t.Errorf("before it is known: %s%s, %d accounts", failures(got), lines(got, "target_up"), len(c.View().Accounts))
		}

		known.Store(true)
		time.Sleep(time.Until(reading(c, "").Next.Add(time.Second))) // Virginia has not been read again.
		got = served(t, c.Exposition, registry)
		if left := lines(got, unknown); left != "" || failures(got) != fmt.Sprintf(counts, own.AccountID) {
			t.Errorf("of the unknown account there is %s%s", left, failures(got))
		}
		if value(got, fmt.Sprintf(virginia, own.AccountID)) != "0" || len(c.View().Accounts) != 1 || c.View().Accounts[0].ID != own.AccountID {
			t.Errorf("Virginia, which is not read yet: %s, %d accounts", lines(got, "target_up"), len(c.View().Accounts))
		}
		time.Sleep(time.Minute)
		got = served(t, c.Exposition, registry)
		if n := strings.Count(got, sandboxes); n != 3 || value(got, throughReady) != "1" || lines(got, "class=") != "" {
			t.Errorf("%d regions of SES, ready %q, errors %s", n, value(got, throughReady), lines(got, "class="))
		}
		if n := bubbleGoroutines(t); n != 3 {
			t.Errorf("%d targets are read, want 3", n)
		}
		for _, read := range rec.reads(inIreland) {
			if !read.SESOnly || read.AccountID != own.AccountID {
				t.Errorf("Ireland was read as %+v", read)
			}
		}

		// A reload that configures Ireland too reads it once.
		p.Targets = append(p.Targets, inventory.Target{Region: "eu-west-1"})
		apply(t, c, p)
		time.Sleep(2 * time.Second)
		got = served(t, c.Exposition, registry)
		if n := strings.Count(got, sandboxes); n != 3 || lines(got, "class=") != "" || failures(got) != fmt.Sprintf(counts, own.AccountID) {
			t.Errorf("with Ireland: %d regions of SES, errors %s%s", n, lines(got, "class="), failures(got))
		}
		if n := bubbleGoroutines(t); n != 3 {
			t.Errorf("with Ireland: %d targets are read, want 3", n)
		}
	})
}
