package proxy

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// allowReadableFlag lets the proxy accept files with secrets that other users of the
// machine can read or replace.
const allowReadableFlag = "allow-readable-secrets"

// checkSecrets refuses files with passwords and keys that other users of the machine can
// read or replace.
func (p *command) checkSecrets() error {
	if p.allowReadable {
		return nil
	}
	var errs cli.Errors
	for _, secret := range []struct {
		name string
		file *cli.Once
	}{{"users", p.users}, {"salt-secret", p.saltSecret}, {"tls-key", p.key}, {"keytab", p.keytab}, {"upstream-password-file", p.upstreamPassword}} {
		if secret.file.Given {
			errs.Add(refuseExposed("--"+secret.name, secret.file.Text))
		}
	}
	return errs.Join()
}

// exposure describes how users other than root and the current user can read or replace
// a file. It returns "" if they cannot. The rules are those of OpenSSH and PostgreSQL:
//
//   - The file, and every folder and symbolic link in its path, belong to root or to the
//     current user, because the owner of a folder can replace its files.
//   - Others have no access to the file. Its group may read it if root owns it, because
//     then an administrator has chosen the group.
//   - A folder that its group or others may write has the sticky bit, as /tmp has, so that
//     users can replace only their own files.
//
// On systems without file owners, such as Windows, it returns "". It ignores a missing
// file: the reader of the file reports it.
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
		return "everybody on this machine can read or write " + named(file) + "; chmod o= prevents this"
	case mode&0o030 != 0:
		return "its group can write " + named(file) + "; chmod g-w prevents this"
	case mode&0o040 != 0 && owner != 0:
		return "its group can read " + named(file) + "; chmod g= prevents this; only files of root may have group access"
	}
	return wayExposure(file, user)
}

// maxLinks is the limit on symbolic links in a path, as in Linux.
const maxLinks = 40

// wayExposure is exposure for the folders and symbolic links in the path of a file.
func wayExposure(file string, user int) string {
	path, err := filepath.Abs(file)
	if err != nil {
		return ""
	}
	at, rest := string(filepath.Separator), strings.Split(path[1:], string(filepath.Separator))
	for links := 0; ; {
		info, err := os.Lstat(at)
		if err != nil {
			return "" // such as a pipe of this process, which has no path
		}
		owner, _ := ownerOf(info)
		isLink := info.Mode()&fs.ModeSymlink != 0
		switch perm := info.Mode().Perm(); {
		case (isLink || info.IsDir()) && owner != 0 && owner != user:
			return fmt.Sprintf("%s, in the path of %s, belongs to user %d", lines.OnOneLine(at), lines.OnOneLine(file), owner)
		case info.IsDir() && perm&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
			return fmt.Sprintf("users other than the owner can replace %s: they can write the folder %s (mode %04o), which has no sticky bit",
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
