package proxy

import (
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestZonesOfClientsAreNumbers: Go names the interface in the address of a client with a link-local
// address, and Java writes its number, also in what operators copy into ACLs. A DENY with the
// number counts.
//
// Source: Java's Inet6Address.getHostAddress of an accepted connection.
func TestZonesOfClientsAreNumbers(t *testing.T) {
	all, err := net.Interfaces()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	on := all[0]
	for _, semantics := range []snapshot.Semantics{snapshot.Documented, snapshot.KafkaExact, snapshot.KafkaExact44} {
		t.Run(semantics.String(), func(t *testing.T) {
			remote := (&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 50_000, Zone: on.Name}).String() // as accept gives it
			c := &conn{listener: &listener{proxy: &Proxy{}}, login: loginFlow{remote: remote, named: true}}
			who, err := c.subject(t.Context(), identity{principal: principal.User("mallory")})
			require.NoError(t, err)
			store := snapshot.NewStore(snapshot.Config{Semantics: semantics})
			topic := resource.LiteralPattern(resource.Topic, "payroll")
			require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
				tx.Add(acl.Binding{Pattern: topic, Entry: acl.Entry{Principal: "User:*", Host: "*", Operation: ops.Read, Permission: acl.Allow}})
				tx.Add(acl.Binding{Pattern: topic, Entry: acl.Entry{Principal: "User:*", Host: fmt.Sprintf("fe80:0:0:0:0:0:0:1%%%d", on.Index), Operation: ops.Read, Permission: acl.Deny}})
				return nil
			}))
			assert.False(t, store.Session(who).Check(ops.Read, resource.Topic, "payroll").Allowed(), "the client is at %v", who.Host)
		})
	}
}

// TestZonesThatAcceptGives: what a listener says of a client with a link-local address, on a machine
// that has one.
func TestZonesThatAcceptGives(t *testing.T) {
	all, err := net.Interfaces()
	require.NoError(t, err)
	for _, on := range all {
		addresses, err := on.Addrs()
		require.NoError(t, err)
		for _, a := range addresses {
			ip, _, err := net.ParseCIDR(a.String())
			if err != nil || ip.To4() != nil || !ip.IsLinkLocalUnicast() {
				continue
			}
			ln, err := net.ListenTCP("tcp6", &net.TCPAddr{IP: ip, Zone: on.Name})
			require.NoError(t, err)
			client, err := net.DialTCP("tcp6", nil, &net.TCPAddr{IP: ip, Port: ln.Addr().(*net.TCPAddr).Port, Zone: on.Name})
			require.NoError(t, err)
			accepted, err := ln.Accept()
			require.NoError(t, err)
			c := &conn{listener: &listener{proxy: &Proxy{}}, login: loginFlow{remote: accepted.RemoteAddr().String(), named: true}}
			who, err := c.subject(t.Context(), identity{principal: principal.User("mallory")})
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprint(on.Index), who.Host.Zone(), "%v", accepted.RemoteAddr())
			for _, open := range []interface{ Close() error }{client, accepted, ln} {
				require.NoError(t, open.Close())
			}
		}
	}
}
