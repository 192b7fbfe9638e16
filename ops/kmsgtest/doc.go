// Package kmsgtest compares the protocol table of package ops with the requests that
// package kmsg generates from Kafka's schemas. It is a separate module, so that users
// of ops do not depend on kmsg. It contains only tests.
package kmsgtest
