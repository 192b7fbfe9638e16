package snapshot_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func create(t testing.TB, store *snapshot.Store, options snapshot.WriteOptions, list ...acl.Binding) []snapshot.CreateResult {
	t.Helper()
	results, err := store.Create(list, options)
	if err != nil || len(results) != len(list) {
		t.Fatalf("got %d results, %v", len(results), err)
	}
	return results
}

// TestCreate gives good and bad bindings in one call: each gets its own answer, in
// its place, and the good ones are published at once.
func TestCreate(t *testing.T) {
	there := allow("User:alice", ops.Read, topic("there"))
	store := newStore(t, snapshot.Config{}, there)
	before := store.Load()
	good, doubtful := allow("User:bob", ops.Read, topic("a")), allow("User:bob", ops.ClusterAction, topic("b"))
	list := []acl.Binding{
		there, good, {}, good, doubtful,
		allow("bob", ops.Read, topic("a")),
		allow("User:bob", ops.Read, topic("")),
		allow("User:bob", ops.Read, topic(strings.Repeat("x", acl.MaxTextLength+1))),
		allow("User:bob", ops.Create, resource.LiteralPattern(resource.Cluster, "prod")),
	}
	for _, strict := range []bool{true, false} {
		dry := create(t, store, snapshot.WriteOptions{Strict: strict, DryRun: true}, list...)
		if store.Load() != before {
			t.Fatal("a dry run was published")
		}
		var fields []string
		for i, r := range dry {
			field := ""
			var invalid *acl.InvalidError
			if errors.As(r.Err, &invalid) {
				field = invalid.Field
			}
			if (r.Code == ops.InvalidRequest) != (field != "") || (r.Code == ops.None) != (field == "") || r.Existed != (i == 0 || i == 3) || r.ID != (snapshot.ID{}) {
				t.Errorf("strict %t, %v: got %+v", strict, list[i], r)
			}
			fields = append(fields, field)
		}
		want := []string{"", "", "resourceType", "", "", "principal", "name", "name", "name"}
		if strict {
			want[4] = "operation"
		}
		if !slices.Equal(fields, want) {
			t.Errorf("strict %t: refused %q, want %q", strict, fields, want)
		}
		if strict {
			continue
		}
		if got := create(t, store, snapshot.WriteOptions{}, list...); !reflect.DeepEqual(got, dry) {
			t.Errorf("got %v, the dry run %v", got, dry)
		}
	}
	n := store.Load()
	if n.Generation() != before.Generation()+1 || !slices.Equal(slices.Collect(n.All()), []acl.Binding{good, doubtful, there}) {
		t.Errorf("generation %d holds %v", n.Generation(), slices.Collect(n.All()))
	}
	for _, r := range create(t, store, snapshot.WriteOptions{}, there, good) {
		if !r.Existed || r.Code != ops.None {
			t.Errorf("created again: %v", r)
		}
	}
	if store.Load() != n {
		t.Error("a snapshot without a change was published")
	}
}

func TestCreateStrictInKafkaExact(t *testing.T) {
	for host, want := range map[string]bool{"*": true, "10.0.0.1": true, "0:0:0:0:0:0:0:1": true, "::1": false, "10.0.0.0/8": false, "example.com": false, "::ffff:10.0.0.1": false} {
		b := allow("User:alice", ops.Read, topic("a"))
		b.Entry.Host = host
		for semantics, want := range map[snapshot.Semantics]bool{snapshot.KafkaExact: want, snapshot.KafkaExact44: want || host == "10.0.0.0/8", snapshot.Documented: host != "example.com"} {
			store := snapshot.NewStore(snapshot.Config{Semantics: semantics})
			if r := create(t, store, snapshot.WriteOptions{Strict: true}, b)[0]; (r.Err == nil) != want || store.Load().Has(b) != want {
				t.Errorf("host %s, %v: got %v", host, semantics, r)
			}
			if r := create(t, store, snapshot.WriteOptions{}, b)[0]; r.Err != nil {
				t.Errorf("host %s: got %v", host, r)
			}
		}
	}
}

