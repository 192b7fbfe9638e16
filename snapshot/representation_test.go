package snapshot

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// representation is how the index holds what is said of a principal about topics: what
// a shape of ACLs was laid out as.
type representation struct {
	principals layout
	hosts      layout
	networks   int // lengths of masks in use
	wild       bool
	literals   layout
	prefixes   layout
	lengths    int // lengths of prefixes in use
	variants   int // rulings that stand for several records
}

// layout is how a table holds its items.
type layout struct {
	branches int // on the longest way to an item; in what is wanted, that or one less
	packed   bool
}

func layoutOf[K comparable, V any](t table[K, V]) layout {
	depth, packed := walk(t.root)
	return layout{branches: depth, packed: packed && t.n > 0}
}

// walk returns the number of branches on the longest way, and whether each page ends
// where its memory ends.
func walk[K comparable, V any](s link[K, V]) (depth int, packed bool) {
	packed = true
	if s.branch != nil {
		for _, kid := range s.branch.kids {
			d, p := walk(kid)
			depth, packed = max(depth, d+1), packed && p
		}
		return depth, packed
	}
	if s.leaf != nil {
		for _, p := range s.leaf.slots {
			packed = packed && len(p.items) == cap(p.items)
		}
	}
	return 0, packed
}

// pagesOf returns the pages behind s, each as often as a leaf holds it.
func pagesOf[K comparable, V any](s link[K, V]) (all []*page[K, V]) {
	switch {
	case s.branch != nil:
		for _, kid := range s.branch.kids {
			all = append(all, pagesOf(kid)...)
		}
	case s.leaf != nil:
		all = s.leaf.slots
	}
	return all
}

func representationOf(n *Snapshot, who string) (r representation) {
	r.principals = layoutOf(n.index.principals)
	h, _ := n.index.principals.get(hashString(who), who)
	r.hosts = layoutOf(h.hosts)
	if h.networks != nil {
		for _, family := range h.networks {
			for _, count := range family {
				if count > 0 {
					r.networks++
				}
			}
		}
	}
	s := h.anywhere
	if s == nil {
		for _, at := range h.hosts.each {
			s = at
		}
	}
	names := s.of(resource.Topic)
	r.wild = names.wild.record != nil
	r.literals, r.prefixes, r.lengths = layoutOf(names.literals), layoutOf(names.prefixes), len(names.lengths)
	names.each(func(said ruling) bool {
		if said.record.variants != nil {
			r.variants++
		}
		return true
	})
	return r
}

