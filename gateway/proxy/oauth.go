package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/role/groups"
)

// TokenVerifier verifies the tokens of OAUTHBEARER. The package oauth below this one has one
// for JSON Web Tokens.
type TokenVerifier interface {
	// VerifyToken returns who a token is for. It is called for each login, by clients that
	// nobody knows, from any number of goroutines: what it does, keeps and asks others must be
	// bounded. ctx is done when the connection ends. An error refuses the login. Its text goes
	// to the log, so it must not contain the token.
	VerifyToken(ctx context.Context, token string) (TokenOwner, error)
}

// TokenOwner is who a token is for. The zero TokenOwner is refused.
type TokenOwner struct {
	Name    string    // of the principal, of type User; not empty
	Expires time.Time // when the token ends; not zero
	// Groups are names of the groups that the token says that the client is in. At most
	// groups.MaxGroups; a name that is none refuses the login. They count until the token ends.
	Groups []string
}

// invalidToken is the answer to a token that is refused.
//
// Source: RFC 7628, 3.2.2; Kafka's OAuthBearerSaslServer.
const invalidToken = `{"status":"invalid_token"}`

// maxOAuthMessage is the size of the largest message of OAUTHBEARER. Servers of HTTP, which
// tokens are made for, take 8 to 32 KiB in a header. Several copies are made of a message, and
// nothing counts them.
const maxOAuthMessage = 64 << 10

// refusedToken is why a token is refused. The client gets an answer that says so, and the login
// fails with its next message.
type refusedToken struct{ cause error }

func (e *refusedToken) Error() string { return e.cause.Error() }
func (e *refusedToken) Unwrap() error { return e.cause }

func newOAuth(verifier TokenVerifier) (mechanism, error) {
	if verifier == nil {
		return nil, errors.New("expected OAuth, which verifies the tokens: a token that nobody verifies proves nothing")
	}
	return func() login { return &oauthLogin{verifier: verifier} }, nil
}

// oauthLogin implements RFC 7628: the client sends a token in one message.
type oauthLogin struct {
	verifier TokenVerifier
	owner    TokenOwner
}

func (l *oauthLogin) peer(names *principal.Builder) (identity, error) {
	who, err := names.SASL(OAuthBearer, l.owner.Name)
	if err != nil {
		return identity{}, err
	}
	in, err := groups.Sorted(l.owner.Groups)
	return identity{principal: who, groups: in, until: l.owner.Expires}, err
}

func (l *oauthLogin) step(ctx context.Context, message []byte) (answer []byte, done bool, err error) {
	if len(message) > maxOAuthMessage {
		return nil, false, fmt.Errorf("a message of %d bytes: expected at most %d", len(message), maxOAuthMessage)
	}
	id, token, err := parseOAuthMessage(string(message))
	if err != nil {
		return nil, false, err
	}
	owner, err := l.verifier.VerifyToken(ctx, token)
	if err == nil && (owner.Name == "" || owner.Expires.IsZero()) {
		err = errors.New("a token without a name or without an end")
	}
	if err != nil {
		return []byte(invalidToken), false, &refusedToken{err}
	}
	if id != "" && id != owner.Name {
		return nil, false, fmt.Errorf("user %s: %w", lines.Name(owner.Name), errCredentials)
	}
	l.owner = owner
	return nil, true, nil
}

// parseOAuthMessage reads the message of a client: the authorization id, which may be empty,
// and the token. Extensions, other keys than auth, are checked and ignored. Of a repeated key
// the last one counts, as in Kafka. Errors contain nothing of the message.
//
// Source: RFC 7628, 3.1; Kafka's OAuthBearerClientInitialResponse.
func parseOAuthMessage(message string) (id, token string, err error) {
	malformed := errors.New("the message is not one of OAUTHBEARER")
	rest, ok := strings.CutPrefix(message, "n,") // no channel binding
	header, rest, found := strings.Cut(rest, ",")
	if !ok || !found || header != "" && !isAuthorizationID(header) {
		return "", "", malformed
	}
	rest, ok = strings.CutPrefix(rest, "\x01")
	pairs, ended := strings.CutSuffix(rest, "\x01")
	if !ok || !ended {
		return "", "", malformed
	}
	auth := ""
	for pairs != "" {
		var pair string
		if pair, pairs, ok = strings.Cut(pairs, "\x01"); !ok {
			return "", "", malformed
		}
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" || strings.Trim(key, letters) != "" || value == "" || strings.ContainsFunc(value, notInValue) {
			return "", "", malformed
		}
		if key == "auth" {
			auth = value
		}
	}
	scheme, token, ok := strings.Cut(auth, " ")
	token = strings.TrimLeft(token, " ")
	bare := strings.TrimRight(token, "=")
	if !ok || !strings.EqualFold(scheme, "bearer") || bare == "" || strings.Trim(bare, letters+"0123456789-_~+/.") != "" {
		return "", "", errors.New("the message has no bearer token")
	}
	return strings.TrimPrefix(header, "a="), token, nil
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// notInValue reports whether a value must not have this character.
func notInValue(r rune) bool { return (r < ' ' || r > '~') && r != '\t' && r != '\r' && r != '\n' }

// isAuthorizationID reports whether header is a= with an authorization id. Kafka compares it as
// it is written, so that =2C and =3D are not the characters that they stand for.
//
// Source: RFC 5801, section 4 (saslname).
func isAuthorizationID(header string) bool {
	id, ok := strings.CutPrefix(header, "a=")
	plain := strings.NewReplacer("=2C", "", "=3D", "").Replace(id)
	return ok && id != "" && !strings.ContainsFunc(plain, func(r rune) bool { return r == 0 || r == '=' || r > 0x7f })
}
