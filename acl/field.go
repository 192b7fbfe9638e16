package acl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// field is one of the seven parts of a binding.
type field uint8

const (
	resourceTypeField field = iota
	nameField
	patternTypeField
	principalField
	hostField
	operationField
	permissionField
)

// fields describes the parts of a binding, in the order in which they are written.
var fields = [...]struct {
	key      string // key in JSON
	noun     string
	expected string // what is expected, for errors
}{
	resourceTypeField: {"resourceType", "resource type", oneOf(resource.Types())},
	nameField:         {"name", "resource name", fmt.Sprintf("a name, or %q for all resources of the type", resource.Wildcard)},
	patternTypeField:  {"patternType", "pattern type", oneOf([]resource.PatternType{resource.Literal, resource.Prefixed})},
	principalField:    {"principal", "principal", fmt.Sprintf("Type:name, such as User:alice, or %q for everyone", principal.Wildcard)},
	hostField: {"host", "host", fmt.Sprintf("an address, %q for all, or a network in CIDR notation such as 10.0.0.0/8",
		WildcardHost)},
	operationField:  {"operation", "operation", oneOf(operations())},
	permissionField: {"permission", "permission type", oneOf([]PermissionType{Allow, Deny})},
}

func oneOf[T fmt.Stringer](values []T) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v.String()
	}
	return "one of " + strings.Join(names, ", ")
}

// operations returns the operations that an ACL can have.
func operations() []ops.Operation {
	list := []ops.Operation{}
	for o := ops.All; o.IsKnown(); o++ {
		list = append(list, o)
	}
	return list
}

// standIn is the value of a binding before its fields are parsed. It grants nothing.
var standIn = Binding{
	Pattern: resource.LiteralPattern(resource.Topic, "unread"),
	Entry:   Entry{Principal: principal.Anonymous.String(), Host: WildcardHost, Operation: ops.All, Permission: Deny},
}

// setField parses the text of one field into b. Any text is a name, a principal or a host:
// some release of Kafka stores it. A word that is not a value of the field is an error, and
// the field becomes UNKNOWN.
func (b *Binding) setField(f field, text span) *problem {
	known := true
	switch f {
	case nameField:
		b.Pattern.Name = text.Text
	case principalField:
		b.Entry.Principal = text.Text
	case hostField:
		b.Entry.Host = text.Text
	case resourceTypeField:
		known = setWord(&b.Pattern.Type, text.Text, resource.ParseType, resource.Type.IsConcrete)
	case patternTypeField:
		known = setWord(&b.Pattern.PatternType, text.Text, resource.ParsePatternType, resource.PatternType.IsSpecific)
	case operationField:
		known = setWord(&b.Entry.Operation, text.Text, ops.ParseOperation, func(o ops.Operation) bool { return o.IsKnown() && o != ops.Any })
	case permissionField:
		known = setWord(&b.Entry.Permission, text.Text, ParsePermissionType, func(p PermissionType) bool { return p == Allow || p == Deny })
	}
	if known {
		return nil
	}
	wrong := text.Unlike(fields[f].noun, fields[f].expected)
	wrong.IsUnknownWord = f.mayBeUnknown(text.Text)
	return wrong
}

// setWord parses the text of a field that has few values. It reports whether an ACL can have
// the value. If not, the field becomes UNKNOWN.
func setWord[T ~int8](to *T, text string, parse func(string) (T, error), ofACL func(T) bool) bool {
	v, err := parse(text)
	known := err == nil && ofACL(v)
	if !known {
		v = 0
	}
	*to = v
	return known
}

// mayBeUnknown reports whether a text that is no value of f could be one in another release of
// Kafka, or in a program that speaks its protocol: for a resource type and an operation a word
// such as "TWO_PHASE_COMMIT". There were never other pattern types and permissions, but
// kafka-acls would print UNKNOWN for them.
func (f field) mayBeUnknown(text string) bool {
	switch f {
	case patternTypeField, permissionField:
		return text == resource.PatternUnknown.String()
	}
	return lines.IsWord(text) && !strings.EqualFold(text, resource.Any.String()) // which only filters have
}

// problem is an error at one position in a line.
type problem = lines.Problem

// span is a part of a line, with its offset.
type span = lines.Span

// fieldText is the text of one field.
type fieldText struct {
	field field
	span  span
}

// setFields parses fields with setField, and returns the errors in the order of the
// line.
func (b *Binding) setFields(texts ...fieldText) []problem {
	var problems []problem
	for _, t := range texts {
		if wrong := b.setField(t.field, t.span); wrong != nil {
			problems = append(problems, *wrong)
		}
	}
	slices.SortStableFunc(problems, func(p, q problem) int { return p.Offset - q.Offset })
	return problems
}

// findings is what a parser finds in a line.
type findings struct {
	bindings []Binding
	problems []problem
	// unknown are ACLs with words that are not known. The others of the file can be used.
	unknown []unknownACL
}

// unknownACL is an ACL in which the words that are not known are zero, with the first of
// these words.
type unknownACL struct {
	binding Binding
	word    problem
}

// add adds an ACL and the errors in its fields, of which those in before are in an earlier
// line.
func (f *findings) add(b Binding, before, problems []problem) {
	all := append(slices.Clip(before), problems...)
	switch {
	case len(all) == 0:
		f.bindings = append(f.bindings, b)
	case slices.ContainsFunc(all, func(p problem) bool { return !p.IsUnknownWord }):
		f.problems = append(f.problems, problems...)
	default:
		f.unknown = append(f.unknown, unknownACL{b, all[0]})
	}
}
