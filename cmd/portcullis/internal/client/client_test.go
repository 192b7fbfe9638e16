package client

import (
	"context"
	"crypto/x509/pkix"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/jaas"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/properties"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/internal/kdctest"
)

func read(t *testing.T, values map[string]string) (*Config, error) {
	t.Helper()
	resolved, err := properties.Resolve(values)
	require.NoError(t, err)
	return Read(resolved, filepath.Join(t.TempDir(), "none"), os.ReadFile)
}

func TestRead(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("first\n"), 0o600))
	for name, test := range map[string]struct {
		values map[string]string
		sasl   string // the mechanism
		tls    bool
		want   string // of the error
	}{
		"nothing":                        {nil, "", false, ""},
		"TLS":                            {map[string]string{"security.protocol": "ssl"}, "", true, ""},
		"PLAIN":                          {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas.Plain + ` required username="a" password="s3cr3t";`}, "PLAIN", true, ""},
		"SCRAM":                          {map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512", "sasl.jaas.config": jaas.Scram + ` required username="a" password="s3cr3t";`}, "SCRAM-SHA-512", false, ""},
		"SCRAM 256":                      {map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", "sasl.jaas.config": jaas.Scram + ` required username="a" password="s3cr3t" tokenauth=true;`}, "SCRAM-SHA-256", false, ""},
		"a token":                        {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": jaas.OAuth + ` required;`, "sasl.oauthbearer.token.endpoint.url": "file://" + token}, "OAUTHBEARER", true, ""},
		"a token service":                {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": jaas.OAuth + ` required;`, "sasl.oauthbearer.token.endpoint.url": "https://h/"}, "", false, "expected file:///path of a token"},
		"a protocol":                     {map[string]string{"security.protocol": "TLS"}, "", false, `security.protocol: found "TLS"`},
		"no login module":                {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}, "", false, "sasl.jaas.config is missing"},
		"another module":                 {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas.Scram + ` required username="a" password="s3cr3t";`}, "", false, "cannot be run here: expected " + jaas.Plain},
		"half a module":                  {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas.Plain + ` required username="a" password="s3cr3t"`}, "", false, "sasl.jaas.config: expected a semicolon"},
		"no password":                    {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.jaas.config": jaas.Plain + ` required username="a";`}, "", false, "expected username and password"},
		"a mechanism":                    {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "DIGEST-MD5", "sasl.jaas.config": jaas.Plain + ` required;`}, "", false, `sasl.mechanism: found "DIGEST-MD5"`},
		"Kerberos":                       {map[string]string{"security.protocol": "SASL_SSL", "sasl.jaas.config": jaas.Kerberos + ` required useKeyTab=true;`}, "", false, "sasl.kerberos.service.name is missing"},
		"no krb5.conf":                   {map[string]string{"security.protocol": "SASL_SSL", "sasl.kerberos.service.name": "kafka", "sasl.jaas.config": jaas.Kerberos + ` required useKeyTab=true;`}, "", false, "none: "},
		"a trust store":                  {map[string]string{"security.protocol": "SSL", "ssl.truststore.location": "/nowhere"}, "", false, "ssl.truststore.location: open /nowhere"},
		"a provider":                     {map[string]string{"security.protocol": "SSL", "ssl.provider": "BCJSSE"}, "", false, `ssl.provider: found "BCJSSE", expected nothing`},
		"a provider that does not count": {map[string]string{"ssl.provider": "BCJSSE"}, "", false, ""},
		"providers":                      {map[string]string{"security.providers": "com.example.Provider"}, "", false, "security.providers: found"},
		"a handler":                      {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": jaas.OAuth + ` required;`, "sasl.oauthbearer.token.endpoint.url": "file://" + token, "sasl.login.callback.handler.class": "com.example.Handler"}, "", false, "sasl.login.callback.handler.class: found"},
		"Kafka's handler":                {map[string]string{"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": jaas.OAuth + ` required;`, "sasl.oauthbearer.token.endpoint.url": "file://" + token, "sasl.login.callback.handler.class": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"}, "OAUTHBEARER", true, ""},
		"a reference":                    {map[string]string{"security.protocol": "SSL", "ssl.truststore.password": "${env:PORTCULLIS_NO_SUCH_VARIABLE}", "config.providers": "env", "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider"}, "", false, "PORTCULLIS_NO_SUCH_VARIABLE"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := read(t, test.values)
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				assert.NotContains(t, err.Error(), "s3cr3t")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.tls, c.TLS != nil)
			assert.Equal(t, strings.Contains(test.values["sasl.jaas.config"], "s3cr3t") || test.sasl == "OAUTHBEARER", c.HoldsSecrets)
			if test.sasl == "" {
				assert.Nil(t, c.SASL)
				return
			}
			assert.Equal(t, test.sasl, c.SASL.Name())
		})
	}
	t.Run("the token is read for each login", func(t *testing.T) {
		c, err := read(t, map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER", "sasl.jaas.config": jaas.OAuth + ` required;`, "sasl.oauthbearer.token.endpoint.url": "file://" + token})
		require.NoError(t, err)
		_, message, err := c.SASL.Authenticate(t.Context(), "h")
		require.NoError(t, err)
		assert.Contains(t, string(message), "auth=Bearer first\x01")
		require.NoError(t, os.WriteFile(token, []byte("second"), 0o600))
		_, message, err = c.SASL.Authenticate(t.Context(), "h")
		require.NoError(t, err)
		assert.Contains(t, string(message), "auth=Bearer second\x01")
	})
}

func TestCheckKeys(t *testing.T) {
	assert.Empty(t, CheckKeys(map[string]string{"bootstrap.servers": "", "group.id": "", "acks": "", "ssl.truststore.certificates": "", "config.providers.x.class": ""}))
	wrong := CheckKeys(map[string]string{"sasl.mechanisms": "", "x": ""})
	require.Len(t, wrong, 2)
	assert.EqualError(t, wrong[0], `"sasl.mechanisms" is no setting of a Kafka client: did you mean sasl.mechanism?`)
	assert.EqualError(t, wrong[1], `"x" is no setting of a Kafka client`)
}

// TestKafkaKerberosClients logs in at a real broker with Kerberos, by a keytab and by a ticket.
func TestKafkaKerberosClients(t *testing.T) {
	const service = "kafka/127.0.0.1"
	kdc := kdctest.Start(t, service, "alice")
	cluster := kafkatest.Start(t, kafkatest.Config{KerberosConfig: kdc.Config(), Listeners: []kafkatest.Listener{
		{Name: "KERBEROS", Mechanisms: []string{"GSSAPI"}, Keytab: kdc.Keytab(service), Service: service + "@" + kdctest.Realm},
	}})
	kdc.Run(t, "kinit", "-k", "-t", kdc.Keytab("alice"), "alice")
	for name, test := range map[string]struct {
		options string
		ok      bool
	}{
		"a keytab":            {`useKeyTab=true keyTab="` + kdc.Keytab("alice") + `" principal="alice@` + kdctest.Realm + `"`, true},
		"without a realm":     {`useKeyTab=true keyTab="` + kdc.Keytab("alice") + `" principal="alice"`, true},
		"a ticket":            {`useTicketCache=true ticketCache="` + kdc.Path("ccache") + `"`, true},
		"another principal":   {`useKeyTab=true keyTab="` + kdc.Keytab("alice") + `" principal="bob"`, false},
		"a password is asked": {`principal="alice"`, false},
		"no keytab":           {`useKeyTab=true principal="alice"`, false},
		"no such keytab":      {`useKeyTab=true keyTab="` + kdc.Path("none") + `" principal="alice"`, false},
		"no such ticket":      {`useTicketCache=true ticketCache="` + kdc.Path("none") + `"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			resolved, err := properties.Resolve(map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.kerberos.service.name": "kafka",
				"sasl.jaas.config": jaas.Kerberos + " required " + test.options + ";"})
			require.NoError(t, err)
			c, err := Read(resolved, kdc.Config(), os.ReadFile)
			if err == nil {
				err = ask(t, c, cluster.Bootstrap("KERBEROS"))
			}
			require.Equal(t, test.ok, err == nil, "%v", err)
		})
	}
}

// TestKerberosTicketsOfAnother: a cache with the tickets of another than the principal that
// the login module names is refused, as by Java.
func TestKerberosTicketsOfAnother(t *testing.T) {
	kdc := kdctest.Start(t, "alice")
	kdc.Run(t, "kinit", "-k", "-t", kdc.Keytab("alice"), "alice")
	for who, want := range map[string]string{
		"":                          "",
		"alice":                     "",
		"alice@" + kdctest.Realm:    "",
		"bob":                       `ticketCache has tickets of "alice@EXAMPLE.COM", and principal is "bob@EXAMPLE.COM"`,
		"bob@" + kdctest.Realm:      `principal is "bob@EXAMPLE.COM"`,
		"alice@OTHER.COM":           `principal is "alice@OTHER.COM"`,
		"alice/admin":               `principal is "alice/admin@EXAMPLE.COM"`,
		strings.Repeat("x", 10_000): `principal is "xxx`,
	} {
		t.Run(who[:min(len(who), 20)], func(t *testing.T) {
			resolved, err := properties.Resolve(map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.kerberos.service.name": "kafka",
				"sasl.jaas.config": jaas.Kerberos + ` required useTicketCache=true ticketCache="` + kdc.Path("ccache") + `" principal="` + who + `";`})
			require.NoError(t, err)
			_, err = Read(resolved, kdc.Config(), os.ReadFile)
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, want)
			assert.Less(t, len(err.Error()), 500)
		})
	}
}

