package fuzz_test

import (
	"slices"

	"github.com/portcullis-authz/portcullis/ops"
)

// opsPlacements says what the words of the cases for the place of an error mean in
// the words of the protocol table.
var opsPlacements = map[string][]string{
	"EnvelopeResponse.errorCode":                         {"the error code of the envelope's response"},
	"broker: per partition; controller: top-level (v7+)": {"at a controller the error code of the response, and below version 13 also every partition; at a broker nowhere"},
	"every creation result":                              {"the result of each creation"},
	"every entry":                                        {"each entry of the request"},
	"every filter result":                                {"the result of each filter"},
	"every partition":                                    {opsEveryPartition, "every partition of every marker; nowhere without markers"},
	"every user":                                         {"the result of each user"},
	"group: top-level; topic: per partition":             {"for the group: the error code of the response; for a topic: each of its partitions"},
	"group: top-level; topic: per topic":                 {"for the group: the error code of the response; for a topic: its entry"},
	"never an authorization error":                       {"nowhere: a denial is never an error"},
	"no top-level field: the code is copied onto every partition of the request": {opsEveryPartition},
	"per group":                     {"each group"},
	"per partition":                 {"each partition"},
	"per resource":                  {"each resource"},
	"per topic":                     {"each topic"},
	"per transactional id":          {"each transactional id"},
	"top-level and every partition": {"the error code of the response, and every partition"},
	"top-level errorCode":           {"the error code of the response", "the error code of the response, and the result of each user"},
	"v1+: top-level and every named partition; v0: named partitions only": {"the error code of the response from version 1, and every partition in the request; in version 0 a request for all partitions gets no error"},
	"v3+: top-level; v0-2: silent empty":                                  {"the error code of the response from version 3; nowhere below"},
	"v4+: per key; v0-3: top-level":                                       {"each key from version 4, the error code of the response before"},
	"v4+: top-level; v0-3: every partition":                               {"the error code of the response from version 4; every partition before"},
	"v8+: per group; v2-7: top-level; v1: per partition":                  {"for a group: its entry from version 8; the error code of the response in versions 2 to 7; every partition in version 1 (before Kafka 4.1 an empty list without an error)"},
}

const opsEveryPartition = "every partition of the request; the response has no error code of its own"

// comparePlacement compares where the error of a whole request stands.
func (m *opsComparison) comparePlacement(key ops.APIKey, want string) {
	if want == "" {
		return
	}
	m.checks++
	if api, _ := ops.Lookup(key); !slices.Contains(opsPlacements[want], api.Placement) {
		m.differ("placement of the error", api.Placement, want)
	}
}
