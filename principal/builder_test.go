package principal_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/principal"
)

func ExampleNewBuilder() {
	settings, err := principal.ParseSettings(map[string]string{
		"ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/L",
		"super.users":                 "User:admin",
		"log.dirs":                    "/var/kafka",
	}, "EXAMPLE.COM", 0)
	if err != nil {
		panic(err)
	}
	builder, err := principal.NewBuilder(principal.BuilderConfig{SSLRules: settings.SSLRules, KerberosRules: settings.KerberosRules})
	if err != nil {
		panic(err)
	}
	fmt.Println(principal.Anonymous)
	fmt.Println(builder.SASL("SCRAM-SHA-512", "alice"))
	fmt.Println(builder.SASL("GSSAPI", "kafka/broker1.example.com@EXAMPLE.COM"))
	fmt.Println(builder.SASL("NTLM", "alice"))
	// Output:
	// User:ANONYMOUS
	// User:alice <nil>
	// User:kafka <nil>
	// : unknown SASL mechanism "NTLM"
}

func newBuilder(t *testing.T, config principal.BuilderConfig) *principal.Builder {
	t.Helper()
	builder, err := principal.NewBuilder(config)
	require.NoError(t, err)
	return builder
}

// authority signs certificates for tests.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true})
	return a
}

// issue signs a template. The first certificate signs itself.
func (a *authority) issue(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// handshake connects a client to a server and returns the server's connection state.
// The client has a certificate for template, or none if template is nil.
func (a *authority) handshake(auth tls.ClientAuthType, template *x509.Certificate) *tls.ConnectionState {
	a.t.Helper()
	pair := func(template *x509.Certificate) tls.Certificate {
		cert, key := a.issue(template)
		return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	client := &tls.Config{RootCAs: roots, ServerName: "broker"}
	if template != nil {
		client.Certificates = []tls.Certificate{pair(template)}
	}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	server := tls.Server(near, &tls.Config{ClientAuth: auth, ClientCAs: roots,
		Certificates: []tls.Certificate{pair(&x509.Certificate{DNSNames: []string{"broker"}})}})
	go func() {
		conn := tls.Client(far, client)
		conn.Handshake()
		conn.Read(make([]byte, 1)) // reads what the server still sends
	}()
	if err := server.Handshake(); err != nil {
		a.t.Fatal(err)
	}
	state := server.ConnectionState()
	return &state
}

func TestBuilderTLS(t *testing.T) {
	ca := newAuthority(t)
	usage := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	spiffe := &url.URL{Scheme: "spiffe", Host: "example.org", Path: "/ns/prod/sa/billing"}
	alice := &x509.Certificate{Subject: pkix.Name{CommonName: "Alice", OrganizationalUnit: []string{"Sales"}}, ExtKeyUsage: usage,
		DNSNames: []string{"alice.example.org"}, URIs: []*url.URL{spiffe}, EmailAddresses: []string{"alice@example.org", "a@example.org"}}
	rules := mustParse(t, "RULE:^CN=([^,]*),OU=Sales$/$1/L")
	verified := ca.handshake(tls.RequireAndVerifyClientCert, alice)
	unverified := ca.handshake(tls.RequireAnyClientCert, alice)
	bob := ca.handshake(tls.RequireAndVerifyClientCert, &x509.Certificate{Subject: pkix.Name{CommonName: "Bob"}, ExtKeyUsage: usage})
	for _, test := range []struct {
		name   string
		config principal.BuilderConfig
		state  *tls.ConnectionState
		want   string
		err    error
	}{
		{"default rules", principal.BuilderConfig{}, verified, "User:CN=Alice,OU=Sales", nil},
		{"rules", principal.BuilderConfig{SSLRules: rules}, verified, "User:alice", nil},
		{"no rule applies", principal.BuilderConfig{SSLRules: rules}, bob, ":", principal.ErrNoRule},
		{"no certificate", principal.BuilderConfig{SSLRules: rules}, ca.handshake(tls.VerifyClientCertIfGiven, nil), "User:ANONYMOUS", nil},
		{"not verified", principal.BuilderConfig{SSLRules: rules}, unverified, ":", principal.ErrUnverified},
		{"verified elsewhere", principal.BuilderConfig{SSLRules: rules, VerifiedElsewhere: true}, unverified, "User:alice", nil},
		{"no state", principal.BuilderConfig{}, nil, ":", principal.ErrHandshake},
		{"no handshake", principal.BuilderConfig{}, &tls.ConnectionState{}, ":", principal.ErrHandshake},
		{"dns", principal.BuilderConfig{CertificateName: "dns"}, verified, "User:alice.example.org", nil},
		{"uri", principal.BuilderConfig{CertificateName: "uri"}, verified, "User:spiffe://example.org/ns/prod/sa/billing", nil},
		{"spiffe", principal.BuilderConfig{CertificateName: "spiffe"}, verified, "User:spiffe://example.org/ns/prod/sa/billing", nil},
		{"two e-mail addresses", principal.BuilderConfig{CertificateName: "email"}, verified, ":", principal.ErrNoCertificateName},
		{"no dns name", principal.BuilderConfig{CertificateName: "dns"}, bob, ":", principal.ErrNoCertificateName},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := newBuilder(t, test.config).TLS(test.state)
			assert.Equal(t, test.want, got.String())
			assert.ErrorIs(t, err, test.err)
			assert.Equal(t, test.err == nil, err == nil)
		})
	}
}

