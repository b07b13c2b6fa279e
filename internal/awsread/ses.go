package awsread

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const identitiesPerPage = 1000 // the most that ListEmailIdentities gives

// readAccount reads the account's state.
func (p *pass) readAccount(ctx context.Context) {
	var body bytes.Buffer
	out, err := p.place.ses.GetAccount(ctx, nil, func(o *sesv2.Options) { o.APIOptions = append(o.APIOptions, keepBody(&body)) })
	if err == nil && out.SendQuota == nil && out.EnforcementStatus == nil {
		err = errMalformed // Its booleans would read as sandbox and disabled.
	}
	var given accountBody
	if err == nil {
		err = json.NewDecoder(&body).Decode(&given)
	}
	if err != nil {
		p.fail(ctx, inventory.APISES, "GetAccount", err)
		return
	}
	if p.reading.SES, err = accountOf(out, &given, time.Now()); err != nil {
		p.fail(ctx, inventory.APISES, "GetAccount", err)
	}
}

// accountBody has what an answer of GetAccount gives; nil is null or absent.
type accountBody struct {
	ProductionAccessEnabled, SendingEnabled *bool
	SendQuota                               struct {
		Max24HourSend, MaxSendRate, SentLast24Hours *json.RawMessage
	}
}

// needed returns what the target and pools of it, as far as they are known, use
// of SES in this region.
func (p *pass) needed(pools []inventory.UserPool) inventory.Need {
	t := p.reading.Target
	need := inventory.Need{Identities: slices.Clone(t.Identities), ConfigurationSets: slices.Clone(t.ConfigurationSets)}
	for _, n := range inventory.Needs(inventory.Reading{Target: t, Pools: pools}) {
		if n.Key == t.Key() {
			need.Identities = append(need.Identities, n.Identities...)
			need.ConfigurationSets = append(need.ConfigurationSets, n.ConfigurationSets...)
		}
	}
	for _, names := range []*[]string{&need.Identities, &need.ConfigurationSets} {
		slices.Sort(*names)
		*names = slices.Compact(*names)
	}
	return need
}

// accountOf takes over what makes sense. The error names the first value that
// does not, which is unknown.
func accountOf(out *sesv2.GetAccountOutput, given *accountBody, now time.Time) (*inventory.SESState, error) {
	s := &inventory.SESState{
		Confirmed:   now,
		Enforcement: known(inventory.EnforcementStatuses(), aws.ToString(out.EnforcementStatus), "UNKNOWN"),
		Review:      "NONE",
		Quota:       inventory.Quota{Kind: inventory.QuotaSend},
	}
	if d := out.Details; d != nil && d.ReviewDetails != nil {
		s.Review = known(inventory.ReviewStatuses(), string(d.ReviewDetails.Status), "")
		s.ReviewCase = sharedText(d.ReviewDetails.CaseId)
	}
	var wrong error
	refuse := func(field string, value any) {
		if wrong == nil {
			wrong = fmt.Errorf("%w: %s is %v", errValue, field, value)
		}
	}
	if yes := given.ProductionAccessEnabled; yes != nil {
		s.Sandbox = inventory.Known(!*yes)
	} else {
		refuse("ProductionAccessEnabled", nil)
	}
	if yes := given.SendingEnabled; yes != nil {
		s.SendingEnabled = inventory.Known(*yes)
	} else {
		refuse("SendingEnabled", nil)
	}
	q := out.SendQuota
	if q == nil {
		return s, wrong
	}
	// number reports whether AWS gives the number, and it counts something, or is -1 where that is no limit.
	number := func(field string, raw *json.RawMessage, n float64, unlimited bool) bool {
		switch {
		case raw == nil:
			refuse("SendQuota."+field, nil)
		case counts(n), unlimited && n == -1:
			return true
		default:
			refuse("SendQuota."+field, n)
		}
		return false
	}
	limit := number("Max24HourSend", given.SendQuota.Max24HourSend, q.Max24HourSend, true)
	if used := number("SentLast24Hours", given.SendQuota.SentLast24Hours, q.SentLast24Hours, false); limit && used {
		s.Quota = inventory.SendQuota(q.Max24HourSend, q.SentLast24Hours)
	}
	if number("MaxSendRate", given.SendQuota.MaxSendRate, q.MaxSendRate, true) {
		s.RateKnown, s.MaxSendRate = true, q.MaxSendRate
	}
	return s, wrong
}

