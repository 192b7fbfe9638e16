package gateway_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// TestLongClientIDs: a client id that is not UTF-8 grows when it is rewritten as Kafka
// reads it. If its length then overflowed, the cluster would read another request than
// the one that was decided: one hidden in the client id.
func TestLongClientIDs(t *testing.T) {
	m := kmsg.NewPtrMetadataRequest()
	m.SetVersion(4)
	m.Topics = []kmsg.MetadataRequestTopic{{Topic: new("mine")}}
	smuggled := kmsg.NewPtrMetadataRequest()
	smuggled.SetVersion(4)
	smuggled.Topics = []kmsg.MetadataRequestTopic{{Topic: new("secret")}}
	hidden := "id" + string(smuggled.AppendTo(nil))
	for _, tt := range []struct {
		name    string
		id      string
		refused bool
	}{
		{"UTF-8 of the longest length", strings.Repeat("x", 1<<15-1), false},
		{"decoded it has the longest length", strings.Repeat("x", 1<<15-1-3) + "\xff", false},
		{"decoded it is longer", strings.Repeat("x", 1<<15-1-2) + "\xff", true},
		{"decoded its length is that of another", hidden + strings.Repeat("\xff", 21_000) + strings.Repeat("x", 1<<16+2-3*21_000-len(hidden)), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frame := binary.BigEndian.AppendUint32([]byte{0, 3, 0, 4}, 9)
			frame = binary.BigEndian.AppendUint16(frame, uint16(len(tt.id)))
			frame = m.AppendTo(append(frame, tt.id...))
			store := allowing(t, "Describe Topic:mine", "Create Topic:mine")
			plan, err := newGateway(t, gateway.Config{Store: store, Cluster: cluster{}}).Conn(client("alice")).Request(frame)
			if tt.refused {
				require.ErrorContains(t, err, "malformed")
				return
			}
			require.NoError(t, err)
			requests := sent[*kmsg.MetadataRequest](t, plan)
			require.Len(t, requests, 1)
			require.Len(t, requests[0].Topics, 1)
			assert.Equal(t, "mine", *requests[0].Topics[0].Topic)
		})
	}
}
