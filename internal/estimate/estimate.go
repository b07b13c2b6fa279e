// Package estimate says what reading will cost before anything is read: calls
// by API and operation, time, money and memory, and what each of them comes from.
//
// It exists so that nobody has to find out with the accounts of a whole
// organization. It is pure: its input is counts, clocks and budgets, and it must
// not know where they come from, nor AWS, the configuration file or the clock on
// the wall. The calls are those of package awsread, with the clocks that
// docs/operations.md lists, in accounts where nothing fails; a test of the
// program holds the figures against a run on the simulated AWS.
package estimate

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Month is the month that costs are given for.
const Month = 30 * 24 * time.Hour

// Places are accounts in regions that are alike in what they have.
type Places struct {
	N       int  // how many; each is a target
	SES     bool // the region has SES
	SESOnly bool // read only because pools of other regions send through it

	// What each place has. Shares of a whole may be given as fractions.
	Pools             float64
	BuiltIn           float64 // pools on the built-in sender
	SignUpMetrics     float64 // metrics of their sign-ups with points in the last three hours
	CallMetrics       float64 // metrics of calls that send e-mail, with points in the last three hours
	MFA               float64 // pools with MFA
	Replicated        float64 // pools with replicas
	AllIdentities     float64 // identities, in use or not
	Identities        float64 // identities that pools use
	Troubled          float64 // of them, those that keep a pool from sending
	ConfigurationSets float64 // that pools or their identities use
}

// Organization is how accounts are listed.
type Organization struct {
	Accounts int  // all of it, whether they are read or not
	Active   int  // of them, those that are active
	Units    int  // organizational units with the root; 0: they are not asked for
	Tags     bool // the accounts' tags are asked for
	Role     bool // a role is assumed for it
}

// Input is what an estimate is made from.
type Input struct {
	Places []Places

	Accounts     int // that are read
	Roles        int // of them, those with targets that are entered with a role
	IdleRoles    int // of them, those that are entered with a role and have no target
	RegionsAsked int // accounts whose enabled regions are listed
	Searched     int // accounts × regions that are searched for user pools
	Organization *Organization
	Interval     time.Duration
	Timeout      time.Duration
	Idle         time.Duration // between two searches of a region
	Refresh      time.Duration // between two listings of the organization
	DescribeAge  time.Duration
	IdentityList time.Duration
	IdentityAge  time.Duration
	MetricList   time.Duration
	CloudWatch   bool
	CloudTrail   bool
	Details      bool
	Statistics   bool
	Changes      bool               // CloudTrail is asked for earlier changes of the configuration
	Budgets      map[string]float64 // requests per second, by API
	Latency      time.Duration      // of a call
	MetricPrice  float64            // USD for 1,000 metrics of GetMetricData
	PriceDate    string             // when that was the price
}

// Calls are those of one operation with one cause.
type Calls struct {
	API       string  `json:"api"`
	Operation string  `json:"operation"`
	Driver    string  `json:"driver"`
	First     float64 `json:"first_pass"`   // in the first pass of all targets, with what is found before
	Interval  float64 `json:"per_interval"` // on average after that
}

// Cost is what AWS bills in a month, with one cause.
type Cost struct {
	Driver  string  `json:"driver"`
	Metrics float64 `json:"metrics"` // requested in a month
	USD     float64 `json:"usd"`
}

// Memory is resident memory with one cause.
type Memory struct {
	Driver string  `json:"driver"`
	Bytes  float64 `json:"bytes"`
}

// Time is how long something takes.
type Time struct {
	What    string  `json:"what"`
	Driver  string  `json:"driver"`
	Seconds float64 `json:"seconds"`
}

// Figures are an estimate.
type Figures struct {
	Accounts    int     `json:"accounts"`
	Targets     int     `json:"targets"`
	Searched    int     `json:"regions_searched"`
	Pools       float64 `json:"pools"`
	Interval    float64 `json:"interval_seconds"`
	First       float64 `json:"calls_first_pass"`
	PerInterval float64 `json:"calls_per_interval"`
	USD         float64 `json:"usd_per_month"`
	MetricPrice float64 `json:"usd_per_1000_metrics"`
	PriceDate   string  `json:"price_date"`
	Bytes       float64 `json:"memory_bytes"`

	Calls  []Calls  `json:"calls"`  // by API and operation
	Times  []Time   `json:"times"`  // of what a user waits for
	Costs  []Cost   `json:"costs"`  // the highest first
	Memory []Memory `json:"memory"` // the highest first
}

