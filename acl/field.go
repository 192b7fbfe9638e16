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

// standIn is the value of a binding before its fields are parsed. It is valid, so that
// each field can be checked separately, and grants nothing.
var standIn = Binding{
	Pattern: resource.LiteralPattern(resource.Topic, "unread"),
	Entry:   Entry{Principal: principal.Anonymous.String(), Host: WildcardHost, Operation: ops.All, Permission: Deny},
}

// setField parses the text of one field into b, which must be valid and remains valid.
// If the text is invalid, b is unchanged.
func (b *Binding) setField(f field, text span) *problem {
	c := *b
	var err error
	switch f {
	case resourceTypeField:
		c.Pattern.Type, err = resource.ParseType(text.Text)
	case nameField:
		c.Pattern.Name = text.Text
	case patternTypeField:
		c.Pattern.PatternType, err = resource.ParsePatternType(text.Text)
	case principalField:
		c.Entry.Principal = text.Text
	case hostField:
		c.Entry.Host = text.Text
	case operationField:
		c.Entry.Operation, err = ops.ParseOperation(text.Text)
	case permissionField:
		c.Entry.Permission, err = ParsePermissionType(text.Text)
	}
	if err == nil {
		err = c.validateStored()
	}
	if err != nil {
		return text.Unlike(fields[f].noun, fields[f].expected)
	}
	*b = c
	return nil
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
