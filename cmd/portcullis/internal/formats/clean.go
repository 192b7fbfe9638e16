package formats

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// A dump has often gone through a terminal, a ticket or a README before it gets here: tabs are
// spaces, lines begin with "# ", and between them are prompts, warnings of the JVM and lines of
// a log. The cleaner undoes that where only one reading is possible. It never drops a line that
// looks like an ACL: what it cannot undo is left to the parser, which refuses it.

// The headings of kafka-acls and the beginning of its entries.
var headings = []string{"Current ACLs for resource `", "Adding ACLs for resource `", "ACLs for principal `"}

const (
	entryStart = "(principal=" // since 2.4
	entryWords = " permission for operations: "
	pattern24  = "ResourcePattern("
)

var (
	// decoration is what is put before a line of text: the name of a container, as docker
	// compose does, and the marks of comments, quotations, lists and code. A single - or + is not
	// among them: in a difference of two dumps it says which ACLs are gone.
	decoration = regexp.MustCompile(`^(?:[\w.-]+[ \t]+\|)?[ \t\x{A0}]*(?:(#+|//+|--|[>*|]|` + "```" + `|<(?:pre|code)[^<>]*>)[ \t\x{A0}]*)*`)
	// colours are the escape sequences of a terminal at both ends of a line. Others are left: they
	// may be a part of a name.
	colours = regexp.MustCompile(`^(?:\x1b\[[0-9;]*[mK])+|(?:\x1b\[[0-9;]*[mK])+[ \t]*$`)
	// getNode is a command of zookeeper-shell that prints the content of a node of ACLs.
	getNode = regexp.MustCompile(`(?:^|[\s\])])get\s+(?:-\w+\s+)*(/kafka-acl(?:-extended)?/\S.*?)\s*$`)
	// nodeContent is such a content.
	nodeContent = regexp.MustCompile(`^\s*\{.*"acls"\s*:`)
	// node is the beginning of a line with a node and its content.
	node = regexp.MustCompile(`^/kafka-acl(-extended)?/`)
	// looksLike matches what lines with ACLs have, in any format of package acl.
	looksLike = regexp.MustCompile("ACLs for (?:resource|principal) `|\\(principal=|ResourcePattern\\(|permissionType=|patternType=| permission for operations: |" +
		`"(?:acls|principal|permissionType|permission|resourceType|patternType)"\s*:|^\s*/kafka-acl(?:-extended)?/`)
)

const space = " \t\u00A0"

// cleaner reads a text and returns it line by line as the formats of package acl have it. A line
// that is skipped is empty, so that line numbers stay.
type cleaner struct {
	input *bufio.Reader
	out   []byte // what is to be returned next
	err   error
	long  bool // in the middle of a line that is too long

	number  int
	mark    string  // what stood before the last heading
	old     bool    // the last heading has the form of a release before 2.4
	text    bool    // a heading was read
	json    bool    // a line of JSON was read
	node    bool    // a node of ZooKeeper was read
	path    string  // the node whose content comes next
	shifts  []shift // of the lines whose columns are moved, in order
	skipped Skipped
	other   int              // what the text seems to be instead of ACLs, in others
	changed bool             // a line has other marks and spaces than kafka-acls prints
	acls    bool             // a line looks like an ACL
	refused []acl.ParseError // in lines that are not returned
}

// shift says by how many bytes the columns of a line, and of those after it, are moved.
type shift struct{ line, by int }

func newCleaner(r io.Reader) *cleaner {
	return &cleaner{input: bufio.NewReaderSize(r, lines.MaxBytes+2)}
}

