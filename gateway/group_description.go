package gateway

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// groupFields are the places of fields of a described group.
type groupFields struct {
	name       *string
	code       *int16
	message    **string // nil if no refusal has a text
	operations *int32
}

func classicGroup(g *kmsg.DescribeGroupsResponseGroup) groupFields {
	return groupFields{&g.Group, &g.ErrorCode, nil, &g.AuthorizedOperations}
}

func consumerGroup(g *kmsg.ConsumerGroupDescribeResponseGroup) groupFields {
	return groupFields{&g.Group, &g.ErrorCode, &g.ErrorMessage, &g.AuthorizedOperations}
}

func shareGroup(g *kmsg.ShareGroupDescribeResponseGroup) groupFields {
	return groupFields{&g.GroupID, &g.ErrorCode, &g.ErrorMessage, &g.AuthorizedOperations}
}

func streamsGroup(g *kmsg.StreamsGroupDescribeResponseGroup) groupFields {
	return groupFields{&g.Group, &g.ErrorCode, &g.ErrorMessage, &g.AuthorizedOperations}
}

// describedGroups returns the entries of a request that describes groups. The refusal of
// a group that the client may not describe has no text.
func describedGroups[Request, Response, G any](
	asked func(Request) *[]string, described func(Response) *[]G, fields func(*G) groupFields,
) *accessors[string, G] {
	return entriesOf(asked, groups, described,
		func(g *G) entryKey { return entryKey{name: *fields(g).name} },
		func(f *refusal, name *string, g *G) {
			in := fields(g)
			*in.name, *in.code = *name, f.code
		}).sentOnce(repeatable[string, G]{class: alwaysUnited[string]})
}

// Kafka's texts for a group that has a topic which the client may not describe.
//
// Source: KafkaApis.handleConsumerGroupDescribe, handleShareGroupDescribe and
// handleStreamsGroupDescribe.
const (
	hiddenTopics        = "The group has described topic(s) that the client is not authorized to describe."
	hiddenStreamsTopics = "The described group uses topics that the client is not authorized to describe."
)

// filterGroups decides about the groups that the cluster describes, including those
// with an error. If describing a group also requires its topics, topics returns them,
// and hidden is the text of a refusal because of one.
func filterGroups[G any](p *Plan, list []G, fields func(*G) groupFields, topics func(*G) []string, hidden string) {
	late := p.query.Request
	late.Groups = holders(names(list, func(g *G) string { return *fields(g).name }))
	for i := range list {
		if topics == nil {
			continue
		}
		for _, topic := range topics(&list[i]) {
			late.Groups[i].Topics = append(late.Groups[i].Topics, ops.Topic{Name: topic, Exists: true})
		}
	}
	out := p.evaluateLate(&late)
	for i := range out.Items {
		it := &out.Items[i]
		g := fields(&list[it.Index])
		switch {
		case it.Code != ops.None:
			name := *g.name
			list[it.Index] = *new(G)
			blank(&list[it.Index])
			*g.name, *g.code = name, int16(it.Code)
			if hidden != "" && it.Code == ops.TopicAuthorizationFailed {
				*g.message = &hidden
			}
		case it.HasOperations:
			intersect(g.operations, it.Operations)
		}
	}
}

func (p *Plan) filterGroupOperations(r *kmsg.DescribeGroupsResponse) {
	filterGroups(p, r.Groups, classicGroup, nil, "")
}

func (p *Plan) filterConsumerGroups(r *kmsg.ConsumerGroupDescribeResponse) {
	filterGroups(p, r.Groups, consumerGroup, func(g *kmsg.ConsumerGroupDescribeResponseGroup) (topics []string) {
		for i := range g.Members {
			for _, t := range g.Members[i].Assignment.TopicPartitions {
				topics = append(topics, t.Topic)
			}
			for _, t := range g.Members[i].TargetAssignment.TopicPartitions {
				topics = append(topics, t.Topic)
			}
		}
		return topics
	}, hiddenTopics)
	// A broker shows the names that a member subscribes to, and the pattern of one that has a
	// pattern. Here these names may be what the pattern was replaced by.
	for i := range r.Groups {
		for j := range r.Groups[i].Members {
			m := &r.Groups[i].Members[j]
			m.SubscribedTopics = p.describable(m.SubscribedTopics)
		}
	}
}

// describable returns those of some topics that the client may describe.
func (p *Plan) describable(names []string) []string {
	p.asker.checks += len(names)
	return slices.DeleteFunc(names, func(name string) bool { return !p.asker.view.Allowed(ops.Describe, resource.Topic, name) })
}

func (p *Plan) filterShareGroups(r *kmsg.ShareGroupDescribeResponse) {
	filterGroups(p, r.Groups, shareGroup, func(g *kmsg.ShareGroupDescribeResponseGroup) (topics []string) {
		for i := range g.Members {
			for _, t := range g.Members[i].Assignment.TopicPartitions {
				topics = append(topics, t.Topic)
			}
		}
		return topics
	}, hiddenTopics)
}

