package awsread

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
)

// The operations that answer in pages, for the SDK's paginators. A client that
// is given to a paginator becomes an interface, for which the linker keeps all
// of its operations: there are hundreds, of which few are called, and what is
// linked is resident.
type (
	listUserPools       func(context.Context, *cognitoidentityprovider.ListUserPoolsInput, ...func(*cognitoidentityprovider.Options)) (*cognitoidentityprovider.ListUserPoolsOutput, error)
	listUserPoolClients func(context.Context, *cognitoidentityprovider.ListUserPoolClientsInput, ...func(*cognitoidentityprovider.Options)) (*cognitoidentityprovider.ListUserPoolClientsOutput, error)
	listEmailIdentities func(context.Context, *sesv2.ListEmailIdentitiesInput, ...func(*sesv2.Options)) (*sesv2.ListEmailIdentitiesOutput, error)
	listMetrics         func(context.Context, *cloudwatch.ListMetricsInput, ...func(*cloudwatch.Options)) (*cloudwatch.ListMetricsOutput, error)
	getMetricData       func(context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error)
	lookupEvents        func(context.Context, *cloudtrail.LookupEventsInput, ...func(*cloudtrail.Options)) (*cloudtrail.LookupEventsOutput, error)
)

// ListUserPools implements [cognitoidentityprovider.ListUserPoolsAPIClient].
func (f listUserPools) ListUserPools(ctx context.Context, in *cognitoidentityprovider.ListUserPoolsInput, how ...func(*cognitoidentityprovider.Options)) (*cognitoidentityprovider.ListUserPoolsOutput, error) {
	return f(ctx, in, how...)
}

// ListUserPoolClients implements [cognitoidentityprovider.ListUserPoolClientsAPIClient].
func (f listUserPoolClients) ListUserPoolClients(ctx context.Context, in *cognitoidentityprovider.ListUserPoolClientsInput, how ...func(*cognitoidentityprovider.Options)) (*cognitoidentityprovider.ListUserPoolClientsOutput, error) {
	return f(ctx, in, how...)
}

// ListEmailIdentities implements [sesv2.ListEmailIdentitiesAPIClient].
func (f listEmailIdentities) ListEmailIdentities(ctx context.Context, in *sesv2.ListEmailIdentitiesInput, how ...func(*sesv2.Options)) (*sesv2.ListEmailIdentitiesOutput, error) {
	return f(ctx, in, how...)
}

// ListMetrics implements [cloudwatch.ListMetricsAPIClient].
func (f listMetrics) ListMetrics(ctx context.Context, in *cloudwatch.ListMetricsInput, how ...func(*cloudwatch.Options)) (*cloudwatch.ListMetricsOutput, error) {
	return f(ctx, in, how...)
}

// GetMetricData implements [cloudwatch.GetMetricDataAPIClient].
func (f getMetricData) GetMetricData(ctx context.Context, in *cloudwatch.GetMetricDataInput, how ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error) {
	return f(ctx, in, how...)
}

// LookupEvents implements [cloudtrail.LookupEventsAPIClient].
func (f lookupEvents) LookupEvents(ctx context.Context, in *cloudtrail.LookupEventsInput, how ...func(*cloudtrail.Options)) (*cloudtrail.LookupEventsOutput, error) {
	return f(ctx, in, how...)
}
