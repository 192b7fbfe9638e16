package kmsgtest

import (
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// refusedKeys are the keys of kmsg for which the table has no row, with the reason. A
// request with such a key is refused.
var refusedKeys = map[ops.APIKey]string{
	93: "StreamsGroupTopologyDescriptionUpdate, which Kafka 4.2.1 does not have",
	94: "UnregisterController, which Kafka 4.2.1 does not have",
}

// otherVersions are the newest versions in kmsg where Kafka 4.2.1 has another newest
// version. They belong to a later release, and are refused. The exception is
// InitProducerId: kmsg lacks the version for two-phase commit, which is unstable in
// 4.2.1.
var otherVersions = map[ops.APIKey]int16{
	18: 5, // ApiVersions
	22: 5, // InitProducerId
	28: 6, // TxnOffsetCommit
	35: 5, // DescribeLogDirs
	42: 3, // DeleteGroups
	63: 2, // BrokerHeartbeat
	88: 1, // StreamsGroupHeartbeat
	89: 1, // StreamsGroupDescribe
}

type allowAll struct{}

func (allowAll) Allowed(ops.Operation, resource.Type, string) bool { return true }
func (allowAll) AllowedAny(ops.Operation, resource.Type) bool      { return true }

// refuses reports whether a version is refused at both endpoints even if everything is
// allowed.
func refuses(key ops.APIKey, version int16) bool {
	for _, endpoint := range []ops.Endpoint{ops.Broker, ops.Controller} {
		r := ops.Request{Key: key, Version: version, Endpoint: endpoint}
		if ops.Evaluate(allowAll{}, &r).Error != ops.UnsupportedVersion {
			return false
		}
	}
	return true
}

// TestEveryRequestHasARow checks that every key in kmsg has a row with the newest
// version, or an explicit refusal, and that every row has a key in kmsg.
func TestEveryRequestHasARow(t *testing.T) {
	known := 0
	for key := ops.APIKey(0); key <= kmsg.MaxKey+1; key++ {
		request := kmsg.RequestForKey(int16(key))
		api, row := ops.Lookup(key)
		_, refused := refusedKeys[key]
		switch {
		case request == nil && row:
			t.Errorf("%d %v: a row for a key that kmsg does not have", key, key)
		case request != nil && row == refused:
			t.Errorf("%d %s: row %v, refusal %v", key, kmsg.NameForKey(int16(key)), row, refused)
		case request != nil && row:
			known++
			compare(t, api, request)
		}
		if !row && !refuses(key, 0) {
			t.Errorf("%d: no row, and not refused", key)
		}
	}
	if known != len(ops.APIs()) {
		t.Errorf("%d of %d rows compared", known, len(ops.APIs()))
	}
}

func compare(t *testing.T, api ops.API, request kmsg.Request) {
	if name := kmsg.NameForKey(int16(api.Key)); !strings.EqualFold(name, api.Key.String()) && renamed[api.Key] != name {
		t.Errorf("%d is %v here and %s in kmsg", api.Key, api.Key, name)
	}
	newest := request.MaxVersion()
	want, other := otherVersions[api.Key]
	if !other {
		want = api.MaxVersion
	}
	if newest != want || other && newest == api.MaxVersion {
		t.Errorf("%v: versions to %d here, to %d in kmsg", api.Key, api.MaxVersion, newest)
	}
	for version := api.MaxVersion + 1; version <= newest+1; version++ {
		if !refuses(api.Key, version) {
			t.Errorf("%v: version %d is not refused", api.Key, version)
		}
	}
}

// renamed are the names in kmsg that differ from Kafka's in more than case.
var renamed = map[ops.APIKey]string{45: "AlterPartitionAssignments"}
