package principal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Limits for claims. A token must fit into a SASL message.
const (
	maxClaimsLength = 1 << 18
	maxPointerParts = 16
)

// Claims returns the principal for the claims of an OIDC token, a JSON object. Use it
// instead of the authorization id of OAUTHBEARER. The caller must have verified the
// token: signature, issuer, audience and time. The claim that
// [BuilderConfig.TokenClaim] points to must be a non-empty string.
//
// Everything else is an error with the zero Principal: a missing claim, a claim of
// another type, a duplicate member on the path to the claim (parsers disagree on which
// one counts), text after the object, malformed UTF-8, and more than 256 KiB. The time
// is linear in the length.
func (b *Builder) Claims(claims []byte) (Principal, error) {
	if len(b.claim) == 0 || len(claims) > maxClaimsLength || !utf8.Valid(claims) || !json.Valid(claims) {
		return Principal{}, errNoClaim
	}
	value := json.RawMessage(claims)
	for _, part := range b.claim {
		var err error
		if value, err = member(value, part); err != nil {
			return Principal{}, fmt.Errorf("%w: at %s: %w", errNoClaim, enum.Quote(part), err)
		}
	}
	var name *string
	if err := json.Unmarshal(value, &name); err != nil || name == nil || *name == "" {
		return Principal{}, errNoClaim
	}
	// encoding/json replaces half of an escaped surrogate pair by U+FFFD, which makes
	// it another name.
	if strings.ContainsRune(*name, utf8.RuneError) {
		return Principal{}, fmt.Errorf("%w: it holds U+FFFD", errNoClaim)
	}
	return User(*name), nil
}

// member returns the member of an object, or the element of an array, that one part of
// a pointer refers to.
func member(value json.RawMessage, part string) (json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	open, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	var found json.RawMessage
	for i := 0; (open == json.Delim('{') || open == json.Delim('[')) && decoder.More(); i++ {
		key := any(strconv.Itoa(i))
		if open == json.Delim('{') {
			if key, err = decoder.Token(); err != nil {
				return nil, err
			}
		}
		var element json.RawMessage
		if err := decoder.Decode(&element); err != nil {
			return nil, err
		}
		if key == part {
			if found != nil {
				return nil, fmt.Errorf("it occurs twice")
			}
			found = element
		}
	}
	if found == nil {
		return nil, fmt.Errorf("it is missing")
	}
	return found, nil
}

// parsePointer splits a JSON pointer into its parts. The empty pointer has none.
//
// Source: RFC 6901.
func parsePointer(pointer string) ([]string, error) {
	if pointer == "" {
		return nil, nil
	}
	fault := func(offset int, msg string) ([]string, error) {
		return nil, fmt.Errorf("JSON pointer %s, at offset %d: %s", enum.Quote(pointer), offset, msg)
	}
	if pointer[0] != '/' {
		return fault(0, "it must begin with /, as in /sub")
	}
	parts := strings.Split(pointer[1:], "/")
	if len(parts) > maxPointerParts {
		return fault(0, fmt.Sprintf("more than %d parts", maxPointerParts))
	}
	for i := range len(pointer) {
		if pointer[i] == '~' && (i+1 == len(pointer) || pointer[i+1] != '0' && pointer[i+1] != '1') {
			return fault(i, "~ must be followed by 0 or 1: ~0 is ~ and ~1 is /")
		}
	}
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return parts, nil
}
