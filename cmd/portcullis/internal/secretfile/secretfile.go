// Package secretfile reads the files with which a server logs in and lets others log in: passwords,
// keys and certificates. It refuses secrets that other users of the machine can read or replace.
package secretfile

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// AllowReadableFlag lets a server accept files with secrets that other users of the machine can
// read or replace.
const AllowReadableFlag = "allow-readable-secrets"

// AllowReadableUsage is the help about [AllowReadableFlag].
const AllowReadableUsage = "accept files with passwords and keys that other users of the machine can read or replace"

// Refuse returns an error if others can read or replace a file with a secret.
func Refuse(what, file string) error {
	if wrong := exposure(file, os.Geteuid()); wrong != "" {
		return fmt.Errorf("%s: %s; expected a secret that only its owner and root can read and replace, or --%s", what, wrong, AllowReadableFlag)
	}
	return nil
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

// ReadLines calls read for every line that is not blank and not a comment. read returns
// an error as found and expected, or empty strings.
func ReadLines(file string, read func(line string) (found, expected string)) error {
	text, err := cli.ReadConfig(file, nil)
	if err != nil {
		return err
	}
	problems := cli.Problems{File: file}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if found, expected := read(line); expected != "" {
			problems.Add(number, 1, found, expected)
		}
	}
	return problems.Err()
}

// ReadPassword reads user:password, of which each may be a JSON string.
func ReadPassword(line string) (user, password string, err error) {
	rest := ""
	if strings.Contains(line, `"`) && !utf8.ValidString(line) {
		return "", "", errors.New("not UTF-8") // the decoder would replace bytes
	}
	if !strings.HasPrefix(line, `"`) {
		ok := false
		if user, rest, ok = strings.Cut(line, ":"); !ok {
			return "", "", errors.New("no colon")
		}
	} else {
		decoder := json.NewDecoder(strings.NewReader(line))
		if err := decoder.Decode(&user); err != nil {
			return "", "", err
		}
		ok := false
		if rest, ok = strings.CutPrefix(line[decoder.InputOffset():], ":"); !ok {
			return "", "", errors.New("no colon")
		}
	}
	if !strings.HasPrefix(rest, `"`) {
		return user, rest, nil
	}
	decoder := json.NewDecoder(strings.NewReader(rest))
	if err := decoder.Decode(&password); err != nil {
		return "", "", err
	}
	if decoder.InputOffset() != int64(len(rest)) {
		return "", "", io.ErrUnexpectedEOF
	}
	return user, password, nil
}

// ReadPool reads a file of certificates, which a flag names.
func ReadPool(flag, file string) (*x509.CertPool, error) {
	text, err := cli.ReadConfig(file, nil)
	pool := x509.NewCertPool()
	if err == nil && !pool.AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s has no certificate: expected at least one in PEM", file)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return pool, nil
}
