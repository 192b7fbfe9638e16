package javatls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"
)

// pair is a key with its certificate, signed by an authority.
type pair struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newPair(t testing.TB, name string, issuer *pair) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name},
		BasicConstraintsValid: true, IsCA: issuer == nil, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	by := pair{key, template}
	if issuer != nil {
		by = *issuer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return pair{key, cert}
}

func certPEM(p pair) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw}))
}

func keyPEM(t testing.TB, p pair, password string) string {
	t.Helper()
	kind, secret := "PRIVATE KEY", []byte(nil)
	if password != "" {
		kind, secret = "ENCRYPTED PRIVATE KEY", []byte(password)
	}
	der, err := pkcs8.MarshalPrivateKey(p.key, secret, nil)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// stores are files with a pair or the certificate of an authority, in each format.
func stores(t testing.TB, p, authority pair) (key, trust map[string]map[string]string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		return path
	}
	p12, err := pkcs12.Modern.Encode(p.key, p.cert, []*x509.Certificate{authority.cert}, "storepass")
	require.NoError(t, err)
	t12, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{authority.cert}, "trustpass")
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	require.NoError(t, err)
	jks := keystore.New()
	require.NoError(t, jks.SetPrivateKeyEntry("me", keystore.PrivateKeyEntry{CreationTime: time.Now(), PrivateKey: der,
		CertificateChain: []keystore.Certificate{{Type: "X509", Content: p.cert.Raw}, {Type: "X509", Content: authority.cert.Raw}}}, []byte("keypass")))
	var kjks, tjks bytes.Buffer
	require.NoError(t, jks.Store(&kjks, []byte("storepass")))
	trusted := keystore.New()
	require.NoError(t, trusted.SetTrustedCertificateEntry("ca", keystore.TrustedCertificateEntry{CreationTime: time.Now(), Certificate: keystore.Certificate{Type: "X509", Content: authority.cert.Raw}}))
	require.NoError(t, trusted.Store(&tjks, []byte("trustpass")))
	key = map[string]map[string]string{
		"PEM file":                 {keyStoreType: "PEM", keyStoreFile: write("key.pem", []byte(keyPEM(t, p, "")+certPEM(p)+certPEM(authority)))},
		"PEM file with a password": {keyStoreType: "PEM", keyStoreFile: write("secret.pem", []byte(keyPEM(t, p, "keypass")+certPEM(p))), keyPassword: "keypass"},
		"PEM":                      {keyStoreType: "PEM", keyStoreKey: keyPEM(t, p, ""), keyStoreChain: certPEM(p)},
		"PEM with a password":      {keyStoreType: "PEM", keyStoreKey: keyPEM(t, p, "keypass"), keyStoreChain: certPEM(p), keyPassword: "keypass"},
		"PKCS12":                   {keyStoreType: "PKCS12", keyStoreFile: write("key.p12", p12), keyStorePassword: "storepass"},
		"PKCS12 of no type":        {keyStoreFile: write("key2.p12", p12), keyStorePassword: "storepass"},
		"JKS":                      {keyStoreType: "JKS", keyStoreFile: write("key.jks", kjks.Bytes()), keyStorePassword: "storepass", keyPassword: "keypass"},
	}
	trust = map[string]map[string]string{
		"PEM file": {trustStoreType: "PEM", trustStoreFile: write("ca.pem", []byte(certPEM(authority)))},
		"PEM":      {trustStoreType: "PEM", trustCerts: certPEM(authority)},
		"PKCS12":   {trustStoreType: "PKCS12", trustStoreFile: write("ca.p12", t12), trustPassword: "trustpass"},
		"JKS":      {trustStoreFile: write("ca.jks", tjks.Bytes()), trustPassword: "trustpass"},
	}
	return key, trust
}

func settings(maps ...map[string]string) Settings {
	all := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return Settings{Get: func(key string) (string, bool) { value, ok := all[key]; return value, ok }}
}

