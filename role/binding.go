package role

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/internal/wildcard"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
)

// The types of principals that roles are bound to.
const (
	userType  = "User"
	groupType = "Group"
)

// maxTextBytes limits names: an ACL with a principal or a name that is longer cannot be sent to a
// broker. The type of a principal takes some of it.
const maxTextBytes = 32_000

// Pattern is resources of one type: one name, or all that begin with it. Patterns are
// comparable with ==. The zero Pattern is that of a binding to a whole cluster.
type Pattern struct {
	ResourceType string               `json:"resourceType"` // such as Topic or Subject; case matters
	Name         string               `json:"name"`         // compared byte by byte; LITERAL "*" is all names, as in ACLs
	PatternType  resource.PatternType `json:"patternType"`  // resource.Literal or resource.Prefixed
}

func (p Pattern) validate() error {
	switch {
	case !isName(p.ResourceType) || p.ResourceType == All:
		return fmt.Errorf("found the resource type %s, expected one such as Topic", enum.Quote(p.ResourceType))
	case typeSpelling(p.ResourceType) != "":
		return fmt.Errorf("found the resource type %s, expected %s: case matters", p.ResourceType, typeSpelling(p.ResourceType))
	case p.Name == "":
		return fmt.Errorf("expected the name of a %s", p.ResourceType)
	case p.PatternType != resource.Literal && p.PatternType != resource.Prefixed:
		return fmt.Errorf("found the pattern type %v, expected LITERAL or PREFIXED", p.PatternType)
	case p.ResourceType == resource.Cluster.DisplayName() && (p.Name != resource.ClusterName || p.PatternType != resource.Literal):
		return fmt.Errorf("found a Cluster with the name %s, expected LITERAL %s", enum.Quote(p.Name), resource.ClusterName)
	case p.PatternType == resource.Prefixed && p.Name == resource.Wildcard:
		return fmt.Errorf(`PREFIXED "*" covers the names that begin with an asterisk: for all names use LITERAL`)
	}
	return nil
}

// covers reports whether all resources of q are in p.
func (p Pattern) covers(q Pattern) bool {
	switch {
	case p.ResourceType != q.ResourceType:
		return false
	case p.PatternType == resource.Literal && p.Name == resource.Wildcard:
		return true
	case p.PatternType == resource.Literal:
		return p == q
	}
	isAll := q.PatternType == resource.Literal && q.Name == resource.Wildcard
	return p.PatternType == resource.Prefixed && !isAll && strings.HasPrefix(q.Name, p.Name)
}

// overlaps reports whether p and q have a resource in common.
func (p Pattern) overlaps(q Pattern) bool { return p.covers(q) || q.covers(p) }

// String returns the pattern as a person reads it: Topic "orders", or PREFIXED Topic "pay-".
func (p Pattern) String() string {
	text := p.ResourceType + " " + enum.Quote(p.Name)
	if p.PatternType != resource.Literal {
		text = p.PatternType.String() + " " + text
	}
	return text
}

// Binding gives a role to a principal, in a scope. Bindings are comparable with ==. One for
// several patterns is several bindings. The zero Binding is not valid and grants nothing.
type Binding struct {
	// Principal is a User or a Group.
	Principal principal.Principal
	// Role is the name of a role in a [Table].
	Role  string
	Scope Scope
	// Pattern is zero for a role of ClusterLevel.
	Pattern Pattern
}

// Compare orders bindings by principal, role, scope and pattern, as strings.Compare does.
func (b Binding) Compare(c Binding) int {
	return cmp.Or(
		strings.Compare(b.Principal.Type, c.Principal.Type), strings.Compare(b.Principal.Name, c.Principal.Name),
		strings.Compare(b.Role, c.Role),
		strings.Compare(b.Scope.Name, c.Scope.Name), strings.Compare(b.Scope.Kafka, c.Scope.Kafka), strings.Compare(b.Scope.Connect, c.Scope.Connect),
		strings.Compare(b.Scope.SchemaRegistry, c.Scope.SchemaRegistry), strings.Compare(b.Scope.KSQL, c.Scope.KSQL),
		strings.Compare(b.Scope.CMF, c.Scope.CMF), strings.Compare(b.Scope.FlinkEnvironment, c.Scope.FlinkEnvironment),
		strings.Compare(b.Pattern.ResourceType, c.Pattern.ResourceType), strings.Compare(b.Pattern.Name, c.Pattern.Name),
		cmp.Compare(b.Pattern.PatternType, c.Pattern.PatternType))
}

// String returns the binding as a person reads it.
func (b Binding) String() string {
	text := fmt.Sprintf("%s has %s", enum.Quote(b.Principal.String()), enum.Quote(b.Role))
	if b.Pattern != (Pattern{}) {
		text += " on " + b.Pattern.String()
	}
	return text
}

