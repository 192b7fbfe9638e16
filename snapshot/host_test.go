package snapshot_test

import (
	"net/netip"
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

// flip returns addr with one bit the other way round, counted from the first.
func flip(addr netip.Addr, bit int) netip.Addr {
	bytes := addr.AsSlice()
	bytes[bit/8] ^= 1 << (7 - bit%8)
	flipped, _ := netip.AddrFromSlice(bytes)
	return flipped
}

// TestNetworksOfEveryLength allows one network of each length there is, after others
// of that length came and went: its first and last bits decide who is in it.
func TestNetworksOfEveryLength(t *testing.T) {
	compared := 0
	for _, base := range []string{"10.20.30.40", "2001:db8:1:2:3:4:5:6"} {
		t.Run(base, func(t *testing.T) {
			addr := netip.MustParseAddr(base)
			for bits := 0; bits <= addr.BitLen(); bits++ {
				of := func(a netip.Addr) acl.Binding {
					b := acltest.Allow("User:alice", ops.Read, acltest.Topic("a"))
					b.Entry.Host = netip.PrefixFrom(a, bits).String()
					return b
				}
				store := newStore(t, snapshot.Config{}, of(addr))
				change := func(step func(tx *snapshot.Tx)) {
					require.NoError(t, store.Update(func(tx *snapshot.Tx) error { step(tx); return nil }))
				}
				want := func(client netip.Addr, allowed bool) {
					t.Helper()
					compared++
					subject := snapshot.Subject{Principal: principal.User("alice"), Host: client}
					d := store.Load().Check(subject, ops.Read, resource.Topic, "a")
					require.Equal(t, allowed, d.Allowed(), "%v/%d, asked from %v", addr, bits, client)
				}
				ask := func(allowed bool) {
					t.Helper()
					want(addr, allowed)
					if bits < addr.BitLen() {
						want(flip(addr, bits), allowed)
						want(flip(addr, addr.BitLen()-1), allowed)
					}
					if bits > 0 {
						want(flip(addr, bits-1), false)
					}
				}
				ask(true)
				if bits > 0 {
					other := of(flip(addr, 0))
					change(func(tx *snapshot.Tx) { tx.Add(other) })
					change(func(tx *snapshot.Tx) { tx.Remove(other) })
					ask(true)
				}
				change(func(tx *snapshot.Tx) { tx.Remove(of(addr)) })
				ask(false)
			}
		})
	}
	assert.GreaterOrEqual(t, compared, 1000, "only %d answers compared", compared)
}
