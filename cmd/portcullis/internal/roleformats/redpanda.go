package roleformats

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

// errNoCluster says that a text does not name its cluster.
var errNoCluster = errors.New("the text does not say where the role holds: expected --kafka-cluster")

// rolePrincipal begins the principal of the ACLs of a role.
const rolePrincipal = "RedpandaRole:"

// rpkACL is an ACL of a role.
type rpkACL struct {
	Principal   string `json:"principal"`
	Host        string `json:"host"`
	Type        string `json:"resource_type"`
	Name        string `json:"resource_name"`
	PatternType string `json:"resource_pattern_type"`
	Operation   string `json:"operation"`
	Permission  string `json:"permission"`
}

// rpkRole is what rpk security role describe --format json prints.
type rpkRole struct {
	Permissions []rpkACL `json:"permissions"`
	Members     []struct {
		Name string `json:"name"`
		Type string `json:"principal_type"`
	} `json:"members"`
}

func readRPK(text []byte, options Options, into *Set) error {
	if options.Scope == (role.Scope{}) {
		return errNoCluster
	}
	var described rpkRole
	var err error
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		err = decode(text, &described)
	} else {
		described, err = parseRPK(string(text))
	}
	if err != nil {
		return err
	}
	if len(described.Permissions) == 0 {
		return errors.New("found no permission, which would say the name of the role")
	}
	name, ok := strings.CutPrefix(described.Permissions[0].Principal, rolePrincipal)
	if !ok {
		return fmt.Errorf("found the principal %s, expected %sNAME", shown(described.Permissions[0].Principal), rolePrincipal)
	}
	b := newRoleBuilder(into, name, "rpk security role describe")
	for i, p := range described.Permissions {
		place := fmt.Sprintf("permission %d", i+1)
		if p.Principal != rolePrincipal+name {
			into.refuse(place, "found the principal %s, expected that of one role, %s", shown(p.Principal), shown(rolePrincipal+name))
			continue
		}
		b.grant(place, p)
	}
	into.addRole("the role", b.role)
	for i, m := range described.Members {
		kind := m.Type
		if kind == "" {
			kind = "User"
		}
		into.add(fmt.Sprintf("member %d", i+1), kind+":"+m.Name, name, options.Scope, role.Pattern{})
	}
	return nil
}

// roleBuilder collects the ACLs of a role. Those of one resource, permission and host are one
// grant.
type roleBuilder struct {
	set    *Set
	role   role.Role
	grants map[grantKey]int // where they are in role.Grants
}

// grantKey is what the ACLs of one grant have in common.
type grantKey struct {
	permission acl.PermissionType
	host       string
	pattern    role.Pattern
}

func newRoleBuilder(set *Set, name, source string) *roleBuilder {
	return &roleBuilder{set: set, role: role.Role{Name: name, Level: role.ClusterLevel, Source: source}, grants: map[grantKey]int{}}
}

func (r *roleBuilder) grant(place string, p rpkACL) {
	texts := map[string]string{"resource_type": p.Type, "resource_name": p.Name, "pattern_type": p.PatternType, "principal": p.Principal, "host": p.Host, "operation": p.Operation, "permission": p.Permission}
	b, ok := r.set.aclOf(place, texts)
	if !ok {
		return
	}
	if err := b.ValidateNew(0); err != nil {
		r.set.refuse(place, "%v", err)
		return
	}
	pattern := role.Pattern{ResourceType: b.Pattern.Type.DisplayName(), Name: b.Pattern.Name, PatternType: b.Pattern.PatternType}
	at, found := r.grants[grantKey{b.Entry.Permission, b.Entry.Host, pattern}]
	if !found {
		at = len(r.role.Grants)
		r.grants[grantKey{b.Entry.Permission, b.Entry.Host, pattern}] = at
		r.role.Grants = append(r.role.Grants, role.Grant{ResourceType: pattern.ResourceType, Permission: b.Entry.Permission, Host: b.Entry.Host, Patterns: []role.Pattern{pattern}})
	}
	g := &r.role.Grants[at]
	for _, operation := range operationsOf(b) {
		if !slices.Contains(g.Operations, operation) {
			g.Operations = append(g.Operations, operation)
		}
	}
}

// operationsOf returns the operations of an ACL as a role names them. ALL of a role is also the right
// to give others access, which an ACL that allows ALL does not give.
func operationsOf(b acl.Binding) (list []string) {
	switch {
	case b.Entry.Operation != ops.All:
		return []string{b.Entry.Operation.DisplayName()}
	case b.Entry.Permission == acl.Deny:
		return []string{role.All}
	}
	for op := range ops.Supported(b.Pattern.Type).All() {
		list = append(list, op.DisplayName())
	}
	return list
}

// The headers of the two tables of rpk.
var (
	rpkPermissions = []string{"PRINCIPAL", "HOST", "RESOURCE-TYPE", "RESOURCE-NAME", "RESOURCE-PATTERN-TYPE", "OPERATION", "PERMISSION", "ERROR"}
	rpkMembers     = []string{"NAME", "TYPE"}
)

