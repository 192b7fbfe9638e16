package connect

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/resource"
)

// distributed returns the settings of a distributed worker, with some more.
func distributed(more ...string) map[string]string {
	settings := map[string]string{"bootstrap.servers": "kafka:9092", "group.id": "g", "config.storage.topic": "configs", "offset.storage.topic": "offsets", "status.storage.topic": "status"}
	maps.Copy(settings, pairs(more...))
	return settings
}

func pairs(list ...string) map[string]string {
	settings := map[string]string{}
	for i := 0; i < len(list); i += 2 {
		settings[list[i]] = list[i+1]
	}
	return settings
}

func worker(t *testing.T, settings map[string]string) *Worker {
	t.Helper()
	w, err := NewWorker(settings)
	require.NoError(t, err)
	return w
}

func connector(t *testing.T, kind Kind, list ...string) *Connector {
	t.Helper()
	settings := map[string]string{"name": "n", "connector.class": "MySink"}
	if kind == Source {
		settings["connector.class"] = "MySource"
	}
	maps.Copy(settings, pairs(list...))
	c, err := NewConnector(settings, kind)
	require.NoError(t, err)
	return c
}

// text returns needs as lines, and gaps after them.
func text(needs []Need, gaps []Gap) string {
	var b strings.Builder
	for _, n := range needs {
		pattern := n.Pattern.Name
		if n.Pattern.PatternType == resource.Prefixed {
			pattern += "*"
		}
		fmt.Fprintf(&b, "%v: %v %v %s", n.Client, n.Operation, n.Pattern.Type, pattern)
		if n.When != "" {
			b.WriteString(" if")
		}
		b.WriteByte('\n')
	}
	for _, g := range gaps {
		fmt.Fprintf(&b, "%v: %v? %s\n", g.Client, g.Operations, g.Reason)
	}
	return b.String()
}

// TestNeedsOfWorkers has the rights of a worker alone.
func TestNeedsOfWorkers(t *testing.T) {
	const topics = `worker: READ TOPIC configs
worker: WRITE TOPIC configs
worker: CREATE TOPIC configs if
worker: DESCRIBE_CONFIGS TOPIC configs if
worker: READ TOPIC offsets
worker: WRITE TOPIC offsets
worker: CREATE TOPIC offsets if
worker: DESCRIBE_CONFIGS TOPIC offsets if
worker: READ TOPIC status
worker: WRITE TOPIC status
worker: CREATE TOPIC status if
worker: DESCRIBE_CONFIGS TOPIC status if
`
	for name, row := range map[string]struct {
		settings map[string]string
		want     string
	}{
		"distributed":    {distributed(), "worker: READ GROUP g\n" + topics},
		"one topic":      {distributed("status.storage.topic", "offsets", "config.storage.topic", "offsets"), "worker: READ GROUP g\nworker: READ TOPIC offsets\nworker: WRITE TOPIC offsets\nworker: CREATE TOPIC offsets if\nworker: DESCRIBE_CONFIGS TOPIC offsets if\n"},
		"preparing":      {distributed("exactly.once.source.support", "Preparing"), "worker: READ GROUP g\n" + topics + "worker: WRITE TRANSACTIONAL_ID connect-cluster-g\n"},
		"enabled":        {distributed("exactly.once.source.support", "enabled"), "worker: READ GROUP g\n" + topics + "worker: WRITE TRANSACTIONAL_ID connect-cluster-g\n"},
		"topics by hand": {distributed("internal.topics.automatic.creation.enable", "false"), "worker: READ GROUP g\n" + strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(topics, "worker: CREATE TOPIC configs if\n", ""), "worker: CREATE TOPIC offsets if\n", ""), "worker: CREATE TOPIC status if\n", "")},
		"standalone":     {pairs("offset.storage.file.filename", "f"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			needs, gaps := Needs(worker(t, row.settings), nil, nil)
			assert.Equal(t, row.want, text(needs, gaps))
		})
	}
}

