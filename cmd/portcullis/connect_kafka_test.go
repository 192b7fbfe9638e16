package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
	"github.com/portcullis-authz/portcullis/ops"
)

// fileVersion is that of connect-file, the connectors that read and write files.
const fileVersion = "4.1.0"

// connectUsers are the worker, and the clients of its connectors.
var connectUsers = map[string]string{"worker": "worker-secret", "producer": "producer-secret", "consumer": "consumer-secret", "admin2": "admin2-secret"}

// connectCluster is a broker, and what a worker of Kafka Connect and its connectors are made from.
type connectCluster struct {
	*kafkatest.Cluster
	t      *testing.T
	folder string
	worker map[string]string
	url    string
	// connectors are the files with their configurations.
	connectors map[string]string
}

func startConnectCluster(t *testing.T) *connectCluster {
	t.Helper()
	cluster := kafkatest.Start(t, kafkatest.Config{Version: upgradeTo, Loggers: map[string]string{"kafka.authorizer.logger": "info"},
		Listeners: []kafkatest.Listener{{Name: "CLIENT", Users: connectUsers}}})
	topics := []kafkatest.Topic{{Name: "lines"}, {Name: "dead"}}
	for _, name := range []string{"connect-configs", "connect-offsets", "connect-status", "file-source-offsets"} {
		topics = append(topics, kafkatest.Topic{Name: name, Configs: map[string]string{"cleanup.policy": "compact"}})
	}
	cluster.CreateTopics(t, topics...)
	c := &connectCluster{Cluster: cluster, t: t, folder: t.TempDir(), connectors: map[string]string{}}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c.url = "http://" + port.Addr().String()
	require.NoError(t, port.Close())
	c.worker = map[string]string{
		"bootstrap.servers": cluster.Bootstrap("CLIENT"), "group.id": "connect", "listeners": c.url,
		"config.storage.topic": "connect-configs", "offset.storage.topic": "connect-offsets", "status.storage.topic": "connect-status",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
		"exactly.once.source.support": "enabled", "offset.flush.interval.ms": "1000", "plugin.discovery": "hybrid_warn",
		"connector.client.config.override.policy": "None", "topic.creation.enable": "true",
	}
	for prefix, user := range map[string]string{"": "worker", "producer.": "producer", "consumer.": "consumer", "admin.": "admin2"} {
		for key, value := range cluster.ClientProperties("CLIENT", user, nil) {
			if value != "" {
				c.worker[prefix+key] = value
			}
		}
	}
	c.connector("file-source", map[string]string{"connector.class": "FileStreamSource", "tasks.max": "1", "file": filepath.Join(c.folder, "in"), "topic": "lines",
		"offsets.storage.topic": "file-source-offsets", "topic.creation.default.replication.factor": "1", "topic.creation.default.partitions": "1"})
	c.connector("file-sink", map[string]string{"connector.class": "FileStreamSink", "tasks.max": "1", "file": filepath.Join(c.folder, "out"), "topics": "lines",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead", "errors.deadletterqueue.topic.replication.factor": "1"})
	return c
}

func (c *connectCluster) connector(name string, settings map[string]string) {
	text, err := json.Marshal(map[string]any{"name": name, "config": settings})
	require.NoError(c.t, err)
	c.connectors[name] = file(c.t, name+".json", string(text))
}

// flags are those of portcullis connect for the worker and its connectors.
func (c *connectCluster) flags(command ...string) []string {
	args := append([]string{"connect"}, command...)
	args = append(args, "--worker", file(c.t, "worker.properties", kafkatest.Properties(c.worker)))
	for _, name := range slices.Sorted(maps.Keys(c.connectors)) {
		args = append(args, "--connector", c.connectors[name])
	}
	return args
}

// start runs a worker. The function that it returns ends it.
func (c *connectCluster) start() (stop func()) {
	c.t.Helper()
	return c.startRelease(upgradeTo)
}

// startRelease runs a worker of a release.
func (c *connectCluster) startRelease(version string) (stop func()) {
	c.t.Helper()
	// The worker's own jars come first.
	lib := filepath.Join(kafkatest.Jars(c.t, version), "*") + string(os.PathListSeparator) + kafkatest.ClassPath(c.t, "connect-file", fileVersion)
	return startProgram(c.t, "java", "-Xmx300m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", lib,
		"org.apache.kafka.connect.cli.ConnectDistributed", file(c.t, "worker.properties", kafkatest.Properties(c.worker)))
}

// call makes a request to the REST interface. The status is 0 if nobody answers.
func (c *connectCluster) call(method, path, body string) (status int, answer string) {
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	require.NoError(c.t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Timeout: 20 * time.Second}).Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// deploy creates the connectors.
func (c *connectCluster) deploy() {
	c.t.Helper()
	for name, path := range c.connectors {
		require.Eventually(c.t, func() bool {
			status, _ := c.call(http.MethodPost, "/connectors", readAll(c.t, path))
			return status == http.StatusCreated || status == http.StatusConflict
		}, 2*time.Minute, 500*time.Millisecond, "%s is not created", name)
	}
}

// write adds a line to the file that the source reads, and arrives waits until the sink has
// written it.
func (c *connectCluster) write(line string) {
	f, err := os.OpenFile(filepath.Join(c.folder, "in"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(c.t, err)
	_, err = fmt.Fprintln(f, line)
	require.NoError(c.t, err)
	require.NoError(c.t, f.Close())
}

func (c *connectCluster) arrived(line string) bool {
	text, _ := os.ReadFile(filepath.Join(c.folder, "out"))
	return slices.Contains(strings.Split(string(text), "\n"), line)
}

// denial matches a denial in the log of a broker.
var denial = regexp.MustCompile(`Principal = User:(\S+) is Denied operation = (\S+) from host = \S+ on resource = ([A-Za-z]+):LITERAL:(\S+) for`)

// denied returns the denials in the broker's log, each as principal, operation, type and name, but
// those of a check that a worker skips.
func (c *connectCluster) denied() map[string]bool {
	list := map[string]bool{}
	for _, m := range denial.FindAllStringSubmatch(c.Brokers[0].Log(), -1) {
		if m[2] != "DESCRIBE_CONFIGS" {
			list[fmt.Sprintf("%s %s %s %s", m[1], m[2], strings.ToUpper(m[3]), m[4])] = true
		}
	}
	return list
}

// needed returns the ACLs that connect needs lists.
func (c *connectCluster) needed() []acl.Binding {
	c.t.Helper()
	got := runWith("", c.flags("needs", "--output", "acls")...)
	require.Equal(c.t, exitDone, got.status, got.stderr)
	bindings, err := acl.Read(strings.NewReader(got.stdout), "", acl.FormatJSON)
	require.NoError(c.t, err)
	require.Len(c.t, bindings, 18)
	return bindings
}

// TestConnectOfKafka runs a worker of Kafka 4.4.0 with an exactly-once source that has an offsets
// topic of its own, and a sink with a dead-letter queue, with exactly the rights that "connect
// needs" lists for four principals: records go through, and nothing is denied. Then "connect
// check" finds nothing missing on the live cluster.
func TestConnectOfKafka(t *testing.T) {
	c := startConnectCluster(t)
	bindings := c.needed()
	c.SetACLs(t, bindings...)
	stop := c.start()
	c.deploy()
	c.write(`"one"`)
	require.Eventually(t, func() bool { return c.arrived("one") }, 2*time.Minute, 200*time.Millisecond, "nothing goes through")
	// Whether a topic exists is found out by creating it: a denial is then taken for an answer.
	var tried []string
	for name, who := range map[string]string{"connect-configs": "worker", "connect-offsets": "worker", "connect-status": "worker", "file-source-offsets": "admin2"} {
		tried = append(tried, who+" CREATE TOPIC "+name)
	}
	assert.ElementsMatch(t, tried, slices.Collect(maps.Keys(c.denied())))
	for _, name := range []string{"file-source", "file-sink"} {
		_, status := c.call(http.MethodGet, "/connectors/"+name+"/status", "")
		assert.NotContains(t, status, "FAILED")
	}
	admin := file(t, "admin.properties", kafkatest.Properties(c.ClientProperties(kafkatest.Internal, kafkatest.Admin, nil)))
	live := c.flags("check", "--bootstrap-server", c.Bootstrap(kafkatest.Internal), "--command-config", admin)
	got := runWith("", live...)
	assert.Equal(t, exitDone, got.status, "%s%s", got.stdout, got.stderr)
	stop()
	t.Logf("%d rights, records through a worker of Kafka %s", len(bindings), upgradeTo)
}

// What happens without a right, if it is not that nothing goes through.
var withoutRight = map[string]string{
	"worker WRITE TOPIC connect-configs": "create", // connectors cannot be created
	"worker WRITE TOPIC connect-offsets": "denied", // a copy of the offsets is not written
	"worker WRITE TOPIC connect-status":  "denied", // nobody learns how the connectors are
	"producer WRITE TOPIC dead":          "bad",    // a bad record is lost, and the task goes on
}

// TestConnectNeedsEachOfKafka takes away each of the rights that "connect needs" lists, one after
// the other, and starts the worker again: the broker denies it, and nothing goes through, or what
// withoutRight says. It takes many minutes: it runs if PORTCULLIS_CONNECT_EACH is set.
func TestConnectNeedsEachOfKafka(t *testing.T) {
	if os.Getenv("PORTCULLIS_CONNECT_EACH") == "" {
		t.Skip("takes many minutes: set PORTCULLIS_CONNECT_EACH=1 to run it")
	}
	c := startConnectCluster(t)
	bindings := c.needed()
	c.SetACLs(t, bindings...)
	stop := c.start()
	c.deploy()
	c.write(`"begin"`)
	require.Eventually(t, func() bool { return c.arrived("begin") }, 2*time.Minute, 200*time.Millisecond, "nothing goes through")
	stop()
	for i, without := range bindings {
		name := fmt.Sprintf("%s %s %s %s", strings.TrimPrefix(without.Entry.Principal, "User:"), without.Entry.Operation, without.Pattern.Type, without.Pattern.Name)
		t.Run(name, func(t *testing.T) {
			c.SetACLs(t, slices.Concat(bindings[:i], bindings[i+1:])...)
			before := c.denials(without)
			stop := c.start()
			defer stop()
			line, effect := fmt.Sprint("line ", i), withoutRight[name]
			if effect == "bad" {
				c.write("{")
			}
			c.write(`"` + line + `"`)
			if effect == "create" {
				require.Eventually(t, func() bool { return c.arrived(line) }, 3*time.Minute, 200*time.Millisecond, "nothing goes through")
				status, _ := c.call(http.MethodPost, "/connectors", strings.Replace(readAll(t, c.connectors["file-sink"]), "file-sink", "another", 1))
				assert.NotEqual(t, http.StatusCreated, status)
			}
			require.Eventually(t, func() bool { return c.denials(without) > before }, 3*time.Minute, 200*time.Millisecond, "no denial")
			if effect != "" {
				require.Eventually(t, func() bool { return c.arrived(line) }, 2*time.Minute, 200*time.Millisecond, "it does not go through, although the right is not for that")
				_, status := c.call(http.MethodGet, "/connectors/file-sink/status", "")
				assert.NotContains(t, status, "FAILED")
				return
			}
			time.Sleep(5 * time.Second)
			assert.False(t, c.arrived(line), "it goes through without the right")
		})
	}
}

// denials counts the denials about a resource to a principal.
func (c *connectCluster) denials(b acl.Binding) int {
	count := 0
	for _, m := range denial.FindAllStringSubmatch(c.Brokers[0].Log(), -1) {
		// Whether it may be described is not asked aloud: then it is to be created.
		same := m[2] == "DESCRIBE" || m[2] == b.Entry.Operation.String() || m[2] == "CREATE" && b.Entry.Operation == ops.Describe
		if same && "User:"+m[1] == b.Entry.Principal && m[4] == b.Pattern.Name {
			count++
		}
	}
	return count
}