// Origin says for people where a right comes from: "role DeveloperRead by binding Group:devs on
// Topic "orders" of cluster abc123". Text from outside is quoted where it could be taken for
// something else.
func (b Binding) Origin() string {
	text := "role " + lines.Printable(b.Role) + " by binding " + lines.Printable(b.Principal.String())
	if b.Pattern != (Pattern{}) {
		text += " on " + b.Pattern.String()
	}
	return text + " of cluster " + lines.Printable(cmp.Or(b.Scope.Name, b.Scope.Kafka, b.Scope.CMF))
}

// MarshalJSON returns the binding as it is in a file of roles: see [Document.Text].
func (b Binding) MarshalJSON() ([]byte, error) {
	to := jsonBinding{Principal: b.Principal.String(), Role: b.Role, Scope: b.Scope.json()}
	if b.Pattern != (Pattern{}) {
		to.Pattern = &b.Pattern
	}
	return json.Marshal(to)
}

// Validate returns an error unless the binding is complete and its role takes it.
func (t *Table) Validate(b Binding) error {
	fail := func(err error) error { return fmt.Errorf("%s: %w", b, err) }
	switch {
	case b.Principal.Type != userType && b.Principal.Type != groupType || b.Principal.TokenAuthenticated:
		return fail(fmt.Errorf("expected a principal of the type %s or %s", userType, groupType))
	case b.Principal.Name == "":
		return fail(errors.New("expected the name of the principal after the colon"))
	case b.Principal.String() == principal.Wildcard, wildcard.LooksLike(b.Principal.String()):
		// In an ACL User:* is everyone; in a metadata service, a user of that name. Group:* is nobody.
		return fail(errors.New("a role cannot be bound to everyone: bind it to a group by its name, or add an ACL for User:*"))
	case len(b.Principal.Name) > maxTextBytes || len(b.Pattern.Name) > maxTextBytes:
		return fail(fmt.Errorf("a name has more than %d bytes, which Kafka's protocol allows", maxTextBytes))
	}
	if err := b.Scope.Validate(); err != nil {
		return fail(err)
	}
	r, ok := t.role(b.Role)
	if !ok {
		return fail(fmt.Errorf("no role has this name: the table has %s", t.names()))
	}
	if r.Level == ClusterLevel {
		if b.Pattern != (Pattern{}) {
			return fail(errors.New("the role is for a whole cluster: expected no resource"))
		}
		return nil
	}
	if b.Pattern == (Pattern{}) {
		return fail(errors.New("the role is for resources: expected one"))
	}
	if err := b.Pattern.validate(); err != nil {
		return fail(err)
	}
	for i := range r.Grants {
		if r.Grants[i].covers(b.Pattern.ResourceType) {
			return nil
		}
	}
	return fail(fmt.Errorf("the role is not for a %s: expected %s", b.Pattern.ResourceType, r.types()))
}

// appendACLs appends the ACLs that a binding in the scope of a Kafka cluster stands for.
func (t *Table) appendACLs(list []acl.Binding, h held) []acl.Binding {
	at, ok := t.index(h.role)
	if !ok {
		return list
	}
	who := h.principal.String()
	for i := range t.roles[at].Grants {
		g := &t.roles[at].Grants[i]
		for _, right := range t.rights[at][i] {
			pattern := right.pattern
			if h.pattern != (Pattern{}) {
				if right.typeName != h.pattern.ResourceType {
					continue
				}
				pattern.Name, pattern.PatternType = h.pattern.Name, h.pattern.PatternType
			}
			for _, op := range right.operations {
				list = append(list, acl.Binding{Pattern: pattern, Entry: acl.Entry{Principal: who, Host: g.Host, Operation: op, Permission: g.Permission}})
			}
		}
	}
	return list
}

// right is what a grant gives on a pattern of Kafka's: the one of the grant, all names, or one
// whose names the binding says.
type right struct {
	typeName   string
	pattern    resource.Pattern
	operations []ops.Operation
}

// rights returns what a grant is in Kafka. Operations that no request asks for on a type are
// left out.
func (g *Grant) rights() (list []right) {
	if len(g.Patterns) > 0 {
		for _, p := range g.Patterns {
			for _, t := range kafkaTypes(p.ResourceType) {
				list = append(list, right{p.ResourceType, resource.Pattern{Type: t, PatternType: p.PatternType, Name: p.Name}, g.kafkaOperations(t)})
			}
		}
		return list
	}
	for _, t := range kafkaTypes(g.ResourceType) {
		name := resource.Wildcard
		if t == resource.Cluster {
			name = resource.ClusterName
		}
		list = append(list, right{t.DisplayName(), resource.LiteralPattern(t, name), g.kafkaOperations(t)})
	}
	return list
}

func (g *Grant) kafkaOperations(t resource.Type) (list []ops.Operation) {
	for _, name := range g.Operations {
		op, known := kafkaOperation(name)
		if known && (op == ops.All || ops.Supported(t).Has(op)) {
			list = append(list, op)
		}
	}
	return list
}
