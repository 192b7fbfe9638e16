package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/resource"
)

// Plan says what to do with one request: send the frames of Forward to the cluster, pass the
// replies to Response, send its result to the client, and close the connection if Close is
// set. A Plan is not safe for concurrent use. The zero Plan sends nothing and answers
// nothing.
type Plan struct {
	Header Header // of the request
	// Silent says that there is no response, neither from the cluster nor to the
	// client: a Produce with acks=0. Response need not be called.
	Silent bool
	// AsIs says that the response of the cluster may be sent to the client unread, unless
	// the plan is Outdated when it comes; Response would return it as it is.
	AsIs bool
	// Close says that the connection is to be closed once the answer, if any, is sent.
	Close bool
	// Denied are the denials that Kafka's own authorizer would log, in the order of the
	// questions. Config.Audit receives them as events. Response adds to it what it refuses or leaves out of a
	// list; what Kafka leaves out without a word to its log, as ListGroups and Metadata of
	// all topics do, is not included.
	Denied []Denial
	// Checks is the number of authorization questions. Response adds to it.
	Checks int

	others     []Denial // other decisions that the auditor receives
	toldDenied int      // how many of Denied the auditor has received
	toldOthers int      // how many of others
	handedOut  bool     // Forward was called
	reported   bool     // the decisions took effect: they were passed to the auditor, if there is one

	frames   [][]byte // of Forward
	next     *pending // takes effect with Forward or Response; nil if it changes nothing
	gateway  *Gateway
	conn     *Conn
	asked    bool          // after asker.view was taken; the cluster takes time to answer
	exists   time.Time     // when the cluster was asked whether what the client may not create exists; zero if that does not matter
	embedded *Plan         // of the request in an Envelope; else nil
	asker    asker         // of the ACLs that decided last
	query    *query        // nil once nothing depends on it any more
	asItCame [1][]byte     // the request; Forward uses it if only one frame is sent
	versions []int16       // of the frames of Forward, if they are not as they came
	waits    bool          // for the turn of the client; it is not decided, and is dropped
	resolves bool          // a pattern, which counts with Forward or Response
	matches  bool          // the answer, with a pattern: see MatchesPattern
	resolved int           // bytes of the list of topics that the pattern was replaced by
	toAnswer int64         // bytes that later takes for names from the cluster
	local    kmsg.Response // the answer, if the cluster is not asked
	late     kmsg.Response // the answer, if decideAgain last refused the request as a whole
	failure  error         // why there is no answer, or nil
	// later makes local, if that has an effect or takes much memory; otherwise nil.
	later func() (kmsg.Response, error)

	// Changes to the cluster's response, in this order. Refused entries are merged
	// last: they show nothing, so they need no filter.
	changes []change  // of the rewriters
	filter  change    // or nil
	refused *verdicts // nil if no entry of the request is refused
	// instead turns the answer to a Metadata request into the answer to the client's
	// request, if Metadata was sent instead of it; otherwise nil.
	instead func(kmsg.Response) kmsg.Response

	addresses *addresses // in the cluster's response, or nil
}

// change changes a response of the cluster and reports whether it did.
type change func(kmsg.Response) (changed bool, err error)

// decide makes the plan for a request that was read.
func (p *Plan) decide(frame []byte) error {
	q := p.query
	if q.invalid != ops.None {
		return p.refuseUnasked()
	}
	silent := q.NoResponse
	q.NoResponse = false // so that the outcome says what of the request is refused
	p.asker.entries = countEntries(&q.Request)
	out := ops.Evaluate(&p.asker, &q.Request)
	if out.CloseConnection {
		return errUnknown
	}
	p.Denied, p.others = p.denials(&out), p.asker.others
	p.reportMissingTopics(&out)
	err := p.follow(&out, frame)
	if err != nil {
		return err
	}
	if len(q.apart) > 0 {
		p.answerApart()
	}
	if silent {
		// What is allowed is written; then the missing answer is made up for.
		p.Silent, p.AsIs, p.local = true, false, nil
		p.Close = !out.Passes()
	}
	p.Checks = p.asker.checks
	return nil
}

