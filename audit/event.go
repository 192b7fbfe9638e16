package audit

import (
	"log/slog"
	"time"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// LevelTrace is Kafka's TRACE as a level of log/slog.
const LevelTrace = slog.LevelDebug - 4

// Call is the Kafka request that a check belongs to, and how its answer is logged. The
// zero Call is a Produce request without references to the resource; both answers are
// logged.
//
// Source: Kafka's Action and AuthorizableRequestContext.
type Call struct {
	API           ops.APIKey
	ClientID      string // the id that the client sent, or ""
	CorrelationID int32
	// References is how often the request refers to the resource, such as the number of
	// partitions of a topic (Kafka's resourceReferenceCount).
	References int
	// QuietAllowed and QuietDenied log the answer at TRACE, because the check only
	// decides what to show or which question is next. They are the opposites of Kafka's
	// logIfAllowed and logIfDenied, so that the zero Call hides nothing.
	QuietAllowed, QuietDenied bool
}

// Event is one decision, with the question and the client. The zero Event is a denial.
type Event struct {
	Time    time.Time
	Subject snapshot.Subject
	// Request is the question. If ByType is set, its Name is "" and it is about any
	// resource of the type.
	Request  snapshot.Request
	ByType   bool
	Decision snapshot.Decision
	// Roles are the role bindings that the ACL of Decision comes from, as people read them. See
	// [WithRoles].
	Roles []string
	Call  Call
}

// Level returns the level at which Kafka logs the event: INFO for a denial, DEBUG for
// an allow, and TRACE for either if the call makes it quiet.
//
// Source: Kafka's StandardAuthorizerData.logAuditMessage.
func (e *Event) Level() slog.Level {
	return level(e.Decision.Allowed(), &e.Call)
}

func level(allowed bool, c *Call) slog.Level {
	switch {
	case allowed && !c.QuietAllowed:
		return slog.LevelDebug
	case !allowed && !c.QuietDenied:
		return slog.LevelInfo
	default:
		return LevelTrace
	}
}

// Handler records events. Handle is called in the goroutine of the check, possibly by
// several goroutines at once. The handler may keep the event, and change it but for
// its Subject.Groups.
//
// An error means the event was not recorded; it says nothing about the verdict. The
// check is then denied.
type Handler interface {
	Handle(e *Event) error
}

// WithRoles returns a handler that sets [Event.Roles] and passes the event to h. roles returns the
// texts of an ACL, or nothing. It is called for events whose decision has an ACL only, in the
// goroutine of the check, and must be safe for concurrent use. Checks without an event cost
// nothing more.
func WithRoles(h Handler, roles func(acl.Binding) []string) Handler { return rolesHandler{h, roles} }

type rolesHandler struct {
	next  Handler
	roles func(acl.Binding) []string
}

func (h rolesHandler) Handle(e *Event) error {
	if b, ok := e.Decision.Binding(); ok {
		e.Roles = h.roles(b)
	}
	return h.next.Handle(e)
}

// BatchHandler is a Handler that can record several events at once, for example in one
// write or one request. A [Queue] passes it up to [MaxBatch] events.
type BatchHandler interface {
	Handler
	// HandleBatch records events, in order. It returns how many it has recorded, and an
	// error unless that is all of them. It must not keep the slice.
	HandleBatch(events []Event) (recorded int, err error)
}

// MaxBatch is the largest number of events in one call of a [BatchHandler]: enough that the
// cost of the call does not count, and few enough that they fit in one request of a megabyte.
const MaxBatch = 256
