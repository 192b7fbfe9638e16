package gateway

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// findTopics asks the cluster for the unknown topic ids of a request. It asks only for
// ids that the answer would report as unknown; it asks for none if the client is
// refused for another reason, such as the group.
func (p *Plan) findTopics() {
	q := p.query
	if !q.unknown || p.conn.reader.cluster == nil {
		return
	}
	asked := q.Request
	asked.NoResponse = false // so that the outcome has entries
	a := asker{view: p.asker.view, quiet: true}
	out := ops.Evaluate(&a, &asked)
	p.asker.checks += a.checks
	var unknown idSet
	for i := range out.Items {
		it := &out.Items[i]
		if !it.ByID || it.Code != ops.UnknownTopicID {
			continue
		}
		of := q.Topics
		if it.Parent >= 0 {
			of = q.Groups[it.Parent].Topics
		}
		if t := &of[it.Index]; t.Name == "" {
			unknown.add(t.ID)
		}
	}
	if len(unknown.ids) == 0 {
		return
	}
	p.conn.reader.cluster.FindTopics(unknown.ids)
	p.asker.view = p.conn.session.View() // the lookup took time, and nothing is decided yet
	p.nameTopics(q.Topics)
	for i := range q.Groups {
		p.nameTopics(q.Groups[i].Topics)
	}
}

// nameTopics fills in the names of topics by id that are known by now.
func (p *Plan) nameTopics(topics []ops.Topic) {
	for i := range topics {
		if t := &topics[i]; t.ByID && t.Name == "" {
			*t = p.query.identified(p.conn.reader.cluster, t.ID)
		}
	}
}

// idSet is a list of distinct ids.
type idSet struct {
	ids  [][16]byte
	seen map[[16]byte]bool
}

func (s *idSet) add(id [16]byte) {
	if id == [16]byte{} || s.seen[id] {
		return
	}
	if s.seen == nil {
		s.seen = make(map[[16]byte]bool)
	}
	s.seen[id] = true
	s.ids = append(s.ids, id)
}

// learn tells the Cluster the ids and names of topics in a response of the cluster,
// before anything is filtered, and looks up topics that the response shows by id only.
// It reports whether it asked the cluster, which takes time.
func (p *Plan) learn(resp kmsg.Response) (asked bool) {
	if p.conn.reader.cluster == nil {
		return false
	}
	l := learner{cluster: p.conn.reader.cluster}
	switch r := resp.(type) {
	case *kmsg.MetadataResponse:
		for i := range r.Topics {
			if t := &r.Topics[i]; t.Topic != nil { // otherwise the topic does not exist
				l.show(t.TopicID, *t.Topic)
			}
		}
	case *kmsg.CreateTopicsResponse:
		for i := range r.Topics {
			l.show(r.Topics[i].TopicID, r.Topics[i].Topic)
		}
	case *kmsg.DescribeTopicPartitionsResponse:
		for i := range r.Topics {
			l.show(r.Topics[i].TopicID, stringOf(r.Topics[i].Topic))
		}
	case *kmsg.OffsetFetchResponse:
		for i := range r.Groups {
			for j := range r.Groups[i].Topics {
				l.show(r.Groups[i].Topics[j].TopicID, r.Groups[i].Topics[j].Topic)
			}
		}
	case *kmsg.ShareFetchResponse:
		for i := range r.Topics {
			l.show(r.Topics[i].TopicID, "")
		}
	default:
		l.showGroups(resp)
	}
	if len(l.unknown.ids) > 0 {
		p.conn.reader.cluster.FindTopics(l.unknown.ids)
	}
	return len(l.unknown.ids) > 0
}

// learner collects the topics that a response shows.
type learner struct {
	cluster Cluster
	unknown idSet
}

func (l *learner) show(id [16]byte, name string) {
	if id == [16]byte{} {
		return
	}
	if name != "" {
		l.cluster.LearnTopic(id, name)
	} else if _, ok := l.cluster.TopicName(id); !ok {
		l.unknown.add(id)
	}
}

// showGroups collects the topics in group descriptions.
func (l *learner) showGroups(resp kmsg.Response) {
	switch r := resp.(type) {
	case *kmsg.ConsumerGroupDescribeResponse:
		for i := range r.Groups {
			for j := range r.Groups[i].Members {
				for _, t := range r.Groups[i].Members[j].Assignment.TopicPartitions {
					l.show(t.TopicID, t.Topic)
				}
			}
		}
	case *kmsg.ShareGroupDescribeResponse:
		for i := range r.Groups {
			for j := range r.Groups[i].Members {
				for _, t := range r.Groups[i].Members[j].Assignment.TopicPartitions {
					l.show(t.TopicID, t.Topic)
				}
			}
		}
	case *kmsg.DescribeShareGroupOffsetsResponse:
		for i := range r.Groups {
			for _, t := range r.Groups[i].Topics {
				l.show(t.TopicID, t.Topic)
			}
		}
	}
}
