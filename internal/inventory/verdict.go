package inventory

import "slices"

// Reason says what keeps a pool from sending to any external recipient.
type Reason string

// The reasons, in the order in which a person would look at them.
const (
	IdentityMissing      Reason = "identity_missing"
	IdentityUnverified   Reason = "identity_unverified"
	CrossAccountIdentity Reason = "cross_account_identity"
	UnsupportedRegion    Reason = "unsupported_region"
	FromMismatch         Reason = "from_mismatch"

	// The details of the identity, and what else its mail passes.
	SendingPolicyMissing     Reason = "sending_policy_missing"
	MailFromRejects          Reason = "mail_from_rejects"
	ConfigurationSetMissing  Reason = "configuration_set_missing"
	ConfigurationSetDisabled Reason = "configuration_set_disabled"

	Sandbox             Reason = "sandbox"
	SendingDisabled     Reason = "sending_disabled"
	AccountShutdown     Reason = "account_shutdown"
	SendQuotaReached    Reason = "send_quota_reached"
	DefaultQuotaReached Reason = "default_quota_reached"
)

var reasons = [...]Reason{
	IdentityMissing, IdentityUnverified, CrossAccountIdentity, UnsupportedRegion, FromMismatch,
	SendingPolicyMissing, MailFromRejects, ConfigurationSetMissing, ConfigurationSetDisabled,
	Sandbox, SendingDisabled, AccountShutdown, SendQuotaReached, DefaultQuotaReached,
}

// reasonCauses says of each reason what it belongs to, and which rule's runbook
// is about it. [Pool.CauseOf] has the exceptions.
var reasonCauses = map[Reason]struct {
	kind    CauseKind
	runbook string
}{
	IdentityMissing:          {CauseIdentity, "identity-missing"},
	IdentityUnverified:       {CauseIdentity, "identity-unverified"},
	CrossAccountIdentity:     {CausePool, "identity-in-other-account"},
	UnsupportedRegion:        {CausePool, "identity-region-unsupported"},
	FromMismatch:             {CausePool, "from-outside-identity"},
	SendingPolicyMissing:     {CauseIdentity, "sending-policy-missing"},
	MailFromRejects:          {CauseIdentity, "mail-from-rejects"},
	ConfigurationSetMissing:  {CauseConfigurationSet, "configuration-set-missing"},
	ConfigurationSetDisabled: {CauseConfigurationSet, "configuration-set-disabled"},
	Sandbox:                  {CauseSESAccount, "developer-in-sandbox"},
	SendingDisabled:          {CauseSESAccount, "sending-disabled"},
	AccountShutdown:          {CauseSESAccount, "enforcement-shutdown"},
	SendQuotaReached:         {CauseSESAccount, "send-quota-reached"},
	DefaultQuotaReached:      {CauseDefaultQuota, "default-quota-reached"},
}

// ofDetails are the reasons that the details of an identity decide.
var ofDetails = []Reason{SendingPolicyMissing, MailFromRejects, ConfigurationSetMissing, ConfigurationSetDisabled}

// Reasons lists every reason.
func Reasons() []Reason { return slices.Clone(reasons[:]) }

// Verdict says for every reason whether it holds for a pool, and what follows.
// The zero value knows nothing.
type Verdict struct {
	// Ready says whether the pool can send to any external recipient: No as soon
	// as one reason holds, Unknown when what is unknown could decide, and with a
	// CustomEmailSender Lambda function, whose means are not visible. A replica
	// that is not active has no verdict: Unknown, and no reason holds.
	Ready Tri
	holds [len(reasons)]Tri // by index of reasons
}

// Holds reports whether the reason keeps the pool from sending.
func (v *Verdict) Holds(r Reason) Tri {
	i := slices.Index(reasons[:], r)
	if i < 0 {
		return Unknown
	}
	return v.holds[i]
}

// Blocked returns each reason that is known to hold.
func (v *Verdict) Blocked() []Reason {
	var blocked []Reason
	for i, holds := range v.holds {
		if holds == Yes {
			blocked = append(blocked, reasons[i])
		}
	}
	return blocked
}

// Undecided returns each reason of which it is not known whether it holds.
func (v *Verdict) Undecided() []Reason {
	var undecided []Reason
	for i, holds := range v.holds {
		if holds == Unknown {
			undecided = append(undecided, reasons[i])
		}
	}
	return undecided
}

// add takes note of one more fact that decides the reason: it holds as soon as
// one of them says so.
func (v *Verdict) add(r Reason, holds Tri) {
	i := slices.Index(reasons[:], r)
	v.holds[i] = v.holds[i].Or(holds)
}

// addAll takes note of a fact that decides several reasons alike.
func (v *Verdict) addAll(holds Tri, list ...Reason) {
	for _, r := range list {
		v.add(r, holds)
	}
}

// clear begins a verdict in which no reason holds.
func (v *Verdict) clear() {
	for i := range v.holds {
		v.holds[i] = No
	}
}

// weaken takes back what holds, and that nothing does: something that is not
// known may decide otherwise.
func (v *Verdict) weaken() {
	for i := range v.holds {
		v.holds[i] = v.holds[i].And(Unknown)
	}
	v.Ready = Unknown
}

// conclude works out Ready from the reasons. Without a policy nobody is asked
// how much of the default quota is used.
func (v *Verdict) conclude(policy Policy) {
	blocked := No
	for i, holds := range v.holds {
		if reasons[i] != DefaultQuotaReached || policy.Enabled {
			blocked = blocked.Or(holds)
		}
	}
	v.Ready = blocked.Not()
}
