package proxy

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway"
	"github.com/portcullis-authz/portcullis/resource"
)

// maxAuditText is how much of a name or a client id an event holds, in bytes. Kafka's
// own limit for a topic is 249; a group may be called anything.
const maxAuditText = 4096

// lossInterval is how long a loss of events waits for its line in the log, which tells
// of all that are lost until then.
const lossInterval = time.Second

// auditor hands the denials of all connections to the handler, up to a number a second.
// What it does not hand over is counted, and told in the log.
type auditor struct {
	handler audit.Handler
	limit   int // events a second
	log     *slog.Logger
	metrics *metrics

	mu     sync.Mutex
	second int64 // the one that taken is about
	taken  int
	lost   loss
	timer  *time.Timer // nil unless a loss waits for its line
}

// loss is how many events are lost and not yet told, and why.
type loss struct {
	limit, handler int
	err            error // the last one of the handler
}

// audit counts what was denied of a request, and hands an event for each name to the
// auditor.
func (c *conn) audit(plan *gateway.Plan) {
	p := c.listener.proxy
	p.metrics.checks.Add(float64(plan.Checks))
	if len(plan.Denied) == 0 {
		p.metrics.allowed(plan.Header.Key).Inc()
		return
	}
	byType := map[resource.Type]int{}
	for i := range plan.Denied {
		byType[plan.Denied[i].Type]++
	}
	for t, n := range byType {
		p.metrics.denied(plan.Header.Key, t).Add(float64(n))
	}
	p.auditor.tell(plan)
}

// tell hands the events of a plan over.
func (a *auditor) tell(plan *gateway.Plan) {
	now := time.Now()
	room := a.take(now, len(plan.Denied))
	if room == 0 {
		return
	}
	for e := range plan.Events() {
		e.Time = now
		e.Request.Name, e.Call.ClientID = cutText(e.Request.Name), cutText(e.Call.ClientID)
		if err := a.handler.Handle(e); err != nil {
			a.lose(loss{handler: 1, err: err})
		}
		if room--; room == 0 {
			return
		}
	}
}

// cutText returns text, or its beginning and a mark if it is longer than an event holds.
func cutText(text string) string {
	if len(text) <= maxAuditText {
		return text
	}
	return strings.ToValidUTF8(text[:maxAuditText], "") + "…"
}

// take returns for how many of some events there is room in the second of now. The
// others are lost.
func (a *auditor) take(now time.Time, events int) int {
	a.mu.Lock()
	if second := now.Unix(); second != a.second {
		a.second, a.taken = second, 0
	}
	room := min(events, a.limit-a.taken)
	a.taken += room
	a.mu.Unlock()
	a.metrics.events.Add(float64(room))
	if room < events {
		a.lose(loss{limit: events - room})
	}
	return room
}

// lose counts events that are lost, and has the log tell of them.
func (a *auditor) lose(l loss) {
	a.metrics.lostEvents("limit").Add(float64(l.limit))
	a.metrics.lostEvents("handler").Add(float64(l.handler))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost.limit += l.limit
	a.lost.handler += l.handler
	if l.err != nil {
		a.lost.err = l.err
	}
	if a.timer == nil {
		a.timer = time.AfterFunc(lossInterval, a.tellLoss)
	}
}

// tellLoss writes the line about what is lost, if anything is.
func (a *auditor) tellLoss() {
	a.mu.Lock()
	l := a.lost
	a.lost = loss{}
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	a.mu.Unlock()
	if l.limit > 0 {
		a.log.Warn("audit events dropped", "count", l.limit, "limit", a.limit)
	}
	if l.handler > 0 {
		a.log.Error("audit events not recorded", "count", l.handler, "reason", l.err.Error())
	}
}

// newAuditCounters returns the counters of an auditor.
func newAuditCounters(counter func(name, help string) prometheus.CounterOpts) (events prometheus.Counter, lost *prometheus.CounterVec) {
	return prometheus.NewCounter(counter("audit_events_total", "Refused names that were handed to the audit log.")),
		prometheus.NewCounterVec(counter("audit_events_lost_total",
			"Refused names that are not in the audit log, because there were more than its limit a second or because it could not be written."), []string{"reason"})
}
