package gateway

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// With every heartbeat of any member, the coordinator of a streams group creates
// missing internal topics of the group's topology, as the principal that sent the
// heartbeat. That is the gateway, which may create everything. So a heartbeat is
// forwarded only if the client may create all internal topics, or if those that it may
// not create exist. What counts is the topology of the group, not that of the
// heartbeat: the coordinator keeps the first one.
//
// Kafka lets a member without the right join, and returns the status that internal
// topics are missing. The gateway gives the same answer without the cluster. A member
// that has not joined gets an epoch that no group has. It sends its first heartbeat
// with that epoch immediately, to report that it has what was assigned to it, which is
// nothing. The answer has the same status, because otherwise the client would start,
// and another epoch, so that the member waits until its next heartbeat. The answer to
// that one is that the member is unknown. The client then joins again with its
// topology. It either waits again or, if the topics have been created meanwhile, joins.
//
// Source: KIP-1071; Kafka's KafkaApis.handleStreamsGroupHeartbeat and
// GroupMetadataManager.streamsGroupHeartbeat.

// Statuses of a streams group that the gateway returns.
//
// Source: Kafka's StreamsGroupHeartbeatResponse.Status.
const (
	missingSourceTopics   = 1
	missingInternalTopics = 3
)

const (
	// A member that was told to wait has one of the first two epochs, depending on its
	// status, and then the third. A member with any of these epochs has not joined.
	sourcesEpoch  = math.MaxInt32 - 2
	internalEpoch = math.MaxInt32 - 1
	waitingEpoch  = math.MaxInt32
)

// heartbeatInterval is the interval, in milliseconds, until the member's next heartbeat
// after an answer of the gateway.
//
// Source: the default of Kafka's group.streams.heartbeat.interval.ms.
const heartbeatInterval = 5000

// readTopology reads the topics of a streams group. Patterns in a topology cannot be
// authorized. Kafka 4.4 does not serve them either.
func readTopology(q *query, m *kmsg.StreamsGroupHeartbeatRequest) {
	if m.Topology == nil {
		return
	}
	for i := range m.Topology.Subtopologies {
		s := &m.Topology.Subtopologies[i]
		if len(s.SourceTopicRegex) > 0 {
			q.unservable = ops.InvalidRequest
		}
		q.Subscribed = append(q.Subscribed, s.SourceTopics...)
		q.Subscribed = append(q.Subscribed, s.RepartitionSinkTopics...)
		q.Subscribed = append(q.Subscribed, internalTopics(s)...)
	}
}

// internalTopics returns the topics of a topology that the cluster creates.
func internalTopics(s *kmsg.StreamsGroupHeartbeatRequestTopologySubtopology) []string {
	name := func(t *kmsg.TopicInfo) string { return t.Topic }
	return append(names(s.RepartitionSourceTopics, name), names(s.StateChangelogTopics, name)...)
}

// rewriteStreams answers the heartbeat of a streams group itself if the cluster might
// create topics that the client may not create. The client has already been allowed to
// read the group and to describe the topics that it names.
func rewriteStreams(p *Plan, _ *ops.Outcome) (bool, error) {
	m := p.query.message.(*kmsg.StreamsGroupHeartbeatRequest)
	if m.MemberEpoch < 0 { // the member leaves
		return false, nil
	}
	switch m.MemberEpoch {
	case sourcesEpoch:
		p.local = waiting(m, statusIs(missingSourceTopics, "Source topics are missing."))
		return false, nil
	case internalEpoch:
		p.local = waiting(m, statusIs(missingInternalTopics, "Internal topics are missing."))
		return false, nil
	case waitingEpoch:
		return false, p.refuse(ops.UnknownMemberID)
	}
	if why := missingID(m); why != "" {
		err := p.refuse(ops.InvalidRequest)
		p.local.(*kmsg.StreamsGroupHeartbeatResponse).ErrorMessage = &why
		return false, err
	}
	p.asker.checks++
	if p.asker.view.Allowed(ops.Create, resource.Cluster, resource.ClusterName) {
		return false, nil // every topic may be created
	}
	sources, internal, code := p.topologyOf(m)
	if code != ops.None {
		return false, p.refuse(code)
	}
	late := p.query.Request
	late.Subscribed, late.NewTopics = nil, internal // they were asked about
	a := asker{view: p.asker.view}
	forbidden := ops.Evaluate(&a, &late).CannotCreate
	p.asker.checks += a.checks
	if len(forbidden) == 0 {
		return false, nil
	}
	missing, noSource := forbidden, []string(nil) // the assumption without a Cluster
	if p.conn.reader.cluster != nil {
		gone, certain := p.ask().MissingTopics(slices.Concat(forbidden, sources))
		if !certain {
			return false, p.refuse(ops.CoordinatorNotAvailable)
		}
		missing, noSource = both(gone, forbidden), both(gone, sources)
	}
	if len(missing) == 0 {
		return false, nil
	}
	for _, d := range a.denials {
		if slices.Contains(missing, d.Name) {
			p.Denied = append(p.Denied, d)
		}
	}
	p.local = waiting(m, p.statusOf(missing, noSource))
	return false, nil
}

