package gateway

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// A share consumer names a partition once in a session. From then on, every fetch is
// about all partitions of the session. Kafka decides about each of them with every
// fetch, and answers those that the member may not read with an error. The cluster
// decides by the gateway's rights, which include everything. So the gateway remembers
// the partitions of the member's session, decides about each of them with every fetch,
// and keeps only those that the member may read in the cluster's session. It removes a
// partition there when the member loses the right, and adds it when the member gets the
// right again.
//
// The request that removes a partition also releases the records that the member has
// acquired of it, so that other members get them immediately. In Kafka they stay locked
// until the lock expires (group.share.record.lock.duration.ms) or the session is closed.
// But closing a session releases nothing of a partition that was removed from it. The cluster
// releases all that a request names of a partition, or nothing. So the gateway forgets records
// when their lock ends, and repeats what the cluster refuses until then, with a pause.
//
// Kafka lets a member continue its session over any connection. Over one of them the
// gateway would not know what another one has added to the session. So the cluster gets
// another member id for each connection, and each has a session of its own.
//
// As in Kafka, the group and the member id of a request say which session it is about, and
// a connection may have sessions of several members. A request changes no other session.
// What the gateway does not know of a session at the cluster, nobody would decide about: a
// session that the gateway does not have can only begin or end.
//
// Source: KIP-932; Kafka's KafkaApis.handleShareFetchRequest, SharePartitionManager.

const (
	// maxShareSessions limits the share sessions of a connection. Clients have a connection
	// for each member. A session beyond is refused, as Kafka does when it has too many.
	maxShareSessions = 16
	// maxSharePartitions limits the partitions of all share sessions of a connection. It is
	// far more than a consumer reads from one broker.
	maxSharePartitions = 10_000
	// maxRefusedPartitions limits the partitions of a session that the member may not
	// read. Every answer has an error for each of them, although the fetch does not name
	// them. A member with more of them must begin a new session, which names all of them.
	maxRefusedPartitions = 1_000
	// maxAcquired limits the ranges of acquired offsets that are remembered for all sessions
	// of a connection. The cluster releases further ranges when their lock expires.
	maxAcquired = 10_000
	// longestLock is for an answer that does not say how long records are locked. Kafka
	// allows no more for group.share.max.record.lock.duration.ms.
	longestLock = time.Hour
	// releasePause is how long a release that the cluster has refused is not repeated. It may
	// have thousands of ranges, and a member fetches as often as it likes.
	releasePause = time.Second
	// bytesPerSession, bytesPerPartition and bytesPerRange are what a session, a partition and
	// a range of acquired offsets take in memory, and the place of a session in its list. A list
	// of ranges takes up to a quarter more than they do: the allocator rounds up.
	bytesPerSession, bytesPerPartition, bytesPerRange = int(unsafe.Sizeof(shareSession{})) + 16, int(unsafe.Sizeof(sharedPartition{})), 32
)

// lockClock is the beginning of the time in which the ends of locks are given.
var lockClock = time.Now()

// untilLock returns when a lock ends that is taken now for so many milliseconds.
func untilLock(millis int32) time.Duration {
	lock := time.Duration(millis) * time.Millisecond
	if millis <= 0 {
		lock = longestLock
	}
	return time.Since(lockClock) + lock
}

// isShareMember reports whether a member of a share group can have an id.
//
// Source: Kafka's KafkaApis.isMemberIdValid.
func isShareMember(id string) bool { return id != "" && javaLength(id) <= 36 }

// renameMember replaces the member id of a request by the one that the cluster gets. No other
// connection has the new id, and no client can learn it. It has the form of Kafka's own ids.
// The cluster refuses an invalid one.
func (p *Plan) renameMember(next *kept, id **string) {
	member := stringOf(*id)
	if !isShareMember(member) {
		return
	}
	if next.secret == "" {
		next.secret = rand.Text()
	}
	sum := sha256.Sum256([]byte(next.secret + member))
	*id, p.query.rewritten = new(base64.RawURLEncoding.EncodeToString(sum[:16])), true
}

// Special epochs of a share session.
const (
	initialShareEpoch = 0
	finalShareEpoch   = -1
)

// shareKey identifies a share session of a connection.
type shareKey struct{ group, member string }

// shareSessions are the sessions of a connection, in the order in which they began. No two
// have the same key.
type shareSessions []*shareSession

// shareSession is the share session of a member. The zero shareSession means that there is no
// session.
type shareSession struct {
	shareKey
	open       bool
	lost       bool              // the cluster's session may differ from this one; only a new session is accepted
	partitions []sharedPartition // sorted; a session that is decided about makes its own list first
	acquired   int               // ranges of all partitions

	// What the other sessions leave of maxSharePartitions and maxAcquired, for a session
	// that shareSessions.change has returned.
	mostPartitions, mostAcquired int
}

