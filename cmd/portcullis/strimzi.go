package main

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// strimziFormat is the KafkaUser resources of Strimzi, one a YAML document or in
// lists of Kubernetes.
//
// The ACLs of a KafkaUser are those of User:CN=name if it authenticates by a
// certificate (tls, tls-external), and of User:name otherwise (scram-sha-512, or no
// authentication, which leaves it to others).
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

// maxStrimziBytes is the longest stream of KafkaUsers that is read: somewhat
// arbitrarily chosen, but enough for 20,000 of them. A hostile document becomes
// some seventy times as large in memory.
const maxStrimziBytes = 16 << 20

// The words of Strimzi for what Kafka has other words for.
const (
	strimziGroup   = "kafka.strimzi.io/"
	strimziVersion = "v1" // the one that is written, and the only one since Strimzi 1.0
	strimziCluster = "cluster"
	strimziSimple  = "simple"
)

var (
	// strimziVersions are those of the resource. All but the first know "operation"
	// beside "operations".
	strimziVersions = []string{strimziVersion, "v1beta2", "v1beta1", "v1alpha1"}

	strimziTypes = vocabulary[resource.Type]{{"topic", resource.Topic}, {"group", resource.Group},
		{strimziCluster, resource.Cluster}, {"transactionalId", resource.TransactionalID}}
	strimziPatternTypes = vocabulary[resource.PatternType]{{"literal", resource.Literal}, {"prefix", resource.Prefixed}}
	strimziPermissions  = vocabulary[acl.PermissionType]{{"allow", acl.Allow}, {"deny", acl.Deny}}
	strimziOperations   = vocabulary[ops.Operation]{{"Read", ops.Read}, {"Write", ops.Write}, {"Create", ops.Create}, {"Delete", ops.Delete},
		{"Alter", ops.Alter}, {"Describe", ops.Describe}, {"ClusterAction", ops.ClusterAction}, {"AlterConfigs", ops.AlterConfigs},
		{"DescribeConfigs", ops.DescribeConfigs}, {"IdempotentWrite", ops.IdempotentWrite}, {"All", ops.All}}

	// strimziAuthentications say with what a user name begins: its own, or that of a
	// certificate.
	strimziAuthentications = vocabulary[string]{{"tls", certificateName}, {"tls-external", certificateName}, {"scram-sha-512", ""}}
)

// certificateName is how the name of a KafkaUser begins if it is the subject of a
// certificate.
const certificateName = "CN="

// kubernetesName is the name of a resource (a DNS subdomain of RFC 1123). Above all
// it cannot be the asterisk of User:*, nor hold a comma or a space.
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

// vocabulary is the words that another tool has for values, in its order.
type vocabulary[T comparable] []struct {
	word  string
	value T
}

// find returns the value of a word.
func (w vocabulary[T]) find(word string) (value T, ok bool) {
	for _, row := range w {
		if row.word == word {
			return row.value, true
		}
	}
	return value, false
}

// word returns the word for a value, or "".
func (w vocabulary[T]) word(value T) string {
	for _, row := range w {
		if row.value == value {
			return row.word
		}
	}
	return ""
}

// expected lists the words.
func (w vocabulary[T]) expected() string {
	var all []string
	for _, row := range w {
		all = append(all, row.word)
	}
	return "one of " + strings.Join(all, ", ")
}

// strimziReader reads a stream of KafkaUsers. It walks the nodes of the YAML itself:
// so it knows where each stands, and nothing is read that a node does not say,
// such as an alias or a key that comes twice.
type strimziReader struct {
	*mistakes
	lines []string
	users map[string]int // line of each user by name
	list  []acl.Binding
}

func parseStrimzi(text string, m *mistakes) []acl.Binding {
	r := &strimziReader{mistakes: m, lines: strings.Split(text, "\n"), users: map[string]int{}}
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
		if root := document.Content[0]; root.ShortTag() != "!!null" { // a document of comments alone is none
			r.readResource(root)
		}
	}
	return nil
}

