package awsread

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ses/types"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const (
	mostPerPoint = 1e12      // e-mails in 15 minutes; no account sends as many
	clockSkew    = time.Hour // that a point may be ahead of this machine's clock
)

// readStatistics reads what became of the e-mails of an SES account that pools
// send through.
func (p *pass) readStatistics(ctx context.Context, used []string) {
	if len(used) == 0 {
		p.reading.Statistics = nil
		return
	}
	now := time.Now()
	if before := p.reading.Statistics; before != nil && now.Sub(before.Confirmed) < inventory.StatisticsInterval {
		p.skipped(inventory.APIStatistics)
		return
	}
	if ctx.Err() != nil {
		p.notAsked(inventory.APIStatistics)
		return
	}
	p.called(inventory.APIStatistics)
	out, err := p.place.sesv1.GetSendStatistics(ctx, nil)
	var s *inventory.SendStatistics
	if err == nil {
		s, err = statisticsOf(out.SendDataPoints, now)
	}
	if err != nil {
		p.fail(ctx, inventory.APIStatistics, "GetSendStatistics", optional(err, "ses:GetSendStatistics", "send_statistics.enabled"))
		return
	}
	p.reading.Statistics = s
}

// statisticsOf sums the points of the last 24 hours. Without any point, nothing
// was sent.
func statisticsOf(points []types.SendDataPoint, now time.Time) (*inventory.SendStatistics, error) {
	s := &inventory.SendStatistics{Confirmed: now}
	for _, point := range points {
		at := aws.ToTime(point.Timestamp)
		if at.IsZero() || at.After(now.Add(clockSkew)) {
			return nil, fmt.Errorf("%w: the Timestamp of a point is %s", errValue, at.UTC().Format(time.RFC3339))
		}
		for _, n := range []int64{point.DeliveryAttempts, point.Bounces, point.Complaints, point.Rejects} {
			if !within(float64(n), mostPerPoint) {
				return nil, fmt.Errorf("%w: a point counts %d", errValue, n)
			}
		}
		if at.After(now.Add(-inventory.StatisticsWindow)) {
			s.Attempts += int(point.DeliveryAttempts)
			s.Bounces += int(point.Bounces)
			s.Complaints += int(point.Complaints)
			s.Rejects += int(point.Rejects)
		}
	}
	return s, nil
}
