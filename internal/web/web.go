// Package web serves the pages, their data as JSON, the configuration, health,
// readiness and the reload. It reads what it is given and must not know AWS,
// the collector or where the configuration comes from.
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
	View          func() (*inventory.Snapshot, *rules.Result)
	Rules         func() *rules.Set
	Ready         func() bool                 // has every target been read once?
	Config        func() string               // the effective configuration without secrets
	Reload        func(context.Context) error // nil switches POST /-/reload off
	Logger        *slog.Logger
}

// Taken lists the first parts of the paths that pages have.
func Taken() []string {
	return []string{"", "-", "api", "config", "pools", "rules", "static", "targets"}
}

// site is what the routes share.
type site struct {
	o     Options
	views views
	pages map[string]*template.Template
}

func (s *site) view() *view { return s.views.of(s.o.View()) }

// Handler returns the server's routes.
func Handler(o Options) http.Handler {
	s := &site{o: o, pages: map[string]*template.Template{}}
	for _, name := range []string{"index", "pool", "targets", "rules"} {
		s.pages[name] = template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "templates/layout.html", "templates/"+name+".html"))
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // The files are part of the program.
	}
	mux := http.NewServeMux()
	mux.Handle(o.TelemetryPath, o.Metrics)
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("GET /pools/{id}", s.pool)
	mux.HandleFunc("GET /targets", func(w http.ResponseWriter, _ *http.Request) {
		s.render(w, "targets", "Targets", s.view())
	})
	mux.HandleFunc("GET /rules", s.rules)
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
	s.api(mux)
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

// functions are what the templates need beyond their data.
var functions = template.FuncMap{
	"number": func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) },
	"percent": func(ratio float64) string {
		return strconv.FormatFloat(ratio*100, 'f', 2, 64) + " %"
	},
	"ratio": func(q *inventory.Quota) float64 { ratio, _ := q.UsedRatio(); return min(ratio, 1) },
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
}

// render writes a page. It is written only when it is whole.
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
	_, _ = w.Write(b.Bytes()) // The client has gone; nobody is left to tell.
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
		Before, After string          // links to the neighbouring pages
		Few           []rules.Finding // about SES accounts and identities
		More          int             // of them
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

// column is a heading that sorts.
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

func (s *site) pool(w http.ResponseWriter, r *http.Request) {
	v := s.view()
	i, ok := v.byID[r.PathValue("id")]
	if !ok {
		text(w, http.StatusNotFound, "There is no such user pool, or it is not known any more.\n")
		return
	}
	s.render(w, "pool", v.rows[i].Name, &v.rows[i])
}

func (s *site) rules(w http.ResponseWriter, _ *http.Request) {
	v, set := s.view(), s.o.Rules()
	s.render(w, "rules", "Rules", struct {
		Rules      []apiRule
		Exemptions []rules.ExemptionInfo
		Result     *rules.Result
	}{v.rulesJSON(set), set.Exemptions(), v.result})
}
