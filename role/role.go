package role

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Level says what a role is bound to. The zero Level is not valid.
type Level string

const (
	// ClusterLevel roles are bound to a whole cluster, without a pattern.
	ClusterLevel Level = "Cluster"
	// ResourceLevel roles are bound to patterns of names.
	ResourceLevel Level = "Resource"
)

// All is, in a [Grant], the name of every type of resource, and of every operation.
const All = "All"

// Role is a named list of rights. The zero Role is not valid and grants nothing.
//
// Source: the answer of GET /security/1.0/roles of Confluent's metadata service.
type Role struct {
	Name  string
	Level Level
	// Grants are what the role allows or denies. One without operations is allowed: a binding
	// to that type of resource is then accepted, and gives nothing.
	Grants []Grant
	// Source says where the list is from, for people. It may be empty.
	Source string
}

// Grant is what a role allows or denies on one type of resource. The zero Grant is not valid
// and grants nothing.
type Grant struct {
	// ResourceType is the name of a type, such as Topic or Subject, or All. Case matters.
	ResourceType string
	// Operations are names, such as Read, or All. Case matters.
	Operations []string
	// Permission is acl.Allow or acl.Deny.
	Permission acl.PermissionType
	// Host is the client address or network that this is for; acl.WildcardHost is all of them.
	Host string
	// Patterns are the resources, of ResourceType, of a role at ClusterLevel that names its own,
	// as the roles of Redpanda do. If empty, those of the binding count, or all names.
	Patterns []Pattern
}

// allows returns a Grant without a limit, as all predefined roles have them.
func allows(resourceType string, operations ...string) Grant {
	return Grant{ResourceType: resourceType, Operations: operations, Permission: acl.Allow, Host: acl.WildcardHost}
}

// covers reports whether the grant is about a type of resource.
func (g *Grant) covers(resourceType string) bool {
	return g.ResourceType == All || g.ResourceType == resourceType
}

// has reports whether the grant is about an operation.
func (g *Grant) has(operation string) bool {
	return slices.Contains(g.Operations, All) || slices.Contains(g.Operations, operation)
}

// Validate returns an error unless the role is complete.
func (r *Role) Validate() error {
	if !isName(r.Name) {
		return fmt.Errorf("found the role name %s, expected printable characters without spaces", enum.Quote(r.Name))
	}
	if r.Level != ClusterLevel && r.Level != ResourceLevel {
		return fmt.Errorf("role %s: found the level %s, expected %s or %s", r.Name, enum.Quote(string(r.Level)), ClusterLevel, ResourceLevel)
	}
	for i := range r.Grants {
		if err := r.Grants[i].validate(r.Level); err != nil {
			return fmt.Errorf("role %s, grant %d: %w", r.Name, i+1, err)
		}
	}
	return nil
}

func (g *Grant) validate(level Level) error {
	if !isName(g.ResourceType) {
		return fmt.Errorf("found the resource type %s, expected a name such as Topic", enum.Quote(g.ResourceType))
	}
	if right := typeSpelling(g.ResourceType); right != "" {
		return fmt.Errorf("found the resource type %s, expected %s: case matters, and it would be another type", g.ResourceType, right)
	}
	if g.Permission != acl.Allow && g.Permission != acl.Deny {
		return fmt.Errorf("found the permission %v, expected ALLOW or DENY", g.Permission)
	}
	if host := acl.ParseHost(g.Host); !host.IsEverywhere() && !host.Addr().IsValid() && !host.Network().IsValid() {
		return fmt.Errorf("found the host %s, expected an address, a network or %s", enum.Quote(g.Host), acl.WildcardHost)
	}
	for _, operation := range g.Operations {
		if err := g.validateOperation(operation); err != nil {
			return err
		}
	}
	if len(g.Patterns) > 0 && level != ClusterLevel {
		return fmt.Errorf("found patterns in a role of the level %s, whose bindings have the patterns", level)
	}
	for _, p := range g.Patterns {
		if p.ResourceType != g.ResourceType {
			return fmt.Errorf("found a pattern of the type %s, expected %s", enum.Quote(p.ResourceType), g.ResourceType)
		}
		if err := p.validate(); err != nil {
			return err
		}
	}
	return nil
}

// validateOperation returns an error for an operation that would be dropped without a word although
// it is meant for Kafka. Those of other components have any name.
func (g *Grant) validateOperation(operation string) error {
	if !isName(operation) {
		return fmt.Errorf("found the operation %s, expected a name such as Read", enum.Quote(operation))
	}
	if right := operationSpelling(operation); right != "" {
		return fmt.Errorf("found the operation %s, expected %s: case matters, and it would be another operation", operation, right)
	}
	_, known := kafkaOperation(operation)
	inKafka := g.ResourceType != All && len(kafkaTypes(g.ResourceType)) > 0
	if isAccess := operation == alterAccess || operation == describeAccess; g.Permission == acl.Deny && inKafka && !known && !isAccess {
		return fmt.Errorf("found a DENY of %s on a %s, which denies nothing: Kafka has no such operation", operation, g.ResourceType)
	}
	return nil
}

// typeSpelling returns how a role writes a type of Kafka's resources that is written in another way,
// such as TOPIC or transactional_id; "" for what is written so, and for types of other components.
func typeSpelling(name string) string {
	t, err := resource.ParseType(name)
	switch {
	case name == All:
	case strings.EqualFold(name, All), err == nil && t == resource.Any:
		return All
	case err == nil && t.IsConcrete() && t.DisplayName() != name:
		return t.DisplayName()
	}
	return ""
}

// operationSpelling is [typeSpelling] for operations.
func operationSpelling(name string) string {
	op, err := ops.ParseOperation(name)
	switch {
	case err != nil || name == All:
	case op == ops.All || op == ops.Any:
		return All
	case op.IsKnown() && op.DisplayName() != name:
		return op.DisplayName()
	}
	return ""
}

// isName reports whether s is printable ASCII without spaces.
func isName(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return s != ""
}

// kafkaTypes returns the types of Kafka's resources that a name stands for; none for those of
// other components.
func kafkaTypes(name string) []resource.Type {
	if name == All {
		return resource.Types()
	}
	if t, err := resource.ParseType(name); err == nil && t.IsConcrete() && t.DisplayName() == name {
		return []resource.Type{t}
	}
	return nil
}

// kafkaOperation returns the operation of Kafka with a name, if there is one.
func kafkaOperation(name string) (ops.Operation, bool) {
	op, err := ops.ParseOperation(name)
	return op, err == nil && op.DisplayName() == name && (op == ops.All || op.IsKnown() && op != ops.Any)
}