func TestSPIFFENames(t *testing.T) {
	builder := newBuilder(t, principal.BuilderConfig{CertificateName: "spiffe", VerifiedElsewhere: true})
	for uri, ok := range map[string]bool{
		"spiffe://example.org/a":                            true,
		"spiffe://example.org/A/b-c_d.1":                    true,
		"spiffe://example.org":                              false,
		"spiffe://example.org/":                             false,
		"spiffe:///a":                                       false,
		"spiffe://Example.org/a":                            false,
		"spiffe://example.org:443/a":                        false,
		"spiffe://user@example.org/a":                       false,
		"spiffe://example.org/a/../b":                       false,
		"spiffe://example.org/a//b":                         false,
		"spiffe://example.org/a?b":                          false,
		"spiffe://example.org/a%20b":                        false,
		"https://example.org/a":                             false,
		"example.org/a":                                     false,
		"spiffe://example.org/" + strings.Repeat("a", 2027): true,
		"spiffe://example.org/" + strings.Repeat("a", 2028): false,
	} {
		parsed, err := url.Parse(uri)
		require.NoError(t, err)
		got, err := builder.TLS(&tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{{URIs: []*url.URL{parsed}}}})
		assert.False(t, ok && (err != nil || got != principal.User(uri)), "%.60s: %v, %v", uri, got, err)
		assert.False(t, !ok && (got != principal.Principal{} || !errors.Is(err, principal.ErrNoCertificateName)), "%.60s: %v, %v", uri, got, err)
	}
}

func TestBuilderSASL(t *testing.T) {
	kerberos, err := principal.ParseKerberosRules([]string{"RULE:[1:$1@$0](.*@R)s/@.*//"}, "", 0)
	require.NoError(t, err)
	with, without := newBuilder(t, principal.BuilderConfig{KerberosRules: kerberos}), new(principal.Builder)
	for _, test := range []struct {
		builder       *principal.Builder
		mechanism, id string
		want          string
		err           error
	}{
		{without, "PLAIN", "alice", "User:alice", nil},
		{without, "SCRAM-SHA-256", "a:b*", "User:a:b*", nil},
		{without, "OAUTHBEARER", "alice@example.org", "User:alice@example.org", nil},
		{without, "plain", "alice", ":", principal.ErrUnknownMechanism},
		{without, "", "alice", ":", principal.ErrUnknownMechanism},
		{without, "PLAIN", "", ":", principal.ErrNoAuthorizationName},
		{without, "PLAIN", "\xff", ":", principal.ErrNoAuthorizationName},
		{without, "GSSAPI", "alice@R", ":", principal.ErrNoKerberosRules},
		{with, "GSSAPI", "alice@R", "User:alice", nil},
		{with, "GSSAPI", "alice@S", ":", principal.ErrNoRule},
	} {
		t.Run(test.mechanism, func(t *testing.T) {
			got, err := test.builder.SASL(test.mechanism, test.id)
			assert.Equal(t, test.want, got.String(), "%s %q", test.mechanism, test.id)
			assert.ErrorIs(t, err, test.err, "%s %q", test.mechanism, test.id)
			assert.Equal(t, test.err == nil, err == nil, "%s %q", test.mechanism, test.id)
		})
	}
}

func TestBuilderToken(t *testing.T) {
	builder := new(principal.Builder)
	got, err := builder.Token(principal.User("alice"))
	require.NoError(t, err)
	assert.Equal(t, principal.Principal{Type: "User", Name: "alice", TokenAuthenticated: true}, got)
	for _, owner := range []principal.Principal{{}, principal.User(""), {Type: "Group", Name: "alice"}} {
		got, err := builder.Token(owner)
		assert.Equal(t, principal.Principal{}, got, owner)
		assert.ErrorIs(t, err, principal.ErrNoTokenOwner, owner)
	}
}

