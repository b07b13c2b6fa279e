package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// view is a publication, arranged for the pages. It is immutable but for sorted.
type view struct {
	*rules.Judgement

	rows     []row // pools, the blocked ones first, then by account, region and name
	byKey    map[inventory.PoolKey]*row
	byID     map[string]*row // a replicated pool's row of the region that its ID begins with
	accounts []account       // sorted by name
	regions  []string

	Ready, Blocked, Unknown int
	Severities              []severityCount // of findings, the worst first
	Elsewhere               []rules.Finding // about SES accounts and identities

	mu     sync.Mutex
	sorted map[string][]*row // by order, filled on first use; guarded by mu
}

type account struct{ ID, Name string }

type severityCount struct {
	Severity rules.Severity
	N        int
}

// row is a pool with its findings.
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

// Worst is the worst severity of the findings, empty without findings.
func (r row) Worst() rules.Severity {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.Findings[0].Severity
}

// Path is the address of the pool's page, and below /api/v1 of its JSON.
func (r row) Path() string {
	return "/pools/" + r.Target.AccountID + "/" + r.Target.Region + "/" + r.ID
}

// pool returns the pool that the request's path names, or nil if it is unknown.
func (v *view) pool(r *http.Request) *row {
	id, account := r.PathValue("id"), r.PathValue("account")
	if account == "" {
		return v.byID[id]
	}
	return v.byKey[inventory.PoolKey{Key: inventory.Key{AccountID: account, Region: r.PathValue("region")}, ID: id}]
}

// views keeps the view of the latest publication.
type views struct {
	mu   sync.Mutex
	last *view
}

func (v *views) of(j *rules.Judgement) *view {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last == nil || v.last.Judgement != j {
		v.last = arrange(j)
	}
	return v.last
}

func arrange(j *rules.Judgement) *view {
	n := j.PoolCount()
	v := &view{
		Judgement: j, rows: make([]row, 0, n), byKey: make(map[inventory.PoolKey]*row, n), byID: make(map[string]*row, n),
		sorted: map[string][]*row{},
	}
	findings := map[inventory.PoolKey][]rules.Finding{}
	severities := map[rules.Severity]int{}
	for _, f := range j.Result.Findings {
		severities[f.Severity]++
		if f.PoolID == "" {
			v.Elsewhere = append(v.Elsewhere, f)
			continue
		}
		findings[f.Pool()] = append(findings[f.Pool()], f)
	}
	for _, severity := range slices.Backward(rules.Severities()) {
		v.Severities = append(v.Severities, severityCount{severity, severities[severity]})
	}
	names, regions := map[account]bool{}, map[string]bool{}
	for p := range j.Pools() {
		r := row{Pool: p, Findings: findings[p.Key()]}
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
	for i := range v.rows {
		r := &v.rows[i]
		v.byKey[r.Key()] = r
		if v.byID[r.ID] == nil || strings.HasPrefix(r.ID, r.Target.Region+"_") {
			v.byID[r.ID] = r
		}
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

// urgency orders pools: those with problems first.
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

// filter selects pools. An empty field selects all.
type filter struct {
	Account, Region, Mode, State, Severity, Text, Sort string

	Offset, Limit int
}

const (
	pageSize = 100
	mostRows = 1000
)

// parseFilter reads a query. An invalid number is ignored.
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

// orders are the columns to sort by; a minus before the name reverses the order.
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

// usedRatio is below 0 where the quota is unknown or unlimited.
func usedRatio(r *row) float64 {
	if r.Quota.Finite() {
		return r.Quota.UsedRatio()
	}
	return -1
}

// inOrder returns the rows sorted by a column of [orders].
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
	inventory.IdentityMissing:      {"SES has no identity of that name in that region, or the pool has no SourceArn.", "Create and verify the identity there, or set the pool to an identity that exists."},
	inventory.IdentityUnverified:   {"SES has not verified the identity, nor a domain that covers it.", "Publish the DNS records that SES shows for the domain, or follow the link in the e-mail that SES sent to the address."},
	inventory.CrossAccountIdentity: {"The identity belongs to another account, which Cognito does not allow.", "Verify an identity in the pool's own account."},
	inventory.UnsupportedRegion:    {"Pools in this region cannot send through SES in the identity's region.", "Verify the identity in a region that the pool can send through."},
	inventory.FromMismatch:         {"The From address does not belong to the identity, or is missing with a domain.", "Set From to an address in the identity's domain."},
	inventory.Sandbox:              {"The SES account is in the sandbox: it can send only to verified addresses.", "Ask SES for production access in that region."},
	inventory.SendingDisabled:      {"Sending is disabled for the SES account or the identity.", "Find out who disabled it and why, then enable it."},
	inventory.AccountShutdown:      {"SES has paused the account's sending.", "Remove the cause and answer AWS's support case."},
	inventory.SendQuotaReached:     {"The SES account has reached its send quota of the last 24 hours.", "Ask SES for a higher send quota, or wait."},
	inventory.DefaultQuotaReached:  {"The daily quota of Cognito's built-in sender is used up.", "Move the pool to its own SES identity, or wait for the reset."},
}
