package connect

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/portcullis-authz/portcullis/inspect"
)

// TestLint has a fault a row, and what is found. A row without a fault finds nothing.
func TestLint(t *testing.T) {
	safe := []string{policyKey, "None"}
	files := append([]string{"config.providers", "file", "config.providers.file.class", "org.apache.kafka.common.config.provider.FileConfigProvider",
		"config.providers.file.param.allowed.paths", "/etc/secrets"}, safe...)
	const variables = "org.apache.kafka.common.config.provider.EnvVarConfigProvider"
	env := append([]string{"config.providers", "env", "config.providers.env.class", variables, "config.providers.env.param.allowlist.pattern", "DB_.*"}, safe...)
	for name, row := range map[string]struct {
		worker     []string
		connectors [][]string // sources if they have no topics
		who        map[string]string
		before44   bool
		want       []string
	}{
		"nothing":               {worker: safe, connectors: [][]string{{"topics", "a"}}},
		"any override":          {want: []string{"warning any-override  connector.client.config.override.policy"}},
		"refused":               {worker: safe, connectors: [][]string{{"topics", "a", "consumer.override.group.id", "x", "producer.override.acks", "1"}}, want: []string{"error refused-override n consumer.override.group.id", "error refused-override n producer.override.acks"}},
		"principal of worker":   {worker: safe, connectors: [][]string{{"topics", "a"}}, who: map[string]string{"worker": "User:w", "consumer n": "User:w"}, want: []string{"error shared-principal n "}},
		"own principal":         {worker: safe, connectors: [][]string{{"topics", "a"}}, who: map[string]string{"worker": "User:w", "consumer n": "User:c"}},
		"unused client":         {worker: safe, connectors: [][]string{{"topics", "a"}}, who: map[string]string{"worker": "User:w", "producer n": "User:w"}},
		"plaintext consumer":    {worker: append([]string{"security.protocol", "SASL_SSL"}, safe...), connectors: [][]string{{"topics", "a"}}, want: []string{"error unprotected-client n "}},
		"protected consumer":    {worker: append([]string{"security.protocol", "SASL_SSL", "consumer.security.protocol", "sasl_ssl"}, safe...), connectors: [][]string{{"topics", "a"}}},
		"clear password":        {worker: safe, connectors: [][]string{{"topics", "a", "connection.password", "x", "password.path", "/a", "sasl.jaas.config", `m required username="u" password="p";`}}, want: []string{"error clear-secret n connection.password", "error clear-secret n sasl.jaas.config"}},
		"clear in worker":       {worker: append([]string{"ssl.key.password", "x"}, safe...), want: []string{"warning clear-secret  ssl.key.password"}},
		"by reference":          {worker: files, connectors: [][]string{{"topics", "a", "connection.password", "${file:/etc/secrets/a.properties:p}"}}},
		"unknown provider":      {worker: files, connectors: [][]string{{"topics", "a", "connection.password", "${vault:a:b}"}}, want: []string{"error unknown-provider n connection.password"}},
		"forbidden path":        {worker: files, connectors: [][]string{{"topics", "a", "p", "${file:/etc/secrets/../passwd:x}"}}, want: []string{"error forbidden-path n p"}},
		"neighbouring path":     {worker: files, connectors: [][]string{{"topics", "a", "p", "${file:/etc/secrets2/a:x}"}}, want: []string{"error forbidden-path n p"}},
		"any path":              {worker: append([]string{"config.providers", "file", "config.providers.file.class", "org.apache.kafka.common.config.provider.DirectoryConfigProvider"}, safe...), want: []string{"warning any-path  config.providers.file.param.allowed.paths"}},
		"no class":              {worker: append([]string{"config.providers", "file"}, safe...), connectors: [][]string{{"topics", "a", "p", "${file:/a:b}"}}, want: []string{"error unknown-provider n p"}},
		"no path":               {worker: files, connectors: [][]string{{"topics", "a", "connection.password", "${file:x}"}}, want: []string{"error reference-path n connection.password"}},
		"any variable":          {worker: append([]string{"config.providers", "env", "config.providers.env.class", variables}, safe...), connectors: [][]string{{"topics", "a", "p", "${env:X}"}}, want: []string{"warning any-variable  config.providers.env.param.allowlist.pattern"}},
		"variables":             {worker: env, connectors: [][]string{{"topics", "a", "p", "${env:DB_PASSWORD}", "q", "${env:PATH}", "r", "${env:/x:DB_A}"}}, want: []string{"error forbidden-path n q", "error reference-path n r"}},
		"secret and reference":  {worker: files, connectors: [][]string{{"topics", "a", "connection.password", "x${file:/etc/secrets/a:p}", "sasl.jaas.config", `m required password="$x";`}}, want: []string{"error clear-secret n connection.password", "error clear-secret n sasl.jaas.config"}},
		"secret in a URL":       {worker: safe, connectors: [][]string{{"topics", "a", "connection.url", "jdbc:postgresql://u:p@db/x"}}, want: []string{"error clear-secret n connection.url"}},
		"own provider":          {worker: safe, connectors: [][]string{{"topics", "a", "config.providers", "x"}}, want: []string{"warning own-provider n config.providers"}},
		"before 4.4":            {worker: files, before44: true, want: []string{"error validate-reveals  "}},
		"before 4.4, no secret": {worker: safe, before44: true},
		"shared group":          {worker: []string{policyKey, "All"}, connectors: [][]string{{"topics", "a", "consumer.override.group.id", "x"}, {"name", "m", "topics", "a", "consumer.override.group.id", "x"}}, want: []string{"warning any-override  " + policyKey, "warning shared-group m "}},
		"sinks as one":          {worker: safe, connectors: [][]string{{"topics", "a"}, {"name", "m", "topics", "a"}}, who: map[string]string{"consumer n": "User:c", "consumer m": "User:c"}, want: []string{"note shared-offsets m "}},
		"sources exactly once":  {worker: append([]string{"exactly.once.source.support", "enabled"}, safe...), connectors: [][]string{{}, {"name", "m"}}, want: []string{"warning shared-offsets m offsets.storage.topic"}},
		"sources, own topics":   {worker: append([]string{"exactly.once.source.support", "enabled"}, safe...), connectors: [][]string{{"offsets.storage.topic", "a"}, {"name", "m"}}},
		"sources, the worker's": {worker: safe, connectors: [][]string{{}, {"name", "m"}}},
	} {
		t.Run(name, func(t *testing.T) {
			var list []*Connector
			for _, settings := range row.connectors {
				kind := Source
				if _, sink := pairs(settings...)["topics"]; sink {
					kind = Sink
				}
				list = append(list, connector(t, kind, settings...))
			}
			var got []string
			for _, f := range Lint(worker(t, distributed(row.worker...)), list, LintOptions{BeforeKafka44: row.before44, Principal: func(client Client, connector string) string {
				if connector == "" {
					return row.who[client.String()]
				}
				return row.who[client.String()+" "+connector]
			}}) {
				got = append(got, fmt.Sprintf("%v %s %s %s", f.Level, f.Code, f.Connector, f.Key))
				assert.NotEmpty(t, f.Reason)
				assert.NotEmpty(t, f.Fix)
			}
			assert.Equal(t, row.want, got)
		})
	}
}

