package report

import (
	_ "embed"
	"html/template"
	"io"
	"slices"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"plain": printable.Text, "account": func(f Finding) string { return account(&f.Finding) }, "what": func(f Finding) string { return what(&f.Finding) },
	"id": func(f Finding) string { return id(&f.Finding) },
}).Parse(page))

// html writes one page that needs nothing else: no script, no other file.
func (r *Report) html(w io.Writer) error {
	type counted struct {
		Severity rules.Severity
		N        int
	}
	var counts []counted
	for _, severity := range slices.Backward(rules.Severities()) {
		if n := r.severities()[severity]; n > 0 {
			counts = append(counts, counted{severity, n})
		}
	}
	return pageTemplate.Execute(w, map[string]any{
		"Tool": tool, "R": r, "At": r.GeneratedAt.Format("2006-01-02 15:04 UTC"), "Counts": counts,
		"Scope": r.scope(), "Rest": r.rest(), "Compared": r.compared(), "Remedies": r.remedies(), "Version": r.o.Version,
	})
}
