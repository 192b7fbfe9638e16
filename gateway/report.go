package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/portcullis-authz/portcullis/audit"
)

// maxAuditText is how much of a name or a client id an event holds, in bytes. Kafka's
// own limit for a topic is 249; a group may be called anything.
const maxAuditText = 4096

// auditText returns text as an event holds it: in valid UTF-8, and its beginning and a mark if it is
// longer than maxAuditText.
func auditText(text string) string {
	if len(text) <= maxAuditText {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(text[:maxAuditText], "") + "…"
}

// hearingOf returns what receives the decisions of a session.
func hearingOf(s *audit.Session) hearing {
	return hearing{denials: s.Receives(slog.LevelInfo), allows: s.Receives(slog.LevelDebug), quiet: s.Receives(audit.LevelTrace)}
}

var errUnrecorded = errors.New("an allow cannot be recorded by the auditor, and so is denied")

// Audit passes to Config.Audit the decisions of the plan that it has not received: first the
// denials and then the allows, each in the order of the questions. Forward and Response do this,
// so call it only for a plan that is given up, such as when the cluster cannot be
// reached, if its refusals are to be recorded all the same.
func (p *Plan) Audit() { _ = p.report() }

// report is Audit. The error says that an allow was not recorded.
func (p *Plan) report() error {
	p.reported = true
	if p.conn == nil || p.conn.hears == (hearing{}) {
		return nil
	}
	var failure error
	if p.embedded != nil && len(p.frames) > 0 { // otherwise the request inside is answered later
		failure = p.embedded.report()
	}
	denied := p.Denied[p.toldDenied:]
	p.toldDenied = len(p.Denied)
	if !p.conn.hears.denials {
		denied = nil
	}
	others := p.others[p.toldOthers:]
	p.toldOthers = len(p.others)
	room := len(denied) + len(others)
	if room > 0 && p.conn.events != nil {
		room = p.conn.events(room)
	}
	for _, list := range [][]Denial{denied, others} {
		for i := range list {
			if room--; room < 0 {
				return failure
			}
			if err := p.record(&list[i]); err != nil && list[i].Decision.Allowed() {
				failure = fmt.Errorf("%w: %w", errUnrecorded, err)
			}
		}
	}
	return failure
}

// record passes one decision to the auditor.
func (p *Plan) record(d *Denial) error {
	h := &p.Header
	call := audit.Call{API: h.Key, ClientID: auditText(h.ClientID), CorrelationID: h.CorrelationID, References: 1}
	call.QuietAllowed, call.QuietDenied = d.quiet && d.Decision.Allowed(), d.quiet && !d.Decision.Allowed()
	request := d.Request
	request.Name = auditText(d.Name)
	return p.conn.audit.Record(call, request, d.ByType, d.Decision)
}

// unrecorded makes the plan send and answer nothing: what it allows is not recorded.
func (p *Plan) unrecorded(err error) {
	p.frames, p.AsIs, p.local, p.later, p.refused = nil, false, nil, nil, nil
	p.failure, p.Close = err, true
}
