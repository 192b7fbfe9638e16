package principal

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Reasons why a connection has no principal.
var (
	errHandshake           = errors.New("the TLS handshake is not complete")
	errUnverified          = errors.New("the client certificate was not verified")
	errNoCertificateName   = errors.New("the client certificate does not have exactly one such name")
	errUnknownMechanism    = errors.New("unknown SASL mechanism")
	errNoKerberosRules     = errors.New("GSSAPI without Kerberos rules")
	errNoTokenOwner        = errors.New("not the owner of a delegation token")
	errNoClaim             = errors.New("the token does not hold the claim as a string that is not empty")
	errNoAuthorizationName = errors.New("no authorization id, or one that is not valid UTF-8")
)

// BuilderConfig configures a [Builder]. The zero BuilderConfig behaves like a Kafka
// broker with default configuration, except that it refuses GSSAPI, which needs a
// realm.
type BuilderConfig struct {
	// SSLRules maps distinguished names; nil leaves them unchanged.
	SSLRules *SSLRules
	// KerberosRules maps the names of GSSAPI clients; nil refuses GSSAPI.
	KerberosRules *KerberosRules
	// CertificateName selects the name in a client certificate: "subject" (also if it is
	// empty), the distinguished name, mapped by SSLRules; or the subject alternative name
	// of the kind "dns", "uri", "spiffe" (a URI that is a SPIFFE ID) or "email". Kafka has
	// only the subject.
	CertificateName string
	// VerifiedElsewhere says that the caller verifies client certificates itself, for
	// example in VerifyConnection. Otherwise a certificate that crypto/tls has not
	// verified against ClientCAs is refused.
	VerifiedElsewhere bool
	// TokenClaim is a JSON pointer (RFC 6901), such as "/sub", to the claim of an OIDC
	// token that [Builder.Claims] uses as the name. Kafka has no such setting. The
	// empty string refuses all tokens.
	TokenClaim string
}

// Builder returns the principal of an authenticated connection. That of a connection
// without authentication is [Anonymous]. All principals are of type "User", as in Kafka.
//
// A Builder is immutable and safe for concurrent use. The zero Builder is that of the
// zero [BuilderConfig].
//
// Source: Kafka's DefaultKafkaPrincipalBuilder, SaslServerAuthenticator.
type Builder struct {
	config BuilderConfig
	claim  []string // the parts of TokenClaim
}

// certificateNames are the values of BuilderConfig.CertificateName.
var certificateNames = []string{"", "subject", "dns", "uri", "spiffe", "email"}

// NewBuilder returns a Builder. An invalid TokenClaim and an unknown CertificateName
// are errors.
func NewBuilder(config BuilderConfig) (*Builder, error) {
	if !slices.Contains(certificateNames, config.CertificateName) {
		return nil, fmt.Errorf("certificate name %s: expected one of %v", enum.Quote(config.CertificateName), certificateNames[1:])
	}
	claim, err := parsePointer(config.TokenClaim)
	if err != nil {
		return nil, err
	}
	return &Builder{config: config, claim: claim}, nil
}

// saslMechanisms are Kafka's mechanisms; the value is true if the authorization id is a
// Kerberos name.
var saslMechanisms = map[string]bool{
	"PLAIN": false, "SCRAM-SHA-256": false, "SCRAM-SHA-512": false, "OAUTHBEARER": false, "GSSAPI": true,
}

// SASL returns the principal of a client that authenticated with a SASL mechanism, over
// any transport. Its name is the authorization id or, for GSSAPI, the short name that
// the Kerberos rules make of it. A mechanism that Kafka does not implement is an error,
// and so is an id that is empty or not valid UTF-8.
//
// Delegation tokens also use SCRAM; call [Builder.Token] for those.
func (b *Builder) SASL(mechanism, authorizationID string) (Principal, error) {
	kerberos, known := saslMechanisms[mechanism]
	switch {
	case !known:
		return Principal{}, fmt.Errorf("%w %s", errUnknownMechanism, enum.Quote(mechanism))
	case authorizationID == "" || !utf8.ValidString(authorizationID):
		return Principal{}, errNoAuthorizationName
	case !kerberos:
		return User(authorizationID), nil
	case b.config.KerberosRules == nil:
		return Principal{}, errNoKerberosRules
	}
	name, err := b.config.KerberosRules.ShortName(authorizationID)
	if err != nil {
		return Principal{}, err
	}
	return User(name), nil
}

// Token returns the principal of a client that authenticated with a delegation token:
// the owner of the token, with TokenAuthenticated set. Take the owner from the token's
// record, not from the client. An owner without a name is an error. So is one of
// another type than User, because Kafka would treat it as the user of that name.
//
// Source: KIP-48; Kafka's ScramSaslServer and SaslServerAuthenticator.
func (b *Builder) Token(owner Principal) (Principal, error) {
	if owner.Type != userType || owner.Name == "" {
		return Principal{}, fmt.Errorf("%w: %s", errNoTokenOwner, enum.Quote(owner.String()))
	}
	owner.TokenAuthenticated = true
	return owner, nil
}
