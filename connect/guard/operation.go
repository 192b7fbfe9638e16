package guard

import (
	"sync"

	"github.com/portcullis-authz/portcullis/principal/httpauth"
	"github.com/portcullis-authz/portcullis/role"
)

// Operation is a right in a Connect cluster, by the name that roles have for it. The zero
// Operation is none, and nobody holds it.
//
// Source: ReadStatus, ReadConfig and Configure are names of Confluent's metadata service, and the
// roles have the rights of the matrix in Confluent's documentation of Connect. The other names are
// of this program.
type Operation string

// The operations on a connector. The resource has the type [ConnectorType] and its name.
const (
	Create             Operation = "Create"
	Delete             Operation = "Delete"
	ReadStatus         Operation = "ReadStatus"
	ReadConfig         Operation = "ReadConfig"
	Configure          Operation = "Configure"
	PauseResumeRestart Operation = "PauseResumeRestart" // also to stop it
	ReadOffsets        Operation = "ReadOffsets"
	AlterOffsets       Operation = "AlterOffsets"
)

// The operations on the Connect cluster. The resource has the type [ClusterType] and the name
// [ClusterName]. ReadPlugins is also held by whoever holds a right on some connector.
const (
	ReadPlugins  Operation = "ReadPlugins" // and the version of the worker
	ReadLoggers  Operation = "ReadLoggers"
	AlterLoggers Operation = "AlterLoggers" // at DEBUG the log has configurations
)

// The resources of roles.
const (
	ConnectorType = "Connector"
	ClusterType   = "ConnectCluster"
	ClusterName   = "connect-cluster"
)

// visible are the operations of which each lets somebody know that a connector is there.
var visible = []Operation{ReadStatus, ReadConfig, Configure, PauseResumeRestart, Delete, ReadOffsets, AlterOffsets}

// Authorizer decides. It must be safe for concurrent use, and its time must not depend on which
// connectors there are.
type Authorizer interface {
	// Authorize decides about one resource. reason is for the audit event.
	Authorize(who httpauth.Identity, op Operation, resourceType, name string) (allowed bool, reason string)
	// AuthorizeAny decides whether somebody holds an operation on some resource of a type; any
	// operation if op is "".
	AuthorizeAny(who httpauth.Identity, op Operation, resourceType string) (allowed bool, reason string)
}

// ByRoles decides by role bindings in the scope of a Connect cluster. It is safe for concurrent
// use. The zero ByRoles denies everything.
type ByRoles struct {
	mu     sync.RWMutex
	access *role.Access
}

// Set puts bindings in force.
func (b *ByRoles) Set(access *role.Access) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.access = access
}

func (b *ByRoles) current() *role.Access {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.access
}

// Authorize decides about one resource.
func (b *ByRoles) Authorize(who httpauth.Identity, op Operation, resourceType, name string) (allowed bool, reason string) {
	v := b.current().Check(caller(who), who.Host, string(op), resourceType, name)
	return v.Allowed(), v.String()
}

// AuthorizeAny decides whether somebody holds an operation on some resource of a type.
func (b *ByRoles) AuthorizeAny(who httpauth.Identity, op Operation, resourceType string) (allowed bool, reason string) {
	if op == "" {
		op = role.All
	}
	v := b.current().CheckAny(caller(who), who.Host, string(op), resourceType)
	return v.Allowed(), v.String()
}

func caller(who httpauth.Identity) role.Caller {
	return role.Caller{Principal: who.Principal, Groups: who.Groups}
}
