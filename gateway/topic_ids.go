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
	if !q.unknown {
		return
	}
	asked := q.Request
	asked.NoResponse = false // so that the outcome has entries
	out := p.evaluateAhead(&asked)
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
			*t = p.query.identified(t.ID)
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

// learn passes the ids and names of topics in a response to the Cluster, before anything is filtered, and looks up topics that the response shows by id only.
// It reports whether it asked the cluster, which takes time.
func (p *Plan) learn(resp kmsg.Response) (asked bool) {
	shows := apiOf(ops.APIKey(resp.Key())).shows
	if shows == nil {
		return false
	}
	l := learner{cluster: p.conn.reader.cluster}
	shows(&l, resp)
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
