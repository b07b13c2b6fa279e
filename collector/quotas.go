package collector

import (
	"maps"
	"slices"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// poolQuotaFamilies are the metrics of the quota that applies to a pool's e-mail.
var poolQuotaFamilies = []Family{
	poolQuota("limit", "e-mails", "How many e-mails the pool's sender may send.", limitOf),
	poolQuota("used", "e-mails", "How many e-mails the pool's sender has sent, at least.", usedOf),
	poolQuota("used_upper", "e-mails", "How many e-mails the pool's sender has sent, at most; for quota=send the same as cognito_ses_pool_quota_used.", atMostOf),
	poolQuota("headroom", "e-mails", "How many e-mails the pool's sender has left, at most.", headroomOf),
	poolQuota("used_ratio", "ratio", "The part of the pool's quota that is used at least, 0 to 1 or above; 1 when the limit is 0.", ratioOf),
}

func poolQuota(name, unit, help string, value amount) Family {
	return Family{
		Name: "pool_quota_" + name, Unit: unit, Labels: with(poolLabels, "quota"),
		Help: help + " quota=send is the rolling 24 hour send quota of the SES account that a DEVELOPER pool sends through, from SES GetAccount, SendQuota. quota=default is the daily quota of Cognito's built-in sender that a COGNITO_DEFAULT pool uses, counted as cognito_ses_default_quota_used. Absent when unlimited or unknown.",
		Samples: eachPool(func(p *inventory.Pool, emit Emit) {
			if n, ok := value(p.Quota); ok && !p.Quota.Unlimited() {
				emit(n, append(poolValues(p), string(p.Quota.Kind))...)
			}
		}),
	}
}

// defaultQuotaFamilies are the metrics of the built-in sender's quota, by what
// shares it.
var defaultQuotaFamilies = []Family{
	defaultQuota("limit", "e-mails", "How many e-mails Cognito's built-in sender sends per day for all pools that share the quota, as configured.", limitOf),
	defaultQuota("used", "e-mails", "How many e-mails the COGNITO_DEFAULT pools sent since the last reset, at least: those that CloudTrail LookupEvents or CloudWatch SignUpSuccesses are certain of, and the whole limit once AWS has refused an e-mail because of it.", usedOf),
	defaultQuota("used_upper", "e-mails", "How many e-mails the COGNITO_DEFAULT pools sent since the last reset, at most: every event of CloudTrail that may have sent one, or every call that CloudWatch counts in AWS/Usage CallCount for the operations that send e-mail, up to an hour ago.", atMostOf),
	defaultQuota("headroom", "e-mails", "How many e-mails are left until the reset, at most: the limit without cognito_ses_default_quota_used.", headroomOf),
	defaultQuota("used_ratio", "ratio", "The part of the default quota that is used at least, 0 to 1 or above, as cognito_ses_default_quota_used.", ratioOf),
	{
		Name: "default_quota_bounded", Labels: accountLabels,
		Help: "Whether cognito_ses_default_quota_used_upper can be had: 0 when CloudTrail is not read for the whole day and CloudWatch has no AWS/Usage CallCount of Cognito that fits; the quota then counts as not reached until it is known to be. Absent when it could not be read.",
		Samples: eachDefaultQuota(func(q *inventory.SharedQuota, emit Emit) {
			emitTri(emit, q.Bounded, q.AccountID, q.Region)
		}),
	},
	{
		Name: "default_quota_reset_timestamp_seconds", Labels: accountLabels, Unit: "seconds",
		Help: "When the default quota resets, as Unix time. region is empty with the scope account.",
		Samples: eachDefaultQuota(func(q *inventory.SharedQuota, emit Emit) {
			emit(float64(q.Reset.Unix()), q.AccountID, q.Region)
		}),
	},
	{
		Name: "default_quota_exhaustion_timestamp_seconds", Labels: accountLabels, Unit: "seconds",
		Help: "When the default quota was used up, or will be at the pace of the last three hours, as Unix time. Absent when it lasts until the reset, or when unknown.",
		Samples: eachDefaultQuota(func(q *inventory.SharedQuota, emit Emit) {
			if !q.Exhaustion.IsZero() {
				emit(float64(q.Exhaustion.Unix()), q.AccountID, q.Region)
			}
		}),
	},
	{
		Name: "default_quota_unattributed_emails", Labels: accountLabels, Unit: "e-mails",
		Help:    "How many e-mails since the last reset cannot be attributed to a pool, and only count above: their CloudTrail events, such as those of UpdateUserAttributes, name neither a pool nor a known client. Absent without CloudTrail.",
		Samples: func(v *accountView, emit Emit) { emitByKey(emit, v.Unattributed) },
	},
	{
		Name: "default_quota_undecided_emails", Labels: accountLabels, Unit: "e-mails",
		Help:    "How many e-mails since the last reset may have been sent through the built-in sender, or not, by their CloudTrail events: they count in cognito_ses_default_quota_used_upper only. With those of cognito_ses_default_quota_unattributed_emails. Absent without CloudTrail.",
		Samples: func(v *accountView, emit Emit) { emitByKey(emit, v.Undecided) },
	},
}

func emitByKey(emit Emit, all map[inventory.Key]float64) {
	for _, k := range slices.SortedFunc(maps.Keys(all), inventory.Key.Compare) {
		emit(all[k], k.AccountID, k.Region)
	}
}

func eachDefaultQuota(f func(*inventory.SharedQuota, Emit)) func(*accountView, Emit) {
	return func(v *accountView, emit Emit) {
		for i := range v.DefaultQuotas {
			f(&v.DefaultQuotas[i], emit)
		}
	}
}

func defaultQuota(name, unit, help string, value amount) Family {
	return Family{
		Name: "default_quota_" + name, Unit: unit, Labels: accountLabels,
		Help: help + " By account and region that share it; region is empty with the scope account, and with user_pool see cognito_ses_pool_quota_" + name + ". Absent when unknown.",
		Samples: eachDefaultQuota(func(q *inventory.SharedQuota, emit Emit) {
			if n, ok := value(&q.Quota); ok {
				emit(n, q.AccountID, q.Region)
			}
		}),
	}
}
