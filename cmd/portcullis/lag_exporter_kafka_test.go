package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// The exporter asks with ListOffsets 0, which Kafka 4.0 removed (KIP-896).
const (
	lagExporterVersion = "0.5.5"
	lagExporterKafka   = "3.9.2"
)

// lagExporter runs prometheus-kafka-consumer-group-exporter as a user. The functions return what
// it exports of the lag of the group billing, and end it.
func lagExporter(t *testing.T, program, bootstrap, user, password string) (lag func() string, stop func()) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	properties := kafkatest.Properties(map[string]string{
		"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.plain.username": user, "sasl.plain.password": password,
	})
	stop = startProgram(t, program, "-b", bootstrap, "-p", port, "-s", "--high-water-interval", "1", "--low-water-interval", "1", "--topic-interval", "1",
		"--consumer-config", file(t, "consumer.properties", properties))
	shown := regexp.MustCompile(`(?m)^kafka_consumer_group_lag\{[^}]*group="billing"[^}]*\} (\S+)$`)
	return func() string {
		answer, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return ""
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if found := shown.FindSubmatch(text); err == nil && found != nil {
			return string(found[1])
		}
		return ""
	}, stop
}

// TestLagExporterOfKafka runs a lag exporter with exactly the rights that protocol --for lists: it
// shows the lag of a group, and no request is denied. Without one of them it does not.
func TestLagExporterOfKafka(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Config{Version: lagExporterKafka, Loggers: map[string]string{"kafka.authorizer.logger": "info"},
		Listeners: []kafkatest.Listener{{Name: "CLIENT", Users: map[string]string{"lag": "lag-secret"}}}})
	folder := t.TempDir()
	for _, args := range [][]string{
		{"python3", "-m", "venv", folder},
		{filepath.Join(folder, "bin", "pip"), "install", "-q", "--disable-pip-version-check", "prometheus-kafka-consumer-group-exporter==" + lagExporterVersion, "kafka-python==2.0.6"},
	} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		require.NoError(t, err, "%v: %s", args, out)
	}
	admin := kafkaClient(t, cluster.Bootstrap(kafkatest.Internal), kafkatest.Admin, kafkatest.AdminPassword)
	createTopic(t, admin, "orders", nil)
	for i := range 10 {
		require.NoError(t, admin.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: fmt.Append(nil, i)}).FirstErr())
	}
	reader := kafkaClient(t, cluster.Bootstrap(kafkatest.Internal), kafkatest.Admin, kafkatest.AdminPassword,
		kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("billing"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	require.NoError(t, reader.PollRecords(t.Context(), 3).Err())
	// The exporter reads the offsets that are committed from its start on.
	commit := func() { require.NoError(t, reader.CommitUncommittedOffsets(t.Context())) }

	always, maybe := neededACLs(t, "lag", "consumer-group-exporter")
	require.Empty(t, maybe)
	require.Len(t, always, 2)
	program := filepath.Join(folder, "bin", "prometheus-kafka-consumer-group-exporter")
	run := func(t *testing.T, acls []acl.Binding, limit time.Duration) string {
		cluster.SetACLs(t, acls...)
		lag, stop := lagExporter(t, program, cluster.Bootstrap("CLIENT"), "lag", "lag-secret")
		defer stop()
		for began := time.Now(); time.Since(began) < limit; time.Sleep(500 * time.Millisecond) {
			reader.MarkCommitRecords(&kgo.Record{Topic: "orders", Offset: 2})
			commit()
			if shown := lag(); shown != "" {
				return shown
			}
		}
		return ""
	}
	assert.Equal(t, "7.0", run(t, always, 3*time.Minute))
	for line := range strings.Lines(cluster.Brokers[0].Log()) {
		assert.False(t, strings.Contains(line, "Principal = User:lag") && strings.Contains(line, "is Denied"), line)
	}
	for i, b := range always {
		assert.Empty(t, run(t, append(append([]acl.Binding{}, always[:i]...), always[i+1:]...), 20*time.Second), "without %v", b)
	}
}
