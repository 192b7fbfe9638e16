package principal

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// replacement is what a rule puts in the place of a match, in the syntax of Java's
// Matcher.replaceAll: $1 and ${name} for a group, a backslash before a character
// that means itself.
type replacement struct {
	parts []replacementPart
	// fault says why the replacement cannot be used; the empty string if it can. Java
	// finds these faults when it replaces, not before.
	fault string
}

// replacementPart is a text or a group.
type replacementPart struct {
	literal string
	group   int // -1 for a literal
}

func parseReplacement(text string, tree *syntaxTree) replacement {
	var to replacement
	var literal []byte
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i++; i == len(text) {
				return replacement{fault: "a backslash at its end"}
			}
			literal = append(literal, text[i])
		case '$':
			group, size, fault := parseReference(text[i+1:], tree)
			if fault != "" {
				return replacement{fault: fault}
			}
			if len(literal) > 0 {
				to.parts = append(to.parts, replacementPart{string(literal), -1})
				literal = literal[:0]
			}
			to.parts = append(to.parts, replacementPart{group: group})
			i += size
		default:
			literal = append(literal, text[i])
		}
	}
	if len(literal) > 0 {
		to.parts = append(to.parts, replacementPart{string(literal), -1})
	}
	return to
}

// parseReference reads the number or the name of a group, from behind the dollar
// sign, and returns how many bytes it has. More digits belong to a number as long as
// there are so many groups.
func parseReference(text string, tree *syntaxTree) (group, size int, fault string) {
	switch {
	case text == "":
		return 0, 0, "a dollar sign at its end"
	case text[0] == '{':
		name, _, closed := strings.Cut(text[1:], "}")
		index, known := tree.names[name]
		if !closed || !known {
			return 0, 0, enum.Quote("${"+name+"}") + " names no group"
		}
		return index, len(name) + 2, ""
	case text[0] < '0' || text[0] > '9':
		return 0, 0, "a dollar sign before a character that is no digit"
	}
	group, size = int(text[0]-'0'), 1
	for ; size < len(text) && text[size] >= '0' && text[size] <= '9'; size++ {
		more := group*10 + int(text[size]-'0')
		if more > tree.groups {
			break
		}
		group = more
	}
	if group > tree.groups {
		return 0, 0, fmt.Sprintf("$%d: there are %d groups", group, tree.groups)
	}
	return group, size, ""
}

// escapeReferences puts a backslash before each reference to a group that does not
// exist, as Kafka does if there is a group at all. It looks for the references in
// the replacement as it was, and puts the backslashes into what it has become: from
// the second on they stand a UTF-16 unit too early for each before. A number that
// is too large for Java's int is a fault.
func escapeReferences(text string, groups int) (escaped, fault string) {
	if groups == 0 {
		return text, ""
	}
	original := utf16.Encode([]rune(text))
	units := make([]uint16, 0, len(original))
	copied := 0 // of original
	for i := 0; i < len(original); i++ {
		if original[i] != '$' {
			continue
		}
		end := i + 1
		for end < len(original) && original[end] >= '0' && original[end] <= '9' {
			end++
		}
		digits := string(utf16.Decode(original[i+1 : end]))
		if digits == "" || digits[0] == '0' {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 32)
		if err != nil {
			return "", "$" + digits + ": no number of a group is so large"
		}
		for n > int64(groups) && n >= 10 {
			n /= 10
		}
		if n > int64(groups) {
			ahead := i - len(units) // never negative: each backslash stands behind the one before
			units = append(units, original[copied:copied+ahead]...)
			copied += ahead
			if i > 0 && utf16.DecodeRune(rune(units[i-1]), rune(original[copied])) != utf8.RuneError {
				return "", "$" + digits + ": there is no such group, and Kafka's escape for that would split a character"
			}
			units = append(units, '\\')
		}
		i = end - 1
	}
	return string(utf16.Decode(append(units, original[copied:]...))), ""
}

// rewriter puts replacements in the place of matches, which come from left to right.
type rewriter struct {
	text   string
	to     *replacement
	limit  int // of the result, in bytes
	result []byte
	done   int         // how much of text is in result, or replaced
	record *[][]string // if not nil, takes the text of each match and of its groups
}

// add replaces the match whose groups are in slots.
func (w *rewriter) add(slots []int32) error {
	if w.to.fault != "" {
		return fmt.Errorf("its replacement cannot be used: %s", w.to.fault)
	}
	begin, end := int(slots[0]), int(slots[1])
	before := len(w.result) + begin - w.done
	w.result = append(w.result, w.text[w.done:begin]...)
	w.done = end
	for _, part := range w.to.parts {
		if part.group < 0 {
			w.result = append(w.result, part.literal...)
		} else if from, to := slots[2*part.group], slots[2*part.group+1]; from >= 0 && to >= 0 {
			w.result = append(w.result, w.text[from:to]...)
		}
		if len(w.result) > w.limit {
			return fmt.Errorf("its result is longer than %d bytes", w.limit)
		}
	}
	if splitsCharacter(w.text, begin) && (end > begin || len(w.result) > before) {
		return errSplitsCharacter
	}
	if w.record != nil {
		*w.record = append(*w.record, groupTexts(w.text, slots))
	}
	return nil
}

// errSplitsCharacter refuses what Java would make: a text that is not Unicode.
var errSplitsCharacter = errors.New("its result would hold half of a character above U+FFFF")

// groupTexts returns the text of a match and of its groups; a group that took no
// part is empty.
func groupTexts(text string, slots []int32) []string {
	texts := make([]string, 0, len(slots)/2)
	for i := 0; i+1 < len(slots); i += 2 {
		group := ""
		if slots[i] >= 0 && slots[i+1] >= 0 {
			group = text[slots[i]:slots[i+1]]
		}
		texts = append(texts, group)
	}
	return texts
}

// finish returns the result, which must not be longer than the limit.
func (w *rewriter) finish() (string, error) {
	if len(w.result)+len(w.text)-w.done > w.limit {
		return "", fmt.Errorf("its result is longer than %d bytes", w.limit)
	}
	w.result = append(w.result, w.text[w.done:]...)
	return string(w.result), nil
}
