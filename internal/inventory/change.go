package inventory

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Field is what of a pool, or of what its e-mail passes, has changed.
type Field string

// The fields that a verdict depends on.
const (
	FieldExists           Field = "exists"                // of a pool, an identity or a configuration set
	FieldMode             Field = "email_sending_account" // of a pool, as the four that follow
	FieldSourceARN        Field = "source_arn"
	FieldFrom             Field = "from"
	FieldCustomSender     Field = "custom_sender"
	FieldConfigurationSet Field = "configuration_set" // of a pool, or the default one of an identity
	FieldVerified         Field = "verified"          // of an identity, as the two that follow
	FieldMailFrom         Field = "mail_from_status"
	FieldSendingPolicy    Field = "sending_policy"
	FieldSendingEnabled   Field = "sending_enabled"   // of an SES account, an identity or a configuration set
	FieldProductionAccess Field = "production_access" // of an SES account, as the next one
	FieldEnforcement      Field = "enforcement_status"
)

// Fields lists every field.
func Fields() []Field {
	return []Field{
		FieldExists, FieldMode, FieldSourceARN, FieldFrom, FieldCustomSender, FieldConfigurationSet, FieldVerified, FieldMailFrom,
		FieldSendingPolicy, FieldSendingEnabled, FieldProductionAccess, FieldEnforcement,
	}
}

// Naming says whether it is known who made a change.
type Naming string

// The states of naming.
const (
	Named       Naming = "named"
	NamePending Naming = "pending"     // CloudTrail may still be about to show the event
	NameMissing Naming = "not_found"   // CloudTrail showed no event in time
	NameNoCall  Naming = "no_call"     // no call makes such a change: AWS does, or the DNS
	NameOff     Naming = "not_read"    // CloudTrail is not read for changes
	NameDenied  Naming = "denied"      // CloudTrail may not be read
	NameFailed  Naming = "unavailable" // CloudTrail could not be read
)

// Namings lists every state of naming.
func Namings() []Naming {
	return []Naming{Named, NamePending, NameMissing, NameNoCall, NameOff, NameDenied, NameFailed}
}

// Actor is who made a call, as far as CloudTrail tells. All texts are foreign,
// and bounded by [Clip].
type Actor struct {
	EventID   string
	EventName string // the operation, such as UpdateUserPool
	At        time.Time
	Principal string // the ARN, or what else the event has to name it
	SourceIP  string // an address, or the name of an AWS service
	UserAgent string
}

// Change is that a fact which verdicts depend on has become another.
type Change struct {
	Subject Cause
	Name    string // of the subject, as people call it; may be empty
	Field   Field
	// From and To are empty for what was or is not there, except that From is not
	// known with FromUnknown.
	From, To    string
	FromUnknown bool
	// After is when From was last known to be current, zero for a change that only
	// CloudTrail tells of; By is when To was first known to be.
	After, By time.Time
	Naming    Naming
	Actor     *Actor // nil unless it is named
}

// At returns when the change was made, as exactly as is known.
func (c *Change) At() time.Time {
	if c.Actor != nil {
		return c.Actor.At
	}
	return c.By
}

// LeftSES reports whether the pool ceased to send through SES of its own, and
// uses the built-in sender; Unknown when it uses that one and may have before.
func (c *Change) LeftSES() Tri {
	switch {
	case c.Field != FieldMode || c.To != string(ModeDefault):
		return No
	case c.FromUnknown:
		return Unknown
	default:
		return Known(c.From == string(ModeDeveloper))
	}
}

// compare orders changes by time, subject and field.
func (c *Change) compare(o *Change) int {
	return cmp.Or(c.At().Compare(o.At()), c.Subject.Compare(o.Subject), cmp.Compare(c.Field, o.Field))
}

// same reports whether both are the one change, named or not.
func (c *Change) same(o *Change) bool {
	if c.Subject != o.Subject || c.Field != o.Field {
		return false
	}
	if c.Actor != nil && o.Actor != nil && c.Actor.EventID == o.Actor.EventID {
		return true
	}
	return c.By.Equal(o.By)
}

