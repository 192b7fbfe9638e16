package fuzz_test

import (
	"fmt"
	"slices"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// newCaseAuthorizer returns what answers for a principal at a host: an obvious
// evaluation of the documented rules over the ACLs of a case.
func newCaseAuthorizer(acls []opsCaseACL, config opsCaseConfig, principal, host string) (ops.Authorizer, error) {
	a := &opsCaseAuthorizer{
		superUser: slices.Contains(config.SuperUsers, principal), allowIfNoACL: config.AllowEveryoneIfNoACLFound,
		principal: principal, host: host,
	}
	for _, acl := range acls {
		rule := opsCaseRule{principal: acl.Principal, host: acl.Host, deny: acl.Permission == "DENY"}
		if !rule.deny && acl.Permission != "ALLOW" {
			return nil, fmt.Errorf("unknown permission %q", acl.Permission)
		}
		var err error
		if rule.pattern.Type, err = resource.ParseType(acl.ResourceType); err != nil {
			return nil, err
		}
		if rule.pattern.PatternType, err = resource.ParsePatternType(acl.PatternType); err != nil {
			return nil, err
		}
		if rule.operation, err = ops.ParseOperation(acl.Operation); err != nil {
			return nil, err
		}
		rule.pattern.Name = acl.Name
		a.rules = append(a.rules, rule)
	}
	return a, nil
}

type opsCaseRule struct {
	pattern         resource.Pattern
	principal, host string
	operation       ops.Operation
	deny            bool
}

// opsCaseAuthorizer answers by going through every ACL.
type opsCaseAuthorizer struct {
	rules           []opsCaseRule
	principal, host string
	superUser       bool
	allowIfNoACL    bool
}

// applies reports whether a rule speaks about the operation of the principal at
// the host.
func (a *opsCaseAuthorizer) applies(rule *opsCaseRule, op ops.Operation) bool {
	operations := ops.AllowedBy(rule.operation)
	if rule.deny {
		operations = ops.DeniedBy(rule.operation)
	}
	return operations.Has(op) &&
		(rule.principal == a.principal || rule.principal == "User:*") &&
		(rule.host == a.host || rule.host == "*")
}

func (a *opsCaseAuthorizer) Allowed(op ops.Operation, t resource.Type, name string) bool {
	if a.superUser {
		return true
	}
	allowed, covered := false, false
	for i := range a.rules {
		rule := &a.rules[i]
		if !rule.pattern.Covers(t, name) {
			continue
		}
		covered = true
		if a.applies(rule, op) {
			if rule.deny {
				return false
			}
			allowed = true
		}
	}
	return allowed || !covered && a.allowIfNoACL
}

// AllowedAny tries names enough to decide whether there is one that the operation
// is allowed on: of each pattern its name, and its name made longer by a suffix
// that no ACL has. (A longer deny cannot cover all names below a shorter allow.)
func (a *opsCaseAuthorizer) AllowedAny(op ops.Operation, t resource.Type) bool {
	const suffix = "\x01unlikely"
	names := []string{suffix}
	for i := range a.rules {
		names = append(names, a.rules[i].pattern.Name, a.rules[i].pattern.Name+suffix)
	}
	return slices.ContainsFunc(names, func(name string) bool { return a.Allowed(op, t, name) })
}
