package awsread

import (
	"bytes"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Description is one user pool with the answer of DescribeUserPool as it came.
type Description struct {
	Target inventory.Target // with the ID of its account, if that is known
	Pool   inventory.UserPool
	Body   []byte // of the HTTP response, with the fields that this program does not know
}

// DescribePool describes the pool with the ID in the target's account and region,
// with the credentials and within the budgets of Read. What fails is in the
// outcome; without such a pool its class is NotFound.
func (r *Reader) DescribePool(ctx context.Context, t inventory.Target, id string) (Description, inventory.Outcome) {
	p := &pass{opts: r.opts.Load(), account: r.account(t), reading: inventory.Reading{Target: t, Start: time.Now()}}
	fail := func(api, operation string, err error) (Description, inventory.Outcome) {
		f := p.failure(ctx, api, operation, err)
		return Description{Target: p.reading.Target}, inventory.Outcome{API: api, Class: f.class, Message: f.message}
	}
	owner, operation, err := p.account.authenticate(ctx, t.AccountID)
	p.reading.Target.AccountID = owner
	if err != nil {
		return fail(inventory.APISTS, operation, err)
	}
	p.place = p.account.in(t.Region)
	var body bytes.Buffer
	described, err := p.ask(ctx, id, func(o *cognitoidentityprovider.Options) { o.APIOptions = append(o.APIOptions, keepBody(&body)) })
	var modified time.Time
	if err == nil {
		modified, err = date("LastModifiedDate", described.LastModifiedDate)
	}
	if err != nil {
		return fail(inventory.APICognito, "DescribeUserPool", err)
	}
	now := time.Now()
	return Description{p.reading.Target, inventory.UserPool{
		ID: id, Name: aws.ToString(described.Name), LastModified: modified, Listed: now, Confirmed: now,
		Settings: settingsOf(&p.tags, p.reading.Target.Key(), described, modified, now),
	}, body.Bytes()}, inventory.Outcome{API: inventory.APICognito, LastSuccess: now}
}