// Text says what has changed, when and by whom, for a message.
func (c *Change) Text() string {
	value := func(text string, unknown bool) string {
		switch {
		case unknown:
			return "an unknown value"
		case text == "":
			return "none"
		default:
			return text
		}
	}
	clock := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
	text := string(c.Field) + " changed from " + value(c.From, c.FromUnknown) + " to " + value(c.To, false)
	if c.Actor == nil {
		return text + " between " + clock(c.After) + " and " + clock(c.By) + "; by whom is not known: " + c.Naming.Text()
	}
	text += " at " + clock(c.Actor.At) + " by " + value(c.Actor.Principal, false)
	if c.Actor.SourceIP != "" {
		text += " from " + c.Actor.SourceIP
	}
	return text
}

// Text says why it is not known who made a change.
func (n Naming) Text() string {
	switch n {
	case Named:
		return "it is known"
	case NamePending:
		return "CloudTrail does not show the call yet"
	case NameMissing:
		return "CloudTrail showed no such call"
	case NameNoCall:
		return "no call makes such a change, but AWS or the DNS"
	case NameOff:
		return "CloudTrail is not read for changes"
	case NameDenied:
		return "CloudTrail may not be read"
	default:
		return "CloudTrail could not be read"
	}
}

// Changes are those of an account in a region that are remembered.
type Changes struct {
	Began   time.Time // when the first reading was there, which later ones are compared with
	Since   time.Time // from when on CloudTrail told of earlier ones; zero when it did not
	Settled bool      // CloudTrail need not be asked for earlier ones again
	List    []Change  // the oldest first
}

// clipped is how many characters of a foreign text are kept.
const clipped = 256

// Clip returns a foreign text without what is too long of it, and without
// characters that control what shows it.
func Clip(text string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if runes := []rune(clean); len(runes) > clipped {
		return string(runes[:clipped]) + "…"
	}
	return clean
}

// differ collects what differs between two readings.
type differ struct {
	key  Key
	list []Change
}

func (d *differ) add(kind CauseKind, id, name string, f Field, from, to string, after, by time.Time) {
	if from != to {
		c := Change{Subject: Cause{kind, d.key.Region, id}, Name: Clip(name), Field: f, From: Clip(from), To: Clip(to), After: after, By: by}
		d.list = append(d.list, c)
	}
}

// addTri adds a fact that is known both times.
func (d *differ) addTri(kind CauseKind, id string, f Field, from, to Tri, after, by time.Time) {
	if from != Unknown && to != Unknown {
		d.add(kind, id, "", f, from.String(), to.String(), after, by)
	}
}

// Diff returns the changes between two readings of one target that follow each
// other, as far as pools that are read, or what they need of SES, depend on
// them. What either does not know is no change.
func Diff(before, now *Reading, need Need) []Change {
	d := differ{key: now.Target.Key()}
	d.pools(before, now)
	if len(need.Identities) > 0 {
		d.account(before.SES, now.SES)
		d.identities(before, now, need.Identities)
		d.sets(before, now)
	}
	slices.SortStableFunc(d.list, func(a, b Change) int { return a.compare(&b) })
	return d.list
}

func (d *differ) pools(before, now *Reading) {
	compareID := func(up UserPool, id string) int { return cmp.Compare(up.ID, id) }
	for i := range now.Pools {
		up := &now.Pools[i]
		at, known := slices.BinarySearchFunc(before.Pools, up.ID, compareID)
		if known {
			d.settings(&before.Pools[at], up)
		} else if !before.PoolsListed.IsZero() { // A part of a list is enough to show it.
			d.add(CausePool, up.ID, up.Name, FieldExists, "no", "yes", before.PoolsListed, up.Listed)
		}
	}
	if before.PoolsListed.IsZero() || !now.PoolsListed.After(before.PoolsListed) {
		return
	}
	for i := range before.Pools {
		up := &before.Pools[i]
		if _, stays := slices.BinarySearchFunc(now.Pools, up.ID, compareID); !stays {
			d.add(CausePool, up.ID, up.Name, FieldExists, "yes", "no", before.PoolsListed, now.PoolsListed)
		}
	}
}

func (d *differ) settings(before, now *UserPool) {
	a, b := before.Settings, now.Settings
	if a == nil || b == nil || a == b {
		return
	}
	add := func(f Field, from, to string) {
		d.add(CausePool, now.ID, now.Name, f, from, to, before.Confirmed, now.Confirmed)
	}
	if from, to := a.modeText(), b.modeText(); from != "" && to != "" {
		add(FieldMode, from, to)
	}
	add(FieldSourceARN, a.SourceARN, b.SourceARN)
	add(FieldFrom, a.From, b.From)
	add(FieldConfigurationSet, a.ConfigurationSet, b.ConfigurationSet)
	add(FieldCustomSender, Known(a.CustomSender).String(), Known(b.CustomSender).String())
}

