package relay_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestOnePrincipalDoesNotTakeAllConnections: somebody without any right who has a few addresses, or
// IPv6 networks of 64 bits, keeps nobody out with connections on which nothing is asked.
func TestOnePrincipalDoesNotTakeAllConnections(t *testing.T) {
	_, c := cluster(t)
	r, err := relay.New(c, relay.Limits{Connections: 8, AddressConnections: 4})
	require.NoError(t, err)
	g, err := gateway.New(gateway.Config{Store: snapshot.NewStore(snapshot.Config{})})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	serveFrom := func(address, user string) *served {
		client, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).Dial("tcp", ln.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		conn, err := ln.Accept()
		require.NoError(t, err)
		s := &served{client, t, make(chan error, 1)}
		who := relay.Known{Principal: principal.User(user), Host: netip.MustParseAddr(address)}
		go func() { s.ended <- r.Serve(t.Context(), conn, relay.Client{Gateway: g, Login: who}) }()
		return s
	}
	for i := range 8 {
		s := serveFrom([]string{"127.0.0.2", "127.0.0.3"}[i/4], "mallory")
		select {
		case <-s.ended:
		case <-time.After(100 * time.Millisecond):
		}
	}
	serveFrom("127.0.0.4", "alice").ask(kmsg.NewPtrApiVersionsRequest(), 0)
}
