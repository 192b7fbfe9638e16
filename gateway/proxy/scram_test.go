package proxy_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/internal/scramtest"
	"github.com/portcullis-authz/portcullis/ops"
)

// The nonce of the client's last message must equal the server's complete nonce: Kafka
// compares it since CVE-2024-56128.
func TestSCRAMComparesTheWholeNonce(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t)})
	for name, test := range map[string]struct {
		nonce func(client, server string) string
		code  int16
	}{
		"the server's":             {func(_, server string) string { return server }, 0},
		"the client's part twice":  {func(client, server string) string { return client + server }, kerr.SaslAuthenticationFailed.Code},
		"something before":         {func(_, server string) string { return "x" + server }, kerr.SaslAuthenticationFailed.Code},
		"something after":          {func(_, server string) string { return server + "x" }, kerr.SaslAuthenticationFailed.Code},
		"the server's part alone":  {func(client, server string) string { return strings.TrimPrefix(server, client) }, kerr.SaslAuthenticationFailed.Code},
		"the client's part alone":  {func(client, _ string) string { return client }, kerr.SaslAuthenticationFailed.Code},
		"nothing":                  {func(_, _ string) string { return "" }, kerr.SaslAuthenticationFailed.Code},
		"in letters of other case": {func(_, server string) string { return strings.ToUpper(server) }, kerr.SaslAuthenticationFailed.Code},
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, p.Addresses()[0])
			w.handshake(proxy.ScramSHA256, 1)
			const bare = "n=alice,r=abc"
			challenge := string(w.token("n,," + bare).SASLAuthBytes)
			server, _, _ := strings.Cut(strings.TrimPrefix(challenge, "r="), ",")
			r := w.token(scramtest.LastMessage(t, passwords["alice"], bare, challenge, func(string) string { return test.nonce("abc", server) }))
			require.Equal(t, test.code, r.ErrorCode)
			require.Equal(t, test.code == 0, strings.HasPrefix(string(r.SASLAuthBytes), "v="))
		})
	}
}

// What is kept of a login that has begun fits in the buffers of its connection. A client
// that is not logged in would keep half a megabyte otherwise, which nothing counts.
func TestFirstSCRAMMessagesAreSmall(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t)})
	for name, test := range map[string]struct {
		bytes int
		code  int16
	}{
		"of ten kilobytes":     {10 << 10, 0},
		"of sixteen kilobytes": {16 << 10, kerr.SaslAuthenticationFailed.Code},
		"of half a megabyte":   {500 << 10, kerr.SaslAuthenticationFailed.Code},
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, p.Addresses()[0])
			w.handshake(proxy.ScramSHA256, 1)
			require.Equal(t, test.code, w.token("n,,n=nobody,r="+strings.Repeat("n", test.bytes)).ErrorCode)
		})
	}
}

// Kafka takes the bytes of a password, without SASLprep: a ligature is not its letters,
// and what SASLprep has no form for is a password like any other.
func TestSCRAMTakesTheBytesOfPasswords(t *testing.T) {
	odd := map[string]string{
		"ligature": "oﬃce", "decomposed": "cafe\u0301", "wide": "ｐａｓｓ", "soft hyphen": "pass\u00adword", "no-break space": "a\u00a0b",
		"unassigned": "a\u0221b", "control": "a\u0007b", "mixed directions": "\u05d0a", "emoji": "😀", "not UTF-8": "\xff\xfe",
	}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{{
		Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{Mechanisms: []string{proxy.ScramSHA256}, Users: odd},
	}}})
	logIn := func(t *testing.T, user, password string) int16 {
		t.Helper()
		w := dial(t, p.Addresses()[0])
		w.handshake(proxy.ScramSHA256, 1)
		bare := "n=" + user + ",r=abc"
		challenge := string(w.token("n,," + bare).SASLAuthBytes)
		nonce, _, _ := strings.Cut(strings.TrimPrefix(challenge, "r="), ",")
		return w.token(scramtest.LastMessage(t, password, bare, challenge, func(string) string { return nonce })).ErrorCode
	}
	for user, password := range odd {
		t.Run(user, func(t *testing.T) { require.Zero(t, logIn(t, user, password)) })
	}
	for user, prepared := range map[string]string{
		"ligature": "office", "decomposed": "caf\u00e9", "wide": "pass", "soft hyphen": "password", "no-break space": "a b",
	} {
		t.Run(user+", prepared", func(t *testing.T) {
			require.Equal(t, kerr.SaslAuthenticationFailed.Code, logIn(t, user, prepared))
		})
	}
}

// TestBegunLoginsTakeLittleMemory: a login that has begun, which anybody can do, keeps little,
// however long its first message is.
func TestBegunLoginsTakeLittleMemory(t *testing.T) {
	const logins, most = 100, 100 << 10 // bytes for each
	for name, bytes := range map[string]int{"the longest that is accepted": 15 << 10, "half a megabyte": 500 << 10} {
		t.Run(name, func(t *testing.T) {
			p := start(t, upstream(t), proxy.Config{Store: store(t)})
			message := "n,,n=nobody,r=" + strings.Repeat("n", bytes)
			var all []*wire
			for range logins {
				w := dial(t, p.Addresses()[0])
				_ = w.SetDeadline(time.Now().Add(time.Minute))
				w.handshake(proxy.ScramSHA256, 1)
				all = append(all, w)
			}
			before := reachable()
			var answered sync.WaitGroup
			for _, w := range all {
				answered.Go(func() { w.token(message) })
			}
			answered.Wait()
			each := (reachable() - before) / logins
			t.Logf("%d bytes for each of %d logins", each, logins)
			require.Less(t, each, most)
			runtime.KeepAlive(all)
		})
	}
}

// reachable returns the bytes of all reachable objects.
func reachable() int {
	runtime.GC()
	runtime.GC()
	return int(heap())
}
