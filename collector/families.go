package collector

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// Family is one metric of a snapshot: all that is to be known about it, in
// one place. docs/metrics.md is generated from the table.
type Family struct {
	Name   string // without the prefix cognito_ses_
	Help   string // says which AWS API and field the value comes from
	Unit   string // e-mails, seconds, ratio, …; empty for a state
	Labels []string
	// Counter marks a metric that only rises; the others are gauges.
	Counter bool
	// Samples emits the family's samples, label values in the order of Labels
	// (with the configured tag labels behind them for pool_info).
	Samples func(v *view, emit Emit)
}

// Emit takes one sample.
type Emit func(value float64, labels ...string)

// view is what a family may render: a snapshot and what was asked to be shown of it.
type view struct {
	*inventory.Snapshot
	rules      *rules.Set
	result     *rules.Result
	tags       []TagLabel
	identities []inventory.UsedIdentity // those that are to be shown
	dropped    map[inventory.Key]int
	targets    int
}

var (
	accountLabels  = []string{"account_id", "region"}
	poolLabels     = []string{"account_id", "region", "user_pool_id"}
	identityLabels = []string{"account_id", "region", "identity"}
)

func with(labels []string, more ...string) []string { return slices.Concat(labels, more) }

// Families is the registry of the snapshot's metrics, in the order of documentation.
var Families = []Family{
	{
		Name: "pool_info", Labels: with(poolLabels, "pool_name", "account_name", "tier", "identity", "identity_region"),
		Help: "A user pool and what does not change often about it; always 1. From Cognito DescribeUserPool; identity is the SES identity it sends as, from EmailConfiguration.SourceArn. Configured pool tags are labels tag_*.",
		Samples: eachPool(func(v *view, p *inventory.Pool, emit Emit) {
			labels := append(poolValues(p), p.Name, p.Target.AccountName, "", p.Identity, p.IdentityRegion)
			for _, t := range v.tags {
				value := ""
				if p.Settings != nil {
					value = p.Settings.Tags[t.Tag]
				}
				labels = append(labels, value)
			}
			if p.Settings != nil {
				labels[5] = p.Settings.Tier
			}
			emit(1, labels...)
		}),
	},
	{
		Name: "pool_mode", Labels: with(poolLabels, "mode"),
		Help: "1 for the mode the pool is in: who sends its e-mail. From Cognito DescribeUserPool, EmailConfiguration.EmailSendingAccount; UNKNOWN when it could not be read or is a value this version does not know.",
		Samples: eachPool(func(_ *view, p *inventory.Pool, emit Emit) {
			for _, m := range inventory.Modes() {
				emit(number(p.Mode() == m), append(poolValues(p), string(m))...)
			}
		}),
	},
	{
		Name: "pool_custom_sender", Labels: poolLabels,
		Help:    "Whether a CustomEmailSender Lambda takes over the pool's sending, by means that are not visible here. From Cognito DescribeUserPool, LambdaConfig.CustomEmailSender.",
		Samples: eachPool(func(_ *view, p *inventory.Pool, emit Emit) { emitTri(emit, p.CustomSender(), poolValues(p)...) }),
	},
	{
		Name: "pool_identity_verified", Labels: poolLabels,
		Help:    "Whether the identity in the pool's SourceArn is verified, itself or through its domain. From SES ListEmailIdentities and GetEmailIdentity, VerificationStatus and VerifiedForSendingStatus. Absent without identity or when unknown.",
		Samples: eachPool(func(_ *view, p *inventory.Pool, emit Emit) { emitTri(emit, p.Verified, poolValues(p)...) }),
	},
	{
		Name: "pool_sandbox", Labels: poolLabels,
		Help: "Whether the SES account that a DEVELOPER pool sends through is in the sandbox. From SES GetAccount, ProductionAccessEnabled, in the identity's region. Absent for other pools or when unknown.",
		Samples: eachPool(func(_ *view, p *inventory.Pool, emit Emit) {
			if p.SES != nil {
				emitTri(emit, p.SES.Sandbox, poolValues(p)...)
			}
		}),
	},
	{
		Name: "pool_ready", Labels: poolLabels,
		Help:    "Whether the pool can mail a person outside right now, judged from Cognito DescribeUserPool and SES GetAccount, ListEmailIdentities and GetEmailIdentity. Absent when what is unknown could decide, and with a CustomEmailSender Lambda.",
		Samples: eachPool(func(_ *view, p *inventory.Pool, emit Emit) { emitTri(emit, p.Ready, poolValues(p)...) }),
	},
	{
		Name: "pool_blocked", Labels: with(poolLabels, "reason"),
		Help: "1 for each reason that keeps the pool from mailing a person outside, judged as for cognito_ses_pool_ready.",
		Samples: eachPool(func(_ *view, p *inventory.Pool, emit Emit) {
			for _, r := range p.Blocked {
				emit(1, append(poolValues(p), string(r))...)
			}
		}),
	},
	{
		Name: "pool_emails_sent", Labels: with(poolLabels, "source"), Unit: "e-mails",
		Help: "How many e-mails a COGNITO_DEFAULT pool sent since the day of the default quota began, as the source sees them. source=cloudwatch is AWS/Cognito SignUpSuccesses, sign-ups and users created by administrators: too low by resets and resends, too high by mails that were suppressed or went by SMS. source=cloudtrail is LookupEvents, every operation that sends e-mail: too low by those whose event does not tell the pool. Absent when unknown.",
		Samples: eachPool(func(_ *view, p *inventory.Pool, emit Emit) {
			if p.SentCloudTrail != nil {
				emit(*p.SentCloudTrail, append(poolValues(p), "cloudtrail")...)
			}
			if p.SentCloudWatch != nil {
				emit(*p.SentCloudWatch, append(poolValues(p), "cloudwatch")...)
			}
		}),
	},
	{
		Name: "pool_email_failures", Labels: with(poolLabels, "reason"), Unit: "e-mails",
		Help: "How many e-mails Cognito did not send since the day of the default quota began, by reason. From CloudTrail LookupEvents, errorCode and errorMessage. Absent when unknown.",
		Samples: eachPool(func(_ *view, p *inventory.Pool, emit Emit) {
			if p.Failures == nil {
				return
			}
			for _, r := range inventory.FailureReasons() {
				emit(float64(p.Failures[string(r)]), append(poolValues(p), string(r))...)
			}
		}),
	},
	poolQuota("limit", "e-mails", "How many e-mails the pool's sender may send.", func(q inventory.Quota) (float64, bool) { return q.Limit, true }),
	poolQuota("used", "e-mails", "How many e-mails the pool's sender has sent.", func(q inventory.Quota) (float64, bool) { return q.Used, true }),
	poolQuota("headroom", "e-mails", "How many e-mails the pool's sender has left.", func(q inventory.Quota) (float64, bool) { return q.Headroom(), true }),
	poolQuota("used_ratio", "ratio", "The used part of the pool's quota, 0 to 1 or above.", inventory.Quota.UsedRatio),
	{
		Name: "account_sandbox", Labels: with(accountLabels, "account_name"),
		Help: "Whether SES is in the sandbox in this account and region. From SES GetAccount, ProductionAccessEnabled.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			emitTri(emit, a.Sandbox, append(accountValues(a.Target), a.Target.AccountName)...)
		}),
	},
	{
		Name: "account_sending_enabled", Labels: with(accountLabels, "account_name"),
		Help: "Whether SES may send in this account and region. From SES GetAccount, SendingEnabled.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			emitTri(emit, a.SendingEnabled, append(accountValues(a.Target), a.Target.AccountName)...)
		}),
	},
	{
		Name: "account_enforcement_status", Labels: with(accountLabels, "status"),
		Help: "1 for the SES account's reputation status. From SES GetAccount, EnforcementStatus.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			stateSet(emit, inventory.EnforcementStatuses(), a.Enforcement, accountValues(a.Target))
		}),
	},
	{
		Name: "account_production_review", Labels: with(accountLabels, "status"),
		Help: "1 for the state of the request for SES production access, NONE without one. From SES GetAccount, Details.ReviewDetails.Status.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			if a.Review != "" {
				stateSet(emit, inventory.ReviewStatuses(), a.Review, accountValues(a.Target))
			}
		}),
	},
	accountQuota("limit", "e-mails", "How many e-mails SES lets the account send per rolling 24 hours.", "SendQuota.Max24HourSend", func(q inventory.Quota) (float64, bool) { return q.Limit, true }),
	{
		Name: "account_send_quota_used", Labels: accountLabels, Unit: "e-mails",
		Help: "How many e-mails the account has sent through SES in the last 24 hours. From SES GetAccount, SendQuota.SentLast24Hours.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			if a.Quota != nil {
				emit(a.Quota.Used, accountValues(a.Target)...)
			}
		}),
	},
	accountQuota("headroom", "e-mails", "How many e-mails the account has left in the rolling 24 hours.", "SendQuota", func(q inventory.Quota) (float64, bool) { return q.Headroom(), true }),
	accountQuota("used_ratio", "ratio", "The used part of the account's send quota of the rolling 24 hours, 0 to 1.", "SendQuota", inventory.Quota.UsedRatio),
	{
		Name: "account_send_rate_limit", Labels: accountLabels, Unit: "e-mails per second",
		Help: "How many e-mails per second SES lets the account send. From SES GetAccount, SendQuota.MaxSendRate. Absent when unlimited or unknown.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			if a.Quota != nil && a.Quota.Rate >= 0 {
				emit(a.Quota.Rate, accountValues(a.Target)...)
			}
		}),
	},
	reputation("bounce", "Reputation.BounceRate", func(r *inventory.Reputation) *float64 { return r.BounceRatio }),
	reputation("complaint", "Reputation.ComplaintRate", func(r *inventory.Reputation) *float64 { return r.ComplaintRatio }),
	defaultQuota("limit", "e-mails", "How many e-mails Cognito's built-in sender sends in a day for what shares the quota, as configured.", func(q inventory.Quota) (float64, bool) { return q.Limit, true }),
	defaultQuota("used", "e-mails", "How many e-mails the COGNITO_DEFAULT pools sent since the day began. An estimate: CloudTrail's count where it is on and covers the whole day, else CloudWatch's; see cognito_ses_pool_emails_sent for how each can err.", func(q inventory.Quota) (float64, bool) { return q.Used, true }),
	defaultQuota("headroom", "e-mails", "How many e-mails are left until the reset, estimated as cognito_ses_default_quota_used.", func(q inventory.Quota) (float64, bool) { return q.Headroom(), true }),
	defaultQuota("used_ratio", "ratio", "The used part of the default quota, 0 to 1 or above, estimated as cognito_ses_default_quota_used.", inventory.Quota.UsedRatio),
	{
		Name: "default_quota_reset_timestamp_seconds", Labels: accountLabels, Unit: "seconds",
		Help: "When the default quota begins anew, as Unix time. region is empty with the scope account.",
		Samples: eachDefaultQuota(func(q *inventory.DefaultQuota, emit Emit) {
			emit(float64(q.Reset.Unix()), q.AccountID, q.Region)
		}),
	},
	{
		Name: "default_quota_exhaustion_timestamp_seconds", Labels: accountLabels, Unit: "seconds",
		Help: "When the default quota was used up, or will be at the pace of the last three hours, as Unix time. Absent when it lasts until the reset, or when unknown.",
		Samples: eachDefaultQuota(func(q *inventory.DefaultQuota, emit Emit) {
			if !q.Exhaustion.IsZero() {
				emit(float64(q.Exhaustion.Unix()), q.AccountID, q.Region)
			}
		}),
	},
	{
		Name: "default_quota_unattributed_emails", Labels: accountLabels, Unit: "e-mails",
		Help: "How many e-mails of the day cannot be told to be of one pool, and are in no count: their CloudTrail events, such as those of UpdateUserAttributes, name neither a pool nor a known client. Absent without CloudTrail.",
		Samples: func(v *view, emit Emit) {
			for i := range v.Readings {
				if n, ok := v.Readings[i].Unattributed(v.Policy, v.At); ok {
					emit(n, accountValues(v.Readings[i].Target)...)
				}
			}
		},
	},
	{
		Name: "identity_verified", Labels: identityLabels,
		Help: "Whether SES may send as the identity. From SES ListEmailIdentities, VerificationStatus, or GetEmailIdentity, VerifiedForSendingStatus.",
		Samples: eachIdentity(func(i *inventory.UsedIdentity, emit Emit) {
			emitTri(emit, i.Verified, append(accountValues(i.Target), i.Name)...)
		}),
	},
	{
		Name: "identity_sending_enabled", Labels: identityLabels,
		Help: "Whether sending is enabled for the identity. From SES ListEmailIdentities, SendingEnabled.",
		Samples: eachIdentity(func(i *inventory.UsedIdentity, emit Emit) {
			emitTri(emit, i.SendingEnabled, append(accountValues(i.Target), i.Name)...)
		}),
	},
	{
		Name: "identity_verification_status", Labels: with(identityLabels, "status"),
		Help: "1 for the identity's verification status. From SES ListEmailIdentities and GetEmailIdentity, VerificationStatus.",
		Samples: eachIdentity(func(i *inventory.UsedIdentity, emit Emit) {
			stateSet(emit, inventory.VerificationStatuses(), i.Status, append(accountValues(i.Target), i.Name))
		}),
	},
	{
		Name: "identity_pools", Labels: identityLabels, Unit: "pools",
		Help: "How many user pools send as the identity. From the SourceArn of Cognito DescribeUserPool. Absent when the pools of the account are not all known.",
		Samples: eachIdentity(func(i *inventory.UsedIdentity, emit Emit) {
			if i.PoolsKnown {
				emit(float64(i.Pools), append(accountValues(i.Target), i.Name)...)
			}
		}),
	},
	{
		Name: "finding", Labels: []string{"rule", "severity", "account_id", "region", "user_pool_id", "identity"},
		Help: "1 for each pool, SES account or identity that a rule flags. user_pool_id is empty for rules about accounts and identities, identity for all but those about identities. Identities that are not shown (see identities in the configuration) are left out.",
		Samples: func(v *view, emit Emit) {
			shown := map[inventory.Key]map[string]bool{}
			for _, i := range v.identities {
				k := i.Target.Key()
				if shown[k] == nil {
					shown[k] = map[string]bool{}
				}
				shown[k][i.Name] = true
			}
			for _, f := range v.result.Findings {
				identity := ""
				if f.ForEach == rules.ForIdentity {
					identity = f.Identity
					if !shown[inventory.Key{AccountID: f.AccountID, Region: f.Region}][identity] {
						continue
					}
				}
				emit(1, f.Rule, string(f.Severity), f.AccountID, f.Region, f.PoolID, identity)
			}
		},
	},
	{
		Name: "findings", Labels: []string{"rule", "severity"}, Unit: "findings",
		Help: "How many pools, SES accounts or identities a rule flags; 0 included.",
		Samples: func(v *view, emit Emit) {
			count := map[string]int{}
			for _, f := range v.result.Findings {
				count[f.Rule]++
			}
			eachRule(v, func(r rules.RuleInfo) { emit(float64(count[r.ID]), r.ID, string(r.Severity)) })
		},
	},
	{
		Name: "findings_exempted", Labels: []string{"rule"}, Unit: "findings",
		Help: "How many findings of a rule an exemption covers; they are in no other metric.",
		Samples: func(v *view, emit Emit) {
			eachRule(v, func(r rules.RuleInfo) { emit(float64(v.result.Exempted[r.ID]), r.ID) })
		},
	},
	{
		Name: "findings_undetermined", Labels: []string{"rule"}, Unit: "pools, accounts or identities",
		Help: "For how many pools, SES accounts or identities unknown facts could decide whether the rule flags them.",
		Samples: func(v *view, emit Emit) {
			eachRule(v, func(r rules.RuleInfo) { emit(float64(v.result.Undetermined[r.ID]), r.ID) })
		},
	},
	{
		Name: "rule_info", Labels: []string{"rule", "severity", "summary"},
		Help: "A rule that is in use, and what it is about; always 1.",
		Samples: func(v *view, emit Emit) {
			eachRule(v, func(r rules.RuleInfo) { emit(1, r.ID, string(r.Severity), r.Summary) })
		},
	},
	{
		Name: "rule_exemptions", Labels: []string{"rule", "state"}, Unit: "exemptions",
		Help: "How many exemptions of a rule have expired and no longer apply (state=expired), or apply to no finding (state=unused).",
		Samples: func(v *view, emit Emit) {
			for state, list := range map[string][]rules.ExemptionInfo{"expired": v.result.ExpiredExemptions, "unused": v.result.UnusedExemptions} {
				count := map[string]int{}
				for _, e := range list {
					count[e.Rule]++
				}
				eachRule(v, func(r rules.RuleInfo) { emit(float64(count[r.ID]), r.ID, state) })
			}
		},
	},
	{
		Name: "exporter_identities_dropped", Labels: accountLabels, Unit: "identities",
		Help: "How many identities are not shown because of identities.max.",
		Samples: func(v *view, emit Emit) {
			for i := range v.Readings {
				emit(float64(v.dropped[v.Readings[i].Target.Key()]), accountValues(v.Readings[i].Target)...)
			}
		},
	},
	{
		Name: "exporter_target_up", Labels: with(accountLabels, "api"),
		Help: "Whether every call of the API succeeded in the target's last pass.",
		Samples: eachOutcome(func(r *inventory.Reading, o inventory.Outcome, emit Emit) {
			emit(number(o.Class == inventory.OK), append(accountValues(r.Target), o.API)...)
		}),
	},
	{
		Name: "exporter_target_last_success_timestamp_seconds", Labels: with(accountLabels, "api"), Unit: "seconds",
		Help: "When every call of the API last succeeded in a pass, as Unix time. Absent before the first time.",
		Samples: eachOutcome(func(r *inventory.Reading, o inventory.Outcome, emit Emit) {
			if !o.LastSuccess.IsZero() {
				emit(float64(o.LastSuccess.UnixMilli())/1000, append(accountValues(r.Target), o.API)...)
			}
		}),
	},
	{
		Name: "exporter_target_error", Labels: with(accountLabels, "api", "class"),
		Help: "1 while the API's last pass failed with an error of the class; the log and the page have the text.",
		Samples: eachOutcome(func(r *inventory.Reading, o inventory.Outcome, emit Emit) {
			if o.Class != inventory.OK {
				emit(1, append(accountValues(r.Target), o.API, string(o.Class))...)
			}
		}),
	},
	{
		Name: "exporter_target_duration_seconds", Labels: accountLabels, Unit: "seconds",
		Help: "How long the last pass over the target took.",
		Samples: func(v *view, emit Emit) {
			for i := range v.Readings {
				r := &v.Readings[i]
				emit(r.End.Sub(r.Start).Seconds(), accountValues(r.Target)...)
			}
		},
	},
	{
		Name: "exporter_targets", Unit: "targets",
		Help:    "How many targets, accounts times regions, are configured.",
		Samples: func(v *view, emit Emit) { emit(float64(v.targets)) },
	},
	{
		Name: "exporter_pools", Unit: "pools",
		Help: "How many user pools are known. Absent when none can be, because no target could be read.",
		Samples: func(v *view, emit Emit) {
			if !v.PoolsUnknown {
				emit(float64(len(v.Pools)))
			}
		},
	},
}

