// Package cloudevents writes decisions as CloudEvents 1.0. The data has the structure
// of the authorization events in Confluent's audit logs, so that tools for those can
// read it.
//
// It is a separate module, so that only its users depend on the CloudEvents library.
package cloudevents
