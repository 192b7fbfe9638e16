package snapshot

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestOrderedAgainstMap revises an ordered set and a Go map alike. Some versions are asked
// at once, so that they are put in order, some only when there are others behind them.
// Every version must go on to tell what it told at first.
func TestOrderedAgainstMap(t *testing.T) {
	type key struct {
		typ     resource.Type
		name    string
		pattern resource.PatternType
		who     string
	}
	parties := map[string]*party{"User:a": {principal: "User:a"}, "User:b": {principal: "User:b"}}
	var keys []key
	for _, typ := range []resource.Type{resource.Topic, resource.Group} {
		for _, name := range []string{"orders", "orders\x00", "orders-2", "orders-20", "orders-in-one-country", "orders-in-one-county"} {
			for _, pattern := range []resource.PatternType{resource.Literal, resource.Prefixed} {
				keys = append(keys, key{typ, name, pattern, "User:a"}, key{typ, name, pattern, "User:b"})
			}
		}
	}
	genKey := rapid.SampledFrom(keys)
	pivotOf := func(k key) *record { return &record{name: k.name, who: parties[k.who], typ: k.typ, pattern: k.pattern} }
	type version struct {
		o    ordered
		want map[key]*record
	}
	waited, tooMany := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		check := func(v version) {
			if n := v.o.late.len(); n > lateMost {
				t.Fatalf("%d revisions wait", n)
			}
			want := slices.SortedFunc(maps.Values(v.want), compareRecords)
			if got := slices.Collect(v.o.from(&record{who: noParty})); !slices.Equal(got, want) {
				t.Fatalf("holds %v, want %v", got, want)
			}
			from, stop := genKey.Draw(t, "from"), rapid.IntRange(1, 8).Draw(t, "stop")
			behind := slices.DeleteFunc(slices.Clone(want), func(r *record) bool { return compareRecords(r, pivotOf(from)) < 0 })
			behind = behind[:min(stop, len(behind))]
			var got []*record
			for r := range v.o.from(pivotOf(from)) {
				if got = append(got, r); len(got) == stop {
					break
				}
			}
			if !slices.Equal(got, behind) {
				t.Fatalf("from %v on: %v, want %v", from, got, behind)
			}
			settled := v.o.with(nil) // without what waits
			for range 8 {
				k := genKey.Draw(t, "asked for")
				if got := v.o.get(pivotOf(k)); got != v.want[k] {
					t.Fatalf("%v is %v, want %v", k, got, v.want[k])
				}
				named := func(r *record) bool { return r.typ == k.typ && r.name == k.name }
				if r := v.o.namesake(k.typ, k.name); r != nil && !named(r) {
					t.Fatalf("%v has the namesake %v", k, r)
				}
				if r := settled.namesake(k.typ, k.name); (r != nil) != slices.ContainsFunc(want, named) || r != nil && !named(r) {
					t.Fatalf("%v has the namesake %v, among %v", k, r, want)
				}
			}
		}
		versions := []version{{want: map[key]*record{}}}
		for range rapid.IntRange(1, 40).Draw(t, "transactions") {
			last := versions[len(versions)-1]
			want := maps.Clone(last.want)
			var list []revision
			revise := func(k key, gone bool) {
				r := revision{record: pivotOf(k), gone: gone}
				if list = append(list, r); gone {
					delete(want, k)
				} else {
					r.record.allow = ops.SetOf(ops.Read)
					want[k] = r.record
				}
			}
			for range rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3, 40}).Draw(t, "revisions") {
				revise(genKey.Draw(t, "key"), rapid.IntRange(0, 2).Draw(t, "gone") == 0)
			}
			if rapid.IntRange(0, 60).Draw(t, "too many") == 0 {
				tooMany++
				for i := range lateMost {
					revise(keys[i%7*i%len(keys)], i%3 == 0)
				}
			}
			versions = append(versions, version{last.o.with(list), want})
			if rapid.IntRange(0, 3).Draw(t, "ask") == 0 {
				check(versions[len(versions)-1])
			}
		}
		for _, v := range versions {
			if v.o.late.len() > 0 && v.o.late.tree.Load() == nil && v.o.tree != nil {
				waited++
			}
			check(v)
		}
	})
	if waited < 100 || tooMany < 10 {
		t.Errorf("something waited beside a tree %d times, and was too much %d times", waited, tooMany)
	}
}

