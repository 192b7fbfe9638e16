package snapshot

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestOrderedAgainstMap revises an ordered set and a Go map alike, mostly by so little
// that some of it waits beside the tree. Every version must go on to tell what it told
// at first.
func TestOrderedAgainstMap(t *testing.T) {
	type key struct {
		typ     resource.Type
		name    string
		pattern resource.PatternType
		who     string
	}
	parties := map[string]*party{"User:a": {principal: "User:a"}, "User:b": {principal: "User:b"}}
	genKey := rapid.Custom(func(t *rapid.T) key {
		return key{
			rapid.SampledFrom([]resource.Type{resource.Topic, resource.Group}).Draw(t, "type"),
			rapid.SampledFrom([]string{"orders", "orders\x00", "orders-2", "orders-20", "orders-in-one-country", "orders-in-one-county"}).Draw(t, "name"),
			rapid.SampledFrom([]resource.PatternType{resource.Literal, resource.Prefixed}).Draw(t, "pattern"),
			rapid.SampledFrom([]string{"User:a", "User:b"}).Draw(t, "who"),
		}
	})
	pivotOf := func(k key) *record { return &record{name: k.name, who: parties[k.who], typ: k.typ, pattern: k.pattern} }
	type version struct {
		o    ordered
		want map[key]*record
	}
	waited := 0 // how often there was something both beside the tree and in it
	rapid.Check(t, func(t *rapid.T) {
		versions := []version{{want: map[key]*record{}}}
		for range rapid.IntRange(1, 40).Draw(t, "transactions") {
			last := versions[len(versions)-1]
			want := maps.Clone(last.want)
			var list []revision
			for range rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3, lateMost, lateMost + 1}).Draw(t, "revisions") {
				k := genKey.Draw(t, "key")
				r := revision{record: pivotOf(k), gone: rapid.IntRange(0, 2).Draw(t, "gone") == 0}
				if list = append(list, r); r.gone {
					delete(want, k)
				} else {
					r.record.allow = ops.SetOf(ops.Read)
					want[k] = r.record
				}
			}
			versions = append(versions, version{last.o.with(list), want})
		}
		from, stop := genKey.Draw(t, "from"), rapid.IntRange(1, 8).Draw(t, "stop")
		for _, v := range versions {
			if n := v.o.late.len(); n > lateMost {
				t.Fatalf("%d revisions beside the tree", n)
			} else if n > 0 && v.o.tree != nil && v.o.tree.Len() > 0 {
				waited++
			}
			want := slices.SortedFunc(maps.Values(v.want), compareRecords)
			if got := slices.Collect(v.o.from(&record{who: noParty})); !slices.Equal(got, want) || v.o.len() < len(want) {
				t.Fatalf("holds %v, want %v, of at the most %d", got, want, v.o.len())
			}
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
			for range 8 {
				k := genKey.Draw(t, "asked for")
				if got := v.o.get(pivotOf(k)); got != v.want[k] {
					t.Fatalf("%v is %v, want %v", k, got, v.want[k])
				}
				named := func(r *record) bool { return r.typ == k.typ && r.name == k.name }
				if r := v.o.namesake(k.typ, k.name); r != nil && !named(r) || r == nil && slices.ContainsFunc(want, named) {
					t.Fatalf("%v has the namesake %v, among %v", k, r, want)
				}
			}
		}
	})
	if waited < 100 {
		t.Errorf("something waited beside a tree %d times only", waited)
	}
}
