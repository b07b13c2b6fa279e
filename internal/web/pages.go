package web

import (
	"bytes"
	"cmp"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/plan"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// widest is how many characters of a name are shown in a table, the most that AWS allows for a
// pool. The page about it shows all.
const widest = 128

// shownPools is how many of the pools that a change concerns are named.
const shownPools = 5

// functions are those that the templates call.
var functions = template.FuncMap{
	"number": number,
	"used":   used,
	"cut":    func(name string) string { return printable.Cut(name, widest) },
	"percent": func(ratio float64) string {
		return strconv.FormatFloat(ratio*100, 'f', 2, 64) + " %"
	},
	"width": func(q inventory.Quota) float64 { return min(100, 100*q.UsedRatio()) },
	"level": func(q inventory.Quota) string {
		switch ratio := q.UsedRatio(); {
		case ratio >= 1:
			return "full"
		case ratio >= 0.8:
			return "near"
		default:
			return "well"
		}
	},
	"ago":   ago,
	"clock": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"reset": func(q inventory.Quota, now time.Time) any {
		return &struct {
			inventory.Quota
			Now time.Time
		}{q, now}
	},
	"seconds":  func(a, b time.Time) string { return strconv.FormatFloat(b.Sub(a).Seconds(), 'f', 2, 64) + " s" },
	"explain":  func(r inventory.Reason) explanation { return explanations[r] },
	"tags":     tagList,
	"runbook":  runbookPath,
	"plural":   plural,
	"few":      func(pools []*row) []*row { return pools[:min(len(pools), shownPools)] },
	"more":     func(pools []*row) int { return max(0, len(pools)-shownPools) },
	"failing":  failing,
	"poolPath": func(p *inventory.Pool) string { return poolPath(p.Key()) },
	"account":  func(t inventory.Target) string { return accountPath(t.Key()) },
	"identity": func(t inventory.Target, name string) string { return identityPath(t.Key(), name) },
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// used says how many e-mails of the quota are used, as exactly as is known.
func used(q inventory.Quota) string {
	switch {
	case q.Bounded != inventory.Yes:
		return number(q.Used) + " or more"
	case !q.Known:
		return "at most " + number(q.AtMost)
	case q.Used < q.AtMost:
		return number(q.Used) + " to " + number(q.AtMost)
	default:
		return number(q.Used)
	}
}

// number writes a number, or what points to one, with commas between thousands.
func number(n any) string {
	var s string
	switch n := n.(type) {
	case int:
		s = strconv.Itoa(n)
	case float64:
		s = strconv.FormatFloat(n, 'f', -1, 64)
	case *float64:
		s = strconv.FormatFloat(*n, 'f', -1, 64)
	}
	whole, fraction, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole
}

// ago says how long t is before or after now, in the two largest units.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t).Round(time.Second)
	text := span(d.Abs())
	if d < 0 {
		return "in " + text
	}
	return text + " ago"
}

func span(d time.Duration) string {
	days, hours, minutes, seconds := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case days > 0:
		return strconv.Itoa(days) + "d " + strconv.Itoa(hours) + "h"
	case hours > 0:
		return strconv.Itoa(hours) + "h " + strconv.Itoa(minutes) + "m"
	case minutes > 0:
		return strconv.Itoa(minutes) + "m " + strconv.Itoa(seconds) + "s"
	default:
		return strconv.Itoa(seconds) + "s"
	}
}

// link is what a page is about, and where the page is.
type link struct{ Name, Path string }

func poolPath(k inventory.PoolKey) string { return pathTo("pools", k.AccountID, k.Region, k.ID) }

func accountPath(k inventory.Key) string { return pathTo("accounts", k.AccountID, k.Region) }

func identityPath(k inventory.Key, name string) string {
	return pathTo("identities", k.AccountID, k.Region, name)
}

// about returns the page of what a finding is about.
func about(f *rules.Finding) link {
	k := inventory.Key{AccountID: f.AccountID, Region: f.Region}
	where := cmp.Or(f.AccountName, f.AccountID) + " in " + f.Region
	switch f.ForEach {
	case rules.ForPool:
		return link{cmp.Or(f.PoolName, f.PoolID), poolPath(f.Pool())}
	case rules.ForIdentity:
		return link{f.Identity + ", identity of " + where, identityPath(k, f.Identity)}
	default:
		return link{"the SES account of " + where, accountPath(k)}
	}
}

