package proxy_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// A listener that accepts unauthenticated clients, or exposes passwords, logs a warning
// when it opens.
func TestUnsafeListenersWarn(t *testing.T) {
	const open, clear = "clients are not authenticated", "PLAIN without TLS"
	users := map[string]string{"alice": "a"}
	sasl := func(mechanisms ...string) *proxy.SASL { return &proxy.SASL{Mechanisms: mechanisms, Users: users} }
	secured := func(auth tls.ClientAuthType) *tls.Config { return &tls.Config{ClientAuth: auth} }
	for name, test := range map[string]struct {
		listener proxy.Listener
		want     string
	}{
		"in the clear":                   {proxy.Listener{Protocol: proxy.Plaintext, Address: "127.0.0.1:0"}, open},
		"TLS without certificates":       {proxy.Listener{Protocol: proxy.SSL, Address: "127.0.0.1:0", TLS: secured(tls.NoClientCert)}, open},
		"certificates that are optional": {proxy.Listener{Protocol: proxy.SSL, Address: "127.0.0.1:0", TLS: secured(tls.VerifyClientCertIfGiven)}, open},
		"certificates":                   {proxy.Listener{Protocol: proxy.SSL, Address: "127.0.0.1:0", TLS: secured(tls.RequireAndVerifyClientCert)}, ""},
		"PLAIN on loopback":              {proxy.Listener{Protocol: proxy.SASLPlaintext, Address: "127.0.0.1:0", SASL: sasl(proxy.Plain)}, ""},
		"PLAIN on loopback, IPv6":        {proxy.Listener{Protocol: proxy.SASLPlaintext, Address: "[::1]:0", SASL: sasl(proxy.Plain)}, ""},
		"PLAIN on localhost":             {proxy.Listener{Protocol: proxy.SASLPlaintext, Address: "localhost:0", SASL: sasl(proxy.Plain)}, ""},
		"PLAIN on LocalHost":             {proxy.Listener{Protocol: proxy.SASLPlaintext, Address: "LocalHost:0", SASL: sasl(proxy.Plain)}, ""},
		"PLAIN on every address":         {proxy.Listener{Protocol: proxy.SASLPlaintext, Address: "0.0.0.0:0", Advertised: "p", SASL: sasl(proxy.ScramSHA256, proxy.Plain)}, clear},
		"PLAIN on no address":            {proxy.Listener{Protocol: proxy.SASLPlaintext, Address: ":0", Advertised: "p", SASL: sasl(proxy.Plain)}, clear},
		"PLAIN on a name":                {proxy.Listener{Protocol: proxy.SASLPlaintext, Address: "proxy.example.com:0", SASL: sasl(proxy.Plain)}, clear},
		"SCRAM on every address":         {proxy.Listener{Protocol: proxy.SASLPlaintext, Address: "0.0.0.0:0", Advertised: "p", SASL: sasl(proxy.ScramSHA256)}, ""},
		"PLAIN with TLS":                 {proxy.Listener{Protocol: proxy.SASLSSL, Address: "0.0.0.0:0", Advertised: "p", TLS: secured(tls.NoClientCert), SASL: sasl(proxy.Plain)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			warnings, err := proxy.Warnings(test.listener)
			assert.NoError(t, err)
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
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{{Protocol: proxy.Plaintext, Address: "127.0.0.1:0"}}})
	assert.Len(t, p.log.with("level=WARN", open, "listener=PLAINTEXT address=127.0.0.1:0"), 1)
}
