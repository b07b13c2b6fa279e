package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/propose"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// reasonKinds say how the cause of a reason is fixed; see [builder.causes] for
// the exceptions.
var reasonKinds = map[inventory.Reason]Kind{
	inventory.IdentityMissing:          CreateIdentity,
	inventory.IdentityUnverified:       VerifyIdentity,
	inventory.CrossAccountIdentity:     ChangeSender,
	inventory.UnsupportedRegion:        ChangeSender,
	inventory.FromMismatch:             ChangeSender,
	inventory.SendingPolicyMissing:     AllowCognito,
	inventory.MailFromRejects:          MailFrom,
	inventory.ConfigurationSetMissing:  CreateSet,
	inventory.ConfigurationSetDisabled: EnableSet,
	inventory.Sandbox:                  ProductionAccess,
	inventory.SendingDisabled:          EnableSending,
	inventory.AccountShutdown:          ResumeSending,
	inventory.SendQuotaReached:         SendQuota,
	inventory.DefaultQuotaReached:      LeaveDefault,
}

// ruleKinds say how what a rule finds is fixed. Of a rule that is not in it,
// its own remedy says so.
var ruleKinds = map[string]Kind{
	"sending-policy-missing":         AllowCognito,
	"mail-from-rejects":              MailFrom,
	"configuration-set-missing":      CreateSet,
	"configuration-set-disabled":     EnableSet,
	"dkim-failed":                    DKIM,
	"developer-in-sandbox":           ProductionAccess,
	"production-access-denied":       ProductionAccess,
	"identity-missing":               CreateIdentity,
	"identity-unverified":            VerifyIdentity,
	"default-sender-from-unverified": VerifyIdentity,
	"identity-in-other-account":      ChangeSender,
	"identity-region-unsupported":    ChangeSender,
	"from-outside-identity":          ChangeSender,
	"replica-behind-primary":         ChangeSender,
	"sending-disabled":               EnableSending,
	"sign-in-blocked":                "", // Whatever blocks the pool has its fix.
	"enforcement-probation":          Reputation,
	"enforcement-shutdown":           ResumeSending,
	"bounce-rate-high":               Reputation,
	"bounce-rate-critical":           Reputation,
	"bounces-last-day":               Reputation,
	"complaint-rate-high":            Reputation,
	"complaint-rate-critical":        Reputation,
	"complaints-last-day":            Reputation,
	"send-quota-near-limit":          SendQuota,
	"send-quota-reached":             SendQuota,
	"default-quota-near-limit":       LeaveDefault,
	"default-quota-reached":          LeaveDefault,
	"default-quota-runs-out":         LeaveDefault,
	"default-quota-failures":         LeaveDefault,
	"production-on-default-sender":   LeaveDefault,
	"production-left-own-ses":        LeaveDefault,
	"sign-in-on-default-sender":      LeaveDefault,
}

// cause is a fix that a blocked pool needs, and the reasons that end with it.
type cause struct {
	key
	name    string // as people write it
	reasons []inventory.Reason
	hidden  inventory.Reason // without reasons: the one that will hold
}

// ends is 1 for a reason that another fix is about, and that ends with this one.
func (c *cause) ends(r inventory.Reason) int {
	if reasonKinds[r] == c.kind {
		return 0
	}
	return 1
}

