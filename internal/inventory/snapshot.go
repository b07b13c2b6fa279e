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
