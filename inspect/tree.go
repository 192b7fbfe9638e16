package inspect

import (
	"slices"
	"sort"
)

// area is what a node of a [tree] stands for. It comes before the areas that it covers,
// and these come before all others.
type area[T any] interface {
	compare(T) int
	covers(T) bool // contains all of it
}

// tree has areas in preorder, which is also their sorted order. Node 0, the root, covers
// all of them.
type tree[T area[T]] struct {
	nodes  []T
	parent []int32 // of each node; -1 of the root
	end    []int32 // the first node after those below the node
}

// newTree returns the tree of some areas, in any order and possibly repeated. One of them
// covers all others. newTree sorts them in place; the rest of its cost is linear.
func newTree[T area[T]](areas []T) tree[T] {
	slices.SortFunc(areas, T.compare)
	areas = slices.CompactFunc(areas, func(a, b T) bool { return a.compare(b) == 0 })
	t := tree[T]{areas, make([]int32, len(areas)), make([]int32, len(areas))}
	var open []int32
	for j, a := range areas {
		for len(open) > 0 && !areas[open[len(open)-1]].covers(a) {
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
		t.end[i] = int32(len(areas))
	}
	return t
}

// find returns the node of p and whether there is one, or the place where it would be.
func (t *tree[T]) find(p T) (int, bool) { return slices.BinarySearchFunc(t.nodes, p, T.compare) }

// within returns the nodes that p covers, as a range from (inclusive) to (exclusive).
func (t *tree[T]) within(p T) (from, to int) {
	from, ok := t.find(p)
	if ok {
		return from, int(t.end[from])
	}
	return from, from + sort.Search(len(t.nodes)-from, func(i int) bool { return !p.covers(t.nodes[from+i]) })
}

// above returns the narrowest node that covers p and is not p, or -1 if p is the root.
func (t *tree[T]) above(p T) int {
	i, _ := t.find(p)
	for i--; i >= 0 && !t.nodes[i].covers(p); i = int(t.parent[i]) {
	}
	return i
}

// outline calls piece in order for each node whose cell is in a set while that of its
// parent is not. without are the nodes below it at which the set ends again. A node
// that is treated like its parent has no effect.
func (t *tree[T]) outline(in func(node int) bool, piece func(node int, without []int)) {
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
