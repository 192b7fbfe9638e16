package gateway

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// The versions of Metadata that are sent instead of AddPartitionsToTxn. Version 3 of
// AddPartitionsToTxn is the first with tags in the header; for Metadata it is version
// 9.
const (
	plainMetadata    = 4
	flexibleMetadata = 9
	flexibleAdd      = 3
)

// askPartitions asks the cluster which partitions exist, instead of forwarding an
// AddPartitionsToTxn with refused topics. Kafka then adds no partition to the
// transaction. Its error for each partition that is not refused says that the partition
// is missing or that it was not attempted. Only topics that the client may write are
// asked about. It reports whether it asked.
func (p *Plan) askPartitions(v *verdicts) bool {
	m, ok := p.query.message.(*kmsg.AddPartitionsToTxnRequest)
	if !ok {
		return false
	}
	ask := kmsg.NewPtrMetadataRequest()
	if ask.Version = plainMetadata; m.Version >= flexibleAdd {
		ask.Version = flexibleMetadata
	}
	ask.Topics = make([]kmsg.MetadataRequestTopic, 0, v.count(ops.OperationNotAttempted))
	for i, code := range v.items {
		if code == ops.OperationNotAttempted {
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = &m.Topics[i].Topic
			ask.Topics = append(ask.Topics, topic)
		}
	}
	if len(ask.Topics) == 0 {
		return false
	}
	slices.SortFunc(ask.Topics, func(a, b kmsg.MetadataRequestTopic) int { return strings.Compare(*a.Topic, *b.Topic) })
	ask.Topics = slices.CompactFunc(ask.Topics, func(a, b kmsg.MetadataRequestTopic) bool { return *a.Topic == *b.Topic })
	p.send(ask)
	q := p.query
	p.instead = func(resp kmsg.Response) kmsg.Response {
		r := v.refuseEach(q).(*kmsg.AddPartitionsToTxnResponse)
		view := p.conn.session.View() // which may be another one by now
		may := func(topic string) bool {
			return view.Allowed(ops.Write, resource.TransactionalID, m.TransactionalID) && view.Allowed(ops.Write, resource.Topic, topic)
		}
		reportMissing(r, resp.(*kmsg.MetadataResponse), may)
		return r
	}
	return true
}

// reportMissing gives the partitions that were not attempted and that the
// cluster does not have the error that says so, of topics that the client may write.
func reportMissing(r *kmsg.AddPartitionsToTxnResponse, found *kmsg.MetadataResponse, may func(topic string) bool) {
	type partition struct {
		topic string
		id    int32
	}
	exists := make(map[partition]bool)
	for i := range found.Topics {
		for j := range found.Topics[i].Partitions {
			exists[partition{stringOf(found.Topics[i].Topic), found.Topics[i].Partitions[j].Partition}] = true
		}
	}
	for i := range r.Topics {
		if !may(r.Topics[i].Topic) {
			continue
		}
		for j := range r.Topics[i].Partitions {
			p := &r.Topics[i].Partitions[j]
			if p.ErrorCode == int16(ops.OperationNotAttempted) && !exists[partition{r.Topics[i].Topic, p.Partition}] {
				p.ErrorCode = int16(ops.UnknownTopicOrPartition)
			}
		}
	}
}
