package awsread

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unique"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const (
	poolsPerPage      = 60 // the most that ListUserPools gives
	describesInFlight = 4  // the request budget sets the pace, this only hides latency
)

// readPools lists the pools and describes those whose settings are not known
// to be current. Pools that a failed listing did not show stay as they were.
func (p *pass) readPools(ctx context.Context) {
	known := p.reading.Pools // Sorted by ID.
	seen := make(map[string]bool, len(known))
	pools := make([]inventory.UserPool, 0, len(known))
	complete, token := true, ""
	day, _ := p.opts.Quota.Window(p.reading.Start)
	gone := p.reading.Gone
	pages := cognitoidentityprovider.NewListUserPoolsPaginator(listUserPools(p.place.cognito.ListUserPools),
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
			var before inventory.UserPool
			if i, ok := slices.BinarySearchFunc(known, id, func(up inventory.UserPool, id string) int { return strings.Compare(up.ID, id) }); ok {
				before = known[i]
			}
			modified, err := date("LastModifiedDate of user pool "+id, d.LastModifiedDate)
			if err != nil {
				p.fail(ctx, inventory.APICognito, "ListUserPools", err)
			}
			up := inventory.UserPool{ID: kept(id, before.ID), Name: kept(aws.ToString(d.Name), before.Name), LastModified: modified, Listed: now}
			up.Details, up.Past = before.Details, before.Past
			if up.Replica.Replicated = len(d.ReplicaRegions) > 0; up.Replica.Replicated {
				up.Replica = before.Replica
				up.Replica.Replicated = true
			}
			if s := before.Settings; s != nil {
				up.Settings, up.Confirmed = s, before.Confirmed
				// Without a date there is nothing to tell whether they are current.
				if !modified.IsZero() && s.Modified.Equal(modified) && now.Sub(s.Described) < p.opts.DescribeMaxAge {
					up.Confirmed = now
				}
			}
			pools = append(pools, up)
		}
	}
	if complete {
		p.reading.PoolsListed = time.Now()
		gone = nil
		for _, up := range slices.Concat(p.reading.Gone, p.reading.Pools) {
			if up = up.Replaced(day); !seen[up.ID] && len(up.Past) > 0 {
				gone = append(gone, up)
			}
		}
	} else {
		for _, up := range known {
			if !seen[up.ID] {
				pools = append(pools, up)
			}
		}
	}
	p.describe(ctx, pools)
	p.readReplicas(ctx, pools)
	slices.SortFunc(pools, func(a, b inventory.UserPool) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(gone, func(a, b inventory.UserPool) int { return strings.Compare(a.ID, b.ID) })
	if len(pools) == 0 || len(pools) < cap(pools) {
		pools = append([]inventory.UserPool(nil), pools...) // Without room to grow; nil without any.
	}
	p.reading.Pools, p.reading.Gone = pools, gone
}

// readReplicas asks for the roles and states of the listed pools that are
// replicated. Nothing in the list tells whether they are current.
func (p *pass) readReplicas(ctx context.Context, pools []inventory.UserPool) {
	for i := range pools {
		up := &pools[i]
		if !up.Replica.Replicated || up.Listed.Before(p.reading.Start) {
			continue
		}
		role, status, err := p.replicaOf(ctx, up.ID)
		switch class := classOf(err); {
		case err == nil:
			up.Replica.Role, up.Replica.Status, up.Replica.Confirmed = role, status, time.Now()
		case class == inventory.NotFound: // Deleted since the listing: the next one will tell.
		default:
			p.fail(ctx, inventory.APICognito, "ListUserPoolReplicas", err)
			if class == inventory.Denied || ctx.Err() != nil {
				return // As would be the others.
			}
		}
	}
}

