package snapshot_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// logRecord is a record of a metadata log. The zero binding stands for a removal.
type logRecord struct {
	id      snapshot.ID
	binding acl.Binding
}

func apply(t rapid.TB, store *snapshot.Store, records ...logRecord) {
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
		for _, r := range records {
			if r.binding == (acl.Binding{}) {
				tx.RemoveID(r.id)
			} else {
				tx.AddID(r.id, r.binding)
			}
		}
		return nil
	}))
}

// TestLogOfIDs applies logs: in one transaction, record by record, each record
// twice, and once more from the start.
func TestLogOfIDs(t *testing.T) {
	id := func(n byte) snapshot.ID { return snapshot.ID{15: n} }
	a, b := acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Deny("User:alice", ops.Read, acltest.Topic("a"))
	for name, tt := range map[string]struct {
		log  []logRecord
		want map[snapshot.ID]acl.Binding
	}{
		"add":                   {[]logRecord{{id(1), a}, {id(2), b}}, map[snapshot.ID]acl.Binding{id(1): a, id(2): b}},
		"remove":                {[]logRecord{{id(1), a}, {id(2), b}, {id: id(1)}}, map[snapshot.ID]acl.Binding{id(2): b}},
		"remove what is not":    {[]logRecord{{id: id(1)}, {id(2), b}}, map[snapshot.ID]acl.Binding{id(2): b}},
		"again by another id":   {[]logRecord{{id(1), a}, {id: id(1)}, {id(2), a}}, map[snapshot.ID]acl.Binding{id(2): a}},
		"two ids":               {[]logRecord{{id(1), a}, {id(2), a}}, map[snapshot.ID]acl.Binding{id(1): a, id(2): a}},
		"the first of two goes": {[]logRecord{{id(1), a}, {id(2), a}, {id: id(1)}}, map[snapshot.ID]acl.Binding{id(2): a}},
		"the last of two goes":  {[]logRecord{{id(1), a}, {id(2), a}, {id: id(2)}}, map[snapshot.ID]acl.Binding{id(1): a}},
		"both go":               {[]logRecord{{id(1), a}, {id(2), a}, {id: id(2)}, {id: id(1)}}, map[snapshot.ID]acl.Binding{}},
		"an id moves":           {[]logRecord{{id(1), a}, {id(1), b}}, map[snapshot.ID]acl.Binding{id(1): b}},
	} {
		t.Run(name, func(t *testing.T) {
			config := snapshot.Config{KeepIDs: true}
			whole, single := snapshot.NewStore(config), snapshot.NewStore(config)
			apply(t, whole, tt.log...)
			for _, r := range tt.log {
				apply(t, single, r)
				apply(t, single, r)
			}
			for range 2 {
				for _, store := range []*snapshot.Store{whole, single} {
					n := store.Load()
					assert.Equal(t, tt.want, n.AllIDs())
					bindings := slices.Compact(slices.SortedFunc(maps.Values(tt.want), acl.Binding.Compare))
					assert.Equal(t, bindings, slices.Collect(n.All()))
					apply(t, store, tt.log...)
				}
			}
		})
	}
}

