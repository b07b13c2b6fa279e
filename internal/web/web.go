// Package web serves the pages, their data as JSON, the configuration, health,
// readiness and the reload. It must not know AWS, the collector or where
// the configuration comes from.
package web

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/pprof" // It also adds itself to http.DefaultServeMux, which nothing serves.
	"slices"
	"strings"
	"sync"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

//go:embed templates static
var files embed.FS

// Options say what is served.
type Options struct {
	Demo          bool
	Version       string
	Prefix        string // that the paths of links begin with, such as /exporter; may be empty
	RoutePrefix   string // that the paths of everything that is served begin with; may be empty
	TelemetryPath string
	Metrics       http.Handler
	View          func() *rules.Judgement         // what is shown now; immutable
	Coverage      func() []inventory.MemberStatus // which accounts are read; immutable
	Ready         func() bool                     // has every target been read once?
	Config        func() string                   // the effective configuration without secrets
	Tags          func() []string                 // configured tags that say whose a pool is
	Reload        func(context.Context) error     // nil switches POST /-/reload off
	Profiles      bool                            // whether /debug/pprof/ is served
	Logger        *slog.Logger
}

// site has what the routes share.
type site struct {
	o     Options
	views views
}

func (s *site) view() *view { return s.views.of(s.o.View()) }

// route is a pattern of [http.ServeMux], what the query may say and the handler.
type route struct {
	pattern string
	takes   []parameter // nil does not care
	answer  http.HandlerFunc
}

// routes lists everything that is served except the metrics.
func (s *site) routes() []route {
	return []route{
		{"GET /{$}", poolParameters, s.index},
		{"GET /pools/{id}", nothing, s.poolByID},
		{"GET /pools/{account}/{region}/{id}", nothing, s.pool},
		{"GET /plan", planParameters, s.plan},
		{"GET /accounts", pageParameters, s.coverage},
		{"GET /accounts/{account}/{region}", pageParameters, s.account},
		{"GET /identities/{account}/{region}/{name}", pageParameters, s.identity},
		{"GET /targets", targetParameters, s.targets},
		{"GET /changes", changeParameters, s.changes},
		{"GET /rules", nothing, s.rules},
		{"GET /runbooks", nothing, s.runbooksPage},
		{"GET /runbooks/{id}", nothing, s.runbookPage},
		{"GET /config", nil, func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, s.o.Config()) }},
		{"GET /static/{file}", nil, asset},
		{"GET /-/healthy", nil, func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "Healthy.\n") }},
		{"GET /-/ready", nil, s.ready},
		{"/-/reload", nil, s.reload},
		{"GET /debug/pprof/", nil, s.profiles(pprof.Index)},
		{"GET /debug/pprof/cmdline", nil, s.profiles(pprof.Cmdline)},
		{"GET /debug/pprof/profile", nil, s.profiles(pprof.Profile)},
		{"GET /debug/pprof/symbol", nil, s.profiles(pprof.Symbol)},
		{"GET /debug/pprof/trace", nil, s.profiles(pprof.Trace)},
		{"GET /api/v1/pools", poolParameters, s.apiPools},
		{"GET /api/v1/pools/{id}", nothing, s.apiPool},
		{"GET /api/v1/pools/{account}/{region}/{id}", nothing, s.apiPool},
		{"GET /api/v1/plan", planParameters, s.apiPlan},
		{"GET /api/v1/accounts", pageParameters, s.apiCoverage},
		{"GET /api/v1/accounts/{account}/{region}", nothing, s.apiAccount},
		{"GET /api/v1/identities/{account}/{region}/{name}", nothing, s.apiIdentity},
		{"GET /api/v1/targets", targetParameters, s.apiTargets},
		{"GET /api/v1/findings", pageParameters, s.apiFindings},
		{"GET /api/v1/changes", changeParameters, s.apiChanges},
		{"GET /api/v1/rules", nothing, s.apiRules},
		{"GET /api/v1/summary", nothing, s.apiSummary},
		{"/", nil, s.nowhere},
	}
}

