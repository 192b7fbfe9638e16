package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/connect/guard"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// curl runs curl at a guard as a user, and returns the status and the answer.
func (g *guarded) curl(login string, args ...string) (status, answer string) {
	g.t.Helper()
	path := args[len(args)-1]
	args = append([]string{"--silent", "--show-error", "--path-as-is", "--max-time", "110", "--cacert", g.path("ca.pem"), "--user", login, "--write-out", "\n%{http_code}"}, args[:len(args)-1]...)
	out, err := exec.CommandContext(g.t.Context(), "curl", append(args, g.url+path)...).CombinedOutput()
	require.NoError(g.t, err, "%s", out)
	i := strings.LastIndexByte(string(out), '\n')
	return string(out[i+1:]), strings.TrimSpace(string(out[:i]))
}

// put sends a body as JSON with curl.
func (g *guarded) put(login, method, path, body string) (status, answer string) {
	return g.curl(login, "--request", method, "--header", "Content-Type: application/json", "--data", body, path)
}

// configuration returns the configuration in a file of a connector.
func (c *connectCluster) configuration(name string, more map[string]string) string {
	var posted struct{ Config map[string]string }
	require.NoError(c.t, json.Unmarshal([]byte(readAll(c.t, c.connectors[name])), &posted))
	for key, value := range more {
		posted.Config[key] = value
	}
	text, err := json.Marshal(posted.Config)
	require.NoError(c.t, err)
	return string(text)
}

// allRights are ACLs that let everybody do everything.
func allRights() (list []acl.Binding) {
	for _, kind := range []resource.Type{resource.Topic, resource.Group, resource.TransactionalID, resource.Cluster} {
		name := resource.Wildcard
		if kind == resource.Cluster {
			name = resource.ClusterName
		}
		list = append(list, acl.Binding{Pattern: resource.LiteralPattern(kind, name), Entry: acl.Entry{Principal: "User:*", Host: acl.WildcardHost, Operation: ops.All, Permission: acl.Allow}})
	}
	return list
}

