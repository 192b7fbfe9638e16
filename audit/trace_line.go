package audit

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// lineExample is a valid line.
const lineExample = "Principal = User:alice is Allowed operation = READ from host = 10.0.0.1 on resource = Topic:LITERAL:orders" +
	" for request = Fetch with resourceRefCount = 1 based on rule DefaultAllow"

// loggerStart begins what a log4j pattern prints after a line, and afterLine matches all of it:
// the logger, with a line number in Confluent's patterns, and the thread in that of Strimzi.
const loggerStart = " (kafka.authorizer.logger"

var afterLine = regexp.MustCompile(`^ \(kafka\.authorizer\.logger(?::\d+)?\)(?: \[[^\[\]]*\])?[ \t]*$`)

// probeName is the name that Kafka's by-type check asks about, with 0 references. No
// client request leads to such a line.
//
// Source: Kafka's Authorizer.authorizeByResourceType.
const probeName = "hardcode"

// noDecision is the problem of a line that has no decision.
var noDecision = &lines.Problem{Expected: "a line of Kafka's audit log, such as " + lineExample}

// afterTopic are characters that no topic's name has, and that are in what is printed after a
// line. The lines before Kafka 2.4 end with the name.
const afterTopic = " \t\"'()[]{}<>,;"

// noDecisionAt completes the error of a line without a decision.
func noDecisionAt(e *acl.ParseError, text string) *acl.ParseError {
	e.Found = "the line " + enum.Quote(text)
	return e
}

// lineReader reads the lines of TraceKafka or TraceEscaped, or those that mean the same in both.
type lineReader struct {
	format TraceFormat
	// superUsers are the principals that the log calls super users. AclAuthorizer says it in
	// lines of their own.
	superUsers map[string]struct{}
	with       bool // a line with a request was read
	without    bool // a line without one
}

// mostSuperUsers bounds what is remembered of a log.
const mostSuperUsers = 10_000

// superUserLine matches what AclAuthorizer and SimpleAclAuthorizer write before the decision
// about a super user: a line that ends with it.
var superUserLine = regexp.MustCompile(`(?:^|\s)principal = (.+) is a super user, allowing operation without checking acls\.$`)

// superUserOf returns the principal that a line calls a super user, or "". A line with a word of a
// decision is none: the name in a decision is one that a client chose, and may look like it.
func superUserOf(text string) string {
	found := superUserLine.FindStringSubmatch(text)
	if found == nil || slices.ContainsFunc(lineWords, func(word string) bool { return strings.Contains(text, word) }) {
		return ""
	}
	return found[1]
}

func (l *lineReader) read(text string) (Record, *lines.Problem) {
	inner, wrapped, wrong := unwrap(text)
	if wrong != nil {
		return Record{}, wrong
	}
	if wrapped {
		inner = strings.TrimRight(inner, "\r\n") // which docker keeps
	}
	r, wrong := l.readLine(inner)
	if wrong != nil && wrong != noDecision && wrapped {
		at := *wrong
		at.Offset = 0 // where in the object it is depends on escapes
		wrong = &at
	}
	return r, wrong
}

func (l *lineReader) readLine(text string) (Record, *lines.Problem) {
	text, wrong := l.trimLine(text)
	if wrong != nil {
		return Record{}, wrong
	}
	if name := superUserOf(text); name != "" && l.format != TraceEscaped { // our own log has no such lines
		if l.superUsers == nil {
			l.superUsers = map[string]struct{}{}
		}
		if len(l.superUsers) < mostSuperUsers {
			l.superUsers[strings.Clone(name)] = struct{}{}
		}
		return Record{}, noDecision
	}
	line, wrong := splitLine(text)
	if wrong == nil {
		wrong = l.checkForm(line)
	}
	if wrong != nil {
		return Record{}, wrong
	}
	r, wrong := line.record(l.format)
	if wrong != nil {
		return Record{}, wrong
	}
	if _, super := l.superUsers[r.Subject.Principal.String()]; super && r.Allowed && line.old {
		r.SuperUser = true
	}
	if l.format == TraceEscaped {
		r.Form = "" // it is not Kafka's
	}
	return r, nil
}

// checkForm refuses a log that has lines with a request and lines without one. A name with a
// line break cuts a line, and a name can look like the end of a line of a later release.
func (l *lineReader) checkForm(line *decisionLine) *lines.Problem {
	l.with, l.without = l.with || line.hasRequest, l.without || !line.hasRequest
	if !l.with || !l.without {
		return nil
	}
	what := "a line without " + strconv.Quote(lineRequest)
	if line.hasRequest {
		what = "a line with " + strconv.Quote(lineRequest)
	}
	return &lines.Problem{Found: what + " in a log that has the other kind too", Expected: "one kind: if the release changed, divide the log there; otherwise the line is cut"}
}