// syntaxLine finds the line in an error of the YAML parser, which has no other way
// to say it.
var syntaxLine = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?`)

// addSyntax adds what the YAML parser says.
func (r *strimziReader) addSyntax(err error) {
	found := syntaxLine.FindStringSubmatch(err.Error())
	line, errLine := strconv.Atoi(found[1])
	if errLine != nil {
		line = 1
	}
	r.add(line, 1, "no valid YAML ("+strings.TrimPrefix(err.Error(), found[0])+")", "a KafkaUser")
}

// at adds what is wrong with a node.
func (r *strimziReader) at(n *yaml.Node, found, expected string) {
	column := n.Column // in characters
	if n.Line <= len(r.lines) {
		column = 1
		rest := r.lines[n.Line-1]
		for i := range rest {
			if column++; column > n.Column {
				column = i + 1
				break
			}
		}
	}
	r.add(n.Line, column, found, expected)
}

// describeNode says what a node is.
func describeNode(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.AliasNode:
		return "the alias " + enum.Quote("*"+n.Value)
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.ShortTag() != "!!str":
		return enum.Quote(n.Value) + " (" + n.ShortTag() + ")"
	}
	return enum.Quote(n.Value)
}

// mapping reads a mapping that has each of the required keys once, each of the
// optional ones at most once, and no other key. It returns nil if it has not.
func (r *strimziReader) mapping(n *yaml.Node, required, optional []string) map[string]*yaml.Node {
	known := slices.Concat(required, optional)
	if n.Kind != yaml.MappingNode || n.ShortTag() != "!!map" {
		r.at(n, describeNode(n), "a mapping with the keys "+strings.Join(known, ", "))
		return nil
	}
	values := map[string]*yaml.Node{}
	ok := true
	for i := 0; i < len(n.Content) && !r.full(); i += 2 {
		key := n.Content[i]
		switch _, twice := values[key.Value]; {
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" || !slices.Contains(known, key.Value):
			r.at(key, "the key "+describeNode(key), "one of "+strings.Join(known, ", "))
			ok = false
		case twice:
			r.at(key, "the key "+describeNode(key)+" again", "each key once")
			ok = false
		}
		values[key.Value] = n.Content[i+1]
	}
	for _, key := range required {
		if values[key] == nil {
			r.at(n, "a mapping without "+key, "the keys "+strings.Join(required, ", "))
			ok = false
		}
	}
	if !ok {
		return nil
	}
	return values
}

// sequence returns the elements of a list.
func (r *strimziReader) sequence(n *yaml.Node) []*yaml.Node {
	if n.Kind != yaml.SequenceNode || n.ShortTag() != "!!seq" {
		r.at(n, describeNode(n), "a list")
		return nil
	}
	return n.Content
}

// text returns a string.
func (r *strimziReader) text(n *yaml.Node, expected string) (text string, ok bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		r.at(n, describeNode(n), expected+" (in quotes, if it could be taken for something else)")
		return "", false
	}
	return n.Value, true
}

// readWord reads one of the words, or takes the one that stands for nothing.
func readWord[T comparable](r *strimziReader, n *yaml.Node, w vocabulary[T], otherwise string) (value T, ok bool) {
	word := otherwise
	if n != nil {
		if word, ok = r.text(n, w.expected()); !ok {
			return value, false
		}
	}
	if value, ok = w.find(word); !ok {
		r.at(n, enum.Quote(word), w.expected())
	}
	return value, ok
}

// The keys of resources that are no business of ACLs are known, and not read.
var (
	resourceKeys  = []string{"apiVersion", "kind"}
	userKeys      = []string{"metadata", "spec", "status"}
	metadataKeys  = []string{"annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generateName", "generation", "labels", "managedFields", "namespace", "ownerReferences", "resourceVersion", "selfLink", "uid"}
	userSpecKeys  = []string{"authentication", "authorization", "quotas", "template"}
	operationKeys = []string{"operation", "operations"}
)

// readResource reads a KafkaUser, or a list of them as kubectl prints it.
func (r *strimziReader) readResource(n *yaml.Node) {
	keys := r.mapping(n, resourceKeys, append([]string{"items"}, userKeys...))
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
	for _, item := range r.sequence(keys["items"]) {
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
	if kind, ok := r.text(keys["kind"], "KafkaUser"); !ok {
		return
	} else if kind != "KafkaUser" {
		r.at(keys["kind"], "the kind "+enum.Quote(kind), "KafkaUser, or a List of them")
		return
	}
	apiVersion, ok := r.text(keys["apiVersion"], strimziGroup+strimziVersion)
	version := strings.TrimPrefix(apiVersion, strimziGroup)
	if !ok || version == apiVersion || !slices.Contains(strimziVersions, version) {
		if ok {
			r.at(keys["apiVersion"], enum.Quote(apiVersion), strimziGroup+" and one of "+strings.Join(strimziVersions, ", "))
		}
		return
	}
	name, okName := r.readName(keys["metadata"])
	spec := r.mapping(keys["spec"], nil, userSpecKeys)
	if !okName || spec == nil {
		return
	}
	prefix, ok := r.readAuthentication(spec["authentication"])
	if !ok || spec["authorization"] == nil {
		return // without authorization a user has no ACL
	}
	r.readAuthorization(spec["authorization"], "User:"+prefix+name, version)
}

// readName returns the name of a KafkaUser. The same name twice is refused: of two
// such resources Kubernetes would keep the ACLs of one.
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

// readAuthentication returns what a user name begins with.
func (r *strimziReader) readAuthentication(n *yaml.Node) (prefix string, ok bool) {
	if n == nil {
		return "", true
	}
	keys := r.mapping(n, []string{"type"}, []string{"password"})
	if keys == nil {
		return "", false
	}
	return readWord(r, keys["type"], strimziAuthentications, "")
}

func (r *strimziReader) readAuthorization(n *yaml.Node, who, version string) {
	keys := r.mapping(n, []string{"type", "acls"}, nil)
	if keys == nil {
		return
	}
	if _, ok := readWord(r, keys["type"], vocabulary[bool]{{strimziSimple, true}}, ""); !ok {
		return
	}
	for _, rule := range r.sequence(keys["acls"]) {
		if r.full() {
			return
		}
		r.readRule(rule, who, version)
	}
}

// readRule reads one element of acls, which is an ACL for each of its operations.
func (r *strimziReader) readRule(n *yaml.Node, who, version string) {
	operationKeys := operationKeys
	if version == strimziVersion {
		operationKeys = []string{"operations"}
	}
	keys := r.mapping(n, []string{"resource"}, append([]string{"type", "host"}, operationKeys...))
	if keys == nil {
		return
	}
	b := unreadACL
	var ok bool
	b.Entry.Principal = who
	if b.Pattern, ok = r.readPattern(keys["resource"]); !ok {
		return
	}
	if b.Entry.Permission, ok = readWord(r, keys["type"], strimziPermissions, "allow"); !ok {
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
	operations, both := keys["operations"], keys["operation"] != nil
	var list []*yaml.Node
	switch {
	case both == (operations != nil):
		r.at(n, "a rule with "+map[bool]string{true: "both operation and operations", false: "no operation"}[both], strings.Join(operationKeys, " or "))
		return
	case both:
		list = []*yaml.Node{keys["operation"]}
	default:
		if list = r.sequence(operations); len(list) == 0 && operations.Kind == yaml.SequenceNode {
			r.at(operations, "an empty list", "at least one operation")
		}
	}
	for _, n := range list {
		if b.Entry.Operation, ok = readWord(r, n, strimziOperations, ""); ok {
			r.list = append(r.list, b)
		}
	}
}

// readPattern reads the resource of a rule. The cluster has no name there.
func (r *strimziReader) readPattern(n *yaml.Node) (p resource.Pattern, ok bool) {
	keys := r.mapping(n, []string{"type"}, []string{"name", "patternType"})
	if keys == nil {
		return p, false
	}
	if p.Type, ok = readWord(r, keys["type"], strimziTypes, ""); !ok {
		return p, false
	}
	if p.Type == resource.Cluster {
		if len(keys) > 1 {
			r.at(n, "a cluster with a name or a pattern type", "its type alone")
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
	p.PatternType, ok = readWord(r, keys["patternType"], strimziPatternTypes, "literal")
	return p, ok
}