func (p *Plan) filterStreamsGroups(r *kmsg.StreamsGroupDescribeResponse) {
	filterGroups(p, r.Groups, streamsGroup, func(g *kmsg.StreamsGroupDescribeResponseGroup) (topics []string) {
		if g.Topology == nil {
			return nil
		}
		for i := range g.Topology.Subtopologies {
			s := &g.Topology.Subtopologies[i]
			topics = append(append(topics, s.SourceTopics...), s.RepartitionSinkTopics...)
			for j := range s.RepartitionSourceTopics {
				topics = append(topics, s.RepartitionSourceTopics[j].Topic)
			}
			for j := range s.StateChangelogTopics {
				topics = append(topics, s.StateChangelogTopics[j].Topic)
			}
		}
		return topics
	}, hiddenStreamsTopics)
	for i := range r.Groups {
		p.filterDescription(r.Groups[i].TopologyDescription)
	}
}

// filterDescription removes the topics that the client may not describe from what a member
// of a streams group has said of its topology. Kafka does not check them: they need not be
// those of the topology that the coordinator has.
func (p *Plan) filterDescription(d *kmsg.StreamsGroupDescribeResponseGroupTopologyDescription) {
	if d == nil {
		return
	}
	filter := func(n *kmsg.TopologyDescriptionNode) {
		n.SourceTopics = p.describable(n.SourceTopics)
		if n.SinkTopic != nil && len(p.describable([]string{*n.SinkTopic})) == 0 {
			n.SinkTopic = nil
		}
	}
	for i := range d.Subtopologies {
		nodes := d.Subtopologies[i].Nodes
		for j := range nodes {
			filter(&nodes[j])
		}
	}
	for i := range d.GlobalStores {
		filter(&d.GlobalStores[i].Source)
		filter(&d.GlobalStores[i].Processor)
	}
}

// severalGroups is the first version of OffsetFetch for several groups.
const severalGroups = 8

// readOneGroup reads the topics of an OffsetFetch for one group.
func readOneGroup(q *query, topics []kmsg.OffsetFetchRequestTopic) {
	q.Groups = []ops.TopicSet{{
		Name: q.message.(*kmsg.OffsetFetchRequest).Group, AllTopics: topics == nil,
		Topics: topicsOf(topics, func(t *kmsg.OffsetFetchRequestTopic) ops.Topic { return named(t.Topic) }),
	}}
}

// filterOffsets removes the topics that the client may not describe from the offsets of
// a group, if the request is for all topics of the group.
func filterOffsets(p *Plan, _ *ops.Outcome) change {
	all := false
	for i := range p.query.Groups {
		all = all || p.query.Groups[i].AllTopics
	}
	if !all {
		return nil
	}
	return func(resp kmsg.Response) (bool, error) {
		r := resp.(*kmsg.OffsetFetchResponse)
		if r.Version < severalGroups {
			late := p.query.Request
			late.Groups = []ops.TopicSet{{Name: late.Groups[0].Name, AllTopics: true}}
			late.Groups[0].Topics = topicsOf(r.Topics, func(t *kmsg.OffsetFetchResponseTopic) ops.Topic {
				return ops.Topic{Name: t.Topic, Exists: true}
			})
			out := p.evaluateLate(&late)
			r.Topics = keptOf(r.Topics, &out, 0)
			return true, nil
		}
		filterHolders(p, r.Groups,
			func(g *kmsg.OffsetFetchResponseGroup) string { return g.Group },
			func(g *kmsg.OffsetFetchResponseGroup) *[]kmsg.OffsetFetchResponseGroupTopic { return &g.Topics },
			func(t *kmsg.OffsetFetchResponseGroupTopic) ops.Topic {
				if r.Version >= 10 {
					return p.shown(nil, t.TopicID)
				}
				return p.shown(&t.Topic, t.TopicID)
			})
		return true, nil
	}
}

func (p *Plan) filterShareOffsets(r *kmsg.DescribeShareGroupOffsetsResponse) {
	filterHolders(p, r.Groups,
		func(g *kmsg.DescribeShareGroupOffsetsResponseGroup) string { return g.GroupID },
		func(g *kmsg.DescribeShareGroupOffsetsResponseGroup) *[]kmsg.DescribeShareGroupOffsetsResponseGroupTopic {
			return &g.Topics
		},
		func(t *kmsg.DescribeShareGroupOffsetsResponseGroupTopic) ops.Topic {
			return p.shown(&t.Topic, t.TopicID)
		})
}

// filterHolders removes topics from groups whose topics were all requested. Topics that
// were requested by name were decided before and stay as they are.
func filterHolders[G, T any](p *Plan, list []G, name func(*G) string, topics func(*G) *[]T, topic func(*T) ops.Topic) {
	all := make(map[string]bool)
	for i := range p.query.Groups {
		g := &p.query.Groups[i]
		all[g.Name] = all[g.Name] || g.AllTopics
	}
	late := p.query.Request
	late.Groups = make([]ops.TopicSet, len(list))
	for i := range list {
		late.Groups[i] = ops.TopicSet{Name: name(&list[i]), AllTopics: true, Topics: topicsOf(*topics(&list[i]), topic)}
	}
	out := p.evaluateLate(&late)
	for i := range list {
		if field := topics(&list[i]); all[name(&list[i])] {
			*field = keptOf(*field, &out, i)
		}
	}
}
