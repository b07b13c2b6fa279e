package fleet

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Config says which accounts and regions are wanted.
type Config struct {
	Accounts     []Account     // listed ones; each takes the place of a discovered one with its ID
	Organization *Organization // nil discovers no accounts
	Shard        Shard
	Region       string        // of the ambient credentials, whose partition it says; may be empty
	IdleInterval time.Duration // between two looks for user pools, in accounts with Regions.Auto
}

// Account is an account that the configuration lists.
type Account struct {
	ID      string // empty for the ambient credentials' own
	Name    string
	Role    string // ARN; empty for the ambient credentials
	Regions Regions
}

// Regions says in which regions an account is read.
type Regions struct {
	Listed []string // empty for those that are on in the account
	Auto   bool     // of those that are on, the ones with user pools
}

// find reports whether the regions have to be asked for.
func (r Regions) find() bool { return len(r.Listed) == 0 }

// Organization says which accounts of an organization are read, and how.
type Organization struct {
	Partition        string
	MemberRole       string // name, with its path, of the role in every account
	Regions          Regions
	Include, Exclude Filter
	Refresh          time.Duration // between two listings
	Units            bool          // ask for the organizational units even if no filter needs them
	Tags             []string      // of accounts, to be shown
}

// needs says what a listing has to ask for besides the accounts.
func (o *Organization) needs() (units, tags bool) {
	units = o.Units || len(o.Include.Units) > 0 || len(o.Exclude.Units) > 0
	tags = len(o.Tags) > 0 || len(o.Include.Tags) > 0 || len(o.Exclude.Tags) > 0
	return units, tags
}

// role is the ARN of the role in a discovered account.
func (o *Organization) role(account string) string {
	return "arn:" + o.Partition + ":iam::" + account + ":role/" + o.MemberRole
}

// View is what is to be read, as far as it is known. It does not change.
type View struct {
	Targets []inventory.Target // sorted by account and region
	Members []inventory.Member // of the shard, sorted by ID; also those that are not to be read
	Shard   Shard
	// All is how many accounts are to be read by all shards together, without one
	// whose ID is not known.
	All int
	// Discovered are the roles of the accounts that are not listed, by ID.
	Discovered map[string]string
	// Organization is how the listing of accounts fares; nil before the first.
	Organization *inventory.Outcome
	// Pending says that accounts, or the regions of some, are still to be asked
	// for the first time.
	Pending bool
	// UnknownRegions are regions that are on and that this version does not know,
	// with the number of accounts.
	UnknownRegions map[string]int
}

// entry is an account with how it is to be read.
type entry struct {
	Account
	member inventory.Member
}

// everyone returns the accounts of all shards, by ID.
func (c *Config) everyone(discovered []inventory.OrganizationAccount) map[string]entry {
	byID := map[string]entry{}
	for i := range discovered {
		a := &discovered[i]
		e := entry{Account{ID: a.ID, Name: a.Name, Role: c.Organization.role(a.ID), Regions: c.Organization.Regions}, c.member(a)}
		byID[a.ID] = e
	}
	for _, a := range c.Accounts {
		m := byID[a.ID].member // What the organization knows of it stays.
		m.ID, m.Name, m.Coverage, m.Why = a.ID, cmp.Or(a.Name, m.Name), "", ""
		a.Name = m.Name
		byID[a.ID] = entry{a, m}
	}
	return byID
}

// entries returns the accounts of the shard, sorted by ID.
func (c *Config) entries(discovered []inventory.OrganizationAccount) []entry {
	return c.share(c.everyone(discovered))
}

// share returns those of the accounts that are in the shard, sorted by ID.
func (c *Config) share(all map[string]entry) []entry {
	own := make([]entry, 0, len(all))
	for id, e := range all {
		if c.Shard.Has(id) {
			own = append(own, e)
		}
	}
	slices.SortFunc(own, func(a, b entry) int { return cmp.Compare(a.ID, b.ID) })
	return own
}

