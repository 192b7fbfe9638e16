package krbfile_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/krbfile"
)

// TestDamagedKeytabs: a keytab that is cut anywhere, or has another byte anywhere, is read or
// is an error without anything of the keys.
func TestDamagedKeytabs(t *testing.T) {
	made := keytab.New()
	require.NoError(t, made.AddEntry("kafka/host", "R", "secret", time.Unix(0, 0), 1, etypeID.AES256_CTS_HMAC_SHA1_96))
	whole, err := made.Marshal()
	require.NoError(t, err)
	keys, err := krbfile.Keytab("k", as(whole))
	require.NoError(t, err)
	assert.Equal(t, made.Entries[0].Key, keys.Entries[0].Key)
	damaged(t, whole, func(text []byte) error { _, err := krbfile.Keytab("k", as(text)); return err }, `"k" is not a keytab, or damaged: make it again with ktutil or kadmin`)
}

func TestDamagedTicketCaches(t *testing.T) {
	// Version 4 without tags of the header, a client, and no tickets.
	whole := []byte{5, 4, 0, 0}
	for _, n := range []uint32{1, 1} {
		whole = binary.BigEndian.AppendUint32(whole, n) // the type of the name, and its components
	}
	for _, text := range []string{"R", "alice"} {
		whole = append(binary.BigEndian.AppendUint32(whole, uint32(len(text))), text...)
	}
	tickets, err := krbfile.Tickets("k", as(whole))
	require.NoError(t, err)
	assert.Equal(t, "alice", tickets.GetClientPrincipalName().PrincipalNameString())
	damaged(t, whole, func(text []byte) error { _, err := krbfile.Tickets("k", as(text)); return err }, `"k" is not a ticket cache, or damaged: make it again with kinit`)
}

// as returns a function that reads a file with this text.
func as(text []byte) krbfile.Read { return func(string) ([]byte, error) { return text, nil } }

func damaged(t *testing.T, whole []byte, read func([]byte) error, expected string) {
	refused := 0
	try := func(text []byte) {
		if err := read(text); err != nil {
			refused++
			assert.EqualError(t, err, expected, "% x", text)
		}
	}
	for n := range whole {
		try(whole[:n])
		for _, b := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			other := append([]byte(nil), whole...)
			other[n] = b
			try(other)
		}
	}
	assert.Greater(t, refused, len(whole)/2)
}
