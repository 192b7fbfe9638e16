// Package inspect answers what a check cannot: why it was decided so ([Explain]), who
// may do something ([WhoCan]), what somebody may do ([WhatCan]), what a pattern
// covers ([Reach]), what a change of the ACLs would do ([Diff]), which ACLs are not
// what they seem ([Lint]), and all of who may do what, by pattern ([NewMatrix]).
//
// The answers are exact. They are not samples: they are sets of resource names
// ([NameSet]) and of client addresses ([HostSet]), and a check of package snapshot
// allows if and only if they say so.
//
// # How it is done
//
// The patterns of ACLs are nested or apart: of two, one holds the other or they share
// no name. So are their hosts. A set of patterns therefore divides all names into
// cells, one for each pattern, of the names that are in it and in no narrower one;
// and all addresses likewise. An answer is the same for all names and addresses of
// a pair of cells, so that it is enough to find it for each pair, and to join cells
// with the same answer.
//
// # What is considered
//
//   - Both semantics with their differences, and in KafkaExact also where Kafka
//     gives no answer, so that the documented one counts.
//   - Implied operations, DENY before ALLOW, super users, Config.AllowIfNoACL, and
//     a snapshot that is not ready.
//   - Every name, also the empty one, which no resource has, and names that are no
//     Unicode text: the sets hold them like any other.
//   - Every address there is. Where a zone matters (fe80::1%eth0) it is told apart.
//   - Of operations those that the resource type supports ([ops.Supported]), where
//     the question does not name one. No request asks about others.
//   - Groups: a subject with groups may do what its principals together may. WhoCan
//     and Diff speak of subjects that are one principal, as all are in Kafka; Explain
//     and WhatCan take a subject with its groups; Lint considers subjects with any
//     groups.
//   - Not the by-type checks (CheckAny), which are about no single resource.
//
// Functions of this package read a snapshot, which does not change. They are safe
// for concurrent use, and start no goroutine.
package inspect
