// Package ldaptest runs a private OpenLDAP server for tests.
package ldaptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// RequireVariable is the environment variable that makes a missing server a test failure instead
// of a reason to skip.
const RequireVariable = "PORTCULLIS_REQUIRE_SLAPD"

// The entries of every server, and the login that may change them.
const (
	Suffix   = "dc=example,dc=com"
	People   = "ou=people," + Suffix
	Groups   = "ou=groups," + Suffix
	Admin    = "cn=admin," + Suffix
	Password = "a password for tests"
)

// Server is an OpenLDAP server on free ports of the loopback interface. Its files are in a
// temporary folder.
type Server struct {
	dir         string
	plain, port int
	command     *exec.Cmd
}

// Start starts a server with the entries of some LDIF below People and Groups. It is stopped at
// the end of the test. Start skips the test if no slapd is installed.
func Start(t testing.TB, ldif string) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir(), plain: freePort(t), port: freePort(t)}
	s.writeCertificate(t)
	require.NoError(t, os.Mkdir(s.path("data"), 0o700))
	s.write(t, "slapd.conf", `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile `+s.path("pid")+`
TLSCertificateFile `+s.path("cert.pem")+`
TLSCertificateKeyFile `+s.path("key.pem")+`
database mdb
maxsize 67108864
suffix "`+Suffix+`"
rootdn "`+Admin+`"
rootpw "`+Password+`"
directory `+s.path("data")+`
index objectClass,uid,member eq
access to * by anonymous auth by * read
`)
	s.write(t, "all.ldif", `dn: `+Suffix+`
objectClass: organization
objectClass: dcObject
o: Example
dc: example

dn: `+People+`
objectClass: organizationalUnit

dn: `+Groups+`
objectClass: organizationalUnit

`+ldif)
	out, err := exec.Command(program(t, "slapadd"), "-q", "-f", s.path("slapd.conf"), "-l", s.path("all.ldif")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	s.Run(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Run starts the server again after Stop.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	s.command = exec.Command(program(t, "slapd"), "-d", "0", "-f", s.path("slapd.conf"), "-h",
		fmt.Sprintf("ldap://127.0.0.1:%d/ ldaps://127.0.0.1:%d/", s.plain, s.port))
	require.NoError(t, s.command.Start())
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(s.port)))
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	}, 20*time.Second, 10*time.Millisecond, "slapd does not listen")
}

// Stop stops the server. It may be called again.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.command == nil {
		return
	}
	_ = s.command.Process.Kill()
	_ = s.command.Wait()
	s.command = nil
}

// URL returns the address with TLS, for the name localhost.
func (s *Server) URL() string { return fmt.Sprintf("ldaps://localhost:%d", s.port) }

// PlainURL returns the address without TLS.
func (s *Server) PlainURL() string { return fmt.Sprintf("ldap://127.0.0.1:%d", s.plain) }

// CertificateFile returns the file of the server's certificate.
func (s *Server) CertificateFile() string { return s.path("cert.pem") }

// TLS returns a configuration that trusts the server.
func (s *Server) TLS(t testing.TB) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(s.CertificateFile())
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// Change changes entries by LDIF with changetype.
func (s *Server) Change(t testing.TB, ldif string) {
	t.Helper()
	command := exec.Command(program(t, "ldapmodify"), "-x", "-H", s.PlainURL(), "-D", Admin, "-w", Password)
	command.Stdin = strings.NewReader(ldif)
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// Person returns the LDIF of a user.
func Person(uid string) string {
	return fmt.Sprintf("dn: uid=%s,%s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\n\n", uid, People, uid, uid, uid)
}

// Group returns the LDIF of a group with members, which are names of groups if they begin with
// cn=, and of users otherwise.
func Group(name string, members ...string) string {
	text := fmt.Sprintf("dn: cn=%s,%s\nobjectClass: groupOfNames\ncn: %s\n", name, Groups, name)
	for _, m := range members {
		text += "member: " + MemberDN(m) + "\n"
	}
	return text + "\n"
}

// MemberDN returns the entry of a member, as in [Group].
func MemberDN(member string) string {
	if strings.HasPrefix(member, "cn=") {
		return member + "," + Groups
	}
	return "uid=" + member + "," + People
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) write(t testing.TB, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(s.path(name), []byte(text), 0o600))
}

func (s *Server) writeCertificate(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	s.write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
	s.write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// program returns the path of a program, or skips the test.
func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name) // Debian: not in the path of every user
	}
	if err != nil {
		if os.Getenv(RequireVariable) != "" {
			t.Fatalf("%s is not installed, and %s is set: apt-get install slapd ldap-utils", name, RequireVariable)
		}
		t.Skipf("%s is not installed: apt-get install slapd ldap-utils", name)
	}
	return path
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
