package inspect

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Change is the difference between two snapshots in the access of some principals to
// resources of one type. It is the same for each of them.
type Change struct {
	Type resource.Type
	// Principals are texts such as "User:alice", sorted. The list is empty for everyone
	// else. "User:*" is in it only if a super user has that name.
	Principals []string
	// Names are the names to which the change applies. For these names, Gained and Lost
	// are all that changes for the principals. For other names the change for everyone
	// else applies to them, if there is one. For everyone else Names is all names.
	Names  NameSet
	Gained []Access // both are empty for principals to whom the change for everyone else does not apply
	Lost   []Access
}

// IsEveryoneElse reports whether c applies to every principal of any type, except where
// a Change with that principal has the name.
func (c Change) IsEveryoneElse() bool { return len(c.Principals) == 0 }

// Diff returns the principals whose access differs between two snapshots, and the
// differences. For a subject with one principal: to allows a check and from does not,
// if and only if a Gained contains it. That Gained is in the Change of the principal
// with the name in Names or, if there is none, in the Change for everyone else. The
// same applies to Lost, with from and to exchanged. Diff compares decisions, not text:
// ACLs that change nothing do not appear, and differences in the configuration,
// including the semantics, count like those in ACLs. Only operations that the resource
// type supports are compared (ops.Supported).
//
// The changes are ordered by type, then those of named principals by the first of them,
// then that of everyone else. Diff(b, a) is Diff(a, b) with Gained and Lost exchanged.
// The access of a subject with groups may change in other ways: compare the results of
// [WhatCan]. Principals that Kafka cannot have are not included: those with a colon in
// the type and, in KafkaExact, one called User:*.
//
// The cost is that of listing both snapshots, plus a part that grows with the number of
// ACLs of the affected principals. These are the principals whose ACLs changed and, if
// the ACLs for User:* or the configuration changed, those with ACLs on the affected
// names. The cost is the product of the numbers of principals and of patterns only if
// many principals have ACLs on patterns that contain many changed patterns of User:*.
// It is bounded by [Work]. The error is a [*LimitError] or a [*WorkError].
func Diff(from, to *snapshot.Snapshot, progress Progress) ([]Change, error) {
	var changes []Change
	var all []*comparison
	total, done := 0, 0
	work := &worker{limit: Work(from.Len() + to.Len())}
	for _, t := range resource.Types() {
		c := compare(load(from, t), load(to, t))
		c.worker = work
		all = append(all, c)
		total += len(c.principals)
	}
	for _, c := range all {
		if err := c.compareEveryone(); err != nil {
			return nil, err
		}
		for _, text := range c.principals {
			if err := c.comparePrincipal(text); err != nil {
				return nil, err
			}
			done++
			progress.step(done, total)
		}
		changes = append(changes, c.changes()...)
	}
	return changes, nil
}

// comparison compares two policies of one type.
type comparison struct {
	from, to   *policy
	principals []string

	// names is the tree of the patterns in both policies' ACLs for User:*, with the
	// other borders of the policies except those of other principals' ACLs.
	names *nameTree
	// changed are the nodes of names where the policies differ, sorted. A cell has the
	// same rules in both policies unless it is at or below one of them. below says for
	// each node whether it is.
	changed []int
	below   []bool
	// star has the rules for User:* in each policy, by node; those on LITERAL "*" are
	// at the root.
	star [2]map[int][]rule

	everyone difference
	// named has the changes of principals that differ from everyone else's, by their
	// text.
	named map[string]*Change
	*worker
}

// difference is what is gained and lost.
type difference struct{ gained, lost []Access }

func (d difference) isEmpty() bool { return len(d.gained)+len(d.lost) == 0 }

// compare returns the comparison of two policies of one type.
func compare(from, to *policy) *comparison {
	c := &comparison{from: from, to: to, named: make(map[string]*Change)}
	texts := append(from.principals(), to.principals()...)
	slices.Sort(texts)
	c.principals = slices.Compact(texts)

	c.names = newNameTree(append(from.points(from.rules[principal.Wildcard]), to.points(to.rules[principal.Wildcard])...))
	c.below = make([]bool, len(c.names.nodes))
	mark := func(p point) {
		node, _ := c.names.find(p)
		c.below[node] = true
	}
	for i, p := range []*policy{from, to} {
		c.star[i] = make(map[int][]rule)
		for _, r := range p.rules[principal.Wildcard] {
			node, _ := c.names.find(pointOf(r.Pattern))
			c.star[i][node] = append(c.star[i][node], r)
		}
	}
	c.eachChanged(principal.Wildcard, mark)
	if from.defaultAllow && to.defaultAllow {
		for pattern := range from.stands {
			if to.stands[pattern] == 0 {
				mark(pointOf(pattern))
			}
		}
		for pattern := range to.stands {
			if from.stands[pattern] == 0 {
				mark(pointOf(pattern))
			}
		}
	}
	if from.exact != to.exact || from.defaultAllow != to.defaultAllow || from.ready != to.ready || !reflect.DeepEqual(from.silent, to.silent) {
		mark(root)
	}
	for node, up := range c.names.parent {
		if c.below[node] {
			c.changed = append(c.changed, node)
		}
		c.below[node] = c.below[node] || up >= 0 && c.below[up]
	}
	return c
}

