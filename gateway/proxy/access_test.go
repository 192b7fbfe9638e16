package proxy_test

import (
	"context"
	"crypto/tls"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

// peerName connects with TLS and returns the name of the server's certificate, or the error
// of the handshake.
func peerName(t *testing.T, address string, config *tls.Config) (string, error) {
	t.Helper()
	config = config.Clone()
	config.ServerName = "127.0.0.1"
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

// Certificates and authorities are replaced for new connections.
func TestReconfigureTLS(t *testing.T) {
	first, second := newAuthority(t), newAuthority(t)
	listener := func(a *authority, name string) proxy.Listener {
		return proxy.Listener{Protocol: ops.SSL, Address: "127.0.0.1:0", TLS: &tls.Config{
			Certificates: []tls.Certificate{a.issue(name, "x")}, ClientCAs: a.pool(), ClientAuth: tls.RequireAndVerifyClientCert,
		}}
	}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{listener(first, "first")}})
	client := func(trusts, by *authority) *tls.Config {
		return &tls.Config{RootCAs: trusts.pool(), Certificates: []tls.Certificate{by.issue("client", "x")}, MaxVersion: tls.VersionTLS12} // refuses within the handshake
	}
	name, err := peerName(t, p.Addresses()[0], client(first, first))
	require.NoError(t, err)
	require.Equal(t, "first", name)
	require.NoError(t, p.Reconfigure(relay.Upstream{}, []proxy.Listener{listener(second, "second")}))
	name, err = peerName(t, p.Addresses()[0], client(second, second))
	require.NoError(t, err)
	require.Equal(t, "second", name)
	_, err = peerName(t, p.Addresses()[0], client(second, first))
	require.Error(t, err, "a client of the authority that was replaced")
}

// Users, mechanisms and the limit of a session are replaced for logins that begin later, also
// on open connections. Who is logged in stays so.
func TestReconfigureUsers(t *testing.T) {
	listener := func(users map[string]string, mechanisms ...string) proxy.Listener {
		return proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{Mechanisms: mechanisms, Users: users, MaxSession: time.Hour}}
	}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{listener(passwords, proxy.Plain, proxy.ScramSHA256)}})
	open, waiting := dial(t, p.Addresses()[0]), dial(t, p.Addresses()[0])
	require.Zero(t, open.login("alice", passwords["alice"]).ErrorCode)
	waiting.handshake(proxy.ScramSHA256, 1)
	require.Zero(t, waiting.token("n,,n=bob,r=abc").ErrorCode, "a login that has begun")

	changed := maps.Clone(passwords)
	delete(changed, "alice")
	changed["bob"] = "new"
	require.NoError(t, p.Reconfigure(relay.Upstream{}, []proxy.Listener{listener(changed, proxy.Plain)}))
	require.Equal(t, kerr.SaslAuthenticationFailed.Code, dial(t, p.Addresses()[0]).login("alice", passwords["alice"]).ErrorCode)
	require.Equal(t, kerr.SaslAuthenticationFailed.Code, dial(t, p.Addresses()[0]).login("bob", passwords["bob"]).ErrorCode)
	require.Zero(t, dial(t, p.Addresses()[0]).login("bob", "new").ErrorCode)
	unknown := dial(t, p.Addresses()[0])
	require.Equal(t, kerr.UnsupportedSaslMechanism.Code, unknown.handshake(proxy.ScramSHA256, 1).ErrorCode)

	open.works() // the session goes on
	require.Equal(t, kerr.SaslAuthenticationFailed.Code, open.login("alice", passwords["alice"]).ErrorCode, "until the client logs in again")

	described := dial(t, p.Addresses()[0])
	require.Zero(t, described.login("admin", passwords["admin"]).ErrorCode)
	describe := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	require.Empty(t, described.ask(describe, 0).(*kmsg.DescribeUserSCRAMCredentialsResponse).Results, "without SCRAM there are no credentials")
}

// If one listener is wrong, none is replaced.
func TestReconfigureAllOrNothing(t *testing.T) {
	plain := func(password string) proxy.Listener {
		return proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain}, Users: map[string]string{"alice": password}}}
	}
	open := proxy.Listener{Protocol: ops.Plaintext, Address: "127.0.0.1:0"}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{plain("a"), open}})
	moved, nobody, wrong := plain("b"), plain("b"), plain("b")
	moved.Address = "127.0.0.1:1"
	nobody.SASL.Users = nil
	wrong.SASL.Mechanisms = []string{"X"}
	secure := open
	secure.TLS = &tls.Config{}
	elsewhere := open
	elsewhere.Advertised = "h"
	for name, test := range map[string]struct {
		listeners []proxy.Listener
		want      string
		upstream  relay.Upstream
	}{
		"too few":          {[]proxy.Listener{plain("b")}, "1 listeners: expected the 2", relay.Upstream{}},
		"another address":  {[]proxy.Listener{moved, open}, "cannot change while it is open", relay.Upstream{}},
		"another host":     {[]proxy.Listener{plain("b"), elsewhere}, "cannot change while it is open", relay.Upstream{}},
		"no users":         {[]proxy.Listener{nobody, open}, "SASL has no users", relay.Upstream{}},
		"a mechanism":      {[]proxy.Listener{wrong, open}, "SASL mechanism X", relay.Upstream{}},
		"the second":       {[]proxy.Listener{plain("b"), secure}, "TLS is set, but PLAINTEXT does not use it", relay.Upstream{}},
		"the cluster":      {[]proxy.Listener{plain("b"), open}, "whether the connections to the upstream have TLS", relay.Upstream{TLS: &tls.Config{}}},
		"another protocol": {[]proxy.Listener{open, open}, "cannot change while it is open", relay.Upstream{}},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, p.Reconfigure(test.upstream, test.listeners), test.want)
			require.Zero(t, dial(t, p.Addresses()[0]).login("alice", "a").ErrorCode)
		})
	}
	require.NoError(t, p.Reconfigure(relay.Upstream{}, []proxy.Listener{plain("b"), open}))
	require.Zero(t, dial(t, p.Addresses()[0]).login("alice", "b").ErrorCode)
}