// countEntries returns how many entries of a request can be denied.
func countEntries(r *ops.Request) int {
	n := len(r.Topics) + len(r.Groups) + len(r.Transactions) + len(r.Keys) + len(r.Resources)
	for i := range r.Groups {
		n += len(r.Groups[i].Topics)
	}
	for i := range r.Transactions {
		n += len(r.Transactions[i].Topics)
	}
	return n
}

// refuseUnasked refuses an invalid request regardless of the client, if the API is
// served.
func (p *Plan) refuseUnasked() error {
	if out := ops.Evaluate(nil, &p.query.Request); out.CloseConnection {
		return errUnknown
	}
	return p.refuse(p.query.invalid)
}

// reportMissingTopics changes the error of refused entries to that of a missing topic, where
// Kafka reports that first. Only the cluster knows for sure whether a topic is missing,
// so allowed entries stay unchanged.
func (p *Plan) reportMissingTopics(out *ops.Outcome) {
	if out.Passes() || !apiOf(p.query.Key).showsMissing || len(out.Items) == 0 {
		return
	}
	q := p.query.Request
	missing := p.missingTopics(q.Topics)
	if len(missing) == 0 {
		return
	}
	q.Topics = slices.Clone(q.Topics)
	for i := range q.Topics {
		_, found := slices.BinarySearch(missing, q.Topics[i].Name)
		q.Topics[i].Exists = !found
	}
	late := p.evaluateAhead(&q)
	if len(late.Items) != len(out.Items) {
		return
	}
	for i := range out.Items {
		if code := late.Items[i].Code; out.Items[i].Code != ops.None && code != ops.None {
			out.Items[i].Code = code
		}
	}
}

// ask returns the cluster for a question that takes time. The ACLs may have changed
// when it is answered.
func (p *Plan) ask() Cluster {
	p.asked = true
	return p.conn.reader.cluster
}

// missingTopics returns the topics that certainly do not exist, sorted. It asks only
// about topics that the client may describe, once for each.
func (p *Plan) missingTopics(topics []ops.Topic) (missing []string) {
	names := make([]string, 0, len(topics))
	for i := range topics {
		if name := topics[i].Name; name != "" || !topics[i].ByID {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return !p.asker.view.Allowed(ops.Describe, resource.Topic, name) })
	if len(names) > 0 && names[0] == "" { // which no topic has
		missing, names = names[:1:1], names[1:]
	}
	if len(names) == 0 {
		return missing
	}
	gone, certain := p.ask().MissingTopics(names)
	if !certain {
		return missing
	}
	missing = append(slices.Clone(missing), gone...)
	slices.Sort(missing)
	return missing
}

// follow applies an outcome.
func (p *Plan) follow(out *ops.Outcome, frame []byte) error {
	switch serve := p.gateway.serverOf(p.query.Key); {
	case p.query.Key == ops.ShareGroupHeartbeatKey && p.query.unservable != ops.None && out.Error == ops.TopicAuthorizationFailed:
		return p.refuse(p.query.unservable) // Kafka reports it before it checks topics
	case out.Error != ops.None || out.Empty:
		return p.refuse(out.Error)
	case p.query.unservable != ops.None:
		return p.refuse(p.query.unservable)
	case serve != nil:
		p.later = func() (kmsg.Response, error) { return serve(p) }
		return nil
	}
	return p.forward(out, frame)
}

// refuse answers the request with an error.
func (p *Plan) refuse(code ops.ErrorCode) (err error) {
	p.local, err = refuseAll(p.query, code)
	return err
}

// forward forwards the part of the request that is not refused.
func (p *Plan) forward(out *ops.Outcome, frame []byte) error {
	p.asItCame[0] = frame
	do := apiOf(p.query.Key)
	refused, err := p.takeOutAs(do, out)
	if err != nil || p.isAnswered() {
		return err
	}
	rewritten := false
	if do.rewrite != nil || do.filter != nil {
		rewritten, err = p.adapt(do, *out)
		if err != nil || p.isAnswered() {
			return err
		}
	}
	if a := do.addresses; a != nil && p.gateway.config.Address != nil && p.query.Version >= a.from {
		p.addresses = a
	}
	p.AsIs = p.changesNothing() && p.addresses == nil && len(p.frames) == 0
	switch {
	case len(p.frames) > 0:
	case refused || rewritten || p.query.rewritten:
		p.send(p.query.message)
	default:
		p.frames = p.asItCame[:]
	}
	return nil
}