// TestRepresentation asserts what each shape is laid out as: that tables are as deep as
// they should be for their size and no deeper, that loads are packed, and that no shape
// falls back on something that a check would have to search.
func TestRepresentation(t *testing.T) {
	const who = "User:a"
	read := func(who, host string, p resource.Pattern) acl.Binding {
		return acl.Binding{Pattern: p, Entry: acl.Entry{Principal: who, Host: host, Operation: ops.Read, Permission: acl.Allow}}
	}
	literal := func(name string) resource.Pattern { return resource.LiteralPattern(resource.Topic, name) }
	one := layout{packed: true}
	for _, tt := range []struct {
		name  string
		n     int
		make  func(i int) acl.Binding
		later int // as many more, each in a transaction of its own
		want  representation
	}{
		{"one literal", 1, func(i int) acl.Binding { return read(who, "*", literal("t")) }, 0,
			representation{principals: one, literals: one}},
		{"literals in one leaf", 50, func(i int) acl.Binding { return read(who, "*", literal(fmt.Sprint(i))) }, 0,
			representation{principals: one, literals: layout{branches: 1, packed: true}}},
		{"many names", 200_000, func(i int) acl.Binding { return read(who, "*", literal(fmt.Sprint(i))) }, 0,
			representation{principals: one, literals: layout{branches: 4, packed: true}}},
		{"the wildcard", 2, func(i int) acl.Binding { return read(who, "*", literal([]string{"*", "t"}[i])) }, 0,
			representation{principals: one, wild: true, literals: one}},
		{"a prefix of each length", 250, func(i int) acl.Binding {
			return read(who, "*", resource.PrefixedPattern(resource.Topic, fmt.Sprintf("%0*d", i+1, 0)))
		}, 0, representation{principals: one, prefixes: layout{branches: 1, packed: true}, lengths: 250}},
		{"many prefixes of one length", 10_000, func(i int) acl.Binding {
			return read(who, "*", resource.PrefixedPattern(resource.Topic, fmt.Sprintf("%05d", i)))
		}, 0, representation{principals: one, prefixes: layout{branches: 3, packed: true}, lengths: 1}},
		{"principals on one topic", 100_000, func(i int) acl.Binding {
			return read([]string{who, fmt.Sprint("User:", i)}[min(i, 1)], "*", literal("t"))
		}, 0, representation{principals: layout{branches: 4, packed: true}, literals: one}},
		{"addresses of one principal", 10_000, func(i int) acl.Binding {
			return read(who, fmt.Sprintf("10.0.%d.%d", i/250, i%250), literal("t"))
		}, 0, representation{principals: one, hosts: layout{branches: 3, packed: true}, literals: one}},
		{"networks of three lengths", 300, func(i int) acl.Binding {
			return read(who, fmt.Sprintf("10.%d.0.0/%d", i, 16+i%3), literal("t"))
		}, 0, representation{principals: one, hosts: layout{branches: 1, packed: true}, networks: 3, literals: one}},
		{"two spellings of a host", 2, func(i int) acl.Binding { return read(who, []string{"::1", "::01"}[i], literal("t")) }, 0,
			representation{principals: one, hosts: one, literals: one, variants: 1}},
		{"names that came one by one", 100, func(i int) acl.Binding { return read(who, "*", literal(fmt.Sprint(i))) }, 100,
			representation{principals: layout{packed: true}, literals: layout{branches: 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if testing.Short() && tt.n > 100_000 {
				t.Skip("takes seconds")
			}
			store := NewStore(Config{})
			add := func(from, n int) {
				if err := store.Update(func(tx *Tx) error {
					for i := range n {
						tx.Add(tt.make(from + i))
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			add(0, tt.n)
			for i := range tt.later {
				add(tt.n+i, 1)
			}
			got := representationOf(store.Load(), who)
			for _, l := range []struct{ got, want *layout }{
				{&got.principals, &tt.want.principals}, {&got.hosts, &tt.want.hosts},
				{&got.literals, &tt.want.literals}, {&got.prefixes, &tt.want.prefixes},
			} {
				// Chance decides which leaf is full first.
				if l.got.branches == l.want.branches-1 {
					l.got.branches++
				}
			}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// TestRepresentationShrinks: a table that lost its items is as small as one that never
// had them.
func TestRepresentationShrinks(t *testing.T) {
	k := &kind[int, int]{hash: func(i int) uint64 { return hashString(fmt.Sprint(i)) }}
	var small table[int, int]
	e := new(edit)
	for i := range 20_000 {
		small = k.set(e, small, i, i)
	}
	if got := layoutOf(small); got.branches < 2 || got.branches > 3 {
		t.Errorf("20,000 items behind %d branches, want 2 or 3", got.branches)
	}
	for i := range 19_990 {
		small = k.delete(e, small, i)
	}
	// More slots take five items in one of 32 parts: chance does that once in 5,000 times.
	if got := layoutOf(small); got.branches != 0 || len(small.root.leaf.slots) > 32 {
		t.Errorf("ten items in %+v", got)
	}
	rest := slices.Collect(func(yield func(int) bool) { small.each(func(i, _ int) bool { return yield(i) }) })
	slices.Sort(rest)
	if len(rest) != 10 || rest[0] != 19_990 {
		t.Errorf("what is left: %v", rest)
	}
	for _, i := range rest {
		small = k.delete(e, small, i)
	}
	if small != (table[int, int]{}) {
		t.Errorf("nothing in %+v", layoutOf(small))
	}
}

// TestPages: a page and its items are one piece of memory, however the page came about,
// and where it has room nothing is left of items that were there.
func TestPages(t *testing.T) {
	// Several keys have one hash, and some of these more than have a tag.
	k := &kind[int, *int]{hash: func(i int) uint64 { return hashString(fmt.Sprint(i % 200)) }}
	var at table[int, *int]
	overfull, roomy := 0, 0
	look := func() {
		for _, p := range pagesOf(at.root) {
			room := p.items[:cap(p.items)]
			switch {
			case len(room) > pageSize:
				overfull++
			case len(room) > 0 && unsafe.Pointer(&room[0]) != unsafe.Add(unsafe.Pointer(p), unsafe.Sizeof(*p)):
				t.Errorf("%d items are not in the page", len(room))
			}
			for _, it := range room[len(p.items):] {
				roomy++
				if it != (item[int, *int]{}) {
					t.Errorf("the page still has %v", it)
				}
			}
		}
	}
	for _, changes := range []int{1, 2, 3, 100, 1, 5, 300, 1, 2, 1, 2000} {
		e := new(edit)
		for range changes {
			at = k.set(e, at, at.n, new(int))
		}
		look()
	}
	for at.n > 0 {
		e := new(edit)
		for range min(at.n, 70) {
			at = k.delete(e, at, at.n-1)
		}
		look()
	}
	if overfull == 0 || roomy == 0 {
		t.Errorf("%d pages of items without a tag, room for %d items", overfull, roomy)
	}
}

// TestDeleteLeavesTheRest: where few items hang beside many, to take one of the few away
// must not lay out the many anew.
func TestDeleteLeavesTheRest(t *testing.T) {
	k := &kind[int, int]{hash: func(i int) uint64 {
		h := hashString(fmt.Sprint(i))
		if i < 3 {
			return h &^ (branchWidth - 1)
		}
		return h | 1
	}}
	var before table[int, int]
	e := new(edit)
	for i := range 10_000 {
		before = k.set(e, before, i, i)
	}
	after := k.delete(new(edit), before, 0)
	if after.root.branch == nil || before.root.branch.kids[0] == after.root.branch.kids[0] {
		t.Fatal("the few are not where they should be")
	}
	for i, kid := range before.root.branch.kids[1:] {
		if after.root.branch.kids[i+1] != kid {
			t.Errorf("kid %d is another", i+1)
		}
	}
}

// TestPackLeavesTheRest: to lay out anew what a transaction put in changes nothing that
// was published before, and copies nothing else.
func TestPackLeavesTheRest(t *testing.T) {
	k := &kind[int, int]{hash: func(i int) uint64 { return hashString(fmt.Sprint(i)) }}
	for _, n := range []int{20, 20_000} {
		var published table[int, int]
		e := new(edit)
		for i := range n {
			published = k.set(e, published, i, i)
		}
		before := slices.Clone(pagesOf(published.root))
		e = new(edit)
		after := k.set(e, published, 7, -7)
		published.root.pack(e) // as another table of the transaction's may be: of an earlier one
		after.root.pack(e)
		if !slices.Equal(pagesOf(published.root), before) {
			t.Errorf("of %d items: what was published has other pages", n)
		}
		others := map[*page[int, int]]bool{}
		for i, p := range pagesOf(after.root) {
			if p != before[i] {
				others[p] = true
			}
		}
		if len(others) != 1 {
			t.Errorf("of %d items: %d pages are others, want one", n, len(others))
		}
	}
}

// TestChangedInPlace: what a transaction made it does not copy again.
func TestChangedInPlace(t *testing.T) {
	k := &kind[int, int]{hash: func(i int) uint64 { return hashString(fmt.Sprint(i)) }}
	for _, n := range []int{20, 20_000} {
		var made table[int, int]
		e := new(edit)
		for i := range n {
			made = k.set(e, made, i, i)
		}
		for _, later := range []bool{false, true} {
			if later {
				e = new(edit)
				made = k.set(e, made, 7, 7)
			}
			pages := slices.Clone(pagesOf(made.root))
			again := k.set(e, made, 7, -7)
			if again.root != made.root || !slices.Equal(pagesOf(again.root), pages) {
				t.Errorf("of %d items, later: %t: something was copied", n, later)
			}
		}
	}
}
