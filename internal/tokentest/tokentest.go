// Package tokentest issues JSON Web Tokens for tests, with the standard library alone.
package tokentest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"testing"
	"time"
)

// Name and Audience are the claims iss and aud of tokens that say nothing else.
const (
	Name     = "https://issuer.example"
	Audience = "kafka"
)

// Issuer signs tokens with RS256.
type Issuer struct {
	t   testing.TB
	id  string // of the key
	key *rsa.PrivateKey
}

// New returns an issuer whose key has this id.
func New(t testing.TB, id string) *Issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &Issuer{t, id, key}
}

// KeySet returns the JSON Web Key Set with the keys of the issuers.
func KeySet(issuers ...*Issuer) string {
	keys := []map[string]string{}
	for _, i := range issuers {
		keys = append(keys, map[string]string{
			"kty": "RSA", "kid": i.id, "use": "sig", "alg": "RS256",
			"n": encode(i.key.N.Bytes()), "e": encode(big.NewInt(int64(i.key.E)).Bytes()),
		})
	}
	text, _ := json.Marshal(map[string]any{"keys": keys}) // of strings alone
	return string(text)
}

// Token returns a token for a client, which ends in ten minutes. The other claims replace those
// of a good token; nil takes a claim away.
func (i *Issuer) Token(subject string, others map[string]any) string {
	i.t.Helper()
	now := time.Now().Unix()
	claims := map[string]any{"iss": Name, "aud": Audience, "sub": subject, "iat": now, "exp": now + 600}
	maps.Copy(claims, others)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	text, err := json.Marshal(claims)
	if err != nil {
		i.t.Fatal(err)
	}
	return i.Sign(`{"alg":"RS256","typ":"JWT","kid":"`+i.id+`"}`, string(text))
}

// Sign returns the token with this header and these claims, signed with RS256 whatever the header
// says.
func (i *Issuer) Sign(header, claims string) string {
	i.t.Helper()
	signed := encode([]byte(header)) + "." + encode([]byte(claims))
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		i.t.Fatal(err)
	}
	return signed + "." + encode(signature)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
