package gateway

import (
	"net/netip"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// readEnvelope reads the content of an Envelope. A nested Envelope is refused without
// being read.
func (r *reader) readEnvelope(q *query, m *kmsg.EnvelopeRequest) {
	q.Embedded = new(ops.Embedded)
	if p, err := principal.ParseWire(m.RequestPrincipal); err == nil {
		q.Embedded.Principal = p.String()
	}
	h, err := parseHeader(m.RequestData, "")
	message := h.request()
	if err != nil || message == nil {
		return
	}
	if h.Key == ops.EnvelopeKey {
		q.Embedded.Request = &ops.Request{Key: h.Key, Version: h.Version}
		return
	}
	h, data, err := r.layouts.canonical(h, m.RequestData)
	if err != nil || h.decode(data, message) != nil {
		return
	}
	inner := new(query)
	if r.read(inner, message) == nil {
		q.Embedded.Request = &inner.Request
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
		p.local, err = refuseAll(p.query, ops.PrincipalDeserializationFailure)
		return false, err
	}
	where, _ := netip.AddrFromSlice(m.ClientHostAddress)
	inner, err := p.gateway.conn(Client{Subject: snapshot.Subject{Principal: who, Host: where}, Cluster: p.conn.reader.cluster}, ops.Controller, true).Request(m.RequestData)
	if err != nil || len(inner.Forward) > 1 {
		p.local, err = refuseAll(p.query, ops.UnsupportedVersion)
		return false, err
	}
	p.Denied, p.embedded = inner.Denied, inner
	p.asked = true // the request inside may have asked
	p.asker.checks += inner.Checks
	if len(inner.Forward) == 0 {
		r := m.ResponseKind().(*kmsg.EnvelopeResponse)
		r.ResponseData, err = inner.Response()
		p.local = r
		return false, err
	}
	m.RequestData = inner.Forward[0]
	p.changes = append(p.changes, func(resp kmsg.Response) (bool, error) {
		r := resp.(*kmsg.EnvelopeResponse)
		if r.ErrorCode != 0 {
			return false, nil
		}
		var err error
		r.ResponseData, err = inner.Response(r.ResponseData)
		return true, err
	})
	return true, nil
}
