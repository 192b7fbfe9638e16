package inspect

import (
	"slices"
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

// covers reports whether p contains all names of q.
func (p point) covers(q point) bool { return p == q || p.prefix && p.holds(q.name) }

func (p point) names() NameRange { return NameRange{Prefix: p.prefix, Name: p.name} }

// compare orders by name, with a prefix before the same name. So the points inside a
// point follow it, before all points outside.
func (p point) compare(q point) int {
	if c := strings.Compare(p.name, q.name); c != 0 || p.prefix == q.prefix {
		return c
	}
	if p.prefix {
		return -1
	}
	return 1
}

// nameTree divides all names into cells, one for each node: the names that are in the
// node but in no node below it. No cell is empty, because there are infinitely many
// names. The nodes are in preorder, which is also their sorted order; node 0 is all
// names.
type nameTree struct{ tree[point] }

// newNameTree returns the tree of some points, in any order and possibly repeated. It
// sorts points in place.
func newNameTree(points []point) *nameTree { return &nameTree{newTree(append(points, root))} }

// bytes returns the total length of the names of all nodes, plus one for each.
func (t *nameTree) bytes() int {
	n := len(t.nodes)
	for _, p := range t.nodes {
		n += len(p.name)
	}
	return n
}

// locate returns the node whose cell contains the names of p or, if p is not a node,
// the beginning of them.
func (t *nameTree) locate(p point) int {
	if i, ok := t.find(p); ok {
		return i
	}
	return t.above(p)
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