func TestIDsOfBindings(t *testing.T) {
	a, b := acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Deny("User:alice", ops.Read, acltest.Topic("a"))
	store := newStore(t, snapshot.Config{KeepIDs: true}, a)
	given := slices.Collect(store.Load().IDs(a))
	require.Len(t, given, 1)
	require.NotEqual(t, snapshot.ID{}, given[0])
	got, ok := store.Load().ByID(given[0])
	assert.True(t, ok)
	assert.Equal(t, a, got)
	results := create(t, store, snapshot.WriteOptions{}, a, b)
	assert.Equal(t, given[0], results[0].ID, "got %v, want %v first", results, given)
	assert.NotEqual(t, given[0], results[1].ID, "got %v, want %v first", results, given)
	got, ok = store.Load().ByID(results[1].ID)
	assert.True(t, ok)
	assert.Equal(t, b, got)
	old := store.Load()
	extra := snapshot.ID{6: 4 << 4, 15: 9}
	apply(t, store, logRecord{extra, a})
	if got := slices.Collect(store.Load().IDs(a)); len(got) != 2 || store.Load().Generation() != old.Generation()+1 || store.Load().Len() != 2 {
		t.Errorf("got %v", got)
	}
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
		_, ok := tx.RemoveID(snapshot.ID{1})
		require.False(t, ok, "the transaction does not know its ids")
		assert.False(t, tx.AddID(extra, a), "the transaction does not know its ids")
		assert.True(t, tx.Remove(a), "the transaction does not know its ids")
		assert.False(t, tx.Remove(a), "the transaction does not know its ids")
		return nil
	}))
	n := store.Load()
	_, ok = n.ByID(extra)
	require.False(t, ok, "an id outlived its binding")
	assert.False(t, n.Has(a), "an id outlived its binding")
	assert.Empty(t, slices.Collect(n.IDs(a)), "an id outlived its binding")
	_, ok = old.ByID(given[0])
	require.True(t, ok, "an old snapshot lost an id")
	assert.Equal(t, given, slices.Collect(old.IDs(a)), "an old snapshot lost an id")

	for _, tt := range []struct {
		keep bool
		id   snapshot.ID
		b    acl.Binding
		want string
	}{
		{false, extra, a, "keeps no ids"},
		{true, snapshot.ID{}, a, "id: it is zero"},
		{true, extra, acltest.Allow("User:alice", ops.Any, acltest.Topic("a")), "operation"},
	} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			store := newStore(t, snapshot.Config{KeepIDs: tt.keep}, b)
			before := store.Load()
			err := store.Update(func(tx *snapshot.Tx) error {
				assert.False(t, tx.Add(b), "added")
				assert.False(t, tx.AddID(tt.id, tt.b), "added")
				assert.False(t, tx.AddID(tt.id, tt.b), "added")
				return nil
			})
			var binding *snapshot.BindingError
			require.ErrorAs(t, err, &binding)
			assert.Equal(t, 1, binding.Index)
			assert.ErrorContains(t, err, "binding 2: ")
			assert.ErrorContains(t, err, tt.want)
			assert.NotEqual(t, tt.keep, strings.Contains(fmt.Sprint(err), "keeps no ids"))
			assert.Same(t, before, store.Load())
		})
	}
	n = newStore(t, snapshot.Config{}, a).Load()
	assert.Empty(t, slices.Collect(n.IDs(a)), "a store without ids gives some")
	assert.Empty(t, n.AllIDs(), "a store without ids gives some")
}

func TestIDText(t *testing.T) {
	var list []acl.Binding
	for i := range 1000 {
		list = append(list, acltest.Allow("User:alice", ops.Read, acltest.Topic(fmt.Sprint(i))))
	}
	seen := map[snapshot.ID]bool{}
	for _, r := range create(t, snapshot.NewStore(snapshot.Config{KeepIDs: true}), snapshot.WriteOptions{}, list...) {
		again, err := snapshot.ParseID(r.ID.String())
		require.NoError(t, err)
		require.Equal(t, r.ID, again)
		require.False(t, seen[r.ID], "%v was given twice", r.ID)
		require.NotEqual(t, byte('-'), r.ID.String()[0])
		require.True(t, r.ID[6]>>4 == 4 && r.ID[8]>>6 == 2, "%v is no random UUID", r.ID)
		seen[r.ID] = true
	}
	got, err := snapshot.ParseID("AAAAAAAAAAAAAAAAAAAAAQ")
	require.NoError(t, err)
	assert.Equal(t, snapshot.ID{15: 1}, got)
	for _, s := range []string{"", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAR", "AAAAAAAAAAAAAAAAAAAAAQ==", "AAAAAAAAAAAAAAAAAAAA+Q", "AAAAAAAAAA\nAAAAAAAAAAQ", strings.Repeat("A", 1000)} {
		t.Run(s, func(t *testing.T) {
			id, err := snapshot.ParseID(s)
			require.Error(t, err)
			assert.Equal(t, snapshot.ID{}, id)
			assert.LessOrEqual(t, len(err.Error()), 300)
		})
	}
}

func ExampleTx_AddID() {
	id, err := snapshot.ParseID("C4dVbJFCQdaO3LqTzYcSWw")
	if err != nil {
		panic(err)
	}
	store := snapshot.NewStore(snapshot.Config{KeepIDs: true})
	err = store.Update(func(tx *snapshot.Tx) error {
		tx.AddID(id, acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, "payments"),
			Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Read, Permission: acl.Allow}})
		return nil
	})
	b, ok := store.Load().ByID(id)
	fmt.Println(b.Entry.Principal, ok, err)
	// Output: User:alice true <nil>
}