// bytes returns how much memory the sessions take.
func (l shareSessions) bytes() (n int) {
	for _, s := range l {
		n += bytesPerSession + len(s.group) + len(s.member) + cap(s.partitions)*bytesPerPartition + s.acquired*bytesPerRange
	}
	return n
}

// change returns a copy of the session with this key, or a zero one, to be changed and put
// in place by with. It shares its list of partitions with the session.
func (l shareSessions) change(key shareKey) *shareSession {
	changed := shareSession{mostPartitions: maxSharePartitions, mostAcquired: maxAcquired}
	for _, s := range l {
		if s.shareKey == key {
			changed.open, changed.lost, changed.partitions, changed.acquired = s.open, s.lost, s.partitions, s.acquired
		} else {
			changed.mostPartitions -= len(s.partitions)
			changed.mostAcquired -= s.acquired
		}
	}
	changed.shareKey = key
	return &changed
}

// with returns a list in which a session has replaced that of its key. It is not in the list
// if it has ended, or if it is lost and nothing is to be released: then it is as good as none.
func (l shareSessions) with(s *shareSession) shareSessions {
	needed := s.open && (!s.lost || len(s.partitions) > 0)
	at := slices.IndexFunc(l, func(other *shareSession) bool { return other.shareKey == s.shareKey })
	switch {
	case at >= 0 && needed:
		l = slices.Clone(l)
		l[at] = s
	case at >= 0:
		l = slices.Delete(slices.Clone(l), at, at+1)
	case needed:
		l = append(slices.Clip(l), s)
	}
	return l
}

// hasRoom reports whether there may be a session with this key.
func (l shareSessions) hasRoom(key shareKey) bool {
	return len(l) < maxShareSessions || slices.ContainsFunc(l, func(s *shareSession) bool { return s.shareKey == key })
}

type sharePartition struct {
	topic     [16]byte
	partition int32
}

// compare orders partitions, so that requests and answers have them in the same order.
func (p sharePartition) compare(other sharePartition) int {
	return cmp.Or(bytes.Compare(p.topic[:], other.topic[:]), cmp.Compare(p.partition, other.partition))
}

// sharedPartition is a partition of a share session.
type sharedPartition struct {
	sharePartition
	wanted   bool          // the member's session has it
	sent     bool          // the session of the cluster may have it
	acquired []offsets     // acquired by the member and not acknowledged, sorted
	withheld []offsets     // acquired by the member but withheld from it, sorted
	paused   time.Duration // until when nothing is released, of lockClock; 0 if it was not refused
}

// holds reports whether the member has acquired records that must still be released.
func (p *sharedPartition) holds() bool { return len(p.acquired)+len(p.withheld) > 0 }

// find returns a partition of the session, or nil.
func (s *shareSession) find(key sharePartition) *sharedPartition {
	at, found := slices.BinarySearchFunc(s.partitions, key, func(p sharedPartition, key sharePartition) int { return p.compare(key) })
	if !found {
		return nil
	}
	return &s.partitions[at]
}

// begin begins, continues or ends the session. If it cannot, it returns the error.
func (s *shareSession) begin(epoch int32) ops.ErrorCode {
	switch {
	case epoch == finalShareEpoch:
		s.end()
	case epoch == initialShareEpoch:
		s.open, s.lost = true, false
		s.clear()
		for i := range s.partitions { // acquired records must still be released
			s.partitions[i].wanted, s.partitions[i].sent = false, false
		}
	case !s.open || s.lost:
		// Another connection may have created it, with partitions that were not decided here.
		return ops.ShareSessionNotFound
	}
	return ops.None
}

// end ends the session.
func (s *shareSession) end() {
	s.open, s.lost, s.partitions, s.acquired = false, false, nil, 0
}

// namedBy returns the distinct partitions that a fetch names, sorted.
func namedBy(m *kmsg.ShareFetchRequest) []sharePartition {
	n := 0
	for i := range m.Topics {
		n += len(m.Topics[i].Partitions)
	}
	named := make([]sharePartition, 0, n)
	for i := range m.Topics {
		for _, p := range m.Topics[i].Partitions {
			named = append(named, sharePartition{m.Topics[i].TopicID, p.Partition})
		}
	}
	slices.SortFunc(named, sharePartition.compare)
	return slices.Compact(named)
}

// forgottenBy returns the partitions that a fetch forgets, sorted. The first one of a session
// forgets none: Kafka does not look at what it says.
//
// Source: Kafka's SharePartitionManager.newContext; observed with Kafka 4.4.0.
func forgottenBy(m *kmsg.ShareFetchRequest) (forgotten []sharePartition) {
	if m.ShareSessionEpoch == initialShareEpoch {
		return nil
	}
	for i := range m.ForgottenTopicsData {
		for _, p := range m.ForgottenTopicsData[i].Partitions {
			forgotten = append(forgotten, sharePartition{m.ForgottenTopicsData[i].TopicID, p})
		}
	}
	slices.SortFunc(forgotten, sharePartition.compare)
	return forgotten
}

