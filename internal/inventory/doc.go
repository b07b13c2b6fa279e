// Package inventory holds what is known about user pools and the senders of
// their e-mail, as plain data, and the pure functions that link and judge it.
//
// A [Reading] is what one pass over a target brought home. [New] turns a set of
// readings into a [Snapshot], in which every pool is linked to its identity,
// its SES account and its quotas, and has a verdict. Every other package talks
// in these types: package awsread fills them, packages rules, collector and
// web only read them.
//
// It must not know AWS's SDK, Prometheus, the configuration file or the wall
// clock. What is unknown is [Unknown], nil or the zero time, never a guess.
package inventory
