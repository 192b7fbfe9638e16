package acl

import (
	"slices"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Template is what a kind of client needs: see [Template.Bindings]. The zero
// Template is none.
type Template uint8

// The templates, with what they allow. "Own" is what begins with
// TemplateArgs.Name.
const (
	// Producer: Write, Describe and Create on the topics (kafka-acls --producer).
	Producer Template = iota + 1
	// IdempotentProducer: as Producer, and IdempotentWrite on the cluster, which
	// brokers before Kafka 3.0 ask for (kafka-acls --producer --idempotent).
	IdempotentProducer
	// TransactionalProducer: as Producer, and Write and Describe on the transactional
	// ids (kafka-acls --producer --transactional-id).
	TransactionalProducer
	// Consumer: Read and Describe on the topics, Read on the groups (kafka-acls
	// --consumer).
	Consumer
	// ConnectWorker: Create on the cluster, Read and Write on the topics (those for
	// configurations, offsets and status), Read on the group of the workers.
	ConnectWorker
	// SourceConnector: Write on the topics.
	SourceConnector
	// SinkConnector: Read on the topics, Read on the group "connect-" and the name.
	SinkConnector
	// ConnectReporter: Create, Describe and Write on the topics, to which a sink
	// connector reports successes and errors. It creates them if they are not there.
	//
	// Checked against the ACLs in Confluent's own examples of managed sink connectors
	// (terraform-provider-confluent, connectors/elasticsearch-sink-connector), which
	// allow Create and Write on the topics of successes and of errors. Describe is
	// what Write implies, and is listed as for a producer. No page of Confluent's was
	// found that lists the ACLs of a reporter of self-managed workers.
	ConnectReporter
	// StreamsApplication: Read on the topics, Write on the output topics, if there
	// are any; All on own topics and own groups, Write and Describe on own
	// transactional ids. The name is the application.id.
	StreamsApplication
	// ShareConsumer: as Consumer, for the groups of share consumers.
	ShareConsumer
	// ExactlyOnceWorker: as ConnectWorker, and Write and Describe on the transactional id
	// "connect-cluster-" and the group, for exactly.once.source.support.
	ExactlyOnceWorker
	// ExactlyOnceSource: Write on the topics; Read and Write on the output topics, of
	// which there is one, that of the connector's offsets; Write and Describe on the
	// transactional ids, which are those of the tasks: the group of the workers, the name
	// of the connector and the number of the task, with hyphens between.
	ExactlyOnceSource
)

// MaxTemplateBindings is how many bindings a template makes at the most: as many as
// one request may create.
const MaxTemplateBindings = 10_000

// TemplateArgs says whom a [Template] allows what it allows, and on what. A list
// that the template has no use for must be empty; all others must not, but for
// Hosts and OutputTopics.
type TemplateArgs struct {
	Principals []string
	Hosts      []string // none: WildcardHost
	// PatternType is that of the names in the lists: Literal, for which zero stands
	// too, or Prefixed. It has no effect on the cluster and on what Name names.
	PatternType      resource.PatternType
	Topics           []string
	OutputTopics     []string
	TransactionalIDs []string
	Groups           []string
	Name             string // of the connector or the Streams application
}

// templateSource is where the names of resources come from.
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

// templateSources says, for each source, what it gives the names of.
var templateSources = [...]struct {
	argument string // of TemplateArgs; "" needs none
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

// ownName returns prefix and the name, if there is one.
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

// templates is what each template allows.
//
// Source: kafka-acls (AclCommand); Confluent's documentation of Kafka Connect
// security, for the worker and the connectors; see ConnectReporter for the reporter;
// Kafka Streams developer guide, "Streams Security".
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

// ParseTemplate returns the template that s names, without regard to case and with
// or without the underscores: "STREAMS_APPLICATION", "StreamsApplication". On error
// the result is the zero Template.
func ParseTemplate(s string) (Template, error) {
	code, err := templateNames.ParseFold("template", s)
	return Template(code), err
}

// String returns the name of t, such as "STREAMS_APPLICATION", or "Template(99)"
// for a value that is none.
func (t Template) String() string { return templateNames.String("Template", int(t)) }

// Bindings returns what t allows args, sorted and without repeats: a binding for
// each principal, host, resource and operation. To take it back, remove the same
// bindings. On error, an [*InvalidError], the result is nil: for arguments that are
// missing, or that t has no use for, for a binding that Kafka would not create
// ([Binding.ValidateNew]), and for more bindings than [MaxTemplateBindings].
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

// validate reports which argument is missing, or has no use.
func (t Template) validate(args *TemplateArgs) error {
	if t == 0 || int(t) >= len(templates) {
		return invalid("template", "%v is not known: expected one of %v", t, templateNames[1:])
	}
	used := map[string]bool{}
	for _, row := range templates[t] {
		used[templateSources[row.source].argument] = true
	}
	if len(args.Principals) == 0 {
		return invalid("Principals", "there is none: expected whom to allow it")
	}
	for _, s := range templateSources {
		switch given := len(s.names(args)) > 0; {
		case s.argument == "":
		case given && !used[s.argument]:
			return invalid(s.argument, "%v has no use for it: leave it out", t)
		case !given && used[s.argument] && !s.optional:
			return invalid(s.argument, "%v needs it", t)
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
						return nil, invalid("args", "they make more than %d bindings: divide them", MaxTemplateBindings)
					}
					list = append(list, b)
				}
			}
		}
	}
	return list, nil
}
