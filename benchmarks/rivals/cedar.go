package rivals

import (
	"errors"
	"fmt"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// The attribute and the context key by which the policies compare what the scope
// of a policy cannot.
const (
	cedarName = "name"
	cedarHost = "host"
)

// NewCedar returns a rival that asks cedar-go, with one policy for each ACL.
// Principal, operation and a LITERAL name stand in the policy's scope, as the
// quick start has them; a PREFIXED name is compared by "like" with an attribute of
// the resource, and a host by a condition on the context.
//
// What it cannot do: cedar-go evaluates every policy for every question and says
// so in its source ("Don't try to short circuit this"), because it reports all
// policies that decided and all errors. A program that keeps a policy set for each
// principal and hands over the right one has less to evaluate, but that index is
// then the program's.
//
// Source: README.md, authorize.go and package ast of cedar-go v1.9.0;
// docs.cedarpolicy.com, "Operators" (like).
func NewCedar(s workload.Shape) (Rival, error) {
	policies := cedar.NewPolicySet()
	for b := range s.Bindings {
		policy, err := cedarPolicy(b)
		if err != nil {
			return Rival{}, err
		}
		policies.Add(cedar.PolicyID(b.String()), cedar.NewPolicyFromAST(policy))
	}
	who := cedarPrincipal(s.Subject.Principal.String())
	context := cedar.NewRecord(cedar.RecordMap{cedarHost: types.String(acl.HostAddress(s.Subject.Host))})
	return Rival{Name: "cedar", Check: func(op ops.Operation, t resource.Type, name string) (bool, error) {
		uid := cedarResource(t, name)
		entities := cedar.EntityMap{uid: {UID: uid, Attributes: cedar.NewRecord(cedar.RecordMap{cedarName: types.String(name)})}}
		decision, diagnostic := cedar.Authorize(policies, entities, cedar.Request{
			Principal: who, Action: cedarAction(op), Resource: uid, Context: context,
		})
		if len(diagnostic.Errors) > 0 {
			return false, errors.New(diagnostic.Errors[0].String())
		}
		return decision == cedar.Allow, nil
	}}, nil
}

func cedarPolicy(b acl.Binding) (*ast.Policy, error) {
	var policy *ast.Policy
	var operations ops.Set
	switch b.Entry.Permission {
	case acl.Allow:
		policy, operations = ast.Permit(), ops.AllowedBy(b.Entry.Operation)
	case acl.Deny:
		policy, operations = ast.Forbid(), ops.DeniedBy(b.Entry.Operation)
	default:
		return nil, fmt.Errorf("%v: neither ALLOW nor DENY", b)
	}
	if b.Entry.Principal != principal.Wildcard {
		policy = policy.PrincipalEq(cedarPrincipal(b.Entry.Principal))
	}
	var actions []types.EntityUID
	for op := range operations.All() {
		actions = append(actions, cedarAction(op))
	}
	switch {
	case len(actions) == 1:
		policy = policy.ActionEq(actions[0])
	case b.Entry.Operation != ops.All:
		policy = policy.ActionInSet(actions...)
	}
	switch p := b.Pattern; {
	case p.IsWildcard():
		policy = policy.ResourceIs(cedarType(p.Type))
	case p.PatternType == resource.Literal:
		policy = policy.ResourceEq(cedarResource(p.Type, p.Name))
	default:
		prefix := types.NewPattern(p.Name, types.Wildcard{})
		policy = policy.ResourceIs(cedarType(p.Type)).When(ast.Resource().Access(cedarName).Like(prefix))
	}
	if b.Entry.Host != acl.WildcardHost {
		policy = policy.When(ast.Context().Access(cedarHost).Equal(ast.String(types.String(b.Entry.Host))))
	}
	return policy, nil
}

func cedarPrincipal(text string) cedar.EntityUID {
	return cedar.NewEntityUID("Principal", types.String(text))
}

func cedarAction(op ops.Operation) cedar.EntityUID {
	return cedar.NewEntityUID("Action", types.String(op.String()))
}

func cedarType(t resource.Type) types.EntityType { return types.EntityType(t.String()) }

func cedarResource(t resource.Type, name string) cedar.EntityUID {
	return cedar.NewEntityUID(cedarType(t), types.String(name))
}
