package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

func (r *Report) table(w io.Writer) error {
	if r.Plan != nil {
		if err := r.Plan.write(w); err != nil {
			return err
		}
	}
	if len(r.Findings) > 0 {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		head, row := "SEVERITY\tACCOUNT\tREGION\tWHAT\tRULE\tMESSAGE", func(f *Finding) string { return cells(&f.Finding) }
		if r.Baseline != nil {
			head, row = "BASELINE\t"+head, func(f *Finding) string { return string(f.State) + "\t" + cells(&f.Finding) }
		}
		_, _ = fmt.Fprintln(t, head) // Errors come with Flush.
		for i := range r.Findings {
			_, _ = fmt.Fprintln(t, row(&r.Findings[i]))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(w)
		for _, f := range r.remedies() {
			_, _ = fmt.Fprintf(w, "%s: %s\n", f.Rule, printable.Text(f.Remedy))
		}
		_, _ = fmt.Fprintf(w, "\nMore on a rule: %s runbook RULE\n\n", tool)
	}
	if c := r.Baseline; c != nil && len(c.Gone) > 0 {
		_, _ = fmt.Fprintln(w, "Gone since the baseline:")
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for i := range c.Gone {
			_, _ = fmt.Fprintln(t, cells(&c.Gone[i].Finding))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(w)
	}
	if s := r.compared(); s != "" {
		_, _ = fmt.Fprintln(w, s)
	}
	_, err := fmt.Fprintf(w, "%s: %s; %s\n", r.scope(), r.counts(), r.rest())
	return err
}

// cells are a finding's row of the table.
func cells(f *rules.Finding) string {
	name := cell(what(f))
	if id := id(f); id != "" {
		name += " (" + cell(id) + ")"
	}
	return strings.Join([]string{string(f.Severity), cmp.Or(cell(account(f)), "unknown"), cmp.Or(cell(f.Region), "unknown"), name, cell(f.Rule), printable.Text(f.Message)}, "\t")
}

// widest is how many characters of a name are shown in a table.
const widest = 128

// cell is text of others in a table: one line, and no wider than a name of AWS is.
func cell(s string) string { return printable.Cut(printable.Text(s), widest) }

func (r *Report) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"severity", "rule", "account_id", "account_name", "region", "user_pool_id", "pool_name", "identity", "message", "remedy", "fingerprint", "state"})
	for _, f := range r.Findings {
		row := []string{
			string(f.Severity), f.Rule, f.AccountID, f.AccountName, f.Region, f.PoolID, f.PoolName, f.Identity, f.Message, f.Remedy,
			f.Fingerprint, string(f.State),
		}
		for i := range row {
			row[i] = printable.Cell(row[i])
		}
		_ = c.Write(row) // Errors come with Flush.
	}
	c.Flush()
	return c.Error()
}
