// Package awsread reads targets through the AWS SDK into plain readings of
// package inventory. It owns credentials per account, clients per region,
// paging, request budgets, retries and the classes of errors, and only calls
// operations that read.
//
// It must not know Prometheus, the configuration file or who asks for a
// reading. AWS's types do not leave it.
package awsread
