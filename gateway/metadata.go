package gateway

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// versionWithoutCreation is the first version of Metadata with which a client can ask the
// broker not to create topics.
const versionWithoutCreation = 4

// rewriteMetadata prevents the cluster from creating topics that the client may
// describe but not create. The gateway is not sure whether they exist. So it asks for
// them in a separate request that creates nothing.
func rewriteMetadata(p *Plan, out *ops.Outcome) (changed bool, err error) {
	m := p.query.message.(*kmsg.MetadataRequest)
	if p.query.AllTopics {
		if !p.seesNone(resource.Topic) {
			return false, nil
		}
		// The answer also has the brokers.
		p.sendMetadata(m, []kmsg.MetadataRequestTopic{}, false)
		return true, nil
	}
	if len(m.Topics) == 0 {
		// Below version 1 an empty list means all topics. The brokers in the answer are
		// needed even if no topic is left: clients ignore an answer without brokers.
		if m.Version == 0 {
			p.sendMetadata(m, m.Topics, false)
		}
		return false, nil
	}
	if !m.AllowAutoTopicCreation && m.Version >= versionWithoutCreation {
		return false, nil
	}
	if p.gateway.config.NoAutoCreate {
		p.sendMetadata(m, m.Topics, false)
		return true, nil
	}
	denied := p.deniedCreation(m.Topics)
	if len(denied) == 0 {
		return false, nil
	}
	mayNot := make([]kmsg.MetadataRequestTopic, 0, len(m.Topics))
	may := make([]kmsg.MetadataRequestTopic, 0, len(m.Topics)-len(denied))
	for _, t := range m.Topics {
		if denied.find(t.Topic) >= 0 {
			mayNot = append(mayNot, t)
		} else {
			may = append(may, t)
		}
	}
	if len(may) > 0 {
		p.sendMetadata(m, may, true)
	}
	p.sendMetadata(m, mayNot, false)
	if p.refused == nil { // merging puts the topics of both responses in order
		p.refused, err = verdictsOf(p.query, out)
	}
	p.changes = append(p.changes, func(resp kmsg.Response) (bool, error) {
		p.refuseCreation(resp.(*kmsg.MetadataResponse), denied)
		return true, nil
	})
	return true, err
}

// refuseCreation refuses the topics of a response that are missing and that the client may
// not create, and records a denial for each.
func (p *Plan) refuseCreation(r *kmsg.MetadataResponse, denied deniedNames) {
	recorded := make([]bool, len(denied))
	var felt []Denial
	for i := range r.Topics {
		t := &r.Topics[i]
		at := denied.find(t.Topic)
		if !isMissing(t.ErrorCode) || at < 0 {
			continue
		}
		if !recorded[at] {
			felt = append(felt, denied[at])
		}
		recorded[at] = true
		*t = refusedMetadata(t.Topic, ops.TopicAuthorizationFailed)
	}
	p.deny(felt)
}

// isMissing reports whether the error of a topic says that it does not exist. A topic
// with an invalid name does not exist either; Kafka checks the right to create it
// before it checks the name.
func isMissing(code int16) bool {
	return code == int16(ops.UnknownTopicOrPartition) || code == int16(ops.InvalidTopicException)
}

// deniedNames are denials sorted by name, one for each name.
type deniedNames []Denial

// find returns the position of the denial for a name, or -1.
func (d deniedNames) find(name *string) int {
	if name == nil {
		return -1
	}
	if i, found := slices.BinarySearchFunc(d, *name, func(d Denial, name string) int { return strings.Compare(d.Name, name) }); found {
		return i
	}
	return -1
}

