package proxy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
)

// authority issues the certificates of a test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue returns a certificate for CN=name,OU=unit.
func (a *authority) issue(name, unit string) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, OrganizationalUnit: []string{unit}},
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Clients are known by their certificates, mapped by the rules of the listener.
func TestMutualTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	rules, err := principal.ParseSSLRules(`RULE:^CN=([^,]+),OU=Services$/$1/L`, 0)
	if err != nil {
		t.Fatal(err)
	}
	names, err := principal.NewBuilder(principal.BuilderConfig{SSLRules: rules})
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders")), proxy.Config{
		Store: store(t, "alice ALLOW WRITE TOPIC orders"),
		Listeners: []proxy.Listener{{
			Protocol: ops.SSL, Address: "127.0.0.1:0", Principals: names,
			TLS: &tls.Config{
				Certificates: []tls.Certificate{ca.issue("proxy", "Proxies")},
				ClientCAs:    ca.pool(), ClientAuth: tls.RequireAndVerifyClientCert,
			},
		}},
	})
	connect := func(certificates ...tls.Certificate) *kgo.Client {
		c, err := kgo.NewClient(kgo.SeedBrokers(p.Addresses()...), kgo.RequestRetries(0),
			kgo.DialTLSConfig(&tls.Config{RootCAs: ca.pool(), Certificates: certificates}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	produce := func(certificate tls.Certificate) error {
		return connect(certificate).ProduceSync(soon(t), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr()
	}
	if err := produce(ca.issue("Alice", "Services")); err != nil {
		t.Errorf("alice: %v", err)
	}
	if err := produce(ca.issue("bob", "Services")); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("bob: %v", err)
	}
	for what, certificates := range map[string][]tls.Certificate{
		"a name without a rule": {ca.issue("alice", "Interns")},
		"another issuer":        {other.issue("alice", "Services")},
		"no certificate":        nil,
	} {
		if err := connect(certificates...).Ping(soon(t)); err == nil {
			t.Errorf("%s: connected", what)
		}
	}
	if len(p.log.With("connection refused", "no rule applies")) == 0 {
		t.Error("it is not logged that no rule applies")
	}
}

// SASL over TLS on both sides: the proxy logs in at the upstream as itself.
func TestSASLOverTLS(t *testing.T) {
	ca := newAuthority(t)
	cluster := upstream(t, kfake.SeedTopics(1, "orders"), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "proxy", "proxy-secret"),
		kfake.EnableACLs(), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{ca.issue("broker", "Brokers")}}))
	l := plainListener()
	l.Protocol, l.TLS = ops.SASLSSL, &tls.Config{Certificates: []tls.Certificate{ca.issue("proxy", "Proxies")}}
	p := start(t, cluster, proxy.Config{
		Upstream: relay.Upstream{
			Brokers: cluster.ListenAddrs(), TLS: &tls.Config{RootCAs: ca.pool()},
			SASL: scram.Auth{User: "proxy", Pass: "proxy-secret"}.AsSha512Mechanism(),
		},
		Store: store(t, "alice ALLOW WRITE TOPIC orders"), Listeners: []proxy.Listener{l},
	})
	for user, want := range map[string]error{"alice": nil, "bob": kerr.TopicAuthorizationFailed} {
		auth := scram.Auth{User: user, Pass: passwords[user]}
		for _, mechanism := range []sasl.Mechanism{auth.AsSha256Mechanism(), auth.AsSha512Mechanism()} {
			c := clientBy(t, p.Addresses()[0], mechanism, kgo.DialTLSConfig(&tls.Config{RootCAs: ca.pool()}))
			if err := c.ProduceSync(soon(t), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr(); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", user, err, want)
			}
		}
	}
}

func TestUpstreamRefusesTheProxy(t *testing.T) {
	cluster := upstream(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "proxy", "proxy-secret"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // it is waited for: the user may be made yet
	defer cancel()
	_, err := proxy.Listen(ctx, proxy.Config{
		Upstream: relay.Upstream{Brokers: cluster.ListenAddrs(), SASL: scram.Auth{User: "proxy", Pass: "wrong"}.AsSha256Mechanism()},
		Store:    store(t), Listeners: []proxy.Listener{plainListener()},
	})
	if err == nil {
		t.Error("no error")
	}
}
