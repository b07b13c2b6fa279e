package collector

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// many is a collector that has read 100,000 pools in 1,000 accounts.
func many(b *testing.B) *Collector {
	b.Helper()
	set, err := rules.Load(rules.Options{}, rules.Builtin()...)
	if err != nil {
		b.Fatal(err)
	}
	p := thePlan()
	p.Rules, p.StaleAfter, p.Targets = set, 24*time.Hour, nil
	now := time.Now()
	var readings []inventory.Reading
	for a := range 1000 {
		r := facts(now)
		r.Target = inventory.Target{AccountID: fmt.Sprintf("%012d", a), AccountName: fmt.Sprintf("account-%d", a), Region: "eu-west-1"}
		r.Start, r.End = now, now
		email := r.Pools[2].Settings.EmailConfiguration
		email.SourceARN = "arn:aws:ses:eu-west-1:" + r.Target.AccountID + ":identity/example.com"
		pools := make([]inventory.UserPool, 0, 100)
		for i := range 100 {
			up := r.Pools[2]
			settings := *up.Settings
			settings.Sender = inventory.NewSender(r.Target.Key(), email)
			up.ID, up.Settings = fmt.Sprintf("eu-west-1_%d", i), &settings
			pools = append(pools, up)
		}
		r.Pools = pools
		readings, p.Targets = append(readings, r), append(p.Targets, r.Target)
	}
	c, err := New(Options{Logger: slog.New(slog.DiscardHandler)}, p)
	if err != nil {
		b.Fatal(err)
	}
	for i := range readings {
		c.targets[keyOf(readings[i].Target)].reading = &readings[i]
	}
	return c
}

// BenchmarkPublishAll judges, renders and joins all accounts.
func BenchmarkPublishAll(b *testing.B) {
	c := many(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, a := range c.accounts {
			a.dirty = true
		}
		c.publish(time.Now(), time.Now())
	}
	if got := c.View().PoolCount(); got != 100_000 {
		b.Fatalf("%d pools", got)
	}
}

// BenchmarkPublishOne renews one of the accounts.
func BenchmarkPublishOne(b *testing.B) {
	c := many(b)
	c.publish(time.Now(), time.Now())
	a := c.accounts["000000000500"]
	b.ReportAllocs()
	for b.Loop() {
		a.dirty = true
		c.publish(time.Now(), time.Now())
	}
}

// BenchmarkPublishNoNews renews what one pass changes when it brings nothing new.
func BenchmarkPublishNoNews(b *testing.B) {
	c := many(b)
	c.publish(time.Now(), time.Now())
	a := c.accounts["000000000500"]
	b.ReportAllocs()
	for b.Loop() {
		a.news = true
		c.publish(time.Now(), time.Now())
	}
}
