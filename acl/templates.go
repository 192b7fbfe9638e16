package acl

import (
	"slices"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Template is a set of permissions for one kind of client: see [Template.Bindings]. The
// zero Template is not valid.
type Template uint8

// The templates, with what they allow. "Own" resources are those whose names begin with
// TemplateArgs.Name.
const (
	// Producer: Write, Describe and Create on the topics (kafka-acls --producer).
	Producer Template = iota + 1
	// IdempotentProducer: Producer plus IdempotentWrite on the cluster, which brokers
	// before Kafka 3.0 require (kafka-acls --producer --idempotent).
	IdempotentProducer
	// TransactionalProducer: Producer plus Write and Describe on the transactional ids
	// (kafka-acls --producer --transactional-id).
	TransactionalProducer
	// Consumer: Read and Describe on the topics, Read on the groups (kafka-acls
	// --consumer).
	Consumer
	// ConnectWorker: Create on the cluster, Read and Write on the topics (those for
	// configurations, offsets and status), Read on the group of the workers.
	ConnectWorker
	// SourceConnector: Write on the topics.
	SourceConnector
	// SinkConnector: Read on the topics, Read on the group "connect-" plus the name.
	SinkConnector
	// ConnectReporter: Create, Describe and Write on the topics to which a sink
	// connector reports successes and errors. It creates missing topics.
	//
	// Checked against the ACLs in Confluent's own examples of managed sink connectors
	// (terraform-provider-confluent, connectors/elasticsearch-sink-connector), which
	// allow Create and Write on the topics of successes and of errors. Write implies
	// Describe, which is listed as for a producer. No page of Confluent's was found
	// that lists the ACLs of a reporter of self-managed workers.
	ConnectReporter
	// StreamsApplication: Read on the topics, Write on the output topics, if any; All
	// on own topics and own groups, Write and Describe on own transactional ids. The
	// name is the application.id.
	StreamsApplication
	// ShareConsumer: as Consumer, for the groups of share consumers.
	ShareConsumer
	// ExactlyOnceWorker: ConnectWorker plus Write and Describe on the transactional id
	// "connect-cluster-" plus the group, for exactly.once.source.support.
	ExactlyOnceWorker
	// ExactlyOnceSource: Write on the topics; Read and Write on the only output topic,
	// which holds the connector's offsets; Write and Describe on the transactional ids
	// of the tasks: the group of the workers, the name of the connector and the number
	// of the task, separated by hyphens.
	ExactlyOnceSource
)

// MaxTemplateBindings is the maximum number of bindings from a template. It is also the
// most that one request may create.
const MaxTemplateBindings = 10_000

// TemplateArgs are the principals, hosts and resources of a [Template]. A list that the
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

// templateRow allows operations on the resources of a source.
type templateRow struct {
	source     templateSource
	operations []ops.Operation
}

var producing = templateRow{fromTopics, []ops.Operation{ops.Write, ops.Describe, ops.Create}}

var connectWorker = []templateRow{
	{theCluster, []ops.Operation{ops.Create}},
	{fromTopics, []ops.Operation{ops.Read, ops.Write}},
	{fromGroups, []ops.Operation{ops.Read}},
}

// templates lists what each template allows.
//
// Source: kafka-acls (AclCommand); Confluent's documentation of Kafka Connect security,
// for the worker and the connectors; see ConnectReporter for the reporter; Kafka
// Streams developer guide, "Streams Security".
var templates = [...][]templateRow{
	Producer:              {producing},
	IdempotentProducer:    {producing, {theCluster, []ops.Operation{ops.IdempotentWrite}}},
	TransactionalProducer: {producing, {fromTransactionalIDs, []ops.Operation{ops.Write, ops.Describe}}},
	Consumer: {
		{fromTopics, []ops.Operation{ops.Read, ops.Describe}},
		{fromGroups, []ops.Operation{ops.Read}},
	},
	ConnectWorker:     connectWorker,
	ShareConsumer:     {{fromTopics, []ops.Operation{ops.Read, ops.Describe}}, {fromGroups, []ops.Operation{ops.Read}}},
	ExactlyOnceWorker: append(slices.Clip(connectWorker), templateRow{workerTransactionalIDs, []ops.Operation{ops.Write, ops.Describe}}),
	ExactlyOnceSource: {
		{fromTopics, []ops.Operation{ops.Write}},
		{fromOutputTopics, []ops.Operation{ops.Read, ops.Write}},
		{fromTransactionalIDs, []ops.Operation{ops.Write, ops.Describe}},
	},
	SourceConnector: {{fromTopics, []ops.Operation{ops.Write}}},
	SinkConnector: {
		{fromTopics, []ops.Operation{ops.Read}},
		{connectorGroup, []ops.Operation{ops.Read}},
	},
	ConnectReporter: {{fromTopics, []ops.Operation{ops.Create, ops.Describe, ops.Write}}},
	StreamsApplication: {
		{fromTopics, []ops.Operation{ops.Read}},
		{fromOutputTopics, []ops.Operation{ops.Write}},
		{ownTopics, []ops.Operation{ops.All}},
		{ownGroups, []ops.Operation{ops.All}},
		{ownTransactionalIDs, []ops.Operation{ops.Write, ops.Describe}},
	},
}

var templateNames = enum.Names{"UNKNOWN", "PRODUCER", "IDEMPOTENT_PRODUCER", "TRANSACTIONAL_PRODUCER", "CONSUMER",
	"CONNECT_WORKER", "SOURCE_CONNECTOR", "SINK_CONNECTOR", "CONNECT_REPORTER", "STREAMS_APPLICATION",
	"SHARE_CONSUMER", "EXACTLY_ONCE_WORKER", "EXACTLY_ONCE_SOURCE"}

// ParseTemplate parses the name of a template. Case is ignored and underscores are
// optional: "STREAMS_APPLICATION", "StreamsApplication". On error the result is the
// zero Template.
func ParseTemplate(s string) (Template, error) {
	code, err := templateNames.ParseFold("template", s)
	return Template(code), err
}

// String returns the name of t, such as "STREAMS_APPLICATION", or "Template(99)" for an
// unknown value.
func (t Template) String() string { return templateNames.String("Template", int(t)) }

// Bindings returns the bindings of t for args, sorted and without duplicates: one for
// each principal, host, resource and operation. To undo a template, remove the same
// bindings. On error the result is nil. The error is an [*InvalidError] for missing or
// unused arguments, for a binding that Kafka would not create ([Binding.ValidateNew]),
// and for more than [MaxTemplateBindings] bindings.
func (t Template) Bindings(args TemplateArgs) ([]Binding, error) {
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
	for _, row := range templates[t] {
		more, err := row.bindings(&args, MaxTemplateBindings-len(list))
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	slices.SortFunc(list, Binding.Compare)
	return slices.Compact(list), nil
}

// validate returns an error for a missing or unused argument.
func (t Template) validate(args *TemplateArgs) error {
	if t == 0 || int(t) >= len(templates) {
		return invalid("template", "%v is not known: expected one of %v", t, templateNames[1:])
	}
	used := map[string]bool{}
	for _, row := range templates[t] {
		used[templateSources[row.source].argument] = true
	}
	if len(args.Principals) == 0 {
		return invalid("Principals", "the list is empty: expected at least one principal")
	}
	for _, s := range templateSources {
		switch given := len(s.names(args)) > 0; {
		case s.argument == "":
		case given && !used[s.argument]:
			return invalid(s.argument, "%v does not use it: leave it empty", t)
		case !given && used[s.argument] && !s.optional:
			return invalid(s.argument, "%v requires it", t)
		}
	}
	return nil
}

// bindings returns at most limit bindings, or an error.
func (r templateRow) bindings(args *TemplateArgs, limit int) (list []Binding, err error) {
	s := templateSources[r.source]
	pattern := resource.Pattern{Type: s.typ, PatternType: s.pattern}
	if pattern.PatternType == resource.PatternUnknown {
		pattern.PatternType = args.PatternType
	}
	for _, pattern.Name = range s.names(args) {
		for _, who := range args.Principals {
			for _, host := range args.Hosts {
				for _, op := range r.operations {
					b := Binding{pattern, Entry{Principal: who, Host: host, Operation: op, Permission: Allow}}
					if err := b.ValidateNew(); err != nil {
						return nil, err
					}
					if len(list) == limit {
						return nil, invalid("args", "they make more than %d bindings: use several calls", MaxTemplateBindings)
					}
					list = append(list, b)
				}
			}
		}
	}
	return list, nil
}
