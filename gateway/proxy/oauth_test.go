package proxy_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/ops"
)

// tokens is a verifier of tokens NAME.TIME, which end after that time.
type tokens struct{ calls atomic.Int32 }

func (v *tokens) VerifyToken(_ context.Context, token string) (proxy.TokenOwner, error) {
	v.calls.Add(1)
	name, life, ok := strings.Cut(token, ".")
	if name == "nobody" {
		return proxy.TokenOwner{Expires: time.Now().Add(time.Hour)}, nil
	}
	if name == "forever" {
		return proxy.TokenOwner{Name: name}, nil
	}
	if life == "3000" {
		return proxy.TokenOwner{Name: name, Expires: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)}, nil
	}
	d, err := time.ParseDuration(life)
	if !ok || err != nil {
		return proxy.TokenOwner{}, errors.New("a line\nof the verifier")
	}
	return proxy.TokenOwner{Name: name, Expires: time.Now().Add(d)}, nil
}

func firstMessage(token string) string { return "n,,\x01auth=Bearer " + token + "\x01\x01" }

// byToken returns a listener for OAUTHBEARER.
func byToken(limit time.Duration) proxy.Listener {
	return proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{
		Mechanisms: []string{proxy.OAuthBearer}, OAuth: &tokens{}, MaxSession: limit,
	}}
}

// A token that is refused has the answer of RFC 7628, and the login fails with the next
// message, whatever it is. Kafka's answers are the same.
func TestRefusedTokens(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{byToken(0)}})
	address := p.Addresses()[0]
	const answer = `{"status":"invalid_token"}`
	refused := 0
	for _, next := range []string{"\x01", firstMessage("alice.1h"), "", "leaves"} {
		for _, token := range []string{"wrong", "nobody.1h", "forever"} {
			t.Run(token+" then "+next, func(t *testing.T) {
				w := dial(t, address)
				require.Zero(t, w.handshake(proxy.OAuthBearer, 1).ErrorCode)
				r := w.token(firstMessage(token))
				require.Zero(t, r.ErrorCode)
				require.Equal(t, answer, string(r.SASLAuthBytes))
				require.Zero(t, r.SessionLifetimeMillis)
				refused++
				if next != "leaves" {
					r = w.token(next)
					require.Equal(t, kerr.SaslAuthenticationFailed.Code, r.ErrorCode)
					require.NotNil(t, r.ErrorMessage)
					assert.Equal(t, answer, *r.ErrorMessage)
					w.closed("a failed login")
				}
				w.Close()
				eventually(t, "the failure is logged", func() bool { return len(p.log.With("login failed")) == refused })
			})
		}
	}
	for _, line := range p.log.With("login failed") {
		assert.NotContains(t, line, "wrong")
		assert.NotContains(t, line, "alice")
	}
	t.Run("no request before the login", func(t *testing.T) {
		w := dial(t, address)
		require.Zero(t, w.handshake(proxy.OAuthBearer, 1).ErrorCode)
		require.Equal(t, answer, string(w.token(firstMessage("wrong")).SASLAuthBytes))
		w.send(kmsg.NewPtrMetadataRequest(), 12)
		w.closed("a request before login")
	})
	t.Run("after a handshake of version 0", func(t *testing.T) {
		w := dial(t, address)
		require.Zero(t, w.handshake(proxy.OAuthBearer, 0).ErrorCode)
		w.writeFrame([]byte(firstMessage("wrong")))
		bare, err := gateway.ReadFrame(w, 1<<10)
		require.NoError(t, err)
		require.Equal(t, answer, string(bare))
		w.writeFrame([]byte("\x01"))
		w.closed("a failed login")
	})
}

// Malformed messages, large ones and other authorization ids fail at once.
func TestOAuthMessagesThatFail(t *testing.T) {
	l := byToken(0)
	verifier := l.SASL.OAuth.(*tokens)
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{l}})
	for name, test := range map[string]struct {
		message  string
		verified bool
	}{
		"empty": {"", false}, "acknowledgement": {"\x01", false}, "PLAIN": {"\x00alice\x00alice", false},
		"no extension": {"n,,\x01auth=Bearer alice.1h\x01x\x01\x01", false},
		"large":        {firstMessage("alice.1h" + strings.Repeat("=", 64<<10)), false},
		"another id":   {"n,a=bob,\x01auth=Bearer alice.1h\x01\x01", true},
	} {
		t.Run(name, func(t *testing.T) {
			verifier.calls.Store(0)
			w := dial(t, p.Addresses()[0])
			require.Zero(t, w.handshake(proxy.OAuthBearer, 1).ErrorCode)
			r := w.token(test.message)
			assert.Equal(t, kerr.SaslAuthenticationFailed.Code, r.ErrorCode)
			assert.Equal(t, test.verified, verifier.calls.Load() == 1)
			w.closed("a failed login")
		})
	}
	assert.NotEmpty(t, p.log.With("login failed"))
	assert.Empty(t, p.log.With("alice.1h"), "no token is in the log")
}

