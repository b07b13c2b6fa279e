package awsread

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const (
	// nameWithin is how long after a change CloudTrail is asked who made it. AWS
	// shows events within a quarter of an hour.
	nameWithin = 30 * time.Minute
	// clockSlack is how far AWS's clocks and our own may be apart.
	clockSlack = time.Minute
	// eventHistory is how far back CloudTrail can be asked.
	eventHistory = 90*24*time.Hour - time.Hour
	// grantedWithin is how long AWS may take to grant what somebody asked for.
	grantedWithin = 7 * 24 * time.Hour
	// mostPages of events are looked up by one name.
	mostPages = 20
)

// nameField is a field of a kind of thing.
type nameField struct {
	kind  inventory.CauseKind
	field inventory.Field
}

// changeCalls are the calls that make a change, as CloudTrail names them. What
// is not there is changed by AWS or the DNS.
var changeCalls = map[nameField][]string{
	{inventory.CausePool, inventory.FieldExists}:           {"CreateUserPool", "DeleteUserPool"},
	{inventory.CausePool, inventory.FieldMode}:             {"UpdateUserPool"},
	{inventory.CausePool, inventory.FieldSourceARN}:        {"UpdateUserPool"},
	{inventory.CausePool, inventory.FieldFrom}:             {"UpdateUserPool"},
	{inventory.CausePool, inventory.FieldCustomSender}:     {"UpdateUserPool"},
	{inventory.CausePool, inventory.FieldConfigurationSet}: {"UpdateUserPool"},

	{inventory.CauseSESAccount, inventory.FieldProductionAccess}: {"PutAccountDetails"},
	{inventory.CauseSESAccount, inventory.FieldSendingEnabled}:   {"PutAccountSendingAttributes", "UpdateAccountSendingEnabled"},

	{inventory.CauseIdentity, inventory.FieldExists}:           {"CreateEmailIdentity", "DeleteEmailIdentity", "DeleteIdentity", "VerifyDomainIdentity", "VerifyEmailIdentity"},
	{inventory.CauseIdentity, inventory.FieldConfigurationSet}: {"PutEmailIdentityConfigurationSetAttributes"},
	{inventory.CauseIdentity, inventory.FieldMailFrom}:         {"PutEmailIdentityMailFromAttributes", "SetIdentityMailFromDomain"},
	{inventory.CauseIdentity, inventory.FieldSendingPolicy}:    {"CreateEmailIdentityPolicy", "DeleteEmailIdentityPolicy", "DeleteIdentityPolicy", "PutIdentityPolicy", "UpdateEmailIdentityPolicy"},

	{inventory.CauseConfigurationSet, inventory.FieldExists}:         {"CreateConfigurationSet", "DeleteConfigurationSet"},
	{inventory.CauseConfigurationSet, inventory.FieldSendingEnabled}: {"PutConfigurationSetSendingOptions", "UpdateConfigurationSetSendingEnabled"},
}

// The calls that are looked up at start: of pools, and of what they need of SES.
var (
	poolHistory = []string{"CreateUserPool", "DeleteUserPool", "UpdateUserPool"}
	sesHistory  = []string{
		"CreateEmailIdentity", "DeleteConfigurationSet", "DeleteEmailIdentity", "DeleteIdentity",
		"PutAccountSendingAttributes", "PutConfigurationSetSendingOptions", "UpdateAccountSendingEnabled", "UpdateConfigurationSetSendingEnabled",
	}
)

// callsOf returns the names of the calls that can have made the change, and how
// long before it they may lie.
func callsOf(c *inventory.Change) (names []string, lead time.Duration) {
	if c.Field == inventory.FieldProductionAccess && c.To == "yes" {
		lead = grantedWithin
	}
	return changeCalls[nameField{c.Subject.Kind, c.Field}], lead
}