// TestKerberosIsClosed: what renews the tickets of a login ends when the login is closed, as a
// proxy does when another one has replaced it.
func TestKerberosIsClosed(t *testing.T) {
	const service = "kafka/127.0.0.1"
	kdc := kdctest.Start(t, service, "alice")
	resolved, err := properties.Resolve(map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.kerberos.service.name": "kafka",
		"sasl.jaas.config": jaas.Kerberos + ` required useKeyTab=true keyTab="` + kdc.Keytab("alice") + `" principal="alice";`})
	require.NoError(t, err)
	c, err := Read(resolved, kdc.Config(), os.ReadFile)
	require.NoError(t, err)
	renewing := func() bool {
		stacks := make([]byte, 1<<20)
		return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "enableAutoSessionRenewal")
	}
	_, _, err = c.SASL.Authenticate(t.Context(), "127.0.0.1:9092")
	require.NoError(t, err)
	require.True(t, renewing())
	mechanism, ok := c.SASL.(sasl.ClosingMechanism)
	require.True(t, ok)
	mechanism.Close()
	require.Eventually(t, func() bool { return !renewing() }, 10*time.Second, 10*time.Millisecond)
	_, _, err = c.SASL.Authenticate(t.Context(), "127.0.0.1:9092")
	require.Error(t, err, "it has no keys any more")
}

