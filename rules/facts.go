package rules

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// ForEach is what a rule is about: it is judged once for each of them.
type ForEach string

// The things that rules are about.
const (
	ForPool     ForEach = "pool"
	ForAccount  ForEach = "account"
	ForIdentity ForEach = "identity"
)

// ForEachs lists them.
func ForEachs() []ForEach { return []ForEach{ForPool, ForAccount, ForIdentity} }

// fact is a field of a CEL object.
type fact struct {
	name string
	typ  *cel.Type
	doc  string
	not  string             // when it is unknown; empty is never
	of   *objectType        // the type of a fact that contains other facts
	read func(from any) any // a CEL value, an *object, or nil when unknown

	unknown *types.Unknown // says which fact is unknown
	field   *types.FieldType
}

// objectType is a CEL type whose fields are facts.
type objectType struct {
	path  string // such as pool.quota
	facts []fact
	typ   *cel.Type
	index map[string]int
}

// newType finishes a type with all types below it.
func newType(path string, facts ...fact) *objectType {
	t := &objectType{path: path, facts: facts, typ: cel.ObjectType("facts." + path), index: map[string]int{}}
	for i := range t.facts {
		f := &t.facts[i]
		t.index[f.name] = i
		if f.of != nil {
			f.typ = f.of.typ
		}
		trail := types.NewAttributeTrail(path)
		types.QualifyAttribute(trail, f.name)
		f.unknown = types.NewUnknown(0, trail)
		f.field = &types.FieldType{
			Type: f.typ,
			IsSet: func(target any) bool {
				o, ok := target.(*object)
				return ok && !types.IsUnknown(o.fact(i))
			},
			GetFrom: func(target any) (any, error) {
				if o, ok := target.(*object); ok {
					return o.fact(i), nil
				}
				return nil, fmt.Errorf("no such fact: %s", f.name)
			},
		}
	}
	return t
}

func (t *objectType) names() []string {
	var names []string
	for _, f := range t.facts {
		names = append(names, f.name)
	}
	return names
}

// all calls f for the type and those below it.
func (t *objectType) all(f func(*objectType)) {
	f(t)
	for _, fact := range t.facts {
		if fact.of != nil {
			fact.of.all(f)
		}
	}
}

// object is a CEL value whose fields are facts: read from a snapshot or, in a
// rule's test, as given.
type object struct {
	kind  *objectType
	from  any
	given []ref.Val // by index; nil is unknown
}

func (o *object) fact(i int) ref.Val {
	f := &o.kind.facts[i]
	if o.from == nil {
		if o.given[i] == nil {
			return f.unknown
		}
		return o.given[i]
	}
	switch v := f.read(o.from).(type) {
	case nil:
		return f.unknown
	case ref.Val:
		return v
	default:
		return types.NewErr("%s.%s is a %T", o.kind.path, f.name, v)
	}
}

// ConvertToNative implements ref.Val. No function of CEL calls it.
func (o *object) ConvertToNative(reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s cannot be converted to a Go value", o.kind.path)
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.kind.typ
	}
	return types.NewErr("%s cannot be converted to %s", o.kind.path, t.TypeName())
}

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val { return types.Bool(o == other) }

// Type implements ref.Val.
func (o *object) Type() ref.Type { return o.kind.typ }

// Value implements ref.Val.
func (o *object) Value() any { return o }

// tags are a pool's tags. A tag that the pool does not have is an empty string.
type tags struct{ traits.Mapper }

func newTags(m map[string]string) tags {
	return tags{types.NewStringStringMap(types.DefaultTypeAdapter, m)}
}

func (t tags) Find(key ref.Val) (ref.Val, bool) {
	if v, ok := t.Mapper.Find(key); ok || v != nil {
		return v, ok
	}
	return types.String(""), true
}

func (t tags) Get(key ref.Val) ref.Val {
	v, _ := t.Find(key)
	return v
}

// These functions make CEL values of Go values. An unknown value is nil.

func text(s string) any { return types.String(s) }

func textOrUnknown(s string) any {
	if s == "" || s == "UNKNOWN" {
		return nil
	}
	return types.String(s)
}

func number(f float64) any { return types.Double(f) }

func numberOrUnknown(f *float64) any {
	if f == nil {
		return nil
	}
	return types.Double(*f)
}

func whole(i int) any { return types.Int(i) }

func boolean(b bool) any { return types.Bool(b) }

func tri(t inventory.Tri) any {
	if t == inventory.Unknown {
		return nil
	}
	return types.Bool(t == inventory.Yes)
}

// age is how long before now the facts were confirmed.
func age(now, confirmed time.Time) any {
	if confirmed.IsZero() {
		return nil
	}
	return types.Double(max(0, now.Sub(confirmed).Seconds()))
}