// modeText is the mode as AWS states it, empty when it is not known.
func (s *Sender) modeText() string {
	if s.Mode == ModeUnknown {
		return s.UnknownMode
	}
	return string(s.Mode)
}

func (d *differ) account(a, b *SESState) {
	if a == nil || b == nil {
		return
	}
	d.addTri(CauseSESAccount, "", FieldProductionAccess, a.Sandbox.Not(), b.Sandbox.Not(), a.Confirmed, b.Confirmed)
	d.addTri(CauseSESAccount, "", FieldSendingEnabled, a.SendingEnabled, b.SendingEnabled, a.Confirmed, b.Confirmed)
	if a.shutDown() != Unknown && b.shutDown() != Unknown {
		d.add(CauseSESAccount, "", "", FieldEnforcement, a.Enforcement, b.Enforcement, a.Confirmed, b.Confirmed)
	}
}

func (d *differ) identities(before, now *Reading, names []string) {
	if slices.EqualFunc(before.Identities, now.Identities, Identity.sameFacts) && before.IdentitiesListed.IsZero() == now.IdentitiesListed.IsZero() {
		return
	}
	l := linker{ses: map[string]sesFacts{}}
	facts := func(r *Reading) sesFacts {
		l.index(r)
		return l.ses[r.Target.Region]
	}
	a, b := facts(before), facts(now)
	for _, name := range names {
		was, existed, verified := a.resolve(name)
		is, exists, verifies := b.resolve(name)
		after, _ := a.seen(name, &was, before.IdentitiesListed)
		_, by := b.seen(name, &is, now.IdentitiesListed)
		id := CanonicalIdentity(name)
		d.addTri(CauseIdentity, id, FieldExists, existed, exists, after, by)
		if existed != Yes || exists != Yes {
			continue // What follows from that is said.
		}
		d.addTri(CauseIdentity, id, FieldVerified, verified, verifies, after, by)
		if was.Name != is.Name {
			continue
		}
		if was.Verified == Yes && is.Verified == Yes {
			d.addTri(CauseIdentity, id, FieldSendingEnabled, was.SendingEnabled, is.SendingEnabled, after, by)
		}
		if x, y := was.Details, is.Details; x != nil && y != nil && x != y {
			add := func(f Field, from, to string) { d.add(CauseIdentity, id, "", f, from, to, was.Detailed, is.Detailed) }
			add(FieldConfigurationSet, x.ConfigurationSet, y.ConfigurationSet)
			add(FieldMailFrom, x.MailFrom.text(), y.MailFrom.text())
			add(FieldSendingPolicy, x.Policies.text(), y.Policies.text())
		}
	}
}

