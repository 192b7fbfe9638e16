package proxy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// place is a folder with the files of a proxy.
type place struct {
	t      *testing.T
	folder string
}

func (p place) write(name, text string) string {
	path := filepath.Join(p.folder, name)
	require.NoError(p.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// newPlace makes the files of a proxy: cert.pem and key.pem, which sign themselves,
// users.txt, keytab and krb5.conf.
func newPlace(t *testing.T) place {
	t.Helper()
	p := place{t, t.TempDir()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "proxy"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	p.write("cert.pem", cert)
	p.write("key.pem", private)
	p.write("both.pem", private+cert)
	p.write("users.txt", "alice:a\n")
	p.write("acls.txt", "")
	keys := keytab.New()
	require.NoError(t, keys.AddEntry("kafka/localhost", "R", "secret", time.Now(), 1, 18))
	text, err := keys.Marshal()
	require.NoError(t, err)
	p.write("keytab", string(text))
	p.write("krb5.conf", "[libdefaults]\n default_realm = R\n")
	return p
}

// build reads the settings with flags, in which @ stands for the folder, except in the realm @R.
func (p place) build(properties, flags string) (proxy.Config, string, error) {
	p.t.Helper()
	paths := strings.NewReplacer("@R", "@R", "@", p.folder+"/")
	full := paths.Replace(flags)
	if properties != "" {
		full += " --properties " + p.write("server.properties", paths.Replace(properties))
	}
	command := &command{}
	cmd := command.cobra()
	var out bytes.Buffer
	cmd.SetErr(&out)
	var config proxy.Config
	require.NoError(p.t, cmd.ParseFlags(strings.Fields(full+" --acls "+p.folder+"/acls.txt --upstream 127.0.0.1:1")))
	if err := command.checkUsage(cmd); err != nil {
		return config, "", err
	}
	config, _, err := command.build(cmd)
	return config, out.String(), err
}

const kerberosModule = `com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab="@keytab" principal="kafka/localhost@R";`

func TestListenersOfProperties(t *testing.T) {
	t.Parallel()
	const plain = "org.apache.kafka.common.security.plain.PlainLoginModule required user_bob=\"b\";\n"
	const pemStore = "ssl.keystore.type=PEM\nssl.keystore.location=@both.pem\nssl.truststore.type=PEM\nssl.truststore.location=@cert.pem\n"
	for name, test := range map[string]struct {
		properties, flags string
		check             func(t *testing.T, l []proxy.Listener)
		want              string // of the error
	}{
		"of the file": {"listeners=A://127.0.0.1:0,B://127.0.0.1:0\nlistener.security.protocol.map=A:PLAINTEXT,B:SASL_PLAINTEXT\nadvertised.listeners=A://a.example:1\n" +
			"listener.name.b.sasl.enabled.mechanisms=PLAIN\nlistener.name.b.plain.sasl.jaas.config=" + plain + "listener.name.b.connections.max.reauth.ms=1500\n", "",
			func(t *testing.T, l []proxy.Listener) {
				require.Len(t, l, 2)
				assert.Equal(t, "a.example", l[0].Advertised)
				assert.Nil(t, l[0].SASL)
				assert.Equal(t, &proxy.SASL{Mechanisms: []string{"PLAIN"}, Users: map[string]string{"bob": "b"}, Credentials: map[string][]proxy.ScramCredential{}, MaxSession: 1500 * time.Millisecond}, l[1].SASL)
			}, ""},
		"flags come first": {"listeners=SSL://127.0.0.1:0\nsasl.enabled.mechanisms=GSSAPI\nssl.keystore.location=/nowhere\n" + "listener.name.sasl_ssl.plain.sasl.jaas.config=" + plain,
			"--listen SASL_SSL://127.0.0.1:0 --tls-cert @cert.pem --tls-key @key.pem --tls-client-ca @cert.pem --sasl-mechanisms PLAIN,SCRAM-SHA-256 --users @users.txt --session-time 2s --advertise h",
			func(t *testing.T, l []proxy.Listener) {
				require.Len(t, l, 1)
				assert.Equal(t, "h", l[0].Advertised)
				assert.Equal(t, []string{"PLAIN", "SCRAM-SHA-256"}, l[0].SASL.Mechanisms)
				assert.Equal(t, map[string]string{"alice": "a", "bob": "b"}, l[0].SASL.Users)
				assert.Equal(t, 2*time.Second, l[0].SASL.MaxSession)
				assert.Equal(t, tls.NoClientCert, l[0].TLS.ClientAuth, "--tls-client-ca is for SSL")
			}, ""},
		"client certificates": {pemStore + "ssl.client.auth=required\nlistener.security.protocol.map=A:SASL_SSL,B:SASL_SSL,C:SSL,D:SSL\nlistener.name.b.ssl.client.auth=requested\nlistener.name.d.ssl.client.auth=none\n",
			"--users @users.txt --listen A://127.0.0.1:0 --listen B://127.0.0.1:0 --listen C://127.0.0.1:0 --listen D://127.0.0.1:0",
			func(t *testing.T, l []proxy.Listener) {
				require.Len(t, l, 4)
				for i, want := range []tls.ClientAuthType{tls.NoClientCert, tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert, tls.NoClientCert} {
					assert.Equal(t, want, l[i].TLS.ClientAuth, "%d", i)
				}
			}, ""},
		"Kerberos": {"listener.name.sasl_plaintext.gssapi.sasl.jaas.config=" + kerberosModule + "\nsasl.enabled.mechanisms=GSSAPI\n", "--krb5-conf @krb5.conf --listen SASL_PLAINTEXT://127.0.0.1:0",
			func(t *testing.T, l []proxy.Listener) {
				assert.Equal(t, []string{"GSSAPI"}, l[0].SASL.Mechanisms)
				assert.NotNil(t, l[0].SASL.Kerberos.Keytab)
				assert.Equal(t, "kafka/localhost@R", l[0].SASL.Kerberos.Principal)
				assert.Nil(t, l[0].SASL.Users)
			}, ""},
		"delegation tokens": {"sasl.enabled.mechanisms=SCRAM-SHA-256\n", "--delegation-tokens --listen SASL_PLAINTEXT://127.0.0.1:0",
			func(t *testing.T, l []proxy.Listener) {
				assert.Equal(t, []string{"SCRAM-SHA-256"}, l[0].SASL.Mechanisms)
				assert.Empty(t, l[0].SASL.Users)
			}, ""},
		"what the users can do": {"", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0",
			func(t *testing.T, l []proxy.Listener) {
				assert.Equal(t, []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}, l[0].SASL.Mechanisms)
			}, ""},

		"a misspelt key":                       {"listeners=PLAINTEXT://127.0.0.1:0\nssl.cleint.auth=required\n", "", nil, `"ssl.cleint.auth" is no setting of a Kafka broker: did you mean ssl.client.auth?`},
		"a key of others":                      {"listeners=PLAINTEXT://127.0.0.1:0\nconfluent.x=s3cr3t\n", "", nil, "settings that are not Kafka's need --ignore-properties"},
		"a key of others, ignored":             {"listeners=PLAINTEXT://127.0.0.1:0\nconfluent.x=s3cr3t\n", "--ignore-properties confluent.", func(*testing.T, []proxy.Listener) {}, ""},
		"no listeners":                         {"node.id=1\n", "", nil, "server.properties has no listeners: expected --listen"},
		"no such listener":                     {"listener.security.protocol.map=A:SSL\n", "--listen B://127.0.0.1:0", nil, `--listen: listener "B": listener.security.protocol.map has no protocol for it`},
		"SSL without a key":                    {"ssl.client.auth=none\n", "--listen SSL://127.0.0.1:0", nil, "listener SSL: ssl.keystore.location or ssl.keystore.key is missing"},
		"SSL without a decision":               {pemStore, "--listen SSL://127.0.0.1:0", nil, "ssl.client.auth is missing"},
		"a mechanism":                          {"sasl.enabled.mechanisms=LOGIN\n", "--listen SASL_PLAINTEXT://127.0.0.1:0", nil, `mechanism "LOGIN": expected some of PLAIN`},
		"no way to log in":                     {"", "--listen SASL_PLAINTEXT://127.0.0.1:0", nil, "no way to log in: expected --users or --keytab, or sasl.enabled.mechanisms"},
		"PLAIN without users":                  {"sasl.enabled.mechanisms=PLAIN\n", "--listen SASL_PLAINTEXT://127.0.0.1:0", nil, "PLAIN has no users"},
		"SCRAM without users":                  {"sasl.enabled.mechanisms=SCRAM-SHA-512\n", "--listen SASL_PLAINTEXT://127.0.0.1:0", nil, "SCRAM-SHA-512 has no users: expected --users, or --delegation-tokens; a broker has them in the metadata"},
		"GSSAPI without a realm":               {"sasl.enabled.mechanisms=GSSAPI\n", "--listen SASL_PLAINTEXT://127.0.0.1:0", nil, "GSSAPI needs --krb5-conf"},
		"GSSAPI without keys":                  {"sasl.enabled.mechanisms=GSSAPI\n", "--krb5-conf @krb5.conf --listen SASL_PLAINTEXT://127.0.0.1:0", nil, "GSSAPI has no keys"},
		"GSSAPI without a keytab":              {"sasl.enabled.mechanisms=GSSAPI\nlistener.name.sasl_plaintext.gssapi.sasl.jaas.config=" + strings.Replace(kerberosModule, "@keytab", "@none", 1), "--krb5-conf @krb5.conf --listen SASL_PLAINTEXT://127.0.0.1:0", nil, "keyTab of sasl.jaas.config: open"},
		"a login module of another":            {"sasl.enabled.mechanisms=PLAIN\nlistener.name.sasl_plaintext.plain.sasl.jaas.config=com.example.Ldap required password=s3cr3t;\n", "--listen SASL_PLAINTEXT://127.0.0.1:0", nil, `the login module "com.example.Ldap" of PLAIN cannot be run here`},
		"no login module":                      {"sasl.enabled.mechanisms=PLAIN\nlistener.name.sasl_plaintext.plain.sasl.jaas.config=s3cr3t\n", "--listen SASL_PLAINTEXT://127.0.0.1:0", nil, "sasl.jaas.config of listener"},
		"a callback handler":                   {"sasl.enabled.mechanisms=PLAIN\nlistener.name.sasl_plaintext.plain.sasl.server.callback.handler.class=com.example.LdapHandler\n", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0", nil, `sasl.server.callback.handler.class: found "com.example.LdapHandler", expected nothing: a class of Java cannot be run here`},
		"a user twice":                         {"sasl.enabled.mechanisms=PLAIN\nlistener.name.sasl_plaintext.plain.sasl.jaas.config=" + strings.ReplaceAll(plain, "user_bob", "user_alice"), "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0", nil, `user "alice" is in sasl.jaas.config and in --users`},
		"a limit of a session":                 {"connections.max.reauth.ms=x\n", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0", nil, `connections.max.reauth.ms: found "x"`},
		"a negative limit":                     {"connections.max.reauth.ms=-1\n", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0", nil, `found "-1"`},
		"a limit for each mechanism":           {"listener.name.sasl_plaintext.plain.connections.max.reauth.ms=1\n", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0", nil, "connections.max.reauth.ms differs between PLAIN and SCRAM-SHA-256"},
		"rules":                                {"listener.name.plaintext.ssl.principal.mapping.rules=x\n", "--listen PLAINTEXT://127.0.0.1:0", nil, "listener PLAINTEXT: ssl.principal.mapping.rules"},
		"a principal builder":                  {"principal.builder.class=com.example.Builder\n", "--listen PLAINTEXT://127.0.0.1:0", nil, `unknown class "com.example.Builder"`},
		"an algorithm of trust":                {pemStore + "ssl.client.auth=none\nlistener.name.ssl.ssl.trustmanager.algorithm=TrustAll\n", "--listen SSL://127.0.0.1:0", nil, `listener SSL: ssl.trustmanager.algorithm: found "TrustAll", expected PKIX`},
		"of a listener without TLS":            {"ssl.trustmanager.algorithm=TrustAll\n", "--listen PLAINTEXT://127.0.0.1:0", func(*testing.T, []proxy.Listener) {}, ""},
		"the default of Kafka":                 {pemStore + "ssl.client.auth=none\nssl.trustmanager.algorithm=PKIX\nssl.keymanager.algorithm=SunX509\nssl.protocol=TLSv1.3\n", "--listen SSL://127.0.0.1:0", func(*testing.T, []proxy.Listener) {}, ""},
		"an engine of TLS":                     {pemStore + "ssl.client.auth=none\nssl.engine.factory.class=com.example.Engine\n", "--listen SSL://127.0.0.1:0", nil, `ssl.engine.factory.class: found "com.example.Engine"`},
		"providers of Java":                    {"security.providers=com.example.Provider\n", "--listen PLAINTEXT://127.0.0.1:0", nil, `security.providers: found "com.example.Provider"`},
		"a login of Java":                      {"sasl.enabled.mechanisms=PLAIN\nlistener.name.sasl_plaintext.plain.sasl.login.class=com.example.Login\n", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0", nil, `mechanism "PLAIN": sasl.login.class: found "com.example.Login"`},
		"a login among brokers":                {"sasl.enabled.mechanisms=PLAIN\nsasl.login.class=com.example.Login\n", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0", func(*testing.T, []proxy.Listener) {}, ""},
		"a limit of logins":                    {"sasl.server.max.receive.size=x\n", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0", nil, `sasl.server.max.receive.size: found "x", expected bytes, 1 to 524288`},
		"a limit of all logins":                {"sasl.server.max.receive.size=524289\n", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0", nil, `found "524289"`},
		"no logins":                            {"sasl.server.max.receive.size=0\n", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0", nil, `found "0"`},
		"no limit of logins":                   {"sasl.server.max.receive.size=-1\n", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0", nil, `found "-1"`},
		"a limit of clients without any right": {"", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0 --max-rightless-connections 0", nil, "--max-rightless-connections: found 0, expected 1 or more"},
		"a limit of logins of a listener": {"sasl.server.max.receive.size=1000\nlistener.name.sasl_plaintext.sasl.server.max.receive.size=2000\n", "--users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:0",
			func(t *testing.T, l []proxy.Listener) { assert.Equal(t, 2000, l[0].SASL.MaxReceive) }, ""},
		"super users": {"super.users=x\n", "--listen PLAINTEXT://127.0.0.1:0", nil, "super.users"},
	} {
		t.Run(name, func(t *testing.T) {
			config, log, err := newPlace(t).build(test.properties, test.flags)
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				assert.NotContains(t, err.Error(), "s3cr3t")
				return
			}
			require.NoError(t, err)
			assert.NotContains(t, log, "s3cr3t")
			test.check(t, config.Listeners)
		})
	}
}

// Others must not be able to read or replace what has secrets, also where the settings name
// it, unless that is allowed.
func TestExposedSettings(t *testing.T) {
	for name, test := range map[string]struct{ properties, exposed, want string }{
		"the settings": {"listeners=SASL_PLAINTEXT://127.0.0.1:0\nsasl.enabled.mechanisms=PLAIN\nlistener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_bob=b;\n", "server.properties", "--properties: "},
		"a key store":  {"listeners=SSL://127.0.0.1:0\nssl.client.auth=none\nssl.keystore.type=PEM\nssl.keystore.location=@both.pem\n", "both.pem", "ssl.keystore.location of SSL: "},
		"no secret":    {"listeners=PLAINTEXT://127.0.0.1:0\n", "server.properties", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.write("server.properties", "") // build keeps the mode of the file
			require.NoError(t, os.Chmod(filepath.Join(p.folder, test.exposed), 0o644))
			_, _, err := p.build(test.properties, "")
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, "--allow-readable-secrets")
			_, _, err = p.build(test.properties, "--allow-readable-secrets")
			require.NoError(t, err)
		})
	}
}

// TestKerberosPrincipal: the service that clients get tickets for is that of the flag, of the
// login module, or the only one of the keytab.
func TestKerberosPrincipal(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	keys := keytab.New()
	for _, name := range []string{"kafka/localhost", "HTTP/localhost"} {
		require.NoError(t, keys.AddEntry(name, "R", "secret", time.Now(), 1, 18))
	}
	text, err := keys.Marshal()
	require.NoError(t, err)
	p.write("both", string(text))
	const gssapi, flags = "sasl.enabled.mechanisms=GSSAPI\n", "--krb5-conf @krb5.conf --listen SASL_PLAINTEXT://127.0.0.1:0"
	module := func(options string) string {
		return gssapi + "listener.name.sasl_plaintext.gssapi.sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true " + options + ";\n"
	}
	for name, test := range map[string]struct{ properties, flags, service, want string }{
		"the only one":             {gssapi, "--keytab @keytab", "kafka/localhost@R", ""},
		"the only one of a module": {module(`keyTab="@keytab"`), "", "kafka/localhost@R", ""},
		"of the module":            {module(`keyTab="@both" principal="HTTP/localhost@R"`), "", "HTTP/localhost@R", ""},
		"in the default realm":     {module(`keyTab="@both" principal="kafka/localhost"`), "", "kafka/localhost@R", ""},
		"with a keytab of a flag":  {module(`keyTab="@none" principal="kafka/localhost"`), "--keytab @both", "kafka/localhost@R", ""},
		"of the flag":              {gssapi, "--keytab @both --kerberos-principal kafka/localhost@R", "kafka/localhost@R", ""},
		"of the flag, by default":  {gssapi, "--keytab @both --kerberos-principal HTTP/localhost", "HTTP/localhost@R", ""},
		"the flag comes first":     {module(`keyTab="@both" principal="kafka/localhost@R"`), "--kerberos-principal HTTP/localhost@R", "HTTP/localhost@R", ""},
		"several":                  {gssapi, "--keytab @both", "", `has keys of HTTP/localhost@R, kafka/localhost@R: give it with --kerberos-principal`},
		"several of a module":      {module(`keyTab="@both"`), "", "", `has keys of HTTP/localhost@R, kafka/localhost@R: give it with --kerberos-principal`},
		"another in the keytab":    {module(`principal="kafka/broker@R"`), "--keytab @keytab", "", `is kafka/broker@R: expected service/host@REALM, of the keytab`},
		"another of the flag":      {gssapi, "--keytab @keytab --kerberos-principal kafka/b", "", `is kafka/b@R: expected`},
		"any":                      {module(`keyTab="@keytab" principal="*"`), "", "", `is *@R: expected`},
	} {
		t.Run(name, func(t *testing.T) {
			config, _, err := p.build(test.properties, flags+" "+test.flags)
			if test.want != "" {
				require.ErrorContains(t, err, test.want)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.service, config.Listeners[0].SASL.Kerberos.Principal)
			assert.Contains(t, describe(config.Listeners[0]), "tickets for "+test.service)
		})
	}
}
