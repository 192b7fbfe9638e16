package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// TestProxyQuotas: the proxy throttles by a file, follows it, and keeps the quotas of a file with an error.
func TestProxyQuotas(t *testing.T) {
	const line = "Quota configs for user-principal 'alice' are producer_byte_rate="
	quotas := file(t, "quotas.txt", line+"100\n")
	p := startAudited(t, "--quotas", quotas, "--quota-window-num", "2", "--quota-window-size", "100ms")
	throttled := func() time.Duration {
		var told throttles
		c, err := kgo.NewClient(kgo.SeedBrokers(p.address), kgo.SASL(plain.Auth{User: "alice", Pass: "a"}.AsMechanism()), kgo.DisableIdempotentWrite(), kgo.WithHooks(&told))
		require.NoError(t, err)
		defer c.Close()
		require.NoError(t, c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("x")}).FirstErr())
		return told.sum
	}
	assert.Greater(t, throttled(), 100*time.Millisecond)
	assert.NotContains(t, p.log.String(), "quotas not loaded")
	require.NoError(t, os.WriteFile(quotas, []byte("nothing"), 0o600))
	p.log.wait(t, `quotas not loaded: the previous ones stay in force.*quotas.txt:1:1.*in force"?=1`)
	require.NoError(t, os.WriteFile(quotas, []byte(line+"1e9\n# nobody else\n"), 0o600))
	p.log.wait(t, `quotas loaded"? quotas=1`)
	assert.Zero(t, throttled())
	p.stop(t)
}

func TestProxyQuotaFlags(t *testing.T) {
	quotas, wrong := file(t, "quotas.txt", "Quota configs for the default user-principal are consumer_byte_rate=1.0\n"), file(t, "wrong.txt", "Quota configs for ip 'x' are connection_creation_rate=1.0\n")
	const base = "proxy --check --upstream localhost:9092 --listen PLAINTEXT://127.0.0.1:0 --acls ../../examples/acme/acls.txt "
	for args, want := range map[string]string{
		"--quotas " + quotas + " --upstream-quotas":    "quotas come from one of them",
		"--quotas /nowhere":                            "/nowhere: no such file",
		"--quotas " + wrong:                            `"x" is no address`,
		"--upstream-quotas --quota-window-num 0":       "--quota-window-num, --quota-window-size: expected 1 to 100 windows of 1ms or more",
		"--upstream-quotas --quota-window-num 101":     "--quota-window-num, --quota-window-size: expected 1 to 100 windows of 1ms or more",
		"--upstream-quotas --quota-window-size 999us":  "--quota-window-num, --quota-window-size: expected 1 to 100 windows of 1ms or more",
		"--quotas " + file(t, "x.txt", "users: alice"): "x.txt:1:1: found line",
	} {
		got := runWith("", strings.Fields(base+args)...)
		assert.Equal(t, exitError, got.status, args)
		assert.Contains(t, got.stderr, want, args)
	}
	for args, want := range map[string]string{
		"--quotas " + quotas: "quotas: 1 of " + quotas + "\n",
		"--upstream-quotas":  "quotas: those of the cluster\n",
	} {
		got := runWith("", strings.Fields(base+args)...)
		assert.Equal(t, exitDone, got.status, got.stderr)
		assert.Contains(t, got.stdout, want, args)
	}
}
