package web

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// view is a publication, arranged for the pages. It does not change.
type view struct {
	*inventory.Snapshot
	result *rules.Result

	rows     []row          // pools, the blocked ones first, then by account, region and name
	byID     map[string]int // index of a pool in rows; AWS's pool IDs are unique
	accounts []account      // sorted by name
	regions  []string

	Ready, Blocked, Unknown int
	Severities              []severityCount // of findings, the worst first
	Elsewhere               []rules.Finding // about SES accounts and identities

	mu     sync.Mutex
	sorted map[string][]*row // by order, made when it is first asked for
}

type account struct{ ID, Name string }

type severityCount struct {
	Severity rules.Severity
	N        int
}

// row is a pool with what the rules say of it.
type row struct {
	*inventory.Pool
	Findings []rules.Finding
	search   string // what a text filter looks through, in lower case
}

// State is ready, blocked or unknown.
func (r row) State() string {
	switch r.Ready {
	case inventory.Yes:
		return "ready"
	case inventory.No:
		return "blocked"
	default:
		return "unknown"
	}
}

// Worst is the worst severity of the findings, empty without any.
func (r row) Worst() rules.Severity {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.Findings[0].Severity
}

// Shown is the quota that applies to the pool, or nil.
func (r row) Shown() *inventory.Quota {
	if r.DefaultQuota != nil {
		return r.DefaultQuota
	}
	return r.Quota
}

// views keeps the view of the latest publication.
type views struct {
	mu   sync.Mutex
	last *view
}

func (v *views) of(s *inventory.Snapshot, r *rules.Result) *view {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last == nil || v.last.Snapshot != s {
		v.last = arrange(s, r)
	}
	return v.last
}

