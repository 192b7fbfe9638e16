package aclfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

const (
	// sumSuffix is what the name of a checksum file has after that of its file.
	sumSuffix = ".sum"
	// maxChecksums is how many checksums a checksum file names at the most: what
	// the file holds and, while it is being replaced, what it will hold.
	maxChecksums = 2
	// maxSumBytes bounds the checksum file. Linux has no path of more than 4,096
	// bytes, and escaping makes that twice as much at the most.
	maxSumBytes = maxChecksums * (sha256.Size*2 + 2*4096 + 8)
)

// Checksums says what to think of a file without a checksum. The zero Checksums is
// ChecksumRequired.
type Checksums uint8

// The two ways to treat a file without a checksum file beside it. If there is one,
// the file must match it in either.
const (
	// ChecksumRequired refuses it. It is for files that Save writes.
	ChecksumRequired Checksums = iota
	// ChecksumOptional loads it if it holds a binding. A file that holds none is
	// refused even so: it is what a writer leaves that has just begun, and the empty
	// set allows everything in a store that allows what no ACL speaks about.
	ChecksumOptional
)

// ChecksumError is a file that does not match its checksum, or has none that can
// be used.
type ChecksumError struct {
	Path     string // of the file, with symbolic links resolved
	Missing  bool   // there is no checksum file
	Found    string
	Expected string // and what to do
}

// Error returns "aclfile: checksum of "path": found …, expected …".
func (e *ChecksumError) Error() string {
	return fmt.Sprintf("aclfile: checksum of %s: found %s, expected %s", enum.Quote(e.Path), e.Found, e.Expected)
}

// digest is a checksum.
type digest [sha256.Size]byte

// sumEscapes is how sha256sum writes a name that would break its line. It marks
// the line with a backslash at its beginning.
var sumEscapes = strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\r", "\\r")

// formatSum returns the checksum file of path that names digests.
func formatSum(path string, digests []digest) []byte {
	name := filepath.Base(path)
	escaped := sumEscapes.Replace(name)
	mark := ""
	if escaped != name {
		mark = "\\"
	}
	var buf bytes.Buffer
	for _, d := range digests {
		fmt.Fprintf(&buf, "%s%x  %s\n", mark, d, escaped)
	}
	return buf.Bytes()
}

// parseSum reads a checksum file. The names in it mean nothing, so that a file
// and its checksum may be moved together. What is not whole is refused.
func parseSum(path string, text []byte) ([]digest, *ChecksumError) {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if last := len(lines) - 1; len(lines[last]) == 0 {
		lines = lines[:last]
	}
	if len(lines) == 0 || len(lines) > maxChecksums {
		return nil, malformedSum(path, fmt.Sprintf("%d lines in %s", len(lines), enum.Quote(path+sumSuffix)))
	}
	digests := make([]digest, len(lines))
	for i, line := range lines {
		hexed, name, ok := bytes.Cut(bytes.TrimPrefix(line, []byte("\\")), []byte(" "))
		if !ok || len(hexed) != hex.EncodedLen(sha256.Size) || !bytes.HasSuffix(name, []byte("\n")) {
			return nil, malformedSum(path, fmt.Sprintf("line %d of %s: %s", i+1, enum.Quote(path+sumSuffix), enum.Quote(string(line))))
		}
		if _, err := hex.Decode(digests[i][:], hexed); err != nil {
			return nil, malformedSum(path, fmt.Sprintf("line %d of %s: %s", i+1, enum.Quote(path+sumSuffix), enum.Quote(string(line))))
		}
	}
	return digests, nil
}

func malformedSum(path, found string) *ChecksumError {
	return &ChecksumError{Path: path, Found: found, Expected: "one line as sha256sum writes it, " +
		"or two while the file is being replaced: write it anew if the content of the file is meant"}
}

// checkSum reports whether the checksum file of path names d, which is what the
// file holds. The error is a *ChecksumError, or one of reading the checksum file.
func checkSum(path string, d digest, sum []byte, err error) (verified bool, _ error) {
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	digests, malformed := parseSum(path, sum)
	if malformed != nil {
		return false, malformed
	}
	if !slices.Contains(digests, d) {
		return false, &ChecksumError{Path: path, Found: fmt.Sprintf("%x", d),
			Expected: fmt.Sprintf("%x as in %s: bring the file back, or write its checksum anew if its content is meant",
				digests[len(digests)-1], enum.Quote(path+sumSuffix))}
	}
	return true, nil
}
