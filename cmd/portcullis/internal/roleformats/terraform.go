package roleformats

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/role"
)

// The resources of Terraform that are read.
const (
	tfRoleBinding = "confluent_role_binding"
	tfACL         = "confluent_kafka_acl"
)

// tfState is the part of the output of terraform show -json that has resources.
//
// Source: Terraform, "JSON Output Format", format versions 0.1 to 1.2.
type tfState struct {
	Format  string    `json:"format_version"`
	Values  *tfValues `json:"values"`
	Planned *tfValues `json:"planned_values"`
}

type tfValues struct {
	Root tfModule `json:"root_module"`
}

type tfModule struct {
	Resources []tfResource `json:"resources"`
	Children  []tfModule   `json:"child_modules"`
}

type tfResource struct {
	Address string                     `json:"address"`
	Mode    string                     `json:"mode"`
	Type    string                     `json:"type"`
	Deposed string                     `json:"deposed_key"` // of an object that was replaced, and is still to be destroyed
	Values  map[string]json.RawMessage `json:"values"`
}

func readTerraform(text []byte, options Options, into *Set) error {
	if err := checkKeys(text, false); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	var state tfState
	if err := d.Decode(&state); err != nil {
		return fmt.Errorf("at byte %d: %s", d.InputOffset(), lines.OnOneLine(lines.Cut(err.Error(), maxShown)))
	}
	if d.More() {
		return fmt.Errorf("at byte %d: expected nothing after the value", d.InputOffset())
	}
	values := state.Planned
	if values == nil {
		values = state.Values
	}
	if state.Format == "" || values == nil {
		return errors.New("expected format_version and values or planned_values, as terraform show -json writes them")
	}
	if major, _, _ := strings.Cut(state.Format, "."); major != "0" && major != "1" {
		return fmt.Errorf("found the format version %s, expected 0 or 1", shown(state.Format))
	}
	// The depth is bounded by that of JSON in encoding/json.
	into.addModule(&values.Root, options)
	return nil
}

func (s *Set) addModule(m *tfModule, options Options) {
	for i := range m.Resources {
		r := &m.Resources[i]
		if r.Mode != "managed" || r.Type != tfRoleBinding && r.Type != tfACL {
			s.Skipped++
			continue
		}
		if r.Deposed != "" {
			s.refuse(shown(r.Address), "found an object that Terraform is still to destroy: run terraform apply first")
			continue
		}
		a := attributes{set: s, place: shown(r.Address), texts: map[string]string{}, blocks: map[string]bool{}}
		for name, raw := range r.Values {
			var value any
			if err := json.Unmarshal(raw, &value); err != nil {
				s.refuse(a.place, "%s: %s", shown(name), lines.OnOneLine(lines.Cut(err.Error(), maxShown)))
				continue
			}
			switch value := value.(type) {
			case nil:
			case string:
				a.texts[name] = value
			default:
				a.blocks[name] = true
				if id, ok := clusterID(value); ok && name == "kafka_cluster" {
					a.texts[name] = id
				}
			}
		}
		a.add(r.Type, options)
	}
	for i := range m.Children {
		s.addModule(&m.Children[i], options)
	}
}

// clusterID returns the id of a block kafka_cluster.
func clusterID(value any) (string, bool) {
	list, ok := value.([]any)
	if !ok || len(list) != 1 {
		return "", false
	}
	block, _ := list[0].(map[string]any)
	id, ok := block["id"].(string)
	return id, ok && id != ""
}

// attributes are those of a resource of Terraform.
type attributes struct {
	set    *Set
	place  string
	texts  map[string]string
	blocks map[string]bool // attributes that are no texts
}

// The attributes that are read, and those that say nothing about access.
var (
	tfWanted = map[string][]string{
		tfRoleBinding: {"principal", "role_name", "crn_pattern"},
		tfACL:         {"resource_type", "resource_name", "pattern_type", "principal", "host", "operation", "permission", "kafka_cluster"},
	}
	tfIgnored = map[string][]string{
		tfRoleBinding: {"id", "timeouts", "disable_wait_for_ready"},
		tfACL:         {"id", "rest_endpoint", "credentials", "timeouts"},
	}
)

// add adds the binding or the ACL of a resource. An attribute that is not known is refused: it
// could limit what is given.
func (a *attributes) add(kind string, options Options) {
	missing, optional := []string{}, kind == tfACL && options.Scope != (role.Scope{})
	for _, name := range tfWanted[kind] {
		if a.texts[name] == "" && !(optional && name == "kafka_cluster" && !a.blocks[name]) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		a.set.refuse(a.place, "expected the text of %s; before the first apply, Terraform may not know it", strings.Join(missing, ", "))
		return
	}
	for name := range a.texts {
		if !slices.Contains(tfWanted[kind], name) && !slices.Contains(tfIgnored[kind], name) {
			a.set.refuse(a.place, "found the attribute %s, which this version does not know", shown(name))
			return
		}
	}
	for name := range a.blocks {
		if !slices.Contains(tfIgnored[kind], name) && a.texts[name] == "" {
			a.set.refuse(a.place, "found the attribute %s, which this version does not know", shown(name))
			return
		}
	}
	if kind == tfRoleBinding {
		scope, pattern, err := parseCRN(a.texts["crn_pattern"])
		switch {
		case errors.Is(err, errNoKafka):
			a.set.Skipped++
			a.set.note(a.place, "left out: %v", err)
		case err != nil:
			a.set.refuse(a.place, "crn_pattern %s: %v", shown(a.texts["crn_pattern"]), err)
		default:
			a.set.add(a.place, a.texts["principal"], a.texts["role_name"], scope, pattern)
		}
		return
	}
	scope := options.Scope
	if id := a.texts["kafka_cluster"]; id != "" {
		scope = role.Scope{Kafka: id}
	}
	if b, ok := a.set.aclOf(a.place, a.texts); ok {
		a.set.addACL(a.place, scope, b)
	}
}

// aclOf returns the ACL of texts with the names that Terraform has for them.
func (s *Set) aclOf(place string, texts map[string]string) (b acl.Binding, ok bool) {
	var err error
	parse := func(name string, unmarshal func([]byte) error) {
		if wrong := unmarshal([]byte(texts[name])); wrong != nil && err == nil {
			err = fmt.Errorf("%s: found %s, expected that of an ACL", name, shown(texts[name]))
		}
	}
	parse("resource_type", b.Pattern.Type.UnmarshalText)
	parse("pattern_type", b.Pattern.PatternType.UnmarshalText)
	parse("operation", b.Entry.Operation.UnmarshalText)
	parse("permission", b.Entry.Permission.UnmarshalText)
	b.Pattern.Name, b.Entry.Principal, b.Entry.Host = texts["resource_name"], texts["principal"], texts["host"]
	if err != nil {
		s.refuse(place, "%v", err)
	}
	return b, err == nil
}
