package httpauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/httpauth"
)

// tokens knows one token.
type tokens struct{}

func (tokens) VerifyToken(_ context.Context, token string) (httpauth.Owner, error) {
	switch token {
	case "good":
		return httpauth.Owner{Name: "bob", Groups: []principal.Principal{{Type: "Group", Name: "a"}}}, nil
	case "nameless":
		return httpauth.Owner{}, nil
	}
	return httpauth.Owner{}, errors.New("the token is not valid")
}

// certificate returns a self-signed certificate of a common name.
func certificate(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return parsed
}

func basic(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

// TestIdentify has requests with who sends them, or why that is not known.
func TestIdentify(t *testing.T) {
	users, err := httpauth.NewUsers(map[string]string{"alice": "secret", "colon": "a:b"})
	require.NoError(t, err)
	rules, err := principal.ParseSSLRules("RULE:^CN=([a-z]+)$/$1/", 0)
	require.NoError(t, err)
	names, err := principal.NewBuilder(principal.BuilderConfig{SSLRules: rules})
	require.NoError(t, err)
	carol := certificate(t, "carol")
	verified := &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{carol}, VerifiedChains: [][]*x509.Certificate{{carol}}}
	unverified := &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{carol}}
	other := certificate(t, "NOT MAPPED")
	unmapped := &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{other}, VerifiedChains: [][]*x509.Certificate{{other}}}
	none := &tls.ConnectionState{HandshakeComplete: true}
	all := httpauth.Config{Names: names, Certificates: true, Passwords: users, Tokens: tokens{}}
	onlyUsers := httpauth.Config{Passwords: users}
	failing := httpauth.Config{Passwords: users, Groups: func(context.Context, principal.Principal) ([]principal.Principal, error) {
		return nil, errors.New("directory down")
	}}
	for name, row := range map[string]struct {
		config  httpauth.Config
		tls     *tls.ConnectionState
		headers []string
		want    string
		method  httpauth.Method
		err     string
	}{
		"certificate":              {config: all, tls: verified, want: "User:carol", method: httpauth.Certificate},
		"password":                 {config: all, tls: none, headers: []string{basic("alice:secret")}, want: "User:alice", method: httpauth.Basic},
		"other case of scheme":     {config: all, tls: none, headers: []string{strings.Replace(basic("alice:secret"), "Basic", "bASIC", 1)}, want: "User:alice", method: httpauth.Basic},
		"colon in password":        {config: all, tls: none, headers: []string{basic("colon:a:b")}, want: "User:colon", method: httpauth.Basic},
		"token":                    {config: all, tls: none, headers: []string{"Bearer good"}, want: "User:bob", method: httpauth.Bearer},
		"password and certificate": {config: all, tls: verified, headers: []string{basic("alice:secret")}, want: "User:alice", method: httpauth.Basic},
		"without TLS":              {config: httpauth.Config{Passwords: users, WithoutTLS: true}, headers: []string{basic("alice:secret")}, want: "User:alice", method: httpauth.Basic},

		"nothing":                   {config: all, tls: none, err: "neither"},
		"no TLS":                    {config: all, headers: []string{basic("alice:secret")}, err: "without TLS"},
		"unverified":                {config: all, tls: unverified, err: "verified"},
		"unmapped":                  {config: all, tls: unmapped, err: "NOT MAPPED"},
		"certificates not accepted": {config: onlyUsers, tls: verified, err: "neither"},
		"wrong password":            {config: all, tls: verified, headers: []string{basic("alice:wrong")}, err: "name or the password"},
		"unknown user":              {config: all, tls: verified, headers: []string{basic("mallory:secret")}, err: "name or the password"},
		"empty password":            {config: all, tls: none, headers: []string{basic("alice:")}, err: "name or the password"},
		"no colon":                  {config: all, tls: none, headers: []string{basic("alice")}, err: "base64"},
		"no base64":                 {config: all, tls: none, headers: []string{"Basic ***"}, err: "base64"},
		"not UTF-8":                 {config: all, tls: none, headers: []string{basic("\xff:a")}, err: "base64"},
		"wrong token":               {config: all, tls: verified, headers: []string{"Bearer bad"}, err: "not valid"},
		"nameless token":            {config: all, tls: none, headers: []string{"Bearer nameless"}, err: "no authorization id"},
		"scheme":                    {config: all, tls: verified, headers: []string{"Negotiate x"}, err: "scheme"},
		"empty header":              {config: all, tls: verified, headers: []string{""}, err: "scheme"},
		"scheme not accepted":       {config: onlyUsers, tls: none, headers: []string{"Bearer good"}, err: "scheme"},
		"two headers":               {config: all, tls: none, headers: []string{"Bearer good", basic("alice:secret")}, err: "more than one"},
		"long header":               {config: all, tls: none, headers: []string{"Bearer " + strings.Repeat("a", httpauth.MaxAuthorization)}, err: "no more than"},
		"groups fail":               {config: failing, tls: none, headers: []string{basic("alice:secret")}, err: "directory down"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := httpauth.New(row.config)
			require.NoError(t, err)
			r := httptest.NewRequest("GET", "/", nil)
			r.TLS, r.RemoteAddr = row.tls, "[::ffff:10.0.0.1]:99"
			for _, h := range row.headers {
				r.Header.Add("Authorization", h)
			}
			r.Header.Set("X-Forwarded-User", "root")
			id, err := a.Identify(r)
			if row.err != "" {
				require.ErrorContains(t, err, row.err)
				assert.Zero(t, id)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.want, id.Principal.String())
			assert.Equal(t, row.method, id.Method)
			assert.Equal(t, "10.0.0.1", id.Host.String())
		})
	}
}

