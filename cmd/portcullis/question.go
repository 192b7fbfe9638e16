package main

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// defaultHost is the host of a question without one. Every answer shows the host.
const defaultHost = "127.0.0.1"

// question is one authorization check to answer.
type question struct {
	subject snapshot.Subject
	request snapshot.Request
	line    int // in the file of questions; 0 for none
}

// The parts of a question, with their names in files.
const (
	principalPart    = "principal"
	groupsPart       = "groups"
	hostPart         = "host"
	operationPart    = "operation"
	resourceTypePart = "resourceType"
	namePart         = "name"
)

var (
	requiredParts = []string{principalPart, operationPart, resourceTypePart, namePart}
	optionalParts = []string{hostPart, groupsPart}
)

// questionParts says how each part is read from text. set reports whether the text is
// valid.
var questionParts = map[string]struct {
	expected string
	set      func(q *question, text string) bool
}{
	principalPart: {"Type:name, such as User:alice", func(q *question, text string) bool {
		p, err := principal.Parse(text)
		q.subject.Principal = p
		return err == nil && !p.IsZero()
	}},
	// One at a time.
	groupsPart: {"principals of the form Type:name, such as Group:developers", func(q *question, text string) bool {
		p, err := principal.Parse(text)
		q.subject.Groups = append(q.subject.Groups, p)
		return err == nil && !p.IsZero()
	}},
	hostPart: {"an IP address, such as 10.0.0.1 or 2001:db8::1", func(q *question, text string) bool {
		addr, err := netip.ParseAddr(text)
		q.subject.Host = addr.Unmap()
		return err == nil
	}},
	operationPart: {"one of " + strings.Join(operationNames(), ", "), func(q *question, text string) bool {
		o, err := ops.ParseOperation(text)
		q.request.Operation = o
		return err == nil && o.IsKnown() && o != ops.Any
	}},
	resourceTypePart: {"one of " + strings.Join(typeNames(), ", "), func(q *question, text string) bool {
		t, err := resource.ParseType(text)
		q.request.Type = t
		return err == nil && t.IsConcrete()
	}},
	namePart: {"the name of one resource", func(q *question, text string) bool {
		q.request.Name = text
		return text != ""
	}},
}

// set reads a part of q from text. It returns "" if the text is valid, and otherwise
// what is expected.
func (q *question) set(part, text string) (expected string) {
	if !utf8.ValidString(text) {
		return "valid UTF-8"
	}
	p := questionParts[part]
	if !p.set(q, text) {
		return p.expected
	}
	return ""
}

// isSupported reports whether Kafka ever checks the operation on the resource type.
func (q *question) isSupported() bool { return ops.Supported(q.request.Type).Has(q.request.Operation) }

func operationNames() []string {
	var names []string
	for o := ops.All; o.IsKnown(); o++ {
		names = append(names, o.DisplayName())
	}
	return names
}

func typeNames() []string {
	var names []string
	for _, t := range resource.Types() {
		names = append(names, t.DisplayName())
	}
	return names
}
