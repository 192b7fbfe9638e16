package inspect

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// sheet has the columns of one type.
type sheet struct {
	*policy
	first   int // the column of columns[0]
	columns []resource.Pattern
	tree    *nameTree // of the patterns
	nodes   []int     // the node of each column, ascending; LITERAL "*" and PREFIXED "" share one
	star    ruleNodes // of the rules for User:*
}

func newSheet(p *policy, first int) *sheet {
	s := &sheet{policy: p, first: first, columns: slices.Collect(maps.Keys(p.stands))}
	slices.SortFunc(s.columns, func(a, b resource.Pattern) int {
		return cmp.Or(pointOf(a).compare(pointOf(b)), -cmp.Compare(a.PatternType, b.PatternType))
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
	s.star = newRuleNodes(s.tree, s.rules[principal.Wildcard])
	return s
}

// column returns the first column whose node is node or comes after it.
func (s *sheet) column(node int) int {
	i, _ := slices.BinarySearch(s.nodes, node)
	return i
}

// matrixBuilder builds a Matrix.
type matrixBuilder struct {
	snapshot *snapshot.Snapshot
	matrix   Matrix
	index    map[acl.Binding]int
	cells    map[string]int // by content
	worker
}

// row returns the row of a principal, or of everyone else.
func (m *matrixBuilder) row(sheets []*sheet, text string, other principal.Principal) (Row, error) {
	row := Row{Principal: text}
	for _, s := range sheets {
		b := &rowBuilder{matrixBuilder: m, sheet: s, who: other, star: s.star, known: make(map[string]int)}
		b.own = newRuleNodes(s.tree, s.rules[text])
		if text == "" {
			b.everyone = true
			b.own, b.star = s.star, ruleNodes{}
		} else if who, err := principal.Parse(text); err == nil {
			b.who = who
		}
		b.runs(&row, text == "" || s.super[text])
		if m.exhausted() {
			return Row{}, &WorkError{"the matrix of all principals", m.limit, describePrincipal(text),
				"ask what one principal can do (what-can), who can use one resource (who-can), or give fewer ACLs"}
		}
	}
	return row, nil
}

// rowBuilder builds the runs of one row in one sheet.
type rowBuilder struct {
	*matrixBuilder
	*sheet
	who       principal.Principal
	everyone  bool           // the row is that of everyone else
	own, star ruleNodes      // rules for the principal itself, and for User:*
	known     map[string]int // cells by the rules that decide in them
}

// runs adds the runs to row. Unless every is set, cells that no rule of the principal
// affects are inherited.
func (b *rowBuilder) runs(row *Row, every bool) {
	until := 0 // the end of the range of the principal's rules
	for i := 0; i < len(b.columns) && b.spend(1); {
		node := b.nodes[i]
		end := int(b.tree.end[node])
		own := b.own.within(node, end)
		if own.from < own.to && b.own.at[own.from] == node {
			until = max(until, end)
		}
		cell := Inherited
		var next int
		if every || node < until || own.from < own.to {
			cell, next = b.run(i, own)
		} else if next = len(b.columns); own.from < len(b.own.at) {
			next = b.column(b.highest(b.own.at[own.from], end))
		}
		if last := len(row.Runs) - 1; last < 0 || row.Runs[last].Cell != cell {
			row.Runs = append(row.Runs, Run{b.first + i, cell})
		}
		i = next
	}
}

// nodesPerWork is how many columns are skipped in one unit of work.
const nodesPerWork = 64

// highest returns the widest node that contains node and is not before from.
func (b *rowBuilder) highest(node, from int) int {
	for up := int(b.tree.parent[node]); up >= from; up = int(b.tree.parent[up]) {
		node = up
	}
	return node
}

// run returns the cell of a column and the first later column that may have another
// cell. own are the principal's own rules within the column.
func (b *rowBuilder) run(column int, own span) (cell, next int) {
	node := b.nodes[column]
	end := int(b.tree.end[node])
	within := []span{own, b.star.within(node, end)}
	cell = b.cell(column, within[0], within[1])
	if !b.isPlain(node) {
		return cell, column + 1
	}
	after := b.alike(node, within)
	b.spend((after - node) / nodesPerWork)
	return cell, max(column+1, b.column(after))
}

// alike returns the first node after a plain one that may have other rules above or
// within it.
func (b *rowBuilder) alike(node int, within []span) int {
	first, last := len(b.tree.nodes), -1 // the rules from node on that are within it
	end := first
	for i, n := range []ruleNodes{b.own, b.star} {
		if s := within[i]; s.from < s.to {
			last = max(last, n.at[s.to-1])
		}
		if next := within[i].from; next < len(n.at) {
			first = min(first, n.at[next])
		}
		if up := n.holding(b.tree, node, false); up >= 0 {
			end = min(end, int(b.tree.end[n.at[up]]))
		}
	}
	if last >= 0 { // the nodes down to the first rule also contain the last one
		after := node + 1
		for after < first && int(b.tree.end[after]) > last {
			after++
		}
		return after
	}
	if first < len(b.tree.nodes) {
		end = min(end, b.highest(first, node+1))
	}
	if star, ok := b.tree.find(asterisks); ok && star > node {
		end = min(end, star)
	}
	return end
}

// isPlain reports whether all names of a node with the same rules have the same
// decision. By the documented rules this is true of all nodes except that of the
// asterisk.
func (b *rowBuilder) isPlain(node int) bool {
	return !b.exact && !b.tree.nodes[node].covers(asterisk)
}

// cell returns the cell of a column, given the rules within it.
func (b *rowBuilder) cell(column int, own, star span) int {
	node := b.nodes[column]
	above := b.star.appendHolding(b.own.appendHolding(nil, b.tree, node), b.tree, node)
	within := b.star.appendSpan(b.own.appendSpan(nil, own), star)
	if !b.spend(len(above) + len(within)) {
		return Inherited
	}
	key := ""
	if b.isPlain(node) {
		key = b.keyOf(node, above, within)
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
	if key != "" {
		b.known[key] = i
	}
	return i
}

// isOwn reports whether the cells of the row list r.
func (b *rowBuilder) isOwn(r rule) bool {
	return b.everyone || r.Entry.Principal != principal.Wildcard
}

// keyOf returns a key for the rules that cover all names of a node, and those that
// cover only some.
func (b *rowBuilder) keyOf(node int, above, within []rule) string {
	var all, some []int
	for _, r := range above {
		all = append(all, b.index[r.Binding])
	}
	for _, r := range within {
		if at := pointOf(r.Pattern); at == b.tree.nodes[node] {
			all = append(all, b.index[r.Binding])
		} else {
			some = append(some, b.index[r.Binding])
		}
	}
	slices.Sort(all)
	slices.Sort(some)
	key := []byte{'.'}
	for _, list := range [][]int{all, some} {
		for _, i := range list {
			key = binary.AppendUvarint(key, uint64(i)+1)
		}
		key = append(key, 0)
	}
	return string(key)
}

// intern returns the index of a cell equal to c.
func (m *matrixBuilder) intern(c Cell) int {
	key := string(c.appendKey(nil)) // the sets follow from the rulings
	i, ok := m.cells[key]
	if !ok {
		i = len(m.matrix.Cells)
		m.cells[key] = i
		m.matrix.Cells = append(m.matrix.Cells, c)
	}
	return i
}

// appendKey appends the content of the cell.
func (c Cell) appendKey(key []byte) []byte {
	key = binary.AppendUvarint(key, uint64(len(c.ACLs)))
	for _, i := range c.ACLs {
		key = binary.AppendUvarint(key, uint64(i))
	}
	for _, r := range c.Rulings {
		key = append(key, byte(r.Operations), byte(r.Operations>>8), byte(r.Reason), boolByte(r.Allowed))
		key = binary.AppendUvarint(key, uint64(r.ACL+1))
		key = r.Names.appendKey(key)
		key = r.Hosts.appendKey(key)
	}
	return key
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendText(key []byte, text string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(text))), text...)
}

func (s NameSet) appendKey(key []byte) []byte {
	key = append(binary.AppendUvarint(key, uint64(len(s))), boolByte(s == nil))
	for _, n := range s {
		key = append(appendText(key, n.Name), boolByte(n.Prefix))
		key = NameSet(n.Except).appendKey(key)
	}
	return key
}

// appendKey appends addresses with their zones. As text, one could look like another
// host.
func (s HostSet) appendKey(key []byte) []byte {
	key = append(binary.AppendUvarint(key, uint64(len(s))), boolByte(s == nil))
	for _, h := range s {
		key = append(key, h.Network.Addr().AsSlice()...)
		key = append(key, byte(h.Network.Bits()), byte(h.Network.Addr().BitLen()))
		key = appendText(key, h.Addr.String())
		key = HostSet(h.Except).appendKey(key)
	}
	return key
}
