package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// TestKafkaAuditTopic writes the audit log to a topic of a real broker, kills the broker while
// clients are refused, and starts it again. Kafka's own consumer then reads every event, and
// suggest understands them.
func TestKafkaAuditTopic(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Config{LogLevel: "warn"})
	cluster.CreateTopics(t, kafkatest.Topic{Name: "orders"}, kafkatest.Topic{Name: "audit"})
	var log, out buffer
	p := &auditedProxy{status: make(chan int, 1)}
	args := []string{"proxy", "--acls", file(t, "acls.txt", fmt.Sprintf(orders, "alice")), "--listen", "SASL_PLAINTEXT://127.0.0.1:0",
		"--users", file(t, "users.txt", "alice:a\nbob:b\n"), "--upstream", cluster.Bootstrap(kafkatest.Internal), "--upstream-user", kafkatest.Admin,
		"--upstream-password-file", file(t, "password", kafkatest.AdminPassword), "--upstream-mechanism", "PLAIN",
		"--audit-topic", "audit", "--audit-format", "json", "--audit-failure", "drop"}
	go func() { p.status <- run(args, strings.NewReader(""), &out, &log) }()
	p.address = log.wait(t, `msg=serving listeners=(\S+) acls=1`)

	require.NoError(t, p.produce(t, "alice", "a"))
	require.ErrorIs(t, p.produce(t, "bob", "b"), kerr.TopicAuthorizationFailed)

	// What is refused while the broker is down waits in the log's queue.
	cluster.Brokers[0].Kill()
	c, err := kgo.NewClient(kgo.SeedBrokers(p.address), kgo.SASL(plain.Auth{User: "bob", Pass: "b"}.AsMechanism()), kgo.RetryTimeout(time.Second))
	require.NoError(t, err)
	defer c.Close()
	const refused = 20
	for i := range refused {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		request := kmsg.NewPtrFindCoordinatorRequest()
		request.CoordinatorKeys = []string{fmt.Sprintf("group-%02d", i)}
		answer, err := request.RequestWith(ctx, c)
		cancel()
		require.NoError(t, err)
		require.Len(t, answer.Coordinators, 1)
		assert.Equal(t, kerr.GroupAuthorizationFailed.Code, answer.Coordinators[0].ErrorCode)
	}
	log.wait(t, `the audit log cannot be written`)
	cluster.Brokers[0].Restart(t)
	log.wait(t, `the audit log is written again`)
	p.stop(t)

	got := kafkatest.Tool(t, cluster.Version, "", "kafka-console-consumer", "--bootstrap-server", cluster.Bootstrap(kafkatest.Internal), "--topic", "audit",
		"--from-beginning", "--max-messages", fmt.Sprint(1+refused), "--timeout-ms", "30000", "--command-config", file(t, "c.properties", kafkatest.Properties(cluster.ClientProperties(kafkatest.Internal, kafkatest.Admin, nil))))
	for i := range refused {
		assert.Contains(t, got.Stdout, fmt.Sprintf(`"name":"group-%02d"`, i))
	}
	assert.Contains(t, got.Stdout, `"principal":"User:bob"`)
	assert.NotContains(t, got.Stdout, "alice")
	suggested := runWith(got.Stdout, "suggest", "--denied", "--trace", "-")
	require.Equal(t, exitDone, suggested.status, suggested.stderr)
	assert.Contains(t, suggested.stdout, "resourceType=GROUP, name=group-00, patternType=LITERAL")
	t.Logf("%d audit events, of which %d waited for the broker: rows compared", strings.Count(got.Stdout, "\n"), refused)
}
