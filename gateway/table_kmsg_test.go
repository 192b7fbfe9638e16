package gateway_test

import (
	"strings"
	"testing"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// otherVersions are the newest versions in kmsg where Kafka has another newest version:
// kmsg lacks the version of InitProducerId for two-phase commit, which is unstable in 4.4.
var otherVersions = map[ops.APIKey]int16{ops.InitProducerIDKey: 5}

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

// TestEveryRequestHasARow checks that every key in kmsg has a row with the newest version,
// and that every row has a key in kmsg.
func TestEveryRequestHasARow(t *testing.T) {
	known := 0
	for key := ops.APIKey(0); key <= kmsg.MaxKey+1; key++ {
		request := kmsg.RequestForKey(int16(key))
		api, row := ops.Lookup(key)
		switch {
		case request == nil && row:
			t.Errorf("%d %v: a row for a key that kmsg does not have", key, key)
		case request != nil && !row:
			t.Errorf("%d %s: no row", key, kmsg.NameForKey(int16(key)))
		case request != nil && row:
			known++
			compareRow(t, api, request)
		}
		if !row && !refuses(key, 0) {
			t.Errorf("%d: no row, and not refused", key)
		}
	}
	if known != len(ops.APIs()) {
		t.Errorf("%d of %d rows compared", known, len(ops.APIs()))
	}
}

func compareRow(t *testing.T, api ops.API, request kmsg.Request) {
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
