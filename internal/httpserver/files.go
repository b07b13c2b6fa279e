//go:build linux || darwin

package httpserver

import "syscall"

// OpenFiles returns how many files the process may have open.
func OpenFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return limit.Cur
}
