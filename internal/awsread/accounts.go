package awsread

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/ses"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Account says how to get credentials for one account.
type Account struct {
	ID         string // 12 digits; empty for the ambient credentials' own
	RoleARN    string // empty for the ambient credentials
	ExternalID string // a secret; may be empty
}

const (
	sharedTimeout = time.Minute     // of a call that several passes may be waiting for
	regionsAge    = time.Hour       // how old the list of an account's regions may get
	regionsRetry  = 5 * time.Minute // after it could not be had
)

// account is an AWS account as one set of credentials reaches it, in one
// partition. All targets there share it for as long as the Reader lives; those
// of the ambient credentials do so whether their account's ID is known or not.
// It is safe for concurrent use.
type account struct {
	reader  *Reader
	conf    Account  // the zero value for the ambient credentials
	region  string   // where STS and the list of regions are asked
	session *session // nil for the ambient credentials

	mu         sync.Mutex             // guards what follows; no call is made while it is held
	places     map[string]*memory     // by region
	calls      map[string]*sharedCall // those under way, by operation
	owner      string                 // whose the ambient credentials are; empty until STS has said so
	regions    map[string]bool        // those that are on; nil until they were listed once
	regionsErr error                  // of the last listing
	regionsDue time.Time              // when to list them again
}

type accountKey struct{ role, partition string } // no role is the ambient credentials

// account returns the account that the target is read through, made at its
// first use. Accounts that are not configured use the ambient credentials.
func (r *Reader) account(t inventory.Target) *account {
	r.mu.Lock()
	defer r.mu.Unlock()
	conf := r.opts.Load().conf(t.AccountID) // Update, if it comes later, finds what is made of it.
	key := accountKey{conf.RoleARN, inventory.Partition(t.Region)}
	a, ok := r.accounts[key]
	if !ok {
		a = r.newAccount(conf, t.Region)
		r.accounts[key] = a
	}
	return a
}

// newAccount makes an account in the region's partition.
func (r *Reader) newAccount(conf Account, region string) *account {
	a := &account{reader: r, conf: conf, region: r.stsRegion(region), places: map[string]*memory{}, calls: map[string]*sharedCall{}}
	if conf.RoleARN != "" {
		a.session = newSession(sts.NewFromConfig(a.config(inventory.APISTS, a.region, nil)), conf)
	}
	return a
}

// stsRegion returns a region of the target's partition in which STS cannot be
// off, unless the user chose one.
func (r *Reader) stsRegion(target string) string {
	partition := inventory.Partition(target)
	within := func(region string) bool { return region != "" && inventory.Partition(region) == partition }
	if chosen := r.opts.Load().STSRegion; within(chosen) {
		return chosen
	}
	if within(r.base.Region) && !inventory.OptIn(r.base.Region) {
		return r.base.Region
	}
	if partition == "aws" {
		return "us-east-1"
	}
	return target
}

// config returns the SDK configuration for a client of one API.
func (a *account) config(api, region string, budgets budgets) aws.Config {
	cfg := a.reader.base.Copy()
	cfg.Region = region
	if a.session != nil {
		cfg.Credentials = a.session
	}
	q := &requests{api: api, budgets: budgets, session: a.session, observe: a.reader.opts.Load().Observe}
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), q.register)
	return cfg
}

// place is an account in one region, for one pass. Its clients are made for the
// pass, since those of some thousand targets would be most of the memory, and
// most of the time no pass is in progress.
type place struct {
	cognito    *cognitoidentityprovider.Client
	ses        *sesv2.Client
	sesv1      *ses.Client // what version 2 does not have
	cloudwatch *cloudwatch.Client
	cloudtrail *cloudtrail.Client
	*memory
}

// memory is what outlives a pass over an account in one region: the request
// budgets, which its clients share, and what later passes need not ask again.
type memory struct {
	budgets    budgets
	appClients appClients

	failedDetails map[string]bool // by ID, the pools of which one could not be read lately
}

// in returns the account in a region.
func (a *account) in(region string) *place {
	m := a.remember(region)
	return &place{
		cognito:    cognitoidentityprovider.NewFromConfig(a.config(inventory.APICognito, region, m.budgets)),
		ses:        sesv2.NewFromConfig(a.config(inventory.APISES, region, m.budgets)),
		sesv1:      ses.NewFromConfig(a.config(inventory.APISES, region, m.budgets)),
		cloudwatch: cloudwatch.NewFromConfig(a.config(inventory.APICloudWatch, region, m.budgets)),
		cloudtrail: cloudtrail.NewFromConfig(a.config(inventory.APICloudTrail, region, m.budgets)),
		memory:     m,
	}
}

// remember returns the memory of a region, made at its first use.
func (a *account) remember(region string) *memory {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.places[region]
	if !ok {
		m = &memory{
			budgets:       newBudgets(a.reader.opts.Load().Budgets),
			appClients:    appClients{listed: map[string]bool{}, pools: map[string]string{}},
			failedDetails: map[string]bool{},
		}
		a.places[region] = m
	}
	return m
}

// setBudgets changes the request budgets.
func (a *account) setBudgets(rates map[string]float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.places {
		p.budgets.set(rates)
	}
}

