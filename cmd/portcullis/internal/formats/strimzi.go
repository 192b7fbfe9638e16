package formats

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/cmd/portcullis/internal/cli"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// strimzi is the KafkaUser resources of Strimzi, one in each YAML document or in
// Kubernetes lists.
//
// The principal of a KafkaUser is User:CN=name if it authenticates with a certificate
// (tls, tls-external). Otherwise (scram-sha-512, or no authentication) it is User:name.
//
// Source: Strimzi's KafkaUserSpec and AclRule schema references; KafkaUserOperator
// and SimpleAclRule of its User Operator.
var strimzi = foreign{name: "strimzi", maxBytes: maxStrimziBytes, parse: parseStrimzi, refuse: refuseStrimzi, render: renderStrimzi}

// maxStrimziBytes is the size limit for a stream of KafkaUsers, enough for 20,000 of
// them. A hostile document takes about seventy times its size in memory.
const maxStrimziBytes = 16 << 20

// strimziAPI is the version to write. It is the only one since Strimzi 1.0.
const strimziAPI = "kafka.strimzi.io/v1"

// Strimzi's names for Kafka's values.
var (
	// strimziVersions says of each version of the resource whether its rules may have
	// the key operation instead of operations.
	strimziVersions = vocabulary[bool]{{strimziAPI, false}, {"kafka.strimzi.io/v1beta2", true}, {"kafka.strimzi.io/v1beta1", true}, {"kafka.strimzi.io/v1alpha1", true}}

	strimziTypes = vocabulary[resource.Type]{{"topic", resource.Topic}, {"group", resource.Group},
		{"cluster", resource.Cluster}, {"transactionalId", resource.TransactionalID}}
	strimziPatternTypes = vocabulary[resource.PatternType]{{"literal", resource.Literal}, {"prefix", resource.Prefixed}}
	strimziPermissions  = vocabulary[acl.PermissionType]{{"allow", acl.Allow}, {"deny", acl.Deny}}
	strimziOperations   = vocabulary[ops.Operation]{{"Read", ops.Read}, {"Write", ops.Write}, {"Create", ops.Create}, {"Delete", ops.Delete},
		{"Alter", ops.Alter}, {"Describe", ops.Describe}, {"ClusterAction", ops.ClusterAction}, {"AlterConfigs", ops.AlterConfigs},
		{"DescribeConfigs", ops.DescribeConfigs}, {"IdempotentWrite", ops.IdempotentWrite}, {"All", ops.All}}
	strimziAuthorizations = vocabulary[bool]{{"simple", true}}

	// strimziAuthentications gives the prefix of the user name for each authentication:
	// that of a certificate subject, or none.
	strimziAuthentications = vocabulary[string]{{"tls", certificateName}, {"tls-external", certificateName}, {"scram-sha-512", ""}}
)

// certificateName is the prefix of a user name that is the subject of a certificate.
const certificateName = "CN="

// kubernetesName matches the name of a resource (a DNS subdomain of RFC 1123). It
// excludes the asterisk of User:*, commas and spaces.
var kubernetesName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

const (
	kubernetesNameBytes = 253
	// commonNameBytes is the longest common name of a certificate (ub-common-name of
	// RFC 5280).
	commonNameBytes = 64
)

func isKubernetesName(name string) bool {
	return len(name) <= kubernetesNameBytes && kubernetesName.MatchString(name)
}

// strimziReader reads a stream of KafkaUsers. After an error the list is not used.
type strimziReader struct {
	yamlReader
	users   map[string]int // line of each user by name
	list    []acl.Binding
	skipped map[string]int // resources that are no users, by kind
}

func parseStrimzi(p *cli.Problems, s *Set) {
	r := &strimziReader{yamlReader: yamlReader{p, strings.Split(p.Text, "\n")}, users: map[string]int{}, skipped: map[string]int{}}
	documents := yaml.NewDecoder(strings.NewReader(p.Text))
	for !r.Full() {
		var document yaml.Node
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.addSyntax(err)
			break
		}
		if root := document.Content[0]; root.ShortTag() != "!!null" { // skip a document that has only comments
			r.readResource(root)
		}
	}
	s.ACLs, s.Skipped.Kinds = r.list, r.skipped
}

