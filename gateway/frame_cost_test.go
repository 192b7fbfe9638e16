package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway"
)

// TestLoginRequestsAreCheap: requests that any client may send before login cost only
// their decoding, and not a search for their layout each time.
func TestLoginRequestsAreCheap(t *testing.T) {
	for _, m := range []kmsg.Request{kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()} {
		m.SetVersion(m.MaxVersion())
		frame := frameOf(m)
		h, err := gateway.ParseHeader(frame)
		require.NoError(t, err)
		read := func() {
			_, err = h.Request(frame)
			require.NoError(t, err)
		}
		assert.LessOrEqual(t, testing.AllocsPerRun(100, read), 10.0, kmsg.NameForKey(m.Key()))
	}
}
