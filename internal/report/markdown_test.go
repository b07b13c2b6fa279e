package report

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// render renders Markdown as GitHub does, with all that it makes a link.
func render(t *testing.T, markdown string) string {
	t.Helper()
	var b strings.Builder
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(markdown), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdown(t *testing.T) {
	r := full(t)
	out := write(t, r, "markdown")
	for _, want := range []string{
		"## cognito-ses-exporter: 1 critical, ", "4 pools on 3 targets; ", "1 not read. 2026-11-24 12:00 UTC\n", "Compared with the baseline of 2026-11-23 12:00 UTC: ",
		"\n| worse | critical | production \\& more | eu-west-1 | built-in (eu-west-1_3) | `any-pool` | ", "- `any-pool`: Delete it.\n", "<summary>Gone since the baseline</summary>", "### Not read\n",
	} {
		if want = strings.ReplaceAll(want, "eu-west-1_3", `eu-west-1\_3`); !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	page := render(t, out)
	if rows := strings.Count(page, "<tr>"); rows != 1+len(r.Findings) {
		t.Errorf("%d rows, want %d", rows, 1+len(r.Findings))
	}
	if cells := strings.Count(page, "<td>"); cells != 7*len(r.Findings) {
		t.Errorf("%d cells, want %d", cells, 7*len(r.Findings))
	}
	if regexp.MustCompile(`<a |<script|<em>|@team|#1\b`).MatchString(page) {
		t.Errorf("markup of somebody's name:\n%s", page)
	}
	if i, j := strings.Index(out, "| known |"), strings.LastIndex(out, "| new |"); i < j {
		t.Error("what is known is before what is new")
	}
	none := write(t, Of((&rules.Set{}).Judge(judge(t, readings()).Snapshot), options()), "markdown")
	if !strings.HasPrefix(none, "## cognito-ses-exporter: 0 critical, 0 warning, 0 info\n") || strings.Contains(none, "|") || strings.Contains(none, "details") {
		t.Errorf("without findings:\n%s", none)
	}
}

// FuzzMarkdown checks that any text is shown as it is, and is nothing else.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{
		evil, "", "a", "1. x", "- x", "# x", "> x", "~~x~~", "**x**", "__x__", "[x](y)", "![x](y)", "<b>", "&lt;", "http://x.example", "www.example.com", "WWW.example.com",
		"a@b.example", "@a/b", "x | y", "\\|", "a\nb", "`a`", "``", "$x$", ":tada:", "x\x00y", "[^1]", "[x]: /y", "a  b", "+++", "---", "===", "\\", "ftp://a.example",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		page := strings.TrimSpace(render(t, "| a |\n|---|\n| x "+md(s)+" x |\n"))
		cell := regexp.MustCompile(`(?s)<td>(.*)</td>`).FindStringSubmatch(page)
		if cell == nil || strings.Contains(cell[1], "<") {
			t.Fatalf("%q is %s", s, page)
		}
		got := strings.Join(strings.Fields(strings.ReplaceAll(html.UnescapeString(cell[1]), "\u200b", "")), " ")
		want := strings.Join(strings.Fields("x "+strings.ReplaceAll(printable.Text(s), "\u200b", "")+" x"), " ")
		if got != want {
			t.Errorf("%q is shown as %q, want %q", s, got, want)
		}
	})
}

func TestMarkdownLimit(t *testing.T) {
	for n, want := range map[int]string{10: "", 2000: " findings of 2000"} {
		r := many(n)
		for i := range r.Findings {
			r.Findings[i].Message = strings.Repeat("*", 100)
		}
		for i := range n {
			r.Unreadable = append(r.Unreadable, Unreadable{Message: fmt.Sprintf("message %d", i)})
		}
		var b strings.Builder
		cut, err := r.markdown(&b)
		if err != nil || !strings.HasSuffix(cut, want) || (cut == "") != (want == "") {
			t.Errorf("%d findings: %q, %v", n, cut, err)
		}
		out := b.String()
		if len(out) > maxMarkdown || n > 100 && len(out) < maxMarkdown*8/10 {
			t.Errorf("%d findings: %d bytes", n, len(out))
		}
		var missing, left int
		if i := strings.Index(out, " findings more did not fit in here."); i >= 0 {
			_, _ = fmt.Sscan(out[strings.LastIndexByte(out[:i], '\n')+1:i], &missing)
		}
		left = strings.Count(out, "\n| warning |") + strings.Count(out, "\n| critical |")
		if left+missing != n || !strings.Contains(out, "| critical |") {
			t.Errorf("%d findings: %d are shown and %d missing", n, left, missing)
		}
		if n > 100 && (!strings.Contains(cut, "messages of 2000, ") || !strings.Contains(out, "messages more did not fit in here.")) {
			t.Errorf("what was not read: %q", cut)
		}
	}
}
