//go:build invariants

package snapshot

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/phash"
	"github.com/portcullis-authz/portcullis/resource"
)

// This file has what must be true of every published snapshot. In builds with the tag invariants
// (go test -tags invariants) a store checks it whenever it publishes, and panics if it is not
// true. Other builds do not contain it.

// A snapshot with more than verifiedAlways bindings is checked once in verifiedOnce generations,
// because the time for it grows with the number of bindings.
const (
	verifiedAlways = 3_000
	verifiedOnce   = 128
)

// mustVerify panics if something is wrong with n.
func (n *Snapshot) mustVerify() {
	if n.bindings > verifiedAlways && n.generation%verifiedOnce != 1 {
		return
	}
	if err := n.verify(); err != nil {
		panic(fmt.Sprintf("snapshot of generation %d with %d bindings: %v", n.generation, n.bindings, err))
	}
}

// verify returns an error that says what is wrong with n, or nil.
func (n *Snapshot) verify() error {
	tree := n.records.treeWith(nil) // not cached, so that as much is pending as without this
	list := slices.Collect(func(yield func(*record) bool) { tree.Ascend(yield) })
	if len(list) != tree.Len() {
		return fmt.Errorf("%d records in a tree of %d", len(list), tree.Len())
	}
	bindings := 0
	for i, r := range list {
		bindings += bits.OnesCount16(uint16(r.allow)) + bits.OnesCount16(uint16(r.deny))
		switch {
		case r.allow|r.deny == 0 || r.variants != nil || r.who == nil:
			return fmt.Errorf("record %d is %+v", i, r)
		case i > 0 && compareRecords(list[i-1], r) >= 0:
			return fmt.Errorf("record %d, %+v, is not behind %+v", i, r, list[i-1])
		}
	}
	if bindings != n.bindings {
		return fmt.Errorf("%d bindings, said to be %d", bindings, n.bindings)
	}
	if err := n.index.verify(list); err != nil {
		return err
	}
	return n.ids.verify(n)
}

// verify compares x with a new index of the records.
func (x *index) verify(list []*record) error {
	fresh, e := index{keepsCovered: x.keepsCovered, keepsBelow: x.keepsBelow}, new(phash.Edit)
	for _, r := range list {
		fresh.change(e, nil, r)
	}
	if err := sameTables(holders, x.principals, fresh.principals, (*holder).same); err != nil {
		return fmt.Errorf("principals: %w", err)
	}
	if err := x.malformed.same(fresh.malformed); err != nil {
		return fmt.Errorf("malformed principals: %w", err)
	}
	if err := x.covered.same(fresh.covered); err != nil {
		return fmt.Errorf("patterns: %w", err)
	}
	if got, want := countsOf(x.below), countsOf(fresh.below); !slices.Equal(got, want) {
		return fmt.Errorf("the names below * are %v instead of %v", got, want)
	}
	return nil
}

// countsOf returns the content of b, which may be nil.
func countsOf(b *belowStar) (list []nameCount) {
	if b != nil {
		list = slices.Collect(func(yield func(nameCount) bool) { b.Ascend(yield) })
	}
	return list
}

// sameTables checks that two tables have the same keys and values, and that the first one is well
// formed.
func sameTables[K comparable, V any](k *phash.Kind[K, V], t, fresh phash.Table[K, V], same func(a, b V) error) error {
	if err := k.Verify(t); err != nil {
		return err
	}
	if t.Len() != fresh.Len() {
		return fmt.Errorf("%d items instead of %d", t.Len(), fresh.Len())
	}
	for key, want := range fresh.Each {
		got, ok := t.Get(k.Hash(key), key)
		if !ok {
			return fmt.Errorf("%v is missing", key)
		}
		if err := same(got, want); err != nil {
			return fmt.Errorf("%v: %w", key, err)
		}
	}
	return nil
}