// known returns value if it is one of the values, else otherwise.
func known(values []string, value, otherwise string) string {
	if slices.Contains(values, value) {
		return value
	}
	return otherwise
}

// identitiesKnown reports whether the last list of the identities is recent
// enough to do while every identity in use is verified.
func (p *pass) identitiesKnown() bool {
	at := p.reading.IdentitiesListed
	return !at.IsZero() && p.reading.Start.Sub(at) < p.opts.IdentitiesEvery
}

// listIdentities returns what is known of the identities by canonical name,
// and whether they are all there are. With recent, which takes the pools to be
// read, the list of before is the answer unless an identity in use is not
// verified by it: that may have changed, or it is a new one.
func (p *pass) listIdentities(ctx context.Context, recent bool) (facts map[string]inventory.Identity, complete bool) {
	facts = make(map[string]inventory.Identity, len(p.reading.Identities))
	listed := map[string]inventory.Identity{}
	for _, i := range p.reading.Identities {
		facts[inventory.CanonicalIdentity(i.Name)] = i
	}
	if recent && (ctx.Err() != nil || verified(facts, p.needed(p.reading.Pools).Identities)) { // When Cognito took all the time, SES is not to blame.
		return facts, true
	}
	if ctx.Err() != nil {
		p.notAsked(inventory.APISES)
		return facts, false
	}
	complete = true
	token, start := "", time.Now()
	pages := sesv2.NewListEmailIdentitiesPaginator(listEmailIdentities(p.place.ses.ListEmailIdentities),
		&sesv2.ListEmailIdentitiesInput{PageSize: aws.Int32(identitiesPerPage)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err == nil && (page.EmailIdentities == nil || repeats(page.NextToken, &token) ||
			slices.ContainsFunc(page.EmailIdentities, func(i types.IdentityInfo) bool { return aws.ToString(i.IdentityName) == "" })) {
			err = errMalformed
		}
		if err != nil {
			p.fail(ctx, inventory.APISES, "ListEmailIdentities", err)
			complete = false
			break
		}
		now := time.Now()
		for _, i := range page.EmailIdentities {
			id := identityOf(i, now)
			before := facts[inventory.CanonicalIdentity(id.Name)]
			id.Details, id.Detailed = before.Details, before.Detailed
			if before.Status == id.Status {
				if id.ErrorType = before.ErrorType; id.Verified == inventory.Unknown {
					id.Verified, id.Asked = before.Verified, before.Asked
				}
			}
			listed[inventory.CanonicalIdentity(id.Name)] = id
		}
	}
	if complete {
		facts = listed
		p.reading.IdentitiesListed = start // Not later than any identity's, or one would go stale before its list and count as missing.
	} else {
		maps.Copy(facts, listed)
	}
	return facts, complete
}

// verified reports whether each of the names is covered by an identity that is
// verified.
func verified(facts map[string]inventory.Identity, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		return !slices.ContainsFunc(inventory.CoveringIdentities(name), func(name string) bool {
			return !facts[name].Missing && facts[name].Status == "SUCCESS"
		})
	})
}

// identities are the facts about identities while a pass collects them. The
// goroutine of SES has them for itself.
type identities struct {
	facts    map[string]inventory.Identity // by canonical name
	complete bool                          // they are all there are
	asked    map[string]bool               // by canonical name, what was asked for one by one in this pass
}

// readIdentities asks one by one for the identities in use that the list has
// no final word on: whose status is not SUCCESS, or all of them when there is
// no list. And for those whose details are unknown, old, or keep a pool from
// sending.
func (p *pass) readIdentities(ctx context.Context, ids *identities, used []string) {
	for _, name := range p.wanted(ids.facts, ids.complete, used) {
		p.readIdentity(ctx, ids, name)
	}
	for _, name := range p.undetailed(ids.facts, used) {
		if ids.facts[name].Details != nil && p.halfway(ctx) {
			break // What is known can wait for the next pass.
		}
		p.readIdentity(ctx, ids, name)
	}
}

// readEarly asks for the identities of the pools that were described so far, so
// that a first pass over many pools takes no longer for it.
func (p *pass) readEarly(ctx context.Context, ids *identities) {
	for _, name := range p.undetailed(ids.facts, p.needed(p.takeDescribed()).Identities) {
		if ids.facts[name].Details == nil {
			p.readIdentity(ctx, ids, name)
		}
	}
}

