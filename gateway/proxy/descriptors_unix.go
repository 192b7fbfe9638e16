//go:build unix

package proxy

import "syscall"

// descriptors returns how many files and connections this process may have open at the same
// time, and whether that is known. The Go runtime has raised it as far as the system lets it.
func descriptors() (limit uint64, known bool) {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 0, false
	}
	return uint64(r.Cur), true
}
