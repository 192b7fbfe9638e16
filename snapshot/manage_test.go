package snapshot_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func create(t testing.TB, store *snapshot.Store, options snapshot.WriteOptions, list ...acl.Binding) []snapshot.CreateResult {
	t.Helper()
	results, err := store.Create(list, options)
	require.NoError(t, err, "got %d results, %v", len(results), err)
	require.Len(t, results, len(list), "got %d results, %v", len(results), err)
	return results
}

// TestCreate gives good and bad bindings in one call: each gets its own answer, in
// its place, and the good ones are published at once.
func TestCreate(t *testing.T) {
	there := acltest.Allow("User:alice", ops.Read, acltest.Topic("there"))
	store := newStore(t, snapshot.Config{}, there)
	before := store.Load()
	good, doubtful := acltest.Allow("User:bob", ops.Read, acltest.Topic("a")), acltest.Allow("User:bob", ops.ClusterAction, acltest.Topic("b"))
	list := []acl.Binding{
		there, good, {}, good, doubtful,
		acltest.Allow("bob", ops.Read, acltest.Topic("a")),
		acltest.Allow("User:bob", ops.Read, acltest.Topic("")),
		acltest.Allow("User:bob", ops.Read, acltest.Topic(strings.Repeat("x", 1<<15))),
		acltest.Allow("User:bob", ops.Create, resource.LiteralPattern(resource.Cluster, "prod")),
	}
	for _, strict := range []bool{true, false} {
		dry := create(t, store, snapshot.WriteOptions{Strict: strict, DryRun: true}, list...)
		require.Same(t, before, store.Load(), "a dry run was published")
		var fields []string
		for i, r := range dry {
			field := ""
			var invalid *acl.InvalidError
			if errors.As(r.Err, &invalid) {
				field = invalid.Field
			}
			assert.Equal(t, field != "", r.Code == ops.InvalidRequest, "strict %t, %v", strict, list[i])
			assert.Equal(t, field == "", r.Code == ops.None, "strict %t, %v", strict, list[i])
			assert.Equal(t, i == 0 || i == 3, r.Existed, "strict %t, %v", strict, list[i])
			assert.Equal(t, snapshot.ID{}, r.ID, "strict %t, %v", strict, list[i])
			fields = append(fields, field)
		}
		want := []string{"", "", "resourceType", "", "", "principal", "name", "name", "name"}
		if strict {
			want[4] = "operation"
		}
		assert.Equal(t, want, fields, "strict %t: refused %q, want %q", strict, fields, want)
		if strict {
			continue
		}
		got := create(t, store, snapshot.WriteOptions{}, list...)
		assert.Equal(t, dry, got, "got %v, the dry run %v", got, dry)
	}
	n := store.Load()
	assert.Equal(t, before.Generation()+1, n.Generation())
	assert.Equal(t, []acl.Binding{good, doubtful, there}, slices.Collect(n.All()))
	for _, r := range create(t, store, snapshot.WriteOptions{}, there, good) {
		require.True(t, r.Existed, "created again")
		assert.Equal(t, ops.None, r.Code, "created again")
	}
	assert.Same(t, n, store.Load(), "a snapshot without a change was published")
}

func TestCreateStrictInKafkaExact(t *testing.T) {
	for host, want := range map[string]bool{"*": true, "10.0.0.1": true, "0:0:0:0:0:0:0:1": true, "::1": false, "10.0.0.0/8": false, "example.com": false, "::ffff:10.0.0.1": false} {
		t.Run(host, func(t *testing.T) {
			b := acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))
			b.Entry.Host = host
			for semantics, want := range map[snapshot.Semantics]bool{snapshot.KafkaExact: want, snapshot.KafkaExact44: want || host == "10.0.0.0/8", snapshot.Documented: host != "example.com"} {
				store := snapshot.NewStore(snapshot.Config{Semantics: semantics})
				r := create(t, store, snapshot.WriteOptions{Strict: true}, b)[0]
				assert.Equal(t, want, r.Err == nil, "host %s, %v", host, semantics)
				assert.Equal(t, want, store.Load().Has(b), "host %s, %v", host, semantics)
				r = create(t, store, snapshot.WriteOptions{}, b)[0]
				assert.NoError(t, r.Err)
			}
		})
	}
}

