package awsread

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Operations lists every AWS operation that this package can call, by service
// as in [Attempt]. All of them read.
func Operations() map[string][]string {
	return map[string][]string{
		"account":               {"ListRegions"},
		inventory.APICloudTrail: {"LookupEvents"},
		inventory.APICloudWatch: {"GetMetricData", "ListMetrics"},
		inventory.APICognito:    {"DescribeUserPool", "GetLogDeliveryConfiguration", "GetUserPoolMfaConfig", "ListUserPoolClients", "ListUserPoolReplicas", "ListUserPools"},
		inventory.APIOrganizations: {
			"ListAccounts", "ListAccountsForParent", "ListOrganizationalUnitsForParent", "ListParents", "ListRoots", "ListTagsForResource",
		},
		inventory.APISES: {"GetAccount", "GetConfigurationSet", "GetEmailIdentity", "GetSendStatistics", "ListEmailIdentities"},
		inventory.APISTS: {"AssumeRole", "GetCallerIdentity"},
	}
}

// HTTPClient makes HTTP requests.
type HTTPClient = aws.HTTPClient

// Options configure a Reader.
type Options struct {
	Accounts       []Account          // accounts that are not listed use the ambient credentials
	Organization   Account            // of the organization's management account, or a delegated administrator; only for [Reader.Organization]
	STSRegion      string             // for its partition; empty: the ambient region where STS cannot be off, else another
	Budgets        map[string]float64 // requests per second by API, per account and region; for ses per operation; not for sts
	DescribeMaxAge time.Duration      // how old a pool's settings may get before they are read again
	// How far apart SES's lists of identities are while those in use are
	// verified, and CloudWatch's lists of metrics while there are no sign-ups. 0
	// lists in every pass.
	IdentitiesEvery, MetricsEvery time.Duration
	// How old the details of identities in use, and configuration sets, may get
	// while nothing of them keeps a pool from sending. 0 reads them in every pass.
	IdentityDetailsEvery time.Duration
	RequestTimeout       time.Duration // of one HTTP attempt
	Observe              func(Attempt) // called once for every HTTP attempt, from many goroutines; may be nil
	// Progress is called with how many of the pools of a target that have to be
	// described are, once they are listed and after each of them: in this order
	// for a target, but for several targets at once. It may be nil.
	Progress func(t inventory.Target, done, total int)

	// Panicked is called with a call that panicked, as its outcome's message
	// describes it, for the log; may be nil.
	Panicked func(call string, stack []byte)

	// UnknownMode is called with each described pool whose EmailSendingAccount this
	// program does not know, and with that value, for the log; from many
	// goroutines. It may be nil.
	UnknownMode func(t inventory.Target, poolID, mode string)

	// Odd is called once for each kind of event of CloudTrail that is not as
	// expected, which it describes, for the log; may be nil.
	Odd func(shape string)

	Quota      inventory.Policy // of the built-in sender: its days are what usage is read for
	Details    bool             // read those of user pools
	Statistics bool             // read those of SES accounts that pools send through
	CloudWatch bool             // read sign-ups and the reputation of SES accounts
	CloudTrail bool             // read the events that send e-mail
	MailEvents int              // of a target that are kept one by one, of more counts; 0 is 2,000

	ChangeHistory time.Duration // for how long changes of the configuration are remembered; 0 does not look for them
	ChangeTrail   bool          // ask CloudTrail who made them, and for those before the start

	Billed func(metrics int) // called with how many metrics CloudWatch bills; may be nil

	// HTTPClient, when set, takes the place of the SDK's own, and of
	// RequestTimeout: a test answers the requests in its own process.
	HTTPClient HTTPClient

	// Endpoint, when set, is asked in place of AWS, with these static
	// credentials and nothing taken from the environment.
	Endpoint, AccessKeyID, SecretAccessKey string
}

// Reader reads targets. It is safe for concurrent use; at most one Read per
// target may run at a time.
type Reader struct {
	opts atomic.Pointer[Options] // never nil; see Update
	base aws.Config
	http *swapClient // nil with Options.HTTPClient

	odd      sync.Map   // shapes of events that Options.Odd was called with
	mu       sync.Mutex // guards what follows
	accounts map[accountKey]*account
	hub      *hub // nil before its first use
}

// swapClient makes requests by a client that can be replaced.
type swapClient struct {
	current atomic.Pointer[awshttp.BuildableClient]
}

// Do implements [HTTPClient].
func (c *swapClient) Do(r *http.Request) (*http.Response, error) { return c.current.Load().Do(r) }