// member returns what is to be known of an account of the organization.
func (c *Config) member(a *inventory.OrganizationAccount) inventory.Member {
	o := c.Organization
	m := inventory.Member{ID: a.ID, Name: a.Name, Unit: a.UnitPath()}
	for _, key := range o.Tags {
		if value, ok := a.Tags[key]; ok {
			if m.Tags == nil {
				m.Tags = map[string]string{}
			}
			m.Tags[key] = value
		}
	}
	switch why := excluded(a, &o.Include, &o.Exclude); {
	case a.State != inventory.AccountActive:
		m.Coverage, m.Why = inventory.CoverageSuspended, "its state in the organization is "+a.State
	case why != "":
		m.Coverage, m.Why = inventory.CoverageExcluded, why
	}
	return m
}

// wanted reports whether the account is to be read.
func (e *entry) wanted() bool { return e.member.Coverage == "" }

// home is the target by which the account's regions are asked for.
func (c *Config) home(e *entry) inventory.Target {
	partition := inventory.Partition(c.Region)
	if e.Role != "" {
		partition = Partition(e.Role)
	}
	return c.target(e, inventory.Home(partition))
}

func (c *Config) target(e *entry, region string) inventory.Target {
	return inventory.Target{AccountID: e.ID, AccountName: e.Name, Region: region, Role: e.Role, AccountTags: e.member.Tags}
}

// view puts together what is known.
func (f *Fleet) view() *View {
	c := &f.conf
	all := c.everyone(f.accounts)
	v := &View{Shard: c.Shard, Discovered: map[string]string{}, UnknownRegions: map[string]int{}}
	for id, e := range all {
		if e.wanted() && id != "" {
			v.All++
		}
	}
	listed := map[string]bool{}
	for _, a := range c.Accounts {
		listed[a.ID] = true
	}
	if v.Pending = c.Organization != nil && !f.asked; f.asked {
		outcome := f.outcome
		v.Organization = &outcome
	}
	for _, e := range c.share(all) {
		regions := e.Regions.Listed
		if e.wanted() {
			if !listed[e.ID] {
				v.Discovered[e.ID] = e.Role
			}
			if e.Regions.find() {
				regions = f.find(&e, v)
			}
			for _, region := range regions {
				v.Targets = append(v.Targets, c.target(&e, region))
			}
		}
		v.Members = append(v.Members, e.member)
	}
	slices.SortFunc(v.Targets, func(a, b inventory.Target) int { return a.Key().Compare(b.Key()) })
	return v
}

// find returns the regions of an account whose regions are asked for, as far as
// they are known, and completes its member.
func (f *Fleet) find(e *entry, v *View) (regions []string) {
	p := f.places[e.ID]
	if p == nil || !p.asked {
		e.member.Coverage, e.member.Why = inventory.CoveragePending, "its regions are still to be asked for"
		v.Pending = true
		return nil
	}
	e.member.Failure = p.failure
	if p.on == nil { // It is read in one region, which shows what is wrong with it.
		home := f.conf.home(e)
		return []string{home.Region}
	}
	for _, region := range p.unknown {
		v.UnknownRegions[region]++
	}
	if !e.Regions.Auto {
		return p.on
	}
	pending := 0
	for _, region := range p.on {
		look := p.looks[region]
		switch {
		case look == nil:
			pending++
		case look.pools:
			regions = append(regions, region)
		}
		if look != nil && look.failure != nil && e.member.Failure == nil {
			e.member.Failure = look.failure
		}
	}
	if pending > 0 {
		e.member.Coverage, e.member.Why = inventory.CoveragePending, "its regions are still to be searched for user pools"
		v.Pending = true
	}
	return regions
}

// forget drops what is known of accounts that are no longer asked for.
func (f *Fleet) forget(entries []entry) {
	keep := map[string]bool{}
	for _, e := range entries {
		keep[e.ID] = e.wanted() && e.Regions.find()
	}
	maps.DeleteFunc(f.places, func(id string, _ *place) bool { return !keep[id] })
}