// TestMiddleware has what reaches a handler, and what clients are answered.
func TestMiddleware(t *testing.T) {
	users, err := httpauth.NewUsers(map[string]string{"alice": "secret"})
	require.NoError(t, err)
	var reported error
	a, err := httpauth.New(httpauth.Config{Passwords: users, Tokens: tokens{}, WithoutTLS: true,
		Report: func(_ *http.Request, err error) { reported = err },
		Groups: func(_ context.Context, who principal.Principal) ([]principal.Principal, error) {
			return []principal.Principal{{Type: "Group", Name: "of-" + who.Name}}, nil
		}})
	require.NoError(t, err)
	var got httpauth.Identity
	calls := 0
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		calls++
		got, _ = httpauth.FromContext(r.Context())
		assert.Empty(t, r.Header.Get("Authorization"))
		assert.Empty(t, r.Header.Get("Proxy-Authorization"))
	})
	send := func(a *httpauth.Authenticator, header string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", header)
		r.Header.Set("Proxy-Authorization", header)
		w := httptest.NewRecorder()
		a.Middleware(next).ServeHTTP(w, r)
		return w
	}
	assert.Equal(t, 200, send(a, "Bearer good").Code)
	assert.Equal(t, "User:bob", got.Principal.String())
	assert.Equal(t, []principal.Principal{{Type: "Group", Name: "a"}, {Type: "Group", Name: "of-bob"}}, got.Groups)

	refused := send(a, basic("alice:wrong"))
	assert.Equal(t, 401, refused.Code)
	assert.Equal(t, []string{`Basic realm="Kafka", charset="UTF-8"`, `Bearer realm="Kafka"`}, refused.Header().Values("WWW-Authenticate"))
	assert.Equal(t, "Unauthorized\n", refused.Body.String())
	assert.Equal(t, "close", refused.Header().Get("Connection"))
	require.Error(t, reported)
	assert.NotContains(t, reported.Error(), "wrong:")

	assert.Equal(t, 401, send(&httpauth.Authenticator{}, "Bearer good").Code)
	assert.Equal(t, 401, send(nil, "Bearer good").Code)
	assert.Equal(t, 1, calls)

	_, ok := httpauth.FromContext(t.Context())
	assert.False(t, ok)
	_, ok = httpauth.FromContext(httpauth.NewContext(t.Context(), httpauth.Identity{}))
	assert.False(t, ok)
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "somewhere"
	_, err = a.Identify(r)
	require.Error(t, err)
}

// TestConfigErrors has what is refused when it is made.
func TestConfigErrors(t *testing.T) {
	_, err := httpauth.New(httpauth.Config{})
	require.Error(t, err)
	for _, users := range []map[string]string{{"": "a"}, {"a": ""}} {
		_, err := httpauth.NewUsers(users)
		require.Error(t, err)
	}
	assert.Error(t, (*httpauth.Users)(nil).VerifyPassword(t.Context(), "a", "b"))
	assert.Error(t, (&httpauth.Users{}).VerifyPassword(t.Context(), "", ""))
}
