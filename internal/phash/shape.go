package phash

// Shape describes how a table lies in memory. Tests of the tables of other packages ask for
// it: a table that is deeper than its size needs, or not packed, is correct but slow.
type Shape struct {
	Branches int  // on the longest way to an item
	Packed   bool // the table has items, and no page has room for more
}

// Shape returns the shape of t. It visits the whole table.
func (t *Table[K, V]) Shape() Shape {
	branches, packed := t.root.shape()
	return Shape{Branches: branches, Packed: packed && t.n > 0}
}

func (s link[K, V]) shape() (branches int, packed bool) {
	packed = true
	if s.branch != nil {
		for _, kid := range s.branch.kids {
			b, p := kid.shape()
			branches, packed = max(branches, b+1), packed && p
		}
		return branches, packed
	}
	if s.leaf != nil {
		for _, p := range s.leaf.slots {
			packed = packed && len(p.items) == cap(p.items)
		}
	}
	return 0, packed
}
