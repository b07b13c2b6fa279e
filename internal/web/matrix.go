package web

import (
	"cmp"
	"html"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// blockRows is how many accounts at most are below each other in the matrix, so
// that 60 fit on a screen in two tables.
const blockRows = 30

// matrix shows every account in every configured region.
type matrix struct {
	Regions []string
	Blocks  [][]matrixRow // tables that stand beside each other where there is room

	Pending int // configured targets that are still to be read
}

type matrixRow struct {
	Account account
	Cells   []cell // of each region
}

// cell is an account in a region.
type cell struct {
	count
	Target *inventory.Target // nil when it is not configured, or still to be read
	Listed bool              // whether the pools were ever listed
	APIs   []string          // that pools' verdicts need and that could not be read
	Off    string            // why there can be no pools, empty if there can
}

// Look is the cell's appearance, after the worst that there is.
func (c *cell) Look() string {
	switch {
	case c.Target == nil:
		return "none"
	case c.Blocked > 0:
		return "blocked"
	case len(c.APIs) > 0:
		return "unreadable"
	case c.Off != "":
		return "off"
	case c.Unknown > 0:
		return "unknown"
	case c.Pools > 0:
		return "ready"
	default:
		return "empty"
	}
}

// Words is what the cell says, in words.
func (c *cell) Words() string {
	var words []string
	switch {
	case c.Off != "":
		words = append(words, c.Off)
	case c.Listed:
		words = append(words, plural(c.Pools, "pool", "pools"))
	}
	if c.Blocked > 0 {
		words = append(words, plural(c.Blocked, "blocked", "blocked"))
	}
	if c.Unknown > 0 {
		words = append(words, plural(c.Unknown, "unknown", "unknown"))
	}
	if len(c.APIs) > 0 {
		words = append(words, strings.Join(c.APIs, " and ")+" not readable")
	}
	return cmp.Or(c.Target.AccountName, c.Target.AccountID) + " in " + c.Target.Region + ": " + strings.Join(words, ", ")
}

// HTML is the row's cells. There may be thousands, for which the template would
// take ten times as long.
func (r *matrixRow) HTML() template.HTML {
	var b strings.Builder
	for i := range r.Cells {
		c := &r.Cells[i]
		b.WriteString(`<td class="` + c.Look() + `">`)
		if c.Target != nil {
			words := html.EscapeString(c.Words())
			b.WriteString(`<a href="/?account=` + url.QueryEscape(r.Account.ID) + `&amp;region=` + url.QueryEscape(c.Target.Region) + `" title="` + words + `"><span aria-hidden="true">`)
			if c.Blocked > 0 {
				b.WriteString(`<b>✕` + strconv.Itoa(c.Blocked) + `</b> `)
			}
			if len(c.APIs) > 0 {
				b.WriteString(`<b>!</b> `)
			}
			if c.Unknown > 0 {
				b.WriteString(`<b>?` + strconv.Itoa(c.Unknown) + `</b> `)
			}
			switch {
			case c.Off != "":
				b.WriteString("off")
			case c.Listed:
				b.WriteString(strconv.Itoa(c.Pools))
			}
			b.WriteString(`</span><span class="hidden">` + words + `</span></a>`)
		}
		b.WriteString("</td>")
	}
	return template.HTML(b.String()) //nolint:gosec // What is not from here is escaped.
}

func newMatrix(accounts []*inventory.Account, parts []*part) matrix {
	var m matrix
	regions := map[string]bool{}
	for _, a := range accounts {
		read := 0
		for i := range a.Readings {
			if t := &a.Readings[i].Target; !t.SESOnly {
				regions[t.Region] = true
				read++
			}
		}
		m.Pending += max(0, a.Targets-read)
	}
	m.Regions = slices.Sorted(maps.Keys(regions))
	column := map[string]int{}
	for i, region := range m.Regions {
		column[region] = i
	}
	rows := make([]matrixRow, 0, len(accounts))
	for i, a := range accounts {
		row := matrixRow{account{a.ID, a.Name}, make([]cell, len(m.Regions))}
		for j := range a.Readings {
			r := &a.Readings[j]
			if r.Target.SESOnly {
				continue
			}
			c := &row.Cells[column[r.Target.Region]]
			c.Target, c.Listed = &r.Target, listed(r)
			if in := parts[i].regions[r.Target.Region]; in != nil {
				c.count = *in
			}
			for _, o := range r.Outcomes {
				switch {
				case o.API == inventory.APICognito && o.Class == inventory.RegionDisabled:
					c.Off = "the region is disabled"
				case o.API == inventory.APICognito && o.Class == inventory.NotOffered:
					c.Off = "AWS does not offer user pools in the region"
				case failing(o) && o.API != inventory.APICloudWatch && o.API != inventory.APICloudTrail:
					c.APIs = append(c.APIs, o.API)
				}
			}
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b matrixRow) int { return compareAccounts(a.Account, b.Account) })
	if len(rows) > 0 {
		blocks := (len(rows) + blockRows - 1) / blockRows
		m.Blocks = slices.Collect(slices.Chunk(rows, (len(rows)+blocks-1)/blocks))
	}
	return m
}

// listed reports whether the pools of the reading were ever listed.
func listed(r *inventory.Reading) bool { return !r.PoolsListed.IsZero() || len(r.Pools) > 0 }

// failing reports whether an API could not be read although it should be there.
func failing(o inventory.Outcome) bool {
	return o.Class.Failed()
}

func targetStates() []string { return []string{"failing", "ok"} }

// target is a reading as the page of targets shows it.
type target struct {
	*inventory.Reading
	State string // one of targetStates
}

// targets returns one page of the targets that fit, the failing ones first, and
// how many fit in all.
func (v *view) targets(f filter) (page []target, total int) {
	all := []target{}
	text := strings.ToLower(f.Text)
	for r := range v.Readings() {
		t := target{r, "ok"}
		if slices.ContainsFunc(r.Outcomes, failing) {
			t.State = "failing"
		}
		is := func(want, have string) bool { return want == "" || want == have }
		if is(f.Account, r.Target.AccountID) && is(f.Region, r.Target.Region) && is(f.State, t.State) && t.mentions(text) {
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b target) int {
		return cmp.Or(
			cmp.Compare(a.State, b.State),
			cmp.Compare(cmp.Or(a.Target.AccountName, a.Target.AccountID), cmp.Or(b.Target.AccountName, b.Target.AccountID)),
			cmp.Compare(a.Target.Region, b.Target.Region),
		)
	})
	return cut(f, all), len(all)
}

// mentions reports whether what names the target, or what AWS said of it, contains
// the text, which is in lower case.
func (t target) mentions(text string) bool {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return text == "" || has(t.Target.AccountID) || has(t.Target.AccountName) || has(t.Target.Region) ||
		slices.ContainsFunc(t.Outcomes, func(o inventory.Outcome) bool {
			return has(string(o.Class)) || has(o.Message) || failing(o) && has(o.API)
		})
}
