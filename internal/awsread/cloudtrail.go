package awsread

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// mailEvents are the events that can make Cognito send an e-mail, with the
// operation that each of them is or leads to. AdminUpdateUserAttributes is not
// among them, since its event does not tell whether an address changed.
var mailEvents = map[string]string{
	"SignUp": "SignUp", "ResendConfirmationCode": "ResendConfirmationCode", "ForgotPassword": "ForgotPassword",
	"AdminCreateUser": "AdminCreateUser", "AdminResetUserPassword": "AdminResetUserPassword",
	"UpdateUserAttributes": "UpdateUserAttributes", "GetUserAttributeVerificationCode": "GetUserAttributeVerificationCode",
	// The pages of the classic hosted UI and of managed login.
	"Signup_POST": "SignUp", "signup_POST": "SignUp", "ResendCode_POST": "ResendConfirmationCode",
	"ForgotPassword_POST": "ForgotPassword", "forgotPassword_POST": "ForgotPassword",
}

// trailOverlap is read again every time, since CloudTrail shows events late
// and out of order.
const trailOverlap = 15 * time.Minute

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
		p.skipped(inventory.APICloudTrail)
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
	r := &trailReading{pass: p, events: map[string]inventory.MailEvent{}, settings: make(map[string]*inventory.Settings, len(p.reading.Pools))}
	for _, e := range before.Events {
		r.events[e.ID] = e
	}
	for _, up := range p.reading.Pools {
		r.settings[up.ID] = up.Settings
	}
	next := r.resume(within, before, start, now)
	if r.failed != nil && (ctx.Err() != nil || !spent(within, r.failed)) {
		p.fail(ctx, inventory.APICloudTrail, "LookupEvents", r.failed)
		if p.reading.Trail != nil && before.WindowStart.IsZero() {
			return // What was known of the day before says more until it is stale.
		}
	}
	p.reading.Trail = next
}

// spent reports whether the error is only that the time is over.
func spent(ctx context.Context, err error) bool {
	own, ok := errors.AsType[*ownError](err)
	return ctx.Err() != nil || ok && own.class == inventory.Throttled
}

// trailReading is the reading of CloudTrail's events in one pass.
type trailReading struct {
	pass     *pass
	settings map[string]*inventory.Settings // of the pools, by ID
	events   map[string]inventory.MailEvent // those that are known, by ID
	failed   error                          // after it, nothing more is looked up
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
	return next
}

// lookUp adds the events of one name to those known. It returns how far it
// came: everything from there to the span's end is read. That is not all of it
// once something failed.
func (r *trailReading) lookUp(ctx context.Context, name string, span inventory.Span) (reached time.Time) {
	reached = span.To
	pages := cloudtrail.NewLookupEventsPaginator(r.pass.place.cloudtrail, &cloudtrail.LookupEventsInput{
		StartTime: aws.Time(span.From), EndTime: aws.Time(span.To), MaxResults: aws.Int32(50),
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: aws.String(name)}},
	}, func(o *cloudtrail.LookupEventsPaginatorOptions) { o.StopOnDuplicateToken = true })
	for r.failed == nil && pages.HasMorePages() {
		var page *cloudtrail.LookupEventsOutput
		if page, r.failed = pages.NextPage(ctx); r.failed != nil {
			break
		}
		for _, listed := range page.Events {
			if listed.EventTime != nil && !listed.EventTime.Before(span.From) {
				r.add(ctx, name, listed)
			}
		}
		if n := len(page.Events); r.failed == nil && n > 0 && page.Events[n-1].EventTime != nil {
			reached = page.Events[n-1].EventTime.Add(time.Second) // AWS dates events to the second.
		}
	}
	if r.failed == nil {
		return span.From
	}
	return reached
}

// add adds an event, unless it is known or cannot count against the quota.
func (r *trailReading) add(ctx context.Context, name string, listed types.Event) {
	id := aws.ToString(listed.EventId)
	if _, ok := r.events[id]; ok || id == "" || r.failed != nil {
		return
	}
	var record trailRecord
	if err := json.Unmarshal([]byte(aws.ToString(listed.CloudTrailEvent)), &record); err != nil {
		return // One odd event must not hide the others.
	}
	e := inventory.MailEvent{
		ID: id, At: listed.EventTime.UTC(), Operation: mailEvents[name], Page: mailEvents[name] != name,
		PoolID: record.pool(), ClientID: record.client(), Failure: record.failure(),
	}
	if e.PoolID == "" && e.ClientID != "" {
		if e.PoolID, r.failed = r.pass.poolOf(ctx, e.ClientID); r.failed != nil {
			return
		}
	}
	settings := r.settings[e.PoolID]
	e.Sent = record.sent(e, settings)
	e.Default = settings != nil && settings.SendsDefault()
	if settings == nil || e.Default || e.Failure != "" { // There may be very many others.
		r.events[id] = e
	}
}

