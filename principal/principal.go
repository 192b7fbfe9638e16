// Package principal names who is asking: the [Principal] that Kafka's ACLs are
// written for.
//
// A [Builder] names the peer of a connection that has just been authenticated. What
// it is made of can be used alone: [DistinguishedName] prints the subject of a
// certificate, [SSLRules] and [KerberosRules] map names by the rules of a broker's
// configuration, and [ParseWire] reads the principal of a forwarded request.
//
// The package is a leaf: it imports nothing of this module's other public
// packages. Its values are plain data and safe for concurrent use.
package principal

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// UserType is the type of the principals that Kafka's own builder makes.
const UserType = "User"

// Wildcard is the text of the principal in an ACL that applies to every
// principal, whatever its type. No other text is a wildcard: "Group:*",
// "user:*" and "*:*" each name one principal.
const Wildcard = "User:*"

// Anonymous is who a client is that has not authenticated itself.
var Anonymous = Principal{Type: UserType, Name: "ANONYMOUS"}

// Principal is an authenticated identity: a type and a name, compared byte by
// byte, case sensitive, with no normalisation. The zero Principal is nobody:
// package snapshot allows it nothing.
//
// Source: Kafka's KafkaPrincipal.
type Principal struct {
	Type string
	Name string
	// TokenAuthenticated says that the identity was proved by a delegation token.
	// It is no part of the identity: [Principal.Equal] and ACLs ignore it. Kafka
	// refuses requests about delegation tokens from such principals.
	TokenAuthenticated bool
}

// User returns the principal "User:name".
func User(name string) Principal { return Principal{Type: UserType, Name: name} }

// Parse reads "Type:name". The type ends at the first colon, so that the name may
// hold colons; either may be empty; nothing is trimmed. Text without a colon is
// an error. On error the result is the zero Principal.
//
// Source: Kafka's SecurityUtils.parseKafkaPrincipal.
func Parse(s string) (Principal, error) {
	typ, name, ok := strings.Cut(s, ":")
	if !ok {
		return Principal{}, fmt.Errorf("principal %s has no colon: expected Type:name, such as %s",
			enum.Quote(s), enum.Quote(UserType+":"+s))
	}
	return Principal{Type: typ, Name: name}, nil
}

// ParseList reads Kafka's super.users: principals separated by semicolons, each
// trimmed of what Java's String.trim removes (every character up to U+0020),
// empty ones left out. Commas and further colons belong to the names; a
// semicolon cannot be part of one. An entry without a colon refuses the whole
// list. The result is in the order given, repeated entries included.
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

// Equal reports whether p and q are the same identity: type and name, without
// regard to how it was proved.
func (p Principal) Equal(q Principal) bool { return p.Type == q.Type && p.Name == q.Name }

// IsZero reports whether p is the zero Principal, who is nobody.
func (p Principal) IsZero() bool { return p.Type == "" && p.Name == "" }

// String returns "Type:name". What it prints, [Parse] reads back as an equal
// principal, unless the type holds a colon.
func (p Principal) String() string { return p.Type + ":" + p.Name }

// MarshalText returns the text of [Principal.String]. A type that holds a colon
// is an error, because the text would name another principal.
func (p Principal) MarshalText() ([]byte, error) {
	if strings.Contains(p.Type, ":") {
		return nil, fmt.Errorf("principal type %s holds a colon: its text would name another principal", enum.Quote(p.Type))
	}
	return []byte(p.String()), nil
}

// UnmarshalText sets p to the principal that text names, as [Parse] reads it. On
// error p is unchanged.
func (p *Principal) UnmarshalText(text []byte) error {
	v, err := Parse(string(text))
	if err == nil {
		*p = v
	}
	return err
}
