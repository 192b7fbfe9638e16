package role

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
)

// Table is a set of roles by name. It does not change. The zero Table, and a nil one, have no
// role. It is safe for concurrent use.
type Table struct {
	roles  []Role      // sorted by name
	rights [][][]right // for each role, those of its grants
}

// NewTable returns a table of roles. Two roles of one name are an error, as is a role that is
// not valid. The roles are copied.
func NewTable(roles ...Role) (*Table, error) {
	t := &Table{}
	for _, r := range roles {
		if err := r.Validate(); err != nil {
			return nil, err
		}
		t.roles = append(t.roles, r.clone())
	}
	slices.SortFunc(t.roles, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(t.roles); i++ {
		if t.roles[i].Name == t.roles[i-1].Name {
			return nil, fmt.Errorf("role %s is given twice", t.roles[i].Name)
		}
	}
	for i := range t.roles {
		var rights [][]right
		for g := range t.roles[i].Grants {
			rights = append(rights, t.roles[i].Grants[g].rights())
		}
		t.rights = append(t.rights, rights)
	}
	return t, nil
}

func (r Role) clone() Role {
	r.Grants = slices.Clone(r.Grants)
	for i := range r.Grants {
		g := &r.Grants[i]
		g.Operations, g.Patterns = slices.Clone(g.Operations), slices.Clone(g.Patterns)
	}
	return r
}

// Roles returns the roles, sorted by name. The caller owns them.
func (t *Table) Roles() (list []Role) {
	if t != nil {
		for _, r := range t.roles {
			list = append(list, r.clone())
		}
	}
	return list
}

// Role returns the role of a name, and whether there is one. Case matters. The caller owns it.
func (t *Table) Role(name string) (Role, bool) {
	r, ok := t.role(name)
	if !ok {
		return Role{}, false
	}
	return r.clone(), true
}

func (t *Table) role(name string) (*Role, bool) {
	i, ok := t.index(name)
	if !ok {
		return nil, false
	}
	return &t.roles[i], true
}

func (t *Table) index(name string) (int, bool) {
	if t == nil {
		return 0, false
	}
	return slices.BinarySearchFunc(t.roles, name, func(r Role, name string) int { return strings.Compare(r.Name, name) })
}

// names lists the roles for a message.
func (t *Table) names() string {
	if t == nil || len(t.roles) == 0 {
		return "no roles"
	}
	names := make([]string, len(t.roles))
	for i := range t.roles {
		names[i] = t.roles[i].Name
	}
	return firstOf(names)
}

// mostListed is how many names a message lists: more than the predefined roles.
const mostListed = 30

// firstOf lists names for a message.
func firstOf(names []string) string {
	if more := len(names) - mostListed; more > 0 {
		return fmt.Sprintf("%s, and %d more", strings.Join(names[:mostListed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// types lists the types of resources that a role is for, for a message.
func (r *Role) types() string {
	var list []string
	for i := range r.Grants {
		list = append(list, r.Grants[i].ResourceType)
	}
	if len(list) == 0 {
		return "no resource, since the role has no rights"
	}
	slices.Sort(list)
	return firstOf(slices.Compact(list))
}

// Implied is a right that Kafka adds to those that a role lists.
type Implied struct {
	Role         string
	ResourceType string        // Kafka's name of the type
	From, To     ops.Operation // ALLOW of From also allows To, which the role does not list
}

// Implied returns the rights that Kafka adds to those that the roles list, in order of the
// roles. Only its DESCRIBE and DESCRIBE_CONFIGS are of this kind.
func (t *Table) Implied() (list []Implied) {
	if t == nil {
		return nil
	}
	for _, r := range t.roles {
		for i := range r.Grants {
			g := &r.Grants[i]
			if g.Permission != acl.Allow || g.has(All) {
				continue
			}
			for _, kind := range kafkaTypes(g.ResourceType) {
				for _, name := range g.Operations {
					from, ok := kafkaOperation(name)
					if !ok || !ops.Supported(kind).Has(from) {
						continue
					}
					for to := range ops.AllowedBy(from).All() {
						if to != from && ops.Supported(kind).Has(to) && !g.has(to.DisplayName()) {
							list = append(list, Implied{r.Name, kind.DisplayName(), from, to})
						}
					}
				}
			}
		}
	}
	return list
}

//go:embed tables/predefined.json
var tables embed.FS

// Predefined returns the roles whose operations are published. Role.Source says where. Those
// of ClusterAdmin, Operator and AuditAdmin are not: versions of their documentation disagree,
// so they must be read from the metadata service in use (see [ParseTable]).
func Predefined() *Table {
	text, err := tables.ReadFile("tables/predefined.json")
	if err != nil {
		panic(err) // it is part of the program
	}
	t, err := ParseTable(bytes.NewReader(text))
	if err != nil {
		panic(err) // a test reads it
	}
	return t
}

// MaxTableBytes limits the text of a table: 10,000 roles.
const MaxTableBytes = 16 << 20

// jsonRole is a role as a metadata service answers it. Fields behind the first two of a grant
// are our own, for roles that say more.
type jsonRole struct {
	Name   string `json:"name"`
	Source string `json:"source,omitempty"`
	Policy struct {
		Level  Level       `json:"scopeType"`
		Grants []jsonGrant `json:"allowedOperations"`
	} `json:"accessPolicy"`
}

type jsonGrant struct {
	ResourceType string              `json:"resourceType"`
	Operations   []string            `json:"operations"`
	Permission   *acl.PermissionType `json:"permission,omitempty"` // absent: ALLOW
	Host         *string             `json:"host,omitempty"`       // absent: all
	Patterns     []Pattern           `json:"patterns,omitempty"`
}

// ParseTable reads roles in the form in which a metadata service answers GET
// /security/1.0/roles: a JSON array of
//
//	{"name": "DeveloperRead", "accessPolicy": {"scopeType": "Resource",
//	 "allowedOperations": [{"resourceType": "Topic", "operations": ["Read", "Describe"]}]}}
//
// A grant may also have "permission" (ALLOW or DENY), "host" and "patterns". Unknown fields,
// which newer services may have, are an error: one of them could limit the role. So are keys that are
// repeated or in another case, and text that is not UTF-8.
func ParseTable(r io.Reader) (*Table, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxTableBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxTableBytes {
		return nil, fmt.Errorf("expected no more than %d bytes", MaxTableBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var list []jsonRole
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("expected a JSON array of roles, as GET /security/1.0/roles answers: %w", readable(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("expected nothing after the array of roles")
	}
	if wrong := lines.CheckKeys(text, &list); wrong != nil { // what is dropped may be what limits a role
		line, column := position(text, int64(wrong.Offset), nil)
		return nil, fmt.Errorf("%d:%d: found %s, expected %s", line, column, wrong.Found, wrong.Expected)
	}
	roles := make([]Role, len(list))
	for i, from := range list {
		roles[i] = from.role()
	}
	return NewTable(roles...)
}

// readable escapes what an error quotes from the text that was read.
func readable(err error) error {
	quoted := enum.Quote(err.Error())
	return errors.New(quoted[1 : len(quoted)-1])
}

func (from jsonRole) role() Role {
	r := Role{Name: from.Name, Level: from.Policy.Level, Source: from.Source}
	for _, g := range from.Policy.Grants {
		to := allows(g.ResourceType, g.Operations...)
		if g.Permission != nil {
			to.Permission = *g.Permission
		}
		if g.Host != nil {
			to.Host = *g.Host
		}
		to.Patterns = g.Patterns
		r.Grants = append(r.Grants, to)
	}
	return r
}

func (r Role) json() jsonRole {
	to := jsonRole{Name: r.Name, Source: r.Source}
	to.Policy.Level, to.Policy.Grants = r.Level, []jsonGrant{}
	for _, g := range r.Grants {
		grant := jsonGrant{ResourceType: g.ResourceType, Operations: append([]string{}, g.Operations...), Patterns: g.Patterns}
		if g.Permission != acl.Allow {
			grant.Permission = &g.Permission
		}
		if g.Host != acl.WildcardHost {
			grant.Host = &g.Host
		}
		to.Policy.Grants = append(to.Policy.Grants, grant)
	}
	return to
}

// WriteTo writes the table as [ParseTable] reads it.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	list := []jsonRole{}
	for _, r := range t.Roles() {
		list = append(list, r.json())
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return 0, err
	}
	n, err := w.Write(append(text, '\n'))
	return int64(n), err
}
