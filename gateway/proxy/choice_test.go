package proxy

import (
	"bytes"
	"testing"

	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"
)

// choiceKey returns a key that differs with fill.
func choiceKey(fill byte) types.EncryptionKey {
	return types.EncryptionKey{KeyType: etypeID.AES256_CTS_HMAC_SHA1_96, KeyValue: bytes.Repeat([]byte{fill}, 32)}
}

// choiceMessage returns the last message of a client that takes a layer and would act
// for somebody, signed with choiceKey(1).
func choiceMessage(t *testing.T, layer byte, whom string) []byte {
	t.Helper()
	wrapped := gssapi.WrapToken{EC: 12, Payload: append([]byte{layer, 0, 0, 0}, whom...)}
	if err := wrapped.SetCheckSum(choiceKey(1), keyusage.GSSAPI_INITIATOR_SEAL); err != nil {
		t.Fatal(err)
	}
	message, err := wrapped.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// A last message that is signed with another key is refused. The reason, which is
// logged, does not reveal the correct signature.
func TestKerberosChoiceOfAnotherKey(t *testing.T) {
	message := choiceMessage(t, noSecurityLayer, "")
	if _, done, err := (&kerberosLogin{key: choiceKey(1)}).choice(message); !done || err != nil {
		t.Errorf("the same key: %v, %v", done, err)
	}
	_, done, err := (&kerberosLogin{key: choiceKey(2)}).choice(message)
	if done || err != errCredentials {
		t.Errorf("another key: %v, %v", done, err)
	}
}

// A client cannot act for another user, or use a security layer.
func TestKerberosChoice(t *testing.T) {
	for _, tt := range []struct {
		layer byte
		whom  string
		done  bool
	}{
		{noSecurityLayer, "", true},
		{noSecurityLayer, "alice", true},
		{noSecurityLayer, "bob", false},
		{noSecurityLayer, "alice2", false},
		{noSecurityLayer + 1, "alice", false},
	} {
		_, done, err := (&kerberosLogin{key: choiceKey(1), name: "alice"}).choice(choiceMessage(t, tt.layer, tt.whom))
		if done != tt.done || (err == nil) != tt.done {
			t.Errorf("layer %d for %q: %v, %v", tt.layer, tt.whom, done, err)
		}
	}
}
