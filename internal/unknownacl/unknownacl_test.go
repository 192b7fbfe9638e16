package unknownacl_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/unknownacl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestCountsAs: of every ACL with an unknown part, an ALLOW allows nothing, and everything else
// denies its principal what it may be about, in each semantics. Others keep what they have,
// and a resource with such an ACL is no longer open to everyone.
func TestCountsAs(t *testing.T) {
	alice := snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.1")}
	bob := snapshot.Subject{Principal: principal.User("bob"), Host: alice.Host}
	everyone := acl.Binding{Pattern: resource.LiteralPattern(resource.Topic, "t"), Entry: acl.Entry{Principal: principal.Wildcard, Host: "*", Operation: ops.All, Permission: acl.Allow}}
	known := acl.Binding{Pattern: everyone.Pattern, Entry: acl.Entry{Principal: "User:alice", Host: "*", Operation: ops.Read, Permission: acl.Deny}}
	checked := 0
	for _, permission := range []acl.PermissionType{acl.PermissionUnknown, acl.Deny, acl.Allow} {
		for part, forget := range map[string]func(b *acl.Binding){
			"operation":    func(b *acl.Binding) { b.Entry.Operation = ops.Unknown },
			"pattern type": func(b *acl.Binding) { b.Pattern.PatternType = resource.PatternUnknown },
			"permission":   func(b *acl.Binding) { b.Entry.Permission = acl.PermissionUnknown },
		} {
			b := known
			b.Entry.Permission = permission
			forget(&b)
			if b.ValidateTypes() == nil {
				continue
			}
			for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact, snapshot.KafkaExact44} {
				t.Run(fmt.Sprintf("%v of %s, %v", permission, part, semantics), func(t *testing.T) {
					counts, ok := unknownacl.CountsAs(b)
					require.True(t, ok)
					require.NoError(t, counts.ValidateTypes())
					store := snapshot.NewStore(snapshot.Config{Semantics: semantics})
					require.NoError(t, store.Replace(slices.Values([]acl.Binding{counts})))
					assert.False(t, store.Load().Check(alice, ops.Read, resource.Topic, "t").Allowed(), "alone it allows nothing")

					require.NoError(t, store.Replace(slices.Values([]acl.Binding{everyone, counts})))
					denies := b.Entry.Permission != acl.Allow
					assert.Equal(t, !denies, store.Load().Check(alice, ops.Read, resource.Topic, "t").Allowed())
					assert.True(t, store.Load().Check(bob, ops.Read, resource.Topic, "t").Allowed())

					open := snapshot.NewStore(snapshot.Config{Semantics: semantics, AllowIfNoACL: true})
					require.NoError(t, open.Replace(slices.Values([]acl.Binding{counts})))
					assert.False(t, open.Load().Check(bob, ops.Read, resource.Topic, "t").Allowed(), "the resource has an ACL")
					assert.True(t, open.Load().Check(bob, ops.Read, resource.Group, "t").Allowed())
					checked++
				})
			}
		}
	}
	assert.GreaterOrEqual(t, checked, 21)
	_, ok := unknownacl.CountsAs(acl.Binding{Pattern: resource.Pattern{Name: "t", PatternType: resource.Literal}, Entry: known.Entry})
	assert.False(t, ok, "nothing asks about its type")
}
