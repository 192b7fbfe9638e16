// Package snapshot decides whether a subject may do an operation on a resource.
//
// A [Store] has the ACLs in force. Writers change it in transactions ([Store.Update]). Each
// transaction publishes one immutable [Snapshot] with the next generation number. Readers
// never wait for writers: a check is one atomic load, followed by reads of immutable memory.
//
//	store := snapshot.NewStore(snapshot.Config{SuperUsers: admins})
//	err := store.Update(func(tx *snapshot.Tx) error { tx.Add(binding); return nil })
//	session := store.Session(subject) // once for each connection
//	d := session.Check(ops.Write, resource.Topic, "payments.eu")
//
// # How a check is decided
//
//  1. A super user is allowed.
//  2. Until the first load is complete, everyone else is denied: not ready.
//  3. If a DENY matches, the answer is deny.
//  4. If an ALLOW matches, the answer is allow.
//  5. If Config.AllowIfNoACL is set and no ACL of any principal covers the
//     resource, the answer is allow.
//  6. The answer is deny.
//
// An ACL matches if its pattern covers the resource, its principal is one of the
// subject's or User:*, its host is the client's or *, and its operation is the
// one asked for or ALL. An ALLOW also grants what it implies: READ, WRITE, DELETE
// and ALTER grant DESCRIBE, ALTER_CONFIGS grants DESCRIBE_CONFIGS.
//
// # Two semantics
//
// [Documented] is what Kafka's documentation and KIPs promise. [KafkaExact] is
// what Kafka's StandardAuthorizer answers, defects included. These are all the
// differences:
//
//   - LITERAL "*" on a longer name that begins with an asterisk: Documented
//     applies it, KafkaExact does not.
//   - Hosts: Documented compares addresses and matches networks (KIP-1276);
//     KafkaExact compares the text that Java prints for the client's address.
//     [KafkaExact44] does that and matches networks.
//   - Hosts that cannot be read ([acl.Host.FailsClosed]): in Documented their DENY
//     entries match every address, so that no denial is lost; their ALLOW entries match
//     none. In KafkaExact they never match, as in Kafka. In KafkaExact44 networks with the
//     name of an interface are treated as in Documented.
//   - By-type checks: Documented answers whether some resource name would be
//     allowed; KafkaExact answers as Kafka's default method does.
//   - Which of several matching ACLs a Decision names.
//
// Where Kafka throws or loops forever, both give the documented answer.
package snapshot

// Where each rule is:
//
//	the order of the rules above            View.decide             decide.go
//	which ACL decides, of those that match  names.ask, candidate.or decide.go
//	Kafka's scan and its defects            View.kafkaDecide        decide_kafka.go
//	checks of any resource of a type        View.decideAny          decide_anytype.go
//	super users, groups, User:*             Snapshot.identify       subject.go
//	which ACLs are for a subject            Snapshot.resolve        view.go
//	which hosts and networks match          keyOf, addressKeys.in   host.go
//	what an operation implies               record.ruling           index.go
//	the index that checks read              index.change            index.go
//	transactions, replacing a whole set     Tx, Tx.Replace          tx.go
//	the order of ACLs for searches          recordSet               record_set.go
//	whose memory names are in               Tx.ownName              intern.go
//	what must be true of every snapshot     Snapshot.verify         verify.go