// name adds the partitions that a fetch names to the session, and removes those that it
// forgets, and acquired records whose lock has ended. It reports whether there is room for all
// of them. From then on, the session shares its list with no other one.
func (s *shareSession) name(named, forgotten []sharePartition) bool {
	if !s.open {
		return true
	}
	if !s.add(named) {
		return false
	}
	s.expire()
	for i := range s.partitions {
		p := &s.partitions[i]
		if _, gone := slices.BinarySearchFunc(forgotten, p.sharePartition, sharePartition.compare); gone {
			p.wanted, p.sent = false, false
		}
	}
	// Records that a member has acquired of a partition that it forgets stay acquired.
	s.partitions = slices.DeleteFunc(s.partitions, func(p sharedPartition) bool { return !p.wanted && !p.holds() })
	return true
}

// add adds distinct partitions, which are sorted, and reports whether there is room for
// them.
func (s *shareSession) add(named []sharePartition) bool {
	total := len(s.partitions)
	for _, key := range named {
		if s.find(key) == nil {
			total++
		}
	}
	if total > s.mostPartitions {
		return false
	}
	all, old := slices.Grow([]sharedPartition(nil), total), s.partitions // Grow says in cap what it takes
	for _, key := range named {
		for len(old) > 0 && old[0].compare(key) < 0 {
			all, old = append(all, old[0]), old[1:]
		}
		p := sharedPartition{sharePartition: key}
		if len(old) > 0 && old[0].sharePartition == key {
			p, old = old[0], old[1:]
		}
		p.wanted = true
		all = append(all, p)
	}
	s.partitions = append(all, old...)
	return true
}

// lose marks the session as lost: the member must begin a new one.
func (s *shareSession) lose() {
	s.lost = true
	s.clear()
}

// clear removes all partitions except those with acquired records, which must still be
// released. From then on, the session shares its list with no other one.
func (s *shareSession) clear() {
	var kept []sharedPartition
	for i := range s.partitions {
		if s.partitions[i].holds() {
			kept = append(kept, s.partitions[i])
		}
	}
	s.partitions = kept
}

// release forgets all acquired records. The cluster releases them when their lock ends.
func (s *shareSession) release() {
	for i := range s.partitions {
		s.partitions[i].acquired, s.partitions[i].withheld = nil, nil
	}
	s.acquired = 0
}

// expire forgets the acquired records whose lock has ended: others may have acquired them, and
// the cluster then releases nothing of a request that names them.
func (s *shareSession) expire() {
	now := time.Since(lockClock)
	ended := func(o offsets) bool { return o.until <= now }
	for i := range s.partitions {
		for _, ranges := range []*[]offsets{&s.partitions[i].acquired, &s.partitions[i].withheld} {
			if slices.ContainsFunc(*ranges, ended) {
				s.set(ranges, slices.DeleteFunc(slices.Clone(*ranges), ended))
			}
		}
	}
}

// set replaces ranges of a partition, as far as there is room for them.
func (s *shareSession) set(field *[]offsets, ranges []offsets) {
	s.acquired -= len(*field)
	*field = slices.Clone(ranges[:min(len(ranges), s.mostAcquired-s.acquired)])
	s.acquired += len(*field)
}

// sharedFetch is one fetch in a share session.
type sharedFetch struct {
	plan     *Plan
	session  *shareSession // as it will be; from the answer on, as it is
	before   *shareSession // as it was
	message  *kmsg.ShareFetchRequest
	fetches  bool                             // it fetches records, and does not only acknowledge
	changed  bool                             // it differs from what the client sent
	codes    map[[16]byte]ops.ErrorCode       // of topics
	order    map[[16]byte]int                 // of the topics that the request names
	released map[sharePartition]bool          // the gateway acknowledges offsets itself
	refused  map[sharePartition]ops.ErrorCode // errors to add to the answer: for the member's acknowledgements, or None if only the partition is refused
	forgot   []sharePartition
	until    time.Duration // when the lock of the records ends that the answer has
}

// beginShare begins or continues the session of a share fetch, which names partitions. If
// it cannot, it returns the error. Kafka validates the request before it looks for the
// session.
//
// Source: Kafka's KafkaApis.handleShareFetchRequest; KIP-1222.
func beginShare(s *shareSession, m *kmsg.ShareFetchRequest, named []sharePartition) ops.ErrorCode {
	if m.ShareSessionEpoch == initialShareEpoch && slices.ContainsFunc(m.Topics, acknowledgesAny) {
		return ops.InvalidRequest
	}
	code := s.begin(m.ShareSessionEpoch)
	renews := m.Version >= 2 && m.IsRenewAck
	switch {
	case code == ops.None && !s.name(named, forgottenBy(m)):
		s.lose()
		return ops.ShareSessionLimitReached
	case code == ops.None: // the cluster looks at the request
		return ops.None
	case !isShareMember(stringOf(m.MemberID)) || renews && (m.MaxBytes != 0 || m.MinBytes != 0 || m.MaxRecords != 0 || m.MaxWaitMillis != 0):
		return ops.InvalidRequest
	}
	return code
}

