package inventory

import (
	"slices"
	"time"
)

// Fresh returns the reading without the facts that were not confirmed since
// oldest. Counts end, but e-mails that were sent or refused stay: they may prove
// a quota reached, which does not end before its reset. The receiver is not
// changed; what is all fresh is shared with it.
func (r Reading) Fresh(oldest time.Time) Reading {
	stale := func(confirmed time.Time) bool { return confirmed.Before(oldest) }
	old := func(read time.Time) bool { return stale(read.Add(r.DetailsEvery)) }
	if slices.ContainsFunc(r.Pools, func(p UserPool) bool {
		return stale(p.Listed) || p.Settings != nil && stale(p.Confirmed) || p.Details != nil && p.Details.any(old) ||
			!p.Replica.Confirmed.IsZero() && stale(p.Replica.Confirmed)
	}) {
		pools := make([]UserPool, 0, len(r.Pools))
		for _, p := range r.Pools {
			if stale(p.Listed) {
				r.Gone = append(slices.Clip(r.Gone), p.Replaced(time.Time{}))
				continue
			}
			if p.Settings != nil && stale(p.Confirmed) {
				p = p.Replaced(time.Time{})
			}
			p.Details = p.Details.fresh(old)
			if stale(p.Replica.Confirmed) {
				p.Replica = Replica{Replicated: p.Replica.Replicated}
			}
			pools = append(pools, p)
		}
		r.Pools = pools
	}
	if stale(r.PoolsListed) {
		r.PoolsListed = time.Time{}
	}
	if r.SES != nil && stale(r.SES.Confirmed) {
		r.SES = nil
	}
	gone := func(i Identity) bool { return stale(i.Confirmed.Add(r.IdentitiesEvery)) }
	unsaid := func(i Identity) bool { return !i.Asked.IsZero() && stale(i.Asked) }
	undetailed := func(i Identity) bool { return i.Details != nil && stale(i.Detailed.Add(r.IdentityDetailsEvery)) }
	if slices.ContainsFunc(r.Identities, func(i Identity) bool { return gone(i) || unsaid(i) || undetailed(i) }) {
		r.Identities = slices.DeleteFunc(slices.Clone(r.Identities), gone)
		for i := range r.Identities {
			id := &r.Identities[i]
			if unsaid(*id) {
				id.Verified = Unknown
			}
			if undetailed(*id) {
				id.Details, id.Detailed = nil, time.Time{}
			}
		}
	}
	unset := func(s ConfigurationSet) bool { return stale(s.Confirmed.Add(r.IdentityDetailsEvery)) }
	if slices.ContainsFunc(r.ConfigurationSets, unset) {
		r.ConfigurationSets = slices.DeleteFunc(slices.Clone(r.ConfigurationSets), unset)
	}
	if stale(r.IdentitiesListed.Add(r.IdentitiesEvery)) {
		r.IdentitiesListed = time.Time{}
	}
	if r.SignUps != nil && stale(r.SignUps.Confirmed.Add(r.SignUps.Every)) {
		ended := *r.SignUps
		ended.Ended = true
		r.SignUps = &ended
	}
	if r.CallCounts != nil && stale(r.CallCounts.Confirmed.Add(r.CallCounts.Every)) {
		r.CallCounts = nil
	}
	if r.Trail != nil && stale(r.Trail.Confirmed) {
		ended := *r.Trail
		ended.Complete = false
		r.Trail = &ended
	}
	if r.Reputation != nil && stale(r.Reputation.Confirmed.Add(ReputationInterval)) {
		r.Reputation = nil
	}
	if r.Statistics != nil && stale(r.Statistics.Confirmed.Add(StatisticsInterval)) {
		r.Statistics = nil
	}
	return r
}

