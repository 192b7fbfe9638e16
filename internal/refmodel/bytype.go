package refmodel

import (
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// CheckAny answers whether the subject may do op on any resource of type t. The answer
// names no ACL. Denials are only NoHost, NotReady or DefaultDeny, and allows only SuperUser or
// MatchingAllow.
func (w World) CheckAny(s Subject, op ops.Operation, t resource.Type) Answer {
	if !isResourceType(t) || op < ops.All || op > ops.TwoPhaseCommit {
		return Answer{Rule: DefaultDeny}
	}
	if a, ok := w.withoutACLs(s); ok {
		return a
	}
	if w.Exact {
		if allowed, ok := w.kafkaAny(s, op, t); ok {
			return byType(allowed)
		}
		a := w.documented().CheckAny(s, op, t)
		a.Fallback = true
		return a
	}
	for _, name := range w.NamesThatMatter(t) {
		if w.Check(s, Request{op, t, name}).Allowed() {
			return byType(true)
		}
	}
	return byType(false)
}

func byType(allowed bool) Answer {
	if allowed {
		return Answer{Rule: MatchingAllow}
	}
	return Answer{Rule: DefaultDeny}
}

// NamesThatMatter returns names such that every name is treated like one of them: the
// name of every pattern, and each of them followed by a character that no pattern has.
// To see why, take any name, and the longest pattern name that it begins with. If the
// two are equal, it is in the list. If it is longer, the only LITERAL pattern that
// covers it is "*", and the PREFIXED patterns that cover it are those that cover the
// pattern name followed by the extra character.
func (w World) NamesThatMatter(t resource.Type) []string {
	names := []string{""}
	used := map[rune]bool{}
	for _, b := range w.ACLs {
		if b.Pattern.Type == t {
			names = append(names, b.Pattern.Name)
			for _, c := range b.Pattern.Name {
				used[c] = true
			}
		}
	}
	strange := 'a'
	for used[strange] {
		strange++
	}
	var all []string
	for _, name := range names {
		if name != "" { // no resource has the empty name
			all = append(all, name)
		}
		all = append(all, name+string(strange))
	}
	return all
}

// kafkaAny follows the default method of Kafka's Authorizer interface. ok is false if
// it throws an exception or does not return.
func (w World) kafkaAny(s Subject, op ops.Operation, t resource.Type) (allowed, ok bool) {
	probe, ok := w.scan(s, Request{op, t, "hardcode"})
	if !ok || probe.Allowed() {
		return probe.Allowed(), ok
	}
	var allows, denies []resource.Pattern
	for _, b := range w.inKafkaOrder(t) {
		e := b.Entry
		if !w.IsFromText(e, s.Host) {
			continue
		}
		if !strings.Contains(e.Principal, ":") {
			// Kafka throws an exception if the host is the client's. A host that only
			// some brokers can read denies, and causes no exception.
			certain := e
			certain.Permission = acl.Allow
			if w.IsFromText(certain, s.Host) {
				return false, false
			}
			continue
		}
		if !s.is(e.Principal) || e.Operation != op && e.Operation != ops.All {
			continue
		}
		if e.Permission == acl.Allow {
			allows = append(allows, b.Pattern)
			continue
		}
		if isStar(b.Pattern) {
			return false, true
		}
		denies = append(denies, b.Pattern)
	}
	for _, p := range allows {
		if isStar(p) || !dominated(p, denies) {
			return true, true
		}
	}
	return false, true
}

// dominated is Kafka's notion of an ALLOW that DENYs make ineffective. Kafka never
// looks for the empty prefix.
func dominated(p resource.Pattern, denies []resource.Pattern) bool {
	for _, d := range denies {
		if d == p && p.PatternType == resource.Literal {
			return true
		}
		if d.PatternType == resource.Prefixed && d.Name != "" && strings.HasPrefix(p.Name, d.Name) {
			return true
		}
	}
	return false
}

func isStar(p resource.Pattern) bool { return p.PatternType == resource.Literal && p.Name == "*" }
