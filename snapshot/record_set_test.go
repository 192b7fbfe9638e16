package snapshot

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// TestRecordSetAgainstMap revises a record set and a Go map alike. Some versions are
// searched at once, so that their revisions are applied; others only after later versions
// exist. No version may change.
func TestRecordSetAgainstMap(t *testing.T) {
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
		set  recordSet
		want map[key]*record
	}
	pendingOnes, tooMany := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		check := func(v version) {
			require.LessOrEqual(t, v.set.pending.len(), maxPending)
			want := slices.SortedFunc(maps.Values(v.want), compareRecords)
			require.True(t, slices.Equal(slices.Collect(v.set.from(firstRecord)), want), "want %v", want)
			from, stop := genKey.Draw(t, "from"), rapid.IntRange(1, 8).Draw(t, "stop")
			rest := slices.DeleteFunc(slices.Clone(want), func(r *record) bool { return compareRecords(r, pivotOf(from)) < 0 })
			rest = rest[:min(stop, len(rest))]
			var got []*record
			for r := range v.set.from(pivotOf(from)) {
				if got = append(got, r); len(got) == stop {
					break
				}
			}
			require.True(t, slices.Equal(got, rest), "from %v on: %v, want %v", from, got, rest)
			applied := v.set.with(nil) // nothing is pending in it
			for range 8 {
				k := genKey.Draw(t, "searched")
				require.Same(t, v.want[k], v.set.get(pivotOf(k)), "%v", k)
				named := func(r *record) bool { return r.typ == k.typ && r.name == k.name }
				if r := v.set.namesake(k.typ, k.name); r != nil {
					require.True(t, named(r), "%v is no namesake of %v", r, k)
				}
				r := applied.namesake(k.typ, k.name)
				require.Equal(t, slices.ContainsFunc(want, named), r != nil, "%v has the namesake %v", k, r)
				require.True(t, r == nil || named(r), "%v is no namesake of %v", r, k)
			}
		}
		versions := []version{{want: map[key]*record{}}}
		for range rapid.IntRange(1, 40).Draw(t, "transactions") {
			last := versions[len(versions)-1]
			want := maps.Clone(last.want)
			var list []revision
			revise := func(k key, removed bool) {
				r := revision{record: pivotOf(k), removed: removed}
				if list = append(list, r); removed {
					delete(want, k)
				} else {
					r.record.allow = ops.SetOf(ops.Read)
					want[k] = r.record
				}
			}
			for range rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3, 40}).Draw(t, "revisions") {
				revise(genKey.Draw(t, "key"), rapid.IntRange(0, 2).Draw(t, "removed") == 0)
			}
			if rapid.IntRange(0, 60).Draw(t, "too many") == 0 {
				tooMany++
				for i := range maxPending {
					revise(keys[i%7*i%len(keys)], i%3 == 0)
				}
			}
			versions = append(versions, version{last.set.with(list), want})
			if rapid.IntRange(0, 3).Draw(t, "search") == 0 {
				check(versions[len(versions)-1])
			}
		}
		for _, v := range versions {
			if v.set.pending.len() > 0 && v.set.pending.applied.Load() == nil && v.set.tree != nil {
				pendingOnes++
			}
			check(v)
		}
	})
	assert.GreaterOrEqual(t, pendingOnes, 100, "versions with a tree and pending revisions")
	assert.GreaterOrEqual(t, tooMany, 10, "lists of more revisions than may be pending")
}

// TestManyRecords grows and shrinks sets of thousands of records, and compares each version
// with a sorted list after all versions were made.
func TestManyRecords(t *testing.T) {
	whos := []*party{{principal: "User:a", host: "*"}, {principal: "User:b", host: "*"}, {principal: "User:b", host: "10.0.0.1"}}
	names := map[string]func(i int) string{
		"teams":       func(i int) string { return fmt.Sprintf("team-%d.orders-%05d", i%7, i) },
		"numbers":     func(i int) string { return fmt.Sprint(i) },
		"long names":  func(i int) string { return strings.Repeat("x", i%200) + fmt.Sprint(i) },
		"one in each": func(i int) string { return fmt.Sprintf("one-and-the-same-long-beginning-of-all-%d", i) },
	}
	for name, nameOf := range names {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(len(name))))
			const most = 20_000
			recordOf := func(i int) *record {
				rec := &record{name: nameOf(i / 4), who: whos[i%len(whos)], typ: resource.Topic, pattern: resource.Literal}
				if i%11 == 0 {
					rec.typ = resource.Group
				} else if i%11 < 4 {
					rec.pattern = resource.Prefixed
				}
				return rec
			}
			type version struct {
				set  recordSet
				want []*record
			}
			versions := []version{{}}
			for range 15 {
				last := versions[len(versions)-1]
				var list []revision
				switch at := r.IntN(most); r.IntN(5) {
				case 0: // many neighbours
					removed := r.IntN(3) == 0
					for i := range r.IntN(most) {
						list = append(list, revision{recordOf((at + i) % most), removed})
					}
				case 1: // nearly all are removed
					for _, rec := range last.want {
						if r.IntN(50) > 0 {
							list = append(list, revision{rec, true})
						}
					}
				default:
					for range r.IntN(200) {
						list = append(list, revision{recordOf(r.IntN(most)), r.IntN(2) == 0})
					}
				}
				want := make(map[record]*record)
				for _, rec := range last.want {
					want[*rec] = rec
				}
				for _, l := range list {
					if want[*l.record] = l.record; l.removed {
						delete(want, *l.record)
					}
				}
				v := version{last.set.with(list), slices.SortedFunc(maps.Values(want), compareRecords)}
				versions = append(versions, v)
			}
			for i, v := range versions {
				require.True(t, slices.Equal(slices.Collect(v.set.from(firstRecord)), v.want), "version %d", i)
				for range 100 {
					pivot := recordOf(r.IntN(most))
					var want *record
					if i, found := slices.BinarySearchFunc(v.want, pivot, compareRecords); found {
						want = v.want[i]
					}
					require.Same(t, want, v.set.get(pivot), "version %d: %+v", i, pivot)
				}
			}
		})
	}
}