func poolValues(p *inventory.Pool) []string {
	return append(accountValues(p.Target), p.ID)
}

func accountValues(t inventory.Target) []string {
	return append(make([]string, 0, 10), t.AccountID, t.Region)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// emitTri emits 1 or 0, and nothing for what is unknown.
func emitTri(emit Emit, t inventory.Tri, labels ...string) {
	if t != inventory.Unknown {
		emit(number(t == inventory.Yes), labels...)
	}
}

func stateSet(emit Emit, states []string, state string, labels []string) {
	for _, s := range states {
		emit(number(s == state), with(labels, s)...)
	}
}

// eachRule calls f for the rules in use, unless nothing is known to judge.
func eachRule(v *view, f func(rules.RuleInfo)) {
	if v.PoolsUnknown {
		return
	}
	for _, r := range v.rules.Rules() {
		if r.Enabled {
			f(r)
		}
	}
}

func eachPool(f func(*view, *inventory.Pool, Emit)) func(*view, Emit) {
	return func(v *view, emit Emit) {
		for i := range v.Pools {
			f(v, &v.Pools[i], emit)
		}
	}
}

func eachAccount(f func(*inventory.SESAccount, Emit)) func(*view, Emit) {
	return func(v *view, emit Emit) {
		for i := range v.Accounts {
			f(&v.Accounts[i], emit)
		}
	}
}

func eachIdentity(f func(*inventory.UsedIdentity, Emit)) func(*view, Emit) {
	return func(v *view, emit Emit) {
		for i := range v.identities {
			f(&v.identities[i], emit)
		}
	}
}

func eachOutcome(f func(*inventory.Reading, inventory.Outcome, Emit)) func(*view, Emit) {
	return func(v *view, emit Emit) {
		for i := range v.Readings {
			for _, o := range v.Readings[i].Outcomes {
				f(&v.Readings[i], o, emit)
			}
		}
	}
}

func poolQuota(name, unit, help string, value func(inventory.Quota) (float64, bool)) Family {
	return Family{
		Name: "pool_quota_" + name, Unit: unit, Labels: with(poolLabels, "quota"),
		Help: help + " quota=send is the rolling 24 hour send quota of the SES account that a DEVELOPER pool sends through, from SES GetAccount, SendQuota. quota=default is the fixed day's quota of Cognito's built-in sender that a COGNITO_DEFAULT pool draws on, estimated as cognito_ses_default_quota_used. Absent when unlimited or unknown.",
		Samples: eachPool(func(_ *view, p *inventory.Pool, emit Emit) {
			for kind, q := range map[string]*inventory.Quota{"send": p.Quota, "default": p.DefaultQuota} {
				if q == nil {
					continue
				}
				if n, ok := value(*q); ok {
					emit(n, append(poolValues(p), kind)...)
				}
			}
		}),
	}
}

func reputation(name, metric string, value func(*inventory.Reputation) *float64) Family {
	return Family{
		Name: "account_" + name + "_ratio", Unit: "ratio", Labels: accountLabels,
		Help: "The SES account's " + name + " rate over the volume that SES judges it by, 0 to 1. From CloudWatch AWS/SES " + metric + ", read once an hour where user pools send through the account. Absent when unknown.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			if a.Reputation == nil {
				return
			}
			if n := value(a.Reputation); n != nil {
				emit(*n, accountValues(a.Target)...)
			}
		}),
	}
}

