package collector

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const namespace = "cognito_ses"

// The exporter's metrics about itself, which outlive a reload. They are part
// of docs/metrics.md like [Families].
var (
	requestsTotal = Family{
		Name: "exporter_aws_requests_total", Labels: []string{"service", "operation"}, Unit: "requests", Counter: true,
		Help: "HTTP requests to AWS, every attempt counted.",
	}
	failuresTotal = Family{
		Name: "exporter_aws_request_failures_total", Labels: []string{"service", "operation", "class"}, Unit: "requests", Counter: true,
		Help: "HTTP requests to AWS that failed, every attempt counted, by class of error.",
	}
	requestDuration = Family{
		Name: "exporter_aws_request_duration_seconds", Labels: []string{"service", "operation"}, Unit: "seconds", Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 10},
		Help: "How long HTTP requests to AWS took until they were answered or given up, every attempt by itself.",
	}
	budgetWait = Family{
		Name: "exporter_aws_request_budget_wait_seconds", Labels: []string{"service"}, Unit: "seconds", Buckets: []float64{0.1, 1, 10, 60},
		Help: "How long HTTP requests to AWS waited until the request budget of their account and region had room for them.",
	}
	budgetHalvings = Family{
		Name: "exporter_aws_request_budget_halvings_total", Labels: []string{"service"}, Unit: "halvings", Counter: true,
		Help: "How often AWS throttled a request and so halved the budget of its account and region, which then grows back.",
	}
	billableTotal = Family{
		Name: "exporter_aws_billable_metrics_total", Unit: "metrics", Counter: true,
		Help: "Metrics that were requested from CloudWatch GetMetricData, which AWS bills by the metric.",
	}
	ruleErrorsTotal = Family{
		Name: "rule_errors_total", Labels: []string{"rule"}, Unit: "errors", Counter: true,
		Help: "How often a rule failed to judge a pool, an SES account or an identity.",
	}
	publishFailuresTotal = Family{
		Name: "exporter_publish_failures_total", Labels: []string{"account_id"}, Unit: "failures", Counter: true,
		Help: "How often an account could not be judged or rendered; its last facts stay until they are stale.",
	}
	changesTotal = Family{
		Name: "email_config_changes_total", Labels: []string{"field"}, Unit: "changes", Counter: true,
		Help: "How many changes of what the verdicts of pools depend on were seen between two readings, by what has changed.",
	}
	changesDropped = Family{
		Name: "exporter_changes_dropped_total", Unit: "changes", Counter: true,
		Help: "How many remembered changes were dropped, the oldest first, because there were too many of an account or of all.",
	}
	reloadSuccessful = Family{
		Name: "exporter_config_last_reload_successful",
		Help: "Whether the last load of the configuration succeeded.",
	}
	reloadTime = Family{
		Name: "exporter_config_last_reload_success_timestamp_seconds", Unit: "seconds",
		Help: "When the configuration was last loaded successfully, as Unix time.",
	}
	buildInfo = Family{
		Name: "exporter_build_info", Labels: []string{"version", "revision", "branch", "goversion", "demo"},
		Help: "The program's version, and whether it uses simulated data; always 1.",
	}
)

// SelfFamilies lists the metrics of [Self], in the order of documentation.
func SelfFamilies() []Family {
	return []Family{requestsTotal, failuresTotal, requestDuration, budgetWait, budgetHalvings, billableTotal, ruleErrorsTotal, publishFailuresTotal, changesTotal, changesDropped, reloadSuccessful, reloadTime, buildInfo}
}

// Self counts what the exporter does. It is safe for concurrent use.
type Self struct {
	requests, failures     *prometheus.CounterVec
	duration, waits        *prometheus.HistogramVec
	halvings               *prometheus.CounterVec // by service
	ruleErrors             *prometheus.CounterVec
	publishFailures        *prometheus.CounterVec // by account
	fieldChanges           *prometheus.CounterVec // by field
	dropped                prometheus.Counter
	billable               prometheus.Counter
	reloadOK, reloadedLast prometheus.Gauge

	changes atomic.Uint64
}

