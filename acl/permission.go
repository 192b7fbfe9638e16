package acl

import "github.com/portcullis-authz/portcullis/internal/enum"

// PermissionType is ALLOW or DENY. Its value is Kafka's wire code (AclPermissionType).
// The zero PermissionType is PermissionUnknown.
type PermissionType int8

// The permission types, with Kafka's wire codes.
const (
	PermissionUnknown PermissionType = 0 // a code this version does not know
	PermissionAny     PermissionType = 1 // in a filter only: either
	Deny              PermissionType = 2 // overrides every Allow
	Allow             PermissionType = 3
)

var permissionNames = enum.Names{"UNKNOWN", "ANY", "DENY", "ALLOW"}

// PermissionTypeFromCode returns the permission type with Kafka's wire code, or
// PermissionUnknown for a code that Kafka does not define.
func PermissionTypeFromCode(code int8) PermissionType {
	if !permissionNames.Known(int(code)) {
		return PermissionUnknown
	}
	return PermissionType(code)
}

// ParsePermissionType parses the name of a permission type. Case is ignored; white
// space is not trimmed. On error the result is PermissionUnknown.
func ParsePermissionType(s string) (PermissionType, error) {
	code, err := permissionNames.ParseFold("permission type", s)
	return PermissionType(code), err
}

// String returns Kafka's name of p, such as "ALLOW", or "PermissionType(99)" for an
// unknown value.
func (p PermissionType) String() string { return permissionNames.String("PermissionType", int(p)) }

// DisplayName returns the Pascal-case name of p, such as "Allow".
func (p PermissionType) DisplayName() string {
	return permissionNames.DisplayName("PermissionType", int(p))
}

// MarshalText returns the name of p. An unknown value is an error.
func (p PermissionType) MarshalText() ([]byte, error) {
	return permissionNames.MarshalText("PermissionType", int(p))
}

// UnmarshalText parses text as [ParsePermissionType] does. On error p is unchanged.
func (p *PermissionType) UnmarshalText(text []byte) error {
	v, err := ParsePermissionType(string(text))
	if err == nil {
		*p = v
	}
	return err
}