// blocked adds a blocked pool to every fix that it needs.
func (b *builder) blocked(p *inventory.Pool) {
	var needs []*cause
	add := func(c cause) *cause {
		i := slices.IndexFunc(needs, func(o *cause) bool { return o.key == c.key })
		if i < 0 {
			i, needs = len(needs), append(needs, &c)
		}
		return needs[i]
	}
	for _, r := range p.Blocked() {
		for _, c := range b.causes(p, r) {
			need := add(c)
			need.reasons = append(need.reasons, r)
		}
	}
	for _, c := range b.hidden(p) {
		add(c)
	}
	fixes := make([]*Fix, len(needs))
	b.of[p.Key()] = fixes
	for i, c := range needs {
		f := b.fix(c.key, c.name)
		fixes[i] = f
		// What the fix is about comes before what ends with it.
		slices.SortStableFunc(c.reasons, func(x, y inventory.Reason) int {
			return cmp.Compare(c.ends(x), c.ends(y))
		})
		for _, r := range c.reasons {
			f.about(r)
		}
		if len(c.reasons) == 0 {
			f.about(c.hidden)
		}
	}
	for i, c := range needs {
		f := fixes[i]
		var alone inventory.Tri
		switch {
		case c.kind.changesPool():
			if alone = b.otherSender(p); alone != inventory.Yes {
				f.nothing = true
			}
		case len(p.Settings.Regions) > 1 && c.kind.perRegion():
			alone = b.after(p, c.key)
		default:
			alone = b.a.ReadyWithout(p, c.reasons...)
			if c.kind == EnableIdentity && p.SES != nil { // The reason is about the account as well.
				alone = alone.And(p.SES.SendingEnabled)
			}
			if slices.ContainsFunc(needs, func(o *cause) bool { return o != c && len(o.reasons) == 0 }) {
				alone = inventory.No // What is hidden now would keep it back then.
			}
		}
		also := slices.Delete(slices.Clone(fixes), i, i+1)
		slices.SortFunc(also, func(a, b *Fix) int { return cmp.Compare(a.ID(), b.ID()) })
		n := need{Pool{p, also}, alone}
		b.add(f, n)
		if c.kind == CreateIdentity || c.kind == VerifyIdentity {
			b.covered = append(b.covered, covered{n, c.region})
		}
		if c.kind == AllowCognito && p.IdentityDetails != nil && p.IdentityDetails.Policies.Forbids(p.SendRequest(c.region)) == inventory.Yes {
			f.denied = true
		}
	}
}

// need is a blocked pool that needs a fix, and whether it needs nothing else.
type need struct {
	Pool
	alone inventory.Tri
}

// covered is a pool that needs an identity in a region, for which any that
// covers it will do.
type covered struct {
	need
	region string
}

// add adds a pool to a fix, unless it is there already.
func (b *builder) add(f *Fix, n need) {
	if b.has[f.key][n.Key()] {
		return
	}
	switch b.has[f.key][n.Key()] = true; n.alone {
	case inventory.Yes:
		n.Also = nil
		f.Unblocks = append(f.Unblocks, n.Pool)
	case inventory.Unknown:
		n.Also = nil
		f.Maybe = append(f.Maybe, n.Pool)
	case inventory.No:
		f.Partly = append(f.Partly, n.Pool)
	}
}

// covering adds the pools that need an identity to the fixes of the others that
// cover it: an address can be sent as by its domain.
func (b *builder) covering() {
	for _, c := range b.covered {
		for _, name := range inventory.CoveringIdentities(c.Settings.Identity.Name) {
			for _, kind := range []Kind{CreateIdentity, VerifyIdentity} {
				if f := b.fixes[key{kind, c.region, name}]; f != nil {
					b.add(f, c.need)
				}
			}
		}
	}
}

// causes returns the fixes that a reason which blocks the pool needs.
func (b *builder) causes(p *inventory.Pool, r inventory.Reason) []cause {
	kind := reasonKinds[r]
	own := cause{key: key{ChangeSender, p.Target.Region, p.ID}, name: p.ID}
	account := cause{key: key{kind, p.Settings.SESRegion(), ""}}
	switch r {
	case inventory.Sandbox:
		return []cause{account}
	case inventory.AccountShutdown:
		return []cause{account}
	case inventory.SendQuotaReached:
		if p.SES != nil && p.SES.Sandbox == inventory.Yes { // The quota of the sandbox ends with it.
			account.kind = ProductionAccess
		}
		return []cause{account}
	case inventory.SendingDisabled:
		if p.SES != nil && p.SES.SendingEnabled == inventory.No {
			if p.SES.Enforcement == "SHUTDOWN" { // AWS disabled it.
				account.kind = ResumeSending
			}
			return []cause{account}
		}
		return b.perRegion(p, r, EnableIdentity)
	case inventory.DefaultQuotaReached:
		return []cause{{key: b.defaultSender(p)}}
	case inventory.CrossAccountIdentity, inventory.UnsupportedRegion, inventory.FromMismatch:
		return []cause{own}
	case inventory.IdentityMissing:
		if p.Settings.SourceARN == "" {
			return []cause{own}
		}
	default:
	}
	return b.perRegion(p, r, kind)
}