// of makes a reader of a fact from a reader of a view.
func of[T any](read func(*T) any) func(any) any {
	return func(from any) any { return read(from.(*T)) }
}

// quotaType is the type of the facts of the quota that get returns.
func quotaType[T any](path string, get func(*T) *inventory.Quota) *objectType {
	known := func(read func(*inventory.Quota) any) func(any) any {
		return of(func(v *T) any {
			if q := get(v); q.Known {
				return read(q)
			}
			return nil
		})
	}
	return newType(
		path,
		fact{name: "kind", typ: cel.StringType, doc: "`default` or `send`; `none` when a CustomEmailSender Lambda function sends the pool's e-mail, or for a replica that is not active", not: "the mode is unknown", read: of(func(v *T) any { return textOrUnknown(string(get(v).Kind)) })},
		fact{name: "limit", typ: cel.DoubleType, doc: "e-mails; infinite when unlimited", not: "usage or limit is unknown", read: known(func(q *inventory.Quota) any { return number(q.Limit) })},
		fact{name: "used", typ: cel.DoubleType, doc: "e-mails, at least", not: "usage or limit is unknown", read: known(func(q *inventory.Quota) any { return number(q.Used) })},
		fact{name: "used_upper", typ: cel.DoubleType, doc: "e-mails, at most; for `send` the same as `used`", not: "nothing that could be read bounds the usage", read: of(func(v *T) any {
			if q := get(v); q.Bounded == inventory.Yes {
				return number(q.AtMost)
			}
			return nil
		})},
		fact{name: "headroom", typ: cel.DoubleType, doc: "e-mails that are left at most, at least 0", not: "usage or limit is unknown", read: known(func(q *inventory.Quota) any { return number(q.Headroom()) })},
		fact{name: "used_ratio", typ: cel.DoubleType, doc: "part of the limit that is used at least; 0 when unlimited, 1 when the limit is 0", not: "usage or limit is unknown", read: known(func(q *inventory.Quota) any { return number(q.UsedRatio()) })},
		fact{name: "unlimited", typ: cel.BoolType, doc: "whether there is no limit", not: "usage or limit is unknown", read: known(func(q *inventory.Quota) any { return boolean(q.Unlimited()) })},
	)
}

// poolView is one pool as rules see it. It is reused for all pools of
// an account, so that judging a pool does not allocate objects.
type poolView struct {
	*inventory.Pool
	at         time.Time
	root       object
	quotaFacts object
	ses        object
	failures   object
	blockedBy  object
	primary    object
	secondary  object
}

func newPoolView(at time.Time) *poolView {
	v := &poolView{at: at}
	v.root = object{kind: poolType, from: v}
	v.quotaFacts = object{kind: poolQuotaType, from: v}
	v.ses = object{kind: poolSESType, from: v}
	v.failures = object{kind: failuresType, from: v}
	v.blockedBy = object{kind: blockedByType, from: v}
	v.primary = object{kind: primaryType, from: v}
	v.secondary = object{kind: secondaryType, from: v}
	return v
}

func (v *poolView) load(p *inventory.Pool) *object {
	v.Pool = p
	return &v.root
}

var poolQuotaType = quotaType("pool.quota", func(v *poolView) *inventory.Quota { return v.Quota })

// poolSES reads a fact of the pool's SES account.
func poolSES(read func(*inventory.SESState) any) func(any) any {
	return of(func(v *poolView) any {
		if v.SES == nil {
			return nil
		}
		return read(v.SES)
	})
}

var poolSESType = newType("pool.ses", append([]fact{
	{name: "sandbox", typ: cel.BoolType, doc: "whether it can send only to verified recipients", not: "the pool does not send through SES, or SES could not be read", read: poolSES(func(a *inventory.SESState) any { return tri(a.Sandbox) })},
	{name: "sending_enabled", typ: cel.BoolType, doc: "whether it may send at all", not: "the pool does not send through SES, or SES could not be read", read: poolSES(func(a *inventory.SESState) any { return tri(a.SendingEnabled) })},
	{name: "enforcement", typ: cel.StringType, doc: "status of the account: `HEALTHY`, `PROBATION` or `SHUTDOWN`", not: "the pool does not send through SES, or SES could not be read", read: poolSES(func(a *inventory.SESState) any { return textOrUnknown(a.Enforcement) })},
	{name: "review", typ: cel.StringType, doc: "status of the request for production access: `PENDING`, `FAILED`, `GRANTED`, `DENIED` or `NONE`", not: "the pool does not send through SES, or SES could not be read", read: poolSES(func(a *inventory.SESState) any { return textOrUnknown(a.Review) })},
}, sendingFacts(func(v *poolView) (*inventory.Reputation, *inventory.SendStatistics) {
	return v.Reputation, v.Statistics
})...)...)

