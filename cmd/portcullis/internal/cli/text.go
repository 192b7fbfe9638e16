package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

// PeekBytes is how much of a text can be looked at before it is read.
const PeekBytes = 1 << 16

// Text returns a text that may be compressed with gzip, as rotated logs are, and in UTF-16, as
// PowerShell writes what a command prints. It is read as a stream. The first PeekBytes can be
// peeked at.
func Text(r io.Reader) (*bufio.Reader, error) {
	input := bufio.NewReaderSize(r, PeekBytes)
	start, err := input.Peek(PeekBytes)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if isGzip(start) {
		z, err := gzip.NewReader(input)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		input = bufio.NewReaderSize(gzipReader{z}, PeekBytes)
		if start, err = input.Peek(PeekBytes); err != nil && err != io.EOF {
			return nil, err
		}
		if isGzip(start) {
			return nil, errors.New("found gzip in gzip, expected text: unpack it first")
		}
	}
	if IsUTF16(start) {
		// Without a mark Windows writes the low byte first.
		endian := unicode.LittleEndian
		if bytes.HasPrefix(start, []byte{0xFE, 0xFF}) || start[0] == 0 {
			endian = unicode.BigEndian
		}
		decoded := bufio.NewReaderSize(unicode.UTF16(endian, unicode.UseBOM).NewDecoder().Reader(input), PeekBytes)
		input = bufio.NewReaderSize(&replacementRefuser{r: decoded}, PeekBytes)
	}
	return input, nil
}

func isGzip(start []byte) bool { return bytes.HasPrefix(start, []byte{0x1F, 0x8B}) }

// gzipReader says in its errors that the text is compressed.
type gzipReader struct{ z *gzip.Reader }

func (g gzipReader) Read(p []byte) (int, error) {
	n, err := g.z.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("gzip: %w", err)
	}
	return n, err
}

// IsUTF16 reports whether a text is in UTF-16: with a byte order mark, or with a zero byte in
// its first character.
func IsUTF16(start []byte) bool {
	return len(start) >= 2 && (start[0] == 0xFF && start[1] == 0xFE || start[0] == 0xFE && start[1] == 0xFF || (start[0] == 0) != (start[1] == 0))
}

// replacementRefuser ends a text before the first character that was half of a pair in UTF-16:
// two different names would become equal.
type replacementRefuser struct {
	r    *bufio.Reader
	rest []byte // of the last character
}

// Read implements io.Reader.
func (t *replacementRefuser) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(t.rest) == 0 {
			if n > 0 && t.r.Buffered() < utf8.UTFMax {
				break
			}
			c, _, err := t.r.ReadRune()
			if err != nil {
				return n, err
			}
			if c == utf8.RuneError {
				return n, errors.New("found half of a pair of UTF-16, or U+FFFD, expected whole characters: save the text as UTF-8")
			}
			t.rest = utf8.AppendRune(t.rest[:0], c)
		}
		k := copy(p[n:], t.rest)
		t.rest = t.rest[k:]
		n += k
	}
	return n, nil
}