// SESPath is the address of the page of the SES account that the pool sends
// through, empty without one.
func (r *row) SESPath() string {
	if r.Settings == nil || r.Settings.SESRegion() == "" {
		return ""
	}
	return accountPath(inventory.Key{AccountID: r.Target.AccountID, Region: r.Settings.SESRegion()})
}

// IdentityPath is the address of the page of the identity that the pool sends
// as, that of the first region if there are several, empty without one.
func (r *row) IdentityPath() string {
	if r.CustomSender() != inventory.No || len(r.Settings.Regions) == 0 {
		return ""
	}
	return identityPath(inventory.Key{AccountID: r.Target.AccountID, Region: r.Settings.Regions[0]}, r.Identity)
}

// shown is a finding as pages show it.
type shown struct {
	*rules.Finding
	About link // empty on the thing's own page
	Pools int  // that it concerns; 0 is not shown
}

// list shows findings on the page at the path.
func list(findings []*rules.Finding, path string) []shown {
	all := make([]shown, 0, len(findings))
	for _, f := range findings {
		s := shown{Finding: f, About: about(f)}
		if f.ForEach != rules.ForPool {
			s.Pools = len(f.Behind)
		}
		if s.About.Path == path {
			s.About = link{}
		}
		all = append(all, s)
	}
	return all
}

// problems shows findings that belong to one thing on its page, those of many
// pools by one rule as one.
func problems(findings []*rules.Finding) []shown {
	var all []shown
	for _, p := range rules.Problems(findings, nil) {
		all = append(all, shown{Finding: &p.Finding, Pools: len(p.Behind)})
	}
	slices.SortStableFunc(all, func(a, b shown) int { return rules.CompareFindings(a.Finding, b.Finding) })
	return all
}

// pager says which part of a list a page shows.
type pager struct {
	First, Last, Total int
	Before, After      string // links to the neighbouring pages, empty without one
	None               string // says that there is nothing
}

// cut returns the part of a list that is asked for.
func cut[T any](f filter, all []T) []T {
	start := min(f.Offset, len(all))
	return all[start:min(start+f.Limit, len(all))]
}

func newPager(f filter, shown, total int, none string) pager {
	before, after := f.pages(shown, total)
	return pager{min(f.Offset+1, total), min(f.Offset+shown, total), total, before, after, none}
}

// render writes a page.
func (s *site) render(w http.ResponseWriter, name, title string, data any) {
	s.renderCode(w, http.StatusOK, name, title, data)
}

