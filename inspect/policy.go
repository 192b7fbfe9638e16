package inspect

import (
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// policy is a snapshot's ACLs and configuration for the resources of one type, by
// principal.
type policy struct {
	typ          resource.Type
	acls         int                // total number, of all types
	exact        bool               // KafkaExact of any release
	release      snapshot.Semantics // which KafkaExact; in Documented the one that CodeSemantics compares with
	defaultAllow bool               // Config.AllowIfNoACL
	ready        bool
	super        map[string]bool // by the text of the principal

	rules  map[string][]rule        // by principal, in the order of acl.Binding.Compare
	stands map[resource.Pattern]int // number of ACLs on each pattern
	silent silence
}

// rule is one ACL with its parsed host.
type rule struct {
	acl.Binding
	host *hostForms
}

// hostForms is the addresses of an ACL's host in Documented and in KafkaExact.
type hostForms struct {
	acl.Host
	documented, kafka       HostRange
	isDocumented, isInKafka bool // whether it covers any address
}

// hostOf is an ACL's host and permission.
type hostOf struct {
	text       string
	permission acl.PermissionType
}

// newHostForms parses a host. exact is the release of KafkaExact.
func newHostForms(of hostOf, exact snapshot.Semantics) *hostForms {
	h := &hostForms{Host: acl.ParseHost(of.text)}
	h.documented, h.isDocumented = hostsOf(h.Host, of.permission, snapshot.Documented)
	h.kafka, h.isInKafka = hostsOf(h.Host, of.permission, exact)
	return h
}

// load returns the policy of n for the resources of type t. It costs as much as listing
// them.
func load(n *snapshot.Snapshot, t resource.Type) *policy {
	config := n.Config()
	p := &policy{
		typ: t, acls: n.Len(), exact: config.Semantics != snapshot.Documented, defaultAllow: config.AllowIfNoACL, ready: n.Ready(),
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

// hosts returns the addresses that r applies to, and whether there are any.
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

// wildcardCovers reports whether LITERAL "*" covers the names in the cell of p. In
// Kafka it does not cover names that begin with an asterisk, except the name "*". The
// whole cell has the same answer: see policy.points.
func wildcardCovers(p point, exact bool) bool {
	return !exact || !strings.HasPrefix(p.name, resource.Wildcard) || p == asterisk
}

// The names that LITERAL "*" treats differently in KafkaExact.
var (
	asterisk  = point{name: resource.Wildcard}
	asterisks = point{resource.Wildcard, true}
)

// silence is the set of names for which Kafka gives no answer, because it throws an
// exception or loops forever. There KafkaExact gives the documented answer. (If Kafka
// reaches a DENY first, it answers, but then the documented answer is a denial too.)
//
//   - Kafka throws an exception for an ACL whose principal has no colon, on each name
//     it covers.
//   - Its second scan starts at the name "*" and goes down. Among the names of ACLs
//     that sort below "*", it reaches those with the greatest first character. It fails
//     for each name with that character unless all of those are beginnings of the name.
//     It reaches none if an ACL on PREFIXED "*" comes before them.
//
// See package snapshot for the second scan.
//
// Source: StandardAuthorizerData.findAclRule and checkSection, Kafka 4.2.
type silence struct {
	malformed     map[point]bool // patterns of ACLs without a colon
	malformedWild bool           // one of these is on LITERAL "*"

	first   string // the greatest first character below "*" of an ACL's name, or ""
	longest string // the longest of the names with that character
	parted  bool   // these names are not beginnings of each other
	stopped bool   // PREFIXED "*" comes before them
}

// add adds one ACL.
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

// points returns the borders of s.
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
// cell, and whether there is any such node.
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
