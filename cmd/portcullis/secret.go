package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// allowReadableFlag lets the proxy take files with secrets that other users of the machine
// can read or replace.
const allowReadableFlag = "allow-readable-secrets"

// checkSecrets refuses files with passwords and keys that other users of the machine can
// read or replace.
func (p *proxyCommand) checkSecrets() error {
	if p.allowReadable {
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
		if wrong := exposure(secret.file.text, os.Geteuid()); wrong != "" {
			errs = append(errs, fmt.Errorf("--%s: %s; expected a secret that only its owner and root can read and replace, or --%s",
				secret.flag, wrong, allowReadableFlag))
		}
	}
	return errors.Join(errs...)
}

// exposure says how users other than root and the one that runs the program can read or
// replace a file, or returns "". The rules are those of OpenSSH and PostgreSQL:
//
//   - The file, every folder and every symbolic link on the way to it belong to root or to
//     the user. Who owns a folder replaces what is in it.
//   - The file gives others no right. Its group may read it if root owns it: an administrator
//     has chosen the group then.
//   - A folder that its group or others may write has the sticky bit, as /tmp has, so that
//     only owners replace what is theirs.
//
// Where files have no owner, as on Windows, it finds nothing. A file that is not there is for
// who reads it.
func exposure(file string, user int) string {
	info, err := os.Stat(file)
	if err != nil {
		return ""
	}
	owner, ok := ownerOf(info)
	if !ok {
		return ""
	}
	mode := info.Mode().Perm()
	named := func(path string) string { return fmt.Sprintf("%s (mode %04o)", lines.OnOneLine(path), mode) }
	switch {
	case owner != 0 && owner != user:
		return fmt.Sprintf("%s belongs to user %d", named(file), owner)
	case mode&0o007 != 0:
		return "everybody on this machine can read or write " + named(file) + ", which chmod o= prevents"
	case mode&0o030 != 0:
		return "its group can write " + named(file) + ", which chmod g-w prevents"
	case mode&0o040 != 0 && owner != 0:
		return "its group can read " + named(file) + ", which chmod g= prevents; group access is allowed to files of root only"
	}
	return wayExposure(file, user)
}

// maxLinks is how many symbolic links a path may have, as in Linux.
const maxLinks = 40

// wayExposure is exposure for the folders and the symbolic links on the way to a file.
func wayExposure(file string, user int) string {
	path, err := filepath.Abs(file)
	if err != nil {
		return ""
	}
	at, rest := string(filepath.Separator), strings.Split(path[1:], string(filepath.Separator))
	for links := 0; ; {
		info, err := os.Lstat(at)
		if err != nil {
			return "" // such as a pipe of this process, which has no name
		}
		owner, _ := ownerOf(info)
		isLink := info.Mode()&fs.ModeSymlink != 0
		switch perm := info.Mode().Perm(); {
		case (isLink || info.IsDir()) && owner != 0 && owner != user:
			return fmt.Sprintf("%s, on the way to %s, belongs to user %d", lines.OnOneLine(at), lines.OnOneLine(file), owner)
		case info.IsDir() && perm&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
			return fmt.Sprintf("others than its owner can replace %s: they can write the folder %s (mode %04o), which has no sticky bit",
				lines.OnOneLine(file), lines.OnOneLine(at), perm)
		}
		if isLink {
			if links++; links > maxLinks {
				return ""
			}
			target, err := os.Readlink(at)
			if err != nil {
				return ""
			}
			at = filepath.Dir(at)
			if filepath.IsAbs(target) {
				at = string(filepath.Separator)
			}
			rest = append(strings.Split(target, string(filepath.Separator)), rest...)
		}
		for len(rest) > 0 && rest[0] == "" {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return ""
		}
		at, rest = filepath.Join(at, rest[0]), rest[1:]
	}
}
