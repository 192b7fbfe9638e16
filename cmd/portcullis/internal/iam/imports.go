package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/aclset"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/role"
)

type importFormat struct {
	name, what string
	read       func(text []byte, scope role.Scope, into *imported) error
}

// importFormats are the texts that iam import reads, by the name of --from.
var importFormats = []importFormat{
	{"lookup", "what a metadata service answers GET /security/1.0/lookup/rolebindings/principal/NAME", readLookup},
	{"roles", "what it answers GET /security/1.0/roles: roles, not bindings", readRoles},
	{"list", "the JSON of confluent iam rbac role-binding list; it has no scope, so that --kafka-cluster is needed", readList},
	{"cfk", "ConfluentRolebinding resources of Confluent for Kubernetes, as YAML, also in a List of kubectl get", readCFK},
}

// imported is what a text has. What is wrong with it is collected, up to a limit.
type imported struct {
	roles    []role.Role
	bindings []role.Binding
	skipped  int // documents of other kinds
	problems []error
}

func (i *imported) refuse(place, format string, args ...any) {
	if len(i.problems) < lines.MaxErrors {
		i.problems = append(i.problems, fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...)))
	}
}

// add adds a binding of a principal as it is written, at a place of the text.
func (i *imported) add(place, who, name string, scope role.Scope, pattern role.Pattern) {
	p, err := principal.Parse(who)
	if err != nil {
		i.refuse(place, "found the principal %s, expected Type:name, such as User:alice", lines.Printable(lines.Cut(who, 200)))
		return
	}
	i.bindings = append(i.bindings, role.Binding{Principal: p, Role: name, Scope: scope, Pattern: pattern})
}

func newImport() *cobra.Command {
	var path, from *cli.Once
	var scope *scopeFlags
	dryRun := false
	var names, help []string
	for _, f := range importFormats {
		names = append(names, f.name)
		help = append(help, fmt.Sprintf("  %-8s %s", f.name, f.what))
	}
	cmd := cli.Command(func(cmd *cobra.Command, out *cli.Output) error {
		return importFile(cmd, path.Text, from.Text, scope, dryRun, out)
	}, &cobra.Command{
		Use: "import --from FORMAT FILE", Short: "Add the roles and bindings of a metadata service or of Kubernetes to the file", Args: cobra.ExactArgs(1),
		Long:    "Add roles or bindings from another place to the file. Where one cannot be taken, all are refused, each with its\nplace. FILE may be - for standard input.\n\n" + strings.Join(help, "\n"),
		Example: "  curl -su admin https://mds:8090/security/1.0/roles | portcullis iam import --from roles -\n  portcullis iam import --from cfk rolebindings.yaml --kafka-cluster abc123",
	})
	path = addFile(cmd)
	from = cli.OnceFlag(cmd, "from", "", "`format` of the text: "+strings.Join(names, ", "), names...)
	scope = addScope(cmd, newSpelling)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "read and check everything, and do not change the file")
	cli.PresenceFlag(cmd, aclset.AllowEmpty, "accept a text without roles and bindings, which is otherwise an error")
	cli.Require(cmd, "from")
	return cmd
}

func importFile(cmd *cobra.Command, path, from string, flags *scopeFlags, dryRun bool, out *cli.Output) error {
	if out.UsageErr != nil {
		return out.UsageErr
	}
	at := slices.IndexFunc(importFormats, func(f importFormat) bool { return f.name == from })
	if at < 0 {
		return cli.BadFlag("from", from, "lookup, roles, list or cfk")
	}
	var scope role.Scope
	if given, err := flags.scope(); err == nil {
		scope = given
	} else if given != (role.Scope{}) {
		return err
	}
	name := cmd.Flags().Arg(0)
	text, err := cli.ReadFile(name, cmd.InOrStdin(), func(r io.Reader) ([]byte, error) {
		return io.ReadAll(io.LimitReader(r, role.MaxTableBytes+1))
	})
	if err != nil {
		return err
	}
	if len(text) > role.MaxTableBytes {
		return fmt.Errorf("%s: expected no more than %d bytes", cli.FileName(name), role.MaxTableBytes)
	}
	doc, release, err := loadToChange(path, true)
	if err != nil {
		return err
	}
	defer release()
	var read imported
	if err := importFormats[at].read(text, scope, &read); err != nil {
		return fmt.Errorf("%s: %w", cli.FileName(name), err)
	}
	var errs cli.Errors
	for _, problem := range read.problems {
		errs.Add(fmt.Errorf("%s: %w", cli.FileName(name), problem))
	}
	if len(errs) > 0 {
		return errs.Join()
	}
	if len(read.roles)+len(read.bindings) == 0 && !cli.Given(cmd, aclset.AllowEmpty) {
		return fmt.Errorf("%s has no role and no binding, and %d other resources: expected at least one, or --%s", cli.FileName(name), read.skipped, aclset.AllowEmpty)
	}
	for _, r := range read.roles {
		doc.Roles = append(slices.DeleteFunc(doc.Roles, func(old role.Role) bool { return old.Name == r.Name }), r)
	}
	before := len(doc.Bindings)
	doc.Bindings = append(doc.Bindings, read.bindings...)
	if _, _, err := doc.Check(); err != nil {
		return fmt.Errorf("%s: %w", cli.FileName(name), err)
	}
	if !dryRun {
		if err := doc.save(); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "roles: %d, bindings: %d, of which new: %d, other resources: %d\n", len(read.roles), len(read.bindings), len(doc.Bindings)-before, read.skipped)
	return nil
}

