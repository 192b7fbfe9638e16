package krb5

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// maxLineLength is the maximum length of a line in bytes. MIT krb5 reads a longer one
// as several.
const maxLineLength = 2046

// space are the characters that end a name and are trimmed from values.
const space = " \t\n\v\f\r"

// group is a section, or the relations between braces. A nil group is empty.
type group struct {
	relations []relation // in order
	groups    map[string]*group
}

// relation is a name and its value.
type relation struct{ name, value string }

// group returns the group called name, or nil.
func (g *group) group(name string) *group {
	if g == nil {
		return nil
	}
	return g.groups[name]
}

// open returns the group called name and adds it if necessary. MIT krb5 merges groups
// of the same name.
func (g *group) open(name string) *group {
	if sub := g.groups[name]; sub != nil {
		return sub
	}
	if g.groups == nil {
		g.groups = map[string]*group{}
	}
	sub := &group{}
	g.groups[name] = sub
	return sub
}

// values returns the values of the relations called name, in order.
func (g *group) values(name string) []string {
	if g == nil {
		return nil
	}
	var list []string
	for _, r := range g.relations {
		if r.name == name {
			list = append(list, r.value)
		}
	}
	return list
}

// readLimited returns the text of a file of at most limit bytes.
func readLimited(name string, limit int) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", &ConfigError{File: name, Msg: "cannot be opened: " + err.Error(), Err: err}
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		return "", &ConfigError{File: name, Msg: "is not a regular file"}
	}
	text, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	if err != nil {
		return "", &ConfigError{File: name, Msg: "cannot be read: " + err.Error(), Err: err}
	}
	return string(text), nil
}

// profileParser parses one file into the sections that all files share.
type profileParser struct {
	loader *configLoader
	file   configFile
	line   int
	open   []*group // the section and the open groups in it
	brace  bool     // the last group still needs its "{"
}

// parse parses the text of file.
func (l *configLoader) parse(text string, file configFile) error {
	if l.size += len(text); l.size > maxConfigSize {
		return &ConfigError{File: file.name, Msg: fmt.Sprintf("expected no more than %d bytes in all files", maxConfigSize)}
	}
	p := profileParser{loader: l, file: file}
	for line := range strings.Lines(text) {
		p.line++
		if err := p.parseLine(line); err != nil {
			return err
		}
	}
	if len(p.open) > 1 {
		return p.fail(`ends inside a group: expected "}"`)
	}
	return nil
}

func (p *profileParser) fail(format string, args ...any) *ConfigError {
	return &ConfigError{File: p.file.name, Line: p.line, Msg: fmt.Sprintf(format, args...)}
}

// parseLine parses one line. A directive must be at the very beginning of the line.
func (p *profileParser) parseLine(line string) error {
	if len(line) > maxLineLength {
		return p.fail("is longer than %d bytes, and MIT krb5 would read it as several lines", maxLineLength)
	}
	if strings.IndexByte(line, 0) >= 0 {
		return p.fail("holds a zero byte")
	}
	directive, argument := cutSpace(line)
	switch {
	case directive == "include":
		return p.loader.include(p.fail(""), argument, p.file)
	case directive == "includedir":
		return p.loader.includeDir(p.fail(""), argument, p.file)
	case directive == "module" && len(p.open) == 0:
		return p.fail("loads a module, which is not supported")
	}
	text := strings.Trim(line, space)
	switch {
	case text == "" || text[0] == ';' || text[0] == '#':
		return nil
	case p.brace:
		if text != "{" {
			return p.fail(`expected "{"`)
		}
		p.brace = false
		return nil
	case len(p.open) == 0 && line[0] != '[': // MIT krb5 skips such a line
		return p.fail("is before the first section: expected [section] at the beginning of the line")
	case text[0] == '[':
		return p.section(text)
	case text[0] == '}':
		return p.close(text)
	default:
		return p.relation(text)
	}
}

// cutSpace splits a line at its first white space, which is not at the beginning.
func cutSpace(line string) (first, rest string) {
	if i := strings.IndexAny(line, space); i > 0 {
		return line[:i], strings.Trim(line[i:], space)
	}
	return "", ""
}

// section opens "[name]". An asterisk after it matters only if several configurations
// are searched in turn.
func (p *profileParser) section(text string) error {
	if len(p.open) > 1 {
		return p.fail(`begins a section inside a group: expected "}" first`)
	}
	name, rest, closed := strings.Cut(text[1:], "]")
	if rest = strings.Trim(strings.TrimPrefix(rest, "*"), space); !closed || rest != "" {
		return p.fail("expected [section] and nothing after it")
	}
	p.open = []*group{p.loader.root.open(name)}
	return nil
}

// close ends a group at "}".
func (p *profileParser) close(text string) error {
	if len(p.open) < 2 {
		return p.fail(`"}" closes nothing`)
	}
	if text != "}" && text != "}*" {
		return p.fail(`expected nothing after "}"`)
	}
	p.open = p.open[:len(p.open)-1]
	return nil
}

// relation parses "name = value" or opens the group of "name = {".
func (p *profileParser) relation(text string) error {
	name, value, ok := strings.Cut(text, "=")
	name, _, _ = strings.Cut(strings.TrimRight(name, space), "*") // an asterisk, as after a section
	if !ok || name == "" || strings.ContainsAny(name, space) {
		return p.fail("expected a name without spaces, and =, in %s", enum.Quote(text))
	}
	value = strings.Trim(value, space)
	in := p.open[len(p.open)-1]
	if value == "" || value == "{" {
		if len(p.open) > maxGroupDepth {
			return p.fail("expected groups no deeper than %d", maxGroupDepth)
		}
		p.open = append(p.open, in.open(name))
		p.brace = value == ""
		return nil
	}
	if value[0] == '"' {
		var err error
		if value, err = unquote(value); err != nil {
			return p.fail("%v", err)
		}
	}
	in.relations = append(in.relations, relation{name, value})
	return nil
}

// unquote parses a value in quotation marks, in which a backslash quotes.
func unquote(text string) (string, error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' && i < len(text)-1:
			return "", errors.New("expected nothing after the closing quotation mark")
		case c == '"':
			return b.String(), nil
		case c == '\\' && i < len(text)-1:
			i++
			b.WriteByte(unescape(text[i]))
		default:
			b.WriteByte(c)
		}
	}
	return "", errors.New("expected a closing quotation mark")
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	default:
		return c
	}
}
