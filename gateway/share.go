package gateway

import (
	"bytes"
	"cmp"
	"reflect"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
)

// A share consumer names a partition once in a session, and from then on every fetch is
// about all partitions of the session. Kafka decides about each of them with every fetch,
// and answers for those that the member may not read with an error. The cluster decides
// for the gateway, which may read everything. So the gateway keeps what the member's
// session has, decides about it with every fetch, and keeps only what the member may read
// in the session of the cluster. What the right is taken away for is forgotten there, and
// what it is given for is added.
//
// The records that the member has acquired of a forgotten partition are released with the
// same request, so that the next member gets them at once. In Kafka they stay locked until
// their time is over (group.share.record.lock.duration.ms) or the session is closed; but
// the close of a session releases nothing of a partition that was forgotten.
//
// Source: KIP-932; Kafka's KafkaApis.handleShareFetchRequest, SharePartitionManager.

const (
	// maxSharePartitions is how many partitions a share session may have. It is far more
	// than a consumer reads of one broker.
	maxSharePartitions = 10_000
	// maxRefusedPartitions is how many partitions that a member may not read its session
	// keeps. It is told of each of them with every fetch, whose bytes do not pay for that: who
	// has more begins a new session, and names them all, for each fetch.
	maxRefusedPartitions = 1_000
	// maxAcquired is how many ranges of acquired offsets of a session are kept. What is
	// beyond is released by the cluster when its lock ends.
	maxAcquired = 10_000
)

// isShareMember reports whether a member of a share group can have an id.
//
// Source: Kafka's KafkaApis.isMemberIdValid.
func isShareMember(id string) bool { return id != "" && javaLength(id) <= 36 }

// Special epochs of a share session.
const (
	initialShareEpoch = 0
	finalShareEpoch   = -1
)

// shareSession is the share session of a connection, which has one member. The zero
// shareSession means that there is no session.
type shareSession struct {
	group, member string
	open          bool
	lost          bool // the cluster may have another session: only a new one can be gone on with
	partitions    map[sharePartition]*sharedPartition
	acquired      int // ranges of all partitions
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
	wanted   bool      // the member's session has it
	sent     bool      // the session of the cluster may have it
	acquired []offsets // acquired by the member and not acknowledged, sorted
	withheld []offsets // acquired by the member but withheld from it, sorted
}

// begin begins or continues a session. If it cannot, it returns the error.
func (s *shareSession) begin(m *kmsg.ShareFetchRequest) ops.ErrorCode {
	group, member := stringOf(m.GroupID), stringOf(m.MemberID)
	same := s.open && group == s.group && member == s.member
	switch {
	case m.ShareSessionEpoch == finalShareEpoch && same:
		*s = shareSession{}
	case m.ShareSessionEpoch == finalShareEpoch:
	case m.ShareSessionEpoch != initialShareEpoch && (!same || s.lost):
		// It may have been made on another connection, and hold what nobody decided here.
		return ops.ShareSessionNotFound
	case m.ShareSessionEpoch == initialShareEpoch && same:
		s.lost = false
		for _, p := range s.partitions { // those that have acquired something are still to be released
			p.wanted, p.sent = false, false
		}
	case m.ShareSessionEpoch == initialShareEpoch:
		room := min(countPartitions(m), maxSharePartitions)
		*s = shareSession{group: group, member: member, open: true, partitions: make(map[sharePartition]*sharedPartition, room)}
	}
	return ops.None
}

// countPartitions returns how many partitions a fetch names.
func countPartitions(m *kmsg.ShareFetchRequest) (n int) {
	for i := range m.Topics {
		n += len(m.Topics[i].Partitions)
	}
	return n
}

// name adds the partitions that a fetch names to the session, removes those that it
// forgets, and reports whether there is room for all of them.
func (s *shareSession) name(m *kmsg.ShareFetchRequest) bool {
	if !s.open {
		return true
	}
	for i := range m.Topics {
		for _, p := range m.Topics[i].Partitions {
			key := sharePartition{m.Topics[i].TopicID, p.Partition}
			if s.partitions[key] == nil {
				if len(s.partitions) >= maxSharePartitions {
					return false
				}
				s.partitions[key] = new(sharedPartition)
			}
			s.partitions[key].wanted = true
		}
	}
	for i := range m.ForgottenTopicsData {
		for _, p := range m.ForgottenTopicsData[i].Partitions {
			s.drop(sharePartition{m.ForgottenTopicsData[i].TopicID, p})
		}
	}
	for key, p := range s.partitions { // of an earlier session, with nothing left to do
		if !p.wanted && len(p.acquired)+len(p.withheld) == 0 {
			s.drop(key)
		}
	}
	return true
}

