package web

import (
	"net/http"
	"slices"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/plan"
)

// The plan names so many pools of a kind for each fix.
const (
	mostFixPools    = 10  // on the page
	mostFixPoolsAPI = 100 // in JSON
)

// fixes returns the plan of all accounts, or of one. It is made when it is first
// asked for, and account by account.
func (v *view) fixes(account string) []*plan.Fix {
	if account != "" {
		if _, part := v.account(account); part != nil {
			return part.fixes()
		}
		return nil
	}
	each := make([][]*plan.Fix, len(v.parts))
	for i, p := range v.parts {
		each[i] = p.fixes()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.plan == nil {
		v.plan = plan.Join(each...)
	}
	return v.plan
}

// fixList is a part of a plan.
type fixList struct {
	Fixes              []*plan.Fix // that are shown
	Total              int
	Blocked, Unblocked int // pools, and those of them that can send after one fix
}

func (v *view) planFor(f filter) *fixList {
	all := v.fixes(f.Account)
	out := &fixList{Fixes: cut(f, all), Total: len(all), Blocked: v.Blocked, Unblocked: plan.Unblocked(all)}
	if f.Account != "" {
		out.Blocked = 0
		if _, part := v.account(f.Account); part != nil {
			for _, c := range part.regions {
				out.Blocked += c.Blocked
			}
		}
	}
	return out
}

// shownFix is a fix as its page shows it.
type shownFix struct {
	*plan.Fix
	Effect string
	Owners []owner
	Lists  []listedPools
}

// listedPools are pools that a fix concerns in the same way.
type listedPools struct {
	What  string
	Pools []shownPool
	More  int // that are not shown
}

type shownPool struct {
	plan.Pool
	Also []link // the other fixes that it needs; without a path where they are on another page
}

func (l *fixList) shown(tags []string) []shownFix {
	all := make([]shownFix, 0, len(l.Fixes))
	for _, f := range l.Fixes {
		s := shownFix{Fix: f, Effect: f.Effect(tags), Owners: grouped(f.Owners(tags))}
		for _, list := range f.Lists() {
			few := list.Pools[:min(len(list.Pools), mostFixPools)]
			out := listedPools{What: list.What, More: len(list.Pools) - len(few)}
			for _, p := range few {
				shown := shownPool{Pool: p}
				for _, fix := range p.Also {
					also := link{Name: fix.Action()}
					if slices.Contains(l.Fixes, fix) {
						also.Path = "#" + fix.ID()
					}
					shown.Also = append(shown.Also, also)
				}
				out.Pools = append(out.Pools, shown)
			}
			if len(few) > 0 {
				s.Lists = append(s.Lists, out)
			}
		}
		all = append(all, s)
	}
	return all
}

// grouped gathers owners by their tag, which are in its order.
func grouped(all []plan.Owner) []owner {
	var out []owner
	for _, o := range all {
		if len(out) == 0 || out[len(out)-1].Tag != o.Tag {
			out = append(out, owner{Tag: o.Tag})
		}
		last := &out[len(out)-1]
		last.Values = append(last.Values, ownerValue{o.Value, o.Pools})
	}
	return out
}

func (s *site) plan(w http.ResponseWriter, r *http.Request) {
	f := parseFilter(r.URL.Query())
	v := s.view()
	l := v.planFor(f)
	s.render(w, "plan", "Plan", struct {
		*fixList
		Shown   []shownFix
		Account account // whose plan it is; without ID for all accounts
		First   int
		Pager   pager
	}{l, l.shown(s.o.Tags()), v.named(f.Account), f.Offset + 1, newPager(f, len(l.Fixes), l.Total, "Nothing has to be done.")})
}

// named returns the account with the ID, whose name is empty where it is not known.
func (v *view) named(id string) account {
	if a, _ := v.account(id); a != nil {
		return account{a.ID, a.Name}
	}
	return account{ID: id}
}

// The JSON of the plan.
type (
	apiFix struct {
		ID          string       `json:"id"`
		Kind        plan.Kind    `json:"kind"`
		Title       string       `json:"title"`
		AccountID   string       `json:"account_id"`
		AccountName string       `json:"account_name,omitempty"`
		Region      string       `json:"region,omitempty"`
		Name        string       `json:"name,omitempty"`
		Severity    string       `json:"severity"`
		Rules       []string     `json:"rules"`
		Unblocks    apiFixPools  `json:"unblocks"`
		Maybe       apiFixPools  `json:"may_unblock"`
		Partly      apiFixPools  `json:"need_more"`
		Concerns    apiFixPools  `json:"concerns"`
		Owners      []plan.Owner `json:"owners"`
		Steps       []plan.Step  `json:"steps"`
		Console     []plan.Link  `json:"console"`
	}
	apiFixPools struct {
		Total int          `json:"total"`
		Pools []apiFixPool `json:"pools"` // the first ones
	}
	apiFixPool struct {
		apiPoolRef
		Also []string `json:"also,omitempty"` // IDs of fixes
	}
)

func fixJSON(f *plan.Fix, tags []string) apiFix {
	pools := func(list []plan.Pool) apiFixPools {
		out := apiFixPools{len(list), []apiFixPool{}}
		for _, p := range list[:min(len(list), mostFixPoolsAPI)] {
			shown := apiFixPool{apiPoolRef: poolRef(&row{Pool: p.Pool})}
			for _, fix := range p.Also {
				shown.Also = append(shown.Also, fix.ID())
			}
			out.Pools = append(out.Pools, shown)
		}
		return out
	}
	return apiFix{
		f.ID(), f.Kind, f.Title(tags), f.AccountID, f.AccountName, f.Region, f.Name, string(f.Severity), append([]string{}, f.Rules...),
		pools(f.Unblocks), pools(f.Maybe), pools(f.Partly), pools(f.Concerns),
		append([]plan.Owner{}, f.Owners(tags)...), append([]plan.Step{}, f.Steps()...), append([]plan.Link{}, f.Links()...),
	}
}

func (s *site) apiPlan(w http.ResponseWriter, r *http.Request) {
	l := s.view().planFor(parseFilter(r.URL.Query()))
	tags, fixes := s.o.Tags(), make([]apiFix, 0, len(l.Fixes))
	for _, f := range l.Fixes {
		fixes = append(fixes, fixJSON(f, tags))
	}
	s.json(w, http.StatusOK, map[string]any{"total": l.Total, "blocked": l.Blocked, "unblocked": l.Unblocked, "fixes": fixes})
}