// TestLintOfMany has many connectors that share everything.
func TestLintOfMany(t *testing.T) {
	var list []*Connector
	for i := range 5000 {
		list = append(list, connector(t, Sink, "name", fmt.Sprint(i), "topics", "a"))
	}
	found := Lint(worker(t, distributed(policyKey, "None")), list, LintOptions{Principal: func(Client, string) string { return "User:c" }})
	assert.Len(t, found, 2*5000-1)
	assert.Equal(t, inspect.LevelError, found[0].Level)
}

// TestSecrets has values, with the parts that are secrets.
func TestSecrets(t *testing.T) {
	for _, row := range []struct {
		key, value string
		want       []string
	}{
		{"connection.password", "p", []string{"p"}},
		{"connection.password", "", nil},
		{"connection.password", " ${file:/a:b} ", nil},
		{"connection.password", "${env:A}${env:B}", nil},
		{"connection.password", "${nothing}", []string{"${nothing}"}},
		{"password.path", "/a", nil},
		{"topics", "passwords", nil},
		{"x.jaas.config", `m required username="u" password="p\"q" other='x';`, []string{`p\"q`}},
		{"x.jaas.config", `m required clientSecret='s' clientId=c;`, []string{"s"}},
		{"x.jaas.config", `m required password=plain;`, []string{"plain"}},
		{"x.jaas.config", `m required username="u" password="${file:/a:b}";`, nil},
		{"x.jaas.config", `m required password="a${file:/a:b}";`, []string{"a"}},
		{"connection.url", "jdbc:mysql://h/db?user=u&password=pw&ssl=true", []string{"pw"}},
		{"connection.uri", "mongodb://u:p%40q@h/db", []string{"p%40q"}},
		{"connection.uri", "mongodb://u:${env:X}@h/db", nil},
		{"basic.auth.user.info", "u:p", []string{"u:p"}},
		{"headers", "Authorization: Bearer abcdefghij", []string{"abcdefghij"}},
		{"pem", "-----BEGIN RSA PRIVATE KEY-----abc-----END RSA PRIVATE KEY-----", []string{"abc"}},
	} {
		t.Run(row.key+" "+row.value, func(t *testing.T) {
			assert.Equal(t, row.want, Secrets(row.key, row.value))
		})
	}
}