// defaultSender returns the fix for pools that share the pool's default quota,
// or that of the region where it shares none.
func (b *builder) defaultSender(p *inventory.Pool) key {
	if c := p.Cause(inventory.CauseDefaultQuota); c.Kind == inventory.CauseDefaultQuota {
		return key{LeaveDefault, c.Region, ""}
	}
	return key{LeaveDefault, p.Target.Region, ""}
}

// perRegion returns the fixes for what is wrong about the identity, or the
// configuration set, in each SES region that the pool's e-mail leaves from.
func (b *builder) perRegion(p *inventory.Pool, r inventory.Reason, kind Kind) []cause {
	about := func(region string, p *inventory.Pool) cause {
		name := p.Identity
		k := key{kind, region, inventory.CanonicalIdentity(name)}
		if kind == CreateSet || kind == EnableSet {
			name = p.ConfigurationSet
			k.name = name
		}
		return cause{key: k, name: name}
	}
	regions := p.Settings.Regions
	if len(regions) == 1 {
		return []cause{about(regions[0], p)}
	}
	var all []cause
	for _, region := range regions { // Nothing is known of the other one here.
		readings := b.without(func(r *inventory.Reading) bool { return r.Target.Region == region })
		if there := described(p).Try(b.a.At, p.Settings.EmailConfiguration, readings, inventory.Policy{}); there.Holds(r) == inventory.Yes {
			all = append(all, about(region, there))
		}
	}
	return all
}

// perRegion reports whether the fix is about a thing that a pool may need in
// several regions.
func (k Kind) perRegion() bool { return k.ofIdentity() || k == CreateSet || k == EnableSet }

// anyone is a sending policy that lets everybody send.
var anyone = inventory.ParseSendingPolicies(map[string]string{"": `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "ses:*", "Resource": "*"}}`})

// after reports whether the pool can send once the fix is done, of a pool whose
// e-mail leaves from several regions: a reason may hold in each.
func (b *builder) after(p *inventory.Pool, k key) inventory.Tri {
	readings := b.without(func(r *inventory.Reading) bool { return slices.Contains(p.Settings.Regions, r.Target.Region) })
	for i := range readings {
		if r := &readings[i]; r.Target.Region == k.region {
			r.Identities, r.ConfigurationSets = k.identities(r.Identities), k.sets(r.ConfigurationSets)
		}
	}
	var others []inventory.Reason
	for _, r := range inventory.Reasons() {
		if r != inventory.DefaultQuotaReached { // What shares it is not in the readings.
			others = append(others, r)
		}
	}
	return described(p).Try(b.a.At, p.Settings.EmailConfiguration, readings, inventory.Policy{}).Ready.And(b.a.ReadyWithout(p, others...))
}

// identities returns the identities as they are once the fix is done.
func (k key) identities(all []inventory.Identity) []inventory.Identity {
	all = slices.Clone(all)
	at := slices.IndexFunc(all, func(i inventory.Identity) bool { return inventory.CanonicalIdentity(i.Name) == k.name })
	if !k.kind.ofIdentity() {
		return all
	}
	if at < 0 {
		at, all = len(all), append(all, inventory.Identity{})
	}
	i := &all[at]
	var d inventory.IdentityDetails
	if i.Details != nil {
		d = *i.Details
	}
	switch k.kind {
	case CreateIdentity:
		*i = inventory.Identity{Name: k.name, Verified: inventory.Yes, SendingEnabled: inventory.Yes, Details: &inventory.IdentityDetails{Policies: anyone}}
	case VerifyIdentity, EnableIdentity:
		i.Verified, i.SendingEnabled = inventory.Yes, inventory.Yes
	case AllowCognito:
		d.Policies, i.Details = anyone, &d
	case MailFrom:
		d.MailFrom, i.Details = inventory.MailFrom{}, &d
	default:
	}
	return all
}

