package inventory

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Key names an account in a region; SES and Cognito state belongs to one.
type Key struct {
	AccountID string // 12 digits
	Region    string // for example eu-west-1
}

// Compare orders keys by account, then region.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.AccountID, o.AccountID), cmp.Compare(k.Region, o.Region))
}

// PoolKey names a user pool. A replicated pool has one ID in several regions.
type PoolKey struct {
	Key
	ID string
}

// Target is one account in one region, to be read on its own schedule.
type Target struct {
	// AccountID is empty for the ambient credentials' own account until the
	// first pass has asked AWS for it; a reading's target always has it, once
	// it is known.
	AccountID   string
	AccountName string // a person's name for the account, may be empty
	Region      string
	// Role is what the account is read with, empty for the ambient credentials.
	// The same account read with another role is another target.
	Role string
	// AccountTags are tags of the account, which pools have that lack them. They
	// are not changed.
	AccountTags map[string]string

	// SESOnly marks a region that is not configured and only read because
	// pools of the account send through identities there.
	SESOnly bool
	// Identities are the names of identities in this region that pools of the
	// account use, in the pool's own region or another one. They may need more
	// detail than a listing gives. Sorted.
	Identities []string
	// ConfigurationSets are likewise the names of the configuration sets that
	// these pools name. Sorted.
	ConfigurationSets []string
	// Watched are those of the identities whose details keep a pool from sending,
	// so that they are read in every pass.
	Watched []string
}

// Key returns the account and region of the target.
func (t Target) Key() Key { return Key{t.AccountID, t.Region} }

// The AWS APIs that a target is read through, as they are named in metrics.
const (
	APISTS     = "sts"
	APICognito = "cognito-idp"
	APISES     = "ses"

	// APIDetails are the calls of cognito-idp that tell [Details]. Their failure
	// says nothing of the others.
	APIDetails = "cognito-idp-details"
	// APIStatistics is version 1 of SES's API, which tells [SendStatistics] alone.
	APIStatistics = "ses-statistics"

	// APIExporter stands for the exporter itself: it has an outcome only when a
	// pass or what follows from it failed for a reason of the exporter's own.
	APIExporter = "exporter"

	APICloudWatch = "cloudwatch"
	APICloudTrail = "cloudtrail"

	// APIOrganizations lists accounts; no target is read through it.
	APIOrganizations = "organizations"
)

// Class says why an AWS call failed, in the few ways that call for different
// remedies. The empty class is success.
type Class string

// The classes of failure.
const (
	OK             Class = ""
	Throttled      Class = "throttled"       // AWS, or our own request budget, ran out of patience
	Denied         Class = "denied"          // credentials missing, expired or not allowed to
	Timeout        Class = "timeout"         // no answer in time
	Unavailable    Class = "unavailable"     // no connection, a broken one, or a server error
	RegionDisabled Class = "region_disabled" // the region is switched off for the account
	NotOffered     Class = "not_offered"     // AWS does not offer the service in the region: its host does not exist
	NotFound       Class = "not_found"       // the thing asked for is not there
	Invalid        Class = "invalid"         // a request or an answer that makes no sense
	Internal       Class = "internal"        // a mistake of this program; please report it
	Other          Class = "other"

	// NotAsked is no failure: the pass had no time for the API, since another one
	// took it.
	NotAsked Class = "not_asked"
)

// Classes lists every class of failure in the order of documentation.
func Classes() []Class {
	return []Class{Throttled, Denied, Timeout, Unavailable, RegionDisabled, NotOffered, NotFound, Invalid, Internal, Other}
}

// Failed reports whether something is wrong. A region that is switched off, or
// that does not have the service, is as it has to be. Of what was not asked it is
// not known.
func (c Class) Failed() bool { return c != OK && c != NotAsked && !c.absent() }

// absent reports whether there is nothing to read.
func (c Class) absent() bool { return c == RegionDisabled || c == NotOffered }

// Outcome is how one API of a target fared in the last pass.
type Outcome struct {
	API         string
	Class       Class     // OK when every call of the pass succeeded
	Message     string    // what failed, for which account and region, and what to do; empty when OK
	LastSuccess time.Time // end of the last pass in which all calls of the API succeeded; zero if none
}

