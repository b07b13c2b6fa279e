package fleet

import "github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"

// Work is how much finding accounts and regions asks of AWS, as far as they are
// known.
type Work struct {
	Accounts, Active int  // of the organization
	Units            int  // organizational units with the root, as far as accounts are in or below them; 0 when they are not asked for
	Tags             bool // the accounts' tags are asked for
	Asked            int  // accounts of the shard whose regions are asked for
	Searched         int  // accounts × regions that are searched for user pools
}

// Work returns how much finding asks of AWS.
func (f *Fleet) Work() Work {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := Work{Accounts: len(f.accounts)}
	units := map[string]bool{}
	for i := range f.accounts {
		a := &f.accounts[i]
		if a.State == inventory.AccountActive {
			w.Active++
		}
		for _, u := range a.Units {
			units[u.ID] = true
		}
	}
	if o := f.conf.Organization; o != nil {
		var asked bool
		if asked, w.Tags = o.needs(); asked {
			w.Units = len(units)
		}
	}
	for _, e := range f.conf.entries(f.accounts) {
		if !e.wanted() || !e.Regions.find() {
			continue
		}
		w.Asked++
		if p := f.places[e.ID]; p != nil && e.Regions.Auto {
			w.Searched += len(p.on)
		}
	}
	return w
}
