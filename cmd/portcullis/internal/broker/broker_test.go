package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// config reads lines key=value.
func config(t testing.TB, lines string) *Config {
	t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(lines) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[key] = value
	}
	c := New(values)
	require.Empty(t, c.CheckKeys(nil))
	return c
}

func TestListeners(t *testing.T) {
	for name, test := range map[string]struct{ config, want string }{
		"the default": {"node.id=1", "PLAINTEXT PLAINTEXT :9092 "},
		"by protocol": {"listeners=SASL_SSL://:9093, PLAINTEXT://127.0.0.1:9092", "SASL_SSL SASL_SSL :9093 ;PLAINTEXT PLAINTEXT 127.0.0.1:9092 "},
		"by name": {`listeners=clients://[::1]:9093,CONTROLLER://:9099
			listener.security.protocol.map=CLIENTS:sasl_plaintext,CONTROLLER:PLAINTEXT
			controller.listener.names=CONTROLLER
			advertised.listeners=CLIENTS://kafka.example.com:19093`, "CLIENTS SASL_PLAINTEXT ::1:9093 kafka.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := config(t, test.config).Listeners()
			require.NoError(t, err)
			var got []string
			for _, l := range list {
				got = append(got, fmt.Sprintf("%s %s %s:%d %s", l.Name, l.Protocol, l.Host, l.Port, l.Advertised))
			}
			assert.Equal(t, test.want, strings.Join(got, ";"))
		})
	}
	for text, want := range map[string]string{
		"listeners=PLAINTEXT":                       `listeners: found "PLAINTEXT", expected NAME://host:port`,
		"listeners=://h:1":                          "expected NAME://host:port",
		"listeners=X://h:1":                         `listener "X": found the protocol "X", expected PLAINTEXT`,
		"listeners=PLAINTEXT://h:70000":             "expected a port of 0 to 65535",
		"listeners=PLAINTEXT://h:-1":                "expected a port of 0 to 65535",
		"listeners=PLAINTEXT://h:1,plaintext://h:2": "two listeners have the name PLAINTEXT",
		"listeners=PLAINTEXT://h:1,SSL://h:1":       "PLAINTEXT and SSL have one port",
		"listeners=PLAINTEXT://h:1\nlistener.security.protocol.map=SSL:SSL": `listener "PLAINTEXT": listener.security.protocol.map has no protocol`,
		"listeners=PLAINTEXT://h:1\ncontroller.listener.names=plaintext":    "no listener but those of a controller",
		"advertised.listeners=x": `advertised.listeners: found "x"`,
	} {
		t.Run(text, func(t *testing.T) {
			_, err := config(t, text).Listeners()
			require.ErrorContains(t, err, want)
		})
	}
}

// The settings of a listener and a mechanism come before those of all.
func TestSettingsOfAListener(t *testing.T) {
	c := config(t, `listeners=SASL_SSL://h:1,SASL_PLAINTEXT://h:2
		sasl.enabled.mechanisms=PLAIN, SCRAM-SHA-256 ,PLAIN
		listener.name.sasl_ssl.sasl.enabled.mechanisms=GSSAPI
		connections.max.reauth.ms=1
		listener.name.sasl_ssl.connections.max.reauth.ms=2
		listener.name.sasl_ssl.gssapi.connections.max.reauth.ms=3
		ssl.client.auth=required
		log.dirs=/tmp
		config.providers=file
		config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider`)
	list, err := c.Listeners()
	require.NoError(t, err)
	get := func(l *Listener, mechanism string) string {
		value, _ := l.Get(mechanism, "connections.max.reauth.ms")
		return value
	}
	assert.Equal(t, []string{"GSSAPI"}, list[0].Mechanisms())
	assert.Equal(t, []string{"PLAIN", "SCRAM-SHA-256"}, list[1].Mechanisms())
	assert.Equal(t, "3", get(list[0], "GSSAPI"))
	assert.Equal(t, "2", get(list[0], "PLAIN"))
	assert.Equal(t, "1", get(list[1], "GSSAPI"))
	_, own := list[0].Own("ssl.client.auth")
	assert.False(t, own)
	assert.Equal(t, []string{"config.providers", "config.providers.file.class", "log.dirs", "ssl.client.auth"}, c.Unused())
	assert.Contains(t, c.Used(), "listener.name.sasl_ssl.gssapi.connections.max.reauth.ms")
	assert.Len(t, c.Used(), 6)
}

func TestUnknownKeys(t *testing.T) {
	for key, want := range map[string]string{
		"ssl.cleint.auth":                      "did you mean ssl.client.auth?",
		"listener.name.x.ssl.clientauth":       "did you mean listener.name.x.ssl.client.auth?",
		"listener.name.x.plain.sasl.jaas.conf": "did you mean listener.name.x.plain.sasl.jaas.config?",
		"super.user":                           "did you mean super.users?",
		"confluent.license.topic":              "is no setting of a Kafka broker",
		"listener.name.x":                      "is no setting of a Kafka broker",
		"":                                     "is no setting of a Kafka broker",
		"ssl.principal.mapping.rule":           "did you mean ssl.principal.mapping.rules?",
		"listener.names.x.ssl.principal.mapping.ru": "is no setting of a Kafka broker",
	} {
		t.Run(key, func(t *testing.T) {
			c := New(map[string]string{key: "secret", "node.id": "1"})
			wrong := c.CheckKeys(nil)
			require.Len(t, wrong, 1)
			require.ErrorContains(t, wrong[0], want)
			assert.NotContains(t, wrong[0].Error(), "secret")
			require.Empty(t, c.CheckKeys([]string{key}))
		})
	}
	old := New(map[string]string{"zookeeper.connect": "z", "inter.broker.protocol.version": "2.8", "listener.name.x.scram-sha-512.sasl.jaas.config": ""})
	require.Empty(t, old.CheckKeys(nil), "keys of old releases")
}

func TestModule(t *testing.T) {
	l, err := config(t, "listener.name.x.plain.sasl.jaas.config=s3cr3t\nlistener.security.protocol.map=X:SASL_SSL").Listener("x://:1")
	require.NoError(t, err)
	_, _, err = l.Module("PLAIN")
	require.ErrorContains(t, err, `sasl.jaas.config of listener "X", mechanism "PLAIN": expected required`)
	_, ok, err := l.Module("GSSAPI")
	require.NoError(t, err)
	assert.False(t, ok)
}

// TestKafkaKeys: each key of Kafka's brokers is known.
func TestKafkaKeys(t *testing.T) {
	jvm := kafkatest.StartJVM(t, kafkatest.DefaultVersion, "testdata/Broker.java")
	keys := strings.Fields(jvm.MustCall("Broker"))
	assert.Greater(t, len(keys), 350)
	for _, key := range keys {
		assert.True(t, known[key], "%s of Kafka %s is missing in keys.txt", key, kafkatest.DefaultVersion)
	}
}