// What AWS gives at once, and how many calls a pass makes at the same time.
const (
	poolsPerPage      = 60
	identitiesPerPage = 1000
	metricsPerPage    = 500
	accountsPerPage   = 20
	mailEvents        = 13 // that CloudTrail is asked for, each by itself
	poolChanges       = 3  // likewise, twice, for earlier changes of pools
	sesChanges        = 8  // and of what they need of SES

	inFlight       = 4                     // descriptions
	askedAtOnce    = 16                    // accounts whose regions are asked for
	startSpread    = 50 * time.Millisecond // between the first passes of two targets
	listRate       = 8                     // requests a second to Organizations
	detailsBeside  = 5 * time.Second       // how long a pass that describes pools begins calls for details
	detailsShare   = 10                    // or one part in so many of its timeout
	credentialsAge = 14 * time.Minute      // of an assumed role
	regionsAge     = time.Hour             // of an account's list of regions
	callsAge       = time.Hour             // of the counts of calls
	quietCallsAge  = 2 * callsAge          // where there are none
	quotaDay       = 24 * time.Hour        // at the start of which metrics are listed anew
)

// Resident memory, as docs/performance.md measures it.
const (
	baseBytes     = 48e6
	targetBytes   = 60e3 // of a target with pools
	emptyBytes    = 12e3 // of one without
	poolBytes     = 3e3
	searchedBytes = 1.3e3
)

// Of works out the figures.
func Of(in Input) Figures {
	e := &estimate{in: in, calls: map[Calls]*Calls{}}
	e.f = Figures{
		Accounts: in.Accounts, Searched: in.Searched, Interval: in.Interval.Seconds(), MetricPrice: in.MetricPrice, PriceDate: in.PriceDate,
		Calls: []Calls{}, Times: []Time{}, Costs: []Cost{}, Memory: []Memory{},
	}
	e.fleet()
	e.credentials()
	empty := 0
	for _, p := range in.Places {
		if p.N == 0 {
			continue
		}
		e.f.Targets += p.N
		e.f.Pools += float64(p.N) * p.Pools
		if p.Pools == 0 {
			empty += p.N
		}
		e.place(p)
	}
	e.times()
	e.memory(empty)
	e.finish()
	return e.f
}

type estimate struct {
	in    Input
	f     Figures
	calls map[Calls]*Calls // by what names them
	costs map[string]float64
	slow  [2]Time // the longest first and later pass
}

// add counts calls: first in the first pass, and then one batch every period.
// A period of 0 has no further ones.
func (e *estimate) add(api, operation, driver string, first, batch float64, period time.Duration) {
	if first == 0 && batch == 0 {
		return
	}
	key := Calls{API: api, Operation: operation, Driver: driver}
	c := e.calls[key]
	if c == nil {
		c = &key
		e.calls[Calls{API: api, Operation: operation, Driver: driver}] = c
	}
	c.First += first
	if period > 0 {
		c.Interval += batch * float64(e.in.Interval) / float64(period)
	}
}

// after is how far apart two readings are that a pass makes when the last one,
// which was made in the course of a pass, is at least so old at the start of one.
func (e *estimate) after(clock time.Duration) time.Duration {
	return clock - clock%e.in.Interval + e.in.Interval
}

// within is the same for what is made at the same moment of every pass.
func (e *estimate) within(clock time.Duration) time.Duration {
	up := clock + e.in.Interval - 1
	return max(e.in.Interval, up-up%e.in.Interval)
}

func pages(n, perPage float64) float64 { return max(1, math.Ceil(n/perPage)) }