func TestWriteLimits(t *testing.T) {
	store := newStore(t, snapshot.Config{}, acltest.Allow("User:alice", ops.Read, acltest.Topic("there")))
	before := store.Load()
	list := []acl.Binding{acltest.Allow("User:alice", ops.Read, acltest.Topic("there")), {}}
	for i := range 10_000 + 1 {
		list = append(list, acltest.Allow("User:alice", ops.Read, acltest.Topic(fmt.Sprint("t", i))))
	}
	wantLimit := func(n int, err error, code ops.ErrorCode) {
		t.Helper()
		var limit *snapshot.RefusedError
		assert.Equal(t, 0, n, "got %d results, %v", n, err)
		require.ErrorAs(t, err, &limit, "got %d results, %v", n, err)
		assert.Equal(t, code, limit.Code, "got %d results, %v", n, err)
		assert.Equal(t, 10_000, limit.Limit, "got %d results, %v", n, err)
		assert.Same(t, before, store.Load(), "a part was published")
	}
	created, err := store.Create(list, snapshot.WriteOptions{})
	wantLimit(len(created), err, ops.PolicyViolation)

	// Repeats, invalid ones and those that are there do not count.
	list = slices.Concat(list[:len(list)-1], list[:100])
	create(t, store, snapshot.WriteOptions{}, list...)
	before = store.Load()
	require.Equal(t, 10_000+1, before.Len(), "created %d", before.Len())
	deleted, err := store.Delete([]acl.Filter{acl.AnyBinding}, snapshot.WriteOptions{})
	wantLimit(len(deleted), err, ops.InvalidRequest)
	some := acl.AnyBinding
	some.Pattern.Type = resource.Topic
	some.Pattern.PatternType = resource.PatternMatch
	name := "t1"
	some.Pattern.Name = &name
	deleted, err = store.Delete([]acl.Filter{some, acl.AnyBinding}, snapshot.WriteOptions{})
	wantLimit(len(deleted), err, ops.InvalidRequest)

	deleted, err = store.Delete([]acl.Filter{some, some}, snapshot.WriteOptions{})
	require.NoError(t, err)
	require.Len(t, deleted, 2)
	deleted, err = store.Delete([]acl.Filter{acl.AnyBinding, acl.AnyBinding}, snapshot.WriteOptions{})
	require.NoError(t, err, "%d are left", store.Load().Len())
	require.Len(t, deleted[1].Deleted, 10_000, "%d are left", store.Load().Len())
	assert.Equal(t, 0, store.Load().Len(), "%d are left", store.Load().Len())
}

// TestDelete has two filters report one binding, and one that is not known.
func TestDelete(t *testing.T) {
	a, b, c := acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Deny("User:bob", ops.Read, acltest.Topics("a")), acltest.Allow("User:bob", ops.Read, acltest.Topic("c"))
	store := newStore(t, snapshot.Config{KeepIDs: true}, a, b, c)
	before := store.Load()
	ids := func(b acl.Binding) []snapshot.ID { return slices.Collect(before.IDs(b)) }
	match := acl.AnyBinding
	name := "ab"
	match.Pattern = resource.PatternFilter{Type: resource.Any, PatternType: resource.PatternMatch, Name: &name}
	unknown := acl.AnyBinding
	unknown.Entry.Operation = 99
	filters := []acl.Filter{acl.FilterOf(a), unknown, match, {Pattern: acl.AnyBinding.Pattern, Entry: acl.EntryFilter{Operation: ops.Read, Permission: acl.Deny}}, acl.FilterOf(a)}
	dry, err := store.Delete(filters, snapshot.WriteOptions{DryRun: true})
	require.NoError(t, err, "the dry run failed, or was none")
	require.Same(t, before, store.Load(), "the dry run failed, or was none")
	got, err := store.Delete(filters, snapshot.WriteOptions{})
	require.NoError(t, err, "deleted %v, dry run %v", got, dry)
	require.Equal(t, dry, got, "deleted %v, dry run %v", got, dry)
	want := [][]snapshot.DeletedACL{{{a, ids(a)}}, nil, {{b, ids(b)}}, {{b, ids(b)}}, {{a, ids(a)}}}
	for i, r := range got {
		assert.Equal(t, want[i], r.Deleted, "filter %d", i)
		assert.Equal(t, i == 1, r.Err != nil, "filter %d", i)
		assert.Equal(t, i == 1, r.Code == ops.InvalidRequest, "filter %d", i)
	}
	if got := slices.Collect(store.Load().All()); !slices.Equal(got, []acl.Binding{c}) || store.Load().Generation() != before.Generation()+1 {
		t.Errorf("left %v", got)
	}
	_, err = store.Describe(unknown)
	assert.Error(t, err, "an unknown filter was answered")
	if got, err := store.Describe(acl.AnyBinding); err != nil || !slices.Equal(got, []acl.Binding{c}) {
		t.Errorf("described %v, %v", got, err)
	}
}

