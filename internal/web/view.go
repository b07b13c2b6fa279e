package web

import (
	"cmp"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/plan"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// view is a publication, arranged for the pages. It does not change.
type view struct {
	*rules.Judgement
	parts []*part // of each account

	Ready, Blocked, Unknown int
	Severities              []severityCount  // of findings, the worst first
	Elsewhere               []*rules.Finding // about SES accounts and identities
	accounts                []account        // sorted by name
	Matrix                  matrix

	mu       sync.Mutex        // guards what follows
	sorted   map[string][]*row // by order, made when it is first asked for
	findings []rules.Finding   // of all accounts; nil until it is asked for
	plan     []*plan.Fix       // likewise
}

// part is one account, arranged. Views that follow each other share the parts
// of accounts that did not change.
type part struct {
	byUrgency  [urgencies][]*row
	severities map[rules.Severity]int
	elsewhere  []*rules.Finding
	regions    map[string]*count                    // those with pools
	causes     map[inventory.Cause][]*rules.Finding // by what they belong to, without those of one pool
	fixes      func() []*plan.Fix                   // made when it is first asked for
}

// count is how many pools are in which state.
type count struct {
	Pools   int `json:"total"`
	Ready   int `json:"ready"`
	Blocked int `json:"blocked"`
	Unknown int `json:"unknown"`
}

func (c *count) add(r *row) {
	c.Pools++
	switch r.Ready {
	case inventory.Yes:
		c.Ready++
	case inventory.No:
		c.Blocked++
	case inventory.Unknown:
		c.Unknown++
	}
}

type account struct{ ID, Name string }

// String is what people call the account.
func (a account) String() string { return cmp.Or(a.Name, a.ID) }

func compareAccounts(a, b account) int {
	return cmp.Or(cmp.Compare(a.String(), b.String()), cmp.Compare(a.ID, b.ID))
}

type severityCount struct {
	Severity rules.Severity
	N        int
}

// row is a pool with what the rules say of it.
type row struct {
	*inventory.Pool
	Findings []*rules.Finding // the worst first, with those about what it shares with other pools
}

func states() []string { return []string{"ready", "blocked", "unknown"} }

// State is one of states.
func (r *row) State() string {
	switch r.Ready {
	case inventory.Yes:
		return "ready"
	case inventory.No:
		return "blocked"
	default:
		return "unknown"
	}
}

// Unsure returns the reasons of which it is not known whether they hold, where
// whether the pool can send depends on them.
func (r *row) Unsure() []inventory.Reason {
	if r.Ready != inventory.Unknown || r.Settings == nil {
		return nil
	}
	return r.Undecided()
}

// Worst is the worst severity of the findings, empty without any.
func (r *row) Worst() rules.Severity {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.Findings[0].Severity
}

// Worsts is how many findings have the worst severity.
func (r *row) Worsts() int {
	n := 0
	for n < len(r.Findings) && r.Findings[n].Severity == r.Worst() {
		n++
	}
	return n
}

// Others is how many findings are less severe.
func (r *row) Others() int { return len(r.Findings) - r.Worsts() }

// Path is the address of the pool's page, and below /api/v1 of its JSON.
func (r *row) Path() string { return poolPath(r.Key()) }

// pathTo is the address of a page whose path has the parts, and below /api/v1 of
// its JSON.
func pathTo(parts ...string) string {
	var path strings.Builder
	for _, part := range parts {
		path.WriteString("/" + url.PathEscape(part))
	}
	return path.String()
}

// views keeps the view of the latest publication.
type views struct {
	mu   sync.Mutex
	last *view
	// parts are those of the last view. An account's result is made anew
	// whenever its pools are.
	parts map[*rules.Result]*part
}

func (v *views) of(j *rules.Judgement) *view {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last != nil && v.last.Judgement == j {
		return v.last
	}
	parts := make(map[*rules.Result]*part, len(j.Each))
	all := make([]*part, 0, len(j.Each))
	for i, result := range j.Each {
		p := v.parts[result]
		if p == nil {
			p = arrange(j.Accounts[i], result)
		}
		parts[result], all = p, append(all, p)
	}
	v.parts, v.last = parts, newView(j, all)
	return v.last
}

func arrange(a *inventory.Account, result *rules.Result) *part {
	p := &part{
		severities: map[rules.Severity]int{}, regions: map[string]*count{},
		causes: map[inventory.Cause][]*rules.Finding{},
		fixes:  sync.OnceValue(func() []*plan.Fix { return plan.Account(a, result.Findings) }),
	}
	findings := map[inventory.PoolKey][]*rules.Finding{}
	for i := range result.Findings {
		f := &result.Findings[i]
		p.severities[f.Severity]++
		if f.PoolID == "" {
			p.elsewhere = append(p.elsewhere, f)
		}
		if f.Cause.Kind != inventory.CausePool {
			p.causes[f.Cause] = append(p.causes[f.Cause], f)
		}
		for _, pool := range f.Behind { // Of a finding about a pool, this is the pool.
			k := inventory.PoolKey{Key: inventory.Key{AccountID: f.AccountID, Region: pool.Region}, ID: pool.ID}
			findings[k] = append(findings[k], f)
		}
	}
	rows := make([]row, len(a.Pools))
	for i := range a.Pools {
		r := &rows[i]
		r.Pool = &a.Pools[i]
		r.Findings = findings[r.Key()]
		if p.regions[r.Target.Region] == nil {
			p.regions[r.Target.Region] = &count{}
		}
		p.regions[r.Target.Region].add(r)
		u := urgency(r)
		p.byUrgency[u] = append(p.byUrgency[u], r)
	}
	return p
}

func newView(j *rules.Judgement, parts []*part) *view {
	v := &view{Judgement: j, parts: parts, sorted: map[string][]*row{}}
	severities := map[rules.Severity]int{}
	for i, p := range parts {
		for _, c := range p.regions {
			v.Ready += c.Ready
			v.Blocked += c.Blocked
			v.Unknown += c.Unknown
		}
		for severity, n := range p.severities {
			severities[severity] += n
		}
		v.Elsewhere = append(v.Elsewhere, p.elsewhere...)
		v.accounts = append(v.accounts, account{j.Accounts[i].ID, j.Accounts[i].Name})
	}
	for _, severity := range slices.Backward(rules.Severities()) {
		v.Severities = append(v.Severities, severityCount{severity, severities[severity]})
	}
	slices.SortStableFunc(v.Elsewhere, rules.CompareFindings)
	slices.SortFunc(v.accounts, compareAccounts)
	v.Matrix = newMatrix(j.Accounts, parts)
	return v
}

// rows returns every pool, the blocked ones first, then by account, region and ID.
func (v *view) rows() iter.Seq[*row] {
	return func(yield func(*row) bool) {
		for u := range urgencies {
			for _, p := range v.parts {
				for _, r := range p.byUrgency[u] {
					if !yield(r) {
						return
					}
				}
			}
		}
	}
}

// account returns the account with the ID and its part, nil without one.
func (v *view) account(id string) (*inventory.Account, *part) {
	i, ok := slices.BinarySearchFunc(v.Accounts, id, func(a *inventory.Account, id string) int { return strings.Compare(a.ID, id) })
	if !ok {
		return nil, nil
	}
	return v.Accounts[i], v.parts[i]
}

// rows returns the account's pools, the blocked ones first.
func (p *part) rows() iter.Seq[*row] {
	return func(yield func(*row) bool) {
		for _, rows := range p.byUrgency {
			for _, r := range rows {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// row returns the account's pool with the key, nil without one.
func (p *part) row(k inventory.PoolKey) *row {
	for r := range p.rows() {
		if r.Key() == k {
			return r
		}
	}
	return nil
}

// pool returns the pool that the request's path names, nil without one. An ID
// alone means a replicated pool of the region that the ID begins with.
func (v *view) pool(r *http.Request) *row {
	id, region := r.PathValue("id"), r.PathValue("region")
	if account := r.PathValue("account"); account != "" {
		if _, part := v.account(account); part != nil {
			return part.row(inventory.PoolKey{Key: inventory.Key{AccountID: account, Region: region}, ID: id})
		}
		return nil
	}
	var found *row
	for row := range v.rows() {
		switch {
		case row.ID != id:
		case strings.HasPrefix(id, row.Target.Region+"_"):
			return row
		default:
			found = row
		}
	}
	return found
}

// confirmed returns when the pool's settings were last known to be current.
func (v *view) confirmed(r *row) time.Time {
	if a, _ := v.account(r.Target.AccountID); a != nil {
		return a.Confirmed(r.Pool)
	}
	return r.Confirmed
}

// allFindings returns those of all accounts, sorted.
func (v *view) allFindings() []rules.Finding {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.findings == nil {
		v.findings = v.Findings()
	}
	return v.findings
}

const urgencies = 4

// urgency orders pools for who looks for trouble.
func urgency(r *row) int {
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

func (f filter) fits(r *row) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(f.Account, r.Target.AccountID) && is(f.Region, r.Target.Region) && is(f.Mode, string(r.Mode())) && is(f.State, r.State()) &&
		(f.Severity == "" || r.Worst() != "" && r.Worst().AtLeast(rules.Severity(f.Severity))) && (f.Text == "" || r.mentions(f.Text))
}

// mentions reports whether what names the pool contains the text, in upper or lower case.
func (r *row) mentions(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{r.ID, r.Name, r.Identity, r.Target.AccountID, r.Target.AccountName}, func(s string) bool {
		return strings.Contains(strings.ToLower(s), text)
	})
}

// sortKeys are the columns to sort by, in the order of the table.
var sortKeys = []string{"state", "name", "account", "region", "mode", "identity", "quota", "findings"}

// orders compare by each of the sortKeys; a minus before one turns it round.
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
	if r.Quota.Finite() {
		return r.Quota.UsedRatio()
	}
	return -1
}

// inOrder returns the rows in the order that is asked for.
func (v *view) inOrder(by string) iter.Seq[*row] {
	column, down := strings.CutPrefix(by, "-")
	order, ok := orders[column]
	if !ok {
		return v.rows()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	rows, ok := v.sorted[by]
	if !ok {
		rows = slices.Collect(v.rows())
		slices.SortStableFunc(rows, func(a, b *row) int {
			if down {
				a, b = b, a
			}
			return order(a, b)
		})
		v.sorted[by] = rows
	}
	return slices.Values(rows)
}

// find returns one page of the pools that fit, and how many fit in all.
func (v *view) find(f filter) (page []*row, total int) {
	all := f.Everything()
	for r := range v.inOrder(f.Sort) {
		if all && len(page) == f.Limit {
			return page, v.PoolCount()
		}
		if !all && !f.fits(r) {
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
	inventory.IdentityMissing:          {"SES has no identity of that name in that region, or the pool names none.", "Create and verify the identity there, or let the pool use one that exists."},
	inventory.IdentityUnverified:       {"SES has not verified the identity, nor a domain that covers it.", "Publish the DNS records that SES shows for the domain, or follow the link in the e-mail that SES sent to the address."},
	inventory.CrossAccountIdentity:     {"The identity belongs to another account, which Cognito does not allow.", "Verify an identity in the pool's own account."},
	inventory.UnsupportedRegion:        {"Pools in this region and mode cannot send through SES in the identity's region.", "Verify the identity in a region that the pool may use. With COGNITO_DEFAULT in a region whose e-mail is sent from two other regions, the SourceArn must have * as region."},
	inventory.FromMismatch:             {"The From address does not belong to the identity, or is missing with a domain.", "Set From to an address in the identity's domain."},
	inventory.SendingPolicyMissing:     {"No sending authorization policy of the identity allows Cognito to send as it, or one denies it.", "Add a policy that allows Cognito, or change the one that denies it."},
	inventory.MailFromRejects:          {"The MAIL FROM domain of the identity is not set up, and SES rejects e-mail instead of using its own.", "Publish the MX record of the MAIL FROM domain, or let SES use its own domain."},
	inventory.ConfigurationSetMissing:  {"The configuration set of the pool, or the identity's default one, does not exist in SES in that region.", "Create it there, or remove it from the pool or the identity."},
	inventory.ConfigurationSetDisabled: {"Sending is switched off for the configuration set of the pool, or the identity's default one.", "Find out who switched it off and why, then switch it on."},
	inventory.Sandbox:                  {"The SES account is in the sandbox: it can send only to verified addresses.", "Ask SES for production access in that region."},
	inventory.SendingDisabled:          {"Sending is switched off for the SES account or the identity.", "Find out who switched it off and why, then switch it on."},
	inventory.AccountShutdown:          {"AWS has shut down the SES account's sending.", "Fix the cause and answer AWS's case."},
	inventory.SendQuotaReached:         {"The SES account has reached its send quota of the last 24 hours.", "Ask SES for a higher send quota, or wait."},
	inventory.DefaultQuotaReached:      {"The daily quota of Cognito's built-in sender is used up.", "Move the pool to its own SES identity, or wait for the reset."},
}
