package connect

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// isOurs reports whether a setting of a client is one that ClientConfig has: all but the defaults
// of Connect and what it adds for metrics.
func isOurs(key string, settings map[string]string) bool {
	_, given := settings[key]
	return given || key == "bootstrap.servers" || key == "group.id"
}

// TestKafkaClients compares the settings that a worker of Kafka 4.4.0 makes clients with.
func TestKafkaClients(t *testing.T) {
	const runs = 600
	keys := []string{"security.protocol", "sasl.jaas.config", "sasl.mechanism", "bootstrap.servers", "group.id", "ssl.keystore.location", "acks", "producer.acks", "admin", "x"}
	jvm := kafkatest.StartJVM(t, "4.4.0", "testdata/ConnectClients.java")
	r := rand.New(rand.NewPCG(2, 26))
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	compared := 0
	for range runs {
		worker := map[string]string{"bootstrap.servers": "w:1", "group.id": "g", "config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s"}
		for range r.IntN(10) {
			key := one("", "producer.", "consumer.", "admin.") + one(keys...)
			if key != "group.id" && key != "bootstrap.servers" {
				worker[key] = one("a", "b", "SSL")
			}
		}
		if r.IntN(4) > 0 { // the worker itself refuses other protocols
			delete(worker, "security.protocol")
		} else if worker["security.protocol"] != "" {
			worker["security.protocol"] = "SSL"
		}
		connector := map[string]string{"name": one("n", "a-b"), "connector.class": "MockSinkConnector"}
		for range r.IntN(6) {
			connector[one("producer", "consumer", "admin")+".override."+one(keys...)] = one("c", "d")
		}
		w, err := NewWorker(worker)
		require.NoError(t, err)
		kind := Source + Kind(r.IntN(2))
		c, err := NewConnector(connector, kind)
		require.NoError(t, err)
		client := ConnectorClients()[r.IntN(3)]
		args := []string{client.String(), kind.String(), strconv.Itoa(len(worker))}
		for _, settings := range []map[string]string{worker, connector} {
			for key, value := range settings {
				args = append(args, key, value)
			}
		}
		ours := w.ClientConfig(client, c)
		if client == ConsumerClient && kind == Source && ours["group.id"] == "" {
			ours["group.id"] = "connect-" + c.Name // which no request has: the consumer is assigned its partitions
		}
		want := map[string]string{}
		for line := range strings.SplitSeq(jvm.MustCall("ConnectClients", args...), "\n") {
			key, value, _ := strings.Cut(line, "\t")
			if isOurs(key, ours) {
				want[key] = value
				compared++
			}
		}
		require.Equal(t, want, ours, "%v: worker %v, connector %v", client, worker, connector)
	}
	assert.Greater(t, compared, 3*runs)
	t.Logf("%d sets of client settings compared, %d settings", runs, compared)
}
