package ops

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/portcullis-authz/portcullis/resource"
)

// ErrorCode is a Kafka protocol error code. The zero ErrorCode is None.
type ErrorCode int16

// The error codes that the protocol table can give, and those of the management of
// ACLs (package snapshot), with Kafka's numbers.
const (
	UnknownServerError                 ErrorCode = -1
	None                               ErrorCode = 0
	UnknownTopicOrPartition            ErrorCode = 3
	InvalidTopicException              ErrorCode = 17
	InconsistentGroupProtocol          ErrorCode = 23
	TopicAuthorizationFailed           ErrorCode = 29
	GroupAuthorizationFailed           ErrorCode = 30
	ClusterAuthorizationFailed         ErrorCode = 31
	IllegalSASLState                   ErrorCode = 34
	UnsupportedVersion                 ErrorCode = 35
	TopicAlreadyExists                 ErrorCode = 36
	InvalidRequest                     ErrorCode = 42
	PolicyViolation                    ErrorCode = 44
	TransactionalIDAuthorizationFailed ErrorCode = 53
	OperationNotAttempted              ErrorCode = 55
	DelegationTokenAuthDisabled        ErrorCode = 61
	DelegationTokenNotFound            ErrorCode = 62
	DelegationTokenOwnerMismatch       ErrorCode = 63
	DelegationTokenRequestNotAllowed   ErrorCode = 64
	DelegationTokenAuthorizationFailed ErrorCode = 65
	DelegationTokenExpired             ErrorCode = 66
	InvalidPrincipalType               ErrorCode = 67
	PrincipalDeserializationFailure    ErrorCode = 97
	UnknownTopicID                     ErrorCode = 100
	StreamsInvalidTopology             ErrorCode = 130
)

// errorCodes is every code with Kafka's name of it, in order of the codes.
//
// Source: Kafka 4.2, org.apache.kafka.common.protocol.Errors.
var errorCodes = [...]struct {
	Code ErrorCode
	Name string
}{
	{UnknownServerError, "UNKNOWN_SERVER_ERROR"},
	{None, "NONE"},
	{UnknownTopicOrPartition, "UNKNOWN_TOPIC_OR_PARTITION"},
	{InvalidTopicException, "INVALID_TOPIC_EXCEPTION"},
	{InconsistentGroupProtocol, "INCONSISTENT_GROUP_PROTOCOL"},
	{TopicAuthorizationFailed, "TOPIC_AUTHORIZATION_FAILED"},
	{GroupAuthorizationFailed, "GROUP_AUTHORIZATION_FAILED"},
	{ClusterAuthorizationFailed, "CLUSTER_AUTHORIZATION_FAILED"},
	{IllegalSASLState, "ILLEGAL_SASL_STATE"},
	{UnsupportedVersion, "UNSUPPORTED_VERSION"},
	{TopicAlreadyExists, "TOPIC_ALREADY_EXISTS"},
	{InvalidRequest, "INVALID_REQUEST"},
	{PolicyViolation, "POLICY_VIOLATION"},
	{TransactionalIDAuthorizationFailed, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"},
	{OperationNotAttempted, "OPERATION_NOT_ATTEMPTED"},
	{DelegationTokenAuthDisabled, "DELEGATION_TOKEN_AUTH_DISABLED"},
	{DelegationTokenNotFound, "DELEGATION_TOKEN_NOT_FOUND"},
	{DelegationTokenOwnerMismatch, "DELEGATION_TOKEN_OWNER_MISMATCH"},
	{DelegationTokenRequestNotAllowed, "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED"},
	{DelegationTokenAuthorizationFailed, "DELEGATION_TOKEN_AUTHORIZATION_FAILED"},
	{DelegationTokenExpired, "DELEGATION_TOKEN_EXPIRED"},
	{InvalidPrincipalType, "INVALID_PRINCIPAL_TYPE"},
	{PrincipalDeserializationFailure, "PRINCIPAL_DESERIALIZATION_FAILURE"},
	{UnknownTopicID, "UNKNOWN_TOPIC_ID"},
	{StreamsInvalidTopology, "STREAMS_INVALID_TOPOLOGY"},
}

// name returns Kafka's name of c, and whether this package names it.
func (c ErrorCode) name() (string, bool) {
	i := slices.IndexFunc(errorCodes[:], func(row struct {
		Code ErrorCode
		Name string
	}) bool {
		return row.Code == c
	})
	if i < 0 {
		return "", false
	}
	return errorCodes[i].Name, true
}

// String returns Kafka's name of c, or "ErrorCode(n)" for a code that this
// package does not name.
func (c ErrorCode) String() string {
	if name, ok := c.name(); ok {
		return name
	}
	return "ErrorCode(" + strconv.Itoa(int(c)) + ")"
}

// MarshalText returns Kafka's name of c. A code that this package does not name
// is an error.
func (c ErrorCode) MarshalText() ([]byte, error) {
	name, ok := c.name()
	if !ok {
		return nil, fmt.Errorf("%v has no name: the protocol table does not give it", c)
	}
	return []byte(name), nil
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
