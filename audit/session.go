package audit

import (
	"log/slog"
	"slices"
	"time"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Auditor receives every decision. The zero Auditor discards them. An Auditor must not
// be changed once it has made a Session. It is then safe for concurrent use, as its
// fields must be.
type Auditor struct {
	// Handler receives the events. It may be nil.
	Handler Handler
	// Level is the minimum level of events. Events below it are not created. The zero
	// Level is INFO, which means denials only, as in Kafka's default configuration.
	Level slog.Level
	// Failed is called with each event that the Handler did not record and its error,
	// in the goroutine of the check. It may be nil.
	Failed func(e *Event, err error)
	// Hits, unless nil, counts the ACLs that decide, at every level.
	Hits *Hits
	// Shadow, unless nil, is asked the same questions.
	Shadow *Shadow
	// Now is the clock for events; nil means time.Now.
	Now func() time.Time
}

// Session returns a session of the store for subject that reports its decisions to the
// auditor. It copies subject. If a is nil, decisions are not reported. Session
// allocates.
func (a *Auditor) Session(store *snapshot.Store, subject snapshot.Subject) *Session {
	subject.Groups = slices.Clone(subject.Groups)
	s := &Session{live: store.Session(subject), subject: subject}
	if a == nil {
		return s
	}
	s.auditor = *a
	if s.auditor.Now == nil {
		s.auditor.Now = time.Now
	}
	if a.Hits != nil {
		s.hits = a.Hits.shard()
	}
	if a.Shadow != nil && a.Shadow.Candidate != nil {
		s.candidate = a.Shadow.Candidate.Session(subject)
	}
	s.watched = a.Handler != nil || s.hits != nil || s.candidate != nil
	return s
}

// Session is a snapshot.Session that reports its decisions. It is safe for concurrent
// use, but must not be copied after first use. The zero Session denies everything and
// reports nothing.
type Session struct {
	live      *snapshot.Session
	candidate *snapshot.Session // nil without a shadow
	subject   snapshot.Subject
	auditor   Auditor
	hits      *hitShard // nil without hit counters
	watched   bool      // some receiver is configured
}

// Live returns the session of the store that decides. A program that decides with it reports its
// decisions by [Session.Record].
func (s *Session) Live() *snapshot.Session { return s.live }

// Receives reports whether anything receives decisions of a level: a Handler whose events have it,
// hit counters or a shadow. Use it to prepare nothing that nobody receives.
func (s *Session) Receives(l slog.Level) bool {
	return s.hits != nil || s.candidate != nil || s.auditor.Handler != nil && l >= s.auditor.Level
}

// Record reports a decision that [Session.Live] made, for programs that know only later whether it
// takes effect. byType says that it is about any resource of a type. The error is that of the
// Handler: then an allow must not be used.
func (s *Session) Record(c Call, r snapshot.Request, byType bool, d snapshot.Decision) error {
	if !s.watched {
		return nil
	}
	var candidate snapshot.Decision
	switch {
	case s.candidate == nil:
	case byType:
		candidate = s.candidate.CheckAny(r.Operation, r.Type)
	default:
		candidate = s.candidate.Check(r.Operation, r.Type, r.Name)
	}
	return s.tell(&c, d, candidate, r, byType)
}

// Check decides as snapshot.Session.Check does, and reports the decision. If the ACLs
// allow but the Handler cannot record it, Check returns the zero Decision, which
// denies.
//
// Without receivers it costs one comparison more than the check. Otherwise it costs
// what the hit counters, the shadow and the handler cost. The event itself is created
// only if its level is enabled.
func (s *Session) Check(c Call, op ops.Operation, t resource.Type, name string) snapshot.Decision {
	if !s.watched {
		if s.live == nil {
			return snapshot.Decision{}
		}
		return s.live.Check(op, t, name)
	}
	v := View{session: s, live: s.live.View(), call: c}
	if s.candidate != nil {
		v.candidate = s.candidate.View()
	}
	return v.check(op, t, name)
}

// CheckBatch decides as snapshot.Session.CheckBatch does, by one snapshot, and reports the
// decisions in their order: see [Session.Check]. It appends them to dst. A decision is denied if
// it is an allow that the Handler cannot record; the others stand.
func (s *Session) CheckBatch(dst []snapshot.Decision, c Call, requests []snapshot.Request) []snapshot.Decision {
	dst = slices.Grow(dst, len(requests))
	v := s.View(c)
	for _, r := range requests {
		dst = append(dst, v.Check(r.Operation, r.Type, r.Name))
	}
	return dst
}

// CheckAny decides as snapshot.Session.CheckAny does, and reports the decision: see
// [Session.Check]. References of the call is taken as 0, as in Kafka.
func (s *Session) CheckAny(c Call, op ops.Operation, t resource.Type) snapshot.Decision {
	return s.View(c).CheckAny(op, t)
}

// View returns a View for the questions of one request, which are all decided by one
// snapshot. It is for [ops.Evaluate], which announces the purpose of each question. Of
// c it then uses only the API, the client id and the correlation id. View allocates.
func (s *Session) View(c Call) *View {
	v := &View{session: s, call: c, live: new(snapshot.View)}
	if s.live != nil {
		v.live = s.live.View()
	}
	if s.candidate != nil {
		v.candidate = s.candidate.View()
	}
	return v
}

// View decides the questions of one request and reports the decisions. It implements
// ops.Authorizer, and its Begin receives each ops.Action. It is not safe for concurrent use. The zero View denies
// everything and reports nothing.
type View struct {
	session   *Session
	live      *snapshot.View
	candidate *snapshot.View
	call      Call
}

// Begin sets the purpose of the questions that follow. Each question counts as one
// reference: Evaluate asks once for each entry of a request, whereas Kafka asks once
// for all entries with the same name and counts them.
func (v *View) Begin(a ops.Action) {
	v.call.API, v.call.References = a.Key, 1
	v.call.QuietAllowed, v.call.QuietDenied = !a.LogAllowed, !a.LogDenied
}

// Check decides as snapshot.View.Check does, and reports the decision: see
// [Session.Check].
func (v *View) Check(op ops.Operation, t resource.Type, name string) snapshot.Decision {
	if v.session == nil {
		return snapshot.Decision{}
	}
	return v.check(op, t, name)
}

func (v *View) check(op ops.Operation, t resource.Type, name string) snapshot.Decision {
	d := v.live.Check(op, t, name)
	if !v.session.watched {
		return d
	}
	var candidate snapshot.Decision
	if v.candidate != nil {
		candidate = v.candidate.Check(op, t, name)
	}
	return v.tell(d, candidate, snapshot.Request{Operation: op, Type: t, Name: name}, false)
}

// CheckAny decides as snapshot.View.CheckAny does, and reports the decision: see
// [Session.CheckAny].
func (v *View) CheckAny(op ops.Operation, t resource.Type) snapshot.Decision {
	if v.session == nil {
		return snapshot.Decision{}
	}
	d := v.live.CheckAny(op, t)
	if !v.session.watched {
		return d
	}
	var candidate snapshot.Decision
	if v.candidate != nil {
		candidate = v.candidate.CheckAny(op, t)
	}
	return v.tell(d, candidate, snapshot.Request{Operation: op, Type: t}, true)
}

// Allowed reports whether [View.Check] allows.
func (v *View) Allowed(op ops.Operation, t resource.Type, name string) bool {
	return v.Check(op, t, name).Allowed()
}

// AllowedAny reports whether [View.CheckAny] allows.
func (v *View) AllowedAny(op ops.Operation, t resource.Type) bool {
	return v.CheckAny(op, t).Allowed()
}

// tell reports a decision, and returns the one that applies.
func (v *View) tell(d, candidate snapshot.Decision, r snapshot.Request, byType bool) snapshot.Decision {
	if v.session.tell(&v.call, d, candidate, r, byType) != nil {
		return snapshot.Decision{}
	}
	return d
}

// tell reports a decision. The event is large, so it is created only if something receives it.
func (s *Session) tell(c *Call, d, candidate snapshot.Decision, r snapshot.Request, byType bool) error {
	if s.hits != nil {
		s.hits.count(d)
	}
	flipped := s.candidate != nil && candidate.Allowed() != d.Allowed()
	if s.candidate != nil {
		s.auditor.Shadow.compared(flipped)
	}
	logged := s.auditor.Handler != nil && level(d.Allowed(), c) >= s.auditor.Level
	if !flipped && !logged {
		return nil
	}
	e := Event{Time: s.auditor.Now(), Subject: s.subject, Request: r, ByType: byType, Decision: d, Call: *c}
	if byType {
		e.Call.References = 0
	}
	if flipped && s.auditor.Shadow.Report != nil {
		s.auditor.Shadow.Report(Flip{Event: e, Candidate: candidate})
	}
	if !logged {
		return nil
	}
	return s.record(e)
}

// record passes an event to the handler. The copy that escapes to the heap is made here, so that a
// decision that is not logged does not allocate.
func (s *Session) record(e Event) error {
	err := s.auditor.Handler.Handle(&e)
	if err != nil && s.auditor.Failed != nil {
		s.auditor.Failed(&e, err)
	}
	return err
}