func TestWriteLimits(t *testing.T) {
	store := newStore(t, snapshot.Config{}, allow("User:alice", ops.Read, topic("there")))
	before := store.Load()
	list := []acl.Binding{allow("User:alice", ops.Read, topic("there")), {}}
	for i := range 10_000 + 1 {
		list = append(list, allow("User:alice", ops.Read, topic(fmt.Sprint("t", i))))
	}
	wantLimit := func(n int, err error, code ops.ErrorCode) {
		t.Helper()
		var limit *snapshot.LimitError
		if n != 0 || !errors.As(err, &limit) || limit.Code != code || limit.Limit != 10_000 {
			t.Errorf("got %d results, %v", n, err)
		}
		if store.Load() != before {
			t.Error("a part was published")
		}
	}
	created, err := store.Create(list, snapshot.WriteOptions{})
	wantLimit(len(created), err, ops.PolicyViolation)

	// Repeats, invalid ones and those that are there do not count.
	list = slices.Concat(list[:len(list)-1], list[:100])
	create(t, store, snapshot.WriteOptions{}, list...)
	before = store.Load()
	if before.Len() != 10_000+1 {
		t.Fatalf("created %d", before.Len())
	}
	deleted, err := store.Delete([]acl.Filter{acl.AnyBinding}, snapshot.WriteOptions{})
	wantLimit(len(deleted), err, ops.InvalidRequest)
	some := acl.AnyBinding
	some.Pattern.Type = resource.Topic
	some.Pattern.PatternType = resource.PatternMatch
	name := "t1"
	some.Pattern.Name = &name
	deleted, err = store.Delete([]acl.Filter{some, acl.AnyBinding}, snapshot.WriteOptions{})
	wantLimit(len(deleted), err, ops.InvalidRequest)

	if deleted, err = store.Delete([]acl.Filter{some, some}, snapshot.WriteOptions{}); err != nil || len(deleted) != 2 {
		t.Fatal(deleted, err)
	}
	if deleted, err = store.Delete([]acl.Filter{acl.AnyBinding, acl.AnyBinding}, snapshot.WriteOptions{}); err != nil || len(deleted[1].Deleted) != 10_000 || store.Load().Len() != 0 {
		t.Errorf("%d are left: %v", store.Load().Len(), err)
	}
}

// TestDelete has two filters report one binding, and one that is not known.
func TestDelete(t *testing.T) {
	a, b, c := allow("User:alice", ops.Read, topic("a")), deny("User:bob", ops.Read, topics("a")), allow("User:bob", ops.Read, topic("c"))
	store := newStore(t, snapshot.Config{KeepIDs: true}, a, b, c)
	before := store.Load()
	ids := func(b acl.Binding) []snapshot.ID { return slices.Collect(before.IDs(b)) }
	match := acl.AnyBinding
	name := "ab"
	match.Pattern = resource.PatternFilter{Type: resource.Any, PatternType: resource.PatternMatch, Name: &name}
	unknown := acl.AnyBinding
	unknown.Entry.Operation = 99
	filters := []acl.Filter{acl.FilterOf(a), unknown, match, {Pattern: resource.AnyPattern, Entry: acl.EntryFilter{Operation: ops.Read, Permission: acl.Deny}}, acl.FilterOf(a)}
	dry, err := store.Delete(filters, snapshot.WriteOptions{DryRun: true})
	if err != nil || store.Load() != before {
		t.Fatal("the dry run failed, or was none")
	}
	got, err := store.Delete(filters, snapshot.WriteOptions{})
	if err != nil || !reflect.DeepEqual(got, dry) {
		t.Fatalf("deleted %v, dry run %v: %v", got, dry, err)
	}
	want := [][]snapshot.DeletedACL{{{a, ids(a)}}, nil, {{b, ids(b)}}, {{b, ids(b)}}, {{a, ids(a)}}}
	for i, r := range got {
		if !reflect.DeepEqual(r.Deleted, want[i]) || (r.Err != nil) != (i == 1) || (r.Code == ops.InvalidRequest) != (i == 1) {
			t.Errorf("filter %d: got %v, want %v", i, r, want[i])
		}
	}
	if got := slices.Collect(store.Load().All()); !slices.Equal(got, []acl.Binding{c}) || store.Load().Generation() != before.Generation()+1 {
		t.Errorf("left %v", got)
	}
	if _, err := store.Describe(unknown); err == nil {
		t.Error("an unknown filter was answered")
	}
	if got, err := store.Describe(acl.AnyBinding); err != nil || !slices.Equal(got, []acl.Binding{c}) {
		t.Errorf("described %v, %v", got, err)
	}
}

func TestUpdateIf(t *testing.T) {
	a, b := allow("User:alice", ops.Read, topic("a")), allow("User:alice", ops.Read, topic("b"))
	store := newStore(t, snapshot.Config{}, a)
	at := store.Load().Generation()
	put := func(b acl.Binding) func(*snapshot.Tx) error {
		return func(tx *snapshot.Tx) error { tx.Add(b); return nil }
	}
	if err := store.UpdateIf(at, put(b)); err != nil || !store.Load().Has(b) {
		t.Fatal(err)
	}
	for _, wrong := range []uint64{at, at + 2} {
		err := store.UpdateIf(wrong, func(*snapshot.Tx) error { t.Error("run in spite of the conflict"); return nil })
		var conflict *snapshot.ConflictError
		if !errors.As(err, &conflict) || *conflict != (snapshot.ConflictError{Expected: wrong, Current: at + 1}) || store.Load().Generation() != at+1 {
			t.Errorf("got %v", err)
		}
	}
}

