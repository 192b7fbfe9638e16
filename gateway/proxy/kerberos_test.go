package proxy_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
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
	"github.com/portcullis-authz/portcullis/internal/kdctest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// requireKerberosClient names the variable that makes the absence of a client that logs in
// by Kerberos a failure instead of a reason to skip.
const requireKerberosClient = "PORTCULLIS_REQUIRE_KERBEROS_CLIENT"

const serviceName = "kafka/127.0.0.1"

// Clients show tickets of a real KDC, and are called what the rules make of their
// names.
func TestKerberos(t *testing.T) {
	k := kdctest.Start(t, serviceName, "alice", "bob/admin", "x/y/z")
	keys, err := keytab.Load(k.Keytab(serviceName))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := principal.ParseKerberosRules([]string{"RULE:[2:$1-$2]", "DEFAULT"}, kdctest.Realm, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{
		Mechanisms: []string{proxy.GSSAPI}, Kerberos: &proxy.Kerberos{Principal: serviceName + "@" + kdctest.Realm, Keytab: keys, Mapper: &krb5.Mapper{Rules: rules}},
	}}
	p := start(t, upstream(t, kfake.SeedTopics(1, "orders")), proxy.Config{
		Store: store(t, "alice ALLOW WRITE TOPIC orders"), Listeners: []proxy.Listener{l},
	})
	conf, err := config.Load(k.Config())
	if err != nil {
		t.Fatal(err)
	}
	connect := func(name string) *kgo.Client {
		keys, err := keytab.Load(k.Keytab(name))
		if err != nil {
			t.Fatal(err)
		}
		auth := kerberos.Auth{Client: krbclient.NewWithKeytab(name, kdctest.Realm, keys, conf, krbclient.DisablePAFXFAST(true)), Service: "kafka"}
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
	if len(p.log.With("msg=denied", "principal=User:bob-admin")) == 0 {
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
		k.Run(t, "/usr/bin/kinit", "-k", "-t", k.Keytab("alice"), "alice")
		out := k.Run(t, "/usr/bin/kcat", "-L", "-b", p.Addresses()[0], "-m", "30", "-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanism=GSSAPI",
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
	require.NoError(t, keys.AddEntry(serviceName, kdctest.Realm, "secret", time.Now(), 1, etypeID.AES256_CTS_HMAC_SHA1_96))
	rules, err := principal.ParseKerberosRules([]string{"DEFAULT"}, kdctest.Realm, 0)
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
		{"a service of junk", ticket(kdctest.Realm, "kafka/"+junk, make([]byte, 64)), `level=INFO`},
		{"a megabyte", bytes.Repeat([]byte(junk), 3), "a frame of 1"},
		{"a ticket of junk", ticket(kdctest.Realm, serviceName, []byte(junk)), "integrity"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{
				Mechanisms: []string{proxy.GSSAPI}, Kerberos: &proxy.Kerberos{Principal: serviceName + "@" + kdctest.Realm, Keytab: keys, Mapper: &krb5.Mapper{Rules: rules}},
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
			lines := p.log.WaitFor(t, 2, "level=WARN", "node=")
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
