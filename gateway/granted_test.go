package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// TestGranted: a plan says whether something was allowed, of a list once the answer is made.
func TestGranted(t *testing.T) {
	metadata := func(names ...string) *kmsg.MetadataRequest {
		m := kmsg.NewPtrMetadataRequest()
		m.Version = 9
		if names != nil {
			m.Topics = []kmsg.MetadataRequestTopic{}
		}
		for _, name := range names {
			m.Topics = append(m.Topics, kmsg.MetadataRequestTopic{Topic: &name})
		}
		return m
	}
	topics := func(names ...string) *kmsg.MetadataResponse {
		r := kmsg.NewPtrMetadataResponse()
		r.Version = 9
		for _, name := range names {
			r.Topics = append(r.Topics, kmsg.MetadataResponseTopic{Topic: &name})
		}
		return r
	}
	for name, tt := range map[string]struct {
		request       kmsg.Request
		answer        kmsg.Response
		before, after bool
	}{
		"needs no right":          {metadata([]string{}...), topics(), false, false},
		"refused":                 {metadata("hidden"), topics(), false, false},
		"one of two":              {metadata("hidden", "t"), topics("t"), true, true},
		"a list, of which one is": {metadata(), topics("hidden", "t"), false, true},
		"a list, of which none":   {metadata(), topics("hidden"), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, gateway.Config{Store: allowing(t, "Describe Topic:t")})
			plan, err := g.Conn(client("alice")).Request(frameOf(tt.request))
			require.NoError(t, err)
			assert.Equal(t, tt.before, plan.Granted())
			var replies [][]byte
			if plan.Frames() > 0 {
				require.NotNil(t, tt.answer)
				replies = append(replies, replyOf(tt.answer))
			}
			_, err = plan.Response(replies...)
			require.NoError(t, err)
			assert.Equal(t, tt.after, plan.Granted())
		})
	}
	assert.False(t, new(gateway.Plan).Granted())
}
