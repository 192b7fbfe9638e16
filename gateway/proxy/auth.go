package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

// failedLoginDelay is the time from the request to the answer of a failed login. It
// slows down guessing, and the response time reveals nothing.
//
// Source: Kafka's connection.failed.authentication.delay.ms.
const failedLoginDelay = 100 * time.Millisecond

// loginState is what a SASL listener expects next from a client.
type loginState uint8

const (
	expectsHandshake loginState = iota // or ApiVersions
	expectsRequest                     // SaslAuthenticate, after a handshake of version 1
	expectsToken                       // a bare token, after a handshake of version 0
	loggedIn
)

// loginFlow is the login of a client on a SASL listener, including later logins on the
// same connection. Only the goroutine that reads the connection uses it.
//
// Source: Kafka's SaslServerAuthenticator; KIP-43, KIP-152, KIP-368.
type loginFlow struct {
	listener  *listener
	state     loginState
	mechanism string // of the current or the last login
	login     login
	rounds    int
	who       identity  // set after the first login
	expires   time.Time // end of the session; zero means never
}

// identity identifies an authenticated client.
type identity struct {
	principal principal.Principal
	groups    []principal.Principal
}

// errLogin ends a connection after its answer, because the login failed.
type errLogin struct{ cause error }

func (e *errLogin) Error() string { return "login failed: " + e.cause.Error() }
func (e *errLogin) Unwrap() error { return e.cause }

// handshake answers a SaslHandshake. If it returns an error, the connection ends after
// the answer is sent.
func (f *loginFlow) handshake(r *kmsg.SASLHandshakeRequest) (kmsg.Response, error) {
	response := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
	response.SupportedMechanisms = slices.Sorted(maps.Keys(f.listener.mechanisms))
	// Without SASL, who stays zero. With SASL, a new login on the connection has left
	// the state loggedIn, and the rules of its first handshake apply again.
	again := f.state == loggedIn || !f.who.principal.IsZero()
	switch begin, ok := f.listener.mechanisms[r.Mechanism]; {
	case again && (f.expires.IsZero() || r.Version == 0):
		// If sessions do not expire, as always without SASL, Kafka treats this as an
		// ordinary request, without such a state. A new login on the connection needs
		// version 1.
		response.ErrorCode = kerr.IllegalSaslState.Code
		return response, nil
	case !ok:
		response.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		return response, &errLogin{fmt.Errorf("SASL mechanism %s is not offered", printable(r.Mechanism))}
	case again && r.Mechanism != f.mechanism:
		response.ErrorCode = kerr.IllegalSaslState.Code
		return response, &errLogin{errors.New("the SASL mechanism differs from that of the first login")}
	default:
		f.mechanism, f.login, f.rounds = r.Mechanism, begin(), 0
		f.state = expectsRequest
		if r.Version == 0 {
			f.state = expectsToken
		}
		return response, nil
	}
}

// authenticate answers a SaslAuthenticate. If it returns an error, the connection ends
// after the answer is sent.
func (f *loginFlow) authenticate(r *kmsg.SASLAuthenticateRequest) (kmsg.Response, error) {
	response := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
	switch f.state {
	case expectsRequest:
	case loggedIn:
		response.ErrorCode = kerr.IllegalSaslState.Code
		response.ErrorMessage = kmsg.StringPtr("SaslAuthenticate without SaslHandshake")
		return response, nil
	default:
		return nil, errors.New("SaslAuthenticate before SaslHandshake")
	}
	began := time.Now()
	answer, err := f.token(r.SASLAuthBytes)
	if err != nil {
		time.Sleep(time.Until(began.Add(failedLoginDelay)))
		response.ErrorCode = kerr.SaslAuthenticationFailed.Code
		// The reason is only for the log: a client that guesses must not learn it.
		response.ErrorMessage = kmsg.StringPtr("Authentication failed: invalid credentials with SASL mechanism " + f.mechanism)
		return response, err
	}
	response.SASLAuthBytes = answer
	if f.state == loggedIn && !f.expires.IsZero() {
		response.SessionLifetimeMillis = f.listener.SASL.MaxSession.Milliseconds()
	}
	return response, nil
}

// token processes a message of the mechanism and returns the answer. After the last
// message the client is logged in. The error is an *errLogin.
func (f *loginFlow) token(message []byte) ([]byte, error) {
	if f.rounds++; f.rounds > maxLoginRounds {
		return nil, &errLogin{errors.New("the login takes too many messages")}
	}
	answer, done, err := f.login.step(message)
	if err != nil {
		return nil, &errLogin{err}
	}
	if !done {
		return answer, nil
	}
	who, err := f.login.peer(f.listener.principals)
	if err != nil {
		return nil, &errLogin{err}
	}
	if first := f.who.principal; !first.IsZero() && !first.Equal(who.principal) {
		return nil, &errLogin{fmt.Errorf("%s would become %s on one connection",
			printable(first.String()), printable(who.principal.String()))}
	}
	f.who, f.login, f.state = who, nil, loggedIn
	if life := f.listener.SASL.MaxSession; life > 0 {
		f.expires = time.Now().Add(life)
	}
	return answer, nil
}

// expired reports whether a request with this header comes after the end of the
// session. Requests for a new login are always accepted.
func (f *loginFlow) expired(h gateway.Header) bool {
	return !f.expires.IsZero() && h.Key != ops.SASLHandshakeKey && h.Key != ops.SASLAuthenticateKey && time.Now().After(f.expires)
}

// unsecured identifies the client of a listener without SASL.
func (l *listener) unsecured(state *tls.ConnectionState) (identity, error) {
	if state == nil {
		return identity{principal: l.principals.Plaintext()}, nil
	}
	who, err := l.principals.TLS(state)
	return identity{principal: who}, err
}
