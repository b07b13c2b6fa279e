package awsread

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// How long after its start a pass goes on to make calls for details. They are
// as many as the descriptions and matter less: so a pass that describes many
// pools, as the first one may, leaves them to later passes.
const (
	detailsShare  = 10              // one part in so many of the time that the pass has
	detailsBeside = 5 * time.Second // at most, when pools were described
)

// detailCall is a call that tells a detail of a pool.
type detailCall struct {
	operation string
	of        func(*inventory.Details) *inventory.Detail
	needed    func(*inventory.Settings) bool
	ask       func(ctx context.Context, client *cognitoidentityprovider.Client, pool string) (inventory.Tri, error)
}

// detailCalls are in the order of what they decide.
var detailCalls = [...]detailCall{
	{
		"GetUserPoolMfaConfig", func(d *inventory.Details) *inventory.Detail { return &d.EmailMFA },
		func(s *inventory.Settings) bool { return s.MFA != inventory.No }, askEmailMFA,
	},
	{
		"GetLogDeliveryConfiguration", func(d *inventory.Details) *inventory.Detail { return &d.NotificationLog },
		func(*inventory.Settings) bool { return true }, askNotificationLog,
	},
}

// detailJob is a call for one pool.
type detailJob struct {
	call, pool int // indices of detailCalls and of the reading's pools
	read       time.Time
}

// detailsOf returns what is known of the pool's details.
func detailsOf(up *inventory.UserPool) inventory.Details {
	if up.Details == nil {
		return inventory.Details{}
	}
	return *up.Details
}

// hasDetails reports whether the pool is there to be asked about, and what it
// needs is known.
func (p *pass) hasDetails(up inventory.UserPool) bool {
	return up.Settings != nil && !up.Listed.Before(p.reading.Start)
}