// renderCode writes a page with a status, or an error if the template fails.
func (s *site) renderCode(w http.ResponseWriter, code int, name, title string, data any) {
	var b bytes.Buffer
	page := struct {
		Options
		Title string
		Page  string
		Now   time.Time
		Data  any
	}{s.o, title, name, time.Now(), data}
	if err := pages()[name].Execute(&b, page); err != nil {
		s.o.Logger.Error("Rendering a page failed", "page", name, "err", err)
		text(w, http.StatusInternalServerError, "The page could not be rendered; see the log.\n")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(printable.Lines(s.prefixed(b.Bytes()))) // It fails only if the client has disconnected.
}

// prefixed returns the page with links below the prefix. A quotation mark that
// is not the templates' own is escaped in it, so that nothing else looks like
// the attributes.
func (s *site) prefixed(page []byte) []byte {
	if s.o.Prefix == "" {
		return page
	}
	for _, attribute := range []string{"href", "src", "action"} {
		page = bytes.ReplaceAll(page, []byte(attribute+`="/`), []byte(attribute+`="`+s.o.Prefix+"/"))
	}
	return page
}

func (s *site) index(w http.ResponseWriter, r *http.Request) {
	f := parseFilter(r.URL.Query())
	v := s.view()
	rows, total := v.find(f)
	data := struct {
		*view
		Filter        filter
		SESPath       string // of the account and region that are asked for, if both are
		Rows          []*row
		Pager         pager
		Accounts      []account
		Regions       []string
		Modes         []inventory.Mode
		States        []string
		SeverityNames []rules.Severity
		Columns       []column
		Few           []shown // about SES accounts and identities
		More          int     // of them
	}{
		view: v, Filter: f, Rows: rows, Pager: newPager(f, len(rows), total, "No pool matches."), Accounts: v.accounts, Regions: v.Matrix.Regions, Modes: inventory.Modes(),
		States: states(), SeverityNames: rules.Severities(), Columns: columns(f),
	}
	if k := (inventory.Key{AccountID: f.Account, Region: f.Region}); v.reading(k) != nil {
		data.SESPath = accountPath(k)
	}
	if few := v.Elsewhere[:min(len(v.Elsewhere), pageSize)]; f.Everything() {
		data.Few, data.More = list(few, ""), len(v.Elsewhere)-len(few)
	}
	s.render(w, "index", "User pools", data)
}

// column is a table heading with a link that sorts by it.
type column struct {
	Title, Link string
	Order       string // ascending, descending or none
}

func columns(f filter) []column {
	all := make([]column, 0, len(sortKeys))
	for _, key := range sortKeys {
		c := column{Title: strings.ToUpper(key[:1]) + key[1:], Link: f.query("sort", key), Order: "none"}
		switch f.Sort {
		case key:
			c.Link, c.Order = f.query("sort", "-"+key), "ascending"
		case "-" + key:
			c.Link, c.Order = f.query("sort", ""), "descending"
		}
		all = append(all, c)
	}
	return all
}

func (s *site) targets(w http.ResponseWriter, r *http.Request) {
	f := parseFilter(r.URL.Query())
	v := s.view()
	page, total := v.targets(f)
	data := struct {
		Filter                filter
		All, Failing, Pending int
		Accounts              []account
		Regions               []string
		States                []string
		Targets               []target
		Pager                 pager
	}{Filter: f, Accounts: v.accounts, Pending: v.Matrix.Pending, States: targetStates(), Targets: page, Pager: newPager(f, len(page), total, "No target matches.")}
	regions := map[string]bool{}
	for r := range v.Readings() {
		regions[r.Target.Region] = true
		data.All++
		if slices.ContainsFunc(r.Outcomes, failing) {
			data.Failing++
		}
	}
	data.Regions = slices.Sorted(maps.Keys(regions))
	s.render(w, "targets", "Targets", data)
}

// poolByID redirects to the page of the pool with the ID.
func (s *site) poolByID(w http.ResponseWriter, r *http.Request) {
	row := s.view().pool(r)
	if row == nil {
		s.fail(w, r, http.StatusNotFound, noPool)
		return
	}
	http.Redirect(w, r, s.o.Prefix+row.Path(), http.StatusFound)
}

const (
	noPool     = "No user pool with this ID is known."
	noAccount  = "No account with this ID is read in this region."
	noIdentity = "No SES identity of this name is known in this account and region, and no user pool uses one."
)

func (s *site) pool(w http.ResponseWriter, r *http.Request) {
	v := s.view()
	found := v.pool(r)
	if found == nil {
		s.fail(w, r, http.StatusNotFound, noPool)
		return
	}
	s.render(w, "pool", cmp.Or(found.Name, found.ID), struct {
		*row
		List      []shown
		Confirmed time.Time
		Curve     *curve // nil when nothing was counted
		Changed   []change
	}{found, list(found.Findings, found.Path()), v.confirmed(found), v.curve(found), found.changes()})
}

// reading returns what was read of the account and region, nil without anything.
func (v *view) reading(k inventory.Key) *inventory.Reading {
	a, _ := v.account(k.AccountID)
	if a == nil {
		return nil
	}
	for i := range a.Readings {
		if a.Readings[i].Target.Region == k.Region {
			return &a.Readings[i]
		}
	}
	return nil
}

// sesAccount is an account in a region, and what sends through its SES.
type sesAccount struct {
	Target     inventory.Target
	Reading    *inventory.Reading
	Here       *count                    // pools of the account and region; nil when they were never listed
	SES        *inventory.SESAccount     // nil when unknown
	Reputation *inventory.Reputation     // likewise
	Statistics *inventory.SendStatistics // likewise
	Findings   []*rules.Finding          // that belong to the SES account, the default quota or the target
	Identities []inventory.UsedIdentity
	Listed     bool             // whether Identities are all that there are
	Default    *inventory.Quota // of Cognito's built-in sender; nil when no pool here uses it
	EachPool   bool             // every pool has a default quota of its own
	OnDefault  int              // pools here that use the built-in sender
	All        []*row           // that send through the SES account, the blocked ones first
	Lapse      *plan.Lapse      // what happens to them if its sending stops
	Sets       []sesSet         // configuration sets that they use, and what happens if one of them stops
}

// sesSet is a configuration set that pools or their identities name.
type sesSet struct {
	Name                   string
	Exists, SendingEnabled inventory.Tri
	*plan.Lapse
}

// sets returns the configuration sets in a region that are in use, sorted by name.
func sets(a *inventory.Account, r *inventory.Reading) []sesSet {
	lapses := plan.WithoutSets(a, r.Target.Region)
	known := map[string]inventory.ConfigurationSet{}
	for _, c := range r.ConfigurationSets {
		known[c.Name] = c
		if lapses[c.Name] == nil {
			lapses[c.Name] = &plan.Lapse{}
		}
	}
	var all []sesSet
	for _, name := range slices.Sorted(maps.Keys(lapses)) {
		s := sesSet{Name: name, Lapse: lapses[name]}
		if c, ok := known[name]; ok {
			s.Exists, s.SendingEnabled = inventory.Known(!c.Missing), c.SendingEnabled
		}
		all = append(all, s)
	}
	return all
}

// sesAccount returns nil when the account is not read in the region.
func (v *view) sesAccount(k inventory.Key) *sesAccount {
	r := v.reading(k)
	if r == nil {
		return nil
	}
	a, part := v.account(k.AccountID)
	out := &sesAccount{Target: r.Target, Reading: r, Listed: !r.IdentitiesListed.IsZero()}
	out.Target.AccountName = cmp.Or(out.Target.AccountName, a.Name)
	for _, c := range []inventory.Cause{
		{Kind: inventory.CauseTarget, Region: k.Region},
		{Kind: inventory.CauseSESAccount, Region: k.Region},
		{Kind: inventory.CauseDefaultQuota, Region: k.Region},
		{Kind: inventory.CauseDefaultQuota},
	} {
		out.Findings = append(out.Findings, part.causes[c]...)
	}
	if out.Here = part.regions[k.Region]; out.Here == nil && listed(r) {
		out.Here = &count{}
	}
	for i := range a.SES {
		if a.SES[i].Target.Region == k.Region {
			out.SES, out.Reputation, out.Statistics = &a.SES[i], a.SES[i].Reputation, a.SES[i].Statistics
		}
	}
	for i := range a.Identities {
		if a.Identities[i].Target.Region == k.Region {
			out.Identities = append(out.Identities, a.Identities[i])
		}
	}
	out.Lapse, out.Sets = plan.WithoutSending(a, k.Region), sets(a, r)
	eachPool := false // A quota that only pools have is not shared.
	for row := range part.rows() {
		if row.Settings == nil {
			continue
		}
		if row.Settings.SESRegion() == k.Region {
			out.All = append(out.All, row)
		}
		if row.Target.Region == k.Region && row.Settings.SendsDefault() {
			out.OnDefault++
			eachPool = eachPool || row.Quota.Known
		}
	}
	for i := range a.DefaultQuotas {
		if q := &a.DefaultQuotas[i]; out.OnDefault > 0 && (q.Region == k.Region || q.Region == "") {
			out.Default = &q.Quota
			out.EachPool = eachPool && !q.Known
		}
	}
	return out
}

func (s *site) account(w http.ResponseWriter, r *http.Request) {
	f := parseFilter(r.URL.Query())
	found := s.view().sesAccount(inventory.Key{AccountID: r.PathValue("account"), Region: r.PathValue("region")})
	if found == nil {
		s.fail(w, r, http.StatusNotFound, noAccount)
		return
	}
	rows := cut(f, found.All)
	s.render(w, "account", cmp.Or(found.Target.AccountName, found.Target.AccountID)+" in "+found.Target.Region, struct {
		*sesAccount
		List   []shown
		Owners []owner // whose pools go silent if its sending stops
		Rows   []*row
		Pager  pager
	}{found, problems(found.Findings), grouped(found.Lapse.Owners(s.o.Tags())), rows, newPager(f, len(rows), len(found.All), "")})
}

// sesIdentity is an identity, whether or not it exists, and the pools that need it.
type sesIdentity struct {
	Name     string
	Target   inventory.Target
	Identity *inventory.Identity // nil when it does not exist, or is not known
	Missing  bool
	Findings []*rules.Finding // that belong to the identity
	Pools    []dependent      // those that would go silent first
	Lapse    *plan.Lapse      // what happens to them without it
}

// dependent is a pool that the identity lets send.
type dependent struct {
	*row
	Instead string // another verified identity that lets it send, empty without one
}

// order puts pools that would go silent first, and those that would not notice last.
func (d *dependent) order() int {
	switch {
	case d.Ready == inventory.No:
		return 2
	case d.Instead != "":
		return 3
	case d.Ready == inventory.Unknown:
		return 1
	default:
		return 0
	}
}

// sesIdentity returns nil when nothing is known of the identity and no pool uses it.
func (v *view) sesIdentity(k inventory.Key, name string) *sesIdentity {
	r := v.reading(k)
	if r == nil {
		return nil
	}
	a, part := v.account(k.AccountID)
	canonical := inventory.CanonicalIdentity(name)
	out := &sesIdentity{
		Name: name, Target: r.Target, Missing: !r.IdentitiesListed.IsZero(),
		Findings: part.causes[inventory.Cause{Kind: inventory.CauseIdentity, Region: k.Region, Name: canonical}],
	}
	out.Target.AccountName = cmp.Or(out.Target.AccountName, a.Name)
	known := false
	for i := range r.Identities {
		id := &r.Identities[i]
		if inventory.CanonicalIdentity(id.Name) != canonical {
			continue
		}
		known = true
		if out.Name, out.Missing = id.Name, id.Missing; !id.Missing {
			out.Identity = id
		}
	}
	dependents := map[inventory.PoolKey]inventory.Dependent{}
	all := a.Dependents(k.Region, name)
	for _, d := range all {
		dependents[d.Key()] = d
	}
	if !known && len(dependents) == 0 {
		return nil
	}
	for row := range part.rows() {
		d, ok := dependents[row.Key()]
		if !ok {
			continue
		}
		out.Pools = append(out.Pools, dependent{row, d.Instead})
	}
	slices.SortStableFunc(out.Pools, func(a, b dependent) int {
		return cmp.Or(cmp.Compare(a.order(), b.order()), cmp.Compare(a.Instead, b.Instead))
	})
	out.Lapse = plan.WithoutIdentity(all)
	return out
}

// owner is a tag's values, and how many pools have each.
type owner struct {
	Tag    string
	Values []ownerValue
}

type ownerValue struct {
	Value string // empty for pools without the tag
	Pools int
}

func (s *site) identity(w http.ResponseWriter, r *http.Request) {
	f := parseFilter(r.URL.Query())
	found := s.view().sesIdentity(inventory.Key{AccountID: r.PathValue("account"), Region: r.PathValue("region")}, r.PathValue("name"))
	if found == nil {
		s.fail(w, r, http.StatusNotFound, noIdentity)
		return
	}
	tags := s.o.Tags()
	rows := cut(f, found.Pools)
	s.render(w, "identity", found.Name, struct {
		*sesIdentity
		List   []shown
		Tags   []string
		Owners []owner
		Rows   []dependent
		Pager  pager
	}{
		found,
		problems(found.Findings),
		tags, grouped(found.Lapse.Owners(tags)),
		rows, newPager(f, len(rows), len(found.Pools), ""),
	})
}

func (s *site) rules(w http.ResponseWriter, _ *http.Request) {
	v := s.view()
	s.render(w, "rules", "Rules", struct {
		Rules           []apiRule
		Exemptions      []rules.Exemption
		Expired, Unused []rules.Exemption
	}{v.rulesJSON(), v.Rules.Exemptions(), v.ExpiredExemptions(), v.UnusedExemptions()})
}
