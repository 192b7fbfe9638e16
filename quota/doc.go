// Package quota finds the client quotas that Kafka would apply to a client, and how long Kafka would
// throttle it.
//
// A [Table] holds the quotas of a cluster: those of a user, of a client id, of both, and of addresses,
// with defaults for each. [Table.Find] returns the limit for a client and the [Bucket] that it counts
// in, since clients with the same bucket share one limit. A [Rate] measures bytes or time over Kafka's
// windows, and [Tokens] counts changes of topics and connections. [Tracker] does both for many clients
// with bounded memory.
//
// The precedence and the arithmetic are those of Kafka 4.4.0's ClientQuotaManager,
// ClientRequestQuotaManager and ControllerMutationQuotaManager without a callback of its own
// (client.quota.callback.class); tests compare them with these classes. See the section "Quotas" of
// Kafka's documentation, KIP-13, KIP-55, KIP-124, KIP-599 and KIP-612.
package quota
