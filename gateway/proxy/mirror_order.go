package proxy

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// A broker answers with the ACLs that it has. One that lags behind the controller, for example because
// the network between them is broken, has older ACLs than another that was asked before: a right that
// was revoked would come back. So the mirror asks the leader of the metadata quorum how far each
// broker has read the log of metadata, asks the one that has read most, and takes nothing from one
// that has not read what was committed when the ACLs in force had come.
//
// A broker applies what it has read within milliseconds; the mirror asks at intervals of seconds.
// Brokers that do not know the request (before Kafka 3.3, or with ZooKeeper) cannot say how far they
// are: there, the ACLs are those of any broker. Those of a cluster that serves the request and does not
// answer it are not taken: its controllers may be out of reach, and its brokers behind them.
//
// Source: KIP-595, KIP-836; Kafka's KafkaApis.handleDescribeQuorumRequest.

// anyBroker stands for no broker in particular.
const anyBroker = -1

// metadataTopic is the log of metadata.
const metadataTopic = "__cluster_metadata"

// sayHowFar reports whether the brokers know how far each of them is.
func sayHowFar(served map[int32]kmsg.ApiVersionsResponse) bool {
	for _, of := range served {
		for i := range of.ApiKeys {
			if ops.APIKey(of.ApiKeys[i].ApiKey) == ops.DescribeQuorumKey {
				return true
			}
		}
	}
	return false
}

// quorum returns what the leader of the metadata quorum says of the log of metadata.
func (m *mirroring) quorum(ctx context.Context) (*kmsg.DescribeQuorumResponseTopicPartition, error) {
	request := kmsg.NewPtrDescribeQuorumRequest()
	request.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: metadataTopic, Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{}}}}
	r, err := request.RequestWith(ctx, m.client)
	if err != nil {
		return nil, fmt.Errorf("DescribeQuorum is not answered, so that nobody knows which broker has the latest ACLs: %w (a cluster that never answers it is mirrored with Mirror.AnyBroker, --mirror-any-broker)", err)
	}
	if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
		return nil, fmt.Errorf("DescribeQuorum: %w", err)
	}
	if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("DescribeQuorum: an answer about %d topics: expected that of %s", len(r.Topics), metadataTopic)
	}
	p := &r.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		return nil, fmt.Errorf("DescribeQuorum: %w", err)
	}
	return p, nil
}

// furthest returns the broker that has read most of the log of metadata. It is an error if that is
// less than what the ACLs in force may be of.
func (m *mirroring) furthest(of *kmsg.DescribeQuorumResponseTopicPartition, brokers []kmsg.MetadataResponseBroker) (node int32, err error) {
	read := make(map[int32]int64)
	for _, list := range [][]kmsg.DescribeQuorumResponseTopicPartitionReplicaState{of.CurrentVoters, of.Observers} {
		for i := range list {
			read[list[i].ReplicaID] = max(read[list[i].ReplicaID], list[i].LogEndOffset)
		}
	}
	node, most := int32(anyBroker), int64(-1)
	for i := range brokers {
		if at, known := read[brokers[i].NodeID]; known && at > most {
			node, most = brokers[i].NodeID, at
		}
	}
	if node == anyBroker || most < m.committed {
		return anyBroker, fmt.Errorf("no broker has the metadata up to offset %d, which the ACLs in force may be of: the most is %d", m.committed, most)
	}
	return node, nil
}

// ask asks the upstream for its ACLs. committed is how much of the log of metadata they may be of; 0
// if that is not known.
func (m *mirroring) ask(ctx context.Context, request *kmsg.DescribeACLsRequest, howFar bool) (r *kmsg.DescribeACLsResponse, committed int64, err error) {
	about := kmsg.NewPtrMetadataRequest() // so that the client knows all brokers, if some are down
	about.Topics = []kmsg.MetadataRequestTopic{}
	brokers, err := about.RequestWith(ctx, m.client)
	if err != nil {
		return nil, 0, err
	}
	if !howFar {
		r, err = request.RequestWith(ctx, m.client)
		return r, 0, err
	}
	before, err := m.quorum(ctx)
	if err != nil {
		return nil, 0, err
	}
	node, err := m.furthest(before, brokers.Brokers)
	if err != nil {
		return nil, 0, err
	}
	if r, err = request.RequestWith(ctx, m.client.Broker(int(node))); err != nil {
		return nil, 0, err
	}
	after, err := m.quorum(ctx)
	if err != nil {
		return nil, 0, err
	}
	return r, after.HighWatermark, nil
}