// fleet counts what finds accounts and regions, which is not done in passes.
func (e *estimate) fleet() {
	in := &e.in
	const api = inventory.APIOrganizations
	if o := in.Organization; o != nil {
		list := pages(float64(o.Accounts), accountsPerPage)
		e.add(api, "ListAccounts", "accounts, each refresh_interval", list, list, in.Refresh)
		if o.Units > 0 {
			units := float64(o.Units)
			e.add(api, "ListRoots", "organizational units, each refresh_interval", 1, 1, in.Refresh)
			e.add(api, "ListAccountsForParent", "organizational units, each refresh_interval", units, units, in.Refresh)
			e.add(api, "ListOrganizationalUnitsForParent", "organizational units, each refresh_interval", units, units, in.Refresh)
		}
		if o.Tags {
			e.add(api, "ListTagsForResource", "accounts with tags, each refresh_interval", float64(o.Active), float64(o.Active), in.Refresh)
		}
		if o.Role {
			e.add(inventory.APISTS, "AssumeRole", "organization, each refresh_interval", 1, 1, max(in.Refresh, credentialsAge))
		}
	}
	asked, searched := float64(in.RegionsAsked), float64(in.Searched)
	e.add("account", "ListRegions", "accounts with regions all or auto, each hour", asked, asked, regionsAge)
	e.add(inventory.APICognito, "ListUserPools", "searched regions, each idle_interval", searched, searched, in.Idle)
}

// credentials counts what credentials take.
func (e *estimate) credentials() {
	in := &e.in
	roles, idle := float64(in.Roles), float64(in.IdleRoles)
	e.add(inventory.APISTS, "AssumeRole", "accounts with a role, each 14m", roles, roles, e.within(credentialsAge))
	// Their regions are listed, and searched beside that.
	e.add(inventory.APISTS, "AssumeRole", "accounts with a role and without targets, each hour", idle, idle, regionsAge)
	if in.Roles+in.IdleRoles < in.Accounts {
		e.add(inventory.APISTS, "GetCallerIdentity", "ambient credentials, once", 1, 0, 0)
	}
}

// place counts the passes over places of one kind.
func (e *estimate) place(p Places) {
	in, n := &e.in, float64(p.N)
	every := func(api, operation, driver string, calls float64) {
		e.add(api, operation, driver, n*calls, n*calls, in.Interval)
	}
	var first, later [2]float64 // calls of Cognito and SES in one place
	beside := 0.0               // calls for details in the first pass
	if !p.SESOnly {
		list := pages(p.Pools, poolsPerPage)
		every(inventory.APICognito, "ListUserPools", "targets, each interval", list)
		e.add(inventory.APICognito, "DescribeUserPool", "pools, each describe_max_age", n*p.Pools, n*p.Pools, e.after(in.DescribeAge))
		every(inventory.APICognito, "ListUserPoolReplicas", "pools with replicas, each interval", p.Replicated)
		first[0], later[0] = list+p.Pools+p.Replicated, list+p.Replicated
		if in.Details {
			beside = e.details(p, first[0])
		}
	}
	if p.SES {
		every(inventory.APISES, "GetAccount", "targets, each interval", 1)
		e.identities(p)
		first[1] = max(1, p.Identities, p.ConfigurationSets)
		later[1] = max(1, p.Troubled)
		if in.Statistics && p.Identities > 0 {
			e.add(inventory.APIStatistics, "GetSendStatistics", "targets that pools send through, each 15m", n, n, e.within(inventory.StatisticsInterval))
		}
		if in.CloudWatch && p.Identities > 0 {
			e.metrics("reputation of targets that pools send through, each hour", n, 2, e.within(inventory.ReputationInterval))
		}
	}
	watch, history := 0.0, 0.0
	if in.CloudWatch && p.BuiltIn > 0 {
		watch = e.usage(p)
	}
	if in.CloudTrail && p.Pools > 0 {
		every(inventory.APICloudTrail, "LookupEvents", "targets with pools, each interval", mailEvents)
		watch += e.lasts(inventory.APICloudTrail, mailEvents, 1)
		if p.SignUpMetrics > 0 { // Their events name app clients, which are looked for until they are known.
			e.add(inventory.APICognito, "ListUserPoolClients", "pools of targets with sign-ups, once", n*p.Pools, 0, 0)
		}
	}
	if in.Changes {
		changes := 0.0
		if p.Pools > 0 {
			changes = poolChanges
		}
		if p.SES && p.Identities > 0 {
			changes += sesChanges
		}
		// The second time, a quarter of an hour later, is not counted: it is no part of a usual interval.
		e.add(inventory.APICloudTrail, "LookupEvents", "changes before the start", n*changes, 0, 0)
		history = e.lasts(inventory.APICloudTrail, changes, 1)
	}
	for i, calls := range [][2]float64{first, later} {
		pools, identities := e.lasts(inventory.APICognito, calls[0], inFlight), e.lasts(inventory.APISES, calls[1], 1)
		after := watch // What is read when the pools are known.
		if i == 0 {
			after = max(watch, e.lasts(inventory.APICognito, beside, inFlight)) + history
		}
		seconds, driver := pools+after+in.Latency.Seconds(), "the target with the most pools"
		if with := identities + in.Latency.Seconds(); with > seconds {
			seconds, driver = with, "the target with the most identities"
		}
		if seconds > e.slow[i].Seconds {
			e.slow[i] = Time{Driver: driver, Seconds: seconds}
		}
	}
}

