package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/exposition"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

var updateDemo = flag.Bool("update", false, "rewrite the golden files")

// exposed returns what the collector has published, in the text format.
func exposed(t *testing.T, c *collector.Collector) *bytes.Buffer {
	t.Helper()
	w := httptest.NewRecorder()
	exposition.Handler(c.Exposition, nil, prometheus.NewRegistry(), func(err error) { t.Error(err) }).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	return w.Body
}

// scrape returns what the collector has published.
func scrape(t *testing.T, c *collector.Collector) []*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(exposed(t, c))
	if err != nil {
		t.Fatal(err)
	}
	all := make([]*dto.MetricFamily, 0, len(families))
	for _, name := range slices.Sorted(maps.Keys(families)) {
		all = append(all, families[name])
	}
	return all
}

// series returns the published samples: name and labels in the text format,
// and the value.
func series(t *testing.T, c *collector.Collector) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(exposed(t, c).String()) {
		if i := strings.LastIndexByte(line, ' '); !strings.HasPrefix(line, "#") {
			all[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return all
}

// asText renders the families, the samples sorted.
func asText(t *testing.T, families []*dto.MetricFamily) string {
	t.Helper()
	var b bytes.Buffer
	for _, f := range families {
		slices.SortFunc(f.GetMetric(), func(a, b *dto.Metric) int { return strings.Compare(fmt.Sprint(a.GetLabel()), fmt.Sprint(b.GetLabel())) })
		if len(f.GetMetric()) == 0 {
			continue
		}
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// shownPool is what the metrics say of a pool; what they do not say is empty.
type shownPool struct {
	name    string // account/region/pool
	ready   string
	custom  string
	blocked []inventory.Reason
}

// pools returns the pools in the metrics by region and ID.
func pools(t *testing.T, c *collector.Collector) map[inventory.PoolKey]*shownPool {
	t.Helper()
	families := scrape(t, c)
	all := map[inventory.PoolKey]*shownPool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			id := inventory.PoolKey{Key: inventory.Key{Region: label(m, "region")}, ID: label(m, "user_pool_id")}
			if all[id] == nil && id.ID != "" {
				all[id] = &shownPool{}
			}
			value := strconv.FormatFloat(m.GetGauge().GetValue(), 'g', -1, 64)
			switch f.GetName() {
			case "cognito_ses_pool_info":
				all[id].name = label(m, "account_name") + "/" + label(m, "region") + "/" + label(m, "pool_name")
			case "cognito_ses_pool_ready":
				all[id].ready = value
			case "cognito_ses_pool_custom_sender":
				all[id].custom = value
			case "cognito_ses_pool_blocked":
				all[id].blocked = append(all[id].blocked, inventory.Reason(label(m, "reason")))
			}
		}
	}
	return all
}

// simulated answers the SDK's requests in the test's own process, without a
// connection, so that a test can have a clock of its own.
type simulated struct {
	*awssim.Server
	gone atomic.Bool  // there is no connection
	wait atomic.Int64 // nanoseconds for an answer, as an HTTP client does; 0 is for ever
	cut  atomic.Bool  // the connection ends when a list of accounts goes on with its second page
}

func simulate(t *testing.T, o awssim.Options) *simulated {
	t.Helper()
	sim, err := awssim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &simulated{Server: sim}
}

// Do implements [awsread.HTTPClient].
func (s *simulated) Do(r *http.Request) (*http.Response, error) {
	if s.gone.Load() {
		return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: syscall.ECONNREFUSED}
	}
	w := httptest.NewRecorder()
	ctx := r.Context()
	if wait := time.Duration(s.wait.Load()); wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	served := r.Clone(ctx)
	if served.Body == nil {
		served.Body = http.NoBody
	}
	if s.cut.Load() && strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListAccounts") {
		body, err := io.ReadAll(served.Body)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(body, []byte("NextToken")) {
			return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: syscall.ECONNRESET}
		}
		served.Body = io.NopCloser(bytes.NewReader(body))
	}
	s.ServeHTTP(w, served)
	if err := ctx.Err(); err != nil {
		return nil, &url.Error{Op: r.Method, URL: r.URL.String(), Err: err}
	}
	return w.Result(), nil
}

// atNoon runs a test on a clock of its own, which begins three hours after the
// default quota has reset.
func atNoon(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(12 * time.Hour)
		test(t)
	})
}

