package oauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/logtest"
)

// issuerServer is an endpoint whose keys and clock tests change.
type issuerServer struct {
	*httptest.Server
	answer atomic.Pointer[func(http.ResponseWriter)]
	asked  atomic.Int32
	clock  atomic.Int64 // nanoseconds that were added to the time of the Verifier
	log    logtest.Log
}

// serveKeys serves the keys over TLS, and returns a Verifier of them.
func serveKeys(t *testing.T, change func(*Config), keys ...jose.JSONWebKey) (*issuerServer, *Verifier) {
	t.Helper()
	s := &issuerServer{}
	s.serve(t, keys...)
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if strings.HasPrefix(r.URL.Path, "/moved") {
			to := r.URL.Query().Get("to")
			if to == "" {
				to = r.URL.Path // and so on
			}
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		(*s.answer.Load())(w)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(s.Close)
	authorities := x509.NewCertPool()
	authorities.AddCert(s.Certificate())
	c := Config{Endpoint: s.URL + "/keys?secret=s3cr3t", TLS: &tls.Config{RootCAs: authorities}, Issuer: issuer, Audiences: []string{audience},
		Logger: slog.New(slog.NewTextHandler(&s.log, nil))}
	if change != nil {
		change(&c)
	}
	v, err := New(c)
	require.NoError(t, err)
	now := func() time.Time { return time.Now().Add(time.Duration(s.clock.Load())) }
	v.remote.now = now
	return s, v
}

func (s *issuerServer) serve(t *testing.T, keys ...jose.JSONWebKey) {
	text := jwks(t, keys...)
	s.do(func(w http.ResponseWriter) { _, _ = w.Write(text) })
}

func (s *issuerServer) do(answer func(http.ResponseWriter)) { s.answer.Store(&answer) }

func (s *issuerServer) pass(d time.Duration) { s.clock.Add(int64(d)) }

func (s *issuerServer) down() {
	s.do(func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) })
}

// verified reports whether the verifier accepts a token.
func verified(v *Verifier, token string) bool {
	owner, err := v.VerifyToken(context.Background(), token)
	return err == nil && owner.Name == "alice"
}

func byKey(t *testing.T, key any, id string) string {
	return sign(t, jose.RS256, key, map[string]any{"kid": id}, good(nil))
}

// Keys are loaded once, and again when they are old. A key that was withdrawn counts no longer.
func TestKeysAreRefreshed(t *testing.T) {
	k := makeKeys()
	s, v := serveKeys(t, nil, public(k.first, "first"))
	require.NoError(t, v.Load(t.Context()))
	require.NoError(t, v.Load(t.Context()), "they are fresh")
	first, second := byKey(t, k.first, "first"), byKey(t, k.second, "second")
	for range 5 {
		require.True(t, verified(v, first))
	}
	require.EqualValues(t, 1, s.asked.Load())
	s.serve(t, public(k.second, "second"))
	require.True(t, verified(v, first), "until the keys are old")
	s.pass(DefaultRefresh)
	require.False(t, verified(v, first))
	require.EqualValues(t, 2, s.asked.Load())
	require.True(t, verified(v, second))
}

// A new key is found by its first token. Tokens of unknown keys cause a load a second at most, however
// many there are, and those of one key a load in ten seconds.
func TestUnknownKeysAreBounded(t *testing.T) {
	k := makeKeys()
	s, v := serveKeys(t, nil, public(k.first, "first"))
	require.NoError(t, v.Load(t.Context()))
	s.serve(t, public(k.first, "first"), public(k.second, "second"))
	s.pass(unknownKeyPause)
	require.True(t, verified(v, byKey(t, k.second, "second")), "the first token of a new key")
	require.EqualValues(t, 2, s.asked.Load())
	var tokens []string
	for i := range 200 {
		tokens = append(tokens, byKey(t, k.stranger, fmt.Sprint("unknown", i)))
	}
	flood := func() int32 {
		before := s.asked.Load()
		var all sync.WaitGroup
		for _, token := range tokens {
			all.Go(func() { assert.False(t, verified(v, token)) })
		}
		all.Wait()
		return s.asked.Load() - before
	}
	oneOrTwo := []int32{1, 2} // those that come during a load wait for another one
	assert.Contains(t, oneOrTwo, flood(), "a second after the one before")
	s.pass(unknownKeyPause)
	assert.Zero(t, flood(), "these keys were looked for just now")
	s.pass(missingKeyPause)
	assert.Contains(t, oneOrTwo, flood())
}

