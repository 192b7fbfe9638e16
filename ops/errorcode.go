package ops

import (
	"strconv"

	"github.com/portcullis-authz/portcullis/resource"
)

// ErrorCode is a Kafka protocol error code. The zero ErrorCode is None.
type ErrorCode int16

// The error codes that a refusal can carry, with Kafka's numbers.
const (
	None                               ErrorCode = 0
	TopicAuthorizationFailed           ErrorCode = 29
	GroupAuthorizationFailed           ErrorCode = 30
	ClusterAuthorizationFailed         ErrorCode = 31
	InvalidRequest                     ErrorCode = 42
	TransactionalIDAuthorizationFailed ErrorCode = 53
	DelegationTokenAuthorizationFailed ErrorCode = 65
)

var errorNames = map[ErrorCode]string{
	None:                               "NONE",
	TopicAuthorizationFailed:           "TOPIC_AUTHORIZATION_FAILED",
	GroupAuthorizationFailed:           "GROUP_AUTHORIZATION_FAILED",
	ClusterAuthorizationFailed:         "CLUSTER_AUTHORIZATION_FAILED",
	InvalidRequest:                     "INVALID_REQUEST",
	TransactionalIDAuthorizationFailed: "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
	DelegationTokenAuthorizationFailed: "DELEGATION_TOKEN_AUTHORIZATION_FAILED",
}

// String returns Kafka's name of c, or "ErrorCode(n)" for a code that this
// package does not name.
func (c ErrorCode) String() string {
	if name, ok := errorNames[c]; ok {
		return name
	}
	return "ErrorCode(" + strconv.Itoa(int(c)) + ")"
}

var authorizationErrors = map[resource.Type]ErrorCode{
	resource.Topic:           TopicAuthorizationFailed,
	resource.Group:           GroupAuthorizationFailed,
	resource.Cluster:         ClusterAuthorizationFailed,
	resource.TransactionalID: TransactionalIDAuthorizationFailed,
	resource.DelegationToken: DelegationTokenAuthorizationFailed,
}

// AuthorizationError returns the error code of a refusal on a resource of type t,
// and whether there is one: Kafka has none for User, nor for a type that no
// resource has.
//
// Source: Kafka's AclEntry.authorizationError.
func AuthorizationError(t resource.Type) (code ErrorCode, ok bool) {
	code, ok = authorizationErrors[t]
	return code, ok
}
