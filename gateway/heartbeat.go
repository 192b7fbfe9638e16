package gateway

import (
	"regexp"
	"slices"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Error codes of requests that the gateway itself cannot let pass, beside those of the
// protocol table.
const (
	invalidRegularExpression ops.ErrorCode = 128
	streamsInvalidTopology   ops.ErrorCode = 130
)

// maxPattern is the longest pattern that is compiled, in bytes. Compiling takes memory
// in proportion to it; four topic names fit in.
const maxPattern = 1000

// readPattern finds the topics that match the pattern which a group member subscribes
// to. Kafka's coordinator resolves it as RE2/J does, of which Go's regexp is the
// original; the pattern must match the whole name.
func (r *reader) readPattern(q *query, m *kmsg.ConsumerGroupHeartbeatRequest) {
	if m.SubscribedTopicRegex == nil || *m.SubscribedTopicRegex == "" {
		return
	}
	pattern := q.text(*m.SubscribedTopicRegex)
	q.Matched = []string{}
	if len(pattern) > maxPattern {
		q.unservable = invalidRegularExpression
		return
	}
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err == nil {
		_, err = regexp.Compile(pattern) // by itself too: it may not close our bracket
	}
	if err != nil {
		q.unservable = invalidRegularExpression
		return
	}
	if r.cluster == nil {
		return
	}
	for _, name := range r.cluster.Topics() {
		if re.MatchString(name) {
			q.Matched = append(q.Matched, name)
		}
	}
}

// resolvePattern puts the topics that a pattern may resolve to in place of it. The
// cluster would resolve it to what the gateway may see, not the client. So topics that
// are created later are found when the client next sends its subscription.
func resolvePattern(m *kmsg.ConsumerGroupHeartbeatRequest, matched []string) {
	names := slices.Concat(m.SubscribedTopicNames, matched)
	slices.Sort(names)
	m.SubscribedTopicNames = slices.Compact(names)
	if m.SubscribedTopicNames == nil {
		m.SubscribedTopicNames = []string{}
	}
	m.SubscribedTopicRegex = new("")
}

// readTopology reads the topics of a streams group. Patterns in a topology cannot be
// decided about, and Kafka 4.2 does not serve them either.
func readTopology(q *query, m *kmsg.StreamsGroupHeartbeatRequest) {
	if m.Topology == nil {
		return
	}
	for i := range m.Topology.Subtopologies {
		s := &m.Topology.Subtopologies[i]
		if len(s.SourceTopicRegex) > 0 {
			q.unservable = streamsInvalidTopology
		}
		q.Subscribed = append(q.Subscribed, q.texts(s.SourceTopics)...)
		q.Subscribed = append(q.Subscribed, q.texts(s.RepartitionSinkTopics)...)
		q.Subscribed = append(q.Subscribed, q.texts(internalTopics(s))...)
	}
}

// internalTopics returns the topics of a topology that the cluster creates.
func internalTopics(s *kmsg.StreamsGroupHeartbeatRequestTopologySubtopology) []string {
	name := func(t *kmsg.TopicInfo) string { return t.Topic }
	return append(names(s.RepartitionSourceTopics, name), names(s.StateChangelogTopics, name)...)
}

// rewriteHeartbeat replaces a pattern by the topics that the member may read by it.
func rewriteHeartbeat(p *Plan, out *ops.Outcome) (bool, error) {
	if p.query.Matched == nil {
		return false, nil
	}
	resolvePattern(p.query.message.(*kmsg.ConsumerGroupHeartbeatRequest), out.Matched)
	return true, nil
}

// refuseCreation refuses the heartbeat of a streams group with internal topics that the
// client may not create and the cluster would. Kafka says so in a status and lets the
// member join; here nothing else keeps the cluster from creating them.
//
// Only now is the cluster asked which of them there are: the client may read the group
// and describe them all.
func refuseCreation(p *Plan, _ *ops.Outcome) (bool, error) {
	late := p.query.Request
	late.NewTopics = p.newTopics(p.query.message.(*kmsg.StreamsGroupHeartbeatRequest))
	if len(late.NewTopics) == 0 {
		return false, nil
	}
	late.Subscribed = nil // they were asked about
	a := asker{view: p.asker.view}
	out := ops.Evaluate(&a, &late)
	p.asker.checks += a.checks
	if out.Passes() {
		return false, nil
	}
	p.Denied = append(p.Denied, a.denials...)
	var err error
	p.local, err = refuseAll(p.query, ops.TopicAuthorizationFailed)
	return false, err
}

// newTopics returns the internal topics of a topology that do not exist: the cluster
// goes on to create them.
func (p *Plan) newTopics(m *kmsg.StreamsGroupHeartbeatRequest) (created []string) {
	if m.Topology == nil {
		return nil
	}
	seen := make(map[string]bool)
	for i := range m.Topology.Subtopologies {
		for _, name := range internalTopics(&m.Topology.Subtopologies[i]) {
			if seen[name] {
				continue
			}
			seen[name] = true
			if cluster := p.gateway.config.Cluster; cluster == nil || !cluster.HasTopic(name) {
				created = append(created, name)
			}
		}
	}
	return created
}
