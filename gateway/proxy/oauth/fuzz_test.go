package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// FuzzToken: whatever a token is, it is refused unless it is one of the rows that are accepted,
// since nobody else has the keys.
func FuzzToken(f *testing.F) {
	v, err := New(config(f, keySets(f)["all"], usualSettings(nil)))
	if err != nil {
		f.Fatal(err)
	}
	accepted := map[string]bool{}
	for _, row := range tokenRows(f) {
		if _, err := v.VerifyToken(context.Background(), row.token); err == nil {
			accepted[row.token] = true
		}
		f.Add(row.token)
	}
	if len(accepted) < 30 {
		f.Fatalf("%d of the rows are accepted", len(accepted))
	}
	f.Fuzz(func(t *testing.T, token string) {
		owner, err := v.VerifyToken(context.Background(), token)
		if (err == nil) != (owner.Name != "") {
			t.Fatalf("%+v with %v", owner, err)
		}
		if err == nil && !accepted[token] {
			t.Fatalf("%+v by a token that nobody has signed", owner)
		}
	})
}

// FuzzKeySet: a key set that is read has keys that can be used, and no others.
func FuzzKeySet(f *testing.F) {
	for _, set := range keySets(f) {
		f.Add(set)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := parseKeySet(text)
		if (err == nil) != (len(set) > 0) {
			t.Fatalf("%d keys with %v", len(set), err)
		}
		for _, algorithm := range algorithms {
			if key := set.find(jose.Header{Algorithm: string(algorithm)}); key != nil && !usable(key) {
				t.Fatalf("%T for %s", key, algorithm)
			}
		}
	})
}

// usable reports whether a key is a public one of a kind that is accepted.
func usable(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSABits && key.N.BitLen() <= maxRSABits
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P256() || key.Curve == elliptic.P384() || key.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return len(key) == ed25519.PublicKeySize
	}
	return false
}