// The keys of resources that do not concern ACLs are accepted and not read.
var (
	resourceKeys = []string{"apiVersion", "kind"}
	metadataKeys = []string{"annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generateName", "generation", "labels", "managedFields", "namespace", "ownerReferences", "resourceVersion", "selfLink", "uid"}
	userSpecKeys = []string{"authentication", "authorization", "quotas", "template"}
)

// readResource reads a KafkaUser, or a list of resources as kubectl prints it.
func (r *strimziReader) readResource(n *yaml.Node) {
	if r.skip(n) {
		return
	}
	keys := r.mapping(n, resourceKeys, []string{"items", "metadata", "spec", "status"})
	if keys == nil {
		return
	}
	if !isList(keys["kind"].Value) {
		r.readUser(n)
		return
	}
	keys = r.mapping(n, append([]string{"items"}, resourceKeys...), []string{"metadata"})
	for _, item := range r.sequence(keys["items"]) {
		if !r.skip(item) {
			r.readUser(item)
		}
	}
}

func isList(kind string) bool { return kind == "List" || kind == userKind+"List" }

// skip counts a resource of another kind, which has no ACLs, and reports whether n is one. The
// kind of such a resource decides alone, because its other keys are not known here. A kind that
// is not written in the way that Kubernetes has is no reason to skip a resource.
func (r *strimziReader) skip(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode {
		return false
	}
	kind, version := "", ""
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch key, value := n.Content[i], n.Content[i+1]; {
		case !isText(key) || !isText(value):
		case key.Value == "kind" && kind != "", key.Value == "apiVersion" && version != "":
			return false // which of them counts?
		case key.Value == "kind":
			kind = value.Value
		case key.Value == "apiVersion":
			version = value.Value
		}
	}
	if version == "" || !kindText.MatchString(kind) || isList(kind) || strings.EqualFold(kind, userKind) || len(r.skipped) >= mostKinds {
		return false
	}
	r.skipped[kind]++
	return true
}

// userKind is the kind of the resources that have ACLs.
const userKind = "KafkaUser"

// mostKinds bounds what is remembered of a stream. Kubernetes has fewer kinds, with all common
// extensions.
const mostKinds = 1000