// ask sends a request with the options of a client.
func ask(t *testing.T, c *Config, address string) error {
	t.Helper()
	client, err := kgo.NewClient(append(c.Options(), kgo.SeedBrokers(address), kgo.RequestRetries(0))...)
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	return err
}

// TestKafkaClients connects to each listener of a real broker with the properties that its
// Java clients have.
func TestKafkaClients(t *testing.T) {
	authority := kafkatest.NewAuthority(t)
	users := map[string]string{"alice": `a"l\i;ce`}
	cluster := kafkatest.Start(t, kafkatest.Config{Listeners: []kafkatest.Listener{
		{Name: "OPEN"}, {Name: "PLAIN", Users: users}, {Name: "SECURE", Users: users, TLS: authority},
		{Name: "SCRAM", Users: users, Mechanisms: []string{"SCRAM-SHA-256"}}, {Name: "SCRAMS", Users: users, Mechanisms: []string{"SCRAM-SHA-512"}, TLS: authority},
		{Name: "MUTUAL", TLS: authority, ClientAuth: "required"},
	}})
	carol := authority.Client(t, pkix.Name{CommonName: "carol"}, nil)
	connect := func(t *testing.T, listener string, values map[string]string) error {
		t.Helper()
		require.Empty(t, CheckKeys(values))
		c, err := read(t, values)
		require.NoError(t, err)
		return ask(t, c, cluster.Bootstrap(listener))
	}
	for _, listener := range []string{"OPEN", "PLAIN", "SECURE", "SCRAM", "SCRAMS", "MUTUAL"} {
		t.Run(listener, func(t *testing.T) {
			values := cluster.ClientProperties(listener, "alice", nil)
			if listener == "MUTUAL" {
				values = cluster.ClientProperties(listener, "", &carol)
			}
			require.NoError(t, connect(t, listener, values))
			wrong := maps.Clone(values)
			switch {
			case wrong["sasl.jaas.config"] != "":
				wrong["sasl.jaas.config"] = strings.Replace(wrong["sasl.jaas.config"], "ce", "x", 1)
			case listener == "MUTUAL":
				wrong = cluster.ClientProperties(listener, "", nil)
			default:
				wrong["security.protocol"] = "SSL"
			}
			require.Error(t, connect(t, listener, wrong))
		})
	}
}
