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
// quota began. Each event name goes on from where it was read to.
func (p *pass) readTrail(ctx context.Context, a *accountState, trail *cloudtrail.Client, cognito *cognitoidentityprovider.Client) {
	now := time.Now()
	start, _ := p.r.opts.Quota.Window(now)
	if len(p.region.Pools) == 0 {
		p.region.Trail = nil
		return
	}
	if ctx.Err() != nil {
		p.rested(inventory.APICloudTrail)
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
	before := p.region.Trail
	next := &inventory.Trail{WindowStart: start, Confirmed: now, Through: map[string]time.Time{}, Gaps: map[string][]inventory.Span{}}
	events := map[string]inventory.MailEvent{}
	if before == nil || !before.WindowStart.Equal(start) {
		before = &inventory.Trail{}
	}
	for _, e := range before.Events {
		events[e.ID] = e
	}
	settings := make(map[string]*inventory.Settings, len(p.region.Pools))
	for _, up := range p.region.Pools {
		settings[up.ID] = up.Settings
	}
	var failed error
	read := func(name string, span inventory.Span) (rest inventory.Span, ok bool) {
		if failed == nil {
			// Events come newest first, so what is missing lies before the last one.
			span.To, failed = p.lookUp(within, a, trail, cognito, name, span, events, settings)
		}
		return span, failed == nil
	}
	// Where the time does not do for all names, each has its turn.
	names := slices.SortedFunc(maps.Keys(mailEvents), func(a, b string) int {
		return cmp.Or(before.Through[a].Compare(before.Through[b]), cmp.Compare(a, b))
	})
	for _, name := range names {
		for _, gap := range before.Gaps[name] {
			if rest, ok := read(name, gap); !ok {
				next.Gaps[name] = append(next.Gaps[name], rest)
			}
		}
		through, known := before.Through[name]
		if !known {
			if rest, ok := read(name, inventory.Span{From: start, To: now}); !ok {
				next.Gaps[name] = append(next.Gaps[name], rest)
			}
			next.Through[name] = now
			continue
		}
		from := through.Add(-trailOverlap)
		if from.Before(start) {
			from = start
		}
		next.Through[name] = now
		if _, ok := read(name, inventory.Span{From: from, To: now}); !ok {
			next.Through[name] = through // The next pass reads on from there.
		}
	}
	next.Complete = len(next.Through) == len(mailEvents) && len(next.Gaps) == 0
	for _, through := range next.Through {
		if through.Before(next.Confirmed) {
			next.Confirmed = through
		}
	}
	if failed != nil && (ctx.Err() != nil || !spent(within, failed)) {
		p.fail(ctx, a, inventory.APICloudTrail, "LookupEvents", failed)
		if p.region.Trail != nil && before.WindowStart.IsZero() {
			return // What was known of the day before says more until it is stale.
		}
	}
	for _, e := range events {
		next.Events = append(next.Events, e)
	}
	slices.SortFunc(next.Events, func(a, b inventory.MailEvent) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	p.region.Trail = next
}

// spent reports whether the error is only that the time is over.
func spent(ctx context.Context, err error) bool {
	var budget *budgetError
	return ctx.Err() != nil || errors.As(err, &budget)
}

// lookUp adds the events of one name to those known. With an error it returns
// how far it came: everything from there to the span's end is read.
func (p *pass) lookUp(ctx context.Context, a *accountState, trail *cloudtrail.Client, cognito *cognitoidentityprovider.Client, name string, span inventory.Span, events map[string]inventory.MailEvent, settings map[string]*inventory.Settings) (reached time.Time, err error) {
	reached = span.To
	pages := cloudtrail.NewLookupEventsPaginator(trail, &cloudtrail.LookupEventsInput{
		StartTime: aws.Time(span.From), EndTime: aws.Time(span.To), MaxResults: aws.Int32(50),
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: aws.String(name)}},
	}, func(o *cloudtrail.LookupEventsPaginatorOptions) { o.StopOnDuplicateToken = true })
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return reached, err
		}
		for _, listed := range page.Events {
			id := aws.ToString(listed.EventId)
			if _, ok := events[id]; ok || id == "" || listed.EventTime == nil || listed.EventTime.Before(span.From) {
				continue
			}
			var record trailRecord
			if err := json.Unmarshal([]byte(aws.ToString(listed.CloudTrailEvent)), &record); err != nil {
				continue // One odd event must not hide the others.
			}
			client := record.client()
			pool := record.pool()
			if pool == "" && client != "" {
				if pool, err = p.poolOf(ctx, a, cognito, client); err != nil {
					return reached, err
				}
			}
			e := inventory.MailEvent{
				ID: id, At: listed.EventTime.UTC(), Operation: mailEvents[name], Page: mailEvents[name] != name,
				PoolID: pool, ClientID: client, Failure: record.failure(),
			}
			about := settings[pool]
			e.Sent = record.sent(e, about)
			e.Default = about != nil && about.SendsDefault()
			if about != nil && !e.Default && e.Failure == "" {
				continue // It cannot count against the quota, and there may be very many.
			}
			events[id] = e
		}
		if n := len(page.Events); n > 0 && page.Events[n-1].EventTime != nil {
			reached = page.Events[n-1].EventTime.Add(time.Second) // AWS dates events to the second.
		}
	}
	return span.From, nil
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