// trailRecord is the part of an event of CloudTrail that matters here. Fields
// that AWS hides or leaves out are empty.
type trailRecord struct {
	ErrorCode         string `json:"errorCode"`
	ErrorMessage      string `json:"errorMessage"`
	RequestParameters struct {
		UserPoolID             string   `json:"userPoolId"`
		ClientID               string   `json:"clientId"`
		MessageAction          string   `json:"messageAction"`
		DesiredDeliveryMediums []string `json:"desiredDeliveryMediums"`
	} `json:"requestParameters"`
	ResponseElements struct {
		UserConfirmed           bool       `json:"userConfirmed"`
		CodeDeliveryDetails     *delivery  `json:"codeDeliveryDetails"`
		CodeDeliveryDetailsList []delivery `json:"codeDeliveryDetailsList"`
	} `json:"responseElements"`
	AdditionalEventData struct {
		Sub               string `json:"sub"`
		UserPoolID        string `json:"userPoolId"`
		RequestParameters struct {
			ClientID []string `json:"client_id"`
		} `json:"requestParameters"`
		ResponseParameters struct {
			Status int `json:"status"`
		} `json:"responseParameters"`
	} `json:"additionalEventData"`
}

type delivery struct {
	DeliveryMedium string `json:"deliveryMedium"`
}

func (r *trailRecord) pool() string {
	return cmp.Or(r.RequestParameters.UserPoolID, r.AdditionalEventData.UserPoolID)
}

func (r *trailRecord) client() string {
	if ids := r.AdditionalEventData.RequestParameters.ClientID; len(ids) > 0 {
		return ids[0]
	}
	return r.RequestParameters.ClientID
}

// failures are the error codes of what keeps an e-mail from being sent.
var failures = map[string]inventory.FailureReason{
	"CodeDeliveryFailureException":          inventory.FailedDelivery,
	"InvalidEmailRoleAccessPolicyException": inventory.FailedRoleOrPolicy,
	"TooManyRequestsException":              inventory.FailedThrottled,
}

// failure classifies an error that kept an e-mail from being sent.
func (r *trailRecord) failure() inventory.FailureReason {
	if r.ErrorCode == "LimitExceededException" && strings.HasPrefix(r.ErrorMessage, "Exceeded daily email limit") {
		return inventory.FailedDailyLimit // Others of that code limit a single user.
	}
	if strings.Contains(r.ErrorMessage, "Email address is not verified") {
		return inventory.FailedRecipientUnverified
	}
	return failures[r.ErrorCode]
}

// sent judges whether the event sent an e-mail. Where it does not tell, it is
// taken to have.
func (r *trailRecord) sent(e inventory.MailEvent, settings *inventory.Settings) bool {
	if r.ErrorCode != "" {
		return false
	}
	verifies := settings == nil || slices.Contains(settings.AutoVerified, "email")
	if e.Page {
		return r.AdditionalEventData.ResponseParameters.Status < 400 && (verifies || e.Operation == "ForgotPassword")
	}
	if d := r.ResponseElements.CodeDeliveryDetails; d != nil {
		return d.DeliveryMedium != "SMS"
	}
	switch e.Operation {
	case "SignUp", "ResendConfirmationCode":
		return verifies && !r.ResponseElements.UserConfirmed
	case "ForgotPassword":
		return r.AdditionalEventData.Sub != "" // Without, there is no such user, and AWS only pretends.
	case "AdminCreateUser":
		media := r.RequestParameters.DesiredDeliveryMediums
		return r.RequestParameters.MessageAction != "SUPPRESS" && (len(media) == 0 || slices.Contains(media, "EMAIL"))
	case "UpdateUserAttributes":
		return slices.ContainsFunc(r.ResponseElements.CodeDeliveryDetailsList, func(d delivery) bool { return d.DeliveryMedium != "SMS" })
	default:
		return true
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
		pages := cognitoidentityprovider.NewListUserPoolClientsPaginator(p.place.cognito,
			&cognitoidentityprovider.ListUserPoolClientsInput{UserPoolId: aws.String(up.ID), MaxResults: aws.Int32(poolsPerPage)},
			func(o *cognitoidentityprovider.ListUserPoolClientsPaginatorOptions) { o.StopOnDuplicateToken = true })
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if classOf(err) == inventory.NotFound {
				break
			}
			if err != nil && !spent(ctx, err) {
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