func arrange(s *inventory.Snapshot, result *rules.Result) *view {
	v := &view{Snapshot: s, result: result, byID: make(map[string]int, len(s.Pools)), rows: make([]row, 0, len(s.Pools)), sorted: map[string][]*row{}}
	findings := map[string][]rules.Finding{}
	severities := map[rules.Severity]int{}
	for _, f := range result.Findings {
		severities[f.Severity]++
		if f.PoolID == "" {
			v.Elsewhere = append(v.Elsewhere, f)
			continue
		}
		findings[f.AccountID+f.PoolID] = append(findings[f.AccountID+f.PoolID], f)
	}
	for _, severity := range slices.Backward(rules.Severities()) {
		v.Severities = append(v.Severities, severityCount{severity, severities[severity]})
	}
	names, regions := map[account]bool{}, map[string]bool{}
	for i := range s.Pools {
		p := &s.Pools[i]
		r := row{Pool: p, Findings: findings[p.Target.AccountID+p.ID]}
		r.search = strings.ToLower(p.ID + "\n" + p.Name + "\n" + p.Identity + "\n" + p.Target.AccountID + "\n" + p.Target.AccountName)
		switch p.Ready {
		case inventory.Yes:
			v.Ready++
		case inventory.No:
			v.Blocked++
		case inventory.Unknown:
			v.Unknown++
		}
		v.rows = append(v.rows, r)
		names[account{p.Target.AccountID, p.Target.AccountName}], regions[p.Target.Region] = true, true
	}
	slices.SortStableFunc(v.rows, func(a, b row) int { return cmp.Compare(urgency(a), urgency(b)) })
	for i, r := range v.rows {
		v.byID[r.ID] = i
	}
	for a := range names {
		v.accounts = append(v.accounts, a)
	}
	slices.SortFunc(v.accounts, func(a, b account) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	for region := range regions {
		v.regions = append(v.regions, region)
	}
	slices.Sort(v.regions)
	return v
}

// urgency orders pools for who looks for trouble.
func urgency(r row) int {
	switch {
	case r.Ready == inventory.No:
		return 0
	case len(r.Findings) > 0:
		return 1
	case r.Ready == inventory.Unknown:
		return 2
	default:
		return 3
	}
}

// filter says which pools are asked for; empty fields ask for all.
type filter struct {
	Account, Region, Mode, State, Severity, Text, Sort string

	Offset, Limit int
}

const (
	pageSize = 100
	mostRows = 1000
)

// parseFilter reads a query. What makes no sense asks for nothing special.
func parseFilter(q url.Values) filter {
	number := func(key string, otherwise, least, most int) int {
		n, err := strconv.Atoi(q.Get(key))
		if err != nil {
			return otherwise
		}
		return min(max(n, least), most)
	}
	return filter{
		Account: q.Get("account"), Region: q.Get("region"), Mode: q.Get("mode"), State: q.Get("state"),
		Severity: q.Get("severity"), Text: q.Get("q"), Sort: q.Get("sort"),
		Offset: number("offset", 0, 0, 1<<31-1), Limit: number("limit", pageSize, 1, mostRows),
	}
}

// query is the filter as the query of a link, with changes to it.
func (f filter) query(changes ...string) string {
	q := url.Values{}
	for key, value := range map[string]string{
		"account": f.Account, "region": f.Region, "mode": f.Mode, "state": f.State, "severity": f.Severity, "q": f.Text, "sort": f.Sort,
	} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if f.Limit != pageSize {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	for i := 0; i+1 < len(changes); i += 2 {
		q.Del(changes[i])
		if changes[i+1] != "" {
			q.Set(changes[i], changes[i+1])
		}
	}
	return "?" + q.Encode()
}

func (f filter) fits(r *row) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(f.Account, r.Target.AccountID) && is(f.Region, r.Target.Region) && is(f.Mode, string(r.Mode())) && is(f.State, r.State()) &&
		(f.Severity == "" || r.Worst() != "" && r.Worst().AtLeast(rules.Severity(f.Severity))) &&
		(f.Text == "" || strings.Contains(r.search, strings.ToLower(f.Text)))
}

// orders are the columns to sort by; a minus before one turns it round.
var orders = map[string]func(a, b *row) int{
	"account": func(a, b *row) int {
		return cmp.Or(cmp.Compare(a.Target.AccountName, b.Target.AccountName), cmp.Compare(a.Target.AccountID, b.Target.AccountID))
	},
	"region":   func(a, b *row) int { return cmp.Compare(a.Target.Region, b.Target.Region) },
	"name":     func(a, b *row) int { return cmp.Compare(a.Name, b.Name) },
	"mode":     func(a, b *row) int { return cmp.Compare(a.Mode(), b.Mode()) },
	"identity": func(a, b *row) int { return cmp.Compare(a.Identity, b.Identity) },
	"state":    func(a, b *row) int { return cmp.Compare(a.State(), b.State()) },
	"findings": func(a, b *row) int { return cmp.Compare(len(a.Findings), len(b.Findings)) },
	"quota":    func(a, b *row) int { return cmp.Compare(usedRatio(a), usedRatio(b)) },
}

// usedRatio is below 0 where there is none.
func usedRatio(r *row) float64 {
	if q := r.Shown(); q != nil {
		if ratio, ok := q.UsedRatio(); ok {
			return ratio
		}
	}
	return -1
}

// inOrder returns the rows in the order that is asked for.
func (v *view) inOrder(by string) []*row {
	column, down := strings.CutPrefix(by, "-")
	order, ok := orders[column]
	if !ok {
		by = ""
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if rows, ok := v.sorted[by]; ok {
		return rows
	}
	rows := make([]*row, 0, len(v.rows))
	for i := range v.rows {
		rows = append(rows, &v.rows[i])
	}
	if ok {
		slices.SortStableFunc(rows, func(a, b *row) int {
			if down {
				a, b = b, a
			}
			return order(a, b)
		})
	}
	v.sorted[by] = rows
	return rows
}

// find returns one page of the pools that fit, and how many fit in all.
func (v *view) find(f filter) (page []*row, total int) {
	for _, r := range v.inOrder(f.Sort) {
		if !f.fits(r) {
			continue
		}
		if total >= f.Offset && len(page) < f.Limit {
			page = append(page, r)
		}
		total++
	}
	return page, total
}

// explanation says what a reason means and what to do about it.
type explanation struct{ Text, Remedy string }

var explanations = map[inventory.Reason]explanation{
	inventory.IdentityMissing:      {"SES has no identity of that name in that region, or the pool names none.", "Create and verify the identity there, or let the pool use one that exists."},
	inventory.IdentityUnverified:   {"SES has not verified the identity, nor a domain that covers it.", "Publish the DNS records that SES shows for the domain, or follow the link in the mail to the address."},
	inventory.CrossAccountIdentity: {"The identity belongs to another account, which Cognito does not allow.", "Verify an identity in the pool's own account."},
	inventory.UnsupportedRegion:    {"Pools in this region cannot send through SES in the identity's region.", "Verify the identity in a region that the pool may use."},
	inventory.FromMismatch:         {"The From address does not belong to the identity, or is missing with a domain.", "Set From to an address in the identity's domain."},
	inventory.Sandbox:              {"The SES account is in the sandbox: only addresses that are verified get mail.", "Ask SES for production access in that region."},
	inventory.SendingDisabled:      {"Sending is switched off for the SES account or the identity.", "Find out who switched it off and why, then switch it on."},
	inventory.AccountShutdown:      {"AWS shut the SES account down.", "Remove the cause and answer AWS's case."},
	inventory.SendQuotaReached:     {"The SES account has sent all that it may in 24 hours.", "Ask SES for a higher send quota, or wait."},
	inventory.DefaultQuotaReached:  {"Cognito's built-in sender has sent all that it does in a day.", "Move the pool to its own SES identity, or wait for the reset."},
}
