package connect

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/internal/kafkatest"
)

// What drawn configurations are made from.
var (
	drawnPolicies = []string{"All", "None", "None", "None", "Principal", "Principal", "Principal", "Allowlist", "Allowlist", "Allowlist", "Allowlist", "Allowlist", "none", " None ", "", "x.Y",
		policySuffix, "None" + policySuffix, policyPackage + "All" + policySuffix, policyPackage + "None", "Allowlist" + policySuffix}
	drawnAllowlists = []string{"-", "", " ", ",", "acks", "acks,", "acks,,group.id", "acks,acks", " acks ,\tgroup.id ", "sasl.jaas.config,security.protocol",
		"producer.override.acks", "ACKS", "acks;group.id", "\u00a0acks", "group.id,transactional.id"}
	drawnKeys = []string{"acks", "acks ", "ACKS", "group.id", "transactional.id", "sasl.jaas.config", "sasl.mechanism", "security.protocol",
		"bootstrap.servers", "interceptor.classes", "", ".", "producer.override.acks", "x\ty", "ä", "no.such.key"}
	drawnOthers = []string{"name", "topic.creation.groups", "topic.creation.default.partitions", "topic.creation.", "topic.creation", "topics",
		"offsets.storage.topic", "errors.deadletterqueue.topic.name", "errors.deadletterqueue.topic.replication.factor"}
	drawnValues = []string{"", " ", "a", "\t", "b,c"}
)

// drawnConfiguration is one question for Kafka's classes.
type drawnConfiguration struct {
	worker, connector map[string]string
	kind              Kind
}

func drawConfiguration(r *rand.Rand) drawnConfiguration {
	one := func(list []string) string { return list[r.IntN(len(list))] }
	d := drawnConfiguration{connector: map[string]string{}, kind: Source + Kind(r.IntN(2)), worker: map[string]string{
		"group.id": "g", "config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s",
		policyKey: one(drawnPolicies), "exactly.once.source.support": one([]string{"disabled", "preparing", "enabled"})}}
	if list := one(drawnAllowlists); list != "-" {
		d.worker[allowlistKey] = list
	}
	for range r.IntN(6) {
		d.connector[one([]string{"producer", "consumer", "admin", "producer", "Producer"})+one([]string{".override.", ".override.", ".override.", "."})+one(drawnKeys)] = one(drawnValues)
	}
	for range r.IntN(3) {
		d.connector[one(drawnOthers)] = one(drawnValues)
	}
	return d
}

// ours returns the errors that this package finds, a line each, or false if there is no such worker.
func (d drawnConfiguration) ours() (lines []string, ok bool) {
	w, err := NewWorker(d.worker)
	if err != nil {
		return nil, false
	}
	c := &Connector{Name: "n", Kind: d.kind, settings: d.connector}
	for _, refused := range w.Policy.Refused(d.connector, w.ValidatedClients(c)...) {
		lines = append(lines, refused.Setting()+"\t"+refused.Message())
	}
	return lines, true
}

// kafkas returns those that a distributed worker finds.
func (d drawnConfiguration) kafkas(jvm *kafkatest.JVM) (lines []string, ok bool) {
	list, given := d.worker[allowlistKey]
	if !given {
		list = "-"
	}
	args := []string{d.worker[policyKey], list, d.worker["exactly.once.source.support"], d.kind.String()}
	for key, value := range d.connector {
		args = append(args, key, value)
	}
	answer, err := jvm.Call("ConnectOverrides", args...)
	if err != nil {
		return nil, false
	}
	if answer == "" {
		return nil, true
	}
	return strings.Split(answer, "\n"), true
}

// TestKafkaOverrides compares what a worker of Kafka 4.4.0 refuses in drawn configurations of
// connectors with what this package does.
func TestKafkaOverrides(t *testing.T) {
	const runs = 15_000
	jvm := kafkatest.StartJVM(t, "4.4.0", "testdata/ConnectOverrides.java")
	r := rand.New(rand.NewPCG(1, 26))
	refused, errors := 0, 0
	for i := range runs {
		d := drawConfiguration(r)
		want, okWant := d.kafkas(jvm)
		got, ok := d.ours()
		require.Equal(t, okWant, ok, "%d: %v", i, d)
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got, "%d: %v", i, d)
		if refused += len(want); !ok {
			errors++
		}
	}
	assert.Greater(t, runs-errors, 10_000)
	assert.Greater(t, refused, 5_000)
	assert.Greater(t, errors, 1_000)
	t.Logf("%d sets of overrides compared: %d refused keys, %d workers that do not start", runs, refused, errors)
}
