// Package judge holds the tests in which a real Kafka judges the proxy.
//
// Two brokers of the same version run beside each other. Clients send requests to one of
// them directly, where Kafka's own authorizer decides, and the same requests through the
// proxy to the other, where the proxy is a super user and Portcullis decides by the same
// ACLs. Both answers are decoded and compared field by field. Requests that only read go
// to the same broker on both ways, with the same bytes. Requests that change something go
// to different brokers, so that they do not disturb each other, and what they changed is
// compared afterwards.
//
// Each round has random ACLs: literal and prefixed, names that are used and "*", ALLOW and
// DENY, of users and of everyone, for addresses and (from 4.4) networks; one of the two
// semantics; brokers with allow.everyone.if.no.acl.found and without. Clients are two users
// from two addresses. Names exist, do not exist, are invalid, internal, empty, too long, or
// not UTF-8; ids are those of topics, of internal topics, of nothing, and zero. Some frames
// are malformed. Requests that read go over three connections at the same time, fifty before
// the first answer is read, and every eighth alone.
//
// See the package kafkatest for what the tests need. The flags of the test binary say
// which version is judged and for how long:
//
//	go test ./gateway/proxy/judge -run Judge -kafka 4.4.0
//	go test ./gateway/proxy/judge -run Judge -kafka 4.2.1 -soak 3h -seed 7 -timeout 0
//
// A difference fails the test unless docs/differences.md lists it.
package judge
