package proxy

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// closing is a mechanism that keeps something, as Kerberos does. No login with it succeeds.
type closing struct{ closed atomic.Int32 }

func (*closing) Name() string { return GSSAPI }

func (*closing) Authenticate(context.Context, string) (sasl.Session, []byte, error) {
	return nil, nil, errors.New("no such login")
}

func (c *closing) Close() { c.closed.Add(1) }

// TestMechanismsAreClosedWithTheProxy: so they are if the proxy never begins to serve.
func TestMechanismsAreClosedWithTheProxy(t *testing.T) {
	mechanism := new(closing)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	store := snapshot.NewStore(snapshot.Config{})
	require.NoError(t, store.Update(func(*snapshot.Tx) error { return nil }))
	_, err := Listen(ctx, Config{
		Upstream: relay.Upstream{Brokers: []string{"127.0.0.1:1"}, SASL: mechanism}, Store: store, Logger: slog.New(slog.DiscardHandler),
		Listeners: []Listener{{Protocol: "PLAINTEXT", Address: "127.0.0.1:0"}},
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.EqualValues(t, 1, mechanism.closed.Load())
}