// seen returns when it was confirmed that the identity wins for the name or, if
// it is none, that each of those does not exist which could: the first and the
// last time. SES says so of one by one, or by its list.
func (f sesFacts) seen(name string, wins *Identity, listed time.Time) (first, last time.Time) {
	if wins.Name != "" {
		return wins.Confirmed, wins.Confirmed
	}
	for _, candidate := range CoveringIdentities(name) {
		at := listed
		if i, ok := f.identities[candidate]; ok {
			at = i.Confirmed
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return first, last
}

// text says in a few words what decides whether SES rejects mail because of it.
func (m *MailFrom) text() string {
	if m.Domain == "" {
		return ""
	}
	return strings.TrimSpace(m.Status + " " + m.OnFailure())
}

func (d *differ) sets(before, now *Reading) {
	for i := range now.ConfigurationSets {
		b := &now.ConfigurationSets[i]
		at, known := slices.BinarySearchFunc(before.ConfigurationSets, b.Name, func(s ConfigurationSet, name string) int { return cmp.Compare(s.Name, name) })
		if !known {
			continue
		}
		a := &before.ConfigurationSets[at]
		d.addTri(CauseConfigurationSet, b.Name, FieldExists, Known(!a.Missing), Known(!b.Missing), a.Confirmed, b.Confirmed)
		if !a.Missing && !b.Missing {
			d.addTri(CauseConfigurationSet, b.Name, FieldSendingEnabled, a.SendingEnabled, b.SendingEnabled, a.Confirmed, b.Confirmed)
		}
	}
}

// Act is a call that CloudTrail recorded, and what it set.
type Act struct {
	Actor
	Sets []Set
}

// Set is one value that a call set.
type Set struct {
	Subject Cause
	Field   Field
	Value   string
	Hidden  bool // the event does not tell the value
}

// made reports whether the act can be what made the change: it set the field to
// the value, or hides to which. It is Unknown of an act that is about something
// else.
func (a *Act) made(c *Change) Tri {
	i := slices.IndexFunc(a.Sets, func(s Set) bool {
		about := s.Subject == c.Subject
		if s.Subject.Kind == CauseIdentity && c.Subject.Kind == CauseIdentity { // It may be the one of the domain.
			about = s.Subject.Region == c.Subject.Region && slices.Contains(CoveringIdentities(c.Subject.Name), s.Subject.Name)
		}
		return about && s.Field == c.Field
	})
	if i < 0 {
		return Unknown
	}
	return Known(a.Sets[i].Hidden || Clip(a.Sets[i].Value) == c.To)
}

// MadeBy returns who made the change, by the acts in the order of time: whoever
// first set the value in that time, after the last one who set another. It is
// nil when none did.
func (c *Change) MadeBy(acts []Act, from, to time.Time) (actor *Actor) {
	for i := range acts {
		a := &acts[i]
		if a.At.Before(from) || a.At.After(to) {
			continue
		}
		switch made := a.made(c); {
		case made == No:
			actor = nil
		case made == Yes && actor == nil:
			actor = &a.Actor
		}
	}
	return actor
}

// Replay returns the changes that the acts made, which are in order of time, as
// far as they were made since then. Earlier acts only say what was before. Where
// nothing does, an act is a change of the first field that it sets alone, from
// an unknown value.
func Replay(acts []Act, since time.Time) []Change {
	type key struct {
		subject Cause
		field   Field
	}
	known := map[key]string{}
	var list []Change
	for i := range acts {
		a := &acts[i]
		for n, s := range a.Sets {
			k := key{s.Subject, s.Field}
			from, ok := known[k]
			if s.Hidden {
				delete(known, k)
				continue
			}
			known[k] = s.Value
			if s.Field == FieldExists {
				from, ok = opposite(s.Value), true // There is no other way to make, or to delete, a thing.
			}
			if ok && from == s.Value || !ok && n > 0 || a.At.Before(since) {
				continue
			}
			list = append(list, Change{
				Subject: s.Subject, Field: s.Field, From: Clip(from), To: Clip(s.Value), FromUnknown: !ok,
				By: a.At, Naming: Named, Actor: &a.Actor,
			})
		}
	}
	return list
}

func opposite(yesNo string) string {
	if yesNo == "yes" {
		return "no"
	}
	return "yes"
}

// Merge returns the changes with more of them, each once, the oldest first.
func Merge(list, more []Change) []Change {
	merged := slices.Clone(list)
	for i := range more {
		if !slices.ContainsFunc(merged, func(c Change) bool { return c.same(&more[i]) }) {
			merged = append(merged, more[i])
		}
	}
	slices.SortStableFunc(merged, func(a, b Change) int { return a.compare(&b) })
	return merged
}

// News returns the changes that were seen since before, and those that were seen
// before and have their actor now.
func (c *Changes) News(before *Changes) (seen, named []*Change) {
	for i := range c.List {
		now := &c.List[i]
		if now.After.IsZero() {
			continue // Only CloudTrail tells of it.
		}
		was := before.find(now)
		switch {
		case was == nil:
			seen = append(seen, now)
		case was.Actor == nil && now.Actor != nil:
			named = append(named, now)
		}
	}
	return seen, named
}

// find returns what is the same change, nil without one. The receiver may be nil.
func (c *Changes) find(change *Change) *Change {
	if c == nil {
		return nil
	}
	i := slices.IndexFunc(c.List, func(o Change) bool { return o.same(change) })
	if i < 0 {
		return nil
	}
	return &c.List[i]
}

// Without returns the changes but those that were dropped: that are in before,
// and no longer in kept.
func (c *Changes) Without(before, kept *Changes) []Change {
	dropped := func(o Change) bool { return before.find(&o) != nil && kept.find(&o) == nil }
	if !slices.ContainsFunc(c.List, dropped) {
		return c.List
	}
	return slices.DeleteFunc(slices.Clone(c.List), dropped)
}

// Trim takes the oldest changes out of the lists, until no more than most are
// left in all of them together. It returns how many it took; lists that lose
// some are replaced, not changed.
func Trim(lists []*[]Change, most int) (dropped int) {
	total := 0
	for _, l := range lists {
		total += len(*l)
	}
	for ; total > most; total-- {
		var oldest *[]Change
		for _, l := range lists {
			if len(*l) > 0 && (oldest == nil || (*l)[0].compare(&(*oldest)[0]) < 0) {
				oldest = l
			}
		}
		*oldest = slices.Clone((*oldest)[1:])
		dropped++
	}
	return dropped
}

// ChangeRecent is for how long a change counts as a recent one.
const ChangeRecent = 24 * time.Hour

// linkChanges gives the pools what has changed of what they depend on. The lists
// are shared: something that changes all the time may be what all pools depend on.
func (a *Account) linkChanges() {
	changes := map[Cause][]*Change{}
	for i := range a.Readings {
		list := a.Readings[i].Changes.List
		for n := range list {
			c := &list[n]
			changes[c.Subject] = append(changes[c.Subject], c)
		}
	}
	type sender struct{ identity, regions, set string }
	shared := map[sender][]*Change{}
	for i := range a.Pools {
		p := &a.Pools[i]
		own := changes[Cause{CausePool, p.Target.Region, p.ID}]
		p.Changes = own
		if len(changes) > 0 && p.CustomSender() == No {
			s := &p.Settings.Sender
			k := sender{s.Identity.Name, strings.Join(s.Regions, " "), "default"}
			if s.Mode == ModeDeveloper {
				k.set = "set " + p.ConfigurationSet
			}
			of, known := shared[k]
			if !known {
				of = sorted(p.sharedChanges(changes))
				shared[k] = of
			}
			if p.Changes = of; len(own) > 0 {
				p.Changes = sorted(slices.Concat(own, of))
			}
		}
		r, _ := a.Reading(p.Target.Region)
		p.LeftSES = p.leftSES(own, &r.Changes, a.At.Add(-ChangeRecent))
		a.leaving = a.leaving || p.Settings != nil && p.LeftSES != No
	}
}

// sorted sorts changes, the oldest first.
func sorted(changes []*Change) []*Change {
	slices.SortStableFunc(changes, (*Change).compare)
	return changes
}

// sharedChanges returns the changes of what the pool shares with others that have
// the same sender.
func (p *Pool) sharedChanges(changes map[Cause][]*Change) (list []*Change) {
	s := p.Settings
	for _, region := range s.Regions {
		for _, name := range CoveringIdentities(s.Identity.Name) {
			list = append(list, changes[Cause{CauseIdentity, region, name}]...)
		}
		if s.Mode != ModeDeveloper {
			continue // The others matter to nobody else.
		}
		list = append(list, changes[Cause{CauseSESAccount, region, ""}]...)
		if p.ConfigurationSet != "" {
			list = append(list, changes[Cause{CauseConfigurationSet, region, p.ConfigurationSet}]...)
		}
	}
	return list
}

// leftSES says whether the pool left SES since then, by its own changes.
func (p *Pool) leftSES(own []*Change, known *Changes, since time.Time) Tri {
	if p.Settings == nil {
		return Unknown
	}
	if !p.Settings.SendsDefault() {
		return No
	}
	for _, c := range slices.Backward(own) {
		if c.At().Before(since) {
			break
		}
		if c.Field == FieldMode || c.Field == FieldExists {
			return c.LeftSES()
		}
	}
	from := known.Began
	if !known.Since.IsZero() {
		from = known.Since
	}
	modified := p.Settings.Modified
	told := !from.IsZero() && !from.After(since)
	if told || modified.Before(since) { // UpdateUserPool dates the pool.
		return No
	}
	return Unknown
}

// LastChange returns the last change of the pool's own settings, or of what it
// shares with others; nil without one.
func (p *Pool) LastChange() *Change {
	if len(p.Changes) == 0 {
		return nil
	}
	return p.Changes[len(p.Changes)-1]
}

// ModeChange returns the last change of the pool's mode; nil without one.
func (p *Pool) ModeChange() *Change {
	for _, c := range slices.Backward(p.Changes) {
		if c.Subject.Kind == CausePool && c.Field == FieldMode {
			return c
		}
	}
	return nil
}
