// Package posixregex matches POSIX extended regular expressions in linear time, as the GNU
// C library does in the C locale.
package posixregex

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/javatext"
)

// maxRepeat is the largest number in a POSIX interval, which is Go's own limit.
const maxRepeat = 1000

// Pattern is a POSIX extended regular expression without back references, matched
// leftmost-longest in linear time. It works as in the C locale, the default of C
// programs: each byte is a character, and the named classes contain only ASCII. For
// that, each byte is passed to Go's engine as a character U+0000 to U+00FF; see
// [Widen].
type Pattern struct {
	search *regexp.Regexp // leftmost-longest, unanchored
	full   *regexp.Regexp // anchored at both ends
}

// Compile compiles pattern like regcomp with REG_EXTENDED. It refuses what POSIX leaves
// undefined, and what Go cannot reproduce: back references, GNU's letter escapes,
// collating elements, and repetitions of more than maxRepeat. It also refuses anchors
// inside a pattern or in a repeated part, which the GNU C library allows to match at
// line ends.
func Compile(pattern string) (*Pattern, error) {
	t := translator{in: pattern, level: level{first: true, atFirst: true}}
	if err := t.run(); err != nil {
		return nil, err
	}
	translated := t.out.String()
	search, err := regexp.Compile("(?s)" + translated)
	if err != nil {
		return nil, &Error{Msg: "is not a regular expression that can be matched in linear time: " + err.Error()}
	}
	search.Longest()
	full, err := regexp.Compile(`(?s)^(?:` + translated + `)$`)
	if err != nil {
		return nil, &Error{Msg: "is not a regular expression that can be matched in linear time: " + err.Error()}
	}
	return &Pattern{search, full}, nil
}

// translator translates a POSIX extended pattern to Go's syntax.
type translator struct {
	in       string
	pos      int
	atom     bool    // what was written last can be repeated
	anchored int     // if a group was written last, its last anchor
	level    level   // the open group, or the whole pattern
	outer    []level // the groups around it
	out      strings.Builder
}

// level is the state of an open group. Offsets of anchors are stored plus one; 0 means
// none.
type level struct {
	first    bool // the group is at the beginning of the pattern
	atFirst  bool // the next element is at the beginning of the pattern
	dollar   int  // the last "$" of the current alternative
	dollars  int  // the last "$" of the earlier alternatives
	anchored int  // the last anchor
}

// Error is the reason why a pattern is refused.
type Error struct {
	Offset int // in bytes from the start of the pattern
	Msg    string
}

// Error returns the offset and the reason.
func (e *Error) Error() string { return fmt.Sprintf("at %d: %s", e.Offset, e.Msg) }

func (t *translator) fail(offset int, format string, args ...any) error {
	return &Error{Offset: offset, Msg: fmt.Sprintf(format, args...)}
}

func (t *translator) run() error {
	for t.pos < len(t.in) {
		if err := t.step(); err != nil {
			return err
		}
	}
	if len(t.outer) > 0 {
		return t.fail(len(t.in), `expected ")"`)
	}
	return nil
}

// step translates one character or construct.
func (t *translator) step() error {
	switch c := t.in[t.pos]; c {
	case '\\':
		return t.escape()
	case '[':
		return t.bracket()
	case '*', '+', '?', '{':
		return t.repetition(c)
	case '(':
		return t.open()
	case ')':
		return t.close()
	case '|':
		t.level.dollars = max(t.level.dollars, t.level.dollar)
		t.level.dollar, t.level.atFirst = 0, t.level.first
		t.copyByte(c, false)
	case '^':
		if !t.level.atFirst {
			return t.fail(t.pos, `"^" inside a pattern is not supported; write "\^" for the character`)
		}
		t.level.anchored = t.pos + 1
		t.copyByte(c, false)
	case '$':
		t.level.dollar, t.level.anchored = t.pos+1, t.pos+1
		t.copyByte(c, false)
	case '.':
		if err := t.consume(); err != nil {
			return err
		}
		t.copyByte(c, true)
	default:
		return t.literal(c)
	}
	return nil
}

// consume records that the next element is not an anchor.
func (t *translator) consume() error {
	if t.level.dollar > 0 {
		return t.fail(t.level.dollar-1, `"$" inside a pattern is not supported; write "\$" for the character`)
	}
	t.level.atFirst = false
	return nil
}

