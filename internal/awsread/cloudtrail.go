package awsread

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// mailEvents are the events that can make Cognito send an e-mail through the
// built-in sender, with the operation that each of them is or leads to.
var mailEvents = map[string]string{
	"SignUp": "SignUp", "ResendConfirmationCode": "ResendConfirmationCode", "ForgotPassword": "ForgotPassword",
	"AdminCreateUser": "AdminCreateUser", "AdminResetUserPassword": "AdminResetUserPassword",
	"UpdateUserAttributes": "UpdateUserAttributes", "AdminUpdateUserAttributes": "AdminUpdateUserAttributes",
	"GetUserAttributeVerificationCode": "GetUserAttributeVerificationCode",
	// The pages of the classic hosted UI and of managed login.
	"Signup_POST": "SignUp", "signup_POST": "SignUp", "ResendCode_POST": "ResendConfirmationCode",
	"ForgotPassword_POST": "ForgotPassword", "forgotPassword_POST": "ForgotPassword",
}

// trailOverlap is read again every time, since CloudTrail shows events late
// and out of order.
const trailOverlap = 15 * time.Minute

// keptEvents is how many events are kept one by one, which is more exact than
// counts of five minutes. Of more, only those are that may have twins still to
// come. mostEvents bounds these.
const (
	keptEvents = 2000
	mostEvents = 50_000
)

// readTrail reads the events that may have sent e-mail since the day of the
// quota began.
func (p *pass) readTrail(ctx context.Context) {
	now := time.Now()
	start, _ := p.opts.Quota.Window(now)
	if len(p.reading.Pools) == 0 {
		p.reading.Trail = nil
		return
	}
	if ctx.Err() != nil {
		p.notAsked(inventory.APICloudTrail)
		return
	}
	p.called(inventory.APICloudTrail)
	// It may have half of the time that is left: what it does not come to, the
	// next pass goes on with, and the other facts are not kept waiting.
	within := ctx
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	before := p.reading.Trail
	if before == nil || !before.WindowStart.Equal(start) {
		before = &inventory.Trail{}
	}
	r := &trailReading{pass: p, events: map[string]inventory.MailEvent{}, pools: make(map[string]*inventory.UserPool, len(p.reading.Pools))}
	for _, e := range before.Events {
		r.events[e.ID] = e
	}
	for _, list := range [][]inventory.UserPool{p.reading.Gone, p.reading.Pools} {
		for i := range list {
			r.pools[list[i].ID] = &list[i]
		}
	}
	next := r.resume(within, before, start, now)
	if r.failed != nil && (ctx.Err() != nil || !spent(within, r.failed, r.took)) {
		p.fail(ctx, inventory.APICloudTrail, "LookupEvents", r.failed)
		if p.reading.Trail != nil && before.WindowStart.IsZero() {
			return // What was known of the day before says more until it is stale.
		}
	}
	p.reading.Trail = next
}

// prompt is how long a call may take that the end of the time cuts off, for AWS
// to be answering as it should.
const prompt = 5 * time.Second

// spent reports whether the error is only that the time is over, and neither
// that AWS throttles nor that the call hung.
func spent(ctx context.Context, err error, took time.Duration) bool {
	if own, ok := errors.AsType[*ownError](err); ok {
		return own.class == inventory.Throttled
	}
	return ctx.Err() != nil && classOf(err) == inventory.Timeout && took < prompt
}

// trailReading is the reading of CloudTrail's events in one pass.
type trailReading struct {
	pass   *pass
	pools  map[string]*inventory.UserPool // by ID, also those that are gone
	events map[string]inventory.MailEvent // those that are known, by ID
	failed error                          // after it, nothing more is looked up
	took   time.Duration                  // the last call, with its retries
}

