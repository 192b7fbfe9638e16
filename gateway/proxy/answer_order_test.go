package proxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/gateway/relay"
)

// TestAnswerDoesNotWaitForTheNextRequest: the broker's answer has come, and the client has sent
// another request, whose refusal has no room. The answer is sent nevertheless.
func TestAnswerDoesNotWaitForTheNextRequest(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	s := store(t, "bob ALLOW READ TOPIC open")
	p := start(t, cluster, proxy.Config{Store: s, Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 2 * mebibyte, Frame: 20 * time.Second}})
	cluster.ControlKey(1, func(r kmsg.Request) (kmsg.Response, error, bool) {
		time.Sleep(time.Second) // until the next request is there
		return answerTo(r), nil, true
	})
	p.takeRoom(t, time.Minute)
	time.Sleep(2 * time.Second)
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = make([]string, 2400)
	fetch := fetchMany(1)
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	_ = w.SetDeadline(time.Now().Add(time.Minute))
	began := time.Now()
	w.send(fetch, 11)
	w.send(describe, 5)
	w.receive(fetch)
	took := time.Since(began)
	t.Logf("answered after %v", took)
	assert.Less(t, took, 5*time.Second)
}

// TestAnswersDoNotWaitForEachOther: the refusal of the next request needs room of the same kind
// as the answer before it. It takes none until that answer is sent.
func TestAnswersDoNotWaitForEachOther(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
	s := store(t, "bob ALLOW READ TOPIC open")
	p := start(t, cluster, proxy.Config{Store: s, Limits: relay.Limits{FrameBytes: mebibyte, FramesBytes: 2 * mebibyte, Frame: 15 * time.Second}})
	cluster.ControlKey(1, func(r kmsg.Request) (kmsg.Response, error, bool) {
		time.Sleep(2 * time.Second) // until the next request is there
		return answerTo(r), nil, true
	})
	produce := produceTo("t", 9_000)
	fetch := fetchMany(2_000)
	w := dial(t, p.Addresses()[0])
	w.login("bob", passwords["bob"])
	_ = w.SetDeadline(time.Now().Add(time.Minute))
	began := time.Now()
	w.send(fetch, 11)
	w.send(produce, 9)
	defer func() {
		took := time.Since(began)
		t.Logf("after %v; %s", took, strings.Join(p.log.With("WARN"), "; "))
		assert.Less(t, took, 8*time.Second)
	}()
	w.receive(fetch)
	w.receive(produce)
}
