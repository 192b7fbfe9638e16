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
		if item.Kind != "ConfluentRolebinding" {
			into.Skipped++
			continue
		}
		place := fmt.Sprintf("document %d (line %d), %s", n, item.Spec.Line, shown(item.Metadata.Name))
		var b cfkBinding
		if err := strictSpec(&item.Spec, &b); err != nil {
			into.refuse(place, "spec: %v", err)
			continue
		}
		into.addCFK(place, &b, options.Scope)
	}
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
