package krb5_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// requireKDC is the environment variable that makes a missing KDC a test failure
// instead of a reason to skip.
const requireKDC = "PORTCULLIS_REQUIRE_KDC"

const brokerName = "kafka/broker.example.com"

// kdc is a private MIT KDC on a free port of the loopback interface.
type kdc struct {
	dir  string
	env  []string
	port int
}

// startKDC creates a realm with the given principals and starts its KDC, which is
// stopped at the end of the test. The key of each principal is in dir/<name>.keytab,
// with slashes in the name replaced by hyphens.
func startKDC(t *testing.T, principals ...string) *kdc {
	t.Helper()
	tools := map[string]string{}
	for _, tool := range []string{"kdb5_util", "kadmin.local", "krb5kdc"} {
		path, err := findTool(tool)
		if err != nil {
			if os.Getenv(requireKDC) != "" {
				t.Fatalf("%s is set, but %v", requireKDC, err)
			}
			t.Skipf("no MIT KDC: %v (Debian: krb5-kdc, krb5-admin-server)", err)
		}
		tools[tool] = path
	}
	k := &kdc{dir: t.TempDir(), port: freePort(t)}
	k.write(t, "kdc.conf", fmt.Sprintf(`[kdcdefaults]
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
`, k.port, k.port, realm, k.path("principal.db"), k.path("stash"), k.path("acl")))
	k.write(t, "krb5.conf", k.clientConfig())
	k.write(t, "service.conf", k.serviceConfig())
	k.env = append(os.Environ(), "KRB5_CONFIG="+k.path("krb5.conf"), "KRB5_KDC_PROFILE="+k.path("kdc.conf"),
		"KRB5RCACHEDIR="+k.dir, "KRB5CCNAME=FILE:"+k.path("ccache"))

	k.run(t, tools["kdb5_util"], "create", "-s", "-r", realm, "-P", "master-secret")
	for _, name := range principals {
		k.run(t, tools["kadmin.local"], "-r", realm, "-q", "addprinc -randkey "+name)
		k.run(t, tools["kadmin.local"], "-r", realm, "-q", "ktadd -k "+k.keytabPath(name)+" "+name)
	}
	k.serve(t, tools["krb5kdc"])
	return k
}

// findTool looks for a program on the path and where Debian installs programs for
// administrators.
func findTool(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath(filepath.Join("/usr/sbin", name))
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func (k *kdc) path(name string) string { return filepath.Join(k.dir, name) }

func (k *kdc) keytabPath(name string) string {
	return k.path(strings.ReplaceAll(name, "/", "-") + ".keytab")
}

func (k *kdc) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(k.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// clientConfig is the krb5.conf of the clients.
func (k *kdc) clientConfig() string {
	return fmt.Sprintf(`[libdefaults]
 default_realm = %s
 dns_lookup_kdc = false
 dns_lookup_realm = false
 udp_preference_limit = 1
 default_tkt_enctypes = aes256-cts-hmac-sha1-96
 default_tgs_enctypes = aes256-cts-hmac-sha1-96
[realms]
 %s = {
  kdc = 127.0.0.1:%d
 }
`, realm, realm, k.port)
}

// serviceConfig is the krb5.conf of the broker: that of the clients plus the rules that
// map names. The rules are not in the clients' file because gokrb5 v8.4.4 panics on a
// group inside a realm.
func (k *kdc) serviceConfig() string {
	return fmt.Sprintf(`include %s
[realms]
 %s = {
  auth_to_local_names = {
   boss = carol
  }
  auth_to_local = RULE:[2:$1;$2](.*;admin)s/;admin$/-admin/
  auth_to_local = DEFAULT
 }
`, k.path("krb5.conf"), realm)
}

func (k *kdc) run(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = k.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(name), args, err, out)
	}
}

// serve starts the KDC and waits until it answers.
func (k *kdc) serve(t *testing.T, program string) {
	t.Helper()
	var log strings.Builder
	cmd := exec.Command(program, "-n", "-r", realm)
	cmd.Env, cmd.Stdout, cmd.Stderr = k.env, &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("krb5kdc: %s", log.String())
		}
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(k.port))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("krb5kdc does not listen on %s", address)
		}
	}
}