// open begins a group.
func (t *translator) open() error {
	first := t.level.atFirst
	if err := t.consume(); err != nil {
		return err
	}
	t.outer = append(t.outer, t.level)
	t.level = level{first: first, atFirst: first}
	t.copyByte('(', false)
	return nil
}

// close ends a group. Its anchors also belong to the enclosing group.
func (t *translator) close() error {
	if len(t.outer) == 0 {
		return t.fail(t.pos, `")" closes nothing; write "\)" for the character`)
	}
	inner := t.level
	t.level, t.outer = t.outer[len(t.outer)-1], t.outer[:len(t.outer)-1]
	t.level.dollar = max(inner.dollar, inner.dollars)
	t.level.anchored = max(t.level.anchored, inner.anchored)
	t.copyByte(')', true)
	t.anchored = inner.anchored
	return nil
}

func (t *translator) copyByte(c byte, atom bool) {
	t.out.WriteByte(c)
	t.pos++
	t.atom, t.anchored = atom, 0
}

func (t *translator) literal(c byte) error {
	if err := t.consume(); err != nil {
		return err
	}
	t.out.WriteString(regexp.QuoteMeta(string(rune(c))))
	t.pos++
	t.atom, t.anchored = true, 0
	return nil
}

// escape translates a backslash and the character that it quotes. GNU gives special
// meanings to letters, digits and four signs (\w, \1, \<); POSIX does not define them.
func (t *translator) escape() error {
	if t.pos+1 == len(t.in) {
		return t.fail(t.pos, "a backslash at the end quotes nothing")
	}
	c := t.in[t.pos+1]
	if c <= ' ' || c >= 0x7f || isASCIIAlnum(c) || strings.IndexByte("<>`'", c) >= 0 {
		return t.fail(t.pos, `a backslash before %s is not supported: POSIX defines it only before a special character`,
			enum.Quote(t.in[t.pos+1:t.pos+2]))
	}
	t.pos++
	return t.literal(c)
}

func isASCIIAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// repetition translates "*", "+", "?" and intervals. Go gives a second "?" or "+"
// another meaning, so a repetition of a repetition is refused.
func (t *translator) repetition(c byte) error {
	if !t.atom {
		return t.fail(t.pos, "%q has nothing to repeat; put what it repeats in parentheses", string(c))
	}
	if t.anchored > 0 {
		return t.fail(t.anchored-1, "an anchor in a repeated part is not supported")
	}
	if c != '{' {
		t.copyByte(c, false)
		return nil
	}
	end := strings.IndexByte(t.in[t.pos:], '}')
	if end < 0 {
		return t.fail(t.pos, `"{" has no "}"; write "\{" for the character`)
	}
	interval := t.in[t.pos+1 : t.pos+end]
	low, high, ranged := strings.Cut(interval, ",")
	from, ok := parseCount(low, maxRepeat)
	to, okTo := from, ok
	if ranged && high != "" {
		to, okTo = parseCount(high, maxRepeat)
	}
	if !ok || !okTo || from > to {
		return t.fail(t.pos, "expected {m}, {m,} or {m,n} with m <= n <= %d", maxRepeat)
	}
	t.out.WriteString("{" + interval + "}")
	t.pos += end + 1
	t.atom = false
	return nil
}

