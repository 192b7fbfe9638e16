package audit

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The words of Kafka's line, in their order. Each stands in a line once: text that
// holds one is quoted, and a line that has one twice is not read.
const (
	linePrincipal  = "Principal = "
	lineAllowed    = " is Allowed operation = "
	lineDenied     = " is Denied operation = "
	lineHost       = " from host = "
	lineResource   = " on resource = "
	lineRequest    = " for request = "
	lineReferences = " with resourceRefCount = "
	lineRule       = " based on rule "
)

var lineWords = []string{linePrincipal, lineAllowed, lineDenied, lineHost, lineResource, lineRequest, lineReferences, lineRule}

// The words of an ACL in Kafka's line, in their order.
var aclWords = []string{"resourceType=", ", resourceName=", ", patternType=", ", principal=", ", host=", ", operation=", ", permissionType="}

// appendText appends a text that somebody else has chosen: as it is, or, if it could
// be taken for something else, quoted.
//
// Quoted is what is not valid UTF-8, holds characters that are not printable, begins
// with a quotation mark, or holds one of the words of the line, also together with
// the spaces around it. It is quoted as in Go, with spaces as \x20: no word of the
// line is without one.
func appendText(dst []byte, text string) []byte {
	if isPlain(text) {
		return append(dst, text...)
	}
	quoted := strconv.Quote(text)
	return append(dst, strings.ReplaceAll(quoted, " ", `\x20`)...)
}

func isPlain(text string) bool {
	if !utf8.ValidString(text) || strings.HasPrefix(text, `"`) {
		return false
	}
	for _, r := range text {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	// Every word of an ACL has a sign of equality; so do all of the line but one.
	if !strings.Contains(text, "=") && !strings.Contains(text, "based on") {
		return true
	}
	inLine := " " + text + " "
	for _, words := range [][]string{lineWords, aclWords[1:]} {
		for _, w := range words {
			if strings.Contains(inLine, w) {
				return false
			}
		}
	}
	return true
}
