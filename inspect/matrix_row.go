package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/portcullis-authz/portcullis/acl"
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
	limit    int // of checks
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
		if m.checks > m.limit {
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
		if b.checks > b.limit {
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
	// By the documented rules all names but the asterisk are decided alike if the same
	// rules are on them, whatever the pattern.
	key := ""
	plain := len(within) == 0 && !b.exact && !b.tree.nodes[node].contains(asterisk)
	if plain {
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
	if plain {
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
	// The sets follow from the rulings. A zone could look like another host: no texts.
	key := fmt.Sprintf("%v %#v", c.ACLs, c.Rulings)
	i, ok := m.cells[key]
	if !ok {
		i = len(m.matrix.Cells)
		m.cells[key] = i
		m.matrix.Cells = append(m.matrix.Cells, c)
	}
	return i
}