// New prepares a Reader. It makes no AWS call; an error is one of the SDK's
// own configuration, for example a profile that does not exist.
func New(ctx context.Context, opts Options) (*Reader, error) {
	client := opts.HTTPClient
	if client == nil {
		client = awshttp.NewBuildableClient().WithTimeout(opts.RequestTimeout)
	}
	r := &Reader{accounts: map[accountKey]*account{}}
	r.opts.Store(&opts)
	if opts.Endpoint != "" {
		r.base = aws.Config{
			BaseEndpoint: aws.String(opts.Endpoint),
			Credentials:  credentials.NewStaticCredentialsProvider(opts.AccessKeyID, opts.SecretAccessKey, ""),
			HTTPClient:   client,
			Retryer:      newRetryer,
			Logger:       logging.Nop{},
		}
		r.swappable()
		return r, nil
	}
	base, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client), config.WithRetryer(newRetryer),
		config.WithLogger(logging.Nop{})) // What matters of an error is in the outcomes.
	if err != nil {
		return nil, fmt.Errorf("loading the AWS SDK's configuration from environment and profile: %w", err)
	}
	r.base = base
	r.swappable()
	return r, nil
}

// swappable makes the SDK's own HTTP client one that Update can replace, and
// bounds what any client's answers can cost.
func (r *Reader) swappable() {
	if own, ok := r.base.HTTPClient.(*awshttp.BuildableClient); ok {
		r.http = &swapClient{}
		r.http.current.Store(own)
		r.base.HTTPClient = r.http
	}
	r.base.HTTPClient = boundedClient{r.base.HTTPClient}
}

