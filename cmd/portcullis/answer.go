package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// writeAnswer writes one answer.
type writeAnswer func(w io.Writer, q *question, d snapshot.Decision) error

// reasonNotes explains the reasons that have no ACL.
var reasonNotes = map[snapshot.Reason]string{
	snapshot.DefaultDeny:  "no ACL matches",
	snapshot.DefaultAllow: "no ACL covers the resource, and then everyone is allowed",
	snapshot.SuperUser:    "no ACL was evaluated",
	snapshot.NotReady:     "the ACLs are not loaded",
}

// writeTwoLines writes the question and its answer on one line, and the reason on the
// next.
func writeTwoLines(w io.Writer, q *question, d snapshot.Decision) error {
	_, err := fmt.Fprintf(w, "%s\n%s\n", verdictText(q, d), reasonText(d))
	return err
}

// writeLine writes question, answer and reason on one line.
func writeLine(w io.Writer, q *question, d snapshot.Decision) error {
	_, err := fmt.Fprintf(w, "%s; %s\n", verdictText(q, d), reasonText(d))
	return err
}

// verdictText returns the answer with principal, host, operation and resource.
func verdictText(q *question, d snapshot.Decision) string {
	who := printable(q.subject.Principal.String())
	for i, g := range q.subject.Groups {
		who += []string{" with ", ", "}[min(i, 1)] + printable(g.String())
	}
	return fmt.Sprintf("%s: %s from %s, %s on %s %s", verdict(d), who, printable(q.subject.Host.String()),
		q.request.Operation.DisplayName(), q.request.Type.DisplayName(), printable(q.request.Name))
}

func verdict(d snapshot.Decision) string {
	if d.Allowed() {
		return "allowed"
	}
	return "denied"
}

func reasonText(d snapshot.Decision) string {
	note := reasonNotes[d.Reason()]
	if b, ok := d.Binding(); ok {
		note = aclText(b)
	}
	return fmt.Sprintf("reason: %v: %s", d.Reason(), note)
}

// aclText returns b as kafka-acls prints it, on one line.
func aclText(b acl.Binding) string {
	e, p := b.Entry, b.Pattern
	e.Principal, e.Host, p.Name = printable(e.Principal), printable(e.Host), printable(p.Name)
	return e.String() + " on " + p.String()
}

// printable returns s, quoted if it could be mistaken for other words of the answer.
func printable(s string) string { return lines.Printable(s) }

// answerObject is an answer in JSON.
type answerObject struct {
	Allowed      bool         `json:"allowed"`
	Reason       string       `json:"reason"`
	Principal    string       `json:"principal"`
	Groups       []string     `json:"groups,omitempty"`
	Host         string       `json:"host"`
	Operation    string       `json:"operation"`
	ResourceType string       `json:"resourceType"`
	Name         string       `json:"name"`
	ACL          *acl.Binding `json:"acl,omitempty"` // the one that decided
}

// newAnswerObject returns the JSON form of an answer.
func newAnswerObject(q *question, d snapshot.Decision) answerObject {
	object := answerObject{
		Allowed:      d.Allowed(),
		Reason:       d.Reason().String(),
		Principal:    q.subject.Principal.String(),
		Host:         q.subject.Host.String(),
		Operation:    q.request.Operation.String(),
		ResourceType: q.request.Type.String(),
		Name:         q.request.Name,
	}
	for _, g := range q.subject.Groups {
		object.Groups = append(object.Groups, g.String())
	}
	if b, ok := d.Binding(); ok {
		object.ACL = &b
	}
	return object
}

// writeJSON writes an answer as a line of JSON.
func writeJSON(w io.Writer, q *question, d snapshot.Decision) error {
	return newLineEncoder(w).Encode(newAnswerObject(q, d))
}

// writeWarnings warns of questions that Kafka never asks. They are answered, but are
// probably a mistake. It warns once for each operation and resource type.
func writeWarnings(w io.Writer, file string, questions []question) {
	told := map[string]bool{}
	for _, q := range questions {
		if q.isSupported() {
			continue
		}
		var supported []string
		for o := range ops.Supported(q.request.Type).All() {
			supported = append(supported, o.DisplayName())
		}
		text := fmt.Sprintf("warning: Kafka never asks for %s on %s, only for %s", q.request.Operation.DisplayName(),
			q.request.Type.DisplayName(), strings.Join(supported, ", "))
		if told[text] {
			continue
		}
		told[text] = true
		if q.line > 0 {
			text = fmt.Sprintf("%s:%d: %s", file, q.line, text)
		}
		fmt.Fprintln(w, text)
	}
}
