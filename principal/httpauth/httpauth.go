package httpauth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/principal"
)

// MaxAuthorization is the length of the longest Authorization header, in bytes: that of the longest
// token that oauth.Verifier takes, and its scheme.
const MaxAuthorization = 64<<10 + 16

// Identity is who sends a request. The zero Identity is nobody.
type Identity struct {
	Principal principal.Principal
	Groups    []principal.Principal
	Host      netip.Addr // of the connection, without a zone; not what a header says
	Method    Method
}

// Method is how a client has said who it is. The zero Method is none.
type Method string

// The methods.
const (
	Certificate Method = "certificate"
	Basic       Method = "basic"
	Bearer      Method = "bearer"
)

// Passwords verifies names with passwords. It must be safe for concurrent use, and must not tell by
// its time whether there is such a user.
type Passwords interface {
	// VerifyPassword returns an error unless the password is that of the user.
	VerifyPassword(ctx context.Context, user, password string) error
}

// Tokens verifies bearer tokens. It must be safe for concurrent use.
type Tokens interface {
	// VerifyToken returns who a token is for, or an error, which must not quote the token.
	VerifyToken(ctx context.Context, token string) (Owner, error)
}

// Owner is who a token is for. One without a name is refused.
type Owner struct {
	Name   string // of the principal of the type User
	Groups []principal.Principal
}

// Config says how clients may say who they are. With the zero Config nobody can.
type Config struct {
	// Names makes principals of names. Nil is that of the zero principal.BuilderConfig.
	Names *principal.Builder
	// Certificates accepts verified client certificates. The server asks for them: see
	// tls.Config.ClientAuth.
	Certificates bool
	Passwords    Passwords // nil: no passwords
	Tokens       Tokens    // nil: no tokens
	// Groups returns the groups of a principal, in addition to those of its token. An error
	// refuses the request: a DENY may be for a group. Nil: there are no others.
	Groups func(ctx context.Context, who principal.Principal) ([]principal.Principal, error)
	// WithoutTLS accepts passwords and tokens over connections without TLS, for a service on a
	// loopback address or behind a program that ends TLS.
	WithoutTLS bool
	// Report receives the reason for each refusal, in the goroutine of the request. It has no
	// secret, and may have names from the client, unescaped. Nil discards it.
	Report func(r *http.Request, err error)
}

// Authenticator determines who sends a request. It is safe for concurrent use. The zero
// Authenticator, and a nil one, refuse everybody.
type Authenticator struct{ config Config }

// New returns an Authenticator. A config with which nobody can say who they are is an error.
func New(config Config) (*Authenticator, error) {
	if !config.Certificates && config.Passwords == nil && config.Tokens == nil {
		return nil, errors.New("httpauth: expected certificates, passwords or tokens: without them nobody can log in")
	}
	if config.Names == nil {
		config.Names = &principal.Builder{}
	}
	return &Authenticator{config}, nil
}

// ErrNoCredentials means that a request does not say who it is from.
var ErrNoCredentials = errors.New("the request has neither a verified client certificate nor an Authorization header")

// Identify returns who sends a request, or an error that says why that is not known. The error is
// for a log, not for the client.
func (a *Authenticator) Identify(r *http.Request) (Identity, error) {
	if a == nil || a.config.Names == nil {
		return Identity{}, errors.New("nobody can log in here")
	}
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return Identity{}, errors.New("the address of the connection is not known")
	}
	id := Identity{Host: address.Addr().Unmap().WithZone("")}
	switch headers := r.Header.Values("Authorization"); {
	case len(headers) > 1:
		return Identity{}, errors.New("the request has more than one Authorization header")
	case len(headers) == 1:
		err = a.byHeader(r, &id, headers[0])
	default:
		err = a.byCertificate(r, &id)
	}
	if err == nil && a.config.Groups != nil {
		var more []principal.Principal
		if more, err = a.config.Groups(r.Context(), id.Principal); err != nil {
			err = fmt.Errorf("the groups of %s are not known: %w", id.Principal, err)
		}
		id.Groups = slices.Concat(id.Groups, more)
	}
	if err != nil {
		return Identity{}, err
	}
	return id, nil
}

