package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// allowReadableFlag lets the proxy take files with secrets that others can read.
const allowReadableFlag = "allow-readable-secrets"

// othersMay are the permissions of a file by which others than its owner and group
// learn a secret, or replace it.
const othersMay os.FileMode = 0o006

// checkSecrets refuses files with passwords and keys that everybody on the machine can
// read or write. A file that is not there is for who reads it.
func (p *proxyCommand) checkSecrets() error {
	if p.allowReadable || runtime.GOOS == "windows" { // where these permissions mean nothing
		return nil
	}
	var errs []error
	for _, secret := range []struct {
		flag string
		file *once
	}{
		{"users", p.users}, {"tls-key", p.key}, {"keytab", p.keytab}, {"upstream-password-file", p.upstreamPassword},
	} {
		if !secret.file.given {
			continue
		}
		info, err := os.Stat(secret.file.text)
		if err == nil && info.Mode().Perm()&othersMay != 0 {
			errs = append(errs, fmt.Errorf("--%s: everybody on this machine can read or write %s (mode %04o): expected a file for its owner and group alone, as chmod o= makes it, or --%s",
				secret.flag, secret.file.text, info.Mode().Perm(), allowReadableFlag))
		}
	}
	return errors.Join(errs...)
}