// TestUnknownKeysDelayNobody: somebody sends tokens of unknown keys all the time. When the issuer has a new
// key, the first token of it is accepted all the same, a second later at most.
func TestUnknownKeysDelayNobody(t *testing.T) {
	k := makeKeys()
	s, v := serveKeys(t, nil, public(k.first, "first"))
	require.NoError(t, v.Load(t.Context()))
	began := time.Now()
	var flood sync.WaitGroup
	var stop atomic.Bool
	for attacker := range 20 {
		flood.Go(func() {
			for i := 0; !stop.Load(); i++ {
				assert.False(t, verified(v, byKey(t, k.stranger, fmt.Sprint("unknown", attacker, " ", i))))
			}
		})
	}
	defer flood.Wait()
	defer stop.Store(true)
	for i := range 4 {
		time.Sleep(150 * time.Millisecond) // somewhere between two loads
		name := fmt.Sprint("new", i)
		token := byKey(t, k.second, name)
		s.serve(t, public(k.second, name))
		since := time.Now()
		require.True(t, verified(v, token), "the first token of a new key")
		assert.Less(t, time.Since(since), unknownKeyPause+3*time.Second)
	}
	assert.LessOrEqual(t, s.asked.Load(), 2+int32(time.Since(began)/unknownKeyPause))
}

// TestMissingKeysAreBounded: what is remembered of keys that nobody has is bounded, and a key is looked for
// again when it is forgotten.
func TestMissingKeysAreBounded(t *testing.T) {
	var m missingKeys
	now := time.Now()
	name := func(i int) jose.Header { return jose.Header{Algorithm: "RS256", KeyID: fmt.Sprint(i)} }
	for i := range 10 * maxMissingKeys {
		m.add(name(i), now)
		require.True(t, m.recent(name(i), now))
		require.LessOrEqual(t, len(m), maxMissingKeys)
	}
	assert.False(t, m.recent(name(0), now))
	assert.False(t, m.recent(name(10*maxMissingKeys-1), now.Add(missingKeyPause)))
	assert.False(t, m.recent(jose.Header{Algorithm: "ES256", KeyID: fmt.Sprint(10*maxMissingKeys - 1)}, now), "a key of another kind")
}

// While a load is under way, clients with known keys do not wait for it, and those with unknown
// keys wait for that one.
func TestOneLoadAtATime(t *testing.T) {
	k := makeKeys()
	s, v := serveKeys(t, nil, public(k.first, "first"))
	require.NoError(t, v.Load(t.Context()))
	release := make(chan struct{})
	both := jwks(t, public(k.first, "first"), public(k.second, "second"))
	s.do(func(w http.ResponseWriter) { <-release; _, _ = w.Write(both) })
	s.pass(unknownKeyPause)
	first, second := byKey(t, k.first, "first"), byKey(t, k.second, "second")
	var waiting sync.WaitGroup
	var accepted atomic.Int32
	for range 20 {
		waiting.Go(func() {
			if verified(v, second) {
				accepted.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return s.asked.Load() == 2 }, 10*time.Second, time.Millisecond)
	require.True(t, verified(v, first), "it does not wait")
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := v.VerifyToken(ctx, second); gone <- err }()
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	close(release)
	waiting.Wait()
	assert.EqualValues(t, 20, accepted.Load())
	assert.EqualValues(t, 2, s.asked.Load())
}

// A load goes on when its client has gone: the next one waits for it.
func TestClientLeavesDuringLoad(t *testing.T) {
	k := makeKeys()
	s, v := serveKeys(t, nil, public(k.first, "first"))
	release := make(chan struct{})
	text := jwks(t, public(k.first, "first"))
	s.do(func(w http.ResponseWriter) { <-release; _, _ = w.Write(text) })
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := v.VerifyToken(ctx, byKey(t, k.first, "first")); gone <- err }()
	require.Eventually(t, func() bool { return s.asked.Load() == 1 }, 10*time.Second, time.Millisecond)
	cancel()
	require.Error(t, <-gone)
	close(release)
	require.True(t, verified(v, byKey(t, k.first, "first")))
	assert.EqualValues(t, 1, s.asked.Load())
	assert.Empty(t, s.log.String())
}

