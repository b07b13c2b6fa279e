package inventory

import "time"

// StatisticsInterval is how often an SES account's send statistics are read.
// SES counts in intervals of 15 minutes.
const StatisticsInterval = 15 * time.Minute

// StatisticsWindow is the time before they were read that they count.
const StatisticsWindow = 24 * time.Hour

// SendStatistics is what became of the e-mails that an account gave SES in one
// region: SES GetSendStatistics, summed over [StatisticsWindow].
type SendStatistics struct {
	Confirmed  time.Time
	Attempts   int // DeliveryAttempts: e-mails that SES sent
	Bounces    int // hard bounces, and soft ones that SES stopped retrying
	Complaints int // marked as spam by their recipients
	Rejects    int // not sent, because SES found a virus
}

func sameStatistics(a, b *SendStatistics) bool {
	if a == nil || b == nil {
		return a == b
	}
	same := *a
	same.Confirmed = b.Confirmed
	return same == *b
}
