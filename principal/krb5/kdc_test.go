package krb5_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kdctest"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/principal/krb5"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

const brokerName = "kafka/broker.example.com"

// serviceConfig is the krb5.conf of the broker: that of the clients plus the rules that
// map names. The rules are not in the clients' file because gokrb5 v8.4.4 panics on a
// group inside a realm.
func serviceConfig(k *kdctest.KDC) string {
	return fmt.Sprintf(`include %s
[realms]
 %s = {
  auth_to_local_names = {
   boss = carol
  }
  auth_to_local = RULE:[2:$1;$2](.*;admin)s/;admin$/-admin/
  auth_to_local = DEFAULT
 }
`, k.Config(), kdctest.Realm)
}

// login gets a TGT for name from its keytab.
func login(t *testing.T, k *kdctest.KDC, name string) *client.Client {
	t.Helper()
	conf, err := config.Load(k.Config())
	require.NoError(t, err)
	keys, err := keytab.Load(k.Keytab(name))
	require.NoError(t, err)
	c := client.NewWithKeytab(name, kdctest.Realm, keys, conf, client.DisablePAFXFAST(true))
	t.Cleanup(c.Destroy)
	require.NoError(t, c.Login(), name)
	return c
}

// request makes a client's request for the broker, in which the client claims to be in
// the given realm.
func request(t *testing.T, c *client.Client, claim string) messages.APReq {
	t.Helper()
	ticket, key, err := c.GetServiceTicket(brokerName)
	require.NoError(t, err)
	authenticator, err := types.NewAuthenticator(claim, c.Credentials.CName())
	require.NoError(t, err)
	req, err := messages.NewAPReq(ticket, key, authenticator)
	require.NoError(t, err)
	return req
}

// TestKDC lets clients log in at a real KDC and maps the tickets that the service
// receives.
func TestKDC(t *testing.T) {
	k := kdctest.Start(t, brokerName, "alice", "bob/admin", "boss", "host/a.example.com", "x/y/z")
	keys, err := keytab.Load(k.Keytab(brokerName))
	require.NoError(t, err)
	settings := service.NewSettings(keys, service.DecodePAC(false))
	k.Write(t, "service.conf", serviceConfig(k))
	conf, err := krb5.LoadConfig(k.Path("service.conf"))
	require.NoError(t, err)
	mit, err := conf.MITRules()
	require.NoError(t, err)
	kafka, err := principal.ParseKerberosRules([]string{"RULE:[1:$1@$0](b.*@EXAMPLE.COM)s/@.*//U", "DEFAULT"}, conf.DefaultRealm, 0)
	require.NoError(t, err)

	// An empty name means that the client is refused.
	for _, tt := range []struct{ login, mit, kafka string }{
		{"alice", "alice", "alice"},
		{"bob/admin", "bob-admin", "bob"},
		{"boss", "carol", "BOSS"},
		{"host/a.example.com", "", "host"},
		{"x/y/z", "", ""},
	} {
		t.Run(tt.login, func(t *testing.T) {
			req, creds := verifyRequest(t, request(t, login(t, k, tt.login), kdctest.Realm), settings)
			checkMapped(t, "MIT", mit, req, creds, tt.mit)
			checkMapped(t, "Kafka", kafka, req, creds, tt.kafka)
		})
	}

	// ACLs match the mapped principal.
	t.Run("authorized by ACLs", func(t *testing.T) {
		store := snapshot.NewStore(snapshot.Config{})
		require.NoError(t, store.Update(func(tx *snapshot.Tx) error {
			tx.Add(acl.Binding{
				Pattern: resource.PrefixedPattern(resource.Topic, "payments."),
				Entry:   acl.Entry{Principal: "User:bob", Host: "127.0.0.1", Operation: ops.Write, Permission: acl.Allow},
			})
			return nil
		}))
		for name, want := range map[string]bool{"bob/admin": true, "alice": false} {
			req, creds := verifyRequest(t, request(t, login(t, k, name), kdctest.Realm), settings)
			who, groups, err := (&krb5.Mapper{Rules: kafka}).Map(req, creds)
			require.NoError(t, err)
			session := store.Session(snapshot.Subject{Principal: who, Groups: groups, Host: netip.MustParseAddr("127.0.0.1")})
			assert.Equal(t, want, session.Check(ops.Write, resource.Topic, "payments.eu").Allowed(), "%s is %v", name, who)
		}
	})

	t.Run("forged realm", func(t *testing.T) {
		req, creds := verifyRequest(t, request(t, login(t, k, "alice"), "PARTNER.ORG"), settings)
		_, _, err := (&krb5.Mapper{Rules: kafka}).Map(req, creds)
		assert.ErrorIs(t, err, krb5.ErrForgedName)
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
	assert.Nil(t, groups, dialect)
	if want == "" {
		assert.Error(t, err, dialect)
		assert.Zero(t, who, dialect)
		return
	}
	assert.NoError(t, err, dialect)
	assert.Equal(t, principal.User(want), who, dialect)
}
