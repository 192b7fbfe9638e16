package audit

import (
	"log/slog"
	"slices"
	"time"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// Auditor is what is told of decisions. The zero Auditor tells nobody. It must not be
// changed once it has made a Session; then it is safe for concurrent use by any
// number of goroutines, as what it holds must be.
type Auditor struct {
	// Handler takes the events, or is nil.
	Handler Handler
	// Level is the least level of the events that are made at all. The zero Level is
	// INFO: denials only, as in Kafka's own configuration.
	Level slog.Level
	// Failed is called with each event that the Handler has not taken and its error, in
	// the goroutine of the check; nil leaves it at the denial.
	Failed func(e *Event, err error)
	// Hits counts the ACLs that decide, at every level, or is nil.
	Hits *Hits
	// Shadow is asked the same questions, or is nil.
	Shadow *Shadow
	// Now is the clock of the events; nil is time.Now.
	Now func() time.Time
}

// Session returns a session of the store for subject, of which it keeps no memory,
// that tells the auditor of its decisions. A nil Auditor tells nobody. It allocates.
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

// Session is a snapshot.Session whose decisions are told. It is safe for concurrent
// use by any number of goroutines. It must not be copied after first use. The zero
// Session denies everything and tells nobody.
type Session struct {
	live      *snapshot.Session
	candidate *snapshot.Session // nil without a shadow
	subject   snapshot.Subject
	auditor   Auditor
	hits      *hitShard // nil without hit counters
	watched   bool      // somebody is told
}

// Check decides as snapshot.Session.Check does, and tells of it. The answer is that
// of the ACLs, but for an allow that the Handler cannot record: then it is the zero
// Decision, which denies.
//
// Where nobody is told, it costs one comparison more than the check. Otherwise it
// costs what the hit counters, the shadow and the handler cost; the event itself is
// only made if its level is enabled.
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

// CheckAny decides as snapshot.Session.CheckAny does, and tells of it: see
// [Session.Check]. The call's References are taken as 0, as Kafka has them.
func (s *Session) CheckAny(c Call, op ops.Operation, t resource.Type) snapshot.Decision {
	return s.View(c).CheckAny(op, t)
}

// View returns what decides the questions of one request, all by one snapshot, and
// tells of them. It is for [ops.Evaluate], which lets it know what each question is
// for: of c only the API, the client id and the correlation id are kept then. It
// allocates.
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

// View decides the questions of one request. It implements ops.ActionAuthorizer. It
// is not safe for concurrent use. The zero View denies everything and tells nobody.
type View struct {
	session   *Session
	live      *snapshot.View
	candidate *snapshot.View
	call      Call
}

// Begin says what the questions that follow are for. Each counts as one reference:
// Evaluate asks once for each entry of a request, where Kafka puts together those of
// one name and counts them.
func (v *View) Begin(a ops.Action) {
	v.call.API, v.call.References = a.Key, 1
	v.call.QuietAllowed, v.call.QuietDenied = !a.LogAllowed, !a.LogDenied
}

// Check decides as snapshot.View.Check does, and tells of it: see [Session.Check].
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

// CheckAny decides as snapshot.View.CheckAny does, and tells of it: see
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

// tell tells of a decision, and returns the one that holds. The event, which is large,
// is only made where somebody gets it.
func (v *View) tell(d, candidate snapshot.Decision, r snapshot.Request, byType bool) snapshot.Decision {
	s := v.session
	if s.hits != nil {
		s.hits.count(d)
	}
	flipped := v.candidate != nil && candidate.Allowed() != d.Allowed()
	if v.candidate != nil {
		s.auditor.Shadow.compared(flipped)
	}
	logged := s.auditor.Handler != nil && level(d.Allowed(), &v.call) >= s.auditor.Level
	if !flipped && !logged {
		return d
	}
	e := Event{Time: s.auditor.Now(), Subject: s.subject, Request: r, ByType: byType, Decision: d, Call: v.call}
	if byType {
		e.Call.References = 0
	}
	if flipped && s.auditor.Shadow.Report != nil {
		s.auditor.Shadow.Report(Flip{Event: e, Candidate: candidate})
	}
	if logged && !s.record(e) {
		return snapshot.Decision{}
	}
	return d
}

// record reports whether the handler has taken the event. The copy that escapes is
// made here, so that a decision that nobody logs does not allocate.
func (s *Session) record(e Event) bool {
	err := s.auditor.Handler.Handle(&e)
	if err != nil && s.auditor.Failed != nil {
		s.auditor.Failed(&e, err)
	}
	return err == nil
}
