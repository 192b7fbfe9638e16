package roleformats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
		if item.Kind != "List" && item.Kind != "ConfluentRolebindingList" || item.Items.IsZero() {
			into.addResource(document, &item, options.Scope)
			continue
		}
		var items []cfk // what kubectl get -o yaml prints
		if err := item.Items.Decode(&items); err != nil {
			return fmt.Errorf("%s: items: %s", document, lines.OnOneLine(lines.Cut(err.Error(), maxShown)))
		}
		for i := range items {
			into.addResource(fmt.Sprintf("%s, item %d", document, i+1), &items[i], options.Scope)
		}
	}
}

// addResource adds a resource that is at a place. Those of other kinds are counted.
func (s *Set) addResource(place string, item *cfk, fallback role.Scope) {
	if item.Kind != "ConfluentRolebinding" {
		s.Skipped++
		return
	}
	place = fmt.Sprintf("%s (line %d), %s", place, item.Spec.Line, shown(item.Metadata.Name))
	var b cfkBinding
	if err := strictSpec(&item.Spec, &b); err != nil {
		s.refuse(place, "spec: %v", err)
		return
	}
	s.addCFK(place, &b, fallback)
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
		return errors.New(lines.OnOneLine(lines.Cut(strings.Join(strings.Fields(err.Error()), " "), maxShown)))
	}
	return nil
}

func (s *Set) addCFK(place string, b *cfkBinding, fallback role.Scope) {
	types := map[string]string{"user": "User", "group": "Group"}
	kind, ok := types[b.Principal.Type]
	if !ok {
		s.refuse(place, "found the type of principal %s, expected user or group", shown(b.Principal.Type))
		return
	}
	scope := role.Scope{Name: b.ByName, Kafka: b.ByIDs.Kafka, SchemaRegistry: b.ByIDs.SchemaRegistry, Connect: b.ByIDs.Connect, KSQL: b.ByIDs.KSQL}
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