// decisionLine is a line that is divided at the separators.
type decisionLine struct {
	principal, operation, host, resource, references, rule lines.Span

	allowed    bool
	old        bool // of an authorizer before StandardAuthorizer
	hasRequest bool
}

// splitLine divides a line at the separators. Each must occur exactly once. If one occurred
// twice, the client that chose a name could determine where the name ends.
func splitLine(text string) (*decisionLine, *lines.Problem) {
	start, wrong := decisionStart(text)
	if wrong != nil {
		return nil, wrong
	}
	line := &decisionLine{}
	verdict := lineDenied
	for _, word := range verdicts {
		if strings.Contains(text, word) {
			verdict = word
			break
		}
	}
	line.allowed = verdict == lineAllowed || verdict == lineAllowedOld
	line.old = verdict == lineAllowedOld || verdict == lineDeniedOld
	line.hasRequest = !line.old || strings.Contains(text, lineRequest)
	var request lines.Span
	words := []string{verdict, lineHost, lineResource}
	to := []*lines.Span{&line.principal, &line.operation, &line.host, &line.resource}
	if line.hasRequest {
		words, to = append(words, lineRequest, lineReferences), append(to, &request, &line.references)
	}
	if !line.old {
		words, to = append(words, lineRule), append(to, &line.rule)
	}
	at := start + len(linePrincipal)
	for i, word := range words {
		found := strings.Index(text[at:], word)
		if found < 0 {
			return nil, lines.Span{Text: text[at:], Offset: at}.Unlike("the text", strconv.Quote(word)+" after it, as in "+lineExample)
		}
		*to[i] = lines.Span{Text: text[at : at+found], Offset: at}
		at += found + len(word)
	}
	*to[len(words)] = lines.Span{Text: text[at:], Offset: at}
	for _, word := range lineWords {
		first, last := strings.Index(text, word), strings.LastIndex(text, word)
		if first != last || first >= 0 && word != verdict && slices.Contains(verdicts, word) {
			return nil, &lines.Problem{Offset: last, Found: strconv.Quote(word) + " again",
				Expected: "it only once: Kafka prints names unescaped, so this line is ambiguous"}
		}
	}
	return line, nil
}

// record returns the record of a line.
func (line *decisionLine) record(format TraceFormat) (Record, *lines.Problem) {
	r := Record{Allowed: line.allowed, Form: FormStandard}
	if line.old {
		r.Form = FormACL
	}
	wrong := readClientText(line.principal, format, &r, principalField)
	for _, read := range []func() *lines.Problem{
		func() *lines.Problem { return operationField.read(&r, line.operation.Text, line.operation.Offset) },
		func() *lines.Problem { return readClientText(line.host, format, &r, hostField) },
		func() *lines.Problem { return readResource(line, format, &r) },
		func() *lines.Problem { return readReferences(line, format, &r) },
		func() *lines.Problem { return readRule(line, &r) },
	} {
		if wrong == nil {
			wrong = read()
		}
	}
	if wrong != nil {
		return Record{}, wrong
	}
	return r, nil
}

// readClientText parses a text that may be quoted into a field.
func readClientText(p lines.Span, format TraceFormat, r *Record, field traceField) *lines.Problem {
	text, wrong := unquote(p, format)
	if wrong == nil {
		wrong = field.read(r, text, p.Offset)
	}
	return wrong
}

// unquote returns the text of a part, without quoting.
func unquote(p lines.Span, format TraceFormat) (string, *lines.Problem) {
	if format == TraceKafka || !strings.HasPrefix(p.Text, `"`) {
		return p.Text, nil
	}
	if format == TraceAuto {
		return "", p.Unlike("text", "text that does not begin with a quotation mark, or an explicit trace format (Kafka does not quote)")
	}
	text, err := strconv.Unquote(p.Text)
	if err != nil || !utf8.ValidString(text) {
		return "", p.Unlike("text", "valid UTF-8, quoted as in Go")
	}
	return text, nil
}