func (h *holder) same(fresh *holder) error {
	if err := h.anywhere.same(fresh.anywhere); err != nil {
		return err
	}
	got, want := h.networks, fresh.networks
	if got == nil {
		got = new(networkSizes)
	}
	if want == nil {
		want = new(networkSizes)
	}
	if *got != *want {
		return errors.New("networks of other lengths")
	}
	return sameTables(hosts, h.hosts, fresh.hosts, (*scope).same)
}

func (s *scope) same(fresh *scope) error {
	if s == nil || fresh == nil {
		if s != fresh {
			return errors.New("a scope with ACLs against one without")
		}
		return nil
	}
	for i := range s.types {
		if err := s.types[i].same(fresh.types[i]); err != nil {
			return fmt.Errorf("%v: %w", resource.Topic+resource.Type(i), err)
		}
	}
	return nil
}

func (n *names) same(fresh *names) error {
	if n == nil || fresh == nil {
		if n != fresh {
			return errors.New("ACLs against none")
		}
		return nil
	}
	if err := n.wild.same(fresh.wild); err != nil {
		return fmt.Errorf("LITERAL *: %w", err)
	}
	if err := sameTables(literals, n.literals, fresh.literals, ruling.same); err != nil {
		return fmt.Errorf("literals: %w", err)
	}
	if err := sameTables(prefixes, n.prefixes, fresh.prefixes, ruling.same); err != nil {
		return fmt.Errorf("prefixes: %w", err)
	}
	if !slices.EqualFunc(n.lengths, fresh.lengths, func(l, want prefixLength) bool {
		return l.bytes == want.bytes && l.count == want.count &&
			want.ends&^l.ends == 0 && want.grants&^l.grants == 0 && want.refuses&^l.refuses == 0
	}) {
		return fmt.Errorf("lengths %v instead of %v", n.lengths, fresh.lengths)
	}
	return nil
}

func (r ruling) same(fresh ruling) error {
	if r.grants != fresh.grants || r.refuses != fresh.refuses || r.count() != fresh.count() {
		return fmt.Errorf("%+v instead of %+v", r, fresh)
	}
	for _, v := range fresh.variants() {
		if !slices.ContainsFunc(r.variants(), v.same) {
			return fmt.Errorf("%+v is missing", v)
		}
	}
	return nil
}

// same reports whether o is r. If the host fails closed, each index has its own copy.
func (r *record) same(o *record) bool {
	key, _ := keyOf(acl.ParseHost(r.who.host))
	return r == o || key.deniesOnly() && *r == *o
}

// count returns how many records are on the pattern, in index.covered.
func (r ruling) count() int32 {
	if r.record == nil {
		return 0
	}
	return r.record.count
}

// variants returns the records that r stands for. In index.covered there are none.
func (r ruling) variants() []*record {
	if r.record == nil || r.record.count > 0 {
		return nil
	}
	return slices.Collect(r.record.all())
}

// verify checks that the two parts of i agree with each other and with the bindings of n.
func (i *identities) verify(n *Snapshot) error {
	if err := bindingsByID.Verify(i.bindings); err != nil {
		return fmt.Errorf("ids: %w", err)
	}
	named := make(map[acl.Binding]bool)
	ids := 0
	var wrong error
	check := func(at identified) bool {
		if got, ok := n.ByID(at.id); !ok || got != at.binding || !n.Has(at.binding) {
			wrong = fmt.Errorf("id %v of %v is of %v, which is there: %t", at.id, at.binding, got, n.Has(at.binding))
		}
		named[at.binding] = true
		ids++
		return wrong == nil
	}
	if i.sorted != nil {
		i.sorted.Ascend(check)
	}
	if wrong != nil {
		return wrong
	}
	if ids != i.bindings.Len() || n.keepsIDs && len(named) != n.bindings {
		return fmt.Errorf("%d ids of %d bindings, in a table of %d for %d", ids, len(named), i.bindings.Len(), n.bindings)
	}
	return nil
}
