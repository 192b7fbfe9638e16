package proxy_test

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// lastSCRAMMessage returns the last message of a client that knows the password and
// sends the nonce, with a proof that goes with it.
func lastSCRAMMessage(t *testing.T, password, bare, challenge, nonce string) string {
	t.Helper()
	var salted []byte
	iterations := 0
	for field := range strings.SplitSeq(challenge, ",") {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "s":
			salt, err := base64.StdEncoding.DecodeString(value)
			require.NoError(t, err)
			salted = salt
		case "i":
			_, err := fmt.Sscan(value, &iterations)
			require.NoError(t, err)
		}
	}
	key, err := pbkdf2.Key(sha256.New, password, salted, iterations, sha256.Size)
	require.NoError(t, err)
	sign := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	unproved := "c=biws,r=" + nonce
	proof := sign(key, "Client Key")
	stored := sha256.Sum256(proof)
	for i, b := range sign(stored[:], bare+","+challenge+","+unproved) {
		proof[i] ^= b
	}
	return unproved + ",p=" + base64.StdEncoding.EncodeToString(proof)
}

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
			r := w.token(lastSCRAMMessage(t, passwords["alice"], bare, challenge, test.nonce("abc", server)))
			require.Equal(t, test.code, r.ErrorCode)
			require.Equal(t, test.code == 0, strings.HasPrefix(string(r.SASLAuthBytes), "v="))
		})
	}
}
