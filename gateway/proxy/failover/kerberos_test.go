package failover_test

import (
	"os"
	"path/filepath"
	"testing"

	krbclient "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/kerberos"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/kdctest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// TestKerberosTicketOfAnotherService: a keytab has the keys of two services of a machine. With
// a ticket for the other service a client can log in neither at the broker nor at the proxy.
func TestKerberosTicketOfAnotherService(t *testing.T) {
	const service, other = "kafka/127.0.0.1", "HTTP/127.0.0.1"
	k := kdctest.Start(t, service, other, "alice")
	both, err := keytab.Load(k.Keytab(service))
	require.NoError(t, err)
	more, err := keytab.Load(k.Keytab(other))
	require.NoError(t, err)
	both.Entries = append(both.Entries, more.Entries...)
	text, err := both.Marshal()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "both.keytab")
	require.NoError(t, os.WriteFile(file, text, 0o600))

	cluster := kafkatest.Start(t, kafkatest.Config{KerberosConfig: k.Config(), Listeners: []kafkatest.Listener{
		{Name: "KRB", Mechanisms: []string{"GSSAPI"}, Keytab: file, Service: service + "@" + kdctest.Realm},
		{Name: clientListener, Users: passwords},
	}})
	rules, err := principal.ParseKerberosRules([]string{"DEFAULT"}, kdctest.Realm, 0)
	require.NoError(t, err)
	store := snapshot.NewStore(snapshot.Config{})
	require.NoError(t, store.Update(func(tx *snapshot.Tx) error { return nil }))
	p, err := proxy.Listen(t.Context(), proxy.Config{Store: store, Upstream: relay.Upstream{Brokers: []string{cluster.Bootstrap(kafkatest.Internal)}, SASL: plain.Auth{User: kafkatest.Admin, Pass: kafkatest.AdminPassword}.AsMechanism()},
		Listeners: []proxy.Listener{{Protocol: ops.SASLPlaintext, Address: "127.0.0.1:0", SASL: &proxy.SASL{
			Mechanisms: []string{proxy.GSSAPI}, Kerberos: &proxy.Kerberos{Principal: service + "@" + kdctest.Realm, Keytab: both, Mapper: &krb5.Mapper{Rules: rules}},
		}}}})
	require.NoError(t, err)
	go p.Serve(t.Context())
	conf, err := config.Load(k.Config())
	require.NoError(t, err)
	login := func(address, of string) error {
		keys, err := keytab.Load(k.Keytab("alice"))
		require.NoError(t, err)
		auth := kerberos.Auth{Client: krbclient.NewWithKeytab("alice", kdctest.Realm, keys, conf, krbclient.DisablePAFXFAST(true)), Service: of}
		c, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.SASL(auth.AsMechanismWithClose()), kgo.RequestRetries(0))
		require.NoError(t, err)
		defer c.Close()
		return c.Ping(soon(t))
	}
	direct, through := cluster.Bootstrap("KRB"), p.Addresses()[0]
	require.NoError(t, login(direct, "kafka"))
	require.NoError(t, login(through, "kafka"))
	require.ErrorIs(t, login(direct, "HTTP"), kerr.SaslAuthenticationFailed)
	require.ErrorIs(t, login(through, "HTTP"), kerr.SaslAuthenticationFailed)
}
