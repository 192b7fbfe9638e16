package role

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
)

// Document is what a file of roles holds: names of clusters, roles, and bindings. The zero
// Document is empty: it has the predefined roles, and no binding.
type Document struct {
	// Clusters are the names of clusters.
	Clusters []Cluster
	// Roles are added to those of [Predefined]. One with the same name replaces it.
	Roles []Role
	// Bindings are sorted by [Binding.Compare], each once, if [Document.Check] has accepted them.
	Bindings []Binding
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
// valid. It sorts the bindings and leaves out those that are there twice.
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
	return table, registry, nil
}

type jsonDocument struct {
	Format   string        `json:"format"`
	Clusters []jsonCluster `json:"clusters"`
	Roles    []jsonRole    `json:"roles"`
	Bindings []jsonBinding `json:"bindings"`
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
		to := Binding{Principal: who, Role: b.Role}
		if b.Scope.Clusters != nil {
			to.Scope = *b.Scope.Clusters
		}
		to.Scope.Name = b.Scope.Name
		if b.Pattern != nil {
			to.Pattern = *b.Pattern
			if to.Pattern == (Pattern{}) { // which would be the whole cluster
				return nil, fmt.Errorf("binding %d: %s: expected a resource type, a name and a pattern type", i+1, to)
			}
		}
		d.Bindings = append(d.Bindings, to)
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

// Text returns the document as [ParseDocument] reads it, with a binding a line, so that a
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
	list("bindings", len(d.Bindings), func(i int) any {
		from := d.Bindings[i]
		to := jsonBinding{Principal: from.Principal.String(), Role: from.Role, Scope: jsonScope{Name: from.Scope.Name}}
		if from.Scope.Name == "" {
			to.Scope.Clusters = &from.Scope
		}
		if from.Pattern != (Pattern{}) {
			to.Pattern = &from.Pattern
		}
		return to
	})
	b.WriteString("\n}\n")
	return b.Bytes(), failed
}
