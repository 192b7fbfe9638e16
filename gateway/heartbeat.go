package gateway

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
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
	bytesPerName         = 16 // of a list, in addition to those of the name
)

// subscription is a member's subscription to a pattern.
type subscription struct {
	group, member string
	names         []string // that the client named in addition to the pattern
	pattern       string
	topics, acls  uint64            // the versions of both at the last resolution
	sent          [sha256.Size]byte // hash of the topics that were sent to the cluster last
	lost          *atomic.Bool      // the cluster has rejected them
}

func (s *subscription) bytes() int {
	n := len(s.group) + len(s.member) + len(s.pattern)
	for _, name := range s.names {
		n += len(name) + bytesPerName
	}
	return n
}

// subscriptions are those of a connection, ordered by their last change.
type subscriptions []*subscription

// take removes the subscription of a member and returns it; nil if there is none.
func (l *subscriptions) take(group, member string) *subscription {
	at := slices.IndexFunc(*l, func(s *subscription) bool { return s.group == group && s.member == member })
	if at < 0 {
		return nil
	}
	s := (*l)[at]
	*l = slices.Delete(*l, at, at+1)
	return s
}

// keep adds a subscription, and drops the oldest ones if there are too many.
func (l *subscriptions) keep(s *subscription) {
	*l = append(*l, s)
	total := 0
	for _, s := range *l {
		total += s.bytes()
	}
	for len(*l) > maxMembers || total > maxSubscriptionBytes {
		total -= (*l)[0].bytes()
		*l = slices.Delete(*l, 0, 1)
	}
}

// rewriteHeartbeat replaces the pattern of a member by the topics that it resolves to,
// if the heartbeat has a subscription or if these topics have changed. The client has
// already been allowed to read the group and to describe the topics that it names:
// nothing is compiled or matched before that.
func rewriteHeartbeat(p *Plan, _ *ops.Outcome) (bool, error) {
	m := p.query.message.(*kmsg.ConsumerGroupHeartbeatRequest)
	kept := p.conn.memory.members.take(m.Group, m.MemberID)
	defer func() {
		if kept != nil {
			p.conn.memory.members.keep(kept)
		}
	}()
	if m.MemberEpoch < 0 { // the member leaves, and the cluster reads no more than that
		kept = nil
		changed := m.SubscribedTopicRegex != nil
		m.SubscribedTopicRegex = nil
		return changed, nil
	}
	s := subscriptionOf(kept, m)
	if s.pattern == "" {
		had := kept != nil
		if kept = nil; had && m.SubscribedTopicNames == nil { // the topics of the old pattern are dropped
			m.SubscribedTopicNames = append([]string{}, s.names...)
			return true, nil
		}
		return false, nil
	}
	told := m.SubscribedTopicNames != nil || m.SubscribedTopicRegex != nil
	names, changed, err := p.resolveAgain(s, told)
	if wrong, ok := errors.AsType[*patternError](err); ok {
		p.sendImpossible(m, wrong)
		return true, nil
	}
	if err != nil || p.local != nil {
		return false, err // the member keeps its previous subscription
	}
	if kept = s; !changed {
		return false, nil
	}
	m.SubscribedTopicNames, m.SubscribedTopicRegex = names, new("")
	s.lost = new(atomic.Bool)
	p.changes = append(p.changes, noteLoss(s.lost))
	return true, nil
}

// subscriptionOf returns the subscription of a member after a heartbeat. Null fields of
// the heartbeat are unchanged.
func subscriptionOf(before *subscription, m *kmsg.ConsumerGroupHeartbeatRequest) *subscription {
	s := &subscription{group: m.Group, member: m.MemberID, lost: new(atomic.Bool)}
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
// cluster. told says that this heartbeat contains the subscription: then the topics are
// always sent, and a pattern that cannot be resolved is refused. Otherwise the member
// keeps its topics if they are unchanged or unknown.
func (p *Plan) resolveAgain(s *subscription, told bool) (names []string, changed bool, err error) {
	topics, version, known := p.allTopics()
	acls := p.asker.view.Generation()
	switch same := s.topics == version && s.acls == acls && !s.lost.Load(); {
	case !told && (same || !known):
		return nil, false, nil
	case !known:
		return nil, false, p.refuse(ops.CoordinatorNotAvailable)
	}
	names, err = p.resolve(s, topics)
	switch {
	case err != nil && told:
		return nil, false, &patternError{s.pattern, err}
	case err != nil:
		return nil, false, nil
	}
	hash := hashOf(names)
	changed = told || s.sent != hash || s.lost.Load()
	s.topics, s.acls, s.sent = version, acls, hash
	return names, changed, nil
}

// noteLoss records that the cluster rejected a heartbeat, and so the topics in it.
func noteLoss(lost *atomic.Bool) change {
	return func(resp kmsg.Response) (bool, error) {
		if resp.(*kmsg.ConsumerGroupHeartbeatResponse).ErrorCode != 0 {
			lost.Store(true)
		}
		return false, nil
	}
}

func hashOf(names []string) [sha256.Size]byte {
	h := sha256.New()
	for _, name := range names {
		h.Write([]byte(name))
		h.Write([]byte{0})
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// allTopics returns the names of all topics; without a Cluster there are none.
func (p *Plan) allTopics() (names []string, version uint64, known bool) {
	if p.conn.reader.cluster == nil {
		return nil, 0, true
	}
	return p.ask().Topics()
}

// resolve returns the topics of a subscription, sorted: the named topics, and those
// that match the pattern and that the client may describe. No other topics are matched,
// so that neither the answer nor the time depends on them.
func (p *Plan) resolve(s *subscription, topics []string) ([]string, error) {
	compiled, err := compilePattern(s.pattern)
	if err != nil {
		return nil, err
	}
	late := p.query.Request
	late.Subscribed, late.Matched = nil, topics
	out := p.evaluateLate(&late)
	matched, err := compiled.match(out.Matched)
	if err != nil {
		return nil, err
	}
	names := append(append([]string{}, s.names...), matched...) // not null, even if empty
	slices.Sort(names)
	return slices.Compact(names), nil
}

// refuse answers the request with an error.
func (p *Plan) refuse(code ops.ErrorCode) (err error) {
	p.local, err = refuseAll(p.query, code)
	return err
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
