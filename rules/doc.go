// Package rules judges a snapshot by rules that are data: YAML files whose
// conditions are CEL expressions over typed facts. The built-in rules are
// files of the same format, so that the format is always good enough.
//
// A fact that is unknown makes a rule undetermined, by Kleene's logic, unless
// the facts that are known decide it.
//
// It must not know AWS, Prometheus, HTTP or the wall clock; time comes with
// the snapshot.
package rules
