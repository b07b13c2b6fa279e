package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

var updateDemo = flag.Bool("update", false, "rewrite the golden files")

// series returns the samples of the gatherer: name and labels in the text
// format, and the value.
func series(t *testing.T, g prometheus.Gatherer) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(exposition(t, g, nil)) {
		if i := strings.LastIndexByte(line, ' '); !strings.HasPrefix(line, "#") {
			all[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return all
}

// exposition renders the families in the text format; change may adapt a
// family, or leave it out with false.
func exposition(t *testing.T, g prometheus.Gatherer, change func(*dto.MetricFamily) bool) string {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, f := range families {
		if change != nil && !change(f) {
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

// pools returns the pools in the metrics by ID.
func pools(t *testing.T, g prometheus.Gatherer) map[string]*shownPool {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*shownPool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			id := label(m, "user_pool_id")
			if all[id] == nil && id != "" {
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

// eventually waits until the condition holds, and fails with what it says else.
func eventually(t *testing.T, within time.Duration, condition func() (ok bool, why string)) {
	t.Helper()
	why := ""
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var ok bool
		if ok, why = condition(); ok {
			return
		}
	}
	t.Errorf("not within %s: %s", within, why)
}

// startedDemo runs what --demo runs, but for the web server, once a second.
func startedDemo(t *testing.T) *app {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	endpoint, err := startDemo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	a := newApp(func() (*settings, error) {
		s, err := loader(&flags{demo: true})()
		if err != nil {
			return nil, err
		}
		s.config.Interval, s.config.Timeout, s.config.StaleAfter = model.Duration(time.Second), model.Duration(30*time.Second), model.Duration(time.Minute)
		return s, nil
	}, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), true)
	a.endpoint = endpoint
	if err := a.reload(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.stop)
	var last map[string]string
	var since time.Time
	eventually(t, 20*time.Second, func() (bool, string) {
		regions, names := 0, map[string]string{}
		for name := range series(t, a) {
			switch {
			case strings.HasPrefix(name, "cognito_ses_exporter_target_error{") && !strings.Contains(name, `class="region_disabled"`):
				t.Fatal(name)
			case strings.HasPrefix(name, "cognito_ses_account_sandbox{"):
				regions++
			}
			names[name] = ""
		}
		if !maps.Equal(names, last) {
			last, since = names, time.Now()
		}
		for _, p := range pools(t, a) {
			if p.ready == "" && p.custom != "1" {
				return false, p.name + " is not judged"
			}
		}
		// Nine targets, and two regions that pools lead to, and some passes more without news.
		return regions == 11 && time.Since(since) > 2500*time.Millisecond, "there still is news"
	})
	return a
}

// TestDemo reads the whole demo, and compares what is shown with a golden
// file, without what depends on the time of the day.
func TestDemo(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("run", func(t *testing.T) { judgeDemo(t, startedDemo(t)) })
}

func judgeDemo(t *testing.T, a *app) {
	got := exposition(t, a, func(f *dto.MetricFamily) bool {
		name := f.GetName()
		// The reputation is read once in a while, and only then has an outcome.
		f.Metric = slices.DeleteFunc(f.GetMetric(), func(m *dto.Metric) bool { return label(m, "api") == inventory.APICloudWatch })
		switch {
		case strings.HasSuffix(name, "_exhaustion_timestamp_seconds"), strings.HasSuffix(name, "_unattributed_emails"), strings.HasSuffix(name, "_email_failures"):
			return false
		case strings.HasSuffix(name, "_timestamp_seconds"), strings.HasSuffix(name, "_duration_seconds"):
			for _, m := range f.GetMetric() {
				*m.GetGauge().Value = 0
			}
		}
		return true
	})
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
	for _, p := range pools(t, a) {
		for _, r := range p.blocked {
			blocked[r] = append(blocked[r], p.name)
		}
		if p.ready == "1" {
			ready = append(ready, p.name)
		}
	}
	wantBlocked := map[inventory.Reason][]string{
		inventory.IdentityMissing:      {"production/eu-west-1/typo"},
		inventory.IdentityUnverified:   {"staging/eu-central-1/own-from", "staging/eu-west-1/partners"},
		inventory.CrossAccountIdentity: {"staging/eu-west-1/borrowed"},
		inventory.UnsupportedRegion:    {"production/eu-central-1/wrong-region"},
		inventory.FromMismatch:         {"staging/us-east-1/mismatch"},
		inventory.Sandbox:              {"sandbox/us-east-1/press", "staging/eu-west-1/customers", "staging/eu-west-1/partners"},
		inventory.SendingDisabled:      {"sandbox/eu-central-1/campaign", "staging/eu-central-1/kunden"},
		inventory.AccountShutdown:      {"sandbox/eu-central-1/campaign"},
		inventory.SendQuotaReached:     {"production/us-east-1/customers-us"},
		inventory.DefaultQuotaReached:  {"sandbox/eu-west-1/playground", "sandbox/eu-west-1/trial"},
	}
	for _, r := range inventory.Reasons() {
		slices.Sort(blocked[r])
		if !slices.Equal(blocked[r], wantBlocked[r]) || len(wantBlocked[r]) == 0 {
			t.Errorf("%s holds for %v, want %v", r, blocked[r], wantBlocked[r])
		}
	}
	slices.Sort(ready)
	if wantReady := []string{
		"production/eu-central-1/kunden", "production/eu-central-1/kunden-eu-west", "production/eu-west-1/" + `Quotes " and \ <script>alert(1)</script>`,
		"production/eu-west-1/customers", "production/eu-west-1/forum", "production/eu-west-1/legacy", "production/eu-west-1/partners", "production/eu-west-1/shop",
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
// test drives, every 200 milliseconds.
func running(t *testing.T, staleAfter time.Duration, faults ...awssim.Fault) (*awssim.Server, *httptest.Server, *collector.Collector) {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Fleet: awssim.Demo(), NoQuotas: true, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	reader, err := awsread.New(t.Context(), awsread.Options{
		Accounts: []awsread.Account{
			{ID: productionID, RoleARN: "arn:aws:iam::" + productionID + ":role/exporter", ExternalID: "demo"},
			{ID: stagingID, RoleARN: "arn:aws:iam::" + stagingID + ":role/exporter", ExternalID: "demo"},
		},
		DescribeMaxAge: time.Hour, RequestTimeout: 5 * time.Second, Endpoint: server.URL, AccessKeyID: "AKIATEST", SecretAccessKey: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	c := collector.New(reader, collector.Options{
		Targets: []inventory.Target{
			{AccountID: productionID, AccountName: "production", Region: "eu-west-1"},
			{AccountID: stagingID, AccountName: "staging", Region: "eu-west-1"},
		},
		Interval: 200 * time.Millisecond, Timeout: time.Second, StaleAfter: staleAfter,
		AllIdentities: true, MaxIdentities: 1000, Logger: slog.New(slog.DiscardHandler),
	})
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
	return sim, server, c
}

// facts are the series about pools, accounts and identities.
func facts(all map[string]string) map[string]string {
	all = maps.Clone(all)
	maps.DeleteFunc(all, func(name, _ string) bool {
		return strings.HasPrefix(name, "cognito_ses_exporter_")
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
	sim, _, c := running(t, time.Hour, awssim.Fault{Kind: "deny", Account: stagingID})
	eventually(t, 10*time.Second, func() (bool, string) { return c.Ready(), "not ready" })
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
	eventually(t, 10*time.Second, func() (bool, string) {
		all := series(t, c)
		for _, api := range apis {
			if all[up(stagingID, api)] != "1" {
				return false, api + " is not up"
			}
			if _, still := all[denied(stagingID, api)]; still {
				return false, api + " has an error and is up"
			}
		}
		return len(of(facts(all), stagingID)) > 0, "no facts"
	})
	// What the other account has was complete all the time.
	eventually(t, 10*time.Second, func() (bool, string) {
		before, now := of(facts(alone), productionID), of(facts(series(t, c)), productionID)
		return len(before) > 50 && maps.Equal(before, now), difference(text(before), text(now))
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
	const staleAfter = 4 * time.Second
	_, server, c := running(t, staleAfter)
	var before map[string]string
	eventually(t, 10*time.Second, func() (bool, string) {
		if !c.Ready() {
			return false, "not ready"
		}
		before = facts(series(t, c))
		return before[`cognito_ses_pool_ready{account_id="`+productionID+`",region="eu-west-1",user_pool_id="`+poolID(t, c, "production/eu-west-1/legacy")+`"}`] == "1", "legacy is not judged"
	})
	for _, api := range apis {
		if got := series(t, c)[up(productionID, api)]; got != "1" {
			t.Fatalf("%s: up %q", api, got)
		}
	}
	server.CloseClientConnections()
	server.Close()
	gone := time.Now()
	stayed, ended := false, false
	for time.Since(gone) < staleAfter+5*time.Second && !ended {
		time.Sleep(20 * time.Millisecond)
		all := series(t, c)
		now := facts(all)
		for name, value := range now {
			if was, ok := before[name]; !ok || was != value {
				t.Fatalf("%s after AWS had gone, %s is %s, and was %q", time.Since(gone), name, value, was)
			}
		}
		down := all[up(productionID, inventory.APICognito)] == "0" && all[up(stagingID, inventory.APISES)] == "0" && all[up(productionID, inventory.APISES)] == "0"
		stayed = stayed || down && len(now) == len(before)
		ended = len(now) == 0
		if ended && !down {
			t.Error("the facts ended while AWS was up")
		}
	}
	if !stayed {
		t.Error("the facts did not outlive AWS")
	}
	if !ended {
		t.Errorf("%d facts are shown %s after AWS had gone", len(facts(series(t, c))), time.Since(gone))
	}
	if since := time.Since(gone); since < staleAfter-time.Second {
		t.Errorf("the facts ended after %s already", since)
	}
	all := series(t, c)
	for _, api := range []string{inventory.APICognito, inventory.APISES} {
		if all[up(productionID, api)] != "0" || all[up(stagingID, api)] != "0" {
			t.Errorf("%s: up %q and %q", api, all[up(productionID, api)], all[up(stagingID, api)])
		}
	}
}

func poolID(t *testing.T, g prometheus.Gatherer, name string) string {
	t.Helper()
	for id, p := range pools(t, g) {
		if p.name == name {
			return id
		}
	}
	return ""
}

// TestListDenied judges pools by GetEmailIdentity, where the list is denied.
func TestListDenied(t *testing.T) {
	t.Parallel()
	_, _, c := running(t, time.Hour, awssim.Fault{Kind: "deny", Operation: "ListEmailIdentities"})
	want := map[string]string{"customers": "1", "partners": "1", "shop": "1", "legacy": "1", "typo": "0"}
	eventually(t, 10*time.Second, func() (bool, string) {
		n := 0
		for _, p := range pools(t, c) {
			name, ours := strings.CutPrefix(p.name, "production/eu-west-1/")
			ready, ok := want[name]
			if !ours || !ok {
				continue
			}
			if n++; p.ready != ready || name == "typo" && !slices.Equal(p.blocked, []inventory.Reason{inventory.IdentityMissing}) {
				return false, fmt.Sprint(p)
			}
		}
		return n == len(want), "a pool is missing"
	})
	if got := series(t, c)[denied(productionID, inventory.APISES)]; got != "1" {
		t.Errorf("the denied list shows as %q", got)
	}
}
