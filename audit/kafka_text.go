package audit

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The separators of Kafka's line, in order. Each occurs once in a line: text that
// contains one is quoted, and a line in which one occurs twice is not accepted.
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

// The verdicts of the authorizers before StandardAuthorizer.
const (
	lineAllowedOld = " is Allowed Operation = "
	lineDeniedOld  = " is Denied Operation = "
)

var (
	lineWords = []string{linePrincipal, lineAllowed, lineDenied, lineAllowedOld, lineDeniedOld, lineHost, lineResource, lineRequest, lineReferences, lineRule}
	verdicts  = lineWords[1:5]
)

// The separators of an ACL in Kafka's line, in order.
var aclWords = []string{"resourceType=", ", resourceName=", ", patternType=", ", principal=", ", host=", ", operation=", ", permissionType="}

// appendText appends a text that may come from a client, quoted if it could be taken
// for something else.
//
// A text is quoted if it is not valid UTF-8, contains characters that are not
// printable, begins with a quotation mark, or contains one of the separators, possibly
// together with the adjacent spaces. It is quoted as in Go, with spaces as \x20,
// because every separator contains a space.
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
	// Every separator of an ACL contains "=", and so do all separators of the line but
	// one.
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
