package inventory

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is everything known at one time, linked and judged. It is not
// changed after [New] returned it, so that any number of readers may share it.
type Snapshot struct {
	At         time.Time
	Readings   []Reading    // sorted by account and region
	Pools      []Pool       // sorted by account, region and ID
	Accounts   []SESAccount // SES state, sorted by account and region
	Identities []UsedIdentity

	// PoolsUnknown says that there are targets whose pools should be known, and none
	// are: a count of pools or findings would be made up.
	PoolsUnknown bool

	Policy        Policy
	DefaultQuotas []DefaultQuota // of what shares one, sorted by account and region
}

// SESAccount is the SES state of one account in one region.
type SESAccount struct {
	Target Target
	SESState
	Reputation *Reputation // nil when unknown
}

// UsedIdentity is an identity that exists, and how many pools send through it.
type UsedIdentity struct {
	Identity
	Target Target
	// Pools is at least so many, and exactly so where PoolsKnown says that the
	// account's pools are known.
	Pools      int
	PoolsKnown bool
}

// New links and judges the readings. It keeps them and must not see them change.
func New(at time.Time, readings []Reading, policy Policy) *Snapshot {
	readings = slices.Clone(readings)
	slices.SortStableFunc(readings, func(a, b Reading) int { return a.Target.Key().Compare(b.Target.Key()) })
	quotas := newTally(at, readings, policy)
	gone := map[string]bool{} // accounts whose pools are not all known
	blind, targets := true, 0
	for i := range readings {
		if !readings[i].Target.SESOnly {
			targets++
			blind = blind && readings[i].PoolsListed.IsZero() && len(readings[i].Pools) == 0
		}
		if !readings[i].PoolsKnown() {
			gone[readings[i].Target.AccountID] = true
		}
	}
	readings = slices.DeleteFunc(readings, func(r Reading) bool { return r.Unread })
	idx := indexSES(readings)
	s := &Snapshot{At: at, Readings: readings, Policy: policy, DefaultQuotas: quotas.list(), PoolsUnknown: blind && targets > 0}

	type identityKey struct {
		Key
		name string
	}
	used := map[identityKey]int{}
	for _, r := range readings {
		for _, up := range r.Pools {
			p := idx.link(r.Target, up, quotas)
			s.Pools = append(s.Pools, p)
			if ref, ok := ParseSourceARN(sourceARN(up)); ok && ref.AccountID == r.Target.AccountID && !p.Settings.CustomSender {
				for _, region := range identityRegions(r.Target.Region, ref.Region) {
					used[identityKey{Key{r.Target.AccountID, region}, CanonicalIdentity(p.Identity)}]++
				}
			}
		}
	}
	for _, r := range readings {
		if r.SES != nil {
			s.Accounts = append(s.Accounts, SESAccount{Target: r.Target, SESState: *r.SES, Reputation: r.Reputation})
		}
		for _, i := range r.Identities {
			if i.Missing {
				continue
			}
			n := used[identityKey{r.Target.Key(), CanonicalIdentity(i.Name)}]
			s.Identities = append(s.Identities, UsedIdentity{Identity: i, Target: r.Target, Pools: n, PoolsKnown: !gone[r.Target.AccountID]})
		}
	}
	return s
}

func sourceARN(p UserPool) string {
	if p.Settings == nil {
		return ""
	}
	return p.Settings.SourceARN
}

// Need is an account's SES region that pools send through, and the names in
// the SourceArns that lead there, sorted.
type Need struct {
	Key
	AccountName string
	Identities  []string
}

// Needs returns, sorted, the SES regions which the readings' pools send
// through and have to be read for it, whether or not they are targets.
func Needs(readings []Reading) []Need {
	var needs []Need
	for _, r := range readings {
		for _, up := range r.Pools {
			ref, ok := ParseSourceARN(sourceARN(up))
			if !ok || ref.AccountID != r.Target.AccountID {
				continue
			}
			for _, region := range identityRegions(r.Target.Region, ref.Region) {
				if !HasSES(region) || Partition(region) != Partition(r.Target.Region) {
					continue
				}
				needs = append(needs, Need{Key{r.Target.AccountID, region}, r.Target.AccountName, []string{ref.Name}})
			}
		}
	}
	return Merge(needs)
}

// Merge returns the needs with those of one region joined, sorted.
func Merge(needs []Need) []Need {
	found := map[Key]*Need{}
	for _, n := range needs {
		if found[n.Key] == nil {
			found[n.Key] = &Need{Key: n.Key, AccountName: n.AccountName}
		}
		found[n.Key].Identities = append(found[n.Key].Identities, n.Identities...)
	}
	merged := make([]Need, 0, len(found))
	for _, n := range found {
		slices.Sort(n.Identities)
		n.Identities = slices.Compact(n.Identities)
		merged = append(merged, *n)
	}
	slices.SortFunc(merged, func(a, b Need) int { return a.Compare(b.Key) })
	return merged
}

// SortPools sorts pools by ID, as a reading has them.
func SortPools(pools []UserPool) {
	slices.SortFunc(pools, func(a, b UserPool) int { return cmp.Compare(a.ID, b.ID) })
}
