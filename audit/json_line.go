package audit

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// eventObject is an event in JSON: the question, the answer, and the request.
type eventObject struct {
	Time         string   `json:"time,omitempty"`
	Allowed      bool     `json:"allowed"`
	Reason       string   `json:"reason"`
	Principal    string   `json:"principal"`
	Groups       []string `json:"groups,omitempty"`
	Host         string   `json:"host"`
	Operation    string   `json:"operation"`
	ResourceType string   `json:"resourceType"`
	Name         string   `json:"name"` // empty if byType is set
	ByType       bool     `json:"byType,omitempty"`
	Request      string   `json:"request"`
	ClientID     string   `json:"clientId,omitempty"`
	Correlation  int32    `json:"correlationId,omitempty"`
	References   int      `json:"references,omitempty"`
	Generation   uint64   `json:"generation"`
	// ACL is the ACL that decided, with the keys of acl.Binding.MarshalJSON. That method
	// refuses ACLs that Kafka would not create. A log must be able to hold them, because
	// earlier releases created some.
	ACL   *lines.Binding `json:"acl,omitempty"`
	Roles []string       `json:"roles,omitempty"`
}

// AppendJSON appends e as one line of JSON, without a line break, and returns the
// extended slice. [ReadTrace] reads this format. The keys are time (RFC 3339, with
// nanoseconds), allowed, reason, principal, groups, host, operation, resourceType,
// name, byType, request, clientId, correlationId, references, generation, acl (the
// ACL that decided), and roles (the role bindings that it comes from). Optional keys are omitted if they are empty.
//
// Text that is not valid UTF-8 is an error, because JSON cannot represent it and
// replacing it would give another name.
func AppendJSON(dst []byte, e *Event) ([]byte, error) {
	if err := checkText(e); err != nil {
		return nil, err
	}
	o := eventObject{
		Allowed:      e.Decision.Allowed(),
		Reason:       e.Decision.Reason().String(),
		Principal:    e.Subject.Principal.String(),
		Groups:       groupTexts(e),
		Host:         acl.HostAddress(e.Subject.Host),
		Operation:    e.Request.Operation.String(),
		ResourceType: e.Request.Type.String(),
		Name:         e.Request.Name,
		ByType:       e.ByType,
		Request:      e.Call.API.String(),
		ClientID:     e.Call.ClientID,
		Correlation:  e.Call.CorrelationID,
		References:   e.Call.References,
		Generation:   e.Decision.Generation(),
		Roles:        e.Roles,
	}
	if !e.Time.IsZero() {
		o.Time = e.Time.UTC().Format(time.RFC3339Nano)
	}
	if b, ok := e.Decision.Binding(); ok {
		p, e := b.Pattern, b.Entry
		o.ACL = &lines.Binding{
			ResourceType: p.Type.String(), Name: p.Name, PatternType: p.PatternType.String(),
			Principal: e.Principal, Host: e.Host, Operation: e.Operation.String(), Permission: e.Permission.String(),
		}
	}
	return lines.AppendObject(dst, o)
}

// checkText refuses text that JSON cannot represent.
func checkText(e *Event) error {
	texts := append(slices.Concat(groupTexts(e), e.Roles), e.Subject.Principal.String(), e.Subject.Host.Zone(), e.Request.Name, e.Call.ClientID)
	if all := strings.Join(texts, "\n"); !utf8.ValidString(all) {
		for _, text := range texts {
			if !utf8.ValidString(text) {
				return fmt.Errorf("audit: %s is not valid UTF-8, and JSON cannot represent it", enum.Quote(text))
			}
		}
	}
	return nil
}

// NewJSONWriter returns a handler that writes each event to w as [AppendJSON] renders
// it, with a line break, in one call of Write. It is safe for concurrent use; only one
// event is written at a time. Handle returns errors of AppendJSON and of w.
func NewJSONWriter(w io.Writer) Handler { return &lineWriter{w: w, render: AppendJSON} }
