package audit

import (
	"log/slog"
	"time"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// LevelTrace is Kafka's TRACE among the levels of log/slog.
const LevelTrace = slog.LevelDebug - 4

// Call is the Kafka request that a check belongs to, and how its answer is logged.
// The zero Call is that of a Produce request which refers to the resource nowhere,
// with both answers logged.
//
// Source: Kafka's Action and AuthorizableRequestContext.
type Call struct {
	API           ops.APIKey
	ClientID      string // as the client calls itself; "" if it does not
	CorrelationID int32
	// References is how often the request refers to the resource, such as the number
	// of partitions of a topic (Kafka's resourceReferenceCount).
	References int
	// QuietAllowed and QuietDenied put the answer at TRACE: the check only finds out
	// what to show, or which question comes next. They are the opposites of Kafka's
	// logIfAllowed and logIfDenied, so that the zero Call hides nothing.
	QuietAllowed, QuietDenied bool
}

// Event is one decision, and what it was about. The zero Event is a denial.
type Event struct {
	Time    time.Time
	Subject snapshot.Subject
	// Request is the question. Its Name is "" where ByType is set: then it is about
	// any resource of the type.
	Request  snapshot.Request
	ByType   bool
	Decision snapshot.Decision
	Call     Call
}

// Level returns at which level Kafka logs the event: a denial at INFO, an allow at
// DEBUG, and either at TRACE if the call says that it is to be quiet.
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

// Handler takes events. Handle is called in the goroutine of the check, by any
// number of them at once. The event is the handler's to keep, but for its
// Subject.Groups, which must not be changed.
//
// An error says that the event is not recorded: the check is then denied. Verdicts
// are told by the event alone.
type Handler interface {
	Handle(e *Event) error
}
