package relay_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// places serves clients of a Relay by their names and addresses. alice and bob may describe "orders", and
// others nothing.
type places struct {
	t       *testing.T
	relay   *relay.Relay
	gateway *gateway.Gateway
	open    net.Listener
}

func newPlaces(t *testing.T, limits relay.Limits) *places {
	t.Helper()
	_, c := cluster(t)
	r, err := relay.New(c, limits)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	var rules []string
	for _, user := range []string{"alice", "bob"} {
		rules = append(rules, `{"resourceType":"TOPIC","name":"orders","patternType":"LITERAL","principal":"User:`+user+
			`","host":"*","operation":"DESCRIBE","permission":"ALLOW"}`)
	}
	bindings, err := acl.Read(strings.NewReader(strings.Join(rules, "\n")), "", acl.FormatJSON)
	require.NoError(t, err)
	store := snapshot.NewStore(snapshot.Config{})
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Replace(slices.Values(bindings)); return nil }))
	g, err := gateway.New(gateway.Config{Store: store, Address: func(b gateway.Broker) (gateway.Broker, error) { return b, nil }})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return &places{t, r, g, ln}
}

// enter connects a client from an address. Without a name it does not log in.
func (p *places) enter(user, from string) *served {
	p.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	client, err := d.Dial("tcp", p.open.Addr().String())
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = client.Close() })
	conn, err := p.open.Accept()
	require.NoError(p.t, err)
	var login relay.Login = new(opens)
	if user != "" {
		login = relay.Known{Principal: principal.User(user), Host: netip.MustParseAddr(from)}
	}
	s := &served{client, p.t, make(chan error, 1)}
	admitted, err := p.relay.Admit(conn)
	require.NoError(p.t, err)
	go func() { s.ended <- admitted.Serve(p.t.Context(), relay.Client{Gateway: p.gateway, Login: login}) }()
	if user != "" { // which makes sure that it is logged in
		s.ask(kmsg.NewPtrApiVersionsRequest(), 0)
	}
	return s
}

// is reports whether a connection is there.
func (s *served) is() bool { return len(s.ended) == 0 }

// TestOnePrincipalDoesNotTakeAllConnections: somebody whom no ACL allows anything opens as many
// connections as there may be, from some addresses. Those with rights connect all the same, and keep
// the connections that have served them.
func TestOnePrincipalDoesNotTakeAllConnections(t *testing.T) {
	const all, each = 8, 4
	t.Run("logged in", func(t *testing.T) {
		p := newPlaces(t, relay.Limits{Connections: all, AddressConnections: each})
		var taken []*served
		for i := range all {
			mallory := p.enter("mallory", []string{"127.0.0.2", "127.0.0.3"}[i/each])
			m := metadata()
			assert.Len(t, mallory.ask(m, 8).(*kmsg.MetadataResponse).Topics, 2, "both are refused")
			taken = append(taken, mallory)
		}
		var honest []*served
		for range all / 2 {
			alice := p.enter("alice", "127.0.0.4")
			assert.Len(t, alice.ask(metadata(), 8).(*kmsg.MetadataResponse).Topics, 2)
			honest = append(honest, alice)
		}
		require.ErrorContains(t, taken[0].why(), "nothing that this client asked for was allowed")
		for _, one := range taken[1 : all/2] { // the oldest
			_ = one.why()
		}
		for _, one := range taken[all/2:] {
			assert.True(t, one.is(), "no more of them are closed than are needed")
		}
		for i := range 20 { // they come again, and have only places of their own
			p.enter("mallory", fmt.Sprint("127.0.1.", i+1))
		}
		for _, one := range honest {
			assert.Len(t, one.ask(metadata(), 8).(*kmsg.MetadataResponse).Topics, 2)
		}
		for range all / 2 {
			bob := p.enter("bob", "127.0.0.5")
			bob.ask(metadata(), 8)
			honest = append(honest, bob)
		}
		_, err := p.relay.Admit(p.end())
		var beyond *relay.LimitError
		require.ErrorAs(t, err, &beyond, "all places are of those that were served")
		assert.Equal(t, relay.AllConnections, beyond.Limit)
		for _, one := range honest {
			assert.True(t, one.is())
		}
		n, _ := p.relay.Connections()
		assert.Equal(t, all, n)
	})
	t.Run("while others log in", func(t *testing.T) {
		p := newPlaces(t, relay.Limits{Connections: all, AddressConnections: each})
		slow := p.enter("", "127.0.0.4") // is not logged in yet
		for i := range 3 * all {
			p.enter("mallory", []string{"127.0.0.2", "127.0.0.3", "127.0.0.5"}[i%3])
		}
		slow.ask(handshake("PLAIN"), 1) // as alice
		assert.Len(t, slow.ask(metadata(), 8).(*kmsg.MetadataResponse).Topics, 2)
	})
	t.Run("one with fewer", func(t *testing.T) {
		p := newPlaces(t, relay.Limits{Connections: all, AddressConnections: all})
		idle := p.enter("alice", "127.0.0.4") // has asked for nothing yet
		for range 3 * all {
			p.enter("mallory", "127.0.0.2")
		}
		assert.True(t, idle.is())
	})
}

