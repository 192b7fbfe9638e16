package javaregex

import (
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Replacement is the replacement for a match, in the syntax of Java's
// Matcher.replaceAll: $1 and ${name} for a group, and a backslash before a literal
// character.
type Replacement struct {
	parts []replacementPart
	// fault says why the replacement is invalid, or is empty. Java detects the error
	// only when it replaces.
	fault string
}

// Fault says why the replacement is invalid, or is empty.
func (r *Replacement) Fault() string { return r.fault }

// Faulty returns an invalid replacement with the given reason.
func Faulty(reason string) Replacement { return Replacement{fault: reason} }

// replacementPart is a text or a group.
type replacementPart struct {
	literal string
	group   int // -1 for a literal
}

// Replacement parses a replacement for matches of p. An error in it is kept: see
// [Replacement.Fault].
func (p *Pattern) Replacement(text string) Replacement {
	tree := p.tree
	var to Replacement
	var literal []byte
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i++; i == len(text) {
				return Replacement{fault: "a backslash at its end"}
			}
			literal = append(literal, text[i])
		case '$':
			group, size, fault := parseReference(text[i+1:], tree)
			if fault != "" {
				return Replacement{fault: fault}
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

// parseReference parses the number or the name of a group, after the dollar sign, and
// returns its length in bytes. Further digits are part of the number as long as there
// are that many groups.
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
		return 0, 0, "a dollar sign before a character that is not a digit"
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

// Rewriter replaces matches, which must be given from left to right.
type Rewriter struct {
	Text   string
	To     *Replacement
	Limit  int         // maximum length of the result, in bytes
	Record *[][]string // if not nil, receives the text of each match and of its groups
	result []byte
	done   int // how much of Text is in result or replaced
}

// add replaces the match whose groups are in slots.
func (w *Rewriter) add(slots []int32) error {
	if w.To.fault != "" {
		return fmt.Errorf("its replacement is invalid: %s", w.To.fault)
	}
	begin, end := int(slots[0]), int(slots[1])
	before := len(w.result) + begin - w.done
	w.result = append(w.result, w.Text[w.done:begin]...)
	w.done = end
	for _, part := range w.To.parts {
		if part.group < 0 {
			w.result = append(w.result, part.literal...)
		} else if from, to := slots[2*part.group], slots[2*part.group+1]; from >= 0 && to >= 0 {
			w.result = append(w.result, w.Text[from:to]...)
		}
		if len(w.result) > w.Limit {
			return fmt.Errorf("its result is longer than %d bytes", w.Limit)
		}
	}
	if SplitsCharacter(w.Text, begin) && (end > begin || len(w.result) > before) {
		return errSplitsCharacter
	}
	if w.Record != nil {
		*w.Record = append(*w.Record, groupTexts(w.Text, slots))
	}
	return nil
}

// errSplitsCharacter refuses a result that is not valid Unicode, which Java would
// produce.
var errSplitsCharacter = errors.New("its result would hold half of a character above U+FFFF")

// groupTexts returns the text of a match and of its groups; a group that did not
// participate is empty.
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

// finish returns the result, or an error if it is longer than the limit.
func (w *Rewriter) finish() (string, error) {
	if len(w.result)+len(w.Text)-w.done > w.Limit {
		return "", fmt.Errorf("its result is longer than %d bytes", w.Limit)
	}
	w.result = append(w.result, w.Text[w.done:]...)
	return string(w.result), nil
}
