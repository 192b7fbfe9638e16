package gateway

import (
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// filterGroups decides about the groups that the cluster describes, including those
// with an error. If describing a group also requires its topics, topics returns them.
func filterGroups[T any](p *Plan, list []T, name func(*T) string, topics func(*T) []string) {
	late := p.query.Request
	late.Groups = holders(names(list, name))
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
		g := &list[it.Index]
		switch {
		case it.Code != ops.None:
			refused := refusal{key: late.Key, code: it.Code}
			if says := apiOf(late.Key).hiddenTopics; says != "" && it.Code == ops.TopicAuthorizationFailed {
				refused.text = &says
			}
			entry := blankOf(reflect.TypeFor[T]())
			refused.fill(entry, reflect.ValueOf(name(g)))
			reflect.ValueOf(g).Elem().Set(entry)
		case it.HasOperations:
			intersect(reflect.ValueOf(g).Elem().FieldByName("AuthorizedOperations").Addr().Interface().(*int32), it.Operations)
		}
	}
}

func (p *Plan) filterGroupOperations(r *kmsg.DescribeGroupsResponse) {
	filterGroups(p, r.Groups, func(g *kmsg.DescribeGroupsResponseGroup) string { return g.Group }, nil)
}

func (p *Plan) filterConsumerGroups(r *kmsg.ConsumerGroupDescribeResponse) {
	name := func(g *kmsg.ConsumerGroupDescribeResponseGroup) string { return g.Group }
	filterGroups(p, r.Groups, name, func(g *kmsg.ConsumerGroupDescribeResponseGroup) (topics []string) {
		for i := range g.Members {
			for _, t := range g.Members[i].Assignment.TopicPartitions {
				topics = append(topics, t.Topic)
			}
			for _, t := range g.Members[i].TargetAssignment.TopicPartitions {
				topics = append(topics, t.Topic)
			}
		}
		return topics
	})
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
	name := func(g *kmsg.ShareGroupDescribeResponseGroup) string { return g.GroupID }
	filterGroups(p, r.Groups, name, func(g *kmsg.ShareGroupDescribeResponseGroup) (topics []string) {
		for i := range g.Members {
			for _, t := range g.Members[i].Assignment.TopicPartitions {
				topics = append(topics, t.Topic)
			}
		}
		return topics
	})
}

func (p *Plan) filterStreamsGroups(r *kmsg.StreamsGroupDescribeResponse) {
	name := func(g *kmsg.StreamsGroupDescribeResponseGroup) string { return g.Group }
	filterGroups(p, r.Groups, name, func(g *kmsg.StreamsGroupDescribeResponseGroup) (topics []string) {
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
	})
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
		if r.Version < 8 {
			late := p.query.Request
			late.Groups = []ops.Holder{{Name: late.Groups[0].Name, AllTopics: true}}
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
	late.Groups = make([]ops.Holder, len(list))
	for i := range list {
		late.Groups[i] = ops.Holder{Name: name(&list[i]), AllTopics: true, Topics: topicsOf(*topics(&list[i]), topic)}
	}
	out := p.evaluateLate(&late)
	for i := range list {
		if field := topics(&list[i]); all[name(&list[i])] {
			*field = keptOf(*field, &out, i)
		}
	}
}
