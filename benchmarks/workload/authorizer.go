package workload

import (
	"fmt"
	"iter"
	"strconv"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// namePrefix begins the name of every resource of Kafka's AuthorizerBenchmark,
// testUser its principals.
const (
	namePrefix = "foo-bar35_resource-"
	testUser   = "test-user"
)

// benchmark is Kafka's AuthorizerBenchmark: some ALLOW ACLs on each of some
// resources, each for a principal of its own, and on some of them a DENY as well.
// One resource in ten is a group, the rest are topics; one pattern in five is
// PREFIXED, and as the names end in decimal numbers, a PREFIXED one covers the
// resources whose number begins with its own.
//
// Source: Kafka's jmh-benchmarks, AuthorizerBenchmark.java. It draws the DENY ACLs
// at random; here a formula draws them.
type benchmark struct {
	resources int
	acls      int // on each resource
	deny      int // of 10,000 ALLOW ACLs, how many have a DENY beside them
	// wildcards adds what the Java program adds to make LITERAL "*" costly: ACLs of
	// the asking principal for ten addresses on the prefix of all names, and for
	// resources/10 texts that are no address on LITERAL "*".
	wildcards bool
}

// The parameters of the shapes that Kafka's figures are for.
const (
	aclsPerResource = 10
	denyBasis       = 2_000
)

// Flat is Kafka's benchmark without its wildcards. n is the number of ALLOW ACLs;
// with the DENY ones there are a fifth more entries.
func Flat(n int) Shape {
	return benchmark{resources: n / aclsPerResource, acls: aclsPerResource, deny: denyBasis}.shape("flat")
}

// Kafka is Flat with the wildcards of Kafka's benchmark.
func Kafka(n int) Shape {
	return benchmark{resources: n / aclsPerResource, acls: aclsPerResource, deny: denyBasis, wildcards: true}.shape("kafka")
}

// Authorizer is Kafka's benchmark with its parameters: resources, ACLs on each, and
// of 10,000 ALLOW ACLs how many have a DENY beside them.
func Authorizer(resources, acls, deny int) Shape {
	name := fmt.Sprintf("authorizer-%dx%d", resources, acls)
	return benchmark{resources: resources, acls: acls, deny: deny, wildcards: true}.shape(name)
}

// Wildcards yields the bindings that Kafka(n) has beside those of Flat(n).
func Wildcards(n int) iter.Seq[acl.Binding] {
	return func(yield func(acl.Binding) bool) { benchmark{resources: n / aclsPerResource}.extras(yield) }
}

func (b benchmark) shape(name string) Shape {
	s := Shape{Name: name, Bindings: b.bindings, Subject: fromLocalhost(testUser), Entries: b.entries()}
	for _, c := range []struct {
		name   string
		op     ops.Operation
		prefix string
		want   Answer
	}{
		{Hit, ops.Read, namePrefix, Allowed},
		{Deny, ops.Read, namePrefix, Denied},
		{MissOperation, ops.Write, namePrefix, Denied},
		{MissName, ops.Read, "zzz-unrelated-", Denied},
	} {
		keep := func(int) bool { return true }
		if c.name == Hit || c.name == Deny {
			keep = func(i int) bool { return b.denied(i) == (c.want == Denied) }
		}
		names := numbered(c.prefix, queries(b.resources, keep))
		if len(names) > 0 { // without DENY ACLs nothing is denied by one
			s.Cases = append(s.Cases, newCase(c.name, c.op, resource.Topic, c.want, names))
		}
	}
	all := shuffle(numbered(namePrefix, b.topics()))
	s.Cases = append(s.Cases, newCase(Random, ops.Read, resource.Topic, Mixed, all))
	return s
}

func (b benchmark) bindings(yield func(acl.Binding) bool) {
	for i := range b.resources {
		p := b.pattern(i)
		for a := range b.acls {
			who := "User:" + testUser
			if a > 0 {
				who += strconv.Itoa(a)
			}
			if !yield(binding(p, who, acl.WildcardHost, ops.Read, acl.Allow)) {
				return
			}
			if b.draws(i, a) && !yield(binding(p, who, acl.WildcardHost, ops.Read, acl.Deny)) {
				return
			}
		}
	}
	if b.wildcards {
		b.extras(yield)
	}
}

// wildcardHosts is the number of ACLs of the wildcard shapes on the prefix.
const wildcardHosts = 10

// extras leaves the dot out of the hosts on LITERAL "*", as the Java program does.
func (b benchmark) extras(yield func(acl.Binding) bool) {
	prefix, all := resource.PrefixedPattern(resource.Topic, namePrefix), resource.LiteralPattern(resource.Topic, resource.Wildcard)
	for h := range wildcardHosts {
		if !yield(binding(prefix, "User:"+testUser, "127.0.0."+strconv.Itoa(h), ops.Read, acl.Allow)) {
			return
		}
	}
	for h := range b.resources / 10 {
		if !yield(binding(all, "User:"+testUser, "127.0.0"+strconv.Itoa(h), ops.Read, acl.Allow)) {
			return
		}
	}
}

func (b benchmark) entries() int {
	n := b.resources * b.acls
	for i := range b.resources {
		for a := range b.acls {
			if b.draws(i, a) {
				n++
			}
		}
	}
	if b.wildcards {
		n += wildcardHosts + b.resources/10
	}
	return n
}

func (b benchmark) pattern(i int) resource.Pattern {
	p := resource.LiteralPattern(resource.Topic, namePrefix+strconv.Itoa(i))
	if isGroup(i) {
		p.Type = resource.Group
	}
	if isPrefix(i) {
		p.PatternType = resource.Prefixed
	}
	return p
}

func isGroup(i int) bool  { return i%10 == 0 }
func isPrefix(i int) bool { return i%5 == 0 }

// draws reports whether ACL a of resource i has a DENY beside it. For whole
// percentages, hundreds of 10,000, it is the formula (i*31 + a*17) mod 100.
func (b benchmark) draws(i, a int) bool {
	return (i*31+a*17)%100*100+(i/100+a)%100 < b.deny
}

// denied reports whether testUser is denied topic i: its own DENY, or that of a
// PREFIXED topic whose number begins the number of i.
func (b benchmark) denied(i int) bool {
	if b.draws(i, 0) {
		return true
	}
	for p := i / 10; p > 0; p /= 10 {
		if isPrefix(p) && !isGroup(p) && b.draws(p, 0) {
			return true
		}
	}
	return false
}

// topics returns the numbers of all resources that are topics.
func (b benchmark) topics() []int {
	var numbers []int
	for i := range b.resources {
		if !isGroup(i) {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

func numbered(prefix string, numbers []int) []string {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = prefix + strconv.Itoa(n)
	}
	return names
}
