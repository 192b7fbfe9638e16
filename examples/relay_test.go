package examples_test

import (
	"bufio"
	"context"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestRelay runs the proxy in front of a cluster of three brokers: a client that is given its address alone
// reaches each of them through it, and only what the ACLs allow.
func TestRelay(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(3, "orders", "payroll"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	program := build(t, "relay")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, program, cluster.ListenAddrs()...)
	cmd.Dir = "relay"
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	address, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	address = strings.TrimSpace(address)

	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	for partition := range int32(3) { // each at another broker
		require.NoError(t, client.ProduceSync(ctx, &kgo.Record{Topic: "orders", Partition: partition, Value: []byte("x")}).FirstErr())
	}
	refused := client.ProduceSync(ctx, &kgo.Record{Topic: "payroll", Value: []byte("x")}).FirstErr()
	require.ErrorIs(t, refused, kerr.TopicAuthorizationFailed)

	metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	require.NoError(t, err)
	require.Len(t, metadata.Brokers, 3)
	for _, b := range metadata.Brokers {
		assert.Equal(t, "127.0.0.1", b.Host)
		assert.NotContains(t, cluster.ListenAddrs(), net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))), "of the broker itself")
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), "it drains, and ends")
}