// handshake connects a client and a server, and returns what the server knows of the client,
// and the errors of both.
func handshake(t *testing.T, server, client *tls.Config, name string) (state tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	done := make(chan error, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			done <- err
			return
		}
		defer c.Close()
		s := tls.Server(c, server)
		err = s.Handshake()
		if err == nil {
			state = s.ConnectionState()
			_, err = s.Write([]byte("x"))
		}
		done <- err
	}()
	client = client.Clone()
	client.ServerName = name
	c, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	secure := tls.Client(c, client)
	clientErr = secure.Handshake()
	if clientErr == nil {
		_, clientErr = secure.Read(make([]byte, 1)) // in TLS 1.3 the server refuses after the handshake
	}
	_ = c.Close()
	serverErr = <-done
	return state, serverErr, clientErr
}

// Each form of a key store goes with each form of a trust store, on both sides.
func TestStores(t *testing.T) {
	authority := newPair(t, "authority", nil)
	serverKeys, trusts := stores(t, newPair(t, "server", &authority), authority)
	clientKeys, _ := stores(t, newPair(t, "client", &authority), authority)
	for keyForm, key := range serverKeys {
		for trustForm, trust := range trusts {
			t.Run(keyForm+" and "+trustForm, func(t *testing.T) {
				server, err := settings(key, trust, map[string]string{clientAuth: "required"}).Server(true)
				require.NoError(t, err)
				client, err := settings(clientKeys[keyForm], trust).Client()
				require.NoError(t, err)
				state, serverErr, clientErr := handshake(t, server, client, "server")
				require.NoError(t, serverErr)
				require.NoError(t, clientErr)
				require.Equal(t, "client", state.PeerCertificates[0].Subject.CommonName)
			})
		}
	}
}

func TestClientAuth(t *testing.T) {
	authority, other := newPair(t, "authority", nil), newPair(t, "other", nil)
	keys, trusts := stores(t, newPair(t, "server", &authority), authority)
	good, _ := stores(t, newPair(t, "client", &authority), authority)
	bad, _ := stores(t, newPair(t, "stranger", &other), other)
	none := map[string]string{}
	for _, test := range []struct {
		mode   string
		counts bool
		client map[string]string
		ok     bool
		peer   string
	}{
		{"none", true, none, true, ""}, {"none", true, good["PEM"], true, ""},
		{"requested", true, none, true, ""}, {"requested", true, good["PEM"], true, "client"}, {"requested", true, bad["PEM"], false, ""},
		{"required", true, none, false, ""}, {"required", true, good["PEM"], true, "client"}, {"required", true, bad["PEM"], false, ""},
		{"required", false, none, true, ""}, {"", true, none, true, ""},
	} {
		t.Run(test.mode, func(t *testing.T) {
			server, err := settings(keys["PEM"], trusts["PEM"], map[string]string{clientAuth: test.mode}).Server(test.counts)
			require.NoError(t, err)
			client, err := settings(test.client, trusts["PEM"]).Client()
			require.NoError(t, err)
			if list := client.Certificates; list != nil {
				// Sent whatever authorities the server names.
				client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &list[0], nil }
			}
			state, serverErr, _ := handshake(t, server, client, "server")
			require.Equal(t, test.ok, serverErr == nil, "%v", serverErr)
			if test.peer != "" {
				require.Equal(t, test.peer, state.PeerCertificates[0].Subject.CommonName)
			} else if test.ok {
				require.Empty(t, state.PeerCertificates)
			}
		})
	}
}

