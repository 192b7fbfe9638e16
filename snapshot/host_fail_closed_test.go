package snapshot_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestDenyFailsClosed: a DENY whose host cannot be read denies every address where Kafka
// has no rule for it, and an ALLOW with such a host allows nobody.
func TestDenyFailsClosed(t *testing.T) {
	everyone := acltest.Allow("User:*", ops.Read, acltest.Topic("a"))
	for _, tt := range []struct {
		host                      string
		documented, exact, exact4 bool // the DENY counts
	}{
		{"10.0.0.0/33", true, false, false},
		{"10.0.0.0/255.0.0.0", true, false, false},
		{"::ffff:10.0.0.0/104", true, false, false},
		{"example.com/24", true, false, false},
		{"fe80::1%eth0/64", true, false, true},
		{"example.com", false, false, false},
	} {
		for semantics, denied := range map[snapshot.Semantics]bool{
			snapshot.Documented: tt.documented, snapshot.KafkaExact: tt.exact, snapshot.KafkaExact44: tt.exact4,
		} {
			t.Run(fmt.Sprintf("%s in %v", tt.host, semantics), func(t *testing.T) {
				refusal, grant := acltest.Deny("User:alice", ops.Read, acltest.Topic("a")), acltest.Allow("User:alice", ops.Read, acltest.Topic("b"))
				refusal.Entry.Host, grant.Entry.Host = tt.host, tt.host
				store := newStore(t, snapshot.Config{Semantics: semantics}, everyone, refusal, grant)
				for _, client := range []string{"10.9.9.9", "::1", "fe80::1%eth0"} {
					subject := snapshot.Subject{Principal: alice.Principal, Host: netip.MustParseAddr(client)}
					d := store.Load().Check(subject, ops.Read, acltest.Topic("a").Type, "a")
					assert.Equal(t, denied, !d.Allowed(), "from %s", client)
					if b, named := d.Binding(); assert.True(t, named) && denied {
						assert.Equal(t, refusal, b, "the decision names the ACL as it was written")
					}
					assert.False(t, store.Load().Check(subject, ops.Read, acltest.Topic("b").Type, "b").Allowed(), "an ALLOW of such a host")
				}
			})
		}
	}
}

// TestDenyFailsClosedThroughChanges takes several ACLs with hosts that cannot be read, on
// one resource, in and out again.
func TestDenyFailsClosedThroughChanges(t *testing.T) {
	everyone := acltest.Allow("User:*", ops.All, acltest.Topic("a"))
	store := newStore(t, snapshot.Config{}, everyone)
	var acls []acl.Binding
	for _, host := range []string{"10.0.0.0/33", "10.0.0.0/34", "fe80::1%eth0/64", "fe80::1%eth1/64"} {
		for _, op := range []ops.Operation{ops.Read, ops.Write} {
			for _, b := range []acl.Binding{acltest.Deny("User:alice", op, acltest.Topic("a")), acltest.Allow("User:alice", op, acltest.Topic("a"))} {
				b.Entry.Host = host
				acls = append(acls, b)
			}
		}
	}
	denies := func(op ops.Operation) bool {
		for b := range store.Load().All() {
			if b.Entry.Permission == acl.Deny && b.Entry.Operation == op {
				return true
			}
		}
		return false
	}
	check := func() {
		t.Helper()
		for _, op := range []ops.Operation{ops.Read, ops.Write} {
			require.Equal(t, !denies(op), store.Load().Check(alice, op, acltest.Topic("a").Type, "a").Allowed(), "%v", op)
		}
	}
	for _, size := range []int{1, 3} { // one change a transaction, and several
		for _, present := range []bool{true, false} {
			for i := 0; i < len(acls); i += size {
				require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
					for _, b := range acls[i:min(i+size, len(acls))] {
						if present {
							assert.True(t, tx.Add(b))
						} else {
							assert.True(t, tx.Remove(b))
						}
					}
					return nil
				}))
				check()
			}
		}
	}
	assert.Equal(t, 1, store.Load().Len())
}

// TestSetSemantics: a transaction changes what the ACLs decide by, for sessions that are
// older, too, and to and fro.
func TestSetSemantics(t *testing.T) {
	grant := acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))
	network, written := grant, grant
	network.Entry.Host, written.Entry.Host = "10.0.0.0/8", "::1"
	store := newStore(t, snapshot.Config{}, network, written)
	inNetwork := store.Session(snapshot.Subject{Principal: alice.Principal, Host: netip.MustParseAddr("10.1.2.3")})
	loopback := store.Session(snapshot.Subject{Principal: alice.Principal, Host: netip.IPv6Loopback()})
	for _, step := range []struct {
		semantics        snapshot.Semantics
		network, written bool
	}{
		{snapshot.Documented, true, true},
		{snapshot.KafkaExact, false, false},
		{snapshot.KafkaExact44, true, false},
		{snapshot.KafkaExact, false, false},
		{snapshot.Documented, true, true},
		{snapshot.KafkaExact44, true, false},
		{99, true, true}, // as in NewStore
	} {
		before := store.Load()
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
			tx.SetSemantics(step.semantics)
			return nil
		}))
		t.Run(step.semantics.String(), func(t *testing.T) {
			assert.Equal(t, step.network, inNetwork.Check(ops.Read, acltest.Topic("a").Type, "a").Allowed())
			assert.Equal(t, step.written, loopback.Check(ops.Read, acltest.Topic("a").Type, "a").Allowed())
			if config := store.Load().Config(); step.semantics != 99 {
				assert.Equal(t, step.semantics, config.Semantics)
			}
			if before.Config().Semantics == store.Load().Config().Semantics {
				assert.Equal(t, before.Generation(), store.Load().Generation(), "nothing changes, nothing is published")
			}
		})
	}
}
