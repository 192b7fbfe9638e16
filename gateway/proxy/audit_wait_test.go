package proxy_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/gateway/proxy"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// slowAudit is an audit log that cannot be written for a while, as with --audit-failure block.
type slowAudit struct{ began, goOn chan struct{} }

func (a *slowAudit) Handle(*audit.Event) error {
	select {
	case a.began <- struct{}{}:
	default:
	}
	<-a.goOn
	return nil
}

// newSlowAudit returns an audit log that can be written once letGo is called.
func newSlowAudit(t *testing.T) (log *slowAudit, letGo func()) {
	log = &slowAudit{make(chan struct{}, 1), make(chan struct{})}
	letGo = sync.OnceFunc(func() { close(log.goOn) })
	t.Cleanup(letGo)
	return log, letGo
}

// produced counts the Produce requests that reach a broker.
func produced(cluster *kfake.Cluster) *atomic.Int32 {
	var reached atomic.Int32
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		reached.Add(1)
		return nil, nil, false
	})
	return &reached
}

// TestRequestsWaitForTheAuditLog: a request that is decided waits until its event is in the audit
// log (--audit-failure block while nothing can be written, or while the queue is full). It is
// decided again afterwards, and not sent on if the right is gone since.
func TestRequestsWaitForTheAuditLog(t *testing.T) {
	for _, allows := range []bool{true, false} {
		name := "an allow is an event"
		if !allows {
			name = "a denial of another topic is an event"
		}
		t.Run(name, func(t *testing.T) {
			cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
			s := store(t, "alice ALLOW ALL TOPIC open")
			log, letGo := newSlowAudit(t)
			p := start(t, cluster, proxy.Config{Store: s, Audit: log, AuditAll: true, AuditAllows: allows})
			reached := produced(cluster)
			w := dial(t, p.Addresses()[0])
			w.login("alice", passwords["alice"])
			produce := changes()["Produce"].request.(*kmsg.ProduceRequest)
			if !allows {
				produce.Topics = append(produce.Topics, kmsg.ProduceRequestTopic{Topic: "secret", Partitions: make([]kmsg.ProduceRequestTopicPartition, 1)})
			}
			w.send(produce, 9)
			<-log.began
			replace(t, s) // Update has returned
			time.Sleep(100 * time.Millisecond)
			letGo()
			w.receive(produce)
			t.Logf("%d requests reached the broker after the right was gone", reached.Load())
			assert.Zero(t, reached.Load(), "requests that reached the broker after the right was gone")
		})
	}
}

// TestGroupsChangeWhileARequestWaits: a request that waits for the audit log is decided again afterwards,
// and not sent on if its client has come into a group with a DENY, or if its groups are not known any more.
func TestGroupsChangeWhileARequestWaits(t *testing.T) {
	for name, change := range map[string]func(*memberships){
		"a group with a DENY":      func(m *memberships) { m.set("alice", nil, "blocked") },
		"the groups are not known": func(m *memberships) { m.set("alice", errDirectory) },
	} {
		t.Run(name, func(t *testing.T) {
			cluster := upstream(t, kfake.SeedTopics(1, "open"), kfake.NumBrokers(1))
			s := store(t, "alice ALLOW ALL TOPIC open")
			denied := groupACL("blocked", acl.Deny, "open")
			denied.Entry.Operation = ops.Write
			require.NoError(t, s.Update(func(tx *snapshot.Tx) error { tx.Add(denied); return nil }))
			log, letGo := newSlowAudit(t)
			members := &memberships{}
			p := start(t, cluster, proxy.Config{Store: s, Audit: log, AuditAll: true, AuditAllows: true, Groups: members})
			reached := produced(cluster)
			w := dial(t, p.Addresses()[0])
			w.login("alice", passwords["alice"])
			produce := changes()["Produce"].request.(*kmsg.ProduceRequest)
			w.send(produce, 9)
			<-log.began
			change(members)
			letGo()
			w.receive(produce)
			assert.Zero(t, reached.Load(), "requests that reached the broker")
		})
	}
}
