package inspect

import (
	"net/netip"
	"slices"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// verdict is a decision without its generation.
type verdict struct {
	allowed bool
	reason  snapshot.Reason
	acl     int // an index of Matrix.ACLs, or -1
}

// piece is a verdict on some operations in one cell of names.
type piece struct {
	verdict
	operations ops.Set
	hosts      HostSet // nil for every address
}

// parts are the pieces of a pattern, with equal ones grouped, in the order of the
// first.
type parts struct {
	list  []*part
	byKey map[string]*part
}

// part is a piece with all cells of names that have it.
type part struct {
	piece
	nodes map[int]bool
}

func (s *parts) add(node int, p piece) {
	key := string(Cell{Rulings: []Ruling{{p.operations, p.allowed, p.reason, p.acl, nil, p.hosts}}}.appendKey(nil))
	known := s.byKey[key]
	if known == nil {
		known = &part{p, make(map[int]bool)}
		s.byKey[key] = known
		s.list = append(s.list, known)
	}
	known.nodes[node] = true
}

// decide checks a name and an address of each region of a pattern. above are the rules
// on patterns that contain it, within those on it and on patterns inside it.
func (b *rowBuilder) decide(pattern resource.Pattern, above, within []rule) Cell {
	names := b.names(pattern, within)
	silent, _ := b.silent.mark(names)
	rulesAt := make(map[int][]rule)
	for _, r := range within {
		node, _ := names.find(pointOf(r.Pattern))
		rulesAt[node] = append(rulesAt[node], r)
	}
	found := parts{byKey: make(map[string]*part)}
	cells := 0
	from, to := names.within(pointOf(pattern))
	for node := from; node < to && b.spend(1); node++ {
		name, ok := names.witness(node)
		if !ok || pattern.IsWildcard() && !silent[node] && !wildcardCovers(names.nodes[node], b.exact) {
			continue
		}
		cells++
		rules := above[:len(above):len(above)]
		for up := node; up >= from; up = int(names.parent[up]) {
			rules = append(rules, rulesAt[up]...)
		}
		for _, p := range b.ask(name, rules) {
			found.add(node, p)
		}
	}
	var c Cell
	outside := -1
	if column, ok := b.tree.find(pointOf(pattern)); ok && b.isPlain(column) {
		outside = from
	}
	for _, p := range found.list {
		c.Rulings = append(c.Rulings, b.ruling(p, names, cells, from, to, outside))
	}
	c.sum()
	return c
}

// names returns the tree of names that the rules within a pattern distinguish.
func (b *rowBuilder) names(pattern resource.Pattern, within []rule) *nameTree {
	points := []point{pointOf(pattern), asterisk} // the name on which LITERAL "*" is the narrowest
	for _, r := range within {
		points = append(points, pointOf(r.Pattern))
	}
	if b.exact {
		points = append(points, asterisks)
		points = append(points, b.silent.points()...)
	}
	return newNameTree(points)
}

// ruling returns the ruling of p. If outside is a node, names outside the pattern, from
// (inclusive) to (exclusive), count as those of that node. Then the rulings on all
// patterns with the same rules are equal.
func (b *rowBuilder) ruling(p *part, names *nameTree, cells, from, to, outside int) Ruling {
	r := Ruling{Operations: p.operations, Allowed: p.allowed, Reason: p.reason, ACL: p.acl, Hosts: p.hosts}
	if len(p.nodes) == cells || !b.spend(len(names.nodes)) {
		return r
	}
	r.Names = names.set(func(node int) bool {
		if outside >= 0 && (node < from || node >= to) {
			node = outside
		}
		return p.nodes[node]
	})
	return r
}

// sum computes the sets of c from its rulings.
func (c *Cell) sum() {
	var allowed, denied, unmatched ops.Set
	for _, r := range c.Rulings {
		switch {
		case r.Allowed:
			allowed |= r.Operations
		case r.Reason == snapshot.MatchingDeny:
			denied |= r.Operations
		default:
			unmatched |= r.Operations
		}
	}
	refused, others := denied|unmatched, allowed|unmatched
	c.All, c.Some = allowed&^refused, allowed&refused
	c.Denied, c.Holes = denied&^others, denied&others
}

// ask returns the decisions on a name that the rules cover. Operations with the same
// decisions are grouped, in the order of the first of them.
func (b *rowBuilder) ask(name string, rules []rule) []piece {
	if !b.spend(workPerRule * len(rules)) {
		return nil
	}
	hosts := newHostTree(b.places(rules))
	addrs := make([]netip.Addr, len(hosts.nodes)) // not valid if the cell has none
	for node := range hosts.nodes {
		if !hosts.empty[node] {
			addrs[node] = hosts.witness(node)
		}
	}
	type group struct {
		operations ops.Set
		verdicts   []verdict // by node
	}
	var groups []group
	for op := range ops.Supported(b.typ).All() {
		if !b.spend(len(addrs) * (1 + len(name)/bytesPerWork)) {
			return nil
		}
		verdicts := b.verdicts(op, name, addrs)
		i := slices.IndexFunc(groups, func(g group) bool { return slices.Equal(g.verdicts, verdicts) })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{verdicts: verdicts})
		}
		groups[i].operations |= ops.SetOf(op)
	}
	var pieces []piece
	for _, g := range groups {
		for _, v := range distinct(g.verdicts, addrs) {
			if !b.spend(1 + len(addrs)/hostsPerWork) {
				return nil
			}
			pieces = append(pieces, piece{v.verdict, g.operations, hosts.all(v.nodes)})
		}
	}
	return pieces
}

const (
	workPerRule  = 8 // cost of handling the host of a rule
	hostsPerWork = 8 // hosts in a set that are handled in one unit of work
)

// bytesPerWork is how many bytes of a name a check processes in one unit of work. Each
// byte may end a prefix that an ACL is on.
const bytesPerWork = 16

// verdicts checks from each valid address.
func (b *rowBuilder) verdicts(op ops.Operation, name string, addrs []netip.Addr) []verdict {
	verdicts := make([]verdict, len(addrs))
	for i, addr := range addrs {
		if !addr.IsValid() {
			continue
		}
		d := b.snapshot.Check(snapshot.Subject{Principal: b.who, Host: addr}, op, b.typ, name)
		verdicts[i] = verdict{d.Allowed(), d.Reason(), -1}
		if by, ok := d.Binding(); ok {
			verdicts[i].acl = b.index[by]
		}
	}
	return verdicts
}

// verdictNodes are the nodes with the same verdict.
type verdictNodes struct {
	verdict
	nodes map[int]bool
}

// distinct returns each verdict from a valid address once, in order.
func distinct(verdicts []verdict, addrs []netip.Addr) []verdictNodes {
	var list []verdictNodes
	at := make(map[verdict]int)
	for node, v := range verdicts {
		if !addrs[node].IsValid() {
			continue
		}
		i, ok := at[v]
		if !ok {
			i = len(list)
			at[v] = i
			list = append(list, verdictNodes{v, make(map[int]bool)})
		}
		list[i].nodes[node] = true
	}
	return list
}

// all returns the addresses of some cells, or nil if these are all cells.
func (t *hostTree) all(nodes map[int]bool) HostSet {
	s := t.set(func(node int) bool { return nodes[node] })
	if len(s) == 1 && s[0].compare(Everywhere) == 0 && len(s[0].Except) == 0 {
		return nil
	}
	return s
}
