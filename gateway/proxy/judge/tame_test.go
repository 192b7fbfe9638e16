package judge_test

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// tamed keeps requests from what would end the test or make answers depend on time: what
// waits for others, takes a broker out of the cluster, or changes who may do what.
var tamed = map[int16]func(p *pools, r kmsg.Request){
	0: func(p *pools, r kmsg.Request) {
		if produce := r.(*kmsg.ProduceRequest); produce.Acks == 0 {
			produce.Acks = -1 // nothing answers 0
		}
	},
	1: func(p *pools, r kmsg.Request) {
		f := r.(*kmsg.FetchRequest)
		f.MaxWaitMillis, f.MinBytes, f.ClusterID = 0, 0, nil
		withoutLaterTags(f)
		f.SessionID, f.SessionEpoch = 0, pick(p.r, int32(-1), 0)
		if p.r.IntN(4) > 0 {
			f.ReplicaID, f.ReplicaState.ID = -1, -1
		}
	},
	3: func(p *pools, r kmsg.Request) {
		if !p.writes {
			r.(*kmsg.MetadataRequest).AllowAutoTopicCreation = false
		}
	},
	9: func(p *pools, r kmsg.Request) { r.(*kmsg.OffsetFetchRequest).RequireStable = p.r.IntN(3) == 0 },
	11: func(p *pools, r kmsg.Request) {
		j := r.(*kmsg.JoinGroupRequest)
		if j.Group != "" {
			j.Group = fmt.Sprintf("j%d-%d", p.round, p.r.IntN(1_000_000)) // a group of its own, which waits for nobody
		}
		j.MemberID = ""
		j.Protocols = j.Protocols[:min(1, len(j.Protocols))] // the same twice is never answered
		j.SessionTimeoutMillis, j.RebalanceTimeoutMillis = 200, 200
	},
	18: func(p *pools, r kmsg.Request) {
		a := r.(*kmsg.ApiVersionsRequest)
		expected := pick(p.r, expectation{"", -1}, expectation{"", -1}, expectation{clusterSymbol, 1}, expectation{clusterSymbol, 1}, expectation{clusterSymbol, 2},
			expectation{"bogus", 1}, expectation{clusterSymbol, -1}, expectation{"", 1})
		a.ClusterID, a.NodeID = nil, expected.node
		if expected.cluster != "" {
			a.ClusterID = &expected.cluster
		}
	},
	20: func(p *pools, r kmsg.Request) {
		// Topics of the world would be missing until the end of the round.
		d := r.(*kmsg.DeleteTopicsRequest)
		for i, name := range d.TopicNames {
			if slices.Contains(worldTopics, name) && name[0] != 'd' {
				d.TopicNames[i] = "d1"
			}
		}
		for i := range d.Topics {
			t := &d.Topics[i]
			if name, ok := symbolName(t.TopicID); ok && slices.Contains(worldTopics, name) && name[0] != 'd' {
				t.TopicID = symbol("d2")
			}
			if t.Topic != nil && slices.Contains(worldTopics, *t.Topic) && (*t.Topic)[0] != 'd' {
				*t.Topic = "d1"
			}
		}
	},
	24: func(p *pools, r kmsg.Request) {
		a := r.(*kmsg.AddPartitionsToTxnRequest)
		if len(a.Transactions) == 0 { // Kafka never answers a request without one
			t := kmsg.NewAddPartitionsToTxnRequestTransaction()
			t.TransactionalID = pick(p.r, p.transactions()...)
			a.Transactions = append(a.Transactions, t)
		}
	},
	27: func(p *pools, r kmsg.Request) {
		w := r.(*kmsg.WriteTxnMarkersRequest)
		w.Markers = w.Markers[:min(1, len(w.Markers))] // nor two markers of one producer
		for i := range w.Markers {                     // Kafka never answers a marker that has no partitions
			m := &w.Markers[i]
			if len(m.Topics) == 0 {
				m.Topics = append(m.Topics, kmsg.WriteTxnMarkersRequestMarkerTopic{Topic: p.topic("WriteTxnMarkers")})
			}
			for k := range m.Topics {
				// Nor one that names a partition twice.
				m.Topics[k].Partitions = []int32{int32(k % 2)}
			}
		}
	},
	29: func(p *pools, r kmsg.Request) {
		d := r.(*kmsg.DescribeACLsRequest)
		d.ResourceType, d.ResourcePatternType = kmsg.ACLResourceType(pick(p.r, 1, 2, 2, 3, 0)), kmsg.ACLResourcePatternType(pick(p.r, 1, 2, 3, 4, 0))
		d.Operation, d.PermissionType = kmsg.ACLOperation(pick(p.r, 1, 1, 3, 0)), kmsg.ACLPermissionType(pick(p.r, 1, 1, 2, 3, 0))
		d.Principal, d.Host = nil, nil
	},
	30: func(p *pools, r kmsg.Request) {
		c := r.(*kmsg.CreateACLsRequest)
		for i := range c.Creations {
			a := &c.Creations[i]
			a.ResourceType, a.ResourcePatternType = kmsg.ACLResourceType(pick(p.r, 2, 2, 3, 4, 5, 1, 0)), kmsg.ACLResourcePatternType(pick(p.r, 3, 3, 4, 1, 0))
			if a.ResourceName == "*" || a.ResourceName == "kafka-cluster" {
				a.ResourceType = 0 // invalid, so that nobody's rights change
			}
			a.Principal, a.Host = pick(p.r, "User:zed", "User:zed", "bogus", ""), pick(p.r, "*", "10.0.0.1", "")
			a.Operation, a.PermissionType = kmsg.ACLOperation(pick(p.r, 3, 4, 2, 1, 0)), kmsg.ACLPermissionType(pick(p.r, 3, 3, 2, 1, 0))
		}
	},
	31: func(p *pools, r kmsg.Request) {
		d := r.(*kmsg.DeleteACLsRequest)
		for i := range d.Filters {
			f := &d.Filters[i]
			zed := "User:zed"
			f.Principal, f.Host = &zed, nil
			f.ResourceType, f.ResourcePatternType = kmsg.ACLResourceType(pick(p.r, 1, 2, 2, 3, 0)), kmsg.ACLResourcePatternType(pick(p.r, 1, 2, 3, 4, 0))
			f.Operation, f.PermissionType = kmsg.ACLOperation(pick(p.r, 1, 1, 3, 0)), kmsg.ACLPermissionType(pick(p.r, 1, 1, 2, 3, 0))
		}
	},
	33: func(p *pools, r kmsg.Request) {
		a := r.(*kmsg.AlterConfigsRequest)
		// Kafka never answers a request that has a resource twice.
		named := map[string]bool{}
		a.Resources = slices.DeleteFunc(a.Resources, func(r kmsg.AlterConfigsRequestResource) bool {
			defer func() { named[r.ResourceName] = true }()
			return named[r.ResourceName]
		})
		for i := range a.Resources {
			if a.Resources[i].ResourceType == kmsg.ConfigResourceTypeBroker {
				a.ValidateOnly = true
			}
		}
	},
	44: func(p *pools, r kmsg.Request) {
		a := r.(*kmsg.IncrementalAlterConfigsRequest)
		for i := range a.Resources {
			if a.Resources[i].ResourceType == kmsg.ConfigResourceTypeBroker {
				a.ValidateOnly = true
			}
		}
	},
	49: func(p *pools, r kmsg.Request) {
		a := r.(*kmsg.AlterClientQuotasRequest)
		for i := range a.Entries {
			for j := range a.Entries[i].Ops {
				a.Entries[i].Ops[j].Value = 1e9
			}
		}
	},
	51: func(p *pools, r kmsg.Request) {
		a := r.(*kmsg.AlterUserSCRAMCredentialsRequest)
		for i := range a.Upsertions {
			a.Upsertions[i].Salt, a.Upsertions[i].SaltedPassword = []byte("salt"), []byte("password")
		}
	},
	57: func(p *pools, r kmsg.Request) {
		u := r.(*kmsg.UpdateFeaturesRequest)
		u.ValidateOnly = true
		for i := range u.FeatureUpdates {
			u.FeatureUpdates[i].Feature = "bogus"
		}
	},
	64: func(p *pools, r kmsg.Request) { r.(*kmsg.UnregisterBrokerRequest).BrokerID = 99 },
	78: func(p *pools, r kmsg.Request) {
		f := r.(*kmsg.ShareFetchRequest)
		f.MaxWaitMillis, f.MinBytes = 0, 0
		if f.ShareSessionEpoch == 0 && p.r.IntN(4) > 0 { // a session that begins has nothing to forget, nor to acknowledge
			f.ForgottenTopicsData = nil
			for i := range f.Topics {
				for k := range f.Topics[i].Partitions {
					f.Topics[i].Partitions[k].AcknowledgementBatches = nil
				}
			}
		}
	},
	90: func(p *pools, r kmsg.Request) {
		d := r.(*kmsg.DescribeShareGroupOffsetsRequest)
		for i := range d.Groups {
			for k := range d.Groups[i].Topics { // a partition that does not exist is never answered
				d.Groups[i].Topics[k].Topic = pick(p.r, worldTopics...)
				d.Groups[i].Topics[k].Partitions = []int32{int32(p.r.IntN(2))}
			}
		}
	},
	94: func(p *pools, r kmsg.Request) { r.(*kmsg.UnregisterControllerRequest).ControllerID = 99 },
	80: func(p *pools, r kmsg.Request) { r.(*kmsg.AddRaftVoterRequest).VoterID = 99 },
	81: func(p *pools, r kmsg.Request) { r.(*kmsg.RemoveRaftVoterRequest).VoterID = 99 },
}

