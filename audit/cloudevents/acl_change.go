package cloudevents

import (
	"errors"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/uuid"

	"github.com/portcullis-authz/portcullis/internal/lines"
)

// ACLChangeType is the CloudEvents type of a change of the ACLs of a cluster.
const ACLChangeType = "com.github.portcullis-authz.portcullis.acls.changed"

// AppendACLChange appends a change of ACLs as a CloudEvent with a random id, in JSON on one
// line without a line break, and returns the extended slice. Characters that are not printable
// are escaped. source is the resource name of the cluster, as in [New]. The data is the JSON of
// data. An error is one of encoding/json, or what the specification does not allow.
func AppendACLChange(dst []byte, when time.Time, source string, data any) ([]byte, error) {
	if source == "" {
		return nil, errors.New("cloudevents: the source is empty: expected the name of the cluster, such as crn:///kafka=ID")
	}
	c := event.New(event.CloudEventsVersionV1)
	c.SetID(uuid.NewString())
	c.SetType(ACLChangeType)
	c.SetSource(source)
	c.SetTime(when)
	if err := c.SetData(event.ApplicationJSON, data); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return lines.AppendObject(dst, c)
}