// sets returns the configuration sets as they are once the fix is done.
func (k key) sets(all []inventory.ConfigurationSet) []inventory.ConfigurationSet {
	all = slices.Clone(all)
	for i := range all {
		if s := &all[i]; s.Name == k.name && (k.kind == CreateSet || k.kind == EnableSet) {
			s.Missing, s.SendingEnabled = false, inventory.Yes
		}
	}
	return all
}

// hidden returns the fixes that a blocked pool needs besides, for what the
// verdict cannot see yet: what comes after an identity that is missing, and an
// identity that is disabled in an account that is.
func (b *builder) hidden(p *inventory.Pool) []cause {
	var all []cause
	for _, region := range p.Settings.Regions {
		if set := p.Settings.ConfigurationSet; p.Holds(inventory.IdentityMissing) == inventory.Yes && set != "" && p.Mode() == inventory.ModeDeveloper {
			r, _ := b.a.Reading(region)
			i := -1
			if r != nil {
				i = slices.IndexFunc(r.ConfigurationSets, func(c inventory.ConfigurationSet) bool { return c.Name == set })
			}
			switch {
			case i < 0: // It is not known.
			case r.ConfigurationSets[i].Missing:
				all = append(all, cause{key: key{CreateSet, region, set}, name: set, hidden: inventory.ConfigurationSetMissing})
			case r.ConfigurationSets[i].SendingEnabled == inventory.No:
				all = append(all, cause{key: key{EnableSet, region, set}, name: set, hidden: inventory.ConfigurationSetDisabled})
			}
		}
		id := b.identities[thing{region, inventory.CanonicalIdentity(p.Identity)}]
		if p.SES != nil && p.SES.SendingEnabled == inventory.No && id != nil && id.Verified == inventory.Yes && id.SendingEnabled == inventory.No {
			all = append(all, cause{key: key{EnableIdentity, region, inventory.CanonicalIdentity(id.Name)}, name: id.Name, hidden: inventory.SendingDisabled})
		}
	}
	return all
}

// found adds what a rule finds to its fix, with the pools that it concerns.
func (b *builder) found(f *rules.Finding) {
	kind, known := ruleKinds[f.Rule]
	p := b.a.Pool(f.Region, cmp.Or(f.PoolID, f.Resource))
	if known && kind == "" {
		if p != nil {
			for _, fix := range b.of[p.Key()] {
				fix.by(f.Rule, f.Severity)
			}
		}
		return
	}
	if f.ForEach == rules.ForPool && (p == nil || p.Settings == nil) {
		known = false
	}
	k, name := key{kind, f.Cause.Region, f.Cause.Name}, ""
	switch {
	case !known:
		k = key{FollowRule, "", f.Rule}
	case kind == LeaveDefault:
		k = b.defaultSender(p)
	case kind == ChangeSender && p.Settings.SendsDefault():
		k = b.defaultSender(p)
	case kind == ChangeSender:
		k, name = key{ChangeSender, p.Target.Region, p.ID}, p.ID
	case f.ForEach == rules.ForPool && p.Ready == inventory.No:
		return // It is in the fix of the reason.
	case kind == SendQuota && b.sandboxed(k.region): // The quota of the sandbox ends with it.
		k.kind = ProductionAccess
	}
	fix := b.fix(k, name)
	if fix.by(f.Rule, f.Severity); k.kind == FollowRule {
		fix.finding = f
	}
	for _, ref := range f.Behind {
		p := b.a.Pool(ref.Region, ref.ID)
		if p == nil || b.has[k][p.Key()] {
			continue
		}
		b.has[k][p.Key()] = true
		fix.Concerns = append(fix.Concerns, Pool{Pool: p})
		if k.kind.changesPool() && p.Settings != nil && len(b.others(p)) == 0 {
			fix.nothing = true
		}
	}
}

// sandboxed reports whether the SES account in the region is in the sandbox.
func (b *builder) sandboxed(region string) bool {
	return slices.ContainsFunc(b.a.SES, func(s inventory.SESAccount) bool {
		return s.Target.Region == region && s.Sandbox == inventory.Yes
	})
}

