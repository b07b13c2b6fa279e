// Package web serves the pages, their data as JSON, the configuration, health,
// readiness and the reload. It must not know AWS, the collector or where
// the configuration comes from.
package web

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

//go:embed templates static
var files embed.FS

// Options say what is served.
type Options struct {
	Demo          bool
	Version       string
	TelemetryPath string
	Metrics       http.Handler
	View          func() *rules.Judgement     // what is shown now; immutable
	Ready         func() bool                 // has every target been read once?
	Config        func() string               // the effective configuration without secrets
	Reload        func(context.Context) error // nil switches POST /-/reload off
	Logger        *slog.Logger
}

// site has what the routes share.
type site struct {
	o     Options
	views views
	pages map[string]*template.Template
}

func (s *site) view() *view { return s.views.of(s.o.View()) }

// route is a pattern of [http.ServeMux] and its handler.
type route struct {
	pattern string
	answer  http.HandlerFunc
}

// routes lists everything that is served except the metrics.
func (s *site) routes() []route {
	return []route{
		{"GET /{$}", s.index},
		{"GET /pools/{id}", s.poolByID},
		{"GET /pools/{account}/{region}/{id}", s.pool},
		{"GET /targets", func(w http.ResponseWriter, _ *http.Request) { s.render(w, "targets", "Targets", s.view()) }},
		{"GET /rules", s.rules},
		{"GET /config", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, s.o.Config()) }},
		{"GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)).ServeHTTP},
		{"GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "Healthy.\n") }},
		{"GET /-/ready", s.ready},
		{"/-/reload", s.reload},
		{"GET /api/", func(w http.ResponseWriter, _ *http.Request) { s.json(w, http.StatusNotFound, nil) }},
		{"GET /api/v1/pools", s.apiPools},
		{"GET /api/v1/pools/{id}", s.apiPool},
		{"GET /api/v1/pools/{account}/{region}/{id}", s.apiPool},
		{"GET /api/v1/targets", s.apiTargets},
		{"GET /api/v1/findings", s.apiFindings},
		{"GET /api/v1/rules", s.apiRules},
		{"GET /api/v1/summary", s.apiSummary},
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

// Handler returns the server's routes.
func Handler(o Options) http.Handler {
	s := &site{o: o, pages: map[string]*template.Template{}}
	for _, name := range []string{"index", "pool", "targets", "rules"} {
		s.pages[name] = template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/"+name+".html"))
	}
	mux := http.NewServeMux()
	mux.Handle(o.TelemetryPath, o.Metrics)
	for _, r := range s.routes() {
		mux.HandleFunc(r.pattern, r.answer)
	}
	return mux
}

func (s *site) ready(w http.ResponseWriter, _ *http.Request) {
	if !s.o.Ready() {
		text(w, http.StatusServiceUnavailable, "Not ready: the first pass over all targets is not finished.\n")
		return
	}
	text(w, http.StatusOK, "Ready.\n")
}

func text(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body) // It fails only if the client has disconnected.
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

// functions are those that the templates call.
var functions = template.FuncMap{
	"number": func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) },
	"percent": func(ratio float64) string {
		return strconv.FormatFloat(ratio*100, 'f', 2, 64) + " %"
	},
	"ratio": func(q inventory.Quota) float64 { return min(q.UsedRatio(), 1) },
	"ago": func(t, now time.Time) string {
		switch {
		case t.IsZero():
			return "never"
		case t.After(now):
			return "in " + t.Sub(now).Round(time.Second).String()
		default:
			return now.Sub(t).Round(time.Second).String() + " ago"
		}
	},
	"clock":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"seconds": func(a, b time.Time) string { return strconv.FormatFloat(b.Sub(a).Seconds(), 'f', 2, 64) + " s" },
	"explain": func(r inventory.Reason) explanation { return explanations[r] },
	"tags":    tagList,
	"runbook": func(rule string) string {
		return "https://github.com/cognito-ses-exporter/cognito-ses-exporter/blob/main/docs/runbooks/" + rule + ".md"
	},
	"builtin": func(file string) bool { return strings.HasPrefix(file, "builtin/") },
	"deref":   func(n *float64) float64 { return *n },
	"add":     func(a, b int) int { return a + b },
	"plural": func(n int, one, many string) string {
		if n == 1 {
			return "1 " + one
		}
		return strconv.Itoa(n) + " " + many
	},
}

