package role_test

import (
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

// plain decides by reading all bindings and ACLs each time. It shares no code with the package
// that it judges.
type plain struct {
	roles    map[string]role.Role
	names    map[string]role.Scope
	bindings []role.Binding
	acls     []acl.Binding
	supers   []string
	open     bool // allow.everyone.if.no.acl.found
}

// implies is what Kafka's documentation says of ALLOW.
var implies = map[string][]string{"Describe": {"Read", "Write", "Delete", "Alter"}, "DescribeConfigs": {"AlterConfigs"}}

// kafkaNames are the types and operations of Kafka, as the tables spell them.
var (
	typeNames      = map[resource.Type]string{resource.Topic: "Topic", resource.Group: "Group", resource.Cluster: "Cluster", resource.TransactionalID: "TransactionalId", resource.DelegationToken: "DelegationToken", resource.User: "User"}
	operationNames = map[ops.Operation]string{
		ops.Read: "Read", ops.Write: "Write", ops.Create: "Create", ops.Delete: "Delete", ops.Alter: "Alter", ops.Describe: "Describe", ops.ClusterAction: "ClusterAction",
		ops.DescribeConfigs: "DescribeConfigs", ops.AlterConfigs: "AlterConfigs", ops.IdempotentWrite: "IdempotentWrite", ops.CreateTokens: "CreateTokens", ops.DescribeTokens: "DescribeTokens", ops.TwoPhaseCommit: "TwoPhaseCommit",
	}
)

// allowed decides for a client with several principals, in the order of the metadata service:
// super user, DENY, ALLOW or role, the default, deny.
func (p *plain) allowed(cluster string, principals []string, op ops.Operation, t resource.Type, name string) bool {
	for _, who := range principals {
		if slices.Contains(p.supers, who) {
			return true
		}
	}
	allow, deny, any := false, false, false
	see := func(who string, permission acl.PermissionType, operations []string, typ, pattern string, prefixed bool) {
		if typ != typeNames[t] && typ != "All" {
			return
		}
		matches := pattern == name || pattern == "*"
		if prefixed {
			matches = strings.HasPrefix(name, pattern)
		}
		if !matches {
			return
		}
		any = true
		if who != "User:*" && !slices.Contains(principals, who) {
			return
		}
		wanted := operationNames[op]
		direct := slices.Contains(operations, wanted) || slices.Contains(operations, "All")
		if permission == acl.Deny {
			deny = deny || direct
			return
		}
		implied := slices.ContainsFunc(implies[wanted], func(by string) bool { return slices.Contains(operations, by) })
		allow = allow || direct || implied
	}
	for _, b := range p.acls {
		operation := operationNames[b.Entry.Operation]
		if b.Entry.Operation == ops.All {
			operation = "All"
		}
		see(b.Entry.Principal, b.Entry.Permission, []string{operation}, typeNames[b.Pattern.Type], b.Pattern.Name, b.Pattern.PatternType == resource.Prefixed)
	}
	for _, b := range p.bindings {
		scope := b.Scope
		if scope.Name != "" {
			scope = p.names[scope.Name]
		}
		if scope != (role.Scope{Kafka: cluster}) {
			continue
		}
		who := b.Principal.Type + ":" + b.Principal.Name
		for _, g := range p.roles[b.Role].Grants {
			// What no request asks for becomes no ACL.
			g.Operations = slices.DeleteFunc(slices.Clone(g.Operations), func(o string) bool {
				return o != "All" && !slices.ContainsFunc(slices.Collect(ops.Supported(t).All()), func(k ops.Operation) bool { return operationNames[k] == o })
			})
			if len(g.Operations) == 0 {
				continue
			}
			switch {
			case b.Pattern != role.Pattern{}:
				if g.ResourceType == "All" || g.ResourceType == b.Pattern.ResourceType {
					see(who, g.Permission, g.Operations, b.Pattern.ResourceType, b.Pattern.Name, b.Pattern.PatternType == resource.Prefixed)
				}
			case len(g.Patterns) > 0:
				for _, pattern := range g.Patterns {
					see(who, g.Permission, g.Operations, pattern.ResourceType, pattern.Name, pattern.PatternType == resource.Prefixed)
				}
			case g.ResourceType == "All" || g.ResourceType == typeNames[t]:
				if t == resource.Cluster && name != "kafka-cluster" {
					continue
				}
				see(who, g.Permission, g.Operations, g.ResourceType, name, false)
			}
		}
	}
	switch {
	case deny:
		return false
	case allow:
		return true
	}
	return p.open && !any
}
