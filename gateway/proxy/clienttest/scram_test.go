package clienttest

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/scramtest"
)

const (
	// scramListener is the listener of the broker where scramUser logs in with SCRAM.
	scramListener  = "SCRAM"
	scramUser      = "u0"
	scramMechanism = proxy.ScramSHA256
	clientNonce    = "abc"
)

// A login whose last message has another nonce than the broker's fails on both ways.
func TestSCRAMNonce(t *testing.T) {
	kafkatest.Jars(t, *versionFlag) // or skip
	if !kafkatest.AtLeast(*versionFlag, "4.0") {
		t.Skip("brokers before 4.0 take a nonce with something before it")
	}
	w := startWorld(t, *versionFlag)
	for name, test := range map[string]struct {
		nonce func(server string) string
		ok    bool
	}{
		"the broker's":                  {func(s string) string { return s }, true},
		"the client's part twice":       {func(s string) string { return clientNonce + s }, false},
		"something behind the broker's": {func(s string) string { return s + "x" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			direct := loginWithNonce(t, w.cluster.Bootstrap(scramListener), test.nonce)
			proxied := loginWithNonce(t, w.ways[1].bootstrap, test.nonce)
			assert.Equal(t, test.ok, direct == 0, "straight at the broker: error %d", direct)
			assert.Equal(t, direct, proxied, "straight at the broker, and through the proxy")
		})
	}
}

// loginWithNonce logs in and returns the error code of the last message.
func loginWithNonce(t *testing.T, address string, nonce func(server string) string) int16 {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, franzLimit)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(franzLimit)))
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Mechanism = scramMechanism
	require.Zero(t, exchange(t, c, handshake).(*kmsg.SASLHandshakeResponse).ErrorCode)
	bare := "n=" + scramUser + ",r=" + clientNonce
	first := kmsg.NewPtrSASLAuthenticateRequest()
	first.SASLAuthBytes = []byte("n,," + bare)
	answer := exchange(t, c, first).(*kmsg.SASLAuthenticateResponse)
	require.Zero(t, answer.ErrorCode)
	last := kmsg.NewPtrSASLAuthenticateRequest()
	last.SASLAuthBytes = []byte(scramtest.LastMessage(t, password(scramUser), bare, string(answer.SASLAuthBytes), nonce))
	return exchange(t, c, last).(*kmsg.SASLAuthenticateResponse).ErrorCode
}

// exchange sends a request in version 1 and returns its answer.
func exchange(t *testing.T, c net.Conn, r kmsg.Request) kmsg.Response {
	t.Helper()
	r.SetVersion(1)
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("scram")).AppendRequest(nil, r, 1)
	_, err := c.Write(frame)
	require.NoError(t, err)
	var size [4]byte
	_, err = io.ReadFull(c, size[:])
	require.NoError(t, err)
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err = io.ReadFull(c, body)
	require.NoError(t, err)
	answer := r.ResponseKind()
	require.NoError(t, answer.ReadFrom(body[4:])) // after the correlation id
	return answer
}