// replicaOf returns the role and status of a pool in the target's region.
func (p *pass) replicaOf(ctx context.Context, id string) (role, status string, err error) {
	found := false
	err = pages(func(token *string) (*string, error) {
		page, err := p.place.cognito.ListUserPoolReplicas(ctx, &cognitoidentityprovider.ListUserPoolReplicasInput{UserPoolId: aws.String(id), NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, r := range page.UserPoolReplicas {
			if aws.ToString(r.RegionName) == p.reading.Target.Region {
				found, role, status = true, known(inventory.ReplicaRoles(), string(r.Role), ""), known(inventory.ReplicaStatuses(), string(r.Status), "")
				return nil, nil
			}
		}
		return page.NextToken, nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: of user pool %s there is no replica in the region", errMalformed, id)
	}
	return role, status, err
}

// kept returns a text that outlives the answer that it is from: the one of
// before if it is the same, else a copy, since the SDK's texts hold on to the
// whole answer.
func kept(text, before string) string {
	if text == before {
		return before
	}
	return strings.Clone(text)
}

// shared is kept for texts that many pools have in common.
func shared(text string) string { return unique.Make(text).Value() }

// sharedText is shared for what may be absent.
func sharedText(text *string) string { return shared(aws.ToString(text)) }

// repeats reports whether a page leads to itself, and keeps where it leads.
func repeats(next, last *string) bool {
	if *last != "" && aws.ToString(next) == *last {
		return true
	}
	*last = aws.ToString(next)
	return false
}

// describe fills in the settings of the listed pools that need it. One pool's
// failure leaves the others alone, and its own earlier settings in place. A
// call that AWS throttles makes way for the others and is made again later.
func (p *pass) describe(ctx context.Context, pools []inventory.UserPool) {
	type job struct {
		*inventory.UserPool
		tries     int
		throttled error // what AWS said at the last try
	}
	var todo []job
	for i := range pools {
		if up := &pools[i]; !up.Listed.Before(p.reading.Start) && (up.Settings == nil || up.Confirmed.Before(p.reading.Start)) {
			todo = append(todo, job{UserPool: up})
		}
	}
	report := func(done int) {
		if p.opts.Progress != nil {
			p.opts.Progress(p.reading.Target, done, len(todo))
		}
	}
	p.described = len(todo) > 0
	if report(0); len(todo) == 0 {
		return
	}
	queue := make(chan job, len(todo)) // Whoever puts one back never waits.
	for _, j := range todo {
		queue <- j
	}
	var mu sync.Mutex // guards what follows, and keeps the reports in order
	done := 0         // jobs that are not made again
	inARow := 0       // throttled calls without another answer between; AWS throttles the account, not the pool
	work := func(j job) {
		again := false
		defer func() {
			if again {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			if report(done); done == len(todo) {
				close(queue)
			}
		}()
		defer p.keepPanic()
		err := p.describeOne(ctx, j.UserPool)
		if err != nil && ctx.Err() != nil && j.throttled != nil {
			err = j.throttled // The deadline came while it waited.
		}
		class := classOf(err)
		mu.Lock()
		if inARow++; class != inventory.Throttled {
			inARow = 0
		}
		n := inARow
		mu.Unlock()
		if j.tries++; class == inventory.Throttled && j.tries < throttleAttempts && ctx.Err() == nil && !is[*ownError](err) {
			again, j.throttled = true, err
			go func() {
				sleep(ctx, backoff(n))
				queue <- j
			}()
			return
		}
		if err != nil && class != inventory.NotFound { // Deleted since the listing: the next one will tell.
			p.fail(ctx, inventory.APICognito, "DescribeUserPool", err)
		}
	}
	var workers sync.WaitGroup
	for range min(describesInFlight, len(todo)) {
		workers.Go(func() {
			for j := range queue {
				work(j)
			}
		})
	}
	workers.Wait()
}

// describeOne describes a pool, and leaves it to the caller when a throttled
// call is made again.
func (p *pass) describeOne(ctx context.Context, up *inventory.UserPool) error {
	described, err := p.ask(ctx, up.ID, hasty)
	if err != nil {
		return err
	}
	now, modified := time.Now(), up.LastModified
	if modified.IsZero() {
		modified = now // Nothing says that the settings were in force before.
	}
	next := settingsOf(&p.tags, p.reading.Target.Key(), described, modified, now)
	if s := up.Settings; s != nil && !s.Modified.Equal(next.Modified) {
		day, _ := p.opts.Quota.Window(now)
		*up = up.Replaced(day)
	}
	up.Settings, up.Confirmed = next, now
	if mode := up.Settings.UnknownMode; mode != "" && p.opts.UnknownMode != nil {
		p.opts.UnknownMode(p.reading.Target, up.ID, mode)
	}
	p.putDescribed(*up)
	return nil
}

// ask asks what the pool with the ID is like.
func (p *pass) ask(ctx context.Context, id string, how func(*cognitoidentityprovider.Options)) (*types.UserPoolType, error) {
	out, err := p.place.cognito.DescribeUserPool(ctx, &cognitoidentityprovider.DescribeUserPoolInput{UserPoolId: aws.String(id)}, how)
	if err == nil && (out.UserPool == nil || aws.ToString(out.UserPool.Id) != id) {
		err = errMalformed
	}
	if err == nil {
		err = p.foreign(out.UserPool)
	}
	if err != nil {
		return nil, err
	}
	return out.UserPool, nil
}

// recoveryOf returns the mechanisms by priority, of which 1 is the first.
func recoveryOf(setting *types.AccountRecoverySettingType) string {
	if setting == nil || len(setting.RecoveryMechanisms) == 0 {
		return inventory.LegacyRecovery
	}
	options := slices.Clone(setting.RecoveryMechanisms)
	slices.SortStableFunc(options, func(a, b types.RecoveryOptionType) int {
		return cmp.Compare(aws.ToInt32(a.Priority), aws.ToInt32(b.Priority))
	})
	var names []string
	for _, o := range options {
		names = append(names, string(o.Name))
	}
	return shared(strings.Join(names, ","))
}

// foreign returns an error for a pool of another account than the one that was
// asked, whose facts would be linked to identities that it cannot use.
func (p *pass) foreign(up *types.UserPoolType) error {
	part := strings.Split(aws.ToString(up.Arn), ":") // arn:PARTITION:cognito-idp:REGION:ACCOUNT:userpool/ID
	if len(part) < 5 || part[4] == p.reading.Target.AccountID {
		return nil
	}
	return &ownError{
		inventory.Invalid, fmt.Sprintf("user pool %s belongs to account %s by its Arn, but account %s was asked", aws.ToString(up.Id), part[4], p.reading.Target.AccountID),
		remedy(inventory.Invalid),
	}
}

// putDescribed lets the goroutine of SES know a pool before all are described.
func (p *pass) putDescribed(up inventory.UserPool) {
	p.mu.Lock()
	p.fresh = append(p.fresh, up)
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default: // It has not yet taken the ones before.
	}
}

// takeDescribed returns the pools that were described since it was last called.
func (p *pass) takeDescribed() []inventory.UserPool {
	p.mu.Lock()
	defer p.mu.Unlock()
	pools := p.fresh
	p.fresh = nil
	return pools
}

// settingsOf takes over what matters for e-mail. Without EmailSendingAccount
// Cognito uses its built-in sender. A mode that this program does not know is
// unknown.
func settingsOf(tags *tagSets, pool inventory.Key, up *types.UserPoolType, modified, now time.Time) *inventory.Settings {
	email := inventory.EmailConfiguration{Mode: inventory.ModeDefault, ModeAbsent: true}
	if e := up.EmailConfiguration; e != nil {
		email.ModeAbsent = e.EmailSendingAccount == ""
		switch e.EmailSendingAccount {
		case "", types.EmailSendingAccountTypeCognitoDefault:
		case types.EmailSendingAccountTypeDeveloper:
			email.Mode = inventory.ModeDeveloper
		default:
			email.Mode, email.UnknownMode = inventory.ModeUnknown, shared(string(e.EmailSendingAccount))
		}
		email.SourceARN, email.From = sharedText(e.SourceArn), sharedText(e.From)
		email.ReplyTo, email.ConfigurationSet = sharedText(e.ReplyToEmailAddress), sharedText(e.ConfigurationSet)
	}
	if l := up.LambdaConfig; l != nil && l.CustomEmailSender != nil {
		email.CustomSender = aws.ToString(l.CustomEmailSender.LambdaArn) != ""
	}
	s := &inventory.Settings{
		Described: now, Modified: modified,
		Sender: inventory.NewSender(pool, email), Tier: shared(string(up.UserPoolTier)),
	}
	if l := up.LambdaConfig; l != nil {
		s.PreSignUp = aws.ToString(l.PreSignUp) != ""
	}
	for _, attribute := range up.AutoVerifiedAttributes {
		s.AutoVerified = append(s.AutoVerified, shared(string(attribute)))
	}
	s.Recovery = recoveryOf(up.AccountRecoverySetting)
	if up.Policies != nil && up.Policies.SignInPolicy != nil {
		s.EmailOTP = slices.Contains(up.Policies.SignInPolicy.AllowedFirstAuthFactors, types.AuthFactorTypeEmailOtp)
	}
	switch up.MfaConfiguration {
	case types.UserPoolMfaTypeOff:
		s.MFA = inventory.No
	case types.UserPoolMfaTypeOn, types.UserPoolMfaTypeOptional:
		s.MFA = inventory.Yes
	}
	s.Tags = tags.share(up.UserPoolTags)
	return s
}
