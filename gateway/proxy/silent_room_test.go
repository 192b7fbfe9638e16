package proxy_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestAllowedBehindASilentProduce: as TestAllowedWhileWaitingForRoom, but the broker is
// connected, and busy with a Produce with acks=0. The change waits for a fence, and is refused
// when the right has gone again meanwhile.
func TestAllowedBehindASilentProduce(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	cluster.ControlKey(0, func(r kmsg.Request) (kmsg.Response, error, bool) {
		time.Sleep(6 * time.Second)
		return nil, nil, false
	})
	var handled atomic.Int32
	cluster.ControlKey(20, func(r kmsg.Request) (kmsg.Response, error, bool) {
		handled.Add(1)
		return nil, nil, false
	})
	s := store(t, "bob ALLOW WRITE TOPIC open")
	p := start(t, cluster, proxy.Config{Store: s, Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 2 * mebibyte, Frame: time.Minute}})
	full := p.takeRoom(t, time.Minute)
	w := dial(t, p.Addresses()[0])
	_ = w.SetDeadline(time.Now().Add(time.Minute))
	w.login("bob", passwords["bob"])
	w.works()
	time.Sleep(2 * time.Second)
	w.send(silentProduce(), 9)
	remove := kmsg.NewPtrDeleteTopicsRequest()
	for i := range 300 {
		remove.TopicNames = append(remove.TopicNames, fmt.Sprintf("%s-%d", strings.Repeat("n", 100), i))
	}
	w.send(remove, 4)
	time.Sleep(time.Second)
	replace(t, s, "bob ALLOW WRITE TOPIC open", "bob ALLOW DELETE TOPIC *")
	full.Close() // the room is free
	time.Sleep(time.Second)
	replace(t, s) // all rights are gone
	require.Zero(t, handled.Load(), "the broker is still busy")
	time.Sleep(6 * time.Second)
	assert.Zero(t, handled.Load(), "changes that are carried out after the right was gone")
}