// sendingFacts are the facts of how the e-mail of an SES account fares, which get
// returns.
func sendingFacts[T any](get func(*T) (*inventory.Reputation, *inventory.SendStatistics)) []fact {
	ratio := func(name string, value func(*inventory.Reputation) *float64) fact {
		return fact{name: name, typ: cel.DoubleType, doc: "0 to 1", not: "CloudWatch is not read, or has no value", read: of(func(v *T) any {
			if r, _ := get(v); r != nil {
				return numberOrUnknown(value(r))
			}
			return nil
		})}
	}
	count := func(name, doc string, value func(*inventory.SendStatistics) int) fact {
		return fact{name: name, typ: cel.IntType, doc: doc, not: "`send_statistics` are not read, or not yet", read: of(func(v *T) any {
			if _, s := get(v); s != nil {
				return whole(value(s))
			}
			return nil
		})}
	}
	return []fact{
		ratio("bounce_ratio", func(r *inventory.Reputation) *float64 { return r.BounceRatio }),
		ratio("complaint_ratio", func(r *inventory.Reputation) *float64 { return r.ComplaintRatio }),
		count("delivery_attempts", "e-mails that SES sent in the last 24 hours", func(s *inventory.SendStatistics) int { return s.Attempts }),
		count("bounces", "e-mails of the last 24 hours that bounced", func(s *inventory.SendStatistics) int { return s.Bounces }),
		count("complaints", "e-mails of the last 24 hours that recipients marked as spam", func(s *inventory.SendStatistics) int { return s.Complaints }),
		count("rejects", "e-mails of the last 24 hours that SES did not send because it found a virus", func(s *inventory.SendStatistics) int { return s.Rejects }),
	}
}

// failureDocs says what the reasons mean; every reason has its own fact.
var failureDocs = map[inventory.FailureReason]string{
	inventory.FailedDailyLimit:          "refused because the default quota was reached",
	inventory.FailedRecipientUnverified: "refused because SES is in the sandbox and the recipient is not verified",
	inventory.FailedIdentityUnverified:  "refused because SES had not verified an identity, the sender's or the recipient's",
	inventory.FailedDelivery:            "not delivered for another reason",
	inventory.FailedRoleOrPolicy:        "refused because Cognito may not use the identity",
	inventory.FailedThrottled:           "refused because of too many requests",
}

var failuresType = newType("pool.failures", failureFacts()...)

func failureFacts() []fact {
	var facts []fact
	for _, r := range inventory.FailureReasons() {
		facts = append(facts, fact{name: string(r), typ: cel.IntType, doc: "e-mails " + failureDocs[r], not: "CloudTrail is not read", read: of(func(v *poolView) any {
			if v.Failures == nil {
				return nil
			}
			return whole(v.Failures[r])
		})})
	}
	return facts
}

// blockedDocs says what the reasons mean; every reason has its own fact.
var blockedDocs = map[inventory.Reason]string{
	inventory.IdentityMissing:          "the identity does not exist, or a DEVELOPER pool has none",
	inventory.IdentityUnverified:       "the identity is not verified",
	inventory.CrossAccountIdentity:     "the identity belongs to another account",
	inventory.UnsupportedRegion:        "pools of this region and mode cannot send through the identity's region",
	inventory.FromMismatch:             "From does not belong to the identity",
	inventory.SendingPolicyMissing:     "the identity's policies do not allow Cognito to send as it, or deny it",
	inventory.MailFromRejects:          "SES rejects the identity's mail because its MAIL FROM domain is not set up",
	inventory.ConfigurationSetMissing:  "the configuration set does not exist",
	inventory.ConfigurationSetDisabled: "sending is disabled for the configuration set",
	inventory.Sandbox:                  "SES is in the sandbox",
	inventory.SendingDisabled:          "sending is disabled, for the account or the identity",
	inventory.AccountShutdown:          "SES has paused the account's sending",
	inventory.SendQuotaReached:         "the send quota is used up",
	inventory.DefaultQuotaReached:      "the default quota is used up",
}

var blockedByType = newType("pool.blocked_by", blockedFacts()...)

func blockedFacts() []fact {
	var facts []fact
	for _, r := range inventory.Reasons() {
		facts = append(facts, fact{name: string(r), typ: cel.BoolType, doc: blockedDocs[r], not: "facts that decide it are unknown", read: of(func(v *poolView) any { return tri(v.Holds(r)) })})
	}
	return facts
}

// replicaFact returns what AWS says of the pool as a replica.
func replicaFact(v *poolView, fact string) any {
	if v.Replica.Replicated {
		return textOrUnknown(fact)
	}
	return text("")
}

var (
	primaryType   = replicaType("pool.primary", func(v *poolView) *inventory.Pool { return v.Primary })
	secondaryType = replicaType("pool.secondary", func(v *poolView) *inventory.Pool { return v.Secondary })
)

