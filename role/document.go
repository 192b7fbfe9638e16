package role

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
)

// Document is what a file of roles holds: names of clusters, roles, bindings, and ACLs of
// Kafka clusters. The zero Document is empty: it has the predefined roles, and no binding.
type Document struct {
	// Clusters are the names of clusters.
	Clusters []Cluster
	// Roles are added to those of [Predefined]. One with the same name replaces it.
	Roles []Role
	// Bindings are sorted by [Binding.Compare], each once, if [Document.Check] has accepted them.
	Bindings []Binding
	// ACLs are those that no role stands for, sorted by [ClusterACL.Compare], each once, if
	// Check has accepted them.
	ACLs []ClusterACL
}

// Cluster is a name for a scope.
type Cluster struct {
	Name  string
	Scope Scope
}

// documentFormat is the first field of a document. Another layout has another number.
const documentFormat = "portcullis-roles-1"

// MaxDocumentBytes limits the text of a document: a million bindings.
const MaxDocumentBytes = 512 << 20

// Check returns the table and the registry of the document, and an error unless all of it is
// valid. It sorts the bindings and the ACLs, and leaves out those that are there twice.
func (d *Document) Check() (*Table, *Registry, error) {
	predefined := slices.DeleteFunc(Predefined().Roles(), func(p Role) bool {
		return slices.ContainsFunc(d.Roles, func(r Role) bool { return r.Name == p.Name })
	})
	table, err := NewTable(append(predefined, d.Roles...)...)
	if err != nil {
		return nil, nil, err
	}
	registry := &Registry{}
	for _, c := range d.Clusters {
		if err := registry.Add(c.Name, c.Scope); err != nil {
			return nil, nil, err
		}
	}
	for _, b := range d.Bindings {
		if err := table.Validate(b); err != nil {
			return nil, nil, err
		}
		if _, err := registry.Resolve(b.Scope); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", b, err)
		}
	}
	slices.SortFunc(d.Bindings, Binding.Compare)
	d.Bindings = slices.Compact(d.Bindings)
	for _, a := range d.ACLs {
		if _, err := a.Resolve(registry); err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(d.ACLs, ClusterACL.Compare)
	d.ACLs = slices.Compact(d.ACLs)
	return table, registry, nil
}

// Policy returns the policy of a Kafka cluster with the bindings and the ACLs of the document.
// cluster is its id, or its name in Clusters. The error says what is wrong with the document, or
// that the name is that of another component. The cost is that of [Policy.Apply].
func (d *Document) Policy(cluster string) (*Policy, error) {
	table, registry, err := d.Check()
	if err != nil {
		return nil, err
	}
	scope, err := d.KafkaScope(registry, cluster)
	if err != nil {
		return nil, err
	}
	policy := NewPolicy(scope.Kafka, table, registry)
	if _, err = policy.Apply(d.Bindings, nil); err == nil {
		_, err = policy.ApplyACLs(d.ACLs, nil)
	}
	return policy, err
}

// KafkaScope returns the scope of the Kafka cluster with an id, or a name in the registry of the
// document. A text that is the name of one cluster and the id of another of the document is an
// error, and so is the name of another component.
func (d *Document) KafkaScope(registry *Registry, cluster string) (Scope, error) {
	byID := Scope{Kafka: cluster}
	scope, err := registry.Resolve(Scope{Name: cluster})
	if err != nil { // it is not the name of one
		scope = byID
	}
	if err := scope.Validate(); err != nil {
		return Scope{}, fmt.Errorf("cluster %s: %w", enum.Quote(cluster), err)
	}
	if !scope.isKafka() {
		return Scope{}, fmt.Errorf("cluster %s: expected the id or the name of a Kafka cluster", enum.Quote(cluster))
	}
	if scope != byID && d.has(byID, registry) {
		return Scope{}, fmt.Errorf("cluster %s: it is the name of the cluster %s, and the id of another one: rename the cluster", enum.Quote(cluster), enum.Quote(scope.Kafka))
	}
	return scope, nil
}

// has reports whether something in the document is for a cluster.
func (d *Document) has(cluster Scope, registry *Registry) bool {
	is := func(s Scope) bool { at, err := registry.Resolve(s); return err == nil && at.Kafka == cluster.Kafka }
	return slices.ContainsFunc(d.Bindings, func(b Binding) bool { return is(b.Scope) }) ||
		slices.ContainsFunc(d.ACLs, func(a ClusterACL) bool { return is(a.Scope) }) ||
		slices.ContainsFunc(d.Clusters, func(c Cluster) bool { return is(c.Scope) })
}

type jsonDocument struct {
	Format   string        `json:"format"`
	Clusters []jsonCluster `json:"clusters"`
	Roles    []jsonRole    `json:"roles"`
	Bindings []jsonBinding `json:"bindings"`
	ACLs     []jsonACL     `json:"acls"`
}

