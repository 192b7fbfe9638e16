package main

import (
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// aclPart is one of the seven fields of an ACL.
type aclPart uint8

const (
	aclPrincipal aclPart = iota
	aclHost
	aclResourceType
	aclResourceName
	aclPatternType
	aclOperation
	aclPermission
)

// aclParts says how each part is read and written, with Kafka's names for the values.
var aclParts = [...]struct {
	noun     string
	expected string
	set      func(b *acl.Binding, text string) error
}{
	aclPrincipal: {"principal", "Type:name, such as User:alice", func(b *acl.Binding, text string) error {
		b.Entry.Principal = text
		return nil
	}},
	aclHost: {"host", "an address, * for all, or a network such as 10.0.0.0/8", func(b *acl.Binding, text string) error {
		b.Entry.Host = text
		return nil
	}},
	aclResourceType: {"resource type", "one of " + strings.Join(typeNames(), ", "), func(b *acl.Binding, text string) (err error) {
		b.Pattern.Type, err = resource.ParseType(text)
		return err
	}},
	aclResourceName: {"resource name", "a name, or * for all", func(b *acl.Binding, text string) error {
		b.Pattern.Name = text
		return nil
	}},
	aclPatternType: {"pattern type", "LITERAL or PREFIXED", func(b *acl.Binding, text string) (err error) {
		b.Pattern.PatternType, err = resource.ParsePatternType(strings.ToUpper(text)) // Kafka's parser is case-sensitive
		return err
	}},
	aclOperation: {"operation", "one of " + strings.Join(operationNames(), ", "), func(b *acl.Binding, text string) (err error) {
		b.Entry.Operation, err = ops.ParseOperation(text)
		return err
	}},
	aclPermission: {"permission", "ALLOW or DENY", func(b *acl.Binding, text string) (err error) {
		b.Entry.Permission, err = acl.ParsePermissionType(text)
		return err
	}},
}

// unreadACL is an ACL before its parts are read. It is valid, so that each part can be
// checked alone, and it grants nothing.
var unreadACL = acl.Binding{
	Pattern: resource.LiteralPattern(resource.Topic, "unread"),
	Entry:   acl.Entry{Principal: principal.Anonymous.String(), Host: acl.WildcardHost, Operation: ops.All, Permission: acl.Deny},
}

// set reads a part of b from text. b is valid before and after. If the text is invalid,
// b does not change, and found and expected describe the error.
func (part aclPart) set(b *acl.Binding, text string) (found, expected string, ok bool) {
	c := *b
	err := aclParts[part].set(&c, text)
	if err == nil {
		err = c.Validate()
	}
	if err != nil {
		return aclParts[part].noun + " " + enum.Quote(text), aclParts[part].expected, false
	}
	*b = c
	return "", "", true
}
