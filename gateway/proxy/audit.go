package proxy

import (
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portcullis-authz/portcullis/audit"
)

// lossInterval is how long lost events are collected before one line in the log reports
// them.
const lossInterval = time.Second

// auditor limits the events of all connections to a number a second. Each client has a share of
// that number. It counts the other events, and reports the count in the log.
type auditor struct {
	handler audit.Handler
	limit   int  // events a second
	all     bool // the limit does not count
	allows  bool // are events too
	log     *slog.Logger
	metrics *metrics

	mu     sync.Mutex
	second auditSecond
	lost   loss
	timer  *time.Timer // nil unless a loss waits for its line
}

// loss counts the lost events that are not reported yet, by reason.
type loss struct {
	limit   int // there was no room for more in the second
	share   int // there was room, but not for this tenant
	handler int
	err     error // the last one of the handler
}

// auditSecond is the room for the events of one second. A tenant with many events
// cannot push out those of others.
//
// From three quarters of the room a tenant gets at most half of what the others leave.
// So the first one gets three eighths of the room, however many events it has, and the
// next one finds as much left. In the last quarter each tenant has a few events, so
// that there is room also for a tenant that comes after many noisy ones.
type auditSecond struct {
	number int64 // of the second since 1970
	shared int   // free of the first three quarters
	own    int   // free of the last quarter
	each   int   // of that, for each tenant

	taken map[string]*auditShare // by tenant
}

// auditShare is what a tenant has taken of a second.
type auditShare struct{ shared, own int }

// auditTenants is the number of noisy tenants that fit in the last quarter. With the
// default limit each gets nine of its events.
const auditTenants = 256

// begin begins another second.
func (s *auditSecond) begin(number int64, room int) {
	each := room / 4 / auditTenants
	*s = auditSecond{number: number, shared: room - each*auditTenants, own: each * auditTenants, each: each, taken: map[string]*auditShare{}}
}

// take returns for how many of some events of a tenant there is room, and takes it.
func (s *auditSecond) take(tenant string, events int) (taken int) {
	of := s.taken[tenant]
	if of == nil {
		of = new(auditShare)
		s.taken[tenant] = of
	}
	shared := min(events, max(0, (s.shared+of.shared+1)/2-of.shared))
	own := min(events-shared, s.each-of.own, s.own)
	s.shared -= shared
	s.own -= own
	of.shared += shared
	of.own += own
	return shared + own
}

// forGateway returns what the gateways pass the decisions to.
func (a *auditor) forGateway() *audit.Auditor {
	level := slog.LevelInfo
	if a.allows {
		level = slog.LevelDebug
	}
	return &audit.Auditor{Handler: a.handler, Level: level, Failed: func(_ *audit.Event, err error) { a.lose(loss{handler: 1, err: err}) }}
}

// take returns how many of a tenant's events fit in the second of now, and reserves the
// room. The others are lost.
func (a *auditor) take(now time.Time, tenant string, events int) int {
	if a.all {
		a.metrics.events.Add(float64(events))
		return events
	}
	a.mu.Lock()
	if number := now.Unix(); number != a.second.number {
		a.second.begin(number, a.limit)
	}
	room := a.second.take(tenant, events)
	full := a.second.shared == 0
	a.mu.Unlock()
	a.metrics.events.Add(float64(room))
	switch {
	case room == events:
	case full:
		a.lose(loss{limit: events - room})
	default:
		a.lose(loss{share: events - room})
	}
	return room
}

// lose counts lost events, and schedules the log line.
func (a *auditor) lose(l loss) {
	a.metrics.lostEvents("limit").Add(float64(l.limit))
	a.metrics.lostEvents("share").Add(float64(l.share))
	a.metrics.lostEvents("handler").Add(float64(l.handler))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lost.limit += l.limit
	a.lost.share += l.share
	a.lost.handler += l.handler
	if l.err != nil {
		a.lost.err = l.err
	}
	if a.timer == nil {
		a.timer = time.AfterFunc(lossInterval, a.tellLoss)
	}
}

// tellLoss logs the lost events, if there are any.
func (a *auditor) tellLoss() {
	a.mu.Lock()
	l := a.lost
	a.lost = loss{}
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	a.mu.Unlock()
	if l.limit+l.share > 0 {
		a.log.Warn("audit events dropped", "count", l.limit+l.share, "limit", a.limit, "beyondShare", l.share)
	}
	if l.handler > 0 {
		a.log.Error("audit events not recorded", "count", l.handler, "reason", l.err.Error())
	}
}

// newAuditCounters returns the counters of an auditor.
func newAuditCounters(counter func(name, help string) prometheus.CounterOpts) (events prometheus.Counter, lost *prometheus.CounterVec) {
	return prometheus.NewCounter(counter("audit_events_total", "Events that were handed to the audit log: refused names, and allowed ones if they are recorded.")),
		prometheus.NewCounterVec(counter("audit_events_lost_total",
			"Events that are not in the audit log: there were more than its limit a second (limit) or than the share of one client (share), or it could not be written (handler)."), []string{"reason"})
}
