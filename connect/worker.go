package connect

import (
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// Worker is the configuration of a worker.
type Worker struct {
	// Policy is what connectors may override.
	Policy OverridePolicy
	// Group is group.id; "" in a standalone worker, which has no group.
	Group string
	// ExactlyOnce is exactly.once.source.support.
	ExactlyOnce ExactlyOnce
	// CreatesTopics is topic.creation.enable.
	CreatesTopics bool

	settings map[string]string
}

// ExactlyOnce is how a worker supports exactly-once sources (KIP-618).
type ExactlyOnce int8

// The values of exactly.once.source.support.
const (
	Disabled  ExactlyOnce = iota
	Preparing             // the leader writes in transactions, sources do not
	Enabled
)

// internalTopics are the settings that name the internal topics of a distributed worker.
var internalTopics = []string{"config.storage.topic", "offset.storage.topic", "status.storage.topic"}

// NewWorker returns the worker with the settings of a properties file, which must not be changed
// afterwards. A worker without group.id is standalone. The error lists everything that a
// distributed worker lacks, and a policy that is not known; with such a policy alone the worker
// is returned too, and lets no connector override anything.
func NewWorker(settings map[string]string) (*Worker, error) {
	w := &Worker{settings: settings, Group: settings["group.id"], CreatesTopics: isTrue(settings["topic.creation.enable"], true)}
	var errs []error
	switch text := settings["exactly.once.source.support"]; strings.ToLower(trimJava(text)) {
	case "", "disabled":
	case "preparing":
		w.ExactlyOnce = Preparing
	case "enabled":
		w.ExactlyOnce = Enabled
	default:
		errs = append(errs, fmt.Errorf("exactly.once.source.support: %q: expected disabled, preparing or enabled", lines.Cut(text, maxPrinted)))
	}
	if w.IsDistributed() {
		for _, key := range internalTopics {
			if trimJava(settings[key]) == "" {
				errs = append(errs, fmt.Errorf("%s is missing: a distributed worker, which has group.id, needs it", key))
			}
		}
	} else if w.ExactlyOnce != Disabled {
		errs = append(errs, errors.New("exactly.once.source.support needs a distributed worker: group.id is missing"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var err error
	w.Policy, err = ParseOverridePolicy(settings)
	return w, err
}

// IsDistributed reports whether the worker is one of a group. A standalone worker keeps its
// offsets in a file.
func (w *Worker) IsDistributed() bool { return w.Group != "" }

// topic returns an internal topic by its setting.
func (w *Worker) topic(key string) string { return trimJava(w.settings[key]) }

// ValidatedClients returns the clients of a connector whose overrides the worker looks at before
// it accepts a configuration.
//
// Source: AbstractHerder and DistributedHerder, connectorUsesProducer, connectorUsesAdmin and
// connectorUsesConsumer, Kafka 4.4.0.
func (w *Worker) ValidatedClients(c *Connector) []Client {
	var clients []Client
	add := func(client Client, uses bool) {
		if uses {
			clients = append(clients, client)
		}
	}
	source := c.Kind == Source
	separate := source && w.IsDistributed() && (w.ExactlyOnce == Enabled || c.offsetsTopic() != "")
	add(ProducerClient, source || c.deadLetters() != "")
	add(ConsumerClient, !source || separate)
	add(AdminClient, source && c.createsTopics() || !source && c.deadLetters() != "" || separate)
	return clients
}
