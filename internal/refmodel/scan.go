package refmodel

import (
	"cmp"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/resource"
)

// kafkaScan simulates Kafka's authorizer on its sorted list of ACLs: two passes that
// step down the list and jump.
type kafkaScan struct {
	acls    []acl.Binding // of the requested type, in Kafka's order, without duplicates
	world   World
	subject Subject
	request Request

	allow, deny *acl.Binding
	covered     bool
	noAnswer    bool // Kafka throws an exception, or loops forever
}

// scan returns Kafka's answer, and whether it gives one.
func (w World) scan(s Subject, r Request) (Answer, bool) {
	if s.Principal.Type == "User" && s.Principal.Name == "*" {
		return Answer{}, false // its set of principals does not accept duplicates
	}
	k := kafkaScan{acls: w.inKafkaOrder(r.Type), world: w, subject: s, request: r}
	k.pass(units(r.Name), resource.PatternUnknown)
	if k.deny == nil && !k.noAnswer {
		k.pass(units("*"), resource.Literal)
	}
	switch {
	case k.noAnswer:
		return Answer{}, false
	case k.deny != nil:
		return Answer{Rule: MatchingDeny, ACL: k.deny}, true
	case k.allow != nil:
		return Answer{Rule: MatchingAllow, ACL: k.allow}, true
	case !k.covered && w.AllowIfNoACL:
		return Answer{Rule: DefaultAllow}, true
	}
	return Answer{Rule: DefaultDeny}, true
}

// inKafkaOrder returns the ACLs of a type in Kafka's order, without duplicates.
func (w World) inKafkaOrder(t resource.Type) []acl.Binding {
	var acls []acl.Binding
	for _, b := range w.ACLs {
		if b.Pattern.Type == t {
			acls = append(acls, b)
		}
	}
	slices.SortFunc(acls, kafkaOrder)
	return slices.Compact(acls)
}

// pass is Kafka's checkSection. The name at which it starts is a Java string, which a
// jump may cut in the middle of a character.
func (k *kafkaScan) pass(start []uint16, patternType resource.PatternType) {
	name := units(k.request.Name)
	// A scan that ends makes no more jumps than this: each jump shortens its starting
	// point, which is at most as long as the name, or as "*".
	maxJumps, jumps := len(name)+2, 0
	for i := k.from(start, patternType); i < len(k.acls); {
		b := k.acls[i]
		pattern := units(b.Pattern.Name)
		shared := 0
		for shared < len(name) && shared < len(pattern) && name[shared] == pattern[shared] {
			shared++
		}
		switch {
		case shared == len(pattern) && b.Pattern.PatternType == resource.Literal && shared != len(name):
			i++ // Kafka treats it as a LITERAL pattern whose name is only a prefix, even if it is "*"
			continue
		case shared < len(pattern) && !(b.Pattern.PatternType == resource.Literal && b.Pattern.Name == "*"):
			if jumps++; shared > len(start) || jumps > maxJumps {
				k.noAnswer = true
				return
			}
			start = start[:shared]
			i = k.from(start, patternType)
			continue
		}
		k.covered = true
		if !strings.Contains(b.Entry.Principal, ":") {
			k.noAnswer = true
			return
		}
		if k.subject.is(b.Entry.Principal) && k.world.IsFromText(b.Entry, k.subject.Host) && speaksOf(b.Entry, k.request.Operation) {
			if b.Entry.Permission == acl.Deny {
				k.deny = &k.acls[i]
				return
			}
			k.allow = &k.acls[i]
		}
		i++
	}
}

// from returns the index of the first ACL that is not before the given name.
func (k *kafkaScan) from(name []uint16, patternType resource.PatternType) int {
	i := 0
	for ; i < len(k.acls); i++ {
		p := k.acls[i].Pattern
		before := cmp.Or(
			slices.Compare(name, units(p.Name)), // descending
			cmp.Compare(p.PatternType, patternType),
		)
		if before >= 0 {
			break
		}
	}
	return i
}