// Update has the next passes read as opts say; those in progress go on as they
// began. Accounts whose role and external ID stay the same keep their
// credentials, connections and request budgets. Observe, the endpoint and what
// comes from the environment do not change.
func (r *Reader) Update(opts Options) {
	before := r.opts.Load()
	opts.Observe, opts.HTTPClient = before.Observe, before.HTTPClient
	opts.Endpoint, opts.AccessKeyID, opts.SecretAccessKey = before.Endpoint, before.AccessKeyID, before.SecretAccessKey
	r.opts.Store(&opts)
	if r.http != nil && opts.RequestTimeout != before.RequestTimeout {
		r.http.current.Store(r.http.current.Load().WithTimeout(opts.RequestTimeout))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, a := range r.accounts {
		if opts.STSRegion != before.STSRegion || a.conf != opts.conf(a.conf.ID) {
			delete(r.accounts, key)
			continue
		}
		a.setBudgets(opts.Budgets)
	}
}

// conf says how to get credentials for the account: the ambient ones, unless a
// role is configured.
func (o *Options) conf(id string) Account {
	if i := slices.IndexFunc(o.Accounts, func(a Account) bool { return a.ID == id && a.RoleARN != "" }); i >= 0 {
		return o.Accounts[i]
	}
	return Account{}
}

// reportPanic tells of an error that is a call's panic.
func (o *Options) reportPanic(message string, err error) {
	if panicked, ok := errors.AsType[*PanicError](err); ok && o.Panicked != nil {
		o.Panicked(message, panicked.Stack)
	}
}

// Region returns the ambient region, empty when there is none.
func (r *Reader) Region() string { return r.base.Region }

// Read reads the target once. Facts that this pass could not read are taken
// over from prev, which may be nil, with the time of their last confirmation.
// It returns no error on purpose: what failed is in the reading's outcomes.
// A done context ends it, with what was read until then.
func (r *Reader) Read(ctx context.Context, t inventory.Target, prev *inventory.Reading) inventory.Reading {
	p := &pass{
		opts: r.opts.Load(), account: r.account(t), prev: prev, reading: inventory.Reading{Target: t, Start: time.Now()},
		asked: map[string]failure{}, skips: map[string]bool{}, late: map[string]bool{}, news: make(chan struct{}, 1), odd: &r.odd,
	}
	if prev != nil {
		p.tags.known = prev.Pools
		p.reading.Pools, p.reading.Gone, p.reading.PoolsListed, p.reading.SES = prev.Pools, prev.Gone, prev.PoolsListed, prev.SES
		p.reading.Identities, p.reading.IdentitiesListed = prev.Identities, prev.IdentitiesListed
		p.reading.ConfigurationSets, p.reading.Changes = prev.ConfigurationSets, prev.Changes
		if !p.opts.Details { // What is switched off is unknown at once.
			p.reading.Pools = dropDetails(prev.Pools)
		}
		if p.opts.CloudWatch {
			p.reading.SignUps, p.reading.CallCounts, p.reading.Reputation = prev.SignUps, prev.CallCounts, prev.Reputation
		}
		if p.opts.Statistics {
			p.reading.Statistics = prev.Statistics
		}
		if p.opts.CloudTrail {
			p.reading.Trail = prev.Trail
		}
	}
	p.reading.IdentitiesEvery, p.reading.DetailsEvery = p.opts.IdentitiesEvery, p.opts.DescribeMaxAge
	p.reading.IdentityDetailsEvery = p.opts.IdentityDetailsEvery
	p.run(context.WithValue(ctx, callsKey{}, &p.calls))
	if panicked := p.panicked.Load(); panicked != nil {
		panic(panicked) // In the goroutine in which the caller can recover it.
	}
	return p.finish()
}

// pass is one Read in progress. Its goroutines write different fields of the
// reading; what they share is behind the mutex.
type pass struct {
	opts    *Options
	account *account
	place   *place // nil until there are credentials
	reading inventory.Reading
	prev    *inventory.Reading // may be nil
	odd     *sync.Map          // the reader's
	tags    tagSets
	calls   atomic.Int64

	described bool          // some pools had to be described
	news      chan struct{} // receives after a pool was described

	panicked atomic.Pointer[PanicError] // the first one of the pass's goroutines; nil as long as there is none

	mu    sync.Mutex           // guards what follows
	asked map[string]failure   // by API that was asked, its first failure; zero when there was none
	skips map[string]bool      // the APIs that there was nothing to ask
	late  map[string]bool      // the APIs that there was something to ask, but no time
	fresh []inventory.UserPool // that were described since they were last taken
}

// failure is why an API is not OK; the zero value is that it is.
type failure struct {
	class   inventory.Class
	message string
}

func (p *pass) run(ctx context.Context) {
	t := p.reading.Target
	apis := []string{inventory.APISTS}
	if !t.SESOnly {
		apis = append(apis, inventory.APICognito)
	}
	if inventory.HasSES(t.Region) {
		apis = append(apis, inventory.APISES)
	}
	id, operation, err := p.account.authenticate(ctx, t.AccountID)
	p.reading.Target.AccountID = id
	if err != nil {
		for api, on := range map[string]bool{
			inventory.APIDetails: p.opts.Details, inventory.APIStatistics: p.opts.Statistics, inventory.APICloudWatch: p.opts.CloudWatch, inventory.APICloudTrail: p.opts.CloudTrail,
		} {
			if _, before := p.prev.Outcome(api); before && on {
				apis = append(apis, api)
			}
		}
		f := p.failure(ctx, inventory.APISTS, operation, err)
		for _, api := range apis {
			p.asked[api] = f
		}
		return
	}
	for _, api := range apis {
		p.called(api)
	}
	p.place = p.account.in(t.Region)
	var wg sync.WaitGroup
	poolsRead := make(chan struct{})
	if t.SESOnly {
		close(poolsRead)
	} else {
		wg.Go(func() {
			defer p.keepPanic()
			func() {
				defer close(poolsRead)
				p.readPools(ctx)
			}()
			if p.opts.CloudWatch {
				p.readSignUps(ctx)
				p.readCalls(ctx)
			}
			if p.opts.CloudTrail {
				p.readTrail(ctx)
			}
		})
	}
	var details map[int]inventory.Details
	if p.opts.Details && !t.SESOnly {
		wg.Go(func() {
			defer p.keepPanic()
			<-poolsRead
			details = p.readDetails(ctx, p.described)
		})
	}
	if inventory.HasSES(t.Region) {
		wg.Go(func() {
			defer p.keepPanic()
			p.readAccount(ctx)
			known := p.identitiesKnown()
			if known {
				<-poolsRead // They say whether the list of a while ago will do.
			}
			ids := &identities{asked: map[string]bool{}}
			ids.facts, ids.complete = p.listIdentities(ctx, known)
			for waiting := true; waiting; { // The pools say which identities and which accounts matter.
				select {
				case <-poolsRead:
					waiting = false
				case <-p.news:
					p.readEarly(ctx, ids)
				}
			}
			late := ctx.Err() != nil // Then it is Cognito that took the time, and SES is not to blame.
			need := p.needed(p.reading.Pools)
			if !late {
				p.readIdentities(ctx, ids, need.Identities)
			} else if len(p.wanted(ids.facts, ids.complete, need.Identities))+len(p.undetailed(ids.facts, need.Identities)) > 0 {
				p.notAsked(inventory.APISES)
			}
			p.keepIdentities(ids, need.Identities, late)
			if !late {
				p.readConfigurationSets(ctx, need)
			}
			if p.opts.Statistics {
				p.readStatistics(ctx, need.Identities)
			}
			if p.opts.CloudWatch {
				p.readReputation(ctx, need.Identities)
			}
		})
	}
	wg.Wait()
	p.keepDetails(details)
	if p.panicked.Load() == nil {
		p.readChanges(ctx)
	}
}

// keepPanic is deferred in each goroutine of the pass, where a panic would end
// the program.
func (p *pass) keepPanic() {
	if v := recover(); v != nil {
		p.panicked.CompareAndSwap(nil, &PanicError{v, debug.Stack()})
	}
}

// called takes note that an API is asked in this pass, and so has an outcome.
func (p *pass) called(api string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.asked[api]; !ok {
		p.asked[api] = failure{}
	}
}

// skipped takes note that there is nothing to ask an API in this pass; unless it
// is called all the same, its last outcome stands.
func (p *pass) skipped(api string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skips[api] = true
}

// notAsked takes note that there was something to ask an API in this pass, but
// that the time was over before, since another API took it. A failure of its own
// says more.
func (p *pass) notAsked(api string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late[api] = true
}

// hurried reports whether the error is only that the pass ended before AWS had
// time to answer the call.
func (p *pass) hurried(ctx context.Context, err error) bool {
	cut, ok := errors.AsType[*hurriedError](err)
	deadline, limited := ctx.Deadline()
	return ok && limited && cut.took < min(prompt, deadline.Sub(p.reading.Start)/2)
}

// fail takes note of a failed call; the first one of each API is kept.
func (p *pass) fail(ctx context.Context, api, operation string, err error) {
	if p.hurried(ctx, err) {
		p.notAsked(api)
		return
	}
	f := p.failure(ctx, api, operation, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked[api].class == inventory.OK {
		p.asked[api] = f
	}
}

func (p *pass) failure(ctx context.Context, api, operation string, err error) failure {
	class := classOf(err)
	if api != inventory.APISTS && isBadToken(err) && p.account.off(ctx, p.reading.Target.Region) {
		class = inventory.RegionDisabled
	}
	if before, _ := p.prev.Outcome(api); class == inventory.NotOffered && !before.LastSuccess.IsZero() {
		class = inventory.Unavailable // It was there before: then it is the DNS.
	}
	f := failure{class, describe(operation, p.reading.Target, class, err)}
	p.opts.reportPanic(f.message, err)
	return f
}

// oddEvent reports a kind of event that is not as expected, if it is new.
func (p *pass) oddEvent(shape string) {
	if _, known := p.odd.LoadOrStore(shape, true); !known && p.opts.Odd != nil {
		p.opts.Odd(shape)
	}
}

// finish works out the outcomes, one of each API.
func (p *pass) finish() inventory.Reading {
	p.reading.End = time.Now()
	p.reading.Calls = int(p.calls.Load())
	lateness := p.lateness()
	for api := range p.late {
		if p.asked[api].class != inventory.OK {
			continue
		}
		p.asked[api] = failure{inventory.NotAsked, lateness}
		if before, _ := p.before(api); before.Class != inventory.OK && before.Class != inventory.NotAsked { // It has not ended.
			p.asked[api] = failure{before.Class, before.Message}
		}
	}
	for api, f := range p.asked {
		o := inventory.Outcome{API: api, Class: f.class, Message: f.message, LastSuccess: p.reading.End}
		if f.class != inventory.OK {
			before, _ := p.prev.Outcome(api)
			o.LastSuccess = before.LastSuccess
		}
		p.reading.Outcomes = append(p.reading.Outcomes, o)
	}
	for api := range p.skips {
		_, asked := p.asked[api]
		if before, ok := p.before(api); ok && !asked {
			p.reading.Outcomes = append(p.reading.Outcomes, before)
		}
	}
	slices.SortFunc(p.reading.Outcomes, func(a, b inventory.Outcome) int { return strings.Compare(a.API, b.API) })
	return p.reading
}

// before returns the outcome of the pass before. One that was only of its
// credentials is over, since now there are some.
func (p *pass) before(api string) (inventory.Outcome, bool) {
	o, ok := p.prev.Outcome(api)
	if sts, _ := p.prev.Outcome(inventory.APISTS); o.Class == sts.Class && o.Message == sts.Message {
		o.Class, o.Message = inventory.OK, ""
	}
	return o, ok
}

// lateness says why an API was not asked, and what may have taken the time.
func (p *pass) lateness() string {
	text := fmt.Sprintf("not everything was asked in account %s, region %s: the time of the pass was over before", p.reading.Target.AccountID, p.reading.Target.Region)
	for _, api := range slices.Sorted(maps.Keys(p.asked)) {
		if f := p.asked[api]; f.class == inventory.Timeout || f.class == inventory.Throttled {
			return text + "; see what " + api + " failed with"
		}
	}
	return text + "; raise timeout"
}