// acknowledgesAny reports whether a fetch acknowledges records of a topic.
func acknowledgesAny(t kmsg.ShareFetchRequestTopic) bool {
	return slices.ContainsFunc(t.Partitions, func(p kmsg.ShareFetchRequestTopicPartition) bool { return len(p.AcknowledgementBatches) > 0 })
}

// shareFetch decides about a share fetch and all partitions of its session. out is the
// outcome for the partitions that the request names.
func (p *Plan) shareFetch(out *ops.Outcome) (changed bool, err error) {
	m := p.query.message.(*kmsg.ShareFetchRequest)
	named, key := namedBy(m), shareKey{stringOf(m.GroupID), stringOf(m.MemberID)}
	next := p.rememberSession(key)
	before, s := next.share.change(key), next.share.change(key)
	code := beginShare(s, m, named)
	if code == ops.None && s.open && !next.share.hasRoom(key) {
		return false, p.refuse(ops.ShareSessionLimitReached)
	}
	if next.share = next.share.with(s); code != ops.None {
		return false, p.refuse(code)
	}
	f := &sharedFetch{
		plan: p, session: s, before: before, message: m, codes: make(map[[16]byte]ops.ErrorCode), order: make(map[[16]byte]int),
		fetches:  m.ShareSessionEpoch != finalShareEpoch && !(m.Version >= 2 && m.IsRenewAck),
		released: make(map[sharePartition]bool),
	}
	p.renameMember(next, &m.MemberID)
	for i := range out.Items {
		it := &out.Items[i]
		f.codes[m.Topics[it.Index].TopicID] = it.Code
		f.order[m.Topics[it.Index].TopicID] = i
	}
	if f.takeOut(); f.fetches {
		f.decideUnnamed()
		f.adjust(named)
	}
	p.filter = func(resp kmsg.Response) (changed bool, err error) {
		p.conn.memory.change(key, func(now *shareSession) {
			r := resp.(*kmsg.ShareFetchResponse)
			if f.session = now; r.ErrorCode != 0 { // the cluster has acknowledged and ended nothing
				*now = *before
			}
			changed = f.answer(r)
		})
		return changed, nil
	}
	return f.changed, nil
}

// takeOut removes the refused partitions from the request, and stores what it
// acknowledges of the others.
func (f *sharedFetch) takeOut() {
	f.refused = make(map[sharePartition]ops.ErrorCode, f.countRefused())
	v := batchRulesOf(f.message.Version, f.message.IsRenewAck)
	kept := make([]kmsg.ShareFetchRequestTopic, 0, len(f.message.Topics))
	gone := make(acknowledgements)
	for _, t := range f.message.Topics {
		code := f.codes[t.TopicID]
		for _, p := range t.Partitions {
			key := sharePartition{t.TopicID, p.Partition}
			switch {
			case code == ops.None:
				of := f.session.find(key)
				if acknowledge(gone, of, p.AcknowledgementBatches); of != nil {
					of.sent = true // also if the request fetches nothing
				}
			case len(p.AcknowledgementBatches) > 0:
				f.refused[key] = code
				if code != ops.UnknownTopicID && isBad(v, p.AcknowledgementBatches) {
					f.refused[key] = ops.InvalidRequest
				}
			case f.fetches:
				f.refused[key] = ops.None
			}
		}
		if code == ops.None {
			kept = append(kept, t)
		}
	}
	f.session.acknowledge(gone)
	f.changed = len(kept) != len(f.message.Topics)
	f.message.Topics = kept
}

// countRefused returns how many of the partitions that the request names are refused.
func (f *sharedFetch) countRefused() (n int) {
	for i := range f.message.Topics {
		if t := &f.message.Topics[i]; f.codes[t.TopicID] != ops.None {
			n += len(t.Partitions)
		}
	}
	return n
}