// readIdentity asks for one identity, unless this pass has already.
func (p *pass) readIdentity(ctx context.Context, ids *identities, name string) {
	if ids.asked[name] {
		return
	}
	ids.asked[name] = true
	out, err := p.place.ses.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: aws.String(name)})
	now, before := time.Now(), ids.facts[name]
	if classOf(err) == inventory.NotFound {
		ids.facts[name] = inventory.Identity{Name: name, Missing: true, Confirmed: now}
		return
	}
	if err == nil && out.IdentityType == "" && out.VerificationStatus == "" {
		err = errMalformed
	}
	if err != nil {
		p.fail(ctx, inventory.APISES, "GetEmailIdentity", err)
		return
	}
	i := inventory.Identity{
		Name: cmp.Or(before.Name, name), SendingEnabled: before.SendingEnabled, Confirmed: now, Asked: now,
		Verified: inventory.Known(out.VerifiedForSendingStatus),
		Status:   known(inventory.VerificationStatuses(), string(out.VerificationStatus), "UNKNOWN"),
		Details:  identityDetailsOf(name, out), Detailed: now,
	}
	if ids.complete && slices.Contains(listSays, i.Status) {
		i.Asked = time.Time{} // The next list will say it as well.
	}
	if out.VerificationInfo != nil {
		i.ErrorType = string(out.VerificationInfo.ErrorType)
	}
	if before.Details != nil && i.Details.Equal(before.Details) {
		i.Details = before.Details
	}
	ids.facts[name] = i
}

// keepIdentities takes the facts over into the reading. Details are those of
// the identities in use only: others are not read again.
func (p *pass) keepIdentities(ids *identities, used []string, all bool) {
	inUse := map[string]bool{}
	for _, one := range used {
		inUse[winning(ids.facts, one)] = true
	}
	kept := make([]inventory.Identity, 0, len(ids.facts))
	for name, i := range ids.facts {
		if !all && !inUse[name] {
			i.Details, i.Detailed = nil, time.Time{}
		}
		kept = append(kept, i)
	}
	slices.SortFunc(kept, func(a, b inventory.Identity) int { return cmp.Compare(a.Name, b.Name) })
	p.reading.Identities = kept
}

// identityDetailsOf takes over what only GetEmailIdentity tells.
func identityDetailsOf(name string, out *sesv2.GetEmailIdentityOutput) *inventory.IdentityDetails {
	d := &inventory.IdentityDetails{
		ConfigurationSet: sharedText(out.ConfigurationSetName), Policies: inventory.ParseSendingPolicies(out.Policies), DKIM: inventory.DKIM{Status: "UNKNOWN"},
	}
	if k := out.DkimAttributes; k != nil {
		d.DKIM.Status = known(inventory.VerificationStatuses(), string(k.Status), "UNKNOWN")
		if k.SigningAttributesOrigin != types.DkimSigningAttributesOriginExternal { // Else the token is a selector, and the key is not SES's.
			zone := cmp.Or(aws.ToString(k.SigningHostedZone), "dkim.amazonses.com")
			for _, token := range k.Tokens {
				d.DKIM.Records = append(d.DKIM.Records, inventory.DNSRecord{Name: token + "._domainkey." + name, Type: "CNAME", Value: token + "." + zone})
			}
		}
	}
	if m := out.MailFromAttributes; m != nil && aws.ToString(m.MailFromDomain) != "" {
		d.MailFrom = inventory.MailFrom{
			Domain: sharedText(m.MailFromDomain), Status: known(inventory.MailFromStatuses(), string(m.MailFromDomainStatus), "UNKNOWN"),
		}
		switch m.BehaviorOnMxFailure {
		case types.BehaviorOnMxFailureRejectMessage:
			d.MailFrom.RejectOnFailure = inventory.Yes
		case types.BehaviorOnMxFailureUseDefaultValue:
			d.MailFrom.RejectOnFailure = inventory.No
		}
	}
	return d
}

// readConfigurationSets asks for the sets that pools or the identities that
// they use name, if they are unknown or old, or keep mail back.
func (p *pass) readConfigurationSets(ctx context.Context, need inventory.Need) {
	names := need.ConfigurationSets
	for _, i := range p.reading.Identities {
		if i.Details != nil && i.Details.ConfigurationSet != "" {
			names = append(names, i.Details.ConfigurationSet)
		}
	}
	have := map[string]inventory.ConfigurationSet{}
	for _, s := range p.reading.ConfigurationSets {
		have[s.Name] = s
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(have[a].Confirmed.Compare(have[b].Confirmed), cmp.Compare(a, b))
	})
	var sets []inventory.ConfigurationSet
	for _, name := range slices.Compact(names) {
		s, ok := have[name]
		fresh := ok && s.Well() && (p.reading.Start.Sub(s.Confirmed) < p.opts.IdentityDetailsEvery || p.halfway(ctx))
		if !fresh {
			read, err := p.readConfigurationSet(ctx, name)
			if err != nil {
				p.fail(ctx, inventory.APISES, "GetConfigurationSet", err)
			} else {
				s, ok = read, true
			}
		}
		if ok {
			sets = append(sets, s)
		}
	}
	slices.SortFunc(sets, func(a, b inventory.ConfigurationSet) int { return cmp.Compare(a.Name, b.Name) })
	p.reading.ConfigurationSets = sets
}

