package audit

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// colour matches the escape sequences that colour a text on a terminal, and lastColour those at
// its end.
var (
	colour     = regexp.MustCompile(`\x1b\[[0-9;]*m`)
	lastColour = regexp.MustCompile(`(?:\x1b\[[0-9;]*m[ \t]*)+$`)
)

// member matches a line of JSON that is printed with one member or element a line.
var member = regexp.MustCompile(`^\s*("(?:[^"\\]|\\.)*"\s*:\s*)?"(?:[^"\\]|\\.)*"\s*,?\s*$`)

// trimLine returns the text of a line that ends where the authorizer's ends, without what a
// terminal, a log framework or a collector put around it. It decides by what is before the
// decision, because a client determines the names after that.
func (l *lineReader) trimLine(text string) (string, *lines.Problem) {
	start := strings.Index(text, linePrincipal)
	if l.format == TraceEscaped || start < 0 {
		return trimLogger(text), nil
	}
	before := text[:start]
	if strings.ContainsRune(before, '\x1b') {
		// Only at the end: in the middle it would be in a name.
		before = colour.ReplaceAllString(before, "")
		text = before + lastColour.ReplaceAllString(text[start:], "")
	}
	if strings.Count(before, `"`)%2 == 1 {
		var wrong *lines.Problem
		if text, wrong = quotedLine(text, len(before)); wrong != nil {
			return "", wrong
		}
	}
	return trimLogger(text), nil
}

// quotedLine returns the text of a line within quotation marks, as in CSV, logfmt and JSON with
// one member a line. The line of the authorizer begins at start. Where a quotation mark or a
// backslash is in the text, only JSON says what it means.
func quotedLine(text string, start int) (string, *lines.Problem) {
	if member.MatchString(text) {
		literal := strings.TrimRight(text, ", \t")
		if key := member.FindStringSubmatch(text)[1]; key != "" {
			literal = strings.Replace(literal, key, "", 1)
		}
		var value string
		if err := json.Unmarshal([]byte(strings.TrimSpace(literal)), &value); err == nil && (utf8.ValidString(value) && !strings.ContainsRune(value, utf8.RuneError)) {
			return strings.TrimRight(value, "\r\n"), nil
		}
	}
	open := strings.LastIndexByte(text[:start], '"')
	inner, rest, closed := strings.Cut(text[open+1:], `"`)
	if !closed || strings.HasPrefix(rest, `"`) || strings.ContainsRune(inner, '\\') {
		return "", &lines.Problem{Offset: open, Found: "quoted text with quotation marks or backslashes, or without an end",
			Expected: "the text alone, such as the column of the message, or one JSON object on a line"}
	}
	return inner, nil
}

// trimLogger cuts off what a log4j pattern prints after a line.
func trimLogger(text string) string {
	if at := strings.LastIndex(text, loggerStart); at >= 0 && afterLine.MatchString(text[at:]) {
		return text[:at]
	}
	return text
}

// decisionStart returns where the decision in a line begins. A line without one is noDecision. One
// whose beginning runs into other text is a problem: what is skipped must not be a decision.
func decisionStart(text string) (int, *lines.Problem) {
	start := strings.Index(text, linePrincipal)
	if start < 0 || !strings.Contains(text[start:], " is ") {
		return 0, noDecision
	}
	last, _ := utf8.DecodeLastRuneInString(text[:start])
	switch {
	case start == 0 || unicode.IsSpace(last) || strings.ContainsRune("]:|=,;>-", last):
		return start, nil
	case unicode.IsLetter(last) || unicode.IsDigit(last) || last == '_':
		return 0, noDecision // another word
	}
	return 0, &lines.Problem{Offset: start, Found: "a decision after " + strconv.QuoteRune(last), Expected: "it at the beginning of a line, or after a space"}
}