// details counts what takes a call for each pool after it was described; calls
// is how many the pass makes before. What the first pass does not come to, later
// ones do. It returns how many one place's first pass makes.
func (e *estimate) details(p Places, calls float64) float64 {
	n, period := float64(p.N), e.after(e.in.DescribeAge)
	budget := e.in.Budgets[inventory.APICognito]
	left := (min(detailsBeside, e.in.Timeout/detailsShare).Seconds() - e.lasts(inventory.APICognito, calls, inFlight)) * budget
	room := math.Inf(1)
	if budget > 0 {
		room = max(0, math.Floor(left))
		if left > 0 {
			room += max(1, math.Floor(budget))
		}
	}
	mfa := min(p.MFA, room)
	logs := min(p.Pools, room-mfa)
	e.add(inventory.APICognito, "GetUserPoolMfaConfig", "pools with MFA, each describe_max_age", n*mfa, n*p.MFA, period)
	e.add(inventory.APICognito, "GetLogDeliveryConfiguration", "pools, each describe_max_age", n*logs, n*p.Pools, period)
	return mfa + logs
}

// identities counts what is asked of identities and configuration sets.
func (e *estimate) identities(p Places) {
	in, n := &e.in, float64(p.N)
	list, period := n*pages(p.AllIdentities, identitiesPerPage), e.after(in.IdentityList)
	if p.Troubled > 0 {
		period = in.Interval
	}
	e.add(inventory.APISES, "ListEmailIdentities", "targets, each identities.list_interval", list, list, period)
	well, details := p.Identities-p.Troubled, e.after(in.IdentityAge)
	e.add(inventory.APISES, "GetEmailIdentity", "identities in use, each identities.details_max_age", n*well, n*well, details)
	e.add(inventory.APISES, "GetEmailIdentity", "identities that keep pools from sending, each interval", n*p.Troubled, n*p.Troubled, in.Interval)
	e.add(inventory.APISES, "GetConfigurationSet", "configuration sets in use, each identities.details_max_age", n*p.ConfigurationSets, n*p.ConfigurationSets, details)
}

// usage counts what is read of the use of the default quota, and returns how
// many seconds it adds to a pass.
func (e *estimate) usage(p Places) float64 {
	in, n := &e.in, float64(p.N)
	list := n * pages(p.SignUpMetrics, metricsPerPage)
	if p.SignUpMetrics > 0 {
		e.add(inventory.APICloudWatch, "ListMetrics", "targets with sign-ups, each interval", list, list, in.Interval)
		e.metrics("sign-ups, each interval", n, p.SignUpMetrics, in.Interval)
	} else {
		e.add(inventory.APICloudWatch, "ListMetrics", "targets without sign-ups, each cloudwatch.list_interval", list, list, e.after(in.MetricList))
		e.add(inventory.APICloudWatch, "ListMetrics", "targets without sign-ups, each day of the default quota", 0, list/2, quotaDay)
	}
	age := quietCallsAge
	if p.CallMetrics > 0 {
		age = callsAge
		e.metrics("calls that send e-mail, each hour", n, p.CallMetrics, e.within(age))
	}
	e.add(inventory.APICloudWatch, "ListMetrics", "targets with the built-in sender, each 1h or 2h", n, n, e.within(age))
	calls := pages(p.SignUpMetrics, metricsPerPage)
	return e.lasts(inventory.APICloudWatch, 2*calls, 1)
}

