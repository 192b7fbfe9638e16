package proxy

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/tracing"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// traceFlags are the flags of the traces.
type traceFlags struct {
	endpoint *cli.Once
	ratio    float64
}

// add adds the flags to the command.
func (f *traceFlags) add(cmd *cobra.Command) {
	f.endpoint = cli.OnceFlag(cmd, "otlp-endpoint", "", "`URL` of an OpenTelemetry collector (OTLP over HTTP) to send traces of requests to; default none")
	cmd.Flags().Float64Var(&f.ratio, "trace-ratio", tracing.DefaultRatio, "`part` of the requests that are traced, above 0 and up to 1")
}

// check returns an error for each flag that cannot be used.
func (f *traceFlags) check() error {
	var errs cli.Errors
	if f.endpoint.Given {
		if _, err := tracing.CheckEndpoint(f.endpoint.Text); err != nil {
			errs.Refuse("--otlp-endpoint: %w", err) // without the URL, which may have a password
		}
	}
	if !(f.ratio > 0 && f.ratio <= 1) { // also for what is not a number
		errs.Refuse("--trace-ratio: found %v, expected a number above 0 and up to 1", f.ratio)
	}
	return errs.Join()
}

// traces are the traces of a proxy that runs, or nil.
type traces struct{ *tracing.Tracer }

// open makes the proxy trace requests, if it is asked for.
func (f *traceFlags) open(config *proxy.Config) (*traces, error) {
	if !f.endpoint.Given {
		return nil, nil
	}
	tracer, err := tracing.New(f.endpoint.Text, f.ratio, config.Logger)
	if err != nil {
		return nil, err
	}
	config.Tracer = tracer
	return &traces{tracer}, nil
}

// register registers the metrics.
func (t *traces) register(registry prometheus.Registerer) {
	if t != nil {
		registry.MustRegister(t.Collectors()...)
	}
}

// end sends the spans that wait.
func (t *traces) end(log *slog.Logger) {
	if t == nil {
		return
	}
	if err := t.Close(flushTime); err != nil {
		log.Warn("the last spans may be lost", "reason", err.Error())
	}
}
