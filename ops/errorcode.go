package ops

import (
	"fmt"
	"strconv"

	"github.com/portcullis-authz/portcullis/resource"
)

// ErrorCode is a Kafka protocol error code. The zero ErrorCode is None.
type ErrorCode int16

// String returns Kafka's name of c, or "ErrorCode(n)" for a code that Kafka 4.4 does not have.
func (c ErrorCode) String() string {
	if name := int(c) + 1; errorNames.Known(name) {
		return errorNames[name]
	}
	return "ErrorCode(" + strconv.Itoa(int(c)) + ")"
}

// MarshalText returns Kafka's name of c. A code that Kafka 4.4 does not have is an
// error.
func (c ErrorCode) MarshalText() ([]byte, error) {
	if !errorNames.Known(int(c) + 1) {
		return nil, fmt.Errorf("%v is not an error code of Kafka 4.4", c)
	}
	return []byte(c.String()), nil
}

// authorizationErrors are the error codes for a denied resource. Kafka has none for User and for
// types that no resource has.
//
// Source: Kafka's AclEntry.authorizationError.
var authorizationErrors = map[resource.Type]ErrorCode{
	resource.Topic:           TopicAuthorizationFailed,
	resource.Group:           GroupAuthorizationFailed,
	resource.Cluster:         ClusterAuthorizationFailed,
	resource.TransactionalID: TransactionalIDAuthorizationFailed,
	resource.DelegationToken: DelegationTokenAuthorizationFailed,
}
