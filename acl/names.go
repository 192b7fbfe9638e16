// Code generated from ops/names.tsv by "go test ./ops -run TestNames -update". DO NOT EDIT.

package acl

import "github.com/portcullis-authz/portcullis/internal/enum"

// Kafka's permission types.
//
// Source: Kafka 4.2, AclPermissionType.
const (
	PermissionUnknown PermissionType = 0 // a code this version does not know
	PermissionAny     PermissionType = 1 // in a filter only: either
	Deny              PermissionType = 2 // overrides every Allow
	Allow             PermissionType = 3
)

// permissionNames are Kafka's names, indexed by code.
var permissionNames = enum.Names{
	PermissionUnknown: "UNKNOWN",
	PermissionAny:     "ANY",
	Deny:              "DENY",
	Allow:             "ALLOW",
}

// PermissionTypeFromCode returns the permission type with Kafka's wire code, or PermissionUnknown for a code that
// Kafka does not define.
func PermissionTypeFromCode(code int8) PermissionType {
	if !permissionNames.Known(int(code)) {
		return PermissionUnknown
	}
	return PermissionType(code)
}

// ParsePermissionType parses the name of a permission type. Case is ignored and underscores are optional:
// "ALLOW", "Allow". White space is not trimmed. [PermissionType.String] returns the
// canonical spelling. On error the result is PermissionUnknown.
func ParsePermissionType(s string) (PermissionType, error) {
	code, err := permissionNames.ParseFold("permission type", s)
	return PermissionType(code), err
}

// String returns Kafka's name, such as "ALLOW", or "PermissionType(99)" for an unknown value.
func (v PermissionType) String() string { return permissionNames.String("PermissionType", int(v)) }

// DisplayName returns the name in Pascal case, such as "Allow", as in Kafka's audit log.
func (v PermissionType) DisplayName() string {
	return permissionNames.DisplayName("PermissionType", int(v))
}

// MarshalText returns Kafka's name. An unknown value is an error.
func (v PermissionType) MarshalText() ([]byte, error) {
	return permissionNames.MarshalText("PermissionType", int(v))
}

// UnmarshalText parses text as [ParsePermissionType] does. On error v is unchanged.
func (v *PermissionType) UnmarshalText(text []byte) error {
	parsed, err := ParsePermissionType(string(text))
	if err == nil {
		*v = parsed
	}
	return err
}