func (a *Authenticator) byCertificate(r *http.Request, id *Identity) (err error) {
	if !a.config.Certificates || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ErrNoCredentials
	}
	id.Method = Certificate
	id.Principal, err = a.config.Names.TLS(r.TLS)
	return err
}

// byHeader reads an Authorization header.
//
// Source: RFC 9110, 11.6.2; RFC 7617 (Basic); RFC 6750, 2.1 (Bearer).
func (a *Authenticator) byHeader(r *http.Request, id *Identity, header string) error {
	scheme, credentials, _ := strings.Cut(header, " ")
	credentials = strings.Trim(credentials, " ")
	switch {
	case len(header) > MaxAuthorization:
		return fmt.Errorf("the Authorization header has %d bytes, expected no more than %d", len(header), MaxAuthorization)
	case r.TLS == nil && !a.config.WithoutTLS:
		return errors.New("passwords and tokens are not accepted without TLS")
	case strings.EqualFold(scheme, "Basic") && a.config.Passwords != nil:
		return a.byPassword(r.Context(), id, credentials)
	case strings.EqualFold(scheme, "Bearer") && a.config.Tokens != nil:
		return a.byToken(r.Context(), id, credentials)
	}
	return errors.New("the scheme of the Authorization header is not accepted here")
}

func (a *Authenticator) byPassword(ctx context.Context, id *Identity, credentials string) error {
	text, err := base64.StdEncoding.DecodeString(credentials)
	user, password, ok := strings.Cut(string(text), ":")
	if err != nil || !ok || !utf8.Valid(text) {
		return errors.New("the Authorization header is no name and password in base64")
	}
	if err := a.config.Passwords.VerifyPassword(ctx, user, password); err != nil {
		return err
	}
	id.Method = Basic
	id.Principal, err = a.config.Names.SASL("PLAIN", user)
	return err
}

func (a *Authenticator) byToken(ctx context.Context, id *Identity, token string) error {
	owner, err := a.config.Tokens.VerifyToken(ctx, token)
	if err != nil {
		return err
	}
	id.Method, id.Groups = Bearer, owner.Groups
	id.Principal, err = a.config.Names.SASL("OAUTHBEARER", owner.Name)
	return err
}

type contextKey struct{}

// NewContext returns a context with an identity, for tests and for services that determine it by
// other means.
func NewContext(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// FromContext returns the identity that [Authenticator.Middleware] has put into the context of a
// request. Without one, ok is false and the identity is zero.
func FromContext(ctx context.Context) (id Identity, ok bool) {
	id, ok = ctx.Value(contextKey{}).(Identity)
	return id, ok && !id.Principal.IsZero()
}

// Middleware returns a handler that calls next with requests whose sender is known, and answers
// the others with 401. next finds the identity by [FromContext]; the headers Authorization and
// Proxy-Authorization are removed.
func (a *Authenticator) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := a.Identify(r)
		if err != nil {
			if a != nil && a.config.Report != nil {
				a.config.Report(r, err)
			}
			a.refuse(w)
			return
		}
		r = r.Clone(NewContext(r.Context(), id))
		r.Header.Del("Authorization")
		r.Header.Del("Proxy-Authorization")
		next.ServeHTTP(w, r)
	})
}

// refuse answers a request whose sender is not known. It says how to log in, and not what was wrong.
func (a *Authenticator) refuse(w http.ResponseWriter) {
	if a != nil && a.config.Passwords != nil {
		w.Header().Add("WWW-Authenticate", `Basic realm="Kafka", charset="UTF-8"`)
	}
	if a != nil && a.config.Tokens != nil {
		w.Header().Add("WWW-Authenticate", `Bearer realm="Kafka"`)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Connection", "close") // who has not logged in keeps no connection
	http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
}
