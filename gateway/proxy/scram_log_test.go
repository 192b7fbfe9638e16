package proxy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoPasswordInTheReason: a client that sends the message of PLAIN to SCRAM has its password
// in the message, and not in the reason, which is logged.
func TestNoPasswordInTheReason(t *testing.T) {
	s := &SASL{Mechanisms: []string{ScramSHA256}, Users: map[string]string{"alice": "x"}}
	made, err := s.mechanisms([]byte("salts"))
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
