package relay_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/relay"
	"github.com/portcullis-authz/portcullis/principal"
)

// TestIdleBeginsWithTheAnswer: a connection is idle from its last answer on, not from its last
// request: a client that has just been answered is not disconnected.
func TestIdleBeginsWithTheAnswer(t *testing.T) {
	brokers, c := cluster(t)
	brokers.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		brokers.KeepControl()
		if len(r.(*kmsg.MetadataRequest).Topics) > 0 {
			brokers.SleepControl(func() { time.Sleep(2500 * time.Millisecond) })
		}
		return nil, nil, false
	})
	r, err := relay.New(c, relay.Limits{Idle: 3 * time.Second})
	require.NoError(t, err)
	s := serve(t, r, relay.Known{Principal: principal.Anonymous, Host: netip.MustParseAddr("127.0.0.1")})
	s.ask(metadata(), 8)
	time.Sleep(1500 * time.Millisecond) // half of Idle
	s.ask(kmsg.NewPtrApiVersionsRequest(), 0)
}