// readResource parses "Topic:LITERAL:orders", or "Topic:orders" of Kafka before 2.0.
func readResource(line *decisionLine, format TraceFormat, r *Record) *lines.Problem {
	p := line.resource
	typ, rest, ok := strings.Cut(p.Text, ":")
	pattern, name, typed := strings.Cut(rest, ":")
	if !line.hasRequest {
		r.Form = FormSimple20
		if !typed || pattern != resource.Literal.String() {
			// No topic's name has a colon, and a group's may begin with LITERAL: too.
			r.Form, pattern, name, typed = FormSimple09, resource.Literal.String(), rest, true
		}
		if typ == "ConsumerGroup" { // in 0.9
			typ = resource.Group.DisplayName()
		}
	}
	if !ok || !typed {
		return p.Unlike("resource", "a resource such as Topic:LITERAL:orders")
	}
	if wrong := typeField.read(r, typ, p.Offset); wrong != nil {
		return wrong
	}
	nameAt := lines.Span{Text: name, Offset: p.Offset + len(p.Text) - len(name)}
	text, wrong := unquote(nameAt, format)
	switch {
	case wrong != nil:
		return wrong
	case !line.hasRequest && r.Request.Type == resource.Topic && strings.ContainsAny(text, afterTopic):
		return nameAt.Unlike("topic", "the end of the line after the name: remove what the log has after it, or this line if a client asked for a topic with such a name")
	case pattern == resource.Literal.String():
		r.Request.Name = text
		return nil
	case pattern == resource.PatternAny.String() && name == resource.Wildcard && format != TraceKafka && !line.old:
		r.ByType = true
		return nil
	}
	return lines.Span{Text: pattern, Offset: p.Offset + len(typ) + 1}.Unlike("pattern type", "LITERAL: a check is about one resource")
}

// readReferences parses the number of references, which identifies the probe of a
// by-type check of StandardAuthorizer.
func readReferences(line *decisionLine, format TraceFormat, r *Record) *lines.Problem {
	if !line.hasRequest {
		return nil
	}
	n, err := strconv.Atoi(line.references.Text)
	if err != nil || n < 0 {
		return line.references.Unlike("count", "the number of references to the resource")
	}
	if n == 0 && r.Request.Name == probeName && format != TraceEscaped && !line.old {
		r.ByType, r.Request.Name = true, ""
	}
	return nil
}

// readRule parses the reason, which must agree with the verdict.
func readRule(line *decisionLine, r *Record) *lines.Problem {
	if line.old {
		return nil
	}
	name, acl, _ := strings.Cut(line.rule.Text, "(acl=StandardAcl")
	isACL := acl != "" && (acl[0] == '(' && strings.HasSuffix(acl, "))") || acl[0] == '[' && strings.HasSuffix(acl, "])"))
	for reason, ruleName := range ruleNames {
		allows := reason == snapshot.SuperUser || reason == snapshot.MatchingAllow || reason == snapshot.DefaultAllow
		if name == ruleName && allows == r.Allowed && (acl == "" || isACL && name == matchingACL) {
			r.SuperUser = reason == snapshot.SuperUser
			if acl != "" {
				r.Form = map[byte]string{'(': FormStandard32, '[': FormStandard42}[acl[0]]
			}
			return nil
		}
	}
	return line.rule.Unlike("rule", "a rule that agrees with the verdict: SuperUser, DefaultAllow, DefaultDeny, NotReady, NoHost, or MatchingAcl with its ACL")
}

// unwrap returns the line of the authorizer in a JSON object of a log collector: the only text
// in it that looks like one. Other lines are returned as they are.
func unwrap(text string) (line string, wrapped bool, wrong *lines.Problem) {
	trimmed := strings.TrimLeft(text, " \t")
	if !strings.HasPrefix(trimmed, "{") {
		return text, false, nil
	}
	var object any
	if err := json.Unmarshal([]byte(trimmed), &object); err != nil {
		if strings.Contains(text, linePrincipal) {
			return "", false, &lines.Problem{Found: "a JSON object that is cut or invalid", Expected: "one whole object on a line"}
		}
		return text, false, nil
	}
	found := decisionTexts(nil, object)
	switch {
	case len(found) == 0:
		return "", true, nil
	case len(found) > 1:
		return "", true, &lines.Problem{Found: "more than one text in the object that looks like a decision", Expected: "one"}
	case strings.Contains(found[0], "\uFFFD") && !strings.Contains(text, "\uFFFD"):
		return "", true, &lines.Problem{Found: "an escape that is half of a character", Expected: "whole characters"}
	}
	return found[0], true, nil
}

// decisionTexts appends the different texts in a JSON value that an authorizer may have written.
func decisionTexts(dst []string, value any) []string {
	switch v := value.(type) {
	case string:
		if (strings.Contains(v, linePrincipal) || superUserOf(trimLogger(strings.TrimRight(v, "\r\n"))) != "") && !slices.Contains(dst, v) {
			dst = append(dst, v)
		}
	case []any:
		for _, element := range v {
			dst = decisionTexts(dst, element)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			dst = decisionTexts(dst, v[key])
		}
	}
	return dst
}