// demoApp is what --demo runs, but for the web server.
func demoApp(t *testing.T) *app {
	t.Helper()
	a := newApp(loader(&flags{demo: true}), slog.New(slog.DiscardHandler), prometheus.NewRegistry(), true)
	a.client = simulate(t, awssim.Options{Fleet: awssim.Demo(), NoQuotas: true, NoDelays: true, Seed: 1})
	a.endpoint = "http://aws.invalid"
	return a
}

// TestUnknownModes checks that each mode that is not known is logged once, as
// long as there are not too many.
func TestUnknownModes(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	a := newApp(nil, slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry(), false)
	at := inventory.Target{AccountID: "111122223333", Region: "eu-west-1"}
	for n := range 30 {
		for _, id := range []string{"eu-west-1_a", "eu-west-1_b"} {
			a.unknownMode(at, id, fmt.Sprintf("MODE_%02d", n/2))
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 15 {
		t.Errorf("%d lines, want 15", n)
	}
	for _, text := range []string{"level=WARN", "mode=MODE_00", "account_id=111122223333", "region=eu-west-1", "user_pool_id=eu-west-1_a"} {
		if line, _, _ := strings.Cut(log.String(), "\n"); !strings.Contains(line, text) {
			t.Errorf("no %s in %s", text, line)
		}
	}
	for n := range 30 {
		a.unknownMode(at, "eu-west-1_a", fmt.Sprintf("MORE_%02d", n))
	}
	if n := strings.Count(log.String(), "\n"); n != 20 {
		t.Errorf("%d lines, want 20", n)
	}
}

// TestDemo reads the whole demo, and compares what is shown with a golden file.
func TestDemo(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		a := demoApp(t)
		if err := a.reload(ctx); err != nil {
			t.Fatal(err)
		}
		<-a.collector.Done()
		time.Sleep(40 * time.Second) // Every target is read again, and the regions that pools lead to.
		judgeDemo(t, a.collector)
		cancel()
		a.stop()
	})
}

func judgeDemo(t *testing.T, c *collector.Collector) {
	got := asText(t, scrape(t, c))
	const golden = "testdata/demo.prom"
	if *updateDemo {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the exposition differs from %s (rewrite with -update):\n%s", golden, difference(string(want), got))
	}

	blocked := map[inventory.Reason][]string{}
	ready := []string{}
	for _, p := range pools(t, c) {
		for _, r := range p.blocked {
			blocked[r] = append(blocked[r], p.name)
		}
		if p.ready == "1" {
			ready = append(ready, p.name)
		}
	}
	wantBlocked := map[inventory.Reason][]string{
		inventory.IdentityMissing:          {"production/eu-west-1/typo"},
		inventory.IdentityUnverified:       {"staging/eu-central-1/own-from", "staging/eu-west-1/partners"},
		inventory.CrossAccountIdentity:     {"staging/eu-west-1/borrowed"},
		inventory.UnsupportedRegion:        {"production/eu-central-1/wrong-region"},
		inventory.FromMismatch:             {"staging/us-east-1/mismatch"},
		inventory.SendingPolicyMissing:     {"production/eu-west-1/own-from"},
		inventory.MailFromRejects:          {"production/eu-west-1/news"},
		inventory.ConfigurationSetMissing:  {"production/eu-west-1/survey"},
		inventory.ConfigurationSetDisabled: {"production/eu-west-1/raffle"},
		inventory.Sandbox:                  {"sandbox/us-east-1/press", "staging/eu-west-1/customers", "staging/eu-west-1/partners"},
		inventory.SendingDisabled:          {"sandbox/eu-central-1/campaign", "staging/eu-central-1/kunden"},
		inventory.AccountShutdown:          {"sandbox/eu-central-1/campaign"},
		inventory.SendQuotaReached:         {"production/us-east-1/customers-us", "production/us-east-1/passwordless"},
		inventory.DefaultQuotaReached:      {"sandbox/eu-west-1/trial"},
	}
	for _, r := range inventory.Reasons() {
		slices.Sort(blocked[r])
		if !slices.Equal(blocked[r], wantBlocked[r]) || len(wantBlocked[r]) == 0 {
			t.Errorf("%s holds for %v, want %v", r, blocked[r], wantBlocked[r])
		}
	}
	slices.Sort(ready)
	if wantReady := []string{
		"production/eu-central-1/kunden", "production/eu-central-1/kunden-eu-west", "production/eu-central-1/passwordless", "production/eu-west-1/" + `Quotes " and \ <script>alert(1)</script>`,
		"production/eu-west-1/customers", "production/eu-west-1/forum", "production/eu-west-1/legacy", "production/eu-west-1/partners", "production/eu-west-1/shop", "production/eu-west-1/unsigned",
		"production/us-east-1/customers-west",
		"sandbox/eu-central-1/scratch", "sandbox/us-east-1/launch", "sandbox/us-east-1/phone-first",
		"staging/eu-west-1/shop", "staging/us-east-1/customers-us",
	}; !slices.Equal(ready, wantReady) {
		t.Errorf("ready are %q,\nwant %q", ready, wantReady)
	}
}