func (p *pass) readConfigurationSet(ctx context.Context, name string) (inventory.ConfigurationSet, error) {
	out, err := p.place.ses.GetConfigurationSet(ctx, &sesv2.GetConfigurationSetInput{ConfigurationSetName: aws.String(name)})
	s := inventory.ConfigurationSet{Name: name, Confirmed: time.Now()}
	switch {
	case classOf(err) == inventory.NotFound:
		s.Missing = true
	case err != nil:
		return s, err
	case aws.ToString(out.ConfigurationSetName) != name:
		return s, errMalformed
	case out.SendingOptions != nil:
		s.SendingEnabled = inventory.Known(out.SendingOptions.SendingEnabled)
	}
	return s, nil
}

// halfway reports whether half of the pass's time has gone.
func (p *pass) halfway(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < deadline.Sub(p.reading.Start)/2
}

// winning returns the canonical name of the identity that SES takes for the
// name: the most specific one that exists; empty when none is known to.
func winning(facts map[string]inventory.Identity, name string) string {
	for _, covering := range inventory.CoveringIdentities(name) {
		if i, ok := facts[covering]; ok && !i.Missing {
			return covering
		}
	}
	return ""
}

// undetailed returns the canonical names of the identities in use whose details
// are unknown, or are to be read again: because they are old, or keep a pool
// from sending. The oldest come first.
func (p *pass) undetailed(facts map[string]inventory.Identity, used []string) []string {
	var names []string
	for _, one := range used {
		name := winning(facts, one)
		i := facts[name]
		watched := slices.ContainsFunc(p.reading.Target.Watched, func(w string) bool { return inventory.CanonicalIdentity(w) == name })
		if name != "" && (i.Details == nil || watched || p.reading.Start.Sub(i.Detailed) >= p.opts.IdentityDetailsEvery) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(facts[a].Detailed.Compare(facts[b].Detailed), cmp.Compare(a, b))
	})
	return slices.Compact(names)
}

// identityOf takes over one entry of the list. A temporary failure may or may
// not stop the sending, which only GetEmailIdentity tells.
func identityOf(i types.IdentityInfo, now time.Time) inventory.Identity {
	id := inventory.Identity{
		Name: sharedText(i.IdentityName), Confirmed: now,
		Status: known(inventory.VerificationStatuses(), string(i.VerificationStatus), "UNKNOWN"),
	}
	if id.Status != "UNKNOWN" {
		id.SendingEnabled = inventory.Known(i.SendingEnabled)
	}
	switch id.Status {
	case "SUCCESS":
		id.Verified = inventory.Yes
	case "PENDING", "FAILED", "NOT_STARTED":
		id.Verified = inventory.No
	}
	return id
}

// listSays are the statuses with which the list says all about an identity.
var listSays = []string{"SUCCESS", "PENDING", "FAILED", "NOT_STARTED"}

// wanted returns the canonical names to ask for one by one, those with the
// oldest answer first so that a short budget starves none.
func (p *pass) wanted(facts map[string]inventory.Identity, complete bool, used []string) []string {
	var names []string
	for _, one := range used {
		for _, name := range inventory.CoveringIdentities(one) {
			i, ok := facts[name]
			if ok && !i.Missing && i.Status == "SUCCESS" && (complete || i.Confirmed.After(p.reading.Start)) {
				break // Verified; what is less specific does not matter.
			}
			if ok && !slices.Contains(listSays, i.Status) || !complete {
				names = append(names, name)
			}
		}
	}
	asked := map[string]time.Time{}
	for _, i := range p.reading.Identities { // Still those of the pass before.
		asked[inventory.CanonicalIdentity(i.Name)] = i.Confirmed
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(asked[a].Compare(asked[b]), cmp.Compare(a, b)) })
	return slices.Compact(names)
}