// parseRPK reads the two tables. Their columns are aligned: the header says where each begins.
func parseRPK(text string) (r rpkRole, err error) {
	var columns []int
	var header []string
	seen := map[string]bool{}
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \r")
		fields := strings.Fields(line)
		fail := func(format string, args ...any) (rpkRole, error) {
			return rpkRole{}, fmt.Errorf("line %d: %s", number+1, fmt.Sprintf(format, args...))
		}
		switch {
		case len(fields) == 0 || strings.Trim(line, "=") == "":
		case fields[0] == "PERMISSIONS" && len(fields) == 1 || fields[0] == "PRINCIPALS" && len(fields) == 2:
			header = nil
		case header == nil && (slices.Equal(fields, rpkPermissions) || slices.Equal(fields, rpkMembers)):
			if seen[fields[0]] {
				return fail("found a second table, expected one role")
			}
			seen[fields[0]] = true
			header, columns = fields, columnsOf(line, fields)
		case header == nil:
			return fail("found %s, expected the tables of rpk security role describe", shown(line))
		default:
			cells, ok := cellsOf(line, columns)
			if !ok {
				return fail("found %s, expected columns below their headers", shown(line))
			}
			if len(header) == len(rpkMembers) {
				r.Members = append(r.Members, struct {
					Name string `json:"name"`
					Type string `json:"principal_type"`
				}{cells[0], cells[1]})
				continue
			}
			if cells[7] != "" {
				return fail("found the error %s", shown(cells[7]))
			}
			r.Permissions = append(r.Permissions, rpkACL{cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6]})
		}
	}
	if !seen[rpkPermissions[0]] || !seen[rpkMembers[0]] {
		return rpkRole{}, errors.New("expected both tables of rpk security role describe, without -m and -p")
	}
	return r, nil
}

// columnsOf returns where the columns begin, in characters. A header is ASCII.
func columnsOf(line string, fields []string) (columns []int) {
	at := 0
	for _, field := range fields {
		at += strings.Index(line[at:], field)
		columns = append(columns, at)
		at += len(field)
	}
	return columns
}

// cellsOf cuts a line where the columns begin, and reports whether they begin there.
func cellsOf(line string, columns []int) ([]string, bool) {
	cells, characters := make([]string, len(columns)), []rune(line)
	for i, from := range columns {
		to := len(characters)
		if i+1 < len(columns) {
			to = min(to, columns[i+1])
		}
		if from >= to {
			continue
		}
		cells[i] = strings.TrimRight(string(characters[from:to]), " ")
		if from > 0 && characters[from-1] != ' ' || strings.HasPrefix(cells[i], " ") {
			return nil, false
		}
	}
	return cells, true
}

// redpandaSpec is that of a RedpandaRole or a RedpandaRoleBinding.
type redpandaSpec struct {
	Cluster       yaml.Node // which cluster of Kubernetes it is for
	Internal      bool
	Principals    []string
	RoleRef       struct{ Name string } `yaml:"roleRef"`
	Authorization struct {
		ACLs []struct {
			Type     string
			Resource struct {
				Type, Name  string
				PatternType string `yaml:"patternType"`
			}
			Host       string
			Operations []string
		} `yaml:"acls"`
	}
}

func readRedpanda(text []byte, options Options, into *Set) error {
	if options.Scope == (role.Scope{}) {
		return errNoCluster
	}
	clusters := oneOf{what: "Redpanda cluster (clusterRef, in its namespace)"}
	return readResources(text, []string{"RedpandaRole", "RedpandaRoleBinding"}, into, func(place string, item *cfk) {
		var spec redpandaSpec
		if err := strictSpec(&item.Spec, &spec); err != nil {
			into.refuse(place, "spec: %v", err)
			return
		}
		if !spec.Cluster.IsZero() && !into.isSame(&clusters, place, item.Metadata.Namespace, &spec.Cluster) {
			return
		}
		name := item.Metadata.Name
		if item.Kind == "RedpandaRoleBinding" {
			name = spec.RoleRef.Name
		} else {
			if spec.Internal {
				name = "__" + name // as the operator calls it
			}
			into.addRedpandaRole(place, name, &spec)
		}
		for _, who := range spec.Principals {
			if !strings.Contains(who, ":") {
				who = "User:" + who
			}
			into.add(place, who, name, options.Scope, role.Pattern{})
		}
	})
}

func (s *Set) addRedpandaRole(place, name string, spec *redpandaSpec) {
	b := newRoleBuilder(s, name, "RedpandaRole of Kubernetes")
	for i, a := range spec.Authorization.ACLs {
		place := fmt.Sprintf("%s, ACL %d", place, i+1)
		p := rpkACL{Principal: rolePrincipal + name, Host: a.Host, Type: a.Resource.Type, Name: a.Resource.Name, PatternType: strings.ToUpper(a.Resource.PatternType), Permission: strings.ToUpper(a.Type)}
		if p.Host == "" {
			p.Host = acl.WildcardHost
		}
		if p.PatternType == "" {
			p.PatternType = resource.Literal.String()
		}
		if t, err := resource.ParseType(p.Type); err == nil && t == resource.Cluster && p.Name == "" {
			p.Name = resource.ClusterName
		}
		if len(a.Operations) == 0 {
			s.refuse(place, "expected operations")
		}
		for _, operation := range a.Operations {
			p.Operation = operation
			b.grant(place, p)
		}
	}
	s.addRole(place, b.role)
}
