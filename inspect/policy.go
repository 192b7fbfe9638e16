package inspect

import (
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// policy is what a snapshot says of the resources of one type, arranged by principal.
type policy struct {
	typ          resource.Type
	acls         int                // how many there are, of all types
	exact        bool               // KafkaExact of some release
	release      snapshot.Semantics // which KafkaExact; in Documented the one that CodeSemantics compares with
	defaultAllow bool               // Config.AllowIfNoACL
	ready        bool
	super        map[string]bool // by the text of the principal

	rules  map[string][]rule        // by principal, in the order of acl.Binding.Compare
	stands map[resource.Pattern]int // how many ACLs are on each pattern
	silent silence
}

// rule is one ACL with its host read.
type rule struct {
	acl.Binding
	host *hostForms
}

// hostForms is what the host of an ACL holds in Documented and in KafkaExact.
type hostForms struct {
	acl.Host
	documented, kafka       HostRange
	isDocumented, isInKafka bool // whether it holds an address at all
}

// hostOf is a host of ACLs with a permission.
type hostOf struct {
	text       string
	permission acl.PermissionType
}

// newHostForms reads a host. exact is the release of KafkaExact.
func newHostForms(of hostOf, exact snapshot.Semantics) *hostForms {
	h := &hostForms{Host: acl.ParseHost(of.text)}
	h.documented, h.isDocumented = hostsOf(h.Host, of.permission, snapshot.Documented)
	h.kafka, h.isInKafka = hostsOf(h.Host, of.permission, exact)
	return h
}

// load returns what n says of the resources of type t. It costs what listing them
// does.
func load(n *snapshot.Snapshot, t resource.Type) *policy {
	config := n.Config()
	p := &policy{
		typ: t, acls: n.Len(), exact: config.Semantics.IsKafkaExact(), defaultAllow: config.AllowIfNoACL, ready: n.Ready(),
		super: make(map[string]bool), rules: make(map[string][]rule), stands: make(map[resource.Pattern]int),
	}
	for _, s := range config.SuperUsers {
		p.super[s.String()] = true
	}
	if p.release = config.Semantics; !p.exact {
		p.release = snapshot.KafkaExact
	}
	hosts := make(map[hostOf]*hostForms)
	ofType := acl.AnyBinding
	ofType.Pattern.Type = t
	for b := range n.Matching(ofType) {
		of := hostOf{b.Entry.Host, b.Entry.Permission}
		host := hosts[of]
		if host == nil {
			host = newHostForms(of, p.release)
			hosts[of] = host
		}
		p.rules[b.Entry.Principal] = append(p.rules[b.Entry.Principal], rule{b, host})
		p.stands[b.Pattern]++
		if p.exact {
			p.silent.add(b)
		}
	}
	return p
}

// hosts returns the addresses that r is for, and whether there are any.
func (r rule) hosts(exact bool) (HostRange, bool) {
	if exact {
		return r.host.kafka, r.host.isInKafka
	}
	return r.host.documented, r.host.isDocumented
}

// says returns the operations that r allows and those that it denies.
func (r rule) says() (allows, denies ops.Set) {
	if r.Entry.Permission == acl.Deny {
		return 0, ops.DeniedBy(r.Entry.Operation)
	}
	return ops.AllowedBy(r.Entry.Operation), 0
}

// wildcardCovers reports whether LITERAL "*" covers the names in the cell of p. Kafka
// leaves out those that begin with an asterisk, save the asterisk itself. The cell
// is in one part or the other: see policy.points.
func wildcardCovers(p point, exact bool) bool {
	return !exact || !strings.HasPrefix(p.name, resource.Wildcard) || p == asterisk
}

// The names that LITERAL "*" sets apart in KafkaExact.
var (
	asterisk  = point{name: resource.Wildcard}
	asterisks = point{resource.Wildcard, true}
)

// silence is where Kafka gives no answer, because it throws or loops for ever, so
// that KafkaExact gives the documented one. (A DENY that it comes to first it does
// answer with, but then the documented answer is a denial too.)
//
//   - It throws on an ACL whose principal has no colon, on each name it covers.
//   - Its second scan starts at the name "*" and steps down. Of the names of ACLs
//     that begin below that, it comes to those of the greatest first character, and
//     fails for each name with that character of which they are not all beginnings.
//     It comes to none if an ACL on PREFIXED "*" stands before them.
//
// Package snapshot says more of the second scan.
//
// Source: StandardAuthorizerData.findAclRule and checkSection, Kafka 4.2.
type silence struct {
	malformed     map[point]bool // where ACLs without a colon stand
	malformedWild bool           // one stands on LITERAL "*"

	first   string // the greatest first character below "*" of the name of an ACL, or ""
	longest string // of the names with that character
	parted  bool   // they are not beginnings of each other
	stopped bool   // PREFIXED "*" stands before them
}

// add takes in one ACL.
func (s *silence) add(b acl.Binding) {
	p := b.Pattern
	if !strings.Contains(b.Entry.Principal, ":") {
		if s.malformed == nil {
			s.malformed = make(map[point]bool)
		}
		if p.IsWildcard() {
			s.malformedWild = true
		} else {
			s.malformed[pointOf(p)] = true
		}
	}
	switch {
	case p.Name == resource.Wildcard:
		s.stopped = s.stopped || p.PatternType == resource.Prefixed
	case p.Name == "" || p.Name[0] >= resource.Wildcard[0]:
	case s.first == "" || p.Name[0] > s.first[0]:
		s.first, s.longest, s.parted = p.Name[:1], p.Name, false
	case p.Name[0] < s.first[0] || strings.HasPrefix(s.longest, p.Name):
	case strings.HasPrefix(p.Name, s.longest):
		s.longest = p.Name
	default:
		s.parted = true
	}
}

// fails reports whether the second scan can fail at all.
func (s *silence) fails() bool { return s.first != "" && !s.stopped }

// failsFor reports whether the second scan fails for a name.
func (s *silence) failsFor(name string) bool {
	return s.fails() && strings.HasPrefix(name, s.first) && (s.parted || !strings.HasPrefix(name, s.longest))
}

// points returns where silence begins and ends.
func (s *silence) points() []point {
	var points []point
	for p := range s.malformed {
		points = append(points, p)
	}
	if s.fails() {
		points = append(points, point{s.first, true}, point{s.longest, true})
	}
	return points
}

// mark returns for each node of t whether Kafka gives no answer for the names in its
// cell, and whether there is any.
func (s *silence) mark(t *nameTree) (silent []bool, any bool) {
	met, lost := make([]bool, len(t.nodes)), make([]bool, len(t.nodes))
	silent = make([]bool, len(t.nodes))
	for i, n := range t.nodes {
		if up := t.parent[i]; up >= 0 {
			met[i], lost[i] = met[up], lost[up]
		}
		met[i] = met[i] || s.malformed[n]
		if s.fails() && n.prefix {
			lost[i] = (lost[i] || n.name == s.first) && (n.name != s.longest || s.parted)
		}
		silent[i] = met[i] || lost[i] || s.malformedWild && wildcardCovers(n, true)
		any = any || silent[i]
	}
	return silent, any
}