// login gets a TGT for name from its keytab.
func (k *kdc) login(t *testing.T, name string) *client.Client {
	t.Helper()
	conf, err := config.Load(k.path("krb5.conf"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keytab.Load(k.keytabPath(name))
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewWithKeytab(name, realm, keys, conf, client.DisablePAFXFAST(true))
	t.Cleanup(c.Destroy)
	if err := c.Login(); err != nil {
		t.Fatalf("login of %s: %v", name, err)
	}
	return c
}

// request makes a client's request for the broker, in which the client claims to be in
// the given realm.
func request(t *testing.T, c *client.Client, claim string) messages.APReq {
	t.Helper()
	ticket, key, err := c.GetServiceTicket(brokerName)
	if err != nil {
		t.Fatalf("service ticket: %v", err)
	}
	authenticator, err := types.NewAuthenticator(claim, c.Credentials.CName())
	if err != nil {
		t.Fatal(err)
	}
	req, err := messages.NewAPReq(ticket, key, authenticator)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestKDC lets clients log in at a real KDC and maps the tickets that the service
// receives.
func TestKDC(t *testing.T) {
	k := startKDC(t, brokerName, "alice", "bob/admin", "boss", "host/a.example.com", "x/y/z")
	keys, err := keytab.Load(k.keytabPath(brokerName))
	if err != nil {
		t.Fatal(err)
	}
	settings := service.NewSettings(keys, service.DecodePAC(false))
	conf, err := krb5.LoadConfig(k.path("service.conf"))
	if err != nil {
		t.Fatal(err)
	}
	mit, err := conf.MITRules()
	if err != nil {
		t.Fatal(err)
	}
	kafka, err := principal.ParseKerberosRules([]string{"RULE:[1:$1@$0](b.*@EXAMPLE.COM)s/@.*//U", "DEFAULT"}, conf.DefaultRealm, nil)
	if err != nil {
		t.Fatal(err)
	}

	// An empty name means that the client is refused.
	tests := []struct{ login, mit, kafka string }{
		{"alice", "alice", "alice"},
		{"bob/admin", "bob-admin", "bob"},
		{"boss", "carol", "BOSS"},
		{"host/a.example.com", "", "host"},
		{"x/y/z", "", ""},
	}
	for _, test := range tests {
		req, creds := verifyRequest(t, request(t, k.login(t, test.login), realm), settings)
		checkMapped(t, "MIT", mit, req, creds, test.mit)
		checkMapped(t, "Kafka", kafka, req, creds, test.kafka)
	}

	// ACLs match the mapped principal.
	t.Run("authorized by ACLs", func(t *testing.T) {
		store := snapshot.NewStore(snapshot.Config{})
		if err := store.Update(func(tx *snapshot.Tx) error {
			tx.Add(acl.Binding{
				Pattern: resource.PrefixedPattern(resource.Topic, "payments."),
				Entry:   acl.Entry{Principal: "User:bob", Host: "127.0.0.1", Operation: ops.Write, Permission: acl.Allow},
			})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for login, want := range map[string]bool{"bob/admin": true, "alice": false} {
			req, creds := verifyRequest(t, request(t, k.login(t, login), realm), settings)
			who, groups, err := (&krb5.Mapper{Rules: kafka}).Map(req, creds)
			if err != nil {
				t.Fatal(err)
			}
			session := store.Session(snapshot.Subject{Principal: who, Groups: groups, Host: netip.MustParseAddr("127.0.0.1")})
			if d := session.Check(ops.Write, resource.Topic, "payments.eu"); d.Allowed() != want {
				t.Errorf("%s is %v: %v, want %t", login, who, d, want)
			}
		}
	})

	t.Run("forged realm", func(t *testing.T) {
		req, creds := verifyRequest(t, request(t, k.login(t, "alice"), "PARTNER.ORG"), settings)
		if _, _, err := (&krb5.Mapper{Rules: kafka}).Map(req, creds); !errors.Is(err, krb5.ErrForgedName) {
			t.Errorf("error %v, want ErrForgedName", err)
		}
	})
}

// checkMapped compares the short name of a client with the expected one, or "" for a
// client that is refused.
func checkMapped(
	t *testing.T, dialect string, rules *principal.KerberosRules,
	req *messages.APReq, creds *credentials.Credentials, want string,
) {
	t.Helper()
	who, groups, err := (&krb5.Mapper{Rules: rules}).Map(req, creds)
	switch {
	case want == "" && (err == nil || !who.IsZero()):
		t.Errorf("%s: %s became %v, %v; want it refused", dialect, creds.CName().PrincipalNameString(), who, err)
	case want != "" && (err != nil || who != principal.User(want) || groups != nil):
		t.Errorf("%s: %s became %v, %v, %v; want User:%s", dialect, creds.CName().PrincipalNameString(), who, groups, err, want)
	}
}