// decideUnnamed decides about the topics of the session that the request does not name.
func (f *sharedFetch) decideUnnamed() {
	var ids [][16]byte
	for i := range f.session.partitions {
		id := f.session.partitions[i].topic
		if _, known := f.codes[id]; !known {
			f.codes[id] = ops.None
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		f.ask(ids, f.codes)
	}
}

// ask asks about topics by the ACLs of the plan, and stores their errors in codes. It
// returns the error of the request as a whole.
func (f *sharedFetch) ask(ids [][16]byte, codes map[[16]byte]ops.ErrorCode) (whole ops.ErrorCode) {
	p := f.plan
	late := query{Request: p.query.Request}
	late.Topics = topicsOf(ids, func(id *[16]byte) ops.Topic { return p.shown(nil, *id) })
	out, denials := p.evaluate(&late.Request, 0)
	p.deny(denials)
	for i := range out.Items {
		codes[ids[out.Items[i].Index]] = out.Items[i].Code
	}
	return out.Error
}

// adjust changes the request so that the cluster's session has exactly the partitions
// that the member may read.
func (f *sharedFetch) adjust(all []sharePartition) {
	m := f.message
	for i := range f.session.partitions {
		p := &f.session.partitions[i]
		key := p.sharePartition
		_, named := slices.BinarySearchFunc(all, key, sharePartition.compare)
		request := kmsg.NewShareFetchRequestTopicPartition()
		request.Partition = key.partition
		allowed := f.codes[key.topic] == ops.None
		add := allowed && p.wanted && !p.sent && !named
		if allowed && p.wanted {
			p.sent = true
		} else if p.wanted && !named {
			f.refused[key] = ops.None
		}
		if give := f.release(p, allowed, named); len(give) > 0 {
			request.AcknowledgementBatches, f.released[key], add = give, true, true
		}
		if add {
			m.Topics = append(m.Topics, kmsg.ShareFetchRequestTopic{TopicID: key.topic, Partitions: []kmsg.ShareFetchRequestTopicPartition{request}})
		}
		if gone := !allowed || !p.wanted && f.released[key]; gone && (p.sent || add) { // a release adds the partition
			m.ForgottenTopicsData = append(m.ForgottenTopicsData, kmsg.ShareFetchRequestForgottenTopicsData{TopicID: key.topic, Partitions: []int32{key.partition}})
			f.forgot = append(f.forgot, key)
			if add = true; p.sent {
				m.MaxWaitMillis = 0 // so that the member gets the error immediately
			}
		}
		f.changed = f.changed || add
	}
}

// release returns the acknowledgements that release the member's acquired records of a
// partition, so that other members get them, if the member may not read the partition
// or the records were withheld.
func (f *sharedFetch) release(p *sharedPartition, allowed, named bool) (batches []kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch) {
	if f.message.ShareSessionEpoch == initialShareEpoch || allowed && named {
		return nil // the first request of a session acknowledges nothing; and the member may itself
	}
	if p.paused != 0 && time.Since(lockClock) < p.paused {
		return nil
	}
	ranges := p.withheld
	if !allowed {
		ranges = with(p.acquired, p.withheld)
	}
	for _, o := range ranges {
		batch := kmsg.NewShareFetchRequestTopicPartitionAcknowledgementBatch()
		batch.FirstOffset, batch.LastOffset, batch.AcknowledgeTypes = o.first, o.last, []int8{releaseType}
		batches = append(batches, batch)
	}
	return batches
}

// answer reduces the cluster's answer to what the member may have, by the current ACLs,
// and reports whether it changed it.
func (f *sharedFetch) answer(r *kmsg.ShareFetchResponse) (changed bool) {
	if len(f.refused) > maxRefusedPartitions {
		defer f.session.lose()
	}
	if r.ErrorCode != 0 { // the cluster has not applied the fetch to its session
		f.session.lose()
		changed = len(r.Topics) > 0
		r.Topics = []kmsg.ShareFetchResponseTopic{}
		return changed
	}
	f.settle(r)
	codes, whole := f.decideShown(r)
	if whole != ops.None {
		f.withhold(r)
		r.ErrorCode = int16(whole)
		return true
	}
	topics := make([]kmsg.ShareFetchResponseTopic, 0, len(r.Topics))
	for _, t := range r.Topics {
		shown := make([]kmsg.ShareFetchResponseTopicPartition, 0, len(t.Partitions))
		for i := range t.Partitions {
			if f.show(t.TopicID, &t.Partitions[i], codes[t.TopicID]) {
				shown = append(shown, t.Partitions[i])
			}
		}
		changed = changed || len(shown) != len(t.Partitions) || codes[t.TopicID] != ops.None
		if t.Partitions = shown; len(shown) > 0 {
			topics = append(topics, t)
		}
	}
	r.Topics = f.addRefused(topics)
	return changed || len(f.refused)+len(f.released) > 0
}

// settle stores what the cluster has acknowledged and forgotten.
func (f *sharedFetch) settle(r *kmsg.ShareFetchResponse) {
	if f.until == 0 { // otherwise the answer is made again
		f.until = untilLock(r.AcquisitionLockTimeoutMillis)
	}
	failed := make(map[sharePartition]bool)
	for _, t := range r.Topics {
		for i := range t.Partitions {
			if p := &t.Partitions[i]; p.AcknowledgeErrorCode != 0 {
				key := sharePartition{t.TopicID, p.Partition}
				failed[key] = true
				f.session.takeBack(key, f.before)
			}
		}
	}
	all := make(acknowledgements)
	for i := range f.message.Topics {
		t := &f.message.Topics[i]
		for j := range t.Partitions {
			if key := (sharePartition{t.TopicID, t.Partitions[j].Partition}); !failed[key] {
				renewed(all, f.session.find(key), t.Partitions[j].AcknowledgementBatches)
			}
		}
	}
	f.session.renew(all, f.until)
	for key := range f.released {
		p := f.session.find(key)
		switch {
		case p == nil:
			continue
		case failed[key]:
			p.paused = time.Since(lockClock) + releasePause
			continue
		case f.codes[key.topic] != ops.None:
			f.session.set(&p.acquired, nil)
		}
		f.session.set(&p.withheld, nil)
	}
	for _, key := range f.forgot {
		if p := f.session.find(key); p != nil {
			p.sent = false
		}
	}
}

// withhold removes everything from an answer.
func (f *sharedFetch) withhold(r *kmsg.ShareFetchResponse) {
	for _, t := range r.Topics {
		for i := range t.Partitions {
			f.note(sharePartition{t.TopicID, t.Partitions[i].Partition}, &t.Partitions[i], true)
		}
	}
	r.Topics = []kmsg.ShareFetchResponseTopic{}
}

// decideShown decides about the topics whose records the cluster returns, and about the
// request as a whole.
func (f *sharedFetch) decideShown(r *kmsg.ShareFetchResponse) (codes map[[16]byte]ops.ErrorCode, whole ops.ErrorCode) {
	codes = make(map[[16]byte]ops.ErrorCode)
	var ids [][16]byte
	for i := range r.Topics {
		id := r.Topics[i].TopicID
		if _, known := codes[id]; known {
			continue
		}
		if codes[id] = f.codes[id]; f.codes[id] == ops.None {
			ids = append(ids, id)
		}
	}
	return codes, f.ask(ids, codes)
}

// show reduces a partition of the cluster's answer to what the member may have, and
// reports whether anything is left. It stores what the member has acquired.
func (f *sharedFetch) show(topic [16]byte, p *kmsg.ShareFetchResponseTopicPartition, code ops.ErrorCode) bool {
	key := sharePartition{topic, p.Partition}
	if _, refused := f.refused[key]; refused {
		f.note(key, p, true)
		return false
	}
	if f.released[key] { // the gateway, not the member, has acknowledged
		p.AcknowledgeErrorCode, p.AcknowledgeErrorMessage = 0, nil
	}
	of := f.session.find(key)
	left := of != nil && !of.wanted // only the gateway has named it, to release records
	f.note(key, p, left || code != ops.None)
	if left {
		return false
	}
	hasRecords := len(p.Records) > 0 || len(p.AcquiredRecords) > 0
	if code == ops.None || !hasRecords && (p.ErrorCode != 0 || !f.fetches) {
		return !f.released[key] || hasRecords || p.ErrorCode != 0
	}
	refused := refusedSharePartition(key.partition, int16(code))
	refused.AcknowledgeErrorCode, refused.AcknowledgeErrorMessage = p.AcknowledgeErrorCode, p.AcknowledgeErrorMessage
	*p = refused
	return true
}

// refusedSharePartition returns the entry of an answer that refuses a partition.
func refusedSharePartition(partition int32, code int16) kmsg.ShareFetchResponseTopicPartition {
	p := kmsg.NewShareFetchResponseTopicPartition()
	p.Partition, p.ErrorCode, p.Records = partition, code, []byte{}
	return p
}

// note notes the offsets that the member has acquired of a partition.
func (f *sharedFetch) note(key sharePartition, p *kmsg.ShareFetchResponseTopicPartition, withheld bool) {
	if len(p.AcquiredRecords) == 0 {
		return
	}
	of := f.session.find(key)
	if of == nil {
		return
	}
	acquired := make([]offsets, 0, len(p.AcquiredRecords))
	for _, a := range p.AcquiredRecords {
		acquired = append(acquired, offsets{a.FirstOffset, a.LastOffset, f.until})
	}
	acquired = with(nil, acquired)
	if withheld {
		f.session.set(&of.acquired, without(of.acquired, acquired))
		f.session.set(&of.withheld, with(of.withheld, acquired))
	} else {
		f.session.set(&of.withheld, without(of.withheld, acquired))
		f.session.set(&of.acquired, with(of.acquired, acquired))
	}
}

// addRefused adds the refusals to the topics of an answer. The topics that the request names
// come first, in its order.
func (f *sharedFetch) addRefused(topics []kmsg.ShareFetchResponseTopic) []kmsg.ShareFetchResponseTopic {
	at := make(map[[16]byte]int)
	for i := range topics {
		at[topics[i].TopicID] = i
	}
	for keys := slices.SortedFunc(maps.Keys(f.refused), sharePartition.compare); len(keys) > 0; {
		id, n := keys[0].topic, 1
		for n < len(keys) && keys[n].topic == id {
			n++
		}
		i, ok := at[id]
		if !ok {
			i = len(topics)
			topics = append(topics, kmsg.ShareFetchResponseTopic{TopicID: id})
		}
		topics[i].Partitions = f.addRefusedOf(topics[i].Partitions, keys[:n])
		keys = keys[n:]
	}
	place := func(t *kmsg.ShareFetchResponseTopic) int {
		if i, named := f.order[t.TopicID]; named {
			return i
		}
		return len(f.order)
	}
	slices.SortStableFunc(topics, func(a, b kmsg.ShareFetchResponseTopic) int { return cmp.Compare(place(&a), place(&b)) })
	return topics
}

// addRefusedOf adds the refused partitions of one topic.
func (f *sharedFetch) addRefusedOf(shown []kmsg.ShareFetchResponseTopicPartition, keys []sharePartition) []kmsg.ShareFetchResponseTopicPartition {
	shown = slices.Grow(shown, len(keys))
	for i := range keys {
		code := f.codes[keys[i].topic]
		if !f.fetches {
			code = ops.None
		}
		entry := refusedSharePartition(keys[i].partition, int16(code))
		entry.AcknowledgeErrorCode = int16(f.refused[keys[i]])
		shown = append(shown, entry)
	}
	return shown
}

// shareAcknowledge takes the refused topics out of a ShareAcknowledge. It stores what
// the member acknowledges of the others, and which acknowledgements are invalid.
func (p *Plan) shareAcknowledge(out *ops.Outcome) (changed bool, err error) {
	m := p.query.message.(*kmsg.ShareAcknowledgeRequest)
	p.query.bad = badPartitions(m, out)
	key := shareKey{stringOf(m.GroupID), stringOf(m.MemberID)}
	next := p.rememberSession(key)
	before, s := next.share.change(key), next.share.change(key)
	p.renameMember(next, &m.MemberID)
	if m.ShareSessionEpoch == finalShareEpoch {
		s.end()
	} else {
		s.partitions = slices.Clone(s.partitions)
		s.acknowledge(s.acknowledged(m, out))
	}
	if next.share = next.share.with(s); before.open {
		p.changes = append(p.changes, func(resp kmsg.Response) (bool, error) {
			p.conn.memory.change(key, func(now *shareSession) { now.acknowledgedBy(m, resp.(*kmsg.ShareAcknowledgeResponse), before) })
			return false, nil
		})
	}
	return p.takeOut(out)
}

// acknowledged returns what a member acknowledges of the topics that it may read.
func (s *shareSession) acknowledged(m *kmsg.ShareAcknowledgeRequest, out *ops.Outcome) acknowledgements {
	gone := make(acknowledgements)
	for i := range out.Items {
		it := &out.Items[i]
		if it.Code != ops.None {
			continue
		}
		t := &m.Topics[it.Index]
		for _, of := range t.Partitions {
			acknowledge(gone, s.find(sharePartition{t.TopicID, of.Partition}), of.AcknowledgementBatches)
		}
	}
	return gone
}

// batch is a range of offsets with one type of acknowledgement for all, or one for
// each, in either request.
type batch interface {
	kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch | kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch
}

// batchRules are Kafka's rules for the acknowledgements of a partition. Kafka checks
// them before it checks whether the client may read the partition.
//
// Source: Kafka's KafkaApis.validateAcknowledgementBatches; KIP-1222.
type batchRules struct {
	renews bool // a batch may renew
	most   int8 // the highest type of acknowledgement
}

func batchRulesOf(version int16, isRenewAck bool) batchRules {
	if version < 2 {
		return batchRules{isRenewAck, renewType - 1}
	}
	return batchRules{isRenewAck, renewType}
}

// isBad reports whether Kafka refuses batches as invalid.
func isBad[B batch](rules batchRules, batches []B) bool {
	last := int64(-1)
	for i := range batches {
		b := kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch(batches[i])
		isWrong := func(how int8) bool { return how < 0 || how > rules.most || how == renewType && !rules.renews }
		if b.FirstOffset > b.LastOffset || b.FirstOffset < last || len(b.AcknowledgeTypes) == 0 || slices.ContainsFunc(b.AcknowledgeTypes, isWrong) ||
			len(b.AcknowledgeTypes) > 1 && b.LastOffset-b.FirstOffset != int64(len(b.AcknowledgeTypes)-1) {
			return true
		}
		last = b.LastOffset
	}
	return false
}

// badPartitions returns the refused partitions with invalid acknowledgements. If a
// partition is named twice, the last one counts.
func badPartitions(m *kmsg.ShareAcknowledgeRequest, out *ops.Outcome) (bad map[sharePartition]bool) {
	rules := batchRulesOf(m.Version, m.IsRenewAck)
	for i := range out.Items {
		if code := out.Items[i].Code; code == ops.None || code == ops.UnknownTopicID {
			continue
		}
		t := &m.Topics[out.Items[i].Index]
		for _, p := range t.Partitions {
			key := sharePartition{t.TopicID, p.Partition}
			switch isNow := isBad(rules, p.AcknowledgementBatches); {
			case isNow && bad == nil:
				bad = map[sharePartition]bool{key: true}
			case isNow:
				bad[key] = true
			default:
				delete(bad, key)
			}
		}
	}
	return bad
}

// Types of acknowledgement that matter here.
//
// Source: KIP-932, KIP-1222.
const (
	releaseType = 2
	renewType   = 4 // they stay acquired
)

// acknowledgements are the offsets that a request acknowledges, by partition. They are
// collected before the session changes: a request may name a partition in each of its
// entries, and a change copies all ranges that the member has acquired of it.
type acknowledgements map[*sharedPartition][]offsets

// acknowledge collects what a member acknowledges of a partition, which may be nil. The
// cluster refuses batches that are out of order.
func acknowledge[B batch](all acknowledgements, p *sharedPartition, batches []B) {
	if p == nil || len(p.acquired) == 0 || len(batches) == 0 {
		return
	}
	gone := all[p]
	before := len(gone)
	for i := range batches {
		b := kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch(batches[i])
		if b.FirstOffset > b.LastOffset || len(gone) > before && b.FirstOffset <= gone[len(gone)-1].last {
			return
		}
		for at, how := range b.AcknowledgeTypes {
			offset := b.FirstOffset + int64(at)
			switch {
			case how == renewType:
			case len(b.AcknowledgeTypes) == 1:
				gone = append(gone, offsets{first: b.FirstOffset, last: b.LastOffset})
			case offset > b.LastOffset:
			case len(gone) > before && gone[len(gone)-1].last == offset-1:
				gone[len(gone)-1].last = offset
			default:
				gone = append(gone, offsets{first: offset, last: offset})
			}
		}
	}
	all[p] = gone
}

// acknowledge forgets the offsets that a request acknowledges.
func (s *shareSession) acknowledge(all acknowledgements) {
	for p, gone := range all {
		s.set(&p.acquired, without(p.acquired, with(nil, gone)))
	}
}

// takeBack gives a partition the acquired records that it had before a request: the cluster
// has acknowledged all that the request says of a partition, or nothing.
func (s *shareSession) takeBack(key sharePartition, before *shareSession) {
	p, had := s.find(key), before.find(key)
	if p == nil || had == nil {
		return
	}
	s.set(&p.acquired, without(had.acquired, p.withheld))
}

// acknowledgedBy stores what the cluster has not acknowledged of a request, and what it has
// renewed.
func (s *shareSession) acknowledgedBy(m *kmsg.ShareAcknowledgeRequest, r *kmsg.ShareAcknowledgeResponse, before *shareSession) {
	if r.ErrorCode != 0 { // the cluster has done nothing
		*s = *before
		return
	}
	failed := make(map[sharePartition]bool)
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				key := sharePartition{t.TopicID, p.Partition}
				failed[key] = true
				s.takeBack(key, before)
			}
		}
	}
	all := make(acknowledgements)
	for i := range m.Topics {
		t := &m.Topics[i]
		for j := range t.Partitions {
			if key := (sharePartition{t.TopicID, t.Partitions[j].Partition}); !failed[key] {
				renewed(all, s.find(key), t.Partitions[j].AcknowledgementBatches)
			}
		}
	}
	s.renew(all, untilLock(r.AcquisitionLockTimeoutMillis))
}

// renewed collects what a member renews of a partition, which may be nil.
func renewed[B batch](all acknowledgements, p *sharedPartition, batches []B) {
	if p == nil || len(p.acquired) == 0 {
		return
	}
	ranges := all[p]
	for i := range batches {
		b := kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch(batches[i])
		for at, how := range b.AcknowledgeTypes {
			offset := b.FirstOffset + int64(at)
			switch n := len(ranges); {
			case how != renewType:
			case len(b.AcknowledgeTypes) == 1:
				ranges = append(ranges, offsets{first: b.FirstOffset, last: b.LastOffset})
			case n > 0 && ranges[n-1].last == offset-1:
				ranges[n-1].last = offset
			default:
				ranges = append(ranges, offsets{first: offset, last: offset})
			}
		}
	}
	if len(ranges) > 0 {
		all[p] = ranges
	}
}

// renew sets when the lock of acquired records ends that a request has renewed.
func (s *shareSession) renew(all acknowledgements, until time.Duration) {
	for p, ranges := range all {
		held := without(p.acquired, without(p.acquired, with(nil, ranges)))
		for i := range held {
			held[i].until = until
		}
		s.set(&p.acquired, with(p.acquired, held))
	}
}

func stringOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
