package main

import (
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// strimziFormat is the KafkaUser resources of Strimzi, one in each YAML document or in
// Kubernetes lists.
//
// The principal of a KafkaUser is User:CN=name if it authenticates with a certificate
// (tls, tls-external). Otherwise (scram-sha-512, or no authentication) it is User:name.
//
// Source: Strimzi's KafkaUserSpec and AclRule schema references; KafkaUserOperator
// and SimpleAclRule of its User Operator.
var strimziFormat = foreignFormat{
	name:     "strimzi",
	maxBytes: maxStrimziBytes,
	parse:    parseStrimzi,
	refuse:   refuseStrimzi,
	render:   renderStrimzi,
}

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

// strimziReader reads a stream of KafkaUsers.
type strimziReader struct {
	yamlReader
	users map[string]int // line of each user by name
	list  []acl.Binding
}

func parseStrimzi(text string, m *mistakes) []acl.Binding {
	r := &strimziReader{yamlReader: yamlReader{m, strings.Split(text, "\n")}, users: map[string]int{}}
	documents := yaml.NewDecoder(strings.NewReader(text))
	for !r.full() {
		var document yaml.Node
		err := documents.Decode(&document)
		switch {
		case errors.Is(err, io.EOF):
			return r.list
		case err != nil:
			r.addSyntax(err)
			return nil
		}
		if root := document.Content[0]; root.ShortTag() != "!!null" { // skip a document that has only comments
			r.readResource(root)
		}
	}
	return nil
}

// The keys of resources that do not concern ACLs are accepted and not read.
var (
	resourceKeys = []string{"apiVersion", "kind"}
	metadataKeys = []string{"annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generateName", "generation", "labels", "managedFields", "namespace", "ownerReferences", "resourceVersion", "selfLink", "uid"}
	userSpecKeys = []string{"authentication", "authorization", "quotas", "template"}
)

// readResource reads a KafkaUser, or a list of them as kubectl prints it.
func (r *strimziReader) readResource(n *yaml.Node) {
	keys := r.mapping(n, resourceKeys, []string{"items", "metadata", "spec", "status"})
	if keys == nil {
		return
	}
	if kind := keys["kind"].Value; kind != "List" && kind != "KafkaUserList" {
		r.readUser(n)
		return
	}
	if keys = r.mapping(n, append([]string{"items"}, resourceKeys...), []string{"metadata"}); keys == nil {
		return
	}
	items, _ := r.sequence(keys["items"])
	for _, item := range items {
		if r.full() {
			return
		}
		r.readUser(item)
	}
}

func (r *strimziReader) readUser(n *yaml.Node) {
	keys := r.mapping(n, []string{"apiVersion", "kind", "metadata", "spec"}, []string{"status"})
	if keys == nil {
		return
	}
	kind, ok := r.text(keys["kind"], "KafkaUser")
	if ok && kind != "KafkaUser" {
		r.at(keys["kind"], "the kind "+enum.Quote(kind), "KafkaUser, or a List of them")
	}
	if !ok || kind != "KafkaUser" {
		return
	}
	withOne, okVersion := readWord(&r.yamlReader, keys["apiVersion"], strimziVersions, "")
	name, okName := r.readName(keys["metadata"])
	spec := r.mapping(keys["spec"], nil, userSpecKeys)
	if !okVersion || !okName || spec == nil {
		return
	}
	prefix, ok := r.readAuthentication(spec["authentication"])
	if !ok || spec["authorization"] == nil {
		return // without authorization a user has no ACLs
	}
	r.readAuthorization(spec["authorization"], "User:"+prefix+name, withOne)
}

// readName returns the name of a KafkaUser. It refuses a repeated name, because
// Kubernetes would keep the ACLs of only one of the resources.
func (r *strimziReader) readName(metadata *yaml.Node) (name string, ok bool) {
	keys := r.mapping(metadata, []string{"name"}, metadataKeys)
	if keys == nil {
		return "", false
	}
	const expected = "the name of a resource: lower case letters, digits, - and ."
	if name, ok = r.text(keys["name"], expected); !ok {
		return "", false
	}
	if !isKubernetesName(name) {
		r.at(keys["name"], "the name "+enum.Quote(name), expected)
		return "", false
	}
	if line, twice := r.users[name]; twice {
		r.at(keys["name"], "the name "+enum.Quote(name)+" of line "+strconv.Itoa(line)+" again", "each user once")
		return "", false
	}
	r.users[name] = keys["name"].Line
	return name, true
}

// readAuthentication returns the prefix of the user name.
func (r *strimziReader) readAuthentication(n *yaml.Node) (prefix string, ok bool) {
	if n == nil {
		return "", true
	}
	keys := r.mapping(n, []string{"type"}, []string{"password"})
	if keys == nil {
		return "", false
	}
	return readWord(&r.yamlReader, keys["type"], strimziAuthentications, "")
}

func (r *strimziReader) readAuthorization(n *yaml.Node, who string, withOne bool) {
	keys := r.mapping(n, []string{"type", "acls"}, nil)
	if keys == nil {
		return
	}
	if _, ok := readWord(&r.yamlReader, keys["type"], vocabulary[bool]{{"simple", true}}, ""); !ok {
		return
	}
	rules, _ := r.sequence(keys["acls"])
	for _, rule := range rules {
		if r.full() {
			return
		}
		r.readRule(rule, who, withOne)
	}
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
	var ok bool
	b.Entry.Principal = who
	if b.Pattern, ok = r.readPattern(keys["resource"]); !ok {
		return
	}
	if b.Entry.Permission, ok = readWord(&r.yamlReader, keys["type"], strimziPermissions, "allow"); !ok {
		return
	}
	if host := keys["host"]; host != nil {
		text, ok := r.text(host, aclParts[aclHost].expected)
		if !ok {
			return
		}
		if found, expected, ok := aclHost.set(&b, text); !ok {
			r.at(host, found, expected)
			return
		}
	}
	for _, n := range r.operations(n, keys) {
		if r.full() {
			return
		}
		if b.Entry.Operation, ok = readWord(&r.yamlReader, n, strimziOperations, ""); ok {
			r.list = append(r.list, b)
		}
	}
}

// operations returns the operations of a rule. There must be at least one.
func (r *strimziReader) operations(rule *yaml.Node, keys map[string]*yaml.Node) []*yaml.Node {
	one, many := keys["operation"], keys["operations"]
	switch {
	case one != nil && many != nil:
		r.at(rule, "a rule with both operation and operations", "one of them")
	case one != nil:
		return []*yaml.Node{one}
	case many == nil:
		r.at(rule, "a rule without operations", "the key operations")
	default:
		list, ok := r.sequence(many)
		if ok && len(list) == 0 {
			r.at(many, "an empty list", "at least one operation")
		}
		return list
	}
	return nil
}

// readPattern reads the resource of a rule. The cluster has no name in this format.
func (r *strimziReader) readPattern(n *yaml.Node) (p resource.Pattern, ok bool) {
	keys := r.mapping(n, []string{"type"}, []string{"name", "patternType"})
	if keys == nil {
		return p, false
	}
	if p.Type, ok = readWord(&r.yamlReader, keys["type"], strimziTypes, ""); !ok {
		return p, false
	}
	if p.Type == resource.Cluster {
		if len(keys) > 1 {
			r.at(n, "a cluster with a name or a pattern type", "only its type")
			return p, false
		}
		return resource.LiteralPattern(resource.Cluster, resource.ClusterName), true
	}
	if keys = r.mapping(n, []string{"type", "name"}, []string{"patternType"}); keys == nil {
		return p, false
	}
	if p.Name, ok = r.text(keys["name"], aclParts[aclResourceName].expected); !ok {
		return p, false
	}
	if p.Name == "" {
		r.at(keys["name"], "an empty name", aclParts[aclResourceName].expected)
		return p, false
	}
	p.PatternType, ok = readWord(&r.yamlReader, keys["patternType"], strimziPatternTypes, "literal")
	return p, ok
}
