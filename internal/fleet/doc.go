// Package fleet owns which accounts are read, and by which of several
// exporters.
//
// It must not know AWS's SDK, the configuration file, Prometheus or how a
// target is read.
package fleet
