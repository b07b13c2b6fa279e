package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

func options() Options {
	snapshot := inventory.New(time.Now(), []inventory.Region{{
		Target:   inventory.Target{AccountID: "111122223333", AccountName: `<script>alert("name")</script>`, Region: "eu-west-1"},
		Outcomes: []inventory.Outcome{{API: "ses", Class: inventory.Denied, Message: `<img src=x onerror=alert(1)>`}},
		Pools:    []inventory.UserPool{{ID: "eu-west-1_a"}},
	}}, inventory.Policy{})
	return Options{
		Version: "v0", TelemetryPath: "/metrics", Logger: slog.New(slog.DiscardHandler),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "metrics")
		}),
		View:   func() (*inventory.Snapshot, *rules.Result) { return snapshot, &rules.Result{} },
		Rules:  func() *rules.Set { return &rules.Set{} },
		Ready:  func() bool { return true },
		Config: func() string { return "regions: []\n" },
	}
}

func ask(t *testing.T, o Options, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(o).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w
}

func TestRoutes(t *testing.T) {
	notReady, reloads, fails := options(), options(), options()
	notReady.Ready = func() bool { return false }
	reloads.Reload = func(context.Context) error { return nil }
	fails.Reload = func(context.Context) error { return errors.New("config.yaml:3: no") }
	for _, tt := range []struct {
		o            Options
		method, path string
		status       int
		body         string
	}{
		{options(), "GET", "/metrics", 200, "metrics"},
		{options(), "GET", "/", 200, "1 user pools"},
		{options(), "GET", "/elsewhere", 404, "not found"},
		{options(), "GET", "/config", 200, "regions: []"},
		{options(), "GET", "/-/healthy", 200, "Healthy"},
		{options(), "GET", "/-/ready", 200, "Ready"},
		{notReady, "GET", "/-/ready", 503, "first pass"},
		{notReady, "GET", "/-/healthy", 200, "Healthy"},
		{options(), "POST", "/-/reload", 403, "--web.enable-lifecycle"},
		{reloads, "GET", "/-/reload", 405, "POST"},
		{reloads, "POST", "/-/reload", 200, "Reloaded"},
		{fails, "POST", "/-/reload", 500, "config.yaml:3: no"},
	} {
		w := ask(t, tt.o, tt.method, tt.path)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s %s: %d %s, want %d with %q", tt.method, tt.path, w.Code, w.Body, tt.status, tt.body)
		}
	}
}

// TestPageEscapes checks that foreign text stays text.
func TestPageEscapes(t *testing.T) {
	w := ask(t, options(), "GET", "/")
	body := w.Body.String()
	if strings.Contains(body, "<script>") || strings.Contains(body, "<img") {
		t.Errorf("foreign text became HTML:\n%s", body)
	}
	if !strings.Contains(body, "&lt;img src=x onerror=alert(1)&gt;") {
		t.Errorf("the message is not on the page:\n%s", body)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy %q", csp)
	}
}

func TestDemoIsMarked(t *testing.T) {
	o := options()
	o.Demo = true
	if body := ask(t, o, "GET", "/").Body.String(); !strings.Contains(body, "demo") {
		t.Errorf("the page does not say that it is a demo:\n%s", body)
	}
}
