package snapshot_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// logRecord is a record of a metadata log. The zero binding stands for a removal.
type logRecord struct {
	id      snapshot.ID
	binding acl.Binding
}

func apply(t interface{ Fatal(...any) }, store *snapshot.Store, records ...logRecord) {
	if err := store.Update(func(tx *snapshot.Tx) error {
		for _, r := range records {
			if r.binding == (acl.Binding{}) {
				tx.RemoveID(r.id)
			} else {
				tx.AddID(r.id, r.binding)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestLogOfIDs applies logs: in one transaction, record by record, each record
// twice, and once more from the start.
func TestLogOfIDs(t *testing.T) {
	id := func(n byte) snapshot.ID { return snapshot.ID{15: n} }
	a, b := allow("User:alice", ops.Read, topic("a")), deny("User:alice", ops.Read, topic("a"))
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
		"both go":               {[]logRecord{{id(1), a}, {id(2), a}, {id: id(2)}, {id: id(1)}}, nil},
		"an id moves":           {[]logRecord{{id(1), a}, {id(1), b}}, map[snapshot.ID]acl.Binding{id(1): b}},
	} {
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
				if got := maps.Collect(n.AllIDs()); !maps.Equal(got, tt.want) {
					t.Errorf("%s: got %v, want %v", name, got, tt.want)
				}
				bindings := slices.Compact(slices.SortedFunc(maps.Values(tt.want), acl.Binding.Compare))
				if got := slices.Collect(n.All()); !slices.Equal(got, bindings) {
					t.Errorf("%s: got %v, want %v", name, got, bindings)
				}
				apply(t, store, tt.log...)
			}
		}
	}
}

func TestIDsOfBindings(t *testing.T) {
	a, b := allow("User:alice", ops.Read, topic("a")), deny("User:alice", ops.Read, topic("a"))
	store := newStore(t, snapshot.Config{KeepIDs: true}, a)
	given := slices.Collect(store.Load().IDs(a))
	if len(given) != 1 || given[0] == (snapshot.ID{}) {
		t.Fatalf("got %v", given)
	}
	if got, ok := store.Load().ByID(given[0]); !ok || got != a {
		t.Errorf("got %v, %t", got, ok)
	}
	results := create(t, store, snapshot.WriteOptions{}, a, b)
	if results[0].ID != given[0] || results[1].ID == given[0] {
		t.Errorf("got %v, want %v first", results, given)
	}
	if got, ok := store.Load().ByID(results[1].ID); !ok || got != b {
		t.Errorf("got %v, %t", got, ok)
	}
	old := store.Load()
	extra := snapshot.ID{6: 4 << 4, 15: 9}
	apply(t, store, logRecord{extra, a})
	if got := slices.Collect(store.Load().IDs(a)); len(got) != 2 || store.Load().Generation() != old.Generation()+1 || store.Load().Len() != 2 {
		t.Errorf("got %v", got)
	}
	if err := store.Update(func(tx *snapshot.Tx) error {
		if _, ok := tx.RemoveID(snapshot.ID{1}); ok || tx.AddID(extra, a) || !tx.Remove(a) || tx.Remove(a) {
			t.Error("the transaction does not know its ids")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	n := store.Load()
	if _, ok := n.ByID(extra); ok || n.Has(a) || len(slices.Collect(n.IDs(a))) != 0 {
		t.Error("an id outlived its binding")
	}
	if _, ok := old.ByID(given[0]); !ok || !slices.Equal(slices.Collect(old.IDs(a)), given) {
		t.Error("an old snapshot lost an id")
	}

	for _, tt := range []struct {
		keep bool
		id   snapshot.ID
		b    acl.Binding
		want string
	}{
		{false, extra, a, snapshot.ErrNoIDs.Error()},
		{true, snapshot.ID{}, a, "id: it is zero"},
		{true, extra, allow("User:alice", ops.Any, topic("a")), "operation"},
	} {
		store := newStore(t, snapshot.Config{KeepIDs: tt.keep}, b)
		before := store.Load()
		err := store.Update(func(tx *snapshot.Tx) error {
			if tx.Add(b) || tx.AddID(tt.id, tt.b) || tx.AddID(tt.id, tt.b) {
				t.Error("added")
			}
			return nil
		})
		var binding *snapshot.BindingError
		if !errors.As(err, &binding) || binding.Index != 1 || !strings.Contains(err.Error(), "binding 2: ") || !strings.Contains(err.Error(), tt.want) || errors.Is(err, snapshot.ErrNoIDs) == tt.keep || store.Load() != before {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
	if n := newStore(t, snapshot.Config{}, a).Load(); len(slices.Collect(n.IDs(a))) != 0 || len(maps.Collect(n.AllIDs())) != 0 {
		t.Error("a store without ids gives some")
	}
}

func TestIDText(t *testing.T) {
	var list []acl.Binding
	for i := range 1000 {
		list = append(list, allow("User:alice", ops.Read, topic(fmt.Sprint(i))))
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
	if got, err := snapshot.ParseID("AAAAAAAAAAAAAAAAAAAAAQ"); err != nil || got != (snapshot.ID{15: 1}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, s := range []string{"", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAR", "AAAAAAAAAAAAAAAAAAAAAQ==", "AAAAAAAAAAAAAAAAAAAA+Q", "AAAAAAAAAA\nAAAAAAAAAAQ", strings.Repeat("A", 1000)} {
		if id, err := snapshot.ParseID(s); err == nil || id != (snapshot.ID{}) || len(err.Error()) > 300 {
			t.Errorf("%q: got %v, %v", s, id, err)
		}
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
