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

// failedLoginDelay is when a failed login is answered, counted from its request, so that
// guessing takes time, and the time tells nothing.
//
// Source: Kafka's connection.failed.authentication.delay.ms.
const failedLoginDelay = 100 * time.Millisecond

// loginState is what a SASL listener expects next of a connection.
type loginState uint8

const (
	expectsHandshake loginState = iota // or ApiVersions
	expectsRequest                     // SaslAuthenticate, after a handshake of version 1
	expectsToken                       // a bare token, after a handshake of version 0
	loggedIn
)

// loginFlow is how the client of a connection logs in, and logs in again, on a SASL
// listener. It is used by the goroutine that reads the connection.
//
// Source: Kafka's SaslServerAuthenticator; KIP-43, KIP-152, KIP-368.
type loginFlow struct {
	listener  *listener
	state     loginState
	mechanism string // of the login under way, or of the last
	login     login
	rounds    int
	who       identity  // once somebody was logged in
	expires   time.Time // of the session; zero for never
}

// identity is who a client is.
type identity struct {
	principal principal.Principal
	groups    []principal.Principal
}

// errLogin ends a connection after its answer: the login failed.
type errLogin struct{ cause error }

func (e *errLogin) Error() string { return "login failed: " + e.cause.Error() }
func (e *errLogin) Unwrap() error { return e.cause }

// handshake answers a SaslHandshake. The error, if any, ends the connection once the
// answer is sent.
func (f *loginFlow) handshake(r *kmsg.SASLHandshakeRequest) (kmsg.Response, error) {
	response := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
	response.SupportedMechanisms = slices.Sorted(maps.Keys(f.listener.mechanisms))
	// Without SASL nobody is who. With it, a login that is under way anew has left
	// loggedIn, and what was true of its first handshake is true of the next.
	again := f.state == loggedIn || !f.who.principal.IsZero()
	switch begin, ok := f.listener.mechanisms[r.Mechanism]; {
	case again && (f.expires.IsZero() || r.Version == 0):
		// Where sessions do not end, which is always so without SASL, Kafka takes this
		// for a request like others, and has no such state. To log in again needs
		// version 1.
		response.ErrorCode = kerr.IllegalSaslState.Code
		return response, nil
	case !ok:
		response.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		return response, &errLogin{fmt.Errorf("SASL mechanism %s is not offered", printable(r.Mechanism))}
	case again && r.Mechanism != f.mechanism:
		response.ErrorCode = kerr.IllegalSaslState.Code
		return response, &errLogin{errors.New("another SASL mechanism than that of the first login")}
	default:
		f.mechanism, f.login, f.rounds = r.Mechanism, begin(), 0
		f.state = expectsRequest
		if r.Version == 0 {
			f.state = expectsToken
		}
		return response, nil
	}
}

// authenticate answers a SaslAuthenticate. The error, if any, ends the connection once
// the answer is sent.
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
		// What was wrong is for the log: whoever guesses must not learn it.
		response.ErrorMessage = kmsg.StringPtr("Authentication failed: invalid credentials with SASL mechanism " + f.mechanism)
		return response, err
	}
	response.SASLAuthBytes = answer
	if f.state == loggedIn && !f.expires.IsZero() {
		response.SessionLifetimeMillis = f.listener.SASL.MaxSession.Milliseconds()
	}
	return response, nil
}

// token takes a message of the mechanism and returns what to answer. If it was the
// last, the client is logged in. The error is an *errLogin.
func (f *loginFlow) token(message []byte) ([]byte, error) {
	if f.rounds++; f.rounds > maxLoginRounds {
		return nil, &errLogin{errors.New("it does not come to an end")}
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
// session. To log in again is always possible.
func (f *loginFlow) expired(h gateway.Header) bool {
	return !f.expires.IsZero() && h.Key != ops.SASLHandshakeKey && h.Key != ops.SASLAuthenticateKey && time.Now().After(f.expires)
}

// unsecured names the client of a listener without SASL.
func (l *listener) unsecured(state *tls.ConnectionState) (identity, error) {
	if state == nil {
		return identity{principal: l.principals.Plaintext()}, nil
	}
	who, err := l.principals.TLS(state)
	return identity{principal: who}, err
}
