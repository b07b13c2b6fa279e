// Package fleet owns which accounts and regions are read: listed in the
// configuration, or found in an organization and its accounts, and by which of
// several exporters. It finds them on its own clock, beside the reading, and
// keeps what it knows when asking fails.
//
// It must not know AWS's SDK, the configuration file, Prometheus or how a
// target is read: a Source answers its questions.
package fleet
