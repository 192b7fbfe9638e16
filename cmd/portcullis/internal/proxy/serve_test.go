package proxy

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
)

// Errors of the metrics server are in the log of the proxy, in its form and escaped.
func TestMetricsServerLog(t *testing.T) {
	var log bytes.Buffer
	server := metricsServer(prometheus.NewRegistry(), &health{}, cli.NewLogger(&log, true, slog.LevelInfo))
	server.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a\u202e\x1b") })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	_, err = http.Get("http://" + ln.Addr().String() + "/metrics")
	require.Error(t, err)
	require.NoError(t, server.Close())
	require.ErrorIs(t, <-served, http.ErrServerClosed)
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	require.Contains(t, log.String(), `"level":"WARN"`)
	require.Contains(t, log.String(), `"server":"metrics"`)
	require.NotContains(t, log.String(), "\u202e")
	require.NotContains(t, log.String(), "\x1b")
}

// Connections to the metrics that send nothing neither use memory without bound nor keep others
// out: there are few of them, and they end.
func TestMetricsConnections(t *testing.T) {
	ln, err := listenForMetrics("127.0.0.1:0")
	require.NoError(t, err)
	server := metricsServer(prometheus.NewRegistry(), &health{}, cli.NewLogger(io.Discard, true, slog.LevelInfo))
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	address := ln.Addr().String()
	client := &http.Client{Timeout: 20 * metricsHeaderTimeout}
	silent := func(from string) {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := dialer.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
	}
	for range metricsConnections {
		silent("127.0.0.2")
	}
	r, err := (&http.Client{Timeout: time.Second}).Get("http://" + address + "/healthz")
	require.NoError(t, err, "one address leaves room for others")
	require.NoError(t, r.Body.Close())
	for range metricsOfAddress {
		silent("127.0.0.3")
	}
	began := time.Now()
	r, err = client.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, http.StatusOK, r.StatusCode)
	took := time.Since(began)
	require.Greater(t, took, metricsHeaderTimeout/2, "the connections beyond the limit wait")
	require.Less(t, took, metricsTimeout, "until the silent ones have ended")

	require.Positive(t, server.WriteTimeout)
	require.Positive(t, server.MaxHeaderBytes)
}
