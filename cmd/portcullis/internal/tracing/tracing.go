// Package tracing sends what became of requests to an OpenTelemetry collector, as spans over OTLP.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

const (
	// DefaultRatio is the part of the requests that are traced: one of a hundred.
	DefaultRatio = 0.01
	// MaxRequests is how many requests are traced in a second at the most, whatever the ratio: so
	// much that clients do costs the proxy and the collector.
	MaxRequests = 1000
	// complainInterval is how often the log says that spans cannot be sent.
	complainInterval = time.Minute
)

// Tracer makes the spans of a proxy, and sends them in batches from a goroutine of its own. It is
// safe for concurrent use. Create it with [New], and call Close.
type Tracer struct {
	endpoint *url.URL
	ratio    float64
	provider *sdk.TracerProvider
	spans    trace.Tracer
	made     prometheus.Counter
	sender   *sender

	mu     sync.Mutex
	second int64 // since 1970
	left   int   // of MaxRequests in it
}

var _ relay.Tracer = (*Tracer)(nil)

// CheckEndpoint returns the URL to which spans are sent: the path is /v1/traces if there is none. The
// error says what is expected.
func CheckEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("expected http://host:port or https://host:port of an OpenTelemetry collector, without a user: what logs in goes in OTEL_EXPORTER_OTLP_HEADERS")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u, nil
}

// New returns a Tracer that sends spans of a part of the requests to a collector. Whatever else the
// exporter needs comes from the variables OTEL_EXPORTER_OTLP_* of the environment, and the names of
// the service from OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES. It does not connect.
func New(endpoint string, ratio float64, log *slog.Logger) (*Tracer, error) {
	u, err := CheckEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	var wrong complaints
	otel.SetLogger(logr.FromSlogHandler(&wrong))
	client := otlptracehttp.NewUnstarted(otlptracehttp.WithEndpointURL(u.String()))
	otel.SetLogger(logr.Discard()) // the sender says what is wrong later
	if len(wrong.messages) > 0 {
		return nil, fmt.Errorf("the variables OTEL_EXPORTER_OTLP_* cannot be used: %s", strings.Join(wrong.messages, ", "))
	}
	if err := client.Start(context.Background()); err != nil {
		return nil, err
	}
	service, err := resource.New(context.Background(),
		resource.WithTelemetrySDK(), resource.WithAttributes(semconv.ServiceName("portcullis")), resource.WithFromEnv())
	if err != nil {
		return nil, errors.New("the variable OTEL_RESOURCE_ATTRIBUTES cannot be used: expected key=value,key=value")
	}
	t := &Tracer{endpoint: u, ratio: ratio,
		made: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portcullis_trace_spans_total", Help: "Spans of requests that were made. Those that are not sent wait for it, or are lost.",
		}),
		sender: &sender{SpanExporter: client, log: log, sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portcullis_trace_spans_sent_total", Help: "Spans that the collector of --otlp-endpoint has taken.",
		})},
	}
	t.provider = sdk.NewTracerProvider(sdk.WithBatcher(t.sender), sdk.WithResource(service), sdk.WithSampler(sdk.AlwaysSample()))
	t.spans = t.provider.Tracer("github.com/portcullis-authz/portcullis")
	return t, nil
}

// Collectors returns the metrics of the spans.
func (t *Tracer) Collectors() []prometheus.Collector {
	return []prometheus.Collector{t.made, t.sender.sent}
}

// variables are those of the environment that count. Some of them have secrets.
var variables = func() (all []string) {
	for _, name := range []string{"HEADERS", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY", "TIMEOUT", "COMPRESSION"} {
		all = append(all, "OTEL_EXPORTER_OTLP_"+name, "OTEL_EXPORTER_OTLP_TRACES_"+name)
	}
	for _, name := range []string{"SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE"} {
		all = append(all, "OTEL_BSP_"+name)
	}
	return append(all, "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES")
}()

// String says what is sent where, and which variables of the environment count, without their values.
func (t *Tracer) String() string {
	text := fmt.Sprintf("%v of the requests to %s", t.ratio, t.endpoint)
	if t.endpoint.Scheme == "http" {
		text += ", not encrypted"
	}
	var given []string
	for _, name := range variables {
		if os.Getenv(name) != "" {
			given = append(given, name)
		}
	}
	if len(given) > 0 {
		text += ", with " + strings.Join(given, ", ")
	}
	return text
}

