package inspect

import (
	"maps"
	"slices"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Progress receives the progress of a long computation: from time to time, and at the
// end, when done equals total. It is called in the caller's goroutine. A nil Progress
// is not called.
type Progress func(done, total int)

// progressEvery is the number of units of work between two calls of a Progress, small
// enough for several calls a second.
const progressEvery = 1 << 8

// step counts a unit of work, and calls p for some of them.
func (p Progress) step(done, total int) {
	if p != nil && (done%progressEvery == 0 || done == total) {
		p(done, total)
	}
}

// Grantee is a principal, or everyone else, and the addresses from which it may do what
// [WhoCan] was asked about.
type Grantee struct {
	// Principal is the text of a principal, such as "User:alice". It is empty for
	// everyone else. It is "User:*" only if a super user has that name.
	Principal string
	// Except are the principals, sorted, that are not part of everyone else, because
	// they may do it from other addresses or from none.
	Except []string
	Hosts  HostSet // never empty
}

// IsEveryoneElse reports whether g is every principal of any type, except those in
// Except.
func (g Grantee) IsEveryoneElse() bool { return g.Principal == "" }

// WhoCan returns who may do what r asks for, and from where. A check of a subject with
// one principal is allowed if and only if the Grantee to which it belongs contains its
// address. Principals come first, sorted by their text, then everyone else, if it may
// do it from somewhere. Principals with the same addresses as everyone else have no
// Grantee of their own. Super users are included.
//
// A subject with groups belongs to no Grantee: see [WhatCan]. Neither do principals
// that Kafka cannot have: those with a colon in the type and, in KafkaExact, one called
// User:*.
//
// There are no grantees for what no check allows: an invalid operation or resource
// type. The cost is that of listing the ACLs on the type, plus a part for each
// principal of an ACL that covers the name. That part grows with the number of these
// ACLs and of those for User:*. It is bounded by [Work]. The error is a [*WorkError].
func WhoCan(n *snapshot.Snapshot, r snapshot.Request, progress Progress) ([]Grantee, error) {
	return whoCan(n, r, progress, Work(n.Len()))
}

func whoCan(n *snapshot.Snapshot, r snapshot.Request, progress Progress, limit int) ([]Grantee, error) {
	if !r.Type.IsConcrete() || r.Operation != ops.Unknown && !r.Operation.IsKnown() {
		return nil, nil
	}
	q := newNameQuery(load(n, r.Type).on(r.Name), r, limit)
	p := q.policy

	named := p.principals()
	var grantees []Grantee
	var except []string
	for i, text := range named {
		if hosts, differs := q.compare(text); differs {
			except = append(except, text)
			if len(hosts) > 0 {
				grantees = append(grantees, Grantee{Principal: text, Hosts: hosts})
			}
		}
		if q.exhausted() {
			return nil, &WorkError{"who can " + r.Operation.String() + " " + r.Type.String() + " " + enum.Quote(r.Name), limit, describePrincipal(text),
				"ask what one principal can do (what-can), or explain one request from one address"}
		}
		progress.step(i+1, len(named))
	}
	star := p.rules[principal.Wildcard]
	places := newHostTree(p.places(star))
	if hosts := q.set(places, q.row(everyoneElse, star, places)); len(hosts) > 0 {
		grantees = append(grantees, Grantee{Except: except, Hosts: hosts})
	}
	return grantees, nil
}

// on returns the part of p that concerns one name.
func (p *policy) on(name string) *policy {
	q := *p
	q.rules, q.stands = make(map[string][]rule), make(map[resource.Pattern]int)
	for text, rules := range p.rules {
		for _, r := range rules {
			if r.Pattern.Covers(p.typ, name) {
				q.rules[text] = append(q.rules[text], r)
			}
		}
	}
	for pattern, n := range p.stands {
		if pattern.Covers(p.typ, name) {
			q.stands[pattern] = n
		}
	}
	q.silent.malformed = maps.Clone(p.silent.malformed)
	maps.DeleteFunc(q.silent.malformed, func(at point, _ bool) bool { return !at.holds(name) })
	return &q
}

// all returns every rule, in no order.
func (p *policy) all() []rule {
	var all []rule
	for _, rules := range p.rules {
		all = append(all, rules...)
	}
	return all
}

// principals returns the texts of the principals that can be treated differently from
// everyone else, sorted: those that a rule or the configuration names, without texts
// that no principal can have. User:* is among them only as a super user.
func (p *policy) principals() []string {
	texts := make(map[string]bool)
	for text := range p.rules {
		texts[text] = text != principal.Wildcard
	}
	for text := range p.super {
		texts[text] = true
	}
	maps.DeleteFunc(texts, func(text string, named bool) bool { return !named || !p.canBe(text) })
	return slices.Sorted(maps.Keys(texts))
}

// named returns the subject with one principal, given its text.
func (p *policy) named(text string) subject {
	who, _ := principal.Parse(text)
	return p.subjectOf(who)
}

// nameQuery is a question about one operation on one name.
type nameQuery struct {
	*policy
	operation ops.Operation
	name      point
	exact     bool          // Kafka's rules apply to the name
	covered   map[bool]bool // by whether Kafka's rules apply: an ACL covers the name
	worker
}

func newNameQuery(p *policy, r snapshot.Request, limit int) *nameQuery {
	q := &nameQuery{policy: p, operation: r.Operation, name: point{name: r.Name}, worker: worker{limit: limit}, covered: make(map[bool]bool)}
	names := newNameTree(append(p.points(p.all()), q.name))
	cell, _ := names.find(q.name)
	silent, _ := p.silent.mark(names)
	q.exact = p.exact && !silent[cell]
	for _, exact := range []bool{false, q.exact} {
		q.covered[exact] = p.markCovered(names, func(int) bool { return exact })[cell]
	}
	return q
}

// row returns what s may do on the name, by cell of a tree of addresses. All rules must
// be on patterns that cover the name.
func (q *nameQuery) row(s subject, rules []rule, hosts *hostTree) []ops.Set {
	exact := q.exact && !s.silent
	if s.super || q.ready && q.defaultAllow && !q.covered[exact] {
		return slices.Repeat([]ops.Set{everything}, len(hosts.nodes))
	}
	var said *layer
	for _, r := range rules {
		if !q.ready || r.Pattern.IsWildcard() && !wildcardCovers(q.name, exact) {
			continue
		}
		if h, ok := r.hosts(exact); ok {
			at := hosts.find(h)
			if !q.spend(1 + (int(hosts.end[at])-at)/hostsPerWork) {
				break
			}
			said = said.with(r, hosts, exact, nil)
		}
	}
	return said.allowed(nil, len(hosts.nodes))
}

// set returns the addresses at which a row allows the operation.
func (q *nameQuery) set(hosts *hostTree, row []ops.Set) HostSet {
	return hosts.set(func(node int) bool { return row[node].Has(q.operation) })
}

// compare returns from where a principal may do it, and whether that differs from
// everyone else.
func (q *nameQuery) compare(text string) (hosts HostSet, differs bool) {
	s := q.named(text)
	rules := q.rulesFor(s)
	if !q.spend(3 * workPerRule * len(rules)) { // the tree, and the rows of two subjects
		return nil, false
	}
	tree := newHostTree(q.places(rules))
	own, others := q.row(s, rules, tree), q.row(everyoneElse, q.rules[principal.Wildcard], tree)
	for node := range own {
		if !tree.empty[node] && own[node].Has(q.operation) != others[node].Has(q.operation) {
			return q.set(tree, own), true
		}
	}
	return nil, false
}
