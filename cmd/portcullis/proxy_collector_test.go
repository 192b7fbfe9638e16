package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
)

// startCollector starts OpenTelemetry's own collector, which prints the spans that it receives. The
// function ends it and returns what it has printed.
func startCollector(t *testing.T) (endpoint string, printed func() string) {
	t.Helper()
	program := os.Getenv("PORTCULLIS_OTELCOL")
	if program == "" {
		t.Skip("needs a collector in PORTCULLIS_OTELCOL: testdata/otelcol-builder.yaml says how to build it")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	var out buffer
	cmd := exec.Command(program, "--config", file(t, "collector.yaml", fmt.Sprintf(`
receivers: {otlp: {protocols: {http: {endpoint: %q}}}}
exporters: {debug: {verbosity: detailed}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
`, address)))
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	return "http://" + address, func() string {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(t, cmd.Wait())
		return out.String()
	}
}

// OpenTelemetry's own collector takes the spans of a proxy, compressed, and has each of them with its
// kind, its parent and its attributes. A real one is not needed in every run: what is sent to it is tested
// in TestProxyTraces.
func TestProxyTracesAtACollector(t *testing.T) {
	endpoint, printed := startCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	p := startAudited(t, "--otlp-endpoint", endpoint, "--trace-ratio", "1")
	require.NoError(t, p.produce(t, "alice", "a"))
	require.ErrorIs(t, p.produce(t, "bob", "b"), kerr.TopicAuthorizationFailed)
	p.stop(t)
	text := printed()

	assert.NotContains(t, p.log.String(), "spans are lost")
	assert.Contains(t, text, "deployment.environment.name: Str(test)")
	assert.Contains(t, text, "service.name: Str(portcullis)")
	assert.NotContains(t, text, "orders")
	kinds := map[string][]string{} // of the spans of Produce, with the id of the parent and the own one
	for _, span := range strings.Split(text, "\nSpan #")[1:] {
		value := func(name string) string {
			found := regexp.MustCompile(`\n    ` + name + ` *: (.*)\n`).FindStringSubmatch(span)
			require.NotNil(t, found, "%s in %s", name, span)
			return strings.TrimSpace(found[1])
		}
		if value("Name") == "Produce" {
			kinds[value("Kind")] = []string{value("Parent ID"), value("ID")}
			assert.Equal(t, "Unset", value("Status code"))
		}
	}
	require.Len(t, kinds, 2, text)
	assert.Empty(t, kinds["Server"][0])
	assert.Equal(t, kinds["Server"][1], kinds["Client"][0])
}
