package proxy

import (
	"bytes"
	"testing"

	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/types"
)

// A last message that is signed with another key is refused, and the reason, which is
// logged, says nothing of the signature that would be right.
func TestKerberosChoiceOfAnotherKey(t *testing.T) {
	key := func(fill byte) types.EncryptionKey {
		return types.EncryptionKey{KeyType: etypeID.AES256_CTS_HMAC_SHA1_96, KeyValue: bytes.Repeat([]byte{fill}, 32)}
	}
	wrapped := gssapi.WrapToken{EC: 12, Payload: []byte{noSecurityLayer, 0, 0, 0}}
	if err := wrapped.SetCheckSum(key(1), keyusage.GSSAPI_INITIATOR_SEAL); err != nil {
		t.Fatal(err)
	}
	message, err := wrapped.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, done, err := (&kerberosLogin{key: key(1)}).choice(message); !done || err != nil {
		t.Errorf("the same key: %v, %v", done, err)
	}
	_, done, err := (&kerberosLogin{key: key(2)}).choice(message)
	if done || err != errCredentials {
		t.Errorf("another key: %v, %v", done, err)
	}
}
