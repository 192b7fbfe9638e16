package proxy_test

import (
	"encoding/binary"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/kdctest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
)

// TestKerberosMessagesKeepLittle: whoever has one ticket of the realm sends first messages of a
// login, and never finishes one. Little is kept of each.
func TestKerberosMessagesKeepLittle(t *testing.T) {
	const logins = 2_400
	now := time.Now()
	keys := keytab.New()
	require.NoError(t, keys.AddEntry(serviceName, kdctest.Realm, "secret", now, 1, etypeID.AES256_CTS_HMAC_SHA1_96))
	first := firstMessages(t, keys, "mallory")
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Version, handshake.Mechanism = 1, proxy.GSSAPI
	begin := kmsg.NewRequestFormatter().AppendRequest(nil, handshake, 1)
	message := func() []byte {
		m := kmsg.NewPtrSASLAuthenticateRequest()
		m.Version, m.SASLAuthBytes = 1, []byte(first())
		return append(append([]byte{}, begin...), kmsg.NewRequestFormatter().AppendRequest(nil, m, 2)...)
	}
	p := kerberosProxy(t, keys, serviceName+"@"+kdctest.Realm)
	runtime.GC()
	runtime.GC()
	before, accepted := heap(), 0
	for range logins {
		c, err := net.Dial("tcp", p.Addresses()[0]) // one login begins on each connection
		require.NoError(t, err)
		_, err = c.Write(message())
		require.NoError(t, err)
		for range 2 {
			answer, err := gateway.ReadFrame(c, 1<<20)
			require.NoError(t, err)
			if len(answer) > 20 && binary.BigEndian.Uint16(answer[4:]) == 0 && binary.BigEndian.Uint32(answer) == 2 {
				accepted++
			}
		}
		_ = c.Close()
	}
	time.Sleep(200 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	kept := int64(heap()-before) / logins
	t.Logf("%d first messages, %d accepted: each keeps %d bytes", logins, accepted, kept)
	assert.Equal(t, logins, accepted)
	assert.Less(t, kept, int64(250), "bytes that one first message keeps") // the lines of the test's log are a part of it
}

// TestKerberosMessagesCountOnce: a first message is accepted once, whatever listener it comes to,
// and also after the settings of the listeners were replaced.
func TestKerberosMessagesCountOnce(t *testing.T) {
	now := time.Now()
	keys := keytab.New()
	require.NoError(t, keys.AddEntry(serviceName, kdctest.Realm, "secret", now, 1, etypeID.AES256_CTS_HMAC_SHA1_96))
	rules, err := principal.ParseKerberosRules([]string{"DEFAULT"}, kdctest.Realm, 0)
	require.NoError(t, err)
	l := proxy.Listener{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{
		Mechanisms: []string{proxy.GSSAPI}, Kerberos: &proxy.Kerberos{Principal: serviceName + "@" + kdctest.Realm, Keytab: keys, Mapper: &krb5.Mapper{Rules: rules}},
	}}
	c := upstream(t)
	p := start(t, c, proxy.Config{Store: store(t), Listeners: []proxy.Listener{l, l}})
	message := firstMessages(t, keys, "victim")
	send := func(listener int, token string) int16 {
		w := dial(t, p.Addresses()[listener])
		w.handshake(proxy.GSSAPI, 1)
		return w.token(token).ErrorCode
	}
	first := message()
	assert.Zero(t, send(0, first))
	assert.Equal(t, kerr.SaslAuthenticationFailed.Code, send(0, first), "again")
	assert.Equal(t, kerr.SaslAuthenticationFailed.Code, send(1, first), "at another listener")
	assert.NotEmpty(t, p.log.WaitFor(t, 2, "the Kerberos message has been used before"))
	require.NoError(t, p.Reconfigure(relay.Upstream{Brokers: c.ListenAddrs()}, []proxy.Listener{l, l}))
	assert.Equal(t, kerr.SaslAuthenticationFailed.Code, send(0, first), "with other settings")
	assert.Zero(t, send(0, message()), "another message")
}

// firstMessages makes a ticket of the realm for a client, and returns what makes first messages
// with it, each another one.
func firstMessages(t *testing.T, keys *keytab.Keytab, client string) func() string {
	now := time.Now()
	who := types.NewPrincipalName(nametype.KRB_NT_PRINCIPAL, client)
	none := asn1.BitString{Bytes: make([]byte, 4), BitLength: 32}
	ticket, session, err := messages.NewTicket(who, kdctest.Realm, types.NewPrincipalName(nametype.KRB_NT_SRV_INST, serviceName), kdctest.Realm,
		none, keys, etypeID.AES256_CTS_HMAC_SHA1_96, 1, now.Add(-time.Minute), now.Add(-time.Minute), now.Add(time.Hour), now.Add(time.Hour))
	require.NoError(t, err)
	oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	require.NoError(t, err)
	number := 0
	return func() string {
		proof, err := types.NewAuthenticator(kdctest.Realm, who)
		require.NoError(t, err)
		number++
		proof.CTime, proof.Cusec = now.Truncate(time.Second), number
		request, err := messages.NewAPReq(ticket, session, proof)
		require.NoError(t, err)
		sent, err := request.Marshal()
		require.NoError(t, err)
		return string(asn1tools.AddASNAppTag(append(append(append([]byte{}, oid...), 1, 0), sent...), 0))
	}
}
