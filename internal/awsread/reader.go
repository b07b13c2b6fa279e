package awsread

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	awsaccount "github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Operations lists every AWS operation that this package can call, by service
// as in [Attempt]. All of them read.
func Operations() map[string][]string {
	return map[string][]string{
		"account":               {"ListRegions"},
		inventory.APICloudTrail: {"LookupEvents"},
		inventory.APICloudWatch: {"GetMetricData", "ListMetrics"},
		inventory.APICognito:    {"DescribeUserPool", "ListUserPoolClients", "ListUserPools"},
		inventory.APISES:        {"GetAccount", "GetEmailIdentity", "ListEmailIdentities"},
		inventory.APISTS:        {"AssumeRole", "GetCallerIdentity"},
	}
}

// Account says how to get credentials for one account.
type Account struct {
	ID         string // 12 digits; empty for the ambient credentials' own
	RoleARN    string // empty for the ambient credentials
	ExternalID string // a secret; may be empty
}

// Options configure a Reader.
type Options struct {
	Accounts       []Account          // accounts that are not listed use the ambient credentials
	STSRegion      string             // empty: the ambient region where STS cannot be off, else us-east-1
	Budgets        map[string]float64 // requests per second by API, per account and region; for ses per operation
	DescribeMaxAge time.Duration      // how old a pool's settings may get before they are read again
	RequestTimeout time.Duration      // of one HTTP attempt
	Observe        func(Attempt)      // called once for every HTTP attempt, from many goroutines; may be nil

	Quota      inventory.Policy  // of the built-in sender: its days are what usage is read for
	CloudWatch bool              // read sign-ups and the reputation of SES accounts
	CloudTrail bool              // read the events that send e-mail
	Billed     func(metrics int) // called with how many metrics CloudWatch bills; may be nil

	// HTTPClient, when set, takes the place of the SDK's own, and of
	// RequestTimeout: a test answers the requests in its own process.
	HTTPClient aws.HTTPClient

	// Endpoint, when set, is asked in place of AWS, with these static
	// credentials and nothing taken from the environment.
	Endpoint, AccessKeyID, SecretAccessKey string
}

// Reader reads targets. It is safe for concurrent use; at most one Read per
// target should run at a time.
type Reader struct {
	opts    Options
	base    aws.Config
	budgets *budgets

	mu       sync.Mutex
	accounts map[string]*accountState
	clients  map[inventory.Key]*clients
	owners   map[inventory.Key]*clientOwners

	countsMu sync.Mutex
	counts   map[inventory.Key]*atomic.Int64 // attempts
}

// accountState is shared by all regions of an account.
type accountState struct {
	creds *aws.CredentialsCache // nil for the ambient ones

	mu         sync.Mutex      // guards what follows
	identity   string          // the account that the credentials belong to; empty until asked
	regions    map[string]bool // those that are on; nil when not known
	regionsErr error           // why
	asking     singleflight.Group
	regionsT   time.Time // when they were asked for
}

type clients struct {
	cognito    *cognitoidentityprovider.Client
	ses        *sesv2.Client
	cloudwatch *cloudwatch.Client
	cloudtrail *cloudtrail.Client
}

// New prepares a Reader. It makes no AWS call; an error is one of the SDK's
// own configuration, for example a profile that does not exist.
func New(ctx context.Context, opts Options) (*Reader, error) {
	client := opts.HTTPClient
	if client == nil {
		client = awshttp.NewBuildableClient().WithTimeout(opts.RequestTimeout)
	}
	r := &Reader{
		opts:     opts,
		budgets:  &budgets{rates: opts.Budgets, limiters: map[budgetKey]*rate.Limiter{}},
		accounts: map[string]*accountState{},
		clients:  map[inventory.Key]*clients{},
		owners:   map[inventory.Key]*clientOwners{},
		counts:   map[inventory.Key]*atomic.Int64{},
	}
	if opts.Endpoint != "" {
		r.base = aws.Config{
			BaseEndpoint: aws.String(opts.Endpoint),
			Credentials:  credentials.NewStaticCredentialsProvider(opts.AccessKeyID, opts.SecretAccessKey, ""),
			HTTPClient:   client,
			Retryer:      newRetryer,
			Logger:       logging.Nop{},
		}
		return r, nil
	}
	base, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client), config.WithRetryer(newRetryer),
		config.WithLogger(logging.Nop{})) // What matters of an error is in the outcomes.
	if err != nil {
		return nil, fmt.Errorf("loading the AWS SDK's configuration from environment and profile: %w", err)
	}
	r.base = base
	return r, nil
}

