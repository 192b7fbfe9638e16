package proxy_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/gateway/proxy"
)

// fetchUnknown is a Fetch of topics that there are not.
func fetchUnknown(count int) *kmsg.FetchRequest {
	m := kmsg.NewPtrFetchRequest()
	for i := range count {
		topic := kmsg.NewFetchRequestTopic()
		topic.TopicID = [16]byte{1, byte(i), byte(i >> 8)}
		topic.Partitions = append(topic.Partitions, kmsg.NewFetchRequestTopicPartition())
		m.Topics = append(m.Topics, topic)
	}
	return m
}

// Topics that there are not do not cost a request upstream each, by id or by name; one
// that is created is found all the same.
func TestUnknownTopicsAreAskedOnce(t *testing.T) {
	cluster := upstream(t)
	var asked atomic.Int32
	cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if r.(*kmsg.MetadataRequest).Topics == nil {
			asked.Add(1)
		} else if n := len(r.(*kmsg.MetadataRequest).Topics); n > 0 {
			t.Errorf("the upstream is asked for %d topics", n)
		}
		return nil, nil, false
	})
	p := start(t, cluster, proxy.Config{Store: store(t, "alice ALLOW READ TOPIC orders")})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	began := time.Now()
	r := w.ask(fetchUnknown(2000), 13).(*kmsg.FetchResponse)
	if len(r.Topics) != 2000 || r.Topics[1999].Partitions[0].ErrorCode != kerr.UnknownTopicID.Code {
		t.Errorf("%d topics are answered", len(r.Topics))
	}
	remove := kmsg.NewPtrDeleteTopicsRequest()
	for i := range 2000 {
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr(fmt.Sprint("missing-", i))
		remove.Topics = append(remove.Topics, topic)
	}
	w.ask(remove, 6)
	if n, most := asked.Load(), 2+int32(time.Since(began)/time.Second); n < 1 || n > most {
		t.Errorf("the upstream is asked %d times, want 1 to %d", n, most)
	}

	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", 1, 1
	create.Topics = append(create.Topics, topic)
	created, err := create.RequestWith(soon(t), client(t, p.Addresses()[0], "admin"))
	if err != nil || created.Topics[0].ErrorCode != 0 {
		t.Fatalf("%+v, %v", created, err)
	}
	request := fetchUnknown(1)
	request.Topics[0].TopicID = created.Topics[0].TopicID
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		r := w.ask(request, 13).(*kmsg.FetchResponse)
		if code := r.Topics[0].Partitions[0].ErrorCode; code != kerr.UnknownTopicID.Code { // but passed on
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("a new topic is answered with %d", code)
		}
	}
}

// What the proxy asks of an upstream that is silent does not keep it from stopping.
func TestStopEndsTheQuestionForTopics(t *testing.T) {
	cluster := upstream(t, kfake.SeedTopics(1, "orders"))
	began, goOn := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(began) })
	cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if r.(*kmsg.MetadataRequest).Topics == nil {
			begin()
			<-goOn
		}
		return nil, nil, false
	})
	t.Cleanup(func() { close(goOn) })
	p := start(t, cluster, proxy.Config{Store: store(t), Limits: proxy.Limits{Drain: 100 * time.Millisecond}})
	w := dial(t, p.Addresses()[0])
	w.login("alice", passwords["alice"])
	w.send(fetchUnknown(2000), 13)
	<-began
	since := time.Now()
	p.stop()
	if took := time.Since(since); took > 3*time.Second {
		t.Errorf("stopping takes %v", took)
	}
}
