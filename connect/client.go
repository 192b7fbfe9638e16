package connect

import (
	"fmt"
	"maps"
	"strings"
)

// Client is one of the Kafka clients that Connect makes. Each may have a principal of its own.
// The zero Client is none.
type Client int8

// The clients.
const (
	// WorkerClient is the worker itself: its group and its internal topics.
	WorkerClient Client = 1 + iota
	// ProducerClient is the producer of a source connector, and that of a sink's dead-letter queue.
	ProducerClient
	// ConsumerClient is the consumer of a sink connector, and the one that reads the offsets of a
	// source.
	ConsumerClient
	// AdminClient creates topics, fences transactional ids, and answers for offsets.
	AdminClient
	// ReporterProducer and ReporterAdmin are the clients of the reporter that Confluent's
	// connectors have.
	ReporterProducer
	ReporterAdmin
)

var clientNames = [...]string{"none", "worker", "producer", "consumer", "admin", "reporter-producer", "reporter-admin"}

// String returns the name of the client, such as producer.
func (c Client) String() string {
	if c < 0 || int(c) >= len(clientNames) {
		return fmt.Sprintf("Client(%d)", int8(c))
	}
	return clientNames[c]
}

// MarshalText returns the name of the client.
func (c Client) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// ConnectorClients are the clients that Connect makes for a connector.
func ConnectorClients() []Client { return []Client{ProducerClient, ConsumerClient, AdminClient} }

// overridePrefix begins the keys with which a connector overrides the settings of a client.
func (c Client) overridePrefix() string { return c.String() + ".override." }

// workerPrefix begins the keys of a worker for a client of its connectors.
func (c Client) workerPrefix() string { return c.String() + "." }

// ClientConfig returns the settings of a client of a connector that decide where it connects, as
// whom, and in which group: those of the worker for it, and over them those of the connector as
// far as the worker's policy allows. For [WorkerClient] the connector may be nil. Only the admin
// client also has the settings of the worker that have no prefix.
//
// The result has no defaults but bootstrap.servers, and a sink's group.id. References to secrets
// stay as they are.
//
// Source: Worker.baseProducerConfigs, baseConsumerConfigs and adminConfigs, Kafka 4.4.0.
func (w *Worker) ClientConfig(client Client, c *Connector) map[string]string {
	settings := map[string]string{}
	if client == WorkerClient || client == AdminClient {
		for key, value := range w.settings {
			if !strings.HasPrefix(key, "producer.") && !strings.HasPrefix(key, "consumer.") && !strings.HasPrefix(key, "admin.") {
				settings[key] = value
			}
		}
	}
	if client == WorkerClient {
		return settings
	}
	settings["bootstrap.servers"] = w.settings["bootstrap.servers"]
	if prefix, ok := reporterPrefixes[client]; ok {
		// The reporter is the connector's own code: the worker's settings do not reach it.
		servers := c.settings["reporter.bootstrap.servers"]
		settings = withPrefix(c.settings, prefix)
		if _, own := settings["bootstrap.servers"]; !own && servers != "" {
			settings["bootstrap.servers"] = servers
		}
		return settings
	}
	if client == ConsumerClient && c.Kind == Sink {
		settings["group.id"] = "connect-" + c.Name
	}
	maps.Copy(settings, withPrefix(w.settings, client.workerPrefix()))
	for key, value := range withPrefix(c.settings, client.overridePrefix()) {
		if w.Policy.Allows(key) {
			settings[key] = value
		}
	}
	return settings
}

// reporterPrefixes begin the settings of the clients of a reporter.
//
// Source: Confluent's documentation, "Connect Reporter".
var reporterPrefixes = map[Client]string{ReporterProducer: "reporter.producer.", ReporterAdmin: "reporter.admin."}
