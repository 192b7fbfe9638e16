package audit

import (
	"io"
	"strconv"
	"sync"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// LineStyle is how a release of Kafka prints ACLs in its audit log. The zero LineStyle
// is Kafka42.
type LineStyle uint8

// The styles.
const (
	Kafka42 LineStyle = iota // StandardAcl[resourceType=TOPIC, …]
	Kafka40                  // StandardAcl(resourceType=TOPIC, …), up to Kafka 4.1
)

// brackets are the brackets around an ACL, by style.
var brackets = [...]string{Kafka42: "[]", Kafka40: "()"}

// ruleNames are Kafka's names of the reasons. Kafka logs nothing before it is ready, and
// each of its clients has an address, so it has no names for these.
//
// Source: Kafka's StandardAuthorizerData.MatchingRule.
var ruleNames = map[snapshot.Reason]string{
	snapshot.SuperUser:     "SuperUser",
	snapshot.DefaultAllow:  "DefaultAllow",
	snapshot.DefaultDeny:   "DefaultDeny",
	snapshot.NotReady:      "NotReady",
	snapshot.NoHost:        "NoHost",
	snapshot.MatchingAllow: matchingACL,
	snapshot.MatchingDeny:  matchingACL,
}

const matchingACL = "MatchingAcl"

// AppendLine appends the line of Kafka's audit log for e, without a line break, and
// returns the extended slice. Client text that could be taken for something else is
// quoted; see the package documentation. Without such text the line is identical to
// Kafka's.
//
// For a by-type check Kafka logs a resource called "hardcode", and only if an ACL on
// that name allows it. This function logs the decision, with the resource Type:ANY:*
// and no ACL. An unknown style is treated as Kafka42.
//
// Source: Kafka's StandardAuthorizerData.buildAuditMessage.
func AppendLine(dst []byte, e *Event, style LineStyle) []byte {
	return appendLine(dst, e, style, appendText)
}

// AppendExactLine is [AppendLine] without quoting, as in Kafka. A name with a line
// break splits the line in two, and the second can be forged. Use it to compare with
// Kafka, or if all names are known to be harmless.
func AppendExactLine(dst []byte, e *Event, style LineStyle) []byte {
	return appendLine(dst, e, style, func(dst []byte, text string) []byte { return append(dst, text...) })
}

func appendLine(dst []byte, e *Event, style LineStyle, text func([]byte, string) []byte) []byte {
	dst = text(append(dst, linePrincipal...), e.Subject.Principal.String())
	if e.Decision.Allowed() {
		dst = append(dst, lineAllowed...)
	} else {
		dst = append(dst, lineDenied...)
	}
	dst = append(append(dst, e.Request.Operation.String()...), lineHost...)
	dst = text(dst, acl.HostAddress(e.Subject.Host))
	dst = append(append(dst, lineResource...), e.Request.Type.DisplayName()...)
	pattern, name := resource.Literal, e.Request.Name
	if e.ByType {
		pattern, name = resource.PatternAny, resource.Wildcard
	}
	dst = append(append(append(dst, ':'), pattern.String()...), ':')
	dst = text(dst, name)
	dst = append(append(dst, lineRequest...), e.Call.API.String()...)
	dst = strconv.AppendInt(append(dst, lineReferences...), int64(e.Call.References), 10)
	dst = append(append(dst, lineRule...), ruleNames[e.Decision.Reason()]...)
	if b, ok := e.Decision.Binding(); ok {
		dst = appendACL(append(dst, "(acl=StandardAcl"...), b, style, text)
		dst = append(dst, ')')
	}
	return dst
}

// appendACL appends b as Kafka's StandardAcl prints it.
func appendACL(dst []byte, b acl.Binding, style LineStyle, text func([]byte, string) []byte) []byte {
	if int(style) >= len(brackets) {
		style = Kafka42
	}
	dst = append(dst, brackets[style][0])
	for i, part := range []string{
		b.Pattern.Type.String(), b.Pattern.Name, b.Pattern.PatternType.String(),
		b.Entry.Principal, b.Entry.Host, b.Entry.Operation.String(), b.Entry.Permission.String(),
	} {
		dst = text(append(dst, aclWords[i]...), part)
	}
	return append(dst, brackets[style][1])
}

// NewLineWriter returns a handler that writes each event to w as [AppendLine] renders
// it, with a line break, in one call of Write. It is safe for concurrent use; only one
// event is written at a time. Handle returns errors of w.
func NewLineWriter(w io.Writer, style LineStyle) Handler {
	return &lineWriter{w: w, render: func(dst []byte, e *Event) ([]byte, error) { return AppendLine(dst, e, style), nil }}
}

// lineWriter writes one line per event.
type lineWriter struct {
	render func(dst []byte, e *Event) ([]byte, error)

	mu     sync.Mutex
	w      io.Writer
	buffer []byte
}

func (l *lineWriter) Handle(e *Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, err := l.render(l.buffer[:0], e)
	if err != nil {
		return err
	}
	l.buffer = append(line, '\n')
	_, err = l.w.Write(l.buffer)
	return err
}
