// Package awssim simulates the part of AWS that has to do with the e-mail of
// Cognito user pools. It answers over HTTP in AWS's own wire protocols, with
// AWS's paging, request quotas, errors and several accounts, to any AWS client
// whose endpoint is set to it.
//
// It knows AWS and nothing of the exporter: what it serves is a [Fleet], and
// what goes wrong is a list of [Fault]. Signatures are not checked, since it
// has no secrets to check them with; everything else about credentials is.
package awssim
