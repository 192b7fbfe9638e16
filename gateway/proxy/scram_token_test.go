package proxy

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/scramtest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

// someTokens are tokens by id.
type someTokens struct {
	mu    sync.Mutex
	byID  map[string]relay.Token
	err   error
	asked atomic.Int32
}

func (s *someTokens) lookup(_ context.Context, id string) (relay.Token, error) {
	s.asked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return relay.Token{}, s.err
	}
	if token, ok := s.byID[id]; ok {
		return token, nil
	}
	return relay.Token{}, relay.ErrNoToken
}

func tokenOf(id, owner string, ends time.Time) relay.Token {
	return relay.Token{Token: ops.Token{ID: id, Owner: owner}, Ends: ends, HMAC: []byte("hmac of " + id)}
}

func newTokens() *someTokens {
	later := time.Now().Add(time.Hour)
	return &someTokens{byID: map[string]relay.Token{
		"id":    tokenOf("id", "User:alice:x", later),
		"ended": tokenOf("ended", "User:alice", time.Now().Add(-time.Second)),
		"group": tokenOf("group", "Group:alice", later),
		"none":  tokenOf("none", "", later),
		"bob":   tokenOf("bob", "User:token-bob", later), // as a user is called
	}}
}

// tokenLogin leads a login with extensions to its end.
func tokenLogin(t *testing.T, begin mechanism, user, password, extensions string) (login, error) {
	t.Helper()
	server := begin()
	first := "n,,n=" + user + ",r=nonce" + extensions
	answer, _, err := server.step(t.Context(), []byte(first))
	require.NoError(t, err)
	_, _, err = server.step(t.Context(), []byte(lastMessage(t, password, first, string(answer))))
	return server, err
}

// lastMessage is the last message of a client with the password.
func lastMessage(t *testing.T, password, first, challenge string) string {
	t.Helper()
	return scramtest.LastMessage(t, password, strings.TrimPrefix(first, "n,,"), challenge, func(nonce string) string { return nonce })
}

func TestLoginsWithTokens(t *testing.T) {
	tokens := newTokens()
	s := &SASL{Users: map[string]string{"bob": "secret"}}
	begin, err := newSCRAM(ScramSHA256, s, []byte("salts"), tokens.lookup)
	require.NoError(t, err)
	password := func(id string) string { return base64.StdEncoding.EncodeToString([]byte("hmac of " + id)) }
	for _, tt := range []struct {
		name, user, password, extension string
		want                            error
		principal                       string
		asks                            int32
	}{
		{name: "a token", user: "id", password: password("id"), extension: ",tokenauth=true", principal: "User:alice:x", asks: 1},
		{name: "in capital letters", user: "id", password: password("id"), extension: ",tokenauth=TRUE", principal: "User:alice:x", asks: 1},
		{name: "the last one counts", user: "id", password: password("id"), extension: ",tokenauth=false,x=y,tokenauth=true", principal: "User:alice:x", asks: 1},
		{name: "another HMAC", user: "id", password: password("bob"), extension: ",tokenauth=true", want: errCredentials, asks: 1},
		{name: "an HMAC that is not encoded", user: "id", password: "hmac of id", extension: ",tokenauth=true", want: errCredentials, asks: 1},
		{name: "an unknown token", user: "missing", password: password("missing"), extension: ",tokenauth=true", want: errCredentials, asks: 1},
		{name: "one that has ended", user: "ended", password: password("ended"), extension: ",tokenauth=true", want: errCredentials, asks: 1},
		{name: "a token of a group", user: "group", password: password("group"), extension: ",tokenauth=true", asks: 1},
		{name: "a token of nobody", user: "none", password: password("none"), extension: ",tokenauth=true", asks: 1},
		{name: "a user as a token", user: "bob", password: "secret", extension: ",tokenauth=true", want: errCredentials, asks: 1},
		{name: "a token that is called as a user", user: "bob", password: password("bob"), extension: ",tokenauth=true", principal: "User:token-bob", asks: 1},
		{name: "a token as a user", user: "id", password: password("id"), want: errCredentials},
		{name: "a token that is none by the extension", user: "id", password: password("id"), extension: ",tokenauth=false", want: errCredentials},
		{name: "a user with the extension", user: "bob", password: "secret", extension: ",tokenauth=no", principal: "User:bob"},
		{name: "a user", user: "bob", password: "secret", principal: "User:bob"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := tokens.asked.Load()
			server, err := tokenLogin(t, begin, tt.user, tt.password, tt.extension)
			assert.Equal(t, tt.asks, tokens.asked.Load()-before)
			if tt.want != nil {
				require.ErrorIs(t, err, tt.want)
				if tt.asks > 0 { // a client may mix up id and HMAC
					assert.NotContains(t, strings.Fields(strings.ReplaceAll(err.Error(), ":", "")), tt.user)
				}
				return
			}
			require.NoError(t, err)
			who, err := server.peer(&principal.Builder{})
			if tt.principal == "" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.principal, who.principal.String())
			byToken := tt.asks > 0
			assert.Equal(t, byToken, who.principal.TokenAuthenticated)
			assert.Equal(t, byToken, !who.until.IsZero(), "the session ends with the token")
		})
	}
	t.Run("authorization id", func(t *testing.T) {
		_, _, err := begin().step(t.Context(), []byte("n,a=other,n=the-hmac,r=x,tokenauth=true"))
		require.ErrorIs(t, err, errCredentials)
		assert.NotContains(t, err.Error(), "the-hmac")
	})
	t.Run("without tokens", func(t *testing.T) {
		begin, err := newSCRAM(ScramSHA256, s, []byte("salts"), nil)
		require.NoError(t, err)
		_, _, err = begin().step(t.Context(), []byte("n,,n=id,r=x,tokenauth=true"))
		require.ErrorContains(t, err, "not accepted here")
	})
	t.Run("salts say nothing", func(t *testing.T) {
		m := begin().(*scramLogin).mechanism
		assert.Equal(t, m.tokenFactors("id"), m.tokenFactors("id"))
		assert.NotEqual(t, m.tokenFactors("id"), m.tokenFactors("unknown"))
		assert.NotEqual(t, m.factors("id"), m.tokenFactors("id"))
		assert.Equal(t, scramIterations, m.tokenFactors("unknown").Iters)
		assert.Equal(t, formOf(m.tokenFactors("id")), formOf(m.tokenFactors("unknown")))
	})
	t.Run("while the tokens are not known", func(t *testing.T) {
		down := errors.New("down")
		tokens.err = down
		_, err := tokenLogin(t, begin, "id", password("id"), ",tokenauth=true")
		require.ErrorIs(t, err, down)
		require.ErrorIs(t, err, errNoTokens)
		assert.NotErrorIs(t, err, errCredentials)
	})
}

