package inventory

import "slices"

// Dependent is a pool that an identity lets send.
type Dependent struct {
	*Pool
	// Instead is another verified identity that lets the pool send as well,
	// in the same region. Empty without one.
	Instead string
}

// Dependents returns the account's pools that the identity lets send, whether
// or not it exists, sorted by region and ID. It may not be the one that they
// send as: a domain also covers the addresses in it.
func (a *Account) Dependents(region, name string) []Dependent {
	name = CanonicalIdentity(name)
	l := linker{ses: map[string]sesFacts{}}
	for i := range a.Readings {
		if a.Readings[i].Target.Region == region {
			l.index(&a.Readings[i])
		}
	}
	var all []Dependent
	for i := range a.Pools {
		p := &a.Pools[i]
		if p.CustomSender() != No || !slices.Contains(p.Settings.Regions, region) {
			continue
		}
		covering := CoveringIdentities(p.Settings.Identity.Name)
		if !slices.Contains(covering, name) {
			continue
		}
		d := Dependent{Pool: p}
		for _, other := range covering {
			if i := l.ses[region].identities[other]; other != name && !i.Missing && i.Verified == Yes {
				d.Instead = i.Name
				break
			}
		}
		all = append(all, d)
	}
	return all
}