// A client verifies the name of the server, unless ssl.endpoint.identification.algorithm is
// empty; it always verifies the authority.
func TestIdentification(t *testing.T) {
	authority, other := newPair(t, "authority", nil), newPair(t, "other", nil)
	keys, trusts := stores(t, newPair(t, "server", &authority), authority)
	_, strangers := stores(t, newPair(t, "server", &other), other)
	server, err := settings(keys["PEM"]).Server(true)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		extra map[string]string
		trust map[string]string
		host  string
		ok    bool
	}{
		"by default":                      {nil, trusts["PEM"], "server", true},
		"by default, another name":        {nil, trusts["PEM"], "elsewhere", false},
		"https, another name":             {map[string]string{identification: "HTTPS"}, trusts["PEM"], "elsewhere", false},
		"none, another name":              {map[string]string{identification: ""}, trusts["PEM"], "elsewhere", true},
		"none, another authority":         {map[string]string{identification: " "}, strangers["PEM"], "elsewhere", false},
		"by default, another authority":   {nil, strangers["PEM"], "server", false},
		"none, authorities of the system": {map[string]string{identification: ""}, nil, "server", false},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := settings(test.trust, test.extra).Client()
			require.NoError(t, err)
			_, _, clientErr := handshake(t, server, client, test.host)
			require.Equal(t, test.ok, clientErr == nil, "%v", clientErr)
		})
	}
}