// OldestAfter returns when the oldest of the facts was confirmed that were
// confirmed after t; zero when there are none. What [Reading.Fresh] ends, it
// ends by these times.
func (r *Reading) OldestAfter(t time.Time) time.Time {
	var oldest time.Time
	see := func(confirmed time.Time) {
		if confirmed.After(t) && (oldest.IsZero() || confirmed.Before(oldest)) {
			oldest = confirmed
		}
	}
	for i := range r.Pools {
		see(r.Pools[i].Listed)
		see(r.Pools[i].Confirmed)
		see(r.Pools[i].Replica.Confirmed)
		if d := r.Pools[i].Details; d != nil {
			for _, detail := range []Detail{d.EmailMFA, d.NotificationLog} {
				if !detail.Read.IsZero() {
					see(detail.Read.Add(r.DetailsEvery))
				}
			}
		}
	}
	for i := range r.Identities {
		see(r.Identities[i].Confirmed.Add(r.IdentitiesEvery))
		see(r.Identities[i].Asked)
		if r.Identities[i].Details != nil {
			see(r.Identities[i].Detailed.Add(r.IdentityDetailsEvery))
		}
	}
	for i := range r.ConfigurationSets {
		see(r.ConfigurationSets[i].Confirmed.Add(r.IdentityDetailsEvery))
	}
	see(r.PoolsListed)
	if !r.IdentitiesListed.IsZero() {
		see(r.IdentitiesListed.Add(r.IdentitiesEvery))
	}
	if r.SES != nil {
		see(r.SES.Confirmed)
	}
	if r.SignUps != nil {
		see(r.SignUps.Confirmed.Add(r.SignUps.Every))
	}
	if r.CallCounts != nil {
		see(r.CallCounts.Confirmed.Add(r.CallCounts.Every))
	}
	if r.Trail != nil {
		see(r.Trail.Confirmed)
	}
	if r.Reputation != nil {
		see(r.Reputation.Confirmed.Add(ReputationInterval))
	}
	if r.Statistics != nil {
		see(r.Statistics.Confirmed.Add(StatisticsInterval))
	}
	return oldest
}

// SameFacts reports whether two readings of one target differ in nothing but
// when their facts were confirmed, and in how the pass went.
func (r *Reading) SameFacts(o *Reading) bool {
	return r.Target.AccountName == o.Target.AccountName && r.PoolsKnown() == o.PoolsKnown() && r.lacksSES() == o.lacksSES() &&
		r.PoolsListed.IsZero() == o.PoolsListed.IsZero() && r.IdentitiesListed.IsZero() == o.IdentitiesListed.IsZero() &&
		slices.EqualFunc(r.Pools, o.Pools, func(a, b UserPool) bool {
			return a.ID == b.ID && a.Name == b.Name && a.Settings == b.Settings && a.LastModified.Equal(b.LastModified) && len(a.Past) == len(b.Past) &&
				a.EmailMFA() == b.EmailMFA() && a.NotificationLog() == b.NotificationLog() && a.Replica.same(b.Replica)
		}) &&
		slices.EqualFunc(r.Gone, o.Gone, func(a, b UserPool) bool { return a.ID == b.ID && len(a.Past) == len(b.Past) }) &&
		slices.EqualFunc(r.Identities, o.Identities, Identity.sameFacts) &&
		slices.EqualFunc(r.ConfigurationSets, o.ConfigurationSets, func(a, b ConfigurationSet) bool {
			a.Confirmed = b.Confirmed
			return a == b
		}) &&
		sameSES(r.SES, o.SES) && sameSignUps(r.SignUps, o.SignUps) && sameCalls(r.CallCounts, o.CallCounts) && sameTrail(r.Trail, o.Trail) && sameReputation(r.Reputation, o.Reputation) &&
		sameStatistics(r.Statistics, o.Statistics) && r.Changes.Since.Equal(o.Changes.Since) && slices.Equal(r.Changes.List, o.Changes.List)
}

// sameFacts reports whether both differ in nothing but when that was confirmed.
func (i Identity) sameFacts(o Identity) bool {
	i.Confirmed, i.Asked, i.Detailed = o.Confirmed, o.Asked, o.Detailed
	return i == o
}

func sameSES(a, b *SESState) bool {
	if a == nil || b == nil {
		return a == b
	}
	same := *a
	same.Confirmed = b.Confirmed
	return same == *b
}

func sameSignUps(a, b *SignUps) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.WindowStart.Equal(b.WindowStart) && a.Ended == b.Ended && slices.Equal(a.Pools, b.Pools) && slices.EqualFunc(a.Series, b.Series, func(a, b SignUpSeries) bool {
		return a.PoolID == b.PoolID && a.ClientID == b.ClientID && slices.Equal(a.Points, b.Points)
	})
}

func sameCalls(a, b *CallCounts) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.WindowStart.Equal(b.WindowStart) && a.Listed == b.Listed && a.N == b.N
}

func sameTrail(a, b *Trail) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.WindowStart.Equal(b.WindowStart) && a.Complete == b.Complete && slices.Equal(a.Events, b.Events) && slices.Equal(a.Counts, b.Counts)
}

func sameReputation(a, b *Reputation) bool {
	if a == nil || b == nil {
		return a == b
	}
	same := func(a, b *float64) bool { return a == b || a != nil && b != nil && *a == *b }
	return same(a.BounceRatio, b.BounceRatio) && same(a.ComplaintRatio, b.ComplaintRatio)
}
