// Package scramtest has a client of SCRAM-SHA-256 that says what a test likes.
package scramtest

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// LastMessage returns the last message of a client that knows the password, with a proof that
// goes with its nonce. bare is its first message, without the header of the channel binding,
// and challenge the answer to it. nonce is given the nonce of the challenge, and returns the one
// to send.
//
// Source: RFC 5802, section 3.
func LastMessage(t testing.TB, password, bare, challenge string, nonce func(string) string) string {
	t.Helper()
	var salt []byte
	var server string
	iterations := 0
	for field := range strings.SplitSeq(challenge, ",") {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "r":
			server = value
		case "s":
			var err error
			salt, err = base64.StdEncoding.DecodeString(value)
			require.NoError(t, err)
		case "i":
			_, err := fmt.Sscan(value, &iterations)
			require.NoError(t, err)
		}
	}
	key, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	require.NoError(t, err)
	sign := func(key []byte, text string) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	unproved := "c=biws,r=" + nonce(server)
	proof := sign(key, "Client Key")
	stored := sha256.Sum256(proof)
	for i, b := range sign(stored[:], bare+","+challenge+","+unproved) {
		proof[i] ^= b
	}
	return unproved + ",p=" + base64.StdEncoding.EncodeToString(proof)
}
