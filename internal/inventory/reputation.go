package inventory

import "time"

// ReputationInterval is how often an SES account's reputation, which moves
// slowly and costs money to read, is read anew.
const ReputationInterval = time.Hour

// Reputation is how an SES account's e-mail fares, over the representative
// volume that SES computes it from. The zero value knows nothing.
type Reputation struct {
	Confirmed      time.Time
	BounceRatio    *float64 // 0..1; nil when CloudWatch has no value
	ComplaintRatio *float64 // likewise
}
