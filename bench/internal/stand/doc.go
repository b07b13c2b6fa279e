// Package stand runs the exporter against the simulated AWS, each in a process
// of its own, and measures what the exporter's process costs. The benchmark
// and the soak share it.
//
// It must not import anything of the exporter: the exporter is a binary with
// flags, a configuration file and HTTP, so that any version of it can be
// measured. Processor time and memory are read from /proc, which only Linux has.
package stand