func TestBuilderClaims(t *testing.T) {
	for _, test := range []struct{ pointer, claims, want string }{
		{"/sub", `{"iss":"x","sub":"alice"}`, "User:alice"},
		{"/sub", `{"a":{"sub":"eve"},"sub":"\u0061"}`, "User:a"},
		{"/a~1b/~0/1", `{"a/b":{"~":["x","alice"]}}`, "User:alice"},
		{"/", `{"":"alice"}`, "User:alice"},
		{strings.Repeat("/a", 16), strings.Repeat(`{"a":`, 16) + `"alice"` + strings.Repeat("}", 16), "User:alice"},
		{"/sub", `{"sub":"` + strings.Repeat("a", 1<<18-10) + `"}`, "User:" + strings.Repeat("a", 1<<18-10)},
		{"", `{"sub":"alice"}`, ":"},
		{"", `"alice"`, ":"},
		{"/sub", `{}`, ":"},
		{"/sub", ``, ":"},
		{"/sub", `null`, ":"},
		{"/sub", `["alice"]`, ":"},
		{"/sub", `{"sub":""}`, ":"},
		{"/sub", `{"sub":null}`, ":"},
		{"/sub", `{"sub":7}`, ":"},
		{"/sub", `{"sub":["alice"]}`, ":"},
		{"/sub", `{"SUB":"alice"}`, ":"},
		{"/sub", `{"sub":"alice","sub":"eve"}`, ":"},
		{"/sub", `{"sub":"alice","s\u0075b":"eve"}`, ":"},
		{"/sub", `{"sub":"alice"} {}`, ":"},
		{"/sub", "{\"sub\":\"a\xff\"}", ":"},
		{"/sub", `{"sub":"a\ud800"}`, ":"},
		{"/a/01", `{"a":["x","alice"]}`, ":"},
		{"/sub", `{"sub":"` + strings.Repeat("a", 1<<18-9) + `"}`, ":"},
	} {
		t.Run(test.pointer, func(t *testing.T) {
			got, err := newBuilder(t, principal.BuilderConfig{TokenClaim: test.pointer}).Claims([]byte(test.claims))
			assert.Equal(t, test.want, got.String(), "%s of %.40s", test.pointer, test.claims)
			assert.Equal(t, errors.Is(err, principal.ErrNoClaim), test.want == ":", "%s of %.40s", test.pointer, test.claims)
		})
	}
}

func TestNewBuilderRefusals(t *testing.T) {
	for _, config := range []principal.BuilderConfig{
		{TokenClaim: "sub"}, {TokenClaim: "/a~2"}, {TokenClaim: "/a~"}, {TokenClaim: strings.Repeat("/a", 17)},
		{CertificateName: "serial"}, {CertificateName: "DNS"},
	} {
		t.Run(fmt.Sprint(config), func(t *testing.T) {
			builder, err := principal.NewBuilder(config)
			assert.Nil(t, builder)
			assert.Error(t, err)
		})
	}
}

func TestParseSettings(t *testing.T) {
	const class = "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"
	settings, err := principal.ParseSettings(map[string]string{
		"ssl.principal.mapping.rules":            "RULE:CN=(.*)/$1/,DEFAULT",
		"sasl.kerberos.principal.to.local.rules": "RULE:[1:$1]s/a/b/ , DEFAULT",
		"super.users":                            "User:CN=a,O=b; User:c",
		"allow.everyone.if.no.acl.found":         " True ",
		"principal.builder.class":                class,
		"unknown":                                "(",
	}, "R", 0)
	require.NoError(t, err)
	assert.Equal(t, "RULE:CN=(.*)/$1/,DEFAULT", settings.SSLRules.String())
	require.Len(t, settings.KerberosRules.Rules(), 2)
	require.True(t, settings.AllowEveryoneIfNoACLs)
	assert.Equal(t, []principal.Principal{principal.User("CN=a,O=b"), principal.User("c")}, settings.SuperUsers)
	settings, err = principal.ParseSettings(nil, "R", 0)
	require.NoError(t, err)
	assert.Equal(t, "DEFAULT", settings.SSLRules.String())
	require.False(t, settings.AllowEveryoneIfNoACLs)
	assert.Nil(t, settings.SuperUsers)
	name, err := settings.KerberosRules.ShortName("alice@R")
	assert.Equal(t, "alice", name, "%q, %v", name, err)
	for key, value := range map[string]string{
		"ssl.principal.mapping.rules":            "default",
		"sasl.kerberos.principal.to.local.rules": "RULE:[1:$1](a{1,2})",
		"super.users":                            "alice",
		"principal.builder.class":                "com.example.Builder",
	} {
		t.Run(key, func(t *testing.T) {
			settings, err := principal.ParseSettings(map[string]string{key: value}, "", 0)
			require.Error(t, err, "%s=%s", key, value)
			assert.True(t, strings.HasPrefix(err.Error(), key+": "), "%s=%s: %+v, %v", key, value, settings, err)
			assert.Equal(t, principal.Settings{}, settings, "%s=%s", key, value)
		})
	}
	settings, err = principal.ParseSettings(map[string]string{"allow.everyone.if.no.acl.found": "yes"}, "", 0)
	require.NoError(t, err, "yes is not true")
	assert.False(t, settings.AllowEveryoneIfNoACLs, "yes is not true")
}