// While the endpoint is down the last keys count, for a day. After that no token is accepted.
func TestEndpointDown(t *testing.T) {
	k := makeKeys()
	s, v := serveKeys(t, nil, public(k.first, "first"))
	s.down()
	token := byKey(t, k.first, "first")
	require.ErrorContains(t, v.Load(t.Context()), "the status is 503")
	require.False(t, verified(v, token), "no keys")
	s.pass(time.Second)
	s.serve(t, public(k.first, "first"))
	require.True(t, verified(v, token), "it is tried again")
	s.down()
	s.pass(DefaultRefresh)
	before := s.asked.Load()
	for range 10 {
		require.True(t, verified(v, token))
	}
	assert.Less(t, s.asked.Load()-before, int32(4), "the pauses between attempts grow")
	s.pass(MaxKeyAge - DefaultRefresh - time.Minute)
	require.True(t, verified(v, token))
	s.pass(time.Minute + time.Second)
	require.False(t, verified(v, token), "the keys are too old")
	s.pass(DefaultRetryBackoffMax)
	s.serve(t, public(k.first, "first"))
	require.True(t, verified(v, token), "it is back")
	log := s.log.String()
	assert.Contains(t, log, "the status is 503")
	assert.NotContains(t, log, "s3cr3t")
	assert.NotContains(t, log, token[:20])
}

// The pauses after failures are those of the configuration.
func TestBackoff(t *testing.T) {
	_, v := serveKeys(t, func(c *Config) { c.RetryBackoff, c.RetryBackoffMax = 100*time.Millisecond, time.Second })
	for failures, want := range map[int]time.Duration{1: 100, 2: 200, 3: 400, 4: 800, 5: 1000, 6: 1000, 1 << 20: 1000} {
		assert.Equal(t, want*time.Millisecond, v.remote.backoff(failures), "%d failures", failures)
	}
}

