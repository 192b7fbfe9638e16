package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// otlpReceiver is a collector that keeps what it gets.
type otlpReceiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests int
	headers  http.Header
	resource map[string]any
	spans    []*traces.Span
}

func newOTLPReceiver(t *testing.T) *otlpReceiver {
	t.Helper()
	r := &otlpReceiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		var got collector.ExportTraceServiceRequest
		if !assert.NoError(t, err) || !assert.NoError(t, proto.Unmarshal(body, &got)) {
			return
		}
		assert.Equal(t, "/v1/traces", q.URL.Path)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests++
		r.headers = q.Header
		for _, of := range got.ResourceSpans {
			r.resource = attributesOf(of.Resource.Attributes)
			for _, scope := range of.ScopeSpans {
				r.spans = append(r.spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func attributesOf(list []*common.KeyValue) map[string]any {
	all := map[string]any{}
	for _, a := range list {
		switch v := a.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			all[a.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			all[a.Key] = v.IntValue
		case *common.AnyValue_BoolValue:
			all[a.Key] = v.BoolValue
		}
	}
	return all
}

// of returns the spans of an API and a kind for a principal.
func (r *otlpReceiver) of(name string, principal string) (all []*traces.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.Name == name && s.Kind == traces.Span_SPAN_KIND_SERVER && attributesOf(s.Attributes)["portcullis.principal"] == principal {
			all = append(all, s)
		}
	}
	return all
}

// child returns the span within another one, or nil.
func (r *otlpReceiver) child(of *traces.Span) *traces.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if string(s.ParentSpanId) == string(of.SpanId) && string(s.TraceId) == string(of.TraceId) {
			return s
		}
	}
	return nil
}

// A collector receives a span for each request, with one for the time at the broker if the request
// was sent there, once the proxy stops at the latest. No span has the name of a topic, and none is of a
// request before the login.
func TestProxyTraces(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret")
	r := newOTLPReceiver(t)
	began := uint64(time.Now().UnixNano())
	p := startAudited(t, "--otlp-endpoint", r.URL, "--trace-ratio", "1")
	require.NoError(t, p.produce(t, "alice", "a"))
	require.ErrorIs(t, p.produce(t, "bob", "b"), kerr.TopicAuthorizationFailed)
	p.stop(t)
	ended := uint64(time.Now().UnixNano())

	assert.Equal(t, "secret", r.headers.Get("Authorization"))
	assert.Equal(t, "portcullis", r.resource["service.name"])
	allowed := r.of("Produce", "User:alice")
	require.Len(t, allowed, 1)
	span := allowed[0]
	assert.Empty(t, span.ParentSpanId)
	got := attributesOf(span.Attributes)
	broker := p.cluster.ListenAddrs()[0]
	host, port, _ := strings.Cut(broker, ":")
	assert.Equal(t, "kafka", got["messaging.system"])
	assert.Equal(t, "Produce", got["messaging.operation.name"])
	assert.Equal(t, "kgo", got["messaging.client.id"])
	assert.Equal(t, "127.0.0.1", got["client.address"])
	assert.Equal(t, host, got["server.address"])
	assert.Equal(t, port, fmt.Sprint(got["server.port"]))
	assert.Equal(t, int64(0), got["portcullis.api.key"])
	assert.Equal(t, int64(0), got["portcullis.refused"])
	assert.Equal(t, false, got["portcullis.closed"])
	at := r.child(span)
	require.NotNil(t, at)
	assert.Equal(t, traces.Span_SPAN_KIND_CLIENT, at.Kind)
	for _, times := range [][2]uint64{{began, span.StartTimeUnixNano}, {span.StartTimeUnixNano, at.StartTimeUnixNano},
		{at.StartTimeUnixNano, at.EndTimeUnixNano}, {at.EndTimeUnixNano, span.EndTimeUnixNano}, {span.EndTimeUnixNano, ended}} {
		assert.LessOrEqual(t, times[0], times[1])
	}
	require.Len(t, span.Events, 2)
	assert.Equal(t, []string{"turn", "decided"}, []string{span.Events[0].Name, span.Events[1].Name})

	refused := r.of("Metadata", "User:bob")
	require.NotEmpty(t, refused)
	last := refused[len(refused)-1]
	assert.Equal(t, int64(1), attributesOf(last.Attributes)["portcullis.refused"])
	assert.Equal(t, traces.Status_STATUS_CODE_UNSET, last.GetStatus().GetCode(), "a verdict is no error")
	for _, s := range r.spans {
		assert.NotContains(t, s.String(), "orders")
		assert.NotContains(t, []string{"ApiVersions", "SaslHandshake", "SaslAuthenticate"}, s.Name)
	}
}

// Without the flag nothing is sent, whatever the environment says.
func TestProxyTracesOnlyIfAsked(t *testing.T) {
	r := newOTLPReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	p := startAudited(t)
	require.NoError(t, p.produce(t, "alice", "a"))
	p.stop(t)
	assert.Zero(t, r.requests)
}

// A collector that is down costs spans and a line in the log.
func TestProxyTracesWithoutACollector(t *testing.T) {
	down := httptest.NewServer(nil)
	down.Close()
	p := startAudited(t, "--otlp-endpoint", down.URL, "--trace-ratio", "1")
	for range 3 {
		require.NoError(t, p.produce(t, "alice", "a"))
	}
	p.stop(t)
	assert.Equal(t, 1, strings.Count(p.log.String(), "spans are lost"), p.log.String())
}
