package gateway

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Plan is what is to be done about one request: send Forward on, hand what comes back
// to Response, send the client what that returns, and close the connection if Close is
// set. A Plan is not safe for concurrent use. The zero Plan sends nothing and answers
// nothing.
type Plan struct {
	Header Header // of the request
	// Forward are the frames to send to the cluster, in this order on one connection,
	// each of which is answered by one frame unless Silent is set. It is empty if the
	// request does not reach the cluster. There is more than one only for a Metadata
	// request that names topics that the client may create and others that it may not.
	Forward [][]byte
	// Silent says that there is no response, neither from the cluster nor to the
	// client: a Produce with acks=0. Response need not be called.
	Silent bool
	// AsIs says that the response of the cluster may be sent to the client unread;
	// Response would return it as it is.
	AsIs bool
	// Close says that the connection is to be closed once the answer, if any, is sent.
	Close bool
	// Denied are the questions whose denial the client feels, in the order in which
	// they were asked: each is a line of an audit log. What is silently left out of a
	// list is not among them, as Kafka does not log it either. Response adds to it.
	Denied []Denial
	// Checks is how many questions were asked. Response adds to it.
	Checks int

	gateway  *Gateway
	asker    asker
	query    *query        // nil once nothing depends on it any more
	asItCame [1][]byte     // the request; what Forward holds if that is all to send
	versions []int16       // of the frames of Forward, if they are not as they came
	share    *shareSession // of the connection
	resumed  bool          // what was refused in the share session is asked about again
	local    kmsg.Response // the answer, if the cluster is not asked
	changes  []change      // to the cluster's response, in order

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
	p.asker.entries = len(q.Topics) + len(q.Groups) + len(q.Transactions) + len(q.Keys) + len(q.Resources)
	out := ops.Evaluate(&p.asker, &q.Request)
	if out.CloseConnection {
		return errUnknown
	}
	p.Denied = p.asker.felt(q, &out)
	p.tellMissing(&out)
	err := p.follow(&out, frame)
	p.share = nil // the next request may change it
	if err != nil {
		return err
	}
	if len(q.apart) > 0 {
		p.answerApart()
	}
	if silent {
		// What is allowed is written; then the missing answer is made up for.
		p.Silent, p.AsIs, p.local, p.changes = true, false, nil, nil
		p.Close = !out.Passes()
	}
	p.Checks = p.asker.checks
	return nil
}

// refuseUnasked refuses a request that is invalid whoever sends it, if the API is served.
func (p *Plan) refuseUnasked() (err error) {
	if out := ops.Evaluate(nil, &p.query.Request); out.CloseConnection {
		return errUnknown
	}
	p.share = nil
	p.local, err = refuseAll(p.query, p.query.invalid)
	return err
}

// tellsMissing are the requests in which the cluster tells that a topic is missing
// before it refuses another, or the same for another operation.
var tellsMissing = map[ops.APIKey]bool{20: true, 24: true}

// tellMissing gives refused entries the error of a missing topic where that comes first.
// Whether a topic is missing only the cluster knows for sure, so that what is allowed
// stays so.
func (p *Plan) tellMissing(out *ops.Outcome) {
	cluster := p.gateway.config.Cluster
	if out.Passes() || !tellsMissing[p.query.Key] || cluster == nil || len(out.Items) == 0 {
		return
	}
	q := p.query.Request
	q.Topics = slices.Clone(q.Topics)
	exists := make(map[string]bool, len(q.Topics)) // a request may have one name many times
	for i := range q.Topics {
		t := &q.Topics[i]
		if _, asked := exists[t.Name]; !asked {
			exists[t.Name] = cluster.HasTopic(t.Name)
		}
		t.Exists = exists[t.Name]
	}
	told := p.evaluateLate(&q)
	if len(told.Items) != len(out.Items) {
		return
	}
	for i := range out.Items {
		if code := told.Items[i].Code; out.Items[i].Code != ops.None && code != ops.None {
			out.Items[i].Code = code
		}
	}
}

// follow does what an outcome says.
func (p *Plan) follow(out *ops.Outcome, frame []byte) (err error) {
	switch serve := p.gateway.handling[p.query.Key].serve; {
	case out.Error != ops.None || out.Empty:
		p.local, err = refuseAll(p.query, out.Error)
	case p.query.unservable != ops.None:
		p.local, err = refuseAll(p.query, p.query.unservable)
	case serve != nil:
		p.local = serve(p.gateway, p.query.message)
	default:
		err = p.forward(out, frame)
	}
	return err
}

// sentOnEmpty are the requests that are sent on with whatever is left of their topics:
// Metadata, whose answer also says where the brokers are, and those of a share session,
// which the cluster counts.
var sentOnEmpty = map[ops.APIKey]bool{metadataKey: true, 78: true, 79: true}