// sharedCall is a call that passes wait for together.
type sharedCall struct {
	cancel  context.CancelFunc
	waiting int           // passes; behind the account's mutex
	last    sharedError   // of the attempts so far
	done    chan struct{} // closed when err is set
	err     error
}

// share makes a call that several passes may need the answer of at the same
// time, or joins the one under way. It has a deadline of its own, since no pass
// may end it for the others; each waits for it as long as it can itself, and
// the last one to give up ends it. The call leaves its answer in the account.
func (a *account) share(ctx context.Context, operation string, call func(context.Context) error) error {
	a.mu.Lock()
	c := a.calls[operation]
	if c == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sharedTimeout)
		c = &sharedCall{cancel: cancel, done: make(chan struct{})}
		a.calls[operation] = c
		go func() {
			c.err = call(context.WithValue(ctx, sharedErrorKey{}, &c.last))
			a.mu.Lock()
			defer a.mu.Unlock()
			a.end(operation, c)
			close(c.done)
		}()
	}
	c.waiting++
	a.mu.Unlock()
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		a.mu.Lock()
		defer a.mu.Unlock()
		if c.waiting--; c.waiting == 0 {
			a.end(operation, c)
		}
		return c.last.or(ctx.Err())
	}
}

// end ends the call; the next pass that needs it makes it again. The caller
// holds the mutex.
func (a *account) end(operation string, c *sharedCall) {
	c.cancel()
	if a.calls[operation] == c {
		delete(a.calls, operation)
	}
}

// authenticate makes sure that there are credentials and that they belong to
// the account that is wanted, if any. It returns the account's ID, as far as it
// is known, and the operation that an error is of.
func (a *account) authenticate(ctx context.Context, want string) (id, operation string, err error) {
	if a.session != nil {
		return a.conf.ID, "AssumeRole", a.session.enter(ctx)
	}
	const ask = "GetCallerIdentity"
	a.mu.Lock()
	owner := a.owner
	a.mu.Unlock()
	if owner == "" {
		if err := a.share(ctx, ask, a.identify); err != nil {
			return want, ask, err
		}
		a.mu.Lock()
		owner = a.owner
		a.mu.Unlock()
	}
	if want != "" && want != owner {
		return want, ask, &ownError{
			inventory.Invalid, "the ambient credentials belong to account " + owner + ", not " + want, "give the account a role_arn",
		}
	}
	return owner, ask, nil
}

// identify asks whose the ambient credentials are.
func (a *account) identify(ctx context.Context) error {
	out, err := sts.NewFromConfig(a.config(inventory.APISTS, a.region, nil)).GetCallerIdentity(ctx, nil)
	if err == nil && aws.ToString(out.Account) == "" {
		err = errMalformed
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.owner = *out.Account
	return nil
}

// off reports whether a region is switched off for the account. AWS answers
// there as if the credentials were wrong, so that it has to be asked elsewhere;
// without the permission to, credentials that STS just accepted and an opt-in
// region are taken as proof.
func (a *account) off(ctx context.Context, region string) bool {
	if !inventory.OptIn(region) {
		return false
	}
	a.mu.Lock()
	due := !time.Now().Before(a.regionsDue)
	a.mu.Unlock()
	if due {
		_ = a.share(ctx, "ListRegions", a.listRegions) // It leaves its error in regionsErr.
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.regions != nil {
		return !a.regions[region]
	}
	err := a.regionsErr
	return classOf(err) == inventory.Denied && !isBadToken(err) && !isExpired(err) // Else it is the credentials, or not known.
}

// session holds the credentials of an assumed role. They are renewed a minute
// before they expire, and after AWS has called them expired.
type session struct {
	*aws.CredentialsCache
	last sharedError // of the attempts of the call under way

	mu     sync.Mutex // guards what follows
	issued int        // how often credentials were issued, which numbers them
}

func newSession(client *sts.Client, conf Account) *session {
	s := &session{}
	role := stscreds.NewAssumeRoleProvider(client, conf.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "cognito-ses-exporter"
		if conf.ExternalID != "" {
			o.ExternalID = aws.String(conf.ExternalID)
		}
	})
	s.CredentialsCache = aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		ctx, cancel := context.WithTimeout(ctx, sharedTimeout) // The cache has freed it from the deadline of the pass.
		defer cancel()
		s.last.set(nil)
		credentials, err := role.Retrieve(context.WithValue(ctx, sharedErrorKey{}, &s.last))
		if err == nil {
			s.mu.Lock()
			s.issued++
			s.mu.Unlock()
		}
		return credentials, err
	}), func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = time.Minute })
	return s
}

// enter makes sure that there are credentials. Passes wait for the same call;
// one whose time is over is told what the call has failed with so far.
func (s *session) enter(ctx context.Context) error {
	_, err := s.Retrieve(ctx)
	if err != nil && ctx.Err() != nil {
		err = s.last.or(err)
	}
	return err
}

// generation returns the number of the newest credentials. A nil session, the
// ambient credentials, has none.
func (s *session) generation() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}

// expired discards the credentials, so that their next use renews them. It
// keeps those that were issued after the refused request began, which are newer
// than the generation that was refused.
func (s *session) expired(generation int) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.issued == generation {
		s.Invalidate()
	}
}