// readChanges compares the reading with the one before, and asks CloudTrail for
// who made what has changed: only then, and at the start for what changed
// before.
func (p *pass) readChanges(ctx context.Context) {
	c := &p.reading.Changes
	if p.opts.ChangeHistory == 0 {
		*c = inventory.Changes{}
		return
	}
	now := time.Now()
	need := p.needed(p.reading.Pools)
	switch {
	case !c.Began.IsZero():
		c.List = p.newChanges(need)
	case !p.reading.PoolsListed.IsZero() || p.reading.SES != nil:
		c.Began = now
	default:
		return // Nothing was read that a later reading could differ from.
	}
	oldest := now.Add(-p.opts.ChangeHistory)
	if old := func(c inventory.Change) bool { return c.At().Before(oldest) }; slices.ContainsFunc(c.List, old) {
		c.List = slices.DeleteFunc(slices.Clone(c.List), old)
	}
	if ctx.Err() != nil {
		return
	}
	// As the other events, these may take half of the time that is left.
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	p.nameChanges(ctx, now)
	p.earlierChanges(ctx, now, need)
}

// newChanges returns the changes that are known with those since the last pass.
func (p *pass) newChanges(need inventory.Need) []inventory.Change {
	list := p.reading.Changes.List
	fresh := inventory.Diff(p.prev, &p.reading, need)
	for i := range fresh {
		names, _ := callsOf(&fresh[i])
		switch {
		case len(names) == 0:
			fresh[i].Naming = inventory.NameNoCall
		case !p.opts.ChangeTrail:
			fresh[i].Naming = inventory.NameOff
		default:
			fresh[i].Naming = inventory.NamePending
		}
	}
	if len(fresh) == 0 {
		return list
	}
	return inventory.Merge(list, fresh)
}

// unnamed reports whether it is still to be found out who made the change.
func unnamed(c *inventory.Change) bool {
	return c.Naming == inventory.NamePending || c.Naming == inventory.NameDenied || c.Naming == inventory.NameFailed
}

// nameChanges looks for the calls that made the changes of late.
func (p *pass) nameChanges(ctx context.Context, now time.Time) {
	list := slices.Clone(p.reading.Changes.List)
	var due []*inventory.Change
	from := map[string]time.Time{} // by name of the call
	for i := range list {
		c := &list[i]
		switch {
		case !unnamed(c):
			continue
		case !p.opts.ChangeTrail:
			c.Naming = inventory.NameOff
			continue
		case now.Sub(c.By) > nameWithin:
			if c.Naming == inventory.NamePending {
				c.Naming = inventory.NameMissing
			}
			continue
		}
		due = append(due, c)
		names, lead := callsOf(c)
		for _, name := range names {
			if start := c.After.Add(-clockSlack - lead); from[name].IsZero() || start.Before(from[name]) {
				from[name] = start
			}
		}
	}
	var acts []inventory.Act
	var failed error
	for _, name := range slices.Sorted(maps.Keys(from)) {
		_, failed = p.acts(ctx, name, inventory.Span{From: from[name], To: now}, func(a *inventory.Act) bool {
			acts = append(acts, *a)
			return true
		})
		if failed != nil {
			break
		}
	}
	acts = inOrder(acts)
	for _, c := range due {
		_, lead := callsOf(c)
		c.Actor = c.MadeBy(acts, c.After.Add(-clockSlack-lead), c.By.Add(clockSlack))
		switch {
		case c.Actor != nil:
			c.Naming = inventory.Named
		case failed == nil:
			c.Naming = inventory.NamePending
		case classOf(failed) == inventory.Denied:
			c.Naming = inventory.NameDenied
		default:
			c.Naming = inventory.NameFailed
		}
	}
	if !slices.Equal(list, p.reading.Changes.List) {
		p.reading.Changes.List = inventory.Merge(nil, list) // A call that was known already is one change.
	}
}

