package gateway

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/ops"
)

// TestArraysAreLimited: arrays of more than a million entries, and structures with more than
// 10,000 tags, are refused as by Kafka 4.4.0, before memory is allocated for them.
//
// Source: Kafka 4.4.0's generated messages (CVE-2026-111115).
func TestArraysAreLimited(t *testing.T) {
	groups := func(n int) []byte { // a DescribeGroups of version 5 with n names of twenty bytes
		frame := append(binary.BigEndian.AppendUint16(nil, uint16(ops.DescribeGroupsKey)), 0, 5, 0, 0, 0, 7, 0, 1, 'c', 0)
		frame = binary.AppendUvarint(frame, uint64(n+1))
		name := append([]byte{21}, bytes.Repeat([]byte{'g'}, 20)...)
		return append(append(frame, bytes.Repeat(name, n)...), 0, 0)
	}
	tags := func(n int) []byte { // an ApiVersions of version 3 with n unknown tags
		frame := append(binary.BigEndian.AppendUint16(nil, uint16(ops.APIVersionsKey)), 0, 3, 0, 0, 0, 7, 0, 1, 'c', 0, 2, 'x', 2, '1')
		frame = binary.AppendUvarint(frame, uint64(n))
		for i := range n {
			frame = append(binary.AppendUvarint(frame, uint64(1000+i)), 0)
		}
		return frame
	}
	for _, tt := range []struct {
		name  string
		frame []byte
		err   string
	}{
		{"a million entries", groups(1_000_000), "may use more memory than its size allows"}, // which is another limit
		{"an entry more", groups(1_000_001), "an array of 1000001 entries: expected at most 1000000"},
		{"ten thousand tags", tags(10_000), ""},
		{"a tag more", tags(10_001), "10001 tags of a structure: expected at most 10000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, client := halfGateway(t, ops.Broker)
			conn := g.Conn(client)
			var err error
			took := allocated(func() { _, err = conn.Request(tt.frame) })
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
			assert.Less(t, took, int64(1<<20), "bytes")
		})
	}
}