// forward sends on what of the request is not refused.
func (p *Plan) forward(out *ops.Outcome, frame []byte) error {
	refused, err := p.takeOut(out)
	if err != nil || p.local != nil {
		return err
	}
	p.asItCame[0] = frame
	rewritten := false
	do := &p.gateway.handling[p.query.Key]
	if do.rewrite != nil || do.filter != nil {
		rewritten, err = p.adapt(do, *out)
		if err != nil || p.local != nil {
			return err
		}
	}
	if a := do.addresses; a != nil && p.query.Version >= a.from {
		p.addresses = a
	}
	p.AsIs = len(p.changes) == 0 && p.addresses == nil && len(p.Forward) == 0
	switch {
	case len(p.Forward) > 0:
	case refused || rewritten || p.resumed || p.query.rewritten:
		p.send(p.query.message)
	default:
		p.Forward = p.asItCame[:]
	}
	return nil
}

// takeOut takes what is refused out of the request, and reports whether there was
// anything. It answers a request of which nothing is left.
func (p *Plan) takeOut(out *ops.Outcome) (refused bool, err error) {
	if !slices.ContainsFunc(out.Items, func(it ops.Item) bool { return it.Code != ops.None }) {
		p.share.remember(p.query.message, nil)
		return false, nil
	}
	q := p.query
	v, err := verdictsOf(q, out)
	if err != nil {
		return false, err
	}
	if v.whole != ops.None {
		p.local, err = refuseAll(q, v.whole)
		return true, err
	}
	p.share.remember(q.message, v)
	if v.nothingLeft() && !sentOnEmpty[q.Key] {
		p.local, err = v.refuseEach(q)
		return true, err
	}
	v.keep()
	p.changes = append(p.changes, func(resp kmsg.Response) (bool, error) {
		return true, v.merge(q, reflect.ValueOf(resp).Elem())
	})
	return true, nil
}

// adapt lets the rewriter of an API change the request, and its filter look for what is
// to change in the response. out is a copy, which takes memory only here.
func (p *Plan) adapt(do *handling, out ops.Outcome) (rewritten bool, err error) {
	if do.rewrite != nil {
		if rewritten, err = do.rewrite(p, &out); err != nil || p.local != nil {
			return false, err
		}
	}
	if do.filter != nil {
		if f := do.filter(p, &out); f != nil {
			p.changes = append(p.changes, f)
		}
	}
	return rewritten, nil
}

// send adds a request to those to send to the cluster.
func (p *Plan) send(message kmsg.Request) {
	came := p.asItCame[0] // which is about as long
	frame := append(make([]byte, 0, len(came)), came[:p.Header.size]...)
	binary.BigEndian.PutUint16(frame[2:], uint16(message.GetVersion()))
	p.Forward = append(p.Forward, message.AppendTo(frame))
	p.versions = append(p.versions, message.GetVersion())
}

// Response returns the answer to the client: nil if there is none. replies are the
// responses of the cluster, one for each frame of Forward, in their order. They are
// kept where the answer is made of them. It is to be called once.
//
// The error is a *FrameError: the cluster has answered what cannot be read or does not
// answer the request. Nothing of it may be shown; both connections are to be closed.
func (p *Plan) Response(replies ...[]byte) ([]byte, error) {
	answer, err := p.respond(replies)
	if err != nil {
		return nil, &FrameError{Header: p.Header, Err: err}
	}
	return answer, nil
}

func (p *Plan) respond(replies [][]byte) ([]byte, error) {
	switch {
	case p.Silent || p.gateway == nil:
		return nil, nil
	case p.local != nil:
		return p.gateway.layouts.encode(p.Header, p.local), nil
	case len(replies) != len(p.Forward):
		return nil, fmt.Errorf("%d responses to %d requests", len(replies), len(p.Forward))
	}
	if unchanged, err := p.unchanged(replies); unchanged || err != nil {
		return replies[0], err
	}
	resp, err := p.decode(replies)
	if err != nil {
		return nil, err
	}
	changed := len(replies) > 1 || resp.GetVersion() != p.Header.Version
	for _, change := range p.changes {
		did, err := change(resp)
		if err != nil {
			return nil, err
		}
		changed = changed || did
	}
	if p.addresses != nil {
		changed = p.addresses.replaceIn(resp, p.gateway) || changed
	}
	p.Checks = p.asker.checks
	if !changed {
		return replies[0], nil
	}
	if p.version(0) != p.Header.Version { // another version was asked for
		resp.SetVersion(p.Header.Version)
	}
	return p.Header.Response(resp), nil
}

// unchanged reports whether the client may be answered with the only reply before that
// is decoded.
func (p *Plan) unchanged(replies [][]byte) (bool, error) {
	switch {
	case len(p.changes) > 0 || len(replies) > 1 || p.version(0) != p.Header.Version:
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

// ofCluster says whose response it is that cannot be read.
func ofCluster(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the response of the cluster: %w", err)
}

// decode decodes the responses of the cluster, and makes one of several.
func (p *Plan) decode(replies [][]byte) (kmsg.Response, error) {
	var whole kmsg.Response
	for i, reply := range replies {
		of := kind{p.Header.Key, p.version(i), true}
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
