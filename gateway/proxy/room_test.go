package proxy_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestAllowedWhileWaitingForRoom: a client's first request is refused, and its answer waits
// for room. Meanwhile the right is granted. The request is then forwarded to the broker, to
// which the connection has not connected yet.
func TestAllowedWhileWaitingForRoom(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	s := store(t)
	p := start(t, cluster, proxy.Config{Store: s, Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 2 * mebibyte, Frame: time.Minute}})
	full := p.takeRoom(t, time.Minute)
	time.Sleep(2 * time.Second)
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = make([]string, 2400)
	for i := range describe.Groups {
		describe.Groups[i] = "g"
	}
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	w.send(describe, 5)
	time.Sleep(time.Second)
	replace(t, s, "bob ALLOW DESCRIBE GROUP g")
	full.Close() // the room is free
	w.receive(describe)
}