// resume reads each event name from where the pass before ended.
func (r *trailReading) resume(ctx context.Context, before *inventory.Trail, start, now time.Time) *inventory.Trail {
	next := &inventory.Trail{WindowStart: start, Confirmed: now, Through: map[string]time.Time{}, Gaps: map[string][]inventory.Span{}}
	// Where the time is too short for all names, those read longest ago come first.
	names := slices.SortedFunc(maps.Keys(mailEvents), func(a, b string) int {
		return cmp.Or(before.Through[a].Compare(before.Through[b]), cmp.Compare(a, b))
	})
	for _, name := range names {
		through, known := before.Through[name]
		gaps := before.Gaps[name]
		if !known {
			gaps, through = []inventory.Span{{From: start, To: now}}, now
		}
		for _, gap := range gaps {
			// Events come newest first, so what is missing lies before the last one.
			if gap.To = r.lookUp(ctx, name, gap); r.failed != nil {
				next.Gaps[name] = append(next.Gaps[name], gap)
			}
		}
		if known {
			from := through.Add(-trailOverlap)
			if from.Before(start) {
				from = start
			}
			if r.lookUp(ctx, name, inventory.Span{From: from, To: now}); r.failed == nil {
				through = now // Else the next pass reads on from there.
			}
		}
		next.Through[name] = through
		if through.Before(next.Confirmed) {
			next.Confirmed = through
		}
	}
	next.Complete = len(next.Gaps) == 0
	next.Events = slices.SortedFunc(maps.Values(r.events), func(a, b inventory.MailEvent) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	next.Counts = before.Counts
	r.bound(next)
	return next
}

// bound keeps counts in place of the events that nothing is to come for any more,
// if there are many.
func (r *trailReading) bound(t *inventory.Trail) {
	if len(t.Events) <= cmp.Or(r.pass.opts.MailEvents, keptEvents) {
		return
	}
	through, gaps := map[string]time.Time{}, map[string][]inventory.Span{} // by operation, of all its names
	for name, operation := range mailEvents {
		if at, ok := through[operation]; !ok || t.Through[name].Before(at) {
			through[operation] = t.Through[name]
		}
		gaps[operation] = append(gaps[operation], t.Gaps[name]...)
	}
	t.Settle(func(e inventory.MailEvent) bool {
		return e.At.Before(through[e.Operation].Add(-trailOverlap-inventory.TwinMargin)) && !slices.ContainsFunc(gaps[e.Operation], func(gap inventory.Span) bool {
			return !e.At.Before(gap.From.Add(-inventory.TwinMargin)) && !e.At.After(gap.To.Add(inventory.TwinMargin))
		})
	}, func(pool string, at time.Time) *inventory.Settings { return r.pools[pool].At(at) })
	if len(t.Events) > mostEvents { // What is later than all names were looked up will be read again.
		t.Events = slices.DeleteFunc(t.Events, func(e inventory.MailEvent) bool { return e.At.After(through[e.Operation]) })
	}
}

// lookUp adds the events of one name to those known. It returns how far it
// came: everything from there to the span's end is read. That is not all of it
// once something failed.
func (r *trailReading) lookUp(ctx context.Context, name string, span inventory.Span) (reached time.Time) {
	reached = span.To
	token := ""
	pages := cloudtrail.NewLookupEventsPaginator(lookupEvents(r.pass.place.cloudtrail.LookupEvents), &cloudtrail.LookupEventsInput{
		StartTime: aws.Time(span.From), EndTime: aws.Time(span.To), MaxResults: aws.Int32(50),
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: aws.String(name)}},
	})
	for r.failed == nil && pages.HasMorePages() {
		var page *cloudtrail.LookupEventsOutput
		began := time.Now()
		page, r.failed = pages.NextPage(ctx)
		if r.took = time.Since(began); r.failed == nil && repeats(page.NextToken, &token) {
			r.failed = errRepeated
		}
		if r.failed != nil {
			break
		}
		for _, listed := range page.Events {
			r.add(ctx, name, span, listed)
		}
		if n := len(page.Events); r.failed == nil && n > 0 {
			if at := page.Events[n-1].EventTime; at != nil && during(*at, span.From, span.To) {
				reached = at.Add(time.Second) // AWS dates events to the second.
			}
		}
	}
	if r.failed == nil {
		return span.From
	}
	return reached
}

