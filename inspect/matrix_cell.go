package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// sheet is the columns of one type.
type sheet struct {
	*policy
	first   int // the column of columns[0]
	columns []resource.Pattern
	tree    *nameTree // of the patterns
	nodes   []int     // the node of each column, ascending; LITERAL "*" and PREFIXED "" share one
}

func newSheet(p *policy, first int) *sheet {
	s := &sheet{policy: p, first: first, columns: slices.Collect(maps.Keys(p.stands))}
	slices.SortFunc(s.columns, func(a, b resource.Pattern) int {
		return cmp.Or(comparePoints(pointOf(a), pointOf(b)), -cmp.Compare(a.PatternType, b.PatternType))
	})
	points := make([]point, 0, len(s.columns)+1)
	for _, c := range s.columns {
		points = append(points, pointOf(c))
	}
	s.tree = newNameTree(slices.Clone(points))
	for _, at := range points {
		node, _ := s.tree.find(at)
		s.nodes = append(s.nodes, node)
	}
	return s
}

// rulesByNode returns rules by the node of their pattern.
func (s *sheet) rulesByNode(rules []rule) map[int][]rule {
	by := make(map[int][]rule)
	for _, r := range rules {
		node, _ := s.tree.find(pointOf(r.Pattern))
		by[node] = append(by[node], r)
	}
	return by
}

// touched returns which nodes share names with one of the rules.
func (s *sheet) touched(by map[int][]rule) []bool {
	touched := make([]bool, len(s.tree.nodes))
	until := 0
	for node := range touched {
		if by[node] == nil {
			touched[node] = touched[node] || node < until
			continue
		}
		until = max(until, int(s.tree.end[node]))
		for up := node; up >= 0 && !touched[up]; up = int(s.tree.parent[up]) {
			touched[up] = true
		}
		touched[node] = true
	}
	return touched
}

// matrixBuilder makes a Matrix.
type matrixBuilder struct {
	snapshot *snapshot.Snapshot
	matrix   Matrix
	index    map[acl.Binding]int
	cells    map[string]int // by what they say
	checks   int
}

// row returns the row of a principal, or of everyone else.
func (m *matrixBuilder) row(sheets []*sheet, text string, other principal.Principal) (Row, error) {
	row := Row{Principal: text}
	for _, s := range sheets {
		b := &rowBuilder{matrixBuilder: m, sheet: s, who: other, own: s.rules[text], star: s.rules[principal.Wildcard]}
		if text == "" {
			b.own, b.star = b.star, nil
		} else if who, err := principal.Parse(text); err == nil {
			b.who = who
		}
		b.runs(&row, text == "" || s.super[text])
		if m.checks > MaxChecks {
			return Row{}, &MatrixError{Principal: text}
		}
	}
	return row, nil
}

// rowBuilder makes the runs of one row in one sheet.
type rowBuilder struct {
	*matrixBuilder
	*sheet
	who       principal.Principal
	own, star []rule // that are for the principal itself, and for it as for all
	byNode    map[int][]rule
	known     map[string]int // cells by the rules that decide in them
}

// runs adds the runs to row. Unless every cell is to be looked at, those that no
// rule of the principal touches are inherited.
func (b *rowBuilder) runs(row *Row, every bool) {
	touched := b.touched(b.rulesByNode(b.own))
	b.byNode = b.rulesByNode(append(slices.Clip(b.own), b.star...))
	b.known = make(map[string]int)
	at := slices.Sorted(maps.Keys(b.byNode))
	for i := range b.columns {
		cell := Inherited
		if every || touched[b.nodes[i]] {
			cell = b.cell(i, at)
		}
		if last := len(row.Runs) - 1; last < 0 || row.Runs[last].Cell != cell {
			row.Runs = append(row.Runs, Run{b.first + i, cell})
		}
		if b.checks > MaxChecks {
			return
		}
	}
}

// cell returns the cell of a column. at is the nodes that rules stand on.
func (b *rowBuilder) cell(column int, at []int) int {
	node := b.nodes[column]
	var above, within []rule
	for up := int(b.tree.parent[node]); up >= 0; up = int(b.tree.parent[up]) {
		above = append(above, b.byNode[up]...)
	}
	from, _ := slices.BinarySearch(at, node)
	for _, inner := range at[from:] {
		if inner >= int(b.tree.end[node]) {
			break
		}
		within = append(within, b.byNode[inner]...)
	}
	// By the documented rules names on which the same rules are decide alike, whatever
	// the pattern.
	key := ""
	if len(within) == 0 && !b.exact {
		key = b.keyOf(above)
		if known, ok := b.known[key]; ok {
			return known
		}
	}
	c := b.decide(b.columns[column], above, within)
	for _, r := range append(above, within...) {
		if b.isOwn(r) {
			c.ACLs = append(c.ACLs, b.index[r.Binding])
		}
	}
	slices.Sort(c.ACLs)
	i := b.intern(c)
	if len(within) == 0 && !b.exact {
		b.known[key] = i
	}
	return i
}

