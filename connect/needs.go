package connect

import (
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Need is a right that a client needs.
type Need struct {
	Client    Client
	Connector string // its name; "" for the worker's own
	Pattern   resource.Pattern
	Operation ops.Operation
	// When says under which condition it is needed; "" if always.
	When string
	// Without says what happens without it.
	Without string
}

// Gap is something that a client needs rights on, but which the configurations do not name.
type Gap struct {
	Client     Client
	Connector  string
	Operations []ops.Operation // on topics
	Reason     string
}

// Conditions under which rights are needed.
const (
	ifMissing   = "the topic does not exist"
	ifAutomatic = "the topic does not exist, and the brokers create topics (auto.create.topics.enable)"
	ifCleanup   = "it is to be checked that the topic is compacted"
	ifOffsets   = "somebody asks for the connector's offsets over REST"
	ifAltered   = "somebody alters or resets the connector's offsets over REST"
	ifFenced    = "tasks of an earlier generation are fenced: not at the first start, and not from one task to one task"
)

// Needs returns the rights that the worker and the connectors need, those of the worker first.
// Names of topics that no setting tells are gaps, unless they are in topics, by the name of the
// connector: what a source writes to, or what of the cluster's topics a sink's topics.regex
// matches. Describe stands there only where no other right of the same client implies it.
//
// What a connector does with clients of its own is not known here: Connect does not see it.
// The cost grows with the settings and the tasks.
//
// Source: Kafka 4.4.0, KafkaConfigBackingStore, KafkaBasedLog, TopicAdmin, Worker,
// WorkerSinkTask, DeadLetterQueueReporter, OffsetStorageReaderImpl, KIP-158, KIP-618.
func Needs(w *Worker, connectors []*Connector, topics map[string][]string) ([]Need, []Gap) {
	l := &list{worker: w}
	l.addWorker()
	for _, c := range connectors {
		l.connector = c
		if c.Kind == Sink {
			l.addSink(topics[c.Name])
		} else {
			l.addSource(topics[c.Name])
		}
		l.addReporter()
	}
	return l.needs, l.gaps
}

// list collects needs.
type list struct {
	worker    *Worker
	connector *Connector // nil for the worker's own
	needs     []Need
	gaps      []Gap
	seen      map[Need]bool
}

// add adds a need, unless it is there.
func (l *list) add(client Client, op ops.Operation, pattern resource.Pattern, when, without string) {
	n := Need{Client: client, Pattern: pattern, Operation: op, When: when, Without: without}
	if l.connector != nil {
		n.Connector = l.connector.Name
	}
	key := n
	key.Without = ""
	if l.seen == nil {
		l.seen = map[Need]bool{}
	}
	if !l.seen[key] {
		l.seen[key] = true
		l.needs = append(l.needs, n)
	}
}

func (l *list) gap(client Client, reason string, operations ...ops.Operation) {
	l.gaps = append(l.gaps, Gap{Client: client, Connector: l.connector.Name, Operations: operations, Reason: reason})
}

func literal(t resource.Type, name string) resource.Pattern {
	return resource.Pattern{Type: t, PatternType: resource.Literal, Name: name}
}

func topic(name string) resource.Pattern { return literal(resource.Topic, name) }

// addWorker adds what a distributed worker needs for itself. A standalone worker has a file.
func (l *list) addWorker() {
	w := l.worker
	if !w.IsDistributed() {
		return
	}
	l.add(WorkerClient, ops.Read, literal(resource.Group, w.Group), "", "the worker cannot join its group")
	automatic := isTrue(w.settings["internal.topics.automatic.creation.enable"], true)
	effects := map[string]string{internalTopics[0]: "connectors cannot be created or changed", internalTopics[1]: "offsets of sources are not stored", internalTopics[2]: "how connectors are is not known"}
	for _, key := range internalTopics {
		name := topic(w.topic(key))
		l.add(WorkerClient, ops.Read, name, "", "the worker does not start")
		l.add(WorkerClient, ops.Write, name, "", effects[key])
		if automatic {
			l.add(WorkerClient, ops.Create, name, ifMissing, "the worker waits for the topic")
		}
		l.add(WorkerClient, ops.DescribeConfigs, name, ifCleanup, "the check is skipped")
	}
	if w.ExactlyOnce != Disabled {
		l.add(WorkerClient, ops.Write, literal(resource.TransactionalID, "connect-cluster-"+w.Group), "", "the leader cannot write the topic of configurations; each worker may become leader")
	}
}

// addSink adds what a sink needs.
func (l *list) addSink(matched []string) {
	c := l.connector
	group := literal(resource.Group, l.worker.ClientConfig(ConsumerClient, c)["group.id"])
	l.add(ConsumerClient, ops.Read, group, "", "its tasks fail")
	for _, name := range l.sinkTopics(matched) {
		l.add(ConsumerClient, ops.Read, name, "", "its tasks fail")
	}
	l.add(AdminClient, ops.Describe, group, ifOffsets, "the request fails")
	l.add(AdminClient, ops.Read, group, ifAltered, "the request fails")
	l.add(AdminClient, ops.Delete, group, ifAltered, "the request fails")
	if dlq := c.deadLetters(); dlq != "" {
		l.add(AdminClient, ops.Describe, topic(dlq), "", "an existing topic is taken for a missing one, and creating it is refused: its tasks fail")
		l.add(AdminClient, ops.Create, topic(dlq), ifMissing, "its tasks fail")
		l.add(ProducerClient, ops.Write, topic(dlq), "", "a record that fails is lost: the worker's log alone says so, and the task goes on")
	}
}

// sinkTopics returns the topics that a sink reads.
func (l *list) sinkTopics(matched []string) []resource.Pattern {
	c := l.connector
	var patterns []resource.Pattern
	if expression := c.settings["topics.regex"]; expression != "" {
		if simple, ok := simpleExpression(expression); ok && len(matched) == 0 {
			return simple
		}
		if len(matched) == 0 {
			l.gap(ConsumerClient, fmt.Sprintf("topics.regex %s matches topics that no ACL covers exactly: say which topics there are", quote(expression)), ops.Read)
		}
		for _, name := range matched {
			patterns = append(patterns, topic(name))
		}
		return patterns
	}
	for name := range strings.SplitSeq(c.settings["topics"], ",") {
		if name = trimSpaces(name); name != "" {
			patterns = append(patterns, topic(name))
		}
	}
	if len(patterns) == 0 {
		l.gap(ConsumerClient, "neither topics nor topics.regex is given: a sink needs one of them", ops.Read)
	}
	return patterns
}

// addSource adds what a source needs.
func (l *list) addSource(given []string) {
	w, c := l.worker, l.connector
	patterns := l.sourceTopics(given)
	for _, name := range patterns {
		l.add(ProducerClient, ops.Write, name, "", "its tasks fail, or wait")
		if w.CreatesTopics && c.createsTopics() {
			l.add(AdminClient, ops.Describe, name, "", "its tasks fail before the first record")
			l.add(AdminClient, ops.Create, name, ifMissing, "its tasks fail")
		} else {
			l.add(ProducerClient, ops.Create, name, ifAutomatic, "its tasks run and send nothing")
		}
	}
	if !w.IsDistributed() {
		return
	}
	offsets := c.offsetsTopic()
	if offsets != "" || w.ExactlyOnce == Enabled {
		name := offsets
		if name == "" {
			name = w.topic("offset.storage.topic")
		}
		l.add(ProducerClient, ops.Write, topic(name), "", "its offsets are not stored: its tasks fail")
		l.add(ConsumerClient, ops.Read, topic(name), "", "its tasks fail")
		l.add(AdminClient, ops.Describe, topic(name), "", "its tasks fail")
		l.add(AdminClient, ops.Create, topic(name), ifMissing, "its tasks fail")
	}
	if w.ExactlyOnce == Enabled {
		l.addTransactions()
	}
}

// addTransactions adds the transactional ids of an exactly-once source: one a task. The names are
// joined with hyphens and nothing is escaped.
func (l *list) addTransactions() {
	for n := range l.connector.Tasks {
		id := literal(resource.TransactionalID, fmt.Sprintf("%s-%s-%d", l.worker.Group, l.connector.Name, n))
		l.add(ProducerClient, ops.Write, id, "", "the task fails")
		switch {
		case l.connector.Tasks > 1:
			l.add(AdminClient, ops.Write, id, ifFenced, "the next generation of its tasks does not start")
		default:
			l.add(AdminClient, ops.Write, id, ifAltered, "the request fails")
		}
	}
}

// sourceTopics returns the topics that a source writes to.
func (l *list) sourceTopics(given []string) []resource.Pattern {
	c := l.connector
	var patterns []resource.Pattern
	for _, name := range given {
		patterns = append(patterns, topic(name))
	}
	if len(given) > 0 {
		return patterns
	}
	known := plugin(c.Class)
	if known != nil && known.setting != "" {
		if value := c.settings[known.setting]; value != "" {
			return []resource.Pattern{{Type: resource.Topic, PatternType: known.pattern, Name: value + known.suffix}}
		}
	}
	l.gap(ProducerClient, "to which topics "+quote(c.Class)+" writes is not in settings that are known: say which", ops.Write)
	return nil
}

// addReporter adds what the reporter of Confluent's sink connectors needs: it writes results and
// errors to topics of its own, with a producer and an admin client of its own.
//
// Source: Confluent's documentation, "Connect Reporter": the settings and the defaults of the
// names. It was read, not tried.
func (l *list) addReporter() {
	c := l.connector
	if len(withPrefix(c.settings, "reporter.")) == 0 {
		return
	}
	for _, kind := range []string{"success", "error"} {
		key := "reporter." + kind + ".topic.name"
		if kind == "success" {
			key = "reporter.result.topic.name"
		}
		name, given := c.settings[key]
		if !given {
			name = kind + "-${connector}"
		}
		if name = strings.ReplaceAll(name, "${connector}", c.Name); name == "" {
			continue
		}
		l.add(ReporterAdmin, ops.Describe, topic(name), "", "the connector does not start")
		l.add(ReporterAdmin, ops.Create, topic(name), ifMissing, "the connector does not start")
		l.add(ReporterProducer, ops.Write, topic(name), "", "results are not reported")
	}
}
