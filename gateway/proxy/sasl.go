package proxy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
)

// Protocol names of the SASL mechanisms that a listener can offer.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	GSSAPI      = "GSSAPI"
	OAuthBearer = "OAUTHBEARER"
)

// allMechanisms are all of them.
const allMechanisms = Plain + ", " + ScramSHA256 + ", " + ScramSHA512 + ", " + GSSAPI + ", " + OAuthBearer

// SASL configures how the clients of a listener log in. The zero SASL has no mechanism,
// which is an error.
type SASL struct {
	// Mechanisms are the offered mechanisms: any of Plain, ScramSHA256, ScramSHA512, GSSAPI
	// and OAuthBearer.
	Mechanisms []string
	// Users has the password of each user, for Plain, ScramSHA256 and ScramSHA512.
	Users map[string]string
	// Credentials has the SCRAM credentials of users whose passwords are not known here,
	// at most one for a mechanism. These users cannot log in with PLAIN, and are not
	// in Users.
	Credentials map[string][]ScramCredential
	// SaltSecret is what the salts of SCRAM are made of, for users with a password and for
	// names that are no user's: at least 32 random bytes. If it is nil, Listen draws one. Then
	// a client that asks for the salt of a name before and after a restart, or at two proxies,
	// learns whether the name has Credentials, whose salts are the same. So set it if there are
	// Credentials, to the same value for all proxies of a cluster, and keep it: a change of it
	// shows the same.
	SaltSecret []byte
	// Kerberos configures GSSAPI.
	Kerberos *Kerberos
	// OAuth verifies the tokens of OAuthBearer. [Proxy.Reconfigure] may replace it.
	OAuth TokenVerifier
	// MaxSession limits the duration of a session, like Kafka's
	// connections.max.reauth.ms. If a client has not logged in again on the connection
	// by then, its next request closes the connection. 0 means no limit. A session that
	// began with a token also ends with the token.
	MaxSession time.Duration
	// MaxReceive limits the requests of a login, in bytes, like Kafka's
	// sasl.server.max.receive.size: a client that is not logged in and sends a larger one is
	// disconnected, and a later login with a larger message fails. 0 means 524,288, which is also
	// the most: no mechanism here takes larger messages.
	MaxReceive int
}

// maxReceive returns the limit of the requests of a login.
func (s *SASL) maxReceive() int {
	if s == nil || s.MaxReceive == 0 {
		return relay.MaxLoginFrameBytes
	}
	return s.MaxReceive
}

// login is the login of one client with one mechanism. It is used by one goroutine.
type login interface {
	// step processes a message of the client and returns the answer. When done is true,
	// the client is authenticated as peer. An error ends the login; its text is only
	// for the log. With a *refusedToken the answer is sent first. ctx is done when the
	// connection ends.
	step(ctx context.Context, message []byte) (answer []byte, done bool, err error)
	// peer returns the identity of the client.
	peer(names *principal.Builder) (identity, error)
}

// mechanism starts logins.
type mechanism func() login

// mechanisms validates s and returns its mechanisms by name. The salts of SCRAM are made with
// secret. If tokens is not nil, clients log in with SCRAM and delegation tokens too.
func (s *SASL) mechanisms(secret []byte, tokens tokenLookup) (map[string]mechanism, error) {
	if len(s.Mechanisms) == 0 {
		return nil, errors.New("SASL has no mechanism: expected some of " + allMechanisms)
	}
	for user, password := range s.Users {
		if user == "" || password == "" || !utf8.ValidString(user) {
			return nil, fmt.Errorf("user %s: expected a name in UTF-8 and a password, neither of them empty", lines.Name(user))
		}
	}
	if err := s.validateCredentials(); err != nil {
		return nil, err
	}
	if s.SaltSecret != nil && len(s.SaltSecret) < minSaltSecret {
		return nil, fmt.Errorf("a secret for salts of %d bytes: expected at least %d", len(s.SaltSecret), minSaltSecret)
	}
	if s.MaxReceive < 0 || s.MaxReceive > relay.MaxLoginFrameBytes {
		return nil, fmt.Errorf("a limit of %d bytes for the requests of a login: expected 1 to %d", s.MaxReceive, relay.MaxLoginFrameBytes)
	}
	found := map[string]mechanism{}
	for _, name := range s.Mechanisms {
		var m mechanism
		var err error
		switch name {
		case Plain:
			m = func() login { return &plainLogin{users: s.Users} }
		case ScramSHA256, ScramSHA512:
			m, err = newSCRAM(name, s, secret, tokens)
		case GSSAPI:
			m, err = s.Kerberos.mechanism()
		case OAuthBearer:
			m, err = newOAuth(s.OAuth)
		default:
			err = errors.New("unknown mechanism")
		}
		if err != nil {
			return nil, fmt.Errorf("SASL mechanism %s: %w", lines.Name(name), err)
		}
		found[name] = m
	}
	needsUsers := func(mechanism string) bool {
		return mechanism == Plain || tokens == nil && scramHashes[mechanism] != nil
	}
	if len(s.Users)+len(s.Credentials) == 0 && slices.ContainsFunc(s.Mechanisms, needsUsers) {
		return nil, errors.New("SASL has no users: expected at least one")
	}
	return found, nil
}

// validateCredentials returns an error for a user with invalid or contradictory
// credentials, or with none that a mechanism of s takes.
func (s *SASL) validateCredentials() error {
	for _, user := range slices.Sorted(maps.Keys(s.Credentials)) {
		if _, twice := s.Users[user]; twice || user == "" || !utf8.ValidString(user) {
			return fmt.Errorf("user %s: expected a name in UTF-8, and either a password or credentials", lines.Name(user))
		}
		seen := map[string]bool{}
		usable := false
		for _, c := range s.Credentials[user] {
			if err := c.Validate(); err != nil {
				return fmt.Errorf("user %s: %w", lines.Name(user), err)
			}
			if seen[c.Mechanism] {
				return fmt.Errorf("user %s: two credentials for %s", lines.Name(user), c.Mechanism)
			}
			seen[c.Mechanism] = true
			usable = usable || slices.Contains(s.Mechanisms, c.Mechanism)
		}
		if !usable {
			return fmt.Errorf("user %s: no credentials for %s", lines.Name(user), strings.Join(s.Mechanisms, ", "))
		}
	}
	return nil
}

// errCredentials is the only error for a wrong user, a wrong password, and a user who
// wants to act as another one.
var errCredentials = errors.New("invalid credentials")

// plainLogin implements RFC 4616: authorization id, user and password in one message.
type plainLogin struct {
	users map[string]string
	user  string
}

func (l *plainLogin) peer(names *principal.Builder) (identity, error) {
	who, err := names.SASL(Plain, l.user)
	return identity{principal: who}, err
}

func (l *plainLogin) step(_ context.Context, message []byte) (answer []byte, done bool, err error) {
	parts := bytes.SplitN(message, []byte{0}, 4)
	if len(parts) != 3 {
		return nil, false, errors.New("PLAIN: expected authorization id, user and password with NUL between")
	}
	user := string(parts[1])
	password, known := l.users[user]
	// Hashed, so that the timing does not reveal the length either.
	want, got := sha256.Sum256([]byte(password)), sha256.Sum256(parts[2])
	id := string(parts[0])
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 || !known || id != "" && id != user {
		return nil, false, fmt.Errorf("user %s: %w", lines.Name(user), errCredentials)
	}
	l.user = user
	return nil, true, nil
}
