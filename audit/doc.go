// Package audit tells of decisions: to a log, to counters, and to a candidate set of
// ACLs that decides beside the live one.
//
// Package snapshot knows nothing of it. Who wants decisions told makes a [Session]
// of an [Auditor] in place of a snapshot.Session:
//
//	auditor := &audit.Auditor{Handler: audit.NewLineWriter(file, audit.Kafka42)}
//	session := auditor.Session(store, subject) // once a connection
//	d := session.Check(call, ops.Write, resource.Topic, "payments.eu")
//
// # What is logged
//
// Kafka's rules: a denial at INFO, an allow at DEBUG, and at TRACE the answers that
// nobody asked for as an access of their own, such as those behind a filtered list.
// Which these are, the protocol table knows: [View] hears it from ops.Evaluate. As
// in Kafka's default configuration, an Auditor leaves out what is below INFO unless
// its Level says otherwise.
//
// # An allow that cannot be recorded is none
//
// A [Handler] that returns an error has not taken the event. Then the session denies,
// whatever the ACLs say. A [Queue] in front of a handler says what becomes of events
// that come too fast: deny, wait, or drop and count.
//
// # Client text
//
// Names of groups, transactional ids and principals are what clients make them.
// Kafka prints them as they are, so that a group name with a line break forges a
// line of its log. The writers here escape: no text of a client breaks a line, acts
// on a terminal or passes for another field. Lines without such text are Kafka's,
// byte for byte; [AppendExactLine] gives Kafka's line in any case.
//
// # What comes of it
//
// [ReadTrace] reads such logs back, those of Kafka too, and the package suggest below
// this one finds the least ACLs that a trace needs. The module audit/cloudevents has a
// handler that writes CloudEvents.
package audit
