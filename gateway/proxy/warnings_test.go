package proxy_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/logtest"
	"github.com/portcullis-authz/portcullis/ops"
)

// A listener that accepts unauthenticated clients, or exposes passwords, logs a warning
// when it opens.
func TestUnsafeListenersWarn(t *testing.T) {
	const open, clear, salts = "clients are not authenticated", "PLAIN without TLS", "no secret for the salts"
	salted := func(secret []byte) *proxy.SASL {
		return &proxy.SASL{Mechanisms: []string{proxy.ScramSHA256}, Credentials: map[string][]proxy.ScramCredential{"alice": {}}, SaltSecret: secret}
	}
	users := map[string]string{"alice": "a"}
	sasl := func(mechanisms ...string) *proxy.SASL { return &proxy.SASL{Mechanisms: mechanisms, Users: users} }
	secured := func(auth tls.ClientAuthType) *tls.Config { return &tls.Config{ClientAuth: auth} }
	for name, test := range map[string]struct {
		listener proxy.Listener
		want     string
	}{
		"in the clear":                   {proxy.Listener{Protocol: ops.Plaintext, Address: "127.0.0.1:0"}, open},
		"TLS without certificates":       {proxy.Listener{Protocol: ops.SSL, Address: "127.0.0.1:0", TLS: secured(tls.NoClientCert)}, open},
		"certificates that are optional": {proxy.Listener{Protocol: ops.SSL, Address: "127.0.0.1:0", TLS: secured(tls.VerifyClientCertIfGiven)}, open},
		"certificates":                   {proxy.Listener{Protocol: ops.SSL, Address: "127.0.0.1:0", TLS: secured(tls.RequireAndVerifyClientCert)}, ""},
		"PLAIN on loopback":              {proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: sasl(proxy.Plain)}, ""},
		"PLAIN on loopback, IPv6":        {proxy.Listener{Protocol: ops.SASLPlaintext, Address: "[::1]:0", SASL: sasl(proxy.Plain)}, ""},
		"PLAIN on localhost":             {proxy.Listener{Protocol: ops.SASLPlaintext, Address: "localhost:0", SASL: sasl(proxy.Plain)}, ""},
		"PLAIN on LocalHost":             {proxy.Listener{Protocol: ops.SASLPlaintext, Address: "LocalHost:0", SASL: sasl(proxy.Plain)}, ""},
		"PLAIN on every address":         {proxy.Listener{Protocol: ops.SASLPlaintext, Address: "0.0.0.0:0", Advertised: "p", SASL: sasl(proxy.ScramSHA256, proxy.Plain)}, clear},
		"PLAIN on no address":            {proxy.Listener{Protocol: ops.SASLPlaintext, Address: ":0", Advertised: "p", SASL: sasl(proxy.Plain)}, clear},
		"PLAIN on a name":                {proxy.Listener{Protocol: ops.SASLPlaintext, Address: "proxy.example.com:0", SASL: sasl(proxy.Plain)}, clear},
		"SCRAM on every address":         {proxy.Listener{Protocol: ops.SASLPlaintext, Address: "0.0.0.0:0", Advertised: "p", SASL: sasl(proxy.ScramSHA256)}, ""},
		"PLAIN with TLS":                 {proxy.Listener{Protocol: ops.SASLSSL, Address: "0.0.0.0:0", Advertised: "p", TLS: secured(tls.NoClientCert), SASL: sasl(proxy.Plain)}, ""},
		"tokens on loopback":             {proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: sasl(proxy.OAuthBearer)}, ""},
		"tokens on every address":        {proxy.Listener{Protocol: ops.SASLPlaintext, Address: "0.0.0.0:0", Advertised: "p", SASL: sasl(proxy.OAuthBearer)}, "OAUTHBEARER without TLS"},
		"tokens with TLS":                {proxy.Listener{Protocol: ops.SASLSSL, Address: "0.0.0.0:0", Advertised: "p", TLS: secured(tls.NoClientCert), SASL: sasl(proxy.OAuthBearer)}, ""},
		"salted credentials":             {proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: salted(nil)}, salts},
		"with a secret":                  {proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: salted(make([]byte, 32))}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			warnings := test.listener.Warnings()
			if test.want == "" {
				assert.Empty(t, warnings)
				return
			}
			if assert.Len(t, warnings, 1) {
				assert.Contains(t, warnings[0], test.want)
			}
		})
	}
	// They are lines of the log.
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{{Protocol: ops.Plaintext, Address: "127.0.0.1:0"}}})
	assert.Len(t, p.log.With("level=WARN", open, "listener=PLAINTEXT address=127.0.0.1:0"), 1)
}

// A proxy that sends its own password or token over a network in clear says so before it does,
// whether it is told so by flags or by a file.
func TestUnsafeUpstreamsWarn(t *testing.T) {
	password := plain.Auth{User: "u", Pass: "s3cr3t"}.AsMechanism()
	token := oauth.Auth{Token: "s3cr3t"}.AsMechanism()
	hashed := scram.Auth{User: "u", Pass: "s3cr3t"}.AsSha256Mechanism()
	const far = "10.0.0.1:9092"
	for name, test := range map[string]struct {
		upstream relay.Upstream
		want     []string
	}{
		"PLAIN":             {relay.Upstream{Brokers: []string{"127.0.0.1:1", far, "[::1]:1", "Localhost:1", "kafka:1"}, SASL: password}, []string{"PLAIN without TLS: the password of the proxy crosses the network to 10.0.0.1:9092 in clear", "PLAIN without TLS: the password of the proxy crosses the network to kafka:1 in clear"}},
		"OAUTHBEARER":       {relay.Upstream{Brokers: []string{far}, SASL: token}, []string{"OAUTHBEARER without TLS: the token of the proxy crosses the network to 10.0.0.1:9092 in clear"}},
		"SCRAM":             {relay.Upstream{Brokers: []string{far}, SASL: hashed}, nil},
		"PLAIN with TLS":    {relay.Upstream{Brokers: []string{far}, SASL: password, TLS: &tls.Config{}}, nil},
		"PLAIN on loopback": {relay.Upstream{Brokers: []string{"127.0.0.2:1"}, SASL: password}, nil},
		"no login":          {relay.Upstream{Brokers: []string{far}}, nil},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.want, test.upstream.Warnings()) })
	}
	// They are lines of the log, before anything is connected.
	var log logtest.Log
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := proxy.Listen(ctx, proxy.Config{
		Upstream: relay.Upstream{Brokers: []string{"nowhere.invalid:9092"}, SASL: password}, Store: store(t), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Listeners: []proxy.Listener{{Protocol: ops.Plaintext, Address: "127.0.0.1:0"}},
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Len(t, log.With("level=WARN", "PLAIN without TLS", "nowhere.invalid:9092"), 1)
}

// Each client needs two file descriptors. Without enough of them, the log says so at the start.
func TestWarningOfDescriptors(t *testing.T) {
	p := start(t, upstream(t), proxy.Config{Store: store(t), Limits: relay.Limits{Connections: 100}})
	const warning = "too few file descriptors"
	p.WarnOfDescriptors(404) // two for each client, four ports, and two hundred others
	require.Empty(t, p.log.With(warning))
	p.WarnOfDescriptors(403)
	require.Len(t, p.log.With(warning), 1)
}