// NewSelf registers the exporter's own metrics. The operations, by service, are
// counted from 0.
func NewSelf(registry prometheus.Registerer, demo bool, operations map[string][]string) *Self {
	counter := func(f *Family) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: f.Name, Help: f.Help}, f.Labels)
	}
	gauge := func(f *Family) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: f.Name, Help: f.Help}, f.Labels)
	}
	histogram := func(f *Family) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: f.Name, Help: f.Help, Buckets: f.Buckets}, f.Labels)
	}
	billable, dropped := counter(&billableTotal), counter(&changesDropped)
	ok, last, build := gauge(&reloadSuccessful), gauge(&reloadTime), gauge(&buildInfo)
	s := &Self{
		requests: counter(&requestsTotal), failures: counter(&failuresTotal),
		duration: histogram(&requestDuration), waits: histogram(&budgetWait), halvings: counter(&budgetHalvings),
		billable: billable.WithLabelValues(), ruleErrors: counter(&ruleErrorsTotal), publishFailures: counter(&publishFailuresTotal),
		fieldChanges: counter(&changesTotal), dropped: dropped.WithLabelValues(),
		reloadOK: ok.WithLabelValues(), reloadedLast: last.WithLabelValues(),
	}
	build.WithLabelValues(version.Version, version.GetRevision(), version.Branch, version.GoVersion, strconv.FormatBool(demo)).Set(1)
	registry.MustRegister(s.requests, s.failures, s.duration, s.waits, s.halvings, s.ruleErrors, s.publishFailures, s.fieldChanges, billable, dropped, ok, last, build)
	for _, f := range inventory.Fields() {
		s.fieldChanges.WithLabelValues(string(f))
	}
	for service, names := range operations {
		s.halvings.WithLabelValues(service)
		for _, operation := range names {
			s.requests.WithLabelValues(service, operation)
			for _, class := range inventory.Classes() {
				s.failures.WithLabelValues(service, operation, string(class))
			}
		}
	}
	return s
}

// Changes counts the changes of the metrics: as long as it stays, so do they.
func (s *Self) Changes() uint64 { return s.changes.Load() }

// changed takes note of a change that has been made.
func (s *Self) changed() { s.changes.Add(1) }

// Request is one HTTP attempt.
type Request struct {
	Service, Operation string
	Class              inventory.Class // OK when it succeeded
	Waited             time.Duration   // until the request budget had room for it
	Took               time.Duration   // from then to the answer
	Halved             bool            // AWS throttled it, and so halved the budget
}

// Requested counts one HTTP attempt.
func (s *Self) Requested(r Request) {
	defer s.changed()
	s.requests.WithLabelValues(r.Service, r.Operation).Inc()
	s.duration.WithLabelValues(r.Service, r.Operation).Observe(r.Took.Seconds())
	s.waits.WithLabelValues(r.Service).Observe(r.Waited.Seconds())
	if r.Halved {
		s.halvings.WithLabelValues(r.Service).Inc()
	}
	if r.Class != inventory.OK {
		s.failures.WithLabelValues(r.Service, r.Operation, string(r.Class)).Inc()
	}
}

// Billed counts metrics that AWS bills.
func (s *Self) Billed(metrics int) {
	defer s.changed()
	s.billable.Add(float64(metrics))
}

// RuleFailed counts how often a rule failed; 0 begins the count.
func (s *Self) RuleFailed(rule string, times int) {
	defer s.changed()
	s.ruleErrors.WithLabelValues(rule).Add(float64(times))
}

// Reloaded takes note of a load of the configuration.
func (s *Self) Reloaded(ok bool) {
	defer s.changed()
	s.reloadOK.Set(number(ok))
	if ok {
		s.reloadedLast.Set(float64(time.Now().UnixMilli()) / 1000)
	}
}

// publishFailed counts that an account could not be published.
func (s *Self) publishFailed(account string) {
	defer s.changed()
	s.publishFailures.WithLabelValues(account).Inc()
}

// fieldChanged counts a change.
func (s *Self) fieldChanged(f inventory.Field) {
	defer s.changed()
	s.fieldChanges.WithLabelValues(string(f)).Inc()
}

// forgot counts changes that are remembered no longer.
func (s *Self) forgot(n int) {
	defer s.changed()
	s.dropped.Add(float64(n))
}

// knowAccount begins the account's counts with 0.
func (s *Self) knowAccount(account string) {
	defer s.changed()
	s.publishFailures.WithLabelValues(account)
}

// forgetAccount ends the counts of an account that is no longer read.
func (s *Self) forgetAccount(account string) {
	defer s.changed()
	s.publishFailures.DeleteLabelValues(account)
}