// A client logs in with a token and acts as its owner.
func TestOAuthClient(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "payments"))
	p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW WRITE TOPIC payments"), Listeners: []proxy.Listener{byToken(0)}})
	for name, works := range map[string]bool{"alice": true, "bob": false} {
		t.Run(name, func(t *testing.T) {
			client, err := kgo.NewClient(kgo.SeedBrokers(p.Addresses()[0]), kgo.RequestRetries(0), kgo.DefaultProduceTopic("payments"),
				kgo.SASL(oauth.Auth{Token: name + ".1h", Zid: name, Extensions: map[string]string{"logicalCluster": "x"}}.AsMechanism()))
			require.NoError(t, err)
			defer client.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			require.NoError(t, client.Ping(ctx))
			err = client.ProduceSync(ctx, &kgo.Record{Value: []byte("x")}).FirstErr()
			if works {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, kerr.TopicAuthorizationFailed)
			}
		})
	}
}

// waiting is a verifier that waits until the connection ends.
type waiting struct{ began, ended chan struct{} }

func (v waiting) VerifyToken(ctx context.Context, _ string) (proxy.TokenOwner, error) {
	close(v.began)
	<-ctx.Done()
	close(v.ended)
	return proxy.TokenOwner{}, ctx.Err()
}

// A verifier that waits for others does not keep the proxy from stopping.
func TestVerifierWaits(t *testing.T) {
	l := byToken(0)
	verifier := waiting{make(chan struct{}), make(chan struct{})}
	l.SASL.OAuth = verifier
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{l}})
	w := dial(t, p.Addresses()[0])
	require.Zero(t, w.handshake(proxy.OAuthBearer, 1).ErrorCode)
	message := kmsg.NewPtrSASLAuthenticateRequest()
	message.SASLAuthBytes = []byte(firstMessage("x"))
	w.send(message, 2)
	<-verifier.began
	p.Close()
	select {
	case <-verifier.ended:
	case <-time.After(10 * time.Second):
		require.Fail(t, "it waits on")
	}
}

// A session ends with the token, and with the limit of sessions if that is earlier. The client
// is told how long it lasts, and may log in again, as nobody else.
func TestTokenSessions(t *testing.T) {
	for name, test := range map[string]struct {
		limit time.Duration
		token string
		want  time.Duration
	}{
		"the token":                  {0, "alice.1h", time.Hour},
		"the token before the limit": {2 * time.Hour, "alice.1h", time.Hour},
		"the limit":                  {time.Minute, "alice.1h", time.Minute},
		"the limit before 3000":      {time.Minute, "alice.3000", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{byToken(test.limit)}})
			w := dial(t, p.Addresses()[0])
			w.handshake(proxy.OAuthBearer, 1)
			r := w.token(firstMessage(test.token))
			require.Zero(t, r.ErrorCode)
			assert.InDelta(t, test.want.Milliseconds(), r.SessionLifetimeMillis, 2000)
			w.works()
			w.handshake(proxy.OAuthBearer, 1)
			require.Zero(t, w.token(firstMessage("alice.2h")).ErrorCode, "the same client again")
			w.works()
			w.handshake(proxy.OAuthBearer, 1)
			require.Equal(t, kerr.SaslAuthenticationFailed.Code, w.token(firstMessage("bob.1h")).ErrorCode, "another client")
			w.closed("a login as somebody else")
		})
	}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{byToken(0)}})
	t.Run("it ends", func(t *testing.T) {
		w := dial(t, p.Addresses()[0])
		w.handshake(proxy.OAuthBearer, 1)
		require.Zero(t, w.token(firstMessage("alice.1500ms")).ErrorCode)
		w.works()
		time.Sleep(1600 * time.Millisecond)
		w.send(kmsg.NewPtrMetadataRequest(), 12)
		w.closed("the end of the token")
	})
	t.Run("longer than any session", func(t *testing.T) {
		w := dial(t, p.Addresses()[0])
		w.handshake(proxy.OAuthBearer, 1)
		require.Equal(t, kerr.SaslAuthenticationFailed.Code, w.token(firstMessage("alice.3000")).ErrorCode)
		w.closed("a failed login")
	})
	t.Run("it has ended within the skew", func(t *testing.T) {
		w := dial(t, p.Addresses()[0])
		w.handshake(proxy.OAuthBearer, 1)
		r := w.token(firstMessage("alice.-5s"))
		require.Zero(t, r.ErrorCode)
		require.Zero(t, r.SessionLifetimeMillis)
		w.send(kmsg.NewPtrMetadataRequest(), 12)
		w.closed("the end of the token")
	})
	t.Run("a token that is refused ends the session", func(t *testing.T) {
		w := dial(t, p.Addresses()[0])
		w.handshake(proxy.OAuthBearer, 1)
		require.Zero(t, w.token(firstMessage("alice.1h")).ErrorCode)
		w.handshake(proxy.OAuthBearer, 1)
		require.NotEmpty(t, w.token(firstMessage("wrong")).SASLAuthBytes)
		require.Equal(t, kerr.SaslAuthenticationFailed.Code, w.token("\x01").ErrorCode)
		w.closed("a failed login")
	})
}
