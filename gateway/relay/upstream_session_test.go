package relay_test

import (
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/principal"
)

// sessionBroker is a broker with SASL. A session ends after lifetime, as with
// connections.max.reauth.ms: the next request that is no login closes the connection (KIP-368).
type sessionBroker struct {
	net.Listener
	lifetime time.Duration // 0 means that it does not end

	mu    sync.Mutex
	conns []net.Conn
}

func newSessionBroker(t *testing.T, lifetime time.Duration) (*sessionBroker, *relay.Relay) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &sessionBroker{Listener: ln, lifetime: lifetime}
	t.Cleanup(func() { _ = ln.Close(); b.hangUp() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.conns = append(b.conns, c)
			b.mu.Unlock()
			go b.serve(c)
		}
	}()
	c, err := relay.NewCluster(relay.Upstream{Brokers: []string{ln.Addr().String()}, SASL: plain.Auth{User: "proxy", Pass: "secret"}.AsMechanism()}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.NoError(t, c.Refresh(t.Context()))
	r, err := relay.New(c, relay.Limits{})
	require.NoError(t, err)
	return b, r
}

// hangUp closes all connections.
func (b *sessionBroker) hangUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		_ = c.Close()
	}
	b.conns = nil
}

func (b *sessionBroker) serve(c net.Conn) {
	defer c.Close()
	var expires time.Time
	for {
		frame, err := gateway.ReadFrame(c, 1<<20)
		if err != nil {
			return
		}
		h, err := gateway.ParseHeader(frame)
		if err != nil {
			return
		}
		request, err := h.Request(frame)
		if err != nil {
			return
		}
		response := request.ResponseKind()
		switch r := response.(type) {
		case *kmsg.ApiVersionsResponse:
			for key, most := range map[int16]int16{3: 8, 17: 1, 18: 2, 36: 1} {
				r.ApiKeys = append(r.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: most})
			}
		case *kmsg.SASLHandshakeResponse:
			r.SupportedMechanisms = []string{"PLAIN"}
		case *kmsg.SASLAuthenticateResponse:
			if b.lifetime > 0 {
				expires, r.SessionLifetimeMillis = time.Now().Add(b.lifetime), b.lifetime.Milliseconds()
			}
		case *kmsg.MetadataResponse:
			host := b.Addr().(*net.TCPAddr)
			r.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 0, Host: "127.0.0.1", Port: int32(host.Port)}}
			for _, topic := range request.(*kmsg.MetadataRequest).Topics {
				r.Topics = append(r.Topics, kmsg.MetadataResponseTopic{Topic: topic.Topic})
			}
		}
		if isLogin := request.Key() == 17 || request.Key() == 36; !isLogin && !expires.IsZero() && time.Now().After(expires) {
			return
		}
		answer := h.Response(response)
		if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)); err != nil {
			return
		}
	}
}

var anybody = relay.Known{Principal: principal.Anonymous, Host: netip.MustParseAddr("127.0.0.1")}

// TestSessionsAtTheClusterGoOn: the session of the proxy at a broker ends, and the proxy logs in
// again before that, as every client of Kafka does. A client notices nothing, and none of its
// requests is lost.
func TestSessionsAtTheClusterGoOn(t *testing.T) {
	_, r := newSessionBroker(t, 2*time.Second)
	s := serve(t, r, anybody)
	s.ask(metadata(), 8)
	time.Sleep(3 * time.Second)
	s.ask(metadata(), 8)
}

// TestConnectionsThatABrokerCloses: a broker closes a connection that is idle, or stops. The client is
// told by the end of its own, as by the broker. Otherwise the next thing that it sends is lost, and
// with acks=0 nobody says so.
func TestConnectionsThatABrokerCloses(t *testing.T) {
	b, r := newSessionBroker(t, 0)
	s := serve(t, r, anybody)
	s.ask(metadata(), 8)
	b.hangUp()
	require.NoError(t, s.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err := s.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF)
}