// Mapping rules are replaced, and clients log in all the while.
func TestReconfigureWhileClientsLogIn(t *testing.T) {
	a := newAuthority(t)
	listener := func(rules string) proxy.Listener {
		parsed, err := principal.ParseSSLRules(rules, 0)
		require.NoError(t, err)
		names, err := principal.NewBuilder(principal.BuilderConfig{SSLRules: parsed})
		require.NoError(t, err)
		return proxy.Listener{Protocol: ops.SASLSSL, Address: "127.0.0.1:0", Principals: names, TLS: &tls.Config{Certificates: []tls.Certificate{a.issue("proxy", "x")}},
			SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain}, Users: passwords}}
	}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{listener("DEFAULT")}})
	var logins sync.WaitGroup
	for range 4 {
		logins.Go(func() {
			for range 10 {
				name, err := peerName(t, p.Addresses()[0], &tls.Config{RootCAs: a.pool()})
				assert.NoError(t, err)
				assert.Equal(t, "proxy", name)
			}
		})
	}
	for range 20 {
		require.NoError(t, p.Reconfigure(relay.Upstream{}, []proxy.Listener{listener("RULE:^(.*)$/x/")}))
	}
	logins.Wait()
}

// The proxy's own certificates and password are replaced for new connections to the cluster.
func TestReconfigureUpstream(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	cluster := upstream(t, kfake.SeedTopics(1, "orders"), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "proxy", "proxy-secret"),
		kfake.EnableACLs(), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{ca.issue("broker", "Brokers")}}))
	to := func(trusts *authority, password string) relay.Upstream {
		return relay.Upstream{Brokers: cluster.ListenAddrs(), TLS: &tls.Config{RootCAs: trusts.pool()}, SASL: scram.Auth{User: "proxy", Pass: password}.AsSha512Mechanism()}
	}
	p := start(t, cluster, proxy.Config{Upstream: to(ca, "proxy-secret"), Store: store(t, "alice ALLOW WRITE TOPIC orders"), Listeners: []proxy.Listener{plainListener()}})
	reconfigure := func(u relay.Upstream) error { return p.Reconfigure(u, []proxy.Listener{plainListener()}) }
	produce := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		return client(t, p.Addresses()[0], "alice").ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr()
	}
	require.NoError(t, produce())
	require.NoError(t, reconfigure(to(other, "proxy-secret")))
	require.Error(t, produce(), "the authority of the brokers is not trusted")
	require.NoError(t, reconfigure(to(ca, "wrong")))
	require.Error(t, produce(), "the password is wrong")
	require.NoError(t, reconfigure(to(ca, "proxy-secret")))
	require.Eventually(t, func() bool { return produce() == nil }, 30*time.Second, 100*time.Millisecond)

	open, otherWay := to(ca, "proxy-secret"), to(ca, "proxy-secret")
	open.TLS = nil
	otherWay.SASL = scram.Auth{User: "proxy", Pass: "proxy-secret"}.AsSha256Mechanism()
	require.ErrorContains(t, reconfigure(open), "whether the connections to the upstream have TLS cannot change")
	require.ErrorContains(t, reconfigure(otherWay), "the mechanism of the login to the upstream cannot change")
	require.NoError(t, produce())
}

// If the limit of sessions is taken away, a client that logs in again has a session without end.
func TestSessionAfterReconfigure(t *testing.T) {
	listener := func(limit time.Duration) proxy.Listener {
		return proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{Mechanisms: []string{proxy.Plain}, Users: passwords, MaxSession: limit}}
	}
	p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{listener(time.Second)}})
	w := dial(t, p.Addresses()[0])
	require.Zero(t, w.login("alice", passwords["alice"]).ErrorCode)
	require.NoError(t, p.Reconfigure(relay.Upstream{}, []proxy.Listener{listener(0)}))
	again := w.login("alice", passwords["alice"])
	require.Zero(t, again.ErrorCode)
	require.Zero(t, again.SessionLifetimeMillis, "no end")
	time.Sleep(1500 * time.Millisecond)
	w.works()
}
