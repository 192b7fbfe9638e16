package proxy

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checks runs the command with --check.
func (p place) checks(flags string) (string, error) {
	cmd := New()
	var out, log bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&log)
	cmd.SetArgs(strings.Fields(strings.ReplaceAll("--check "+flags, "@", p.folder+"/")))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.Execute()
	return strings.ReplaceAll(out.String(), p.folder+"/", "@"), err
}

// --check prints what is configured and has no effect, or says what is wrong.
func TestCheck(t *testing.T) {
	p := newPlace(t)
	p.write("acls.txt", "Current ACLs for resource `ResourcePattern(resourceType=TOPIC, name=orders, patternType=LITERAL)`:\n"+
		"\t(principal=User:a, host=*, operation=WRITE, permissionType=ALLOW)\n\n")
	p.write("server.properties", strings.ReplaceAll(`listeners=OPEN://127.0.0.1:9092,SECURE://127.0.0.1:9093,CONTROLLER://:9099
controller.listener.names=CONTROLLER
listener.security.protocol.map=OPEN:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
advertised.listeners=SECURE://kafka.example.com:9093
listener.name.secure.ssl.client.auth=requested
listener.name.secure.connections.max.reauth.ms=60000
listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
ssl.keystore.type=PEM
ssl.keystore.location=@both.pem
ssl.truststore.type=PEM
ssl.truststore.location=@cert.pem
log.dirs=/tmp
`, "@", p.folder+"/"))
	p.write("client.properties", `security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="proxy" password="s3cr3t";
`)
	const flags = "--properties @server.properties --users @users.txt --acls @acls.txt --upstream kafka-0:9092 --upstream kafka-1:9092 --upstream-config @client.properties"
	got, err := p.checks(flags)
	require.NoError(t, err)
	assert.Equal(t, `listener PLAINTEXT 127.0.0.1:9092: no login
listener SASL_SSL 127.0.0.1:9093: advertised as kafka.example.com, TLS with client certificates if they are sent, PLAIN SCRAM-SHA-512, 1 users, sessions of 1m0s
ACLs: 1 of @acls.txt
cluster kafka-0:9092,kafka-1:9092: SCRAM-SHA-512 over TLS
audit log: refusals to standard output as json, on failure drop
`, got[:strings.Index(got, "settings that count")])
	assert.Contains(t, got, "listener.name.secure.ssl.client.auth")
	assert.Contains(t, got, "others: 1\n")
	assert.NotContains(t, got, "s3cr3t")

	got, err = p.checks("--delegation-tokens --listen SASL_PLAINTEXT://127.0.0.1:9092 --mirror-acls --upstream b:1")
	require.NoError(t, err)
	assert.Contains(t, got, "9092: SCRAM-SHA-256 SCRAM-SHA-512\n")
	assert.Contains(t, got, "\ndelegation tokens: those of the cluster\n")

	for name, test := range map[string]struct{ file, text, flags, want string }{
		"tokens of nobody": {"", "", "--embedded --delegation-tokens --acls @acls.txt --users @users.txt --listen SASL_PLAINTEXT://127.0.0.1:9092", "the embedded cluster has no delegation tokens"},
		"ACLs":             {"acls.txt", "junk", flags, "acls.txt"},
		"an address":       {"", "", "--listen PLAINTEXT://0.0.0.0:9092 --mirror-acls --upstream b:1", "the advertised host is empty"},
		"a broker":         {"", "", "--listen PLAINTEXT://127.0.0.1:9092 --mirror-acls --upstream b", "upstream broker: address b: expected host:port"},
		"a limit":          {"", "", "--listen PLAINTEXT://127.0.0.1:9092 --mirror-acls --upstream b:1 --max-connections -1", "Limits.Connections is -1"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.file != "" {
				p.write(test.file, test.text)
			}
			got, err := p.checks(test.flags)
			require.ErrorContains(t, err, test.want)
			assert.Empty(t, got)
		})
	}
}

// --check also prints how the proxy is watched, connects to nobody for it, and shows no secret of the
// environment. What the exporter of traces cannot use is an error, as at the start.
func TestCheckOfWhatIsWatched(t *testing.T) {
	p := newPlace(t)
	asked := false
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cr3t")
	t.Setenv("OTEL_SERVICE_NAME", "gate")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off") // does not count
	const flags = "--listen PLAINTEXT://127.0.0.1:9092 --mirror-acls --upstream b:1 "
	end := func(flags string) string {
		got, err := p.checks(flags)
		require.NoError(t, err)
		_, got, found := strings.Cut(got, "cluster b:1: no login\n")
		require.True(t, found)
		return got
	}
	assert.Equal(t, "audit log: refusals and allows to @audit.json as ocsf, on failure deny\n"+
		"metrics: 127.0.0.1:9404\n"+
		"traces: 0.5 of the requests to "+collector.URL+"/v1/traces, not encrypted, with OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME\n",
		end(flags+"--audit-log @audit.json --audit-format ocsf --audit-failure deny --audit-allows --metrics 127.0.0.1:9404 --trace-ratio 0.5 --otlp-endpoint "+collector.URL))
	assert.NoFileExists(t, p.folder+"/audit.json")
	assert.False(t, asked)
	assert.Equal(t, "audit log: refusals to the topic audit as json, on failure drop\n"+
		"traces: 0.01 of the requests to https://c/v1/traces, with OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME\n",
		end(flags+"--audit-topic audit --otlp-endpoint https://c"))

	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "s3cr3t")
	got, err := p.checks(flags + "--otlp-endpoint https://c")
	require.ErrorContains(t, err, "OTEL_EXPORTER_OTLP_* cannot be used")
	assert.NotContains(t, err.Error(), "s3cr3t")
	assert.Empty(t, got)
}
