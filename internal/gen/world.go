package gen

import (
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// The pools. A value that occurs twice is drawn twice as often.
var (
	// beginnings of names: letters, asterisks, characters that sort below an asterisk
	// (for which Kafka's scan fails), composed and decomposed accents, and characters
	// around the surrogates, which UTF-16 and UTF-8 sort differently.
	beginnings = []string{"a", "b", "*", "!", "ab", "h", "a", "", " ", "\x00", "é", "e\u0301", "\U0001F600", "\ue000", "hard", "z", "\U0001F601"}
	// endings make one name the prefix of another.
	endings = []string{"", "a", "b", "*", "!", ".", "aa", "\U0001F600", "\ue000", "\U0001F601", "\U0010FFFF"}

	wholeNames = []string{"*", "a", "ab", "abc", "", "hardcode", "**", "*a", "!", "!!", "kafka-cluster"}

	principals = []string{principal.Wildcard, "User:alice", principal.Wildcard, "User:alice", principal.Wildcard, "User:alice", "User:bob", "Group:ops", "User:CN=Bob, OU=ops",
		"User:a:b", "User:", "user:alice", "Group:*", "alice", ":", "", "User:\U0001F600", "User:\ue000"}

	hosts = []string{acl.WildcardHost, acl.WildcardHost, acl.WildcardHost, acl.WildcardHost, acl.WildcardHost, acl.WildcardHost, acl.WildcardHost, acl.WildcardHost,
		acl.WildcardHost, acl.WildcardHost, acl.WildcardHost, acl.WildcardHost, acl.WildcardHost, "10.0.0.1", "10.0.0.0/8", "10.1.2.3/8",
		"0.0.0.0/0", "10.0.0.1/32", "::1", "0:0:0:0:0:0:0:1", "::/0", "fe80::1", "fe80::1%eth0", "fe80:0:0:0:0:0:0:1%eth0", "fe80::/10",
		"::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "::ffff:0:0/90", "10.0.0.0/31", "2001:DB8::A", "localhost", "10.0.0.0/99", "010.0.0.1", "",
		"010.0.0.0/08", "[2001:db8::]/+32", "2001:db8::/-0", "fe80::1%1/64", "fe80::1%eth0/64"}

	types      = []resource.Type{resource.Topic, resource.Topic, resource.Topic, resource.Group, resource.User}
	operations = []ops.Operation{ops.Read, ops.All, ops.Write, ops.Describe, ops.Alter, ops.AlterConfigs, ops.DescribeConfigs, ops.Create, ops.Delete}
	superUsers = []principal.Principal{principal.User("CN=Bob, OU=ops"), principal.User("bob"), {Type: "Group", Name: "ops"}, principal.User("*"), {}}
)

// maxACLs is the maximum number of ACLs in a world: few enough for the model, which
// reads all of them for every answer, and enough for any two rules to collide.
const maxACLs = 14

// World returns a world of either semantics.
func World(src Source) refmodel.World {
	w := refmodel.World{Exact: Bool(src), Networks: Bool(src), AllowIfNoACL: Bool(src), Loading: src.IntN(30) == 29}
	w.Networks = w.Networks && w.Exact
	for range max(0, src.IntN(6)-3) {
		w.SuperUsers = append(w.SuperUsers, Pick(src, superUsers))
	}
	w.ACLs = ACLs(src, max(src.IntN(maxACLs+1), src.IntN(maxACLs+1)))
	return w
}

// ACLs returns n ACLs, which may be related to earlier ones.
func ACLs(src Source, n int) []acl.Binding {
	var acls []acl.Binding
	for range n {
		acls = append(acls, Next(src, acls))
	}
	return acls
}

// Next returns an ACL that can collide with the given ones.
func Next(src Source, acls []acl.Binding) acl.Binding {
	b := Binding(src)
	if len(acls) == 0 || Bool(src) {
		return b
	}
	other := Pick(src, acls)
	switch src.IntN(4) {
	case 0: // a nested prefix, or a name below one
		b.Pattern = other.Pattern
		b.Pattern.Name += Pick(src, endings)
		b.Pattern.PatternType = patternType(src)
	case 1: // another entry on the same pattern
		b.Pattern = other.Pattern
	case 2: // the same entry on another pattern
		b.Entry = other.Entry
	default: // the opposite of an existing one
		b = other
		b.Entry.Permission = acl.Allow + acl.Deny - other.Entry.Permission
	}
	return b
}

// Binding returns an ACL with valid types and arbitrary text.
func Binding(src Source) acl.Binding {
	return acl.Binding{
		Pattern: resource.Pattern{Type: Pick(src, types), PatternType: patternType(src), Name: Name(src)},
		Entry: acl.Entry{Principal: Pick(src, principals), Host: Pick(src, hosts), Operation: Pick(src, operations),
			Permission: Pick(src, []acl.PermissionType{acl.Allow, acl.Allow, acl.Deny})},
	}
}

// Valid returns an ACL that Kafka would create and whose text has no control
// characters.
func Valid(src Source) acl.Binding {
	b := Binding(src)
	b.Pattern.Name = strings.ReplaceAll(b.Pattern.Name, "\x00", "0")
	if b.Pattern.Name == "" {
		b.Pattern.Name = resource.Wildcard
	}
	if !strings.Contains(b.Entry.Principal, ":") {
		b.Entry.Principal = principal.User(b.Entry.Principal).String()
	}
	if b.Validate() != nil {
		b.Entry.Host = acl.WildcardHost
	}
	return b
}

func patternType(src Source) resource.PatternType {
	return Pick(src, []resource.PatternType{resource.Literal, resource.Prefixed})
}

// Name returns a name, which may be empty.
func Name(src Source) string {
	if src.IntN(3) == 0 {
		return Pick(src, wholeNames)
	}
	name := Pick(src, beginnings)
	for range src.IntN(3) {
		name += Pick(src, endings)
	}
	return name
}

// Filter returns a filter that is likely to match ACLs of a world.
func Filter(src Source, acls []acl.Binding) acl.Filter {
	b := Binding(src)
	if len(acls) > 0 && src.IntN(4) > 0 {
		b = Pick(src, acls)
	}
	f := acl.FilterOf(b)
	f.Pattern.PatternType = Pick(src, []resource.PatternType{resource.PatternAny, resource.PatternMatch, resource.PatternMatch, f.Pattern.PatternType, resource.PatternUnknown})
	if Bool(src) {
		name := b.Pattern.Name + Pick(src, endings)
		f.Pattern.Name = &name
	}
	for _, loosen := range []func(){
		func() { f.Pattern.Type = resource.Any },
		func() { f.Pattern.Name = nil },
		func() { f.Entry.Principal = nil },
		func() { f.Entry.Host = nil },
		func() { f.Entry.Operation = ops.Any },
		func() { f.Entry.Permission = acl.PermissionAny },
	} {
		if Bool(src) {
			loosen()
		}
	}
	return f
}

// Shuffled returns the ACLs in another order.
func Shuffled(src Source, acls []acl.Binding) []acl.Binding {
	acls = slices.Clone(acls)
	for i := range acls {
		j := i + src.IntN(len(acls)-i)
		acls[i], acls[j] = acls[j], acls[i]
	}
	return acls
}