// replicaType is the type of the facts of a pool's other replica, which get
// returns, or nil without one.
func replicaType(path string, get func(*poolView) *inventory.Pool) *objectType {
	const none = "there is none, it is not read, or it could not be described"
	other := func(read func(*inventory.Pool) any) func(any) any {
		return of(func(v *poolView) any {
			if p := get(v); p != nil && p.Settings != nil {
				return read(p)
			}
			return nil
		})
	}
	return newType(
		path,
		fact{name: "region", typ: cel.StringType, doc: "of the replica", not: none, read: other(func(p *inventory.Pool) any { return text(p.Target.Region) })},
		fact{name: "mode", typ: cel.StringType, doc: "as `pool.mode`", not: none, read: other(func(p *inventory.Pool) any { return textOrUnknown(string(p.Mode())) })},
		fact{name: "identity", typ: cel.StringType, doc: "as `pool.identity`", not: none, read: other(func(p *inventory.Pool) any { return text(p.Identity) })},
		fact{name: "identity_region", typ: cel.StringType, doc: "as `pool.identity_region`", not: none, read: other(func(p *inventory.Pool) any { return text(p.IdentityRegion) })},
		fact{name: "identity_verified", typ: cel.BoolType, doc: "as `pool.identity_verified`", not: none, read: other(func(p *inventory.Pool) any { return tri(p.Verified) })},
		fact{name: "ready", typ: cel.BoolType, doc: "as `pool.ready`", not: none, read: other(func(p *inventory.Pool) any { return tri(p.Ready) })},
	)
}

// setting reads a fact of DescribeUserPool.
func setting(read func(*inventory.Settings) any) func(any) any {
	return of(func(v *poolView) any {
		if v.Settings == nil {
			return nil
		}
		return read(v.Settings)
	})
}

// settled reads a setting that a plan may leave open.
func settled(field inventory.PendingSettings, read func(*inventory.Settings) any) func(any) any {
	return setting(func(s *inventory.Settings) any {
		if s.Pending.Has(field) {
			return nil
		}
		return read(s)
	})
}

// ofSender reads a fact of the identity that the pool sends as, which a plan may
// leave open.
func ofSender(read func(*poolView) any) func(any) any {
	return onceDescribed(func(v *poolView) any {
		if v.Identity == "" && v.Settings.Pending.Has(inventory.PendingSourceARN) {
			return nil
		}
		return read(v)
	})
}

// onceDescribed reads a fact of the pool that is only known once it was described.
func onceDescribed(read func(*poolView) any) func(any) any {
	return of(func(v *poolView) any {
		if v.Settings == nil {
			return nil
		}
		return read(v)
	})
}

// ofPoolIdentity reads a detail of the identity that the pool sends as.
func ofPoolIdentity(read func(*inventory.IdentityDetails) any) func(any) any {
	return of(func(v *poolView) any {
		if v.IdentityDetails == nil {
			return nil
		}
		return read(v.IdentityDetails)
	})
}

// ofIdentity reads a detail of an identity.
func ofIdentity(read func(*inventory.IdentityDetails) any) func(any) any {
	return of(func(v *identityView) any {
		if v.Details == nil {
			return nil
		}
		return read(v.Details)
	})
}

