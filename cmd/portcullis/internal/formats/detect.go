package formats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
)

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

// Read returns what a file holds, or all its errors. Its format may be AUTO, and its text UTF-16 or compressed with gzip.
func (f Format) Read(r io.Reader, file string) (*Set, error) {
	input, err := cli.Text(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	start, err := input.Peek(cli.PeekBytes)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var text io.Reader = input
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

// readACL returns a function that reads a format of package acl.
func readACL(f acl.Format) func(r io.Reader, file string) (*Set, error) {
	return func(r io.Reader, file string) (*Set, error) {
		c := newCleaner(r)
		bindings, err := acl.Read(c, file, f)
		set, err := c.finish(bindings, err, file)
		switch {
		case err == nil && !c.acls && c.skipped.Lines > 0:
			return nil, c.nothing(f, file)
		case err != nil && c.acls && (c.changed || c.skipped.Lines > 0 || !c.text && !c.json && !c.node):
			err = errors.Join(err, fmt.Errorf("the text of %s seems to have been changed on its way: for a clean dump, use kafka-acls --bootstrap-server HOST:PORT --list > acls.txt", file))
		case hasLineBreak(err):
			err = errors.Join(err, fmt.Errorf("a line of %s is wrapped, or a name has a line break, which kafka-acls does not escape: read the ACLs of the cluster itself, with --bootstrap-server HOST:PORT instead of --acls", file))
		}
		return set, err
	}
}

// hasLineBreak reports whether one of the errors is a heading that ends too early.
func hasLineBreak(err error) bool {
	list, _ := errors.AsType[acl.ParseErrors](err)
	return slices.ContainsFunc(list, func(e *acl.ParseError) bool {
		return e.Found == "the end of the line" && strings.HasPrefix(e.Expected, "\"`:\"")
	})
}

// nothing returns the error for a text with lines of which none looks like an ACL.
func (c *cleaner) nothing(f acl.Format, file string) error {
	_, err := acl.Read(strings.NewReader(c.skipped.Text), file, f)
	if list, ok := errors.AsType[acl.ParseErrors](err); ok {
		list[0].Line = c.skipped.First
		if f != acl.FormatAuto {
			return list
		}
		return errors.Join(list, fmt.Errorf("%s has no ACLs: %s", file, others[c.other].next))
	}
	return fmt.Errorf("%s: %d lines, and none of them looks like an ACL", file, c.skipped.Lines)
}
