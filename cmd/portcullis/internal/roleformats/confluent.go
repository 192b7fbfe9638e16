package roleformats

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

func readRoles(text []byte, _ Options, into *Set) error {
	table, err := role.ParseTable(bytes.NewReader(text))
	if err == nil {
		into.Roles = table.Roles()
	}
	return err
}

// lookup is the bindings of one scope.
type lookup struct {
	Scope struct {
		Name     string     `json:"clusterName"`
		Clusters role.Scope `json:"clusters"`
	} `json:"scope"`
	Bindings map[string]map[string][]role.Pattern `json:"rolebindings"` // by principal and role
}

func readLookup(text []byte, _ Options, into *Set) error {
	var list []lookup
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		list = make([]lookup, 1)
		if err := decode(text, &list[0]); err != nil {
			return err
		}
	} else if err := decode(text, &list); err != nil {
		return err
	}
	for i, item := range list {
		scope := item.Scope.Clusters
		scope.Name = item.Scope.Name
		for _, who := range slices.Sorted(maps.Keys(item.Bindings)) {
			for _, name := range slices.Sorted(maps.Keys(item.Bindings[who])) {
				place := fmt.Sprintf("item %d, %s, %s", i+1, shown(who), shown(name))
				patterns := item.Bindings[who][name]
				if len(patterns) == 0 { // of a whole cluster
					into.add(place, who, name, scope, role.Pattern{})
				}
				for _, p := range patterns {
					if p == (role.Pattern{}) {
						into.refuse(place, "found a resource without a type and a name")
						continue
					}
					into.add(place, who, name, scope, p)
				}
			}
		}
	}
	return nil
}

// listed is a row of the list. That of a binding to a whole cluster has the resource type
// Cluster, and no name.
type listed struct {
	Principal    string `json:"principal"`
	Role         string `json:"role"`
	ResourceType string `json:"resource_type"`
	Name         string `json:"name"`
	PatternType  string `json:"pattern_type"`
}

// isKafkaType reports whether a Kafka cluster has resources of a type.
func isKafkaType(name string) bool {
	t, err := resource.ParseType(name)
	return err == nil && t.IsConcrete()
}

func readList(text []byte, options Options, into *Set) error {
	if options.Scope == (role.Scope{}) {
		return errors.New("the list does not say where its bindings hold: expected --kafka-cluster, or --cluster-name")
	}
	var list []listed
	if err := decode(text, &list); err != nil {
		return err
	}
	for i, r := range list {
		place := fmt.Sprintf("item %d", i+1)
		p := role.Pattern{}
		if r.Name != "" || r.PatternType != "" || r.ResourceType != resource.Cluster.DisplayName() {
			p = role.Pattern{ResourceType: r.ResourceType, Name: r.Name}
			if err := p.PatternType.UnmarshalText([]byte(r.PatternType)); err != nil {
				into.refuse(place, "found the pattern type %s, expected LITERAL or PREFIXED", shown(r.PatternType))
				continue
			}
		}
		if inKafka := options.Scope == (role.Scope{Kafka: options.Scope.Kafka}); inKafka && p != (role.Pattern{}) && !isKafkaType(p.ResourceType) {
			into.refuse(place, "a Kafka cluster has no %s: the list is of another scope, or of several with --inclusive, and does not say which row is of which: list each scope alone", shown(p.ResourceType))
			continue
		}
		into.add(place, r.Principal, r.Role, options.Scope, p)
	}
	return nil
}