// earlierChanges looks for changes before the first reading: at once, and once
// more when CloudTrail has had the time to show the last of them.
func (p *pass) earlierChanges(ctx context.Context, now time.Time, need inventory.Need) {
	c := &p.reading.Changes
	if !p.opts.ChangeTrail || c.Settled {
		return
	}
	last := now.Sub(c.Began) >= trailOverlap
	if !c.Since.IsZero() && !last {
		return
	}
	var names []string
	if len(p.reading.Pools) > 0 {
		names = append(names, poolHistory...)
	}
	if len(need.Identities) > 0 {
		names = append(names, sesHistory...)
	}
	since := c.Began.Add(-p.opts.ChangeHistory)
	var acts []inventory.Act
	keep := func(a *inventory.Act) bool {
		a.Sets = slices.DeleteFunc(a.Sets, func(s inventory.Set) bool { return !concerns(s.Subject, need) })
		acts = append(acts, *a)
		return true
	}
	reached := since
	for _, name := range names {
		from, err := p.acts(ctx, name, inventory.Span{From: since, To: c.Began}, keep)
		if err != nil {
			c.Settled = now.Sub(c.Began) > nameWithin // What is denied is not asked for ever.
			return
		}
		if from.After(reached) {
			reached = from
		}
	}
	found := inventory.Replay(inOrder(acts), since)
	if unknown := lackValues(found); len(unknown) > 0 {
		// What was before is in an earlier call, if CloudTrail still has one.
		before := inventory.Span{From: now.Add(-eventHistory), To: since}
		for _, name := range []string{"UpdateUserPool", "CreateUserPool"} {
			if len(unknown) == 0 || !before.From.Before(before.To) {
				break
			}
			_, err := p.acts(ctx, name, before, func(a *inventory.Act) bool {
				for _, s := range a.Sets {
					if unknown[s.Subject] {
						delete(unknown, s.Subject)
						acts = append(acts, *a)
					}
				}
				return len(unknown) > 0
			})
			if err != nil {
				break // From an unknown value is what they are then.
			}
		}
		found = inventory.Replay(inOrder(acts), since)
	}
	for i := range found {
		found[i].Name = p.nameOf(found[i].Subject)
	}
	c.List, c.Since, c.Settled = inventory.Merge(c.List, found), reached, last
}

// inOrder returns acts, of each name the newest first, in the order of time.
// CloudTrail dates them to the second.
func inOrder(acts []inventory.Act) []inventory.Act {
	acts = slices.Clone(acts)
	slices.Reverse(acts)
	slices.SortStableFunc(acts, func(a, b inventory.Act) int { return a.At.Compare(b.At) })
	return acts
}

// lackValues returns the pools of changes from a value that is not known.
func lackValues(changes []inventory.Change) map[inventory.Cause]bool {
	lack := map[inventory.Cause]bool{}
	for i := range changes {
		if changes[i].FromUnknown && changes[i].Subject.Kind == inventory.CausePool {
			lack[changes[i].Subject] = true
		}
	}
	return lack
}

// concerns reports whether pools depend on the thing.
func concerns(c inventory.Cause, need inventory.Need) bool {
	switch c.Kind {
	case inventory.CauseIdentity:
		return slices.ContainsFunc(need.Identities, func(name string) bool {
			return slices.Contains(inventory.CoveringIdentities(name), c.Name)
		})
	case inventory.CauseConfigurationSet:
		return slices.Contains(need.ConfigurationSets, c.Name)
	default:
		return true
	}
}

// nameOf returns the name of a pool that is there; empty of other things.
func (p *pass) nameOf(c inventory.Cause) string {
	for i := range p.reading.Pools {
		if c.Kind == inventory.CausePool && p.reading.Pools[i].ID == c.Name {
			return inventory.Clip(p.reading.Pools[i].Name)
		}
	}
	return ""
}

// acts calls use with the calls of one name in the time, the newest first, as
// long as it wants more. It returns how far back they were read.
func (p *pass) acts(ctx context.Context, name string, span inventory.Span, use func(*inventory.Act) bool) (reached time.Time, err error) {
	token := ""
	pages := cloudtrail.NewLookupEventsPaginator(lookupEvents(p.place.cloudtrail.LookupEvents), &cloudtrail.LookupEventsInput{
		StartTime: aws.Time(span.From), EndTime: aws.Time(span.To), MaxResults: aws.Int32(50),
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: aws.String(name)}},
	})
	reached = span.To
	for n := 0; pages.HasMorePages(); n++ {
		if n == mostPages {
			return reached, nil
		}
		page, err := pages.NextPage(ctx)
		if err == nil && repeats(page.NextToken, &token) {
			err = errRepeated
		}
		if err != nil {
			return reached, fmt.Errorf("looking up %s: %w", name, err)
		}
		for i := range page.Events {
			a, ok := actOf(name, p.reading.Target.Region, &page.Events[i])
			if !ok || !during(a.At, span.From, span.To) {
				continue
			}
			if reached = a.At; !use(&a) {
				return reached, nil
			}
		}
	}
	return span.From, nil
}

