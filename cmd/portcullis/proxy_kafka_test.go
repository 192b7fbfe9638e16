package main

import (
	"crypto/x509/pkix"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/acltest"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
)

// TestKafkaServerProperties gives the proxy the server.properties of a real broker, as it
// is. Kafka's tools then log in at the proxy as at the broker, by each listener, and see the
// same topics, or fail alike.
func TestKafkaServerProperties(t *testing.T) {
	authority := kafkatest.NewAuthority(t)
	stranger := kafkatest.NewAuthority(t)
	users := map[string]string{"alice": `a"l\i;ce`, "bob": "bob-secret"}
	cluster := kafkatest.Start(t, kafkatest.Config{
		Listeners: []kafkatest.Listener{
			{Name: "OPEN"},
			{Name: "CLIENT", Users: users, Properties: map[string]string{"connections.max.reauth.ms": "60000"}},
			{Name: "SECURE", Users: users, TLS: authority},
			{Name: "BOTH", Users: users, TLS: authority, ClientAuth: "required"},
			{Name: "MUTUAL", TLS: authority, ClientAuth: "required", Properties: map[string]string{
				"ssl.principal.mapping.rules": `RULE:^.*CN=([a-z]+),OU=Billing.*$/$1/,DEFAULT`}},
			{Name: "ASKED", TLS: authority, ClientAuth: "requested"},
		},
		SSLRules: `RULE:^.*CN=([a-z]+).*$/other-$1/`,
	})
	topics := []string{"anonymous", "alice", "bob", "carol", "other-carol", "everyone"}
	var bindings []acl.Binding
	for _, name := range topics {
		cluster.CreateTopics(t, kafkatest.Topic{Name: name})
		user := "User:" + name
		if name == "anonymous" {
			user = "User:ANONYMOUS"
		}
		if name == "everyone" {
			user = "User:*"
		}
		bindings = append(bindings, acltest.Allow(user, ops.Describe, acltest.Topic(name)))
	}
	cluster.SetACLs(t, bindings...)

	config := file(t, "server.properties", cluster.Brokers[0].Configuration(t))
	args := []string{"proxy", "--properties", config, "--mirror-acls", "--upstream", cluster.Bootstrap(kafkatest.Internal), "--upstream-user", kafkatest.Admin,
		"--upstream-password-file", file(t, "password", kafkatest.AdminPassword), "--upstream-mechanism", "PLAIN", "--first-node-id", fmt.Sprint(cluster.Brokers[0].Node)}
	names := []string{"OPEN", "CLIENT", "SECURE", "BOTH", "MUTUAL", "ASKED"}
	for _, name := range names {
		args = append(args, "--listen", name+"://127.0.0.1:0")
	}
	var log, refused buffer
	status := make(chan int, 1)
	go func() { status <- run(args, strings.NewReader(""), &refused, &log) }()
	addresses := map[string]string{}
	for i, address := range strings.Split(log.wait(t, `msg=serving listeners=(\S+) acls=`), ",") {
		addresses[names[i]] = address
	}
	assert.Contains(t, log.String(), "listener.name.mutual.ssl.principal.mapping.rules")

	carol := authority.Client(t, pkix.Name{CommonName: "carol", OrganizationalUnit: []string{"Billing"}}, nil)
	mallory := stranger.Client(t, pkix.Name{CommonName: "mallory"}, nil)
	properties := func(listener, user string, more map[string]string) map[string]string {
		p := maps.Clone(more)
		if p == nil {
			p = map[string]string{}
		}
		maps.Copy(p, cluster.ClientProperties(listener, user, nil))
		return p
	}
	wrong := func(p map[string]string) map[string]string {
		before := p["sasl.jaas.config"]
		p["sasl.jaas.config"] = strings.ReplaceAll(before, "bob-secret", "wrong")
		require.NotEqual(t, before, p["sasl.jaas.config"])
		return p
	}
	rows := map[string]struct {
		listener string
		client   map[string]string
		sees     string // "" if the login must fail
	}{
		"open":                            {"OPEN", properties("OPEN", "", nil), "anonymous everyone"},
		"a password":                      {"CLIENT", properties("CLIENT", "alice", nil), "alice everyone"},
		"a wrong password":                {"CLIENT", wrong(properties("CLIENT", "bob", nil)), ""},
		"a password over TLS":             {"SECURE", properties("SECURE", "bob", nil), "bob everyone"},
		"a password and a certificate":    {"BOTH", properties("BOTH", "bob", cluster.ClientProperties("MUTUAL", "", &carol)), "bob everyone"},
		"a password without certificate":  {"BOTH", properties("BOTH", "bob", nil), ""},
		"a certificate":                   {"MUTUAL", cluster.ClientProperties("MUTUAL", "", &carol), "carol everyone"},
		"no certificate":                  {"MUTUAL", cluster.ClientProperties("MUTUAL", "", nil), ""},
		"a certificate of another":        {"MUTUAL", cluster.ClientProperties("MUTUAL", "", &mallory), ""},
		"a certificate that is asked for": {"ASKED", cluster.ClientProperties("ASKED", "", &carol), "everyone other-carol"},
		"no certificate, which is fine":   {"ASKED", cluster.ClientProperties("ASKED", "", nil), "anonymous everyone"},
		"PLAINTEXT where TLS is":          {"MUTUAL", properties("OPEN", "", nil), ""},
	}
	for name, row := range rows {
		row.client["default.api.timeout.ms"], row.client["request.timeout.ms"] = "4000", "3000"
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "client.properties")
			require.NoError(t, os.WriteFile(path, []byte(kafkatest.Properties(row.client)), 0o600))
			ask := func(address string) (string, int) {
				r := kafkatest.Tool(t, kafkatest.DefaultVersion, "", "kafka-topics", "--bootstrap-server", address, "--command-config", path, "--list")
				return strings.Join(strings.Fields(r.Stdout), " "), r.Status
			}
			direct, directStatus := ask(cluster.Bootstrap(row.listener))
			proxied, proxiedStatus := ask(addresses[row.listener])
			assert.Equal(t, row.sees != "", directStatus == 0, "at the broker")
			assert.Equal(t, directStatus, proxiedStatus, "through the proxy")
			if row.sees != "" {
				assert.Equal(t, row.sees, direct, "at the broker")
				assert.Equal(t, direct, proxied, "through the proxy")
			}
		})
	}
	t.Logf("%d logins compared with Kafka %s", len(rows), kafkatest.DefaultVersion)

	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	select {
	case got := <-status:
		assert.Equal(t, exitDone, got, log.String())
	case <-time.After(90 * time.Second):
		assert.Fail(t, "it does not end")
	}
}
