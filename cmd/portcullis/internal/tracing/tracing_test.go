package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

func TestEndpoints(t *testing.T) {
	for given, want := range map[string]string{
		"http://c:4318": "http://c:4318/v1/traces", "https://c/": "https://c/v1/traces", "http://[::1]:1/a/b": "http://[::1]:1/a/b",
		"c:4318": "", "": "", "ftp://c": "", "http://": "", "http://:80": "", "http://u:p@c": "", "http://c?a=b": "", "http://c#d": "", "http://%zz": "",
	} {
		t.Run(given, func(t *testing.T) {
			got, err := CheckEndpoint(given)
			if want == "" {
				require.ErrorContains(t, err, "expected http://host:port")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, want, got.String())
		})
	}
}

// What the environment says about the exporter is refused if it cannot be read, and not shown.
func TestEnvironment(t *testing.T) {
	for name, want := range map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "parse headers", "OTEL_EXPORTER_OTLP_CERTIFICATE": "read tls ca cert file"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "secret")
			_, err := New("http://127.0.0.1:1", 1, slog.New(slog.DiscardHandler))
			require.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

// recorded returns a Tracer whose spans are kept, and these.
func recorded() (*Tracer, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	t := &Tracer{ratio: 1, made: prometheus.NewCounter(prometheus.CounterOpts{Name: "made"})}
	t.provider = sdk.NewTracerProvider(sdk.WithSpanProcessor(spans))
	t.spans = t.provider.Tracer("")
	return t, spans
}

// TestTextsFromClients: names that clients choose are cut and escaped, and no span is named by them.
func TestTextsFromClients(t *testing.T) {
	tracer, spans := recorded()
	evil := "\x1b[31m\n" + strings.Repeat("x", 5000)
	now := time.Now()
	tracer.Finished(&relay.Trace{
		Header:  gateway.Header{Key: ops.FetchKey, ClientID: evil},
		Subject: snapshot.Subject{Principal: principal.User(evil)},
		Client:  &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5}, Broker: "b:9092",
		Read: now, Turn: now, Sent: now, Answered: now,
		Err: fmt.Errorf("%s: %w", evil, os.ErrDeadlineExceeded),
	})
	require.Len(t, spans.Ended(), 2)
	for _, s := range spans.Ended() {
		assert.Equal(t, "Fetch", s.Name())
		assert.Equal(t, codes.Error, s.Status().Code)
		assert.Empty(t, s.Status().Description)
		found := map[string]string{}
		for _, a := range s.Attributes() {
			found[string(a.Key)] = a.Value.String()
			assert.Less(t, len(a.Value.String()), 300, a.Key)
			assert.NotContains(t, a.Value.String(), "\x1b", a.Key)
			assert.NotContains(t, a.Value.String(), "\n", a.Key)
		}
		assert.Equal(t, "timeout", found["error.type"])
		assert.Equal(t, "b", found["server.address"])
	}
}

// TestErrorTypes: an end that is not worth a warning is no error.
func TestErrorTypes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{{nil, ""}, {net.ErrClosed, ""}, {&gateway.FrameError{Err: errors.New("x")}, "malformed"}, {errors.New("upstream"), "_OTHER"}} {
		t.Run(fmt.Sprint(tt.err), func(t *testing.T) {
			tracer, spans := recorded()
			tracer.Finished(&relay.Trace{Client: &net.TCPAddr{}, Err: tt.err, Answered: time.Now()})
			got := ""
			for _, a := range spans.Ended()[0].Attributes() {
				if a.Key == "error.type" {
					got = a.Value.AsString()
				}
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// TestSampled: a part of the requests, and no more than so many a second.
func TestSampled(t *testing.T) {
	count := func(tracer *Tracer, of int) (n int) {
		for range of {
			if tracer.Sampled() {
				n++
			}
		}
		return n
	}
	synctest.Test(t, func(t *testing.T) {
		assert.InDelta(t, 500, count(&Tracer{ratio: 0.01}, 50_000), 250)
		all := &Tracer{ratio: 1}
		assert.Equal(t, MaxRequests, count(all, 5000))
		assert.Zero(t, count(all, 10))
		time.Sleep(time.Second)
		assert.Equal(t, MaxRequests, count(all, 5000))
	})
}

// failing is an exporter of a collector that is down.
type failing struct{ sdk.SpanExporter }

func (failing) ExportSpans(context.Context, []sdk.ReadOnlySpan) error { return errors.New("down") }

// TestOneLineAMinute: however often spans cannot be sent, and that is no error for the library, which
// would print it.
func TestOneLineAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &sender{SpanExporter: failing{}, log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 120 {
			require.NoError(t, s.ExportSpans(t.Context(), make([]sdk.ReadOnlySpan, 2)))
			time.Sleep(time.Second)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		require.Len(t, lines, 2)
		assert.Contains(t, lines[1], "spans=120 reason=down")
	})
}

// TestCloseIsBounded: a collector that does not answer holds the end of the process up for a time only.
func TestCloseIsBounded(t *testing.T) {
	goOn := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-goOn }))
	defer server.Close()
	defer close(goOn)
	tracer, err := New(server.URL, 1, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	tracer.Finished(&relay.Trace{Client: &net.TCPAddr{}, Answered: time.Now()})
	closed := make(chan error, 1)
	go func() { closed <- tracer.Close(50 * time.Millisecond) }()
	select {
	case err := <-closed:
		require.ErrorIs(t, err, context.DeadlineExceeded)
	case <-time.After(8 * time.Second): // the exporter's own limit is 10 seconds
		require.Fail(t, "it waits for the collector")
	}
}