// actOf reads an event. One of a call that failed has changed nothing.
func actOf(name, region string, listed *types.Event) (a inventory.Act, ok bool) {
	if listed.EventTime == nil {
		return a, false
	}
	r := parseRecord(aws.ToString(listed.CloudTrailEvent))
	if code, how := r.part("errorCode"); how != absent || code != nil {
		return a, false
	}
	text := func(path ...string) string {
		s, _ := r.text(path...)
		return inventory.Clip(s)
	}
	principal := text("userIdentity", "arn")
	for _, path := range [][]string{{"userIdentity", "invokedBy"}, {"userIdentity", "type"}} {
		if principal == "" {
			principal = text(path...)
		}
	}
	a.Actor = inventory.Actor{
		EventID: inventory.Clip(aws.ToString(listed.EventId)), EventName: name, At: listed.EventTime.UTC(),
		Principal: principal, SourceIP: text("sourceIPAddress"), UserAgent: text("userAgent"),
	}
	a.Sets = r.sets(name, region)
	return a, len(a.Sets) > 0
}

// yes returns a boolean of the request, which is false where it is left out.
func (r *trailRecord) yes(name string) (value string, hidden bool) {
	v, how := r.part("requestParameters", name)
	b, ok := v.(bool)
	if how == absent {
		ok = true
	}
	return inventory.Known(b).String(), !ok
}

