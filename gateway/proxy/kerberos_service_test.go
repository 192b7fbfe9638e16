package proxy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	krbclient "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/kerberos"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/kdctest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// kerberosProxy starts a proxy of the service that of names.
func kerberosProxy(t *testing.T, keys *keytab.Keytab, of string) *running {
	t.Helper()
	rules, err := principal.ParseKerberosRules([]string{"DEFAULT"}, kdctest.Realm, 0)
	require.NoError(t, err)
	return start(t, upstream(t), proxy.Config{Store: store(t), Listeners: []proxy.Listener{
		{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{
			Mechanisms: []string{proxy.GSSAPI}, Kerberos: &proxy.Kerberos{Principal: of, Keytab: keys, Mapper: &krb5.Mapper{Rules: rules}},
		}},
	}})
}

// TestKerberosTicketOfAnotherService: the keytab has the keys of two services of a machine.
// Clients of the KDC log in with tickets for Kafka's only: who runs the other service gets
// tickets for it from its clients.
func TestKerberosTicketOfAnotherService(t *testing.T) {
	const other = "HTTP/127.0.0.1"
	k := kdctest.Start(t, serviceName, other, "alice")
	both, err := keytab.Load(k.Keytab(serviceName))
	require.NoError(t, err)
	more, err := keytab.Load(k.Keytab(other))
	require.NoError(t, err)
	both.Entries = append(both.Entries, more.Entries...)
	conf, err := config.Load(k.Config())
	require.NoError(t, err)
	keys, err := keytab.Load(k.Keytab("alice"))
	require.NoError(t, err)
	login := func(p *running, service string) error {
		auth := kerberos.Auth{Client: krbclient.NewWithKeytab("alice", kdctest.Realm, keys, conf, krbclient.DisablePAFXFAST(true)), Service: service}
		c, err := kgo.NewClient(kgo.SeedBrokers(p.Addresses()[0]), kgo.SASL(auth.AsMechanismWithClose()), kgo.RequestRetries(0))
		require.NoError(t, err)
		defer c.Close()
		return c.Ping(soon(t))
	}
	for service, stranger := range map[string]string{"kafka": "HTTP", "HTTP": "kafka"} {
		t.Run(service, func(t *testing.T) {
			of := func(name string) string { return name + "/127.0.0.1@" + kdctest.Realm }
			p := kerberosProxy(t, both, of(service))
			require.NoError(t, login(p, service))
			require.Error(t, login(p, stranger))
			assert.NotEmpty(t, p.log.WaitFor(t, 1, "a ticket for "+of(stranger)+": expected one for "+of(service)))
		})
	}
}

// TestKerberosTicketNamesItsService: of tickets that are sealed with keys of the keytab, only
// those for the service and its realm are read.
func TestKerberosTicketNamesItsService(t *testing.T) {
	now := time.Now()
	keys := keytab.New()
	for _, entry := range []struct{ name, realm, password string }{
		{serviceName, kdctest.Realm, "secret"}, {"HTTP/127.0.0.1", kdctest.Realm, "other"}, {serviceName, "OTHER.COM", "other"},
		{"kafka", kdctest.Realm, "other"}, {"kafka/localhost", kdctest.Realm, "secret"}, {"KAFKA/127.0.0.1", kdctest.Realm, "secret"},
	} {
		require.NoError(t, keys.AddEntry(entry.name, entry.realm, entry.password, now, 1, etypeID.AES256_CTS_HMAC_SHA1_96))
	}
	// token makes a ticket that is sealed with the key of one service, and names another.
	token := func(t *testing.T, key, keyRealm, name, realm string) string {
		alice := types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, "alice")
		none := asn1.BitString{Bytes: make([]byte, 4), BitLength: 32}
		ticket, session, err := messages.NewTicket(alice, kdctest.Realm, types.NewPrincipalName(nametype.KRB_NT_SRV_INST, key), keyRealm,
			none, keys, etypeID.AES256_CTS_HMAC_SHA1_96, 1, now.Add(-time.Minute), now.Add(-time.Minute), now.Add(time.Hour), now.Add(time.Hour))
		require.NoError(t, err)
		ticket.SName, ticket.Realm = types.NewPrincipalName(nametype.KRB_NT_SRV_INST, name), realm
		proof, err := types.NewAuthenticator(kdctest.Realm, alice)
		require.NoError(t, err)
		request, err := messages.NewAPReq(ticket, session, proof)
		require.NoError(t, err)
		sent, err := request.Marshal()
		require.NoError(t, err)
		oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
		require.NoError(t, err)
		return string(asn1tools.AddASNAppTag(append(append(oid, 1, 0), sent...), 0))
	}
	p := kerberosProxy(t, keys, serviceName+"@"+kdctest.Realm)
	refused := 0
	for name, test := range map[string]struct {
		key, keyRealm, name, realm string
		says                       string // the log; "" if the ticket is accepted
	}{
		"its ticket":                    {serviceName, kdctest.Realm, serviceName, kdctest.Realm, ""},
		"another service":               {"HTTP/127.0.0.1", kdctest.Realm, "HTTP/127.0.0.1", kdctest.Realm, "a ticket for HTTP/127.0.0.1@EXAMPLE.COM: expected one for kafka/127.0.0.1@EXAMPLE.COM"},
		"another realm":                 {serviceName, "OTHER.COM", serviceName, "OTHER.COM", "a ticket for kafka/127.0.0.1@OTHER.COM: expected"},
		"no host":                       {"kafka", kdctest.Realm, "kafka", kdctest.Realm, "a ticket for kafka@EXAMPLE.COM: expected"},
		"another host with the key":     {"kafka/localhost", kdctest.Realm, "kafka/localhost", kdctest.Realm, "a ticket for kafka/localhost@EXAMPLE.COM: expected"},
		"capital letters":               {"KAFKA/127.0.0.1", kdctest.Realm, "KAFKA/127.0.0.1", kdctest.Realm, "a ticket for KAFKA/127.0.0.1@EXAMPLE.COM: expected"},
		"another service, renamed":      {"HTTP/127.0.0.1", kdctest.Realm, serviceName, kdctest.Realm, "integrity"},
		"another realm, renamed":        {serviceName, "OTHER.COM", serviceName, kdctest.Realm, "integrity"},
		"its ticket, renamed to others": {serviceName, kdctest.Realm, "HTTP/127.0.0.1", kdctest.Realm, "a ticket for HTTP/127.0.0.1@EXAMPLE.COM: expected"},
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, p.Addresses()[0])
			w.handshake(proxy.GSSAPI, 1)
			r := w.token(token(t, test.key, test.keyRealm, test.name, test.realm))
			if test.says == "" {
				assert.Zero(t, r.ErrorCode)
				return
			}
			require.Equal(t, kerr.SaslAuthenticationFailed.Code, r.ErrorCode)
			refused++
			failures := p.log.WaitFor(t, refused, "level=WARN", "login failed")
			assert.Contains(t, failures[refused-1], test.says)
		})
	}
}