// isAnswered reports whether the request does not reach the cluster.
func (p *Plan) isAnswered() bool { return p.local != nil || p.later != nil }

// changesNothing reports whether the cluster's response needs no change, as long as the
// ACLs do not change.
func (p *Plan) changesNothing() bool {
	return len(p.changes) == 0 && p.refused == nil && p.filter == nil && p.instead == nil && (p.query == nil || len(p.query.apart) == 0)
}

// takeOut removes the refused entries from the request, and reports whether it changed
// it. If nothing is left, it answers the request.
func (p *Plan) takeOut(out *ops.Outcome) (changed bool, err error) {
	q := p.query
	refuses := slices.ContainsFunc(out.Items, func(it ops.Item) bool { return it.Code != ops.None })
	entries := apiOf(q.Key).entriesIn(q.Version)
	mayRepeat := entries != nil && entries.repeats()
	if !refuses && !mayRepeat {
		return false, nil
	}
	v, err := verdictsOf(q, out)
	if err != nil {
		return false, err
	}
	if v.whole != ops.None {
		return true, p.refuse(v.whole)
	}
	if p.askPartitions(v) {
		return true, nil
	}
	if (refuses || !q.ofOneGroup()) && v.nothingLeft() && !apiOf(q.Key).sentOnEmpty { // one group without topics is about all of them
		p.local = v.refuseEach(q)
		p.nameRefused(p.local)
		return true, nil
	}
	if repeats := mayRepeat && v.findRepeated(q); !refuses && !repeats {
		return false, nil
	}
	v.keep()
	p.refused = v
	return true, nil
}

// takeOutAs takes the refused entries out of the request as the API does it.
func (p *Plan) takeOutAs(do *api, out *ops.Outcome) (changed bool, err error) {
	if do.takeOut == nil {
		return p.takeOut(out)
	}
	own := *out // which takes memory only here
	return do.takeOut(p, &own)
}

// adapt lets the rewriter of an API change the request, and its filter look for what is
// to change in the response. out is a copy, which takes memory only here.
func (p *Plan) adapt(do *api, out ops.Outcome) (rewritten bool, err error) {
	if do.rewrite != nil {
		if rewritten, err = do.rewrite(p, &out); err != nil || p.isAnswered() {
			return false, err
		}
	}
	if do.filter != nil {
		p.filter = do.filter(p, &out)
	}
	return rewritten, nil
}

// send adds a request to those to send to the cluster.
func (p *Plan) send(message kmsg.Request) {
	came := p.asItCame[0] // which is about as long
	size := len(came)
	if p.resolved > 0 {
		of := kindOf(message)
		size = p.Header.size + p.gateway.layouts.of(of).sizeOf(reflect.ValueOf(message).Elem(), of.flexible())
	}
	frame := append(make([]byte, 0, size), came[:p.Header.size]...)
	binary.BigEndian.PutUint16(frame, uint16(message.Key()))
	binary.BigEndian.PutUint16(frame[2:], uint16(message.GetVersion()))
	if message.IsFlexible() && p.Header.Version < requests[p.Header.Key].flexible {
		frame = append(frame, 0) // no tags, which the header of the older version does not have
	}
	p.frames = append(p.frames, message.AppendTo(frame))
	p.versions = append(p.versions, message.GetVersion())
}

// bytesPerShownACL is about what one ACL takes in an answer that shows it, including what
// is made on the way.
const bytesPerShownACL = 256

