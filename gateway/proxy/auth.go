package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
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
	remote    string  // address of the client
	named     bool    // the log has the name of the client
	access    *access // of the current or the last login
	state     loginState
	mechanism string // of the current or the last login
	login     login
	rounds    int
	refused   error         // why a token was refused, if the client has still to acknowledge that
	who       identity      // set after the first login
	lifetime  time.Duration // of the session, from the last login
	expires   time.Time     // end of the session; zero means never
}

// identity identifies an authenticated client.
type identity struct {
	principal principal.Principal
	groups    []principal.Principal
	until     time.Time // when the credentials of the login end; zero means never
}

// errLogin ends a connection after its answer, because the login failed.
type errLogin struct {
	cause error
	told  string // to the client; "" means a text that is the same for all causes
	mute  bool   // there is no answer: clients take the error of a login as final, and the cause may pass
}

func (e *errLogin) Error() string { return "login failed: " + e.cause.Error() }
func (e *errLogin) Unwrap() error { return e.cause }

// handshake answers a SaslHandshake. If it returns an error, the connection ends after
// the answer is sent. A login begins once: as in Kafka, the next request is SaslAuthenticate, and a login
// that fails ends the connection. So a connection cannot begin many.
func (f *loginFlow) handshake(r *kmsg.SASLHandshakeRequest) (kmsg.Response, error) {
	response := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
	now := f.listener.access.Load()
	response.SupportedMechanisms = slices.Sorted(maps.Keys(now.mechanisms))
	// Without SASL, who stays zero. With SASL, a new login on the connection has left
	// the state loggedIn, and the rules of its first handshake apply again.
	again := f.state == loggedIn || !f.who.principal.IsZero()
	switch begin, ok := now.mechanisms[r.Mechanism]; {
	case again && (f.expires.IsZero() || r.Version == 0):
		// If sessions do not expire, as always without SASL, Kafka treats this as an
		// ordinary request, without such a state. A new login on the connection needs
		// version 1.
		response.ErrorCode = kerr.IllegalSaslState.Code
		return response, nil
	case f.state == expectsRequest:
		response.ErrorCode = kerr.IllegalSaslState.Code
		return response, &errLogin{cause: errors.New("SaslHandshake while a login is under way: expected SaslAuthenticate")}
	case !ok:
		response.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		return response, &errLogin{cause: fmt.Errorf("SASL mechanism %s is not offered", lines.Name(r.Mechanism))}
	case again && r.Mechanism != f.mechanism:
		response.ErrorCode = kerr.IllegalSaslState.Code
		return response, &errLogin{cause: errors.New("the SASL mechanism differs from that of the first login")}
	default:
		f.access, f.mechanism, f.login, f.rounds, f.refused = now, r.Mechanism, begin(), 0, nil
		f.state = expectsRequest
		if r.Version == 0 {
			f.state = expectsToken
		}
		return response, nil
	}
}

// authenticate answers a SaslAuthenticate. If it returns an error, the connection ends
// after the answer is sent.
func (f *loginFlow) authenticate(ctx context.Context, r *kmsg.SASLAuthenticateRequest) (kmsg.Response, error) {
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
	answer, err := f.token(ctx, r.SASLAuthBytes)
	if err != nil {
		time.Sleep(time.Until(began.Add(failedLoginDelay)))
		var failed *errLogin
		if errors.As(err, &failed) && failed.mute {
			return nil, err
		}
		response.ErrorCode = kerr.SaslAuthenticationFailed.Code
		// The reason is only for the log: a client that guesses must not learn it.
		response.ErrorMessage = kmsg.StringPtr("Authentication failed: invalid credentials with SASL mechanism " + f.mechanism)
		if failed != nil && failed.told != "" {
			response.ErrorMessage = &failed.told
		}
		return response, err
	}
	response.SASLAuthBytes = answer
	if f.state == loggedIn && !f.expires.IsZero() {
		response.SessionLifetimeMillis = f.lifetime.Milliseconds()
	}
	return response, nil
}

// token processes a message of the mechanism and returns the answer. After the last
// message the client is logged in. The error is an *errLogin.
func (f *loginFlow) token(ctx context.Context, message []byte) ([]byte, error) {
	if f.refused != nil {
		return nil, f.refused
	}
	if f.rounds++; f.rounds > relay.MaxLoginRounds {
		return nil, &errLogin{cause: errors.New("the login takes too many messages")}
	}
	// Before the first login no frame is larger; later ones have the limit of all requests.
	if most := f.access.sasl.maxReceive(); len(message) > most {
		return nil, &errLogin{cause: fmt.Errorf("a message of %d bytes: expected at most %d", len(message), most)}
	}
	answer, done, err := f.login.step(ctx, message)
	var refused *refusedToken
	switch {
	case errors.As(err, &refused):
		f.refused = &errLogin{cause: refused.cause, told: string(answer)}
		return answer, nil
	case err != nil:
		return nil, &errLogin{cause: err, mute: errors.Is(err, errNoTokens)}
	}
	if !done {
		return answer, nil
	}
	who, err := f.login.peer(f.access.principals)
	if err != nil {
		return nil, &errLogin{cause: err}
	}
	if first := f.who.principal; !first.IsZero() && !first.Equal(who.principal) {
		return nil, &errLogin{cause: fmt.Errorf("%s would become %s on one connection",
			lines.Name(first.String()), lines.Name(who.principal.String()))}
	}
	lifetime, expires := sessionTime(time.Now(), f.access.sasl.MaxSession, who.until)
	if lifetime == math.MaxInt64 {
		return nil, &errLogin{cause: errors.New("the session would last more than 292 years")}
	}
	f.who, f.login, f.state, f.lifetime, f.expires = who, nil, loggedIn, lifetime, expires
	return answer, nil
}

// sessionTime returns how long a session lasts that begins now, and when it ends; the zero
// time means never. It lasts for limit, if that is not 0, and at most until the credentials
// end. Those may have ended just before, by the clock of this machine. A time that no duration
// holds is the longest one, of 292 years.
//
// Source: KIP-368; Kafka's SaslServerAuthenticator.
func sessionTime(now time.Time, limit time.Duration, until time.Time) (time.Duration, time.Time) {
	switch {
	case !until.IsZero():
		if left := max(0, until.Sub(now)); limit == 0 || left < limit {
			limit = left
		}
	case limit == 0:
		return 0, time.Time{}
	}
	return limit, now.Add(limit)
}

// expired reports whether a request with this key comes after the end of the
// session. Requests for a new login are always accepted.
func (f *loginFlow) expired(key ops.APIKey) bool {
	return key != ops.SASLHandshakeKey && key != ops.SASLAuthenticateKey && f.ended()
}

// ended reports whether the session has ended.
func (f *loginFlow) ended() bool { return !f.expires.IsZero() && time.Now().After(f.expires) }

// unsecured identifies the client of a listener without SASL.
func (a *access) unsecured(state *tls.ConnectionState) (identity, error) {
	if state == nil {
		return identity{principal: principal.Anonymous}, nil
	}
	who, err := a.principals.TLS(state)
	return identity{principal: who}, err
}