// TestNeedsOfConnectors has the rights of a connector, without those of its worker.
func TestNeedsOfConnectors(t *testing.T) {
	const offsets = "admin: DESCRIBE GROUP connect-n if\nadmin: READ GROUP connect-n if\nadmin: DELETE GROUP connect-n if\n"
	for name, row := range map[string]struct {
		kind     Kind
		settings []string
		worker   []string
		topics   []string
		want     string
	}{
		"sink":                   {Sink, []string{"topics", "a, b"}, nil, nil, "consumer: READ GROUP connect-n\nconsumer: READ TOPIC a\nconsumer: READ TOPIC b\n" + offsets},
		"sink, group overridden": {Sink, []string{"topics", "a", "consumer.override.group.id", "x"}, []string{"consumer.group.id", "w"}, nil, "consumer: READ GROUP x\nconsumer: READ TOPIC a\n" + strings.ReplaceAll(offsets, "connect-n", "x")},
		"sink, override refused": {Sink, []string{"topics", "a", "consumer.override.group.id", "x"}, []string{policyKey, "None", "consumer.group.id", "w"}, nil, "consumer: READ GROUP w\nconsumer: READ TOPIC a\n" + strings.ReplaceAll(offsets, "connect-n", "w")},
		"sink, prefix":           {Sink, []string{"topics.regex", `(orders\..*|plain|a[.]b)`}, nil, nil, "consumer: READ GROUP connect-n\nconsumer: READ TOPIC orders.*\nconsumer: READ TOPIC plain\nconsumer: READ TOPIC a.b\n" + offsets},
		"sink, expression":       {Sink, []string{"topics.regex", "orders.*"}, nil, nil, "consumer: READ GROUP connect-n\nconsumer: READ TOPIC orders*\n" + offsets},
		"sink, all topics":       {Sink, []string{"topics.regex", ".*"}, nil, nil, "consumer: READ GROUP connect-n\nconsumer: READ TOPIC *\n" + offsets},
		"sink, no pattern":       {Sink, []string{"topics.regex", "o.ders[0-9]+"}, nil, nil, "consumer: READ GROUP connect-n\n" + offsets + "consumer: [READ]? topics.regex \"o.ders[0-9]+\" matches topics that no ACL covers exactly: say which topics there are\n"},
		"sink, matched":          {Sink, []string{"topics.regex", "o.ders[0-9]+"}, nil, []string{"orders1"}, "consumer: READ GROUP connect-n\nconsumer: READ TOPIC orders1\n" + offsets},
		"sink without topics":    {Sink, nil, nil, nil, "consumer: READ GROUP connect-n\n" + offsets + "consumer: [READ]? neither topics nor topics.regex is given: a sink needs one of them\n"},
		"sink, dead letters": {Sink, []string{"topics", "a", "errors.deadletterqueue.topic.name", "dead"}, nil, nil,
			"consumer: READ GROUP connect-n\nconsumer: READ TOPIC a\n" + offsets + "admin: DESCRIBE TOPIC dead\nadmin: CREATE TOPIC dead if\nproducer: WRITE TOPIC dead\n"},
		"sink, reporter": {Sink, []string{"topics", "a", "reporter.bootstrap.servers", "kafka:9092", "reporter.error.topic.name", "bad-${connector}"}, nil, nil,
			"consumer: READ GROUP connect-n\nconsumer: READ TOPIC a\n" + offsets + "reporter-admin: DESCRIBE TOPIC success-n\nreporter-admin: CREATE TOPIC success-n if\nreporter-producer: WRITE TOPIC success-n\nreporter-admin: DESCRIBE TOPIC bad-n\nreporter-admin: CREATE TOPIC bad-n if\nreporter-producer: WRITE TOPIC bad-n\n"},
		"source":              {Source, nil, nil, []string{"a"}, "producer: WRITE TOPIC a\nproducer: CREATE TOPIC a if\n"},
		"source of the table": {Source, []string{"connector.class", "FileStreamSource", "topic", "a"}, nil, nil, "producer: WRITE TOPIC a\nproducer: CREATE TOPIC a if\n"},
		"source with prefix":  {Source, []string{"connector.class", "io.debezium.connector.postgresql.PostgresConnector", "topic.prefix", "a"}, nil, nil, "producer: WRITE TOPIC a.*\nproducer: CREATE TOPIC a.* if\n"},
		"source, not known":   {Source, nil, nil, nil, "producer: [WRITE]? to which topics \"MySource\" writes is not in settings that are known: say which\n"},
		"source, creates topics": {Source, []string{"topic.creation.default.partitions", "1"}, nil, []string{"a"},
			"producer: WRITE TOPIC a\nadmin: DESCRIBE TOPIC a\nadmin: CREATE TOPIC a if\n"},
		"source, may not create": {Source, []string{"topic.creation.default.partitions", "1"}, []string{"topic.creation.enable", "false"}, []string{"a"}, "producer: WRITE TOPIC a\nproducer: CREATE TOPIC a if\n"},
		"source, own offsets": {Source, []string{"offsets.storage.topic", "mine"}, nil, []string{"a"},
			"producer: WRITE TOPIC a\nproducer: CREATE TOPIC a if\nproducer: WRITE TOPIC mine\nconsumer: READ TOPIC mine\nadmin: DESCRIBE TOPIC mine\nadmin: CREATE TOPIC mine if\n"},
		"source, exactly once": {Source, []string{"tasks.max", "2"}, []string{"exactly.once.source.support", "enabled"}, []string{"a"},
			"producer: WRITE TOPIC a\nproducer: CREATE TOPIC a if\nproducer: WRITE TOPIC offsets\nconsumer: READ TOPIC offsets\nadmin: DESCRIBE TOPIC offsets\nadmin: CREATE TOPIC offsets if\n" +
				"producer: WRITE TRANSACTIONAL_ID g-n-0\nadmin: WRITE TRANSACTIONAL_ID g-n-0 if\nproducer: WRITE TRANSACTIONAL_ID g-n-1\nadmin: WRITE TRANSACTIONAL_ID g-n-1 if\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := worker(t, distributed(row.worker...))
			own, _ := Needs(w, nil, nil)
			needs, gaps := Needs(w, []*Connector{connector(t, row.kind, row.settings...)}, map[string][]string{"n": row.topics})
			assert.Equal(t, row.want, text(needs[len(own):], gaps))
			for _, n := range needs {
				assert.NotEmpty(t, n.Without, "%v", n)
			}
		})
	}
}

