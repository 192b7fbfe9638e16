package proxy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestExposedKeyStores: the key store of each listener is checked.
func TestExposedKeyStores(t *testing.T) {
	for _, exposed := range []string{"first.pem", "both.pem"} {
		t.Run(exposed, func(t *testing.T) {
			p := newPlace(t)
			text, err := os.ReadFile(filepath.Join(p.folder, "both.pem"))
			require.NoError(t, err)
			p.write("first.pem", string(text))
			require.NoError(t, os.Chmod(filepath.Join(p.folder, exposed), 0o666))
			_, _, err = p.build("listeners=A://127.0.0.1:0,B://127.0.0.1:0\nlistener.security.protocol.map=A:SSL,B:SSL\nssl.client.auth=none\nssl.keystore.type=PEM\n"+
				"listener.name.a.ssl.keystore.location=@first.pem\nlistener.name.b.ssl.keystore.location=@both.pem\n", "")
			require.ErrorContains(t, err, "--allow-readable-secrets")
		})
	}
}

// TestExposedReferences: the file that has the passwords, which the settings refer to, is
// checked, too.
func TestExposedReferences(t *testing.T) {
	const providers = "config.providers=file\nconfig.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n"
	for name, test := range map[string]struct{ properties, flags, upstream string }{
		"of --properties": {properties: "listeners=SASL_PLAINTEXT://127.0.0.1:0\nsasl.enabled.mechanisms=PLAIN\n" + providers +
			"listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_carol=\"${file:@secrets.properties:carol}\";\n"},
		"of --upstream-config": {flags: "--listen SASL_PLAINTEXT://127.0.0.1:0 --users @users.txt --upstream-config @client.properties", upstream: providers +
			"security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=proxy password=\"${file:@secrets.properties:carol}\";\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			secrets := p.write("secrets.properties", "carol=s3cr3t\n")
			p.write("client.properties", strings.ReplaceAll(test.upstream, "@", p.folder+"/"))
			require.NoError(t, os.Chmod(secrets, 0o666)) // everybody can read and replace the password
			_, _, err := p.build(test.properties, test.flags)
			require.ErrorContains(t, err, "--allow-readable-secrets")
		})
	}
}

// TestLoginModuleWithoutMechanism: a broker ignores sasl.jaas.config without the prefixes
// of a listener and a mechanism ("Server config sasl.jaas.config should be prefixed with SASL
// mechanism name, ignoring config"), and so its users. So does the proxy.
//
// Source: Kafka's JaasContext.loadServerContext.
func TestLoginModuleWithoutMechanism(t *testing.T) {
	const module = "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_old=\"left\";\n"
	for name, prefix := range map[string]string{"of all listeners": "", "of a listener": "listener.name.sasl_plaintext.", "of a mechanism": "plain."} {
		t.Run(name, func(t *testing.T) {
			config, _, err := newPlace(t).build("listeners=SASL_PLAINTEXT://127.0.0.1:0\nsasl.enabled.mechanisms=PLAIN\n"+prefix+module, "--users @users.txt")
			if name == "of a mechanism" {
				require.ErrorContains(t, err, "is no setting of a Kafka broker")
				return
			}
			require.NoError(t, err)
			assert.NotContains(t, config.Listeners[0].SASL.Users, "old")
		})
	}
}