// Memory returns about how many bytes the plan takes in addition to the frame of its
// request: what it keeps until the cluster has answered, or, if the request does not reach the
// cluster, what it and the answer take.
func (p *Plan) Memory() int64 {
	switch {
	case p.later != nil && (p.Header.Key == ops.DescribeACLsKey || p.Header.Key == ops.DeleteACLsKey):
		return p.Header.worst + int64(p.gateway.config.Store.Load().Len())*bytesPerShownACL
	case p.isAnswered():
		return p.Header.worst + p.toAnswer
	}
	more := int64(p.asker.entries)*int64(unsafe.Sizeof(ops.Topic{})) + int64(cap(p.Denied)+cap(p.others))*int64(unsafe.Sizeof(Denial{}))
	if p.versions != nil {
		for _, frame := range p.frames {
			more += int64(cap(frame))
		}
	}
	return p.Header.decoded + more + int64(p.resolved) + int64(len(p.Header.ClientID))
}

// AddedMemory returns about how many bytes Response takes in addition to the cluster's
// response and to Memory: for the errors of refused entries, and for denials if the ACLs have
// changed.
func (p *Plan) AddedMemory() int64 {
	if p.query == nil || p.refused == nil && len(p.query.apart) == 0 && !p.Outdated() {
		return 0
	}
	return p.Header.worst - p.Header.decoded
}

// Repeats returns how many times as large as the cluster's response the answer may be: the gateway
// sends a name once, and a broker answers as often as the request names it. The answer takes that
// much memory. It is at least 1.
func (p *Plan) Repeats() int64 {
	if p.refused == nil {
		return 1
	}
	return max(1, p.refused.times)
}

// Granted reports whether one of the questions counted in Checks was answered with an allow. It is false
// for a request that needs no right, or whose client has none. Response may make it true, and never
// makes it false: what it was once decided by is not forgotten.
func (p *Plan) Granted() bool { return p.asker.granted }

// Frames returns how many frames Forward returns. It has no effect.
func (p *Plan) Frames() int { return len(p.frames) }

// Sends reports whether frame i of Forward is this one. It has no effect.
func (p *Plan) Sends(i int, frame []byte) bool {
	return i < len(p.frames) && bytes.Equal(p.frames[i], frame)
}

// Record passes the decisions of a plan to the auditor, as Forward and Response do,
// and reports whether they are still current. The auditor may take long: if the ACLs have changed
// meanwhile, or what the cluster said of topics may have, drop the plan and decide the request again.
// The auditor then receives those decisions as well. It does nothing for a plan whose answer Response
// decides itself.
func (p *Plan) Record() (current bool) {
	if p.later != nil {
		return true
	}
	if err := p.report(); err != nil {
		p.unrecorded(err)
		return true
	}
	return p.Current() && !p.existedLongAgo()
}

// maxExistence is how old the answer may be by which a request is sent that may create topics unless
// they exist. Without a wait between, it is some milliseconds old.
const maxExistence = time.Second

func (p *Plan) existedLongAgo() bool {
	return !p.exists.IsZero() && time.Since(p.exists) > maxExistence
}

// Current reports whether the ACLs are those by which the request was decided. Ask it while frames of
// Forward are sent that take long: a request that is not whole is not carried out.
func (p *Plan) Current() bool {
	return p.conn == nil || p.conn.session.View().Generation() == p.asker.view.Generation()
}

// Forward returns the frames to send to the cluster, in order and on one connection. Each is
// answered by one frame, unless Silent is set. There are none if the request does not reach
// the cluster, and more than one only for a Metadata request that names both topics that the
// client may create and topics that it may not create.
//
// Call it when the frames are sent, and not for a plan that is dropped: with Forward, what
// the request changes of a session takes effect (see [Conn.Request]). If [Client].Keep does
// not grant the memory for that, the request is refused, and there are no frames. The auditor
// receives the decisions; if it cannot record an allow, there are no frames either, Response returns
// an error, and Close is set. The same happens if the plan is outdated (see [Plan.Record]): drop it
// and decide the request again. After the first call Forward has no effect.
func (p *Plan) Forward() [][]byte {
	if len(p.frames) > 0 && !p.handedOut && !p.Record() {
		p.unrecorded(errOutdated)
		p.next = nil
	}
	p.handedOut = true
	if p.embedded != nil && len(p.frames) > 0 {
		p.embedded.handedOut = true
	}
	p.commit()
	return p.frames
}

