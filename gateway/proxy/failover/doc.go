// Package failover holds the tests of the proxy in front of three real brokers that fail.
//
// Java clients and franz-go clients produce and consume, each kind both directly and
// through the proxy. Meanwhile a leader is killed, a broker and the proxy are restarted,
// the coordinators move and the connections of the proxy are cut off. Afterwards the logs
// are read from the brokers: every acknowledged record must be there once, in its order,
// at the offset that was acknowledged, and nothing else. A gap in the answers that the
// clients of the proxy see may be a second longer than the gap that the direct clients see
// at the same time. There are two direct clients of each kind, and the slower one counts:
// on a busy machine they differ from each other by seconds.
//
// Other tests here need real brokers too: what a revoked client can still do, what a mirror
// does when its brokers hang or are gone, a proxy that is restarted with many ACLs, and
// brokers of old versions.
//
// See the package kafkatest for what the tests need. The first command below runs all of
// them. With -short there are fewer faults. With -soak they come at random for that long;
// -seed repeats a run; -acls is how many ACLs a proxy is restarted with. A machine that has
// other work needs an -allowance of more than the second:
//
//	go test -timeout 30m ./gateway/proxy/failover
//	go test -timeout 30m ./gateway/proxy/failover -run 'Failover|Restart' -short -acls 100000
//	go test ./gateway/proxy/failover -run Failover -soak 3h -seed 7 -timeout 0
package failover
