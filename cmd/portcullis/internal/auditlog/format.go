package auditlog

import (
	"errors"
	"net/url"
	"strings"

	"github.com/portcullis-authz/portcullis/audit"
	"github.com/portcullis-authz/portcullis/audit/cloudevents"
	"github.com/portcullis-authz/portcullis/internal/lines"
)

// Encoder appends an event as one line, without a line break.
type Encoder func(dst []byte, e *audit.Event) ([]byte, error)

// The formats.
const (
	JSON        = "json"
	CloudEvents = "cloudevents"
	OCSF        = "ocsf"
)

// EncoderOf returns the encoder of a format. source is the source of CloudEvents, a URI
// reference.
func EncoderOf(format, source string) (Encoder, error) {
	switch format {
	case JSON:
		return audit.AppendJSON, nil
	case OCSF:
		return audit.AppendOCSF, nil
	case CloudEvents:
		if _, err := url.Parse(source); err != nil || source == "" {
			return nil, errors.New("expected a URI reference, such as crn:///kafka=ID or /portcullis")
		}
		return func(dst []byte, e *audit.Event) ([]byte, error) { return cloudevents.Append(dst, e, source) }, nil
	}
	return nil, errors.New("expected json, cloudevents or ocsf")
}

// contentTypes are the types of the formats' records in a topic.
//
// Source: CloudEvents' Kafka protocol binding, structured mode.
var contentTypes = map[string]string{
	JSON: "application/json", OCSF: "application/json", CloudEvents: "application/cloudevents+json; charset=UTF-8",
}

// maxText is how much of a text from a client an event holds, in bytes: as much as the proxy
// leaves of names. A record with all of them fits in what a topic takes by default.
const maxText = 4096

// shortText is how much is left of such a text if the sink refuses the record as too large. Then a
// record takes less than 8 KiB, and the ACL that decided, also with six bytes for each.
const shortText = 256

// clean returns e with text that every format can represent, and that is not too long. A
// client chooses its principal, and an event about it must not be lost.
func clean(e *audit.Event) *audit.Event { return cut(e, maxText) }

// cut is clean, with a limit of bytes for each text.
func cut(e *audit.Event, most int) *audit.Event {
	p := &e.Subject.Principal
	for _, text := range []*string{&p.Type, &p.Name, &e.Request.Name, &e.Call.ClientID} {
		*text = strings.ToValidUTF8(lines.Cut(*text, most), "\uFFFD")
	}
	return e
}