// Reserved reports whether a page has the path or its first element, so that the
// metrics cannot be served there.
func Reserved(path string) bool {
	first := func(path string) string {
		part, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		return strings.TrimSuffix(part, "{$}")
	}
	return slices.ContainsFunc((&site{}).routes(), func(r route) bool {
		return first(r.pattern[strings.IndexByte(r.pattern, '/'):]) == first(path)
	})
}

var static = func() fs.FS {
	sub, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // The files are part of the program.
	}
	return sub
}()

// pages are the templates, by the name of the page.
var pages = sync.OnceValue(func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{"index", "pool", "account", "accounts", "identity", "plan", "targets", "changes", "rules", "runbook", "runbooks", "error"} {
		all[name] = template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/"+name+".html"))
	}
	return all
})

// Handler returns the server's routes.
func Handler(o Options) http.Handler {
	s := &site{o: o}
	mux := http.NewServeMux()
	mux.Handle("GET "+o.TelemetryPath, o.Metrics)
	for _, r := range s.routes() {
		mux.HandleFunc(r.pattern, s.checked(r.takes, r.answer))
	}
	if o.RoutePrefix == "" {
		return secured(mux)
	}
	below := http.NewServeMux()
	below.Handle(o.RoutePrefix+"/", http.StripPrefix(o.RoutePrefix, mux))
	below.Handle("/{$}", http.RedirectHandler(o.Prefix+"/", http.StatusFound))
	return secured(below)
}

var securityHeaders = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Resource-Policy": "same-origin",
}

// secured has browsers load nothing but our own files, and send nobody's requests
// but our pages' to what changes something.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for header, value := range securityHeaders {
			if w.Header().Get(header) == "" { // --web.config.file may have set it.
				w.Header().Set(header, value)
			}
		}
		if err := foreign.Check(r); err != nil {
			text(w, http.StatusForbidden, "A page of another site may not do that.\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign refuses what browsers send for pages of other sites, but for requests
// that only read.
var foreign = http.NewCrossOriginProtection()

// asset serves our own files, and no list of them.
func asset(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, static, r.PathValue("file"))
}

// nowhere answers what no other route does.
func (s *site) nowhere(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		text(w, http.StatusMethodNotAllowed, "Use GET.\n")
		return
	}
	s.fail(w, r, http.StatusNotFound, "There is no such page.")
}

// fail answers with an error, as JSON below /api/ and as a page elsewhere.
func (s *site) fail(w http.ResponseWriter, r *http.Request, code int, message string) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		s.json(w, code, message)
		return
	}
	s.renderCode(w, code, "error", map[int]string{http.StatusBadRequest: "Bad request", http.StatusNotFound: "Not found"}[code], message)
}

func (s *site) ready(w http.ResponseWriter, _ *http.Request) {
	if !s.o.Ready() {
		text(w, http.StatusServiceUnavailable, "Not ready: the first pass over all targets is not finished.\n")
		return
	}
	text(w, http.StatusOK, "Ready.\n")
}

// profiles serves one of Go's profiles, if they are wanted: they take processor
// time and show what is in memory.
func (s *site) profiles(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.o.Profiles {
			text(w, http.StatusForbidden, "Profiles are disabled; start the exporter with --web.enable-pprof.\n")
			return
		}
		serve(w, r)
	}
}

func text(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(printable.Lines([]byte(body))) // It fails only if the client has disconnected.
}

func (s *site) reload(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.o.Reload == nil:
		text(w, http.StatusForbidden, "Reloading over HTTP is disabled; start the exporter with --web.enable-lifecycle.\n")
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		text(w, http.StatusMethodNotAllowed, "Use POST.\n")
	default:
		if err := s.o.Reload(r.Context()); err != nil {
			text(w, http.StatusInternalServerError, fmt.Sprintf("Reloading failed; the old configuration stays active: %v\n", err))
			return
		}
		text(w, http.StatusOK, "Reloaded.\n")
	}
}
