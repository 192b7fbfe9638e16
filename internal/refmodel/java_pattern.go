package refmodel

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Pattern is a regular expression that means the same in Java and in Go, used as
// Java uses it.
type Pattern string

// shared are the parts of patterns that both languages have. What may be repeated
// takes a character, since they differ in the repetition of nothing.
var shared = regexp.MustCompile(`^(?:(?:[A-Za-z0-9@ _,=:~%&'"<>;/-]|\\[.@/$*+?()\[\]{}|\\^-]|\.|\[\^?(?:[A-Z]-[A-Z]|[A-Za-z0-9@_./])+\])[*+?]?\??|\((?:\?:)?|\)\??|[|^$])*$`)

// IsShared reports whether p is made of such parts only, and well formed. Of other
// patterns the caller must know that they mean the same.
func (p Pattern) IsShared() bool {
	_, err := regexp.Compile(string(p))
	return err == nil && shared.MatchString(string(p))
}

// PatternsHold reports whether patterns treat text alike in Java and in Go: a dot
// stands for fewer characters in Java, and an empty match goes on to the next UTF-16
// unit.
func PatternsHold(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return strings.ContainsRune("\n\r\u0085\u2028\u2029", r) || r > 0xFFFF
	})
}

// Matches reports whether p matches all of text: Java's Matcher.matches.
func (p Pattern) Matches(text string) bool {
	return regexp.MustCompile(`^(?:` + string(p) + `)$`).MatchString(text)
}

// find returns the first match at or behind the place from, as pairs of places of
// its groups: Java's Matcher.find. What is before the place stays visible to "^".
func (p Pattern) find(text string, from int) []int {
	skip := fmt.Sprintf(`^(?s:.{%d}.*?)(`, utf8.RuneCountInString(text[:from]))
	at := regexp.MustCompile(skip + string(p) + `)`).FindStringSubmatchIndex(text)
	if at == nil {
		return nil
	}
	return at[2:]
}

// Replace puts a replacement in the place of the first match, or of all of them:
// Java's replaceFirst and replaceAll. ok is false where Java throws.
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

// expand fills in a replacement: Java's Matcher.appendReplacement. ok is false where
// it throws.
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
			return "", false // no pattern here has groups with names
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
