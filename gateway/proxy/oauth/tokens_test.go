package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

const (
	issuer   = "https://issuer.example"
	audience = "kafka"
)

// testKeys are private keys, which are made once.
type testKeys struct {
	first, second, stranger *rsa.PrivateKey
	weak                    *rsa.PrivateKey
	p256, p384, p521        *ecdsa.PrivateKey
	ed                      ed25519.PrivateKey
	shared                  []byte
}

var makeKeys = sync.OnceValue(func() *testKeys {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	k := &testKeys{shared: make([]byte, 64)}
	var err error
	for _, key := range []struct {
		to   **rsa.PrivateKey
		bits int
	}{{&k.first, 2048}, {&k.second, 2048}, {&k.stranger, 2048}, {&k.weak, 1024}} {
		*key.to, err = rsa.GenerateKey(rand.Reader, key.bits)
		must(err)
	}
	for to, curve := range map[**ecdsa.PrivateKey]elliptic.Curve{&k.p256: elliptic.P256(), &k.p384: elliptic.P384(), &k.p521: elliptic.P521()} {
		*to, err = ecdsa.GenerateKey(curve, rand.Reader)
		must(err)
	}
	_, k.ed, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	_, _ = rand.Read(k.shared)
	return k
})

// jwks returns the key set with these keys.
func jwks(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	require.NoError(t, err)
	return text
}

// public returns the public half of a key, for a key set.
func public(key crypto.Signer, id string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: id}
}

// good returns the claims of a good token, changed by more. A nil value takes a claim away.
func good(more map[string]any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{"iss": issuer, "aud": audience, "sub": "alice", "iat": now - 10, "exp": now + 600}
	maps.Copy(c, more)
	for name, value := range c {
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

// sign returns a token with these claims: a value for JSON, or a text as it is.
func sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, header map[string]any, claims any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	require.NoError(t, err)
	signed, err := signer.Sign(text(t, claims))
	require.NoError(t, err)
	token, err := signed.CompactSerialize()
	require.NoError(t, err)
	return token
}

func text(t testing.TB, value any) []byte {
	t.Helper()
	if text, ok := value.(string); ok {
		return []byte(text)
	}
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return text
}

// signText signs a token whose parts are texts, with RS256, or with HS256 if key is a secret. With
// a nil key the signature is empty.
func signText(t testing.TB, header string, claims any, key any) string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(header)) + "." + encode(text(t, claims))
	var signature []byte
	switch key := key.(type) {
	case *rsa.PrivateKey:
		sum := sha256.Sum256([]byte(signed))
		var err error
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		require.NoError(t, err)
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(signed))
		signature = mac.Sum(nil)
	}
	return signed + "." + encode(signature)
}