// TestConnectGuardOfKafka has curl at a guard in front of a worker of Kafka 4.4.0. Alice owns the
// connectors that begin with file-, bob may read one of them.
func TestConnectGuardOfKafka(t *testing.T) {
	c := startConnectCluster(t)
	c.SetACLs(t, allRights()...)
	c.worker["config.providers"], c.worker["config.providers.env.class"] = "env", "org.apache.kafka.common.config.provider.EnvVarConfigProvider"
	c.start()
	g := newGuarded(t)
	g.start(g.args(c.url))
	const alice, bob, root = "alice:a-secret", "bob:b-secret", "root:r-secret"

	for _, name := range []string{"file-source", "file-sink"} {
		require.Eventually(t, func() bool {
			status, _ := g.put(alice, "POST", "/connectors", readAll(t, c.connectors[name]))
			return status == "201" || status == "409"
		}, 2*time.Minute, 500*time.Millisecond, "%s is not created", name)
	}
	c.write(`"one"`)
	require.Eventually(t, func() bool { return c.arrived("one") }, 2*time.Minute, 200*time.Millisecond, "nothing goes through")
	expect := func(login, want string, args ...string) string {
		t.Helper()
		status, answer := g.curl(login, args...)
		assert.Equal(t, want, status, "%s %v: %s", login, args, answer)
		return answer
	}

	t.Run("lists", func(t *testing.T) {
		status, _ := c.call(http.MethodPost, "/connectors", strings.Replace(readAll(t, c.connectors["file-sink"]), "file-sink", "hidden", 1))
		require.Equal(t, http.StatusCreated, status)
		assert.JSONEq(t, `["file-sink"]`, expect(bob, "200", "/connectors"))
		var list map[string]any
		require.NoError(t, json.Unmarshal([]byte(expect(alice, "200", "/connectors?expand=info&expand=status")), &list))
		assert.Len(t, list, 2)
		hidden, none := expect(bob, "403", "/connectors/hidden"), expect(bob, "403", "/connectors/none")
		assert.Equal(t, none, hidden)
		expect(root, "200", "/connectors/hidden")
		expect(root, "404", "/connectors/none")
		expect(root, "204", "--request", "DELETE", "/connectors/hidden")
	})
	t.Run("rights", func(t *testing.T) {
		expect(bob, "200", "/connectors/file-sink/status")
		expect(bob, "200", "/connectors/file-sink/config")
		expect(bob, "200", "/connectors/file-sink/tasks")
		expect(bob, "403", "--request", "PUT", "/connectors/file-sink/pause")
		expect(bob, "403", "--request", "DELETE", "/connectors/file-sink")
		expect(bob, "403", "/admin/loggers")
		expect(bob, "200", "/connector-plugins")
		expect(bob, "200", "/")
		expect(root, "200", "/admin/loggers")
		expect("bob:wrong", "401", "/connectors")
		for _, action := range []string{"pause", "resume", "stop"} {
			expect(alice, map[string]string{"pause": "202", "resume": "202", "stop": "204"}[action], "--request", "PUT", "/connectors/file-sink/"+action)
		}
		require.Eventually(t, func() bool {
			status, _ := g.curl(alice, "--request", "DELETE", "/connectors/file-sink/offsets")
			return status == "200"
		}, time.Minute, time.Second, "offsets are not reset")
		expect(alice, "200", "/connectors/file-sink/offsets")
		expect(alice, "202", "--request", "PUT", "/connectors/file-sink/resume")
		require.Eventually(t, func() bool {
			status, _ := g.curl(alice, "--request", "POST", "/connectors/file-sink/restart?includeTasks=true")
			return status == "202"
		}, time.Minute, time.Second, "it is not restarted")
		expect(alice, "200", "/connectors/file-sink/topics")
		expect(alice, "202", "--request", "PUT", "/connectors/file-sink/topics/reset")
	})
	t.Run("secrets", func(t *testing.T) {
		config := c.configuration("file-sink", map[string]string{"my.password": "hunter2-secret", "my.reference": "${env:HOME}"})
		status, answer := g.put(alice, "PUT", "/connectors/file-sink/config", config)
		require.Equal(t, "200", status, answer)
		assert.NotContains(t, answer, "hunter2-secret")
		for _, path := range []string{"/connectors/file-sink", "/connectors/file-sink/config", "/connectors/file-sink/tasks", "/connectors?expand=info"} {
			answer = expect(bob, "200", path)
			assert.NotContains(t, answer, "hunter2-secret", path)
			assert.Contains(t, answer, `"my.password":"`+guard.Mask+`"`, path)
			assert.Contains(t, answer, `"my.reference":"${env:HOME}"`, path)
		}
		status, answer = g.put(alice, "PUT", "/connectors/file-sink/config", expect(alice, "200", "/connectors/file-sink/config"))
		assert.Equal(t, "400", status)
		assert.Contains(t, answer, "the setting my.password has the masked value of an earlier answer")
		status, _ = g.put(alice, "PATCH", "/connectors/file-sink/config", `{"my.other":"x"}`)
		assert.Equal(t, "200", status)
		_, stored := c.call(http.MethodGet, "/connectors/file-sink/config", "")
		assert.Contains(t, stored, `"my.password":"hunter2-secret"`)
		assert.Contains(t, stored, `"my.other":"x"`)
		status, answer = g.put(alice, "PUT", "/connector-plugins/FileStreamSink/config/validate",
			`{"name":"file-sink","connector.class":"FileStreamSink","topics":"lines","file":"${env:HOME}","tasks.max":"x","my.password":"hunter2-secret"}`)
		assert.Equal(t, "200", status, answer)
		assert.NotContains(t, answer, "hunter2-secret")
		assert.Contains(t, answer, `"value":"${env:HOME}"`)
		assert.NotContains(t, answer, `"value":"`+os.Getenv("HOME")+`"`)
		status, answer = g.put(alice, "PUT", "/connectors/file-sink/config", strings.Replace(config, `"1"`, `"hunter2-secret"`, 1))
		assert.Equal(t, "400", status, answer)
		assert.NotContains(t, answer, "hunter2-secret")
		status, _ = g.put(bob, "PATCH", "/connectors/file-sink/config", `{}`)
		assert.Equal(t, "403", status)
	})
	t.Run("what only workers send", func(t *testing.T) {
		status, _ := g.put(root, "POST", "/connectors/file-sink/tasks", "[]")
		assert.Equal(t, "405", status)
		status, _ = g.put(root, "PUT", "/connectors/file-sink/fence", "{}")
		assert.Equal(t, "404", status)
	})
	t.Run("names", func(t *testing.T) {
		// The worker takes a semicolon, and what follows it, for nothing, and so the slash at the end.
		for name, row := range map[string]struct{ path, guard, worker string }{
			"space":                {"/connectors/no%20ne", "404", "404"},
			"parameter of segment": {"/connectors/file-sink;a=b", "400", "200"},
			"encoded semicolon":    {"/connectors/file-sink%3Ba=b", "400", "404"},
			"encoded slash":        {"/connectors/file-sink%2Fconfig", "400", "400"},
			"dots":                 {"/connectors/x/../file-sink", "404", "404"},
			"encoded dots":         {"/connectors/x/%2e%2e/file-sink", "404", "400"},
			"encoded twice":        {"/connectors/file%252Dsink", "400", "400"},
			"encoded word":         {"/connectors/file-sink/%63onfig", "404", "404"},
			"trailing slash":       {"/connectors/file-sink/", "400", "200"},
			"double slash":         {"/connectors//file-sink", "400", "400"},
		} {
			status, _ := g.curl(root, row.path)
			assert.Equal(t, row.guard, status, name)
			direct, answer := c.curl(row.path)
			assert.Equal(t, row.worker, direct, "%s: %s", name, answer)
		}
	})
	t.Run("another client", func(t *testing.T) {
		client := os.Getenv("PORTCULLIS_CONNECT_CLIENT")
		if client == "" {
			t.Skip("set PORTCULLIS_CONNECT_CLIENT to the program kc of kafka-connect-py 1.0.0 (PyPI) to run it")
		}
		kc := func(login string, args ...string) string {
			cmd := exec.CommandContext(t.Context(), client, append([]string{"--url", g.url, "--auth", login}, args...)...)
			cmd.Env = append(os.Environ(), "REQUESTS_CA_BUNDLE="+g.path("ca.pem"))
			out, _ := cmd.CombinedOutput()
			return string(out)
		}
		assert.Contains(t, kc(bob, "list"), "file-sink")
		assert.NotContains(t, kc(bob, "list"), "file-source")
		assert.Contains(t, kc(alice, "list"), "file-source")
		assert.Contains(t, kc(bob, "status", "file-sink"), "RUNNING")
		assert.Contains(t, kc(bob, "config", "file-sink"), guard.Mask)
		assert.Contains(t, kc(bob, "pause", "file-sink"), "403")
		config := file(t, "another.json", c.configuration("file-source", map[string]string{"name": "file-another"}))
		kc(alice, "update", "file-another", "--config-file", config)
		assert.Contains(t, kc(alice, "list"), "file-another", kc(alice, "update", "--help"))
		assert.Contains(t, kc(bob, "delete", "file-another"), "403")
		kc(alice, "delete", "file-another")
		assert.NotContains(t, kc(alice, "list"), "file-another")
	})
	expect(alice, "204", "--request", "DELETE", "/connectors/file-source")
	assert.NotContains(t, g.log.String(), "hunter2-secret")
}