// expectation is the cluster and the broker that a client expects. The brokers have the id 1.
type expectation struct {
	cluster string
	node    int32
}

// withoutLaterTags takes out of a fetch what kmsg sends as a tag in versions that do not have
// it yet: a broker closes the connection on it.
func withoutLaterTags(f *kmsg.FetchRequest) {
	if f.Version < 15 {
		f.ReplicaState = kmsg.NewFetchRequestReplicaState()
	}
	for i := range f.Topics {
		for k := range f.Topics[i].Partitions {
			p, blank := &f.Topics[i].Partitions[k], kmsg.NewFetchRequestTopicPartition()
			if f.Version < 17 {
				p.ReplicaDirectoryID = blank.ReplicaDirectoryID
			}
			if f.Version < 18 {
				p.HighWatermark = blank.HighWatermark
			}
		}
	}
}

// writing are the APIs that change something. Metadata is one where it may create topics.
var writing = []int16{
	0, 8, 11, 12, 13, 14, 19, 20, 21, 22, 24, 25, 26, 27, 28, 30, 31, 33, 34, 37, 42, 43, 44, 45, 47, 49, 51, 57, 64, 68, 76, 78, 79,
	80, 81, 83, 84, 85, 86, 88, 91, 92, 93, 94,
}

// topicMaking are those of them that make or delete topics.
var topicMaking = []int16{3, 19, 20, 37, 88}

// unjudged are the APIs that are not compared, and why.
var unjudged = map[int16]string{
	17: "the login is the proxy's own", 36: "the login is the proxy's own",
}