func TestKeysOfTokens(t *testing.T) {
	begin, err := newSCRAM(ScramSHA256, &SASL{}, []byte("salts"), newTokens().lookup)
	require.NoError(t, err)
	m := begin().(*scramLogin).mechanism
	token := tokenOf("id", "User:alice", time.Now())
	first := m.keys.entry(m, token)
	assert.Same(t, first, m.keys.entry(m, token), "derived once")
	other := token
	other.HMAC = []byte("another")
	assert.NotSame(t, first, m.keys.entry(m, other), "the secret of the cluster has changed")
	a, err := m.keys.of(m, token)
	require.NoError(t, err)
	b, err := m.keys.of(m, other)
	require.NoError(t, err)
	assert.NotEqual(t, a.StoredKey, b.StoredKey)
	for i := range 2 * maxTokenKeys {
		m.keys.entry(m, tokenOf(fmt.Sprint(i), "User:alice", time.Now()))
		require.LessOrEqual(t, len(m.keys.byID), maxTokenKeys)
	}
}

// A login that fails because the tokens are not known has no answer: clients take an error as final.
func TestLoginWithoutAnswer(t *testing.T) {
	tokens := newTokens()
	l := &listener{proxy: &Proxy{}}
	a, err := newAccess(Listener{SASL: &SASL{Mechanisms: []string{ScramSHA256}}}, []byte("salts"), tokens.lookup)
	require.NoError(t, err, "SCRAM needs no users")
	l.access.Store(a)
	for _, down := range []error{nil, errors.New("down")} {
		tokens.err = down
		f := loginFlow{listener: l}
		handshake := kmsg.NewPtrSASLHandshakeRequest()
		handshake.Version, handshake.Mechanism = 1, ScramSHA256
		_, err = f.handshake(handshake)
		require.NoError(t, err)
		say := func(message string) (kmsg.Response, error) {
			r := kmsg.NewPtrSASLAuthenticateRequest()
			r.SASLAuthBytes = []byte(message)
			return f.authenticate(t.Context(), r)
		}
		const first = "n,,n=unknown,r=nonce,tokenauth=true"
		answer, err := say(first)
		require.NoError(t, err)
		answer, err = say(lastMessage(t, "x", first, string(answer.(*kmsg.SASLAuthenticateResponse).SASLAuthBytes)))
		require.Error(t, err)
		if down != nil {
			assert.Nil(t, answer)
			continue
		}
		assert.Equal(t, kerr.SaslAuthenticationFailed.Code, answer.(*kmsg.SASLAuthenticateResponse).ErrorCode)
	}
	_, err = newAccess(Listener{SASL: &SASL{Mechanisms: []string{ScramSHA256}}}, []byte("salts"), nil)
	require.Error(t, err, "without tokens it does")
	_, err = newAccess(Listener{SASL: &SASL{Mechanisms: []string{ScramSHA256, Plain}}}, []byte("salts"), tokens.lookup)
	require.Error(t, err, "and PLAIN does")
}
