// Package kdctest runs a private MIT Kerberos KDC for tests.
package kdctest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Realm is the realm of every KDC.
const Realm = "EXAMPLE.COM"

// RequireVariable is the environment variable that makes a missing KDC a test failure
// instead of a reason to skip.
const RequireVariable = "PORTCULLIS_REQUIRE_KDC"

// KDC is a running KDC on a free port of the loopback interface. Its files are in a
// temporary folder.
type KDC struct {
	dir  string
	env  []string
	port int
}

// Start creates a realm with the given principals, each with its key in a keytab, and
// starts its KDC. It is stopped at the end of the test. Start skips the test if no MIT KDC
// is installed.
func Start(t testing.TB, principals ...string) *KDC {
	t.Helper()
	k := &KDC{dir: t.TempDir()}
	database, admin, server := program(t, "kdb5_util"), program(t, "kadmin.local"), program(t, "krb5kdc")
	k.port = freePort(t)
	k.Write(t, "kdc.conf", fmt.Sprintf(`[kdcdefaults]
 kdc_listen = 127.0.0.1:%d
 kdc_tcp_listen = 127.0.0.1:%d
[realms]
 %s = {
  database_name = %s
  key_stash_file = %s
  acl_file = %s
  max_life = 1h
  supported_enctypes = aes256-cts-hmac-sha1-96:normal
 }
`, k.port, k.port, Realm, k.Path("principal.db"), k.Path("stash"), k.Path("acl")))
	k.Write(t, "krb5.conf", fmt.Sprintf(`[libdefaults]
 default_realm = %s
 dns_lookup_kdc = false
 dns_lookup_realm = false
 rdns = false
 dns_canonicalize_hostname = false
 udp_preference_limit = 1
 default_tkt_enctypes = aes256-cts-hmac-sha1-96
 default_tgs_enctypes = aes256-cts-hmac-sha1-96
[realms]
 %s = {
  kdc = 127.0.0.1:%d
 }
`, Realm, Realm, k.port))
	k.env = append(os.Environ(), "KRB5_CONFIG="+k.Config(), "KRB5_KDC_PROFILE="+k.Path("kdc.conf"),
		"KRB5RCACHEDIR="+k.dir, "KRB5CCNAME=FILE:"+k.Path("ccache"))

	k.Run(t, database, "create", "-s", "-r", Realm, "-P", "master-secret")
	for _, name := range principals {
		k.Run(t, admin, "-r", Realm, "-q", "addprinc -randkey "+name)
		k.Run(t, admin, "-r", Realm, "-q", "ktadd -k "+k.Keytab(name)+" "+name)
	}
	k.serve(t, server)
	return k
}

// program returns the path of a program on the path or where Debian installs programs for
// administrators.
func program(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path, err := exec.LookPath(filepath.Join("/usr/sbin", name))
	if err != nil && os.Getenv(RequireVariable) == "" {
		t.Skipf("no MIT KDC: %v (Debian: krb5-kdc, krb5-admin-server)", err)
	}
	require.NoError(t, err, "%s is set", RequireVariable)
	return path
}

func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Path returns the path of a file in the folder of the KDC.
func (k *KDC) Path(name string) string { return filepath.Join(k.dir, name) }

// Config returns the path of the krb5.conf for clients.
func (k *KDC) Config() string { return k.Path("krb5.conf") }

// Keytab returns the path of the keytab of a principal.
func (k *KDC) Keytab(name string) string {
	return k.Path(strings.ReplaceAll(name, "/", "-") + ".keytab")
}

// Write writes a file into the folder of the KDC.
func (k *KDC) Write(t testing.TB, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(k.Path(name), []byte(text), 0o600))
}

// Run runs a program that uses the realm and returns what it prints. The test fails if the
// program does.
func (k *KDC) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = k.env
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %q prints:\n%s", filepath.Base(name), args, out)
	return string(out)
}

// serve starts the KDC and waits until it answers.
func (k *KDC) serve(t testing.TB, server string) {
	t.Helper()
	var log strings.Builder
	cmd := exec.Command(server, "-n", "-r", Realm)
	cmd.Env, cmd.Stdout, cmd.Stderr = k.env, &log, &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("krb5kdc: %s", log.String())
		}
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(k.port))
	require.Eventually(t, func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond, "krb5kdc does not listen on %s", address)
}
