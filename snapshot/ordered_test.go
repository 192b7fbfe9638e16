package snapshot

import (
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
