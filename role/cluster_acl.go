package role

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
)

// ClusterACL is an ACL of one of several Kafka clusters. It is kept together with the role
// bindings of these clusters, as a metadata service keeps centralized ACLs. ClusterACLs are
// comparable with ==. The zero ClusterACL is not valid.
type ClusterACL struct {
	// Scope is a Kafka cluster, by its id or its name in a [Registry].
	Scope Scope
	ACL   acl.Binding
}

// Compare orders ACLs by scope and then as acl.Binding.Compare does.
func (a ClusterACL) Compare(b ClusterACL) int {
	return cmp.Or(strings.Compare(a.Scope.Name, b.Scope.Name), strings.Compare(a.Scope.Kafka, b.Scope.Kafka), a.ACL.Compare(b.ACL))
}

// String returns the ACL as a person reads it, without its host.
func (a ClusterACL) String() string {
	p, e := Pattern{a.ACL.Pattern.Type.DisplayName(), a.ACL.Pattern.Name, a.ACL.Pattern.PatternType}, a.ACL.Entry
	return fmt.Sprintf("%s has %v %s on %s", enum.Quote(e.Principal), e.Permission, e.Operation.DisplayName(), p)
}

// Resolve returns the ACL with the id of its cluster as the scope. It returns an error unless
// a new broker would create the ACL, and the scope is a Kafka cluster: nothing else has ACLs.
func (a ClusterACL) Resolve(registry *Registry) (ClusterACL, error) {
	scope, err := registry.Resolve(a.Scope)
	if err == nil && !scope.isKafka() {
		err = errors.New("expected a Kafka cluster: other components have no ACLs")
	}
	if err == nil {
		err = a.ACL.ValidateNew(0)
	}
	if err != nil {
		return ClusterACL{}, fmt.Errorf("%s: %w", a, err)
	}
	return ClusterACL{scope, a.ACL}, nil
}

// centralized stands in the sources of an ACL for a ClusterACL: it is there without any role.
var centralized = &held{}

// ApplyACLs adds ACLs that no role stands for and removes others, and returns what that
// changes, as [Policy.Apply] does for bindings. An ACL that a binding stands for too is there
// until both are removed. ACLs of other clusters are valid and not kept. On error nothing has
// changed.
func (p *Policy) ApplyACLs(add, remove []ClusterACL) (Change, error) {
	own := func(list []ClusterACL) (kept []acl.Binding, err error) {
		for _, a := range list {
			resolved, err := a.Resolve(p.registry)
			if err != nil {
				return nil, err
			}
			if resolved.Scope == p.cluster {
				kept = append(kept, a.ACL)
			}
		}
		return kept, nil
	}
	kept, err := own(add)
	if err != nil {
		return Change{}, err
	}
	gone, err := own(remove)
	if err != nil {
		return Change{}, err
	}
	var e edit
	for _, a := range gone {
		if p.sources[a].has(centralized) {
			p.lose(&e, a, centralized)
		}
	}
	e.beginAdding()
	for _, a := range kept {
		p.gain(&e, a, centralized)
	}
	return e.finish(), nil
}