// difference returns the lines that only one of the texts has.
func difference(want, got string) string {
	var b strings.Builder
	have := func(text string) map[string]bool {
		lines := map[string]bool{}
		for line := range strings.Lines(text) {
			lines[line] = true
		}
		return lines
	}
	w, g := have(want), have(got)
	for _, side := range []struct {
		sign        string
		lines, less map[string]bool
	}{{"-", w, g}, {"+", g, w}} {
		for _, line := range slices.Sorted(maps.Keys(side.lines)) {
			if !side.less[line] {
				b.WriteString(side.sign + line)
			}
		}
	}
	return b.String()
}

const (
	productionID = "100000000001"
	stagingID    = "100000000002"
)

// running reads two accounts of the demo's fleet through a simulation that the
// test drives, once a minute.
func running(t *testing.T, faults ...awssim.Fault) (*simulated, *collector.Collector) {
	t.Helper()
	sim := simulate(t, awssim.Options{Fleet: awssim.Demo(), NoQuotas: true, Faults: faults})
	reader, err := awsread.New(t.Context(), awsread.Options{
		Accounts: []awsread.Account{
			{ID: productionID, RoleARN: "arn:aws:iam::" + productionID + ":role/exporter", ExternalID: "demo"},
			{ID: stagingID, RoleARN: "arn:aws:iam::" + stagingID + ":role/exporter", ExternalID: "demo"},
		},
		DescribeMaxAge: time.Hour, HTTPClient: sim, Endpoint: "http://aws.invalid", AccessKeyID: "AKIATEST", SecretAccessKey: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := collector.New(collector.Options{Reader: reader, Logger: slog.New(slog.DiscardHandler)}, collector.Plan{
		Targets: []inventory.Target{
			{AccountID: productionID, AccountName: "production", Region: "eu-west-1"},
			{AccountID: stagingID, AccountName: "staging", Region: "eu-west-1"},
		},
		Interval: time.Minute, Timeout: time.Minute, StaleAfter: staleAfter, AllIdentities: true, MaxIdentities: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx) // It ends only with its context.
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	<-c.Done()
	time.Sleep(5 * time.Second) // The regions that pools lead to are read as well.
	return sim, c
}

const staleAfter = 5 * time.Minute

// facts are the series about pools, accounts and identities.
func facts(all map[string]string) map[string]string {
	all = maps.Clone(all)
	maps.DeleteFunc(all, func(name, _ string) bool {
		// Problems outlive the facts.
		return strings.HasPrefix(name, "cognito_ses_exporter_") || strings.HasPrefix(name, "cognito_ses_problem_")
	})
	return all
}

func of(all map[string]string, account string) map[string]string {
	all = maps.Clone(all)
	maps.DeleteFunc(all, func(name, _ string) bool { return !strings.Contains(name, `account_id="`+account+`"`) })
	return all
}

func up(account, api string) string {
	return `cognito_ses_exporter_target_up{account_id="` + account + `",api="` + api + `",region="eu-west-1"}`
}

func denied(account, api string) string {
	return `cognito_ses_exporter_target_error{account_id="` + account + `",api="` + api + `",class="denied",region="eu-west-1"}`
}

var apis = []string{inventory.APISTS, inventory.APICognito, inventory.APISES}

// TestDeniedAccount has one of two accounts denied, which recovers by itself.
func TestDeniedAccount(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		sim, c := running(t, awssim.Fault{Kind: "deny", Account: stagingID})
		alone := series(t, c)
		for _, api := range apis {
			if alone[up(stagingID, api)] != "0" || alone[denied(stagingID, api)] != "1" {
				t.Errorf("%s of the denied account: up %q, denied %q", api, alone[up(stagingID, api)], alone[denied(stagingID, api)])
			}
			if alone[up(productionID, api)] != "1" {
				t.Errorf("%s of the other account: up %q", api, alone[up(productionID, api)])
			}
		}
		if n := len(of(facts(alone), stagingID)); n != 0 {
			t.Errorf("%d facts of the denied account", n)
		}
		if err := sim.SetFaults(nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		all := series(t, c)
		for _, api := range apis {
			if _, still := all[denied(stagingID, api)]; still || all[up(stagingID, api)] != "1" {
				t.Errorf("%s: up %q, has an error: %v", api, all[up(stagingID, api)], still)
			}
		}
		if len(of(facts(all), stagingID)) < 50 {
			t.Errorf("the account that recovered has the facts %v", of(facts(all), stagingID))
		}
		// What the other account has was complete all the time.
		if before, now := of(facts(alone), productionID), of(facts(all), productionID); len(before) < 50 || !maps.Equal(before, now) {
			t.Error(difference(text(before), text(now)))
		}
	})
}

func text(all map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.WriteString(name + " " + all[name] + "\n")
	}
	return b.String()
}

// TestAWSGone takes AWS away for good: the facts stay as they are until they
// are stale, and then end. None ever changes for lack of AWS.
func TestAWSGone(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		sim, c := running(t)
		time.Sleep(time.Minute)
		before := facts(series(t, c))
		if before[`cognito_ses_pool_ready{account_id="`+productionID+`",region="eu-west-1",user_pool_id="`+poolID(t, c, "production/eu-west-1/legacy")+`"}`] != "1" {
			t.Fatal("legacy is not judged")
		}
		// Those about how an account is read do not stay.
		problems := func(all map[string]string) (n int) {
			for name := range all {
				if strings.HasPrefix(name, "cognito_ses_problem_pools{") && !strings.Contains(name, `cause="target/`) {
					n++
				}
			}
			return n
		}
		known := problems(series(t, c))
		if known < 2 {
			t.Fatalf("there are %d problems", known)
		}
		sim.gone.Store(true)
		gone := time.Now()
		for time.Since(gone) < staleAfter+2*time.Minute {
			time.Sleep(10 * time.Second)
			since, all := time.Since(gone), series(t, c)
			now := facts(all)
			for name, value := range now {
				if was, ok := before[name]; !ok || was != value {
					t.Fatalf("%s after AWS had gone, %s is %s, and was %q", since, name, value, was)
				}
			}
			if n := problems(all); n != known {
				t.Fatalf("%s after AWS had gone, there are %d problems of %d", since, n, known)
			}
			switch {
			case since < staleAfter-time.Minute && len(now) != len(before):
				t.Errorf("%s after AWS had gone, %d of %d facts are left", since, len(now), len(before))
			case since > staleAfter+10*time.Second && len(now) > 0:
				t.Errorf("%s after AWS had gone, there still are %d facts", since, len(now))
			}
			for _, api := range apis[1:] {
				if since > 2*time.Minute && (all[up(productionID, api)] != "0" || all[up(stagingID, api)] != "0") {
					t.Errorf("%s: up %q and %q", api, all[up(productionID, api)], all[up(stagingID, api)])
				}
			}
		}
	})
}

