package relay

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sasl"
)

// closing is a mechanism that keeps something, as Kerberos does. Its logins fail when they may
// go on.
type closing struct {
	began chan struct{}
	goOn  chan struct{}

	logins, closed atomic.Int32
}

var errClosing = errors.New("no such login")

func newClosing() *closing {
	return &closing{began: make(chan struct{}, 10), goOn: make(chan struct{})}
}

func (*closing) Name() string { return "GSSAPI" }

func (c *closing) Authenticate(context.Context, string) (sasl.Session, []byte, error) {
	c.logins.Add(1)
	c.began <- struct{}{}
	<-c.goOn
	return nil, nil, errClosing
}

func (c *closing) Close() { c.closed.Add(1) }

// TestReplacedMechanismsAreClosed: a mechanism that is replaced is closed, once, and not before
// the logins with it have ended. Otherwise each change of a file left the keys and the
// goroutine of a client of Kerberos behind.
func TestReplacedMechanismsAreClosed(t *testing.T) {
	first, second := newClosing(), newClosing()
	brokers := []string{"127.0.0.1:1"}
	c, err := NewCluster(Upstream{Brokers: brokers, SASL: first}, nil)
	require.NoError(t, err)
	replace := func(with Upstream) error {
		err := c.CanReplace(with)
		if err == nil {
			c.Replace(with)
		}
		return err
	}
	failed := make(chan error, 2)
	for range 2 {
		go func() {
			_, _, err := c.upstream.Authenticate(t.Context(), "b:1")
			failed <- err
		}()
		<-first.began
	}
	require.NoError(t, replace(Upstream{SASL: first}))
	require.NoError(t, replace(Upstream{SASL: second}))
	assert.Zero(t, first.closed.Load(), "two logins use it")
	first.goOn <- struct{}{}
	require.ErrorIs(t, <-failed, errClosing)
	assert.Zero(t, first.closed.Load(), "one login uses it")
	close(first.goOn)
	require.ErrorIs(t, <-failed, errClosing)
	assert.EqualValues(t, 1, first.closed.Load())

	close(second.goOn)
	_, _, err = c.upstream.Authenticate(t.Context(), "b:1")
	require.ErrorIs(t, err, errClosing)
	assert.EqualValues(t, 1, second.logins.Load())
	require.NoError(t, replace(Upstream{SASL: second}))
	assert.Zero(t, second.closed.Load(), "it is still in force")
	require.Error(t, replace(Upstream{}))
	assert.Zero(t, second.closed.Load(), "nothing was replaced")

	c.Close()
	c.Close()
	assert.EqualValues(t, 1, second.closed.Load())
	_, _, err = c.upstream.Authenticate(t.Context(), "b:1")
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = c.upstream.dial(t.Context(), "127.0.0.1:1")
	require.ErrorIs(t, err, net.ErrClosed)
}
