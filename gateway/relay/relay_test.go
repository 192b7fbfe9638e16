package relay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// cluster returns a cluster of two brokers, and what relay knows about it.
func cluster(t *testing.T) (*kfake.Cluster, *relay.Cluster) {
	t.Helper()
	brokers, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(1, "orders", "payroll"))
	require.NoError(t, err)
	t.Cleanup(brokers.Close)
	c, err := relay.NewCluster(relay.Upstream{Brokers: brokers.ListenAddrs()}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.NoError(t, c.Refresh(t.Context()))
	return brokers, c
}

// TestKnowledgeWithoutARelay: software with its own loop gives a Conn of package gateway what a
// cluster knows. It asks on a miss, and says how old the list of topics is.
func TestKnowledgeWithoutARelay(t *testing.T) {
	brokers, c := cluster(t)
	asked := 0
	k := c.Knowledge(t.Context(), relay.Asker{Node: -1, Before: func() { asked++ }})
	id := brokers.TopicInfo("orders").TopicID
	_, known := k.TopicName(id)
	assert.False(t, known, "nobody has asked")
	_, known = c.TopicsAge()
	assert.False(t, known)

	k.FindTopics([][16]byte{id, {1}})
	name, known := k.TopicName(id)
	assert.True(t, known)
	assert.Equal(t, "orders", name)
	_, known = k.TopicName([16]byte{1})
	assert.False(t, known)
	assert.Equal(t, 1, asked)

	before := time.Now()
	names, _, ok := k.Topics()
	require.True(t, ok)
	assert.Equal(t, []string{"orders", "payroll"}, names)
	age, known := c.TopicsAge()
	assert.True(t, known)
	assert.LessOrEqual(t, age, time.Since(before)+10*time.Second)
	missing, certain := k.MissingTopics([]string{"orders", "gone"})
	assert.True(t, certain)
	assert.Equal(t, []string{"gone"}, missing)
}

// TestPatience: a request waits no longer for a broker that is silent than its Asker says, in
// sum over all that it asks; the next one waits again.
func TestPatience(t *testing.T) {
	brokers, c := cluster(t)
	goOn := make(chan struct{})
	defer close(goOn)
	brokers.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		brokers.KeepControl()
		brokers.SleepControl(func() { <-goOn })
		return nil, nil, false
	})
	const patience = 300 * time.Millisecond
	k := c.Knowledge(t.Context(), relay.Asker{Node: 0, Patience: patience})
	waits := func() time.Duration {
		began := time.Now()
		k.FindTopics([][16]byte{{1}})
		return time.Since(began)
	}
	first := waits()
	assert.GreaterOrEqual(t, first, patience)
	assert.Less(t, first, 4*time.Second)
	assert.Less(t, waits(), patience/2, "the same request")
	k.Begin()
	assert.GreaterOrEqual(t, waits(), patience)
	_, _, ok := k.Topics()
	assert.False(t, ok)
}