// lose says that the session cannot go on, and forgets what a new one will have by itself.
func (s *shareSession) lose() {
	s.lost = true
	for key, p := range s.partitions {
		if len(p.acquired)+len(p.withheld) == 0 {
			delete(s.partitions, key)
		}
	}
}

func (s *shareSession) drop(key sharePartition) {
	if p := s.partitions[key]; p != nil {
		s.acquired -= len(p.acquired) + len(p.withheld)
		delete(s.partitions, key)
	}
}

// set replaces ranges of a partition, as far as there is room for them.
func (s *shareSession) set(field *[]offsets, ranges []offsets) {
	s.acquired -= len(*field)
	*field = ranges[:min(len(ranges), maxAcquired-s.acquired)]
	s.acquired += len(*field)
}

// sharedFetch is one fetch in a share session.
type sharedFetch struct {
	plan     *Plan
	session  *shareSession
	message  *kmsg.ShareFetchRequest
	fetches  bool                             // it is not only for acknowledgements
	changed  bool                             // it differs from what the client sent
	codes    map[[16]byte]ops.ErrorCode       // of topics
	order    map[[16]byte]int                 // of the topics that the request names
	released map[sharePartition]bool          // the gateway acknowledges offsets itself
	refused  map[sharePartition]ops.ErrorCode // errors to add to the answer: for the member's acknowledgements, or None if only the partition is refused
	forgot   []sharePartition
}