// TestSearchWhileWriting searches snapshots, each in several goroutines at once, while
// transactions go on from what the searches cached.
func TestSearchWhileWriting(t *testing.T) {
	store := NewStore(Config{})
	done := make(chan struct{})
	var searching sync.WaitGroup
	for range 4 {
		searching.Go(func() {
			for searches := 0; ; searches++ {
				n := store.Load()
				list := slices.Collect(n.All())
				assert.Len(t, list, n.Len(), "generation %d", n.Generation())
				assert.True(t, slices.IsSortedFunc(list, acl.Binding.Compare), "generation %d", n.Generation())
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
		require.NoError(t, store.Update(func(tx *Tx) error {
			tx.Add(readBy("User:a", resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", i*7919%2_000))))
			if i%3 == 0 {
				tx.Remove(readBy("User:a", resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", i/2*7919%2_000))))
			}
			return nil
		}))
	}
	close(done)
	searching.Wait()
}

// TestSearchOneSnapshotAtOnce: several goroutines make the first search of one snapshot, so
// that they clone its tree at the same time. The race detector looks at them.
func TestSearchOneSnapshotAtOnce(t *testing.T) {
	store := NewStore(Config{})
	addOrders(t, store, 0, 2*maxPending)
	for i := range 50 {
		addOrders(t, store, 2*maxPending+i, 1)
		n := store.Load()
		require.Equal(t, 1, unapplied(n.records))
		var searching sync.WaitGroup
		for range 4 {
			searching.Go(func() { assert.Len(t, slices.Collect(n.All()), n.Len()) })
		}
		searching.Wait()
	}
}

// addOrders adds ACLs on the topics orders-from and the n-1 after it, in one transaction.
func addOrders(t *testing.T, store *Store, from, n int) {
	t.Helper()
	require.NoError(t, store.Update(func(tx *Tx) error {
		for i := range n {
			tx.Add(readBy("User:a", resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", from+i))))
		}
		return nil
	}))
}

// unapplied returns how many revisions the next search of s has to apply.
func unapplied(s recordSet) int {
	list, _ := s.pending.list()
	return len(list)
}

// TestSearchOfTheSnapshotBefore: a program that compares each snapshot with the one before
// searches one that is no longer in force. Later searches use what it cached, and nothing
// keeps all these trees in memory.
func TestSearchOfTheSnapshotBefore(t *testing.T) {
	store := NewStore(Config{})
	for i := range 100 {
		addOrders(t, store, i, 1)
	}
	for i := range 100 {
		before := store.Load()
		addOrders(t, store, 100+i, 1)
		require.Len(t, slices.Collect(before.All()), 100+i)
		require.Zero(t, unapplied(before.records))
		require.Equal(t, 1, unapplied(store.Load().records))
		require.Nil(t, before.records.pending.before.Load(), "the pending revisions before, and their trees, are kept")
	}
}

// TestRefusedSearch: a transaction that searches and is refused caches the work that it did
// for earlier transactions. So it costs this once, like a transaction that is published.
func TestRefusedSearch(t *testing.T) {
	store := NewStore(Config{})
	for i := range 100 {
		addOrders(t, store, i, 1)
	}
	refused := errors.New("refused")
	require.ErrorIs(t, store.Update(func(tx *Tx) error {
		tx.Add(readBy("User:a", resource.LiteralPattern(resource.Topic, "orders-100")))
		assert.Len(t, tx.RemoveMatching(acl.AnyBinding), 101)
		return refused
	}), refused)
	assert.Zero(t, unapplied(store.Load().records))
	assert.Len(t, slices.Collect(store.Load().All()), 100)
}

// TestEmptiedStore removes all bindings, those of one principal after the other. What was
// removed must not stay in memory.
func TestEmptiedStore(t *testing.T) {
	const topics = 20_000
	store := NewStore(Config{})
	whos := []string{"User:a", "User:b", "User:c"}
	require.NoError(t, store.Update(func(tx *Tx) error {
		for i := range topics {
			for _, who := range whos {
				tx.Add(readBy(who, resource.LiteralPattern(resource.Topic, fmt.Sprint("orders-", i))))
			}
		}
		return nil
	}))
	for _, who := range whos {
		require.NoError(t, store.Update(func(tx *Tx) error {
			tx.RemoveMatching(acl.Filter{Pattern: acl.AnyBinding.Pattern, Entry: acl.EntryFilter{Principal: &who, Operation: ops.Any, Permission: acl.PermissionAny}})
			return nil
		}))
	}
	n := store.Load()
	assert.Zero(t, n.Len())
	assert.Zero(t, n.records.all().Len())
	assert.Zero(t, n.records.pending.len())
}