// kindText matches the kind of a resource.
var kindText = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{1,62}$`)

func (r *strimziReader) readUser(n *yaml.Node) {
	before := len(r.List)
	keys := r.mapping(n, []string{"apiVersion", "kind", "metadata", "spec"}, []string{"status"})
	if kind, ok := r.text(keys["kind"], "KafkaUser"); !ok {
		return
	} else if kind != "KafkaUser" {
		r.addAt(keys["kind"], "the kind "+enum.Quote(kind), "KafkaUser, or a List of them")
		return
	}
	withOne := strimziVersions.read(&r.yamlReader, keys["apiVersion"], "")
	name := r.readName(keys["metadata"])
	spec := r.mapping(keys["spec"], nil, userSpecKeys)
	authentication := r.mapping(spec["authentication"], []string{"type"}, []string{"password"})
	prefix := strimziAuthentications.read(&r.yamlReader, authentication["type"], "")
	// Without authorization a user has no ACLs.
	authorization := r.mapping(spec["authorization"], []string{"type", "acls"}, nil)
	strimziAuthorizations.read(&r.yamlReader, authorization["type"], "")
	if len(r.List) > before {
		return
	}
	for _, rule := range r.sequence(authorization["acls"]) {
		r.readRule(rule, "User:"+prefix+name, withOne)
	}
}

// readName returns the name of a KafkaUser. It refuses a repeated name, because
// Kubernetes would keep the ACLs of only one of the resources.
func (r *strimziReader) readName(metadata *yaml.Node) string {
	const expected = "the name of a resource: lower case letters, digits, - and ."
	n := r.mapping(metadata, []string{"name"}, metadataKeys)["name"]
	name, ok := r.text(n, expected)
	if !ok {
		return ""
	}
	switch line, twice := r.users[name]; {
	case !isKubernetesName(name):
		r.addAt(n, "the name "+enum.Quote(name), expected)
	case twice:
		r.addAt(n, "the name "+enum.Quote(name)+" of line "+strconv.Itoa(line)+" again", "each user once")
	default:
		r.users[name] = n.Line
	}
	return name
}

// readRule reads one element of acls: an ACL for each of its operations. In versions
// withOne it may have one operation instead of a list.
func (r *strimziReader) readRule(n *yaml.Node, who string, withOne bool) {
	optional := []string{"type", "host", "operations"}
	if withOne {
		optional = append(optional, "operation")
	}
	keys := r.mapping(n, []string{"resource"}, optional)
	if keys == nil {
		return
	}
	b := unreadACL
	b.Entry.Principal = who
	if text, ok := r.text(keys["host"], hostField.expected); ok {
		if found, ok := hostField.read(&b, text); !ok {
			r.addAt(keys["host"], found, hostField.expected)
		}
	}
	b.Entry.Permission = strimziPermissions.read(&r.yamlReader, keys["type"], "allow")
	b.Pattern = r.readPattern(keys["resource"])
	for _, o := range r.operations(n, keys) {
		if b.Entry.Operation = strimziOperations.read(&r.yamlReader, o, ""); !r.Full() {
			r.list = append(r.list, b)
		}
	}
}

// operations returns the operations of a rule. There must be at least one.
func (r *strimziReader) operations(rule *yaml.Node, keys map[string]*yaml.Node) []*yaml.Node {
	one, many := keys["operation"], keys["operations"]
	switch {
	case one != nil && many != nil:
		r.addAt(rule, "a rule with both operation and operations", "one of them")
	case one != nil:
		return []*yaml.Node{one}
	case many == nil:
		r.addAt(rule, "a rule without operations", "the key operations")
	case many.Kind == yaml.SequenceNode && len(many.Content) == 0:
		r.addAt(many, "an empty list", "at least one operation")
	default:
		return r.sequence(many)
	}
	return nil
}

// readPattern reads the resource of a rule. The cluster has no name in this format.
func (r *strimziReader) readPattern(n *yaml.Node) (p resource.Pattern) {
	keys := r.mapping(n, []string{"type"}, []string{"name", "patternType"})
	if keys == nil {
		return p
	}
	before := len(r.List)
	p.Type = strimziTypes.read(&r.yamlReader, keys["type"], "")
	switch {
	case len(r.List) > before:
		return p
	case p.Type == resource.Cluster && len(keys) > 1:
		r.addAt(n, "a cluster with a name or a pattern type", "only its type")
		return p
	case p.Type == resource.Cluster:
		return resource.LiteralPattern(resource.Cluster, resource.ClusterName)
	}
	keys = r.mapping(n, []string{"type", "name"}, []string{"patternType"})
	name, ok := r.text(keys["name"], nameField.expected)
	if ok && name == "" {
		r.addAt(keys["name"], "an empty name", nameField.expected)
	}
	p.Name, p.PatternType = name, strimziPatternTypes.read(&r.yamlReader, keys["patternType"], "literal")
	return p
}

// The parts of a KafkaUser that are written, in their order.
type (
	kafkaUser struct {
		APIVersion string         `yaml:"apiVersion"`
		Kind       string         `yaml:"kind"`
		Metadata   map[string]any `yaml:"metadata"`
		Spec       struct {
			Authentication map[string]any `yaml:"authentication,omitempty"`
			Authorization  struct {
				Type string      `yaml:"type"`
				ACLs []kafkaRule `yaml:"acls"`
			} `yaml:"authorization"`
		} `yaml:"spec"`
	}
	kafkaRule struct {
		Type     string `yaml:"type"`
		Resource struct {
			Type        string `yaml:"type"`
			Name        string `yaml:"name,omitempty"`
			PatternType string `yaml:"patternType,omitempty"`
		} `yaml:"resource"`
		Host       string   `yaml:"host"`
		Operations []string `yaml:"operations"`
	}
)

// strimziUser returns the name of the KafkaUser for a principal, and whether the
// principal is the subject of a certificate.
func strimziUser(who string) (name string, byCertificate, ok bool) {
	name, ok = strings.CutPrefix(who, "User:")
	name, byCertificate = strings.CutPrefix(name, certificateName)
	return name, byCertificate, ok && isKubernetesName(name) && (!byCertificate || len(name) <= commonNameBytes)
}

// refuseStrimzi refuses ACLs that a KafkaUser cannot hold. It also refuses both of two
// principals that would be the same KafkaUser.
func refuseStrimzi(list []acl.Binding) func(b acl.Binding) string {
	principals := map[string]bool{}
	for _, b := range list {
		principals[b.Entry.Principal] = true
	}
	return func(b acl.Binding) string {
		isCluster := b.Pattern.Type == resource.Cluster
		name, _, ok := strimziUser(b.Entry.Principal)
		switch plain, certificate := "User:"+name, "User:"+certificateName+name; {
		case !ok:
			return "the principal must be User:name or User:CN=name, with the name of a Kubernetes resource: lower case letters, digits, - and ."
		case principals[plain] && principals[certificate]:
			return plain + " and " + certificate + " cannot both be the KafkaUser " + name
		case strimziTypes.word(b.Pattern.Type) == "":
			return "it knows no resource type " + b.Pattern.Type.DisplayName()
		case strimziOperations.word(b.Entry.Operation) == "":
			return "it knows no operation " + b.Entry.Operation.DisplayName()
		case isCluster && b.Pattern != resource.LiteralPattern(resource.Cluster, resource.ClusterName):
			return "in Strimzi the cluster has only the name " + resource.ClusterName
		}
		return ""
	}
}

// renderStrimzi writes a KafkaUser for each principal. The User Operator issues no
// credentials for it, because nothing but the ACLs of the user is known.
func renderStrimzi(list []acl.Binding) ([]byte, error) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b acl.Binding) int { return strings.Compare(a.Entry.Principal, b.Entry.Principal) })
	var users []kafkaUser
	for i, b := range list {
		if i == 0 || list[i-1].Entry.Principal != b.Entry.Principal {
			users = append(users, newKafkaUser(b.Entry.Principal))
		}
		users[len(users)-1].add(b)
	}
	var buf bytes.Buffer
	if len(users) == 0 {
		return nil, nil // an error for the encoder
	}
	e := yaml.NewEncoder(&buf)
	e.SetIndent(2)
	for _, user := range users {
		if err := e.Encode(user); err != nil {
			return nil, err
		}
	}
	err := e.Close()
	return buf.Bytes(), err
}

func newKafkaUser(who string) kafkaUser {
	name, byCertificate, _ := strimziUser(who)
	user := kafkaUser{APIVersion: strimziAPI, Kind: "KafkaUser", Metadata: map[string]any{"name": name}}
	if byCertificate {
		user.Spec.Authentication = map[string]any{"type": "tls-external"}
	}
	user.Spec.Authorization.Type = "simple"
	return user
}

// add adds an ACL. If the last rule differs only in the operation, it extends that rule.
func (u *kafkaUser) add(b acl.Binding) {
	rules := &u.Spec.Authorization.ACLs
	rule := kafkaRule{Type: strimziPermissions.word(b.Entry.Permission), Host: b.Entry.Host}
	rule.Resource.Type = strimziTypes.word(b.Pattern.Type)
	if b.Pattern.Type != resource.Cluster {
		rule.Resource.Name, rule.Resource.PatternType = b.Pattern.Name, strimziPatternTypes.word(b.Pattern.PatternType)
	}
	rule.Operations = []string{strimziOperations.word(b.Entry.Operation)}
	// ACLs with the same pattern and host are adjacent, so only the last two rules matter.
	for i := range min(2, len(*rules)) {
		before := &(*rules)[len(*rules)-1-i]
		if before.Resource == rule.Resource && before.Host == rule.Host && before.Type == rule.Type {
			before.Operations = append(before.Operations, rule.Operations...)
			return
		}
	}
	*rules = append(*rules, rule)
}