var poolType = newType(
	"pool",
	fact{name: "id", typ: cel.StringType, doc: "such as `eu-west-1_AbCdEf123`", read: of(func(v *poolView) any { return text(v.ID) })},
	fact{name: "name", typ: cel.StringType, doc: "the pool's name", read: of(func(v *poolView) any { return text(v.Name) })},
	fact{name: "account_id", typ: cel.StringType, doc: "12 digits", not: "a plan does not tell it", read: of(func(v *poolView) any { return textOrUnknown(v.Target.AccountID) })},
	fact{name: "account_name", typ: cel.StringType, doc: "from the configuration; may be empty", read: of(func(v *poolView) any { return text(v.Target.AccountName) })},
	fact{name: "region", typ: cel.StringType, doc: "of the pool", not: "a plan does not tell it", read: of(func(v *poolView) any { return textOrUnknown(v.Target.Region) })},
	fact{name: "mode", typ: cel.StringType, doc: "`COGNITO_DEFAULT` or `DEVELOPER`", not: "the pool could not be described, or has a mode that AWS added later", read: of(func(v *poolView) any { return textOrUnknown(string(v.Mode())) })},
	fact{name: "mode_source", typ: cel.StringType, doc: "`absent` where AWS leaves EmailSendingAccount out, which means `COGNITO_DEFAULT`; else `stated`", not: "the pool could not be described, or a plan does not tell yet", read: settled(inventory.PendingMode, func(s *inventory.Settings) any { return text(string(s.ModeSource())) })},
	fact{name: "tier", typ: cel.StringType, doc: "feature plan such as `ESSENTIALS`", not: "the pool could not be described, or AWS does not say", read: setting(func(s *inventory.Settings) any { return textOrUnknown(s.Tier) })},
	fact{name: "custom_sender", typ: cel.BoolType, doc: "whether a CustomEmailSender Lambda function sends the pool's e-mail", not: "the pool could not be described, or a plan does not tell yet", read: of(func(v *poolView) any { return tri(v.CustomSender()) })},
	fact{name: "replica_role", typ: cel.StringType, doc: "`PRIMARY` or `SECONDARY`; empty for a pool without replicas", not: "AWS does not say", read: of(func(v *poolView) any { return replicaFact(v, v.Replica.Role) })},
	fact{name: "replica_status", typ: cel.StringType, doc: "`CREATING`, `INACTIVE`, `ACTIVE` or `DELETING`; empty for a pool without replicas. One that is not active has no verdict", not: "AWS does not say", read: of(func(v *poolView) any { return replicaFact(v, v.Replica.Status) })},
	fact{name: "primary", of: primaryType, doc: "the primary of a secondary", read: of(func(v *poolView) any { return &v.primary })},
	fact{name: "secondary", of: secondaryType, doc: "the secondary of a primary", read: of(func(v *poolView) any { return &v.secondary })},
	fact{name: "behind_primary", typ: cel.BoolType, doc: "whether a secondary could not take over the e-mail of its primary: the primary is `DEVELOPER` and it is not, its SourceArn names another identity, or the identity is verified for the primary only; false for other pools, and while the replica is made or deleted", not: "role, status, settings or the primary are unknown", read: of(func(v *poolView) any { return tri(v.BehindPrimary()) })},
	fact{name: "source_arn", typ: cel.StringType, doc: "of the identity; may be empty", not: "the pool could not be described, or a plan does not tell yet", read: settled(inventory.PendingSourceARN, func(s *inventory.Settings) any { return text(s.SourceARN) })},
	fact{name: "from", typ: cel.StringType, doc: "the FROM address; may be empty", not: "the pool could not be described, or a plan does not tell yet", read: settled(inventory.PendingFrom, func(s *inventory.Settings) any { return text(s.From) })},
	fact{name: "reply_to", typ: cel.StringType, doc: "the REPLY-TO address; may be empty", not: "the pool could not be described, or a plan does not tell yet", read: settled(inventory.PendingReplyTo, func(s *inventory.Settings) any { return text(s.ReplyTo) })},
	fact{name: "configuration_set", typ: cel.StringType, doc: "the SES configuration set that the pool names; may be empty", not: "the pool could not be described, or a plan does not tell yet", read: settled(inventory.PendingConfigurationSet, func(s *inventory.Settings) any { return text(s.ConfigurationSet) })},
	fact{name: "auto_verified", typ: cel.ListType(cel.StringType), doc: "attributes that Cognito verifies when a user signs up, such as `email`", not: "the pool could not be described, or a plan does not tell yet", read: settled(inventory.PendingAutoVerified, func(s *inventory.Settings) any {
		return types.NewStringList(types.DefaultTypeAdapter, s.AutoVerified)
	})},
	fact{name: "recovery", typ: cel.ListType(cel.StringType), doc: "how users recover a forgotten password, by priority: `verified_email`, `verified_phone_number` or `admin_only`", not: "the pool could not be described", read: setting(func(s *inventory.Settings) any {
		if s.Recovery == "" {
			return nil
		}
		return types.NewStringList(types.DefaultTypeAdapter, s.RecoveryMechanisms())
	})},
	fact{name: "sign_in_email", typ: cel.BoolType, doc: "whether users can be sent a code by e-mail when they sign in, as first factor (`EMAIL_OTP`) or as second one (e-mail MFA)", not: "the pool could not be described, or has MFA and its factors are not known", read: of(func(v *poolView) any { return tri(v.SignInEmail()) })},
	fact{name: "notification_log", typ: cel.BoolType, doc: "whether Cognito logs the errors of e-mails and SMS that it could not send", not: "`pool_details` are not read, or not yet", read: of(func(v *poolView) any { return tri(v.NotificationLog()) })},
	fact{name: "identity", typ: cel.StringType, doc: "the SES identity that the pool sends as; empty without one", not: "the pool could not be described, or a plan does not tell yet", read: ofSender(func(v *poolView) any { return text(v.Identity) })},
	fact{name: "identity_region", typ: cel.StringType, doc: "of the identity, `*` for every alternate region; empty without one", not: "the pool could not be described, or a plan does not tell yet", read: ofSender(func(v *poolView) any {
		if v.Identity != "" {
			return textOrUnknown(v.IdentityRegion)
		}
		return text("")
	})},
	fact{name: "identity_verified", typ: cel.BoolType, doc: "whether the identity is verified, itself or through its domain", not: "the pool has no identity, or identities could not be read", read: of(func(v *poolView) any { return tri(v.Verified) })},
	fact{name: "identity_error", typ: cel.StringType, doc: "why SES could not verify the identity, such as `HOST_NOT_FOUND`; empty without an error", not: "the pool could not be described", read: onceDescribed(func(v *poolView) any { return text(v.IdentityError) })},
	fact{name: "active_configuration_set", typ: cel.StringType, doc: "the SES configuration set that its e-mail passes: the one that it names, or else the identity's default one; empty without one", not: "the pool could not be described, or its identity's details are not known", read: of(func(v *poolView) any {
		if v.Settings == nil || v.ConfigurationSet == "" && (v.Identity != "" && v.IdentityDetails == nil || v.Settings.Pending.Has(inventory.PendingConfigurationSet)) {
			return nil
		}
		return text(v.ConfigurationSet)
	})},
	fact{name: "dkim", typ: cel.StringType, doc: "status of the identity's DKIM records: `SUCCESS`, `PENDING`, `FAILED`, `TEMPORARY_FAILURE` or `NOT_STARTED`", not: "details of the pool's identity are not known, or AWS gives a new status", read: ofPoolIdentity(func(d *inventory.IdentityDetails) any { return textOrUnknown(d.DKIM.Status) })},
	fact{name: "mail_from_domain", typ: cel.StringType, doc: "the identity's own MAIL FROM domain; empty without one", not: "details of the pool's identity are not known", read: ofPoolIdentity(func(d *inventory.IdentityDetails) any { return text(d.MailFrom.Domain) })},
	fact{name: "mail_from_status", typ: cel.StringType, doc: "status of the MAIL FROM domain: `SUCCESS`, `PENDING`, `FAILED` or `TEMPORARY_FAILURE`", not: "details of the pool's identity are not known, or there is no such domain", read: ofPoolIdentity(func(d *inventory.IdentityDetails) any { return textOrUnknown(d.MailFrom.Status) })},
	fact{name: "ready", typ: cel.BoolType, doc: "whether the pool can send to any external recipient", not: "facts that could decide are unknown, or a Lambda function sends", read: of(func(v *poolView) any { return tri(v.Ready) })},
	fact{name: "blocked", typ: cel.ListType(cel.StringType), doc: "the reasons that are known to block the pool, for messages; conditions use `blocked_by`", not: "the pool could not be described", read: onceDescribed(func(v *poolView) any {
		blocked := v.Blocked()
		reasons := make([]string, 0, len(blocked))
		for _, r := range blocked {
			reasons = append(reasons, string(r))
		}
		return types.NewStringList(types.DefaultTypeAdapter, reasons)
	})},
	fact{name: "blocked_by", of: blockedByType, doc: "each reason, which can be known or unknown", read: of(func(v *poolView) any { return &v.blockedBy })},
	fact{name: "tags", typ: cel.MapType(cel.StringType, cel.StringType), doc: "the pool's tags; a tag that the pool does not have is an empty string", not: "the pool could not be described, or a plan does not tell yet", read: settled(inventory.PendingTags, func(s *inventory.Settings) any { return newTags(s.Tags) })},
	fact{name: "quota", of: poolQuotaType, doc: "the quota that applies to the pool's e-mail: the default quota for `COGNITO_DEFAULT`, the send quota of its SES account for `DEVELOPER`", read: of(func(v *poolView) any { return &v.quotaFacts })},
	fact{name: "quota_exhaustion", typ: cel.TimestampType, doc: "when the default quota is forecast to run out", not: "the quota lasts until the reset, or usage is unknown", read: of(func(v *poolView) any {
		if v.Quota.Exhaustion.IsZero() {
			return nil
		}
		return types.Timestamp{Time: v.Quota.Exhaustion}
	})},
	fact{name: "runs_out_before_reset", typ: cel.BoolType, doc: "whether the default quota is forecast to run out before its reset; false for pools that do not use it", not: "usage is unknown", read: of(func(v *poolView) any {
		switch v.Quota.Kind {
		case inventory.QuotaNone, inventory.QuotaSend:
			return types.False
		case inventory.QuotaDefault:
			if v.Quota.Known {
				return boolean(!v.Quota.Exhaustion.IsZero())
			}
		case inventory.QuotaUnknown:
		}
		return nil
	})},
	fact{name: "quota_contradicted", typ: cel.BoolType, doc: "whether pools that share the default quota by `default_quota.scope` sent e-mails after AWS had refused one because of it, or more than the limit; false for pools that do not use it", not: "CloudTrail is not read", read: of(func(v *poolView) any {
		switch v.Quota.Kind {
		case inventory.QuotaNone, inventory.QuotaSend:
			return types.False
		case inventory.QuotaDefault:
			if v.Quota.Contradicted || v.SentCloudTrail != nil {
				return boolean(v.Quota.Contradicted)
			}
		case inventory.QuotaUnknown:
		}
		return nil
	})},
	fact{name: "failures", of: failuresType, doc: "e-mails that failed since the default quota's last reset, from CloudTrail", read: of(func(v *poolView) any { return &v.failures })},
	fact{name: "ses", of: poolSESType, doc: "the SES account that a `DEVELOPER` pool sends through", read: of(func(v *poolView) any { return &v.ses })},
	fact{name: "left_ses", typ: cel.BoolType, doc: "whether the pool went from `DEVELOPER` to `COGNITO_DEFAULT` within the last day, and still uses the built-in sender", not: "the pool could not be described, or was modified within the last day and what it was before is not known: see [changes](changes.md)", read: of(func(v *poolView) any { return tri(v.LeftSES) })},
	fact{name: "left_ses_change", typ: cel.StringType, doc: "the pool's last change of mode that is remembered, when and by whom, for messages; empty without one", read: of(func(v *poolView) any {
		if c := v.ModeChange(); c != nil {
			return text(c.Text())
		}
		return text("")
	})},
	fact{name: "facts_age_seconds", typ: cel.DoubleType, doc: "how long ago the oldest of the facts was confirmed", not: "the pool could not be described", read: onceDescribed(func(v *poolView) any {
		oldest := v.Confirmed
		if v.SES != nil && v.SES.Confirmed.Before(oldest) {
			oldest = v.SES.Confirmed
		}
		return age(v.at, oldest)
	})},
)

