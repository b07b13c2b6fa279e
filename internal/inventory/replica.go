package inventory

import (
	"slices"
	"time"
)

// Replica is what Cognito says of the replication of a pool, for the pool in
// one region (ListUserPools' ReplicaRegions, ListUserPoolReplicas). The zero
// value is a pool without replicas.
type Replica struct {
	Replicated bool
	Role       string    // one of [ReplicaRoles]; empty when unknown
	Status     string    // one of [ReplicaStatuses]; empty when unknown
	Confirmed  time.Time // when AWS last said role and status; zero while they are unknown
}

// The roles of replicas.
const (
	Primary   = "PRIMARY"
	Secondary = "SECONDARY"
)

// ReplicaRoles lists the values of Replica.Role.
func ReplicaRoles() []string { return []string{Primary, Secondary} }

// The statuses of replicas.
const (
	ReplicaCreating = "CREATING"
	ReplicaInactive = "INACTIVE" // set up, but not for users
	ReplicaActive   = "ACTIVE"
	ReplicaDeleting = "DELETING"
)

// ReplicaStatuses lists the values of Replica.Status.
func ReplicaStatuses() []string {
	return []string{ReplicaCreating, ReplicaInactive, ReplicaActive, ReplicaDeleting}
}

// Idle reports whether users cannot reach the pool there, so that it sends no
// e-mail.
func (r *Replica) Idle() Tri {
	if !r.Replicated {
		return No
	}
	if r.Status == "" {
		return Unknown
	}
	return Known(r.Status != ReplicaActive)
}

// same reports whether two differ in nothing but their confirmation.
func (r Replica) same(o Replica) bool {
	r.Confirmed = o.Confirmed
	return r == o
}

// linkReplicas tells replicated pools, which have one ID in several regions,
// of each other.
func linkReplicas(pools []Pool) {
	byID := map[string][]*Pool{}
	for i := range pools {
		if p := &pools[i]; p.Replica.Replicated {
			byID[p.ID] = append(byID[p.ID], p)
		}
	}
	for _, replicas := range byID {
		one := func(role string) *Pool {
			if i := slices.IndexFunc(replicas, func(p *Pool) bool { return p.Replica.Role == role }); i >= 0 {
				return replicas[i]
			}
			return nil
		}
		primary, secondary := one(Primary), one(Secondary)
		for _, p := range replicas {
			if p != primary {
				p.Primary = primary
			}
			if p != secondary {
				p.Secondary = secondary
			}
		}
	}
}

// BehindPrimary reports whether a secondary could not take over the e-mail of
// its primary: the primary sends through SES and it does not, its SourceArn
// names another identity, or the identity is verified for the primary only. A
// replica that is made or deleted is not looked at.
func (p *Pool) BehindPrimary() Tri {
	if !p.Replica.Replicated || p.Replica.Role == Primary || p.Replica.Status == ReplicaCreating || p.Replica.Status == ReplicaDeleting {
		return No
	}
	if p.Replica.Role == "" || p.Replica.Status == "" || p.Primary == nil || p.Settings == nil || p.Primary.Settings == nil {
		return Unknown
	}
	if p.Settings.CustomSender { // It sends by means that are not visible from here.
		return No
	}
	behind := p.Primary.sendsBySES().And(p.sendsBySES().Not())
	want, have := p.Primary.Settings.Identity.Name, p.Settings.Identity.Name
	if want == "" {
		return behind
	}
	return behind.Or(Known(CanonicalIdentity(want) != CanonicalIdentity(have))).Or(p.Primary.Verified.And(p.Verified.Not()))
}