func poolID(t *testing.T, c *collector.Collector, name string) string {
	t.Helper()
	for id, p := range pools(t, c) {
		if p.name == name {
			return id.ID
		}
	}
	return ""
}

// TestListDenied judges pools by GetEmailIdentity, where the list is denied.
func TestListDenied(t *testing.T) {
	t.Parallel()
	atNoon(t, func(t *testing.T) {
		_, c := running(t, awssim.Fault{Kind: "deny", Operation: "ListEmailIdentities"})
		time.Sleep(2 * time.Minute)
		want := map[string]string{"customers": "1", "partners": "1", "shop": "1", "legacy": "1", "typo": "0"}
		n := 0
		for _, p := range pools(t, c) {
			name, ours := strings.CutPrefix(p.name, "production/eu-west-1/")
			ready, ok := want[name]
			if !ours || !ok {
				continue
			}
			if n++; p.ready != ready || name == "typo" && !slices.Equal(p.blocked, []inventory.Reason{inventory.IdentityMissing}) {
				t.Errorf("%+v", p)
			}
		}
		if n != len(want) {
			t.Errorf("%d pools of %d", n, len(want))
		}
		if got := series(t, c)[denied(productionID, inventory.APISES)]; got != "1" {
			t.Errorf("the denied list shows as %q", got)
		}
	})
}