// TestKerberosNeedsItsService: a listener needs the name of its service, of which the keytab
// has keys.
func TestKerberosNeedsItsService(t *testing.T) {
	one, many, junk := keytab.New(), keytab.New(), keytab.New()
	add := func(keys *keytab.Keytab, name string) {
		require.NoError(t, keys.AddEntry(name, "R", "secret", time.Now(), 1, etypeID.AES256_CTS_HMAC_SHA1_96))
	}
	add(one, "kafka/h")
	add(one, "kafka/h") // an older key, as after a rotation
	for i := range 20 {
		add(many, fmt.Sprintf("kafka/%02d", i))
	}
	add(many, "kafka")
	add(many, "a/b/c")
	add(many, "*")
	add(junk, "kafka/\n\x1b[31m\u202e"+strings.Repeat("x", 100_000))
	assert.Equal(t, []string{"kafka/h@R"}, proxy.KeytabPrincipals(one))
	assert.Empty(t, proxy.KeytabPrincipals(keytab.New()))
	for name, test := range map[string]struct {
		keys *keytab.Keytab
		of   string
		want string // of the error
	}{
		"of one":               {one, "kafka/h@R", ""},
		"of many":              {many, "kafka/19@R", ""},
		"without a host":       {many, "kafka@R", ""},
		"none":                 {one, "", `the Kerberos principal of the service is "": expected service/host@REALM, of the keytab, which has keys of kafka/h@R`},
		"none of many":         {many, "", `kafka/05@R, and 15 more`},
		"another":              {one, "HTTP/h@R", `is HTTP/h@R: expected`},
		"another realm":        {one, "kafka/h@S", `is kafka/h@S: expected`},
		"without a realm":      {one, "kafka/h", `is kafka/h: expected`},
		"any":                  {one, "*", `is *: expected`},
		"any of a realm":       {one, "*@R", `is *@R: expected`},
		"three components":     {many, "a/b/c@R", `is a/b/c@R: expected`},
		"an empty keytab":      {keytab.New(), "kafka/h@R", `which has keys of nobody`},
		"no keytab":            {nil, "kafka/h@R", `expected Kerberos with a keytab and a mapper`},
		"a keytab of junk":     {junk, "kafka/h@R", `which has keys of "kafka/\n\x1b[31m`},
		"a principal of junk":  {one, "kafka/\n" + strings.Repeat("x", 100_000), `is "kafka/\nxxx`},
		"a principal twice at": {one, "kafka/h@R@R", `is kafka/h@R@R: expected`},
	} {
		t.Run(name, func(t *testing.T) {
			l := proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{
				Mechanisms: []string{proxy.GSSAPI}, Kerberos: &proxy.Kerberos{Principal: test.of, Keytab: test.keys, Mapper: &krb5.Mapper{}},
			}}
			c := proxy.Config{Store: store(t), Upstream: relay.Upstream{Brokers: []string{"127.0.0.1:1"}}, Listeners: []proxy.Listener{l}}
			err := c.Validate() // which Listen would say too
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
			assert.Less(t, len(err.Error()), 2000)
			assert.NotContains(t, err.Error(), "\x1b")
		})
	}
}
