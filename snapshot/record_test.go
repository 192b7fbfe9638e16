package snapshot

import (
	"cmp"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// spelled returns the i-th spelling of the network 10.0.0.0/8 in an ACL for who.
func spelled(who string, i int, op ops.Operation, permission acl.PermissionType) acl.Binding {
	return acl.Binding{
		Pattern: resource.LiteralPattern(resource.Topic, "a"),
		Entry:   acl.Entry{Principal: who, Host: fmt.Sprintf("10.%d.%d.%d/8", i>>16, i>>8&255, i&255), Operation: op, Permission: permission},
	}
}

// TestVariantsAgainstModel adds and removes ACLs on one pattern, of one host in many
// spellings. The ACL that decides must be the first in Kafka's order, in every
// version published.
func TestVariantsAgainstModel(t *testing.T) {
	subject := Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.1")}
	type version struct {
		snapshot *Snapshot
		acls     []acl.Binding
	}
	rapid.Check(t, func(t *rapid.T) {
		binding := rapid.Custom(func(t *rapid.T) acl.Binding {
			return spelled(rapid.SampledFrom([]string{"User:alice", principal.Wildcard}).Draw(t, "who"),
				rapid.IntRange(0, 300).Draw(t, "spelling"),
				rapid.SampledFrom([]ops.Operation{ops.All, ops.Read, ops.Write, ops.Describe}).Draw(t, "op"),
				rapid.SampledFrom([]acl.PermissionType{acl.Allow, acl.Allow, acl.Deny}).Draw(t, "permission"))
		})
		store := NewStore(Config{})
		var versions []version
		var acls []acl.Binding
		for range rapid.IntRange(1, 6).Draw(t, "transactions") {
			acls = slices.Clone(acls)
			err := store.Update(func(tx *Tx) error {
				for _, b := range rapid.SliceOfN(binding, 0, 60).Draw(t, "toggled") {
					if i := slices.Index(acls, b); i >= 0 {
						tx.Remove(b)
						acls = slices.Delete(acls, i, i+1)
					} else {
						tx.Add(b)
						acls = append(acls, b)
					}
				}
				if rapid.IntRange(0, 4).Draw(t, "of one permission") == 0 {
					permission := rapid.SampledFrom([]acl.PermissionType{acl.Allow, acl.Deny}).Draw(t, "gone")
					tx.RemoveMatching(acl.Filter{Pattern: acl.AnyBinding.Pattern, Entry: acl.EntryFilter{Operation: ops.Any, Permission: permission}})
					acls = slices.DeleteFunc(acls, func(b acl.Binding) bool { return b.Entry.Permission == permission })
				}
				return nil
			})
			require.NoError(t, err)
			versions = append(versions, version{store.Load(), acls})
		}
		for _, v := range versions {
			for _, op := range []ops.Operation{ops.All, ops.Read, ops.Write, ops.Describe, ops.Create} {
				var want acl.Binding
				for _, b := range slices.SortedFunc(slices.Values(v.acls), compareKafka) {
					means := ops.AllowedBy
					if b.Entry.Permission == acl.Deny {
						means = ops.DeniedBy
					}
					if means(b.Entry.Operation).Has(op) {
						want = b
						break
					}
				}
				got, _ := v.snapshot.Check(subject, op, resource.Topic, "a").Binding()
				if got != want {
					t.Fatalf("%v: decided by %v, want %v, of %v", op, got, want, v.acls)
				}
			}
		}
	})
}

// compareKafka orders ACLs on one pattern so that the one that decides comes first.
func compareKafka(a, b acl.Binding) int {
	return cmp.Or(
		cmp.Compare(a.Entry.Permission, b.Entry.Permission), // DENY first
		cmp.Compare(a.Entry.Operation, b.Entry.Operation),
		cmp.Compare(a.Entry.Principal, b.Entry.Principal),
		cmp.Compare(a.Entry.Host, b.Entry.Host),
	)
}

// TestUpdateAmongManyVariants: what an update costs must not grow with the number of
// spellings of one host, of which a network has millions. Memory stands for time,
// since it can be told exactly.
func TestUpdateAmongManyVariants(t *testing.T) {
	cost := func(n int) uint64 {
		store := NewStore(Config{})
		update := func(from, to int) {
			require.NoError(t, store.Update(func(tx *Tx) error {
				for i := from; i < to; i++ {
					tx.Add(spelled("User:alice", i, ops.Read, acl.Allow))
				}
				return nil
			}))
		}
		update(0, n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range 100 {
			update(n+i, n+i+1)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if few, many := cost(100), cost(10_000); many > 5*few {
		t.Errorf("100 updates allocate %d bytes among 100 spellings, %d among 10,000", few, many)
	}
}
