package gateway

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// A member of a consumer group may subscribe to a pattern. Kafka's coordinator resolves
// it to the topics that the member may describe, and resolves it again when there are
// new topics. It would resolve the pattern with the gateway's rights. So the gateway
// sends the names of the matching topics instead of the pattern. A client sends its
// pattern only once. So the gateway remembers it for the connection, and resolves it
// again with the first heartbeat after the topics or the client's ACLs have changed.
//
// Source: KIP-848; Kafka's GroupMetadataManager.maybeUpdateRegularExpressions.

// What a connection remembers of the members that heartbeat on it. A client has one
// connection to its coordinator, with one member. A member that is forgotten keeps the
// topics that it has, and gets new ones when it sends its subscription again.
const (
	maxMembers           = 16
	maxSubscriptionBytes = 128 << 10
	bytesPerSubscription = 256 // in addition to those of its texts
	bytesPerName         = 16  // of a list, in addition to those of the name
)

// A pattern of a few bytes is resolved by looking at all topics, and the heartbeat is sent on
// with the names of those that match. A connection may have as many resolutions at once as it
// has members, which join, and then one in each resolvePause: heartbeats without a
// subscription come every few seconds. Kafka's coordinator resolves a pattern once in ten
// seconds. Until then the topics of a member remain, and a new subscription is refused with
// COORDINATOR_LOAD_IN_PROGRESS, so that the client tries again. A client with many connections
// has its turn for each resolution: see [Client].Turn.
const (
	maxResolutions = maxMembers
	resolvePause   = time.Second
)

// subscription is a member's subscription to a pattern.
type subscription struct {
	group, member string
	names         []string // that the client named in addition to the pattern
	pattern       string
	topics, acls  uint64            // the versions of both at the last resolution
	sent          [sha256.Size]byte // hash of the topics that were sent to the cluster last
	lost          bool              // the cluster may have other topics: it has refused a heartbeat
}

func (s *subscription) bytes() int {
	n := bytesPerSubscription + len(s.group) + len(s.member) + len(s.pattern)
	for _, name := range s.names {
		n += len(name) + bytesPerName
	}
	return n
}

// subscriptions are those of a connection, ordered by their last change.
type subscriptions []*subscription

func (l subscriptions) bytes() (n int) {
	for _, s := range l {
		n += s.bytes()
	}
	return n
}

// of returns the subscription of a member, or nil.
func (l subscriptions) of(group, member string) *subscription {
	if at := slices.IndexFunc(l, func(s *subscription) bool { return s.isOf(group, member) }); at >= 0 {
		return l[at]
	}
	return nil
}

func (s *subscription) isOf(group, member string) bool { return s.group == group && s.member == member }

// without returns the list without the subscription of a member.
func (l subscriptions) without(group, member string) subscriptions {
	return slices.DeleteFunc(slices.Clone(l), func(s *subscription) bool { return s.isOf(group, member) })
}

// with returns the list with a new subscription of a member, and without the oldest ones if
// there are too many.
func (l subscriptions) with(s *subscription) subscriptions {
	l = append(l.without(s.group, s.member), s)
	for len(l) > maxMembers || l.bytes() > maxSubscriptionBytes {
		l = slices.Delete(l, 0, 1)
	}
	return l
}

// rewriteHeartbeat replaces the pattern of a member by the topics that it resolves to,
// if the heartbeat has a subscription or if these topics have changed. The client has
// already been allowed to read the group and to describe the topics that it names:
// nothing is compiled or matched before that.
func rewriteHeartbeat(p *Plan, _ *ops.Outcome) (bool, error) {
	m := p.query.message.(*kmsg.ConsumerGroupHeartbeatRequest)
	kept := p.conn.memory.now.members.of(m.Group, m.MemberID)
	if m.MemberEpoch < 0 { // the member leaves, and the cluster reads no more than that
		p.forget(m, kept)
		changed := m.SubscribedTopicRegex != nil
		m.SubscribedTopicRegex = nil
		return changed, nil
	}
	s := subscriptionOf(kept, m)
	if s.pattern == "" {
		if p.forget(m, kept); kept != nil && m.SubscribedTopicNames == nil { // the topics of the old pattern are dropped
			m.SubscribedTopicNames = append([]string{}, s.names...)
			return true, nil
		}
		return false, nil
	}
	subscribes := m.SubscribedTopicNames != nil || m.SubscribedTopicRegex != nil
	names, changed, err := p.resolveAgain(s, subscribes)
	if wrong, ok := errors.AsType[*patternError](err); ok {
		p.sendImpossible(m, wrong)
		return true, nil
	}
	if err != nil || p.local != nil || p.waits {
		return false, err // the member keeps its previous subscription
	}
	next := p.remember()
	if next.members = next.members.with(s); !changed {
		return false, nil
	}
	m.SubscribedTopicNames, m.SubscribedTopicRegex = names, new("")
	p.resolved = bytesPerName * cap(names)
	s.lost = false
	p.restoreIfRefused(m, kept)
	return true, nil
}

// forget forgets the subscription of the member, which may be nil.
func (p *Plan) forget(m *kmsg.ConsumerGroupHeartbeatRequest, s *subscription) {
	if s != nil {
		next := p.remember()
		next.members = next.members.without(m.Group, m.MemberID)
		p.restoreIfRefused(m, s)
	}
}

