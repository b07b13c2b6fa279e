package web

import (
	"bytes"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	gmtext "github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/docs"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// markdown renders runbooks. HTML in them is left out, whoever wrote it.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.Table),
	goldmark.WithParserOptions(parser.WithAutoHeadingID(), parser.WithASTTransformers(util.Prioritized(relink{}, 0))),
)

// relink lets links lead to places that exist: to other runbooks here and to
// absolute addresses. Of any other link, the text is left, as of any image.
type relink struct{}

// Transform implements [parser.ASTTransformer].
func (relink) Transform(doc *ast.Document, _ gmtext.Reader, _ parser.Context) {
	var dead []ast.Node
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Image:
			dead = append(dead, n)
		case *ast.Link:
			to := string(n.Destination)
			file, anchor, _ := strings.Cut(to, "#")
			id, ok := strings.CutSuffix(strings.TrimPrefix(file, "../"), ".md")
			if _, known := docs.Runbook(id); ok && known {
				n.Destination = []byte(runbookPath(id))
				if anchor != "" {
					n.Destination = append(n.Destination, "#"+anchor...)
				}
			} else if !isAddress(to) && (file != "" || anchor == "") {
				dead = append(dead, n)
			}
		}
		return ast.WalkContinue, nil
	}) // It only fails as the function does.
	for _, n := range dead {
		for n.HasChildren() {
			n.Parent().InsertBefore(n.Parent(), n, n.FirstChild())
		}
		n.Parent().RemoveChild(n.Parent(), n)
	}
}

// runbook returns the runbook with the ID: of a rule, one that comes with the
// program, or what is known of a rule that has none. own is the address of one
// that is elsewhere.
func (s *site) runbook(id string) (body, own string, ok bool) {
	all := s.view().Rules.Rules()
	i := slices.IndexFunc(all, func(r rules.Rule) bool { return r.ID == id })
	builtin, exists := docs.Runbook(id)
	switch {
	case i < 0 || all[i].Runbook == "" && exists:
		return builtin, "", exists
	case isAddress(all[i].Runbook):
		return "", all[i].Runbook, true
	case all[i].Runbook != "":
		return all[i].Runbook, "", true
	default:
		return "# " + id + "\n\nThis rule has no runbook.\n\n## What it means\n\n" + plain(all[i].Summary) + "\n\n## How to fix\n\n" + plain(all[i].Remedy) + "\n", "", true
	}
}

// plain returns Markdown that shows the text as it is.
func plain(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if strings.ContainsRune("\\`*_{}[]()#+-.!|<>&~:", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (s *site) runbookPage(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	body, own, ok := s.runbook(id)
	switch {
	case !ok:
		s.fail(w, r, http.StatusNotFound, "There is no runbook of this name.")
		return
	case own != "":
		http.Redirect(w, r, own, http.StatusFound)
		return
	}
	var b bytes.Buffer
	if err := markdown.Convert([]byte(body), &b); err != nil {
		s.o.Logger.Error("Rendering a runbook failed", "runbook", id, "err", err)
		s.fail(w, r, http.StatusInternalServerError, "The runbook could not be rendered; see the log.")
		return
	}
	s.render(w, "runbook", id, template.HTML(b.String())) //nolint:gosec // goldmark has escaped it and left HTML out.
}

func (s *site) runbooksPage(w http.ResponseWriter, _ *http.Request) {
	ids := docs.Runbooks()
	for _, r := range s.view().Rules.Rules() {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	s.render(w, "runbooks", "Runbooks", slices.Compact(ids))
}
