package acl

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
)

// Format is a way to write bindings as text. [Read] and [Write] know all of
// them. The zero Format is FormatAuto.
type Format uint8

// The formats. All are UTF-8, with lines that end in LF or CRLF.
const (
	// FormatAuto is for reading only: the format is told by the first line that is
	// not blank.
	FormatAuto Format = iota
	// FormatText is what kafka-acls --list prints since Kafka 4.1. It cannot hold
	// control characters.
	FormatText
	// FormatText3 is the same with the spaces that kafka-acls printed before 4.1,
	// at the end of some lines and at the beginning of others. The two are read
	// alike, and so is what releases before 2.4 print.
	FormatText3
	// FormatJSON is JSON lines: one object a line, of the shape of
	// [Binding.MarshalJSON]. It can hold every valid binding whose text is valid
	// UTF-8.
	FormatJSON
	// FormatZooKeeper is what Kafka up to 3.9 keeps in ZooKeeper, one line a
	// resource: the path of the node, a space, and the JSON document in it. It
	// cannot hold names that no node can have.
	FormatZooKeeper
)

var formatNames = enum.Names{"auto", "kafka-acls", "kafka-acls-3", "json", "zookeeper"}

// ParseFormat returns the format that s names: "auto", "kafka-acls",
// "kafka-acls-3", "json" or "zookeeper". On error the result is FormatAuto.
func ParseFormat(s string) (Format, error) {
	code, err := formatNames.ParseExact("format", s)
	return Format(code), err
}

// String returns the name of f, or "Format(99)" for a value that is none of the
// constants.
func (f Format) String() string { return formatNames.String("Format", int(f)) }

// codec is how one format is read and written.
type codec struct {
	newParser func() lineParser
	// render appends the ACLs of one resource to buf, as whole lines.
	render func(buf *bytes.Buffer, p resource.Pattern, entries []Entry)
	// onePlace says that the ACLs of a resource must stand together, so that the
	// writer sorts by resource.
	onePlace bool
}

// lineParser reads the lines of one file in order. It sees no blank line and no
// line that is too long or not UTF-8.
type lineParser interface {
	// appendLine appends the bindings of a line to dst, or says what is wrong with
	// the line. It may append bindings of a line that it finds wrong, since no
	// binding of such a file is used.
	appendLine(dst []Binding, line string) ([]Binding, []problem)
}

var codecs = map[Format]codec{
	FormatText:      {newParser: newTextParser, render: renderText},
	FormatText3:     {newParser: newTextParser, render: renderText3},
	FormatJSON:      {newParser: newJSONParser, render: renderJSON},
	FormatZooKeeper: {newParser: newZooKeeperParser, render: renderZooKeeper, onePlace: true},
}

// codecOf returns the codec of f, which must be no FormatAuto.
func codecOf(f Format) (codec, error) {
	c, ok := codecs[f]
	if !ok {
		return codec{}, fmt.Errorf("acl: %v is no format to read or write: expected one of %s",
			f, strings.Join(formatNames[FormatText:], ", "))
	}
	return c, nil
}

// firstLines says how the first line of each format begins.
var firstLines = []struct {
	prefix string
	format Format
}{
	{currentHeading, FormatText},
	{addingHeading, FormatText},
	{principalHeading, FormatText},
	{"\t", FormatText}, // an entry whose heading is missing, which the parser then says
	{" \t", FormatText},
	{"{", FormatJSON},
	{"/", FormatZooKeeper},
}

// detect returns the format whose first line could be line.
func detect(line string) (Format, *problem) {
	for _, first := range firstLines {
		if strings.HasPrefix(line, first.prefix) {
			return first.format, nil
		}
	}
	return FormatAuto, &problem{0, enum.Quote(line),
		fmt.Sprintf("a dump of ACLs that begins with %s…`: (kafka-acls), { (json) or %s (zookeeper)", currentHeading, literalPath)}
}