// accountView is one SES account as rules see it.
type accountView struct {
	*inventory.SESAccount
	at         time.Time
	root       object
	quotaFacts object
}

func newAccountView(at time.Time) *accountView {
	v := &accountView{at: at}
	v.root = object{kind: accountType, from: v}
	v.quotaFacts = object{kind: accountQuotaType, from: v}
	return v
}

func (v *accountView) load(a *inventory.SESAccount) *object {
	v.SESAccount = a
	return &v.root
}

var accountQuotaType = quotaType("account.quota", func(v *accountView) *inventory.Quota { return &v.Quota })

var accountType = newType("account", slices.Concat([]fact{
	{name: "account_id", typ: cel.StringType, doc: "12 digits", read: of(func(v *accountView) any { return text(v.Target.AccountID) })},
	{name: "account_name", typ: cel.StringType, doc: "from the configuration; may be empty", read: of(func(v *accountView) any { return text(v.Target.AccountName) })},
	{name: "region", typ: cel.StringType, doc: "region of SES", read: of(func(v *accountView) any { return text(v.Target.Region) })},
	{name: "sandbox", typ: cel.BoolType, doc: "whether it can send only to verified recipients", not: "AWS does not say", read: of(func(v *accountView) any { return tri(v.Sandbox) })},
	{name: "sending_enabled", typ: cel.BoolType, doc: "whether it may send at all", not: "AWS does not say", read: of(func(v *accountView) any { return tri(v.SendingEnabled) })},
	{name: "enforcement", typ: cel.StringType, doc: "status of the account: `HEALTHY`, `PROBATION` or `SHUTDOWN`", not: "AWS gives no status, or a new one", read: of(func(v *accountView) any { return textOrUnknown(v.Enforcement) })},
	{name: "review", typ: cel.StringType, doc: "status of the request for production access: `PENDING`, `FAILED`, `GRANTED`, `DENIED` or `NONE`", not: "AWS gives no status, or a new one", read: of(func(v *accountView) any { return textOrUnknown(v.Review) })},
	{name: "review_case", typ: cel.StringType, doc: "AWS's support case about that request; empty without one", read: of(func(v *accountView) any { return text(v.ReviewCase) })},
	{name: "quota", of: accountQuotaType, doc: "the send quota, over a rolling 24 hours", read: of(func(v *accountView) any { return &v.quotaFacts })},
}, sendingFacts(func(v *accountView) (*inventory.Reputation, *inventory.SendStatistics) {
	return v.Reputation, v.Statistics
}), []fact{
	{name: "pools", typ: cel.IntType, doc: "how many DEVELOPER pools send through it, of those that could be described", read: of(func(v *accountView) any { return whole(v.Pools) })},
	{name: "sign_in_pools", typ: cel.IntType, doc: "how many of these pools are known to send codes by e-mail when users sign in, see `pool.sign_in_email`", read: of(func(v *accountView) any { return whole(v.SignInPools) })},
	{name: "facts_age_seconds", typ: cel.DoubleType, doc: "how long ago the facts were confirmed", read: of(func(v *accountView) any { return age(v.at, v.Confirmed) })},
})...)

