package inspect

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/portcullis-authz/portcullis/resource"
)

// NameRange is the range of names of one pattern, minus some exceptions: one name, or
// all that begin with a prefix. The empty prefix means all names. The zero NameRange is
// only the empty name.
type NameRange struct {
	Prefix bool   // all names that begin with Name, rather than Name alone
	Name   string // compared byte by byte
	// Except are the ranges that are excluded. They are disjoint, have no exceptions
	// themselves, and are sorted by name, with a prefix before the same name. If some
	// names within an exception belong to the set after all, they are another element
	// of the [NameSet].
	Except []NameRange
}

// AllNames contains every name.
var AllNames = NameRange{Prefix: true}

// Contains reports whether name is one of n.
func (n NameRange) Contains(name string) bool {
	if !n.holds(name) {
		return false
	}
	return !slices.ContainsFunc(n.Except, func(e NameRange) bool { return e.holds(name) })
}

// holds is Contains without exceptions.
func (n NameRange) holds(name string) bool {
	if n.Prefix {
		return strings.HasPrefix(name, n.Name)
	}
	return name == n.Name
}

// String returns n in words, with quoted names, such as `prefix "pay" except "payroll",
// prefix "pay.secret"`.
func (n NameRange) String() string {
	var b strings.Builder
	switch {
	case n.Prefix && n.Name == "":
		b.WriteString("all names")
	case n.Prefix:
		b.WriteString("prefix " + strconv.Quote(n.Name))
	default:
		b.WriteString(strconv.Quote(n.Name))
	}
	for i, e := range n.Except {
		b.WriteString([]string{" except ", ", "}[min(i, 1)] + e.String())
	}
	return b.String()
}

// NameSet is a set of names: the union of its elements, which are disjoint and sorted
// by name, with a prefix before the same name. The representation is canonical: equal
// sets have equal elements. The empty NameSet contains no name.
type NameSet []NameRange

// Contains reports whether name is in s. It checks every element.
func (s NameSet) Contains(name string) bool {
	return slices.ContainsFunc(s, func(n NameRange) bool { return n.Contains(name) })
}

// String returns the elements in words, separated by semicolons, or "no name".
func (s NameSet) String() string { return joinStrings(s, "no name") }

func joinStrings[T interface{ String() string }](list []T, none string) string {
	if len(list) == 0 {
		return none
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = v.String()
	}
	return strings.Join(texts, "; ")
}

// point is the names that a pattern covers: one name, or all with a prefix.
type point struct {
	name   string
	prefix bool
}

// root is the point of all names.
var root = point{prefix: true}

// pointOf returns the names that p covers by the documented rules.
func pointOf(p resource.Pattern) point {
	if p.IsWildcard() {
		return root
	}
	return point{p.Name, p.PatternType == resource.Prefixed}
}

func (p point) holds(name string) bool { return NameRange{Prefix: p.prefix, Name: p.name}.holds(name) }

// contains reports whether p contains all names of q.
func (p point) contains(q point) bool { return p == q || p.prefix && p.holds(q.name) }

func (p point) names() NameRange { return NameRange{Prefix: p.prefix, Name: p.name} }

// comparePoints orders by name, with a prefix before the same name. So the points
// inside a point follow it, before all points outside.
func comparePoints(a, b point) int {
	if c := strings.Compare(a.name, b.name); c != 0 || a.prefix == b.prefix {
		return c
	}
	if a.prefix {
		return -1
	}
	return 1
}

// nameTree divides all names into cells, one for each node: the names that are in the
// node but in no node below it. No cell is empty, because there are infinitely many
// names. The nodes are in preorder, which is also their sorted order; node 0 is all
// names.
type nameTree struct {
	tree
	nodes []point
}

// newNameTree returns the tree of some points, in any order and possibly repeated. It
// sorts points in place.
func newNameTree(points []point) *nameTree {
	points = append(points, root)
	slices.SortFunc(points, comparePoints)
	t := &nameTree{nodes: slices.Compact(points)}
	t.tree = newTree(len(t.nodes), func(i, j int) bool { return t.nodes[i].contains(t.nodes[j]) })
	return t
}

// bytes returns the total length of the names of all nodes, plus one for each.
func (t *nameTree) bytes() int {
	n := len(t.nodes)
	for _, p := range t.nodes {
		n += len(p.name)
	}
	return n
}

// find returns the node of p, and whether there is one.
func (t *nameTree) find(p point) (int, bool) {
	return slices.BinarySearchFunc(t.nodes, p, comparePoints)
}

// locate returns the node whose cell contains the names of p or, if p is not a node,
// the beginning of them.
func (t *nameTree) locate(p point) int {
	i, ok := t.find(p)
	if ok {
		return i
	}
	for i--; !t.nodes[i].contains(p); i = int(t.parent[i]) {
	}
	return i
}

// within returns the nodes that contain only names of p, from (inclusive) to
// (exclusive).
func (t *nameTree) within(p point) (from, to int) {
	from, ok := t.find(p)
	if ok {
		return from, int(t.end[from])
	}
	return from, from + sort.Search(len(t.nodes)-from, func(i int) bool { return !p.contains(t.nodes[from+i]) })
}

// set returns the names in the cells for which in is true.
func (t *nameTree) set(in func(node int) bool) NameSet {
	var s NameSet
	t.outline(in, func(node int, without []int) {
		n := t.nodes[node].names()
		for _, w := range without {
			n.Except = append(n.Except, t.nodes[w].names())
		}
		s = append(s, n)
	})
	return s
}

// tree is the common part of trees of cells: nodes in preorder, with the root at 0.
type tree struct {
	parent []int32 // of each node; -1 of the root
	end    []int32 // the first node after those below the node
}

// newTree links n nodes in preorder. holds reports whether node j, which comes after
// node i, is below it. It is linear in n.
func newTree(n int, holds func(i, j int) bool) tree {
	t := tree{parent: make([]int32, n), end: make([]int32, n)}
	var open []int32
	for j := range n {
		for len(open) > 0 && !holds(int(open[len(open)-1]), j) {
			t.end[open[len(open)-1]] = int32(j)
			open = open[:len(open)-1]
		}
		t.parent[j] = -1
		if len(open) > 0 {
			t.parent[j] = open[len(open)-1]
		}
		open = append(open, int32(j))
	}
	for _, i := range open {
		t.end[i] = int32(n)
	}
	return t
}

// outline calls piece in order for each node whose cell is in a set while that of its
// parent is not. without are the nodes below it at which the set ends again. A node
// that is treated like its parent has no effect.
func (t *tree) outline(in func(node int) bool, piece func(node int, without []int)) {
	value := make([]bool, len(t.parent))
	borders := make(map[int][]int) // by the node above that begins a piece
	begins := make([]int, len(t.parent))
	var order []int
	for i := range t.parent {
		value[i] = in(i)
		up := int(t.parent[i])
		switch {
		case up >= 0 && value[i] == value[up]:
			begins[i] = begins[up]
			continue
		case value[i]:
			order = append(order, i)
		case up >= 0:
			borders[begins[up]] = append(borders[begins[up]], i)
		}
		begins[i] = i
	}
	for _, i := range order {
		piece(i, borders[i])
	}
}