// TestReplace replaces whole sets in a store that keeps ids.
func TestReplace(t *testing.T) {
	a, b, c := allow("User:alice", ops.Read, topic("a")), deny("User:alice", ops.Read, topic("a")), allow("User:alice", ops.Read, topic("c"))
	replaced := func(t *testing.T, list ...acl.Binding) (store *snapshot.Store, before *snapshot.Snapshot, err error) {
		store = newStore(t, snapshot.Config{KeepIDs: true}, a, b)
		before = store.Load()
		return store, before, store.Replace(slices.Values(list))
	}
	all := func(n *snapshot.Snapshot) []acl.Binding { return slices.Collect(n.All()) }
	t.Run("some stay, some repeat", func(t *testing.T) {
		store, before, err := replaced(t, c, b, c)
		require.NoError(t, err)
		assert.Equal(t, []acl.Binding{b, c}, all(store.Load()))
		assert.Equal(t, slices.Collect(before.IDs(b)), slices.Collect(store.Load().IDs(b)), "the id of what stays")
		assert.Empty(t, slices.Collect(store.Load().IDs(a)))
		assert.Equal(t, []acl.Binding{b, a}, all(before))
		added, removed := snapshot.Diff(before, store.Load())
		assert.Equal(t, []acl.Binding{c}, added)
		assert.Equal(t, []acl.Binding{a}, removed)
	})
	t.Run("by an invalid set", func(t *testing.T) {
		store, before, err := replaced(t, c, acl.Binding{})
		var invalid *snapshot.BindingError
		require.ErrorAs(t, err, &invalid)
		assert.Equal(t, 1, invalid.Index)
		assert.Same(t, before, store.Load())
	})
	t.Run("by the same set", func(t *testing.T) {
		store, before, err := replaced(t, b, a)
		require.NoError(t, err)
		assert.Same(t, before, store.Load())
	})
	t.Run("by nothing", func(t *testing.T) {
		store, before, err := replaced(t)
		require.NoError(t, err)
		assert.Zero(t, store.Load().Len())
		assert.Equal(t, 2, before.Len())
	})
	t.Run("an empty store", func(t *testing.T) {
		store := snapshot.NewStore(snapshot.Config{})
		require.NoError(t, store.Replace(slices.Values([]acl.Binding{c, a, c})))
		assert.Equal(t, []acl.Binding{a, c}, all(store.Load()))
		assert.True(t, store.Load().Ready())
	})
	t.Run("in a transaction that did more before", func(t *testing.T) {
		store, _, _ := replaced(t, a, b)
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
			tx.Add(c)
			tx.Remove(a)
			tx.Replace(slices.Values([]acl.Binding{a}))
			assert.Equal(t, 1, tx.Len())
			return nil
		}))
		assert.Equal(t, []acl.Binding{a}, all(store.Load()))
	})
}

// TestTemplatesAreTakenBack adds what a template makes to ACLs of others, asks what
// it was made for, and removes it again.
func TestTemplatesAreTakenBack(t *testing.T) {
	for template := acl.Producer; template <= acl.StreamsApplication; template++ {
		args := acl.TemplateArgs{Principals: []string{"User:alice", "User:carol"}, Topics: []string{"in"}}
		switch template {
		case acl.TransactionalProducer:
			args.TransactionalIDs = []string{"tx"}
		case acl.Consumer, acl.ConnectWorker:
			args.Groups = []string{"g"}
		case acl.SinkConnector, acl.StreamsApplication:
			args.Name = "app"
		}
		list, err := template.Bindings(args)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range 50 {
			store := snapshot.NewStore(snapshot.Config{})
			for i := range 20 {
				b := genBinding.Example(seed*20 + i)
				if !slices.Contains(list, b) {
					add(t, store, b)
				}
			}
			before := store.Load()
			create(t, store, snapshot.WriteOptions{Strict: true}, list...)
			if n := store.Load().Len() - before.Len(); n != len(list) {
				t.Fatalf("%v: added %d of %d", template, n, len(list))
			}
			filters := make([]acl.Filter, len(list))
			for i, b := range list {
				filters[i] = acl.FilterOf(b)
			}
			if _, err := store.Delete(filters, snapshot.WriteOptions{}); err != nil || !sameBindings(store.Load(), before) {
				t.Fatalf("%v: removed, it leaves %v, want %v: %v", template, slices.Collect(store.Load().All()), slices.Collect(before.All()), err)
			}
		}
		session := newStore(t, snapshot.Config{}, list...).Session(snapshot.Subject{Principal: principal.User("carol"), Host: alice.Host})
		for _, b := range list {
			if !session.Check(b.Entry.Operation, b.Pattern.Type, b.Pattern.Name).Allowed() {
				t.Errorf("%v does not allow %v", template, b)
			}
		}
	}
}

func ExampleStore_Create() {
	store := snapshot.NewStore(snapshot.Config{})
	results, err := store.Create([]acl.Binding{
		allow("User:alice", ops.Read, topic("payments")),
		allow("alice", ops.Read, topic("payments")),
	}, snapshot.WriteOptions{})
	if err != nil {
		panic(err)
	}
	for _, r := range results {
		fmt.Println(r.Code, r.Err)
	}
	// Output:
	// NONE <nil>
	// INVALID_REQUEST invalid principal: principal "alice" has no colon: expected Type:name, such as "User:alice"
}