// identityView is one SES identity as rules see it.
type identityView struct {
	*inventory.UsedIdentity
	at   time.Time
	root object
}

func newIdentityView(at time.Time) *identityView {
	v := &identityView{at: at}
	v.root = object{kind: identityType, from: v}
	return v
}

func (v *identityView) load(i *inventory.UsedIdentity) *object {
	v.UsedIdentity = i
	return &v.root
}

var identityType = newType(
	"identity",
	fact{name: "account_id", typ: cel.StringType, doc: "12 digits", read: of(func(v *identityView) any { return text(v.Target.AccountID) })},
	fact{name: "account_name", typ: cel.StringType, doc: "from the configuration; may be empty", read: of(func(v *identityView) any { return text(v.Target.AccountName) })},
	fact{name: "region", typ: cel.StringType, doc: "of the identity", read: of(func(v *identityView) any { return text(v.Target.Region) })},
	fact{name: "name", typ: cel.StringType, doc: "an e-mail address or a domain", read: of(func(v *identityView) any { return text(v.Name) })},
	fact{name: "verified", typ: cel.BoolType, doc: "whether it may be used to send", not: "AWS does not say", read: of(func(v *identityView) any { return tri(v.Verified) })},
	fact{name: "sending_enabled", typ: cel.BoolType, doc: "whether sending is enabled for it", not: "AWS does not say", read: of(func(v *identityView) any { return tri(v.SendingEnabled) })},
	fact{name: "status", typ: cel.StringType, doc: "`PENDING`, `SUCCESS`, `FAILED`, `TEMPORARY_FAILURE` or `NOT_STARTED`", not: "AWS does not say", read: of(func(v *identityView) any { return textOrUnknown(v.Status) })},
	fact{name: "error_type", typ: cel.StringType, doc: "why SES could not verify it, such as `HOST_NOT_FOUND`; empty without an error", read: of(func(v *identityView) any { return text(v.ErrorType) })},
	fact{name: "configuration_set", typ: cel.StringType, doc: "its default configuration set; empty without one", not: "no pool uses it, or its details are not known", read: ofIdentity(func(d *inventory.IdentityDetails) any { return text(d.ConfigurationSet) })},
	fact{name: "dkim", typ: cel.StringType, doc: "status of its DKIM records: `SUCCESS`, `PENDING`, `FAILED`, `TEMPORARY_FAILURE` or `NOT_STARTED`", not: "no pool uses it, or its details are not known, or AWS gives a new status", read: ofIdentity(func(d *inventory.IdentityDetails) any { return textOrUnknown(d.DKIM.Status) })},
	fact{name: "mail_from_domain", typ: cel.StringType, doc: "its own MAIL FROM domain; empty without one", not: "no pool uses it, or its details are not known", read: ofIdentity(func(d *inventory.IdentityDetails) any { return text(d.MailFrom.Domain) })},
	fact{name: "mail_from_status", typ: cel.StringType, doc: "status of the MAIL FROM domain: `SUCCESS`, `PENDING`, `FAILED` or `TEMPORARY_FAILURE`", not: "no pool uses it, or its details are not known, or there is no such domain", read: ofIdentity(func(d *inventory.IdentityDetails) any { return textOrUnknown(d.MailFrom.Status) })},
	fact{name: "pools", typ: cel.IntType, doc: "how many pools send as it, of those that could be described", read: of(func(v *identityView) any { return whole(v.Pools) })},
	fact{name: "facts_age_seconds", typ: cel.DoubleType, doc: "how long ago the facts were confirmed", read: of(func(v *identityView) any { return age(v.at, v.Confirmed) })},
)

// rootTypes are the types of the variables that expressions see.
var rootTypes = map[ForEach]*objectType{ForPool: poolType, ForAccount: accountType, ForIdentity: identityType}

// factTypes has the types of all facts that contain other facts, by CEL name.
var factTypes = func() map[string]*objectType {
	all := map[string]*objectType{}
	for _, root := range rootTypes {
		root.all(func(t *objectType) { all[t.typ.TypeName()] = t })
	}
	return all
}()

// provider tells CEL the types of facts.
type provider struct{ types.Provider }

func (p provider) FindStructType(name string) (*types.Type, bool) {
	if t, ok := factTypes[name]; ok {
		return types.NewTypeTypeWithParam(t.typ), true
	}
	return p.Provider.FindStructType(name)
}

func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	if t, ok := factTypes[name]; ok {
		return slices.Clone(t.names()), true
	}
	return p.Provider.FindStructFieldNames(name)
}

func (p provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	t, ok := factTypes[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	i, ok := t.index[field]
	if !ok {
		return nil, false
	}
	return t.facts[i].field, true
}
