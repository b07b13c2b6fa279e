package collector

import (
	"fmt"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// BenchmarkPublish links, judges by the built-in rules, renders and swaps
// 100,000 pools in 1,000 targets.
func BenchmarkPublish(b *testing.B) {
	set, err := rules.Load(rules.Options{}, rules.Builtin()...)
	if err != nil {
		b.Fatal(err)
	}
	o := options()
	o.Rules, o.StaleAfter = set, 24*time.Hour
	c := New(nil, o)
	now := time.Now()
	for a := range 1000 {
		r := facts(now)
		r.Target = inventory.Target{AccountID: fmt.Sprintf("%012d", a), AccountName: fmt.Sprintf("account-%d", a), Region: "eu-west-1"}
		r.Start, r.End = now, now
		email := r.Pools[2].Settings.EmailConfiguration
		email.SourceARN = "arn:aws:ses:eu-west-1:" + r.Target.AccountID + ":identity/example.com"
		pools := make([]inventory.UserPool, 0, 100)
		for i := range 100 {
			p := r.Pools[2]
			s := *p.Settings
			s.Sender = inventory.NewSender(r.Target.Key(), email)
			p.ID, p.Settings = fmt.Sprintf("eu-west-1_%d", i), &s
			pools = append(pools, p)
		}
		r.Pools = pools
		c.readings[r.Target.Key()] = &r
	}
	b.ReportAllocs()
	for b.Loop() {
		c.publish(time.Now())
	}
	if got := c.View().PoolCount(); got != 100_000 {
		b.Fatalf("%d pools", got)
	}
}
