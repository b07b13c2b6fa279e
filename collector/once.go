package collector

import (
	"context"
	"slices"
	"sync"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// ReadOnce reads every target of the plan once, all at the same time, then the
// SES regions that their pools send through and that are no targets, and again
// those targets whose identities are used from other regions and need a second
// look. progress is called with how many of the targets known so far are read;
// it may be nil.
func ReadOnce(ctx context.Context, reader Reader, p Plan, progress func(done, total int)) []inventory.Reading {
	o := once{ctx: ctx, reader: reader, plan: p, progress: progress, readings: map[inventory.Key]inventory.Reading{}}
	o.read(p.Targets)
	needs := inventory.Needs(o.list()...)
	more := inventory.SESOnlyTargets(needs, p.Targets)
	for _, n := range needs {
		if have, ok := o.readings[n.Key]; ok && unsettled(have, n) {
			n.Ask(&have.Target)
			more = append(more, have.Target)
		}
	}
	o.read(more)
	return o.list()
}

// unsettled reports whether something is not known of what is needed: of an
// identity that was listed, or of a configuration set.
func unsettled(r inventory.Reading, n inventory.Need) bool {
	known := map[string]inventory.Identity{}
	for _, i := range r.Identities {
		known[inventory.CanonicalIdentity(i.Name)] = i
	}
	for _, name := range n.Identities {
		detailed := false // The details are those of the most specific one.
		for _, covering := range inventory.CoveringIdentities(name) {
			i, ok := known[covering]
			if !ok || i.Missing {
				continue
			}
			if i.Verified == inventory.Unknown || !detailed && i.Details == nil {
				return true
			}
			detailed = true
		}
	}
	return slices.ContainsFunc(n.ConfigurationSets, func(name string) bool {
		return !slices.ContainsFunc(r.ConfigurationSets, func(s inventory.ConfigurationSet) bool { return s.Name == name })
	})
}

type once struct {
	ctx      context.Context // it lives as long as one call of ReadOnce
	reader   Reader
	plan     Plan
	progress func(done, total int)

	mu          sync.Mutex // guards what follows while targets are read
	readings    map[inventory.Key]inventory.Reading
	done, total int
}

func (o *once) list() []inventory.Reading {
	all := make([]inventory.Reading, 0, len(o.readings))
	for _, r := range o.readings {
		all = append(all, r)
	}
	return all
}

func (o *once) read(targets []inventory.Target) {
	o.total += len(targets)
	var group sync.WaitGroup
	for _, t := range targets {
		group.Go(func() {
			o.mu.Lock()
			var prev *inventory.Reading
			if have, ok := o.readings[t.Key()]; ok {
				prev = &have
			}
			o.mu.Unlock()
			ctx, cancel := context.WithTimeout(o.ctx, o.plan.Timeout)
			defer cancel()
			r := o.reader.Read(ctx, t, prev)

			o.mu.Lock()
			defer o.mu.Unlock()
			o.readings[r.Target.Key()] = r
			o.done++
			if o.progress != nil {
				o.progress(o.done, o.total)
			}
		})
	}
	group.Wait()
}