// Close sends the spans that wait, for at most a time, and ends the goroutine.
func (t *Tracer) Close(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// Sampled draws whether a request is traced.
func (t *Tracer) Sampled() bool {
	if t.ratio < 1 && rand.Float64() >= t.ratio {
		return false
	}
	second := time.Now().Unix()
	t.mu.Lock()
	defer t.mu.Unlock()
	if second != t.second {
		t.second, t.left = second, MaxRequests
	}
	if t.left == 0 {
		return false
	}
	t.left--
	return true
}

// Finished makes the spans of a request. It does not wait: if the queue of spans is full, they are
// dropped.
func (t *Tracer) Finished(r *relay.Trace) {
	ctx, request := t.spans.Start(context.Background(), r.Header.Key.String(), trace.WithTimestamp(r.Read), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attributes(r)...))
	t.made.Inc()
	for _, step := range []struct {
		name string
		at   time.Time
	}{{"turn", r.Turn}, {"decided", r.Decided}} {
		if !step.at.IsZero() {
			request.AddEvent(step.name, trace.WithTimestamp(step.at))
		}
	}
	if !r.Sent.IsZero() {
		t.atBroker(ctx, r)
	}
	if !relay.Ended(r.Err) {
		request.SetStatus(codes.Error, "")
		request.SetAttributes(semconv.ErrorTypeKey.String(errorType(r.Err)))
	}
	request.End(trace.WithTimestamp(r.Answered))
}

// atBroker makes the span of the time at the broker.
func (t *Tracer) atBroker(ctx context.Context, r *relay.Trace) {
	end := r.Heard
	if end.IsZero() {
		end = r.Answered
	}
	_, broker := t.spans.Start(ctx, r.Header.Key.String(), trace.WithTimestamp(r.Sent), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(append(brokerAttributes(r), semconv.MessagingSystemKafka)...))
	t.made.Inc()
	if r.Heard.IsZero() && !relay.Ended(r.Err) {
		broker.SetStatus(codes.Error, "")
		broker.SetAttributes(semconv.ErrorTypeKey.String(errorType(r.Err)))
	}
	broker.End(trace.WithTimestamp(end))
}

// attributes are those of a request. Texts from clients are cut and escaped. Names of resources are
// not among them: refused ones are in the audit log.
func attributes(r *relay.Trace) []attribute.KeyValue {
	key := r.Header.Key.String()
	all := []attribute.KeyValue{
		semconv.MessagingSystemKafka,
		semconv.MessagingOperationName(key),
		attribute.Int("portcullis.api.key", int(r.Header.Key)),
		attribute.Int("portcullis.api.version", int(r.Header.Version)),
		attribute.Int("portcullis.correlation_id", int(r.Header.CorrelationID)),
		attribute.String("portcullis.principal", lines.Name(r.Subject.Principal.String())),
		attribute.Int("portcullis.refused", r.Refused),
		attribute.Bool("portcullis.closed", r.Err != nil),
	}
	if r.Header.ClientID != "" {
		all = append(all, semconv.MessagingClientID(lines.Name(r.Header.ClientID)))
	}
	if client, err := netip.ParseAddrPort(r.Client.String()); err == nil {
		all = append(all, semconv.ClientAddress(client.Addr().Unmap().String()), semconv.ClientPort(int(client.Port())))
	}
	return append(all, brokerAttributes(r)...)
}

// brokerAttributes say which broker a request is for.
func brokerAttributes(r *relay.Trace) []attribute.KeyValue {
	all := []attribute.KeyValue{attribute.Int("portcullis.broker.id", int(r.Node))}
	host, port, err := net.SplitHostPort(r.Broker)
	if err != nil {
		return all
	}
	all = append(all, semconv.ServerAddress(lines.Name(host)))
	if number, err := strconv.Atoi(port); err == nil {
		all = append(all, semconv.ServerPort(number))
	}
	return all
}

// errorType is one of few names of errors. Their texts are in the log, with names that clients may
// have chosen.
func errorType(err error) string {
	var malformed *gateway.FrameError
	switch {
	case errors.As(err, &malformed):
		return "malformed"
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return semconv.ErrorTypeOther.Value.AsString()
}

// sender sends spans with the exporter of OpenTelemetry. The goroutine of the batches calls it.
type sender struct {
	sdk.SpanExporter
	log  *slog.Logger
	sent prometheus.Counter

	mu       sync.Mutex
	lost     int // spans since the last line in the log
	mentions time.Time
}

// ExportSpans sends spans. It returns no error: it logs it, at most once in complainInterval.
func (s *sender) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := s.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		s.sent.Add(float64(len(spans)))
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost += len(spans)
	if now := time.Now(); now.Sub(s.mentions) >= complainInterval {
		s.log.Warn("spans are lost: they cannot be sent to the collector of --otlp-endpoint", "spans", strconv.Itoa(s.lost), "reason", err.Error())
		s.mentions, s.lost = now, 0
	}
	return nil
}

// complaints collects what the exporter says about its settings, without the values: they may be
// secrets.
type complaints struct{ messages []string }

func (*complaints) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (c *complaints) Handle(_ context.Context, r slog.Record) error {
	c.messages = append(c.messages, r.Message)
	return nil
}

func (c *complaints) WithAttrs([]slog.Attr) slog.Handler { return c }
func (c *complaints) WithGroup(string) slog.Handler      { return c }
