package collector

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/exposition"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Fleet is what is known of the accounts that are read, or are not to be.
type Fleet struct {
	Members []inventory.Member // sorted by ID; nil are the accounts of the targets
	Tags    []TagLabel         // of accounts
	Shard   Shard
	All     int // accounts that all shards together are to read, without the ambient one
	// Pending says that accounts or their regions are still to be found: the
	// collector is not ready before.
	Pending        bool
	Organization   *inventory.Outcome // of the listing of the accounts; nil before the first, and without an organization
	UnknownRegions map[string]int     // regions that this version does not know, with how many accounts they are enabled in

	ambient string // the ID of the ambient account; empty while it is not known
}

// Shard is the share of the accounts that is read, of so many. The zero value
// is all of them.
type Shard struct{ Index, Count int }

// labels are the shard's values of the labels shard and shards.
func (s Shard) labels() (index, count string) {
	return strconv.Itoa(s.Index), strconv.Itoa(max(1, s.Count))
}

// membersOf are the accounts of the targets.
func membersOf(targets []inventory.Target) []inventory.Member {
	byID := map[string]inventory.Member{}
	for _, t := range targets {
		byID[t.AccountID] = inventory.Member{ID: t.AccountID, Name: t.AccountName, Tags: t.AccountTags}
	}
	all := make([]inventory.Member, 0, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		all = append(all, byID[id])
	}
	return all
}

// cover returns how each account is covered. The caller holds the lock.
func (c *Collector) cover() []inventory.MemberStatus {
	all := make([]inventory.MemberStatus, 0, len(c.plan.Fleet.Members))
	var readings []*inventory.Reading
	for _, m := range c.plan.Fleet.Members {
		readings = readings[:0]
		for _, t := range c.index[m.ID] {
			if !t.SESOnly {
				readings = append(readings, t.reading)
			}
		}
		if m.ID == "" {
			m.ID = c.ambient
		}
		all = append(all, m.Cover(readings))
	}
	return all
}

// Coverage returns how each account is covered, as it is published. It is
// shared and must not be changed.
func (c *Collector) Coverage() []inventory.MemberStatus { return c.published.Load().coverage }

// complete fills in what follows from the plan. The ID of the ambient account
// is empty while it is not known.
func (p *plan) complete(ambient string) error {
	p.Fleet.ambient = ambient
	if p.Fleet.Members == nil {
		p.Fleet.Members = membersOf(p.Targets)
	}
	var err error
	p.members, err = p.families.Build(func(i int, emit exposition.Emit) {
		if f := &Families[i]; f.Members != nil {
			f.Members(&p.Fleet, Emit(emit))
		}
	})
	return err
}

// shownStates are the states of coverage that are counted, beside expected.
var shownStates = []inventory.Coverage{
	inventory.CoverageRead, inventory.CoverageDenied, inventory.CoverageFailing, inventory.CoveragePending, inventory.CoverageExcluded, inventory.CoverageSuspended,
}