// Answers that are no key set, are too large, or come from elsewhere are not used.
func TestBadAnswers(t *testing.T) {
	k := makeKeys()
	set := jwks(t, public(k.first, "first"))
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string
	}{
		"empty":         {func(http.ResponseWriter) {}, "not a JSON Web Key Set"},
		"no set":        {func(w http.ResponseWriter) { fmt.Fprint(w, `{"kty":"RSA"}`) }, "not a JSON Web Key Set"},
		"no key":        {func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[]}`) }, "none of the 0 keys"},
		"no usable key": {func(w http.ResponseWriter) { fmt.Fprint(w, `{"keys":[{"kty":"oct","k":"eHh4"}]}`) }, "none of the 1 keys"},
		"large":         {func(w http.ResponseWriter) { fmt.Fprint(w, `{"x":"`+strings.Repeat("x", maxKeySetBytes)+`"}`) }, "expected at most"},
		"cut":           {func(w http.ResponseWriter) { w.Header().Set("Content-Length", "9999"); _, _ = w.Write(set) }, "unexpected EOF"},
		"created":       {func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated); _, _ = w.Write(set) }, "the status is 201"},
	} {
		t.Run(name, func(t *testing.T) {
			s, v := serveKeys(t, nil)
			s.do(test.answer)
			require.ErrorContains(t, v.Load(t.Context()), test.want)
			require.False(t, verified(v, byKey(t, k.first, "first")))
		})
	}
	t.Run("another certificate", func(t *testing.T) {
		s, v := serveKeys(t, func(c *Config) { c.TLS = nil }, public(k.first, "first"))
		require.ErrorContains(t, v.Load(t.Context()), "certificate")
		require.Zero(t, s.asked.Load())
	})
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	t.Cleanup(plain.Close)
	for name, test := range map[string]struct{ to, want string }{
		"redirect": {"/keys", ""}, "redirect to http": {plain.URL, "redirects"}, "redirects without end": {"/moved?to=/moved", "redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			_, v := serveKeys(t, func(c *Config) {
				c.Endpoint = strings.Replace(c.Endpoint, "/keys?secret=s3cr3t", "/moved?to="+test.to, 1)
			}, public(k.first, "first"))
			if test.want == "" {
				require.NoError(t, v.Load(t.Context()))
			} else {
				require.ErrorContains(t, v.Load(t.Context()), test.want)
			}
		})
	}
	t.Run("http on a loopback address", func(t *testing.T) {
		var log logtest.Log
		v, err := New(Config{Endpoint: plain.URL, Issuer: issuer, Audiences: []string{audience}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		require.NoError(t, v.Load(t.Context()))
		require.True(t, verified(v, byKey(t, k.first, "first")))
		assert.Contains(t, log.String(), "without TLS")
	})
}

// No goroutine is left after a load.
func TestNoGoroutineIsLeft(t *testing.T) {
	k := makeKeys()
	_, v := serveKeys(t, nil, public(k.first, "first"))
	require.NoError(t, v.Load(t.Context()))
	require.Eventually(t, func() bool {
		stacks := make([]byte, 1<<20)
		return !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("persistConn"))
	}, 10*time.Second, 10*time.Millisecond)
}

// A configuration that would accept tokens of others, or none at all, is refused.
func TestConfigIsChecked(t *testing.T) {
	k := makeKeys()
	set := jwks(t, public(k.first, "first"))
	for want, change := range map[string]func(*Config){
		"expected either JWKS or Endpoint": func(c *Config) { c.JWKS = nil },
		"either JWKS or Endpoint: no":      func(c *Config) { c.Endpoint = "https://issuer.example/keys" },
		"Issuer is empty":                  func(c *Config) { c.Issuer = "" },
		"Audiences is empty":               func(c *Config) { c.Audiences = nil },
		"an audience is empty":             func(c *Config) { c.Audiences = []string{"kafka", ""} },
		"ClockSkew is -1s":                 func(c *Config) { c.ClockSkew = -time.Second },
		"Refresh is -1s":                   func(c *Config) { c.Refresh = -time.Second },
		"RetryBackoff is -1s":              func(c *Config) { c.RetryBackoff = -time.Second },
		"RetryBackoffMax is -1s":           func(c *Config) { c.RetryBackoffMax = -time.Second },
		"at least RetryBackoff": func(c *Config) {
			c.JWKS, c.Endpoint, c.RetryBackoff, c.RetryBackoffMax = nil, "https://a.example/", 2, 1
		},
		"not a JSON Web Key Set":           func(c *Config) { c.JWKS = []byte("x") },
		"not a JSON Web Key Set: expected": func(c *Config) { c.JWKS = []byte(`{"KEYS":[]}`) },
		"none of the 0 keys":               func(c *Config) { c.JWKS = []byte(`{"keys":[]}`) },
		"key set of 1048577 bytes":         func(c *Config) { c.JWKS = make([]byte, maxKeySetBytes+1) },
		"http is for loopback":             func(c *Config) { c.JWKS, c.Endpoint = nil, "http://issuer.example/keys" },
		"expected https:":                  func(c *Config) { c.JWKS, c.Endpoint = nil, "ftp://issuer.example/keys" },
		"https://host/path":                func(c *Config) { c.JWKS, c.Endpoint = nil, "file:///etc/keys" },
		"without user and password":        func(c *Config) { c.JWKS, c.Endpoint = nil, "https://u:s3cr3t@issuer.example/keys" },
	} {
		t.Run(want, func(t *testing.T) {
			c := Config{JWKS: set, Issuer: issuer, Audiences: []string{audience}}
			change(&c)
			v, err := New(c)
			require.ErrorContains(t, err, want)
			require.Nil(t, v)
			require.NotContains(t, err.Error(), "s3cr3t")
		})
	}
	_, err := New(Config{})
	require.ErrorContains(t, err, "Issuer")
	require.ErrorContains(t, err, "Audiences")
	require.ErrorContains(t, err, "JWKS")
}