// TestConnectGuardBefore44OfKafka has a worker of a release whose validation answers with what
// references stand for: through the guard it does not.
func TestConnectGuardBefore44OfKafka(t *testing.T) {
	c := startConnectCluster(t)
	c.SetACLs(t, allRights()...)
	t.Setenv("PORTCULLIS_TEST_SECRET", "resolved-by-the-worker")
	c.worker["config.providers"], c.worker["config.providers.env.class"] = "env", "org.apache.kafka.common.config.provider.EnvVarConfigProvider"
	c.startRelease("4.2.1")
	g := newGuarded(t)
	g.start(g.args(c.url))
	const path = "/connector-plugins/FileStreamSink/config/validate"
	const config = `{"name":"file-sink","connector.class":"FileStreamSink","topics":"lines","file":"${env:PORTCULLIS_TEST_SECRET}","tasks.max":"${env:PORTCULLIS_TEST_SECRET}"}`
	var direct string
	require.Eventually(t, func() bool {
		var status int
		status, direct = c.call(http.MethodPut, path, config)
		return status == http.StatusOK
	}, 2*time.Minute, 500*time.Millisecond, "the worker does not start")
	assert.Contains(t, direct, "resolved-by-the-worker")
	status, answer := g.put("alice:a-secret", "PUT", path, config)
	assert.Equal(t, "200", status, answer)
	assert.NotContains(t, answer, "resolved-by-the-worker")
	assert.Contains(t, answer, `"value":"${env:PORTCULLIS_TEST_SECRET}"`)
}

// curl asks the worker without the guard.
func (c *connectCluster) curl(path string) (status, answer string) {
	out, err := exec.CommandContext(c.t.Context(), "curl", "--silent", "--path-as-is", "--max-time", "30", "--write-out", "\n%{http_code}", c.url+path).CombinedOutput()
	require.NoError(c.t, err)
	text := string(out)
	i := strings.LastIndexByte(text, '\n')
	return text[i+1:], strings.ReplaceAll(text[:i], "\n", " ")
}