// Reading is what one pass over a target brought home, together with the still
// valid facts of earlier passes. Facts carry the time of their last
// confirmation so that [Reading.Fresh] can end them.
type Reading struct {
	Target Target
	// Unread stands for a target that is still to be read for the first time:
	// what has to be summed over all targets is unknown until then.
	Unread bool

	Start, End time.Time // of the last pass
	Calls      int       // HTTP requests of the last pass but for credentials, every attempt counted
	Next       time.Time // when the next pass is due; zero when it is not planned
	Outcomes   []Outcome // one per API that was called, sorted by API

	Pools []UserPool // sorted by ID
	// PoolsListed is when Cognito last gave its complete list of pools. Zero
	// when it never did.
	PoolsListed time.Time

	// DetailsEvery is how far apart a pool's details are read. They outlive it by
	// as much as other facts outlive their confirmation.
	DetailsEvery time.Duration

	SES *SESState // nil when unknown

	Identities []Identity // sorted by name; also those that SES says do not exist
	// IdentitiesListed is when SES last gave its complete list of identities:
	// one that is not in Identities then does not exist. Zero when it never did.
	IdentitiesListed time.Time
	// IdentitiesEvery is how far apart the lists are, where that is more than
	// the passes are. What they say outlives its confirmation by as much more.
	IdentitiesEvery time.Duration

	ConfigurationSets []ConfigurationSet // that pools or their identities use; sorted by name
	// IdentityDetailsEvery is how old the details of an identity, or a
	// configuration set, may get before SES is asked again. They outlive their
	// confirmation by as much more.
	IdentityDetailsEvery time.Duration
	// Gone are the pools that were deleted in the day of the default quota, with
	// their settings of the past. Sorted by ID.
	Gone []UserPool

	SignUps    *SignUps    // nil when unknown, or not asked for
	CallCounts *CallCounts // likewise
	Trail      *Trail      // likewise
	Reputation *Reputation // likewise

	Statistics *SendStatistics // likewise

	Changes Changes // of what verdicts depend on
}

// Outcome returns the outcome of api, if it was called. The receiver may be nil.
func (r *Reading) Outcome(api string) (Outcome, bool) {
	if r == nil {
		return Outcome{}, false
	}
	for _, o := range r.Outcomes {
		if o.API == api {
			return o, true
		}
	}
	return Outcome{}, false
}

// Failing reports whether anything was wrong in the last pass.
func (r *Reading) Failing() bool {
	return slices.ContainsFunc(r.Outcomes, func(o Outcome) bool { return o.Class.Failed() })
}

// Disabled reports whether the region is switched off for the account. The
// receiver may be nil.
func (r *Reading) Disabled() bool {
	o, _ := r.Outcome(APICognito)
	return o.Class == RegionDisabled
}

// PoolsKnown reports whether every pool of the target is known with its mode.
// A region that is switched off, or does not have Cognito, has none.
func (r *Reading) PoolsKnown() bool {
	return r.poolsDescribed() && !slices.ContainsFunc(r.Pools, func(up UserPool) bool { return up.Settings != nil && up.Settings.Mode == ModeUnknown })
}

// poolsDescribed reports whether every pool of the target is known, if perhaps
// with a mode that this program does not know.
func (r *Reading) poolsDescribed() bool {
	if r.Target.SESOnly {
		return true
	}
	if o, _ := r.Outcome(APICognito); o.Class.absent() {
		return true
	}
	return !r.PoolsListed.IsZero() && !slices.ContainsFunc(r.Pools, func(up UserPool) bool { return up.Settings == nil })
}

// lacksSES reports whether AWS does not offer SES in the region.
func (r *Reading) lacksSES() bool {
	o, _ := r.Outcome(APISES)
	return o.Class == NotOffered
}

// UserPool is a user pool as Cognito describes it.
type UserPool struct {
	ID           string
	Name         string
	LastModified time.Time
	Listed       time.Time // when ListUserPools last showed the pool

	// Settings is nil until the pool was described. Readings that follow each
	// other share it as long as it is current.
	Settings  *Settings
	Confirmed time.Time // when Settings were last known to be current; zero without them
	// Past are the settings before those, of the day of the default quota.
	Past []Past

	Details *Details // nil as long as none was read
	Replica Replica

	Planned *Planned // nil but for a pool of a plan
}

// withTags returns the pool with the tags of its account that it lacks.
func (up *UserPool) withTags(account map[string]string) *UserPool {
	if up.Settings == nil {
		return up
	}
	var tags map[string]string
	for key, value := range account {
		if _, ok := up.Settings.Tags[key]; ok {
			continue
		}
		if tags == nil {
			tags = make(map[string]string, len(up.Settings.Tags)+len(account))
			maps.Copy(tags, up.Settings.Tags)
		}
		tags[key] = value
	}
	if tags == nil {
		return up
	}
	tagged, settings := *up, *up.Settings
	settings.Tags, tagged.Settings = tags, &settings
	return &tagged
}

// Settings is the part of DescribeUserPool that matters for e-mail. It does
// not change once it is made.
type Settings struct {
	Described time.Time // when DescribeUserPool gave these settings
	Modified  time.Time // the pool's LastModified when it gave them

	Sender
	Tier         string
	Tags         map[string]string // a pool's own; once it is judged, with those of its account that it lacks
	AutoVerified []string          // AutoVerifiedAttributes, for example email
	// Recovery has the mechanisms of AccountRecoverySetting by priority, with a
	// comma between two; [LegacyRecovery] without the setting. Empty is unknown.
	Recovery  string
	EmailOTP  bool // EMAIL_OTP is among Policies.SignInPolicy.AllowedFirstAuthFactors
	MFA       Tri  // MfaConfiguration is ON or OPTIONAL
	PreSignUp bool // a Lambda function may confirm users who sign up (LambdaConfig.PreSignUp)

	Pending PendingSettings // which of these are not known, of a pool of a plan
}

