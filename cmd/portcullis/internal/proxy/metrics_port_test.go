package proxy

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
)

// TestMetricsKeepNobodyOut: a stranger asks over many connections to the port of the metrics, every
// few seconds on each. The probes of Kubernetes, which have a second, are answered.
func TestMetricsKeepNobodyOut(t *testing.T) {
	ln, err := listenForMetrics("127.0.0.1:0")
	require.NoError(t, err)
	server := metricsServer(prometheus.NewRegistry(), &health{}, cli.NewLogger(io.Discard, true, slog.LevelInfo))
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	address := ln.Addr().String()
	for range metricsConnections {
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		ask := func(r *bufio.Reader) error {
			if _, err := c.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
				return err
			}
			answer, err := http.ReadResponse(r, nil)
			if err == nil {
				_, err = io.Copy(io.Discard, answer.Body)
			}
			return err
		}
		r := bufio.NewReader(c)
		require.NoError(t, ask(r))
		go func() {
			for time.Sleep(5 * time.Second); ask(r) == nil; time.Sleep(5 * time.Second) {
			}
		}()
	}
	failed := 0
	for range 3 { // failureThreshold of a liveness probe
		probe := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		if r, err := probe.Get("http://" + address + "/healthz"); err != nil {
			failed++
		} else {
			_ = r.Body.Close()
		}
		time.Sleep(500 * time.Millisecond) // periodSeconds, shortened
	}
	assert.Zero(t, failed, "the proxy is restarted")
}
