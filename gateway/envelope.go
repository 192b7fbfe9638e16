package gateway

import (
	"net/netip"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// readEnvelope reads whose request an Envelope has, and its header. The request is decoded by
// rewriteEnvelope, for a client that may send Envelopes and in one that may be in an Envelope.
func readEnvelope(q *query, m *kmsg.EnvelopeRequest) {
	q.Embedded = new(ops.Embedded)
	if p, err := principal.ParseWire(m.RequestPrincipal); err == nil {
		q.Embedded.Principal = p.String()
	}
	if h, err := parseHeader(m.RequestData, ""); err == nil && h.request() != nil {
		q.Embedded.Request = &ops.Request{Key: h.Key, Version: h.Version}
	}
}

// rewriteEnvelope decides the request in an Envelope as if the forwarded principal had
// sent it to the controller from the client's address.
//
// Source: KIP-590; Kafka's EnvelopeUtils.
func rewriteEnvelope(p *Plan, _ *ops.Outcome) (bool, error) {
	m := p.query.message.(*kmsg.EnvelopeRequest)
	who, err := principal.ParseWire(m.RequestPrincipal)
	if err != nil {
		return false, p.refuse(ops.PrincipalDeserializationFailure)
	}
	where, _ := netip.AddrFromSlice(m.ClientHostAddress)
	inner, err := p.gateway.conn(Client{Subject: snapshot.Subject{Principal: who, Host: where}, Cluster: p.conn.reader.cluster, Events: p.conn.events}, ops.Controller, true).Request(m.RequestData)
	if err != nil || inner.Frames() > 1 {
		return false, p.refuse(ops.UnsupportedVersion)
	}
	p.embedded = inner
	p.addInner(inner.Denied)
	p.asked = true // the request inside may have asked
	p.asker.checks += inner.Checks
	p.asker.granted = p.asker.granted || inner.Granted()
	if inner.Frames() == 0 {
		p.later = func() (kmsg.Response, error) {
			r := m.ResponseKind().(*kmsg.EnvelopeResponse)
			var err error
			r.ResponseData, err = p.answerInner(inner)
			return r, err
		}
		return false, nil
	}
	m.RequestData = inner.frames[0] // on its connection, nothing is remembered
	p.changes = append(p.changes, func(resp kmsg.Response) (bool, error) {
		r := resp.(*kmsg.EnvelopeResponse)
		if r.ErrorCode != 0 {
			return false, nil
		}
		var err error
		r.ResponseData, err = p.answerInner(inner, r.ResponseData)
		return true, err
	})
	return true, nil
}

// answerInner returns the answer to the request in an Envelope.
func (p *Plan) answerInner(inner *Plan, replies ...[]byte) ([]byte, error) {
	known := len(inner.Denied)
	if p.toldDenied == 0 {
		known = 0 // they were dropped with the first decision
	}
	answer, err := inner.respondRecorded(replies) // it stays as it is, for an answer that is made again
	if err != nil {
		err = &FrameError{Header: inner.Header, Err: err}
	}
	p.addInner(inner.Denied[min(known, len(inner.Denied)):])
	return answer, err
}

// addInner adds denials of the request in an Envelope, which reports them itself.
func (p *Plan) addInner(denied []Denial) {
	p.Denied = slices.Insert(p.Denied, p.toldDenied, denied...)
	p.toldDenied += len(denied)
}