// SESState is the state of SES in one account and region (GetAccount).
type SESState struct {
	Confirmed      time.Time
	Sandbox        Tri
	SendingEnabled Tri
	Enforcement    string  // one of [EnforcementStatuses]
	Review         string  // one of [ReviewStatuses], empty when unknown
	ReviewCase     string  // the support case of the review, may be empty
	Quota          Quota   // the send quota; recipients are counted, not messages
	RateKnown      bool    // whether MaxSendRate is
	MaxSendRate    float64 // e-mails per second; below 0 is unlimited
}

// EnforcementStatuses lists the values of SESState.Enforcement.
func EnforcementStatuses() []string { return []string{"HEALTHY", "PROBATION", "SHUTDOWN", "UNKNOWN"} }

// ReviewStatuses lists the values of SESState.Review; NONE is an account that
// never asked for production access through the API or the console.
func ReviewStatuses() []string { return []string{"PENDING", "FAILED", "GRANTED", "DENIED", "NONE"} }

// VerificationStatuses lists the values of Identity.Status.
func VerificationStatuses() []string {
	return []string{"PENDING", "SUCCESS", "FAILED", "TEMPORARY_FAILURE", "NOT_STARTED", "UNKNOWN"}
}

// Identity is an address or domain in SES, in one account and region.
type Identity struct {
	Name           string
	Missing        bool      // SES said that there is no such identity
	Confirmed      time.Time // when SES last said any of this
	Asked          time.Time // when SES was last asked for Verified alone; zero where the list says it
	Status         string    // one of [VerificationStatuses]
	Verified       Tri       // may be used to send
	SendingEnabled Tri
	ErrorType      string // VerificationInfo.ErrorType, may be empty

	// Details is nil until they were read. Readings that follow each other share
	// it as long as it is the same.
	Details  *IdentityDetails
	Detailed time.Time // when SES last said Details; zero without them
}

// IdentityDetails is what only GetEmailIdentity tells of an identity. It does
// not change once it is made.
type IdentityDetails struct {
	ConfigurationSet string // the default one, of mail that names none; may be empty
	DKIM             DKIM
	MailFrom         MailFrom
	Policies         SendingPolicies
}

// Equal reports whether both say the same.
func (d *IdentityDetails) Equal(o *IdentityDetails) bool {
	return d.ConfigurationSet == o.ConfigurationSet && d.MailFrom == o.MailFrom && d.Policies.Equal(&o.Policies) &&
		d.DKIM.Status == o.DKIM.Status && slices.Equal(d.DKIM.Records, o.DKIM.Records)
}

// DKIM is how an identity's mail is signed.
type DKIM struct {
	Status  string      // one of [VerificationStatuses]
	Records []DNSRecord // that its owner has to publish; none where SES does not tell them
}

// DNSRecord is a record of DNS.
type DNSRecord struct{ Name, Type, Value string }

// MailFrom is an identity's own MAIL FROM domain, in which bounces arrive.
type MailFrom struct {
	Domain string // empty without one of its own
	Status string // one of [MailFromStatuses]; empty without a domain
	// RejectOnFailure says that SES refuses the identity's mail as long as the
	// domain is not set up, instead of using its own.
	RejectOnFailure Tri
}

// OnFailure returns SES's word for what RejectOnFailure says, empty without a
// domain or when unknown.
func (m *MailFrom) OnFailure() string {
	switch m.RejectOnFailure {
	case Yes:
		return "REJECT_MESSAGE"
	case No:
		return "USE_DEFAULT_VALUE"
	default:
		return ""
	}
}

// MailFromStatuses lists the values of MailFrom.Status.
func MailFromStatuses() []string {
	return []string{"PENDING", "SUCCESS", "FAILED", "TEMPORARY_FAILURE", "UNKNOWN"}
}

// rejects reports whether SES refuses the identity's mail because of it.
func (m *MailFrom) rejects() Tri {
	switch m.Status {
	case "", "SUCCESS":
		return No
	case "UNKNOWN":
		return m.RejectOnFailure.And(Unknown)
	default:
		return m.RejectOnFailure
	}
}

// ConfigurationSet is a configuration set of SES, in one account and region.
type ConfigurationSet struct {
	Name           string
	Missing        bool // SES said that there is no such set
	SendingEnabled Tri
	Confirmed      time.Time // when SES last said any of this
}

// Well reports whether nothing about the configuration set keeps mail back.
func (s ConfigurationSet) Well() bool { return !s.Missing && s.SendingEnabled == Yes }