// parseCount parses a decimal number of digits only, at most limit.
func parseCount(s string, limit int) (int, bool) {
	if s == "" || strings.TrimLeft(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n <= limit
}

// bracketClasses are the classes that POSIX names. Go has them all, with the same
// members as in the C locale.
var bracketClasses = map[string]bool{
	"alnum": true, "alpha": true, "blank": true, "cntrl": true, "digit": true, "graph": true,
	"lower": true, "print": true, "punct": true, "space": true, "upper": true, "xdigit": true,
}

// bracket translates a bracket expression. In POSIX a backslash and "[" are literal
// there, and so is "]" at the beginning.
func (t *translator) bracket() error {
	start := t.pos
	if err := t.consume(); err != nil {
		return err
	}
	t.pos++
	t.out.WriteByte('[')
	if strings.HasPrefix(t.in[t.pos:], "^") {
		t.out.WriteByte('^')
		t.pos++
	}
	for first := true; ; first = false {
		rest := t.in[t.pos:]
		switch {
		case rest == "":
			return t.fail(start, `"[" has no "]"; write "\[" for the character`)
		case rest[0] == ']' && !first:
			t.copyByte(']', true)
			return nil
		case strings.HasPrefix(rest, "[:"):
			if err := t.namedClass(); err != nil {
				return err
			}
		default:
			if err := t.bracketRange(first); err != nil {
				return err
			}
		}
	}
}

func (t *translator) namedClass() error {
	name, _, closed := strings.Cut(t.in[t.pos+2:], ":]")
	if !closed || !bracketClasses[name] {
		return t.fail(t.pos, `"[:" does not begin one of POSIX's classes, such as [:alpha:]`)
	}
	t.out.WriteString("[:" + name + ":]")
	t.pos += len("[::]") + len(name)
	return nil
}

// bracketRange translates one character of a bracket expression, or a range. A hyphen
// that is neither first nor last nor between two characters is undefined.
func (t *translator) bracketRange(first bool) error {
	start := t.pos
	if rest := t.in[start:]; !first && rest[0] == '-' && !strings.HasPrefix(rest, "-]") {
		return t.fail(start, `a hyphen for itself must be first or last between "[" and "]"`)
	}
	low, err := t.bracketChar()
	if err != nil {
		return err
	}
	t.writeClassRune(low)
	rest := t.in[t.pos:]
	if len(rest) < 2 || rest[0] != '-' || rest[1] == ']' {
		return nil
	}
	t.pos++
	high, err := t.bracketChar()
	if err != nil {
		return err
	}
	if high < low {
		return t.fail(start, "the range ends before it begins")
	}
	t.out.WriteByte('-')
	t.writeClassRune(high)
	return nil
}

func (t *translator) bracketChar() (rune, error) {
	rest := t.in[t.pos:]
	if rest == "" {
		return 0, t.fail(t.pos, `expected "]"`)
	}
	if len(rest) > 1 && rest[0] == '[' && strings.IndexByte(".=:", rest[1]) >= 0 {
		return 0, t.fail(t.pos, "collating symbols, equivalence classes and ranges of classes are not supported")
	}
	t.pos++
	return rune(rest[0]), nil
}

func (t *translator) writeClassRune(r rune) {
	if r < utf8.RuneSelf && !isASCIIAlnum(byte(r)) && r > ' ' && r != 0x7f {
		t.out.WriteByte('\\')
	}
	t.out.WriteRune(r)
}

// Widen returns s with each byte replaced by the character of that number.
func Widen(s string) string {
	if javatext.IsASCII(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// narrow is the inverse of Widen.
func narrow(s string) string {
	if javatext.IsASCII(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

// Matches reports whether p matches all of s.
func (p *Pattern) Matches(s string) bool { return p.full.MatchString(Widen(s)) }

// Substitute replaces the first match in s by to, or all matches; to is plain text. A
// result of more than limit bytes is an error. If record is not nil, Substitute appends
// the text of each replaced match and of its groups.
//
// Like MIT krb5, it treats the text after a match as a new text, so that "^" matches
// there again. An empty match would repeat without end; it ends the search.
func (p *Pattern) Substitute(s, to string, all bool, limit int, record *[][]string) (string, error) {
	wide := Widen(s)
	var b strings.Builder
	at := 0
	for {
		m := p.search.FindStringSubmatchIndex(wide[at:])
		if m == nil {
			break
		}
		b.WriteString(narrow(wide[at : at+m[0]]))
		b.WriteString(to)
		if b.Len() > limit {
			return "", ErrTooLong
		}
		if record != nil {
			*record = append(*record, narrowGroups(wide[at:], m))
		}
		at += m[1]
		if !all || m[0] == m[1] {
			break
		}
	}
	b.WriteString(narrow(wide[at:]))
	if b.Len() > limit {
		return "", ErrTooLong
	}
	return b.String(), nil
}

// ErrTooLong is the error for a substitution whose result exceeds its limit.
var ErrTooLong = errors.New("the result is too long")

// GoSyntax returns a pattern in Go's syntax that matches the wide form of the texts
// that p matches as a whole.
func (p *Pattern) GoSyntax() string { return p.full.String() }

// narrowGroups returns the text of a match and of its groups.
func narrowGroups(wide string, bounds []int) []string {
	groups := make([]string, len(bounds)/2)
	for i := range groups {
		if bounds[2*i] >= 0 {
			groups[i] = narrow(wide[bounds[2*i]:bounds[2*i+1]])
		}
	}
	return groups
}
