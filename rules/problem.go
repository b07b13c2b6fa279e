package rules

import (
	"cmp"
	"slices"
	"time"

	"cel.dev/cel-go/common/types"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// PoolRef is a pool that a finding concerns, as far as alerts tell it.
type PoolRef struct {
	Region, ID, Name string
	Tags             map[string]string // shared with the pool's settings; nil while they are unknown
}

func refTo(p *inventory.Pool) PoolRef {
	r := PoolRef{Region: p.Target.Region, ID: p.ID, Name: p.Name}
	if p.Settings != nil {
		r.Tags = p.Settings.Tags
	}
	return r
}

func comparePoolRefs(a, b PoolRef) int {
	return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.ID, b.ID))
}

// behind returns the pools that depend on the cause, sorted.
func behind(a *inventory.Account, c inventory.Cause) []PoolRef {
	var refs []PoolRef
	for i := range a.Pools {
		if p := &a.Pools[i]; p.DependsOn(c) {
			refs = append(refs, refTo(p))
		}
	}
	return refs
}

// causeBlocked is the cause of a rule whose finding belongs to what the first
// reason belongs to that keeps the pool from sending.
const causeBlocked = "blocked"

// causeOf returns what the rule's finding on the pool belongs to.
func (r *compiledRule) causeOf(p *inventory.Pool) inventory.Cause {
	if r.Cause == causeBlocked {
		for _, reason := range p.Blocked() {
			return p.CauseOf(reason)
		}
	}
	if slices.Contains(inventory.Reasons(), inventory.Reason(r.Cause)) {
		return p.CauseOf(inventory.Reason(r.Cause))
	}
	return p.Cause(inventory.CauseKind(r.Cause))
}

// Seen is a finding, and when the facts last said so.
type Seen struct {
	Finding
	At time.Time
}

// Problem is what a rule finds about one thing, or a reason that keeps pools
// from sending because of it: one, however many pools it concerns.
type Problem struct {
	Finding        // one of its findings; Message is the summary where theirs differ, Severity the worst, Behind has the pools of all
	LastKnown bool // none of the findings could be confirmed by the last facts
}

// Blocked returns each reason why a pool is blocked as a finding that is no
// rule's.
func Blocked(a *inventory.Account) []*Finding {
	var all []*Finding
	for i := range a.Pools {
		p := &a.Pools[i]
		for _, r := range p.Blocked() {
			f := findingAbout(*p.Target)
			f.Reason, f.Severity, f.ForEach, f.PoolID, f.PoolName, f.Identity = r, Critical, ForPool, p.ID, p.Name, p.Identity
			f.Cause, f.Behind = p.CauseOf(r), []PoolRef{refTo(p)}
			all = append(all, &f)
		}
	}
	return all
}

// Problems gathers the findings of one account by rule, reason and cause, sorted. Those
// that are known from earlier count as long as the facts do not say otherwise.
func Problems(now []*Finding, earlier []Seen) []Problem {
	type key struct {
		rule   string
		reason inventory.Reason
		cause  inventory.Cause
	}
	at := map[key]int{}
	var all []Problem
	add := func(f Finding, lastKnown bool) {
		k := key{f.Rule, f.Reason, f.Cause}
		i, ok := at[k]
		if !ok {
			at[k] = len(all)
			f.Behind = slices.Clone(f.Behind)
			all = append(all, Problem{f, lastKnown})
			return
		}
		p := &all[i]
		if p.Message != f.Message {
			p.Message = p.Summary
		}
		if f.Severity.AtLeast(p.Severity) {
			p.Severity = f.Severity
		}
		p.Behind = append(p.Behind, f.Behind...)
		p.LastKnown = p.LastKnown && lastKnown
	}
	for _, f := range now {
		add(*f, false)
	}
	for _, s := range earlier {
		add(s.Finding, true)
	}
	for i := range all {
		slices.SortFunc(all[i].Behind, comparePoolRefs)
		all[i].Behind = slices.CompactFunc(all[i].Behind, func(a, b PoolRef) bool { return comparePoolRefs(a, b) == 0 })
	}
	slices.SortFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason), a.Cause.Compare(b.Cause))
	})
	return all
}

// Remember returns the findings that were seen before, are none now, and that
// the facts of the account do not contradict: what they need is unknown. One of
// a rule that is no longer in use, of a target that is no longer read, or about
// how the account is read is over.
func (s *Set) Remember(a *inventory.Account, now []*Finding, before []Seen) []Seen {
	type key struct {
		rule, region, pool, identity string
		reason                       inventory.Reason
	}
	keyOf := func(f *Finding) key {
		if f.ForEach == ForPool {
			return key{f.Rule, f.Region, f.PoolID, "", f.Reason}
		}
		return key{f.Rule, f.Region, "", f.Identity, ""}
	}
	found := make(map[key]bool, len(now))
	for _, f := range now {
		found[keyOf(f)] = true
	}
	var open []Seen
	for i := range before {
		if f := &before[i].Finding; !found[keyOf(f)] && f.Cause.Kind != inventory.CauseTarget && s.open(a, f) {
			found[keyOf(f)] = true
			open = append(open, before[i])
		}
	}
	return open
}

// open reports whether the facts do not say that the finding is over.
func (s *Set) open(a *inventory.Account, f *Finding) bool {
	i := slices.IndexFunc(s.rules, func(r *compiledRule) bool { return r.ID == f.Rule && r.Enabled && r.ForEach == f.ForEach })
	reading, read := a.Reading(f.Region)
	switch {
	case i < 0 && f.Reason == "" || !read || reading.Disabled():
		return false
	case reading == nil:
		return true // It is still to be read.
	}
	var root *object
	switch f.ForEach {
	case ForPool:
		p := a.Pool(f.Region, f.PoolID)
		switch {
		case p == nil:
			return reading.PoolsListed.IsZero()
		case f.Reason != "":
			return p.Holds(f.Reason) == inventory.Unknown
		}
		root = newPoolView(a.At).load(p)
	case ForAccount:
		j := slices.IndexFunc(a.SES, func(s inventory.SESAccount) bool { return s.Target.Region == f.Region })
		if j < 0 {
			return true
		}
		root = newAccountView(a.At).load(&a.SES[j])
	default:
		j := slices.IndexFunc(a.Identities, func(i inventory.UsedIdentity) bool { return i.Target.Region == f.Region && i.Name == f.Identity })
		if j < 0 {
			return reading.IdentitiesListed.IsZero()
		}
		root = newIdentityView(a.At).load(&a.Identities[j])
	}
	out, err := run(s.rules[i].when, &variable{name: root.kind.path, root: root})
	return err != nil || types.IsUnknown(out)
}
