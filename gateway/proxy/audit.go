package proxy

import (
	"context"
	"log/slog"
	"strings"

	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// maxNamedDenials is how many names one line of the audit log holds. A request can name
// tens of thousands of topics; the line then says how many more there are.
const maxNamedDenials = 10

// denialKind is what the denials of one line have in common.
type denialKind struct {
	operation ops.Operation
	resource  resource.Type
	reason    snapshot.Reason
}

// audit counts and logs what was denied of a request: a line for each operation, type
// of resource and reason, with the names. So there are never more lines than a few for
// each request, and none is left out: whoever floods the log with refusals floods the
// proxy with requests, and cannot hide among them.
func (c *conn) audit(plan *gateway.Plan) {
	m := c.listener.proxy.metrics
	m.checks.Add(float64(plan.Checks))
	if len(plan.Denied) == 0 {
		m.allowed(plan.Header.Key).Inc()
		return
	}
	var kinds []denialKind
	names := map[denialKind][]string{}
	first := map[denialKind]snapshot.Decision{}
	for _, d := range plan.Denied {
		m.denied(plan.Header.Key, d.Type).Inc()
		kind := denialKind{d.Operation, d.Type, d.Decision.Reason()}
		if _, known := names[kind]; !known {
			kinds = append(kinds, kind)
			first[kind] = d.Decision
		}
		names[kind] = append(names[kind], d.Name)
	}
	for _, kind := range kinds {
		c.auditLine(plan, kind, names[kind], first[kind])
	}
}

func (c *conn) auditLine(plan *gateway.Plan, kind denialKind, names []string, d snapshot.Decision) {
	shown := make([]string, 0, maxNamedDenials)
	for _, name := range names[:min(len(names), maxNamedDenials)] {
		shown = append(shown, printable(name))
	}
	attributes := []slog.Attr{
		slog.String("request", plan.Header.Key.String()),
		slog.Int("version", int(plan.Header.Version)),
		slog.String("clientId", printable(plan.Header.ClientID)),
		slog.String("operation", kind.operation.String()),
		slog.String("resource", kind.resource.DisplayName()),
		slog.String("name", strings.Join(shown, ",")),
		slog.Int("count", len(names)),
		slog.String("rule", kind.reason.String()),
		slog.Uint64("generation", d.Generation()),
	}
	if binding, ok := d.Binding(); ok {
		attributes = append(attributes, slog.String("acl", printable(binding.Pattern.String()+" "+binding.Entry.String())))
	}
	c.log.LogAttrs(context.Background(), slog.LevelInfo, "denied", attributes...)
}
