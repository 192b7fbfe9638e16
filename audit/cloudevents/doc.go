// Package cloudevents writes decisions as CloudEvents 1.0, in the shape of the
// authorization events of Confluent's audit logs, so that what reads those reads
// these.
//
// It is a module of its own, so that only who uses it depends on the CloudEvents
// library.
package cloudevents