var errOutdated = errors.New("the ACLs have changed since the request was decided: decide it again, as Plan.Record says")

// NeedsRequest reports whether Response may still read the frame of the request, once
// Forward is sent.
func (p *Plan) NeedsRequest() bool { return p.query != nil }

// ListsAll reports whether the response of the cluster lists everything of a type, of which
// the client may be shown little: a request of a few bytes costs as much as there is. Let a
// client have few such responses decided at a time.
func (p *Plan) ListsAll() bool {
	return p.query != nil && (p.query.AllTopics || apiOf(p.query.Key).listsAll)
}

// MatchesPattern reports whether Response matches names in the response of the cluster with a
// pattern of the client. That may take some milliseconds however small the response is: let a
// client have few of these, too, decided at a time.
func (p *Plan) MatchesPattern() bool { return p.matches }

// Response returns the answer for the client, or nil if there is none. replies are the
// responses of the cluster, one for each frame of Forward, in order; the answer may
// share their memory. Call it once.
//
// The error is a *FrameError: the cluster's answer cannot be read or does not belong to
// the request, or the auditor cannot record an allow. Show nothing of it, and close both
// connections. If the plan is Outdated then and sends nothing, the ACLs changed while the auditor was
// told: you can drop it and decide the request again instead.
func (p *Plan) Response(replies ...[]byte) ([]byte, error) {
	answer, err := p.respondRecorded(replies)
	if err != nil {
		return nil, &FrameError{Header: p.Header, Err: err}
	}
	if p.query != nil {
		p.conn.recycle(p)
	}
	return answer, nil
}

// respondRecorded makes the answer and tells the auditor, which may take long: if the ACLs have
// changed meanwhile, it makes the answer again of what the cluster has answered. An answer without
// the cluster that was decided with the request is not given then.
func (p *Plan) respondRecorded(replies [][]byte) (answer []byte, err error) {
	if p.local != nil && p.conn != nil {
		before := p.conn.session.View().Generation()
		if err := p.report(); err != nil {
			return nil, err
		}
		if p.conn.session.View().Generation() != before {
			p.failure = errOutdated
			return nil, errOutdated
		}
	}
	for range maxDecisions {
		answer, err = p.respond(replies)
		if late := p.report(); err == nil {
			err = late
		}
		if err != nil || !p.Outdated() || !p.dependsOnACLs() {
			return answer, err
		}
	}
	return nil, errRestless
}

// dependsOnACLs reports whether the answer is made of the cluster's, and shows something that only
// some clients may see. One that reports a change does so only with a filter, or with the names of
// topics that were to be deleted by their ids. It can be made again: what a change or a filter makes
// the connection remember of an answer is the same when it sees the answer again.
func (p *Plan) dependsOnACLs() bool {
	do := apiOf(p.query.Key)
	return len(p.frames) > 0 && (!do.reportsChange || do.filter != nil || p.instead != nil || p.query.Key == ops.DeleteTopicsKey)
}

