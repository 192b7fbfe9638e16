package snapshot

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"strings"
)

// run is neighbours in the order of records: the records themselves, or shorter runs. It
// is immutable; the zero value is empty.
//
// It is the node of a B+ tree for memory that was not touched for long, as is that of a
// large store between two updates. Beside each pointer stands what nearly always decides
// where to go on, so that a search reads neither records nor their names. What is done to
// the records waits in the run above theirs until there is enough of it: runs of records
// are long, and a copy is made once for many revisions.
type run struct {
	prefix string // what the names in places begin with, and their orders leave out
	places []place
	parts  []*run  // nil in a run of records
	late   []*late // what waits to be done to each of the parts; nil unless they are of records
}

// place is that of a record in a run or, in a run of runs, where a part begins: no record
// of it is before that, unless the part is the first. order is what orderOf says.
type place struct {
	order  uint64
	record *record
}

// orderOf returns a number in the order of the records whose names all begin with the same
// prefix, of so many bytes. It says nothing of two records for which it is the same.
func orderOf(r *record, prefix int) uint64 {
	var order [8]byte
	order[0] = byte(r.typ)
	copy(order[1:], r.name[prefix:])
	return binary.BigEndian.Uint64(order[:])
}

func (p place) compare(q place) int {
	if c := cmp.Compare(p.order, q.order); c != 0 {
		return c
	}
	return compareRecords(p.record, q.record)
}

// width says how many places a run has.
type width struct {
	most  int // that it has
	full  int // that it is given where there are more
	least int // that it is left with before it is put together with a neighbour
}

// Somewhat arbitrarily chosen: 256 to 1,024 records cost the same, and 32 to 128 runs.
var (
	widthOfRecords = width{most: 256, full: 192, least: 64}
	widthOfRuns    = width{most: 64, full: 48, least: 16}
)

// lateFor is how many revisions may wait for a run of records. A search looks at each, and
// too many of them for what is there could empty it without anybody noticing.
func (u *run) lateFor() int { return min(32, len(u.places)/4) }

func (u *run) width() width {
	if u.parts == nil {
		return widthOfRecords
	}
	return widthOfRuns
}

// search returns which of the places r has, or would have.
func (u *run) search(r *record) (i int, found bool) {
	if strings.HasPrefix(r.name, u.prefix) {
		return slices.BinarySearchFunc(u.places, place{orderOf(r, len(u.prefix)), r}, place.compare)
	}
	return slices.BinarySearchFunc(u.places, r, func(p place, r *record) int { return compareRecords(p.record, r) })
}

// partOf returns which of the parts r is in, or would be.
func (u *run) partOf(r *record) int {
	i, found := u.search(r)
	if !found {
		i--
	}
	return max(i, 0)
}

// waiting returns what waits for a part.
func (u *run) waiting(i int) *late {
	if u.late == nil {
		return nil
	}
	return u.late[i]
}

// get returns the record that is equal to pivot in its order, or nil.
func (u *run) get(pivot *record) *record {
	for u.parts != nil {
		i := u.partOf(pivot)
		if l := u.waiting(i).get(pivot); l != nil {
			if l.gone {
				return nil
			}
			return l.record
		}
		u = u.parts[i]
	}
	if i, found := u.search(pivot); found {
		return u.places[i].record
	}
	return nil
}

// before returns the record before pivot in its run, or nil. It leaves out what waits.
func (u *run) before(pivot *record) *record {
	for u.parts != nil {
		u = u.parts[u.partOf(pivot)]
	}
	if i, _ := u.search(pivot); i > 0 {
		return u.places[i-1].record
	}
	return nil
}

// from yields the records from pivot on, or where it would be, in their order.
func (u *run) from(pivot *record) iter.Seq[*record] {
	return func(yield func(*record) bool) { u.each(pivot, yield) }
}

// each calls yield for the records from pivot on until it returns false, and returns what
// it returned last.
func (u *run) each(pivot *record, yield func(*record) bool) bool {
	if u.parts == nil {
		i, _ := u.search(pivot)
		for _, p := range u.places[i:] {
			if !yield(p.record) {
				return false
			}
		}
		return true
	}
	for i := u.partOf(pivot); i < len(u.parts); i++ {
		late, _ := u.waiting(i).list()
		late = slices.DeleteFunc(late, func(r revision) bool { return compareRecords(r.record, pivot) < 0 })
		if !u.parts[i].eachRevised(inOrder(late), pivot, yield) {
			return false
		}
	}
	return true
}

// eachRevised is each, but as if the list were done to u. It is in order, from pivot on.
func (u *run) eachRevised(list []revision, pivot *record, yield func(*record) bool) bool {
	more := u.each(pivot, func(r *record) bool {
		order := -1
		for ; len(list) > 0; list = list[1:] {
			if order = compareRecords(list[0].record, r); order >= 0 {
				break
			}
			if !list[0].gone && !yield(list[0].record) {
				return false
			}
		}
		return order == 0 || yield(r)
	})
	for ; more && len(list) > 0; list = list[1:] {
		more = list[0].gone || yield(list[0].record)
	}
	return more
}

// revised returns the tree that u is with the list done to it, which is used up. Of each
// record the last revision counts.
func (u *run) revised(list []revision) *run {
	if len(list) == 0 {
		return u
	}
	u, more := u.revise(inOrder(list))
	for more != nil {
		root := new(run)
		for _, part := range append([]*run{u}, more...) {
			root.add(part.places[0].record, part, nil)
		}
		u, more = root.finished().cut()
	}
	for u != nil && len(u.parts) == 1 && u.waiting(0) == nil {
		u = u.parts[0]
	}
	return cmp.Or(u, new(run))
}

