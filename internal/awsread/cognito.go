package awsread

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"golang.org/x/sync/errgroup"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const (
	poolsPerPage      = 60 // the most that ListUserPools gives
	describesInFlight = 4  // the request budget sets the pace, this only hides latency
)

// readPools lists the pools and describes those whose settings are not known
// to be current. Pools that a failed listing did not show stay as they were.
func (p *pass) readPools(ctx context.Context) {
	known := make(map[string]inventory.UserPool, len(p.reading.Pools))
	for _, up := range p.reading.Pools {
		known[up.ID] = up
	}
	seen := map[string]bool{}
	var pools []inventory.UserPool
	complete, token := true, ""
	pages := cognitoidentityprovider.NewListUserPoolsPaginator(p.place.cognito,
		&cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(poolsPerPage)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err == nil && (page.UserPools == nil || repeats(page.NextToken, &token) ||
			slices.ContainsFunc(page.UserPools, func(d types.UserPoolDescriptionType) bool { return aws.ToString(d.Id) == "" })) {
			err = errMalformed
		}
		if err != nil {
			p.fail(ctx, inventory.APICognito, "ListUserPools", err)
			complete = false
			break
		}
		now := time.Now()
		for _, d := range page.UserPools {
			id := aws.ToString(d.Id)
			if seen[id] {
				continue
			}
			seen[id] = true
			up := inventory.UserPool{ID: id, Name: aws.ToString(d.Name), LastModified: aws.ToTime(d.LastModifiedDate), Listed: now}
			if s := known[id].Settings; s != nil {
				settings := *s
				if settings.Modified.Equal(up.LastModified) && now.Sub(settings.Described) < p.opts.DescribeMaxAge {
					settings.Confirmed = now
				}
				up.Settings = &settings
			}
			pools = append(pools, up)
		}
	}
	if complete {
		p.reading.PoolsListed = time.Now()
	} else {
		for id, up := range known {
			if !seen[id] {
				pools = append(pools, up)
			}
		}
	}
	p.describe(ctx, pools)
	slices.SortFunc(pools, func(a, b inventory.UserPool) int { return strings.Compare(a.ID, b.ID) })
	p.reading.Pools = pools
}

// repeats reports whether a page leads to itself, and keeps where it leads.
func repeats(next, last *string) bool {
	if *last != "" && aws.ToString(next) == *last {
		return true
	}
	*last = aws.ToString(next)
	return false
}

// describe fills in the settings of the listed pools that need it. One pool's
// failure leaves the others alone, and its own earlier settings in place.
func (p *pass) describe(ctx context.Context, pools []inventory.UserPool) {
	var group errgroup.Group
	group.SetLimit(describesInFlight)
	for i := range pools {
		up := &pools[i]
		if up.Listed.Before(p.reading.Start) || up.Settings != nil && !up.Settings.Confirmed.Before(p.reading.Start) {
			continue
		}
		group.Go(func() error {
			defer p.keepPanic()
			out, err := p.place.cognito.DescribeUserPool(ctx, &cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: aws.String(up.ID)})
			if err == nil && (out.UserPool == nil || aws.ToString(out.UserPool.Id) != up.ID) {
				err = errMalformed
			}
			if err != nil {
				if classOf(err) != inventory.NotFound { // Deleted since the listing: the next one will tell.
					p.fail(ctx, inventory.APICognito, "DescribeUserPool", err)
				}
				return nil
			}
			up.Settings = settingsOf(p.reading.Target.Key(), out.UserPool, up.LastModified, time.Now())
			return nil
		})
	}
	_ = group.Wait() // Its functions keep their errors as outcomes.
}

// settingsOf takes over what matters for e-mail. A mode that Cognito does not
// give, or that this program does not know, is unknown.
func settingsOf(pool inventory.Key, up *types.UserPoolType, modified, now time.Time) *inventory.Settings {
	email := inventory.EmailConfiguration{Mode: inventory.ModeUnknown}
	if e := up.EmailConfiguration; e != nil {
		switch e.EmailSendingAccount {
		case types.EmailSendingAccountTypeCognitoDefault:
			email.Mode = inventory.ModeDefault
		case types.EmailSendingAccountTypeDeveloper:
			email.Mode = inventory.ModeDeveloper
		}
		email.SourceARN, email.From = aws.ToString(e.SourceArn), aws.ToString(e.From)
		email.ReplyTo, email.ConfigurationSet = aws.ToString(e.ReplyToEmailAddress), aws.ToString(e.ConfigurationSet)
	}
	if l := up.LambdaConfig; l != nil && l.CustomEmailSender != nil {
		email.CustomSender = aws.ToString(l.CustomEmailSender.LambdaArn) != ""
	}
	s := &inventory.Settings{
		Described: now, Modified: modified, Confirmed: now,
		Sender: inventory.NewSender(pool, email), Tier: string(up.UserPoolTier), Tags: up.UserPoolTags,
	}
	for _, attribute := range up.AutoVerifiedAttributes {
		s.AutoVerified = append(s.AutoVerified, string(attribute))
	}
	return s
}
