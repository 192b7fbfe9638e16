package proxy

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/principal"
)

// Protocol names of the SASL mechanisms that a listener can offer.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	GSSAPI      = "GSSAPI"
)

// SASL configures how the clients of a listener log in. The zero SASL has no mechanism,
// which is an error.
type SASL struct {
	// Mechanisms are the offered mechanisms: any of Plain, ScramSHA256, ScramSHA512 and
	// GSSAPI.
	Mechanisms []string
	// Users has the password of each user, for all mechanisms except GSSAPI.
	Users map[string]string
	// Kerberos configures GSSAPI.
	Kerberos *Kerberos
	// MaxSession limits the duration of a session, like Kafka's
	// connections.max.reauth.ms. If a client has not logged in again on the connection
	// by then, its next request closes the connection. 0 means no limit.
	MaxSession time.Duration
}

// login is the login of one client with one mechanism. It is used by one goroutine.
type login interface {
	// step processes a message of the client and returns the answer. When done is true,
	// the client is authenticated as peer. An error ends the login; its text is only
	// for the log.
	step(message []byte) (answer []byte, done bool, err error)
	// peer returns the identity of the client.
	peer(names *principal.Builder) (identity, error)
}

// mechanism starts logins.
type mechanism func() login

// mechanisms validates s and returns its mechanisms by name.
func (s *SASL) mechanisms() (map[string]mechanism, error) {
	if len(s.Mechanisms) == 0 {
		return nil, errors.New("SASL has no mechanism: expected some of " + strings.Join([]string{Plain, ScramSHA256, ScramSHA512, GSSAPI}, ", "))
	}
	for user, password := range s.Users {
		if user == "" || password == "" || !utf8.ValidString(user) {
			return nil, fmt.Errorf("user %s: expected a name in UTF-8 and a password, neither of them empty", printable(user))
		}
	}
	found := map[string]mechanism{}
	for _, name := range s.Mechanisms {
		var m mechanism
		var err error
		switch name {
		case Plain:
			m = func() login { return &plainLogin{users: s.Users} }
		case ScramSHA256:
			m, err = newSCRAM(name, sha256.New, s.Users)
		case ScramSHA512:
			m, err = newSCRAM(name, sha512.New, s.Users)
		case GSSAPI:
			m, err = s.Kerberos.mechanism()
		default:
			err = errors.New("unknown mechanism")
		}
		if err != nil {
			return nil, fmt.Errorf("SASL mechanism %s: %w", printable(name), err)
		}
		found[name] = m
	}
	if len(s.Users) == 0 && !slices.Equal(s.Mechanisms, []string{GSSAPI}) {
		return nil, errors.New("SASL has no users: expected at least one")
	}
	return found, nil
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

func (l *plainLogin) step(message []byte) (answer []byte, done bool, err error) {
	parts := bytes.Split(message, []byte{0})
	if len(parts) != 3 {
		return nil, false, errors.New("PLAIN: expected authorization id, user and password with NUL between")
	}
	user := string(parts[1])
	password, known := l.users[user]
	// Hashed, so that the timing does not reveal the length either.
	want, got := sha256.Sum256([]byte(password)), sha256.Sum256(parts[2])
	id := string(parts[0])
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 || !known || id != "" && id != user {
		return nil, false, fmt.Errorf("user %s: %w", printable(user), errCredentials)
	}
	l.user = user
	return nil, true, nil
}
