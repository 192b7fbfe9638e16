// Package principal determines the [Principal] of an authenticated client. Kafka's ACLs
// refer to principals.
//
// A [Builder] returns the principal of a connection that has just been authenticated.
// Its parts can also be used alone: [DistinguishedName] prints the subject of a
// certificate, [SSLRules] and [KerberosRules] map names by the rules of a broker's
// configuration, and [ParseWire] parses the principal of a forwarded request.
//
// The package is a leaf: it imports none of this module's other public packages. Its
// values are plain data and safe for concurrent use.
package principal

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// userType is the type of the principals that Kafka's default builder returns.
const userType = "User"

// Wildcard is the principal of an ACL that applies to every principal of any type. No
// other text is a wildcard: "Group:*", "user:*" and "*:*" each name one principal.
const Wildcard = "User:*"

// Anonymous is the principal of an unauthenticated client.
var Anonymous = Principal{Type: userType, Name: "ANONYMOUS"}

// Principal is an authenticated identity: a type and a name. Both are compared byte by
// byte, without normalisation. Package snapshot denies everything to the zero
// Principal.
//
// Source: Kafka's KafkaPrincipal.
type Principal struct {
	Type string
	Name string
	// TokenAuthenticated says that the client authenticated with a delegation token. It
	// is not part of the identity: [Principal.Equal] and ACLs ignore it. Kafka refuses
	// requests about delegation tokens from such principals.
	TokenAuthenticated bool
}

// User returns the principal "User:name".
func User(name string) Principal { return Principal{Type: userType, Name: name} }

// Parse parses "Type:name". The type ends at the first colon; the name may contain
// colons. Either may be empty, and nothing is trimmed. Text without a colon is an
// error. On error the result is the zero Principal.
//
// Source: Kafka's SecurityUtils.parseKafkaPrincipal.
func Parse(s string) (Principal, error) {
	typ, name, ok := strings.Cut(s, ":")
	if !ok {
		return Principal{}, fmt.Errorf("principal %s has no colon: expected Type:name, such as %s",
			enum.Quote(s), enum.Quote(userType+":"+s))
	}
	return Principal{Type: typ, Name: name}, nil
}

// ParseList parses Kafka's super.users: principals separated by semicolons. Each is
// trimmed as by Java's String.trim (every character up to U+0020), and empty entries
// are skipped. Commas and further colons are part of the names; a semicolon cannot be.
// An entry without a colon is an error for the whole list. The result keeps the order
// and repeated entries.
func ParseList(s string) ([]Principal, error) {
	var list []Principal
	for part := range strings.SplitSeq(s, ";") {
		part = strings.TrimFunc(part, isJavaTrimmed)
		if part == "" {
			continue
		}
		p, err := Parse(part)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// Equal reports whether p and q have the same type and name. It ignores
// TokenAuthenticated.
func (p Principal) Equal(q Principal) bool { return p.Type == q.Type && p.Name == q.Name }

// IsZero reports whether the type and the name of p are empty.
func (p Principal) IsZero() bool { return p.Type == "" && p.Name == "" }

// String returns "Type:name". [Parse] parses it back to an equal principal, unless the
// type contains a colon.
func (p Principal) String() string { return p.Type + ":" + p.Name }

// MarshalText returns the text of [Principal.String]. A type that contains a colon is
// an error, because the text would name another principal.
func (p Principal) MarshalText() ([]byte, error) {
	if strings.Contains(p.Type, ":") {
		return nil, fmt.Errorf("principal type %s holds a colon: its text would name another principal", enum.Quote(p.Type))
	}
	return []byte(p.String()), nil
}

// UnmarshalText parses text as [Parse] does. On error p is unchanged.
func (p *Principal) UnmarshalText(text []byte) error {
	v, err := Parse(string(text))
	if err == nil {
		*p = v
	}
	return err
}
