package proxy_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	krbclient "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/kerberos"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// requireKDC names the variable that, when set, makes the absence of a KDC a
// failure instead of a reason to skip.
const requireKDC = "PORTCULLIS_REQUIRE_KDC"

// requireKerberosClient is the same for a client that logs in by Kerberos.
const requireKerberosClient = "PORTCULLIS_REQUIRE_KERBEROS_CLIENT"

const (
	realm       = "EXAMPLE.COM"
	serviceName = "kafka/127.0.0.1"
)

// kdc is an MIT KDC of its own, on a free port of the loopback interface.
type kdc struct {
	t   *testing.T
	dir string
	env []string
}

// startKDC creates a realm with these principals, each with its key in a keytab, and
// starts its KDC, which ends with the test.
func startKDC(t *testing.T, principals ...string) *kdc {
	t.Helper()
	for _, tool := range []string{"kdb5_util", "kadmin.local", "krb5kdc"} {
		if _, err := exec.LookPath(filepath.Join("/usr/sbin", tool)); err != nil {
			if os.Getenv(requireKDC) != "" {
				t.Fatalf("%s is set, but %v", requireKDC, err)
			}
			t.Skipf("no MIT KDC: %v (Debian: krb5-kdc, krb5-admin-server)", err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	k := &kdc{t: t, dir: t.TempDir()}
	k.env = append(os.Environ(), "KRB5_CONFIG="+k.path("krb5.conf"), "KRB5_KDC_PROFILE="+k.path("kdc.conf"), "KRB5RCACHEDIR="+k.dir,
		"KRB5CCNAME=FILE:"+k.path("ccache"))
	k.write("kdc.conf", fmt.Sprintf("[kdcdefaults]\n kdc_listen = 127.0.0.1:%d\n kdc_tcp_listen = 127.0.0.1:%d\n[realms]\n %s = {\n"+
		"  database_name = %s\n  key_stash_file = %s\n  max_life = 1h\n  supported_enctypes = aes256-cts-hmac-sha1-96:normal\n }\n",
		port, port, realm, k.path("principal.db"), k.path("stash")))
	k.write("krb5.conf", fmt.Sprintf("[libdefaults]\n default_realm = %s\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n"+
		" dns_canonicalize_hostname = false\n udp_preference_limit = 1\n default_tkt_enctypes = aes256-cts-hmac-sha1-96\n"+
		" default_tgs_enctypes = aes256-cts-hmac-sha1-96\n[realms]\n %s = {\n  kdc = 127.0.0.1:%d\n }\n", realm, realm, port))
	k.run("/usr/sbin/kdb5_util", "create", "-s", "-r", realm, "-P", "master-secret")
	for _, name := range principals {
		k.run("/usr/sbin/kadmin.local", "-r", realm, "-q", "addprinc -randkey "+name)
		k.run("/usr/sbin/kadmin.local", "-r", realm, "-q", "ktadd -k "+k.keytab(name)+" "+name)
	}
	k.serve(port)
	return k
}

func (k *kdc) path(name string) string { return filepath.Join(k.dir, name) }

func (k *kdc) keytab(name string) string {
	return k.path(strings.ReplaceAll(name, "/", "-") + ".keytab")
}

func (k *kdc) write(name, text string) {
	if err := os.WriteFile(k.path(name), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kdc) run(name string, args ...string) string {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = k.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		k.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func (k *kdc) serve(port int) {
	cmd := exec.Command("/usr/sbin/krb5kdc", "-n", "-r", realm)
	cmd.Env = k.env
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			k.t.Fatal("the KDC does not listen")
		}
	}
}

// Clients show tickets of a real KDC, and are called what the rules make of their
// names.
func TestKerberos(t *testing.T) {
	k := startKDC(t, serviceName, "alice", "bob/admin", "x/y/z")
	keys, err := keytab.Load(k.keytab(serviceName))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := principal.ParseKerberosRules([]string{"RULE:[2:$1-$2]", "DEFAULT"}, realm, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := proxy.Listener{Protocol: proxy.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{
		Mechanisms: []string{proxy.GSSAPI}, Kerberos: &proxy.Kerberos{Keytab: keys, Mapper: &krb5.Mapper{Rules: rules}},
	}}
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders")), proxy.Config{
		Store: store(t, "alice ALLOW WRITE TOPIC orders"), Listeners: []proxy.Listener{l},
	})
	conf, err := config.Load(k.path("krb5.conf"))
	if err != nil {
		t.Fatal(err)
	}
	connect := func(name string) *kgo.Client {
		keys, err := keytab.Load(k.keytab(name))
		if err != nil {
			t.Fatal(err)
		}
		auth := kerberos.Auth{Client: krbclient.NewWithKeytab(name, realm, keys, conf, krbclient.DisablePAFXFAST(true)), Service: "kafka"}
		c, err := kgo.NewClient(kgo.SeedBrokers(p.Addresses()...), kgo.SASL(auth.AsMechanismWithClose()), kgo.RequestRetries(0))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	produce := func(name string) error {
		return connect(name).ProduceSync(soon(t), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr()
	}
	if err := produce("alice"); err != nil {
		t.Errorf("alice: %v", err)
	}
	if err := produce("bob/admin"); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("bob/admin: %v", err)
	}
	if len(p.log.with("msg=denied", "principal=User:bob-admin")) == 0 {
		t.Error("bob/admin is not called User:bob-admin")
	}
	if err := connect("x/y/z").Ping(soon(t)); err == nil {
		t.Error("x/y/z is logged in")
	}

	// librdkafka asks the server for its proof, which franz-go's client does not.
	t.Run("mutual authentication", func(t *testing.T) {
		for _, need := range []string{"/usr/bin/kcat", "/usr/bin/kinit", "/usr/lib/*/sasl2/libgssapiv2.so"} {
			if found, err := filepath.Glob(need); err != nil || len(found) == 0 {
				if os.Getenv(requireKerberosClient) != "" {
					t.Fatalf("%s is set, but there is no %s", requireKerberosClient, need)
				}
				t.Skipf("no %s (Debian: kcat, krb5-user, libsasl2-modules-gssapi-mit)", need)
			}
		}
		k.run("/usr/bin/kinit", "-k", "-t", k.keytab("alice"), "alice")
		out := k.run("/usr/bin/kcat", "-L", "-b", p.Addresses()[0], "-m", "30", "-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanism=GSSAPI",
			"-X", "sasl.kerberos.service.name=kafka", "-X", "sasl.kerberos.kinit.cmd=true")
		if !strings.Contains(out, `topic "orders" with 1 partitions`) {
			t.Errorf("kcat prints %s", out)
		}
	})

	t.Run("malformed tickets", func(t *testing.T) {
		for _, token := range []string{"", "\x60", "\x60\x84\xff\xff\xff\xff", "\x60\x0f\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00\x6e\x80", strings.Repeat("\x60\x80", 100)} {
			w := dial(t, p.Addresses()[0])
			w.handshake(proxy.GSSAPI, 1)
			if r := w.token(token); r.ErrorCode != kerr.SaslAuthenticationFailed.Code {
				t.Errorf("%q: %+v", token, r)
			}
			w.closed("a malformed ticket")
		}
	})
}

// TestKerberosErrorsInTheLog: a token of a stranger, which is no ticket, stands in the log cut
// and escaped, in one line, whatever it is that gokrb5 does not like about it.
func TestKerberosErrorsInTheLog(t *testing.T) {
	keys := keytab.New()
	require.NoError(t, keys.AddEntry(serviceName, realm, "secret", time.Now(), 1, etypeID.AES256_CTS_HMAC_SHA1_96))
	rules, err := principal.ParseKerberosRules([]string{"DEFAULT"}, realm, nil)
	require.NoError(t, err)
	junk := strings.Repeat("\n\x1b[31mlevel=INFO\u202e\u009b\x00", 16_000) // 350 kB: a frame before login has 512 KiB at the most
	ticket := func(realm, name string, part []byte) []byte {
		request := messages.APReq{PVNO: iana.PVNO, MsgType: msgtype.KRB_AP_REQ, APOptions: asn1.BitString{Bytes: make([]byte, 4), BitLength: 32}}
		request.Ticket = messages.Ticket{TktVNO: iana.PVNO, Realm: realm, SName: types.NewPrincipalName(nametype.KRB_NT_SRV_INST, name)}
		request.Ticket.EncPart = types.EncryptedData{EType: etypeID.AES256_CTS_HMAC_SHA1_96, KVNO: 1, Cipher: part}
		request.EncryptedAuthenticator = types.EncryptedData{EType: etypeID.AES256_CTS_HMAC_SHA1_96, KVNO: 1, Cipher: make([]byte, 64)}
		sent, err := request.Marshal()
		require.NoError(t, err)
		oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
		require.NoError(t, err)
		return asn1tools.AddASNAppTag(append(append(oid, 1, 0), sent...), 0)
	}
	for _, tt := range []struct {
		name  string
		token []byte
		says  string // the log
	}{
		{"no token", []byte(junk), "error unmarshalling"},
		{"a realm of junk", ticket(junk, serviceName, make([]byte, 64)), `level=INFO`},
		{"a service of junk", ticket(realm, "kafka/"+junk, make([]byte, 64)), `level=INFO`},
		{"a megabyte", bytes.Repeat([]byte(junk), 3), "a frame of 1"},
		{"a ticket of junk", ticket(realm, serviceName, []byte(junk)), "integrity"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := proxy.Listener{Protocol: proxy.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{
				Mechanisms: []string{proxy.GSSAPI}, Kerberos: &proxy.Kerberos{Keytab: keys, Mapper: &krb5.Mapper{Rules: rules}},
			}}
			p := start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{l}})
			for version := range int16(2) { // of the handshake: a bare token, and one in a request
				w := dial(t, p.Addresses()[0])
				w.handshake(proxy.GSSAPI, version)
				if version == 0 {
					go w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(tt.token))), tt.token...))
				} else if request := kmsg.NewPtrSASLAuthenticateRequest(); len(tt.token) > 512<<10 {
					request.SASLAuthBytes = tt.token
					go w.Write(kmsg.NewRequestFormatter().AppendRequest(nil, request, 7)) // of which little is read
				} else {
					r := w.token(string(tt.token))
					assert.Equal(t, kerr.SaslAuthenticationFailed.Code, r.ErrorCode)
					assert.Less(t, len(*r.ErrorMessage), 200, "the client learns nothing")
				}
				_, _ = io.Copy(io.Discard, w) // until the connection is closed, also by a reset
			}
			lines := p.log.waitFor(t, 2, "level=WARN", "node=")
			require.Len(t, lines, 2)
			for _, line := range lines {
				assert.Less(t, len(line), 10_000, "4 KiB, which the handler quotes, and what stands around it")
				assert.Contains(t, line, tt.says)
				assert.Equal(t, 1, strings.Count(line, "\n"), "one line")
				for _, r := range strings.TrimSuffix(line, "\n") {
					assert.True(t, unicode.IsPrint(r), "%q", r)
				}
			}
		})
	}
}