// restoreIfRefused remembers the subscription that the member had before, or none if it is nil,
// if the cluster refuses the heartbeat: that has changed nothing there.
func (p *Plan) restoreIfRefused(m *kmsg.ConsumerGroupHeartbeatRequest, before *subscription) {
	memory, group, member := p.conn.memory, m.Group, m.MemberID
	p.changes = append(p.changes, func(resp kmsg.Response) (bool, error) {
		if resp.(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode != 0 {
			memory.restore(group, member, before)
		}
		return false, nil
	})
}

// subscriptionOf returns the subscription of a member after a heartbeat. Null fields of
// the heartbeat are unchanged.
func subscriptionOf(before *subscription, m *kmsg.ConsumerGroupHeartbeatRequest) *subscription {
	s := &subscription{group: m.Group, member: m.MemberID}
	if before != nil {
		*s = *before
	}
	if m.SubscribedTopicNames != nil {
		s.names = m.SubscribedTopicNames
	}
	if m.SubscribedTopicRegex != nil {
		s.pattern = *m.SubscribedTopicRegex
	}
	return s
}

// resolveAgain returns the topics of a subscription, and whether to send them to the
// cluster. subscribes says that this heartbeat contains the subscription: then the topics are
// always sent, and a pattern that cannot be resolved is refused. Otherwise the member
// keeps its topics if they are unchanged or unknown.
func (p *Plan) resolveAgain(s *subscription, subscribes bool) (names []string, changed bool, err error) {
	all := allTopics{known: true}
	if p.asker.view.MayAllow(ops.Describe, resource.Topic) { // otherwise no topic matters
		all.names, all.version, all.known = p.ask().Topics()
	}
	acls := p.asker.view.Generation()
	switch same := s.topics == all.version && s.acls == acls && !s.lost; {
	case !subscribes && (same || !all.known):
		return nil, false, nil
	case !all.known:
		return nil, false, p.refuse(ops.CoordinatorNotAvailable)
	case len(all.names) > 0 && !p.conn.memory.mayResolve():
		if subscribes {
			err = p.refuse(ops.CoordinatorLoadInProgress)
		}
		return nil, false, err
	case p.needsTurn(): // to parse a pattern takes time, also if no topic is matched
		return nil, false, nil
	}
	p.resolves = len(all.names) > 0
	names, err = p.resolve(s, all.names)
	switch {
	case err != nil && subscribes:
		return nil, false, &patternError{s.pattern, err}
	case err != nil:
		return nil, false, nil
	}
	hash := hashOf(names)
	changed = subscribes || s.sent != hash || s.lost
	s.topics, s.acls, s.sent = all.version, acls, hash
	return names, changed, nil
}

func hashOf(names []string) [sha256.Size]byte {
	h := sha256.New()
	for _, name := range names {
		h.Write([]byte(name))
		h.Write([]byte{0})
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// allTopics are the names of all topics, as [Cluster].Topics returns them.
type allTopics struct {
	names   []string
	version uint64
	known   bool
}

// resolve returns the topics of a subscription, sorted: the named topics, and those
// that match the pattern and that the client may describe. No other topics are matched,
// so that neither the answer nor the time depends on them.
func (p *Plan) resolve(s *subscription, topics []string) ([]string, error) {
	parsed, err := parsePattern(s.pattern, p.Header.left)
	if err != nil {
		return nil, err
	}
	list := append(make([]string, 0, len(topics)+len(s.names)), topics...)
	matched, err := parsed.match(p.describable(list))
	if err != nil {
		return nil, err
	}
	names := append(matched, s.names...) // not null, even if empty
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) < cap(names)/2 { // the plan keeps it
		names = append(make([]string, 0, len(names)), names...)
	}
	return names, nil
}

// patternError says that a pattern cannot be resolved.
type patternError struct {
	pattern string
	why     error
}

func (e *patternError) Error() string {
	why := e.why.Error()
	if wrong, ok := errors.AsType[*syntax.Error](e.why); ok {
		why = string(wrong.Code) // in RE2/J's words
	}
	return fmt.Sprintf("SubscribedTopicRegex `%s` is not a valid regular expression: %s.", e.pattern, why)
}

// impossible is a pattern that no coordinator can resolve.
const impossible = "("

// sendImpossible sends an impossible pattern instead of one that cannot be resolved.
// The coordinator checks everything else in a heartbeat before it compiles the pattern.
// So its other errors come first; the text of the pattern error is then made for the
// client's own pattern.
//
// Source: Kafka's GroupMetadataManager.consumerGroupHeartbeat.
func (p *Plan) sendImpossible(m *kmsg.ConsumerGroupHeartbeatRequest, e *patternError) {
	m.SubscribedTopicRegex = new(impossible)
	p.changes = append(p.changes, func(resp kmsg.Response) (bool, error) {
		r := resp.(*kmsg.ConsumerGroupHeartbeatResponse)
		if r.ErrorCode != int16(ops.InvalidRegularExpression) {
			return false, nil
		}
		r.ErrorMessage = new(e.Error())
		return true, nil
	})
}