// render writes a page, or an error if the template fails.
func (s *site) render(w http.ResponseWriter, name, title string, data any) {
	var b bytes.Buffer
	page := struct {
		Options
		Title string
		Page  string
		Now   time.Time
		Data  any
	}{s.o, title, name, time.Now(), data}
	if err := s.pages[name].Execute(&b, page); err != nil {
		s.o.Logger.Error("Rendering a page failed", "page", name, "err", err)
		text(w, http.StatusInternalServerError, "The page could not be rendered; see the log.\n")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	_, _ = w.Write(b.Bytes()) // It fails only if the client has disconnected.
}

func (s *site) index(w http.ResponseWriter, r *http.Request) {
	f := parseFilter(r.URL.Query())
	v := s.view()
	rows, total := v.find(f)
	data := struct {
		*view
		Filter        filter
		Rows          []*row
		Total         int
		Accounts      []account
		Regions       []string
		Modes         []inventory.Mode
		States        []string
		SeverityNames []rules.Severity
		Columns       []column
		Before, After string           // links to the neighbouring pages
		Few           []*rules.Finding // about SES accounts and identities
		More          int              // of them
	}{
		view: v, Filter: f, Rows: rows, Total: total, Accounts: v.accounts, Regions: v.regions, Modes: inventory.Modes(),
		States: []string{"ready", "blocked", "unknown"}, SeverityNames: rules.Severities(), Columns: columns(f),
	}
	data.Few = v.Elsewhere[:min(len(v.Elsewhere), pageSize)]
	data.More = len(v.Elsewhere) - len(data.Few)
	if f.Offset > 0 {
		data.Before = f.query("offset", strconv.Itoa(max(0, f.Offset-f.Limit)))
	}
	if f.Offset+len(rows) < total {
		data.After = f.query("offset", strconv.Itoa(f.Offset+f.Limit))
	}
	s.render(w, "index", "User pools", data)
}

// column is a table heading with a link that sorts by it.
type column struct {
	Title, Link string
	Order       string // ascending, descending or none
}

func columns(f filter) []column {
	all := make([]column, 0, len(orders))
	for _, key := range []string{"state", "account", "region", "name", "mode", "identity", "quota", "findings"} {
		c := column{Title: strings.ToUpper(key[:1]) + key[1:], Link: f.query("sort", key), Order: "none"}
		switch f.Sort {
		case key:
			c.Link, c.Order = f.query("sort", "-"+key), "ascending"
		case "-" + key:
			c.Link, c.Order = f.query("sort", ""), "descending"
		}
		all = append(all, c)
	}
	return all
}

// poolByID redirects to the page of the pool with the ID.
func (s *site) poolByID(w http.ResponseWriter, r *http.Request) {
	row := s.view().pool(r)
	if row == nil {
		noPool(w)
		return
	}
	http.Redirect(w, r, row.Path(), http.StatusFound)
}

func (s *site) pool(w http.ResponseWriter, r *http.Request) {
	v := s.view()
	found := v.pool(r)
	if found == nil {
		noPool(w)
		return
	}
	s.render(w, "pool", found.Name, struct {
		*row
		Confirmed time.Time
	}{found, v.confirmed(found)})
}

func noPool(w http.ResponseWriter) {
	text(w, http.StatusNotFound, "No user pool with this ID is known.\n")
}

func (s *site) rules(w http.ResponseWriter, _ *http.Request) {
	v := s.view()
	s.render(w, "rules", "Rules", struct {
		Rules           []apiRule
		Exemptions      []rules.Exemption
		Expired, Unused []rules.Exemption
	}{v.rulesJSON(), v.Rules.Exemptions(), v.ExpiredExemptions(), v.UnusedExemptions()})
}
