package rivals

import (
	"fmt"
	"strings"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/benchmarks/workload"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// casbinModel is the documented ACL model with the documented deny-override effect
// and keyMatch for prefixes, as in the RESTful example. The comparisons that fail
// most often come first.
const casbinModel = `
[request_definition]
r = sub, host, obj, act

[policy_definition]
p = sub, host, obj, act, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = (r.sub == p.sub || p.sub == "` + principal.Wildcard + `") && keyMatch(r.obj, p.obj) && (r.act == p.act || p.act == "ALL") && (r.host == p.host || p.host == "` + acl.WildcardHost + `")
`

// NewCasbin returns a rival that asks an enforcer of casbin v3. An object is
// "TYPE:name", a PREFIXED one ends in an asterisk, which is what keyMatch knows.
//
// What it cannot do: an asterisk within a name is an error here, because keyMatch
// would cut the name there. An ALLOW implies nothing; no benchmark asks casbin
// about an implied operation. Casbin matches every rule for every question; its
// documentation advises few rules, or an enforcer for each part of them, where
// there are many. Its CachedEnforcer, which keeps answers by the text of the
// question, is not used: it would time a map.
//
// Source: casbin.org/docs, "Supported Models", "Function", "Effector" and
// "Performance Optimization"; examples/rbac_with_deny_model.conf and
// keymatch_model.conf of casbin v3.10.0.
func NewCasbin(s workload.Shape) (Rival, error) {
	m, err := model.NewModelFromString(casbinModel)
	if err != nil {
		return Rival{}, err
	}
	enforcer, err := casbin.NewEnforcer(m)
	if err != nil {
		return Rival{}, err
	}
	var rules [][]string
	for b := range s.Bindings {
		rule, err := casbinRule(b)
		if err != nil {
			return Rival{}, err
		}
		rules = append(rules, rule)
	}
	if _, err := enforcer.AddPolicies(rules); err != nil {
		return Rival{}, err
	}
	who, host := s.Subject.Principal.String(), acl.HostAddress(s.Subject.Host)
	return Rival{Name: "casbin", Check: func(op ops.Operation, t resource.Type, name string) (bool, error) {
		return enforcer.Enforce(who, host, casbinObject(t, name), op.String())
	}}, nil
}

func casbinRule(b acl.Binding) ([]string, error) {
	name := b.Pattern.Name
	if strings.Contains(name, "*") && !b.Pattern.IsWildcard() {
		return nil, fmt.Errorf("%v: keyMatch takes the asterisk in the name for the end of a prefix", b)
	}
	if b.Pattern.PatternType == resource.Prefixed {
		name += "*"
	}
	return []string{
		b.Entry.Principal, b.Entry.Host, casbinObject(b.Pattern.Type, name),
		b.Entry.Operation.String(), strings.ToLower(b.Entry.Permission.String()),
	}, nil
}

func casbinObject(t resource.Type, name string) string { return t.String() + ":" + name }
