package acl

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/resource"
)

// Format is a text format for bindings, for [Read] and [Write]. The zero Format is
// FormatAuto.
type Format uint8

// The formats. All are UTF-8, with lines that end in LF or CRLF.
const (
	// FormatAuto is for reading only: the first line that is not blank determines the
	// format.
	FormatAuto Format = iota
	// FormatText is the output of kafka-acls --list since Kafka 4.1. It cannot
	// represent control characters.
	FormatText
	// FormatText3 is FormatText with the spaces that kafka-acls printed before 4.1, at
	// the end of some lines and at the beginning of others. Read accepts either, and
	// also the output of releases before 2.4.
	FormatText3
	// FormatJSON is JSON lines: one object per line, as in [Binding.MarshalJSON]. It
	// can represent every valid binding whose text is valid UTF-8.
	FormatJSON
	// FormatZooKeeper is what Kafka up to 3.9 stores in ZooKeeper, one line per
	// resource: the path of the node, a space, and the node's JSON document. It cannot
	// represent names that are not allowed in a path.
	FormatZooKeeper
)

var formatNames = enum.Names{"auto", "kafka-acls", "kafka-acls-3", "json", "zookeeper"}

// String returns the name of f, or "Format(99)" for an unknown value.
func (f Format) String() string { return formatNames.String("Format", int(f)) }

// codec reads and writes one format.
type codec struct {
	newParser func() lineParser
	// render appends the ACLs of one resource to buf, as whole lines.
	render func(buf *bytes.Buffer, p resource.Pattern, entries []Entry)
	// onePlace says that all ACLs of a resource must be together, so that the writer
	// sorts by resource.
	onePlace bool
}

// lineParser parses the lines of one file in order. It does not get blank lines, nor
// lines that are too long or not UTF-8.
type lineParser interface {
	// parseLine adds to f what it finds in a line. It may also add bindings of an invalid
	// line, because no binding of such a file is used.
	parseLine(f *findings, line string)
}

var codecs = map[Format]codec{
	FormatText:      {newParser: newTextParser, render: renderText},
	FormatText3:     {newParser: newTextParser, render: renderText3},
	FormatJSON:      {newParser: newJSONParser, render: renderJSON},
	FormatZooKeeper: {newParser: newZooKeeperParser, render: renderZooKeeper, onePlace: true},
}

// codecOf returns the codec of f, which must not be FormatAuto.
func codecOf(f Format) (codec, error) {
	c, ok := codecs[f]
	if !ok {
		return codec{}, fmt.Errorf("acl: %v is not a format for reading or writing: expected one of %s",
			f, strings.Join(formatNames[FormatText:], ", "))
	}
	return c, nil
}

// firstLines lists how the first line of each format begins.
var firstLines = []struct {
	prefix string
	format Format
}{
	{currentHeading, FormatText},
	{addingHeading, FormatText},
	{principalHeading, FormatText},
	{"\t", FormatText}, // an entry without a heading, which the parser then reports
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
	return FormatAuto, span{Text: line, Offset: 0}.Unlike("", fmt.Sprintf(
		"a dump of ACLs that begins with %s…`: (kafka-acls), { (json) or %s (zookeeper)", currentHeading, literalPath))
}
