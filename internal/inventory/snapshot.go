package inventory

import (
	"iter"
	"slices"
	"strings"
	"time"
)

// Snapshot is everything known at one time, linked and judged account by
// account. It does not change after [New] returned it.
type Snapshot struct {
	At       time.Time
	Accounts []*Account // sorted by ID

	// PoolsUnknown says that there are targets whose pools should be known, and
	// none are: a count of pools or findings would be made up.
	PoolsUnknown bool
}

// New links and judges the readings of any number of accounts. It keeps them
// and must not see them change.
func New(at time.Time, readings []Reading, policy Policy) *Snapshot {
	byAccount := map[string][]Reading{}
	for _, r := range readings {
		byAccount[r.Target.AccountID] = append(byAccount[r.Target.AccountID], r)
	}
	accounts := make([]*Account, 0, len(byAccount))
	for _, own := range byAccount {
		accounts = append(accounts, Judge(at, own, policy))
	}
	slices.SortFunc(accounts, func(a, b *Account) int { return strings.Compare(a.ID, b.ID) })
	return Join(at, accounts)
}

// Join returns the snapshot of accounts that are sorted by ID.
func Join(at time.Time, accounts []*Account) *Snapshot {
	s := &Snapshot{At: at, Accounts: accounts}
	targets, known := 0, false
	for _, a := range accounts {
		targets += a.Targets
		known = known || a.Targets > 0 && !a.PoolsUnknown
	}
	s.PoolsUnknown = targets > 0 && !known
	return s
}

// Pools returns every pool, by account, region and ID.
func (s *Snapshot) Pools() iter.Seq[*Pool] {
	return func(yield func(*Pool) bool) {
		for _, a := range s.Accounts {
			for i := range a.Pools {
				if !yield(&a.Pools[i]) {
					return
				}
			}
		}
	}
}

// Readings returns every reading, by account and region.
func (s *Snapshot) Readings() iter.Seq[*Reading] {
	return func(yield func(*Reading) bool) {
		for _, a := range s.Accounts {
			for i := range a.Readings {
				if !yield(&a.Readings[i]) {
					return
				}
			}
		}
	}
}

// PoolCount returns the number of pools.
func (s *Snapshot) PoolCount() (n int) {
	for _, a := range s.Accounts {
		n += len(a.Pools)
	}
	return n
}

// In returns what there is in the regions, as it was judged with all the others:
// their pools, and of other regions the SES accounts and identities that these
// pools send through. What was read of the others stays beside it.
func (s *Snapshot) In(regions ...string) *Snapshot {
	accounts := make([]*Account, 0, len(s.Accounts))
	for _, whole := range s.Accounts {
		a := *whole
		a.Pools = keep(a.Pools, func(p *Pool) bool { return slices.Contains(regions, p.Target.Region) })
		senders := map[string]bool{} // regions that the pools send through
		needed := func(c Cause) bool {
			return slices.ContainsFunc(a.Pools, func(p Pool) bool { return p.DependsOn(c) })
		}
		a.SES = keep(a.SES, func(ses *SESAccount) bool {
			region := ses.Target.Region
			return slices.Contains(regions, region) || needed(Cause{Kind: CauseSESAccount, Region: region})
		})
		a.Identities = keep(a.Identities, func(i *UsedIdentity) bool {
			region := i.Target.Region
			return slices.Contains(regions, region) || needed(Cause{Kind: CauseIdentity, Region: region, Name: CanonicalIdentity(i.Name)})
		})
		for i := range a.Pools {
			if settings := a.Pools[i].Settings; settings != nil {
				for _, region := range settings.Regions {
					senders[region] = true
				}
			}
		}
		wanted := func(region string) bool { return slices.Contains(regions, region) || senders[region] }
		a.Readings = keep(whole.Readings, func(r *Reading) bool { return wanted(r.Target.Region) })
		a.Others = keep(whole.Readings, func(r *Reading) bool { return !wanted(r.Target.Region) })
		a.Pending = slices.DeleteFunc(slices.Clone(a.Pending), func(region string) bool { return !wanted(region) })
		if a.Targets = len(a.Readings) + len(a.Pending); a.Targets > 0 {
			accounts = append(accounts, &a)
		}
	}
	return Join(s.At, accounts)
}

// keep returns the elements that are to be kept, in a new slice.
func keep[T any](all []T, wanted func(*T) bool) []T {
	var kept []T
	for i := range all {
		if wanted(&all[i]) {
			kept = append(kept, all[i])
		}
	}
	return kept
}