// eachChanged calls yield for the pattern of each rule of a principal that is in only one
// policy, or that applies to other addresses in the other: that of a network does in
// KafkaExact44 and not in KafkaExact.
func (c *comparison) eachChanged(text string, yield func(point)) {
	from, to := c.from.rules[text], c.to.rules[text]
	for len(from) > 0 || len(to) > 0 {
		order := 0
		switch {
		case len(from) == 0:
			order = 1
		case len(to) == 0:
			order = -1
		default:
			order = from[0].Binding.Compare(to[0].Binding)
		}
		if order < 0 || order == 0 && !c.appliesAlike(from[0], to[0]) {
			yield(pointOf(from[0].Pattern))
		} else if order > 0 {
			yield(pointOf(to[0].Pattern))
		}
		if order <= 0 {
			from = from[1:]
		}
		if order >= 0 {
			to = to[1:]
		}
	}
}

// appliesAlike reports whether one ACL applies to the same addresses in both policies.
// Where Kafka gives no answer, both use the documented ones.
func (c *comparison) appliesAlike(from, to rule) bool {
	a, inFrom := from.hosts(c.from.exact)
	b, inTo := to.hosts(c.to.exact)
	return inFrom == inTo && (!inFrom || a.compare(b) == 0)
}

// rulesOf returns the rules for a principal in each policy.
func (c *comparison) rulesOf(text string) [2][]rule {
	return [2][]rule{c.from.rules[text], c.to.rules[text]}
}

// compareEveryone computes the difference for a principal that no ACL and no
// configuration names.
func (c *comparison) compareEveryone() error {
	if len(c.changed) == 0 {
		return nil
	}
	g, err := c.grids([2]subject{}, c.rulesOf(principal.Wildcard), c.names)
	if err != nil {
		return err
	}
	c.everyone = g.difference(nil)
	return nil
}

// grids are the grids of one subject in two policies, with the same trees.
type grids struct {
	typ      resource.Type
	from, to grid
}

// grids returns the access of a subject in each policy. The subject may be a super user
// in only one of them.
func (c *comparison) grids(s [2]subject, rules [2][]rule, names *nameTree) (grids, error) {
	hosts := newHostTree(append(c.from.places(rules[0]), c.to.places(rules[1])...))
	for i, p := range []*policy{c.from, c.to} {
		if err := p.checkSize(s[i], rules[i], hosts); err != nil {
			return grids{}, err
		}
	}
	return c.gridsOn(s, rules, names, hosts), nil
}

func (c *comparison) gridsOn(s [2]subject, rules [2][]rule, names *nameTree, hosts *hostTree) grids {
	return grids{c.from.typ, c.from.grid(s[0], rules[0], names, hosts), c.to.grid(s[1], rules[1], names, hosts)}
}

// difference returns what is gained and lost at the nodes of names in counts, or at all
// nodes if it is nil.
func (g grids) difference(counts []bool) difference {
	var anywhere netip.Addr
	return difference{
		gained: minus(g.to, g.from, counts).access(g.typ, anywhere),
		lost:   minus(g.from, g.to, counts).access(g.typ, anywhere),
	}
}

// minus returns what a allows and b does not.
func minus(a, b grid, counts []bool) grid {
	none := make([]ops.Set, len(a.hosts.nodes))
	rows := make([][]ops.Set, len(a.rows))
	made := make(map[[2]*ops.Set][]ops.Set)
	for i := range rows {
		if counts != nil && !counts[i] {
			rows[i] = none
			continue
		}
		key := [2]*ops.Set{&a.rows[i][0], &b.rows[i][0]}
		if made[key] == nil {
			row := make([]ops.Set, len(none))
			for node := range row {
				row[node] = a.rows[i][node] &^ b.rows[i][node]
			}
			made[key] = row
		}
		rows[i] = made[key]
	}
	return grid{a.names, a.hosts, rows}
}

// differing returns the nodes of names, among those in counts, at which the gains and
// losses of g differ from those of o, which has the same trees, and whether there are
// any.
func (g grids) differing(o grids, counts []bool) (nodes []bool, any bool) {
	nodes = make([]bool, len(counts))
	for i := range nodes {
		nodes[i] = counts[i] && !g.changesAlike(o, i)
		any = any || nodes[i]
	}
	return nodes, any
}

// changesAlike reports whether g and o gain and lose the same at a node of names.
func (g grids) changesAlike(o grids, i int) bool {
	mask := ops.Supported(g.typ)
	for node, empty := range g.from.hosts.empty {
		a, b, x, y := g.from.rows[i][node], g.to.rows[i][node], o.from.rows[i][node], o.to.rows[i][node]
		if !empty && mask&((a&^b)^(x&^y)|(b&^a)^(y&^x)) != 0 {
			return false
		}
	}
	return true
}

// changes returns the changes in the order of Diff.
func (c *comparison) changes() []Change {
	var changes []Change
	for _, change := range c.named {
		changes = append(changes, *change)
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Principals[0], b.Principals[0]) })
	if !c.everyone.isEmpty() {
		changes = append(changes, Change{Type: c.from.typ, Names: NameSet{AllNames}, Gained: c.everyone.gained, Lost: c.everyone.lost})
	}
	return changes
}