// metrics counts metrics that n places each read every period, which AWS bills.
func (e *estimate) metrics(driver string, n, metrics float64, period time.Duration) {
	calls := n * pages(metrics, metricsPerPage)
	e.add(inventory.APICloudWatch, "GetMetricData", driver, calls, calls, period)
	if e.costs == nil {
		e.costs = map[string]float64{}
	}
	e.costs[driver] += n * metrics * float64(Month) / float64(period)
}

// lasts returns how many seconds calls take, so many at the same time, with the
// budget of the API.
func (e *estimate) lasts(api string, calls, parallel float64) float64 {
	seconds := e.in.Latency.Seconds() * math.Ceil(calls/parallel)
	if budget := e.in.Budgets[api]; budget > 0 {
		seconds = max(seconds, (calls-max(1, math.Floor(budget)))/budget)
	}
	return seconds
}

// times works out how long the start takes, and passes after it.
func (e *estimate) times() {
	in, latency := &e.in, e.in.Latency.Seconds()
	total := 0.0
	add := func(what, driver string, seconds float64) {
		if seconds > 0 {
			e.f.Times = append(e.f.Times, Time{what, driver, seconds})
		}
	}
	list := 0.0
	for _, c := range e.calls {
		if c.API == inventory.APIOrganizations {
			list += c.First
		}
	}
	if list > 0 {
		seconds := max(latency, 1.0/listRate) * list
		add("list the accounts", "accounts and organizational units", seconds)
		total += seconds
	}
	if in.RegionsAsked > 0 {
		calls := 2 + float64(in.Searched)/float64(in.RegionsAsked) // With AssumeRole and ListRegions.
		seconds := calls * latency * math.Ceil(float64(in.RegionsAsked)/askedAtOnce)
		add("find the regions", "accounts × regions that are searched", seconds)
		total += seconds
	}
	spread := min(time.Duration(e.f.Targets)*startSpread, in.Interval).Seconds()
	add("begin the first passes", "targets", spread)
	first, later := e.slow[0], e.slow[1]
	add("longest first pass", first.Driver, first.Seconds)
	add("longest later pass", later.Driver, later.Seconds)
	add("everything read once", "all of these", total+spread+first.Seconds)
}

// memory works out the resident memory; empty is how many targets have no pools.
func (e *estimate) memory(empty int) {
	for _, m := range []Memory{
		{"the program", baseBytes},
		{"targets with pools", targetBytes * float64(e.f.Targets-empty)},
		{"targets without pools", emptyBytes * float64(empty)},
		{"pools", poolBytes * e.f.Pools},
		{"searched regions", searchedBytes * float64(e.in.Searched)},
	} {
		if m.Bytes > 0 {
			e.f.Memory = append(e.f.Memory, m)
			e.f.Bytes += m.Bytes
		}
	}
	slices.SortStableFunc(e.f.Memory, func(a, b Memory) int { return cmp.Compare(b.Bytes, a.Bytes) })
}

// finish sorts and adds up.
func (e *estimate) finish() {
	for _, c := range e.calls {
		e.f.Calls = append(e.f.Calls, *c)
		e.f.First += c.First
		e.f.PerInterval += c.Interval
	}
	slices.SortFunc(e.f.Calls, func(a, b Calls) int {
		return cmp.Or(cmp.Compare(a.API, b.API), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Driver, b.Driver))
	})
	for driver, metrics := range e.costs {
		c := Cost{driver, metrics, metrics * e.in.MetricPrice / 1000}
		e.f.Costs = append(e.f.Costs, c)
		e.f.USD += c.USD
	}
	slices.SortFunc(e.f.Costs, func(a, b Cost) int { return cmp.Or(cmp.Compare(b.Metrics, a.Metrics), cmp.Compare(a.Driver, b.Driver)) })
}
