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

// The SASL mechanisms that a listener can offer, by their names in the protocol.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	GSSAPI      = "GSSAPI"
)

// SASL says how the clients of a listener log in. The zero SASL has no mechanism
// and is refused.
type SASL struct {
	// Mechanisms are those offered, of Plain, ScramSHA256, ScramSHA512 and GSSAPI.
	Mechanisms []string
	// Users holds the password of each user, for all mechanisms but GSSAPI.
	Users map[string]string
	// Kerberos is what GSSAPI needs.
	Kerberos *Kerberos
	// MaxSession is for how long a login holds, as Kafka's connections.max.reauth.ms:
	// a client that does not log in again on the connection until then is cut off
	// with its next request. 0 is for ever.
	MaxSession time.Duration
}

// login is one client logging in by one mechanism. It is used by one goroutine.
type login interface {
	// step takes what the client sent and returns what to answer. Once done is
	// true, the client is who peer says. An error ends the login; its text is for
	// the log only.
	step(message []byte) (answer []byte, done bool, err error)
	// peer is who that is.
	peer(names *principal.Builder) (identity, error)
}

// mechanism begins logins.
type mechanism func() login

// mechanisms checks s and returns its mechanisms by name.
func (s *SASL) mechanisms() (map[string]mechanism, error) {
	if len(s.Mechanisms) == 0 {
		return nil, errors.New("SASL without a mechanism: expected some of " + strings.Join([]string{Plain, ScramSHA256, ScramSHA512, GSSAPI}, ", "))
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
			err = errors.New("no mechanism of this proxy")
		}
		if err != nil {
			return nil, fmt.Errorf("SASL mechanism %s: %w", printable(name), err)
		}
		found[name] = m
	}
	if len(s.Users) == 0 && !slices.Equal(s.Mechanisms, []string{GSSAPI}) {
		return nil, errors.New("SASL without users: nobody could log in")
	}
	return found, nil
}

// errCredentials is the one answer to a wrong user, a wrong password and a user who
// would act for another.
var errCredentials = errors.New("invalid credentials")

// plainLogin is RFC 4616: authorization id, user and password in one message.
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
	// Hashed, so that the time tells nothing of the length either.
	want, got := sha256.Sum256([]byte(password)), sha256.Sum256(parts[2])
	id := string(parts[0])
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 || !known || id != "" && id != user {
		return nil, false, fmt.Errorf("user %s: %w", printable(user), errCredentials)
	}
	l.user = user
	return nil, true, nil
}
