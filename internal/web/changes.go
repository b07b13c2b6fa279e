package web

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// change is a change as pages and JSON show it.
type change struct {
	*inventory.Change
	Target inventory.Target // where it was seen
	Pools  []*row           // whose verdict it can have changed
}

// About is what changed, and its page; without an address for what has none, or
// is gone.
func (c *change) About() link {
	s, k := c.Subject, c.Target.Key()
	switch s.Kind {
	case inventory.CausePool:
		l := link{Name: cmp.Or(c.Name, s.Name)}
		if len(c.Pools) > 0 {
			l.Path = c.Pools[0].Path()
		}
		return l
	case inventory.CauseIdentity:
		return link{s.Name, identityPath(k, s.Name)}
	case inventory.CauseSESAccount:
		return link{"SES account", accountPath(k)}
	default:
		return link{Name: s.Name}
	}
}

// changes returns one page of the changes that fit, the newest first, and how
// many fit in all.
func (v *view) changes(f filter) (page []change, total int) {
	var all []change
	is := func(want, have string) bool { return want == "" || want == have }
	for i, a := range v.Accounts {
		if !is(f.Account, a.ID) {
			continue
		}
		var pools map[inventory.Cause][]*row // by what changed; made where something did
		for n := range a.Readings {
			r := &a.Readings[n]
			if !is(f.Region, r.Target.Region) || len(r.Changes.List) == 0 {
				continue
			}
			if pools == nil {
				pools = v.parts[i].changed()
			}
			for j := range r.Changes.List {
				c := change{&r.Changes.List[j], r.Target, pools[r.Changes.List[j].Subject]}
				c.Target.AccountName = cmp.Or(c.Target.AccountName, a.Name)
				if is(f.Field, string(c.Field)) && c.concerns(f.Pool) {
					all = append(all, c)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b change) int { return b.At().Compare(a.At()) })
	return cut(f, all), len(all)
}

// concerns reports whether the pool of the ID is concerned; an empty one is any.
func (c *change) concerns(pool string) bool {
	return pool == "" || c.Subject.Kind == inventory.CausePool && c.Subject.Name == pool ||
		slices.ContainsFunc(c.Pools, func(r *row) bool { return r.ID == pool })
}

// changed returns the pools by what changed that they depend on.
func (p *part) changed() map[inventory.Cause][]*row {
	pools := map[inventory.Cause][]*row{}
	for r := range p.rows() {
		for _, c := range r.Changes {
			if known := pools[c.Subject]; len(known) == 0 || known[len(known)-1] != r {
				pools[c.Subject] = append(known, r)
			}
		}
	}
	return pools
}

// since returns from when on the changes are known of all targets that could be
// read since then; zero when there is none, or no changes are looked for.
func (v *view) since() (since time.Time) {
	for r := range v.Readings() {
		from := r.Changes.Began
		if !r.Changes.Since.IsZero() {
			from = r.Changes.Since
		}
		if from.After(since) {
			since = from
		}
	}
	return since
}

func (s *site) changes(w http.ResponseWriter, r *http.Request) {
	f := parseFilter(r.URL.Query())
	v := s.view()
	page, total := v.changes(f)
	s.render(w, "changes", "Changes", struct {
		Filter   filter
		Accounts []account
		Regions  []string
		Fields   []inventory.Field
		Changes  []change
		Since    time.Time
		Pager    pager
	}{f, v.accounts, v.Matrix.Regions, inventory.Fields(), page, v.since(), newPager(f, len(page), total, "No change is remembered that fits.")})
}

// changes returns the changes of the pool and of what it depends on, the newest first.
func (r *row) changes() []change {
	var all []change
	for _, changed := range slices.Backward(r.Changes) {
		c := change{changed, *r.Target, []*row{r}}
		c.Target.Region = c.Subject.Region
		all = append(all, c)
	}
	return all
}

type apiChange struct {
	AccountID   string           `json:"account_id"`
	AccountName string           `json:"account_name,omitempty"`
	Region      string           `json:"region"`
	Subject     inventory.Cause  `json:"subject"`
	Name        string           `json:"name,omitempty"`
	Field       inventory.Field  `json:"field"`
	From        *string          `json:"from,omitempty"` // not known without it
	To          string           `json:"to"`
	After       *time.Time       `json:"after,omitempty"`
	By          *time.Time       `json:"by,omitempty"`
	Naming      inventory.Naming `json:"naming"`
	Principal   string           `json:"principal,omitempty"`
	SourceIP    string           `json:"source_ip,omitempty"`
	UserAgent   string           `json:"user_agent,omitempty"`
	EventName   string           `json:"event_name,omitempty"`
	EventTime   *time.Time       `json:"event_time,omitempty"`
	EventID     string           `json:"event_id,omitempty"`
	Pools       []apiPoolRef     `json:"pools"`
}

func (s *site) apiChanges(w http.ResponseWriter, r *http.Request) {
	page, total := s.view().changes(parseFilter(r.URL.Query()))
	s.json(w, http.StatusOK, map[string]any{"total": total, "changes": changesJSON(page)})
}

func changesJSON(changes []change) []apiChange {
	all := make([]apiChange, 0, len(changes))
	for _, c := range changes {
		out := apiChange{
			AccountID: c.Target.AccountID, AccountName: c.Target.AccountName, Region: c.Target.Region, Subject: c.Subject, Name: c.Name,
			Field: c.Field, To: c.To, After: when(c.After), By: when(c.By), Naming: c.Naming, Pools: []apiPoolRef{},
		}
		if !c.FromUnknown {
			out.From = &c.From
		}
		if a := c.Actor; a != nil {
			out.Principal, out.SourceIP, out.UserAgent = a.Principal, a.SourceIP, a.UserAgent
			out.EventName, out.EventTime, out.EventID = a.EventName, when(a.At), a.EventID
		}
		for _, pool := range c.Pools {
			out.Pools = append(out.Pools, poolRef(pool))
		}
		all = append(all, out)
	}
	return all
}