// TestStalledLoginsMakePlace: somebody with many addresses begins logins and does not end them, one from
// each address, again and again. Those who log in at the same time, several from one address, keep their
// places for as long as a login takes.
func TestStalledLoginsMakePlace(t *testing.T) {
	const logins = 60
	p := newPlaces(t, relay.Limits{Connections: 2 * logins, Logins: logins, AddressLogins: logins})
	p.relay.SetStalledAfter(300 * time.Millisecond)
	address := 0
	attack := func() {
		address++
		p.enter("", fmt.Sprintf("127.1.%d.%d", address/250, 1+address%250))
	}
	for range logins {
		attack()
	}
	time.Sleep(400 * time.Millisecond)
	var honest []*served
	for range 5 {
		honest = append(honest, p.enter("", "127.0.0.4"))
	}
	for range logins / 2 {
		attack()
	}
	for _, one := range honest {
		one.ask(handshake("PLAIN"), 1)
		assert.Len(t, one.ask(metadata(), 8).(*kmsg.MetadataResponse).Topics, 2)
	}
	n, strangers := p.relay.Connections()
	assert.Equal(t, []int{logins, logins - len(honest)}, []int{n, strangers})
}

// end returns the server's end of a connection that nobody serves.
func (p *places) end() net.Conn {
	p.t.Helper()
	client, err := net.Dial("tcp", p.open.Addr().String())
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = client.Close() })
	conn, err := p.open.Accept()
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestBehindOneAddress: clients behind one address, of a load balancer for example, share its limits.
// Logins that somebody begins there and does not end, and connections of a principal without rights, make
// place for the others.
func TestBehindOneAddress(t *testing.T) {
	const most = 6
	turnedAway := func(p *places, limit relay.LimitName) {
		_, err := p.relay.Admit(p.end())
		var beyond *relay.LimitError
		require.ErrorAs(t, err, &beyond)
		assert.Equal(t, limit, beyond.Limit)
	}
	t.Run("logins", func(t *testing.T) {
		p := newPlaces(t, relay.Limits{AddressLogins: most})
		p.relay.SetStalledAfter(300 * time.Millisecond)
		for range most {
			p.enter("", "127.0.0.1")
		}
		turnedAway(p, relay.LoginsOfAddress) // these may be those of honest clients
		time.Sleep(400 * time.Millisecond)
		var honest []*served
		for range most {
			honest = append(honest, p.enter("", "127.0.0.1"))
		}
		turnedAway(p, relay.LoginsOfAddress)
		for _, one := range honest {
			one.ask(handshake("PLAIN"), 1)
		}
		all, strangers := p.relay.Connections()
		assert.Equal(t, []int{most, 0}, []int{all, strangers})
	})
	t.Run("connections", func(t *testing.T) {
		p := newPlaces(t, relay.Limits{AddressConnections: most})
		var taken []*served
		for range most {
			taken = append(taken, p.enter("mallory", "127.0.0.1"))
		}
		for i := range most {
			p.enter("alice", "127.0.0.1").ask(metadata(), 8)
			require.ErrorContains(t, taken[i].why(), "another client has its place")
		}
		turnedAway(p, relay.OfAddress)
	})
	t.Run("both", func(t *testing.T) {
		p := newPlaces(t, relay.Limits{AddressConnections: most, AddressLogins: most / 2, Connections: most, Logins: most / 2})
		p.relay.SetStalledAfter(300 * time.Millisecond)
		for range most {
			p.enter("mallory", "127.0.0.1")
		}
		for range most / 2 {
			p.enter("", "127.0.0.1")
		}
		turnedAway(p, relay.OfAddress)
		time.Sleep(400 * time.Millisecond)
		for range most {
			p.enter("alice", "127.0.0.1").ask(metadata(), 8)
			all, _ := p.relay.Connections()
			assert.Equal(t, most, all, "one makes place for one")
		}
		turnedAway(p, relay.OfAddress)
	})
	t.Run("one", func(t *testing.T) {
		p := newPlaces(t, relay.Limits{AddressConnections: 1})
		for range 3 {
			p.enter("mallory", "127.0.0.1")
		}
		all, _ := p.relay.Connections()
		assert.Equal(t, 1, all)
	})
}