// failure classifies an error that kept an e-mail from being sent.
func (r *trailRecord) failure() inventory.FailureReason {
	switch {
	case r.ErrorCode == "LimitExceededException" && strings.HasPrefix(r.ErrorMessage, "Exceeded daily email limit"):
		return inventory.FailedDailyLimit // Others of that code limit a single user.
	case strings.Contains(r.ErrorMessage, "Email address is not verified"):
		return inventory.FailedRecipientUnverified
	case r.ErrorCode == "CodeDeliveryFailureException":
		return inventory.FailedDelivery
	case r.ErrorCode == "InvalidEmailRoleAccessPolicyException":
		return inventory.FailedRoleOrPolicy
	case r.ErrorCode == "TooManyRequestsException":
		return inventory.FailedThrottled
	default:
		return ""
	}
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

// poolOf returns the pool of an app client, empty if there is none. The
// clients of all pools are listed when one is not known, at most once in a while.
func (p *pass) poolOf(ctx context.Context, a *accountState, cognito *cognitoidentityprovider.Client, client string) (string, error) {
	owners := p.r.ownersOf(p.region.Target.Key())
	if pool, ok := owners.pools[client]; ok || time.Since(owners.listed) < clientsAge && owners.whole {
		return pool, nil
	}
	if owners.whole {
		owners.done, owners.whole = map[string]bool{}, false
	}
	for _, up := range p.region.Pools {
		if owners.done[up.ID] {
			continue
		}
		pages := cognitoidentityprovider.NewListUserPoolClientsPaginator(cognito,
			&cognitoidentityprovider.ListUserPoolClientsInput{UserPoolId: aws.String(up.ID), MaxResults: aws.Int32(poolsPerPage)},
			func(o *cognitoidentityprovider.ListUserPoolClientsPaginatorOptions) { o.StopOnDuplicateToken = true })
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if classOf(err) == inventory.NotFound {
				break
			}
			switch {
			case err != nil && spent(ctx, err):
				return "", err
			case err != nil:
				p.fail(ctx, a, inventory.APICognito, "ListUserPoolClients", err)
				return "", errNoClients
			}
			for _, c := range page.UserPoolClients {
				owners.pools[aws.ToString(c.ClientId)] = up.ID
			}
		}
		owners.done[up.ID] = true
	}
	owners.listed, owners.whole = time.Now(), true
	return owners.pools[client], nil
}

// clientOwners are the pools of the app clients in one account and region.
// Only one pass at a time uses them.
type clientOwners struct {
	listed time.Time         // when the last round was finished
	whole  bool              // it was, and no new one has begun
	done   map[string]bool   // pools of the present round
	pools  map[string]string // by client
}

func (r *Reader) ownersOf(k inventory.Key) *clientOwners {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.owners[k]
	if o == nil {
		o = &clientOwners{done: map[string]bool{}, pools: map[string]string{}}
		r.owners[k] = o
	}
	return o
}
