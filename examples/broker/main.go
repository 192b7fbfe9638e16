// Command broker shows how a Kafka broker that is written in Go asks the engine in its
// request handlers: what was there before is the broker with its topics; what is new
// is authorize, and the session of a connection.
package main

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/aclfile"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// broker has topics.
type broker struct{ topics map[string]bool }

// connection is a client's, after it has logged in.
type connection struct {
	broker  *broker
	session *snapshot.Session // of this client, by the ACLs in force at each request
}

// authorize asks all that a request asks for, of one state of the ACLs, in the order
// of Kafka. What the outcome says of the response is left to the handler.
func (c *connection) authorize(r kmsg.Request, names ...string) ops.Outcome {
	q := ops.Request{Key: ops.APIKey(r.Key()), Version: r.GetVersion(), Endpoint: ops.Broker}
	for _, name := range names {
		q.Topics = append(q.Topics, ops.Topic{Name: name, Exists: c.broker.topics[name]})
	}
	return ops.Evaluate(c.session.View(), &q)
}

// deleteTopics handles a DeleteTopics request of version 3.
func (c *connection) deleteTopics(r *kmsg.DeleteTopicsRequest) *kmsg.DeleteTopicsResponse {
	response := r.ResponseKind().(*kmsg.DeleteTopicsResponse)
	outcome := c.authorize(r, r.TopicNames...)
	for _, item := range outcome.Items {
		name := r.TopicNames[item.Index]
		topic := kmsg.NewDeleteTopicsResponseTopic()
		topic.Topic, topic.ErrorCode = &name, int16(item.Code)
		switch { // the broker's own work, for what passes only
		case item.Code != ops.None:
		case !c.broker.topics[name]:
			topic.ErrorCode = kerr.UnknownTopicOrPartition.Code
		default:
			delete(c.broker.topics, name)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

func main() {
	store := snapshot.NewStore(snapshot.Config{})
	if err := aclfile.Apply(store, "acls.txt", aclfile.ChecksumOptional); err != nil {
		panic(err)
	}

	b := &broker{topics: map[string]bool{"alice.inbox": true, "payroll": true}}
	alice := &connection{b, store.Session(snapshot.Subject{Principal: principal.User("alice"), Host: netip.MustParseAddr("10.0.0.7")})}

	request := kmsg.NewPtrDeleteTopicsRequest()
	request.Version, request.TopicNames = 3, []string{"alice.inbox", "alice.gone", "payroll"}
	for _, t := range alice.deleteTopics(request).Topics {
		fmt.Printf("%s: %v\n", *t.Topic, ops.ErrorCode(t.ErrorCode))
	}
	fmt.Println("left:", slices.Sorted(maps.Keys(b.topics)))
}