// decode reads one JSON value, and refuses fields that it does not know, also those in another case,
// and repeated ones: one of them could limit what is given.
func decode(text []byte, value any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(value); err != nil {
		return fmt.Errorf("at byte %d: %s", d.InputOffset(), lines.OnOneLine(lines.Cut(err.Error(), 200)))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("at byte %d: expected nothing after the value", d.InputOffset())
	}
	if wrong := lines.CheckKeys(text, value); wrong != nil {
		return fmt.Errorf("at byte %d: found %s, expected %s", wrong.Offset, wrong.Found, wrong.Expected)
	}
	return nil
}

func readRoles(text []byte, _ role.Scope, into *imported) error {
	table, err := role.ParseTable(bytes.NewReader(text))
	if err == nil {
		into.roles = table.Roles()
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

func readLookup(text []byte, _ role.Scope, into *imported) error {
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
				place := fmt.Sprintf("item %d, %s, %s", i+1, lines.Printable(lines.Cut(who, 200)), lines.Printable(lines.Cut(name, 200)))
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

func readList(text []byte, scope role.Scope, into *imported) error {
	if scope == (role.Scope{}) {
		return errors.New("the list does not say where its bindings hold: expected --kafka-cluster, or --cluster-name")
	}
	var list []row
	if err := decode(text, &list); err != nil {
		return err
	}
	for i, r := range list {
		place := fmt.Sprintf("item %d", i+1)
		p := role.Pattern{}
		if r.Name != "" || r.PatternType != "" || r.ResourceType != resource.Cluster.DisplayName() {
			p = role.Pattern{ResourceType: r.ResourceType, Name: r.Name}
			if err := p.PatternType.UnmarshalText([]byte(r.PatternType)); err != nil {
				into.refuse(place, "found the pattern type %s, expected LITERAL or PREFIXED", lines.Printable(lines.Cut(r.PatternType, 200)))
				continue
			}
		}
		into.add(place, r.Principal, r.Role, scope, p)
	}
	return nil
}

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

func readCFK(text []byte, fallback role.Scope, into *imported) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for n := 1; ; n++ {
		var item cfk
		err := decoder.Decode(&item)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("document %d: %s", n, lines.OnOneLine(lines.Cut(err.Error(), 200)))
		}
		document := fmt.Sprintf("document %d", n)
		if item.Kind != "List" && item.Kind != "ConfluentRolebindingList" || item.Items.IsZero() {
			if err := into.readResource(document, &item, fallback); err != nil {
				return err
			}
			continue
		}
		var items []cfk // what kubectl get -o yaml prints
		if err := item.Items.Decode(&items); err != nil {
			return fmt.Errorf("%s: items: %s", document, lines.OnOneLine(lines.Cut(err.Error(), 200)))
		}
		for i := range items {
			if err := into.readResource(fmt.Sprintf("%s, item %d", document, i+1), &items[i], fallback); err != nil {
				return err
			}
		}
	}
}

// readResource reads a resource that is at a place. Those of other kinds are counted.
func (i *imported) readResource(place string, item *cfk, fallback role.Scope) error {
	if item.Kind != "ConfluentRolebinding" {
		i.skipped++
		return nil
	}
	place = fmt.Sprintf("%s (line %d), %s", place, item.Spec.Line, lines.Printable(lines.Cut(item.Metadata.Name, 200)))
	spec, err := yaml.Marshal(&item.Spec)
	if err != nil {
		return err
	}
	var b cfkBinding
	strict := yaml.NewDecoder(bytes.NewReader(spec))
	strict.KnownFields(true)
	if err := strict.Decode(&b); err != nil {
		i.refuse(place, "spec: %s", lines.OnOneLine(lines.Cut(strings.Join(strings.Fields(err.Error()), " "), 200)))
		return nil
	}
	i.addCFK(place, &b, fallback)
	return nil
}

func (i *imported) addCFK(place string, b *cfkBinding, fallback role.Scope) {
	types := map[string]string{"user": "User", "group": "Group"}
	kind, ok := types[b.Principal.Type]
	if !ok {
		i.refuse(place, "found the type of principal %s, expected user or group", lines.Printable(lines.Cut(b.Principal.Type, 200)))
		return
	}
	scope := role.Scope{Name: b.ByName, Kafka: b.ByIDs.Kafka, SchemaRegistry: b.ByIDs.SchemaRegistry, Connect: b.ByIDs.Connect, KSQL: b.ByIDs.KSQL}
	if scope == (role.Scope{}) {
		scope = fallback // the operator takes the cluster of the REST class
	}
	if scope == (role.Scope{}) {
		i.refuse(place, "it has no scope, which means the Kafka cluster of its REST class: expected --kafka-cluster with its id")
		return
	}
	who := kind + ":" + b.Principal.Name
	if len(b.Patterns) == 0 {
		i.add(place, who, b.Role, scope, role.Pattern{})
	}
	for _, p := range b.Patterns {
		pattern := role.Pattern{ResourceType: p.ResourceType, Name: p.Name, PatternType: literal}
		if p.PatternType != "" {
			if err := pattern.PatternType.UnmarshalText([]byte(p.PatternType)); err != nil {
				i.refuse(place, "found the pattern type %s, expected LITERAL or PREFIXED", lines.Printable(lines.Cut(p.PatternType, 200)))
				continue
			}
		}
		i.add(place, who, b.Role, scope, pattern)
	}
}
