package acl

import (
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// maxTemplateBindings is the maximum number of bindings from a template. It is also the
// most that one request may create.
const maxTemplateBindings = 10_000

// TemplateArgs are the principals, hosts and resources of a template: see [TemplateBindings]. A list that the
// template does not use must be empty. All others must not be empty, except Hosts and
// OutputTopics.
type TemplateArgs struct {
	Principals []string
	Hosts      []string // empty means WildcardHost
	// PatternType is the pattern type of the names in the lists: Literal (also if zero)
	// or Prefixed. It does not apply to the cluster and to resources derived from Name.
	PatternType      resource.PatternType
	Topics           []string
	OutputTopics     []string
	TransactionalIDs []string
	Groups           []string
	Name             string // of the connector or the Streams application
}

// templateSource says where the names of resources come from.
type templateSource uint8

const (
	fromTopics templateSource = iota
	fromOutputTopics
	fromTransactionalIDs
	fromGroups
	theCluster
	ownTopics
	ownTransactionalIDs
	ownGroups
	connectorGroup
	workerTransactionalIDs
)

// templateSources describes the resources of each source.
var templateSources = [...]struct {
	argument string // the field of TemplateArgs, or "" for none
	optional bool
	typ      resource.Type
	pattern  resource.PatternType // PatternUnknown: TemplateArgs.PatternType
	names    func(*TemplateArgs) []string
}{
	fromTopics:           {"Topics", false, resource.Topic, 0, func(a *TemplateArgs) []string { return a.Topics }},
	fromOutputTopics:     {"OutputTopics", true, resource.Topic, 0, func(a *TemplateArgs) []string { return a.OutputTopics }},
	fromTransactionalIDs: {"TransactionalIDs", false, resource.TransactionalID, 0, func(a *TemplateArgs) []string { return a.TransactionalIDs }},
	fromGroups:           {"Groups", false, resource.Group, 0, func(a *TemplateArgs) []string { return a.Groups }},
	theCluster:           {"", false, resource.Cluster, resource.Literal, func(*TemplateArgs) []string { return []string{resource.ClusterName} }},
	ownTopics:            {"Name", false, resource.Topic, resource.Prefixed, ownName("")},
	ownTransactionalIDs:  {"Name", false, resource.TransactionalID, resource.Prefixed, ownName("")},
	ownGroups:            {"Name", false, resource.Group, resource.Prefixed, ownName("")},
	connectorGroup:       {"Name", false, resource.Group, resource.Literal, ownName("connect-")},
	workerTransactionalIDs: {"Groups", false, resource.TransactionalID, 0, func(a *TemplateArgs) (ids []string) {
		for _, group := range a.Groups {
			ids = append(ids, "connect-cluster-"+group)
		}
		return ids
	}},
}

// ownName returns a function for prefix plus the name, if there is one.
func ownName(prefix string) func(*TemplateArgs) []string {
	return func(a *TemplateArgs) []string {
		if a.Name == "" {
			return nil
		}
		return []string{prefix + a.Name}
	}
}

// grants allows operations on the resources of a source.
type grants struct {
	source     templateSource
	operations []ops.Operation
}

// template is a set of permissions for one kind of client. "Own" resources are those
// whose names begin with TemplateArgs.Name.
type template struct {
	name  string
	lists []grants
}

var (
	producing = grants{fromTopics, []ops.Operation{ops.Write, ops.Describe, ops.Create}}
	consuming = []grants{
		{fromTopics, []ops.Operation{ops.Read, ops.Describe}},
		{fromGroups, []ops.Operation{ops.Read}},
	}
	connectWorker = []grants{
		{theCluster, []ops.Operation{ops.Create}},
		{fromTopics, []ops.Operation{ops.Read, ops.Write}},
		{fromGroups, []ops.Operation{ops.Read}},
	}
)

// templates lists what each template allows.
//
// Source: kafka-acls (AclCommand); Confluent's documentation of Kafka Connect security,
// for the worker and the connectors; Kafka Streams developer guide, "Streams Security".
var templates = []template{
	// kafka-acls --producer.
	{"PRODUCER", []grants{producing}},
	// Brokers before Kafka 3.0 require it (kafka-acls --producer --idempotent).
	{"IDEMPOTENT_PRODUCER", []grants{producing, {theCluster, []ops.Operation{ops.IdempotentWrite}}}},
	// kafka-acls --producer --transactional-id.
	{"TRANSACTIONAL_PRODUCER", []grants{producing, {fromTransactionalIDs, []ops.Operation{ops.Write, ops.Describe}}}},
	// kafka-acls --consumer.
	{"CONSUMER", consuming},
	// The topics are those for configurations, offsets and status; the group is that of the
	// workers.
	{"CONNECT_WORKER", connectWorker},
	{"SOURCE_CONNECTOR", []grants{{fromTopics, []ops.Operation{ops.Write}}}},
	// The group is "connect-" plus the name.
	{"SINK_CONNECTOR", []grants{
		{fromTopics, []ops.Operation{ops.Read}},
		{connectorGroup, []ops.Operation{ops.Read}},
	}},
	// The topics are those to which a sink connector reports successes and errors. It creates
	// missing topics.
	//
	// Checked against the ACLs in Confluent's own examples of managed sink connectors
	// (terraform-provider-confluent, connectors/elasticsearch-sink-connector), which
	// allow Create and Write on the topics of successes and of errors. Write implies
	// Describe, which is listed as for a producer. No page of Confluent's was found
	// that lists the ACLs of a reporter of self-managed workers.
	{"CONNECT_REPORTER", []grants{{fromTopics, []ops.Operation{ops.Create, ops.Describe, ops.Write}}}},
	// The name is the application.id; output topics are optional.
	{"STREAMS_APPLICATION", []grants{
		{fromTopics, []ops.Operation{ops.Read}},
		{fromOutputTopics, []ops.Operation{ops.Write}},
		{ownTopics, []ops.Operation{ops.All}},
		{ownGroups, []ops.Operation{ops.All}},
		{ownTransactionalIDs, []ops.Operation{ops.Write, ops.Describe}},
	}},
	// The groups are those of share consumers.
	{"SHARE_CONSUMER", consuming},
	// For exactly.once.source.support: the transactional id is "connect-cluster-" plus the group.
	{"EXACTLY_ONCE_WORKER", append(slices.Clip(connectWorker), grants{workerTransactionalIDs, []ops.Operation{ops.Write, ops.Describe}})},
	// The only output topic holds the connector's offsets. The transactional ids are those of
	// the tasks: the group of the workers, the name of the connector and the number of the
	// task, separated by hyphens.
	{"EXACTLY_ONCE_SOURCE", []grants{
		{fromTopics, []ops.Operation{ops.Write}},
		{fromOutputTopics, []ops.Operation{ops.Read, ops.Write}},
		{fromTransactionalIDs, []ops.Operation{ops.Write, ops.Describe}},
	}},
}

// TemplateBindings returns the bindings of a template for args, sorted and without
// duplicates: one for each principal, host, resource and operation that the kind of client
// needs. The templates are "PRODUCER", "IDEMPOTENT_PRODUCER", "TRANSACTIONAL_PRODUCER",
// "CONSUMER" and "SHARE_CONSUMER"; "STREAMS_APPLICATION"; and for Kafka Connect
// "CONNECT_WORKER", "SOURCE_CONNECTOR", "SINK_CONNECTOR", "CONNECT_REPORTER",
// "EXACTLY_ONCE_WORKER" and "EXACTLY_ONCE_SOURCE". To undo a template, remove the same bindings. On error the result is nil. The error
// is an [*InvalidError] for any other name, for missing or unused
// arguments, for a binding that Kafka would not create ([Binding.ValidateNew]), and for more
// than 10,000 bindings.
func TemplateBindings(name string, args TemplateArgs) ([]Binding, error) {
	i := slices.IndexFunc(templates, func(t template) bool { return t.name == name })
	if i < 0 {
		names := make([]string, len(templates))
		for i, t := range templates {
			names[i] = t.name
		}
		return nil, invalid("template", "%s is not known: expected one of %s", enum.Quote(name), strings.Join(names, ", "))
	}
	t := &templates[i]
	if err := t.validate(&args); err != nil {
		return nil, err
	}
	if len(args.Hosts) == 0 {
		args.Hosts = []string{WildcardHost}
	}
	if args.PatternType == resource.PatternUnknown {
		args.PatternType = resource.Literal
	}
	var list []Binding
	for _, g := range t.lists {
		more, err := g.bindings(&args, maxTemplateBindings-len(list))
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	slices.SortFunc(list, Binding.Compare)
	return slices.Compact(list), nil
}

// validate returns an error for a missing or unused argument.
func (t *template) validate(args *TemplateArgs) error {
	used := map[string]bool{}
	for _, g := range t.lists {
		used[templateSources[g.source].argument] = true
	}
	if len(args.Principals) == 0 {
		return invalid("Principals", "the list is empty: expected at least one principal")
	}
	for _, s := range templateSources {
		switch given := len(s.names(args)) > 0; {
		case s.argument == "":
		case given && !used[s.argument]:
			return invalid(s.argument, "%s does not use it: leave it empty", t.name)
		case !given && used[s.argument] && !s.optional:
			return invalid(s.argument, "%s requires it", t.name)
		}
	}
	return nil
}

// bindings returns at most limit bindings, or an error.
func (g grants) bindings(args *TemplateArgs, limit int) (list []Binding, err error) {
	s := templateSources[g.source]
	pattern := resource.Pattern{Type: s.typ, PatternType: s.pattern}
	if pattern.PatternType == resource.PatternUnknown {
		pattern.PatternType = args.PatternType
	}
	for _, pattern.Name = range s.names(args) {
		for _, who := range args.Principals {
			for _, host := range args.Hosts {
				for _, op := range g.operations {
					b := Binding{pattern, Entry{Principal: who, Host: host, Operation: op, Permission: Allow}}
					if err := b.ValidateNew(0); err != nil {
						return nil, err
					}
					if len(list) == limit {
						return nil, invalid("args", "they make more than %d bindings: use several calls", maxTemplateBindings)
					}
					list = append(list, b)
				}
			}
		}
	}
	return list, nil
}