// Read implements io.Reader.
func (c *cleaner) Read(p []byte) (int, error) {
	for len(c.out) == 0 && c.err == nil {
		c.readLine()
	}
	if len(c.out) == 0 {
		return 0, c.err
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

func (c *cleaner) readLine() {
	text, err := c.input.ReadSlice('\n')
	if err == bufio.ErrBufferFull || c.long {
		// The parser refuses a line that is too long.
		if !c.long {
			c.number++
		}
		c.out, c.acls = append(c.out[:0], text...), true
		c.long = err == bufio.ErrBufferFull
		if !c.long {
			c.err = err
		}
		return
	}
	c.err = err
	if len(text) == 0 {
		return
	}
	c.number++
	line, ended := strings.CutSuffix(string(text), "\n")
	line = strings.TrimSuffix(line, "\r")
	cut := 0
	if c.number == 1 && strings.HasPrefix(line, "\uFEFF") {
		cut = len("\uFEFF")
	}
	line = line[cut:]
	if strings.ContainsRune(line, '\x1b') {
		if at := colours.FindStringIndex(line); at != nil && at[0] == 0 {
			cut += at[1]
		}
		line = colours.ReplaceAllString(line, "")
	}
	cleaned, moved := c.clean(line)
	if cleaned != "" {
		c.move(moved + cut)
	}
	c.out = append(c.out[:0], cleaned...)
	if ended {
		c.out = append(c.out, '\n')
	}
}

func (c *cleaner) move(by int) {
	last := 0
	if n := len(c.shifts); n > 0 {
		last = c.shifts[n-1].by
	}
	if by != last {
		c.shifts = append(c.shifts, shift{c.number, by})
	}
}

// clean returns a line as the parsers want it, and how far its text is moved to the left. A
// line that is no ACL is "".
func (c *cleaner) clean(line string) (_ string, moved int) {
	switch {
	case strings.Trim(line, space) == "":
		return "", 0
	case !c.old && strings.HasPrefix(line, "\t"+entryStart) && strings.HasSuffix(line, ")"):
		c.acls = true
		return line, 0 // most lines of most files
	}
	at := decoration.FindStringSubmatchIndex(line)
	content, mark := line[at[1]:], ""
	if at[2] >= 0 {
		mark = line[at[2]:at[3]]
	}
	before := line[:at[1]]
	for _, heading := range headings {
		if strings.HasPrefix(content, heading) {
			c.changed = c.changed || before != ""
			c.acls, c.text, c.mark = true, true, mark
			c.old = strings.HasSuffix(heading, "resource `") && !strings.HasPrefix(content[len(heading):], pattern24)
			return strings.TrimRight(content, space), at[1]
		}
	}
	switch trimmed := strings.TrimLeft(line, space); {
	case strings.HasPrefix(content, entryStart) && !c.old:
		c.acls, c.changed = true, c.changed || before != "\t" && before != " \t"
		content = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(content, space), "```"), space)
		return "\t" + content, at[1] - 1
	case c.old && strings.Contains(line, entryWords):
		c.acls = true
		return c.oldEntry(line)
	case node.MatchString(content):
		c.acls, c.node = true, true
		return content, at[1]
	case c.path != "" && nodeContent.MatchString(line):
		path := c.path
		c.acls, c.node, c.path = true, true, ""
		return path + " " + trimmed, len(line) - len(trimmed) - len(path) - 1
	case c.isNode(line):
		return "", 0
	case strings.HasPrefix(trimmed, "{") && (c.json || looksLike.MatchString(trimmed)) && !c.text:
		c.acls, c.json = true, true
		return trimmed, len(line) - len(trimmed)
	case looksLike.MatchString(line):
		c.acls = true
		return line, 0
	}
	c.skipped.skipLine(c.number, strings.Trim(line, space))
	for i, other := range others {
		if c.other == 0 && other.line.MatchString(line) {
			c.other = i
		}
	}
	return "", 0
}

// others are texts that have no ACLs, and what to do with them. The first is any.
var others = []struct {
	line *regexp.Regexp
	next string
}{
	{regexp.MustCompile(`^$`), "portcullis convert --help names the formats that can be read; --bootstrap-server HOST:PORT reads the ACLs of a cluster itself"},
	{regexp.MustCompile(`Principal = .* is (?:Allowed|Denied) [Oo]peration = `), "it looks like the log of an authorizer: portcullis suggest --trace FILE reads it"},
	{regexp.MustCompile(`^\s*\[(?:libdefaults|realms)\]|auth_to_local|principal\.(?:mapping|to\.local)\.rules`), "it looks like a configuration with rules for names: portcullis principal reads it"},
}

// oldEntry cleans an entry of a release before 2.4. Anything may be part of its principal: with
// a tab before it, it is left as it is, and without one it loses spaces, and the mark that its
// heading had.
func (c *cleaner) oldEntry(line string) (_ string, moved int) {
	if strings.HasPrefix(line, "\t") || strings.HasPrefix(line, " \t") {
		return line, 0
	}
	c.changed = true
	content := strings.TrimLeft(line, space)
	if c.mark != "" {
		content = strings.TrimLeft(strings.TrimPrefix(content, c.mark), space)
	}
	return "\t" + strings.TrimRight(content, space), len(line) - len(content) - 1
}

// isNode reports whether a line is a part of the output of zookeeper-shell that has no ACL of
// its own. The content of a node without its path is refused: the path says what the ACLs are
// about.
func (c *cleaner) isNode(line string) bool {
	found := getNode.FindStringSubmatch(line)
	switch {
	case found != nil:
		c.path = found[1]
		return true
	case !nodeContent.MatchString(line) || c.text || c.json:
		return false
	}
	c.acls = true
	c.refused = append(c.refused, acl.ParseError{Line: c.number, Column: 1, Found: "the content of a ZooKeeper node without its path, which says what the ACLs are about",
		Expected: "the command before it, such as get /kafka-acl/Topic/orders, or the path, a space and the content on one line"})
	return true
}

// finish returns the set of ACLs that were read of a cleaned text, or all errors.
func (c *cleaner) finish(bindings []acl.Binding, err error, file string) (*Set, error) {
	set := &Set{ACLs: bindings, Skipped: c.skipped}
	list, ok := errors.AsType[acl.ParseErrors](err)
	if err != nil && !ok {
		return nil, err
	}
	failed := len(c.refused) > 0
	for _, e := range list {
		e.Column = max(1, e.Column+c.shiftOf(e.Line))
		failed = failed || e.Unknown == nil
	}
	if !failed {
		for _, e := range list {
			set.Apart = append(set.Apart, Apart{*e.Unknown, fmt.Sprintf("%s:%d:%d", file, e.Line, e.Column), e.Found})
		}
		return set, nil
	}
	for i := range c.refused {
		c.refused[i].File = file
		list = append(list, &c.refused[i])
	}
	slices.SortStableFunc(list, func(a, b *acl.ParseError) int { return a.Line - b.Line })
	return nil, list
}

// shiftOf returns how far the columns of a line are moved.
func (c *cleaner) shiftOf(line int) int {
	i := sort.Search(len(c.shifts), func(i int) bool { return c.shifts[i].line > line })
	if i == 0 {
		return 0
	}
	return c.shifts[i-1].by
}