// deniedCreation returns the denials for the topics that the client may not create.
func (p *Plan) deniedCreation(topics []kmsg.MetadataRequestTopic) deniedNames {
	q := p.query.Request
	q.Topics = make([]ops.Topic, 0, len(topics))
	for _, t := range topics {
		if t.Topic != nil {
			q.Topics = append(q.Topics, ops.Topic{Name: *t.Topic})
		}
	}
	out, denials := p.evaluate(&q, len(topics))
	refused := make([]string, 0, len(out.Items))
	for i := range out.Items {
		if it := &out.Items[i]; it.Code == ops.TopicAuthorizationFailed {
			refused = append(refused, q.Topics[it.Index].Name)
		}
	}
	slices.Sort(refused)
	denied := slices.DeleteFunc(denials, func(d Denial) bool {
		_, found := slices.BinarySearch(refused, d.Name)
		return !found || d.Type != resource.Topic || d.Operation != ops.Create
	})
	slices.SortStableFunc(denied, func(a, b Denial) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(denied, func(a, b Denial) bool { return a.Name == b.Name })
}

// sendMetadata forwards a request for some of the topics. Topics are created only if
// create is set.
func (p *Plan) sendMetadata(m *kmsg.MetadataRequest, topics []kmsg.MetadataRequestTopic, create bool) {
	part := *m
	part.Topics = topics
	if !create {
		part.AllowAutoTopicCreation = false
		part.Version = max(m.Version, versionWithoutCreation)
	}
	p.send(&part)
}

// joinMetadata adds the topics of one response to another.
func joinMetadata(whole, other kmsg.Response) {
	if w, ok := whole.(*kmsg.MetadataResponse); ok {
		w.Topics = append(w.Topics, other.(*kmsg.MetadataResponse).Topics...)
	}
}

// refusedMetadata returns the entry that refuses a topic by its name.
func refusedMetadata(name *string, code ops.ErrorCode) kmsg.MetadataResponseTopic {
	t := kmsg.NewMetadataResponseTopic()
	t.Topic, t.ErrorCode = name, int16(code)
	return t
}

// filterMetadata decides about the topics in the cluster's response, including the
// operations on them. If the request is for all topics, it decides about all; otherwise
// it decides again about the topics that were requested.
func filterMetadata(p *Plan, out *ops.Outcome) change {
	q := p.query
	withCluster := out.HasClusterOperations
	byID := slices.ContainsFunc(q.Topics, func(t ops.Topic) bool { return t.ByID })
	if !q.AllTopics && !withCluster && !byID && !(q.IncludeOperations && q.Version >= 8) {
		return nil
	}
	return func(resp kmsg.Response) (bool, error) {
		r := resp.(*kmsg.MetadataResponse)
		if withCluster {
			intersect(&r.AuthorizedOperations, out.ClusterOperations)
		}
		late := q.Request
		late.Topics = make([]ops.Topic, len(r.Topics))
		for i := range r.Topics {
			late.Topics[i] = p.shown(r.Topics[i].Topic, r.Topics[i].TopicID)
		}
		found := p.evaluateLate(&late)
		kept := make([]kmsg.MetadataResponseTopic, 0, len(r.Topics))
		for i := range found.Items {
			it := &found.Items[i]
			t := r.Topics[it.Index]
			switch {
			case it.Code == ops.None:
				if it.HasOperations {
					intersect(&t.AuthorizedOperations, it.Operations)
				}
				kept = append(kept, t)
			case byID && (t.TopicID != [16]byte{} || t.ErrorCode == 0):
				// The cluster knows the topic by another name than the gateway. Even an
				// error may then contain a name that the client did not ask for.
				refusal := refusedMetadata(nil, it.Code)
				refusal.TopicID = t.TopicID
				kept = append(kept, refusal)
			case t.ErrorCode != 0: // an error shows only what the client named
				kept = append(kept, t)
			case !q.AllTopics:
				kept = append(kept, refusedMetadata(t.Topic, it.Code))
			}
		}
		r.Topics = kept
		return true, nil
	}
}

// shown returns a topic that the cluster's response shows.
func (p *Plan) shown(name *string, id [16]byte) ops.Topic {
	if name == nil {
		return p.query.identified(id)
	}
	return ops.Topic{Name: *name, ID: id, Exists: true}
}

// notGiven is the value of an authorized-operations field if they were not requested.
//
// Source: KIP-430.
const notGiven = -1 << 31

// intersect removes the operations that the client may not perform from those that the
// cluster allows the gateway.
func intersect(field *int32, allowed ops.Set) {
	if *field != notGiven {
		*field &= int32(allowed)
	}
}
