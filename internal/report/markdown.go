package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// maxMarkdown bounds the Markdown, in bytes. GitHub takes comments of 65,536
// characters, and job summaries of 1 MiB; there is room for a line of who posts it.
const maxMarkdown = 65_000

// markdown writes a summary for a pull request or a job, in GitHub's Markdown,
// which GitLab and others read as well. The findings are sorted, those that a
// baseline knows last: what does not fit is the least important.
func (r *Report) markdown(w io.Writer) (cut string, err error) {
	var head, tail strings.Builder
	_, _ = fmt.Fprintf(&head, "## %s: %s\n\n%s; %s. %s\n", tool, r.counts(), r.scope(), r.rest(), r.GeneratedAt.Format("2006-01-02 15:04 UTC"))
	if r.Demo {
		head.WriteString("\n**Demo: the data are simulated.**\n")
	}
	if s := r.compared(); s != "" {
		head.WriteString("\n" + s + ".\n")
	}

	var lines, remedies, gone, missing []string
	if r.Plan != nil {
		for _, note := range r.Plan.Notes {
			missing = append(missing, "- "+md(note)+"\n")
		}
	}
	for _, u := range r.Unreadable {
		missing = append(missing, "- "+md(u.Message)+"\n")
	}
	for _, f := range r.remedies() {
		remedies = append(remedies, "- `"+f.Rule+"`: "+md(f.Remedy)+"\n")
	}
	const columns = "severity | account | region | what | rule | message |\n"
	first, rows := "| "+columns+"|---|---|---|---|---|---|\n", r.Findings
	if c := r.Baseline; c != nil {
		first, rows = "| baseline | "+columns+"|---|---|---|---|---|---|---|\n", nil
		for _, known := range []bool{false, true} {
			for _, f := range r.Findings {
				if (f.State == Known) == known {
					rows = append(rows, f)
				}
			}
		}
		for i := range c.Gone {
			f := &c.Gone[i].Finding
			gone = append(gone, "- "+mdCell(account(f))+", "+md(f.Region)+", "+about(f)+": "+mdCell(f.Rule)+"\n")
		}
	}
	for i := range rows {
		f := &rows[i]
		state := ""
		if f.State != "" {
			state = string(f.State) + " | "
		}
		lines = append(lines, "| "+state+strings.Join([]string{string(f.Severity), mdCell(account(&f.Finding)), md(f.Region), about(&f.Finding), "`" + f.Rule + "`", md(f.Message)}, " | ")+" |\n")
	}

	// A tenth each for what is beside the findings, which get all that is left.
	var cuts []string
	section := func(b *strings.Builder, before string, lines []string, after string, most int, noun string) {
		if len(lines) == 0 {
			return
		}
		b.WriteString(before)
		used := 0
		for i, line := range lines {
			if used += len(line); used > most {
				n := count(len(lines)-i, noun)
				b.WriteString("\n" + n + " more did not fit in here.\n")
				cuts = append(cuts, fmt.Sprintf("%s of %d", n, len(lines)))
				break
			}
			b.WriteString(line)
		}
		b.WriteString(after)
	}
	if r.Plan != nil {
		section(&tail, "\n### Pools of the plan\n\n| pool | action | region | ready | sender | where |\n|---|---|---|---|---|---|\n", r.Plan.markdown(), "", maxMarkdown/10, "pool")
	}
	section(&tail, "\n### Not read\n\n", missing, "", maxMarkdown/10, "message")
	section(&tail, "\n<details><summary>How to fix</summary>\n\n", remedies, "\nMore on a rule: `"+tool+" runbook RULE`\n\n</details>\n", maxMarkdown/10, "line")
	section(&tail, "\n<details><summary>Gone since the baseline</summary>\n\n", gone, "\n</details>\n", maxMarkdown/10, "finding")
	const note = 200 // and less is what a section says of what did not fit
	section(&head, "\n"+first, lines, "", maxMarkdown-head.Len()-tail.Len()-len(first)-note, "finding")
	_, err = io.WriteString(w, head.String()+tail.String())
	return strings.Join(cuts, ", "), err
}

// about is what the finding is about as a cell of the table, with the ID of a
// pool, or its address in a plan.
func about(f *rules.Finding) string {
	if id := id(f); id != "" {
		return mdCell(what(f)) + " (" + mdCell(id) + ")"
	}
	return mdCell(what(f))
}

// mdCell is [md] of a name, no longer than one of AWS is.
func mdCell(s string) string { return md(printable.Cut(s, widest)) }

// md returns Markdown that shows the text as it is, in a line: without markup,
// HTML, links or formulas, and without notifying whom it mentions. The invisible
// space behind @ and # keeps GitHub from seeing a person, team or issue there.
func md(s string) string {
	var b strings.Builder
	s = strings.Join(strings.Fields(printable.Text(s)), " ")
	for i, c := range s {
		switch {
		case c == '@' || c == '#':
			b.WriteString(string(c) + "&#8203;")
			continue
		case strings.ContainsRune("\\`*_{}[]<>()|~&:$!", c), c == '.' && strings.HasSuffix(strings.ToLower(s[:i]), "www"):
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
