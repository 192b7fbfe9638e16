package workload

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// longestName is the length of the longest name that Kafka gives a topic.
//
// Source: Kafka's Topic.MAX_NAME_LENGTH.
const longestName = 249

// Nested has a PREFIXED ACL on each prefix of one name of the given length. The
// questions are about that name, so that every ACL of the principal covers it.
// "miss-operation" is the worst case: none of them decides.
func Nested(length int) Shape {
	name := strings.Repeat("nested-", length/len("nested-")+1)[:length]
	return Shape{
		Name:    "nested",
		Entries: length,
		Bindings: func(yield func(acl.Binding) bool) {
			for i := range length {
				if !yield(allow(resource.PrefixedPattern(resource.Topic, name[:i+1]), "User:"+testUser, ops.Read)) {
					return
				}
			}
		},
		Subject: fromLocalhost(testUser),
		Cases:   aboutOne(name),
	}
}

// OneTopic has n principals on one topic. The subject is one of them.
func OneTopic(n int) Shape {
	const name = "shared-by-all"
	return Shape{
		Name:    "one-topic",
		Entries: n,
		Bindings: func(yield func(acl.Binding) bool) {
			for i := range n {
				if !yield(allow(resource.LiteralPattern(resource.Topic, name), principal.User(application(i)).String(), ops.Read)) {
					return
				}
			}
		},
		Subject: fromLocalhost(application(n / 2)),
		Cases:   aboutOne(name),
	}
}

// Hosts has one principal on one topic from n addresses. The subject asks from one
// of them.
func Hosts(n int) Shape {
	const name = "from-everywhere"
	subject := fromLocalhost(testUser)
	subject.Host = address(n / 2)
	return Shape{
		Name:    "hosts",
		Entries: n,
		Bindings: func(yield func(acl.Binding) bool) {
			for i := range n {
				p := resource.LiteralPattern(resource.Topic, name)
				if !yield(binding(p, "User:"+testUser, address(i).String(), ops.Read, acl.Allow)) {
					return
				}
			}
		},
		Subject: subject,
		Cases:   aboutOne(name),
	}
}

// address returns the i-th address of 10.0.0.0/8.
func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// aboutOne asks about one name only.
func aboutOne(name string) []Case {
	return []Case{
		newCase(Hit, ops.Read, resource.Topic, Allowed, []string{name}),
		newCase(MissOperation, ops.Write, resource.Topic, Denied, []string{name}),
		newCase(MissName, ops.Read, resource.Topic, Denied, []string{"~" + name[1:]}),
	}
}

// Literals has one principal with n topics of its own.
func Literals(n int) Shape {
	return ownTopics("literals", n, "User:"+testUser, func(i int) resource.Pattern {
		return resource.LiteralPattern(resource.Topic, fmt.Sprintf("service-%d.topic-%d", i%997, i))
	})
}

// Everyone has n topics that are for User:*, and the subject has none.
func Everyone(n int) Shape {
	return ownTopics("everyone", n, principal.Wildcard, func(i int) resource.Pattern {
		return resource.LiteralPattern(resource.Topic, fmt.Sprintf("public-%d.topic-%d", i%997, i))
	})
}

// LongPrefixes has n patterns, one in two PREFIXED, whose names are as long as a
// topic's can be and differ in their last characters only.
func LongPrefixes(n int) Shape {
	const digits = 9
	common := strings.Repeat("long-common-prefix.", longestName)[:longestName-digits]
	return ownTopics("long-prefixes", n, "User:"+testUser, func(i int) resource.Pattern {
		p := resource.LiteralPattern(resource.Topic, fmt.Sprintf("%s%0*d", common, digits, i))
		if i%2 == 0 {
			p.PatternType = resource.Prefixed
		}
		return p
	})
}

// ownTopics has n patterns of one principal, all on topics, each of whose names is
// asked for.
func ownTopics(name string, n int, who string, pattern func(i int) resource.Pattern) Shape {
	names := make([]string, n)
	for i := range names {
		names[i] = pattern(i).Name
	}
	shuffle(names)
	some := names[:min(n, maxAsked)]
	missing := make([]string, len(some))
	for i, s := range some {
		missing[i] = s[:len(s)-1] + "~"
	}
	return Shape{
		Name:    name,
		Entries: n,
		Bindings: func(yield func(acl.Binding) bool) {
			for i := range n {
				if !yield(allow(pattern(i), who, ops.Read)) {
					return
				}
			}
		},
		Subject: fromLocalhost(testUser),
		Cases: []Case{
			newCase(Hit, ops.Read, resource.Topic, Allowed, some),
			newCase(MissOperation, ops.Write, resource.Topic, Denied, some),
			newCase(MissName, ops.Read, resource.Topic, Denied, missing),
			newCase(Random, ops.Read, resource.Topic, Allowed, names),
		},
	}
}

// AllTypes has n patterns of one principal, the six resource types in turn, with a
// case for each type.
func AllTypes(n int) Shape {
	types := resource.Types()
	pattern := func(i int) resource.Pattern {
		return resource.LiteralPattern(types[i%len(types)], fmt.Sprintf("resource-%d", i))
	}
	s := Shape{
		Name:    "all-types",
		Entries: n,
		Bindings: func(yield func(acl.Binding) bool) {
			for i := range n {
				if !yield(allow(pattern(i), "User:"+testUser, ops.Describe)) {
					return
				}
			}
		},
		Subject: fromLocalhost(testUser),
	}
	for offset, t := range types {
		var names []string
		for i := offset; i < n && len(names) < maxAsked; i += len(types) {
			names = append(names, pattern(i).Name)
		}
		s.Cases = append(s.Cases, newCase(Hit+"-"+strings.ToLower(t.String()), ops.Describe, t, Allowed, shuffle(names)))
	}
	return s
}