func eachDefaultQuota(f func(*inventory.DefaultQuota, Emit)) func(*view, Emit) {
	return func(v *view, emit Emit) {
		for i := range v.DefaultQuotas {
			f(&v.DefaultQuotas[i], emit)
		}
	}
}

func defaultQuota(name, unit, help string, value func(inventory.Quota) (float64, bool)) Family {
	return Family{
		Name: "default_quota_" + name, Unit: unit, Labels: accountLabels,
		Help: help + " By what shares it: region is empty with the scope account, and with user_pool see cognito_ses_pool_quota_" + name + ". Absent when unknown.",
		Samples: eachDefaultQuota(func(q *inventory.DefaultQuota, emit Emit) {
			if q.Quota == nil {
				return
			}
			if n, ok := value(*q.Quota); ok {
				emit(n, q.AccountID, q.Region)
			}
		}),
	}
}

func accountQuota(name, unit, help, field string, value func(inventory.Quota) (float64, bool)) Family {
	return Family{
		Name: "account_send_quota_" + name, Unit: unit, Labels: accountLabels,
		Help: help + " From SES GetAccount, " + field + ". Absent when unlimited or unknown.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			q := a.Quota.Finite()
			if q == nil {
				return
			}
			if n, ok := value(*q); ok {
				emit(n, accountValues(a.Target)...)
			}
		}),
	}
}

// checkLabels guards the table against a family whose samples do not fit it.
func checkLabels(f *Family, want int, got []string) error {
	if len(got) != want {
		return fmt.Errorf("metric %s has %s label values, want %s", f.Name, strconv.Itoa(len(got)), strconv.Itoa(want))
	}
	return nil
}
