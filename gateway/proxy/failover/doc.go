// Package failover holds the tests of the proxy in front of three real brokers that fail.
//
// Java clients and franz-go clients produce and consume, each kind both directly and
// through the proxy. Meanwhile a leader is killed, a broker and the proxy are restarted,
// the coordinators move and the connections of the proxy are cut off. Afterwards the logs
// are read from the brokers: every acknowledged record must be there once, in its order,
// at the offset that was acknowledged, and nothing else. A gap in the answers that the
// clients of the proxy see may be a second longer than the gap that the direct clients see
// at the same time.
//
// Other tests here need real brokers too: what a revoked client can still do, what a mirror
// does when its brokers hang or are gone, and brokers of old versions.
//
// See the package kafkatest for what the tests need. With -soak, faults come at random for
// that long; -seed repeats a run:
//
//	go test ./gateway/proxy/failover
//	go test ./gateway/proxy/failover -run Failover -soak 3h -seed 7 -timeout 0
package failover
