package kafkatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Authority signs certificates for listeners and for clients.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	server      tls.Certificate
}

// NewAuthority returns a new authority.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test Authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	ca := a.sign(t, template)
	a.certificate, a.key = ca.Leaf, ca.PrivateKey.(*ecdsa.PrivateKey)
	a.server = a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return a
}

// Client returns a certificate for a client. If rawSubject is not nil, it is used as
// the subject, byte for byte, instead of subject.
func (a *Authority) Client(t testing.TB, subject pkix.Name, rawSubject []byte) tls.Certificate {
	t.Helper()
	return a.sign(t, &x509.Certificate{
		Subject: subject, RawSubject: rawSubject,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// Pool returns a pool with only this authority.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// PEM returns the certificate of this authority.
func (a *Authority) PEM() string { return pemOf("CERTIFICATE", a.certificate.Raw) }

// Server returns the certificate of the listeners, for 127.0.0.1 and localhost.
func (a *Authority) Server() tls.Certificate { return a.server }

func (a *Authority) sign(t testing.TB, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100)); err != nil {
		t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func keyStore(cert tls.Certificate) map[string]string {
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		panic(err) // an ECDSA key of this package can be marshalled
	}
	return map[string]string{
		"ssl.keystore.type":              "PEM",
		"ssl.keystore.certificate.chain": pemOf("CERTIFICATE", cert.Certificate[0]),
		"ssl.keystore.key":               pemOf("PRIVATE KEY", der),
	}
}

// serverProperties are the properties of a listener.
func (a *Authority) serverProperties() map[string]string {
	p := keyStore(a.server)
	p["ssl.truststore.type"], p["ssl.truststore.certificates"] = "PEM", pemOf("CERTIFICATE", a.certificate.Raw)
	return p
}

// clientProperties are the properties of a Java client, with a certificate if cert is
// not nil.
func (a *Authority) clientProperties(cert *tls.Certificate) map[string]string {
	p := map[string]string{}
	if cert != nil {
		p = keyStore(*cert)
	}
	p["ssl.truststore.type"], p["ssl.truststore.certificates"] = "PEM", pemOf("CERTIFICATE", a.certificate.Raw)
	return p
}
