// Package awssim simulates the part of AWS that has to do with the e-mail of
// Cognito user pools. It answers over HTTP in AWS's own wire protocols, with
// AWS's paging, request quotas, errors and several accounts, to any AWS client
// whose endpoint is set to it.
//
// It knows AWS and nothing of the exporter: it serves a [Fleet], and fails as a
// list of [Fault] says. Signatures are not checked, because it has no secret
// keys. Session tokens, their expiry, external ids and regions are.
package awssim