func TestProtocolsAndSuites(t *testing.T) {
	authority := newPair(t, "authority", nil)
	keys, trusts := stores(t, newPair(t, "server", &authority), authority)
	const old, modern = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"
	for _, test := range []struct {
		protocols, suites string
		version           uint16 // that is negotiated with a client of any version; 0 if the settings are refused
	}{
		{"", "", tls.VersionTLS13}, {"TLSv1.2", "", tls.VersionTLS12}, {"TLSv1.3", "", tls.VersionTLS13}, {"TLSv1.3, TLSv1.2", "", tls.VersionTLS13},
		{"", old, tls.VersionTLS12}, {"", modern, tls.VersionTLS13}, {"", old + "," + modern, tls.VersionTLS13},
		{"TLSv1.2", modern, 0}, {"TLSv1.3", old, 0}, {"TLSv1.1", "", 0}, {"TLSv1.2,SSLv3", "", 0}, {"", "TLS_RSA_WITH_RC4_128_SHA", 0}, {"", "x", 0},
	} {
		t.Run(test.protocols+" "+test.suites, func(t *testing.T) {
			server, err := settings(keys["PEM"], map[string]string{protocols: test.protocols, suites: test.suites}).Server(true)
			if test.version == 0 {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			client, err := settings(trusts["PEM"]).Client()
			require.NoError(t, err)
			state, serverErr, _ := handshake(t, server, client, "server")
			require.NoError(t, serverErr)
			require.Equal(t, test.version, state.Version)
			if test.version == tls.VersionTLS12 && test.suites != "" {
				require.Equal(t, tls.CipherSuiteName(state.CipherSuite), old)
			}
		})
	}
}

// What is wrong is said with its key, and without a secret.
func TestWrongSettings(t *testing.T) {
	authority := newPair(t, "authority", nil)
	keys, trusts := stores(t, newPair(t, "server", &authority), authority)
	other, _ := stores(t, newPair(t, "another", &authority), authority)
	old := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte{1}})
	with := func(base map[string]string, more ...string) map[string]string {
		m := map[string]string{}
		for k, v := range base {
			m[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	for name, test := range map[string]struct {
		settings map[string]string
		want     string
	}{
		"no key":                    {nil, keyStoreFile + " or " + keyStoreKey + " is missing"},
		"no such type":              {with(keys["JKS"], keyStoreType, "BCFKS"), `ssl.keystore.type: found "BCFKS"`},
		"no such file":              {with(keys["JKS"], keyStoreFile, "/nowhere"), "ssl.keystore.location: open /nowhere"},
		"no store":                  {with(keys["JKS"], keyStoreFile, os.Args[0]), "neither a JKS nor a PKCS#12 store"},
		"no password":               {with(keys["JKS"], keyStorePassword, ""), "ssl.keystore.location: ssl.keystore.password is missing"},
		"JKS, wrong password":       {with(keys["JKS"], keyStorePassword, "s3cr3t"), "no JKS store with this ssl.keystore.password"},
		"JKS, wrong key password":   {with(keys["JKS"], keyPassword, "s3cr3t"), `the key "me" cannot be decrypted with ssl.key.password`},
		"JKS, no key password":      {with(keys["JKS"], keyPassword, ""), `the key "me" cannot be decrypted`},
		"PKCS12, wrong password":    {with(keys["PKCS12"], keyStorePassword, "s3cr3t"), "ssl.keystore.password is not the password of this store"},
		"trust store for keys":      {with(nil, keyStoreFile, trusts["JKS"][trustStoreFile], keyStorePassword, "trustpass"), "the store has no private key"},
		"PEM, store password":       {with(keys["PEM"], keyStorePassword, "s3cr3t"), "ssl.keystore.password does not belong to PEM"},
		"PEM, wrong key password":   {with(keys["PEM with a password"], keyPassword, "s3cr3t"), "the key cannot be decrypted with ssl.key.password"},
		"PEM, no key password":      {with(keys["PEM with a password"], keyPassword, ""), "the key is encrypted: ssl.key.password is missing"},
		"PEM, old encryption":       {with(keys["PEM"], keyStoreKey, string(old)), "openssl pkcs8 -topk8"},
		"PEM, no key":               {with(keys["PEM"], keyStoreKey, "x"), "no private key in PEM"},
		"PEM, no chain":             {with(keys["PEM"], keyStoreChain, ""), "belong together"},
		"PEM, of another key":       {with(keys["PEM"], keyStoreChain, other["PEM"][keyStoreChain]), "private key does not match"},
		"PEM twice":                 {with(keys["PEM"], keyStoreFile, "x"), "expected either"},
		"PEM of type JKS":           {with(keys["PEM"], keyStoreType, "JKS"), "needs ssl.keystore.type=PEM"},
		"trust, no such type":       {with(keys["PEM"], trustStoreType, "x"), `ssl.truststore.type: found "x"`},
		"trust, no such file":       {with(keys["PEM"], trustStoreFile, "/nowhere"), "ssl.truststore.location: open /nowhere"},
		"trust, wrong password":     {with(with(keys["PEM"], trustStoreFile, trusts["JKS"][trustStoreFile]), trustPassword, "s3cr3t"), "no JKS store with this ssl.truststore.password"},
		"trust, PKCS12":             {with(keys["PEM"], trustStoreFile, trusts["PKCS12"][trustStoreFile], trustPassword, "s3cr3t"), "ssl.truststore.password is not the password"},
		"trust, no password":        {with(keys["PEM"], trustStoreFile, trusts["JKS"][trustStoreFile]), "ssl.truststore.password is missing"},
		"trust, a key store":        {with(keys["PEM"], trustStoreFile, keys["JKS"][keyStoreFile], trustPassword, "storepass"), "no trusted certificate"},
		"trust, no certificate":     {with(keys["PEM"], trustStoreType, "PEM", trustCerts, "x"), "ssl.truststore.certificates: no certificate in PEM"},
		"trust, PEM of no type":     {with(keys["PEM"], trustCerts, "x"), "needs ssl.truststore.type=PEM"},
		"trust, PEM twice":          {with(keys["PEM"], trustStoreType, "PEM", trustCerts, "x", trustStoreFile, "y"), "expected either"},
		"trust, PEM with password":  {with(keys["PEM"], trustStoreType, "PEM", trustCerts, "x", trustPassword, "s3cr3t"), "does not belong to PEM"},
		"client auth":               {with(keys["PEM"], clientAuth, "REQUIRED"), `ssl.client.auth: found "REQUIRED", expected none, requested or required`},
		"client auth without trust": {with(keys["PEM"], clientAuth, "required"), "ssl.truststore.location is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := settings(test.settings).Server(true)
			require.ErrorContains(t, err, test.want)
			assert.NotContains(t, err.Error(), "s3cr3t")
			assert.False(t, strings.Contains(err.Error(), "storepass") || strings.Contains(err.Error(), "keypass"))
		})
	}
	_, err := settings(trusts["PEM"], map[string]string{identification: "ldaps"}).Client()
	require.ErrorContains(t, err, `found "ldaps", expected https, or nothing`)
}
