package gateway

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// TestEveryAPIHasARow: for every version that the gateway serves, the table says how the
// request is read, which of its entries are decided separately if the protocol table
// decides about entries, and what a refusal looks like.
func TestEveryAPIHasARow(t *testing.T) {
	kinds := 0
	for _, endpoint := range []ops.Endpoint{ops.Broker, ops.Controller} {
		for key, served := range servedVersions(endpoint) {
			row, ok := ops.Lookup(key)
			require.True(t, ok, "%v", key)
			a := apiOf(key)
			for version := served.min; version <= served.max; version++ {
				kinds++
				t.Run(fmt.Sprint(endpoint, " ", key, " ", version), func(t *testing.T) {
					entries := a.entriesIn(version)
					assert.True(t, a.read != nil || entries != nil, "nothing reads the request")
					assert.True(t, a.refuse != nil || entries != nil, "nothing refuses the request")
					if entries == nil {
						return
					}
					assert.True(t, decidesEntries(row), "the protocol table decides nothing entry by entry")
					m := kind{key, version, false}.blank().(kmsg.Request)
					assert.NotNil(t, entries.of(m))
					entries.refuseAll(&refusal{query: &query{message: m}}, m, m.ResponseKind())
				})
			}
			if served.max >= a.entriesFrom && decidesEntries(row) {
				assert.NotNil(t, a.entriesIn(served.max), "%v: no entries for what the protocol table decides", key)
			}
		}
	}
	assert.Equal(t, 428, kinds)
}

// withoutEntries are APIs about whose entries the protocol table decides, but which are
// not entries of the request: they are in the response, or refuse the whole request.
var withoutEntries = []ops.APIKey{ops.ListGroupsKey, ops.ListTransactionsKey, ops.DescribeDelegationTokenKey, ops.ConsumerGroupHeartbeatKey}

func decidesEntries(row ops.API) bool {
	return !slices.Contains(withoutEntries, row.Key) && len(row.Items)+perItem(row) > 0
}

func perItem(row ops.API) (n int) {
	for _, s := range row.Steps {
		if s.PerItem {
			n++
		}
	}
	return n
}
