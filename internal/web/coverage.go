package web

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// coverages are the states of coverage, those to look at first.
var coverages = []inventory.Coverage{
	inventory.CoverageDenied, inventory.CoverageFailing, inventory.CoveragePending, inventory.CoverageSuspended, inventory.CoverageExcluded, inventory.CoverageRead,
}

// covered returns how each account is covered, those to look at first.
func (s *site) covered() []inventory.MemberStatus {
	all := slices.Clone(s.o.Coverage())
	slices.SortStableFunc(all, func(a, b inventory.MemberStatus) int {
		return cmp.Compare(slices.Index(coverages, a.Coverage), slices.Index(coverages, b.Coverage))
	})
	return all
}

type coverageCount struct {
	Coverage inventory.Coverage
	N        int
}

func (s *site) coverage(w http.ResponseWriter, r *http.Request) {
	f, all := parseFilter(r.URL.Query()), s.covered()
	rows := cut(f, all)
	var counts []coverageCount
	for _, state := range coverages {
		n := 0
		for i := range all {
			if all[i].Coverage == state {
				n++
			}
		}
		counts = append(counts, coverageCount{state, n})
	}
	s.render(w, "accounts", "Accounts", struct {
		Counts []coverageCount
		Rows   []inventory.MemberStatus
		Pager  pager
	}{counts, rows, newPager(f, len(rows), len(all), "No account is known.")})
}

type apiMember struct {
	ID       string             `json:"account_id"`
	Name     string             `json:"account_name,omitempty"`
	OU       string             `json:"ou,omitempty"`
	Tags     map[string]string  `json:"tags,omitempty"`
	Coverage inventory.Coverage `json:"coverage"`
	Why      string             `json:"why,omitempty"`
	Regions  int                `json:"regions"`
}

func (s *site) apiCoverage(w http.ResponseWriter, r *http.Request) {
	all := s.covered()
	members := []apiMember{}
	for _, m := range cut(parseFilter(r.URL.Query()), all) {
		members = append(members, apiMember{m.ID, m.Name, m.Unit, m.Tags, m.Coverage, m.Why, m.Regions})
	}
	s.json(w, http.StatusOK, map[string]any{"total": len(all), "accounts": members})
}
