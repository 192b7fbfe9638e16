package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// TestMaxReceive: a listener reads no larger request of a login than its limit. Before the first
// login the connection is closed without an answer, as by a broker.
func TestMaxReceive(t *testing.T) {
	const limit = 1000
	l := plainListener()
	l.SASL.MaxReceive, l.SASL.MaxSession = limit, time.Hour
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{l, plainListener()}})
	token := func(size int) *kmsg.SASLAuthenticateRequest {
		m := kmsg.NewPtrSASLAuthenticateRequest()
		m.Version = 1
		frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")).AppendRequest(nil, m, 1)
		m.SASLAuthBytes = []byte("\x00alice\x00" + strings.Repeat("x", size-(len(frame)-4)-len("\x00alice\x00")))
		return m
	}
	for _, tt := range []struct {
		name           string
		listener, size int
		closed         bool
	}{{"the limit", 0, limit, false}, {"more", 0, limit + 1, true}, {"another listener", 1, limit + 1, false}} {
		t.Run(tt.name, func(t *testing.T) {
			w := dial(t, p.Addresses()[tt.listener])
			require.Zero(t, w.handshake(proxy.Plain, 1).ErrorCode)
			m := token(tt.size)
			w.send(m, 1)
			if tt.closed {
				_, err := gateway.ReadFrame(w, mebibyte)
				require.Error(t, err, "there is no answer")
				assert.NotEmpty(t, p.log.WaitFor(t, 1, "a frame of 1001 bytes"))
				return
			}
			assert.Equal(t, kerr.SaslAuthenticationFailed.Code, w.receive(m).(*kmsg.SASLAuthenticateResponse).ErrorCode)
		})
	}
	t.Run("a later login", func(t *testing.T) {
		w := dial(t, p.Addresses()[0])
		w.login("alice", passwords["alice"])
		require.Zero(t, w.handshake(proxy.Plain, 1).ErrorCode)
		assert.Equal(t, kerr.SaslAuthenticationFailed.Code, w.token(strings.Repeat("x", limit+1)).ErrorCode)
		assert.NotEmpty(t, p.log.WaitFor(t, 1, "a message of 1001 bytes: expected at most 1000"))
	})
}