// sender is an identity that pools of a region may change to: the readings that
// decide whether it works, with nothing else in them.
type sender []inventory.Reading

// mostSenders is how many identities are tried for a pool that none has fitted
// so far.
const mostSenders = 5

// otherSender reports whether the pool can send once it sends as another
// identity of its account, by its own SES: what propose makes of it.
func (b *builder) otherSender(p *inventory.Pool) inventory.Tri {
	d, all, best := described(p), b.others(p), inventory.No
	for i, readings := range all[:min(len(all), mostSenders)] {
		for _, e := range wish.Candidates(d, readings) {
			best = best.Or(d.Try(b.a.At, e, readings, inventory.Policy{}).Ready)
		}
		if best == inventory.Yes {
			all[0], all[i] = all[i], all[0] // It will do for the next one.
			break
		}
	}
	return best
}

// wish is what propose is asked for.
var wish = propose.Wish{Mode: inventory.ModeDeveloper}

// others returns the choices for the pool's region, which are made once.
func (b *builder) others(p *inventory.Pool) []sender {
	all, ok := b.senders[p.Target.Region]
	if !ok {
		all = b.choices(p)
		b.senders[p.Target.Region] = all
	}
	return all
}

// choices returns the senders with which a pool in the region of p could send,
// those first of which everything is known.
func (b *builder) choices(p *inventory.Pool) []sender {
	plain := described(p)
	plain.Settings = &inventory.Settings{Sender: inventory.NewSender(p.Key().Key, inventory.EmailConfiguration{Mode: inventory.ModeDefault})}
	var sure, unsure []sender
	for _, e := range wish.Candidates(plain, b.without(nil)) {
		identity, _ := inventory.ParseSourceARN(e.SourceARN)
		covering := inventory.CoveringIdentities(identity.Name)
		readings := b.without(func(r *inventory.Reading) bool { return r.Target.Region == identity.Region })
		for i := range readings {
			var few []inventory.Identity
			for _, id := range readings[i].Identities {
				if slices.Contains(covering, inventory.CanonicalIdentity(id.Name)) {
					few = append(few, id)
				}
			}
			readings[i].Identities = few
		}
		switch plain.Try(b.a.At, e, readings, inventory.Policy{}).Ready {
		case inventory.Yes:
			if sure = append(sure, readings); len(sure) == mostSenders {
				return sure
			}
		case inventory.Unknown:
			unsure = append(unsure, readings)
		case inventory.No:
		}
	}
	return slices.Concat(sure, unsure)
}

// without returns the readings that are wanted, or all, without their pools. A
// pool may change to an identity in a region that is no part of the report.
func (b *builder) without(wanted func(*inventory.Reading) bool) []inventory.Reading {
	var all []inventory.Reading
	for _, readings := range [][]inventory.Reading{b.a.Readings, b.a.Others} {
		for i := range readings {
			if wanted != nil && !wanted(&readings[i]) {
				continue
			}
			r := readings[i]
			r.Pools, r.Gone, r.SignUps, r.CallCounts, r.Trail = nil, nil, nil, nil, nil
			all = append(all, r)
		}
	}
	return all
}

// described returns the pool as propose wants it.
func described(p *inventory.Pool) propose.Described {
	return propose.Described{UserPool: *p.UserPool, Target: *p.Target}
}

// tagged returns whose the pools are, the most pools first: the values of a tag,
// and how many pools have each. Pools without the tag have the empty value.
func tagged(pools []*inventory.Pool, tag string) []Owner {
	counts := map[string]int{}
	for _, p := range pools {
		value := ""
		if p.Settings != nil {
			value = p.Settings.Tags[tag]
		}
		counts[value]++
	}
	var all []Owner
	for _, value := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, Owner{tag, value, counts[value]})
	}
	slices.SortStableFunc(all, func(a, b Owner) int { return cmp.Compare(b.Pools, a.Pools) })
	return all
}

// Owner is the value of a tag that says whose pools are.
type Owner struct {
	Tag   string `json:"tag"`
	Value string `json:"value"` // empty for pools without the tag
	Pools int    `json:"pools"`
}
