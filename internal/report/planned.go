package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// PlanOptions say of which plan the pools are.
type PlanOptions struct {
	Path    string           // as it was given
	Format  string           // such as terraform
	SESRead bool             // SES was asked; else what depends on it is not known
	Notes   []string         // what is not judged, and why
	Quota   inventory.Policy // of the built-in sender
}

// Plan is what is known of the pools that a plan creates or changes.
type Plan struct {
	Path    string         `json:"path"`
	Format  string         `json:"format"`
	SESRead bool           `json:"ses_read"`
	Pools   []*PlannedPool `json:"pools"`
	Notes   []string       `json:"notes"`
}

// PlannedPool is one of them. What is empty is not known.
type PlannedPool struct {
	Resource       string             `json:"resource"`
	Action         string             `json:"action"`
	File           string             `json:"file,omitempty"`
	Line           int                `json:"line,omitempty"`
	AccountID      string             `json:"account_id,omitempty"`
	Region         string             `json:"region,omitempty"`
	PoolID         string             `json:"user_pool_id,omitempty"` // empty as long as it has none
	Name           string             `json:"pool_name,omitempty"`
	Mode           inventory.Mode     `json:"mode"`
	Sender         string             `json:"sender"` // who sends its e-mail, in words
	Identity       string             `json:"identity,omitempty"`
	IdentityRegion string             `json:"identity_region,omitempty"`
	Ready          *bool              `json:"ready"` // nil is unknown
	Blocked        []inventory.Reason `json:"blocked"`
	Undetermined   []inventory.Reason `json:"undetermined"`
	Pending        []string           `json:"known_after_apply"` // settings, by AWS's names

	ready inventory.Tri
}

// planOf returns what is known of the pools of a judged plan.
func planOf(j *rules.Judgement, o *PlanOptions) *Plan {
	p := &Plan{Path: o.Path, Format: o.Format, SESRead: o.SESRead, Pools: []*PlannedPool{}, Notes: append([]string{}, o.Notes...)}
	for pool := range j.Pools() {
		at := pool.Planned
		if at == nil {
			continue
		}
		one := &PlannedPool{
			Resource: at.Resource, Action: at.Action, File: at.File, Line: at.Line, AccountID: pool.Target.AccountID, Region: pool.Target.Region,
			Name: pool.Name, Mode: pool.Mode(), Sender: senderOf(pool, o), Identity: pool.Identity, IdentityRegion: pool.IdentityRegion, ready: pool.Ready,
			Blocked: append([]inventory.Reason{}, pool.Blocked()...), Undetermined: append([]inventory.Reason{}, pool.Undecided()...),
			Pending: append([]string{}, pool.Settings.Pending.Names()...),
		}
		if pool.ID != at.Resource {
			one.PoolID = pool.ID
		}
		if pool.Ready != inventory.Unknown {
			ready := pool.Ready == inventory.Yes
			one.Ready = &ready
		}
		p.Pools = append(p.Pools, one)
	}
	return p
}

// senderOf says who sends a pool's e-mail. Of the built-in sender it says why,
// where nobody has chosen it.
func senderOf(p *inventory.Pool, o *PlanOptions) string {
	s := p.Settings
	email := &s.EmailConfiguration
	switch {
	case p.CustomSender() == inventory.Yes:
		return "a CustomEmailSender Lambda function"
	case s.Pending.Has(inventory.PendingMode):
		return "known after apply"
	case s.Mode == inventory.ModeUnknown:
		return "EmailSendingAccount " + email.UnknownMode + ", which this version does not know"
	case s.ModeAbsent:
		missing := "EmailSendingAccount"
		switch {
		case o.Format == "terraform":
			missing = "email_configuration"
		case email.SourceARN+email.From+email.ReplyTo+email.ConfigurationSet == "" && s.Pending&inventory.PendingEmail == 0:
			missing = "EmailConfiguration"
		}
		return "COGNITO_DEFAULT" + limitOf(o) + ", since it has no " + missing
	case s.Mode == inventory.ModeDefault:
		return "COGNITO_DEFAULT" + limitOf(o)
	case p.Identity == "":
		return "DEVELOPER"
	default:
		return "DEVELOPER as " + p.Identity + " in " + cmp.Or(p.IdentityRegion, "its region")
	}
}

// limitOf says what the built-in sender's quota is.
func limitOf(o *PlanOptions) string {
	if !o.Quota.Enabled {
		return ""
	}
	return fmt.Sprintf(" with %g e-mails a day", o.Quota.Limit)
}

// ofPlan removes findings about what no pool of the plan needs, and places the
// others where a pool is that does.
func (r *Report) ofPlan(j *rules.Judgement) {
	at := map[inventory.PoolKey]*inventory.Planned{}
	for pool := range j.Pools() {
		at[pool.Key()] = pool.Planned
	}
	kept := []Finding{}
	for _, f := range r.Findings {
		if len(f.Behind) == 0 {
			continue
		}
		b := f.Behind[0]
		planned := at[inventory.PoolKey{Key: inventory.Key{AccountID: f.AccountID, Region: b.Region}, ID: b.ID}]
		if f.File == "" && planned != nil {
			f.File, f.Line = planned.File, planned.Line
		}
		kept = append(kept, f)
	}
	r.Findings = kept
}

// markdown returns the pools of the plan as rows of a table.
func (p *Plan) markdown() []string {
	rows := make([]string, 0, len(p.Pools))
	for _, pool := range p.Pools {
		rows = append(rows, "| "+strings.Join([]string{
			mdCell(pool.Resource), pool.Action, md(cmp.Or(pool.Region, "unknown")), pool.Says(), md(pool.Sender), md(pool.Where()),
		}, " | ")+" |\n")
	}
	return rows
}

// Where returns the file and line of the pool, as far as they are known.
func (p *PlannedPool) Where() string {
	return (&inventory.Planned{File: p.File, Line: p.Line}).Where()
}

// Says returns in a word whether the pool is ready.
func (p *PlannedPool) Says() string { return p.ready.String() }

// write writes the pools of the plan as a table.
func (p *Plan) write(w io.Writer) error {
	if len(p.Pools) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "POOL\tACTION\tACCOUNT\tREGION\tREADY\tWHERE\tSENDER") // Errors come with Flush.
	for _, pool := range p.Pools {
		_, _ = fmt.Fprintln(t, strings.Join([]string{
			cell(pool.Resource), pool.Action, cmp.Or(pool.AccountID, "unknown"), cmp.Or(cell(pool.Region), "unknown"), pool.Says(), printable.Text(pool.Where()), printable.Text(pool.Sender),
		}, "\t"))
	}
	_, _ = fmt.Fprintln(t)
	return t.Flush()
}
