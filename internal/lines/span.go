package lines

import (
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Span is a part of a line, with its offset.
type Span struct {
	Text   string
	Offset int
}

// Problem returns an error at s.
func (s Span) Problem(found, expected string) *Problem {
	return &Problem{Offset: s.Offset, Found: found, Expected: expected}
}

// Unlike returns the error that s, which is a noun, is not what is expected. The noun may be
// empty.
func (s Span) Unlike(noun, expected string) *Problem {
	if noun != "" {
		noun += " "
	}
	return s.Problem(noun+enum.Quote(s.Text), expected)
}

// End returns the empty span at the end of s.
func (s Span) End() Span { return s.From(len(s.Text)) }

// From returns s without its first n bytes.
func (s Span) From(n int) Span { return Span{s.Text[n:], s.Offset + n} }

// CutPrefix returns s without prefix, and whether s had it.
func (s Span) CutPrefix(prefix string) (Span, bool) {
	if !strings.HasPrefix(s.Text, prefix) {
		return s, false
	}
	return s.From(len(prefix)), true
}

// CutSuffix returns s without suffix, and whether s had it.
func (s Span) CutSuffix(suffix string) (Span, bool) {
	text, ok := strings.CutSuffix(s.Text, suffix)
	return Span{text, s.Offset}, ok
}

// Cut splits s around the first sep. Without one, before is s.
func (s Span) Cut(sep string) (before, after Span, ok bool) {
	return s.cutAt(strings.Index(s.Text, sep), sep)
}

// CutLast splits s around the last sep. Without one, before is s.
func (s Span) CutLast(sep string) (before, after Span, ok bool) {
	return s.cutAt(strings.LastIndex(s.Text, sep), sep)
}

func (s Span) cutAt(i int, sep string) (before, after Span, ok bool) {
	if i < 0 {
		return s, Span{}, false
	}
	return Span{s.Text[:i], s.Offset}, s.From(i + len(sep)), true
}

// mostWord bounds the words of later releases. The longest that Kafka has is half of it.
const mostWord = 48

// IsWord reports whether text could be the name of a resource type or of an operation in a later
// release of Kafka, or in a program that speaks its protocol: letters and underscores.
func IsWord(text string) bool {
	for _, r := range text {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' {
			return false
		}
	}
	return text != "" && len(text) <= mostWord
}
