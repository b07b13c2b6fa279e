// Package propose makes of a user pool's description what a person can apply to
// change the pool's e-mail configuration and nothing else: the input of
// UpdateUserPool, which resets every setting that it is not given, fragments
// for Terraform and CloudFormation, and what has to be true first.
//
// It works on the answer of DescribeUserPool as it came, since the AWS SDK's
// types lose the fields that are newer than they are. It is pure: it neither
// calls AWS nor writes files, and must not know who does.
package propose
