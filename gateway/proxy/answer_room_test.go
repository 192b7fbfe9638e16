package proxy_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestAnswersAreMadeInTheirRoom: an answer that is made here, and the denials of its request,
// are in memory only once there is room for them. Until then the proxy keeps little more than
// the bytes of the requests, however many connections wait of somebody who does not read.
func TestAnswersAreMadeInTheirRoom(t *testing.T) {
	const framesBytes, flood = 32 * mebibyte, 1000
	cluster := upstream(t, kfake.NumBrokers(1))
	p := start(t, cluster, proxy.Config{Store: store(t), Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: framesBytes, Frame: 10 * time.Minute}})
	// First he takes his share of the room for answers.
	for range 10 {
		p.takeRoom(t, 10*time.Minute)
	}
	// Then he asks for groups by the shortest names, over many connections.
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = make([]string, 2400)
	describe.SetVersion(5)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, describe, 1)
	var all []*wire
	for range flood {
		all = append(all, p.reluctant(t, 10*time.Minute))
	}
	eventually(t, "his share of the room is taken", func() bool { return p.FramesHeld() > 10*mebibyte })
	time.Sleep(3 * time.Second)
	runtime.GC()
	before, after := heap(), uint64(0)
	for _, w := range all {
		w.write(frame)
	}
	// What remains counts: a busy machine takes long to decide about all of them.
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		time.Sleep(5 * time.Second)
		runtime.GC()
		if after = heap(); (int64(after)-int64(before))/int64(flood*len(frame)) < 17 {
			break
		}
	}
	t.Logf("%d requests of %d bytes: %d MiB before, %d MiB more after, %d KiB each; the proxy counts %d MiB; %s", flood, len(frame), before/mebibyte, (int64(after)-int64(before))/mebibyte,
		(int64(after)-int64(before))/flood/1024, p.FramesHeld()/mebibyte, strings.Join(p.log.With("WARN"), "; "))
	assert.Less(t, (int64(after)-int64(before))/int64(flood*len(frame)), int64(17), "times the bytes of the requests")
}

// TestAnswersAreDecidedInTheirRoom: an answer that has to wait for room is decided after the
// wait, by the ACLs of that time.
func TestAnswersAreDecidedInTheirRoom(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	answered := make(chan struct{})
	cluster.ControlKey(1, func(r kmsg.Request) (kmsg.Response, error, bool) {
		close(answered)
		return answerTo(r), nil, true
	})
	s := store(t, "bob ALLOW READ TOPIC open")
	p := start(t, cluster, proxy.Config{Store: s, Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 2 * mebibyte, Frame: 5 * time.Minute}})
	full := p.takeRoom(t, 5*time.Minute)
	time.Sleep(3 * time.Second)

	w := dial(t, p.Addresses()[0])
	_ = w.SetDeadline(time.Now().Add(time.Minute))
	w.login("bob", passwords["bob"])
	fetch := fetchMany(300)
	w.send(fetch, 11)
	<-answered
	time.Sleep(500 * time.Millisecond)
	replace(t, s) // all rights are gone
	time.Sleep(500 * time.Millisecond)
	_ = full.Close() // which makes room
	for _, topic := range w.receive(fetch).(*kmsg.FetchResponse).Topics {
		if topic.Topic == "open" {
			assert.Empty(t, topic.Partitions[0].RecordBatches, "records that are sent half a second after the right was gone")
			assert.Contains(t, refusals, topic.Partitions[0].ErrorCode)
		}
	}
}