// fleetFamilies are the metrics of which accounts there are.
var fleetFamilies = []Family{
	{
		Name: "exporter_accounts", Labels: []string{"state"}, Unit: "accounts",
		Help: "How many accounts there are by state. expected: to be read; of these read: every call of the last passes succeeded, denied: AWS refuses the role or a permission, failing: calls fail otherwise, " +
			"pending: still to be read for the first time. excluded: kept out by a filter of the organization, suspended: not active in the organization. The page /accounts says which.",
		Total: func(t *totals, emit Emit) {
			n, expected := map[inventory.Coverage]int{}, 0
			for _, m := range t.coverage {
				if n[m.Coverage]++; m.Coverage != inventory.CoverageExcluded && m.Coverage != inventory.CoverageSuspended {
					expected++
				}
			}
			emit(float64(expected), "expected")
			for _, state := range shownStates {
				emit(float64(n[state]), string(state))
			}
		},
	},
	{
		Name: "exporter_account_info", Tagged: true, Labels: []string{"account_id", "account_name", "ou", "shard", "shards"},
		Help: "Account that is to be read, with its name and the path of its organizational unit from Organizations; always 1. The tags of organization.tags are labels. " +
			"shard and shards are the INDEX and COUNT of --shard, 0 and 1 without it.",
		Members: func(f *Fleet, emit Emit) {
			shard, shards := f.Shard.labels()
			for _, m := range f.Members {
				if m.ID = cmp.Or(m.ID, f.ambient); m.ID == "" || m.Coverage == inventory.CoverageExcluded || m.Coverage == inventory.CoverageSuspended {
					continue
				}
				values := append(make([]string, 0, 8), m.ID, bounded(m.Name), m.Unit, shard, shards)
				for _, t := range f.Tags {
					values = append(values, m.Tags[t.Tag])
				}
				emit(1, values...)
			}
		},
	},
	{
		Name: "exporter_account_search_error", Labels: []string{"account_id", "class"},
		Help: "1 while the regions of an account cannot be listed, or one of them cannot be searched for user pools, by class of error; what was found before is still read. " +
			"From Account Management ListRegions and Cognito ListUserPools, with regions: all or auto. The page /accounts has the message.",
		Members: func(f *Fleet, emit Emit) {
			for _, m := range f.Members {
				if id := cmp.Or(m.ID, f.ambient); id != "" && m.Failure != nil {
					emit(1, id, string(m.Failure.Class))
				}
			}
		},
	},
	{
		Name: "exporter_fleet_accounts", Labels: []string{"shard", "shards"}, Unit: "accounts",
		Help: "How many accounts are to be read by all shards together, as this one knows them from the configuration and Organizations; without one whose ID is not known yet. " +
			"The accounts of cognito_ses_exporter_account_info over all shards are as many.",
		Members: func(f *Fleet, emit Emit) {
			all := f.All
			if f.ambient != "" && slices.ContainsFunc(f.Members, func(m inventory.Member) bool { return m.ID == "" }) {
				all++
			}
			shard, shards := f.Shard.labels()
			emit(float64(all), shard, shards)
		},
	},
	{
		Name:    "exporter_discovery_up",
		Help:    "Whether the accounts of the organization could be listed the last time. From Organizations ListAccounts. Absent without an organization.",
		Members: ofListing(func(o *inventory.Outcome, emit Emit) { emit(number(o.Class == inventory.OK)) }),
	},
	{
		Name: "exporter_discovery_error", Labels: []string{"class"},
		Help: "1 while the accounts of the organization could not be listed, by class of error; the last list stays, and the log has the message.",
		Members: ofListing(func(o *inventory.Outcome, emit Emit) {
			if o.Class != inventory.OK {
				emit(1, string(o.Class))
			}
		}),
	},
	{
		Name: "exporter_discovery_last_success_timestamp_seconds", Unit: "seconds",
		Help: "When the accounts of the organization were last listed, as Unix time. Absent before the first success.",
		Members: ofListing(func(o *inventory.Outcome, emit Emit) {
			if !o.LastSuccess.IsZero() {
				emit(float64(o.LastSuccess.UnixMilli()) / 1000)
			}
		}),
	},
	{
		Name: "exporter_unknown_region_accounts", Labels: []string{"region"}, Unit: "accounts",
		Help: "In how many accounts a region is enabled that this version does not know and does not read. From Account Management ListRegions, with regions: all or auto.",
		Members: func(f *Fleet, emit Emit) {
			for _, region := range slices.Sorted(maps.Keys(f.UnknownRegions)) {
				emit(float64(f.UnknownRegions[region]), region)
			}
		},
	},
}

func ofListing(samples func(*inventory.Outcome, Emit)) func(*Fleet, Emit) {
	return func(f *Fleet, emit Emit) {
		if f.Organization != nil {
			samples(f.Organization, emit)
		}
	}
}
