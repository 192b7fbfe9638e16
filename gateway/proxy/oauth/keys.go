package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// maxKeySetBytes is the size of the largest key set. One key with a chain of certificates has
// about 8 KiB, and an issuer has a handful of keys.
const maxKeySetBytes = 1 << 20

// Bounds of RSA keys, in bits. Less is not safe, as in Kafka; a signature of the largest takes a
// millisecond to check.
//
// Source: RFC 7518, 3.3 and 3.5.
const minRSABits, maxRSABits = 2048, 16384

// keySet are the keys that verify tokens, in the order of the set. It is immutable once built.
type keySet []publicKey

type publicKey struct {
	id, algorithm string // as in the set; "" if it does not say so
	kind          string // the first letters of the algorithms that use it: see kindOf
	key           crypto.PublicKey
}

// parseKeySet reads a JSON Web Key Set. Keys that cannot verify signatures here are left out,
// such as shared secrets, keys for encryption and keys of unknown kinds. A set without any
// other key is an error. Errors contain nothing of the set.
//
// Source: RFC 7517, section 5; jose4j's JsonWebKeySet.
func parseKeySet(text []byte) (keySet, error) {
	if len(text) > maxKeySetBytes {
		return nil, fmt.Errorf("a key set of %d bytes: expected at most %d", len(text), maxKeySetBytes)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil || set.Keys == nil {
		return nil, errors.New("the keys are not a JSON Web Key Set: expected an object with the list keys")
	}
	var found keySet
	for _, text := range set.Keys {
		if key, ok := parseKey(text); ok {
			found = append(found, key)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("none of the %d keys of the key set can verify a signature: expected a key of RSA (2048 bits or more), EC (P-256, P-384, P-521) or Ed25519", len(set.Keys))
	}
	return found, nil
}

// parseKey reads one key, and reports whether it can verify signatures here.
func parseKey(text []byte) (publicKey, bool) {
	var parsed jose.JSONWebKey
	var purpose struct {
		Use        string   `json:"use"`
		Operations []string `json:"key_ops"`
	}
	if json.Unmarshal(text, &parsed) != nil || json.Unmarshal(text, &purpose) != nil {
		return publicKey{}, false
	}
	if purpose.Use != "" && purpose.Use != "sig" || purpose.Operations != nil && !slices.Contains(purpose.Operations, "verify") {
		return publicKey{}, false
	}
	key := publicKey{id: parsed.KeyID, algorithm: parsed.Algorithm}
	switch public := parsed.Public().Key.(type) { // a set may have private keys, which nothing here needs
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return publicKey{}, false
		}
		key.kind, key.key = "RSA", public
	case *ecdsa.PublicKey:
		key.kind, key.key = public.Curve.Params().Name, public
	case ed25519.PublicKey:
		key.kind, key.key = "Ed25519", public
	default:
		return publicKey{}, false
	}
	return key, true
}

// kindOf returns the kind of keys that an algorithm uses.
func kindOf(algorithm string) string {
	switch algorithm {
	case "ES256":
		return "P-256"
	case "ES384":
		return "P-384"
	case "ES512":
		return "P-521"
	case "EdDSA":
		return "Ed25519"
	default:
		return "RSA"
	}
}

// find returns the key for a token with this header, or nil. If there are several, the first
// counts, before others those that are not for another algorithm.
//
// Source: jose4j's VerificationJwkSelector.
func (s keySet) find(header jose.Header) crypto.PublicKey {
	var first crypto.PublicKey
	matches := 0
	for _, k := range s {
		if k.kind != kindOf(header.Algorithm) || header.KeyID != "" && k.id != header.KeyID {
			continue
		}
		if matches++; matches == 1 {
			first = k.key
		}
	}
	if matches < 2 {
		return first
	}
	for _, k := range s {
		if k.kind == kindOf(header.Algorithm) && (header.KeyID == "" || k.id == header.KeyID) && (k.algorithm == "" || k.algorithm == header.Algorithm) {
			return k.key
		}
	}
	return nil
}

// unknownKey returns the error for a token of a key that is not in the set.
func unknownKey(header jose.Header) error {
	if header.KeyID == "" {
		return fmt.Errorf("no key for %s, and the token names none", header.Algorithm)
	}
	return fmt.Errorf("no key %s for %s", enum.Quote(header.KeyID), strings.ToUpper(header.Algorithm))
}