func TestUpdateIf(t *testing.T) {
	a, b := acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Allow("User:alice", ops.Read, acltest.Topic("b"))
	store := newStore(t, snapshot.Config{}, a)
	at := store.Load().Generation()
	put := func(b acl.Binding) func(*snapshot.Tx) error {
		return func(tx *snapshot.Tx) error { tx.Add(b); return nil }
	}
	err := store.UpdateIf(at, put(b))
	require.NoError(t, err)
	require.True(t, store.Load().Has(b), err)
	for _, wrong := range []uint64{at, at + 2} {
		err := store.UpdateIf(wrong, func(*snapshot.Tx) error { t.Error("run in spite of the conflict"); return nil })
		var conflict *snapshot.ConflictError
		require.ErrorAs(t, err, &conflict)
		assert.Equal(t, snapshot.ConflictError{Expected: wrong, Current: at + 1}, *conflict)
		assert.Equal(t, at+1, store.Load().Generation())
	}
}

// TestReplace replaces whole sets in a store that keeps ids.
func TestReplace(t *testing.T) {
	a, b, c := acltest.Allow("User:alice", ops.Read, acltest.Topic("a")), acltest.Deny("User:alice", ops.Read, acltest.Topic("a")), acltest.Allow("User:alice", ops.Read, acltest.Topic("c"))
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
	for _, template := range []string{
		"PRODUCER", "IDEMPOTENT_PRODUCER", "TRANSACTIONAL_PRODUCER", "CONSUMER", "CONNECT_WORKER", "SOURCE_CONNECTOR", "SINK_CONNECTOR", "CONNECT_REPORTER", "STREAMS_APPLICATION",
	} {
		args := acl.TemplateArgs{Principals: []string{"User:alice", "User:carol"}, Topics: []string{"in"}}
		switch template {
		case "TRANSACTIONAL_PRODUCER":
			args.TransactionalIDs = []string{"tx"}
		case "CONSUMER", "CONNECT_WORKER":
			args.Groups = []string{"g"}
		case "SINK_CONNECTOR", "STREAMS_APPLICATION":
			args.Name = "app"
		}
		list, err := acl.TemplateBindings(template, args)
		require.NoError(t, err)
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
			n := store.Load().Len() - before.Len()
			require.Equal(t, len(list), n, "%v: added %d of %d", template, n, len(list))
			filters := make([]acl.Filter, len(list))
			for i, b := range list {
				filters[i] = acl.FilterOf(b)
			}
			_, err := store.Delete(filters, snapshot.WriteOptions{})
			require.NoError(t, err, "%v, removed", template)
			require.True(t, sameBindings(store.Load(), before), "%v, removed", template)
		}
		session := newStore(t, snapshot.Config{}, list...).Session(snapshot.Subject{Principal: principal.User("carol"), Host: alice.Host})
		for _, b := range list {
			assert.True(t, session.Check(b.Entry.Operation, b.Pattern.Type, b.Pattern.Name).Allowed(), "%v does not allow %v", template, b)
		}
	}
}

func ExampleStore_Create() {
	store := snapshot.NewStore(snapshot.Config{})
	results, err := store.Create([]acl.Binding{
		acltest.Allow("User:alice", ops.Read, acltest.Topic("payments")),
		acltest.Allow("alice", ops.Read, acltest.Topic("payments")),
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

// TestWriteOptionsIfGeneration: a change that was decided by another generation is not made. The first
// generation of a store, 0, is one as well.
func TestWriteOptionsIfGeneration(t *testing.T) {
	there, more := acltest.Allow("User:alice", ops.Read, acltest.Topic("there")), acltest.Allow("User:alice", ops.Read, acltest.Topic("more"))
	store := newStore(t, snapshot.Config{}, there)
	now := store.Load()
	for _, options := range []snapshot.WriteOptions{{IfGeneration: new(now.Generation() + 1)}, {IfGeneration: new(now.Generation() + 1), DryRun: true}, {IfGeneration: new(uint64)}} {
		var conflict *snapshot.ConflictError
		_, err := store.Create([]acl.Binding{more}, options)
		require.ErrorAs(t, err, &conflict)
		_, err = store.Delete([]acl.Filter{{}}, options)
		require.ErrorAs(t, err, &conflict)
		assert.Same(t, now, store.Load())
	}
	create(t, store, snapshot.WriteOptions{IfGeneration: new(now.Generation())}, more)
	assert.True(t, store.Load().Has(more))
}
