package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoPasswordInTheReason: a client that sends the message of PLAIN to SCRAM has its password
// in the message, and not in the reason, which is logged.
func TestNoPasswordInTheReason(t *testing.T) {
	s := &SASL{Mechanisms: []string{ScramSHA256}, Users: map[string]string{"alice": "x"}}
	made, err := s.mechanisms([]byte("salts"), nil)
	require.NoError(t, err)
	login := made[ScramSHA256]()
	_, _, err = login.step(t.Context(), []byte("\x00alice\x00s3cr3t,,,"))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "s3cr3t")
	login = made[ScramSHA256]()
	_, _, err = login.step(t.Context(), []byte("n,,n=alice,r=abc"))
	require.NoError(t, err)
	_, _, err = login.step(t.Context(), []byte("c=biws,r=abc,p=s3cr3t"))
	require.ErrorIs(t, err, errCredentials)
	assert.NotContains(t, err.Error(), "s3cr3t")
}

// TestRepeatedNonceInTheReason: the log says why the right password of an old librdkafka is refused, and
// says so of nothing else.
func TestRepeatedNonceInTheReason(t *testing.T) {
	s := &SASL{Mechanisms: []string{ScramSHA256}, Users: map[string]string{"alice": "x"}}
	made, err := s.mechanisms([]byte("salts"), nil)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		nonce   string // S is the server's part
		because bool
	}{"twice": {"abcabcS", true}, "once": {"abcS", false}, "three times": {"abcabcabcS", false}, "without the server's part": {"abcabc", false}} {
		t.Run(name, func(t *testing.T) {
			login := made[ScramSHA256]().(*scramLogin)
			_, _, err := login.step(t.Context(), []byte("n,,n=alice,r=abc"))
			require.NoError(t, err)
			_, _, err = login.step(t.Context(), []byte("c=biws,r="+strings.Replace(test.nonce, "S", login.nonce, 1)+",p=AAAA"))
			require.ErrorIs(t, err, errCredentials)
			assert.Equal(t, test.because, strings.Contains(err.Error(), "librdkafka before 2.6.1"), err)
		})
	}
}
