package awsread

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsaccount "github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

var regionName = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$`)

// Regions lists the regions that are on in the target's account, sorted, also
// those that this version does not know. Lists are kept for an hour. With an
// error, an [*inventory.Failure], it lists what was known before, or else the
// regions that cannot be off; none when the account cannot be entered.
func (r *Reader) Regions(ctx context.Context, t inventory.Target) ([]string, error) {
	a := r.account(t)
	if _, operation, err := a.authenticate(ctx, t.AccountID); err != nil {
		return nil, r.findFailure(t, operation, err)
	}
	partition := inventory.Partition(t.Region)
	if partition != "aws" { // The others have no endpoint to ask, and no regions that can be off.
		return inventory.RegionsOf(partition), nil
	}
	a.mu.Lock()
	due := !time.Now().Before(a.regionsDue)
	a.mu.Unlock()
	if due {
		if err := a.share(ctx, "ListRegions", a.listRegions); err != nil && ctx.Err() != nil {
			return nil, r.findFailure(t, "ListRegions", err)
		}
	}
	a.mu.Lock()
	on, err := slices.Sorted(maps.Keys(a.regions)), a.regionsErr
	a.mu.Unlock()
	if on == nil {
		on = inventory.AlwaysOn(partition)
	}
	if err != nil {
		return on, r.findFailure(t, "ListRegions", err)
	}
	return on, nil
}

// listRegions asks which regions are on. A failure leaves the list as it was.
func (a *account) listRegions(ctx context.Context) error {
	on := map[string]bool{}
	client := awsaccount.NewFromConfig(a.config("account", a.region, nil))
	err := pages(func(token *string) (*string, error) {
		out, err := client.ListRegions(ctx, &awsaccount.ListRegionsInput{
			MaxResults: aws.Int32(50), NextToken: token,
			RegionOptStatusContains: []types.RegionOptStatus{
				types.RegionOptStatusEnabled, types.RegionOptStatusEnabledByDefault, types.RegionOptStatusEnabling,
			},
		})
		if err != nil {
			return nil, err
		}
		for _, region := range out.Regions {
			name := aws.ToString(region.RegionName)
			if !regionName.MatchString(name) {
				return nil, errMalformed
			}
			on[name] = true
		}
		return out.NextToken, nil
	})
	if err == nil && len(on) == 0 {
		err = errMalformed // Some regions cannot be off.
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return err // Nobody waited for it any more, which says nothing of AWS.
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.regionsErr, a.regionsDue = err, time.Now().Add(regionsRetry); err == nil {
		a.regions, a.regionsDue = on, time.Now().Add(regionsAge)
	}
	return err
}

// HasPools reports whether the target has a user pool, with one request. A
// region that is off has none. An error is an [*inventory.Failure].
func (r *Reader) HasPools(ctx context.Context, t inventory.Target) (bool, error) {
	found := false
	err := r.findPools(ctx, t, 1, func(n int) (enough bool) { // AWS may give an empty page before others.
		found = n > 0
		return found
	})
	return found, err
}

// CountPools returns how many user pools the target has, with one request for
// every 60. A region that is off has none. An error is an [*inventory.Failure].
func (r *Reader) CountPools(ctx context.Context, t inventory.Target) (int, error) {
	all := 0
	err := r.findPools(ctx, t, poolsPerPage, func(n int) (enough bool) {
		all += n
		return false
	})
	if err != nil {
		return 0, err
	}
	return all, nil
}

// findPools calls each with the number of user pools on every page, until it
// has enough. A region that is off, or has no Cognito, is one without pools.
func (r *Reader) findPools(ctx context.Context, t inventory.Target, perPage int32, each func(n int) (enough bool)) error {
	a := r.account(t)
	if _, operation, err := a.authenticate(ctx, t.AccountID); err != nil {
		return r.findFailure(t, operation, err)
	}
	client := a.finder(t.Region)
	err := pages(func(token *string) (*string, error) {
		out, err := client.ListUserPools(ctx, &cognitoidentityprovider.ListUserPoolsInput{MaxResults: aws.Int32(perPage), NextToken: token})
		if err != nil || each(len(out.UserPools)) {
			return nil, err
		}
		return out.NextToken, nil
	})
	if err == nil || classOf(err) == inventory.NotOffered || isBadToken(err) && a.off(ctx, t.Region) {
		return nil
	}
	return r.findFailure(t, "ListUserPools", err)
}

// finder returns a client that looks for user pools. Most regions have none, and
// need no clients and budgets that stay.
func (a *account) finder(region string) *cognitoidentityprovider.Client {
	var own budgets
	a.mu.Lock()
	if p := a.places[region]; p != nil {
		own = p.budgets
	}
	a.mu.Unlock()
	return cognitoidentityprovider.NewFromConfig(a.config(inventory.APICognito, region, own))
}

func (r *Reader) findFailure(t inventory.Target, operation string, err error) *inventory.Failure {
	class := classOf(err)
	f := &inventory.Failure{Class: class, Message: describe(operation, t, class, err)}
	r.opts.Load().reportPanic(f.Message, err)
	return f
}