// dueDetails returns the calls that were not made since the pool was described,
// those that failed lately last, and else the oldest detail of each kind first.
func (p *pass) dueDetails() []detailJob {
	var due []detailJob
	for i := range p.reading.Pools {
		up := &p.reading.Pools[i]
		if !p.hasDetails(*up) {
			continue
		}
		have := detailsOf(up)
		for n, call := range detailCalls {
			read := call.of(&have).Read
			if call.needed(up.Settings) && read.Before(up.Settings.Described) {
				due = append(due, detailJob{n, i, read})
			}
		}
	}
	late := func(j detailJob) int {
		if p.place.failedDetails[p.reading.Pools[j.pool].ID] {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(due, func(a, b detailJob) int {
		return cmp.Or(cmp.Compare(a.call, b.call), cmp.Compare(late(a), late(b)), a.read.Compare(b.read))
	})
	return due
}

// readDetails asks for the details that are due, as long as it may begin calls,
// and returns what it was told by pool. An operation that AWS refuses or
// throttles is left to the next pass. described says that pools were described
// before.
func (p *pass) readDetails(ctx context.Context, described bool) map[int]inventory.Details {
	if len(p.reading.Pools) == 0 {
		return nil
	}
	due := p.dueDetails()
	if len(due) == 0 && slices.ContainsFunc(p.reading.Pools, p.hasDetails) {
		p.called(inventory.APIDetails) // All of it is known.
		return nil
	}
	p.skipped(inventory.APIDetails) // Unless there is something to ask, and time.
	if len(due) > 0 && ctx.Err() != nil {
		p.notAsked(inventory.APIDetails)
		return nil
	}
	start, until := time.Now(), p.detailsUntil(ctx, described)
	var mu sync.Mutex // guards what follows
	told := map[int]inventory.Details{}
	var ended [len(detailCalls)]bool // by index of detailCalls
	next := func() (detailJob, bool) {
		mu.Lock()
		defer mu.Unlock()
		for len(due) > 0 {
			j := due[0]
			due = due[1:]
			if !ended[j.call] {
				return j, ctx.Err() == nil && (until.IsZero() || time.Now().Before(until))
			}
		}
		return detailJob{}, false
	}
	work := func() {
		defer p.keepPanic()
		for j, ok := next(); ok; j, ok = next() {
			p.called(inventory.APIDetails)
			call, up := detailCalls[j.call], &p.reading.Pools[j.pool]
			value, err := call.ask(ctx, p.place.cognito, up.ID)
			class := classOf(err)
			mu.Lock()
			switch {
			case err == nil:
				d, ok := told[j.pool]
				if !ok {
					d = detailsOf(up)
				}
				*call.of(&d) = inventory.Detail{Value: value, Read: start}
				told[j.pool] = d
				delete(p.place.failedDetails, up.ID)
			case class == inventory.NotFound: // Deleted since the listing: the next one will tell.
			default:
				p.place.failedDetails[up.ID] = true
				ended[j.call] = ended[j.call] || class == inventory.Denied || class == inventory.Throttled
			}
			mu.Unlock()
			if err != nil && class != inventory.NotFound {
				p.fail(ctx, inventory.APIDetails, call.operation, optional(err, "cognito-idp:"+call.operation, "pool_details.enabled"))
			}
		}
	}
	var workers sync.WaitGroup
	for range min(describesInFlight, len(due)) {
		workers.Go(work)
	}
	workers.Wait()
	return told
}

// detailsUntil returns until when calls for details may begin; zero is without
// an end.
func (p *pass) detailsUntil(ctx context.Context, described bool) time.Time {
	deadline, limited := ctx.Deadline()
	share := deadline.Sub(p.reading.Start) / detailsShare
	switch {
	case described && (!limited || share > detailsBeside):
		share = detailsBeside
	case !limited:
		return time.Time{}
	}
	return p.reading.Start.Add(share)
}

// keepDetails takes over what was told. Most pools share theirs.
func (p *pass) keepDetails(told map[int]inventory.Details) {
	same := map[inventory.Details]*inventory.Details{}
	for i, d := range told {
		if same[d] == nil {
			same[d] = &d
		}
		p.reading.Pools[i].Details = same[d]
	}
}

// dropDetails forgets the details of all pools.
func dropDetails(pools []inventory.UserPool) []inventory.UserPool {
	if !slices.ContainsFunc(pools, func(up inventory.UserPool) bool { return up.Details != nil }) {
		return pools
	}
	pools = slices.Clone(pools)
	for i := range pools {
		pools[i].Details = nil
	}
	return pools
}

// hasty leaves it to the next pass to make a throttled call again.
func hasty(o *cognitoidentityprovider.Options) { o.Retryer = hastyRetryer{newRetryer()} }

func askEmailMFA(ctx context.Context, client *cognitoidentityprovider.Client, pool string) (inventory.Tri, error) {
	out, err := client.GetUserPoolMfaConfig(ctx, &cognitoidentityprovider.GetUserPoolMfaConfigInput{UserPoolId: aws.String(pool)}, hasty)
	if err == nil && out.MfaConfiguration == "" {
		err = errMalformed
	}
	if err != nil {
		return inventory.Unknown, err
	}
	return inventory.Known(out.MfaConfiguration != types.UserPoolMfaTypeOff && out.EmailMfaConfiguration != nil), nil
}

// askNotificationLog asks where logs go. Without any answer to that it is not
// known.
func askNotificationLog(ctx context.Context, client *cognitoidentityprovider.Client, pool string) (inventory.Tri, error) {
	out, err := client.GetLogDeliveryConfiguration(ctx, &cognitoidentityprovider.GetLogDeliveryConfigurationInput{UserPoolId: aws.String(pool)}, hasty)
	if err != nil || out.LogDeliveryConfiguration == nil {
		return inventory.Unknown, err
	}
	return inventory.Known(slices.ContainsFunc(out.LogDeliveryConfiguration.LogConfigurations, func(c types.LogConfigurationType) bool {
		return c.EventSource == types.EventSourceNameUserNotification
	})), nil
}

// optionalError is the error of a call that can be switched off.
type optionalError struct {
	error
	remedy string
}

func (e *optionalError) Unwrap() error { return e.error }

// optional names the permission that is missing, and the key that switches the
// call off, when AWS does not allow it.
func optional(err error, permission, key string) error {
	if !strings.HasPrefix(codeOf(err), "AccessDenied") {
		return err
	}
	return &optionalError{err, "allow " + permission + " as in deploy/aws/iam-policy.json, or set " + key + " to false"}
}
