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

// Progress is told how far a long computation is: from time to time, and at the end,
// when done is total. It is called by the goroutine of the caller. A nil Progress is
// told nothing.
type Progress func(done, total int)

// progressEvery is how many units of work come between two calls of a Progress: few
// enough for several calls a second.
const progressEvery = 1 << 8

// step is told of each unit of work, and passes on a few.
func (p Progress) step(done, total int) {
	if p != nil && (done%progressEvery == 0 || done == total) {
		p(done, total)
	}
}

// Grantee is a principal, or everyone else, and the addresses from which it may do
// what [WhoCan] was asked about.
type Grantee struct {
	// Principal is the text of a principal, such as "User:alice". It is empty for
	// everyone else. Only a super user of that very name is "User:*".
	Principal string
	// Except is, for everyone else, the principals that may do it from other
	// addresses or from none, sorted: everyone, whatever its type, but for these.
	Except []string
	Hosts  HostSet // never empty
}

// IsEveryoneElse reports whether g is every principal, whatever its type, but for
// those in Except.
func (g Grantee) IsEveryoneElse() bool { return g.Principal == "" }

// WhoCan returns who may do what r asks for, and from where: a check of a subject
// that is one principal is allowed if and only if the Grantee that it is one of
// holds its address. Principals come first, sorted by their text; then everyone
// else, if it may do it from somewhere. Who may do it from the same addresses as
// everyone else has no Grantee of its own. Super users are told like others.
//
// A subject with groups is in no Grantee: see [WhatCan] for what it may do. Neither
// are principals that Kafka cannot have: with a colon in the type, and in KafkaExact
// one named User:*.
//
// Nobody may do what no check allows: an operation or a resource type that is none.
// The cost is that of listing the ACLs on the type; then, for each principal that an
// ACL on a pattern that covers the name is for, it grows with the number of these
// ACLs and of those there for User:*. It is bounded by [Work]. The error is a
// [*WorkError].
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

// on returns p as far as it concerns one name.
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

// principals returns the texts of the principals that can be treated otherwise than
// everyone else, sorted: those that a rule or the configuration names, but for texts
// that no principal has. User:* is among them only as a super user.
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

// named returns the subject that is one principal, with the text of one.
func (p *policy) named(text string) subject {
	who, _ := principal.Parse(text)
	return p.subjectOf(who)
}

// nameQuery is a question about one operation on one name.
type nameQuery struct {
	*policy
	operation ops.Operation
	name      point
	exact     bool          // Kafka's rules decide on the name
	covered   map[bool]bool // whether an ACL covers the name, by Kafka's rules or not
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

// row returns what s may do on the name, by the cells of a tree of addresses. All rules
// stand on patterns that hold the name.
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

// compare returns from where a principal may do it, and whether that is from
// elsewhere than everyone else.
func (q *nameQuery) compare(text string) (hosts HostSet, differs bool) {
	s := q.named(text)
	rules := q.rulesFor(s)
	if !q.spend(3 * workPerRule * len(rules)) { // the tree, and what is said by two subjects
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