// sets returns what the call of the name set; nothing if the record does not say
// of what.
func (r *trailRecord) sets(name, region string) []inventory.Set {
	of := func(kind inventory.CauseKind, f inventory.Field, path ...string) inventory.Set {
		s := inventory.Set{Subject: inventory.Cause{Kind: kind, Region: region}, Field: f}
		if len(path) > 0 {
			s.Subject.Name, _ = r.text(path...)
		}
		if kind == inventory.CauseIdentity {
			s.Subject.Name = inventory.CanonicalIdentity(s.Subject.Name)
		}
		return s
	}
	one := func(s inventory.Set, value string, hidden bool) []inventory.Set {
		if s.Value, s.Hidden = value, hidden; s.Subject.Name == "" && s.Subject.Kind != inventory.CauseSESAccount {
			return nil
		}
		return []inventory.Set{s}
	}
	request := func(key string) []string { return []string{"requestParameters", key} }
	switch name {
	case "UpdateUserPool":
		return r.poolSets(of(inventory.CausePool, "", request("userPoolId")...).Subject)
	case "CreateUserPool":
		made := of(inventory.CausePool, inventory.FieldExists, "responseElements", "userPool", "id")
		return append(one(made, "yes", false), r.poolSets(made.Subject)...)
	case "DeleteUserPool":
		return one(of(inventory.CausePool, inventory.FieldExists, request("userPoolId")...), "no", false)
	case "PutAccountDetails":
		value, hidden := r.yes("productionAccessEnabled")
		return one(of(inventory.CauseSESAccount, inventory.FieldProductionAccess), value, hidden)
	case "PutAccountSendingAttributes":
		value, hidden := r.yes("sendingEnabled")
		return one(of(inventory.CauseSESAccount, inventory.FieldSendingEnabled), value, hidden)
	case "UpdateAccountSendingEnabled":
		value, hidden := r.yes("enabled")
		return one(of(inventory.CauseSESAccount, inventory.FieldSendingEnabled), value, hidden)
	case "CreateEmailIdentity":
		return one(of(inventory.CauseIdentity, inventory.FieldExists, request("emailIdentity")...), "yes", false)
	case "VerifyDomainIdentity":
		return one(of(inventory.CauseIdentity, inventory.FieldExists, request("domain")...), "yes", false)
	case "VerifyEmailIdentity":
		return one(of(inventory.CauseIdentity, inventory.FieldExists, request("emailAddress")...), "yes", false)
	case "DeleteEmailIdentity":
		return one(of(inventory.CauseIdentity, inventory.FieldExists, request("emailIdentity")...), "no", false)
	case "DeleteIdentity":
		return one(of(inventory.CauseIdentity, inventory.FieldExists, request("identity")...), "no", false)
	case "PutEmailIdentityConfigurationSetAttributes":
		set, how := r.text(request("configurationSetName")...)
		return one(of(inventory.CauseIdentity, inventory.FieldConfigurationSet, request("emailIdentity")...), set, how == other)
	case "PutEmailIdentityMailFromAttributes":
		return one(of(inventory.CauseIdentity, inventory.FieldMailFrom, request("emailIdentity")...), "", true)
	case "SetIdentityMailFromDomain":
		return one(of(inventory.CauseIdentity, inventory.FieldMailFrom, request("identity")...), "", true)
	case "CreateEmailIdentityPolicy", "UpdateEmailIdentityPolicy", "DeleteEmailIdentityPolicy":
		return one(of(inventory.CauseIdentity, inventory.FieldSendingPolicy, request("emailIdentity")...), "", true)
	case "PutIdentityPolicy", "DeleteIdentityPolicy":
		return one(of(inventory.CauseIdentity, inventory.FieldSendingPolicy, request("identity")...), "", true)
	case "CreateConfigurationSet":
		made := of(inventory.CauseConfigurationSet, inventory.FieldExists, request("configurationSetName")...)
		if made.Subject.Name == "" { // As version 1 of SES's API has it.
			made = of(inventory.CauseConfigurationSet, inventory.FieldExists, "requestParameters", "configurationSet", "name")
		}
		return one(made, "yes", false)
	case "DeleteConfigurationSet":
		return one(of(inventory.CauseConfigurationSet, inventory.FieldExists, request("configurationSetName")...), "no", false)
	case "PutConfigurationSetSendingOptions":
		value, hidden := r.yes("sendingEnabled")
		return one(of(inventory.CauseConfigurationSet, inventory.FieldSendingEnabled, request("configurationSetName")...), value, hidden)
	case "UpdateConfigurationSetSendingEnabled":
		value, hidden := r.yes("enabled")
		return one(of(inventory.CauseConfigurationSet, inventory.FieldSendingEnabled, request("configurationSetName")...), value, hidden)
	default:
		return nil
	}
}

// poolSets returns what a call set of the pool's e-mail: what the request leaves
// out is as in a new pool.
func (r *trailRecord) poolSets(pool inventory.Cause) []inventory.Set {
	if pool.Name == "" {
		return nil
	}
	_, email := r.part("requestParameters", "emailConfiguration")
	text := func(key, otherwise string) (string, bool) {
		if email == absent {
			return otherwise, false
		}
		value, how := r.text("requestParameters", "emailConfiguration", key)
		if how == absent {
			value = otherwise
		}
		return value, how == other
	}
	var sets []inventory.Set
	add := func(f inventory.Field, value string, hidden bool) {
		sets = append(sets, inventory.Set{Subject: pool, Field: f, Value: value, Hidden: hidden})
	}
	mode, hiddenMode := text("emailSendingAccount", string(inventory.ModeDefault))
	add(inventory.FieldMode, mode, hiddenMode)
	for _, key := range []struct {
		field inventory.Field
		name  string
	}{{inventory.FieldSourceARN, "sourceArn"}, {inventory.FieldFrom, "from"}, {inventory.FieldConfigurationSet, "configurationSet"}} {
		value, hidden := text(key.name, "")
		add(key.field, value, hidden)
	}
	_, custom := r.part("requestParameters", "lambdaConfig", "customEmailSender")
	add(inventory.FieldCustomSender, inventory.Known(custom == legible).String(), custom == other)
	return sets
}
