package refmodel

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Pattern is a regular expression with the same meaning in Java and in Go. Its methods
// follow Java's.
type Pattern string

// shared matches patterns made of parts that both languages have. Repeated parts must
// consume a character, because the languages differ in the repetition of the empty
// string.
var shared = regexp.MustCompile(`^(?:(?:[A-Za-z0-9@ _,=:~%&'"<>;/-]|\\[.@/$*+?()\[\]{}|\\^-]|\.|\[\^?(?:[A-Z]-[A-Z]|[A-Za-z0-9@_./])+\])[*+?]?\??|\((?:\?:)?|\)\??|[|^$])*$`)

// IsShared reports whether p consists only of such parts and is valid. For other
// patterns the caller must know that they have the same meaning.
func (p Pattern) IsShared() bool {
	_, err := regexp.Compile(string(p))
	return err == nil && shared.MatchString(string(p))
}

// PatternsHold reports whether patterns treat text alike in Java and in Go. In Java a
// dot matches fewer characters, and an empty match advances to the next UTF-16 unit.
func PatternsHold(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return strings.ContainsRune("\n\r\u0085\u2028\u2029", r) || r > 0xFFFF
	})
}

// Matches reports whether p matches all of text: Java's Matcher.matches.
func (p Pattern) Matches(text string) bool {
	return regexp.MustCompile(`^(?:` + string(p) + `)$`).MatchString(text)
}

// find returns the first match at or after index from, as pairs of indexes of its
// groups, like Java's Matcher.find. The text before from is visible to "^".
func (p Pattern) find(text string, from int) []int {
	skip := fmt.Sprintf(`^(?s:.{%d}.*?)(`, utf8.RuneCountInString(text[:from]))
	at := regexp.MustCompile(skip + string(p) + `)`).FindStringSubmatchIndex(text)
	if at == nil {
		return nil
	}
	return at[2:]
}

// Replace replaces the first match, or all of them, like Java's replaceFirst and
// replaceAll. ok is false if Java throws an exception.
func (p Pattern) Replace(text, replacement string, all bool) (result string, ok bool) {
	done := 0 // how much of text is in result
	for from := 0; from <= len(text); {
		match := p.find(text, from)
		if match == nil {
			break
		}
		expanded, ok := expand(text, match, replacement)
		if !ok {
			return "", false
		}
		result += text[done:match[0]] + expanded
		done, from = match[1], match[1]
		if match[0] == match[1] {
			_, size := utf8.DecodeRuneInString(text[from:])
			from += max(size, 1)
		}
		if !all {
			break
		}
	}
	return result + text[done:], true
}

// expand expands a replacement, like Java's Matcher.appendReplacement. ok is false if
// it throws an exception.
func expand(text string, match []int, replacement string) (expanded string, ok bool) {
	groups := len(match)/2 - 1
	for rest := replacement; rest != ""; {
		c := rest[0]
		rest = rest[1:]
		switch {
		case c == '\\' && rest != "":
			expanded += rest[:1]
			rest = rest[1:]
		case c == '\\', c == '$' && (rest == "" || rest[0] < '0' || rest[0] > '9'):
			return "", false // no pattern here has named groups
		case c != '$':
			expanded += string([]byte{c})
		default:
			group := 0
			for first := true; rest != "" && '0' <= rest[0] && rest[0] <= '9'; first = false {
				more := 10*group + int(rest[0]-'0')
				if more > groups && !first {
					break
				}
				group, rest = more, rest[1:]
			}
			if group > groups {
				return "", false
			}
			if begin := match[2*group]; begin >= 0 {
				expanded += text[begin:match[2*group+1]]
			}
		}
	}
	return expanded, true
}
