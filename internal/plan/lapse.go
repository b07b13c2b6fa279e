package plan

import (
	"slices"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Lapse is what happens to pools if something that they share lapses. Each list
// is sorted by region and ID.
type Lapse struct {
	Silent  []*inventory.Pool // can send now, and could not then
	Unsure  []*inventory.Pool // it is not known whether they can send now
	Blocked []*inventory.Pool // cannot send now
	GoOn    []*inventory.Pool // would not notice
}

// add adds a pool that needs what lapses.
func (l *Lapse) add(p *inventory.Pool) {
	switch p.Ready {
	case inventory.Yes:
		l.Silent = append(l.Silent, p)
	case inventory.No:
		l.Blocked = append(l.Blocked, p)
	case inventory.Unknown:
		l.Unsure = append(l.Unsure, p)
	}
}

// Owners says, tag by tag, whose pools would go silent.
func (l *Lapse) Owners(tags []string) []Owner {
	var all []Owner
	for _, tag := range tags {
		all = append(all, tagged(l.Silent, tag)...)
	}
	return all
}

// WithoutIdentity says what happens if the identity in an SES region is deleted
// or no longer verified. Pools that another verified identity covers go on.
func WithoutIdentity(dependents []inventory.Dependent) *Lapse {
	l := &Lapse{}
	for _, d := range dependents {
		if d.Instead != "" && d.Ready != inventory.No {
			l.GoOn = append(l.GoOn, d.Pool)
			continue
		}
		l.add(d.Pool)
	}
	return l
}

// WithoutSending says what happens if the sending of the SES account in a region
// is paused or disabled.
func WithoutSending(a *inventory.Account, region string) *Lapse {
	l := &Lapse{}
	for i := range a.Pools {
		if p := &a.Pools[i]; p.Settings != nil && p.Settings.SESRegion() == region {
			l.add(p)
		}
	}
	return l
}

// WithoutSets says what happens if the configuration sets in an SES region are
// deleted or disabled, each by its name. Whether mail of the built-in sender
// passes a set is not documented.
func WithoutSets(a *inventory.Account, region string) map[string]*Lapse {
	all := map[string]*Lapse{}
	for i := range a.Pools {
		p := &a.Pools[i]
		if p.ConfigurationSet == "" || p.CustomSender() != inventory.No || p.Mode() != inventory.ModeDeveloper || !slices.Contains(p.Settings.Regions, region) {
			continue
		}
		if all[p.ConfigurationSet] == nil {
			all[p.ConfigurationSet] = &Lapse{}
		}
		all[p.ConfigurationSet].add(p)
	}
	return all
}