// Region returns the ambient region, empty when there is none.
func (r *Reader) Region() string { return r.base.Region }

// stsRegion is a region in which STS cannot be switched off.
func (r *Reader) stsRegion(region string) string {
	switch {
	case r.opts.STSRegion != "":
		return r.opts.STSRegion
	case r.base.Region != "" && !inventory.OptIn(r.base.Region):
		return r.base.Region
	case inventory.Partition(region) == "aws":
		return "us-east-1"
	default:
		return region
	}
}

// config returns the SDK configuration for a client of one API.
func (r *Reader) config(key inventory.Key, api, region string) aws.Config {
	cfg := r.base.Copy()
	cfg.Region = region
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(s *middleware.Stack) error { return r.observe(key, api)(s) })
	return cfg
}

// account returns the state of the target's account, made at first use.
func (r *Reader) account(t inventory.Target) *accountState {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a, ok := r.accounts[t.AccountID]; ok {
		return a
	}
	a := &accountState{}
	for _, conf := range r.opts.Accounts {
		if conf.ID != t.AccountID || conf.RoleARN == "" {
			continue
		}
		region := r.stsRegion(t.Region)
		client := sts.NewFromConfig(r.config(inventory.Key{AccountID: t.AccountID, Region: region}, inventory.APISTS, region))
		a.creds = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(client, conf.RoleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "cognito-ses-exporter"
			if conf.ExternalID != "" {
				o.ExternalID = aws.String(conf.ExternalID)
			}
		}), func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = time.Minute })
		a.identity = t.AccountID
	}
	r.accounts[t.AccountID] = a
	return a
}

// withCreds puts the account's credentials into a client configuration.
func (a *accountState) withCreds(cfg aws.Config) aws.Config {
	if a.creds != nil {
		cfg.Credentials = a.creds
	}
	return cfg
}