// isOwn reports whether r is listed in the cells of the row.
func (b *rowBuilder) isOwn(r rule) bool {
	return b.star == nil || r.Entry.Principal != principal.Wildcard
}

func (b *rowBuilder) keyOf(rules []rule) string {
	var key []byte
	for _, r := range rules {
		key = strconv.AppendInt(append(key, ' '), int64(b.index[r.Binding]), 36)
	}
	return string(key)
}

// intern returns the index of a cell that says what c does.
func (m *matrixBuilder) intern(c Cell) int {
	key := fmt.Sprintf("%v %v", c.ACLs, c.Rulings) // the sets follow from the rulings
	i, ok := m.cells[key]
	if !ok {
		i = len(m.matrix.Cells)
		m.cells[key] = i
		m.matrix.Cells = append(m.matrix.Cells, c)
	}
	return i
}

// verdict is a decision without its generation.
type verdict struct {
	allowed bool
	reason  snapshot.Reason
	acl     int
}

// piece is where a verdict on some operations holds in one cell of names.
type piece struct {
	verdict
	operations ops.Set
	hosts      HostSet // nil for every address
}

// decide asks for a name and an address of each region of a pattern. above is the
// rules on patterns that hold it, within those on it and on what it holds.
func (b *rowBuilder) decide(pattern resource.Pattern, above, within []rule) Cell {
	points := []point{pointOf(pattern)}
	for _, r := range within {
		points = append(points, pointOf(r.Pattern))
	}
	if b.exact {
		points = append(points, asterisk, asterisks)
		points = append(points, b.silent.points()...)
	}
	names := newNameTree(points)
	silent, _ := b.silent.mark(names)
	rulesAt := make(map[int][]rule)
	for _, r := range within {
		node, _ := names.find(pointOf(r.Pattern))
		rulesAt[node] = append(rulesAt[node], r)
	}
	var all []namedPieces
	var order []string
	byText := make(map[string]*cellPart)
	from, to := names.within(pointOf(pattern))
	for node := from; node < to; node++ {
		name, ok := names.witness(node)
		if !ok || pattern.IsWildcard() && !silent[node] && !wildcardCovers(names.nodes[node], b.exact) {
			continue
		}
		rules := slices.Clip(above)
		for up := node; up >= 0; up = int(names.parent[up]) {
			rules = append(rules, rulesAt[up]...)
		}
		all = append(all, namedPieces{node, b.ask(name, rules)})
	}
	for _, at := range all {
		for _, p := range at.pieces {
			key := fmt.Sprint(p)
			part := byText[key]
			if part == nil {
				part = &cellPart{piece: p, nodes: make(map[int]bool)}
				byText[key] = part
				order = append(order, key)
			}
			part.nodes[at.node] = true
		}
	}
	var c Cell
	for _, key := range order {
		c.Rulings = append(c.Rulings, byText[key].ruling(names, len(all)))
	}
	c.sum()
	return c
}

type namedPieces struct {
	node   int
	pieces []piece
}

// cellPart is a piece with the cells of names that have it.
type cellPart struct {
	piece
	nodes map[int]bool
}

// ruling returns what p, which holds in some of so many cells of names, says.
func (p *cellPart) ruling(names *nameTree, cells int) Ruling {
	r := Ruling{Operations: p.operations, Allowed: p.allowed, Reason: p.reason, ACL: p.acl, Hosts: p.hosts}
	if len(p.nodes) < cells {
		r.Names = names.set(func(node int) bool { return p.nodes[node] })
	}
	return r
}

// sum makes the sets of c say what its rulings do.
func (c *Cell) sum() {
	var allowed, refused, denied, others ops.Set
	for _, r := range c.Rulings {
		switch {
		case r.Allowed:
			allowed |= r.Operations
			others |= r.Operations
		case r.Reason == snapshot.MatchingDeny:
			refused |= r.Operations
			denied |= r.Operations
		default:
			refused |= r.Operations
			others |= r.Operations
		}
	}
	c.All, c.Some = allowed&^refused, allowed&refused
	c.Denied, c.Holes = denied&^others, denied&others
}