// TestSearchWhileWriting searches snapshots, the same one from several sides at once, while
// transactions go on from what the searches put in order.
func TestSearchWhileWriting(t *testing.T) {
	store := NewStore(Config{})
	done := make(chan struct{})
	var searching sync.WaitGroup
	for range 4 {
		searching.Go(func() {
			for searches := 0; ; searches++ {
				n := store.Load()
				list := slices.Collect(n.All())
				if len(list) != n.Len() || !slices.IsSortedFunc(list, acl.Binding.Compare) {
					t.Errorf("generation %d: %d bindings of %d, sorted: %t", n.Generation(), len(list), n.Len(), slices.IsSortedFunc(list, acl.Binding.Compare))
				}
				select {
				case <-done:
					if searches > 0 {
						return
					}
				default:
				}
			}
		})
	}
	for i := range 2_000 {
		if err := store.Update(func(tx *Tx) error {
			tx.Add(readBy("User:a", resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", i*7919%2_000))))
			if i%3 == 0 {
				tx.Remove(readBy("User:a", resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", i/2*7919%2_000))))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	searching.Wait()
}

// chain returns how many revisions a walk from o back to a tree passes.
func (o ordered) chain() int {
	list, _ := o.late.list()
	return len(list)
}

// TestSearchOfTheOneBefore: who compares each snapshot with the one before it searches one
// that writers have gone on from. What a search put in order stays so for later ones, and
// nothing keeps the trees of all of them.
func TestSearchOfTheOneBefore(t *testing.T) {
	store := NewStore(Config{})
	add := func(i int) {
		if err := store.Update(func(tx *Tx) error {
			tx.Add(readBy("User:a", resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", i))))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		add(i)
	}
	for i := range 100 {
		before := store.Load()
		add(100 + i)
		if n := len(slices.Collect(before.All())); n != 100+i {
			t.Fatalf("%d bindings, want %d", n, 100+i)
		}
		if n := before.records.chain(); n > 0 {
			t.Fatalf("%d revisions wait for the next who asks", n)
		}
		if n := store.Load().records.chain(); n != 1 {
			t.Fatalf("%d revisions wait to be done to what was asked for before", n)
		}
		if l := before.records.late; l.before.Load() != nil {
			t.Fatal("the trees before are kept")
		}
	}
}

// TestRefusedSearch: a transaction that searches and is refused leaves in order what was
// done before it, so that it costs once what one that is published costs.
func TestRefusedSearch(t *testing.T) {
	store := NewStore(Config{})
	read := func(i int) acl.Binding {
		return readBy("User:a", resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", i)))
	}
	for i := range 100 {
		if err := store.Update(func(tx *Tx) error { tx.Add(read(i)); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	refused := errors.New("refused")
	if err := store.Update(func(tx *Tx) error {
		tx.Add(read(100))
		if removed := tx.RemoveMatching(acl.AnyBinding); len(removed) != 101 {
			t.Errorf("removed %d bindings", len(removed))
		}
		return refused
	}); err != refused {
		t.Fatal(err)
	}
	if n := store.Load().records.chain(); n > 0 {
		t.Errorf("%d revisions wait", n)
	}
	if n := len(slices.Collect(store.Load().All())); n != 100 {
		t.Errorf("%d bindings are left", n)
	}
}

// TestEmptiedStore removes all bindings, those of one principal after the other, so that
// each time some are left in all parts of the tree. What is gone must not stay in memory.
func TestEmptiedStore(t *testing.T) {
	const topics = 20_000
	store := NewStore(Config{})
	whos := []string{"User:a", "User:b", "User:c"}
	if err := store.Update(func(tx *Tx) error {
		for i := range topics {
			for _, who := range whos {
				tx.Add(readBy(who, resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", i))))
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, who := range whos {
		if err := store.Update(func(tx *Tx) error {
			tx.RemoveMatching(acl.Filter{Pattern: acl.AnyBinding.Pattern, Entry: acl.EntryFilter{Principal: &who, Operation: ops.Any, Permission: acl.PermissionAny}})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n := store.Load().Len(); n != 0 {
		t.Fatalf("%d bindings are left", n)
	}
	var held func(u *run) int
	held = func(u *run) (n int) {
		for i, part := range u.parts {
			n += held(part) + u.waiting(i).len()
		}
		if u.parts == nil {
			n += len(u.places)
		}
		return n
	}
	if n := held(store.Load().records.settled()); n > topics*len(whos)/50 {
		t.Errorf("%d records are kept", n)
	}
}
