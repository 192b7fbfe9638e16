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
	// sumSuffix is appended to the name of a file to get the name of its checksum file.
	sumSuffix = ".sum"
	// maxChecksums is the maximum number of checksums in a checksum file: that of the
	// current content and, while the file is being replaced, that of the new content.
	maxChecksums = 2
	// maxSumBytes bounds the size of the checksum file. Linux paths have at most 4,096
	// bytes, and escaping at most doubles that.
	maxSumBytes = maxChecksums * (sha256.Size*2 + 2*4096 + 8)
)

// Checksums says how to treat a file without a checksum. The zero Checksums is
// ChecksumRequired.
type Checksums uint8

// The two ways to treat a file without a checksum file. If there is a checksum file,
// the file must match it in both cases.
const (
	// ChecksumRequired refuses it. Use it for files that Save writes.
	ChecksumRequired Checksums = iota
	// ChecksumOptional loads it if it contains a binding. An empty file is refused even
	// so: it is what a writer leaves that has just begun. In a store that allows access
	// to resources without ACLs, the empty set would allow everything.
	ChecksumOptional
)

// ChecksumError is the error for a file that does not match its checksum, or that has
// no usable checksum.
type ChecksumError struct {
	Path     string // path of the file, with symbolic links resolved
	Missing  bool   // there is no checksum file
	Found    string
	Expected string // what is expected, and what to do
}

// Error returns "aclfile: checksum of "path": found …, expected …".
func (e *ChecksumError) Error() string {
	return fmt.Sprintf("aclfile: checksum of %s: found %s, expected %s", enum.Quote(e.Path), e.Found, e.Expected)
}

// digest is a checksum.
type digest [sha256.Size]byte

// sumEscapes is how sha256sum escapes characters in a name that would break its line.
// It marks such a line with a backslash at the beginning.
var sumEscapes = strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\r", "\\r")

// formatSum returns the checksum file for path with the given digests.
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

// parseSum parses a checksum file. It ignores the names in it, so that a file and its
// checksum can be moved together. A truncated file is refused.
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
		"or two while the file is being replaced: create it again if the content of the file is correct"}
}

// checkSum reports whether d, the digest of the file's content, is in the checksum file
// of path. The error is a *ChecksumError, or one from reading the checksum file.
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
			Expected: fmt.Sprintf("%x as in %s: restore the file, or create its checksum again if its content is correct",
				digests[len(digests)-1], enum.Quote(path+sumSuffix))}
	}
	return true, nil
}
