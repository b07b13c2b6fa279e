package awsread

import (
	"context"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Ambient returns the ID of the account that the ambient credentials belong to,
// which it asks STS for in the region's partition. Without any credentials the ID
// is empty, and so is the error, an [*inventory.Failure] otherwise.
func (r *Reader) Ambient(ctx context.Context, region string) (id string, err error) {
	t := inventory.Target{Region: region}
	fail := func(operation string, err error) (string, error) { return "", r.findFailure(t, operation, err) }
	if r.base.Credentials == nil {
		return "", nil
	}
	if _, err := r.base.Credentials.Retrieve(ctx); err != nil {
		// The instance's role is what the SDK asks for last, when nothing else is set.
		if strings.Contains(err.Error(), "no EC2 IMDS role found") {
			return "", nil
		}
		return fail("GetCallerIdentity", err)
	}
	id, operation, err := r.account(t).authenticate(ctx, "")
	if err != nil {
		return fail(operation, err)
	}
	return id, nil
}