// TestPorts: every broker has a port by its node id, others none, and nothing is shown of what
// has none.
func TestPorts(t *testing.T) {
	brokers, c := cluster(t)
	unknown, err := relay.NewCluster(relay.Upstream{Brokers: brokers.ListenAddrs()}, nil)
	require.NoError(t, err)
	t.Cleanup(unknown.Close)
	_, err = unknown.Listen(relay.PortsConfig{Address: "127.0.0.1:0"})
	require.ErrorContains(t, err, "call Refresh")
	assert.EqualValues(t, -1, unknown.Any())
	var ports *relay.Ports
	var first int
	config := relay.PortsConfig{Advertised: "proxy.example", Brokers: 3}
	for range 50 { // others may have some of these ports
		first = 20_000 + rand.IntN(10_000) // none that the system gives to somebody
		config.Address = fmt.Sprint("127.0.0.1:", first)
		if ports, err = c.Listen(config); err == nil {
			break
		}
	}
	require.NoError(t, err)
	for name, tt := range map[string]struct{ broker, want gateway.Broker }{
		"known":       {gateway.Broker{NodeID: 1, Host: "kafka", Port: 9092}, gateway.Broker{NodeID: 1, Host: "proxy.example", Port: int32(first + 2)}},
		"new":         {gateway.Broker{NodeID: 2, Host: "kafka", Port: 9092}, gateway.Broker{NodeID: 2, Host: "proxy.example", Port: int32(first + 3)}},
		"beyond":      {gateway.Broker{NodeID: 3, Host: "kafka", Port: 9092}, gateway.Broker{}},
		"controller":  {gateway.Broker{NodeID: 1, Host: "kafka", Port: 9092, Controller: true}, gateway.Broker{}},
		"without one": {gateway.Broker{NodeID: -1}, gateway.Broker{}},
	} {
		got, err := ports.Address(tt.broker)
		require.NoError(t, err, name)
		assert.Equal(t, tt.want, got, name)
	}
	_, err = c.Listen(config)
	require.ErrorContains(t, err, "port of broker -1", "they are open already")
	address, _ := c.Address(2)
	assert.Equal(t, "kafka:9092", address, "it is learnt")

	served := make(chan struct{})
	go func() {
		defer close(served)
		ports.Serve(t.Context(), func(client net.Conn, _ int32) { _ = client.Close() })
	}()
	_, err = net.Dial("tcp", config.Address)
	require.NoError(t, err)
	ports.Close()
	<-served
	_, err = net.Dial("tcp", config.Address)
	require.Error(t, err)
	config.Brokers = 4 // for one that is known by now
	again, err := c.Listen(config)
	require.NoError(t, err, "all ports are free")
	again.Close()
}

// served is a connection that a Relay serves: the client's end, and why it has ended.
type served struct {
	net.Conn
	t     *testing.T
	ended chan error
}

func (s *served) ask(m kmsg.Request, version int16) kmsg.Response {
	s.t.Helper()
	m.SetVersion(version)
	_, err := s.Write(kmsg.NewRequestFormatter().AppendRequest(nil, m, 5))
	require.NoError(s.t, err)
	require.NoError(s.t, s.SetReadDeadline(time.Now().Add(30*time.Second)))
	frame, err := gateway.ReadFrame(s, 1<<20)
	require.NoError(s.t, err)
	answer := m.ResponseKind()
	answer.SetVersion(version)
	require.NoError(s.t, answer.ReadFrom(frame[4:])) // an answer without a flexible header
	return answer
}

// why waits until the connection has ended, and returns why.
func (s *served) why() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(20 * time.Second):
		require.Fail(s.t, "it has not ended")
		return nil
	}
}

// serve serves a client of a Relay whose ACLs allow everybody to describe "orders".
func serve(t *testing.T, r *relay.Relay, login relay.Login) *served {
	t.Helper()
	return serveAs(t, r, relay.Client{Login: login})
}

// serveAs is serve for a Client without a Gateway.
func serveAs(t *testing.T, r *relay.Relay, config relay.Client) *served {
	t.Helper()
	store := snapshot.NewStore(snapshot.Config{})
	bindings, err := acl.Read(strings.NewReader(`{"resourceType":"TOPIC","name":"orders","patternType":"LITERAL",`+
		`"principal":"User:*","host":"*","operation":"DESCRIBE","permission":"ALLOW"}`), "", acl.FormatJSON)
	require.NoError(t, err)
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { tx.Replace(slices.Values(bindings)); return nil }))
	g, err := gateway.New(gateway.Config{Store: store, Address: func(b gateway.Broker) (gateway.Broker, error) { return b, nil }})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	conn, err := ln.Accept()
	require.NoError(t, err)
	config.Gateway = g
	s := &served{client, t, make(chan error, 1)}
	go func() { s.ended <- r.Serve(t.Context(), conn, config) }()
	return s
}

// opens is a Login that a client passes by sending SaslHandshake, as alice, or with another mechanism
// than PLAIN as bob.
type opens struct{ open bool }

func (*opens) Begin(_ context.Context, c net.Conn) (net.Conn, snapshot.Subject, error) {
	return c, snapshot.Subject{}, nil
}

