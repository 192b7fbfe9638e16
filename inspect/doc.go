// Package inspect answers questions that a check cannot: why a check was decided as it
// was ([Explain]), who may do something ([WhoCan]), what a subject may do ([WhatCan]),
// what a pattern covers ([Reach]), what a change of the ACLs would do ([Diff]), in which
// order to make it ([NewPlan]), which ACLs look wrong or have no effect ([Lint]), and the
// access of all principals, by pattern ([NewMatrix]).
//
// The answers are exact, not samples: they are sets of resource names ([NameSet]) and
// of client addresses ([HostSet]), and package snapshot allows a check if and only if
// they contain it.
//
// # How it works
//
// The patterns of ACLs are nested or disjoint: of two patterns, either one contains the
// other or they share no name. The same is true of hosts. So a set of patterns divides
// all names into cells, one for each pattern: the names that are in it but in no
// narrower one. Hosts divide all addresses in the same way. All names and addresses of
// a pair of cells have the same answer. It is therefore enough to find the answer for
// each pair, and to join cells with the same answer.
//
// # What is included
//
//   - Both semantics and their differences. In KafkaExact the documented answer counts
//     where Kafka gives none.
//   - Implied operations, DENY before ALLOW, super users, Config.AllowIfNoACL, and a
//     snapshot that is not ready.
//   - Every name, including the empty one, which no resource has, and names that are
//     not valid Unicode.
//   - Every address. If a zone matters (fe80::1%eth0), addresses with different zones
//     are distinguished.
//   - The operations that the resource type supports ([ops.Supported]), if the
//     question does not name one. No request asks for others.
//   - Groups: a subject with groups may do what its principals together may. WhoCan
//     and Diff are about subjects with a single principal, as all are in Kafka. Explain
//     and WhatCan take a subject with its groups. Lint considers subjects with any
//     groups.
//   - Not the by-type checks (CheckAny), which are not about a single resource.
//
// The functions of this package read an immutable snapshot. They are safe for
// concurrent use, and start no goroutines.
package inspect
