package roleformats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

// cfk is a resource of Kubernetes.
type cfk struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name, Namespace string }
	Spec       yaml.Node
	Items      yaml.Node // of a list
}

// cfkBinding is the spec of a ConfluentRolebinding.
type cfkBinding struct {
	Principal struct{ Type, Name string }
	Role      string
	Patterns  []struct {
		Name         string
		ResourceType string `yaml:"resourceType"`
		PatternType  string `yaml:"patternType"`
	} `yaml:"resourcePatterns"`
	ByIDs struct {
		Kafka          string `yaml:"kafkaClusterId"`
		SchemaRegistry string `yaml:"schemaRegistryClusterId"`
		Connect        string `yaml:"connectClusterId"`
		KSQL           string `yaml:"ksqlClusterId"`
	} `yaml:"clustersScopeByIds"`
	ByName  string    `yaml:"clustersScopeByRegistryName"`
	RestRef yaml.Node `yaml:"kafkaRestClassRef"` // where the operator finds the metadata service
}

func readCFK(text []byte, options Options, into *Set) error {
	services := oneOf{what: "REST class (kafkaRestClassRef), whose cluster --kafka-cluster stands for"}
	return readResources(text, []string{"ConfluentRolebinding"}, into, func(place string, item *cfk) {
		var b cfkBinding
		if err := strictSpec(&item.Spec, &b); err != nil {
			into.refuse(place, "spec: %v", err)
			return
		}
		if b.scope() == (role.Scope{}) && !into.isSame(&services, place, item.Metadata.Namespace, &b.RestRef) {
			return
		}
		into.addCFK(place, &b, options.Scope)
	})
}

// readResources reads the resources of some kinds, also those in a list, as kubectl get -o yaml
// prints it. Those of other kinds are counted.
func readResources(text []byte, kinds []string, into *Set, read func(place string, item *cfk)) error {
	resource := func(place string, item *cfk) {
		if !slices.Contains(kinds, item.Kind) {
			into.Skipped++
			return
		}
		read(fmt.Sprintf("%s (line %d), %s", place, item.Spec.Line, shown(item.Metadata.Name)), item)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for n := 1; ; n++ {
		var item cfk
		err := decoder.Decode(&item)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("document %d: %s", n, lines.OnOneLine(lines.Cut(err.Error(), maxShown)))
		}
		document := fmt.Sprintf("document %d", n)
		isList := item.Kind == "List" || slices.ContainsFunc(kinds, func(kind string) bool { return item.Kind == kind+"List" })
		if !isList || item.Items.IsZero() {
			resource(document, &item)
			continue
		}
		var items []cfk
		if err := item.Items.Decode(&items); err != nil {
			return fmt.Errorf("%s: items: %s", document, lines.OnOneLine(lines.Cut(err.Error(), maxShown)))
		}
		for i := range items {
			resource(fmt.Sprintf("%s, item %d", document, i+1), &items[i])
		}
	}
}

// oneOf is something that all resources of a text must have in common, because the options name one
// cluster for all of them.
type oneOf struct {
	what, first, place string
}

// isSame reports whether a resource has what the ones before it have, and refuses it otherwise.
func (s *Set) isSame(one *oneOf, place, namespace string, node *yaml.Node) bool {
	var value any
	err := node.Decode(&value)
	text, errText := json.Marshal(value) // the same for each style of YAML
	if err = errors.Join(err, errText); err != nil {
		s.refuse(place, "%s", lines.OnOneLine(lines.Cut(err.Error(), maxShown)))
		return false
	}
	if fields, ok := value.(map[string]any); ok && fields["namespace"] != nil {
		namespace = "" // it names its own
	}
	this := namespace + "\x00" + string(text)
	if one.place == "" {
		one.first, one.place = this, place
	}
	if this != one.first {
		s.refuse(place, "it has another %s than %s: import the resources of each cluster alone", one.what, one.place)
	}
	return this == one.first
}

// strictSpec reads a spec, and refuses fields that it does not know: one of them could limit what
// is given.
func strictSpec(node *yaml.Node, into any) error {
	text, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(into); err != nil {
		if strings.Contains(err.Error(), "unknown anchor") {
			return errors.New("found an alias of an anchor that is not in the spec: write out what it stands for")
		}
		return errors.New(lines.OnOneLine(lines.Cut(strings.Join(strings.Fields(err.Error()), " "), maxShown)))
	}
	return nil
}

// scope returns the scope that the binding names, which may be zero.
func (b *cfkBinding) scope() role.Scope {
	return role.Scope{Name: b.ByName, Kafka: b.ByIDs.Kafka, SchemaRegistry: b.ByIDs.SchemaRegistry, Connect: b.ByIDs.Connect, KSQL: b.ByIDs.KSQL}
}

func (s *Set) addCFK(place string, b *cfkBinding, fallback role.Scope) {
	types := map[string]string{"user": "User", "group": "Group"}
	kind, ok := types[b.Principal.Type]
	if !ok {
		s.refuse(place, "found the type of principal %s, expected user or group", shown(b.Principal.Type))
		return
	}
	scope := b.scope()
	if scope == (role.Scope{}) {
		scope = fallback // the operator takes the cluster of the REST class
	}
	if scope == (role.Scope{}) {
		s.refuse(place, "it has no scope, which means the Kafka cluster of its REST class: expected --kafka-cluster with its id")
		return
	}
	who := kind + ":" + b.Principal.Name
	if len(b.Patterns) == 0 {
		s.add(place, who, b.Role, scope, role.Pattern{})
	}
	for _, p := range b.Patterns {
		pattern := role.Pattern{ResourceType: p.ResourceType, Name: p.Name, PatternType: resource.Literal}
		if p.PatternType != "" {
			if err := pattern.PatternType.UnmarshalText([]byte(p.PatternType)); err != nil {
				s.refuse(place, "found the pattern type %s, expected LITERAL or PREFIXED", shown(p.PatternType))
				continue
			}
		}
		s.add(place, who, b.Role, scope, pattern)
	}
}
