package collector

import "github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"

func eachAccount(f func(*inventory.SESAccount, Emit)) func(*accountView, Emit) {
	return func(v *accountView, emit Emit) {
		for i := range v.SES {
			f(&v.SES[i], emit)
		}
	}
}

// accountFamilies are the metrics of SES accounts: what SES says of an account
// in a region.
var accountFamilies = []Family{
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
		Help: "1 for the state of the request for SES production access, NONE without a request. From SES GetAccount, Details.ReviewDetails.Status.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			if a.Review != "" {
				stateSet(emit, inventory.ReviewStatuses(), a.Review, accountValues(a.Target))
			}
		}),
	},
	{
		Name: "account_production_review_info", Labels: with(accountLabels, "case_id"),
		Help: "The support case in which AWS reviews the request for SES production access; always 1. From SES GetAccount, Details.ReviewDetails.CaseId. Absent without a case.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			if a.ReviewCase != "" {
				emit(1, append(accountValues(a.Target), a.ReviewCase)...)
			}
		}),
	},
	accountQuota("limit", "e-mails", "How many e-mails SES lets the account send per rolling 24 hours. From SES GetAccount, SendQuota.Max24HourSend. Absent when unlimited or unknown.", limitOf),
	accountQuota("used", "e-mails", "How many e-mails the account has sent through SES in the last 24 hours. From SES GetAccount, SendQuota.SentLast24Hours.", usedOf),
	accountQuota("headroom", "e-mails", "How many e-mails the account has left in the rolling 24 hours. From SES GetAccount, SendQuota. Absent when unlimited or unknown.", headroomOf),
	accountQuota("used_ratio", "ratio", "The used part of the account's send quota of the rolling 24 hours, 0 to 1; 1 when the limit is 0. From SES GetAccount, SendQuota. Absent when unlimited or unknown.", ratioOf),
	{
		Name: "account_send_rate_limit", Labels: accountLabels, Unit: "e-mails per second",
		Help: "How many e-mails per second SES lets the account send. From SES GetAccount, SendQuota.MaxSendRate. Absent when unlimited or unknown.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			if a.RateKnown && a.MaxSendRate >= 0 {
				emit(a.MaxSendRate, accountValues(a.Target)...)
			}
		}),
	},
	reputation("bounce", "Reputation.BounceRate", func(r *inventory.Reputation) *float64 { return r.BounceRatio }),
	reputation("complaint", "Reputation.ComplaintRate", func(r *inventory.Reputation) *float64 { return r.ComplaintRatio }),
	statistics("delivery_attempts", "How many e-mails SES sent", "DeliveryAttempts", func(s *inventory.SendStatistics) int { return s.Attempts }),
	statistics("bounces", "How many e-mails bounced", "Bounces", func(s *inventory.SendStatistics) int { return s.Bounces }),
	statistics("complaints", "How many e-mails recipients marked as spam", "Complaints", func(s *inventory.SendStatistics) int { return s.Complaints }),
	statistics("rejects", "How many e-mails SES rejected because of a virus", "Rejects", func(s *inventory.SendStatistics) int { return s.Rejects }),
}

func statistics(name, what, field string, value func(*inventory.SendStatistics) int) Family {
	return Family{
		Name: "account_" + name, Unit: "e-mails", Labels: accountLabels,
		Help: what + " in the last 24 hours. From SES GetSendStatistics, " + field + ", read every 15 minutes where user pools send through the account. Absent when unknown.",
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			if a.Statistics != nil {
				emit(float64(value(a.Statistics)), accountValues(a.Target)...)
			}
		}),
	}
}

func accountQuota(name, unit, help string, value amount) Family {
	return Family{
		Name: "account_send_quota_" + name, Unit: unit, Labels: accountLabels, Help: help,
		Samples: eachAccount(func(a *inventory.SESAccount, emit Emit) {
			if n, ok := value(&a.Quota); ok {
				emit(n, accountValues(a.Target)...)
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
