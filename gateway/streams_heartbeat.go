package gateway

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unsafe"

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
	// A member that waits has one of the first two epochs, depending on its
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

// largeTopology is how many topics a topology may have at the cluster so that all connections of
// a client may decide about it at the same time. A heartbeat of a few bytes takes up to a
// megabyte then, as any request may. Applications have at most some hundreds of topics. With
// more, a heartbeat waits for the turn of the client, and asks for the topology in it, so that
// those that wait do not each hold one.
const largeTopology = 1_000

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
	switch {
	case code != ops.None:
		return false, p.refuse(code)
	case p.waits:
		return false, nil
	}
	late := p.query.Request
	late.Subscribed, late.NewTopics = nil, internal // they were asked about
	out, denials := p.evaluate(&late, 0)
	forbidden := out.CannotCreate
	if len(forbidden) == 0 {
		return false, nil
	}
	began := time.Now()
	gone, certain := p.ask().MissingTopics(slices.Concat(forbidden, sources))
	if !certain {
		return false, p.refuse(ops.CoordinatorNotAvailable)
	}
	missing, noSource := both(gone, forbidden), both(gone, sources)
	if len(missing) == 0 {
		p.exists = began
		return false, nil
	}
	for _, d := range denials {
		if _, found := slices.BinarySearch(missing, d.Name); found {
			p.Denied = append(p.Denied, d)
		}
	}
	p.waitForTopics(m, missing, noSource)
	return false, nil
}

// waitForTopics answers a member that waits for topics. The text of the answer names all of
// those that it may describe. It is made when there is room for it.
func (p *Plan) waitForTopics(m *kmsg.StreamsGroupHeartbeatRequest, missing, noSource []string) {
	p.later = func() (kmsg.Response, error) { return waiting(m, p.statusOf(missing, noSource)), nil }
	text := 0
	for _, names := range [][]string{missing, noSource} {
		p.toAnswer += 2 * int64(cap(names)) * bytesPerName // and those of them that are shown
		for _, name := range names {
			text += len(name) + len(", ")
		}
	}
	// The names, and the text of them: alone, in the answer, and in its frame.
	p.toAnswer += 4*int64(text) + int64(cap(p.Denied))*int64(unsafe.Sizeof(Denial{}))
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

// refuseStreams refuses a heartbeat. It describes what is wrong with a topology in the
// broker's words. A name that occurs several times is listed once.
//
// Source: Kafka's KafkaApis.handleStreamsGroupHeartbeat,
// GroupCoordinatorService.throwIfStreamsGroupHeartbeatRequestIsUsingUnsupportedFeatures.
func refuseStreams(f *refusal, _ *kmsg.StreamsGroupHeartbeatRequest, r *kmsg.StreamsGroupHeartbeatResponse) {
	q := f.query
	r.ErrorCode, r.Status = f.code, []kmsg.StreamsGroupHeartbeatResponseStatus{}
	switch code := ops.ErrorCode(r.ErrorCode); {
	case code == ops.InvalidRequest && q.unservable == code:
		r.ErrorMessage = new("Regular expressions for source topics are not supported yet.")
	case code != ops.StreamsInvalidTopology:
	default:
		topics := distinct(q.Subscribed)
		internal := slices.DeleteFunc(slices.Clone(topics), func(name string) bool { return !resource.InternalTopic(name) })
		if len(internal) > 0 {
			r.ErrorMessage = new("Use of Kafka internal topics " + strings.Join(internal, ",") + " in a Kafka Streams topology is prohibited.")
			return
		}
		invalid := slices.DeleteFunc(topics, resource.ValidTopicName)
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
// without a topology gets that of the heartbeat. There are none if the plan waits.
func (p *Plan) topologyOf(m *kmsg.StreamsGroupHeartbeatRequest) (sources, internal []string, code ops.ErrorCode) {
	if sources, internal, code = p.ask().StreamsTopology(m.Group); code != ops.None {
		return nil, nil, code
	}
	if len(sources)+len(internal) > largeTopology && p.needsTurn() {
		return nil, nil, ops.None
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