// beginShare begins or continues the session of a share fetch. If it cannot, it returns
// the error. Kafka validates the request before it looks for the session.
//
// Source: Kafka's KafkaApis.handleShareFetchRequest; KIP-1222.
func (p *Plan) beginShare(m *kmsg.ShareFetchRequest) ops.ErrorCode {
	if m.ShareSessionEpoch == initialShareEpoch && slices.ContainsFunc(m.Topics, acknowledgesAny) {
		return ops.InvalidRequest
	}
	code := p.conn.memory.share.begin(m)
	renews := m.Version >= 2 && m.IsRenewAck
	switch {
	case code == ops.None && !p.conn.memory.share.name(m):
		p.conn.memory.share.lose()
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
func (p *Plan) shareFetch(m *kmsg.ShareFetchRequest, out *ops.Outcome) (changed bool, err error) {
	code := p.beginShare(m)
	if code != ops.None {
		p.local, err = refuseAll(p.query, code)
		return false, err
	}
	f := &sharedFetch{
		plan: p, session: &p.conn.memory.share, message: m, codes: make(map[[16]byte]ops.ErrorCode), order: make(map[[16]byte]int),
		fetches:  m.ShareSessionEpoch != finalShareEpoch && !(m.Version >= 2 && m.IsRenewAck),
		released: make(map[sharePartition]bool),
	}
	for i := range out.Items {
		it := &out.Items[i]
		f.codes[m.Topics[it.Index].TopicID] = it.Code
		f.order[m.Topics[it.Index].TopicID] = i
	}
	if named := f.takeOut(); f.fetches {
		f.decideUnnamed()
		f.adjust(named)
	}
	p.filter = func(resp kmsg.Response) (bool, error) { return f.answer(resp.(*kmsg.ShareFetchResponse)), nil }
	return f.changed, nil
}

// takeOut takes out of the request what is refused of the partitions that it names, notes
// what it acknowledges of the others, and returns them all, in order.
func (f *sharedFetch) takeOut() (named []sharePartition) {
	named = make([]sharePartition, 0, countPartitions(f.message))
	f.refused = make(map[sharePartition]ops.ErrorCode, f.countRefused())
	v := batchRulesOf(f.message.Version, f.message.IsRenewAck)
	kept := make([]kmsg.ShareFetchRequestTopic, 0, len(f.message.Topics))
	for _, t := range f.message.Topics {
		code := f.codes[t.TopicID]
		for _, p := range t.Partitions {
			key := sharePartition{t.TopicID, p.Partition}
			named = append(named, key)
			switch {
			case code == ops.None:
				acknowledge(f.session, key, p.AcknowledgementBatches, fetchBatch)
			case len(p.AcknowledgementBatches) > 0:
				f.refused[key] = code
				if code != ops.UnknownTopicID && isBad(v, p.AcknowledgementBatches, fetchBatch) {
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
	f.changed = len(kept) != len(f.message.Topics)
	f.message.Topics = kept
	slices.SortFunc(named, sharePartition.compare)
	return named
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
	for key := range f.session.partitions {
		if _, known := f.codes[key.topic]; !known {
			f.codes[key.topic] = ops.None
			ids = append(ids, key.topic)
		}
	}
	slices.SortFunc(ids, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	if len(ids) > 0 {
		f.ask(ids)
	}
}

// ask asks about topics by the ACLs of the plan, and stores the codes. It returns the
// error of the request as a whole.
func (f *sharedFetch) ask(ids [][16]byte) (whole ops.ErrorCode) {
	p := f.plan
	late := query{Request: p.query.Request}
	late.Topics = topicsOf(ids, func(id *[16]byte) ops.Topic { return p.shown(nil, *id) })
	a := asker{view: p.asker.view}
	out := ops.Evaluate(&a, &late.Request)
	p.asker.checks += a.checks
	p.Denied = append(p.Denied, a.denials...)
	for i := range out.Items {
		f.codes[ids[out.Items[i].Index]] = out.Items[i].Code
	}
	return out.Error
}

// adjust changes the request so that the cluster's session has exactly the partitions
// that the member may read.
func (f *sharedFetch) adjust(all []sharePartition) {
	m := f.message
	for _, key := range sortedKeys(f.session.partitions) {
		p := f.session.partitions[key]
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
		if !allowed && (p.sent || add) {
			m.ForgottenTopicsData = append(m.ForgottenTopicsData, kmsg.ShareFetchRequestForgottenTopicsData{TopicID: key.topic, Partitions: []int32{key.partition}})
			f.forgot = append(f.forgot, key)
			m.MaxWaitMillis = 0 // so that the member gets the error immediately
			add = true
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
	if r.ErrorCode != 0 { // the cluster's session is as it was, and not as the fetch said
		f.session.lose()
		changed = len(r.Topics) > 0
		r.Topics = []kmsg.ShareFetchResponseTopic{}
		return changed
	}
	for key := range f.released {
		if p := f.session.partitions[key]; p != nil {
			f.session.set(&p.withheld, nil)
			if f.codes[key.topic] != ops.None {
				f.session.set(&p.acquired, nil)
			}
		}
	}
	for _, key := range f.forgot {
		if p := f.session.partitions[key]; p != nil {
			p.sent = false
		}
	}
	codes, whole := f.decideShown(r)
	if whole != ops.None {
		f.withhold(r)
		q := f.plan.query
		refusal{key: q.Key, code: whole, text: wholeText(q, whole)}.set(reflect.ValueOf(r).Elem())
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
	r.Topics = f.tell(topics)
	return changed || len(f.refused)+len(f.released) > 0
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
	late := &sharedFetch{plan: f.plan, codes: make(map[[16]byte]ops.ErrorCode)}
	var ids [][16]byte
	for i := range r.Topics {
		id := r.Topics[i].TopicID
		if _, known := late.codes[id]; known {
			continue
		}
		if late.codes[id] = f.codes[id]; f.codes[id] == ops.None {
			ids = append(ids, id)
		}
	}
	whole = late.ask(ids)
	return late.codes, whole
}

// show reduces a partition of the cluster's answer to what the member may have, and
// reports whether anything is left. It stores what the member has acquired.
func (f *sharedFetch) show(topic [16]byte, p *kmsg.ShareFetchResponseTopicPartition, code ops.ErrorCode) bool {
	key := sharePartition{topic, p.Partition}
	if _, told := f.refused[key]; told {
		f.note(key, p, true)
		return false
	}
	if f.released[key] { // the gateway, not the member, has acknowledged
		p.AcknowledgeErrorCode, p.AcknowledgeErrorMessage = 0, nil
	}
	f.note(key, p, code != ops.None)
	hasRecords := len(p.Records) > 0 || len(p.AcquiredRecords) > 0
	if code == ops.None || !hasRecords && (p.ErrorCode != 0 || !f.fetches) {
		return !f.released[key] || hasRecords || p.ErrorCode != 0
	}
	var refused kmsg.ShareFetchResponseTopicPartition
	f.refuse(&refused, &key.partition, code)
	refused.AcknowledgeErrorCode, refused.AcknowledgeErrorMessage = p.AcknowledgeErrorCode, p.AcknowledgeErrorMessage
	*p = refused
	return true
}

// refuse fills in a zero entry of the answer with the refusal of a partition.
func (f *sharedFetch) refuse(entry *kmsg.ShareFetchResponseTopicPartition, partition *int32, code ops.ErrorCode) {
	of := reflect.ValueOf(partition).Elem()
	refusalOf(f.plan.query, of, code).fill(reflect.ValueOf(entry).Elem(), of)
}

// note notes the offsets that the member has acquired of a partition.
func (f *sharedFetch) note(key sharePartition, p *kmsg.ShareFetchResponseTopicPartition, withheld bool) {
	if len(p.AcquiredRecords) == 0 {
		return
	}
	of := f.session.partitions[key]
	if of == nil || !of.sent { // the session was made on another connection
		f.session.lost = true
	}
	if of == nil {
		return
	}
	acquired := make([]offsets, 0, len(p.AcquiredRecords))
	for _, a := range p.AcquiredRecords {
		acquired = append(acquired, offsets{a.FirstOffset, a.LastOffset})
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

// tell adds the refusals to the topics of an answer. The topics that the request names
// come first, in its order.
func (f *sharedFetch) tell(topics []kmsg.ShareFetchResponseTopic) []kmsg.ShareFetchResponseTopic {
	at := make(map[[16]byte]int)
	for i := range topics {
		at[topics[i].TopicID] = i
	}
	for keys := sortedKeys(f.refused); len(keys) > 0; {
		id, n := keys[0].topic, 1
		for n < len(keys) && keys[n].topic == id {
			n++
		}
		i, ok := at[id]
		if !ok {
			i = len(topics)
			topics = append(topics, kmsg.ShareFetchResponseTopic{TopicID: id})
		}
		topics[i].Partitions = f.tellOf(topics[i].Partitions, keys[:n])
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

// tellOf adds the refused partitions of one topic.
func (f *sharedFetch) tellOf(told []kmsg.ShareFetchResponseTopicPartition, keys []sharePartition) []kmsg.ShareFetchResponseTopicPartition {
	told = slices.Grow(told, len(keys))
	for i := range keys {
		code := f.codes[keys[i].topic]
		told = append(told, kmsg.ShareFetchResponseTopicPartition{})
		entry := &told[len(told)-1]
		f.refuse(entry, &keys[i].partition, code)
		entry.AcknowledgeErrorCode = int16(f.refused[keys[i]])
		if !f.fetches {
			entry.ErrorCode, entry.ErrorMessage = 0, nil
		}
	}
	return told
}

// sortedKeys returns the partitions of a map in their order.
func sortedKeys[V any](of map[sharePartition]V) []sharePartition {
	keys := make([]sharePartition, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, sharePartition.compare)
	return keys
}

// acknowledge stores what a member acknowledges in a ShareAcknowledge, and which of it
// is invalid.
func (p *Plan) acknowledge(m *kmsg.ShareAcknowledgeRequest, out *ops.Outcome) {
	p.query.bad = badPartitions(m, out)
	s := &p.conn.memory.share
	if !s.open || stringOf(m.GroupID) != s.group || stringOf(m.MemberID) != s.member {
		return
	}
	if m.ShareSessionEpoch == finalShareEpoch {
		*s = shareSession{}
		return
	}
	for i := range out.Items {
		it := &out.Items[i]
		if it.Code != ops.None {
			continue
		}
		t := &m.Topics[it.Index]
		for _, of := range t.Partitions {
			acknowledge(s, sharePartition{t.TopicID, of.Partition}, of.AcknowledgementBatches, acknowledgeBatch)
		}
	}
}

// batch is a range of offsets with one type of acknowledgement for all, or one for
// each.
type batch struct {
	offsets
	types []int8
}

func fetchBatch(b *kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch) batch {
	return batch{offsets{b.FirstOffset, b.LastOffset}, b.AcknowledgeTypes}
}

func acknowledgeBatch(b *kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch) batch {
	return batch{offsets{b.FirstOffset, b.LastOffset}, b.AcknowledgeTypes}
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
func isBad[B any](rules batchRules, batches []B, read func(*B) batch) bool {
	last := int64(-1)
	for i := range batches {
		b := read(&batches[i])
		isWrong := func(how int8) bool { return how < 0 || how > rules.most || how == renewType && !rules.renews }
		if b.first > b.last || b.first < last || len(b.types) == 0 || slices.ContainsFunc(b.types, isWrong) ||
			len(b.types) > 1 && b.last-b.first != int64(len(b.types)-1) {
			return true
		}
		last = b.last
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
			switch isNow := isBad(rules, p.AcknowledgementBatches, acknowledgeBatch); {
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

// acknowledge stores what a member acknowledges of a partition. The cluster refuses
// batches that are out of order.
func acknowledge[B any](s *shareSession, key sharePartition, batches []B, read func(*B) batch) {
	p := s.partitions[key]
	if p == nil || len(p.acquired) == 0 || len(batches) == 0 {
		return
	}
	var gone []offsets
	for i := range batches {
		b := read(&batches[i])
		if b.first > b.last || len(gone) > 0 && b.first <= gone[len(gone)-1].last {
			return
		}
		for at, how := range b.types {
			switch {
			case how == renewType:
			case len(b.types) == 1:
				gone = append(gone, b.offsets)
			case int64(at) <= b.last-b.first:
				gone = append(gone, offsets{b.first + int64(at), b.first + int64(at)})
			}
		}
	}
	s.set(&p.acquired, without(p.acquired, gone))
}

func stringOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