// statusOf says which topics a member waits for. The topology may be another member's:
// topics that the client may not describe are not named.
//
// Source: Kafka's InternalTopicManager.configureTopics, KafkaApis.handleStreamsGroupHeartbeat.
func (p *Plan) statusOf(missing, noSource []string) kmsg.StreamsGroupHeartbeatResponseStatus {
	hidden := func(name string) bool { return !p.asker.view.Allowed(ops.Describe, resource.Topic, name) }
	missing, noSource = slices.DeleteFunc(slices.Clone(missing), hidden), slices.DeleteFunc(noSource, hidden)
	if len(noSource) > 0 { // the cluster looks for these first
		return statusIs(missingSourceTopics, "Source topics "+summary(noSource)+" are missing.")
	}
	return statusIs(missingInternalTopics, "Internal topics are missing: "+summary(missing)+
		"; Unauthorized to CREATE on topics "+strings.Join(missing, ", ")+".")
}

// statusIs returns a status.
func statusIs(code int8, detail string) kmsg.StreamsGroupHeartbeatResponseStatus {
	status := kmsg.NewStreamsGroupHeartbeatResponseStatus()
	status.StatusCode, status.StatusDetail = code, detail
	return status
}

// describeTopology says what is wrong with a topology, in the words of the broker. Names
// that come more than once are named once.
//
// Source: Kafka's KafkaApis.handleStreamsGroupHeartbeat,
// GroupCoordinatorService.throwIfStreamsGroupHeartbeatRequestIsUsingUnsupportedFeatures.
func describeTopology(q *query, r *kmsg.StreamsGroupHeartbeatResponse) {
	switch code := ops.ErrorCode(r.ErrorCode); {
	case code == ops.InvalidRequest && q.unservable == code:
		r.ErrorMessage = new("Regular expressions for source topics are not supported yet.")
	case code != ops.StreamsInvalidTopology:
	default:
		topics := distinct(q.Subscribed)
		internal := slices.DeleteFunc(slices.Clone(topics), func(name string) bool { return !ops.InternalTopic(name) })
		if len(internal) > 0 {
			r.ErrorMessage = new("Use of Kafka internal topics " + strings.Join(internal, ",") + " in a Kafka Streams topology is prohibited.")
			return
		}
		invalid := slices.DeleteFunc(topics, ops.ValidTopicName)
		r.ErrorMessage = new("Topic names " + strings.Join(invalid, ",") + " are not valid topic names.")
	}
}

// missingID returns what Kafka says of a heartbeat that names no member or no group, or "".
// Nothing can be looked up for it.
//
// Source: Kafka's GroupCoordinatorService.throwIfStreamsGroupHeartbeatRequestIsInvalid.
func missingID(m *kmsg.StreamsGroupHeartbeatRequest) string {
	switch {
	case m.MemberID == "":
		return "MemberId can't be empty."
	case m.Group == "":
		return "GroupId can't be empty."
	}
	return ""
}

// topologyOf returns the topics of the group, and those that the heartbeat adds: a group
// without a topology gets that of the heartbeat.
func (p *Plan) topologyOf(m *kmsg.StreamsGroupHeartbeatRequest) (sources, internal []string, code ops.ErrorCode) {
	if p.conn.reader.cluster != nil {
		if sources, internal, code = p.ask().StreamsTopology(m.Group); code != ops.None {
			return nil, nil, code
		}
	}
	if m.Topology != nil {
		for i := range m.Topology.Subtopologies {
			s := &m.Topology.Subtopologies[i]
			sources = append(sources, s.SourceTopics...)
			internal = append(internal, internalTopics(s)...)
		}
	}
	return distinct(sources), distinct(internal), ops.None
}

// distinct returns the names in order, each once.
func distinct(names []string) []string {
	names = slices.Sorted(slices.Values(names))
	return slices.Compact(names)
}

// both returns the names that are in both lists. The second is in order.
func both(names, sorted []string) (found []string) {
	for _, name := range distinct(names) {
		if _, ok := slices.BinarySearch(sorted, name); ok {
			found = append(found, name)
		}
	}
	return found
}

// maxSummary is how many topics a status names.
//
// Source: Kafka's InternalTopicManager.summarizeTopics.
const maxSummary = 3

func summary(topics []string) string {
	if len(topics) == 0 {
		return "<none>"
	}
	if len(topics) <= maxSummary {
		return strings.Join(topics, ", ")
	}
	return fmt.Sprintf("%s and %d additional topics", strings.Join(topics[:maxSummary], ", "), len(topics)-maxSummary)
}

// waiting returns the answer to a member that waits for topics. It keeps what it has; one
// that joins has nothing.
func waiting(m *kmsg.StreamsGroupHeartbeatRequest, status kmsg.StreamsGroupHeartbeatResponseStatus) kmsg.Response {
	r := m.ResponseKind().(*kmsg.StreamsGroupHeartbeatResponse)
	r.MemberID, r.MemberEpoch, r.EndpointInformationEpoch = m.MemberID, m.MemberEpoch, m.EndpointInformationEpoch
	switch m.MemberEpoch {
	case 0:
		r.MemberEpoch = internalEpoch
		if status.StatusCode == missingSourceTopics {
			r.MemberEpoch = sourcesEpoch
		}
		r.ActiveTasks, r.StandbyTasks, r.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
	case sourcesEpoch, internalEpoch:
		r.MemberEpoch = waitingEpoch
	}
	r.HeartbeatIntervalMillis = heartbeatInterval
	r.AcceptableRecoveryLag = -1
	r.Status = []kmsg.StreamsGroupHeartbeatResponseStatus{status}
	return r
}