func (p *Plan) respond(replies [][]byte) ([]byte, error) {
	p.Forward() // if the caller has not
	if p.later != nil && p.local == nil {
		if err := p.answerLater(); err != nil {
			return nil, err
		}
	}
	switch {
	case p.Silent || p.gateway == nil:
		return nil, nil
	case p.failure != nil:
		return nil, p.failure
	case p.local != nil:
		local := p.local
		p.local = nil // so that the plan does not keep it in memory
		return p.gateway.layouts.encode(p.Header, local), nil
	case len(replies) != len(p.frames):
		return nil, fmt.Errorf("%d responses to %d requests", len(replies), len(p.frames))
	}
	refusal, err := p.decideAgain()
	if err != nil || refusal != nil {
		return p.refusal(refusal), err
	}
	if unchanged, err := p.unchanged(replies); unchanged || err != nil {
		return replies[0], err
	}
	resp, err := p.decode(replies)
	if err != nil {
		return nil, err
	}
	if p.learn(resp) {
		if refusal, err = p.decideAgain(); err != nil || refusal != nil {
			return p.refusal(refusal), err
		}
	}
	if p.instead != nil {
		resp = p.instead(resp)
	}
	changed := len(replies) > 1 || p.version(0) != p.Header.Version
	did, err := p.change(resp)
	if err != nil {
		return nil, err
	}
	changed = changed || did
	if p.addresses != nil {
		did, err := p.addresses.replace(p.gateway, resp)
		if err != nil {
			return nil, err
		}
		changed = changed || did
	}
	p.Checks = p.asker.checks
	if !changed {
		return replies[0], nil
	}
	if p.version(0) != p.Header.Version { // another version was asked for
		resp.SetVersion(p.Header.Version)
	}
	return p.gateway.layouts.encode(p.Header, resp), nil
}

// answerLater makes the answer that has an effect, or takes much memory, by the current ACLs. It
// decides again if they change before that: while the auditor is told, or while the store waits for
// another change.
func (p *Plan) answerLater() (err error) {
	defer func() { p.Checks = p.asker.checks }()
	for range maxDecisions {
		if p.local, err = p.decideAgain(); err != nil || p.local != nil {
			return err
		}
		if err = p.report(); err != nil {
			return err
		}
		if p.Outdated() {
			continue
		}
		p.local, err = p.later()
		if conflict(err) == nil {
			return err
		}
		p.local = nil
	}
	return errRestless
}

// refusal returns the frame of an answer that refuses the request as a whole, or nil.
func (p *Plan) refusal(r kmsg.Response) []byte {
	p.Checks = p.asker.checks
	if r == nil {
		return nil
	}
	return p.gateway.layouts.encode(p.Header, r)
}

// change reduces the cluster's response to what the client may see, and reports whether
// it changed anything.
func (p *Plan) change(resp kmsg.Response) (changed bool, err error) {
	for _, change := range p.changes {
		did, err := change(resp)
		if err != nil {
			return false, err
		}
		changed = changed || did
	}
	if p.filter != nil {
		did, err := p.filter(resp)
		if err != nil {
			return false, err
		}
		changed = changed || did
	}
	if p.refused != nil {
		p.refused.merge(p.query, resp)
		p.nameRefused(resp)
		changed = true
	}
	return p.addApart(resp) || changed, nil
}

// unchanged reports whether the only reply can be sent to the client without decoding
// it.
func (p *Plan) unchanged(replies [][]byte) (bool, error) {
	switch {
	case !p.changesNothing() || len(replies) > 1 || p.version(0) != p.Header.Version:
		return false, nil
	case p.addresses == nil:
		_, err := responseBody(p.Header, replies[0], false)
		return true, err
	case !p.addresses.tagged:
		return false, nil
	}
	_, tagged, err := p.gateway.layouts.checkResponse(p.Header, replies[0], kind{p.Header.Key, p.Header.Version, true})
	return !tagged, ofCluster(err)
}

// version returns the version of a frame of Forward.
func (p *Plan) version(i int) int16 {
	if p.versions == nil {
		return p.Header.Version
	}
	return p.versions[i]
}

// ofCluster says that the unreadable response came from the cluster.
func ofCluster(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the response of the cluster: %w", err)
}

// decode decodes the responses of the cluster, and joins several into one.
func (p *Plan) decode(replies [][]byte) (kmsg.Response, error) {
	var whole kmsg.Response
	for i, reply := range replies {
		of := kind{p.Header.Key, p.version(i), true}
		if p.instead != nil {
			of.key = ops.MetadataKey
		}
		if isVersionRefusal(p.Header, reply) {
			of.version = 0
		}
		resp := of.blank().(kmsg.Response)
		if err := p.gateway.layouts.decodeResponse(p.Header, reply, resp); err != nil {
			return nil, ofCluster(err)
		}
		if whole == nil {
			whole = resp
		} else {
			joinMetadata(whole, resp)
		}
	}
	return whole, nil
}
