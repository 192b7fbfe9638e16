package principal

import (
	"crypto/tls"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/internal/enum"
)

// Why a connection has no principal, for [errors.Is]. An error that wraps none of
// them comes from the mapping of a name.
var (
	ErrHandshake           = errors.New("the TLS handshake is not complete")
	ErrUnverified          = errors.New("the client certificate was not verified")
	ErrNoCertificateName   = errors.New("the client certificate does not have exactly one such name")
	ErrUnknownMechanism    = errors.New("unknown SASL mechanism")
	ErrNoKerberosRules     = errors.New("GSSAPI without Kerberos rules")
	ErrNoTokenOwner        = errors.New("not the owner of a delegation token")
	ErrNoClaim             = errors.New("the token does not hold the claim as a string that is not empty")
	ErrNoAuthorizationName = errors.New("no authorization id, or one that is not valid UTF-8")
)

// BuilderConfig says how a [Builder] names its peers. The zero BuilderConfig does
// as a Kafka broker whose configuration sets nothing, except that it refuses
// GSSAPI, which needs a realm.
type BuilderConfig struct {
	// SSLRules maps distinguished names; nil leaves them as they are.
	SSLRules *SSLRules
	// KerberosRules maps the names of GSSAPI peers; nil refuses GSSAPI.
	KerberosRules *KerberosRules
	// CertificateName is what of a client certificate is its name. Kafka has only
	// the zero value, the subject.
	CertificateName CertificateName
	// VerifiedElsewhere says that the caller has verified client certificates itself,
	// in a VerifyConnection for example. Otherwise a certificate that crypto/tls has not
	// verified against ClientCAs is refused.
	VerifiedElsewhere bool
	// TokenClaim is a JSON pointer (RFC 6901), such as "/sub", to the claim of an OIDC
	// token that is the name, for [Builder.Claims]. Kafka has no such thing here. The
	// empty string refuses all tokens.
	TokenClaim string
}

// Builder names the peer of an authenticated connection, for every kind of
// listener. Kafka's own names are of type "User"; so are all others that it makes.
//
// Builder is immutable once built. It is safe for concurrent use by any number of
// goroutines. The zero Builder is that of the zero [BuilderConfig].
//
// Source: Kafka's DefaultKafkaPrincipalBuilder, SaslServerAuthenticator.
type Builder struct {
	config BuilderConfig
	claim  []string // the parts of TokenClaim
}

// NewBuilder returns a Builder. A pointer or a kind of certificate name that is not
// known is an error.
func NewBuilder(config BuilderConfig) (*Builder, error) {
	if !config.CertificateName.known() {
		return nil, fmt.Errorf("certificate name %v: expected one of %v", config.CertificateName, certificateNames)
	}
	claim, err := parsePointer(config.TokenClaim)
	if err != nil {
		return nil, err
	}
	return &Builder{config: config, claim: claim}, nil
}

// Plaintext returns the principal of a peer that nothing is known of: [Anonymous].
func (b *Builder) Plaintext() Principal { return Anonymous }

// TLS returns the principal of a TLS connection without SASL: [Anonymous] without a
// client certificate, else what its name is mapped to. A nil state, a handshake that
// is not complete, a certificate that was not verified and a name that has no
// principal are errors with the zero Principal, never Anonymous.
func (b *Builder) TLS(state *tls.ConnectionState) (Principal, error) {
	if state == nil || !state.HandshakeComplete {
		return Principal{}, ErrHandshake
	}
	if len(state.PeerCertificates) == 0 {
		return Anonymous, nil
	}
	if len(state.VerifiedChains) == 0 && !b.config.VerifiedElsewhere {
		return Principal{}, ErrUnverified
	}
	return b.certificate(state.PeerCertificates[0])
}

// saslMechanisms are the mechanisms of Kafka, and whether the authorization id is a
// Kerberos name.
var saslMechanisms = map[string]bool{
	"PLAIN": false, "SCRAM-SHA-256": false, "SCRAM-SHA-512": false, "OAUTHBEARER": false, "GSSAPI": true,
}

// SASL returns the principal of a peer that authenticated itself by a SASL mechanism
// with an authorization id, over whatever transport: the id itself, or for GSSAPI
// the short name that the Kerberos rules make of it. Mechanisms that Kafka does not
// bring are errors, and so is an id that is empty or not valid UTF-8.
//
// A delegation token is SCRAM too; [Builder.Token] is for those.
func (b *Builder) SASL(mechanism, authorizationID string) (Principal, error) {
	kerberos, known := saslMechanisms[mechanism]
	switch {
	case !known:
		return Principal{}, fmt.Errorf("%w %s", ErrUnknownMechanism, enum.Quote(mechanism))
	case authorizationID == "" || !utf8.ValidString(authorizationID):
		return Principal{}, ErrNoAuthorizationName
	case !kerberos:
		return User(authorizationID), nil
	case b.config.KerberosRules == nil:
		return Principal{}, ErrNoKerberosRules
	}
	name, err := b.config.KerberosRules.ShortName(authorizationID)
	if err != nil {
		return Principal{}, err
	}
	return User(name), nil
}

// Token returns the principal of a peer that authenticated itself with a delegation
// token: the owner of the token, flagged as authenticated by one. The owner is what
// the token's record says, not what the peer says. An owner without a name, and one
// of another type than User, whom Kafka would take for the user of that name, are
// errors.
//
// Source: KIP-48; Kafka's ScramSaslServer and SaslServerAuthenticator.
func (b *Builder) Token(owner Principal) (Principal, error) {
	if owner.Type != UserType || owner.Name == "" {
		return Principal{}, fmt.Errorf("%w: %s", ErrNoTokenOwner, enum.Quote(owner.String()))
	}
	owner.TokenAuthenticated = true
	return owner, nil
}
