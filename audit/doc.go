// Package audit reports decisions: to a log, to counters, and to a candidate set of
// ACLs that is compared with the live one.
//
// Package snapshot does not depend on it. To get decisions reported, make a [Session]
// from an [Auditor] instead of a snapshot.Session:
//
//	auditor := &audit.Auditor{Handler: audit.NewLineWriter(file, audit.Kafka42)}
//	session := auditor.Session(store, subject) // once per connection
//	d := session.Check(call, ops.Write, resource.Topic, "payments.eu")
//
// # What is logged
//
// The rules are Kafka's: a denial is logged at INFO, an allow at DEBUG, and at TRACE
// the answers to questions that are not accesses by themselves, such as those that
// filter a list. The protocol table says which questions these are; ops.Evaluate passes
// that to the [View]. As in Kafka's default configuration, an Auditor omits events
// below INFO unless its Level says otherwise.
//
// # Unrecorded allows are denied
//
// If a [Handler] returns an error, it has not recorded the event. The session then
// denies, whatever the ACLs say. A [Queue] in front of a handler determines what
// happens if events arrive too fast: deny, wait, or drop and count.
//
// # Text chosen by clients
//
// Clients choose the names of groups and transactional ids, and sometimes of
// principals. Kafka prints them unescaped, so a group name with a line break forges a
// line of its log. The writers here escape: text from a client cannot break a line,
// control a terminal or be taken for another field. Lines without such text are
// identical to Kafka's. [AppendExactLine] always returns Kafka's line.
//
// # Reading logs
//
// [ReadTrace] reads these logs, and also Kafka's. Package suggest finds the smallest
// set of ACLs that a trace needs. Module audit/cloudevents has a handler that writes
// CloudEvents.
package audit