func (o *opens) Take(_ context.Context, frame []byte) (*relay.Taken, error) {
	h, err := gateway.ParseHeader(frame)
	if err != nil || h.Key != ops.SASLHandshakeKey {
		return nil, err
	}
	o.open = true
	request, err := h.Request(frame)
	if err != nil {
		return nil, err
	}
	name := "alice"
	if request.(*kmsg.SASLHandshakeRequest).Mechanism != "PLAIN" {
		name = "bob"
	}
	return &relay.Taken{
		Answer: h.Response(&kmsg.SASLHandshakeResponse{Version: h.Version}),
		Who:    snapshot.Subject{Principal: principal.User(name), Host: netip.MustParseAddr("127.0.0.1")},
	}, nil
}

func (o *opens) LoggedIn() bool { return o.open }

func handshake(mechanism string) *kmsg.SASLHandshakeRequest {
	m := kmsg.NewPtrSASLHandshakeRequest()
	m.Mechanism = mechanism
	return m
}

func metadata() *kmsg.MetadataRequest {
	m := kmsg.NewPtrMetadataRequest()
	for _, name := range []string{"orders", "payroll"} {
		m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	return m
}

// TestLoop: what the loop does for any Login.
func TestLoop(t *testing.T) {
	_, c := cluster(t)
	r, err := relay.New(c, relay.Limits{})
	require.NoError(t, err)
	known := relay.Known{Principal: principal.Anonymous, Host: netip.MustParseAddr("127.0.0.1")}

	t.Run("known", func(t *testing.T) {
		s := serve(t, r, known)
		codes := map[string]ops.ErrorCode{}
		for _, topic := range s.ask(metadata(), 8).(*kmsg.MetadataResponse).Topics {
			codes[*topic.Topic] = ops.ErrorCode(topic.ErrorCode)
		}
		assert.Equal(t, map[string]ops.ErrorCode{"orders": ops.None, "payroll": ops.TopicAuthorizationFailed}, codes)
		assert.Equal(t, ops.IllegalSASLState, ops.ErrorCode(s.ask(handshake("PLAIN"), 1).(*kmsg.SASLHandshakeResponse).ErrorCode))
		require.NoError(t, s.Close())
		assert.True(t, relay.Ended(s.why()))
	})
	t.Run("by a login", func(t *testing.T) {
		s := serve(t, r, new(opens))
		s.ask(kmsg.NewPtrApiVersionsRequest(), 0)
		s.ask(handshake("PLAIN"), 1)
		assert.Len(t, s.ask(metadata(), 8).(*kmsg.MetadataResponse).Topics, 2)
		s.ask(handshake("PLAIN"), 1)
		assert.Len(t, s.ask(metadata(), 8).(*kmsg.MetadataResponse).Topics, 2, "again")
		s.ask(handshake("SCRAM-SHA-256"), 1)
		require.ErrorContains(t, s.why(), "User:alice would become User:bob")
	})
	t.Run("before it", func(t *testing.T) {
		s := serve(t, r, new(opens))
		m := metadata()
		m.SetVersion(8)
		_, err := s.Write(kmsg.NewRequestFormatter().AppendRequest(nil, m, 5))
		require.NoError(t, err)
		err = s.why()
		require.ErrorContains(t, err, "before login")
		assert.False(t, relay.Ended(err))
		_, err = s.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
	t.Run("nobody", func(t *testing.T) {
		require.ErrorContains(t, serve(t, r, relay.Known{}).why(), "no principal")
		require.ErrorContains(t, serve(t, r, nil).why(), "without a Gateway or a Login")
	})
	t.Run("limits", func(t *testing.T) {
		few, err := relay.New(c, relay.Limits{Connections: 1})
		require.NoError(t, err)
		s := serve(t, few, known)
		s.ask(metadata(), 8) // of which something is allowed
		all, strangers := few.Connections()
		assert.Equal(t, []int{1, 0}, []int{all, strangers})
		var beyond *relay.LimitError
		err = serve(t, few, known).why()
		require.ErrorAs(t, err, &beyond)
		assert.Equal(t, relay.LimitError{Limit: relay.AllConnections, Most: 1, Network: netip.MustParsePrefix("127.0.0.1/32")}, *beyond)
		assert.Zero(t, few.Drain())
		assert.True(t, relay.Ended(s.why()))
		require.True(t, errors.Is(serve(t, few, known).why(), net.ErrClosed), "nothing begins behind Drain")
	})
}
