package audit

import (
	"net/netip"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/ops"
	"github.com/portcullis-authz/portcullis/principal"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// traceField is a text field of a record.
type traceField struct {
	noun     string
	expected string
	set      func(r *Record, text string) bool // reports whether the text is valid
}

var (
	principalField = traceField{"principal", "Type:name, such as User:alice", func(r *Record, text string) bool {
		p, err := principal.Parse(text)
		r.Subject.Principal = p
		return err == nil
	}}
	groupField = traceField{"group", "Type:name, such as Group:developers", func(r *Record, text string) bool {
		p, err := principal.Parse(text)
		r.Subject.Groups = append(r.Subject.Groups, p)
		return err == nil
	}}
	hostField = traceField{"host", "an IP address, such as 10.0.0.1", func(r *Record, text string) bool {
		addr, err := netip.ParseAddr(text)
		r.Subject.Host = addr.Unmap()
		return err == nil
	}}
	operationField = traceField{"operation", "a Kafka operation, such as READ", func(r *Record, text string) bool {
		op, err := ops.ParseOperation(text)
		r.Request.Operation = op
		return err == nil
	}}
	typeField = traceField{"resource type", "a Kafka resource type, such as TOPIC", func(r *Record, text string) bool {
		t, err := resource.ParseType(text)
		r.Request.Type = t
		return err == nil
	}}
	reasonField = traceField{"reason", "one of super user, matching allow, matching deny, default allow, default deny, not ready",
		func(r *Record, text string) bool {
			for reason := range ruleNames {
				if text == reason.String() {
					r.SuperUser = reason == snapshot.SuperUser
					return true
				}
			}
			return false
		}}
)

// read sets the field from the text at offset in its line.
func (f traceField) read(r *Record, text string, offset int) *lines.Problem {
	if f.set(r, text) {
		return nil
	}
	return &lines.Problem{Offset: offset, Found: f.noun + " " + enum.Quote(text), Expected: f.expected}
}