// authenticate makes sure that there are credentials and that they belong to
// the target's account, and returns the account's ID.
func (r *Reader) authenticate(ctx context.Context, t inventory.Target, a *accountState) (id, operation string, err error) {
	if a.creds != nil {
		_, err := a.creds.Retrieve(ctx)
		return t.AccountID, "AssumeRole", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.identity == "" {
		region := r.stsRegion(t.Region)
		client := sts.NewFromConfig(r.config(inventory.Key{AccountID: t.AccountID, Region: region}, inventory.APISTS, region))
		out, err := client.GetCallerIdentity(ctx, nil)
		switch {
		case err != nil:
			return t.AccountID, "GetCallerIdentity", err
		case out.Account == nil:
			return t.AccountID, "GetCallerIdentity", errNonsense
		}
		a.identity = *out.Account
	}
	if t.AccountID != "" && t.AccountID != a.identity {
		return t.AccountID, "GetCallerIdentity", &wrongAccountError{have: a.identity, want: t.AccountID}
	}
	return a.identity, "GetCallerIdentity", nil
}

// wrongAccountError is a configured account without role_arn whose ambient
// credentials belong to another account.
type wrongAccountError struct{ have, want string }

func (e *wrongAccountError) Error() string {
	return fmt.Sprintf("the ambient credentials belong to account %s, not %s", e.have, e.want)
}

// clientsFor returns the clients of a target, made at first use.
func (r *Reader) clientsFor(t inventory.Target, a *accountState) *clients {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.clients[t.Key()]
	if !ok {
		c = &clients{
			cognito: cognitoidentityprovider.NewFromConfig(a.withCreds(r.config(t.Key(), inventory.APICognito, t.Region))),
			ses:     sesv2.NewFromConfig(a.withCreds(r.config(t.Key(), inventory.APISES, t.Region))),

			cloudwatch: cloudwatch.NewFromConfig(a.withCreds(r.config(t.Key(), inventory.APICloudWatch, t.Region))),
			cloudtrail: cloudtrail.NewFromConfig(a.withCreds(r.config(t.Key(), inventory.APICloudTrail, t.Region))),
		}
		r.clients[t.Key()] = c
	}
	return c
}

// regionOff reports whether the target's region is switched off for its
// account. AWS answers there as if the credentials were wrong, so that it has
// to be asked elsewhere; without the permission to, credentials that STS just
// accepted and an opt-in region are taken as proof.
func (r *Reader) regionOff(ctx context.Context, t inventory.Target, a *accountState) bool {
	if !inventory.OptIn(t.Region) {
		return false
	}
	a.mu.Lock()
	on, err, asked := a.regions, a.regionsErr, a.regionsT
	a.mu.Unlock()
	if time.Since(asked) > regionsAge || on == nil && time.Since(asked) > regionsRetry {
		// No lock is held: only those who need the answer wait for it.
		_, err, _ = a.asking.Do("", func() (any, error) {
			answer, err := r.regionsOf(ctx, t, a)
			a.mu.Lock()
			defer a.mu.Unlock()
			a.regions, a.regionsErr, a.regionsT = answer, err, time.Now()
			return nil, err
		})
		a.mu.Lock()
		on = a.regions
		a.mu.Unlock()
	}
	if err != nil {
		return classOf(err) == inventory.Denied && !isBadToken(err) && !isExpired(err) // Else it is the credentials, or not known.
	}
	return !on[t.Region]
}

const (
	regionsAge   = time.Hour       // how old the list of an account's regions may get
	regionsRetry = 5 * time.Minute // after it could not be had
)

// regionsOf returns the regions that are switched on for the target's account.
func (r *Reader) regionsOf(ctx context.Context, t inventory.Target, a *accountState) (map[string]bool, error) {
	client := awsaccount.NewFromConfig(a.withCreds(r.config(inventory.Key{AccountID: t.AccountID}, "account", r.stsRegion(t.Region))))
	on := map[string]bool{}
	pages := awsaccount.NewListRegionsPaginator(client, &awsaccount.ListRegionsInput{MaxResults: aws.Int32(50)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, region := range page.Regions {
			switch region.RegionOptStatus {
			case types.RegionOptStatusEnabled, types.RegionOptStatusEnabledByDefault, types.RegionOptStatusEnabling:
				on[aws.ToString(region.RegionName)] = true
			case types.RegionOptStatusDisabled, types.RegionOptStatusDisabling:
			}
		}
	}
	return on, nil
}

// Read reads the target once. Facts that this pass could not read are taken
// over from prev, which may be nil, with the time of their last confirmation.
// It returns no error on purpose: what failed is in the reading's outcomes.
// A done context ends it, with what was read until then.
func (r *Reader) Read(ctx context.Context, t inventory.Target, prev *inventory.Reading) inventory.Reading {
	p := &pass{r: r, region: inventory.Reading{Target: t, Start: time.Now()}, prev: prev, failed: map[string]failure{}}
	if prev != nil {
		p.region.Pools, p.region.PoolsListed, p.region.SES = prev.Pools, prev.PoolsListed, prev.SES
		p.region.Identities, p.region.IdentitiesListed = prev.Identities, prev.IdentitiesListed
		p.region.SignUps, p.region.Trail, p.region.Reputation = prev.SignUps, prev.Trail, prev.Reputation
	}
	a := r.account(t)
	id, operation, err := r.authenticate(ctx, t, a)
	p.region.Target.AccountID = id
	p.called(inventory.APISTS)
	if err != nil {
		p.fail(ctx, a, inventory.APISTS, operation, err)
		if inventory.HasSES(t.Region) {
			p.called(inventory.APISES)
			p.failed[inventory.APISES] = p.failed[inventory.APISTS]
		}
		if !t.SESOnly {
			p.called(inventory.APICognito)
			p.failed[inventory.APICognito] = p.failed[inventory.APISTS]
		}
		for _, api := range []string{inventory.APICloudWatch, inventory.APICloudTrail} {
			if _, ok := p.prev.Outcome(api); ok {
				p.called(api)
				p.failed[api] = p.failed[inventory.APISTS]
			}
		}
		return p.finish()
	}
	c := r.clientsFor(p.region.Target, a)
	made := r.count(p.region.Target.Key())
	before := made.Load()
	var wg sync.WaitGroup
	poolsRead := make(chan struct{})
	if t.SESOnly {
		close(poolsRead)
	} else {
		p.called(inventory.APICognito)
		wg.Go(func() {
			p.readPools(ctx, a, c.cognito)
			close(poolsRead)
			if p.r.opts.CloudWatch {
				p.readSignUps(ctx, a, c.cloudwatch)
			}
			if p.r.opts.CloudTrail {
				p.readTrail(ctx, a, c.cloudtrail, c.cognito)
			}
		})
	}
	if inventory.HasSES(t.Region) {
		p.called(inventory.APISES)
		wg.Go(func() {
			p.readAccount(ctx, a, c.ses)
			facts, complete := p.listIdentities(ctx, a, c.ses)
			<-poolsRead              // They say which identities and which accounts matter.
			late := ctx.Err() != nil // Then it is Cognito that took the time, and SES is not to blame.
			var used []string
			if !late {
				used = p.used()
			}
			p.readIdentities(ctx, a, c.ses, facts, complete, used)
			if p.r.opts.CloudWatch && !late {
				p.readReputation(ctx, a, c.cloudwatch, used)
			}
		})
	}
	wg.Wait()
	p.region.Calls = int(made.Load() - before)
	return p.finish()
}

// pass is one Read in progress. Its goroutines write different fields of the
// region; what they share is behind the mutex.
type pass struct {
	r      *Reader
	region inventory.Reading
	prev   *inventory.Reading

	mu      sync.Mutex
	apis    []string           // that were called
	resting []string           // that did not have to be
	failed  map[string]failure // first failure by API
}

type failure struct {
	class   inventory.Class
	message string
}

// called takes note that an API has an outcome in this pass.
func (p *pass) called(api string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.apis, api) {
		p.apis = append(p.apis, api)
	}
}

// rested takes note that an API had nothing to be asked in this pass; unless it
// is called all the same, its last outcome stands.
func (p *pass) rested(api string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = append(p.resting, api)
}

// fail takes note of a failed call; the first one of each API is kept.
func (p *pass) fail(ctx context.Context, a *accountState, api, operation string, err error) {
	class := classOf(err)
	var wrong *wrongAccountError
	switch {
	case errors.As(err, &wrong):
		class = inventory.Invalid
	case isExpired(err) && a.creds != nil:
		a.creds.Invalidate() // The next pass asks for new ones.
	case api != inventory.APISTS && isBadToken(err) && p.r.regionOff(ctx, p.region.Target, a):
		class = inventory.RegionDisabled
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.failed[api]; !ok {
		p.failed[api] = failure{class, describe(operation, p.region.Target, class, err)}
	}
}

// finish works out the outcomes.
func (p *pass) finish() inventory.Reading {
	p.region.End = time.Now()
	for _, api := range p.apis {
		f := p.failed[api]
		o := inventory.Outcome{API: api, Class: f.class, Message: f.message}
		if f.class == inventory.OK {
			o.LastSuccess = p.region.End
		} else if p.prev != nil {
			before, _ := p.prev.Outcome(api)
			o.LastSuccess = before.LastSuccess
		}
		p.region.Outcomes = append(p.region.Outcomes, o)
	}
	for _, api := range p.resting {
		if before, ok := p.prev.Outcome(api); ok && !slices.Contains(p.apis, api) {
			p.region.Outcomes = append(p.region.Outcomes, before)
		}
	}
	slices.SortFunc(p.region.Outcomes, func(a, b inventory.Outcome) int { return strings.Compare(a.API, b.API) })
	return p.region
}
