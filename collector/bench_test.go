package collector

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/exposition"
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

// BenchmarkScrapeSelf answers with the exporter's own metrics alone, in gzip:
// when none has been counted since the scrape before, and when one has.
func BenchmarkScrapeSelf(b *testing.B) {
	operations := map[string][]string{}
	for _, api := range []string{"cognito-idp", "ses", "cloudwatch", "cloudtrail", "organizations"} {
		for i := range 5 {
			operations[api] = append(operations[api], fmt.Sprintf("Operation%d", i))
		}
	}
	families, err := expositionFamilies(nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	x := families.Join(nil, nil)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	for _, counting := range []bool{false, true} {
		b.Run(fmt.Sprintf("counting=%t", counting), func(b *testing.B) {
			registry := prometheus.NewRegistry()
			self := NewSelf(registry, false, operations)
			h := exposition.Handler(func() *exposition.Exposition { return x }, exposition.NewCounted(registry, self.Changes), Runtime(), nil)
			b.ReportAllocs()
			for b.Loop() {
				if counting {
					self.Requested(Request{Service: "ses", Operation: "Operation0"})
				}
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
