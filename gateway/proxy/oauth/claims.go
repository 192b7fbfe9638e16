package oauth

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// maxTime is the latest time that a claim may have, the end of the year 9999 in seconds since
// 1970. Later ones cannot be printed, and their difference to now overflows.
const maxTime = 253402300799

// claims are the claims of a verified token.
type claims map[string]any

// owner checks the claims of a verified token.
//
// Source: Kafka's BrokerJwtValidator and ClaimValidationUtils; jose4j's JwtConsumer.
func (v *Verifier) owner(payload []byte, now time.Time) (proxy.TokenOwner, error) {
	var c claims
	decoder := json.NewDecoder(bytes.NewReader(payload)) // which refuses repeated members
	decoder.SetNumberType(json.UnmarshalJSONNumber)
	if err := decoder.Decode(&c); err != nil || c == nil || decoder.More() {
		return proxy.TokenOwner{}, errors.New("the claims are not a JSON object")
	}
	for _, name := range []string{"iss", "sub", "jti"} {
		if value, ok := c[name]; ok {
			if _, isText := value.(string); !isText && value != nil {
				return proxy.TokenOwner{}, fmt.Errorf("claim %s: expected a string", name)
			}
		}
	}
	if v.config.Issuer != "" && c["iss"] != v.config.Issuer {
		return proxy.TokenOwner{}, errors.New("claim iss: another issuer")
	}
	if len(v.config.Audiences) > 0 {
		if err := c.checkAudience(v.config.Audiences); err != nil {
			return proxy.TokenOwner{}, err
		}
	}
	expires, err := c.checkTimes(now.Unix(), int64(v.config.ClockSkew/time.Second))
	if err != nil {
		return proxy.TokenOwner{}, err
	}
	if err := c.checkScope(v.config.ScopeClaim); err != nil {
		return proxy.TokenOwner{}, err
	}
	name, _ := c[v.config.SubjectClaim].(string)
	// The decoder puts U+FFFD in the place of half a character, which makes it another name.
	if name = trim(name); name == "" || strings.ContainsRune(name, utf8.RuneError) {
		return proxy.TokenOwner{}, errors.New("the claim of the subject: expected a name in Unicode")
	}
	groups, err := c.groups(v.config.GroupsClaim, v.config.GroupsOptional)
	if err != nil {
		return proxy.TokenOwner{}, err
	}
	return proxy.TokenOwner{Name: name, Expires: time.Unix(expires, 0), Groups: groups}, nil
}

// groups returns the names of groups in a claim. That they are names is checked where they are
// used.
func (c claims) groups(claim string, optional bool) ([]string, error) {
	if claim == "" {
		return nil, nil
	}
	// Microsoft Entra ID leaves the list out beyond 200 groups, and says so.
	elsewhere, _ := c["_claim_names"].(map[string]any)
	_, overage := elsewhere[claim]
	if _, has := c["hasgroups"]; has || overage {
		return nil, errors.New("the claim of the groups: the token has too many to list them")
	}
	value, found := c.find(claim)
	if text, ok := value.(string); ok {
		if strings.Contains(text, ",") {
			return nil, errors.New("the claim of the groups: expected a list, found one text with commas")
		}
		value = []any{text}
	}
	if value, ok := value.([]any); ok {
		names := make([]string, len(value))
		for i, element := range value {
			text, ok := element.(string)
			// The decoder puts U+FFFD in the place of half a character, which makes it another name.
			if !ok || text == "" || strings.ContainsRune(text, utf8.RuneError) {
				return nil, errors.New("the claim of the groups: expected texts")
			}
			names[i] = text
		}
		return names, nil
	}
	if !found && optional {
		return nil, nil
	}
	return nil, errors.New("the claim of the groups: expected a list of texts")
}

// find returns the value of a claim, which may be a JSON pointer, and whether it is there.
func (c claims) find(claim string) (value any, found bool) {
	pointer, isPointer := strings.CutPrefix(claim, "/")
	if !isPointer {
		value, found = c[claim]
		return value, found
	}
	value = map[string]any(c)
	for part := range strings.SplitSeq(pointer, "/") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, value != nil // something else is in the way
		}
		if value, found = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]; !found {
			return nil, false
		}
	}
	return value, found
}

// trim removes what java.lang.String.trim does.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}

// checkAudience returns an error unless one of the audiences is expected.
func (c claims) checkAudience(expected []string) error {
	var audiences []string
	switch value := c["aud"].(type) {
	case string:
		audiences = []string{value}
	case []any:
		for _, element := range value {
			text, ok := element.(string)
			if !ok {
				return errors.New("claim aud: expected strings")
			}
			audiences = append(audiences, text)
		}
	}
	if !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(expected, a) }) {
		return errors.New("claim aud: none of the expected audiences")
	}
	return nil
}

// checkTimes checks exp, iat and nbf, and returns exp. All are in seconds since 1970.
func (c claims) checkTimes(now, skew int64) (int64, error) {
	expires, hasEnd, err := c.seconds("exp")
	issued, wasIssued, issuedErr := c.seconds("iat")
	begins, hasBegin, beginsErr := c.seconds("nbf")
	if err := errors.Join(err, issuedErr, beginsErr); err != nil {
		return 0, err
	}
	switch {
	case !hasEnd:
		return 0, errors.New("claim exp is missing")
	case !wasIssued:
		return 0, errors.New("claim iat is missing")
	case now-skew >= expires:
		return 0, fmt.Errorf("claim exp: ended %d s ago", now-expires)
	case expires < issued || hasBegin && expires < begins:
		return 0, errors.New("claim exp: ended before it began")
	case hasBegin && now+skew < begins:
		return 0, fmt.Errorf("claim nbf: begins in %d s", begins-now)
	}
	return expires, nil
}

// seconds returns a claim with a time.
func (c claims) seconds(name string) (seconds int64, ok bool, err error) {
	value, ok := c[name]
	if !ok || value == nil {
		return 0, false, nil
	}
	number, ok := value.(json.Number)
	if !ok {
		return 0, false, fmt.Errorf("claim %s: expected a number", name)
	}
	// A fraction counts for nothing, as in Kafka.
	parsed, err := strconv.ParseFloat(number.String(), 64)
	if err != nil || parsed < 0 || parsed > maxTime {
		return 0, false, fmt.Errorf("claim %s: expected seconds from 0 to %d", name, int64(maxTime))
	}
	return int64(parsed), true, nil
}

// checkScope checks the form of the scopes. There may be none.
func (c claims) checkScope(name string) error {
	var scopes []any
	switch value := c[name].(type) {
	case string:
		scopes = []any{value}
	case []any:
		scopes = value
	}
	seen := map[string]bool{}
	for _, scope := range scopes {
		text, ok := scope.(string)
		text = trim(text)
		if !ok || text == "" || seen[text] {
			return errors.New("the claim of the scopes: expected strings that are not empty, each once")
		}
		seen[text] = true
	}
	return nil
}