// revise returns what becomes of u when the list, which is in order and is used up, is done
// to it: a run, and those behind it if it would be too long; nil if nothing is left.
func (u *run) revise(list []revision) (first *run, more []*run) {
	if u.parts == nil {
		return u.merged(list).cut()
	}
	c := *u
	c.late = slices.Clone(u.late)
	var behind [][]*run // what each part becomes besides the first run
	mend := false
	for n := 0; len(list) > 0; list = list[n:] {
		i := u.partOf(list[0].record)
		for n = 1; n < len(list) && u.partOf(list[n].record) == i; n++ {
		}
		due := list[:n]
		if u.late != nil {
			if u.late[i].len()+n <= u.parts[i].lateFor() {
				c.late[i] = u.late[i].with(due)
				continue
			}
			late, _ := u.late[i].list()
			due, c.late[i] = inOrder(append(late, due...)), nil
		}
		if behind == nil {
			c.parts, behind = slices.Clone(u.parts), make([][]*run, len(u.parts))
		}
		part, more := u.parts[i].revise(due)
		c.parts[i], behind[i] = part, more
		mend = mend || part == nil || more != nil || part.isSmall() && len(part.places) < len(u.parts[i].places)
	}
	if !mend {
		return &c, nil
	}
	return c.mended(behind).cut()
}

// isSmall reports whether u is so short that it shall be put together with a neighbour.
func (u *run) isSmall() bool { return len(u.places) < u.width().least }

// mended returns u, some of whose parts may be nil, with the runs that are behind each of
// them put in, and small ones put together with a neighbour.
func (u *run) mended(behind [][]*run) *run {
	m := new(run)
	for i, part := range u.parts {
		if part != nil {
			first := u.places[i].record
			if i == 0 && compareRecords(part.places[0].record, first) < 0 { // as only those of the first part can be
				first = part.places[0].record
			}
			m.add(first, part, u.waiting(i))
		}
		for _, next := range behind[i] {
			m.add(next.places[0].record, next, nil)
		}
	}
	return m.finished()
}

// add adds a part, which begins with first, to u, a run of runs in the making, or puts it
// together with the last one.
func (u *run) add(first *record, part *run, late *late) {
	if n := len(u.parts) - 1; n >= 0 && (part.isSmall() || u.parts[n].isSmall()) {
		last := u.parts[n]
		if len(last.places)+u.waiting(n).len()+len(part.places)+late.len() <= part.width().most {
			if part.parts == nil {
				last, part, u.late[n] = last.withLate(u.late[n]), part.withLate(late), nil
			}
			u.parts[n] = last.joined(first, part)
			return
		}
	}
	u.places, u.parts = append(u.places, place{record: first}), append(u.parts, part)
	if part.parts == nil {
		u.late = append(u.late, late)
	}
}

// withLate returns u, a run of records, with what waits for it done.
func (u *run) withLate(late *late) *run {
	if late == nil {
		return u
	}
	list, _ := late.list()
	return u.merged(inOrder(list))
}

// joined returns one run of u and v, which is behind it and begins with first.
func (u *run) joined(first *record, v *run) *run {
	c := &run{places: slices.Concat(u.places, v.places), parts: slices.Concat(u.parts, v.parts), late: slices.Concat(u.late, v.late)}
	if c.parts != nil {
		c.places[len(u.places)].record = first
	}
	return c.finished()
}

// finished returns u, which is being made, with its prefix and orders.
func (u *run) finished() *run {
	u.prefix = ""
	if n := len(u.places); n > 0 && u.places[0].record.typ == u.places[n-1].record.typ { // else there may be any name between
		first, last := u.places[0].record.name, u.places[n-1].record.name
		u.prefix = first[:sharedPrefix(first, last)]
	}
	u.setOrders()
	return u
}

func (u *run) setOrders() {
	for i, p := range u.places {
		u.places[i].order = orderOf(p.record, len(u.prefix))
	}
}

// merged returns u, a run of records, with the list done to it, which is in order. It may
// be empty, or too long.
func (u *run) merged(list []revision) *run {
	old := u
	prefix := u.prefix
	if len(u.places) == 0 {
		prefix = list[0].record.name
	}
	for _, r := range list {
		prefix = prefix[:sharedPrefix(prefix, r.record.name)]
	}
	if len(prefix) != len(u.prefix) {
		old = &run{prefix: prefix, places: slices.Clone(u.places)}
		old.setOrders()
	}
	rest := old.places
	m := &run{prefix: prefix, places: make([]place, 0, len(rest)+len(list))}
	for _, r := range list {
		p := place{orderOf(r.record, len(prefix)), r.record}
		i, found := slices.BinarySearchFunc(rest, p, place.compare)
		m.places, rest = append(m.places, rest[:i]...), rest[i:]
		if found {
			rest = rest[1:]
		}
		if !r.gone {
			m.places = append(m.places, p)
		}
	}
	m.places = append(m.places, rest...)
	return m
}

// cut returns u in runs that are not too long; nil if it is empty.
func (u *run) cut() (first *run, more []*run) {
	n, w := len(u.places), u.width()
	switch {
	case n == 0:
		return nil, nil
	case n <= w.most:
		return u, nil
	}
	for count, i := (n+w.full-1)/w.full, 0; i < count; i++ {
		from, to := n*i/count, n*(i+1)/count
		part := &run{places: slices.Clone(u.places[from:to])}
		if u.parts != nil {
			part.parts = slices.Clone(u.parts[from:to])
		}
		if u.late != nil {
			part.late = slices.Clone(u.late[from:to])
		}
		more = append(more, part.finished())
	}
	return more[0], more[1:]
}
