// Package web serves the pages, the configuration, health, readiness and the
// reload. It reads what it is given and must not know AWS, the collector or
// where the configuration comes from.
package web

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

//go:embed index.html
var files embed.FS

var index = template.Must(template.ParseFS(files, "index.html"))

// Options say what is served.
type Options struct {
	Demo          bool
	Version       string
	TelemetryPath string
	Metrics       http.Handler
	View          func() (*inventory.Snapshot, *rules.Result)
	Rules         func() *rules.Set
	Ready         func() bool                 // has every target been read once?
	Config        func() string               // the effective configuration without secrets
	Reload        func(context.Context) error // nil switches POST /-/reload off
	Logger        *slog.Logger
}

// Handler returns the server's routes.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(o.TelemetryPath, o.Metrics)
	mux.HandleFunc("GET /{$}", o.index)
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, o.Config()) })
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "Healthy.\n") })
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !o.Ready() {
			text(w, http.StatusServiceUnavailable, "Not ready: the first pass over all targets is not finished.\n")
			return
		}
		text(w, http.StatusOK, "Ready.\n")
	})
	mux.HandleFunc("/-/reload", o.reload)
	return mux
}

func text(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body) // The client has gone; nobody is left to tell.
}

func (o Options) reload(w http.ResponseWriter, r *http.Request) {
	switch {
	case o.Reload == nil:
		text(w, http.StatusForbidden, "Reloading over HTTP is off; start with --web.enable-lifecycle.\n")
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		text(w, http.StatusMethodNotAllowed, "Use POST.\n")
	default:
		if err := o.Reload(r.Context()); err != nil {
			text(w, http.StatusInternalServerError, fmt.Sprintf("The old configuration goes on running: %v\n", err))
			return
		}
		text(w, http.StatusOK, "Reloaded.\n")
	}
}

func (o Options) index(w http.ResponseWriter, _ *http.Request) {
	s, _ := o.View()
	page := struct {
		Options
		Pools, Ready, Blocked, Unknown int
		Readings                       []inventory.Region
	}{Options: o, Readings: s.Readings, Pools: len(s.Pools)}
	for i := range s.Pools {
		switch s.Pools[i].Ready {
		case inventory.Yes:
			page.Ready++
		case inventory.No:
			page.Blocked++
		case inventory.Unknown:
			page.Unknown++
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	if err := index.Execute(w, page); err != nil {
		o.Logger.Error("Rendering the page failed", "err", err)
	}
}