type jsonACL struct {
	Scope jsonScope   `json:"scope"`
	ACL   acl.Binding `json:"acl"`
}

type jsonCluster struct {
	Name  string `json:"clusterName"`
	Scope Scope  `json:"clusters"`
}

type jsonBinding struct {
	Principal string    `json:"principal"`
	Role      string    `json:"role"`
	Scope     jsonScope `json:"scope"`
	Pattern   *Pattern  `json:"resourcePattern,omitempty"` // absent: the whole cluster
}

// jsonScope is MdsScope of a metadata service: a name or ids.
type jsonScope struct {
	Name     string `json:"clusterName,omitempty"`
	Clusters *Scope `json:"clusters,omitempty"`
}

func (s jsonScope) scope() (scope Scope) {
	if s.Clusters != nil {
		scope = *s.Clusters
	}
	scope.Name = s.Name
	return scope
}

func (s *Scope) json() jsonScope {
	if s.Name != "" {
		return jsonScope{Name: s.Name}
	}
	return jsonScope{Clusters: s}
}

// ParseDocument reads a document. All of it is checked: see [Document.Check]. The error of one
// that is not well formed has the line and the column.
func ParseDocument(text []byte) (*Document, error) {
	if len(text) > MaxDocumentBytes {
		return nil, fmt.Errorf("expected no more than %d bytes", MaxDocumentBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var from jsonDocument
	if err := decoder.Decode(&from); err != nil {
		line, column := position(text, decoder.InputOffset(), err)
		return nil, fmt.Errorf("%d:%d: expected a file of roles, as this program writes it: %w", line, column, readable(err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		line, column := position(text, decoder.InputOffset(), nil)
		return nil, fmt.Errorf("%d:%d: expected nothing after the roles", line, column)
	}
	if wrong := lines.CheckKeys(text, &from); wrong != nil {
		line, column := position(text, int64(wrong.Offset), nil)
		return nil, fmt.Errorf("%d:%d: found %s, expected %s", line, column, wrong.Found, wrong.Expected)
	}
	if from.Format != documentFormat {
		return nil, fmt.Errorf("found the format %s, expected %q", enum.Quote(from.Format), documentFormat)
	}
	d := &Document{}
	for _, c := range from.Clusters {
		d.Clusters = append(d.Clusters, Cluster(c))
	}
	for _, r := range from.Roles {
		d.Roles = append(d.Roles, r.role())
	}
	for i, b := range from.Bindings {
		who, err := principal.Parse(b.Principal)
		if err != nil {
			return nil, fmt.Errorf("binding %d: found the principal %s, expected Type:name, such as User:alice", i+1, enum.Quote(b.Principal))
		}
		to := Binding{Principal: who, Role: b.Role, Scope: b.Scope.scope()}
		if b.Pattern != nil {
			to.Pattern = *b.Pattern
			if to.Pattern == (Pattern{}) { // which would be the whole cluster
				return nil, fmt.Errorf("binding %d: %s: expected a resource type, a name and a pattern type", i+1, to)
			}
		}
		d.Bindings = append(d.Bindings, to)
	}
	for _, a := range from.ACLs {
		d.ACLs = append(d.ACLs, ClusterACL{a.Scope.scope(), a.ACL})
	}
	if _, _, err := d.Check(); err != nil {
		return nil, err
	}
	return d, nil
}

// position returns the line and column, counted from 1, of an offset or of an error.
func position(text []byte, offset int64, err error) (line, column int) {
	if at, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = at.Offset - 1 // it counts the character
	}
	if at, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = at.Offset - 1
	}
	before := text[:min(max(offset, 0), int64(len(text)))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// Text returns the document as [ParseDocument] reads it, with a binding or an ACL a line, so that a
// change is a change of its line. It returns an error unless all of the document is valid.
func (d *Document) Text() ([]byte, error) {
	if _, _, err := d.Check(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	var failed error
	list := func(name string, n int, value func(int) any) {
		fmt.Fprintf(&b, ",\n  %q: [", name)
		for i := range n {
			text, err := json.Marshal(value(i))
			failed = errors.Join(failed, err)
			fmt.Fprintf(&b, "%s\n    %s", strings.Repeat(",", min(i, 1)), text)
		}
		b.WriteString(strings.Repeat("\n  ", min(n, 1)) + "]")
	}
	fmt.Fprintf(&b, "{\n  \"format\": %q", documentFormat)
	list("clusters", len(d.Clusters), func(i int) any { return jsonCluster(d.Clusters[i]) })
	list("roles", len(d.Roles), func(i int) any { return d.Roles[i].json() })
	list("bindings", len(d.Bindings), func(i int) any { return d.Bindings[i] })
	list("acls", len(d.ACLs), func(i int) any { return jsonACL{d.ACLs[i].Scope.json(), d.ACLs[i].ACL} })
	b.WriteString("\n}\n")
	return b.Bytes(), failed
}
