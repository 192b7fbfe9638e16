package audit

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// lineExample is a valid line.
const lineExample = "Principal = User:alice is Allowed operation = READ from host = 10.0.0.1 on resource = Topic:LITERAL:orders" +
	" for request = Fetch with resourceRefCount = 1 based on rule DefaultAllow"

// loggerSuffix is what Kafka's own log4j pattern appends to a line.
const loggerSuffix = " (kafka.authorizer.logger)"

// probeName is the name that Kafka's by-type check asks about, with 0 references. No
// client request leads to such a line.
//
// Source: Kafka's Authorizer.authorizeByResourceType.
const probeName = "hardcode"

// parseLine parses a line of TraceKafka or TraceEscaped, or one that means the same in
// both.
func parseLine(text string, format TraceFormat) (Record, *lines.Problem) {
	parts, allowed, wrong := splitLine(text)
	if wrong != nil {
		return Record{}, wrong
	}
	r := Record{Allowed: allowed}
	for _, field := range []struct {
		part lines.Span
		read func(lines.Span) *lines.Problem
	}{
		{parts[0], func(p lines.Span) *lines.Problem { return readClientText(p, format, &r, principalField) }},
		{parts[1], func(p lines.Span) *lines.Problem { return operationField.read(&r, p.Text, p.Offset) }},
		{parts[2], func(p lines.Span) *lines.Problem { return readClientText(p, format, &r, hostField) }},
		{parts[3], func(p lines.Span) *lines.Problem { return readResource(p, format, &r) }},
		{parts[5], func(p lines.Span) *lines.Problem { return readReferences(p, format, &r) }},
		{parts[6], func(p lines.Span) *lines.Problem { return readRule(p, &r) }},
	} {
		if wrong := field.read(field.part); wrong != nil {
			return Record{}, wrong
		}
	}
	return r, nil
}

// splitLine returns the parts between the separators of a line: the principal, the
// operation, the host, the resource, the request, the references and the rule. Each
// separator must occur exactly once. If one occurred twice, the client that chose a
// name could determine where the name ends.
func splitLine(text string) (parts [7]lines.Span, allowed bool, wrong *lines.Problem) {
	text = strings.TrimSuffix(text, loggerSuffix)
	start := strings.Index(text, linePrincipal)
	if start < 0 || start > 0 && text[start-1] != ' ' {
		return parts, false, lines.Span{Text: text, Offset: 0}.Unlike("the line", "a line of Kafka's audit log, such as "+lineExample)
	}
	verdict := lineDenied
	if allowed = strings.Contains(text, lineAllowed); allowed {
		verdict = lineAllowed
	}
	at := start
	for i, word := range []string{linePrincipal, verdict, lineHost, lineResource, lineRequest, lineReferences, lineRule} {
		found := strings.Index(text[at:], word)
		if found < 0 {
			return parts, false, lines.Span{Text: text[at:], Offset: at}.Unlike("the text", strconv.Quote(word)+" after it, as in "+lineExample)
		}
		if i > 0 {
			parts[i-1] = lines.Span{Text: text[at : at+found], Offset: at}
		}
		at += found + len(word)
	}
	parts[6] = lines.Span{Text: text[at:], Offset: at}
	for _, word := range lineWords {
		first, last := strings.Index(text, word), strings.LastIndex(text, word)
		if first != last || word == lineDenied && allowed && first >= 0 {
			return parts, false, &lines.Problem{Offset: last, Found: strconv.Quote(word) + " again",
				Expected: "it only once: Kafka prints names unescaped, so this line is ambiguous"}
		}
	}
	return parts, allowed, nil
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

// readResource parses "Topic:LITERAL:orders".
func readResource(p lines.Span, format TraceFormat, r *Record) *lines.Problem {
	typ, rest, _ := strings.Cut(p.Text, ":")
	pattern, name, ok := strings.Cut(rest, ":")
	if !ok {
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
	case pattern == resource.Literal.String():
		r.Request.Name = text
		return nil
	case pattern == resource.PatternAny.String() && name == resource.Wildcard && format != TraceKafka:
		r.ByType = true
		return nil
	}
	return lines.Span{Text: pattern, Offset: p.Offset + len(typ) + 1}.Unlike("pattern type", "LITERAL: a check is about one resource")
}

// readReferences parses the number of references, which identifies the probe of a
// by-type check.
func readReferences(p lines.Span, format TraceFormat, r *Record) *lines.Problem {
	n, err := strconv.Atoi(p.Text)
	if err != nil || n < 0 {
		return p.Unlike("count", "the number of references to the resource")
	}
	if n == 0 && r.Request.Name == probeName && format != TraceEscaped {
		r.ByType, r.Request.Name = true, ""
	}
	return nil
}

// readRule parses the reason, which must agree with the verdict.
func readRule(p lines.Span, r *Record) *lines.Problem {
	name, acl, _ := strings.Cut(p.Text, "(acl=StandardAcl")
	isACL := acl != "" && (acl[0] == '(' && strings.HasSuffix(acl, "))") || acl[0] == '[' && strings.HasSuffix(acl, "])"))
	for reason, ruleName := range ruleNames {
		allows := reason == snapshot.SuperUser || reason == snapshot.MatchingAllow || reason == snapshot.DefaultAllow
		if name == ruleName && allows == r.Allowed && (acl == "" || isACL && name == matchingACL) {
			r.SuperUser = reason == snapshot.SuperUser
			return nil
		}
	}
	return p.Unlike("rule", "a rule that agrees with the verdict: SuperUser, DefaultAllow, DefaultDeny, NotReady, NoHost, or MatchingAcl with its ACL")
}
