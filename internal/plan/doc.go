// Package plan turns what is known of user pools, and what the rules find, into
// what a person can do: one fix for each cause, with the pools that it unblocks,
// the steps, the commands and the pages of AWS's console. It also says which
// pools go silent if what they share lapses.
//
// It is pure, and works on one account at a time: it reads neither a clock nor
// anything from AWS, and must not know who shows the plan.
package plan
