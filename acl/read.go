package acl

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxLineBytes is the longest line that [Read] reads, without its line break. A
// line of the ZooKeeper format holds a whole node, and no node is larger than
// 1 MiB unless somebody has raised ZooKeeper's jute.maxbuffer.
const MaxLineBytes = 1 << 20

// byteOrderMark may stand at the beginning of a file and means nothing.
const byteOrderMark = "\uFEFF"

// Read reads all bindings of r, in the order of the file, repeated ones
// included. Blank lines are skipped. Every binding passes [Binding.Validate].
//
// It is all or nothing: if anything is wrong with the file, no binding is
// returned, and the error is a [ParseErrors] that says everything that is wrong,
// where, and what to write instead. An error of r itself is returned as it is,
// wrapped, with file before it. An empty file holds no binding and is no error.
//
// file is the name of the file in errors and may be empty. Memory grows with what
// is read; texts that occur many times are kept once.
//
// Source: Kafka's AclCommand and AccessControlEntry.toString (text), AclEntry and
// ZkData (ZooKeeper).
func Read(r io.Reader, file string, format Format) ([]Binding, error) {
	d := reader{lines: lineReader{input: bufio.NewReader(r)}, errors: errorList{file: file}, texts: map[string]string{}}
	if format != FormatAuto {
		c, err := codecOf(format)
		if err != nil {
			return nil, err
		}
		d.parser = c.newParser()
	}
	if err := d.readAll(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := d.errors.err(); err != nil {
		return nil, err
	}
	return d.bindings, nil
}

// reader reads one file.
type reader struct {
	lines    lineReader
	parser   lineParser // nil until the format is known
	bindings []Binding
	errors   errorList
	texts    map[string]string // every text kept, so that equal ones are kept once and no line is kept for a part of it
}

func (d *reader) readAll() error {
	for d.lines.next() {
		problems := d.lines.check()
		if len(problems) == 0 && d.parser == nil {
			problems = d.chooseParser(d.lines.text)
		}
		if len(problems) == 0 {
			problems = d.parseLine(d.lines.text)
		}
		for _, p := range problems {
			p.offset += d.lines.offset
			d.errors.add(d.lines.number, p)
		}
		if d.parser == nil {
			return nil // nothing sensible can be said of what follows
		}
	}
	return d.lines.err
}

func (d *reader) chooseParser(line string) []problem {
	format, wrong := detect(line)
	if wrong != nil {
		return []problem{*wrong}
	}
	d.parser = codecs[format].newParser()
	return nil
}

func (d *reader) parseLine(line string) []problem {
	old := len(d.bindings)
	all, problems := d.parser.appendLine(d.bindings, line)
	if len(problems) > 0 || len(d.errors.list) > 0 {
		d.bindings = nil // none will be returned
		return problems
	}
	d.bindings = all
	for i := old; i < len(all); i++ {
		b := &all[i]
		for _, text := range []*string{&b.Pattern.Name, &b.Entry.Principal, &b.Entry.Host} {
			*text = d.intern(*text)
		}
	}
	return nil
}

func (d *reader) intern(s string) string {
	kept, ok := d.texts[s]
	if !ok {
		kept = strings.Clone(s)
		d.texts[kept] = kept
	}
	return kept
}

// lineReader reads lines that are not blank.
type lineReader struct {
	input  *bufio.Reader
	buffer []byte

	text    string // the line without its line break, or the beginning of one that is too long
	offset  int    // of text in the line: where a byte order mark ends
	number  int    // from 1
	tooLong bool
	err     error // of the input, other than io.EOF
}

// next moves on to the next line that is not blank, and reports whether there is
// one.
func (l *lineReader) next() bool {
	for l.readLine() {
		if l.tooLong || strings.Trim(l.text, " \t") != "" {
			return true
		}
	}
	return false
}

// readLine reads one line. What exceeds MaxLineBytes is passed over, not kept.
func (l *lineReader) readLine() bool {
	l.buffer, l.tooLong, l.offset = l.buffer[:0], false, 0
	for l.err == nil {
		part, err := l.input.ReadSlice('\n')
		if room := MaxLineBytes + len("\r\n") - len(l.buffer); len(part) > room {
			part, l.tooLong = part[:room], true
		}
		l.buffer = append(l.buffer, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && err != io.EOF {
			l.err = err
		}
		if err == io.EOF && len(l.buffer) == 0 || l.err != nil {
			return false
		}
		l.number++
		l.finishLine()
		return true
	}
	return false
}

func (l *lineReader) finishLine() {
	l.text = strings.TrimSuffix(strings.TrimSuffix(string(l.buffer), "\n"), "\r")
	l.tooLong = l.tooLong || len(l.text) > MaxLineBytes
	if l.number > 1 {
		return
	}
	if text, ok := strings.CutPrefix(l.text, byteOrderMark); ok {
		l.text, l.offset = text, len(byteOrderMark)
	}
}

// check says what is wrong with a line in every format.
func (l *lineReader) check() []problem {
	if l.tooLong {
		return []problem{{MaxLineBytes, "a longer line", fmt.Sprintf("no line of more than %d bytes", MaxLineBytes)}}
	}
	return findInvalidUTF8(l.text)
}

func findInvalidUTF8(s string) []problem {
	if utf8.ValidString(s) {
		return nil
	}
	for i, r := range s {
		if _, size := utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 {
			return []problem{{i, "the byte " + strconv.Quote(s[i:i+1]), "valid UTF-8"}}
		}
	}
	return nil
}