// TestConfigurationErrors has configurations that are refused, with what is said.
func TestConfigurationErrors(t *testing.T) {
	for name, row := range map[string]struct {
		settings map[string]string
		want     string
	}{
		"topics":       {pairs("group.id", "g", "status.storage.topic", " "), "config.storage.topic is missing: a distributed worker, which has group.id, needs it\noffset.storage.topic is missing: a distributed worker, which has group.id, needs it\nstatus.storage.topic is missing: a distributed worker, which has group.id, needs it"},
		"exactly once": {distributed("exactly.once.source.support", "yes"), "exactly.once.source.support: \"yes\": expected disabled, preparing or enabled"},
		"standalone":   {pairs("exactly.once.source.support", "enabled"), "exactly.once.source.support needs a distributed worker: group.id is missing"},
	} {
		t.Run("worker, "+name, func(t *testing.T) {
			w, err := NewWorker(row.settings)
			require.EqualError(t, err, row.want)
			assert.Nil(t, w)
		})
	}
	t.Run("worker with an unknown policy", func(t *testing.T) {
		w, err := NewWorker(distributed(policyKey, "com.example.Mine"))
		require.ErrorContains(t, err, "com.example.Mine")
		require.NotNil(t, w)
		assert.False(t, w.Policy.Allows("acks"))
		assert.Equal(t, "None", w.Policy.String())
	})
	for name, row := range map[string]struct {
		settings map[string]string
		want     string
	}{
		"empty":      {nil, "name is missing: the connector needs one\nconnector.class is missing: the connector needs one"},
		"kind":       {pairs("name", "n", "connector.class", "a.B"), "connector \"n\" of class \"a.B\": whether it is a source or a sink is not known"},
		"tasks":      {pairs("name", "n", "connector.class", "MySink", "tasks.max", "1001"), "tasks.max: \"1001\": expected a number from 1 to 1000"},
		"two topics": {pairs("name", "n", "connector.class", "MySink", "topics", "a", "topics.regex", "b"), "topics and topics.regex are both given: a sink has one of them"},
	} {
		t.Run("connector, "+name, func(t *testing.T) {
			_, err := NewConnector(row.settings, 0)
			require.EqualError(t, err, row.want)
		})
	}
}

// TestKinds has classes, with what they are taken for.
func TestKinds(t *testing.T) {
	for class, want := range map[string]Kind{"FileStreamSource": Source, "org.apache.kafka.connect.file.FileStreamSinkConnector": Sink, "a.MySourceConnector": Source, "MySink": Sink,
		"MirrorCheckpoint": Source, "io.debezium.connector.mysql.MySqlConnector": Source} {
		c, err := NewConnector(pairs("name", "n", "connector.class", class), 0)
		require.NoError(t, err, class)
		assert.Equal(t, want, c.Kind, class)
	}
	for _, text := range []string{"", "Source", "sinks"} {
		_, err := ParseKind(text)
		assert.Error(t, err, text)
	}
	assert.Equal(t, "unknown", Kind(0).String())
	assert.Equal(t, "Client(9)", Client(9).String())
}
