package formats

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"github.com/portcullis-authz/portcullis/acl"
)

// peekBytes is how much of a file is looked at to find its format.
const peekBytes = 1 << 16

// A file whose beginning matches one of these is in the format, and in no other.
var beginnings = []struct {
	format string
	begins *regexp.Regexp
}{
	{rpk.name, regexp.MustCompile(`^\s*\{\s*"(?:matches|filters)"\s*:`)},
	{strimzi.name, regexp.MustCompile(`^\s*\{\s*"(?:apiVersion|kind|items)"\s*:|^(?:---|#[^\n]*|\s)*(?:apiVersion|kind|items):`)},
	{ksm.name, regexp.MustCompile(`^\s*"?KafkaPrincipal"?\s*[,;]`)},
	{kafkaUI.name, regexp.MustCompile(`(?i)^\s*Principal *, *ResourceType *,`)},
}

// fence matches the lines of Markdown around code.
var fence = regexp.MustCompile("(?m)^[ \t]*(?:```|~~~)[^\n]*$")

// withoutFences returns a text without the marks of Markdown, if it begins with one.
func withoutFences(text string) string {
	if start := strings.TrimLeft(text, " \t\r\n"); !strings.HasPrefix(start, "```") && !strings.HasPrefix(start, "~~~") {
		return text
	}
	return fence.ReplaceAllString(text, "")
}

// detect returns the format of a file that begins with start, or "" if it is one of package
// acl or none.
func detect(start string) string {
	start = withoutFences(start)
	for _, f := range beginnings {
		if f.begins.MatchString(start) {
			return f.format
		}
	}
	return ""
}

// ofACL returns the name of the format of package acl that a text seems to be in, or "".
func ofACL(start string) string {
	switch c := newCleaner(strings.NewReader(start)); {
	case c.readAll() != nil || !c.acls:
		return ""
	case c.text:
		return acl.FormatText.String()
	case c.json:
		return acl.FormatJSON.String()
	}
	return acl.FormatZooKeeper.String()
}

func (c *cleaner) readAll() error {
	_, err := io.Copy(io.Discard, c)
	return err
}

// Read returns what a file holds, or all its errors. Its format may be AUTO, and its text UTF-16.
func (f Format) Read(r io.Reader, file string) (*Set, error) {
	input := bufio.NewReaderSize(r, peekBytes)
	start, err := input.Peek(peekBytes)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var text io.Reader = input
	wide := isUTF16(start)
	if wide {
		// Without a mark Windows writes the low byte first.
		endian := unicode.LittleEndian
		if bytes.HasPrefix(start, []byte{0xFE, 0xFF}) || start[0] == 0 {
			endian = unicode.BigEndian
		}
		input = bufio.NewReaderSize(unicode.UTF16(endian, unicode.UseBOM).NewDecoder().Reader(input), peekBytes)
		text = &replacementRefuser{r: input}
		if start, err = input.Peek(peekBytes); err != nil && err != io.EOF {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	found := detect(string(bytes.TrimPrefix(start, []byte("\uFEFF"))))
	use := f
	if f.name == acl.FormatAuto.String() && found != "" {
		use, _ = Find("", found, Readable)
	}
	set, err := use.read(text, file)
	if err == nil || f.name == acl.FormatAuto.String() {
		return set, err
	}
	if found == "" {
		found = ofACL(string(start))
	}
	if found != "" && found != f.name && !(found == acl.FormatText.String() && f.name == acl.FormatText3.String()) {
		err = errors.Join(err, fmt.Errorf("the text of %s looks like %s: read it with --format %s", file, found, found))
	}
	return nil, err
}

// isUTF16 reports whether a text is in UTF-16, as PowerShell writes what a command prints: with
// a byte order mark, or with a zero byte in its first character.
func isUTF16(start []byte) bool {
	return len(start) >= 2 && (start[0] == 0xFF && start[1] == 0xFE || start[0] == 0xFE && start[1] == 0xFF || (start[0] == 0) != (start[1] == 0))
}

// replacementRefuser ends a text before the first character that was half of a pair in UTF-16:
// two different names would become equal.
type replacementRefuser struct{ r io.Reader }

func (t *replacementRefuser) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if bytes.Contains(p[:n], []byte(string(utf8.RuneError))) {
		return 0, errors.New("found half of a pair of UTF-16, or U+FFFD, expected whole characters: save the text as UTF-8")
	}
	return n, err
}

// readACL returns a function that reads a format of package acl.
func readACL(f acl.Format) func(r io.Reader, file string) (*Set, error) {
	return func(r io.Reader, file string) (*Set, error) {
		c := newCleaner(r)
		bindings, err := acl.Read(c, file, f)
		set, err := c.finish(bindings, err, file)
		switch {
		case err == nil && !c.acls && c.skipped.Lines > 0:
			return nil, c.nothing(f, file)
		case err != nil && (c.changed || c.skipped.Lines > 0) && c.acls:
			err = errors.Join(err, fmt.Errorf("the text of %s seems to have been changed on its way: for a clean dump, use kafka-acls --bootstrap-server HOST:PORT --list > acls.txt", file))
		}
		return set, err
	}
}

// nothing returns the error for a text with lines of which none looks like an ACL.
func (c *cleaner) nothing(f acl.Format, file string) error {
	_, err := acl.Read(strings.NewReader(c.skipped.Text), file, f)
	if list, ok := errors.AsType[acl.ParseErrors](err); ok {
		list[0].Line = c.skipped.First
		return list
	}
	return fmt.Errorf("%s: %d lines, and none of them looks like an ACL", file, c.skipped.Lines)
}
