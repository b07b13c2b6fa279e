//go:build !linux && !darwin

package httpserver

// OpenFiles returns how many files the process may have open, where that is not
// known what it usually is.
func OpenFiles() uint64 { return 1024 }
