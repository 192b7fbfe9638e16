// Package kmsgtest holds the protocol table of package ops against the requests
// that package kmsg generates from Kafka's schemas. It is a module of its own, so
// that nobody who uses ops depends on kmsg. It has nothing but tests.
package kmsgtest