// add adds an event, unless it is known or cannot count against the quota. One
// that is undecided is looked at again: its pool's settings may be known by now.
func (r *trailReading) add(ctx context.Context, name string, span inventory.Span, listed types.Event) {
	at := span.From // What has no time came in the time that was asked for.
	dated := listed.EventTime != nil
	if dated && !during(*listed.EventTime, span.From, span.To) {
		r.pass.fail(ctx, inventory.APICloudTrail, "LookupEvents", fmt.Errorf("%w: the EventTime of event %q, %s, is %s", errValue,
			aws.ToString(listed.EventId), name, listed.EventTime.UTC().Format(time.RFC3339)))
		dated = false
	}
	if dated {
		at = listed.EventTime.UTC()
	}
	if at.Before(span.From) || r.failed != nil {
		return
	}
	text := aws.ToString(listed.CloudTrailEvent)
	id := aws.ToString(listed.EventId)
	if id == "" {
		id = fmt.Sprintf("%x", sha256.Sum256([]byte(name+text)))
	}
	if known, ok := r.events[id]; ok && known.Fate != inventory.Undecided {
		return
	}
	record := parseRecord(text)
	operation := mailEvents[name]
	e := inventory.MailEvent{ID: id, At: at, Operation: operation, Page: operation != name, PoolID: record.pool(), ClientID: record.client()}
	if e.PoolID == "" && e.ClientID != "" {
		if e.PoolID, r.failed = r.pass.poolOf(ctx, e.ClientID); r.failed != nil {
			return
		}
	}
	settings := r.pools[e.PoolID].At(e.At)
	e.Failure, e.Twin = record.failure(settings), r.events[id].Twin
	if e.Fate = record.fate(operation, e.Page, settings); !dated && e.Fate == inventory.Sent {
		e.Fate = inventory.Undecided
	}
	delete(r.events, id)
	if settings == nil || settings.SendsDefault() || settings.Mode == inventory.ModeUnknown || e.Failure != "" { // There may be very many others.
		r.events[id] = e
	}
	for _, shape := range record.shapes(name) {
		r.pass.oddEvent(shape)
	}
}

// clientsAge is how long an app client that is not known is not looked for again.
const clientsAge = time.Hour

var errNoClients = errors.New("the app clients of a pool could not be listed")

// appClients are the app clients in one account and region. Only one pass at a
// time uses them. They are listed in rounds over the pools, which may take
// several passes.
type appClients struct {
	whole  time.Time         // when the last round was finished; zero once another has begun
	listed map[string]bool   // pools of the present round
	pools  map[string]string // by client; kept from one round to the next
}

// poolOf returns the pool of an app client, empty if there is none. The
// clients of all pools are listed when one is not known, at most once in a while.
func (p *pass) poolOf(ctx context.Context, client string) (string, error) {
	known := &p.place.appClients
	if pool, ok := known.pools[client]; ok || time.Since(known.whole) < clientsAge {
		return pool, nil
	}
	if !known.whole.IsZero() {
		known.whole, known.listed = time.Time{}, map[string]bool{}
	}
	for _, up := range p.reading.Pools {
		if known.listed[up.ID] {
			continue
		}
		pages := cognitoidentityprovider.NewListUserPoolClientsPaginator(listUserPoolClients(p.place.cognito.ListUserPoolClients),
			&cognitoidentityprovider.ListUserPoolClientsInput{UserPoolId: aws.String(up.ID), MaxResults: aws.Int32(poolsPerPage)})
		token := ""
		for pages.HasMorePages() {
			began := time.Now()
			page, err := pages.NextPage(ctx)
			if err == nil && repeats(page.NextToken, &token) {
				err = errRepeated
			}
			if classOf(err) == inventory.NotFound {
				break
			}
			if err != nil && !spent(ctx, err, time.Since(began)) {
				p.fail(ctx, inventory.APICognito, "ListUserPoolClients", err)
				err = errNoClients
			}
			if err != nil {
				return "", err
			}
			for _, c := range page.UserPoolClients {
				known.pools[aws.ToString(c.ClientId)] = up.ID
			}
		}
		known.listed[up.ID] = true
	}
	known.whole = time.Now()
	return known.pools[client], nil
}
