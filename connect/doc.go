// Package connect says what Kafka Connect and its connectors may do, and what they need to.
//
// A connector has no principal: its producer, its consumer and its admin client have one each,
// which comes from settings of the worker and, as far as an [OverridePolicy] lets it, of the
// connector. [Worker.ClientConfig] says what the settings of a client are. [Needs] lists the
// rights that a worker and its connectors need, each with the client that needs it. [Lint] finds
// configurations that give away more than they seem to.
//
// The package reads configurations; it opens no file and no connection. Its functions are pure,
// and its values are safe for concurrent use once they are made.
//
// Source: the classes of connect-runtime 4.4.0 (AbstractHerder, Worker, DistributedHerder and the
// policies), KIP-158 (topic creation), KIP-297 (references to secrets), KIP-458 (overrides),
// KIP-618 (exactly-once sources), KIP-1188 (the allowlist).
package connect