// ask returns what is decided on a name, by the rules that are on it: for operations
// that are decided alike together, in the order of the first of them.
func (b *rowBuilder) ask(name string, rules []rule) []piece {
	hosts := newHostTree(b.places(rules))
	addrs := make([]netip.Addr, len(hosts.nodes))
	for node := range hosts.nodes {
		if !hosts.empty[node] {
			addrs[node] = hosts.witness(node)
		}
	}
	var pieces []piece
	seen := make(map[string]int) // where the pieces of what is decided so begin
	counts := make(map[string]int)
	for op := range ops.Supported(b.typ).All() {
		verdicts := b.verdicts(op, name, addrs)
		key := fmt.Sprint(verdicts)
		if at, ok := seen[key]; ok {
			for i := at; i < at+counts[key]; i++ {
				pieces[i].operations |= ops.SetOf(op)
			}
			continue
		}
		seen[key] = len(pieces)
		for _, v := range distinct(verdicts, addrs) {
			p := piece{verdict: v, operations: ops.SetOf(op)}
			p.hosts = hosts.set(func(node int) bool { return verdicts[node] == v })
			if len(p.hosts) == 1 && p.hosts[0].isEverywhere() {
				p.hosts = nil
			}
			pieces = append(pieces, p)
		}
		counts[key] = len(pieces) - seen[key]
	}
	return pieces
}

func (h Hosts) isEverywhere() bool {
	return !h.Addr.IsValid() && !h.Network.IsValid() && len(h.Except) == 0
}

// verdicts asks from each address that is valid.
func (b *rowBuilder) verdicts(op ops.Operation, name string, addrs []netip.Addr) []verdict {
	verdicts := make([]verdict, len(addrs))
	for i, addr := range addrs {
		if !addr.IsValid() {
			continue
		}
		b.checks++
		d := b.snapshot.Check(snapshot.Subject{Principal: b.who, Host: addr}, op, b.typ, name)
		verdicts[i] = verdict{d.Allowed(), d.Reason(), -1}
		if by, ok := d.Binding(); ok {
			verdicts[i].acl = b.index[by]
		}
	}
	return verdicts
}

// distinct returns each verdict from a valid address once, in their order.
func distinct(verdicts []verdict, addrs []netip.Addr) []verdict {
	var list []verdict
	seen := make(map[verdict]bool)
	for i, v := range verdicts {
		if addrs[i].IsValid() && !seen[v] {
			seen[v] = true
			list = append(list, v)
		}
	}
	return list
}

// witness returns a name in the cell of a node, and whether there is one that is text.
func (t *nameTree) witness(node int) (string, bool) {
	n := t.nodes[node]
	if t.isIn(n.name, node) && n.name != "" {
		return n.name, true
	}
	if !n.prefix {
		return n.name, true
	}
	// A node below takes one name away, or the names that go on with one of some
	// characters.
	for r := 'a'; r != 'a'-1; r++ {
		if r > utf8.MaxRune {
			r = 0
		}
		if name := n.name + string(r); utf8.ValidRune(r) && t.isIn(name, node) {
			return name, true
		}
	}
	return n.name, t.isIn(n.name, node)
}

// isIn reports whether a name is in the cell of a node.
func (t *nameTree) isIn(name string, node int) bool { return t.locate(point{name: name}) == node }

// witness returns an address in the cell of a node, which must not be empty.
func (t *hostTree) witness(node int) netip.Addr {
	n := t.nodes[node]
	if n.Addr.IsValid() {
		return n.Addr
	}
	addr := n.Network.Addr()
	zones := make(map[string]bool)
	for kid := node + 1; kid < int(t.end[node]); kid = int(t.end[kid]) {
		switch k := t.nodes[kid]; {
		case k.Addr.IsValid():
			zones[k.Addr.Zone()] = true
			if k.Addr == addr {
				addr = addr.Next()
			}
		case k.Network.Contains(addr):
			addr = lastOf(k.Network).Next()
		}
	}
	if addr.IsValid() && n.Network.Contains(addr) {
		return addr
	}
	// Each address without a zone is a node of its own: the first one with a zone that
	// no node has is left.
	zone := "0"
	for zones[zone] {
		zone += "0"
	}
	addr = n.Network.Addr()
	for kid := node + 1; kid < int(t.end[node]); kid = int(t.end[kid]) {
		if k := t.nodes[kid]; k.Network.IsValid() && k.Network.Contains(addr) {
			addr = lastOf(k.Network).Next()
		}
	}
	return addr.WithZone(zone)
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
