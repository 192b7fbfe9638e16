package proxy_test

import (
	"bytes"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/scramtest"
	"github.com/portcullis-authz/portcullis/ops"
)

// TestTokensOfLaterLogins: a token is no larger when a client logs in again. Kafka
// reads at most sasl.server.max.receive.size (512 KiB). The last message of SCRAM is copied and
// split at its commas, which would take 17 times its size.
func TestTokensOfLaterLogins(t *testing.T) {
	const size = 40 * mebibyte
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{{
		Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain, proxy.ScramSHA256}, Users: passwords, MaxSession: time.Hour},
	}}})
	w := dial(t, p.Addresses()[0])
	require.Zero(t, w.handshake(proxy.ScramSHA256, 1).ErrorCode)
	challenge := string(w.token("n,,n=bob,r=abc").SASLAuthBytes)
	nonce, _, _ := strings.Cut(strings.TrimPrefix(challenge, "r="), ",")
	require.Zero(t, w.token(scramtest.LastMessage(t, passwords["bob"], "n=bob,r=abc", challenge, func(string) string { return nonce })).ErrorCode)
	require.Zero(t, w.handshake(proxy.ScramSHA256, 1).ErrorCode)
	require.Zero(t, w.token("n,,n=bob,r=abc").ErrorCode)
	token := kmsg.NewPtrSASLAuthenticateRequest()
	token.SASLAuthBytes = bytes.Repeat([]byte(","), size)
	token.SetVersion(2)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, token, 1)
	runtime.GC()
	before := heap()
	var peak atomic.Uint64
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			default:
				peak.Store(max(peak.Load(), heap()))
				time.Sleep(time.Millisecond)
			}
		}
	}()
	_ = w.SetDeadline(time.Now().Add(time.Minute))
	w.write(frame)
	answer := w.receive(token).(*kmsg.SASLAuthenticateResponse)
	close(done)
	t.Logf("a token of %d MiB: code %d, %d MiB more", size/mebibyte, answer.ErrorCode, (peak.Load()-before)/mebibyte)
	assert.Less(t, peak.Load()-before, uint64(3*size), "the frame, and the message in it")
	assert.Equal(t, kerr.SaslAuthenticationFailed.Code, answer.ErrorCode)
}
